"""Multiply a cotangent that is summed in a loop once, not in every trip.

    w_bar = 0.0                          w_bar = 0.0
    for i in range(n):                   for i in range(n):
        w_bar += g[i] * c         ->         w_bar += g[i]
                                         w_bar = 0.0 if w_bar == 0.0 else w_bar * c

`c` is the same in every trip of the loop and of those inside it that the sum goes through. The guard is there for
loops without a trip, in which `c` may be anything. What the user sums is left alone. Reads: nothing.
"""

from __future__ import annotations

from dataclasses import replace

from ..ir import types as ty
from ..ir.builder import Builder, zero
from ..ir.core import Block, Function, Op, Value, loop_body, loop_slots
from ..ir.walk import defined_in, exchanged, ops_within, uses_in
from ..primitives.arithmetic import select


def factor_sums(function: Function) -> Function:
    uses: dict[Value, int] = {}
    for value in uses_in(function.body):
        uses[value] = uses.get(value, 0) + 1
    maker = {result: op for op in ops_within(function.body) for result in op.results}
    return replace(function, body=Sums(uses, maker).block(function.body))


class Sums:
    def __init__(self, uses: dict[Value, int], maker: dict[Value, Op]) -> None:
        self.uses, self.maker = uses, maker

    def block(self, block: Block) -> Block:
        with Builder() as builder:
            for op in block.ops:
                if op.primitive == "for":
                    self.loop(builder, op)
                elif op.regions:
                    builder.append(replace(op, regions=tuple(self.block(region) for region in op.regions)))
                else:
                    builder.append(op)
        return replace(block, ops=tuple(builder.ops))

    def loop(self, builder: Builder, op: Op) -> None:
        """Emit a loop, its sums without what multiplies all their terms, and the products behind it."""
        inside = defined_in(loop_body(op))
        shorter: dict[Op, list[Op]] = {}
        factors: dict[Value, list[Value]] = {}
        for initial, parameter, yielded, result in loop_slots(op):
            if not (initial.is_constant and initial.constant == 0 and ty.is_float(result.type)):
                continue
            addition = self.addition(op, parameter, yielded) if parameter.name.endswith("_bar") else None
            if addition is None:
                continue
            held, term = addition.operands
            found, rest = self.factored(term, inside)
            if found and rest.type == result.type and all(factor.type == result.type for factor in found):
                shorter[addition] = [replace(addition, operands=(held, rest))]
                factors[result] = found
        sums = {result: Value(result.name, result.type) for result in factors}
        body = self.block(exchanged(loop_body(op), shorter))
        builder.append(replace(op, regions=(body,), results=tuple(sums.get(r, r) for r in op.results)))
        for result, (first, *others) in factors.items():
            factor = first
            for other in others:
                factor = factor * other
            total = sums[result]
            product = total * factor
            if not factor.is_constant:
                product = select(builder.compare("eq", total, zero(total.type)), 0.0, product)
            builder.append(replace(builder.ops.pop(), results=(result,)))

    def addition(self, loop: Op, parameter: Value, yielded: Value) -> Op | None:
        """The one addition that makes what a loop yields of what it carries, maybe in a loop inside."""
        if self.uses.get(parameter) != 1 or self.uses.get(yielded) != 1:
            return None
        made = self.maker.get(yielded)
        if made is None or made not in loop_body(loop).ops:
            return None
        if made.primitive in ("add", "sub") and made.operands[0] is parameter:
            return made
        if made.primitive == "for":
            for initial, inner, inner_yielded, result in loop_slots(made):
                if initial is parameter and result is yielded:
                    return self.addition(made, inner, inner_yielded)
        return None

    def factored(self, term: Value, inside: set[Value]) -> tuple[list[Value], Value]:
        """The factors of a product that are not made inside a loop, and the rest of it."""
        made = self.maker.get(term)
        if made is None or made.primitive != "mul" or self.uses.get(term) != 1 or term not in inside:
            return [], term
        a, b = made.operands
        if b not in inside:
            found, rest = self.factored(a, inside)
            return [*found, b], rest
        if a not in inside:
            found, rest = self.factored(b, inside)
            return [a, *found], rest
        return [], term


__all__ = ["factor_sums"]
