"""The registry of primitives on whole arrays tests itself: every row at its sample points, with random cotangents.

Rules are called on NumPy arrays, which evaluates them, and on expressions of the IR, whose ops are printed and run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest

from srcdiff.emit.parse import parse_ir
from srcdiff.emit.python import print_function
from srcdiff.emit.show import show
from srcdiff.ir import types as ty
from srcdiff.ir.builder import Builder
from srcdiff.ir.core import Block, Function, Value
from srcdiff.ir.verify import verify
from srcdiff.primitives import ARRAYS, ArrayPrimitive
from srcdiff.primitives.arrays import Held, computed, sharing
from srcdiff.transform.arrays import owned
from tests.sampling import sampled

ROWS = [row for row in ARRAYS.values() if row.numbers != "complex"]
POINTS = [
    pytest.param(row, point, id=f"{row.name}-{'-'.join(map(str, point.values()))}")
    for row in ROWS
    for point in row.points
]
FIRST_POINTS = [pytest.param(row, row.points[0], id=row.name) for row in ROWS]
FORMS = [
    pytest.param(ty.float64, "C", id="f64"),
    pytest.param(ty.float32, "C", id="f32"),
    pytest.param(ty.float64, "F", id="F-order"),
    pytest.param(ty.float64, "T", id="transposed"),
]
EACH_FORM = [
    pytest.param(*point.values, *form.values, id=f"{point.id}-{form.id}")
    for point in FIRST_POINTS
    for form in FORMS
]


def sample(row: ArrayPrimitive, point: Any, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng([seed, *point.values()])
    return [row.sample(random.normal(size=[point[axis] for axis in axes])) for axes in row.operands]


def results_of(row: ArrayPrimitive, operands: list[np.ndarray]) -> tuple[Any, ...]:
    found = row.evaluate(*operands)
    return found if isinstance(found, tuple) else (found,)


def cotangents(row: ArrayPrimitive, operands: list[np.ndarray]) -> list[tuple[Any, ...]]:
    """Random cotangents of all results, and of each alone."""
    random = np.random.default_rng(7)
    shapes = [np.shape(x) for x in results_of(row, operands)]
    alone = [tuple(j == k for j in range(len(shapes))) for k in range(len(shapes))]
    masks = dict.fromkeys([(True,) * len(shapes), *alone])
    return [
        tuple(random.normal(size=s) if is_owed else None for s, is_owed in zip(shapes, mask, strict=True))
        for mask in masks
    ]


def rule_of(row: ArrayPrimitive, k: int) -> Callable[..., Any]:
    rule = row.rules[k]
    assert rule is not None
    return rule


def owed(row: ArrayPrimitive, k: int, g: Any, operands: Any) -> np.ndarray:
    ans = results_of(row, operands)
    single = len(ans) == 1
    term = rule_of(row, k)(g[0] if single else g, ans[0] if single else ans, *operands)
    return np.zeros_like(operands[k]) if term is None else np.asarray(term)


def slope(f: Callable[[float], float]) -> float:
    """The derivative at zero: central differences, extrapolated."""
    table = [(f(step) - f(-step)) / (2.0 * step) for step in (0.02 / 2**j for j in range(6))]
    for order in range(1, len(table)):
        table = [(4**order * b - a) / (4**order - 1) for a, b in itertools.pairwise(table)]
    return table[0]


def test_rows_are_complete() -> None:
    for name, row in ARRAYS.items():
        assert row.name == name
        assert row.points, name
        assert len(row.rules) == len(row.operands) == row.text.count("{"), name
        assert len(row.layouts) == len(row.results), name


@pytest.mark.parametrize(("row", "point"), POINTS)
def test_rules_against_differences(row: ArrayPrimitive, point: Any) -> None:
    """<g, J x_dot> by differences equals <J^T g, x_dot> by the rule, for random cotangents and tangents."""
    operands = sample(row, point)
    for g, k in itertools.product(cotangents(row, operands), range(len(operands))):
        tangent = np.random.default_rng([1, k]).normal(size=operands[k].shape)

        def along(t: float, k: int = k, g: Any = g, tangent: Any = tangent) -> float:
            moved = [x + t * tangent if j == k else x for j, x in enumerate(operands)]
            values = results_of(row, moved)
            return sum(float(np.sum(y * a)) for y, a in zip(values, g, strict=True) if a is not None)

        got = float(np.sum(owed(row, k, g, operands) * tangent))
        assert got == pytest.approx(slope(along), rel=1e-6, abs=1e-8), f"operand {k}"


def compiled(function: Function) -> Callable[..., Any]:
    verify(function)
    space: dict[str, Any] = {}
    exec(print_function(function), space)
    return numba.njit(error_model="numpy")(space[function.name])  # type: ignore[no-any-return]


def call_of(
    row: ArrayPrimitive, types: list[Any], transposed: set[int]
) -> tuple[list[Value], tuple[Value, ...], Builder]:
    parameters = [Value(f"x{k}", type) for k, type in enumerate(types)]
    with Builder() as builder:
        results = row.emit(*((x, k in transposed) for k, x in enumerate(parameters)))
    return parameters, results, builder


@pytest.mark.parametrize(("row", "point", "type", "order"), sampled(EACH_FORM, 5))
def test_numba_compiles_the_text_to_the_declared_types(
    row: ArrayPrimitive, point: Any, type: Any, order: str
) -> None:
    """Also of operands in Fortran order, and of transposed ones."""
    operands = [x.astype(ty.numpy_dtype(type)) for x in sample(row, point)]
    transposed = {k for k, x in enumerate(operands) if x.ndim == 2} if order == "T" else set()
    given = [
        np.array(x.T if k in transposed else x, order="F" if order == "F" else "C")
        for k, x in enumerate(operands)
    ]
    parameters, results, builder = call_of(row, [numba.typeof(x) for x in given], transposed)
    function = Function("f", Block(tuple(parameters), tuple(builder.ops), results))
    assert show(parse_ir(show(function))) == show(function)
    f = compiled(function)
    found = f(*given)
    found = found if isinstance(found, tuple) else (found,)
    for got, want in zip(found, results_of(row, operands), strict=True):
        if "svd" in row.name or row.name in ("qr", "eigh"):  # up to signs
            got, want = np.abs(got), np.abs(want)
        assert np.allclose(
            got, want, rtol=1e-10 if type == ty.float64 else 1e-2, atol=1e-12 if type == ty.float64 else 1e-3
        )
    (signature,) = f.nopython_signatures
    declared = row.types(*(x.type for x in parameters))
    made = signature.return_type
    for want_type, got_type in zip(declared, made if len(declared) > 1 else (made,), strict=True):
        assert got_type == want_type


@pytest.mark.parametrize(("row", "point"), sampled(FIRST_POINTS, 5))
def test_emitted_rules_compute_the_same(row: ArrayPrimitive, point: Any) -> None:
    operands = sample(row, point)
    ans = results_of(row, operands)
    for g, k in itertools.product(cotangents(row, operands), range(len(operands))):
        given = [*operands, *ans, *(x for x in g if x is not None)]
        types = [numba.typeof(np.ascontiguousarray(x)) if np.ndim(x) else ty.float64 for x in given]
        parameters = [Value(f"x{j}", type) for j, type in enumerate(types)]
        xs, ys, gs = (
            parameters[: len(operands)],
            parameters[len(operands) : len(operands) + len(ans)],
            iter(parameters[len(operands) + len(ans) :]),
        )
        cotangent = [None if x is None else Held(next(gs)) for x in g]
        results = [Held(y) for y in ys]
        with Builder() as builder, sharing():
            single = len(ans) == 1
            term = rule_of(row, k)(
                cotangent[0] if single else cotangent, results[0] if single else results, *map(Held, xs)
            )
            if term is None:
                continue
            value = owned(computed(term), ty.float64, set())
        f = compiled(Function("f", Block(tuple(parameters), tuple(builder.ops), (value,))))
        got = f(*(np.ascontiguousarray(x) if np.ndim(x) else float(x) for x in given))
        assert np.allclose(got, owed(row, k, g, operands), rtol=1e-8, atol=1e-10), f"operand {k}"
