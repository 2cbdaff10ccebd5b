"""The adjoints of primitives on whole arrays.

    z = matmul x w                 w_bar = matmul transposed='0' x z_bar        # w_bar = x.T @ z_bar
    ...                     ->     x_bar = matmul transposed='1' z_bar w        # x_bar = z_bar @ w.T

A rule gives an array that nobody else holds, which becomes the cotangent of its operand, or is added to it. What is
made of elements is added in a loop, without an array in between.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Op, Value
from ..ir.operators import current_builder
from ..ir.types import Type
from ..ir.walk import substitute_in
from ..primitives.arrays import ARRAYS, Expression, Held, Product, added, materialised, sharing
from .cotangents import Cotangents

if TYPE_CHECKING:
    from .reverse import Reverser


def reverse_array(reverser: Reverser, op: Op, owed: Cotangents) -> None:
    """Reverse an op whose row is in the table of primitives on whole arrays."""
    row, builder = ARRAYS[op.primitive], current_builder()
    start = len(builder.ops)
    transposed = op.attributes.get("transposed", "")
    seen = [Held(x, str(k) in transposed) for k, x in enumerate(op.operands)]
    cotangents = [Held(owed.pop(r)) if r in owed else None for r in op.results]
    results = [Held(r) for r in op.results]
    g, ans = (cotangents, results) if len(results) > 1 else (cotangents[0], results[0])
    terms: list[tuple[Value, Expression]] = []
    with sharing():
        for operand, as_seen, rule in zip(op.operands, seen, row.rules, strict=True):
            if operand in reverser.active and rule is not None:
                term = rule(g, ans, *seen)
                if term is not None:
                    terms.append((operand, term.T if as_seen.flipped else term))
        # Where both terms go to one array, the second must not read what the first is being added to.
        twice = len({operand for operand, _ in terms}) < len(terms)
        terms = [(x, term.held() if twice or isinstance(term, Product) else term) for x, term in terms]
    fresh = {value for made in builder.ops[start:] for value in made.results}
    names: dict[Value, Value] = {}
    for operand, term in terms:
        held = owed.get(operand)
        if held is not None and not isinstance(term, Held):
            owed[operand] = added(held, term)
            continue
        own = owned(term, operand.type.dtype, fresh)
        if held is None and operand.name and not own.name:
            names[own] = Value(f"{operand.name}_bar", own.type)
        reverser.owe(owed, operand, own)
    rename_since(builder, start, names)
    owed.update({operand: names[value] for operand, value in owed.items() if value in names})


def owned(term: Expression, dtype: Type, fresh: set[Value]) -> Value:
    """The term as an array in C order that belongs to one cotangent alone."""
    fits = isinstance(term, Held) and term.value.type == ty.array(dtype, term.ndim)
    if not isinstance(term, Held) or term.flipped or not fits:
        return materialised(term, dtype)
    if term.value in fresh:
        fresh.remove(term.value)
        return term.value
    return current_builder().emit("copy", (term.value,), term.value.type)


def rename_since(builder: Builder, start: int, names: dict[Value, Value]) -> None:
    """Give other names to values that were defined since the builder had `start` ops."""
    for k in range(start, len(builder.ops)):
        op = substitute_in(builder.ops[k], names)
        builder.ops[k] = replace(op, results=tuple(names.get(r, r) for r in op.results))
