"""The same elements in another shape or order: what NumPy gives as a view is a view here, or shares its fate.

np.swapaxes(a, 0, 1)    ->    the view of `a` with those two axes exchanged
np.broadcast_to(x, s)   ->    the rule  i, j -> x[j], that must not be read once `x` has been written
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir.core import Value
from ..agreement import same
from ..texts import is_text
from ..things import ArrayView, Elementwise, Scalar, Slice, is_number, is_scalar
from .axes import EVERYTHING, Indices, axes_of, axis_of, is_none, items_of, rearranged, whole_number, word

if TYPE_CHECKING:
    from ..calls import Calls


# ---------------------------------------------------------------------------------------- what it is


def _shape(calls: Calls, a: Any) -> Any:
    return calls.shape(calls.any_array(a))


def _ndim(calls: Calls, a: Any) -> int:
    return int(calls.any_array(a).ndim)


def _size(calls: Calls, a: Any, axis: Any = None) -> Any:
    lengths = calls.shape(calls.any_array(a))
    return calls.product(lengths) if is_none(axis) else lengths[axis_of(calls, axis, len(lengths))]


# ----------------------------------------------------------------------------------------- one line


def _ravel(calls: Calls, a: Any, order: Any = "C") -> Any:
    """Column after column with `order='F'`: the transpose in C order."""
    a = calls.any_array(a)
    return calls.raveled(a if word(calls, order, "C", "F") == "C" else calls.transposed(a))


def _flatten(calls: Calls, a: Any, order: Any = "C") -> ArrayView:
    return calls.flattened(a if word(calls, order, "C", "F") == "C" else calls.transposed(a))


def _reshape(calls: Calls, a: Any, shape: Any, order: Any = "C") -> Any:
    a = calls.any_array(a)
    lengths = tuple(calls.integer(n) for n in (shape if isinstance(shape, tuple) else (shape,)))
    if word(calls, order, "C", "F") == "C":
        return calls.reshaped(a, lengths)
    return calls.transposed(calls.reshaped(calls.transposed(a), lengths[::-1]))


def _reshape_method(calls: Calls, a: Any, *shape: Any, order: Any = "C") -> Any:
    return _reshape(calls, a, shape[0] if len(shape) == 1 else shape, order)


def _transpose_method(calls: Calls, a: Any, *axes: Any) -> Any:
    return _transpose(calls, a, axes[0] if len(axes) == 1 else axes or None)


# ------------------------------------------------------------------------------------- order of axes


def permuted(calls: Calls, a: Any, order: tuple[int, ...]) -> Any:
    if order != tuple(sorted(order)):
        calls.has_other_order()
    return calls.transposed(a, order)


def _transpose(calls: Calls, a: Any, axes: Any = None) -> Any:
    a = calls.any_array(a)
    if is_none(axes):
        return calls.transposed(a)
    order = axes_of(calls, axes, a.ndim)
    if len(order) != a.ndim:
        calls.refuse(f"{len(order)} axes for an array of {a.ndim} dimensions", instead="every axis once")
    return permuted(calls, a, order)


def _swapaxes(calls: Calls, a: Any, axis1: Any, axis2: Any) -> Any:
    a = calls.as_array(a)
    i, j = axis_of(calls, axis1, a.ndim), axis_of(calls, axis2, a.ndim)
    return permuted(calls, a, tuple(j if k == i else i if k == j else k for k in range(a.ndim)))


def moved(calls: Calls, a: Any, source: Any, destination: Any) -> Any:
    a = calls.as_array(a)
    sources, places = axes_of(calls, source, a.ndim), axes_of(calls, destination, a.ndim)
    if len(sources) != len(places):
        calls.refuse("`np.moveaxis` of axes to another number of places", instead="a place for each axis")
    order = [k for k in range(a.ndim) if k not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return permuted(calls, a, tuple(order))


def _rollaxis(calls: Calls, a: Any, axis: Any, start: Any = 0) -> Any:
    a = calls.as_array(a)
    k, start = axis_of(calls, axis, a.ndim), whole_number(calls, start, "`start`")
    start = start + a.ndim if start < 0 else start
    return moved(calls, a, k, start - 1 if k < start else start)


def _matrix_transpose(calls: Calls, a: Any) -> Any:
    a = calls.as_array(a)
    if a.ndim < 2:
        calls.refuse("a matrix transpose of a vector", "NumPy would raise an error here")
    return _swapaxes(calls, a, -1, -2)


# ---------------------------------------------------------------------------------- more or fewer axes


def expanded(calls: Calls, a: Any, axes: tuple[int, ...]) -> Any:
    """A thing with axes of length 1 at these places of the result."""
    a = calls.any_array(a)
    ndim = a.ndim + len(axes)
    if isinstance(a, ArrayView):
        return calls.subscript(a, tuple(None if k in axes else EVERYTHING for k in range(ndim)))
    kept = [k for k in range(ndim) if k not in axes]
    lengths = dict(zip(kept, calls.shape(a), strict=True))
    shape = tuple(lengths.get(k, 1) for k in range(ndim))
    return rearranged(calls, a, shape, lambda i: tuple(i[k] for k in kept))


def _expand_dims(calls: Calls, a: Any, axis: Any) -> Any:
    a = calls.any_array(a)
    axes = axis if isinstance(axis, tuple) else (axis,)
    return expanded(calls, a, axes_of(calls, axes, a.ndim + len(axes)))


def _squeeze(calls: Calls, a: Any, axis: Any = None) -> Any:
    a = calls.any_array(a)
    lengths = calls.shape(a)
    if not is_none(axis):
        dropped = axes_of(calls, axis, a.ndim)
        for k in dropped:
            fits = calls.scalar("eq", lengths[k], 1)
            calls.require(fits, "ValueError", "an axis that is squeezed out must have length 1")
    else:
        if not all(map(is_number, lengths)):
            calls.refuse(
                "`np.squeeze` of an array whose shape is not known",
                instead="the axis: `np.squeeze(x, axis=0)`, or an index: `x[0]`",
            )
        dropped = tuple(k for k, n in enumerate(lengths) if n == 1)
    if len(dropped) == a.ndim and isinstance(a, ArrayView) and a.ndim:
        return calls.at(a, (0,) * a.ndim)
    if isinstance(a, ArrayView):
        return calls.subscript(a, tuple(0 if k in dropped else EVERYTHING for k in range(a.ndim)))
    kept = [k for k in range(a.ndim) if k not in dropped]

    def place(i: Indices) -> Indices:
        given = dict(zip(kept, i, strict=True))
        return tuple(given.get(k, 0) for k in range(a.ndim))

    if not kept:
        return calls.at(a, (0,) * a.ndim)
    return rearranged(calls, a, tuple(lengths[k] for k in kept), place)


def _atleast(ndim: int) -> Any:
    def make(calls: Calls, *arrays: Any) -> Any:
        def one(a: Any) -> Any:
            a = calls.any_array(a)
            if a.ndim >= ndim:
                return a
            places = {0: tuple(range(ndim)), 1: (0,) if ndim == 2 else (0, 2), 2: (2,)}[a.ndim]
            return expanded(calls, a, places)

        found = tuple(map(one, arrays))
        return found[0] if len(found) == 1 else found

    return make


# ----------------------------------------------------------------------------------------- broadcasting


def _broadcast_to(calls: Calls, array: Any, shape: Any) -> Any:
    a = calls.any_array(array)
    shape = tuple(calls.integer(n) for n in (shape if isinstance(shape, tuple) else (shape,)))
    if len(shape) < a.ndim:
        calls.refuse(f"an array of {a.ndim} dimensions broadcast to {len(shape)}", instead="as many or more")
    for n, m in zip(calls.shape(a), shape[len(shape) - a.ndim :], strict=True):
        if not same(n, 1):
            message = "an array broadcast to another length (or of length 1, not known beforehand)"
            one = isinstance(n, Value) and n in calls.at_most_one and not same(n, m)
            calls.require(calls.scalar("eq", n, 1 if one else m), "ValueError", message)
    a = calls.steady(a)
    return rearranged(calls, a, shape, lambda i: calls.narrowed(a, i), view=True)


def _broadcast_arrays(calls: Calls, *args: Any) -> Any:
    arrays = tuple(calls.any_array(x) for x in args)
    shape = calls.broadcast([calls.shape(x) for x in arrays], max(x.ndim for x in arrays))
    return tuple(_broadcast_to(calls, x, shape) for x in arrays)


def _sliding_window_view(calls: Calls, x: Any, window_shape: Any, axis: Any = None) -> Any:
    """Element `[i, k]` is `x[i + k]`: along each axis of a window as many starts as fit."""
    x = calls.steady(calls.any_array(x))
    sizes = tuple(map(calls.integer, window_shape if isinstance(window_shape, tuple) else (window_shape,)))
    axes = tuple(range(x.ndim)) if is_none(axis) else axes_of(calls, axis, x.ndim)
    if len(sizes) != len(axes):
        calls.refuse(
            f"a window of {len(sizes)} lengths along {len(axes)} axes",
            "NumPy would raise an error here",
            "a length for each axis",
        )
    shape = list(calls.shape(x))
    for k, size in zip(axes, sizes, strict=True):
        fits = calls.scalar("ge", size, 0), calls.scalar("le", size, shape[k])
        for fit in fits:
            calls.require(fit, "ValueError", "a window that is longer than the array, or of negative length")
        shape[k] = calls.scalar("add", calls.scalar("sub", shape[k], size), 1)

    def place(i: Indices) -> Indices:
        start, within = list(i[: x.ndim]), i[x.ndim :]
        for k, step in zip(axes, within, strict=True):
            start[k] = calls.scalar("add", start[k], step)
            calls.never_below_zero(start[k])
        return tuple(start)

    return rearranged(calls, x, (*shape, *sizes), place, view=True)


# ------------------------------------------------------------------------------------------- reversing


def flipped(calls: Calls, a: Any, axes: tuple[int, ...]) -> Any:
    if isinstance(a, ArrayView):
        backwards = Slice(None, None, -1)
        return calls.subscript(a, tuple(backwards if k in axes else EVERYTHING for k in range(a.ndim)))
    lengths = calls.shape(a)

    def place(i: Indices) -> Indices:
        def from_end(k: int) -> Scalar:
            index = calls.scalar("sub", calls.scalar("sub", lengths[k], 1), i[k])
            if not is_number(index):
                calls.nonnegative.add(index)
            return index

        return tuple(from_end(k) if k in axes else i[k] for k in range(a.ndim))

    return rearranged(calls, a, lengths, place)


def _flip(calls: Calls, m: Any, axis: Any = None) -> Any:
    m = calls.any_array(m)
    return flipped(calls, m, tuple(range(m.ndim)) if is_none(axis) else axes_of(calls, axis, m.ndim))


def _flip_along(axis: int) -> Any:
    def make(calls: Calls, m: Any) -> Any:
        m = calls.as_array(m)
        return flipped(calls, m, (axis_of(calls, axis, m.ndim),))

    return make


def _rot90(calls: Calls, m: Any, k: Any = 1, axes: Any = (0, 1)) -> Any:
    m = calls.as_array(m)
    i, j = axes_of(calls, axes, m.ndim)
    turns = whole_number(calls, k, "`k`") % 4
    if turns == 0:
        return m
    if turns == 2:
        return flipped(calls, m, (i, j))
    if turns == 1:
        return _swapaxes(calls, flipped(calls, m, (j,)), i, j)
    return flipped(calls, _swapaxes(calls, m, i, j), (j,))


# -------------------------------------------------------------------------------------------- cutting


def _split_along(name: str, axis: Any, uneven: bool = False) -> Any:
    def make(calls: Calls, ary: Any, indices_or_sections: Any, axis: Any = axis) -> Any:
        a = calls.as_array(ary)
        if isinstance(a, Elementwise):
            a = calls.materialise(a)
        if callable(axis):
            axis = axis(a.ndim)
        k = axis_of(calls, axis, a.ndim)
        n = calls.length(a, k)
        bounds: list[Any]
        if is_scalar(indices_or_sections):
            parts = whole_number(calls, indices_or_sections, "the number of parts")
            if parts < 1:
                calls.refuse(f"`{name}` into {parts} parts", "NumPy would raise an error here")
            each, rest = calls.scalar("floordiv", n, parts), calls.scalar("mod", n, parts)
            if not uneven:
                calls.require(
                    calls.scalar("eq", rest, 0),
                    "ValueError",
                    "array split does not result in an equal division",
                )
            bounds = [
                calls.scalar("mul", each, p)
                if not uneven
                else calls.scalar("add", calls.scalar("mul", each, p), calls.scalar("min", rest, p))
                for p in range(parts + 1)
            ]
        else:
            bounds = [0, *items_of(calls, indices_or_sections, "the places to split at"), n]

        def part(low: Any, high: Any) -> Any:
            cut = Slice(low, high, None)
            return calls.subscript(a, tuple(cut if j == k else EVERYTHING for j in range(a.ndim)))

        return tuple(part(low, high) for low, high in pairwise(bounds))

    return make


METHODS: dict[str, Any] = {
    "flatten": _flatten,
    "reshape": _reshape_method,
    "transpose": _transpose_method,
}
CALLS: dict[Any, Any] = {
    np.shape: _shape,
    np.ndim: _ndim,
    np.isscalar: lambda calls, element: is_scalar(element) or is_text(element),
    np.size: _size,
    np.ravel: _ravel,
    np.reshape: _reshape,
    np.transpose: _transpose,
    np.swapaxes: _swapaxes,
    np.moveaxis: moved,
    np.rollaxis: _rollaxis,
    np.expand_dims: _expand_dims,
    np.squeeze: _squeeze,
    np.atleast_1d: _atleast(1),
    np.atleast_2d: _atleast(2),
    np.atleast_3d: _atleast(3),
    np.broadcast_to: _broadcast_to,
    np.broadcast_arrays: _broadcast_arrays,
    np.lib.stride_tricks.sliding_window_view: _sliding_window_view,
    np.flip: _flip,
    np.flipud: _flip_along(0),
    np.fliplr: _flip_along(1),
    np.rot90: _rot90,
    np.split: _split_along("np.split", 0),
    np.array_split: _split_along("np.array_split", 0, uneven=True),
    np.vsplit: _split_along("np.vsplit", 0),
    np.hsplit: _split_along("np.hsplit", lambda ndim: 1 if ndim > 1 else 0),
    np.dsplit: _split_along("np.dsplit", 2),
}
if hasattr(np, "permute_dims"):  # NumPy 2
    CALLS |= {np.permute_dims: _transpose, np.matrix_transpose: _matrix_transpose}
