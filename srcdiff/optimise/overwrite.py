"""Let threads store what is owed to elements of their own instead of adding it to what the array holds.

    if i < n:                          if i < n:
        x_bar[i] += g * a        ->        x_bar[i] = g * a

Neither are zeros written beforehand nor read here. Only for arrays that are added to in one place, at an index that is
the thread's own; that every element is stored is found when the grid and the lengths are known: `Overwrite.covers`.
Reads: structure, affine forms, threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..analysis.affine import Affine, Linear
from ..analysis.ranges import Ranges, conjuncts
from ..analysis.threads import Threads
from ..ir.core import Function, Op, Value, loop_body
from ..ir.walk import exchanged


@dataclass(frozen=True, eq=False)
class Overwrite:
    """An addition that may become a store.

    Attributes
    ----------
    op : the addition
    axes : for each axis of the array that of the grid along it; None where a loop goes on by the size of the grid
    conditions : forms of the indices, of lengths and of numbers that are not negative where the addition is run
    lengths : what values in the conditions are lengths of: an array and an axis
    """

    op: Op
    axes: tuple[int | None, ...]
    conditions: tuple[Linear, ...]
    lengths: dict[Value, tuple[Value, int]]

    def covers(
        self, shape: Sequence[int], threads: Sequence[int], known: Callable[[Value, int | None], int]
    ) -> bool:
        """Whether a grid of so many threads along each axis runs the addition for all elements of an array.

        `known` gives the length of an array along an axis, and the value of a number.
        """
        if 0 in shape:
            return True
        used = [axis for axis in self.axes if axis is not None]
        if any(axis is not None and threads[axis] < n for axis, n in zip(self.axes, shape, strict=True)):
            return False
        strides = len(used) < len(self.axes)
        if not strides and any(n > 1 for axis, n in enumerate(threads) if axis not in used):
            return False
        ends = dict(zip(self.op.operands[1:-1], shape, strict=True))

        def least(value: Value, coefficient: int) -> int:
            if value in ends:
                return coefficient * (ends[value] - 1) if coefficient < 0 else 0
            array, axis = self.lengths.get(value, (value, None))
            return coefficient * known(array, axis)

        return all(form.constant + sum(least(v, c) for v, c in form.terms) >= 0 for form in self.conditions)


def find_overwrites(function: Function, arrays: Sequence[Value]) -> dict[Value, Overwrite]:
    """The arrays, of those that threads add to plainly, whose additions may become stores."""
    threads = Threads(function)
    affine = Affine(threads.structure)
    found = {array: overwrite_of(function, array, threads, affine) for array in arrays}
    return {array: overwrite for array, overwrite in found.items() if overwrite is not None}


def overwrite_of(function: Function, array: Value, threads: Threads, affine: Affine) -> Overwrite | None:
    structure = threads.structure
    ops = threads.accesses(array)
    if len(ops) != 1 or ops[0].primitive != "accum":
        return None
    (op,) = ops
    indices = op.operands[1:-1]
    atoms = [threads.atom(index) for index in indices]
    if any(atom is None or atom[0] != "grid" for atom in atoms) or len(set(atoms)) < len(atoms):
        return None
    axes = tuple(
        atom[1] if affine.loop_of(index) is None and atom is not None else None
        for index, atom in zip(indices, atoms, strict=True)
    )
    conditions = conditions_of(op, indices, affine)
    if conditions is None:
        return None
    parameters = set(function.parameters)
    lengths: dict[Value, tuple[Value, int]] = {}
    for value in (v for form in conditions for v, _ in form.terms if v not in indices):
        if value in affine.length_of and structure.origin(affine.length_of[value][0]) in parameters:
            of, axis = affine.length_of[value]
            lengths[value] = structure.origin(of), axis
        elif value not in parameters:
            return None
    return Overwrite(op, axes, tuple(conditions), lengths)


def conditions_of(op: Op, indices: Sequence[Value], affine: Affine) -> list[Linear] | None:
    """The forms that are not negative exactly where an addition is run; None if there is more to it."""
    structure, ranges = affine.structure, Ranges(affine)
    around = structure.around[op]
    found: list[Linear] = []
    for outer, inner in zip(around, (*around, op)[1:], strict=True):
        if outer.primitive == "if":
            tests = conjuncts(structure.maker, outer.operands[0], structure.arm[inner] == 0)
            if tests is None:
                return None
            found += [fact for test, holds in tests for fact in ranges.follows(test, holds)]
        elif outer.primitive == "for" and loop_body(outer).parameters[0] in indices:
            last = affine.form(outer.operands[1]) - Linear(((loop_body(outer).parameters[0], 1),), 1)
            found.append(last)
        else:
            return None
    return found


def with_stores(function: Function, overwrites: Sequence[Overwrite]) -> Function:
    """The function with stores in place of those additions."""
    stores = {overwrite.op: [replace(overwrite.op, primitive="store")] for overwrite in overwrites}
    return replace(function, body=exchanged(function.body, stores))


__all__ = ["Overwrite", "find_overwrites", "with_stores"]
