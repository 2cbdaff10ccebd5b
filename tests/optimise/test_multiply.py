"""Sums of products of elements become products of matrices, where they are that and nothing else is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate, value_and_grad
from tests.programs.table import numbers
from tests.truth import assert_gradient


def scaled_product(f, a, b, c):
    n, m = c.shape
    total = 0.0
    for i in range(n):
        for j in range(m):
            s = c[i, j]
            for k in range(a.shape[1]):
                s -= f * a[i, k] * b[k, j] / 3.0
            total += s * s
    return total


def longer_than_the_loops(f, a, b, n):
    c = np.zeros((n, n))
    for i in range(n):
        for k in range(2, 11):
            for j in range(n):
                c[j, i] += a[i, k + 1] * b[j, k] * f
    return np.sum(c * c * c)


def rank_two(f, a, b):
    n = a.shape[0]
    c = np.ones((n, n))
    for i in range(n):
        for j in range(i + 1):
            for k in range(a.shape[1]):
                c[i, j] += a[j, k] * b[i, k] - f * (b[j, k] * a[i, k])
    return np.sum(c * c)


def in_place(f, a, b):
    row = np.empty(a.shape[2])
    for r in range(a.shape[0]):
        for q in range(a.shape[1]):
            row[:] = f
            for s in range(a.shape[2]):
                for p in range(a.shape[2]):
                    row[p] += a[r, q, s] * b[s, p]
            a[r, q] = row
    return np.sum(a * a)


def outermost_sum(f, a, b):
    n, m = a.shape[0], b.shape[1]
    c = np.zeros((n, m))
    for k in range(a.shape[1]):
        for i in range(n):
            w = f + i
            for j in range(m):
                c[i, j] = c[i, j] + w * a[i, k] * b[k, j]
    return np.sum(c * c)


def below_the_diagonal(f, a, b, n):
    c = np.ones((9, 9))
    for i in range(n):
        for j in range(1, i - 1):
            for k in range(2, n):
                c[i, j] += f * a[i, k] * b[j, k]
    return np.sum(c * c)


A = numbers(3, 4, seed=1)
CASES: list[tuple[Any, tuple[Any, ...]]] = [
    (scaled_product, (0.7, A, numbers(4, 2, seed=2), numbers(3, 2, seed=3))),
    (scaled_product, (0.7, numbers(5, 4, seed=4), numbers(5, 3, seed=5), numbers(3, 2, seed=6))),
    (scaled_product, (0.7, numbers(3, 0, seed=4), numbers(0, 3, seed=5), numbers(3, 2, seed=6))),
    (longer_than_the_loops, (0.7, numbers(4, 12, seed=7), numbers(3, 12, seed=8), 3)),
    (longer_than_the_loops, (0.7, numbers(2, 12, seed=7), numbers(2, 12, seed=8), 0)),
    (rank_two, (0.7, A, numbers(3, 5, seed=9))),
    (in_place, (0.7, numbers(2, 3, 4, seed=10), numbers(5, 4, seed=11))),
    (outermost_sum, (0.7, A, numbers(4, 3, seed=12))),
    (below_the_diagonal, (0.7, numbers(9, 9, seed=13), numbers(9, 9, seed=14), 9)),
    *((below_the_diagonal, (0.7, numbers(0, 2, seed=13), numbers(1, 0, seed=14), n)) for n in (0, 1, 2)),
]


@pytest.mark.parametrize(("f", "args"), CASES)
def test_a_sum_of_products_is_left_to_blas(f: Any, args: tuple[Any, ...], uncompiled: None) -> None:
    assert differentiate(f, argnums=(0, 1, 2)).gradient_source(*args).count(" @ ") >= 3
    assert_gradient(f, args, (0, 1, 2))


def test_what_the_loops_would_read_outside_is_found() -> None:
    a, b, c = A, numbers(4, 1, seed=2), numbers(3, 2, seed=3)
    with pytest.raises(IndexError, match="`b`"):
        value_and_grad(scaled_product, argnums=(0, 1, 2))(0.7, a, b, c)


def test_what_the_loops_do_not_read_may_be_anything(uncompiled: None) -> None:
    a, b = numbers(10, 12, seed=7), numbers(9, 12, seed=8)
    value, gradients = value_and_grad(longer_than_the_loops, argnums=(1, 2))(0.7, a, b, 9)
    a[9], a[:, :3], a[:, 12:], b[:, :2], b[:, 11:] = np.nan, np.inf, np.nan, np.inf, np.nan
    again, same = value_and_grad(longer_than_the_loops, argnums=(1, 2))(0.7, a, b, 9)
    assert again == value
    assert all(np.array_equal(x, y) for x, y in zip(gradients, same, strict=True))


def without_the_first_row(a, b):
    n = a.shape[0]
    c = np.zeros((n, n))
    for i in range(1, n):
        for j in range(1, n):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[j, k]
    return np.sum(c * c)


def test_a_row_that_the_loops_leave_out_may_be_anything(uncompiled: None) -> None:
    a, b = numbers(4, 3, seed=7), numbers(4, 3, seed=8)
    gradients = value_and_grad(without_the_first_row, argnums=(0, 1))(a, b)[1]
    a[0], b[0] = np.nan, np.inf
    again = value_and_grad(without_the_first_row, argnums=(0, 1))(a, b)[1]
    assert all(np.array_equal(x, y) for x, y in zip(gradients, again, strict=True))


def carried(f, a, b):
    n = a.shape[0]
    for i in range(n):
        for j in range(n):
            for k in range(n):
                a[i, j] += f * a[i, k] * b[k, j]
    return np.sum(a * a)


def band(f, a, b):
    n = a.shape[0]
    total = 0.0
    for i in range(n):
        for j in range(i, min(i + 2, n)):
            s = 0.0
            for k in range(n):
                s += f * a[i, k] * b[k, j]
            total += s * s
    return total


def diagonal(f, a, b):
    total = 0.0
    for i in range(a.shape[0]):
        s = 0.0
        for k in range(a.shape[1]):
            s += f * a[i, k] * b[k, i]
        total += s * s
    return total


def many_small(f, a, b):
    n = a.shape[0]
    total = 0.0
    for t in range(3):
        c = np.zeros((n, n))
        for i in range(n):
            for j in range(n):
                for k in range(n):
                    c[i, j] += f * a[i, k] * b[k, j] + t
        total += np.sum(c * c)
    return total


@pytest.mark.parametrize("f", [carried, band, diagonal, many_small])
def test_other_sums_stay_loops(f: Any) -> None:
    args = (0.7, numbers(9, 9, seed=1), numbers(9, 9, seed=2))
    assert " @ " not in differentiate(f, argnums=(0, 1, 2)).gradient_source(*args)


def strictly_above(a, b, n):
    c = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1, n):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[j, k]
    return np.sum(c * c)


def strictly_below(a, b, n):
    c = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[j, k]
    return np.sum(c * c)


@pytest.mark.parametrize(("f", "rows"), [(strictly_above, (11, 0)), (strictly_below, (0, 11))])
def test_a_row_that_no_trip_reads(uncompiled: None, f: Any, rows: tuple[int, int]) -> None:
    args = numbers(12, 11), numbers(12, 11) + 0.5
    df = differentiate(f, argnums=(0, 1))
    assert " @ " in df.gradient_source(*args, 12)
    value, gradient = df.value_and_grad(*args, 12)
    for matrix, row in zip(args, rows, strict=True):
        matrix[row] = np.nan
    again, of_rest = df.value_and_grad(*args, 12)
    assert value == again and all(map(np.array_equal, gradient, of_rest))


def test_a_last_row_that_does_not_exist(uncompiled: None) -> None:
    a, b = numbers(11, 11), numbers(12, 11)
    value, _ = differentiate(strictly_above, argnums=(0, 1)).value_and_grad(a, b, 12)
    assert abs(value - strictly_above(a, b, 12)) < 1e-9


def below_and_above(a, b, f):
    """A symmetric matrix of which the lower triangle is read: `c` gets what that owes to rows above, and below."""
    n, m = b.shape
    c = np.ones((n, m))
    for i in range(n):
        for j in range(m):
            s = 0.0
            for k in range(i):
                c[k, j] += f * b[i, j] * a[i, k]
                s += b[k, j] * a[i, k]
            c[i, j] = f * c[i, j] + b[i, j] * a[i, i] + s
    return np.sum(c * c)


def triangle_in_place(a, b, f):
    n, m = b.shape
    for i in range(n):
        for k in range(i + 1, n):
            for j in range(m):
                b[i, j] += a[k, i] * b[k, j]
        for j in range(m):
            b[i, j] *= f
    return np.sum(b * b * b)


def with_the_diagonal(a, b, f):
    n, m = b.shape
    c = np.ones((n, m))
    for j in range(m):
        for i in range(n):
            for k in range(i + 1):
                c[i, j] -= a[i, k] * b[k, j] / f
            for k in range(i, n):
                c[i, j] += b[k, j] * f * a[k, i]
    return np.sum(c * c)


def summed_over_rows(a, b, f):
    n, m = b.shape
    c = np.ones((n, m))
    for i in range(n):
        for k in range(i + 1):
            for j in range(m):
                c[k, j] += f * a[i, k] * b[i, j]
    return np.sum(c * c)


def rows_without_a_trip(a, b, f):
    """The last row of `c`, the last column of `a` and the first row of `b` need not exist."""
    n = a.shape[0]
    c = np.ones((n - 1, b.shape[1]))
    for i in range(n):
        for k in range(i + 1, n):
            for j in range(b.shape[1]):
                c[i, j] += f * a[k, i] * b[k - 1, j]
    return np.sum(c * c)


SQUARE, LONG = numbers(6, 6, seed=20), numbers(18, 18, seed=21)
TRIANGLES: list[tuple[Any, tuple[Any, ...]]] = [
    *((f, (SQUARE, numbers(6, 3, seed=22), 0.7)) for f in (below_and_above, triangle_in_place)),
    *((f, (SQUARE, numbers(6, 3, seed=23), 0.7)) for f in (with_the_diagonal, summed_over_rows)),
    (rows_without_a_trip, (numbers(6, 5, seed=24), numbers(5, 3, seed=25), 0.7)),
    (below_and_above, (LONG, numbers(18, 2, seed=26), 0.7)),
    (rows_without_a_trip, (numbers(18, 17, seed=27), numbers(17, 2, seed=28), 0.7)),
]


@pytest.mark.parametrize(("f", "args"), TRIANGLES)
def test_a_sum_over_a_triangle_is_left_to_blas(f: Any, args: tuple[Any, ...], uncompiled: None) -> None:
    source = differentiate(f, argnums=(0, 1, 2)).gradient_source(*args)
    assert source.count("er_product(") >= 4 and source.count("er_of_product(") >= 2
    assert_gradient(f, args, (0, 1, 2))


@pytest.mark.parametrize("f", [below_and_above, triangle_in_place, summed_over_rows, rows_without_a_trip])
@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_triangle_may_be_empty(f: Any, n: int, uncompiled: None) -> None:
    if f is rows_without_a_trip and n == 0:
        return
    args = numbers(n, n, seed=1), numbers(n, 2, seed=2), 0.7
    assert_gradient(f, args, (0, 1, 2))
    args = numbers(n, n, seed=1), numbers(n, 0, seed=2), 0.7
    assert_gradient(f, args, (0, 1, 2))


@pytest.mark.parametrize("f", [below_and_above, triangle_in_place, with_the_diagonal, summed_over_rows])
def test_what_is_beside_a_triangle_may_be_anything(f: Any, uncompiled: None) -> None:
    a, b = LONG.copy(), numbers(18, 2, seed=26)
    value, gradients = value_and_grad(f, argnums=(0, 1, 2))(a, b.copy(), 0.7)
    a[np.triu_indices(18, 1)] = np.nan
    again, same = value_and_grad(f, argnums=(0, 1, 2))(a, b.copy(), 0.7)
    assert again == value
    assert all(np.array_equal(x, y) for x, y in zip(gradients, same, strict=True))


def test_infinity_meets_only_what_is_multiplied_by_it(uncompiled: None) -> None:
    """Row 4 of `b` goes only into rows of `c` up to it, so that the others owe what they owed."""
    b = numbers(18, 2, seed=26)
    want = differentiate(summed_over_rows, argnums=(0, 1, 2)).value_and_grad(LONG, b, 0.7)[1][0]
    b[4] = np.inf
    with np.errstate(invalid="ignore"):
        found = differentiate(summed_over_rows, argnums=(0, 1, 2)).value_and_grad(LONG, b, 0.7)[1][0]
    assert np.allclose(found[5:, 5:], want[5:, 5:]) and not np.isfinite(np.tril(found)[4:, :5]).any()
