"""Measure the tapes of a gradient: a function that computes their sizes instead of derivatives.

    f_grad(x, n) { x_tape = alloc n; ...; return y x_bar }    ->    f_tape(x, n) { return n * 8 }

Everything that the sizes do not need is dead and goes. A tape that is allocated anew in each trip of a loop counts
with its size in the last trip.
"""

from __future__ import annotations

from dataclasses import replace

from ..ir import types as ty
from ..ir.builder import Builder, constant, zero
from ..ir.core import Block, Function, Op, Value, loop_body, loop_slots


def measured_tapes(function: Function) -> tuple[Function, list[str]]:
    """The function that gives the bytes of each tape, and the tapes' names."""
    ops, sizes, names = measured(function.body)
    kept = tuple(op for op in ops if op.primitive != "reverse_sweep")
    body = Block(function.parameters, kept, tuple(sizes))
    return Function(f"{function.name.removesuffix('_grad')}_tape", body, function.hidden), names


def measured(block: Block) -> tuple[list[Op], list[Value], list[str]]:
    """The ops with the sizes of the tapes that they allocate, which become values of the block."""
    ops: list[Op] = []
    sizes: list[Value] = []
    names: list[str] = []
    final = last_versions(block)
    late: list[Value] = []
    for op in block.ops:
        if op.primitive == "alloc" and op.attributes.get("tape"):
            ops.append(op)
            late.append(final.get(op.result, op.result))
            names.append(op.result.name)
            sizes.append(late[-1])
        elif op.primitive in ("for", "while"):
            op, inner_sizes, inner_names = measured_loop(op)
            ops.append(op)
            sizes += inner_sizes
            names += inner_names
        else:
            ops.append(op)
    with Builder() as builder:
        sizes = [size_of(builder, v) if ty.is_array(v.type) else v for v in sizes]
    return ops + builder.ops, sizes, names


def measured_loop(op: Op) -> tuple[Op, list[Value], list[str]]:
    body = loop_body(op)
    ops, sizes, names = measured(body)
    if not names:
        return op, [], []
    parameters = [Value("", ty.int64) for _ in names]
    results = [Value("", ty.int64) for _ in names]
    with Builder() as builder:  # each trip may allocate one: the largest counts
        largest = [builder.emit("max", pair, ty.int64) for pair in zip(parameters, sizes, strict=True)]
    new_body = Block((*body.parameters, *parameters), (*ops, *builder.ops), (*body.results, *largest))
    regions: tuple[Block, ...] = (new_body,)
    if op.primitive == "while":
        held = op.regions[0]
        more = tuple(Value("", ty.int64) for _ in names)
        regions = (replace(held, parameters=(*held.parameters, *more)), new_body)
    operands = (*op.operands, *(zero(ty.int64) for _ in names))
    return replace(op, operands=operands, regions=regions, results=(*op.results, *results)), results, names


def size_of(builder: Builder, version: Value) -> Value:
    size = constant(ty.numpy_dtype(version.type).itemsize, ty.int64)
    for axis in range(version.type.ndim):
        length = builder.emit("shape", (version,), ty.int64, {"axis": axis})
        size = builder.emit("mul", (length, size), ty.int64)
    return size


def last_versions(block: Block) -> dict[Value, Value]:
    """For each array version, what it has become at the end of the block."""
    following: dict[Value, Value] = {}
    for op in block.ops:
        if op.primitive in ("store", "ensure"):
            following[op.operands[0]] = op.result
        elif op.primitive in ("for", "while"):
            following.update((i, r) for i, _, _, r in loop_slots(op) if ty.is_array(i.type))

    def last(version: Value) -> Value:
        while version in following:
            version = following[version]
        return version

    return {version: last(version) for version in following}
