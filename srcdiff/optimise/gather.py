"""Let each thread collect what its neighbours owe to its element, instead of adding to theirs.

    i = cuda.grid(1)                          j = cuda.grid(1)
    if 0 < i < n - 1:                         if 0 < j < n - 1:
        g = out_bar[i]                 ->         u_sum += out_bar[j]
        u_bar[i - 1] += a * g                 i = j + 1
        u_bar[i] += g                         if i < cuda.gridsize(1) and 0 < i < n - 1:
        out_bar[i] = 0.0                          u_sum += a * out_bar[i]
                                              u_bar[j] += u_sum

For arrays that are read at constant distances from the thread's own element. It costs the work of a thread once more
for each distance, but needs no atomic addition and always sums in the same order. Nothing may be cleared meanwhile:
what is owed to the outputs is read by several threads, so a second kernel clears it. It needs a thread for each
element, which the caller checks when it knows the grid. An index must not be negative, which is proven by the
conditions around it. Reads: structure, affine forms, threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..analysis.affine import Affine, Linear
from ..analysis.ranges import Ranges
from ..analysis.structure import find_structure
from ..analysis.threads import Threads
from ..ir import types as ty
from ..ir.builder import Builder, constant, zero
from ..ir.core import Block, Function, Op, Value
from ..ir.walk import ops_within, rename_op, substitute
from .fold import simplified

Offset = tuple[int, ...]
REFUSED = (
    "for",
    "while",
    "alloc",
    "barrier",
    "require",
    "raise",
)  # too dear to do again, or not to be done twice


@dataclass(frozen=True)
class Gathered:
    """An adjoint in which threads collect.

    Attributes
    ----------
    function : its additions to `arrays` are to the element of the thread, whatever index they have
    clear : what clears the elements of shadows that were used up, if there are any
    arrays : shadows, and for each of their axes the axis of the grid
    """

    function: Function
    clear: Function | None
    arrays: dict[Value, tuple[int, ...]]


def gather_sums(function: Function, arrays: Sequence[Value]) -> Gathered | None:
    """Rewrite the additions to those of the arrays for which threads can collect; None if they can for none.

    Parameters
    ----------
    function : an adjoint without loops and tapes
    arrays : the shadows that threads would add to atomically
    """
    if not arrays or any(op.primitive in REFUSED for op in ops_within(function.body)):
        return None
    gathering = Gathering(function)
    if any(uses.stores and uses.sums for uses in map(gathering.threads.uses, gathering.shadows())):
        return None  # neighbours would read what is added to
    axes: dict[Value, tuple[int, ...]] = {}
    for array in arrays:
        found = gathering.axes_of(array)
        if found is not None:
            axes[array] = found
    return None if not axes else Gathered(gathering.rewritten(), gathering.clearing(), axes)


class Gathering:
    def __init__(self, function: Function) -> None:
        self.function = function
        self.structure = find_structure(function.body)
        self.threads = Threads(function, self.structure)
        self.ranges = Ranges(Affine(self.structure))
        self.offsets: dict[Op, Offset] = {}

    def axes_of(self, array: Value) -> tuple[int, ...] | None:
        """The axis of the grid along each axis of an array; None if it is not added to at constant distances."""
        if any(kind in ("thread", "block") for kind, _ in self.threads.atoms.values()):
            return None  # only positions in the whole grid can be shifted
        found: set[tuple[int, ...]] = set()
        offsets: dict[Op, Offset] = {}
        for op in (op for op in self.threads.accesses(array) if op.primitive == "accum"):
            parts = [self.shifted(index) for index in op.operands[1:-1]]
            axes, distances = [], []
            for part in parts:
                atom = self.threads.atoms.get(part[0]) if part is not None else None
                if part is None or atom is None or atom[0] != "grid" or not self.is_never_negative(*part, op):
                    return None
                axes.append(atom[1])
                distances.append(part[1])
            found.add(tuple(axes))
            offset = [0, 0, 0]
            for axis, distance in zip(axes, distances, strict=True):
                offset[axis] = distance
            offsets[op] = tuple(offset)
        if len(found) != 1:
            return None
        (axes_of_array,) = found
        if sorted(axes_of_array) != sorted(self.threads.axes):
            return None
        self.offsets.update(offsets)
        return axes_of_array

    def shifted(self, index: Value) -> tuple[Value, int] | None:
        """An index as a position and a distance from it."""
        if index in self.threads.atoms:
            return index, 0
        made = self.structure.maker.get(index)
        if made is None or made.primitive not in ("add", "sub") or not made.operands[1].is_constant:
            return None
        base, by = made.operands
        distance: int = by.constant if made.primitive == "add" else -by.constant
        return (base, distance) if base in self.threads.atoms else None

    def is_never_negative(self, position: Value, distance: int, op: Op) -> bool:
        """Whether an index is not negative where an op runs, by the conditions around it."""
        here = Linear(((position, 1),))
        return self.ranges.implied(here + Linear((), distance), [here, *self.ranges.at(op)])

    # -------------------------------------------------------------------------------------- rewriting

    def rewritten(self) -> Function:
        """The work of a thread for its own place, then for each distance that of the thread so far away."""
        distances = dict.fromkeys(self.offsets.values())
        distances.pop((0, 0, 0), None)
        body = self.function.body
        kept = {op for op in ops_within(body) if op.primitive == "accum"}
        kept -= {op for op in self.offsets if any(self.offsets[op])}
        own = self.only(kept)
        versions = dict(
            zip(self.shadows(), own.results[len(own.results) - self.function.written :], strict=True)
        )
        positions = [op for op in body.ops if op.primitive == "position"]
        with Builder() as builder:
            sizes = self.sizes(builder) if distances else ()
            for offset in distances:
                wanted = {op for op in self.offsets if self.offsets[op] == offset}
                self.at_a_distance(builder, offset, self.only(wanted), positions, versions, sizes)
        results = (*own.results[: len(own.results) - self.function.written], *versions.values())
        block = Block(body.parameters, (*own.ops, *builder.ops), results)
        return simplified(replace(self.function, body=block))

    def shadows(self) -> list[Value]:
        """The parameters whose last versions are results."""
        results = self.function.results[len(self.function.results) - self.function.written :]
        return [self.structure.origin(result) for result in results]

    def clearing(self) -> Function | None:
        """The stores alone."""
        stores = {op for op in ops_within(self.function.body) if op.primitive == "store"}
        if not stores:
            return None
        return simplified(replace(self.function, name=f"{self.function.name}_clear", body=self.only(stores)))

    def only(self, kept: set[Op]) -> Block:
        """The body without the other stores and additions."""
        gone: dict[Value, Value] = {}

        def visit(block: Block) -> Block:
            ops = []
            for op in block.ops:
                if op.primitive in ("store", "accum") and op not in kept:
                    gone[op.result] = gone.get(op.operands[0], op.operands[0])
                    continue
                ops.append(replace(op, regions=tuple(map(visit, op.regions))) if op.regions else op)
            return replace(block, ops=tuple(ops))

        return substitute(visit(self.function.body), gone)

    def at_a_distance(
        self,
        builder: Builder,
        offset: Offset,
        work: Block,
        positions: Sequence[Op],
        versions: dict[Value, Value],
        sizes: Sequence[Value],
    ) -> None:
        """The work of the thread that adds to the element of this one from a distance, if there is such a thread."""
        moved: dict[Value, Value] = {}
        inside = constant(True, ty.boolean)
        for op in positions:
            for value in op.results:
                kind, axis = self.threads.atoms[value]
                distance = offset[axis]
                if kind != "grid" or not distance:
                    moved[value] = value
                    continue
                away = constant(abs(distance), ty.int64)
                there = builder.emit("sub" if distance > 0 else "add", (value, away), ty.int64)
                first = builder.emit("le", (zero(ty.int64), there), ty.boolean)
                last = builder.emit("lt", (there, sizes[axis]), ty.boolean)
                fits = builder.emit("and", (first, last), ty.boolean)
                inside = fits if inside.is_constant else builder.emit("and", (inside, fits), ty.boolean)
                moved[value] = there
        mapping = {**moved, **versions}
        with Builder() as then:
            for op in work.ops:
                if op.primitive not in ("position", "reverse_sweep"):
                    then.append(rename_op(op, mapping))
        finals = [mapping.get(v, v) for v in work.results[len(work.results) - len(versions) :]]
        changed = [p for p, final in zip(versions, finals, strict=True) if final is not versions[p]]
        yields = [final for p, final in zip(versions, finals, strict=True) if p in changed]
        results = [Value(p.name, p.type) for p in changed]
        regions = (then.block((), yields), Block((), (), tuple(versions[p] for p in changed)))
        builder.region("if", (inside,), regions, results)
        versions.update(zip(changed, results, strict=True))

    def sizes(self, builder: Builder) -> tuple[Value, ...]:
        """The number of threads along each axis of the grid."""
        count = max(self.threads.axes) + 1
        results = tuple(Value(f"size{axis}" if count > 1 else "size", ty.int64) for axis in range(count))
        return builder.append(Op("position", (), results, (), {"text": f"cuda.gridsize({count})"}))


__all__ = ["Gathered", "gather_sums"]
