"""Make an ordinary function of a derivative, so that it can be differentiated again.

    reverse_sweep                              ->
    for (0, n, 1; ...) descending                    for (n - 1, -1, -1; ...)

The marks by which the two sweeps know each other go, and loops that run backwards count down. Tapes become ordinary
arrays whose indices need no check.
"""

from __future__ import annotations

from dataclasses import replace

from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Function, Op, Value
from ..ir.trips import trip_count

MARKS = frozenset({"token", "reverses", "fused", "descending", "tape", "begin", "number", "mirrors"})


def as_primal(function: Function) -> Function:
    """The function without what only its own reverse sweep needed."""
    return replace(function, body=unmarked(function.body))


def unmarked(block: Block) -> Block:
    with Builder() as builder:
        for op in block.ops:
            if op.primitive == "reverse_sweep":
                continue
            attributes = {k: v for k, v in op.attributes.items() if k not in MARKS}
            if op.attributes.get("tape"):
                attributes["trusted"] = True
            if op.regions:
                operands = (*counted_down(builder, op), *op.operands[3:]) if runs_down(op) else op.operands
                regions = tuple(map(unmarked, op.regions))
                op = replace(op, operands=operands, regions=regions, attributes=attributes)
            elif attributes != op.attributes:
                op = replace(op, attributes=attributes)
            builder.append(op)
    return replace(block, ops=tuple(builder.ops))


def runs_down(op: Op) -> bool:
    return bool(op.attributes.get("descending"))


def counted_down(builder: Builder, loop: Op) -> tuple[Value, Value, Value]:
    """The bounds and the step of the same trips, the last one first."""
    low, high, step = loop.operands[:3]
    one = constant(1, ty.int64)
    back = "sub" if step.constant > 0 else "add"
    if abs(step.constant) == 1:
        last = builder.emit(back, (high, one), ty.int64)
    else:
        before = builder.emit("sub", (trip_count(builder, loop), one), ty.int64)
        last = builder.emit("add", (low, builder.emit("mul", (before, step), ty.int64)), ty.int64)
    return last, builder.emit(back, (low, one), ty.int64), constant(-step.constant, ty.int64)


__all__ = ["as_primal"]
