"""Make the trips of a loop when they are reversed, and not before.

    for i in range(first, n, step):                         for i in range(first, n, step), descending:
        a = exp(x[i])                                           a = exp(x[i])
        b = sin(a * a)                                          b = sin(a * a)
    ...                                            ->           g = y_bar[i]
    for i in range(first, n, step), descending:                 y_bar[i] = 0.0
        g = y_bar[i]                                            x_bar[i] += g * cos(a * a) * 2.0 * a * a
        y_bar[i] = 0.0
        x_bar[i] += g * cos(a * a) * 2.0 * a * a

Then what a trip computes is still there when it is reversed, and nothing is recorded. That is how a loop over the
work of a whole grid is reversed, of which no thread knows at first how many trips it makes. What the reverse sweep
reads of a trip must not depend on the trips before, and be read from arrays that nothing writes. Reads: structure.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.structure import Structure, find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Block, Function, Op, Value, counts_trips, leaves_early, loop_body
from ..ir.walk import defined_in, free_values_of, ops_of, rename_op, substitute
from .fold import simplified

STAYS = ("opaque", "barrier", "restore", "call")


def postpone_trips(function: Function) -> Function:
    """Move the trips of loops into the loops that reverse them, where that needs no tape."""
    structure = find_structure(function.body)
    parameters = frozenset(function.parameters)
    reverses = {op.attributes["reverses"]: op for op in function.body.ops if "reverses" in op.attributes}
    moved: dict[Op, Op] = {}
    for op in function.body.ops:
        reverse = reverses.get(op.attributes.get("token", 0))
        if reverse is not None and op.primitive == "for" and not leaves_early(op):
            both = with_trips(op, reverse, structure, parameters)
            if both is not None:
                moved |= {op: without_tokens(op), reverse: both}
    if not moved:
        return function
    ops = tuple(moved.get(op, op) for op in function.body.ops)
    return simplified(replace(function, body=replace(function.body, ops=ops)))


def with_trips(forward: Op, reverse: Op, structure: Structure, parameters: frozenset[Value]) -> Op | None:
    """The reverse loop with the trips of the forward one; None if it does not need them, or they cannot be moved."""
    body = loop_body(forward)
    inside = defined_in(body)
    needed = inside.intersection(free_values_of(reverse))
    index, *carried = body.parameters
    kept = independent(body, set(carried))
    there = {index, *(v for op in kept for v in defined_by(op))}
    if not needed or not needed <= there:
        return None
    made = there.difference((index,))
    if not all(can_move(inner, made, structure, parameters) for op in kept for inner in ops_of(op)):
        return None
    mirrored = loop_body(reverse)
    mapping: dict[Value, Value] = {}
    with Builder(forward.location) as builder:
        if counts_trips(forward):
            low, _, step = forward.operands[:3]
            away = builder.emit("mul", (mirrored.parameters[0], step), ty.int64)
            mapping[index] = builder.emit("add", (low, away), ty.int64, name=index.name)
        else:
            mapping[index] = mirrored.parameters[0]
        for op in kept:
            builder.append(rename_op(op, mapping))
    rest = substitute(mirrored, {value: mapping[value] for value in needed})
    attributes = {k: v for k, v in reverse.attributes.items() if k != "reverses"}
    return replace(
        reverse,
        regions=(replace(rest, ops=(*builder.ops, *rest.ops)),),
        attributes={**attributes, "fused": True},
    )


def independent(body: Block, carried: set[Value]) -> list[Op]:
    """The ops of a trip that do not depend on the trips before."""
    kept = []
    for op in body.ops:
        if carried.isdisjoint(free_values_of(op)):
            kept.append(op)
        else:
            carried.update(defined_by(op))
    return kept


def defined_by(op: Op) -> set[Value]:
    return set(op.results).union(*map(defined_in, op.regions))


def can_move(op: Op, made: set[Value], structure: Structure, parameters: frozenset[Value]) -> bool:
    """Whether an op does the same later: the arrays that it uses are made in its trip, or are never written."""
    if op.primitive in STAYS:
        return False
    arrays = [v for v in op.operands if ty.is_array(v.type)]
    return all(
        not structure.is_mixed(v)
        and (
            structure.origin(v) in made
            or (structure.origin(v) in parameters and not structure.stores.get(structure.storage(v)))
        )
        for v in arrays
    )


def without_tokens(loop: Op) -> Op:
    """A loop that, like those in it, is not reversed any more."""

    def visit(op: Op) -> Op:
        regions = tuple(replace(r, ops=tuple(map(visit, r.ops))) for r in op.regions)
        attributes = {k: v for k, v in op.attributes.items() if k != "token"}
        return replace(op, regions=regions, attributes=attributes)

    return visit(loop)


__all__ = ["postpone_trips"]
