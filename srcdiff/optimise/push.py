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
trips: affine analysis has to show that no trip stores what the others read so. A sum that starts from the element that
the trip stores grows in that element, if nothing else reads it until then. Reads: structure, affine forms.

A. Björck, "Numerical methods in matrix computations", section 1.2 (row and column oriented substitution).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..analysis.affine import Affine, Linear
from ..analysis.overwrites import Overwrites
from ..analysis.structure import find_structure
from ..analysis.sums import accumulates
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Function, Op, Value, indices_of, is_number, loop_body, loop_slots, same_place
from ..ir.walk import exchanged, free_values_of, ops_within, rename_op, uses_in
from .align import same
from .distribute import ACCESSES
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

    def element(self) -> tuple[Op, Op] | None:
        """The load that the sum starts from and the first store there behind it, if the sum can grow in the element."""
        structure = self.overwrites.structure
        initial = self.inner.operands[3]
        load = next((op for op in self.before if op.primitive == "load" and op.result is initial), None)
        if load is None or list(uses_in(loop_body(self.loop))).count(initial) != 1:
            return None
        array, *where = load.operands
        storage = structure.storage(array)
        if len(where) != array.type.ndim or array.type.dtype != loop_slots(self.inner)[0][1].type:
            return None
        axes = [n for n, i in enumerate(where) if same(self.affine.form(i), Linear(((self.index, 1),)))]
        if len(axes) != 1 or structure.is_mixed(array):
            return None
        if any(self.loop in structure.home.get(i, ()) for n, i in enumerate(where) if n != axes[0]):
            return None
        touching = {
            trip: [
                op for op in ops if op.primitive in ACCESSES and structure.storage(op.operands[0]) is storage
            ]
            for trip, ops in (
                (self.index, self.before + self.behind),
                (self.inner_index, loop_body(self.inner).ops),
            )
        }
        home = next((op for op in touching[self.index] if op.primitive == "store"), None)
        if home is None or not same_place(indices_of(home), tuple(where)):
            return None
        kept = True  # the element that this trip started from, for all that other accesses know
        for op in touching[self.index]:
            if op is home:
                kept = False
            elif op is not load and not self.misses_later(op, self.index, load, axes[0], int(kept)):
                return None
        if not all(
            self.misses_later(op, self.inner_index, load, axes[0], 0) for op in touching[self.inner_index]
        ):
            return None
        return load, home

    def stored_last(self, load: Op) -> Value | None:
        """What a term loads, if its trip has stored that into the array last."""
        if load.primitive != "load":
            return None
        storage = self.overwrites.structure.storage
        array = load.operands[0]
        stores = [
            op for op in self.behind if op.primitive == "store" and storage(op.operands[0]) is storage(array)
        ]
        trip = Linear(((self.index, 1),))
        if not stores or len(indices_of(stores[-1])) != len(indices_of(load)):
            return None
        pairs = zip(indices_of(load), indices_of(stores[-1]), strict=True)
        forms = [(self.affine.form(i), self.affine.form(j)) for i, j in pairs]
        if any(
            i.coefficient(self.index) or not same(i.replaced(self.inner_index, trip), j) for i, j in forms
        ):
            return None
        value = stores[-1].operands[-1]
        return value if value.type == load.result.type else None

    def misses_later(self, access: Op, trip: Value, load: Op, axis: int, ahead: int) -> bool:
        """Whether an access of a trip misses what the load reads in later trips; in its own one too if `ahead`."""
        own = Linear(((trip, 1),), -ahead)
        if not all(map(self.affine.is_never_negative, (*indices_of(access), *indices_of(load)))):
            return False
        for n, (i, j) in enumerate(zip(indices_of(access), indices_of(load), strict=True)):
            read, kept = self.affine.form(i), self.affine.form(j)
            if n == axis:
                if self.affine.is_not_negative(own - read):
                    return True
            elif any(self.affine.is_positive(form) for form in (read - kept, kept - read)):
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
    return Pushing(r).emitted()


def copied(inside: Builder, ops: Iterable[Op], names: dict[Value, Value]) -> None:
    for op in ops:
        inside.append(rename_op(op, names))


