"""What is known of integers at a point of a program, as linear forms that are not negative there.

    n = x.shape[0]            n >= 0
    for i in range(1, n):     i - 1 >= 0,  n - 1 - i >= 0
        if i < n - 1:         n - 2 - i >= 0
            x[i + 1]          proved: n - 1 - (i + 1) >= 0

A pass that walks a program opens a layer for each region and says what it meets; `proves` combines what is known by
eliminating one value after another, innermost first, in each of the cases that a check has left if there are several.
Reads: affine forms, structure. Edits nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..ir import types as ty
from ..ir.core import Op, Value, indices_of, leaves_early, loop_body, loop_slots
from .affine import Affine, Linear

DEPTH, STEPS = 7, 300  # how many values are eliminated, how many attempts are made
ORDER = {"lt": ("ge", -1, 1, -1), "le": ("gt", -1, 1, 0), "gt": ("le", 1, -1, -1), "ge": ("lt", 1, -1, 0)}
ONE = Linear((), 1)


@dataclass
class Layer:
    """What is known in a region: facts, and checks of which one of several cases holds, each with its facts."""

    facts: list[Linear]
    cases: list[list[list[Linear]]] = field(default_factory=list)


class Facts:
    """Facts of a proof, and for each value those in which it is, with its coefficient."""

    def __init__(self, facts: Sequence[Linear]) -> None:
        self.all = facts
        self.about: dict[Value, list[tuple[int, Linear]]] = {}
        for fact in facts:
            for value, c in fact.terms:
                self.about.setdefault(value, []).append((c, fact))

    def and_also(self, more: Sequence[Linear]) -> Facts:
        return Facts([*self.all, *more]) if more else self


class Ranges:
    """Layers of facts: one for each region that is open, outermost first."""

    def __init__(self, affine: Affine) -> None:
        self.affine, self.maker = affine, affine.structure.maker
        self.layers: list[Layer] = []
        self.steps = 0

    def open(self, facts: Iterable[Linear] = ()) -> None:
        """Enter a region, in each run of which facts hold; cases that they rule out are left behind."""
        layer = Layer(list(facts))
        for cases in [cases for outer in self.layers for cases in outer.cases]:
            left = [case for case in cases if not any(rules_out(layer.facts, fact) for fact in case)]
            if len(left) == 1 < len(cases):
                layer.facts += left[0]
            elif len(left) < len(cases):
                layer.cases.append(left)
        self.layers.append(layer)

    def close(self) -> list[Linear]:
        """Leave a region; gives its facts."""
        return self.layers.pop().facts

    def known(self, depth: int | None = None) -> list[Linear]:
        """All facts of the outermost `depth` layers."""
        return [fact for layer in reversed(self.layers[:depth]) for fact in layer.facts]

    # ------------------------------------------------------------------------------------------ facts

    def assume(self, facts: Iterable[Linear]) -> None:
        self.layers[-1].facts.extend(facts)

    def follows(self, condition: Value, holds: bool) -> list[Linear]:
        """What a condition says about integers where it holds, or where it does not."""
        op = self.maker.get(condition)
        if op is None or condition not in op.results:
            return []
        name = op.primitive
        if name == "not":
            return self.follows(op.operands[0], not holds)
        if name in ("and", "or"):
            if holds != (name == "and"):
                return []
            return [fact for operand in op.operands for fact in self.follows(operand, holds)]
        if name == "if":
            return self.follows_branch(op, condition, holds)
        if name not in (*ORDER, "eq", "ne") or not all(ty.is_integer(x.type) for x in op.operands):
            return []
        a, b = map(self.affine.form, op.operands)
        if name in ("eq", "ne"):
            return [a - b, b - a] if holds == (name == "eq") else []
        _, of_a, of_b, constant = ORDER[name if holds else ORDER[name][0]]
        return [a.scaled(of_a) + b.scaled(of_b) + Linear((), constant)]

    def cases_of(self, condition: Value, holds: bool) -> list[list[Linear]]:
        """The cases in one of which a condition holds, or does not, with what each says."""
        op = self.maker.get(condition)
        if op is not None and op.primitive == "not":
            return self.cases_of(op.operands[0], not holds)
        if op is not None and op.primitive in ("and", "or") and holds == (op.primitive == "or"):
            return [case for operand in op.operands for case in self.cases_of(operand, holds)]
        return [self.follows(condition, holds)]

    def follows_branch(self, op: Op, condition: Value, holds: bool) -> list[Linear]:
        """`a and b` is an `if` that gives b or False, `a or b` one that gives True or b."""
        k = op.results.index(condition)
        for arm, taken in zip(op.regions, (True, False), strict=True):
            other = op.regions[1 if taken else 0].results[k]
            if other.is_constant and bool(other.constant) != holds:
                return self.follows(op.operands[0], taken) + self.follows(arm.results[k], holds)
        return []

    def learn(self, op: Op) -> None:
        """What an op without regions says about its results and operands."""
        form = self.affine.form
        match op.primitive:
            case "require":
                cases = self.cases_of(op.operands[0], True)
                if len(cases) == 1:
                    self.assume(cases[0])
                elif all(cases):
                    self.layers[-1].cases.append(cases)
            case "alloc":
                self.assume(form(length) for length in op.operands)
            case "min" | "max" if ty.is_integer(op.result.type):
                sign = 1 if op.primitive == "max" else -1
                self.assume((form(op.result) - form(x)).scaled(sign) for x in op.operands)
            case "abs" if ty.is_integer(op.result.type):
                x = form(op.operands[0])
                self.assume((form(op.result), form(op.result) - x, form(op.result) + x))
            case "mod" if ty.is_integer(op.result.type):
                divisor, rest = form(op.operands[1]), form(op.result)
                if self.proves(divisor):  # by 0 compiled code finds 0
                    self.assume((rest,))
                if self.proves(divisor - ONE):
                    self.assume((divisor - ONE - rest,))
            case "floordiv" if ty.is_integer(op.result.type) and op.operands[1].is_constant:
                c, x, whole = op.operands[1].constant, form(op.operands[0]), form(op.result)
                if c > 0:
                    self.assume((x - whole.scaled(c), whole.scaled(c) - x + Linear((), c - 1)))
            case _:
                pass

    def in_each_trip(self, op: Op) -> list[Linear]:
        """What holds in every trip of a loop."""
        return [*self.of_trips(op), *self.of_carried(op)]

    def of_trips(self, op: Op) -> list[Linear]:
        """What the range of a loop says in every trip, or the condition of a `while`."""
        facts: list[Linear] = []
        form = self.affine.form
        if op.primitive == "for":
            index = loop_body(op).parameters[0]
            ends = self.affine.bounds(index)
            if ends is not None:
                facts += [form(index) - ends[0], ends[1] - form(index)]
        else:
            held = op.regions[0]
            now = dict(zip(held.parameters, loop_body(op).parameters, strict=True))
            for fact in self.follows(held.results[0], True):
                for before, parameter in now.items():
                    fact = fact.replaced(before, form(parameter))
                facts.append(fact)
        return facts

    def of_carried(self, op: Op, given: Sequence[Linear] = ()) -> list[Linear]:
        """What is known of the integers that a loop carries, at the start of each trip, if what is given holds."""
        return [
            fact
            for initial, parameter, yielded, _ in loop_slots(op)
            for fact in self.along(initial, parameter, yielded, parameter, given)
        ]

    def at(self, op: Op, given: Iterable[Linear] = ()) -> list[Linear]:
        """What the conditions and the loops around an op say, and what is `given`."""
        structure = self.affine.structure
        around = structure.around[op]
        facts = [*given]
        for outer, inner in zip(around, (*around, op)[1:], strict=True):
            if outer.primitive == "if":
                facts += self.follows(outer.operands[0], structure.arm[inner] == 0)
            else:
                facts += self.of_trips(outer)
            if outer.primitive == "for" and (ends := self.affine.bounds(loop_body(outer).parameters[0])):
                facts.append(ends[1] - ends[0])
        for outer in around:
            if outer.primitive != "if":
                facts += self.of_carried(outer, self.fixed(facts, [outer]))
        return facts

    def fixed(self, facts: Iterable[Linear], loops: Sequence[Op]) -> list[Linear]:
        """The facts about nothing that changes from trip to trip of loops."""
        home = self.affine.structure.home
        return [f for f in facts if not any(loop in home.get(v, ()) for v, _ in f.terms for loop in loops)]

    def is_never_negative(self, value: Value, op: Op) -> bool:
        """Whether an integer is not negative where an op is."""
        return self.affine.is_never_negative(value) or self.proves(self.affine.form(value), self.at(op))

    def are_apart(self, access: Op, other: Op) -> bool:
        """Whether an access is to another element than another one of the same array, in a trip that makes both."""
        pairs = [*zip(indices_of(access), indices_of(other), strict=True)]
        if not all(self.affine.is_never_negative(i) for pair in pairs for i in pair):
            return False
        facts = self.at(access)
        forms = [self.affine.form(i) - self.affine.form(j) for i, j in pairs]
        return any(self.implied(form.scaled(sign) - ONE, facts) for form in forms for sign in (1, -1))

    def leave_loop(self, op: Op) -> None:
        """What holds of the results of a loop."""
        for initial, parameter, yielded, result in loop_slots(op):
            self.assume(self.along(initial, parameter, yielded, result))
        if op.primitive == "while" or leaves_early(op):
            self.assume([self.affine.form(op.results[0])])

    def along(
        self, initial: Value, parameter: Value, yielded: Value, now: Value, given: Sequence[Linear] = ()
    ) -> list[Linear]:
        """What is known of a carried integer that only goes up, or down, or never below zero."""
        if not (ty.is_integer(parameter.type) and parameter.type.signed):
            return []
        start, form = self.affine.form(initial), self.affine.form(now)
        facts = [(form - start).scaled(sign) for sign in (1, -1) if self.moves(yielded, parameter, sign)]
        if self.proves(start, given) and self.stays_positive(yielded, {parameter}, given):
            facts.append(form)
        return facts

    def moves(self, value: Value, start: Value, sign: int) -> bool:
        """Whether `value` is at least `start` (at most, for a negative sign) by the way it is made."""
        form = (self.affine.form(value) - self.affine.form(start)).scaled(sign)
        if not form.terms:
            return form.constant >= 0
        made = self.maker.get(value)
        if made is None or value not in made.results:
            return False
        if made.primitive == "select":
            return all(self.moves(x, start, sign) for x in made.operands[1:])
        k = made.results.index(value)
        if made.primitive == "if":
            return all(self.moves(region.results[k], start, sign) for region in made.regions)
        for initial, parameter, yielded, result in loop_slots(made) if made.regions else ():
            if result is value:
                return self.moves(initial, start, sign) and self.moves(yielded, parameter, sign)
        return False

    def stays_positive(self, value: Value, positive: set[Value], given: Sequence[Linear] = ()) -> bool:
        """Whether `value` is not negative, by the way it is made, if those of `positive` are not."""
        if value in positive or self.affine.is_never_negative(value):
            return True
        made = self.maker.get(value)
        if made is None or value not in made.results:
            return False
        if made.primitive == "select":
            return all(self.stays_positive(x, positive, given) for x in made.operands[1:])
        if made.primitive in ("mul", "floordiv"):
            known = [*given, *map(self.affine.form, positive)]
            return self.implied(self.affine.form(value), known)
        k = made.results.index(value)
        if made.primitive == "if":
            return all(self.stays_positive(region.results[k], positive, given) for region in made.regions)
        for initial, parameter, yielded, result in loop_slots(made) if made.regions else ():
            if result is value and self.stays_positive(initial, positive, given):
                return self.stays_positive(yielded, {*positive, parameter}, given)
        return False

    # ------------------------------------------------------------------------------------------ proofs

    def proves(self, form: Linear, extra: Iterable[Linear] = (), depth: int | None = None) -> bool:
        """Whether a form is certainly not negative, by what the outermost `depth` layers and `extra` say."""
        facts = [*extra, *self.known(depth)]
        return self.implied(form, facts) or any(
            self.holds_in_each(form, cases, facts)
            for layer in reversed(self.layers[:depth])
            for cases in layer.cases
        )

    def holds_in_each(self, form: Linear, cases: list[list[Linear]], facts: list[Linear]) -> bool:
        """Whether a form is not negative in each of several cases that is possible."""
        return all(
            self.implied(form, [*case, *facts])
            or any(self.implied(fact.scaled(-1) - ONE, facts) for fact in case)
            for case in cases
        )

    def implied(self, form: Linear, facts: list[Linear]) -> bool:
        self.steps = STEPS
        return self.is_positive(form, Facts(facts), DEPTH)

    def is_positive(self, form: Linear, facts: Facts, depth: int) -> bool:
        self.steps -= 1
        unsure = [v for v, c in form.terms if c < 0 or not self.affine.is_length(v)]
        if not unsure and form.constant >= 0:
            return True
        if depth == 0 or self.steps < 0:
            return False
        home = self.affine.structure.home
        chosen = [max(unsure, key=lambda v: len(home.get(v, ())))] if unsure else [v for v, _ in form.terms]
        for value in chosen:
            c = form.coefficient(value)
            for k, fact in facts.about.get(value, ()):
                if k * c > 0:
                    rest = form.combined(abs(k), fact, -abs(c))
                    if self.is_positive(rest, facts, depth - 1):
                        return True
            for factor in self.limits_below(value, facts, depth - 1) if c > 0 else ():
                if self.is_positive(form.replaced(value, factor), facts, depth - 1):
                    return True
            cases = self.cases(value, c > 0)
            if cases and all(
                self.is_positive(form.replaced(value, by), facts.and_also(more), depth - 1)
                for by, more in cases
            ):
                return True
        return False

    def limits_below(self, value: Value, facts: Facts, depth: int) -> Iterator[Linear]:
        """What a value is at least by the way it is made from others that are not negative: a product 0, and each
        factor if the other one is not 0; a quotient 0, and what is loaded from a tape."""
        made = self.maker.get(value)
        if made is None:
            return
        form = self.affine.form
        match made.primitive:
            case "mul":
                a, b = map(form, made.operands)
                if self.is_positive(a, facts, depth) and self.is_positive(b, facts, depth):
                    yield Linear()
                    if self.is_positive(b - ONE, facts, depth):
                        yield a
                    if self.is_positive(a - ONE, facts, depth):
                        yield b
            case "floordiv":
                whole, by = map(form, made.operands)
                if self.is_positive(by - ONE, facts, depth) and self.is_positive(whole, facts, depth):
                    yield Linear()
            case "load" if self.is_recorded_positive(made, facts.all):
                yield Linear()
            case _:
                pass

    def is_recorded_positive(self, load: Op, facts: Sequence[Linear]) -> bool:
        """Whether nothing negative is stored on the tape of integers that an op loads from, if these facts hold."""
        structure = self.affine.structure
        array = structure.origin(load.operands[0])
        made = self.maker.get(array)
        if made is None or not made.attributes.get("tape") or structure.is_mixed(array):
            return False
        stores = structure.stores.get(structure.storage(array), [])
        others = Ranges(self.affine)  # with attempts of its own
        return all(
            store.primitive == "store"
            and others.implied(
                self.affine.form(store.operands[-1]),
                others.at(store, self.fixed(facts, structure.around[store])),
            )
            for store in stores
        )

    def cases(self, value: Value, least: bool) -> list[tuple[Linear, list[Linear]]]:
        """What a value may be, with what holds then; empty if that says nothing of its least (or largest)."""
        made = self.maker.get(value)
        if made is None or value not in made.results:
            return []
        form = self.affine.form
        match made.primitive:
            case "min" | "max" if (made.primitive == "min") == least:
                return [(form(x), []) for x in made.operands]
            case "select":
                condition, a, b = made.operands
                return [(form(a), self.follows(condition, True)), (form(b), self.follows(condition, False))]
            case "if":
                k = made.results.index(value)
                arms = zip(made.regions, (True, False), strict=True)
                return [(form(arm.results[k]), self.follows(made.operands[0], taken)) for arm, taken in arms]
            case _:
                return []


def rules_out(facts: list[Linear], other: Linear) -> bool:
    """Whether one or two facts say that another one does not hold, with no more to it than adding them: of a range
    that has a trip, that it is not empty."""
    sums = [other + fact for fact in facts]
    sums += [first + fact for k, first in enumerate(sums) for fact in facts[:k]]
    return any(not total.terms and total.constant < 0 for total in sums)


def conjuncts(maker: Mapping[Value, Op], condition: Value, holds: bool) -> list[tuple[Value, bool]] | None:
    """The comparisons of integers, with whether they hold, that together say no more and no less than a condition."""
    made = maker.get(condition)
    if made is None or condition not in made.results:
        return None
    if made.primitive in ORDER:
        return [(condition, holds)]
    parts: list[Value] = []
    if made.primitive == "not":
        return conjuncts(maker, made.operands[0], not holds)
    if made.primitive == ("and" if holds else "or"):
        parts = list(made.operands)
    elif made.primitive == "if":  # `a and b` is one that gives b or False, `a or b` one that gives True or b
        k = made.results.index(condition)
        arm = 0 if holds else 1
        otherwise = made.regions[1 - arm].results[k]
        if otherwise.is_constant and bool(otherwise.constant) != holds:
            parts = [made.operands[0], made.regions[arm].results[k]]
    found = [conjuncts(maker, part, holds) for part in parts]
    if not found or any(each is None for each in found):
        return None
    return [test for each in found for test in each or ()]


__all__ = ["Ranges", "conjuncts"]
