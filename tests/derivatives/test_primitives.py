"""Every primitive by every operand, in both modes, to second order, as the transformers write them."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from srcdiff import pipeline
from srcdiff.emit.python import print_function
from srcdiff.ir import types as ty
from srcdiff.ir.builder import Builder
from srcdiff.ir.core import Block, Function, Value
from srcdiff.ir.verify import verify
from srcdiff.primitives import ARRAYS, REGISTRY, ArrayPrimitive
from srcdiff.primitives.record import Primitive

RULED = [row for row in REGISTRY.values() if row.points and not isinstance(row.rules, str)]
POINTS = [
    pytest.param(row, point, id=f"{row.name}-{'-'.join(map(str, point))}")
    for row in RULED
    for point in row.points
]
WHOLE = [
    pytest.param(row, point, id=f"{row.name}-{'-'.join(map(str, point.values()))}")
    for row in ARRAYS.values()
    for point in row.points
]


def run(function: Function) -> Callable[..., Any]:
    """The printed text, run as plain Python."""
    text = print_function(function).replace("from numba import njit", "njit = lambda f: f")
    space: dict[str, Any] = {}
    exec(text, space)
    return space[function.name]  # type: ignore[no-any-return]


def slope(f: Callable[[float], Any], step: float = 0.02) -> Any:
    """The derivative at zero: central differences, extrapolated."""
    table = [(np.asarray(f(h)) - np.asarray(f(-h))) / (2.0 * h) for h in (step / 2**j for j in range(6))]
    for order in range(1, len(table)):
        table = [(4**order * b - a) / (4**order - 1) for a, b in itertools.pairwise(table)]
    return table[0]


def call_of(row: Primitive, point: tuple[Any, ...]) -> Function:
    types = [ty.boolean if isinstance(x, bool) else ty.float64 for x in point]
    parameters = [Value(f"x{k}", type) for k, type in enumerate(types)]
    with Builder() as builder:
        result = builder.emit(row.name, parameters, row.result(*types))
    return Function("f", Block(tuple(parameters), tuple(builder.ops), (result,)))


def moving(row: Primitive, point: tuple[Any, ...]) -> list[int]:
    return [k for k, x in enumerate(point) if not isinstance(x, int) and row.rules[k] is not None]


@functools.cache
def first_derivative(name: str, k: int, booleans: tuple[bool, ...]) -> Callable[..., Any]:
    row = REGISTRY[name]
    point = tuple(False if is_boolean else 0.5 for is_boolean in booleans)
    return run(pipeline.finish(pipeline.adjoint(call_of(row, point), [k])))


def by_adjoint(row: Primitive, point: tuple[Any, ...], k: int) -> float:
    return float(first_derivative(row.name, k, tuple(isinstance(x, bool) for x in point))(*point)[1])


def at(point: tuple[Any, ...], k: int, step: float) -> tuple[Any, ...]:
    return (*point[:k], point[k] + step, *point[k + 1 :])


@pytest.mark.parametrize(("row", "point"), POINTS)
def test_tangent(row: Primitive, point: tuple[Any, ...]) -> None:
    for k in moving(row, point):
        program = pipeline.tangent(call_of(row, point), [k])
        verify(program)
        _, tangent = run(pipeline.finish(program))(*point, 2.0)
        want = 2.0 * slope(lambda h, k=k: row.evaluate(*at(point, k, h)))
        assert tangent == pytest.approx(want, rel=1e-7, abs=1e-9), f"operand {k}"


@pytest.mark.parametrize(("row", "point"), POINTS)
def test_second_order(row: Primitive, point: tuple[Any, ...]) -> None:
    """Tangents of the adjoint and adjoints of the adjoint against differences of the first derivative."""
    for k, j in itertools.product(moving(row, point), repeat=2):
        adjoint = pipeline.adjoint(call_of(row, point), [k])
        want = slope(lambda h, k=k, j=j: by_adjoint(row, at(point, j, h), k))
        *_, mixed = run(pipeline.finish(pipeline.tangent(adjoint, [j])))(*point, 1.0)
        assert mixed == pytest.approx(want, rel=1e-6, abs=1e-8), f"operands {k}, {j}, forward over reverse"
        slopes = Function("f", Block(adjoint.parameters, adjoint.body.ops, adjoint.results[1:]))
        _, again = run(pipeline.finish(pipeline.adjoint(slopes, [j])))(*point)
        assert again == pytest.approx(want, rel=1e-6, abs=1e-8), f"operands {k}, {j}, reverse over reverse"


@pytest.mark.parametrize(("row", "point"), WHOLE)
def test_tangent_of_whole_arrays(row: ArrayPrimitive, point: Any) -> None:
    """Along each operand alone and along all at once, on NumPy arrays and as printed."""
    random = np.random.default_rng(5)
    operands = [row.sample(random.normal(size=[point[axis] for axis in axes])) for axes in row.operands]
    directions = [random.normal(size=x.shape) for x in operands]
    chosen = [{k} for k in range(len(operands))] + [set(range(len(operands)))] * (len(operands) > 1)
    for moved in chosen:

        def along(h: float, moved: set[int] = moved) -> Any:
            found = row.evaluate(
                *(
                    x + h * v if k in moved else x
                    for k, (x, v) in enumerate(zip(operands, directions, strict=True))
                )
            )
            return np.concatenate(
                [np.ravel(part) for part in (found if isinstance(found, tuple) else (found,))]
            )

        want = slope(along, 0.002)
        ans = row.evaluate(*operands)
        rule = row.tangent([v if k in moved else None for k, v in enumerate(directions)], ans, *operands)
        parts = rule if isinstance(rule, tuple) else (rule,)
        results = ans if isinstance(ans, tuple) else (ans,)
        got = np.concatenate(
            [np.ravel(np.zeros_like(y) if t is None else t) for t, y in zip(parts, results, strict=True)]
        )
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)
        parameters = [Value(f"x{k}", ty.array(ty.float64, x.ndim)) for k, x in enumerate(operands)]
        with Builder() as builder:
            made = row.emit(*((x, False) for x in parameters))
        function = Function("f", Block(tuple(parameters), tuple(builder.ops), made))
        program = pipeline.tangent(function, sorted(moved))
        verify(program)
        printed = run(pipeline.finish(program))(*operands, *(directions[k] for k in sorted(moved)))
        tangents = np.concatenate([np.ravel(x) for x in printed[len(made) :]])
        np.testing.assert_allclose(tangents, want, rtol=1e-6, atol=1e-7)
