"""What reading a function gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..ir.core import Function, Value
from .things import Root


@dataclass(frozen=True)
class Program:
    """A function in the IR, and what a call of it must supply.

    `fetch` says where each hidden parameter is read at a call; `statics` are values taken as known, to be compared
    at each call; `structure` is the nesting of the results: "leaf", None, a tuple or a `Tree` (in which what is known
    is `Static`); the first `arguments` parameters are the arguments; `written` says which parameters are arrays that
    are written, hidden ones counted from the end; `files` are those that were read; `called` are the functions that
    were read or called, `differentiated` those of them of which derivatives are in the program; `shares` says that an
    array among the results may be the memory of another, or of an argument; `lengths` are, for each axis of each
    result, a number, or the parameter and the axis that are as long, or None.
    """

    function: Function
    fetch: tuple[tuple[str, Any, str], ...]
    statics: tuple[tuple[tuple[str, Any, str], Any], ...]
    structure: Any
    arguments: int
    written: tuple[int, ...]
    files: frozenset[str] = frozenset()
    called: frozenset[Any] = frozenset()
    differentiated: frozenset[Any] = frozenset()
    shares: bool = False
    lengths: tuple[tuple[Any, ...], ...] = ()


def share_memory(results: Sequence[Root | None], given: Sequence[Root | None]) -> bool:
    """Whether an array among the results may be the memory of another, or of one that was given."""
    roots = [root for root in results if root is not None]
    return any(
        other is not None and root.shares(other)
        for k, root in enumerate(roots)
        for other in (*given, *roots[:k])
    )


def lengths_of(
    results: Sequence[Root | None], arguments: Sequence[Root | None]
) -> tuple[tuple[Any, ...], ...]:
    """For each axis of each result a number, or the argument and the axis that are as long, or None."""
    places = {
        length: (k, axis)
        for k, root in enumerate(arguments)
        if root is not None
        for axis, length in enumerate(root.shape or ())
        if isinstance(length, Value)
    }

    def known(root: Root) -> tuple[Any, ...]:
        lengths = root.shape or (None,) * root.type.ndim
        return tuple(n if isinstance(n, int) else places.get(n) for n in lengths)

    return tuple(() if root is None else known(root) for root in results)
