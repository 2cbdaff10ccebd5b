"""One nest of loops as statements on whole arrays, or `StaysLoop` where it cannot be written so.

    for i in range(n):                     z[:n]  x[:n]            where it reads
        t = z[i] * x[i]             ->     z[:n] * x[:n]           a number of each trip: an array with an axis per loop
        y[i + 1] += t                      y[1:1 + n] += ...       an update
        s += t                             s + np.sum(...)         what the loop carries

`look_at` collects the accesses and the sums of a nest, `check_independent` compares any two accesses, then the updates
are written in the order of the program. Those of arrays that the nest also reads wait to its end. Reads: structure,
affine forms, what is known of integers there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.affine import Linear
from ..analysis.ranges import ONE
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Op, Value, indices_of, is_number, leaves_early, loop_body, loop_slots
from ..ir.types import Type
from ..ir.walk import ops_within
from ..primitives import REGISTRY
from .assign import makes_zeros
from .bounds import joined

if TYPE_CHECKING:
    from .vectorise import Scope

ATOM, LOWEST = 100, 0
ARITHMETIC = {"add", "sub", "mul", "div", "pow", "neg", "mod", "floordiv"}
COMPARISONS = {"lt", "le", "gt", "ge", "eq", "ne"}
TEXTS = {  # rows that are written otherwise on arrays, and how tightly that binds
    "abs": ("np.abs({})", ATOM),
    "modulus": ("np.abs({})", ATOM),
    "conj": ("np.conj({})", ATOM),
    "real": ("{}.real", ATOM),
    "imag": ("{}.imag", ATOM),
    "and": ("{} & {}", 7),
    "or": ("{} | {}", 5),
    "not": ("~{}", 11),
    "select": ("np.where({}, {}, {})", ATOM),
}
UNWRITTEN = {"complex", "sinc", "exp2_math", "float_power", "gcd", "lshift", "rshift", "attach", "bisection"}


class StaysLoop(Exception):
    """A nest that is not written as statements on whole arrays."""


@dataclass(frozen=True)
class Range:
    """The indices of a loop, upwards: `stop` are forms that give the same trips, from `start` on with `step`."""

    start: Linear
    stop: tuple[Linear, ...]
    step: int


@dataclass(frozen=True)
class Axis:
    """An axis of an access: at one index, or along a loop; the text of the subscript and the values in it."""

    text: str
    values: tuple[Value, ...]
    loop: Op | None = None
    is_whole: bool = False
    is_reversed: bool = False


@dataclass(frozen=True)
class Elements:
    """A number of each trip as one array: its axes are the loops that it differs in.

    `place` is where it is read from, for what is no new memory.
    """

    value: Value
    axes: tuple[Op, ...]
    place: tuple[Value, tuple[Axis, ...]] | None = None


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
    """One nest of loops, to be written as statements."""

    def __init__(self, scope: Scope, loop: Op, builder: Builder) -> None:
        self.scope, self.loop, self.builder = scope, loop, builder
        self.affine, self.structure = scope.affine, scope.structure
        self.roots: dict[Value, Value] = {}  # array versions of the nest, and what they were before it
        self.names: dict[Value, str] = {}
        self.current: dict[Value, Value] = {}  # the versions that the statements have made of those
        self.ranges: dict[Op, Range] = {}
        self.index: dict[Value, Op] = {}
        self.accesses: list[Access] = []
        self.sums: dict[Value, tuple[Value, list[Term]]] = {}
        self.continued: set[Value] = set()  # sums that go on in a loop around
        self.known: dict[Value, Elements] = {}
        self.inside: set[Value] = set()
        self.late: list[tuple[Access, Elements, str]] = []
        self.taken: set[Value] = set()  # arrays that have become one that the program names
        self.guards: list[Op] = []  # loops that have trips where statements are written now
        self.inner_guards: list[Op] = []  # loops that must have trips where statements of theirs are written

    # ------------------------------------------------------------------------------------- what is in it

    def write(self) -> None:
        self.look_at(self.loop, ())
        self.check_independent()
        needed = self.loops_to_run()
        around_all = [loop for loop in needed if self.is_around_all(loop)]
        self.inner_guards = [loop for loop in needed if loop not in around_all]
        slots = [
            slot for slot in loop_slots(self.loop) if ty.is_array(slot[0].type) or self.scope.uses[slot[3]]
        ]
        initial = tuple(slot[0] for slot in slots)
        with self.running(around_all, initial) as results:
            self.loops_in_order(self.loop, ())
            self.flush()
            results += (self.final(slot[0], slot[3]) for slot in slots)
        self.scope.became.update(zip((slot[3] for slot in slots), results, strict=True))

    def final(self, initial: Value, result: Value) -> Value:
        if ty.is_array(initial.type):
            return self.current.get(initial, initial)
        if result not in self.known:
            raise StaysLoop
        return self.known[result].value

    @contextmanager
    def running(self, loops: Sequence[Op], before: Sequence[Value]) -> Iterator[list[Value]]:
        """Write under an `if` that says that some loops have trips; without trips, the results are as `before`."""
        results: list[Value] = []
        if not loops:
            yield results
            return
        around, known, guards = self.builder, dict(self.known), self.guards
        spans = [span.stop[-1] - span.start for span in map(self.ranges.__getitem__, loops)]
        runs = [
            around.compare("gt", self.scope.emitted(Linear(span.terms), around), -span.constant)
            for span in spans
        ]
        condition = joined(around, "and", runs)
        self.scope.ranges.layers.append([span - ONE for span in spans])
        self.guards = [*guards, *loops]
        try:
            with Builder(around.location) as self.builder:
                yield results
        finally:
            self.scope.ranges.layers.pop()
        then, self.builder, self.known, self.guards = self.builder, around, known, guards
        arms = then.block((), results), Block((), (), tuple(before))
        results[:] = [Value(v.name or old.name, v.type) for v, old in zip(results, before, strict=True)]
        around.region("if", (condition,), arms, results)

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

    # ---------------------------------------------------------------------------------------- statements

    def loops_in_order(self, loop: Op, around: tuple[Op, ...]) -> None:
        """Write the updates in the order of the program; loads are made where they are, sums where they end."""
        for op in loop_body(loop).ops:
            self.builder.location = op.location
            if op.primitive == "for":
                self.loops_in_order(op, (*around, loop))
            elif op.primitive in ("load", "store", "accum"):
                access = next((a for a in self.accesses if a.op.results == op.results), None)
                if access is None:
                    continue  # it is only added to
                if op.primitive == "load":
                    self.known[op.result] = self.loaded(access)
                else:
                    self.update(access)
        for initial, _, _, result in loop_slots(loop):
            if result in self.scope.extremes:
                self.extreme(result)
            elif not ty.is_array(initial.type) and self.scope.uses[result] and result in self.sums:
                if result not in self.continued:
                    self.known[result] = self.summed(result)

    def is_last(self, access: Access) -> bool:
        """Whether nothing of the nest touches an array after an access."""
        places = [k for k, other in enumerate(self.accesses) if other.op.results == access.op.results]
        return not any(other.root is access.root for other in self.accesses[places[0] + 1 :])

    def loaded(self, access: Access) -> Elements:
        array = self.current.get(access.root, access.root)
        axes = self.axes(access)
        loops = tuple(axis.loop for axis in axes if axis.loop is not None)
        if len(set(loops)) != len(loops):
            raise StaysLoop
        if not loops:
            return Elements(self.element(access, array), ())
        later = self.accesses[self.accesses.index(access) + 1 :]
        writes = [a for a in later if a.root is access.root and a.op.primitive != "load"]
        found = Elements(self.view(array, axes, loops), loops, (array, axes))
        if any(not self.is_last(write) for write in writes):
            return self.copied(found)
        return found

    def element(self, access: Access, array: Value) -> Value:
        """A number that all trips read, which exists although there may be no trip."""
        for k, form in enumerate(access.forms):
            self.require_in_range(access, k, form)
        where = [self.scope.emitted(form, self.builder) for form in access.forms]
        return self.builder.emit("load", (array, *where), access.op.result.type)

    def require_in_range(self, access: Access, k: int, form: Linear) -> None:
        """Refuse where an index might not exist, which does not matter to a loop without trips."""
        if not self.is_in_range(access.root, k, form):
            if not all(loop in self.guards or self.runs(loop) for loop in access.loops):
                raise StaysLoop
            if not self.scope.ranges.proves(form):
                raise StaysLoop  # it would count from the end

    def is_in_range(self, array: Value, k: int, form: Linear) -> bool:
        proves = self.scope.ranges.proves
        return proves(form) and proves(self.affine.length(array, k) - form - ONE)

    def axes(self, access: Access) -> tuple[Axis, ...]:
        pairs = zip(access.forms, indices_of(access.op), strict=True)
        return tuple(self.axis(access, k, form, index) for k, (form, index) in enumerate(pairs))

    def axis(self, access: Access, k: int, form: Linear, index: Value) -> Axis:
        """The subscript of an axis for all trips of the nest."""
        array = access.root
        if not self.loops_in(form):
            self.require_in_range(access, k, form)
            if index in self.inside:
                index = self.scope.emitted(form, self.builder)
            return Axis("{}", (index,))
        loop, c, rest = self.along(form)
        span = self.ranges[loop]
        if c > 0:
            start = span.start.scaled(c) + rest
            stops = [stop.scaled(c) + rest for stop in span.stop]
            return self.sliced(array, k, start, stops, c * span.step, loop)
        if c == -1 and span.step == 1:
            starts, stop = [rest - stop + ONE for stop in span.stop], rest - span.start + ONE
            found = next((s for s in starts if self.scope.ranges.proves(s)), None)
            if found is not None:
                return replace(self.sliced(array, k, found, [stop], 1, loop), is_reversed=True)
        raise StaysLoop

    def sliced(self, array: Value, k: int, start: Linear, stops: list[Linear], step: int, loop: Op) -> Axis:
        if not self.scope.ranges.proves(start):
            raise StaysLoop  # it would count from the end
        normal = self.scope.normal
        lengths = [normal(form) for form in self.lengths_of(array, k)]
        values: list[Value] = []
        first = last = ""
        if start.terms:
            values.append(self.scope.emitted(start, self.builder))
            first = "{}"
        elif start.constant:
            first = str(start.constant)
        differences = (normal(stop) - length for stop in stops for length in lengths)
        beyond = [d.constant for d in differences if not d.terms]
        if any(d > 0 for d in beyond):
            raise StaysLoop
        if beyond:
            last = str(beyond[0]) if beyond[0] else ""
        else:
            end = next((stop for stop in stops if self.scope.ranges.proves(stop)), None)
            value = self.scope.emitted(stops[-1] if end is None else end, self.builder)
            if end is None:
                value = self.builder.emit("max", (value, constant(0, ty.int64)), ty.int64)
            values.append(value)
            last = "{}"
        text = f"{first}:{last}" + (f":{step}" if step != 1 else "")
        return Axis(text, tuple(values), loop, is_whole=text == ":")

    def lengths_of(self, array: Value, k: int) -> Iterator[Linear]:
        """The length of an axis, as one or two forms of which that is the larger of each and 0."""
        length = self.affine.length(array, k)
        yield length
        if len(length.terms) == 1 and not length.constant:
            ((value, c),) = length.terms
            if c == 1:
                yield from self.unclipped(value)

    def view(
        self, array: Value, axes: Sequence[Axis], order: tuple[Op, ...], target: tuple[Op, ...] | None = None
    ) -> Value:
        """The part of an array, with axes of length 1 where it lacks a loop of `target`."""
        target = order if target is None else target
        while target and target[0] not in order:
            target = target[1:]
        if any(axis.is_reversed for axis in axes):
            return self.reversed(array, axes, order, target)
        pieces: list[str] = []
        values: list[Value] = []
        missing = list(target)
        for axis in axes:
            while axis.loop is not None and missing[0] is not axis.loop:
                pieces.append("None")
                missing.pop(0)
            if axis.loop is not None:
                missing.pop(0)
            pieces.append(axis.text)
            values += axis.values
        pieces += ["None"] * len(missing)
        while pieces and pieces[-1] == ":":
            pieces.pop()
        if not pieces:
            return array
        rows = all(piece == "{}" for piece in pieces[:-1]) and pieces[-1].count(":") < 2
        is_block = rows and pieces[-1] != "None" and array.type.layout == "C"
        type = ty.array(array.type.dtype, len(target), "C" if is_block else "A")
        return self.numpy(f"{{}}[{', '.join(pieces)}]", (array, *values), type, above=(ATOM,), view=True)

    def reversed(
        self, array: Value, axes: Sequence[Axis], order: tuple[Op, ...], target: tuple[Op, ...]
    ) -> Value:
        """A part that is read backwards along some axes."""
        part = self.view(array, [replace(axis, is_reversed=False) for axis in axes], order)
        along = [axis for axis in axes if axis.loop is not None]
        pieces = ["::-1" if axis.is_reversed else ":" for axis in along]
        while pieces[-1] == ":":
            pieces.pop()
        type = ty.array(array.type.dtype, len(order), "A")
        turned = self.numpy(f"{{}}[{', '.join(pieces)}]", (part,), type, above=(ATOM,), view=True)
        return turned if target == order else self.spread(turned, order, target)

    def copied(self, part: Elements) -> Elements:
        """The elements in memory of their own."""
        type = ty.array(part.value.type.dtype, len(part.axes))
        return Elements(self.numpy("{}.copy()", (part.value,), type, above=(ATOM,)), part.axes)

    def update(self, access: Access) -> None:
        """The statement for a store or an addition."""
        before = self.current.get(access.root, access.root)
        guards = [loop for loop in access.loops if loop in self.inner_guards]
        if guards:
            self.lower_around(access.op.operands[-1], guards)
        with self.running(guards, (before,)) as results:
            self.update_now(access)
            if guards:
                results.append(self.current[access.root])
        if guards:
            self.current[access.root] = results[0]

    def lower_around(self, value: Value, loops: Sequence[Op]) -> None:
        """Lower the parts of a value that some loops do not compute, for others to use as well."""
        made = self.maker(value)
        if made is None or made.primitive == "for" or value in self.known:
            return
        if not any(loop in self.structure.home[value] for loop in loops):
            self.lowered(value)
            return
        for operand in made.operands:
            self.lower_around(operand, loops)

    def update_now(self, access: Access) -> None:
        op = access.op
        value, sign = op.operands[-1], access.sign
        if access.adds:
            made = self.maker(value)
            if made is not None and made.primitive == "neg":
                value, sign = made.operands[0], "-" if sign == "+" else "+"
        loops = tuple(loop for form in access.forms for loop in self.loops_in(form))
        over = tuple(loop for loop in access.loops if loop not in loops)
        elements = self.reduced(value, over) if access.adds else self.lowered(value)
        if any(loop in over for loop in elements.axes):
            raise StaysLoop
        is_read = any(a.root is access.root and a.op.primitive == "load" for a in self.accesses)
        if is_read and self.is_last(access):
            if any(loop in self.inner_guards for loop in self.guards):
                raise StaysLoop
            self.late.append((access, elements, sign))
        else:
            self.put(access, elements, sign)

    def flush(self) -> None:
        """Write what has waited until everything else has been read."""
        late = self.late
        for k, (access, elements, sign) in enumerate(late):
            if len(late) > 1 and elements.place is not None and elements.axes:
                late[k] = access, self.copied(elements), sign
        for access, elements, sign in late:
            self.put(access, elements, sign)

    def put(self, access: Access, elements: Elements, sign: str) -> None:
        op, root = access.op, access.root
        array = self.current.get(root, root)
        axes = self.axes(access)
        loops = tuple(axis.loop for axis in axes if axis.loop is not None)
        if len(set(loops)) != len(loops) or any(axis.is_reversed for axis in axes):
            raise StaysLoop
        elements = self.cast(elements, root.type.dtype)
        if not loops:
            index = tuple(value for axis in axes for value in axis.values)
            value = self.signed(elements.value, sign)
            self.current[root] = self.updated(op, array, index, value, {})
            return
        whole = all(axis.is_whole for axis in axes)
        if whole and self.becomes(access, elements, loops, sign):
            return
        value = self.aligned(elements, loops) if elements.axes else elements.value
        pieces = [axis.text for axis in axes]
        while pieces and pieces[-1] == ":":
            pieces.pop()
        part = ", ".join(pieces) or ("" if access.adds else ":")
        value = self.signed(value, sign)
        values = tuple(v for axis in axes for v in axis.values)
        self.current[root] = self.updated(op, array, values, value, {"slices": part})

    def signed(self, value: Value, sign: str) -> Value:
        """The value or, in a form that is printed as `-=`, its negative."""
        return self.builder.emit("neg", (value,), value.type) if sign == "-" else value

    def updated(
        self, op: Op, array: Value, where: tuple[Value, ...], value: Value, attributes: dict[str, Any]
    ) -> Value:
        name = op.result.name
        return self.builder.emit(op.primitive, (array, *where, value), array.type, attributes, name)

    def becomes(self, access: Access, elements: Elements, loops: tuple[Op, ...], sign: str) -> bool:
        """Let an array that has nothing in it yet be the elements themselves."""
        op, root = access.op, access.root
        made = self.scope.allocated.get(root)
        if self.guards or made is None or root in self.current or not self.is_last(access):
            return False
        if access.adds and not makes_zeros(made) or self.scope.uses[root] != 1:
            return False
        if made.attributes.get("tape") and len(loops) != root.type.ndim:
            return False
        if not elements.axes:
            if made.primitive == "alloc":
                return False
            like = made.operands[0]
            value = self.signed(elements.value, sign)
            self.current[root] = self.numpy(
                "np.full_like({}, {})", (like, value), root.type, name=self.names.get(root, root.name)
            )
            return True
        if set(elements.axes) != set(loops):
            return False
        if elements.axes != loops:
            elements = Elements(self.aligned(elements, loops), loops, elements.place)
        if sign == "-":
            value = self.numpy("-{}", (elements.value,), self.fresh(elements), 11, (11,))
            elements = Elements(value, loops)
        name = self.names.get(root, root.name)
        if elements.place is None and elements.value not in self.taken:
            for k, maker in enumerate(self.builder.ops):
                if maker.results == (elements.value,) and not maker.attributes.get("view"):
                    named = Value(name, elements.value.type)
                    self.builder.ops[k] = replace(maker, results=(named,))
                    self.scope.became[elements.value] = named
                    self.current[root] = elements.value
                    self.taken.add(elements.value)
                    return True
        source = self.held_by(op.operands[-1], elements)
        if not name and source is not None and self.is_only_read(root) and not self.is_written(source):
            self.current[root] = elements.value
            return True
        copy = self.numpy("{}.copy()", (elements.value,), root.type, ATOM, (ATOM,), name=name)
        self.current[root] = copy
        return True

    def held_by(self, value: Value, elements: Elements) -> Value | None:
        """The array, as it was before the nest, that these elements are all of."""
        if elements.place is not None:
            if elements.value is not elements.place[0]:
                return None  # only a part of it
            made = self.maker(value)
            is_load = made is not None and made.primitive == "load"
            return self.root(made.operands[0]) if made is not None and is_load else None
        return next((root for root, now in self.current.items() if now is elements.value), None)

    def after(self, root: Value) -> Value:
        """The version of an array behind the nest."""
        return next((slot[3] for slot in loop_slots(self.loop) if slot[0] is root), root)

    def is_written(self, root: Value) -> bool:
        return self.after(root) in self.scope.written

    def is_only_read(self, root: Value) -> bool:
        """Whether an array is not written after the nest, nor a result of the function."""
        return not self.is_written(root) and self.after(root) not in self.scope.results

    def fresh(self, elements: Elements) -> Type:
        return ty.array(ty.element(elements.value.type), len(elements.axes))

    # ------------------------------------------------------------------------------------------- values

    def maker(self, value: Value) -> Op | None:
        """The op of the nest that makes a value."""
        made = self.structure.maker.get(value)
        return made if made is not None and value in self.inside and value in made.results else None

    def lowered(self, value: Value) -> Elements:
        """A number of each trip, as an array."""
        if value not in self.known:
            self.known[value] = self.lower(value)
        return self.known[value]

    def lower(self, value: Value) -> Elements:
        if value.is_constant or value not in self.inside:
            return Elements(value, ())
        if value in self.index:
            return self.indices(self.index[value])
        made = self.maker(value)
        if made is None:
            raise StaysLoop
        if made.primitive == "for" and value in self.sums:
            return self.summed(value)
        if made.primitive == "if":
            then, otherwise = (region.results[made.results.index(value)] for region in made.regions)
            return self.chosen(made.operands[0], then, otherwise, value.type)
        if made.primitive == "shape":
            array = made.operands[0]
            root = self.root(array)
            return Elements(self.builder.emit("shape", (root,), ty.int64, made.attributes), ())
        if made.primitive == "select":
            condition, a, b = made.operands
            return self.chosen(condition, a, b, value.type)
        parts = [self.lowered(x) for x in made.operands]
        if not any(part.axes for part in parts):
            if made.primitive in ("floordiv", "mod") and ty.is_integer(value.type):
                raise StaysLoop
            operands = tuple(part.value for part in parts)
            return Elements(
                self.builder.append(replace(made, operands=operands, results=(again(value),)))[0], ()
            )
        if made.primitive in ("cast", "int", "cast_int", "bool"):
            return self.cast(parts[0], value.type)
        return self.elementwise(made, parts)

    def indices(self, loop: Op) -> Elements:
        """The indices of a loop as numbers."""
        span = self.ranges[loop]
        if self.loops_in(span.start) or self.loops_in(span.stop[0]):
            raise StaysLoop
        ends = [self.scope.emitted(span.stop[0], self.builder)]
        if span.start.terms or span.start.constant or span.step != 1:
            ends.insert(0, self.scope.emitted(span.start, self.builder))
        text = ", ".join(["{}"] * len(ends)) + (f", {span.step}" if span.step != 1 else "")
        return Elements(self.numpy(f"np.arange({text})", tuple(ends), ty.array(ty.int64, 1)), (loop,))

    def chosen(self, condition: Value, a: Value, b: Value, type: Type) -> Elements:
        parts = [self.lowered(x) for x in (condition, a, b)]
        if not parts[0].axes:
            raise StaysLoop
        self.same_types(parts[1:], type)
        axes = self.joint(parts)
        operands = tuple(self.aligned(part, axes) for part in parts)
        return Elements(self.numpy(TEXTS["select"][0], operands, ty.array(type, len(axes))), axes)

    def same_types(self, parts: Sequence[Elements], type: Type) -> None:
        if any(ty.element(part.value.type) != type for part in parts):
            raise StaysLoop

    def elementwise(self, made: Op, parts: list[Elements]) -> Elements:
        name, type = made.primitive, made.result.type
        elements = [ty.element(part.value.type) for part in parts]
        axes = self.joint(parts)
        if name in ("max", "min"):  # of two numbers, the first unless the other one is larger
            self.same_types(parts, type)
            a, b = (self.aligned(part, axes) for part in parts)
            compared = self.numpy(
                "{} > {}" if name == "max" else "{} < {}", (b, a), ty.array(ty.boolean, len(axes)), 4, (5, 5)
            )
            return Elements(self.numpy(TEXTS["select"][0], (compared, b, a), ty.array(type, len(axes))), axes)
        text, binds = array_text(name)
        if name in ("and", "or", "not", "bitand", "bitor", "bitxor", "invert"):
            if not all(map(ty.is_boolean, elements)):
                raise StaysLoop
        elif name not in ("eq", "ne") and any(map(ty.is_boolean, elements)):
            raise StaysLoop
        is_small_power = name == "pow" and parts[1].value.is_constant and ty.is_integer(elements[1])
        if is_small_power:
            elements = elements[:1]
            if ty.is_integer(type) and parts[1].value.constant < 0:
                raise StaysLoop
        if name in ("mod", "floordiv") and ty.is_integer(type):
            raise StaysLoop
        if name in COMPARISONS:
            if len(set(elements)) > 1 and not all(map(ty.is_float, elements)):
                raise StaysLoop
        else:
            arrays = [e for e, part in zip(elements, parts, strict=False) if part.axes]
            self.check_promotion(arrays, elements, type, made)
        operands = tuple(self.aligned(part, axes) for part in parts)
        above: tuple[int, ...] = ()
        if binds != ATOM:
            above = (binds + (name in COMPARISONS), binds + 1) if len(parts) == 2 else (binds,)
            if name == "pow":
                above = (binds + 1, binds)
        elif text.startswith("{}"):
            above = (ATOM,)
        if name == "mul" and [len(part.axes) for part in parts] == [1, 1] and len(axes) == 2:
            first, second = sorted(parts, key=lambda part: axes.index(part.axes[0]))
            text, operands, binds, above = "np.outer({}, {})", (first.value, second.value), ATOM, ()
        label = made.result.name if self.scope.uses[made.result] > 1 else ""
        result = self.numpy(
            text, operands, ty.array(type, len(axes)), binds, above, view=name in ("real", "imag"), name=label
        )
        return Elements(result, axes)

    def check_promotion(self, arrays: list[Type], elements: list[Type], type: Type, made: Op) -> None:
        """Refuse where NumPy or Numba would compute in another type, also if numbers beside arrays are weak."""
        both = [np.result_type(*map(ty.numpy_dtype, found)) for found in (arrays, elements)]
        if made.primitive in ARITHMETIC and made.primitive != "div":
            expected = ty.numpy_dtype(type)
            if type == ty.float64 and all(map(ty.is_integer, arrays)):
                return  # beside numbers that are float64
            if any(found != expected for found in both):
                raise StaysLoop
            return
        # Functions that make floats of integers: what is computed must already be of the type.
        if any(ty.is_integer(e) for e in elements) and not ty.is_integer(type) and len(set(elements)) == 1:
            if type != ty.float64 and not ty.is_boolean(type):
                raise StaysLoop
            return
        if both[0] != both[1]:
            raise StaysLoop

    def cast(self, part: Elements, type: Type) -> Elements:
        if ty.element(part.value.type) == type:
            return part
        if ty.is_complex(ty.element(part.value.type)) and not ty.is_complex(type):
            raise StaysLoop
        if not part.axes:
            return Elements(self.builder.emit("cast", (part.value,), type), ())
        array = ty.array(type, len(part.axes))
        text = f"{{}}.astype({ty.dtype_spelling(type)})"
        return Elements(self.numpy(text, (part.value,), array, above=(ATOM,)), part.axes)

    # ---------------------------------------------------------------------------------- axes and sums

    def joint(self, parts: Sequence[Elements]) -> tuple[Op, ...]:
        """The axes of elements that are computed from these: in the order of the one with most."""
        wide = max((part.axes for part in parts), key=len)
        others = {loop for part in parts for loop in part.axes} - set(wide)
        if not others:
            return wide
        everything = others | set(wide)
        return tuple(loop for loop in self.ranges if loop in everything)

    def aligned(self, part: Elements, axes: tuple[Op, ...]) -> Value:
        """The elements with axes in this order, of length 1 where they do not differ."""
        if not part.axes or part.axes == axes[len(axes) - len(part.axes) :]:
            return part.value
        order = tuple(loop for loop in axes if loop in part.axes)
        if order == part.axes and part.place is not None:
            return self.view(*part.place, order, axes)
        value = part.value
        if order != part.axes:
            value = self.transposed(value, [part.axes.index(loop) for loop in order])
        return self.spread(value, order, axes)

    def transposed(self, value: Value, order: list[int]) -> Value:
        turned = {"C": "F", "F": "C"}.get(value.type.layout, "A")
        type = ty.array(value.type.dtype, len(order), turned if len(order) == 2 else "A")
        if len(order) == 2:
            return self.numpy("{}.T", (value,), type, above=(ATOM,), view=True)
        return self.numpy(f"np.transpose({{}}, {tuple(order)})", (value,), type, view=True)

    def spread(self, value: Value, order: tuple[Op, ...], axes: tuple[Op, ...]) -> Value:
        """The array with axes of length 1 where `axes` has more than its own, up to the first of those."""
        while axes and axes[0] not in order:
            axes = axes[1:]
        pieces = [":" if loop in order else "None" for loop in axes]
        while pieces and pieces[-1] == ":":
            pieces.pop()
        if not pieces:
            return value
        type = ty.array(value.type.dtype, len(axes), "A")
        return self.numpy(f"{{}}[{', '.join(pieces)}]", (value,), type, above=(ATOM,), view=True)

    def summed(self, result: Value) -> Elements:
        """What a loop has summed."""
        if result in self.known:
            return self.known[result]
        initial, terms = self.sums[result]
        total = Elements(initial, ()) if not is_number(initial, 0) else None
        if total is not None and initial in self.inside:
            total = self.lowered(initial)
        if any(loop in self.inner_guards for term in terms for loop in term.over):
            raise StaysLoop
        for term in terms:
            sign = term.sign
            part = self.reduced(term.value, term.over)
            if ty.element(part.value.type) != result.type:
                raise StaysLoop
            if total is None:
                total = part if sign > 0 else self.combined("neg", (part,), result.type)
            else:
                total = self.combined("add" if sign > 0 else "sub", (total, part), result.type)
        if total is None:
            total = Elements(initial, ())
        if terms and not total.axes and result.name:
            last = self.builder.ops[-1]
            if last.results == (total.value,):
                total = Elements(Value(result.name, result.type), ())
                self.builder.ops[-1] = replace(last, results=(total.value,))
        self.known[result] = total
        return total

    def extreme(self, result: Value) -> None:
        """The largest or smallest of all elements, NaN if one of them is."""
        fold, kept = self.scope.extremes[result]
        part = self.lowered(fold.element)
        if set(part.axes) != set(fold.loops):
            raise StaysLoop
        largest = self.numpy(f"np.{fold.primitive}({{}})", (part.value,), result.type, name=kept.name)
        self.known[result] = Elements(largest, ())
        self.scope.became[kept] = largest

    def combined(self, primitive: str, parts: tuple[Elements, ...], type: Type) -> Elements:
        axes = self.joint(parts)
        values = tuple(self.aligned(part, axes) for part in parts)
        if not axes:
            return Elements(self.builder.emit(primitive, values, type), ())
        row = REGISTRY[primitive]
        above = (row.precedence, row.precedence + 1)[: len(parts)]
        return Elements(self.numpy(row.text, values, ty.array(type, len(axes)), row.precedence, above), axes)

    def reduced(self, value: Value, over: tuple[Op, ...]) -> Elements:
        """The sum of a number over trips of some loops."""
        if not over:
            return self.lowered(value)
        counted = self.counted(value, over)
        if counted is not None:
            return counted
        product = self.contracted(value, over)
        if product is not None:
            return product
        part = self.lowered(value)
        if not set(over) <= set(part.axes):
            raise StaysLoop  # times the number of trips: not the same for what is infinite
        type = ty.element(part.value.type)
        if not (ty.is_float(type) or ty.is_complex(type) or type == ty.int64):
            raise StaysLoop
        if set(part.axes) == set(over):
            return Elements(self.numpy("np.sum({})", (part.value,), type), ())
        summed, axes = part.value, part.axes
        for loop in over:
            k = axes.index(loop)
            axes = axes[:k] + axes[k + 1 :]
            summed = self.numpy(f"np.sum({{}}, axis={k})", (summed,), ty.array(type, len(axes)))
        return Elements(summed, axes)

    def counted(self, value: Value, over: tuple[Op, ...]) -> Elements | None:
        """How often something holds."""
        made = self.maker(value)
        if made is None or made.primitive not in ("cast", "int", "cast_int") or value.type != ty.int64:
            return None
        part = self.lowered(made.operands[0])
        if not ty.is_boolean(ty.element(part.value.type)) or set(part.axes) != set(over):
            return None
        return Elements(self.numpy("np.count_nonzero({})", (part.value,), ty.int64), ())

    def factors(self, value: Value) -> list[Value]:
        made = self.maker(value)
        if made is None or made.primitive != "mul" or value.type != made.operands[0].type:
            return [value]
        if made.operands[1].type != value.type:
            return [value]
        return [
            factor for x in made.operands for factor in (self.factors(x) if self.scope.uses[x] == 1 else [x])
        ]

    def contracted(self, value: Value, over: tuple[Op, ...]) -> Elements | None:
        """A sum of products of two factors that share nothing but the loop summed over, as `@`."""
        if len(over) != 1 or not (ty.is_float(value.type) or ty.is_complex(value.type)):
            return None
        (loop,) = over
        parts = [self.lowered(x) for x in self.factors(value)]
        if any(ty.element(part.value.type) != value.type for part in parts):
            return None
        along = [part for part in parts if loop in part.axes]
        others = [part for part in parts if loop not in part.axes]
        free = [tuple(a for a in part.axes if a is not loop) for part in along]
        sides = list(dict.fromkeys(f for f in free if f))
        if not sides or len(sides) > 2 or any(len(side) > 1 for side in sides) or len(along) < 2:
            return None
        plain = [part for part, f in zip(along, free, strict=True) if not f]
        if len(sides) == 1 and not plain:
            return None
        if any(len(part.axes) > 1 or (part.axes and part.axes not in sides) for part in others):
            return None
        groups = [[p for p, f in zip(along, free, strict=True) if f == side] for side in sides]
        if len(sides) == 2:
            groups[0 if len(groups[0]) > 1 else 1] += plain
        else:
            groups.append(plain)
        for part in reversed(others):  # each term has these factors, also where there is no term
            groups[sides.index(part.axes) if part.axes else -1].insert(0, part)
        left, right = (self.multiplied(group, value.type) for group in groups)
        axes = tuple(a for side in sides for a in side)
        if len(sides) == 1:
            result = self.matrix_times_vector(left, right, loop, value.type)
        else:
            result = self.product(left, right, loop, value.type)
        if result is None:
            return None
        return Elements(result, axes)

    def multiplied(self, parts: Sequence[Elements], type: Type) -> Elements:
        product = parts[0]
        for part in parts[1:]:
            product = self.combined("mul", (product, part), type)
        return product

    def matrix_times_vector(self, matrix: Elements, vector: Elements, loop: Op, type: Type) -> Value | None:
        m = matrix.value if matrix.axes[1] is loop else self.transposed(matrix.value, [1, 0])
        return self.matmul(m, vector.value, 1, type)

    def product(self, left: Elements, right: Elements, loop: Op, type: Type) -> Value | None:
        a = left.value if left.axes[1] is loop else self.transposed(left.value, [1, 0])
        b = right.value if right.axes[0] is loop else self.transposed(right.value, [1, 0])
        return self.matmul(a, b, 2, type)

    def matmul(self, a: Value, b: Value, rank: int, type: Type) -> Value | None:
        """Numba multiplies matrices that lie in memory without gaps."""
        if "A" in (a.type.layout, b.type.layout):
            return None
        return self.numpy("{} @ {}", (a, b), ty.array(type, rank), 10, (10, 11))

    def numpy(
        self,
        text: str,
        operands: tuple[Value, ...],
        type: Type,
        precedence: int = ATOM,
        above: tuple[int, ...] = (),
        view: bool = False,
        name: str = "",
    ) -> Value:
        """Append an expression in NumPy; `above` is how tightly what is around each operand binds."""
        attributes = {"text": text, "precedence": precedence, "above": above, "view": view}
        return self.builder.emit("numpy", operands, type, attributes, name)


def array_text(name: str) -> tuple[str, int]:
    """How a row is written for arrays, and how tightly that binds."""
    if name in TEXTS:
        return TEXTS[name]
    row = REGISTRY.get(name)
    if row is None or name in UNWRITTEN:
        raise StaysLoop
    if row.precedence != ATOM:
        return row.text, row.precedence
    ufunc = next((f for f in row.spellings if isinstance(f, np.ufunc)), None)
    if ufunc is None:
        raise StaysLoop
    return f"np.{ufunc.__name__}({', '.join(['{}'] * row.arity)})", ATOM


def again(value: Value) -> Value:
    return Value(value.name, value.type)


def is_pure(op: Op) -> bool:
    """Whether an op of a trip only computes a number."""
    return len(op.results) == 1 and (op.primitive in REGISTRY or op.primitive in ("cast", "shape"))


__all__ = ["Nest", "StaysLoop", "again", "array_text"]
