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
