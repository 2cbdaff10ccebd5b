"""Hold in a number the element that an inner loop adds to while it stores into another array, or reads the same one.

    for j in range(n):                        total = q[i]
        s[j] = s[j] + r[i] * a[i, j]          for j in range(n):
        q[i] = q[i] + a[i, j] * p[j]    ->        s[j] = s[j] + r[i] * a[i, j]
                                                  total = total + a[i, j] * p[j]
                                              q[i] = total

The two arrays might share memory for all that LLVM knows: it would load and store the element in every trip, and
vectorise nothing. Of one array, affine forms have to show that what is read are other elements. Only where the element
certainly exists, or the loop makes a trip. Reads: structure, affine forms, ranges.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.affine import Affine
from ..analysis.ranges import ONE, Ranges
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
    is_number,
    leaves_early,
    loop_body,
    loop_slots,
    same_place,
)
from ..ir.walk import substitute, uses_in
from .contract import accesses_of


def hold_sums(function: Function) -> Function:
    return replace(function, body=visited(function.body, Affine(find_structure(function.body))))


def visited(block: Block, affine: Affine) -> Block:
    ops: list[Op] = []
    for op in block.ops:
        if op.primitive == "for" and not leaves_early(op) and not any(o.regions for o in loop_body(op).ops):
            ops += held(op, block, affine)
        elif op.regions:
            ops.append(replace(op, regions=tuple(visited(region, affine) for region in op.regions)))
        else:
            ops.append(op)
    return replace(block, ops=tuple(ops))


def held(loop: Op, around: Block, affine: Affine) -> list[Op]:
    """The loop with each sum that can be held in a number, between its load and its store."""
    stored = [op for op in loop_body(loop).ops if op.primitive == "store"]
    alone = len({affine.structure.storage(op.operands[0]) for op in stored}) < 2 and not may_record(
        loop, affine
    )
    before: list[Op] = []
    behind: list[Op] = []
    ranges = Ranges(affine)
    runs = makes_a_trip(loop, ranges)
    for slot in loop_slots(loop):
        pair = sum_of(loop, slot[1], slot[2], alone, ranges)
        if pair is not None and (runs or exists(pair[0], around, affine)):
            load, loop, store = with_number(loop, slot, *pair)
            before.append(load)
            behind.append(store)
    return [*before, loop, *behind]


def may_record(loop: Op, affine: Affine) -> bool:
    """Whether the derivative may record, and so store, what a loop loads: loops around it change that."""
    structure = affine.structure
    own = {structure.storage(op.operands[0]) for op in loop_body(loop).ops if op.primitive == "store"}
    loaded = {structure.storage(op.operands[0]) for op in loop_body(loop).ops if op.primitive == "load"}
    return any(
        set(structure.around[loop]).intersection(structure.around[store])
        for storage in loaded - own
        for store in structure.stores.get(storage, ())
    )


def exists(load: Op, around: Block, affine: Affine) -> bool:
    """Whether an element is in range, or loaded or stored beside the loop as well."""
    array, *where = load.operands
    if affine.is_in_range(array, where):
        return True
    storage = affine.structure.storage
    return any(
        op.primitive in ("load", "store")
        and storage(op.operands[0]) is storage(array)
        and same_place(indices_of(op), tuple(where))
        for op in around.ops
    )


def makes_a_trip(loop: Op, ranges: Ranges) -> bool:
    """Whether a loop has a trip wherever the loops around it have one."""
    low, high = map(ranges.affine.form, loop.operands[:2])
    return is_number(loop.operands[2], 1) and ranges.implied(high - low - ONE, ranges.at(loop))


def sum_of(loop: Op, parameter: Value, yielded: Value, alone: bool, ranges: Ranges) -> tuple[Op, Op] | None:
    """The load and the store of the one element of an array that a loop adds to, if it touches that in no other way.

    Of an array that the loop stores into `alone`, only if it reads others of its elements: LLVM sees the rest itself.
    """
    body, structure = loop_body(loop), ranges.affine.structure
    if not ty.is_array(parameter.type) or structure.is_mixed(parameter):
        return None
    accesses = accesses_of(body, parameter)
    stores = [op for op in accesses or () if op.primitive == "store"]
    if accesses is None or len(stores) != 1 or stores[0].result is not yielded:
        return None
    (store,) = stores
    made = structure.maker.get(store.operands[-1])
    if made is None or made.primitive not in ("add", "sub"):
        return None
    terms = made.operands[:1] if made.primitive == "sub" else made.operands
    load = next((op for op in accesses if op.primitive == "load" and op.result in terms), None)
    if load is None or made.result.type != load.result.type:
        return None
    if not same_place(indices_of(load), indices_of(store)):
        return None
    inside = {*body.parameters, *(v for op in body.ops for v in op.results)}
    if any(i in inside for i in indices_of(load)) or list(uses_in(body)).count(load.result) != 1:
        return None
    others = [op for op in accesses if op is not load and op is not store]
    if alone and not others or not all(ranges.are_apart(op, store) for op in others):
        return None
    return load, store


def with_number(loop: Op, slot: Slot, load: Op, store: Op) -> tuple[Op, Op, Op]:
    """A load, the loop that adds to a number, and a store."""
    initial, parameter, _, result = slot
    body, slots = loop_body(loop), [s for s in loop_slots(loop) if s[1] is not parameter]
    type, name = load.result.type, load.result.name or "total"
    number, total = Value(name, type), Value(name, type)
    with Builder(load.location) as above:
        start = above.emit("load", (initial, *indices_of(load)), type, name=name)
    with Builder(store.location) as below:
        below.append(replace(store, operands=(initial, *indices_of(store), total), results=(result,)))
    ops = tuple(op for op in body.ops if op is not load and op is not store)
    new = Block(
        (body.parameters[0], *(s[1] for s in slots), number),
        ops,
        (*(s[2] for s in slots), store.operands[-1]),
    )
    read = {load.result: number, parameter: initial, store.result: initial}
    summed = replace(
        loop,
        operands=(*loop.operands[:3], *(s[0] for s in slots), start),
        regions=(substitute(new, read),),
        results=(*(s[3] for s in slots), total),
    )
    return above.ops[0], summed, below.ops[0]


__all__ = ["hold_sums"]
