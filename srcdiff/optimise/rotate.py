"""Carry in numbers the elements of an array that one trip of a loop leaves to the next.

                                                   if m > 0:
                                                       x_bar_next = x_bar[m]
    for i in range(m - 1, -1, -1):                     for i in range(m - 1, -1, -1):
        g = x_bar[i + 1]                    ->             g = x_bar_next
        x_bar[i] += g * c[i]                               x_bar_next = x_bar[i] + g * c[i]
                                                           x_bar[i + 1] = g
                                                       x_bar[0] = x_bar_next

An element is loaded when the first trip writes it, and stored once, by the last trip that does: no trip waits for
what the one before has stored, and LLVM vectorises the loop where the numbers do not depend on each other. Every
element gets the same operations in the same order. The guard is there for loops without a trip, which touch nothing.

Only where all accesses are at the top of the loop's body, their indices are known never to be negative, and those
that do not move with the rotated ones miss them. D. Callahan, S. Carr, K. Kennedy, "Improving register allocation
for subscripted variables", PLDI 1990. Reads: structure, affine.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..analysis.affine import Affine, Linear
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Function, Op, Value, indices_of, leaves_early, loop_body, loop_slots
from ..ir.walk import ops_within, substitute_in, uses_in

ACCESSES = ("load", "store", "accum")
WRITES = ("store", "accum")
READS = ("load", "accum")
EFFECTS = {"for", "while", "opaque", "require", "raise", "ensure", "release"}
SUMS = {"add", "sub", "neg", "mul"}
WIDEST = 4  # numbers carried for one window: more would not stay in registers


def rotate_elements(function: Function) -> Function:
    structure = find_structure(function.body)
    return replace(function, body=rotate(function.body, Affine(structure)))


def rotate(block: Block, affine: Affine) -> Block:
    with Builder() as builder:
        for op in block.ops:
            if op.regions:
                op = replace(op, regions=tuple(rotate(region, affine) for region in op.regions))
            windows = find_windows(op, affine)
            if windows:
                emit_rotated(builder, op, windows, affine)
            else:
                builder.append(op)
    return replace(block, ops=tuple(builder.ops))


# ------------------------------------------------------------------------------------------ what is carried


@dataclass(eq=False)
class Window:
    """Accesses of one array whose indices differ by constants along one axis.

    An element is of age 0 in the trip that touches it first, and one older in each trip after that.

    `start` : the version of the array that the loop carries.
    `name` : that of the array, unless it swaps with others: then the text may give it the name of one of those.
    `axis` : the one along which the elements move.
    `moves` : 1 or -1, how far they do in a trip.
    `shared` : the linear form of the index at that axis, less its constant.
    `in_reverse` : whether the loop reverses another one.
    `offset` : the constants, by access.
    """

    start: Value
    name: str
    axis: int
    moves: int
    shared: Linear
    in_reverse: bool
    offset: dict[Op, int] = field(default_factory=dict)

    def age(self, op: Op) -> int:
        return self.age_at(self.offset[op])

    def age_at(self, offset: int) -> int:
        offsets = self.offset.values()
        return max(offsets) - offset if self.moves > 0 else offset - min(offsets)

    def offset_at(self, age: int) -> int:
        offsets = self.offset.values()
        return max(offsets) - age if self.moves > 0 else min(offsets) + age

    def ages(self, primitives: tuple[str, ...]) -> list[int]:
        return [self.age(op) for op in self.offset if op.primitive in primitives]

    @property
    def first(self) -> int:
        """The age at which an element is written for the first time: from then on it is carried."""
        return min(self.ages(WRITES))

    @property
    def complete(self) -> int:
        """The age at which it is stored: that at which it is written for the last time.

        A cotangent that a later trip still reads is stored behind that, for mostly nothing needs it afterwards.
        """
        return max(self.ages(ACCESSES if self.in_reverse else WRITES))

    @property
    def last(self) -> int:
        """The age at which it is touched for the last time."""
        return max(self.ages(ACCESSES))

    def is_owed(self) -> bool:
        """Whether a trip reads what an earlier one has written."""
        writes = self.ages(WRITES)
        return bool(writes) and any(age > min(writes) for age in self.ages(READS))


def find_windows(op: Op, affine: Affine) -> list[Window]:
    """The windows of an innermost loop over consecutive elements that can be carried."""
    if op.primitive != "for" or leaves_early(op) or op.attributes.get("few_trips"):
        return []
    step = op.operands[2]
    if not step.is_constant or step.constant not in (1, -1):
        return []
    if any(inner.primitive in EFFECTS for inner in ops_within(loop_body(op))):
        return []
    trip = Trip(op, affine)
    found: list[Window] = []
    for _, parameter, yielded, _ in loop_slots(op):
        if ty.is_array(parameter.type) and ty.is_float(parameter.type.dtype):
            found += trip.windows(parameter, yielded)
    return found


class Trip:
    """Which elements one trip of a loop touches, compared with those of the others."""

    def __init__(self, loop: Op, affine: Affine) -> None:
        self.affine, self.body = affine, loop_body(loop)
        self.index = self.body.parameters[0]
        self.in_reverse = "reverses" in loop.attributes
        self.forward = loop.operands[2].constant * (-1 if loop.attributes.get("descending") else 1)
        self.makers = {v: op for op in self.body.ops for v in op.results}
        self.inside = {*self.body.parameters, *self.makers}

    def windows(self, start: Value, end: Value) -> list[Window]:
        """The windows of one array that can be carried; one that swaps with another is not that one in any trip."""
        accesses = accesses_of(self.body, start, end)
        if not accesses:
            return []
        windows: dict[object, Window] = {}
        name = "" if self.affine.structure.is_mixed(start) else start.name
        for op in accesses:
            place = self.moving(op)
            if place is not None:
                axis, shared = place
                fixed = tuple(unordered(self.form(i)) for k, i in enumerate(indices_of(op)) if k != axis)
                moves = self.forward * shared.coefficient(self.index)
                window = windows.setdefault(
                    (axis, fixed, unordered(shared)),
                    Window(start, name, axis, moves, shared, self.in_reverse),
                )
                window.offset[op] = self.form(indices_of(op)[axis]).constant
        return [window for window in windows.values() if self.can_carry(window, accesses)]

    def form(self, index: Value) -> Linear:
        return self.affine.form(index)

    def moving(self, op: Op) -> tuple[int, Linear] | None:
        """The one axis along which an access goes to the next element in each trip, and its form there."""
        found = None
        for axis, i in enumerate(indices_of(op)):
            form = self.form(i)
            if not self.can_be_copied(i):
                return None
            if form.coefficient(self.index):
                if found is not None or abs(form.coefficient(self.index)) != 1:
                    return None
                found = axis, Linear(form.terms)
        return found

    def can_be_copied(self, index: Value) -> bool:
        """Whether an index is made of the loop's index and of what does not change in the loop, by sums."""
        made = self.makers.get(index)
        if made is None:
            return index is self.index or index not in self.inside
        return made.primitive in SUMS and all(self.can_be_copied(x) for x in made.operands)

    def can_carry(self, window: Window, accesses: list[Op]) -> bool:
        """Whether a trip reads what one before has written, and nothing else touches these elements."""
        if not window.is_owed() or window.last - window.first > WIDEST:
            return False
        if not all(self.affine.is_never_negative(indices_of(op)[window.axis]) for op in window.offset):
            return False
        others = [op for op in accesses if op not in window.offset]
        return all(self.apart(mine, other) for mine in window.offset for other in others)

    def apart(self, a: Op, b: Op) -> bool:
        """Whether two accesses miss each other's elements, in whatever trips they are."""
        for i, j in zip(indices_of(a), indices_of(b), strict=True):
            x, y = self.form(i), self.form(j)
            varying = [v for form in (x, y) for v, _ in form.terms if v in self.inside]
            if varying not in ([], [self.index]):
                continue
            if not (self.affine.is_never_negative(i) and self.affine.is_never_negative(j)):
                continue
            if self.affine.is_positive(x - y) or self.affine.is_positive(y - x):
                return True
        return False


