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


def hand(a, b, weight):
    """The factors solve the transposed system as well: what is owed to `b`, of which the rest is an outer product."""
    n = a.shape[0]
    lu = a.copy()
    x = b.copy()
    b_bar = weight.copy()
    # Four rows at once read a row above only once.
    for i in range(0, n, 4):
        rows = min(4, n - i)
        for k in range(i + rows):
            pivot = lu[k, k + 1 :]
            first = max(i, k + 1)
            for r in range(first, i + rows):
                lu[r, k] /= lu[k, k]
            if i + rows - first == 4:
                r0, r1, r2, r3 = lu[i, k + 1 :], lu[i + 1, k + 1 :], lu[i + 2, k + 1 :], lu[i + 3, k + 1 :]
                f0, f1, f2, f3 = lu[i, k], lu[i + 1, k], lu[i + 2, k], lu[i + 3, k]
                for j in range(n - k - 1):
                    r0[j] -= f0 * pivot[j]
                    r1[j] -= f1 * pivot[j]
                    r2[j] -= f2 * pivot[j]
                    r3[j] -= f3 * pivot[j]
            else:
                for r in range(first, i + rows):
                    for j in range(k + 1, n):
                        lu[r, j] -= lu[r, k] * lu[k, j]
    for i in range(n):
        x[i] -= np.dot(lu[i, :i], x[:i])
    for i in range(n - 1, -1, -1):
        x[i] = (x[i] - np.dot(lu[i, i + 1 :], x[i + 1 :])) / lu[i, i]
    total = 0.0
    for i in range(n):
        total += weight[i] * x[i]
    for i in range(n):
        b_bar[i] /= lu[i, i]
        for j in range(i + 1, n):
            b_bar[j] -= lu[i, j] * b_bar[i]
    for i in range(n - 1, -1, -1):
        for j in range(i):
            b_bar[j] -= lu[i, j] * b_bar[i]
    a_bar = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            a_bar[i, j] = -b_bar[i] * x[j]
    return total, (a_bar, b_bar)


def jax_loss(a, b, weight):
    import jax
    import jax.numpy as jnp

    places = jnp.arange(a.shape[0])

    def eliminate(rest, k):
        row = jnp.where(places >= k, rest[k], 0.0)
        column = jnp.where(places > k, rest[:, k] / rest[k, k], 0.0)
        return rest - jnp.outer(column, row), (row, column)

    def forwards(y, step):
        column, k = step
        return y - column * y[k], None

    def backwards(x, step):
        row, k = step
        return x.at[k].set((y[k] - row @ x) / row[k]), None

    _, (upper, columns) = jax.lax.scan(eliminate, a, places)
    y, _ = jax.lax.scan(forwards, b, (columns, places))
    x, _ = jax.lax.scan(backwards, jnp.zeros_like(b), (upper, places), reverse=True)
    return jnp.sum(weight * x)


def lapack_loss(a, b, weight):
    import jax.numpy as jnp

    return jnp.sum(weight * jnp.linalg.solve(a, b))
