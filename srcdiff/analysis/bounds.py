"""How many trips a loop makes at most, where the program says so by a constant.

    while abs(step) > tol and trips < 50:     # most_trips(loop) == 50
        ...
        trips += 1

A `while` is bounded by a counter that starts at a constant, goes up or down by a constant in every trip, and is
compared with a constant in a condition without which there is no further trip; by a number that is halved or doubled in
every trip, since an integer has so many bits; a `for` that may leave early by its range. Reads: nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..ir import types as ty
from ..ir.core import (
    Block,
    Op,
    Slot,
    Value,
    is_number,
    loop_slots,
)

FEW = 1024


def most_trips(loop: Op) -> int | None:
    """An upper bound of the number of trips; None if none is known."""
    if loop.primitive == "for":
        low, high, step = loop.operands[:3]
        if not (low.is_constant and high.is_constant and step.is_constant):
            return None
        return steps_between(low.constant, high.constant, step.constant)
    tests = list(conjuncts(loop.regions[0], loop.regions[0].results[0]))
    bounds = [find(loop, test) for find in (counted_to, halved_to, doubled_to) for test in tests]
    return min((bound for bound in bounds if bound is not None), default=None)


def has_few_trips(loop: Op) -> bool:
    """Whether a loop makes so few trips that a tape may be allocated for the most that it can make."""
    most = most_trips(loop)
    return most is not None and most <= FEW


def counting_slot(loop: Op) -> Slot | None:
    """What counts the trips of a loop from zero, if anything that it carries does."""
    for slot in loop_slots(loop):
        initial, parameter, yielded, _ = slot
        from_zero = initial.is_constant and initial.constant == 0 and initial.type == ty.int64
        if from_zero and steps_by(loop, parameter, yielded) == 1:
            return slot
    return None


def conjuncts(block: Block, value: Value) -> Iterator[Op]:
    """The ops that make the values which must all be true for `value` to be."""
    made = next((op for op in block.ops if value in op.results), None)
    if made is None:
        return
    if made.primitive == "and":
        for operand in made.operands:
            yield from conjuncts(block, operand)
    elif made.primitive == "if":  # `a and b` evaluates b only if a is true
        (then,), (otherwise,) = ((region.results[made.results.index(value)],) for region in made.regions)
        if otherwise.is_constant and not otherwise.constant:
            yield from conjuncts(block, made.operands[0])
            yield from conjuncts(made.regions[0], then)
    else:
        yield made


def counted_to(loop: Op, test: Op) -> int | None:
    """The number of trips after which a comparison of a counter with a constant fails."""
    if test.primitive not in COMPARISONS or not all(ty.is_integer(x.type) for x in test.operands):
        return None
    a, b = test.operands
    relation = test.primitive
    if a.is_constant:
        a, b, relation = b, a, COMPARISONS[relation]
    if not b.is_constant:
        return None
    slot = compared_slot(loop, a)
    if slot is None or not slot[0].is_constant:
        return None
    step = steps_by(loop, slot[1], slot[2])
    up = relation in ("lt", "le")
    if not step or (step > 0) != up:
        return None
    last = b.constant + (1 if up else -1) if relation in ("le", "ge") else b.constant
    return steps_between(slot[0].constant, last, step)


def halved_to(loop: Op, test: Op) -> int | None:
    """The number of trips after which a number that every trip halves is not above zero."""
    ordered = as_less(test)
    if ordered is None:
        return None
    least, value, strict = ordered
    slot = compared_slot(loop, value)
    if slot is None or not least.is_constant or least.constant < (0 if strict else 1):
        return None
    match maker_of(loop, slot[2]):
        case Op(primitive="rshift" | "floordiv" as primitive, operands=(held, by)) if held is slot[1]:
            return bits_of(slot[0]) if is_number(by, 1 if primitive == "rshift" else 2) else None
    return None


def doubled_to(loop: Op, test: Op) -> int | None:
    """The number of trips after which a positive number that every trip doubles is above any other."""
    ordered = as_less(test)
    if ordered is None:
        return None
    value, most, _ = ordered
    slot = compared_slot(loop, value)
    if slot is None or not slot[0].is_constant or slot[0].constant < 1:
        return None
    match maker_of(loop, slot[2]):
        case Op(primitive="mul", operands=(a, b)):
            doubles = (a is slot[1] and is_number(b, 2)) or (b is slot[1] and is_number(a, 2))
        case Op(primitive="add", operands=(a, b)):
            doubles = a is slot[1] and b is slot[1]
        case Op(primitive="lshift", operands=(a, b)):
            doubles = a is slot[1] and is_number(b, 1)
        case _:
            doubles = False
    return bits_of(most) if doubles else None


def as_less(test: Op) -> tuple[Value, Value, bool] | None:
    """The sides of a comparison of integers, the one that is to be less first, and whether it must be."""
    if test.primitive not in ("lt", "le", "gt", "ge") or not all(
        ty.is_integer(x.type) for x in test.operands
    ):
        return None
    a, b = test.operands if test.primitive in ("lt", "le") else test.operands[::-1]
    return a, b, test.primitive in ("lt", "gt")


def maker_of(loop: Op, yielded: Value) -> Op | None:
    """What makes a number that a loop carries into its next trip."""
    return next((op for op in loop.regions[-1].ops if yielded in op.results), None)


def bits_of(number: Value) -> int:
    """The length of a positive integer."""
    if number.is_constant:
        return int(number.constant).bit_length()
    return int(number.type.bitwidth) - bool(number.type.signed)


def compared_slot(loop: Op, held: Value) -> Slot | None:
    """What a loop carries, by its value in the condition."""
    parameters = loop.regions[0].parameters
    return next((s for p, s in zip(parameters, loop_slots(loop), strict=True) if p is held), None)


def steps_between(low: int, high: int, step: int) -> int:
    return max(0, -((low - high) // step))


COMPARISONS = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}  # and what each is with its operands exchanged


def steps_by(loop: Op, parameter: Value, yielded: Value) -> int | None:
    """By what constant a slot of integers moves in every trip."""
    made = maker_of(loop, yielded)
    if made is None or made.primitive not in ("add", "sub") or not ty.is_integer(yielded.type):
        return None
    a, b = made.operands
    if made.primitive == "add" and b is parameter:
        a, b = b, a
    if a is not parameter or not b.is_constant:
        return None
    step: int = b.constant
    return step if made.primitive == "add" else -step


__all__ = ["counting_slot", "most_trips"]
