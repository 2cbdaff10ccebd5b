"""Trips that carry numbers of the trip before store last; what is carried and what is recorded are the right ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient


def elements_of_the_trip_before(x, c, n):
    y = np.zeros(n)
    previous = x[0]
    for i in range(1, n):
        y[i] = previous * np.sin(c[i] * previous)
        previous = x[i]
    total = 0.0
    for i in range(n):
        total += y[i] * y[i]
    return total


def chain_of_three(x, c, n):
    total = 0.0
    a = 0.3
    b = 0.7
    for i in range(n):
        next_a = x[i] * c[i]
        next_b = np.sin(a * x[i])
        total += b * next_a * np.exp(a * b)
        a = next_a
        b = next_b
    return total


def stored_and_read_again(x, c, n):
    y = np.zeros(n)
    previous = x[0]
    total = 0.0
    for i in range(1, n):
        y[i] = previous * c[i]
        total += y[i] * y[i - 1] * previous
        previous = np.sin(x[i])
    return total


def recurrence(x, c, n):
    total = 0.0
    previous = 0.5
    for i in range(n):
        total += np.sin(previous) * c[i]
        previous = previous * x[i]
    return total


X, C = numbers(7, seed=11), numbers(7, seed=12)
PROGRAMS = [elements_of_the_trip_before, chain_of_three, stored_and_read_again, recurrence]


@pytest.mark.parametrize("f", PROGRAMS)
@pytest.mark.parametrize("n", [1, 2, 7])
def test_gradient(f: Any, n: int) -> None:
    assert_gradient(f, (X, C, n), (0, 1))


def lines_of(f: Any) -> list[str]:
    return [
        line.split("  #")[0].strip()
        for line in differentiate(f, argnums=(0, 1)).gradient_source(X, C, 7).split("\n")
    ]


def test_stores_stand_behind_what_the_next_trip_is_given() -> None:
    lines = lines_of(elements_of_the_trip_before)
    stored = next(k for k, line in enumerate(lines) if line.startswith("y[i] = "))
    following = next(k for k, line in enumerate(lines) if line.startswith("previous = ") and k > stored - 3)
    assert any("= x[i]" in line for line in lines[stored - 3 : stored])
    assert following > stored


def test_an_element_of_the_trip_before_is_read_again() -> None:
    text = "\n".join(lines_of(elements_of_the_trip_before))
    assert "previous_tape" not in text
