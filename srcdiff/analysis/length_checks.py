"""What a program demands of the lengths of its arrays, and which of them NumPy would repeat instead.

    def f(x, b):                      length_checks: (x, 0) and (b, 0) are equal
        return np.sum(x * b)          repeated({0: (5,), 1: (1,)}): (1, 0)

A program is made for arrays that are not repeated, since what is repeated is indexed in another way. For an argument
that turns out to be of length 1 beside a longer one there is another program, to which that length is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import DIFFERENT_LENGTHS, LONGER_THAN_ONE
from ..ir.core import IN_PLACE, Function, Op, Value
from ..ir.walk import ops_of, ops_within

Axis = tuple[int, int]  # of a parameter
Shapes = Mapping[int, Sequence[int]] | Sequence[Sequence[int]]  # by the number of the parameter


@dataclass(frozen=True)
class LengthCheck:
    """Two lengths that must be equal: numbers, axes of parameters, or None for what is computed of `axes`."""

    sides: tuple[int | Axis | None, int | Axis | None]
    axes: frozenset[Axis]

    def may_fail(self, shapes: Shapes) -> bool:
        if None in self.sides:
            return any(shapes[k][axis] == 1 for k, axis in self.axes)
        a, b = (shapes[side[0]][side[1]] if isinstance(side, tuple) else side for side in self.sides)
        return a != b


def is_length_check(op: Op) -> bool:
    return op.primitive == "require" and op.attributes["message"] in (DIFFERENT_LENGTHS, LONGER_THAN_ONE)


def checks_lengths(function: Function) -> bool:
    """Whether a call may fail where another program would not."""
    return any(map(is_length_check, ops_within(function.body)))


def length_checks(function: Function) -> list[LengthCheck]:
    """The checks that arrays which meet are equally long."""
    makers = {result: op for op in ops_within(function.body) for result in op.results}
    places = {parameter: k for k, parameter in enumerate(function.parameters)}

    def side(value: Value) -> int | Axis | None:
        if value.is_constant:
            return int(value.constant)
        op = makers.get(value)
        if op is not None and op.primitive == "shape" and op.operands[0] in places:
            return places[op.operands[0]], op.attributes["axis"]
        return None

    def axes(values: Iterable[Value]) -> frozenset[Axis]:
        found: set[Axis] = set()
        seen: set[Value] = set()
        waiting = list(values)
        while waiting:
            value = waiting.pop()
            place = side(value)
            if isinstance(place, tuple):
                found.add(place)
            elif value not in seen and value in makers:
                seen.add(value)
                waiting += makers[value].operands
        return frozenset(found)

    checks = []
    for op in ops_within(function.body):
        if op.primitive == "require" and op.attributes["message"] == DIFFERENT_LENGTHS:
            a, b = makers[op.operands[0]].operands
            checks.append(LengthCheck((side(a), side(b)), axes((a, b))))
    return checks


def repeated(checks: Sequence[LengthCheck], shapes: Shapes) -> dict[int, list[int]]:
    """The axes of length 1 of each parameter that a program should know to be so, because it would fail otherwise."""
    if not any(check.may_fail(shapes) for check in checks):
        return {}
    found: dict[int, list[int]] = {}
    for k, axis in sorted({place for check in checks for place in check.axes}):
        if shapes[k][axis] == 1:
            found.setdefault(k, []).append(axis)
    return found


def checks_come_first(function: Function) -> bool:
    """Whether no argument has been written when a check of lengths fails."""
    if not function.written:
        return True
    written = False
    for op in function.body.ops:
        inner = list(ops_of(op))
        written = written or any(within.primitive in IN_PLACE for within in inner)
        if written and any(map(is_length_check, inner)):
            return False
    return True


__all__ = ["LengthCheck", "checks_come_first", "checks_lengths", "length_checks", "repeated"]
