"""Check the indices that the reverse sweep relies on, unless they are certainly in range.

    n = len(x)                               n = len(x)
    for i in range(n):                       if w.shape[0] < n:
        s = s + x[i] * w[i]                      raise IndexError("index out of range for `w`, line 4")
                                     ->      for i in range(n):
                                                 s = s + x[i] * w[i]

The function itself reads outside an array where its author did, as Numba lets it; its gradient must not write there.
An access is checked if the reverse sweep writes into its cotangent or may read it again, a store always. One whose
index is affine in the indices of the loops around is checked at its extremes, before the outermost loop where these
are known, unless it would not happen there: a check raises only where Python would. Others are checked in place; under
an `if` in an innermost loop only where the extremes are not in range, so that LLVM can make a loop without the check.

Reads: structure, activity, ranges. The function is an ideal adjoint; its reverse sweep is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..analysis.activity import Activity, find_active
from ..analysis.affine import Affine, Linear
from ..analysis.ranges import ONE, Ranges
from ..analysis.structure import Structure, find_structure
from ..errors import Location
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Function, Op, Value, leaves_early, loop_body, loop_slots
from ..ir.walk import defined_in, ops_within, substitute, uses_in
from ..primitives import REGISTRY
from ..transform.attach import drop_attachments
from .forms import emitted


def check_indices(function: Function, wrt: Sequence[int]) -> Function:
    """Put the checks into the forward sweep of an ideal adjoint by the parameters `wrt`."""
    ops = function.body.ops
    border = sweep_starts(function.body)
    forward = Block(function.parameters, ops[:border], function.results[: -len(wrt)])
    independents = [function.parameters[k] for k in wrt]
    # What finds a value is checked, and not what makes it once more from the same elements.
    found = drop_attachments(function).body
    searched = replace(forward, ops=found.ops[: sweep_starts(found)], results=found.results[: -len(wrt)])
    active = find_active(replace(function, body=searched), independents, searched.results)
    structure = find_structure(forward)
    again = read_again(structure, Block((), found.ops[sweep_starts(found) :], found.results))
    checker = Checker(structure, active, again)
    checked = substitute(checker.block(forward, None), checker.held)
    return replace(function, body=replace(function.body, ops=(*checked.ops, *ops[border:])))


def sweep_starts(body: Block) -> int:
    """The place of the mark between the sweeps."""
    return next(k for k, op in enumerate(body.ops) if op.primitive == "reverse_sweep")


def read_again(structure: Structure, reverse: Block) -> set[Value]:
    """The values of the forward sweep that the reverse sweep may compute or load anew."""
    inside = defined_in(reverse)
    found: set[Value] = set()
    work = [value for value in uses_in(reverse) if value not in inside]
    while work:
        value = work.pop()
        made = structure.maker.get(value)
        if value in found or value.is_constant:
            continue
        found.add(value)
        if made is not None and (made.primitive in REGISTRY or made.primitive in ("load", "cast")):
            work += made.operands
    return found


@dataclass(frozen=True)
class Condition:
    """`form >= 0` is needed wherever every one of `guards` is at least 0; else `array` is accessed outside.

    It need not be checked where `fine` is true, a value that an outer block has found.
    """

    form: Linear
    array: Value
    location: Location | None
    guards: tuple[Linear, ...] = ()
    fine: Value | None = None


@dataclass(eq=False)
class Anchor:
    """A place before an op where checks stand, with what is known there."""

    at: int
    known: list[Linear]
    latest: dict[Value, Value]
    conditions: list[Condition] = field(default_factory=list)
    found: list[tuple[Value, Condition]] = field(
        default_factory=list
    )  # what stands for whether it holds here


@dataclass(eq=False)
class Level:
    """A block that is being walked: the region op it belongs to, the place reached, the arrays as they are there."""

    around: Op | None
    latest: dict[Value, Value]  # the first version of an array -> the one that holds it now
    at: int = 0
    lengths: dict[Value, list[Value]] = field(default_factory=dict)  # what stands for a length -> its values
    anchors: list[Anchor] = field(default_factory=list)
    guarded: list[Condition] = field(default_factory=list)


class Checker:
    def __init__(self, structure: Structure, active: Activity, again: set[Value]) -> None:
        self.structure, self.active, self.again = structure, active, again
        self.affine = Affine(structure)
        self.ranges = Ranges(self.affine)
        self.levels: list[Level] = []
        self.last: dict[Op, Value] = {}  # what stands for the last index of a loop whose step is not 1
        self.written = 0
        self.loop_of_last: dict[Value, Op] = {}
        self.held: dict[Value, Value] = {}  # what stands for an outcome -> the outcome

    # ------------------------------------------------------------------------------------------ the walk

    def block(self, block: Block, around: Op | None, facts: Sequence[Linear] = ()) -> Block:
        level = Level(around, dict(self.levels[-1].latest) if self.levels else {})
        self.levels.append(level)
        self.consume(around)
        self.ranges.open(facts)
        self.enter(block.parameters)
        ops = []
        for k, op in enumerate(block.ops):
            level.at = k
            ops.append(self.op(op))
            self.enter(op.results)
        for anchor in sorted(level.anchors, key=lambda a: a.at, reverse=True):
            ops[anchor.at : anchor.at] = self.checks(anchor)
        self.ranges.close()
        self.levels.pop()
        return replace(block, ops=tuple(ops))

    def enter(self, values: Sequence[Value]) -> None:
        for value in values:
            if ty.is_array(value.type):
                self.levels[-1].latest[self.structure.origin(value)] = value

    def consume(self, op: Op | None) -> None:
        """Forget the arrays that a loop takes over."""
        for initial, parameter, yielded, _ in (
            loop_slots(op) if op is not None and op.primitive != "if" else ()
        ):
            if ty.is_array(initial.type) and yielded is not parameter:
                self.levels[-1].latest.pop(self.structure.origin(initial), None)

    def op(self, op: Op) -> Op:
        match op.primitive:
            case "for" | "while":
                facts = self.ranges.in_each_trip(op)
                conditions = tuple(self.block(held, op) for held in op.regions[:-1])
                body = self.block(loop_body(op), op, facts)
                self.ranges.leave_loop(op)
                self.consume(op)
                return replace(op, regions=(*conditions, body))
            case "if":
                arms = zip(op.regions, (True, False), strict=True)
                regions = [
                    self.block(arm, op, self.ranges.follows(op.operands[0], taken)) for arm, taken in arms
                ]
                return replace(op, regions=tuple(regions))
            case "load" | "store" | "accum":
                self.access(op)
            case "shape":
                terms = self.affine.form(op.result).terms
                if len(terms) == 1 and terms[0][0] in self.affine.length_of:
                    self.levels[-1].lengths.setdefault(terms[0][0], []).append(op.result)
            case _:
                pass
        self.ranges.learn(op)
        return op

    # -------------------------------------------------------------------------------------- what to check

    def access(self, op: Op) -> None:
        array, *where = op.operands
        if op.primitive == "load":
            if not (op.result in self.again or (array in self.active and op.result in self.active)):
                return
        else:
            where.pop()
        for axis, index in enumerate(where):
            if self.is_trusted(array, axis):
                continue
            place, length = self.affine.form(index), self.affine.length(array, axis)
            needed = [length - ONE - place]
            if index.type.signed and not self.ranges.proves(place):
                needed.append(place + length)  # an index below zero counts from the end
            for form in (need.tightened() for need in needed):
                if not self.ranges.proves(form):
                    self.place(Condition(form, self.structure.origin(array), op.location))
                    self.ranges.assume([form])

    def is_trusted(self, array: Value, axis: int) -> bool:
        """Whether all indices of an array along an axis are in range by construction: those of tapes of a derivative
        along all axes, of lists along the first."""
        made = [self.structure.maker.get(source) for source in self.structure.sources(array)]
        trusted = [() if op is None else op.attributes.get("trusted", ()) for op in made]
        return bool(made) and all(axes is True or axis in axes for axes in trusted)

    def place(self, condition: Condition) -> None:
        """Put a check before the outermost loop where it can stand, or before the op that is being read."""
        depth = len(self.levels)
        while depth > 1:
            moved = self.before_loop(self.levels[depth - 1].around, condition, depth - 1)
            if moved is None:
                break
            condition, depth = moved, depth - 1
        known = self.ranges.known(depth)
        issued = [other for level in self.levels[:depth] for other in level.guarded]
        if any(self.covers(other, condition, known) for other in issued):
            return
        condition = self.with_extremes(condition, depth)
        self.anchor(condition, depth, known).conditions.append(condition)
        if condition.guards:
            self.levels[depth - 1].guarded.append(condition)
        else:
            self.ranges.layers[depth - 1].facts.append(condition.form)

    def with_extremes(self, condition: Condition, depth: int) -> Condition:
        """A condition under an `if` in an innermost loop with the outcome for all trips, known before the loops."""
        around = [level.around for level in self.levels[1:depth]]
        loop = next((op for op in reversed(around) if op is not None and op.primitive != "if"), None)
        if loop is None or loop is around[-1] or loop.primitive != "for":
            return condition
        if any(op.primitive in ("for", "while") for op in ops_within(loop_body(loop))):
            return condition
        everywhere = condition
        while depth > 1:
            outer = self.levels[depth - 1].around
            if outer is None:
                break
            if outer.primitive == "if":
                forms = (everywhere.form, *everywhere.guards)
                if any(self.is_inside(v, outer) for form in forms for v, _ in form.terms):
                    break
            else:
                moved = self.before_loop(outer, everywhere, depth - 1)
                if moved is None:
                    break
                everywhere = moved
            depth -= 1
        if depth > around.index(loop) + 1:
            return condition
        fine = Value("", ty.boolean)
        self.anchor(everywhere, depth, self.ranges.known(depth)).found.append((fine, everywhere))
        return replace(condition, fine=fine)

    def covers(self, first: Condition, second: Condition, known: list[Linear]) -> bool:
        """Whether the first check raises wherever the second would."""
        needed = [*second.guards, *known]
        return self.ranges.implied(second.form, [first.form, *needed]) and all(
            self.ranges.implied(guard, needed) for guard in first.guards
        )

    # --------------------------------------------------------------------------------- where to check it

    def before_loop(self, loop: Op | None, condition: Condition, depth: int) -> Condition | None:
        """The condition for all trips of a loop, `depth` levels being outside; None if it has to stay inside."""
        if loop is None or loop.primitive != "for" or leaves_early(loop) or not loop.operands[2].is_constant:
            return None
        index, step = loop_body(loop).parameters[0], loop.operands[2].constant
        forms = (condition.form, *condition.guards)
        if any(v is not index and self.is_inside(v, loop) for form in forms for v, _ in form.terms):
            return None
        c = condition.form.coefficient(index)
        varying = sum(bool(guard.coefficient(index)) for guard in condition.guards)
        if varying > 1 or (varying and c):
            return None  # the trip that is worst for the index may be one that a guard leaves out
        form = condition.form.replaced(index, self.extreme(loop, least=c > 0))
        guards = [
            guard.replaced(index, self.extreme(loop, least=guard.coefficient(index) < 0))
            for guard in condition.guards
        ]
        low, high = map(self.affine.form, loop.operands[:2])
        guards.append((high - low if step > 0 else low - high) - ONE)
        known = self.ranges.known(depth)
        for guard in list(guards):
            others = [other for other in guards if other is not guard]
            fails = guard.scaled(-1) - ONE
            # A guard goes that holds anyway, and one without which the check cannot fail.
            if self.ranges.implied(guard, [*others, *known]) or self.ranges.implied(
                form, [fails, *others, *known]
            ):
                guards = others
        return replace(condition, form=form, guards=tuple(guards))

    def is_inside(self, value: Value, loop: Op) -> bool:
        if value in self.loop_of_last:
            return any(self.is_inside(v, loop) for v in self.parts_of_last(value))
        return loop in self.structure.home[value]

    def extreme(self, loop: Op, least: bool) -> Linear:
        """The least or the largest index that a loop reaches, if it makes a trip."""
        low, high = map(self.affine.form, loop.operands[:2])
        step = loop.operands[2].constant
        if least == (step > 0):
            return low
        if abs(step) == 1:
            return high - Linear((), step)
        if loop not in self.last:
            last = self.last[loop] = Value("last", ty.int64)
            self.loop_of_last[last] = loop
        return Linear(((self.last[loop], 1),))

    def parts_of_last(self, last: Value) -> list[Value]:
        low, high = map(self.affine.form, self.loop_of_last[last].operands[:2])
        return [v for form in (low, high) for v, _ in form.terms]

    def anchor(self, condition: Condition, depth: int, known: list[Linear]) -> Anchor:
        """Where a check stands: with an earlier one of the same array, so that they may be one, else here."""
        level = self.levels[depth - 1]
        forms = (condition.form, *condition.guards)
        for anchor in level.anchors:
            alike = any(other.array is condition.array for other in anchor.conditions)
            if alike and all(self.is_there(v, level, anchor.at) for form in forms for v, _ in form.terms):
                return anchor
        for anchor in level.anchors:
            if anchor.at == level.at:
                return anchor
        anchor = Anchor(level.at, known, dict(level.latest))
        level.anchors.append(anchor)
        return anchor

    def is_there(self, value: Value, level: Level, at: int) -> bool:
        """Whether a value that can be read in a block is defined before its op number `at`."""
        if value in self.loop_of_last:
            return all(self.is_there(v, level, at) for v in self.parts_of_last(value))
        if value in self.affine.length_of:
            value = self.affine.length_of[value][0]
        maker = self.structure.maker.get(value)
        home = self.structure.home[value]
        inside = bool(home) and home[-1] is level.around if level.around is not None else not home
        return not inside or maker is None or maker is level.around or self.structure.place[maker] < at

    # ------------------------------------------------------------------------------------------ emission

    def checks(self, anchor: Anchor) -> list[Op]:
        """The checks of one place, without those that others imply."""
        kept = list(anchor.conditions)
        for condition in reversed(anchor.conditions):
            others = [other for other in kept if other is not condition]
            if any(self.covers(other, condition, anchor.known) for other in others):
                kept = others
        by_guards: dict[Any, list[Condition]] = {}
        for condition in kept:
            by_guards.setdefault((condition.guards, condition.fine), []).append(condition)
        with Builder() as builder:
            for fine, condition in anchor.found:
                builder.location = condition.location
                parts = [*(guard.scaled(-1) - ONE for guard in condition.guards), condition.form]
                self.held[fine] = joined(builder, "or", [self.compared(builder, p, anchor) for p in parts])
            for (guards, _), conditions in by_guards.items():
                builder.location = conditions[0].location
                idle = [self.compared(builder, guard.scaled(-1) - ONE, anchor) for guard in reversed(guards)]
                idle += [condition.fine for condition in conditions[:1] if condition.fine is not None]
                if not guards or len(conditions) == 1:
                    self.raise_unless(builder, conditions, idle, anchor)
                    continue
                with Builder(builder.location) as inside:
                    self.raise_unless(inside, conditions, [], anchor)
                nothing = Block((), (), ())
                builder.region("if", (joined(builder, "or", idle),), (nothing, inside.block()), ())
        return builder.ops

    def raise_unless(
        self, builder: Builder, conditions: list[Condition], idle: list[Value], anchor: Anchor
    ) -> None:
        """Checks of which two of the same array are one; nothing is wrong where one of `idle` holds."""
        while conditions:
            array, where = conditions[0].array, conditions[0].location
            both = 2 if len(conditions) > 1 and conditions[1].array is array else 1
            held = [self.compared(builder, condition.form, anchor) for condition in conditions[:both]]
            fine = joined(builder, "or", [*idle, joined(builder, "and", held)])
            name = f"`{array.name}`" if array.name.isidentifier() else "an array"
            line = f", line {where.line}" if where is not None else ""
            message = f"index out of range for {name}{line}"
            builder.location = where
            builder.effect("require", (fine,), {"error": "IndexError", "message": message})
            conditions = conditions[both:]

    def compared(self, builder: Builder, form: Linear, anchor: Anchor) -> Value:
        """`form >= 0` as one would write it: sums on both sides, lengths on the right of other integers."""

        def part(holds: Callable[[Value, int], bool], plus: int = 0) -> Linear:
            return Linear(tuple((v, c) for v, c in form.terms if holds(v, c)), plus)

        def text(side: Linear) -> Value:
            return self.total(builder, side, anchor)

        def compare(relation: str, a: Value, b: Value) -> Value:
            # The number keeps equal comparisons apart: each is written out where it is needed.
            self.written += 1
            return builder.emit(relation, (a, b), ty.boolean, {"check": self.written})

        is_length = self.affine.length_of.__contains__
        others = part(lambda v, c: c > 0 and not is_length(v))
        below = part(lambda v, c: c < 0).scaled(-1)
        if others.terms and not below.terms:
            lengths = part(lambda v, c: is_length(v), form.constant)
            return compare("ge", text(others), text(lengths.scaled(-1)))
        some = form + ONE
        if len(some.terms) == 1 and not some.constant and self.ranges.implied(some, anchor.known):
            return compare("ne", text(some), constant(0, ty.int64))  # a length that is not 0
        strict = form.constant == -1 and bool(below.terms)
        plus = 0 if strict else form.constant
        left, right = part(lambda v, c: c > 0, max(plus, 0)), below + Linear((), max(-plus, 0))
        if not left.terms or (not others.terms and any(not is_length(v) for v, _ in below.terms)):
            return compare("lt" if strict else "le", text(right), text(left))
        return compare("gt" if strict else "ge", text(left), text(right))

    def total(self, builder: Builder, form: Linear, anchor: Anchor) -> Value:
        """A linear form as a value."""
        return emitted(builder, form, lambda value: self.integer(builder, value, anchor))

    def integer(self, builder: Builder, value: Value, anchor: Anchor) -> Value:
        """A term of a form as a value that can be read at an anchor."""
        if value in self.loop_of_last:
            return self.last_index(builder, self.loop_of_last[value], anchor)
        if value in self.affine.length_of:
            return self.length(builder, value, anchor)
        return value if value.type == ty.int64 else builder.emit("cast", (value,), ty.int64)

    def length(self, builder: Builder, symbol: Value, anchor: Anchor) -> Value:
        for level in self.levels:
            for known in level.lengths.get(symbol, ()):
                if level is not self.levels[-1] or self.is_there(known, level, anchor.at):
                    return known
        array, axis = self.affine.length_of[symbol]
        held = anchor.latest.get(array, array)
        is_alone = self.structure.is_mixed(array) and not self.affine.swaps_alike(array, axis)
        if array not in anchor.latest and not is_alone:
            storage = self.structure.storage(array)
            held = next(v for first, v in anchor.latest.items() if self.structure.storage(first) is storage)
        return builder.emit("shape", (held,), ty.int64, {"axis": axis})

    def last_index(self, builder: Builder, loop: Op, anchor: Anchor) -> Value:
        """`low + (high - low - 1) // step * step`."""
        low, high = map(self.affine.form, loop.operands[:2])
        step = loop.operands[2]
        span = self.total(builder, high - low - Linear((), 1 if step.constant > 0 else -1), anchor)
        trips = builder.emit("floordiv", (span, step), ty.int64)
        reached = builder.emit("mul", (trips, step), ty.int64)
        if not low.terms and not low.constant:
            return reached
        return builder.emit("add", (self.total(builder, low, anchor), reached), ty.int64)


def joined(builder: Builder, joint: str, conditions: list[Value]) -> Value:
    """All of several conditions, or one of them."""
    everything = conditions[0]
    for more in conditions[1:]:
        everything = builder.emit(joint, (everything, more), ty.boolean)
    return everything


__all__ = ["check_indices", "joined"]
