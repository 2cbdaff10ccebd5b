"""Axes along which an array holds the same everywhere are dropped, and no others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient


def recurrence(x, c):
    n, m = x.shape
    p = np.zeros((n, m))
    y = np.zeros((n, m))
    for j in range(1, m):
        for i in range(n):
            p[i, j] = c[j] / (3.0 + p[i, j - 1])
        for i in range(n):
            y[i, j] = x[i, j] * p[i, j] - y[i, j - 1] / (2.0 + p[i, j])
    return np.sum(y * y)


def by_slices(x, c):
    n, m = x.shape
    p = np.empty((n, m))
    q = np.empty((n, m))
    u = x.copy()
    for _ in range(2):
        p[1 : n - 1, 0] = 0.0
        q[1 : n - 1, 0] = u[1 : n - 1, 0]
        for j in range(1, m):
            p[1 : n - 1, j] = c[0] / (c[j] * p[1 : n - 1, j - 1] + 3.0)
            q[1 : n - 1, j] = (u[1 : n - 1, j] - q[1 : n - 1, j - 1]) / (c[j] * p[1 : n - 1, j - 1] + 3.0)
        for j in range(m - 2, -1, -1):
            u[1 : n - 1, j] = p[1 : n - 1, j] * u[1 : n - 1, j + 1] + q[1 : n - 1, j]
    return np.sum(u * u)


def added_to_in_each_sweep(x, c):
    n, m = x.shape
    p = np.zeros((m, n))
    total = 0.0
    for _ in range(3):
        for j in range(m):
            for i in range(n - 1, -1, -1):
                p[j, i] = 0.5 * p[j, i] + math.sin(c[j])
                total += p[j, i] * x[i, j]
    return total


def loops_without_a_trip(x, c):
    n, m = x.shape
    p = np.zeros((n, m))
    for i in range(1, n - 1):
        p[i, m + 3 - 4] = c[0]
    for j in range(m - 2, -1, -1):
        for i in range(1, n - 1):
            p[i, j] = p[i, j + 1] * c[j]
    total = np.sum(x)
    for i in range(1, n - 1):
        total += x[i, 0] * p[i, 0]
    return total


def starts_from_another_number(x, c):
    n, m = x.shape
    p = np.zeros((n, m))
    total = 0.0
    for i in range(n):
        p[i, 0] = x[i, 0]
    for j in range(1, m):
        for i in range(n):
            p[i, j] = c[j] * p[i, j - 1]
            total += p[i, j]
    return total


def not_stored_everywhere(x, c):
    n, m = x.shape
    p = np.ones((n, m))
    total = 0.0
    for j in range(m):
        for i in range(1, n):
            p[i, j] = c[j]
        for i in range(n):
            total += p[i, j] * x[i, j]
    return total


def over_a_range_that_changes(x, c):
    n, m = x.shape
    p = np.zeros((n, m))
    total = 0.0
    for j in range(min(n, m)):
        for i in range(j + 1):
            p[i, 0] = c[j] * p[i, 0] + 1.0
            total += p[i, 0] * x[i, j]
    return total


def from_the_row_before(x, c):
    n, m = x.shape
    p = np.ones((n, m))
    total = 0.0
    for j in range(m):
        for i in range(1, n):
            p[i, j] = p[i - 1, j] * c[j]
            total += p[i, j] * x[i, j]
    return total


def only_where_a_row_says(x, c):
    n, m = x.shape
    p = np.ones((n, m))
    total = 0.0
    for j in range(m):
        for i in range(n):
            if x[i, j] > 0.0:
                p[i, j] = c[j]
            total += p[i, j] * x[i, j]
    return total


COLLAPSED = [recurrence, by_slices, added_to_in_each_sweep, loops_without_a_trip]
LEFT = [
    starts_from_another_number,
    not_stored_everywhere,
    over_a_range_that_changes,
    from_the_row_before,
    only_where_a_row_says,
]


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("f", COLLAPSED + LEFT, ids=lambda f: f.__name__)
def test_gradient(f: Any, inferred_at_least: None) -> None:
    for n, m in ((4, 3), (3, 1), (2, 4), (0, 3)):
        assert_gradient(f, (numbers(n, m), numbers(m)), (0, 1))


@pytest.mark.parametrize("f", COLLAPSED + LEFT, ids=lambda f: f.__name__)
def test_collapsed(f: Any) -> None:
    text = differentiate(f, argnums=(0, 1)).gradient_source(numbers(4, 3), numbers(3))
    made = next(line for line in text.splitlines() if "    p = np." in line)
    assert ("((" not in made) is (f in COLLAPSED)


def test_tapes_have_an_axis_less() -> None:
    text = differentiate(by_slices, argnums=(0, 1)).gradient_source(numbers(4, 3), numbers(3))
    assert "p_tape" in text
    assert all(line.count(",") == 1 for line in text.splitlines() if "p_tape = np.empty((" in line)


@pytest.mark.usefixtures("uncompiled")
def test_rows_without_elements_are_not_indexed() -> None:
    """Where no row is stored into, an index outside the array is none that Python would see."""
    x, c = numbers(2, 0), numbers(1)
    value, (x_bar, c_bar) = differentiate(loops_without_a_trip, argnums=(0, 1)).value_and_grad(x, c)
    assert value == 0.0
    assert x_bar.shape == (2, 0)
    assert not c_bar.any()
