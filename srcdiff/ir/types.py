"""The only door to `numba.types`: the types the IR speaks of, and how scalars promote.

Plain functions follow NumPy's promotion (a Python literal is weak: `float32 * 2.0` stays float32); functions
that came as a Numba dispatcher keep Numba's (the literal is a float64 or int64 like any other).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, TypeAlias

import numba
import numpy as np
from numba.core import types as nb_types
from numba.np import numpy_support

nb = nb_types
Type: TypeAlias = Any  # numba's types carry no annotations

float64: Type = nb_types.float64
float32: Type = nb_types.float32
int64: Type = nb_types.int64
uint64: Type = nb_types.uint64
boolean: Type = nb_types.boolean
complex128: Type = nb_types.complex128
complex64: Type = nb_types.complex64
none: Type = nb_types.none


def array(dtype: Type, ndim: int, layout: str = "C") -> Type:
    return nb_types.Array(dtype, ndim, layout)


def stack(type: Type) -> Type:
    """The type of a list of values of one type."""
    return nb_types.List(type)


def is_stack(type: Type) -> bool:
    return isinstance(type, nb_types.List)


def fresh(type: Type) -> Type:
    """The type of what is made anew: arrays in C order."""
    return array(type.dtype, type.ndim) if is_array(type) else type


def owned(type: Type) -> Type:
    """The type of a copy of an array."""
    return type.copy(layout="F" if type.layout == "F" else "C", readonly=False)


class SingleAxes(nb_types.Array):
    """The type of an argument that is an array known to be of length 1 along some axes, so that NumPy repeats it there.

    Only in the signatures of programs: values of the IR and Numba's compiler have the plain type.
    """

    def __init__(self, of: Type, axes: tuple[int, ...]) -> None:
        self.of, self.axes = of, axes
        super().__init__(of.dtype, of.ndim, of.layout, not of.mutable, of.name, of.aligned)

    @property
    def key(self) -> Any:
        return self.of, self.axes


def with_single_axes(type: Type, axes: Iterable[int]) -> Type:
    axes = tuple(sorted(axes))
    return SingleAxes(type, axes) if axes else type


def single_axes(type: Type) -> tuple[int, ...]:
    """The axes along which an argument of this type is known to be of length 1."""
    return type.axes if isinstance(type, SingleAxes) else ()


def plain(type: Type) -> Type:
    """The type as Numba knows it."""
    return type.of if isinstance(type, SingleAxes) else type


def typeof(value: object) -> Type:
    """Numba's type of a Python value; raises `TypeError` where Numba knows none."""
    if type(value) is not np.ndarray:
        return numba_typeof(value)
    key = value.dtype, value.ndim, value.flags.num
    found = ARRAY_TYPES.get(key)
    if found is None:
        found = ARRAY_TYPES[key] = numba_typeof(value)
    return found


ARRAY_TYPES: dict[Any, Type] = {}  # Numba takes longer to make such a type than many a function to run


def numba_typeof(value: object) -> Type:
    try:
        return numba.typeof(value)
    except (ValueError, numba.core.errors.NumbaValueError) as error:
        raise TypeError(str(error)) from error


def is_float(type: Type) -> bool:
    return isinstance(type, nb_types.Float)


def is_integer(type: Type) -> bool:
    return isinstance(type, nb_types.Integer)


def is_unsigned(type: Type) -> bool:
    return is_integer(type) and str(type).startswith("uint")


def is_boolean(type: Type) -> bool:
    return isinstance(type, nb_types.Boolean)


def is_complex(type: Type) -> bool:
    return isinstance(type, nb_types.Complex)


def is_scalar(type: Type) -> bool:
    return isinstance(type, (nb_types.Number, nb_types.Boolean))


def is_array(type: Type) -> bool:
    return isinstance(type, nb_types.Array)


def is_scalar_or_array(type: Type) -> bool:
    return is_scalar(type) or is_array(type)


def is_tuple(type: Type) -> bool:
    """Whether it is a plain tuple; a named one is another class."""
    return isinstance(type, nb_types.BaseTuple) and not isinstance(type, nb_types.BaseNamedTuple)


def element(type: Type) -> Type:
    """The type of one number of what may be an array."""
    return type.dtype if is_array(type) else type


def is_differentiable(type: Type) -> bool:
    """Whether a value of this type can carry a derivative."""
    return is_float(element(type)) or is_complex(element(type))


def is_real(type: Type) -> bool:
    """Whether a function can be differentiated by this type, or as its result: complex numbers only come in between."""
    return is_float(element(type))


def real_of(type: Type) -> Type:
    """The type of the real part: float64 for complex128; any other scalar type is its own."""
    return type.underlying_float if is_complex(type) else type


def complex_of(type: Type) -> Type:
    """The complex type with parts of a float type."""
    return complex64 if type == float32 else complex128


@functools.cache
def numpy_dtype(type: Type) -> np.dtype[Any]:
    return np.dtype(numpy_support.as_dtype(type.dtype if is_array(type) else type))


def from_dtype(dtype: np.dtype[Any]) -> Type:
    """The scalar type of a NumPy dtype; raises `TypeError` for one Numba does not know."""
    try:
        return numpy_support.from_dtype(dtype)
    except numba.core.errors.NumbaNotImplementedError as error:
        raise TypeError(str(error)) from error


def promote(a: Type, b: Type) -> Type:
    """The type of `a + b` for two typed (not weak) scalars, as NumPy has it."""
    if a == b:
        return a
    return from_dtype(np.promote_types(numpy_dtype(a), numpy_dtype(b)))


def promote_weak(type: Type, literal: Type) -> Type:
    """The type of `value + literal` where the literal is a Python number (NEP 50)."""
    rank = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}
    if rank[numpy_dtype(literal).kind] <= rank[numpy_dtype(type).kind]:
        return type
    if is_complex(literal) and type == float32:
        return complex64
    return literal


def as_float(type: Type) -> Type:
    """The type of `np.sin(value)`: floats keep theirs, integers and booleans become float64."""
    if is_float(type) or is_complex(type):
        return type
    return float64


@functools.cache
def name_of(type: Type) -> str:
    """How the dump spells a type: `f64`, `i64`, `bool`, `f64[:, :]`, with `F` or `A` for the layout."""
    if is_array(type):
        layout = "" if type.layout == "C" else f" {type.layout}"
        return f"{name_of(type.dtype)}[{', '.join(':' * type.ndim)}{layout}]"
    if is_boolean(type):
        return "bool"
    short = {"float": "f", "int": "i", "uint": "u", "complex": "c"}
    text = str(type)
    for long, abbreviation in short.items():
        if text.startswith(long) and text[len(long) :].isdigit():
            return abbreviation + text[len(long) :]
    return text


def dtype_spelling(type: Type) -> str:
    """How generated source names a scalar type: `np.float32`."""
    return "np.bool_" if is_boolean(type) else f"np.{type}"
