"""Derivatives called from functions under `@njit`: by name, as attributes and arguments, and from Numba's cache."""

from __future__ import annotations

import functools
import math
import os
import subprocess
import sys
import textwrap
from collections import namedtuple
from pathlib import Path

import numba
import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

import srcdiff
from srcdiff import differentiate, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

# Without, Numba takes what it has compiled for bound to this process, and keeps nothing of it.
pytestmark = pytest.mark.usefixtures("optimised_by_llvm")

SCALE = 2.0
X = np.arange(6.0).reshape(3, 2)
Y = np.array([1.0, -1.0, 1.0])
W = np.array([0.5, -0.25])


@differentiate
def cube(x):
    return x**3


@differentiate
def loss(w, b, X, y, penalty=0.1):
    s = 0.0
    for i in range(len(y)):
        z = b
        for j in range(len(w)):
            z += X[i, j] * w[j]
        s += math.log1p(math.exp(-y[i] * z))
    return s / len(y) + penalty * np.sum(w * w)


cube_slope = grad(cube)


def same(a, b):
    if isinstance(a, tuple):
        return type(b) is tuple and len(a) == len(b) and all(map(same, a, b))
    return np.allclose(a, b, rtol=1e-13, atol=0.0) and np.asarray(a).dtype == np.asarray(b).dtype


# ----------------------------------------------------------------------------------------- ways to call


def test_by_name_and_as_attributes():
    @njit
    def use(x):
        return cube_slope(x), cube.grad(x), cube.value_and_grad(x), cube(x), cube.hessian(x)

    assert use(2.0) == (12.0, 12.0, (8.0, 12.0), 8.0, 12.0)
    assert use.nopython_signatures


def test_a_closure_and_a_function_inside():
    slope = grad(lambda x: math.sin(x) * x)

    @njit
    def use(x):
        def inner(u):
            return slope(u)

        return inner(x) + slope(x)

    assert use(1.0) == pytest.approx(2.0 * (math.sin(1.0) + math.cos(1.0)), rel=1e-14)


def test_as_an_argument():
    @njit
    def newton(f, slope, x):
        for _ in range(30):
            x -= f(x) / slope(x)
        return x

    @differentiate
    def f(x):
        return x * x - 2.0

    @differentiate
    def g(x):
        return math.cos(x) - x

    assert newton(f, f.grad, 1.0) == pytest.approx(math.sqrt(2.0), rel=1e-15)
    assert newton(g, g.grad, 1.0) == pytest.approx(0.7390851332151607, rel=1e-15)
    assert newton(g, grad(g), 1.0) == newton(g, g.grad, 1.0)


def test_types_are_those_of_the_call():
    @njit
    def use(x):
        return cube.grad(x)

    assert use(2.0) == 12.0
    assert use(np.float32(2.0)) == 12.0
    assert [str(s.return_type) for s in use.nopython_signatures] == ["float64", "float32"]

    @differentiate
    def total(x):
        return np.sum(x * x)

    @njit
    def of_array(x):
        return total.grad(x)

    for x in (np.ones(3), np.ones(3, np.float32), np.ones((2, 3)), np.ones((3, 2)).T, np.ones(6)[::2]):
        slope = of_array(x)
        assert slope.dtype == x.dtype and slope.shape == x.shape
        assert np.array_equal(slope, 2.0 * x)


def test_defaults_keywords_and_several_arguments():
    both = value_and_grad(loss, argnums=("w", "b"))

    @njit
    def use(w, X, y):
        return (
            both(w, 0.5, X, y),
            both(w, 0.5, X, y, penalty=0.2),
            both(w, 1.0, y=y, X=X),
            both(w, 1.0, X, y, 0.3),
        )

    want = (
        both(W, 0.5, X, Y),
        both(W, 0.5, X, Y, penalty=0.2),
        both(W, 1.0, y=Y, X=X),
        both(W, 1.0, X, Y, 0.3),
    )
    assert same(use(W, X, Y), want)


def test_tuples():
    def pair(p, y):
        (a, b), c = p
        return a * b * np.sum(c) * y

    slopes = value_and_grad(pair, argnums=(0, 1))

    @njit
    def use(c):
        return slopes(((2.0, 3.0), c), 2.0)

    c = np.array([1.0, 4.0])
    assert same(use(c), slopes(((2.0, 3.0), c), 2.0))


