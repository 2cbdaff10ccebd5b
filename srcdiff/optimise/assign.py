"""Store the first contribution to a gradient instead of adding it to zeros.

    x_bar = np.zeros_like(x)             x_bar = np.empty_like(x)
    for i in range(x.shape[0]):    ->    for i in range(x.shape[0]):
        x_bar[i] += g * c[i]                 x_bar[i] = g * c[i]

Only where one loop goes over all elements of a vector and the first thing it does with the array is to add to the
element of its own index. Reads: structure.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.structure import Structure, find_structure
from ..ir.core import Block, Function, Op, Value, leaves_early, loop_body, loop_slots
from ..ir.walk import free_values_of, uses_in
from .reorder import own_elements


def assign_first(function: Function) -> Function:
    structure = find_structure(function.body)
    counts: dict[Value, int] = {}
    for value in uses_in(function.body):
        counts[value] = counts.get(value, 0) + 1
    return replace(function, body=assign(function.body, structure, counts))


def assign(block: Block, structure: Structure, counts: dict[Value, int]) -> Block:
    zeros = {op.result: k for k, op in enumerate(block.ops) if op.primitive == "zeros_like"}
    ops = list(block.ops)
    for k, op in enumerate(ops):
        if op.regions:
            op = replace(op, regions=tuple(assign(region, structure, counts) for region in op.regions))
            ops[k] = op
        if op.primitive != "for" or leaves_early(op):
            continue
        for initial, parameter, yielded, _ in loop_slots(op):
            at = zeros.get(initial)
            if at is None or counts.get(initial) != 1 or ops[at].attributes.get("work"):
                continue
            first = first_addition(loop_body(op), parameter, yielded)
            if first is not None and covers(op, ops[at].operands[0], structure):
                stored = replace(first, primitive="store")
                body = loop_body(op)
                new = replace(body, ops=tuple(stored if inner is first else inner for inner in body.ops))
                op = ops[k] = replace(op, regions=(new,))
                ops[at] = replace(ops[at], primitive="empty_like")
    return replace(block, ops=tuple(ops))


def first_addition(body: Block, start: Value, end: Value) -> Op | None:
    """The addition to the element of the loop's index that comes first in every trip."""
    if not own_elements(body, start, end, body.parameters[0]):
        return None
    first = next(op for op in body.ops if start in free_values_of(op))
    return first if first.primitive == "accum" and first.operands[1:-1] == body.parameters[:1] else None


def covers(op: Op, array: Value, structure: Structure) -> bool:
    """Whether a loop runs over all indices of a vector."""
    low, high, step = op.operands[:3]
    if array.type.ndim != 1 or not (
        low.is_constant and low.constant == 0 and step.is_constant and step.constant == 1
    ):
        return False
    made = structure.maker.get(high)
    if made is not None and made.primitive == "shape" and made.attributes["axis"] == 0:
        return structure.origin(made.operands[0]) is structure.origin(array)
    allocated = structure.maker.get(structure.origin(array))
    return allocated is not None and allocated.primitive == "alloc" and allocated.operands[0] is high
