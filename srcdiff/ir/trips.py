"""How many trips a `for` makes, and which one an index belongs to."""

from __future__ import annotations

from . import types as ty
from .builder import Builder, constant, zero
from .core import Op, Value


def trip_number(builder: Builder, index: Value, low: Value, step: Value) -> Value:
    """`(index - low) // step`."""
    if not (low.is_constant and low.constant == 0):
        index = builder.emit("sub", (index, low), ty.int64)
    if step.is_constant and step.constant == 1:
        return index
    if step.is_constant and step.constant == -1:
        return builder.emit("neg", (index,), ty.int64)
    return builder.emit("floordiv", (index, step), ty.int64)


def trip_count(builder: Builder, loop: Op) -> Value:
    """How many trips a `for` makes that does not leave early."""
    low, high, step = loop.operands[:3]
    if step.is_constant and step.constant in (1, -1):
        a, b = (high, low) if step.constant == 1 else (low, high)
        if a.is_constant and b.is_constant:
            return constant(max(a.constant - b.constant, 0), ty.int64)
        span = a if b.is_constant and b.constant == 0 else builder.emit("sub", (a, b), ty.int64)
        return builder.emit("max", (span, zero(ty.int64)), ty.int64)
    span = builder.emit("sub", (high, low), ty.int64)
    if step.is_constant:
        away = constant(step.constant - 1 if step.constant > 0 else step.constant + 1, ty.int64)
        top = builder.emit("add", (span, away), ty.int64)
    else:
        sign = builder.emit("sign", (step,), ty.int64)
        top = builder.emit("sub", (builder.emit("add", (span, step), ty.int64), sign), ty.int64)
    count = builder.emit("floordiv", (top, step), ty.int64)
    return builder.emit("max", (count, zero(ty.int64)), ty.int64)
