"""y = A^T (A x)."""

import numpy as np

ARGNUMS = (0, 1)
SMALL = (5, 4)
SIZES = [(100, 120), (140, 170), (200, 240), (280, 340)]
REPORT_SIZES = [(900, 1_000)]


def make(size, rng):
    m, n = size
    return rng.standard_normal((m, n)), rng.standard_normal(n), rng.standard_normal(n)


def slices(a, x, weight):
    return np.sum(weight * ((a @ x) @ a))


def loops(a, x, weight):
    m, n = a.shape
    y = np.zeros(n)
    for i in range(m):
        t = 0.0
        for j in range(n):
            t += a[i, j] * x[j]
        for j in range(n):
            y[j] += a[i, j] * t
    total = 0.0
    for j in range(n):
        total += weight[j] * y[j]
    return total


def jax_loss(a, x, weight):
    import jax.numpy as jnp

    return jnp.sum(weight * ((a @ x) @ a))
