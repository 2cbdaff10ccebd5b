"""Make an array in the row that it would be copied into.

    x_bar = zeros_like x                         jacobian.2 = accum jacobian.1 i 3 t1
    x_bar.1 = accum x_bar 3 t1           ->
    jacobian.2 = copy x_bar.1 into row i

The rows must be zeros before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.core import Block, Op, Value, makes_zeros
from ..ir.walk import ops_of

MOVES = ("load", "store", "accum", "shape", "for", "while", "if")


def made_in_row(
    ops: Sequence[Op], array: Value, matrix: Value, places: tuple[Value, ...], others: Sequence[Value]
) -> tuple[list[Op], Value] | None:
    """The ops with an array made in the row `matrix[*places]`, and the next version of the matrix.

    None if that cannot be: the array is not made of zeros by one of these ops, shares its memory with one of `others`,
    or is used as a whole.
    """
    structure = find_structure(Block((), tuple(ops), (array, *others)))
    first, storage = structure.origin(array), structure.storage(array)
    made = structure.maker.get(first)
    if made is None or made not in ops or structure.is_mixed(array):
        return None
    if not makes_zeros(made):
        return None
    if any(ty.is_array(v.type) and structure.storage(v) is storage for v in others):
        return None
    if array.type.dtype != matrix.type.dtype:
        return None
    mapping: dict[Value, Value] = {first: matrix}

    def is_version(value: Value) -> bool:
        return ty.is_array(value.type) and structure.storage(value) is storage

    for op in (inner for each in ops for inner in ops_of(each)):
        used = [k for k, value in enumerate(op.operands) if is_version(value)]
        if used and (op.primitive not in MOVES or (op.primitive in ("store", "accum") and used != [0])):
            return None

    def version(value: Value) -> Value:
        if is_version(value) and value not in mapping:
            mapping[value] = Value(matrix.name, matrix.type)
        return mapping.get(value, value)

    def moved(op: Op) -> Op:
        operands = tuple(map(version, op.operands))
        attributes = op.attributes
        if op.primitive in ("load", "store", "accum", "shape") and is_version(op.operands[0]):
            if op.primitive == "shape":
                attributes = {**attributes, "axis": attributes["axis"] + len(places)}
            else:
                operands = (operands[0], *places, *operands[1:])
        regions = tuple(
            Block(
                tuple(map(version, region.parameters)),
                tuple(map(moved, region.ops)),
                tuple(map(version, region.results)),
            )
            for region in op.regions
        )
        results = tuple(map(version, op.results))
        return replace(op, operands=operands, attributes=attributes, regions=regions, results=results)

    return [moved(op) for op in ops if op is not made], version(array)


__all__ = ["made_in_row"]
