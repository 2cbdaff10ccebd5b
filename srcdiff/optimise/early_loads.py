"""Load what is the same in all trips of an inner loop before it, where two trips are made at once.

    for o in range(m):                           if m > 0:
        t = image[j, c]                              t = image[j, c]
        t2 = image[j2, c]                            t2 = image[j2, c]
        out[j, o] += t * kernel[o]        ->         for o in range(m):
        out[j2, o] += t2 * kernel[o]                     out[j, o] += t * kernel[o]
                                                         out[j2, o] += t2 * kernel[o]

An element that is loaded in a loop that stores has to be told apart from all that is stored, in each run of the loop,
before LLVM runs several trips as one. Two trips at once load twice as many elements and store twice as many rows, too
many to be worth it. The loads need a trip of the loop, for only then is the element known to be in the array. Reads:
structure, affine forms.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.affine import Affine
from ..analysis.structure import find_structure
from ..ir.builder import Builder
from ..ir.core import Block, Function, Op, Value, is_number, loop_body, loop_slots
from ..ir.walk import ops_within
from .jam import same_elements, without_same_elements
from .jammable import is_plain_loop


def load_early(function: Function) -> Function:
    affine = Affine(find_structure(function.body))
    return replace(function, body=visited(function.body, affine, paired=False))


def visited(block: Block, affine: Affine, paired: bool) -> Block:
    with Builder() as builder:
        for op in block.ops:
            if paired and is_plain_loop(op) and stores(op) and same_elements(op):
                append_loads_first(builder, op, affine)
            elif op.regions:
                inside = paired or makes_two_trips(op)
                regions = tuple(visited(region, affine, inside) for region in op.regions)
                builder.append(replace(op, regions=regions))
            else:
                builder.append(op)
    return replace(block, ops=tuple(builder.ops))


def makes_two_trips(op: Op) -> bool:
    return op.primitive == "for" and (is_number(op.operands[2], 2) or is_number(op.operands[2], -2))


def stores(loop: Op) -> bool:
    """Whether a loop that has no loop in it, and no check of an index perhaps, stores."""
    kinds = {op.primitive for op in ops_within(loop_body(loop))}
    return not kinds & {"for", "while", "require"} and bool(kinds & {"store", "accum"})


def append_loads_first(builder: Builder, loop: Op, affine: Affine) -> None:
    low, high = loop.operands[:2]
    if affine.is_positive(affine.form(high) - affine.form(low)):
        builder.ops += without_same_elements(loop)
        return
    results = tuple(Value(r.name, r.type) for r in loop.results)
    made = Block((), tuple(without_same_elements(replace(loop, results=results))), results)
    builder.where_it_runs(loop, made, (initial for initial, *_ in loop_slots(loop)), loop.results)


__all__ = ["load_early"]
