"""The types that a function declares under Numba's `@njit`: numbers become those as Numba makes them.

@njit("float64(int64)")
def half(n): ...                      half(3.7)   ->   half(int(3.7))

@njit(locals={"s": float32})
def f(x, y): s = x * y                s = x * y   ->   s = np.float32(x * y)
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..ir import types as ty
from .source import FunctionSource
from .things import is_arraylike, is_scalar

if TYPE_CHECKING:
    from .callees import Callees


def read_as_declared(
    callees: Callees, source: FunctionSource, env: dict[str, Any], read: Callable[[Any], Any], node: ast.AST
) -> Any:
    """What `read` gives for the arguments `env`, with the conversions of the signature that the function declares."""
    dispatcher = source.dispatcher
    declared = () if dispatcher is None or dispatcher._can_compile else dispatcher.nopython_signatures
    if not declared:
        return read(env)
    names = [a.arg for a in (*source.tree.args.posonlyargs, *source.tree.args.args)]

    def fits(signature: Any) -> bool:
        return all(is_of(callees, env[n], t) for n, t in zip(names, signature.args, strict=False))

    found = next(filter(fits, declared), declared[0])
    if len(declared) > 1 and not fits(found):
        callees.refuse(
            f"`{source.name}` for other types than it declares",
            "Numba would choose one of its signatures, and convert",
            "numbers of one of them",
            node=node,
        )
    given = {n: converted(callees, env[n], t, node) for n, t in zip(names, found.args, strict=False)}
    return converted(callees, read({**env, **given}), found.return_type, node)


def is_of(callees: Callees, thing: Any, type: Any) -> bool:
    """Whether Numba would take a thing as it is for a type that is declared."""
    if is_scalar(thing):
        return bool(callees.dtype(thing) == type) or not ty.is_scalar(type)
    if is_arraylike(thing) and ty.is_array(type):
        return bool(callees.dtype(thing) == type.dtype and thing.ndim == type.ndim)
    return not is_arraylike(thing)


def converted(callees: Callees, thing: Any, type: Any, node: ast.AST | None) -> Any:
    """A number as one of a type that is declared; arrays must be of it."""
    if is_of(callees, thing, type):
        return thing
    if not (is_scalar(thing) and ty.is_scalar(type)):
        callees.refuse(
            f"an array of another type than is declared, {ty.name_of(type)}",
            "Numba would raise an error here",
            "an array of this type",
            node=node,
        )
    value = callees.as_value(thing)
    if ty.is_integer(type) and ty.is_float(value.type):
        value = callees.scalar("int", value)
    return callees.cast(value, type)


__all__ = ["converted", "read_as_declared"]
