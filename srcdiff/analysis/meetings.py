"""Which additions to shared memory may be to one element by two threads at once, so that they have to be atomic.

    if t < w:
        s_bar[t] += g          # plain: no two threads have the same t,
        s_bar[t + w] += g      # and these elements begin where those end
    barrier
    s_bar[0] += h              # atomic: all threads add to it

Two additions can *meet* if there is a way from one to the other without a barrier, or if they are in two arms that
threads take at once. Then they must be to different elements whichever two threads run them: because an index tells
threads apart, or because one is always the smaller, by the conditions around them. What is not proven is atomic, for
both. Reads: structure, affine forms, threads, uniformity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..ir.core import Block, Function, Op, Value
from ..ir.walk import ops_within
from .affine import Affine, Linear
from .ranges import Ranges
from .threads import Threads
from .uniform import Uniformity

ONE = Linear((), 1)


@dataclass(frozen=True)
class Instance:
    """An op, in the first or the second of any two trips of the loops around it."""

    op: Op
    trips: tuple[tuple[Op, int], ...]

    def in_other_trips(self, other: Instance) -> frozenset[Op]:
        """The loops around both of which the two are in different trips."""
        mine = dict(self.trips)
        return frozenset(loop for loop, trip in other.trips if mine.get(loop, trip) != trip)


Pair = tuple[Op, Op, frozenset[Op]]


def meeting(body: Block, chosen: set[Op], uniformity: Uniformity) -> set[Pair]:
    """Which of the chosen ops can meet, with the loops in different trips of which they then are."""
    found: set[Pair] = set()

    def visit(
        block: Block, before: frozenset[Instance], trips: tuple[tuple[Op, int], ...]
    ) -> frozenset[Instance]:
        """What can meet the next op behind a block, for what can meet its first one."""
        for op in block.ops:
            if op.primitive == "barrier":
                before = frozenset()
            elif op.primitive in ("for", "while"):
                behind = before
                for trip in range(2):
                    for region in op.regions:
                        before = visit(region, before, (*trips, (op, trip)))
                    behind |= before
                before = behind
            elif op.primitive == "if" and uniformity.all_reach(op):
                before = frozenset().union(*(visit(region, before, trips) for region in op.regions))
            elif op.primitive == "if":
                for region in op.regions:  # while some threads are in one arm, others are in the other one
                    before = visit(region, before, trips)
            elif op in chosen:
                here = Instance(op, trips)
                before |= {here}
                found.update((other.op, op, here.in_other_trips(other)) for other in before)
        return before

    visit(body, frozenset(), ())
    return found


class Meetings:
    """The additions to shared memory of one kernel, and to `arrays` of all blocks, which have to be atomic.

    Attributes
    ----------
    atomic : those that have to be atomic
    of_warps : those of them that all threads run together and to one element, so that each warp can sum first
    whole : whether no thread of a warp may fail before the others
    shared, plain : all to shared memory, and those of them that need not be atomic
    axes : of a block that the kernel uses; along others a block must have one thread, if any addition is plain
    """

    def __init__(self, function: Function, threads: Threads, arrays: Sequence[Value] = ()) -> None:
        self.threads, self.structure = threads, threads.structure
        self.affine = Affine(self.structure)
        self.ranges = Ranges(self.affine)
        self.uniformity = Uniformity(function, threads)
        self.varying = self.uniformity.varying
        self.axes = frozenset(a for kind, a in threads.atoms.values() if kind in ("grid", "thread"))
        additions = {
            op
            for op in ops_within(function.body)
            if op.primitive == "accum" and self.structure.is_in_shared_memory(op.operands[0])
        }
        self.primes: dict[Value, Value] = {}
        self.atomic: set[Op] = set()
        for first, second, loops in meeting(function.body, additions, self.uniformity):
            if self.same_array(first, second) and not self.apart(first, second, loops):
                self.atomic |= {first, second}
        self.plain, self.shared = additions - self.atomic, additions
        storages = set(map(self.structure.storage, arrays))
        self.atomic |= {
            op
            for op in ops_within(function.body)
            if op.primitive == "accum" and self.structure.storage(op.operands[0]) in storages
        }
        self.whole = not any(map(self.uniformity.ends_some, ops_within(function.body)))
        self.of_warps = {op for op in self.atomic if self.whole and self.is_to_one_element(op)}

    def is_to_one_element(self, op: Op) -> bool:
        """Whether all threads of a block run an addition together, and to the same element."""
        return self.uniformity.is_reached_by_all(op) and not any(i in self.varying for i in op.operands[1:-1])

    def ways(self) -> dict[str, str]:
        """How each array is added to, in words."""
        found: dict[str, set[str]] = {}
        for op in self.shared:
            way = "plain" if op in self.plain else "sums of warps" if op in self.of_warps else "atomic"
            name = self.structure.origin(op.operands[0]).name.removesuffix("_bar")
            found.setdefault(name, set()).add(way)
        return {name: ", ".join(sorted(ways)) for name, ways in sorted(found.items())}

    def same_array(self, a: Op, b: Op) -> bool:
        storage = self.structure.storage
        return storage(a.operands[0]) is storage(b.operands[0])

    def apart(self, a: Op, b: Op, loops: frozenset[Op]) -> bool:
        """Whether two additions in different threads, in different trips of some loops, are to different elements."""
        ours = [self.affine.form(i) for i in a.operands[1:-1]]
        theirs = [self.affine.form(i) for i in b.operands[1:-1]]
        told: set[int] = set()
        for x, y in zip(ours, theirs, strict=True):
            told |= self.told_apart(x, y, loops)
        if self.axes and told >= self.axes:
            return True
        facts = self.facts(a, b, loops)
        if self.is_one_thread(facts):
            return True
        for x, y in zip(ours, theirs, strict=True):
            difference = self.primed(y, loops) - x
            known = [*facts, *self.never_negative(difference, *facts)]
            if self.ranges.implied(difference - ONE, known):
                return True
            if self.ranges.implied(difference.scaled(-1) - ONE, known):
                return True
        return False

    def facts(self, a: Op, b: Op, loops: frozenset[Op]) -> list[Linear]:
        """What is known of two threads at two ops, the second one in other trips of some loops."""
        return [*self.ranges.at(a), *(self.primed(fact, loops) for fact in self.ranges.at(b))]

    def is_of_one_thread(self, op: Op) -> bool:
        """Whether only one thread of a block runs an addition."""
        return self.is_one_thread(self.facts(op, op, frozenset()))

    def is_one_thread(self, facts: list[Linear]) -> bool:
        """Whether the two threads are the same one, by the conditions around both additions."""
        known: set[int] = set()
        for value, (kind, axis) in self.threads.atoms.items():
            if kind in ("grid", "thread") and value in self.primes:
                difference = Linear(((self.primes[value], 1), (value, -1)))
                if self.ranges.implied(difference, facts) and self.ranges.implied(
                    difference.scaled(-1), facts
                ):
                    known.add(axis)
        return bool(known) and known >= self.axes

    def told_apart(self, x: Linear, y: Linear, loops: frozenset[Op]) -> set[int]:
        """The axes of a block such that threads which differ along them have different values of two equal forms."""
        if (x - y).terms or (x - y).constant:
            return set()
        owners = [v for v, _ in x.terms if self.owned_by(v) is not None]
        others = [v for v, _ in x.terms if self.owned_by(v) is None]
        if len(owners) != 1 or any(self.differs(v, loops) for v in others):
            return set()
        kind, axis = self.owned_by(owners[0]) or ("", 0)
        return set(self.axes) if kind == "rank" else {axis}

    def owned_by(self, value: Value) -> tuple[str, int] | None:
        """The position in the block that tells threads apart by a value, whatever trip of a loop they are in."""
        atom = self.threads.atom(value)
        if atom is not None and atom[0] in ("grid", "thread", "rank"):
            return atom
        loop = self.affine.loop_of(value)
        if loop is None:
            return None
        start, by = self.threads.atom(loop.operands[0]), self.threads.atom(loop.operands[2])
        strides = {"thread": "blocksize", "rank": "ranks"}
        if start is not None and by == (strides.get(start[0], ""), start[1]):
            return start
        return None

    def differs(self, value: Value, loops: frozenset[Op]) -> bool:
        """Whether a value may differ between two threads in different trips of some loops."""
        return value in self.varying or not loops.isdisjoint(self.structure.home.get(value, ()))

    def primed(self, form: Linear, loops: frozenset[Op]) -> Linear:
        """A form in the other thread: what differs there is another value."""
        for value, _ in form.terms:
            if self.differs(value, loops):
                if value not in self.primes:
                    self.primes[value] = Value(value.name + "'", value.type)
                form = form.replaced(value, Linear(((self.primes[value], 1),)))
        return form

    def never_negative(self, *forms: Linear) -> Iterator[Linear]:
        """That positions of threads are not negative."""
        originals = {prime: value for value, prime in self.primes.items()}
        for value in dict.fromkeys(v for form in forms for v, _ in form.terms):
            if originals.get(value, value) in self.threads.atoms:
                yield Linear(((value, 1),))


def with_atomic_sums(function: Function, meetings: Meetings) -> Function:
    """The function with the attribute `atomic` on those additions that have to be: "element", or "warp" for the sum
    of a warp."""

    def marked(block: Block) -> Block:
        ops = []
        for op in block.ops:
            if op.regions:
                op = replace(op, regions=tuple(map(marked, op.regions)))
            if op in meetings.atomic:
                way = "warp" if op in meetings.of_warps else "element"
                op = replace(op, attributes={**op.attributes, "atomic": way})
            ops.append(op)
        return replace(block, ops=tuple(ops))

    return replace(function, body=marked(function.body))


__all__ = ["Meetings", "with_atomic_sums"]
