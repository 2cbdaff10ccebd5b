"""Two trips at once: where the order allows it, with the trip that is left, and with the same results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from srcdiff.emit.show import show
from srcdiff.ir.verify import verify
from srcdiff.optimise.jam import jam_loops
from tests.optimise.stages import loaded, printed, stages
from tests.optimise.triangles import random_nest
from tests.programs.table import numbers
from tests.sampling import sampled
from tests.truth import assert_gradient, assert_near, gradient_by_complex_step


def product(a, x):
    y = np.zeros(a.shape[0])
    for i in range(a.shape[0]):
        t = 0.0
        for j in range(a.shape[1]):
            t += a[i, j] * x[j]
        y[i] = t
    total = 0.0
    for i in range(a.shape[0]):
        total += y[i] * y[i]
    return total


def largest_distance(a, x):
    largest = 0.0
    for i in range(a.shape[0]):
        distance = 0.0
        for j in range(a.shape[1]):
            distance += (a[i, j] - x[j]) * (a[i, j] - x[j])
        if distance > largest:
            largest = distance
    return largest


def triangle(a, x):
    n = a.shape[0]
    y = x.copy()
    for i in range(n):
        for j in range(i + 1, n):
            y[j] += a[i, j] * x[i]
    total = 0.0
    for i in range(n):
        total += y[i] * y[i]
    return total


def solution(a, x):
    y = x.copy()
    for i in range(a.shape[0]):
        t = 0.0
        for j in range(i):
            t += a[i, j] * y[j]
        y[i] = x[i] - t
    return y[0] * y[1] + y[2]


def recurrence(a, x):
    y = x.copy()
    for i in range(a.shape[0]):
        t = 0.0
        for j in range(i + 1):
            t += a[i, j] * y[j]
        y[i] = x[i] - t
    return y[0] * y[1] + y[2]


def rows_of_their_own(a, x):
    total = 0.0
    for i in range(a.shape[0]):
        t = 0.0
        for j in range(a.shape[1]):
            t += a[i, j] * a[i, j]
        total += t * x[i]
    return total


def swapped_beside(a, x):
    u, v = x.copy(), 2.0 * x
    s = 0.0
    for _ in range(a.shape[0]):
        for _ in range(3):
            s += 0.2 * np.tanh(np.sum(a[0] * a[0]))
            u, v = v, u
    return s * u[0] + v[1]


def repeated(f: Any) -> Any:
    """The function in a loop, where its nests are worth it."""

    def twice(a, x):
        total = 0.0
        for k in range(2):
            total += (k + 1.0) * f(a, x)
        return total

    twice.__name__ = f.__name__
    return twice


A, X = numbers(5, 5, seed=31), numbers(5, seed=32)
JAMMED = [repeated(f) for f in (product, largest_distance, triangle, solution)]
ALONE = [repeated(f) for f in (recurrence, rows_of_their_own)] + [product, swapped_beside]


@pytest.mark.parametrize("f", JAMMED + ALONE, ids=lambda f: f.__name__)
def test_gradient(f: Any, inferred_at_least: None) -> None:
    for n in (3, 4, 5):
        assert_gradient(f, (A[:n, :n].copy(), X[:n]), (0, 1))


@pytest.mark.parametrize("f", JAMMED + ALONE, ids=lambda f: f.__name__)
def test_two_trips_at_once(f: Any) -> None:
    text = differentiate(f, argnums=(0, 1)).gradient_source(A, X)
    assert (", 2):" in text) is (f in JAMMED)


def test_no_trip_and_one() -> None:
    gradient = differentiate(repeated(product), argnums=(0, 1)).grad
    for n in (0, 1):
        da, dx = gradient(A[:n].copy(), X)
        assert_near(da, 6.0 * (A[:n] @ X)[:, None] * X, 1e-12, 1e-14)
        assert_near(dx, 6.0 * A[:n].T @ (A[:n] @ X), 1e-12, 1e-14)


@pytest.mark.parametrize("chunk", sampled(range(4), 4))
def test_random_nests(chunk: int, optimised_by_llvm: None, tmp_path: Path) -> None:
    jammed = 0
    for seed in range(16 * chunk, 16 * chunk + 16):
        text = random_nest(seed)
        f = loaded(text, tmp_path, f"nest{seed}")
        seen = stages(f, (numbers(5, 6), numbers(6), 5, 6))
        both = jam_loops(seen["delay"])
        verify(both, "jam")
        jammed += show(both) != show(seen["delay"])
        alone, together = printed(seen["delay"]), printed(seen["clean"])
        for n, m in ((0, 3), (1, 3), (2, 3), (3, 3), (5, 6)):
            args = (numbers(n, m, seed=seed), numbers(m, seed=seed + 1), n, m)
            try:
                value = f(args[0].copy(), args[1].copy(), n, m)
            except IndexError:
                continue
            where = f"seed {seed}, n = {n}\n{text}"
            got = together(args[0].copy(), args[1].copy(), n, m)
            assert_near(got[0], value, 1e-10, 1e-12, what=where)
            want = alone(args[0].copy(), args[1].copy(), n, m)[1:]
            if "best = t" not in text:
                want = gradient_by_complex_step(f, args, (0, 1))
            for mine, theirs in zip(got[1:], want, strict=True):
                assert_near(mine, theirs, 1e-9, 1e-11, what=where)
    assert jammed


def looked_up(x, table, where):
    y = np.zeros(x.shape[1])
    for _ in range(2):
        for p in range(where.shape[0]):
            c = table[where[p]]
            for r in range(x.shape[1]):
                y[r] += c * x[p, r]
    return np.sum(y * y)


def test_checks_of_both_trips_come_first() -> None:
    compiled = differentiate(looked_up, argnums=(0, 1))
    x, table, where = numbers(5, 4), numbers(3), np.array([2, 0, -3, 1, 1])
    forward, _, _ = compiled.gradient_source(x, table, where).partition("# reverse sweep")
    assert "for p in range(0, t2 - 1, 2):" in forward
    assert_gradient(looked_up, (x, table, where), argnums=(0, 1))
    for place in range(5):
        wrong = where.copy()
        wrong[place] = 3
        with pytest.raises(IndexError, match="`table`"):
            compiled.grad(x, table, wrong)
