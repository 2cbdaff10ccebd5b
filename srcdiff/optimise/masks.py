"""Choose 0 behind the products of what is chosen, not before.

    t = 0.0 if np.isnan(y[i]) else g               p_bar += 0.0 if np.isnan(y[i]) else g * (y[i] - p)
    p_bar += t * (y[i] - p)                  ->

Nothing is owed to what was not chosen, also where a factor of it is not a number: `0.0 * nan` would be. Products,
quotients and signs that follow in the same block count, in the reverse sweep alone: what the function itself computes
may well be NaN. Guards, whose condition is that a cotangent is 0, stay with the factor that they are for. Reads:
nothing. Leaves choices that nothing reads any more to `simplified`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..ir import types as ty
from ..ir.builder import zero
from ..ir.core import Block, Function, Op, Value, is_number
from ..ir.walk import ops_within, substitute_in


@dataclass(frozen=True)
class Mask:
    """What a value is where it is not zero, and the choice that makes it so."""

    inner: Value
    choice: Op


def mask_last(function: Function) -> Function:
    body = function.body
    border = next(k for k, op in enumerate(body.ops) if op.primitive == "reverse_sweep")
    forward = replace(body, ops=body.ops[:border], results=())
    made = {result: op for op in ops_within(forward) for result in op.results}
    reverse = masked(replace(body, ops=body.ops[border:]), made)
    return replace(function, body=replace(reverse, ops=(*forward.ops, *reverse.ops)))


def masked(block: Block, made: dict[Value, Op]) -> Block:
    ops: list[Op] = []
    masks: dict[Value, Mask] = {}
    plain: dict[Value, Value] = {}  # without a name: the text has no line for them
    for op in block.ops:
        op = substitute_in(op, plain)
        if op.regions:
            op = replace(op, regions=tuple(masked(region, made) for region in op.regions))
            masks.update(chosen_by_if(op, made))
        made.update((result, op) for result in op.results)
        mask = mask_of(op, made)
        held = factor_with_mask(op, masks) if mask is None else None
        if held is not None:
            operands = tuple(masks[v].inner if v is held else v for v in op.operands)
            product, result = (Value("", op.result.type) for _ in range(2))
            plain[op.result] = result
            ops.append(replace(op, operands=operands, results=(product,)))
            nothing = zero(product.type)
            choice = masks[held].choice
            arms = (nothing if is_number(v, 0) else product for v in choice.operands[1:])
            op = replace(choice, operands=(choice.operands[0], *arms), results=(result,))
            mask = Mask(product, op)
        if mask is not None:
            masks[op.result] = mask
        ops.append(op)
    return replace(block, ops=tuple(ops), results=tuple(plain.get(v, v) for v in block.results))


def mask_of(op: Op, made: dict[Value, Op]) -> Mask | None:
    """The mask that a choice between a number and 0 is."""
    if op.primitive != "select" or not (ty.is_float(op.result.type) or ty.is_complex(op.result.type)):
        return None
    test = made.get(op.operands[0])
    if test is None or (test.primitive == "eq" and any(is_number(x, 0) for x in test.operands)):
        return None
    inner = [v for v in op.operands[1:] if not is_number(v, 0)]
    return Mask(inner[0], op) if len(inner) == 1 else None


def chosen_by_if(op: Op, made: dict[Value, Op]) -> dict[Value, Mask]:
    """The results of an `if` that are a number from before it or 0."""
    if op.primitive != "if":
        return {}
    inside = {v for region in op.regions for inner in region.ops for v in inner.results}
    arms = zip(op.results, *(region.results for region in op.regions), strict=True)
    choices = [
        Op("select", (op.operands[0], a, b), (result,), (), {}, op.location)
        for result, a, b in arms
        if a not in inside and b not in inside
    ]
    masks = {choice.result: mask_of(choice, made) for choice in choices}
    return {result: mask for result, mask in masks.items() if mask is not None}


def factor_with_mask(op: Op, masks: dict[Value, Mask]) -> Value | None:
    """The masked factor of a product, a quotient or a change of sign, if what it is multiplied by is computed."""
    match op.primitive:
        case "mul":
            a, b = op.operands
            return next((x for x, y in ((a, b), (b, a)) if x in masks and not y.is_constant), None)
        case "div":
            return op.operands[0] if op.operands[0] in masks and not op.operands[1].is_constant else None
        case "neg":
            return op.operands[0] if op.operands[0] in masks else None
    return None


__all__ = ["mask_last"]
