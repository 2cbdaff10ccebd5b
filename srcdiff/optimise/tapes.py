"""Tapes, and putting them into the forward sweep.

    for i in range(n):                x_tape = np.empty(n)
        x = sin(x)             ->     for i in range(n):
                                          x_tape[i] = x
                                          x = sin(x)

What is recorded is decided in `sources.py` and `recording.py`. A tape is allocated before the outermost loop of its
chain and carried through the loops to where the value is defined; one that grows is given room at the start of each
trip. Reads: structure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from ..analysis.bounds import counting_slot, has_few_trips, most_trips
from ..analysis.structure import Structure
from ..ir import types as ty
from ..ir.builder import Builder, constant, zero
from ..ir.core import Block, Op, Value, leaves_early, loop_body
from ..ir.nests import copy_elements, flatten_elements
from ..ir.trips import trip_count, trip_number
from ..ir.types import Type
from ..ir.walk import ops_of
from .arrays import Length, bounds_before, emitted_length, require_lengths
from .count import count_trips

LOOPS = ("for", "while")


@dataclass(eq=False)
class Tape:
    """The recorded values of one forward value, over the trips of the loops that it is defined in.

    `chain` are the region ops from where the sweeps meet to the definition, `loops` those loops of it in whose trips
    the value differs. With `known` the trip counts are known
    before the outermost loop; otherwise the tape is flat, and `position` is the value that says where the
    trips of the innermost loop start: `counted` if their total can be found before the outermost loop, else it grows.
    Without a loop in the chain the value only has to leave arms of `if`.
    A `ragged` tape is flat and holds arrays of any sizes, one behind the other; `start` is the value that says where
    the one of a trip starts.
    """

    value: Value
    chain: tuple[Op, ...]
    loops: tuple[Op, ...]
    final: Value
    known: bool = True
    position: Value | None = None
    counted: tuple[Op, ...] = ()
    lengths: tuple[Length, ...] = ()  # of an array, as known before the outermost loop
    proven: bool = True  # that each trip's array has these lengths
    last: Value | None = None  # what the value is behind the last trip, if that is on the tape too
    start: Value | None = None

    @property
    def grows(self) -> bool:
        """Whether it has one entry for each trip, and its length is not known before the outermost loop."""
        return not self.known and not self.counted and not self.ragged

    @property
    def ragged(self) -> bool:
        return self.start is not None


@dataclass
class Plan:
    """What is recorded, and the numbers that are recorded beside it: where the trips of inner loops are on flat tapes,
    lengths of arrays, and where arrays are on ragged tapes."""

    tapes: dict[Value, Tape] = field(default_factory=dict)
    used: set[Value] = field(default_factory=set)
    # By innermost loop, and the outermost one around it in all trips of which its trips are the same, or itself.
    positions: dict[tuple[Op, Op], Value] = field(default_factory=dict)
    shapes: dict[tuple[Value, int], Value] = field(default_factory=dict)
    starts: dict[Value, Value] = field(default_factory=dict)


def placed_as(placed: dict[Value, Value], value: Value) -> Value:
    return placed.get(value, value)


@dataclass(eq=False)
class Thread:
    """Something that the forward sweep carries along: a tape, or the position on a growing one.

    `chain` are the ops that it passes, from where the sweeps meet to where it is written; `final` is what the
    outermost of them leaves.
    """

    chain: tuple[Op, ...]
    type: Type
    name: str
    final: Value | None
    tape: Tape | None = None

    @property
    def starts(self) -> Op | None:
        """The loop before which it begins; a value that only leaves arms of `if` has none."""
        return next((op for op in self.chain if op.primitive in LOOPS), None)


class Recorder:
    """Puts the tapes into the forward sweep: allocation before the outermost loop, a store after each definition."""

    def __init__(self, plan: Plan, structure: Structure, original: dict[Op, Op]) -> None:
        self.plan, self.structure, self.original = plan, structure, original
        self.of_value: dict[Value, Thread] = {}
        self.positions: dict[Op, list[tuple[Value, Thread, Op]]] = {}  # by the op before which they are known
        for tape in plan.tapes.values():
            self.of_value[tape.value] = Thread(tape.chain, tape.final.type, tape.final.name, tape.final, tape)
        self.filled = {t: Thread(t.chain, ty.int64, "filled", None) for t in plan.tapes.values() if t.ragged}
        for (innermost, around), position in plan.positions.items():
            tapes = [t for t in plan.tapes.values() if t.position is position]
            if tapes:
                chain = tapes[0].chain
                thread = Thread(chain[: chain.index(around)], ty.int64, "start", None)
                self.positions.setdefault(around, []).append((position, thread, innermost))
        places = (thread for at in self.positions.values() for _, thread, _ in at)
        self.threads = [*self.of_value.values(), *places, *self.filled.values()]
        self.shapes: dict[Value, list[tuple[int, Value]]] = {}
        for (array, axis), value in plan.shapes.items():
            if value in plan.tapes:
                self.shapes.setdefault(array, []).append((axis, value))
        self.counters: dict[Op, Value] = {}
        self.totals: dict[tuple[Op, ...], Value] = {}
        self.start_of: dict[Value, Value] = {}  # positions, as they are in this trip
        self.roomy: set[Thread] = set()  # growing tapes that have room for all trips of their innermost loop
        self.place: dict[Thread, Value] = {}  # where a growing tape is written in this trip
        self.state: dict[Thread, Value] = {}
        self.open: list[Op] = []

    def block(self, block: Block, growing: Sequence[Thread] = ()) -> Block:
        with Builder() as builder:
            self.make_room(builder, growing)
            for value in block.parameters:
                self.defined(builder, value)
            for op in block.ops:
                builder.location = op.location
                self.op(builder, op)
        return replace(block, ops=tuple(builder.ops))

    def op(self, builder: Builder, op: Op) -> None:
        origin = self.original.get(op, op)
        for thread in self.threads:
            if thread.starts is origin and thread not in self.state:
                self.state[thread] = self.begin(builder, thread, op)
        inside: list[tuple[Thread, Value | None]] = []
        for position, thread, innermost in self.positions.get(origin, ()):
            self.start_of[position] = self.state[thread]
            self.defined(builder, position, self.state[thread])
            if innermost.primitive == "for" and not leaves_early(innermost):
                trips = self.trips_inside(builder, op, innermost)
                self.make_room_for(builder, position, trips)
                inside.append((thread, trips))
            else:
                inside.append((thread, None))
        passing = [thread for thread in self.threads if origin in thread.chain]
        if op.primitive in LOOPS and "token" in op.attributes:
            op = self.loop(builder, op, origin, passing)
        elif op.primitive == "if":
            self.branch(builder, op, origin, passing)
        elif op.regions:
            builder.append(replace(op, regions=tuple(self.block(region) for region in op.regions)))
        else:
            builder.append(op)
        for value in op.results:
            self.defined(builder, value)
        for thread in passing:
            if thread.tape is not None and thread.tape.last is not None and thread.tape.loops[-1] is origin:
                self.add_last(builder, thread, origin, op)
        for thread, known in inside:
            made = trips_made(builder, op) if known is None else known
            with builder:
                self.state[thread] = self.state[thread] + made

    def trips_inside(self, builder: Builder, around: Op, innermost: Op) -> Value:
        """How many trips a loop makes each time that it is met, of which those around it are the same."""
        return trip_count(
            builder, next(op for op in ops_of(around) if self.original.get(op, op) is innermost)
        )

    def begin(self, builder: Builder, thread: Thread, before: Op) -> Value:
        """What a thread is before its first loop, which has been placed as `before`."""
        tape = thread.tape
        if tape is None or not tape.loops:
            return zero(thread.type)
        if tape.known:
            lengths = []
            for loop in tape.loops:
                most = most_trips(loop) if has_few_trips(loop) else None
                if most is not None:
                    lengths.append(constant(most, ty.int64))
                    continue
                assert thread.starts is not None
                bounds = bounds_before(self.structure, loop, thread.starts)
                assert bounds is not None
                placed = dict(zip(thread.starts.operands[:3], before.operands[:3], strict=True))
                number = partial(placed_as, placed)
                operands = (
                    *(emitted_length(builder, bound, number=number) for bound in bounds),
                    *loop.operands[3:],
                )
                lengths.append(trip_count(builder, replace(loop, operands=operands)))
            if tape.last is not None:
                with builder:
                    lengths[-1] = lengths[-1] + 1
        elif tape.counted:
            if tape.counted not in self.totals:
                self.totals[tape.counted] = count_trips(builder, tape.counted, self.structure)
            lengths = [self.totals[tape.counted]]
        else:
            lengths = [constant(64, ty.int64)]
        lengths += [emitted_length(builder, length) for length in tape.lengths]
        return builder.emit("alloc", lengths, thread.type, {"fill": "empty", "tape": True}, thread.name)

    def loop(self, builder: Builder, op: Op, origin: Op, passing: list[Thread]) -> Op:
        counts = counting_slot(op)
        counted = (
            op.primitive == "while"
            and counts is None
            and any(t.tape is not None and t.tape.loops and origin is t.tape.loops[-1] for t in passing)
        )
        initial = [self.state[thread] for thread in passing]
        parameters = [Value(thread.name, thread.type) for thread in passing]
        count = counts[1] if counts is not None else Value("trips", ty.int64)
        self.state.update(zip(passing, parameters, strict=True))
        self.counters[origin] = count
        self.open.append(op)
        growing = [t for t in passing if t.tape and t.tape.grows and t.tape.loops[-1:] == (origin,)]
        body = self.block(loop_body(op), growing)
        self.open.pop()
        yields = [self.state[thread] for thread in passing]
        results = [self.leaving(thread, origin) for thread in passing]
        if counted:
            with Builder() as tail:
                yields.append(count + 1)
            body = replace(body, ops=(*body.ops, *tail.ops))
            initial.append(zero(ty.int64))
            parameters.append(count)
            results.append(Value("trips", ty.int64))
        body = Block((*body.parameters, *parameters), body.ops, (*body.results, *yields))
        regions: tuple[Block, ...] = (body,)
        if op.primitive == "while":
            held = op.regions[0]
            more = tuple(Value(p.name, p.type) for p in parameters)
            regions = (replace(held, parameters=(*held.parameters, *more)), body)
        new = replace(op, operands=(*op.operands, *initial), regions=regions, results=(*op.results, *results))
        builder.append(new)
        return new

    def add_last(self, builder: Builder, thread: Thread, loop: Op, placed: Op) -> None:
        """Put on the tape what a value carried by a loop, which has been placed, is behind the last trip."""
        assert thread.tape is not None and thread.tape.last is not None
        tokens = {op.attributes["token"]: op for op in self.open}
        where = [self.trip(builder, tokens[outer.attributes["token"]]) for outer in thread.tape.loops[:-1]]
        if not thread.tape.proven:
            require_lengths(builder, thread.tape.last, self.state[thread])
        places = (*where, trips_made(builder, placed), thread.tape.last)
        final = thread.final if thread.chain[0] is loop else None
        kept = final or Value(thread.name, thread.type)
        builder.append(Op("store", (self.state[thread], *places), (kept,), (), {}, builder.location))
        self.state[thread] = kept

    def leaving(self, thread: Thread, origin: Op) -> Value:
        """What a thread is behind one of the ops of its chain."""
        last = thread.final is not None and thread.chain[0] is origin
        if last and thread.tape is not None and thread.tape.last is not None:
            last = thread.tape.loops[-1] is not origin  # its last row is still to come
        self.state[thread] = thread.final if last and thread.final else Value(thread.name, thread.type)
        return self.state[thread]

    def branch(self, builder: Builder, op: Op, origin: Op, passing: list[Thread]) -> None:
        before = {thread: self.state.get(thread) for thread in passing}
        regions = []
        for region in op.regions:
            for thread, version in before.items():
                if version is None:
                    self.state.pop(thread, None)
                else:
                    self.state[thread] = version
            block = self.block(region)
            with Builder() as tail:
                yields = [self.state.get(thread) or self.nothing(tail, thread) for thread in passing]
            regions.append(Block((), (*block.ops, *tail.ops), (*block.results, *yields)))
        results = [self.leaving(thread, origin) for thread in passing]
        builder.append(replace(op, regions=tuple(regions), results=(*op.results, *results)))

    def nothing(self, builder: Builder, thread: Thread) -> Value:
        """What the arm of an `if` yields that records nothing."""
        if not ty.is_array(thread.type):
            return zero(thread.type)
        lengths = [zero(ty.int64)] * thread.type.ndim
        return builder.emit("alloc", lengths, thread.type, {"fill": "empty", "tape": True}, thread.name)

    def defined(self, builder: Builder, value: Value, current: Value | None = None) -> None:
        """Record a value, where it has a tape, right after its definition."""
        for axis, length in self.shapes.get(value, []):
            thread = self.of_value.get(length)
            tape = thread.tape if thread is not None else None
            made = tape.final if tape is not None and not tape.chain else Value("", ty.int64)
            builder.append(Op("shape", (value,), (made,), (), {"axis": axis}, builder.location))
            self.defined(builder, length, made)
        thread = self.of_value.get(value)
        if thread is None or thread.tape is None:
            return
        tape, content = thread.tape, current or value
        if not tape.loops:
            if ty.is_array(value.type):  # what it is copied to is not written afterwards
                made = Value(value.name, thread.type) if tape.chain else tape.final
                content = builder.append(Op("copy", (value,), (made,), (), {}, builder.location))[0]
            self.state[thread] = content
            return
        if tape.ragged:
            self.append(builder, thread, tape, content)
            return
        tokens = {op.attributes["token"]: op for op in self.open}
        loops = [tokens[loop.attributes["token"]] for loop in tape.loops]
        if tape.known:
            where = [self.trip(builder, loop) for loop in loops]
        elif tape.counted:
            assert tape.position is not None
            trip = self.trip(builder, loops[-1])
            with builder:
                where = [self.start_of[tape.position] + trip]
        else:
            where = [self.place[thread]]
        if not tape.proven:
            require_lengths(builder, value, self.state[thread])
        if ty.is_array(value.type):
            rank = value.type.ndim
            self.state[thread] = copy_elements(builder, self.state[thread], where, content, (), rank)
            return
        self.state[thread] = builder.emit(
            "store", (self.state[thread], *where, content), thread.type, name=thread.name
        )

    def append(self, builder: Builder, thread: Thread, tape: Tape, array: Value) -> None:
        """Put the elements of an array behind those that are on a ragged tape."""
        filled, begin = self.filled[tape], thread.starts
        start = self.state[filled]
        assert tape.start is not None and begin is not None
        self.defined(builder, tape.start, start)
        lengths = [builder.emit("shape", (array,), ty.int64, {"axis": k}) for k in range(array.type.ndim)]
        with builder:
            size = lengths[0]
            for length in lengths[1:]:
                size = size * length
            end = start + size
        attributes = {"begin": begin.attributes["token"]}
        roomy = builder.emit("ensure", (self.state[thread], end), thread.type, attributes, thread.name)
        self.state[thread] = flatten_elements(builder, roomy, start, array, lengths)
        self.state[filled] = end

    def make_room_for(self, builder: Builder, position: Value, trips: Value) -> None:
        """Let tapes grow before a loop whose trips are known, for all of them."""
        for thread in self.of_value.values():
            if thread.tape is not None and thread.tape.grows and thread.tape.position is position:
                with builder:
                    last = self.start_of[position] + (trips - 1)
                self.ensure(builder, thread, last)
                self.roomy.add(thread)

    def ensure(self, builder: Builder, thread: Thread, where: Value) -> None:
        begin = thread.starts
        assert begin is not None
        attributes = {"begin": begin.attributes["token"]}
        self.state[thread] = builder.emit(
            "ensure", (self.state[thread], where), thread.type, attributes, thread.name
        )

    def make_room(self, builder: Builder, growing: Sequence[Thread]) -> None:
        """Let tapes grow at the start of a trip. Those that began together are full together."""
        places: dict[Value | None, Value] = {}
        for thread in growing:
            tape = thread.tape
            assert tape is not None
            if tape.position not in places:
                with builder:
                    trip = self.trip(builder, self.open[-1])
                    start = self.start_of[tape.position] if tape.position is not None else None
                    places[tape.position] = trip if start is None else start + trip
            where = self.place[thread] = places[tape.position]
            if thread not in self.roomy:
                self.ensure(builder, thread, where)

    def trip(self, builder: Builder, loop: Op) -> Value:
        if loop.primitive == "while":
            return self.counters[self.original.get(loop, loop)]
        low, _, step = loop.operands[:3]
        return trip_number(builder, loop_body(loop).parameters[0], low, step)


def trips_made(builder: Builder, loop: Op) -> Value:
    """How many trips a loop has made, behind it."""
    return loop.results[0] if loop.primitive == "while" or leaves_early(loop) else trip_count(builder, loop)
