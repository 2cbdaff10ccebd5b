"""Multiply what loops read of two arrays: matrices, or copies of parts of arrays that are matrices.

    a[i + 1, k], i < n - 1, k < m           t = np.empty((n - 1, m))
                                   ->       for r in range(n - 1):
                                                for q in range(m):
                                                    t[r, q] = a[r + 1, q]

Where the loops might make no trip, an array may have less than they would read. Reads: affine forms.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from ..analysis.affine import Affine, Linear
from ..ir import types as ty
from ..ir.builder import Builder, zero
from ..ir.core import Block, Op, Value, indices_of
from ..ir.nests import nest_over
from ..primitives import ARRAYS
from ..primitives.arrays import STACKS
from .align import same
from .bounds import joined
from .forms import emitted_with_shapes, moved

ZERO = Linear()


@dataclass(frozen=True)
class Axis:
    """What of an axis of an array is multiplied: all of it if `length` is None, else so much from `low` on.

    `certain` says that the loops stay inside of it, `idle` how much at its end is beside a triangle, so that it is not
    read and need not exist.
    """

    low: Linear = ZERO
    length: Linear | None = None
    certain: bool = True
    idle: int = 0


@dataclass(frozen=True)
class Factor:
    """A matrix of a product: an array, the axis that is summed over, and what is read of each axis."""

    array: Value
    summed: int
    axes: tuple[Axis, ...]

    @property
    def free(self) -> list[int]:
        return [axis for axis in range(len(self.axes)) if axis != self.summed]

    @property
    def is_whole(self) -> bool:
        in_order = self.array.type.layout in ("C", "F")
        return in_order and all(axis.length is None and axis.certain for axis in self.axes)


class Matrices:
    """The products of matrices above an op, at its location; where that may fail by a check of its own, above which
    the arrays may be too short, copies go no further than those do."""

    def __init__(
        self, affine: Affine, below: Op, copies: dict[Hashable, Value], may_fail: bool = False
    ) -> None:
        self.affine, self.below, self.may_fail = affine, below, may_fail
        self.above = Builder(below.location)
        self.copies = copies  # also those for other nests
        self.known: dict[tuple[str, Factor, Factor], Value] = {}  # the products

    def multiplied(self, row: str, left: Factor, right: Factor, rank: int = 2) -> Value:
        """Append a product above the nest, of matrices or of stacks of them."""
        operands = self.matrix(left, rank - 1, right, rank), self.matrix(right, rank - 2, left, rank)
        with self.above:
            (result,) = ARRAYS[row].emit(*operands)
        if all(axis.certain for factor in (left, right) for axis in factor.axes):
            made = self.above.ops[-1]
            self.above.ops[-1] = replace(made, attributes={**made.attributes, "trusted": True})
        return result

    def matrix(self, factor: Factor, summed: int, other: Factor, rank: int) -> tuple[Value, bool]:
        """The matrix of a factor, and whether it is read transposed for the summed axis to be where it should be."""
        if factor.is_whole and len(factor.axes) == rank:
            return factor.array, factor.summed != summed
        needed = () if self.fits(factor) else self.needed(factor, other)
        key = self.key(factor, needed)
        if not self.is_above(self.copies.get((rank, key))):
            self.copies[rank, key] = self.copied(factor, needed, rank)
        at = factor.summed if len(factor.axes) == rank else 1
        return self.copies[rank, key], at != summed

    def key(self, factor: Factor, needed: Sequence[Linear]) -> Hashable:
        """What a copy is made of, in values that are the same for all nests of a program."""

        def plain(form: Linear | None) -> Hashable:
            if form is None:
                return None
            terms = (((self.affine.length_of.get(v, v)), c) for v, c in form.terms)
            return frozenset(terms), form.constant

        axes = tuple((plain(axis.low), plain(axis.length), axis.idle) for axis in factor.axes)
        summed = factor.summed if len(axes) > 2 else None
        return factor.array, summed, axes, tuple(map(plain, needed))

    def is_above(self, copy: Value | None) -> bool:
        """Whether a copy is made before the products."""
        structure = self.affine.structure
        made = structure.maker.get(copy) if copy is not None else None
        if made is None:
            return any(copy in op.results for op in self.above.ops)
        return not structure.around[made] and structure.place[made] < structure.place[self.below]

    def fits(self, factor: Factor) -> bool:
        """Whether what is read of an array certainly exists, be the loops without a trip."""
        rests = (
            self.affine.length(factor.array, n) - axis.low - self.read_length(factor, n)
            for n, axis in enumerate(factor.axes)
            if axis.length is not None
        )
        return all(map(self.affine.is_not_negative, rests))

    def needed(self, factor: Factor, other: Factor) -> tuple[Linear, ...]:
        """What must be positive for the loops to make a trip where those over a factor do: trips over the other one."""
        own = [self.read_length(factor, axis) for axis in range(len(factor.axes))]
        others = (self.read_length(other, axis) for axis in other.free)
        return tuple(
            x for x in others if not self.affine.is_positive(x) and not any(same(x, length) for length in own)
        )

    def read_length(self, factor: Factor, axis: int) -> Linear:
        """How much of an axis is read."""
        length, idle = factor.axes[axis].length, factor.axes[axis].idle
        return self.affine.length(factor.array, axis) if length is None else length - Linear((), idle)

    def copied(self, factor: Factor, needed: Sequence[Linear], rank: int) -> Value:
        """Append a copy of what is read of an array; of more axes than `rank`, those not summed over become one.

        Unless all that is `needed` is positive, the loops make no trip, and nothing is read.
        """
        array, builder = factor.array, self.above
        lengths = [self.length(builder, factor, axis) for axis in range(len(factor.axes))]
        keeps_axes = len(lengths) == rank
        order = list(range(rank)) if keeps_axes else [*factor.free, factor.summed]
        shape = lengths
        if not keeps_axes:
            rows = lengths[order[0]]
            for axis in order[1:-1]:
                rows = builder.emit("mul", (rows, lengths[axis]), ty.int64)
            shape = [rows, lengths[order[-1]]]
        type = ty.array(array.type.dtype, len(shape))
        start = builder.emit("alloc", shape, type, {"fill": "empty", "trusted": True}, array.name)

        def store(builder: Builder, held: Value, indices: tuple[Value, ...]) -> Value:
            where = dict(zip(order, indices, strict=True))
            source = [self.shifted(builder, where[n], factor.axes[n].low) for n in range(len(order))]
            element = builder.emit("load", (array, *source), array.type.dtype)
            if keeps_axes:
                return builder.emit("store", (held, *indices, element), type, name=held.name)
            row = indices[0]
            for axis, index in zip(order[1:-1], indices[1:-1], strict=True):
                row = builder.emit("mul", (row, lengths[axis]), ty.int64)
                row = builder.emit("add", (row, index), ty.int64)
            return builder.emit("store", (held, row, indices[-1], element), type, name=held.name)

        over = [self.length(builder, factor, axis, read=True) for axis in order]
        if self.may_fail and not self.fits(factor):
            over = [self.at_most(builder, n, factor, axis) for n, axis in zip(over, order, strict=True)]
        if not needed:
            return nest_over(builder, start, over, store)
        conditions = [builder.compare("gt", self.emitted(builder, form), 0) for form in needed]
        makes_trips = joined(builder, "and", conditions)
        with Builder(builder.location) as then:
            filled = nest_over(then, start, over, store)
        result = Value(start.name, type)
        builder.region("if", (makes_trips,), (then.block((), (filled,)), Block((), (), (start,))), (result,))
        return result

    def length(self, builder: Builder, factor: Factor, axis: int, read: bool = False) -> Value:
        """How long a matrix is, or how much of that is read."""
        length = factor.axes[axis].length
        if length is None:
            return builder.emit("shape", (factor.array,), ty.int64, {"axis": axis})
        if read:
            length = self.read_length(factor, axis)
        made = self.emitted(builder, length)
        if self.affine.is_not_negative(length):
            return made
        return builder.emit("max", (made, zero(ty.int64)), ty.int64)

    def at_most(self, builder: Builder, length: Value, factor: Factor, axis: int) -> Value:
        """A length, or what an array has of it."""
        low = factor.axes[axis].low
        if factor.axes[axis].length is None:
            return length
        have = builder.emit("shape", (factor.array,), ty.int64, {"axis": axis})
        if low != ZERO:
            have = builder.emit("sub", (have, self.emitted(builder, low)), ty.int64)
        return builder.emit("min", (length, have), ty.int64)

    def element(
        self, builder: Builder, row: str, left: Factor, right: Factor, first: Op, second: Op
    ) -> Value:
        """Append the load of what the trips add up of the products of two loads, of these factors."""
        if (row, left, right) not in self.known and (row, right, left) in self.known:
            first, second, left, right = second, first, right, left
        if (row, left, right) not in self.known:
            self.known[row, left, right] = self.multiplied(row, left, right)
        where = [self.place(builder, left, first), self.place(builder, right, second)]
        return builder.emit("load", (self.known[row, left, right], *where), first.result.type)

    def element_of_stacks(
        self, builder: Builder, left: Factor, right: Factor, first: Op, second: Op
    ) -> Value:
        """The same for products of stacks, whose leading axes are gone over together."""
        rank = len(left.axes)
        key = (STACKS[rank - 3], left, right)
        if key not in self.known:
            self.known[key] = self.multiplied(*key, rank)
        axes = [(left, first, n) for n in left.free] + [(right, second, right.free[-1])]
        where = [self.shifted(builder, indices_of(x)[n], f.axes[n].low.scaled(-1)) for f, x, n in axes]
        return builder.emit("load", (self.known[key], *where), first.result.type)

    def place(self, builder: Builder, factor: Factor, load: Op) -> Value:
        """The row or column of a product that a load belongs to."""
        first, *others = factor.free
        where = indices_of(load)
        row = self.shifted(builder, where[first], factor.axes[first].low.scaled(-1))
        for axis in others:
            with self.above:
                length = self.length(self.above, factor, axis)
            row = builder.emit("mul", (row, length), ty.int64)
            index = self.shifted(builder, where[axis], factor.axes[axis].low.scaled(-1))
            row = builder.emit("add", (row, index), ty.int64)
        return row

    def shifted(self, builder: Builder, index: Value, by: Linear) -> Value:
        if not by.terms:
            return moved(builder, index, by.constant)
        with self.above:
            amount = self.emitted(self.above, by)
        return builder.emit("add", (index, amount), ty.int64)

    def emitted(self, builder: Builder, form: Linear) -> Value:
        """Append the arithmetic of a form without values of the nest."""
        return emitted_with_shapes(builder, form, self.affine)


__all__ = ["ZERO", "Axis", "Factor", "Matrices"]
