"""Write positions in a grid that are put together by hand as positions.

    t = threadIdx.x                                     i = position of the thread in the grid, along x
    i = blockIdx.x * blockDim.x + t            ->       stride = number of threads of the grid, along x
    stride = blockDim.x * gridDim.x

Then there is one way to say where a thread is, whoever wrote the kernel. Reads: structure, threads.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.structure import Structure, find_structure
from ..analysis.threads import AXES, Threads
from ..ir import types as ty
from ..ir.core import Function, Op, Value
from ..ir.walk import ops_within, substitute
from .fold import simplified

TEXTS = {
    "grid": "cuda.blockIdx.{0} * cuda.blockDim.{0} + cuda.threadIdx.{0}",
    "gridsize": "cuda.blockDim.{0} * cuda.gridDim.{0}",
}


def name_positions(function: Function) -> Function:
    """The function with an op `position` for each position in the grid that it computes."""
    structure = find_structure(function.body)
    threads = Threads(function, structure)
    known = {atom: value for value, atom in threads.atoms.items()}
    new: list[Op] = []
    found: dict[Value, Value] = {}
    for op in ops_within(function.body):
        atom = computed(op, threads, structure)
        if atom is None:
            continue
        if atom not in known:
            kind, axis = atom
            known[atom] = Value(op.result.name, ty.int64)
            text = TEXTS[kind].format(AXES[axis])
            new.append(Op("position", (), (known[atom],), (), {"text": text, "places": (atom,)}, op.location))
        found[op.result] = known[atom]
    if not found:
        return function
    body = substitute(function.body, found)
    return simplified(replace(function, body=replace(body, ops=(*new, *body.ops))))


def computed(op: Op, threads: Threads, structure: Structure) -> tuple[str, int] | None:
    """The position that an op computes from those of thread and block, if it does."""
    if op.primitive == "mul":
        return product(op, threads, "blocks", "gridsize")
    if op.primitive != "add":
        return None
    for a, b in (op.operands, op.operands[::-1]):
        thread, made = threads.atoms.get(a), structure.maker.get(b)
        if thread is not None and thread[0] == "thread" and made is not None and made.primitive == "mul":
            if product(made, threads, "block", "block") == ("block", thread[1]):
                return "grid", thread[1]
    return None


def product(op: Op, threads: Threads, kind: str, name: str) -> tuple[str, int] | None:
    """The product of such a position with the size of a block along the same axis, by a name for it."""
    for a, b in (op.operands, op.operands[::-1]):
        first, second = threads.atoms.get(a), threads.atoms.get(b)
        if first is not None and second is not None and first[0] == kind and second[0] == "blocksize":
            if first[1] == second[1]:
                return name, first[1]
    return None


__all__ = ["name_positions"]
