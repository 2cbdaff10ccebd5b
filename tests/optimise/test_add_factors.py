"""Products that share a factor are one product of a sum; those that do not are left alone."""

from __future__ import annotations

import numpy as np

from srcdiff import differentiate
from tests.optimise.stages import as_printed
from tests.truth import assert_gradient

RNG = np.random.default_rng(5)
X, Y, W = RNG.standard_normal((5, 3)), RNG.standard_normal((5, 3)), RNG.standard_normal((3, 3))


def products(f, *args, argnums=(0,)):
    """The products of matrices in a reverse sweep."""
    return differentiate(f, argnums=argnums).gradient_source(*args).split("reverse sweep")[1].count(" @ ")


def gram(x, w):
    return np.sum(w * (x.T @ x))


def gram_of_rows(x, w):
    return np.sum(w[:, 0] * np.sum((x.T @ x) ** 2, axis=1))


def two_right_factors(x, y, w):
    return np.sum(w * (x.T @ y)) + np.sum(w.T * (x.T @ (2.0 * y + x)))


def chained(x, w):
    p = x @ w
    return np.sum((p.T @ p) ** 2) + np.sum((x.T @ x) * w)


def factor_changed_between(x, y, w):
    total = np.sum(w * (x.T @ y))
    y[0, 0] = 3.0
    y *= x
    return total + np.sum(w.T * (x.T @ y))


def others_read_the_sum(x, w):
    c = x.T @ x
    d = np.sin(x)
    return np.sum(w * c) + np.sum(d)


def correlations(x, w):
    m = x.shape[1]
    total = 0.0
    for i in range(m - 1):
        for j in range(i + 1, m):
            r = 0.0
            for k in range(x.shape[0]):
                r += x[k, i] * x[k, j]
            total += w[i, j] * r * r
    return total


def test_gradients() -> None:
    for f in (gram, gram_of_rows, chained, others_read_the_sum):
        assert_gradient(f, (X, W), (0, 1), value_and_grad=as_printed)
    for f in (two_right_factors, factor_changed_between):
        assert_gradient(f, (X, Y, W), (0, 1, 2), value_and_grad=as_printed)
    wide = RNG.standard_normal((5, 9))
    args = wide, RNG.standard_normal((9, 9))
    assert_gradient(correlations, args, value_and_grad=as_printed)


def test_one_product_is_owed_to_a_matrix_times_itself() -> None:
    assert products(gram, X, W) == 1
    assert products(correlations, RNG.standard_normal((5, 9)), RNG.standard_normal((9, 9))) == 1


def test_single_precision_stays_single() -> None:
    x, w = X.astype(np.float32), W.astype(np.float32)
    found = as_printed(gram, (0,))(x, w)[1]
    found = found[0] if isinstance(found, tuple) else found
    assert found.dtype == np.float32
    assert np.allclose(found, x @ (w + w.T), rtol=1e-5)


def test_rows_that_only_one_side_reads_are_multiplied_whole() -> None:
    source = differentiate(correlations).gradient_source(X, W)
    assert "= x.T @ x" in source


def test_empty() -> None:
    for shape in ((0, 9), (4, 0), (4, 1)):
        x = np.ones(shape)
        m = shape[1]
        value, gradient = as_printed(correlations, (0,))(x, np.ones((m, m)))
        assert value == 0.0
        assert np.array_equal(np.asarray(gradient).reshape(shape), np.zeros(shape))
