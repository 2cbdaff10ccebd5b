"""Alternating directions for a parabolic equation: tridiagonal sweeps along columns, then along rows."""

import numpy as np

ARGNUMS = (0,)
SMALL = (2, 6)
SIZES = [(4, 40), (8, 40), (16, 40), (32, 40)]
REPORT_SIZES = [(20, 120)]


def make(size, rng):
    steps, n = size
    return rng.standard_normal((n, n)), steps, rng.standard_normal((n, n))


def slices(u, steps, weight):
    n = u.shape[0]
    v = np.empty_like(u)
    p = np.empty_like(u)
    q = np.empty_like(u)
    dx = 1.0 / n
    dy = 1.0 / n
    dt = 1.0 / steps
    mul1 = 2.0 * dt / (dx * dx)
    mul2 = 1.0 * dt / (dy * dy)
    a = -mul1 / 2.0
    b = 1.0 + mul1
    c = a
    d = -mul2 / 2.0
    e = 1.0 + mul2
    f = d
    for t in range(1, steps + 1):
        v[0, 1 : n - 1] = 1.0
        p[1 : n - 1, 0] = 0.0
        q[1 : n - 1, 0] = v[0, 1 : n - 1]
        for j in range(1, n - 1):
            p[1 : n - 1, j] = -c / (a * p[1 : n - 1, j - 1] + b)
            q[1 : n - 1, j] = (
                -d * u[j, 0 : n - 2]
                + (1.0 + 2.0 * d) * u[j, 1 : n - 1]
                - f * u[j, 2:n]
                - a * q[1 : n - 1, j - 1]
            ) / (a * p[1 : n - 1, j - 1] + b)
        v[n - 1, 1 : n - 1] = 1.0
        for j in range(n - 2, 0, -1):
            v[j, 1 : n - 1] = p[1 : n - 1, j] * v[j + 1, 1 : n - 1] + q[1 : n - 1, j]
        u[1 : n - 1, 0] = 1.0
        p[1 : n - 1, 0] = 0.0
        q[1 : n - 1, 0] = u[1 : n - 1, 0]
        for j in range(1, n - 1):
            p[1 : n - 1, j] = -f / (d * p[1 : n - 1, j - 1] + e)
            q[1 : n - 1, j] = (
                -a * v[0 : n - 2, j]
                + (1.0 + 2.0 * a) * v[1 : n - 1, j]
                - c * v[2:n, j]
                - d * q[1 : n - 1, j - 1]
            ) / (d * p[1 : n - 1, j - 1] + e)
        u[1 : n - 1, n - 1] = 1.0
        for j in range(n - 2, 0, -1):
            u[1 : n - 1, j] = p[1 : n - 1, j] * u[1 : n - 1, j + 1] + q[1 : n - 1, j]
    return np.sum(weight * u)


def loops(u, steps, weight):
    n = u.shape[0]
    v = np.zeros((n, n))
    p = np.zeros((n, n))
    q = np.zeros((n, n))
    mul1 = 2.0 / steps * n * n
    mul2 = 1.0 / steps * n * n
    a = -mul1 / 2.0
    b = 1.0 + mul1
    d = -mul2 / 2.0
    e = 1.0 + mul2
    for t in range(steps):
        for i in range(1, n - 1):
            v[0, i] = 1.0
            p[i, 0] = 0.0
            q[i, 0] = 1.0
            for j in range(1, n - 1):
                p[i, j] = -a / (a * p[i, j - 1] + b)
                q[i, j] = (
                    -d * u[j, i - 1] + (1.0 + 2.0 * d) * u[j, i] - d * u[j, i + 1] - a * q[i, j - 1]
                ) / (a * p[i, j - 1] + b)
            v[n - 1, i] = 1.0
            for j in range(n - 2, 0, -1):
                v[j, i] = p[i, j] * v[j + 1, i] + q[i, j]
        for i in range(1, n - 1):
            u[i, 0] = 1.0
            p[i, 0] = 0.0
            q[i, 0] = 1.0
            for j in range(1, n - 1):
                p[i, j] = -d / (d * p[i, j - 1] + e)
                q[i, j] = (
                    -a * v[i - 1, j] + (1.0 + 2.0 * a) * v[i, j] - a * v[i + 1, j] - d * q[i, j - 1]
                ) / (d * p[i, j - 1] + e)
            u[i, n - 1] = 1.0
            for j in range(n - 2, 0, -1):
                u[i, j] = p[i, j] * u[i, j + 1] + q[i, j]
    total = 0.0
    for i in range(n):
        for j in range(n):
            total += weight[i, j] * u[i, j]
    return total