def test_known_arguments():
    def chosen(x, mode="square", f=None):
        if f is not None:
            return f(x)
        return x * x if mode == "square" else x * x * x

    slope = grad(chosen)

    @njit
    def exponential(x):
        return math.exp(x)

    @njit
    def use(x):
        return (
            slope(x),
            slope(x, "cube"),
            slope(x, mode="cube"),
            slope(x, f=exponential),
            slope(x, "square", None),
        )

    assert use(2.0) == (4.0, 12.0, 12.0, math.exp(2.0), 4.0)


def test_bound_and_captured_values_are_frozen(monkeypatch):
    offset = 3.0
    captured = grad(lambda w: SCALE * loss(w, offset, X, Y))
    bound = grad(functools.partial(loss, b=0.5, X=X, y=Y))

    @njit
    def use(w):
        return captured(w), bound(w), bound(w, penalty=0.2)

    first = use(W)
    assert same(first, (captured(W), bound(W), bound(W, penalty=0.2)))
    monkeypatch.setitem(globals(), "SCALE", 20.0)
    assert same(use(W), first)
    assert same(captured(W), 10.0 * first[0])


def test_bound_structures():
    def weighted(w, p, q):
        return np.sum(w * p["a"]) * p["b"] * q[0] * q[1]

    slope = grad(functools.partial(weighted, p={"a": np.arange(3.0), "b": 2.0}, q=(3.0, 5.0)))

    @njit
    def use(w):
        return slope(w)

    assert use(np.ones(3)).tolist() == [0.0, 30.0, 60.0] == slope(np.ones(3)).tolist()


def test_a_structure_as_argument_is_refused():
    @differentiate
    def product(pair):
        return pair.a * pair.b

    @njit
    def use(pair):
        return product.grad(pair)

    pair = namedtuple("pair", "a b")(2.0, 3.0)
    assert product.grad(pair) == (3.0, 2.0)
    with pytest.raises(TypingError, match="returns a structure"):
        use(pair)


def test_names_that_an_adapter_might_use():
    K = 3.0
    slope = grad(lambda x, captured_K, lambda_grad: K * x * captured_K * lambda_grad)
    product = hvp(lambda vector, x_dot: vector**3 * x_dot)

    @njit
    def use(x):
        return slope(x, 5.0, 7.0), product(x, 2.0, 1.0)

    assert use(2.0) == (105.0, 24.0)
    assert hvp(lambda vector: vector**3)(2.0, 1.0) == 12.0


def test_tangents():
    """`jvp`, of an object of ours or of a function under `@njit`."""
    slope = grad(cube)

    @njit
    def plain(x, y):
        return x * x * y

    @njit
    def along(x, v):
        return (
            jvp(cube, (x,), (v,)),
            jvp(slope, (x,), (1.0,)),
            jvp(plain, (x, 3.0), (v, None)),
            jvp(plain, (x, 3.0), (v, 1.0)),
        )

    assert same(along(2.0, 0.5), ((8.0, 6.0), (12.0, 12.0), (12.0, 6.0), (12.0, 10.0)))

    @njit
    def of_arrays(w, X, y):
        return jvp(loss, (w, 0.5, X, y, 0.1), (np.ones_like(w), None, None, None, None))

    w, X, y = np.array([0.3, -0.2]), np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([1.0, -1.0])
    assert np.allclose(of_arrays(w, X, y)[1], np.sum(grad(loss)(w, 0.5, X, y, 0.1)), rtol=1e-12)

    @njit
    def as_methods(f, x, v):
        return f.jvp((x,), (v,)), cube.jvp(tangents=(v,), primals=(x,))

    assert as_methods(cube, 2.0, 0.5) == ((8.0, 6.0), (8.0, 6.0))

    @njit
    def wrong(x):
        return jvp(cube, (x, x), (x,))

    with pytest.raises(TypingError, match="2 primals and 1 tangents"):
        wrong(1.0)

    @njit
    def not_decorated(x):
        return slope.jvp((x,), (1.0,))

    with pytest.raises(TypingError, match="jvp"):
        not_decorated(1.0)


def model(p, t, k=2):
    (a, b), c = p
    u = a * np.exp(-b * t) * k
    return u + c, np.sum(u)


