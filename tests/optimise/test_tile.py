"""Vectors that every trip of a loop goes over are gone over in blocks, where a trip does little with them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from srcdiff.optimise import tile
from tests.programs.table import numbers
from tests.truth import assert_gradient


def means_between(a, x, y, weight):
    n, total = x.shape[0], 0.0
    for i in range(weight.shape[0]):
        low, high = a * i - 1.0, a * (i + 2) - 1.0
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
        mask = np.logical_and(a * i - 1.0 <= x, x < a * (i + 2) - 1.0)
        total += weight[i] * np.sum(y[mask]) / (np.sum(mask) + 1)
    return total


def carried_to_the_next_trip(a, x, y, weight):
    s = a
    for i in range(weight.shape[0]):
        for k in range(x.shape[0]):
            s += x[k] * y[k] * weight[i]
        s *= 0.5
    return s


def dear(a, x, y, weight):
    total = 0.0
    for i in range(weight.shape[0]):
        s = 0.0
        for k in range(x.shape[0]):
            s += math.exp(a * x[k]) / (1.0 + y[k] * y[k])
        total += weight[i] * s
    return total


def rewritten(a, x, y, weight):
    total = 0.0
    y = y.copy()
    for i in range(weight.shape[0]):
        s = 0.0
        for k in range(x.shape[0]):
            s += x[k] * y[k]
        y[i] = weight[i] * s
        total += a * s
    return total


@pytest.mark.parametrize("n", [0, 1, 8])
@pytest.mark.parametrize(
    ("f", "blocks"),
    [(means_between, 2), (masks, 2), (carried_to_the_next_trip, 0), (dear, 0), (rewritten, 0)],
)
def test_long_vectors_are_read_in_blocks(
    f: Any, blocks: int, n: int, uncompiled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tile, "BLOCK", 3)
    args = (0.7, numbers(n, seed=1), numbers(n, seed=2), numbers(min(n, 3), seed=3))
    assert differentiate(f, argnums=(0, 1, 2, 3)).gradient_source(*args).count("start + 3") == blocks
    assert_gradient(f, args, (0, 1, 2, 3))
    assert differentiate(f)(*args) == f(*args)
