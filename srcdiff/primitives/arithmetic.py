"""Arithmetic, comparisons, logic and casts: the rows behind Python's operators."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ir import types as ty
from ..ir.builder import beside, constant
from ..ir.core import Value
from ..ir.operators import current_builder
from ..ir.types import Type
from .record import (
    BINARY_COMPLEX,
    NONE,
    REGISTRY,
    UNARY_COMPLEX,
    ZERO,
    Primitive,
    boolean_result,
    elementwise,
    float_result,
    integer_result,
    register,
    same_result,
)

Number = Any

# --------------------------------------------------------------------------------------------- selection


def _select_type(condition: Type, a: Type, b: Type) -> Type:
    return ty.promote(a, b)


select_row = elementwise(
    "select",
    (),
    "{1} if {0} else {2}",
    None,
    lambda g, ans, c, a, b: select(c, g, 0.0),
    lambda g, ans, c, a, b: select(c, 0.0, g),
    result=_select_type,
    evaluate=lambda c, a, b: a if c else b,
    points=[(True, 0.3, 0.7), (False, 0.3, 0.7)],
    complex_points=[(True, 0.3 + 0.4j, 0.7 - 0.2j), (False, 0.3 + 0.4j, 0.7 - 0.2j), (True, 0.3, 0.7 - 0.2j)],
    precedence=0,
    cost=1,
    doc="Both operands are evaluated; what is not taken contributes exactly nothing.",
)


def select(condition: Number, a: Number, b: Number) -> Number:
    """`a if condition else b`, where numbers take the type of the value beside them."""
    if isinstance(condition, Value):
        typed = [x.type for x in (a, b) if isinstance(x, Value)]
        builder = current_builder()
        type = typed[0] if typed else ty.float64
        a, b = (x if isinstance(x, Value) else constant(x, type) for x in (a, b))
        return builder.emit("select", (condition, a, b), type)
    return a if condition else b


def polynomial(coefficients: Sequence[float], x: Number) -> Number:
    """The lowest coefficient first."""
    value: Number = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + coefficient
    return value


def by_series(coefficients: Sequence[float], x: Number, within: float, away: Number) -> Number:
    """A smooth function that would be 0 / 0 at 0, `away` from there and a polynomial in `x * x` near it: so that all
    of its derivatives are right."""
    return select(x * x < within * within, polynomial(coefficients, x * x), away)


def guarded(factor: Number, term: Number) -> Number:
    """A term that is 0 where one of its factors is, even if the other one is infinite or NaN there.

    Its derivative is that of the term everywhere: by the factor it does not vanish where the factor does.
    """
    if not isinstance(factor, Value):
        return 0.0 if factor == 0 else term
    if not isinstance(term, Value):
        term = constant(term, factor.type)
    operands = (is_zero(factor), constant(0, term.type), term)
    return current_builder().emit("select", operands, term.type, {"guard": True})


# -------------------------------------------------------------------------------------------- arithmetic

add = elementwise(
    "add",
    (operator.add, np.add),
    "{} + {}",
    lambda g, ans, x, y: g,
    lambda g, ans, x, y: g,
    points=[(0.3, 0.7)],
    complex_points=BINARY_COMPLEX,
    result=same_result,
    precedence=9,
    cost=1,
)
sub = elementwise(
    "sub",
    (operator.sub, np.subtract),
    "{} - {}",
    lambda g, ans, x, y: g,
    lambda g, ans, x, y: -g,
    points=[(0.3, 0.7)],
    complex_points=BINARY_COMPLEX,
    result=same_result,
    precedence=9,
    cost=1,
)
mul = elementwise(
    "mul",
    (operator.mul, np.multiply),
    "{} * {}",
    lambda g, ans, x, y: g * y,
    lambda g, ans, x, y: g * x,
    points=[(0.3, 0.7)],
    complex_points=BINARY_COMPLEX,
    result=same_result,
    precedence=10,
    cost=1,
)
div = elementwise(
    "div",
    (operator.truediv, np.divide, np.true_divide),
    "{} / {}",
    lambda g, ans, x, y: g / y,
    lambda g, ans, x, y: divisor_share(g, ans, x, y),
    points=[(0.3, 0.7), (1.2, -0.4)],
    complex_points=BINARY_COMPLEX,
    result=float_result,
    precedence=10,
    cost=5,
)
floordiv = elementwise(
    "floordiv",
    (operator.floordiv, np.floor_divide),
    "{} // {}",
    ZERO,
    points=[(7.3, 2.0), (-7.3, 2.0)],
    result=same_result,
    precedence=10,
    cost=8,
)
mod = elementwise(
    "mod",
    (operator.mod, np.mod, np.remainder),
    "{} % {}",
    lambda g, ans, x, y: g,
    lambda g, ans, x, y: -g * floor(x / y),
    points=[(7.3, 2.0), (-7.3, 2.1), (7.3, -2.1)],
    result=same_result,
    precedence=10,
    cost=8,
)
pow_ = elementwise(
    "pow",
    (operator.pow, pow, np.power, np.float_power, math.pow),
    "{} ** {}",
    lambda g, ans, x, y: g * power_slope(ans, x, y),
    lambda g, ans, x, y: g * power_growth(ans, x),
    points=[(0.3, 0.7), (1.7, -2.2), (0.4, 2.0)],
    complex_points=BINARY_COMPLEX,
    result=same_result,
    evaluate=operator.pow,
    precedence=12,
    cost=20,
)
neg = elementwise(
    "neg",
    (operator.neg, np.negative),
    "-{}",
    lambda g, ans, x: -g,
    points=[(0.3,)],
    complex_points=UNARY_COMPLEX,
    result=same_result,
    precedence=11,
    cost=1,
)
abs_ = elementwise(
    "abs",
    (abs, np.abs, np.absolute, np.fabs, math.fabs, operator.abs),
    "abs({})",
    lambda g, ans, x: select(x > 0, g, select(x < 0, -g, 0.0)),
    points=[(0.3,), (-0.3,)],
    result=same_result,
    evaluate=abs,
    cost=1,
)


def divisor_share(g: Number, ans: Number, x: Number, y: Number) -> Number:
    """What is owed to the divisor; nothing where nothing is owed to x / y, also where that overflowed.

    Sentinels such as `np.inf` or the largest float are divided in many dynamic programs, and `0 * inf` is NaN.
    """
    term = -(g / y) * ans
    if not isinstance(x, Value) or x.is_constant:
        return term
    return guarded(g, term)


def power_slope(ans: Number, x: Number, y: Number) -> Number:
    """d(x**y)/dx; exactly 0 for y = 0, where `0 * x**-1` would be NaN at x = 0.

    For an integer y no derivative of it divides by x then: it multiplies 0 by x instead. For a negative fraction it is
    a quotient, infinite at x = 0 as the power is.
    """
    if isinstance(y, Value) and y.is_constant:
        n = y.constant.real if isinstance(y.constant, complex) and not y.constant.imag else y.constant
        if n == 2:
            return 2.0 * x
        if not isinstance(n, complex) and abs(n) < 64 and n == int(n):
            lower = _with_exponent(x, int(n) - 1)
            return n * lower if n != 1 else _with_exponent(x, 0)
        if not isinstance(n, complex) and n < 0:
            return n * (ans / x)
        return n * _with_exponent(x, n - 1)
    if isinstance(y, Value) and ty.is_integer(y.type):
        return y * pow_(x, select(is_zero(y), 1, y - 1))
    slope = pow_(x, y - 1)
    return guarded(y, y * slope) if isinstance(slope, Value) else (0.0 if y == 0 else y * slope)


def power_growth(ans: Number, x: Number) -> Number:
    """d(x**y)/dy = x**y log x; 0 at x = 0, where the power is 0 for every positive exponent."""
    if isinstance(x, Value):
        return select(is_zero(x), 0.0, ans * REGISTRY["log"](x))
    return 0.0 if x == 0 else ans * np.log(x)


def _with_exponent(x: Value, n: float) -> Number:
    if n == 0:
        return beside(1.0, x.type)
    if n == 1:
        return x
    if isinstance(n, int):
        return current_builder().emit("pow", (x, constant(n, ty.int64)), integer_power(x.type))
    return current_builder().emit("pow", (x, beside(n, x.type)), x.type)


def integer_power(base: Type) -> Type:
    """The type of `x ** 3`, which Numba multiplies out, in double precision for every complex number."""
    return ty.complex128 if ty.is_complex(base) else base


def is_zero(x: Number) -> Any:
    return current_builder().compare("eq", x, 0) if isinstance(x, Value) else x == 0


def below(x: Number, y: Number) -> Number:
    """`x - y`, which is zero where both are the same infinity."""
    same = current_builder().compare("eq", x, y) if isinstance(x, Value) or isinstance(y, Value) else x == y
    return select(same, 0.0, x - y)


# ----------------------------------------------------------------------------- comparisons, logic, integers

for _name, _function, _ufunc, _text in (
    ("lt", operator.lt, np.less, "{} < {}"),
    ("le", operator.le, np.less_equal, "{} <= {}"),
    ("gt", operator.gt, np.greater, "{} > {}"),
    ("ge", operator.ge, np.greater_equal, "{} >= {}"),
    ("eq", operator.eq, np.equal, "{} == {}"),
    ("ne", operator.ne, np.not_equal, "{} != {}"),
):
    elementwise(
        _name,
        (_function, _ufunc),
        _text,
        ZERO,
        points=[(0.3, 0.7), (0.7, 0.7)],
        complex_points=BINARY_COMPLEX if _name in ("eq", "ne") else (),
        result=boolean_result,
        precedence=4,
        cost=1,
    )

elementwise("and", (np.logical_and,), "{} and {}", ZERO, result=boolean_result, precedence=2, cost=1)
elementwise("or", (np.logical_or,), "{} or {}", ZERO, result=boolean_result, precedence=1, cost=1)
elementwise(
    "not",
    (operator.not_, np.logical_not),
    "not {}",
    ZERO,
    result=boolean_result,
    evaluate=operator.not_,
    precedence=3,
    cost=1,
)
for _name, _function, _ufunc, _text, _precedence in (
    ("bitand", operator.and_, np.bitwise_and, "{} & {}", 7),
    ("bitor", operator.or_, np.bitwise_or, "{} | {}", 5),
    ("bitxor", operator.xor, np.bitwise_xor, "{} ^ {}", 6),
    ("lshift", operator.lshift, np.left_shift, "{} << {}", 8),
    ("rshift", operator.rshift, np.right_shift, "{} >> {}", 8),
):
    elementwise(
        _name,
        (_function, _ufunc),
        _text,
        ZERO,
        result=(lambda a, b: ty.promote(a, b)) if _name.startswith("bit") else same_result,
        evaluate=_function,
        precedence=_precedence,
        cost=1,
    )
elementwise(
    "invert",
    (operator.invert, np.invert),
    "~{}",
    ZERO,
    result=lambda a: a,
    evaluate=operator.invert,
    precedence=11,
    cost=1,
)

# ------------------------------------------------------------------------------------ casts and roundings

elementwise(
    "int",
    (int,),
    "int({})",
    ZERO,
    result=integer_result,
    evaluate=int,
    points=[(2.7,), (-2.7,)],
    cost=2,
)
elementwise("cast_int", (), "int({})", ZERO, result=integer_result, evaluate=int, cost=1)
elementwise("bool", (bool, np.bool_), "bool({})", ZERO, result=boolean_result, evaluate=bool, cost=1)
floor = elementwise("floor", (np.floor,), "np.floor({})", ZERO, points=[(2.7,), (-2.7,)], cost=2)
elementwise("ceil", (np.ceil,), "np.ceil({})", ZERO, points=[(2.7,), (-2.7,)], cost=2)
elementwise("trunc", (np.trunc,), "np.trunc({})", ZERO, points=[(2.7,), (-2.7,)], cost=2)
elementwise("rint", (np.rint,), "np.rint({})", ZERO, points=[(2.7,), (-2.7,)], cost=2)
elementwise("sign", (np.sign,), "np.sign({})", ZERO, points=[(2.7,), (-2.7,)], cost=2, result=same_result)


elementwise(
    "floor_int", (math.floor,), "math.floor({})", ZERO, result=integer_result, points=[(2.7,)], cost=2
)
elementwise("ceil_int", (math.ceil,), "math.ceil({})", ZERO, result=integer_result, points=[(2.7,)], cost=2)
elementwise(
    "trunc_int", (math.trunc,), "math.trunc({})", ZERO, result=integer_result, points=[(2.7,)], cost=2
)
elementwise("round_int", (round,), "round({})", ZERO, result=integer_result, points=[(2.7,)], cost=3)
elementwise("round_to", (), "round({}, {})", ZERO, result=lambda a, b: a, evaluate=round, points=[], cost=20)


register(
    Primitive(
        "bisection",
        (),
        "{0}",
        lambda first, *_: first,
        NONE,
        lambda first, *_: first,
        precedence=0,
        cost=0,
        doc="Its first operand, found by a search that reads the others.",
    )
)

attach = elementwise(
    "attach",
    (),
    "{0}{1:.0}",
    None,
    lambda g, ans, x, y: g,
    result=lambda x, y: x,
    evaluate=lambda x, y: y,
    points=[(0.3, 0.3)],
    precedence=0,
    cost=0,
    doc="Its first operand, with the derivative of the second, which has the same value.",
)

__all__ = ["add", "attach", "guarded", "mul", "neg", "select", "sub"]
