"""Every row that takes complex operands, at its complex points, against differences along both axes of the plane.

What is owed to `z` is held against `dL = Re(owed * dz)`, what a tangent gives against `f(z + h * t)`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from srcdiff.ir import types as ty
from srcdiff.ir.builder import Builder
from srcdiff.ir.core import Value
from srcdiff.primitives import ARRAYS, NONE, REGISTRY, ZERO, ArrayPrimitive
from srcdiff.primitives.record import Primitive
from tests.primitives.together import SIZE, computed_together

ROWS = [row for row in REGISTRY.values() if row.complex_points]
POINTS = [
    pytest.param(row, point, id=f"{row.name}-{k}")
    for row in ROWS
    for k, point in enumerate(row.complex_points)
]
GROUPS = [[parameters.values for parameters in POINTS[k : k + SIZE]] for k in range(0, len(POINTS), SIZE)]
RULED = [parameters for parameters in POINTS if parameters.values[0].rules != ZERO]
WIDTHS = [pytest.param(ty.float64, id="c128"), pytest.param(ty.float32, id="c64")]


def extrapolated(difference: Callable[[float], Any]) -> Any:
    table = [difference(0.02 / 2**j) for j in range(6)]
    for order in range(1, len(table)):
        table = [(4**order * b - a) / (4**order - 1) for a, b in itertools.pairwise(table)]
    return table[0]


def slope(f: Callable[..., Any], point: tuple[Any, ...], k: int, direction: complex) -> complex:
    """The derivative of `f` where operand `k` moves in a direction of the plane."""

    def difference(step: float) -> complex:
        ahead, behind = (f(*point[:k], point[k] + s * direction, *point[k + 1 :]) for s in (step, -step))
        return complex(ahead - behind) / (2.0 * step)

    return extrapolated(difference)


def directions(x: Any) -> tuple[complex, ...]:
    """The ways an operand can move: a real one along the real axis only."""
    return (1.0, 1j, 0.6 - 0.8j) if isinstance(x, complex) else (1.0,)


def near(got: Any, want: Any) -> bool:
    return got == pytest.approx(want, rel=1e-8, abs=1e-9)


def types_of(point: tuple[Any, ...], width: Any) -> tuple[Any, ...]:
    def type_of(x: Any) -> Any:
        return (
            ty.boolean if isinstance(x, bool) else ty.complex_of(width) if isinstance(x, complex) else width
        )

    return tuple(map(type_of, point))


def typed(point: tuple[Any, ...], width: Any) -> tuple[Any, ...]:
    return tuple(ty.numpy_dtype(type).type(x) for x, type in zip(point, types_of(point, width), strict=True))


# ------------------------------------------------------------------------------------------------ the table


def test_points_are_complex_and_fit() -> None:
    for row in ROWS:
        assert row.rules != NONE
        assert all(len(point) == row.arity for point in row.complex_points), row.name
        some = [x for point in row.complex_points for x in point]
        assert any(isinstance(x, complex) for x in some) or row.name == "complex"
        assert row.tangents is None or len(row.tangents) == row.arity


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("points", GROUPS)
def test_text_computes_the_row_in_its_declared_type(points: list[tuple[Primitive, Any]], width: Any) -> None:
    rtol = 1e-12 if width == ty.float64 else 4e-6
    texts = [
        "{1} if {0} else {2}" if row.name == "select" else row.text_of(*types_of(point, width))
        for row, point in points
    ]
    found = computed_together(texts, [typed(point, width) for _, point in points])
    for (row, point), (got, made) in zip(points, found, strict=True):
        assert got == pytest.approx(row.evaluate(*point), rel=rtol), f"{row.name} at {point}"
        assert made == row.result(*types_of(point, width)), f"{row.name} at {point}"


# ------------------------------------------------------------------------------------------------ the rules


@pytest.mark.parametrize(("row", "point"), RULED)
def test_rules_against_differences(row: Primitive, point: tuple[Any, ...]) -> None:
    ans = row.evaluate(*point)
    for k, x in enumerate(point):
        if row.rules[k] is None:
            assert isinstance(x, bool)
            continue
        for direction in directions(x):
            change = slope(row.evaluate, point, k, direction)
            for g in (1.0, 0.3 - 0.7j) if isinstance(ans, complex) else (1.0, -0.6):
                owed = row.rules[k](g, ans, *point)
                assert near((owed * direction).real, (g * change).real), f"operand {k} towards {direction}"


@pytest.mark.parametrize(("row", "point"), RULED)
def test_rules_on_tangents_against_differences(row: Primitive, point: tuple[Any, ...]) -> None:
    ans = row.evaluate(*point)
    for k, (x, rule) in enumerate(zip(point, row.tangents or row.rules, strict=True)):
        for direction in directions(x) if rule is not None else ():
            got = rule(direction, ans, *point)
            assert near(got, slope(row.evaluate, point, k, direction)), f"operand {k} towards {direction}"


def run(builder: Builder, values: dict[Value, Any], result: Any) -> Any:
    """What emitted ops compute, each done by its own row."""

    def read(value: Any) -> Any:
        if not isinstance(value, Value):
            return value
        return value.constant if value.is_constant else values[value]

    for op in builder.ops:
        values[op.result] = REGISTRY[op.primitive].evaluate(*map(read, op.operands))
    return read(result)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("row", "point"), RULED)
def test_emitted_rules_compute_the_same(row: Primitive, point: tuple[Any, ...], width: Any) -> None:
    """Also where what is owed to a complex result happens to be a real number."""
    number = row.evaluate(*point)
    cases = [(rule, number) for rule in row.rules] + list(zip(row.tangents or (), point, strict=False))
    for rule, moved in cases:
        for given in (0.8, 0.3 - 0.7j) if isinstance(moved, complex) else (0.8,):
            if rule is None:
                continue
            operands = [Value(f"x{j}", t) for j, t in enumerate(types_of(point, width))]
            ans = Value("ans", row.result(*(x.type for x in operands)))
            g = Value("g", *types_of((given,), width))
            with Builder() as builder:
                term = rule(g, ans, *operands)
            known = {**dict(zip(operands, point, strict=True)), ans: number, g: given}
            assert run(builder, known, term) == pytest.approx(
                rule(given, number, *point), rel=1e-12, abs=1e-15
            )
            if isinstance(term, Value):
                assert ty.real_of(term.type) == width


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, -2, 0.5, 2.0, 2.5, -1.5, 0.5 - 1j])
def test_slope_of_powers_with_a_constant_exponent(exponent: complex) -> None:
    z, ans, g = (Value(name, ty.complex128) for name in ("z", "ans", "g"))
    kind = {int: ty.int64, float: ty.float64, complex: ty.complex128}[type(exponent)]
    n = Value("", kind, exponent)
    for at in (1.3 - 0.4j, -0.4 + 0.9j):
        with Builder() as builder:
            term = REGISTRY["pow"].rules[0](g, ans, z, n)
        got = run(builder, {z: at, ans: at**exponent, g: 1.0}, term)
        assert got == pytest.approx(exponent * at ** (exponent - 1), rel=1e-12)


def test_slope_of_abs_at_zero() -> None:
    row = REGISTRY["modulus"]
    with np.errstate(all="ignore"):
        assert row.rules[0](np.float64(1.0), np.float64(0.0), 0j) == 0.0
        assert row.tangents[0](1.0 - 1j, np.float64(0.0), 0j) == 0.0


# ------------------------------------------------------------------------------------------- whole matrices

WHOLE = [
    pytest.param(row, point, id=f"{row.name}-{'-'.join(map(str, point.values()))}")
    for row in ARRAYS.values()
    if row.numbers != "real"
    for point in row.points
]


@pytest.mark.parametrize(("row", "point"), WHOLE)
def test_matrix_rules_against_differences(row: ArrayPrimitive, point: Any) -> None:
    random = np.random.default_rng([3, *point.values()])

    def normal(shape: Any) -> Any:
        return random.normal(size=shape) + 1j * random.normal(size=shape)

    operands = [row.sample(normal([point[axis] for axis in axes])) for axes in row.operands]
    ans = row.evaluate(*operands)
    g = normal(np.shape(ans))
    for k, x in enumerate(operands):
        owed = np.asarray(row.rules[k](g, ans, *operands))
        towards = normal(x.shape)

        def along(step: float, k: int = k, towards: Any = towards) -> float:
            moved = [y + step * towards if j == k else y for j, y in enumerate(operands)]
            return float(np.sum(g * row.evaluate(*moved)).real)

        change = extrapolated(
            lambda step, along=along: (along(0.1 * step) - along(-0.1 * step)) / (0.2 * step)
        )
        assert np.sum(owed * towards).real == pytest.approx(change, rel=1e-7)
