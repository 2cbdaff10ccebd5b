"""A linear system by LU factorisation in place, without pivoting, and two triangular solves."""

import numpy as np

ARGNUMS = (0, 1)
SMALL = (6,)
SIZES = [(60,), (76,), (95,), (120,)]
REPORT_SIZES = [(200,)]


def make(size, rng):
    (n,) = size
    return rng.standard_normal((n, n)) / n + np.eye(n), rng.standard_normal(n), rng.standard_normal(n)


def slices(a, b, weight):
    n = a.shape[0]
    x = np.zeros_like(b)
    y = np.zeros_like(b)
    for i in range(n):
        for j in range(i):
            a[i, j] -= a[i, :j] @ a[:j, j]
            a[i, j] /= a[j, j]
        for j in range(i, n):
            a[i, j] -= a[i, :i] @ a[:i, j]
    for i in range(n):
        y[i] = b[i] - a[i, :i] @ y[:i]
    for i in range(n - 1, -1, -1):
        x[i] = (y[i] - a[i, i + 1 :] @ x[i + 1 :]) / a[i, i]
    return np.sum(weight * x)


def loops(a, b, weight):
    n = a.shape[0]
    x = np.zeros(n)
    y = np.zeros(n)
    for i in range(n):
        for j in range(i):
            s = a[i, j]
            for k in range(j):
                s -= a[i, k] * a[k, j]
            a[i, j] = s / a[j, j]
        for j in range(i, n):
            s = a[i, j]
            for k in range(i):
                s -= a[i, k] * a[k, j]
            a[i, j] = s
    for i in range(n):
        s = b[i]
        for j in range(i):
            s -= a[i, j] * y[j]
        y[i] = s
    total = 0.0
    for i in range(n - 1, -1, -1):
        s = y[i]
        for j in range(i + 1, n):
            s -= a[i, j] * x[j]
        x[i] = s / a[i, i]
        total += weight[i] * x[i]
    return total


def jax_loss(a, b, weight):
    import jax.numpy as jnp

    return jnp.sum(weight * jnp.linalg.solve(a, b))
