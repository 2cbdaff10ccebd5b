"""Arrays of a trip get a row for each trip where what follows is then a product of matrices, and only there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient


def layers(x, w, b):
    n, d = x.shape
    h, y, g = np.empty(d), np.empty(d), np.empty(d)
    total = 0.0
    for i in range(1, n):
        scale = np.sin(x[i, 0])
        for j in range(d):
            h[j] = np.tanh(x[i, j] * scale)
        for j in range(d):
            y[j] = b[j]
        for k in range(d):
            for j in range(d):
                y[j] += h[k] * w[k, j]
        for j in range(d):
            g[j] = y[j] * y[j] * scale
        for j in range(d):
            y[j] = 0.5 * b[j]
            for k in range(d):
                y[j] += g[k] * w[j, k]
        for j in range(d):
            total += y[j] * np.cos(0.3 * i + j)
    return total


def stored_for_later_trips(x, w, b):
    n, d = x.shape
    h, z = np.empty(d), np.zeros((n, d))
    for i in range(n):
        for j in range(d):
            h[j] = x[i, j] * x[i, j]
        for k in range(d):
            for j in range(d):
                z[i, j] += h[k] * w[k, j]
        for j in range(d):
            z[i, j] *= b[j]
    return np.sum(z * z)


def state(x, w, b):
    n, d = x.shape
    s, y = b.copy(), np.empty(d)
    for i in range(n):
        for j in range(d):
            s[j] = np.tanh(x[i, j] + s[j])
        for j in range(d):
            y[j] = 0.0
        for k in range(d):
            for j in range(d):
                y[j] += s[k] * w[k, j]
        for j in range(d):
            s[j] = y[j]
    return np.sum(s * s)


def read_by_the_next_trip(x, w, b):
    n, d = x.shape
    h, z = np.empty(d), np.ones((n + 1, d))
    for i in range(n):
        for j in range(d):
            h[j] = x[i, j] * z[i, j]
        for k in range(d):
            for j in range(d):
                z[i + 1, j] += h[k] * w[k, j]
    return np.sum(z * z) * b[0]


def filled_in_part(x, w, b):
    n, d = x.shape
    h, z = b.copy(), np.ones((n, d))
    for i in range(n):
        for j in range(1, d):
            h[j] = x[i, j] * h[0]
        for k in range(d):
            for j in range(d):
                z[i, j] += h[k] * w[k, j]
        h[0] = z[i, 0]
    return np.sum(z * z)


ARGS = [(numbers(n, 3, seed=1), numbers(3, 3, seed=2), numbers(3, seed=3)) for n in (0, 1, 4)]


@pytest.mark.parametrize("args", ARGS)
@pytest.mark.parametrize(
    ("f", "products"),
    [(layers, 6), (stored_for_later_trips, 3), (state, 0), (read_by_the_next_trip, 0), (filled_in_part, 0)],
)
def test_what_a_trip_makes_is_multiplied_for_all_trips(
    f: Any, products: int, args: tuple[Any, ...], uncompiled: None
) -> None:
    assert differentiate(f, argnums=(0, 1, 2)).gradient_source(*args).count(" @ ") == products
    assert_gradient(f, args, (0, 1, 2))
    assert differentiate(f)(*args) == pytest.approx(f(*args), rel=1e-12)
