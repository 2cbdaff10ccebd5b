"""Write an `if` between integers as a choice: an index that is chosen can be computed again.

    for j in range(n):                       for j in range(n):
        if j > 0:                                left = j - 1 if j > 0 else n - 1
            left = j - 1              ->         y[j] = x[left]
        else:
            left = n - 1
        y[j] = x[left]

The reverse sweep then needs no tape of such indices, and no loop that makes them once more. Only where integers decide
and both arms do nothing but to add, subtract and multiply a few of them, which cannot fail. Indices have been checked
before, with what the arms know. Reads: structure.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.structure import Structure, find_structure
from ..ir import types as ty
from ..ir.core import Block, Function, Op, Value
from ..ir.walk import substitute

COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
ARITHMETIC = ("add", "sub", "mul", "neg", "min", "max", "select")
MOST = 4  # ops in both arms


def choose_integers(function: Function) -> Function:
    return replace(function, body=chosen(function.body, find_structure(function.body)))


def chosen(block: Block, structure: Structure) -> Block:
    ops: list[Op] = []
    for op in block.ops:
        if op.regions:
            op = replace(op, regions=tuple(chosen(region, structure) for region in op.regions))
        if op.primitive != "if" or not is_choice(op, structure):
            ops.append(op)
            continue
        then, otherwise = map(nameless, op.regions)
        ops += (*then.ops, *otherwise.ops)
        for a, b, result in zip(then.results, otherwise.results, op.results, strict=True):
            ops.append(Op("select", (op.operands[0], a, b), (result,), (), {}, op.location))
    return replace(block, ops=tuple(ops))


def is_choice(op: Op, structure: Structure) -> bool:
    """Whether an `if` does nothing but to choose between integers by integers, and what it computes may be computed
    anyway."""
    inside = [inner for region in op.regions for inner in region.ops]
    test = structure.maker.get(op.operands[0])
    return (
        bool(op.results)
        and len(inside) <= MOST
        and all(inner.primitive in ARITHMETIC for inner in inside)
        and all(ty.is_integer(v.type) for v in op.results)
        and test is not None
        and test.primitive in COMPARISONS
        and all(ty.is_integer(v.type) for inner in (test, *inside) for v in inner.operands)
    )


def nameless(arm: Block) -> Block:
    """An arm whose values have no names: the choice has that of the variable."""
    new = {v: Value("", v.type) for op in arm.ops for v in op.results}
    ops = tuple(replace(op, results=tuple(new[v] for v in op.results)) for op in arm.ops)
    return substitute(replace(arm, ops=ops), new)


__all__ = ["choose_integers"]
