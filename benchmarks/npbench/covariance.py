"""Covariance of the columns of a table."""

import numpy as np

ARGNUMS = (0,)
SMALL = (9, 4)
SIZES = [(100, 40), (200, 40), (400, 40), (800, 40)]
REPORT_SIZES = [(500, 200)]


def make(size, rng):
    n, m = size
    return rng.standard_normal((n, m)), rng.standard_normal((m, m))


def slices(data, weight):
    n, m = data.shape
    data -= np.mean(data, axis=0)
    cov = np.zeros((m, m))
    for i in range(m):
        cov[i:m, i] = data[:, i] @ data[:, i:m] / (n - 1.0)
        cov[i, i:m] = cov[i:m, i]
    return np.sum(weight * cov)


def loops(data, weight):
    n, m = data.shape
    for j in range(m):
        mean = 0.0
        for i in range(n):
            mean += data[i, j]
        mean /= n
        for i in range(n):
            data[i, j] -= mean
    cov = np.zeros((m, m))
    for i in range(m):
        for j in range(i, m):
            for k in range(n):
                cov[i, j] += data[k, i] * data[k, j]
            cov[i, j] /= n - 1.0
            cov[j, i] = cov[i, j]
    total = 0.0
    for i in range(m):
        for j in range(m):
            total += weight[i, j] * cov[i, j]
    return total


def jax_loss(data, weight):
    import jax.numpy as jnp

    centred = data - jnp.mean(data, axis=0)
    return jnp.sum(weight * (centred.T @ centred / (data.shape[0] - 1.0)))
