"""Which values are *open*: not the same for all values of the floats.

    n = len(x)                   # known: it follows from sizes, integers and booleans
    if x[0] > 0:                 # open: it follows from a float
        k = 1
    else:
        k = 2                    # so is `k`, since the branch is
    y[k] = 1.0                   # and what `y` holds; its size is not

Reads: nothing.
"""

from __future__ import annotations

from ..ir import types as ty
from ..ir.core import IN_PLACE, Block, Function, Op, Value, leaves_early, loop_body, loop_slots


def find_open(function: Function) -> frozenset[Value]:
    """The values, and arrays with contents, that are not the same for all values of the floats."""
    found = {p for p in function.parameters if ty.is_differentiable(p.type)}

    def visit(block: Block, control: bool) -> None:
        for op in block.ops:
            match op.primitive:
                case "if":
                    decided = op.operands[0] not in found
                    for region in op.regions:
                        visit(region, control or not decided)
                    pairs = zip(*(region.results for region in op.regions), strict=True)
                    for result, pair in zip(op.results, pairs, strict=True):
                        if not decided or not found.isdisjoint(pair):
                            found.add(result)
                case "for" | "while":
                    loop(op, control)
                case "shape" | "zeros_like" | "alloc":
                    pass
                case "opaque":
                    found.update(op.results)
                case _:
                    if (control and op.primitive in IN_PLACE) or not found.isdisjoint(op.operands):
                        found.update(op.results)

    def loop(op: Op, control: bool) -> None:
        slots = loop_slots(op)
        while True:
            before = len(found)
            for initial, parameter, yielded, _ in slots:
                if initial in found or yielded in found:
                    found.add(parameter)
            if op.primitive == "while":
                for held, slot in zip(op.regions[0].parameters, slots, strict=True):
                    if slot[1] in found:
                        found.add(held)
                visit(op.regions[0], control)
            visit(loop_body(op), control or trips_are_open(op, found))
            if len(found) == before:
                break
        if trips_are_open(op, found):
            found.update(op.results)
        found.update(result for _, parameter, _, result in slots if parameter in found)

    visit(function.body, False)
    return frozenset(found)


def trips_are_open(op: Op, found: frozenset[Value] | set[Value]) -> bool:
    """Whether it depends on floats how often a loop runs."""
    deciding = list(op.operands[:3]) if op.primitive == "for" else [op.regions[0].results[0]]
    if leaves_early(op):
        deciding.append(loop_body(op).results[0])
    return not found.isdisjoint(deciding)


__all__ = ["find_open", "trips_are_open"]
