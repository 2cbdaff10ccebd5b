"""G = (A B) (C D)."""

import numpy as np

ARGNUMS = (0, 1, 2, 3)
SMALL = (4, 5, 3, 6, 2)
SIZES = [(40, 45, 50, 55, 60), (50, 57, 63, 69, 76), (63, 71, 79, 87, 95), (80, 90, 100, 110, 120)]
REPORT_SIZES = [(160, 170, 180, 190, 200)]


def make(size, rng):
    ni, nj, nk, nl, nm = size
    shapes = ((ni, nk), (nk, nj), (nj, nm), (nm, nl), (ni, nl))
    return tuple(rng.standard_normal(shape) for shape in shapes)


def slices(a, b, c, d, weight):
    return np.sum(weight * (a @ b @ (c @ d)))


def product(a, b):
    out = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            for j in range(b.shape[1]):
                out[i, j] += a[i, k] * b[k, j]
    return out


def loops(a, b, c, d, weight):
    g = product(product(a, b), product(c, d))
    total = 0.0
    for i in range(g.shape[0]):
        for j in range(g.shape[1]):
            total += weight[i, j] * g[i, j]
    return total


def jax_loss(a, b, c, d, weight):
    import jax.numpy as jnp

    return jnp.sum(weight * (a @ b @ (c @ d)))
