"""Loops over every so many elements, backwards or not, as ranges with that step.

    for trip in range(max((n - lo + step - sign(step)) // step, 0)):           for i in range(lo, n, step):
        i = lo + trip * step                                            ->         ...
        ...

A loop whose step is not a constant is reversed by the number of its trips. Where its trips do not depend on each other,
so that they run forwards, and the number of the trip has no other use, the range is written again. Reads: structure.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.structure import Structure, find_structure
from ..ir.core import Block, Function, Op, Value, is_number, leaves_early, loop_body
from ..ir.walk import uses_in


def write_strides(function: Function) -> Function:
    """Write loops over numbers of trips as loops with a step."""
    structure = find_structure(function.body)
    uses: dict[Value, int] = {}
    for value in uses_in(function.body):
        uses[value] = uses.get(value, 0) + 1
    return replace(function, body=visited(function.body, structure, uses))


def visited(block: Block, structure: Structure, uses: dict[Value, int]) -> Block:
    ops = []
    for op in block.ops:
        if op.regions:
            op = replace(op, regions=tuple(visited(region, structure, uses) for region in op.regions))
        ops.append(strided(op, structure, uses))
    return replace(block, ops=tuple(ops))


def strided(op: Op, structure: Structure, uses: dict[Value, int]) -> Op:
    if op.primitive != "for" or op.attributes.get("descending") or leaves_early(op):
        return op
    low, count, step = op.operands[:3]
    bounds = range_of(count, structure)
    body = loop_body(op)
    trip = body.parameters[0]
    if bounds is None or not (is_number(low, 0) and is_number(step, 1)) or uses.get(trip) != 1:
        return op
    start, stop, by = bounds
    for k, inner in enumerate(body.ops):
        if inner.primitive == "mul" and set(inner.operands) == {trip, by} and uses.get(inner.result) == 1:
            for n, other in enumerate(body.ops[k + 1 :], k + 1):
                if other.primitive == "add" and set(other.operands) == {start, inner.result}:
                    kept = (*body.ops[:k], *body.ops[k + 1 : n], *body.ops[n + 1 :])
                    new = replace(body, parameters=(other.result, *body.parameters[1:]), ops=kept)
                    return replace(op, operands=(start, stop, by, *op.operands[3:]), regions=(new,))
    return op


def range_of(count: Value, structure: Structure) -> tuple[Value, Value, Value] | None:
    """(low, high, step) of the range that has so many elements, if `ir/trips.py` wrote the count."""

    def made(value: Value, primitive: str) -> tuple[Value, ...]:
        op = structure.maker.get(value)
        fits = op is not None and op.primitive == primitive and value in op.results
        return op.operands if op is not None and fits else ()

    match made(count, "max"):
        case (quotient, least) if is_number(least, 0):
            match made(quotient, "floordiv"):
                case (top, step):
                    match made(top, "sub"):
                        case (above, sign) if made(sign, "sign") == (step,):
                            match made(above, "add"):
                                case (span, again) if again is step:
                                    match made(span, "sub"):
                                        case (high, low):
                                            return low, high, step
    return None


__all__ = ["write_strides"]
