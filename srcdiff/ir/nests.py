"""Nests of loops over all elements of an array, in its own shape or one behind the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from . import types as ty
from .builder import Builder, constant, zero
from .core import Value


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
    if not rank:
        held = builder.emit("load", (source, *at), source.type.dtype)
        return builder.emit("store", (target, *to, *after, held), target.type, name=target.name)
    axis = source.type.ndim - rank
    length = builder.emit("shape", (source,), ty.int64, {"axis": axis})
    index = Value("k", ty.int64)
    held = Value(target.name, target.type)
    result = Value(target.name, target.type)
    with Builder(builder.location) as body:
        filled = copy_elements(body, held, (*to, index), source, (*at, index), rank - 1, after)
    one = constant(1, ty.int64)
    builder.region(
        "for", (zero(ty.int64), length, one, target), (body.block((index, held), (filled,)),), (result,)
    )
    return result


def flat_index(builder: Builder, start: Value, lengths: Sequence[Value], places: Sequence[Value]) -> Value:
    """Where the element at `places` of an array of these lengths is, if its first one is at `start`."""
    with builder:
        within = places[0]
        for length, place in zip(lengths[1:], places[1:], strict=True):
            within = within * length + place
        return start + within


def over_elements(
    builder: Builder,
    target: Value,
    lengths: Sequence[Value],
    store: Callable[[Builder, Value, list[Value]], Value],
) -> Value:
    """`target` after `store(builder, target, places)` for all places within the lengths."""

    def nest(builder: Builder, target: Value, places: list[Value]) -> Value:
        if len(places) == len(lengths):
            return store(builder, target, places)
        index = Value("k", ty.int64)
        held, result = Value(target.name, target.type), Value(target.name, target.type)
        with Builder(builder.location) as body:
            filled = nest(body, held, [*places, index])
        bounds = zero(ty.int64), lengths[len(places)], constant(1, ty.int64)
        builder.region("for", (*bounds, target), (body.block((index, held), (filled,)),), (result,))
        return result

    return nest(builder, target, [])


def flatten_elements(
    builder: Builder, target: Value, start: Value, source: Value, lengths: Sequence[Value]
) -> Value:
    """Copy all elements of `source` into a flat array, from `start` on; gives the new target."""

    def store(builder: Builder, target: Value, places: list[Value]) -> Value:
        held = builder.emit("load", (source, *places), source.type.dtype)
        where = flat_index(builder, start, lengths, places)
        return builder.emit("store", (target, where, held), target.type, name=target.name)

    return over_elements(builder, target, lengths, store)


def shape_elements(
    builder: Builder, target: Value, source: Value, start: Value, lengths: Sequence[Value]
) -> Value:
    """Copy elements of a flat array, from `start` on, into all of `target`; gives the new target."""

    def store(builder: Builder, target: Value, places: list[Value]) -> Value:
        held = builder.emit("load", (source, flat_index(builder, start, lengths, places)), source.type.dtype)
        return builder.emit("store", (target, *places, held), target.type, name=target.name)

    return over_elements(builder, target, lengths, store)
