"""Store behind all else that a trip does, where numbers are carried from trip to trip.

    for i in range(n):                     for i in range(n):
        tape[i] = previous * c[i]    ->        here = y[i]
        here = y[i]                            tape[i] = previous * c[i]
        previous = here                        previous = here

LLVM vectorises a loop that carries what the trip before has computed if it can move everything that reads the old
number behind what computes the next one, and it does not move stores. Only innermost loops in which no number depends
on itself through the trips before: the others stay scalar anyway. Reads: nothing.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.sums import accumulates
from ..ir import types as ty
from ..ir.core import Block, Function, Op, Value, leaves_early, loop_body, loop_slots

WRITES = ("store", "accum")
EFFECTS = ("opaque", "require", "raise", "ensure", "release")


def delay_stores(function: Function) -> Function:
    return replace(function, body=delay(function.body))


def delay(block: Block) -> Block:
    ops = []
    for op in block.ops:
        if op.regions:
            op = replace(op, regions=tuple(delay(region) for region in op.regions))
        if op.primitive == "for" and not leaves_early(op) and carries_forward(op):
            op = replace(op, regions=(stores_last(loop_body(op)),))
        ops.append(op)
    return replace(block, ops=tuple(ops))


def carries_forward(op: Op) -> bool:
    """Whether a loop carries numbers that are no sums, and none of them depends on what it was earlier."""
    body = loop_body(op)
    if any(inner.regions or inner.primitive in EFFECTS for inner in body.ops):
        return False
    slots = [
        (p, y) for _, p, y, _ in loop_slots(op) if not ty.is_array(p.type) and not accumulates(body, p, y)
    ]
    made_from: dict[Value, set[Value]] = {p: {p} for p, _ in slots}
    for inner in body.ops:
        found = set().union(*(made_from.get(v, ()) for v in inner.operands))
        made_from.update((result, found) for result in inner.results)
    reads = {p: made_from.get(y, set()) for p, y in slots}
    for _ in slots:
        reads = {p: found.union(*(reads[q] for q in found)) for p, found in reads.items()}
    return bool(slots) and not any(p in found for p, found in reads.items())


def stores_last(body: Block) -> Block:
    """The body with each store behind it whose array nothing reads afterwards."""
    readers: dict[Value, list[Op]] = {}
    for op in body.ops:
        for value in op.operands:
            readers.setdefault(value, []).append(op)
    delayed: set[Op] = set()
    for op in reversed(body.ops):
        if op.primitive in WRITES and delayed.issuperset(readers.get(op.result, ())):
            delayed.add(op)
    kept = (op for op in body.ops if op not in delayed)
    return replace(body, ops=(*kept, *(op for op in body.ops if op in delayed)))


__all__ = ["delay_stores"]
