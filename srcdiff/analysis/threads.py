"""Which thread of a grid uses which elements of an array, and how it may add to them.

    i = cuda.grid(1)
    x_bar[i] += ...        # plain: no other thread adds to this element
    c_bar[0] += ...        # block: every thread adds to the same element
    w_bar[k[i]] += ...     # atomic: it is not known which

An index *owns* an axis of the grid if threads that differ along this axis have different values of it: the position of
the thread, or the index of a loop that starts there and steps by the size of the grid. Elements at indices that own all
axes that the kernel uses belong to one thread. Reads: structure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from ..ir.core import Function, Op, Value, indices_of, loop_body
from ..ir.walk import ops_of, ops_within
from .structure import Structure, find_structure

AXES = "xyz"
SIZES = ("blocksize", "blocks", "gridsize", "ranks")  # of the grid: the same in all threads
Atom = tuple[
    str, int
]  # what an index is: ("grid", 0), ("block", 1), ("thread", 1), ("rank", 0) in a block; and sizes of grid and blocks


@dataclass(frozen=True)
class Accumulation:
    """How threads add to one array.

    Attributes
    ----------
    way : "plain", "block", "atomic", or "none" for an array of which other threads read or overwrite elements
    axes : of the grid, that plain additions rely on: along the others it must have one thread
    """

    way: str
    axes: frozenset[int] = frozenset()


@dataclass
class Uses:
    """The indices at which a kernel uses one array."""

    loads: list[tuple[Value, ...]] = field(default_factory=list)
    stores: list[tuple[Value, ...]] = field(default_factory=list)
    sums: list[tuple[Value, ...]] = field(default_factory=list)


class Threads:
    """The positions of threads in a kernel.

    `distinct` are the parameters whose elements all differ, `one_block` the axes along which the grid has one block.
    """

    def __init__(
        self,
        function: Function,
        structure: Structure | None = None,
        distinct: Collection[Value] = (),
        one_block: Collection[int] = (),
    ) -> None:
        self.function = function
        self.one_block = frozenset(one_block)
        self.distinct = frozenset(distinct)
        self.structure = structure or find_structure(function.body)
        self.atoms: dict[Value, Atom] = {}
        for op in function.body.ops:
            if op.primitive == "position":
                self.atoms.update(zip(op.results, atoms_of(op), strict=True))
        self.axes = frozenset(
            axis for kind, axis in self.atoms.values() if kind in ("grid", "block", "thread")
        )

    def accesses(self, array: Value) -> list[Op]:
        """The ops that use elements of an array."""
        return accesses(ops_within(self.function.body), array, self.structure)

    def uses(self, array: Value) -> Uses:
        """How the versions of a parameter are used."""
        found = Uses()
        for op in self.accesses(array):
            uses = {"load": found.loads, "store": found.stores, "accum": found.sums}
            uses[op.primitive].append(indices_of(op))
        return found

    def atom(self, index: Value) -> Atom | None:
        """What part of the position of a thread an index is."""
        if index in self.atoms:
            return self.atoms[index]
        made = self.structure.maker.get(index)
        if made is None:
            return None
        if made.primitive == "for" and index is loop_body(made).parameters[0]:
            low, _, step = made.operands[:3]
            return self.strided(low, step)
        if made.primitive == "add" and index in made.results:
            a, b = made.operands
            return self.sum_of(a, b) or self.sum_of(b, a)
        return self.picked(made) if made.primitive == "load" else None

    def picked(self, load: Op) -> Atom | None:
        """What an element of an array without equal elements is: another name for the position it is read at."""
        array = self.structure.origin(load.operands[0])
        if array not in self.distinct or len(load.operands) > 2:
            return None
        atom = self.atom(load.operands[1])
        return (f"grid by {array.name}", atom[1]) if atom is not None and atom[0] == "grid" else None

    def strided(self, low: Value, step: Value) -> Atom | None:
        """The indices `low, low + step, ...` of a loop over the work of a whole grid."""
        start, by = self.atom(low), self.atom(step)
        if start is not None and start[0] == "grid" and by == ("gridsize", start[1]):
            return start
        return None

    def sum_of(self, a: Value, b: Value) -> Atom | None:
        """`grid(1) + trip * gridsize(1)` of a loop."""
        start = self.atom(a)
        made = self.structure.maker.get(b)
        if start is None or start[0] != "grid" or made is None or made.primitive != "mul":
            return None
        for factor, other in (made.operands, made.operands[::-1]):
            if self.atom(factor) == ("gridsize", start[1]) and self.is_trip(other):
                return start
        return None

    def is_trip(self, value: Value) -> bool:
        made = self.structure.maker.get(value)
        return made is not None and made.primitive == "for" and value is loop_body(made).parameters[0]

    def owned(self, indices: Sequence[tuple[Value, ...]]) -> frozenset[int] | None:
        """The axes of the grid that all these indices own in the same place; None unless those are all it uses."""
        places = [
            {(k, atom) for k, index in enumerate(where) if (atom := self.atom(index)) is not None}
            for where in indices
        ]
        common = frozenset[tuple[int, Atom]].intersection(*map(frozenset, places)) if places else frozenset()
        found = {(kind.partition(" ")[0], axis) for _, (kind, axis) in common}
        found |= {("block", a) for a in self.one_block}
        axes = {a for a in range(3) if ("grid", a) in found or {("block", a), ("thread", a)} <= found}
        return frozenset(axes) if axes and axes >= self.axes else None

    def is_uniform(self, where: tuple[Value, ...]) -> bool:
        """Whether an index is the same in all threads, and known at the end of the kernel."""
        return all(index.is_constant for index in where)

    def accumulation(self, array: Value) -> Accumulation | None:
        """How threads may add to an array; None if they do not."""
        uses = self.uses(array)
        if not uses.sums:
            return None
        axes = self.owned([*uses.loads, *uses.stores, *uses.sums])
        if axes is not None:
            return Accumulation("plain", axes)
        if uses.loads or uses.stores:
            return Accumulation("none")
        return Accumulation("block" if all(map(self.is_uniform, uses.sums)) else "atomic")


def threads_that_fill(
    loop: Op, array: Value, structure: Structure, threads: Threads
) -> dict[int, int] | None:
    """How many threads a block needs along each axis so that every trip fills an array before it reads it.

    Before a trip reads the array, all threads store at the position of the thread in its block, for each constant
    among the indices of what is read, and nowhere else. None if that is not so. An element is read at an index below
    the length of its axis, or of a loop.
    """
    filled: list[tuple[Value, ...]] = []
    for op in loop_body(loop).ops:
        if any(inner.primitive in ("load", "accum") for inner in accesses(ops_of(op), array, structure)):
            break
        filled += stored_by_all(op, array, structure)
    needed: dict[int, int] = {}
    for op in accesses(ops_within(loop_body(loop)), array, structure):
        if op.primitive == "accum":
            return None
        if op.primitive == "store" and not all(
            i.is_constant or is_thread(i, threads) for i in indices_of(op)
        ):
            return None
        if op.primitive == "load":
            ways = (threads_for(op, where, structure, threads) for where in filled)
            found = next((way for way in ways if way is not None), None)
            if found is None:
                return None
            for axis, count in found.items():
                needed[axis] = max(needed.get(axis, 1), count)
    return needed


def is_thread(index: Value, threads: Threads) -> bool:
    """Whether an index is the position of the thread in its block along an axis."""
    atom = threads.atom(index)
    return atom is not None and atom[0] == "thread"


def accesses(ops: Iterable[Op], array: Value, structure: Structure) -> list[Op]:
    """Those of some ops that use elements of an array."""
    storage = structure.storage(array)
    elementwise = (op for op in ops if op.primitive in ("load", "store", "accum"))
    return [op for op in elementwise if structure.storage(op.operands[0]) is storage]


def stored_by_all(op: Op, array: Value, structure: Structure) -> list[tuple[Value, ...]]:
    """The indices at which an op that all threads run stores, whichever arm of an `if` they take."""
    if op.primitive == "store" and accesses([op], array, structure):
        return [indices_of(op)]
    if op.primitive != "if":
        return []
    then, otherwise = (
        [where for inner in region.ops for where in stored_by_all(inner, array, structure)]
        for region in op.regions
    )
    return [where for where in then if where in otherwise]


def threads_for(
    load: Op, stored: tuple[Value, ...], structure: Structure, threads: Threads
) -> dict[int, int] | None:
    """How many threads a block needs along each axis to have stored what a load reads; None if it may not have."""
    lengths = [n.constant for n in structure.maker[structure.origin(load.operands[0])].operands]
    needed: dict[int, int] = {}
    for index, own, length in zip(indices_of(load), stored, lengths, strict=True):
        atom = threads.atom(own)
        if own.is_constant and index.is_constant and own.constant == index.constant:
            continue
        if atom is None or atom[0] != "thread" or atom[1] in needed:
            return None
        count = beyond(index, atom[1], threads)
        needed[atom[1]] = length if count is None else min(count, length)
    return needed


def beyond(index: Value, axis: int, threads: Threads) -> int | None:
    """A constant that an index is always below, or 1 if it is that of a thread along an axis; None if it is neither."""
    if index.is_constant:
        return int(index.constant) + 1 if index.constant >= 0 else None
    if threads.atom(index) == ("thread", axis):
        return 1
    loop = threads.structure.maker.get(index)
    if loop is None or loop.primitive != "for" or index is not loop_body(loop).parameters[0]:
        return None
    low, high, step = loop.operands[:3]
    if not (low.is_constant and low.constant >= 0 and step.is_constant and step.constant > 0):
        return None
    if threads.atom(high) == ("blocksize", axis):
        return 1
    return max(int(high.constant), 1) if high.is_constant else None


def atoms_of(op: Op) -> list[Atom]:
    """What the results of a `position` are."""
    if "places" in op.attributes:
        return list(op.attributes["places"])
    text: str = op.attributes["text"]
    if match := re.fullmatch(r"cuda\.(grid|gridsize)\((\d)\)", text):
        return [(match[1], axis) for axis in range(int(match[2]))]
    name, _, axis = text.removeprefix("cuda.").partition(".")
    kinds = {"threadIdx": "thread", "blockIdx": "block", "blockDim": "blocksize", "gridDim": "blocks"}
    return [(kinds[name], AXES.index(axis))]


__all__ = ["Accumulation", "Threads", "Uses", "threads_that_fill"]
