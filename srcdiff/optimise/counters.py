"""Integers that each trip of a loop moves by the same number, as sums of its index.

    k = 2                            for i in range(n):
    for i in range(n):                   y[i + 2] = x[i]
        y[k] = x[i]          ->      k = max(n, 0) + 2
        k += 1

What is not carried does not order the trips, and is known behind the loop: a list that grows by one item in each trip
has as many as there are trips. Reads: nothing but the IR.
"""

from __future__ import annotations

from dataclasses import replace

from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Function, Op, Slot, Value, is_number, leaves_early, loop_body, loop_slots
from ..ir.trips import trip_count, trip_number
from ..ir.walk import same, shared, substitute, substitute_in


def count_by_index(function: Function) -> Function:
    body = counted(function.body, frozenset())
    return function if body is function.body else replace(function, body=body)


def counted(block: Block, carried: frozenset[Value]) -> Block:
    """The block with the counters of its loops, inner ones first, taken out of what they carry.

    One that a loop around carries too goes on from where it is there, unless the inner loop moves it by a constant.
    """
    ops: list[Op] = []
    behind: dict[Value, Value] = {}
    for op in block.ops:
        op = substitute_in(op, behind)
        inside = carried.union(*(region.parameters for region in op.regions))
        regions = tuple(counted(region, inside) for region in op.regions)
        if not same(regions, op.regions):
            op = replace(op, regions=regions)
        if op.primitive == "for":
            op, after, counts = without_counters(op, carried)
            ops += [op, *after]
            behind.update(counts)
        else:
            ops.append(op)
    results = tuple(behind.get(value, value) for value in block.results)
    return shared(block, block.parameters, tuple(ops), results)


def without_counters(loop: Op, carried: frozenset[Value]) -> tuple[Op, list[Op], dict[Value, Value]]:
    """A loop without its counters, what stands behind it, and what they are there."""
    low, high, step = loop.operands[:3]
    steps = {} if leaves_early(loop) or not (is_number(step, 1) or is_number(step, -1)) else counters(loop)
    if not (low.is_constant and high.is_constant):
        steps = {slot: by for slot, by in steps.items() if slot[0] not in carried}
    if not steps:
        return loop, [], {}
    body, slots = loop_body(loop), loop_slots(loop)
    index = body.parameters[0]
    with Builder(loop.location) as start:
        trip = trip_number(start, index, low, step)
        mapping = {slot[1]: after_trips(slot[0], by, trip) for slot, by in steps.items()}
    with Builder(loop.location) as behind:
        trips = trip_count(behind, loop)
        results = {slot[3]: after_trips(slot[0], by, trips) for slot, by in steps.items()}
    kept = [slot for slot in slots if slot not in steps]
    inner = substitute(Block((index, *(s[1] for s in kept)), body.ops, tuple(s[2] for s in kept)), mapping)
    inner = replace(inner, ops=(*start.ops, *inner.ops))
    found = replace(
        loop,
        operands=(low, high, step, *(slot[0] for slot in kept)),
        results=tuple(slot[3] for slot in kept),
        regions=(*loop.regions[:-1], inner),
    )
    return found, behind.ops, results


def after_trips(initial: Value, by: int, trips: Value) -> Value:
    """A counter after so many trips."""
    if trips.is_constant:
        return initial + constant(by * trips.constant, ty.int64)
    moved = trips if by == 1 else trips * constant(by, ty.int64)
    return moved if is_number(initial, 0) else initial + moved


def counters(loop: Op) -> dict[Slot, int]:
    """The integers that each trip of a loop moves, and by how much."""
    makers = {result: op for op in loop_body(loop).ops for result in op.results}
    found: dict[Slot, int] = {}
    for slot in loop_slots(loop):
        _, parameter, value, _ = slot
        by = 0
        while value is not parameter and value in makers:
            made = makers[value]
            if made.primitive not in ("add", "sub"):
                break
            a, b = made.operands
            if a.is_constant and made.primitive == "add":
                a, b = b, a
            if not b.is_constant:
                break
            by += b.constant if made.primitive == "add" else -b.constant
            value = a
        if value is parameter and by and parameter.type == ty.int64:
            found[slot] = by
    return found


__all__ = ["count_by_index"]
