"""Order the axes of arrays of the function itself so that innermost loops go along the last one.

    q = np.empty((n, m))                       q = np.empty((m, n))
    for j in range(1, m):                      for j in range(1, m):
        for i in range(n):             ->          for i in range(n):
            q[i, j] = a * q[i, j - 1]                  q[j, i] = a * q[j - 1, i]

Nobody but the function sees in which order the elements of such an array lie in memory, if nothing of it is used but
its elements and lengths. Where loops stride over it, LLVM does not vectorise, and each access takes a line of the cache
for one element; what is owed to the array has the order of its axes as well. The axis that most accesses of the deepest
loops go along becomes the last one, if these are clearly more than those along the axis that is; loops of a few trips
speak for the last axis only. Reads: structure, affine forms.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.affine import Affine
from ..analysis.structure import Structure, find_structure
from ..ir.core import Function, Op, Value, indices_of, loop_body
from ..ir.walk import exchanged, ops_within

ACCESSES = ("load", "store")
DEEPER = 16.0  # trips of a loop: what an access counts more in it than around it
CLEARLY = 2.0  # times as many accesses
SHORT = 8  # trips: LLVM vectorises the loop around such a one


def order_axes(function: Function) -> Function:
    """Order the axes of the arrays that gain by it."""
    structure = find_structure(function.body)
    order = {
        array: (*(axis for axis in range(array.type.ndim) if axis != last), last)
        for array, last in last_axes(function, structure).items()
        if last != array.type.ndim - 1
    }
    if not order:
        return function
    new: dict[Op, list[Op]] = {}
    for op in ops_within(function.body):
        array = (
            structure.origin(op.result if op.primitive == "alloc" else op.operands[0])
            if op.operands
            else None
        )
        if array not in order or op.regions:
            continue
        axes = order[array]
        if op.primitive == "alloc":
            new[op] = [replace(op, operands=tuple(op.operands[axis] for axis in axes))]
        elif op.primitive == "shape":
            new[op] = [replace(op, attributes={**op.attributes, "axis": axes.index(op.attributes["axis"])})]
        else:
            where = indices_of(op)
            stored = op.operands[1 + len(where) :]
            new[op] = [replace(op, operands=(op.operands[0], *(where[axis] for axis in axes), *stored))]
    return replace(function, body=exchanged(function.body, new))


def last_axes(function: Function, structure: Structure) -> dict[Value, int]:
    """The arrays of which nothing but elements and lengths is used, with the axis that should be the last one."""
    affine = Affine(structure)
    along: dict[Value, list[float]] = {
        op.result: [0.0] * op.result.type.ndim
        for op in ops_within(function.body)
        if op.primitive == "alloc" and op.result.type.ndim > 1 and not structure.is_mixed(op.result)
    }
    for value in function.results:
        along.pop(structure.origin(value), None)
    for op in ops_within(function.body):
        for array in {structure.origin(v) for v in op.operands} & along.keys():
            is_access = op.primitive in ACCESSES and structure.origin(op.operands[0]) is array
            if is_access and len(indices_of(op)) == array.type.ndim:
                loops = [around for around in structure.around[op] if around.primitive in ("for", "while")]
                axis = axis_along(op, loops[-1], affine) if loops else None
                while loops and is_short(loops[-1]) and axis != array.type.ndim - 1:
                    loops.pop()
                    axis = axis_along(op, loops[-1], affine) if loops else None
                if axis is not None:
                    along[array][axis] += DEEPER ** len(loops)
            elif op.primitive not in ("shape", "for", "if", "while"):
                del along[array]
    best = {array: max(range(len(each)), key=each.__getitem__) for array, each in along.items()}
    return {array: axis for array, axis in best.items() if along[array][axis] > CLEARLY * along[array][-1]}


def is_short(op: Op) -> bool:
    """Whether an op is a loop of a few trips, which LLVM unrolls."""
    if op.primitive != "for":
        return False
    low, high, _ = op.operands[:3]
    return low.is_constant and high.is_constant and abs(high.constant - low.constant) < SHORT


def axis_along(access: Op, loop: Op, affine: Affine) -> int | None:
    """The axis that an access goes along from element to element while a loop runs, if it is one alone."""
    if loop.primitive != "for":
        return None
    step = loop.operands[2].constant if loop.operands[2].is_constant else 0
    moves = [affine.form(i).coefficient(loop_body(loop).parameters[0]) * step for i in indices_of(access)]
    moving = [axis for axis, by in enumerate(moves) if by]
    return moving[0] if len(moving) == 1 and abs(moves[moving[0]]) == 1 else None


__all__ = ["order_axes"]
