"""Give each trip of a loop its own work arrays.

    q = np.empty(d)                          for i in range(n):
    for i in range(n):                           q = np.empty(d)
        for j in range(d):                       for j in range(d):
            q[j] = x[i, j] - m[j]     ->             q[j] = x[i, j] - m[j]
        for j in range(d):                       for j in range(d):
            s += q[j] * q[j]                         s += q[j] * q[j]

An array that every trip fills before it reads it carries nothing from trip to trip; while it is filled, elements that
are may be read. Saying so lets the sweeps of the loop fuse. The allocation is marked as `work` and moved out of the
loop again at the end. Reads: structure, ranges.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..analysis.affine import Affine, Linear
from ..analysis.ranges import Ranges
from ..analysis.structure import Structure, find_structure
from ..ir import types as ty
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
from ..ir.walk import ops_within, substitute, uses_in


def privatise_arrays(function: Function) -> Function:
    """Privatise until no loop carries a work array."""
    for _ in range(64):
        changed = Privatiser(function).run()
        if changed is None:
            return function
        function = changed
    return function


class Privatiser:
    def __init__(self, function: Function) -> None:
        self.function = function
        self.structure: Structure = find_structure(function.body)
        self.ranges = Ranges(Affine(self.structure))
        self.readers: dict[Value, int] = {}
        for value in uses_in(function.body):
            self.readers[value] = self.readers.get(value, 0) + 1
        self.slot_of: dict[Value, tuple[Op, Slot]] = {}
        self.yields: dict[Value, tuple[Op, Slot]] = {}
        for op in ops_within(function.body):
            if op.primitive in ("for", "while"):
                for slot in loop_slots(op):
                    self.slot_of[slot[1]] = (op, slot)
                    self.yields.setdefault(slot[2], (op, slot))

    def run(self) -> Function | None:
        for op in ops_within(self.function.body):
            if op.primitive not in ("for", "while"):
                continue
            for slot in loop_slots(op):
                made = self.allocation(slot[0])
                if made is None or not self.ends_here(slot):
                    continue
                if not filled_first(loop_body(op), slot[1], made, self.ranges):
                    continue
                return replace(self.function, body=self.rewritten(self.function.body, op, slot, made))
        return None

    def allocation(self, version: Value) -> Op | None:
        """The `alloc` of an array that is not shared."""
        if not ty.is_array(version.type) or self.structure.is_mixed(version):
            return None
        made = self.structure.maker.get(self.structure.origin(version))
        if made is None or made.primitive != "alloc" or made.attributes["fill"] not in ("empty", "zeros"):
            return None
        return made

    def ends_here(self, slot: Slot) -> bool:
        """Whether nothing reads the array behind the loop, but for loops around that only carry it along."""
        initial, _, _, result = slot
        if not self.readers.get(result):
            return True
        if self.readers[result] != 1 or result not in self.yields:
            return False
        _, around = self.yields[result]
        return around[1] is initial and self.readers.get(initial) == 1 and self.ends_here(around)

    def rewritten(self, block: Block, loop: Op, slot: Slot, made: Op) -> Block:
        ops = []
        renames: dict[Value, Value] = {}
        for op in block.ops:
            if op is loop:
                op = self.without_slot(op, slot, made)
                renames[slot[3]] = slot[0]
            elif op.regions:
                op = replace(op, regions=tuple(self.rewritten(r, loop, slot, made) for r in op.regions))
            ops.append(op)
        return substitute(replace(block, ops=tuple(ops)), renames)

    def without_slot(self, op: Op, slot: Slot, made: Op) -> Op:
        k = loop_slots(op).index(slot)
        body = loop_body(op)
        own = Value(slot[1].name or made.result.name, made.result.type)
        alloc = Op("alloc", made.operands, (own,), (), {"fill": "empty", "work": True}, None)
        first_parameter = 1 if op.primitive == "for" else 0
        first_result = 1 if leaves_early(op) else 0
        body = substitute(
            Block(
                without(body.parameters, first_parameter + k),
                (alloc, *body.ops),
                without(body.results, first_result + k),
            ),
            {slot[1]: own},
        )
        regions: tuple[Block, ...] = (body,)
        if op.primitive == "while":
            regions = (replace(op.regions[0], parameters=without(op.regions[0].parameters, k)), body)
        counted = 1 if op.primitive == "while" or leaves_early(op) else 0
        return replace(
            op,
            operands=without(op.operands, (3 if op.primitive == "for" else 0) + k),
            regions=regions,
            results=without(op.results, counted + k),
        )


def without(values: tuple[Value, ...], k: int) -> tuple[Value, ...]:
    return values[:k] + values[k + 1 :]


def filled_first(body: Block, start: Value, made: Op, ranges: Ranges) -> bool:
    """Whether a trip stores into all elements of an array before it does anything else with it."""
    length = ranges.affine.form(made.operands[0])
    version, filled = start, Linear()  # of the first axis, what lies below `filled` is stored
    for op in body.ops:
        if not reads(op, version):
            continue
        found = stored_range(op, version, made.operands, ranges)
        if found is None:
            return False
        version, low, high = found
        if not at_most(low, filled):
            return False
        filled = high
        if at_most(length, filled):
            return True
    return False


def accesses(op: Op, store: Op, affine: Affine) -> Iterator[Op]:
    """What else touches the array that is stored into, within an op."""
    structure = affine.structure
    storage = structure.storage(store.operands[0])
    for region in op.regions:
        for inner in ops_within(region):
            touched = [v for v in inner.operands if ty.is_array(v.type)]
            if (
                inner is not store
                and not inner.regions
                and any(structure.storage(v) is storage for v in touched)
            ):
                yield inner


def reads_behind(op: Op, store: Op, loops: list[Op], ranges: Ranges) -> bool:
    """Whether an op reads an element that this trip of a loop or an earlier one stored."""
    if op.primitive != "load" or len(loops) != 1 or len(store.operands) != 3:
        return False
    index = ranges.affine.form(op.operands[1])
    behind = index - ranges.affine.form(store.operands[1])
    if behind.terms or behind.constant > 0 or (behind.constant == 0 and not is_before(store, op, loops[0])):
        return False
    return ranges.affine.is_not_negative(index) or ranges.implied(index, ranges.at(op))


def is_before(store: Op, op: Op, loop: Op) -> bool:
    """Whether a store comes before another op in the trip that makes both."""
    ops = list(ops_within(loop_body(loop)))
    return ops.index(store) < ops.index(op)


def at_most(a: Linear, b: Linear) -> bool:
    difference = a - b
    return not difference.terms and difference.constant <= 0


def reads(op: Op, version: Value) -> bool:
    return version in op.operands or any(version in set(uses_in(region)) for region in op.regions)


def writes(op: Op, version: Value) -> bool:
    """Whether an op makes the next version of an array."""
    return version in op.operands and any(ty.is_array(result.type) for result in op.results)


def stored_range(
    op: Op, start: Value, lengths: tuple[Value, ...], ranges: Ranges
) -> tuple[Value, Linear, Linear] | None:
    """The version that an op leaves and the range of the first axis that it stores all elements of; None if it is
    not an op that only stores."""
    affine = ranges.affine
    loops: list[Op] = []
    inner, version = op, start
    while inner.primitive == "for" and not leaves_early(inner):
        slot = next((slot for slot in loop_slots(inner) if slot[0] is version), None)
        step = inner.operands[2]
        if slot is None or sum(v is version for v in inner.operands) != 1:
            return None
        if any(version in set(uses_in(region)) for region in inner.regions):
            return None
        if not (step.is_constant and step.constant == 1):
            return None
        loops.append(inner)
        version = slot[1]
        following = next((o for o in loop_body(inner).ops if writes(o, version)), None)
        if following is None or (following.primitive == "store" and following.result is not slot[2]):
            return None
        inner = following
    if inner.primitive != "store" or inner.operands[0] is not version:
        return None
    if loops and not all(reads_behind(other, inner, loops, ranges) for other in accesses(op, inner, affine)):
        return None
    first, *others = inner.operands[1:-1]
    if first.is_constant:
        low = Linear((), first.constant)
        high = low + Linear((), 1)
    elif loops and first is loop_body(loops[0]).parameters[0]:
        low, high = (affine.form(end) for end in loops.pop(0).operands[:2])
    elif len(loops) > 1 and affine.goes_over(first, loops[0], loops[1], lengths[0]):
        low, high = Linear(), affine.form(lengths[0])
        del loops[:2]
    else:
        return None
    if len(loops) != len(others):
        return None
    for loop, index, length in zip(loops, others, lengths[1:], strict=True):
        begin, end = (affine.form(v) for v in loop.operands[:2])
        whole = at_most(begin, Linear()) and at_most(affine.form(length), end)
        if not whole or index is not loop_body(loop).parameters[0]:
            return None
    return (op.result if op is inner else next(r for i, _, _, r in loop_slots(op) if i is start)), low, high
