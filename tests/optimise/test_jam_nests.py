"""Two trips at once around a nest, of loops that go up and down, over triangles and rectangles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from srcdiff.emit.show import show
from srcdiff.ir.verify import verify
from srcdiff.optimise.jam_nests import jam_nests
from tests.optimise.stages import as_printed, loaded, printed, stages
from tests.optimise.trees import random_tree
from tests.programs.table import numbers
from tests.sampling import sampled
from tests.truth import assert_gradient, assert_near


def eliminated(a, b):
    n = a.shape[0]
    for i in range(n):
        for k in range(i):
            g = a[i, k] / (2.0 + a[k, k])
            a[i, k] = g
            for j in range(k + 1, n):
                a[i, j] -= g * a[k, j]
    return np.sum(a * b)


def upwards(a, b):
    n = a.shape[0]
    for i in range(n):
        for k in range(i + 1, n):
            g = b[i, k] * 0.5
            for j in range(n):
                a[i, j] += g * b[k, j] * b[k, j]
    return np.sum(a * a * b)


def rectangle(a, b):
    n = a.shape[0]
    for i in range(n):
        for k in range(n):
            g = np.sin(b[i, k])
            for j in range(k, n):
                a[i, j] -= g * b[k, j]
    return np.sum(a * a)


def checked(a, b):
    n = a.shape[0]
    for i in range(n):
        if b.shape[1] < i:
            raise ValueError("too short")
        for k in range(i):
            g = a[i, k] * 0.5
            for j in range(k, n):
                a[i, j] -= g * b[k, j]
    return np.sum(a * a)


def next_row(a, b):
    """A trip reads the row that the one before has stored."""
    n = a.shape[0]
    for i in range(1, n):
        for k in range(n):
            g = b[i, k]
            for j in range(k, n):
                a[i, j] -= g * b[k, j] * a[i - 1, j]
    return np.sum(a * a)


def two_more(a, b):
    """A trip makes two more trips of the loop in it than the one before."""
    n = a.shape[0]
    for i in range(n // 2):
        for k in range(2 * i):
            g = a[i, k] * 0.5
            a[i, k] = g
            for j in range(k + 1, n):
                a[i, j] -= g * b[k, j]
    return np.sum(a * b)


def stored_twice(a, b):
    """A trip of the innermost loop reads what it has stored."""
    n = a.shape[0]
    for i in range(n):
        for k in range(i):
            g = b[i, k] * 0.5
            a[i, k] = g
            for j in range(k + 1, n):
                a[i, j] -= 0.3 * a[k, j]
                a[i, j] -= g * a[k, j]
    return np.sum(a * b)


def convolved(a, b):
    """A tree of loops: rows of `b` are the same in both trips, those of `out` are each trip's own."""
    n = max(a.shape[0] - 1, 0)
    out = np.empty((n, b.shape[1]))
    for j in range(n):
        for o in range(b.shape[1]):
            out[j, o] = 0.5
        for p in range(2):
            for q in range(b.shape[0]):
                for o in range(b.shape[1]):
                    out[j, o] += a[j + p, q] * b[q, o]
    return np.sum(out * out)


def summed_up(a, b):
    """Numbers are carried through the loops of the tree, and added to an element where they are large."""
    n = a.shape[0]
    y = np.zeros(n)
    for i in range(n):
        t = 0.1
        for k in range(n):
            for j in range(n):
                t += b[k, j] * np.sin(a[i, j])
            t *= 0.5
        if t > 0.1:
            y[i] += t
    return np.sum(y * y)


def carried(a, b):
    """The longer loop of a triangle carries a number."""
    n = a.shape[0]
    for i in range(n):
        g = 0.5
        for k in range(i):
            g = 0.5 * g + b[i, k]
            for j in range(n):
                a[i, j] -= g * b[k, j]
    return np.sum(a * a)


JAMMED = [convolved, summed_up, eliminated, upwards, rectangle, stored_twice]
ALONE = [next_row, two_more, carried]
A, B = 0.5 * numbers(5, 5, seed=81), numbers(5, 5, seed=82)


@pytest.mark.parametrize("f", [*JAMMED, checked, *ALONE])
def test_gradient(f: Any) -> None:
    for n in (0, 1, 2, 4):
        assert_gradient(f, (A[:n, :n].copy(), B[:n, :n].copy()), (0, 1), value_and_grad=as_printed)


@pytest.mark.parametrize("f", JAMMED + ALONE)
def test_two_trips_at_once(f: Any) -> None:
    seen = stages(f, (A, B))
    verify(seen["jam nests"], "jam nests")
    verify(seen["jam"], "jam")
    assert (show(seen["jam nests"]) != show(seen["delay"])) is (f in JAMMED)


def steps_downwards(a, b):
    """Loops of the user's own that take two steps at once."""
    s = 0.0
    for i in range(a.shape[0] - 1, 0, -2):
        for j in range(i - 2, -1, -2):
            s += a[i, 0] * a[j, 1] * (i - j)
            b[j, 0] += a[i, 1] * a[j, 0]
        for j in range(0, i, 2):
            b[j, 1] += a[i, 0] * s
        for j in range(i, 0, -1):
            b[j, 0] += a[i, 0] * a[j, 0]
    return s + np.sum(b * b)


def test_steps_of_two_that_are_not_two_trips() -> None:
    for n in (2, 3, 4, 5):
        assert_gradient(steps_downwards, (A[:n].copy(), B[:n].copy()), (0, 1), value_and_grad=as_printed)


@pytest.mark.parametrize("chunk", sampled(range(6), 6))
def test_random_trees(chunk: int, optimised_by_llvm: None, tmp_path: Path) -> None:
    jammed = 0
    for seed in range(16 * chunk, 16 * chunk + 16):
        text = random_tree(seed)
        f = loaded(text, tmp_path, f"tree{seed}")
        before = stages(f, (numbers(5, 6), numbers(6), 5, 6))["delay"]
        after = jam_nests(before)
        verify(after, "jam nests")
        if show(after) == show(before):
            continue
        jammed += 1
        alone, together = printed(before), printed(after)
        for n, m in ((0, 3), (1, 3), (2, 3), (3, 4), (4, 4), (5, 6)):
            args = (numbers(n, m, seed=seed), numbers(m, seed=seed + 1), n, m)
            try:
                f(args[0].copy(), args[1].copy(), n, m)
            except IndexError:
                continue
            got, want = (g(args[0].copy(), args[1].copy(), n, m) for g in (together, alone))
            for mine, theirs in zip(got, want, strict=True):
                assert_near(mine, theirs, 1e-10, 1e-12, what=f"seed {seed}, n = {n}\n{text}")
    assert jammed


def test_loads_before_a_loop_need_a_trip_of_it() -> None:
    """An element that no trip reads may lie outside of its array."""
    compiled = differentiate(convolved, argnums=(0, 1))
    a, b = numbers(5, 3, seed=5), numbers(3, 4, seed=6)
    lines = compiled.gradient_source(a, b).splitlines()
    place = next(k for k, line in enumerate(lines) if "= a[t" in line or "= a[j" in line)
    guard = next(line for line in reversed(lines[:place]) if line.strip().startswith("if "))
    assert "> 0:" in guard, guard
    da, db = compiled.grad(numbers(5, 1, seed=7), np.empty((4, 0)))
    assert not da.any() and db.shape == (4, 0)
