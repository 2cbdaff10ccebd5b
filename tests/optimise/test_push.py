"""Recurrences push to later sums where columns would be read, and only where nothing they read changes between."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient


def upper_solve(u, b):
    n = len(b)
    x = np.empty(n)
    for j in range(n):
        s = b[j]
        for k in range(j):
            s -= x[k] * u[k, j]
        x[j] = s / (2.0 + u[j, j] * u[j, j])
    return np.sum(x * x)


def rows_of_a_factor(u, b):
    n = len(b)
    for i in range(1, n):
        for j in range(1, i):
            total = u[i, j] * b[j]
            for k in range(1, j):
                total -= u[i, k] * u[k, j]
            u[i, j] = total / (2.0 + u[j, j] * u[j, j])
    return np.sum(u * u)


def from_the_second(u, b):
    n = len(b)
    x = b.copy()
    for j in range(1, n):
        s = x[j]
        for k in range(1, j):
            s += x[k] * x[k] * u[k, j]
        x[j] = s * 0.5
    return np.sum(x * x * x)


def feeds_its_matrix(u, b):
    n = len(b)
    x = np.empty(n)
    for j in range(n):
        s = b[j]
        for k in range(j):
            s -= x[k] * u[k, j]
        x[j] = s
        u[0, (j + 1) % n] = s
    return np.sum(x * x)


def reads_what_came_before(u, b):
    n = len(b)
    x = np.zeros(n + 1)
    for j in range(n):
        s = b[j] * x[j]
        for k in range(j):
            s -= x[k + 1] * u[k, j]
        x[j + 1] = s + 1.0
    return np.sum(x * x)


ROUND = [upper_solve, rows_of_a_factor, from_the_second]
OTHER = [feeds_its_matrix, reads_what_came_before]


@pytest.mark.parametrize("f", ROUND)
def test_a_recurrence_pushes(f: Any) -> None:
    source = differentiate(f, argnums=(0, 1)).gradient_source(numbers(5, 5, seed=1), numbers(5, seed=2))
    assert "range(k + 1" in source or "range(j + 1" in source, source


@pytest.mark.parametrize("f", OTHER)
def test_another_does_not(f: Any) -> None:
    source = differentiate(f, argnums=(0, 1)).gradient_source(numbers(5, 5, seed=1), numbers(5, seed=2))
    assert "range(k + 1" not in source and "range(j + 1" not in source


@pytest.mark.parametrize("f", [*ROUND, *OTHER])
@pytest.mark.parametrize("n", [5, 1])
def test_its_gradient(f: Any, n: int, uncompiled: None) -> None:
    assert_gradient(f, (numbers(n, n, seed=1), numbers(n, seed=2)), (0, 1))
