"""Add what a nest adds to elements of an array in a nest of its own, behind all else that it does.

    for i in range(n):                                   for i in range(n):
        for j in range(m):                                   for j in range(m):
            for k in range(i):                                   c[i, j] = f * c[i, j]
                c[k, j] += a[i, k] * b[i, j]     ->      for i in range(n):
            c[i, j] = f * c[i, j]                            for j in range(m):
                                                                 for k in range(i):
                                                                     c[k, j] += a[i, k] * b[i, j]

Sums that are products of matrices (`multiply.py`) can be seen there. Affine analysis has to show that after each of the
additions the nest does not touch its element again but by others of them; each element gets its terms in the same
order. What is added is made again from indices and from arrays that the nest does not store into. Reads: structure,
affine forms.

R. Allen, K. Kennedy, "Optimizing Compilers for Modern Architectures", section 2.4.2 (loop distribution).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..analysis.overwrites import Overwrites
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Block, Op, Slot, Value, indices_of, is_number, loop_body, loop_slots, same_place
from ..ir.walk import exchanged, ops_of, rename_op, substitute, uses_in
from ..primitives import REGISTRY
from .interchange import is_plain_loop

PURE = ("load", "cast", "shape")


@dataclass(frozen=True)
class Separated:
    """A body with two nests instead of one: `nest` is the one of the additions, `rest` the other."""

    body: Block
    nest: Op
    rest: Op


def separations(body: Block, refused: set[Op]) -> Iterator[Separated]:
    """The ways to separate additions; `refused` are stores for which that was of no use, and it gets each one tried."""
    overwrites: Overwrites | None = None
    for root in body.ops:
        if not is_plain_loop(root):
            continue
        for store in ops_of(root):
            if store.primitive != "store" or store in refused:
                continue
            refused.add(store)
            overwrites = overwrites or Overwrites(find_structure(body))
            addition = Addition(overwrites, root, store)
            if addition.can_be_separate():
                yield addition.separated(body)


class Addition:
    """A store in a nest that adds to an element."""

    def __init__(self, overwrites: Overwrites, root: Op, store: Op) -> None:
        self.overwrites, self.root, self.store = overwrites, root, store
        self.structure, self.affine = overwrites.structure, overwrites.affine
        around = self.structure.around[store]
        self.loops = around[around.index(root) :]
        self.storage = self.structure.storage(store.operands[0])
        self.start: Op | None = None  # the load of the element that is added to
        self.needed: set[Op] = set()  # what makes the terms

    def can_be_separate(self) -> bool:
        """Whether the nest does the same with the additions behind all else."""
        return (
            len(self.loops) > 1
            and all(is_plain_loop(loop) and is_number(loop.operands[2], 1) for loop in self.loops)
            and not self.structure.is_mixed(self.store.operands[0])
            and self.slot(self.root) is not None
            and self.adds(self.store.operands[-1])
            and self.is_last()
            and all(self.is_made_again(v) for v in indices_of(self.store))
            and all(self.is_made_again(v) for loop in self.loops for v in loop.operands[:2])
        )

    def slot(self, loop: Op) -> Slot | None:
        """How a loop carries the array."""
        arrays = (slot for slot in loop_slots(loop) if ty.is_array(slot[1].type))
        return next((slot for slot in arrays if self.structure.storage(slot[1]) is self.storage), None)

    def adds(self, value: Value) -> bool:
        """Whether a value is the element and terms that can be made again."""
        made = self.structure.maker.get(value)
        if made is None or made.primitive not in ("add", "sub"):
            return False
        a, b = made.operands
        for first, second in ((a, b), (b, a))[: 1 if made.primitive == "sub" else 2]:
            if self.is_start(first) or self.adds(first):
                self.needed.add(made)
                return self.is_made_again(second)
        return False

    def is_start(self, value: Value) -> bool:
        load = self.structure.maker.get(value)
        array, *where = self.store.operands[:-1]
        if load is None or load.primitive != "load" or load.operands[0] is not array:
            return False
        uses = sum(v is value for v in uses_in(loop_body(self.root)))
        if uses > 1 or not same_place(indices_of(load), tuple(where)):
            return False
        self.start = load
        self.needed.add(load)
        return True

    def is_made_again(self, value: Value) -> bool:
        """Whether a value follows from indices, from what is made before the nest, and from what that only reads."""
        if value.is_constant or self.root not in self.structure.home[value]:
            return True
        made = self.structure.maker[value]
        if made in self.needed:
            return made is not self.start
        if made in self.loops:
            return value is loop_body(made).parameters[0]
        if made.primitive not in PURE and made.primitive not in REGISTRY:
            return False
        if made.primitive == "load" and (
            not self.is_only_read(made.operands[0]) or ty.is_array(made.result.type)
        ):
            return False
        if not all(map(self.is_made_again, made.operands)):
            return False
        self.needed.add(made)
        return True

    def is_only_read(self, array: Value) -> bool:
        stores = self.structure.stores.get(self.structure.storage(array), ())
        return not any(self.root in self.structure.around[store] for store in stores)

    def is_last(self) -> bool:
        """Whether nothing else in the nest touches an element after an addition to it."""
        others = []
        for op in ops_of(self.root):
            if op in (self.store, self.start) or not any(
                ty.is_array(v.type) and self.structure.storage(v) is self.storage for v in op.operands
            ):
                continue
            if op.primitive in ("load", "store"):
                if len(indices_of(op)) < op.operands[0].type.ndim:
                    return False
                others.append(op)
            elif op.primitive not in ("for", "if", "shape"):
                return False
        where = indices_of(self.store)
        return self.overwrites.misses(
            self.store, where, others, None, lambda index, _: self.affine.is_never_negative(index)
        )

    # ------------------------------------------------------------------------------------------- the two nests

    def separated(self, body: Block) -> Separated:
        k = body.ops.index(self.root)
        without = exchanged(Block((), (self.root,), ()), {self.store: ()})
        (rest,) = substitute(without, {self.store.result: self.store.operands[0]}).ops
        slot = self.slot(self.root)
        assert slot is not None
        *_, result = slot
        with Builder(self.root.location) as builder:
            end = self.nest(builder, 0, result, {})
        behind = substitute(Block((), body.ops[k + 1 :], body.results), {result: end})
        (nest,) = builder.ops
        ops = (*body.ops[:k], rest, nest, *behind.ops)
        return Separated(Block(body.parameters, ops, behind.results), nest, rest)

    def nest(self, builder: Builder, level: int, version: Value, names: dict[Value, Value]) -> Value:
        """Emit the loops from a level on, on a version of the array; gives the version that they leave."""
        if level == len(self.loops):
            names[self.store.operands[0]] = version
            self.emit_needed(builder, self.loops, names)
            where = [names.get(v, v) for v in indices_of(self.store)]
            value = names[self.store.operands[-1]]
            builder.location = self.store.location
            return builder.emit("store", (version, *where, value), version.type, name=version.name)
        loop = self.loops[level]
        self.emit_needed(builder, self.loops[:level], names)
        low, high, step = (names.get(v, v) for v in loop.operands[:3])
        index = loop_body(loop).parameters[0]
        names[index] = Value(index.name, index.type)
        parameter, result = Value(version.name, version.type), Value(version.name, version.type)
        with Builder(loop.location) as inside:
            end = self.nest(inside, level + 1, parameter, names)
        block = inside.block((names[index], parameter), (end,))
        builder.region("for", (low, high, step, version), (block,), (result,), location=loop.location)
        return result

    def emit_needed(self, builder: Builder, around: tuple[Op, ...], names: dict[Value, Value]) -> None:
        """Emit what is needed of the ops of a level."""
        ops = [op for op in self.needed if op is not self.start or around == self.loops]
        for op in sorted(ops, key=lambda op: self.structure.place[op]):
            if self.structure.around[op] == around:
                builder.append(rename_op(op, names))


__all__ = ["Separated", "separations"]
