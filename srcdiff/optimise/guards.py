"""Multiply inside a guard by what its outcome is multiplied by: the factor then joins one that is there.

    t = 0.0 if g == 0.0 else -(g / y) * r      t = 0.0 if g == 0.0 else g / y * (r * -2.0)
    x_bar = 2.0 * t * x                 ->     x_bar = t * x

Only powers of two, by which a product can be multiplied at any place without another rounding, and only guards that
nothing else reads. Of the two factors of a guarded product the one that is known first takes the power, so that the
result does not wait for one more product. Reads: nothing.
"""

from __future__ import annotations

import math
from dataclasses import replace

from ..errors import Location
from ..ir import types as ty
from ..ir.builder import constant
from ..ir.core import Block, Function, Op, Value
from ..ir.walk import substitute_in, uses_in


def scale_guards(function: Function) -> Function:
    uses: dict[Value, int] = {}
    for value in uses_in(function.body):
        uses[value] = uses.get(value, 0) + 1
    return replace(function, body=scale(function.body, uses))


def scale(block: Block, uses: dict[Value, int]) -> Block:
    ops: list[Op] = []
    scaled: dict[Value, Value] = {}  # products of guards, and the guards that give them now
    for op in block.ops:
        op = substitute_in(op, scaled)
        if op.regions:
            op = replace(op, regions=tuple(scale(region, uses) for region in op.regions))
        guard = guard_times_power(op, ops, uses)
        if guard is None:
            ops.append(op)
        else:
            at, side = guard
            made = ops[at]
            inner = multiplied(ops, made.operands[side], op.operands[0].constant, uses)
            operands = (*made.operands[:side], inner[-1].result, *made.operands[side + 1 :])
            ops[at : at + 1] = [*inner, replace(made, operands=operands)]
            scaled[op.result] = made.result
    results = tuple(scaled.get(value, value) for value in block.results)
    return replace(block, ops=tuple(ops), results=results)


def guard_times_power(op: Op, ops: list[Op], uses: dict[Value, int]) -> tuple[int, int] | None:
    """Where the guard is made that an op multiplies by a power of two, and which operand it guards."""
    if op.primitive != "mul" or not ty.is_float(op.result.type):
        return None
    factor, value = op.operands
    if not factor.is_constant or abs(math.frexp(factor.constant)[0]) != 0.5 or value.type != op.result.type:
        return None
    at = next((k for k, made in enumerate(ops) if value in made.results), None)
    if at is None or ops[at].primitive != "select" or uses.get(value) != 1:
        return None
    for zero, side in ((1, 2), (2, 1)):
        if ops[at].operands[zero].is_constant and ops[at].operands[zero].constant == 0.0:
            return at, side
    return None


def multiplied(ops: list[Op], value: Value, factor: float, uses: dict[Value, int]) -> list[Op]:
    """The ops that make `factor * value` in place of a product that only the guard reads."""
    made = next((op for op in ops if value in op.results), None)
    where = made.location if made is not None else None
    if made is None or uses.get(value) != 1:
        return [product(constant(factor, value.type), value, where)]
    if made.primitive == "neg":
        return [product(made.operands[0], constant(-factor, value.type), where)]
    if made.primitive == "mul" and made.operands[1].type == value.type:
        late, early = made.operands
        first = next((op for op in ops if late in op.results), None)
        if first is not None and first.primitive == "neg" and uses.get(late) == 1:
            if first.operands[0].type == value.type:
                late, factor = first.operands[0], -factor
        places = {result: k for k, op in enumerate(ops) for result in op.results}
        if places.get(early, -1) > places.get(late, -1):
            late, early = early, late
        scaled = product(early, constant(factor, value.type), where)
        return [scaled, product(late, scaled.result, where)]
    return [product(constant(factor, value.type), value, where)]


def product(a: Value, b: Value, where: Location | None) -> Op:
    return Op("mul", (a, b), (Value("", a.type),), (), {}, where)


__all__ = ["scale_guards"]
