"""A lower triangular system by forward substitution."""

import numpy as np

ARGNUMS = (0, 1)
SMALL = (6,)
SIZES = [(200,), (283,), (400,), (566,)]
REPORT_SIZES = [(1_000,)]


def make(size, rng):
    (n,) = size
    return rng.standard_normal((n, n)) / n + 2.0 * np.eye(n), rng.standard_normal(n), rng.standard_normal(n)


def slices(lower, b, weight):
    x = np.zeros_like(b)
    for i in range(b.shape[0]):
        x[i] = (b[i] - lower[i, :i] @ x[:i]) / lower[i, i]
    return np.sum(weight * x)


def loops(lower, b, weight):
    n = b.shape[0]
    x = np.zeros(n)
    total = 0.0
    for i in range(n):
        s = b[i]
        for j in range(i):
            s -= lower[i, j] * x[j]
        x[i] = s / lower[i, i]
        total += weight[i] * x[i]
    return total


def jax_loss(lower, b, weight):
    import jax
    import jax.numpy as jnp

    def substitute(x, step):
        row, right, k = step
        found = (right - row @ x) / row[k]
        return x.at[k].set(found), found

    _, x = jax.lax.scan(substitute, jnp.zeros_like(b), (lower, b, jnp.arange(b.shape[0])))
    return jnp.sum(weight * x)


def lapack_loss(lower, b, weight):
    import jax
    import jax.numpy as jnp

    return jnp.sum(weight * jax.scipy.linalg.solve_triangular(lower, b, lower=True))
