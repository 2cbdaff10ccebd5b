"""A nest of loops as what it reads, writes and sums, and whether its trips may part.

    for i in range(n):                accesses  z[i]  x[i]  y[i + 1] +=
        t = z[i] * x[i]               sums      s: t over i
        y[i + 1] += t                 ranges    i: 0 <= i < n
        s += t

`look_at` collects them, `check_independent` compares any two accesses: statements on whole arrays may take the place
of the nest if no trip needs another one. `loops_to_run` gives the loops without which elements of others need not
exist. Reads: structure, affine forms, what is known of integers there. Edits nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..analysis.affine import Linear
from ..analysis.ranges import ONE
from ..ir import types as ty
from ..ir.core import Op, Value, indices_of, is_number, leaves_early, loop_body, loop_slots
from ..ir.walk import ops_within
from ..primitives import REGISTRY

if TYPE_CHECKING:
    from .vectorise import Scope


class StaysLoop(Exception):
    """A nest that is not written as statements on whole arrays."""


@dataclass(frozen=True)
class Range:
    """The indices of a loop, upwards: `stop` are forms that give the same trips, from `start` on with `step`."""

    start: Linear
    stop: tuple[Linear, ...]
    step: int


@dataclass(frozen=True)
class Access:
    """A load, store or accum of an element in a nest."""

    op: Op
    root: Value
    loops: tuple[Op, ...]
    forms: tuple[Linear, ...]
    sign: str = "+"

    @property
    def adds(self) -> bool:
        return self.op.primitive == "accum"


@dataclass(frozen=True)
class Term:
    """What a sum has in it: a number of each trip of the loops `over`."""

    sign: int
    value: Value
    over: tuple[Op, ...]


class Nest:
    """One nest of loops."""

    def __init__(self, scope: Scope, loop: Op) -> None:
        self.scope, self.loop = scope, loop
        self.affine, self.structure = scope.affine, scope.structure
        self.roots: dict[Value, Value] = {}  # array versions of the nest, and what they were before it
        self.names: dict[Value, str] = {}
        self.ranges: dict[Op, Range] = {}
        self.index: dict[Value, Op] = {}
        self.accesses: list[Access] = []
        self.sums: dict[Value, tuple[Value, list[Term]]] = {}
        self.continued: set[Value] = set()  # sums that go on in a loop around
        self.inside: set[Value] = set()

    # ------------------------------------------------------------------------------------- what is in it

    def look_at(self, loop: Op, around: tuple[Op, ...]) -> None:
        """Collect the accesses of a loop and the sums that it carries."""
        if leaves_early(loop) or not loop.operands[2].is_constant:
            raise StaysLoop
        body, loops = loop_body(loop), (*around, loop)
        self.index[body.parameters[0]] = loop
        self.inside.update(body.parameters, loop.results)
        self.ranges[loop] = self.range_of(loop)
        for initial, parameter, _, result in loop_slots(loop):
            if ty.is_array(initial.type):
                root = self.roots[parameter] = self.roots[result] = self.root(initial)
                self.names.setdefault(root, initial.name or parameter.name or result.name)
        for op in body.ops:
            self.inside.update(op.results)
            match op.primitive:
                case "for":
                    self.look_at(op, loops)
                case "load" | "store" | "accum":
                    self.access(op, loops)
                case "if":
                    for inner in (inner for region in op.regions for inner in ops_within(region)):
                        if inner.regions or not is_pure(inner):
                            raise StaysLoop
                        self.inside.update(inner.results)
                case _ if not is_pure(op):
                    raise StaysLoop
        for initial, parameter, yielded, result in loop_slots(loop):
            if ty.is_array(initial.type):
                if self.root(yielded) is not self.root(initial):
                    raise StaysLoop
            elif result not in self.scope.folds:
                self.sums[result] = initial, self.terms(yielded, parameter, (loop,))

    def range_of(self, loop: Op) -> Range:
        form = self.affine.form
        low, high, step = loop.operands[:3]
        if step.constant > 0:
            positive = self.scope.ranges.proves(form(low))
            stops = (form(high), *(self.unclipped(high) if positive else ()))
            return Range(form(low), stops, step.constant)
        if step.constant == -1:
            return Range(form(high) + ONE, (form(low) + ONE,), 1)
        raise StaysLoop

    def unclipped(self, high: Value) -> Iterator[Linear]:
        """`n` for `max(n, 0)`: a range has no negative length."""
        made = self.structure.maker.get(high)
        if made is not None and made.primitive == "max" and high in made.results:
            for a, b in (made.operands, made.operands[::-1]):
                if is_number(b, 0):
                    yield self.affine.form(a)

    def access(self, op: Op, loops: tuple[Op, ...]) -> None:
        array = op.operands[0]
        where = indices_of(op)
        if len(where) != array.type.ndim or "slices" in op.attributes:
            raise StaysLoop
        if op.primitive != "load":
            self.roots[op.result] = self.root(array)
        forms = tuple(map(self.affine.form, where))
        access = Access(op, self.root(array), loops, forms)
        self.accesses.append(self.added(access) if op.primitive == "store" else access)

    def added(self, store: Access) -> Access:
        """A store of a sum with what the element holds is an addition to it."""
        array, *where, value = store.op.operands
        made = self.structure.maker.get(value)
        if made is None or made.primitive not in ("add", "sub") or value not in self.inside:
            return store
        sides = [made.operands] if made.primitive == "sub" else [made.operands, made.operands[::-1]]
        for old, more in sides:
            load = next((a for a in self.accesses if a.op.results == (old,)), None)
            if (
                load is not None
                and load.op.operands[0] is array
                and load.forms == store.forms
                and load.loops == store.loops
                and more.type == old.type == array.type.dtype
                and self.scope.uses[old] == self.scope.uses[value] == 1
            ):
                self.accesses.remove(load)
                added = replace(store.op, primitive="accum", operands=(array, *where, more))
                return replace(store, op=added, sign="+" if made.primitive == "add" else "-")
        return store

    def root(self, version: Value) -> Value:
        if version in self.roots:
            return self.roots[version]
        if version in self.inside:
            raise StaysLoop
        return version

    def terms(self, value: Value, start: Value, over: tuple[Op, ...]) -> list[Term]:
        """What is added to the number that a loop carries, in one trip of it, if nothing else is done with that."""
        if self.scope.uses[value] != 1:
            raise StaysLoop
        if value is start:
            return []
        made = self.structure.maker.get(value)
        if made is None or value not in made.results:
            raise StaysLoop
        if made.primitive in ("add", "sub"):
            a, b = made.operands
            if self.leads_to(a, start):
                return [*self.terms(a, start, over), Term(1 if made.primitive == "add" else -1, b, over)]
            if made.primitive == "add" and self.leads_to(b, start):
                return [*self.terms(b, start, over), Term(1, a, over)]
        if made.primitive == "for" and value in self.sums:
            initial, inner = self.sums[value]
            self.continued.add(value)
            outer = self.terms(initial, start, over)
            return [*outer, *(replace(term, over=(*over, *term.over)) for term in inner)]
        raise StaysLoop

    def leads_to(self, value: Value, start: Value) -> bool:
        while value is not start:
            made = self.structure.maker.get(value)
            if made is None or value not in made.results or value not in self.inside:
                return False
            if made.primitive in ("add", "sub"):
                a, b = made.operands
                if made.primitive == "add" and self.leads_to(b, start):
                    return True
                value = a
            elif value in self.sums:
                value = self.sums[value][0]
            else:
                return False
        return True

    def maker(self, value: Value) -> Op | None:
        """The op of the nest that makes a value."""
        made = self.structure.maker.get(value)
        return made if made is not None and value in self.inside and value in made.results else None

    # ----------------------------------------------------------------------------- whether trips may part

    def check_independent(self) -> None:
        """Refuse unless an element that is written is touched by one trip only, or only added to."""
        written = {access.root for access in self.accesses if access.op.primitive != "load"}
        for k, first in enumerate(self.accesses):
            if first.root not in written:
                continue
            for second in self.accesses[k:]:
                if second.root is not first.root or (first.adds and second.adds):
                    continue
                if first is second and first.op.primitive == "load":
                    continue
                common = [a for a, b in zip(first.loops, second.loops, strict=False) if a is b]
                if not all(self.tells_apart(loop, first, second) for loop in common):
                    raise StaysLoop

    def tells_apart(self, loop: Op, first: Access, second: Access) -> bool:
        """Whether different trips of a loop are at different elements."""
        index = loop_body(loop).parameters[0]
        return any(
            a == b and a.coefficient(index) and self.loops_in(a) == {loop}
            for a, b in zip(first.forms, second.forms, strict=True)
        )

    def loops_in(self, form: Linear) -> set[Op]:
        found = set()
        for value, _ in form.terms:
            if value in self.index:
                found.add(self.index[value])
            elif value in self.inside or self.loop in self.structure.home.get(value, ()):
                raise StaysLoop
        return found

    # --------------------------------------------------------------------------- whether slices may be short

    def loops_to_run(self) -> list[Op]:
        """The loops without which elements need not exist that statements would reach.

        To loops that does not matter, as they then read nothing; slices would be shorter than others.
        """
        found: dict[Op, None] = {}
        for access in self.accesses:
            for k, form in enumerate(access.forms):
                along = self.loops_in(form)
                others = [loop for loop in access.loops if loop not in along and not self.runs(loop)]
                exists = self.fits if along else self.is_in_range
                if others and not exists(access.root, k, form):
                    found.update(dict.fromkeys(others))
        for loop in found:
            span = self.ranges[loop]
            if any(map(self.loops_in, (span.start, *span.stop))):
                raise StaysLoop
        return [loop for loop in self.ranges if loop in found]

    def runs(self, loop: Op) -> bool:
        """Whether a loop certainly has a trip."""
        span = self.ranges[loop]
        return any(self.scope.ranges.proves(stop - span.start - ONE) for stop in span.stop)

    def is_around_all(self, loop: Op) -> bool:
        """Whether a nest leaves everything as it was if one of its loops has no trips."""
        slots = loop_slots(self.loop)
        return (
            not any(result in self.scope.folds for _, _, _, result in slots)
            and all(loop in access.loops for access in self.accesses if access.op.primitive != "load")
            and all(
                loop in term.over
                for _, _, _, result in slots
                if result in self.sums
                for term in self.sums[result][1]
            )
        )

    def fits(self, array: Value, k: int, form: Linear) -> bool:
        """Whether the indices of an axis exist in all trips of a loop, also where another one has none."""
        loop, c, rest = self.along(form)
        span = self.ranges[loop]
        ends = [stop - ONE for stop in span.stop] if c > 0 else [span.start]
        beyond = [length - end.scaled(c) - rest - ONE for end in ends for length in self.lengths_of(array, k)]
        return any(self.scope.ranges.proves(self.scope.normal(form)) for form in beyond)

    def is_in_range(self, array: Value, k: int, form: Linear) -> bool:
        """Whether an index certainly exists."""
        proves = self.scope.ranges.proves
        return proves(form) and proves(self.affine.length(array, k) - form - ONE)

    def lengths_of(self, array: Value, k: int) -> Iterator[Linear]:
        """The length of an axis, as one or two forms of which that is the larger of each and 0."""
        length = self.affine.length(array, k)
        yield length
        if len(length.terms) == 1 and not length.constant:
            ((value, c),) = length.terms
            if c == 1:
                yield from self.unclipped(value)

    def along(self, form: Linear) -> tuple[Op, int, Linear]:
        """The only loop in the index of an axis, its coefficient, and the rest."""
        loops = self.loops_in(form)
        if len(loops) != 1:
            raise StaysLoop
        (loop,) = loops
        span = self.ranges[loop]
        if any(map(self.loops_in, (span.start, *span.stop))):
            raise StaysLoop
        index = loop_body(loop).parameters[0]
        c = form.coefficient(index)
        return loop, c, form - Linear(((index, c),))

    def is_last(self, access: Access) -> bool:
        """Whether nothing of the nest touches an array after an access."""
        places = [k for k, other in enumerate(self.accesses) if other.op.results == access.op.results]
        return not any(other.root is access.root for other in self.accesses[places[0] + 1 :])

    def after(self, root: Value) -> Value:
        """The version of an array behind the nest."""
        return next((slot[3] for slot in loop_slots(self.loop) if slot[0] is root), root)


def is_pure(op: Op) -> bool:
    """Whether an op of a trip only computes a number."""
    return len(op.results) == 1 and (op.primitive in REGISTRY or op.primitive in ("cast", "shape"))


__all__ = ["Access", "Nest", "StaysLoop"]
