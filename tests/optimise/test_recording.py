"""Values that all trips of a loop around give alike have one place on a tape, in loops that are left early too."""

# Programs as people write them.
# ruff: noqa

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.programs.table import numbers
from tests.truth import assert_gradient

X = np.abs(numbers(9)) * 0.3 + 0.05


def under_a_test_of_rows(x):
    y = x.copy()
    s = 0.0
    it = 0
    while True:
        if it >= 3:
            break
        for i in range(4):
            if x[i] > 0.3 * it:
                for j in range(len(y)):
                    s += np.sin(y[j]) * x[i]
        y = np.tanh(y + 0.1)
        it += 1
    return s


def twice_in_nests(x):
    y = x.copy()
    s = 0.0
    for it in range(5):
        for k in range(2):
            for i in range(3):
                for j in range(4):
                    s += np.exp(y[j]) * x[i] * (k + 1)
            for i in range(3):
                for j in range(k + 2):
                    s += np.exp(y[j] * y[k]) * x[i]
        if s > 100.0:
            break
        y = y * 0.9 + 0.01 * s
    return s


def two_inner_loops(x):
    y = x.copy()
    s = 0.0
    for it in range(5):
        for i in range(3):
            t = 0.0
            for j in range(4):
                t += np.exp(y[j]) * x[j]
            for j in range(3):
                t *= np.cos(y[j + 1])
            s += t * x[i]
        if s > 30.0:
            break
        y = np.sin(y) + 0.3 * s
    return s


def bounds_that_change(x):
    y = x.copy()
    s = 0.0
    n = 1
    while n < 7:
        for i in range(3):
            for j in range(n):
                s += np.exp(y[j]) * x[i]
            for j in range(i, n):
                s += np.cos(y[j]) * x[i]
        y = np.sin(y) + 0.05 * s
        n += 1 if s > 9.0 else 2
    return s


def in_an_arm(x):
    y = x.copy()
    s = 0.0
    for it in range(4):
        for a in range(2):
            if a == 1 and s > 3.0:
                for i in range(3):
                    for j in range(5):
                        s += np.exp(-y[j]) * x[i]
            for i in range(2):
                s += y[i] * x[a]
        if s > 50:
            break
        y = np.sin(y) * s * 0.1
    return s


def power_iteration(x):
    A = np.outer(x, x)
    v = x.copy()
    l = 0.0
    for it in range(50):
        w = A @ v
        n = np.sqrt(np.sum(w * w))
        if abs(n - l) < 1e-09:
            break
        l = n
        v = w / n
    return l * v[0]


def steps_and_no_trips(x):
    y = x.copy()
    s = 0.0
    it = 0
    while s < 8.0:
        for i in range(0):
            for j in range(4):
                s += np.exp(y[j])
        for i in range(3):
            for j in range(0, 9, 2):
                s += np.exp(y[j]) * x[i]
        for i in range(2):
            for j in range(8, -1, -3):
                s *= np.cos(y[j] * 0.1)
        y = np.sin(y) + 0.1 * s
    return s


def loops_in_loops(x):
    y = x.copy()
    s = 0.0
    for it in range(3):
        k = 0
        while k < 2:
            for i in range(2):
                for j in range(3):
                    s += np.exp(y[j]) * x[i] * np.cos(s)
            y = y * 0.5 + s * 0.1
            k += 1
        if s > 40:
            break
    return s


PROGRAMS = [
    under_a_test_of_rows,
    twice_in_nests,
    two_inner_loops,
    bounds_that_change,
    in_an_arm,
    power_iteration,
    steps_and_no_trips,
    loops_in_loops,
]


@pytest.mark.parametrize("function", PROGRAMS, ids=lambda f: f.__name__)
def test_places(uncompiled: None, function: Any) -> None:
    assert_gradient(function, (X,))


def test_compiled() -> None:
    assert_gradient(twice_in_nests, (X,))
    assert_gradient(in_an_arm, (X,))
