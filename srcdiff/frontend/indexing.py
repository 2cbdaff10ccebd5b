"""Indices that are arrays: what they pick, and stores at what they pick.

    x[np.arange(n), labels]    ->    the rule  i -> x[i, labels[i]]
    x[i, mask] = v             ->    a loop over the places where `mask` is true

NumPy's rules: arrays of indices are broadcast together; their axes stand where the first of them stood, or in front
if they (and numbers beside them) are not neighbours. A mask stands for the arrays of the places where it is true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..ir import types as ty
from .things import ArrayView, Elementwise, Indices, Length, Scalar, Slice, is_arraylike

if TYPE_CHECKING:
    from .arrays import Arrays


@dataclass(frozen=True)
class Picked:
    """The elements of `base` that index arrays pick.

    `picks` says for each axis of `base` the index array along it, or None for an axis that is kept. The axes of the
    arrays, of lengths `shape`, stand at `position` among the kept ones.
    """

    base: ArrayView
    picks: tuple[Any, ...]
    shape: tuple[Length, ...]
    position: int

    def lengths(self, arrays: Arrays) -> tuple[Length, ...]:
        kept = [n for n, pick in zip(arrays.shape(self.base), self.picks, strict=True) if pick is None]
        return (*kept[: self.position], *self.shape, *kept[self.position :])

    def place(self, arrays: Arrays, indices: Indices) -> Indices:
        """The indices into `base` of one picked element."""
        end = self.position + len(self.shape)
        inner, kept = indices[self.position : end], iter(indices[: self.position] + indices[end:])

        def along(k: int, pick: Any) -> Scalar:
            if pick is None:
                return next(kept)
            return place_in(arrays, self.base, k, arrays.at(pick, arrays.narrowed(pick, inner)))

        return tuple(along(k, pick) for k, pick in enumerate(self.picks))


def picked(arrays: Arrays, array: ArrayView, items: tuple[Any, ...]) -> Picked:
    """Sort the items of an index with arrays in it; an array of indices must not change while it is read."""
    items = arrays.expanded(array, without_masks(arrays, array, items))
    advanced = [k for k, item in enumerate(items) if item is not None and not isinstance(item, Slice)]
    together = advanced[-1] - advanced[0] + 1 == len(advanced)
    everything = Slice(None, None, None)
    base = arrays.subscript(array, tuple(everything if is_arraylike(item) else item for item in items))
    picks = tuple(
        arrays.steady(item) if is_arraylike(item) else None
        for item in items
        if is_arraylike(item) or item is None or isinstance(item, Slice)
    )
    chosen = [pick for pick in picks if pick is not None]
    shape = arrays.broadcast([arrays.shape(pick) for pick in chosen], max(pick.ndim for pick in chosen))
    before = items[: advanced[0]] if together else ()
    return Picked(base, picks, shape, len(before))


def without_masks(arrays: Arrays, array: ArrayView, items: tuple[Any, ...]) -> tuple[Any, ...]:
    """The items with each mask replaced by the places where it is true."""
    found: list[Any] = []
    for item in items:
        if not is_arraylike(item) or ty.is_integer(arrays.dtype(item)):
            found.append(item)
            continue
        if not ty.is_boolean(arrays.dtype(item)):
            arrays.refuse("an index that is an array of floats", instead="`.astype(int)`")
        if Ellipsis not in items:
            first = sum(x is not None for x in found)
            for k, n in enumerate(arrays.shape(item)):
                fits = arrays.scalar("eq", n, arrays.length(array, first + k))
                arrays.require(fits, "IndexError", "a mask of another length")
        found += arrays.known_positions(item)
    return tuple(found)


def positions(arrays: Arrays, mask: Any) -> tuple[ArrayView, ...]:
    """Where a mask is true: an array of integers for each of its axes."""
    mask = arrays.steady(mask)
    count = arrays.total(arrays.elementwise(arrays.truth, mask))
    found = tuple(arrays.allocate((count,), ty.int64) for _ in range(mask.ndim))

    def put(count: Scalar, i: Indices) -> Scalar:
        def keep() -> Scalar:
            for axis, index in zip(found, i, strict=True):
                arrays.store(axis, (count,), index)
            return arrays.scalar("add", count, 1)

        kept, _ = arrays.branch(arrays.truth(arrays.at(mask, i)), keep, lambda: count)
        return kept

    arrays.accumulate(0, arrays.shape(mask), put, ty.int64)
    return found


def place_in(arrays: Arrays, view: ArrayView, k: int, index: Scalar) -> Scalar:
    """An index along one axis of a view; along a whole axis Numba wraps it around, as Python does."""
    axis = view.axes[k]
    whole = axis is not None and axis.whole
    return index if whole else arrays.wrapped(index, lambda: arrays.length(view, k))


def gathered(arrays: Arrays, array: ArrayView, items: tuple[Any, ...]) -> Elementwise:
    """`x[items]` with arrays among the items: a new array, which NumPy may make in another order."""
    if array.ndim > 1:
        arrays.has_other_order()
    found = picked(arrays, array, items)
    reads = arrays.reads(found.base).union(*(arrays.reads(p) for p in found.picks if p is not None))
    return Elementwise(found.lengths(arrays), lambda i: arrays.at(found.base, found.place(arrays, i)), reads)


def scattered(
    arrays: Arrays,
    array: ArrayView,
    items: tuple[Any, ...],
    thing: Any,
    combine: Callable[..., Scalar] | None = None,
) -> None:
    """`x[items] = thing` element after element, or `x[items] = combine(x[items], thing)` with every repetition."""
    related = {array.root, *array.root.aliases}
    items = tuple(
        arrays.materialise(item) if is_arraylike(item) and related & arrays.reads(item) else item
        for item in items
    )
    found = picked(arrays, array, items)
    if isinstance(thing, tuple):
        thing = arrays.array_of(thing)
    if is_arraylike(thing):
        thing = arrays.materialise(thing) if related & arrays.reads(thing) else thing
        shape = found.lengths(arrays)
        if thing.ndim > len(shape):
            arrays.refuse(
                f"an array of {thing.ndim} dimensions stored where indices pick {len(shape)}",
                instead="a row of it",
            )
        arrays.fit_into(shape, arrays.shape(thing))

    def put(indices: Indices) -> None:
        place = found.place(arrays, indices)
        value = arrays.at(thing, arrays.narrowed(thing, indices)) if is_arraylike(thing) else thing
        if combine is not None:
            old = arrays.at(found.base, place)
            value = combine(old, value)
        arrays.store(found.base, place, value)

    arrays.nest(found.lengths(arrays), put)


__all__ = ["gathered", "positions", "scattered"]
