"""Tapes of nests are sized at entry, and integers that go up by a constant have none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import srcdiff
from tests.programs import nests

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
