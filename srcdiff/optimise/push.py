"""Let each trip of a recurrence add to the sums of those that follow, instead of collecting its own down a column.

    for j in range(n):                         total = np.empty(n)
        total = b[j]                           for j in range(n):
        for k in range(j):                         total[j] = b[j]
            total -= x[k] * u[k, j]    ->      for k in range(n):
        x[j] = total / u[j, j]                     x[k] = total[k] / u[k, k]
                                                   for j in range(k + 1, n):
                                                       total[j] -= x[k] * u[k, j]

Rows instead of columns are then read, in the adjoint as well. Every sum gets the same terms in the same order. What a
term reads must be there when the trip ends that it belongs to, and what comes before the sum must not wait for other
trips: affine analysis has to show that no trip stores what the others read so. Reads: structure, affine forms.

A. Björck, "Numerical methods in matrix computations", section 1.2 (row and column oriented substitution).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..analysis.affine import Affine, Linear
from ..analysis.overwrites import Overwrites
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Function, Op, Value, indices_of, is_number, loop_body, loop_slots
from ..ir.walk import exchanged, free_values_of, ops_within, rename_op
from .align import same
from .fuse import accumulates
from .interchange import is_plain, is_plain_loop


def push_sums(function: Function) -> Function:
    """Turn recurrences round until none gains by it."""
    refused: set[Op] = set()
    for _ in range(64):
        overwrites = Overwrites(find_structure(function.body))
        found = next(
            (r for op in ops_within(function.body) if (r := recurrence(op, overwrites, refused))), None
        )
        if found is None:
            break
        body = exchanged(function.body, {found.loop: pushed(found)})
        function = replace(function, body=body)
    return function


class Recurrence:
    """A loop whose trips each sum up over those before: `before`, the loop `inner` that adds, and `behind`."""

    def __init__(self, loop: Op, at: int, overwrites: Overwrites) -> None:
        self.loop, self.overwrites = loop, overwrites
        self.affine: Affine = overwrites.affine
        ops = loop_body(loop).ops
        self.before, self.inner, self.behind = ops[:at], ops[at], ops[at + 1 :]
        self.index, self.inner_index = (loop_body(op).parameters[0] for op in (loop, self.inner))

    def holds(self) -> bool:
        """Whether the trips are what can be turned round."""
        if not all(is_plain_loop(op) and is_number(op.operands[2], 1) for op in (self.loop, self.inner)):
            return False
        starts = (self.affine.form(op.operands[0]) for op in (self.loop, self.inner))
        if not same(*starts) or not self.ends_at_trip():
            return False
        slots = loop_slots(self.inner)
        body = loop_body(self.inner)
        if len(slots) != 1 or not ty.is_float(slots[0][1].type) or not accumulates(body, *slots[0][1:3]):
            return False
        if any(not ty.is_array(p.type) for _, p, _, _ in loop_slots(self.loop)):
            return False
        checked = (op for op in self.before if op.primitive != "require")
        plain = all(is_plain(op) for op in (*checked, *self.behind, *body.ops))
        if not plain or any(op.primitive == "store" for op in (*self.before, *body.ops)):
            return False
        made = {v for op in self.before for v in op.results}
        fresh = {v for op in body.ops for v in free_values_of(op)} & made
        return not fresh and self.keeps_what_is_read()

    def ends_at_trip(self) -> bool:
        """Whether the inner loop goes up to the trip of the outer one, be it because a check says so."""
        high = self.inner.operands[1]
        if same(self.affine.form(high), Linear(((self.index, 1),))):
            return True
        maker = self.overwrites.structure.maker
        checks = [maker.get(op.operands[0]) for op in self.before if op.primitive == "require"]
        return any(
            made is not None and made.primitive == "eq" and set(made.operands) == {high, self.index}
            for made in checks
        )

    def keeps_what_is_read(self) -> bool:
        """Whether no trip stores what a later one reads before its sum, or what a term reads of trips before."""
        structure = self.overwrites.structure
        stores = [op for op in self.behind if op.primitive == "store"]
        for load in (*self.before, *loop_body(self.inner).ops):
            if load.primitive != "load":
                continue
            for store in stores:
                if structure.storage(store.operands[0]) is not structure.storage(load.operands[0]):
                    continue
                if structure.is_mixed(load.operands[0]) or not self.misses(load, store):
                    return False
        return True

    def misses(self, load: Op, store: Op) -> bool:
        """Whether a store of the trips in question is to another element than a load.

        A load before the sum is in trip j, and the stores are in trips m < j; a term is of the trips k < j, and the
        stores are in trips k < m < j.
        """
        m = Linear(((self.index, 1),))
        where, target = indices_of(load), indices_of(store)
        if not all(map(self.affine.is_never_negative, (*where, *target))):
            return False
        for i, j in zip(where, target, strict=True):
            read, stored = self.affine.form(i), self.affine.form(j)
            if same(stored, m) and (same(read, Linear(((self.inner_index, 1),))) or same(read, m)):
                return True  # k or j, and the store is at m
            if any(self.loop in self.affine.structure.home.get(v, ()) for v, _ in stored.terms):
                continue
            for difference in (stored - read, read - stored):
                if self.affine.is_positive(difference):
                    return True
        return False

    def gains(self) -> bool:
        """Whether more of what a term reads lies in a column than in a row."""
        columns = rows = 0
        for op in loop_body(self.inner).ops:
            if op.primitive == "load":
                array = op.operands[0]
                near = 0 if array.type.layout == "F" else array.type.ndim - 1
                for axis, i in enumerate(indices_of(op)):
                    form = self.affine.form(i)
                    columns += axis != near and bool(form.coefficient(self.inner_index))
                    rows += axis != near and bool(form.coefficient(self.index))
        return columns > rows


def recurrence(loop: Op, overwrites: Overwrites, refused: set[Op]) -> Recurrence | None:
    if loop.primitive != "for" or loop in refused:
        return None
    inner = [k for k, op in enumerate(loop_body(loop).ops) if op.primitive in ("for", "while")]
    if len(inner) == 1 and loop_body(loop).ops[inner[0]].primitive == "for":
        found = Recurrence(loop, inner[0], overwrites)
        if found.holds() and found.gains():
            return found
    refused.add(loop)
    return None


def pushed(r: Recurrence) -> list[Op]:
    """The loop that starts the sums, and the one whose trips add to those of later trips."""
    builder = Builder(r.loop.location)
    low, high, one = r.loop.operands[:3]
    ((initial, number, yielded, result),) = loop_slots(r.inner)
    length = builder.emit(
        "max", (builder.emit("sub", (high, low), ty.int64), constant(0, ty.int64)), ty.int64
    )
    type = ty.array(number.type, 1)
    name = result.name or "total"
    empty = builder.emit("alloc", (length,), type, {"fill": "empty", "trusted": True}, name)

    def place(inside: Builder, index: Value) -> Value:
        if low.is_constant and low.constant == 0:
            return index
        return inside.emit("sub", (index, low), ty.int64)

    def copied(inside: Builder, ops: Iterable[Op], names: dict[Value, Value]) -> None:
        for op in ops:
            inside.append(rename_op(op, names))

    index, held, filled = Value(r.index.name, ty.int64), Value(name, type), Value(name, type)
    # Reading what the loop stores into, before it does.
    names = {r.index: index, **{p: i for i, p, _, _ in loop_slots(r.loop)}}
    with Builder(r.loop.location) as inside:
        copied(inside, r.before, names)
        start = names.get(initial, initial)
        last = inside.emit("store", (held, place(inside, index), start), type, name=name)
    builder.region("for", (low, high, one, empty), (inside.block((index, held), (last,)),), (filled,))

    body = loop_body(r.loop)
    sums, sums_end = Value(name, type), Value(name, type)
    following = Value(r.index.name, ty.int64)
    with Builder(r.loop.location) as outer:
        again: dict[Value, Value] = {}
        copied(outer, (op for op in r.before if op.primitive != "require"), again)
        again[result] = outer.emit("load", (sums, place(outer, r.index)), number.type, name=result.name)
        copied(outer, r.behind, again)
        now = {
            r.overwrites.structure.storage(p): again.get(y, y)
            for _, p, y, _ in loop_slots(r.loop)
            if ty.is_array(p.type)
        }
        term = {r.index: following, r.inner_index: r.index}
        for op in loop_body(r.inner).ops:
            if op.primitive == "load":
                array = op.operands[0]
                term[array] = now.get(r.overwrites.structure.storage(array), array)
        part, goes_on = Value(name, type), Value(name, type)
        with Builder(r.inner.location) as inside:
            term[number] = inside.emit("load", (part, place(inside, following)), number.type)
            copied(inside, loop_body(r.inner).ops, term)
            last = inside.emit("store", (part, place(inside, following), term[yielded]), type, name=name)
        first = outer.emit("add", (r.index, constant(1, ty.int64)), ty.int64)
        block = inside.block((following, part), (last,))
        outer.region("for", (first, high, one, sums), (block,), (goes_on,))
    results = tuple(again.get(y, y) for y in body.results)
    builder.append(
        replace(
            r.loop,
            operands=(*r.loop.operands, filled),
            regions=(outer.block((*body.parameters, sums), (*results, goes_on)),),
            results=(*r.loop.results, sums_end),
        )
    )
    return builder.ops


__all__ = ["push_sums"]