def hand(u, steps, weight):
    """A linear recurrence: no tape. Its factors are the same in every row; all arrays have the rows' numbers last."""
    n = u.shape[0]
    mul1 = 2.0 / steps * n * n
    mul2 = 1.0 / steps * n * n
    a = -mul1 / 2.0
    b = 1.0 + mul1
    d = -mul2 / 2.0
    e = 1.0 + mul2
    p = np.zeros((2, n))
    inverse = np.empty((2, n))
    for j in range(1, n - 1):
        inverse[0, j] = 1.0 / (a * p[0, j - 1] + b)
        inverse[1, j] = 1.0 / (d * p[1, j - 1] + e)
        p[0, j] = -a * inverse[0, j]
        p[1, j] = -d * inverse[1, j]
    now = u.copy()
    v = np.ones((n, n))
    q = np.ones((n, n))
    w = np.ones((n, n))
    for t in range(steps):
        for j in range(1, n - 1):
            for i in range(1, n - 1):
                right = -d * now[j, i - 1] + (1.0 + 2.0 * d) * now[j, i] - d * now[j, i + 1]
                q[j, i] = (right - a * q[j - 1, i]) * inverse[0, j]
        for j in range(n - 2, 0, -1):
            for i in range(1, n - 1):
                v[j, i] = p[0, j] * v[j + 1, i] + q[j, i]
        # The second sweep goes along rows: transposed, so that again all systems advance at once.
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                w[j, i] = -a * v[i - 1, j] + (1.0 + 2.0 * a) * v[i, j] - a * v[i + 1, j]
        for j in range(1, n - 1):
            for i in range(1, n - 1):
                q[j, i] = (w[j, i] - d * q[j - 1, i]) * inverse[1, j]
        for j in range(n - 2, 0, -1):
            for i in range(1, n - 1):
                w[j, i] = p[1, j] * w[j + 1, i] + q[j, i]
        for i in range(1, n - 1):
            now[i, 0] = 1.0
            now[i, n - 1] = 1.0
            for j in range(1, n - 1):
                now[i, j] = w[j, i]
    total = 0.0
    for i in range(n):
        for j in range(n):
            total += weight[i, j] * now[i, j]
    u_bar = weight.copy()
    v_bar = np.zeros((n, n))
    w_bar = np.zeros((n, n))
    q_bar = np.zeros((n, n))
    for t in range(steps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                w_bar[j, i] = u_bar[i, j]
        for j in range(1, n - 1):
            for i in range(1, n - 1):
                w_bar[j, i] += p[1, j - 1] * w_bar[j - 1, i]
        for j in range(n - 2, 0, -1):
            for i in range(1, n - 1):
                q_bar[j, i] = (w_bar[j, i] - d * q_bar[j + 1, i]) * inverse[1, j]
        v_bar[:] = 0.0
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                x = q_bar[j, i]
                v_bar[i - 1, j] -= a * x
                v_bar[i, j] += (1.0 + 2.0 * a) * x
                v_bar[i + 1, j] -= a * x
        for j in range(1, n - 1):
            for i in range(1, n - 1):
                v_bar[j, i] += p[0, j - 1] * v_bar[j - 1, i]
        for j in range(n - 2, 0, -1):
            for i in range(1, n - 1):
                q_bar[j, i] = (v_bar[j, i] - a * q_bar[j + 1, i]) * inverse[0, j]
        for j in range(1, n - 1):
            # What is owed to the columns 0 and n - 1 is owed to ones, but in the first step.
            u_bar[j, 0] = -d * q_bar[j, 1]
            u_bar[j, 1] = (1.0 + 2.0 * d) * q_bar[j, 1] - d * q_bar[j, 2]
            for i in range(2, n - 2):
                u_bar[j, i] = (1.0 + 2.0 * d) * q_bar[j, i] - d * (q_bar[j, i - 1] + q_bar[j, i + 1])
            u_bar[j, n - 2] = (1.0 + 2.0 * d) * q_bar[j, n - 2] - d * q_bar[j, n - 3]
            u_bar[j, n - 1] = -d * q_bar[j, n - 2]
    return total, (u_bar,)


def jax_loss(u, steps, weight):
    import jax
    import jax.numpy as jnp

    n = u.shape[0]
    mul1 = 2.0 / steps * n * n
    mul2 = 1.0 / steps * n * n
    a, b = -mul1 / 2.0, 1.0 + mul1
    d, e = -mul2 / 2.0, 1.0 + mul2

    def factors(a, b):
        p = [0.0]
        for _ in range(n - 2):
            p.append(-a / (a * p[-1] + b))
        return jnp.array(p)

    def solve(p, a, b, right):
        """All the tridiagonal systems at once; `right` has the unknowns of one system along axis 0."""
        ones = jnp.ones(right.shape[1])

        def forwards(q, row):
            before, r = row
            q = (r - a * q) / (a * before + b)
            return q, q

        def backwards(x, row):
            here, q = row
            x = here * x + q
            return x, x

        _, q = jax.lax.scan(forwards, ones, (p[:-1], right))
        _, x = jax.lax.scan(backwards, ones, (p[1:], q), reverse=True)
        return jnp.concatenate((ones[None], x, ones[None]))

    along_columns, along_rows = factors(a, b), factors(d, e)

    def step(_, u):
        right = -d * u[1:-1, :-2] + (1.0 + 2.0 * d) * u[1:-1, 1:-1] - d * u[1:-1, 2:]
        v = solve(along_columns, a, b, right)
        # `v` has the inner columns of the grid: each is a system of the second sweep's right hand sides.
        right = -a * v[:-2] + (1.0 + 2.0 * a) * v[1:-1] - a * v[2:]
        new = solve(along_rows, d, e, right.T)
        return u.at[1:-1].set(new.T)

    return jnp.sum(weight * jax.lax.fori_loop(0, steps, step, u))
