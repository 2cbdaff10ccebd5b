"""y = alpha A x + beta B x, the matrices scaled first."""

import numpy as np

ARGNUMS = (0, 1, 2, 3, 4)
SMALL = (5,)
SIZES = [(110,), (155,), (220,), (310,)]
REPORT_SIZES = [(950,)]


def make(size, rng):
    (n,) = size
    a, b = rng.standard_normal((n, n)), rng.standard_normal((n, n))
    return 1.5, 1.2, a, b, rng.standard_normal(n), rng.standard_normal(n)


def slices(alpha, beta, a, b, x, weight):
    return np.sum(weight * (alpha * a @ x + beta * b @ x))


def loops(alpha, beta, a, b, x, weight):
    n = x.shape[0]
    total = 0.0
    for i in range(n):
        s = 0.0
        t = 0.0
        for j in range(n):
            s += a[i, j] * x[j]
            t += b[i, j] * x[j]
        total += weight[i] * (alpha * s + beta * t)
    return total


def jax_loss(alpha, beta, a, b, x, weight):
    import jax.numpy as jnp

    return jnp.sum(weight * (alpha * a @ x + beta * b @ x))
