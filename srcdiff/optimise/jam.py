"""Make two trips of a loop at once where both go over the same elements: unroll and jam.

    for j in range(n):                       for j in range(0, n - 1, 2):
        t = 0.0                                  t = 0.0
        for r in range(m):                       t2 = 0.0
            t += a[j, r] * b[r]                  for r in range(m):
        y[j] = t                                     t3 = b[r]
                                       ->            t += a[j, r] * t3
                                                     t2 += a[j + 1, r] * t3
                                                 y[j] = t
                                                 y[j + 1] = t2
                                             for j in range(n - n % 2, n):
                                                 ...

What both trips read is loaded once, what both add to is stored once, and half as many sums are finished: where inner
loops are short, starting and ending them costs more than their trips. A nest that is in no loop itself stays as it was
written. Inner ranges that differ by a trip at one end, as over a triangle, have that trip made apart. The second trip
then begins before the first one ends: affine forms have to show that nothing is stored that the other reads or stores
in another order. Reads: structure, affine forms.

R. Allen, K. Kennedy, "Optimizing Compilers for Modern Architectures", section 8.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..analysis.affine import Affine, Linear
from ..analysis.structure import Structure, find_structure
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Function, Op, Value, indices_of, is_number, leaves_early, loop_body, loop_slots
from ..ir.walk import free_values_of, ops_within, rename, rename_op, substitute, substitute_in, uses_in
from ..primitives import REGISTRY
from .align import same
from .fuse import accumulates

ACCESSES = ("load", "store", "accum")
PLAIN = (*ACCESSES, "cast", "shape")
LARGEST = 24  # ops


def jam_loops(function: Function) -> Function:
    affine = Affine(find_structure(function.body))
    return replace(function, body=visited(function.body, affine))


def visited(block: Block, affine: Affine, repeated: bool = False) -> Block:
    with Builder() as builder:
        for op in block.ops:
            nest = find_nest(op, affine) if repeated else None
            if nest is not None:
                jam(builder, nest, affine)
            elif op.regions:
                inside = repeated or op.primitive in ("for", "while")
                regions = tuple(visited(region, affine, inside) for region in op.regions)
                builder.append(replace(op, regions=regions))
            else:
                builder.append(op)
    return replace(block, ops=tuple(builder.ops))


# ------------------------------------------------------------------------------------------------ what is jammed


@dataclass(frozen=True, eq=False)
class Nest:
    """A loop, and the ops of its body: those before its one inner loop, that, those behind it.

    `sums` are the numbers that the loop carries and the inner one adds to. `early` says that the inner loop of a trip
    begins one trip before that of the next, `late` that it ends one trip before, and `behind_time` that it begins one
    trip later: the next one makes its first trip last.
    """

    loop: Op
    before: tuple[Op, ...]
    inner: Op
    behind: tuple[Op, ...]
    sums: frozenset[Value]
    early: bool = False
    late: bool = False
    behind_time: bool = False

    @property
    def following(self) -> Linear:
        """The index of the next trip."""
        return Linear(((self.index, 1),), -1 if self.loop.attributes.get("descending") else 1)

    @property
    def index(self) -> Value:
        return loop_body(self.loop).parameters[0]

    @property
    def inner_index(self) -> Value:
        return loop_body(self.inner).parameters[0]


def find_nest(op: Op, affine: Affine) -> Nest | None:
    """The nest of a loop whose trips can be made two at once, if that saves something."""
    if not is_plain_loop(op) or not is_number(op.operands[0], 0):
        return None
    body = loop_body(op)
    at = [k for k, inner in enumerate(body.ops) if inner.primitive in ("for", "while")]
    if len(at) != 1 or not is_plain_loop(body.ops[at[0]]):
        return None
    before, inner, behind = body.ops[: at[0]], body.ops[at[0]], body.ops[at[0] + 1 :]
    if not all(is_plain(o) for o in (*before, *behind)):
        return None
    if not all(o.primitive in (*PLAIN, *REGISTRY) for o in loop_body(inner).ops):
        return None
    if max(len(before) + len(behind), len(loop_body(inner).ops)) > LARGEST:
        return None
    sums = sums_of(op, inner)
    nest = Nest(op, before, inner, behind, sums) if begins_alone(op, before, inner, sums) else None
    if nest is None:
        return None
    accessed = (o.operands[0] for o in ops_within(body) if o.primitive in ACCESSES)
    held = (parameter for parameter in body.parameters if ty.is_array(parameter.type))
    if any(map(affine.structure.is_mixed, (*accessed, *held))):
        return None
    ranged = with_ranges(nest, affine) if shares_elements(nest, affine) else None
    return ranged if ranged is not None and may_overlap(ranged, affine) else None


def is_plain_loop(op: Op) -> bool:
    return op.primitive == "for" and not leaves_early(op) and is_number(op.operands[2], 1)


def is_plain(op: Op) -> bool:
    """Whether an op only computes, loads and stores; an `if` may choose between numbers."""
    if op.primitive == "if":
        return chooses_numbers(op)
    return op.primitive in PLAIN or op.primitive in REGISTRY


def chooses_numbers(op: Op) -> bool:
    """Whether an `if` does nothing but to choose between numbers."""
    inside = [inner for region in op.regions for inner in ops_within(region)]
    numbers = not any(ty.is_array(result.type) for result in op.results)
    return numbers and all(inner.primitive in ("cast", *REGISTRY) for inner in inside)


def sums_of(loop: Op, inner: Op) -> frozenset[Value]:
    """The numbers that a loop carries only for the inner one to add to them."""
    body = loop_body(loop)
    uses = list(uses_in(body))
    yielded_by = {p: y for _, p, y, _ in loop_slots(loop)}
    found = set()
    for initial, parameter, yielded, result in loop_slots(inner):
        if ty.is_array(parameter.type) or yielded_by.get(initial) is not result:
            continue
        if uses.count(initial) == 1 and uses.count(result) == 1:
            if accumulates(loop_body(inner), parameter, yielded):
                found.add(initial)
    return frozenset(found)


def begins_alone(loop: Op, before: Iterable[Op], inner: Op, sums: frozenset[Value]) -> bool:
    """Whether a trip, up to the end of its inner loop, needs no number from the trip before but sums."""
    carried = {p for _, p, _, _ in loop_slots(loop) if not ty.is_array(p.type)}
    if any(v in carried for op in before for v in free_values_of(op)):
        return False
    return not any(v in carried and v not in sums for v in free_values_of(inner))


def shares_elements(nest: Nest, affine: Affine) -> bool:
    """Whether the inner loops of two trips write the same elements, or sum up what they read of the same ones."""
    inside = {*loop_body(nest.loop).parameters, *(r for op in nest.before for r in op.results)}
    sums_up = any(not ty.is_array(p.type) and i not in nest.sums for i, p, _, _ in loop_slots(nest.inner))
    for op in loop_body(nest.inner).ops:
        if op.primitive in ACCESSES and (sums_up or op.primitive != "load"):
            forms = [affine.form(i) for i in indices_of(op)]
            if any(form.coefficient(nest.inner_index) for form in forms) and not any(
                v in inside for form in forms for v, _ in form.terms
            ):
                return True
    return False


# --------------------------------------------------------------------------------------------------- whether it may


def may_overlap(nest: Nest, affine: Affine) -> bool:
    """Whether the next trip may begin before the inner loop, and run its own before what is behind."""
    before, inside, behind = (
        [op for op in ops if op.primitive in ACCESSES]
        for ops in (nest.before, loop_body(nest.inner).ops, nest.behind)
    )
    pairs = [(a, b) for a in (*inside, *behind) for b in before] + [(a, b) for a in behind for b in inside]
    return all(apart(a, b, nest, affine) for a, b in pairs if conflict(a, b, affine.structure)) and all(
        apart(a, b, nest, affine) or meet_in_order(a, b, nest, affine)
        for a in inside
        for b in inside
        if conflict(a, b, affine.structure)
    )


def conflict(a: Op, b: Op, structure: Structure) -> bool:
    if a.primitive == b.primitive and a.primitive in ("load", "accum"):
        return False
    return structure.storage(a.operands[0]) is structure.storage(b.operands[0])


def axes(a: Op, b: Op, nest: Nest, affine: Affine) -> Iterator[tuple[Linear, Linear]]:
    """The forms of the indices of an access in one trip and of another in the next, where they are comparable."""
    for i, j in zip(indices_of(a), indices_of(b), strict=False):
        if affine.is_never_negative(i) and affine.is_never_negative(j):
            yield affine.form(i), affine.form(j).replaced(nest.index, nest.following)


def apart(a: Op, b: Op, nest: Nest, affine: Affine) -> bool:
    """Whether an access of a trip misses the element of one in the next trip, wherever in their inner loops."""
    for mine, theirs in axes(a, b, nest, affine):
        if mine.coefficient(nest.inner_index) or theirs.coefficient(nest.inner_index):
            continue
        difference = theirs - mine
        if not difference.terms and difference.constant and is_fixed(mine, nest, affine):
            return True
    return apart_in_range(a, b, nest, affine)


def apart_in_range(a: Op, b: Op, nest: Nest, affine: Affine) -> bool:
    """Whether the ranges of indices tell that: those of the inner loops as far as both trips make them, those of the
    outer one as far as it has another trip."""
    for mine, theirs in axes(a, b, nest, affine):
        for less, more in ((mine, theirs), (theirs, mine)):
            difference = extreme(more, False, nest, affine) - extreme(less, True, nest, affine)
            if is_fixed(difference, nest, affine) and is_always_positive(difference, nest, affine):
                return True
    return False


def extreme(form: Linear, highest: bool, nest: Nest, affine: Affine) -> Linear:
    """The least or the highest that a form is in the trips of the inner loop that both make."""
    low, high = (affine.form(v) for v in nest.inner.operands[:2])
    if nest.early:
        low = low.replaced(nest.index, nest.following)
    at_end = (form.coefficient(nest.inner_index) > 0) == highest
    return form.replaced(nest.inner_index, high - Linear((), 1) if at_end else low)


def is_always_positive(form: Linear, nest: Nest, affine: Affine) -> bool:
    """Whether a form is at least 1, whichever two trips of the outer loop are made."""
    first, last = Linear(), affine.form(nest.loop.operands[1]) - Linear((), 2)
    if nest.loop.attributes.get("descending"):
        first, last = first + Linear((), 1), last + Linear((), 1)
    return affine.is_positive(form.replaced(nest.index, first if form.coefficient(nest.index) > 0 else last))


def meet_in_order(a: Op, b: Op, nest: Nest, affine: Affine) -> bool:
    """Whether the access of the next trip comes no earlier than the other where both are to one element."""
    forward = -1 if nest.inner.attributes.get("descending") else 1
    for mine, theirs in axes(a, b, nest, affine):
        c = mine.coefficient(nest.inner_index)
        rest = mine - theirs
        # The element is the same where c * (its trip - mine) == rest.
        if not c or rest.terms or not is_fixed(mine, nest, affine):
            continue
        if rest.constant % c or rest.constant // c * forward >= 0:
            return True
    return False


def is_fixed(form: Linear, nest: Nest, affine: Affine) -> bool:
    """Whether a form has nothing in it that a trip computes, but for the indices of the loops."""
    home = affine.structure.home
    return all(
        v is nest.index or v is nest.inner_index or nest.loop not in home.get(v, ()) for v, _ in form.terms
    )


def with_ranges(nest: Nest, affine: Affine) -> Nest | None:
    """The nest with how the ranges of its inner loops differ; None if they do by more than a trip."""
    low, high = (affine.form(v) for v in nest.inner.operands[:2])
    if not (is_fixed(low, nest, affine) and is_fixed(high, nest, affine)):
        return None
    next_low, next_high = (form.replaced(nest.index, nest.following) for form in (low, high))
    one = Linear((), 1)
    if same(low, next_low) and same(high, next_high):
        return nest
    if nest.inner.attributes.get("descending"):
        return None
    if same(low + one, next_low) and same(high, next_high) and is_always_positive(high - low, nest, affine):
        return replace(nest, early=True)
    is_longer = is_always_positive(next_high - next_low, nest, affine)
    if same(low, next_low) and same(high + one, next_high) and is_longer:
        return replace(nest, late=True)
    if same(low - one, next_low) and same(high, next_high) and is_longer and commutes(nest, affine):
        return replace(nest, behind_time=True)
    return None


def commutes(nest: Nest, affine: Affine) -> bool:
    """Whether the trips of the inner loop can be made in any order: they share nothing but sums."""
    body = loop_body(nest.inner)
    numbers = [(p, y) for _, p, y, _ in loop_slots(nest.inner) if not ty.is_array(p.type)]
    if not all(accumulates(body, *number) for number in numbers):
        return False
    accesses = [op for op in body.ops if op.primitive in ACCESSES]
    return all(
        commute(a, b, nest, affine) for a in accesses for b in accesses if conflict(a, b, affine.structure)
    )


def commute(a: Op, b: Op, nest: Nest, affine: Affine) -> bool:
    """Whether two accesses of the inner loop are to one element in the same trip at most."""
    for i, j in zip(indices_of(a), indices_of(b), strict=False):
        if not (affine.is_never_negative(i) and affine.is_never_negative(j)):
            continue
        mine, theirs = affine.form(i), affine.form(j)
        if same(mine, theirs) and mine.coefficient(nest.inner_index) and is_fixed(mine, nest, affine):
            return True
        for less, more in ((mine, theirs), (theirs, mine)):
            difference = extreme(more, False, nest, affine) - extreme(less, True, nest, affine)
            if is_fixed(difference, nest, affine) and affine.is_positive(difference):
                return True
    return False


# ----------------------------------------------------------------------------------------------------- the two trips


class Versions:
    """The versions of arrays, by storage, as ops are put into a new order."""

    def __init__(self, structure: Structure, copy_of: dict[Value, Value]) -> None:
        self.structure, self.copy_of = structure, copy_of
        self.current: dict[Value, Value] = {}

    def storage(self, version: Value) -> Value:
        return self.structure.storage(self.copy_of.get(version, version))

    def now(self, value: Value) -> Value:
        return self.current.get(self.storage(value), value) if ty.is_array(value.type) else value

    def put(self, version: Value) -> None:
        self.current[self.storage(version)] = version

    def append(self, builder: Builder, ops: Iterable[Op]) -> None:
        """Append ops that read and write the arrays as they are now."""
        for op in ops:
            op = substitute_in(op, {v: self.now(v) for v in op.operands if ty.is_array(v.type)})
            builder.append(op)
            for result in op.results:
                if ty.is_array(result.type):
                    self.put(result)


def jam(builder: Builder, nest: Nest, affine: Affine) -> None:
    """Emit the loop of two trips at once, and that of the trip that may be left."""
    builder.location = nest.loop.location
    pairs, rest = ranges_of_pairs(builder, nest.loop, affine)
    initials = tuple(slot[0] for slot in loop_slots(nest.loop))
    results = tuple(Value(result.name, result.type) for result in nest.loop.results)
    builder.append(
        replace(
            nest.loop,
            operands=(*pairs, *initials),
            regions=(two_trips(nest, affine),),
            results=results,
            attributes={k: v for k, v in nest.loop.attributes.items() if k != "descending"},
        )
    )
    body = rename(loop_body(nest.loop), {})
    builder.append(replace(nest.loop, operands=(*rest, *results), regions=(body,)))


def ranges_of_pairs(
    builder: Builder, loop: Op, affine: Affine
) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    """The range of the first of each two trips of a loop from 0, and that of the trip that may be left: the last one.

    A loop that descends becomes one with a negative step.
    """
    low, high, one = loop.operands[:3]
    if high.is_constant:
        trips = max(high.constant, 0)
        last, left, start = (constant(n, high.type) for n in (trips - 1, trips % 2, trips - trips % 2))
    else:
        last = builder.emit("sub", (high, one), high.type)
        left = builder.emit("mod", (high, constant(2, high.type)), high.type)
        start = builder.emit("sub", (high, left), high.type)
        if not affine.is_not_negative(affine.form(high)):
            start = builder.emit("max", (start, low), high.type)
            left = builder.emit("min", (left, builder.emit("max", (high, low), high.type)), high.type)
    if loop.attributes.get("descending"):
        return (last, low, constant(-2, high.type)), (low, left, one)
    return (low, last, constant(2, high.type)), (start, high, one)


def two_trips(nest: Nest, affine: Affine) -> Block:
    """The body that makes the trip of an index and the next one."""
    structure = affine.structure
    body, slots = loop_body(nest.loop), loop_slots(nest.loop)
    with Builder(nest.loop.location) as builder:
        way = "sub" if nest.loop.attributes.get("descending") else "add"
        following = builder.emit(way, (nest.index, constant(1, nest.index.type)), nest.index.type)
        mapping = {nest.index: following}
        mapping.update({p: y for _, p, y, _ in slots if not ty.is_array(p.type)})
        before = [rename_op(op, mapping) for op in nest.before]
        inner = rename_op(nest.inner, mapping)
        copy_of = {new: old for old, new in mapping.items() if ty.is_array(new.type)}
        versions = Versions(structure, copy_of)
        for _, parameter, _, _ in slots:
            if ty.is_array(parameter.type):
                versions.put(parameter)
        versions.append(builder, nest.before)
        starts = {p: i for i, p, _, _ in loop_slots(nest.inner)}
        low, high, step = nest.inner.operands[:3]
        if nest.early:
            starts = trip(builder, versions, nest.inner, low, starts)
        versions.append(builder, before)
        if nest.early:
            low = inner.operands[0]
        merged = {
            result: other
            for (initial, _, _, other), (_, _, _, result) in zip(
                loop_slots(nest.inner), loop_slots(inner), strict=True
            )
            if initial in nest.sums
        }
        jammed(builder, versions, nest, inner, (low, high, step), starts, affine)
        versions.append(builder, nest.behind)
        ends: dict[Value, Value] = dict(merged)
        if nest.late or nest.behind_time:
            left = {p: ends.get(r, r) for _, p, _, r in loop_slots(inner)}
            made = trip(builder, versions, inner, high if nest.late else inner.operands[0], left)
            ends.update({r: made[p] for _, p, _, r in loop_slots(inner)})
        mapping.update({old: ends.get(new, new) for old, new in mapping.items()})
        behind = [rename_op(op, mapping) for op in nest.behind]
        versions.copy_of.update({new: old for old, new in mapping.items() if ty.is_array(new.type)})
        versions.append(builder, behind)
        yields = tuple(versions.now(p) if ty.is_array(p.type) else mapping.get(y, y) for _, p, y, _ in slots)
    return Block(body.parameters, tuple(builder.ops), yields)


def trip(
    builder: Builder, versions: Versions, loop: Op, index: Value, starts: dict[Value, Value]
) -> dict[Value, Value]:
    """Append a trip of an inner loop; gives what its parameters are behind it."""
    body = loop_body(loop)
    numbers = {p: v for p, v in starts.items() if not ty.is_array(p.type)}
    names: dict[Value, Value] = {}
    copied = rename(
        substitute(Block((), body.ops, body.results), {body.parameters[0]: index, **numbers}), names
    )
    copies = {new: versions.copy_of.get(old, old) for old, new in names.items() if ty.is_array(new.type)}
    versions.copy_of.update(copies)
    versions.append(builder, copied.ops)
    ends = dict(zip(body.parameters[1:], copied.results, strict=True))
    return {p: versions.now(p) if ty.is_array(p.type) else v for p, v in ends.items()}


def jammed(
    builder: Builder,
    versions: Versions,
    nest: Nest,
    other: Op,
    bounds: tuple[Value, Value, Value],
    starts: dict[Value, Value],
    affine: Affine,
) -> None:
    """Append the inner loop of both trips; `starts` is what the numbers of the first one start from."""
    body, second = loop_body(nest.inner), loop_body(other)
    given: dict[Value, Value] = {second.parameters[0]: body.parameters[0]}
    initials: list[Value] = []
    slots: list[tuple[Value, Value, Value]] = []  # (parameter, yielded, result) of numbers
    arrays: list[tuple[Value, Value]] = []  # (parameter, result)
    for (initial, parameter, yielded, result), (first, theirs, goes_on, left) in zip(
        loop_slots(nest.inner), loop_slots(other), strict=True
    ):
        if ty.is_array(parameter.type):
            arrays.append((parameter, result))
        elif initial in nest.sums:
            given[theirs] = yielded
            initials.append(starts[parameter])
            slots.append((parameter, goes_on, result))
        else:
            initials += [starts[parameter], first]
            slots += [(parameter, yielded, result), (theirs, goes_on, left)]
    inside = Versions(versions.structure, versions.copy_of)
    inside.current = dict(versions.current)
    for parameter, _ in arrays:
        inside.put(parameter)
    found = found_stored(nest, second, affine)
    given.update(found or {})
    kept = tuple(op for op in second.ops if not any(r in given for r in op.results))
    later = substitute(Block((), kept, ()), given).ops
    both_trips: list[Op] = [*body.ops, *later]
    if found is not None:
        both_trips = stored_last(without_overwritten(nest, affine), later)
    with Builder(nest.inner.location) as both:
        inside.append(both, both_trips)
    yields = substitute(Block((), (), tuple(y for _, y, _ in slots)), given).results
    new = Block(
        (body.parameters[0], *(p for p, _ in arrays), *(p for p, _, _ in slots)),
        tuple(both.ops),
        (*(inside.now(p) for p, _ in arrays), *yields),
    )
    builder.append(
        replace(
            nest.inner,
            operands=(*bounds, *(versions.now(p) for p, _ in arrays), *initials),
            regions=(new,),
            results=(*(r for _, r in arrays), *(r for _, _, r in slots)),
        )
    )
    for _, result in arrays:
        versions.put(result)


# ----------------------------------------------------------------------------------------------- loads and stores


def found_stored(nest: Nest, second: Block, affine: Affine) -> dict[Value, Value] | None:
    """What the loads of the next trip's inner loop find that the other trip has just stored; None if they may find
    that without its being known. Loads behind stores of their own trip stay behind those of the other one."""
    ops = loop_body(nest.inner).ops
    early = without_stores(ops)[0]
    stores = [op for op in ops if op.primitive in ("store", "accum")]
    found: dict[Value, Value] = {}
    for mine, theirs in zip(ops, second.ops, strict=True):
        if mine.primitive != "load" or mine not in early:
            continue
        for store in reversed([op for op in stores if conflict(op, mine, affine.structure)]):
            if apart(store, mine, nest, affine):
                continue
            stored = store.operands[-1]
            if store.primitive == "accum" or not is_one_place(store, mine, nest, affine):
                return None
            if stored.type != mine.result.type:
                return None
            found[theirs.result] = stored
            break
    return found


def is_one_place(a: Op, b: Op, nest: Nest, affine: Affine) -> bool:
    """Whether an access of the next trip is to the element of one of this trip, in the same trip of the inner loop."""
    pairs = list(axes(a, b, nest, affine))
    return len(pairs) == len(indices_of(a)) == len(indices_of(b)) and all(
        same(mine, theirs) and is_fixed(mine, nest, affine) for mine, theirs in pairs
    )


def stored_last(first: Sequence[Op], second: Sequence[Op]) -> list[Op]:
    """The ops of two trips, with what both compute and load before what they store: what both load is loaded once."""
    early, late = without_stores(first)
    early_too, late_too = without_stores(second, (result for op in late for result in op.results))
    return [*early, *early_too, *late, *late_too]


def without_overwritten(nest: Nest, affine: Affine) -> list[Op]:
    """The ops of the inner loop, without stores over which the next trip stores before anything loads."""
    ops = loop_body(nest.inner).ops
    stores = [op for op in ops if op.primitive == "store"]
    loads = [op for op in without_stores(ops)[1] if op.primitive == "load"]
    over = [
        op
        for op in stores
        if not any(conflict(op, load, affine.structure) for load in loads)
        and any(
            conflict(op, other, affine.structure) and is_one_place(op, other, nest, affine)
            for other in stores
        )
    ]
    return [op for op in ops if op not in over]


def without_stores(ops: Sequence[Op], made_late: Iterable[Value] = ()) -> tuple[list[Op], list[Op]]:
    """The ops that can run before all stores among them and what is `made_late`, and the others."""
    early: list[Op] = []
    late: list[Op] = []
    behind = set(made_late)
    for op in ops:
        if op.primitive in ("store", "accum") or any(v in behind for v in op.operands):
            behind.update(op.results)
            late.append(op)
        else:
            early.append(op)
    return early, late


__all__ = ["jam_loops"]
