"""Leave what is owed to the outputs of a kernel where it is.

    g = y_bar[i]                          g = y_bar[i]
    y_bar[i] = 0.0               ->       x_bar[i] += g * a
    x_bar[i] += g * a

That is a stream of memory less, and nobody has to fill the seeds again for the next call. It is right only where no
thread reads an element after it has used it up: where it writes each element once. Reads: structure, threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..analysis.threads import Threads
from ..errors import Location, UnsupportedConstruct
from ..ir.core import Function, Op, Value
from ..ir.walk import exchanged, substitute
from ..optimise.fold import simplified
from .dependences import is_initial

__all__ = ["with_seeds_left"]


def with_seeds_left(adjoint: Function, outputs: Sequence[Value], definition: Location) -> Function:
    """The adjoint without the stores by which it uses up what is owed to its outputs.

    `outputs` are the shadows of arrays that the kernel stores into and does not read.

    Raises
    ------
    UnsupportedConstruct
        Where a thread may read an element again.
    """
    threads = Threads(adjoint)
    dropped: list[Op] = []
    for shadow in outputs:
        ops = threads.accesses(shadow)
        for op in ops:
            if op.primitive == "load" and not reads_seed(op, shadow, threads):
                raise UnsupportedConstruct(
                    f"`retain_seeds` with `{shadow.name.removesuffix('_bar')}`",
                    op.location,
                    "a thread may write an element of it twice, and nothing is owed to what it wrote first",
                    "one store for each element, or an adjoint that uses its seeds up",
                    definition=definition,
                )
        dropped += [op for op in ops if op.primitive == "store"]
    return without(adjoint, dropped)


def reads_seed(load: Op, shadow: Value, threads: Threads) -> bool:
    """Whether an element is certainly what the caller has put there."""
    version = load.operands[0]
    if version is shadow:
        return True
    uses = threads.uses(shadow)
    return threads.owned([*uses.loads, *uses.stores]) is not None and is_initial(
        version, shadow, load, threads
    )


def without(function: Function, stores: Sequence[Op]) -> Function:
    """The function without some of its stores."""
    before = {op.result: op.operands[0] for op in stores}

    def first(value: Value) -> Value:
        while value in before:
            value = before[value]
        return value

    body = exchanged(function.body, {op: [] for op in stores})
    return simplified(replace(function, body=substitute(body, {value: first(value) for value in before})))
