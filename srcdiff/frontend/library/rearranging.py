"""Elements picked, repeated, shifted and masked: new arrays whose elements are those of another.

np.roll(x, 1)    ->    a new array; two loops that store both parts of `x` behind each other
np.triu(m)       ->    the rule  i, j -> m[i, j] if j >= i else 0.0
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir import types as ty
from ...ir.core import Value
from ..agreement import same
from ..describe import describe
from ..things import ArrayView, Elementwise, Scalar, Slice, Static, is_arraylike, is_scalar
from .axes import (
    EVERYTHING,
    Indices,
    axis_of,
    inserted,
    is_none,
    items_of,
    lined_up,
    rearranged,
    replaced,
    without,
    word,
)
from .joining import concatenate

if TYPE_CHECKING:
    from ..calls import Calls


# ------------------------------------------------------------------------------------ shifts and copies


def _roll(calls: Calls, a: Any, shift: Any, axis: Any = None) -> Any:
    a = calls.any_array(a)
    if is_none(axis) and a.ndim > 1:
        return calls.reshaped(_roll(calls, calls.raveled(a), shift), calls.shape(a))
    axes = axis if isinstance(axis, tuple) else (0 if is_none(axis) else axis,)
    shifts = shift if isinstance(shift, tuple) else (shift,) * len(axes)
    if len(shifts) != len(axes):
        calls.refuse("`np.roll` by several shifts along one axis", instead="their sum, or an axis for each")
    for by, along in zip(shifts, axes, strict=True):
        a = _rolled(calls, a, calls.integer(by), axis_of(calls, along, a.ndim))
    return a


def _rolled(calls: Calls, a: Any, by: Scalar, k: int) -> ArrayView:
    shape = calls.shape(a)
    n = shape[k]
    by = calls.scalar("mod", by, calls.scalar("max", n, 1))
    calls.never_below_zero(by)
    head = calls.scalar("sub", n, by)
    result = calls.allocate(shape, calls.dtype(a))

    def move(i: Indices, start: Scalar, to: Scalar) -> None:
        source, place = calls.scalar("add", start, i[k]), calls.scalar("add", to, i[k])
        calls.store(result, replaced(i, k, place), calls.at(a, replaced(i, k, source)))

    calls.never_below_zero(head)
    calls.nest(replaced(shape, k, head), lambda i: move(i, 0, by))
    calls.nest(replaced(shape, k, by), lambda i: move(i, head, 0))
    return result


def _repeat(calls: Calls, a: Any, repeats: Any, axis: Any = None) -> ArrayView:
    a, k = lined_up(calls, a, axis)
    shape = calls.shape(a)
    if isinstance(repeats, tuple):
        repeats = calls.at(repeats[0], ()) if len(repeats) == 1 else calls.array_of(repeats)
    if is_scalar(repeats):
        count = calls.integer(repeats)
        result = calls.allocate(replaced(shape, k, calls.scalar("mul", shape[k], count)), calls.dtype(a))

        def put(i: Indices) -> None:
            *where, r = i
            place = calls.scalar("add", calls.scalar("mul", where[k], count), r)
            calls.store(result, replaced(tuple(where), k, place), calls.at(a, tuple(where)))

        calls.nest((*shape, count), put)
        return result
    counts = calls.steady(calls.as_array(repeats))
    calls.broadcast([(shape[k],), calls.shape(counts)], 1)
    result = calls.allocate(replaced(shape, k, calls.total(counts)), calls.dtype(a))

    def line(others: Indices) -> None:
        def one(start: Scalar, i: Indices) -> Scalar:
            n = calls.at(counts, i)

            def store(r: Value) -> None:
                place = inserted(others, k, calls.scalar("add", start, r))
                calls.store(result, place, calls.at(a, inserted(others, k, i[0])))

            calls.count_loop(n, store)
            return calls.scalar("add", start, n)

        calls.accumulate(0, (shape[k],), one, ty.int64)

    calls.nest(without(shape, k), line)
    return result


def _tile(calls: Calls, A: Any, reps: Any) -> ArrayView:
    a = calls.steady(calls.any_array(A))
    times = tuple(calls.integer(r) for r in (items_of(calls, reps, "`reps`")))
    ndim = max(a.ndim, len(times))
    shape = (1,) * (ndim - a.ndim) + calls.shape(a)
    times = (1,) * (ndim - len(times)) + times
    lengths = tuple(calls.scalar("mul", n, t) for n, t in zip(shape, times, strict=True))
    result = calls.allocate(lengths, calls.dtype(a))

    def put(indices: Indices) -> None:
        copy, i = indices[:ndim], indices[ndim:]
        where = tuple(
            calls.scalar("add", calls.scalar("mul", c, n), j) for c, n, j in zip(copy, shape, i, strict=True)
        )
        calls.store(result, where, calls.at(a, i[ndim - a.ndim :]))

    calls.nest((*times, *shape), put)
    return result


def _pad(calls: Calls, array: Any, pad_width: Any, mode: Any = "constant", constant_values: Any = 0) -> Any:
    """The array with a border: of a number, of its last elements, mirrored or periodic."""
    a = calls.steady(calls.as_array(array))
    kind = word(calls, mode, "constant", "edge", "reflect", "symmetric", "wrap")
    widths = _widths(calls, pad_width, a.ndim)
    lengths = calls.shape(a)
    shape = tuple(
        calls.scalar("add", calls.scalar("add", n, before), after)
        for n, (before, after) in zip(lengths, widths, strict=True)
    )
    if kind == "constant":
        if not is_scalar(constant_values):
            calls.refuse("a border of several numbers", instead="one number, or stores into slices")
        result = calls.allocate(shape, calls.dtype(a))
        calls.fill(result, calls.cast(calls.as_value(constant_values, calls.dtype(a)), calls.dtype(a)))

        def put(i: Indices) -> None:
            where = tuple(calls.scalar("add", w[0], j) for w, j in zip(widths, i, strict=True))
            calls.store(result, where, calls.at(a, i))

        calls.nest(lengths, put)
        return result
    for n in lengths:
        calls.require(calls.scalar("gt", n, 0), "ValueError", "an empty array has nothing to pad with")

    def place(i: Indices) -> Indices:
        return tuple(
            _bordered(calls, calls.scalar("sub", j, before), n, kind)
            for j, (before, _), n in zip(i, widths, lengths, strict=True)
        )

    return calls.materialise(rearranged(calls, a, shape, place))


def _widths(calls: Calls, widths: Any, ndim: int) -> list[tuple[Scalar, Scalar]]:
    """How much goes before and behind each axis."""
    if is_scalar(widths):
        widths = (widths,)
    widths = items_of(calls, widths, "`pad_width`")
    if all(map(is_scalar, widths)):
        pair = tuple(calls.integer(w) for w in widths)
        widths = ((pair[0], pair[-1]),) * ndim
    if len(widths) == 1:
        widths = widths * ndim
    pairs = [tuple(calls.integer(w) for w in items_of(calls, pair, "`pad_width`")) for pair in widths]
    if len(pairs) != ndim or any(len(pair) not in (1, 2) for pair in pairs):
        calls.refuse("a `pad_width` that does not fit the array", instead="a pair for each axis")
    return [(pair[0], pair[-1]) for pair in pairs]


def _bordered(calls: Calls, i: Scalar, n: Scalar, kind: str) -> Scalar:
    """Where the element at index `i` of a periodic or mirrored continuation comes from."""
    last = calls.scalar("sub", n, 1)
    if kind == "edge":
        place = calls.scalar("min", calls.scalar("max", i, 0), last)
    elif kind == "wrap":
        place = calls.scalar("mod", i, n)
    else:
        # A period runs forth and back, with the ends once (reflect) or twice (symmetric).
        period = calls.scalar("mul", last if kind == "reflect" else n, 2)
        k = calls.scalar("mod", i, calls.scalar("max", period, 1))
        back = calls.scalar("sub", calls.scalar("sub", period, k), 0 if kind == "reflect" else 1)
        place = calls.scalar("min", k, back)
    calls.never_below_zero(place)
    return place


# ------------------------------------------------------------------------------------ diagonals, triangles


def diagonal(calls: Calls, a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Elementwise:
    a = calls.steady(calls.as_array(a))
    if a.ndim < 2:
        calls.refuse("the diagonal of a vector", instead="a matrix")
    i, j = axis_of(calls, axis1, a.ndim), axis_of(calls, axis2, a.ndim)
    offset, lengths = calls.integer(offset), calls.shape(a)
    down = calls.scalar("max", calls.scalar("neg", offset), 0)
    right = calls.scalar("max", offset, 0)
    n = calls.scalar("min", calls.scalar("sub", lengths[i], down), calls.scalar("sub", lengths[j], right))
    n = n if same(offset, 0) else calls.scalar("max", n, 0)
    rest = [k for k in range(a.ndim) if k not in (i, j)]

    def place(where: Indices) -> Indices:
        given = dict(zip(rest, where, strict=False))
        given |= {i: calls.scalar("add", where[-1], down), j: calls.scalar("add", where[-1], right)}
        return tuple(given[k] for k in range(a.ndim))

    return rearranged(calls, a, (*(lengths[k] for k in rest), n), place, view=True)


def _diag(calls: Calls, v: Any, k: Any = 0) -> Any:
    """The diagonal of a matrix, or a matrix with this diagonal."""
    v = calls.steady(calls.as_array(v))
    if v.ndim == 2:
        return diagonal(calls, v, k)
    if v.ndim != 1:
        calls.refuse("`np.diag` of more than two dimensions", instead="`np.diagonal`")
    k, n = calls.integer(k), calls.length(v)
    side = n if same(k, 0) else calls.scalar("add", n, calls.scalar("abs", k))
    down, right = calls.scalar("max", calls.scalar("neg", k), 0), calls.scalar("max", k, 0)
    result = calls.allocate((side, side), calls.dtype(v), "zeros")

    def put(i: Value) -> None:
        calls.store(result, (calls.scalar("add", i, down), calls.scalar("add", i, right)), calls.at(v, (i,)))

    calls.count_loop(n, put)
    return result


def _trace(calls: Calls, a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    line = diagonal(calls, a, offset, axis1, axis2)
    return calls.along(line, line.ndim - 1, calls.total)


def _triangle(keep: str) -> Any:
    def make(calls: Calls, m: Any, k: Any = 0) -> Elementwise:
        m = calls.steady(calls.as_array(m))
        if m.ndim == 1:
            calls.refuse("a triangle of a vector", instead="a matrix")
        k = calls.integer(k)

        def at(i: Indices) -> Scalar:
            inside = calls.scalar(keep, calls.scalar("sub", i[-1], i[-2]), k)
            return calls.scalar("select", inside, calls.at(m, i), 0)

        return Elementwise(calls.shape(m), at, calls.reads(m))

    return make


def _fill_diagonal(calls: Calls, a: Any, val: Any) -> Static:
    if not isinstance(a, ArrayView) or a.ndim != 2 or not is_scalar(val):
        calls.refuse("`np.fill_diagonal` of this", instead="a matrix and a number, or a loop over `a[i, i]`")
    n = calls.scalar("min", *calls.shape(a))
    calls.count_loop(n, lambda i: calls.store(a, (i, i), val))
    return Static(None)


# ---------------------------------------------------------------------------------------------- picking


def _take(calls: Calls, a: Any, indices: Any, axis: Any = None, mode: Any = "raise") -> Any:
    word(calls, mode, "raise")
    a, k = lined_up(calls, a, axis)
    indices = calls.array_of(indices) if isinstance(indices, tuple) else indices
    _no_mask(calls, indices, "np.take")
    return calls.subscript(a, (*(EVERYTHING,) * k, indices))


def _no_mask(calls: Calls, indices: Any, name: str) -> None:
    if is_arraylike(indices) and ty.is_boolean(calls.dtype(indices)):
        calls.refuse(f"`{name}` by booleans", "NumPy takes them for 0 and 1", "a mask as index: `x[mask]`")


def _take_along_axis(calls: Calls, arr: Any, indices: Any, axis: Any = -1) -> ArrayView:
    a, k = lined_up(calls, arr, axis)
    a, indices = calls.steady(a), calls.steady(calls.as_array(indices))
    if a.ndim != indices.ndim:
        calls.refuse(
            "indices of another number of dimensions", instead="one index array as deep as the array"
        )
    shape = list(calls.broadcast([without(calls.shape(x), k) for x in (a, indices)], a.ndim - 1))
    shape.insert(k, calls.length(indices, k))

    def place(i: Indices) -> Indices:
        index = calls.at(indices, calls.narrowed(indices, i))
        return replaced(calls.narrowed(a, i), k, calls.wrapped(index, lambda: calls.length(a, k)))

    found = rearranged(calls, a, tuple(shape), place)
    return calls.materialise(Elementwise(found.shape, found.at, found.reads | calls.reads(indices)))


def _put_along_axis(calls: Calls, arr: Any, indices: Any, values: Any, axis: Any) -> Static:
    if not isinstance(arr, ArrayView):
        calls.refuse(f"writing into {describe(arr)}", instead="an array")
    k, indices = axis_of(calls, axis, arr.ndim), calls.steady(calls.as_array(indices))
    values = calls.materialise(values) if is_arraylike(values) else values
    for n, m in zip(*(without(calls.shape(x), k) for x in (indices, arr)), strict=True):
        calls.require(calls.scalar("eq", n, m), "ValueError", "indices of another shape than the array")

    def put(i: Indices) -> None:
        index = calls.wrapped(calls.at(indices, i), lambda: calls.length(arr, k))
        value = calls.at(values, calls.narrowed(values, i)) if is_arraylike(values) else values
        calls.store(arr, replaced(i, k, index), value)

    calls.nest(calls.shape(indices), put)
    return Static(None)


def _put(calls: Calls, a: Any, ind: Any, v: Any) -> Static:
    if not isinstance(a, ArrayView) or a.ndim != 1:
        calls.refuse("`np.put` of more than one dimension", instead="a store: `a[i, j] = v`")
    _no_mask(calls, ind, "np.put")
    calls.scatter(a, (calls.array_of((ind,)) if is_scalar(ind) else calls.as_array(ind),), v)
    return Static(None)


def _compress(calls: Calls, condition: Any, a: Any, axis: Any = None) -> Any:
    a, k = lined_up(calls, a, axis)
    return calls.subscript(a, (*(EVERYTHING,) * k, calls.positions(calls.as_array(condition))[0]))


def _nonzero(calls: Calls, a: Any) -> tuple[ArrayView, ...]:
    """`np.nonzero` and `np.where` of one argument."""
    return calls.positions(calls.as_array(a))


def _delete(calls: Calls, arr: Any, obj: Any, axis: Any = None) -> Any:
    """The array without one of its items."""
    a, k = lined_up(calls, arr, axis)
    if not is_scalar(obj):
        calls.refuse("`np.delete` of several items", instead="a mask: `x[keep]`")
    n = calls.length(a, k)
    index = calls.wrapped(obj, lambda: n)
    a = calls.steady(a)

    def part(low: Any, high: Any) -> Any:
        return calls.subscript(a, (*(EVERYTHING,) * k, Slice(low, high, None)))

    return concatenate(calls, (part(None, index), part(calls.scalar("add", index, 1), None)), k)


def _unravel_index(calls: Calls, indices: Any, shape: Any, order: Any = "C") -> tuple[Scalar, ...]:
    word(calls, order, "C")
    lengths = tuple(calls.integer(n) for n in (shape if isinstance(shape, tuple) else (shape,)))
    if not is_scalar(indices):
        calls.refuse(f"`np.unravel_index` of {describe(indices)}", instead="one number")
    place = calls.integer(indices)
    inside = calls.scalar("lt", place, calls.product(lengths))
    if not calls.never_negative(place):
        inside = calls.scalar("and", inside, calls.scalar("ge", place, 0))
    calls.require(inside, "ValueError", "an index that is not inside the shape")
    found: tuple[Scalar, ...] = calls.unravelled(place, lengths)
    for index in found:
        calls.never_below_zero(index)
    return found


CALLS: dict[Any, Any] = {
    np.unravel_index: _unravel_index,
    np.roll: _roll,
    np.repeat: _repeat,
    np.tile: _tile,
    np.pad: _pad,
    np.diagonal: diagonal,
    np.diag: _diag,
    np.diagflat: lambda calls, v, k=0: _diag(calls, calls.raveled(calls.any_array(v)), k),
    np.trace: _trace,
    np.triu: _triangle("ge"),
    np.tril: _triangle("le"),
    np.fill_diagonal: _fill_diagonal,
    np.take: _take,
    np.take_along_axis: _take_along_axis,
    np.put_along_axis: _put_along_axis,
    np.put: _put,
    np.compress: _compress,
    np.extract: lambda calls, condition, arr: _compress(
        calls, calls.raveled(calls.any_array(condition)), calls.raveled(calls.any_array(arr))
    ),
    np.nonzero: _nonzero,
    np.flatnonzero: lambda calls, a: calls.positions(calls.raveled(calls.any_array(a)))[0],
    np.delete: _delete,
}
