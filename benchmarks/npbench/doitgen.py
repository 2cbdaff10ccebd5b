"""Multi-resolution analysis: the last axis of a block is multiplied by a matrix, in place."""

import numpy as np

ARGNUMS = (0, 1)
SMALL = (2, 3, 4)
SIZES = [(10, 12, 24), (20, 12, 24), (20, 24, 24), (40, 24, 24)]
REPORT_SIZES = [(40, 50, 64)]


def make(size, rng):
    r, q, p = size
    return rng.standard_normal((r, q, p)), rng.standard_normal((p, p)), rng.standard_normal((r, q, p))


def slices(a, c4, weight):
    for r in range(a.shape[0]):
        for q in range(a.shape[1]):
            a[r, q, :] = a[r, q] @ c4
    return np.sum(weight * a)


def loops(a, c4, weight):
    nr, nq, width = a.shape
    total = 0.0
    row = np.empty(width)
    for r in range(nr):
        for q in range(nq):
            for p in range(width):
                row[p] = 0.0
            for s in range(width):
                for p in range(width):
                    row[p] += a[r, q, s] * c4[s, p]
            for p in range(width):
                a[r, q, p] = row[p]
    for r in range(nr):
        for q in range(nq):
            for p in range(width):
                total += weight[r, q, p] * a[r, q, p]
    return total


def jax_loss(a, c4, weight):
    import jax.numpy as jnp

    return jnp.sum(weight * (a @ c4))
