"""What can be iterated over: how many items there are, and how to get one.

    range(2, n)        n - 2 of them, item `k` is `2 + k`
    enumerate(rows)    as many as `rows` has, item `k` is `(k, rows[k])`

Items of known number that are no numbers, such as those of a dict, are read one after the other instead.
"""

from __future__ import annotations

from typing import Any

from ..ir import types as ty
from ..ir.core import Value
from .describe import describe
from .library.builtin import range_elements, range_length
from .library.structures import known_items
from .operators import Operators
from .things import ArrayView, Elementwise, Enumerated, Nested, Range, Reversed, Scalar, Zipped, is_number


class Iteration(Operators):
    """The items of things."""

    def written_out(self, thing: Any) -> tuple[Any, ...] | None:
        """The items of something that is iterated, where each is known and may be of another type."""
        return known_items(self, thing)

    def settled_iterable(self, thing: Any) -> Any:
        match thing:
            case Elementwise():
                return self.materialise(thing)
            case Enumerated():
                return Enumerated(self.settled_iterable(thing.of), thing.start)
            case Zipped():
                return Zipped(tuple(self.settled_iterable(x) for x in thing.of))
            case Reversed():
                return Reversed(self.settled_iterable(thing.of))
            case _:
                return thing

    def iteration(self, thing: Any) -> tuple[Scalar, Any]:
        """How many items something iterates over, and how to get item `k`."""
        match thing:
            case Range():
                elements = range_elements(self, thing)
                ascending = self.never_negative(thing.start) and is_number(thing.step) and thing.step > 0

                def number_at(k: Scalar) -> Scalar:
                    value = elements.at((k,))
                    if ascending and isinstance(value, Value):
                        self.nonnegative.add(value)
                    return self.as_weak(value)

                return range_length(self, thing), number_at
            case ArrayView() | Elementwise():
                if thing.ndim == 1:
                    return self.length(thing), lambda k: self.at(thing, (k,))
                return self.length(thing), lambda k: self.subscript(thing, (k,))
            case tuple():
                array = self.array_of(thing)
                return len(thing), lambda k: self.subscript(array, (k,))
            case Enumerated():
                n, item = self.iteration(thing.of)
                return n, lambda k: (self.counted(k, thing.start), item(k))
            case Zipped():
                pairs = [self.iteration(x) for x in thing.of]
                n = pairs[0][0]
                for other, _ in pairs[1:]:
                    n = n if n is other else self.scalar("min", n, other)
                return n, lambda k: tuple(item(k) for _, item in pairs)
            case Nested():
                if thing.rises:
                    self.refuse("`itertools.combinations` here", instead="a `for` over them")
                return self.counted_through(thing)
            case Reversed():
                n, item = self.iteration(thing.of)

                def from_end(k: Scalar) -> Any:
                    index = self.scalar("sub", self.scalar("sub", n, 1), k)
                    if isinstance(index, Value):
                        self.nonnegative.add(index)
                    return item(index)

                return n, from_end
            case _:
                self.refuse(f"a loop over {describe(thing)}", instead="a loop over `range(...)` or an array")

    def counted_through(self, thing: Nested) -> tuple[Scalar, Any]:
        """What several things go over, the last one fastest, at the number of the trip."""
        spans = [self.iteration(part) for part in thing.of]

        def at(k: Scalar) -> tuple[Any, ...]:
            places: list[Any] = []
            for n, item in reversed(spans):
                place = self.scalar("mod", k, n)
                self.never_below_zero(place)
                k = self.scalar("floordiv", k, n)
                self.never_below_zero(k)
                places.insert(0, item(place))
            return self.item_of_nested(thing, tuple(places))

        return self.product(tuple(n for n, _ in spans)), at

    def item_of_nested(self, thing: Nested, places: tuple[Any, ...]) -> tuple[Any, ...]:
        """What a trip gets for the items of the loops around it."""
        return places if thing.array is None else (places, self.at(thing.array, places))

    def counted(self, k: Scalar, start: Scalar) -> Scalar:
        return self.as_weak(k if is_number(start) and start == 0 else self.scalar("add", k, start))

    def range_of(self, r: Range) -> tuple[Value, Value, Value]:
        return (
            self.as_value(r.start, ty.int64),
            self.as_value(r.stop, ty.int64),
            self.as_value(r.step, ty.int64),
        )
