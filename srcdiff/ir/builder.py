"""Appends ops to a block under construction.

    with Builder() as b:
        y = b.emit("sin", (x,), float64)
    block = b.block(parameters=(x,), results=(y,))

Builders nest: the innermost open one is where operators on values and calls of primitives go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextvars import Token
from typing import Any

from ..errors import Location
from . import types as ty
from .core import Block, Op, Value
from .operators import open_builders
from .types import Type


def constant(number: Any, type: Type) -> Value:
    """A constant of the given scalar type."""
    if ty.is_boolean(type):
        number = bool(number)
    elif ty.is_integer(type):
        number = int(number)
    elif ty.is_float(type):
        number = float(number)
    elif ty.is_complex(type):
        number = complex(number)
    return Value("", type, number)


def beside(number: Any, type: Type) -> Value:
    """A constant in arithmetic with values of a type: beside complex ones, a real number stays real."""
    return constant(number, type if isinstance(number, complex) else ty.real_of(type))


def zero(type: Type) -> Value:
    return constant(0, type)


class Builder:
    """One block under construction. `location` is given to every op emitted while it is set."""

    def __init__(self, location: Location | None = None) -> None:
        self.ops: list[Op] = []
        self.location = location
        self._tokens: list[Token[tuple[Builder, ...]]] = []

    def __enter__(self) -> Builder:
        self._tokens.append(open_builders.set((*open_builders.get(), self)))
        return self

    def __exit__(self, *_: object) -> None:
        open_builders.reset(self._tokens.pop())

    def append(self, op: Op) -> tuple[Value, ...]:
        self.ops.append(op)
        return op.results

    def emit(
        self,
        primitive: str,
        operands: Iterable[Value],
        type: Type,
        attributes: Mapping[str, Any] | None = None,
        name: str = "",
    ) -> Value:
        """Append an op with one result."""
        op = Op(primitive, tuple(operands), (Value(name, type),), (), attributes or {}, self.location)
        return self.append(op)[0]

    def effect(
        self, primitive: str, operands: Iterable[Value], attributes: Mapping[str, Any] | None = None
    ) -> None:
        """Append an op without results."""
        self.append(Op(primitive, tuple(operands), (), (), attributes or {}, self.location))

    def region(
        self,
        primitive: str,
        operands: Iterable[Value],
        regions: Sequence[Block],
        results: Iterable[Value],
        attributes: Mapping[str, Any] | None = None,
        location: Location | None = None,
    ) -> Op:
        """Append a control op and return it."""
        where = location or self.location
        op = Op(primitive, tuple(operands), tuple(results), tuple(regions), attributes or {}, where)
        self.append(op)
        return op

    def where_it_runs(
        self, loop: Op, made: Block, otherwise: Iterable[Value], results: Iterable[Value]
    ) -> None:
        """Append what is made where a loop that counts up by one makes a trip; the results are else `otherwise`."""
        low, high = loop.operands[:2]
        makes_trips = self.compare("gt", high, low)
        regions = made, Block((), (), tuple(otherwise))
        self.region("if", (makes_trips,), regions, results, location=loop.location)

    def block(self, parameters: Iterable[Value] = (), results: Iterable[Value] = ()) -> Block:
        return Block(tuple(parameters), tuple(self.ops), tuple(results))

    def arithmetic(self, primitive: str, *operands: Any) -> Value:
        """`a op b` of scalars that may be Python numbers; those take the other operand's type."""
        typed = [operand.type for operand in operands if isinstance(operand, Value)]
        type = typed[0] if len(typed) == 1 else ty.promote(*typed)
        values = [x if isinstance(x, Value) else beside(x, type) for x in operands]
        return self.emit(primitive, values, type)

    def compare(self, primitive: str, a: Any, b: Any) -> Value:
        type = a.type if isinstance(a, Value) else b.type
        values = [x if isinstance(x, Value) else constant(x, type) for x in (a, b)]
        return self.emit(primitive, values, ty.boolean)
