"""Tapes of nests are sized at entry, and integers that go up by a constant have none."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import srcdiff
from tests.programs import nests
from tests.truth import assert_gradient

X = nests.X
ROWS = (X, nests.ROWS, nests.COLUMNS)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (nests.lower_triangle, (X,)),
        (nests.upper_triangles, (X, 2)),
        (nests.compressed_rows, ROWS),
        (nests.tetrahedron, (X,)),
        (nests.downward_triangle, (X,)),
        (nests.band, (X, 2)),
        (nests.swapped_by_length, (X, 3)),
    ],
)
def test_no_tape_grows(function: Any, args: tuple[Any, ...]) -> None:
    assert "grown" not in srcdiff.differentiate(function).gradient_source(*args)


def test_triangle_has_a_closed_form() -> None:
    assert "np.empty(n * (n - 1) // 2)" in srcdiff.differentiate(triangle).gradient_source(X)
    report = srcdiff.differentiate(triangle).tape_report(X)
    assert report.tapes["sum_tape"] == 8 * 15


def triangle(x):
    n = len(x)
    s = 0.0
    for i in range(n):
        for j in range(i):
            s = np.sin(s + x[i] * x[j])
    return s


def counters(x):
    s = 0.0
    k = 0
    while s < 3.0:
        s += x[k] ** 2 + 0.5
        k += 2
    return s


def test_counters_have_no_tape() -> None:
    text = srcdiff.differentiate(counters).gradient_source(np.ones(9))
    assert "tape" not in text


def rows_between_bounds(values, starts):
    """The lengths of slices are clipped loads: none of them is the length of all."""
    s = 0.0
    for i in range(starts.shape[0] - 1):
        for v in values[starts[i] : starts[i + 1]]:
            s = np.sin(s + v * v)
    return s


@pytest.mark.parametrize("starts", [[0, 3, 3, 7, 8], [0, 1, 2, 9, 9], [2, 2, 9, 12, 20], [0, 4, 2, 6, 7]])
def test_rows_of_different_lengths(starts: list[int]) -> None:
    args = (np.linspace(0.1, 0.9, 9), np.array(starts))
    assert_gradient(rows_between_bounds, args)
    lengths = [len(args[0][a:b]) for a, b in pairwise(starts)]
    report = srcdiff.differentiate(rows_between_bounds).tape_report(*args)
    assert 8 * sum(lengths) in report.tapes.values()


def solved_by_iteration(a, b):
    x = np.zeros_like(b)
    for _ in range(200):
        r = b - a @ x
        if np.linalg.norm(r) < 1e-9:
            break
        x = x + r / np.diag(a)
    return x @ b


def solved_by_conjugate_gradients(a, b):
    x, r = np.zeros_like(b), b.copy()
    p, rs = r.copy(), r @ r
    while True:
        if rs < 1e-18:
            break
        ap = a @ p
        alpha = rs / (p @ ap)
        x = x + alpha * p
        r = r - alpha * ap
        rs, before = r @ r, rs
        p = r + (rs / before) * p
    return b @ x


@pytest.mark.parametrize("f", [solved_by_iteration, solved_by_conjugate_gradients])
def test_a_vector_that_all_rows_read_is_recorded_once(f: Any) -> None:
    """In a loop that is left early, too: the same entries for every row."""

    def system(n: int) -> Any:
        return 4.0 * np.eye(n) + 1.0 / n, np.linspace(0.5, 1.5, n)

    sizes = [srcdiff.differentiate(f, argnums=(0, 1)).tape_report(*system(n)).bytes for n in (64, 128)]
    assert sizes[1] < 2.5 * sizes[0]
    assert_gradient(f, system(5), argnums=(0, 1))
