"""Shorten the chain from one trip of a reverse loop to the next.

    t = x_bar * a                          # one product in the chain instead of three operations
    x_bar = t * r - x_bar * c      ->      x_bar = x_bar * (a * r - c)

What a cotangent becomes in a trip is linear in what it was; the factor does not wait for it. Only chains of three
operations or more are rewritten. A choice between linear forms is linear too: the factor is what is chosen. What
else of a trip is made of the same divisions and choices gets a factor of its own, so that none is computed twice.
Reads: nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..ir import types as ty
from ..ir.builder import Builder, constant, zero
from ..ir.core import Block, Function, Op, Value, loop_body, loop_slots
from ..ir.operators import current_builder
from ..ir.walk import uses_in

LONG = 3


@dataclass(frozen=True)
class Linear:
    """`factor * scale * base + rest`; None stands for a factor of 1 and the rest 0.

    `scale` is what a factor with a division in it is multiplied by: divided again, it stays apart, so that forms
    which differ only there share their divisions. `vanishes` says that the factor may be 0 because a choice left
    the base out, which then counts for nothing whatever it is.
    """

    factor: Value | None
    rest: Value | None
    depth: int
    scale: Value | None = None
    divided: bool = False
    vanishes: bool = False


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
    """The body with what a slot yields in terms of what it was."""
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
    moving = depends(body, base)
    with Builder():
        known = forms_of(body, base, moving)
        form = known.get(end)
        if form is None or form.depth < LONG:
            return body
        targets = [end, *sharing(body, base, end, known)]
        if any(applied(known[v], base).type != v.type for v in targets):
            return body
    needed: set[Value] = set()
    for value in targets:
        needed |= cone(value, base, maker, moving)
    forms = {base: known[base]}
    with Builder() as builder:
        for op in body.ops:
            derive_in = len(op.results) == 1 and op.result in needed
            form = derive(op, forms, moving) if derive_in else None
            if form is None:
                builder.append(op)
                continue
            forms[op.result] = form
            if op.result in targets:
                applied(form, base)
                builder.ops[-1] = replace(builder.ops[-1], results=op.results)
            else:
                builder.append(op)
    return replace(body, ops=tuple(builder.ops))


def depends(body: Block, base: Value) -> set[Value]:
    found = {base}
    for op in body.ops:
        if any(v in found for v in op.operands) or any(v in found for r in op.regions for v in uses_in(r)):
            found.update(op.results)
    return found


def forms_of(body: Block, base: Value, moving: set[Value]) -> dict[Value, Linear]:
    """The linear forms in `base` of what has one."""
    known = {base: Linear(None, None, 0)}
    for op in body.ops:
        if len(op.results) == 1 and op.result in moving and op.result not in known:
            form = derive(op, known, moving)
            if form is not None:
                known[op.result] = form
    return known


def applied(form: Linear, base: Value) -> Value:
    """The value of a linear form."""
    factor = whole(form)
    value = base if factor is None else base * factor
    if factor is not None and form.vanishes:
        builder = current_builder()
        left_out = builder.compare("eq", factor, zero(factor.type))
        value = builder.emit("select", (left_out, zero(value.type), value), value.type)
    return value if form.rest is None else value + form.rest


def whole(form: Linear) -> Value | None:
    if form.factor is None or form.scale is None:
        return form.factor
    return form.factor * form.scale


def times(factor: Value | None, other: Value) -> Value:
    return other if factor is None else factor * other


# --------------------------------------------------------------------------------------------------- one op


def derive(op: Op, known: dict[Value, Linear], moving: set[Value]) -> Linear | None:
    """The linear form of what an op makes of linear forms; None if it has none."""
    forms = [known.get(x) for x in op.operands]
    if any(x in moving and form is None for x, form in zip(op.operands, forms, strict=True)):
        return None
    depth = 1 + max((form.depth for form in forms if form is not None), default=0)
    match op.primitive, forms:
        case "neg", [Linear() as x]:
            return negated(x, depth, op.result)
        case "mul", [Linear() as x, None]:
            return multiplied(x, op.operands[1], depth)
        case "mul", [None, Linear() as x]:
            return multiplied(x, op.operands[0], depth)
        case "div", [Linear() as x, None]:
            return divided(x, op.operands[1], depth)
        case "add" | "sub", [Linear() as x, None]:
            other = op.operands[1]
            if op.primitive == "add":
                rest = other if x.rest is None else x.rest + other
            else:
                rest = -other if x.rest is None else x.rest - other
            return replace(x, rest=rest, depth=depth)
        case "add", [None, Linear() as x]:
            other = op.operands[0]
            return replace(x, rest=other if x.rest is None else x.rest + other, depth=depth)
        case "add" | "sub", [Linear() as x, Linear() as y]:
            return summed(x, y, op.primitive == "sub", depth, op.result)
        case "select", [None, a, b]:
            return chosen(op, a, b, depth)
        case _:
            return None


def negated(x: Linear, depth: int, like: Value) -> Linear | None:
    if x.rest is not None:
        return None
    return replace(x, factor=constant(-1.0, like.type) if x.factor is None else -x.factor, depth=depth)


def multiplied(x: Linear, other: Value, depth: int) -> Linear:
    rest = None if x.rest is None else x.rest * other
    if x.divided:
        return replace(x, scale=times(x.scale, other), rest=rest, depth=depth)
    if x.factor is not None and x.factor.is_constant and x.factor.constant == -1.0:
        return replace(x, factor=-other, rest=rest, depth=depth)
    return replace(x, factor=times(x.factor, other), rest=rest, depth=depth)


def divided(x: Linear, other: Value, depth: int) -> Linear:
    rest = None if x.rest is None else x.rest / other
    factor = 1.0 / other if x.factor is None else x.factor / other
    return replace(x, factor=factor, rest=rest, depth=depth, divided=True)


def summed(x: Linear, y: Linear, minus: bool, depth: int, like: Value) -> Linear | None:
    a, b = (constant(1.0, like.type) if form.factor is None else whole(form) for form in (x, y))
    assert a is not None and b is not None
    rest = x.rest
    if y.rest is not None:
        if x.rest is None:
            rest = -y.rest if minus else y.rest
        else:
            rest = x.rest - y.rest if minus else x.rest + y.rest
    # What a choice leaves out of one term is still in the other.
    return Linear(a - b if minus else a + b, rest, depth, vanishes=x.vanishes and y.vanishes)


def chosen(op: Op, a: Linear | None, b: Linear | None, depth: int) -> Linear | None:
    """A choice between linear forms, or between one and something else: its factor is 0 there."""
    condition, *arms = op.operands
    type = op.result.type
    factors, rests = [], []
    for form, arm in zip((a, b), arms, strict=True):
        factor = zero(type) if form is None else constant(1.0, type) if form.factor is None else whole(form)
        rest = arm if form is None else form.rest
        if factor is None or factor.type != type:
            return None
        factors.append(factor)
        rests.append(None if rest is None or (rest.is_constant and rest.constant == 0) else rest)
    builder = current_builder()
    factor = builder.emit("select", (condition, *factors), type)
    rest = None
    if any(each is not None for each in rests):
        if any(each is not None and each.type != type for each in rests):
            return None
        filled = [zero(type) if each is None else each for each in rests]
        rest = builder.emit("select", (condition, *filled), type)
    vanishes = any(form is None or form.vanishes for form in (a, b))
    return Linear(factor, rest, depth, vanishes=vanishes)


# ------------------------------------------------------------------------------------- what else is rewritten


def sharing(body: Block, base: Value, end: Value, known: dict[Value, Linear]) -> list[Value]:
    """The linear values, read by something that is not, that are made of divisions and choices which `end` needs."""
    maker = {result: op for op in body.ops for result in op.results}
    moving = set(known)

    def dear(value: Value) -> set[Value]:
        return {v for v in cone(value, base, maker, moving) if maker[v].primitive in ("div", "select")}

    wanted = dear(end)
    read: set[Value] = {v for v in body.results if v is not end}
    for op in body.ops:
        if not (len(op.results) == 1 and op.result in known):
            read.update(op.operands)
            read.update(v for region in op.regions for v in uses_in(region))
    return [v for v in known if v in read and v is not base and v is not end and wanted & dear(v)]


def cone(value: Value, base: Value, maker: dict[Value, Op], moving: set[Value]) -> set[Value]:
    """The values from `base` to this one."""
    found: set[Value] = set()
    work = [value]
    while work:
        v = work.pop()
        if v is base or v in found or v not in moving:
            continue
        found.add(v)
        work += maker[v].operands
    return found
