"""What has no complex derivative: parts, conjugates and absolute values, and putting a complex number together.

    z = complex(a, b); r = abs(z)    ->    z_bar = z.conjugate() * (r_bar / r); a_bar = z_bar.real; b_bar = -z_bar.imag

Their cotangents follow from `dL = Re(owed * dz)` (`record.py`), their tangents are rules of their own. Derivatives: K.
Kreutz-Delgado, The Complex Gradient Operator and the CR-Calculus, 2009. `abs(z)` has derivative 0 at 0.
"""

from __future__ import annotations

from typing import Any

from ..ir import types as ty
from ..ir.core import Value
from ..ir.types import Type
from .arithmetic import is_zero, select
from .record import UNARY_COMPLEX, elementwise, float_result

# Values of complex type that are owed may be of real type: a real number, which is its own conjugate.


def real_part(x: Any) -> Any:
    if isinstance(x, Value):
        return real(x) if ty.is_complex(x.type) else x
    return x.real


def imaginary_part(x: Any) -> Any:
    if isinstance(x, Value):
        return imag(x) if ty.is_complex(x.type) else 0.0
    return x.imag


def conjugate(x: Any) -> Any:
    if isinstance(x, Value):
        return conj(x) if ty.is_complex(x.type) else x
    return x.conjugate()


def _part(type: Type) -> Type:
    return ty.real_of(ty.as_float(type))


def _unless_zero(ans: Any, term: Any) -> Any:
    """A term that divides by an absolute value; exactly nothing where that is 0."""
    return select(is_zero(ans), 0.0, term)


real = elementwise(
    "real",
    (),
    "{}.real",
    lambda g, ans, z: g,
    tangents=(lambda g, ans, z: real_part(g),),
    complex_points=UNARY_COMPLEX,
    result=_part,
    evaluate=lambda z: z.real,
    cost=1,
)
imag = elementwise(
    "imag",
    (),
    "{}.imag",
    lambda g, ans, z: complex_(0.0, -g),
    tangents=(lambda g, ans, z: imaginary_part(g),),
    complex_points=UNARY_COMPLEX,
    result=_part,
    evaluate=lambda z: z.imag,
    cost=1,
)
conj = elementwise(
    "conj",
    (),
    "{}.conjugate()",
    lambda g, ans, z: conjugate(g),
    tangents=(lambda g, ans, z: conjugate(g),),
    complex_points=UNARY_COMPLEX,
    evaluate=lambda z: z.conjugate(),
    cost=1,
)
modulus = elementwise(
    "modulus",
    (),
    "abs({})",
    lambda g, ans, z: _unless_zero(ans, conjugate(z) * (g / ans)),
    tangents=(lambda g, ans, z: _unless_zero(ans, real_part(conjugate(z) * g) / ans),),
    complex_points=UNARY_COMPLEX,
    result=_part,
    evaluate=abs,
    cost=8,
)
complex_ = elementwise(
    "complex",
    (),
    "complex({}, {})",
    lambda g, ans, x, y: real_part(g),
    lambda g, ans, x, y: -imaginary_part(g),
    tangents=(lambda g, ans, x, y: g, lambda g, ans, x, y: complex_(0.0, g)),
    complex_points=[(0.3, 0.4), (-1.2, 0.7)],
    result=lambda x, y: ty.complex_of(float_result(x, y)),
    evaluate=complex,
    cost=1,
)

__all__ = ["complex_", "conj", "conjugate", "imag", "imaginary_part", "modulus", "real", "real_part"]
