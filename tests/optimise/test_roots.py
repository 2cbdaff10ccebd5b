"""Powers by halves are roots, as exact but for a rounding or two, also where they are infinite or not a number."""

from __future__ import annotations

import numpy as np
import pytest

from srcdiff import differentiate, grad, hessian
from tests.truth import assert_gradient

HALVES = (-4.5, -3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 4.5)


def powers(x, out):
    for i in range(len(x)):
        out[i, 0] = x[i] ** -4.5
        out[i, 1] = x[i] ** -3.5
        out[i, 2] = x[i] ** -2.5
        out[i, 3] = x[i] ** -1.5
        out[i, 4] = x[i] ** -0.5
        out[i, 5] = x[i] ** 0.5
        out[i, 6] = x[i] ** 1.5
        out[i, 7] = x[i] ** 2.5
        out[i, 8] = x[i] ** 3.5
        out[i, 9] = x[i] ** 4.5


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values(dtype: type) -> None:
    widest = 60 if dtype is np.float64 else 6
    x = np.concatenate([np.logspace(-widest, widest, 50), [0.0, np.inf, np.nan, -1.0]]).astype(dtype)
    out = np.empty((len(x), len(HALVES)), dtype)
    decorated = differentiate(powers)
    decorated(x, out)
    with np.errstate(all="ignore"):
        want = x.astype(np.float64)[:, None] ** np.array(HALVES)
        np.testing.assert_allclose(out, want.astype(dtype), rtol=4 * np.finfo(dtype).eps)


def gravity(x, m):
    energy = 0.0
    for i in range(len(m)):
        for j in range(i):
            r2 = (x[i, 0] - x[j, 0]) ** 2 + (x[i, 1] - x[j, 1]) ** 2 + 0.01
            energy += m[i] * m[j] * r2 ** (-1.5) + r2**2.5
    return energy


def test_gradient() -> None:
    x, m = np.random.default_rng(0).normal(size=(5, 2)), np.arange(1.0, 6.0)
    assert_gradient(gravity, (x, m), (0, 1))
    optimised = differentiate(gravity, argnums=(0, 1)).gradient_source(x, m)
    assert "r2 ** " not in optimised.replace("r2 ** 2 ", "") and "math.sqrt(r2)" in optimised
    assert "r2 ** (-1.5)" in differentiate(gravity).gradient_source(x, m, optimise=False)


POWERS = {
    -2.2: lambda x: x**-2.2,
    -1.5: lambda x: x**-1.5,
    -0.5: lambda x: x**-0.5,
    -0.3: lambda x: x**-0.3,
    0.5: lambda x: x**0.5,
    1.5: lambda x: x**1.5,
}


@pytest.mark.parametrize("n", POWERS)
def test_second_derivatives(n: float) -> None:
    assert hessian(POWERS[n])(1.3) == pytest.approx(n * (n - 1) * 1.3 ** (n - 2), rel=1e-13)


WHERE_POSITIVE = {
    -1.5: lambda x: np.where(x > 0.0, x**-1.5, 2.0 * x),
    -0.5: lambda x: x**-0.5 if x > 0.0 else 2.0 * x,
    -0.3: lambda x: np.where(x > 0.0, x**-0.3, 2.0 * x),
    0.5: lambda x: x**0.5 if x > 0.0 else 2.0 * x,
}


@pytest.mark.parametrize("n", WHERE_POSITIVE)
def test_slopes_at_zero(n: float) -> None:
    assert grad(POWERS[n])(0.0) == n * np.inf
    assert grad(WHERE_POSITIVE[n])(0.0) == 2.0
    assert hessian(WHERE_POSITIVE[n])(0.0) == 0.0


def test_other_exponents_stay_powers() -> None:
    for f, want in ((lambda x: x**np.inf, 0.0), (lambda x: x**0.3, 0.5**0.3), (lambda x: x**6.5, 0.5**6.5)):
        assert differentiate(f)(0.5) == want
