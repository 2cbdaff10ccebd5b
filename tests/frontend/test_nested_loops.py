"""`np.ndindex`, `np.ndenumerate`, products and combinations are loops one inside the other; ranges backwards."""

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


def written_by_the_loop(x, c):
    s = 0.0
    for u, v, w in itertools.product(x, x * c, (c, 2.0)):
        x[0] = x[0] + u * v * w
        s += u * v * x[0]
    return s + x[0]


def rows_of_two(x, y):
    for a, i in itertools.product((x, y), range(2)):
        a[i] = 0.0
    return np.sum(x * y)


def repeated(x, n):
    s = 0.0
    for i, j in itertools.product(range(n), repeat=2):
        s += x[i] * x[j]
    return s


def spaced(a, b):
    return np.sum(np.geomspace(a, b, 5) ** 2)


def backwards_and_back(x, n):
    s = 0.0
    for i in range(1, n, 2)[::-1][::-1]:
        s += x[i] ** 2 * len(range(n)[::-1])
    return s


def test_what_the_loop_writes_is_not_gone_over(uncompiled: None) -> None:
    for argnum in (0, 1):
        assert_gradient(written_by_the_loop, (X[:3], 0.5), argnum)
    assert_gradient(backwards_and_back, (X, 5))
    for argnum in (0, 1):
        assert_gradient(spaced, (-0.5, -3.0), argnum)


def first_and_second(x):
    for a, b in itertools.combinations(x, 2):
        if a * b < -0.5:
            break
    return a * b


def kept_in_a_name(x):
    pairs = itertools.combinations(x, 2)
    return sum(a * b for a, b in pairs) + sum(a for a, _ in pairs)


def as_many_as_given(x, r):
    return sum(a[0] for a in itertools.combinations(x, r))


def test_refused(uncompiled: None) -> None:
    with pytest.raises(UnsupportedConstruct, match="`break` or `return` in a loop over combinations"):
        differentiate(first_and_second).grad(X)
    with pytest.raises(UnsupportedConstruct, match="kept in a variable"):
        differentiate(kept_in_a_name).grad(X)
    with pytest.raises(UnsupportedConstruct, match="as many as is no constant"):
        differentiate(as_many_as_given).grad(X, 2)


def pairs(x):
    s = 0.0
    for i, j in itertools.combinations(range(x.shape[0]), 2):
        s += (x[i] - x[j]) ** 2 * (i + 1) * j
    for i, j in itertools.combinations(range(4, 0, -2), 2):
        s += x[i] * x[j] * (i - j)
    return s


def threes(x):
    return sum(a * b * b * c for a, b, c in itertools.combinations(2.0 * x, 3))


def elements_that_change(x):
    s = 0.0
    for a, b in itertools.combinations(x, 2):
        s += a * b
        x[3] *= 1.5
    return s + np.sum(x)


def rows_that_change(x):
    p = x[:4].reshape(2, 2).copy()
    s = 0.0
    for a, b in itertools.combinations(p, 2):
        a -= 0.1 * b
        s += a[0] * b[1]
    return s + np.sum(p * p)


def bodies(x):
    energy = 0.0
    for (m, p), (n, q) in itertools.combinations([(x[0], x[:2]), (x[1], x[1:3]), (x[2], x[3:])], 2):
        energy -= m * n / np.sqrt(1.0 + np.sum((p - q) ** 2))
    return energy


def elements_and_places(a, w):
    s = 0.0
    for (i, j), v in np.ndenumerate(a):
        s += v * v * w[i, j]
        if j + 1 < a.shape[1]:
            a[i, j + 1] += 0.5 * v
    for place, v in np.ndenumerate(a * w):
        if v > 2.0:
            break
        s += v * a[place]
    return s


@pytest.mark.parametrize("f", [pairs, threes, elements_that_change, rows_that_change, bodies])
def test_combinations(uncompiled: None, f: Any) -> None:
    assert_gradient(f, (X,))


def test_products_of_rows_and_with_themselves(uncompiled: None) -> None:
    for argnum in (0, 1):
        assert_gradient(rows_of_two, (X, X + 1.0), argnum)
        assert_gradient(elements_and_places, (A, W), argnum)
    assert_gradient(repeated, (X, 3))


def test_errors_of_numpy(uncompiled: None) -> None:
    for function, args in ((kept_behind, (X, -2)), (spaced, (0.0, 1.0))):
        with pytest.raises(ValueError, match=r"negative dimensions|cannot include zero"):
            function(*args)
        with pytest.raises(ValueError, match=r"negative dimensions|cannot include zero"):
            differentiate(function).value_and_grad(*args)


def left_early(x, n):
    s = 0.0
    for i, j in np.ndindex(n, n):
        if x[i] > 1.0:
            break
        s += x[i] * x[j]
    return s


@pytest.mark.parametrize("x", [X, X * 0.1, X + 2.0])
def test_left_early(uncompiled: None, x: Any) -> None:
    assert_gradient(left_early, (x, 3))
