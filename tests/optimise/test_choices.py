"""Indices that an `if` chooses are computed again instead of recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient


def around_a_ring(x, steps):
    n = x.shape[0]
    y = x.copy()
    for _ in range(steps):
        z = y.copy()
        for j in range(n):
            if j > 0:
                left = j - 1
            else:
                left = n - 1
            right = j + 1 if j < n - 1 else 0
            y[j] = z[left] * z[right] + np.sin(z[j])
    return np.sum(y * y)


def chosen_with_a_number(x, steps):
    n = x.shape[0]
    y = x.copy()
    for k in range(steps):
        for j in range(n):
            if k > j:
                at, by = j, 2.0
            else:
                at, by = n - 1 - j, x[j]
            y[at] = np.sin(y[at]) * by
    return np.sum(y)


def divided_where_it_may_be(x, steps):
    n = x.shape[0]
    s = 0.0
    for j in range(n):
        if j > 0:
            k = n // j
        else:
            k = 0
        s += x[min(k, n - 1)] ** 2
    return s * steps


FUNCTIONS = [around_a_ring, chosen_with_a_number, divided_where_it_may_be]


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_gradient(uncompiled: None, f: Any) -> None:
    for n in (4, 1, 0):
        assert_gradient(f, (numbers(n), 3), (0,))


def test_no_tape_of_indices() -> None:
    gradient = differentiate(around_a_ring)
    text = gradient.gradient_source(numbers(4), 3)
    assert "np.int64" not in text
    assert "left = j - 1 if j > 0 else " in text
