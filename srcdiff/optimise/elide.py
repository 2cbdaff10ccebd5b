"""Take an array itself where nothing is used of it any more but a copy.

    t = np.empty(n)                      t = np.empty(n)
    for i in range(n):                   for i in range(n):
        t[i] = np.sin(x[i])                  t[i] = np.sin(x[i])
    y = np.empty(n)               ->     ... t ...
    for i in range(n):
        y[i] = t[i]
    ... y ...

Reshapes and assignments make such copies, and sums in loops that became products. The copied array is made in the same
trip of the loops around, and has the copy's lengths, as checks before may say; nothing else reads it from then on.
Reads: structure, affine forms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from ..analysis.affine import Affine, Linear
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.core import Block, Function, Op, Value, is_number, loop_body, loop_slots
from ..ir.walk import exchanged, ops_within, substitute, uses_in
from ..primitives import ARRAYS
from .align import same
from .interchange import is_plain_loop


def elide_copies(function: Function) -> Function:
    """Elide copies until there is none left to elide."""
    while True:
        copies = Copies(function.body)
        found = next(copies.elided(function.body), None)
        if found is None:
            return function
        nest, source, block = found
        body = exchanged(function.body, {nest: (), **copies.as_long(source, nest, block)})
        function = replace(function, body=substitute(body, {nest.result: source}))


class Copies:
    """The copies in a body."""

    def __init__(self, body: Block) -> None:
        self.structure = find_structure(body)
        self.affine = Affine(self.structure)
        self.uses = Counter(uses_in(body))

    def elided(self, block: Block) -> Iterator[tuple[Op, Value, Block]]:
        """The nests that copy an array which is used for nothing else, with it and their block."""
        for k, op in enumerate(block.ops):
            source = self.copied(op)
            if source is not None and self.may_stand_for(source, op, block.ops[:k]):
                yield op, source, block
            for region in op.regions:
                yield from self.elided(region)

    def copied(self, nest: Op) -> Value | None:
        """The array that a nest copies element by element, if it does nothing else."""
        op, indices = nest, []
        while op.primitive == "for":
            if not is_plain_loop(op) or len(op.results) != 1 or not is_number(op.operands[0], 0):
                return None
            body = loop_body(op)
            ((_, parameter, yielded, _),) = loop_slots(op)
            if not is_number(op.operands[2], 1) or not ty.is_array(parameter.type):
                return None
            indices.append(body.parameters[0])
            if len(body.ops) == 1:
                (op,) = body.ops
                if yielded not in op.results or parameter not in op.operands:
                    return None
                continue
            if [x.primitive for x in body.ops] != ["load", "store"]:
                return None
            load, store = body.ops
            if store.operands != (parameter, *indices, load.result) or load.operands[1:] != tuple(indices):
                return None
            return load.operands[0] if store.result is yielded else None
        return None

    def may_stand_for(self, source: Value, nest: Op, before: tuple[Op, ...]) -> bool:
        """Whether an array may take the place of its copy."""
        structure = self.structure
        ((initial, *_),) = loop_slots(nest)
        made, own = (structure.maker.get(structure.origin(v)) for v in (initial, source))
        if made is None or own is None or made.primitive != "alloc":
            return False
        if own.primitive != "alloc" and own.primitive not in ARRAYS:
            return False
        if (
            made.result is not initial
            or initial.type != source.type
            or made is own
            or self.uses[initial] != 1
        ):
            return False
        if (
            self.uses[source] != 1
            or structure.is_mixed(source)
            or structure.around[own] != structure.around[nest]
        ):
            return False
        ends = [op.operands[1] for op in (nest, *ops_within(loop_body(nest))) if op.primitive == "for"]
        form = self.affine.form
        return all(
            self.is_same(form(made.operands[axis]), self.affine.length(source, axis), before)
            and self.is_same(form(made.operands[axis]), form(end), before)
            for axis, end in enumerate(ends)
        )

    def as_long(self, source: Value, nest: Op, block: Block) -> dict[Op, list[Op]]:
        """The allocation of an array with the lengths of its copy, by which those that swap with it are known, if
        they and the checks are there before."""
        structure = self.structure
        own, made = (structure.maker[structure.origin(v)] for v in (source, loop_slots(nest)[0][0]))
        if own.primitive != "alloc":
            return {}
        before = block.ops[: block.ops.index(own)]
        inside = {v for op in block.ops[len(before) :] for v in op.results}
        if not inside.isdisjoint(made.operands):
            return {}
        form = self.affine.form
        pairs = zip(made.operands, own.operands, strict=True)
        if not all(self.is_same(form(a), form(b), before) for a, b in pairs):
            return {}
        return {own: [replace(own, operands=made.operands)]}

    def is_same(self, a: Linear, b: Linear, before: tuple[Op, ...]) -> bool:
        """Whether two lengths are the same, by what they are or by a check."""
        if same(a, b):
            return True
        for op in before:
            test = self.structure.maker.get(op.operands[0]) if op.primitive == "require" else None
            if test is not None and test.primitive == "eq":
                x, y = map(self.affine.form, test.operands)
                if (same(x, a) and same(y, b)) or (same(x, b) and same(y, a)):
                    return True
        return False


__all__ = ["elide_copies"]
