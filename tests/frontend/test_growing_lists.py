"""Lists that grow: their gradients, how much room there is for them, and what is the same memory."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np
import pytest
from numba import float64
from numba.typed import List

from srcdiff import AliasError, UnsupportedConstruct, checkpoint, differentiate, grad, hessian, hvp
from tests.truth import assert_gradient

RNG = np.random.default_rng(11)


def numbers(*shape: int) -> Any:
    return RNG.uniform(0.5, 1.5, shape)


def all_trips(x, n):
    xs = []
    for k in range(n):
        x = np.sin(x) * (1.3 + k)
        xs.append(x)
    return np.sum(np.array(xs) ** 2)


def some_trips(x, n):
    xs = []
    for k in range(n):
        x = np.sin(3.0 * x)
        if k % 3 != 1:
            xs.append(x * x)
            xs.append(x)
        elif k == 4:
            continue
    return sum(xs) * len(xs)


def with_first_ones(x, n):
    xs = [x, 2.0 * x]
    for _ in range(n):
        xs.append(xs[-1] * xs[-2] + 0.1)
    return np.mean(xs)


def read_back(x, n):
    xs = []
    for k in range(n):
        xs.append(x * k)
    xs[1] = xs[0] * xs[1] + x
    xs[-1] += x * x
    s = 0.0
    for k, a in enumerate(xs):
        s += k * a * a
    return s + sum([a * x for a in xs[1:3]]) + max(xs)


def until(x, n):
    xs = []
    while x < n:
        x = x * 1.7
        xs.append(x)
    return np.prod(np.array(xs)) / len(xs)


def until_break(x, n):
    xs = []
    for _ in range(50):
        x = x * 1.2
        if x > n:
            break
        xs.append(x)
    return xs[-1] * len(xs) if xs else x


def pairs(x, n):
    distances = []
    for i in range(n):
        for j in range(i + 1, n):
            distances.append((x + i) * (x - j))
    return np.sum(np.sqrt(np.array(distances) ** 2 + 1.0))


def backwards(x, n):
    xs = []
    for k in range(n - 1, -1, -2):
        xs.append(x * k)
    for k in range(1, n, 3):
        xs.append(x + k)
    return np.sum(np.array(xs) * np.arange(len(xs)))


def table(x, n):
    rows = []
    for i in range(n):
        row = []
        for j in range(4):
            row.append(math.sin(x * i + j))
        rows.append(row)
    a = np.array(rows)
    return np.sum(a @ a.T)


def stack(x, n):
    xs = [x]
    for k in range(n):
        xs.append(xs[-1] * 1.5)
        if k % 3 == 2:
            a = xs.pop()
            xs[-1] = xs[-1] * a
    return sum(xs) + len(xs)


def of_a_call(x, n):
    def powers(y, count):
        found = []
        for k in range(count):
            found.append(y**k)
        return np.array(found)

    return np.sum(powers(x, n)) * np.sum(powers(x * x, n + 2)) + powers(x, 2)[1]


def by_a_closure(x, n):
    xs = []

    def add(item):
        xs.append(item)

    for k in range(n):
        add(x * k)
    return sum(xs)


def known_one_by_one(x, n):
    xs = [x]
    xs.append(x * n)
    xs += [1.0, x]
    xs.extend((x, x * x))
    last = xs.pop()
    for k in (1, 2):
        xs.append(x**k)
    return functools.reduce(lambda a, b: a * 0.5 + b, xs, xs[1] * xs[3]) + last * len(xs) + xs[-1]


def of_numba(x, n):
    xs, ys = List(), List.empty_list(float64)
    for k in range(n):
        ys.append(x * k)
    return sum(ys) + ys[-1] ** 2 + len(xs)


def integers_first(x, n):
    xs = [0]
    for _ in range(n):
        xs.append(x)
        xs.append(2)
    return np.sum(np.array(xs) ** 2)


NUMBERS = [
    all_trips,
    some_trips,
    with_first_ones,
    read_back,
    until,
    until_break,
    pairs,
    backwards,
    table,
    stack,
    of_a_call,
    by_a_closure,
    known_one_by_one,
    of_numba,
    integers_first,
]


@pytest.mark.parametrize("f", NUMBERS, ids=lambda f: f.__name__)
def test_gradients(uncompiled: None, f: Any) -> None:
    assert_gradient(f, (0.7, 5))


@pytest.mark.parametrize("f", NUMBERS, ids=lambda f: f.__name__)
def test_second_derivatives(uncompiled: None, f: Any) -> None:
    slope = grad(f)
    step = 1e-5
    wanted = (slope(0.7 + step, 5) - slope(0.7 - step, 5)) / (2.0 * step)
    np.testing.assert_allclose(hvp(f)(0.7, 5, 1.0), wanted, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(hessian(f)(0.7, 5), wanted, rtol=1e-6, atol=1e-6)


def rows(x, n):
    xs = [x]
    y = x * 1.0
    for _ in range(n):
        y = y + 0.1 * np.array([y[1], -y[0]])
        xs.append(y)
    a = np.stack(xs)
    return np.sum(a[:, 0] ** 2) + np.sum(xs[-1] * xs[0])


def rows_at_the_start_of_trips(x, n):
    xs = []
    for _ in range(n):
        xs.append(x)
        x = np.sin(x) * 1.3
    return np.sum(np.vstack(xs) ** 2) + np.sum(np.concatenate(xs) * 2.0) + np.sum(np.column_stack(xs)[0])


def rows_until(x, n):
    xs = []
    s = 0.0
    while s < n:
        x = x * 1.3
        s = np.sum(np.abs(x))
        xs.append(x * s)
    return np.sum(np.array(xs[1:])[::2]) + np.sum(np.hstack(xs))


def layers(x, n):
    xs = [x]
    for k in (1, 2, 3):
        xs.append(np.tanh(xs[-1] * k))
    return np.sum(xs[-1] * xs[1] * n)


ROWS = [rows, rows_at_the_start_of_trips, rows_until, layers]


@pytest.mark.parametrize("f", ROWS, ids=lambda f: f.__name__)
def test_gradients_of_lists_of_arrays(uncompiled: None, f: Any) -> None:
    assert_gradient(f, (numbers(2), 5))


@pytest.mark.parametrize("f", [all_trips, until, stack, rows_until], ids=lambda f: f.__name__)
def test_compiled(f: Any) -> None:
    assert_gradient(f, (numbers(2) if f is rows_until else 0.7, 5))


def replaced(x, n):
    xs = []
    s = 0.0
    for k in range(n):
        if k > 0:
            s += xs[k - 1] * xs[-1]
            xs[k - 1] = s
        xs.append(x * k)
    ys = [x, 2.0]
    ys[1] = s * x
    ys[0] += 3.0
    ys.append(x)
    return s + sum(xs) + ys[0] * ys[1] + sum(ys)


def over_nothing(x, n):
    xs = []
    for _ in range(n):
        for item in xs:
            x = x * item
    xs.append(x)
    return xs[0] ** 2


@pytest.mark.parametrize("f", [replaced, over_nothing], ids=lambda f: f.__name__)
def test_items_that_are_read_before_the_first_one_is_appended(uncompiled: None, f: Any) -> None:
    assert_gradient(f, (0.7, 4))


def test_arrays_that_became_items_can_be_read_on(uncompiled: None) -> None:
    def f(x, n):
        xs = [x]
        y = x * 2.0
        for k in range(n):
            xs.append(y)
            xs.append(x * k)
        return np.sum(xs[1] * y) + np.sum(x * xs[-1])

    assert_gradient(f, (numbers(3), 3))


def sorted_copy(x, n):
    xs = []
    for k in range(n):
        xs.append(np.sin(x * k))
    ys = xs.copy()
    ys.sort()
    ys[0] = x
    zs = [x * k for k in range(3)].copy()
    return sum([(k + 1) * y for k, y in enumerate(ys)]) + xs[0] * xs[1] + sum(zs) * len(zs)


def test_copies_and_sorting(uncompiled: None) -> None:
    assert_gradient(sorted_copy, (0.7, 5))


def rows_of(x, n):
    xs = []
    for k in range(n):
        xs.append(x * k)
    return np.sum(np.vstack(xs))


def test_no_items(uncompiled: None) -> None:
    assert grad(all_trips)(0.7, 0) == 0.0
    assert grad(until_break)(0.7, 0) == pytest.approx(1.2)
    with pytest.raises(ValueError, match="at least one array"):
        grad(rows_of)(numbers(2), 0)
    for call in (differentiate(read_back), grad(read_back)):
        with pytest.raises(IndexError, match="`xs`"):
            call(0.7, 0)


@pytest.mark.parametrize("f", [all_trips, some_trips, pairs, backwards, table, of_a_call, rows])
def test_room_for_all_items_is_there_from_the_start(f: Any) -> None:
    text = differentiate(f).gradient_source(numbers(2) if f is rows else 0.7, 5)
    assert "grown" not in text


def test_the_text() -> None:
    text = differentiate(all_trips).gradient_source(0.7, 5)
    assert "xs = np.empty(t1)" in text
    assert "xs[k] = x" in text
    assert "count" not in text  # there are as many items as trips


def test_arrays_of_other_lengths(uncompiled: None) -> None:
    def f(x, n):
        xs = []
        y = x
        for k in range(n):
            y = y[1:] * k
            xs.append(y)
        return np.sum(xs[0]) + np.sum(x)

    assert differentiate(f)(numbers(3), 1) > 0.0
    with pytest.raises(ValueError, match="items of different lengths"):
        differentiate(f)(numbers(3), 2)


def test_items_are_the_arrays_themselves() -> None:
    def f(x, n):
        xs = []
        for k in range(n):
            y = x * k
            xs.append(y)
        y = x * 5.0
        s = np.sum(xs[1])
        y *= 2.0
        return s + np.sum(y)

    assert_gradient(f, (numbers(3), 3))

    def g(x, n):
        xs = []
        y = x * 1.0
        for k in range(n):
            y = y * k
            xs.append(y)
        y *= 2.0
        return np.sum(xs[-1])

    with pytest.raises(AliasError):
        grad(g)(numbers(3), 3)


def test_float32(uncompiled: None) -> None:
    def f(x, n):
        xs = []
        for k in range(n):
            xs.append(x[k] * np.float32(k))
        return np.sum(np.array(xs))

    gradient = grad(f)(np.ones(3, np.float32), 3)
    assert gradient.dtype == np.float32
    np.testing.assert_array_equal(gradient, [0.0, 1.0, 2.0])


def test_another_name_for_a_copy(uncompiled: None) -> None:
    def f(x, n):
        xs = []
        for k in range(n):
            xs.append(x * k)
        ys, zs, a = xs[:], xs.copy(), np.array(xs)
        for _ in range(n):
            xs.append(x)
        return sum(ys) * len(zs) + np.sum(a) + sum(xs)

    assert_gradient(f, (0.7, 4))


def dp(x, y):
    n, m = len(x), len(y)
    D = [[0.0] * (m + 1) for _ in range(n + 1)]
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            D[i][j] = (x[i - 1] - y[j - 1]) ** 2 + 0.5 * (D[i - 1][j] + D[i][j - 1] * D[i - 1][j - 1])
    return D[n][m]


def rows_fresh(x):
    rows = []
    for _ in range(4):
        rows.append(np.zeros(len(x)))
    for i in range(4):
        rows[i][i] = x[i] ** 2
        rows[i] += x
    return np.sum(np.array(rows) ** 2)


def twice_same(x):
    rows = []
    for _ in range(2):
        rows.append(x * 1.0)
    r = rows[0]
    r[0] = 7.0
    rows[1][1] *= 2.0
    return np.sum(np.array(rows) ** 2 * np.arange(len(x)))


def inner_list(x):
    rows = []
    for i in range(3):
        rows.append([x[i], 2.0])
    rows[1][0] = x[0] * x[1]
    return sum(r[0] * r[1] for r in rows)


def test_items_without_another_name_are_written(uncompiled: None) -> None:
    assert_gradient(dp, (numbers(4), numbers(5)))
    for f in (rows_fresh, twice_same, inner_list):
        assert_gradient(f, (numbers(9),))


def held(x):
    rows = []
    v = x.copy()
    for _ in range(2):
        rows.append(v)
    rows[0][0] = 5.0
    return np.sum(np.array(rows) ** 2) + v[0]


def given(x):
    rows = []
    for _ in range(2):
        rows.append(x)
    rows[0][0] = 5.0
    return np.sum(np.array(rows) ** 2)


def ident(v):
    return v


def through(x):
    rows = []
    y = x.copy()
    for _ in range(2):
        rows.append(ident(y))
    rows[0][0] = 7.0
    return np.sum(np.array(rows) ** 2) + y[0]


def comp_held(X):
    rows = [r for r in X if r[0] > 0.0]
    rows[0][0] = 1.0
    return np.sum(np.array(rows) ** 2)


def reshaped(x):
    y = x.copy()
    rows = []
    for _ in range(2):
        rows.append(y.reshape(3, 3))
    rows[0][0, 0] = 5.0
    return np.sum(np.array(rows) ** 2) + y[0]


@pytest.mark.parametrize("f", [held, given, through, comp_held, reshaped])
def test_items_with_another_name_are_not(f: Any) -> None:
    with pytest.raises(UnsupportedConstruct, match="an item of a list of arrays is written"):
        differentiate(f).grad(numbers(3, 3) if f is comp_held else numbers(9))


def until_full(x, n):
    """A list of each trip, of which the length follows from what is in it."""
    s = x
    for _ in range(n):
        xs = [s]
        while len(xs) < 4:
            xs.append(x)
        s = np.sin(sum(xs)) * s
    return s


def in_some(x, n):
    s = x
    if n > 2:
        xs = [s]
        while len(xs) < 4:
            xs.append(xs[-1] * 0.9)
        s = math.sin(sum(xs))
    return s * s


def of_calls(x, n):
    if n == 0:
        return x
    xs = [x]
    while len(xs) < 3:
        xs.append(xs[-1] * x)
    return of_calls(math.sin(sum(xs)), n - 1)


def over_segments(x, n):
    xs = [x]
    for _ in checkpoint(range(n)):
        xs.append(math.sin(xs[-1] * 1.5))
    return sum(xs)


# Plain Python refuses an index that is out of range, of which compiled code takes no notice.
@pytest.mark.parametrize("f", [until_full, in_some, of_calls, over_segments])
def test_room_for_the_cotangents_of_all_items(uncompiled: None, f: Any) -> None:
    assert_gradient(f, (0.7, 9))


def arrays_of_each_trip(x, n):
    s = x.copy()
    for k in range(n):
        xs = []
        for j in range(k % 3 + 1):
            xs.append(s * (j + 1))
        s = np.sin(np.sum(np.stack(xs), axis=0))
    return s.sum()


def test_room_for_the_cotangents_of_arrays(uncompiled: None) -> None:
    assert_gradient(arrays_of_each_trip, (0.3 * numbers(3), 4))


def hidden_states(x, p):
    h = np.zeros(3)
    hs = []
    for t in range(len(x)):
        h = np.tanh(x[t] @ p["W"] + h @ p["layers"][0]["U"] + p["layers"][1])
        hs.append(h)
    return np.sum(np.stack(hs) ** 2)


def test_items_as_long_as_what_is_in_a_structure(uncompiled: None) -> None:
    p = {"W": numbers(2, 3), "layers": [{"U": numbers(3, 3)}, numbers(3)]}
    assert_gradient(hidden_states, (numbers(4, 2), p))


SIZES = (3, 5, 2)


def layers_of(theta, sizes):
    layers = []
    k = 0
    for m, n in itertools.pairwise(sizes):
        w = theta[k : k + m * n].reshape(m, n)
        k += m * n
        layers.append((w, theta[k : k + n]))
        k += n
    return layers


def in_pairs(theta, x):
    for w, b in layers_of(theta, SIZES):
        x = np.tanh(x @ w + b)
    return np.sum(x)


def in_two_lists(theta, x):
    ws, bs = [], []
    k = 0
    for i in range(len(SIZES) - 1):
        m, n = SIZES[i], SIZES[i + 1]
        ws.append(theta[k : k + m * n].reshape(m, n))
        bs.append(theta[k + m * n : k + m * n + n])
        k += m * n + n
    for w, b in zip(ws, bs, strict=True):
        x = np.tanh(x @ w + b)
    return np.sum(x)


def of_any_kind(theta, x):
    parts = []
    for k, name in enumerate((2, 0, 1)):
        parts.append({"scale": x[name], "part": theta[k : 2 * k + 1]})
    return sum([part["scale"] * np.sum(part["part"] ** 2) for part in parts])


@pytest.mark.parametrize("f", [in_pairs, in_two_lists, of_any_kind])
def test_loops_over_a_few_numbers_make_items_of_any_kind(uncompiled: None, f: Any) -> None:
    assert_gradient(f, (numbers(32), numbers(3)))
