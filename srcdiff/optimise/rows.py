"""Go over the rows of a matrix once where two nests do.

    for i in range(n):                         for i in range(n):
        total = 0.0                                total = 0.0
        for j in range(m):                         for j in range(m):
            total += a[i, j] * x[j]                    total += a[i, j] * x[j]
        y[i] = total                    ->         y[i] = total
    for i in range(n):                             for j in range(m):
        for j in range(m):                             z[j] = z[j] + a[i, j] * y[i]
            z[j] = z[j] + a[i, j] * y[i]

A matrix that is larger than the caches is read once, and in the adjoint what is owed to it is written once. What stands
between the nests goes above them, or behind them if it waits for the first one. Trip i of the second nest then runs
before the later trips of the first one: affine analysis has to show that it reads nothing that those store, and stores
nothing that they read or store. Their inner loops are joined by `join.py`, if they can be; every sum gets the same
terms in the same order. Only where the nests are in no other loop, in which matrices are often small, and do nothing
but to go over the matrix: a nest that goes over its rows again and again gains nothing. Reads: structure, affine forms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..analysis.affine import Affine, Linear
from ..ir import types as ty
from ..ir.core import (
    Block,
    Function,
    Op,
    Value,
    indices_of,
    is_number,
    leaves_early,
    loop_body,
    written_in_place,
)
from ..ir.walk import free_values_of, ops_of, ops_within
from ..primitives import REGISTRY
from .align import same
from .fold import simplified
from .join import ACCESSES, MOVABLE, Joiner, exchanged, is_steady, join_loops, together
from .lines import keep_lines

SHAPED = ("shape", "zeros_like", "empty_like", "for")  # what does not read elements of its operands itself
BETWEEN = {*MOVABLE, *SHAPED, *REGISTRY, "copy", "require"}
INSIDE = {*MOVABLE, *REGISTRY, "for", "require", "stop_gradient", "attach"}


def share_rows(function: Function) -> Function:
    """Join nests over the rows of one matrix until no two can be joined, then the loops in them."""
    refused: set[tuple[Op, Op]] = set()
    indices: set[Value] = set()
    shared = function
    while (body := joined(shared.body, refused, indices)) is not None:
        shared = replace(function, body=body)
    return function if shared is function else simplified(join_loops(keep_lines(simplified(shared))))


def joined(body: Block, refused: set[tuple[Op, Op]], indices: set[Value]) -> Block | None:
    """The body with two nests joined; None if no two can be. `indices` are those of loops that have been joined, whose
    bodies are looked at as well."""
    joiner = Joiner(body, set())
    for block in blocks(body, indices):
        nests = [k for k, op in enumerate(block.ops) if is_nest(op, joiner.affine)]
        # Neighbours first, from the end: what one nest makes for the next one alone then needs no memory.
        for n, k in reversed([*enumerate(nests)]):
            for at in nests[n + 1 :]:
                pair = block.ops[k], block.ops[at]
                if pair in refused:
                    continue
                made = Pair(joiner, *pair, block.ops[k + 1 : at]).joined()
                if made is not None:
                    above, loop, behind = made
                    indices.add(loop_body(loop).parameters[0])
                    ops = (*block.ops[:k], *above, loop, *behind, *block.ops[at + 1 :])
                    return exchanged(body, block, replace(block, ops=ops))
                refused.add(pair)
    return None


def blocks(block: Block, indices: set[Value]) -> Iterator[Block]:
    """A block, and the bodies of loops with these indices in it."""
    yield block
    for op in block.ops:
        if op.primitive == "for" and loop_body(op).parameters[0] in indices:
            yield from blocks(loop_body(op), indices)


def is_nest(op: Op, affine: Affine) -> bool:
    """Whether an op is a loop with loops in it that only compute, load and store."""
    if not any(inner.primitive == "for" for region in op.regions for inner in region.ops):
        return False
    return all(
        inner.primitive in INSIDE
        and is_plain(inner)
        and (inner.primitive != "require" or is_steady(inner.operands[0], op, affine))
        for inner in ops_of(op)
    )


def stores_behind_loops(block: Block) -> Iterator[Op]:
    """The stores in a nest that have a loop beside them."""
    loops = [op for op in block.ops if op.primitive == "for"]
    for loop in loops:
        yield from stores_behind_loops(loop_body(loop))
    if loops:
        yield from (op for op in block.ops if op.primitive == "store")


def is_plain(op: Op) -> bool:
    """Whether a loop goes up by one to its end, and an access is to one element."""
    if op.primitive == "for":
        return is_number(op.operands[2], 1) and not leaves_early(op) and not op.attributes.get("descending")
    return op.primitive not in ACCESSES or len(indices_of(op)) == op.operands[0].type.ndim


def depth(nest: Op) -> int:
    """How many loops are in each other, at most."""
    return 1 + max((depth(op) for op in loop_body(nest).ops if op.primitive == "for"), default=0)


@dataclass(frozen=True)
class Pair:
    """Two nests, and the ops between them."""

    joiner: Joiner
    first: Op
    second: Op
    between: Sequence[Op]

    def joined(self) -> tuple[list[Op], Op, list[Op]] | None:
        """The ops above the joined nest, that, and the ops behind it."""
        joiner = self.joiner
        if not joiner.same_range(self.first, self.second) or not self.share_rows():
            return None
        if any(r in free_values_of(self.second) for r in self.first.results if not ty.is_array(r.type)):
            return None
        parted = self.parted()
        if parted is None or not joiner.in_order(self.first, self.second):
            return None
        above, behind = parted
        if not self.is_worth_more():
            return None
        return above, together(self.first, self.second), behind

    def is_worth_more(self) -> bool:
        """Of a nest that stores nothing both sweeps may become one (`fuse.py`), which is worth more than to share rows,
        unless the other nest makes rows for it alone, and it waits for what an inner loop finds of a row."""
        first, second = self.written(self.first), self.written(self.second)
        if first and second:
            return True
        structure = self.joiner.structure
        handed_on = first & self.touched(self.second)
        of_rows = {structure.storage(op.operands[0]) for op in stores_behind_loops(loop_body(self.first))}
        inside = {*ops_of(self.first), *ops_of(self.second)}
        return not of_rows.isdisjoint(handed_on) and all(
            op in inside or op.primitive in SHAPED
            for op in ops_within(self.joiner.body)
            if any(ty.is_array(v.type) and structure.storage(v) in handed_on for v in op.operands)
        )

    def share_rows(self) -> bool:
        """Whether both nests go along the same rows, or columns, of an array."""
        return not self.rows(self.first).isdisjoint(self.rows(self.second))

    def rows(self, nest: Op) -> set[tuple[Value, int]]:
        """The arrays, with the axis that the index of a nest is at, over whose elements the nest goes once."""
        affine, structure = self.joiner.affine, self.joiner.structure
        index = loop_body(nest).parameters[0]
        own = Linear(((index, 1),))
        inner = {loop_body(op).parameters[0] for op in ops_within(loop_body(nest)) if op.primitive == "for"}
        axes = depth(nest)
        found: set[tuple[Value, int]] = set()
        for op in ops_within(loop_body(nest)):
            if op.primitive not in ACCESSES:
                continue
            forms = [affine.form(i) for i in indices_of(op)]
            moved = [form for form in forms if any(v is index or v in inner for v, _ in form.terms)]
            if len(moved) == axes and any(v in inner for form in forms for v, _ in form.terms):
                storage = structure.storage(op.operands[0])
                found.update((storage, axis) for axis, form in enumerate(forms) if same(form, own))
        return found

    def parted(self) -> tuple[list[Op], list[Op]] | None:
        """What goes above the nests and what goes behind them; None where neither is possible."""
        above: list[Op] = []
        behind: list[Op] = []
        for op in self.between:
            if not all(inner.primitive in BETWEEN for inner in ops_of(op)):
                return None
            if not any(self.waits(op, other) for other in (self.first, *behind)):
                above.append(op)
            elif any(inner.primitive == "require" for inner in ops_of(op)):
                return None  # the second nest may only run if that holds
            else:
                behind.append(op)
        if any(self.waits(self.second, op) for op in behind):
            return None
        return above, behind

    def waits(self, op: Op, other: Op) -> bool:
        """Whether an op has to stay behind an earlier one."""
        if any(result in free_values_of(op) for result in other.results):
            return True
        written, touched = self.written(op), self.touched(op)
        return not written.isdisjoint(self.touched(other)) or not touched.isdisjoint(self.written(other))

    def touched(self, op: Op) -> set[Value]:
        """The storages of the arrays that an op reads or writes elements of."""
        read = (v for inner in ops_of(op) if inner.primitive not in SHAPED for v in inner.operands)
        return {self.joiner.structure.storage(v) for v in read if ty.is_array(v.type)}

    def written(self, op: Op) -> set[Value]:
        storage = self.joiner.structure.storage
        return {storage(v) for inner in ops_of(op) for v, _ in written_in_place(inner)}


__all__ = ["share_rows"]
