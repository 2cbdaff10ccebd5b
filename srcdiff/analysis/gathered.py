"""Find functions whose sums are of elements that are looked up.

    for k in range(rows[i], rows[i + 1]):
        y += values[k] * x[columns[k]]

LLVM would gather such elements in order to add up several at once, which takes longer than adding them one by one.
"""

from __future__ import annotations

from ..ir import types as ty
from ..ir.core import Function, Op, Value, indices_of, loop_body, loop_slots
from ..ir.walk import ops_within


def sums_only_looked_up(function: Function) -> bool:
    """Whether there are innermost loops that carry a float, and all of them look elements up."""
    carrying = [
        op
        for op in ops_within(function.body)
        if op.primitive == "for"
        and not any(inner.primitive in ("for", "while") for inner in ops_within(loop_body(op)))
        and any(ty.is_differentiable(p.type) and not ty.is_array(p.type) for _, p, *_ in loop_slots(op))
    ]
    return bool(carrying) and all(map(looks_up, carrying))


def looks_up(loop: Op) -> bool:
    """Whether a loop reads an element whose index it has read as well."""
    read: set[Value] = set()
    for op in loop_body(loop).ops:
        if op.primitive == "load":
            if not read.isdisjoint(indices_of(op)):
                return True
            read.add(op.result)
        elif not op.regions and not read.isdisjoint(op.operands):
            read.update(op.results)
    return False


__all__ = ["sums_only_looked_up"]
