"""Loops whose trips are independent run upwards, and clear nothing that nobody reads again.

    for i in range(n - 1, -1, -1):          for i in range(n):
        g = y_bar[i]                  ->        g = y_bar[i]
        y_bar[i] = 0.0                          x_bar[i] += g * c
        x_bar[i] += g * c

A trip is independent of the others if each array that the loop changes is only added to, or touched only at elements
that contain the loop's own index, and every number that it carries is a sum. An array whose content is not needed
behind the loop need not be stored into there, if no other trip reads what is stored. Reads: structure.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.core import Block, Function, Op, Value, loop_body, loop_slots
from ..ir.walk import ops_within, uses_in
from .fuse import accumulates


def reorder_loops(function: Function) -> Function:
    used = set(uses_in(function.body))
    structure = find_structure(function.body)
    for version in structure.home:
        made = structure.maker.get(structure.origin(version))
        if made is not None and made.attributes.get("work"):
            used.add(version)  # the next trip expects the zeros that this one leaves
    return replace(function, body=reorder(function.body, used))


def reorder(block: Block, used: set[Value]) -> Block:
    ops = []
    for op in block.ops:
        if op.regions:
            op = replace(op, regions=tuple(reorder(region, used) for region in op.regions))
        if op.primitive == "for" and op.attributes.get("descending"):
            op = relaxed(op, used)
        ops.append(op)
    return replace(block, ops=tuple(ops))


def relaxed(op: Op, used: set[Value]) -> Op:
    """The loop upwards, if its trips are independent, and without stores that nothing reads."""
    body = loop_body(op)
    index = body.parameters[0]
    slots = loop_slots(op)
    own = {p: own_elements(body, p, y, index) for _, p, y, _ in slots if ty.is_array(p.type)}
    dropped: dict[Value, Value] = {}
    for _, parameter, yielded, result in slots:
        if own.get(parameter) and result not in used and stores_plainly(body, parameter, yielded):
            dropped[yielded] = parameter
    if dropped:
        results = tuple(dropped.get(v, v) for v in body.results)
        kept = tuple(inner for inner in body.ops if not stores_for(inner, dropped))
        body = replace(body, ops=kept, results=results)
        op = replace(op, regions=(body,))
    free = all(own.get(p) or accumulates(body, p, y) for _, p, y, _ in slots)
    if free and not any(
        inner.primitive in ("opaque", "require", "raise", "ensure") for inner in ops_within(body)
    ):
        op = replace(op, attributes={**op.attributes, "descending": False})
    return op


def own_elements(body: Block, start: Value, end: Value, index: Value) -> bool:
    """Whether every access to an array has the loop's index among its indices, always at the same axis."""
    versions = {start}
    axes: set[int] | None = None
    for op in body.ops:
        touched = [v for v in op.operands if v in versions]
        if op.regions:
            if any(v in versions for region in op.regions for v in uses_in(region)) or touched:
                return False
            continue
        if not touched:
            continue
        if (
            op.primitive not in ("load", "store", "accum")
            or op.operands[0] not in versions
            or len(touched) != 1
        ):
            return False
        where = op.operands[1:] if op.primitive == "load" else op.operands[1:-1]
        here = {axis for axis, i in enumerate(where) if i is index}
        axes = here if axes is None else axes & here
        versions.update(op.results if op.primitive != "load" else ())
    return bool(axes) and end in versions


def stores_for(op: Op, dropped: dict[Value, Value]) -> bool:
    """Whether an op only makes a version that is not wanted."""
    return op.primitive in ("store", "accum") and op.result in dropped


def stores_plainly(body: Block, start: Value, end: Value) -> bool:
    """Whether an array is only read as it is at the start of a trip, then stored into."""
    later = {op.result for op in body.ops if op.primitive in ("store", "accum")}
    return end in later and not any(op.primitive == "load" and op.operands[0] in later for op in body.ops)
