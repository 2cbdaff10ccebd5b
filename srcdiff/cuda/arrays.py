"""Arrays of NumPy and of devices, whatever library they are from: dtype, memory, extent of a grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import Location, UnsupportedDtype
from .received import DeviceArray, bounds_of, is_on_device

__all__ = [
    "Extent",
    "address",
    "are_apart",
    "dtype_of",
    "extent_of",
    "is_array",
    "is_read_only",
    "known_dtype",
    "overlap",
]

Extent = tuple[int, int, int]


def is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, DeviceArray)) or is_on_device(value)


def interface(array: Any) -> Any:
    """The array interface of NumPy, or that of CUDA."""
    return array.__array_interface__ if isinstance(array, np.ndarray) else array.__cuda_array_interface__


def dtype_of(value: Any) -> np.dtype[Any]:
    kind = value.dtype if isinstance(value, (np.ndarray, DeviceArray)) else interface(value)["typestr"]
    found: np.dtype[Any] = np.dtype(kind)
    return found


def known_dtype(value: Any, name: str, definition: Location) -> np.dtype[Any]:
    """The dtype of an argument, if kernels know it."""
    dtype = dtype_of(value)
    if dtype not in (np.float32, np.float64) and dtype.kind not in "iub":
        raise UnsupportedDtype(
            f"the argument `{name}` has the dtype {dtype}",
            definition=definition,
            instead="float32 or float64",
        )
    return dtype


def address(array: Any) -> int:
    """Where the first element lies."""
    where: int = interface(array)["data"][0]
    return where


def is_read_only(array: Any) -> bool:
    return bool(interface(array)["data"][1])


def bounds(array: Any) -> tuple[int, int]:
    """The first byte, and that behind the last."""
    return array.bounds if isinstance(array, DeviceArray) else bounds_of(interface(array))


def overlap(a: Any, b: Any) -> bool:
    """Whether two arrays may have an element in common."""
    (first, last), (start, stop) = bounds(a), bounds(b)
    return first < stop and start < last


def are_apart(written: Sequence[Any], read: Sequence[Any]) -> bool:
    """Whether certainly no array of `written` shares memory with another of either: `overlap` of none."""
    ranges = [(*bounds(x), True) for x in written]
    ranges += [(*bounds(x), False) for x in read]
    ranges.sort()
    reached = reached_by_written = -1
    for start, stop, is_written in ranges:
        if start < (reached if is_written else reached_by_written):
            return False
        reached = max(reached, stop)
        if is_written:
            reached_by_written = max(reached_by_written, stop)
    return True


def extent_of(size: int | Sequence[int]) -> Extent:
    """Blocks or threads along three axes."""
    sizes = (size,) if isinstance(size, (int, np.integer)) else tuple(size)
    x, y, z = (*map(int, sizes), 1, 1)[:3]
    return x, y, z
