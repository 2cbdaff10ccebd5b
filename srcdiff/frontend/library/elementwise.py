"""Element by element, where a call is more than one primitive: choices, clipping, rounding, conversions.

np.clip(x, 0.0, 1.0)    ->    i -> minimum(maximum(x[i], 0.0), 1.0)
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir import types as ty
from ..things import ArrayView, Elementwise, Scalar, is_arraylike, is_scalar
from .axes import flag, is_none, whole_number
from .construction import astype
from .rearranging import CALLS as PICKING

if TYPE_CHECKING:
    from ..calls import Calls


def _where(calls: Calls, condition: Any, *choices: Any) -> Any:
    if not choices:
        return PICKING[np.nonzero](calls, condition)
    if len(choices) != 2:
        calls.refuse("`np.where` with one choice", instead="two choices")
    return calls.elementwise(
        lambda c, a, b: calls.scalar("select", calls.truth(c), a, b), condition, *choices
    )


def _select(calls: Calls, condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """The choice of the first condition that holds."""
    if not (
        isinstance(condlist, tuple) and isinstance(choicelist, tuple) and len(condlist) == len(choicelist)
    ):
        calls.refuse("`np.select` of this", instead="two tuples of one length")
    pairs = zip(reversed(condlist), reversed(choicelist), strict=True)
    return functools.reduce(lambda rest, pair: _where(calls, *pair, rest), pairs, default)


def _piecewise(calls: Calls, x: Any, condlist: Any, funclist: Any) -> Any:
    """Each function is called with the elements where its condition holds; where none does, it is the one more or 0."""
    x = calls.steady(calls.as_array(x))
    if not (isinstance(condlist, tuple) and isinstance(funclist, tuple) and condlist):
        calls.refuse("`np.piecewise` of this", instead="a list of conditions and a list of functions")
    conditions = [calls.materialise(c) if isinstance(c, Elementwise) else c for c in condlist]
    if len(funclist) == len(condlist) + 1:
        others = calls.elementwise(
            lambda *cs: calls.scalar("not", functools.reduce(lambda a, b: calls.scalar("or", a, b), cs)),
            *conditions,
        )
        conditions.append(calls.materialise(others))
    if len(funclist) != len(conditions):
        calls.refuse(
            "`np.piecewise` of lists of different lengths",
            instead="a function for each condition, or one more",
        )
    result = calls.allocate(calls.shape(x), calls.dtype(x), "zeros")
    for condition, function in zip(conditions, funclist, strict=True):
        if is_scalar(function):
            calls.scatter(result, (condition,), function)
            continue
        chosen = calls.materialise(calls.subscript(x, (condition,)))
        calls.scatter(result, (condition,), calls.call_here(function, chosen))
    return result


def clip(
    calls: Calls, a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None
) -> Any:
    low, high = (x if is_none(y) else y for x, y in ((a_min, min), (a_max, max)))

    def clipped(x: Scalar, *bounds: Scalar) -> Scalar:
        given = iter(bounds)
        if not is_none(low):
            x = calls.scalar("maximum", x, next(given))
        return x if is_none(high) else calls.scalar("minimum", x, next(given))

    return calls.elementwise(clipped, a, *(x for x in (low, high) if not is_none(x)))


def _nan_to_num(
    calls: Calls, x: Any, copy: Any = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    def finite(v: Scalar) -> Scalar:
        type = calls.as_value(v).type
        if not ty.is_float(type):
            return v
        limits = np.finfo(ty.numpy_dtype(type))
        top = float(limits.max) if is_none(posinf) else posinf
        bottom = float(limits.min) if is_none(neginf) else neginf
        found = calls.scalar("select", calls.scalar("isnan", v), nan, v)
        found = calls.scalar("select", calls.scalar("eq", v, math.inf), top, found)
        return calls.scalar("select", calls.scalar("eq", v, -math.inf), bottom, found)

    found = calls.elementwise(finite, x)
    if flag(calls, copy, "`copy`") or not isinstance(x, ArrayView):
        return found
    calls.fill(x, found)
    return x


def _heaviside(calls: Calls, thing: Any, at_zero: Any) -> Any:
    """0 below zero, 1 above it, NaN for NaN."""

    def step(x: Scalar, at_zero: Scalar) -> Scalar:
        x = calls.floating(x)
        nan = calls.as_value(math.nan, calls.as_value(x).type)
        rest = calls.scalar("select", calls.scalar("eq", x, 0.0), at_zero, nan)
        above = calls.scalar("select", calls.scalar("gt", x, 0.0), 1.0, rest)
        return calls.scalar("select", calls.scalar("lt", x, 0.0), 0.0, above)

    return calls.elementwise(step, thing, at_zero)


def rounded(calls: Calls, a: Any, decimals: Any = 0) -> Any:
    """To the nearest even multiple of a power of ten."""
    places = whole_number(calls, decimals, "`decimals`")
    scale = 10.0 ** abs(places)
    there, back = ("mul", "div") if places > 0 else ("div", "mul")

    def nearest(x: Scalar) -> Scalar:
        if not ty.is_float(calls.as_value(x).type):
            if places < 0:
                calls.refuse("rounding integers to tens", instead="`x // 10 * 10`")
            return x
        if places == 0:
            return calls.scalar("rint", x)
        return calls.scalar(back, calls.scalar("rint", calls.scalar(there, x, scale)), scale)

    return calls.elementwise(nearest, a)


def _divmod(calls: Calls, a: Any, b: Any) -> Any:
    a, b = (calls.steady(x) if is_arraylike(x) else x for x in (a, b))
    return tuple(
        calls.elementwise(lambda x, y, name=name: calls.scalar(name, x, y), a, b)
        for name in ("floordiv", "mod")
    )


def _modf(calls: Calls, x: Any) -> Any:
    x = calls.steady(x) if is_arraylike(x) else x
    whole = calls.elementwise(lambda v: calls.scalar("trunc", v), x)
    whole = calls.steady(whole) if is_arraylike(whole) else whole

    def fraction(v: Scalar, w: Scalar) -> Scalar:
        return calls.scalar("select", calls.scalar("isinf", v), 0.0, calls.scalar("sub", v, w))

    return calls.elementwise(fraction, x, whole), whole


def _isclose(calls: Calls, a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8) -> Any:
    def near(x: Scalar, y: Scalar) -> Scalar:
        x, y = calls.floating(x), calls.floating(y)
        size = calls.scalar("mul", rtol, calls.scalar("abs", y))
        bound = calls.scalar("add", atol, size)
        close = calls.scalar("le", calls.scalar("abs", calls.scalar("sub", x, y)), bound)
        close = calls.scalar("and", close, calls.scalar("isfinite", y))
        return calls.scalar("or", close, calls.scalar("eq", x, y))

    return calls.elementwise(near, a, b)


def _fix(calls: Calls, x: Any) -> Any:
    return calls.elementwise(lambda v: calls.scalar("trunc", v), x)


def _positive(calls: Calls, x: Any) -> Any:
    return calls.elementwise(lambda v: calls.as_value(v), x) if not is_scalar(x) else x


CALLS: dict[Any, Any] = {
    np.where: _where,
    np.select: _select,
    np.piecewise: _piecewise,
    np.clip: clip,
    np.nan_to_num: _nan_to_num,
    np.heaviside: _heaviside,
    np.round: rounded,
    np.around: rounded,
    np.divmod: _divmod,
    np.modf: _modf,
    np.fix: _fix,
    np.positive: _positive,
    np.isclose: _isclose,
}
if hasattr(np, "astype"):  # NumPy 2.1
    CALLS[np.astype] = lambda calls, x, dtype, *, copy=True: astype(calls, x, dtype, copy=copy)
