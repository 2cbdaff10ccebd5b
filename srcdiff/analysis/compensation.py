"""Find compensated arithmetic, whose point is the order of its roundings.

    t = s + y
    c = (t - s) - y        # zero in exact arithmetic, the rounding error in floating point

Sums may be reordered by the compiler (that is what lets it vectorise them), except in a function that does this.
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
