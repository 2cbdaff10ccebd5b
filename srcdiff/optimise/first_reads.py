"""Zero for what loops read of arrays of zeros before they write there.

    x_bar = zeros_like x                      x_bar = zeros_like x
    for i in range(n):                        for i in range(n):
        t = x_bar[i] + w[i]         ->            t = w[i]
        x_bar[i] = 0.0
        x_bar[i] += t                             x_bar[i] += t

An addition to whole arrays, reversed, takes what is owed out of the element and gives it back. Without that the loop
only adds, so that it can come before the loop that it follows (`beforehand.py`). Reads: structure.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.structure import Structure, find_structure
from ..ir.builder import zero
from ..ir.core import Block, Function, Op, Value, is_number, loop_body, makes_zeros
from ..ir.walk import free_values_of, substitute, substitute_in
from .assign import slot_along
from .dse import IGNORES_ELEMENTS
from .reorder import own_elements


def read_zeros(function: Function) -> Function:
    return replace(function, body=visited(function.body, find_structure(function.body)))


def visited(block: Block, structure: Structure) -> Block:
    ops: list[Op] = []
    unwritten: set[Value] = set()
    for op in block.ops:
        if op.regions:
            op = replace(op, regions=tuple(visited(region, structure) for region in op.regions))
        for version in () if op.primitive in IGNORES_ELEMENTS else free_values_of(op):
            if version in unwritten:
                unwritten.remove(version)
                op = reading_zeros(op, version, (), structure)
        if makes_zeros(op):
            unwritten.add(op.result)
        ops.append(op)
    return replace(block, ops=tuple(ops))


def reading_zeros(op: Op, version: Value, indices: tuple[Value, ...], structure: Structure) -> Op:
    """The loop with zeros for the elements of an array that nothing has been written into, if it goes over the next
    axis; `indices` are those of the loops around, which go over the leading ones."""
    slot = slot_along(op, version, len(indices), structure)
    if slot is None or structure.is_mixed(version):
        return op
    _, parameter, yielded, _ = slot
    body = loop_body(op)
    indices = (*indices, body.parameters[0])
    if len(indices) == version.type.ndim:
        if not own_elements(body, parameter, yielded, indices[-1]):
            return op
        return replace(op, regions=(from_zero(body, parameter),))
    first = next((inner for inner in body.ops if parameter in free_values_of(inner)), None)
    if first is None:
        return op
    new = reading_zeros(first, parameter, indices, structure)
    ops = tuple(new if inner is first else inner for inner in body.ops)
    return op if new is first else replace(op, regions=(replace(body, ops=ops),))


def from_zero(body: Block, start: Value) -> Block:
    """The body with zero for what it loads of an array, and without the zeros that it stores there, until it stores or
    adds something else."""
    known: dict[Value, Value] = {}
    ops: list[Op] = []
    changed = False
    for op in body.ops:
        op = substitute_in(op, known)
        touches = start in free_values_of(op) and not changed
        if touches and op.primitive == "load":
            known[op.result] = zero(op.result.type)
        elif touches and op.primitive == "store" and is_number(op.operands[-1], 0):
            known[op.result] = start
        else:
            changed = changed or touches
            ops.append(op)
    return substitute(replace(body, ops=tuple(ops)), known)


__all__ = ["read_zeros"]
