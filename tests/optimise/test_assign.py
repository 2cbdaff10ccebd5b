"""What a nest adds to a matrix of zeros is stored, and what it does not reach is made zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient


def corner(a, x, n, m):
    s = 0.0
    for i in range(n):
        for j in range(m):
            s += a[i, j] * a[i, j] * x[j]
    return s


def some_rows(a, x, n, m):
    s = 0.0
    for i in range(n):
        for j in range(a.shape[1]):
            s += np.sin(a[i, j]) * x[j]
    return s


def box(a, x, n, m):
    s = 0.0
    b = a.copy().reshape(a.shape[0], 2, a.shape[1] // 2)
    for i in range(n):
        for k in range(b.shape[1]):
            for j in range(m):
                s += b[i, k, j] * b[i, k, j] * x[j]
    return s


def corner_and_more(a, x, n, m):
    s = 0.0
    for i in range(n):
        for j in range(m):
            s += a[i, j] * a[i, j] * x[j]
    for i in range(a.shape[0]):
        s += a[i, 1] ** 3
    return s


def only_where(a, x, n, m):
    s = 0.0
    if x[0] > 100.0:
        for i in range(n):
            for j in range(m):
                s += a[i, j] * a[i, j] * x[j]
    return s


def triangle(a, x, n, m):
    s = 0.0
    for i in range(n):
        for j in range(i):
            s += a[i, j] * a[i, j] * x[j]
    return s


def up_to_a_difference(a, x, n, m):
    s = 0.0
    for i in range(n - 3):
        for j in range(m):
            s += a[i, j] * a[i, j] * x[j]
    return s


FUNCTIONS = [corner, some_rows, box, corner_and_more, only_where, triangle, up_to_a_difference]


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_gradient(uncompiled: None, f: Any) -> None:
    for n, m in ((4, 2), (2, 1), (0, 2), (3, 0), (-1, 2)):
        assert_gradient(f, (numbers(4, 4), numbers(4), n, m), (0, 1))


def within_lengths(a, x):
    s = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[0]):
            s += a[i, j] * x[j]
    return s


def test_stored_of_which_a_part_is_reached(uncompiled: None) -> None:
    gradient = differentiate(within_lengths, argnums=(0, 1))
    text = gradient.gradient_source(numbers(4, 5), numbers(3))
    assert "a_bar = np.empty_like(a)" in text
    assert "a_bar[i, j] +=" not in text
    for shape in ((4, 5), (3, 3), (3, 5), (4, 3)):
        assert_gradient(within_lengths, (numbers(*shape), numbers(3)), (0, 1))
    assert_gradient(within_lengths, (numbers(2, 2), numbers(0)), (0, 1))


def added_to_zeros(a, x):
    b = np.zeros(a.shape)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            b[i, j] = b[i, j] + a[i, j] * x[j]
    return np.sum(b * b * b)


def of_which_a_part_is_reached(a, x):
    b = np.zeros(a.shape)
    for i in range(1, a.shape[0]):
        for j in range(a.shape[1]):
            b[i, j] = np.exp(b[i, j]) * a[i, j]
    return np.sum(b * b * x)


def of_the_trip_before(a, x):
    b = np.zeros(a.shape)
    for i in range(a.shape[0]):
        for j in range(1, a.shape[1]):
            b[i, j] = b[i, j - 1] + a[i, j] * x[j]
    return np.sum(b * b * b)


def added_twice(a, x):
    b = np.zeros(a.shape)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            b[i, j] += a[i, j] * x[j]
            b[i, j] += a[i, j] * b[i, j]
    return np.sum(b * b)


def added_under_a_condition(a, x):
    b = np.zeros(a.shape)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            if a[i, j] > 0.0:
                b[i, j] += a[i, j] * x[j]
    return np.sum(b * b)


ZEROS = {
    added_to_zeros: False,
    of_which_a_part_is_reached: True,
    of_the_trip_before: True,
    added_twice: False,
    added_under_a_condition: True,
}


@pytest.mark.parametrize("f", ZEROS, ids=lambda f: f.__name__)
def test_of_the_function_itself(uncompiled: None, f: Any) -> None:
    for n, m in ((3, 4), (1, 4), (0, 4)):
        assert_gradient(f, (numbers(n, m), numbers(m)), (0, 1))
    args = numbers(3, 4), numbers(4)
    assert differentiate(f)(*args) == pytest.approx(f(*args), rel=1e-14)
    text = differentiate(f).text(differentiate(f).program_for(*args))
    assert ("np.zeros(" in text) is ZEROS[f]
    assert ("b[i, j] = b[i, j]" in text) is (f is added_under_a_condition)


def product_in_loops(a, x):
    """What the loops sum is a product, which is taken as it is."""
    b = np.zeros((a.shape[0], a.shape[0]))
    for i in range(a.shape[0]):
        for j in range(a.shape[0]):
            for k in range(a.shape[1]):
                b[i, j] += a[i, k] * a[j, k]
    return np.sum(b @ b @ b)


def test_a_product(uncompiled: None) -> None:
    text = differentiate(product_in_loops).gradient_source(numbers(3, 4), numbers(4))
    assert "t2 = a @ a.T" in text and "t3 = t2 @ t2" in text
    for n, m in ((3, 4), (1, 1), (0, 2), (2, 0)):
        assert_gradient(product_in_loops, (numbers(n, m), numbers(m)), (0,))
