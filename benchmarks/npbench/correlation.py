"""Correlation of the columns of a table."""

import math

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
    mean = np.mean(data, axis=0)
    deviation = np.std(data, axis=0)
    deviation[deviation <= 0.1] = 1.0
    data -= mean
    data /= np.sqrt(float(n)) * deviation
    corr = np.eye(m)
    for i in range(m - 1):
        corr[i + 1 :, i] = corr[i, i + 1 :] = data[:, i] @ data[:, i + 1 :]
    return np.sum(weight * corr)


def loops(data, weight):
    n, m = data.shape
    for j in range(m):
        mean = 0.0
        for i in range(n):
            mean += data[i, j]
        mean /= n
        spread = 0.0
        for i in range(n):
            spread += (data[i, j] - mean) ** 2
        deviation = math.sqrt(spread / n)
        if deviation <= 0.1:
            deviation = 1.0
        for i in range(n):
            data[i, j] = (data[i, j] - mean) / (math.sqrt(float(n)) * deviation)
    corr = np.eye(m)
    for i in range(m - 1):
        for j in range(i + 1, m):
            corr[i, j] = 0.0
            for k in range(n):
                corr[i, j] += data[k, i] * data[k, j]
            corr[j, i] = corr[i, j]
    total = 0.0
    for i in range(m):
        for j in range(m):
            total += weight[i, j] * corr[i, j]
    return total


def jax_loss(data, weight):
    import jax.numpy as jnp

    n, m = data.shape
    deviation = jnp.std(data, axis=0)
    deviation = jnp.where(deviation <= 0.1, 1.0, deviation)
    data = (data - jnp.mean(data, axis=0)) / (jnp.sqrt(float(n)) * deviation)
    off = 1.0 - jnp.eye(m)
    return jnp.sum(weight * (off * (data.T @ data) + jnp.eye(m)))
