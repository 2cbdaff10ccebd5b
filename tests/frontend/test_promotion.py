"""Numbers of Python take the precision of the NumPy values that they meet, those of NumPy do not (NEP 50)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from srcdiff import differentiate, vjp
from tests.sampling import sampled

SCALE, SINGLE, DOUBLE = 0.1, np.float32(0.1), np.float64(0.1)
FUNCTIONS = []
X = np.array([0.5, -0.7, 1.3], np.float32)


def case(function):
    FUNCTIONS.append(function)
    return function


@case
def by_an_argument(x, s, n):
    return x * s + x / n


@case
def by_lengths(x, s, n):
    return x / len(x) + x * x.shape[0] - x * (1 / x.size)


@case
def by_captured_numbers(x, s, n):
    return x * SCALE + x * SINGLE


@case
def by_a_captured_number_of_numpy(x, s, n):
    return x * DOUBLE


@case
def by_functions_of_math(x, s, n):
    return x * math.sqrt(s) + math.exp(-s) * x


@case
def by_functions_of_numpy(x, s, n):
    return x * np.sqrt(s)


@case
def by_a_function_of_numpy_of_a_constant(x, s, n):
    return x * np.sqrt(2.0)


@case
def by_casters(x, s, n):
    return x * float(n) + x * float(SINGLE) + x * float(np.float32(0.1))


@case
def by_numpy_casters(x, s, n):
    return x * np.float64(s)


@case
def by_an_integer_of_numpy(x, s, n):
    return x * np.int64(n)


@case
def by_an_index(x, s, n):
    y = x * 0
    for i in range(3):
        y = y + x * i
    for i, v in enumerate(x):
        y = y + v * i
    return y


@case
def by_what_a_loop_carries(x, s, n):
    t, h = s, 1.0
    for _ in range(n):
        t = t * 0.5
        h *= t
    return x * t + h * x


@case
def by_what_a_loop_makes_strong(x, s, n):
    t, y = s, x * 1
    for i in range(n):
        y[i] = x[i] * 2
        t = t + y[i]
    return y * t


@case
def by_a_sum_in_double_precision(x, s, n):
    t = s
    for i in range(n):
        t = t + np.float64(i)
    return x * t


@case
def by_a_choice(x, s, n):
    t = s if n > 1 else 2.0
    return np.where(x > t, x, t)


@case
def in_functions(x, s, n):
    return np.maximum(x, s) + np.clip(x, -s, s) + np.minimum(n, x) + x**n


@case
def compared(x, s, n):
    return np.where(x + np.float32(0.1) > x + s, x, -x)


@case
def by_an_array(x, s, n):
    return x * np.full(3, s) + x * np.arange(3)


@case
def complex_numbers(x, s, n):
    z = x * np.complex64(1 + 2j)
    return np.abs(z * s + n)


@pytest.mark.parametrize("function", sampled(FUNCTIONS, 2), ids=lambda function: function.__name__)
def test_promotion(function):
    wanted = function(X.copy(), 0.3, 3)
    ours = differentiate(function)
    given = ours(X, 0.3, 3)
    assert given.dtype == wanted.dtype
    np.testing.assert_allclose(given, wanted, rtol=3e-7 if wanted.dtype == np.float32 else 1e-15)
    weight = np.array([0.3, -1.1, 0.7])
    _, pull = vjp(ours, X, 0.3, 3)
    _, pull_double = vjp(ours, X.astype(float), 0.3, 3)
    found, truth = pull(weight.astype(wanted.dtype)), pull_double(weight)
    assert found[0].dtype == X.dtype
    np.testing.assert_allclose(found[0], truth[0], rtol=1e-5)
    np.testing.assert_allclose(found[1], truth[1], rtol=1e-5)
