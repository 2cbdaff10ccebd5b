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

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..analysis.affine import Affine
from ..analysis.structure import Structure, find_structure
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Function, Op, Value, indices_of, is_number, loop_body, loop_slots
from ..ir.walk import rename, rename_op, substitute, substitute_in
from .align import same
from .hoist import defined_directly
from .jammable import Nest, apart, axes, conflict, find_nest, is_fixed


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
    """Emit the loop of two trips at once, and that of the trip that may be left.

    Where elements are loaded in the inner loop that are the same in all its trips, that is under an `if` it makes any:
    then they can be loaded before it.
    """
    builder.location = nest.loop.location
    low, high, _ = nest.inner.operands[:3]
    inside = defined_directly([loop_body(nest.loop)])
    if not only_inner_loop(nest) or {low, high} & inside or not same_elements(nest.inner):
        append_loops(builder, nest, affine)
        return
    kept = replace(
        nest, loop=replace(nest.loop, results=tuple(Value(r.name, r.type) for r in nest.loop.results))
    )
    with Builder(nest.loop.location) as arm:
        append_loops(arm, kept, affine)
    loops = tuple(replace(op, regions=tuple(map(loads_first, op.regions))) for op in arm.ops)
    initials = (initial for initial, *_ in loop_slots(nest.loop))
    builder.where_it_runs(nest.inner, Block((), loops, kept.loop.results), initials, nest.loop.results)


def only_inner_loop(nest: Nest) -> bool:
    """Whether a trip does nothing where the inner loop, whose range is the same in all of them, makes no trip."""
    if nest.early or nest.late or nest.behind_time or nest.behind:
        return False
    passed_on = {result: initial for initial, _, _, result in loop_slots(nest.inner)}
    slots = loop_slots(nest.loop)
    stores = any(op.primitive in ("store", "accum") for op in nest.before)
    return not stores and all(passed_on.get(yielded) is parameter for _, parameter, yielded, _ in slots)


def same_elements(inner: Op) -> list[Op]:
    """The loads of a loop that are the same in all of its trips."""
    inside = defined_directly(list(inner.regions))
    return [op for op in loop_body(inner).ops if op.primitive == "load" and not inside & {*op.operands}]


def without_same_elements(inner: Op) -> list[Op]:
    """These loads, and the loop without them."""
    body, loads = loop_body(inner), same_elements(inner)
    rest = replace(body, ops=tuple(op for op in body.ops if op not in loads))
    return [*loads, replace(inner, regions=(rest,))]


def loads_first(block: Block) -> Block:
    """The block with these loads before its inner loops."""
    ops = (o for op in block.ops for o in (without_same_elements(op) if op.primitive == "for" else [op]))
    return replace(block, ops=tuple(ops))


def append_loops(builder: Builder, nest: Nest, affine: Affine) -> None:
    pairs, rest = ranges_of_pairs(builder, nest.loop, affine)
    initials = tuple(slot[0] for slot in loop_slots(nest.loop))
    results = tuple(Value(result.name, result.type) for result in nest.loop.results)
    builder.append(
        replace(
            nest.loop,
            operands=(*pairs, *initials),
            regions=(two_trips(nest, affine),),
            results=results if rest is not None else nest.loop.results,
            attributes={k: v for k, v in nest.loop.attributes.items() if k != "descending"},
        )
    )
    if rest is None:
        return
    body = rename(loop_body(nest.loop), {})
    builder.append(replace(nest.loop, operands=(*rest, *results), regions=(body,)))


def ranges_of_pairs(
    builder: Builder, loop: Op, affine: Affine
) -> tuple[tuple[Value, ...], tuple[Value, ...] | None]:
    """The range of the first of each two trips of a loop, and that of the trip that may be left: the last one. None if
    no trip is left.

    A loop that descends becomes one with a negative step.
    """
    low, high, one = loop.operands[:3]
    descends = bool(loop.attributes.get("descending"))
    if low.is_constant and high.is_constant:
        left = max(high.constant - low.constant, 0) % 2
        last = constant(high.constant - 1, high.type)
        rest = constant(low.constant + left if descends else high.constant - left, high.type)
        if not left:
            return (
                (last, low, constant(-2, high.type)) if descends else (low, last, constant(2, high.type))
            ), None
    else:
        last = builder.emit("sub", (high, one), high.type)
        trips = high if is_number(low, 0) else builder.emit("sub", (high, low), high.type)
        odd = builder.emit("mod", (trips, constant(2, high.type)), high.type)
        rest = (
            builder.emit("add", (low, odd), high.type)
            if descends
            else builder.emit("sub", (high, odd), high.type)
        )
        if not affine.is_not_negative(affine.form(high) - affine.form(low)):
            most = builder.emit("max", (high, low), high.type) if descends else low
            rest = builder.emit("min" if descends else "max", (rest, most), high.type)
    if descends:
        return (last, low, constant(-2, high.type)), (low, rest, one)
    return (low, last, constant(2, high.type)), (rest, high, one)


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


__all__ = ["jam_loops", "ranges_of_pairs", "same_elements", "stored_last", "without_same_elements"]
