"""Gauss-Seidel sweeps with the nine-point mean, in place: four of the neighbours are already new."""

import numpy as np

ARGNUMS = (0,)
SMALL = (3, 6)
SIZES = [(5, 60), (10, 60), (20, 60), (40, 60)]
REPORT_SIZES = [(30, 120)]


def make(size, rng):
    steps, n = size
    return rng.standard_normal((n, n)), steps, rng.standard_normal((n, n))


def slices(a, steps, weight):
    n = a.shape[0]
    for t in range(steps - 1):
        for i in range(1, n - 1):
            a[i, 1:-1] += (
                a[i - 1, :-2] + a[i - 1, 1:-1] + a[i - 1, 2:] + a[i, 2:]
                + a[i + 1, :-2] + a[i + 1, 1:-1] + a[i + 1, 2:]
            )  # fmt: skip
            for j in range(1, n - 1):
                a[i, j] += a[i, j - 1]
                a[i, j] /= 9.0
    return np.sum(weight * a)


def loops(a, steps, weight):
    n = a.shape[0]
    for t in range(steps - 1):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                a[i, j] = (
                    a[i - 1, j - 1] + a[i - 1, j] + a[i - 1, j + 1]
                    + a[i, j - 1] + a[i, j] + a[i, j + 1]
                    + a[i + 1, j - 1] + a[i + 1, j] + a[i + 1, j + 1]
                ) / 9.0  # fmt: skip
    total = 0.0
    for i in range(n):
        for j in range(n):
            total += weight[i, j] * a[i, j]
    return total


def jax_loss(a, steps, weight):
    import jax
    import jax.numpy as jnp

    def relax_row(above, rows):
        row, below = rows
        known = (
            above[:-2] + above[1:-1] + above[2:] + row[1:-1] + row[2:]
            + below[:-2] + below[1:-1] + below[2:]
        ) / 9.0  # fmt: skip

        def relax(left, k):
            here = k + left / 9.0
            return here, here

        _, inner = jax.lax.scan(relax, row[0], known)
        new = jnp.concatenate((row[:1], inner, row[-1:]))
        return new, new

    def sweep(_, a):
        _, inner = jax.lax.scan(relax_row, a[0], (a[1:-1], a[2:]))
        return jnp.concatenate((a[:1], inner, a[-1:]))

    return jnp.sum(weight * jax.lax.fori_loop(0, steps - 1, sweep, a))
