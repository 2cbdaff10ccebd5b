"""Print values as expressions: with parentheses where the text needs them, and nowhere else.

    add (mul a b) 1.0      ->    a * b + 1.0
    mul a (add b 1.0)      ->    a * (b + 1.0)

The text of a value comes with how tightly it binds; what is around it says how tightly it must.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..ir import types as ty
from ..ir.core import Op, Value
from ..primitives import ARRAYS, REGISTRY
from .literals import ATOM, COMPARE, LOWEST, SUM, caster, literal
from .names import Variables


def bound(printed: tuple[str, int], above: int) -> str:
    """A text, in parentheses where it binds less than what is around it."""
    text, precedence = printed
    return text if precedence >= above else f"({text})"


class ExpressionPrinter:
    """Prints operands: constants, variables, and the ops that are put where they are used."""

    def __init__(self, inlined: dict[Value, Op], variables: Variables) -> None:
        self.inlined, self.variables = inlined, variables

    def text(self, value: Value, above: int = LOWEST) -> str:
        """An operand, in parentheses where it binds less than what is around it."""
        return bound(self.operand(value), above)

    def operand(self, value: Value) -> tuple[str, int]:
        if value.is_constant:
            return literal(value)
        if value in self.inlined:
            return self.expression(self.inlined[value])
        return self.variables.of(value), ATOM

    def expression(self, op: Op) -> tuple[str, int]:
        match op.primitive:
            case "load":
                array, *where = op.operands
                return f"{self.text(array, ATOM)}[{self.index(where)}]", ATOM
            case "shape":
                return f"{self.text(op.operands[0], ATOM)}.shape[{op.attributes['axis']}]", ATOM
            case "cast":
                return f"{caster(op.result.type, op.operands[0].type)}({self.text(op.operands[0])})", ATOM
            case "unstack":
                function = "np.array" if len(op.results) == 1 else "unstacked"
                return f"{function}({self.text(op.operands[0])})", ATOM
            case "restack":
                many = len(op.operands) > 1
                function = f"restacked{op.result.type.dtype.ndim}" if many else "list"
                return f"{function}({', '.join(map(self.text, op.operands))})", ATOM
            case "call":
                return f"{op.attributes['name']}({', '.join(map(self.text, op.operands))})", ATOM
            case "stop_gradient":
                return self.operand(op.operands[0])
            case "if":
                return self.conditional(op)
            case "select":
                return self.ternary(*op.operands)
            case "numpy":
                bounds = (*op.attributes["above"], *(LOWEST for _ in op.operands))
                texts = [self.text(x, bound) for x, bound in zip(op.operands, bounds, strict=False)]
                return op.attributes["text"].format(*texts), op.attributes["precedence"]
            case _:
                pass
        if op.primitive in ARRAYS:
            return self.whole(op)
        row = REGISTRY[op.primitive]
        text = row.text_of(*(x.type for x in op.operands))
        if row.precedence == ATOM:
            above = ATOM if text.startswith("{}") else LOWEST
            return text.format(*(self.text(x, above) for x in op.operands)), ATOM
        own = row.precedence
        if len(op.operands) == 1:
            (x,) = op.operands
            if op.primitive == "neg" and self.is_minus(x):
                return self.without_minus(x)
            return row.text.format(self.text(x, own)), own
        left, right = op.operands
        if op.primitive == "pow":
            return row.text.format(self.text(left, own + 1), self.text(right, own)), own
        if op.primitive in ("add", "sub") and self.is_minus(right):
            sign = "-" if op.primitive == "add" else "+"
            return f"{self.text(left, own)} {sign} {bound(self.without_minus(right), own + 1)}", own
        # `a - (b - c)` and `a * (b * c)` keep their parentheses: rounding depends on the order.
        above_left = own + 1 if own == COMPARE else own
        return row.text.format(self.text(left, above_left), self.text(right, own + 1)), own

    def is_minus(self, value: Value) -> bool:
        """Whether what is added is a product whose first factor has a sign: `a + -b * c` is `a - b * c`."""
        made = self.inlined.get(value)
        if made is None or not (ty.is_float(value.type) or ty.is_complex(value.type)):
            return False
        if made.primitive == "neg":
            return True
        return made.primitive in ("mul", "div") and self.is_minus(made.operands[0])

    def without_minus(self, value: Value) -> tuple[str, int]:
        """What `is_minus` finds, without the sign."""
        made = self.inlined[value]
        if made.primitive == "neg":
            return self.operand(made.operands[0])
        row = REGISTRY[made.primitive]
        own = row.precedence
        first, second = made.operands
        return row.text.format(bound(self.without_minus(first), own), self.text(second, own + 1)), own

    def whole(self, op: Op) -> tuple[str, int]:
        """An operation on whole arrays."""
        row = ARRAYS[op.primitive]
        texts = []
        for k, x in enumerate(op.operands):
            flipped = str(k) in op.attributes.get("transposed", "")
            if flipped and x.type.ndim > 2:  # Numba reads a stack that is transposed in no order of its own
                texts.append(self.text(x))
                row = replace(row, text=f"{row.text[:-1]}, transpose_{'ab'[k]}=True)")
                continue
            above = LOWEST if row.precedence == ATOM else row.precedence + (k > 0)
            texts.append(f"{self.text(x, ATOM)}.T" if flipped else self.text(x, above))
        return row.text.format(*texts), row.precedence

    def index(self, where: Sequence[Value]) -> str:
        return ", ".join(map(self.text, where)) if where else "()"

    def conditional(self, op: Op) -> tuple[str, int]:
        (condition,) = op.operands
        (a,), (b,) = (region.results for region in op.regions)
        if b.is_constant and b.constant is False:
            return f"{self.text(condition, 2)} and {self.text(a, 3)}", 2
        if a.is_constant and a.constant is True:
            return f"{self.text(condition, 1)} or {self.text(b, 2)}", 1
        return self.ternary(condition, a, b)

    def ternary(self, condition: Value, a: Value, b: Value) -> tuple[str, int]:
        return f"{self.text(a, 1)} if {self.text(condition, 1)} else {self.text(b, LOWEST)}", LOWEST

    def negation(self, condition: Value, above: int = LOWEST) -> str:
        """What holds where a condition does not."""
        made = self.inlined.get(condition)
        if made is None:
            return f"not {self.text(condition, 3)}"
        if made.primitive == "not":
            return self.text(made.operands[0], above)
        if made.primitive in ("and", "or"):
            joint, own = ("or", 1) if made.primitive == "and" else ("and", 2)
            text = f" {joint} ".join(self.negation(x, own) for x in made.operands)
            return text if own >= above else f"({text})"
        opposite = {"lt": ">=", "le": ">", "gt": "<=", "ge": "<", "eq": "!=", "ne": "=="}
        if made.primitive in ("eq", "ne") or (
            made.primitive in opposite and all(ty.is_integer(x.type) for x in made.operands)
        ):
            a, b = made.operands
            return f"{self.text(a, 5)} {opposite[made.primitive]} {self.text(b, 5)}"
        return f"not {self.text(condition, 3)}"

    def shifted(self, value: Value, by: int) -> str:
        """`value + by`, as one would write it."""
        if value.is_constant:
            return str(value.constant + by)
        made = self.inlined.get(value)
        if made is not None and made.primitive in ("add", "sub") and made.operands[1].is_constant:
            c = made.operands[1].constant
            total = (c if made.primitive == "add" else -c) + by
            base = self.text(made.operands[0], SUM)
            return base if total == 0 else f"{base} {'+' if total > 0 else '-'} {abs(total)}"
        return f"{self.text(value, SUM)} {'+' if by > 0 else '-'} {abs(by)}"

    def range_text(self, op: Op) -> str:
        low, high, step = op.operands[:3]
        a, b = self.text(low), self.text(high)
        if not op.attributes.get("descending"):
            if not (step.is_constant and step.constant == 1):
                return f"range({a}, {b}, {self.text(step)})"
            return f"range({b})" if low.is_constant and low.constant == 0 else f"range({a}, {b})"
        s = step.constant
        if s == 1:
            return f"range({self.shifted(high, -1)}, {self.shifted(low, -1)}, -1)"
        if s == -1:
            stop = self.shifted(low, 1)
            start = self.shifted(high, 1)
            return f"range({stop})" if start == "0" else f"range({start}, {stop})"
        away = -1 if s > 0 else 1
        span = f"{self.text(high, SUM)} - {self.text(low, SUM + 1)}"
        if low.is_constant and low.constant == 0:
            span = self.text(high, SUM)
        first = f"{self.text(low, SUM)} + ({span} {'-' if away < 0 else '+'} 1) // {s} * {s}"
        return f"range({first}, {self.shifted(low, away)}, {-s})"
