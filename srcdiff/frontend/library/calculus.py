"""Differences, integrals, interpolation, polynomials, covariances.

np.trapezoid(y, dx=h)    ->    for i: total += h * (y[i + 1] + y[i]) / 2
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir import types as ty
from ..linalg import least_squares, product
from ..things import Elementwise, Scalar, Static, is_arraylike, is_number, is_scalar
from .axes import (
    Indices,
    axes_of,
    axis_of,
    flag,
    is_none,
    rearranged,
    replaced,
    whole_number,
)
from .joining import concatenate
from .reductions import mean_of
from .shapes import expanded

if TYPE_CHECKING:
    from ..calls import Calls


def _shifted(calls: Calls, i: Indices, k: int, by: int) -> Indices:
    return replaced(i, k, calls.scalar("add", i[k], by))


# ------------------------------------------------------------------------------------------- differences


def _diff(calls: Calls, a: Any, n: Any = 1, axis: Any = -1, prepend: Any = None, append: Any = None) -> Any:
    a = calls.as_array(a)
    k = axis_of(calls, axis, a.ndim)
    ends = [x if is_none(x) else _end(calls, a, x, k) for x in (prepend, append)]
    parts = tuple(x for x in (ends[0], a, ends[1]) if not is_none(x))
    a = concatenate(calls, parts, k) if len(parts) > 1 else a
    name = "ne" if ty.is_boolean(calls.dtype(a)) else "sub"
    for _ in range(whole_number(calls, n, "`n`")):
        a = _difference(calls, calls.steady(a), k, name)
    return a


def _end(calls: Calls, a: Any, x: Any, k: int) -> Any:
    if is_scalar(x):
        return Elementwise(replaced(calls.shape(a), k, 1), lambda _: x, frozenset())
    return calls.as_array(x)


def _difference(calls: Calls, a: Any, k: int, name: str) -> Elementwise:
    shape = calls.shape(a)
    n = calls.scalar("max", calls.scalar("sub", shape[k], 1), 0)
    return Elementwise(
        replaced(shape, k, n),
        lambda i: calls.scalar(name, calls.at(a, _shifted(calls, i, k, 1)), calls.at(a, i)),
        calls.reads(a),
    )


def _gradient(calls: Calls, f: Any, *varargs: Any, axis: Any = None, edge_order: Any = 1) -> Any:
    f = calls.steady(calls.wide(calls.as_array(f)))
    axes = tuple(range(f.ndim)) if is_none(axis) else axes_of(calls, axis, f.ndim)
    spacing = tuple(map(calls.wide, varargs)) or (1.0,)
    if len(spacing) == 1:
        spacing = spacing * len(axes)
    if len(spacing) != len(axes):
        calls.refuse(f"{len(varargs)} spacings for {len(axes)} axes", instead="one for each axis")
    order = whole_number(calls, edge_order, "`edge_order`")
    if order not in (1, 2):
        calls.refuse(f"`edge_order={order}`", instead="`edge_order=1` or `edge_order=2`")
    found = tuple(_slope(calls, f, h, k, order) for h, k in zip(spacing, axes, strict=True))
    return found[0] if len(found) == 1 else found


def _slope(calls: Calls, f: Any, h: Any, k: int, order: int) -> Any:
    """Second-order central differences inside, one-sided ones at both ends."""
    shape = calls.shape(f)
    n = shape[k]
    calls.require(
        calls.scalar("ge", n, order + 1), "ValueError", "an array too small for a numerical gradient"
    )
    type = calls.dtype(f) if ty.is_float(calls.dtype(f)) else ty.float64
    result = calls.allocate(shape, type)
    even = is_scalar(h)
    if not even:
        h = calls.steady(calls.as_array(h))
        calls.broadcast([(n,), calls.shape(h)], 1)

    def step(j: Scalar) -> Scalar:
        """The distance from point j to the next."""
        return (
            h if even else calls.scalar("sub", calls.at(h, (calls.scalar("add", j, 1),)), calls.at(h, (j,)))
        )

    def value(i: Indices, j: Scalar) -> Scalar:
        return calls.at(f, replaced(i, k, j))

    def weighted(*terms: tuple[Scalar, Scalar]) -> Scalar:
        total: Scalar = None
        for weight, x in terms:
            term = calls.scalar("mul", weight, x)
            total = term if total is None else calls.scalar("add", total, term)
        return total

    def ratio(a: Scalar, b: Scalar) -> Scalar:
        return calls.scalar("div", a, b)

    def inside(i: Indices) -> None:
        j, middle, m = i[k], calls.scalar("add", i[k], 1), calls.scalar("add", i[k], 2)
        if even:
            rise = calls.scalar("sub", value(i, m), value(i, j))
            slope = ratio(rise, calls.scalar("mul", h, 2.0))
        else:
            a, b = step(j), step(middle)
            both = calls.scalar("add", a, b)
            slope = weighted(
                (ratio(calls.scalar("neg", b), calls.scalar("mul", a, both)), value(i, j)),
                (ratio(calls.scalar("sub", b, a), calls.scalar("mul", a, b)), value(i, middle)),
                (ratio(a, calls.scalar("mul", b, both)), value(i, m)),
            )
        calls.store(result, replaced(i, k, middle), slope)

    def end(i: Indices, at: Scalar, inner: Scalar, first: Scalar, second: Scalar, forward: bool) -> None:
        """The slope at an end from the point itself, the next and, of second order, the one after it."""
        towards = value(i, inner), value(i, at)
        if order == 1:
            rise = calls.scalar("sub", *(towards if forward else towards[::-1]))
            calls.store(result, replaced(i, k, at), ratio(rise, first))
            return
        beyond = calls.scalar("add", inner, 1 if forward else -1)
        both = calls.scalar("add", first, second)
        at_end = ratio(
            calls.scalar("add", calls.scalar("mul", 2.0, first), second), calls.scalar("mul", first, both)
        )
        at_next = ratio(both, calls.scalar("mul", first, second))
        at_last = ratio(first, calls.scalar("mul", second, both))
        terms = [(at_end, towards[1]), (at_next, towards[0]), (at_last, value(i, beyond))]
        signs = (-1.0, 1.0, -1.0) if forward else (1.0, -1.0, 1.0)
        slope = weighted(*((calls.scalar("mul", s, w), x) for s, (w, x) in zip(signs, terms, strict=True)))
        calls.store(result, replaced(i, k, at), slope)

    inner_count = calls.scalar("sub", n, 2)
    last, before, third = (calls.scalar("sub", n, j) for j in (1, 2, 3))
    calls.nest(replaced(shape, k, inner_count), inside)
    second = step(1) if order == 2 else 0.0
    calls.nest(replaced(shape, k, 1), lambda i: end(i, 0, 1, step(0), second, True))
    second = step(third) if order == 2 else 0.0
    calls.nest(replaced(shape, k, 1), lambda i: end(i, last, before, step(before), second, False))
    return result


def _trapezoid(calls: Calls, y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Any:
    y = calls.steady(calls.as_array(y))
    k = axis_of(calls, axis, y.ndim)
    pairs = _pairs(calls, y, k)
    if is_none(x):
        widths: Any = dx
    else:
        x = calls.steady(calls.as_array(x))
        widths = _difference(calls, x, k if x.ndim == y.ndim else 0, "sub")
        if x.ndim == 1 and y.ndim > 1:
            line = calls.steady(widths)
            calls.broadcast([(pairs.shape[k],), calls.shape(line)], 1)
            widths = rearranged(calls, line, pairs.shape, lambda i: (i[k],))

    def area(d: Scalar, both: Scalar) -> Scalar:
        return calls.scalar("div", calls.scalar("mul", d, both), 2.0)

    return calls.along(calls.elementwise(area, widths, pairs), k, calls.total)


def _pairs(calls: Calls, y: Any, k: int) -> Elementwise:
    """The sums of neighbours along an axis."""
    return _difference(calls, y, k, "add")


# ------------------------------------------------------------------------------------------ interpolation


def _interp(
    calls: Calls, x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """Linear between the points, constant beyond them."""
    if not is_none(period):
        calls.refuse("`period`", instead="`x % period`, with points that cover a period")
    x = calls.wide(x)
    xp, fp = (calls.steady(calls.wide(calls.as_array(points))) for points in (xp, fp))
    calls.broadcast([calls.shape(xp), calls.shape(fp)], 1)
    n = calls.length(xp)
    calls.require(calls.scalar("gt", n, 0), "ValueError", "array of sample points is empty")
    last = calls.scalar("sub", n, 1)
    below = calls.at(fp, (0,)) if is_none(left) else left
    above = calls.at(fp, (last,)) if is_none(right) else right
    single = is_scalar(x)
    x = x if single else calls.steady(calls.as_array(x))
    side = {"side": Static("right")}
    found = calls.opaque(np.searchsorted, (xp, x), side, calls.current_node)

    def value(v: Scalar, behind: Scalar) -> Scalar:
        v = calls.floating(v)
        j = calls.scalar(
            "max", calls.scalar("min", calls.scalar("sub", behind, 1), calls.scalar("sub", n, 2)), 0
        )
        calls.never_below_zero(j)
        m = calls.scalar("min", calls.scalar("add", j, 1), last)
        x0, x1, y0, y1 = (calls.at(a, (b,)) for a, b in ((xp, j), (xp, m), (fp, j), (fp, m)))
        slope = calls.scalar("div", calls.scalar("sub", y1, y0), calls.scalar("sub", x1, x0))
        inside = calls.scalar("add", calls.scalar("mul", slope, calls.scalar("sub", v, x0)), y0)
        top, bottom = calls.at(xp, (last,)), calls.at(xp, (0,))
        inside = calls.scalar("select", calls.scalar("eq", v, top), calls.at(fp, (last,)), inside)
        inside = calls.scalar("select", calls.scalar("gt", v, top), above, inside)
        return calls.scalar("select", calls.scalar("lt", v, bottom), below, inside)

    return value(x, found) if single else calls.materialise(calls.elementwise(value, x, found))


def _polyval(calls: Calls, p: Any, x: Any) -> Any:
    """Horner's rule; the coefficient of the highest power comes first."""
    p, x = calls.steady(calls.wide(calls.as_array(p))), calls.wide(x)
    if p.ndim != 1:
        calls.refuse("`np.polyval` of a matrix of coefficients", instead="a vector of them")
    if is_arraylike(x):
        x = calls.steady(x)
        type = ty.promote(calls.dtype(p), calls.dtype(x))
    else:
        type = ty.promote(calls.dtype(p), calls.as_value(x).type)

    def horner(v: Scalar) -> Scalar:
        def step(total: Scalar, i: Indices) -> Scalar:
            return calls.scalar("add", calls.scalar("mul", total, v), calls.at(p, i))

        return calls.accumulate(0, calls.shape(p), step, type)

    found = calls.elementwise(horner, x)
    return calls.materialise(found) if isinstance(found, Elementwise) else found


