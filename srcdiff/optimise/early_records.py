"""Record before a loop the elements that all of its trips record at the same place.

    for i in range(p + 1, n):                       if n > p + 1:
        for c in range(m):                              for c in range(m):
            t = x[p, c]                                     x_tape[p, c] = x[p, c]
            x_tape[p, c] = t                 ->     for i in range(p + 1, n):
            x[i, c] -= f[i] * t                         for c in range(m):
                                                            x[i, c] -= f[i] * x[p, c]

So it is with the row that an elimination subtracts from all others: its elements are the same in all trips, and a tape
has no axis for these. What is read needs a trip of the loop, for only then is it known to be in its array. Reads:
structure, affine forms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..analysis.overwrites import Overwrites
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Block, Function, Op, Value, loop_body, loop_slots
from ..ir.walk import exchanged, ops_of, ops_within, rename_op, substitute
from ..primitives import REGISTRY
from .jammable import is_plain_loop


def record_early(function: Function) -> Function:
    while True:
        overwrites = Overwrites(find_structure(function.body))
        record = next(records_in(function.body, overwrites), None)
        if record is None:
            return function
        function = replace(function, body=exchanged(function.body, {record.loop: record.placed(overwrites)}))


def records_in(block: Block, overwrites: Overwrites) -> Iterator[Record]:
    for loop in ops_within(block):
        if not is_plain_loop(loop):
            continue
        for inner in filter(is_plain_loop, loop_body(loop).ops):
            if not any(is_made(v, loop, overwrites) for v in inner.operands[:3]):
                for op in loop_body(inner).ops:
                    record = Record(loop, inner, op)
                    if op.primitive == "store" and record.is_the_same(overwrites):
                        yield record


def is_made(value: Value, loop: Op, overwrites: Overwrites) -> bool:
    """Whether a trip of a loop makes a value."""
    return not value.is_constant and loop in overwrites.structure.home[value]


@dataclass(frozen=True, eq=False)
class Record:
    """A store in every trip of the loop `inner` in every one of `loop`."""

    loop: Op
    inner: Op
    store: Op

    def is_the_same(self, overwrites: Overwrites) -> bool:
        """Whether all trips store the same into the same element of an array that they do not use otherwise."""
        s, array = overwrites.structure, self.store.operands[0]
        if s.is_mixed(array) or s.is_in_shared_memory(array) or self.loop in s.home[s.origin(array)]:
            return False
        others = [op for op in ops_of(self.loop) if op is not self.store and op.primitive != "for"]
        if any(op.primitive == "require" for op in others):
            return False  # of an index perhaps
        if any(s.storage(v) is s.storage(array) for op in others for v in op.operands if ty.is_array(v.type)):
            return False
        element = next(
            (op for op in loop_body(self.inner).ops if self.store.operands[-1] in op.results), None
        )
        if element is None or element.primitive != "load":
            return False  # what is computed from one would be computed twice
        return all(self.is_same(v, overwrites) for v in self.store.operands[1:])

    def is_same(self, value: Value, overwrites: Overwrites) -> bool:
        """Whether a value is the same in all trips, at the same trip of the inner loop."""
        if not is_made(value, self.loop, overwrites):
            return True
        body = loop_body(self.inner)
        if value is body.parameters[0]:
            return True
        op = next((op for op in body.ops if value in op.results), None)
        if op is None or ty.is_array(value.type):
            return False
        if op.primitive == "load":
            still = overwrites.holds_still(op, self.loop)
            return still and all(self.is_same(v, overwrites) for v in op.operands[1:])
        return op.primitive in ("cast", *REGISTRY) and all(self.is_same(v, overwrites) for v in op.operands)

    def placed(self, overwrites: Overwrites) -> list[Op]:
        """What stores before the loop, and the loop without that."""
        storage, loop = overwrites.structure.storage, self.loop
        before = {storage(p): i for i, p, _, _ in loop_slots(loop) if ty.is_array(p.type)}
        array = before[storage(self.store.operands[0])]
        ops = self.needed()
        names = {
            v: before[storage(v)]
            for op in ops
            for v in op.operands
            if ty.is_array(v.type) and is_made(v, loop, overwrites)
        }
        low, high = loop.operands[:2]
        with Builder(loop.location) as builder:
            if overwrites.affine.is_positive(overwrites.affine.form(high) - overwrites.affine.form(low)):
                stored = self.append(builder, ops, names, array)
            else:
                with Builder(loop.location) as run:
                    done = self.append(run, ops, names, array)
                stored = Value(array.name, array.type)
                builder.where_it_runs(loop, run.block((), (done,)), (array,), (stored,))
        rest = exchanged(loop_body(loop), {self.store: ()})
        rest = substitute(rest, {self.store.result: self.store.operands[0]})
        operands = tuple(stored if v is array else v for v in loop.operands)
        return [*builder.ops, replace(loop, operands=operands, regions=(rest,))]

    def needed(self) -> list[Op]:
        """The store, and what computes what it stores, and where."""
        found, values = [self.store], {*self.store.operands[1:]}
        ops = loop_body(self.inner).ops
        for op in reversed(ops[: ops.index(self.store)]):
            if any(result in values for result in op.results):
                values.update(op.operands)
                found.append(op)
        return found[::-1]

    def append(self, builder: Builder, ops: list[Op], names: dict[Value, Value], array: Value) -> Value:
        """Append the store into an array, for all trips of the inner loop; gives the array with that."""
        old = loop_body(self.inner).parameters[0]
        index, held, result = Value(old.name, old.type), *(Value(array.name, array.type) for _ in range(2))
        names |= {old: index, self.store.operands[0]: held}
        with Builder(self.inner.location) as inside:
            for op in ops:
                inside.append(rename_op(op, names))
        block = inside.block((index, held), (names[self.store.result],))
        kept = {k: v for k, v in self.inner.attributes.items() if k == "descending"}
        builder.region("for", (*self.inner.operands[:3], array), (block,), (result,), kept)
        return result


__all__ = ["record_early"]
