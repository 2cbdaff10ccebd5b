"""Text that is known when a function is read, as in keys and names.

params["W" + str(k)], params[f"W{k}"], params["W%d" % k]        in a loop over a known range
if name.startswith("W"): ...
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .scope import Scope
from .things import ListItems, Slice, Static, is_number


def has_known_value(thing: Any) -> bool:
    """Whether a thing is a number or something else of Python that is known."""
    return is_number(thing) or isinstance(thing, Static)


def known_value(thing: Any) -> Any:
    """The known value that a thing is."""
    return thing.value if isinstance(thing, Static) else thing


def is_text(thing: Any) -> bool:
    return isinstance(thing, Static) and isinstance(thing.value, str)


@contextmanager
def errors_refused(scope: Scope) -> Iterator[None]:
    """Within it, an error that Python raises about text is a refusal."""
    try:
        yield
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        scope.refuse(f"this text: {error}", "Python would raise an error here")


def part_of_text(scope: Scope, text: Static, item: Any) -> Static | None:
    """`text[item]`; None if it is not known."""
    if isinstance(item, Slice):
        ends = (item.start, item.stop, item.step)
        if not all(x is None or is_number(x) for x in ends):
            return None
        item = slice(*ends)
    elif not is_number(item):
        return None
    with errors_refused(scope):
        return Static(text.value[item])


def filled_in(scope: Scope, text: Static, things: Any) -> Static | None:
    """`text % things`; None if they are not known."""
    known = things if isinstance(things, tuple) and not isinstance(things, ListItems) else (things,)
    if not all(map(has_known_value, known)):
        return None
    with errors_refused(scope):
        return Static(text.value % tuple(map(known_value, known)))


def is_method_of_text(target: Any) -> bool:
    return isinstance(getattr(target, "__self__", None), str)


def makes_text(node: ast.expr) -> bool:
    """Whether an expression makes text of something."""
    return any(
        isinstance(inner, ast.JoinedStr)
        or (isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "str")
        or (isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Mod) and is_literal(inner.left))
        for inner in ast.walk(node)
    )


def is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


__all__ = [
    "errors_refused",
    "filled_in",
    "has_known_value",
    "is_method_of_text",
    "is_text",
    "known_value",
    "makes_text",
    "part_of_text",
]