def unordered(form: Linear) -> object:
    return frozenset(form.terms), form.constant


def accesses_of(body: Block, start: Value, end: Value) -> list[Op]:
    """The accesses of an array in a trip, if there are no others than at the top of the body."""
    versions = {start}
    found: list[Op] = []
    for op in body.ops:
        if any(v in versions for region in op.regions for v in uses_in(region)):
            return []
        if not any(v in versions for v in op.operands):
            continue
        if op.primitive not in ACCESSES or any(v in versions for v in op.operands[1:]):
            return []
        if len(indices_of(op)) < start.type.ndim:
            return []
        found.append(op)
        if op.primitive in WRITES:
            versions.add(op.result)
    alone = [v for v in body.results if v in versions] == [end]
    return found if alone else []


# ------------------------------------------------------------------------------------------ the loop with it


@dataclass(eq=False)
class Slot:
    """The element of a window that has this age when a trip begins."""

    window: Window
    age: int
    parameter: Value
    result: Value


def emit_rotated(builder: Builder, loop: Op, windows: list[Window], affine: Affine) -> None:
    """Emit a loop that carries windows, with the loads before it and the stores behind it."""
    low, high, step = loop.operands[:3]
    least, most = (low, high) if step.constant == 1 else (high, low)
    builder.location = loop.location
    if affine.is_positive(affine.form(most) - affine.form(least)):
        runs = constant(True, ty.boolean)
    else:
        runs = builder.compare("gt", most, least)
    slots = [slot for window in windows for slot in slots_of(window)]
    first, last = edges(loop)
    arrays = {slot[1]: slot for slot in loop_slots(loop)}
    with Builder(loop.location) as then:
        makers = {result: op for op in loop_body(loop).ops for result in op.results}
        initial = []
        for slot in slots:
            where = element(then, loop, slot.window, slot.window.offset_at(slot.age), first, makers)
            array = arrays[slot.window.start][0]
            initial.append(then.emit("load", (array, *where), array.type.dtype, name=slot.parameter.name))
        results = {result: Value(result.name, result.type) for result in loop.results}
        then.append(
            replace(
                loop,
                operands=(*loop.operands, *initial),
                regions=(rotated(loop_body(loop), windows, slots),),
                results=(*results.values(), *(slot.result for slot in slots)),
            )
        )
        for slot in slots:
            if slot.age <= slot.window.complete:
                age = slot.age - 1  # what it had in the last trip
                where = element(then, loop, slot.window, slot.window.offset_at(age), last, makers)
                _, _, _, result = arrays[slot.window.start]
                held = results[result]
                results[result] = then.emit("store", (held, *where, slot.result), held.type, name=held.name)
    untouched = Block((), (), tuple(slot[0] for slot in loop_slots(loop)))
    builder.region("if", (runs,), (then.block((), results.values()), untouched), loop.results)


