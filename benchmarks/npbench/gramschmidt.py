"""QR by modified Gram-Schmidt: columns are projected out of those that follow."""

import math

import numpy as np

ARGNUMS = (0,)
SMALL = (6, 4)
SIZES = [(30, 20), (38, 25), (48, 32), (60, 40)]
REPORT_SIZES = [(120, 100)]


def make(size, rng):
    m, n = size
    a = rng.standard_normal((m, n)) + 2.0 * np.eye(m, n)
    return a, rng.standard_normal((m, n)), rng.standard_normal((n, n))


def slices(a, weight_q, weight_r):
    q = np.zeros_like(a)
    r = np.zeros((a.shape[1], a.shape[1]))
    for k in range(a.shape[1]):
        r[k, k] = np.sqrt(np.dot(a[:, k], a[:, k]))
        q[:, k] = a[:, k] / r[k, k]
        for j in range(k + 1, a.shape[1]):
            r[k, j] = np.dot(q[:, k], a[:, j])
            a[:, j] -= q[:, k] * r[k, j]
    return np.sum(weight_q * q) + np.sum(weight_r * r)


def loops(a, weight_q, weight_r):
    m, n = a.shape
    q = np.zeros((m, n))
    r = np.zeros((n, n))
    for k in range(n):
        norm = 0.0
        for i in range(m):
            norm += a[i, k] * a[i, k]
        r[k, k] = math.sqrt(norm)
        for i in range(m):
            q[i, k] = a[i, k] / r[k, k]
        for j in range(k + 1, n):
            for i in range(m):
                r[k, j] += q[i, k] * a[i, j]
            for i in range(m):
                a[i, j] -= q[i, k] * r[k, j]
    total = 0.0
    for i in range(m):
        for j in range(n):
            total += weight_q[i, j] * q[i, j]
    for i in range(n):
        for j in range(n):
            total += weight_r[i, j] * r[i, j]
    return total


def jax_loss(a, weight_q, weight_r):
    import jax.numpy as jnp

    # The same factors, with a positive diagonal.
    q, r = jnp.linalg.qr(a)
    sign = jnp.sign(jnp.diag(r))
    return jnp.sum(weight_q * q * sign) + jnp.sum(weight_r * sign[:, None] * r)
