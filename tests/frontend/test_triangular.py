"""Systems whose matrix is triangular: as SciPy solves them, and with the factor of Cholesky."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from srcdiff import DifferentiationError, differentiate, hessian, value_and_grad
from tests.programs.table import numbers
from tests.truth import assert_gradient, gradient_by_richardson

N = 19
LOWER = np.tril(numbers(N, N)) + 4.0 * np.eye(N)
POSITIVE = LOWER @ LOWER.T
RIGHT = numbers(N, 3)


def forward(a, b):
    return np.sum(np.sin(scipy.linalg.solve_triangular(a, b, lower=True)))


def backward(a, b):
    return np.sum(np.sin(scipy.linalg.solve_triangular(a, b)))


def transposed(a, b):
    return np.sum(np.sin(scipy.linalg.solve_triangular(a, b, trans=1, lower=True)))


def vectors(a, b):
    x = scipy.linalg.solve_triangular(a, b[:, 0], lower=True)
    return np.sum(np.sin(scipy.linalg.solve_triangular(a, x, trans="T", lower=True)))


def by_factor(k, b):
    factor = np.linalg.cholesky(k)
    return np.sum(b * np.linalg.solve(factor.T, np.linalg.solve(factor, b))) + np.sum(np.log(np.diag(factor)))


def by_changed_factor(k, b):
    factor = np.linalg.cholesky(k)
    factor[0, 1] = 0.5
    return np.sum(np.linalg.solve(factor, b) ** 2)


@pytest.mark.parametrize("f", [forward, backward, transposed, vectors])
def test_scipy(f, uncompiled: None) -> None:
    a = LOWER + np.triu(numbers(N, N), 1)
    assert_gradient(f, (a, RIGHT), (0, 1))
    a = np.where(np.tri(N, dtype=bool) == (f is not backward), a, np.nan) + 0.0
    if f is backward:
        a[np.diag_indices(N)] = 4.0
    value, gradients = value_and_grad(f, (0, 1))(a, RIGHT)
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in gradients)


def check_by_differences(f, args) -> None:
    """Complex numbers mean something else to the factorisation."""
    value, gradients = value_and_grad(f, (0, 1))(*args)
    assert value == pytest.approx(f(*args), rel=1e-12)
    wanted, _ = gradient_by_richardson(f, args, (0, 1))
    for got, want in zip(gradients, wanted, strict=True):
        assert got == pytest.approx(np.asarray(want, float), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("f", [by_factor, by_changed_factor])
def test_factor_of_cholesky(f, uncompiled: None) -> None:
    args = POSITIVE.copy(), RIGHT
    check_by_differences(f, args)
    source = differentiate(f).gradient_source(*args)
    assert ("np.linalg.solve(" not in source[source.index("def by_") :]) == (f is by_factor)


SMALL = POSITIVE[:3, :3].copy(), RIGHT[:3].copy()


def test_compiled() -> None:
    check_by_differences(by_factor, SMALL)


def test_again(uncompiled: None) -> None:
    read = [0, 3, 4, 6, 7, 8]  # the lower triangle
    found = hessian(by_factor)(*SMALL).reshape(9, 9)[np.ix_(read, read)]
    assert np.allclose(found, found.T)


def test_other_options_are_refused() -> None:
    def unit(a, b):
        return np.sum(scipy.linalg.solve_triangular(a, b, unit_diagonal=True))

    with pytest.raises(DifferentiationError, match="solve_triangular"):
        differentiate(unit).gradient_source(LOWER, RIGHT)


def test_empty(uncompiled: None) -> None:
    value, (a_bar, b_bar) = value_and_grad(forward, (0, 1))(np.zeros((0, 0)), np.zeros((0, 3)))
    assert value == 0.0
    assert a_bar.shape == (0, 0)
    assert b_bar.shape == (0, 3)
