"""Arrays while a function is read: views, elementwise expressions, copies, stores into whole parts.

An elementwise expression is no array until something needs it as one: `np.sum(x * y)` becomes one loop that reads
both and adds up, `z = x * y` a loop that fills a new array.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Value
from ..ir.operators import current_builder, open_builders
from ..ir.types import Type
from .agreement import same, same_axis
from .describe import describe
from .indexing import gathered, positions, scattered
from .scalars import is_narrow
from .scope import ReadAgain
from .slices import Slices
from .things import (
    ArrayView,
    Axis,
    Elementwise,
    Indices,
    Length,
    Root,
    Scalar,
    Slice,
    is_arraylike,
    is_list,
    is_number,
    is_scalar,
    whole_view,
)
from .trees import parts_of, with_parts


class Arrays(Slices):
    """Arrays as wholes."""

    def __init__(self) -> None:
        super().__init__()
        # Where masks are true, with the version and the block for which that was found.
        self.masks: dict[Root, tuple[Value | None, Builder | None, tuple[ArrayView, ...]]] = {}
        self.given: set[Root] = set()  # arrays that are arguments or captured
        # Whether the function makes arrays that lie in another order than C's, and whether one was taken to lie in it.
        self.other_orders: set[str] = set()
        self.relied_on_order = False

    # ------------------------------------------------------------------------------------ indexing

    def truth(self, thing: Any) -> Value:
        """The truth of a scalar, or under Numba's rules of an array of one element."""
        if is_list(thing):
            return self.as_value(self.scalar("gt", self.length(thing), 0))
        if is_arraylike(thing):
            self.require(
                self.scalar("eq", self.product(self.shape(thing)), 1), "ValueError", "the truth of an array"
            )
            thing = self.at(thing, (0,) * thing.ndim)
        return super().truth(thing)

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
        if is_list(array) and any(isinstance(item, Slice) for item in items[: len(given)]):
            return self.list_slice(view)
        return view if view.axes else self.at(view, ())

    def list_slice(self, view: ArrayView) -> ArrayView:
        """A slice of a list is a new list."""
        if view.root.of_arrays:
            made = self.materialise(view)
            made.root.of_arrays, made.root.in_place_of = True, view.root.in_place_of
            made.root.may_be(view.root)
            return made
        if view.ndim != 1:
            self.refuse("a slice of a list of lists", "the new list shares the inner ones", "`np.array(...)`")
        return self.materialise(
            Elementwise(self.shape(view), lambda i: self.at(view, i), self.reads(view), True)
        )

    def positions(self, mask: Any) -> tuple[ArrayView, ...]:
        """Where a mask is true: an array of integers for each of its axes."""
        return positions(self, mask)

    def known_positions(self, mask: Any) -> tuple[ArrayView, ...]:
        """The same arrays again, where a mask is still what it was; nobody else may have them."""
        if not isinstance(mask, ArrayView) or not mask.whole:
            return positions(self, mask)
        version = self.version(mask.root)
        known, builder, found = self.masks.get(mask.root, (None, None, ()))
        if known is not version or not any(builder is one for one in open_builders.get()):
            found = positions(self, mask)
            self.masks[mask.root] = version, current_builder(), found
        return found

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
        if is_list(array) and any(isinstance(item, Slice) for item in items):
            self.refuse("a store into a slice of a list", "it could change its length", "`np.array(...)`")
        extra = self.subscript(array, (*items, None) if None not in items else items)
        return ArrayView(extra.root, tuple(a for a in extra.axes if a is not None), extra.fixed)

    # -------------------------------------------------------------------------------- elementwise

    def elementwise(self, function: Callable[..., Scalar], *operands: Any) -> Any:
        """Apply a scalar function over broadcast operands."""
        operands = self.agreed(tuple(self.as_array(x) if isinstance(x, tuple) else x for x in operands))
        arrays = [x for x in operands if is_arraylike(x)]
        if not arrays:
            return function(*operands)
        ndim = max(x.ndim for x in arrays)
        if ndim == 0:
            return function(*(self.at(x, ()) if is_arraylike(x) else x for x in operands))
        shape = self.broadcast([self.shape(x) for x in arrays], ndim)
        operands = tuple(self.once(x, shape) if isinstance(x, Elementwise) else x for x in operands)

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

    def wide(self, thing: Any) -> Any:
        """Integers of fewer bits than 64 as such of 64: what NumPy computes in floats does not wrap around."""
        if is_arraylike(thing) and is_narrow(self.dtype(thing)):
            return self.converted(thing, ty.int64)
        if isinstance(thing, Value) and is_narrow(thing.type):
            return self.cast(thing, ty.int64)
        return thing

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

    def unpacked(self, array: Any, count: int) -> tuple[Any, ...]:
        """The items of an array, which must be so many."""
        array = self.settled(array)
        length = self.length(array)
        if is_number(length) and length != count:
            self.refuse(f"unpacking {length} items into {count}", instead="a name for each")
        if length is not count:
            fits = self.scalar("eq", length, count)
            self.require(fits, "ValueError", f"an array unpacked into {count} needs that length")
        return tuple(self.subscript(array, (k,)) for k in range(count))

    def as_list(self, thing: Any) -> ArrayView:
        """The elements as Python's numbers in a list."""
        own = self.copy(thing) if isinstance(thing, ArrayView) else self.materialise(thing)
        own.root.is_list = True
        return own

    def columns(self, rows: Any) -> tuple[Any, ...]:
        """What `zip(*rows)` goes over: a list for each place in a row."""
        rows = self.settled(rows)
        if rows.ndim != 2 or not is_number(count := self.length(rows, 1)):
            self.refuse(f"`*` of {describe(rows)}", instead="its columns by index")
        whole = Slice(None, None, None)
        return tuple(self.as_list(self.subscript(rows, (whole, k))) for k in range(count))

    def array_of(self, parts: tuple[Any, ...], dtype: Type | None = None) -> ArrayView:
        """`np.array` of nested tuples of scalars."""
        shape: list[int] = []
        level: Any = parts
        while isinstance(level, tuple):
            shape.append(len(level))
            if not level:
                break
            level = level[0]
        if is_arraylike(level) or any(map(is_arraylike, parts)):
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
        parts = tuple(self.as_array(part) for part in parts)
        inner = self.shape(parts[0])
        if any(part.ndim != len(inner) for part in parts):
            self.refuse("an array of parts of different dimensions", instead="parts of one shape")
        for part in parts[1:]:
            for n, m in zip(inner, self.shape(part), strict=True):
                self.require_equal(n, m)
        type = dtype or functools.reduce(ty.promote, (self.dtype(part) for part in parts))
        view = self.allocate((len(parts), *inner), type)
        for k, part in enumerate(parts):
            self.fill(self.subscript(view, (k,)), part)
        return view

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
        settled = [self.settled(part) for part in parts or ()]
        return thing if all(map(operator.is_, settled, parts or ())) else with_parts(thing, settled)

    # ------------------------------------------------------------------------------------- stores

    def fill(self, view: ArrayView, thing: Any) -> None:
        """`view[...] = thing`, broadcast; what the right side reads is read before anything is written."""
        if isinstance(thing, tuple):
            thing = self.array_of(thing)
        if not (is_arraylike(thing) or is_scalar(thing)):
            self.refuse(f"{describe(thing)} stored into an array", "only numbers can be differentiated")
        if is_arraylike(thing):
            if thing.ndim > view.ndim:
                thing = self.without_leading_ones(thing, view.ndim)
            self.fit_into(self.shape(view), self.shape(thing))
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
            self.fit_into(self.shape(view), self.shape(thing))
        extents = tuple(self.extent(view, k) for k in range(view.ndim))

        def put(indices: Indices) -> None:
            operand = self.at(thing, self.narrowed(thing, indices)) if is_arraylike(thing) else thing
            new = self.as_value(function(self.at(view, indices), operand))
            self.check_stays_integer(self.dtype(view), new.type)
            self.store(view, indices, new)

        self.nest(extents, put)

    def check_stays_integer(self, target: Type, result: Type) -> None:
        """Refuse what NumPy cannot put back into an array of integers."""
        if ty.is_integer(target) and ty.is_float(result):
            self.refuse(
                "an array of integers that floats change in place",
                "NumPy would raise an error here",
                "floats",
            )

    def copy(self, view: ArrayView, name: str = "") -> ArrayView:
        if view.whole:
            version = self.version(view.root)
            type = ty.array(version.type.dtype, version.type.ndim, "C" if version.type.layout != "F" else "F")
            new = current_builder().emit("copy", (version,), type, name=name)
            return whole_view(self.new_root(new, view.root.shape))
        return self.materialise(view, name=name)

    # ---------------------------------------------------------------------------------------- sums

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

    # -------------------------------------------------------------------------------- other shapes

    def has_other_order(self) -> None:
        """Keep in mind that what is computed may lie in memory in another order than C's, as its operands do."""
        known = bool(self.other_orders)
        self.other_orders.add("F")
        if self.relied_on_order and not known:
            raise ReadAgain

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
        """The elements in C order: the array itself, another one of its memory, or a new one where it has gaps."""
        if not isinstance(thing, ArrayView):
            return self.flattened(thing)
        is_contiguous = self.is_contiguous(thing)
        if is_contiguous and thing.ndim == 1:
            return thing
        flat = self.flattened(thing)
        self.alike(flat, thing, is_contiguous)
        return flat

    def is_contiguous(self, view: ArrayView) -> bool:
        """Whether the elements of a view certainly lie in memory without gaps, in C order."""
        if self.version(view.root).type.layout != "C":
            return False
        axes = [axis for axis in view.axes if axis is not None]
        first = view.root.type.ndim - len(axes)
        in_order = [of for of, _ in view.fixed] == list(range(first))
        return in_order and all(
            axis.of == first + k and (axis.whole if k else same(axis.step, 1)) for k, axis in enumerate(axes)
        )

    def alike(self, made: ArrayView, of: ArrayView, is_same: bool) -> None:
        """Say that a new array with the elements of a view, in C order, may be its memory, or that it is."""
        made.root.may_be(of.root)
        if is_same and of.ndim > 1 and not of.root.in_c_order and of.root not in self.given:
            is_same = not self.other_orders
            self.relied_on_order = self.relied_on_order or is_same
        if not is_same or of.root.is_list or of.root.in_place_of:
            return
        shape, given = self.shape(made), self.shape(of)

        def place(where: Indices) -> Indices:
            return tuple(self.root_indices(of, self.unravelled(self.rank(where, shape), given)))

        def back(where: Indices) -> Indices:
            return self.unravelled(self.rank(where, given), shape)

        made.root.link(of.root, place, back if of.whole else None)

    def rank(self, indices: Indices, shape: tuple[Length, ...]) -> Scalar:
        """The number of an element in C order."""
        place: Scalar = 0
        for n, i in zip(shape, indices, strict=True):
            place = self.scalar("add", self.scalar("mul", place, n), i)
        return place

    def unravelled(self, rank: Scalar, shape: tuple[Length, ...]) -> Indices:
        """The indices of the element of a number in C order."""
        indices: list[Scalar] = []
        for n in shape[:0:-1]:
            indices.append(self.scalar("mod", rank, n))
            rank = self.scalar("floordiv", rank, n)
        return (rank, *reversed(indices)) if shape else ()

    def flattened(self, thing: Any) -> ArrayView:
        """The elements in C order, as an array of its own."""
        shape = self.shape(thing)
        size = self.product(shape)
        flat = self.allocate((size,), self.dtype(thing))

        def put(indices: Indices) -> None:
            self.store(flat, (self.rank(indices, shape),), self.at(thing, indices))

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
            return self.at(flat, (self.rank(indices, shape),))

        result = self.materialise(Elementwise(shape, at, self.reads(flat)))
        if isinstance(thing, ArrayView):
            # NumPy reshapes a line of elements without a copy, whatever lies between them.
            self.alike(result, thing, thing.ndim == 1 or self.is_contiguous(thing))
        return result
