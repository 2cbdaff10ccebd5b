"""Second derivatives where a factor of the first one is zero: a rule's guard against 0 times infinity must not hide
what the factor itself owes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special

from srcdiff import grad, hessian, jacfwd, jvp


def misfit(x, y):
    return 0.5 * (x / y - 1.0) ** 2


def scaled(x, y):
    return scipy.special.xlogy(x, y)


def shifted(x, y):
    return scipy.special.xlog1py(x, y)


def power(x, y):
    return x**y


@pytest.mark.parametrize(
    ("f", "point", "wanted"),
    [
        (misfit, (2.0, 2.0), [[0.25, -0.25], [-0.25, 0.25]]),
        (scaled, (0.0, 2.0), [[0.0, 0.5], [0.5, 0.0]]),
        (shifted, (0.0, 1.0), [[0.0, 0.5], [0.5, 0.0]]),
        (power, (1.3, 0.0), [[0.0, 1.0 / 1.3], [1.0 / 1.3, math.log(1.3) ** 2]]),
    ],
)
def test_hessian(f, point, wanted):
    np.testing.assert_allclose(hessian(f, (0, 1))(*point), wanted, atol=1e-14)
    for i in range(2):
        for j in range(2):
            assert grad(grad(f, i), j)(*point) == pytest.approx(wanted[i][j], abs=1e-14)


def roots(x):
    y = np.empty_like(x)
    for i in range(len(x)):
        t = x[i] if x[i] > 0.0 else 0.0
        y[i] = t**0.5 * 3.0
    return y + np.sqrt(np.abs(x)) + np.sqrt(np.maximum(x, 0.0)) + np.where(x > 0.0, x, 0.0) ** 0.5


def test_both_modes_agree_where_an_infinite_slope_meets_a_zero():
    x = np.array([0.0, 1.0, -4.0])
    slopes = [0.0, 3.0, -0.25]
    np.testing.assert_allclose(grad(lambda x: np.sum(roots(x)))(x), slopes, atol=1e-14)
    np.testing.assert_allclose(jacfwd(roots)(x), np.diag(slopes), atol=1e-14)
    np.testing.assert_allclose(jvp(roots, (x,), (np.ones(3),))[1], slopes, atol=1e-14)
