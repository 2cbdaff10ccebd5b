"""Arrays while a function is read: views, elements, elementwise expressions, reductions.

An elementwise expression is no array until something needs it as one: `np.sum(x * y)` becomes one loop that reads
both and adds up, `z = x * y` a loop that fills a new array.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Value
from ..ir.operators import current_builder
from ..ir.types import Type
from .indexing import gathered, positions, scattered
from .scalars import Scalars
from .scope import LoopParts, describe, same, same_axis
from .things import (
    ArrayView,
    Axis,
    Elementwise,
    Length,
    Root,
    Scalar,
    is_arraylike,
    is_list,
    is_number,
    is_scalar,
    whole_view,
)
from .trees import parts_of, with_parts

Indices = tuple[Scalar, ...]


@dataclass(frozen=True)
class Slice:
    start: Any
    stop: Any
    step: Any


class Arrays(Scalars):
    accumulators = 0
    counting = 0  # loops over elements that are open

    # -------------------------------------------------------------------------------------- shapes

    def root_length(self, root: Root, axis: int) -> Length:
        if root.shape is not None:
            return root.shape[axis]
        length = current_builder().emit("shape", (self.version(root),), ty.int64, {"axis": axis})
        self.nonnegative.add(length)
        return length

    def extent(self, view: ArrayView, k: int) -> Length:
        """The number of elements along an axis of a view; negative for some empty slices."""
        axis = view.axes[k]
        if axis is None:
            return 1
        return self.root_length(view.root, axis.of) if axis.length is None else axis.length

    def length(self, thing: Any, k: int = 0) -> Length:
        """The length along an axis, never negative."""
        if isinstance(thing, tuple):
            return len(thing)
        if isinstance(thing, Elementwise):
            return thing.shape[k]
        if not isinstance(thing, ArrayView):
            self.refuse(f"{describe(thing)} has no length")
        extent = self.extent(thing, k)
        if self.never_negative(extent):
            return extent
        length = self.scalar("max", extent, 0)
        if extent in self.at_most_one:
            self.at_most_one.add(length)
        return length

    def shape(self, thing: Any) -> tuple[Length, ...]:
        return tuple(self.length(thing, k) for k in range(thing.ndim))

    # ------------------------------------------------------------------------------------ elements

    def truth(self, thing: Any) -> Value:
        """The truth of a scalar, or under Numba's rules of an array of one element."""
        if is_arraylike(thing):
            self.require(
                self.scalar("eq", self.product(self.shape(thing)), 1), "ValueError", "the truth of an array"
            )
            thing = self.at(thing, (0,) * thing.ndim)
        return super().truth(thing)

    def at(self, thing: Any, indices: Indices) -> Scalar:
        """One element of an array-like thing, for indices that are in range and not negative."""
        if is_scalar(thing):
            return thing
        if isinstance(thing, Elementwise):
            return thing.at(indices)
        version = self.version(thing.root)
        where = [self.as_value(i) for i in self.root_indices(thing, indices)]
        return current_builder().emit("load", (version, *where), version.type.dtype)

    def root_indices(self, view: ArrayView, indices: Indices) -> list[Scalar]:
        where: list[Scalar] = [0] * view.root.type.ndim
        for of, index in view.fixed:
            where[of] = index
        for axis, index in zip(view.axes, indices, strict=True):
            if axis is not None:
                scaled = index if same(axis.step, 1) else self.scalar("mul", index, axis.step)
                where[axis.of] = scaled if same(axis.start, 0) else self.scalar("add", axis.start, scaled)
        return where

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

    def subscript(self, array: Any, items: tuple[Any, ...]) -> Any:
        """`array[items]`: an element, a view, or the elements that an array of integers picks."""
        if isinstance(array, Elementwise):
            if array.cheap and len(items) == array.ndim and all(map(is_scalar, items)):
                place = functools.partial(self.length, array)
                return array.at(
                    tuple(self.wrapped(i, functools.partial(place, k)) for k, i in enumerate(items))
                )
            array = self.materialise(array)
        if any(is_arraylike(item) for item in items):
            return gathered(self, array, items)
        given, items = items, self.expanded(array, items)
        axes: list[Axis | None] = []
        fixed = list(array.fixed)
        k = 0
        for item in items:
            if item is None:
                axes.append(None)
                continue
            axis = array.axes[k]
            if isinstance(item, Slice):
                axes.append(self.sliced(array, k, item))
            elif axis is not None:
                fixed.append((axis.of, self.place(array, k, item, whole=axis.whole)))
            k += 1
        view = ArrayView(array.root, tuple(axes), tuple(sorted(fixed, key=lambda f: f[0])))
        if array.root.is_list and any(isinstance(item, Slice) for item in items[: len(given)]):
            return self.list_slice(view)
        return view if view.axes else self.at(view, ())

    def list_slice(self, view: ArrayView) -> ArrayView:
        """A slice of a list is a new list."""
        if view.ndim != 1:
            self.refuse("a slice of a list of lists", "the new list shares the inner ones", "`np.array(...)`")
        return self.materialise(
            Elementwise(self.shape(view), lambda i: self.at(view, i), self.reads(view), True)
        )

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
            last = self.scalar("sub", n, 1)
            start = last if item.start is None else self.clamped_to_last(item.start, n, last)
            if item.stop is not None:
                extent = self.scalar("sub", start, self.clamped_to_last(item.stop, n, last))
            else:
                extent = n if item.start is None else self.scalar("add", start, 1)
            if step != -1:
                extent = self.scalar("floordiv", self.scalar("add", extent, -step - 1), -step)
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

    def positions(self, mask: Any) -> tuple[ArrayView, ...]:
        """Where a mask is true: an array of integers for each of its axes."""
        return positions(self, mask)

    def scatter(
        self,
        array: ArrayView,
        items: tuple[Any, ...],
        thing: Any,
        combine: Callable[..., Scalar] | None = None,
    ) -> None:
        """`array[items] = thing` with arrays among the items."""
        scattered(self, array, items, thing, combine)

    def place_of(self, array: ArrayView, items: tuple[Any, ...]) -> ArrayView:
        """Like `subscript`, but an element is a view without axes."""
        if array.root.is_list and any(isinstance(item, Slice) for item in items):
            self.refuse("a store into a slice of a list", "it could change its length", "`np.array(...)`")
        extra = self.subscript(array, (*items, None) if None not in items else items)
        return ArrayView(extra.root, tuple(a for a in extra.axes if a is not None), extra.fixed)

    # -------------------------------------------------------------------------------- elementwise

    def reads(self, thing: Any) -> frozenset[Root]:
        if isinstance(thing, ArrayView):
            return frozenset((thing.root,))
        return thing.reads if isinstance(thing, Elementwise) else frozenset()

    def dtype(self, thing: Any) -> Type:
        if isinstance(thing, ArrayView):
            return thing.root.type.dtype
        if is_scalar(thing):
            return self.as_value(thing).type
        memory, frame_env = dict(self.memory), dict(self.frame.env)
        with Builder():
            element = self.as_value(thing.at(tuple(Value("", ty.int64) for _ in thing.shape)))
        self.memory, self.frame.env = memory, frame_env
        return element.type

    def elementwise(self, function: Callable[..., Scalar], *operands: Any) -> Any:
        """Apply a scalar function over broadcast operands."""
        operands = tuple(self.as_array(x) if isinstance(x, tuple) else x for x in operands)
        arrays = [x for x in operands if is_arraylike(x)]
        if not arrays:
            return function(*operands)
        ndim = max(x.ndim for x in arrays)
        if ndim == 0:
            return function(*(self.at(x, ()) if is_arraylike(x) else x for x in operands))
        shape = self.broadcast([self.shape(x) for x in arrays], ndim)

        def at(indices: Indices) -> Scalar:
            return function(
                *(self.at(x, self.narrowed(x, indices)) if is_arraylike(x) else x for x in operands)
            )

        reads = frozenset().union(*(self.reads(x) for x in operands))
        return Elementwise(shape, at, reads, operands=operands)

    def converted(self, thing: Any, type: Type) -> Any:
        """The elements as another type; floats become integers by cutting off."""
        if ty.is_integer(type) and ty.is_float(self.dtype(thing)):
            thing = self.elementwise(lambda x: self.scalar("int", x), thing)
        return self.elementwise(lambda x: self.cast(self.as_value(x, type), type), thing)

    def narrowed(self, array: Any, indices: Indices) -> Indices:
        """The indices of an operand that is broadcast to more axes, or along axes of length 1."""
        own = indices[len(indices) - array.ndim :]
        lengths = array.shape if isinstance(array, Elementwise) else self.known_lengths(array)
        single = (same(n, 1) or (isinstance(n, Value) and n in self.at_most_one) for n in lengths)
        return tuple(0 if one else i for one, i in zip(single, own, strict=True))

    def known_lengths(self, view: ArrayView) -> list[Length]:
        """The lengths of a view as far as they are known without asking the array."""
        shape = view.root.shape
        return [
            1
            if axis is None
            else axis.length
            if axis.length is not None
            else shape[axis.of]
            if shape
            else None
            for axis in view.axes
        ]

    def broadcast(self, shapes: list[tuple[Length, ...]], ndim: int) -> tuple[Length, ...]:
        result: list[Length] = []
        for k in range(-ndim, 0):
            lengths = [shape[k] for shape in shapes if len(shape) >= -k]
            known: Length = 1
            for length in lengths:
                if same(length, 1):
                    continue
                if same(known, 1):
                    known = length
                elif not same(known, length):
                    small = [isinstance(n, Value) and n in self.at_most_one for n in (known, length)]
                    if small[0] != small[1]:
                        one, known = (known, length) if small[0] else (length, known)
                        self.require(
                            self.scalar("eq", one, 1), "ValueError", "an empty slice beside an array"
                        )
                        continue
                    if is_number(known) and is_number(length):
                        self.refuse(
                            f"shapes that do not fit: {known} and {length}", instead="arrays of one length"
                        )
                    self.require(
                        self.scalar("eq", known, length),
                        "ValueError",
                        "arrays of different lengths (to repeat an array of length 1, write its slice: `b[:1]`)",
                    )
                    known = length if is_number(length) else known
            result.append(known)
        return tuple(result)

    def require(self, condition: Scalar, error: str, message: str) -> None:
        """Raise in the generated program unless the condition holds."""
        if condition is True:
            return
        current_builder().effect("require", (self.as_value(condition),), {"error": error, "message": message})

    def any_array(self, thing: Any) -> Any:
        """What NumPy takes as an array: also a number, as an array of no dimensions."""
        if is_scalar(thing):
            return Elementwise((), lambda _: thing, frozenset(), cheap=True)
        return self.as_array(thing)

    def as_array(self, thing: Any) -> Any:
        """A tuple or list of scalars as an array-like thing."""
        if is_arraylike(thing):
            return thing
        if not isinstance(thing, tuple):
            self.refuse(
                f"an array is needed here, not {describe(thing)}", instead="an array of one element or more"
            )
        return self.array_of(thing)

    # ------------------------------------------------------------------------------- making arrays

    def allocate(
        self, shape: tuple[Length, ...], dtype: Type, fill: str = "empty", name: str = ""
    ) -> ArrayView:
        lengths = [self.as_value(n) for n in shape]
        type = ty.array(dtype, len(shape), "C")
        version = current_builder().emit("alloc", lengths, type, {"fill": fill}, name)
        return whole_view(self.new_root(version, tuple(shape)))

    def array_of(self, parts: tuple[Any, ...], dtype: Type | None = None) -> ArrayView:
        """`np.array` of nested tuples of scalars."""
        shape: list[int] = []
        level: Any = parts
        while isinstance(level, tuple):
            shape.append(len(level))
            if not level:
                break
            level = level[0]
        if is_arraylike(level):
            return self.stacked(parts, dtype)
        flat: list[tuple[tuple[int, ...], Any]] = []

        def collect(part: Any, where: tuple[int, ...]) -> None:
            if isinstance(part, tuple):
                if len(where) >= len(shape) or len(part) != shape[len(where)]:
                    self.refuse("an array of parts of different lengths", instead="parts of one length")
                for k, inner in enumerate(part):
                    collect(inner, (*where, k))
            elif is_scalar(part) and len(where) == len(shape):
                flat.append((where, part))
            else:
                self.refuse(f"an array that holds {describe(part)}", "only numbers can be differentiated")

        collect(parts, ())
        if dtype is None:
            dtype = ty.float64
            if flat:
                dtype = self.as_value(flat[0][1]).type
                for _, part in flat[1:]:
                    dtype = ty.promote(dtype, self.as_value(part).type)
        view = self.allocate(tuple(shape), dtype)
        for where, part in flat:
            self.store(view, where, part)
        return view

    def stacked(self, parts: tuple[Any, ...], dtype: Type | None = None) -> ArrayView:
        inner = self.shape(parts[0])
        type = dtype or functools.reduce(ty.promote, (self.dtype(part) for part in parts))
        view = self.allocate((len(parts), *inner), type)
        for k, part in enumerate(parts):
            self.fill(self.subscript(view, (k,)), part)
        return view

    def materialise(self, thing: Any, dtype: Type | None = None, name: str = "") -> ArrayView:
        """A new array with the elements of an array-like thing."""
        shape = self.shape(thing)
        view = self.allocate(shape, dtype or self.dtype(thing), name=name)
        view.root.is_list = is_list(thing)
        self.nest(shape, lambda indices: self.store(view, indices, self.at(thing, indices)))
        return view

    def held(self, thing: Elementwise) -> ArrayView:
        """Evaluate now: for things that cost more than a few operations an element."""
        return self.materialise(thing)

    def settled(self, thing: Any, name: str = "") -> Any:
        """What a name may stand for: elementwise expressions become arrays."""
        if isinstance(thing, Elementwise):
            if thing.ndim == 0:
                self.refuse(
                    "an array of no dimensions", "it would be a place to write to", "the number itself"
                )
            view = self.materialise(thing, name=name)
            for root in thing.shares:
                for other in (root, *root.aliases):
                    view.root.may_alias(other)
            return view
        parts = parts_of(thing)
        return thing if parts is None else with_parts(thing, [self.settled(part) for part in parts])

    def nest(self, shape: tuple[Length, ...], body: Callable[[Indices], None], indices: Indices = ()) -> None:
        """Nested loops over an index space."""
        if not shape:
            body(indices)
            return
        if same(shape[0], 1):
            self.nest(shape[1:], body, (*indices, 0))
            return
        self.count_loop(shape[0], lambda i: self.nest(shape[1:], body, (*indices, i)))

    def count_loop(self, n: Length, body: Callable[[Value], None], assigned: tuple[str, ...] = ()) -> None:
        bounds = (constant(0, ty.int64), self.as_value(n, ty.int64), constant(1, ty.int64))
        index: list[Value] = []
        letter = "$" + "ijkl"[min(self.counting, 3)]

        def trip() -> None:
            self.counting += 1
            try:
                body(index[-1])
            finally:  # a loop may be read a second time
                self.counting -= 1

        parts = LoopParts(trip, list(assigned), "", set(), bounds=bounds, bind=index.append, index=letter)
        self.loop(parts)

    # ------------------------------------------------------------------------------------- stores

    def store(self, view: ArrayView, indices: Indices, scalar: Scalar) -> None:
        """`view[indices] = scalar` for indices that are in range and not negative."""
        root = view.root
        version = self.version(root)
        dtype = version.type.dtype
        value = self.as_value(scalar, None if isinstance(scalar, complex) else dtype)
        if ty.is_complex(value.type) and not ty.is_complex(dtype):
            self.refuse(
                "a complex number stored into an array of real numbers",
                "NumPy would raise an error here, or drop the imaginary part",
                "`z.real`, or an array of `np.complex128`",
            )
        where = [self.as_value(i) for i in self.root_indices(view, indices)]
        new = current_builder().emit("store", (version, *where, value), version.type, name=version.name)
        self.write(root, new)

    def fill(self, view: ArrayView, thing: Any) -> None:
        """`view[...] = thing`, broadcast; what the right side reads is read before anything is written."""
        if isinstance(thing, tuple):
            thing = self.array_of(thing)
        if not (is_arraylike(thing) or is_scalar(thing)):
            self.refuse(f"{describe(thing)} stored into an array", "only numbers can be differentiated")
        if is_arraylike(thing):
            if thing.ndim > view.ndim:
                thing = self.without_leading_ones(thing, view.ndim)
            self.broadcast([self.shape(view), self.shape(thing)], view.ndim)
            if not self.reads_in_step(view, thing):
                thing = self.materialise(thing)
        extents = tuple(self.extent(view, k) for k in range(view.ndim))

        def put(indices: Indices) -> None:
            self.store(
                view, indices, self.at(thing, self.narrowed(thing, indices)) if is_arraylike(thing) else thing
            )

        self.nest(extents, put)

    def without_leading_ones(self, thing: Any, ndim: int) -> Any:
        """Drop the leading axes that a store drops: they must have length 1."""
        surplus = thing.ndim - ndim
        lengths = self.shape(thing)[:surplus]
        if any(is_number(n) and n != 1 for n in lengths) or not all(map(is_number, lengths)):
            self.refuse(
                f"an array of {thing.ndim} dimensions stored into one of {ndim}",
                instead="a row of it, or a loop",
            )
        return self.subscript(thing, (0,) * surplus)

    def reads_in_step(self, view: ArrayView, thing: Any) -> bool:
        """Whether element k of the right side reads the target, and what shares its memory, at most at k."""
        if not {view.root, *view.root.aliases} & self.reads(thing):
            return True
        if isinstance(thing, ArrayView):
            return same(view, thing) or self.apart(view, thing)
        return bool(thing.operands) and all(
            self.reads_in_step(view, x) for x in thing.operands if is_arraylike(x)
        )

    def apart(self, view: ArrayView, other: ArrayView) -> bool:
        """Whether two views of one array have no element in common: rows `i` and `i - 1`, columns 0 and 1."""
        if view.root is not other.root:
            return False
        elsewhere = dict(other.fixed)
        in_line = len(view.axes) == len(other.axes) and all(map(same_axis, view.axes, other.axes))
        for axis, index in view.fixed:
            if axis not in elsewhere:
                continue
            (base, moved), (base2, moved2) = self.offset(index), self.offset(elsewhere[axis])
            if base is base2 and moved != moved2:
                # Where one of them counts from the end both may be the same row after all, of an array of one row.
                return in_line or (self.never_negative(index) and self.never_negative(elsewhere[axis]))
        return False

    def update(self, view: ArrayView, function: Callable[..., Scalar], thing: Any) -> None:
        """`view op= thing` in place."""
        thing = self.array_of(thing) if isinstance(thing, tuple) else thing
        if is_arraylike(thing) and not self.reads_in_step(view, thing):
            thing = self.materialise(thing)
        if is_arraylike(thing):
            if thing.ndim > view.ndim:
                self.refuse(
                    f"an array of {thing.ndim} dimensions combined into one of {view.ndim}",
                    instead="a row of it",
                )
            self.broadcast([self.shape(view), self.shape(thing)], view.ndim)
        extents = tuple(self.extent(view, k) for k in range(view.ndim))

        def put(indices: Indices) -> None:
            operand = self.at(thing, self.narrowed(thing, indices)) if is_arraylike(thing) else thing
            self.store(view, indices, function(self.at(view, indices), operand))

        self.nest(extents, put)

    def copy(self, view: ArrayView, name: str = "") -> ArrayView:
        if view.whole:
            version = self.version(view.root)
            type = ty.array(version.type.dtype, version.type.ndim, "C" if version.type.layout != "F" else "F")
            new = current_builder().emit("copy", (version,), type, name=name)
            return whole_view(self.new_root(new, view.root.shape))
        return self.materialise(view, name=name)

    # --------------------------------------------------------------------------------- reductions

    def accumulate(
        self, start: Scalar, shape: tuple[Length, ...], step: Callable[[Scalar, Indices], Scalar], type: Type
    ) -> Value:
        """Fold a scalar over an index space."""
        self.accumulators += 1
        name = f"$total{self.accumulators}"
        self.frame.env[name] = self.as_value(start, type)

        def level(rest: tuple[Length, ...], indices: Indices) -> None:
            if not rest:
                self.frame.env[name] = self.cast(
                    self.as_value(step(self.frame.env[name], indices), type), type
                )
            else:
                self.count_loop(rest[0], lambda i: level(rest[1:], (*indices, i)), (name,))

        level(shape, ())
        result = self.frame.env.pop(name)
        return result  # type: ignore[no-any-return]

    def sum_type(self, thing: Any) -> Type:
        """The type in which NumPy adds up the elements of a thing."""
        type = self.dtype(thing)
        if ty.is_integer(type) or ty.is_boolean(type):
            return ty.int64 if ty.is_boolean(type) or type.signed else ty.uint64
        return type

    def total(self, thing: Any, shape: tuple[Length, ...] | None = None) -> Value:
        """The sum of all elements."""
        thing = self.any_array(thing)
        type = self.sum_type(thing)
        shape = shape or self.shape(thing)
        return self.accumulate(0, shape, lambda s, i: self.scalar("add", s, self.at(thing, i)), type)

    def along(self, thing: Any, axis: Any, reduce: Callable[[Any], Scalar], keepdims: bool = False) -> Any:
        """Reduce over all elements, or along one axis or several."""
        if is_scalar(number := thing):
            thing = Elementwise((), lambda _: number, frozenset())
        thing = self.as_array(thing)
        if axis is None:
            result = reduce(thing)
            return result if not keepdims else Elementwise((1,) * thing.ndim, lambda _: result, frozenset())
        chosen = axis if isinstance(axis, tuple) else (axis,)
        if not all(isinstance(a, int) and -thing.ndim <= a < thing.ndim for a in chosen):
            self.refuse(
                "an axis that is not a constant of this array",
                "which loops to build must be known",
                "`axis=0`, say",
            )
        dropped = sorted({a % thing.ndim for a in chosen})
        kept = [k for k in range(thing.ndim) if k not in dropped]
        shape = self.shape(thing)
        thing = self.steady(thing)

        def at(indices: Indices) -> Scalar:
            if keepdims:
                indices = tuple(indices[k] for k in kept)

            def inner(within: Indices) -> Scalar:
                where: list[Scalar] = [0] * thing.ndim
                for k, index in zip(kept, indices, strict=True):
                    where[k] = index
                for k, index in zip(dropped, within, strict=True):
                    where[k] = index
                return self.at(thing, tuple(where))

            within = tuple(shape[k] for k in dropped)
            return reduce(Elementwise(within, inner, self.reads(thing), cheap=True))

        lengths = tuple(1 if k in dropped else shape[k] for k in range(thing.ndim) if keepdims or k in kept)
        if not lengths:
            return at(())
        return self.held(Elementwise(lengths, at, self.reads(thing)))

    def steady(self, thing: Any) -> Any:
        """An array-like thing whose elements may be read more than once."""
        return self.materialise(thing) if isinstance(thing, Elementwise) and not thing.cheap else thing

    def largest(self, thing: Any, name: str = "max") -> Value:
        """The largest element (or smallest), NaN if there is one; it has no derivative."""
        shape, type = self.shape(thing), self.dtype(thing)
        first = self.at(thing, (0,) * thing.ndim)
        best = self.accumulate(first, shape, lambda m, i: self.scalar(name, m, self.at(thing, i)), type)
        if ty.is_float(type):
            # Counted in a loop of its own: comparisons that let NaN through cannot be vectorised.
            def count(n: Scalar, i: Indices) -> Scalar:
                return self.scalar("add", n, self.scalar("cast_int", self.scalar("isnan", self.at(thing, i))))

            missing = self.accumulate(0, shape, count, ty.int64)
            best = self.scalar("select", self.scalar("eq", missing, 0), best, math.nan)
        return self.detached(best)

    def require_elements(self, thing: Any, what: str) -> None:
        for n in self.shape(thing):
            if not (is_number(n) and n > 0):
                self.require(self.scalar("gt", n, 0), "ValueError", f"{what} of an empty array")

    def extreme(self, thing: Any, name: str) -> Scalar:
        """`np.max` (or min): among several equal extremes each gets an equal share of the derivative."""
        thing = self.steady(self.any_array(thing))
        shape = self.shape(thing)
        best = self.largest(thing, name)
        if not ty.is_float(best.type):
            return best

        def tie(n: Scalar, i: Indices) -> Scalar:
            return self.scalar("add", n, self.scalar("cast_int", self.scalar("eq", self.at(thing, i), best)))

        def share(total: Scalar, i: Indices) -> Scalar:
            x = self.at(thing, i)
            return self.scalar("add", total, self.scalar("select", self.scalar("eq", x, best), x, 0.0))

        ties = self.accumulate(0, shape, tie, ty.int64)
        shares = self.scalar("div", self.accumulate(0, shape, share, best.type), ties)
        return self.scalar("attach", best, shares)

    def detached(self, value: Value) -> Value:
        """The value, with no derivative."""
        return current_builder().emit("stop_gradient", (value,), value.type)

    def position(self, thing: Any, name: str) -> Scalar:
        """`np.argmax` (or argmin) of one axis."""
        thing = self.steady(thing)

        def better(k: Scalar, i: Indices) -> Scalar:
            x, best = self.at(thing, i), self.at(thing, (k,))
            wins = self.scalar("gt" if name == "max" else "lt", x, best)
            if ty.is_float(self.dtype(thing)):  # the first NaN wins
                fresh = self.scalar(
                    "and", self.scalar("isnan", x), self.scalar("not", self.scalar("isnan", best))
                )
                wins = self.scalar("or", wins, fresh)
            return self.scalar("select", wins, i[0], k)

        result = self.accumulate(0, self.shape(thing), better, ty.int64)
        self.nonnegative.add(result)
        return result

    def transposed(self, thing: Any, axes: tuple[int, ...] | None = None) -> Any:
        order = axes if axes is not None else tuple(reversed(range(thing.ndim)))
        if isinstance(thing, ArrayView):
            return replace(thing, axes=tuple(thing.axes[k] for k in order))
        shape = tuple(thing.shape[k] for k in order)

        def at(indices: Indices) -> Scalar:
            given = dict(zip(order, indices, strict=True))
            return self.at(thing, tuple(given[k] for k in range(len(order))))

        return Elementwise(shape, at, self.reads(thing), shares=thing.shares, cheap=thing.cheap)

    def raveled(self, thing: Any) -> ArrayView:
        """The elements in C order, as a new array (a written `ravel` is refused where it would be a view)."""
        if isinstance(thing, ArrayView) and thing.ndim == 1:
            return thing
        flat = self.flattened(thing)
        if isinstance(thing, ArrayView):
            flat.root.may_be(thing.root)
        return flat

    def flattened(self, thing: Any) -> ArrayView:
        """The elements in C order, as an array of its own."""
        shape = self.shape(thing)
        size = self.product(shape)
        flat = self.allocate((size,), self.dtype(thing))

        def put(indices: Indices) -> None:
            place: Scalar = 0
            for n, i in zip(shape, indices, strict=True):
                place = self.scalar("add", self.scalar("mul", place, n), i)
            self.store(flat, (place,), self.at(thing, indices))

        self.nest(shape, put)
        return flat

    def reshaped(self, thing: Any, shape: tuple[Length, ...]) -> ArrayView:
        flat = self.raveled(thing)
        size = self.length(flat)
        if any(same(n, -1) for n in shape):
            others = self.product(tuple(n for n in shape if not same(n, -1)))
            shape = tuple(self.scalar("floordiv", size, others) if same(n, -1) else n for n in shape)
        self.require(self.scalar("eq", self.product(shape), size), "ValueError", "a shape of another size")

        def at(indices: Indices) -> Scalar:
            place: Scalar = 0
            for n, i in zip(shape, indices, strict=True):
                place = self.scalar("add", self.scalar("mul", place, n), i)
            return self.at(flat, (place,))

        result = self.materialise(Elementwise(shape, at, self.reads(flat)))
        result.root.may_be(flat.root)
        return result

    def product(self, lengths: tuple[Length, ...]) -> Length:
        size: Length = 1
        for n in lengths:
            size = self.scalar("mul", size, n)
        return size
