"""Algebra on single ops, constants, common subexpressions, and slots that never change.

    t = mul g 1.0          ->   g
    u = add a (neg b)      ->   sub a b
    c1 = cos x; c2 = cos x ->   one of them
    solve (cholesky a) b   ->   solve_lower (cholesky a) b

A rewrite changes no result beyond what reordering a sign does: `x * 0.0` stays (x may be infinite), `x + 0.0` goes.
"""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import replace
from typing import Any
from weakref import WeakSet

import numpy as np

from ..analysis.bounds import counting_slot
from ..ir import types as ty
from ..ir.builder import constant, zero
from ..ir.core import (
    Block,
    Function,
    Op,
    Slot,
    Value,
    carried,
    is_number,
    leaves_early,
    loop_slots,
    makes_zeros,
    written_in_place,
)
from ..ir.walk import ops_within, same, shared, uses_in
from ..primitives import REGISTRY
from ..primitives.record import number
from .lengths import from_original, from_sources, known_length

PURE_MEMORY = {"load", "shape", "cast", "stop_gradient"}
COMMUTE = {"add", "mul"}
COMPARISONS = {"lt", "le", "gt", "ge", "eq", "ne"}


DEAR = 20


def fold(function: Function, ideal: bool = False) -> Function:
    """Simplify every op of a function, once from top to bottom; the same function where nothing changes.

    In an `ideal` adjoint the reverse sweep takes an expensive result of the forward sweep, `cos(x)` where `sin(x)`
    is reversed, instead of computing it again: it may read what closed loops computed.
    """
    folder = Folder(ideal, function)
    body = folder.block(function.body, {})
    return function if body is function.body else replace(function, body=body)


def counted(op: Op, ops: list[Op]) -> Op:
    """The addition of 1 or 0 for that of a test, which LLVM does not vectorise; what chooses goes to `ops`."""
    if op.primitive == "add" and op.result.type == ty.int64:
        for test, total in (op.operands, op.operands[::-1]):
            if ty.is_boolean(test.type) and total.type == ty.int64:
                choice = Op(
                    "select", (test, *(constant(n, ty.int64) for n in (1, 0))), (Value("", ty.int64),)
                )
                ops.append(replace(choice, location=op.location))
                return replace(op, operands=(total, choice.result))
    return op


