"""How a value of the forward sweep is recorded: on which tape, and where on it the present trip is.

    for i in range(n):                   for i in range(n):
        x = sin(x)              ->           x_tape[i] = x         # varies with i: an axis for its trips
        y = cos(c) * x                                             # cos(c) does not: one number

A tape has an axis for each closed loop in whose trips the value differs, if the trip counts are known before the
outermost one; else it is flat. `tapes.py` puts it into the forward sweep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..analysis.overwrites import Overwrites
from ..analysis.structure import has_states
from ..errors import InternalError
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Op, Value, counts_trips, leaves_early, loop_body
from ..ir.trips import trip_number
from ..primitives import REGISTRY
from .arrays import counts_known, recorded_lengths, tape_type
from .count import can_be_counted
from .tapes import LOOPS, Plan, Tape

WORDS = {
    "shape": "length",
    "add": "sum",
    "sub": "difference",
    "mul": "product",
    "div": "quotient",
    "pow": "power",
}


@dataclass(frozen=True)
class Choices:
    """What a walk goes by: the tapes of the walk `before`, what is recorded `instead` of other values, the arrays that
    are recorded `whole` instead of their elements, whether states are recorded, and the cost up to which a value is
    computed again."""

    before: Plan
    instead: Mapping[Value, Value]
    whole: frozenset[Value]
    states: bool
    cheap: int


class Recording:
    """The tapes of the values that are recorded, and the trips that the reverse sweep is at."""

    def __init__(self, overwrites: Overwrites, choices: Choices) -> None:
        self.overwrites, self.structure, self.choices = overwrites, overwrites.structure, choices
        before = choices.before
        self.plan = Plan(positions=before.positions, shapes=before.shapes, starts=before.starts)
        self.trips: dict[int, tuple[Op, Value]] = {}  # token -> reverse loop now open, its index
        self.states_here: dict[int, dict[Value, Value]] = {}  # token -> restored states in a trip of it
        self.open: list[Op] = []
        self.builders: list[Builder] = []

    @property
    def builder(self) -> Builder:
        return self.builders[-1]

    # --------------------------------------------------------------------------------------- loops

    def chain(self, value: Value) -> tuple[Op, ...]:
        """The region ops around a definition that are not open now, outermost first."""
        home = self.structure.home[value]
        depth = 0
        for a, b in zip(home, self.open, strict=False):
            if a is not b:
                break
            depth += 1
        return home[depth:]

    def open_loop_around(self, op: Op) -> Op | None:
        """The innermost loop around an op that is open now: both sweeps of its trips are one behind the other."""
        common = [a for a, b in zip(self.structure.around[op], self.open, strict=False) if a is b]
        return next((a for a in reversed(common) if a.primitive in LOOPS), None)

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
        if maker.primitive == "load" and self.overwrites.holds_still(maker, loop):
            return any(self.varies(x, loop) for x in maker.operands[1:])
        if maker.primitive in REGISTRY or maker.primitive in ("load", "cast", "shape"):
            return any(self.varies(x, loop) for x in maker.operands)
        return True

    def tape_loops(self, value: Value) -> tuple[Op, ...]:
        """The closed loops in whose trips a value differs."""
        return tuple(op for op in self.chain(value) if op.primitive in LOOPS and self.varies(value, op))

    def trip_of(self, loop: Op) -> Value:
        """The number of the trip, from 0, that the open reverse loop is at."""
        reverse, index = self.trips[loop.attributes["token"]]
        if counts_trips(loop):
            return index
        low, _, step = reverse.operands[:3]
        return trip_number(self.builder, index, low, step)

    # --------------------------------------------------------------------------------------- tapes

    def is_ragged(self, value: Value) -> bool:
        """Whether a value is an array whose lengths may change from trip to trip of the closed loops around it."""
        if not ty.is_array(value.type) or not self.tape_loops(value):
            return False
        return recorded_lengths(self.structure, value, self.closed_loops(value)[0])[0] is None

    def tape_of(self, value: Value) -> Tape | None:
        """The tape that a value is recorded on; None where the loops around it are not open in the reverse sweep."""
        loops = self.tape_loops(value)
        if any(loop.attributes["token"] not in self.trips for loop in loops):
            return None
        self.plan.used.add(value)
        if value not in self.plan.tapes:
            self.plan.tapes[value] = self.make_tape(value, self.chain(value), loops)
        return self.plan.tapes[value]

    def make_tape(self, value: Value, chain: tuple[Op, ...], loops: tuple[Op, ...]) -> Tape:
        name = f"{value.name or self.what_is(value)}_tape"
        if not loops:
            return Tape(value, chain, loops, Value(value.name, ty.fresh(value.type)))
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
        nest = chain[chain.index(outermost) : chain.index(innermost) + 1]
        if len(loops) > 1:
            same = self.loops_of_same_trips(nest, loops)
            nest = tuple(op for op in nest if op not in same)
            key = innermost, same[0] if same else innermost
            if key not in self.plan.positions:
                start = Value("start", ty.int64)
                self.structure.home[start] = self.structure.around[key[1]]
                self.plan.positions[key] = start
            position = self.plan.positions[key]
        counted = nest if position is not None and can_be_counted(nest, self.structure) else ()
        final = Value(name, tape_type(value.type, 1))
        return Tape(value, chain, loops, final, False, position, counted, lengths, proven)

    def loops_of_same_trips(self, nest: tuple[Op, ...], loops: tuple[Op, ...]) -> tuple[Op, ...]:
        """The loops around the innermost one in each of whose trips it makes the same ones, with the same values: they
        are recorded at the same place every time."""
        innermost = loops[-1]
        between = nest[nest.index(loops[-2]) + 1 : -1]
        same = tuple(op for op in between if op.primitive in LOOPS)
        if not same or innermost.primitive != "for" or leaves_early(innermost):
            return ()
        bounds = innermost.operands[:3]
        if any(not bound.is_constant and same[0] in self.structure.home[bound] for bound in bounds):
            return ()
        return same

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

    # -------------------------------------------------------------------------------------- states

    def state(self, array: Value) -> tuple[Tape, list[Value]]:
        """The recorded states of an array that a loop carries, and the trip numbers to index them with."""
        tape = self.tape_of(array)
        if tape is None:
            raise InternalError(f"no state of the array `{array.name or array}`", None)
        return tape, [self.trip_of(loop) for loop in tape.loops]

    def state_here(self, array: Value) -> Value:
        """The array that holds a recorded state in the trip that the reverse sweep is at."""
        token = self.tape_loops(array)[-1].attributes["token"]
        here = self.states_here[token]
        if array not in here:
            here[array] = Value(array.name, ty.fresh(array.type))
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
