"""Nests over the rows of one matrix are joined where no trip waits for a later one of the other nest."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from tests.optimise.stages import stages, text_of
from tests.programs.table import numbers
from tests.truth import assert_gradient


def products_from_both_sides(a, x, y):
    return np.sum(np.sin(a @ y[: a.shape[1]])) + np.sum((x[: a.shape[0]] @ a) ** 2)


def product_of_product(a, x, y):
    return np.sum(y[: a.shape[1]] ** 2 * (a.T @ (a @ y[: a.shape[1]])))


def changed_rows(a, x, y):
    n, m = a.shape
    c = a.copy()
    z = np.zeros(m)
    for i in range(n):
        for j in range(m):
            c[i, j] += x[i] * y[j]
    x[:n] *= 2.0
    for i in range(n):
        for j in range(m):
            z[j] += c[i, j] * y[i]
    return np.sum(z * z) + np.sum(x)


def vector_between_that_the_second_reads(a, x, y):
    n, m = a.shape
    z = np.zeros(m)
    q = np.zeros(n)
    for i in range(n):
        for j in range(m):
            z[j] += a[i, j] * x[i]
    for j in range(m):
        z[j] = z[j] * z[j]
    for i in range(n):
        for j in range(m):
            q[i] += a[i, j] * z[j]
    return np.sum(q * q)


def reads_what_later_trips_store(a, x, y):
    n, m = a.shape
    q = np.ones(n + 1)
    z = np.zeros(m)
    for i in range(n):
        for j in range(m):
            q[i] = q[i] + a[i, j] * y[j]
    for i in range(n):
        for j in range(m):
            z[j] += a[i, j] * q[i + 1]
    return np.sum(z * z) + np.sum(q * q)


def stores_what_later_trips_read(a, x, y):
    n, m = a.shape
    c = a.copy()
    z = np.zeros(m)
    for i in range(n):
        for j in range(m):
            z[j] += c[i, j] * c[n - 1, j]
    for i in range(n):
        for j in range(m):
            c[i, j] = c[i, j] * x[i]
    return np.sum(z * z) + np.sum(c)


def triangle_again_and_again(a, x, y):
    n, m = a.shape
    c = a.copy()
    for i in range(n):
        for k in range(i):
            for j in range(m):
                c[i, j] -= c[k, j] * x[i]
    for i in range(n):
        for j in range(m):
            c[i, j] = c[i, j] * y[j]
    return np.sum(c * c)


JOINED = [products_from_both_sides, product_of_product, changed_rows]
LEFT = [
    vector_between_that_the_second_reads,
    reads_what_later_trips_store,
    stores_what_later_trips_read,
    triangle_again_and_again,
]


def nests(text: str) -> int:
    """How many loops that are in no other loop hold others and read a matrix: what `outer_products.py` takes out of
    them only writes one."""
    bodies = (body.split("\n    #")[0] for body in text.split("\n    for ")[1:])
    return sum(
        "\n        for " in body and re.search(r"= .*\w\[\w+, \w+\]", body) is not None for body in bodies
    )


@pytest.mark.parametrize("f", JOINED + LEFT, ids=lambda f: f.__name__)
def test_gradient(uncompiled: None, f: Any) -> None:
    for n, m in ((3, 4), (4, 1)):
        assert_gradient(f, (numbers(n, m), numbers(5), numbers(6)), (0, 1, 2))


@pytest.mark.parametrize("f", JOINED + LEFT, ids=lambda f: f.__name__)
def test_joined(f: Any) -> None:
    seen = stages(f, (numbers(3, 4), numbers(5), numbers(6)), (0, 1, 2))
    text = text_of(seen["delay"])
    assert (nests(text) == 2) is (f in JOINED), text
