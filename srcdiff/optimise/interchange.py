"""Exchange an inner loop that strides over rows with the loop around it, whose trips do not wait for each other.

    for j in range(m):                         total = np.empty(m)
        total = 0.0                            for j in range(m):
        for k in range(n):                         total[j] = 0.0
            total += a[k] * b[k, j]     ->     for k in range(n):
        y[j] = total                               for j in range(m):
                                                       total[j] += a[k] * b[k, j]
                                               for j in range(m):
                                                   y[j] = total[j]

Elements that lie next to each other in memory are then reached one after the other, and LLVM vectorises; in the
adjoint as well, which has the loops of the function. What stands before and behind the inner loops becomes loops of
its own, and numbers that go from one to the other become arrays. Every element gets the same operations in the same
order. A nest is exchanged if fewer of its accesses stride afterwards; affine analysis has to show that no trip reads
or writes what an earlier part of a later trip does. Reads: structure, affine forms.

R. Allen, K. Kennedy, "Optimizing Compilers for Modern Architectures", sections 5.2 (interchange), 5.3 (scalar
expansion).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

from ..analysis.affine import Linear, Overwrites
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Block, Function, Op, Value, indices_of, is_number, leaves_early, loop_body, loop_slots
from ..ir.trips import trip_count, trip_number
from ..ir.walk import ops_within, rename_op, substitute, uses_in, with_inner
from ..primitives import REGISTRY

ACCESSES = ("load", "store")
PLAIN = (*ACCESSES, "cast", "shape")
CHEAP = 3.0  # additions: what costs less is computed again rather than kept
SHORT = 8  # trips: loops that make fewer are not worth being inner ones


def interchange_loops(function: Function) -> Function:
    """Exchange loops until no nest gains by it."""
    refused: set[Op] = set()
    for _ in range(64):
        body = Interchange(function.body, refused).exchanged(function.body)
        if body is None:
            break
        function = replace(function, body=body)
    return function


@dataclass(frozen=True, eq=False)
class Part:
    """Inner loop of a nest, or what stands between two of them."""

    ops: tuple[Op, ...]

    @property
    def loop(self) -> Op | None:
        return self.ops[0] if self.ops[0].primitive == "for" else None

    @property
    def accesses(self) -> list[Op]:
        return [op for outer in self.ops for op in with_inner(outer) if op.primitive in ACCESSES]


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


class Interchange:
    """`refused` are loops that cannot be exchanged or do not gain by it."""

    def __init__(self, body: Block, refused: set[Op]) -> None:
        self.refused = refused
        self.structure = find_structure(body)
        self.overwrites = Overwrites(self.structure)
        self.affine = self.overwrites.affine

    def exchanged(self, block: Block) -> Block | None:
        """A block with one nest exchanged; None if there is none."""
        for k, op in enumerate(block.ops):
            for n, region in enumerate(op.regions):
                inner = self.exchanged(region)
                if inner is not None:
                    regions = (*op.regions[:n], inner, *op.regions[n + 1 :])
                    ops = (*block.ops[:k], replace(op, regions=regions), *block.ops[k + 1 :])
                    return replace(block, ops=ops)
            if op.primitive != "for" or op in self.refused:
                continue
            nest = self.find_nest(op)
            if nest is None:
                self.refused.add(op)
                continue
            emitted, renames = Emission(self, nest).emitted()
            rest = substitute(Block((), block.ops[k + 1 :], block.results), renames)
            return Block(block.parameters, (*block.ops[:k], *emitted, *rest.ops), rest.results)
        return None

    # ---------------------------------------------------------------------------------------- what is exchanged

    def find_nest(self, op: Op) -> Nest | None:
        body = loop_body(op)
        if not is_plain_loop(op) or not is_number(op.operands[2], 1):
            return None
        if not any(inner.primitive == "for" for inner in body.ops) or not self.is_long(op):
            return None
        nest = self.taken_apart(op)
        if nest is None or not self.gains(nest) or not self.numbers_stay(nest):
            return None
        return nest if self.is_in_order(nest) else None

    def is_long(self, op: Op) -> bool:
        trips = self.affine.form(op.operands[1]) - self.affine.form(op.operands[0])
        return bool(trips.terms) or trips.constant >= SHORT

    def taken_apart(self, op: Op) -> Nest | None:
        """The parts of a nest; None if there is something in it that has to stay together."""
        body = loop_body(op)
        inside = {v for inner in ops_within(body) for v in inner.results}
        inside.update(body.parameters)
        stored = {
            self.structure.storage(inner.operands[0])
            for inner in ops_within(body)
            if inner.primitive == "store"
        }
        if any(self.structure.is_mixed(storage) for storage in stored):
            return None
        above: list[Op] = []
        again: dict[Value, Op] = {}
        parts: list[Part] = []
        for inner in self.loaded_late(op):
            fixed = not any(v in inside for v in inner.operands)
            if inner.primitive == "require" or (
                fixed and (inner.primitive in REGISTRY or inner.primitive in ("cast", "shape"))
            ):
                if not fixed:
                    return None
                above.append(inner)
                inside.difference_update(inner.results)
            elif inner.primitive == "for":
                bounds = inner.operands[:3]
                if any(v in inside for v in bounds) or not is_innermost(inner):
                    return None
                parts.append(Part((inner,)))
            elif not is_plain(inner):
                return None
            elif self.is_made_again(inner, op, again, inside, stored):
                again[inner.result] = inner
            elif parts and parts[-1].loop is None:
                parts[-1] = Part((*parts[-1].ops, inner))
            else:
                parts.append(Part((inner,)))
        return Nest(op, tuple(above), again, tuple(parts))

    def loaded_late(self, loop: Op) -> list[Op]:
        """The ops of a loop's body, with loads behind inner loops that neither use nor change what they load."""
        ops = list(loop_body(loop).ops)
        for load in [op for op in reversed(ops) if op.primitive == "load"]:
            k = ops.index(load)
            at = next((n for n in range(k + 1, len(ops)) if load.result in uses_of(ops[n])), k + 1)
            passed = ops[k + 1 : at]
            if any(op.regions for op in passed) and self.survives(load, passed, loop):
                ops.insert(at, load)
                del ops[k]
        return ops

    def survives(self, access: Op, passed: Sequence[Op], loop: Op) -> bool:
        """Whether nothing of these ops, in one trip of a loop, stores into the element of an access before them."""
        storage = self.structure.storage(access.operands[0])
        stores = [
            op
            for outer in passed
            for op in with_inner(outer)
            if op.primitive == "store" and self.structure.storage(op.operands[0]) is storage
        ]
        known = [access, *stores]
        if any(len(indices_of(op)) < op.operands[0].type.ndim for op in known):
            return False
        if not all(self.affine.is_never_negative(i) for op in known for i in indices_of(op)):
            return not stores
        return all(
            self.overwrites.apart(access, indices_of(access), op, indices_of(op), within=loop)
            for op in stores
        )

    def keeps_to_itself(self, access: Op, loop: Op) -> bool:
        """Whether no later op of the trip and no other trip stores into the element of a load or store."""
        body = loop_body(loop).ops
        storage = self.structure.storage(access.operands[0])
        stores = [
            op
            for op in ops_within(loop_body(loop))
            if op.primitive == "store" and self.structure.storage(op.operands[0]) is storage
        ]
        return self.survives(access, body[body.index(access) + 1 :], loop) and all(
            self.apart(access, op, loop) and self.apart(op, access, loop) for op in stores
        )

    def is_made_again(
        self, op: Op, loop: Op, again: dict[Value, Op], inside: set[Value], stored: set[Value]
    ) -> bool:
        """Whether an op is an integer or a load that gives the same in each part."""
        if op.regions or op.primitive == "store":
            return False
        if op.primitive == "load" and self.structure.storage(op.operands[0]) in stored:
            if not self.keeps_to_itself(op, loop):
                return False
            stored = stored - {self.structure.storage(op.operands[0])}
        if op.primitive not in ("load", "shape") and ty.is_differentiable(op.result.type):
            return False
        index = loop_body(loop).parameters[0]
        arrays = (v for v in op.operands if ty.is_array(v.type))
        if any(self.structure.storage(v) in stored for v in arrays):
            return False
        return all(
            v is index or v in again or v not in inside for v in op.operands if not ty.is_array(v.type)
        )

    def numbers_stay(self, nest: Nest) -> bool:
        """Whether each number that the nest carries from trip to trip is carried by one of the parts."""
        return all(
            home_of(nest, parameter, yielded) is not None
            for _, parameter, yielded, _ in loop_slots(nest.loop)
            if not ty.is_array(parameter.type)
        )

    # ------------------------------------------------------------------------------------------ whether it pays

    def gains(self, nest: Nest) -> bool:
        """Whether fewer accesses of the inner loops stride when the outer index is the inner one."""
        before = after = 0
        for part in nest.parts:
            if part.loop is None:
                continue
            used = [nest.again[v] for v in self.used_again(nest, [part.loop])]
            for access in (*part.accesses, *(op for op in used if op.primitive == "load")):
                before += self.strides(access, loop_body(part.loop).parameters[0], part.loop)
                after += self.strides(access, nest.index, None)
        return before > after

    def used_again(self, nest: Nest, ops: Iterable[Op]) -> list[Value]:
        """What a part computes or loads for itself, in order."""
        needed: set[Value] = set()
        work = [v for op in ops for v in uses_of(op)]
        while work:
            value = work.pop()
            if value in nest.again and value not in needed:
                needed.add(value)
                work += nest.again[value].operands
        return [value for value in nest.again if value in needed]

    def strides(self, access: Op, index: Value, loop: Op | None) -> bool:
        """Whether an access goes elsewhere than to the same or the next element in each trip."""
        array, where = access.operands[0], indices_of(access)
        near = 0 if array.type.layout == "F" else array.type.ndim - 1
        for axis, i in enumerate(where):
            form = self.affine.form(i)
            if loop is not None and any(
                v is not index and loop in self.structure.home.get(v, ()) for v, _ in form.terms
            ):
                return True
            c = form.coefficient(index)
            if c and (axis != near or abs(c) > 1):
                return True
        return False

    # ------------------------------------------------------------------------------------------ whether it may

    def is_in_order(self, nest: Nest) -> bool:
        """Whether accesses to one element keep their order."""
        for m, first in enumerate(nest.parts):
            for second in nest.parts[m:]:
                for a, b in product(first.accesses, second.accesses):
                    if a.primitive == b.primitive == "load":
                        continue
                    if self.structure.storage(a.operands[0]) is not self.structure.storage(b.operands[0]):
                        continue
                    if first is not second:
                        # All of the first part will run before all of the second.
                        if not self.apart(b, a, nest.loop):
                            return False
                    elif first.loop is not None and not (
                        self.in_one_trip(a, b, first.loop, nest.loop)
                        or (self.apart(a, b, nest.loop) and self.apart(b, a, nest.loop))
                    ):
                        return False
        return True

    def apart(self, a: Op, b: Op, loop: Op) -> bool:
        """Whether `b` in a later trip of a loop misses the element of `a`."""
        return self.overwrites.later_trip_misses(a, b, loop)

    def in_one_trip(self, a: Op, b: Op, inner: Op, outer: Op) -> bool:
        """Whether two accesses to one element are in the same trip of the inner loop, wherever in the outer one."""
        index = loop_body(inner).parameters[0]
        for i, j in zip(indices_of(a), indices_of(b), strict=True):
            mine, theirs = self.affine.form(i), self.affine.form(j)
            c = mine.coefficient(index)
            if not c or (mine - theirs) != Linear():
                continue
            if not (self.affine.is_never_negative(i) and self.affine.is_never_negative(j)):
                continue
            rest = mine.replaced(index, Linear())
            if not any(outer in self.structure.home.get(v, ()) for v, _ in rest.terms):
                return True
        return False


