"""Operations on whole arrays as loops over elements, for machines that have no arrays.

    t = zeros_like x          t = alloc fill='empty' n
                       ->     t1 = for 0 n 1 t { (k t2)  t3 = store t2 k 0.0  yield t3 }

Allocations, copies and sums of arrays, and stores of rows; what remains is `alloc` of empty memory, loads and stores.
Reads: nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..ir import types as ty
from ..ir.builder import Builder, constant, zero
from ..ir.core import Block, Function, Op, Value
from ..ir.nests import copy_elements, nest_over
from ..ir.operators import current_builder
from ..ir.walk import substitute_in

FILLS = {"zeros": 0, "ones": 1}


def over_elements(function: Function) -> Function:
    """Replace operations on whole arrays by loops."""
    return replace(function, body=block_over_elements(function.body, {}))


def block_over_elements(block: Block, replaced: dict[Value, Value]) -> Block:
    with Builder() as builder:
        for op in block.ops:
            builder.location = op.location
            op = substitute_in(op, replaced)
            if op.regions:
                op = replace(op, regions=tuple(block_over_elements(r, replaced) for r in op.regions))
            made = expanded(builder, op)
            if made is None:
                builder.append(op)
            else:
                replaced[op.result] = made
    return Block(block.parameters, tuple(builder.ops), tuple(replaced.get(v, v) for v in block.results))


def expanded(builder: Builder, op: Op) -> Value | None:
    """The array that an op makes, made by loops; None for an op that stays."""
    match op.primitive:
        case "alloc" if op.attributes["fill"] in FILLS:
            array = allocated(builder, op, op.operands)
            return filled(builder, array, constant(FILLS[op.attributes["fill"]], array.type.dtype))
        case "zeros_like":
            array = allocated(builder, op, lengths_of(builder, op.operands[0]))
            return filled(builder, array, zero(array.type.dtype))
        case "empty_like":
            return allocated(builder, op, lengths_of(builder, op.operands[0]))
        case "copy":
            source = op.operands[0]
            array = allocated(builder, op, lengths_of(builder, source))
            return nest(builder, array, "store", lambda where: element(source, where))
        case "accumulate_array":
            held, term = op.operands
            return nest(builder, held, "accum", lambda where: element(term, where))
        case "store" if ty.is_array(op.operands[-1].type):
            target, *row, source = op.operands
            return copy_elements(builder, target, row, source, (), source.type.ndim)
        case _:
            return None


def lengths_of(builder: Builder, array: Value) -> list[Value]:
    return [builder.emit("shape", (array,), ty.int64, {"axis": k}) for k in range(array.type.ndim)]


def allocated(builder: Builder, op: Op, lengths: Sequence[Value]) -> Value:
    result = op.result
    return builder.emit(
        "alloc", lengths, ty.fresh(result.type), {**op.attributes, "fill": "empty"}, result.name
    )


def filled(builder: Builder, array: Value, value: Value) -> Value:
    return nest(builder, array, "store", lambda _: value)


def element(array: Value, where: Sequence[Value]) -> Value:
    return current_builder().emit("load", (array, *where), array.type.dtype)


def nest(builder: Builder, array: Value, update: str, value: Callable[[Sequence[Value]], Value]) -> Value:
    """The array after an update of all its elements."""

    def updated(builder: Builder, held: Value, where: tuple[Value, ...]) -> Value:
        return builder.emit(update, (held, *where, value(where)), held.type, name=held.name)

    return nest_over(builder, array, lengths_of(builder, array), updated)


__all__ = ["over_elements"]
