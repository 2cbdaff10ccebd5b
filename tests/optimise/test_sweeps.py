"""Sweeps along the last axis are made row by row, and arrays that are replaced in each trip are stored into."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient


def forwards_and_back(a, b):
    n, m, d = a.shape
    c = np.empty((n, m, d))
    c[:, :, 0] = np.sin(a[:, :, 0])
    for k in range(1, d):
        c[:, :, k] = a[:, :, k] / (2.0 + c[:, :, k - 1] ** 2)
    last = c[:, :, d - 1]
    s = np.sum(last * b[:, :, 0])
    for k in range(d - 2, -1, -1):
        c[:, :, k] -= last * b[:, :, k]
        last = c[:, :, k] * 0.5
    return s + np.sum(c * c) + np.sum(last)


def with_numbers_of_levels(a, b):
    n, m, d = a.shape
    q = np.ones((n, m))
    p = np.zeros((n, m, d))
    for k in range(d):
        g = b[0, 0, k] * 2.0
        q = q * a[:, :, k] + g
        p[:, :, k] = q
    return np.sum(p * b) + np.sum(q * q)


def of_the_row_before(a, b):
    n, m, d = a.shape
    c = np.ones((n, m, d))
    for k in range(1, d):
        c[1:, :, k] = a[1:, :, k] * c[:-1, :, k - 1]
    return np.sum(c * b)


def along_the_first_axis(a, b):
    n, m, d = a.shape
    c = np.ones((d, n, m))
    for k in range(1, d):
        for i in range(n):
            for j in range(m):
                c[k, i, j] = c[k - 1, i, j] * a[i, j, k]
    return np.sum(c * c) + np.sum(b)


def kept_by_another_name(a, b):
    n, m, d = a.shape
    q = np.ones((n, m))
    first = q
    for k in range(d):
        q = q * a[:, :, k] + first
    return np.sum(q * b[:, :, 0]) + np.sum(first)


def of_another_element(a, b):
    n, m, d = a.shape
    q = np.ones((n, m))
    for k in range(d):
        q = q[::-1] * a[:, :, k] + b[:, :, k]
    return np.sum(q * q)


ROW_BY_ROW = [forwards_and_back, with_numbers_of_levels]
AS_THEY_ARE = [of_the_row_before, along_the_first_axis, kept_by_another_name, of_another_element]


@pytest.mark.parametrize("f", ROW_BY_ROW + AS_THEY_ARE, ids=lambda f: f.__name__)
def test_gradient(uncompiled: None, f: Any) -> None:
    for shape in ((3, 2, 4), (1, 3, 1), (2, 1, 2)):
        assert_gradient(f, (numbers(*shape), numbers(*shape)), (0, 1))


@pytest.mark.parametrize("f", ROW_BY_ROW + AS_THEY_ARE, ids=lambda f: f.__name__)
def test_row_by_row(f: Any) -> None:
    text = differentiate(f, argnums=(0, 1)).gradient_source(numbers(3, 2, 4), numbers(3, 2, 4))
    outermost = [line.split()[1] for line in text.splitlines() if line.startswith("    for ")]
    assert ("k" not in outermost) is (f in ROW_BY_ROW), text


def test_one_array_for_all_trips() -> None:
    text = differentiate(with_numbers_of_levels, argnums=(0, 1)).gradient_source(
        numbers(3, 2, 4), numbers(3, 2, 4)
    )
    assert len(re.findall(r"\n +q\d* = np\.", text)) == 1, text


def test_checks_hold_only_where_trips_are_made(uncompiled: None) -> None:
    def f(a, b, q, p):
        n, m, d = a.shape
        c = np.ones((n, m, d))
        for k in range(1, d):
            c[:, :, k] = c[:, :, k - 1] * q[:, :]
        for k in range(1, b):
            c[:, :, k] = c[:, :, k - 1] + p[:, :]
        return np.sum(a * c)

    a, q = numbers(3, 2, 4), numbers(3, 2)
    gradient = differentiate(f, argnums=(0, 2))
    assert gradient(a, 1, q, numbers(2, 2)) == pytest.approx(f(a, 1, q, numbers(2, 2)), rel=1e-14)
    with pytest.raises(ValueError, match="different lengths"):
        gradient(a, 3, q, numbers(2, 2))
