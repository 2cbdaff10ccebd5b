"""Distribute a loop over the parts of its body, each inner loop around it instead of in it.

    for j in range(m):                         total = np.empty(m)
        total = a[j]                           for j in range(m):
        for k in range(n):              ->         total[j] = a[j]
            total *= b[k, j]                   for k in range(n):
                                                   for j in range(m):
                                                       total[j] *= b[k, j]

Numbers that go from one part to another become arrays, but for those that an element keeps. That this may be done, and
that it pays, is decided before (`interchange.py`). Reads: structure, affine forms.

R. Allen, K. Kennedy, "Optimizing Compilers for Modern Architectures", section 5.3 (scalar expansion).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..analysis.affine import Affine
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import (
    Op,
    Slot,
    Value,
    loop_body,
    loop_slots,
)
from ..ir.trips import trip_count, trip_number
from ..ir.walk import free_values_of, ops_of, rename_op
from ..primitives import REGISTRY

ACCESSES = ("load", "store")
CHEAP = 3.0  # additions: what costs less is computed again rather than kept


def distributed(
    nest: Nest, affine: Affine, keeps_to_itself: Callable[[Op, Op], bool]
) -> tuple[list[Op], dict[Value, Value]]:
    """The ops in place of a nest, and what becomes of its results.

    `keeps_to_itself` says of an access in a loop whether nothing else there stores into its element afterwards.
    """
    return Emission(nest, affine, keeps_to_itself).emitted()


@dataclass(frozen=True, eq=False)
class Part:
    """Inner loop of a nest, or what stands between two of them."""

    ops: tuple[Op, ...]

    @property
    def loop(self) -> Op | None:
        return self.ops[0] if self.ops[0].primitive == "for" else None

    @property
    def accesses(self) -> list[Op]:
        return [op for outer in self.ops for op in ops_of(outer) if op.primitive in ACCESSES]


@dataclass(frozen=True, eq=False)
class Nest:
    """A loop whose body is taken apart.

    `above` : what is the same in every trip.
    `again` : what each part computes or loads for itself, by result.
    `parts` : the others, in order.
    """

    loop: Op
    above: tuple[Op, ...]
    again: dict[Value, Op]
    parts: tuple[Part, ...]

    @property
    def index(self) -> Value:
        return loop_body(self.loop).parameters[0]


def home_of(nest: Nest, parameter: Value, yielded: Value) -> Part | None:
    """The part between inner loops that alone reads and makes a number that the nest carries."""
    if yielded in nest.again or any(parameter in op.operands for op in nest.again.values()):
        return None
    readers = [part for part in nest.parts if any(parameter in free_values_of(op) for op in part.ops)]
    makers = [part for part in nest.parts if any(yielded in op.results for op in part.ops)]
    if len(makers) != 1 or makers[0].loop is not None or any(part is not makers[0] for part in readers):
        return None
    return makers[0]


class Emission:
    """The loops of a nest, exchanged.

    `now` : the version of each array that is stored into, by storage.
    `numbers` : what becomes of the numbers of the nest.
    `elements` : the stores between inner loops of numbers that can be loaded again from there, by number, with the
    part that each is in.
    `lines` : the numbers that become arrays, by the number: a key for `now`.
    `cheap` : those of them that are computed again, with what makes them.
    """

    def __init__(self, nest: Nest, affine: Affine, keeps_to_itself: Callable[[Op, Op], bool]) -> None:
        self.nest, self.affine, self.structure = nest, affine, affine.structure
        self.keeps_to_itself = keeps_to_itself
        self.now: dict[Value, Value] = {}
        self.numbers: dict[Value, Value] = {}
        self.lines: dict[Value, Value] = {}
        self.cheap: dict[Value, Op] = {}
        self.elements: dict[Value, tuple[int, Op]] = {}
        self.part = 0  # the one that is being emitted

    def emitted(self) -> tuple[list[Op], dict[Value, Value]]:
        """The ops in place of the nest, and what becomes of its results."""
        nest = self.nest
        slots = loop_slots(nest.loop)
        for initial, parameter, _, _ in slots:
            if ty.is_array(parameter.type):
                self.now[self.structure.storage(parameter)] = initial
        carried = {
            home_of(nest, p, y): [
                (i, q, z, r)
                for i, q, z, r in slots
                if not ty.is_array(q.type) and home_of(nest, q, z) is home_of(nest, p, y)
            ]
            for _, p, y, _ in slots
            if not ty.is_array(p.type)
        }
        self.find_elements()
        with Builder(nest.loop.location) as builder:
            self.put_above(builder)
            self.make_lines(builder)
            renames: dict[Value, Value] = {}
            for k, part in enumerate(nest.parts):
                self.part = k
                if part.loop is None:
                    self.between(builder, part, carried.get(part, []), renames, self.starts_of(k))
                else:
                    if k == 0 or nest.parts[k - 1].loop is not None:
                        self.start(builder, part.loop)
                    self.inner(builder, part.loop)
        renames.update((r, self.now[self.structure.storage(r)]) for *_, r in slots if ty.is_array(r.type))
        return builder.ops, renames

    def put_above(self, builder: Builder) -> None:
        """Emit what is the same in every trip; what has to hold need not hold where there is none."""
        low, high, _ = self.nest.loop.operands[:3]
        for op in self.nest.above:
            if op.primitive == "require" and not self.runs():
                builder.location = op.location
                idle = builder.compare("le", high, low)
                fine = builder.emit("or", (idle, op.operands[0]), ty.boolean)
                op = replace(op, operands=(fine,))
            builder.append(op)
        builder.location = self.nest.loop.location

    def runs(self) -> bool:
        low, high, _ = self.nest.loop.operands[:3]
        return self.affine.is_positive(self.affine.form(high) - self.affine.form(low))

    def find_elements(self) -> None:
        """Find the numbers that are stored into elements which keep them."""
        made = {v for part in self.nest.parts for op in part.ops for v in op.results}
        for k, part in enumerate(self.nest.parts):
            for op in part.ops if part.loop is None else ():
                if op.primitive != "store" or op.operands[-1] not in made:
                    continue
                array, *where, value = op.operands
                if value.type != array.type.dtype or not all(map(self.is_everywhere, where)):
                    continue
                if value not in self.elements and self.keeps_to_itself(op, self.nest.loop):
                    self.elements[value] = k, op

    def element(self, value: Value, part: int) -> Op | None:
        """The store before a part of a number that it reads."""
        k, store = self.elements.get(value, (part, None))
        return store if k < part else None

    def make_lines(self, builder: Builder) -> None:
        """Allocate an array for each number that goes from one part to another."""
        parts = self.nest.parts
        made_in = {v: part for part in parts for op in part.ops for v in op.results}
        needed: dict[Value, None] = {}
        for k, part in enumerate(parts):
            if part.loop is not None:
                needed.update((p, None) for _, p, _, _ in loop_slots(part.loop) if not ty.is_array(p.type))
            for value in (v for op in part.ops for v in free_values_of(op)):
                if value in made_in and made_in[value] is not part and not ty.is_array(value.type):
                    if self.element(value, k) is None:
                        needed[value] = None
        # A number that an inner loop carries and what it leaves are one element.
        same = {
            r: p
            for part in parts
            if part.loop is not None
            for _, p, _, r in loop_slots(part.loop)
            if not ty.is_array(p.type)
        }
        length = trip_count(builder, self.nest.loop) if needed else None
        for value in needed:
            if value in same or length is None:
                continue
            type = ty.array(value.type, 1, "C")
            self.now[value] = builder.emit("alloc", (length,), type, {"fill": "empty"}, value.name)
            self.lines[value] = value
        self.lines.update((r, p) for r, p in same.items())
        self.find_cheap()

    def find_cheap(self) -> None:
        """Find the numbers that are rather computed in each part than loaded: those of few operations on what each
        part has. Their arrays only serve the derivative, which is collected there."""
        makers = {op.result: op for part in self.nest.parts if part.loop is None for op in part.ops}
        cost: dict[Value, float] = {}
        for value, op in makers.items():
            if op.primitive not in REGISTRY or not ty.is_differentiable(value.type):
                continue
            if all(v in cost or v not in makers and self.is_everywhere(v) for v in op.operands):
                spent = REGISTRY[op.primitive].cost + sum(cost.get(v, 0.0) for v in op.operands)
                if spent <= CHEAP:
                    cost[value] = spent
                    self.cheap[value] = op

    def is_everywhere(self, value: Value) -> bool:
        """Whether each part can read a number that is not made in a part."""
        inside = self.nest.loop in self.structure.home.get(value, ())
        return not inside or value in self.nest.again or value is self.nest.index

    def starts_of(self, k: int) -> list[tuple[Value, Value]]:
        """The numbers that the inner loop behind a part starts from, with the element each is put into."""
        behind = self.nest.parts[k + 1] if k + 1 < len(self.nest.parts) else None
        if behind is None or behind.loop is None:
            return []
        return [(i, p) for i, p, _, _ in loop_slots(behind.loop) if not ty.is_array(p.type)]

    # -------------------------------------------------------------------------------------------- parts

    def between(
        self,
        builder: Builder,
        part: Part,
        carried: Sequence[Slot],
        renames: dict[Value, Value],
        starts: Sequence[tuple[Value, Value]],
    ) -> None:
        """Emit a loop of what stands between inner loops."""
        made = {v for op in part.ops for v in op.results}
        kept = [v for v in self.lines if v in made]

        def body(inside: Builder, index: Value) -> list[Value]:
            place = self.place(inside, index)
            self.copy(inside, part.ops, place)
            for value in kept:
                self.keep(inside, value, self.numbers[value], place)
            for initial, line in starts:
                self.keep(inside, line, self.read(inside, initial, place), place)
            return [self.read(inside, y, place) for _, _, y, _ in carried]

        stored = [*self.stored(part), *kept, *(line for _, line in starts)]
        results = self.loop(builder, stored, body, [(i, p) for i, p, _, _ in carried])
        renames.update(zip((r for *_, r in carried), results, strict=True))

    def start(self, builder: Builder, inner: Op) -> None:
        """Emit a loop of what an inner loop starts from, if that is not at the end of the part before."""
        starts = [(i, p) for i, p, _, _ in loop_slots(inner) if not ty.is_array(p.type)]
        if not starts:
            return

        def body(inside: Builder, index: Value) -> list[Value]:
            place = self.place(inside, index)
            self.copy(inside, (), place)
            for initial, line in starts:
                self.keep(inside, line, self.read(inside, initial, place), place)
            return []

        self.loop(builder, [line for _, line in starts], body)

    def inner(self, builder: Builder, inner: Op) -> None:
        """Emit an inner loop around the loop of the nest."""
        slots = [slot for slot in loop_slots(inner) if not ty.is_array(slot[1].type)]
        own = loop_body(inner)
        stored = [*self.stored(Part((inner,))), *(p for _, p, _, _ in slots)]
        index = Value(own.parameters[0].name, own.parameters[0].type)

        def body(inside: Builder, at: Value) -> list[Value]:
            place = self.place(inside, at)
            self.numbers[own.parameters[0]] = index
            for _, p, _, _ in slots:
                self.numbers[p] = inside.emit("load", (self.now[p], place), p.type)
            self.copy(inside, own.ops, place)
            for _, p, y, _ in slots:
                self.keep(inside, p, self.read(inside, y, place), place)
            return []

        def trip(outside: Builder) -> None:
            self.loop(outside, stored, body)

        versions = self.carry(stored)
        inits = [self.now[key] for key in stored]
        self.now.update(versions)
        with Builder(inner.location) as outside:
            trip(outside)
        results = tuple(Value(v.name, v.type) for v in versions.values())
        block = outside.block((index, *versions.values()), tuple(self.now[key] for key in stored))
        builder.region("for", (*inner.operands[:3], *inits), (block,), results, location=inner.location)
        self.now.update(zip(stored, results, strict=True))

    def loop(
        self,
        builder: Builder,
        stored: Sequence[Value],
        body: Callable[[Builder, Value], list[Value]],
        carried: Sequence[tuple[Value, Value]] = (),
    ) -> tuple[Value, ...]:
        """Emit a loop over the trips of the nest that stores into arrays; gives the numbers that it leaves."""
        low, high, step = self.nest.loop.operands[:3]
        index = Value(self.nest.index.name, self.nest.index.type)
        versions = self.carry(stored)
        inits = [self.now[key] for key in stored]
        self.now.update(versions)
        self.numbers[self.nest.index] = index
        held = [Value(p.name, p.type) for _, p in carried]
        self.numbers.update(zip((p for _, p in carried), held, strict=True))
        with Builder(self.nest.loop.location) as inside:
            yields = body(inside, index)
        block = inside.block(
            (index, *versions.values(), *held), (*(self.now[key] for key in stored), *yields)
        )
        results = tuple(Value(v.name, v.type) for v in (*versions.values(), *held))
        operands = (low, high, step, *inits, *(i for i, _ in carried))
        builder.region("for", operands, (block,), results, location=self.nest.loop.location)
        self.now.update(zip(stored, results, strict=False))
        return results[len(stored) :]

    # ---------------------------------------------------------------------------------------- numbers and arrays

    def place(self, builder: Builder, index: Value) -> Value:
        """Where in their arrays the numbers of a trip are."""
        low, _, step = self.nest.loop.operands[:3]
        return trip_number(builder, index, low, step) if self.lines else index

    def carry(self, stored: Sequence[Value]) -> dict[Value, Value]:
        return {key: Value(self.now[key].name, self.now[key].type) for key in stored}

    def stored(self, part: Part) -> list[Value]:
        """The storages that a part stores into."""
        return list(
            dict.fromkeys(
                self.structure.storage(op.operands[0]) for op in part.accesses if op.primitive == "store"
            )
        )

    def keep(self, builder: Builder, number: Value, value: Value, place: Value) -> None:
        array = self.now[number]
        self.now[number] = builder.emit("store", (array, place, value), array.type, name=array.name)

    def read(self, builder: Builder, value: Value, place: Value) -> Value:
        """A number as it can be read in the part that is being emitted."""
        if value.is_constant or value in self.numbers:
            return self.numbers.get(value, value)
        if value in self.nest.again:
            self.append(builder, self.nest.again[value], place)
        elif (store := self.element(value, self.part)) is not None:
            array, *where, _ = store.operands
            places = [self.read(builder, i, place) for i in where]
            array = self.now[self.structure.storage(array)]
            self.numbers[value] = builder.emit("load", (array, *places), value.type)
        elif value in self.lines:
            array = self.now[self.lines[value]]
            held = builder.emit("load", (array, place), value.type)
            if value in self.cheap:
                pair = self.computed(builder, value, place), held
                held = builder.emit("attach", pair, value.type, {"computed": True})
            self.numbers[value] = held
        return self.numbers.get(value, value)

    def computed(self, builder: Builder, value: Value, place: Value) -> Value:
        """A number that costs little, computed again."""
        op = self.cheap.get(value)
        if op is None:
            return self.read(builder, value, place)
        operands = [self.computed(builder, x, place) for x in op.operands]
        return builder.emit(op.primitive, operands, value.type, op.attributes)

    def copy(self, builder: Builder, ops: Sequence[Op], place: Value) -> None:
        """Emit ops of the nest that read and write the arrays as they are now."""
        self.numbers = {v: new for v, new in self.numbers.items() if self.is_carried(v)}
        for op in ops:
            self.append(builder, op, place)

    def append(self, builder: Builder, op: Op, place: Value) -> None:
        for value in free_values_of(op):
            if not ty.is_array(value.type):
                self.read(builder, value, place)
        arrays = {
            v: self.now[s]
            for v in op.operands
            if ty.is_array(v.type) and (s := self.structure.storage(v)) in self.now
        }
        mapping = {**self.numbers, **arrays}
        copied = rename_op(op, mapping)
        builder.append(copied)
        for old, new in zip(op.results, copied.results, strict=True):
            if ty.is_array(old.type):
                self.now[self.structure.storage(old)] = new
            else:
                self.numbers[old] = new

    def is_carried(self, value: Value) -> bool:
        """Whether a number is a parameter of a loop."""
        maker = self.structure.maker.get(value)
        return maker is not None and maker.primitive == "for" and value in loop_body(maker).parameters


__all__ = ["ACCESSES", "Nest", "Part", "distributed", "home_of"]
