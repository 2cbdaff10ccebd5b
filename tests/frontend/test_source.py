"""Every way a function may come in; and that text which is not the running function is never taken for it."""

import ast
import contextlib
import doctest
import functools
import importlib.util
import itertools
import linecache
import marshal
import os
import subprocess
import sys
import textwrap
import types

import cloudpickle
import numba
import numpy as np
import pytest

from srcdiff.errors import DifferentiationError, SourceUnavailable, UnsupportedConstruct
from srcdiff.frontend.source import carried_text, location_of, read_source, source_text

serial = itertools.count()


def load(folder, text, name=None):
    """Import `text` as a module from a real file in `folder`."""
    name = name or f"sample_{next(serial)}"
    path = folder / f"{name}.py"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def body(source):
    """Return the text of what the function returns first, as the parser would print it."""
    tree = source.tree
    if isinstance(tree, ast.Lambda):
        return ast.unparse(tree.body)
    return ast.unparse(next(node for node in ast.walk(tree) if isinstance(node, ast.Return)).value)


def of_file(function):
    """Return the line of the file that the returned tree claims to begin at."""
    source = read_source(function)
    with open(source.file, encoding="utf-8") as file:
        return file.read().split("\n")[source.first_line - 1]


def plain(x, y=2.0):
    """Return a product."""
    return x * y


def doubled(function):
    @functools.wraps(function)
    def wrapper(*args):
        return 2 * function(*args)

    return wrapper


class Ours:
    """Stands for the object that `differentiate` returns."""

    def __init__(self, function):
        functools.update_wrapper(self, function)
        self.__srcdiff_function__ = function

    def __call__(self, *args, **keywords):
        return self.__srcdiff_function__(*args, **keywords)


class Model:
    __scale = 2.0

    def __init__(self, x):
        self.x = x

    def plain(self, x):
        return x * self.__scale

    def closure(self):
        __factor = 3.0

        def inner(x):
            return x * __factor * self.__scale

        return inner, lambda x: x - __factor

    @staticmethod
    def static(x):
        return x + 1.0

    @classmethod
    def of_class(cls, x):
        return x

    def __call__(self, x):
        return x


class Child(Model):
    offset = 1.0

    def plain(self, x):
        return super().plain(x) + Child.offset


# --- What comes in ------------------------------------------------------------------------------------------


def test_plain_function():
    source = read_source(plain)
    assert source.function is plain
    assert (source.name, source.kind, source.numba_rules) == ("plain", "function", False)
    assert (source.partial_args, dict(source.partial_keywords)) == ((), {})
    assert source.file == plain.__code__.co_filename
    assert of_file(plain) == "def plain(x, y=2.0):"
    assert source.lines[source.first_line - 1] == "def plain(x, y=2.0):"
    assert body(source) == "x * y"


def test_numba_dispatcher():
    @numba.njit
    def jitted(x):
        return x + 1.0

    source = read_source(jitted)
    assert source.function is jitted.py_func
    assert (source.kind, source.numba_rules) == ("njit", True)
    assert isinstance(source.tree, ast.FunctionDef)
    assert source.tree.decorator_list == []
    assert source.lines[source.first_line - 1].strip() == "def jitted(x):"


def test_numba_ufuncs():
    @numba.vectorize
    def elementwise(x):
        return x + 2.0

    @numba.vectorize(["float64(float64)"])
    def typed(x):
        return x + 3.0

    @numba.guvectorize(["(float64[:], float64[:])"], "(n)->()")
    def core(x, out):
        out[0] = x[0]

    assert body(read_source(elementwise)) == "x + 2.0"
    assert body(read_source(typed)) == "x + 3.0"
    assert read_source(elementwise).kind == "vectorize"
    source = read_source(core)
    assert (source.kind, source.layout, source.numba_rules) == ("guvectorize", "(n)->()", True)


def test_closures_and_nested_functions():
    def outer(a):
        def inner(x):
            def innermost(y):
                return y * a + x

            return innermost

        return inner

    assert body(read_source(outer(1.0)(2.0))) == "y * a + x"
    total = 0.0

    def counting(x):
        nonlocal total
        total += x
        return total

    assert body(read_source(counting)) == "total"


def test_names_private_to_a_class():
    inner, shifted = Model(1.0).closure()
    assert body(read_source(Model.plain)) == "x * self.__scale"
    assert body(read_source(inner)) == "x * __factor * self.__scale"
    assert body(read_source(shifted)) == "x - __factor"
    assert body(read_source(Model.static)) == "x + 1.0"
    assert body(read_source(Model.__dict__["static"])) == "x + 1.0"


