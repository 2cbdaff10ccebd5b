"""Unsigned indices in inner loops that start, or count, from a number computed around them.

    for r in range(j + 1, d):            for r in range(j + 1, d):
        q[r] += c[j, r] * s       ->         k = np.uint64(r)
                                             q[k] += c[j, k] * s

A negative index counts from the end. LLVM vectorises a loop only if it can show that no index does, which it does not
see in a range that starts at a variable, nor in `i + r` where `i` goes down, nor in `i - 1` under a condition that the
loop makes a trip; here it is proven, and said by the type.
A place on a tape is made of numbers of trips, which are none. Reads: structure, affine forms, ranges.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.affine import Affine
from ..analysis.ranges import Ranges
from ..analysis.structure import Structure, find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Block, Function, Op, Value, loop_body
from ..ir.walk import ops_within

ACCESSES = ("load", "store", "accum")


def unsigned_indices(function: Function, deepest: int | None = None) -> Function:
    """Make the indices of innermost loops unsigned that are certainly not negative, where LLVM would not know.

    A loop that starts from a variable in `deepest` others stays as it is: it goes along a side of a triangle of which
    there are many, and those are often small, so that it makes too few trips to be vectorised.
    """
    affine = Affine(find_structure(function.body))
    return replace(function, body=visited(function.body, affine, deepest))


def visited(
    block: Block, affine: Affine, deepest: int | None, around: int = 0, guarded: bool = False
) -> Block:
    ops = []
    for op in block.ops:
        if op.regions and not op.attributes.get("few_trips"):
            is_loop = op.primitive in ("for", "while")
            if op.primitive == "for" and is_innermost(op):
                if op.operands[0].is_constant or deepest is None or around < deepest:
                    op = replace(op, regions=(unsigned(op, affine, guarded),))
            else:
                regions = tuple(
                    visited(r, affine, deepest, around + is_loop, guarded or not is_loop) for r in op.regions
                )
                op = replace(op, regions=regions)
        ops.append(op)
    return replace(block, ops=tuple(ops))


def is_innermost(op: Op) -> bool:
    return not any(inner.primitive in ("for", "while") for inner in ops_within(loop_body(op)))


def is_tape(array: Value, structure: Structure) -> bool:
    made = structure.maker.get(structure.origin(array))
    return made is not None and made.primitive == "alloc" and bool(made.attributes.get("tape"))


def is_seen(index: Value, loop: Op, affine: Affine, guarded: bool) -> bool:
    """Whether LLVM sees that an index in a loop from a constant is not negative: what is added to the loop's own index
    counts up from a constant as well. Nothing may be subtracted where the loop is `guarded`: with the condition goes
    the clip to 0 of how many trips there are, from which it is seen that the index never wraps around."""
    form = affine.form(index)
    if not loop.operands[0].is_constant or (guarded and form.constant < 0):
        return False
    for value, c in form.terms:
        if value is loop_body(loop).parameters[0]:
            continue
        counting = affine.loop_of(value)
        if c < 0 or counting is None or counting.attributes.get("descending"):
            return False
        if not counting.operands[0].is_constant:
            return False
    return True


def unsigned(loop: Op, affine: Affine, guarded: bool) -> Block:
    body = loop_body(loop)
    own = body.parameters[0] if loop.operands[0].is_constant else None
    moving = set(body.parameters[:1])
    known: dict[Value, Value] = {}
    ranges = Ranges(affine)

    def accessed(op: Op, builder: Builder) -> Op:
        """An access with unsigned indices, which `builder` makes."""
        end = len(op.operands) - (op.primitive != "load")
        where = op.operands[1:end]
        for i in where:
            if i not in moving or i in known or i is own or is_seen(i, loop, affine, guarded):
                continue
            if is_tape(op.operands[0], affine.structure) or ranges.is_never_negative(i, op):
                known[i] = builder.emit("cast", (i,), ty.uint64)
        where = tuple(known.get(i, i) for i in where)
        return replace(op, operands=(op.operands[0], *where, *op.operands[end:]))

    def chosen(block: Block, builder: Builder) -> Block:
        """An arm of an `if`; the indices are made in front of that."""
        ops = []
        for op in block.ops:
            if op.primitive in ACCESSES:
                op = accessed(op, builder)
            elif op.regions:
                op = replace(op, regions=tuple(chosen(region, builder) for region in op.regions))
            ops.append(op)
        return replace(block, ops=tuple(ops))

    with Builder() as builder:
        for op in body.ops:
            builder.location = op.location
            if op.primitive in ACCESSES:
                op = accessed(op, builder)
            elif op.regions:
                op = replace(op, regions=tuple(chosen(region, builder) for region in op.regions))
            elif any(v in moving for v in op.operands) and all(ty.is_integer(v.type) for v in op.results):
                moving.update(op.results)
            builder.append(op)
    return replace(body, ops=tuple(builder.ops))


__all__ = ["unsigned_indices"]
