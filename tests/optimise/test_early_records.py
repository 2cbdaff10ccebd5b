"""Elements that all trips of a loop record at the same place are recorded before it, where the loop makes a trip."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff.emit.show import show
from srcdiff.ir.verify import verify
from tests.optimise.stages import as_printed, stages
from tests.programs.table import numbers
from tests.truth import assert_gradient


def solved(a, b):
    """The rows of `b` change again after they have been subtracted from others."""
    n, m = b.shape
    a = a.copy()
    x = b.copy()
    for p in range(n):
        for i in range(p + 1, n):
            factor = a[i, p] / (3.0 + a[p, p])
            for j in range(p + 1, n):
                a[i, j] -= factor * a[p, j]
            for c in range(m):
                x[i, c] -= factor * x[p, c]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            for c in range(m):
                x[i, c] -= a[i, j] * x[j, c]
        for c in range(m):
            x[i, c] /= 3.0 + a[i, i]
    return np.sum(x * x)


def row_behind(a, b):
    """The row is in its array only where a trip reads it."""
    n, m = b.shape
    x = b.copy()
    for p in range(n):
        for i in range(p + 2, n):
            for c in range(m):
                x[i, c] -= a[i, p] * np.sin(x[p + 1, c])
        for c in range(m):
            x[p, c] = x[p, c] * x[p, c]
    return np.sum(x)


def sine_of_a_row(a, b):
    """What is computed of the row is not computed twice."""
    n, m = b.shape
    x = b.copy()
    for p in range(n):
        for i in range(p + 1, n):
            for c in range(m):
                x[i, c] *= np.sin(x[p, c] * a[p, 0])
        for c in range(m):
            x[p, c] = 0.5 * x[p, c]
    return np.sum(x * x)


def row_that_changes(a, b):
    """Another trip has changed the row."""
    n, m = b.shape
    x = b.copy()
    for p in range(n):
        for i in range(n):
            for c in range(m):
                x[i, c] = x[i, c] - 0.1 * a[i, p] * np.sin(x[p, c])
    return np.sum(x * x)


def checked_row(a, b):
    """Only the check in a trip tells that the row is there."""
    n, m = b.shape
    x = b.copy()
    for p in range(n):
        for i in range(p + 1, n):
            k = int(2.0 * a[p, 0] * a[p, 0])
            for c in range(m):
                x[i, c] -= a[i, p] * np.sin(x[k, c])
        for c in range(m):
            x[p, c] = x[p, c] * x[p, c]
    return np.sum(x)


EARLY = [solved, row_behind]
LEFT = [sine_of_a_row, row_that_changes, checked_row]
A, B = 0.5 * numbers(5, 5, seed=91), numbers(5, 3, seed=92)


@pytest.mark.parametrize("f", EARLY + LEFT)
def test_gradient(f: Any) -> None:
    for n in (1, 2, 4):
        assert_gradient(f, (A[:n, :n].copy(), B[:n].copy()), (0, 1), value_and_grad=as_printed)


@pytest.mark.parametrize("f", EARLY + LEFT)
def test_recorded_before_the_loop(f: Any) -> None:
    seen = stages(f, (A, B))
    verify(seen["early records"], "early records")
    assert (show(seen["early records"]) != show(seen["join recorded"])) is (f in EARLY)
