"""Part a loop that adds to one array at two places, so that each loop adds at one.

    for i in range(k):                        for i in range(k):
        x_bar[i] += g * x[k - 1 - i]              x_bar[i] += g * x[k - 1 - i]
        x_bar[k - 1 - i] += g * x[i]    ->    for i in range(k):
                                                  x_bar[k - 1 - i] += g * x[i]

LLVM vectorises a loop only if what a trip stores is not what another one loads. Elements get the same terms in another
order. The terms that are added first are made again from indices, from what is made before the loop, and from elements
that the loop stores into later in the same trip or never: only where that is cheap, and only in innermost loops that
nothing else keeps from being vectorised. Reads: structure, affine forms.

R. Allen, K. Kennedy, "Optimizing Compilers for Modern Architectures", section 2.4.2 (loop distribution).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..analysis.affine import Affine
from ..analysis.structure import find_structure
from ..analysis.sums import accumulates
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Block, Function, Op, Slot, Value, indices_of, leaves_early, loop_body, loop_slots
from ..ir.walk import exchanged, rename_op, substitute
from ..primitives import REGISTRY
from .align import same

WRITES = ("store", "accum")
PURE = ("load", "cast", "shape")
CHEAP = 6  # additions: what making terms again may cost
SHORT = 8  # trips: loops of which it is known that they make no more stay whole


def part_updates(function: Function) -> Function:
    affine = Affine(find_structure(function.body))
    return replace(function, body=parted_block(function.body, affine))


def parted_block(block: Block, affine: Affine) -> Block:
    """The block, with each loop in it in as many as are needed."""
    with Builder() as builder:
        for op in block.ops:
            if op.regions:
                op = replace(op, regions=tuple(parted_block(region, affine) for region in op.regions))
            while (first := Loop(op, affine).first_of_two()) is not None:
                made, op = first
                builder.append(made)
            builder.append(op)
    return replace(block, ops=tuple(builder.ops))


class Loop:
    """An innermost loop.

    `at` : the place of each op in the body.
    """

    def __init__(self, op: Op, affine: Affine) -> None:
        self.op, self.affine = op, affine

    def first_of_two(self) -> tuple[Op, Op] | None:
        """A loop of some of the additions, and the loop without them behind it; None if it stays whole."""
        if not self.is_plain():
            return None
        self.body = loop_body(self.op)
        self.index = self.body.parameters[0]
        self.made = {v: op for op in self.body.ops for v in op.results}
        self.at = {op: k for k, op in enumerate(self.body.ops)}
        for slot in loop_slots(self.op):
            if ty.is_array(slot[1].type) and (updates := self.updates_of(slot)):
                options = [(self.terms_of(update), update) for update in updates]
                found = [(terms, update) for terms, update in options if terms is not None]
                if found:
                    terms, update = min(found, key=lambda option: cost_of(option[0]))
                    if cost_of(terms) <= CHEAP:
                        return self.parted(slot, update, terms)
        return None

    def is_plain(self) -> bool:
        """Whether the loop only computes, loads, stores and sums up, and makes more than a few trips."""
        op = self.op
        if op.primitive != "for" or leaves_early(op):
            return False
        body = loop_body(op)
        if any(inner.primitive not in (*PURE, *WRITES, *REGISTRY) for inner in body.ops):
            return False
        trips = self.affine.form(op.operands[1]) - self.affine.form(op.operands[0])
        if not trips.terms and trips.constant <= SHORT:
            return False
        if not all(accumulates(body, p, y) for _, p, y, _ in loop_slots(op) if not ty.is_array(p.type)):
            return False
        return all(self.goes_along(inner) for inner in body.ops if inner.primitive in WRITES)

    def goes_along(self, write: Op) -> bool:
        """Whether a store is to the next element in each trip, or the one before."""
        forms = [self.affine.form(i) for i in indices_of(write)]
        index = loop_body(self.op).parameters[0]
        if len(forms) < write.operands[0].type.ndim or any(f.coefficient(index) for f in forms[:-1]):
            return False
        return abs(forms[-1].coefficient(index)) == 1 and all(map(self.is_set, indices_of(write)))

    def is_set(self, value: Value) -> bool:
        """Whether a form has nothing in it that a trip computes, but for the index of the loop."""
        body = loop_body(self.op)
        made = {v for op in body.ops for v in op.results} | set(body.parameters[1:])
        return all(v not in made for v, _ in self.affine.form(value).terms)

    def updates_of(self, slot: Slot) -> list[Op]:
        """What adds to an array that the loop carries, if that is at several places of one row and all that it does
        with the array."""
        _, parameter, yielded, _ = slot
        if not accumulates(self.body, parameter, yielded):
            return []
        updates = []
        while yielded is not parameter:
            op = self.made[yielded]
            updates.append(op)
            yielded = op.operands[0]
        return updates if self.at_several_places(updates) else []

    def at_several_places(self, updates: Sequence[Op]) -> bool:
        places = [[self.affine.form(i) for i in indices_of(update)] for update in updates]
        return any(
            all(map(same, mine[:-1], theirs[:-1])) and not same(mine[-1], theirs[-1])
            for mine in places
            for theirs in places
        )

    def terms_of(self, update: Op) -> list[Op] | None:
        """What makes the indices and the term of an addition; None if that cannot be made again before the loop."""
        needed: set[Op] = set()
        stack = list(update.operands[1:])
        while stack:
            value = stack.pop()
            op = self.made.get(value)
            if op is None:
                if value in self.body.parameters[1:]:
                    return None
                continue
            if op.primitive in WRITES or (op.primitive == "load" and not self.is_as_before(op)):
                return None
            if op not in needed:
                needed.add(op)
                stack += op.operands[1:] if op.primitive == "load" else op.operands
        return sorted(needed, key=self.at.__getitem__)

    def is_as_before(self, load: Op) -> bool:
        """Whether the loop has not stored into an element when it is loaded."""
        structure, where = self.affine.structure, indices_of(load)
        if structure.is_mixed(load.operands[0]) or len(where) < load.operands[0].type.ndim:
            return False
        storage = structure.storage(load.operands[0])
        return all(
            self.at[load] < self.at[write]
            and all(
                same(self.affine.form(i), self.affine.form(j))
                for i, j in zip(where, indices_of(write), strict=True)
            )
            and all(map(self.affine.is_never_negative, where))
            for write in self.body.ops
            if write.primitive in WRITES and structure.storage(write.operands[0]) is storage
        )

    def parted(self, slot: Slot, update: Op, terms: Sequence[Op]) -> tuple[Op, Op]:
        """The loop of an addition, and the loop without it, which starts with what the first one leaves."""
        initial = slot[0]
        names = {p: i for i, p, _, _ in loop_slots(self.op)}
        names[self.index] = Value(self.index.name, self.index.type)
        array, between = Value(initial.name, initial.type), Value(initial.name, initial.type)
        with Builder(update.location) as inside:
            for op in terms:
                inside.append(rename_op(op, names))
            names[update.operands[0]] = array
            end = rename_op(update, names)
            inside.append(end)
        first = replace(
            self.op,
            operands=(*self.op.operands[:3], initial),
            regions=(inside.block((names[self.index], array), end.results),),
            results=(between,),
        )
        rest = substitute(exchanged(self.body, {update: ()}), {update.result: update.operands[0]})
        operands = tuple(between if v is initial else v for v in self.op.operands)
        return first, replace(self.op, operands=operands, regions=(rest,))


def cost_of(ops: Sequence[Op]) -> float:
    return sum(REGISTRY[op.primitive].cost if op.primitive in REGISTRY else 1 for op in ops)


__all__ = ["part_updates"]
