"""An array that a loop replaces is stored into only where nothing has the old one, as the next trip may."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate, jacfwd, jvp
from tests.programs.table import numbers
from tests.truth import assert_gradient


def kept(u):
    old = u * 1.0
    u = u * 1.0
    for _ in range(3):
        old = u
        u = 0.5 * u
    return u - old


def swapped(u):
    a = u * 1.0
    b = u + 1.0
    for _ in range(4):
        b = a * b
        a, b = b, a
    return a + 2.0 * b


def two_steps_behind(u):
    a = u * 1.0
    b = u * 0.9
    c = np.cos(u)
    for _ in range(4):
        new = 2.0 * a - b + 0.1 * c
        c = b
        b = a
        a = new
    return a - b + c


def in_a_tuple(u):
    here = u * 1.0
    before = (u * 2.0, u * 3.0)
    for _ in range(3):
        before = (before[1], here)
        here = np.sin(here)
    return before[0] * before[1] + here


def rows_of_a_table(u):
    n = u.shape[0]
    previous = u * 1.0
    one_before = u * 0.5
    for _ in range(4):
        row = np.empty(n)
        for i in range(n):
            row[i] = previous[i] * 0.5 + one_before[i]
        one_before = previous
        previous = row
    return previous + one_before


def until_it_stays(u):
    previous = u * 0.0
    trips = 0
    for k in range(50):
        previous = u
        u = u + 0.1 * np.cos(u)
        trips = k
        if np.max(np.abs(u - previous)) < 5e-2:
            break
    return u * trips + previous


def matrices(u):
    a = np.outer(u, u)
    old = a * 1.0
    for _ in range(3):
        old = a
        a = 0.5 * a + 0.1
    return np.sum(a - old, axis=0)


def not_kept(u):
    a = u * 1.0
    for _ in range(3):
        a = 0.5 * a + u
    return a


def coupled(u):
    n = u.shape[0]
    phase = u.copy()
    for _ in range(4):
        force = np.zeros(n)
        for i in range(n):
            for j in range(n):
                force[i] += np.sin(phase[j] - phase[i])
        phase = phase + 0.1 * force
    return phase


def compared_afterwards(u):
    a = u.copy()
    change = np.zeros(u.shape[0])
    for _ in range(4):
        new = 0.9 * a + 0.1 * np.sum(a * a)
        change += (new - a) ** 2
        a = new
    return a + change


def read_by_a_view_before(u):
    a = u.copy()
    for _ in range(4):
        back = a[::-1]
        total = np.sum(back[1:] * a[1:])
        a = a * total + 0.1
    return a


def read_by_a_view_later(u):
    a = u.copy()
    total = 0.0
    for _ in range(4):
        back = a[::-1]
        a = np.cos(a)
        total += np.sum(back * a)
    return a * total


def stored_into_before(u):
    a = u.copy()
    for k in range(4):
        a[k % 3] = a[(k + 1) % 3] * 0.5
        a = a * a + 0.1
    return a


U, T = numbers(3, seed=61), numbers(3, seed=62)
PROGRAMS = [
    kept, swapped, two_steps_behind, in_a_tuple, rows_of_a_table, until_it_stays, matrices, not_kept, coupled,
    compared_afterwards, read_by_a_view_before, read_by_a_view_later, stored_into_before,
]  # fmt: skip


@pytest.mark.parametrize("f", PROGRAMS)
def test_values_and_tangents(uncompiled: None, f: Any) -> None:
    step = 1e-5
    expected, tangent = f(U), (f(U + step * T) - f(U - step * T)) / (2.0 * step)
    np.testing.assert_allclose(differentiate(f)(U), expected, rtol=1e-12)
    value, found = jvp(f, (U,), (T,))
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(found, tangent, rtol=1e-7)
    np.testing.assert_allclose(jacfwd(f)(U) @ T, tangent, rtol=1e-7)
    assert_gradient(lambda u: np.sum(f(u) ** 2), (U,))


def test_one_array_where_nothing_has_the_old_one() -> None:
    made = differentiate(not_kept)
    assert made.text(made.program_for(U)).count("np.empty") <= 1


def test_what_is_read_before_is_recorded_as_states() -> None:
    """A number for each element in each step, not for each pair of them."""

    def loss(u):  # type: ignore[no-untyped-def]
        return np.sum(coupled(u) ** 2)

    sizes = [differentiate(loss).tape_report(numbers(n)).bytes for n in (20, 40)]
    assert sizes[1] == 2 * sizes[0]
