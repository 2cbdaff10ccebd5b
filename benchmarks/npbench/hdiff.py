"""Horizontal diffusion of a weather model: Laplacian, limited fluxes, update."""

import numpy as np

ARGNUMS = (0, 1)
SMALL = (4, 3, 2)
SIZES = [(32, 32, 8), (64, 32, 8), (64, 64, 8), (64, 64, 16)]
REPORT_SIZES = [(128, 128, 32)]


def make(size, rng):
    i, j, k = size
    return (
        rng.standard_normal((i + 4, j + 4, k)),
        rng.standard_normal((i, j, k)),
        rng.standard_normal((i, j, k)),
    )


def slices(field, coefficient, weight):
    i = coefficient.shape[0]
    j = coefficient.shape[1]
    laplacian = 4.0 * field[1 : i + 3, 1 : j + 3, :] - (
        field[2 : i + 4, 1 : j + 3, :]
        + field[0 : i + 2, 1 : j + 3, :]
        + field[1 : i + 3, 2 : j + 4, :]
        + field[1 : i + 3, 0 : j + 2, :]
    )
    change = laplacian[1:, 1 : j + 1, :] - laplacian[:-1, 1 : j + 1, :]
    slope = field[2 : i + 3, 2 : j + 2, :] - field[1 : i + 2, 2 : j + 2, :]
    flux_x = np.where(change * slope > 0, 0.0, change)
    change = laplacian[1 : i + 1, 1:, :] - laplacian[1 : i + 1, :-1, :]
    slope = field[2 : i + 2, 2 : j + 3, :] - field[2 : i + 2, 1 : j + 2, :]
    flux_y = np.where(change * slope > 0, 0.0, change)
    out = field[2 : i + 2, 2 : j + 2, :] - coefficient * (
        flux_x[1:, :, :] - flux_x[:-1, :, :] + flux_y[:, 1:, :] - flux_y[:, :-1, :]
    )
    return np.sum(weight * out)


def loops(field, coefficient, weight):
    ni, nj, nk = coefficient.shape
    laplacian = np.empty((ni + 2, nj + 2, nk))
    flux_x = np.empty((ni + 1, nj, nk))
    flux_y = np.empty((ni, nj + 1, nk))
    for i in range(ni + 2):
        for j in range(nj + 2):
            for k in range(nk):
                laplacian[i, j, k] = 4.0 * field[i + 1, j + 1, k] - (
                    field[i + 2, j + 1, k] + field[i, j + 1, k] + field[i + 1, j + 2, k] + field[i + 1, j, k]
                )
    for i in range(ni + 1):
        for j in range(nj):
            for k in range(nk):
                change = laplacian[i + 1, j + 1, k] - laplacian[i, j + 1, k]
                if change * (field[i + 2, j + 2, k] - field[i + 1, j + 2, k]) > 0:
                    change = 0.0
                flux_x[i, j, k] = change
    for i in range(ni):
        for j in range(nj + 1):
            for k in range(nk):
                change = laplacian[i + 1, j + 1, k] - laplacian[i + 1, j, k]
                if change * (field[i + 2, j + 2, k] - field[i + 2, j + 1, k]) > 0:
                    change = 0.0
                flux_y[i, j, k] = change
    total = 0.0
    for i in range(ni):
        for j in range(nj):
            for k in range(nk):
                out = field[i + 2, j + 2, k] - coefficient[i, j, k] * (
                    flux_x[i + 1, j, k] - flux_x[i, j, k] + flux_y[i, j + 1, k] - flux_y[i, j, k]
                )
                total += weight[i, j, k] * out
    return total


def jax_loss(field, coefficient, weight):
    import jax.numpy as jnp

    laplacian = 4.0 * field[1:-1, 1:-1] - (
        field[2:, 1:-1] + field[:-2, 1:-1] + field[1:-1, 2:] + field[1:-1, :-2]
    )
    change = laplacian[1:, 1:-1] - laplacian[:-1, 1:-1]
    flux_x = jnp.where(change * (field[2:-1, 2:-2] - field[1:-2, 2:-2]) > 0, 0.0, change)
    change = laplacian[1:-1, 1:] - laplacian[1:-1, :-1]
    flux_y = jnp.where(change * (field[2:-2, 2:-1] - field[2:-2, 1:-2]) > 0, 0.0, change)
    out = field[2:-2, 2:-2] - coefficient * (flux_x[1:] - flux_x[:-1] + flux_y[:, 1:] - flux_y[:, :-1])
    return jnp.sum(weight * out)
