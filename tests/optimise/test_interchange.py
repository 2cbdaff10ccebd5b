"""Loops are exchanged where that makes accesses adjacent, and only where every element keeps its operations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from srcdiff.optimise.interchange import interchange_loops
from tests.optimise.stages import stages
from tests.programs.table import numbers
from tests.sampling import sampled
from tests.truth import assert_gradient


def sums_of_columns(a, b):
    n, m = b.shape
    y = np.empty(m)
    for j in range(m):
        total = 0.0
        for k in range(n):
            total += a[k] * b[k, j]
        y[j] = math.sin(total)
    return y[0] * y[m - 1]


def covariance(a, b):
    n, m = b.shape
    c = np.zeros((m, m))
    for i in range(m):
        for j in range(i, m):
            for k in range(n):
                c[i, j] += b[k, i] * b[k, j]
            c[i, j] /= n - 1.0
            c[j, i] = c[i, j]
    total = 0.0
    for i in range(m):
        for j in range(m):
            total += a[i] * c[i, j] * c[i, j]
    return total


def orthogonal(a, b):
    n, m = b.shape
    q = np.zeros((n, m))
    r = np.zeros((m, m))
    u = b.copy()
    for k in range(m):
        norm = 0.0
        for i in range(n):
            norm += u[i, k] * u[i, k]
        r[k, k] = math.sqrt(norm)
        for i in range(n):
            q[i, k] = u[i, k] / r[k, k]
        for j in range(k + 1, m):
            total = 0.0
            for i in range(n):
                total += q[i, k] * u[i, j]
            r[k, j] = total
            for i in range(n):
                u[i, j] -= q[i, k] * total
    total = 0.0
    for k in range(m):
        for j in range(m):
            total += a[j] * r[k, j]
    return total


def factorised(a, b):
    n = b.shape[1]
    u = b[:n].copy()
    for i in range(n):
        u[i, i] += 5.0
    for i in range(n):
        for j in range(i):
            for k in range(j):
                u[i, j] -= u[i, k] * u[k, j]
            u[i, j] /= u[j, j]
        for j in range(i, n):
            for k in range(i):
                u[i, j] -= u[i, k] * u[k, j]
    total = 0.0
    for i in range(n):
        total += a[i] * math.log(abs(u[i, i]))
    return total


def rank_one_updates(a, b):
    n, m = b.shape
    c = np.zeros((n, n))
    for i in range(n):
        for k in range(m):
            factor = a[0] * b[i, k]
            for j in range(i + 1):
                c[i, j] += factor * b[j, k]
    total = 0.0
    for i in range(n):
        for j in range(n):
            total += c[i, j] * a[i]
    return total


def carried_through_the_columns(a, b):
    n, m = b.shape
    y = np.empty(m)
    for j in range(m):
        state = a[j]
        for k in range(n - 1, -1, -1):
            state = math.atan(state) * b[k, j]
        y[j] = state
    total = 0.0
    for j in range(m):
        total = total * 0.5 + y[j]
    return total


def summed_behind_each_column(a, b):
    n, m = b.shape
    total = 1.0
    for j in range(m):
        column = 0.0
        for k in range(n):
            column += b[k, j] * b[k, j]
        total = 0.9 * total + column * a[j]
    return total


def checked_in_each_column(a, b):
    n, m = b.shape
    y = np.zeros(m)
    for j in range(m):
        y[j] = np.dot(a[1:n], b[1:, j]) + y[j]
    return np.sum(y * y)


def eliminated_along_rows(a, b):
    n, m = b.shape
    q = np.zeros((n, m))
    x = np.zeros((n, m + 1))
    for i in range(n):
        q[i, 0] = b[i, 0]
        for j in range(1, m):
            q[i, j] = (b[i, j] - a[0] * q[i, j - 1]) / (4.0 + a[1] * q[i, j - 1])
        x[i, m] = a[3]
        for j in range(m - 1, -1, -1):
            x[i, j] = a[2] * x[i, j + 1] + q[i, j]
    return np.sum(x * x)


EXCHANGED: list[Any] = [
    sums_of_columns,
    covariance,
    orthogonal,
    factorised,
    rank_one_updates,
    carried_through_the_columns,
    summed_behind_each_column,
    checked_in_each_column,
    eliminated_along_rows,
]


def smoothed_along_rows(a, b):
    n, m = b.shape
    q = np.zeros((n, m))
    for i in range(n):
        for j in range(1, m):
            q[i, j] = a[0] * q[i, j - 1] + b[i, j] / a[1]
    return np.sum(q * q)


def eliminated_along_rows_that_wait(a, b):
    n, m = b.shape
    q = np.ones((n, m))
    for i in range(1, n):
        for j in range(1, m):
            q[i, j] = (b[i, j] - q[i - 1, 0] * q[i, j - 1]) / (4.0 + q[i, j - 1])
        q[i, 0] = q[i, m - 1]
    return np.sum(q * q)


def reads_the_column_before(a, b):
    n, m = b.shape
    u = b.copy()
    for j in range(1, m):
        for k in range(n):
            u[k, j] += u[n - 1 - k, j - 1] * a[k]
    return u[0, m - 1]


def stored_for_the_next_column(a, b):
    n, m = b.shape
    y = np.ones(m + 1)
    for j in range(m):
        total = 0.0
        for k in range(n):
            total += y[j] * b[k, j]
        y[j + 1] = total * a[j]
    return y[m]


def carried_from_column_to_column(a, b):
    n, m = b.shape
    state = 1.0
    for j in range(m):
        for k in range(n):
            state = math.sin(state) + b[k, j]
    return state * a[0]


def of_a_length_that_changes(a, b):
    n, m = b.shape
    total = 0.0
    for j in range(m):
        s = 0.0
        for k in range(j, n):
            s += b[k, j]
        total += s * s * a[j]
    return total


def along_rows(a, b):
    n, m = b.shape
    total = 0.0
    for k in range(n):
        s = 0.0
        for j in range(m):
            s += b[k, j]
        total += s * s * a[k]
    return total


def looked_up(a, b):
    n, m = b.shape
    y = np.zeros(3)
    for j in range(m):
        for k in range(n):
            y[(j * j) % 3] += y[(j + 1) % 3] * b[k, j] * a[k]
    return y[0] + y[1] + y[2]


KEPT: list[Any] = [
    reads_the_column_before,
    stored_for_the_next_column,
    carried_from_column_to_column,
    of_a_length_that_changes,
    along_rows,
    looked_up,
    smoothed_along_rows,
    eliminated_along_rows_that_wait,
]


def is_exchanged(f: Any, *args: Any) -> bool:
    before = stages(f, args)["hoist"]
    return interchange_loops(before) is not before


@pytest.mark.parametrize("f", sampled(EXCHANGED + KEPT, 2), ids=lambda f: f.__name__)
def test_gradient(f: Any, inferred_at_least: None) -> None:
    for n, m in ((6, 4), (5, 5), (7, 1)):
        assert_gradient(f, (numbers(7), numbers(n, m)), (0, 1))


@pytest.mark.parametrize("f", EXCHANGED + KEPT, ids=lambda f: f.__name__)
def test_exchanged(f: Any) -> None:
    assert is_exchanged(f, numbers(7), numbers(6, 4)) is (f in EXCHANGED)


@pytest.mark.parametrize("f", [sums_of_columns, covariance], ids=lambda f: f.__name__)
def test_layout_decides(f: Any) -> None:
    assert not is_exchanged(f, numbers(7), np.asfortranarray(numbers(6, 4)))


def tapes(f: Any) -> dict[str, int]:
    """The bytes of the tapes, for matrices of 6 by 4."""
    return differentiate(f, argnums=(0, 1)).tape_report(numbers(7), numbers(6, 4)).tapes


@pytest.mark.parametrize("f", [rank_one_updates, checked_in_each_column], ids=lambda f: f.__name__)
def test_no_number_is_recorded_for_a_line(f: Any) -> None:
    assert not any(name.startswith(("total_tape", "factor_tape")) for name in tapes(f))


def test_a_trip_made_again_keeps_one_number_for_each_line_behind_it() -> None:
    assert tapes(orthogonal) == {"u_tape": 4 * 6 * 4 * 8, "total_tape": 3 * 8}


def test_elements_get_the_same_operations() -> None:
    a, b = numbers(7), numbers(6, 4)
    assert differentiate(carried_through_the_columns)(a, b) == carried_through_the_columns(a, b)


def test_check_of_a_nest_without_trips() -> None:
    f = differentiate(checked_in_each_column, argnums=(0, 1))
    assert f.value_and_grad(numbers(3), numbers(6, 0))[0] == 0.0
    with pytest.raises(ValueError, match="shapes"):
        f.value_and_grad(numbers(3), numbers(6, 4))


def product_with_squares(a, b, alpha):
    c = np.zeros(b.shape)
    total = np.empty(b.shape[1])
    for i in range(b.shape[0]):
        for j in range(b.shape[1]):
            c[:i, j] += alpha * b[i, j] * (a[i, :i] * a[i, :i])
            total[j] = b[:i, j] @ (a[i, :i] * a[i, :i])
        c[i] += alpha * total
    return np.sum(c * c)


def test_what_is_computed_again_needs_no_tape(uncompiled: None) -> None:
    args = numbers(5, 5), numbers(5, 4), 0.7
    assert_gradient(product_with_squares, args, (0, 1, 2))
    report = differentiate(product_with_squares, argnums=(0, 1, 2)).tape_report(*args)
    assert "attach" not in str(report) and len(str(report).splitlines()) == 2
