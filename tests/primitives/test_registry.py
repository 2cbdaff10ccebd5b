"""The registry tests itself: every row at its sample points. A new row needs no new test.

Rules are called on numbers, which evaluates them, and on IR values, whose ops are then run by the rows themselves.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
from numpy.polynomial import Polynomial

from srcdiff import grad, jvp
from srcdiff.emit.special import FUNCTIONS
from srcdiff.ir import types as ty
from srcdiff.ir.builder import Builder, constant
from srcdiff.ir.core import Value
from srcdiff.primitives import NONE, REGISTRY, ZERO
from srcdiff.primitives.record import BY_SPELLING, Primitive
from tests.primitives.together import SIZE, computed_together

SAMPLED = [row for row in REGISTRY.values() if row.points]
RULED = [row for row in SAMPLED if not isinstance(row.rules, str)]
POINTS = [
    pytest.param(row, point, id=f"{row.name}-{'-'.join(map(str, point))}")
    for row in SAMPLED
    for point in row.points
]
GROUPS = [[parameters.values for parameters in POINTS[k : k + SIZE]] for k in range(0, len(POINTS), SIZE)]
RULED_POINTS = [parameters for parameters in POINTS if not isinstance(parameters.values[0].rules, str)]
ROWS = [pytest.param(row, id=row.name) for row in SAMPLED]
WIDTHS = [pytest.param(ty.float64, id="f64"), pytest.param(ty.float32, id="f32")]
KEEPS_SINGLE = {"beta", "log_beta", "log_expit"}
# By Numba, also for float32: `np.sinc`, and most of what is written in `runtime/special.py`.
COMPUTED_IN_DOUBLE = {"sinc"} | {
    row.name
    for row in SAMPLED
    if any(f"{name}(" in row.text for name in FUNCTIONS) and row.name not in KEEPS_SINGLE
}
FROM_OPERATOR = {f for f in vars(operator).values() if callable(f)}


def types_of(point: tuple[Any, ...], type: Any) -> tuple[Any, ...]:
    return tuple(ty.boolean if isinstance(x, bool) else type for x in point)


def typed(point: tuple[Any, ...], type: Any) -> tuple[Any, ...]:
    """The point in NumPy's scalars of a type."""
    return tuple(x if isinstance(x, bool) else ty.numpy_dtype(type).type(x) for x in point)


def slope(f: Callable[..., Any], point: tuple[Any, ...], k: int) -> float:
    """The derivative by operand `k`: central differences, extrapolated."""

    def difference(step: float) -> float:
        ends = [f(*point[:k], point[k] + sign * step, *point[k + 1 :]) for sign in (1, -1)]
        return (float(ends[0]) - float(ends[1])) / (2.0 * step)

    table = [difference(0.02 / 2**j) for j in range(6)]
    for order in range(1, len(table)):
        table = [(4**order * b - a) / (4**order - 1) for a, b in itertools.pairwise(table)]
    return table[0]


def near(got: float, want: float) -> bool:
    return got == pytest.approx(want, rel=1e-7, abs=1e-9)


# ------------------------------------------------------------------------------------------------ the table


def test_rules_have_points_and_fit_the_text() -> None:
    for row in REGISTRY.values():
        assert row.text.count("{") == row.arity, row.name
        assert all(len(point) == row.arity for point in row.points), row.name
        if isinstance(row.rules, str):
            assert row.rules in (ZERO, NONE), row.name
        else:
            assert row.points or row.complex_points, f"{row.name} has rules, and no points to test them at"
            assert len(row.rules) == row.arity, row.name
            assert row.alone is None or len(row.alone) == row.arity, row.name


def test_spellings_lead_to_their_rows() -> None:
    for row in REGISTRY.values():
        for spelling in row.spellings:
            assert BY_SPELLING[spelling] is row


# ------------------------------------------------------------------------------------------------ the types


@pytest.mark.parametrize("type", WIDTHS)
@pytest.mark.parametrize("row", ROWS)
def test_declared_type_is_that_of_numpy(row: Primitive, type: Any) -> None:
    spellings = [
        spelling
        for spelling in row.spellings
        if isinstance(spelling, np.ufunc) or spelling in FROM_OPERATOR or spelling in (np.sinc,)
    ]
    if not spellings:
        pytest.skip("NumPy has no such function")
    for spelling in spellings:
        if spelling is np.float_power:  # always float64; its operands are cast before
            continue
        with np.errstate(all="ignore"):
            value = spelling(*typed(row.points[0], type))
        declared = row.result(*types_of(row.points[0], type))
        assert np.asarray(value).dtype == ty.numpy_dtype(declared), spelling


