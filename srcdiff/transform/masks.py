"""Cotangents that are zero where something was not taken, and what they are elsewhere.

    t = sqrt x                          t_bar = select (x > 0) y_bar 0             # masked by x > 0, where it is y_bar
    y = select (x > 0) t 0       ->     x_bar = select (x > 0) (mul y_bar (div 0.5 t)) 0
                                        # not mul t_bar (div 0.5 t): at zero that is 0 * inf

A rule that may give infinity is applied to what the cotangent is where the conditions of its mask hold, and then
selects; any other is zero there already. A sum of two shares is masked by what either of them asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce

from ..ir import types as ty
from ..ir.builder import zero
from ..ir.core import Block, Op, Value, is_number
from ..ir.operators import current_builder
from ..ir.walk import ops_within
from ..primitives import REGISTRY
from .cotangents import bar, named

Mask = tuple[tuple[Value, bool], ...]  # conditions, and what each is where something is owed
DEAR = 5  # what costs as much as a division may be infinite


class Masks:
    """The masks of the cotangents of an adjoint that is being written.

    Attributes
    ----------
    dear : the values that may be infinite, or follow from one that may.
    known : for masked cotangents, what they are where the conditions hold, and those.
    """

    def __init__(self, body: Block) -> None:
        self.dear: set[Value] = set()
        for op in ops_within(body):
            if op.primitive in REGISTRY and self.may_be_infinite(op):
                self.dear.update(op.results)
        self.known: dict[Value, tuple[Value, Mask]] = {}

    def may_be_infinite(self, op: Op) -> bool:
        return is_dear(op) or not self.dear.isdisjoint(op.operands)

    def of(self, cotangent: Value) -> tuple[Value, Mask]:
        """What a cotangent is where the conditions of its mask hold, and those; it is zero elsewhere."""
        return self.known.get(cotangent, (cotangent, ()))

    def put(self, cotangent: Value, mask: Mask) -> None:
        """Say of a cotangent that it is zero where the conditions do not hold."""
        self.known[cotangent] = cotangent, mask

    def share(self, given: Value, operand: Value, rule: Callable[..., Value], *values: Value) -> Value:
        """What an op owes to an operand by a rule of what is owed to the op, and of these values."""
        ops = current_builder().ops
        start = len(ops)
        term = rule(given, *values)
        if term is given:
            return given
        g, mask = self.of(given)
        vanishes = not any(map(self.may_be_infinite, ops[start:]))
        if not vanishes and g is not given:
            del ops[start:]
            term = rule(g, *values)
        return self.under(mask, term, operand, vanishes)

    def total(self, held: Value, term: Value, operand: Value) -> Value:
        """The sum of two shares that are owed to an operand."""
        (a, mask), (b, other) = self.of(held), self.of(term)
        if mask != other:
            a, b, mask = held, term, self.either(mask, other)
        total = current_builder().emit("add", (a, b), ty.promote(a.type, b.type), name=bar(operand))
        return self.under(mask, total, operand, vanishes=a is held and b is term)

    def either(self, mask: Mask, other: Mask) -> Mask:
        """Where one or the other of two shares is owed: what both ask for, and all that one asks for besides."""
        both = tuple(each for each in mask if each in other)
        parts = [[each for each in one if each not in both] for one in (mask, other)]
        if not all(parts) or not self.dear:
            return both
        first, second = (
            reduce(partial(joint, "and"), [as_condition(*each) for each in part]) for part in parts
        )
        return (*both, (joint("or", first, second), True))

    def under(self, mask: Mask, term: Value, operand: Value, vanishes: bool) -> Value:
        """A term of what is owed to an operand, just computed, or zero where a mask does not hold: if it `vanishes`
        it is zero there already."""
        inner, own = unmasked(term)
        for condition, holds in () if vanishes else reversed(mask):
            term = selected(condition, holds, term)
        owed = named(term, operand)
        whole = (*mask, *(each for each in own if each not in mask))
        if whole:
            self.known[owed] = owed if inner is term else inner, whole
        return owed


def joint(primitive: str, a: Value, b: Value) -> Value:
    return current_builder().emit(primitive, (a, b), ty.boolean)


def as_condition(condition: Value, holds: bool) -> Value:
    return condition if holds else current_builder().emit("not", (condition,), ty.boolean)


def unmasked(term: Value) -> tuple[Value, Mask]:
    """What a term is where it is not zero, and where that is, if it was just `select`ed against zero."""
    ops = current_builder().ops
    if (
        ops
        and ops[-1].results == (term,)
        and ops[-1].primitive == "select"
        and not ops[-1].attributes.get("guard")
    ):
        condition, a, b = ops[-1].operands
        if is_number(b, 0):
            return a, ((condition, True),)
        if is_number(a, 0):
            return b, ((condition, False),)
    return term, ()


def selected(condition: Value, holds: bool, term: Value) -> Value:
    """The term, or zero where the condition is not what it must be."""
    arms = (term, zero(term.type)) if holds else (zero(term.type), term)
    return current_builder().emit("select", (condition, *arms), term.type)


def is_dear(op: Op) -> bool:
    row = REGISTRY.get(op.primitive)
    if op.primitive == "pow" and op.operands[1].is_constant and ty.is_integer(op.operands[1].type):
        return bool(op.operands[1].constant < 1)
    return row is not None and row.cost >= DEAR


def may_be_infinite_untaken(body: Block) -> bool:
    """Whether something that may be infinite is computed beside conditions: where it is not taken, a second reverse
    sweep loses what it was recorded under, and multiplies it by zero."""
    ops = list(ops_within(body))
    chooses = any(
        op.primitive == "if" or (op.primitive == "select" and not op.attributes.get("guard")) for op in ops
    )
    return chooses and any(op.primitive in REGISTRY and is_dear(op) for op in ops)


__all__ = ["Masks", "as_condition", "joint", "may_be_infinite_untaken", "selected", "unmasked"]
