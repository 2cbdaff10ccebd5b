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
        if not is_number(step):
            self.refuse("a slice whose step is not a constant", instead="a loop over the index")
        n = self.length(view, k)
        if step > 0:
            start = 0 if item.start is None else self.clamped(item.start, n)
            stop = n if item.stop is None else self.clamped(item.stop, n, upper=True)
            extent = stop if same(start, 0) else self.scalar("sub", stop, start)
            if step != 1:
                extent = self.scalar("floordiv", self.scalar("add", extent, step - 1), step)
            elif isinstance(extent, Value) and self.is_single(item):
                self.at_most_one.add(extent)
        else:
            if item.start is not None or item.stop is not None:
                self.refuse("a slice with a negative step and a bound", instead="a loop over the index")
            start = self.scalar("sub", n, 1)
            extent = n if step == -1 else self.scalar("floordiv", self.scalar("add", n, -step - 1), -step)
        first = start if same(axis.step, 1) else self.scalar("mul", start, axis.step)
        first = first if same(axis.start, 0) else self.scalar("add", axis.start, first)
        stride = step if same(axis.step, 1) else self.scalar("mul", step, axis.step)
        return Axis(axis.of, first, stride, extent)

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
