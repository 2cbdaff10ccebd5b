"""Where the tangents of values may differ from zero, whatever the tangents of the parameters are.

    y = abs x                    # the tangent of `y` is zero but where `x > 0 or x < 0`
    z = sqrt y          ->       z_dot = select (x > 0 or x < 0) (mul y_dot (div 0.5 z)) 0
                                 # not mul y_dot (div 0.5 z): at zero that is 0 * inf, where the adjoint owes 0

The counterpart of `masks.py` for the other mode. A condition is computed only where something may be infinite.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.core import Block, Op, Value, is_number
from ..ir.operators import current_builder
from .masks import Masks, as_condition, joint, selected

Support = Value | bool  # the condition, or whether that is always or never so
LINEAR = ("mul", "div", "neg", "cast")  # zero where the first operand is, `mul` also where the second is


class Supports:
    """The supports of the tangents of a program that is being written.

    Attributes
    ----------
    masks : knows which values may be infinite.
    known : for primal values the condition outside which their tangents are zero.
    """

    def __init__(self, body: Block) -> None:
        self.masks = Masks(body)
        self.known: dict[Value, Value] = {}

    def put(self, value: Value, supports: Sequence[Support]) -> None:
        """Say of a value that its tangent is the sum of terms with these supports."""
        found: Support = False
        for support in supports:
            found = union(found, support)
        if isinstance(found, Value):
            self.known[value] = found

    def within(self, operand: Value, term: Value, start: int) -> Value:
        """A term of a tangent that was computed from that of an operand by the ops from number `start` on."""
        support = self.known.get(operand)
        if support is None or not any(map(self.masks.may_be_infinite, current_builder().ops[start:])):
            return term
        return selected(support, True, term)

    def of(self, term: Value, direction: Value, operand: Value, start: int) -> Support:
        """Where a term differs from zero that was computed so from `direction`, the tangent of an operand."""
        if not self.masks.dear:
            return True
        made = {op.results[0]: op for op in current_builder().ops[start:] if op.results}

        def support(value: Value) -> Support:
            if is_number(value, 0):
                return False
            if value is direction:
                return self.known.get(operand, True)
            op = made.get(value)
            if op is None:
                return True
            if op.primitive == "select" and not op.attributes.get("guard"):
                condition, *arms = op.operands
                then, otherwise = map(support, arms)
                if then is True:
                    return union(condition, otherwise)
                if otherwise is True:
                    return union(as_condition(condition, False), then)
                return union(
                    intersection(condition, then), intersection(as_condition(condition, False), otherwise)
                )
            if op.primitive in LINEAR:
                factors = op.operands if op.primitive == "mul" else op.operands[:1]
                return next((s for s in map(support, factors) if s is not True), True)
            return True

        return support(term)

    def joined(self, op: Op, k: int, tangents: tuple[Value, Value]) -> None:
        """Say of result `k` of an `if` that its tangent is zero where one arm gives zero."""
        for holds, (here, there) in ((True, tangents), (False, tangents[::-1])):
            if self.masks.dear and is_number(there, 0) and not is_number(here, 0):
                self.known[op.results[k]] = as_condition(op.operands[0], holds)


def union(a: Support, b: Support) -> Support:
    return decided("or", True, a, b)


def intersection(a: Support, b: Support) -> Support:
    return decided("and", False, a, b)


def decided(primitive: str, absorbing: bool, a: Support, b: Support) -> Support:
    """Two supports as one, of which either decides alone where it is `absorbing`."""
    if a is absorbing or b is absorbing:
        return absorbing
    if isinstance(a, bool) or isinstance(b, bool):
        return b if isinstance(a, bool) else a
    return a if a is b else joint(primitive, a, b)


__all__ = ["Supports"]
