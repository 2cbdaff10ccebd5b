"""Names that hold something of another kind before a loop than after a trip of it: its first trip is read apart."""

# Programs as people write them.
# ruff: noqa

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import NotDifferentiable, UnsupportedConstruct, differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient

X, M, C = np.abs(numbers(9)) * 0.2 + 0.05, numbers(4, 5), numbers(4)


def taylor(x, n):
    term = 1.0
    total = 1.0
    for k in range(1, n):
        term = term * x / k
        total += term
    return np.sum(total**2)


def horner(x, c):
    acc = 0
    for a in c[::-1]:
        acc = acc * x + a
    return np.sum(acc * acc)


def prev(x):
    p = None
    s = 0.0
    for v in x:
        if p is not None:
            s += (v - p) ** 2
        p = v
    return s


def prev_array(X):
    last = None
    s = 0.0
    for row in X:
        r = np.tanh(row)
        if last is not None:
            s += np.sum((r - last) ** 2)
        last = r
    return s


def prev_nested(X):
    s = 0.0
    for i in range(X.shape[0]):
        p = None
        for j in range(i):
            if p is not None:
                s += X[i, j] * p
            p = X[i, j] ** 2
    return s


def converge(x):
    old = None
    z = np.sum(x)
    for it in range(50):
        z = 0.5 * (z + 3.0 / z)
        if old is not None and abs(z - old) < 1e-12:
            break
        old = z
    return z * x[0]


def conv_while(x):
    err = None
    z = np.sum(x)
    while err is None or err > 1e-12:
        new = 0.5 * (z + x[0] / z)
        err = abs(new - z)
        z = new
    return z * x[0]


def result_none(x):
    r = None
    for i in range(5):
        r = x * i
        x = x + r
    return np.sum(r**2)


def nest_acc(X):
    acc = 0.0
    for i in range(X.shape[0]):
        for j in range(3):
            acc = acc + X[i] * j
    return np.sum(acc**2)


def acc_cond(X):
    acc = 0.0
    for i in range(X.shape[0]):
        if i % 2 == 0:
            acc = acc + X[i]
    return np.sum(acc**2)


def int_to_float(x):
    u = np.array([1, 2, 3])
    for i in range(4):
        u = u * x[:3]
    return np.sum(u)


def acc_inplace(x):
    a = 0.0
    for i in range(3):
        a += x * i
        a *= 1.1
    return np.sum(a**3)


def alias_first(x):
    a = 0.0
    for i in range(3):
        if i == 0:
            a = x.copy()
        else:
            a *= x
    return np.sum(a)


def zero(x, n):
    acc = 0.0
    for i in range(n):
        acc = acc + x
    return np.sum(acc)


def emptyfine(x, n):
    s = 0.0
    p = None
    for i in range(n):
        if p is not None:
            s += p * x[i]
        p = x[i]
    return s + x[0]


def retin(x):
    p = None
    for v in x:
        if p is not None and v > p * 2.0:
            return v * p
        p = v
    return p


def tup(x):
    st = None
    for v in x:
        if st is None:
            st = (v, v * v)
        else:
            a, b = st
            st = (a + v, b * v)
    return st[0] * st[1]


def ewma(x):
    m = None
    out = np.zeros(len(x))
    for i, v in enumerate(x):
        m = v if m is None else 0.9 * m + 0.1 * v
        out[i] = m
    return np.sum(out**2)


def backward_range(x):
    acc = None
    for i in range(len(x) - 1, -1, -1):
        acc = x[i] if acc is None else acc * 0.5 + np.sin(x[i])
    return acc


def two(x):
    lo = None
    hi = None
    for v in x:
        if lo is None or v < lo:
            lo = v
        if hi is None or v > hi:
            hi = v
    return (hi - lo) ** 2


def firsts(x):
    first = True
    s = 0.0
    for v in x:
        if first:
            p = v
            first = False
        else:
            s += (v - p) ** 2
            p = v
    return s


def outer_state(X):
    h = None
    loss = 0.0
    for t in range(X.shape[0]):
        if h is None:
            h = np.zeros(X.shape[1])
        h = np.tanh(0.5 * h + X[t])
        loss += np.sum(h)
    return loss


def zipw(x):
    acc = 0.0
    for a, b in zip(x[:4], x[4:]):
        acc = acc + np.array([a, a * b])
    return np.sum(acc**2)


PROGRAMS: list[tuple[Any, Any]] = [
    (taylor, (X, 6)),
    (horner, (X, C)),
    (prev, (X,)),
    (prev_array, (M,)),
    (prev_nested, (M,)),
    (converge, (X,)),
    (conv_while, (X,)),
    (result_none, (X,)),
    (nest_acc, (M,)),
    (acc_cond, (M,)),
    (int_to_float, (X,)),
    (acc_inplace, (X,)),
    (alias_first, (X,)),
    (zero, (X, 3)),
    (emptyfine, (X, 4)),
    (retin, (X,)),
    (tup, (X,)),
    (ewma, (X,)),
    (backward_range, (X,)),
    (two, (X,)),
    (firsts, (X,)),
    (outer_state, (M,)),
    (zipw, (X,)),
]


@pytest.mark.parametrize(("function", "args"), PROGRAMS, ids=lambda x: getattr(x, "__name__", ""))
def test_first_trip(uncompiled: None, function: Any, args: Any) -> None:
    assert_gradient(function, args)


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_read_behind(uncompiled: None, n: int) -> None:
    assert_gradient(emptyfine, (X, n))


def test_no_trip_leaves_what_was_there_before() -> None:
    with pytest.raises(ValueError, match="a loop makes no trip, so that `acc` stays what it was before it"):
        differentiate(zero).value_and_grad(X, 0)


def test_compiled() -> None:
    assert_gradient(converge, (X,))
    assert_gradient(prev_array, (M,))


def changing_in_every_trip(x):
    parts = ()
    for v in x:
        parts = parts + (v,)
    return parts[0]


def bound_in_some_trips(x):
    last = None
    for v in x:
        if v > 0.3:
            last = v
    return last


def test_what_does_not_settle() -> None:
    with pytest.raises(
        UnsupportedConstruct, match="a tuple of 1 after the first trip of this loop and a tuple of 2"
    ):
        differentiate(changing_in_every_trip).grad(X)
    with pytest.raises(
        UnsupportedConstruct, match="`last` is a number in one branch and `None` in the other"
    ):
        differentiate(bound_in_some_trips).grad(X)


def halved(p, n):
    low, high = 0.0, 2.0
    last = None
    for _ in range(n):
        middle = 0.5 * (low + high)
        if last is not None and abs(middle - last) < 1e-12:
            break
        if middle**3 + p * middle > 2.0:
            high = middle
        else:
            low = middle
        last = middle
    return low * p


def test_a_search_by_bisection_is_still_one() -> None:
    with pytest.raises(NotDifferentiable, match="a search by bisection"):
        differentiate(halved).grad(1.3, 60)
