"""Spellings that people use and Numba mostly does not take: `*p` in calls, `*rest`, `np.r_`, walrus loops."""

# Programs as people write them.
# ruff: noqa

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from srcdiff import UnsupportedConstruct, differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient

X, M = np.abs(numbers(9)) * 0.3 + 0.05, np.abs(numbers(4, 5)) * 0.3


def model(t, a, b, c):
    return a * np.exp(-b * t) + c


def spread(p):
    t = np.linspace(0, 1, 5)
    return np.sum((model(t, *p[:3]) - 1.0) ** 2)


def spread_all(p):
    t = np.linspace(0, 1, 5)
    return np.sum((model(t, *p) - 1.0) ** 2)


def spread_lam(p):
    f = lambda t, a, b, c: a + b * t + c * t**2
    return np.sum(f(np.linspace(0, 1, 4), *p))


def star(x):
    a, *b, c = x
    return a * c + sum(b) * b[0] + len(b)


def star2(x):
    a, *b = (x[0], x[1] * 2, x[2])
    return a * b[1] + b[0]


def errst(x):
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.log(x)
    return np.sum(y)


def imp(x):
    import math

    import numpy.linalg as la
    from numpy import exp as e
    from scipy.special import erf

    return math.sin(x[0]) + e(x[1]) + la.norm(x) + erf(x[2])


def powi(x, n):
    return np.sum(x) / 2**n


def powi2(x, n):
    s = 0.0
    for k in range(n):
        s += x[k] * 2**k / 3 ** (k + 1) + (-1) ** k * x[k]
    return s


def walrus(x):
    s = 0.0
    i = 0
    while (i := i + 1) < len(x):
        if x[i] > 5.0:
            break
        s += x[i] ** 2
    return s


def r1(x):
    v = np.r_[0.0, x, 1.0]
    return np.sum(v[1:] * v[:-1] * np.arange(len(v) - 1))


def r2(x):
    v = np.r_[x[:3], 0:3, 0:1:4j, 5:0:-2]
    return np.sum(v**3) + len(v)


def c1(x):
    v = np.c_[x, x**2, np.ones(len(x))]
    return np.sum(v[:, 0] * v[:, 1] * v[:, 2]) + v.shape[1]


def c2(X):
    v = np.c_[X, np.sin(X)]
    return np.sum(v @ v.T)


def r3(X):
    v = np.r_[X, np.sin(X)]
    return np.sum(v.T @ v)


def dd(x):
    m = np.maximum.accumulate(x)
    return np.sum((m - x) ** 2)


def mn(X):
    return np.sum(np.minimum.accumulate(X, axis=1) ** 2) + np.sum(np.maximum.accumulate(X) ** 3)


def la(x):
    return np.logaddexp.reduce(x) + np.sum(np.logaddexp.accumulate(x))


def la2(X):
    return np.sum(np.logaddexp.reduce(X, axis=1) ** 2)


def di(x):
    A = np.outer(x, x)
    A[np.diag_indices(len(x))] += 1.0
    np.fill_diagonal(A, 2.0 * x[0])
    A[np.diag_indices(3)] *= 2
    return np.sum(A**2)


def stk(X):
    h = []
    for r in X:
        h.append(np.tanh(r))
    return np.sum(np.stack(h, axis=1) @ np.stack(h)) + np.sum(np.stack([r * 2 for r in X], axis=-1)[0])


def inrange(x, k):
    s = 0.0
    for i in range(9):
        if i in range(2, 7, 2):
            s += x[i]
        if i not in range(k):
            s += x[i] ** 2
    return s


def inarr(x):
    idx = np.array([1, 3, 5])
    s = 0.0
    for i in range(9):
        if i in idx:
            s += x[i] ** 2
        if i in [2, 4]:
            s += x[i]
    return s


def unr(X):
    i, j = np.unravel_index(np.argmax(X), X.shape)
    return X[i, j] ** 2 + i + j


def lst(x):
    v = list(x * 2)
    w = tuple(x)
    u = x.tolist()
    s = sorted(x)
    r = sorted(x, reverse=True)
    return sum(a * b for a, b in zip(v, w)) + u[2] * s[0] * r[0] + sum(sorted([x[0], x[1]])) + s[-1]


