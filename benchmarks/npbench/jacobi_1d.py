"""Jacobi relaxation of a line: two arrays, each the three-point mean of the other."""

import numpy as np

ARGNUMS = (0, 1)
SMALL = (4, 9)
SIZES = [(50, 1_000), (100, 1_000), (100, 2_000), (200, 2_000)]
REPORT_SIZES = [(400, 3_200)]


def make(size, rng):
    steps, n = size
    return rng.standard_normal(n), rng.standard_normal(n), steps, rng.standard_normal(n)


def slices(a, b, steps, weight):
    for t in range(1, steps):
        b[1:-1] = 0.33333 * (a[:-2] + a[1:-1] + a[2:])
        a[1:-1] = 0.33333 * (b[:-2] + b[1:-1] + b[2:])
    return np.sum(weight * a)


def loops(a, b, steps, weight):
    n = a.shape[0]
    for t in range(1, steps):
        for i in range(1, n - 1):
            b[i] = 0.33333 * (a[i - 1] + a[i] + a[i + 1])
        for i in range(1, n - 1):
            a[i] = 0.33333 * (b[i - 1] + b[i] + b[i + 1])
    total = 0.0
    for i in range(n):
        total += weight[i] * a[i]
    return total


def jax_loss(a, b, steps, weight):
    import jax
    import jax.numpy as jnp

    def step(_, state):
        a, b = state
        b = jnp.concatenate((b[:1], 0.33333 * (a[:-2] + a[1:-1] + a[2:]), b[-1:]))
        a = jnp.concatenate((a[:1], 0.33333 * (b[:-2] + b[1:-1] + b[2:]), a[-1:]))
        return a, b

    a, b = jax.lax.fori_loop(1, steps, step, (a, b))
    return jnp.sum(weight * a)
