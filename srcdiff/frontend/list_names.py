"""Which names are of lists that grow, as the source says it.

xs = []
for x in data:               growing_names: xs
    xs.append(x)
    ys = xs                  shared_names: xs, which grows once more in the next trip
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any


def growing_names(tree: ast.AST) -> frozenset[str]:
    """The names `x` of all `x.append(...)`, `x.extend(...)`, `x += [...]` and `x.pop()`."""
    return frozenset(name for name, _ in growths(tree))


def growths(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(ast.Attribute(ast.Name(name), "append" | "extend" | "pop")):
                yield name, node
            case ast.AugAssign(ast.Name(name), ast.Add(), ast.List()):
                yield name, node


def shared_names(tree: ast.AST) -> frozenset[str]:
    """The lists that get another name, or a place in a structure, before they have grown for the last time."""
    grows = list(growths(tree))
    loops = [set(ast.walk(node)) for node in ast.walk(tree) if isinstance(node, (ast.For, ast.While))]
    updated = {node.target for node in ast.walk(tree) if isinstance(node, ast.AugAssign)}
    makings = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node not in updated
    ]

    def is_made_within(name: str, loop: set[ast.AST], place: ast.AST) -> bool:
        """Whether each trip makes a list of its own before it grows."""
        return any(node in loop and node.id == name and comes_later(place, node) for node in makings)

    found: set[str] = set()
    for node in ast.walk(tree):
        held: list[ast.expr] = []
        match node:
            case ast.Assign(value=value) | ast.AnnAssign(value=value) | ast.NamedExpr(value=value) if value:
                held = [value]
            case (
                ast.Tuple(elts=values, ctx=ast.Load())
                | ast.List(elts=values, ctx=ast.Load())
                | ast.Dict(values=values)
            ):
                held = values
            case ast.Call(ast.Attribute(attr="append" | "extend"), values):
                held = values
        names = [part for part in held if isinstance(part, ast.Name)]
        found.update(
            part.id
            for part in names
            for name, place in grows
            if name == part.id
            and (
                comes_later(place, part)
                or any(place in x and part in x and not is_made_within(name, x, place) for x in loops)
            )
        )
    return frozenset(found)


def lists_in(node: ast.expr) -> list[str]:
    """The names of what a loop goes over, if that must not grow meanwhile."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        return []
    return [name.id for name in ast.walk(node) if isinstance(name, ast.Name)]


def comes_later(a: Any, b: Any) -> bool:
    return bool((a.lineno, a.col_offset) > (b.lineno, b.col_offset))


__all__ = ["growing_names", "lists_in", "shared_names"]