def slots_of(window: Window) -> list[Slot]:
    dtype = window.start.type.dtype
    found = []
    for age in range(window.first + 1, window.last + 1):
        name = slot_name(window, age)
        found.append(Slot(window, age, Value(name, dtype), Value(name, dtype)))
    return found


def slot_name(window: Window, age: int) -> str:
    """What the user called the element, or the array's name and where the element is."""
    offset = window.offset_at(age)
    for op, at in window.offset.items():
        if at == offset and op.primitive == "load" and op.result.name:
            return op.result.name
    if not window.name:
        return ""
    place = "here" if offset == 0 else "next" if offset > 0 else "previous"
    return f"{window.name}_{place}"


def edges(loop: Op) -> tuple[tuple[Value, int], tuple[Value, int]]:
    """The indices of the first and of the last trip, as a value and what to add to it."""
    low, high, step = loop.operands[:3]
    ends = (low, 0), (high, -step.constant)
    return (ends[1], ends[0]) if loop.attributes.get("descending") else ends


def element(
    builder: Builder,
    loop: Op,
    window: Window,
    offset: int,
    edge: tuple[Value, int],
    makers: dict[Value, Op],
) -> list[Value]:
    """The indices of an element of a window in the first or the last trip."""
    index = loop_body(loop).parameters[0]
    access = next(iter(window.offset))
    bound, shift = edge
    at_edge = {index: shifted(builder, bound, shift)}
    where = []
    for axis, i in enumerate(indices_of(access)):
        if axis == window.axis and window.shared == Linear(((index, 1),)):
            where.append(shifted(builder, bound, shift + offset))
            continue
        value = copied(builder, i, makers, at_edge)
        where.append(
            shifted(builder, value, offset - window.offset[access]) if axis == window.axis else value
        )
    return where


