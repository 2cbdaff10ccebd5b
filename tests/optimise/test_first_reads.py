"""What loops read of arrays of zeros before they write there is zero, and only that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient

A, X, Y = numbers(5, 5, seed=1), numbers(5, seed=2), numbers(5, seed=3)


def added_in_place(a, x, y):
    x += a @ y
    y += x @ a
    return np.sum(np.cos(a[0]) * x) + np.sum(a[1] * y)


def known_weights(a, x, y):
    x += a @ y
    return np.sum(np.arange(5.0) * x)


def matrix_in_place(a, x, y):
    a *= x[0]
    a += np.outer(x, y)
    return np.sum(a * np.arange(25.0).reshape(5, 5))


def reads_the_neighbour(a, x, y):
    for i in range(1, 5):
        x[i] = x[i - 1] * y[i] + x[i]
    return np.sum(np.arange(5.0) * x)


def twice_the_same(a, x, y):
    for i in range(5):
        x[i] += y[i]
        x[i] = x[i] * x[i] + y[i]
    return np.sum(np.arange(5.0) * x)


def in_every_step(a, x, y):
    for _ in range(3):
        for i in range(5):
            x[i] = x[i] * y[i] + 0.5
    return np.sum(np.arange(5.0) * x)


def one_column_many_times(a, x, y):
    for i in range(5):
        for j in range(5):
            a[i, 2] = a[i, 2] * y[j] + x[i]
    return np.sum(a[:, 2] * np.arange(5.0))


def swapped(a, x, y):
    for t in range(3):
        for i in range(5):
            y[i] = x[i] * a[t, i] + y[i]
        x, y = y, x
    return np.sum(x * np.arange(5.0)) + y[0]


def indices_from_the_end(a, x, y):
    for i in range(-5, 5):
        x[i] += y[i] * 2.0
    z = np.zeros(5)
    for i in range(-5, 5):
        z[i] = z[i] * y[i] + np.sin(x[i])
    return np.sum(z * np.arange(5.0))


def under_a_condition(a, x, y):
    for i in range(5):
        if y[i] > 0.5:
            x[i] = x[i] * y[i]
        x[i] += y[i]
    return np.sum(np.arange(5.0) * x)


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(
    "function",
    [
        added_in_place,
        known_weights,
        matrix_in_place,
        reads_the_neighbour,
        twice_the_same,
        in_every_step,
        one_column_many_times,
        swapped,
        indices_from_the_end,
        under_a_condition,
    ],
)
def test_gradient(function: Any) -> None:
    assert_gradient(function, (A, X, Y), (0, 1, 2))


def test_both_sweeps_are_one() -> None:
    text = differentiate(known_weights, argnums=(0, 1, 2)).gradient_source(A, X, Y)
    assert "for " not in text.partition("# reverse sweep")[2]
    assert text.count("a[i, j]") == 1
