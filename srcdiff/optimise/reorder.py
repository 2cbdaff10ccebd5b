"""Loops whose trips are independent run upwards.

    for i in range(n - 1, -1, -1):          for i in range(n):
        g = y_bar[i]                  ->        g = y_bar[i]
        x_bar[i] += g * c                       x_bar[i] += g * c

A trip is independent of the others if each array that the loop changes is only added to, or touched only at elements
that contain the loop's own index, and every number that it carries is a sum. (The index may be put together from the
number of the trip, if its step is certainly not zero. It must not be negative: -1 may be the element of another trip.)
Reads: structure, affine forms.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.affine import Affine, Linear
from ..analysis.structure import Structure, find_structure
from ..analysis.sums import accumulates
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Function, Op, Value, indices_of, is_number, leaves_early, loop_body, loop_slots
from ..ir.walk import defined_in, ops_within, uses_in
from .forms import emitted_with_shapes

IN_ORDER = (
    "opaque",
    "require",
    "raise",
    "ensure",
    "call",
)  # a call may take from a stack what another put there


def reorder_loops(function: Function) -> Function:
    return replace(function, body=reorder(function.body, Affine(find_structure(function.body))))


def reorder(block: Block, affine: Affine) -> Block:
    ops = []
    for op in block.ops:
        if op.regions:
            op = replace(op, regions=tuple(reorder(region, affine) for region in op.regions))
        if op.primitive == "for" and not leaves_early(op):
            counts_down = is_number(op.operands[2], -1)
            if (counts_down or op.attributes.get("descending")) and is_independent(op, affine):
                op = replace(op, attributes={**op.attributes, "descending": False})
                if counts_down:
                    low, high = (affine.form(v) + Linear((), 1) for v in op.operands[:2])
                    with Builder(op.location) as builder:
                        start, stop = (emitted_with_shapes(builder, form, affine) for form in (high, low))
                    ops += builder.ops
                    op = replace(op, operands=(start, stop, constant(1, ty.int64), *op.operands[3:]))
        ops.append(op)
    return replace(block, ops=tuple(ops))


def is_independent(op: Op, affine: Affine) -> bool:
    """Whether the trips of a loop may run in any order."""
    body = loop_body(op)
    if any(inner.primitive in IN_ORDER for inner in ops_within(body)):
        return False
    indices = [i for i in indices_in(op, affine.structure) if affine.is_never_negative(i)]
    return all(
        (ty.is_array(p.type) and any(own_elements(body, p, y, index) for index in indices))
        or accumulates(body, p, y)
        for _, p, y, _ in loop_slots(op)
    )


def indices_in(loop: Op, structure: Structure) -> list[Value]:
    """The index of a loop, what is at a fixed distance from it, and what it stands for where it is the number of the
    trip: `low + trip * step`."""
    body = loop_body(loop)
    index = body.parameters[0]
    inside = defined_in(body)
    divisor = divisor_of(loop.operands[1], structure)

    def others(op: Op, inner: set[Value]) -> list[Value]:
        """The operands beside one of `inner`."""
        a, b = op.operands
        return [y for x, y in ((a, b), (b, a)) if x in inner and y not in inside]

    def is_step(value: Value) -> bool:
        return value.constant != 0 if value.is_constant else value is divisor

    away = {op.result for op in body.ops if op.primitive == "mul" and any(map(is_step, others(op, {index})))}
    return [index, *(op.result for op in body.ops if op.primitive == "add" and others(op, {index, *away}))]


def divisor_of(count: Value, structure: Structure) -> Value | None:
    """The step of the range that has so many elements (`ir/trips.py`): it was divided by, so it is not zero."""
    made = structure.maker.get(count)
    if made is not None and made.primitive == "max":
        made = next((op for v in made.operands if (op := structure.maker.get(v)) is not None), None)
    return made.operands[1] if made is not None and made.primitive == "floordiv" else None


def own_elements(body: Block, start: Value, end: Value, index: Value) -> bool:
    """Whether every access to an array has the loop's index among its indices, always at the same axis."""
    versions = {start}
    axes: list[set[int]] = []

    def visit(block: Block) -> bool:
        for op in block.ops:
            touched = [v for v in op.operands if v in versions]
            if op.primitive == "for":
                slots = [slot for slot in loop_slots(op) if slot[0] in versions]
                versions.update(v for _, parameter, _, result in slots for v in (parameter, result))
                if len(slots) != len(touched) or not all(map(visit, op.regions)):
                    return False
                if any(yielded not in versions for _, _, yielded, _ in slots):
                    return False
            elif op.regions:
                if touched or any(v in versions for region in op.regions for v in uses_in(region)):
                    return False
            elif touched:
                accesses = op.primitive in ("load", "store", "accum") and op.operands[0] in versions
                if not accesses or len(touched) != 1:
                    return False
                axes.append({axis for axis, i in enumerate(indices_of(op)) if i is index})
                versions.update(op.results if op.primitive != "load" else ())
        return True

    return visit(body) and end in versions and bool(axes) and bool(set.intersection(*axes))
