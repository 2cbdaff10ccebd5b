"""Complex arrays are kept in parts where innermost loops multiply their elements again and again, and only there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_near, gradient_by_richardson


def eliminated(x, c):
    n = x.shape[0]
    a = np.empty((n, n), np.complex128)
    y = np.zeros(n, np.complex128)
    for i in range(n):
        for j in range(n):
            a[i, j] = x[i, j] + 0.5j * x[j, i]
        a[i, i] += 4.0
        y[i] = c[i]
    for p in range(n):
        for i in range(p + 1, n):
            factor = a[i, p] / a[p, p]
            for j in range(p + 1, n):
                a[i, j] -= factor * a[p, j]
            y[i] -= factor * y[p]
    total = 0.0
    for i in range(n):
        z = y[i] / a[i, i]
        total += z.real * z.imag + abs(a[i, i])
    return total


def iterated(x, c):
    n, m = x.shape
    z = np.zeros((n, m), np.complex128)
    count = 0.0
    for k in range(3):
        for i in range(n):
            for j in range(m):
                if x[i, j] < 1.0:
                    z[i, j] = z[i, j] * z[i, j] + complex(0.2 * x[i, j], c[k])
                else:
                    z[i, j] = 0.5
                count += z[i, j].imag * z[i, j].real
    return count


def swept(x, c):
    n, m = x.shape
    z = np.zeros((n, m), np.complex128)
    w = np.zeros_like(z)
    for k in range(3):
        for i in range(n):
            for j in range(m - 1):
                w[i, j] = 1j
                z[i, j] = z[i, j + 1] * (0.3 + c[k] * 1j) + x[i, j] * w[i, j]
                w[i, j + 1] += z[i, j] * x[i, j]
    total = 0.0
    for i in range(n):
        for j in range(m):
            total += z[i, j].real - w[i, j].imag * x[i, j]
    return total


def along_columns(x, c):
    n, m = x.shape
    z = np.ones((n, m), np.complex128)
    total = 0.0
    for k in range(3):
        for j in range(m):
            z[0, j] = z[0, j] * 1j + x[0, j]
            for i in range(1, n):
                z[i, j] = (z[i, j] + z[i - 1, j] * x[i, j]) * complex(c[k], 0.1)
                total += z[i, j].imag
    return total


def along_columns_of_a_result(x, c):
    n, m = x.shape
    z = np.zeros((n, m), np.complex128)
    for k in range(3):
        for j in range(m):
            for i in range(1, n):
                z[i, j] = (z[i, j] + z[i - 1, j] * x[i, j] + x[0, j]) * complex(c[k], 0.1)
    return np.sum((z @ z).imag)


def once(x, c):
    n, m = x.shape
    z = np.empty((n, m), np.complex128)
    for i in range(n):
        for j in range(m):
            z[i, j] = complex(x[i, j], c[0]) * (0.3 + 0.1j)
    t = np.abs(z)
    return np.sum(t * x)


def passed_on(x, c):
    n = x.shape[0]
    a = np.zeros((n, n), np.complex128)
    for k in range(2):
        for i in range(n):
            for j in range(n):
                a[i, j] = a[i, j] * 0.5j + complex(x[i, j], c[k])
    b = a @ a
    return np.sum(b.real * x)


SPLIT: list[Any] = [eliminated, iterated, swept, along_columns]
WHOLE: list[Any] = [along_columns_of_a_result, once, passed_on]


@pytest.mark.parametrize("f", SPLIT + WHOLE, ids=lambda f: f.__name__)
def test_split(f: Any) -> None:
    text = differentiate(f, argnums=(0, 1)).gradient_source(numbers(3, 3), numbers(3))
    assert ("a_real = np." in text or "z_real = np." in text) is (f in SPLIT)


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("f", SPLIT + WHOLE, ids=lambda f: f.__name__)
def test_gradient(f: Any) -> None:
    for n in (3, 1, 0):
        args = numbers(n, n), numbers(3)
        value, gradient = differentiate(f, argnums=(0, 1)).value_and_grad(*args)
        assert value == pytest.approx(f(*args), rel=1e-13)
        for got, want in zip(
            gradient, gradient_by_richardson(f, args, (0, 1), number=np.float64)[0], strict=True
        ):
            assert_near(got, want, 1e-6, 1e-8)


def test_compiled() -> None:
    args = numbers(4, 4), numbers(4)
    plain = differentiate(eliminated, argnums=(0, 1), optimise=False).value_and_grad(*args)
    value, gradient = differentiate(eliminated, argnums=(0, 1)).value_and_grad(*args)
    assert value == pytest.approx(plain[0], rel=1e-12)
    for got, want in zip(gradient, plain[1], strict=True):
        assert_near(got, want, 1e-10, 1e-12)


def test_single_ones_stay_whole() -> None:
    def f(x: Any) -> Any:
        z = np.zeros(x.shape, np.complex64)
        for _ in range(3):
            for i in range(x.shape[0]):
                for j in range(x.shape[1]):
                    z[i, j] = z[i, j] * np.complex64(0.5j) + x[i, j]
        return z[0, 0].real

    assert "z_real" not in differentiate(f).gradient_source(numbers(2, 3, dtype=np.float32))
