"""What a kernel finds on the emulated device: memory whose uses are checked, the modules `cuda` and `math`.

    x[i] = 1.0                          `Memory`: the index is in range, and no other thread uses x[i] unordered
    cuda.shared.array(32, float64)      `Run`: one for the block, NaN at first
    math.sqrt(np.float32(2))            `Mathematics`: in single precision

A use of an element is ordered after those before a barrier of the block, never after those of another block.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from ..errors import RaceError

READ, WRITE, ATOMIC = 0, 1, 2
CONFLICTS = {READ: (WRITE, ATOMIC), WRITE: (READ, WRITE, ATOMIC), ATOMIC: (READ, WRITE)}
Index = tuple[int, ...]


class Uses:
    """Who has used an element in one way: enough of it to say whether a later use is ordered after all of them."""

    __slots__ = ("block", "epoch", "several_blocks", "several_threads", "thread")

    def __init__(self) -> None:
        self.block: Any = None
        self.several_blocks = False
        self.epoch = -1
        self.thread: Any = None
        self.several_threads = False

    def add(self, block: Any, epoch: int, thread: Any) -> None:
        self.several_blocks |= self.block is not None and self.block != block
        if self.block == block and self.epoch == epoch:
            self.several_threads |= self.thread != thread
        else:
            self.several_threads = False
        self.block, self.epoch, self.thread = block, epoch, thread

    def unordered_with(self, block: Any, epoch: int, thread: Any) -> bool:
        if self.block is None:
            return False
        if self.several_blocks or self.block != block:
            return True
        return self.epoch == epoch and (self.several_threads or self.thread != thread)


class Memory:
    """An array of global, shared or local memory whose uses are checked; a part of it shares its record."""

    def __init__(
        self,
        array: np.ndarray[Any, Any],
        name: str,
        run: Run,
        watched: bool,
        record: dict[Index, list[Uses]] | None = None,
        prefix: Index = (),
    ) -> None:
        self.array, self.name, self.run, self.watched = array, name, run, watched
        self.record = {} if record is None else record
        self.prefix = prefix
        self.shape, self.size, self.ndim, self.dtype = array.shape, array.size, array.ndim, array.dtype

    def __len__(self) -> int:
        return int(self.shape[0])

    def place(self, index: Any) -> Index:
        given = index if isinstance(index, tuple) else (index,)
        if len(given) > self.ndim:
            raise IndexError(f"{self.name} has {self.ndim} dimensions, {len(given)} indices were given")
        found = []
        for i, length in zip(given, self.shape, strict=False):
            k = int(i)
            if k < 0 and self.run.wraparound:
                k += length
            if not 0 <= k < length:
                raise IndexError(f"{self.name}{list(map(int, given))} is outside of shape {self.shape}")
            found.append(k)
        return tuple(found)

    def use(self, place: Index, way: int) -> None:
        if not self.watched:
            return
        run = self.run
        where = self.prefix + place
        uses = self.record.get(where)
        if uses is None:
            uses = self.record[where] = [Uses(), Uses(), Uses()]
        for other in CONFLICTS[way]:
            if uses[other].unordered_with(run.block, run.epoch, run.thread):
                kinds = ("a read", "a write", "an atomic addition")
                raise RaceError(
                    f"{self.name}{list(where)}: {kinds[way]} by thread {run.thread} of block {run.block} and "
                    f"{kinds[other]} by thread {uses[other].thread} of block {uses[other].block} are unordered"
                )
        uses[way].add(run.block, run.epoch, run.thread)

    def __getitem__(self, index: Any) -> Any:
        place = self.place(index)
        if len(place) < self.ndim:
            return Memory(
                self.array[place], self.name, self.run, self.watched, self.record, self.prefix + place
            )
        self.use(place, READ)
        return self.array[place]

    def __setitem__(self, index: Any, value: Any) -> None:
        place = self.place(index)
        if len(place) < self.ndim:
            raise IndexError(f"{self.name} has {self.ndim} dimensions, {len(place)} indices were given")
        self.use(place, WRITE)
        self.array[place] = value

    def atomically(self, index: Any, change: Callable[[Any], Any]) -> Any:
        place = self.place(index)
        self.use(place, ATOMIC)
        old = self.array[place]
        self.array[place] = change(old)
        return old


def uninitialised(shape: Any, dtype: Any) -> np.ndarray[Any, Any]:
    """What shared and local memory holds before it is written."""
    kind = np.dtype(getattr(dtype, "name", dtype))
    return np.full(
        shape, np.nan if kind.kind == "f" else np.iinfo(kind).min // 2 if kind.kind == "i" else 0, kind
    )


# Of the device's library: what kernels call, also in single precision.
LIBRARY = SimpleNamespace(
    **{
        name + f: getattr(np, name)
        for name in ("floor", "ceil", "trunc", "rint", "exp2", "cbrt", "fmod")
        for f in ("", "f")
    }
)


class Run:
    """One launch: where it is, and the module `cuda` as a kernel sees it there."""

    def __init__(self, blocks: Index, threads: Index, wraparound: bool) -> None:
        self.blocks, self.threads, self.wraparound = blocks, threads, wraparound
        self.block: Index = (0, 0, 0)
        self.thread: Index = (0, 0, 0)
        self.epoch = 0
        self.shared_arrays: dict[Any, Memory] = {}
        self.local = SimpleNamespace(array=self.local_array)
        self.shared = SimpleNamespace(array=self.shared_array)
        self.atomic = SimpleNamespace(
            add=lambda a, i, v: a.atomically(i, lambda old: old + v),
            max=lambda a, i, v: a.atomically(i, lambda old: max(old, v)),
        )

    libdevice = LIBRARY

    threadIdx = property(lambda self: point(self.thread))
    blockIdx = property(lambda self: point(self.block))
    blockDim = property(lambda self: point(self.threads))
    gridDim = property(lambda self: point(self.blocks))

    def grid(self, ndim: int) -> Any:
        places = tuple(b * d + t for b, d, t in zip(self.block, self.threads, self.thread, strict=True))
        return places[0] if ndim == 1 else places[:ndim]

    def gridsize(self, ndim: int) -> Any:
        sizes = tuple(b * d for b, d in zip(self.blocks, self.threads, strict=True))
        return sizes[0] if ndim == 1 else sizes[:ndim]

    def local_array(self, shape: Any, dtype: Any, site: Any) -> Memory:
        return Memory(uninitialised(shape, dtype), f"local array of line {site[1]}", self, False)

    def shared_array(self, shape: Any, dtype: Any, site: Any) -> Memory:
        if site not in self.shared_arrays:
            name = f"shared array of line {site[1]}"
            self.shared_arrays[site] = Memory(uninitialised(shape, dtype), name, self, True)
        return self.shared_arrays[site]


def point(index: Index) -> SimpleNamespace:
    return SimpleNamespace(x=index[0], y=index[1], z=index[2])


class Mathematics:
    """The module `math` on a device: results have the type of the operand, and nothing raises."""

    names: ClassVar[dict[str, Any]] = {
        "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2, "asinh": np.arcsinh,
        "acosh": np.arccosh, "atanh": np.arctanh, "pow": np.power, "fabs": np.abs,
    }  # fmt: skip

    def __getattr__(self, name: str) -> Any:
        found = self.names.get(name) or getattr(np, name, None)
        known = getattr(math, name)
        if not callable(known):
            return np.float64(known)
        if found is not None and name not in ("floor", "ceil", "trunc"):
            return found
        if name in ("floor", "ceil", "trunc"):
            return lambda x: int(known(x))

        def evaluate(x: Any) -> Any:
            kind = x.dtype.type if isinstance(x, np.floating) else np.float64
            try:
                return kind(known(float(x)))
            except OverflowError:
                return kind(math.inf)
            except ValueError:
                return kind(math.nan)

        return evaluate


__all__ = ["Index", "Mathematics", "Memory", "Run", "uninitialised"]
