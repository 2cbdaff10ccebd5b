"""Arrays of which only elements are used have the axis last that the innermost loops go along."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.truth import assert_gradient


def columns_of_a_recurrence(x, a):
    n, m = x.shape
    q = np.empty((n, m))
    for i in range(n):
        q[i, 0] = x[i, 0]
    for j in range(1, m):
        for i in range(n):
            q[i, j] = x[i, j] + a * q[i, j - 1] ** 2
    total = 0.0
    for i in range(q.shape[0]):
        total += q[i, -1] * q.shape[1]
    return total


def three_axes(x, a):
    n, m = x.shape
    q = np.empty((2, n, m))
    for i in range(n):
        q[0, i, 0] = x[i, 0]
        q[1, i, 0] = a
    for j in range(1, m):
        for i in range(n):
            q[0, i, j] = x[i, j] + a * q[1, i, j - 1] ** 2
            q[1, i, j] = q[0, i, j] + q[0, i, j - 1]
    total = 0.0
    for i in range(q.shape[1]):
        total += q[1, i, -1] * q.shape[2]
    return total


def used_whole(x, a):
    n, m = x.shape
    q = np.zeros((n, m))
    for j in range(m):
        for i in range(1, n):
            q[i, j] = a * q[i - 1, j] + x[i, j]
    return np.sum(q @ x.T)


@pytest.mark.parametrize(
    ("f", "text"),
    [
        (columns_of_a_recurrence, "q = np.empty((m, n))"),
        (three_axes, "q = np.empty((2, m, n))"),
        (used_whole, "q = np.zeros((n, m))"),
    ],
)
def test_innermost_loops_go_along_the_last_axis(f: Any, text: str, uncompiled: None) -> None:
    for shape in ((4, 5), (1, 1), (3, 1), (1, 4)):
        args = (np.random.default_rng(3).standard_normal(shape), 0.7)
        assert text in differentiate(f, argnums=(0, 1)).gradient_source(*args)
        assert_gradient(f, args, (0, 1))
        assert differentiate(f)(*args) == pytest.approx(f(*args), rel=1e-14)
