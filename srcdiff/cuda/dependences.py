"""Refuse kernels whose threads depend on each other in ways that their adjoint does not follow.

    y[i] = y[i + 1] * 2.0       # CrossThreadDependence: it depends on which thread is first
    total[0] = s                # by every thread: `stored_by_several` says so, for the launch to count the threads

Reads: structure, affine forms, threads, uniformity.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..analysis.affine import Affine
from ..analysis.ranges import Ranges, conjuncts
from ..analysis.structure import find_structure
from ..analysis.threads import Threads
from ..analysis.uniform import Uniformity
from ..errors import CrossThreadDependence, UnsupportedConstruct
from ..ir import types as ty
from ..ir.core import Function, Op, Value, indices_of, loop_slots
from ..ir.walk import ops_within, uses_in
from ..optimise.reorder import indices_in

__all__ = [
    "axes_told_apart",
    "check_dependences",
    "check_failures",
    "is_initial",
    "read_by",
    "stored_by_several",
    "written_by",
]


def written_by(function: Function) -> set[int]:
    """The parameters, by number, that a kernel stores into or adds to."""
    structure = find_structure(function.body)
    return {k for k, p in enumerate(function.parameters) if structure.stores.get(structure.storage(p))}


def read_by(adjoint: Function, parameters: Sequence[Value]) -> set[int]:
    """The arrays of the kernel, by number, whose elements an adjoint reads."""
    structure = find_structure(adjoint.body)
    read = {structure.storage(op.operands[0]) for op in ops_within(adjoint.body) if op.primitive == "load"}
    return {k for k, p in enumerate(parameters) if ty.is_array(p.type) and structure.storage(p) in read}


def stored_by_several(function: Function) -> Op | None:
    """A store by which several threads of a block store into one element, which only a block of one thread may do."""
    threads = Threads(function)
    uniformity = Uniformity(function, threads)
    ranges = Ranges(Affine(threads.structure))
    for op in ops_within(function.body):
        if op.primitive != "store" or not is_shared(op.operands[0], function, threads):
            continue
        if any(index in uniformity.varying for index in indices_of(op)):
            continue
        around = threads.structure.around[op]
        if all(
            several_enter(a, b, uniformity, ranges) for a, b in zip(around, (*around, op)[1:], strict=True)
        ):
            return op
    return None


def several_enter(outer: Op, inner: Op, uniformity: Uniformity, ranges: Ranges) -> bool:
    """Whether all threads of a block come to what is inside an op, or all up to one that is not the first."""
    if uniformity.all_reach(outer):
        return True
    structure = uniformity.structure
    holds = structure.arm[inner] == 0
    tests = conjuncts(structure.maker, outer.operands[0], holds) if outer.primitive == "if" else None
    if tests is None:
        return False
    for fact in (fact for test, holds in tests for fact in ranges.follows(test, holds)):
        own = [(value, c) for value, c in fact.terms if value in uniformity.varying]
        if not all(value in uniformity.positions and c < 0 for value, c in own):
            return False
        if len(own) == len(fact.terms) and fact.constant + sum(c for _, c in own) < 0:
            return False
    return True


def axes_told_apart(function: Function) -> tuple[frozenset[int], frozenset[int]]:
    """Along which axes a block may have several threads, and a grid several blocks, that do not all store alike."""
    threads = Threads(function)
    used = set(uses_in(function.body))
    atoms = [atom for value, atom in threads.atoms.items() if value in used]
    arrays = [op.operands[0] for op in ops_within(function.body) if op.primitive == "store"]
    stored = [array for array in arrays if is_shared(array, function, threads)]
    of_all = [array for array in stored if not threads.structure.is_in_shared_memory(array)]
    of_threads = {axis for kind, axis in atoms if kind in ("grid", "thread")} if stored else range(3)
    of_blocks = {axis for kind, axis in atoms if kind in ("grid", "block")} if of_all else range(3)
    return frozenset(of_threads), frozenset(of_blocks)


def is_shared(array: Value, function: Function, threads: Threads) -> bool:
    """Whether an array is one that threads have in common."""
    structure = threads.structure
    return structure.is_in_shared_memory(array) or structure.origin(array) in function.parameters


def check_failures(adjoint: Function) -> None:
    """Refuse what makes a thread end early while others wait for it at a barrier.

    Raises
    ------
    UnsupportedConstruct
    """
    ops = list(ops_within(adjoint.body))
    if not any(op.primitive == "barrier" for op in ops):
        return
    uniformity = Uniformity(adjoint, Threads(adjoint))
    for op in ops:
        if uniformity.ends_some(op):
            around = uniformity.structure.around[op]
            is_tape = op.primitive == "ensure" or op.attributes.get("error") == "TapeOverflowError"
            what = "a tape of unknown length" if is_tape else "an error of a single thread"
            raise UnsupportedConstruct(
                f"{what} in a kernel with `cuda.syncthreads()`",
                next((o.location for o in (op, *reversed(around)) if o.location is not None), None),
                "the other threads would wait for one that has failed",
                "loops with as many trips in every thread, and no `raise` or `assert`",
            )


def check_dependences(function: Function, distinct: Collection[Value] = ()) -> None:
    """Refuse a kernel in which what a thread reads may depend on when others write.

    `distinct` are the parameters whose elements all differ.

    Raises
    ------
    CrossThreadDependence
    UnsupportedConstruct
        For an element that a thread reads back after it has written it.
    """
    threads = Threads(function, distinct=distinct)
    structure = threads.structure
    for op in ops_within(function.body):
        if op.attributes.get("shared_memory") and structure.is_mixed(op.result):
            raise UnsupportedConstruct(
                "shared memory with a name that may be another array",
                op.location,
                "which elements two threads use at once is not known then",
                "one name for each array: two steps in one trip instead of arrays that swap",
            )
    for array in function.parameters:
        uses = threads.uses(array) if ty.is_array(array.type) else None
        if uses is None or not (uses.stores or uses.sums):
            continue
        ops = threads.accesses(array)
        if structure.is_mixed(array):
            raise UnsupportedConstruct(
                f"the array `{array.name}` of a kernel has another name that may be a different array",
                ops[0].location,
                instead="one name for each array",
            )
        last = next(op for op in reversed(ops) if op.primitive != "load")
        if array in function.parameters[len(function.parameters) - function.hidden :]:
            raise UnsupportedConstruct(
                f"`{array.name}` is written, which the kernel does not have as an argument",
                last.location,
                "arrays of the surroundings are constants of a kernel",
                "the array as an argument",
            )
        if uses.stores and uses.sums:
            raise CrossThreadDependence(
                f"`{array.name}` is stored into and added to atomically in one kernel",
                last.location,
                "the sums depend on which thread is first",
                "two kernels",
            )
        if not uses.loads:
            continue
        reading = next(op for op in ops if op.primitive == "load")
        if uses.sums or threads.owned([*uses.loads, *uses.stores]) is None:
            raise CrossThreadDependence(
                f"`{array.name}` is written in this kernel and read where other threads may write",
                reading.location,
                "what is read depends on which thread is first",
                "another array for the output, or two kernels",
            )
        for op in ops:
            if op.primitive == "load" and not is_initial(op.operands[0], array, op, threads):
                raise UnsupportedConstruct(
                    f"an element of `{array.name}` is read back after the thread has written it",
                    op.location,
                    "the adjoint reads arrays as they were before the kernel",
                    "the value in a variable, stored once at the end",
                )


def is_initial(version: Value, array: Value, reading: Op, threads: Threads) -> bool:
    """Whether the element that is read from a version of an array is still what it was before the kernel."""
    if version is array:
        return True
    loop = threads.structure.maker.get(version)
    if loop is not None and loop.primitive == "store":
        before, *where, _ = loop.operands
        return differ(where, reading.operands[1:]) and is_initial(before, array, reading, threads)
    if loop is None or loop.primitive != "for":
        return False
    # Each trip has an element of its own: those before have written other ones.
    indices = set(indices_in(loop, threads.structure)).intersection(reading.operands[1:])
    own = any(threads.atom(index) is not None for index in indices)
    start = next((i for i, parameter, _, _ in loop_slots(loop) if parameter is version), None)
    return own and start is not None and is_initial(start, array, reading, threads)


def differ(a: Sequence[Value], b: Sequence[Value]) -> bool:
    """Whether two indices are certainly those of different elements."""
    return any(
        x.is_constant and y.is_constant and x.constant != y.constant for x, y in zip(a, b, strict=True)
    )
