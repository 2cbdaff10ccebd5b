"""Lists that change, masks, opaque calls, searches: what is read is right, or refused with its line."""

from __future__ import annotations

import enum

import numpy as np
import pytest

from srcdiff import DifferentiationError, differentiate, grad, value_and_grad
from tests.truth import assert_gradient

X = np.array([2.5, 0.5, 1.5])
T = np.array([0.2, 0.9, 2.0])


class Scheme(enum.Enum):
    EULER = 2


def list_filled(x):
    a = [0.0, 0.0, 0.0]
    a[0] = x
    b = a
    b[2] += a[0] * 3.0
    return a[2] + sum(a)


def list_repeated(x, n):
    a = [0.0] * n
    for i in range(n):
        a[i] = x * i
    return sum(a) * x


def list_slice_is_a_copy(x):
    a = [0.0, 0.0, 0.0]
    a[0] = x
    b = a[:2]
    a[0] = 7.0
    return b[0] * x


def masked(x):
    y = x.copy()
    y[x > 1.0] = x[x > 1.0] ** 3
    y[y < 0.6] *= 2.0
    return np.sum(y * x)


def where_alone(x):
    return np.sum(x[np.where(x > 1.0)[0]] ** 2) + np.count_nonzero(x > 1.0) * x[0]


def sorted_values(x):
    return np.sum(np.sort(x) * T) + np.median(x) * x[1]


def searched(x):
    return x[0] * np.searchsorted(T, x[0], side="right")


def without_nan(x):
    return np.nansum(x * x) + np.nanmean(x)


def joined(x):
    return np.sum(np.concatenate((x, x * x)) ** 2) + np.sum(np.diag(np.diag(x)) * x)


def type_call(x):
    return type(x[0])(2) / x[0]


def member(x):
    return x[0] * Scheme.EULER.value


def known_dict(x):
    table = {"k": 2, "m": 5}
    return x[0] * table["k"]


def draws(x):
    np.random.seed(3)
    s = 0.0
    for _ in range(5):
        s += (x[0] + np.random.normal(0.0, 1.0)) ** 3
    return s


def narrow_integers(x):
    k = np.array([200, 100], dtype=np.uint8)
    return x[0] * (k[0] + k[1])


@pytest.mark.parametrize(
    "function",
    [
        masked,
        where_alone,
        sorted_values,
        searched,
        without_nan,
        joined,
        type_call,
        member,
        known_dict,
        narrow_integers,
    ],
)
def test_gradient(function):
    assert_gradient(function, (X,))


def test_lists():
    assert_gradient(list_filled, (1.3,))
    assert_gradient(list_repeated, (1.3, 4))
    assert_gradient(list_slice_is_a_copy, (1.3,))


def test_draws_are_neither_doubled_nor_dropped():
    text = differentiate(draws).gradient_source(X)
    assert text.count("np.random.normal") == text.count("np.random.seed") == 1
    assert_gradient(draws, (X,))


def test_nothing_is_owed_to_a_divisor_where_the_quotient_overflows():
    def smallest(x):
        a = np.full(3, np.inf)
        a[1] = x
        return np.min(a / (2.0 * x)) + x

    assert grad(smallest)(1.5) == 1.0


def float_in_integers(x):
    a = [0, 0]
    a[0] = x
    return a[0]


def shuffled(x):
    y = np.zeros(3)
    np.random.shuffle(y)
    return x[0] + y[0]


def root(x):
    lo, hi = 0.0, 10.0
    while hi - lo > 1e-10:
        mid = (lo + hi) / 2
        if mid * mid > x[0]:
            hi = mid
        else:
            lo = mid
    return lo


@pytest.mark.parametrize(
    ("function", "argument", "said"),
    [
        (float_in_integers, 1.5, "a float stored into a list of integers"),
        (shuffled, X, "`np.random.shuffle`"),
        (root, X, "a search by bisection"),
    ],
)
def test_refused(function, argument, said):
    with pytest.raises(DifferentiationError, match="line") as caught:
        value_and_grad(function)(argument)
    assert said in str(caught.value)


def test_bisection_for_a_constant_passes():
    def scaled(x):
        lo, hi = 0.0, 10.0
        for _ in range(60):
            mid = 0.5 * (lo + hi)
            if mid * mid > 2.0:
                hi = mid
            else:
                lo = mid
        return x * lo

    assert grad(scaled)(3.0) == pytest.approx(2.0**0.5)


def test_message_of_a_raise_is_kept():
    def checked(x, n):
        if n < 0:
            raise ValueError(f"{n} is negative")
        return x * n

    assert 'raise ValueError("{n} is negative")' in differentiate(checked).gradient_source(1.5, 2)
