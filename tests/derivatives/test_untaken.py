"""What `np.where` and `a if c else b` do not take contributes nothing, also where its derivative is infinite or NaN."""

from __future__ import annotations

import numpy as np
import pytest

from srcdiff import grad, hessian, hvp, jacfwd, jacrev, jvp

pytestmark = pytest.mark.usefixtures("uncompiled")

X = np.array([0.0, 1.0, -2.0, 0.5])


def logarithm(x):
    return np.where(x > 0.0, np.log(x), 0.0)


def beside_another(x):
    return np.where(x == 0.0, 3.0 * x, np.sin(x) / x)


def nested(x):
    inner = np.where(x > 0.7, 1.0 / x, np.where(x > 0.0, x**0.5, x * x))
    return np.where(x < -1.0, np.log(x * x), inner)


def computed_before(x):
    y = np.empty_like(x)
    for i in range(len(x)):
        t = x[i] ** 0.5
        y[i] = t * t * t if x[i] > 0.0 else -x[i]
    return y


def through_a_cheap_op(x):
    t = 1.0 / x
    u = 2.0 * t
    return np.where(x != 0.0, u * u * x, x)


def shared_by_two(x):
    """`x**0.5` is one value that is owed something under either of the inner conditions."""
    return np.where(x > 0.0, np.where(x > 0.7, x**0.5 * x, x**0.5 / x), 0.0)


def under_two_conditions(x):
    """Where neither holds, nothing is owed to the square root."""
    v = x**0.5
    return np.where(x > 0.0, v * v * v, 0.0) + np.where(x > 0.7, v * x, x)


def under_two_branches(x):
    y = np.zeros_like(x)
    for i in range(len(x)):
        v = x[i] ** 0.5
        if x[i] > 0.0:
            y[i] += v * v * v
        if x[i] > 0.7:
            y[i] += v * x[i]
    return y


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("f", "slopes", "bends"),
    [
        (logarithm, [0.0, 1.0, 0.0, 2.0], [0.0, -1.0, 0.0, -4.0]),
        (
            beside_another,
            [3.0, *((x * np.cos(x) - np.sin(x)) / x**2 for x in X[1:])],
            [0.0, *((2.0 * np.sin(x) - 2.0 * x * np.cos(x)) / x**3 - np.sin(x) / x for x in X[1:])],
        ),
        (nested, [0.0, -1.0, -1.0, 0.5**0.5], [2.0, 2.0, -0.5, -(0.5**0.5)]),
        (through_a_cheap_op, [1.0, -4.0, -1.0, -16.0], [0.0, 8.0, -1.0, 64.0]),
        (shared_by_two, [0.0, 1.5, 0.0, -0.5 / 0.5**1.5], [0.0, 0.75, 0.0, 0.75 / 0.5**2.5]),
        (under_two_conditions, [1.0, 3.0, 1.0, 1.0 + 1.5 * 0.5**0.5], [0.0, 1.5, 0.0, 0.75 / 0.5**0.5]),
        (under_two_branches, [0.0, 3.0, 0.0, 1.5 * 0.5**0.5], [0.0, 1.5, 0.0, 0.75 / 0.5**0.5]),
        (computed_before, [-1.0, 1.5, -1.0, 1.5 * 0.5**0.5], [0.0, 0.75, 0.0, 0.75 / 0.5**0.5]),
    ],
)
def test_untaken(f, slopes, bends):
    def total(x):
        return np.sum(f(x))

    np.testing.assert_allclose(grad(total)(X), slopes, atol=1e-14)
    for jacobian in (jacfwd, jacrev):
        np.testing.assert_allclose(jacobian(f)(X), np.diag(slopes), atol=1e-14)
    np.testing.assert_allclose(jvp(f, (X,), (np.ones(4),))[1], slopes, atol=1e-14)
    np.testing.assert_allclose(np.diag(hessian(total)(X)), bends, atol=1e-13)
    np.testing.assert_allclose(hvp(total)(X, np.ones(4)), bends, atol=1e-13)
