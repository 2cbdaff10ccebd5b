"""Two names of one memory: reads see what was written through the other name, or are refused with AliasError."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import srcdiff
from srcdiff import AliasError
from tests.truth import assert_gradient

B = np.array([1.2, -0.35, 0.49])
C = np.array([0.4, 0.7, -0.3])


def other_name_of_a_swapped_array(b, c):
    w = c
    for _ in range(3):
        for i in range(3):
            b[i] = math.sin(b[i]) + w[i]
        b, c = c, b
    return b[0] + 2.0 * b[1] + c[0] * c[1]


def other_name_read_behind_the_swaps(b, c):
    w = c
    for _ in range(3):
        for i in range(3):
            b[i] = math.sin(b[i]) + 2.0
        b, c = c, b
    return w[0]


def one_of_two_written_in_a_loop(b, c):
    d = np.zeros(3)
    w = b if c[0] > 0 else d
    for _ in range(2):
        for i in range(3):
            w[i] = math.sin(w[i]) * 2.0
        w = w
    return b[0] + d[1]


def one_of_one_of_two(b, c):
    w = b if c[0] > 0 else c
    z = w if c[1] > 0 else np.zeros(3)
    z[0] = 3.0 * z[1]
    return b[0] * b[1]


def two_names_in_one_arm(b, c):
    if c[0] > 0:
        p = b * 2.0
        q = p
    else:
        return c[1]
    p[0] = 5.0 * c[0]
    return q[0] * q[1]


def chosen_in_an_arm_that_goes_on(b, c):
    if c[0] > 0:
        w = b if c[1] > 0 else c
    else:
        return c[1]
    w[0] = w[1] * 3.0
    return b[0] * b[1]


def becomes_the_other_after_a_trip(b, c):
    w = np.zeros(3)
    for _ in range(3):
        for i in range(3):
            w[i] = b[i] + 0.5 * b[i - 1] ** 2
        b = w
    return b[0] + c[0]


def updates_do_not_rebind(b, c):
    w = b
    for _ in range(2):
        for _ in range(2):
            for i in range(3):
                w[i] = math.sin(w[i]) * b[0]
            w += 1.0
    return b[0] + b[1] * c[0]


def iterates_over_what_it_updates(b, c):
    for v in b:
        for _ in range(2):
            b[2] -= math.sin(v) * c[0]
            b += 0.2 * b
    return b[0] + 2.0 * b[1] + 3.0 * b[2]


def conditional_swaps(b, c):
    u, v = b.copy(), c.copy()
    for _ in range(4):
        if u[0] < v[0]:
            u, v = v, u
        for i in range(3):
            u[i] = u[i] * 0.8 + 0.1 * v[i] ** 2
    return u[1] * v[2]


RIGHT = [updates_do_not_rebind, iterates_over_what_it_updates, conditional_swaps]
REFUSED = [
    other_name_of_a_swapped_array,
    other_name_read_behind_the_swaps,
    one_of_two_written_in_a_loop,
    one_of_one_of_two,
    chosen_in_an_arm_that_goes_on,
    becomes_the_other_after_a_trip,
]


@pytest.mark.parametrize("function", [*RIGHT, two_names_in_one_arm])
def test_reads_see_what_other_names_wrote(function: Any) -> None:
    assert_gradient(function, (B, C), (0, 1))


@pytest.mark.parametrize("function", REFUSED)
def test_refuses_what_cannot_be_resolved(function: Any) -> None:
    with pytest.raises(AliasError, match="may or may not share its memory"):
        srcdiff.value_and_grad(function, argnums=(0, 1))(B, C)


def row_from_the_row_before(u, w):
    for i in range(1, len(u)):
        u[i] = u[i - 1] * w + np.sin(u[i])
    return u[-1].sum()


def test_rows_that_are_apart_need_no_copy() -> None:
    source = srcdiff.differentiate(row_from_the_row_before, argnums=1).gradient_source(
        np.ones((3, 2)), np.ones(2)
    )
    forward = source.partition("# reverse sweep")[0]
    assert "np.empty" not in "".join(line for line in forward.splitlines() if "tape" not in line)


def one_trip_writes(u, p):
    w = np.zeros_like(u)
    for _ in range(p):
        u, w = w, u
        w[0] += 5.0
    return 1.0


def written_behind_the_swaps(u, p):
    w = np.zeros_like(u)
    for _ in range(p):
        u, w = w, u
    w[0] += 5.0
    u[1] += 3.0


def swapped_in_one_arm(u, p):
    w = np.zeros_like(u)
    if p > 1:
        u, w = w, u
    w[0] += 5.0
    return 1.0


def swapped_by_three(u, p):
    w, z = np.zeros_like(u), np.ones_like(u)
    for _ in range(p):
        u, w, z = w, z, u
    w[0] = 5.0
    return u.sum()


def written_through_a_view(u, p):
    w = np.zeros_like(u)
    for _ in range(p):
        u, w = w, u
    v = w[1:]
    v[:] = 5.0
    return u.sum()


def chosen_after_the_swaps(u, p):
    w = np.zeros_like(u)
    for _ in range(p):
        u, w = w, u
    v = w if p > 1 else u
    v[:] = 5.0


def swaps(u, w, p):
    for _ in range(p):
        u, w = w, u
    return u, w


def swapped_by_a_callee(u, p):
    w = np.zeros_like(u)
    u, w = swaps(u, w, p)
    w[0] = 4.0
    return 2.0


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("trips", range(4))
@pytest.mark.parametrize(
    "function",
    [
        one_trip_writes,
        written_behind_the_swaps,
        swapped_in_one_arm,
        swapped_by_three,
        written_through_a_view,
        chosen_after_the_swaps,
        swapped_by_a_callee,
    ],
)
def test_callers_see_what_is_written_to_arrays_that_swap(function: Any, trips: int) -> None:
    given, mine = B.copy(), B.copy()
    assert srcdiff.differentiate(function)(mine, trips) == function(given, trips)
    assert np.array_equal(mine, given)
