"""What an array was copied from is read instead of the copy, where each element is read once and is still there."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.truth import assert_gradient


def turned(x, a):
    n = x.shape[0] // 6
    t = np.reshape(x, (n, 3, 2))
    y = np.transpose(t, (1, 0, 2)) * a
    return np.sum(y[0] * y[1] - y[2])


def copied_by_hand(x, a):
    n = x.shape[0] // 3
    t = np.empty((3, n))
    for i in range(3):
        for j in range(n):
            t[i, j] = x[(2 - i) * n + j]
    total = 0.0
    for i in range(3):
        for j in range(n):
            total += a**i * t[i, j] ** 2
    return total


def read_again_and_again(x, a):
    n = x.shape[0] // 3
    t = np.reshape(x, (n, 3))
    total = 0.0
    for _ in range(2):
        for i in range(n):
            for j in range(3):
                total = total * a + t[i, j]
    return total


def stored_into_between(x, a):
    n = x.shape[0] // 3
    x = x * a
    t = np.empty((n, 3))
    for i in range(n):
        for j in range(3):
            t[i, j] = x[i * 3 + j]
    x[:] = a
    total = 0.0
    for i in range(n):
        for j in range(3):
            total += t[i, j] ** 2 * x[i]
    return total


def across(x, a):
    n = x.shape[0] // 3
    t = np.reshape(x, (3, n))
    total = 0.0
    for j in range(n):
        for i in range(3):
            total = total * a + t[i, j]
    return total


def beyond(x, a):
    n = x.shape[0] // 3
    t = np.empty((n, 3))
    for i in range(n):
        for j in range(3):
            t[i, j] = x[i * 3 + j]
    total = 0.0
    for i in range(n):
        for j in range(3):
            total += a * t[i - 1, j] ** 2
    return total


@pytest.mark.parametrize(
    ("f", "copies"),
    [
        (turned, 0),
        (copied_by_hand, 0),
        (read_again_and_again, 1),
        (stored_into_between, 1),
        (across, 1),
        (beyond, 1),
    ],
)
def test_copies_that_are_read_once_are_not_made(f: Any, copies: int, uncompiled: None) -> None:
    for n in (12, 6, 0):
        args = (np.random.default_rng(5).standard_normal(n), 0.7)
        text = differentiate(f, argnums=(0, 1)).gradient_source(*args)
        assert len(re.findall(r"\bt\d*\[.*\] = x\d*\[", text)) == copies
        assert_gradient(f, args, (0, 1))
        assert differentiate(f)(*args) == f(*args)
