"""Find arithmetic whose point is how it is rounded.

    t = s + y
    c = (t - s) - y        # zero in exact arithmetic, the rounding error in floating point

    d = a * e - b * c      # zero where the products are equal, if both are rounded

Sums may be reordered by the compiler (that is what lets it vectorise them), except in a function that does the first.
A product may be added to a sum before it is rounded, except in a function that does either.
"""

from __future__ import annotations

from ..ir import types as ty
from ..ir.core import Function, Op, Value
from ..ir.walk import ops_within


def is_compensated(function: Function) -> bool:
    """Whether a difference takes back what a sum has just added."""
    maker: dict[Value, Op] = {result: op for op in ops_within(function.body) for result in op.results}
    for op in ops_within(function.body):
        if op.primitive != "sub" or not ty.is_differentiable(op.result.type):
            continue
        for x, y in (op.operands, tuple(reversed(op.operands))):
            made = maker.get(x)
            if (
                made is not None
                and made.primitive in ("add", "sub")
                and y in made.operands
                and not y.is_constant
            ):
                return True
    return False


def cancels_products(function: Function) -> bool:
    """Whether two products are added or subtracted, other than squares; in a product of complex numbers they are."""
    maker: dict[Value, Op] = {result: op for op in ops_within(function.body) for result in op.results}

    def product(value: Value) -> Op | None:
        made = maker.get(value)
        if made is not None and made.primitive == "neg":
            made = maker.get(made.operands[0])
        return made if made is not None and made.primitive in ("mul", "square") else None

    def is_square(made: Op) -> bool:
        return made.primitive == "square" or made.operands[0] is made.operands[1]

    for op in ops_within(function.body):
        if any(ty.is_complex(ty.element(result.type)) for result in op.results):
            return True
        if op.primitive in ("add", "sub") and ty.is_differentiable(op.result.type):
            a, b = map(product, op.operands)
            if a is not None and b is not None:
                if op.primitive == "sub" or not (is_square(a) and is_square(b)):
                    return True
    return False
