"""Relax the heat equation on a square with a source, in place (successive over-relaxation).

u[i, j] += omega (mean of the four neighbours + source[i, j] - u[i, j]), sweeping in order, so that two of
the four neighbours are already new. The loss is a weighted sum of squares; differentiated by the source
and the initial state. The stores are linear in u: the adjoint sweeps backwards over u_bar in place and
needs no tape. D. M. Young, Trans. Amer. Math. Soc. 76 (1954).
"""

import numpy as np

ARGNUMS = (0, 1)
SIZES = [(48, 10), (48, 20), (48, 40), (48, 80)]
REPORT_SIZES = [(100, 100)]


def make(size, rng):
    n, sweeps = size
    return rng.standard_normal((n, n)), rng.standard_normal((n, n)), 1.5, sweeps, rng.random((n, n))


def primal(source, initial, omega, sweeps, weight):
    n = initial.shape[0]
    m = initial.shape[1]
    u = np.empty((n, m))
    for i in range(n):
        for j in range(m):
            u[i, j] = initial[i, j]
    for _ in range(sweeps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                mean = 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1])
                u[i, j] += omega * (mean + source[i, j] - u[i, j])
    total = 0.0
    for i in range(n):
        for j in range(m):
            total += weight[i, j] * u[i, j] * u[i, j]
    return total


def hand(source, initial, omega, sweeps, weight):
    n, m = initial.shape
    u = initial.copy()
    quarter = 0.25 * omega
    kept = 1.0 - omega
    for _ in range(sweeps):
        for i in range(1, n - 1):
            above = u[i - 1]
            row = u[i]
            below = u[i + 1]
            for j in range(1, m - 1):
                mean = 0.25 * (above[j] + below[j] + row[j - 1] + row[j + 1])
                row[j] += omega * (mean + source[i, j] - row[j])
    u_bar = np.empty((n, m))
    total = 0.0
    for i in range(n):
        for j in range(m):
            weighted = weight[i, j] * u[i, j]
            total += weighted * u[i, j]
            u_bar[i, j] = 2.0 * weighted
    source_bar = np.zeros((n, m))
    for _ in range(sweeps):
        for i in range(n - 2, 0, -1):
            above = u_bar[i - 1]
            row = u_bar[i]
            below = u_bar[i + 1]
            row_source = source_bar[i]
            # What the right neighbour adds here stays in a register until it is complete.
            owed = row[m - 2]
            right = row[m - 1]
            for j in range(m - 2, 0, -1):
                share = quarter * owed
                row_source[j] += omega * owed
                above[j] += share
                below[j] += share
                row[j + 1] = right + share
                right = kept * owed
                owed = row[j - 1] + share
            row[1] = right
            row[0] = owed
    return total, (source_bar, u_bar)


def jax_loss(source, initial, omega, sweeps, weight):
    import jax
    import jax.numpy as jnp

    def sweep(_, u):
        def relax_row(above, rows):
            row, below, heat = rows
            known = (1.0 - omega) * row[1:-1] + omega * (
                0.25 * (above[1:-1] + below[1:-1] + row[2:]) + heat[1:-1]
            )

            def relax(left, k):
                here = k + 0.25 * omega * left
                return here, here

            _, inner = jax.lax.scan(relax, row[0], known)
            new = jnp.concatenate((row[:1], inner, row[-1:]))
            return new, new

        _, inner = jax.lax.scan(relax_row, u[0], (u[1:-1], u[2:], source[1:-1]))
        return jnp.concatenate((u[:1], inner, u[-1:]))

    u = jax.lax.fori_loop(0, sweeps, sweep, initial)
    return jnp.sum(weight * u * u)
