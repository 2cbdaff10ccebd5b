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

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..analysis.sums import accumulates, only_accumulates
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
from ..ir.walk import defined_in, free_values_of, substitute
from .beforehand import Beforehand


def fuse_sweeps(function: Function) -> Function:
    """Fuse what can be fused, outermost loops first."""
    return replace(function, body=fuse_block(function.body))


def fuse_block(block: Block) -> Block:
    for with_loops in (True, False):
        while (fused := fuse_one(block, with_loops)) is not None:
            block = fused
    ops = tuple(
        replace(op, regions=(*op.regions[:-1], fuse_block(op.regions[-1])))
        if op.attributes.get("fused")
        else op
        for op in block.ops
    )
    return replace(block, ops=ops)


def fuse_one(block: Block, with_loops: bool) -> Block | None:
    """The block with one pair of loops fused; None if there is no pair to fuse. `with_loops` as for `fuse_pair`."""
    at = {op.attributes["token"]: k for k, op in enumerate(block.ops) if "token" in op.attributes}
    for k, op in enumerate(block.ops):
        if op.attributes.get("reverses") in at:
            forward = at[op.attributes["reverses"]]
            fused = fuse_pair(block, forward, k, with_loops)
            if fused is not None:
                return fused
    return None


def fuse_pair(block: Block, forward_at: int, reverse_at: int, with_loops: bool) -> Block | None:
    """The block with two loops fused; None if they cannot be.

    `with_loops` : only where other loops of the reverse sweep have to run before.
    """
    forward, reverse = block.ops[forward_at], block.ops[reverse_at]
    if forward.primitive != "for" or leaves_early(forward) or not forward.operands[2].is_constant:
        return None
    slots = loop_slots(reverse)
    if not all(only_accumulates(reverse, parameter, yielded) for _, parameter, yielded, _ in slots):
        return None
    # What the reverse loop reads has to be there before the forward loop, or be made there.
    beforehand = Beforehand(block, forward_at, with_loops)
    inside_forward = defined_in(loop_body(forward)) | set(forward.results)
    needed = [
        v
        for v in free_values_of(reverse)
        if v not in inside_forward and not any(v is initial for initial, *_ in slots)
    ]
    if any(v in forward.results for v in free_values_of(reverse)):
        return None
    if not all(map(beforehand.make, needed)) or with_loops is not beforehand.has_loops:
        return None
    sums = started_from_zero(slots, beforehand, inside_forward)
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
    above = (*block.ops[:forward_at], *beforehand.ops(), *sums.before, fused)
    behind: list[Op] = []
    for k, op in enumerate(block.ops[forward_at + 1 :], forward_at + 1):
        if k == reverse_at:
            behind += after
        elif op not in beforehand.moved:
            behind.append(op)
    rest = rename_uses(Block((), tuple(behind), block.results), renames)
    return Block(block.parameters, (*above, *rest.ops), rest.results)


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


def started_from_zero(slots: Sequence[Slot], beforehand: Beforehand, inside: set[Value]) -> Sums | None:
    """How the sums of a reverse loop start before the forward loop; None if one of them cannot.

    `inside` is what is made in the forward loop.
    """
    sums = Sums()
    late, maker = beforehand.still_late, beforehand.maker
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
            # What the whole chain of additions starts from is there, or zeros that move up; the chain follows the loop.
            root = chain_root(initial, maker, late)
            if root is None or root in inside:
                return None
            if root not in late:
                sums.starts.append(root)
                sums.behind.append((root, result))
            elif shape_known(maker[root], late, inside):
                sums.start(maker[root], initial, result)
            else:
                return None
            sums.chains[result] = initial
    return sums


def rename_uses(block: Block, renames: dict[Value, Value]) -> Block:
    def last(value: Value) -> Value:
        while value in renames:
            value = renames[value]
        return value

    return substitute(block, {value: last(value) for value in renames})


def shape_known(zeros: Op, late: set[Value], inside: set[Value]) -> bool:
    """Whether the array that a cotangent is shaped like exists before the loop."""
    (array,) = zeros.operands
    return array not in late and array not in inside


def chain_root(value: Value, maker: dict[Value, Op], late: set[Value]) -> Value | None:
    """What a chain of additions starts from: zeros that are `late`, or an array that is not."""
    while value in late:
        op = maker[value]
        match op.primitive:
            case "zeros_like":
                return value
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
    return value


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
