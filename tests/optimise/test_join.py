"""Loops over one range are joined where the order of what they store and read does not matter, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from srcdiff.emit.python import print_function
from srcdiff.ir import types as ty
from srcdiff.ir.builder import constant
from srcdiff.ir.core import Block, Function, Op, Value
from srcdiff.ir.verify import verify
from srcdiff.optimise.join import join_loops
from tests.optimise.expressions import random_expressions
from tests.optimise.ranges import random_loops
from tests.optimise.stages import loaded, stages
from tests.programs.table import numbers
from tests.sampling import sampled
from tests.truth import assert_gradient, assert_near, gradient_by_complex_step


def same_element(x, n):
    a = np.zeros(n)
    b = np.zeros(n)
    for i in range(n):
        a[i] = x[i] * x[i]
    for i in range(n):
        b[i] = a[i] * x[i]
    return b[0] * b[n - 1] + b[1]


def as_far_as_each_goes(x, n, m):
    """Lengths that are clipped from the left are still two."""
    y = np.zeros(len(x))
    for i in range(max(0, n)):
        y[i] = np.sin(x[i])
    total = 0.0
    for i in range(max(0, m)):
        total += y[i] * x[i]
    return total


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(("n", "m"), [(2, 5), (5, 2), (-1, 3), (3, -2)])
def test_clipped_ranges(n: int, m: int) -> None:
    assert_gradient(as_far_as_each_goes, (numbers(6, seed=5), n, m), 0)


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


def second_starts_earlier(x, n):
    a = np.zeros(n)
    b = np.zeros(n)
    a[0] = x[0]
    for i in range(1, n):
        a[i] = x[i] * x[i - 1]
    for i in range(n):
        b[i] = a[i] * x[i]
    return b[0] * b[n - 1] + b[1]


def first_starts_earlier(x, n):
    a = np.zeros(n)
    b = np.zeros(n)
    b[1] = x[0]
    for i in range(n):
        a[i] = x[i] * x[i]
    for i in range(2, n):
        b[i] = a[i] * a[i - 1]
    return b[1] * b[n - 1] + b[2]


def starts_earlier_without_a_trip_for_sure(x, n):
    a = np.zeros(n)
    b = np.zeros(n)
    for i in range(1, n):
        a[i] = x[i] * x[i - 1]
    for i in range(n):
        b[i] = a[i] * x[i]
    return b[0] * b[n - 1] + b[1]


def changes_what_the_next_trip_reads(x, n):
    a = x.copy()
    k = np.zeros(n)
    for _ in range(3):
        k[0] = -a[0]
        for i in range(1, n):
            k[i] = a[i - 1] * a[i]
        for i in range(n):
            a[i] += 0.1 * k[i]
    return a[0] * a[n - 1] + a[1] * a[2]


def changes_what_the_trip_after_reads(x, n):
    a = x.copy()
    k = np.zeros(n)
    for i in range(n - 1):
        k[i] = a[i + 1] * a[i]
    for i in range(n - 1):
        a[i + 1] += 0.1 * k[i]
    return a[0] * a[n - 1] + a[1] * a[2]


def upwind(x, n):
    a = x.copy()
    flux = np.zeros(n)
    for _ in range(3):
        flux[0] = a[0] * a[0]
        for i in range(1, n):
            flux[i] = a[i] * a[i - 1]
        for i in range(1, n):
            a[i] -= 0.1 * (flux[i] - flux[i - 1])
    return a[0] * a[n - 1] + a[1] * a[2]


def chain_over_two_axes(x, n):
    a = x * 2.0
    b = a * np.outer(x[:, 0], x[0]) + x
    return np.sum(np.exp(b) * a)


def row_sums_of_a_product(x, n):
    a = x * x
    r = np.sum(a * x, axis=1)
    return np.sum(np.sin(r))


def transposed(x, n):
    a = x * x
    return np.sum(a.T * x)


def rows_of_the_trip_before(x, n):
    a = np.zeros((n, n))
    b = np.zeros((n, n))
    for i in range(1, n):
        for j in range(n):
            a[i, j] = a[i - 1, j] * 0.5 + x[i, j]
    for i in range(1, n):
        for j in range(n):
            b[i, j] = a[i, j] * a[i, j]
    return np.sum(b)


def rows_of_the_trip_after(x, n):
    a = x * 1.5
    b = np.zeros((n, n))
    for i in range(n - 1):
        for j in range(n):
            a[i, j] = x[i, j] * x[i, j]
    for i in range(n - 1):
        for j in range(n):
            b[i, j] = a[i + 1, j] * x[i, j]
    return np.sum(b)


def product_of_a_scaled_matrix(x, n):
    return np.sum((2.0 * x @ x[0]) ** 2)


def more_than_one_loop_in_a_row(x, n):
    a = np.zeros((n, n))
    norm = np.zeros(n)
    s = 0.0
    for i in range(n):
        for j in range(n):
            norm[i] += x[i, j] * x[i, j]
        for j in range(n):
            a[i, j] = x[i, j] / norm[i]
    for i in range(n):
        for j in range(n):
            s += np.exp(a[i, j])
        for j in range(n):
            s += x[i, j] * a[i, j]
    return s


def sum_stored_behind_the_loop(x, n):
    a = np.zeros((n, n))
    r = np.zeros(n)
    t = np.zeros(n)
    for i in range(n):
        total = 0.0
        for j in range(n):
            a[i, j] = x[i, j] * x[j, i]
            total += a[i, j]
        r[i] = total
    for i in range(n):
        for j in range(n):
            t[i] += a[i, j] * x[i, j]
    return np.sum(r * t)


def sum_read_in_the_second_loop(x, n):
    a = np.zeros((n, n))
    r = np.zeros(n)
    s = 0.0
    for i in range(n):
        total = 0.0
        for j in range(n):
            a[i, j] = x[i, j] * x[j, i]
            total += a[i, j]
        r[i] = total
    for i in range(n):
        for j in range(n):
            s += a[i, j] * r[i]
    return s


X = numbers(6, seed=5)
SQUARE = numbers(4, 4, seed=6)
NESTS_JOINED = [
    chain_over_two_axes,
    row_sums_of_a_product,
    product_of_a_scaled_matrix,
    more_than_one_loop_in_a_row,
    sum_stored_behind_the_loop,
]
NESTS_APART = [transposed, rows_of_the_trip_before, rows_of_the_trip_after, sum_read_in_the_second_loop]


def number_that_the_second_changes(x, n):
    a = np.zeros(n)
    s = 0.5 * x[0]
    for i in range(n):
        a[i] = x[i] * s
    for i in range(n):
        s = a[i]
    return s * s


JOINED = [
    same_element,
    element_behind,
    second_starts_earlier,
    first_starts_earlier,
    changes_what_the_next_trip_reads,
    upwind,
    number_that_the_second_changes,
]
APART = [
    element_ahead,
    stores_what_was_read,
    fixed_element_between,
    recurrence_beside,
    starts_earlier_without_a_trip_for_sure,
    changes_what_the_trip_after_reads,
]


def joins(function: Any, args: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch) -> bool:
    from srcdiff import stages

    found: list[bool] = []
    join = stages.join_loops

    def watched(before: Any) -> Any:
        after = join(before)
        found.append(after is not before)
        return after

    monkeypatch.setattr(stages, "join_loops", watched)
    differentiate(function, cache=False).gradient_source(*args)
    return any(found)


@pytest.mark.parametrize("function", JOINED + APART, ids=lambda f: f.__name__)
def test_gradient(function: Any, inferred_at_least: None) -> None:
    assert_gradient(function, (X, 6), 0)


@pytest.mark.parametrize("n", [1, 2])
def test_gradient_of_few_trips(n: int) -> None:
    def f(x, n):
        a = x.copy()
        k = np.zeros(n)
        k[0] = -a[0]
        for i in range(1, n):
            k[i] = a[i - 1] * a[i]
        for i in range(n):
            a[i] += 0.1 * k[i]
        return a[0] * a[n - 1]

    assert_gradient(f, (X[:n], n), 0)


def test_a_trip_that_is_not_there_is_refused_as_before() -> None:
    with pytest.raises(IndexError):
        differentiate(second_starts_earlier).grad(np.zeros(0), 0)


def two_stages(x, y, steps):
    n = len(y)
    k = np.empty(n)
    m = np.empty(n)
    for _ in range(steps):
        k[0] = x[0] - y[0]
        for i in range(1, n):
            k[i] = y[i - 1] * (x[i] - y[i])
        m[0] = x[0] - (y[0] + 0.1 * k[0])
        for i in range(1, n):
            m[i] = (y[i - 1] + 0.1 * k[i - 1]) * (x[i] - (y[i] + 0.1 * k[i]))
        for i in range(n):
            y[i] += 0.1 * (k[i] + m[i] * m[i])
    s = 0.0
    for i in range(n):
        s += (i + 1) * y[i]
    return s


def test_a_state_is_recorded_and_read_in_the_loops_that_use_it() -> None:
    args = (numbers(5, seed=3), numbers(5, seed=4), 4)
    text = differentiate(two_stages, argnums=(0, 1), cache=False).gradient_source(*args)
    assert "y_tape" in text and "for k in" not in text
    assert text.count("for i in range(1, n):  # line") == 1
    assert_gradient(two_stages, args, (0, 1))


@pytest.mark.parametrize("chunk", range(4))
def test_random_loops(chunk: int, tmp_path: Path) -> None:
    for seed in range(12 * chunk, 12 * chunk + 12):
        text = random_loops(seed)
        f = loaded(text, tmp_path, f"loops{seed}")
        seen = stages(f, (X, X, 6))
        for stage in ("join", "contract"):
            verify(seen[stage], stage)
        names: dict[str, Any] = {}
        exec(print_function(seen["clean"]), names)
        for n in (1, 2, 3, 6):
            args = (numbers(n, seed=seed), numbers(n, seed=seed + 1), n)
            try:
                value = f(*(np.copy(a) for a in args[:2]), n)
            except IndexError:
                continue
            got = names["f_grad"](*(np.copy(a) for a in args[:2]), n)
            where = f"seed {seed}, n = {n}\n{text}"
            assert_near(got[0], value, 1e-10, 1e-12, what=where)
            truth = gradient_by_complex_step(f, args, (0, 1))
            for mine, want in zip(got[1:], truth, strict=True):
                assert_near(mine, want, 1e-9, 1e-11, what=where)


@pytest.mark.parametrize("function", JOINED + APART, ids=lambda f: f.__name__)
def test_joined_only_where_the_order_does_not_matter(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert joins(function, (X, 6), monkeypatch) is (function in JOINED)


@pytest.mark.parametrize("function", NESTS_JOINED + NESTS_APART, ids=lambda f: f.__name__)
def test_nests(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert joins(function, (SQUARE, 4), monkeypatch) is (function in NESTS_JOINED)
    assert_gradient(function, (SQUARE, 4), 0)


def sum_of_a_chain(a, b, c):
    d = a * b + c
    return np.sum(np.exp(d) * a) / a.size + np.mean(d)


def test_a_chain_of_array_expressions_is_one_nest_without_temporaries() -> None:
    args = tuple(numbers(3, 4, seed=k) for k in range(3))
    text = differentiate(sum_of_a_chain, argnums=(0, 1, 2)).gradient_source(*args)
    assert text.count("for i in ") == text.count("for j in ") == 1
    assert "np.empty(" not in text and "np.zeros(" not in text
    assert_gradient(sum_of_a_chain, args, (0, 1, 2))


def test_a_scaled_matrix_needs_no_memory() -> None:
    text = differentiate(product_of_a_scaled_matrix).gradient_source(SQUARE, 4)
    assert "np.empty((" not in text


@pytest.mark.parametrize("chunk", sampled(range(4), 2))
def test_random_array_expressions(chunk: int, tmp_path: Path) -> None:
    for seed in range(12 * chunk, 12 * chunk + 12):
        text = random_expressions(seed)
        f = loaded(text, tmp_path, f"expressions{seed}")
        seen = stages(f, (SQUARE, SQUARE, SQUARE[0]), (0, 1, 2))
        for stage in ("join", "contract"):
            verify(seen[stage], stage)
        names: dict[str, Any] = {}
        exec(print_function(seen["clean"]), names)
        for n in (1, 2, 4):
            args = tuple(
                0.6 * numbers(*shape, seed=seed + k) for k, shape in enumerate(((n, n), (n, n), (n,)))
            )
            got = names["f_grad"](*(a.copy() for a in args))
            where = f"seed {seed}, n = {n}\n{text}"
            assert_near(got[0], f(*(a.copy() for a in args)), 1e-10, 1e-12, what=where)
            truth = gradient_by_complex_step(f, args, (0, 1, 2))
            for mine, want in zip(got[1:], truth, strict=True):
                assert_near(mine, want, 1e-9, 1e-11, what=where)


def test_loops_with_nothing_in_them_are_left_alone() -> None:
    empty = Block((Value("i", ty.int64),), (), ())
    n = Value("n", ty.int64)
    bounds = (constant(0, ty.int64), n, constant(1, ty.int64))
    loops = tuple(Op("for", bounds, (), (empty,)) for _ in range(2))
    function = Function("f", Block((n,), loops, ()))
    assert join_loops(function) is function
