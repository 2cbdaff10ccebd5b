"""Move additions to an element that all threads of a block add to out of branches that only some of them take.

    if t < n:                                  if t < n:
        ...                                        ...
        s_bar[0] += g * e          ->              term = g * e
                                               else:
                                                   term = 0.0
                                               s_bar[0] += term       # by all threads: warps can sum first

    if i < n:                                  for j in range(m):
        for j in range(m):         ->              if i < n:
            x_bar[j] += a[i, j]                        term = a[i, j]
                                                   else:
                                                       term = 0.0
                                                   x_bar[j] += term

The index must be the same in all threads, and the additions the last thing that the branch does with the array. Where
no thread takes the branch the element need not exist: nothing is added there. Reads: structure, uniformity.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from ..analysis.uniform import Uniformity
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import IN_PLACE, Block, Function, Op, Value, indices_of, leaves_early, loop_body
from ..ir.walk import defined_in, free_values, ops_within, substitute, substitute_in, uses_in
from .fold import simplified


@dataclass(frozen=True)
class Addition:
    """An addition that is moved: its index, what is added in each arm, and the op."""

    where: tuple[Value, ...]
    terms: tuple[Value, Value]
    by: Op


def lift_sums(function: Function, sums: Collection[Op], uniformity: Uniformity) -> Function:
    """Move those of the additions `sums`, for which that can be done, out of branches that differ between threads."""
    results = {op.result for op in sums}
    return simplified(replace(function, body=lifted(function.body, results, uniformity)))


def lifted(block: Block, sums: set[Value], uniformity: Uniformity) -> Block:
    """A block that all threads run, with the additions moved; `sums` are their results."""
    with Builder() as builder:
        for op in block.ops:
            for part in split_at_loop(op, sums, uniformity) or [op]:
                if differs(part, uniformity):
                    branch(builder, part, sums, uniformity)
                elif part.regions and uniformity.all_reach(part):
                    regions = tuple(lifted(region, sums, uniformity) for region in part.regions)
                    builder.append(replace(part, regions=regions))
                else:
                    builder.append(part)
    return replace(block, ops=tuple(builder.ops))


def differs(op: Op, uniformity: Uniformity) -> bool:
    """Whether an op is a branch that not all threads take alike."""
    return op.primitive == "if" and op.operands[0] in uniformity.varying


def split_at_loop(op: Op, sums: set[Value], uniformity: Uniformity) -> list[Op] | None:
    """A branch as what it does before a loop, the loop with the branch inside, and what it does then.

    None if it is none that differs between threads, or holds no loop with additions to be moved, whose trips are known
    outside of it.
    """
    if not differs(op, uniformity):
        return None
    then, otherwise = op.regions
    loop = next((inner for inner in then.ops if inner.primitive == "for"), None)
    if loop is None or otherwise.ops or leaves_early(loop):
        return None
    inside = defined_in(then)
    moved = any(is_moved(inner, sums, uniformity) for inner in ops_within(loop_body(loop)))
    if not moved or any(v in uniformity.varying or v in inside for v in loop.operands[:3]):
        return None
    at = then.ops.index(loop)
    before, after = then.ops[:at], then.ops[at + 1 :]
    made = {value: inner for inner in before for value in inner.results}
    rest = Block((), then.ops[at:], then.results)
    needed = [value for value in free_values(rest) if value in made]
    instead: list[Value] = []
    for value in needed:
        other = outer_version(value, made) if ty.is_array(value.type) else constant(0, value.type)
        if other is None:
            return None
        instead.append(other)
    passed = {value: Value(value.name, value.type) for value in needed}
    first = replace(
        op,
        regions=(Block((), before, tuple(needed)), Block((), (), tuple(instead))),
        results=tuple(passed.values()),
    )
    body = loop_body(loop)
    kept = tuple(body.parameters[1:])
    results = tuple(Value(v.name, v.type) for v in body.results)
    guarded = Op(
        "if", op.operands, results, (Block((), body.ops, body.results), Block((), (), kept)), {}, op.location
    )
    trips = substitute_in(replace(loop, regions=(Block(body.parameters, (guarded,), results),)), passed)
    storage = uniformity.structure.storage
    now = {storage(v): passed[v] for v in needed if ty.is_array(v.type)}
    now |= {storage(v): v for v in loop.results if ty.is_array(v.type)}
    last = replace(
        op,
        regions=(
            substitute(Block((), after, then.results), passed),
            replace(otherwise, results=tuple(now.get(storage(v), v) for v in otherwise.results)),
        ),
    )
    return [*([first] if needed else []), trips, last]


def outer_version(array: Value, made: Mapping[Value, Op]) -> Value | None:
    """The version of an array from before the ops that made a later one of it; None if it is not changed in place."""
    while array in made:
        if made[array].primitive not in IN_PLACE:
            return None
        array = made[array].operands[0]
    return array


def is_moved(op: Op, sums: set[Value], uniformity: Uniformity) -> bool:
    """Whether an op is an addition to be moved, to the same element in all threads of a block."""
    is_sum = op.primitive == "accum" and op.result in sums
    return is_sum and not any(index in uniformity.varying for index in indices_of(op))


def branch(builder: Builder, op: Op, sums: set[Value], uniformity: Uniformity) -> None:
    """Emit a branch, and behind it the additions that its arms end with."""
    within = set(sums)
    regions, moved = without_last(op, [arm(r, within, uniformity) for r in op.regions], within, uniformity)
    if any(inner.results[0] in within - sums for r in regions for inner in ops_within(r) if inner.results):
        # What has come out of a branch in here gets no further: only some threads would run it there.
        regions, moved = without_last(op, list(op.regions), sums, uniformity)
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
            sums.add(added.result)
            builder.append(added)
            held = new


def arm(region: Block, sums: set[Value], uniformity: Uniformity) -> Block:
    """An arm of a branch, with the additions moved out of the branches in it."""
    with Builder() as builder:
        for op in region.ops:
            if differs(op, uniformity):
                branch(builder, op, sums, uniformity)
            else:
                builder.append(op)
    return replace(region, ops=tuple(builder.ops))


def without_last(
    op: Op, regions: list[Block], sums: set[Value], uniformity: Uniformity
) -> tuple[list[Block], dict[int, list[Addition]]]:
    """The arms of a branch without the additions that they end with, and those, by number of the result."""
    moved: dict[int, list[Addition]] = {}
    for k, result in enumerate(op.results):
        if not ty.is_array(result.type):
            continue
        for n in range(2):
            while (last := last_addition(regions[n], k, sums, uniformity)) is not None:
                *where, term = last.operands[1:]
                nothing = constant(0.0, term.type)
                by_arm = (term, nothing) if n == 0 else (nothing, term)
                moved.setdefault(k, []).append(Addition(tuple(where), by_arm, last))
                region = regions[n]
                yields = (*region.results[:k], last.operands[0], *region.results[k + 1 :])
                kept = tuple(inner for inner in region.ops if inner is not last)
                regions[n] = replace(region, ops=kept, results=yields)
    return regions, moved


def last_addition(arm: Block, k: int, sums: set[Value], uniformity: Uniformity) -> Op | None:
    """The addition that an arm ends with, of those to be moved, to an element that is known outside of it."""
    made = next((op for op in arm.ops if arm.results[k] in op.results), None)
    if made is None or not is_moved(made, sums, uniformity):
        return None
    inside = defined_in(arm)
    is_read = list(uses_in(arm)).count(made.result) > 1
    return made if not is_read and not any(i in inside for i in indices_of(made)) else None


__all__ = ["lift_sums"]
