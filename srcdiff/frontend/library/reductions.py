"""Arrays to fewer elements: sums, means, extremes, norms, along axes; and running sums.

    np.mean(x, axis=0)    ->    for every column one loop that adds up, and a division

Each reduction is a function from an array-like thing to a scalar; `reduction` makes it work along axes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir import types as ty
from ..linalg import spectral_norm
from ..things import ArrayView, Elementwise, Scalar, is_arraylike, is_number
from .axes import Indices, axis_of, flag, inserted, is_none, lined_up, without

if TYPE_CHECKING:
    from ..calls import Calls

Reduce = Callable[["Calls", Any], Scalar]


def reduced(calls: Calls, a: Any, axis: Any, keepdims: Any, reduce: Reduce) -> Any:
    axis = None if is_none(axis) else axis
    kept = flag(calls, keepdims, "`keepdims`")
    return calls.along(a, axis, lambda x: reduce(calls, x), kept, adds=reduce is total)


def reduction(reduce: Reduce) -> Any:
    def make(calls: Calls, a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False) -> Any:
        return reduced(calls, _of_type(calls, a, dtype), axis, keepdims, reduce)

    return make


def reduction_without_dtype(reduce: Reduce) -> Any:
    def make(calls: Calls, a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
        return reduced(calls, a, axis, keepdims, reduce)

    return make


def _of_type(calls: Calls, a: Any, dtype: Any) -> Any:
    type = calls.dtype_of(dtype)
    return a if type is None else calls.converted(calls.any_array(a), type)


def _count(calls: Calls, thing: Any) -> Scalar:
    return calls.product(calls.shape(thing))


def _square(calls: Calls, x: Scalar) -> Scalar:
    """The square of the absolute value."""
    if ty.is_complex(calls.as_value(x).type):
        parts = (calls.scalar(part, x) for part in ("real", "imag"))
        return calls.scalar("add", *(calls.scalar("mul", p, p) for p in parts))
    return calls.scalar("mul", x, x)


# ------------------------------------------------------------------------------------- sums and moments


def total(calls: Calls, thing: Any) -> Scalar:
    return calls.total(thing)


def _shared(calls: Calls, total: Scalar, count: Scalar) -> Scalar:
    """A sum by a number of elements, in the type of the sum."""
    share = calls.scalar("div", total, count)
    type = calls.as_value(total).type
    return calls.cast(share, type) if ty.is_differentiable(type) else share


def mean_of(calls: Calls, thing: Any) -> Scalar:
    return _shared(calls, calls.total(thing), _count(calls, thing))


def product_of(calls: Calls, thing: Any) -> Scalar:
    return calls.accumulate(
        1, calls.shape(thing), lambda p, i: calls.scalar("mul", p, calls.at(thing, i)), calls.sum_type(thing)
    )


def _variance_of(calls: Calls, thing: Any, ddof: Any) -> Scalar:
    thing = calls.steady(thing)
    mean = mean_of(calls, thing)
    total = calls.total(calls.elementwise(lambda x: _square(calls, calls.scalar("sub", x, mean)), thing))
    return _shared(calls, total, calls.scalar("sub", _count(calls, thing), ddof))


def _spread(variance_of: Callable[[Calls, Any, Any], Scalar], root: bool) -> Any:
    def make(
        calls: Calls, a: Any, axis: Any = None, dtype: Any = None, *, ddof: Any = 0, keepdims: Any = False
    ) -> Any:
        def reduce(calls: Calls, x: Any) -> Scalar:
            variance = variance_of(calls, x, ddof)
            return calls.scalar("root_of_squares", variance) if root else variance

        return reduced(calls, _of_type(calls, a, dtype), axis, keepdims, reduce)

    return make


def _average(calls: Calls, a: Any, axis: Any = None, weights: Any = None, *, keepdims: Any = False) -> Any:
    if is_none(weights):
        return reduced(calls, a, axis, keepdims, mean_of)
    a, weights = calls.any_array(a), calls.any_array(weights)
    if weights.ndim != a.ndim:
        if weights.ndim != 1 or is_none(axis) or not isinstance(axis, int):
            calls.refuse("weights of another shape", instead="weights of the shape of the array")
        line, k = calls.steady(weights), axis_of(calls, axis, a.ndim)
        fits = calls.scalar("eq", calls.length(line), calls.length(a, k))
        calls.require(fits, "ValueError", "as many weights as elements along the axis are needed")
        weights = Elementwise(calls.shape(a), lambda i: calls.at(line, (i[k],)), calls.reads(line))
    weights = calls.steady(weights)
    weighted = calls.elementwise(lambda x, w: calls.scalar("mul", x, w), a, weights)
    above = reduced(calls, weighted, axis, keepdims, total)
    below = reduced(calls, weights, axis, keepdims, total)
    return calls.elementwise(lambda p, q: calls.scalar("div", p, q), above, below)


# -------------------------------------------------------------------------------------- extreme elements


def extreme(name: str) -> Reduce:
    def reduce(calls: Calls, thing: Any) -> Scalar:
        calls.require_elements(thing, f"`np.{name}`")
        return calls.extreme(thing, name)

    return reduce


def _ptp(calls: Calls, thing: Any) -> Scalar:
    thing = calls.steady(thing)
    return calls.scalar("sub", extreme("max")(calls, thing), extreme("min")(calls, thing))


def _position(name: str) -> Any:
    def make(calls: Calls, a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
        a = calls.steady(calls.any_array(a))
        if is_none(axis):
            calls.require_elements(a, f"`np.arg{name}`")
            found = calls.position(a if a.ndim == 1 else calls.raveled(a), name)
            if flag(calls, keepdims, "`keepdims`"):
                return Elementwise((1,) * a.ndim, lambda _: found, frozenset())
            return found

        def reduce(calls: Calls, x: Any) -> Scalar:
            calls.require_elements(x, f"`np.arg{name}`")
            return calls.position(x, name)

        return reduced(calls, a, axis_of(calls, axis, a.ndim), keepdims, reduce)

    return make


# ------------------------------------------------------------------------------------------- without NaN


def _present(calls: Calls, thing: Any) -> Any:
    """Which elements are not NaN."""
    return calls.elementwise(lambda x: calls.scalar("not", calls.scalar("isnan", x)), thing)


def _nan_as(calls: Calls, thing: Any, number: Any) -> Any:
    return calls.elementwise(lambda x: calls.scalar("select", calls.scalar("isnan", x), number, x), thing)


def _nansum(calls: Calls, thing: Any) -> Scalar:
    return calls.total(_nan_as(calls, thing, 0.0))


def _nanprod(calls: Calls, thing: Any) -> Scalar:
    return product_of(calls, _nan_as(calls, thing, 1.0))


def _nanmean(calls: Calls, thing: Any) -> Scalar:
    thing = calls.steady(thing)
    return _shared(calls, _nansum(calls, thing), calls.total(_present(calls, thing)))


def _nanvar_of(calls: Calls, thing: Any, ddof: Any) -> Scalar:
    thing = calls.steady(thing)
    mean = _nanmean(calls, thing)

    def square(x: Scalar) -> Scalar:
        # The choice comes before the square, whose derivative would multiply NaN by zero.
        distance = calls.scalar("select", calls.scalar("isnan", x), 0.0, calls.scalar("sub", x, mean))
        return _square(calls, distance)

    total = calls.total(calls.elementwise(square, thing))
    return _shared(calls, total, calls.scalar("sub", calls.total(_present(calls, thing)), ddof))


def _nan_extreme(name: str) -> Reduce:
    def reduce(calls: Calls, thing: Any) -> Scalar:
        thing = calls.steady(thing)
        calls.require_elements(thing, f"`np.nan{name}`")
        worst = -math.inf if name == "max" else math.inf
        best = calls.extreme(_nan_as(calls, thing, worst), name, nan_wins=False)
        if not ty.is_float(calls.dtype(thing)):
            return best
        present = calls.total(_present(calls, thing))
        return calls.scalar("select", calls.scalar("eq", present, 0), math.nan, best)

    return reduce


# ------------------------------------------------------------------------------------- truth and counting


def any_all(name: str, start: bool) -> Any:
    def reduce(calls: Calls, thing: Any) -> Scalar:
        def step(s: Scalar, i: Indices) -> Scalar:
            return calls.scalar(name, s, calls.truth(calls.at(thing, i)))

        return calls.accumulate(start, calls.shape(thing), step, ty.boolean)

    return reduction_without_dtype(reduce)


def _nonzero_count(calls: Calls, thing: Any) -> Scalar:
    return calls.total(calls.elementwise(calls.truth, thing))


# -------------------------------------------------------------------------------------------- running sums


def running(name: str, start: int, first_axis: bool = False) -> Any:
    """`np.cumsum` and its like; `np.add.accumulate` runs along the first axis."""

    def make(calls: Calls, a: Any, axis: Any = 0 if first_axis else None, dtype: Any = None) -> ArrayView:
        a, k = lined_up(calls, _of_type(calls, a, dtype), axis)
        shape, type = calls.shape(a), calls.sum_type(a)
        result = calls.allocate(shape, type)

        def line(others: Indices) -> None:
            def step(total: Scalar, i: Indices) -> Scalar:
                where = inserted(others, k, i[0])
                new = calls.scalar(name, total, calls.at(a, where))
                calls.store(result, where, new)
                return new

            calls.accumulate(start, (shape[k],), step, type)

        calls.nest(without(shape, k), line)
        return result

    return make


# -------------------------------------------------------------------------------------------------- norms


def _magnitude(calls: Calls, x: Scalar) -> Scalar:
    return calls.scalar("abs", x)


def _euclidean(calls: Calls, thing: Any) -> Scalar:
    squares = calls.elementwise(functools.partial(_square, calls), thing)
    return calls.scalar("root_of_squares", calls.total(squares))


def _vector_norm(calls: Calls, order: Any) -> Reduce:
    def each(thing: Any, function: Callable[[Scalar], Scalar]) -> Any:
        return calls.elementwise(function, thing)

    if order in (None, 2):
        return _euclidean
    if order in (math.inf, -math.inf):
        name = "max" if order > 0 else "min"
        return lambda calls, x: extreme(name)(calls, each(x, functools.partial(_magnitude, calls)))
    if order == 1:
        return lambda calls, x: calls.total(each(x, functools.partial(_magnitude, calls)))
    if order == 0:
        return lambda calls, x: calls.total(
            each(x, lambda v: calls.scalar("select", calls.scalar("ne", v, 0.0), 1.0, 0.0))
        )

    def general(calls: Calls, x: Any) -> Scalar:
        powers = each(x, lambda v: calls.scalar("pow", _magnitude(calls, v), order))
        return calls.scalar("pow", calls.total(powers), 1.0 / order)

    return general


def norm(calls: Calls, x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    """`np.linalg.norm` of vectors by any order, and of matrices where a sum or a largest sum gives it."""
    x = calls.any_array(x)
    if not ty.is_differentiable(calls.dtype(x)):
        x = calls.converted(x, ty.float64)
    order = None if is_none(ord) else getattr(ord, "value", ord)
    axes = axis if isinstance(axis, tuple) or is_none(axis) else (axis,)
    over = tuple(range(x.ndim)) if is_none(axes) else tuple(axis_of(calls, a, x.ndim) for a in axes)
    if order is None or (order == "fro" and len(over) == 2):
        return reduced(calls, x, None if is_none(axes) else over, keepdims, _euclidean)
    if order in (2, -2, "nuc") and len(over) == x.ndim == 2 and not flag(calls, keepdims, "`keepdims`"):
        return spectral_norm(calls, x, order)
    if not (is_number(order) or order == "fro") or len(over) not in (1, 2):
        calls.refuse("a norm of this order", instead="orders `None`, `1`, `2`, `np.inf` of vectors")
    if len(over) == 1:
        return reduced(calls, x, over, keepdims, _vector_norm(calls, order))
    if order not in (1, -1, math.inf, -math.inf):
        calls.refuse(
            f"the matrix norm of order {order}",
            "along axes it would need the singular values of many matrices",
            "one matrix, or the orders `None`, `1` and `np.inf`",
        )
    summed, along = over if abs(order) == 1 else over[::-1]
    kept = flag(calls, keepdims, "`keepdims`")
    sums = calls.steady(reduced(calls, x, (summed,), True, _vector_norm(calls, 1)))
    found = reduced(calls, sums, (along,), True, extreme("max" if order > 0 else "min"))
    if kept:
        return found
    rest = [k for k in range(x.ndim) if k not in over]
    if not rest:
        return calls.at(found, (0,) * x.ndim)
    shape = calls.shape(found)

    def at(i: Indices) -> Scalar:
        given = dict(zip(rest, i, strict=True))
        return calls.at(found, tuple(given.get(k, 0) for k in range(x.ndim)))

    return Elementwise(tuple(shape[k] for k in rest), at, calls.reads(found))


def _shift(calls: Calls, thing: Any) -> Scalar:
    """What to subtract so that no exponential overflows: the largest element, as a constant."""
    top = calls.largest(thing)
    return calls.scalar("select", calls.scalar("isfinite", top), top, 0.0)


def shifted_log_of_sum(calls: Calls, thing: Any) -> Scalar:
    """log(sum(exp(x)))"""
    thing = calls.steady(thing)
    top = _shift(calls, thing)
    terms = calls.elementwise(lambda x: calls.scalar("exp", calls.scalar("sub", x, top)), thing)
    return calls.scalar("add", calls.scalar("log", calls.total(terms)), top)


def logsumexp(
    calls: Calls, a: Any, axis: Any = None, b: Any = None, keepdims: Any = False, return_sign: Any = False
) -> Any:
    if flag(calls, return_sign, "`return_sign`"):
        calls.refuse("`return_sign`", instead="`np.log(np.abs(np.sum(b * np.exp(a))))`")
    a = calls.steady(calls.any_array(a))
    if is_none(b):
        return reduced(calls, a, axis, keepdims, shifted_log_of_sum)
    b = calls.steady(b) if is_arraylike(b) else b

    def where_weighted(x: Scalar, w: Scalar) -> Scalar:
        return calls.scalar("select", calls.scalar("eq", w, 0.0), -math.inf, x)

    a = calls.steady(calls.elementwise(where_weighted, a, b))
    tops = calls.steady(reduced(calls, a, axis, True, _shift))

    def term(x: Scalar, top: Scalar, w: Scalar) -> Scalar:
        return calls.scalar("mul", w, calls.scalar("exp", calls.scalar("sub", x, top)))

    sums = reduced(calls, calls.elementwise(term, a, tops, b), axis, keepdims, total)
    shifts = tops if flag(calls, keepdims, "`keepdims`") else reduced(calls, tops, axis, False, total)
    return calls.elementwise(lambda s, top: calls.scalar("add", calls.scalar("log", s), top), sums, shifts)


CALLS: dict[Any, Any] = {
    np.sum: reduction(total),
    np.mean: reduction(mean_of),
    np.prod: reduction(product_of),
    np.var: _spread(_variance_of, root=False),
    np.std: _spread(_variance_of, root=True),
    np.average: _average,
    np.max: reduction_without_dtype(extreme("max")),
    np.min: reduction_without_dtype(extreme("min")),
    np.amax: reduction_without_dtype(extreme("max")),
    np.amin: reduction_without_dtype(extreme("min")),
    np.ptp: reduction_without_dtype(_ptp),
    np.argmax: _position("max"),
    np.argmin: _position("min"),
    np.nansum: reduction(_nansum),
    np.nanprod: reduction(_nanprod),
    np.nanmean: reduction(_nanmean),
    np.nanvar: _spread(_nanvar_of, root=False),
    np.nanstd: _spread(_nanvar_of, root=True),
    np.nanmax: reduction_without_dtype(_nan_extreme("max")),
    np.nanmin: reduction_without_dtype(_nan_extreme("min")),
    np.any: any_all("or", False),
    np.all: any_all("and", True),
    np.count_nonzero: reduction_without_dtype(_nonzero_count),
    np.cumsum: running("add", 0),
    np.cumprod: running("mul", 1),
    np.linalg.norm: norm,
}
