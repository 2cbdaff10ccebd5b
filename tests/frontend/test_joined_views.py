"""A name that is one part of an array after one arm of an `if` and another part, or part of another array, after the
other."""

# Programs as people write them.
# ruff: noqa

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import AliasError, UnsupportedConstruct, differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient

S, Y, M = numbers(4), numbers(4) * 0.7, numbers(3, 4)


def turned(s, y, m, k):
    if k > 0:
        s = s[::-1]
    t = 0.0
    for i in range(len(s)):
        t += s[i] ** 2 * (i + 1)
    return t


def written_where_it_is(s, y, m, k):
    if k > 0:
        s = s[::-1]
    s[0] = s[1] * 3
    return np.sum(s**2 * np.arange(len(s))) + m[0, 0]


def written_rows_and_columns(s, y, m, k):
    z = m[:, 1:] if k > 1 else m[:, ::2] if k > 0 else m
    z[1] *= s[0]
    z[:, 0] += 1.0
    return np.sum(m**2 * np.arange(4))


def of_two_arrays(s, y, m, k):
    r = s[1:] if k > 1 else y[:3]
    return np.sum(r**2 * np.arange(len(r)))


def of_one_array_three_ways(s, y, m, k):
    if k > 1:
        r = s[1:]
    elif k > 0:
        r = s[:2]
    else:
        r = s[::2]
    return np.sum(r**2 * np.arange(len(r))) + len(r)


def of_an_array_made_in_one_arm(s, y, m, k):
    if k > 1:
        r = s[1:]
    else:
        r = np.sin(y)
    return np.sum(r**2 * np.arange(len(r)))


def transposed(s, y, m, k):
    if k > 1:
        m = m.T
    return np.sum(m[0] ** 3) + m[1, 0]


def row_or_column(s, y, m, k):
    r = m[k] if k > 1 else m[:, k]
    r = r[1:] if k > 0 else r
    return np.sum(r**2 * np.arange(len(r)))


def in_every_trip(s, y, m, k):
    for j in range(4):
        r = m[j % 3] if j % 2 else m[k, ::-1]
        m[1, j] += np.sum(r**2)
    return np.sum(m)


def pairs(s, y, m, k):
    a, b = (s[1:], s[:-1]) if k else (s[:-1], s[1:])
    b[0] = a[0] * 2
    return np.sum(a * b * b)


def half(x, k):
    if k > 0:
        return x[::-1]
    return x[1:]


def returned(s, y, m, k):
    r = half(s * 2, k)
    return np.sum(r**2 * np.arange(len(r)))


RIGHT = [
    turned,
    written_where_it_is,
    written_rows_and_columns,
    of_two_arrays,
    of_one_array_three_ways,
    of_an_array_made_in_one_arm,
    transposed,
    row_or_column,
    in_every_trip,
    pairs,
    returned,
]


@pytest.mark.usefixtures("inferred")
@pytest.mark.parametrize("k", range(3))
@pytest.mark.parametrize("function", RIGHT)
def test_gradient(function: Any, k: int) -> None:
    assert_gradient(function, (S, Y, M, k), (0, 1, 2))


def test_compiled() -> None:
    assert_gradient(written_rows_and_columns, (S, Y, M, 1), (0, 2))
    mine, given = M.copy(), M.copy()
    assert differentiate(written_rows_and_columns)(S, Y, mine, 1) == written_rows_and_columns(S, Y, given, 1)
    assert np.allclose(mine, given, rtol=1e-15)


def test_no_copy_of_parts_of_one_array() -> None:
    assert "copy" not in differentiate(turned).ir(S, Y, M, 1)


def written_by_the_new_name(s, y, k):
    r = s[1:] if k > 0 else y[1:]
    r[0] = 3.0
    return np.sum(r)


def written_by_the_old_name(s, y, k):
    r = y[1:] if k > 0 else s
    y[1] = 7.0
    return np.sum(r**2)


def test_copies_stand_for_parts_of_two_arrays() -> None:
    with pytest.raises(UnsupportedConstruct, match="may be part of either of two arrays"):
        differentiate(written_by_the_new_name)(S, Y, 1)
    with pytest.raises(AliasError, match="may or may not share its memory"):
        differentiate(written_by_the_old_name)(S, Y, 1)
