"""The two products of the biconjugate gradient method: r^T A and A p."""

import numpy as np

ARGNUMS = (0, 1, 2)
SMALL = (5, 4)
SIZES = [(100, 120), (140, 170), (200, 240), (280, 340)]
REPORT_SIZES = [(900, 1_000)]


def make(size, rng):
    m, n = size
    return (
        rng.standard_normal((m, n)), rng.standard_normal(n), rng.standard_normal(m), rng.standard_normal(n),
        rng.standard_normal(m),
    )  # fmt: skip


def slices(a, p, r, weight_s, weight_q):
    return np.sum(weight_s * (r @ a)) + np.sum(weight_q * (a @ p))


def loops(a, p, r, weight_s, weight_q):
    m, n = a.shape
    s = np.zeros(n)
    q = np.zeros(m)
    for i in range(m):
        for j in range(n):
            s[j] += r[i] * a[i, j]
            q[i] += a[i, j] * p[j]
    total = 0.0
    for j in range(n):
        total += weight_s[j] * s[j]
    for i in range(m):
        total += weight_q[i] * q[i]
    return total


def jax_loss(a, p, r, weight_s, weight_q):
    import jax.numpy as jnp

    return jnp.sum(weight_s * (r @ a)) + jnp.sum(weight_q * (a @ p))
