"""A gradient raises IndexError where Python does, nowhere else, and checks no index that cannot be out of range."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcdiff
from tests.optimise.stages import as_printed
from tests.truth import assert_gradient, copied

X = np.array([0.3, -1.1, 0.7, 1.9, -0.4, 0.8])
M = np.linspace(-1.3, 1.7, 36).reshape(6, 6)


def dot(x, w):
    s = 0.0
    for i in range(len(x)):
        s += x[i] * w[i]
    return s


def neighbours(x, y):
    n = len(x)
    s = 0.0
    for i in range(1, n - 1):
        s += (x[i - 1] - 2.0 * x[i] + x[i + 1]) * y[i] * y[i + 1]
    return s


def ahead(x, k):
    s = 0.0
    for i in range(len(x)):
        s += x[i] * x[i + k]
    return s


def from_the_end(x, k):
    return x[-1] * x[-k] + x[k]


def fixed(x):
    return x[0] * x[3] + x[2] * x[2]


def gather(x, indices):
    s = 0.0
    for k in range(len(indices)):
        s += x[indices[k]] ** 2
    return s


def scatter(x, indices):
    bins = np.zeros(4)
    for k in range(len(indices)):
        bins[indices[k]] += x[k]
    s = 0.0
    for b in range(4):
        s += bins[b] ** 3
    return s


def upper_triangle(a, b):
    s = 0.0
    for i in range(len(a)):
        for j in range(i + 1, len(a)):
            s += a[j] * b[j] * b[i]
    return s


def lower_triangle(a, b):
    s = 0.0
    for i in range(len(a)):
        for j in range(i):
            s += a[i] * b[j]
    return s


def antidiagonals(a, n, m):
    s = 0.0
    for i in range(n):
        for j in range(m - i):
            s += a[3 * i + j] * a[j]
    return s


def pairs(x):
    s = 0.0
    for i in range(0, len(x), 2):
        s += x[i] * x[i + 1]
    return s


def downwards(x, n):
    s = 0.0
    for i in range(n, -2, -3):
        s += x[i] * (i + 1)
    return s


def strided(x, n, k):
    s = 0.0
    for i in range(0, n, k):
        s += x[i] ** 2
    return s


def sometimes(x, y):
    s = 0.0
    for i in range(len(x)):
        if x[i] > 0.0:
            s += y[i] * x[i]
    return s


def guarded(x, n):
    s = 0.0
    for i in range(n):
        if 0 <= i - 1 < len(x) - 2:
            s += x[i - 1] * x[i + 1]
    return s


def until(x, y, limit):
    s = 0.0
    k = 0
    while s < limit:
        s += x[k] ** 2 * y[k]
        k += 1
    return s


def leaves(x, y, limit):
    s = 0.0
    for i in range(len(x) + 1):
        if s > limit:
            break
        s += x[i] ** 2 * y[i]
    return s


def ring(x):
    n = len(x)
    s = 0.0
    for i in range(n):
        s += x[(i + 1) % n] * x[(i - 1) % n]
    return s


def clamped(x):
    n = len(x)
    s = 0.0
    for i in range(n):
        s += x[max(0, i - 1)] * x[min(n - 1, i + 1)]
    return s


def periodic(x):
    n = len(x)
    s = 0.0
    for i in range(n):
        right = i + 1 if i < n - 1 else 0
        left = n - 1 if i == 0 else i - 1
        s += x[right] * x[left]
    return s


def swapped(u, steps):
    v = np.empty(len(u))
    for _ in range(steps):
        for i in range(len(u)):
            v[i] = u[i] * u[len(u) - 1 - i]
        u, v = v, u
    s = 0.0
    for i in range(len(u)):
        s += u[i]
    return s


def swapped_arguments(u, v, steps):
    for _ in range(steps):
        for i in range(len(v)):
            v[i] = u[i] ** 2 + v[i]
        u, v = v, u
    return u[0] * v[0]


def counted(x, n):
    s = 0.0
    p = 0
    for i in range(n):
        for j in range(i):
            s += x[p] * (j + 1)
            p += 1
    return s


def table(a, n, m):
    s = 0.0
    for i in range(n):
        for j in range(m):
            s += a[i, j] ** 2 * a[j, i]
    return s


def row_sums(a, n):
    out = np.zeros(n)
    for i in range(n):
        for j in range(a.shape[1]):
            out[i] += a[i, j] * a[i, 0]
    s = 0.0
    for i in range(n):
        s += out[i] ** 2
    return s


def halves(x):
    n = len(x)
    s = 0.0
    for i in range(n // 2):
        s += x[2 * i] * x[2 * i + 1] * x[n // 2 + i]
    return s


def stored(x, n):
    a = np.zeros(len(x))
    for i in range(n):
        a[i] = x[0] * i
    return a[0] + x[0]


def in_rings(x, w, bins):
    s = 0.0
    for i in range(bins):
        for k in range(len(x)):
            if i - 1.0 <= x[k] < i:
                s += w[k] * x[k] * (i + 1)
    return s


LENGTHS = [X[:k] for k in (0, 1, 2, 3, 6)]
SQUARES = [M[:n, :m] for n in (0, 1, 3) for m in (0, 1, 2, 3)]
COUNTS = [-1, 0, 1, 2, 3, 5, 7]
PICKS = [
    np.array(p, dtype=np.int64) for p in ([], [0, 1], [2, 0, 2], [-1, -3], [-4, 0], [3, 4], [0, 9], [-7])
]

PROGRAMS: list[tuple[Callable[..., Any], list[Any]]] = [
    (dot, [LENGTHS, LENGTHS]),
    (neighbours, [LENGTHS, LENGTHS]),
    (ahead, [LENGTHS, [-7, -1, 0, 1]]),
    (from_the_end, [LENGTHS, COUNTS]),
    (fixed, [LENGTHS]),
    (gather, [LENGTHS, PICKS]),
    (scatter, [LENGTHS, PICKS]),
    (upper_triangle, [LENGTHS, LENGTHS]),
    (lower_triangle, [LENGTHS, LENGTHS]),
    (antidiagonals, [LENGTHS, COUNTS, COUNTS]),
    (pairs, [LENGTHS]),
    (downwards, [LENGTHS, COUNTS]),
    (strided, [LENGTHS, COUNTS, [1, 2, 3, -1]]),
    (sometimes, [LENGTHS, LENGTHS]),
    (in_rings, [LENGTHS, LENGTHS, [-1, 0, 1, 3]]),
    (guarded, [LENGTHS, COUNTS]),
    (until, [LENGTHS, [X[:k] ** 2 for k in (0, 2, 6)], [-1.0, 0.2, 1.0, 9.0]]),
    (leaves, [LENGTHS, LENGTHS, [-1.0, 0.2, 1.0, 9.0]]),
    (ring, [LENGTHS]),
    (clamped, [LENGTHS]),
    (periodic, [LENGTHS]),
    (swapped, [LENGTHS, [0, 1, 2, 3]]),
    (swapped_arguments, [LENGTHS[1:], LENGTHS[1:], [0, 1, 2, 3]]),
    (counted, [LENGTHS, COUNTS]),
    (table, [SQUARES, COUNTS[:5], COUNTS[:5]]),
    (row_sums, [SQUARES, COUNTS[1:5]]),
    (halves, [LENGTHS]),
    (stored, [LENGTHS, COUNTS]),
]
PROVED = (ring, clamped, periodic, swapped, guarded, halves)


@pytest.mark.parametrize("optimise", [True, False])
@pytest.mark.parametrize(("function", "grid"), PROGRAMS, ids=[f.__name__ for f, _ in PROGRAMS])
@pytest.mark.usefixtures("inferred_at_least")
def test_raises_where_python_does(function: Any, grid: list[Any], optimise: bool) -> None:
    compiled = srcdiff.differentiate(function, optimise=optimise).value_and_grad
    raised = 0
    for args in itertools.product(*grid):
        try:
            function(*copied(args))
        except IndexError:
            raised += 1
            with pytest.raises(IndexError, match="index out of range"):
                compiled(*copied(args))
        else:
            assert_gradient(function, args, value_and_grad=lambda f, argnums: compiled)
    assert raised or function in PROVED


def test_a_loop_without_the_check_is_left_to_the_compiler() -> None:
    source = srcdiff.differentiate(in_rings, argnums=(0, 1)).gradient_source(X, X, 3)
    assert re.search(r"(t\d+) = bins <= 0 or .*>= .*\n(.*\n)*? *if not \1 and k >= ", source)


@pytest.mark.parametrize("function", PROVED)
def test_proves(function: Any) -> None:
    grid = next(grid for f, grid in PROGRAMS if f is function)
    assert "IndexError" not in srcdiff.differentiate(function).gradient_source(*(c[-1] for c in grid))


def starts_inside(b, k, x, g):
    total = 0.0
    if x > 0.5:
        for i in range(3):
            k = k // 2 + i
        for i in range(k + 1, 5):
            if g[i % 2] > 0.1 * i:
                if k > 3:
                    b[0] = x * b[0]
                else:
                    total += b[1] * x
    return total + b[0]


def test_a_check_known_before_an_if_reads_nothing_made_in_it() -> None:
    g = np.array([0.9, 0.4])
    for x in (0.2, 0.8):
        assert_gradient(starts_inside, (np.array([0.9, 0.4]), 4, x, g), (0, 2), value_and_grad=as_printed)
    with pytest.raises(IndexError, match="for `b`"):
        as_printed(starts_inside, (0, 2))(np.array([0.9]), 4, 0.8, g)
