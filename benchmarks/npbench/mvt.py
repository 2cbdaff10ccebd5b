"""x1 += A y1 and x2 += A^T y2."""

import numpy as np

ARGNUMS = (0, 1, 2, 3, 4)
SMALL = (5,)
SIZES = [(110,), (155,), (220,), (310,)]
REPORT_SIZES = [(950,)]


def make(size, rng):
    (n,) = size
    return (
        *(rng.standard_normal(n) for _ in range(4)),
        rng.standard_normal((n, n)),
        rng.standard_normal((2, n)),
    )


def slices(x1, x2, y1, y2, a, weight):
    x1 += a @ y1
    x2 += y2 @ a
    return np.sum(weight[0] * x1) + np.sum(weight[1] * x2)


def loops(x1, x2, y1, y2, a, weight):
    n = a.shape[0]
    for i in range(n):
        for j in range(n):
            x1[i] += a[i, j] * y1[j]
    for i in range(n):
        for j in range(n):
            x2[i] += a[j, i] * y2[j]
    total = 0.0
    for i in range(n):
        total += weight[0, i] * x1[i] + weight[1, i] * x2[i]
    return total


def jax_loss(x1, x2, y1, y2, a, weight):
    import jax.numpy as jnp

    return jnp.sum(weight[0] * (x1 + a @ y1)) + jnp.sum(weight[1] * (x2 + y2 @ a))
