"""Remainders are unsigned where neither number can be negative, and Python's elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient


def delay_line(x, lag):
    line = np.zeros(lag)
    total = 0.0
    for t in range(x.shape[0]):
        old = line[t % lag]
        line[t % lag] = x[t] * x[t] + 0.5 * old
        total += line[(t + 1) % lag] * old
    return total


def stages_of_sums(x, table, radix, stages):
    n = x.shape[0]
    step = n // radix
    y = x.copy()
    z = np.empty(n)
    for _ in range(stages):
        z[:] = 0.0
        for q in range(radix):
            for p in range(radix):
                w = table[(q * p * step + p) % n]
                for r in range(step):
                    z[q * step + r] += w * y[p * step + r]
        y[:] = z
        step = step // radix
    return np.sum(y * y)


def steps_below_zero(x, radix, stages):
    n = x.shape[0]
    step = 8
    y = x.copy()
    z = np.empty(n)
    for _ in range(stages):
        z[:] = 0.0
        for q in range(radix):
            w = x[(q * step) % n]
            for r in range(max(step, 1)):
                z[r] += w * y[r]
        y[:] = z
        step = step // 2 - 3
    return np.sum(y * y)


def around_both_ends(x, by):
    total = 0.0
    for i in range(x.shape[0]):
        total += x[i] * x[(i - 2) % x.shape[0]] * x[i % by]
    return total


X = numbers(8)


@pytest.mark.parametrize("lag", [1, 2, 3, 9])
def test_lengths_of_arrays(lag: int) -> None:
    text = differentiate(delay_line).gradient_source(X, 3)
    assert "np.int64(np.uint64(t1 + 1) % " in text and "t1 % lag" not in text
    assert_gradient(delay_line, (X, lag))


def test_a_length_of_zero() -> None:
    with pytest.raises(IndexError, match="`line`"):
        differentiate(delay_line).grad(X, 0)


def test_carried_and_recorded_numbers() -> None:
    """The step is not negative where a loop to `radix` makes trips, also where it comes from a tape."""
    forward, _, reverse = (
        differentiate(stages_of_sums).gradient_source(X, X, 2, 3).partition("# reverse sweep")
    )
    assert "step_tape" in reverse
    for sweep in (forward, reverse):
        assert "np.uint64(q * p * step" in sweep
    assert_gradient(stages_of_sums, (X, X, 2, 3))


def test_recorded_numbers_below_zero() -> None:
    forward, _, reverse = (
        differentiate(steps_below_zero).gradient_source(X, 2, 3).partition("# reverse sweep")
    )
    assert "step_tape" in reverse
    for sweep in (forward, reverse):
        assert "q * step % n" in sweep and "np.uint64(q * step" not in sweep
    assert_gradient(steps_below_zero, (X, 2, 3))


@pytest.mark.parametrize("by", [3, 7, -3, -7])
def test_signs_that_are_not_known(by: int) -> None:
    text = differentiate(around_both_ends).gradient_source(X, 3)
    assert "i % by" in text and "np.uint64(i - 2)" not in text
    assert_gradient(around_both_ends, (X, by))
