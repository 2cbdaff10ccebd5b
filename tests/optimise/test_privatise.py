"""An array that each trip fills anew is its own: nothing of it is recorded, and the sweeps of the loop are one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient


def swept(a, b):
    """What is stored is read where a condition says that there is something."""
    n, m = a.shape
    c = np.empty(m)
    total = 0.0
    for i in range(n):
        for k in range(m):
            low = 0.0
            if k > 0:
                low = c[k - 1] * b[k]
            c[k] = a[i, k] / (3.0 + low * low)
        total += c[m - 1] * c[0]
    return total


def by_a_mask(a, b):
    n, m = a.shape
    c = np.empty(m)
    total = 0.0
    for i in range(n):
        for k in range(m):
            c[k] = a[i, k] * a[i, k] if k < 2 else a[i, k] * c[k - 2]
        for k in range(m):
            total += c[k] * b[k]
    return total


def flat(a, b):
    n, m = a.shape
    c = np.empty(n * m)
    total = 0.0
    for step in range(3):
        for i in range(n):
            for j in range(m):
                c[i * m + j] = a[i, j] * b[j] + step
        for i in range(n):
            for j in range(1, m):
                total += c[i * m + j] * c[i * m + j - 1] * c[i * m + j]
    return total


def from_the_first_on(a, b):
    n, m = a.shape
    c = np.empty(m)
    total = 0.0
    for i in range(n):
        c[0] = a[i, 0]
        for k in range(1, m):
            c[k] = a[i, k] * c[k - 1] + b[k]
        total += c[m - 1] * c[0]
    return total


def from_the_trip_before(a, b):
    """The first element is that of the trip before."""
    n, m = a.shape
    c = np.ones(m)
    total = 0.0
    for i in range(n):
        for k in range(m):
            low = c[k - 1] if k >= 0 else 0.0
            c[k] = a[i, k] * low
        total += c[m - 1] * b[0]
    return total


def read_ahead(a, b):
    n, m = a.shape
    c = np.ones(m)
    total = 0.0
    for i in range(n):
        for k in range(m):
            high = c[k + 1] if k < m - 1 else 1.0
            c[k] = a[i, k] * high
        total += c[0] * b[0]
    return total


def read_first(a, b):
    n, m = a.shape
    c = np.ones(m)
    total = 0.0
    for i in range(n):
        for k in range(m):
            own = c[k] if k > 1 else 1.0
            c[k] = a[i, k] * own
        total += c[m - 1] * b[0]
    return total


def partly_flat(a, b):
    n, m = a.shape
    c = np.ones(n * m)
    total = 0.0
    for step in range(3):
        for i in range(n):
            for j in range(m - 1):
                c[i * m + j] = a[i, j] * b[j] * c[i * m + m - 1] + step
        for i in range(n * m):
            total += c[i] * c[i]
        c[n * m - 1] *= b[0]
    return total


OWN = [swept, by_a_mask, flat, from_the_first_on]
KEPT = [from_the_trip_before, read_ahead, read_first, partly_flat]


@pytest.mark.parametrize("f", OWN + KEPT, ids=lambda f: f.__name__)
def test_gradient(uncompiled: None, f: Any) -> None:
    for n, m in ((3, 4), (1, 1), (2, 3)):
        assert_gradient(f, (numbers(n, m), numbers(4)), (0, 1))


@pytest.mark.parametrize("f", OWN + KEPT, ids=lambda f: f.__name__)
def test_what_is_recorded(f: Any) -> None:
    text = differentiate(f, argnums=(0, 1)).gradient_source(numbers(3, 4), numbers(4))
    fused = text.partition("    # reverse sweep\n")[2].lstrip().startswith("return")
    assert fused is (f in OWN)
    assert "c_tape = np.empty((" not in text if f in OWN else "_tape" in text
