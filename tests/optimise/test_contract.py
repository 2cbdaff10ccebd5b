"""Arrays whose elements live for two trips become numbers, and only where nothing else reads them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient


def read_in_the_next_trip(x, c, n):
    k = np.empty(n)
    k[0] = x[0] * c[0]
    s = k[0]
    for i in range(1, n):
        k[i] = np.sin(x[i]) * c[i]
        s += k[i] * k[i - 1]
    return s


def read_before_it_is_stored(x, c, n):
    k = np.empty(n)
    k[0] = x[0]
    s = 0.0
    for i in range(1, n):
        s += k[i - 1] * c[i]
        k[i] = x[i] * x[i]
    return s


def filled_anew_by_each_sweep(x, c, n):
    u = x.copy()
    k = np.empty(n)
    for _ in range(3):
        k[0] = u[0]
        for i in range(1, n):
            k[i] = u[i] * c[i]
            u[i] = u[i] + 0.5 * k[i] * k[i - 1]
    return u[0] + u[1] * u[n - 1]


def rows_of_a_table(x, c, n):
    k = np.empty((2, n))
    s = 0.0
    for t in range(2):
        k[t, 0] = x[t]
        for i in range(1, n):
            k[t, i] = x[i] * c[i]
            s += k[t, i] * k[t, i - 1]
    return s


def read_at_the_end(x, c, n):
    k = np.empty(n)
    k[0] = x[0]
    s = 0.0
    for i in range(1, n):
        k[i] = x[i] * c[i]
        s += k[i] * k[i - 1]
    return s * k[n - 1]


def read_two_trips_later(x, c, n):
    k = np.zeros(n)
    s = 0.0
    for i in range(2, n):
        k[i] = x[i] * c[i]
        s += k[i] * k[i - 2]
    return s


def stored_twice(x, c, n):
    k = np.zeros(n + 1)
    s = 0.0
    for i in range(1, n):
        k[i] = x[i] * c[i]
        s += k[i] * k[i - 1]
        k[i + 1] = c[i]
    return s


def starts_from_what_was_there(x, c, n):
    k = c * x
    s = 0.0
    for i in range(1, n):
        k[i] = x[i]
        s += k[i] * k[i - 1]
    return s


X, C = numbers(6, seed=21), numbers(6, seed=22)
CONTRACTED = [read_in_the_next_trip, read_before_it_is_stored, filled_anew_by_each_sweep, rows_of_a_table]
KEPT = [read_at_the_end, read_two_trips_later, stored_twice, starts_from_what_was_there]


@pytest.mark.parametrize("f", CONTRACTED + KEPT, ids=lambda f: f.__name__)
def test_gradient(f: Any, inferred_at_least: None) -> None:
    for n in (3, 6):
        assert_gradient(f, (X, C, n), (0, 1))


@pytest.mark.parametrize("f", CONTRACTED[:2], ids=lambda f: f.__name__)
def test_gradient_without_a_trip(f: Any) -> None:
    assert_gradient(f, (X, C, 1), (0, 1))


@pytest.mark.parametrize("f", CONTRACTED + KEPT, ids=lambda f: f.__name__)
def test_array_is_gone(f: Any) -> None:
    text = differentiate(f, argnums=(0, 1)).gradient_source(X, C, 6)
    assert (" k = " in text) is (f in KEPT)
