"""Slices and ranges whose step is computed; sums of rows."""

# Programs as people write them.
# ruff: noqa

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient

X, M = numbers(9), numbers(4, 5)


def step1(x, s):
    return np.sum(x[::s] ** 2 * 3)


def step2(x, s):
    y = x.copy()
    y[1::s] *= 2.0
    return np.sum(y**2)


def step3(x, a, b, s):
    return np.sum(x[a:b:s] ** 3) + len(x[a:b:s])


def step4(x, a, b, s):
    y = np.zeros(len(x))
    y[a:b:s] = x[a:b:s] * 2
    y[::s] += x[::s]
    return np.sum(y**2 * np.arange(len(x)))


def lifting(x):
    y = x[:8].copy()
    n = 8
    h = 1
    while h < n:
        y[h :: 2 * h] -= y[:: 2 * h]
        y[:: 2 * h] += 0.5 * y[h :: 2 * h]
        h *= 2
    return np.sum(y**2 * np.arange(8))


def multigrid(x):
    s = 0.0
    for l in range(3):
        s += np.sum(x[:: 2**l] ** 2) * l
    return s


def strided_for(x, st):
    s = 0.0
    for i in range(0, len(x), st):
        s += x[i] ** 2
    return s


def sieve(x, n):
    y = x.copy()
    for p in range(2, n):
        y[p * 2 :: p] *= 1.1
    return np.sum(y**2)


def rows2(X, s):
    return np.sum(X[::s, ::-s] ** 2 * np.arange(X[::s, ::-s].shape[1]))


def viewheld(x, s):
    v = x[::s]
    w = v[1:]
    return np.sum(w * v[:-1])


def varstep(x, st):
    acc = None
    for i in range(0, len(x), st):
        acc = x[i] if acc is None else acc * 0.5 + np.sin(x[i])
    return acc


def rangelen(x, st):
    return len(range(0, len(x), st)) * np.sum(np.array([x[i] for i in range(0, 9, st)]))


def sumrows(X):
    return np.sum(sum(X) ** 2)


def sumtup(x):
    return np.sum(sum((x, x * 2, x[::-1])) ** 2)


def summat(x):
    return np.sum(sum([x * i for i in range(3)], np.zeros(len(x))) ** 2)


PROGRAMS: list[tuple[Any, Any]] = [
    (step4, (X, 1, 8, 2)),
    (step4, (X, 8, 1, -2)),
    (lifting, (X,)),
    (multigrid, (X,)),
    (strided_for, (X, 2)),
    (sieve, (X, 5)),
    (rows2, (M, 2)),
    (rows2, (M, -2)),
    (viewheld, (X, 2)),
    (viewheld, (X, -3)),
    (varstep, (X, 2)),
    (rangelen, (X, 2)),
    (rangelen, (X, -2)),
    (sumrows, (M,)),
    (sumtup, (X,)),
    (summat, (X,)),
]


@pytest.mark.parametrize(("function", "args"), PROGRAMS, ids=lambda x: getattr(x, "__name__", ""))
def test_steps(uncompiled: None, function: Any, args: Any) -> None:
    assert_gradient(function, args)


@pytest.mark.parametrize("step", [1, 2, 3, -1, -2, 20, -20])
def test_whole_slices(uncompiled: None, step: int) -> None:
    assert_gradient(step1, (X, step))
    assert_gradient(step2, (X, step))


def test_bounds_are_clamped_as_python_does() -> None:
    f = differentiate(step3)
    for a, b, s in product((0, 1, -3, 20, -20, 5), (0, 9, -1, 20, -20, 4), (1, 2, -1, -3)):
        value, grad = f.value_and_grad(X, a, b, s)
        want = np.zeros(9)
        want[a:b:s] = 3.0 * X[a:b:s] ** 2
        np.testing.assert_allclose(value, step3(X, a, b, s))
        np.testing.assert_allclose(grad, want)


def test_no_step(uncompiled: None) -> None:
    with pytest.raises(ValueError, match="slice step cannot be zero"):
        differentiate(step1).grad(X, 0)
    with pytest.raises(ValueError, match="must not be zero"):
        differentiate(varstep).grad(X, 0)
    with pytest.raises(ValueError, match="the sum of no rows, which is a number"):
        differentiate(sumrows).grad(np.zeros((0, 3)))
