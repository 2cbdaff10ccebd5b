"""Move additions to an element that all threads of a block add to out of branches that only some of them take.

    if t < n:                                  if t < n:
        ...                                        ...
        s_bar[0] += g * e          ->              term = g * e
                                               else:
                                                   term = 0.0
                                               s_bar[0] += term       # by all threads: warps can sum first

The index must be the same in all threads, and the additions the last thing that the branch does with the array. Reads:
structure, uniformity.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from ..analysis.uniform import Uniformity
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Function, Op, Value, indices_of
from ..ir.walk import defined_in


@dataclass(frozen=True)
class Addition:
    """An addition that is moved: its index, what is added in each arm, and the op."""

    where: tuple[Value, ...]
    terms: tuple[Value, Value]
    by: Op


def lift_sums(function: Function, sums: Collection[Op], uniformity: Uniformity) -> Function:
    """Move those of the additions `sums`, for which that can be done, out of branches that differ between threads."""
    return replace(function, body=lifted(function.body, set(sums), uniformity))


def lifted(block: Block, sums: set[Op], uniformity: Uniformity) -> Block:
    with Builder() as builder:
        for op in block.ops:
            if op.regions:
                op = replace(op, regions=tuple(lifted(region, sums, uniformity) for region in op.regions))
            if op.primitive == "if" and op.operands[0] in uniformity.varying:
                branch(builder, op, sums, uniformity)
            else:
                builder.append(op)
    return replace(block, ops=tuple(builder.ops))


def branch(builder: Builder, op: Op, sums: set[Op], uniformity: Uniformity) -> None:
    """Emit a branch, and behind it the additions that its arms end with."""
    regions = list(op.regions)
    moved: dict[int, list[Addition]] = {}
    for k, result in enumerate(op.results):
        if not ty.is_array(result.type):
            continue
        for arm in range(2):
            while (last := last_addition(regions[arm], k, sums, uniformity)) is not None:
                *where, term = last.operands[1:]
                nothing = constant(0.0, term.type)
                by_arm = (term, nothing) if arm == 0 else (nothing, term)
                moved.setdefault(k, []).append(Addition(tuple(where), by_arm, last))
                region = regions[arm]
                yields = (*region.results[:k], last.operands[0], *region.results[k + 1 :])
                kept = tuple(inner for inner in region.ops if inner is not last)
                regions[arm] = replace(region, ops=kept, results=yields)
    additions = [(k, addition) for k, each in moved.items() for addition in each]
    if not additions:
        builder.append(op)
        return
    terms = [Value("", addition.terms[0].type) for _, addition in additions]
    arms = [
        replace(region, results=(*region.results, *(addition.terms[arm] for _, addition in additions)))
        for arm, region in enumerate(regions)
    ]
    results = [Value(r.name, r.type) if k in moved else r for k, r in enumerate(op.results)]
    builder.append(replace(op, regions=tuple(arms), results=(*results, *terms)))
    for k, result in enumerate(op.results):
        mine = [(term, addition) for term, (of, addition) in zip(terms, additions, strict=True) if of == k]
        held = results[k]
        for n, (term, addition) in enumerate(mine):
            new = result if n == len(mine) - 1 else Value(result.name, result.type)
            added = replace(addition.by, operands=(held, *addition.where, term), results=(new,))
            sums.add(added)
            builder.append(added)
            held = new


def last_addition(arm: Block, k: int, sums: set[Op], uniformity: Uniformity) -> Op | None:
    """The addition that an arm ends with, of those to be moved, to an element that is known outside of it."""
    made = next((op for op in arm.ops if arm.results[k] in op.results), None)
    if made is None or made not in sums or any(i in uniformity.varying for i in indices_of(made)):
        return None
    inside = defined_in(arm)
    return made if not any(i in inside for i in indices_of(made)) else None


__all__ = ["lift_sums"]
