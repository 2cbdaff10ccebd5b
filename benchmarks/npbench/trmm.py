"""B = alpha A^T B with a unit lower triangle A, in place: a row reads rows that come later."""

import numpy as np

ARGNUMS = (0, 1, 2)
SMALL = (5, 4)
SIZES = [(40, 50), (56, 51), (79, 51), (112, 51)]
REPORT_SIZES = [(160, 200)]


def make(size, rng):
    m, n = size
    return 1.5, rng.standard_normal((m, m)), rng.standard_normal((m, n)), rng.standard_normal((m, n))


def slices(alpha, a, b, weight):
    for i in range(b.shape[0]):
        for j in range(b.shape[1]):
            b[i, j] += np.dot(a[i + 1 :, i], b[i + 1 :, j])
    b *= alpha
    return np.sum(weight * b)


def loops(alpha, a, b, weight):
    m, n = b.shape
    for i in range(m):
        for k in range(i + 1, m):
            for j in range(n):
                b[i, j] += a[k, i] * b[k, j]
        for j in range(n):
            b[i, j] *= alpha
    total = 0.0
    for i in range(m):
        for j in range(n):
            total += weight[i, j] * b[i, j]
    return total


def jax_loss(alpha, a, b, weight):
    import jax.numpy as jnp

    return jnp.sum(weight * (alpha * (b + jnp.tril(a, -1).T @ b)))
