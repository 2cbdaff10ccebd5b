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
