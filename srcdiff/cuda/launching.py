"""What batches and adjoint kernels share when they are started: tapes, partial sums, and what a kernel reports."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from math import prod
from typing import Any

import numpy as np

from .. import linking
from ..arguments import Signature
from ..emit.cuda import Kernel
from ..emit.thread_sums import add_parts_source
from ..errors import TapeOverflowError
from ..frontend.captures import fetched, same_known
from ..frontend.program import Program
from ..ir import types as ty
from ..ir.core import Function, Value
from ..optimise.thread_arrays import ThreadTapes
from .device import Machine

__all__ = ["allocate_tapes", "host_function", "is_current", "parted", "raise_failure"]


def is_current(program: Program) -> bool:
    """Whether what was taken as known when a function was read is still the same."""
    return all(same_known(fetched(where), known) for where, known in program.statics)


def host_function(lengths: Function) -> Any:
    """The lengths of the tapes as a Python function of the arguments."""
    space: dict[str, Any] = {}
    text = linking.print_function(lengths, results="(" + "{}, " * len(lengths.results) + ")")
    exec(compile(text, f"<{lengths.name}>", "exec"), space)
    return space[lengths.name]


def allocate_tapes(
    placed: ThreadTapes, lengths: Any, known: Mapping[Value, Any], threads: int, at: Machine, stream: Any
) -> list[Any]:
    """The tapes that do not fit into the memory of a thread, with their last axis along the threads."""
    found = iter(lengths(*(known[p] for p in placed.lengths.parameters)))
    return [
        at.empty(
            (*(int(next(found)) for _ in range(tape.type.ndim - 1)), threads),
            ty.numpy_dtype(tape.type),
            stream,
        )
        for tape in placed.tapes
    ]


@contextmanager
def parted(
    arrays: Sequence[Any], is_parted: Sequence[bool], blocks: int, at: Machine, stream: Any
) -> Iterator[list[Any]]:
    """The arrays that a kernel writes as it takes them: those that blocks add to with a first axis of partial sums.

    In the end those sums are added to their arrays.
    """
    arguments, sums = [], []
    with ExitStack() as held:
        for array, apart in zip(arrays, is_parted, strict=True):
            given = array
            if apart:
                count = at.parts(blocks, prod(array.shape))
                given = at.lifted(array) if count == 1 else None
                if given is None:
                    given = held.enter_context(at.scratch((count, *array.shape), array.dtype, stream))
                    sums.append((given, array))
            arguments.append(given)
        yield arguments
        for parts, array in sums:
            if elements := prod(array.shape):
                source = add_parts_source(ty.from_dtype(np.dtype(array.dtype)), array.ndim)
                at.run(source, "add_parts", elements, 32, [parts, array], stream)


def raise_failure(kernel: Kernel, status: int, signature: Signature) -> None:
    """Raise what a kernel reported, if anything."""
    if not status:
        return
    failure = kernel.failures[status - 1]
    if failure.error == "TapeOverflowError":
        raise TapeOverflowError(
            failure.message, definition=signature.definition, instead="a larger `max_trips=`"
        )
    error = getattr(builtins, failure.error)
    raise error(failure.message)
