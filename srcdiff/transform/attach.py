"""Replace values that have the derivative of another by what they are, once no derivative is needed of them.

m = max of x                 # without derivative            m = max of x
s = mean of the largest      # equal to m; its derivative    s = mean of the largest      # dead
y = attach m s                                          ->
z = mul y y                                                  z = mul m m
"""

from __future__ import annotations

from dataclasses import replace

from ..ir.core import Block, Function, Value
from ..ir.walk import substitute


def drop_attachments(function: Function) -> Function:
    """The function with the first operand in place of the result of each `attach`, and of what stops derivatives."""
    replaced: dict[Value, Value] = {}

    def visit(block: Block) -> Block:
        kept = []
        for op in block.ops:
            if op.primitive in ("attach", "stop_gradient"):
                value = op.operands[0]
                replaced[op.result] = replaced.get(value, value)
                continue
            kept.append(replace(op, regions=tuple(map(visit, op.regions))) if op.regions else op)
        return replace(block, ops=tuple(kept))

    body = visit(function.body)
    return replace(function, body=substitute(body, replaced)) if replaced else function
