"""What is a view in NumPy sees later writes here too, or must not be read after them; layouts; no dimensions; draws."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from srcdiff import DifferentiationError, differentiate, value_and_grad
from tests.programs.table import numbers
from tests.truth import assert_gradient

X = numbers(6, seed=31)
M = numbers(3, 4, seed=32)


def seen_through_views(m):
    m = m.copy()
    a, b, c = np.swapaxes(m, 0, 1), np.flip(m, 1), np.moveaxis(m, 0, -1)
    first, second = np.split(m[0], 2)
    deep = np.expand_dims(m, 1)
    m *= 2.0
    first += 1.0
    second[:] = m[1, 2:] * first
    deep[2, 0, 1] = 0.25
    return np.sum(a[1] * b[:, 2]) + np.sum(c[0] ** 2) + m[2, 1]


def written_through_views(m):
    m = m.copy()
    np.rot90(m)[0] *= 3.0
    np.atleast_3d(m)[1, :, 0] += m[0]
    np.hsplit(m, 2)[1][:, 0] = 0.5
    np.transpose(m)[0] -= 1.0
    np.squeeze(m[None], axis=0)[2] **= 2
    return np.sum(m**3)


def written_through_other_shapes(m):
    y = m.copy()
    y[:, 1].reshape(3, 1)[2, 0] += m[0, 2]
    line, pairs = y.ravel(), y.reshape(2, 6)
    line[3] = m[1, 1] ** 2
    pairs[1, 1] *= 3.0
    y[2, 3] = pairs[0, 3] * m[0, 0]
    pairs.T[4] -= y[1, 0]
    for k in range(1, 6):
        line[k] += 0.3 * line[k - 1] * line[k]
    return np.sum(y**2) + np.sum(line**3) + np.sum(pairs[0] * pairs[1])


def written_through_other_shapes_in_branches(m):
    y = m * 1.0
    for t in range(3):
        line = y[1:].reshape(-1)
        if m[0, 0] * t > 0.3:
            line[t] = 2.0 * m[0, 0]
        else:
            y[2, t] = 3.0 * line[1]
        y[0] *= y[1]
    return np.sum(y**2)


def an_argument_written_through_its_line(m):
    line = m.reshape(-1)
    line[0] = 2.0 * line[1]
    return np.sum(m * m)


def is_a_copy(m):
    rolled, repeated, upper = np.roll(m, 1), np.repeat(m, 2), np.triu(m)
    stacked, ordered = np.stack((m, m)), np.sort(m)
    m[0, 0] = 7.0
    return np.sum(rolled[0] ** 2) + np.sum(repeated**2) + np.sum(upper * stacked[1]) + ordered[0, 0] * m[0, 0]


def may_be_a_copy_in_c_order(m):
    y = np.ascontiguousarray(m)
    y[0, 0] = 5.0 * m[0, 1]
    return m[0, 0] * 2.0 + np.sum(y * y)


def may_be_a_copy_of_the_transpose(m):
    y = np.ascontiguousarray(m.T)
    y[0, 0] = 5.0 * m[0, 1]
    return m[0, 0] * 2.0 + np.sum(y * y)


def may_be_a_copy_in_fortran_order(m):
    y = np.asfortranarray(m)
    y[0, 0] = 5.0 * m[0, 1]
    z = np.asarray(m.T, order="F")
    z[1, 1] = 3.0
    return m[0, 0] * 2.0 + np.sum(y * y) + m[1, 1] * m[0, 1]


def is_no_copy(m):
    y = np.array(m, copy=False)
    y[0, 0] = 5.0 * m[0, 1]
    z = y.astype(np.float64, copy=False)
    z[1, 1] = y[1, 2] ** 2
    return m[0, 0] * 2.0 + m[1, 1]


def is_flattened_into_a_copy(m):
    y, z = m.flatten(), m[0].flatten()
    y[0] = 5.0 * m[0, 1]
    z[1] = 3.0
    return m[0, 0] * 2.0 + m[0, 1] + np.sum(y * y) + np.sum(z)


def elementwise_in_place(x):
    y = x.copy()
    y[:] = y * 2.0 + np.sin(y)
    np.multiply(y, x, out=y)
    y[1:] = y[:-1] * 0.5
    y += y[::-1]
    return np.sum(y**2)


@pytest.mark.parametrize(
    "function",
    [
        seen_through_views,
        written_through_views,
        written_through_other_shapes,
        written_through_other_shapes_in_branches,
        an_argument_written_through_its_line,
        is_a_copy,
    ],
)
def test_views(function):
    assert_gradient(function, (M,))


@pytest.mark.parametrize("m", [M, np.asfortranarray(M)], ids=["C", "F"])
@pytest.mark.parametrize(
    "function",
    [
        may_be_a_copy_in_c_order,
        may_be_a_copy_of_the_transpose,
        may_be_a_copy_in_fortran_order,
        is_no_copy,
        is_flattened_into_a_copy,
    ],
)
def test_copies_where_numpy_makes_them(function, m):
    """Whether an order in memory asks for a copy depends on that of the argument."""
    assert_gradient(function, (m,))


def test_stores_of_what_reads_the_target():
    assert_gradient(elementwise_in_place, (X,))
    text = differentiate(elementwise_in_place).gradient_source(X)
    assert text.count("np.empty(") <= 4, "a whole-array temporary where element by element would do"


def stored_into_what_is_read(x):
    y, p = x * x, np.cumsum(x * x + 0.1)
    y[:] = np.interp(y, p, y)
    y[:] = np.polyval(y, x * 0.3)
    y[np.array([0, 1, 0])] = y[::-1][:3]
    np.add.at(y, np.array([2, 2, 5]), y[3:])
    y[1:] = np.flip(y)[:-1]
    y[x > 0.0] = y[::2][0] * y[x > 0.0]
    for k in range(3):
        y = np.sort(y * 1.1 - k * x)
    return np.sum(y * x)


def test_stores_of_functions_of_the_target():
    assert_gradient(stored_into_what_is_read, (X,))


def diagonal_read_after_a_write(m):
    d = np.diagonal(m)
    m[0, 0] = 5.0
    return np.sum(d)


def broadcast_read_after_a_write(m):
    wide = np.broadcast_to(m[0], (2, 4))
    m[0, 0] = 5.0
    return np.sum(wide)


def windows_read_after_a_write(m):
    windows = sliding_window_view(m[0], 2)
    m[0, 1] = 5.0
    return np.sum(windows)


def too_long_a_window(m):
    return np.sum(sliding_window_view(m[0], m.shape[1] + 1))


def test_windows_fit():
    for f in (too_long_a_window, value_and_grad(too_long_a_window)):
        with pytest.raises(ValueError, match="window"):
            f(M)


@pytest.mark.parametrize(
    "function", [diagonal_read_after_a_write, broadcast_read_after_a_write, windows_read_after_a_write]
)
def test_what_shares_memory_is_not_read_after_a_write(function):
    with pytest.raises(DifferentiationError, match=r"may share|share its memory"):
        value_and_grad(function)(M)


def layouts(m):
    s = np.sum(np.cumsum(m, axis=0) * np.flip(m)) + np.sum(np.sort(m, axis=1)[:, 0])
    s += np.sum(np.reshape(m, -1)[::2]) + np.sum(np.concatenate((m, m), axis=1) ** 2)
    return s + np.max(m, axis=1)[0] + np.sum(np.einsum("ij,kj->ik", m, m))


@pytest.mark.parametrize(
    "m",
    [
        pytest.param(np.asfortranarray(M), id="F"),
        pytest.param(numbers(6, 8, seed=33)[::2, ::-2], id="strided"),
        pytest.param(np.broadcast_to(numbers(4, seed=34), (1, 4)), id="read-only"),
    ],
)
def test_layouts(m):
    assert_gradient(layouts, (m,))


def of_no_dimensions(a):
    s = np.sum(a) * np.mean(a) + np.max(a) + np.ravel(a)[0] ** 2 + np.squeeze(a) + np.exp(a)
    return s + np.clip(a, 0.0, 10.0) + np.atleast_2d(a)[0, 0] + np.outer(a, a)[0, 0]


def test_arrays_of_no_dimensions():
    assert_gradient(of_no_dimensions, (np.array(1.3),))


def extremes(x):
    return np.max(x) * 2.0 + np.min(x) * 3.0


def test_extremes():
    """NaN and infinities are what NumPy says; several largest elements share."""
    f = differentiate(extremes)
    assert f(np.array([1.0, np.inf, 0.5])) == np.inf
    assert np.isnan(f(np.array([1.0, np.nan, 0.5])))
    assert f.grad(np.array([1.0, 1.0, 0.5])).tolist() == [1.0, 1.0, 3.0]
    assert f.grad(np.array([1.0, np.inf, 0.5])).tolist() == [0.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="empty"):
        f(np.empty(0))


# --------------------------------------------------------------------------------------------------- draws


def noise_in_a_loop(x, n):
    np.random.seed(7)
    s = 0.0
    for _ in range(n):
        noise = np.random.normal(0.0, 1.0, 6)
        s += np.sum(np.tanh(x * noise) ** 2)
    return s


def dropped_out(x, n):
    np.random.seed(1)
    h = x * 1.0
    for _ in range(n):
        keep = np.random.random(6) > 0.3
        h = np.tanh(h * keep + 0.1) / 0.7
    return np.sum(h * h)


def draws_of_many_kinds(x, n):
    np.random.seed(2)
    s = 0.0
    for i in range(n):
        k = np.random.randint(0, 3)
        s += x[k] * np.random.uniform(-1.0, 1.0) + np.random.exponential(2.0) * x[i % 3] ** 2
    order = np.random.permutation(6)
    s += np.sum(x[order] * np.random.rand(6)) + np.sum(np.random.standard_normal(6) * x**2)
    return s + np.sum(np.tanh(np.random.randn(4, 6) @ x)) + np.sum(x[np.random.choice(6, n)])


def langevin(x, n):
    np.random.seed(5)
    x = x.copy()
    for _ in range(n):
        x += -0.1 * x**3 + np.sqrt(0.2) * np.random.normal(0.0, 1.0, x.shape)
    return np.sum(x**2)


@pytest.mark.parametrize("function", [noise_in_a_loop, dropped_out, draws_of_many_kinds, langevin])
def test_draws_are_constants(function):
    """The numbers drawn in the forward sweep are those that the reverse sweep uses."""
    assert_gradient(function, (X, 4))