def test_pullbacks():
    """`vjp`: results and a pullback, called there for several cotangents."""
    decorated = differentiate(model)

    @njit
    def rows(f, p, t):
        (y, s), pullback = vjp(f, p, t)
        t[:] = 0.0  # the pullback has what it reads
        found = np.empty((len(t), 2))
        for i in range(len(t)):
            e = np.zeros_like(y)
            e[i] = 1.0
            found[i, 0], found[i, 1] = pullback((e, 0))[0][0]
        return found, s, pullback(cotangent=(np.zeros(2 * len(t), np.float32)[::2], 1.0))

    t = np.linspace(0.1, 1.0, 4)
    decay = np.exp(-2.0 * t)
    for f in (decorated, njit(model)):
        found, s, (((to_a, to_b), to_c), to_t, to_k) = rows(f, ((1.5, 2.0), 0.5), t.copy())
        assert np.allclose(found, np.stack([2.0 * decay, -3.0 * t * decay], 1), rtol=1e-14)
        assert s == pytest.approx(3.0 * np.sum(decay))
        want = (2.0 * np.sum(decay), -3.0 * np.sum(t * decay), 0.0)
        assert (to_a, to_b, to_c) == pytest.approx(want) and to_k is None
        assert np.allclose(to_t, -6.0 * decay)

    @njit
    def as_a_method(p, t, k):
        return decorated.vjp(p, t, k)

    @njit
    def call(pullback, cotangent):
        return pullback(cotangent)

    # A pullback goes to Python and back.
    p, g = ((1.5, 2.0), 0.5), (np.ones(4), 1.0)
    results, made = as_a_method(p, t, 3)
    assert same(results, model(p, t, 3))
    for pullback in (made, vjp(model, p, t, 3)[1]):
        assert same(call(pullback, g)[:2], vjp(model, p, t, 3)[1](g)[:2])
    assert same(made(g)[:2], vjp(model, p, t, 3)[1](g)[:2])
    with pytest.raises(ValueError, match="the shape of the result"):
        call(made, (np.ones(3), 1.0))
    with pytest.raises(
        TypingError, match=r"a cotangent of type `float64` is given to the pullback of `model`"
    ):
        call(made, 1.0)

    @njit
    def nothing_moves(n):
        return vjp(cube, n)

    with pytest.raises(TypingError, match="no argument is a float"):
        nothing_moves(1)


def test_made_inside():
    """`grad` and its like, of functions that are arguments, under `@njit` or made there."""

    @differentiate
    def f(x, y):
        return x * x * y

    @njit
    def all_of(f, x, y):
        return (
            grad(f)(x, y),
            value_and_grad(f, ("x", "y"))(x, y),
            hessian(f, (0, 1))(x, y),
            hvp(f, argnums=1)(x, y, 1.0),
            jacobian(f, "y")(x, y),
            grad(grad(f))(x, y),
        )

    want = (12.0, (12.0, (12.0, 4.0)), ((6.0, 4.0), (4.0, 0.0)), 0.0, 4.0, 6.0)
    assert all_of(f, 2.0, 3.0) == all_of(njit(lambda x, y: x * x * y), 2.0, 3.0) == want

    @njit
    def of_inner(x, k):
        def inner(u):
            return u**3

        return grad(inner)(x) * k

    assert of_inner(2.0, 1.0) == 12.0

    @njit
    def unknown(x, k):
        return grad(f, k)(x, x)

    with pytest.raises(TypingError, match="must be known"):
        unknown(1.0, 1)


def test_higher_derivatives():
    @differentiate
    def f(x, scale=2.0):
        return scale * x[0] ** 2 * x[1]

    product = hvp(lambda x, y: x * x * y, (0, 1))
    second = grad(grad(lambda x: x**4))
    by_rows = jacobian(lambda x: x * x)
    whole = hessian(f)

    @njit
    def use(x, v):
        return (
            f.hvp(x, 2.0, v),
            f.hessian(x),
            f.jacobian(x),
            product(2.0, 3.0, (1.0, 0.0)),
            second(2.0),
            by_rows(x),
        )

    x, v = np.array([3.0, 5.0]), np.array([1.0, 0.0])
    want = ([20.0, 12.0], [[20.0, 12.0], [12.0, 0.0]], [60.0, 18.0], (6.0, 4.0), 48.0, np.diag(2.0 * x))
    for got, expected in zip(use(x, v), want, strict=True):
        assert np.allclose(got, expected)
    assert np.allclose(njit(lambda x: whole(x))(x), want[1])
    with pytest.raises(ValueError, match="`vector` must have the shape of `x`"):
        use(x, np.ones(3))


def test_inside_parallel_and_vectorized_functions():
    @njit(parallel=True)
    def all_of(xs):
        out = np.empty(len(xs))
        for i in numba.prange(len(xs)):
            out[i] = cube.grad(xs[i])
        return out

    @numba.vectorize
    def each(x):
        return cube.grad(x)

    x = np.arange(5.0)
    assert np.array_equal(all_of(x), 3.0 * x * x)
    assert np.array_equal(each(x), 3.0 * x * x)


