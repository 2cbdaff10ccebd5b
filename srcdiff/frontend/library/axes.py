"""Arguments that must be known when the function is read: axes, flags, counts; and index arithmetic on axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...ir.core import Value
from ..describe import describe
from ..things import ArrayView, Elementwise, Scalar, Slice, Static, is_number, is_scalar

if TYPE_CHECKING:
    from ..calls import Calls

Indices = tuple[Scalar, ...]
EVERYTHING = Slice(None, None, None)


def is_none(thing: Any) -> bool:
    return thing is None or (isinstance(thing, Static) and thing.value is None)


def whole_number(calls: Calls, thing: Any, what: str) -> int:
    """An integer that decides which loops are built."""
    if isinstance(thing, Value) and thing.is_constant:
        thing = thing.constant
    if not isinstance(thing, int):
        calls.refuse(
            f"{what} that is not a constant", "which loops to build must be known", "a number as it stands"
        )
    return int(thing)


def flag(calls: Calls, thing: Any, what: str) -> bool:
    if isinstance(thing, Static):
        thing = bool(thing.value)
    return bool(whole_number(calls, thing, what))


def word(calls: Calls, thing: Any, *allowed: str) -> str:
    """One of the allowed strings."""
    text = thing.value if isinstance(thing, Static) else thing
    if text not in allowed:
        shown = f"`{text!r}`" if isinstance(text, str) else describe(thing)
        calls.refuse(f"{shown} as argument", instead=" or ".join(f"`{x!r}`" for x in allowed))
    return str(text)


def check_order(calls: Calls, order: Any) -> None:
    """`order=` of a new array, whose values it does not change: arrays made here lie in C order in memory."""
    if not is_none(order) and word(calls, order, "C", "F", "A", "K") != "C":
        calls.has_other_order()


def axis_of(calls: Calls, axis: Any, ndim: int) -> int:
    """An axis as a number from 0."""
    if isinstance(axis, Value) and axis.is_constant:
        axis = axis.constant
    if not isinstance(axis, int) or not -ndim <= axis < ndim:
        calls.refuse(
            "an axis that is not a constant of this array",
            "which loops to build must be known",
            "`axis=0`, say",
        )
    return int(axis) % ndim


def axes_of(calls: Calls, axes: Any, ndim: int) -> tuple[int, ...]:
    """Different axes, as numbers from 0."""
    found = tuple(axis_of(calls, a, ndim) for a in (axes if isinstance(axes, tuple) else (axes,)))
    if len(set(found)) < len(found):
        calls.refuse("an axis named twice", "NumPy would raise an error here", "each axis once")
    return found


def replaced(indices: Indices, axis: int, index: Scalar) -> Indices:
    """The indices with another one along an axis."""
    return (*indices[:axis], index, *indices[axis + 1 :])


def inserted(indices: Indices, axis: int, index: Scalar) -> Indices:
    """The indices with one more along an axis."""
    return (*indices[:axis], index, *indices[axis:])


def without(indices: Indices, axis: int) -> Indices:
    return (*indices[:axis], *indices[axis + 1 :])


def rearranged(
    calls: Calls, thing: Any, shape: tuple[Any, ...], place: Callable[[Indices], Indices], view: bool = False
) -> Elementwise:
    """The array whose element at `i` is that of `thing` at `place(i)`; a `view` of it in NumPy, or a new one."""
    shares = calls.reads(thing) if view else frozenset()
    cheap = isinstance(thing, ArrayView) or thing.cheap
    return Elementwise(
        shape, lambda i: calls.at(thing, place(i)), calls.reads(thing), shares=shares, cheap=cheap
    )


def lined_up(calls: Calls, thing: Any, axis: Any) -> tuple[Any, int]:
    """A thing and the axis to work along: without one, all elements in one line."""
    thing = calls.any_array(thing)
    if is_none(axis):
        return calls.raveled(thing), 0
    return thing, axis_of(calls, axis, thing.ndim)


def items_of(calls: Calls, thing: Any, what: str) -> tuple[Any, ...]:
    """The things in a tuple or list whose length is known."""
    if isinstance(thing, tuple):
        return thing
    if is_scalar(thing):
        return (thing,)
    if hasattr(thing, "ndim") and thing.ndim == 1 and is_number(length := calls.length(thing)):
        return tuple(calls.at(thing, (k,)) for k in range(length))
    calls.refuse(f"{describe(thing)} as {what}", instead="a tuple")
