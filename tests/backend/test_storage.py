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
from srcdiff.backend import storage
from srcdiff.backend.cpu import prepare

listens = pytest.mark.skipif(
    llvm_version_info[0] < storage.OLDEST_THAT_LISTENS, reason="LLVM does not listen"
)


def told(text: str) -> str:
    text = textwrap.dedent(text)
    tree = ast.parse(text)
    storage.tell_apart(ModuleType("told"), tree, text)
    return ast.unparse(tree)


def calls_in(text: str) -> list[str]:
    return re.findall(r"apart_*\(.*\)", told(text))


@listens
def test_before_the_first_loop_and_with_the_arguments():
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


@listens
def test_in_a_loop_with_the_arrays_around():
    text = """
        def f(x):
            a = np.zeros(3)
            for i in range(3):
                b = a.copy()
                while b[0] < 1.0:
                    b[0] += a[i]
            return a
    """
    assert calls_in(text) == ["apart(b, None, a)"]


@listens
def test_an_array_that_is_not_read_any_more_is_left_out():
    """A call would keep its memory until there; in the next trip of a loop around it is read again."""
    done = """
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
    """
    assert calls_in(done) == ["apart(a, None, x)", "apart(b, c, None)"]
    again = """
        def f(x):
            a = np.zeros(3)
            for k in range(2):
                a[k] += 1.0
                b = np.zeros(3)
                for i in range(3):
                    b[i] += 1.0
            return x
    """
    assert calls_in(again) == ["apart(a, None, x)", "apart(b, None, x, a)"]
    unread_again = """
        def f(x):
            for k in range(2):
                a = np.zeros(3)
                a[k] += 1.0
                b = np.zeros(3)
                for i in range(3):
                    b[i] += 1.0
    """
    assert calls_in(unread_again) == []


@listens
@pytest.mark.parametrize(
    "made",
    ["b = x[1:]", "b = x", "b = x.reshape(3)", "b = np.asarray(x)", "b = np.copy(x) if x[0] > 0.0 else x"],
)
def test_what_may_be_memory_of_another(made):
    assert (
        calls_in(f"def f(x):\n    {made}\n    for i in range(3):\n        b[i] += x[i]\n    return b") == []
    )


@listens
def test_names_that_stand_for_several_arrays():
    text = """
        def f(x, y):
            a = np.zeros(3)
            b = np.zeros(3)
            c = np.zeros(3)
            y = x
            for i in range(3):
                a, b = b, a
                c[i] += a[i] * x[i] * y[i]
            return c
    """
    assert calls_in(text) == ["apart(c, None, x)"]


@listens
def test_arrays_of_a_branch_stay_in_it():
    text = """
        def f(x):
            if x[0] > 0.0:
                a = np.zeros(3)
                for i in range(3):
                    a[i] = x[i]
            b = np.zeros(3)
            for i in range(3):
                b[i] += a[i] * x[i]
            return b
    """
    assert calls_in(text) == ["apart(a, None, x)", "apart(b, None, x)"]


@listens
def test_a_name_that_the_user_has():
    text = "def f(apart):\n    a = np.zeros(3)\n    for i in range(3):\n        a[i] = apart[i]\n    return a"
    assert calls_in(text) == ["apart_(a, None, apart)"]


COPYING = """
    def f(x, y):
        a = np.zeros(3)
        b = np.zeros(3)
        total = 0.0
        for i in range(3):
            t = x[i]
            a[i] = t
            b[i] = a[i]{more}
        return a, b, y
"""


@listens
def test_what_a_loop_copies_beside_other_work():
    assert calls_in(COPYING.format(more="")) == ["apart(a, b, None, x, y)"]
    more = "\n            total += t"
    assert calls_in(COPYING.format(more=more)) == ["apart(a, None, y)", "apart(b, None, x, y)"]


def test_older_llvm_is_told_nothing(monkeypatch):
    monkeypatch.setattr(storage, "llvm_version_info", (18, 0, 0))
    assert (
        calls_in("def f(x):\n    a = np.zeros(3)\n    for i in range(3):\n        a[i] = x[i]\n    return a")
        == []
    )


def compares_addresses(text: str, *, told: bool) -> bool:
    """Whether the compiled function `f` of a vector compares addresses before a loop that takes trips at once."""
    module = ModuleType("compares")
    module.__file__ = "<compares>"
    exec(text, module.__dict__)
    x = np.arange(7.0)
    expected = module.f(x)
    if told:
        assert storage in prepare(module, text)
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
