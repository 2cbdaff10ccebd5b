"""The adjoints of loads, stores and what else moves values without computing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..ir import types as ty
from ..ir.builder import zero
from ..ir.core import Op, Value
from ..ir.operators import current_builder
from .cotangents import Cotangents, as_type, bar

if TYPE_CHECKING:
    from .reverse import Reverser


def part_of(array: Value, where: Sequence[Value], name: str = "") -> Value:
    """An element of a cotangent; where an array was stored into a part of another, a copy of that part."""
    builder = current_builder()
    axes = array.type.ndim - len(where)
    if not axes:
        return builder.emit("load", (array, *where), array.type.dtype, name=name)
    type = ty.array(array.type.dtype, axes)
    return builder.emit("copy", (builder.emit("load", (array, *where), type),), type, name=name)


def reverse_memory(reverser: Reverser, op: Op, owed: Cotangents) -> bool:
    """Reverse a memory op; false if it is none."""
    builder = current_builder()
    match op.primitive:
        case "load":
            array, *where = op.operands
            g = owed.pop(op.result)
            if array in reverser.active:
                held = reverser.settle(owed, array)
                owed[array] = builder.emit("accum", (held, *where, g), held.type, name=held.name)
        case "store":
            array, *where, value = op.operands
            held = owed.pop(op.result)
            if value in reverser.active:
                reverser.owe(owed, value, part_of(held, where, bar(value)))
            if array in reverser.active or array in reverser.fresh:
                cleared = builder.emit(
                    "store", (held, *where, zero(held.type.dtype)), held.type, name=held.name
                )
                reverser.owe(owed, array, cleared)
        case "accum":
            array, *where, term = op.operands
            held = owed.pop(op.result)
            if term in reverser.active:
                reverser.owe(owed, term, part_of(held, where))
            reverser.owe(owed, array, held)
        case "accumulate_array":
            array, term = op.operands
            held = owed.pop(op.result)
            if term in reverser.active:
                own = held if term in owed else builder.emit("copy", (held,), held.type, name=held.name)
                reverser.owe(owed, term, own)
            reverser.owe(owed, array, held)
        case "barrier":
            held = owed.pop(op.result)
            met = builder.emit("barrier", (held,), held.type, name=held.name)
            reverser.owe(owed, op.operands[0], met)
        case "copy" | "ensure":
            reverser.owe(owed, op.operands[0], owed.pop(op.result))
        case "cast":
            g = owed.pop(op.result)
            operand: Value = op.operands[0]
            if ty.is_differentiable(operand.type):
                reverser.owe(owed, operand, as_type(g, operand.type))
        case "alloc" if op.attributes.get("work"):
            if op.result in owed:
                builder.effect("release", (owed.pop(op.result),))
        case "alloc" | "shape" | "stop_gradient" | "zeros_like":
            owed.pop(op.result, None)
        case _:
            return False
    return True