def test_method_that_names_its_class_and_its_parent():
    class Inner(Model):
        def plain(self, x):
            return super().plain(x) + Inner.offset

    assert body(read_source(Child.plain)) == "super().plain(x) + Child.offset"
    assert body(read_source(Inner.plain)) == "super().plain(x) + Inner.offset"


def test_partial_is_flattened():
    def f(a, b, c, *, d, e):
        return a

    class Again(functools.partial):
        pass

    inner = Ours(functools.partial(f, 1, d=4, e=0))
    outer = Again(functools.partial(inner, 2), 3, e=5)
    source = read_source(outer)
    assert source.function is f
    assert source.partial_args == (1, 2, 3)
    assert source.partial_keywords == {"d": 4, "e": 5}
    assert f(*source.partial_args, **source.partial_keywords) == outer()


def test_our_object_gives_what_is_under_it():
    source = read_source(Ours(numba.njit(plain)))
    assert source.function is plain
    assert source.numba_rules


def test_annotations_defaults_and_decorators_do_not_matter(tmp_path):
    module = load(
        tmp_path,
        """\
        from __future__ import annotations
        from numba import njit

        @njit(
            cache=False,
        )
        def f(x: Missing, *rest: int, y: float = (lambda: 1.0)(), **more: str) -> Absent:
            z: float = x + y
            return z
        """,
    )
    assert body(read_source(module.f)) == "z"
    assert read_source(module.f).first_line == 7


# --- Lambdas ------------------------------------------------------------------------------------------------


def test_lambdas_on_one_line_are_told_apart():
    pair = (lambda x: x + 1.0, lambda x: x + 2.0)
    consts = (lambda x: x * 1, lambda x: x * 1.0, lambda x: x * True, lambda x: x * -0.0, lambda x: x * 0.0)
    assert [body(read_source(f)) for f in pair] == ["x + 1.0", "x + 2.0"]
    assert [body(read_source(f)) for f in consts] == ["x * 1", "x * 1.0", "x * True", "x * -0.0", "x * 0.0"]


def test_identical_lambdas_on_one_line_are_told_apart_by_their_columns():
    # fmt: off
    first, second = lambda x: x * 2.0, lambda x: x * 2.0
    # fmt: on
    assert read_source(first).tree.col_offset < read_source(second).tree.col_offset


def test_lambda_with_lambdas_inside_and_in_its_defaults():
    f = lambda x, g=lambda x: x * 3.0: (lambda y: y * 2.0)(x) + g(x)  # noqa: E731
    assert body(read_source(f)) == "(lambda y: y * 2.0)(x) + g(x)"
    assert body(read_source(f.__defaults__[0])) == "x * 3.0"


def test_lambdas_over_several_lines_inside_calls():
    scale = 2.0
    functions = list(
        map(
            lambda factor: lambda x: (
                x
                * factor
                * scale
            ),
            [1.0, 2.0],
        )
    )  # fmt: skip
    for function in functions:
        assert body(read_source(function)) == "x * factor * scale"
    assert source_text(read_source(functions[0])).startswith("lambda x: (\n")


def test_lambda_in_a_comprehension_in_a_class():
    class Table:
        rows = tuple(lambda x, i=i: x * i for i in range(3))
        one = lambda x: x * 5.0  # noqa: E731

    assert body(read_source(Table.rows[2])) == "x * i"
    assert body(read_source(Table.one)) == "x * 5.0"


# --- What is refused ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def managed():
    yield


def refused(obj):
    with pytest.raises(UnsupportedConstruct) as caught:
        read_source(obj)
    message = str(caught.value)
    assert "line" in message.split("\n")[0]
    return message


