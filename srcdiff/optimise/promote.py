"""Keep an element that a loop adds to in a number while the loop runs.

    for r in range(n):                     total = 0.0
        x_bar[j] += g[r] * c[r]     ->     for r in range(n):
                                               total += g[r] * c[r]
                                           if total != 0.0:
                                               x_bar[j] += total

The index must be the same in every trip, and the loop must only add to the array, or read and store other elements of
it: then the order does not matter, whatever other elements it adds to. The guard is there for loops without a trip,
where the element might not exist; checks may say that it does. Reads: structure, affine forms, ranges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..analysis.affine import Affine, Linear
from ..analysis.ranges import ONE, Ranges
from ..analysis.structure import find_structure
from ..analysis.sums import accumulates
from ..ir import types as ty
from ..ir.builder import Builder, zero
from ..ir.core import (
    Block,
    Function,
    Op,
    Value,
    leaves_early,
    loop_body,
    loop_slots,
    same_place,
)
from ..ir.walk import substitute
from .contract import accesses_of


def promote_sums(function: Function) -> Function:
    ranges = Ranges(Affine(find_structure(function.body)))
    return replace(function, body=promote(function.body, ranges, ()))


def promote(block: Block, ranges: Ranges, facts: Sequence[Linear]) -> Block:
    """The block with the sums of its loops in numbers; `facts` hold in each run of it."""
    ranges.open(facts)
    with Builder() as builder:
        for op in block.ops:
            if op.regions:
                inside = ranges.in_each_trip(op) if op.primitive == "for" else ()
                op = replace(op, regions=tuple(promote(region, ranges, inside) for region in op.regions))
            elif op.primitive == "require":
                ranges.learn(op)
            if op.primitive == "for" and not leaves_early(op):
                loop(builder, op, ranges)
            else:
                builder.append(op)
    ranges.close()
    return replace(block, ops=tuple(builder.ops))


def exists(array: Value, where: Sequence[Value], ranges: Ranges) -> bool:
    """Whether an element certainly exists, at indices that do not count from the end."""
    affine = ranges.affine
    return affine.is_in_range(array, where) or all(
        affine.is_never_negative(i) and ranges.proves(affine.length(array, axis) - affine.form(i) - ONE)
        for axis, i in enumerate(where)
    )


def loop(builder: Builder, op: Op, ranges: Ranges) -> None:
    """Emit a loop with the sums that it can keep in numbers."""
    body = loop_body(op)
    inside = set(body.parameters) | {v for inner in body.ops for v in inner.results}
    slots = loop_slots(op)
    sums: list[Sum] = []
    for _, parameter, yielded, result in slots:
        if not ty.is_array(parameter.type):
            continue
        found = sums_of(body, parameter, result, inside)
        if found and not accumulates(body, parameter, yielded):
            others = others_beside(body, parameter, yielded)
            if others is None:
                continue
            found = [each for each in found if all(ranges.are_apart(op, each.updates[0]) for op in others)]
        sums += found
    if not sums:
        builder.append(op)
        return
    skipped = {update.result: update.operands[0] for each in sums for update in each.updates}
    ops: list[Op] = []
    yields: list[Value] = []
    for each in sums:
        each.current = each.parameter
    for inner in body.ops:
        owner = next((each for each in sums if inner in each.updates), None)
        if owner is None:
            ops.append(inner)
            continue
        total = Value("total", owner.parameter.type)
        ops.append(Op("add", (owner.current, inner.operands[-1]), (total,), (), {}, inner.location))
        owner.current = total
    yields = [each.current for each in sums]
    parameters = (*body.parameters, *(each.parameter for each in sums))
    renames = {value: last(value, skipped) for value in skipped}
    new_body = substitute(Block(parameters, tuple(ops), (*body.results, *yields)), renames)
    left = {id(each): Value("total", each.parameter.type) for each in sums}
    results = {result: Value(result.name, result.type) for each in sums for result in (each.result,)}
    builder.append(
        replace(
            op,
            operands=(*op.operands, *(zero(each.parameter.type) for each in sums)),
            regions=(new_body,),
            results=(*(results.get(r, r) for r in op.results), *left.values()),
        )
    )
    for result, array in results.items():
        held = array
        mine = [each for each in sums if each.result is result]
        for k, each in enumerate(mine):
            total = left[id(each)]
            joined = result if k == len(mine) - 1 else Value(held.name, held.type)
            if exists(result, each.where, ranges):
                addition = Op("accum", (held, *each.where, total), (joined,), (), {}, op.location)
                held = builder.append(addition)[0]
                continue
            condition = builder.emit("ne", (total, zero(total.type)), ty.boolean)
            with Builder(op.location) as then:
                added = then.emit("accum", (held, *each.where, total), held.type, name=held.name)
            builder.region("if", (condition,), (then.block((), (added,)), Block((), (), (held,))), (joined,))
            held = joined


def others_beside(body: Block, start: Value, end: Value) -> list[Op] | None:
    """The loads and stores of an array to which a loop adds; None if it does anything else with it."""
    accesses = accesses_of(body, start, ("load", "store", "accum"))
    if accesses is None or not any(end in op.results for op in accesses):
        return None
    return [op for op in accesses if op.primitive != "accum"]


@dataclass(eq=False)
class Sum:
    """The additions of a loop to one element: they become additions to a number."""

    where: tuple[Value, ...]
    updates: list[Op]
    result: Value  # of the array's slot
    parameter: Value
    current: Value


def sums_of(body: Block, start: Value, result: Value, inside: set[Value]) -> list[Sum]:
    """The elements at an index that stays the same, with the additions to them."""
    found: list[Sum] = []
    versions = {start}
    for op in body.ops:
        if not any(v in versions for v in op.operands):
            continue
        if op.primitive == "for":
            versions.update(slot_result for first, _, _, slot_result in loop_slots(op) if first in versions)
        if op.primitive == "store":
            versions.update(op.results)
        if op.primitive != "accum":
            continue
        versions.add(op.result)
        where = op.operands[1:-1]
        if any(i in inside for i in where):
            continue
        same = next((each for each in found if same_place(each.where, where)), None)
        if same is not None:
            same.updates.append(op)
        else:
            held = Value("total", start.type.dtype)
            found.append(Sum(where, [op], result, held, held))
    return found


def last(value: Value, skipped: dict[Value, Value]) -> Value:
    while value in skipped:
        value = skipped[value]
    return value
