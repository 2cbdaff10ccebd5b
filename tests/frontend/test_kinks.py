"""Kinks of norms, powers of zero, and whole numbers: factorials, and those of more than 64 bits."""

# Programs as people write them.
# ruff: noqa

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate, grad, hessian, hvp
from tests.programs.table import numbers
from tests.truth import assert_gradient, gradient_by_richardson

X, M = np.abs(numbers(9)) * 0.3 + 0.05, numbers(4, 5)


def pairs(p):
    s = 0.0
    for i in range(len(p)):
        for j in range(len(p)):
            r = np.linalg.norm(p[i] - p[j])
            s += np.exp(-(r**2))
    return s


def axisn(p):
    r = np.linalg.norm(p[:, None] - p[None], axis=-1)
    return np.sum(np.exp(-(r**2)))


def hyp(p):
    s = 0.0
    for i in range(4):
        for j in range(4):
            s += math.exp(-(math.hypot(p[i, 0] - p[j, 0], p[i, 1] - p[j, 1]) ** 2)) + np.exp(
                -(np.hypot(p[i, 0] - p[j, 0], 0.0) ** 2)
            )
    return s


def pow0(x):
    return (
        np.sum((x * 0.0) ** 0)
        + np.sum(x**0 * 2.0)
        + (x[0] * 0.0) ** 0.0
        + math.pow(x[0] * 0, 0)
        + np.sum(np.column_stack(((x * 0) ** 0, x, x**2)))
    )


def stdz(x):
    return np.std(x * 0.0) + np.std(x)


def ser(x, n):
    s = 0.0
    for k in range(n):
        s += x[0] ** k / math.factorial(k) * (-1) ** k
    return s


def bern(x, n):
    s = 0.0
    for k in range(n + 1):
        s += math.comb(n, k) * x[0] ** k * (1 - x[0]) ** (n - k) * x[1 + k % 3]
    return s


def dist(x):
    return math.dist(x[:3], x[1:4]) + math.dist((x[0], x[1]), (0.0, 1.0))


def cn(x):
    return math.comb(5, 2) * x[0] + math.factorial(4) * x[1]


def assert_by_differences(function: Any, x: Any) -> None:
    """The complex step has no derivative at a kink."""
    value, found = differentiate(function).value_and_grad(x)
    want, _ = gradient_by_richardson(function, (x,), number=np.float64)
    np.testing.assert_allclose(value, function(x))
    np.testing.assert_allclose(found, want, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("function", [pairs, axisn, hyp])
def test_norms_of_nothing_owe_nothing(uncompiled: None, function: Any) -> None:
    assert_by_differences(function, M)


@pytest.mark.parametrize("function", [pairs, axisn, hyp])
def test_second_derivatives_at_a_kink_are_not_made_up(function: Any) -> None:
    """They exist here, but not for every function of a norm."""
    assert np.all(np.isnan(hvp(function)(M, M)[:, :2]))  # `hyp` reads no more of it


@pytest.mark.parametrize("function", [pow0, dist, cn])
def test_powers_and_deviations(uncompiled: None, function: Any) -> None:
    assert_gradient(function, (X,))


def test_compiled() -> None:
    assert_gradient(pow0, (X,))
    assert_by_differences(pairs, M)


def test_deviation_of_equal_numbers(uncompiled: None) -> None:
    found = differentiate(stdz).grad(X)
    np.testing.assert_allclose(found, (X - X.mean()) / (9 * X.std()), rtol=1e-12)


def test_whole_numbers(uncompiled: None) -> None:
    assert_gradient(ser, (X, 12))
    for n in (6, 1, 0):
        assert_gradient(bern, (X, n))
    with pytest.raises(OverflowError, match="a factorial of more than 64 bits"):
        differentiate(ser).grad(X, 25)


@pytest.mark.parametrize(("n", "k"), [(60, 30), (60, 31), (5, 7), (0, 0), (7, 7), (9, 1)])
def test_binomial_coefficients(uncompiled: None, n: int, k: int) -> None:
    assert differentiate(chosen).value_and_grad(2.0, n, k) == (2.0 * math.comb(n, k), float(math.comb(n, k)))


def chosen(x, n, k):
    return x * math.comb(n, k)


def polynomial(x, c):
    s = 0.0
    for i in range(len(c)):
        s += c[i] * x**i
    return s


def powers(x, n):
    return np.sum(x ** np.arange(n))


def test_second_derivatives_of_integer_powers_at_zero(uncompiled: None) -> None:
    c = np.array([1.0, 2.0, 3.0, 4.0])
    assert [hessian(polynomial)(0.0, c[:n]) for n in (1, 2, 3, 4)] == [0.0, 0.0, 6.0, 6.0]
    assert grad(grad(grad(polynomial)))(0.0, c) == 24.0
    assert np.array_equal(hessian(powers)(np.zeros(4), 4), np.diag([0.0, 0.0, 2.0, 0.0]))


def masked(p, y, t):
    return np.sum(np.where(np.isnan(y), 0.0, (y - p * t) ** 2))


def sum_of_the_rest(p, y, t):
    return np.nansum((y - p * t) ** 2) + np.nanmean(np.exp(y * p))


def chosen_in_a_loop(p, y, t):
    s = 0.0
    for i in range(len(y)):
        r = (y[i] - p * t[i]) ** 2
        if not np.isnan(r):
            s += r
    return s


def picked(p, y, t):
    r = (y - p * t) ** 2
    return np.sum(r[~np.isnan(y)])


@pytest.mark.parametrize("f", [masked, sum_of_the_rest, chosen_in_a_loop, picked])
def test_data_that_is_missing_contributes_nothing(uncompiled: None, f: Any) -> None:
    y, t = np.array([1.0, np.nan, 2.0, np.nan, 0.3]), np.array([0.0, 1.0, 2.0, np.nan, 0.7])
    assert_gradient(f, (0.3, y, t))


def chosen_then_multiplied(x, z):
    y = np.where(x > 0.5, x, 0.0) * z
    return np.sum(y * y * np.sin(y))


def test_what_the_function_itself_multiplies_by_zero(uncompiled: None) -> None:
    x, z = np.array([1.0, 0.2, 0.7]), np.array([0.3, 0.2, 0.1])
    assert_gradient(chosen_then_multiplied, (x, z), (0, 1))
    z[1] = np.nan
    assert np.isnan(differentiate(chosen_then_multiplied).value_and_grad(x, z)[0])
