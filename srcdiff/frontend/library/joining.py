"""Arrays put together.

np.concatenate((a, b))    ->    a new array; one loop that stores `a`, one that stores `b` behind it
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir import types as ty
from ..agreement import same
from ..describe import describe
from ..things import ArrayView, Scalar, Slice, Static, is_arraylike, is_number, is_scalar
from .axes import Indices, axis_of, is_none, replaced
from .construction import CALLS as NUMBERS
from .construction import array
from .shapes import expanded, moved

if TYPE_CHECKING:
    from ..calls import Calls


def parts_of(calls: Calls, arrays: Any, name: str) -> tuple[Any, ...]:
    """The arrays to join: the items of a tuple, or of a list whose length is known."""
    if is_arraylike(arrays) and arrays.ndim > 1 and is_number(count := calls.length(arrays)):
        arrays = tuple(calls.subscript(calls.steady(arrays), (k,)) for k in range(count))
    if not isinstance(arrays, tuple) or not arrays:
        calls.refuse(f"`{name}` of {describe(arrays)}", "how many arrays there are must be known", "a tuple")
    return tuple(calls.any_array(x) for x in arrays)


def joined(calls: Calls, parts: tuple[Any, ...], axis: int, type: Any = None) -> ArrayView:
    """The parts one behind the other along an axis, in a new array."""
    parts = tuple(calls.steady(x) if calls.reads(x) else x for x in parts)
    ndim = parts[0].ndim
    if any(x.ndim != ndim for x in parts):
        calls.refuse("joining arrays of different dimensions", instead="`np.expand_dims`, or `x[None, :]`")
    type = type or functools.reduce(ty.promote, map(calls.dtype, parts))
    shapes = [calls.shape(x) for x in parts]
    lengths = list(shapes[0])
    for shape in shapes[1:]:
        for k in range(ndim):
            if k != axis:
                fits = calls.scalar("eq", shape[k], lengths[k])
                calls.require(fits, "ValueError", "arrays of different shapes are joined")
    starts: list[Scalar] = [0]
    for shape in shapes:
        starts.append(calls.scalar("add", starts[-1], shape[axis]))
    lengths[axis] = starts[-1]
    result = calls.allocate(tuple(lengths), type)
    for x, shape, start in zip(parts, shapes, starts, strict=False):
        calls.nest(shape, _shifted_store(calls, result, x, axis, start))
    return result


def _shifted_store(calls: Calls, result: ArrayView, x: Any, axis: int, start: Scalar) -> Any:
    def put(i: Indices) -> None:
        calls.store(result, replaced(i, axis, calls.scalar("add", start, i[axis])), calls.at(x, i))

    return put


def one_array(calls: Calls, arrays: Any, dtype: Any) -> ArrayView | None:
    """Arrays to join as a new one of a dimension more, if they are the parts of one, so many of them as turn out."""
    if not is_arraylike(arrays) or arrays.ndim < 2 or is_number(count := calls.length(arrays)):
        return None
    calls.require(calls.scalar("gt", count, 0), "ValueError", "need at least one array to join")
    made: ArrayView = array(calls, arrays, dtype)
    return made


def concatenate(calls: Calls, arrays: Any, axis: Any = 0, *, dtype: Any = None, name: str = "") -> Any:
    rows = one_array(calls, arrays, dtype) if same(axis, 0) else None
    if rows is not None:
        first, second, *others = calls.shape(rows)
        return calls.reshaped(rows, (calls.scalar("mul", first, second), *others))
    parts = parts_of(calls, arrays, name or "np.concatenate")
    if is_none(axis):
        return joined(calls, tuple(calls.raveled(x) for x in parts), 0, calls.dtype_of(dtype))
    if parts[0].ndim == 0:
        calls.refuse("joining numbers", "arrays are joined", "`np.array([...])`, or `np.hstack`")
    return joined(calls, parts, axis_of(calls, axis, parts[0].ndim), calls.dtype_of(dtype))


def _stack(calls: Calls, arrays: Any, axis: Any = 0, *, dtype: Any = None) -> Any:
    rows = one_array(calls, arrays, dtype)
    if rows is not None:
        return rows if same(axis, 0) else moved(calls, rows, 0, axis)
    parts = parts_of(calls, arrays, "np.stack")
    k = axis_of(calls, axis, parts[0].ndim + 1)
    return joined(calls, tuple(expanded(calls, x, (k,)) for x in parts), k, calls.dtype_of(dtype))


def _stacked_as(
    name: str, axis: Callable[[int], int], widen: Callable[[Calls, Any], Any], of_rows: Any = None
) -> Any:
    """One of the functions that bring every array to a least number of dimensions, and join them; `of_rows` says what
    it makes of arrays of one dimension that are the rows of a matrix."""

    def make(calls: Calls, tup: Any, *, dtype: Any = None) -> Any:
        rows = one_array(calls, tup, dtype) if of_rows and is_arraylike(tup) and tup.ndim == 2 else None
        if rows is not None:
            return of_rows(calls, rows)
        parts = tuple(widen(calls, x) for x in parts_of(calls, tup, name))
        return joined(calls, parts, axis(parts[0].ndim), calls.dtype_of(dtype))

    return make


def _line(calls: Calls, x: Any) -> Any:
    return expanded(calls, x, (0,)) if x.ndim == 0 else x


def _row(calls: Calls, x: Any) -> Any:
    return expanded(calls, x, tuple(range(2 - x.ndim))) if x.ndim < 2 else x


def _column(calls: Calls, x: Any) -> Any:
    return expanded(calls, x, (0, 1) if x.ndim == 0 else (1,)) if x.ndim < 2 else x


def _deep(calls: Calls, x: Any) -> Any:
    return expanded(calls, x, {0: (0, 1, 2), 1: (0, 2), 2: (2,)}[x.ndim]) if x.ndim < 3 else x


def joined_by_index(calls: Calls, items: tuple[Any, ...], of_columns: bool) -> Any:
    """`np.r_[a, 0.0, 1:5]`, or with `of_columns` `np.c_[a, b]`."""

    def part(item: Any) -> Any:
        if isinstance(item, Slice):
            start, step = (default if x is None else x for x, default in ((item.start, 0), (item.step, 1)))
            if isinstance(step, complex):
                return NUMBERS[np.linspace](calls, start, item.stop, int(abs(step)))
            return NUMBERS[np.arange](calls, start, item.stop, step)
        if isinstance(item, Static) or item is None or item is Ellipsis:
            calls.refuse("`np.r_` or `np.c_` of this", instead="`np.concatenate`, or `np.stack`")
        return calls.any_array(item)

    parts = tuple(map(part, items))
    if of_columns:
        columns = tuple(_column(calls, x) for x in parts)
        return joined(calls, columns, columns[0].ndim - 1)
    return concatenate(calls, tuple(_line(calls, x) for x in parts), name="np.r_")


def _append(calls: Calls, arr: Any, values: Any, axis: Any = None) -> Any:
    values = (values,) if is_scalar(values) and not is_none(axis) else values
    return concatenate(calls, (arr, values), axis, name="np.append")


def _block(calls: Calls, arrays: Any) -> Any:
    """A matrix from blocks in rows; each level of lists joins along one axis more to the front."""

    def depth(part: Any) -> int:
        return 1 + depth(part[0]) if isinstance(part, tuple) and part else 0

    levels = depth(arrays)

    def build(part: Any, level: int) -> Any:
        if level == 0:
            x = calls.any_array(part)
            return expanded(calls, x, tuple(range(levels - x.ndim))) if x.ndim < levels else x
        if not isinstance(part, tuple) or depth(part) != level:
            calls.refuse("`np.block` of lists of different depth", instead="`np.hstack` and `np.vstack`")
        inner = tuple(build(p, level - 1) for p in part)
        return joined(calls, inner, inner[0].ndim - level)

    return build(arrays, levels)


CALLS: dict[Any, Any] = {
    np.concatenate: concatenate,
    np.stack: _stack,
    np.hstack: _stacked_as("np.hstack", lambda ndim: 1 if ndim > 1 else 0, _line, concatenate),
    np.vstack: _stacked_as("np.vstack", lambda ndim: 0, _row, lambda calls, rows: rows),
    np.dstack: _stacked_as("np.dstack", lambda ndim: 2, _deep),
    np.column_stack: _stacked_as(
        "np.column_stack", lambda ndim: 1, _column, lambda calls, rows: calls.transposed(rows)
    ),
    np.append: _append,
    np.block: _block,
}
if hasattr(np, "concat"):  # NumPy 2
    CALLS[np.concat] = concatenate
