"""Moments of a contour integral in the complex plane: a linear system for each point of the contour."""

import numpy as np

ARGNUMS = (0, 2)
SMALL = (5, 2, 2, 3)
SIZES = [(16, 8, 2, 8), (21, 8, 2, 8), (28, 8, 2, 8), (38, 8, 2, 8)]
REPORT_SIZES = [(50, 20, 2, 12)]


def make(size, rng):
    n, columns, slabs, count = size
    ham = rng.standard_normal((slabs + 1, n, n))
    ham[slabs // 2] += 4.0 * n * np.eye(n)
    angles = 2.0 * np.pi * (np.arange(count) + 0.5) / count
    points = np.where(np.arange(count) % 2 == 0, 0.7, 1.4) * np.exp(1j * angles)
    return ham, points, rng.standard_normal((n, columns)), rng.standard_normal((2, n, columns))


def slices(ham, points, y, weight):
    n = y.shape[0]
    slabs = ham.shape[0] - 1
    p0 = np.zeros(y.shape, np.complex128)
    p1 = np.zeros(y.shape, np.complex128)
    for k in range(points.shape[0]):
        z = points[k]
        tz = np.zeros((n, n), np.complex128)
        for s in range(slabs + 1):
            tz += z ** (slabs // 2 - s) * ham[s]
        x = np.linalg.solve(tz, y + 0j)
        if abs(z) < 1.0:
            x = -x
        p0 += x
        p1 += z * x
    return np.sum(weight[0] * p0.real + weight[1] * p1.imag)


def loops(ham, points, y, weight):
    """Elimination without pivoting: the diagonals dominate."""
    n, columns = y.shape
    slabs = ham.shape[0] - 1
    tz = np.empty((n, n), np.complex128)
    x = np.empty((n, columns), np.complex128)
    total = 0.0
    for k in range(points.shape[0]):
        z = points[k]
        for i in range(n):
            for j in range(n):
                tz[i, j] = 0.0
            for c in range(columns):
                x[i, c] = y[i, c]
        for s in range(slabs + 1):
            power = z ** (slabs // 2 - s)
            for i in range(n):
                for j in range(n):
                    tz[i, j] += power * ham[s, i, j]
        for p in range(n):
            for i in range(p + 1, n):
                factor = tz[i, p] / tz[p, p]
                for j in range(p + 1, n):
                    tz[i, j] -= factor * tz[p, j]
                for c in range(columns):
                    x[i, c] -= factor * x[p, c]
        for i in range(n - 1, -1, -1):
            for j in range(i + 1, n):
                for c in range(columns):
                    x[i, c] -= tz[i, j] * x[j, c]
            for c in range(columns):
                x[i, c] /= tz[i, i]
        sign = -1.0 if abs(z) < 1.0 else 1.0
        for i in range(n):
            for c in range(columns):
                total += sign * (weight[0, i, c] * x[i, c].real + weight[1, i, c] * (z * x[i, c]).imag)
    return total


def hand(ham, points, y, weight):
    """The factors solve the transposed systems as well; what is owed to a matrix is an outer product."""
    n, columns = y.shape
    slabs = ham.shape[0] - 1
    ham_bar = np.zeros_like(ham)
    y_bar = np.zeros_like(y)
    tz = np.empty((n, n), np.complex128)
    x = np.empty((n, columns), np.complex128)
    x_bar = np.empty((n, columns), np.complex128)
    power = np.empty(slabs + 1, np.complex128)
    total = 0.0
    for k in range(points.shape[0]):
        z = points[k]
        tz[:] = 0.0
        for i in range(n):
            for c in range(columns):
                x[i, c] = y[i, c]
        for s in range(slabs + 1):
            power[s] = z ** (slabs // 2 - s)
            for i in range(n):
                for j in range(n):
                    tz[i, j] += power[s] * ham[s, i, j]
        for p in range(n):
            inverse = 1.0 / tz[p, p]
            for i in range(p + 1, n):
                factor = tz[i, p] * inverse
                tz[i, p] = factor
                for j in range(p + 1, n):
                    tz[i, j] -= factor * tz[p, j]
                for c in range(columns):
                    x[i, c] -= factor * x[p, c]
        for i in range(n - 1, -1, -1):
            inverse = 1.0 / tz[i, i]
            for j in range(i + 1, n):
                for c in range(columns):
                    x[i, c] -= tz[i, j] * x[j, c]
            for c in range(columns):
                x[i, c] *= inverse
        sign = -1.0 if abs(z) < 1.0 else 1.0
        for i in range(n):
            for c in range(columns):
                total += sign * (weight[0, i, c] * x[i, c].real + weight[1, i, c] * (z * x[i, c]).imag)
                x_bar[i, c] = sign * (weight[0, i, c] - 1j * weight[1, i, c] * z)
        for i in range(n):
            inverse = 1.0 / tz[i, i]
            for c in range(columns):
                x_bar[i, c] *= inverse
            for j in range(i + 1, n):
                for c in range(columns):
                    x_bar[j, c] -= tz[i, j] * x_bar[i, c]
        for p in range(n - 1, -1, -1):
            for i in range(p + 1, n):
                for c in range(columns):
                    x_bar[p, c] -= tz[i, p] * x_bar[i, c]
        tz_bar = x_bar @ x.T
        for s in range(slabs + 1):
            for i in range(n):
                for j in range(n):
                    ham_bar[s, i, j] -= (power[s] * tz_bar[i, j]).real
        for i in range(n):
            for c in range(columns):
                y_bar[i, c] += x_bar[i, c].real
    return total, (ham_bar, y_bar)


def jax_loss(ham, points, y, weight):
    import jax
    import jax.numpy as jnp

    slabs = ham.shape[0] - 1
    powers = points[:, None] ** (slabs // 2 - jnp.arange(slabs + 1))
    tz = jnp.einsum("ks,sij->kij", powers, ham)
    x = jax.vmap(lambda t: jnp.linalg.solve(t, y + 0j))(tz)
    x = jnp.where(jnp.abs(points) < 1.0, -1.0, 1.0)[:, None, None] * x
    return jnp.sum(weight[0] * x.sum(0).real + weight[1] * (points[:, None, None] * x).sum(0).imag)
