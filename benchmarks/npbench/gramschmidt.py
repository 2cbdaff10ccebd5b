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


def hand(a, weight_q, weight_r):
    """Columns as rows of transposed arrays. Each is projected and scaled once more backwards, from the same factors."""
    m, n = a.shape
    rest = a.T.copy()
    q = np.empty((n, m))
    r = np.zeros((n, n))
    q_bar = weight_q.T.copy()
    total = 0.0
    for k in range(n):
        r[k, k] = math.sqrt(np.dot(rest[k], rest[k]))
        for i in range(m):
            q[k, i] = rest[k, i] / r[k, k]
        r[k, k + 1 :] = np.dot(rest[k + 1 :], q[k])
        for j in range(k + 1, n):
            s = r[k, j]
            for i in range(m):
                rest[j, i] -= q[k, i] * s
        total += np.dot(q_bar[k], q[k]) + np.dot(weight_r[k, k:], r[k, k:])
    # `rest_bar` is owed to the columns as they are before step `k`, and `rest` is taken back to that.
    rest_bar = np.zeros((n, m))
    for k in range(n - 1, -1, -1):
        r_bar = weight_r[k, k + 1 :] - np.dot(rest_bar[k + 1 :], q[k])
        for j in range(k + 1, n):
            s = r[k, j]
            s_bar = r_bar[j - k - 1]
            for i in range(m):
                before = rest[j, i] + q[k, i] * s
                rest[j, i] = before
                q_bar[k, i] += s_bar * before - s * rest_bar[j, i]
                rest_bar[j, i] += s_bar * q[k, i]
        norm_bar = weight_r[k, k] - np.dot(q_bar[k], q[k]) / r[k, k]
        for i in range(m):
            rest_bar[k, i] += q_bar[k, i] / r[k, k] + norm_bar * q[k, i]
    return total, (rest_bar.T.copy(),)


def jax_loss(a, weight_q, weight_r):
    import jax
    import jax.numpy as jnp

    places = jnp.arange(a.shape[1])

    def project(rest, k):
        norm = jnp.sqrt(rest[k] @ rest[k])
        q = rest[k] / norm
        r = jnp.where(places > k, rest @ q, 0.0)
        return rest - jnp.outer(r, q), (q, r.at[k].set(norm))

    _, (q, r) = jax.lax.scan(project, a.T, places)
    return jnp.sum(weight_q * q.T) + jnp.sum(weight_r * r)


def lapack_loss(a, weight_q, weight_r):
    import jax.numpy as jnp

    # The same factors, with a positive diagonal.
    q, r = jnp.linalg.qr(a)
    sign = jnp.sign(jnp.diag(r))
    return jnp.sum(weight_q * q * sign) + jnp.sum(weight_r * sign[:, None] * r)
