"""Fewer updates of elements: what is cleared and then added to is stored once, what is added twice is summed first.

    x_bar[i] = 0.0            x_bar[i] = g * c + g * d
    x_bar[i] += g * c    ->
    x_bar[i] += g * d

Additions to other elements in between are moved behind, since nothing reads the array there. What is stored over
before it is read is not stored. Reads: nothing.
"""

from __future__ import annotations

from dataclasses import replace

from ..ir import types as ty
from ..ir.core import (
    Block,
    Function,
    Op,
    Value,
    same_place,
)
from ..ir.walk import uses_in

UPDATES = ("accum", "store")


def combine_updates(function: Function) -> Function:
    uses: dict[Value, int] = {}
    for value in uses_in(function.body):
        uses[value] = uses.get(value, 0) + 1
    return replace(function, body=combine(function.body, uses))


def combine(block: Block, uses: dict[Value, int]) -> Block:
    done: list[Op] = []
    made: dict[Value, Op] = {}
    for op in block.ops:
        if op.regions:
            op = replace(op, regions=tuple(combine(region, uses) for region in op.regions))
        chain = updates_above(op, made, uses)
        over = stored_over(op, made, uses)
        if over is not None:
            done.remove(over)
            done.append(replace(op, operands=(over.operands[0], *op.operands[1:])))
        elif chain is None:
            done.append(op)
        else:
            for gone in chain:
                done.remove(gone)
            done += merged(op, chain)
            for version in {v for new in done[-len(chain) - 2 :] for v in new.operands}:
                uses.setdefault(version, 1)
        made.update((result, new) for new in done[-3 - len(chain or ()) :] for result in new.results)
    return replace(block, ops=tuple(done))


def stored_over(op: Op, made: dict[Value, Op], uses: dict[Value, int]) -> Op | None:
    """The update just before a store, to the same element."""
    before = made.get(op.operands[0]) if op.primitive == "store" else None
    if before is None or before.primitive not in UPDATES or uses.get(op.operands[0], 0) != 1:
        return None
    return before if same_place(before.operands[1:-1], op.operands[1:-1]) else None


def updates_above(op: Op, made: dict[Value, Op], uses: dict[Value, int]) -> list[Op] | None:
    """The updates from one of the same element down to just before `op`; None if there is none."""
    if op.primitive != "accum":
        return None
    chain: list[Op] = []
    array = op.operands[0]
    while True:
        before = made.get(array)
        if before is None or before.primitive not in UPDATES or uses.get(array, 0) != 1:
            return None
        chain.insert(0, before)
        if same_place(before.operands[1:-1], op.operands[1:-1]):
            return chain
        if before.primitive != "accum":
            return None
        array = before.operands[0]


def merged(op: Op, chain: list[Op]) -> list[Op]:
    """One update in place of the first of the chain and `op`, then the others."""
    first, *others = chain
    array, *where, term = first.operands
    added = op.operands[-1]
    new: list[Op] = []
    if not (term.is_constant and term.constant == 0):
        total = Value("", ty.promote(term.type, added.type))
        new.append(Op("add", (term, added), (total,), (), {}, op.location))
        added = total
    updates = [replace(first, operands=(array, *where, added)), *others]
    versions = [Value(array.name, array.type) for _ in updates[:-1]] + [op.result]
    held = array
    for update, version in zip(updates, versions, strict=True):
        new.append(replace(update, operands=(held, *update.operands[1:]), results=(version,)))
        held = version
    return new
