"""Whether two things are the same, which type holds either of them, and of what kind one is."""

from __future__ import annotations

from typing import Any

from ..ir import types as ty
from ..ir.core import Value
from ..ir.types import Type
from .things import ArrayView, Axis, Static, is_number, is_scalar, number_type
from .trees import Tree, alike, identities_of, parts_of, with_parts


def same(a: Any, b: Any) -> bool:
    """Whether two things are certainly the same."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, (tuple, Tree)):
        if identities_of(a) != identities_of(b):
            return False
        return alike(a, b) and all(map(same, parts_of(a), parts_of(b)))  # type: ignore[arg-type]
    if isinstance(a, ArrayView):
        return (
            a.root is b.root
            and len(a.axes) == len(b.axes)
            and all(map(same_axis, a.axes, b.axes))
            and len(a.fixed) == len(b.fixed)
            and all(p[0] == q[0] and same(p[1], q[1]) for p, q in zip(a.fixed, b.fixed, strict=True))
        )
    if is_number(a):
        return bool(a == b) and str(a) == str(b)
    if isinstance(a, Static):
        return a.value is b.value or (isinstance(a.value, (str, tuple, bytes)) and a.value == b.value)
    return False


def same_axis(a: Axis | None, b: Axis | None) -> bool:
    if a is None or b is None:
        return a is b
    return a.of == b.of and same(a.start, b.start) and same(a.step, b.step) and same(a.length, b.length)


def join_types(a: Any, b: Any) -> Type:
    """The type that holds two scalars, of which weak numbers may be either."""
    if isinstance(a, Value) and isinstance(b, Value):
        return ty.promote(a.type, b.type)
    if isinstance(a, Value):
        return ty.promote_weak(a.type, number_type(b))
    if isinstance(b, Value):
        return ty.promote_weak(b.type, number_type(a))
    return ty.promote(number_type(a), number_type(b))


def join_array_types(a: Type, b: Type) -> Type:
    layout = a.layout if a.layout == b.layout else "A"
    return ty.array(a.dtype, a.ndim, layout)


def compatible_arrays(a: Type, b: Type) -> bool:
    return bool(a.ndim == b.ndim and a.dtype == b.dtype)


def kind_of_thing(thing: Any) -> Any:
    """What to carry in the place of a thing that the first trip binds: its type, or a tuple of those of its parts; None
    where nothing can be."""
    if is_scalar(thing):
        return thing.type if isinstance(thing, Value) else number_type(thing)
    parts = parts_of(thing)
    if parts is not None:
        kinds = [kind_of_thing(part) for part in parts]
        return None if any(kind is None for kind in kinds) else with_parts(thing, kinds)
    if isinstance(thing, ArrayView) and thing.whole and not thing.root.is_list:
        return thing.root.type
    return None


def unlike(a: Type, b: Type) -> bool:
    """Whether one is a number and the other an array, or they are different arrays, wherever their elements lie."""
    if ty.is_array(a) and ty.is_array(b):
        return not compatible_arrays(a, b)
    return ty.is_array(a) or ty.is_array(b)


def holds_arrays(thing: Any) -> bool:
    return isinstance(thing, ArrayView) or any(map(holds_arrays, parts_of(thing) or ()))
