"""Matrices whose columns the innermost loops go down are kept by columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate, vjp
from tests.programs.table import numbers
from tests.truth import assert_gradient, gradient_by_complex_step


def orthogonal(x, w):
    m, n = x.shape
    q = np.zeros_like(x)
    r = np.zeros((n, n))
    a = x.copy()
    for k in range(n):
        for i in range(m):
            q[i, k] = a[i, k] * w[k, 0]
        for j in range(k + 1, n):
            for i in range(m):
                r[k, j] += q[i, k] * a[i, j]
            for i in range(m):
                a[i, j] -= q[i, k] * r[k, j]
    return np.sum(q * q * q) + np.sum(w * r) + a[0, n - 1] * a.shape[0]


def argument_in_place(x, w):
    m, n = x.shape
    for k in range(n):
        for j in range(k + 1, n):
            s = 0.0
            for i in range(m):
                s += x[i, k] * x[i, j]
            for i in range(m):
                x[i, j] -= x[i, k] * s * w[k, j]
    return np.sum(x * x)


def rectangular(x, w):
    m, n = x.shape
    a = x.copy()
    for k in range(n):
        for j in range(n):
            for i in range(m):
                a[i, j] -= np.sin(a[i, j]) * w[k, j]
    return np.sum(a * a)


def also_along_rows(x, w):
    m, n = x.shape
    a = x.copy()
    for k in range(n):
        for j in range(k + 1, n):
            for i in range(m):
                a[i, j] -= np.sin(a[i, k]) * w[k, j]
            for i in range(m):
                a[j, i] += w[k, j]
    return np.sum(a * a)


def also_down_an_argument(x, w):
    m, n = x.shape
    a = x.copy()
    for k in range(n):
        for j in range(k + 1, n):
            for i in range(m):
                a[i, j] -= np.sin(a[i, k]) * w[i, j]
    return np.sum(a * a)


def read_whole(x, w):
    m, n = x.shape
    a = x.copy()
    for k in range(n):
        for j in range(k + 1, n):
            for i in range(m):
                a[i, j] -= np.sin(a[i, k]) * w[k, j]
    return np.sum((a @ w) ** 2)


ARGS = numbers(5, 4, seed=1), numbers(4, 4, seed=2)


@pytest.mark.parametrize("f", [orthogonal, argument_in_place])
def test_columns_become_rows(f: Any, uncompiled: None) -> None:
    assert "= x[j, i]" in differentiate(f).gradient_source(*ARGS)
    assert_gradient(f, ARGS, (0, 1))
    assert_gradient(f, (np.asfortranarray(ARGS[0]), ARGS[1]), (0, 1))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1)])
def test_empty_matrices_by_columns(shape: tuple[int, int], uncompiled: None) -> None:
    assert_gradient(argument_in_place, (numbers(*shape, seed=3), numbers(shape[1], shape[1], seed=4)), (0, 1))


def projected(x, w):
    m, n = x.shape
    for k in range(n):
        for j in range(k + 1, n):
            s = 0.0
            for i in range(m):
                s += x[i, k] * x[i, j]
            for i in range(m):
                x[i, j] -= x[i, k] * s * w[k, j]


def test_what_is_written_is_a_result_by_rows(uncompiled: None) -> None:
    x, w = ARGS
    owed = numbers(5, 4, seed=7)

    def weighted(x):
        x = x.copy()
        projected(x, w)
        return np.sum(x * owed)

    end, pullback = vjp(projected, x, w)
    given = x.copy()
    projected(given, w)
    assert np.allclose(end, given) and end.flags.c_contiguous
    assert np.allclose(pullback(owed)[0], gradient_by_complex_step(weighted, (x,)))


SQUARE = numbers(4, 4, seed=5), numbers(4, 4, seed=6)


@pytest.mark.parametrize("f", [rectangular, also_along_rows, also_down_an_argument, read_whole])
def test_other_matrices_stay_by_rows(f: Any, uncompiled: None) -> None:
    source = differentiate(f, argnums=(0, 1)).gradient_source(*SQUARE)
    assert "= x[j, i]" not in source
    assert_gradient(f, SQUARE, (0, 1))
