"""Nests of loops over all elements of an array."""

from __future__ import annotations

from collections.abc import Sequence

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
