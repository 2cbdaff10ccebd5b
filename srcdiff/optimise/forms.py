"""Linear forms as arithmetic of a program."""

from __future__ import annotations

from collections.abc import Callable

from ..analysis.affine import Affine, Linear
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Value


def emitted(builder: Builder, form: Linear, leaf: Callable[[Value], Value]) -> Value:
    """Append the arithmetic of a form; `leaf` gives the value of each of its terms."""
    total: Value | None = None
    for value, c in sorted(form.terms, key=lambda term: term[1] < 0):
        part = leaf(value)
        if abs(c) != 1:
            part = builder.emit("mul", (constant(abs(c), ty.int64), part), ty.int64)
        if total is None:
            total = part if c > 0 else builder.emit("neg", (part,), ty.int64)
        else:
            total = builder.emit("add" if c > 0 else "sub", (total, part), ty.int64)
    if total is None:
        return constant(form.constant, ty.int64)
    return moved(builder, total, form.constant)


def emitted_with_shapes(builder: Builder, form: Linear, affine: Affine) -> Value:
    """Append the arithmetic of a form, with lengths read from their arrays."""

    def leaf(value: Value) -> Value:
        if value not in affine.length_of:
            return value
        array, axis = affine.length_of[value]
        return builder.emit("shape", (array,), ty.int64, {"axis": axis})

    return emitted(builder, form, leaf)


def moved(builder: Builder, index: Value, by: int) -> Value:
    """Append an index moved by a number."""
    if not by:
        return index
    return builder.emit("add" if by > 0 else "sub", (index, constant(abs(by), ty.int64)), ty.int64)


__all__ = ["emitted", "emitted_with_shapes", "moved"]
