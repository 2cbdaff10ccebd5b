"""C = alpha A B + beta C."""

import numpy as np

ARGNUMS = (0, 1, 2, 3, 4)
SMALL = (4, 5, 6)
SIZES = [(40, 50, 60), (50, 63, 76), (63, 79, 95), (80, 100, 120)]
REPORT_SIZES = [(200, 220, 240)]


def make(size, rng):
    ni, nj, nk = size
    return (
        1.5, 1.2, rng.standard_normal((ni, nj)), rng.standard_normal((ni, nk)), rng.standard_normal((nk, nj)),
        rng.standard_normal((ni, nj)),
    )  # fmt: skip


def slices(alpha, beta, c, a, b, weight):
    c[:] = alpha * a @ b + beta * c
    return np.sum(weight * c)


def loops(alpha, beta, c, a, b, weight):
    ni, nj = c.shape
    for i in range(ni):
        for j in range(nj):
            c[i, j] *= beta
        for k in range(a.shape[1]):
            for j in range(nj):
                c[i, j] += alpha * a[i, k] * b[k, j]
    total = 0.0
    for i in range(ni):
        for j in range(nj):
            total += weight[i, j] * c[i, j]
    return total


def jax_loss(alpha, beta, c, a, b, weight):
    import jax.numpy as jnp

    return jnp.sum(weight * (alpha * a @ b + beta * c))
