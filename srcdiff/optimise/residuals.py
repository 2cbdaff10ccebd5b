"""Decide where the reverse sweep gets each value of the forward sweep, and make it so.

    for i in range(n):                       for i in range(n):
        x = sin(x)                               x_tape[i] = x
    ...                                          x = sin(x)
    for i in range(n), descending:     ->    for i in range(n), descending:
        x_bar = x_bar * cos(recalled x)          x_bar = x_bar * cos(x_tape[i])

In order of preference a value is (1) still in scope, or in an array element that nothing overwrites afterwards, or
in the same one of what the array was copied from, if nothing was stored there before;
(2) cheap to compute again from such values; (3) recorded on a tape: an array indexed by trip where the trip counts
are known at loop entry, one that grows where they are not. The walk is made until the choice settles: what has a
tape counts as free, so that what follows from it is computed again rather than recorded too.

Where the trips of a loop step an array, its *states*, one for each trip, may stand for many values loaded from it;
and a trip may be made again in the reverse sweep, from its state (`replay.py`). Which of these moves the least is
decided by trying (`cheapest`).

Reads: structure, affine forms. Gives a function without reads of closed regions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..analysis.affine import Overwrites
from ..analysis.structure import Structure, find_structure, has_states, induction, scaling
from ..errors import InternalError, UnsupportedConstruct
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import IN_PLACE, Block, Function, Op, Value, counts_trips, loop_body, loop_slots
from ..ir.nests import copy_elements, flat_index, shape_elements
from ..ir.trips import trip_number
from ..ir.walk import free_values_of
from ..primitives import ARRAYS, REGISTRY
from .arrays import (
    Length,
    Lengths,
    array_source,
    counts_known,
    emitted_length,
    part_type,
    recorded_element,
    recorded_lengths,
    tape_type,
    yielded_to,
)
from .count import can_be_counted
from .dce import eliminate_dead
from .estimate import CHEAP, estimate
from .replay import replay_segments, replay_trips, stepping_loops
from .tapes import LOOPS, Plan, Recorder, Tape

WORDS = {
    "shape": "length",
    "add": "sum",
    "sub": "difference",
    "mul": "product",
    "div": "quotient",
    "pow": "power",
}


def place_residuals(function: Function, cheap: int = CHEAP) -> Function:
    """Supply what the reverse sweep reads out of scope, in the way that is estimated to cost the least.

    What takes at most `cheap` additions is computed again instead of being recorded.
    """
    function = replay_segments(function)
    best = cheapest(function, cheap)
    for token in stepping_loops(function):
        replayed = replay_trips(function, token)
        if replayed is None:
            continue
        try:
            placed = cheapest(replayed, cheap)
        except UnsupportedConstruct:  # an array that this way would have to record changes its size
            continue
        if placed.cost < best.cost:
            function, best = replayed, placed
    return best.function


@dataclass(frozen=True)
class Placed:
    """A function with its residuals placed, and the estimated cost of running it."""

    function: Function
    cost: float


def cheapest(function: Function, cheap: int) -> Placed:
    """Place residuals with and without recorded states."""
    placed = [settled(function, states, cheap) for states in (False, True)]
    return min((Placed(f, estimate(f.body)) for f in placed), key=lambda p: p.cost)


def settled(function: Function, states: bool, cheap: int) -> Function:
    """Place residuals until the choice of what is recorded does not change."""
    structure = find_structure(function.body)
    overwrites = Overwrites(structure)
    plan = Plan()
    instead: dict[Value, Value] = {}
    for _ in range(6):
        placer = Placer(function, structure, overwrites, plan, instead, states, cheap)
        body = placer.run()
        settled = placer.plan.used == plan.used
        plan = placer.plan
        if settled:
            break
        instead = {**instead, **shared_leaves(plan.used, placer.leaf)}
    plan.tapes = {value: tape for value, tape in plan.tapes.items() if value in plan.used}
    body = Recorder(plan, structure, placer.original).block(body)
    return eliminate_dead(replace(function, body=body))


def shared_leaves(used: set[Value], leaf: dict[Value, Value]) -> dict[Value, Value]:
    """What to record instead of recorded values: the one value that several of them are cheap functions of."""
    counts = Counter(leaf[value] for value in used if value in leaf)
    return {
        value: leaf[value]
        for value in used
        if value in leaf and (counts[leaf[value]] > 1 or leaf[value] in used)
    }


class Placer:
    """Walks the program in its order of execution; what is read out of scope is supplied."""

    def __init__(
        self,
        function: Function,
        structure: Structure,
        overwrites: Overwrites,
        before: Plan,
        instead: dict[Value, Value],
        states: bool,
        cheap: int,
    ) -> None:
        self.function, self.structure, self.overwrites, self.known = (
            function,
            structure,
            overwrites,
            before.used,
        )
        self.instead, self.states, self.cheap = instead, states, cheap
        self.leaf: dict[Value, Value] = {}  # the one value that is missing to compute another again cheaply
        self.plan = Plan(positions=before.positions, shapes=before.shapes, starts=before.starts)
        self.scope: set[Value] = set()
        self.spent: set[Value] = set()  # array versions that a store has consumed
        self.pointers: dict[Value, tuple[Value, ...]] = {}  # results of `if` and loops -> what they may be
        self.latest: dict[Value, Value] = {}  # storage -> the version that holds it now
        self.memo: dict[Value, Value] = {}
        self.trips: dict[int, tuple[Op, Value]] = {}  # token -> reverse loop now open, its index
        self.states_here: dict[int, dict[Value, Value]] = {}  # token -> restored states in a trip of it
        self.open: list[Op] = []
        self.original: dict[Op, Op] = {}
        self.builders: list[Builder] = []

    def run(self) -> Block:
        body = self.function.body
        self.enter(body.parameters)
        with Builder() as builder:
            self.builders.append(builder)
            self.ops(body)
            results = tuple(self.supplied(v) for v in body.results)
        return Block(body.parameters, tuple(builder.ops), results)

    @property
    def builder(self) -> Builder:
        return self.builders[-1]

    def enter(self, values: tuple[Value, ...]) -> None:
        for value in values:
            self.scope.add(value)
            if ty.is_array(value.type):
                self.latest[self.structure.storage(value)] = value

    def ops(self, block: Block) -> None:
        for op in block.ops:
            self.builder.location = op.location
            match op.primitive:
                case "for" | "while":
                    self.loop(op)
                case "if":
                    self.branch(op)
                case "zeros_like":
                    self.zeros_like(op)
                    self.enter(op.results)
                case "restore":
                    self.restore(op)
                    self.enter(op.results)
                case "shape" if not self.is_held(op.operands[0]):
                    self.memo[op.result] = self.length_of(op.operands[0], op.attributes["axis"])
                case _:
                    operands = tuple(self.supplied(v) for v in op.operands)
                    if op.primitive == "load" and operands[0] in self.spent:
                        # In a trip that is made again: the element is known to be what it was.
                        operands = (self.holder(operands[0]) or operands[0], *operands[1:])
                    if op.primitive in IN_PLACE:
                        self.spend(op.operands[0])
                    if any(a is not b for a, b in zip(operands, op.operands, strict=True)):
                        op = replace(op, operands=operands)
                    self.builder.append(op)
                    self.enter(op.results)

    def supplied(self, value: Value) -> Value:
        """The value itself where it is in scope, else what stands for it."""
        if value.is_constant or self.is_held(value):
            return value
        found = array_source(self, value) if ty.is_array(value.type) else self.source(value, may_record=True)
        if found is None:
            raise InternalError(f"no source for the value `{value.name or value}`", None)
        return found

    def spend(self, version: Value) -> None:
        """A store consumes a version, and with it every array whose memory it may be."""
        self.spent.add(version)
        for other in self.pointers.get(version, ()):
            if other not in self.spent:
                self.spend(other)

    def is_held(self, value: Value) -> bool:
        """Whether a value is in scope, and if it is an array still has its content."""
        return value in self.scope and value not in self.spent

    # ----------------------------------------------------------------------------------------- regions

    def region(self, block: Block) -> Builder:
        builder = Builder(self.builder.location)
        self.builders.append(builder)
        with builder:
            self.ops(block)
        return builder

    def leave(self, scope: set[Value], memo: dict[Value, Value]) -> None:
        self.builders.pop()
        self.scope, self.memo = scope, memo

    def branch(self, op: Op) -> None:
        condition = self.supplied(op.operands[0])
        scope, memo, spent, latest = set(self.scope), dict(self.memo), set(self.spent), dict(self.latest)
        regions, after = [], set(spent)
        for region in op.regions:
            self.scope, self.memo, self.spent, self.latest = set(scope), dict(memo), set(spent), dict(latest)
            self.open.append(op)
            builder = self.region(region)
            results = tuple(self.supplied(v) for v in region.results)
            self.open.pop()
            regions.append(Block((), tuple(builder.ops), results))
            after |= self.spent
            self.leave(set(scope), dict(memo))
        self.spent, self.latest = after, latest
        for k, result in enumerate(op.results):
            if ty.is_array(result.type):
                self.pointers[result] = tuple(region.results[k] for region in op.regions)
        new = replace(op, operands=(condition,), regions=tuple(regions))
        self.same(op, new)
        self.builder.append(new)
        self.enter(op.results)

    def same(self, old: Op, new: Op) -> None:
        """Remember what an op was before it was rewritten: the facts are about that."""
        self.original[new] = old

    def loop(self, op: Op) -> None:
        self.fetch_ahead(op)
        operands = tuple(self.supplied(v) for v in op.operands)
        scope, memo, latest = set(self.scope), dict(self.memo), dict(self.latest)
        slots = loop_slots(op)
        for initial, parameter, yielded, _ in slots:
            if ty.is_array(initial.type) and yielded is not parameter:
                self.spend(initial)
        regions = []
        reverses = op.attributes.get("reverses")
        for region in op.regions:
            self.scope, self.memo = set(scope), dict(memo)
            self.enter(region.parameters)
            self.open.append(op)
            if reverses is not None:
                self.trips[reverses] = (replace(op, operands=operands), region.parameters[0])
                self.states_here[reverses] = {}
            builder = self.region(region)
            results = tuple(self.supplied(v) for v in region.results)
            if reverses is not None:
                self.restore_first(builder, self.states_here.pop(reverses))
            self.open.pop()
            if reverses is not None:
                del self.trips[reverses]
            regions.append(Block(region.parameters, tuple(builder.ops), results))
            self.leave(set(scope), dict(memo))
        self.latest = latest
        for _, parameter, yielded, result in slots:
            if ty.is_array(result.type) and yielded is not parameter:
                self.pointers[result] = (yielded,)
                if yielded in scope:  # the next trip may write it
                    self.spend(yielded)
        new = replace(op, operands=operands, regions=tuple(regions))
        self.same(op, new)
        self.builder.append(new)
        self.enter(op.results)

    def restore_first(self, builder: Builder, states: dict[Value, Value]) -> None:
        """Put what restores the states that a trip reads in front of it."""
        with Builder(builder.location) as head:
            self.builders.append(head)
            for array, here in states.items():
                self.restored(array, here)
            self.builders.pop()
        builder.ops[:0] = head.ops

    def fetch_ahead(self, op: Op) -> None:
        """Before an inner loop, fetch what does not change in it."""
        for value in free_values_of(op):
            if value in self.scope or value in self.memo or ty.is_array(value.type):
                continue
            if all(loop.attributes["token"] in self.trips for loop in self.closed_loops(value)):
                self.source(value, may_record=True)

    def zeros_like(self, op: Op) -> None:
        """A cotangent array: as long as the array, of which any version in scope tells the shape."""
        (array,) = op.operands
        made = self.structure.maker.get(self.structure.origin(array))
        work = made is not None and bool(made.attributes.get("work"))
        if work:
            op = replace(op, attributes={**op.attributes, "work": True})
        held = self.holder(array)
        if held is not None and not work:
            self.builder.append(replace(op, operands=(held,)))
            return
        origin = self.structure.origin(array)
        if origin in self.scope and not work:
            self.builder.append(replace(op, operands=(origin,)))
            return
        if made is not None and made.primitive == "alloc":
            lengths = tuple(self.supplied(n) for n in made.operands)
        elif made is not None and made.primitive == "copy":
            self.zeros_like(replace(op, operands=made.operands))
            return
        else:
            lengths = tuple(self.length_of(origin, axis) for axis in range(array.type.ndim))
        self.builder.append(
            replace(op, primitive="alloc", operands=lengths, attributes={**op.attributes, "fill": "zeros"})
        )

    def length_of(self, array: Value, axis: int) -> Value:
        """The length along an axis of an array that is not in scope any more."""
        origin = self.structure.origin(array)
        held = next((v for v in (self.holder(array), origin) if v is not None and self.is_held(v)), None)
        if held is not None:
            return self.builder.emit("shape", (held,), ty.int64, {"axis": axis})
        made = self.structure.maker.get(origin)
        if made is not None and made.primitive == "alloc":
            return self.supplied(made.operands[axis])
        if made is not None and made.primitive == "copy":
            return self.length_of(made.operands[0], axis)
        if made is not None and made.primitive in ARRAYS:
            transposed = made.attributes.get("transposed", "")
            sources = ARRAYS[made.primitive].source_of(made.results.index(origin), axis, transposed)
            lengths = [self.length_of(made.operands[k], along) for k, along in sources]
            return lengths[0] if len(lengths) == 1 else self.builder.emit("min", lengths, ty.int64)
        known = self.length_before(origin, lambda lengths: lengths.of(origin, axis))
        return known if known is not None else self.supplied(self.shape_of(origin, axis))

    def shape_of(self, array: Value, axis: int) -> Value:
        """A length of an array of a closed region, as a value of that region."""
        key = (array, axis)
        if key not in self.plan.shapes:
            value = Value("", ty.int64)
            self.structure.home[value] = self.structure.home[array]
            self.plan.shapes[key] = value
        return self.plan.shapes[key]

    def holder(self, array: Value) -> Value | None:
        """The version in scope that is the same memory as `array`."""
        if array in self.scope:
            return array
        if self.structure.is_mixed(array):
            return None
        held = self.latest.get(self.structure.storage(array))
        return held if held in self.scope else None

    # ----------------------------------------------------------------------------------------- sources

    def source(self, value: Value, may_record: bool, budget: int | None = None) -> Value | None:
        """A value of the reverse sweep that equals a value of the forward sweep; None if it has to be recorded."""
        if value.is_constant or value in self.scope:
            return value
        if value in self.memo:
            return self.memo[value]
        if budget is None:  # what only leaves an arm of an `if` is no more than a number kept
            budget = self.cheap if self.closed_loops(value) else min(self.cheap, CHEAP)
        found = self.index(value) or self.reload(value) or self.element_of_state(value)
        found = found or self.recompute(value, budget)
        if found is None:
            found = self.induced(value, may_record) or recorded_element(self, value, may_record)
        if found is None and (may_record or value in self.known):
            found = self.from_leaf(value) or self.recorded(value)
        if found is not None:
            self.memo[value] = found
        return found

    def from_leaf(self, value: Value) -> Value | None:
        """The value computed again from what is recorded in its place."""
        leaf = self.instead.get(value)
        if leaf is None:
            return None
        held = self.source(leaf, may_record=True)
        return self.recompute(value, self.cheap) if held is not None else None

    def index(self, value: Value) -> Value | None:
        """The index of a loop is that of its reverse loop."""
        maker = self.structure.maker.get(value)
        if maker is None or maker.primitive != "for" or loop_body(maker).parameters[:1] != (value,):
            return None
        if counts_trips(maker):
            trip = self.trips.get(maker.attributes["token"])
            low, step = (self.source(x, may_record=True) for x in (maker.operands[0], maker.operands[2]))
            if trip is None or low is None or step is None:
                return None
            with self.builder:
                return low + trip[1] * step
        trip = self.trips.get(maker.attributes.get("token", -1))
        return trip[1] if trip is not None else None

    def induced(self, value: Value, may_record: bool) -> Value | None:
        """What changes by a constant in each trip, or is shifted, follows from its value before the loop."""
        shifts = scaling(self.structure, value)
        if shifts is not None and shifts[0].attributes.get("token") in self.trips:
            loop, initial, shift, bits = shifts
            start = self.source(initial, may_record)
            if start is None:
                return None
            with self.builder:
                away = self.trip_of(loop) * bits if bits > 1 else self.trip_of(loop)
                return self.builder.emit(shift, (start, away), value.type, name=value.name)
        known = induction(self.structure, value)
        if known is None or known[0].attributes.get("token") not in self.trips:
            return None
        loop, initial, step = known
        start = self.source(initial, may_record)
        if start is None:
            return None
        with self.builder:
            return start + self.trip_of(loop) * step

    def reload(self, value: Value) -> Value | None:
        """The element it was loaded from, or stored to, if that still holds it."""
        maker = self.structure.maker.get(value)
        if maker is not None and maker.primitive == "load" and value in maker.results:
            array, *where = maker.operands
            found = self.element(maker, array, tuple(where)) or self.element_of_original(maker)
            if found is not None:
                return found
        for store in self.stored_by(value):
            _, *where, _ = store.operands
            if store.result.type.dtype == value.type:
                found = self.element(store, store.result, tuple(where))
                if found is not None:
                    return found
        return self.carried(value)

    def carried(self, value: Value) -> Value | None:
        """The element that the trip before loaded, where a loop carries that, if it still holds it."""
        maker = self.structure.maker.get(value)
        if maker is None or maker.primitive != "for" or value not in loop_body(maker).parameters[1:]:
            return None
        found = self.overwrites.carried_element(maker, value)
        if found is None:
            return None
        loads, where = found
        arrays = {self.holding(load, load.operands[0], load.operands[1:]) for load in loads}
        array = arrays.pop()
        places = self.shifted(where)
        if arrays or array is None or places is None:
            return None
        return self.builder.emit("load", (array, *places), value.type)

    def shifted(self, where: list[tuple[Value, int]]) -> list[Value] | None:
        """Indices that are given as a value and what is to be added to it."""
        places = []
        for index, shift in where:
            place = self.source(index, may_record=False)
            if place is None:
                return None
            with self.builder:
                places.append(place - -shift if shift < 0 else place + shift if shift else place)
        return places

    # ----------------------------------------------------------------------------------------- states

    def restore(self, op: Op) -> None:
        """An array as it was when the trip began that the reverse sweep is at, in memory of its own."""
        self.restored(op.operands[0], op.result)

    def restored(self, array: Value, result: Value) -> None:
        builder = self.builder
        # A copy: with a row of the tape in its place, LLVM would see memory that may overlap with all else.
        tape, trips = self.state(array)
        lengths = [
            builder.emit("shape", (tape.final,), ty.int64, {"axis": len(trips) + axis})
            for axis in range(array.type.ndim)
        ]
        fresh = builder.emit("alloc", lengths, result.type, {"fill": "empty", "work": True}, result.name)
        copy_elements(builder, fresh, (), tape.final, trips, array.type.ndim)
        builder.ops[-1] = replace(builder.ops[-1], results=(result,))

    def state(self, array: Value) -> tuple[Tape, list[Value]]:
        """The recorded states of an array that a loop carries, and the trip numbers to index them with."""
        tape = self.tape_of(array)
        if tape is None:
            raise InternalError(f"no state of the array `{array.name or array}`", None)
        return tape, [self.trip_of(loop) for loop in tape.loops]

    def element_of_state(self, value: Value) -> Value | None:
        """The element that it was loaded from, in the recorded state of its array."""
        if not self.states:
            return None
        found = self.overwrites.entry_element(value, self.closed_loops(value))
        if found is None:
            return None
        array, where = found
        if not self.records_states(array):
            return None
        places = self.shifted(where)
        if places is None:
            return None
        return self.builder.emit("load", (self.state_here(array), *places), value.type)

    def state_here(self, array: Value) -> Value:
        """The array that holds a recorded state in the trip that the reverse sweep is at."""
        token = self.tape_loops(array)[-1].attributes["token"]
        here = self.states_here[token]
        if array not in here:
            here[array] = Value(array.name, ty.array(array.type.dtype, array.type.ndim))
        return here[array]

    def records_states(self, array: Value) -> bool:
        """Whether the states of an array that a loop carries can be recorded on a tape allocated beforehand."""
        loops = self.tape_loops(array)
        is_open = all(loop.attributes["token"] in self.trips for loop in loops)
        known = is_open and counts_known(self.structure, loops, self.closed_loops(array)[0])
        return (
            known
            and not self.is_ragged(array)
            and has_states(self.structure, array, self.closed_loops(array))
        )

    def stored_by(self, value: Value) -> list[Op]:
        if not hasattr(self, "_stores"):
            self._stores: dict[Value, list[Op]] = {}
            for stores in self.structure.stores.values():
                for op in stores:
                    if op.primitive == "store":
                        held = op.operands[-1]
                        self._stores.setdefault(held, []).append(op)
                        if (maker := self.structure.maker.get(held)) and maker.primitive == "attach":
                            self._stores.setdefault(maker.operands[0], []).append(op)  # the same number
        home = self.structure.home.get(value)
        return [op for op in self._stores.get(value, []) if self.structure.around.get(op) == home]

    def element(self, op: Op, array: Value, where: tuple[Value, ...]) -> Value | None:
        held = self.holding(op, array, where)
        return None if held is None else self.loaded(held, where)

    def element_of_original(self, load: Op) -> Value | None:
        """The element of what the array was copied from, if nothing was stored there before it was read."""
        held = self.overwrites.original(load)
        if held is None or not self.is_held(held):
            return None
        return self.loaded(held, load.operands[1:])

    def loaded(self, array: Value, where: tuple[Value, ...]) -> Value | None:
        places = [self.source(i, may_record=False) for i in where]
        if any(p is None for p in places):
            return None
        return self.builder.emit("load", [array, *(p for p in places if p is not None)], array.type.dtype)

    def holding(self, op: Op, array: Value, where: tuple[Value, ...]) -> Value | None:
        """The array version in scope in which the element that `op` accesses is what it was then."""
        if self.is_held(array):
            return array
        held = self.holder(array)
        if held is None or held in self.spent or not self.overwrites.survives(op, where, array):
            return None
        return held

    def recompute(self, value: Value, budget: int) -> Value | None:
        """Compute again from free values, if that costs no more than a tape."""
        maker = self.structure.maker.get(value)
        if maker is None or value not in maker.results:
            return None
        row = REGISTRY.get(maker.primitive)
        cost = row.cost if row is not None else 1 if maker.primitive in ("cast", "shape") else budget + 1
        self.leaf.pop(value, None)
        if cost > budget:
            return None
        if maker.primitive == "shape":
            held = self.holder(maker.operands[0])
            origin = self.structure.origin(maker.operands[0])
            array = held or (origin if origin in self.scope else None)
            if array is None:
                return self.length_before(value, lambda lengths: lengths.of_number(value))
            return self.builder.append(replace(maker, operands=(array,), results=(self.again(value),)))[0]
        before = len(self.builder.ops)
        memo, used = dict(self.memo), set(self.plan.used)
        operands: list[Value] = []
        missing: set[Value] = set()
        remaining = budget - cost
        for operand in maker.operands:
            found = self.source(operand, may_record=False, budget=remaining)
            if found is None:
                missing.add(operand)
            else:
                operands.append(found)
        if missing:
            del self.builder.ops[before:]
            self.memo = memo
            self.plan.used = used
            if len(missing) == 1:
                (operand,) = missing
                self.leaf[value] = self.leaf.get(operand, operand)
            return None
        return self.builder.append(replace(maker, operands=tuple(operands), results=(self.again(value),)))[0]

    def length_before(self, value: Value, find: Callable[[Lengths], Length | None]) -> Value | None:
        """A length inside the closed loops around a value that is one of an array from before them in every trip."""
        closed = self.closed_loops(value)
        if not closed:
            return None
        lengths = Lengths(self.structure, closed[0])
        found = find(lengths)
        if found is None or not lengths.proven:
            return None
        return emitted_length(self.builder, found, self.length_of, self.supplied)

    def again(self, value: Value) -> Value:
        return Value(value.name, value.type)

    # ------------------------------------------------------------------------------------------ tapes

    def chain(self, value: Value) -> tuple[Op, ...]:
        """The region ops around a definition that are not open now, outermost first."""
        home = self.structure.home[value]
        depth = 0
        for a, b in zip(home, self.open, strict=False):
            if a is not b:
                break
            depth += 1
        return home[depth:]

    def closed_loops(self, value: Value) -> tuple[Op, ...]:
        return tuple(op for op in self.chain(value) if op.primitive in LOOPS)

    def varies(self, value: Value, loop: Op) -> bool:
        """Whether a value may differ from trip to trip of a loop around it."""
        if value.is_constant or loop not in self.structure.home[value]:
            return False
        maker = self.structure.maker.get(value)
        if maker is None:
            return True
        if maker.primitive == "for" and loop_body(maker).parameters[0] is value:
            return (
                maker is loop or self.varies(maker.operands[0], loop) or self.varies(maker.operands[2], loop)
            )
        if value not in maker.results:
            return True
        if maker.primitive in REGISTRY or maker.primitive in ("load", "cast", "shape"):
            return any(self.varies(x, loop) for x in maker.operands)
        return True

    def tape_loops(self, value: Value) -> tuple[Op, ...]:
        """The closed loops in whose trips a value differs."""
        return tuple(op for op in self.chain(value) if op.primitive in LOOPS and self.varies(value, op))

    def recorded(self, value: Value) -> Value | None:
        if self.is_ragged(value):
            return self.shaped(value)
        found = self.on_tape(value)
        if found is None or not found[1]:
            return None if found is None else found[0]
        tape, where = found
        return self.builder.emit("load", (tape, *where), part_type(value.type), name=value.name)

    def is_ragged(self, value: Value) -> bool:
        """Whether a value is an array whose lengths may change from trip to trip of the closed loops around it."""
        if not ty.is_array(value.type) or not self.tape_loops(value):
            return False
        return recorded_lengths(self.structure, value, self.closed_loops(value)[0])[0] is None

    def element_on_tape(self, array: Value, places: Sequence[Value]) -> tuple[Value, ...] | None:
        """The tape of an array, and where on it the element at `places` is."""
        if not self.is_ragged(array):
            found = self.on_tape(array)
            return None if found is None else (found[0], *found[1], *places)
        tape = self.tape_of(array)
        if tape is None or tape.start is None:
            return None
        start = self.supplied(tape.start)
        lengths = [self.length_of(array, axis) for axis in range(array.type.ndim)]
        return tape.final, flat_index(self.builder, start, lengths, places)

    def shaped(self, array: Value) -> Value | None:
        """An array from its elements on a flat tape."""
        tape = self.tape_of(array)
        if tape is None or tape.start is None:
            return None
        start = self.supplied(tape.start)
        lengths = [self.length_of(array, axis) for axis in range(array.type.ndim)]
        type = part_type(array.type)
        fresh = self.builder.emit("alloc", lengths, type, {"fill": "empty"}, array.name)
        return shape_elements(self.builder, fresh, tape.final, start, lengths)

    def tape_of(self, value: Value) -> Tape | None:
        """The tape that a value is recorded on; None where the loops around it are not open in the reverse sweep."""
        loops = self.tape_loops(value)
        if any(loop.attributes["token"] not in self.trips for loop in loops):
            return None
        self.plan.used.add(value)
        if value not in self.plan.tapes:
            self.plan.tapes[value] = self.make_tape(value, self.chain(value), loops)
        return self.plan.tapes[value]

    def on_tape(self, value: Value) -> tuple[Value, list[Value]] | None:
        """The tape of a value and where on it the present trip is; without loops, what takes its place."""
        earlier = yielded_to(self, value)
        if earlier is not None:
            parameter, result = earlier
            found = self.on_tape(parameter)
            assert found is not None
            self.plan.tapes[parameter].last = result
            with self.builder:
                return found[0], [*found[1][:-1], found[1][-1] + 1]
        tape = self.tape_of(value)
        if tape is None:
            return None
        loops = tape.loops
        if not loops:
            return tape.final, []
        if tape.known:
            return tape.final, [self.trip_of(loop) for loop in loops]
        where = [self.trip_of(loops[-1])]
        if tape.position is not None:
            base = self.source(tape.position, may_record=True)
            assert base is not None
            with self.builder:
                where = [base + where[0]]
        return tape.final, where

    def trip_of(self, loop: Op) -> Value:
        """The number of the trip, from 0, that the open reverse loop is at."""
        reverse, index = self.trips[loop.attributes["token"]]
        if counts_trips(loop):
            return index
        low, _, step = reverse.operands[:3]
        return trip_number(self.builder, index, low, step)

    def make_tape(self, value: Value, chain: tuple[Op, ...], loops: tuple[Op, ...]) -> Tape:
        name = f"{value.name or self.what_is(value)}_tape"
        if not loops:
            return Tape(value, chain, loops, Value(value.name, part_type(value.type)))
        is_array = ty.is_array(value.type)
        outermost = next(op for op in chain if op.primitive in LOOPS)
        lengths, proven = recorded_lengths(self.structure, value, outermost) if is_array else ((), True)
        if lengths is None:
            start = self.plan.starts.setdefault(value, Value("start", ty.int64))
            self.structure.home[start] = self.structure.home[value]
            return Tape(value, chain, loops, Value(name, tape_type(value.type.dtype, 1)), False, start=start)
        if counts_known(self.structure, loops, outermost):
            final = Value(name, tape_type(value.type, len(loops)))
            return Tape(value, chain, loops, final, lengths=lengths, proven=proven)
        position: Value | None = None
        innermost = loops[-1]
        if len(loops) > 1:
            if innermost not in self.plan.positions:
                start = Value("start", ty.int64)
                self.structure.home[start] = self.structure.around[innermost]
                self.plan.positions[innermost] = start
            position = self.plan.positions[innermost]
        nest = chain[: chain.index(innermost) + 1]
        nest = nest[next(k for k, op in enumerate(nest) if op.primitive in LOOPS) :]
        counted = nest if position is not None and can_be_counted(nest, self.structure) else ()
        final = Value(name, tape_type(value.type, 1))
        return Tape(value, chain, loops, final, False, position, counted, lengths, proven)

    def what_is(self, value: Value) -> str:
        """A word for a value that the user has not named: the function that makes it, or the array it is from."""
        maker = self.structure.maker.get(value)
        if maker is None or value not in maker.results or maker.regions:
            return "t"
        if maker.primitive == "load":
            return self.structure.origin(maker.operands[0]).name or "t"
        if ty.is_boolean(value.type):
            return "holds"
        if maker.primitive == "custom":
            return str(maker.attributes["name"])
        return WORDS.get(maker.primitive, maker.primitive)
