"""LU factorisation in place, without pivoting."""

import numpy as np

ARGNUMS = (0,)
SMALL = (6,)
SIZES = [(60,), (76,), (95,), (120,)]
REPORT_SIZES = [(200,)]


def make(size, rng):
    (n,) = size
    return rng.standard_normal((n, n)) / n + np.eye(n), rng.standard_normal((n, n))


def slices(a, weight):
    for i in range(a.shape[0]):
        for j in range(i):
            a[i, j] -= a[i, :j] @ a[:j, j]
            a[i, j] /= a[j, j]
        for j in range(i, a.shape[0]):
            a[i, j] -= a[i, :i] @ a[:i, j]
    return np.sum(weight * a)


def loops(a, weight):
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            for k in range(j):
                a[i, j] -= a[i, k] * a[k, j]
            a[i, j] /= a[j, j]
        for j in range(i, n):
            for k in range(i):
                a[i, j] -= a[i, k] * a[k, j]
    total = 0.0
    for i in range(n):
        for j in range(n):
            total += weight[i, j] * a[i, j]
    return total


def jax_loss(a, weight):
    import jax
    import jax.numpy as jnp

    places = jnp.arange(a.shape[0])

    def eliminate(rest, k):
        row = jnp.where(places >= k, rest[k], 0.0)
        column = jnp.where(places > k, rest[:, k] / rest[k, k], 0.0)
        return rest - jnp.outer(column, row), (row, column)

    _, (rows, columns) = jax.lax.scan(eliminate, a, places)
    return jnp.sum(weight * (rows + columns.T))
