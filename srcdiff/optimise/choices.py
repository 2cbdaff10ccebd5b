"""Write an `if` between integers as a choice: an index that is chosen can be computed again.

    for j in range(n):                       for j in range(n):
        if j > 0:                                left = j - 1 if j > 0 else n - 1
            left = j - 1              ->         y[j] = x[left]
        else:
            left = n - 1
        y[j] = x[left]

The reverse sweep then needs no tape of such indices, and no loop that makes them once more. Only where both arms do
nothing but to add, subtract and multiply a few integers, which cannot fail. Indices have been checked before, with what
the arms know. Reads: nothing.
"""

from __future__ import annotations

from dataclasses import replace

from ..ir import types as ty
from ..ir.core import Block, Function, Op

ARITHMETIC = ("add", "sub", "mul", "neg", "min", "max", "lt", "le", "gt", "ge", "eq", "ne", "not", "select")
MOST = 4  # ops in both arms


def choose_integers(function: Function) -> Function:
    return replace(function, body=chosen(function.body))


def chosen(block: Block) -> Block:
    ops: list[Op] = []
    for op in block.ops:
        if op.regions:
            op = replace(op, regions=tuple(map(chosen, op.regions)))
        if op.primitive != "if" or not is_choice(op):
            ops.append(op)
            continue
        then, otherwise = op.regions
        ops += (*then.ops, *otherwise.ops)
        for a, b, result in zip(then.results, otherwise.results, op.results, strict=True):
            ops.append(Op("select", (op.operands[0], a, b), (result,), (), {}, op.location))
    return replace(block, ops=tuple(ops))


def is_choice(op: Op) -> bool:
    """Whether an `if` does nothing but to choose between integers, and their arithmetic may be done anyway."""
    inside = [inner for region in op.regions for inner in region.ops]
    numbers = [*op.results, *(v for inner in inside for v in (*inner.operands, *inner.results))]
    return (
        bool(op.results)
        and len(inside) <= MOST
        and all(inner.primitive in ARITHMETIC for inner in inside)
        and all(ty.is_integer(v.type) or ty.is_boolean(v.type) for v in numbers)
        and not any(ty.is_boolean(result.type) for result in op.results)
    )


__all__ = ["choose_integers"]
