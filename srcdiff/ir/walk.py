"""Walking and rewriting IR: every op, free values, substitution."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from .core import Block, Op, Value


def ops_within(block: Block) -> Iterator[Op]:
    """Every op of a block, those inside regions after the op that holds them."""
    for op in block.ops:
        yield op
        for region in op.regions:
            yield from ops_within(region)


def ops_of(op: Op) -> Iterator[Op]:
    """An op, and every op inside its regions."""
    yield op
    for region in op.regions:
        yield from ops_within(region)


def defined_in(block: Block) -> set[Value]:
    """Everything a block defines, parameters and nested regions included."""
    found = set(block.parameters)
    for op in block.ops:
        found.update(op.results)
        for region in op.regions:
            found |= defined_in(region)
    return found


def uses_in(block: Block) -> Iterator[Value]:
    """Every use of a value in a block, its results included, constants left out."""
    for op in ops_within(block):
        for value in op.operands:
            if not value.is_constant:
                yield value
        for region in op.regions:
            yield from (value for value in region.results if not value.is_constant)
    yield from (value for value in block.results if not value.is_constant)


def free_values(block: Block) -> list[Value]:
    """What a block reads from outside itself, in the order of first use."""
    inside = defined_in(block)
    return list(dict.fromkeys(value for value in uses_in(block) if value not in inside))


def free_values_of(op: Op) -> list[Value]:
    """What an op reads, directly or in its regions, from outside itself."""
    found = dict.fromkeys(value for value in op.operands if not value.is_constant)
    for region in op.regions:
        found.update(dict.fromkeys(free_values(region)))
    return list(found)


def same(a: Sequence[object], b: Sequence[object]) -> bool:
    """Whether two sequences hold the very same things."""
    return len(a) == len(b) and all(map(operator.is_, a, b))


def shared(
    block: Block, parameters: tuple[Value, ...], ops: tuple[Op, ...], results: tuple[Value, ...]
) -> Block:
    """The block with these parts; the very same one where they are its own."""
    parts = (*parameters, *ops, *results)
    unchanged = len(parameters) == len(block.parameters) and len(ops) == len(block.ops)
    if unchanged and same(parts, (*block.parameters, *block.ops, *block.results)):
        return block
    return Block(parameters, ops, results)


def alike(a: Block, b: Block) -> bool:
    """Whether two blocks are the same program with the very same values, one perhaps built anew."""
    return a is b or (
        same(a.parameters, b.parameters)
        and len(a.ops) == len(b.ops)
        and alike_values(a.results, b.results)
        and all(x is y or alike_ops(x, y) for x, y in zip(a.ops, b.ops, strict=True))
    )


def alike_ops(a: Op, b: Op) -> bool:
    return (
        a.primitive == b.primitive
        and same(a.results, b.results)
        and alike_values(a.operands, b.operands)
        and a.attributes == b.attributes
        and a.location == b.location
        and len(a.regions) == len(b.regions)
        and all(map(alike, a.regions, b.regions))
    )


def alike_values(a: Sequence[Value], b: Sequence[Value]) -> bool:
    return len(a) == len(b) and all(
        x is y or (x.is_constant and y.is_constant and x.type == y.type and repr(x) == repr(y))
        for x, y in zip(a, b, strict=True)
    )


def substitute(block: Block, mapping: Mapping[Value, Value]) -> Block:
    """The block with uses (not definitions) replaced; subtrees without such a use are shared."""
    if not mapping:
        return block
    ops = tuple(substitute_in(op, mapping) for op in block.ops)
    results = tuple(mapping.get(value, value) for value in block.results)
    if results == block.results and all(a is b for a, b in zip(ops, block.ops, strict=True)):
        return block
    return replace(block, ops=ops, results=results)


def substitute_in(op: Op, mapping: Mapping[Value, Value]) -> Op:
    operands = tuple(mapping.get(value, value) for value in op.operands)
    regions = tuple(substitute(region, mapping) for region in op.regions)
    if operands == op.operands and all(a is b for a, b in zip(regions, op.regions, strict=True)):
        return op
    return replace(op, operands=operands, regions=regions)


def exchanged(block: Block, new: Mapping[Op, Sequence[Op]]) -> Block:
    """The block with some of its ops, also those inside regions, exchanged for others; other subtrees are shared."""
    ops: list[Op] = []
    for op in block.ops:
        if op in new:
            ops += new[op]
            continue
        regions = tuple(exchanged(region, new) for region in op.regions)
        same = all(a is b for a, b in zip(regions, op.regions, strict=True))
        ops.append(op if same else replace(op, regions=regions))
    same = len(ops) == len(block.ops) and all(a is b for a, b in zip(ops, block.ops, strict=True))
    return block if same else replace(block, ops=tuple(ops))


def rename(block: Block, mapping: dict[Value, Value]) -> Block:
    """A copy of the block with fresh definitions throughout; `mapping` is extended with them."""

    def fresh(value: Value) -> Value:
        mapping[value] = Value(value.name, value.type)
        return mapping[value]

    parameters = tuple(fresh(value) for value in block.parameters)
    ops = tuple(rename_op(op, mapping) for op in block.ops)
    return Block(parameters, ops, tuple(mapping.get(value, value) for value in block.results))


def rename_op(op: Op, mapping: dict[Value, Value]) -> Op:
    """A copy of the op with fresh results; `mapping` is extended with them."""
    operands = tuple(mapping.get(value, value) for value in op.operands)
    regions = tuple(rename(region, mapping) for region in op.regions)
    results = tuple(Value(value.name, value.type) for value in op.results)
    mapping.update(zip(op.results, results, strict=True))
    return replace(op, operands=operands, regions=regions, results=results)
