"""Shorten the chain from one trip of a reverse loop to the next.

    t = x_bar * a                          # one product in the chain instead of three operations
    x_bar = t * r - x_bar * c      ->      x_bar = x_bar * (a * r - c)

What a cotangent becomes in a trip is linear in what it was; the factor does not wait for it. Only chains of three
operations or more are rewritten. Reads: nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Block, Function, Op, Value, loop_body, loop_slots
from ..ir.walk import uses_in

LONG = 3


@dataclass(frozen=True)
class Linear:
    """`factor * base + rest`; None stands for the factor 1 and the rest 0."""

    factor: Value | None
    rest: Value | None
    depth: int


def shorten_chains(function: Function) -> Function:
    return replace(function, body=shorten(function.body))


def shorten(block: Block) -> Block:
    ops = []
    for op in block.ops:
        if op.regions:
            op = replace(op, regions=tuple(shorten(region) for region in op.regions))
        if op.primitive == "for" and "reverses" in op.attributes:
            for _, parameter, yielded, _ in loop_slots(op):
                if ty.is_float(parameter.type):
                    op = replace(op, regions=(factored(loop_body(op), parameter, yielded),))
        ops.append(op)
    return replace(block, ops=tuple(ops))


def factored(body: Block, start: Value, end: Value) -> Block:
    counts: dict[Value, int] = {}
    for value in uses_in(body):
        counts[value] = counts.get(value, 0) + 1
    maker = {result: op for op in body.ops for result in op.results}
    if end not in maker or counts.get(end, 0) != 1:
        return body
    base = start
    while counts.get(base) == 1:  # sums with what is known come first: they are part of every chain
        user = next((op for op in body.ops if base in op.operands), None)
        if user is None or user.primitive not in ("add", "sub") or user.operands[0] is not base:
            break
        if user.result is end:
            return body
        base = user.result
    with Builder() as builder:
        moving = depends(body, base)
        form = linear(end, base, maker, moving, {}) if end in moving else None
        if form is None or form.depth < LONG:
            return body
        value = base if form.factor is None else base * form.factor
        if form.rest is not None:
            value = value + form.rest
        if value.type != end.type or not builder.ops:
            return body
    at = next(k for k, op in enumerate(body.ops) if end in op.results)
    last = replace(builder.ops[-1], results=(end,))
    ops = (*body.ops[:at], *builder.ops[:-1], last, *body.ops[at + 1 :])
    return replace(body, ops=ops)


def depends(body: Block, base: Value) -> set[Value]:
    found = {base}
    for op in body.ops:
        if any(v in found for v in op.operands) or any(v in found for r in op.regions for v in uses_in(r)):
            found.update(op.results)
    return found


def linear(
    value: Value, base: Value, maker: dict[Value, Op], moving: set[Value], known: dict[Value, Linear | None]
) -> Linear | None:
    """The linear form of a value in `base`; None if it has none."""
    if value is base:
        return Linear(None, None, 0)
    if value in known:
        return known[value]
    known[value] = form = derive(value, base, maker, moving, known)
    return form


def derive(
    value: Value, base: Value, maker: dict[Value, Op], moving: set[Value], known: dict[Value, Linear | None]
) -> Linear | None:
    op = maker.get(value)
    if op is None or op.primitive not in ("add", "sub", "mul", "neg", "div"):
        return None
    forms = [linear(x, base, maker, moving, known) if x in moving else None for x in op.operands]
    if any(x in moving and form is None for x, form in zip(op.operands, forms, strict=True)):
        return None
    depth = 1 + max(form.depth for form in forms if form is not None)
    x = forms[0]
    if op.primitive == "neg":
        assert x is not None
        return (
            Linear(-x.factor if x.factor is not None else None, None, depth)
            if x.rest is None and x.factor
            else None
        )
    y = forms[1]
    a, b = op.operands
    match op.primitive:
        case "mul" if x is None or y is None:
            form, other = (x, b) if y is None else (y, a)
            assert form is not None
            return Linear(times(form.factor, other), None if form.rest is None else form.rest * other, depth)
        case "div" if x is not None and y is None:
            factor = x.factor / b if x.factor is not None else 1.0 / b
            return Linear(factor, None if x.rest is None else x.rest / b, depth)
        case "add" | "sub":
            sign = op.primitive == "sub"
            if x is None or y is None:
                form, other = (x, b) if x is not None else (y, a)
                assert form is not None
                if sign and x is None:
                    return None
                rest = other if form.rest is None else (form.rest - other if sign else form.rest + other)
                if sign and form.rest is None:
                    rest = -other
                return Linear(form.factor, rest, depth)
            if x.factor is None or y.factor is None or x.rest is not None or y.rest is not None:
                return None
            return Linear(x.factor - y.factor if sign else x.factor + y.factor, None, depth)
        case _:
            return None


def times(factor: Value | None, other: Value) -> Value:
    return other if factor is None else factor * other