def copied(builder: Builder, value: Value, makers: dict[Value, Op], known: dict[Value, Value]) -> Value:
    """The integer that the body computes, computed outside of it."""
    if value not in makers or value in known:
        return known.get(value, value)
    made = makers[value]
    operands = [copied(builder, x, makers, known) for x in made.operands]
    return builder.emit(made.primitive, operands, value.type, made.attributes)


def shifted(builder: Builder, value: Value, by: int) -> Value:
    if value.is_constant:
        return constant(value.constant + by, value.type)
    if by == 0:
        return value
    return builder.emit("add" if by > 0 else "sub", (value, constant(abs(by), ty.int64)), value.type)


def rotated(body: Block, windows: list[Window], slots: list[Slot]) -> Block:
    """The body with the elements of windows in numbers."""
    held = {(slot.window, slot.age): slot.parameter for slot in slots}
    owner = {op: window for window in windows for op in window.offset}
    replaced: dict[Value, Value] = {}
    places: dict[Window, tuple[Value, ...]] = {}
    with Builder() as builder:
        for original in body.ops:
            op = substitute_in(original, replaced)
            window = owner.get(original)
            if window is None or window.age(original) < window.first:
                builder.append(op)
                continue
            builder.location = op.location
            key = window, window.age(original)
            if key[1] == window.complete:
                places[window] = indices_of(op)
            if op.primitive == "load" and key in held:
                replaced[op.result] = held[key]
            elif op.primitive == "load":
                held[key] = builder.append(op)[0]
            else:
                array, *where, value = op.operands
                if op.primitive == "accum":
                    known = held.get(key)
                    if known is None:
                        known = builder.emit("load", (array, *where), array.type.dtype)
                    value = builder.arithmetic("add", known, value)
                held[key] = as_element(builder, value, array.type.dtype)
                replaced[op.result] = array
        ends = {window.start: last_version(body, window.start) for window in windows}
        # Behind everything else: a store of what depends on an earlier trip keeps LLVM from moving what it
        # computes for the next one.
        for window in windows:
            end = ends[window.start]
            array = replaced.get(end, end)
            value = held[window, window.complete]
            replaced[end] = builder.emit(
                "store", (array, *places[window], value), array.type, name=array.name
            )
    results = tuple(replaced.get(v, v) for v in body.results)
    next_ones = tuple(held[slot.window, slot.age - 1] for slot in slots)
    return Block(
        (*body.parameters, *(slot.parameter for slot in slots)), tuple(builder.ops), (*results, *next_ones)
    )


def last_version(body: Block, start: Value) -> Value:
    for op in body.ops:
        if op.primitive in WRITES and op.operands[0] is start:
            start = op.result
    return start


def as_element(builder: Builder, value: Value, dtype: ty.Type) -> Value:
    """A number as an array holds it."""
    if value.type == dtype:
        return value
    if value.is_constant:
        return constant(value.constant, dtype)
    return builder.emit("cast", (value,), dtype)


__all__ = ["rotate_elements"]
