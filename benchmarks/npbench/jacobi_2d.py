"""Jacobi relaxation of a square: two arrays, each the five-point mean of the other."""

import numpy as np

ARGNUMS = (0, 1)
SMALL = (3, 6)
SIZES = [(10, 75), (20, 75), (40, 75), (80, 75)]
REPORT_SIZES = [(50, 150)]


def make(size, rng):
    steps, n = size
    return rng.standard_normal((n, n)), rng.standard_normal((n, n)), steps, rng.standard_normal((n, n))


def slices(a, b, steps, weight):
    for t in range(1, steps):
        b[1:-1, 1:-1] = 0.2 * (a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1])
        a[1:-1, 1:-1] = 0.2 * (b[1:-1, 1:-1] + b[1:-1, :-2] + b[1:-1, 2:] + b[2:, 1:-1] + b[:-2, 1:-1])
    return np.sum(weight * a)


def loops(a, b, steps, weight):
    n = a.shape[0]
    for t in range(1, steps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                b[i, j] = 0.2 * (a[i, j] + a[i, j - 1] + a[i, j + 1] + a[i + 1, j] + a[i - 1, j])
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                a[i, j] = 0.2 * (b[i, j] + b[i, j - 1] + b[i, j + 1] + b[i + 1, j] + b[i - 1, j])
    total = 0.0
    for i in range(n):
        for j in range(n):
            total += weight[i, j] * a[i, j]
    return total


def jax_loss(a, b, steps, weight):
    import jax
    import jax.numpy as jnp

    def mean(a):
        return 0.2 * (a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1])

    def step(_, state):
        a, b = state
        b = b.at[1:-1, 1:-1].set(mean(a))
        a = a.at[1:-1, 1:-1].set(mean(b))
        return a, b

    a, b = jax.lax.fori_loop(1, steps, step, (a, b))
    return jnp.sum(weight * a)
