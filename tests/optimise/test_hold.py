"""An element that an inner loop adds to is held in a number, if it exists and nothing else touches its array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient


def both_products(a, x):
    m, n = a.shape
    s = np.zeros(n)
    q = np.ones(m)
    for i in range(m):
        for j in range(n):
            s[j] += x[i] * a[i, j]
            q[i] = a[i, j] * x[j] + q[i]
    return np.sum(s * s) + np.sum(q * q * q)


def taken_away(a, x):
    m, n = a.shape
    b = a.copy()
    q = np.ones(m)
    for i in range(m):
        for j in range(n):
            b[i, j] = b[i, j] * x[j]
            q[i] -= b[i, j] * x[i]
    return np.sum(b * b) * q[0] * q[m - 1]


def other_elements_read(a, x):
    m, n = a.shape
    s = np.zeros(n)
    q = np.ones(m)
    for i in range(m):
        for j in range(n):
            s[j] += q[m - 1] * a[i, j]
            q[i] += a[i, j] * x[j]
    return np.sum(s * s) + np.sum(q * q)


def may_not_exist(a, x):
    m, n = a.shape
    s = np.zeros(n)
    for i in range(m):
        for j in range(n):
            s[j] += x[i] * a[i, j]
            x[i] += a[i, j] * a[i, 0]
    return np.sum(s * s) + np.sum(x)


def multiplied(a, x):
    m, n = a.shape
    s = np.zeros(n)
    q = np.ones(m)
    for i in range(m):
        for j in range(n):
            s[j] += x[i] * a[i, j]
            q[i] *= a[i, j] * x[j]
    return np.sum(s * s) + np.sum(q)


def factorised(a, x):
    n = min(a.shape)
    q = a.copy()
    for i in range(n):
        for j in range(i):
            for k in range(j):
                q[i, j] -= q[i, k] * q[j, k]
            q[i, j] /= 2.0 + q[j, j]
        q[i, i] = q[i, i] * x[i]
    return np.sum(q)


def adds_itself(a, x):
    n = min(a.shape)
    q = a.copy()
    for i in range(n):
        for j in range(i):
            for k in range(j + 1):
                q[i, j] -= q[i, k] * q[j, k]
            q[i, j] /= 2.0 + q[j, j]
    return np.sum(q) * x[0]


HELD = [both_products, taken_away, factorised]
LEFT = [other_elements_read, may_not_exist, multiplied, adds_itself]


@pytest.mark.parametrize("f", HELD + LEFT, ids=lambda f: f.__name__)
def test_gradient(f: Any, inferred_at_least: None) -> None:
    for m, n in ((3, 4), (4, 1)):
        assert_gradient(f, (numbers(m, n), numbers(5)), (0, 1))


@pytest.mark.parametrize("f", HELD + LEFT, ids=lambda f: f.__name__)
def test_held(f: Any) -> None:
    text = differentiate(f, argnums=(0, 1)).gradient_source(numbers(3, 4), numbers(5))
    assert ("    total = q[i" in text) is (f in HELD)


def test_without_a_trip() -> None:
    assert differentiate(both_products, argnums=(0, 1)).value_and_grad(numbers(3, 0), numbers(5))[0] == 3.0
