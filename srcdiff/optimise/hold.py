"""Hold in a number the element that an inner loop adds to while it stores into another array.

    for j in range(n):                        total = q[i]
        s[j] = s[j] + r[i] * a[i, j]          for j in range(n):
        q[i] = q[i] + a[i, j] * p[j]    ->        s[j] = s[j] + r[i] * a[i, j]
                                                  total = total + a[i, j] * p[j]
                                              q[i] = total

The two arrays might share memory for all that LLVM knows: it would load and store the element in every trip, and
vectorise nothing. Only where the element certainly exists, or the loop makes a trip. Reads: structure, affine forms,
ranges.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.affine import Affine
from ..analysis.ranges import ONE, Ranges
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Block, Function, Op, Value, indices_of, is_number, leaves_early, loop_body, loop_slots
from ..ir.walk import substitute, uses_in
from .combine import same_place
from .contract import accesses_of


def hold_sums(function: Function) -> Function:
    return replace(function, body=visited(function.body, Affine(find_structure(function.body))))


def visited(block: Block, affine: Affine) -> Block:
    ops: list[Op] = []
    for op in block.ops:
        if op.primitive == "for" and not leaves_early(op) and not any(o.regions for o in loop_body(op).ops):
            ops += held(op, affine)
        elif op.regions:
            ops.append(replace(op, regions=tuple(visited(region, affine) for region in op.regions)))
        else:
            ops.append(op)
    return replace(block, ops=tuple(ops))


def held(loop: Op, affine: Affine) -> list[Op]:
    """The loop with each sum that can be held in a number, between its load and its store."""
    stored = [op for op in loop_body(loop).ops if op.primitive == "store"]
    if len({affine.structure.storage(op.operands[0]) for op in stored}) < 2:
        return [loop]
    before: list[Op] = []
    behind: list[Op] = []
    runs = makes_a_trip(loop, Ranges(affine))
    for slot in loop_slots(loop):
        pair = sum_of(loop, slot[1], slot[2], affine)
        if pair is not None and (runs or affine.is_in_range(slot[0], indices_of(pair[0]))):
            load, loop, store = with_number(loop, slot, *pair)
            before.append(load)
            behind.append(store)
    return [*before, loop, *behind]


def makes_a_trip(loop: Op, ranges: Ranges) -> bool:
    """Whether a loop has a trip wherever the loops around it have one."""
    low, high = map(ranges.affine.form, loop.operands[:2])
    return is_number(loop.operands[2], 1) and ranges.implied(high - low - ONE, ranges.at(loop))


def sum_of(loop: Op, parameter: Value, yielded: Value, affine: Affine) -> tuple[Op, Op] | None:
    """The load and the store of the one element of an array that a loop touches, and only adds to."""
    body = loop_body(loop)
    if not ty.is_array(parameter.type) or affine.structure.is_mixed(parameter):
        return None
    accesses = accesses_of(body, parameter)
    if accesses is None or [op.primitive for op in accesses] != ["load", "store"]:
        return None
    load, store = accesses
    inside = {*body.parameters, *(v for op in body.ops for v in op.results)}
    if store.result is not yielded or not same_place(indices_of(load), indices_of(store)):
        return None
    if any(i in inside for i in indices_of(load)) or list(uses_in(body)).count(load.result) != 1:
        return None
    made = affine.structure.maker.get(store.operands[-1])
    if made is None or made.primitive not in ("add", "sub") or made.result.type != load.result.type:
        return None
    is_first = made.operands[0] is load.result
    return (load, store) if is_first or (made.primitive == "add" and load.result in made.operands) else None


def with_number(loop: Op, slot: tuple[Value, Value, Value, Value], load: Op, store: Op) -> tuple[Op, Op, Op]:
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
    summed = replace(
        loop,
        operands=(*loop.operands[:3], *(s[0] for s in slots), start),
        regions=(substitute(new, {load.result: number}),),
        results=(*(s[3] for s in slots), total),
    )
    return above.ops[0], summed, below.ops[0]


__all__ = ["hold_sums"]
