"""Start a sum from the element that it is added to.

    total = 0.0                                  total = a[i, j]
    for k in range(j):                           for k in range(j):
        total += a[i, k] * a[k, j]        ->         total -= a[i, k] * a[k, j]
    a[i, j] -= total                             a[i, j] = total

It can then grow in the element when the loops are turned round (`push.py`, `interchange.py`), as where it is written in
loops. Sums are rounded in another order: not in a function whose point that is. Reads: structure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..analysis.compensation import is_compensated
from ..analysis.structure import Structure, find_structure
from ..ir.core import (
    Block,
    Function,
    Op,
    Slot,
    Value,
    indices_of,
    is_number,
    leaves_early,
    loop_body,
    loop_slots,
    same_place,
)
from ..ir.walk import substitute, uses_in


def start_sums(function: Function) -> Function:
    if is_compensated(function):
        return function
    return replace(function, body=started(function.body, find_structure(function.body)))


def started(block: Block, structure: Structure) -> Block:
    ops = tuple(
        replace(op, regions=tuple(started(region, structure) for region in op.regions)) if op.regions else op
        for op in block.ops
    )
    block = replace(block, ops=ops)
    uses = list(uses_in(block))
    for loop in [op for op in block.ops if op.primitive == "for" and not leaves_early(op)]:
        for slot in loop_slots(loop):
            addition = addition_to_element(block, slot, uses, structure)
            if addition is not None and adds_once(loop, slot):
                load, made = addition
                summed = from_element(loop, slot, load.result, made.primitive == "sub")
                kept = [summed if op is loop else op for op in block.ops if op is not made]
                block = substitute(replace(block, ops=tuple(kept)), {made.result: slot[3]})
                return started(block, structure)
    return block


def addition_to_element(
    block: Block, slot: Slot, uses: Sequence[Value], structure: Structure
) -> tuple[Op, Op] | None:
    """The load, before the loop, and the op that adds a sum from zero to it, or subtracts it, for its element."""
    initial, _, _, result = slot
    if not is_number(initial, 0.0) or uses.count(result) != 1:
        return None
    made = next((op for op in block.ops if result in op.operands), None)
    if made is None or made.primitive not in ("add", "sub") or made.result.type != result.type:
        return None
    if made.primitive == "sub" and made.operands[1] is not result:
        return None
    other = next(v for v in made.operands if v is not result)
    at = next(k for k, op in enumerate(block.ops) if result in op.results)
    load = next((op for op in block.ops[:at] if op.primitive == "load" and op.result is other), None)
    if load is None or uses.count(other) != 1 or other.type != result.type:
        return None
    storage = structure.storage(load.operands[0])
    storing = (op for op in block.ops[at:] if op.primitive == "store" and op.operands[-1] is made.result)
    goes_back = any(
        structure.storage(op.operands[0]) is storage and same_place(indices_of(op), indices_of(load))
        for op in storing
    )
    return (load, made) if goes_back else None


def adds_once(loop: Op, slot: Slot) -> bool:
    """Whether each trip adds one term to a sum that nothing else reads."""
    _, parameter, yielded, _ = slot
    body = loop_body(loop)
    made = next((op for op in body.ops if yielded in op.results), None)
    if made is None or made.primitive != "add" or parameter not in made.operands:
        return False
    uses = list(uses_in(body))
    return uses.count(parameter) == 1 and uses.count(yielded) == 1


def from_element(loop: Op, slot: Slot, start: Value, subtracts: bool) -> Op:
    """The loop with a sum that starts from an element."""
    _, parameter, yielded, _ = slot
    body = loop_body(loop)
    k = body.parameters.index(parameter) - 1
    ops = []
    for op in body.ops:
        if subtracts and yielded in op.results:
            term = next(v for v in op.operands if v is not parameter)
            op = replace(op, primitive="sub", operands=(parameter, term))
        ops.append(op)
    operands = (*loop.operands[: 3 + k], start, *loop.operands[4 + k :])
    return replace(loop, operands=operands, regions=(replace(body, ops=tuple(ops)),))


__all__ = ["start_sums"]
