"""Trips that may share an element are reversed in their order."""

import numpy as np
import pytest

import srcdiff
from tests.truth import gradient_by_complex_step


def placed_by_a_product(x, b, n, m):
    y = x.copy()
    for k in range(n):
        i = b + k * m
        y[i] = y[i] * y[i] * x[0]
    return y.sum()


def stored_again_and_again(x, b, n, m):
    y = np.zeros_like(x)
    for k in range(n):
        y[b + k * m] = np.sin(x[k])
    return (y * y * x).sum()


@pytest.mark.parametrize("function", [placed_by_a_product, stored_again_and_again])
@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.usefixtures("uncompiled")
def test_a_factor_that_may_be_zero(function, step):
    x = np.array([1.3, 0.7, 0.4, 0.9])
    want = gradient_by_complex_step(function, (x, 1, 3, step))
    got = srcdiff.grad(function)(x.copy(), 1, 3, step)
    np.testing.assert_allclose(got, want, rtol=1e-12)


def from_both_ends(x, n):
    y = x.copy()
    for i in range(-n, n):
        y[i] = np.sin(y[i]) * x[0]
    return y.sum()


@pytest.mark.usefixtures("uncompiled")
def test_an_index_that_counts_from_the_end():
    x = np.array([1.3, 0.7, 0.4, 0.9])
    want = gradient_by_complex_step(from_both_ends, (x, 4))
    np.testing.assert_allclose(srcdiff.grad(from_both_ends)(x.copy(), 4), want, rtol=1e-12)
