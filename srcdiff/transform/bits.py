"""Bits in place of floats: each says of one number that it was given whether a float may depend on it.

    a: f64                       a_bits: i64
    x: f64[:]                    x_bits: i64[:], as long as `x`
    a * x[i]                     a_bits | x_bits[i]                  `either`
    sum(x)                       x_bits[0] | x_bits[1] | ...         `all_bits`

Nothing is emitted for what is known to have none (`NO_BITS`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..ir import types as ty
from ..ir.builder import Builder, zero
from ..ir.core import Block, Value
from ..ir.operators import current_builder
from .jacobian import over_places, shape_of

BITS = ty.int64
NO_BITS = zero(BITS)


def bits_name(value: Value) -> str:
    return f"{value.name}_bits" if value.name else ""


def bits_type(value: Value) -> ty.Type:
    return ty.array(BITS, value.type.ndim, "C") if ty.is_array(value.type) else BITS


def load(array: Value, where: Sequence[Value]) -> Value:
    return current_builder().emit("load", (array, *where), array.type.dtype)


def store(array: Value, where: Sequence[Value], value: Value) -> Value:
    return current_builder().emit("store", (array, *where, value), array.type, name=array.name)


def either(a: Value, b: Value) -> Value:
    if a is NO_BITS or b is NO_BITS:
        return b if a is NO_BITS else a
    return a if a is b else current_builder().emit("bitor", (a, b), BITS)


def no_bits(like: Value) -> Value:
    """Bits for an array, all zero."""
    lengths = shape_of(like)
    return current_builder().emit("alloc", lengths, bits_type(like), {"fill": "zeros"}, bits_name(like))


def union(bits: Sequence[Value]) -> Value:
    """The bits that any of some numbers has."""
    found = NO_BITS
    for value in bits:
        found = either(found, value)
    return found


def all_bits(bits: Value) -> Value:
    """The bits that any element of an array has; those of a number."""
    if not ty.is_array(bits.type):
        return bits
    visit: Callable[..., tuple[Value, ...]] = lambda held, where: (either(held[0], load(bits, where)),)  # noqa: E731
    return over_places(shape_of(bits), (NO_BITS,), visit)[0]


def each(bits: Value, change: Callable[[Value, tuple[Value, ...]], Value]) -> Value:
    """The array with every element changed."""

    def visit(held: tuple[Value, ...], where: tuple[Value, ...]) -> tuple[Value, ...]:
        return (store(held[0], where, change(load(held[0], where), where)),)

    return over_places(shape_of(bits), (bits,), visit)[0]


def with_added(bits: Value, total: Value) -> Value:
    """The array with bits added to every element."""
    return bits if total is NO_BITS else each(bits, lambda held, _: either(held, total))


def guarded(array: Value, where: Sequence[Value], then: Callable[[], Value], otherwise: Value) -> Value:
    """What is so only where an index lies in the array: code that may not run may not be relied on for that."""
    inside: Value | None = None
    for index, length in zip(where, shape_of(array), strict=False):
        fits = current_builder().emit("and", (-length <= index, index < length), ty.boolean)
        inside = fits if inside is None else current_builder().emit("and", (inside, fits), ty.boolean)
    assert inside is not None
    with Builder(current_builder().location) as arm:
        value = then()
    result = Value(otherwise.name, value.type)
    current_builder().region(
        "if", (inside,), [arm.block((), (value,)), Block((), (), (otherwise,))], [result]
    )
    return result


def guarded_load(array: Value, where: Sequence[Value]) -> Value:
    return guarded(array, where, lambda: load(array, where), zero(array.type.dtype))


__all__ = [
    "BITS",
    "NO_BITS",
    "all_bits",
    "bits_name",
    "bits_type",
    "each",
    "either",
    "guarded",
    "guarded_load",
    "load",
    "no_bits",
    "store",
    "union",
    "with_added",
]
