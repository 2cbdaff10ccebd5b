"""Linear algebra against extrapolated differences, where complex numbers mean something else; printed products."""

from __future__ import annotations

import numpy as np
import pytest

from srcdiff import differentiate, grad, value_and_grad
from tests.programs.table import numbers
from tests.sampling import sampled
from tests.truth import gradient_by_richardson

SQUARE = numbers(3, 3, seed=1) + 3.0 * np.eye(3)
POSITIVE = SQUARE @ SQUARE.T
APART = 0.2 * (numbers(3, 3) + numbers(3, 3).T) + np.diag([1.0, 4.0, 9.0])
TALL = numbers(5, 3)


def cholesky(A):
    L = np.linalg.cholesky(A)
    return np.sum(np.sin(L)) + L[1, 0]


def gaussian_density(A, x):
    _, size = np.linalg.slogdet(A)
    return 0.5 * (x @ np.linalg.solve(A, x)) + 0.5 * size


def eigenvalues(A):
    return np.sum(np.linalg.eigvalsh(A) ** 3)


def eigenvectors(A):
    w, v = np.linalg.eigh(A)
    return np.sum(w**3) + v[0, 1] ** 2 * v[1, 0] * v[1, 1] * w[2]


def singular_vectors(A):
    u, s, vt = np.linalg.svd(A, full_matrices=False)
    return u[0, 1] * vt[1, 0] + s[0] ** 2 + u[1, 0] * vt[0, 1]


def singular_values(A):
    return np.sum(np.linalg.svd(A, compute_uv=False) ** 3)


def orthogonal_factors(A):
    q, r = np.linalg.qr(A)
    return np.sum(np.sin(q)) + np.sum(r**2 * np.arange(3.0))


def pseudo_inverse(A):
    return np.sum(np.sin(np.linalg.pinv(A)))


def least_squares(A, b):
    return np.sum(np.sin(np.linalg.lstsq(A, b)[0]))


def least_squares_unpacked(A, B):
    x, _, _, _ = np.linalg.lstsq(A, B, rcond=None)
    return np.sum(np.sin(x))


def norms(A):
    return (
        np.linalg.norm(A)
        + 2.0 * np.linalg.norm(A, 1)
        + np.linalg.norm(A, "nuc")
        + np.linalg.norm(A, 2)
        + np.linalg.norm(A[0], 3)
        + np.linalg.norm(A[1], 1)
        + np.sum(np.linalg.norm(A, axis=1) ** 3)
        + np.linalg.norm(A, np.inf) * np.linalg.norm(A[2], np.inf)
    )


def kalman_filter(F, H, Q, R, Z, x, P):
    cost = 0.0
    for t in range(Z.shape[0]):
        x = F @ x
        P = F @ P @ F.T + Q
        y = Z[t] - H @ x
        S = H @ P @ H.T + R
        K = np.linalg.solve(S, H @ P).T
        x = x + K @ y
        P = P - K @ S @ K.T
        cost += np.linalg.slogdet(S)[1] + y @ np.linalg.solve(S, y)
    return cost


def qr_in_loop(A, n):
    q = A.copy()
    total = 0.0
    for _ in range(n):
        q, r = np.linalg.qr(A @ q)
        total += r[0, 0] * q[1, 2]
    return total


CASES = [
    (cholesky, (POSITIVE,), (0,)),
    (gaussian_density, (POSITIVE, numbers(3)), (0, 1)),
    (eigenvalues, (APART,), (0,)),
    (eigenvectors, (APART,), (0,)),
    (singular_vectors, (TALL,), (0,)),
    (singular_vectors, (np.ascontiguousarray(TALL.T),), (0,)),
    (singular_values, (np.asfortranarray(TALL),), (0,)),
    (orthogonal_factors, (TALL,), (0,)),
    (pseudo_inverse, (TALL,), (0,)),
    (least_squares, (TALL, numbers(5)), (0, 1)),
    (least_squares_unpacked, (TALL, numbers(5, 2)), (0, 1)),
    (norms, (SQUARE,), (0,)),
    (
        kalman_filter,
        (0.5 * SQUARE, numbers(2, 3), POSITIVE, np.eye(2), numbers(4, 2), numbers(3), POSITIVE),
        (0, 1, 2, 3, 5, 6),
    ),
    (qr_in_loop, (SQUARE, 3), (0,)),
]


