"""Integers as linear forms in loop indices and invariants.

    x[i - 1] in a loop over i in range(1, n)    index  1*i - 1,  lower bound 0

What follows about elements that are stored into is in `overwrites.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..ir import types as ty
from ..ir.core import Op, Value, is_number, loop_body
from ..primitives import ARRAYS
from .structure import Structure, index_of, induction


@dataclass(frozen=True)
class Linear:
    """`constant + sum(coefficient * value)`."""

    terms: tuple[tuple[Value, int], ...] = ()
    constant: int = 0

    def coefficient(self, value: Value) -> int:
        for v, c in self.terms:
            if v is value:
                return c
        return 0

    def combined(self, factor: int, other: Linear, others: int) -> Linear:
        """`factor * self + others * other`."""
        sums = {value: c * factor for value, c in self.terms}
        for value, c in other.terms:
            sums[value] = sums.get(value, 0) + c * others
        terms = tuple(term for term in sums.items() if term[1])
        return Linear(terms, self.constant * factor + other.constant * others)

    def __add__(self, other: Linear) -> Linear:
        return self.combined(1, other, 1)

    def scaled(self, factor: int) -> Linear:
        return Linear(tuple((v, c * factor) for v, c in self.terms if factor), self.constant * factor)

    def __sub__(self, other: Linear) -> Linear:
        return self.combined(1, other, -1)

    def tightened(self) -> Linear:
        """The form in lowest terms that is not negative for the same integers: `2 n - 1` as `n - 1`."""
        g = math.gcd(*(c for _, c in self.terms))
        return self if g < 2 else Linear(tuple((v, c // g) for v, c in self.terms), self.constant // g)

    def replaced(self, value: Value, by: Linear) -> Linear:
        c = self.coefficient(value)
        if not c:
            return self
        rest = Linear(tuple((v, k) for v, k in self.terms if v is not value), self.constant)
        return rest.combined(1, by, c)


class Affine:
    """Linear forms over one function."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.forms: dict[Value, Linear] = {}
        # Lengths of arrays: values without an op, what they stand for, those of arrays that swap.
        self.lengths: dict[tuple[Value, int], Linear] = {}
        self.length_of: dict[Value, tuple[Value, int]] = {}
        self.common: dict[tuple[Value, int], Linear | None] = {}

    def form(self, value: Value) -> Linear:
        """The linear form of an integer; of anything else than sums, the value itself."""
        if value.is_constant:
            return Linear((), int(value.constant))
        if value not in self.forms:
            self.forms[value] = self.derive(value)
        return self.forms[value]

    def derive(self, value: Value) -> Linear:
        op = self.structure.maker.get(value)
        itself = Linear(((value, 1),))
        if op is None or not ty.is_integer(value.type):
            return itself
        if value not in op.results:
            return self.induced(value) or itself
        if not value.type.signed:
            return itself  # it wraps around below zero
        match op.primitive:
            case "add":
                return self.form(op.operands[0]) + self.form(op.operands[1])
            case "sub":
                return self.form(op.operands[0]) - self.form(op.operands[1])
            case "neg":
                return self.form(op.operands[0]).scaled(-1)
            case "mul":
                a, b = map(self.form, op.operands)
                if not a.terms:
                    return b.scaled(a.constant)
                if not b.terms:
                    return a.scaled(b.constant)
            case "shape":
                return self.length(op.operands[0], op.attributes["axis"])
            case _:
                pass
        return itself

    def induced(self, value: Value) -> Linear | None:
        """What goes up by a constant in each trip of a `for`, by the index of the loop."""
        known = induction(self.structure, value)
        if known is None or known[0].primitive != "for" or known[0].attributes.get("descending"):
            return None
        loop, initial, c = known
        low, _, step = loop.operands[:3]
        if not step.is_constant or not step.constant or c % step.constant:
            return None
        trips = Linear(((loop_body(loop).parameters[0], 1),)) - self.form(low)
        return self.form(initial) + trips.scaled(c // step.constant)

    def length(self, array: Value, axis: int) -> Linear:
        """The length of an array along an axis; arrays that swap have one if all of them have."""
        if not self.structure.is_mixed(array):
            return self.made_length(self.structure.origin(array), axis)
        own = self.symbol(self.structure.origin(array), axis)
        key = (self.structure.storage(array), axis)
        if key not in self.common:
            # An array made as long as one of these (`np.empty(len(u))`) is as long as they are.
            assumed = self.common[key] = self.fresh_symbol(array, axis)
            found = {self.made_length(source, axis) for source in self.structure.sources(array)} - {assumed}
            self.common[key] = found.pop() if len(found) == 1 else None
            self.forms.clear()
        return self.common[key] or own

    def unclipped(self, length: Linear) -> Linear:
        """A length with `n` for `max(n, 0)`, which it is where there is an index below it."""
        for value, _ in length.terms:
            made = self.structure.maker.get(value)
            if made is not None and is_clipped(made):
                n = next((x for x in made.operands if not x.is_constant), made.operands[0])
                length = length.replaced(value, self.form(n))
        return length

    def swaps_alike(self, array: Value, axis: int) -> bool:
        """Whether an array swaps with others that are all as long."""
        if not self.structure.is_mixed(array):
            return False
        self.length(array, axis)
        return self.common[self.structure.storage(array), axis] is not None

    def made_length(self, array: Value, axis: int) -> Linear:
        """The length that an array was made with."""
        made = self.structure.maker.get(array)
        if self.structure.grows(array):
            return self.symbol(array, axis)
        if made is not None and made.primitive == "alloc":
            return self.form(made.operands[axis])
        if made is not None and made.primitive in ("copy", "zeros_like", "empty_like"):
            return self.length(made.operands[0], axis)
        if made is not None and made.primitive in ARRAYS:
            transposed = made.attributes.get("transposed", "")
            sources = ARRAYS[made.primitive].source_of(made.results.index(array), axis, transposed)
            if len(sources) == 1:
                ((operand, along),) = sources
                return self.length(made.operands[operand], along)
        return self.symbol(array, axis)

    def symbol(self, array: Value, axis: int) -> Linear:
        """A length that is known by nothing else than its array."""
        if (array, axis) not in self.lengths:
            self.lengths[array, axis] = self.fresh_symbol(array, axis)
        return self.lengths[array, axis]

    def fresh_symbol(self, array: Value, axis: int) -> Linear:
        symbol = Value("", ty.int64)
        self.length_of[symbol] = (array, axis)
        self.structure.home[symbol] = self.structure.home[array]
        return Linear(((symbol, 1),))

    def learn(self, check: Op) -> None:
        """Take a length that a check compares for the other one: only for ops behind the check."""
        made = self.structure.maker.get(check.operands[0])
        if check.primitive != "require" or made is None or made.primitive != "eq":
            return
        a, b = map(self.form, made.operands)
        for form, other in ((b, a), (a, b)):
            lone = next((v for v, _ in form.terms if form == Linear(((v, 1),))), None)
            if lone in self.length_of and not other.coefficient(lone):
                self.lengths = {key: x.replaced(lone, other) for key, x in self.lengths.items()}
                self.common = {key: x and x.replaced(lone, other) for key, x in self.common.items()}
                self.forms.clear()
                return

    def loop_of(self, index: Value) -> Op | None:
        """The `for` that an index belongs to."""
        op = self.structure.maker.get(index)
        if op is not None and op.primitive == "for" and index_of(op) is index:
            return op
        return None

    def bounds(self, index: Value) -> tuple[Linear, Linear] | None:
        """(lowest, highest) of a loop index, while its loop runs."""
        op = self.loop_of(index)
        if op is None or not op.operands[2].is_constant:
            return None
        low, high, step = op.operands[:3]
        if step.constant > 0:
            above = self.form(high)
            if low.is_constant and low.constant >= 0:
                # `max(n, 0)` is `n` where there is an index below it.
                spans = [x for x in self.limits_of(high, True) if x.terms]
                above = spans[0] if len(spans) == 1 and is_clipped(self.structure.maker[high]) else above
            return self.form(low), above + Linear((), -1)
        return self.form(high) + Linear((), 1), self.form(low)

    def least(self, form: Linear, keep: frozenset[Value] = frozenset(), depth: int = 8) -> Linear:
        """A lower bound with the loop indices other than `keep` put at the ends of their ranges."""
        inner = self.innermost(v for v, _ in form.terms if v not in keep and self.bounds(v))
        ends = None if inner is None or not depth else self.bounds(inner)
        if inner is None or ends is None:
            return form
        end = ends[0] if form.coefficient(inner) > 0 else ends[1]
        return self.least(form.replaced(inner, end), keep, depth - 1)

    def innermost(self, values: Iterable[Value]) -> Value | None:
        """The value of the most nested loop: the range of its index may depend on the others, not theirs on it."""
        return max(values, key=lambda v: len(self.structure.home.get(v, ())), default=None)

    def is_positive(self, form: Linear) -> bool:
        """Whether a form is certainly at least 1."""
        least = self.least(form)
        if least.constant >= 1 and all(c > 0 and self.is_length(v) for v, c in least.terms):
            return True
        return any(
            self.is_positive(least.replaced(value, bound))
            for value, c in least.terms
            for bound in self.limits_of(value, c > 0)
        ) or any(self.is_positive(limit) for limit in self.without_quotients(least))

    def without_quotients(self, form: Linear) -> Iterator[Linear]:
        """Lower bounds of a form with a quotient that it subtracts: `n - 2 * (n // 2)` is at least `n - n`."""
        for value, c in form.terms:
            op = self.structure.maker.get(value)
            if op is None or op.primitive != "floordiv" or not ty.is_integer(value.type):
                continue
            by = op.operands[1]
            if by.is_constant and by.constant > 0 and c < 0 and c % by.constant == 0:
                yield form.replaced(value, Linear()) + self.form(op.operands[0]).scaled(c // by.constant)

    def limits_of(self, value: Value, below: bool) -> list[Linear]:
        """What a maximum is never below, and a minimum never above: each of its operands. What is left of a division is
        not above what was divided."""
        op = self.structure.maker.get(value)
        if op is not None and op.primitive == "mod" and not below and ty.is_integer(value.type):
            whole, by = op.operands
            if by.is_constant and by.constant > 0 and self.is_never_negative(whole):
                return [self.form(whole), Linear((), by.constant - 1)]
        if op is None or op.primitive != ("max" if below else "min") or not ty.is_integer(value.type):
            return []
        return [self.form(x) for x in op.operands]

    def is_not_negative(self, form: Linear) -> bool:
        return self.is_positive(form + Linear((), 1))

    def is_never_negative(self, value: Value) -> bool:
        return self.is_not_negative(self.form(value))

    def digits(self, value: Value) -> tuple[Linear, Linear, Linear] | None:
        """(i, j, n) of an index `i * n + j` with j certainly from 0 to n - 1, which no other i and j have."""
        form = self.form(value)
        for v, c in form.terms:
            made = self.structure.maker.get(v)
            if c != 1 or made is None or made.primitive != "mul" or v not in made.results:
                continue
            low = form - Linear(((v, 1),))
            for a, b in (made.operands, made.operands[::-1]):
                radix = self.form(b)
                if self.is_not_negative(low) and self.is_positive(radix - low):
                    return self.form(a), low, radix
        return None

    def goes_over(self, index: Value, outer: Op, inner: Op, length: Value) -> bool:
        """Whether `i * m + j`, in a loop over i from 0 to n around one over j from 0 to m, takes each value below a
        length of `n * m`, of which not both are negative."""
        digits, made = self.digits(index), self.structure.maker.get(length)
        if digits is None or made is None or made.primitive != "mul":
            return False
        loops = (outer, inner)
        if not all(is_number(op.operands[0], 0) and is_number(op.operands[2], 1) for op in loops):
            return False
        n, m = (self.form(op.operands[1]) for op in loops)
        i, j = (self.form(loop_body(op).parameters[0]) for op in loops)
        if digits != (i, j, m) or not any(map(self.is_not_negative, (n, m))):
            return False
        return list(map(self.form, made.operands)) in ([n, m], [m, n])

    def is_in_range(self, array: Value, where: Sequence[Value]) -> bool:
        """Whether an element certainly exists, at indices that do not count from the end."""
        return all(
            self.is_never_negative(i) and self.is_positive(self.length(array, axis) - self.form(i))
            for axis, i in enumerate(where)
        )

    def is_length(self, value: Value) -> bool:
        """Whether a value is never negative by what it is."""
        if value in self.length_of:
            return True
        op = self.structure.maker.get(value)
        if op is None or not ty.is_integer(value.type):
            return False
        if op.primitive == "mul":
            return all(map(self.is_never_negative, op.operands))
        if op.primitive == "min":
            forms = map(self.form, op.operands)
            return all(
                f.constant >= 0 and all(c > 0 and self.is_length(v) for v, c in f.terms) for f in forms
            )
        is_clip = op.primitive == "max" and any(x.is_constant and x.constant >= 0 for x in op.operands)
        return is_clip or op.primitive == "position"


def is_clipped(op: Op) -> bool:
    """Whether an op is `max(n, 0)`."""
    return op.primitive == "max" and any(x.is_constant and x.constant == 0 for x in op.operands)