def is_plain_loop(op: Op) -> bool:
    """Whether a loop makes all its trips, in the order of its steps, and nothing else is said about it."""
    return op.primitive == "for" and not leaves_early(op) and not any(op.attributes.values())


def is_innermost(op: Op) -> bool:
    """Whether a loop only computes, loads and stores."""
    if not is_plain_loop(op) or op.operands[2].constant not in (1, -1):
        return False
    return all(is_plain(inner) for inner in loop_body(op).ops)


def is_plain(op: Op) -> bool:
    """Whether an op only computes, loads or stores an element; an `if` may choose between numbers."""
    if op.primitive == "if":
        inside = [inner for region in op.regions for inner in ops_within(region)]
        numbers = not any(ty.is_array(result.type) for result in op.results)
        return numbers and all(inner.primitive in ("cast", *REGISTRY) for inner in inside)
    if op.primitive in ACCESSES and len(indices_of(op)) < op.operands[0].type.ndim:
        return False
    return op.primitive in PLAIN or op.primitive in REGISTRY


def uses_of(op: Op) -> list[Value]:
    return [*op.operands, *(v for region in op.regions for v in uses_in(region))]


def home_of(nest: Nest, parameter: Value, yielded: Value) -> Part | None:
    """The part between inner loops that alone reads and makes a number that the nest carries."""
    if yielded in nest.again or any(parameter in op.operands for op in nest.again.values()):
        return None
    readers = [part for part in nest.parts if any(parameter in uses_of(op) for op in part.ops)]
    makers = [part for part in nest.parts if any(yielded in op.results for op in part.ops)]
    if len(makers) != 1 or makers[0].loop is not None or any(part is not makers[0] for part in readers):
        return None
    return makers[0]


# ------------------------------------------------------------------------------------------------------ the new loops


class Emission:
    """The loops of a nest, exchanged.

    `now` : the version of each array that is stored into, by storage.
    `numbers` : what becomes of the numbers of the nest.
    `elements` : the stores between inner loops of numbers that can be loaded again from there, by number, with the
    part that each is in.
    `lines` : the numbers that become arrays, by the number: a key for `now`.
    `cheap` : those of them that are computed again, with what makes them.
    """

    def __init__(self, interchange: Interchange, nest: Nest) -> None:
        self.structure, self.affine = interchange.structure, interchange.affine
        self.keeps_to_itself = interchange.keeps_to_itself
        self.nest = nest
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
            for value in (v for op in part.ops for v in uses_of(op)):
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
        carried: Sequence[tuple[Value, Value, Value, Value]],
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
                held = builder.emit("attach", (self.computed(builder, value, place), held), value.type)
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
        for value in uses_of(op):
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


__all__ = ["interchange_loops"]
