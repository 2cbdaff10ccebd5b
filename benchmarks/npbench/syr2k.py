"""C = alpha (A B^T + B A^T) + beta C in the lower triangle."""

import numpy as np

ARGNUMS = (0, 1, 2, 3, 4)
SMALL = (5, 4)
SIZES = [(40, 50), (57, 50), (80, 50), (113, 50)]
REPORT_SIZES = [(160, 140)]


def make(size, rng):
    n, m = size
    c, a, b = rng.standard_normal((n, n)), rng.standard_normal((n, m)), rng.standard_normal((n, m))
    return 1.5, 1.2, c, a, b, rng.standard_normal((n, n))


def slices(alpha, beta, c, a, b, weight):
    for i in range(a.shape[0]):
        c[i, : i + 1] *= beta
        for k in range(a.shape[1]):
            c[i, : i + 1] += a[: i + 1, k] * alpha * b[i, k] + b[: i + 1, k] * alpha * a[i, k]
    return np.sum(weight * c)


def loops(alpha, beta, c, a, b, weight):
    n, m = a.shape
    for i in range(n):
        for j in range(i + 1):
            c[i, j] *= beta
            for k in range(m):
                c[i, j] += a[j, k] * alpha * b[i, k] + b[j, k] * alpha * a[i, k]
    total = 0.0
    for i in range(n):
        for j in range(n):
            total += weight[i, j] * c[i, j]
    return total


def jax_loss(alpha, beta, c, a, b, weight):
    import jax.numpy as jnp

    product = a @ b.T
    return jnp.sum(weight * (jnp.tril(alpha * (product + product.T) + beta * c) + jnp.triu(c, 1)))