def _polyfit(calls: Calls, x: Any, y: Any, deg: Any) -> Any:
    """The coefficients of the polynomial with the least squares of deviations, columns being scaled as NumPy does."""
    powers = _vander(calls, calls.elementwise(calls.floating, x), calls.scalar("add", calls.integer(deg), 1))
    scale = calls.call_here(Static(np.linalg.norm), powers, axis=0)

    def divided(a: Any) -> Any:
        return calls.elementwise(lambda p, q: calls.scalar("div", p, q), a, scale)

    y = calls.steady(calls.as_array(y))
    if y.ndim != 1:
        calls.refuse("`np.polyfit` of several data sets", instead="a loop over them")
    return calls.materialise(divided(least_squares(calls, divided(powers), y)[0]))


def _vander(calls: Calls, x: Any, N: Any = None, increasing: Any = False) -> Any:
    x = calls.steady(calls.wide(calls.as_array(x)))
    n = calls.length(x) if is_none(N) else calls.integer(N)
    upwards = flag(calls, increasing, "`increasing`")
    type = ty.promote(calls.dtype(x), ty.int64)
    result = calls.allocate((calls.length(x), n), type)

    def line(row: Any) -> None:
        def step(power: Scalar, j: Indices) -> Scalar:
            column = j[0] if upwards else calls.scalar("sub", calls.scalar("sub", n, 1), j[0])
            calls.never_below_zero(column)
            calls.store(result, (row, column), power)
            return calls.scalar("mul", power, calls.at(x, (row,)))

        calls.accumulate(1, (n,), step, type)

    calls.count_loop(calls.length(x), line)
    return result


