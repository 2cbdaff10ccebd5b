"""What cotangents are called, of which types they are, and what they are where nothing is owed.

    x: f64[:, :], part of another array      x_bar = zeros_like x: f64[:, ::1], in memory of its own
    n: f32                                   n_bar: f32, once all that is owed is summed

A term that is owed bears the name of the cotangent, if it has none yet.
"""

from __future__ import annotations

from dataclasses import replace

from ..ir import types as ty
from ..ir.builder import constant
from ..ir.core import Value
from ..ir.operators import current_builder
from ..ir.types import Type
from ..primitives.complex_numbers import real_part

Cotangents = dict[Value, Value]


def bar(value: Value) -> str:
    return f"{value.name}_bar" if value.name else ""


def cotangent_type(type: Type) -> Type:
    """A cotangent has memory of its own, however its primal lies."""
    return ty.fresh(type)


def zeros_like(value: Value) -> Value:
    return current_builder().emit("zeros_like", (value,), cotangent_type(value.type), name=bar(value))


def as_type(value: Value, type: Type) -> Value:
    """What is owed to a number, in its type: the real part for a real one."""
    if value.type == type:
        return value
    if value.is_constant:
        return constant(value.constant, type)
    if ty.is_complex(value.type) and not ty.is_complex(type):
        value = real_part(value)
        return value if value.type == type else as_type(value, type)
    return current_builder().emit("cast", (value,), type, name=value.name)


def named(term: Value, operand: Value) -> Value:
    """Let a contribution that was just computed bear the name of the cotangent it becomes."""
    ops = current_builder().ops
    if operand.name and ops and ops[-1].results == (term,) and not term.name and not term.is_constant:
        result = Value(bar(operand), term.type)
        ops[-1] = replace(ops[-1], results=(result,))
        return result
    return term


__all__ = ["Cotangents", "as_type", "bar", "cotangent_type", "named", "zeros_like"]
