"""The heat equation in a cube, explicit steps between two arrays."""

import numpy as np

ARGNUMS = (0, 1)
SMALL = (3, 5)
SIZES = [(4, 20), (8, 20), (16, 20), (32, 20)]
REPORT_SIZES = [(25, 25)]


def make(size, rng):
    steps, n = size
    shape = (n, n, n)
    return rng.standard_normal(shape), rng.standard_normal(shape), steps, rng.standard_normal(shape)


def slices(a, b, steps, weight):
    for t in range(1, steps):
        b[1:-1, 1:-1, 1:-1] = (
            0.125 * (a[2:, 1:-1, 1:-1] - 2.0 * a[1:-1, 1:-1, 1:-1] + a[:-2, 1:-1, 1:-1])
            + 0.125 * (a[1:-1, 2:, 1:-1] - 2.0 * a[1:-1, 1:-1, 1:-1] + a[1:-1, :-2, 1:-1])
            + 0.125 * (a[1:-1, 1:-1, 2:] - 2.0 * a[1:-1, 1:-1, 1:-1] + a[1:-1, 1:-1, :-2])
            + a[1:-1, 1:-1, 1:-1]
        )
        a[1:-1, 1:-1, 1:-1] = (
            0.125 * (b[2:, 1:-1, 1:-1] - 2.0 * b[1:-1, 1:-1, 1:-1] + b[:-2, 1:-1, 1:-1])
            + 0.125 * (b[1:-1, 2:, 1:-1] - 2.0 * b[1:-1, 1:-1, 1:-1] + b[1:-1, :-2, 1:-1])
            + 0.125 * (b[1:-1, 1:-1, 2:] - 2.0 * b[1:-1, 1:-1, 1:-1] + b[1:-1, 1:-1, :-2])
            + b[1:-1, 1:-1, 1:-1]
        )
    return np.sum(weight * a)


def sweep(a, b):
    n = a.shape[0]
    for i in range(1, n - 1):
        for j in range(1, n - 1):
            for k in range(1, n - 1):
                b[i, j, k] = (
                    0.125 * (a[i + 1, j, k] - 2.0 * a[i, j, k] + a[i - 1, j, k])
                    + 0.125 * (a[i, j + 1, k] - 2.0 * a[i, j, k] + a[i, j - 1, k])
                    + 0.125 * (a[i, j, k + 1] - 2.0 * a[i, j, k] + a[i, j, k - 1])
                    + a[i, j, k]
                )


def loops(a, b, steps, weight):
    for t in range(1, steps):
        sweep(a, b)
        sweep(b, a)
    n = a.shape[0]
    total = 0.0
    for i in range(n):
        for j in range(n):
            for k in range(n):
                total += weight[i, j, k] * a[i, j, k]
    return total


def jax_loss(a, b, steps, weight):
    import jax
    import jax.numpy as jnp

    def next_of(a):
        here = a[1:-1, 1:-1, 1:-1]
        return (
            0.125 * (a[2:, 1:-1, 1:-1] - 2.0 * here + a[:-2, 1:-1, 1:-1])
            + 0.125 * (a[1:-1, 2:, 1:-1] - 2.0 * here + a[1:-1, :-2, 1:-1])
            + 0.125 * (a[1:-1, 1:-1, 2:] - 2.0 * here + a[1:-1, 1:-1, :-2])
            + here
        )

    def step(_, state):
        a, b = state
        b = b.at[1:-1, 1:-1, 1:-1].set(next_of(a))
        a = a.at[1:-1, 1:-1, 1:-1].set(next_of(b))
        return a, b

    a, b = jax.lax.fori_loop(1, steps, step, (a, b))
    return jnp.sum(weight * a)
