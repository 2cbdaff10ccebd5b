"""The texts of constants, types and strings."""

from __future__ import annotations

import math
from typing import Any

from ..ir import types as ty
from ..ir.builder import constant
from ..ir.core import Value
from ..ir.types import Type

# How tightly a text binds.
ATOM, UNARY, SUM, COMPARE, LOWEST = 100, 11, 9, 4, 0


def literal(value: Value) -> tuple[str, int]:
    """A constant and how tightly its text binds."""
    number = value.constant
    text = complex_text(number) if isinstance(number, complex) else real_text(number)
    precedence = SUM if " " in text and text[-1] == "j" else UNARY if text.startswith("-") else ATOM
    if value.type not in (ty.float64, ty.int64, ty.boolean, ty.complex128):
        return f"{ty.dtype_spelling(value.type)}({text})", ATOM
    return text, precedence


def real_text(number: Any) -> str:
    if isinstance(number, float) and not math.isfinite(number):
        return "math.nan" if math.isnan(number) else "math.inf" if number > 0 else "-math.inf"
    return repr(number)


def complex_text(number: complex) -> str:
    """A complex constant; `-1j` has the real part -0.0, which sums such as `0.0 - 1j` have not."""
    sign = math.copysign(1.0, number.imag)
    imaginary = repr(complex(0.0, abs(number.imag)))
    if number.real == 0 and math.copysign(1.0, number.real) == sign and math.isfinite(number.imag):
        return f"{'-' if sign < 0 else ''}{imaginary}"
    if number.real and number.imag and math.isfinite(abs(number)):
        return f"{number.real!r} {'-' if sign < 0 else '+'} {imaginary}"
    return f"complex({real_text(number.real)}, {real_text(number.imag)})"


def number_text(number: float, type: Type) -> str:
    """A real number whose text has the type that it stands for."""
    return repr(number) if type in (ty.float64, ty.boolean) else f"{ty.dtype_spelling(type)}({number!r})"


def zero_text(type: Type) -> str:
    return number_text(0.0, type)


def caster(type: Type, of: Type) -> str:
    """What makes a number of one type of another; Numba's `int` leaves an unsigned one so, its `float` a single one."""
    if type == ty.int64 and ty.is_unsigned(of):
        return "np.int64"
    if type == ty.float64 and of == ty.float32:
        return "np.float64"
    plain = {ty.float64: "float", ty.int64: "int", ty.boolean: "bool", ty.complex128: "complex"}
    return plain.get(type) or ty.dtype_spelling(type)


def sample(type: Type) -> str:
    """Something of a type: a list starts with it, which tells Numba what it will hold."""
    if ty.is_array(type):
        shape = "0" if type.ndim == 1 else f"({', '.join('0' * type.ndim)})"
        return f"np.empty({shape}{'' if type.dtype == ty.float64 else f', {ty.dtype_spelling(type.dtype)}'})"
    return literal(constant(0, type))[0]


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
