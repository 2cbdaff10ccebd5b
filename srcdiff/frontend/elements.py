"""The elements of arrays while a function is read: their number, reading and storing one, loops over them.

    a[2, k]      ->    load a 2 k
    z = x * y    ->    for i in range(n): store z i (mul x_i y_i)

Indices are in range and not negative here; `slices.py` makes them so.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..errors import DIFFERENT_LENGTHS
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Op, Value
from ..ir.operators import current_builder
from ..ir.types import Type
from ..ir.walk import ops_within
from ..primitives import REGISTRY
from .agreement import same
from .describe import describe
from .loop_join import LoopParts
from .scalars import Scalars
from .things import (
    ArrayView,
    Elementwise,
    Indices,
    Length,
    Root,
    Scalar,
    is_list,
    is_number,
    is_scalar,
    whole_view,
)

DIVISION = REGISTRY["div"].cost


class Elements(Scalars):
    """Elements of views and of elementwise expressions."""

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

    def product(self, lengths: tuple[Length, ...]) -> Length:
        size: Length = 1
        for n in lengths:
            size = self.scalar("mul", size, n)
        return size

    # ------------------------------------------------------------------------------------- reading

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

    def reads(self, thing: Any) -> frozenset[Root]:
        if isinstance(thing, ArrayView):
            return frozenset((thing.root,))
        return thing.reads if isinstance(thing, Elementwise) else frozenset()

    def dtype(self, thing: Any) -> Type:
        if isinstance(thing, ArrayView):
            return thing.root.type.dtype
        if is_scalar(thing):
            return self.as_value(thing).type
        return self.element_ops(thing)[0].type

    def agreed(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """Operands of which numbers of Python are in single precision if all others are."""
        weak = [isinstance(x, Value) and x in self.weak for x in operands]
        if self.frame.numba_rules or not any(weak):
            return operands
        types = [self.dtype(x) for x, one in zip(operands, weak, strict=True) if not one and not is_number(x)]
        common = functools.reduce(ty.promote, types) if types else None
        if common not in (ty.float32, ty.complex64):
            return operands
        self.gave_way += 1
        return tuple(
            self.cast(x, ty.complex64 if ty.is_complex(x.type) else ty.float32) if one else x
            for x, one in zip(operands, weak, strict=True)
        )

    def element_ops(self, thing: Elementwise) -> tuple[Value, list[Op]]:
        """An element, and the ops that compute it; nothing is appended."""
        memory, frame_env = dict(self.memory), dict(self.frame.env)
        with Builder() as builder:
            element = self.as_value(thing.at(tuple(Value("", ty.int64) for _ in thing.shape)))
        self.memory, self.frame.env = memory, frame_env
        return element, list(ops_within(builder.block()))

    def narrowed(self, array: Any, indices: Indices) -> Indices:
        """The indices of an operand that is broadcast to more axes, or along axes of length 1."""
        own = indices[len(indices) - array.ndim :]
        lengths = array.shape if isinstance(array, Elementwise) else self.known_lengths(array)
        return tuple(0 if self.is_one(n) else i for n, i in zip(lengths, own, strict=True))

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
                        DIFFERENT_LENGTHS,
                    )
                    known = length if is_number(length) else known
            result.append(known)
        return tuple(result)

    def fit_into(self, target: tuple[Length, ...], shape: tuple[Length, ...]) -> None:
        """What is stored may be repeated, but not what it is stored into, also where that has one element."""
        self.broadcast([target, shape], len(target))
        for n, m in zip(reversed(target), reversed(shape), strict=False):
            if self.is_one(n) and not self.is_one(m):
                self.require_equal(n, m)

    def is_one(self, length: Length) -> bool:
        """Whether a length is known to be 1, or at most that."""
        return same(length, 1) or (isinstance(length, Value) and length in self.at_most_one)

    def require_equal(self, a: Length, b: Length) -> None:
        """Lengths that must be equal, without one that is repeated."""
        if is_number(a) and is_number(b):
            if a != b:
                self.refuse(f"shapes that do not fit: {a} and {b}", instead="arrays of one length")
        elif not same(a, b):
            self.require(self.scalar("eq", a, b), "ValueError", "arrays whose shapes do not fit")

    # --------------------------------------------------------------------------------------- loops

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
            elif same(rest[0], 1):
                level(rest[1:], (*indices, 0))
            else:
                self.count_loop(rest[0], lambda i: level(rest[1:], (*indices, i)), (name,))

        level(shape, ())
        result = self.frame.env.pop(name)
        return result  # type: ignore[no-any-return]

    # ------------------------------------------------------------------------------------- storing

    def allocate(
        self, shape: tuple[Length, ...], dtype: Type, fill: str = "empty", name: str = ""
    ) -> ArrayView:
        lengths = [self.as_value(n) for n in shape]
        type = ty.array(dtype, len(shape), "C")
        version = current_builder().emit("alloc", lengths, type, {"fill": fill}, name)
        return whole_view(self.new_root(version, tuple(shape)))

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
        self.write(root, self.with_element(version, where, value), root.links)
        for other, place in root.links.items():
            current = self.memory.get(other)
            if isinstance(current, Value):
                there = [self.as_value(i) for i in place(tuple(where))]
                self.write(other, self.with_element(current, there, value), (root, *root.links))

    def with_element(self, version: Value, where: list[Value], value: Value) -> Value:
        """The version with another element."""
        return current_builder().emit("store", (version, *where, value), version.type, name=version.name)

    def materialise(self, thing: Any, dtype: Type | None = None, name: str = "") -> ArrayView:
        """A new array with the elements of an array-like thing."""
        shape = self.shape(thing)
        view = self.allocate(shape, dtype or self.dtype(thing), name=name)
        view.root.is_list = is_list(thing)
        self.nest(shape, lambda indices: self.store(view, indices, self.at(thing, indices)))
        return view

    def once(self, thing: Elementwise, shape: tuple[Length, ...]) -> Any:
        """What is broadcast to a shape, computed once if each of its rows would compute it again, at some cost.

        What is the same along the last axis is moved out of the innermost loop anyway.
        """
        own = tuple(same(n, 1) for n in thing.shape)
        repeats = len(own) < len(shape) or any(
            one and not same(n, 1) for one, n in zip(own[:-1], shape[:-1], strict=True)
        )
        if thing.cheap or not own or own[-1] or not repeats:
            return thing
        made = self.element_ops(thing)[1]
        costs = any(op.primitive in REGISTRY and REGISTRY[op.primitive].cost > DIVISION for op in made)
        return self.materialise(thing) if costs else thing

    def steady(self, thing: Any) -> Any:
        """An array-like thing whose elements may be read more than once."""
        return self.materialise(thing) if isinstance(thing, Elementwise) and not thing.cheap else thing
