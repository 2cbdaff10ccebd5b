"""What is multiplied where a nest sums products: the matrices that two loads read, whole, in part, or a triangle.

    a[i, k], k < i, i < n, k summed over    ->    the strictly lower triangle of a

What of an axis is read follows from the loops; rows that no trip reads are left out, or beside a triangle. Reads:
structure, affine forms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..analysis.affine import Linear
from ..analysis.overwrites import Overwrites
from ..ir import types as ty
from ..ir.core import Op, Value, indices_of, loop_body
from .align import same
from .matrices import ZERO, Axis, Factor

ONE = Linear((), 1)
SHORT = 8  # trips: over less, loops are as fast


class NoProduct(Exception):
    """A loop does not add up products of elements of matrices."""


@dataclass(frozen=True)
class Triangle:
    """The part of a matrix that is summed over: the rows that a load reads, and places of the summed axis.

    `row` is the primitive that reads it, `low` and `high` are the ends of the places in the matrix, `shift` what they
    are more than the index of the summed loop.
    """

    load: Op
    row: str
    rows: Axis
    low: Linear
    high: Linear
    shift: Linear


class Factors:
    """The factors of the sums of a loop, in a nest whose outermost loop is `root`."""

    def __init__(self, overwrites: Overwrites, root: Op, loop: Op) -> None:
        self.overwrites, self.root, self.loop = overwrites, root, loop
        self.affine, self.structure = overwrites.affine, overwrites.structure
        self.index = loop_body(loop).parameters[0]
        self.varying: set[Value] = {self.index}  # what differs from trip to trip
        self.loops: tuple[Op, ...] = ()  # those around what is multiplied, but the one that is summed over
        self.inner: list[Op] = []  # those in the summed one around what is being emitted

    def widened(self, left: Factor, right: Factor) -> tuple[Factor, Factor]:
        """Both factors whole if each lacks the first or the last row of what is one matrix, as above its diagonal.

        Each row is a factor then, on one side or the other.
        """
        if left.array is not right.array or left.summed != right.summed or len(left.axes) != 2:
            return left, right
        (free,) = left.free
        sides = left.axes[free], right.axes[free]
        shorter = self.affine.length(left.array, free) - ONE
        if any(side.length is None or not same(side.length, shorter) for side in sides):
            return left, right
        if not any(same(a.low, ZERO) and same(b.low, ONE) for a, b in (sides, sides[::-1])):
            return left, right
        whole = replace(left, axes=tuple(Axis() if n == free else a for n, a in enumerate(left.axes)))
        return whole, whole

    def depth(self, load: Op) -> int:
        """How deep in the nest the loop is whose index moves a load, apart from the one that is summed over."""
        forms = [self.affine.form(i) for i in indices_of(load) if i not in self.varying]
        return max((len(self.structure.home.get(v, ())) for form in forms for v, _ in form.terms), default=0)

    # ------------------------------------------------------------------------------------------- what is multiplied

    def factor(self, load: Op, triangle: Triangle | None) -> Factor:
        """The matrix whose elements a load reads."""
        array, where = load.operands[0], indices_of(load)
        if len(where) != array.type.ndim or array.type.ndim < 2:
            raise NoProduct
        if not all(map(self.affine.is_never_negative, where)):
            raise NoProduct
        if self.root in self.structure.home.get(array, ()):
            copied = self.overwrites.original(load)
            if copied is None or self.root in self.structure.home.get(copied, ()):
                raise NoProduct
            array = copied
        summed = self.summed(load)
        rows = triangle.rows if triangle is not None and triangle.load is load else None
        axes = tuple(
            self.summed_axis(array, axis, i, triangle)
            if axis == summed
            else self.free_axis(array, axis, i)
            if rows is None
            else self.axis(array, axis, rows)
            for axis, i in enumerate(where)
        )
        if len(axes) > 2 and not all(axis.certain for axis in axes):
            raise NoProduct  # the place in several axes is one number
        return Factor(array, summed, axes)

    def summed(self, load: Op) -> int:
        """The axis that is summed over."""
        where = indices_of(load)
        summed = [axis for axis, i in enumerate(where) if i in self.varying]
        if len(summed) != 1 or self.affine.form(where[summed[0]]).coefficient(self.index) != 1:
            raise NoProduct
        return summed[0]

    def summed_axis(self, array: Value, axis: int, index: Value, triangle: Triangle | None) -> Axis:
        form = self.affine.form(index)
        if triangle is None:
            low, high = (form.replaced(self.index, self.affine.form(v)) for v in self.loop.operands[:2])
        else:
            ahead = form.replaced(self.index, ZERO) - triangle.shift
            low, high = triangle.low + ahead, triangle.high + ahead
        if self.inside(low) or self.inside(high):
            raise NoProduct
        return self.axis(array, axis, Axis(low, high - low))

    def axis(self, array: Value, axis: int, part: Axis) -> Axis:
        """A part of an axis; the whole one if it is that."""
        assert part.length is not None
        if same(part.low, ZERO) and same(part.length, self.affine.length(array, axis)):
            return Axis()
        return part

    def free_axis(self, array: Value, axis: int, index: Value) -> Axis:
        """All of an axis if the loops go over all of it, else where they go: what they do not read may be anything."""
        form = self.affine.form(index)
        last = self.affine.unclipped(self.affine.length(array, axis)) - ONE
        lows, highs = self.extremes(form, False), self.extremes(form, True)
        if not lows or not highs:
            raise NoProduct
        rests = [last - high for high, _ in highs]
        if any(same(low, ZERO) for low, _ in lows) and any(same(rest, ZERO) for rest in rests):
            return Axis()
        exact = [form for form, is_exact in (*lows, *highs) if is_exact]
        if len(exact) != 2:
            return Axis(certain=False)
        low, high = exact
        return Axis(low, high - low + ONE)

    # --------------------------------------------------------------------------------------------------- triangles

    def triangle(self, first: Op, second: Op) -> Triangle | None:
        """The triangle that is summed over; None where the summed range is the same for all that it is summed for."""
        limits = self.summed_range()
        if not any(v is not self.index for limit in limits for v in self.inside(limit)):
            return None
        for load in (first, second):
            found = self.triangle_of(load, limits)
            if found is not None:
                return found
        raise NoProduct

    def summed_range(self) -> list[Linear]:
        """What is not negative where a trip of the summed loop adds to the sum that is being emitted."""
        found = []
        for loop in (self.loop, *self.inner):
            index = Linear(((loop_body(loop).parameters[0], 1),))
            low, high = map(self.affine.form, loop.operands[:2])
            found += [limit for limit in (index - low, high - index - ONE) if limit.coefficient(self.index)]
        return found

    def triangle_of(self, load: Op, limits: Sequence[Linear]) -> Triangle | None:
        """The triangle in the matrix of a load, if its rows are what the summed range depends on."""
        summed, where = self.summed(load), indices_of(load)
        if len(where) != 2:
            return None
        shift = self.affine.form(where[summed]).replaced(self.index, ZERO)
        place = Value("", ty.int64)
        within = Linear(((place, 1),))
        limits = [limit.replaced(self.index, within - shift) for limit in limits]
        oblique = [limit for limit in limits if self.inside(limit)]
        moved = self.inside(self.affine.form(where[1 - summed]))
        if len(oblique) != 1 or len(moved) != 1 or self.inside(oblique[0]) != moved:
            return None
        (limit,), (row,) = oblique, moved
        side = limit.coefficient(place)
        index = Linear(((row, 1),))
        ahead = self.affine.form(where[1 - summed]) - index
        rest = limit - within.scaled(side) + index.scaled(side)
        if abs(side) != 1 or self.inside(rest) or self.inside(ahead):
            return None
        first, last = self.reached(index, False), self.reached(index, True)
        lows = [within - limit for limit in limits if limit not in oblique and limit.coefficient(place) > 0]
        highs = [
            within + limit + ONE for limit in limits if limit not in oblique and limit.coefficient(place) < 0
        ]
        idle = 0
        if side < 0:  # place <= row + rest
            (low,), end = lows, last + rest + ONE
            high = self.least(highs[0], end) if highs else end
            offset = first + rest - low
        else:  # place >= row - rest
            low, (high,) = lows[0] if lows else first - rest, highs
            idle = self.surplus(last - rest + ONE, high)
            offset = first - rest - low
        if offset.terms or offset.constant not in (0, side):
            return None
        name = ("strictly_" if offset.constant else "") + ("lower" if side < 0 else "upper")
        rows = Axis(first + ahead, last - first + ONE, idle=idle)
        return Triangle(load, f"{name}_product", rows, low, high, shift)

    def reached(self, form: Linear, top: bool) -> Linear:
        """The highest or lowest that a form gets in the nest."""
        found = [bound for bound, is_exact in self.extremes(form, top) if is_exact]
        if len(found) != 1:
            raise NoProduct
        return found[0]

    def surplus(self, a: Linear, b: Linear) -> int:
        """By how much a form is larger than another, 0 where it is not."""
        more = a - b
        if not more.terms:
            return max(more.constant, 0)
        if self.affine.is_not_negative(more.scaled(-1)):
            return 0
        raise NoProduct

    def least(self, a: Linear, b: Linear) -> Linear:
        return a - Linear((), self.surplus(a, b))

    # ------------------------------------------------------------------------------------------------------- bounds

    def inside(self, form: Linear) -> list[Value]:
        """The values of a form that the nest makes."""
        return [v for v, _ in form.terms if self.root in self.structure.home.get(v, ())]

    def extremes(self, form: Linear, top: bool, is_exact: bool = True) -> list[tuple[Linear, bool]]:
        """Bounds of a form over the nest, from above or from below, and whether they are reached."""
        value = self.affine.innermost(self.inside(form))
        if value is None:
            return [(form, is_exact)]
        upwards = (form.coefficient(value) > 0) == top
        ends = self.ends(value)
        if ends is not None:
            return self.extremes(form.replaced(value, ends[upwards]), top, is_exact)
        limits = self.affine.limits_of(value, not upwards)
        return [found for limit in limits for found in self.extremes(form.replaced(value, limit), top, False)]

    def ends(self, index: Value) -> tuple[Linear, Linear] | None:
        """(lowest, highest) of an index, over the trips of its loop in which the loops inside make some.

        In others nothing is read: of `for i in range(n)` with `for j in range(i + 1, n)` in it that is the last one.
        """
        ends = self.affine.bounds(index)
        if ends is None:
            return None
        low, high = ends
        for loop in self.loops:
            start, stop = map(self.affine.form, loop.operands[:2])
            for limit in self.limits(stop):
                room = limit - start - ONE  # not negative where the loop makes a trip
                c, rest = room.coefficient(index), room.replaced(index, ZERO)
                if c == 1 and is_above(rest.scaled(-1), low):
                    low = rest.scaled(-1)
                elif c == -1 and is_above(high, rest):
                    high = rest
        return low, high

    def check_loops(self, forms: Sequence[Linear]) -> None:
        """See that each axis has a loop of its own, as long as the axis or a side of a triangle."""
        seen: set[Value] = set()
        for form in forms:
            moved = self.inside(form)
            if any(self.affine.loop_of(v) is None or abs(form.coefficient(v)) != 1 for v in moved):
                raise NoProduct
            index = self.affine.innermost(moved)
            loop = None if index is None or index in seen else self.affine.loop_of(index)
            if index is None or loop is None:
                raise NoProduct
            seen.add(index)
            low, high = map(self.affine.form, loop.operands[:2])
            starts, ends = self.inside(low), self.limits(high)
            if any(v in starts for end in ends for v in self.inside(end)):
                raise NoProduct  # a band
            trips = self.extremes(high - low, True)
            if not trips or any(not t.terms and t.constant < SHORT for t, _ in trips):
                raise NoProduct
            if len(moved) > 1:
                spans = [
                    a - b + ONE for a, _ in self.extremes(form, True) for b, _ in self.extremes(form, False)
                ]
                if not any(same(t, span) for t, _ in trips for span in spans):
                    raise NoProduct

    def limits(self, form: Linear) -> list[Linear]:
        """A form, and what it is at most where it is a minimum."""
        return [form, *(form.replaced(v, x) for v, _ in form.terms for x in self.affine.limits_of(v, False))]


def shared_axes(first: Op, second: Op) -> int:
    """How many leading axes two stacks are gone over together, each matrix with the one at the same place; 0 if they
    are no stacks."""
    ranks = {load.operands[0].type.ndim for load in (first, second)}
    rank = ranks.pop()
    leading = zip(indices_of(first)[:-2], indices_of(second)[:-2], strict=False)
    return rank - 2 if not ranks and rank in (3, 4) and all(a is b for a, b in leading) else 0


def is_above(a: Linear, b: Linear) -> bool:
    """Whether a form is larger than another by a number."""
    return not (a - b).terms and (a - b).constant > 0


__all__ = ["SHORT", "Factors", "NoProduct", "shared_axes"]