@pytest.mark.parametrize(
    ("f", "args", "argnums"), sampled((pytest.param(*c, id=c[0].__name__) for c in CASES), 3)
)
def test_gradient(f, args, argnums) -> None:
    value, gradients = value_and_grad(f, argnums)(*args)
    assert value == pytest.approx(f(*args), rel=1e-12)
    wanted, _ = gradient_by_richardson(f, args, argnums)
    for k, got, want in zip(argnums, gradients, wanted, strict=True):
        assert got.shape == args[k].shape
        assert got == pytest.approx(np.asarray(want, float), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("f", [cholesky, eigenvalues])
def test_what_is_above_the_diagonal_is_not_read(f) -> None:
    """LAPACK reads the lower triangle: the derivative by the upper one is zero, and that by the lower one is whole."""
    got = grad(f)(POSITIVE)
    assert np.all(np.triu(got, 1) == 0.0)
    assert got[2, 0] != 0.0


def test_repeated_eigenvalues_have_no_eigenvectors_to_differentiate() -> None:
    assert grad(eigenvalues)(2.0 * np.eye(3)) == pytest.approx(12.0 * np.eye(3))
    assert not np.all(np.isfinite(grad(eigenvectors)(2.0 * np.eye(3))))


def test_singular_systems_raise() -> None:
    def inverse(A):
        return np.sum(np.linalg.inv(A))

    with pytest.raises(np.linalg.LinAlgError):
        grad(inverse)(np.ones((2, 2)))


def test_shapes_that_do_not_fit_raise() -> None:
    def product(A, B):
        return np.sum(A @ B)

    with pytest.raises(ValueError, match="do not fit"):
        grad(product)(np.ones((2, 3)), np.ones((2, 3)))


def test_sizes_that_change_raise() -> None:
    """What is recorded for each trip has one size; where nothing of another size is recorded, none is asked for."""

    def linear(W, n):
        h = np.ones((2, 2))
        for _ in range(n):
            h = h @ W
        return np.sum(h * h)

    def network(W, n):
        h = np.ones((2, 2))
        for _ in range(n):
            h = np.tanh(h @ W)
        return np.sum(h)

    W, ones = numbers(2, 3), np.ones((2, 2))
    assert grad(linear)(W, 1) == pytest.approx(2.0 * ones.T @ (ones @ W))
    assert grad(network)(numbers(2, 2), 1) == pytest.approx(
        ones.T @ (1.0 - np.tanh(ones @ numbers(2, 2)) ** 2)
    )
    with pytest.raises(ValueError, match="size"):
        grad(network)(W, 1)


def test_single_precision() -> None:
    def loss(A, B, x):
        return np.sum(np.tanh(A @ B) @ x) + np.linalg.det(A) + np.linalg.slogdet(A)[1]

    args = tuple(a.astype(np.float32) for a in (SQUARE, numbers(3, 3), numbers(3)))
    gradients = grad(loss, (0, 1, 2))(*args)
    wanted = grad(loss, (0, 1, 2))(*(a.astype(np.float64) for a in args))
    for got, want in zip(gradients, wanted, strict=True):
        assert got.dtype == np.float32
        assert got == pytest.approx(want, rel=1e-3, abs=1e-3)


def test_what_is_not_differentiated_costs_nothing() -> None:
    """One product forward, one backward: none for the inputs."""

    def loss(W, X):
        return np.sum(np.tanh(X @ W))

    text = differentiate(loss).gradient_source(numbers(3, 2), numbers(4, 3))
    assert text.count(" @ ") == 2
    assert "X.T @" in text


def test_transposes_are_not_copied() -> None:
    def loss(A, B):
        return np.sum((A.T @ B.T) * 2.0)

    text = differentiate(loss, argnums=(0, 1)).gradient_source(numbers(3, 2), numbers(4, 3))
    assert "A.T @ B.T" in text
    assert ".copy()" not in text and text.count("np.empty") <= 1


def test_the_printed_gradient_can_be_read_again() -> None:
    def loss(A, x):
        return np.sum(np.sin(A.T @ A @ x)) + np.linalg.det(A) + np.sum(np.linalg.cholesky(A @ A.T))

    x = numbers(3)
    decorated = differentiate(loss)
    space: dict = {}
    exec(decorated.gradient_source(SQUARE, x), space)
    value, gradient = space["loss_grad"](SQUARE, x)
    assert value == pytest.approx(loss(SQUARE, x))
    assert gradient == pytest.approx(decorated.grad(SQUARE, x))