# -------------------------------------------------------------------------------------------- covariances


def _cov(calls: Calls, m: Any, y: Any = None, rowvar: Any = True, bias: Any = False, ddof: Any = None) -> Any:
    """Rows are variables, columns observations (exchanged without `rowvar`)."""
    rows = [calls.any_array(x) for x in (m, y) if not is_none(x)]
    flip = not flag(calls, rowvar, "`rowvar`")
    single = len(rows) == 1 and rows[0].ndim == 1
    if len(rows) == 1 and not single:
        variables = calls.length(rows[0], 1 if flip else 0)
        single = is_number(variables) and variables == 1
        if not single:
            several = calls.scalar("ne", variables, 1)
            calls.require(several, "ValueError", "NumPy gives a number for one variable: give it as a vector")
    rows = [expanded(calls, x, (0,)) if x.ndim == 1 else calls.transposed(x) if flip else x for x in rows]
    x = concatenate(calls, tuple(rows), 0) if len(rows) > 1 else calls.steady(rows[0])
    means = calls.steady(calls.along(x, 1, lambda v: mean_of(calls, v), True))
    centred = calls.steady(calls.elementwise(lambda a, b: calls.scalar("sub", a, b), x, means))
    less = (0 if flag(calls, bias, "`bias`") else 1) if is_none(ddof) else ddof
    freedom = calls.scalar("sub", calls.length(x, 1), less)
    products = product(calls, centred, calls.transposed(centred))
    found = calls.elementwise(lambda v: calls.scalar("div", v, freedom), products)
    return calls.at(found, (0, 0)) if single else found


