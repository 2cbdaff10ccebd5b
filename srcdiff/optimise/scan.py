"""Loops over the places where a mask is true become loops over the mask.

    k = 0                                     s = 0.0
    for i in range(n):                        for i in range(n):
        if mask[i]:                               if mask[i]:
            at[k] = i                                 s += x[i]
            k += 1                    ->
    s = 0.0
    for q in range(len(at)):
        s += x[at[q]]

Selections by a mask are read as an array of places and a loop over those (`indexing.py`). Where such a loop asks only
for the places, one behind the other, the array need not be made; what is left are loops over one range, which join and
vectorise. Nothing may be stored between the two loops into what the mask is computed from. Reads: structure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..analysis.structure import Structure, find_structure
from ..ir import types as ty
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
    written_in_place,
)
from ..ir.walk import exchanged, free_values_of, ops_of, ops_within, rename_op, substitute, uses_in
from ..primitives import REGISTRY


def scan_masks(function: Function) -> Function:
    """The function with the loops over places exchanged; the same one where there are none."""
    structure = find_structure(function.body)
    users: dict[Value, list[Op]] = {}
    for op in ops_within(function.body):
        for value in op.operands:
            users.setdefault(value, []).append(op)
        for region in op.regions:
            for value in region.results:
                users.setdefault(value, []).append(op)
    new: dict[Op, Sequence[Op]] = {}
    for block in blocks_within(function.body):
        for op in block.ops:
            places = listed_places(op, structure)
            if places is not None:
                new |= scanned(places, block, structure, users)
    body = exchanged(function.body, new)
    return function if body is function.body else replace(function, body=body)


def blocks_within(block: Block) -> list[Block]:
    return [block, *(region for op in ops_within(block) for region in op.regions)]


@dataclass(frozen=True)
class Places:
    """A nest of loops that lists places: `arrays` are its results, with what it puts into them and their lengths."""

    nest: Op
    choice: Op  # the `if` inside
    arrays: dict[Value, tuple[Value, Value]]


def listed_places(nest: Op, structure: Structure) -> Places | None:
    """What a nest lists, if it does nothing else."""
    op, slots = nest, loop_slots(nest) if nest.primitive == "for" else []
    chains = [(slot, slot) for slot in slots]  # of the outermost loop and of the loop inside
    while op.primitive == "for" and not leaves_early(op) and not any(op.attributes.values()):
        *made, inner = loop_body(op).ops or (op,)
        if not all(is_plain(x) for x in made) or not is_number(op.operands[2], 1):
            return None
        if inner.primitive == "if":
            return listed_by(nest, inner, chains, structure)
        if inner.primitive != "for":
            return None
        within = {slot[0]: slot for slot in loop_slots(inner)}
        if len(within) != len(chains) or not all(
            slot[1] in within and within[slot[1]][3] is slot[2] for _, slot in chains
        ):
            return None
        chains = [(outer, within[slot[1]]) for outer, slot in chains]
        op = inner
    return None


def is_plain(op: Op) -> bool:
    """Whether an op computes a number, and may do that again."""
    return op.primitive in REGISTRY or op.primitive in ("load", "cast", "shape")


def listed_by(nest: Op, choice: Op, chains: list[tuple[Slot, Slot]], structure: Structure) -> Places | None:
    """What an `if` lists: it stores places into arrays where it counts them, and else does nothing."""
    then, otherwise = choice.regions
    counts = [(outer, slot) for outer, slot in chains if slot[1].type == ty.int64]
    if len(counts) != 1 or len(chains) != len(choice.results) or not is_number(counts[0][0][0], 0):
        return None
    count = counts[0][1][1]
    arrays: dict[Value, tuple[Value, Value]] = {}
    for outer, (_, parameter, yielded, _) in chains:
        if yielded not in choice.results:
            return None
        k = choice.results.index(yielded)
        step = next((op for op in then.ops if then.results[k] in op.results), None)
        if otherwise.results[k] is not parameter or step is None:
            return None
        if parameter is count:
            if step.primitive != "add" or step.operands[0] is not count or not is_number(step.operands[1], 1):
                return None
            continue
        made = structure.maker.get(outer[0])
        if made is None or made.primitive != "alloc" or made.attributes["fill"] != "empty":
            return None
        if step.primitive != "store" or step.operands[:2] != (parameter, count) or len(step.operands) != 3:
            return None
        if step.operands[2].type != parameter.type.dtype or step.operands[2] in then_values(then):
            return None
        arrays[outer[3]] = step.operands[2], made.operands[0]
    return Places(nest, choice, arrays) if len(then.ops) == len(chains) and not otherwise.ops else None


def then_values(block: Block) -> set[Value]:
    return {result for op in block.ops for result in op.results}


def scanned(
    places: Places, block: Block, structure: Structure, users: dict[Value, list[Op]]
) -> dict[Op, Sequence[Op]]:
    """The loops over places, with the scan that each becomes; none if something else reads the places too."""
    start = block.ops.index(places.nest)
    loops = [op for op in block.ops[start + 1 :] if reads_places(op, places, structure)]
    inside = {inner for loop in loops for inner in ops_of(loop)}
    if not loops or not all(user in inside for array in places.arrays for user in users.get(array, [])):
        return {}
    if any(array in block.results for array in places.arrays):
        return {}
    passed = block.ops[start + 1 : block.ops.index(loops[-1]) + 1]
    read = [v for v in free_values_of(places.nest) if ty.is_array(v.type) and v not in starts(places.nest)]
    if any(is_changed(array, passed, structure) for array in read):
        return {}
    return {loop: [scan(places, loop)] for loop in loops}


def starts(nest: Op) -> tuple[Value, ...]:
    return tuple(initial for initial, *_ in loop_slots(nest))


def is_changed(array: Value, ops: Sequence[Op], structure: Structure) -> bool:
    """Whether an array may be written by ops."""
    if structure.is_mixed(array):
        return True
    storage = structure.storage(array)
    for op in (inner for each in ops for inner in ops_of(each)):
        if op.primitive in ("opaque", "call") and any(ty.is_array(v.type) for v in op.operands):
            return True
        if any(structure.storage(before) is storage for before, _ in written_in_place(op)):
            return True
    return False


def reads_places(op: Op, places: Places, structure: Structure) -> bool:
    """Whether a loop goes over all places, and its index serves for nothing but to read them."""
    if op.primitive != "for" or leaves_early(op) or any(op.attributes.values()):
        return False
    low, high, step, *_ = op.operands
    body = loop_body(op)
    index = body.parameters[0]
    if not is_number(low, 0) or not is_number(step, 1) or any(v in places.arrays for v in op.operands):
        return False
    loads = [x for x in ops_within(body) if x.primitive == "load" and x.operands[0] in places.arrays]
    uses = [v for v in uses_in(body) if v is index or v in places.arrays]
    if not loads or len(uses) != 2 * len(loads) or any(x.operands[1] is not index for x in loads):
        return False
    lengths = {places.arrays[x.operands[0]][1] for x in loads}
    if len(lengths) != 1:
        return False
    (length,) = lengths
    made = structure.maker.get(high)
    is_maximum = made is not None and made.primitive == "max" and made.operands[0] is length
    return high is length or (is_maximum and made is not None and is_number(made.operands[1], 0))


def scan(places: Places, loop: Op) -> Op:
    """A loop over places as one over the mask."""
    initials = [initial for initial, *_ in loop_slots(loop)]
    _, *parameters = loop_body(loop).parameters

    def level(op: Op, inits: Sequence[Value], results: Sequence[Value]) -> Op:
        body = loop_body(op)
        given = [Value(p.name, p.type) for p in parameters]
        *made, inner = body.ops
        yields = [Value(p.name, p.type) for p in parameters]
        if inner is places.choice:
            last = chosen(inner, given, yields)
        else:
            last = level(inner, given, yields)
        block = Block((body.parameters[0], *given), (*made, last), tuple(yields))
        return replace(op, operands=(*op.operands[:3], *inits), regions=(block,), results=tuple(results))

    def chosen(choice: Op, given: Sequence[Value], yields: Sequence[Value]) -> Op:
        body = loop_body(loop)
        loads = [x for x in ops_within(body) if x.primitive == "load" and x.operands[0] in places.arrays]
        now = {x.result: places.arrays[x.operands[0]][0] for x in loads}
        now.update(zip(parameters, given, strict=True))
        without = exchanged(body, dict.fromkeys(loads, ()))
        then = substitute(Block((), without.ops, without.results), now)
        return replace(choice, regions=(then, Block((), (), tuple(given))), results=tuple(yields))

    fresh = level(places.nest, initials, loop.results)
    copy = rename_op(fresh, {})  # the places are still listed until nothing reads them
    return replace(copy, results=loop.results, location=loop.location)


__all__ = ["scan_masks"]
