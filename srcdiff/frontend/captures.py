"""What a function reads from outside itself: where it is found again at each call.

("global", f, "scale")    ("closure", f, "k")    ("module", settings, "scale")    ("object", array, "...")
"""

from __future__ import annotations

from typing import Any

from ..ir.core import Value
from .things import Root

Where = tuple[str, Any, str]


class Captures:
    """Numbers and arrays from outside the function: hidden parameters, read again at each call."""

    def __init__(self) -> None:
        self.values: dict[Any, Value] = {}
        self.fetch: list[Where] = []
        self.statics: list[tuple[Where, Any]] = []
        self.roots: dict[Any, Root] = {}


def fetched(where: Where) -> Any:
    """The present value of something captured."""
    kind, owner, name = where
    if kind == "global":
        return owner.__globals__[name]
    if kind == "closure":
        return cell_of(owner, name).cell_contents
    if kind == "module":
        return getattr(owner, name)
    return owner


def cell_of(function: Any, name: str) -> Any:
    """The cell of a closure's variable."""
    return function.__closure__[function.__code__.co_freevars.index(name)]


def same_known(a: Any, b: Any) -> bool:
    """Whether what was taken as known is still the same."""
    return a is b or (type(a) is type(b) and isinstance(a, (bool, str, tuple, int, float)) and a == b)


__all__ = ["Captures", "Where", "cell_of", "fetched", "same_known"]
