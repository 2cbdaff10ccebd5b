"""Inner loops go on where a nest behind does the same, sums grow in elements, and only where nothing else is met."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.optimise.stages import as_printed
from tests.programs.table import numbers
from tests.truth import assert_gradient


def factors(a, b):
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            for k in range(j):
                a[i, j] -= a[i, k] * a[k, j]
            a[i, j] /= 2.0 + a[j, j]
        for j in range(i, n):
            for k in range(i):
                a[i, j] -= a[i, k] * a[k, j]
    return np.sum(a * b)


def factors_in_slices(a, b):
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            a[i, j] -= a[i, :j] @ a[:j, j]
            a[i, j] /= 2.0 + a[j, j]
        for j in range(i, n):
            a[i, j] -= a[i, :i] @ a[:i, j]
    return np.sum(a * b)


def factors_in_numbers(a, b):
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            s = a[i, j]
            for k in range(j):
                s -= a[i, k] * a[k, j]
            a[i, j] = s / (2.0 + a[j, j])
        for j in range(i, n):
            s = a[i, j]
            for k in range(i):
                s -= a[i, k] * a[k, j]
            a[i, j] = s
    return np.sum(a * b)


def restored(a, b):
    """The element is stored over before the sum is stored there."""
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            s = a[i, j]
            for k in range(j):
                s -= a[i, k] * a[k, j]
            a[i, j] = s * s
            b[i, j] = a[i, j] + s
            a[i, j] = s
    return np.sum(a * b)


def read_before_the_sum(a, b):
    """What a later trip starts from is read before its sum is stored there."""
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            s = a[i, j]
            for k in range(j):
                s -= a[i, k] * a[k, j]
            a[i, j] = s * a[i, (j + 1) % n]
    return np.sum(a * b)


def another_matrix_behind(a, b):
    """The nest behind takes its rows from elsewhere."""
    n = a.shape[0]
    for i in range(n):
        for k in range(i):
            g = a[i, k] * 0.5
            a[i, k] = g
            for j in range(k + 1, i):
                a[i, j] -= g * a[k, j]
        for k in range(i):
            for j in range(i, n):
                a[i, j] -= a[i, k] * b[k, j]
    return np.sum(a * b)


def read_by_later_trips(a, b):
    """What the nest behind stores, later trips of the one before read."""
    n = a.shape[0]
    for i in range(n):
        for k in range(i):
            g = a[i, k] + a[i, n - 1]
            a[i, k] = g
            for j in range(k + 1, i):
                a[i, j] -= g * a[k, j]
        for k in range(i):
            for j in range(i, n):
                a[i, j] -= a[i, k] * a[k, j]
    return np.sum(a * b)


def stored_over(a, b):
    """What a trip has stored, a later one stores over."""
    n = a.shape[0]
    for i in range(n):
        for k in range(i):
            g = a[i, k] * 0.5
            a[i, k] = g
            a[i, 0] = 0.1 * g
            for j in range(k + 1, i):
                a[i, j] -= g * a[k, j]
        for k in range(i):
            for j in range(i, n):
                a[i, j] -= a[i, k] * a[k, j]
    return np.sum(a * b)


LONGER = [factors, factors_in_slices, factors_in_numbers]
APART = [restored, read_before_the_sum, another_matrix_behind, read_by_later_trips, stored_over]
A, B = 0.5 * numbers(5, 5, seed=71), numbers(5, 5, seed=72)


@pytest.mark.parametrize("f", LONGER)
def test_one_loop_from_the_diagonal_on(f: Any) -> None:
    text = differentiate(f, argnums=(0, 1)).gradient_source(A, B)
    forward = text[: text.index("# reverse sweep")]
    assert "np.empty(" not in forward and "range(i, n)" not in forward, text


@pytest.mark.parametrize("f", LONGER + APART)
def test_gradient(f: Any) -> None:
    for n in (0, 1, 2, 4):
        assert_gradient(f, (A[:n, :n].copy(), B[:n, :n].copy()), (0, 1), value_and_grad=as_printed)


def test_another_nest_stays() -> None:
    text = differentiate(another_matrix_behind, argnums=(0, 1)).gradient_source(A, B)
    assert "range(i, n)" in text
