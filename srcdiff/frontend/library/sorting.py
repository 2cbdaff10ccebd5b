"""Orders: sorting, quantiles, searching, counting. The order itself has no derivative; what it picks has.

np.sort(x)    ->    order = np.argsort(x);  the elements x[order[i]]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir import types as ty
from ...ir.core import Value
from ..things import ArrayView, Elementwise, Scalar, Static, is_arraylike, is_number, is_scalar
from .axes import Indices, flag, inserted, is_none, lined_up, replaced, without, word
from .reductions import extreme

if TYPE_CHECKING:
    from ..calls import Calls

STABLE = {"kind": Static("mergesort")}  # equal elements stay in their order


# ---------------------------------------------------------------------------------------------- sorting


def _order(calls: Calls, a: Any, k: int) -> Any:
    """Where the elements of each line along an axis are, from the smallest to the largest."""
    if a.ndim == 1:
        return calls.opaque(np.argsort, (a,), STABLE, calls.current_node)
    shape = calls.shape(a)
    orders = calls.allocate(shape, ty.int64)

    def line(others: Indices) -> None:
        row = Elementwise((shape[k],), lambda i: calls.at(a, inserted(others, k, i[0])), calls.reads(a))
        order = calls.opaque(np.argsort, (row,), STABLE, calls.current_node)
        calls.count_loop(
            shape[k], lambda i: calls.store(orders, inserted(others, k, i), calls.at(order, (i,)))
        )

    calls.nest(without(shape, k), line)
    return orders


def _argsort(
    calls: Calls, a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    _plain(calls, order)
    a, k = lined_up(calls, a, axis)
    return _order(calls, calls.steady(a), k)


def _plain(calls: Calls, order: Any) -> None:
    if not is_none(order):
        calls.refuse("`order`", "arrays of records are not differentiated", "`axis`")


def sorted_along(calls: Calls, a: Any, k: int) -> ArrayView:
    a = calls.steady(a)
    order = _order(calls, a, k)

    def at(i: Indices) -> Scalar:
        place = calls.at(order, i)
        calls.never_below_zero(place)
        return calls.at(a, replaced(i, k, place))

    return calls.materialise(Elementwise(calls.shape(a), at, calls.reads(a)))


def _sort(
    calls: Calls, a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> ArrayView:
    _plain(calls, order)
    return sorted_along(calls, *lined_up(calls, a, axis))


def _partition(calls: Calls, a: Any, kth: Any, axis: Any = -1, kind: Any = None, order: Any = None) -> Any:
    """A sorted array is partitioned at every place."""
    return _sort(calls, a, axis, order=order)


# --------------------------------------------------------------------------------------------- quantiles


def _quantile(calls: Calls, a: Any, axis: Any, q: Scalar, method: str, keepdims: bool) -> Any:
    line, k = lined_up(calls, a, axis)
    ordered = sorted_along(calls, line, k)
    n = calls.length(ordered, k)
    calls.require(calls.scalar("gt", n, 0), "ValueError", "a quantile of an empty array")
    top = calls.scalar("sub", n, 1)
    place = calls.scalar("mul", q, top)
    low = calls.scalar("floor_int", place)
    low = calls.scalar("max", calls.scalar("min", low, top), 0)
    high = calls.scalar("min", calls.scalar("add", low, 1), top)
    between = calls.scalar("sub", place, low)
    if method == "midpoint":
        whole = calls.scalar("eq", between, 0.0)
        between = calls.scalar("select", whole, 0.0, 0.5)
    if is_number(q) and not is_number(between):  # as NumPy: a plain number takes the type of the array
        between = calls.cast(
            between, calls.dtype(ordered) if ty.is_float(calls.dtype(ordered)) else ty.float64
        )
    shape = without(calls.shape(ordered), k)

    def at(i: Indices) -> Scalar:
        below, above, last = (calls.at(ordered, inserted(i, k, x)) for x in (low, high, top))
        if method == "lower":
            found = below
        elif method == "higher":
            found = calls.scalar("select", calls.scalar("gt", between, 0.0), above, below)
        else:
            step = calls.scalar("sub", above, below)
            found = calls.scalar("add", below, calls.scalar("mul", step, between))
        return calls.scalar("select", calls.scalar("isnan", last), last, found)

    if keepdims:
        ndim = calls.any_array(a).ndim
        kept = [j for j in range(ndim) if j != k] if not is_none(axis) else []
        wide = dict(zip(kept, shape, strict=True))
        narrow = Elementwise(shape, at, calls.reads(ordered))
        return Elementwise(
            tuple(wide.get(j, 1) for j in range(ndim)),
            lambda i: narrow.at(tuple(i[j] for j in kept)),
            narrow.reads,
        )
    return Elementwise(shape, at, calls.reads(ordered)) if shape else at(())


def _quantiles(percent: bool) -> Any:
    def make(
        calls: Calls, a: Any, q: Any, axis: Any = None, *, method: Any = "linear", keepdims: Any = False
    ) -> Any:
        kind = word(calls, method, "linear", "lower", "higher", "midpoint")
        kept = flag(calls, keepdims, "`keepdims`")
        if isinstance(axis, tuple):
            calls.refuse("quantiles along several axes", instead="`x.reshape(...)` and one axis")

        def one(share: Scalar) -> Any:
            share = calls.scalar("div", share, 100.0) if percent else share
            calls.require(
                calls.scalar("and", calls.scalar("ge", share, 0.0), calls.scalar("le", share, 1.0)),
                "ValueError",
                "quantiles must be in the range from 0 to 1, percentiles from 0 to 100",
            )
            return _quantile(calls, a, axis, share, kind, kept)

        if is_scalar(q):
            return one(calls.floating(q))
        if is_arraylike(q) and is_number(n := calls.length(q)):
            q = tuple(calls.at(q, (k,)) for k in range(n))
        if not isinstance(q, tuple):
            calls.refuse("quantiles of which the number is not known", instead="a tuple")
        # Typed, not plain numbers: in NumPy a sequence of shares makes single precision double.
        shares = (calls.as_value(calls.floating(share)) for share in q)
        return calls.array_of(tuple(calls.settled(one(share)) for share in shares))

    return make


def _median(calls: Calls, a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return _quantiles(percent=False)(calls, a, 0.5, axis, keepdims=keepdims)


# ------------------------------------------------------------------------------------ searching, counting


def _searchsorted(calls: Calls, a: Any, v: Any, side: Any = "left", sorter: Any = None) -> Any:
    if not is_none(sorter):
        calls.refuse("`sorter`", instead="`a[sorter]`")
    v = calls.array_of(v) if isinstance(v, tuple) else v
    where = {"side": Static(word(calls, side, "left", "right"))}
    return calls.opaque(np.searchsorted, (calls.as_array(a), v), where, calls.current_node)


def _bincount(calls: Calls, x: Any, weights: Any = None, minlength: Any = 0) -> ArrayView:
    """How often each integer occurs, or the sum of the weights of its places."""
    x = calls.steady(calls.as_array(x))
    if ty.is_boolean(calls.dtype(x)):
        x = calls.converted(x, ty.int64)
    weights = None if is_none(weights) else calls.steady(calls.as_array(weights))
    if weights is not None:
        calls.broadcast([calls.shape(x), calls.shape(weights)], 1)
    top = calls.accumulate(-1, calls.shape(x), lambda m, i: calls.scalar("max", m, calls.at(x, i)), ty.int64)
    n = calls.scalar("max", calls.scalar("add", top, 1), calls.integer(minlength))
    counts = calls.allocate((n,), ty.int64 if weights is None else ty.float64, "zeros")

    def count(i: Value) -> None:
        bin = (calls.at(x, (i,)),)
        calls.never_below_zero(bin[0])
        term = 1 if weights is None else calls.at(weights, (i,))
        calls.store(counts, bin, calls.scalar("add", calls.at(counts, bin), term))

    calls.require(_all_positive(calls, x), "ValueError", "np.bincount takes integers that are not negative")
    calls.count_loop(calls.length(x), count)
    return counts


def _all_positive(calls: Calls, x: Any) -> Scalar:
    low = calls.accumulate(0, calls.shape(x), lambda m, i: calls.scalar("min", m, calls.at(x, i)), ty.int64)
    return calls.scalar("ge", low, 0)


def _histogram(
    calls: Calls, a: Any, bins: Any = 10, range: Any = None, density: Any = False, weights: Any = None
) -> tuple[Any, Any]:
    """Counts (or sums of weights) between edges; the last bin includes its upper edge."""
    a = calls.steady(calls.raveled(calls.any_array(a)))
    if is_scalar(bins):
        n = calls.integer(bins)
        edges = _even_edges(calls, a, n, range)
    else:
        edges = calls.steady(calls.as_array(bins))
        n = calls.scalar("sub", calls.length(edges), 1)
    weights = None if is_none(weights) else calls.steady(calls.raveled(calls.any_array(weights)))
    counts = calls.allocate((n,), ty.int64 if weights is None else calls.dtype(weights), "zeros")
    found = calls.opaque(np.searchsorted, (edges, a), {"side": Static("right")}, calls.current_node)
    last = calls.at(edges, (n,))

    def count(i: Value) -> None:
        x = calls.at(a, (i,))
        bin = calls.scalar("sub", calls.at(found, (i,)), 1)
        bin = calls.scalar("select", calls.scalar("eq", x, last), calls.scalar("sub", n, 1), bin)
        inside = calls.scalar("and", calls.scalar("ge", bin, 0), calls.scalar("lt", bin, n))

        def add() -> None:
            calls.never_below_zero(bin)
            term = 1 if weights is None else calls.at(weights, (i,))
            calls.store(counts, (bin,), calls.scalar("add", calls.at(counts, (bin,)), term))

        calls.branch(calls.truth(inside), add, lambda: None)

    calls.count_loop(calls.length(a), count)
    if not flag(calls, density, "`density`"):
        return counts, edges
    total = calls.total(counts)

    def share(i: Indices) -> Scalar:
        width = calls.scalar("sub", calls.at(edges, (calls.scalar("add", i[0], 1),)), calls.at(edges, i))
        return calls.scalar("div", calls.scalar("div", calls.at(counts, i), width), total)

    return Elementwise((n,), share, calls.reads(counts) | calls.reads(edges)), edges


def _even_edges(calls: Calls, a: Any, n: Scalar, range: Any) -> ArrayView:
    if is_none(range):
        low, high = extreme("min")(calls, a), extreme("max")(calls, a)
        flat = calls.scalar("eq", low, high)
        low, high = (
            calls.scalar("select", flat, calls.scalar("add", x, by), x)
            for x, by in ((low, -0.5), (high, 0.5))
        )
    else:
        low, high = range
    step = calls.scalar("div", calls.scalar("sub", high, low), n)

    def at(i: Indices) -> Scalar:
        value = calls.scalar("add", calls.scalar("mul", i[0], step), low)
        return calls.scalar("select", calls.scalar("eq", i[0], n), high, value)

    return calls.materialise(Elementwise((calls.scalar("add", n, 1),), at, frozenset()), ty.float64)


CALLS: dict[Any, Any] = {
    np.sort: _sort,
    np.argsort: _argsort,
    np.partition: _partition,
    np.median: _median,
    np.quantile: _quantiles(percent=False),
    np.percentile: _quantiles(percent=True),
    np.searchsorted: _searchsorted,
    np.bincount: _bincount,
    np.histogram: _histogram,
}
