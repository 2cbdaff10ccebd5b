"""Where an index or a slice lies in the memory of an array.

    x = A[1:, ::-1]    ->    axis 0 from 1 by 1, axis 1 from `n - 1` by -1
    x[i, -1]           ->    A[1 + i, n - 1 - (n - 1)]

Bounds are clamped and negative indices count from the end, as in Python; what is known not to be negative is left
as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ir import types as ty
from ..ir.core import Value
from ..ir.operators import current_builder
from .agreement import same
from .elements import Elements
from .things import ArrayView, Axis, Length, Scalar, Slice, is_number


class Slices(Elements):
    """Views cut by indices and slices."""

    def wrapped(self, index: Scalar, length: Callable[[], Length]) -> Scalar:
        """An index as one that is not negative: those below zero count from the end."""
        index = self.integer(index)
        if self.never_negative(index):
            return index
        if is_number(index):
            return self.scalar("sub", length(), -index)
        n = length()
        below = self.scalar("lt", index, 0)
        return self.scalar("select", below, self.scalar("add", index, n), index)

    def expanded(self, array: ArrayView, items: tuple[Any, ...]) -> tuple[Any, ...]:
        """The items with an ellipsis, and the axes that are not named, written out."""
        everything = Slice(None, None, None)
        named = sum(item is not None and item is not Ellipsis for item in items)
        if named > array.ndim:
            self.refuse(
                f"{named} indices for an array of {array.ndim} dimensions",
                instead="one index for each dimension",
            )
        missing = (everything,) * (array.ndim - named)
        if any(item is Ellipsis for item in items):
            k = next(k for k, item in enumerate(items) if item is Ellipsis)
            return items[:k] + missing + items[k + 1 :]
        return items + missing

    def place(self, view: ArrayView, k: int, item: Any, whole: bool) -> Scalar:
        """The index into the root of element `item` along an axis."""
        axis = view.axes[k]
        assert axis is not None
        if isinstance(item, bool) or isinstance(item, Value) and ty.is_boolean(item.type):
            self.refuse("a boolean as an index", "NumPy takes it for a mask", "`int(...)`, or an `if`")
        if whole and not is_number(item):
            return self.integer(item)  # Numba wraps it around, as Python does
        index = self.wrapped(item, lambda: self.extent(view, k))
        scaled = index if same(axis.step, 1) else self.scalar("mul", index, axis.step)
        return scaled if same(axis.start, 0) else self.scalar("add", axis.start, scaled)

    def sliced(self, view: ArrayView, k: int, item: Slice) -> Axis | None:
        """One axis of a view cut by a slice, with Python's clamping."""
        axis = view.axes[k]
        step = 1 if item.step is None else self.integer(item.step)
        if item.start is None and item.stop is None and same(step, 1):
            return axis
        if axis is None:
            self.refuse("slicing an axis that `np.newaxis` made")
        if same(step, 0):
            self.refuse("a slice whose step is zero", "Python would raise an error here")
        n = self.length(view, k)
        self.require(self.scalar("ne", step, 0), "ValueError", "slice step cannot be zero")
        if is_number(step) or self.never_negative(step):
            start, span = self.span(item, n, not is_number(step) or step > 0)
            size = abs(step) if is_number(step) else step
        else:
            goes_up, size = self.scalar("gt", step, 0), self.scalar("abs", step)
            ways = zip(self.span(item, n, True), self.span(item, n, False), strict=True)
            start, span = (
                up if same(up, down) else self.scalar("select", goes_up, up, down) for up, down in ways
            )
        extent = span
        if not same(size, 1):
            above = self.scalar("add", span, self.scalar("sub", size, 1))
            extent = self.scalar("floordiv", above, size)
        elif isinstance(extent, Value) and self.is_single(item):
            self.at_most_one.add(extent)
        first = start if same(axis.step, 1) else self.scalar("mul", start, axis.step)
        first = first if same(axis.start, 0) else self.scalar("add", axis.start, first)
        stride = step if same(axis.step, 1) else self.scalar("mul", step, axis.step)
        return Axis(axis.of, first, stride, extent)

    def span(self, item: Slice, n: Length, up: bool) -> tuple[Scalar, Scalar]:
        """Where a slice of an axis starts, and how far it goes up or down from there."""
        if up:
            start = 0 if item.start is None else self.clamped(item.start, n)
            stop = n if item.stop is None else self.clamped(item.stop, n, upper=True)
            return start, stop if same(start, 0) else self.scalar("sub", stop, start)
        last = self.scalar("sub", n, 1)
        start = last if item.start is None else self.clamped_to_last(item.start, n, last)
        if item.stop is not None:
            return start, self.scalar("sub", start, self.clamped_to_last(item.stop, n, last))
        return start, n if item.start is None else self.scalar("add", start, 1)

    def is_single(self, item: Slice) -> bool:
        """Whether a slice has one element, or none at the end: `:1`, `-1:`, `i : i + 1`."""
        first = 0 if item.start is None else item.start
        if is_number(first) and (is_number(item.stop) or item.stop is None):
            stop = 0 if item.stop is None else item.stop
            return bool(stop - first == 1) and (first < 0) == (item.stop is None or stop < 0)
        (start, low), (stop, high) = self.offset(item.start), self.offset(item.stop)
        return isinstance(start, Value) and start is stop and high - low == 1

    def offset(self, index: Scalar) -> tuple[Scalar | None, int]:
        """An index as a value, None if there is none, and a constant that is added, as far as this block shows."""
        moved = 0
        while isinstance(index, Value):
            made = next((op for op in reversed(current_builder().ops) if index in op.results), None)
            if made is None or made.primitive not in ("add", "sub"):
                return index, moved
            a, b = made.operands
            if made.primitive == "add" and a.is_constant:
                a, b = b, a
            if not b.is_constant:
                return index, moved
            moved += b.constant if made.primitive == "add" else -b.constant
            index = a
        return None, moved + (index or 0)

    def clamped(self, bound: Any, n: Length, upper: bool = False) -> Scalar:
        """A slice bound as Python understands it. A start past the end only makes the extent negative."""
        bound = self.integer(bound)
        if is_number(bound):
            if bound < 0:
                moved = self.scalar("sub", n, -bound)
                return moved if upper else self.scalar("max", moved, 0)
            return self.scalar("min", bound, n) if upper else bound
        if not self.never_negative(bound):
            below = self.scalar("lt", bound, 0)
            bound = self.scalar("select", below, self.scalar("max", self.scalar("add", bound, n), 0), bound)
            self.nonnegative.add(bound)
        if upper and bound is not n:
            bound = self.scalar("min", bound, n)
        return bound

    def clamped_to_last(self, bound: Any, n: Length, last: Length) -> Scalar:
        """A bound of a slice that goes down: -1 lies before the first element."""
        bound = self.integer(bound)
        if is_number(bound):
            below = bound < 0
            moved = self.scalar("max", self.scalar("sub", n, -bound), -1) if below else None
        else:
            below = False if self.never_negative(bound) else self.scalar("lt", bound, 0)
            moved = None if below is False else self.scalar("max", self.scalar("add", bound, n), -1)
        if below is True:
            return moved
        bound = self.scalar("min", bound, last)
        return bound if below is False else self.scalar("select", below, moved, bound)
