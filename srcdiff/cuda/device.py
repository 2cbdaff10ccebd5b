"""Where kernels run: on a GPU through `numba.cuda`, or in the emulator. The only door to `numba.cuda`.

    with emulated():
        srcdiff.cuda.batch(price).value_and_grad(S, K)      # the same kernels, on NumPy arrays

An array of another library has a stream of its own: `ordered` runs on that, or lets the streams wait for each other.
`numba.cuda` is imported when a kernel is compiled or run, not before. Where it is installed without its libraries, that
import fails with errors of several kinds.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from math import prod
from typing import Any, Protocol

import numpy as np

from ..backend.cache import load_module
from ..errors import CudaUnavailable
from ..runtime.marks import checkpoint
from .dlpack import NOT_ORDERED, DlpackArray, is_dlpack_of_device
from .emulate import launch
from .emulated_device import uninitialised
from .emulated_kernel import emulated_function
from .received import DeviceArray, is_on_device

__all__ = ["Emulator", "Gpu", "LaunchBounds", "Machine", "emulated", "machine", "numba_cuda"]

EXTRAS = "`pip install 'srcdiff[cuda13]'` (or `srcdiff[cuda12]`, after the driver's version)"


# The most threads of a block, the least blocks of a multiprocessor.
LaunchBounds = int | tuple[int, ...] | None
# So many blocks add to one element in less time than it takes to start a kernel; partial sums of larger arrays are
# fewer, to have this many elements at most.
FEW_BLOCKS, PARTS, MOST_ELEMENTS = 1024, 256, 2**22
MOST_KEPT = 2**16  # elements of memory that is kept for later launches


class Machine(Protocol):
    """What runs kernels.

    Attributes
    ----------
    blocks : int
        How many blocks a kernel with a loop over its work is started with at most.
    resident : int
        The same where each thread has a tape: not many more than run at once.
    """

    blocks: int
    resident: int

    def ordered(self, arrays: Iterable[Any], stream: Any) -> AbstractContextManager[Any]:
        """The stream to use arrays of the caller on, of whatever library: the given one, or theirs without one.

        What is started on it comes after what their owners have started so far, and before what they start later.
        """

    def follow(self, stream: Any, others: Iterable[Any]) -> None:
        """Let a stream wait for what has been started on others."""

    def number(self, stream: Any) -> int:
        """A stream as DLPack names it."""

    def array(self, x: Any, stream: Any) -> Any:
        """The array where kernels can read it."""

    def passed(self, x: Any, stream: Any) -> Any:
        """The same to pass to kernels only: it does not keep the caller's array alive."""

    def zeros(self, shape: tuple[int, ...], dtype: Any, stream: Any) -> Any:
        """A new array there, of zeros."""

    def empty(self, shape: tuple[int, ...], dtype: Any, stream: Any) -> Any:
        """A new array there, for a kernel to fill."""

    def scratch(self, shape: tuple[int, ...], dtype: Any, stream: Any) -> AbstractContextManager[Any]:
        """Zeros there, for what is started on a stream meanwhile: what is started later may get the same memory."""

    def copy(self, x: Any, stream: Any) -> Any:
        """A copy there of an array that is there."""

    def assign(self, x: Any, values: Any, stream: Any) -> None:
        """Fill an array there."""

    def clear(self, x: Any, stream: Any) -> None:
        """Fill an array there with zeros."""

    def parts(self, blocks: int, size: int) -> int:
        """In how many partial sums so many blocks add up an array of so many elements."""

    def lifted(self, x: Any) -> Any | None:
        """An array there with a first axis of one in the same memory, where that can be made, to pass to kernels."""

    def can_write(self, x: Any) -> bool:
        """Whether kernels can write into an array of the caller."""

    def host(self, x: Any, stream: Any) -> np.ndarray[Any, Any]:
        """The array as a NumPy array."""

    def run(
        self, source: Any, name: str, blocks: Any, threads: Any, arguments: Sequence[Any], stream: Any,
        wraparound: bool = False, launch_bounds: LaunchBounds = None,
    ) -> None:  # fmt: skip
        """Start a kernel: one of a generated module, or a function of the user."""


