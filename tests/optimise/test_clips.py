"""Clipped bounds and checks whose outcome linear forms tell are gone; others stay, and mean what Python means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import srcdiff
from tests.truth import assert_gradient

A = np.random.default_rng(6).standard_normal(6)
M = np.random.default_rng(7).standard_normal((4, 5))


def scan_by_slices(r):
    y = np.zeros_like(r)
    for k in range(1, r.shape[0]):
        y[:k] += r[k] * np.flip(r[:k])
        y[k] = r[k] * r[k - 1]
    return np.sum(y * y)


def five_points(a):
    b = a.copy()
    b[1:-1, 1:-1] = a[2:, 1:-1] + a[:-2, 1:-1] * a[1:-1, 2:] + a[1:-1, :-2]
    return np.sum(b * b)


def beyond_the_end(a, n):
    s = 0.0
    for k in range(n):
        s += np.sum(a[:k] ** 2) + np.sum(a[k:] * 2.0) + np.sum(a[k - 2 : k + 1])
    return s


def pooled(a):
    s = 0.0
    for i in range(a.shape[0] // 2):
        for j in range(a.shape[1] // 2):
            s += np.max(a[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]) ** 2
    return s


def inner_part(a):
    n = a.shape[0]
    b = a.copy()
    for j in range(1, n - 1):
        b[1 : n - 1, j] = b[1 : n - 1, j - 1] * a[1 : n - 1, j] + 1.0
    return np.sum(b * b)


def test_bounds_are_known_where_a_loop_around_makes_a_trip(uncompiled: None) -> None:
    source = srcdiff.differentiate(inner_part).gradient_source(M)
    assert "np.empty(" not in source
    for n in range(6):
        assert_gradient(inner_part, (np.random.default_rng(n).standard_normal((n, 5)),))


def test_bounds_inside_a_loop_are_not_clipped() -> None:
    assert_gradient(scan_by_slices, (A,))
    source = srcdiff.differentiate(scan_by_slices).gradient_source(A)
    assert "min(" not in source
    assert "do not fit" not in source


def test_shapes_of_shifted_parts_are_one() -> None:
    assert_gradient(five_points, (M,))
    assert "arrays of different lengths" not in srcdiff.differentiate(five_points).gradient_source(M)


def test_windows_within_half_the_length_are_not_clipped() -> None:
    assert_gradient(pooled, (M,))
    source = srcdiff.differentiate(pooled).gradient_source(M)
    assert "in range(2)" in source
    assert "min(" not in source


@pytest.mark.parametrize("args", [(A, 0), (A, 4), (A, 6), (A, 9), (A[:0], 3), (A[:1], 3)])
def test_bounds_beyond_the_end_are_clipped(args: Any) -> None:
    assert_gradient(beyond_the_end, args)


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (2, 2), (2, 5), (3, 3)])
def test_parts_of_small_arrays(shape: tuple[int, int]) -> None:
    assert_gradient(five_points, (np.random.default_rng(8).standard_normal(shape),))


def factorised(a, w):
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            a[i, j] -= a[i, :j] @ a[:j, j]
            a[i, j] /= a[j, j]
        for j in range(i, n):
            a[i, j] -= a[i, :i] @ a[:i, j]
    return np.sum(w * a)


def guarded(x, n, m):
    s = 0.0
    for _ in range(m):
        for i in range(n):
            s += x[i] * np.sum(x[:i] ** 2)
    return s


def test_what_a_check_of_indices_shows_needs_no_other_check(uncompiled: None) -> None:
    a, w = np.random.default_rng(3).standard_normal((4, 4)) + 3.0 * np.eye(4), M[:, :4]
    source = srcdiff.differentiate(factorised).gradient_source(a, w)
    assert "do not fit" not in source and "min(" not in source
    assert source.count("raise IndexError") == 1
    assert_gradient(factorised, (a, w))


def test_what_a_check_shows_where_it_was_made(uncompiled: None) -> None:
    """It is made only where `m` is not 0, as are the reads that rely on it."""
    source = srcdiff.differentiate(guarded).gradient_source(A, 5, 2)
    assert "if m > 0 and n > x.shape[0]:" in source or "if m > 0 and n > t1:" in source
    assert "min(" not in source
    assert_gradient(guarded, (A, 5, 2))
    assert_gradient(guarded, (A, 9, 0))
    with pytest.raises(IndexError):
        srcdiff.differentiate(guarded).grad(A, 7, 1)
