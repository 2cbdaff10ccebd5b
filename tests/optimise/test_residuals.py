"""What the reverse sweep reads from arrays, and what it needs tapes for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.truth import assert_near, true_gradient

RNG = np.random.default_rng(6)
ARGS = (RNG.standard_normal((3, 3)) + 4.0 * np.eye(3), RNG.standard_normal((3, 2)))


def systems(a, b):
    """Solves a system in every trip, in work arrays that the next trip fills again."""
    n, m = b.shape
    lu = np.empty((n, n))
    x = np.empty((n, m))
    total = 0.0
    for t in range(3):
        for i in range(n):
            for j in range(n):
                lu[i, j] = a[i, j] * (1.0 + 0.1 * t)
            for c in range(m):
                x[i, c] = b[i, c]
        for p in range(n):
            for i in range(p + 1, n):
                factor = lu[i, p] / lu[p, p]
                for j in range(p + 1, n):
                    lu[i, j] -= factor * lu[p, j]
                for c in range(m):
                    x[i, c] -= factor * x[p, c]
        for i in range(n - 1, -1, -1):
            for j in range(i + 1, n):
                for c in range(m):
                    x[i, c] -= lu[i, j] * x[j, c]
            for c in range(m):
                x[i, c] /= lu[i, i]
        for i in range(n):
            for c in range(m):
                total += x[i, c] * x[i, c] * (i + 1)
    return total


def overwritten_in_the_trip(a, b):
    """What a trip reads of its work array it overwrites before the trip is over."""
    n, m = b.shape
    w = np.empty(n)
    total = 0.0
    for t in range(m):
        for i in range(n):
            w[i] = np.sin(b[i, t])
        for i in range(n):
            total += w[i] * w[i] * a[i, t]
            w[i] = a[i, 0]
        for i in range(n):
            total += w[i] * w[n - 1 - i]
    return total


def changed_by_the_inner_loop(a, b):
    """What the inner loop reads at a place of the outer one it changes in its last trip but one."""
    n, m = b.shape
    x = b.copy()
    total = 0.0
    for p in range(n):
        for i in range(n):
            for c in range(m):
                total += x[p, c] * x[p, c] * a[i, c]
                x[i, c] = 0.5 * x[i, c] + a[p, c] * x[p, c]
    return total


def gradient_of(f: Callable[..., Any]) -> tuple[str, Any]:
    """The text of a gradient, and what it gives as plain Python."""
    text = differentiate(f, argnums=(0, 1)).gradient_source(*ARGS)
    names: dict[str, Any] = {}
    exec(text, names)
    return text, names[f"{f.__name__}_grad"](*(a.copy() for a in ARGS))[1]


def filtered(a, b):
    """A matrix of each trip that several products read, as written and transposed."""
    p = a.copy()
    total = 0.0
    for t in range(b.shape[1]):
        h = np.zeros((2, 3))
        h[0, 0] = np.sin(b[0, t])
        h[1, 2] = b[1, t] * b[2, t]
        s = h @ p @ h.T
        k = p @ h.T @ np.linalg.inv(s + np.eye(2))
        p = p - k @ h @ p
        total += np.sum(s * s)
    return total


@pytest.mark.parametrize("f", [systems, overwritten_in_the_trip, changed_by_the_inner_loop, filtered])
def test_gradient(f: Callable[..., Any]) -> None:
    _, got = gradient_of(f)
    want, error = true_gradient(f, ARGS, (0, 1))
    for k in range(2):
        assert_near(got[k], want[k], 1e-8, 1e-10, error[k], f"{f.__name__} {k}")


def test_a_matrix_that_the_trip_does_not_overwrite_needs_no_tape() -> None:
    text, _ = gradient_of(systems)
    assert "lu_tape" not in text
    assert "x_tape = np.empty((n, m))" in text and "x_tape2" not in text


def test_an_array_that_several_places_read_is_recorded_once() -> None:
    tapes = differentiate(filtered, argnums=(0, 1)).tape_report(*ARGS).tapes
    assert [name for name in tapes if name.startswith("h_tape")] == ["h_tape"]
