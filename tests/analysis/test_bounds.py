"""The largest number of trips that a constant in the program allows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from srcdiff.analysis.bounds import most_trips
from srcdiff.api import differentiable
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
]


@pytest.mark.parametrize(("function", "bound"), BOUNDS, ids=lambda x: getattr(x, "__name__", str(x)))
def test_most_trips(function: Callable[..., float], bound: int | None) -> None:
    program = differentiable(function).program_for(0.8)
    (loop,) = (op for op in ops_within(program.function.body) if op.primitive in ("for", "while"))
    assert most_trips(loop) == bound
