"""Without optimisation, loops are written as statements on whole arrays where that means the same, and nowhere else."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from srcdiff import differentiate
from srcdiff.arguments import flattened
from srcdiff.optimise.expressions import array_text
from srcdiff.optimise.independence import StaysLoop
from srcdiff.primitives import REGISTRY
from tests.golden.texts import entry
from tests.optimise.expressions import random_expressions
from tests.optimise.ranges import random_loops
from tests.optimise.stages import loaded
from tests.optimise.triangles import random_nest
from tests.programs import PROGRAMS, Program
from tests.programs.table import numbers
from tests.sampling import sampled
from tests.truth import as_tuple, assert_gradient, assert_near, copied, gradient_by_complex_step

X = numbers(6)
A = numbers(4, 6)


def text_of(f: Any, args: tuple[Any, ...], argnums: Any = 0) -> str:
    return differentiate(f, argnums=argnums, cache=False).gradient_source(*args, optimise=False)


def function_of(text: str, f: Any) -> Any:
    names: dict[str, Any] = {}
    exec(text, names)
    return names[entry(text, f)]


# What is written as statements.


def matrix_vector(W, x):
    y = np.zeros(W.shape[0])
    for i in range(W.shape[0]):
        for j in range(W.shape[1]):
            y[i] += W[i, j] * x[j]
    s = 0.0
    for i in range(W.shape[0]):
        s += y[i] ** 2
    return s


def two_layers_in_scalars(W, V, x):
    h = np.empty(W.shape[0])
    for i in range(W.shape[0]):
        z = 0.0
        for j in range(W.shape[1]):
            z += W[i, j] * x[j]
        h[i] = np.tanh(z)
    s = 0.0
    for k in range(V.shape[0]):
        y = 0.0
        for i in range(W.shape[0]):
            y += V[k, i] * h[i]
        s += y * y
    return s


def backwards(x):
    return np.sum(x * x[::-1] + np.maximum(x, 0.2))


def every_second(x):
    y = np.zeros(len(x))
    for i in range(0, len(x) - 1, 2):
        y[i + 1] = x[i] * x[i + 1]
    return np.sum(y)


def selected(A):
    return np.sum(np.where(A > 0.3, A * A, 0.5 * A)) + np.max(A) * np.min(A)


def rows_in_time(A):
    h = np.zeros(A.shape[1])
    for t in range(A.shape[0]):
        h = np.tanh(A[t] + 0.5 * h)
    return np.sum(h * h)


WRITTEN = [
    (matrix_vector, (A, X), (0, 1), ["W @ x", "np.outer(", "W.T @"]),
    (
        two_layers_in_scalars,
        (A, numbers(2, 4), X),
        (0, 1, 2),
        ["np.tanh(W @ x", "np.outer(y_bar, h)", "W.T @"],
    ),
    (backwards, (X,), 0, ["x[::-1]", "np.maximum(x, 0.2)"]),
    (every_second, (X,), 0, ["y[1::2] = x[:-1:2] * x[1::2]", "x_bar[1::2] += "]),
    (selected, (A,), 0, ["np.where(A > 0.3", "np.max(A)", "np.min(A)"]),
    (rows_in_time, (A,), 0, ["np.tanh(A[", "A_bar["]),
]


@pytest.mark.parametrize(
    ("f", "args", "argnums", "pieces"), WRITTEN, ids=[row[0].__name__ for row in WRITTEN]
)
def test_written_as_statements(f: Any, args: tuple[Any, ...], argnums: Any, pieces: list[str]) -> None:
    text = text_of(f, args, argnums)
    for piece in pieces:
        assert piece in text, text
    compiled = numba.njit(error_model="numpy")(function_of(text, f))
    assert_gradient(f, copied(args), argnums, value_and_grad=lambda *_, **__: compiled)


# What must stay a loop: a trip that reads what another one wrote, elements that several trips store into, ...


def recurrence(x):
    y = x.copy()
    for i in range(1, len(y)):
        y[i] = y[i] + 0.5 * y[i - 1]
    return np.sum(y)


def reads_what_comes(x):
    y = x.copy()
    for i in range(len(y) - 1):
        y[i] = y[i] * y[i + 1]
    return np.sum(y)


def last_one_wins(x):
    y = np.zeros(3)
    for i in range(len(x)):
        y[1] = x[i] * x[i]
    return y[1]


def prefix_sums(x):
    s, y = 0.0, np.zeros(len(x))
    for i in range(len(x)):
        s += x[i]
        y[i] = s * s
    return np.sum(y)


def folded_in_place(x):
    y = x.copy()
    for i in range(len(y)):
        y[i] = y[i] * y[len(y) - 1 - i]
    return np.sum(y)


def from_the_end(x):
    s = 0.0
    for i in range(len(x)):
        s += x[i] * x[i - 1]
    return s


STAYS = [recurrence, reads_what_comes, last_one_wins, prefix_sums, folded_in_place, from_the_end]


@pytest.mark.parametrize("f", STAYS, ids=lambda f: f.__name__)
def test_stays_a_loop(f: Any) -> None:
    text = text_of(f, (X,))
    assert "for i in" in text
    for n in (3, 4, 6):
        plain = function_of(text, f)
        assert_gradient(f, (X[:n].copy(),), 0, value_and_grad=lambda *_, **__: plain)  # noqa: B023


def swapped(x, y):
    a, b = x.copy(), y.copy()
    for i in range(len(x)):
        a[i], b[i] = b[i] * 2.0, a[i]
    return np.sum(a * a * b)


def stored_then_read(x):
    a = x.copy()
    b = np.zeros(len(x))
    for i in range(len(x)):
        t = a[i]
        a[i] = t * t
        b[i] = a[i] + t
    return np.sum(b * a)


def added_where_stored(x):
    a = np.zeros(len(x))
    for i in range(len(x)):
        a[i] = x[i]
        a[i] += x[i] * x[i]
    return np.sum(a * a)


def clipped(x, lo, hi):
    s = 0.0
    for i in range(lo, hi):
        s += x[i] ** 3
    return s


@pytest.mark.parametrize(
    ("f", "args", "argnums"),
    [
        (swapped, (X, numbers(6, seed=3)), (0, 1)),
        (stored_then_read, (X,), 0),
        (added_where_stored, (X,), 0),
        (clipped, (X, 1, 4), 0),
        (clipped, (X, 4, 1), 0),
        (clipped, (X, 0, -2), 0),
        (clipped, (X, 3, 3), 0),
    ],
)
def test_order_and_ends(f: Any, args: tuple[Any, ...], argnums: Any) -> None:
    plain = function_of(text_of(f, args, argnums), f)
    assert_gradient(f, copied(args), argnums, value_and_grad=lambda *_, **__: plain)


# Where one loop has no trips, the others may go beyond their arrays: Python runs nothing then.


def bilinear(W, x, b):
    s = 0.0
    for i in range(len(b)):
        for j in range(len(x)):
            s += W[i, j] * x[j] * b[i]
    return s


def three_rows(W, x):
    y = np.zeros(3)
    for i in range(3):
        for j in range(len(x)):
            y[i] += W[i, j] * x[j]
    return np.sum(y) + y[2]


def layer(W, b, x):
    h = np.empty(len(b))
    for i in range(len(b)):
        z = b[i]
        for j in range(len(x)):
            z += W[i, j] * x[j]
        h[i] = np.tanh(z)
    s = 0.0
    for i in range(len(b)):
        s += h[i] * h[i]
    return s


def sums_at_two_levels(x, y, n, m):
    s, r, z = 0.0, 1.0, np.zeros(len(x))
    for i in range(n):
        r += x[i]
        for j in range(m):
            s += x[i] * y[j]
            z[i] += y[j]
    return s * r + np.sum(z * z)


def downwards(x, y, n, m):
    s = 0.0
    for i in range(n - 1, -1, -1):
        for j in range(m - 1, -1, -1):
            s += x[i] * y[m - 1 - j]
    return s


def in_steps(x, y, n, m):
    s = 0.0
    for i in range(0, n, 2):
        for j in range(1, m, 3):
            s += x[i] * y[2 * j - 1]
    return s


def stored_in_place(A, n, m):
    B, C = np.zeros((A.shape[0], A.shape[1])), A.copy()
    for i in range(n):
        for j in range(m):
            B[i, j] = A[i, j] * A[i, j]
            C[i, j] *= 2.0
    return np.sum(B * C)


def three_loops(x, y, z, n, m, k):
    s = 0.0
    for a in range(n):
        for b in range(m):
            for c in range(k):
                s += x[a] * y[b] * z[c]
    return s


def one_element(x, y, n, m):
    s = 0.0
    for i in range(n):
        for j in range(m):
            s += x[3] * y[j] * x[i]
    return s


NONE, BEYOND = np.empty(0), [(0, 9), (9, 0), (-2, 9), (9, -2), (0, 0), (-1, -1), (3, 2), (1, 1)]
SHORT = [
    (
        bilinear,
        (0, 1, 2),
        [
            (numbers(0, 3), numbers(5), NONE),
            (numbers(3, 0), NONE, numbers(5)),
            (numbers(1, 0), NONE, numbers(5)),
            (numbers(4, 5), numbers(3), numbers(2)),
        ],
    ),
    (three_rows, (0, 1), [(numbers(1, 0), NONE), (numbers(2, 0), NONE), (numbers(4, 5), numbers(2))]),
    (
        layer,
        (0, 1, 2),
        [
            (numbers(2, 0), numbers(4), NONE),
            (numbers(1, 0), numbers(4), NONE),
            (numbers(0, 2), NONE, numbers(3)),
            (numbers(5, 4), numbers(4), numbers(3)),
        ],
    ),
    *(
        (
            f,
            (0, 1),
            [(numbers(4), numbers(5), n, m) for n, m in BEYOND if f is not sums_at_two_levels or n < 9],
        )
        for f in (sums_at_two_levels, downwards, in_steps, one_element)
    ),
    (one_element, (0, 1), [(numbers(2), numbers(5), n, m) for n, m in BEYOND[:6]]),
    (stored_in_place, 0, [(numbers(3, 4), n, m) for n, m in BEYOND]),
    (
        three_loops,
        (0, 1, 2),
        [
            (numbers(2), numbers(3), numbers(4), *trips)
            for trips in [(0, 9, 2), (9, 0, 9), (9, 9, 0), (9, 9, -1), (-3, 9, 9), (2, 3, 4), (1, 2, 1)]
        ],
    ),
]


@pytest.mark.parametrize(("f", "argnums", "cases"), SHORT, ids=lambda x: getattr(x, "__name__", ""))
def test_loops_without_trips(f: Any, argnums: Any, cases: list[tuple[Any, ...]]) -> None:
    plain = function_of(text_of(f, cases[0], argnums), f)
    for args in cases:
        assert_gradient(f, copied(args), argnums, value_and_grad=lambda *_, **__: plain)


def test_statements_under_a_condition() -> None:
    text = text_of(layer, SHORT[2][2][-1], (0, 1, 2))
    assert "if x.shape[0] > 0:" in text and "np.outer(" in text, text
    compiled = numba.njit(error_model="numpy")(function_of(text, layer))
    for args in SHORT[2][2]:
        assert_gradient(layer, copied(args), (0, 1, 2), value_and_grad=lambda *_, **__: compiled)


# Types, and arrays with nothing in them.


def layers(W, x):
    return np.sum(np.tanh(W @ x) ** 2) + np.sum(np.outer(x, x)) + np.sum(np.sum(W, axis=0) * x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(4, 3), (0, 3), (4, 0), (0, 0)])
def test_empty_arrays_and_types(dtype: type, shape: tuple[int, int]) -> None:
    args = numbers(*shape, dtype=dtype), numbers(shape[1], dtype=dtype)
    text = text_of(layers, args, (0, 1))
    compiled = numba.njit(error_model="numpy")(function_of(text, layers))
    for f in (compiled, compiled.py_func):
        _, gradient = f(*copied(args))
        for mine, argument, want in zip(
            gradient, args, differentiate(layers, argnums=(0, 1)).grad(*args), strict=True
        ):
            assert mine.dtype == argument.dtype
            assert_near(mine, want, 1e-5, 1e-6)


def test_integers_and_flags_beside_floats() -> None:
    def f(x, n, flags):
        return np.sum(x * n) + np.sum(np.where(flags, x * x, 2.0 * x)) / len(x) + np.sum(n // 2 * x)

    args = X, np.arange(6), X > 0.0
    compiled = numba.njit(error_model="numpy")(function_of(text_of(f, args), f))
    assert_gradient(f, copied(args), 0, value_and_grad=lambda *_, **__: compiled)


def test_largest_of_numbers_with_nan() -> None:
    def f(x):
        return np.max(x) * x[0]

    text = text_of(f, (X,))
    assert "np.max(x)" in text
    x = X.copy()
    x[2] = np.nan
    assert np.isnan(function_of(text, f)(x)[0])


def largest_so_far(x, z, n):
    largest = z[0]
    for i in range(n):
        largest = max(largest, z[i])
    holes = 0
    for i in range(n):
        holes += int(np.isnan(z[i]))
    return x * (largest if holes == 0 else np.nan)


@pytest.mark.parametrize("n", [0, 3, -1])
def test_largest_of_no_numbers(n: int) -> None:
    """It is the one before the loop, where `np.max` would raise."""
    plain = function_of(text_of(largest_so_far, (2.0, X, n)), largest_so_far)
    assert plain(2.0, X, n) == (2.0 * max(X[: max(n, 1)]), max(X[: max(n, 1)]))


# Numba must be able to compile what is written.


def test_rows_on_arrays_compile() -> None:
    lines, names = [], []
    for name, row in REGISTRY.items():
        if not row.points or name == "select":
            continue
        try:
            text, _ = array_text(name)
        except StaysLoop:
            continue
        operands = [
            f"np.array([{', '.join(repr(float(point[k])) for point in row.points)}])"
            for k in range(len(row.points[0]))
        ]
        lines.append(f"    total += np.sum(1.0 * ({text.format(*operands)}))")
        names.append(name)
    scope: dict[str, Any] = {"np": np}
    exec("def f():\n    total = 0.0\n" + "\n".join(lines) + "\n    return total", scope)
    assert len(names) > 50
    with warnings.catch_warnings():
        warnings.simplefilter("error", numba.NumbaWarning)
        assert_near(numba.njit(scope["f"])(), scope["f"](), 1e-13, 1e-13)


# Programs, of the corpus and random.


@pytest.mark.parametrize("program", sampled(PROGRAMS, 3, 1), ids=lambda program: program.name)
def test_programs_without_compiling(program: Program) -> None:
    """Both texts give the same numbers."""
    of = differentiate(program.function, argnums=as_tuple(program.argnums), cache=False)
    for args in program.args[:2]:
        values = of.bind(args, {})
        if of.program(of.specs(values)).function.hidden:
            continue
        outcomes = []
        for optimise in (True, False):
            text = of.gradient_source(*args, optimise=optimise)
            names: dict[str, Any] = {}
            exec(text, names)
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                outcomes.append(flat(names[last_function(text)](*flattened(copied(tuple(values))))))
        single = any(getattr(a, "dtype", None) == np.float32 for a in args)
        rtol = 2e-4 if single else 1e-10
        for got, want in zip(*reversed(outcomes), strict=True):
            assert_near(got, want, rtol, rtol)


def last_function(text: str) -> str:
    return [line.split("(")[0][4:] for line in text.splitlines() if line.startswith("def ")][-1]


def flat(values: Any) -> list[Any]:
    """The numbers and arrays of nested tuples."""
    if isinstance(values, tuple):
        return [leaf for value in values for leaf in flat(value)]
    return [np.asarray(values)]


RANDOM = {
    "loops": (random_loops, (0, 1), lambda k, seed: (numbers(k, seed=seed), numbers(k, seed=seed + 1), k)),
    "expressions": (
        random_expressions,
        (0, 1, 2),
        lambda k, seed: (
            0.6 * numbers(k, k, seed=seed),
            0.6 * numbers(k, k, seed=seed + 1),
            0.6 * numbers(k, seed=seed + 2),
        ),
    ),
    "nests": (
        random_nest,
        (0, 1),
        lambda k, seed: (0.6 * numbers(k, k + 1, seed=seed), 0.6 * numbers(k + 1, seed=seed + 1), k, k + 1),
    ),
}


@pytest.mark.parametrize("chunk", sampled(range(3), 3))
@pytest.mark.parametrize("kind", RANDOM)
def test_random_programs(kind: str, chunk: int, tmp_path: Path) -> None:
    make, argnums, arguments = RANDOM[kind]
    for seed in range(1000 + 12 * chunk, 1012 + 12 * chunk):
        text = make(seed)
        f = loaded(text, tmp_path, f"{kind}{seed}")
        printed = text_of(f, arguments(4, seed), argnums)
        for k in (1, 2, 5):
            args = arguments(k, seed)
            try:
                value = f(*copied(args))
            except IndexError:
                continue
            where = f"seed {seed}, {k}\n{text}\n{printed}"
            got, gradient = function_of(printed, f)(*copied(args))
            assert_near(got, value, 1e-10, 1e-12, what=where)
            truth = gradient_by_complex_step(f, args, argnums)
            for mine, want in zip(gradient, truth, strict=True):
                assert_near(mine, want, 1e-9, 1e-11, what=where)
