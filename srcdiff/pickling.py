"""How objects travel to other processes.

    f, f.grad                 of a module that can be imported: by name
    grad(lambda x: k * x)     by value: its arguments, functions with what they have captured and with their source

Functions go through cloudpickle, under whatever pickles the object: joblib, Dask, multiprocessing. The file of a
function need not exist where it arrives, so each one carries its text, from which it is read there as here: what
does not compile to its bytecode is refused. The rules of these functions (`defvjp`) go along.
"""

from __future__ import annotations

import functools
import pickle
import sys
import types
from collections.abc import Iterator
from typing import Any

from numba import cloudpickle

from .errors import DifferentiationError
from .frontend.source import carried_text, read_source
from .frontend.unwrap import plain_function
from .primitives.custom import RULES, Rules, rules_of


def reduced(obj: Any, made_with: tuple[Any, ...]) -> Any:
    """What `__reduce__` of an object returns that `made_with` (its type, arguments, keywords) makes again."""
    name = global_name(obj)
    if name is not None:
        return name
    holder = getattr(obj, "of", None)
    for attribute, value in vars(holder).items() if holder is not None else ():
        if value is obj and not attribute.startswith("_"):
            return getattr, (holder, attribute)
    return revived, (dumped(made_with),)


def global_name(obj: Any) -> str | None:
    """The name by which another process can import an object; None if there is none."""
    module, name = getattr(obj, "__module__", None), getattr(obj, "__qualname__", None)
    if module is None or name is None or module == "__main__":
        return None
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return name if found is obj else None


def dumped(made_with: tuple[Any, ...]) -> bytes:
    rules: dict[Any, Rules] = {}
    seen: set[int] = set()
    waiting = list(made_with[1])
    while waiting:
        for function in functions_behind(waiting.pop(), seen):
            carry_text(function)
            own = rules_of(function)
            if own is not None:
                rules[function] = own
                waiting += own.functions
    data: bytes = cloudpickle.dumps((made_with, rules))  # type: ignore[no-untyped-call]
    return data


@functools.lru_cache(maxsize=64)
def revived(data: bytes) -> Any:
    """The object made of what was sent: the same one for the same bytes, with what it has compiled so far."""
    (kind, args, keywords), rules = pickle.loads(data)
    RULES.update(rules)
    return kind(*args, **keywords)


def carry_text(function: types.FunctionType) -> None:
    """Attach the text of a function that is not found by its name elsewhere."""
    if global_name(function) is None:
        try:
            function.__dict__["__srcdiff_source__"] = carried_text(read_source(function))
        except DifferentiationError:
            return  # it is not differentiated here either


def functions_behind(obj: Any, seen: set[int]) -> Iterator[types.FunctionType]:
    """Yield the Python functions that an object leads to, by what they have captured too."""
    function = plain_function(obj)
    if function is None or id(function) in seen:
        return
    seen.add(id(function))
    yield function
    inside = [cell.cell_contents for cell in function.__closure__ or () if is_filled(cell)]
    inside += [
        function.__globals__[name] for name in names_of(function.__code__) if name in function.__globals__
    ]
    for value in inside:
        yield from functions_behind(value, seen)


def is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def names_of(code: types.CodeType) -> Iterator[str]:
    """Yield the globals and attributes that code and the functions in it use."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from names_of(constant)


__all__ = ["reduced"]
