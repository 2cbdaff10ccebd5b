"""Scalar operations: evaluate on numbers, emit on values, promote as the function's rules say."""

from __future__ import annotations

from typing import Any

from ..ir import types as ty
from ..ir.builder import beside, constant
from ..ir.core import Value
from ..ir.operators import current_builder
from ..ir.types import Type
from ..primitives import REGISTRY
from ..primitives.arithmetic import integer_power
from ..primitives.record import number
from .describe import describe
from .loops import Loops
from .scope import maker_of
from .things import Scalar, is_number, is_scalar, number_type

COMPARISONS = {"lt", "le", "gt", "ge", "eq", "ne"}
OF_INTEGERS = ("bitand", "bitor", "bitxor", "lshift", "rshift", "invert")
KEEPS_NONNEGATIVE = {
    "add",
    "mul",
    "floordiv",
    "mod",
    "min",
    "max",
    "rshift",
    "lshift",
    "abs",
    "maximum",
    "minimum",
}
LOGIC = ("and", "or", "not")
ON_COMPLEX = {"abs": "modulus"}  # the rows that operators and functions mean for complex operands


def is_narrow(type: Type) -> bool:
    return bool(ty.is_integer(type) and type.bitwidth < 64)


class Scalars(Loops):
    def scalar(self, name: str, *operands: Scalar) -> Scalar:
        """Apply an elementwise primitive to scalars."""
        row = REGISTRY[name]
        for operand in operands:
            if not is_scalar(operand):
                self.refuse(f"`{name}` of {describe(operand)}")
        if len(operands) != row.arity:
            self.refuse(
                f"`{name}` takes {row.arity} number{'s' if row.arity > 1 else ''}, not {len(operands)}",
                instead=f"a call of {row.arity}",
            )
        if all(is_number(x) for x in operands):
            try:
                return number(row.evaluate(*operands))
            except (ArithmeticError, ValueError, TypeError) as error:
                self.refuse(f"`{name}` of constants fails: {error}")
        types = self.operand_types(operands)
        if any(map(ty.is_complex, types)):
            if name in ON_COMPLEX:
                return self.scalar(ON_COMPLEX[name], *operands)
            if not row.complex_points and name not in LOGIC:
                self.refuse(
                    f"`{row.text.format(*'abc')}` of complex numbers",
                    "it has no derivative there, or none that is known here",
                    "their real and imaginary parts",
                )
        if name in OF_INTEGERS and any(map(ty.is_float, types)):
            self.refuse(
                f"`{row.text.format('a', 'b')}` of floats",
                "Python would raise an error here",
                "`a ** b` for a power" if name == "bitxor" else "integers",
            )
        if name == "pow":
            return self.power(*operands)
        if name == "select":
            type = row.result(*types)
            values = [self.as_value(operands[0]), *(self.fitted(x, type) for x in operands[1:])]
            if ty.is_complex(type):
                values[1:] = (self.cast(x, type) for x in values[1:])
        elif name in COMPARISONS:
            type = ty.boolean
            if any(map(is_number, operands)) and any(map(is_narrow, types)):
                # An integer of Python is not wrapped around to fit.
                operands = tuple(x if is_number(x) else self.cast(x, ty.int64) for x in operands)
                types = self.operand_types(operands)
            values = [self.as_value(x, t) for x, t in zip(operands, types, strict=True)]
        elif name in LOGIC:
            type = ty.boolean
            values = [self.truth(x) for x in operands]
        elif name == "round_to":
            type = row.result(*types)
            values = [self.fitted(operands[0], type), self.as_value(operands[1])]
        else:
            type = row.result(*types)
            if is_narrow(type):
                return self.narrow(name, operands, type)
            values = [self.fitted(x, type) for x in operands]
            if ty.is_float(type) and name in ("add", "sub", "mul") and all(map(ty.is_integer, types)):
                values = [self.cast(x, type) for x in values]  # of `uint64` and `int64`
        result = current_builder().emit(name, values, type)
        if name in KEEPS_NONNEGATIVE and ty.is_integer(type) and all(map(self.never_negative, values)):
            self.nonnegative.add(result)
        if name in ("add", "sub") and ty.is_integer(type):
            self.note_bound(name, values[0], values[1], result)
        return result

    def note_bound(self, name: str, a: Value, b: Value, result: Value) -> None:
        """`n - 1 - i` is not negative where `i` ends at `n`, nor `n - 1` in that loop."""
        base, shift = self.shifted(a)
        if b.is_constant:
            self.shifts[result] = base, shift + (b.constant if name == "add" else -b.constant)
        elif name == "sub":
            index, moved = self.shifted(b)
            end = self.ends.get(index) if index is not None else None
            last, beyond = self.shifted(end) if end is not None else (index, 0)
            if end is not None and last is base:
                self.least[result] = shift - moved - beyond + 1
        base, shift = self.shifted(result)
        if base is not None and self.least.get(base, -1 - shift) + shift >= 0:
            self.nonnegative.add(result)

    def narrow(self, name: str, operands: tuple[Scalar, ...], type: Type) -> Value:
        """Arithmetic of integers of less than 64 bits: NumPy wraps them around, Numba widens them."""
        wide = ty.int64 if type.signed or not self.frame.numba_rules else ty.uint64
        values = [self.as_value(x, wide) for x in operands]
        result = current_builder().emit(name, values, wide)
        if not self.frame.numba_rules:
            return self.cast(result, type)
        if name in KEEPS_NONNEGATIVE and all(map(self.never_negative, values)):
            self.nonnegative.add(result)
        return result

    def operand_types(self, operands: tuple[Scalar, ...]) -> list[Type]:
        typed = [x.type for x in operands if isinstance(x, Value)]
        strong = typed[0]
        for other in typed[1:]:
            strong = ty.promote(strong, other)
        return [
            x.type
            if isinstance(x, Value)
            else number_type(x)
            if self.frame.numba_rules
            else ty.promote_weak(strong, number_type(x))
            for x in operands
        ]

    def fitted(self, x: Scalar, type: Type) -> Value:
        """An operand of an op with this result: numbers take its type, float64 takes integers as they are."""
        if ty.is_complex(type):
            x = x if isinstance(x, Value) else beside(x, type)
            single = type == ty.complex64 and x.type not in (ty.complex64, ty.float32)
            return self.cast(x, ty.float32) if single else x
        if isinstance(x, Value) and ty.is_complex(x.type):
            return x  # of which the row takes a part, or the absolute value
        if not isinstance(x, Value):
            weak_integer = isinstance(x, int) and ty.is_float(type) and type == ty.float64
            return self.as_value(float(x) if weak_integer else x, type)
        if type == ty.float32 and x.type != type:
            return self.cast(x, type)
        return x

    def power(self, base: Scalar, exponent: Scalar) -> Scalar:
        """`base ** exponent`; an integer written in the source stays one, so that it is multiplied out."""
        if isinstance(exponent, (int, float)) and not isinstance(exponent, bool) and isinstance(base, Value):
            if exponent == 0 and ty.is_differentiable(base.type):
                return constant(1.0, base.type)  # also at zero, where the rule for powers would divide by it
            if ty.is_float(base.type):
                whole = float(exponent).is_integer() and abs(exponent) < 64
                value = constant(exponent, ty.int64 if whole else base.type)
                return current_builder().emit("pow", (base, value), base.type)
            if ty.is_complex(base.type):
                return self.power_of_complex(base, exponent)
            type = base.type if isinstance(exponent, int) and exponent >= 0 else ty.float64
            if is_narrow(type):
                return self.narrow("pow", (base, exponent), type)
            base = base if type != ty.float64 else self.cast(base, ty.float64)
            kind = ty.int64 if isinstance(exponent, int) else ty.float64
            return current_builder().emit("pow", (base, constant(exponent, kind)), type)
        types = self.operand_types((base, exponent))
        type = ty.promote(*types)
        if isinstance(exponent, Value) and ty.is_integer(type) and not self.frame.numba_rules:
            made = maker_of(exponent)
            if made is not None and made.primitive == "neg":
                return self.power(self.cast(self.as_value(base), ty.float64), exponent)
        if ty.is_integer(type) and not self.frame.numba_rules and not self.never_negative(exponent):
            message = "an integer to a negative power, which is a float: write `float(a) ** b`"
            self.require(self.scalar("ge", exponent, 0), "ValueError", message)
        if is_narrow(type):
            return self.narrow("pow", (base, exponent), type)
        if ty.is_complex(type):
            operands = (self.cast(self.as_value(x, type), type) for x in (base, exponent))
            return current_builder().emit("pow", operands, type)
        if ty.is_boolean(type):
            type = ty.int64
        return current_builder().emit("pow", (self.fitted(base, type), self.fitted(exponent, type)), type)

    def power_of_complex(self, base: Value, exponent: float) -> Value:
        """`z ** 3` is multiplied out, as NumPy does it."""
        if float(exponent).is_integer() and abs(exponent) < 64:
            operands = (base, constant(exponent, ty.int64))
            return self.cast(current_builder().emit("pow", operands, integer_power(base.type)), base.type)
        return current_builder().emit("pow", (base, beside(exponent, base.type)), base.type)

    def require(self, condition: Scalar, error: str, message: str) -> None:
        """Raise in the generated program unless the condition holds."""
        if condition is True:
            return
        current_builder().effect("require", (self.as_value(condition),), {"error": error, "message": message})

    def truth(self, thing: Any) -> Value:
        """The truth of a scalar as a boolean value."""
        value = self.as_value(thing)
        if ty.is_boolean(value.type):
            return value
        return current_builder().emit("ne", (value, constant(0, value.type)), ty.boolean)

    def never_negative(self, thing: Scalar) -> bool:
        if isinstance(thing, Value) and not thing.is_constant:
            return thing in self.nonnegative or ty.is_unsigned(thing.type)
        return bool((thing.constant if isinstance(thing, Value) else thing) >= 0)

    def never_below_zero(self, thing: Scalar) -> None:
        """Keep in mind that an index is not negative."""
        if isinstance(thing, Value):
            self.nonnegative.add(thing)

    def integer(self, thing: Any) -> Scalar:
        """A scalar that must be an integer, as an index or a bound."""
        if isinstance(thing, Value) and not (ty.is_integer(thing.type) or ty.is_boolean(thing.type)):
            self.refuse("an integer is needed here, not a float", instead="`int(...)`")
        if isinstance(thing, (float, complex)):
            self.refuse(f"an integer is needed here, not {thing}", instead="`int(...)`")
        if not is_scalar(thing):
            self.refuse(
                f"an integer is needed here, not {describe(thing)}", instead="an index or a bound as a number"
            )
        return thing
