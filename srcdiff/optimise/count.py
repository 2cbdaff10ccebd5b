"""Count the trips of the innermost loop of a nest before the nest runs.

    for i in range(n):                   length = n * (n - 1) // 2
        for j in range(i):          ->   for i in range(n):
            ...                              ...

    for i in range(n):                   length = 0
        for j in range(at[i], at[i + 1]):     for i in range(n):
            ...                     ->       length += max(at[i + 1] - at[i], 0)
                                         ...

The bounds of the inner loops must follow from the indices of the outer ones and from what is known before the nest;
lengths and elements of arrays of integers that nothing stores into count as known. A loop whose index no bound needs
is a factor. Reads: structure, affine forms. Emits ops, edits nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..analysis.affine import Affine
from ..analysis.structure import Structure
from ..ir import types as ty
from ..ir.builder import Builder, constant, zero
from ..ir.core import Op, Value, leaves_early, loop_body
from ..ir.trips import trip_count
from ..primitives import REGISTRY

Nest = tuple[Op, ...]


def can_be_counted(nest: Nest, structure: Structure) -> bool:
    """Whether the trips of the last of these nested ops can be counted before the first."""
    if any(op.primitive != "for" or leaves_early(op) for op in nest):
        return False
    indices = {loop_body(loop).parameters[0] for loop in nest}

    def is_known(value: Value, through_loads: bool = True) -> bool:
        if value.is_constant or value in indices:
            return True
        home = structure.home[value]
        if nest[0] not in home:  # in a trip that is made again, what the first run had is out of scope
            return structure.around[nest[0]][: len(home)] == home
        made = structure.maker[value]
        if value not in made.results:
            return False
        if made.primitive in ("load", "shape"):
            array = made.operands[0]
            stored = made.primitive == "load" and structure.stores.get(structure.storage(array))
            if stored or nest[0] in structure.home[array] or not through_loads:
                return False
            return all(is_known(index, False) for index in made.operands[1:])
        pure = made.primitive in REGISTRY or made.primitive == "cast"
        return pure and all(is_known(x, through_loads) for x in made.operands)

    return all(is_known(bound) for loop in nest for bound in loop.operands[:3])


def count_trips(builder: Builder, nest: Nest, structure: Structure) -> Value:
    """Emit the count of a nest that can be counted."""
    return Counter(nest, structure).total(builder, nest, {})


class Counter:
    def __init__(self, nest: Nest, structure: Structure) -> None:
        self.nest, self.structure, self.affine = nest, structure, Affine(structure)

    def total(self, builder: Builder, nest: Nest, known: Mapping[Value, Value]) -> Value:
        """The trips of the innermost loop; `known` maps indices of the loops around to values."""
        head, rest = nest[0], nest[1:]
        if not rest:
            return self.trips(builder, head, known)
        index = loop_body(head).parameters[0]
        if not any(self.needs(bound, index) for loop in rest for bound in loop.operands[:3]):
            times = self.trips(builder, head, known)
            return builder.emit("mul", (times, self.total(builder, rest, known)), ty.int64)
        slope = self.slope(head, rest)
        if slope is not None:
            return self.series(builder, head, rest[0], slope, known)
        bounds = [self.again(builder, bound, known, {}) for bound in head.operands[:3]]
        own, before = Value(index.name, index.type), Value("length", ty.int64)
        with Builder(builder.location) as inside:
            more = self.total(inside, rest, {**known, index: own})
            after = inside.emit("add", (before, more), ty.int64)
        result = Value("length", ty.int64)
        body = inside.block((own, before), (after,))
        return builder.region("for", (*bounds, zero(ty.int64)), (body,), (result,)).result

    def trips(self, builder: Builder, loop: Op, known: Mapping[Value, Value]) -> Value:
        memo: dict[Value, Value] = {}
        bounds = tuple(self.again(builder, bound, known, memo) for bound in loop.operands[:3])
        return trip_count(builder, replace(loop, operands=bounds))

    def slope(self, head: Op, rest: Nest) -> int | None:
        """By how much the trips of a single inner loop grow from trip to trip, if that is the same throughout."""
        if len(rest) > 1 or any(not loop.operands[2].is_constant for loop in (head, *rest)):
            return None
        if head.operands[2].constant != 1 or abs(rest[0].operands[2].constant) != 1:
            return None
        low, high = map(self.affine.form, rest[0].operands[:2])
        count = (high - low).scaled(rest[0].operands[2].constant)
        index = loop_body(head).parameters[0]
        # What a term is loaded or clipped from may differ from trip to trip, although the form has no such index.
        if any(value is not index and self.needs(value, index) for value, _ in count.terms):
            return None
        return count.coefficient(index) if self.affine.is_not_negative(count) else None

    def series(
        self, builder: Builder, head: Op, inner: Op, slope: int, known: Mapping[Value, Value]
    ) -> Value:
        """`n * fewest + abs(slope) * (n * (n - 1) // 2)`, where the first or the last trip makes the fewest."""
        low, high = (self.again(builder, bound, known, {}) for bound in head.operands[:2])
        n = self.trips(builder, head, known)
        with builder:
            where = low if slope > 0 else high - 1
            memo: dict[Value, Value] = {}
            there = {**known, loop_body(head).parameters[0]: where}
            a, b = (self.again(builder, bound, there, memo) for bound in inner.operands[:2])
            fewest = b - a if inner.operands[2].constant > 0 else a - b
            pairs = builder.emit("floordiv", (n * (n - 1), constant(2, ty.int64)), ty.int64)
            return n * fewest + pairs * abs(slope)

    def needs(self, value: Value, index: Value) -> bool:
        """Whether a value of the nest is computed from an index."""
        if value is index:
            return True
        if value.is_constant or self.nest[0] not in self.structure.home[value]:
            return False
        made = self.structure.maker.get(value)
        if made is None:  # the length of an array of the nest
            return True
        return value in made.results and any(self.needs(x, index) for x in made.operands)

    def again(
        self, builder: Builder, value: Value, known: Mapping[Value, Value], memo: dict[Value, Value]
    ) -> Value:
        """Compute a bound anew, ahead of the nest."""
        if value in known:
            return known[value]
        if value.is_constant or self.nest[0] not in self.structure.home[value]:
            return value
        if value not in memo:
            made = self.structure.maker[value]
            operands = tuple(self.again(builder, x, known, memo) for x in made.operands)
            memo[value] = Value(value.name, value.type)
            builder.append(replace(made, operands=operands, results=(memo[value],)))
        return memo[value]


__all__ = ["can_be_counted", "count_trips"]
