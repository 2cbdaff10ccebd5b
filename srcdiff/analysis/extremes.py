"""Find what is the largest or smallest of numbers that loops go over, and NaN where one of them is.

    m = z[0]
    for i in range(n): m = np.maximum(m, z[i])        m is an extreme: `max` of z[i] over the loop

That is how `np.max` is read. Edits nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ..ir.core import Block, Op, Value, leaves_early, loop_body, loop_slots
from ..ir.walk import ops_within, uses_in
from .structure import Structure

EXTREMES = {"maximum": "max", "minimum": "min"}


@dataclass(frozen=True)
class Fold:
    """The extreme that nested loops carry, `max` or `min` as `name` says. `parts` are their results."""

    name: str
    loops: tuple[Op, ...]
    initial: Value
    element: Value
    parts: tuple[Value, ...]


def find_extremes(body: Block, structure: Structure) -> dict[Value, Fold]:
    """By what the loops result in: how it is computed."""
    uses = Counter(uses_in(body))
    found = {}
    for op in ops_within(body):
        for result in op.results if op.primitive == "for" else ():
            fold = folded(result, structure, uses)
            if fold is not None and starts_with_first(fold, structure):
                found[result] = fold
    return found


def folded(value: Value, structure: Structure, uses: Counter[Value]) -> Fold | None:
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
        if made is not None and made.primitive in EXTREMES and made.operands[0] is parameter:
            start = next(slot[0] for slot in loop_slots(loops[0]) if slot[3] is value)
            return Fold(EXTREMES[made.primitive], tuple(loops), start, made.operands[1], tuple(parts))
        first = parameter
        parts.append(yielded)


def starts_with_first(fold: Fold, structure: Structure) -> bool:
    """Whether the number starts as the first of the elements."""
    starts = {loop_body(loop).parameters[0]: loop.operands[0] for loop in fold.loops}
    return same(fold.element, fold.initial, starts, structure)


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