@pytest.mark.parametrize(
    "obj, word",
    [
        (doubled(plain), "__wrapped__"),
        (functools.lru_cache(plain), "cache"),
        (functools.partial(doubled(plain), 1.0), "decorator"),
        (doubled(Ours(plain)), "decorator"),
        (numba.njit(doubled(plain)), "decorator"),
        (managed, "decorator"),
        (Model.__dict__["of_class"], "classmethod"),
        (Model, "class"),
        (len, "len(x)"),
        (np.sin, "np.sin(x)"),
        (np.dot, "np.dot(x)"),
        (str.upper, "library"),
        (3.0, "float"),
        (None, "NoneType"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_refused_with_a_word_on_why(obj, word):
    assert word in refused(obj)


def test_refusal_of_a_wrapper_names_the_line_of_what_it_wraps():
    assert f"line {plain.__code__.co_firstlineno}" in refused(doubled(plain)).split("\n")[0]


def test_async_functions_are_refused_at_their_line():
    async def later(x):
        return x

    message = refused(later)
    assert "async def later(x):" in message


def test_a_wrapper_of_ours_made_by_a_stranger_is_not_taken_for_ours():
    strange = doubled(Ours(plain))
    assert strange.__srcdiff_function__ is plain
    refused(strange)


def test_attributes_that_an_object_makes_up_are_not_taken_for_ours():
    class Anything:
        def __getattr__(self, name):
            return Anything()

        def __call__(self):
            return None

    assert read_source(Anything()).name == "__call__"


# --- The text must be the running function ------------------------------------------------------------------


def test_edited_file_is_refused(tmp_path):
    module = load(tmp_path, "def f(x):\n    return x * 2.0\n")
    assert body(read_source(module.f)) == "x * 2.0"
    path = tmp_path / f"{module.__name__}.py"
    for text in ("def f(x):\n    return x * 3.00\n", "def f(x):\n  return (", "", "y = 1\n", "\0"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SourceUnavailable, match="line 1"):
            read_source(module.f)
    path.write_text("def f(x):\n    return x * 2.0\n", encoding="utf-8")
    assert body(read_source(module.f)) == "x * 2.0"


def test_function_that_moved_in_its_file_is_found_again(tmp_path):
    module = load(tmp_path, "def f(x):\n    return x * 2.0\n")
    path = tmp_path / f"{module.__name__}.py"
    path.write_text("# a new comment\n\n\ndef f(x):\n    return x * 2.0\n", encoding="utf-8")
    assert read_source(module.f).first_line == 4


def test_another_function_at_the_same_line_is_refused(tmp_path):
    module = load(tmp_path, "def f(x):\n    return x + 1\n\ndef g(x):\n    return x + 1.0\n")
    module.f.__code__ = module.g.__code__.replace(co_name="f", co_firstlineno=1)
    with pytest.raises(SourceUnavailable):
        read_source(module.f)


def test_text_with_exotic_line_breaks(tmp_path):
    module = load(tmp_path, "a = '''\x0c\x1c\u2028\x85'''\n\x0c\ndef f(x):\n    return x * 2.0\n")
    assert read_source(module.f).lines[read_source(module.f).first_line - 1] == "def f(x):"


def test_imported_names_that_are_shadowed(tmp_path):
    # Python compiles calls of attributes of imported names otherwise, also where a local name hides them.
    module = load(
        tmp_path,
        """\
        try:
            import numpy as np
            from math import sin
        except ImportError:
            pass

        def f(x):
            return np.sin(x) + np.linalg.norm(x) + sin.real(x)

        def g(np, sin):
            return np.sin(1.0) + sin.real(2.0) + np.a.b(3.0)
        """,
    )
    assert body(read_source(module.f)).startswith("np.sin")
    assert body(read_source(module.g)).startswith("np.sin")


def test_assert_statements_that_pytest_rewrote():
    def f(x):
        assert x > 0.0, "positive"
        return x * 2.0

    assert any(name.startswith("@pytest_ar") for name in f.__code__.co_names)
    source = read_source(f)
    assert isinstance(source.tree.body[0], ast.Assert)
    assert source.tree.body[0].lineno == source.first_line + 1


@pytest.mark.parametrize("name", ["fractions", "statistics", "textwrap", "argparse", "heapq"])
def test_every_function_of_some_modules_is_found_at_its_line(name):
    module = importlib.import_module(name)
    classes = [c for c in vars(module).values() if isinstance(c, type)]
    members = [m for space in (module, *classes) for m in vars(space).values()]
    found = 0
    for member in members:
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if type(function) is not types.FunctionType or function.__module__ != name:
            continue
        if hasattr(function, "__wrapped__") or function.__code__.co_filename != module.__file__:
            continue
        source = read_source(function)
        code = function.__code__
        assert code.co_firstlineno <= source.first_line <= code.co_firstlineno + 5
        found += 1
    assert found > 5


# --- Where text comes from ----------------------------------------------------------------------------------


def test_notebook_cell():
    text = "def cell(x):\n    return x * 2.0\n"
    name = "<ipython-input-7-abcdef>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space = {}
    exec(compile(text, name, "exec"), space)
    source = read_source(space["cell"])
    assert (source.file, source.first_line, body(source)) == (name, 1, "x * 2.0")


def test_doctest():
    sample = types.ModuleType("sample_doctest")
    sample.__doc__ = """
    >>> from srcdiff.frontend.source import read_source
    >>> def f(x):
    ...     return x * 2.0
    >>> read_source(f).lines[0]
    'def f(x):'
    """
    assert doctest.testmod(sample).failed == 0


def test_exec_without_text_says_what_to_do():
    space = {}
    exec("def f(x):\n    return x\n", space)
    with pytest.raises(SourceUnavailable, match=r"line 1(.|\n)*linecache"):
        read_source(space["f"])


def test_missing_file(tmp_path):
    module = load(tmp_path, "def f(x):\n    return x\n")
    (tmp_path / f"{module.__name__}.py").unlink()
    with pytest.raises(SourceUnavailable, match="is not there"):
        read_source(module.f)


def run_python(*args):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, *args], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(sys.version_info < (3, 13), reason="earlier ones do not keep the text of -c")
def test_text_of_command_line():
    program = (
        "from srcdiff.frontend.source import *\nf = lambda x: x * 2.0\nprint(source_text(read_source(f)))"
    )
    assert run_python("-c", program) == "lambda x: x * 2.0"


def test_function_from_an_interpreter_that_strips_docstrings(tmp_path):
    (tmp_path / "stripped.py").write_text('def f(x):\n    "Twice."\n    assert x > 0\n    return x * 2.0\n')
    program = (
        "import sys, marshal; from srcdiff.frontend.source import *;"
        f"sys.path.insert(0, {str(tmp_path)!r}); import stripped;"
        "assert read_source(stripped.f).first_line == 1;"
        "print(marshal.dumps(stripped.f.__code__).hex())"
    )
    code = marshal.loads(bytes.fromhex(run_python("-OO", "-c", program)))
    function = types.FunctionType(code, {})
    assert function.__doc__ is None
    assert body(read_source(function)) == "x * 2.0"


METHOD = """
import numpy as np

class C:
    @staticmethod
    def f(x):
        return np.sin(x) * C.__k

f = C.f
"""
LAMBDA = """
import numpy as np
f, g = (lambda x: np.sin(
    x)), lambda x: np.cos(x)
"""
CLOSURE = """
def make(a):
    def f(x):
        s = '''
  text'''
        return x * a, s
    return f
f = make(2.0)
"""


@pytest.mark.parametrize("text", [METHOD, LAMBDA, CLOSURE], ids=["method", "lambda", "closure"])
def test_text_carried_by_a_pickled_function(tmp_path, text):
    module = load(tmp_path, text)
    source = read_source(module.f)
    module.f.__srcdiff_source__ = carried_text(source)
    cloudpickle.register_pickle_by_value(sys.modules.setdefault(module.__name__, module))
    again = cloudpickle.loads(cloudpickle.dumps(module.f))
    del sys.modules[module.__name__]
    (tmp_path / f"{module.__name__}.py").unlink()
    carried = read_source(again)
    assert body(carried) == body(source)
    assert carried.first_line == source.first_line
    assert source_text(carried) == source_text(source)
    again.__srcdiff_source__ = carried_text(source).replace("x", "z")
    with pytest.raises(DifferentiationError):
        read_source(again)


# --- Places and texts ---------------------------------------------------------------------------------------


def test_source_text_is_dedented_and_has_no_decorators():
    def keep(function):
        return function

    @keep
    @keep
    def f(
        x,
    ):
        # a comment
        text = """
        kept
    as it is"""

        return x, text

    assert source_text(read_source(f)) == (
        "def f(\n"
        "    x,\n"
        "):\n"
        "    # a comment\n"
        '    text = """\n'
        "        kept\n"
        '    as it is"""\n'
        "\n"
        "    return x, text\n"
    )


def test_location_of_nodes(tmp_path):
    module = load(
        tmp_path,
        """\
        if True:
            def f(x):
                ä = "größe 温度"; y = (x *
                    2.0)
                return y, ä
        """,
    )
    source = read_source(module.f)
    first, second, returned = source.tree.body
    places = [location_of(source, node) for node in (first, second, second.value, returned, source.tree)]
    shown = [place.text[place.column : place.end_column] for place in places]
    assert shown == ['ä = "größe 温度"', "y = (x *", "x *", "return y, ä", "def f(x):"]
    assert [place.line for place in places] == [3, 3, 3, 5, 2]
    assert {place.function for place in places} == {"f"}
    assert location_of(source, source.tree.args) == location_of(source, source.tree)
