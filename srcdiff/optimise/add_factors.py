"""Add what two products multiply by the same matrix, then multiply once.

    x_bar = x @ w_bar.T                  t = w_bar.T + w_bar
    x_bar += x @ w_bar            ->     x_bar = x @ t

The adjoint of `x.T @ x` owes two products to `x`. What the user adds is left alone. Reads: structure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..analysis.structure import Structure, find_structure
from ..ir.builder import Builder
from ..ir.core import Block, Function, Op, written_in_place
from ..ir.walk import exchanged, ops_of, ops_within, substitute, uses_in
from ..primitives.arrays import Elements, Held, materialised


@dataclass(frozen=True)
class Pair:
    """Two products that are added one after the other; `side` is where what differs stands.

    `before` is the addition of the first one, if it is added to anything.
    """

    first: Op
    second: Op
    before: Op | None
    addition: Op
    side: int


def add_factors(function: Function) -> Function:
    while True:
        structure = find_structure(function.body)
        blocks = (function.body, *(region for op in ops_within(function.body) for region in op.regions))
        pair = next((pair for block in blocks for pair in pairs(block, function, structure)), None)
        if pair is None:
            return function
        function = replace(function, body=multiplied_once(function.body, pair, structure))


def pairs(block: Block, function: Function, structure: Structure) -> Iterator[Pair]:
    """The products of a block that share a factor, and are added to nothing or to the same array in a row."""
    made = {op.result: op for op in block.ops if op.primitive == "matmul"}
    added = {op.result: op for op in block.ops if op.primitive == "accumulate_array"}
    if len(made) < 2 or not added:
        return
    uses = list(uses_in(function.body))
    for op in added.values():
        held, term = op.operands
        before = added.get(held)
        other = held if before is None else before.operands[1]
        if other not in made or term not in made or any(uses.count(v) != 1 for v in (held, other, term)):
            continue
        first, second = made[other], made[term]
        if other.type != term.type or held.type.dtype != term.type.dtype:
            continue
        for side in (0, 1):
            if same_factor(first, second, 1 - side) and is_still(block, first, second, side, structure):
                yield Pair(first, second, before, op, side)
                break


def factor(op: Op, side: int) -> Held:
    return Held(op.operands[side], str(side) in op.attributes.get("transposed", ""))


def same_factor(a: Op, b: Op, side: int) -> bool:
    one, other = factor(a, side), factor(b, side)
    return one.value is other.value and one.flipped == other.flipped


def is_still(block: Block, first: Op, second: Op, side: int, structure: Structure) -> bool:
    """Whether nothing is stored into what the first product multiplies before the second one is made."""
    storage = structure.storage(first.operands[side])
    between = block.ops[block.ops.index(first) : block.ops.index(second)]
    return not any(
        structure.storage(version) is storage
        for op in between
        for inner in ops_of(op)
        for version, _ in written_in_place(inner)
    )


def multiplied_once(body: Block, pair: Pair, structure: Structure) -> Block:
    """The body with one product in place of two and their addition."""
    first, second = factor(pair.first, pair.side), factor(pair.second, pair.side)
    swapped = second.flipped != first.flipped
    is_symmetric = swapped and first.value is second.value
    with Builder(pair.first.location) as builder:
        terms = Held(first.value), Held(second.value, swapped)
        lengths = Held(structure.origin(first.value)).lengths
        total = materialised(Elements(lengths, lambda at: terms[0].at(at) + terms[1].at(at)))
        added = Held(total, first.flipped and not is_symmetric)
        known = factor(pair.second, 1 - pair.side)
        product = (known @ added if pair.side else added @ known).held().value
    instead: dict[Op, list[Op]] = {pair.first: [], pair.second: builder.ops, pair.addition: []}
    if pair.before is None:
        return substitute(exchanged(body, instead), {pair.addition.result: product})
    instead[pair.before] = []
    instead[pair.addition] = [replace(pair.addition, operands=(pair.before.operands[0], product))]
    return exchanged(body, instead)


__all__ = ["add_factors"]
