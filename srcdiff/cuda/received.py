"""Arguments as they come: arrays on a GPU, whatever library they are from, with their interface read once.

    received(cupy.ones(3), stream)      a `DeviceArray`, as for arrays of Numba
    received(torch_tensor, stream)      the same, of its DLPack capsule: the owner's stream has been waited for
    received(numpy.ones(3), stream)     that array; so are numbers

To ask a library for the interface of an array takes longer than all that is done with it here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .dlpack import NOT_ORDERED, ON_HOST, DlpackArray, device_of, exported, is_dlpack_of_device

__all__ = ["DeviceArray", "bounds_of", "is_on_device", "observed", "received"]


class DeviceArray:
    """An array on a GPU, as its owner described it.

    Parameters
    ----------
    owner : the array of its library, or of a capsule
    interface : what it says as `__cuda_array_interface__`

    Attributes
    ----------
    bounds : the first byte of its memory, and that behind the last
    described : its address, shape, strides and type as the interface has them
    """

    __slots__ = ("__cuda_array_interface__", "bounds", "dtype", "owner", "shape")

    def __init__(self, owner: Any, interface: dict[str, Any]) -> None:
        self.owner, self.__cuda_array_interface__ = owner, interface
        self.shape = tuple(interface["shape"])
        self.dtype: np.dtype[Any] = np.dtype(interface["typestr"])
        self.bounds = bounds_of(interface)

    @property
    def described(self) -> tuple[int, tuple[int, ...], tuple[int, ...] | None, str]:
        interface = self.__cuda_array_interface__
        return interface["data"][0], self.shape, interface.get("strides"), interface["typestr"]


def bounds_of(interface: dict[str, Any]) -> tuple[int, int]:
    """The first byte of an array, and that behind the last."""
    start = stop = interface["data"][0]
    shape, strides = interface["shape"], interface.get("strides")
    size = np.dtype(interface["typestr"]).itemsize
    if strides is None:
        return start, start + size * math.prod(shape)
    for length, stride in zip(shape, strides, strict=True):
        reach = (length - 1) * stride
        start, stop = start + min(reach, 0), stop + max(reach, 0)
    return start, stop + size


def is_on_device(x: Any) -> bool:
    """Whether an array, of whatever library, is in the memory of a GPU."""
    return hasattr(x, "__cuda_array_interface__")


def observed(x: Any) -> Any:
    """An array with an interface of CUDA that names its stream, read once; other arguments as they are."""
    if isinstance(x, DeviceArray):
        return x
    interface = getattr(x, "__cuda_array_interface__", None)
    return x if interface is None or is_dlpack_of_device(x, interface) else DeviceArray(x, interface)


def received(x: Any, stream: int = NOT_ORDERED) -> Any:
    """An argument as it is used: what is on a GPU as a `DeviceArray`.

    `stream` is the number of that on which it will be used.
    """
    seen = observed(x)
    if isinstance(seen, DeviceArray):
        return seen
    interface = getattr(x, "__cuda_array_interface__", None)
    if is_dlpack_of_device(x, interface):
        read_only = interface is not None and bool(interface["data"][1])
        array = DlpackArray(exported(x, stream), read_only, x)
        return DeviceArray(array, array.__cuda_array_interface__)
    if device_of(x) in ON_HOST:
        return np.from_dlpack(x)
    return x
