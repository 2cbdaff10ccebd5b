"""Calls are split only where the reverse sweep makes the calls of the forward sweep backwards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from srcdiff import differentiate
from srcdiff.ir.walk import ops_within
from srcdiff.optimise.split import called_parts, split_calls


def power(x, n):
    if n == 0:
        return 1.0
    return x * power(x, n - 1)


def in_a_loop(x, n):
    for k in range(n):
        if k % 2 == 0:
            x = x * 0.5 + power(x, k)
    return x


@pytest.fixture
def adjoint():
    return differentiate(in_a_loop).value_and_grad.program_for(0.4, 3).function


def changed(block, chosen, change):
    """The block with each chosen op changed, into several or none."""
    ops = []
    for op in block.ops:
        op = replace(op, regions=tuple(changed(region, chosen, change) for region in op.regions))
        ops += change(op) if chosen(op) else [op]
    return replace(block, ops=tuple(ops))


def is_split(function):
    return bool(called_parts(split_calls(function).body))


def test_mirrored(adjoint):
    assert is_split(adjoint)
    parts = [op.attributes["part"] for op in ops_within(split_calls(adjoint).body) if "part" in op.attributes]
    assert parts == ["forward", "pullback"]


@pytest.mark.parametrize(
    ("chosen", "change"),
    [
        # The trips of the reverse loop in the order of the forward loop.
        (
            lambda op: op.attributes.get("descending"),
            lambda op: [replace(op, attributes={**op.attributes, "descending": False})],
        ),
        # The reverse loop of something else.
        (
            lambda op: "reverses" in op.attributes,
            lambda op: [replace(op, attributes={**op.attributes, "reverses": 99})],
        ),
        # The arms of the reverse `if` exchanged.
        (
            lambda op: op.primitive == "if" and "mirrors" in op.attributes,
            lambda op: [replace(op, regions=op.regions[::-1])],
        ),
        # An `if` in the reverse sweep that the forward sweep has not.
        (
            lambda op: op.primitive == "if" and "mirrors" in op.attributes,
            lambda op: [replace(op, attributes={})],
        ),
        # A call that is not reversed.
        (lambda op: op.primitive == "call" and "mirrors" in op.attributes, lambda op: []),
        # A call that is made twice.
        (lambda op: op.primitive == "call" and "number" in op.attributes, lambda op: [op, op]),
    ],
)
def test_not_mirrored(adjoint, chosen, change):
    assert any(map(chosen, ops_within(adjoint.body)))
    assert not is_split(replace(adjoint, body=changed(adjoint.body, chosen, change)))
