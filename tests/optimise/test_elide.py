"""A copy that is all that is used of an array is not made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient


def copied(x, w, n):
    t = np.empty(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            t[i, j] = np.sin(x[i, j]) * w[j]
    y = np.empty(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[i, j] = t[i, j]
    for i in range(x.shape[0]):
        y[i, 0] *= y[i, 1]
    return np.sum(y * y)


def of_checked_length(x, w, n):
    y = w.copy()
    for _ in range(n):
        y = np.reshape(np.reshape(np.sin(y), (1, y.shape[0])) * x[:1], (w.shape[0],))
    return np.sum(y * y)


def read_afterwards(x, w, n):
    t = np.sin(w)
    y = np.empty(w.shape[0])
    for i in range(w.shape[0]):
        y[i] = t[i]
    for i in range(w.shape[0]):
        y[i] *= t[w.shape[0] - 1 - i]
    return np.sum(y * y * x[0])


def longer(x, w, n):
    t = np.empty(w.shape[0] + 1)
    for i in range(w.shape[0] + 1):
        t[i] = np.cos(x[0, 0]) * i
    y = np.empty(w.shape[0])
    for i in range(w.shape[0]):
        y[i] = t[i]
    return np.sum(y * w)


def from_the_trip_before(x, w, n):
    t = np.zeros(w.shape[0])
    total = 0.0
    for k in range(n):
        for i in range(w.shape[0]):
            t[i] += np.sin(w[i] + k)
        y = np.empty(w.shape[0])
        for i in range(w.shape[0]):
            y[i] = t[i]
        for i in range(w.shape[0]):
            y[i] = y[i] * y[0]
        total += y[1]
    return total * x[0, 0]


def copies(f: Any, args: tuple[Any, ...]) -> int:
    seen = differentiate(f, argnums=(0, 1)).gradient_source(*args)
    return seen.partition("# reverse sweep")[0].count("np.empty(")


@pytest.mark.parametrize("n", [0, 1, 3])
@pytest.mark.parametrize("f", [copied, of_checked_length, read_afterwards, longer, from_the_trip_before])
def test_values_and_gradients_stay(f: Any, n: int, uncompiled: None) -> None:
    args = (numbers(2, 3, seed=1), numbers(3, seed=2), n)
    assert_gradient(f, args, (0, 1))
    assert differentiate(f)(*args) == pytest.approx(f(*args), rel=1e-14)


def test_only_what_is_used_later_is_copied(uncompiled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    args = (numbers(2, 3, seed=1), numbers(3, seed=2), 2)
    functions = (copied, of_checked_length, read_afterwards, longer, from_the_trip_before)
    fewer = [copies(f, args) for f in functions]
    monkeypatch.setattr("srcdiff.optimise.elide.Copies.copied", lambda self, nest: None)
    # What the first function copies is gone without this as well, since its loops join.
    assert [m - n for m, n in zip([copies(f, args) for f in functions], fewer, strict=True)] == [
        0,
        1,
        0,
        0,
        0,
    ]
