"""Two trips at once around a nest, of loops that go up and down, over triangles and rectangles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff.emit.show import show
from srcdiff.ir.verify import verify
from tests.optimise.stages import as_printed, stages
from tests.programs.table import numbers
from tests.truth import assert_gradient


def eliminated(a, b):
    n = a.shape[0]
    for i in range(n):
        for k in range(i):
            g = a[i, k] / (2.0 + a[k, k])
            a[i, k] = g
            for j in range(k + 1, n):
                a[i, j] -= g * a[k, j]
    return np.sum(a * b)


def upwards(a, b):
    n = a.shape[0]
    for i in range(n):
        for k in range(i + 1, n):
            g = b[i, k] * 0.5
            for j in range(n):
                a[i, j] += g * b[k, j] * b[k, j]
    return np.sum(a * a * b)


def rectangle(a, b):
    n = a.shape[0]
    for i in range(n):
        for k in range(n):
            g = np.sin(b[i, k])
            for j in range(k, n):
                a[i, j] -= g * b[k, j]
    return np.sum(a * a)


def checked(a, b):
    n = a.shape[0]
    for i in range(n):
        if b.shape[1] < i:
            raise ValueError("too short")
        for k in range(i):
            g = a[i, k] * 0.5
            for j in range(k, n):
                a[i, j] -= g * b[k, j]
    return np.sum(a * a)


def next_row(a, b):
    """A trip reads the row that the one before has stored."""
    n = a.shape[0]
    for i in range(1, n):
        for k in range(n):
            g = b[i, k]
            for j in range(k, n):
                a[i, j] -= g * b[k, j] * a[i - 1, j]
    return np.sum(a * a)


def two_more(a, b):
    """A trip makes two more trips of the loop in it than the one before."""
    n = a.shape[0]
    for i in range(n // 2):
        for k in range(2 * i):
            g = a[i, k] * 0.5
            a[i, k] = g
            for j in range(k + 1, n):
                a[i, j] -= g * b[k, j]
    return np.sum(a * b)


def stored_twice(a, b):
    """A trip of the innermost loop reads what it has stored."""
    n = a.shape[0]
    for i in range(n):
        for k in range(i):
            g = b[i, k] * 0.5
            a[i, k] = g
            for j in range(k + 1, n):
                a[i, j] -= 0.3 * a[k, j]
                a[i, j] -= g * a[k, j]
    return np.sum(a * b)


JAMMED = [eliminated, upwards, rectangle, stored_twice]
ALONE = [next_row, two_more]
A, B = 0.5 * numbers(5, 5, seed=81), numbers(5, 5, seed=82)


@pytest.mark.parametrize("f", [*JAMMED, checked, *ALONE])
def test_gradient(f: Any) -> None:
    for n in (0, 1, 2, 4):
        assert_gradient(f, (A[:n, :n].copy(), B[:n, :n].copy()), (0, 1), value_and_grad=as_printed)


@pytest.mark.parametrize("f", JAMMED + ALONE)
def test_two_trips_at_once(f: Any) -> None:
    seen = stages(f, (A, B))
    verify(seen["jam nests"], "jam nests")
    verify(seen["jam"], "jam")
    assert (show(seen["jam nests"]) != show(seen["delay"])) is (f in JAMMED)
