"""Indices are unsigned where they are not negative and LLVM would not see it."""

from __future__ import annotations

import numpy as np

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient


def covariance_by_slices(x, n):
    m = x.shape[1]
    c = np.zeros((m, m))
    for i in range(m):
        c[i:m, i] = x[:, i] @ x[:, i:m] / n
        c[i, i:m] = c[i:m, i]
    return np.sum(c * c)


def window(x, n):
    s = 0.0
    for i in range(3):
        for r in range(n - 3):
            s += np.sin(x[i + r])
    return s


def from_the_end(x, n):
    s = 0.0
    for i in range(n):
        for r in range(n):
            s += x[r - i] * x[r]
    return s


X, TABLE = numbers(6), numbers(5, 4)


def test_sum_with_an_index_that_goes_down() -> None:
    forward, _, reverse = differentiate(covariance_by_slices).gradient_source(TABLE, 4).partition("# reverse")
    assert "np.uint64(i + " in reverse and "np.uint64" not in forward
    assert_gradient(covariance_by_slices, (TABLE, 4))


def test_sum_of_two_that_go_up_is_left() -> None:
    assert "np.uint64" not in differentiate(window).gradient_source(X, 6)
    assert_gradient(window, (X, 6))


def test_what_may_be_negative_is_left() -> None:
    assert "np.uint64" not in differentiate(from_the_end).gradient_source(X, 6)
    assert_gradient(from_the_end, (X, 6))


def rows_below(x, n):
    y = x.copy()
    for k in range(n):
        for i in range(n):
            for j in range(k + 1, n):
                y[i, j] = np.sin(y[i, j]) * y[i, k]
    return np.sum(y)


def test_places_on_a_flat_tape(uncompiled: None) -> None:
    text = differentiate(rows_below).gradient_source(TABLE[:4], 4)
    assert text.count("np.uint64(start + ") == 2 and "_tape[start" not in text
    assert_gradient(rows_below, (TABLE[:4], 4))


def flat_rows(x, n, m):
    y = x.copy()
    for i in range(1, n):
        for j in range(m):
            y[i * m + j] = np.sin(x[(i - 1) * m + j]) * x[i * m + j - m]
    return np.sum(y * y)


def flat_from_the_end(x, n, m):
    y = x.copy()
    for i in range(n):
        for j in range(m):
            y[i * m + j] = np.sin(x[i * m + j - m]) * x[i * m + j]
    return np.sum(y * y)


def flat_with_a_step(x, n, step):
    s = 0.0
    for i in range(n):
        for j in range(2):
            s += x[i * step + j] ** 2
    return s


def test_rows_of_a_flat_array(uncompiled: None) -> None:
    """The columns are at least one where there is an index of a column."""
    text = differentiate(flat_rows).gradient_source(X, 2, 3)
    assert text.count("np.uint64(") == 6 and "< -" not in text
    assert_gradient(flat_rows, (X, 2, 3))


def test_rows_of_a_flat_array_that_may_count_from_the_end(uncompiled: None) -> None:
    for function, args in ((flat_from_the_end, (X, 2, 3)), (flat_with_a_step, (X, 3, -2))):
        text = differentiate(function).gradient_source(*args)
        assert "x[np.uint64(" not in text and "x_bar[np.uint64(" not in text
        assert_gradient(function, args)
