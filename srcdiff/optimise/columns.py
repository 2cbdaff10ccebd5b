"""Keep a matrix by columns where the innermost loops go down its columns.

    a = x.copy()                                      a = np.empty((m, n))          # x.T, row by row
    for k in range(m):                                for i in range(n):
        for j in range(k + 1, m):                         for j in range(m):
            t = 0.0                                           a[j, i] = x[i, j]
            for i in range(n):                        for k in range(m):
                t += a[i, k] * a[i, j]       ->           for j in range(k + 1, m):
            for i in range(n):                                t = 0.0
                a[i, j] -= a[i, k] * t                        for i in range(n):
                                                                  t += a[k, i] * a[j, i]
                                                              for i in range(n):
                                                                  a[j, i] -= a[k, i] * t

Only matrices in memory of their own that is made in no loop, and that loops three deep go over: to copy them costs less
than that. Loops that strode would else be exchanged with those around them (`interchange.py`): where that is a nest
with nothing between its loops, over ranges of one length, it is as good, and all stays as it is. Where the loop around
gets shorter from trip to trip, or has several in it, the loops down whole columns are longer and less of them. Reads:
structure, affine forms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..analysis.affine import Affine
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Block, Function, Op, Value, indices_of, loop_body
from ..ir.nests import nest_over
from ..ir.walk import ops_within, shared

DEPTH = 3  # loops around what makes it worth the copies
ACCESSES = ("load", "store")
MADE = ("alloc", "copy", "zeros_like", "empty_like")


def keep_columns(function: Function) -> Function:
    found = Columns(function.body).worth_it()
    if not found:
        return function
    return replace(function, body=Transposition(function.body, found).whole(function.body))


class Columns:
    """How the loops of a body go over its matrices."""

    def __init__(self, body: Block) -> None:
        self.body, self.structure = body, find_structure(body)
        self.affine = Affine(self.structure)

    def worth_it(self) -> set[Value]:
        """The storages of matrices that are kept by columns."""
        found = {s for op in self.body.ops for s in self.own_matrix(op)}
        found -= set(self.read_whole())
        gone_over = {storage: self.deepest(storage) for storage in found}
        found = {storage for storage, ops in gone_over.items() if ops and self.all_down(ops)}
        while True:
            kept = {s for s in found if all(self.suits(op, found) for op in gone_over[s])}
            if kept == found:
                return found
            found = kept

    def own_matrix(self, op: Op) -> Iterator[Value]:
        """The storage of a matrix that an op makes."""
        if op.primitive in MADE and op.result.type.ndim == 2 and op.result.type.layout == "C":
            made_of = op.operands[:1] if op.primitive != "alloc" else ()
            if not op.attributes.get("shared_memory") and not any(map(self.structure.is_mixed, made_of)):
                if not self.structure.is_mixed(op.result):
                    yield self.structure.storage(op.result)

    def read_whole(self) -> Iterator[Value]:
        """The storages of arrays that are not only gone over by element."""
        for op in ops_within(self.body):
            if op.primitive in ("shape", "for"):
                continue
            arrays = [v for v in (*op.operands, *op.results) if ty.is_array(v.type)]
            if op.primitive in ACCESSES and len(indices_of(op)) == op.operands[0].type.ndim:
                continue
            if op.primitive in MADE:
                arrays = [v for v in op.operands if ty.is_array(v.type)]
            yield from map(self.structure.storage, arrays)
            for region in op.regions:
                yield from (self.structure.storage(v) for v in region.results if ty.is_array(v.type))

    def accesses(self, storage: Value) -> list[Op]:
        return [
            op
            for op in ops_within(self.body)
            if op.primitive in ACCESSES and self.structure.storage(op.operands[0]) is storage
        ]

    def loops(self, op: Op) -> list[Op]:
        return [loop for loop in self.structure.around[op] if loop.primitive in ("for", "while")]

    def deepest(self, storage: Value) -> list[Op]:
        """The accesses in the deepest loops that move along an axis."""
        moving = [op for op in self.accesses(storage) if self.way(op) is not None]
        depth = max((len(self.loops(op)) for op in moving), default=0)
        return [op for op in moving if len(self.loops(op)) == depth] if depth >= DEPTH else []

    def way(self, op: Op) -> str | None:
        """Whether the innermost loop goes `down` or `along` what an op accesses; None if it stays at an element."""
        loops = self.loops(op)
        if not loops or loops[-1].primitive != "for":
            return None
        index = loop_body(loops[-1]).parameters[0]
        steps = [self.affine.form(i).coefficient(index) for i in indices_of(op)]
        if not any(steps):
            return None
        return "along" if not any(steps[:-1]) else "down"

    def all_down(self, ops: list[Op]) -> bool:
        """Whether loops go down all these, and exchanged with those around them they would be shorter, or more."""
        if any(self.way(op) != "down" or self.moves_in_both(op) for op in ops):
            return False
        inner = [self.loops(op)[-2:] for op in ops]
        return any(self.is_shortened(around) or self.has_several(around) for around, _ in inner) and not any(
            self.is_shortened(loop) for _, loop in inner
        )

    def moves_in_both(self, op: Op) -> bool:
        index = loop_body(self.loops(op)[-1]).parameters[0]
        return self.affine.form(indices_of(op)[-1]).coefficient(index) != 0

    def is_shortened(self, loop: Op) -> bool:
        """Whether the range of a loop depends on loops around it."""
        if loop.primitive != "for":
            return False
        low, high = map(self.affine.form, loop.operands[:2])
        return any(self.structure.home.get(v) for form in (low, high) for v, _ in form.terms)

    def has_several(self, loop: Op) -> bool:
        return sum(op.primitive == "for" for region in loop.regions for op in region.ops) > 1

    def suits(self, op: Op, found: set[Value]) -> bool:
        """Whether the innermost loop around an access goes down no other matrix than those that are `found`."""
        return all(
            self.way(other) != "down" or self.structure.storage(other.operands[0]) in found
            for other in ops_within(loop_body(self.loops(op)[-1]))
            if other.primitive in ACCESSES
        )


class Transposition:
    """A body with some of its matrices by columns."""

    def __init__(self, body: Block, found: set[Value]) -> None:
        self.found, self.structure = found, find_structure(body)

    def whole(self, body: Block) -> Block:
        """The body with its results by rows."""
        made = self.block(body)
        with Builder() as builder:
            results = tuple(self.by_rows(builder, v) if self.is_found(v) else v for v in body.results)
        return Block(body.parameters, (*made.ops, *builder.ops), results)

    def by_rows(self, builder: Builder, matrix: Value) -> Value:
        lengths = [builder.emit("shape", (matrix,), ty.int64, {"axis": axis}) for axis in (1, 0)]
        start = builder.emit("alloc", lengths, matrix.type, {"fill": "empty"}, matrix.name)
        return transposed_into(builder, start, matrix, lengths)

    def is_found(self, value: Value) -> bool:
        return ty.is_array(value.type) and self.structure.storage(value) in self.found

    def block(self, block: Block) -> Block:
        ops = tuple(made for op in block.ops for made in self.transposed(op))
        return shared(block, block.parameters, ops, block.results)

    def transposed(self, op: Op) -> list[Op]:
        if op.regions:
            regions = tuple(map(self.block, op.regions))
            same = all(a is b for a, b in zip(regions, op.regions, strict=True))
            return [op if same else replace(op, regions=regions)]
        if op.primitive in MADE and self.is_found(op.result):
            return self.made(op)
        if op.primitive in ("shape", *ACCESSES) and self.is_found(op.operands[0]):
            if op.primitive == "shape":
                return [replace(op, attributes={**op.attributes, "axis": 1 - op.attributes["axis"]})]
            array, i, j, *value = op.operands
            return [replace(op, operands=(array, j, i, *value))]
        return [op]

    def made(self, op: Op) -> list[Op]:
        """What makes a matrix by columns."""
        if op.primitive == "alloc":
            return [replace(op, operands=op.operands[::-1])]
        (source,), type = op.operands, op.result.type
        fill = "zeros" if op.primitive == "zeros_like" else "empty"
        with Builder(op.location) as builder:
            lengths = [builder.emit("shape", (source,), ty.int64, {"axis": axis}) for axis in (0, 1)]
            if op.primitive != "copy":
                builder.append(
                    replace(op, primitive="alloc", operands=tuple(lengths[::-1]), attributes={"fill": fill})
                )
                return builder.ops
            start = builder.emit("alloc", lengths[::-1], type, {"fill": fill}, op.result.name)
            transposed_into(builder, start, source, lengths[::-1])
        return [*builder.ops[:-1], replace(builder.ops[-1], results=(op.result,))]


def transposed_into(builder: Builder, start: Value, source: Value, lengths: Sequence[Value]) -> Value:
    """Append loops that store the transpose of a matrix, row by row."""

    def store(builder: Builder, held: Value, places: tuple[Value, ...]) -> Value:
        element = builder.emit("load", (source, *places[::-1]), held.type.dtype)
        return builder.emit("store", (held, *places, element), held.type, name=held.name)

    return nest_over(builder, start, lengths, store)


__all__ = ["keep_columns"]
