"""D = alpha A B C + beta D."""

import numpy as np

ARGNUMS = (0, 1, 2, 3, 4, 5)
SMALL = (4, 5, 3, 6)
SIZES = [(40, 45, 50, 55), (50, 57, 63, 69), (63, 71, 79, 87), (80, 90, 100, 110)]
REPORT_SIZES = [(160, 180, 200, 220)]


def make(size, rng):
    ni, nj, nk, nl = size
    return (
        1.5, 1.2, rng.standard_normal((ni, nk)), rng.standard_normal((nk, nj)), rng.standard_normal((nj, nl)),
        rng.standard_normal((ni, nl)), rng.standard_normal((ni, nl)),
    )  # fmt: skip


def slices(alpha, beta, a, b, c, d, weight):
    d[:] = alpha * a @ b @ c + beta * d
    return np.sum(weight * d)


def loops(alpha, beta, a, b, c, d, weight):
    ni, nk = a.shape
    nj, nl = c.shape
    product = np.zeros((ni, nj))
    for i in range(ni):
        for k in range(nk):
            for j in range(nj):
                product[i, j] += alpha * a[i, k] * b[k, j]
    for i in range(ni):
        for j in range(nl):
            d[i, j] *= beta
        for k in range(nj):
            for j in range(nl):
                d[i, j] += product[i, k] * c[k, j]
    total = 0.0
    for i in range(ni):
        for j in range(nl):
            total += weight[i, j] * d[i, j]
    return total


def jax_loss(alpha, beta, a, b, c, d, weight):
    import jax.numpy as jnp

    return jnp.sum(weight * (alpha * a @ b @ c + beta * d))
