"""Read what an array was copied from instead of the copy, where each element is read once.

    t = np.empty((n, m))
    for i in range(n):
        for j in range(m):
            t[i, j] = x[i * m + j]             y = np.empty((m, n))
    y = np.empty((m, n))                       for i in range(m):
    for i in range(m):                  ->         for j in range(n):
        for j in range(n):                             y[i, j] = 2.0 * x[j * m + i]
            y[i, j] = 2.0 * t[j, i]

Reshapes make such copies. Only where nothing is stored into the original before the copy is read, at places that are
certainly in it, in as many loops as it has axes; and where the innermost one of these goes along the original as it
goes along the copy, from element to element. In the adjoint there is one array less to owe to as well. Reads:
structure, affine forms.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from ..analysis.affine import Affine
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import (
    Block,
    Function,
    Op,
    Value,
    indices_of,
    is_number,
    loop_body,
    loop_slots,
    written_in_place,
)
from ..ir.walk import exchanged, ops_of, rename_op, uses_in
from ..primitives import REGISTRY
from .align import same
from .interchange import is_plain_loop


def read_originals(function: Function) -> Function:
    """Read through the copies of a function that are read once."""
    reading = Reading(function.body)
    new: dict[Op, list[Op]] = {}
    reading.find(function.body, new)
    return replace(function, body=exchanged(function.body, new)) if new else function


@dataclass(frozen=True, eq=False)
class Copy:
    """A nest that fills an array, that was `made` for it, with elements of another one; `makers` make their places from
    its `indices`."""

    nest: Op
    made: Op
    load: Op
    indices: tuple[Value, ...]
    makers: dict[Value, Op]


class Reading:
    """The copies in a body."""

    def __init__(self, body: Block) -> None:
        self.structure = find_structure(body)
        self.affine = Affine(self.structure)
        self.uses = Counter(uses_in(body))

    def find(self, block: Block, new: dict[Op, list[Op]]) -> None:
        """Find the loads that are exchanged for loads from originals, with what takes their places."""
        for k, op in enumerate(block.ops):
            for region in op.regions:
                self.find(region, new)
            copy = self.copied(op) if op.primitive == "for" else None
            if copy is None or self.uses[op.result] != 1:
                continue
            behind = block.ops[k + 1 :]
            readers = (
                (n, x) for n, each in enumerate(behind) for x in ops_of(each) if op.result in x.operands
            )
            n, load = next(readers, (0, op))
            if load.primitive == "load" and self.is_read_once(copy, load):
                if not any(self.may_store(x, copy.load.operands[0]) for x in behind[: n + 1]):
                    new[load] = read_from(copy, load)

    def copied(self, nest: Op) -> Copy | None:
        """What a nest copies, if it does nothing else."""
        op, indices, lengths = nest, [], []
        makers: dict[Value, Op] = {}
        while True:
            if not is_plain_loop(op) or len(op.results) != 1:
                return None
            body = loop_body(op)
            ((_, parameter, yielded, _),) = loop_slots(op)
            low, high, step, _ = op.operands
            if not is_number(low, 0) or not is_number(step, 1) or not ty.is_array(parameter.type):
                return None
            if not body.ops or yielded not in body.ops[-1].results:
                return None
            indices.append(body.parameters[0])
            lengths.append(high)
            *between, last = body.ops
            makers.update((x.result, x) for x in between if len(x.results) == 1)
            if last.primitive == "for":
                if last.operands[3:] != (parameter,) or not all(map(is_integer, between)):
                    return None
                op = last
                continue
            break
        load = between.pop() if between else last
        if last.primitive != "store" or load.primitive != "load" or not all(map(is_integer, between)):
            return None
        array, *where = load.operands
        if last.operands != (parameter, *indices, load.result) or len(where) != array.type.ndim:
            return None
        made = self.structure.maker.get(nest.operands[3])
        if made is None or made.primitive != "alloc" or self.uses[made.result] != 1:
            return None
        form = self.affine.form
        if array.type.dtype != made.result.type.dtype or nest in self.structure.home.get(array, (nest,)):
            return None
        if not all(same(form(a), form(b)) for a, b in zip(lengths, made.operands, strict=True)):
            return None
        moves = [form(i).coefficient(indices[-1]) for i in where]
        others = [v for i in where for v, _ in form(i).terms if v is not indices[-1]]
        if moves != [0] * (len(where) - 1) + [1] or any(op in self.structure.home.get(v, ()) for v in others):
            return None
        return Copy(nest, made, load, tuple(indices), makers)

    def is_read_once(self, copy: Copy, load: Op) -> bool:
        """Whether each element is read at most about once, one after the other, and certainly exists."""
        where = indices_of(load)
        around = self.structure.around[load][len(self.structure.around[copy.nest]) :]
        if len(where) < len(copy.indices) or len(around) != len(where) or not all(map(is_plain_loop, around)):
            return False
        index = loop_body(around[-1]).parameters[0]
        if [self.affine.form(i).coefficient(index) for i in where] != [0] * (len(where) - 1) + [1]:
            return False
        return self.affine.is_in_range(copy.made.result, where)

    def may_store(self, op: Op, array: Value) -> bool:
        """Whether an op may store into an array."""
        storage = self.structure.storage(array)
        return any(
            (x.primitive in ("opaque", "call") and any(ty.is_array(v.type) for v in x.operands))
            or any(self.structure.storage(before) is storage for before, _ in written_in_place(x))
            for x in ops_of(op)
        )


def is_integer(op: Op) -> bool:
    """Whether an op computes an integer from others."""
    return op.primitive in REGISTRY and all(ty.is_integer(v.type) for v in (*op.operands, *op.results))


def read_from(copy: Copy, load: Op) -> list[Op]:
    """The load of an element from where it was copied from."""
    names = dict(zip(copy.indices, indices_of(load), strict=True))

    def needed(value: Value) -> None:
        op = copy.makers.get(value)
        if op is not None and value not in names:
            for operand in op.operands:
                needed(operand)
            builder.append(rename_op(op, names))

    with Builder(load.location) as builder:
        array, *where = copy.load.operands
        for i in where:
            needed(i)
    places = (names.get(i, i) for i in where)
    return [*builder.ops, replace(load, operands=(array, *places))]


__all__ = ["read_originals"]
