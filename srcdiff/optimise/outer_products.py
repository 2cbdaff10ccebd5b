"""Write outer products in nests of their own, apart from those that read a matrix.

    for i in range(n):                             kept = np.empty(n)
        t = 0.0                                    for i in range(n):
        for j in range(m):                             t = 0.0
            t += y[j] * a[i, j]                        for j in range(m):
        for j in range(m):                                 t += y[j] * a[i, j]
            x_bar[j] += t * a[i, j]        ->          for j in range(m):
            a_bar[i, j] += t * x[j]                        x_bar[j] += t * a[i, j]
                                                       kept[i] = t
                                                   for i in range(n):
                                                       t = kept[i]
                                                       for j in range(m):
                                                           a_bar[i, j] += t * x[j]

The adjoint of a product of a matrix and a vector reads one matrix and writes another one as large, of what is one
number for each row and one for each column. Where both are larger than the inner caches, one stream of reads and then
one of writes takes three quarters to four fifths of the time that both take at once; where they are in them it makes
no difference, and where rows are shorter than a vector register takes at once, it costs a tenth. The inner loops of the
new nest become one, so that every element is written once. Only for nests that are in no other loop, in which matrices
are often small, of rows that are equally long, and only where little is computed twice. Reads: structure, affine forms.

R. Allen, K. Kennedy, "Optimizing Compilers for Modern Architectures", section 5.3 (loop distribution).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from ..analysis.affine import Affine, Linear
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import (
    Block,
    Function,
    Op,
    Slot,
    Value,
    indices_of,
    leaves_early,
    loop_body,
    loop_slots,
)
from ..ir.trips import trip_count, trip_number
from ..ir.walk import free_values_of, ops_of, ops_within, rename_op, substitute
from ..primitives import REGISTRY
from .align import same
from .combine import combine_updates
from .fold import simplified
from .join import together

UPDATES = ("store", "accum")
ACCESSES = ("load", *UPDATES)
AGAIN = ("load", "cast", "shape", *REGISTRY)  # what both nests may compute or read
INSIDE = (*ACCESSES, *AGAIN, "for", "if")
CHEAP = 4.0  # additions that may be made twice for an element, or a row
SHORT = 64  # trips of an inner loop: shorter rows are in the nearest cache


def write_outer_products(function: Function) -> Function:
    """Split every nest of the function that gains by it."""
    affine = Affine(find_structure(function.body))
    ops: list[Op] = []
    for op in function.body.ops:
        split = Split(op, affine) if is_nest(op, affine) else None
        if split is None or not split.gains():
            ops.append(op)
            continue
        ops += split.emitted()
    if len(ops) == len(function.body.ops):
        return function
    return combine_updates(simplified(replace(function, body=replace(function.body, ops=tuple(ops)))))


def is_nest(op: Op, affine: Affine) -> bool:
    """Whether an op is a loop with loops in it that only compute, load and store."""
    if op.primitive != "for" or not any(inner.primitive == "for" for inner in loop_body(op).ops):
        return False
    return all(inner.primitive in INSIDE and is_plain(inner) for inner in ops_of(op))


def is_plain(op: Op) -> bool:
    """Whether a loop ends by its range alone, and an access is to one element."""
    if op.primitive == "for":
        return op.operands[2].is_constant and not leaves_early(op)
    return op.primitive not in ACCESSES or len(indices_of(op)) == op.operands[0].type.ndim


class Split:
    """A nest with the outer products in it.

    `written` : the storages of the matrices that are only written, of what can be had again.
    `slice` : the ops that make what is written there.
    `kept` : the numbers of a trip that the nest has to keep for them.
    """

    def __init__(self, nest: Op, affine: Affine) -> None:
        self.nest, self.affine, self.structure = nest, affine, affine.structure
        self.around: dict[Op, tuple[Op, ...]] = {}
        self.maker: dict[Value, Op] = {}
        self.changes: dict[Value, set[Op]] = {}
        self.find_loops(nest, ())
        self.stored = {self.storage(op) for op in self.around if op.primitive in UPDATES}
        self.written: set[Value] = set()
        self.slice: set[Op] = set()
        self.kept: dict[Value, None] = {}
        for storage in dict.fromkeys(self.storage(op) for op in self.around if op.primitive in UPDATES):
            self.find_outer_product(storage)

    def find_loops(self, outer: Op, around: tuple[Op, ...]) -> None:
        """Note the ops in a loop or an `if`, and what makes their values."""
        for region in outer.regions:
            self.maker.update((p, outer) for p in region.parameters)
            for op in region.ops:
                self.around[op] = (*around, outer)
                self.maker.update((result, op) for result in op.results)
                self.find_loops(op, (*around, outer))

    def storage(self, op: Op) -> Value:
        return self.structure.storage(op.operands[0])

    def find_outer_product(self, storage: Value) -> None:
        """Note a matrix that is written only, of vectors and numbers."""
        updates = [op for op in self.around if op.primitive in ACCESSES and self.storage(op) is storage]
        if self.structure.is_mixed(storage) or not all(map(self.is_element, updates)):
            return
        needed: set[Op] = set()
        kept: dict[Value, None] = {}
        for op in updates:
            ranges = (v for loop in self.around[op][1:] for v in loop.operands[:3])
            for value in (*op.operands[1:], *ranges):
                if not self.found(value, needed, kept):
                    return
        self.written.add(storage)
        self.slice |= needed | set(updates)
        self.kept |= kept

    def is_element(self, op: Op) -> bool:
        """Whether an op writes an element of a row, in loops alone of which each moves it and the innermost one by
        one element."""
        around = self.around[op]
        if op.primitive == "load" or len(around) < 2 or any(loop.primitive != "for" for loop in around):
            return False
        last = self.affine.form(indices_of(op)[-1])
        return last.coefficient(loop_body(around[-1]).parameters[0]) == 1 and self.moved(op) == set(around)

    def is_of_matrix(self, op: Op) -> bool:
        """Whether an access is to another element in each trip of the nest and of a loop in it."""
        return self.nest in self.moved(op) and len(self.moved(op)) > 1

    def moved(self, op: Op) -> set[Op]:
        """The loops of the nest that the indices of an access depend on."""
        return {loop for i in indices_of(op) for loop in self.changing(i)}

    def changing(self, value: Value) -> set[Op]:
        """The loops of the nest in whose trips a number may differ; the range of an index may, too."""
        if value not in self.changes:
            op = self.maker.get(value)
            loops: set[Op] = set()
            if op is not None and op.primitive == "for" and value is loop_body(op).parameters[0]:
                loops = {op}
            elif op is not None and (op.regions or value not in op.results):
                loops = {loop for loop in (*self.around.get(op, ()), op) if loop.primitive == "for"}
            elif op is not None:
                numbers = (v for v in op.operands if not ty.is_array(v.type))
                loops = set().union(*map(self.changing, numbers))
            self.changes[value] = loops
        return self.changes[value]

    def found(self, value: Value, needed: set[Op], kept: dict[Value, None]) -> bool:
        """Whether the new nest can have a number: from outside, again, or kept of each trip."""
        op = self.maker.get(value)
        if op is None or value.is_constant:
            return True
        if op.primitive == "for" and value is loop_body(op).parameters[0]:
            return True
        if ty.is_array(value.type):
            return False
        again: set[Op] = {op}
        left: dict[Value, None] = {}
        is_of_row = value in op.results and len(self.around[op]) == 1
        if self.can_be_made(op) and all(
            self.found(x, again, left) for x in (op.operands if op.primitive != "load" else indices_of(op))
        ):
            if not is_of_row or (not left and cost_of(again) <= CHEAP):
                needed |= again
                kept |= left
                return True
        if is_of_row:
            kept[value] = None
        return is_of_row

    def can_be_made(self, op: Op) -> bool:
        """Whether an op gives the same behind the nest, and reads no matrix."""
        if op.primitive not in AGAIN:
            return False
        if op.primitive == "shape":
            return op.operands[0] not in self.maker
        if op.primitive == "load":  # the nest may swap an array with another one
            is_same = self.storage(op) not in self.stored and not self.structure.is_mixed(op.operands[0])
            return is_same and len(self.moved(op)) < 2
        return True

    def gains(self) -> bool:
        """Whether the nest writes such matrices, then only reads others, and little is made twice."""
        if not self.written:
            return False
        left = self.needed_otherwise()
        streams = {op.primitive for op in left if op.primitive in ACCESSES and self.is_of_matrix(op)}
        if streams != {"load"}:  # nothing is read, or something is written still
            return False
        inner = (op for op in self.around if op.primitive == "for")
        if any(map(self.is_short, inner)):
            return False
        return cost_of(op for op in self.slice if len(self.around[op]) > 1 and op in left) <= CHEAP

    def is_short(self, loop: Op) -> bool:
        """Whether a loop makes few trips, or another number of them for each row, as over a triangle."""
        low, high = loop.operands[:2]
        if self.changing(low) or self.changing(high):
            return True
        trips = self.affine.form(high) - self.affine.form(low)
        return not trips.terms and abs(trips.constant) < SHORT

    def needed_otherwise(self) -> set[Op]:
        """The ops that the nest has to make without what it writes of such matrices."""
        needed = {
            op for op in self.around if op.primitive in UPDATES and self.storage(op) not in self.written
        }
        ends = [op for op in (self.nest, *self.around) if op.regions]
        values = [v for op in needed for v in op.operands]
        values += [
            v for op in ends for region in op.regions for v in region.results if not ty.is_array(v.type)
        ]
        values += self.kept
        while values:
            op = self.maker.get(values.pop())
            if op is not None and op is not self.nest and op not in needed:
                needed.add(op)
                values += free_values_of(op)
        return needed

    # -------------------------------------------------------------------------------------------- the two nests

    def emitted(self) -> list[Op]:
        """The ops in place of the nest."""
        with Builder(self.nest.location) as builder:
            length = trip_count(builder, self.nest) if self.kept else None
            lines = {
                v: builder.emit("alloc", (length,), ty.array(v.type, 1), {"fill": "empty"}, v.name)
                for v in self.kept
                if length is not None
            }
            reading = builder.append(self.reading(lines))
            left = dict(zip(self.kept, reading[len(reading) - len(self.kept) :], strict=True))
            builder.append(self.writing(left))
        return builder.ops

    def is_written(self, slot: Slot) -> bool:
        return ty.is_array(slot[0].type) and self.structure.storage(slot[0]) in self.written

    def reading(self, lines: dict[Value, Value]) -> Op:
        """The nest without the outer products, which keeps numbers of each trip."""
        nest = self.without(self.nest)
        body = loop_body(nest)
        versions = {v: Value(line.name, line.type) for v, line in lines.items()}
        now = dict(versions)
        with Builder(nest.location) as builder:
            place = self.place(builder) if lines else None
            for op in body.ops:
                builder.append(op)
                for v in op.results:
                    if v in now and place is not None:
                        now[v] = builder.emit("store", (now[v], place, v), now[v].type, name=now[v].name)
        return replace(
            nest,
            operands=(*nest.operands, *lines.values()),
            regions=(builder.block((*body.parameters, *versions.values()), (*body.results, *now.values())),),
            results=(*nest.results, *(Value(line.name, line.type) for line in lines.values())),
        )

    def place(self, builder: Builder) -> Value:
        """Where in their arrays the numbers of a trip are."""
        low, _, step = self.nest.operands[:3]
        return trip_number(builder, loop_body(self.nest).parameters[0], low, step)

    def without(self, loop: Op) -> Op:
        """A loop without the outer products."""
        ops = (
            self.without(op) if op.primitive == "for" else op
            for op in loop_body(loop).ops
            if op.primitive not in UPDATES or self.storage(op) not in self.written
        )
        return with_slots(loop, ops, lambda slot: not self.is_written(slot))

    def writing(self, lines: dict[Value, Value]) -> Op:
        """The nest that writes the outer products."""
        body = loop_body(self.nest)
        with Builder(self.nest.location) as builder:
            place = self.place(builder) if lines else None
            loaded = {
                v: builder.emit("load", (line, place), v.type, name=v.name)
                for v, line in lines.items()
                if place is not None
            }
            for op in body.ops:
                if op in self.slice:
                    builder.append(op)
            for op in self.joined([self.only(op) for op in body.ops if self.writes(op)]):
                builder.append(op)
        whole = with_slots(self.nest, builder.ops, self.is_written)
        new = substitute(loop_body(whole), loaded)
        # The kept numbers themselves are of the other nest; what is made in both needs names of its own.
        nest = rename_op(replace(whole, regions=(new,)), {})
        return replace(nest, results=whole.results)

    def writes(self, op: Op) -> bool:
        return op.primitive == "for" and any(
            inner.primitive in UPDATES and self.storage(inner) in self.written
            for inner in ops_within(loop_body(op))
        )

    def only(self, loop: Op) -> Op:
        """A loop of nothing but the outer products."""
        ops = (
            self.only(op) if op.primitive == "for" else op
            for op in loop_body(loop).ops
            if op in self.slice or self.writes(op)
        )
        return with_slots(loop, ops, self.is_written)

    def joined(self, loops: list[Op]) -> list[Op]:
        """The loops of a trip as one, as far as that is possible."""
        done: list[Op] = []
        for loop in loops:
            if done and self.go_along(done[-1], loop):
                done[-1] = together(done[-1], loop)
            else:
                done.append(loop)
        return done

    def go_along(self, first: Op, second: Op) -> bool:
        """Whether two loops have one range, and what both write of one matrix is at their own index."""
        a, b = (op.operands[:3] for op in (first, second))
        if not all(same(self.affine.form(x), self.affine.form(y)) for x, y in zip(a, b, strict=True)):
            return False
        if first.attributes.get("descending", False) != second.attributes.get("descending", False):
            return False
        return not self.places(first).keys() & self.places(second).keys() or all(
            self.places(first)[s] & self.places(second)[s]
            for s in self.places(first).keys() & self.places(second).keys()
        )

    def places(self, loop: Op) -> dict[Value, set[int]]:
        """Of each matrix that a loop writes, the axes that its index is at in all updates."""
        index = loop_body(loop).parameters[0]
        own = Linear(((index, 1),))
        found: dict[Value, set[int]] = {}
        for op in ops_within(loop_body(loop)):
            if op.primitive in UPDATES:
                here = {axis for axis, i in enumerate(indices_of(op)) if same(self.affine.form(i), own)}
                if not self.affine.is_never_negative(index):
                    here = set()
                found[self.storage(op)] = found.get(self.storage(op), here) & here
        return found


def cost_of(ops: Iterable[Op]) -> float:
    """What ops cost, in additions."""
    return sum(REGISTRY[op.primitive].cost for op in ops if op.primitive in REGISTRY)


def with_slots(loop: Op, ops: Iterable[Op], carries: Callable[[Slot], bool]) -> Op:
    """A loop with other ops that carries only some of what it did."""
    slots = [slot for slot in loop_slots(loop) if carries(slot)]
    body = loop_body(loop)
    parameters = (body.parameters[0], *(p for _, p, _, _ in slots))
    return replace(
        loop,
        operands=(*loop.operands[:3], *(i for i, *_ in slots)),
        regions=(Block(parameters, tuple(ops), tuple(y for _, _, y, _ in slots)),),
        results=tuple(r for *_, r in slots),
    )


__all__ = ["write_outer_products"]
