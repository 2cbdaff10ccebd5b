"""What dicts, named tuples, objects of dataclasses and lists of known length mean: known parts, no memory of their own.

    params["W"] @ x + params["b"]                            # the parts of an argument
    {k: v - rate * slope[k] for k, v in params.items()}      # a new dict

Their parts are read, iterated over (each trip by itself) and put into new ones; arrays among them are written in place
like any others. What would change the structure itself is refused, since other names of it would have to see that, but
for dicts that have one name only (`changing_dicts.py`).
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import types
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..captures import is_of_user
from ..describe import describe
from ..things import (
    Enumerated,
    ItemsOfDict,
    ListItems,
    Method,
    NamedItems,
    Nested,
    Poison,
    Range,
    Static,
    Zipped,
    is_number,
    is_scalar,
)
from ..trees import DICTS, Tree, is_named_tuple, opened, parts_of, with_parts

if TYPE_CHECKING:
    from ..calls import Calls

LONGEST = 64  # items that are written out one by one


# --------------------------------------------------------------------------------------- what there is


def is_dict(thing: Any) -> bool:
    return isinstance(thing, Tree) and thing.is_dict


def is_known(thing: Any) -> bool:
    """Whether a part of a structure is no number, array or structure but something known beforehand."""
    return isinstance(thing, Static)


def is_structure(value: Any) -> bool:
    """Whether a Python value from outside is read by its parts; tuples of what is plainly constant are not."""
    if type(value) is tuple:
        return any(map(is_structure, value))
    if isinstance(value, dict):
        return type(value) in DICTS and all(type(key) in (str, int) for key in value)
    tree = opened(value)
    if tree is None:
        return False
    if dataclasses.is_dataclass(tree.kind) or tree.kind is list:
        return True
    return any(
        isinstance(part, np.ndarray) or is_structure(part) or callable(part) or is_of_user(part)
        for part in tree.parts
    )


def thing_of(tree: Tree, parts: Iterable[Any]) -> Any:
    """The thing for a structure with these parts."""
    if tree.kind is tuple:
        return tuple(parts)
    if tree.kind is list:
        return ListItems(parts)
    if is_named_tuple(tree.kind):
        return NamedItems(tree.kind, parts)
    return Tree(tree.kind, tree.names, tuple(parts))


def tree_of(thing: Any) -> Any:
    """The tuple or tree that a thing with parts is for Python."""
    if isinstance(thing, NamedItems):
        return Tree(thing.kind, thing.kind._fields, tuple(thing))  # type: ignore[attr-defined]
    return Tree(list, tuple(range(len(thing))), tuple(thing)) if isinstance(thing, ListItems) else thing


def with_results(thing: Any, visit: Callable[[Any], Any]) -> Any:
    """The structure of a thing with parts: what is known stays as it is, `visit` says what the other parts become."""
    tree = tree_of(thing)
    known = not isinstance(tree, tuple)
    parts = parts_of(thing) or ()
    return with_parts(tree, [part if known and is_known(part) else visit(part) for part in parts])


def joined_name(whole: str, key: Any) -> str:
    """What a part is called in generated code."""
    text = str(key)
    return f"{whole}_{text}" if text.isidentifier() else f"{whole}{text}" if text.isdigit() else whole


def has_items(thing: Any) -> bool:
    """Whether there is a tuple or list in it with items that are no numbers."""
    if isinstance(thing, tuple) and any(not is_scalar(part) for part in thing):
        return True
    return any(map(has_items, parts_of(thing) or ()))


# ----------------------------------------------------------------------------------------------- dicts


def key_of(calls: Calls, thing: Any) -> Any:
    """A key that is known."""
    key = thing.value if isinstance(thing, Static) else thing
    if isinstance(key, (str, int, float, bool, bytes, type(None))):
        return key
    calls.refuse(
        f"{describe(thing)} as a key",
        "which item it is must be known beforehand",
        "a string or an integer that is written out",
    )


def item_of(calls: Calls, thing: Tree, items: tuple[Any, ...]) -> Any:
    """`thing[key]`"""
    key = key_of(calls, items[0] if len(items) == 1 else items)
    if key not in thing.names:
        known = ", ".join(map(repr, thing.names))
        calls.refuse(f"the key {key!r}", f"the dict has {known or 'none'}", "one of its keys")
    return usable(calls, thing.part(key))


def usable(calls: Calls, part: Any) -> Any:
    if isinstance(part, Poison):
        calls.refuse(part.problem, instead=part.instead, kind=part.kind)
    return part


def joined_dicts(first: Tree, *others: Tree) -> Tree:
    """`first | second | ...`: later items replace earlier ones, in the place of these."""
    items = dict(zip(first.names, first.parts, strict=True))
    for other in others:
        items.update(zip(other.names, other.parts, strict=True))
    return Tree(first.kind, tuple(items), tuple(items.values()))


# ------------------------------------------------------------------------------------------- iteration


def known_items(calls: Calls, thing: Any, numbers: bool = False) -> tuple[Any, ...] | None:
    """The items of something that is iterated, where each is known and may be of another type; with `numbers` also
    where they are numbers, of ranges no more than `LONGEST`."""
    if isinstance(thing, tuple):
        return tuple(thing)
    if is_dict(thing):
        return tuple(map(calls.lifted, thing.names))
    if isinstance(thing, Range):
        return known_range(thing) if numbers else None
    if isinstance(thing, Enumerated) and is_number(thing.start) and (numbers or has_parts(thing.of)):
        items = known_items(calls, thing.of, numbers)
        return None if items is None else tuple((thing.start + k, item) for k, item in enumerate(items))
    if isinstance(thing, Zipped) and (numbers or any(map(has_parts, thing.of))):
        columns = columns_of(calls, thing)
        return None if columns is None else tuple(zip(*columns, strict=False))
    if isinstance(thing, Nested) and any(map(has_parts, thing.of)):
        spans = columns_of(calls, thing)
        if spans is None:
            return None
        return tuple(
            itertools.combinations(spans[0], len(spans)) if thing.rises else itertools.product(*spans)
        )
    return None


def columns_of(calls: Calls, thing: Zipped | Nested) -> list[tuple[Any, ...]] | None:
    """The items of each of several things that are gone over together; None where some are not known."""
    columns = [known_items(calls, part, numbers=True) for part in thing.of]
    known = [column for column in columns if column is not None]
    return known if len(known) == len(columns) else None


def has_parts(thing: Any) -> bool:
    """Whether iterating over something gives anything else than numbers and rows of one array."""
    if isinstance(thing, Enumerated):
        return has_parts(thing.of)
    if isinstance(thing, Zipped):
        return any(map(has_parts, thing.of))
    return is_dict(thing) or isinstance(thing, tuple) and not all(map(is_scalar, thing))


def known_range(over: Range) -> tuple[int, ...] | None:
    """The numbers of a short range whose bounds are known."""
    if not all(map(is_number, (over.start, over.stop, over.step))) or over.step == 0:
        return None
    numbers = range(over.start, over.stop, over.step)
    return tuple(numbers) if len(numbers) <= LONGEST else None


# ---------------------------------------------------------------------------------- fields and methods


def attribute_of(calls: Calls, thing: Any, name: str, node: ast.AST) -> Any:
    """A field, property or method of a tuple or structure."""
    if isinstance(thing, NamedItems) and name in thing.kind._fields:  # type: ignore[attr-defined]
        return usable(calls, thing[thing.kind._fields.index(name)])  # type: ignore[attr-defined]
    if isinstance(thing, Tree) and not thing.is_dict and name in thing.names:
        return usable(calls, thing.part(name))
    if not isinstance(thing, (Tree, NamedItems)) or is_dict(thing):
        return Method(thing, name)
    found = inspect.getattr_static(thing.kind, name, None)
    if isinstance(found, property) and found.fget is not None:
        return calls.inline(found.fget, (thing,), {}, node)
    if isinstance(found, (staticmethod, classmethod)):
        return Static(getattr(thing.kind, name))
    if isinstance(found, types.FunctionType) or name in NAMED_METHODS:
        return Method(thing, name)
    if found is not None and isinstance(found, (bool, int, float, str)):
        return calls.lifted(found)
    calls.refuse(
        f"the attribute `{name}` of {describe(thing)}",
        "only its fields and what its class defines are known",
        "a field, or an argument",
        node=node,
    )


NAMED_METHODS = ("_replace", "_asdict")


def call_method_of(
    calls: Calls, thing: Any, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any], node: ast.AST
) -> Any:
    """A method of a dict, a named tuple or an object of a dataclass."""
    if not is_dict(thing) and name not in NAMED_METHODS:
        return calls.inline(inspect.getattr_static(thing.kind, name), (thing, *arguments), keywords, node)
    match name, len(arguments):
        case "keys", 0:
            return seen(thing, map(calls.lifted, thing.names), are_keys=True)
        case "values", 0:
            return seen(thing, thing.parts)
        case "items", 0:
            return seen(thing, zip(map(calls.lifted, thing.names), thing.parts, strict=True))
        case "copy", 0:
            return calls.new_dict(Tree(thing.kind, thing.names, thing.parts))
        case "get", 1 | 2:
            default = arguments[1] if len(arguments) == 2 else Static(None)
            return thing.part(key) if (key := key_of(calls, arguments[0])) in thing.names else default
        case "update", 0 | 1 if is_dict(thing):
            items = made_structure(calls, dict, arguments, keywords, node)
            calls.update_dict(node, thing, items)
            return Static(None)
        case "_replace", 0:
            return replaced(calls, thing, keywords)
        case "_asdict", 0:
            return Tree(dict, thing.kind._fields, tuple(thing))
    calls.refuse(
        f"the method `{name}` of {describe(thing)}",
        "a structure that changes cannot be differentiated",
        "a new one: `{**old, key: value}`",
        node=node,
    )


def seen(thing: Tree, parts: Iterable[Any], are_keys: bool = False) -> tuple[Any, ...]:
    """Parts of a dict, as something that sees what becomes of it if that matters."""
    return ItemsOfDict(parts, thing.identities, are_keys) if thing.identities else tuple(parts)


def replaced(calls: Calls, thing: Any, changes: Mapping[str, Any]) -> Any:
    """The structure with other fields."""
    names = thing.names if isinstance(thing, Tree) else thing.kind._fields
    for name in changes:
        if name not in names:
            calls.refuse(f"the field `{name}` of {describe(thing)}", instead="one of its fields")
    parts = parts_of(thing) or ()
    fields = [changes.get(name, part) for name, part in zip(names, parts, strict=True)]
    return calls.settled(with_parts(thing, fields))


def dataclass_replace(calls: Calls, thing: Any, /, **changes: Any) -> Any:
    if not isinstance(thing, Tree) or thing.is_dict:
        calls.refuse(f"`replace` of {describe(thing)}", instead="an object of a dataclass")
    check_plain(calls, thing.kind, calls.current_node)
    return replaced(calls, thing, changes)


def check_plain(calls: Calls, kind: type, node: ast.AST | None) -> None:
    """The class must be made by its generated `__init__` alone."""
    written = getattr(kind.__init__, "__code__", None)  # type: ignore[misc]
    if hasattr(kind, "__post_init__") or written is None or written.co_filename != "<string>":
        calls.refuse(
            f"making a `{kind.__name__}`",
            "its class has an `__init__` or `__post_init__` of its own",
            "a dataclass without, or a tuple",
            node=node,
        )


# -------------------------------------------------------------------------------------- new structures


def made_structure(
    calls: Calls, kind: type, arguments: tuple[Any, ...], keywords: Mapping[str, Any], node: ast.AST
) -> Any:
    """`Params(w, b=b)`, `dict(w=w, b=b)`; None for other classes."""
    if kind is dict:
        start = dict_from(calls, arguments[0], node) if arguments else Tree(dict, (), ())
        return calls.new_dict(joined_dicts(start, Tree(dict, tuple(keywords), tuple(keywords.values()))))
    if is_named_tuple(kind):
        defaults = {name: Static(value) for name, value in kind._field_defaults.items()}  # type: ignore[attr-defined]
        fields = bound_fields(calls, kind, kind._fields, arguments, keywords, node)  # type: ignore[attr-defined]
    elif dataclasses.is_dataclass(kind):
        check_plain(calls, kind, node)
        listed = dataclasses.fields(kind)
        if not all(field.init for field in listed):
            calls.refuse(f"making a `{kind.__name__}`", "it has fields without argument", node=node)
        positional = tuple(field.name for field in listed if not field.kw_only)
        defaults = {f.name: Static(f.default) for f in listed if f.default is not dataclasses.MISSING}
        fields = bound_fields(calls, kind, positional, arguments, keywords, node)
    else:
        return None
    names = getattr(kind, "_fields", None) or tuple(field.name for field in dataclasses.fields(kind))
    for name, default in defaults.items():
        fields.setdefault(name, calls.lifted(default.value))
    missing = [name for name in names if name not in fields]
    if missing or len(fields) > len(names):
        calls.refuse(
            f"making a `{kind.__name__}` of these arguments", "Python would raise an error here", node=node
        )
    return thing_of(Tree(kind, names, ()), [fields[name] for name in names])


def bound_fields(
    calls: Calls,
    kind: type,
    positional: tuple[str, ...],
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    node: ast.AST,
) -> dict[str, Any]:
    fields = dict(zip(positional, arguments, strict=False))
    if len(arguments) > len(positional) or not fields.keys().isdisjoint(keywords):
        calls.refuse(
            f"making a `{kind.__name__}` of these arguments", "Python would raise an error here", node=node
        )
    return {**fields, **keywords}


def dict_from(calls: Calls, thing: Any, node: ast.AST) -> Tree:
    if is_dict(thing):
        return Tree(dict, thing.names, thing.parts)
    pairs = known_items(calls, thing)
    if pairs is None or any(not isinstance(pair, tuple) or len(pair) != 2 for pair in pairs):
        calls.refuse(f"a dict of {describe(thing)}", instead="a dict, or pairs with known keys", node=node)
    return joined_dicts(Tree(dict, (), ()), *(Tree(dict, (key_of(calls, k),), (v,)) for k, v in pairs))


CALLS: dict[Any, Any] = {
    dataclasses.replace: dataclass_replace,
}

__all__ = [
    "CALLS",
    "attribute_of",
    "call_method_of",
    "has_items",
    "is_dict",
    "is_known",
    "is_structure",
    "item_of",
    "joined_dicts",
    "joined_name",
    "key_of",
    "known_items",
    "known_range",
    "made_structure",
    "thing_of",
    "tree_of",
    "with_results",
]
