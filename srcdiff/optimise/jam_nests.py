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
than numbers do. Where one trip of the outer loop makes one more of the loop in it, as over a triangle, that is made
apart, first or last as it was. What the trips do otherwise must not meet: affine forms have to show that one stores
nothing that the other reads or stores, wherever in the nest. Both may add to the same elements. Reads: structure,
affine forms.

R. Allen, K. Kennedy, "Optimizing Compilers for Modern Architectures", section 8.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..analysis.affine import Affine, Linear
from ..analysis.structure import Structure, find_structure
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Function, Op, Value, indices_of, is_number, loop_body, loop_slots
from ..ir.walk import free_values_of, ops_of, rename_op, substitute_in
from ..primitives import REGISTRY
from .align import same
from .jam import ranges_of_pairs, stored_last
from .jammable import ACCESSES, PLAIN, conflict, is_plain_loop

LARGEST_INNER, LARGEST_TRIP = 12, 16  # ops: larger trips cost more than what two at once save
ONE = Linear((), 1)


def jam_nests(function: Function) -> Function:
    affine = Affine(find_structure(function.body))
    return replace(function, body=visited(function.body, affine))


def visited(block: Block, affine: Affine) -> Block:
    with Builder() as builder:
        for op in block.ops:
            nest = find_nest(op, affine)
            if nest is not None:
                Pair(builder, nest).emit()
            elif op.regions:
                builder.append(replace(op, regions=tuple(visited(region, affine) for region in op.regions)))
            else:
                builder.append(op)
    return replace(block, ops=tuple(builder.ops))


# ------------------------------------------------------------------------------------------------ what is jammed


@dataclass(frozen=True, eq=False)
class Nest:
    """A loop over one loop over an innermost one.

    `bounds` are the ops that compute the range of the middle loop, and checks; `before` and `behind` those around the
    innermost one. `late` says that of two trips of the outer loop the one with the larger index has one more trip of
    the middle loop at the end of its range, `early` that the other one has one more at the beginning.
    """

    affine: Affine
    loop: Op
    bounds: tuple[Op, ...]
    middle: Op
    before: tuple[Op, ...]
    inner: Op
    behind: tuple[Op, ...]
    late: bool = False
    early: bool = False

    @property
    def structure(self) -> Structure:
        return self.affine.structure

    @property
    def indices(self) -> tuple[Value, Value, Value]:
        """Those of the outer, the middle, and the innermost loop."""
        outer, middle, inner = (loop_body(op).parameters[0] for op in (self.loop, self.middle, self.inner))
        return outer, middle, inner

    @property
    def descends(self) -> bool:
        return bool(self.loop.attributes.get("descending"))


def find_nest(op: Op, affine: Affine) -> Nest | None:
    """The nest of a loop whose trips can be made two at once, if that saves something."""
    if not is_plain_loop(op) or not is_number(op.operands[0], 0) or not loop_body(op).ops:
        return None
    *bounds, middle = loop_body(op).ops
    if not is_plain_loop(middle) or not all(map(only_checks, bounds)):
        return None
    at = [k for k, o in enumerate(loop_body(middle).ops) if o.regions]
    if len(at) != 1:
        return None
    ops = loop_body(middle).ops
    before, inner, behind = ops[: at[0]], ops[at[0]], ops[at[0] + 1 :]
    if not is_plain_loop(inner):
        return None
    if not all(o.primitive in (*PLAIN, *REGISTRY) for o in (*before, *behind, *loop_body(inner).ops)):
        return None
    if len(loop_body(inner).ops) > LARGEST_INNER or len(before) + len(behind) > LARGEST_TRIP:
        return None
    carried = [p for loop in (op, middle) for _, p, _, _ in loop_slots(loop)]
    if not all(ty.is_array(p.type) for p in carried):
        return None
    nest = with_range(Nest(affine, op, tuple(bounds), middle, before, inner, behind))
    if nest is None or not shares_rows(nest) or not are_apart(nest):
        return None
    return nest


def only_checks(op: Op) -> bool:
    """Whether an op, if it is not a loop of such, computes numbers or makes a check: both trips may do so first."""
    if op.primitive == "for":
        return not op.results and all(map(only_checks, loop_body(op).ops))
    return op.primitive in ("require", *REGISTRY)


