"""Write the adjoint kernel of a kernel, for one signature.

The adjoint of one thread is that of `pipeline.threaded`; how threads add to each shadow is decided by
`analysis/threads.py` and `analysis/meetings.py`, and `emit/adjoint_kernels.py` prints the kernel: once as it is, and
once more where threads can collect for their elements, or need not add to what the shadows hold.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .. import pipeline
from ..analysis.meetings import Meetings, with_atomic_sums
from ..analysis.threads import Accumulation, Threads
from ..arguments import Signature
from ..emit.adjoint_kernels import print_adjoint
from ..emit.cuda import Kernel
from ..errors import InternalError, SharedMemoryError
from ..frontend.program import Program
from ..ir import types as ty
from ..ir.core import Function, Op, Value
from ..ir.types import Type
from ..ir.walk import ops_within
from ..optimise.fold import simplified
from ..optimise.gather import Gathered, gather_sums
from ..optimise.lift import lift_sums
from ..optimise.overwrite import Overwrite, find_overwrites, with_stores
from ..optimise.thread_arrays import ThreadTapes, place_thread_arrays
from .arrays import Extent
from .dependences import axes_told_apart, check_failures, read_by, stored_by_several, written_by
from .launching import host_function
from .seeds import with_seeds_left

__all__ = ["Adjoint", "write_adjoint"]

WARPS, SHARED_MEMORY = 32, 48 * 1024  # of a block: at most, and bytes


@dataclass(frozen=True)
class Adjoint:
    """An adjoint kernel for one signature.

    Attributes
    ----------
    wrt : the arguments, by number, that have a shadow
    needed : the arrays, by number, whose values it reads
    written : those that the kernel writes
    accumulation : how threads add to the shadow of each argument, for those that they add to
    parted : the arguments, by number, to whose shadows blocks add: the kernel takes partial sums of those
    apart : along other axes a block must have one thread, and a grid one block: they would store alike
    collecting : the same, where neighbours need not add to each other's elements
    axes : for the shadows that threads collect for, by number, the axis of the grid along each of theirs
    storing : what the preferred kernel is where shadows need not be added to
    overwrites : for the shadows, by number, that it stores into without collecting: what elements it reaches
    choices : what `CudaKernel.choice` has found
    shared : how threads add to what is owed to arrays in shared memory
    threads : how many threads a block needs along some axes, to fill its tiles
    alone : what only a block of one thread may do
    """

    program: Program
    kernel: Kernel
    placed: ThreadTapes
    lengths: Any
    wrt: tuple[int, ...]
    needed: frozenset[int]
    written: frozenset[int]
    accumulation: dict[str, Accumulation]
    parted: frozenset[int]
    apart: tuple[frozenset[int], frozenset[int]]
    collecting: Kernel | None = None
    axes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)
    threads: dict[int, int] = field(default_factory=dict)
    alone: Op | None = None
    storing: Kernel | None = None
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    choices: dict[Any, tuple[Kernel, frozenset[int]]] = field(default_factory=dict)

    @functools.cached_property
    def dtypes(self) -> tuple[np.dtype[Any], ...]:
        """Of the shadows."""
        parameters = self.program.function.parameters
        return tuple(ty.numpy_dtype(parameters[k].type) for k in self.wrt)

    @property
    def preferred(self) -> Kernel:
        """The kernel for a grid with a thread for each element."""
        return self.collecting or self.kernel

    def fitting(self, primals: Sequence[Any], blocks: Extent, threads: Extent) -> Kernel:
        """The kernel for a grid: threads can only collect for all elements if there is one for each."""
        sizes = [b * t for b, t in zip(blocks, threads, strict=True)]
        covered = all(
            length <= sizes[axis]
            for k, axes in self.axes.items()
            for axis, length in zip(axes, primals[k].shape, strict=True)
        )
        used = {axis for axes in self.axes.values() for axis in axes}
        alone = all(size == 1 for axis, size in enumerate(sizes) if axis not in used)
        return self.preferred if covered and alone else self.kernel

    def stores_all(self, primals: Sequence[Any], blocks: Extent, threads: Extent) -> bool:
        """Whether a grid stores into all elements of those shadows that need not be added to."""
        sizes = [b * t for b, t in zip(blocks, threads, strict=True)]
        given = dict(zip(self.program.function.parameters, primals, strict=False))

        def known(value: Value, axis: int | None) -> int:
            return int(given[value] if axis is None else given[value].shape[axis])

        fits = self.fitting(primals, blocks, threads) is self.preferred
        return fits and all(
            each.covers(primals[k].shape, sizes, known) for k, each in self.overwrites.items()
        )


def write_adjoint(
    program: Program,
    wrt: tuple[int, ...],
    signature: Signature,
    distinct: Sequence[Value],
    *,
    max_trips: int | None,
    gather: bool,
    accumulate: bool,
    retain_seeds: bool,
) -> Adjoint:
    """Write the adjoint of a thread, decide how threads add up, print the kernel.

    Parameters
    ----------
    program, signature : of the kernel
    wrt : the arguments, by number, that have a shadow
    distinct : the parameters whose elements are promised to differ
    max_trips, gather, accumulate, retain_seeds : as in `kernel`
    """
    parameters = program.function.parameters
    threaded = pipeline.threaded(program.function, wrt, in_place=True)
    shadows = dict(zip(wrt, threaded.parameters[len(parameters) :], strict=True))
    simple = simplified(program.function)
    if retain_seeds:
        uses = {k: Threads(simple).uses(parameters[k]) for k in wrt if ty.is_array(parameters[k].type)}
        outputs = [shadows[k] for k, found in uses.items() if found.stores and not found.loads]
        threaded = with_seeds_left(threaded, outputs, signature.definition)
    uniform = [p for p in parameters if not ty.is_array(p.type)]
    placed = place_thread_arrays(threaded, uniform, max_trips)
    apart = axes_told_apart(simple)
    threads = Threads(placed.function, distinct=distinct, one_block=frozenset(range(3)) - apart[1])
    ways = accumulations(shadows, threads, signature)
    atomic, reduced, plain = (
        [shadows[k] for k, how in ways.items() if how.way == way] for way in ("atomic", "block", "plain")
    )
    summed, meetings = with_sums_of_warps(placed.function, threads, atomic)
    placed = replace(placed, function=with_atomic_sums(summed, meetings))
    check_failures(placed.function)
    check_shared_memory(placed.function, [shadow.type.dtype for shadow in reduced])
    doc = f"The adjoint of {signature.name} by {', '.join(signature.names[k] for k in wrt)}."

    def printed(function: Function, gathered: Gathered | None, accumulate: bool = True) -> Kernel:
        collected = {} if gathered is None else gathered.arrays
        others = [shadow for shadow in atomic if shadow not in collected]
        clear = None if gathered is None else gathered.clear
        return print_adjoint(function, others, reduced, placed.tapes, doc, collected, clear, accumulate)

    gathered = gather_sums(placed.function, atomic) if gather and not placed.tapes else None
    best = placed.function if gathered is None else gathered.function
    overwrites = {} if accumulate else find_overwrites(best, plain)
    storing = None
    if overwrites or (gathered is not None and not accumulate):
        storing = printed(with_stores(best, list(overwrites.values())), gathered, False)
    collected = {} if gathered is None else gathered.arrays
    return Adjoint(
        program,
        printed(placed.function, None),
        placed,
        host_function(placed.lengths) if placed.tapes else None,
        wrt,
        frozenset(read_by(placed.function, parameters)),
        frozenset(written_by(program.function)),
        {signature.names[k]: how for k, how in ways.items()},
        frozenset(k for k, how in ways.items() if how.way == "block"),
        apart,
        None if gathered is None else printed(best, gathered),
        {k: collected[shadow] for k, shadow in shadows.items() if shadow in collected},
        meetings.ways(),
        threads_needed(placed.function),
        stored_by_several(simple),
        storing,
        {k: overwrites[shadow] for k, shadow in shadows.items() if shadow in overwrites},
    )


def accumulations(
    shadows: Mapping[int, Value], threads: Threads, signature: Signature
) -> dict[int, Accumulation]:
    """How threads add to each shadow, of those that they add to."""
    found = {k: how for k, shadow in shadows.items() if (how := threads.accumulation(shadow)) is not None}
    for k, how in found.items():
        if how.way == "none":
            raise InternalError(
                f"the shadow of `{signature.names[k]}` is read and added to by several threads",
                definition=signature.definition,
            )
    return found


def with_sums_of_warps(
    adjoint: Function, threads: Threads, arrays: Sequence[Value]
) -> tuple[Function, Meetings]:
    """The adjoint in which warps sum what they can, and which of its additions are atomic; so are those to `arrays`."""
    meetings = Meetings(adjoint, threads, arrays)
    if not (meetings.atomic and meetings.whole):
        return adjoint, meetings
    several = [op for op in meetings.atomic if not meetings.is_of_one_thread(op)]
    lifted = lift_sums(adjoint, several, meetings.uniformity)
    return lifted, Meetings(lifted, Threads(lifted), arrays)


def threads_needed(adjoint: Function) -> dict[int, int]:
    """How many threads a block needs along each axis, so that it fills its tiles in shared memory."""
    needed: dict[int, int] = {}
    for op in ops_within(adjoint.body):
        for axis, count in op.attributes.get("threads", ()):
            needed[axis] = max(needed.get(axis, 1), count)
    return needed


def check_shared_memory(adjoint: Function, reduced: Sequence[Type]) -> None:
    """Refuse an adjoint that needs more shared memory than a block has without asking for more.

    `reduced` are the types of what is summed by blocks, for which each warp needs an element.

    Raises
    ------
    SharedMemoryError
    """
    arrays = [op for op in ops_within(adjoint.body) if op.attributes.get("shared_memory")]
    size = sum(WARPS * ty.numpy_dtype(type).itemsize for type in set(reduced))
    for op in arrays:
        size += ty.numpy_dtype(op.result.type).itemsize * math.prod(n.constant for n in op.operands)
    if arrays and size > SHARED_MEMORY:
        raise SharedMemoryError(
            f"the adjoint of shared memory: {size} bytes for each block",
            arrays[0].location,
            f"there are {SHARED_MEMORY}, and what is owed to an array needs as many bytes as the array",
            "a smaller tile",
        )
