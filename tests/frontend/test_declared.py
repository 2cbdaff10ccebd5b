"""Types that functions under `@njit` declare: numbers are converted as Numba converts them."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from srcdiff import UnsupportedConstruct, value_and_grad


@numba.njit("float64(int64)")
def half(n):
    return n / 2


@numba.njit(["float64(int64)", "float64(float64)"])
def of_either(n):
    return n / 2


@numba.njit("float64(float32, float32)")
def of_neither(x, y):
    return x * y


@numba.njit(locals={"y": numba.int64})
def whole(x):
    y = x
    return y * 1.5


@numba.njit(locals={"s": numba.float32})
def summed(x):
    s = 0.0
    for i in range(x.shape[0]):
        s += x[i] * x[i]
    return s


@numba.njit("float32(float32)")
def single(x):
    return x * x * 1.1


@numba.njit("float64(float64[:])")
def of_an_array(x):
    return np.sum(x * x)


X = np.array([0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (lambda x: x * half(x), 3.7, 1.5),
        (lambda x: x * of_either(x), 3.7, 3.7),
        (lambda x: x * whole(x), 3.7, 4.5),
        (summed, X, 2.0 * X),
        (lambda x: 2.0 * summed(x), X, 4.0 * X),
        (single, 1.3, 2.86),
        (lambda x: single(x) + x, 1.3, 3.86),
        (lambda x: of_an_array(x * 2.0), X, 8.0 * X),
    ],
)
def test_as_numba_converts(f: Any, x: Any, slope: Any) -> None:
    value, gradient = value_and_grad(f)(x)
    assert value == f(x)
    np.testing.assert_allclose(gradient, slope, rtol=1e-6)


def test_refused(uncompiled: None) -> None:
    with pytest.raises(UnsupportedConstruct, match="an array of another type than is declared"):
        value_and_grad(of_an_array)(X.astype(np.float32))
    two = numba.njit(["float64(int64)", "float64(float32)"])(lambda n: n / 2)
    with pytest.raises(UnsupportedConstruct, match="for other types than it declares"):
        value_and_grad(lambda x: two(x))(3.7)
    value, gradient = value_and_grad(lambda x: of_neither(x, x))(0.1)
    assert value == of_neither(0.1, 0.1) and gradient == pytest.approx(0.2)
