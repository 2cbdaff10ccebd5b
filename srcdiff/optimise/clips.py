"""Bounds of slices that need no clipping, comparisons of integers that are known, and `i + k - i`.

    for k in range(1, n):                        for k in range(1, n):
        for i in range(min(k, n)):       ->          for i in range(k):
            y[i] = y[i] + t[i]                           y[i] = y[i] + t[i]

Slices are read with Python's clipping, and checked where two must fit; inside loops the linear forms of indices and
lengths often tell the outcome, as does that a loop around makes a trip: `max(n - 2, 0)` is `n - 2` in a loop over
`range(1, n - 1)`. Reads: structure, affine forms, ranges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..analysis.affine import Affine, Linear
from ..analysis.ranges import Ranges
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import constant
from ..ir.core import Block, Function, Op, Value
from ..ir.walk import substitute

DECIDED = ("min", "max", "eq", "ne", "lt", "le", "gt", "ge")


def drop_clips(function: Function) -> Function:
    while True:  # what is known of one bound may tell another one
        known: dict[Value, Value] = {}
        body = decided(function.body, Ranges(Affine(find_structure(function.body))), known)
        if not known:
            return function
        function = replace(function, body=substitute(body, {v: latest(v, known) for v in known}))


def latest(value: Value, known: dict[Value, Value]) -> Value:
    while value in known:
        value = known[value]
    return value


def decided(block: Block, ranges: Ranges, known: dict[Value, Value], facts: Sequence[Linear] = ()) -> Block:
    """The block without the ops whose outcome is known; `known` says what that is. `facts` hold in each run of it."""
    ops: list[Op] = []
    ranges.open(facts)
    for op in block.ops:
        if op.regions:
            regions = zip(op.regions, facts_inside(op, ranges), strict=True)
            op = replace(op, regions=tuple(decided(r, ranges, known, inside) for r, inside in regions))
        elif op.primitive in (*DECIDED, "sub") and all(x.type == ty.int64 for x in op.operands):
            value = outcome(op, ranges)
            if value is not None and value.type == op.result.type:
                known[op.result] = value
                continue
        elif op.primitive == "require" and holds(op.operands[0], ranges):
            continue
        ranges.learn(op)
        ops.append(op)
    ranges.close()
    return replace(block, ops=tuple(ops))


def holds(condition: Value, ranges: Ranges) -> bool:
    """Whether a comparison made before is known to hold by now."""
    made = ranges.affine.structure.maker.get(condition)
    if made is None or made.primitive not in DECIDED or any(x.type != ty.int64 for x in made.operands):
        return False
    value = outcome(made, ranges)
    return value is not None and value.constant is True


def facts_inside(op: Op, ranges: Ranges) -> list[list[Linear]]:
    """What holds in each run of the regions of an op."""
    match op.primitive:
        case "for":
            return [ranges.in_each_trip(op)]
        case "if":
            return [ranges.follows(op.operands[0], taken) for taken in (True, False)]
        case _:
            return [[] for _ in op.regions]


def outcome(op: Op, ranges: Ranges) -> Value | None:
    a, b = op.operands
    affine = ranges.affine
    if op.primitive == "sub":
        made = affine.structure.maker.get(a)
        parts = made.operands if made is not None and made.primitive == "add" else ()
        return next((x for x in parts if affine.form(x) == affine.form(op.result)), None)
    difference = affine.form(b) - affine.form(a)

    def is_not_negative(form: Linear) -> bool:
        return affine.is_not_negative(form) or ranges.proves(form)

    def at_least(n: int) -> bool:
        return is_not_negative(difference + Linear((), -n))

    def at_most(n: int) -> bool:
        return is_not_negative(difference.scaled(-1) + Linear((), n))

    match op.primitive:
        case "min" | "max":
            if at_least(0):
                return a if op.primitive == "min" else b
            if at_most(0):
                return b if op.primitive == "min" else a
        case "eq" | "ne":
            if not difference.terms and not difference.constant:
                return constant(op.primitive == "eq", ty.boolean)
            low, high = at_least(0), at_most(0)
            if low and high:
                return constant(op.primitive == "eq", ty.boolean)
            if (low and at_least(1)) or (high and at_most(-1)):
                return constant(op.primitive == "ne", ty.boolean)
        case "lt" | "ge":
            if at_least(1) or at_most(0):
                return constant((op.primitive == "lt") == at_least(1), ty.boolean)
        case "le" | "gt":
            if at_least(0) or at_most(-1):
                return constant((op.primitive == "le") == at_least(0), ty.boolean)
    return None


__all__ = ["drop_clips"]
