"""What a program demands of the lengths of its arrays, and which of them NumPy would repeat instead.

    def f(x, b):                      x.shape[0] and b.shape[0] are equal
        return np.sum(x * b)          for x of length 5 and b of length 1, b is repeated along axis 0

A program is made for arrays that are not repeated, since what is repeated is indexed in another way. For an argument
that turns out to be of length 1 beside a longer one there is another program, to which that length is known.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DIFFERENT_LENGTHS, LONGER_THAN_ONE
from ..ir import types as ty
from ..ir.builder import constant
from ..ir.core import IN_PLACE, Function, Op, Value, loop_slots, written_in_place
from ..ir.walk import ops_of, ops_within

Axis = tuple[int, int]  # of a parameter
ARITHMETIC: dict[str, Callable[..., int]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "neg": operator.neg,
    "floordiv": operator.floordiv,
    "min": min,
    "max": max,
    "eq": operator.eq,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "select": lambda condition, a, b: a if condition else b,
}


NEVER_EQUAL = constant(0, ty.int64), constant(1, ty.int64)


@dataclass(frozen=True)
class LengthCheck:
    """Two lengths that must be equal, and the axes of parameters that they come from."""

    sides: tuple[Value, Value]
    axes: frozenset[Axis]


@dataclass(frozen=True)
class LengthChecks:
    """What a function demands of lengths, and what computes them."""

    checks: tuple[LengthCheck, ...]
    makers: Mapping[Value, Op]
    before: Mapping[Value, Value]  # versions of arrays, and earlier ones of the same lengths
    places: Mapping[Value, int]  # the numbers of the parameters

    def side(self, value: Value, arguments: Sequence[Any]) -> int | None:
        """A length for these arguments, None if more than their lengths and integers decides it."""
        if value.is_constant:
            return int(value.constant)
        if value in self.places:
            argument = arguments[self.places[value]]
            return int(argument) if isinstance(argument, (int, np.integer)) else None
        op = self.makers.get(value)
        if op is None:
            return None
        if op.primitive == "shape":
            array, axis = first_of(op.operands[0], self.before), op.attributes["axis"]
            if array in self.places:
                return int(np.shape(arguments[self.places[array]])[axis])
            made = self.makers.get(array)
            if made is None or made.primitive != "alloc":
                return None
            return self.side(made.operands[axis], arguments)
        if op.primitive not in ARITHMETIC:
            return None
        operands = [self.side(operand, arguments) for operand in op.operands]
        if None in operands or (op.primitive == "floordiv" and operands[1] == 0):
            return None
        return ARITHMETIC[op.primitive](*operands)

    def may_fail(self, check: LengthCheck, arguments: Sequence[Any]) -> bool:
        a, b = (self.side(side, arguments) for side in check.sides)
        if a is None or b is None:
            return any(np.shape(arguments[k])[axis] == 1 for k, axis in check.axes)
        return a != b

    def repeated(self, arguments: Sequence[Any]) -> dict[int, list[int]]:
        """The axes of length 1 of each argument that a program should know to be so, because it may fail otherwise."""
        if not any(self.may_fail(check, arguments) for check in self.checks):
            return {}
        found: dict[int, list[int]] = {}
        for k, axis in sorted({place for check in self.checks for place in check.axes}):
            if np.shape(arguments[k])[axis] == 1:
                found.setdefault(k, []).append(axis)
        return found


def first_of(array: Value, before: Mapping[Value, Value]) -> Value:
    """The version of an array from which its lengths come."""
    while array in before:
        array = before[array]
    return array


def is_length_check(op: Op) -> bool:
    return op.primitive == "require" and op.attributes["message"] in (DIFFERENT_LENGTHS, LONGER_THAN_ONE)


def checks_lengths(function: Function) -> bool:
    """Whether a call may fail where another program would not."""
    return any(map(is_length_check, ops_within(function.body)))


def length_checks(function: Function) -> LengthChecks:
    """The checks that arrays which meet are equally long."""
    makers = {result: op for op in ops_within(function.body) for result in op.results}
    places = {parameter: k for k, parameter in enumerate(function.parameters)}
    before: dict[Value, Value] = {}
    for op in ops_within(function.body):
        if op.primitive in ("for", "while"):
            for initial, parameter, _, result in loop_slots(op):
                if ty.is_array(result.type):
                    before[parameter] = before[result] = initial
        elif op.primitive == "copy":
            before[op.result] = op.operands[0]
        before.update((result, version) for version, result in written_in_place(op))

    def axes(values: Iterable[Value]) -> frozenset[Axis]:
        found: set[Axis] = set()
        seen: set[Value] = set()
        waiting = list(values)
        while waiting:
            value = waiting.pop()
            if value in seen or value not in makers:
                continue
            seen.add(value)
            op = makers[value]
            array = first_of(op.operands[0], before) if op.primitive == "shape" else None
            if array in places:
                found.add((places[array], op.attributes["axis"]))
            else:
                waiting += op.operands if array is None else (array,)
        return frozenset(found)

    checks = []
    for op in ops_within(function.body):
        if op.primitive == "require" and op.attributes["message"] == DIFFERENT_LENGTHS:
            (condition,) = op.operands
            # Where earlier checks make one fail in any case, they name the axes.
            a, b = NEVER_EQUAL if condition.is_constant else makers[condition].operands
            checks.append(LengthCheck((a, b), axes((a, b))))
    return LengthChecks(tuple(checks), makers, before, places)


def fails_unwritten(function: Function) -> bool:
    """Whether nothing has been written, printed or drawn when a check of lengths fails."""
    written = False
    for op in function.body.ops:
        inner = list(ops_of(op))
        written = written or any(within.primitive in (*IN_PLACE, "opaque") for within in inner)
        if written and any(map(is_length_check, inner)):
            return False
    return True


__all__ = ["LengthCheck", "LengthChecks", "checks_lengths", "fails_unwritten", "length_checks"]
