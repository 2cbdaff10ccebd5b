"""Loops that add to one array at two places add at one each, in loops of their own, where that may be and is cheap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.optimise.stages import as_printed
from tests.programs.table import numbers
from tests.truth import assert_gradient


def lagged(x, c, lag):
    total = 0.0
    for i in range(x.shape[0] - lag):
        total += x[i] * x[i + lag] * c[0]
    return total


def backwards(x, c, k):
    total = 0.0
    for i in range(k):
        total += x[i] * x[k - 1 - i] * c[1]
    return total


def product_of_series(x, c, k):
    y = np.zeros(x.shape[0])
    for m in range(x.shape[0]):
        for i in range(m + 1):
            y[m] += x[i] * x[m - i]
    total = 0.0
    for m in range(k):
        total += y[m] * c[m]
    return total


def turned_in_place(x, c, k):
    y = x.copy()
    z = np.empty(k)
    for t in range(3):
        for i in range(k):
            z[i] = y[i] + c[t] * y[k - 1 - i]
        for i in range(k):
            y[i] = z[i]
    total = 0.0
    for i in range(k):
        total += y[i] * y[i] * c[i]
    return total


def around_the_end(x, c, k):
    total = 0.0
    for i in range(k):
        total += x[i - 2] * x[i] * c[i]
    return total


def dear_terms(x, c, k):
    total = 0.0
    for i in range(x.shape[0] - k):
        total += np.sin(x[i] * np.exp(x[i + k])) * c[i]
    return total


def few_trips(x, c, k):
    total = 0.0
    for i in range(4):
        total += x[i] * x[5 - i] * c[k]
    return total


X, C = numbers(11, seed=41), numbers(11, seed=42)
PARTED = [lagged, backwards, product_of_series, turned_in_place]
WHOLE = [dear_terms, few_trips]


def updates_in_loops(f: Any) -> int:
    """The most places at which an innermost loop of the gradient adds to `x_bar` or `y_bar`."""
    most = count = 0
    for line in differentiate(f, argnums=(0, 1)).gradient_source(X, C, 5).split("\n"):
        if line.strip().startswith("for "):
            count = 0
        count += line.strip().startswith(("x_bar[", "y_bar[")) and "+=" in line
        most = max(most, count)
    return most


@pytest.mark.parametrize("f", [*PARTED, *WHOLE, around_the_end])
@pytest.mark.parametrize("k", [1, 2, 5, 9])
def test_gradient(f: Any, k: int) -> None:
    assert_gradient(f, (X, C, k), (0, 1), value_and_grad=as_printed)


@pytest.mark.parametrize("f", [lagged, product_of_series, turned_in_place])
def test_compiled(f: Any) -> None:
    assert_gradient(f, (X, C, 5), (0, 1))


@pytest.mark.parametrize("f", PARTED)
def test_one_place_in_a_loop(f: Any) -> None:
    assert updates_in_loops(f) == 1


@pytest.mark.parametrize("f", WHOLE)
def test_dear_terms_and_few_trips_stay_together(f: Any) -> None:
    assert updates_in_loops(f) == 2
