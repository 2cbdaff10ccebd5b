"""What the compiler may do to roundings: nothing that the function relies on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from srcdiff.pipeline import freedoms

X = np.linspace(0.3, 2.1, 7)


def compensated(x):
    s, c = 0.0, 0.0
    for v in x:
        y = v - c
        t = s + y
        c = (t - s) - y
        s = t
    return s


def determinant(x):
    d = x[0] * x[1] - x[2] * x[3]
    return d if d != 0.0 else x[0] + 2.0 * x[1]


def negated(x):
    return x[0] * x[1] + -(x[2] * x[3])


def rotated(x):
    z = complex(x[0], x[1])
    return (z * z.conjugate()).imag


def summed(x):
    s = 1.0
    for i in range(len(x) - 1):
        s -= x[i] * x[i + 1]
    return s


def norm(x):
    return x[0] * x[0] + x[1] ** 2


def through_memory(x):
    t = np.zeros(2)
    t[0] = x[0] * x[1]
    t[1] = x[2] * x[3]
    d = t[0] - t[1]
    return d if d != 0.0 else x[0] + 2.0 * x[1]


def through_arrays(x):
    p = x[:2] * x[2:4]
    q = x[2:4] * x[:2]
    return np.sum(p - q)


def added_to_zero(x):
    s = 0.0
    s += x[0] * x[1]
    return s - x[2] * x[3]


def subtracted_in_place(x):
    d = np.empty(1)
    d[0] = x[0] * x[1]
    d[0] -= x[2] * x[3]
    return d[0]


def eliminated(x):
    a = np.outer(x, x) + 2.0 * np.eye(len(x))
    for k in range(len(x)):
        for i in range(k + 1, len(x)):
            a[i, k] = a[i, k] / a[k, k]
            for j in range(k + 1, len(x)):
                a[i, j] = a[i, j] - a[i, k] * a[k, j]
    return np.sum(a)


def factorised(a):
    b = a.copy()
    for k in range(len(a)):
        for i in range(k + 1, len(a)):
            b[i, k] = b[i, k] / b[k, k]
            for j in range(k + 1, len(a)):
                b[i, j] -= b[i, k] * b[k, j]
    return np.sum(b)


def rooted(x):
    return np.sqrt(x[0] * x[0] - x[1])


BOTH = {"reassoc", "contract"}


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (compensated, set()),
        (determinant, {"reassoc"}),
        (negated, {"reassoc"}),
        (rotated, {"reassoc"}),
        (through_memory, {"reassoc"}),
        (through_arrays, {"reassoc"}),
        (added_to_zero, {"reassoc"}),
        (subtracted_in_place, {"reassoc"}),
        (eliminated, {"reassoc"}),
        (rooted, {"reassoc"}),
        (summed, BOTH),
        (norm, BOTH),
    ],
)
def test_freedoms(f: Any, expected: set[str]) -> None:
    assert freedoms(differentiate(f).program_for(X)) == expected


def test_a_factorisation_adds_to_sums() -> None:
    assert freedoms(differentiate(factorised).program_for(np.eye(4))) == BOTH


@pytest.mark.parametrize("cancelling", [determinant, through_memory])
def test_equal_products_cancel(cancelling: Any) -> None:
    """With one product rounded and the other not, most of these differences are not zero."""
    f = differentiate(cancelling)
    for a, b in np.random.default_rng(0).normal(size=(50, 2)):
        value, slope = f.value_and_grad(np.array([a, b, a, b]))
        assert value == a + 2.0 * b
        assert list(slope) == [1.0, 2.0, 0.0, 0.0]
