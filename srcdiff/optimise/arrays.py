"""Where the reverse sweep gets a whole array of the forward sweep, and how long arrays of closed loops are.

    for i in range(n):                         h_tape = np.empty((n, k, m))
        h = tanh(x @ w)                        for i in range(n):
        x = h @ w                ->                h = tanh(x @ w)
    ...                                            h_tape[i] = h
        w_bar += h.T @ x_bar                   ...
                                                   w_bar += h_tape[i].T @ x_bar

An array that is in scope and has not been stored into since is read. One that plain loops filled from such values is
filled again. Else it is recorded: as a part of a tape for each trip, or as a copy. The tape is allocated before the
outermost loop, where the lengths of the array are known there. Where they are not, all its elements go onto a flat tape
that grows, one trip's behind those of the other, and the lengths and where each trip's start onto tapes of their own:

    h_tape = grown(h_tape, filled + h.size)
    start_tape[i], length_tape[i] = filled, h.shape[0]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..analysis.bounds import has_few_trips
from ..analysis.structure import Structure
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import IN_PLACE, Op, Value, leaves_early, loop_body, loop_slots
from ..ir.types import Type
from ..ir.walk import free_values_of, ops_within, rename_op
from ..primitives import ARRAYS, REGISTRY
from .estimate import CHEAP

if TYPE_CHECKING:
    from .sources import Sources

LIKE = ("copy", "zeros_like", "empty_like")
# A length as ("value", v), ("constant", n), ("shape", array, axis) or (primitive, type, part, ...)
Length = tuple[Any, ...]


def array_source(sources: Sources, array: Value) -> Value | None:
    """An array of the reverse sweep with the content of a version of the forward sweep."""
    if array in sources.memo:
        return sources.memo[array]
    found = unchanged(sources, array) or refilled(sources, array) or sources.recorded(array)
    if found is not None:
        sources.memo[array] = found
    return found


def unchanged(sources: Sources, array: Value) -> Value | None:
    """Another version of the same memory, if nothing is ever stored into that."""
    held = sources.holder(array)
    if (
        held is None
        or held in sources.spent
        or sources.structure.stores.get(sources.structure.storage(array))
    ):
        return None
    return held


def refilled(sources: Sources, array: Value) -> Value | None:
    """The array filled again by the loops that filled it, if they are cheap and what they read is still there."""
    fill = sources.structure.maker.get(array)
    if fill is None or fill.primitive != "for" or len(fill.results) != 1 or not is_cheap(fill):
        return None
    (start,) = fill.operands[3:]
    made = sources.structure.maker.get(start)
    if made is None or made.primitive != "alloc":
        return None
    before, memo, used = len(sources.builder.ops), dict(sources.memo), set(sources.plan.used)
    mapping: dict[Value, Value] = {}
    for value in (*made.operands, *free_values_of(fill)):
        if value is start or value.is_constant:
            continue
        found = still_there(sources, value)
        if found is None:
            del sources.builder.ops[before:]
            sources.memo, sources.plan.used = memo, used
            return None
        mapping[value] = found
    again = Value(start.name, start.type)
    lengths = tuple(mapping.get(n, n) for n in made.operands)
    attributes = {"fill": made.attributes["fill"]}
    sources.builder.append(replace(made, operands=lengths, results=(again,), attributes=attributes))
    return sources.builder.append(rename_op(fill, {**mapping, start: again}))[0]


def still_there(sources: Sources, value: Value) -> Value | None:
    if not ty.is_array(value.type):
        return sources.source(value, may_record=False)
    if value in sources.scope and value not in sources.spent:
        return value
    return sources.memo.get(value) or unchanged(sources, value)


def is_cheap(fill: Op) -> bool:
    """Whether a nest of loops does nothing but to compute the elements of one array, each from little."""
    cost = 0
    for op in ops_within(loop_body(fill)):
        if op.primitive in REGISTRY:
            cost += REGISTRY[op.primitive].cost
        elif op.primitive == "for":
            if len(op.results) != 1 or not ty.is_array(op.result.type):
                return False
        elif op.primitive not in ("load", "store", "cast", "shape"):
            return False
    return cost <= CHEAP and ty.is_array(fill.results[0].type)


# ----------------------------------------------------------------------------------- elements of recorded arrays


def recorded_element(sources: Sources, value: Value, may_record: bool) -> Value | None:
    """A number read from, or stored into, an array that is recorded whole."""
    for array, where in elements_that_are(sources, value):
        is_recorded = array in sources.known or yielded_to(sources, array) is not None
        if not is_recorded and not (
            may_record and made_whole(sources.structure, array) and is_better_whole(sources, value, array)
        ):
            continue
        places = [sources.source(i, may_record=False) for i in where]
        if None in places:
            continue
        found = sources.element_on_tape(array, [p for p in places if p is not None])
        if found is not None:
            return sources.builder.emit("load", found, value.type)
    return None


def elements_that_are(sources: Sources, value: Value) -> list[tuple[Value, tuple[Value, ...]]]:
    """(array version, indices) of the elements that hold a value."""
    maker = sources.structure.maker.get(value)
    found = []
    if maker is not None and maker.primitive == "load" and value in maker.results:
        found.append((maker.operands[0], maker.operands[1:]))
    for store in sources.stored_by(value):
        array = filled_by(sources.structure, store)
        if array is not None and array.type.dtype == value.type:
            found.append((array, store.operands[1:-1]))
    return found


def filled_by(structure: Structure, store: Op) -> Value | None:
    """The array that a nest of loops has made of one store to each of its elements; None if that is not so."""
    before, version, indices = store.operands[0], store.result, set(store.operands[1:-1])
    if len(indices) < len(store.operands) - 2:
        return None
    for around in reversed(structure.around[store]):
        if around.primitive != "for" or loop_body(around).parameters[0] not in indices:
            return None
        slot = next((s for s in loop_slots(around) if s[1] is before and s[2] is version), None)
        if slot is None:  # another store of the same trip may hit an element of an earlier one
            return None
        indices.remove(loop_body(around).parameters[0])
        before, version = slot[0], slot[3]
        made = structure.maker.get(before)
        if made is not None and made.primitive == "alloc" and not indices:
            return version
    return None


def made_whole(structure: Structure, array: Value) -> bool:
    """Whether an array is computed anew in each trip of the loops around it: to record it costs no more than that."""
    s, seen = structure, set()
    while array not in seen:
        seen.add(array)
        origin = s.origin(array)
        made = s.maker.get(origin)
        if made is None:
            return False
        if made.primitive in ARRAYS:
            return True
        if made.primitive in ("alloc", "copy"):
            return loops_around(s, origin) == loops_around(s, array)
        if made.primitive not in ("for", "while") or origin in made.results:
            return False
        slot = next((slot for slot in loop_slots(made) if slot[1] is origin), None)
        if slot is None or s.origin(slot[2]) is origin:
            return False
        array = slot[2]
    return False


def loops_around(structure: Structure, value: Value) -> list[Op]:
    return [op for op in structure.home[value] if op.primitive != "if"]


def is_better_whole(sources: Sources, value: Value, array: Value) -> bool:
    """Whether the numbers themselves would be more, or would need a tape that grows."""
    loops = sources.tape_loops(value)
    if not loops or not size_is_known(sources.structure, array, loops[0]):
        return False
    known = counts_known(sources.structure, loops, sources.closed_loops(value)[0])
    return array in sources.choices.whole or axes_within(sources, loops, array) > array.type.ndim or not known


def axes_within(sources: Sources, loops: Sequence[Op], array: Value) -> int:
    """The axes that a tape over these loops has for one array."""
    return sum(op not in sources.structure.home[array] for op in loops)


def size_is_known(structure: Structure, array: Value, loop: Op) -> bool:
    return recorded_lengths(structure, array, loop)[0] is not None


def read_in_several_places(sources: Sources) -> set[Value]:
    """The arrays of which several tapes hold as many numbers as they have elements."""
    tapes = Counter(
        array
        for value in sources.plan.used
        if not ty.is_array(value.type)
        for array, _ in elements_that_are(sources, value)
        if made_whole(sources.structure, array)
        and (loops := sources.plan.tapes[value].loops)
        and size_is_known(sources.structure, array, loops[0])
        and axes_within(sources, loops, array) >= array.type.ndim
    )
    return {array for array, count in tapes.items() if count > 1}


def yielded_to(sources: Sources, value: Value) -> tuple[Value, Value] | None:
    """(parameter, result) of the loop slot that a value is yielded to, if the parameter is recorded for each trip.

    What is yielded by one trip is on the tape as the parameter of the next one, or as what the loop results in.
    """
    home = sources.structure.home.get(value, ())
    if not home or home[-1].primitive != "for":
        return None
    loop = home[-1]
    if value in loop_body(loop).parameters:
        return None
    for _, parameter, yielded, result in loop_slots(loop):
        if yielded is value and parameter in sources.known:
            loops = sources.tape_loops(parameter)
            if loops and loops[-1] is loop and not sources.is_ragged(parameter):
                if counts_known(sources.structure, loops, sources.closed_loops(parameter)[0]):
                    return parameter, result
    return None


# -------------------------------------------------------------------------------------------------- lengths


def tape_type(type: Type, axes: int) -> Type:
    """The type of a tape with this many axes for trips."""
    return ty.array(type.dtype, axes + type.ndim) if ty.is_array(type) else ty.array(type, axes)


def recorded_lengths(structure: Structure, array: Value, loop: Op) -> tuple[tuple[Length, ...] | None, bool]:
    """The lengths of an array of a closed loop as they are known before it, and whether they hold in every trip; None
    where they may change from trip to trip."""
    lengths = Lengths(structure, loop)
    found = [lengths.of(array, axis) for axis in range(array.type.ndim)]
    known = tuple(n for n in found if n is not None)
    return known if len(known) == len(found) else None, lengths.proven


def keeps_its_size(structure: Structure, array: Value, loop: Op) -> bool:
    """Whether an array of a loop certainly is of the same size in every trip."""
    lengths = Lengths(structure, loop)
    return all(lengths.of(array, axis) is not None for axis in range(array.type.ndim)) and lengths.proven


class Lengths:
    """The lengths of arrays inside a loop, from values that exist before it; None where they are not known.

    What a name points to in later trips is taken to be as long as what it pointed to at first, unless its lengths are
    computed from those of the trip before. `proven` tells whether that follows from the program.
    """

    def __init__(self, structure: Structure, loop: Op) -> None:
        self.structure, self.loop = structure, loop
        self.assumed: dict[tuple[Value, int], Length] = {}
        self.proven = True

    def of(self, array: Value, axis: int) -> Length | None:
        s = self.structure
        if self.loop not in s.home[array]:
            return ("shape", array, axis)
        if s.grows(array):
            return None
        if (array, axis) in self.assumed:
            return self.assumed[array, axis]
        made = s.maker[array]
        if made.primitive in IN_PLACE or made.primitive in LIKE:
            return self.of(made.operands[0], axis)
        if made.primitive == "alloc":
            return self.of_number(made.operands[axis])
        if made.primitive == "custom":
            return self.of(made.operands[made.results.index(array)], axis)
        if made.primitive == "call":
            known = made.attributes["callee"].lengths
            n = made.results.index(array)
            where = known[n][axis] if n < len(known) and axis < len(known[n]) else None
            if isinstance(where, tuple):
                return self.of(made.operands[where[0]], where[1])
            return ("constant", where) if where is not None else None
        if made.primitive == "load":  # a part of the tape of an inner derivative
            return self.of(made.operands[0], axis + len(made.operands) - 1)
        if made.primitive in ARRAYS:
            transposed = made.attributes.get("transposed", "")
            sources = ARRAYS[made.primitive].source_of(made.results.index(array), axis, transposed)
            parts = [self.of(made.operands[k], along) for k, along in sources]
            if len(parts) == 1 or None in parts:
                return None if None in parts else parts[0]
            return ("min", ty.int64, *parts)
        if made.primitive == "if":
            first, second = (
                self.of(region.results[made.results.index(array)], axis) for region in made.regions
            )
            return first if self.same(first, second) else None
        if made.primitive in ("for", "while"):
            return self.of_slot(made, array, axis)
        return None

    def of_slot(self, loop: Op, array: Value, axis: int) -> Length | None:
        slot = next((s for s in loop_slots(loop) if array in (s[1], s[3])), None)
        if slot is None:
            return None
        initial, parameter, yielded, _ = slot
        first = self.of(initial, axis)
        if first is None or (parameter, axis) in self.assumed:
            return first
        self.assumed[parameter, axis] = first
        last = self.of(yielded, axis)
        if self.same(first, last):
            return first
        self.proven = False
        before = (self.assumed.get((parameter, k)) for k in range(array.type.ndim))
        return None if last is None or any(n in parts_of(last) for n in before if n is not None) else first

    def of_number(self, value: Value) -> Length | None:
        s = self.structure
        if value.is_constant:
            return ("constant", value.constant)
        if self.loop not in s.home[value]:
            return ("value", value)
        made = s.maker[value]
        if made.primitive == "shape":
            return self.of(made.operands[0], made.attributes["axis"])
        if made.primitive in REGISTRY and value in made.results:
            parts = [self.of_number(x) for x in made.operands]
            return None if None in parts else (made.primitive, value.type, *parts)
        return None

    def same(self, a: Length | None, b: Length | None) -> bool:
        return a is not None and b is not None and self.normal(a) == self.normal(b)

    def normal(self, length: Length) -> Length:
        """One form for lengths that are the same by how they were made."""
        s = self.structure
        kind, *parts = length
        if kind == "value":
            made = s.maker.get(parts[0])
            if made is not None and made.primitive == "shape":
                return self.normal(("shape", made.operands[0], made.attributes["axis"]))
        if kind == "shape":
            origin = s.origin(parts[0])
            made = s.maker.get(origin)
            if made is not None and made.primitive == "alloc":
                number = made.operands[parts[1]]
                return ("constant", number.constant) if number.is_constant else self.normal(("value", number))
            if made is not None and made.primitive in LIKE:
                return self.normal(("shape", made.operands[0], parts[1]))
            return ("shape", origin, parts[1])
        return length


def counts_known(structure: Structure, loops: Sequence[Op], outermost: Op) -> bool:
    """Whether the trip counts of nested loops, or what they are at most, are known before the outermost one."""
    if len(loops) == 1 and has_few_trips(loops[0]):
        return True
    return not any(
        loop.primitive == "while" or leaves_early(loop) or bounds_before(structure, loop, outermost) is None
        for loop in loops
    )


def bounds_before(structure: Structure, loop: Op, outermost: Op) -> tuple[Length, ...] | None:
    """The bounds of an inner loop as they are known before the outermost one; None if they are not.

    They are in terms of what is in scope there, and of the bounds of the outermost loop as it names them: a loop of a
    trip that is made again names those of the first time.
    """
    lengths = Lengths(structure, outermost)
    found = tuple(lengths.of_number(bound) for bound in loop.operands[:3])
    bounds = tuple(n for n in found if n is not None)
    if len(bounds) < len(found) or not lengths.proven:
        return None
    around = structure.around[outermost]
    for value in (v for bound in bounds for v in values_of(bound)):
        home = structure.home.get(value, ())
        if around[: len(home)] != home and value not in outermost.operands[:3]:
            return None
    return bounds


def values_of(length: Length) -> Iterator[Value]:
    """The numbers and arrays that a length is computed from."""
    return (value for part in parts_of(length) for value in part[1:] if isinstance(value, Value))


def parts_of(length: Length) -> Iterator[Length]:
    """A length and the lengths that it is computed from."""
    yield length
    for part in length[1:]:
        if isinstance(part, tuple):
            yield from parts_of(part)


def shape_of(builder: Builder, array: Value, axis: int) -> Value:
    return builder.emit("shape", (array,), ty.int64, {"axis": axis})


def emitted_length(
    builder: Builder,
    length: Length,
    shape: Callable[[Value, int], Value] | None = None,
    number: Callable[[Value], Value] | None = None,
) -> Value:
    """The length as a value; where arrays and numbers may be out of scope, `shape` and `number` find them."""
    kind, *parts = length
    if kind == "value":
        return number(parts[0]) if number is not None else parts[0]
    if kind == "constant":
        return constant(parts[0], ty.int64)
    if kind == "shape":
        return shape(*parts) if shape is not None else shape_of(builder, *parts)
    type, *operands = parts
    return builder.emit(kind, [emitted_length(builder, x, shape, number) for x in operands], type)


def require_lengths(builder: Builder, array: Value, tape: Value) -> None:
    """Raise, in the generated program, if a trip's array is not as long as the part of the tape for it."""
    axes = array.type.ndim
    for axis in range(axes):
        have = shape_of(builder, array, axis)
        need = shape_of(builder, tape, tape.type.ndim - axes + axis)
        holds = builder.emit("eq", (have, need), ty.boolean)
        name = f"`{array.name}`" if array.name else "an array"
        message = f"the size of {name} changes from trip to trip, and its derivative needs one size"
        builder.effect("require", (holds,), {"error": "ValueError", "message": message})


__all__ = [
    "Length",
    "Lengths",
    "array_source",
    "bounds_before",
    "emitted_length",
    "read_in_several_places",
    "recorded_element",
    "recorded_lengths",
    "require_lengths",
    "tape_type",
    "yielded_to",
]
