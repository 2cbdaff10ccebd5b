"""A cotangent that a loop adds to is held in a number, also beside other elements of its array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient


def rows_above_taken_off(a):
    n, m = a.shape
    for i in range(n):
        for k in range(i):
            for j in range(i, m):
                a[i, j] -= a[i, k] * a[k, j]
    return np.sum(a * a)


def rows_above_and_itself(a):
    n, m = a.shape
    for i in range(n):
        for k in range(i + 1):
            for j in range(i, m):
                a[i, j] -= a[i, k] * a[k, j]
    return np.sum(a * a)


@pytest.mark.parametrize(("f", "held"), [(rows_above_taken_off, True), (rows_above_and_itself, False)])
def test_beside_other_elements(uncompiled: None, f: Any, held: bool) -> None:
    for shape in ((4, 5), (1, 3), (3, 0)):
        assert_gradient(f, (numbers(*shape) * 0.5,))
    text = differentiate(f).gradient_source(numbers(4, 5))
    assert ("a_bar[i, k] += total" in text) is held, text
