"""Loops over one range are joined where the order of what they store and read does not matter, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.programs.table import numbers
from tests.truth import assert_gradient


def same_element(x, n):
    a = np.zeros(n)
    b = np.zeros(n)
    for i in range(n):
        a[i] = x[i] * x[i]
    for i in range(n):
        b[i] = a[i] * x[i]
    return b[0] * b[n - 1] + b[1]


def element_behind(x, n):
    a = np.zeros(n)
    b = np.zeros(n)
    a[0] = x[0]
    for i in range(1, n):
        a[i] = x[i] * x[i - 1]
    b[0] = a[0] * x[1]
    for i in range(1, n):
        b[i] = a[i] * a[i - 1]
    return b[0] * b[n - 1] + b[1] * b[2]


def element_ahead(x, n):
    a = np.ones(n + 1)
    b = np.zeros(n)
    for i in range(n):
        a[i] = x[i] * x[i]
    for i in range(n):
        b[i] = a[i + 1] * x[i]
    return b[0] * b[n - 1] + b[1]


def stores_what_was_read(x, n):
    a = x.copy()
    b = np.zeros(n)
    for i in range(1, n):
        b[i] = a[i - 1] * a[i]
    for i in range(1, n):
        a[i] = b[i] * 0.5
    return a[1] * a[n - 1] + b[2]


def fixed_element_between(x, n):
    a = np.ones(n)
    b = np.zeros(n)
    for i in range(1, n):
        a[i] = x[i] * x[i]
    a[2] = a[2] * x[0]
    for i in range(1, n):
        b[i] = a[i] * x[i]
    return b[1] * b[2] + b[n - 1]


def recurrence_beside(x, n):
    a = np.ones(n)
    b = np.zeros(n)
    for i in range(1, n):
        a[i] = a[i - 1] * x[i]
    for i in range(1, n):
        b[i] = a[i] * x[i]
    return b[1] * b[n - 1]


X = numbers(6, seed=5)
JOINED = [same_element, element_behind]
APART = [element_ahead, stores_what_was_read, fixed_element_between, recurrence_beside]


def joins(function: Any, monkeypatch: pytest.MonkeyPatch) -> bool:
    from srcdiff import pipeline

    found: list[bool] = []
    join = pipeline.join_loops

    def watched(before: Any) -> Any:
        after = join(before)
        found.append(after is not before)
        return after

    monkeypatch.setattr(pipeline, "join_loops", watched)
    differentiate(function, cache=False).gradient_source(X, 6)
    return any(found)


@pytest.mark.parametrize("function", JOINED + APART, ids=lambda f: f.__name__)
def test_gradient(function: Any) -> None:
    assert_gradient(function, (X, 6), 0)


@pytest.mark.parametrize("function", JOINED + APART, ids=lambda f: f.__name__)
def test_joined_only_where_the_order_does_not_matter(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert joins(function, monkeypatch) is (function in JOINED)