def brk(X):
    s = 0.0
    for i, j in np.ndindex(*X.shape):
        if X[i, j] > 0.9:
            break
        s += X[i, j] ** 2 * (i + j)
    return s


def ret(X, n, m):
    for i, j in np.ndindex(n, m):
        if X[i, j] > 0.5:
            return X[i, j] ** 2
    return X[0, 0]


def prod(x):
    s = 0.0
    for a, b in itertools.product(x, range(2, 8, 2)):
        if a * b > 4.5:
            break
        s += a * b
    return s


def enu(X):
    s = 0.0
    for k, (i, j) in enumerate(np.ndindex(3, 2)):
        s += k * X[i, j] ** 2
    return s


PROGRAMS: list[tuple[Any, Any]] = [
    (spread, (X,)),
    (spread_all, (X[:3],)),
    (spread_lam, (X[:3],)),
    (star, (X,)),
    (star2, (X,)),
    (errst, (X,)),
    (imp, (X,)),
    (powi, (X, 3)),
    (powi2, (X, 4)),
    (walrus, (X,)),
    (r1, (X,)),
    (r2, (X,)),
    (c1, (X,)),
    (c2, (M,)),
    (r3, (M,)),
    (dd, (X,)),
    (mn, (M,)),
    (la, (X,)),
    (la2, (M,)),
    (di, (X,)),
    (stk, (M,)),
    (inrange, (X, 3)),
    (inarr, (X,)),
    (unr, (M,)),
    (lst, (X,)),
    (brk, (M,)),
    (ret, (M, 4, 5)),
    (prod, (X,)),
    (enu, (M,)),
    (spread, (X,)),
    (powi, (X, 0)),
    (ret, (M, 0, 5)),
    (dd, (X[:1],)),
    (dd, (X[:0],)),
]


@pytest.mark.parametrize(("function", "args"), PROGRAMS, ids=lambda x: getattr(x, "__name__", ""))
def test_spelling(uncompiled: None, function: Any, args: Any) -> None:
    assert_gradient(function, args)


def test_compiled() -> None:
    assert_gradient(walrus, (X,))
    assert_gradient(spread, (X,))


def test_raised_where_python_raises(uncompiled: None) -> None:
    with pytest.raises(ValueError, match="an array unpacked into 3 needs that length"):
        differentiate(spread_all).grad(X)
    with pytest.raises(ValueError, match="not enough values to unpack"):
        differentiate(star).grad(X[:1])
    with pytest.raises(ValueError, match="an integer to a negative power, which is a float"):
        differentiate(powi).grad(X, -1)


def with_defaults(t, a, b=1.0):
    return a * t + b


def spread_into_defaults(p):
    return with_defaults(2.0, *p)


def spread_into_library(p):
    return math.hypot(*p)


def columns_of_any_number(m):
    return sum(c[0] for c in zip(*m, strict=False))


def test_what_is_not_known(uncompiled: None) -> None:
    for function in (spread_into_defaults, spread_into_library):
        with pytest.raises(UnsupportedConstruct, match="`\\*` of an array of 1 dimensions"):
            differentiate(function).grad(X[:2])
    with pytest.raises(UnsupportedConstruct, match="`\\*` of an array of 2 dimensions"):
        differentiate(columns_of_any_number).grad(M)


def variance_of_a_row(x):
    return np.cov(x[None]) * 2.0


def covariance_of_rows(m):
    return np.sum(np.cov(m) ** 2)


def test_covariance_of_one_row(uncompiled: None) -> None:
    """It is a number, where the row is known to be alone."""
    assert differentiate(variance_of_a_row)(X) == pytest.approx(variance_of_a_row(X), rel=1e-14)
    own = differentiate(covariance_of_rows)
    assert own(M) == pytest.approx(covariance_of_rows(M), rel=1e-14)
    with pytest.raises(ValueError, match="one variable"):
        own(M[:1])


def to_places(x):
    return np.sum(x) * round(x[0], 2)


def test_round_to_places_is_printed_as_python_takes_it(uncompiled: None) -> None:
    assert_gradient(to_places, (X,))
