"""Leave to BLAS products of a matrix whose elements are changed before.

    for k in range(m):                                  for i in range(n):
        for i in range(n):                                  for k in range(m):
            v = f(x[i, k], y[i])                                scaled[i, k] = f(x[i, k], y[i])
            for j in range(m):                 ->       t = scaled.T @ x
                h[k, j] += v * x[i, j]                  for k in range(m):
                                                            for j in range(m):
                                                                h[k, j] += t[k, j]

Hessians are such nests: `x.T @ diag(c) @ x`. What is computed becomes a matrix as large as the one that it is computed
from. Only where `multiply.py` then finds a product. Reads: structure, affine forms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..analysis.affine import Affine
from ..analysis.structure import Structure, find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import (
    Block,
    Function,
    Op,
    Value,
    indices_of,
    is_number,
    leaves_early,
    loop_body,
    written_in_place,
)
from ..ir.nests import nest_over
from ..ir.walk import exchanged, ops_of, ops_within, rename_op, uses_in
from ..primitives import REGISTRY
from ..transform.primal import as_primal
from .fold import simplified
from .multiply import multiply_matrices

PLAIN = ("load", "store", "accum", "shape", "for")


@dataclass(frozen=True)
class Scaled:
    """A value in a nest that is computed, by `ops`, from an element of a matrix; `loops` are those of its axes."""

    value: Value
    ops: tuple[Op, ...]
    loops: tuple[Op, Op]


def multiply_scaled(function: Function) -> Function:
    """Give nests to BLAS until there is none left that is a product."""
    refused: set[Op] = set()
    while True:
        structure = find_structure(function.body)
        root = next((op for op in function.body.ops if op not in refused and scaled_in(op, structure)), None)
        if root is None:
            return function
        refused.add(root)
        candidate = simplified(multiply_matrices(simplified(with_matrices(function, root, structure))))
        if products(candidate) > products(function):
            function = candidate


def products(function: Function) -> int:
    return sum(op.primitive == "matmul" for op in ops_within(function.body))


def scaled_in(root: Op, structure: Structure) -> list[Scaled]:
    """What is computed of elements of matrices in a nest, before an inner loop reads it."""
    if not all(
        op.primitive in ("load", "store", "accum", "shape", "for") or op.primitive in REGISTRY
        for op in ops_of(root)
    ):
        return []
    if not all(is_upwards(op) for op in ops_of(root) if op.primitive == "for"):
        return []
    affine = Affine(structure)
    written = {structure.storage(before) for op in ops_of(root) for before, _ in written_in_place(op)}
    found = []
    for loop in ops_of(root):
        if loop.primitive != "for" or loop is root:
            continue
        block = loop_body(loop)
        inner = [op for op in block.ops if op.primitive == "for"]
        read = {v for op in inner for v in uses_in(loop_body(op))}
        for op in block.ops:
            if (
                op.primitive in REGISTRY
                and len(op.results) == 1
                and op.result in read
                and ty.is_float(op.result.type)
            ):
                scaled = scaled_value(op.result, block, root, written, affine)
                if scaled is not None:
                    found.append(scaled)
    return found


def is_upwards(loop: Op) -> bool:
    return not leaves_early(loop) and not loop.attributes.get("descending") and is_number(loop.operands[2], 1)


def scaled_value(value: Value, block: Block, root: Op, written: set[Value], affine: Affine) -> Scaled | None:
    """How a value is computed, if from an element of a matrix, and otherwise from what its row or column has."""
    structure = affine.structure
    needed = {value}
    ops: list[Op] = []
    for op in reversed(block.ops):
        if not any(result in needed for result in op.results):
            continue
        if op.regions or any(ty.is_array(v.type) and structure.storage(v) in written for v in op.operands):
            return None
        needed.update(op.operands)
        ops.append(op)
    ops.reverse()
    axes = next((found for op in ops if (found := matrix_axes(op, root, affine)) is not None), None)
    if axes is None:
        return None
    indices = {loop_body(loop).parameters[0] for loop in axes}
    made = {result for op in ops for result in op.results}
    inside = {v for op in ops for v in op.operands if root in structure.home.get(v, ()) and v not in made}
    return Scaled(value, tuple(ops), axes) if inside <= indices else None


def matrix_axes(op: Op, root: Op, affine: Affine) -> tuple[Op, Op] | None:
    """The loops, in the nest, over all of the two axes of a matrix of which an op loads an element."""
    if op.primitive != "load" or len(op.operands) != 3:
        return None
    loops = []
    for axis, i in enumerate(indices_of(op)):
        loop = affine.loop_of(i)
        if loop is None or loop not in ops_of(root) or not is_number(loop.operands[0], 0):
            return None
        high = affine.form(loop.operands[1])
        if any(root in affine.structure.home.get(v, ()) for v, _ in high.terms):
            return None
        if not affine.is_not_negative(high) or not affine.is_not_negative(
            affine.length(op.operands[0], axis) - high
        ):
            return None
        loops.append(loop)
    return (loops[0], loops[1]) if loops[0] is not loops[1] else None


def with_matrices(function: Function, root: Op, structure: Structure) -> Function:
    """The function with what a nest computes of elements of matrices computed before it."""
    with Builder(root.location) as builder:
        loads: dict[Op, list[Op]] = {}
        for scaled in scaled_in(root, structure):
            matrix = computed(builder, scaled)
            where = tuple(loop_body(loop).parameters[0] for loop in scaled.loops)
            load = Op("load", (matrix, *where), (scaled.value,), location=scaled.ops[-1].location)
            loads[scaled.ops[-1]] = [load]
        plain = as_primal(Function("", exchanged(Block((), (root,), root.results), loads))).body
        for op in exchanged(plain, dict(added(plain))).ops:
            builder.append(op)
    return replace(function, body=exchanged(function.body, {root: builder.ops}))


def computed(builder: Builder, scaled: Scaled) -> Value:
    """Append the nest that computes a matrix."""
    rows, columns = scaled.loops
    type = ty.array(scaled.value.type, 2)
    lengths = (rows.operands[1], columns.operands[1])
    start = builder.emit("alloc", lengths, type, {"fill": "empty", "trusted": True}, "scaled")

    def store(builder: Builder, held: Value, places: tuple[Value, ...]) -> Value:
        mapping = {
            loop_body(loop).parameters[0]: place for loop, place in zip(scaled.loops, places, strict=True)
        }
        for op in scaled.ops:
            builder.append(rename_op(op, mapping))
        return builder.emit("store", (held, *places, mapping[scaled.value]), type, name=held.name)

    return nest_over(builder, start, lengths, store)


def added(block: Block) -> Iterator[tuple[Op, list[Op]]]:
    """Additions to elements, each with the same as a load, an addition and a store."""
    for op in ops_within(block):
        if op.primitive == "accum":
            with Builder(op.location) as builder:
                array, *where, value = op.operands
                element = builder.emit("load", (array, *where), array.type.dtype)
                total = builder.emit("add", (element, value), array.type.dtype)
            store = replace(op, primitive="store", operands=(array, *where, total))
            yield op, [*builder.ops, store]


__all__ = ["multiply_scaled"]