class Emulator:
    """Runs kernels on NumPy arrays, and reports races, divergent barriers and indices out of bounds.

    Parameters
    ----------
    order : numpy.random.Generator, optional
        Runs threads and blocks in a random order.
    blocks : int
        The most blocks of a kernel with a loop over its work.
    """

    def __init__(self, order: np.random.Generator | None = None, blocks: int = 2) -> None:
        self.order, self.blocks, self.resident = order, blocks, blocks

    def ordered(self, arrays: Iterable[Any], stream: Any) -> AbstractContextManager[Any]:
        return nullcontext(stream)

    def follow(self, stream: Any, others: Iterable[Any]) -> None:
        pass

    def number(self, stream: Any) -> int:
        return NOT_ORDERED

    def array(self, x: Any, stream: Any) -> Any:
        if is_on_device(x):
            raise TypeError("the emulator runs on arrays of NumPy, not on those of a GPU")
        return np.ascontiguousarray(x)

    def passed(self, x: Any, stream: Any) -> Any:
        return self.array(x, stream)

    def zeros(self, shape: tuple[int, ...], dtype: Any, stream: Any) -> Any:
        return np.zeros(shape, dtype)

    def empty(self, shape: tuple[int, ...], dtype: Any, stream: Any) -> Any:
        return uninitialised(shape, dtype)

    def scratch(self, shape: tuple[int, ...], dtype: Any, stream: Any) -> AbstractContextManager[Any]:
        return nullcontext(self.zeros(shape, dtype, stream))

    def copy(self, x: Any, stream: Any) -> Any:
        return np.array(self.array(x, stream))

    def assign(self, x: Any, values: Any, stream: Any) -> None:
        x[...] = self.array(values, stream)

    def clear(self, x: Any, stream: Any) -> None:
        x[...] = 0

    def parts(self, blocks: int, size: int) -> int:
        return min(blocks, 2)

    def lifted(self, x: Any) -> Any | None:
        return x[None]

    def can_write(self, x: Any) -> bool:
        return isinstance(x, np.ndarray) and x.flags.c_contiguous

    def host(self, x: Any, stream: Any) -> np.ndarray[Any, Any]:
        return np.asarray(x)

    def run(
        self, source: Any, name: str, blocks: Any, threads: Any, arguments: Sequence[Any], stream: Any,
        wraparound: bool = False, launch_bounds: LaunchBounds = None,
    ) -> None:  # fmt: skip
        launch(translated(source, name), blocks, threads, arguments, self.order, wraparound)


@functools.cache
def translated(source: Any, name: str) -> Any:
    return emulated_function(source, name)


