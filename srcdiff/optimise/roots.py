"""Powers by halves as roots.

    f = r ** (-1.5)                 ->     f = 1.0 / (r * math.sqrt(r))
    g = -1.5 * r ** (-2.5)                 g = -1.5 * (1.0 / (r ** 2 * math.sqrt(r)))

A power of two floats is a call that costs as much as twenty products, and a loop with one is not vectorised; a root is
an instruction. Each operation rounds, so that a result may differ by a unit or two in the last place. Reads: nothing.
"""

from __future__ import annotations

from dataclasses import replace

from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Function, Op

LARGEST = 5


def take_roots(function: Function) -> Function:
    return replace(function, body=rooted(function.body))


def rooted(block: Block) -> Block:
    with Builder() as builder:
        for op in block.ops:
            if op.regions:
                op = replace(op, regions=tuple(map(rooted, op.regions)))
            if is_power_by_halves(op):
                append_root(builder, op)
            else:
                builder.append(op)
    return replace(block, ops=tuple(builder.ops))


def is_power_by_halves(op: Op) -> bool:
    if op.primitive != "pow" or not ty.is_float(op.result.type):
        return False
    base, exponent = op.operands
    if not exponent.is_constant or base.type != op.result.type:
        return False
    return bool(abs(exponent.constant) < LARGEST and 2 * exponent.constant % 2 == 1)


def append_root(builder: Builder, power: Op) -> None:
    base, exponent = power.operands
    type, whole = power.result.type, int(abs(exponent.constant))
    builder.location = power.location
    made = builder.emit("sqrt", (base,), type)
    if whole > 0:
        factor = base if whole == 1 else builder.emit("pow", (base, constant(whole, ty.int64)), type)
        made = builder.emit("mul", (factor, made), type)
    if exponent.constant < 0:
        builder.emit("div", (constant(1.0, type), made), type)
    builder.ops[-1] = replace(builder.ops[-1], results=power.results)


__all__ = ["take_roots"]
