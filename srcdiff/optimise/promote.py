"""Keep an element that a loop adds to in a number while the loop runs.

    for r in range(n):                     total = 0.0
        x_bar[j] += g[r] * c[r]     ->     for r in range(n):
                                               total += g[r] * c[r]
                                           if total != 0.0:
                                               x_bar[j] += total

The index must be the same in every trip and the array must not be touched otherwise in the loop. The guard is there
for loops without a trip: the element need not exist then. Reads: nothing.
"""

from __future__ import annotations

from dataclasses import replace

from ..ir import types as ty
from ..ir.builder import Builder, zero
from ..ir.core import Block, Function, Op, Value, leaves_early, loop_body, loop_slots
from ..ir.walk import free_values_of


def promote_sums(function: Function) -> Function:
    return replace(function, body=promote(function.body))


def promote(block: Block) -> Block:
    with Builder() as builder:
        for op in block.ops:
            if op.regions:
                op = replace(op, regions=tuple(promote(region) for region in op.regions))
            if op.primitive == "for" and not leaves_early(op):
                loop(builder, op)
            else:
                builder.append(op)
    return replace(block, ops=tuple(builder.ops))


def loop(builder: Builder, op: Op) -> None:
    """Emit a loop with the sums that it can keep in numbers."""
    body = loop_body(op)
    inside = set(body.parameters) | {v for inner in body.ops for v in inner.results}
    operands, parameters, yields, results = (
        list(op.operands[:3]),
        [body.parameters[0]],
        [],
        [],
    )
    updates = {}
    behind: list[tuple[Value, tuple[Value, ...], Value, Value, Value]] = []
    for initial, parameter, yielded, result in loop_slots(op):
        update = only_update(body, parameter, yielded) if ty.is_array(parameter.type) else None
        if update is None or any(i in inside for i in update.operands[1:-1]):
            operands.append(initial)
            parameters.append(parameter)
            yields.append(yielded)
            results.append(result)
            continue
        type = parameter.type.dtype
        total, held, left = (Value("total", type) for _ in range(3))
        operands.append(zero(type))
        parameters.append(held)
        yields.append(total)
        results.append(left)
        updates[update] = (held, total)
        behind.append((initial, update.operands[1:-1], left, result, held))
    if not updates:
        builder.append(op)
        return
    ops = []
    for inner in body.ops:
        if inner in updates:
            held, total = updates[inner]
            inner = Op("add", (held, inner.operands[-1]), (total,), (), {}, inner.location)
        ops.append(inner)
    new_body = Block(tuple(parameters), tuple(ops), tuple(yields))
    builder.append(replace(op, operands=tuple(operands), regions=(new_body,), results=tuple(results)))
    for array, where, left, result, _ in behind:
        condition = builder.emit("ne", (left, zero(left.type)), ty.boolean)
        with Builder(op.location) as then:
            added = then.emit("accum", (array, *where, left), result.type, name=result.name)
        regions = (then.block((), (added,)), Block((), (), (array,)))
        builder.region("if", (condition,), regions, (result,))


def only_update(body: Block, start: Value, end: Value) -> Op | None:
    """The one addition that a body makes to an array it does not touch otherwise."""
    users = [op for op in body.ops if start in free_values_of(op)]
    if len(users) != 1 or users[0].primitive != "accum" or users[0].operands[0] is not start:
        return None
    update = users[0]
    if update.result is not end or any(end in free_values_of(op) for op in body.ops):
        return None
    return update
