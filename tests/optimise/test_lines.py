"""Arrays of which each trip uses one row are one row; nests share a trip for what a row sums up to."""

from __future__ import annotations

import numpy as np
import pytest

from srcdiff import differentiate
from tests.truth import assert_near, true_gradient

RNG = np.random.default_rng(12)
X, W = RNG.standard_normal((4, 5)), RNG.standard_normal((4, 5))
CUBE = (RNG.standard_normal((2, 3, 4)), RNG.standard_normal((2, 3, 4)))


def softmax(x, w):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return np.sum(w * (e / np.sum(e, axis=-1, keepdims=True)))


def layer_norm(x, w):
    centred = x - np.mean(x, axis=1)[:, None]
    scale = np.sqrt(np.mean(centred * centred, axis=1) + 1e-3)
    return np.sum(w * (centred / scale[:, None]))


def in_rows(x, w):
    y = np.empty(x.shape)
    norms = np.empty(x.shape[0])
    for i in range(x.shape[0]):
        s = 0.0
        for j in range(x.shape[1]):
            y[i, j] = np.sin(x[i, j])
            s += y[i, j] ** 2
        norms[i] = s
    total = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            total += w[i, j] * y[i, j] / norms[i]
    return total


def read_again(x, w):
    """The last row is read behind the nests."""
    e = np.exp(x)
    s = np.sum(e, axis=1)
    return np.sum(w * (e / s[:, None])) + e[-1, 0] * s[0]


def neighbouring_rows(x, w):
    e = np.exp(x)
    s = np.sum(e, axis=1)
    total = 0.0
    for i in range(1, x.shape[0]):
        for j in range(x.shape[1]):
            total += w[i, j] * e[i - 1, j] / s[i]
    return total


def rows_filled_in_part(x, w):
    """What a trip leaves out of its row is zero, not what the trip before it had there."""
    y = np.zeros(x.shape)
    total = 0.0
    for i in range(x.shape[0]):
        for j in range(i, x.shape[1]):
            y[i, j] = x[i, j] ** 2
        for j in range(x.shape[1]):
            total += w[i, j] * y[i, j] * x[i, 0]
    return total


def columns(x, w):
    y = np.empty(x.shape)
    total = 0.0
    for j in range(x.shape[1]):
        s = 0.0
        for i in range(x.shape[0]):
            y[i, j] = np.exp(x[i, j])
            s += y[i, j]
        for i in range(x.shape[0]):
            total += w[i, j] * y[i, j] / s
    return total


def rows_twice(x, w):
    """An index that counts from the end finds the row of another trip."""
    n = x.shape[0]
    y = np.zeros((n, x.shape[1]))
    total = 0.0
    for i in range(-n, n):
        for j in range(x.shape[1]):
            y[i, j] += np.sin(x[i, j])
        for j in range(x.shape[1]):
            total += w[i, j] * y[i, j]
    return total


FUNCTIONS = [
    softmax,
    layer_norm,
    in_rows,
    read_again,
    neighbouring_rows,
    rows_filled_in_part,
    columns,
    rows_twice,
]


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.usefixtures("uncompiled")
def test_gradient(f):
    d = differentiate(f, argnums=(0, 1))
    value, got = d.value_and_grad(X, W)
    assert value == pytest.approx(f(X, W))
    want, error = true_gradient(f, (X, W), (0, 1))
    assert_near(got[0], want[0], 1e-11, 1e-13 + error[0])
    assert_near(got[1], want[1], 1e-11, 1e-13 + error[1])
    assert d(X, W) == pytest.approx(f(X, W))
    empty = np.zeros((0, 5))
    if f not in (read_again,):
        np.testing.assert_array_equal(d.value_and_grad(empty, empty)[1][0], empty)


@pytest.mark.parametrize("f", [softmax, in_rows, columns], ids=lambda f: f.__name__)
@pytest.mark.usefixtures("uncompiled")
def test_only_what_is_returned_has_two_axes(f):
    text = differentiate(f).gradient_source(X, W)
    assert "np.empty((" not in text
    assert not text.split("# reverse sweep")[1].count("for ")


@pytest.mark.usefixtures("uncompiled")
def test_several_loops_around_the_rows():
    f = differentiate(softmax)
    want, error = true_gradient(softmax, CUBE)
    assert_near(f.grad(*CUBE), want, 1e-11, 1e-13 + error)
    assert "np.empty((" not in f.gradient_source(*CUBE)
