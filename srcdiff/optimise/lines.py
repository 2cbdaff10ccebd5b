"""Keep one row of an array that each trip of a loop uses only in its own row.

    shifted = np.empty((n, m))                     for i in range(n):
    for i in range(n):                                 shifted = np.empty(m)
        for j in range(m):                             for j in range(m):
            shifted[i, j] = math.exp(x[i, j])  ->          shifted[j] = math.exp(x[i, j])
        for j in range(m):                             for j in range(m):
            s += shifted[i, j] * y[j]                      s += shifted[j] * y[j]

Nests that share a trip (`rows.py`) leave many such arrays. A row stays in the nearest cache, nothing of it needs to be
kept for the next trip, and the sweeps of the loop may fuse. Reads: structure, affine forms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..analysis.affine import Affine, Linear
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Block, Function, Op, Value, indices_of, leaves_early, loop_body, loop_slots
from ..ir.walk import ops_within
from .align import same


@dataclass(frozen=True)
class Rows:
    """An allocation, the loop of which each trip uses one row alone, and the axis that its index is at."""

    made: Op
    loop: Op
    axis: int


def keep_lines(function: Function) -> Function:
    """Drop axes until no array has one that is only the index of a loop."""
    while True:
        affine = Affine(find_structure(function.body))
        rows = next(
            (r for op in ops_within(function.body) if (r := rows_of(op, function, affine)) is not None), None
        )
        if rows is None:
            return function
        function = replace(function, body=Lines(rows, affine).block(function.body))


def rows_of(made: Op, function: Function, affine: Affine) -> Rows | None:
    """What uses an array, if that is a loop whose trips have a row each."""
    structure = affine.structure
    if made.primitive != "alloc" or made.attributes.keys() - {"fill"} or made.result.type.ndim < 2:
        return None
    storage, depth = structure.storage(made.result), len(structure.around[made])
    if structure.is_mixed(made.result) or any(is_of(v, storage, affine) for v in function.results):
        return None
    loops: set[Op] = set()
    is_filled = False
    axes = set(range(made.result.type.ndim))
    for op in ops_within(function.body):
        touched = [k for k, v in enumerate(op.operands) if is_of(v, storage, affine)]
        if not touched or op.primitive == "shape":
            continue
        if op.primitive in ("for", "while", "if"):
            if structure.around[op] == structure.around[made]:
                loops.add(op)
            continue
        if (
            op.primitive not in ("load", "store")
            or touched != [0]
            or ty.is_array(op.result.type) != (op.primitive == "store")
        ):
            return None
        if len(indices_of(op)) < made.result.type.ndim or "slices" in op.attributes:
            return None
        around = structure.around[op]
        if len(around) == depth or around[depth].primitive != "for" or leaves_early(around[depth]):
            return None
        loops.add(around[depth])
        is_filled |= op.primitive == "store"
        own = Linear(((loop_body(around[depth]).parameters[0], 1),))
        axes &= {axis for axis, i in enumerate(indices_of(op)) if same(affine.form(i), own)}
    if len(loops) != 1 or not axes or not is_filled or made.attributes.get("fill") not in ("empty", "zeros"):
        return None
    (loop,) = loops
    if loop.primitive != "for":
        return None
    index = loop_body(loop).parameters[0]
    axes = {axis for axis in axes if is_certain(index, made.operands[axis], affine)}
    slots = [slot for slot in loop_slots(loop) if is_of(slot[0], storage, affine)]
    if not axes or len(slots) != 1 or slots[0][0] is not made.result:
        return None
    if any(is_of(v, storage, affine) for v in loop.results if v is not slots[0][3]):
        return None
    return Rows(made, loop, min(axes))


def is_certain(index: Value, length: Value, affine: Affine) -> bool:
    """Whether an index is in range and does not count from the end: then no two trips have the same row."""
    return affine.is_never_negative(index) and affine.is_positive(affine.form(length) - affine.form(index))


def is_of(value: Value, storage: Value, affine: Affine) -> bool:
    return ty.is_array(value.type) and affine.structure.storage(value) is storage


class Lines:
    """The rewriting: versions of the array become versions of its row."""

    def __init__(self, rows: Rows, affine: Affine) -> None:
        self.rows, self.affine = rows, affine
        self.storage = affine.structure.storage(rows.made.result)
        self.now: dict[Value, Value] = {}
        kept = [n for axis, n in enumerate(rows.made.operands) if axis != rows.axis]
        self.lengths = tuple(kept)
        self.type = ty.array(rows.made.result.type.dtype, len(kept))

    def version(self, value: Value) -> Value:
        if not is_of(value, self.storage, self.affine):
            return self.now.get(value, value)
        if value not in self.now:
            self.now[value] = Value(value.name, self.type)
        return self.now[value]

    def block(self, block: Block) -> Block:
        ops: list[Op] = []
        for op in block.ops:
            if op is self.rows.made:
                continue
            if op.primitive == "shape" and is_of(op.operands[0], self.storage, self.affine):
                self.now[op.result] = self.version(self.rows.made.operands[op.attributes["axis"]])
                continue
            ops.append(self.loop(op) if op is self.rows.loop else self.op(op))
        return Block(
            tuple(map(self.version, block.parameters)), tuple(ops), tuple(map(self.version, block.results))
        )

    def op(self, op: Op) -> Op:
        operands = list(map(self.version, op.operands))
        if op.primitive in ("load", "store") and is_of(op.operands[0], self.storage, self.affine):
            del operands[1 + self.rows.axis]
        regions = tuple(map(self.block, op.regions))
        return replace(
            op, operands=tuple(operands), regions=regions, results=tuple(map(self.version, op.results))
        )

    def loop(self, loop: Op) -> Op:
        """The loop, each trip of which makes a row."""
        slots = loop_slots(loop)
        k = next(n for n, slot in enumerate(slots) if slot[0] is self.rows.made.result)
        body = loop_body(loop)
        with Builder(self.rows.made.location) as builder:
            name = self.rows.made.result.name
            row = builder.emit("alloc", self.lengths, self.type, self.rows.made.attributes, name)
        self.now[slots[k][1]] = row
        inner = self.block(replace(body, parameters=()))
        left = [slot for n, slot in enumerate(slots) if n != k]
        parameters = (body.parameters[0], *(slot[1] for slot in left))
        results = tuple(self.version(slot[2]) for slot in left)
        region = Block(parameters, (*builder.ops, *inner.ops), results)
        operands = (*map(self.version, loop.operands[:3]), *(self.version(slot[0]) for slot in left))
        return replace(loop, operands=operands, regions=(region,), results=tuple(slot[3] for slot in left))


__all__ = ["keep_lines"]
