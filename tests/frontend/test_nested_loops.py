"""`np.ndindex` and `itertools.product` are loops one inside the other; ranges backwards; `math.prod`."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from srcdiff import UnsupportedConstruct, differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient

A, W, X = numbers(3, 4), numbers(3, 4) ** 2, numbers(5)


def off_the_diagonal(a, w):
    b = np.zeros_like(a)
    for i, j in np.ndindex(a.shape[0], a.shape[1]):
        if i == j:
            continue
        b[i, j] += a[i, j] * a[j % a.shape[0], i % a.shape[1]]
    return np.sum(w * b)


def by_places(a, w):
    s = 0.0
    for place in np.ndindex(a.shape):
        s += w[place] * np.sin(a[place])
    return s


def pairs_of_indices(x, n):
    s = 0.0
    for i, j, k in itertools.product(range(n), range(1, n), range(2)):
        s += x[i] * x[j] ** 2 * (k + 1)
    return s


def pairs_of_elements(x):
    s = 0.0
    for u, v in itertools.product(x, x[:3]):
        s += u * v**2
    return s


def kept_behind(x, n):
    i = j = 0
    for i, j in np.ndindex(n, n + 1):  # noqa: B007
        pass
    return x[i] * x[j]


def widened(x, n):
    s = 0
    for i, _ in np.ndindex(n, 2):
        s = s + x[i] ** 2
    return s


def backwards(x, n):
    y = x.copy()
    for i in range(n)[::-1]:
        y[i] = y[i] * 2.0 + (y[i + 1] if i + 1 < n else 0.0)
    for k in range(1, n, 2)[::-1]:
        y[k] *= y[k - 1]
    return np.sum(y**2)


def products(x, a, b):
    return math.prod(x) * math.prod((a, b), start=2) + math.prod([a, a])


@pytest.mark.parametrize(
    ("function", "args", "argnums"),
    [
        (off_the_diagonal, (A, W), (0, 1)),
        (off_the_diagonal, (A[:0], W[:0]), (0,)),
        (by_places, (A, W), (0, 1)),
        (pairs_of_indices, (X, 4), (0,)),
        (pairs_of_indices, (X, 0), (0,)),
        (pairs_of_elements, (X,), (0,)),
        (kept_behind, (X, 3), (0,)),
        (kept_behind, (X, 0), (0,)),
        (widened, (X, 5), (0,)),
        (backwards, (X, 5), (0,)),
        (backwards, (X, 1), (0,)),
        (backwards, (X, 0), (0,)),
        (products, (X, 0.3, 0.7), (0, 1, 2)),
    ],
)
def test_gradient(uncompiled: None, function: Any, args: Any, argnums: tuple[int, ...]) -> None:
    for argnum in argnums:
        assert_gradient(function, args, argnum)


def test_loops_are_printed_one_inside_the_other(uncompiled: None) -> None:
    source = differentiate(by_places).gradient_source(A, W)
    assert "    for i in range(t1):\n        for j in range(t2):\n" in source


def left_early(x, n):
    s = 0.0
    for i, j in np.ndindex(n, n):
        if x[i] > 1.0:
            break
        s += x[i] * x[j]
    return s


def test_left_early() -> None:
    with pytest.raises(UnsupportedConstruct, match="`break` or `return` in a loop over several ranges"):
        differentiate(left_early).grad(X, 3)
