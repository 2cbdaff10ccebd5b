"""Make what a reverse loop reads before the forward loop that it reverses, so that the two can be one (`fuse.py`).

    for i in range(m):                         for j in range(n):
        for j in range(n):                         y_bar[j] += w[j]
            y[j] += a[i, j] * x[i]             for i in range(m):
    for j in range(n):                             for j in range(n):
        total += w[j] * y[j]               ->          y[j] += a[i, j] * x[i]
    for j in range(n), descending:             for j in range(n):
        y_bar[j] += w[j]                           total += w[j] * y[j]
    for i in range(m), descending:             for i in range(m), descending:
        for j in range(n), descending:             for j in range(n), descending:
            x_bar[i] += y_bar[j] * a[i, j]             x_bar[i] += y_bar[j] * a[i, j]

Plain arithmetic moves as it stands. A loop of the reverse sweep moves if it is less deep than the forward loop, whose
arrays are then gone over once instead of twice; what it reads of the loop that it reverses is loaded again. Checks that
come before that loop move too. Reads: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..analysis.sums import only_accumulates
from ..ir.core import Block, Op, Value, leaves_early, loop_body, loop_slots
from ..ir.walk import defined_in, free_values, free_values_of, ops_of, substitute, substitute_in
from ..primitives import REGISTRY

MOVABLE = ("cast", "select")
READING = ("load", "shape")
ENDING = ("require", "raise", "opaque", "call")


class Beforehand:
    """What is to be made before the op `at` of a block, from what is behind it.

    `with_loops` : also loops of the reverse sweep.
    """

    def __init__(self, block: Block, at: int, with_loops: bool) -> None:
        self.block, self.at, self.with_loops = block, at, with_loops
        self.maker = {result: op for op in block.ops for result in op.results}
        self.position = {op: k for k, op in enumerate(block.ops)}
        self.late = {result for op in block.ops[at:] for result in op.results}
        self.moved: dict[Op, Op] = {}  # and what becomes of them
        self.depth = depth(block.ops[at])

    def ops(self) -> list[Op]:
        """What is made before, in order."""
        return [self.moved[op] for op in sorted(self.moved, key=self.position.__getitem__)]

    @property
    def has_loops(self) -> bool:
        return any(op.regions for op in self.moved)

    @property
    def still_late(self) -> set[Value]:
        """What is made behind the op, and stays there."""
        return self.late.difference(result for op in self.moved for result in op.results)

    def make(self, value: Value) -> bool:
        """Whether a value is there before the op, or can be made there."""
        if value.is_constant or value not in self.late:
            return True
        op = self.maker[value]
        if op in self.moved:
            return True
        made = self.made(op)
        if made is None:
            return False
        self.moved[op] = made
        return True

    def made(self, op: Op) -> Op | None:
        """An op as it is before; None where it cannot be there."""
        if op.regions:
            return self.loop(op) if self.with_loops and "reverses" in op.attributes else None
        if op.primitive in REGISTRY or op.primitive in MOVABLE:
            return op if all(map(self.make, op.operands)) else None
        if op.primitive == "load":
            is_there = op.operands[0] not in self.late and not any(map(may_end, self.crossed(op)))
            return op if is_there and all(map(self.make, op.operands[1:])) else None
        if self.with_loops and op.primitive in ("shape", "zeros_like"):
            array = self.version_before(op.operands[0])
            return None if array is None else replace(op, operands=(array,))
        return None

    def crossed(self, op: Op) -> tuple[Op, ...]:
        """What runs before an op, and would run after it."""
        return self.block.ops[self.at : self.position[op]]

    def version_before(self, array: Value) -> Value | None:
        """A version of an array that is there before, of the same shape."""
        while array in self.late:
            op = self.maker[array]
            slot = next((s for s in loop_slots(op) if s[3] is array), None) if op.primitive == "for" else None
            if slot is None or not is_written_only(loop_body(op), slot[1], slot[2]):
                return None
            array = slot[0]
        return array

    # ------------------------------------------------------------------------------------------- loops

    def loop(self, loop: Op) -> Op | None:
        """A loop of the reverse sweep as it is before."""
        forward = next(
            (op for op in self.block.ops if op.attributes.get("token") == loop.attributes["reverses"]), None
        )
        if forward is None or self.position[forward] <= self.at or depth(loop) >= self.depth:
            return None
        if not (is_plain(forward) and is_plain(loop) and self.checked(forward)):
            return None
        if not all(
            only_accumulates(loop, parameter, yielded) for _, parameter, yielded, _ in loop_slots(loop)
        ):
            return None
        inside = defined_in(loop_body(forward))
        if not all(self.make(value) for value in free_values_of(loop) if value not in inside):
            return None
        return self.read_again(loop, Source.of(forward), {})

    def checked(self, forward: Op) -> bool:
        """Whether the checks before a loop, which say that it reads what is there, can be made before as well."""
        crossed = self.crossed(forward)
        checks = [op for op in crossed if op.primitive == "require"]
        if any(may_end(op) for op in crossed if op not in checks):
            return False
        if not all(self.make(check.operands[0]) for check in checks):
            return False
        self.moved.update(zip(checks, checks, strict=True))
        return True

    def read_again(self, loop: Op, source: Source, places: Mapping[Value, Value]) -> Op | None:
        """A loop of the reverse sweep that reads nothing of a forward one; `places` are the indices of those around."""
        body = loop_body(loop)
        places = {**places, source.index: body.parameters[0]}
        again: dict[Value, Value] = {}
        loaded: list[Op] = []
        ops: list[Op] = []
        for op in body.ops:
            made: Op | None = op
            if op.regions:
                inner = source.inner.get(op.attributes.get("reverses"))
                made = None if inner is None else self.read_again(op, inner, places)
            if made is None:
                return None
            ops.append(made)
        body = replace(body, ops=tuple(ops))
        needed = [value for value in free_values(body) if value in source.maker]
        if not all(self.load_again(value, source, places, again, loaded) for value in needed):
            return None
        body = substitute(body, again)
        attributes = {k: v for k, v in loop.attributes.items() if k not in ("reverses", "descending")}
        return replace(loop, regions=(replace(body, ops=(*loaded, *body.ops)),), attributes=attributes)

    def load_again(
        self,
        value: Value,
        source: Source,
        places: Mapping[Value, Value],
        again: dict[Value, Value],
        loaded: list[Op],
    ) -> bool:
        """Whether what a trip of a forward loop computed can be computed in one before; how goes to `loaded`."""
        if value.is_constant or value in again:
            return True
        if value in places:
            again[value] = places[value]
            return True
        op = source.maker.get(value)
        if op is None:
            return value not in source.inside and self.make(value)
        if op.primitive not in REGISTRY and op.primitive not in (*MOVABLE, *READING):
            return False
        if op.primitive in READING and (op.operands[0] in self.late or op.operands[0] in source.inside):
            return False
        if not all(self.load_again(x, source, places, again, loaded) for x in op.operands):
            return False
        again[value] = Value(value.name, value.type)
        loaded.append(replace(substitute_in(op, again), results=(again[value],)))
        return True


@dataclass(frozen=True)
class Source:
    """A forward loop: its index, what its trips compute, also those of loops around, and the loops in it by token."""

    index: Value
    maker: Mapping[Value, Op]
    inside: set[Value]
    inner: Mapping[object, Source]

    @staticmethod
    def of(loop: Op, around: Source | None = None) -> Source:
        body = loop_body(loop)
        maker = dict(around.maker) if around is not None else {}
        maker.update((result, op) for op in body.ops if not op.regions for result in op.results)
        inside = around.inside if around is not None else defined_in(body)
        source = Source(body.parameters[0], maker, inside, {})
        inner = {op.attributes["token"]: Source.of(op, source) for op in body.ops if "token" in op.attributes}
        return replace(source, inner=inner)


def is_written_only(body: Block, start: Value, end: Value) -> bool:
    """Whether an array at the end of a trip is the one at its start, not another one that may be of another shape."""
    maker = {result: op for op in body.ops for result in op.results}
    while end is not start:
        op = maker.get(end)
        if op is None:
            return False
        if op.primitive == "for":
            slot = next((slot for slot in loop_slots(op) if slot[3] is end), None)
            if slot is None or not is_written_only(loop_body(op), slot[1], slot[2]):
                return False
            end = slot[0]
        elif op.primitive in ("store", "accum"):
            end = op.operands[0]
        else:
            return False
    return True


def may_end(op: Op) -> bool:
    """Whether the function may end in an op, or somebody see that it came so far."""
    return any(inner.primitive in ENDING for inner in ops_of(op))


def is_plain(loop: Op) -> bool:
    """Whether a loop goes over its range to the end, as do those in it, and nothing in it is skipped."""
    return not may_end(loop) and all(
        op.primitive == "for" and not leaves_early(op) and op.operands[2].is_constant
        for op in ops_of(loop)
        if op.regions
    )


def depth(loop: Op) -> int:
    """How many loops are in each other."""
    inner = max((depth(op) for region in loop.regions for op in region.ops if op.regions), default=0)
    return inner + (loop.primitive in ("for", "while"))
