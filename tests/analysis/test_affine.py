"""What affine forms prove about slices, whose bounds are clipped: no tape is needed for what is not overwritten."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import srcdiff
from tests.truth import assert_gradient

RNG = np.random.default_rng(4)
SQUARE = RNG.standard_normal((5, 5)) + 4.0 * np.eye(5)
VECTOR = RNG.standard_normal(5)


def factor_rows(a):
    for i in range(a.shape[0]):
        for j in range(i):
            a[i, j] -= a[i, :j] @ a[:j, j]
            a[i, j] /= a[j, j]
        for j in range(i, a.shape[0]):
            a[i, j] -= a[i, :i] @ a[:i, j]
    return np.sum(a * a)


def substitute(lower, b):
    x = np.zeros_like(b)
    for i in range(b.shape[0]):
        x[i] = (b[i] - lower[i, :i] @ x[:i]) / lower[i, i]
    return np.sum(x * x)


def substitute_backwards(upper, b):
    n = b.shape[0]
    x = np.zeros_like(b)
    for i in range(n - 1, -1, -1):
        x[i] = (b[i] - upper[i, i + 1 :] @ x[i + 1 :]) / upper[i, i]
    return np.sum(x * x)


@pytest.mark.parametrize(
    ("function", "args", "argnums"),
    [
        (factor_rows, (SQUARE,), 0),
        (substitute, (SQUARE, VECTOR), (0, 1)),
        (substitute_backwards, (SQUARE, VECTOR), (0, 1)),
    ],
)
def test_parts_that_are_final_need_no_tape(function: Any, args: tuple[Any, ...], argnums: Any) -> None:
    assert_gradient(function, args, argnums)
    assert srcdiff.differentiate(function, argnums=argnums).tape_report(*args).bytes == 0


def one_ahead(x, n):
    """What a trip reads is overwritten in the next one."""
    s = 0.0
    for i in range(len(x)):
        s += x[:i] @ x[:i]
        for k in range(min(i + 1, n)):
            x[k] = np.sin(x[k])
    return s


@pytest.mark.parametrize("n", [0, 1, 3, 9])
def test_parts_that_are_overwritten_are_recorded(n: int) -> None:
    assert_gradient(one_ahead, (VECTOR, n))
    assert srcdiff.differentiate(one_ahead).tape_report(VECTOR, n).bytes > 0


def scaled_in_place(c, a, beta):
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            c[i, j] *= beta
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * a[j, k]
    return np.sum(c * c[::-1])


def rows_that_come_later(b, a, beta):
    for i in range(b.shape[0]):
        for k in range(i + 1, b.shape[0]):
            for j in range(b.shape[1]):
                b[i, j] += beta * a[k, i] * b[k, j]
    return np.sum(b)


def rows_that_came_before(b, a, beta):
    for i in range(b.shape[0]):
        for k in range(i):
            for j in range(b.shape[1]):
                b[i, j] += beta * a[k, i] * b[k, j] * b[i, j]
    return np.sum(b)


def twice_over_the_rows(b, a, beta):
    for _ in range(2):
        for i in range(b.shape[0]):
            for j in range(b.shape[1]):
                b[i, j] = b[i, j] * b[i, j] * beta + a[i, j]
    return np.sum(b)


def scaled_copy(b, a, beta):
    u = b.copy()
    for i in range(b.shape[0]):
        b[i] = b[i] * beta
    for _ in range(2):
        for i in range(b.shape[0]):
            u[i] = u[i] * u[i] * a[i]
    return np.sum(u * b)


@pytest.mark.parametrize(
    ("function", "without_tape"),
    [
        (scaled_in_place, True),
        (rows_that_come_later, True),
        (rows_that_came_before, False),
        (twice_over_the_rows, False),
        (scaled_copy, False),  # what it was copied from is overwritten
    ],
)
def test_elements_are_read_from_what_an_array_was_copied_from(function: Any, without_tape: bool) -> None:
    args = (SQUARE, SQUARE.T * 0.3, 0.7)
    assert_gradient(function, args, (0, 1, 2))
    used = srcdiff.differentiate(function, argnums=(0, 1, 2)).tape_report(*args).bytes
    assert (used == 0) == without_tape, used