def with_range(nest: Nest) -> Nest | None:
    """The nest with how the ranges of its middle loop differ; None if they do by more than a trip."""
    affine, (outer, middle, _) = nest.affine, nest.indices
    following = Linear(((outer, 1),), 1)
    low, high = (affine.form(v) for v in nest.middle.operands[:2])
    start, end = (affine.form(v) for v in nest.inner.operands[:2])
    if any(is_made(v, nest) for form in (low, high) for v, _ in form.terms if v is not outer):
        return None
    if any(is_made(v, nest) for form in (start, end) for v, _ in form.terms if v is not middle):
        return None
    if nest.descends != bool(nest.middle.attributes.get("descending")):
        return None
    next_low, next_high = low.replaced(outer, following), high.replaced(outer, following)
    if same(low, next_low) and same(high, next_high):
        return nest
    if same(low, next_low) and same(high + ONE, next_high) and is_positive(high - low + ONE, nest):
        return replace(nest, late=True)
    if same(low + ONE, next_low) and same(high, next_high) and is_positive(high - low, nest):
        return replace(nest, early=True)
    return None


def is_positive(form: Linear, nest: Nest) -> bool:
    """Whether a form is at least 1 where the index of the outer loop is the smaller one of two trips."""
    outer, last = nest.indices[0], nest.affine.form(nest.loop.operands[1]) - Linear((), 2)
    return nest.affine.is_positive(form.replaced(outer, Linear() if form.coefficient(outer) > 0 else last))


def is_made(value: Value, nest: Nest) -> bool:
    """Whether a trip of the nest makes a value."""
    return nest.loop in nest.structure.home.get(value, ())


def shares_rows(nest: Nest) -> bool:
    """Whether the innermost loops of both trips go along one row."""
    _, middle, inner = nest.indices
    for op in loop_body(nest.inner).ops:
        if op.primitive in ACCESSES:
            forms = [nest.affine.form(i) for i in indices_of(op)]
            if (
                forms
                and forms[-1].coefficient(inner) in (1, -1)
                and any(f.coefficient(middle) for f in forms[:-1])
            ):
                if all(v in (middle, inner) or not is_made(v, nest) for form in forms for v, _ in form.terms):
                    return True
    return False


def are_apart(nest: Nest) -> bool:
    """Whether what the trips store is not what the other one reads or stores, wherever they are in the nest."""
    accesses = [op for op in ops_of(nest.middle) if op.primitive in ACCESSES]
    if any(nest.structure.is_mixed(op.operands[0]) for op in accesses):
        return False
    return all(apart(a, b, nest) for a in accesses for b in accesses if conflict(a, b, nest.structure))


def is_idle(nest: Nest) -> bool:
    """Whether the trip that may be left does nothing: it is the first one of a triangle if the loop descends."""
    low, high = (nest.affine.form(v).replaced(nest.indices[0], Linear()) for v in nest.middle.operands[:2])
    checks = any(o.primitive == "require" for op in nest.bounds for o in ops_of(op))
    return nest.descends and not checks and nest.affine.is_not_negative(low - high)


def apart(smaller: Op, larger: Op, nest: Nest) -> bool:
    """Whether an access of the trip with the smaller index misses all of another one in that with the larger index."""
    for i, j in zip(indices_of(smaller), indices_of(larger), strict=False):
        if not (nest.affine.is_never_negative(i) and nest.affine.is_never_negative(j)):
            continue
        mine, theirs = (
            [extreme(x, ahead, highest, nest) for highest in (False, True)] for x, ahead in ((i, 0), (j, 1))
        )
        for low, high in ((mine[0], theirs[1]), (theirs[0], mine[1])):
            if low is not None and high is not None and is_positive(low - high, nest):
                return True
    return False