def _corrcoef(calls: Calls, x: Any, y: Any = None, rowvar: Any = True) -> Any:
    covariance = _cov(calls, x, y, rowvar)
    if is_scalar(covariance):
        return calls.scalar("div", covariance, covariance)
    c = calls.steady(covariance)
    scale = calls.steady(
        rearranged(calls, calls.elementwise(lambda v: calls.scalar("sqrt", v), c), calls.shape(c)[:1], _twice)
    )

    def at(i: Indices) -> Scalar:
        share = calls.scalar("div", calls.at(c, i), calls.at(scale, (i[0],)))
        share = calls.scalar("div", share, calls.at(scale, (i[1],)))
        return calls.scalar("minimum", calls.scalar("maximum", share, -1.0), 1.0)

    return Elementwise(calls.shape(c), at, calls.reads(c) | calls.reads(scale))


def _twice(i: Indices) -> Indices:
    return (i[0], i[0])


CALLS: dict[Any, Any] = {
    np.diff: _diff,
    np.ediff1d: lambda calls, ary: _diff(calls, calls.raveled(calls.any_array(ary))),
    np.gradient: _gradient,
    np.interp: _interp,
    np.polyval: _polyval,
    np.polyfit: _polyfit,
    np.vander: _vander,
    np.cov: _cov,
    np.corrcoef: _corrcoef,
    (np.trapezoid if hasattr(np, "trapezoid") else np.trapz): _trapezoid,  # type: ignore[attr-defined]
}
