"""Make the first and last trips of a loop apart, where only they go around an end of an array.

    for i in range(n):                            for i in range(min(1, n)):
        y[i] = x[(i + 1) % n] - x[i - 1]   ->         y[i] = x[(i + 1) % n] - x[i - 1]
                                                  for i in range(1, n - 1):
                                                      y[i] = x[i + 1] - x[i - 1]
                                                  for i in range(max(n - 1, 1), n):
                                                      y[i] = x[(i + 1) % n] - x[i - 1]

LLVM vectorises a loop whose indices move by one from trip to trip, which remainders do not, nor what is -1 at first.
The trips in between have the linear form instead of the remainder, and no negative index; the others stay as they are,
so that nothing depends on how many there are. A comparison that chooses an index, `0 if i == n - 1 else i + 1`, is
known in between too.

Only innermost loops that count up by one from a constant. Reads: structure, affine forms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..analysis.affine import Affine, Linear
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Function, Op, Value, indices_of, is_number, leaves_early, loop_body
from ..ir.walk import ops_within, rename, substitute
from .fold import COMPARISONS
from .rotate import ACCESSES, shifted
from .unsigned import is_innermost

MOST = 2  # trips at each end
LARGEST = 80  # ops of a body that is written three times
SHORT = 8  # trips: loops of which it is known that they make no more stay whole


def peel_loops(function: Function) -> Function:
    affine = Affine(find_structure(function.body))
    return replace(function, body=peeled_block(function.body, affine))


def peeled_block(block: Block, affine: Affine) -> Block:
    with Builder() as builder:
        for op in block.ops:
            if op.regions:
                op = replace(op, regions=tuple(peeled_block(region, affine) for region in op.regions))
            loop = Loop(op, affine) if counts_up(op) else None
            if loop is None or not loop.cuts:
                builder.append(op)
            else:
                loop.emit(builder)
    return replace(block, ops=tuple(builder.ops))


def counts_up(op: Op) -> bool:
    """Whether an op is an innermost loop over an index that counts up by one from a constant."""
    if op.primitive != "for" or leaves_early(op) or op.attributes.get("few_trips"):
        return False
    low, high, step = op.operands[:3]
    if (
        not low.is_constant
        or not is_number(step, 1)
        or (high.is_constant and high.constant <= low.constant + SHORT)
    ):
        return False
    return is_innermost(op) and len(list(ops_within(loop_body(op)))) <= LARGEST


@dataclass(frozen=True)
class Cut:
    """An op whose outcome is known in the trips from `first` on but for the `last` ones: the index and something, or
    what a comparison gives; None where only its indices are simpler there."""

    op: Op
    first: int
    last: int
    known: Value | int | None


class Loop:
    """A loop, and where it is to be cut."""

    def __init__(self, op: Op, affine: Affine) -> None:
        self.op, self.affine = op, affine
        self.index = loop_body(op).parameters[0]
        self.low: int = op.operands[0].constant
        self.high = affine.form(op.operands[1])
        accesses = [inner for inner in ops_within(loop_body(op)) if inner.primitive in ACCESSES]
        self.in_indices = {v for a in accesses for i in indices_of(a) for v, _ in affine.form(i).terms}
        self.cuts = [
            cut
            for inner in ops_within(loop_body(op))
            for cut in self.cuts_for(inner)
            if cut.first <= self.low + MOST and cut.last <= MOST and (cut.first > self.low or cut.last > 0)
        ]
        self.first = max((cut.first for cut in self.cuts), default=self.low)
        self.last = max((cut.last for cut in self.cuts), default=0)

    # ----------------------------------------------------------------------------------------- what is known

    def cuts_for(self, op: Op) -> Iterator[Cut]:
        if op.primitive in ACCESSES:
            for index in indices_of(op):
                away = self.away(self.affine.form(index))
                if away is not None and self.low + away < 0:
                    yield Cut(op, -away, 0, None)
        elif self.in_indices.intersection(op.results):
            cut = None
            if op.primitive == "mod":
                cut = self.without_remainder(op)
            elif op.primitive in ("select", "if"):
                test = self.affine.structure.maker.get(op.operands[0])
                cut = self.decided(test) if test is not None and test.primitive in COMPARISONS else None
            if cut is not None:
                yield cut

    def away(self, form: Linear) -> int | None:
        """What a form is more than the index, if that is constant."""
        rest = form - Linear(((self.index, 1),))
        return None if rest.terms else rest.constant

    def beyond(self, form: Linear) -> int | None:
        """What a form is more than the end of the range, if that is constant."""
        rest = form - self.high
        return None if rest.terms else rest.constant

    def without_remainder(self, op: Op) -> Cut | None:
        """`(i + c) % n` is `i + c` in trips from -c on that end c before n; so is `(i + c + n) % n`."""
        dividend, divisor = map(self.affine.form, op.operands)
        end = self.beyond(divisor)
        if end is None:
            return None
        for times in (0, 1, -1):
            form = dividend - divisor.scaled(times)
            away = self.away(form)
            if away is not None:
                return Cut(op, max(self.low, -away), max(0, away - end), away)
        return None

    def decided(self, test: Op) -> Cut | None:
        """A comparison of the index with a number near one end of the range."""
        difference = self.affine.form(test.operands[0]) - self.affine.form(test.operands[1])
        sign = difference.coefficient(self.index)
        if abs(sign) != 1:
            return None
        limit = Linear(((self.index, 1),)) - difference.scaled(sign)
        holds_above = (test.primitive in ("gt", "ge")) == (sign > 0)
        differs = test.primitive == "ne" if test.primitive in ("eq", "ne") else None
        if not limit.terms:
            above = holds_above if differs is None else differs
            return Cut(test, limit.constant + 1, 0, constant(above, ty.boolean))
        end = self.beyond(limit)
        if end is None:
            return None
        below = not holds_above if differs is None else differs
        return Cut(test, self.low, -end, constant(below, ty.boolean))

    # ----------------------------------------------------------------------------------------- the loops in its place

    def emit(self, builder: Builder) -> None:
        builder.location = self.op.location
        low, high, step = self.op.operands[:3]
        first = constant(self.first, ty.int64)
        end = builder.emit("sub", (high, constant(self.last, ty.int64)), ty.int64) if self.last else high
        few = {**self.op.attributes, "few_trips": True}
        parts = [(first, end, self.between(), self.op.attributes)]
        if self.first > self.low:
            until = builder.emit("min", (first, high), ty.int64)
            parts.insert(0, (low, until, rename(loop_body(self.op), {}), few))
        if self.last:
            start = builder.emit("max", (end, first), ty.int64)
            parts.append((start, high, rename(loop_body(self.op), {}), few))
        if self.op.attributes.get("descending"):
            parts.reverse()
        values = self.op.operands[3:]
        for k, (start, stop, body, attributes) in enumerate(parts):
            results = self.op.results
            if k < len(parts) - 1:
                results = tuple(Value(v.name, v.type) for v in results)
            operands = (start, stop, step, *values)
            builder.append(
                replace(self.op, operands=operands, regions=(body,), results=results, attributes=attributes)
            )
            values = results

    def between(self) -> Block:
        """The body in the trips in between."""
        known: dict[Value, Value] = {}
        with Builder(self.op.location) as builder:
            for cut in self.cuts:
                if isinstance(cut.known, Value):
                    known[cut.op.result] = cut.known
                elif cut.known is not None and cut.op.result not in known:
                    known[cut.op.result] = shifted(builder, self.index, cut.known)
        body = loop_body(self.op)
        return substitute(replace(body, ops=(*builder.ops, *body.ops)), known)


__all__ = ["peel_loops"]
