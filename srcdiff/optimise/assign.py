"""Store the first contribution to an array of sums instead of adding it to zeros.

    x_bar = np.zeros_like(x)             x_bar = np.empty_like(x)
    for i in range(x.shape[0]):    ->    for i in range(x.shape[0]):
        x_bar[i] += g * c[i]                 x_bar[i] = g * c[i]

Only where the first thing that is done with the array is a nest of loops over all its elements, in which the first
thing that a trip does with it is to add to the element of the loops' own indices, or to store into it. What a trip
reads of that element before is zero, also where the nest does not go over all of them. If the nest is under an `if`,
the other arm makes the array zero. Of a matrix the nest may also leave the ends of rows and whole rows, which are made
zero before: a matrix as large as the function goes over is written once then instead of cleared, read and written. An
array that trips of a loop share needs not be left full of zeros then. Reads: structure, affine forms, ranges.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.affine import Affine
from ..analysis.ranges import Ranges
from ..analysis.structure import Structure, find_structure
from ..ir import types as ty
from ..ir.builder import Builder, constant, zero
from ..ir.core import (
    Block,
    Function,
    Op,
    Slot,
    Value,
    is_number,
    leaves_early,
    loop_body,
    loop_slots,
    makes_zeros,
)
from ..ir.nests import index_along, nest_over
from ..ir.walk import defined_in, free_values_of, ops_within, substitute, substitute_in, uses_in
from .dse import IGNORES_ELEMENTS
from .reorder import own_elements

Ends = tuple[Value | None, ...]  # of nested loops, one an axis; None where they cover it


def assign_first(function: Function) -> Function:
    ranges = Ranges(Affine(find_structure(function.body)))
    return replace(function, body=assign(function.body, ranges))


def assign(block: Block, ranges: Ranges) -> Block:
    structure = ranges.affine.structure
    ranges.open()
    kept: list[Op] = []
    assigned: set[Value] = set()
    pending: dict[
        Value, int
    ] = {}  # arrays of zeros that nothing has been done with yet, and where they are made
    for op in block.ops:
        if op.regions:
            op = replace(op, regions=tuple(assign(region, ranges) for region in op.regions))
        elif op.primitive == "require":
            ranges.learn(op)
        touched = () if op.primitive in IGNORES_ELEMENTS else free_values_of(op)
        for version in [v for v in touched if v in pending]:
            at = pending.pop(version)
            stored = (with_arm_stored if op.primitive == "if" else with_loop_stored)(op, version, ranges)
            if stored is not None:
                op, before = stored
            if stored is not None and before is not None:
                kept += before
                kept[at] = of_anything(kept[at])
                assigned.add(version)
        if makes_zeros(op):
            pending[op.result] = len(kept)
        if op.primitive == "release" and structure.origin(op.operands[0]) in assigned:
            continue
        kept.append(op)
    ranges.close()
    return replace(block, ops=tuple(kept))


def of_anything(zeros: Op) -> Op:
    """The same allocation without the zeros."""
    if zeros.primitive == "zeros_like":
        return replace(zeros, primitive="empty_like")
    return replace(zeros, attributes={**zeros.attributes, "fill": "empty"})


def with_loop_stored(op: Op, version: Value, ranges: Ranges) -> tuple[Op, list[Op] | None] | None:
    """The loop with the first additions stores, and what makes zero before it what it does not reach: None if the array
    has to be zero as a whole."""
    stored = with_first_stored(op, version, (), ranges)
    if stored is None:
        return None
    loop, ends = stored
    if ends is None or not any(ends):
        return loop, None if ends is None else []
    if (
        loop is op
        or len(ends) < 2
        or any(end in defined_in(loop_body(loop)) for end in ends if end is not None)
    ):
        return None
    with Builder(op.location) as builder:
        cleared = rest_made_zero(builder, version, ends, ())
    return substitute_in(loop, {version: cleared}), builder.ops


def with_arm_stored(op: Op, version: Value, ranges: Ranges) -> tuple[Op, list[Op] | None] | None:
    """The `if` with an arm that stores first and another that makes zero what it left as it was; None if it has no
    such arms."""
    if any(sum(v is version for v in uses_in(arm)) != 1 for arm in op.regions):
        return None
    passing = [arm for arm in op.regions if version in arm.results]
    if len(passing) != 1:
        return None
    arms = []
    for arm in op.regions:
        if arm is passing[0]:
            with Builder(op.location) as builder:
                cleared = made_zero(builder, version, [])
            results = tuple(cleared if v is version else v for v in arm.results)
            arms.append(Block((), (*arm.ops, *builder.ops), results))
            continue
        first = next(inner for inner in arm.ops if version in free_values_of(inner))
        stored = with_first_stored(first, version, (), ranges)
        if stored is None or stored[1] is None or any(stored[1]):
            return None
        arms.append(replace(arm, ops=tuple(stored[0] if inner is first else inner for inner in arm.ops)))
    return replace(op, regions=tuple(arms)), []


def made_zero(builder: Builder, array: Value, where: list[Value]) -> Value:
    """Emit loops over the axes behind those of `where` that make an array zero."""
    axes = range(len(where), array.type.ndim)
    lengths = [builder.emit("shape", (array,), ty.int64, {"axis": axis}) for axis in axes]

    def store(builder: Builder, held: Value, places: tuple[Value, ...]) -> Value:
        operands = (held, *where, *places, zero(array.type.dtype))
        return builder.emit("store", operands, array.type, name=array.name)

    return nest_over(builder, array, lengths, store, len(where))


def rest_made_zero(builder: Builder, array: Value, ends: Ends, around: tuple[Value, ...]) -> Value:
    """Emit loops that make zero what nested loops up to `ends` do not reach; `around` are the indices of those around
    that go over the axes before."""
    axis = len(around)
    index, version = index_along(axis), Value(array.name, array.type)
    where = [*around, index]
    length = builder.emit("shape", (array,), ty.int64, {"axis": axis})
    is_last = not any(ends[axis + 1 :])
    low = zero(ty.int64)
    if is_last:
        low = ends[axis] or length
        reached: Value | None = None
        for i, end in zip(around, ends, strict=False):
            if end is not None:
                test = builder.compare("lt", i, end)
                reached = test if reached is None else builder.emit("and", (reached, test), ty.boolean)
        if reached is not None:
            low = builder.emit("select", (reached, low, zero(ty.int64)), ty.int64)
    with Builder(builder.location) as body:
        inside = (
            made_zero(body, version, where) if is_last else rest_made_zero(body, version, ends, tuple(where))
        )
    results = (Value(array.name, array.type),)
    operands = (low, length, constant(1, ty.int64), array)
    return builder.region("for", operands, (body.block((index, version), (inside,)),), results).result


def with_first_stored(
    op: Op, version: Value, indices: tuple[Value, ...], ranges: Ranges
) -> tuple[Op, Ends | None] | None:
    """The loop with the first addition to every element a store, and where it ends along the axes that it does not
    cover: None instead if it stores nothing into some of them. None if it does not start with own elements.

    `indices` are those of the loops around that go over the leading axes of the array.
    """
    slot = slot_along(op, version, len(indices), ranges.affine.structure)
    if slot is None or not (is_number(op.operands[0], 0) and is_number(op.operands[2], 1)):
        return None
    end = None if covers(op, version, len(indices), ranges) else op.operands[1]
    if end is not None and not ranges.affine.is_never_negative(end):
        return None
    _, parameter, yielded, _ = slot
    body = loop_body(op)
    indices = (*indices, body.parameters[0])
    if len(indices) == version.type.ndim:
        found = from_zero(body, parameter, yielded, indices)
        if found is None:
            return None
        new = found[0]
        ends: Ends | None = () if found[1] else None
    else:
        first = next((inner for inner in body.ops if parameter in free_values_of(inner)), None)
        stored = with_first_stored(first, parameter, indices, ranges) if first is not None else None
        if stored is None:
            return None
        if yielded not in stored[0].results and ranges.affine.structure.is_mixed(version):
            return None  # the next trip may find another array
        new, ends = body, stored[1]
        if stored[0] is not first:
            new = replace(body, ops=tuple(stored[0] if inner is first else inner for inner in body.ops))
    return op if new is body else replace(op, regions=(new,)), None if ends is None else (end, *ends)


def slot_along(op: Op, version: Value, axis: int, structure: Structure) -> Slot | None:
    """The slot of an array in a loop that goes up an axis of it, each trip at its own index, if that is what an op is.

    An index that counts from the end may find the element of another trip.
    """
    if op.primitive != "for" or leaves_early(op) or sum(v is version for v in free_values_of(op)) != 1:
        return None
    low, _, step = op.operands[:3]
    if not (low.is_constant and low.constant >= 0 and step.is_constant and step.constant > 0):
        return None
    slot = next((slot for slot in loop_slots(op) if slot[0] is version), None)
    return slot if slot is not None and stays_at(loop_body(op), version, axis, structure) else None


def stays_at(body: Block, array: Value, axis: int, structure: Structure) -> bool:
    """Whether all that a trip does with an array is at the index of the loop."""
    storage = structure.storage(array)
    for op in ops_within(body):
        touched = [k for k, v in enumerate(op.operands) if structure.storage(v) is storage]
        if op.regions or not touched:
            continue
        if touched != [0] or op.primitive not in ("load", "store", "accum"):
            return False
        if op.operands[1 + axis] is not body.parameters[0]:
            return False
    return True


def from_zero(body: Block, start: Value, end: Value, indices: tuple[Value, ...]) -> tuple[Block, bool] | None:
    """The body with zero for what it reads of the element of the loops' indices while that is as it was, and a store
    for an addition that is the first to change it; and whether one op in every trip is that. None if it is the same."""
    if not own_elements(body, start, end, indices[-1]):
        return None
    known: dict[Value, Value] = {}
    for op in body.ops:
        if start not in free_values_of(op):
            continue
        if op.primitive == "load":
            known[op.result] = zero(op.result.type)
        elif op.primitive == "accum":
            new = replace(body, ops=tuple(replace(o, primitive="store") if o is op else o for o in body.ops))
            return substitute(new, known), True
        else:
            stores = op.primitive == "store"
            return (substitute(body, known) if known else body, stores) if known or stores else None
    return None


def covers(op: Op, array: Value, axis: int, ranges: Ranges) -> bool:
    """Whether a loop from 0 runs over all indices of an axis."""
    length, end = ranges.affine.length(array, axis), ranges.affine.form(op.operands[1])
    return any(ranges.proves(end - n) for n in (length, ranges.affine.unclipped(length)))


__all__ = ["assign_first"]
