"""Arrays that offer DLPack, read from the capsule that they give.

    x.__dlpack_device__()        (2, 0): memory of the first GPU
    x.__dlpack__(stream=s)       a capsule; what is started on the stream `s` waits for what still writes to the array

An array on a GPU becomes one with the interface of CUDA. The capsule is kept and never marked as used: it gives the
memory back by itself when nothing refers to it any more.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from ..errors import UnsupportedDtype

__all__ = ["NOT_ORDERED", "ON_HOST", "DlpackArray", "device_of", "exported", "is_dlpack_of_device"]

NOT_ORDERED = -1  # as a stream: nothing is waited for
ON_HOST, ON_DEVICE = (1, 3), (2, 13)  # kDLCPU, kDLCUDAHost; kDLCUDA, kDLCUDAManaged
KINDS = {0: "i", 1: "u", 2: "f", 5: "c", 6: "b"}
READ_ONLY = 1


class Tensor(ctypes.Structure):
    """`DLTensor` of `dlpack.h`."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class Versioned(ctypes.Structure):
    """`DLManagedTensorVersioned`; the older `DLManagedTensor` begins with its tensor."""

    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("manager", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    )


is_capsule_of = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_IsValid", ctypes.pythonapi)
)
pointer_in = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


class DlpackArray:
    """The array in a capsule, with the interface of CUDA.

    Parameters
    ----------
    capsule : what `__dlpack__` gave
    read_only : whether it must not be written, whatever the capsule says
    exporter : the array that gave it

    Raises
    ------
    UnsupportedDtype
    BufferError
        For a version of DLPack that is not known.
    """

    def __init__(self, capsule: Any, read_only: bool = False, exporter: Any = None) -> None:
        self.capsule, self.exporter = capsule, exporter
        if is_capsule_of(capsule, b"dltensor_versioned"):
            managed = Versioned.from_address(pointer_in(capsule, b"dltensor_versioned"))
            if managed.major != 1:
                raise BufferError(f"version {managed.major}.{managed.minor} of DLPack is not known")
            tensor = managed.tensor
            read_only |= bool(managed.flags & READ_ONLY)
        else:
            tensor = Tensor.from_address(pointer_in(capsule, b"dltensor"))
        dtype = dtype_of_tensor(tensor)
        strides = tensor.strides[: tensor.ndim] if tensor.strides else None
        self.shape = tuple(tensor.shape[: tensor.ndim])
        self.__cuda_array_interface__ = {
            "version": 3,
            "shape": self.shape,
            "strides": None if strides is None else tuple(dtype.itemsize * n for n in strides),
            "data": ((tensor.data or 0) + tensor.byte_offset, read_only),
            "typestr": dtype.str,
            "stream": None,  # the exporter has made the stream wait that was named to it
        }


def dtype_of_tensor(tensor: Tensor) -> np.dtype[Any]:
    kind = KINDS.get(tensor.code)
    if kind is None or tensor.lanes != 1 or tensor.bits % 8:
        what = "bfloat16" if (tensor.code, tensor.bits) == (4, 16) else f"type {tensor.code} of DLPack"
        raise UnsupportedDtype(f"an array of {what}, {tensor.bits} bits", instead="float32 or float64")
    return np.dtype(f"{kind}{tensor.bits // 8}")


def device_of(x: Any) -> int | None:
    """The kind of device that an array is on which offers DLPack; None if it is not such an array."""
    if isinstance(x, (np.ndarray, np.generic)) or not hasattr(x, "__dlpack_device__"):
        return None
    return int(x.__dlpack_device__()[0])


def is_dlpack_of_device(x: Any, interface: dict[str, Any] | None) -> bool:
    """Whether an array is on a GPU and offers DLPack, and no interface of CUDA that names its stream."""
    return (interface is None or interface.get("version", 0) < 3) and device_of(x) in ON_DEVICE


def exported(x: Any, stream: int) -> Any:
    """The capsule of an array."""
    try:
        return x.__dlpack__(stream=stream, max_version=(1, 0))
    except TypeError:  # from before there were versions
        return x.__dlpack__(stream=stream)
