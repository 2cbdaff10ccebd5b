"""Run CUDA kernels without a GPU, and find what a GPU would not report.

    kernel = emulated_function(source, "scale")        # the text of a module, or a function
    launch(kernel, blocks=2, threads=32, arguments=(x, y))

Each thread of a block is a Python generator (`emulated_kernel.py`) that pauses where threads meet: at
`cuda.syncthreads()` and at warp shuffles. They run in turn, in any order that is asked for, in one thread of
the operating system. What is looked for:

- `RaceError`: two threads use one element of global or shared memory with nothing that orders them, one of them writes,
  and not both by atomic operations. What orders two threads of a block is a barrier; two blocks nothing does.
- `DivergentBarrier`: a barrier, or a shuffle, that not all threads reach.
- `IndexError`: an index that is negative or too large.

Shared and local memory starts as NaN. Arithmetic is NumPy's, with a float literal as float64, as Numba types it.

A kernel finds the device that `emulated_device.py` describes. Reads nothing of the rest of the package but the errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import DivergentBarrier
from .emulated_device import Index, Memory, Run
from .emulated_kernel import Kernel

__all__ = ["launch"]
WARP = 32


def launch(
    kernel: Kernel,
    blocks: int | Sequence[int],
    threads: int | Sequence[int],
    arguments: Sequence[Any],
    order: np.random.Generator | None = None,
    wraparound: bool = False,
) -> None:
    """Run a kernel over a grid, on NumPy arrays.

    Parameters
    ----------
    kernel : from `emulated_function`.
    blocks, threads : int or up to three of them
    arguments : arrays are read and written in place.
    order : numpy.random.Generator, optional
        Runs the threads of each block, and the blocks, in a random order.
    wraparound : bool
        Whether an index may be negative and counts from the end, as Numba has it.

    Raises
    ------
    RaceError, DivergentBarrier, IndexError
    """
    grid, shape = extent(blocks), extent(threads)
    run = Run(grid, shape, wraparound)
    function = kernel.build(run)
    given = [
        Memory(x, name, run, True) if isinstance(x, np.ndarray) else x
        for x, name in zip(arguments, kernel.parameters, strict=True)
    ]
    with np.errstate(all="ignore"):
        for block in shuffled(list(places(grid)), order):
            run.block, run.epoch, run.shared_arrays = block, 0, {}
            members = shuffled(list(places(shape)), order)
            if kernel.meets:
                Block(run, members, function, given).run_threads()
                continue
            for thread in members:
                run.thread = thread
                function(*given)


def extent(size: int | Sequence[int]) -> Index:
    sizes = (size,) if isinstance(size, (int, np.integer)) else tuple(size)
    return tuple(int(s) for s in (*sizes, 1, 1)[:3])


def places(shape: Index) -> Iterator[Index]:
    """All points of a grid, x fastest."""
    for index in np.ndindex(*reversed(shape)):
        yield tuple(reversed(index))


def shuffled(items: list[Index], order: np.random.Generator | None) -> list[Index]:
    return items if order is None else [items[k] for k in order.permutation(len(items))]


class Block:
    """The threads of one block, each run until it waits for others."""

    def __init__(self, run: Run, members: list[Index], function: Any, arguments: list[Any]) -> None:
        self.run = run
        self.live: dict[Index, Any] = {}
        self.size = len(members)
        for thread in members:
            run.thread = thread
            self.live[thread] = function(*arguments)
        self.events: dict[Index, Any] = {}
        self.messages: dict[Index, Any] = {}

    def run_threads(self) -> None:
        ready = list(self.live)
        while ready:
            for thread in ready:
                self.advance(thread)
            ready = self.released()

    def advance(self, thread: Index) -> None:
        """Run a thread up to the next point where it waits."""
        self.run.thread = thread
        try:
            self.events[thread] = self.live[thread].send(self.messages.pop(thread, None))
        except StopIteration:
            del self.live[thread]
            self.events.pop(thread, None)

    def released(self) -> list[Index]:
        """The threads that need wait no longer."""
        shuffling = [thread for thread in self.live if self.events[thread][0] == "shuffle"]
        if shuffling:
            return [thread for warp in self.warps(shuffling) for thread in self.exchange(warp)]
        lines = {self.events[thread][1] for thread in self.live}
        if self.live and (len(lines) > 1 or len(self.live) < self.size):
            raise DivergentBarrier(
                f"`cuda.syncthreads()` of line {' and '.join(map(str, sorted(lines)))} is reached by "
                f"{len(self.live)} of the {self.size} threads of block {self.run.block}"
                + (" at the same time" if len(lines) == 1 else ", at different lines")
            )
        self.run.epoch += 1
        return list(self.live)

    def rank(self, thread: Index) -> int:
        width, height, _ = self.run.threads
        return thread[0] + width * (thread[1] + height * thread[2])

    def warps(self, threads: list[Index]) -> list[list[Index]]:
        found: dict[int, list[Index]] = {}
        for thread in sorted(threads, key=self.rank):
            found.setdefault(self.rank(thread) // WARP, []).append(thread)
        return list(found.values())

    def exchange(self, warp: list[Index]) -> list[Index]:
        """One shuffle of a warp: each thread gets the value of the one `offset` lanes up, or keeps its own."""
        lines = {self.events[thread][1] for thread in warp}
        if len(warp) < WARP or len(lines) > 1:
            raise DivergentBarrier(
                f"a shuffle of line {min(lines)} is reached by {len(warp)} of the {WARP} threads of a warp"
            )
        values = [self.events[thread][2] for thread in warp]
        for lane, thread in enumerate(warp):
            source = lane + int(self.events[thread][3])
            self.messages[thread] = values[source] if source < WARP else values[lane]
        return warp
