"""Arrays that a loop binds first: read behind it, in a later trip, or returned from inside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import AliasError, UnsupportedConstruct, differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient

X, A, B = numbers(5), numbers(3, 4), numbers(3) ** 2


def root(b):
    x = b.copy()
    for _ in range(50):
        dx = (x**3 + x - b) / (3.0 * x**2 + 1.0)
        x = x - dx
        if np.sum(np.abs(dx)) < 1e-12:
            return x
    return x


def sum_of_roots(b):
    return np.sum(root(b) ** 2)


def written_in_some_trips(x, n):
    for k in range(n):
        y = x * (k + 1.0)
        if k > 1:
            y[0] = 5.0 * x[1]
    return np.sum(y * y)


def in_two_loops(x, n):
    for i in range(n):
        for j in range(i + 1):
            y = x * (i + 2.0 * j)
        z = y * y[0]
    return np.sum(z) + np.sum(y)


def read_by_the_next_trip(x, n):
    s = 0.0
    for k in range(n):
        if k > 0:
            s += np.sum(prev * x)  # noqa: F821
        prev = x * (k + 1.0)  # noqa: F841
    return s


def left_by_break(x):
    k = 0
    while True:
        y = x ** (k + 1)
        z = np.sum(y)
        k += 1
        if k > 3:
            break
    return np.sum(y) * z


def alias(x, n):
    for _ in range(n):
        y = x
    y[0] = y[1] * 3.0
    return np.sum(x * x)


def transposed(A, n):
    for k in range(n):
        B = A.T * (k + 1.0)
    return np.sum(B * B[0])


def returned_by_inner_loop(x, n):
    for k in range(n):
        for j in range(n):
            if k * j == 2:
                return (x[: k + 1] * j).copy()
    return x


def sum_of_returned(x, n):
    r = returned_by_inner_loop(x, n)
    return np.sum(r * r)


def in_two_branches(x, n):
    for k in range(n):
        if x[k] > 0.0:
            y = np.sin(x)
        else:
            y = x
    y = y * 2.0
    return np.sum(y**2)


def overwritten(x, n):
    y = x.copy()
    for _ in range(n):
        old = y.copy()
        y[:-1] += old[1:] * x[:-1]
    return np.sum(y * old)


def pick(A, i):
    for k in range(A.shape[0]):
        row = A[k]
        if k == i:
            return row * 2.0, k
    return A[0] * 1.0, -1


def with_an_index(A):
    r, k = pick(A, 1)
    q, m = pick(A, 7)
    return np.sum(r * q) * k + m


def in_a_tuple(x, n):
    for k in range(n):
        t = (x * k, np.sum(x) * k)
    return np.sum(t[0]) * t[1]


def of_several_lengths(x, n):
    for k in range(n):
        y = np.zeros(k + 1)
        for j in range(k + 1):
            y[j] = x[j] * k
    return np.sum(y**2)


def rebound(x, n):
    for k in range(n):
        y = x * k
        x = y + x
    return np.sum(y * x)


def of_a_part(x, n):
    for k in range(n):
        y = x[k:]
        z = y * y
    return np.sum(z)


def first_part(x, n):
    for k in range(n):
        if x[k] > -10.0:
            return x[: k + 2]
    return x


def sum_of_first_part(x, n):
    return np.sum(first_part(x, n) ** 2)


BY_TRIPS = (
    written_in_some_trips, in_two_loops, read_by_the_next_trip, in_two_branches, overwritten, in_a_tuple,
    of_several_lengths, rebound, of_a_part,
)  # fmt: skip


@pytest.mark.parametrize("n", [3, 1])
@pytest.mark.parametrize("function", BY_TRIPS, ids=lambda f: f.__name__)
def test_read_behind_the_loop(uncompiled: None, function: Any, n: int) -> None:
    assert_gradient(function, (X, n))


@pytest.mark.parametrize("function", BY_TRIPS, ids=lambda f: f.__name__)
def test_without_a_trip(uncompiled: None, function: Any) -> None:
    if function is read_by_the_next_trip:
        assert_gradient(function, (X, 0))
        return
    with pytest.raises(UnboundLocalError):
        function(X, 0)
    with pytest.raises(UnboundLocalError):
        differentiate(function).value_and_grad(X, 0)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (left_by_break, (X,)),
        (transposed, (A, 2)),
        (sum_of_returned, (X, 3)),
        (sum_of_returned, (X, 2)),
        (with_an_index, (A,)),
        (sum_of_roots, (B,)),
    ],
)
def test_returned_or_left(inferred_at_least: None, function: Any, args: Any) -> None:
    assert_gradient(function, args)


def test_what_cannot_be_told() -> None:
    with pytest.raises(AliasError, match="`x` may or may not share its memory with `y`"):
        differentiate(alias).grad(X, 2)
    with pytest.raises(UnsupportedConstruct, match="an array is returned from inside a loop"):
        differentiate(sum_of_first_part).grad(X, 3)


def made_in_the_first_trip(x, n):
    r = np.zeros_like(x)
    for k in range(n):
        r[:] = np.sin(x) * (k + 1)
        if k == 0:
            t = r.copy()
        else:
            for i in range(len(x)):
                t[i] = t[i] * r[i] + x[i]
    return np.sum(t)


def a_matrix_made_in_the_first_trip(x, n):
    for k in range(n):
        if k == 0:
            t = np.outer(x, x)
        else:
            t[0, 1] += t[1, 2] * x[0]
            t[1] *= 2.0
    return np.sum(t**2)


def integers_made_in_the_first_trip(x, n):
    for k in range(n):
        if k == 0:
            t = np.zeros(3, np.int64)
        t[k % 3] += k + 1
    return np.sum(x[:3] * t)


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize(
    "function", [made_in_the_first_trip, a_matrix_made_in_the_first_trip, integers_made_in_the_first_trip]
)
def test_made_in_the_first_trip_and_stored_into(uncompiled: None, function: Any, n: int) -> None:
    assert_gradient(function, (X, n))
    for call in (function, differentiate(function).value_and_grad):
        with pytest.raises(UnboundLocalError):
            call(X, 0)
