"""One value for integers that checks have shown to be equal, and no check twice.

    for i in range(n):                          require len(b) == len(a)
        t[i] = a[i] * 2.0                       for i in range(n):
    require len(b) == len(a)             ->         t[i] = a[i] * 2.0
    for i in range(len(b)):                     for i in range(len(a)):
        y[i] = t[i] + b[i]                          y[i] = t[i] + b[i]

Operations on whole arrays check that lengths fit. Checks are made as early as what they compare is known, but behind
calls and errors of the user; loops over lengths that are equal then have one range, and can be joined.

    for i in range(n):                          require n <= 0 or len(b) == m
        require len(b) == m                     for i in range(n):
        y[i] = x[i] @ b                  ->         y[i] = x[i] @ b

Once all is known that follows from them, checks of what a loop does not change come before it, if the first trip begins
with them: other passes may then read before the loop what they show to be there. Reads: nothing but the IR.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Function, Op, Value, is_number, loop_body
from ..ir.types import Type
from ..ir.walk import defined_in, ops_of
from ..primitives import REGISTRY

LENGTHS = {
    "shape",
    "add",
    "sub",
    "neg",
    "mul",
    "min",
    "max",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "and",
    "or",
    "not",
    "select",
}


def use_checks(function: Function) -> Function:
    return replace(function, body=Unifier().block(function.body, {}, {}))


class Unifier:
    def __init__(self) -> None:
        self.makers: dict[Value, Op] = {}
        self.age: dict[Value, int] = {}

    def block(self, block: Block, known: Mapping[Value, Value], made: Mapping[Any, Value]) -> Block:
        """The block with what is `known` to be equal when it begins, and what its checks show, as one value.

        `made` are the lengths that have been computed before.
        """
        known, made = dict(known), dict(made)
        ops: list[Op] = []
        for op in early_checks(block):
            op = replace(op, regions=tuple(self.block(region, known, made) for region in op.regions))
            self.add(op, ops, known, made)
        return Block(block.parameters, tuple(ops), tuple(latest(v, known) for v in block.results))

    def add(self, op: Op, ops: list[Op], known: dict[Value, Value], made: dict[Any, Value]) -> None:
        """Append an op to those of a block, if it is not known what it makes or checks."""
        op = replace(op, operands=tuple(latest(v, known) for v in op.operands))
        if op.primitive == "require":
            if op.operands[0].is_constant and op.operands[0].constant:
                return
            self.learn(op.operands[0], known)
        elif is_length(op):
            key = key_of(op.primitive, op.operands, op.result.type, op.attributes.get("axis"))
            if key in made:
                known[op.result] = made[key]
                return
            made[key] = op.result
        elif op.primitive == "for" and is_number(op.operands[0], 0) and is_number(op.operands[2], 1):
            # `range(n)` and `range(max(n, 0))` are the same, and the latter may be known to be as long as another one.
            low, high, *others = op.operands
            clipped = made.get(key_of("max", (high, low), ty.int64))
            if clipped in known:
                op = replace(op, operands=(low, self.end_of(latest(clipped, known), high), *others))
        for result in op.results:
            self.makers[result] = op
            self.age[result] = len(self.age)
        ops.append(op)

    def learn(self, condition: Value, known: dict[Value, Value]) -> None:
        """What follows from a check that has passed."""
        maker = self.makers.get(condition)
        if maker is not None and maker.primitive == "eq":
            a, b = (latest(v, known) for v in maker.operands)
            if a is b and not condition.is_constant:
                return
            if a.type == b.type == ty.int64:
                simple, other = sorted((a, b), key=self.complexity)
                known[other] = simple
        if condition.type == ty.boolean and not condition.is_constant:
            known[condition] = constant(True, ty.boolean)

    def end_of(self, length: Value, high: Value) -> Value:
        """The end of a range up to `high`, of which it is known that it has the length of another one."""
        if high not in self.makers:
            return length
        maker = self.makers.get(length)
        clips = maker is not None and maker.primitive == "max" and is_number(maker.operands[1], 0)
        return maker.operands[0] if maker is not None and clips else high

    def complexity(self, value: Value) -> tuple[int, int]:
        if value.is_constant:
            return 0, 0
        maker = self.makers.get(value)
        return 1 if maker is None or maker.primitive == "shape" else 2, self.age.get(value, 0)


def latest(value: Value, known: Mapping[Value, Value]) -> Value:
    while value in known:
        value = known[value]
    return value


def key_of(primitive: str, operands: Sequence[Value], type: Type, axis: int | None = None) -> Any:
    """What two lengths have in common that are the same."""
    return primitive, tuple((v.constant, v.type) if v.is_constant else v for v in operands), axis, type


def is_length(op: Op) -> bool:
    """Whether an op makes a length of others, or compares them."""
    made = (*op.results, *(() if op.primitive == "shape" else op.operands))
    return op.primitive in LENGTHS and all(v.type in (ty.int64, ty.boolean) for v in made)


def check_before_loops(function: Function) -> Function:
    """Make checks that the first trip of a loop begins with, of what the loop does not change, before it."""
    return replace(function, body=led(function.body))


def led(block: Block) -> Block:
    with Builder() as builder:
        for op in block.ops:
            if op.regions:
                op = replace(op, regions=tuple(map(led, op.regions)))
            builder.append(op if op.primitive != "for" else without_first_checks(op, builder))
    return replace(block, ops=tuple(builder.ops))


def without_first_checks(loop: Op, builder: Builder) -> Op:
    """The loop without such checks, which `builder` makes."""
    low, high, step = loop.operands[:3]
    body = loop_body(loop)
    inside = defined_in(body)
    leading = list(itertools.takewhile(lambda op: not op.regions and is_pure(op), body.ops))
    moved: set[Op] = set()
    for op in leading:
        if (op.primitive == "require" or is_length(op)) and inside.isdisjoint(op.operands):
            inside.difference_update(op.results)
            moved.add(op)
    checks = [op for op in leading if op in moved and op.primitive == "require"]
    if not checks or not step.is_constant:
        return loop
    builder.location = loop.location
    empty = builder.compare("le" if step.constant > 0 else "ge", high, low)
    for op in leading:
        if op in checks:
            condition = builder.emit("or", (empty, *op.operands), ty.boolean)
            builder.append(replace(op, operands=(condition,)))
        elif op in moved:
            builder.append(op)
    rest = replace(body, ops=tuple(op for op in body.ops if op not in moved))
    return replace(loop, regions=(*loop.regions[:-1], rest))


def is_pure(op: Op) -> bool:
    """Whether nothing happens that is to happen before a later check."""
    is_check = op.primitive == "require" and not stays_behind(op)
    return is_check or op.primitive in REGISTRY or op.primitive in ("shape", "load", "cast", "alloc", "copy")


def stays_behind(op: Op) -> bool:
    """Whether no later check may be made before an op: a call, or an error of the user."""
    is_assertion = op.primitive == "require" and op.attributes["error"] == "AssertionError"
    return is_assertion or op.primitive in ("opaque", "raise", "call")


def early_checks(block: Block) -> Iterator[Op]:
    """The ops of a block, with checks and the lengths that they compare before the loops that they do not depend on."""
    compared: set[Value] = set()
    for op in reversed(block.ops):
        if op.primitive == "require" or (is_length(op) and op.result in compared):
            compared.update(op.operands)
    waiting: list[Op] = []
    late: set[Value] = set()
    for op in block.ops:
        is_check = op.primitive == "require" or (is_length(op) and op.result in compared)
        if is_check and late.isdisjoint(op.operands):
            yield op
        elif any(map(stays_behind, ops_of(op))):
            yield from waiting
            waiting, late = [], set()
            yield op
        else:
            waiting.append(op)
            late.update(op.results)
    yield from waiting


__all__ = ["check_before_loops", "use_checks"]
