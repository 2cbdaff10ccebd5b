"""Walking and rewriting IR: every op, free values, substitution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from .core import Block, Op, Value


def ops_within(block: Block) -> Iterator[Op]:
    """Every op of a block, those inside regions after the op that holds them."""
    for op in block.ops:
        yield op
        for region in op.regions:
            yield from ops_within(region)


def with_inner(op: Op) -> Iterator[Op]:
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
