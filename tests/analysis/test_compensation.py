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


BOTH = {"reassoc", "contract"}


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (compensated, set()),
        (determinant, {"reassoc"}),
        (negated, {"reassoc"}),
        (rotated, {"reassoc"}),
        (summed, BOTH),
        (norm, BOTH),
    ],
)
def test_freedoms(f: Any, expected: set[str]) -> None:
    assert freedoms(differentiate(f).program_for(X)) == expected


def test_equal_products_cancel() -> None:
    """With one product rounded and the other not, most of these differences are not zero."""
    f = differentiate(determinant)
    for a, b in np.random.default_rng(0).normal(size=(50, 2)):
        value, slope = f.value_and_grad(np.array([a, b, a, b]))
        assert value == a + 2.0 * b
        assert list(slope) == [1.0, 2.0, 0.0, 0.0]
