"""Elementary functions of one and two numbers: `math.*` and `np.*`.

Derivatives: Abramowitz & Stegun, Handbook of Mathematical Functions, chapter 4.
"""

from __future__ import annotations

import math

import numpy as np

from ..ir.core import Value
from ..ir.types import float64, is_complex
from .arithmetic import Number, attach, below, by_series, floor, is_zero, select
from .complex_numbers import complex_, imaginary_part, real_part
from .record import (
    UNARY_COMPLEX,
    ZERO,
    boolean_result,
    elementwise,
    float_result,
    integer_result,
    same_result,
)

LN2 = math.log(2.0)
LN10 = math.log(10.0)
RADIANS_PER_DEGREE = math.pi / 180.0


def at_kink(norm: Number, term: Number) -> Number:
    """A term that divides by a norm: nothing where that is 0, but there it has no derivative of its own."""
    return attach(select(is_zero(norm), 0.0, term), term)


# On a branch cut the sign of a zero imaginary part says on which side of it a number is. `1.0 - z` and the product of
# two roots in one lose it.


def has_imaginary_part(x: Number) -> bool:
    return is_complex(x.type) if isinstance(x, Value) else isinstance(x, complex)


def moved(x: Number, by: float) -> Number:
    """`x + by`, on the same side of the real axis."""
    return complex_(real_part(x) + by, imaginary_part(x)) if has_imaginary_part(x) else x + by


def asin_root(x: Number) -> Number:
    """The root of `1 - x**2` that the derivative of `asin` divides by."""
    if not has_imaginary_part(x):
        return sqrt(1.0 - x * x)
    return sqrt(-moved(x, -1.0)) * sqrt(moved(x, 1.0))


def asinh_root(x: Number) -> Number:
    """The root of `1 + x**2` that the derivative of `asinh` divides by."""
    if not has_imaginary_part(x):
        return sqrt(x * x + 1.0)
    turned = complex_(-imaginary_part(x), real_part(x))
    return sqrt(moved(turned, 1.0)) * sqrt(-moved(turned, -1.0))


# ------------------------------------------------------------------------- exponential and logarithmic

exp = elementwise(
    "exp",
    (math.exp, np.exp),
    "math.exp({})",
    lambda g, ans, x: g * ans,
    points=[(0.3,), (-1.2,)],
    complex_points=UNARY_COMPLEX,
)
exp2 = elementwise(
    "exp2",
    (np.exp2, "scipy.special.exp2"),
    "np.exp2({})",
    lambda g, ans, x: g * ans * LN2,
    points=[(0.3,), (-1.2,)],
    complex_points=UNARY_COMPLEX,
)
if hasattr(math, "exp2"):
    elementwise("exp2_math", (math.exp2,), "np.exp2({})", lambda g, ans, x: g * ans * LN2, points=[(0.3,)])
expm1 = elementwise(
    "expm1",
    (math.expm1, np.expm1, "scipy.special.expm1"),
    "math.expm1({})",
    lambda g, ans, x: g * (ans + 1.0),
    points=[(0.3,), (-1.2,)],
    complex_points=UNARY_COMPLEX,
)
log = elementwise(
    "log",
    (math.log, np.log),
    "math.log({})",
    lambda g, ans, x: g / x,
    points=[(0.3,), (2.1,)],
    complex_points=UNARY_COMPLEX,
)
log2 = elementwise(
    "log2",
    (math.log2, np.log2),
    "np.log2({})",
    lambda g, ans, x: g / (x * LN2),
    points=[(0.3,), (2.1,)],
    complex_points=UNARY_COMPLEX,
)
log10 = elementwise(
    "log10",
    (math.log10, np.log10),
    "math.log10({})",
    lambda g, ans, x: g / (x * LN10),
    points=[(0.3,), (2.1,)],
    complex_points=UNARY_COMPLEX,
)
log1p = elementwise(
    "log1p",
    (math.log1p, np.log1p, "scipy.special.log1p"),
    "math.log1p({})",
    lambda g, ans, x: g / (1.0 + x),
    points=[(0.3,), (-0.4,)],
    complex_points=UNARY_COMPLEX,
)
sqrt = elementwise(
    "sqrt",
    (math.sqrt, np.sqrt),
    "math.sqrt({})",
    lambda g, ans, x: 0.5 * g / ans,
    points=[(0.3,), (2.1,)],
    complex_points=UNARY_COMPLEX,
    cost=6,
)
root_of_squares = elementwise(  # a norm, which has a kink where all that is squared is zero
    "root_of_squares",
    (),
    "math.sqrt({})",
    lambda g, ans, x: at_kink(ans, 0.5 * g / ans),
    points=[(0.3,), (2.1,)],
    evaluate=math.sqrt,
    cost=6,
)
cbrt = elementwise(
    "cbrt",
    (np.cbrt, "scipy.special.cbrt"),
    "np.cbrt({})",
    lambda g, ans, x: g / (3.0 * (ans * ans)),
    points=[(0.3,), (-2.1,)],
)
square = elementwise(
    "square",
    (np.square,),
    "np.square({})",
    lambda g, ans, x: g * (2.0 * x),
    points=[(0.3,)],
    complex_points=UNARY_COMPLEX,
    result=same_result,
    cost=1,
)
reciprocal = elementwise(
    "reciprocal",
    (np.reciprocal,),
    "np.reciprocal({})",
    lambda g, ans, x: -g * (ans * ans),
    points=[(0.3,)],
    complex_points=UNARY_COMPLEX,
    result=same_result,
    cost=5,
)
logaddexp = elementwise(
    "logaddexp",
    (np.logaddexp,),
    "np.logaddexp({}, {})",
    lambda g, ans, x, y: g * exp(below(x, ans)),
    lambda g, ans, x, y: g * exp(below(y, ans)),
    points=[(0.3, 0.7), (-3.0, 2.0)],
)
logaddexp2 = elementwise(
    "logaddexp2",
    (np.logaddexp2,),
    "np.logaddexp2({}, {})",
    lambda g, ans, x, y: g * exp2(below(x, ans)),
    lambda g, ans, x, y: g * exp2(below(y, ans)),
    points=[(0.3, 0.7), (-3.0, 2.0)],
)

