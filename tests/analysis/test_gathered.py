"""Where sums are of elements that are looked up, the compiler is not to reorder them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import srcdiff
from srcdiff.analysis.gathered import sums_only_looked_up

X, K = np.linspace(0.5, 2.0, 6), np.array([3, 1, 5])


def looked_up(x, k):
    s = 0.0
    for i in range(len(k)):
        s += x[k[i] - 1]
    return s


def looked_up_and_added(x, k):
    s = looked_up(x, k)
    for i in range(len(x)):
        s += x[i] * x[i]
    return s


def plain(x, k):
    s = 0.0
    for i in range(len(k)):
        s += x[i] * k[i]
    return s


@pytest.mark.parametrize(("f", "expected"), [(looked_up, True), (looked_up_and_added, False), (plain, False)])
def test_sums_only_looked_up(f: Any, expected: bool) -> None:
    of = srcdiff.differentiate(f)
    program = of.program(of.specs(of.bind((X, K), {})))
    assert sums_only_looked_up(program.function) is expected
