"""Whether two functions are the same program, one perhaps built anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from srcdiff.emit.parse import parse_ir
from srcdiff.ir import types as ty
from srcdiff.ir.builder import constant
from srcdiff.ir.core import Block, Op, Value
from srcdiff.ir.walk import alike

BODY = parse_ir("""\
f(x: f64[:], n: i64) {
  s.2 = for 0 n 1 0.0 { (i s)
    v = load x i
    t = mul v 2.0
    s.1 = add s t
    yield s.1
  }
  return s.2
}
""").body


def rebuilt(block: Block, change: Callable[[Op], Op]) -> Block:
    """The block with each op, and each block, built anew from what `change` makes of it."""
    ops = [change(replace(op, regions=tuple(rebuilt(r, change) for r in op.regions))) for op in block.ops]
    return Block(tuple(block.parameters), tuple(ops), tuple(block.results))


def with_new_constants(op: Op) -> Op:
    fresh = [constant(x.constant, x.type) if x.is_constant else x for x in op.operands]
    return replace(op, operands=tuple(fresh), attributes=dict(op.attributes))


def test_built_anew() -> None:
    assert alike(BODY, BODY)
    again = rebuilt(BODY, with_new_constants)
    assert again is not BODY and again.ops[0] is not BODY.ops[0] and alike(again, BODY)


CHANGES: list[Callable[[Op], Op]] = [
    lambda op: replace(op, primitive="sub") if op.primitive == "add" else op,
    lambda op: replace(op, operands=op.operands[::-1]) if op.primitive == "add" else op,
    lambda op: (
        replace(op, operands=(op.operands[0], constant(3.0, op.result.type))) if op.primitive == "mul" else op
    ),
    lambda op: replace(op, results=(Value("w", op.result.type),)) if op.primitive == "add" else op,
    lambda op: replace(op, attributes={**op.attributes, "few_trips": True}) if op.primitive == "for" else op,
    lambda op: (
        replace(op, regions=(Block(op.regions[0].parameters, (), op.regions[0].results),))
        if op.primitive == "for"
        else op
    ),
]


@pytest.mark.parametrize("change", CHANGES)
def test_changed(change: Callable[[Op], Op]) -> None:
    assert not alike(rebuilt(BODY, change), BODY)


F64 = ty.float64
CONSTANTS = [((0.0, F64), (-0.0, F64)), ((1.0, F64), (2.0, F64)), ((1.0, F64), (1.0, ty.float32))]


@pytest.mark.parametrize(("before", "after"), CONSTANTS)
def test_constants(before: tuple[float, ty.Type], after: tuple[float, ty.Type]) -> None:
    """Zeros of both signs, and numbers of different types, are different."""

    def yielding(number: float, type: ty.Type) -> Block:
        return replace(BODY, results=(constant(number, type),))

    assert alike(yielding(*before), yielding(*before)) and not alike(yielding(*before), yielding(*after))
