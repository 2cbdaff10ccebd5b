"""What things are called in messages."""

from __future__ import annotations

from typing import Any

from ..ir.core import Value
from .canonicalise import RESULT
from .things import (
    ArrayView,
    Formatted,
    Growing,
    ListItems,
    LocalFunction,
    NamedItems,
    Nested,
    PulledBack,
    Static,
    is_number,
)
from .trees import DICTS, Tree, kind_of


def describe(thing: Any) -> str:
    """What a thing is, for a message."""
    match thing:
        case Value():
            return "a number"
        case ArrayView() | _ if hasattr(thing, "ndim") and not isinstance(thing, Static):
            return f"an array of {thing.ndim} dimensions"
        case NamedItems() | Tree() if kind_of(thing) not in DICTS:
            return f"a `{kind_of(thing).__name__}`"
        case Tree():
            return "a dict"
        case tuple():
            return f"a {'list' if isinstance(thing, ListItems) else 'tuple'} of {len(thing)}"
        case Static(value=None):
            return "`None`"
        case Formatted():
            return "an f-string"
        case LocalFunction():
            return "a function that is defined in this one"
        case Growing():
            return "a list that grows"
        case Nested():
            return "several ranges at once"
        case PulledBack():
            return "a pullback"
        case Static(value=str()):
            return "a string"
        case Static(value=dict()):
            return "a dict"
        case Static():
            name = getattr(thing.value, "__name__", None) or type(thing.value).__name__
            return f"`{name}`"
        case _ if is_number(thing):
            return "a number"
        case _:
            return f"a {type(thing).__name__.lower()}"


def said(name: str) -> str:
    """A variable in a message; names made here have meanings, not texts."""
    if name == RESULT:
        return "the result"
    return "this" if name in ("", "=") or name.startswith("$") else f"`{name}`"


__all__ = ["describe", "said"]
