"""Parts, conjugates and angles of complex numbers, `cmath`, and which functions of the library take complex numbers.

np.angle(z)    ->    i -> atan2(imag(z[i]), real(z[i]))
"""

from __future__ import annotations

import cmath
import math
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir import types as ty
from ..things import ArrayView, Elementwise, Scalar, is_arraylike, is_scalar
from . import construction, joining, shapes
from .axes import flag

if TYPE_CHECKING:
    from ..calls import Calls


def is_complex(calls: Calls, thing: Any) -> bool:
    """Whether a number, an array or something in a tuple is complex."""
    if isinstance(thing, tuple):
        return any(is_complex(calls, part) for part in thing)
    if is_scalar(thing):
        return ty.is_complex(calls.as_value(thing).type)
    return is_arraylike(thing) and ty.is_complex(calls.dtype(thing))


def part(name: str, of_real: Callable[[Any], Any], view: bool) -> Any:
    """The real or imaginary part, which shares its memory in NumPy, or the conjugate, a new array."""

    def make(calls: Calls, z: Any) -> Any:
        if isinstance(z, tuple):
            z = calls.array_of(z)
        if not is_complex(calls, z):
            return of_real(z) if is_scalar(z) else z if name == "real" else calls.elementwise(of_real, z)
        if is_scalar(z):
            return calls.scalar(name, z)
        found = calls.elementwise(lambda x: calls.scalar(name, x), z)
        if not isinstance(found, Elementwise):
            return found
        shared = calls.reads(z) if view else frozenset()
        return replace(found, shares=shared, cheap=isinstance(z, ArrayView) or z.cheap)

    return make


real = part("real", lambda x: x, view=True)
imag = part("imag", lambda x: 0.0, view=True)
conjugate = part("conj", lambda x: x, view=False)


def angle_of(calls: Calls, z: Scalar) -> Scalar:
    if not is_complex(calls, z):
        x = calls.as_value(calls.floating(z))
        return calls.scalar("select", calls.scalar("lt", x, 0.0), calls.as_value(math.pi, x.type), 0.0)
    return calls.scalar("atan2", calls.scalar("imag", z), calls.scalar("real", z))


def _angle(calls: Calls, z: Any, deg: Any = False) -> Any:
    in_degrees = flag(calls, deg, "`deg`")

    def turn(x: Scalar) -> Scalar:
        angle = angle_of(calls, x)
        return calls.scalar("mul", angle, 180.0 / math.pi) if in_degrees else angle

    return calls.elementwise(turn, z)


def made_complex(calls: Calls, *parts: Any) -> Scalar:
    """`complex(x)` and `complex(x, y)`."""
    if len(parts) > 2 or not all(map(is_scalar, parts)):
        calls.refuse("this call of `complex`", instead="one number, or two")
    if not parts:
        return 0j
    if len(parts) == 1:
        return calls.cast(calls.as_value(parts[0], ty.complex128), ty.complex128)
    if is_complex(calls, parts):
        calls.refuse("`complex` of complex numbers", instead="`a + 1j * b`")
    x, y = (calls.cast(calls.as_value(calls.floating(p)), ty.float64) for p in parts)
    return calls.scalar("complex", x, y)


# -------------------------------------------------------------------------------------------------- cmath


def _of_complex(name: str) -> Any:
    """A function of `cmath`: that of NumPy for complex numbers, also of a real number."""

    def make(calls: Calls, z: Any) -> Scalar:
        return calls.scalar(name, made_complex(calls, z))

    return make


def _log(calls: Calls, z: Any, base: Any = None) -> Scalar:
    top = calls.scalar("log", made_complex(calls, z))
    return top if base is None else calls.scalar("div", top, calls.scalar("log", made_complex(calls, base)))


def _phase(calls: Calls, z: Any) -> Scalar:
    return angle_of(calls, made_complex(calls, z))


def _polar(calls: Calls, z: Any) -> tuple[Scalar, Scalar]:
    z = made_complex(calls, z)
    return calls.scalar("abs", z), angle_of(calls, z)


def _rect(calls: Calls, r: Any, phi: Any) -> Scalar:
    x, y = (calls.scalar("mul", r, calls.scalar(name, calls.floating(phi))) for name in ("cos", "sin"))
    return calls.scalar("complex", x, y)


CALLS: dict[Any, Any] = {
    np.real: real,
    np.imag: imag,
    np.conj: conjugate,
    np.angle: _angle,
    complex: made_complex,
    cmath.log: _log,
    cmath.phase: _phase,
    cmath.polar: _polar,
    cmath.rect: _rect,
} | {
    getattr(cmath, name): _of_complex(name)
    for name in (
        "exp", "log10", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh",
        "acosh", "atanh", "isnan", "isinf", "isfinite",
    )
}  # fmt: skip

# What an entry composes of rows is right for complex numbers only where NumPy takes no absolute values, conjugates or
# order of them on the way: what is not listed here refuses them.
TAKING_COMPLEX = frozenset({
    *CALLS, *construction.CALLS, *shapes.CALLS, *joining.CALLS,
    *(getattr(np, name) for name in (
        "all", "any", "average", "compress", "convolve", "count_nonzero", "cross", "cumprod", "cumsum", "diag",
        "diagflat", "diagonal", "diff", "dot", "ediff1d", "einsum", "extract", "fill_diagonal", "flatnonzero", "inner",
        "isclose", "kron", "matmul", "mean", "nonzero", "outer", "pad", "polyval", "positive", "prod", "put", "repeat",
        "roll", "select", "std", "sum", "take", "tensordot", "tile", "trace", "tril", "triu", "var", "vdot", "where",
    )),
    *(getattr(np.linalg, name) for name in (
        "det", "inv", "matrix_power", "multi_dot", "norm", "solve",
    )),
    *(getattr(np.ndarray, name) for name in (*construction.METHODS, *shapes.METHODS)),
    operator.matmul, len, sum, any, all, type, enumerate, zip, reversed, isinstance, print,
    *(getattr(np, name) for name in ("astype", "trapezoid", "trapz") if hasattr(np, name)),
}) - {np.logspace, np.arange}  # fmt: skip


__all__ = ["CALLS", "TAKING_COMPLEX", "conjugate", "imag", "is_complex", "made_complex", "real"]
