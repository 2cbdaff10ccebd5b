"""What LLVM is told of the memory of arrays: which arrays, where, and that it listens."""

import ast
import re
import textwrap
from types import ModuleType

import numba
import numpy as np
import pytest
from llvmlite.binding import llvm_version_info

from srcdiff import differentiate
from srcdiff.backend import cpu, storage

listens = pytest.mark.skipif(
    llvm_version_info[0] < storage.OLDEST_THAT_LISTENS, reason="LLVM does not listen"
)


def told(text: str) -> str:
    tree = ast.parse(textwrap.dedent(text))
    storage.tell_apart(tree, "apart")
    return ast.unparse(tree)


def calls_in(text: str) -> list[str]:
    return re.findall(r"apart\(.*\)", told(text))


@listens
def test_a_call_stands_before_the_first_loop():
    text = """
        def f(x, y):
            a = np.zeros_like(x)
            b = np.empty(y.size, np.float32)
            n = 3
            for i in range(n):
                a[i] += x[i] * y[i] * b[i]
            return a
    """
    lines = told(text).splitlines()
    assert lines[4:6] == ["    apart(a, b, None, x, y)", "    for i in range(n):"]


COPYING = """
        def f(x, y):
            a = np.zeros(3)
            b = np.zeros(3)
            total = 0.0
            for i in range(3):
                t = x[i]
                a[i] = t
                b[i] = a[i]
"""
CASES = {
    "in_a_loop_with_those_around": (
        """
        def f(x):
            a = np.zeros(3)
            for i in range(3):
                b = a.copy()
                while b[0] < 1.0:
                    b[0] += a[i]
            return a
        """,
        ["apart(b, None, a)"],
    ),
    "what_nothing_reads_any_more_would_be_kept_by_a_call": (
        """
        def f(x):
            a = np.zeros(3)
            for i in range(3):
                a[i] = x[i]
            s = a.sum()
            b = np.zeros(3)
            c = np.zeros(3)
            for i in range(3):
                b[i] += c[i]
            return b
        """,
        ["apart(a, None, x)", "apart(b, c, None)"],
    ),
    "what_the_next_trip_reads": (
        """
        def f(x):
            a = np.zeros(3)
            for k in range(2):
                a[k] += 1.0
                b = np.zeros(3)
                for i in range(3):
                    b[i] += 1.0
            return x
        """,
        ["apart(a, None, x)", "apart(b, None, x, a)"],
    ),
    "what_the_next_trip_makes_anew": (
        """
        def f(x):
            for k in range(2):
                a = np.zeros(3)
                a[k] += 1.0
                b = np.zeros(3)
                for i in range(3):
                    b[i] += 1.0
        """,
        [],
    ),
    "names_of_several_arrays": (
        """
        def f(x, y):
            a = np.zeros(3)
            b = np.zeros(3)
            c = np.zeros(3)
            y = x
            for i in range(3):
                a, b = b, a
                c[i] += a[i] * x[i] * y[i]
            return c
        """,
        ["apart(c, None, x)"],
    ),
    "arrays_of_a_branch_stay_in_it": (
        """
        def f(x):
            if x[0] > 0.0:
                a = np.zeros(3)
                for i in range(3):
                    a[i] = x[i]
            b = np.zeros(3)
            for i in range(3):
                b[i] += a[i] * x[i]
            return b
        """,
        ["apart(a, None, x)", "apart(b, None, x)"],
    ),
    "only_copied": (COPYING + "            return a, b, y\n", ["apart(a, b, None, x, y)"]),
    "copied_beside_other_work": (
        COPYING + "                total += t\n            return a, b, y\n",
        ["apart(a, None, y)", "apart(b, None, x, y)"],
    ),
}


@listens
@pytest.mark.parametrize(("text", "calls"), CASES.values(), ids=list(CASES))
def test_what_is_told(text, calls):
    assert calls_in(text) == calls


FILLING = """
    def f(x):
        b = {made}
        for i in range(3):
            b[i] += x[i]
        return b
"""


@listens
@pytest.mark.parametrize(
    "made",
    ["x[1:]", "x", "x.reshape(3)", "np.asarray(x)", "np.copy(x) if x[0] > 0.0 else x"],
)
def test_what_may_be_memory_of_another(made):
    assert calls_in(FILLING.format(made=made)) == []


def test_older_llvm_is_told_nothing(monkeypatch):
    text = FILLING.format(made="np.zeros(3)")
    monkeypatch.setattr(storage, "llvm_version_info", (storage.OLDEST_THAT_LISTENS, 0, 0))
    assert calls_in(text) == ["apart(b, None, x)"]
    monkeypatch.setattr(storage, "llvm_version_info", (storage.OLDEST_THAT_LISTENS - 1, 0, 0))
    assert calls_in(text) == []


def compares_addresses(text: str, *, told: bool) -> bool:
    """Whether the compiled function `f` of a vector compares addresses before a loop that takes trips at once."""
    module = ModuleType("compares")
    module.__file__ = "<compares>"
    exec(text, module.__dict__)
    x = np.arange(7.0)
    expected = module.f(x)
    if told:
        assert storage in cpu.prepare(module, text)
    compiled = numba.njit(module.f)
    np.testing.assert_array_equal(compiled(x), expected)
    (code,) = compiled.inspect_llvm().values()
    assert "x double>" in code
    return "vector.memcheck" in code


SHIFTED = """\
import numpy as np
def f(x):
    n = x.size
    a = np.zeros(n)
    b = np.zeros(n + 1)
    for k in range(3):
        for i in range(n):
            a[i] += x[i] + b[i + 1]
            b[i] += k * x[i]
    return a
"""


@listens
def test_llvm_compares_no_addresses(optimised_by_llvm):
    assert compares_addresses(SHIFTED, told=False)
    assert not compares_addresses(SHIFTED, told=True)


def test_a_name_that_the_text_has():
    module = ModuleType("named")
    assert cpu.define(module, "apart = apart_ + 1", "apart", 2.0) == "apart__"
    assert module.apart__ == 2.0


@listens
def test_numbers_and_tuples_are_passed_over():
    @differentiate
    def f(x, pair, n, name=None):
        y = np.zeros(n)
        for i in range(n):
            y[i] = x[i] * pair[0][i] + pair[1]
        return y @ y

    x = np.arange(3.0)
    np.testing.assert_allclose(f.grad(x, (x, 1.0), 3), 2.0 * (x * x + 1.0) * x)


@listens
@pytest.mark.filterwarnings("ignore:Could not find source:numba.core.errors.NumbaDebugInfoWarning")
def test_with_debug_information(optimised_by_llvm, monkeypatch):
    monkeypatch.setattr("numba.core.config.DEBUGINFO_DEFAULT", 1)
    assert not compares_addresses(SHIFTED.replace("k *", "(k + 1) *"), told=True)
