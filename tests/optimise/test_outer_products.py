"""Outer products are written in nests of their own where the rest of a nest only reads a matrix."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient


def both_products(a, x, y):
    m = a.shape[1]
    return np.sum(y[:m] * ((a @ x[:m]) @ a))


def bilinear(a, x, y):
    n, m = a.shape
    s = 0.0
    for i in range(n):
        for j in range(m):
            s += y[i] * a[i, j] * x[j]
    return s


def sine_of_each_sum(a, x, y):
    n, m = a.shape
    s = 0.0
    for i in range(n):
        t = 0.0
        for j in range(m):
            t += a[i, j] * x[j]
        s += np.sin(t) * y[i]
    return s


def below_the_diagonal(a, x, y):
    n, m = a.shape
    s = 0.0
    for i in range(min(n, m)):
        t = 0.0
        for j in range(i + 1):
            t += a[i, j] * x[j]
        s += t * t * y[i]
    return s


def of_its_own_elements(a, x, y):
    n, m = a.shape
    s = 0.0
    for i in range(n):
        for j in range(m):
            s += np.sin(a[i, j]) * x[j] * y[i]
    return s


def of_numbers_that_go_on(a, x, y):
    n, m = a.shape
    s = 1.0
    for i in range(n):
        for j in range(m):
            s = s * x[j] + a[i, j] * y[i]
    return s


def of_few_columns(a, x, y):
    s = 0.0
    for i in range(a.shape[0]):
        for j in range(2):
            s += y[i] * a[i, j] * x[j]
    return s


def again_and_again(a, x, y):
    n, m = a.shape
    s = 0.0
    for k in range(3):
        for i in range(n):
            t = 0.0
            for j in range(m):
                t += a[i, j] * x[j]
            s += t * t * y[k]
    return s


APART = [both_products, bilinear, sine_of_each_sum]
TOGETHER = [below_the_diagonal, of_its_own_elements, of_numbers_that_go_on, of_few_columns, again_and_again]


def writes_alone(text: str) -> bool:
    """Whether a nest writes what is owed to `a` of vectors and numbers only."""
    bodies = re.findall(r"\n    for [^\n]*((?:\n        [^\n]*)*)", text)
    return any(
        re.search(r"a_bar\[i, j\] \+?= (?!0\.0)", body) and not re.search(r"= .*\ba\[", body)
        for body in bodies
    )


@pytest.mark.parametrize("f", APART + TOGETHER, ids=lambda f: f.__name__)
def test_gradient(uncompiled: None, f: Any) -> None:
    for n, m in ((3, 4), (4, 2), (0, 3)):
        assert_gradient(f, (numbers(n, m), numbers(5), numbers(6)), (0, 1, 2))


@pytest.mark.parametrize("f", APART + TOGETHER, ids=lambda f: f.__name__)
def test_apart(f: Any) -> None:
    text = differentiate(f, argnums=(0, 1, 2)).gradient_source(numbers(3, 4), numbers(5), numbers(6))
    assert writes_alone(text) is (f in APART), text


def test_every_element_is_written_once() -> None:
    text = differentiate(both_products, argnums=(0, 1, 2)).gradient_source(
        numbers(3, 4), numbers(5), numbers(6)
    )
    assert len(re.findall(r"a_bar\[i, j\] \+?=", text)) == 1, text


def test_the_function_itself(uncompiled: None) -> None:
    def outer(a, x, y):
        n, m = a.shape
        b = np.empty((n, m))
        s = 0.0
        for i in range(n):
            t = 0.0
            for j in range(m):
                t += a[i, j] * x[j]
            for j in range(m):
                b[i, j] = t * y[j]
            s += t
        return s + b[0, m - 1]

    a, x, y = numbers(3, 4), numbers(5), numbers(6)
    assert differentiate(outer)(a, x, y) == pytest.approx(outer(a, x, y), rel=1e-14)


def arrays_that_swap(a, x, y):
    n, m = a.shape
    u, v = np.zeros(n), np.zeros(n + 2)
    for i in range(n):
        for j in range(m):
            v[i] += a[i, j] * x[j]
        u, v = v, u
    s = 0.0
    for i in range(len(u)):
        s += y[i] * u[i]
    return s


def test_arrays_that_swap(uncompiled: None) -> None:
    for n in range(4):
        assert_gradient(arrays_that_swap, (numbers(n, 4), numbers(4), numbers(6)), (0, 1))