class Folder:
    def __init__(self, ideal: bool, function: Function) -> None:
        self.ideal, self.function = ideal, function
        self.everywhere: dict[
            Any, tuple[Value, tuple[int, ...]]
        ] = {}  # dear results, and the loops around them
        self.loops: list[int] = []  # tokens of the loops around, forward or reversed
        self.branches = 0
        self.replaced: dict[Value, Value] = {}
        self.made: dict[Value, Op] = {}
        self.uses = Counter(uses_in(function.body)) if ideal else Counter()

    def value(self, value: Value) -> Value:
        while value in self.replaced:
            value = self.replaced[value]
        return value

    def block(self, block: Block, available: dict[Any, tuple[Value, ...]]) -> Block:
        available = dict(available)
        ops: list[Op] = []
        for op in block.ops:
            operands = tuple(map(self.value, op.operands))
            if not same(operands, op.operands):
                op = replace(op, operands=operands)
            if op.regions:
                kept = self.region(op, available, ops)
                if kept is None:
                    continue
                op = kept
            elif op.primitive == "store" and self.restores(op):
                self.replaced[op.result] = op.operands[0]
                continue
            elif op.primitive == "accum" and (before := self.given_back(op)) is not None:
                self.replaced[op.result] = before
                continue
            elif op.primitive == "require" and op.operands[0].is_constant and op.operands[0].constant:
                continue
            elif op.primitive in REGISTRY or op.primitive in PURE_MEMORY:
                op = self.canonical(counted(op, ops))
                known = self.evaluated(op)
                if known is None:
                    known = self.simplified(op)
                if known is not None:
                    self.replaced[op.result] = known
                    continue
                key = self.key(op)
                if key in available:
                    known = available[key][0]
                if (
                    known is None
                    and self.ideal
                    and op.primitive in REGISTRY
                    and REGISTRY[op.primitive].cost >= DEAR
                ):
                    found, loops = self.everywhere.get(key, (None, ()))
                    if found is not None and set(loops) <= set(self.loops):
                        known = found
                    elif not self.branches:
                        self.everywhere[key] = (op.result, tuple(self.loops))
                if known is not None:
                    self.replaced[op.result] = known
                    continue
                available[key] = op.results
            elif op.primitive in ("solve", "solve_vector"):
                op = self.with_triangle(op)
            for result in op.results:
                self.made[result] = op
            ops.append(op)
        return shared(block, block.parameters, tuple(ops), tuple(map(self.value, block.results)))

    def restores(self, op: Op) -> bool:
        """Whether a store puts back what is there."""
        array, *where, value = op.operands
        made = self.made.get(value)
        return (
            made is not None
            and made.primitive == "load"
            and made.operands[0] is array
            and self.same_values(made.operands[1:], where)
        )

    def given_back(self, op: Op) -> Value | None:
        """The version of an array before an element was cleared to which just what it held is added again."""
        array, *where, value = op.operands
        cleared, loaded = self.made.get(array), self.made.get(value)
        if cleared is None or cleared.primitive != "store" or not is_number(cleared.operands[-1], 0):
            return None
        before, *place, _ = cleared.operands
        if loaded is None or loaded.primitive != "load" or loaded.operands[0] is not before:
            return None
        alone = self.ideal and self.uses[array] == 1
        same_place = self.same_values(place, where) and self.same_values(loaded.operands[1:], where)
        return before if alone and same_place else None

    def same_values(self, a: Any, b: Any) -> bool:
        return all(
            x is y or (x.is_constant and y.is_constant and self.same_constant(x, y))
            for x, y in zip(a, b, strict=True)
        )

    def stored(self, op: Op) -> Value | None:
        """What an element holds that was just stored, or that nothing was stored into."""
        array, *where = op.operands
        made = self.made.get(array)
        if made is not None and makes_zeros(made):
            return zero(op.result.type)
        if made is None or made.primitive != "store" or not self.same_values(made.operands[1:-1], where):
            return None
        value = made.operands[-1]
        return value if value.type == op.result.type and not ty.is_array(value.type) else None

    def key(self, op: Op) -> Any:
        operands = [
            ("constant", repr(x.constant), x.type) if x.is_constant else ("value", id(x)) for x in op.operands
        ]
        if op.primitive in COMMUTE:
            operands.sort(key=repr)
        attributes = tuple(sorted((k, v) for k, v in op.attributes.items() if isinstance(v, (int, str))))
        return (op.primitive, tuple(operands), attributes, op.result.type)

    def region(self, op: Op, available: dict[Any, tuple[Value, ...]], ops: list[Op]) -> Op | None:
        if op.primitive == "if":
            (condition,) = op.operands
            self.branches += 1
            regions = tuple(self.block(region, available) for region in op.regions)
            self.branches -= 1
            if condition.is_constant:
                taken = regions[0] if condition.constant else regions[1]
                ops += taken.ops
                self.replaced.update(zip(op.results, taken.results, strict=True))
                return None
            kept = []
            for k, result in enumerate(op.results):
                a, b = (region.results[k] for region in regions)
                if a is b or (a.is_constant and b.is_constant and self.same_constant(a, b)):
                    self.replaced[result] = a
                else:
                    kept.append(k)
            joint = self.joint(op, regions) if len(kept) == len(op.results) == 1 else None
            if joint is not None:
                ops += joint
                self.made.update((made.result, made) for made in joint)
                return None
            if len(kept) < len(op.results):
                regions = tuple(replace(r, results=tuple(r.results[k] for k in kept)) for r in regions)
            elif same(regions, op.regions):
                return op
            return replace(op, regions=regions, results=tuple(op.results[k] for k in kept))
        return self.loop(op, available)

    def joint(self, op: Op, regions: tuple[Block, ...]) -> list[Op] | None:
        """`a and b` for an `if` that compares only where `a` holds, `or` where it does not."""
        then, other = regions
        for arm, rest, primitive, else_ in ((then, other, "and", False), (other, then, "or", True)):
            (value,) = rest.results
            if value.is_constant and value.constant is else_ and not rest.ops:
                if arm.ops and all(made.primitive in COMPARISONS for made in arm.ops):
                    operands = op.operands[0], arm.results[0]
                    return [*arm.ops, replace(op, primitive=primitive, operands=operands, regions=())]
        return None

    def same_constant(self, a: Value, b: Value) -> bool:
        return a.type == b.type and repr(a.constant) == repr(b.constant)

    def loop(self, op: Op, available: dict[Any, tuple[Value, ...]]) -> Op:
        """Simplify a loop; a slot that yields its own parameter is the initial value throughout."""
        slots = loop_slots(op)
        constant_slots = self.unchanged(slots)
        for k in constant_slots:
            initial, parameter, _, result = slots[k]
            self.replaced[parameter] = initial
            self.replaced[result] = initial
        kept = [k for k in range(len(slots)) if k not in constant_slots]
        counts = counting_slot(op)
        if counts is not None and (op.primitive == "while" or leaves_early(op)):
            self.replaced[op.results[0]] = counts[3]
        self.loops.append(op.attributes.get("token", op.attributes.get("reverses", 0)))
        regions = tuple(self.block(region, available) for region in op.regions)
        self.loops.pop()
        body = regions[-1]
        index = body.parameters[:1] if op.primitive == "for" else ()
        stop = body.results[:1] if leaves_early(op) else ()
        trips = op.results[:1] if op.primitive == "while" or leaves_early(op) else ()
        offset = len(stop)
        body = shared(
            body,
            (*index, *(slots[k][1] for k in kept)),
            body.ops,
            (*stop, *(body.results[offset + k] for k in kept)),
        )
        if op.primitive == "while":
            condition = regions[0]
            parameters = tuple(condition.parameters[k] for k in kept)
            regions = (shared(condition, parameters, condition.ops, condition.results), body)
            for k in constant_slots:
                self.replaced[condition.parameters[k]] = slots[k][0]
            regions = (self.again(regions[0]), body)
        else:
            regions = (body,)
        header = op.operands[: len(op.operands) - len(carried(op))]
        operands = (*header, *(self.value(slots[k][0]) for k in kept))
        results = (*trips, *(slots[k][3] for k in kept))
        if same(operands, op.operands) and same(regions, op.regions) and same(results, op.results):
            return op
        return replace(op, operands=operands, regions=regions, results=results)

    def again(self, block: Block) -> Block:
        return self.block(block, {})

    def unchanged(self, slots: list[Slot]) -> set[int]:
        found = set()
        for k, (initial, parameter, yielded, _) in enumerate(slots):
            yielded = self.value(yielded)
            if yielded is parameter:
                found.add(k)
            elif yielded is initial and not ty.is_array(initial.type):
                found.add(k)
        return found

    # ----------------------------------------------------------------------------------------- algebra

    def canonical(self, op: Op) -> Op:
        """Signs outwards: `a + -b` as `a - b`, `a * -1.0` as `-a`; `n - 1 - 1` as `n - 2`."""
        if op.primitive == "shape":
            return from_sources(op, self.made) if self.ideal else from_original(op, self.made, self.read_only)
        if op.primitive == "mul" and (ty.is_float(op.result.type) or op.result.type == ty.int64):
            for x, other in (op.operands, op.operands[::-1]):
                if is_number(other, -1) and x.type == op.result.type:
                    return replace(op, primitive="neg", operands=(x,))
        if op.primitive in ("add", "sub"):
            op = self.shifted(op)
            a, b = op.operands
            if op.primitive == "add" and (arms := self.complementary(a, b)) is not None:
                return replace(op, primitive="select", operands=arms)
            negated = self.negated(b)
            if negated is not None:
                return self.canonical(
                    replace(op, primitive="sub" if op.primitive == "add" else "add", operands=(a, negated))
                )
            if op.primitive == "add" and (negated := self.negated(a)) is not None:
                return replace(op, primitive="sub", operands=(b, negated))
        return op

    def with_triangle(self, op: Op) -> Op:
        """A system whose matrix is the factor of Cholesky, or that transposed, reads one triangle."""
        made = self.made.get(op.operands[0])
        if made is None or made.primitive != "cholesky":
            return op
        side = "upper" if "0" in op.attributes.get("transposed", "") else "lower"
        return replace(op, primitive=op.primitive.replace("solve", f"solve_{side}"))

    def complementary(self, a: Value, b: Value) -> tuple[Value, Value, Value] | None:
        """`(x if c else 0.0) + (0.0 if c else y)` is `x if c else y`."""
        made = self.made.get(a), self.made.get(b)
        if any(op is None or op.primitive != "select" or op.attributes for op in made):
            return None
        (c, x, other), (d, rest, y) = (op.operands for op in made if op is not None)
        if is_number(x, 0) and is_number(y, 0):
            x, other, rest, y = rest, y, x, other
        fits = c is d and x.type == y.type == a.type == b.type and is_number(other, 0) and is_number(rest, 0)
        return (c, x, y) if fits else None

    def shifted(self, op: Op) -> Op:
        """An integer moved by a constant twice is moved once, so that two ways to the same bound are one value."""
        x, c = op.operands
        made = self.made.get(x)
        if not c.is_constant or op.result.type != ty.int64 or made is None:
            return op
        if made.primitive not in ("add", "sub") or made.result.type != ty.int64:
            return op
        base, inner = made.operands
        if not inner.is_constant or base.is_constant or base.type != ty.int64:
            return op
        shift = c.constant if op.primitive == "add" else -c.constant
        shift += inner.constant if made.primitive == "add" else -inner.constant
        moved = constant(abs(shift), ty.int64)
        return replace(op, primitive="add" if shift > 0 else "sub", operands=(base, moved))

    @functools.cached_property
    def read_only(self) -> set[Value]:
        """The parameters that nothing is stored into."""
        carried_on = (v for op in ops_within(self.function.body) if op.regions for v in carried(op))
        stored = (v for op in ops_within(self.function.body) for v, _ in written_in_place(op))
        return set(self.function.body.parameters).difference(carried_on, stored)

    def negated(self, value: Value) -> Value | None:
        made = self.made.get(value)
        if made is not None and made.primitive == "neg" and made.operands[0].type == value.type:
            return made.operands[0]
        return None

    def evaluated(self, op: Op) -> Value | None:
        if not op.operands or not all(x.is_constant for x in op.operands):
            return None
        row = REGISTRY.get(op.primitive)
        try:
            if op.primitive == "cast":
                found = constant(op.operands[0].constant, op.result.type)
                if ty.is_integer(op.operands[0].type) and not self.is_in_range(found):
                    wrapped = np.asarray(found.constant).astype(ty.numpy_dtype(found.type))
                    found = constant(wrapped.item(), found.type)
            elif row is None or row.evaluate is None or op.result.type in (ty.float32, ty.complex64):
                return None
            else:
                found = constant(number(row.evaluate(*(x.constant for x in op.operands))), op.result.type)
        except (ArithmeticError, ValueError, TypeError):
            return None
        return found if self.is_in_range(found) else None

    def is_in_range(self, value: Value) -> bool:
        """Whether a number is one of its type: where it is not, integers wrap around when the program runs."""
        if not ty.is_integer(value.type):
            return True
        limits = np.iinfo(ty.numpy_dtype(value.type))
        return bool(limits.min <= value.constant <= limits.max)

    def simplified(self, op: Op) -> Value | None:
        x = op.operands[0]
        match op.primitive:
            case "load":
                return self.stored(op)
            case "shape":
                return known_length(op, self.made)
            case "eq" | "le" | "ge" if x is op.operands[1] and ty.is_integer(x.type):
                return constant(True, ty.boolean)
            case "ne" | "lt" | "gt" if x is op.operands[1] and ty.is_integer(x.type):
                return constant(False, ty.boolean)
            case "cast" | "stop_gradient" if x.type == op.result.type and op.primitive == "cast":
                return x
            case "neg":
                inner = self.negated(x)
                return inner if inner is not None and inner.type == op.result.type else None
            case "conj" if (made := self.made.get(x)) is not None and made.primitive == "conj":
                return made.operands[0]
            case "real" | "imag" if (made := self.made.get(x)) is not None and made.primitive == "complex":
                part = made.operands[op.primitive == "imag"]
                return part if part.type == op.result.type else None
            case "complex" if all(y in self.made for y in op.operands):
                parts = [self.made[y] for y in op.operands]
                whole = parts[0].operands[0]
                if [part.primitive for part in parts] == ["real", "imag"] and whole is parts[1].operands[0]:
                    return whole if whole.type == op.result.type else None
            case "add":
                y = op.operands[1]
                if is_number(y, 0) and x.type == op.result.type:
                    return x
                if is_number(x, 0) and y.type == op.result.type:
                    return y
            case "sub":
                y = op.operands[1]
                if is_number(y, 0) and x.type == op.result.type:
                    return x
                if x is y and ty.is_integer(op.result.type):
                    return constant(0, op.result.type)
            case "mul":
                y = op.operands[1]
                if is_number(y, 1) and x.type == op.result.type:
                    return x
                if is_number(x, 1) and y.type == op.result.type:
                    return y
                if ty.is_integer(op.result.type) and (is_number(x, 0) or is_number(y, 0)):
                    return constant(0, op.result.type)
                return self.undone(op)
            case "div":
                if is_number(op.operands[1], 1) and x.type == op.result.type:
                    return x
            case "pow":
                if is_number(op.operands[1], 1) and x.type == op.result.type:
                    return x
            case "select":
                _, a, b = op.operands
                if a is b and all(y.type == op.result.type for y in op.operands):
                    return a
                if x.is_constant:
                    return a if x.constant else b
            case "max" | "min":
                y = op.operands[1]
                if x is y:
                    return x
                if op.primitive == "max" and is_number(y, 0) and self.is_clamped(x):
                    return x
            case "and" | "or":
                y = op.operands[1]
                if x.is_constant:
                    return y if bool(x.constant) == (op.primitive == "and") else x
                if y.is_constant:
                    return x if bool(y.constant) == (op.primitive == "and") else y
            case _:
                pass
        return None

    def undone(self, op: Op) -> Value | None:
        """`2.0 * (x / 2.0)` and `2.0 * (0.5 * x)` are `x`: a factor of two does not round."""
        two, y = op.operands
        made = self.made.get(y)
        if not (is_number(two, 2) and ty.is_float(op.result.type)) or made is None:
            return None
        for kept, other in (made.operands, made.operands[::-1]) if len(made.operands) == 2 else ():
            halves = (made.primitive == "div" and other is made.operands[1] and is_number(other, 2)) or (
                made.primitive == "mul" and is_number(other, 0.5)
            )
            if halves and kept.type == op.result.type:
                return kept
        return None

    def is_clamped(self, value: Value) -> bool:
        made = self.made.get(value)
        return made is not None and (
            made.primitive == "shape"
            or (made.primitive == "max" and any(is_number(x, 0) for x in made.operands))
        )


def simplified_adjoint(function: Function) -> Function:
    """Simplify an ideal adjoint, which may read what closed regions computed."""
    return simplified(fold(function, ideal=True))


SETTLED: WeakSet[Block] = (
    WeakSet()
)  # where there is nothing to simplify: most passes change nothing most of the time


def simplified(function: Function) -> Function:
    """Fold until nothing changes, at least not in size."""
    from .dce import eliminate_dead

    if function.body in SETTLED:
        return function
    size = -1
    for _ in range(6):
        before, function = function, eliminate_dead(fold(function))
        if function is before:
            SETTLED.add(function.body)
            break
        now = count_ops(function.body)
        if now == size:
            break
        size = now
    return function


def count_ops(block: Block) -> int:
    return sum(1 + sum(count_ops(r) for r in op.regions) + len(op.results) for op in block.ops)


__all__ = ["count_ops", "fold", "simplified", "simplified_adjoint"]
