"""Make two trips of a loop at once around a nest: unroll and jam where the innermost loops go along the same rows.

    for i in range(n):                           for i in range(0, n - 1, 2):
        for k in range(i):                           i2 = i + 1
            t = a[i, k] / d[k]                       for k in range(i):
            a[i, k] = t                                  t = a[i, k] / d[k]
            for j in range(k + 1, n):                    t2 = a[i2, k] / d[k]
                a[i, j] -= t * a[k, j]     ->            a[i, k] = t
                                                         a[i2, k] = t2
                                                         for j in range(k + 1, n):
                                                             p = a[k, j]
                                                             a[i, j] -= t * p
                                                             a[i2, j] -= t2 * p
                                                     t = a[i2, i] / d[i]
                                                     a[i2, i] = t
                                                     for j in range(i + 1, n):
                                                         a[i2, j] -= t * a[i, j]
                                                 for i in range(n - n % 2, n):
                                                     ...

A row that both trips read is loaded once, one that both add to is loaded and stored once: rows come from farther away
than numbers do. What one trip waits for, as where it adds to a row again and again, the other one does not. The nest
may be a tree of loops; the innermost loop whose trips can be made two at once is the one. Where one trip of it makes
one more of the loop in it, as over a triangle, that is made apart, first or last as it was. What the trips do otherwise
must not meet: affine forms have to show that one stores nothing that the other reads or stores, wherever in the nest.
Both may add to the same elements. Reads: structure, affine forms.

R. Allen, K. Kennedy, "Optimizing Compilers for Modern Architectures", section 8.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ..analysis.affine import Affine, Linear
from ..analysis.structure import Structure, find_structure
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Function, Op, Value, indices_of, loop_body, loop_slots
from ..ir.walk import free_values_of, ops_of, ops_within, rename_op, substitute_in
from ..primitives import REGISTRY
from .align import same
from .jam import ranges_of_pairs, stored_last
from .jammable import ACCESSES, PLAIN, conflict, has_few_trips, is_plain_loop

# Ops beside the loops in a trip: larger trips cost more than what two at once save.
LARGEST_INNER, LARGEST_TRIP, LARGEST = 12, 16, 40
ONE = Linear((), 1)


def jam_nests(function: Function) -> Function:
    affine = Affine(find_structure(function.body))
    return replace(function, body=visited(function.body, affine)[0])


def visited(block: Block, affine: Affine) -> tuple[Block, bool]:
    """The block with the innermost nests that can be jammed, and whether there are any."""
    found = False
    with Builder() as builder:
        for op in block.ops:
            regions, inside = [], False
            for region in op.regions:
                region, jammed = visited(region, affine)
                regions.append(region)
                inside = inside or jammed
            nest = None if inside else find_nest(op, affine)
            if nest is not None:
                Pair(builder, nest).emit()
            else:
                builder.append(replace(op, regions=tuple(regions)) if inside else op)
            found = found or inside or nest is not None
    return (replace(block, ops=tuple(builder.ops)) if found else block), found


# ------------------------------------------------------------------------------------------------ what is jammed


@dataclass(frozen=True, eq=False)
class Nest:
    """A loop over a tree of loops.

    `late` says that of two trips of the outer loop the one with the larger index has one more trip of the loop in it,
    the last op of its trips, at the end of its range, `early` that the other one has one more at the beginning.
    """

    affine: Affine
    loop: Op
    late: bool = False
    early: bool = False

    @property
    def structure(self) -> Structure:
        return self.affine.structure

    @property
    def index(self) -> Value:
        return loop_body(self.loop).parameters[0]

    @property
    def ops(self) -> tuple[Op, ...]:
        return loop_body(self.loop).ops

    @property
    def middle(self) -> Op:
        """The loop with another range in each trip."""
        return self.ops[-1]

    @property
    def descends(self) -> bool:
        return bool(self.loop.attributes.get("descending"))

    def loops_around(self, op: Op) -> tuple[Op, ...]:
        """The loops of the nest around an op, outermost first, without the outer loop itself."""
        around = self.structure.around[op]
        return tuple(o for o in around[around.index(self.loop) + 1 :] if o.primitive == "for")


def find_nest(op: Op, affine: Affine) -> Nest | None:
    """The nest of a loop whose trips can be made two at once, if that saves something."""
    if not is_plain_loop(op) or has_few_trips(op) or not is_tree(op):
        return None
    if not all(ty.is_array(p.type) for _, p, _, _ in loop_slots(op)):
        return None
    nest = with_ranges(Nest(affine, op))
    if nest is None or not shares_rows(nest) or not are_apart(nest):
        return None
    return nest


def is_tree(loop: Op) -> bool:
    """Whether a loop is over several loops, all of them plain, and not too large: `jam.py` is for those over one."""
    ops = list(ops_within(loop_body(loop)))
    if sum(op.primitive in ("for", "while") for op in ops) < 2 or len(ops) > LARGEST:
        return False
    trips = [loop, *(op for op in ops if op.primitive == "for" and not only_checks(op))]
    return len(trips) > 2 and all(has_plain_trips(trip, checks=trip is loop) for trip in trips)


def is_inner(op: Op) -> bool:
    """Whether an op is a loop that has no loop in it."""
    return op.primitive == "for" and not any(
        o.primitive in ("for", "while") for o in ops_within(loop_body(op))
    )


def has_plain_trips(loop: Op, checks: bool) -> bool:
    """Whether the trips of a loop are but loops, accesses, numbers, and choices between such; checks come first."""
    ops = loop_body(loop).ops
    if is_inner(loop):
        return len(ops) <= LARGEST_INNER and all(map(is_plain, ops))
    for op in ops:
        if op.primitive == "for":
            if only_checks(op):
                if not checks:
                    return False
            elif not is_plain_loop(op):
                return False
            else:
                checks = False
        elif op.primitive == "if":
            if not all(
                o.primitive == "if" or is_plain(o) for region in op.regions for o in ops_within(region)
            ):
                return False
        elif not is_plain(op) and not (checks and op.primitive == "require"):
            return False
    return sum(op.primitive != "for" for op in ops) <= LARGEST_TRIP


def is_plain(op: Op) -> bool:
    """Whether an op loads, stores or computes numbers."""
    if op.primitive in ACCESSES:
        return True
    return op.primitive in (*PLAIN, *REGISTRY) and not any(ty.is_array(result.type) for result in op.results)


def only_checks(op: Op) -> bool:
    """Whether an op, if it is not a loop of such, computes numbers or makes a check: both trips may do so first."""
    if op.primitive == "for":
        return not op.results and all(map(only_checks, loop_body(op).ops))
    return op.primitive in ("require", *REGISTRY)


def with_ranges(nest: Nest) -> Nest | None:
    """The nest with how the ranges of the loop in it differ; None if they do by more than a trip, or others do."""
    affine = nest.affine
    following = Linear(((nest.index, 1),), 1)
    for op in trips_of(nest):
        if op is nest.loop:
            continue
        around = nest.loops_around(op)
        indices = [loop_body(o).parameters[0] for o in around] or [nest.index]
        low, high = (affine.form(v) for v in op.operands[:2])
        if any(is_made(v, nest) for form in (low, high) for v, _ in form.terms if v not in indices):
            return None
        next_low, next_high = (form.replaced(nest.index, following) for form in (low, high))
        if same(low, next_low) and same(high, next_high):
            continue
        descends = bool(op.attributes.get("descending"))
        carries_numbers = not all(ty.is_array(p.type) for _, p, _, _ in loop_slots(op))
        if op is not nest.middle or descends != nest.descends or carries_numbers:
            return None
        if not all(map(only_checks, nest.ops[:-1])):
            return None
        if same(low, next_low) and same(high + ONE, next_high) and is_positive(high - low + ONE, nest):
            nest = replace(nest, late=True)
        elif same(low + ONE, next_low) and same(high, next_high) and is_positive(high - low, nest):
            nest = replace(nest, early=True)
        else:
            return None
    return nest


def trips_of(nest: Nest) -> Iterator[Op]:
    """The loops of a nest, but those of checks."""
    return (op for op in ops_of(nest.loop) if op.primitive == "for" and not only_checks(op))


def is_positive(form: Linear, nest: Nest) -> bool:
    """Whether a form is at least 1 where the index of the outer loop is the smaller one of two trips."""
    first, end = (nest.affine.form(v) for v in nest.loop.operands[:2])
    extreme = first if form.coefficient(nest.index) > 0 else end - Linear((), 2)
    return nest.affine.is_positive(form.replaced(nest.index, extreme))


def is_made(value: Value, nest: Nest) -> bool:
    """Whether a trip of the nest makes a value."""
    return nest.loop in nest.structure.home.get(value, ())


def shares_rows(nest: Nest) -> bool:
    """Whether innermost loops of both trips go along one row, of those that a loop around them goes through."""
    for loop in filter(is_inner, trips_of(nest)):
        around = [loop_body(o).parameters[0] for o in nest.loops_around(loop)]
        index = loop_body(loop).parameters[0]
        for op in loop_body(loop).ops:
            forms = [nest.affine.form(i) for i in indices_of(op)] if op.primitive in ACCESSES else []
            if not forms or forms[-1].coefficient(index) not in (1, -1):
                continue
            if any(v not in (index, *around) and is_made(v, nest) for f in forms for v, _ in f.terms):
                continue
            if any(f.coefficient(v) for f in forms[:-1] for v in around):
                return True
    return False


def are_apart(nest: Nest) -> bool:
    """Whether what the trips store is not what the other one reads or stores, wherever they are in the nest."""
    accesses = [op for op in ops_of(nest.loop) if op.primitive in ACCESSES]
    if any(nest.structure.is_mixed(op.operands[0]) for op in accesses):
        return False
    return all(apart(a, b, nest) for a in accesses for b in accesses if conflict(a, b, nest.structure))


def is_idle(nest: Nest) -> bool:
    """Whether the trip that may be left does nothing: it is the first one of a triangle if the loop descends."""
    if not nest.descends or not (nest.early or nest.late):
        return False
    first = nest.affine.form(nest.loop.operands[0])
    low, high = (nest.affine.form(v).replaced(nest.index, first) for v in nest.middle.operands[:2])
    checks = any(o.primitive == "require" for op in nest.ops for o in ops_of(op))
    return not checks and nest.affine.is_not_negative(low - high)


def apart(smaller: Op, larger: Op, nest: Nest) -> bool:
    """Whether an access of the trip with the smaller index misses all of another one in that with the larger index."""
    for i, j in zip(indices_of(smaller), indices_of(larger), strict=False):
        if not (nest.affine.is_never_negative(i) and nest.affine.is_never_negative(j)):
            continue
        mine, theirs = (
            [extreme(x, op, ahead, highest, nest) for highest in (False, True)]
            for x, op, ahead in ((i, smaller, 0), (j, larger, 1))
        )
        for low, high in ((mine[0], theirs[1]), (theirs[0], mine[1])):
            if low is not None and high is not None and is_positive(low - high, nest):
                return True
    return False


def extreme(index: Value, op: Op, ahead: int, highest: bool, nest: Nest) -> Linear | None:
    """The least or the highest that an index of an access is in the trips that both make of the loops of the nest, for
    the smaller index of the outer one or for that `ahead`; None if it is not known."""
    form = nest.affine.form(index)
    loops = nest.loops_around(op)
    for loop in reversed(loops):
        low, high = (nest.affine.form(v) for v in loop.operands[:2])
        if loop is loops[0]:  # its range may differ from trip to trip: that of the smaller index is meant
            form = form.replaced(nest.index, Linear(((nest.index, 1),), ahead))
            if nest.early:
                low = low.replaced(nest.index, Linear(((nest.index, 1),), 1))
        inner = loop_body(loop).parameters[0]
        form = form.replaced(inner, (high - ONE) if (form.coefficient(inner) > 0) == highest else low)
    if not loops:
        form = form.replaced(nest.index, Linear(((nest.index, 1),), ahead))
    return form if all(v is nest.index or not is_made(v, nest) for v, _ in form.terms) else None


# ----------------------------------------------------------------------------------------------------- the two trips


class Pair:
    """The loops in place of a nest. `now` are the versions of arrays, by storage; `storages` those of copied values."""

    def __init__(self, builder: Builder, nest: Nest) -> None:
        self.builder, self.nest, self.structure = builder, nest, nest.structure
        self.now: dict[Value, Value] = {}
        self.storages: dict[Value, Value] = {}

    def emit(self) -> None:
        """Emit the loop of two trips at once, and that of the trip that may be left."""
        nest, builder = self.nest, self.builder
        builder.location = nest.loop.location
        pairs, rest = ranges_of_pairs(builder, nest.loop, nest.affine)
        initials = [initial for initial, *_ in loop_slots(nest.loop)]
        attributes = {k: v for k, v in nest.loop.attributes.items() if k != "descending"}
        between = tuple(Value(result.name, result.type) for result in nest.loop.results)
        both = replace(
            nest.loop,
            operands=(*pairs, *initials),
            regions=(self.two_trips(),),
            results=between,
            attributes=attributes,
        )
        builder.append(both)
        if rest is None or is_idle(nest):
            builder.ops[-1] = replace(both, results=nest.loop.results)
            return
        copy = rename_op(nest.loop, {})
        builder.append(
            replace(
                copy,
                operands=(*rest, *between),
                results=nest.loop.results,
            )
        )

    def two_trips(self) -> Block:
        """The body that makes the trips of two indices: in a loop that descends the larger one comes first."""
        nest, body = self.nest, loop_body(self.nest.loop)
        index = Value(nest.index.name, nest.index.type)
        parameters = [Value(p.name, p.type) for p in body.parameters[1:]]
        for old, new in zip(body.parameters[1:], parameters, strict=True):
            self.put(new, self.structure.storage(old))
        with Builder(nest.loop.location) as builder:
            step = constant(1, index.type)
            other = builder.emit("sub" if nest.descends else "add", (index, step), index.type)
            first, second = ({nest.index: i} for i in (index, other))
            if nest.early or nest.late:
                self.uneven(builder, first, second)
            else:
                self.both(builder, nest.ops, first, second)
            ends = [self.now[self.structure.storage(p)] for p in body.parameters[1:]]
        return builder.block((index, *parameters), ends)

    def uneven(self, builder: Builder, first: dict[Value, Value], second: dict[Value, Value]) -> None:
        """Emit both trips where one of them makes another one of the loop in it."""
        nest = self.nest
        *bounds, middle = nest.ops
        self.both(builder, bounds, first, second)
        smaller, larger = (second, first) if nest.descends else (first, second)
        alone, where = (smaller, 0) if nest.early else (larger, 1)
        low, high = middle.operands[:2]
        extra = smaller.get((low, high)[where], (low, high)[where])
        once = {**alone, loop_body(middle).parameters[0]: extra}
        if alone is first:
            self.append(builder, self.copied(loop_body(middle).ops, once))
        start = (larger if nest.early else smaller).get(low, low)
        self.loop(builder, middle, first, second, (start, smaller.get(high, high)))
        if alone is second:
            self.append(builder, self.copied(loop_body(middle).ops, once))

    def both(
        self, builder: Builder, ops: Iterable[Op], first: dict[Value, Value], second: dict[Value, Value]
    ) -> None:
        """Emit the ops of both trips, their loops as one."""
        for is_flat, group in groupby(ops, lambda op: not op.regions):
            if is_flat:
                flat = list(group)
                self.append(builder, stored_last(*(self.copied(flat, names) for names in (first, second))))
                continue
            for op in group:
                if op.primitive == "for" and not only_checks(op):
                    self.loop(builder, op, first, second)
                else:
                    for names in (first, second):
                        self.append(builder, self.copied([op], names))

    def loop(
        self,
        builder: Builder,
        loop: Op,
        first: dict[Value, Value],
        second: dict[Value, Value],
        bounds: tuple[Value, Value] | None = None,
    ) -> None:
        """Emit a loop of both trips; `bounds` are those of its range if they are not the same in both."""
        body, slots = loop_body(loop), loop_slots(loop)
        index = Value(body.parameters[0].name, body.parameters[0].type)
        storages = [self.structure.storage(p) for _, p, _, _ in slots if ty.is_array(p.type)]
        numbers = [slot for slot in slots if not ty.is_array(slot[1].type)]
        initials, parameters = self.enter(storages)
        starts = [names.get(i, i) for names in (first, second) for i, *_ in numbers]
        low, high = bounds or (first.get(v, v) for v in loop.operands[:2])
        for names in (first, second):
            names[body.parameters[0]] = index
            for _, p, _, _ in numbers:
                names[p] = Value(p.name, p.type)
                parameters.append(names[p])
        with Builder(loop.location) as inside:
            self.both(inside, body.ops, first, second)
        yields = [names.get(y, y) for names in (first, second) for _, _, y, _ in numbers]
        block = inside.block((index, *parameters), [*(self.now[s] for s in storages), *yields])
        results = self.leave(storages)
        for names in (first, second):
            for *_, r in numbers:
                names[r] = Value(r.name, r.type)
                results.append(names[r])
        operands = (low, high, loop.operands[2], *initials, *starts)
        builder.append(replace(loop, operands=operands, regions=(block,), results=tuple(results)))

    # -------------------------------------------------------------------------------------- versions of arrays

    def put(self, version: Value, storage: Value) -> None:
        self.now[storage] = version
        self.storages[version] = storage

    def enter(self, storages: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        """The versions that a loop begins with, and its parameters."""
        initials = [self.now[s] for s in storages]
        return initials, self.leave(storages)

    def leave(self, storages: Sequence[Value]) -> list[Value]:
        """New versions of arrays: the results of a loop."""
        made = [Value(self.now[s].name, self.now[s].type) for s in storages]
        for version, storage in zip(made, storages, strict=True):
            self.put(version, storage)
        return made

    def copied(self, ops: Iterable[Op], names: dict[Value, Value]) -> list[Op]:
        """Copies of ops of the nest; `names` is extended with what they make."""
        known = set(names)
        copies = [rename_op(op, names) for op in ops]
        for old, new in names.items():
            if old not in known and ty.is_array(old.type):
                self.storages[new] = self.structure.storage(old)
        return copies

    def append(self, builder: Builder, ops: Iterable[Op]) -> None:
        """Append ops that read and write the arrays as they are now."""
        for op in ops:
            arrays = (v for v in free_values_of(op) if ty.is_array(v.type))
            storages = {v: self.storages.get(v) or self.structure.storage(v) for v in arrays}
            op = substitute_in(op, {v: self.now[s] for v, s in storages.items() if s in self.now})
            builder.append(op)
            for result in op.results:
                if ty.is_array(result.type):
                    self.put(result, self.storages[result])


__all__ = ["jam_nests"]
