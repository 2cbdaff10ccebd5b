"""Reverse loops that are known beforehand run before the forward loop, where both sweeps of a nest can be one then."""

from __future__ import annotations

import numpy as np
import pytest

from srcdiff import differentiate, grad, hvp
from tests.programs.table import numbers
from tests.truth import assert_gradient

A, X, W = numbers(4, 5, seed=1), numbers(5, seed=2), numbers(5, seed=3)


def times(a, x):
    m, n = a.shape
    y = np.zeros(m)
    for i in range(m):
        for j in range(n):
            y[i] += a[i, j] * x[j]
    return y


def product(a, x, w):
    y = times(a, x)
    total = 0.0
    for i in range(len(y)):
        total += w[i] * y[i]
    return total


def both_products(a, x, w):
    m, n = a.shape
    s = np.zeros(n)
    q = np.zeros(m)
    for i in range(m):
        for j in range(n):
            s[j] += np.sin(a[i, j]) * x[i]
            q[i] += a[i, j] * x[j]
    return np.sum(w * s) + np.sum(w[:m] ** 2 * q)


def weights_of_two_axes(a, x, w):
    m, n = a.shape
    y = np.zeros((m, n))
    for i in range(m):
        for j in range(n):
            for k in range(n):
                y[i, j] += a[i, k] * x[j] * a[i, j]
    total = 0.0
    for i in range(m):
        for j in range(n):
            total += w[i] * np.cos(w[j]) * y[i, j]
    return total


def others_add_to_the_same(a, x, w):
    m, n = a.shape
    y = np.zeros(m)
    for i in range(m):
        t = 1.0
        for j in range(n):
            t = t * 0.5 + np.sin(a[i, j]) * x[j]
        y[i] = t
    total = np.sum(w[:m] * y)
    for j in range(n):
        total += w[j] * x[j]
    for j in range(n - 1):
        total += w[j] * x[j + 1]
    return total


def initial_values_that_are_read(a, x, w):
    m, n = a.shape
    y = x[:m] * 0.5
    for i in range(m):
        for j in range(n):
            y[i] += a[i, j] * x[j]
    total = 0.0
    for i in range(m):
        total += w[i] * y[i]
        y[i] = x[i]
    return total + y[0] * y[1]


def depends_on_the_result(a, x, w):
    y = times(a, x)
    return np.sum(w[: len(y)] * y * y)


def weights_overwritten_by_the_result(a, x, w):
    w = w.copy()
    y = times(a, x)
    for i in range(len(y)):
        w[i] = w[i] * y[0]
    total = 0.0
    for i in range(len(y)):
        total += w[i] * y[i]
    return total


def weights_of_some(a, x, w):
    y = times(a, x)
    total = 0.0
    for i in range(len(y)):
        if w[i] > 0.0:
            total += w[i] * y[i]
    return total


def sum_that_stops(a, x, w):
    y = times(a, x)
    total = 0.0
    for i in range(len(y)):
        if w[i] > 0.5:
            break
        total += w[i] * y[i]
    return total


def rows_that_follow_each_other(a, x, w):
    m, n = a.shape
    y = np.zeros(m)
    for i in range(1, m):
        for j in range(n):
            y[i] = y[i - 1] * 0.3 + a[i, j] * x[j]
    total = 0.0
    for i in range(m):
        total += w[i] * y[i]
    return total


ONE_SWEEP = [product, both_products, weights_of_two_axes, others_add_to_the_same]
TWO_SWEEPS = [
    initial_values_that_are_read,
    depends_on_the_result,
    weights_overwritten_by_the_result,
    weights_of_some,
    sum_that_stops,
    rows_that_follow_each_other,
]


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("f", [*ONE_SWEEP, *TWO_SWEEPS], ids=lambda f: f.__name__)
def test_gradient(f):
    assert_gradient(f, (A, X, W), argnums=(0, 1))
    assert_gradient(f, (A, X, W), argnums=(0, 1, 2))
    assert_gradient(f, (A[:2, :2], X[:2], W[:2]), argnums=(0, 1))


@pytest.mark.parametrize("f", ONE_SWEEP, ids=lambda f: f.__name__)
def test_nothing_is_left_for_the_reverse_sweep(f):
    text = differentiate(f, argnums=(0, 1)).gradient_source(A, X, W)
    assert "for" not in text.partition("# reverse sweep")[2]


@pytest.mark.parametrize("f", TWO_SWEEPS, ids=lambda f: f.__name__)
def test_what_depends_on_the_loop_stays_behind_it(f):
    text = differentiate(f, argnums=(0, 1)).gradient_source(A, X, W)
    assert "for" in text.partition("# reverse sweep")[2]


@pytest.mark.usefixtures("uncompiled")
def test_checks_come_before_what_they_check():
    for short in (W[:3], W[:0]):
        with pytest.raises(IndexError, match="`w`"):
            grad(product, argnums=(0, 1))(A, X, short)
    with pytest.raises(IndexError, match="`x`"):
        grad(product, argnums=(0, 1))(A, X[:4], W)


def gap(x, y, w):
    n = len(x)
    s = np.zeros(n)
    for i in range(n):
        for j in range(n):
            if y[j] < 0.0:
                raise ValueError("below zero")
            s[i] += x[i] * y[j]
    total = 0.0
    for i in range(n):
        total += w[i] * s[i]
    return total


@pytest.mark.usefixtures("uncompiled")
def test_the_first_error_stays_the_first():
    with pytest.raises(ValueError, match="below zero"):
        grad(gap)(X, -np.abs(X), W[:2])
    with pytest.raises(IndexError, match="`w`"):
        grad(gap)(X, np.abs(X), W[:2])


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("f", ONE_SWEEP, ids=lambda f: f.__name__)
def test_second_derivatives(f):
    v, step = numbers(4, 5, seed=4), 1e-6
    gradient = grad(f)
    want = (gradient(A + step * v, X, W) - gradient(A - step * v, X, W)) / (2 * step)
    np.testing.assert_allclose(hvp(f)(A, X, W, v), want, rtol=1e-6, atol=1e-8)