class Pushing:
    """A recurrence that is turned round.

    `grows_in` : the load of the element that a sum grows in, and `home` the store that it ends in; without them the
    sums are in an array of their own.
    """

    def __init__(self, r: Recurrence) -> None:
        self.r = r
        self.structure = r.overwrites.structure
        self.builder = Builder(r.loop.location)
        self.low, self.high, self.one = r.loop.operands[:3]
        ((self.initial, self.number, self.yielded, self.result),) = loop_slots(r.inner)
        element = r.element()
        self.grows_in: Op | None = element and element[0]
        self.home: Op | None = element and element[1]
        self.name = self.result.name or "total"

    def emitted(self) -> list[Op]:
        filled = self.started()
        r, body = self.r, loop_body(self.r.loop)
        sums, ends = ([Value(self.name, v.type) for v in filled] for _ in range(2))
        with Builder(r.loop.location) as outer:
            again = self.one_sum(outer, sums)
            now = {
                self.structure.storage(p): again.get(y, y)
                for _, p, y, _ in loop_slots(r.loop)
                if ty.is_array(p.type)
            }
            grown = (
                sums[0] if self.grows_in is None else now[self.structure.storage(self.grows_in.operands[0])]
            )
            goes_on = self.later_sums(outer, grown, again, now)
        results = [again.get(y, y) for y in body.results]
        if self.grows_in is None:
            results.append(goes_on)
        else:
            results = [goes_on if v is grown else v for v in results]
        self.builder.append(
            replace(
                r.loop,
                operands=(*r.loop.operands, *filled),
                regions=(outer.block((*body.parameters, *sums), results),),
                results=(*r.loop.results, *ends),
            )
        )
        return self.builder.ops

    def place(self, inside: Builder, index: Value) -> tuple[Value, ...]:
        """Where the sum of a trip is."""
        if self.grows_in is not None:
            made_in = self.structure.home
            return tuple(index if self.r.loop in made_in.get(i, ()) else i for i in indices_of(self.grows_in))
        if is_number(self.low, 0):
            return (index,)
        return (inside.emit("sub", (index, self.low), ty.int64),)

    def started(self) -> list[Value]:
        """Append the loop that starts the sums, and checks what trips check; gives the array of the sums, unless they
        grow in elements."""
        r, builder = self.r, self.builder
        # Reading what the loop stores into, before it does.
        index = Value(r.index.name, ty.int64)
        names = {r.index: index, **{p: i for i, p, _, _ in loop_slots(r.loop)}}
        line: tuple[Value, ...] = ()
        if self.grows_in is None:
            span = builder.emit("sub", (self.high, self.low), ty.int64)
            length = builder.emit("max", (span, constant(0, ty.int64)), ty.int64)
            type = ty.array(self.number.type, 1)
            line = (builder.emit("alloc", (length,), type, {"fill": "empty", "trusted": True}, self.name),)
        held, filled = ([Value(self.name, v.type) for v in line] for _ in range(2))
        started: list[Value] = []
        with Builder(r.loop.location) as inside:
            copied(inside, r.before, names)
            for array in held:
                start = names.get(self.initial, self.initial)
                where = self.place(inside, index)
                started.append(inside.emit("store", (array, *where, start), array.type, name=self.name))
        bounds = (self.low, self.high, self.one)
        builder.region("for", (*bounds, *line), (inside.block((index, *held), started),), filled)
        return filled

    def one_sum(self, outer: Builder, sums: list[Value]) -> dict[Value, Value]:
        """Append what a trip does with its own sum; gives the names of what it makes."""
        r = self.r
        again: dict[Value, Value] = {}
        copied(outer, (op for op in r.before if op.primitive != "require"), again)
        if self.grows_in is not None:
            again[self.result] = again[self.initial]
        else:
            where = self.place(outer, r.index)
            again[self.result] = outer.emit(
                "load", (sums[0], *where), self.number.type, name=self.result.name
            )
        for op in r.behind:
            if op is self.home and op.operands[-1] is self.result:  # the element holds it already
                again[op.result] = again.get(op.operands[0], op.operands[0])
            else:
                copied(outer, (op,), again)
        return again

    def later_sums(
        self, outer: Builder, grown: Value, again: dict[Value, Value], now: dict[Value, Value]
    ) -> Value:
        """Append the loop over later trips, to whose sums a trip adds; gives what that leaves of `grown`.

        `now` are the versions of arrays, by storage, that the trip has left.
        """
        r, storage = self.r, self.structure.storage
        following = Value(r.index.name, ty.int64)
        part, goes_on = Value(grown.name, grown.type), Value(grown.name, grown.type)
        if self.grows_in is not None:
            now = {**now, storage(self.grows_in.operands[0]): part}
        term = {r.index: following, r.inner_index: r.index}
        terms: list[Op] = []
        for op in loop_body(r.inner).ops:
            known = r.stored_last(op) if self.grows_in is not None else None
            if known is not None:
                term[op.result] = again.get(known, known)
                continue
            if op.primitive == "load":
                array = op.operands[0]
                term[array] = now.get(storage(array), array)
            terms.append(op)
        with Builder(r.inner.location) as inside:
            where = self.place(inside, following)
            term[self.number] = inside.emit("load", (part, *where), self.number.type)
            copied(inside, terms, term)
            last = inside.emit("store", (part, *where, term[self.yielded]), part.type, name=part.name)
        first = outer.emit("add", (r.index, constant(1, ty.int64)), ty.int64)
        block = inside.block((following, part), (last,))
        outer.region("for", (first, self.high, self.one, grown), (block,), (goes_on,))
        return goes_on


__all__ = ["push_sums"]
