"""A rank-two update of a matrix, and products with it and its transpose."""

import numpy as np

ARGNUMS = (0, 1, 2, 3, 4, 5, 6, 7, 8)
SMALL = (5,)
SIZES = [(110,), (155,), (220,), (310,)]
REPORT_SIZES = [(700,)]


def make(size, rng):
    (n,) = size
    vectors = [rng.standard_normal(n) for _ in range(6)]
    return 1.5, 1.2, rng.standard_normal((n, n)) / n, *vectors, rng.standard_normal(n)


def slices(alpha, beta, a, u1, v1, u2, v2, y, z, weight):
    a += np.outer(u1, v1) + np.outer(u2, v2)
    x = beta * y @ a + z
    w = alpha * a @ x
    return np.sum(weight * w)


def loops(alpha, beta, a, u1, v1, u2, v2, y, z, weight):
    n = a.shape[0]
    for i in range(n):
        for j in range(n):
            a[i, j] += u1[i] * v1[j] + u2[i] * v2[j]
    x = np.empty(n)
    for j in range(n):
        x[j] = z[j]
    for i in range(n):
        for j in range(n):
            x[j] += beta * a[i, j] * y[i]
    total = 0.0
    for i in range(n):
        w = 0.0
        for j in range(n):
            w += alpha * a[i, j] * x[j]
        total += weight[i] * w
    return total


def jax_loss(alpha, beta, a, u1, v1, u2, v2, y, z, weight):
    import jax.numpy as jnp

    a = a + jnp.outer(u1, v1) + jnp.outer(u2, v2)
    return jnp.sum(weight * (alpha * a @ (beta * y @ a + z)))
