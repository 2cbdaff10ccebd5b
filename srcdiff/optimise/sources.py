"""Where the reverse sweep gets one value of the forward sweep.

In order of preference a value is (1) still in scope, or in an array element that nothing overwrites afterwards, or
in the same one of what the array was copied from, if nothing was stored there before; (2) cheap to compute again from
such values; (3) recorded (`recording.py`). What is found holds for the present place of the walk and is remembered
there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

from ..analysis.overwrites import Overwrites
from ..analysis.structure import induction, scaling
from ..errors import InternalError
from ..ir import types as ty
from ..ir.core import Op, Value, counts_trips, indices_of, loop_body
from ..ir.nests import copy_elements, flat_index, shape_elements
from ..primitives import ARRAYS, REGISTRY
from .arrays import Length, Lengths, array_source, emitted_length, recorded_element, yielded_to
from .estimate import CHEAP
from .recording import Choices, Recording


class Sources(Recording):
    """Finds, at a place of the reverse sweep, what equals a value of the forward sweep."""

    def __init__(self, overwrites: Overwrites, choices: Choices) -> None:
        super().__init__(overwrites, choices)
        self.known = choices.before.used
        self.leaf: dict[Value, Value] = {}  # the one value that is missing to compute another again cheaply
        self.scope: set[Value] = set()
        self.spent: set[Value] = set()  # array versions that a store has consumed
        self.latest: dict[Value, Value] = {}  # storage -> the version that holds it now
        self.memo: dict[Value, Value] = {}

    def supplied(self, value: Value) -> Value:
        """The value itself where it is in scope, else what stands for it."""
        if value.is_constant or self.is_held(value):
            return value
        found = array_source(self, value) if ty.is_array(value.type) else self.source(value, may_record=True)
        if found is None:
            raise InternalError(f"no source for the value `{value.name or value}`", None)
        return found

    def is_held(self, value: Value) -> bool:
        """Whether a value is in scope, and if it is an array still has its content."""
        return value in self.scope and value not in self.spent

    def source(self, value: Value, may_record: bool, budget: int | None = None) -> Value | None:
        """A value of the reverse sweep that equals a value of the forward sweep; None if it has to be recorded."""
        if value.is_constant or value in self.scope:
            return value
        if value in self.memo:
            return self.memo[value]
        if budget is None:  # what only leaves an arm of an `if` is no more than a number kept
            budget = self.choices.cheap if self.closed_loops(value) else min(self.choices.cheap, CHEAP)
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
        leaf = self.choices.instead.get(value)
        if leaf is None:
            return None
        held = self.source(leaf, may_record=True)
        return self.recompute(value, self.choices.cheap) if held is not None else None

    # --------------------------------------------------------------------------------------- loops

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

    # ------------------------------------------------------------------------------------ elements

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

    def element_of_state(self, value: Value) -> Value | None:
        """The element that it was loaded from, in the recorded state of its array."""
        if not self.choices.states:
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

    def holder(self, array: Value) -> Value | None:
        """The version in scope that is the same memory as `array`."""
        if array in self.scope:
            return array
        if self.structure.is_mixed(array):
            return None
        held = self.latest.get(self.structure.storage(array))
        return held if held in self.scope else None

    def holding(self, op: Op, array: Value, where: tuple[Value, ...]) -> Value | None:
        """The array version in scope in which the element that `op` accesses is what it was then."""
        if self.is_held(array):
            return array
        held = self.holder(array)
        within = self.open_loop_around(op)
        if held is None or held in self.spent or not self.overwrites.survives(op, where, array, within):
            return None
        return held

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

    @cached_property
    def stores_of(self) -> dict[Value, list[Op]]:
        """The stores of each value, and of a number that `attach` gives another derivative."""
        found: dict[Value, list[Op]] = {}
        for stores in self.structure.stores.values():
            for op in stores:
                if op.primitive == "store":
                    held = op.operands[-1]
                    found.setdefault(held, []).append(op)
                    if (maker := self.structure.maker.get(held)) and maker.primitive == "attach":
                        found.setdefault(maker.operands[0], []).append(op)
        return found

    def stored_by(self, value: Value) -> list[Op]:
        """The stores of a value in the region of its definition."""
        home = self.structure.home.get(value)
        return [op for op in self.stores_of.get(value, []) if self.structure.around.get(op) == home]

    # ------------------------------------------------------------------------------ computed again

    def recompute(self, value: Value, budget: int) -> Value | None:
        """Compute again from free values, if that costs no more than a tape."""
        maker = self.structure.maker.get(value)
        if maker is None or value not in maker.results:
            return None
        row = REGISTRY.get(maker.primitive)
        cost = row.cost if row is not None else 1 if maker.primitive in ("cast", "shape") else budget + 1
        self.leaf.pop(value, None)
        if cost > budget or self.is_test_of_elements(value):
            return None
        if maker.attributes.get("computed"):  # the other operand was made of the same
            return self.source(maker.operands[0], may_record=False, budget=budget)
        if maker.primitive == "shape":
            if self.structure.grows(maker.operands[0]):
                return None
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

    def is_test_of_elements(self, value: Value) -> bool:
        """Whether a value combines comparisons of elements: as one byte on a tape it is less to read than those are,
        unless the elements are fewer."""
        maker = self.structure.maker[value]
        if maker.primitive not in ("and", "or") or self.choices.cheap > CHEAP:
            return False
        compared = [self.structure.maker.get(v) for v in maker.operands]
        makers = [self.structure.maker.get(v) for op in compared if op is not None for v in op.operands]
        loads = [m for m in makers if m is not None and m.primitive == "load"]
        loops = self.closed_loops(value)
        return bool(loops) and any(
            all(any(self.varies(i, loop) for i in indices_of(load)) for loop in loops) for load in loads
        )

    def again(self, value: Value) -> Value:
        return Value(value.name, value.type)

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

    def length_of(self, array: Value, axis: int) -> Value:
        """The length along an axis of an array that is not in scope any more."""
        if self.structure.grows(array) and not self.is_held(array):
            return self.supplied(self.shape_of(array, axis))
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

    # ------------------------------------------------------------------------------------ recorded

    def recorded(self, value: Value) -> Value | None:
        if self.is_ragged(value):
            return self.shaped(value)
        found = self.on_tape(value)
        if found is None or not found[1]:
            return None if found is None else found[0]
        tape, where = found
        return self.builder.emit("load", (tape, *where), ty.fresh(value.type), name=value.name)

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

    def restored(self, array: Value, result: Value) -> None:
        """Append a copy of a recorded state.

        With a row of the tape in its place, LLVM would see memory that may overlap with all else.
        """
        builder = self.builder
        if self.is_ragged(array):
            if self.shaped(array) is None:
                raise InternalError(f"no state of the array `{array.name or array}`", None)
        else:
            tape, trips = self.state(array)
            lengths = [
                builder.emit("shape", (tape.final,), ty.int64, {"axis": len(trips) + axis})
                for axis in range(array.type.ndim)
            ]
            fresh = builder.emit("alloc", lengths, result.type, {"fill": "empty", "work": True}, result.name)
            copy_elements(builder, fresh, (), tape.final, trips, array.type.ndim)
        builder.ops[-1] = replace(builder.ops[-1], results=(result,))

    def shaped(self, array: Value) -> Value | None:
        """An array from its elements on a flat tape."""
        tape = self.tape_of(array)
        if tape is None or tape.start is None:
            return None
        start = self.supplied(tape.start)
        lengths = [self.length_of(array, axis) for axis in range(array.type.ndim)]
        fresh = self.builder.emit("alloc", lengths, ty.fresh(array.type), {"fill": "empty"}, array.name)
        return shape_elements(self.builder, fresh, tape.final, start, lengths)

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
