"""Dicts whose items are assigned while one name stands for them.

    cache = {}
    cache["z"] = W @ x + b        `cache` stands for another dict from here on, with one item more
    cache.update(a=z, b=y)        and here for one with three

A dict has no memory of its own here, so that only its name can be given the dict that it has become. Where anything
else may be the same dict, a change is refused: an argument, a name of the caller, an item of a list. For that each
dict knows the expression that has made it; expressions that run more than once make dicts that may be the same.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any, NoReturn

from .describe import describe
from .expressions import Expressions
from .library.structures import is_dict, joined_dicts, key_of
from .scope import ReadAgain
from .things import Enumerated, ItemsOfDict, LocalFunction, Method, Reversed, Zipped
from .trees import Tree, identities_of, parts_of


class ChangingDicts(Expressions):
    """Dicts that change."""

    def __init__(self) -> None:
        super().__init__()
        self.in_loops: list[Any] = []  # by the loops that are read
        self.stands_alone: ast.expr | None = None  # the expression that is the statement being read

    def assign_key(self, target: ast.Subscript, held: Tree, thing: Any) -> None:
        """`target = thing` for an item of a dict."""
        key = key_of(self, self.expression(target.slice))
        own = self.own_dict(target.value, held, target)
        self.replace_dict(target.value, own, Tree(own.kind, (key,), (self.settled(thing),)))

    def join_dict(self, node: ast.Name, held: Tree, thing: Any) -> None:
        """`node |= thing`"""
        if not is_dict(thing):
            self.refuse(f"`|=` of a dict with {describe(thing)}", instead="a dict with known keys")
        self.replace_dict(node, self.own_dict(node, held, node), thing)

    def update_dict(self, node: ast.AST, held: Tree, items: Tree) -> None:
        if node is not self.stands_alone or not isinstance(node, ast.Call):
            self.refuse_change(held, "what stands around it may have read the dict before", node)
        assert isinstance(node.func, ast.Attribute)
        name = node.func.value
        self.replace_dict(name, self.own_dict(name, held, name), items)

    def own_dict(self, node: ast.expr, held: Tree, target: ast.expr) -> Tree:
        """A dict that only a name stands for; refused if it may be anything else as well."""
        is_name = held.is_dict and isinstance(node, ast.Name) and node.id in self.frame.env
        if is_name and not self.dicts_change:
            self.dicts_change = True
            raise ReadAgain
        if not (is_name and held.identities):
            self.refuse_change(
                held, "only a dict that the function makes, under its name, can change", target
            )
        assert isinstance(node, ast.Name)
        now: object = self.frame.env[node.id]
        if now is not held:
            self.refuse_change(held, "the same statement has changed it before", target)
        others = (
            thing
            for frame in self.frames()
            for name, thing in frame.env.items()
            if frame is not self.frame or name != node.id
        )
        if len(held.identities) > 1 or any(is_among(held, thing) for thing in others):
            self.refuse_change(
                held, "something else may be the same dict, and would have to see the change", target
            )
        return held

    def replace_dict(self, node: ast.expr, held: Tree, items: Tree) -> None:
        assert isinstance(node, ast.Name)
        is_longer = not set(items.names) <= set(held.names)
        if any(is_seen(held, thing, is_longer) for thing in self.in_loops):
            self.refuse(
                "a dict that changes while a loop goes over it",
                instead="a loop over its keys, or a new dict: `{key: ... for key in d}`",
                node=node,
            )
        if any(is_among(held, part) for part in items.parts):
            self.refuse_change(held, "it would be an item of itself", node)
        self.frame.env[node.id] = replace(joined_dicts(held, items), identities=held.identities)

    def refuse_change(self, held: Tree, reason: str, node: ast.AST) -> NoReturn:
        self.refuse(f"writing into {describe(held)}", reason, "a new one: `{**old, key: value}`", node=node)


def is_seen(held: Tree, thing: Any, is_longer: bool) -> bool:
    """Whether a loop over a thing sees that a dict changes: other items, or if it `is_longer` other keys."""
    if isinstance(thing, (Enumerated, Reversed)):
        return is_seen(held, thing.of, is_longer)
    if isinstance(thing, Zipped):
        return any(is_seen(held, part, is_longer) for part in thing.of)
    has_keys_only = isinstance(thing, Tree) or isinstance(thing, ItemsOfDict) and thing.are_keys
    return not held.identities.isdisjoint(identities_of(thing)) and (is_longer or not has_keys_only)


def is_among(held: Tree, thing: Any) -> bool:
    """Whether a thing may be a dict, or see it, or have such a thing among its parts."""
    if not held.identities.isdisjoint(identities_of(thing)):
        return True
    if isinstance(thing, Method):
        return is_among(held, thing.of)
    if isinstance(thing, LocalFunction):
        return any(is_among(held, part) for part in (*thing.defaults, *thing.keyword_defaults.values()))
    return any(is_among(held, part) for part in parts_of(thing) or ())


__all__ = ["ChangingDicts"]
