"""Which of what a loop carries are sums that nothing in the loop reads.

    for i in range(n):        # `s` and `x_bar` are, `v` is not
        s = s + x[i]
        x_bar[i] += g
        v = v * v + 1.0

Reads: nothing.
"""

from __future__ import annotations

from collections import Counter
from weakref import WeakKeyDictionary

from ..ir.core import Block, Op, Value, loop_body, loop_slots
from ..ir.walk import free_values_of, uses_in


def only_accumulates(loop: Op, parameter: Value, yielded: Value) -> bool:
    """Whether a slot of a loop is a sum that nothing in the loop reads."""
    return accumulates(loop_body(loop), parameter, yielded)


USERS: WeakKeyDictionary[Block, tuple[dict[Value, list[Op]], Counter[Value]]] = WeakKeyDictionary()


def users_and_counts(block: Block) -> tuple[dict[Value, list[Op]], Counter[Value]]:
    """The ops of a block that read each value, in them or inside them, and how often each is read; asked for each slot
    of a loop."""
    found = USERS.get(block)
    if found is None:
        users: dict[Value, list[Op]] = {}
        for op in block.ops:
            for value in free_values_of(op):
                users.setdefault(value, []).append(op)
        found = USERS[block] = users, Counter(uses_in(block))
    return found


def accumulates(block: Block, start: Value, end: Value) -> bool:
    """Whether `end` is `start` with something added, through values that nothing else reads."""
    users, counts = users_and_counts(block)
    current = start
    while current is not end:
        readers = users.get(current, [])
        if len(readers) != 1:
            return False
        op = readers[0]
        match op.primitive:
            case "accum" | "accumulate_array" if op.operands[0] is current and counts[current] == 1:
                current = op.result
            case "add" if counts[current] == 1:
                current = op.result
            case "sub" if op.operands[0] is current and counts[current] == 1:
                current = op.result
            case "cast" if counts[current] == 1:
                current = op.result
            case "for":
                slot = next((s for s in loop_slots(op) if s[0] is current), None)
                if slot is None or counts[current] != 1 or not only_accumulates(op, slot[1], slot[2]):
                    return False
                current = slot[3]
            case "if":
                found = None
                for k, result in enumerate(op.results):
                    if all(
                        region.results[k] is current or accumulates(region, current, region.results[k])
                        for region in op.regions
                    ):
                        found = result
                        break
                if found is None or uses_outside_slot(op, current):
                    return False
                current = found
            case _:
                return False
    return counts.get(end, 0) <= 1


def uses_outside_slot(op: Op, value: Value) -> bool:
    """Whether an `if` reads a value in another way than once in each arm."""
    return any(sum(v is value for v in uses_in(region)) > 1 for region in op.regions)
