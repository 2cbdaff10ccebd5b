"""Maxwell's equations on a staggered grid (finite differences in the time domain), one edge driven."""

import numpy as np

ARGNUMS = (0, 1, 2, 3)
SMALL = (3, 5, 6)
SIZES = [(10, 60, 70), (20, 60, 70), (40, 60, 70), (80, 60, 70)]
REPORT_SIZES = [(40, 150, 160)]


def make(size, rng):
    steps, nx, ny = size
    field = [rng.standard_normal((nx, ny)) for _ in range(3)]
    return *field, rng.standard_normal(steps), rng.standard_normal((nx, ny))


def slices(ex, ey, hz, drive, weight):
    for t in range(drive.shape[0]):
        ey[0, :] = drive[t]
        ey[1:, :] -= 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1])
        hz[:-1, :-1] -= 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])
    return np.sum(weight * hz)


def loops(ex, ey, hz, drive, weight):
    nx, ny = hz.shape
    for t in range(drive.shape[0]):
        for j in range(ny):
            ey[0, j] = drive[t]
        for i in range(1, nx):
            for j in range(ny):
                ey[i, j] -= 0.5 * (hz[i, j] - hz[i - 1, j])
        for i in range(nx):
            for j in range(1, ny):
                ex[i, j] -= 0.5 * (hz[i, j] - hz[i, j - 1])
        for i in range(nx - 1):
            for j in range(ny - 1):
                hz[i, j] -= 0.7 * (ex[i, j + 1] - ex[i, j] + ey[i + 1, j] - ey[i, j])
    total = 0.0
    for i in range(nx):
        for j in range(ny):
            total += weight[i, j] * hz[i, j]
    return total


def jax_loss(ex, ey, hz, drive, weight):
    import jax
    import jax.numpy as jnp

    def step(fields, source):
        ex, ey, hz = fields
        ey = ey.at[1:].add(-0.5 * (hz[1:] - hz[:-1])).at[0].set(source)
        ex = ex.at[:, 1:].add(-0.5 * (hz[:, 1:] - hz[:, :-1]))
        hz = hz.at[:-1, :-1].add(-0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1]))
        return (ex, ey, hz), None

    (_, _, hz), _ = jax.lax.scan(step, (ex, ey, hz), drive)
    return jnp.sum(weight * hz)
