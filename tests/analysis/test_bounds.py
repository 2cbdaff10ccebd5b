"""The largest number of trips that a constant in the program allows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from srcdiff.analysis.bounds import most_trips
from srcdiff.differentiable import differentiable
from srcdiff.ir.walk import ops_within
from tests.programs import bounded

BOUNDS = [
    (bounded.at_most_fifty, 50),
    (bounded.bound_reached, 5),
    (bounded.from_two_in_steps_of_three, 4),
    (bounded.downwards, 7),
    (bounded.with_break, 40),
    (bounded.counter_sometimes_rests, 200),
    (bounded.either_of_two, None),
    (bounded.counted_backwards_away, None),
    (bounded.far_away_bound, 10**12),
    (bounded.counted_by_the_user_from_one, 79),
    (bounded.halved, 8),
    (bounded.halved_by_shifts, 8),
    (bounded.doubled, 7),
    (bounded.doubled_in_either_arm, None),
    (bounded.of_either_sign, 5),
]


@pytest.mark.parametrize(("function", "bound"), BOUNDS, ids=lambda x: getattr(x, "__name__", str(x)))
def test_most_trips(function: Callable[..., float], bound: int | None) -> None:
    assert bound_of(function, 0.8) == bound


@pytest.mark.parametrize(("start", "bits"), [(77, 63), (np.uint64(77), 64)])
def test_halved_as_often_as_an_integer_has_bits(start: Any, bits: int) -> None:
    def halved(x: float, n: Any) -> float:
        while n > 0:
            x = math.sin(x)
            n //= 2
        return x

    assert bound_of(halved, 0.8, start) == bits


def bound_of(function: Callable[..., float], *args: Any) -> int | None:
    program = differentiable(function).program_for(*args)
    (loop,) = (op for op in ops_within(program.function.body) if op.primitive in ("for", "while"))
    return most_trips(loop)
