"""What a function reads from outside itself: where it is found again at each call.

("global", f, "scale")    ("closure", f, "k")    ("object", array, "...")
("attribute", settings, "scale")                  # of a module, an object, a class
("method", model, "energy")                       # the function that it is
("part", ("global", f, "params"), "W")            # params["W"]
("outline", ("global", f, "params"), "params")    # its keys, and the types of what they stand for
("type", ("global", f, "mean"), "mean")           # that of Numba
("single_axes", ("global", f, "mean"), "mean")    # along which it is of length 1
("code", helper, "helper")                        # of a function that was read in place
"""

from __future__ import annotations

import enum
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ..ir import types as ty
from ..ir.core import Value
from .things import CONSTANTS, Root
from .trees import Tree, opened, part_of, parts_of, with_parts

Where = tuple[str, Any, str]
FROZEN_MODULES = ("math", "cmath", "numpy", "builtins")
FROZEN_KINDS = (tuple, enum.Enum, enum.EnumMeta, np.finfo, np.iinfo, np.dtype)
# What objects of libraries may hold now and not later.
HELD = (bool, int, float, complex, str, np.ndarray, np.generic)


def is_frozen(owner: Any) -> bool:
    """Whether what a module or an object has under a name is the same at each call."""
    if isinstance(owner, ModuleType):
        return owner.__name__.split(".")[0] in FROZEN_MODULES
    return isinstance(owner, FROZEN_KINDS)


def is_of_user(owner: Any) -> bool:
    """Whether an object or a class is not Python's, NumPy's, Numba's or ours, whose functions have meanings here."""
    if isinstance(owner, ModuleType | FunctionType):
        return True
    kind = owner if isinstance(owner, type) else type(owner)
    return kind.__module__.split(".")[0] not in (*FROZEN_MODULES, "numba", "srcdiff")


class Captures:
    """Numbers and arrays from outside the function: hidden parameters, read again at each call."""

    def __init__(self) -> None:
        self.values: dict[Any, Value] = {}
        self.fetch: list[Where] = []
        self.statics: list[tuple[Where, Any]] = []
        self.roots: dict[Any, Root] = {}
        self.met_inside: set[Root] = set()  # arrays that only a branch or a loop knows so far

    def place_of(self, root: Root) -> tuple[Where, str]:
        """Where a captured array is found, and its name."""
        number, key = next((k, key) for k, key in enumerate(self.values) if self.roots.get(key) is root)
        return self.fetch[number], self.values[key].name

    def know_code(self, function: FunctionType) -> None:
        """A function may be given other code, as tools do that load a module again."""
        where = "code", function, function.__name__
        if not any(known[0] == "code" and known[1] is function for known, _ in self.statics):
            self.statics.append((where, function.__code__))


def fetched(where: Where) -> Any:
    """The present value of something captured."""
    kind, owner, name = where
    if kind == "global":
        return owner.__globals__[name]
    if kind == "closure":
        return cell_of(owner, name).cell_contents
    if kind == "attribute":
        return getattr(owner, name)
    if kind == "method":
        return getattr(owner, name).__func__
    if kind == "part":
        return part_of(fetched(owner), name)
    if kind == "outline":
        return outline(fetched(owner))
    if kind == "type":
        return type_of(fetched(owner))
    if kind == "single_axes":
        return tuple(axis for axis, length in enumerate(np.shape(fetched(owner))) if length == 1)
    if kind == "code":
        return owner.__code__
    return owner


def type_of(value: Any) -> Any:
    """Numba's type of a number or an array, None where it has none."""
    try:
        return ty.typeof(value)
    except TypeError:
        return None


def cell_of(function: Any, name: str) -> Any:
    """The cell of a closure's variable."""
    return function.__closure__[function.__code__.co_freevars.index(name)]


def place(where: Where) -> Any:
    """What two ways to the same variable have in common."""
    kind, owner, name = where
    if kind in ("part", "outline", "type", "single_axes"):
        return kind, place(owner), name
    return kind, id(owner.__globals__ if kind == "global" else owner), name


def outline(value: Any) -> Any:
    """What of a structure is taken as known: all but its numbers and the contents of its arrays."""
    tree = value if type(value) is tuple else opened(value)
    if tree is not None:
        return with_parts(tree, [outline(part) for part in parts_of(tree) or ()])
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype, value.ndim
    return type(value)


def same_known(a: Any, b: Any) -> bool:
    """Whether what was taken as known is still the same."""
    return a is b or (type(a) is type(b) and isinstance(a, (*CONSTANTS, Tree)) and a == b)


__all__ = [
    "HELD",
    "Captures",
    "Where",
    "cell_of",
    "fetched",
    "is_frozen",
    "is_of_user",
    "outline",
    "place",
    "same_known",
]
