"""What a piece of a program does if some values are zero.

    z = load seed j       zero                  it is idle: what it stores is what is there,
    t = mul z x           zero                  and what it yields is what it was given
    s.1 = add s t         the same as s

`0 * x` is zero for every x: a derivative that is not there, not one that is small.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..ir import types as ty
from ..ir.core import Block, Op, Value, indices_of, is_number, leaves_early, loop_body, loop_slots, same_place
from ..primitives import REGISTRY
from .structure import Structure

LINEAR = ("neg", "cast", "real", "imag", "conj")
MADE = ("load", "shape", "alloc", "zeros_like", "empty_like", "copy")


class Idle:
    """Walks ops of which `zeros` are zero, and leaves out those `passed` over."""

    def __init__(self, structure: Structure, zeros: Iterable[Value], passed: Iterable[Op] = ()) -> None:
        self.structure = structure
        self.zeros = set(zeros)
        self.same: dict[Value, Value] = {}
        self.passed = set(passed)

    def is_zero(self, value: Value) -> bool:
        return value in self.zeros or is_number(value, 0)

    def as_given(self, value: Value) -> Value:
        while value in self.same:
            value = self.same[value]
        return value

    def does_nothing(self, loop: Op) -> bool:
        """Whether a trip of a `for` changes nothing that it carries, and has no other effect."""
        if loop.primitive != "for" or leaves_early(loop) or not self.ops(loop_body(loop)):
            return False
        return all(self.as_given(yielded) is parameter for _, parameter, yielded, _ in loop_slots(loop))

    def ops(self, block: Block) -> bool:
        """Whether all ops of a block are without effect."""
        return all(op in self.passed or self.op(op) for op in block.ops)

    def op(self, op: Op) -> bool:
        match op.primitive, op.operands:
            case "mul", (a, b):
                self.put_zero(op.result, self.is_zero(a) or self.is_zero(b))
            case "div", (a, _):
                self.put_zero(op.result, self.is_zero(a))
            case "add", (a, b):
                self.put_zero(op.result, self.is_zero(a) and self.is_zero(b))
                if self.is_zero(a) != self.is_zero(b):
                    self.put_same(op.result, b if self.is_zero(a) else a)
            case "sub", (a, b):
                self.put_zero(op.result, self.is_zero(a) and self.is_zero(b))
                if self.is_zero(b) and not self.is_zero(a):
                    self.put_same(op.result, a)
            case "select", (_, a, b):
                self.put_zero(op.result, self.is_zero(a) and self.is_zero(b))
            case name, (a,) if name in LINEAR:
                self.put_zero(op.result, self.is_zero(a))
            case "store", (array, *_, value):
                return self.stores_nothing(op, array, value)
            case "accum", (array, *_, value):
                if not self.is_zero(value):
                    return False
                self.same[op.result] = array
            case "for", _:
                return self.loop(op)
            case "if", _:
                return self.branch(op)
            case name, _:
                return name in REGISTRY or name in MADE
        return True

    def put_same(self, value: Value, other: Value) -> None:
        """A sum with 0 is the other term, unless that makes a real number complex."""
        if value.type == other.type:
            self.same[value] = other

    def put_zero(self, value: Value, is_zero: bool) -> None:
        if is_zero:
            self.zeros.add(value)

    def stores_nothing(self, op: Op, array: Value, value: Value) -> bool:
        """Whether a store puts into an element what it holds."""
        made = self.structure.maker.get(self.as_given(value))
        if made is None or made.primitive != "load" or made.result is not self.as_given(value):
            return False
        if self.as_given(made.operands[0]) is not self.as_given(array):
            return False
        if not same_place(indices_of(made), indices_of(op)):
            return False
        self.same[op.result] = array
        return True

    def loop(self, op: Op) -> bool:
        if leaves_early(op):
            return False
        slots = loop_slots(op)
        sums = [slot for slot in slots if self.is_zero(slot[0])]
        self.zeros.update(parameter for _, parameter, _, _ in sums)
        if not self.ops(loop_body(op)) or not all(self.is_zero(yielded) for *_, yielded, _ in sums):
            return False
        for initial, parameter, yielded, result in slots:
            if parameter in self.zeros:
                self.zeros.add(result)
            elif self.as_given(yielded) is parameter:
                self.same[result] = initial
            elif ty.is_array(result.type):
                return False
        return True

    def branch(self, op: Op) -> bool:
        if not all(map(self.ops, op.regions)):
            return False
        for result, a, b in zip(op.results, *(region.results for region in op.regions), strict=True):
            self.put_zero(result, self.is_zero(a) and self.is_zero(b))
            if self.as_given(a) is self.as_given(b):
                self.same[result] = a
            elif ty.is_array(result.type):
                return False
        return True


__all__ = ["Idle"]
