"""First and last trips apart, where indices go around the ends of arrays."""

# Programs as people write them.
# ruff: noqa

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient


def around_both_ends(x, y, c):
    n = x.shape[0]
    for i in range(n):
        y[i] = x[i] - c * x[i] * (x[(i + 1) % n] - x[(i - 1) % n])
    return np.sum(y * y)


def behind(x, y, c):
    for i in range(len(x)):
        y[i] = x[i] - c * x[i - 1] * x[i - 2]
    return np.sum(y * y)


def with_the_length_added(x, y, c):
    n = len(x)
    for i in range(n):
        left = (i - 1 + n) % n
        y[i] = x[i] * x[left] + c * x[(i + 2) % n]
    return np.sum(y * y)


def chosen(x, y, c):
    n = len(x)
    for i in range(n):
        right = i + 1 if i < n - 1 else 0
        left = i - 1 if i > 0 else n - 1
        y[i] = x[i] * (x[right] - c * x[left])
    return np.sum(y * y)


def chosen_by_equality(x, y, c):
    n = len(x)
    for i in range(n):
        right = 0 if i == n - 1 else i + 1
        left = n - 1 if i == 0 else i - 1
        y[i] = x[i] * (x[right] - c * x[left])
    return np.sum(y * y)


def chosen_the_other_way_round(x, y, c):
    n = len(x)
    for i in range(n):
        right = 0 if n - 1 <= i else i + 1
        left = i - 1 if 0 != i else n - 1
        y[i] = x[i] * (x[right] - c * x[left])
    return np.sum(y * y)


def part_of_the_range(x, y, c):
    n = len(x)
    for i in range(1, n - 1):
        y[i] = x[i] * (x[(i + 2) % n] - c * x[i - 2])
    return np.sum(y * y)


def carried(x, y, c):
    n = len(x)
    s = c
    for i in range(n):
        s = np.sin(s) + x[i] * x[(i + 1) % n]
        y[i] = s
    return np.sum(y * y)


def going_down(x, y, c):
    n = len(x)
    for i in range(n):
        x[i] = x[i] * c + x[(i + 1) % n] * x[i - 1]
    return np.sum(x * x) + y[0]


def swapped(x, y, c):
    n = len(x)
    u, v = x.copy(), np.zeros(n)
    for t in range(3):
        for i in range(n):
            v[i] = u[i] - c * u[i] * (u[(i + 1) % n] - u[i - 1])
        u, v = v, u
    return np.sum(u * u)


PROGRAMS = [
    around_both_ends, behind, with_the_length_added, chosen, chosen_by_equality, chosen_the_other_way_round,
    part_of_the_range, carried, going_down, swapped,
]  # fmt: skip


@pytest.mark.parametrize("n", [2, 3, 4, 9])
@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_gradient(uncompiled: None, f: Any, n: int) -> None:
    assert_gradient(f, (numbers(n), numbers(n), 0.7), (0, 2))


@pytest.mark.parametrize("f", [with_the_length_added, chosen, swapped], ids=lambda f: f.__name__)
def test_compiled(f: Any) -> None:
    assert_gradient(f, (numbers(9), numbers(9), 0.7), (0, 2))


@pytest.mark.parametrize("f", [f for f in PROGRAMS if f is not swapped], ids=lambda f: f.__name__)
def test_trips_in_between_have_no_remainder_and_no_choice(f: Any) -> None:
    d = differentiate(f)
    args = numbers(9), numbers(9), 0.7
    text = d.text(d.program_for(*args))
    loops = text.split("for i in ")[1:]
    plain = [loop for loop in loops if not any(word in loop for word in ("%", "if ", "min(", "max("))]
    assert len(loops) > len(plain) == 2


def two_axes(x, n):
    e = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            e -= x[i, j] * (x[(i + 1) % x.shape[0], j] + x[i, (j + 1) % x.shape[1]])
    return e


def test_only_innermost_loops(uncompiled: None) -> None:
    assert_gradient(two_axes, (numbers(3, 4), 1))
    d = differentiate(two_axes)
    assert d.text(d.program_for(numbers(3, 4), 1)).count("for i in") == 1
