"""Where each element is in one interval at most, one search takes the place of a test for every interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient


def means_between(a, x, y, weight):
    n, total = x.shape[0], 0.0
    for i in range(weight.shape[0]):
        low, high = a * i - 1.0, a * (i + 1) - 1.0
        count, s = 0, 0.0
        for k in range(1, n):
            if low <= x[k] and x[k] < high:
                s += y[k] * y[k]
                count += 1
        total += weight[i] * s / (count + 1)
    return total


def masks(a, x, y, weight):
    total = 0.0
    for i in range(weight.shape[0]):
        mask = np.logical_and(a * i / 3 < x, x <= a * (i + 1) / 3)
        total += weight[i] * np.sum(y[mask]) / (np.sum(mask) + 1)
    return total


def from_the_second(a, x, y, weight):
    total = 0.0
    for i in range(1, weight.shape[0]):
        s, low = 0.25, a * i
        for k in range(x.shape[0]):
            if a * (i + 1) > x[k] and x[k] > low:
                s = 0.5 * s + y[k]
        total += weight[i] * s
    return total


def with_both_ends(a, x, y, weight):
    total = 0.0
    for i in range(weight.shape[0]):
        s, high = 0.0, a * (i + 1)
        for k in range(x.shape[0]):
            if a * i <= x[k] and x[k] <= high:
                s += y[k]
        total += weight[i] * s
    return total


def overlapping(a, x, y, weight):
    total = 0.0
    for i in range(weight.shape[0]):
        s, high = 0.0, a * (i + 2)
        for k in range(x.shape[0]):
            if a * i <= x[k] and x[k] < high:
                s += y[k]
        total += weight[i] * s
    return total


def back_and_forth(a, x, y, weight):
    total = 0.0
    for i in range(weight.shape[0]):
        s, high = 0.0, a * ((i + 1) % 2)
        for k in range(x.shape[0]):
            if a * (i % 2) <= x[k] and x[k] < high:
                s += y[k]
        total += weight[i] * s
    return total


def also_outside(a, x, y, weight):
    total = 0.0
    for i in range(weight.shape[0]):
        s, high = 0.0, a * (i + 1)
        for k in range(x.shape[0]):
            s += y[k] if a * i <= x[k] and x[k] < high else a
        total += weight[i] * s
    return total


SEARCHED = [means_between, masks, from_the_second]
OTHERS = [with_both_ends, overlapping, back_and_forth, also_outside]


@pytest.mark.parametrize("f", [*SEARCHED, *OTHERS])
def test_one_search_takes_the_place_of_tests(f: Any, uncompiled: None) -> None:
    for n in (0, 1, 8):
        args = (0.7, numbers(n, seed=1), numbers(n, seed=2), numbers(min(n, 3), seed=3))
        assert differentiate(f, argnums=(0, 1, 2, 3)).gradient_source(*args).count("while") == 2 * (
            f in SEARCHED
        )
        assert_gradient(f, args, (0, 1, 2, 3))
        assert differentiate(f)(*args) == f(*args)


@pytest.mark.parametrize("a", [0.7, 0.1, -0.4, 0.0, 1e-320, 1e307, np.inf, np.nan])
@pytest.mark.parametrize("f", SEARCHED)
def test_elements_at_the_ends_are_found_where_python_finds_them(f: Any, a: float, uncompiled: None) -> None:
    with np.errstate(all="ignore"):
        i, a = np.arange(-1.0, 12.0), np.float64(a)
        ends = np.concatenate([a * i - 1.0, a * i / 3, a * i, [0.0, np.inf, -np.inf, np.nan]])
        x = np.concatenate([ends, np.nextafter(ends, 9.0), np.nextafter(ends, -9.0)])
        args = (a, x, np.arange(1.0, len(x) + 1.0), numbers(9, seed=3))
        value, owed = differentiate(f, argnums=2).value_and_grad(*args)
        np.testing.assert_allclose(value, f(*args), rtol=1e-12)
        expected = [(f(*args[:2], y, args[3]) - f(*args[:2], 0.0 * y, args[3])) for y in np.eye(len(x))]
        if f is means_between:  # of squares
            expected = [2.0 * each * y for each, y in zip(expected, args[2], strict=True)]
    np.testing.assert_allclose(owed, expected, rtol=1e-9, atol=1e-13)