def test_the_callers_arrays_stay_and_the_primal_writes():
    @differentiate
    def squares(x):
        for i in range(x.size):
            x[i] = x[i] * x[i]
        return np.sum(x)

    @njit
    def use(x):
        slope = squares.grad(x)
        return slope, x.copy(), squares(x), x

    slope, before, value, after = use(np.array([1.0, 2.0]))
    assert slope.tolist() == [2.0, 4.0]
    assert before.tolist() == [1.0, 2.0]
    assert (value, after.tolist()) == (5.0, [1.0, 4.0])


def test_errors_of_the_program_reach_the_caller():
    @differentiate
    def positive(x):
        if x <= 0.0:
            raise ValueError("not positive")
        return math.log(x)

    @njit
    def use(x):
        return positive.grad(x)

    assert use(2.0) == 0.5
    with pytest.raises(ValueError, match="not positive"):
        use(-1.0)


# --------------------------------------------------------------------------------------------- refusals


def test_a_refusal_is_in_the_error_of_numba():
    @njit
    def use(x):
        return cube.grad(x)

    with pytest.raises(TypingError) as caught:
        use(1)
    assert "the argument `x` is i64: only floats can be differentiated" in str(caught.value)

    @differentiate
    def unsupported(x):
        with open("file"):
            return x

    @njit
    def use_unsupported(x):
        return unsupported.grad(x)

    with pytest.raises(TypingError) as caught:
        use_unsupported(1.0)
    message = str(caught.value)
    assert "test_inside_numba.py, line" in message
    assert "in unsupported: `with` blocks are not supported" in message
    assert 'with open("file"):\n' in message and "^^^^" in message


def test_wrong_calls():
    @njit
    def too_many(x):
        return cube.grad(x, x)

    @njit
    def a_list(x):
        return cube.grad([x])

    @njit
    def no_such(x):
        return cube.derivative(x)

    for wrong in (too_many, a_list, no_such):
        with pytest.raises(TypingError):
            wrong(1.0)


# ------------------------------------------------------------------------------------------- disk cache

MODEL = """\
import math, os
from srcdiff import differentiate

SCALE = 2.0
SIGN = float(os.environ.get("SIGN", "1.0"))

def helper(x):
    return x * x

@differentiate
def f(x):
    return SIGN * SCALE * helper(x)
"""
OTHER = """\
from srcdiff import grad
import model

g = grad(model.f)
"""
CALLER = """\
from numba import njit
from model import f
from other import g

@njit(cache=True)
def step(x):
    return g(x), f.grad(x), f(x)
"""
MAIN = """\
import caller
print(caller.step(1.5), sum(caller.step.stats.cache_hits.values()))
"""


class Programs:
    """Modules in a folder, and what a process prints that runs `main`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, **texts: str) -> None:
        for name, text in texts.items():
            (self.folder / f"{name}.py").write_text(text)

    def run(self, program: str = "main.py", **changes: str) -> str:
        path = [str(Path(srcdiff.__file__).parents[1]), str(self.folder), *filter(None, sys.path)]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path),
            "SRCDIFF_CACHE_DIR": str(self.folder / "cache"),
            "NUMBA_CACHE_DIR": str(self.folder / "numba"),
            **changes,
        }
        done = subprocess.run(
            [sys.executable, str(self.folder / program)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        return done.stdout.strip()


@pytest.fixture
def programs(tmp_path):
    made = Programs(tmp_path)
    made.write(model=MODEL, other=OTHER, caller=CALLER, main=MAIN)
    return made


def test_a_cached_caller(programs):
    assert programs.run() == "(6.0, 6.0, 4.5) 0"
    assert programs.run() == "(6.0, 6.0, 4.5) 1"
    # What was generated may be gone; the caller's own cache holds all the code.
    for path in (programs.folder / "cache").rglob("*.*"):
        path.unlink()
    assert programs.run() == "(6.0, 6.0, 4.5) 1"


def test_a_cached_caller_that_makes_derivatives(programs):
    """Also of a function under `@njit`, of which Numba alone would keep what it was."""
    programs.write(
        caller="""\
from numba import njit
from srcdiff import grad, vjp
from model import f, helper

square = njit(helper)