@pytest.mark.parametrize("type", WIDTHS)
@pytest.mark.parametrize("points", GROUPS)
def test_numba_compiles_the_text_to_the_declared_type(points: list[tuple[Primitive, Any]], type: Any) -> None:
    exact = type == ty.float64
    texts = [row.text for row, _ in points]
    found = computed_together(texts, [typed(point, type) for _, point in points])
    for (row, point), (value, made) in zip(points, found, strict=True):
        want = row.evaluate(*point)
        near = pytest.approx(float(want), rel=1e-13 if exact else 2e-6, abs=1e-15 if exact else 1e-6)
        assert value == near, f"{row.name} at {point}"
        declared = row.result(*types_of(point, type))
        if row.name in COMPUTED_IN_DOUBLE:
            declared = ty.float64
        assert made == declared, f"{row.name} at {point}"


# ------------------------------------------------------------------------------------------------ the rules


@pytest.mark.parametrize(("row", "point"), POINTS)
def test_rules_against_differences(row: Primitive, point: tuple[Any, ...]) -> None:
    if row.rules == NONE:
        pytest.skip("not differentiable, and says so")
    ans = row.evaluate(*point)
    if isinstance(ans, bool | np.bool_):
        assert row.rules == ZERO
        return
    for k, x in enumerate(point):
        if isinstance(x, int):  # a condition, or a number that is known
            assert row.rules[k] is None
            continue
        want = slope(row.evaluate, point, k)
        rules = [ZERO] if row.rules == ZERO else [row.rules[k], *([row.alone[k]] if row.alone else [])]
        for rule in rules:
            got = 0.0 if rule in (ZERO, None) else rule(1.0, ans, *point)
            assert near(got, want), f"operand {k}"


@pytest.mark.parametrize(("row", "point"), RULED_POINTS)
def test_dot_product(row: Primitive, point: tuple[Any, ...]) -> None:
    """<y_bar, J x_dot> = <J^T y_bar, x_dot>, where the same rules give both sides."""
    ans = row.evaluate(*point)
    tangents = [0.7, -1.3, 0.4][: row.arity]
    y_bar = -0.6
    for rules in (row.rules, *([row.alone] if row.alone else [])):
        terms = [(rule, t) for rule, t in zip(rules, tangents, strict=True) if rule is not None]
        y_dot = sum(rule(t, ans, *point) for rule, t in terms)
        owed = sum(rule(y_bar, ans, *point) * t for rule, t in terms)
        assert y_bar * y_dot == pytest.approx(owed, rel=1e-12, abs=1e-15)


def run(builder: Builder, values: dict[Value, Any], result: Any) -> Any:
    """What emitted ops compute, each done by its own row."""

    def read(value: Any) -> Any:
        if not isinstance(value, Value):
            return value
        return value.constant if value.is_constant else values[value]

    for op in builder.ops:
        operands = [read(x) for x in op.operands]
        if op.primitive == "cast":
            values[op.result] = ty.numpy_dtype(op.result.type).type(operands[0]).item()
        else:
            values[op.result] = REGISTRY[op.primitive].evaluate(*operands)
    return read(result)


@pytest.mark.parametrize("type", WIDTHS)
@pytest.mark.parametrize(("row", "point"), RULED_POINTS)
def test_emitted_rules_compute_the_same(row: Primitive, point: tuple[Any, ...], type: Any) -> None:
    """The same numbers as on numbers, in the type of the operand: a float32 function gets float32 gradients."""
    number = row.evaluate(*point)
    for rules in (row.rules, *([row.alone] if row.alone else [])):
        for k, rule in enumerate(rules):
            if rule is None:
                continue
            operands = [Value(f"x{j}", t) for j, t in enumerate(types_of(point, type))]
            ans, g = Value("ans", row.result(*(x.type for x in operands))), Value("g", type)
            with Builder() as builder:
                term = rule(g, ans, *operands)
            known = {**dict(zip(operands, point, strict=True)), ans: number, g: 0.8}
            got = run(builder, known, term)
            assert got == pytest.approx(rule(0.8, number, *point), rel=1e-12, abs=1e-15)
            if isinstance(term, Value):
                assert term.type == type, f"operand {k}: {ty.name_of(term.type)}"


