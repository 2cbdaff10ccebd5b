"""Find arithmetic whose point is how it is rounded.

    t = s + y
    c = (t - s) - y        # zero in exact arithmetic, the rounding error in floating point

    d = a * e - b * c      # zero where the products are equal, if both are rounded
    r = sqrt(a * a - b)    # zero where b is a * a, rounded; the root of less than that is NaN

Sums may be reordered by the compiler (that is what lets it vectorise them), except in a function that does the first.
A product may be added to a sum before it is rounded, except in a function that does either.
"""

from __future__ import annotations

from ..ir import types as ty
from ..ir.core import Function, Op, Value
from ..ir.walk import ops_within
from .structure import find_structure


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
    """Whether two products are added or subtracted, other than squares, as in a product of complex numbers, or the root
    is taken of a difference of one.

    An element that a product was stored or added into is one: the compiler sees through memory.
    """
    ops = list(ops_within(function.body))
    if any(ty.is_complex(ty.element(result.type)) for op in ops for result in op.results):
        return True
    structure = find_structure(function.body)
    holding: set[Value] = set()  # memory with products in it

    def is_product(value: Value) -> bool:
        made = structure.maker.get(value)
        if made is None or value not in made.results:
            return False
        match made.primitive:
            case "mul" | "square":
                return True
            case "neg" | "cast":
                return is_product(made.operands[0])
            case "add" | "sub":
                return any(x.is_constant and x.constant == 0 for x in made.operands) and any(
                    map(is_product, made.operands)
                )
            case "load":
                return structure.storage(made.operands[0]) in holding
        return False

    written = [op for op in ops if op.primitive in ("store", "accum")]
    known = -1
    while known < len(holding):
        known = len(holding)
        holding |= {structure.storage(op.result) for op in written if is_product(op.operands[-1])}
    stored = {structure.storage(op.result) for op in written if op.primitive == "store"} & holding

    def is_square(value: Value) -> bool:
        made = structure.maker[value]
        return made.primitive == "square" or (
            made.primitive == "mul" and made.operands[0] is made.operands[1]
        )

    def cancels(op: Op) -> bool:
        if op.primitive == "accum":
            return structure.storage(op.result) in stored and is_product(op.operands[-1])
        if op.primitive == "sqrt":  # of what is zero, or below it, as the product is rounded
            made = structure.maker.get(op.operands[0])
            return made is not None and made.primitive == "sub" and any(map(is_product, made.operands))
        if op.primitive not in ("add", "sub") or not all(map(is_product, op.operands)):
            return False
        return op.primitive == "sub" or not all(map(is_square, op.operands))

    return any(map(cancels, ops))
