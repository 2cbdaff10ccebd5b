"""Cholesky factorisation in place, in the lower triangle."""

import math

import numpy as np

ARGNUMS = (0,)
SMALL = (6,)
SIZES = [(60,), (76,), (95,), (120,)]
REPORT_SIZES = [(200,)]


def make(size, rng):
    (n,) = size
    b = rng.standard_normal((n, n))
    return b @ b.T / n + np.eye(n), rng.standard_normal((n, n))


def slices(a, weight):
    a[0, 0] = np.sqrt(a[0, 0])
    for i in range(1, a.shape[0]):
        for j in range(i):
            a[i, j] -= np.dot(a[i, :j], a[j, :j])
            a[i, j] /= a[j, j]
        a[i, i] -= np.dot(a[i, :i], a[i, :i])
        a[i, i] = np.sqrt(a[i, i])
    return np.sum(weight * np.tril(a))


def loops(a, weight):
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            for k in range(j):
                a[i, j] -= a[i, k] * a[j, k]
            a[i, j] /= a[j, j]
        for k in range(i):
            a[i, i] -= a[i, k] * a[i, k]
        a[i, i] = math.sqrt(a[i, i])
    total = 0.0
    for i in range(n):
        for j in range(i + 1):
            total += weight[i, j] * a[i, j]
    return total


def jax_loss(a, weight):
    import jax
    import jax.numpy as jnp

    places = jnp.arange(a.shape[0])

    def eliminate(rest, k):
        column = jnp.where(places >= k, rest[k], 0.0) / jnp.sqrt(rest[k, k])
        return rest - jnp.outer(column, column), column

    _, columns = jax.lax.scan(eliminate, jnp.tril(a) + jnp.tril(a, -1).T, places)
    return jnp.sum(jnp.tril(weight) * columns.T)


def lapack_loss(a, weight):
    import jax.numpy as jnp

    symmetric = jnp.tril(a) + jnp.tril(a, -1).T
    return jnp.sum(jnp.tril(weight) * jnp.linalg.cholesky(symmetric, symmetrize_input=False))
