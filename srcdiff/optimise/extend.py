"""Let an inner loop go on where it ends, in place of a nest behind that does the same there.

    for k in range(i):                                   for k in range(i):
        a[i, k] = t = a[i, k] / a[k, k]                      a[i, k] = t = a[i, k] / a[k, k]
        for j in range(k + 1, i):                            for j in range(k + 1, n):
            a[i, j] -= t * a[k, j]                 ->            a[i, j] -= t * a[k, j]
    for k in range(i):
        for j in range(i, n):
            a[i, j] -= a[i, k] * a[k, j]

One long loop is begun instead of two short ones, in the adjoint as well. The trips of the nest behind then run before
later trips of the one before: affine analysis has to show that they meet nowhere, but for elements that the nest
behind reads as its trip of the other one has left them, such as `a[i, k]`. Reads: structure, affine forms, ranges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..analysis.affine import Linear
from ..analysis.overwrites import Overwrites
from ..analysis.ranges import Ranges
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.core import Block, Function, Op, Value, indices_of, is_number, loop_body, loop_slots
from ..ir.walk import ops_of, ops_within, substitute
from ..primitives import REGISTRY
from .align import same
from .distribute import ACCESSES
from .interchange import is_innermost, is_plain_loop

COMMUTATIVE = ("add", "mul")
PASSING = ("cast", "shape", "require")


def extend_loops(function: Function) -> Function:
    """Extend until no nest goes on with what an inner loop before it does."""
    refused: set[tuple[Op, Op]] = set()
    for _ in range(64):
        body = extended(function.body, Overwrites(find_structure(function.body)), refused)
        if body is None:
            break
        function = replace(function, body=body)
    return function


def extended(block: Block, overwrites: Overwrites, refused: set[tuple[Op, Op]]) -> Block | None:
    """The block with one nest less; None if none goes on."""
    for k, op in enumerate(block.ops):
        for n, region in enumerate(op.regions):
            inner = extended(region, overwrites, refused)
            if inner is not None:
                regions = (*op.regions[:n], inner, *op.regions[n + 1 :])
                return replace(block, ops=(*block.ops[:k], replace(op, regions=regions), *block.ops[k + 1 :]))
        at = next((m for m in range(k + 1, len(block.ops)) if block.ops[m].regions), None)
        if at is None or op.primitive != "for" or (op, block.ops[at]) in refused:
            continue
        second, between = block.ops[at], block.ops[k + 1 : at]
        if is_nest(op) and is_nest(second) and all(passes(o, op) for o in between):
            pair = Continuation(op, second, overwrites)
            if pair.holds():
                rest = substitute(Block((), block.ops[at + 1 :], block.results), pair.results())
                return Block(
                    block.parameters, (*block.ops[:k], *between, pair.whole(), *rest.ops), rest.results
                )
        refused.add((op, second))
    return None


def is_nest(op: Op) -> bool:
    """Whether a loop holds one other, which is the last that a trip does, and carries arrays only."""
    if not is_plain_loop(op) or not is_number(op.operands[2], 1) or not loop_body(op).ops:
        return False
    *before, inner = loop_body(op).ops
    if inner.primitive != "for" or not is_innermost(inner) or not is_number(inner.operands[2], 1):
        return False
    if not all(o.primitive in (*ACCESSES, "cast") or o.primitive in REGISTRY for o in before):
        return False
    return all(ty.is_array(p.type) for loop in (op, inner) for _, p, _, _ in loop_slots(loop))


def passes(op: Op, loop: Op) -> bool:
    """Whether an op behind a loop can stand before it."""
    return (op.primitive in PASSING or op.primitive in REGISTRY) and not any(
        v in loop.results for v in op.operands
    )


class Continuation:
    """Two nests, of which the inner loop of the second may go on where that of the first ends."""

    def __init__(self, first: Op, second: Op, overwrites: Overwrites) -> None:
        self.first, self.second, self.overwrites = first, second, overwrites
        self.affine, self.structure = overwrites.affine, overwrites.structure
        self.inner, self.following = (loop_body(op).ops[-1] for op in (first, second))
        self.trip, self.later_trip = (loop_body(op).parameters[0] for op in (first, second))
        around = [op for op in self.structure.around[first] if op.primitive in ("for", "while")]
        self.within = around[-1] if around else None

    def holds(self) -> bool:
        """Whether the second nest is a continuation, and may run trip by trip with the first one."""
        ends = zip(self.first.operands[:2], self.second.operands[:2], strict=True)
        if not all(same(self.affine.form(a), self.affine.form(b)) for a, b in ends):
            return False
        if not self.adjoins():
            return False
        left = self.left_loads()
        return left is not None and self.is_same_trip(left) and self.is_apart(left)

    def adjoins(self) -> bool:
        """Whether one inner loop begins where the other one ends, and the whole is as long as both."""
        form, ranges = self.affine.form, Ranges(self.affine)
        low, middle = map(form, self.inner.operands[:2])
        start, high = map(form, self.following.operands[:2])
        if not same(middle, start):
            return False
        outside = self.structure.home.get(self.following.operands[1], ())
        if self.second in outside or self.following.operands[1] in self.first.results:
            return False
        return ranges.implied(middle - low, ranges.at(self.inner)) and ranges.implied(
            high - start, ranges.at(self.following)
        )

    # ------------------------------------------------------------------------------------- what is left by a trip

    def left_loads(self) -> dict[Value, Value] | None:
        """What loads of the second nest find that the same trip of the first one has stored; None if its other ops
        before the inner loop do more than that."""
        left: dict[Value, Value] = {}
        for op in ops_within(loop_body(self.second)):
            if op.primitive == "load":
                stored = self.stored(op)
                if stored is not None:
                    left[op.result] = stored
        return left if all(r in left for op in loop_body(self.second).ops[:-1] for r in op.results) else None

    def stored(self, load: Op) -> Value | None:
        """What the same trip of the first nest has stored where a load of the second one reads, to stay."""
        where = indices_of(load)
        of_first = Linear(((self.trip, 1),))
        for store in loop_body(self.first).ops[:-1]:
            if not self.conflict(load, store) or len(indices_of(store)) != len(where):
                continue
            forms = [self.affine.form(i).replaced(self.later_trip, of_first) for i in where]
            if not all(map(same, forms, map(self.affine.form, indices_of(store)))):
                continue
            if any(self.second in self.structure.home.get(v, ()) for f in forms for v, _ in f.terms):
                continue
            stores = [op for op in ops_of(self.first) if self.conflict(load, op) and op.primitive == "store"]
            own = [op for op in ops_of(self.second) if self.conflict(load, op)]
            stays = all(self.apart(store, op) for op in stores) and all(self.apart(op, load) for op in own)
            if stays and store.operands[-1].type == load.result.type:
                return store.operands[-1]
        return None

    def conflict(self, a: Op, b: Op) -> bool:
        """Whether two ops access one array, and one of them stores into it."""
        if a.primitive not in ACCESSES or b.primitive not in ACCESSES or a.primitive == b.primitive == "load":
            return False
        return self.structure.storage(a.operands[0]) is self.structure.storage(b.operands[0])

    def apart(self, op: Op, later: Op) -> bool:
        """Whether an access that runs after another one is to another element."""
        where, target = indices_of(op), indices_of(later)
        if self.structure.is_mixed(op.operands[0]) or not all(
            map(self.affine.is_never_negative, (*where, *target))
        ):
            return False
        return self.overwrites.apart(op, where, later, target, self.within)

    def is_apart(self, left: dict[Value, Value]) -> bool:
        """Whether what else the second nest accesses, the first one never does."""
        return all(
            self.apart(a, b)
            for b in ops_of(self.second)
            if b.primitive in ACCESSES and not (b.primitive == "load" and b.result in left)
            for a in ops_of(self.first)
            if self.conflict(a, b)
        )

    # ------------------------------------------------------------------------------------- whether trips are the same

    def is_same_trip(self, left: dict[Value, Value]) -> bool:
        """Whether the inner loops do the same at their indices."""
        mine, theirs = loop_body(self.inner), loop_body(self.following)
        pairs: dict[Value, Value] = {
            theirs.parameters[0]: mine.parameters[0],
            self.later_trip: self.trip,
            **left,
        }
        ops = [op for op in theirs.ops if not (op.primitive == "load" and op.result in left)]
        if len(ops) != len(mine.ops):
            return False
        for a, b in zip(mine.ops, ops, strict=True):
            if a.primitive != b.primitive or a.attributes != b.attributes or a.regions or b.regions:
                return False
            if not self.are_same(a.operands, b.operands, pairs):
                turned = b.operands[::-1]
                if a.primitive not in COMMUTATIVE or not self.are_same(a.operands, turned, pairs):
                    return False
            pairs.update(zip(b.results, a.results, strict=True))
        storage = self.structure.storage
        slots = {storage(p): y for _, p, y, _ in loop_slots(self.inner)}
        others = {storage(p): y for _, p, y, _ in loop_slots(self.following)}
        carried = {storage(p) for _, p, _, _ in loop_slots(self.second)}
        return (
            slots.keys() == others.keys() == carried
            and all(pairs.get(others[s]) is slots[s] for s in slots)
            and not any(map(self.structure.is_mixed, slots))
        )

    def are_same(self, mine: Sequence[Value], theirs: Sequence[Value], pairs: dict[Value, Value]) -> bool:
        return len(mine) == len(theirs) and all(
            self.is_same(a, b, pairs) for a, b in zip(mine, theirs, strict=True)
        )

    def is_same(self, mine: Value, theirs: Value, pairs: dict[Value, Value]) -> bool:
        """Whether a value of a trip of the first nest is that of the second one."""
        if theirs.is_constant:
            return mine.is_constant and mine.type == theirs.type and same_number(mine, theirs)
        if ty.is_array(theirs.type):
            return ty.is_array(mine.type) and self.structure.storage(mine) is self.structure.storage(theirs)
        return pairs.get(theirs, theirs) is mine

    # ------------------------------------------------------------------------------------- the nest

    def whole(self) -> Op:
        """The first nest with an inner loop that goes on."""
        low, _, *others = self.inner.operands
        inner = replace(self.inner, operands=(low, self.following.operands[1], *others))
        body = loop_body(self.first)
        return replace(self.first, regions=(replace(body, ops=(*body.ops[:-1], inner)),))

    def results(self) -> dict[Value, Value]:
        """What the results of the second nest become."""
        storage = self.structure.storage
        left = {storage(r): r for r in self.first.results}
        return {r: left[storage(r)] for r in self.second.results}


def same_number(a: Value, b: Value) -> bool:
    return bool(a.constant == b.constant) and str(a.constant) == str(b.constant)


__all__ = ["extend_loops"]
