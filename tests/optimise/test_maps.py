"""A linear map that is the same in every trip is applied once to sums: exactly, and only where it is the same."""

from __future__ import annotations

import numpy as np
import pytest

import srcdiff
from tests.truth import assert_gradient, copied

RNG = np.random.default_rng(7)
X = RNG.standard_normal((5, 4))
MEANS = RNG.standard_normal((3, 4))
FACTORS = RNG.standard_normal((3, 4, 4))
W = RNG.standard_normal((4, 4))
B = RNG.standard_normal(4)


def shifted(means, factors, x):
    """Centres in front of triangular factors, as in a mixture of Gaussians."""
    n, d = x.shape
    centered = np.empty(d)
    q = np.empty(d)
    total = 0.0
    for i in range(n):
        for c in range(means.shape[0]):
            for j in range(d):
                centered[j] = x[i, j] - means[c, j]
                q[j] = 0.0
            for j in range(d):
                for r in range(j + 1, d):
                    q[r] += factors[c, j, r] * centered[j]
            square = 0.0
            for j in range(d):
                square += q[j] * q[j]
            total += square * square
    return total


def biased(b, w, x):
    """A bias in front of a matrix, without components between."""
    n, d = x.shape
    y = np.empty(d)
    total = 0.0
    for i in range(n):
        for r in range(d):
            y[r] = 0.0
            for j in range(d):
                y[r] += w[j, r] * (x[i, j] + b[j]) / 3.0
        for r in range(d):
            total += np.sin(y[r])
    return total


def counted(means, w, x, k):
    """As many components as a number says, which may be negative."""
    n, d = x.shape
    q = np.empty(d)
    total = 0.0
    for i in range(n):
        for c in range(k):
            for r in range(d):
                s = 0.0
                for j in range(d):
                    s += w[r, j] * w[r, j] * (x[i, j] - means[c, j])
                q[r] = s
            for r in range(d):
                total += q[r] ** 3
    return total


def moving(b, w, x):
    """The matrix changes from trip to trip: nothing may be summed before it."""
    n, d = x.shape
    y = np.empty(d)
    total = 0.0
    for i in range(n):
        for r in range(d):
            y[r] = 0.0
            for j in range(d):
                y[r] += w[j, r] * x[i, r] * (x[i, j] + b[j])
        for r in range(d):
            total += np.sin(y[r])
    return total


def chosen(b, w, x):
    """Some trips leave the map out."""
    n, d = x.shape
    y = np.empty(d)
    total = 0.0
    for i in range(n):
        for r in range(d):
            y[r] = 0.0
            if x[i, 0] > 0.0:
                for j in range(d):
                    y[r] += w[j, r] * (x[i, j] + b[j])
        for r in range(d):
            total += np.sin(y[r])
    return total


def growing(b, w, x):
    """The ranges inside depend on the trip."""
    n, d = x.shape
    y = np.empty(d)
    total = 0.0
    for i in range(n):
        for r in range(d):
            y[r] = 0.0
            for j in range(min(i, d)):
                y[r] += w[j, r] * (x[i, j] + b[j])
        for r in range(d):
            total += np.sin(y[r])
    return total


def overwritten(b, w, x):
    """The matrix is a work array that a trip fills with what it had and more."""
    n, d = x.shape
    own = w.copy()
    y = np.empty(d)
    total = 0.0
    for i in range(n):
        for r in range(d):
            y[r] = 0.0
            for j in range(d):
                y[r] += own[j, r] * (x[i, j] + b[j])
        for r in range(d):
            total += np.sin(y[r])
            own[r, r] += 0.125
    return total


def partly_filled(made):
    """What is summed has an element that no trip stores into."""

    def f(p, w, x):
        n, d = x.shape
        total = 0.0
        for i in range(n):
            q = made(d)
            for k in range(d - 1):
                q[k] = x[i, k] * x[i, 0]
            for k in range(d):
                r = 0.0
                for j in range(d):
                    r += p[j] * w[k, j]
                total += r * q[k]
        return total

    return f


beside_ones, beside_zeros = partly_filled(np.ones), partly_filled(np.zeros)


CASES = [
    (shifted, (MEANS, FACTORS, X), (0, 1)),
    (shifted, (MEANS, FACTORS, X), 0),
    (shifted, (MEANS, FACTORS, X), (0, 1, 2)),
    (biased, (B, W, X), 0),
    (biased, (B, W, X), (0, 1)),
    (biased, (B, W, X), (0, 1, 2)),
    (counted, (MEANS, W, X, 3), (0, 1)),
    (counted, (MEANS, W, X, 2), 0),
    (counted, (MEANS, W, X, -2), 0),
    (moving, (B, W, X), 0),
    (chosen, (B, W, X), 0),
    (growing, (B, W, X), 0),
    (overwritten, (B, W, X), 0),
    (beside_ones, (B, W, X), 0),
    (beside_zeros, (B, W, X), 0),
]


@pytest.mark.parametrize(
    ("f", "args", "argnums"), CASES, ids=[f"{c[0].__name__}-{c[2]}-{c[1][-1]}"[:24] for c in CASES]
)
def test_gradient(f, args, argnums, inferred_at_least):
    assert_gradient(f, args, argnums)


@pytest.mark.parametrize("f", [shifted, counted])
def test_the_map_leaves_the_loop(f):
    args = (MEANS, FACTORS, X) if f is shifted else (MEANS, W, X, 3)
    loop, behind = sums_of(f, args)
    assert "means_bar[" not in loop
    assert "means_bar[" in behind and "_bar_sum[" in behind


@pytest.mark.parametrize("f", [moving, chosen, growing, overwritten, beside_ones])
def test_maps_that_change_stay(f):
    assert "_sum = " not in srcdiff.differentiate(f, argnums=0).gradient_source(B, W, X)


def test_what_is_filled_with_zeros_is_summed():
    text = srcdiff.differentiate(beside_zeros, argnums=0).gradient_source(B, W, X)
    assert "q_sum = " in text


def test_a_map_that_others_need_stays():
    """What is owed to `x` needs the product in each trip."""
    assert "_bar_sum" not in srcdiff.differentiate(biased, argnums=(0, 2)).gradient_source(B, W, X)


def test_without_a_trip_the_matrix_is_not_read():
    empty = np.empty((0, 4))
    unread = np.full((3, 4, 4), np.nan)
    got = srcdiff.grad(shifted, argnums=0)(MEANS, unread, empty)
    assert np.array_equal(got, np.zeros((3, 4)))
    none = np.empty((0, 4, 4))
    assert np.array_equal(srcdiff.grad(shifted, argnums=0)(MEANS, none, empty), np.zeros((3, 4)))


def sums_of(f, args) -> tuple[str, str]:
    """The text of a gradient's loop and of what comes behind it."""
    text = srcdiff.differentiate(f, argnums=0).gradient_source(*map(copied, args))
    assert "_bar_sum" in text, text
    loop, behind = text.split("    if n > 0:", 1)
    return loop, behind