class Gpu:
    """Runs kernels on the current device of `numba.cuda`."""

    def __init__(self) -> None:
        self.cuda = numba_cuda()
        if not self.cuda.is_available():
            raise CudaUnavailable(
                "there is no GPU, or no driver for it",
                reason="kernels are compiled and run by `numba.cuda`",
                instead="`srcdiff.cuda.emulated()` runs them without a GPU, for tests",
            )
        self.own: type = self.cuda.cudadrv.devicearray.DeviceNDArray
        self.kept = threading.local()
        multiprocessors = self.cuda.get_current_device().MULTIPROCESSOR_COUNT
        # Of few waves of blocks the last one leaves much of the device idle.
        self.blocks, self.resident = 256 * multiprocessors, 16 * multiprocessors

    @contextmanager
    def ordered(self, arrays: Iterable[Any], stream: Any) -> Iterator[Any]:
        foreign = getattr(stream, "cuda_stream", getattr(stream, "ptr", None))  # of PyTorch, of CuPy
        if foreign is not None:
            stream = self.cuda.external_stream(foreign)
        theirs = streams_of(arrays)
        numbers = dict.fromkeys(number for number in theirs if number is not None)
        if not stream and len(numbers) == 1:
            (number,) = numbers
            stream = self.cuda.external_stream(number) if number else 0
        mine = self.number(stream)
        others = [self.cuda.external_stream(n) for n in numbers if (n or DEFAULT) != mine]
        self.follow(stream, others)
        try:
            yield stream
        finally:  # an error may come when something has been started
            for other in others:
                self.follow(other, [stream])
            if None in theirs:  # it cannot be told to wait
                (stream or self.cuda.default_stream()).synchronize()

    def follow(self, stream: Any, others: Iterable[Any]) -> None:
        for other in others:
            if self.number(other) != self.number(stream):
                event = self.cuda.event(timing=False)
                event.record(other)
                event.wait(stream)

    def number(self, stream: Any) -> int:
        return (int(stream) if stream else 0) or DEFAULT

    def array(self, x: Any, stream: Any) -> Any:
        owner = x.owner if isinstance(x, DeviceArray) else x
        if isinstance(owner, self.own):
            return owner
        if is_on_device(owner):
            # The kernel runs on the stream that the caller gives: nothing is waited for here.
            return self.cuda.as_cuda_array(owner, sync=False)
        return self.cuda.to_device(np.ascontiguousarray(x), stream=stream)

    def passed(self, x: Any, stream: Any) -> Any:
        if not isinstance(x, DeviceArray) or isinstance(x.owner, self.own):
            return self.array(x, stream)
        return described(*x.described)

    def zeros(self, shape: tuple[int, ...], dtype: Any, stream: Any) -> Any:
        made = self.empty(shape, dtype, stream)
        if made.size:
            fill_zero(made, stream)
        return made

    def empty(self, shape: tuple[int, ...], dtype: Any, stream: Any) -> Any:
        return self.cuda.device_array(shape, dtype, stream=stream)

    @contextmanager
    def scratch(self, shape: tuple[int, ...], dtype: Any, stream: Any) -> Iterator[Any]:
        # Giving memory back waits, sooner or later, for all that was started: on the default stream it is kept. Each
        # thread has its own, as it may have a default stream of its own.
        if self.number(stream) != DEFAULT or prod(shape) > MOST_KEPT:
            yield self.zeros(shape, dtype, stream)
            return
        key = self.cuda.get_current_device().id, shape, np.dtype(dtype)
        kept = self.kept.__dict__.setdefault("scratch", {}).setdefault(key, [])
        made = kept.pop() if kept else self.empty(shape, dtype, stream)
        self.clear(made, stream)
        yield made
        kept.append(made)  # not after an error

    def copy(self, x: Any, stream: Any) -> Any:
        given = self.array(x, stream)
        made = self.cuda.device_array(given.shape, given.dtype, stream=stream)
        made.copy_to_device(given, stream=stream)
        return made

    def assign(self, x: Any, values: Any, stream: Any) -> None:
        self.array(x, stream).copy_to_device(self.array(values, stream), stream=stream)

    def clear(self, x: Any, stream: Any) -> None:
        if x.size and x.is_c_contiguous():
            fill_zero(x, stream)
        elif x.size:
            x.setitem((slice(None),) * x.ndim, 0, stream)

    def parts(self, blocks: int, size: int) -> int:
        return 1 if blocks <= FEW_BLOCKS else max(1, min(PARTS, MOST_ELEMENTS // max(size, 1)))

    def lifted(self, x: Any) -> Any | None:
        if not x.is_c_contiguous():
            return None
        interface = x.__cuda_array_interface__
        return described(interface["data"][0], (1, *x.shape), None, interface["typestr"])

    def can_write(self, x: Any) -> bool:
        return is_on_device(x)

    def host(self, x: Any, stream: Any) -> np.ndarray[Any, Any]:
        found: np.ndarray[Any, Any] = x.copy_to_host(stream=stream)
        if stream:
            stream.synchronize()
        return found

    def run(
        self, source: Any, name: str, blocks: Any, threads: Any, arguments: Sequence[Any], stream: Any,
        wraparound: bool = False, launch_bounds: LaunchBounds = None,
    ) -> None:  # fmt: skip
        dispatcher(source, name, launch_bounds)[blocks, threads, stream](*arguments)


@functools.lru_cache(maxsize=1024)
def described(address: int, shape: tuple[int, ...], strides: tuple[int, ...] | None, typestr: str) -> Any:
    """An array of `numba.cuda` in memory that somebody else owns. To make one takes longer than to start a kernel."""
    interface = {
        "version": 3, "data": (address, False), "shape": shape, "strides": strides, "typestr": typestr, "stream": None
    }  # fmt: skip
    return numba_cuda().from_cuda_array_interface(interface, owner=None, sync=False)


def fill_zero(array: Any, stream: Any) -> None:
    """Set the memory of a device array to zero."""
    from numba.cuda.cudadrv.driver import device_memset

    memset: Any = device_memset
    memset(array, 0, array.nbytes, stream=stream)


@functools.cache
def dispatcher(source: Any, name: str, launch_bounds: LaunchBounds = None) -> Any:
    """The kernel as an object of `numba.cuda`, which compiles it for each signature."""
    cuda = numba_cuda()
    if isinstance(source, str):
        return cuda.jit(getattr(load_module(source, name), name), launch_bounds=launch_bounds)
    return source if hasattr(source, "py_func") else cuda.jit(source)


def numba_cuda() -> Any:
    """The module `numba.cuda` of the package numba-cuda."""
    try:
        from numba import cuda

        importlib.import_module(
            "numba.cuda.cudaimpl"
        )  # what it compiles with: a release may be behind NumPy's
    except Exception as error:  # without its libraries it raises errors of its own
        raise CudaUnavailable(
            "`numba.cuda` cannot be imported", reason=str(error).strip().splitlines()[0], instead=EXTRAS
        ) from error
    if getattr(cuda, "implementation", "") != "NVIDIA":
        raise CudaUnavailable(
            "the package numba-cuda is not installed",
            reason="kernels are compiled and run by it",
            instead=f"{EXTRAS}; `srcdiff.cuda.emulated()` runs kernels without it, for tests",
        )
    teach()
    return cuda


@functools.cache
def teach() -> None:
    """Let `numba.cuda` compile kernels with `checkpoint`: forwards it changes nothing."""
    extending: Any = importlib.import_module("numba.cuda.extending")

    @extending.overload(checkpoint, target="cuda")  # type: ignore[untyped-decorator]
    def checkpoint_of(steps, every=None):  # type: ignore[no-untyped-def]
        return lambda steps, every=None: steps


DEFAULT = 1  # the number of the stream that all work is on by default


def streams_of(arrays: Iterable[Any]) -> list[int | None]:
    """For each array on a GPU the number of the stream that its owner works on: 0 for the default, None if unknown."""
    found: list[int | None] = []
    for given in arrays:
        x = given
        if isinstance(given, DeviceArray) and isinstance(given.owner, DlpackArray):
            x = given.owner.exporter  # its stream may be another one now
        interface = getattr(x, "__cuda_array_interface__", None)
        if not isinstance(x, DeviceArray) and is_dlpack_of_device(x, interface):
            found.append(stream_of_torch(x) if type(x).__module__.partition(".")[0] == "torch" else None)
        elif interface is not None:
            number = interface.get("stream") or 0
            found.append(0 if number == DEFAULT else int(number))
    return found


def stream_of_torch(x: Any) -> int:
    return int(sys.modules["torch"].cuda.current_stream(x.device).cuda_stream)


current: ContextVar[Machine | None] = ContextVar("machine", default=None)


def machine() -> Machine:
    """What kernels run on now."""
    chosen = current.get()
    if chosen is not None:
        return chosen
    return Emulator() if os.environ.get("SRCDIFF_CUDA_EMULATOR") else gpu()


@functools.cache
def gpu() -> Gpu:
    return Gpu()


@contextmanager
def emulated(order: np.random.Generator | None = None, blocks: int = 2) -> Iterator[Emulator]:
    """Run kernels in the emulator, on NumPy arrays.

    Parameters
    ----------
    order : numpy.random.Generator, optional
        Runs threads and blocks in a random order.
    blocks : int
        The most blocks that a batch is spread over.

    Examples
    --------
    >>> import numpy as np
    >>> from srcdiff.cuda import batch, emulated
    >>> with emulated():
    ...     batch(lambda x, y: x * y).grad(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    (array([3., 4.]), array([1., 2.]))
    """
    chosen = Emulator(order, blocks)
    token = current.set(chosen)
    try:
        yield chosen
    finally:
        current.reset(token)
