"""Fuse the two sweeps of a loop whose cotangents are known before it runs.

    for i in range(n):                      for i in range(n):
        e = exp(x[i])                           e = exp(x[i])
        s = s + e                               s = s + e
    ...                               ->        x_bar[i] += e
    for i in range(n), descending:
        x_bar[i] += 1.0 * e

The reverse loop may run inside the forward one if all it carries are sums (cotangents that only accumulate), and
what else it reads is known before the loop: the cotangents then depend on nothing from the loop on. What was added
to the same sums earlier in the reverse sweep is added afterwards instead. Works inside fused bodies again.
Reads: nothing. Gives a function in which fused loops need no tape.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

from ..ir import types as ty
from ..ir.builder import Builder, zero
from ..ir.core import (
    Block,
    Function,
    Op,
    Slot,
    Value,
    leaves_early,
    loop_body,
    loop_slots,
)
from ..ir.walk import defined_in, free_values_of, substitute, uses_in
from ..primitives import REGISTRY

MOVABLE = {"cast", "select"}


def fuse_sweeps(function: Function) -> Function:
    """Fuse what can be fused, outermost loops first."""
    return replace(function, body=fuse_block(function.body))


def fuse_block(block: Block) -> Block:
    while True:
        fused = fuse_one(block)
        if fused is None:
            break
        block = fused
    ops = tuple(
        replace(op, regions=(*op.regions[:-1], fuse_block(op.regions[-1])))
        if op.attributes.get("fused")
        else op
        for op in block.ops
    )
    return replace(block, ops=ops)


def fuse_one(block: Block) -> Block | None:
    """The block with one pair of loops fused; None if there is no pair to fuse."""
    at = {op.attributes["token"]: k for k, op in enumerate(block.ops) if "token" in op.attributes}
    for k, op in enumerate(block.ops):
        if op.attributes.get("reverses") in at:
            forward = at[op.attributes["reverses"]]
            fused = fuse_pair(block, forward, k)
            if fused is not None:
                return fused
    return None


def fuse_pair(block: Block, forward_at: int, reverse_at: int) -> Block | None:
    forward, reverse = block.ops[forward_at], block.ops[reverse_at]
    if forward.primitive != "for" or leaves_early(forward) or not forward.operands[2].is_constant:
        return None
    slots = loop_slots(reverse)
    if not all(only_accumulates(reverse, parameter, yielded) for _, parameter, yielded, _ in slots):
        return None
    # What the reverse loop reads has to be there before the forward loop, or be made there.
    maker = {result: op for op in block.ops for result in op.results}
    position = {op: k for k, op in enumerate(block.ops)}
    inside_forward = defined_in(loop_body(forward)) | set(forward.results)
    late = defined_behind(block, forward_at)
    needed = [
        v
        for v in free_values_of(reverse)
        if v not in inside_forward and not any(v is initial for initial, *_ in slots)
    ]
    if any(v in forward.results for v in free_values_of(reverse)):
        return None
    hoisted: dict[Op, None] = {}
    if not all(hoist(v, late, maker, hoisted) for v in needed):
        return None
    moved = sorted(hoisted, key=lambda op: position[op])

    sums = started_from_zero(slots, late, inside_forward, maker)
    if sums is None:
        return None
    index = loop_body(forward).parameters[0]
    reverse_body = substitute(loop_body(reverse), {loop_body(reverse).parameters[0]: index})
    body = loop_body(forward)
    fused_results = [Value(r.name, r.type) for *_, r in slots]
    fused_body = Block(
        (*body.parameters, *reverse_body.parameters[1:]),
        (*body.ops, *reverse_body.ops),
        (*body.results, *reverse_body.results),
    )
    fused = replace(
        forward,
        operands=(*forward.operands, *sums.starts),
        regions=(fused_body,),
        results=(*forward.results, *fused_results),
        attributes={**{k: v for k, v in forward.attributes.items() if k != "token"}, "fused": True},
    )
    after, renames = sums.continued(fused_results, reverse)
    ops: list[Op] = []
    gone = {position[op] for op in moved}
    for k, op in enumerate(block.ops):
        if k == forward_at:
            ops += [*moved, *sums.before, fused]
        elif k == reverse_at:
            ops += after
        elif k not in gone:
            ops.append(op)
    return rename_uses(Block(block.parameters, tuple(ops), block.results), renames)


@dataclass
class Sums:
    """How what a reverse loop adds to starts from zero in the fused loop, and goes on behind it.

    `before` : ops above the fused loop.
    `starts` : what the sums start from in it.
    `behind` : for each what it held before and its result, which are the same where it starts from that.
    `chains` : for a result whose zeros a chain of additions starts from, what that chain gives.
    """

    before: list[Op] = field(default_factory=list)
    starts: list[Value] = field(default_factory=list)
    behind: list[tuple[Value, Value]] = field(default_factory=list)
    chains: dict[Value, Value] = field(default_factory=dict)

    def start(self, zeros: Op, held: Value, result: Value) -> None:
        """Let the sum start from zeros that move up."""
        start = Value(held.name, held.type)
        self.before.append(replace(zeros, results=(start,)))
        self.starts.append(start)
        self.behind.append((zeros.result, result))

    def continued(self, fused: Sequence[Value], reverse: Op) -> tuple[list[Op], dict[Value, Value]]:
        """The ops in place of the reverse loop, and what its results become."""
        renames: dict[Value, Value] = {}
        with Builder(reverse.location) as builder:
            for (initial, result), value in zip(self.behind, fused, strict=True):
                if initial is result or (ty.is_array(result.type) and result not in self.chains):
                    renames[result] = value
                elif ty.is_array(result.type):
                    renames[initial] = value  # the root of the chain starts from the fused sums
                    renames[result] = self.chains[result]
                else:
                    renames[result] = builder.emit("add", (initial, value), result.type, name=result.name)
        return builder.ops, renames


def started_from_zero(
    slots: Sequence[Slot],
    late: set[Value],
    inside: set[Value],
    maker: dict[Value, Op],
) -> Sums | None:
    """How the sums of a reverse loop start before the forward loop; None if one of them cannot.

    `late` is what is made behind the forward loop, `inside` what is made in it.
    """
    sums = Sums()
    for initial, parameter, _, result in slots:
        if initial not in late and initial not in inside and not initial.is_constant:
            sums.starts.append(initial)
            sums.behind.append((result, result))
        elif not ty.is_array(parameter.type):
            sums.starts.append(zero(parameter.type))
            sums.behind.append((initial, result))
        else:
            made = maker.get(initial)
            if made is not None and made.primitive == "zeros_like" and shape_known(made, late, inside):
                sums.start(made, initial, result)
                continue
            # The zeros that the whole chain of additions starts from move up; the chain follows the fused loop.
            root = accumulator_root(initial, maker)
            if root is None or not shape_known(root, late, inside):
                return None
            sums.start(root, initial, result)
            sums.chains[result] = initial
    return sums


def rename_uses(block: Block, renames: dict[Value, Value]) -> Block:
    def last(value: Value) -> Value:
        while value in renames:
            value = renames[value]
        return value

    return substitute(block, {value: last(value) for value in renames})


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


def defined_behind(block: Block, at: int) -> set[Value]:
    """What the block defines from an op on."""
    found: set[Value] = set()
    for op in block.ops[at:]:
        found.update(op.results)
    return found


def hoist(value: Value, late: set[Value], maker: dict[Value, Op], hoisted: dict[Op, None]) -> bool:
    """Whether a value is there before the loop, or can be made there by plain arithmetic."""
    if value.is_constant or value not in late:
        return True
    op = maker.get(value)
    if op is None or op.regions or not (op.primitive in REGISTRY or op.primitive in MOVABLE):
        return False
    if not all(hoist(x, late, maker, hoisted) for x in op.operands):
        return False
    hoisted[op] = None
    return True


def shape_known(zeros: Op, late: set[Value], inside: set[Value]) -> bool:
    """Whether the array that a cotangent is shaped like exists before the loop."""
    (array,) = zeros.operands
    return array not in late and array not in inside


def accumulator_root(value: Value, maker: dict[Value, Op]) -> Op | None:
    """The `zeros_like` that a chain of additions starts from."""
    while True:
        op = maker.get(value)
        if op is None:
            return None
        match op.primitive:
            case "zeros_like":
                return op
            case "accum":
                value = op.operands[0]
            case "for":
                slot = next(s for s in loop_slots(op) if s[3] is value)
                if not only_accumulates(op, slot[1], slot[2]):
                    return None
                value = slot[0]
            case "if":
                k = op.results.index(value)
                starts = {chain_start(region, region.results[k]) for region in op.regions}
                start = starts.pop()
                if (
                    start is None
                    or starts
                    or not all(accumulates(r, start, r.results[k]) for r in op.regions)
                ):
                    return None
                value = start
            case _:
                return None


def chain_start(arm: Block, value: Value) -> Value | None:
    """What a chain of additions in an arm of an `if` starts from; None if it is longer than what is followed here."""
    maker = {result: op for op in arm.ops for result in op.results}
    while (op := maker.get(value)) is not None:
        if op.primitive == "accum":
            value = op.operands[0]
        elif op.primitive == "for":
            value = next(slot[0] for slot in loop_slots(op) if slot[3] is value)
        else:
            return None
    return value
