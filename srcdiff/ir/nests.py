"""Nests of loops over all elements of an array, in its own shape or one behind the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from . import types as ty
from .builder import Builder, constant, zero
from .core import Value


def index_along(axis: int) -> Value:
    """The index of a loop along an axis."""
    return Value("ijk"[axis : axis + 1], ty.int64)


def nest_over(
    builder: Builder,
    start: Value,
    lengths: Sequence[Value],
    update: Callable[[Builder, Value, tuple[Value, ...]], Value],
    around: int = 0,
) -> Value:
    """An array or a number after `update(builder, held, places)` for all places within the lengths, from `start` on;
    the loops are named as those that have `around` others around them."""

    def level(builder: Builder, held: Value, places: tuple[Value, ...]) -> Value:
        if len(places) == len(lengths):
            return update(builder, held, places)
        place, parameter = index_along(around + len(places)), Value(held.name, held.type)
        with Builder(builder.location) as body:
            last = level(body, parameter, (*places, place))
        result = Value(held.name, held.type)
        bounds = zero(ty.int64), lengths[len(places)], constant(1, ty.int64)
        builder.region("for", (*bounds, held), (body.block((place, parameter), (last,)),), (result,))
        return result

    return level(builder, start, ())


def copy_elements(
    builder: Builder,
    target: Value,
    to: Sequence[Value],
    source: Value,
    at: Sequence[Value],
    rank: int,
    after: Sequence[Value] = (),
) -> Value:
    """Copy `rank` axes, `target[*to, i, ..., *after] = source[*at, i, ...]`; gives the new target."""

    def store(builder: Builder, target: Value, places: tuple[Value, ...]) -> Value:
        held = builder.emit("load", (source, *at, *places), source.type.dtype)
        return builder.emit("store", (target, *to, *places, *after, held), target.type, name=target.name)

    axes = range(source.type.ndim - rank, source.type.ndim)
    lengths = [builder.emit("shape", (source,), ty.int64, {"axis": axis}) for axis in axes]
    return nest_over(builder, target, lengths, store)


def flat_index(builder: Builder, start: Value, lengths: Sequence[Value], places: Sequence[Value]) -> Value:
    """Where the element at `places` of an array of these lengths is, if its first one is at `start`."""
    with builder:
        within = places[0]
        for length, place in zip(lengths[1:], places[1:], strict=True):
            within = within * length + place
        return start + within


def flatten_elements(
    builder: Builder, target: Value, start: Value, source: Value, lengths: Sequence[Value]
) -> Value:
    """Copy all elements of `source` into a flat array, from `start` on; gives the new target."""

    def store(builder: Builder, target: Value, places: tuple[Value, ...]) -> Value:
        held = builder.emit("load", (source, *places), source.type.dtype)
        where = flat_index(builder, start, lengths, places)
        return builder.emit("store", (target, where, held), target.type, name=target.name)

    return nest_over(builder, target, lengths, store)


def shape_elements(
    builder: Builder, target: Value, source: Value, start: Value, lengths: Sequence[Value]
) -> Value:
    """Copy elements of a flat array, from `start` on, into all of `target`; gives the new target."""

    def store(builder: Builder, target: Value, places: tuple[Value, ...]) -> Value:
        held = builder.emit("load", (source, flat_index(builder, start, lengths, places)), source.type.dtype)
        return builder.emit("store", (target, *places, held), target.type, name=target.name)

    return nest_over(builder, target, lengths, store)
