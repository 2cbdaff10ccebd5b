"""Structures: lists, named tuples, dicts and dataclasses, in each other and in tuples.

    {"W": w, "b": (p, q)}    opened, and with what belongs to each leaf:    Tree(dict, ("W", "b"), (leaf, (leaf, leaf)))

A plain tuple stands for itself, a `Tree` for every other structure. The leaves are types where a structure is the type
of an argument, things where it is read (`things.py`), marks where it is the structure of results, and the numbers and
arrays themselves where it was just opened. Compiled code sees the leaves alone, in order.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

DICTS = (dict, OrderedDict)


@dataclass(frozen=True)
class Tree:
    """What belongs to the parts of a structure.

    Attributes
    ----------
    kind : type
        `list`, a kind of dict, a class of named tuples or a dataclass.
    names : tuple
        The keys, the names of the fields, or the indices.
    parts : tuple
        One for each name.
    identities : frozenset
        Where a dict may have been made, if that matters.
    """

    kind: type
    names: tuple[Any, ...]
    parts: tuple[Any, ...]
    identities: frozenset[Any] = field(default=frozenset(), compare=False)

    @property
    def is_dict(self) -> bool:
        return self.kind in DICTS

    def part(self, name: Any) -> Any:
        return self.parts[self.names.index(name)]

    def path(self, whole: str, name: Any) -> str:
        """How source text reaches a part: `params["W"]`, `params.W`."""
        if self.kind is list or self.is_dict:
            return f"{whole}[{json.dumps(name) if isinstance(name, str) else repr(name)}]"
        return f"{whole}.{name}"


def is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def opened(value: Any) -> Tree | None:
    """The parts of a structure of Python, but for a plain tuple; None for everything else."""
    kind = type(value)
    if kind in DICTS:
        return Tree(kind, tuple(value), tuple(value.values()))
    if kind is list:
        return Tree(kind, tuple(range(len(value))), tuple(value))
    if is_dataclass(kind):
        names = tuple(one.name for one in fields(kind))
        return Tree(kind, names, tuple(getattr(value, name) for name in names))
    if is_named_tuple(kind):
        return Tree(kind, kind._fields, tuple(value))
    return None


def closed(tree: Tree) -> Any:
    """The structure of Python with these parts; no `__init__` runs, as when something is copied."""
    kind = tree.kind
    if kind is list:
        return list(tree.parts)
    if tree.is_dict:
        return kind(zip(tree.names, tree.parts, strict=True))
    if is_named_tuple(kind):
        return tuple.__new__(kind, tree.parts)
    made: Any = object.__new__(kind)
    for name, part in zip(tree.names, tree.parts, strict=True):
        object.__setattr__(made, name, part)
    return made


def part_of(value: Any, name: Any) -> Any:
    """A part of a structure of Python, by its name in the tree."""
    by_index = isinstance(value, (dict, list)) or type(value) is tuple
    return value[name] if by_index else getattr(value, name)


def parts_of(node: Any) -> tuple[Any, ...] | None:
    """The parts of a tuple or tree; None for a leaf."""
    return node.parts if isinstance(node, Tree) else node if isinstance(node, tuple) else None


def with_parts(node: Any, parts: Sequence[Any]) -> Any:
    """The tuple or tree with other parts."""
    if isinstance(node, Tree):
        return replace(node, parts=tuple(parts))
    return node.with_parts(parts) if hasattr(node, "with_parts") else type(node)(parts)


def identities_of(thing: Any) -> frozenset[Any]:
    """Where the dict that a thing is, or sees, may have been made."""
    found: frozenset[Any] = getattr(thing, "identities", frozenset())
    return found


def joined_identities(thing: Any, other: Any) -> Any:
    """A thing that may be another one as well."""
    both = identities_of(thing) | identities_of(other)
    if both == identities_of(thing):
        return thing
    if isinstance(thing, Tree):
        return replace(thing, identities=both)
    return (thing if hasattr(thing, "with_identities") else other.with_parts(thing)).with_identities(both)


def mapped(function: Callable[[Any], Any], node: Any) -> Any:
    """The tuple or tree with what a function makes of each leaf."""
    parts = parts_of(node)
    return function(node) if parts is None else with_parts(node, [mapped(function, part) for part in parts])


def all_leaves(node: Any) -> list[Any]:
    parts = parts_of(node)
    return [node] if parts is None else [leaf for part in parts for leaf in all_leaves(part)]


def alike(a: Any, b: Any) -> bool:
    """Whether two nodes have parts that correspond."""
    if isinstance(a, Tree) and isinstance(b, Tree):
        return a.kind is b.kind and a.names == b.names
    return isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b) and kind_of(a) is kind_of(b)


def kind_of(node: Any) -> type:
    """The Python type of a structure that is read; lists of known length may stand in for tuples."""
    found: type = getattr(node, "kind", tuple)
    return found


__all__ = [
    "DICTS",
    "Tree",
    "alike",
    "all_leaves",
    "closed",
    "identities_of",
    "is_named_tuple",
    "joined_identities",
    "kind_of",
    "mapped",
    "opened",
    "part_of",
    "parts_of",
    "with_parts",
]
