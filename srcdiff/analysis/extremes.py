"""Find what is the largest or smallest of numbers that loops go over, and NaN where one of them is.

    m = z[0]                                   m2 is an extreme: `max` of z[i] over the first loop
    for i in range(n): m = max(m, z[i])
    c = 0
    for i in range(n): c += np.isnan(z[i])
    m2 = m if c == 0 else nan

That is how `np.max` is read; its parts alone are no `np.max`, since `max` may pass over NaN. Edits nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..ir.core import Block, Op, Value, is_number, leaves_early, loop_body, loop_slots
from ..ir.walk import ops_within, uses_in
from .structure import Structure


@dataclass(frozen=True)
class Fold:
    """A number that nested loops carry: `primitive` of it and an element in each trip. `parts` are its results."""

    primitive: str
    loops: tuple[Op, ...]
    initial: Value
    element: Value
    parts: tuple[Value, ...]


def find_extremes(body: Block, structure: Structure) -> dict[Value, tuple[Fold, Value]]:
    """By what the loops result in: how it is computed, and the value that is NaN where an element is."""
    uses = Counter(uses_in(body))
    found = {}
    for op in ops_within(body):
        if op.primitive == "select" and is_nan(op.operands[2]):
            fold = folded(op.operands[1], ("max", "min"), structure, uses)
            if (
                fold is not None
                and uses[op.operands[1]] == 1
                and is_guarded(op.operands[0], fold, structure, uses)
            ):
                found[op.operands[1]] = fold, op.result
    return found


def is_nan(value: Value) -> bool:
    return value.is_constant and isinstance(value.constant, float) and math.isnan(value.constant)


def folded(
    value: Value, primitives: Sequence[str], structure: Structure, uses: Counter[Value]
) -> Fold | None:
    """How nested loops compute a number, if they do nothing else with what they carry."""
    loops: list[Op] = []
    parts = [value]
    first: Value | None = None
    while True:
        loop = structure.maker.get(parts[-1])
        if loop is None or loop.primitive != "for" or leaves_early(loop):
            return None
        slot = next((slot for slot in loop_slots(loop) if slot[3] is parts[-1]), None)
        if slot is None or uses[slot[1]] != 1 or uses[slot[2]] != 1:
            return None
        initial, parameter, yielded, _ = slot
        if first is not None and initial is not first:
            return None
        loops.append(loop)
        made = structure.maker.get(yielded)
        if made is not None and made.primitive in primitives and made.operands[0] is parameter:
            start = next(slot[0] for slot in loop_slots(loops[0]) if slot[3] is value)
            return Fold(made.primitive, tuple(loops), start, made.operands[1], tuple(parts))
        first = parameter
        parts.append(yielded)


def is_guarded(condition: Value, fold: Fold, structure: Structure, uses: Counter[Value]) -> bool:
    """Whether a condition says that no element is NaN, and the number starts as the first of them."""
    made = structure.maker.get(condition)
    if made is None or made.primitive != "eq" or not is_number(made.operands[1], 0):
        return False
    count = folded(made.operands[0], ("add",), structure, uses)
    if count is None or not is_number(count.initial, 0) or len(count.loops) != len(fold.loops):
        return False
    cast = structure.maker.get(count.element)
    test = structure.maker.get(cast.operands[0]) if cast is not None and cast.operands else None
    if cast is None or cast.primitive != "cast_int" or test is None or test.primitive != "isnan":
        return False
    starts: dict[Value, Value] = {}
    others: dict[Value, Value] = {}
    for ours, theirs in zip(fold.loops, count.loops, strict=True):
        if not all(
            same(a, b, {}, structure) for a, b in zip(ours.operands[:3], theirs.operands[:3], strict=True)
        ):
            return False
        starts[loop_body(ours).parameters[0]] = ours.operands[0]
        others[loop_body(ours).parameters[0]] = loop_body(theirs).parameters[0]
    return same(fold.element, test.operands[0], others, structure) and same(
        fold.element, fold.initial, starts, structure
    )


def same(a: Value, b: Value, indices: dict[Value, Value], structure: Structure) -> bool:
    """Whether two numbers are computed alike from the same arrays, the first at other indices."""
    a = indices.get(a, a)
    if a is b or (a.is_constant and b.is_constant):
        return a is b or (a.constant == b.constant and a.type == b.type)
    first, second = structure.maker.get(a), structure.maker.get(b)
    if first is None or second is None or first.regions or second.regions:
        return False
    return (
        first.primitive == second.primitive
        and first.attributes == second.attributes
        and len(first.operands) == len(second.operands)
        and len(first.results) == len(second.results) == 1
        and all(same(x, y, indices, structure) for x, y in zip(first.operands, second.operands, strict=True))
    )


__all__ = ["find_extremes"]