# --------------------------------------------------------------------------------------- trigonometric

sin = elementwise(
    "sin",
    (math.sin, np.sin),
    "math.sin({})",
    lambda g, ans, x: g * cos(x),
    points=[(0.3,), (2.5,)],
    complex_points=UNARY_COMPLEX,
)
cos = elementwise(
    "cos",
    (math.cos, np.cos),
    "math.cos({})",
    lambda g, ans, x: -g * sin(x),
    points=[(0.3,), (2.5,)],
    complex_points=UNARY_COMPLEX,
)
tan = elementwise(
    "tan",
    (math.tan, np.tan),
    "math.tan({})",
    lambda g, ans, x: g * (1.0 + ans * ans),
    points=[(0.3,), (2.5,)],
    complex_points=UNARY_COMPLEX,
)
asin = elementwise(
    "asin",
    (math.asin, np.arcsin),
    "math.asin({})",
    lambda g, ans, x: g / asin_root(x),
    points=[(0.3,)],
    complex_points=UNARY_COMPLEX,
)
acos = elementwise(
    "acos",
    (math.acos, np.arccos),
    "math.acos({})",
    lambda g, ans, x: -g / asin_root(x),
    points=[(0.3,)],
    complex_points=UNARY_COMPLEX,
)
atan = elementwise(
    "atan",
    (math.atan, np.arctan),
    "math.atan({})",
    lambda g, ans, x: g / (1.0 + x * x),
    points=[(0.3,), (-2.0,)],
    complex_points=UNARY_COMPLEX,
)
atan2 = elementwise(
    "atan2",
    (math.atan2, np.arctan2),
    "math.atan2({}, {})",
    lambda g, ans, y, x: g * x / (x * x + y * y),
    lambda g, ans, y, x: -g * y / (x * x + y * y),
    points=[(0.3, 0.7), (-0.3, -0.7)],
)
sinh = elementwise(
    "sinh",
    (math.sinh, np.sinh),
    "math.sinh({})",
    lambda g, ans, x: g * cosh(x),
    points=[(0.3,)],
    complex_points=UNARY_COMPLEX,
)
cosh = elementwise(
    "cosh",
    (math.cosh, np.cosh),
    "math.cosh({})",
    lambda g, ans, x: g * sinh(x),
    points=[(0.3,)],
    complex_points=UNARY_COMPLEX,
)
tanh = elementwise(
    "tanh",
    (math.tanh, np.tanh),
    "math.tanh({})",
    lambda g, ans, x: g * (1.0 - ans * ans),
    points=[(0.3,), (-1.4,)],
    complex_points=UNARY_COMPLEX,
)
asinh = elementwise(
    "asinh",
    (math.asinh, np.arcsinh),
    "math.asinh({})",
    lambda g, ans, x: g / asinh_root(x),
    points=[(0.3,)],
    complex_points=UNARY_COMPLEX,
)
acosh = elementwise(
    "acosh",
    (math.acosh, np.arccosh),
    "math.acosh({})",
    lambda g, ans, x: g / (sqrt(moved(x, -1.0)) * sqrt(moved(x, 1.0))),
    points=[(1.3,)],
    complex_points=UNARY_COMPLEX,
)
atanh = elementwise(
    "atanh",
    (math.atanh, np.arctanh),
    "math.atanh({})",
    lambda g, ans, x: g / (1.0 - x * x),
    points=[(0.3,)],
    complex_points=UNARY_COMPLEX,
)
SINC = [(-1) ** k * 2 * k * math.pi ** (2 * k) / math.factorial(2 * k + 1) for k in range(1, 8)]
sinc = elementwise(
    "sinc",
    (np.sinc,),
    "np.sinc({})",
    lambda g, ans, x: g * (x * by_series(SINC, x, 0.2, (cos(math.pi * x) - ans) / (x * x))),
    points=[(0.3,), (-1.4,), (0.19,), (-0.01,)],
)
hypot = elementwise(
    "hypot",
    (math.hypot, np.hypot),
    "math.hypot({}, {})",
    lambda g, ans, x, y: at_kink(ans, g * x / ans),
    lambda g, ans, x, y: at_kink(ans, g * y / ans),
    points=[(0.3, 0.7)],
)
degrees = elementwise(
    "degrees",
    (math.degrees, np.degrees, np.rad2deg),
    "math.degrees({})",
    lambda g, ans, x: g / RADIANS_PER_DEGREE,
    points=[(0.3,)],
    cost=1,
)
radians = elementwise(
    "radians",
    (math.radians, np.radians, np.deg2rad),
    "math.radians({})",
    lambda g, ans, x: g * RADIANS_PER_DEGREE,
    points=[(30.0,)],
    cost=1,
)

