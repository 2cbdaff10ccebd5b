"""Lengths that checks have shown to be equal are one value, so that loops over them are joined."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from srcdiff.ir.walk import ops_within
from tests.optimise.stages import stages
from tests.truth import assert_gradient

RNG = np.random.default_rng(12)
A, B = RNG.standard_normal((4, 5)), RNG.standard_normal((4, 5))


def of_two_shapes(a, b):
    doubled = 2.0 * a * a
    halved = 0.5 * b[:, 1:] * b[:, :-1]
    moved = doubled[:, 1:] - halved
    return np.sum(np.exp(moved) * b[:, 1:])


def in_a_time_loop(a, b):
    u = a.copy()
    v = b.copy()
    for _ in range(3):
        w = u * v
        v[1:, :] = w[1:, :] - 0.1 * b[:-1, :]
        u[:-1, :] = 0.5 * (v[1:, :] + a[1:, :])
    return np.sum(u * v)


def behind_an_error(a, b):
    if a.shape[0] == 0:
        raise ValueError("nothing to add up")
    return np.sum(a * b)


def behind_an_assertion(a, b):
    total = 0.0
    for i in range(a.shape[0]):
        assert a[i, 0] > 0.0, "a negative number"
        total += a[i, 0]
    assert total < 5.0, "a large sum"
    return total + np.sum(a * b)


def sums_of_rows(a, b):
    t = np.sum(a[:, :, np.newaxis, np.newaxis] * b[np.newaxis, :, :, np.newaxis] * a[0], axis=(1, 2))
    kept = np.sum(a[:, :, np.newaxis] * b[0], axis=(0, 1), keepdims=True)
    return np.sum(t * t) + np.sum(np.sin(kept))


@pytest.mark.parametrize("f", [of_two_shapes, in_a_time_loop, behind_an_error], ids=lambda f: f.__name__)
def test_gradient(f: Any) -> None:
    assert_gradient(f, (A, B), (0, 1))


def test_sums_of_rows() -> None:
    b = RNG.standard_normal((5, 3))
    assert_gradient(sums_of_rows, (A, b), (0, 1))
    assert differentiate(sums_of_rows)(A, b) == pytest.approx(sums_of_rows(A, b), rel=1e-13)


def test_what_does_not_fit_is_still_an_error() -> None:
    gradient = differentiate(of_two_shapes, argnums=(0, 1))
    for a, b in ((A, B[:3]), (A[:, :3], B), (A[:0], B)):
        with pytest.raises(ValueError, match="different lengths"):
            gradient.grad(a, b)
    with pytest.raises(ValueError, match="nothing to add up"):
        differentiate(behind_an_error).grad(A[:0], B)


def test_no_check_comes_before_an_assertion(uncompiled: None) -> None:
    gradient = differentiate(behind_an_assertion, argnums=(0, 1), cache=False)
    for a, error, message in (
        (-np.ones((2, 3)), AssertionError, "negative"),
        (3.0 * np.ones((2, 3)), AssertionError, "large"),
        (np.ones((2, 3)), ValueError, "different lengths"),
    ):
        with pytest.raises(error, match=message):
            gradient.grad(a, B)


def test_one_check_for_each_pair() -> None:
    before, after = (stages(in_a_time_loop, (A, B))[name] for name in ("simplify", "checks"))

    def checks(function: Any) -> int:
        return sum(op.primitive == "require" for op in ops_within(function.body))

    assert checks(after) < checks(before)


def rows_times(x, w, b):
    s = 0.0
    for row in x:
        s += np.sum(np.tanh(row @ w + b) ** 2)
    return s


def rows_times_behind_an_assertion(x, w, b):
    s = 0.0
    for t in range(x.shape[0]):
        assert x[t, 0] > -100.0
        s += np.sum(np.tanh(x[t] @ w + b) ** 2)
    return s


@pytest.mark.parametrize("f", [rows_times, rows_times_behind_an_assertion])
def test_nothing_is_read_outside_an_array_before_a_check_fails(uncompiled: None, f: Any) -> None:
    """Plain Python finds an index out of range, which compiled code does not."""
    own = differentiate(f)
    assert_gradient(f, (A, B.T, B[:, 0]))
    for args in ((A, A, B[0]), (A[:, :2], B.T, B[:, 0]), (A, B.T, B[0])):
        with pytest.raises(ValueError, match=r"fit|lengths"):
            own(*args)
        with pytest.raises(ValueError, match=r"fit|lengths"):
            own.grad(*args)
    assert own.grad(A[:0, :2], B.T, B[0]).shape == (0, 2)  # without a trip nothing is checked


def in_blocks(a, b):
    """Checks that lengths fit come first in the trips of both loops."""
    n, m = a.shape
    k = b.shape[0]
    out = np.zeros((max(n - k + 1, 0), max(m - 1, 0)))
    for i in range(n - k + 1):
        for j in range(m - 1):
            out[i, j] = np.sum(a[i : i + k, j : j + 2] * b)
    return np.sum(np.sin(out))


def test_checks_of_what_loops_do_not_change_come_before_them(uncompiled: None) -> None:
    a, b = RNG.standard_normal((5, 4)), RNG.standard_normal((3, 2))
    assert_gradient(in_blocks, (a, b), (0, 1))
    gradient = differentiate(in_blocks, argnums=(0, 1))
    before = gradient.gradient_source(a, b).partition("for ")[0]
    assert before.count("raise ValueError") == 1
    assert "IndexError" not in gradient.gradient_source(a, b)
    with pytest.raises(ValueError, match="different lengths"):
        gradient.grad(a, b[:, :1].repeat(3, axis=1))
    for short in (a[:2], a[:, :1]):  # no trip, no check
        assert not np.any(gradient.grad(short, b[:, :1].repeat(3, axis=1))[0])