# ------------------------------------------------------------------------------------- kinks and special cases


@pytest.mark.parametrize("name", ["max", "min", "maximum", "minimum", "fmax", "fmin"])
def test_ties(name: str) -> None:
    """Two active operands share; a constant one takes all."""
    row = REGISTRY[name]
    assert [rule(1.0, 0.3, 0.3, 0.3) for rule in row.rules] == [0.5, 0.5]
    assert [rule(1.0, 0.3, 0.3, 0.3) for rule in row.alone] == [0.0, 0.0]


def test_slope_of_abs_at_zero() -> None:
    assert REGISTRY["abs"].rules[0](1.0, 0.0, 0.0) == 0.0


# Their series in x * x; those with an `e` at the end are times exp(-abs(x)).
SERIES = {
    np.sinc: [(-1) ** k * math.pi ** (2 * k) / math.factorial(2 * k + 1) for k in range(16)],
    scipy.special.j0: [(-0.25) ** k / math.factorial(k) ** 2 for k in range(16)],
    scipy.special.i0: [0.25**k / math.factorial(k) ** 2 for k in range(16)],
}


def derivatives_by_series(name: str, x: float) -> list[float]:
    """Of the first three orders."""
    even = {f.__name__: series for f, series in SERIES.items()}[name.rstrip("e").replace("1", "0")]
    f = Polynomial([c for pair in zip(even, [0.0] * len(even), strict=True) for c in pair])
    if "1" in name:
        f = -f.deriv() if name == "j1" else f.deriv()
    if name.endswith("e"):
        f *= Polynomial([math.copysign(1.0, -x) ** k / math.factorial(k) for k in range(32)])
    return [f.deriv(n)(x) for n in (1, 2, 3)]


def slope_of(f: Callable[..., Any]) -> Callable[..., Any]:
    """The derivative in forward mode."""
    return lambda x: jvp(f, (x,), (1.0,))[1]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ["sinc", "j0", "j1", "i0", "i1", "i0e", "i1e"])
def test_three_derivatives_where_slopes_are_quotients(name: str, uncompiled: None) -> None:
    """0 / 0 at 0, were it not for the series: in forward, in reverse mode, and in reverse of forward."""
    f: Callable[..., Any] = getattr(np, name, None) or getattr(scipy.special, name)
    row = lambda x: f(x)  # noqa: E731
    forward, reverse = [row], [row]
    for _ in range(3):
        forward.append(slope_of(forward[-1]))
        reverse.append(grad(reverse[-1]))
    mixed = [row, reverse[1], slope_of(reverse[1]), grad(slope_of(reverse[1]))]
    for x in (
        (1e-9, -1e-3, 0.19, -0.45, 0.55) if name.endswith("e") else (0.0, 1e-9, -1e-3, 0.19, -0.45, 0.55)
    ):
        expected = derivatives_by_series(name, x)
        for way in (forward, reverse, mixed):
            assert [d(np.float64(x)) for d in way[1:]] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, -2, 0.0, 0.5, 1.0, 2.0, 2.5, -1.5, 100.0])
def test_slope_of_powers_with_a_constant_exponent(exponent: float) -> None:
    x, ans, g = (Value(name, ty.float64) for name in ("x", "ans", "g"))
    n = constant(exponent, ty.int64 if isinstance(exponent, int) else ty.float64)
    row = REGISTRY["pow"]
    for at in (1.3, 0.4):
        with Builder() as builder:
            term = row.rules[0](g, ans, x, n)
        got = run(builder, {x: at, ans: at**exponent, g: 1.0}, term)
        assert got == pytest.approx(exponent * at ** (exponent - 1), rel=1e-12)


@pytest.mark.parametrize(("x", "y", "slopes"), [(0.0, 2.0, (0.0, 0.0)), (-2.0, 2.0, (-4.0, None))])
def test_slope_of_powers_at_the_border(x: float, y: float, slopes: tuple[Any, Any]) -> None:
    row = REGISTRY["pow"]
    assert row.rules[0](1.0, x**y, x, y) == slopes[0]
    if slopes[1] is not None:
        assert row.rules[1](1.0, x**y, x, y) == slopes[1]