# --------------------------------------------------------------------------------------- kinks and steps

_KEEP_LARGER = (
    lambda g, ans, x, y: select(x < y, 0.0, select(x > y, g, 0.5 * g)),
    lambda g, ans, x, y: select(y < x, 0.0, select(y > x, g, 0.5 * g)),
)
_LARGER_ALONE = (lambda g, ans, x, y: select(x > y, g, 0.0), lambda g, ans, x, y: select(y > x, g, 0.0))
_KEEP_SMALLER = (
    lambda g, ans, x, y: select(x > y, 0.0, select(x < y, g, 0.5 * g)),
    lambda g, ans, x, y: select(y > x, 0.0, select(y < x, g, 0.5 * g)),
)
_SMALLER_ALONE = (lambda g, ans, x, y: select(x < y, g, 0.0), lambda g, ans, x, y: select(y < x, g, 0.0))
_TWO = [(0.3, 0.7), (0.7, 0.3), (-0.2, 0.1)]

for _name, _spellings, _text, _rules, _alone in (
    ("max", (max,), "max({}, {})", _KEEP_LARGER, _LARGER_ALONE),
    ("min", (min,), "min({}, {})", _KEEP_SMALLER, _SMALLER_ALONE),
    ("maximum", (np.maximum,), "np.maximum({}, {})", _KEEP_LARGER, _LARGER_ALONE),
    ("minimum", (np.minimum,), "np.minimum({}, {})", _KEEP_SMALLER, _SMALLER_ALONE),
    ("fmax", (np.fmax,), "np.fmax({}, {})", _KEEP_LARGER, _LARGER_ALONE),
    ("fmin", (np.fmin,), "np.fmin({}, {})", _KEEP_SMALLER, _SMALLER_ALONE),
):
    elementwise(_name, _spellings, _text, *_rules, alone=_alone, points=_TWO, result=same_result, cost=2)

copysign = elementwise(
    "copysign",
    (math.copysign, np.copysign),
    "math.copysign({}, {})",
    lambda g, ans, x, y: select(ans > 0, select(x > 0, g, -g), select(x < 0, g, -g)),
    None,
    points=[(0.3, -0.7), (-0.3, -0.7), (-0.3, 0.7), (0.3, 0.7)],
    cost=2,
)
fmod = elementwise(
    "fmod",
    (math.fmod, np.fmod),
    "np.fmod({}, {})",
    lambda g, ans, x, y: g,
    lambda g, ans, x, y: -g * _truncated(x / y),
    points=[(7.3, 2.0), (-7.3, 2.1)],
)


def _truncated(q):  # type: ignore[no-untyped-def]
    return select(q < 0, -floor(-q), floor(q))


for _name, _spellings in (
    ("isnan", (math.isnan, np.isnan)),
    ("isinf", (math.isinf, np.isinf)),
    ("isfinite", (math.isfinite, np.isfinite)),
):
    elementwise(
        _name,
        _spellings,
        f"np.{_name}({{}})",
        ZERO,
        points=[(0.3,)],
        complex_points=UNARY_COMPLEX,
        result=boolean_result,
        cost=2,
    )
elementwise(
    "signbit", (np.signbit,), "np.signbit({})", ZERO, points=[(0.3,), (-0.3,)], result=boolean_result, cost=2
)
elementwise("gcd", (math.gcd, np.gcd), "math.gcd({}, {})", ZERO, result=integer_result, points=[])

__all__ = ["cos", "cosh", "exp", "float64", "float_result", "log", "sin", "sqrt", "tanh"]