@njit(cache=True)
def step(x):
    return grad(f)(x), f.jvp((x,), (1.0,))[1], grad(square)(x), f.vjp(x)[1](1.0)[0], vjp(square, x)[1](1.0)[0]
"""
    )
    assert programs.run() == "(6.0, 6.0, 3.0, 6.0, 3.0) 0"
    assert programs.run() == "(6.0, 6.0, 3.0, 6.0, 3.0) 1"
    path = programs.folder / "model.py"
    path.write_text(path.read_text().replace("    return x * x\n", "    return x * x * x\n"))
    assert programs.run() == "(13.5, 13.5, 6.75, 13.5, 6.75) 0"


@pytest.mark.parametrize(
    ("module", "before", "after", "want"),
    [
        ("model", "SIGN * SCALE * helper(x)", "SIGN * SCALE * helper(x) * x", "(13.5, 13.5, 6.75)"),
        ("model", "    return x * x\n", "    return x * x * x\n", "(13.5, 13.5, 6.75)"),
        ("model", "SCALE = 2.0", "SCALE = 3.0", "(9.0, 9.0, 6.75)"),
        ("other", "grad(model.f)", "grad(lambda x: x)", "(1.0, 6.0, 4.5)"),
    ],
)
def test_a_cached_caller_of_what_has_changed(programs, module, before, after, want):
    assert programs.run() == "(6.0, 6.0, 4.5) 0"
    path = programs.folder / f"{module}.py"
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    assert programs.run() == f"{want} 0"


def test_a_cached_caller_of_what_captured_something_else(programs):
    assert programs.run() == "(6.0, 6.0, 4.5) 0"
    assert programs.run(SIGN="-1.0") == "(-6.0, -6.0, -4.5) 0"
    assert programs.run(SIGN="-1.0") == "(-6.0, -6.0, -4.5) 1"


def test_a_cached_caller_of_a_closure(programs):
    """A closure's variables have no name in another process: the caller is compiled again."""
    programs.write(
        other="""\
import os
from srcdiff import grad

def make(k):
    return grad(lambda x: k * x * x)

g = make(float(os.environ["K"]))
"""
    )
    assert programs.run(K="1.0") == "(3.0, 6.0, 4.5) 0"
    assert programs.run(K="2.0") == "(6.0, 6.0, 4.5) 0"


def test_a_cached_caller_that_takes_a_derivative_as_argument(programs):
    programs.write(
        caller=textwrap.dedent(
            """\
            from numba import njit
            from other import g

            @njit(cache=True)
            def apply(f, x):
                return f(x)

            def step(x):
                return apply(g, x)

            step.stats = apply.stats
            """
        )
    )
    assert programs.run().startswith("6.0")
    path = programs.folder / "model.py"
    path.write_text(path.read_text().replace("SCALE = 2.0", "SCALE = 3.0"))
    assert programs.run().startswith("9.0")


def test_a_caller_of_a_cached_caller(programs):
    programs.write(
        main="""\
from numba import njit
import caller

@njit(cache=True)
def twice(x):
    return caller.step(x)[0] * 2.0

print(twice(1.5), sum(twice.stats.cache_hits.values()))
"""
    )
    assert programs.run() == "12.0 0"
    assert programs.run() == "12.0 1"
    path = programs.folder / "model.py"
    path.write_text(path.read_text().replace("SCALE = 2.0", "SCALE = 3.0"))
    assert programs.run() == "18.0 0"


def test_a_cached_caller_of_a_function_that_was_given_other_rules(programs):
    """Rules in a module of their own, which the cached code has not seen, or has seen too early or too late."""
    programs.write(
        rules="""\
from srcdiff import defvjp
import model

defvjp(model.helper, lambda g, ans, x: 100.0 * g)
""",
        late="""\
import caller
print(caller.step(1.5)[0])
try:
    import rules
except Exception as error:
    print("after an `@njit` function" in str(error))
""",
    )
    (programs.folder / "early.py").write_text("import rules\n" + MAIN)
    assert programs.run() == "(6.0, 6.0, 4.5) 0"
    assert programs.run("late.py") == "6.0\nTrue"
    assert programs.run("early.py") == "(200.0, 200.0, 4.5) 0"
    assert programs.run("early.py") == "(200.0, 200.0, 4.5) 1"
    path = programs.folder / "rules.py"
    path.write_text(path.read_text().replace("100.0", "10.0"))
    assert programs.run("early.py") == "(20.0, 20.0, 4.5) 0"
    assert programs.run() == "(6.0, 6.0, 4.5) 0"