def extreme(index: Value, ahead: int, highest: bool, nest: Nest) -> Linear | None:
    """The least or the highest that an index is in the trips that both make of the middle loop, for the smaller index
    of the outer one or for that `ahead`; None if it is not known."""
    affine, (outer, middle, inner) = nest.affine, nest.indices
    form = affine.form(index)
    low, high = (affine.form(v) for v in nest.middle.operands[:2])
    if nest.early:
        low = low.replaced(outer, Linear(((outer, 1),), 1))
    start, end = (affine.form(v) for v in nest.inner.operands[:2])
    form = form.replaced(inner, (end - ONE) if (form.coefficient(inner) > 0) == highest else start)
    form = form.replaced(outer, Linear(((outer, 1),), ahead))
    form = form.replaced(middle, (high - ONE) if (form.coefficient(middle) > 0) == highest else low)
    return form if all(v is outer or not is_made(v, nest) for v, _ in form.terms) else None


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
        index = Value(nest.indices[0].name, nest.indices[0].type)
        parameters = [Value(p.name, p.type) for p in body.parameters[1:]]
        for old, new in zip(body.parameters[1:], parameters, strict=True):
            self.put(new, self.structure.storage(old))
        with Builder(nest.loop.location) as builder:
            step = constant(1, index.type)
            other = builder.emit("sub" if nest.descends else "add", (index, step), index.type)
            first, second = ({nest.indices[0]: i} for i in (index, other))
            for names in (first, second):
                self.append(builder, self.copied(nest.bounds, names))
            smaller, larger = (second, first) if nest.descends else (first, second)
            alone, where = (smaller, 0) if nest.early else (larger, 1)
            low, high = nest.middle.operands[:2]
            extra = smaller.get((low, high)[where], (low, high)[where])
            if (nest.early or nest.late) and alone is first:
                self.trip(builder, first, extra)
            self.middle(
                builder,
                first,
                second,
                (larger if nest.early else smaller).get(low, low),
                smaller.get(high, high),
            )
            if (nest.early or nest.late) and alone is second:
                self.trip(builder, second, extra)
            ends = [self.now[self.structure.storage(p)] for p in body.parameters[1:]]
        return builder.block((index, *parameters), ends)

    def trip(self, builder: Builder, names: dict[Value, Value], index: Value) -> None:
        """Emit a trip of the middle loop."""
        nest = self.nest
        ops = (*nest.before, nest.inner, *nest.behind)
        self.append(builder, self.copied(ops, {**names, nest.indices[1]: index}))

    def middle(
        self, builder: Builder, first: dict[Value, Value], second: dict[Value, Value], low: Value, high: Value
    ) -> None:
        """Emit the middle loop of both trips."""
        nest = self.nest
        index = Value(nest.indices[1].name, nest.indices[1].type)
        storages = [self.structure.storage(p) for _, p, _, _ in loop_slots(nest.middle)]
        initials, parameters = self.enter(storages)
        names = tuple({**outer, nest.indices[1]: index} for outer in (first, second))
        with Builder(nest.middle.location) as inside:
            self.append(inside, stored_last(*(self.copied(nest.before, n) for n in names)))
            self.inner(inside, *names)
            self.append(inside, stored_last(*(self.copied(nest.behind, n) for n in names)))
        block = inside.block((index, *parameters), [self.now[s] for s in storages])
        results = self.leave(storages)
        builder.append(
            replace(
                nest.middle,
                operands=(low, high, nest.middle.operands[2], *initials),
                regions=(block,),
                results=tuple(results),
            )
        )

    def inner(self, builder: Builder, first: dict[Value, Value], second: dict[Value, Value]) -> None:
        """Emit the innermost loop of both trips."""
        nest, body = self.nest, loop_body(self.nest.inner)
        index = Value(body.parameters[0].name, body.parameters[0].type)
        slots = loop_slots(nest.inner)
        storages = [self.structure.storage(p) for _, p, _, _ in slots if ty.is_array(p.type)]
        numbers = [slot for slot in slots if not ty.is_array(slot[1].type)]
        initials, parameters = self.enter(storages)
        starts = [names.get(i, i) for names in (first, second) for i, *_ in numbers]
        low, high = (first.get(v, v) for v in nest.inner.operands[:2])
        copies: list[list[Op]] = []
        yields: list[Value] = []
        for names in (first, second):
            names[body.parameters[0]] = index
            for _, p, _, _ in numbers:
                names[p] = Value(p.name, p.type)
                parameters.append(names[p])
            copies.append(self.copied(body.ops, names))
            yields += [names.get(y, y) for _, _, y, _ in numbers]
        with Builder(nest.inner.location) as inside:
            self.append(inside, stored_last(*copies))
        block = inside.block((index, *parameters), [*(self.now[s] for s in storages), *yields])
        results = self.leave(storages)
        for names in (first, second):
            for *_, r in numbers:
                names[r] = Value(r.name, r.type)
                results.append(names[r])
        operands = (low, high, nest.inner.operands[2], *initials, *starts)
        builder.append(replace(nest.inner, operands=operands, regions=(block,), results=tuple(results)))

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
