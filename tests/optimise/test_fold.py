"""Constants are what they would be when the program runs."""

from __future__ import annotations

import pytest

from srcdiff.emit.parse import parse_ir
from srcdiff.emit.python import print_function
from srcdiff.ir import types as ty
from srcdiff.ir.builder import Builder, constant
from srcdiff.ir.core import Function
from srcdiff.optimise.fold import simplified


def test_arithmetic_of_constants() -> None:
    function = parse_ir("f(x: f64) {\n  a = add 2 3\n  b = mul a 4\n  return b\n}")
    assert print_function(simplified(function)) == "def f(x):\n    return 20\n"


@pytest.mark.parametrize(("primitive", "a", "b"), [("add", 200, 100), ("sub", 3, 4), ("mul", 16, 16)])
def test_integers_that_wrap_around_are_left_to_the_machine(primitive: str, a: int, b: int) -> None:
    with Builder() as builder:
        result = builder.emit(primitive, (constant(a, ty.nb.uint8), constant(b, ty.nb.uint8)), ty.nb.uint8)
    assert simplified(Function("f", builder.block((), (result,)))).body.ops


def test_a_cast_wraps_around() -> None:
    with Builder() as builder:
        result = builder.emit("cast", (constant(300, ty.int64),), ty.nb.uint8)
        other = builder.emit("cast", (constant(float("nan"), ty.float64),), ty.int64)
    body = simplified(Function("f", builder.block((), (result, other)))).body
    assert body.results[0].constant == 44
    assert [op.primitive for op in body.ops] == ["cast"]  # what NaN becomes is not ours to say


def test_lengths_of_an_array_that_loops_fill_are_those_it_was_made_with() -> None:
    function = parse_ir(
        "f(n: i64) {\n  x = alloc fill='zeros' 4 n\n"
        "  x.3 = for 0 n 1 x { (i x.1)\n    x.2 = store x.1 0 i 1.0\n    yield x.2\n  }\n"
        "  m = shape axis=1 x.3\n  return m\n}"
    )
    assert print_function(simplified(function)).endswith("return n\n")


def test_a_number_put_together_of_its_own_parts() -> None:
    function = parse_ir(
        "f(z: c128) {\n  a = real z\n  b = imag z\n  w = complex a b\n  v = complex b a\n  return w v\n}"
    )
    body = simplified(function).body
    assert body.results[0] is body.parameters[0]
    assert [op.primitive for op in body.ops] == ["real", "imag", "complex"]
