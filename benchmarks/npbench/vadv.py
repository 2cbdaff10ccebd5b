"""Vertical advection of a weather model: a tridiagonal system in each column, forwards and backwards."""

import numpy as np

ARGNUMS = (0, 1, 2, 3)
SMALL = (3, 2, 6)
SIZES = [(16, 16, 20), (32, 16, 20), (32, 32, 20), (32, 32, 40)]
REPORT_SIZES = [(60, 60, 40)]

BETA = 0.5 * (1.0 + 0.0)


def make(size, rng):
    i, j, k = size
    wcon = 0.3 * rng.standard_normal((i + 1, j, k))
    return *(rng.standard_normal((i, j, k)) for _ in range(3)), wcon, 3.0, rng.standard_normal((i, j, k))


def slices(utens, u_stage, u_pos, wcon, dtr_stage, weight):
    ni, nj, nk = utens.shape
    ccol = np.empty((ni, nj, nk))
    dcol = np.empty((ni, nj, nk))
    for k in range(1):
        gcv = 0.25 * (wcon[1:, :, k + 1] + wcon[:-1, :, k + 1])
        cs = gcv * BETA
        ccol[:, :, k] = gcv * BETA
        bcol = dtr_stage - ccol[:, :, k]
        correction = -cs * (u_stage[:, :, k + 1] - u_stage[:, :, k])
        divided = 1.0 / bcol
        ccol[:, :, k] = ccol[:, :, k] * divided
        dcol[:, :, k] = (dtr_stage * u_pos[:, :, k] + utens[:, :, k] + correction) * divided
    for k in range(1, nk - 1):
        gav = -0.25 * (wcon[1:, :, k] + wcon[:-1, :, k])
        gcv = 0.25 * (wcon[1:, :, k + 1] + wcon[:-1, :, k + 1])
        acol = gav * BETA
        ccol[:, :, k] = gcv * BETA
        bcol = dtr_stage - acol - ccol[:, :, k]
        correction = -gav * BETA * (u_stage[:, :, k - 1] - u_stage[:, :, k]) - gcv * BETA * (
            u_stage[:, :, k + 1] - u_stage[:, :, k]
        )
        dcol[:, :, k] = dtr_stage * u_pos[:, :, k] + utens[:, :, k] + correction
        divided = 1.0 / (bcol - ccol[:, :, k - 1] * acol)
        ccol[:, :, k] = ccol[:, :, k] * divided
        dcol[:, :, k] = (dcol[:, :, k] - dcol[:, :, k - 1] * acol) * divided
    for k in range(nk - 1, nk):
        gav = -0.25 * (wcon[1:, :, k] + wcon[:-1, :, k])
        acol = gav * BETA
        bcol = dtr_stage - acol
        correction = -gav * BETA * (u_stage[:, :, k - 1] - u_stage[:, :, k])
        dcol[:, :, k] = dtr_stage * u_pos[:, :, k] + utens[:, :, k] + correction
        divided = 1.0 / (bcol - ccol[:, :, k - 1] * acol)
        dcol[:, :, k] = (dcol[:, :, k] - dcol[:, :, k - 1] * acol) * divided
    out = np.empty((ni, nj, nk))
    data = dcol[:, :, nk - 1]
    out[:, :, nk - 1] = dtr_stage * (data - u_pos[:, :, nk - 1])
    for k in range(nk - 2, -1, -1):
        data = dcol[:, :, k] - ccol[:, :, k] * data
        out[:, :, k] = dtr_stage * (data - u_pos[:, :, k])
    return np.sum(weight * out)


def loops(utens, u_stage, u_pos, wcon, dtr_stage, weight):
    ni, nj, nk = utens.shape
    ccol = np.empty(nk)
    dcol = np.empty(nk)
    total = 0.0
    for i in range(ni):
        for j in range(nj):
            for k in range(nk):
                below = 0.0
                above = 0.0
                correction = 0.0
                if k > 0:
                    below = -0.25 * (wcon[i + 1, j, k] + wcon[i, j, k]) * BETA
                    correction -= below * (u_stage[i, j, k - 1] - u_stage[i, j, k])
                if k < nk - 1:
                    above = 0.25 * (wcon[i + 1, j, k + 1] + wcon[i, j, k + 1]) * BETA
                    correction -= above * (u_stage[i, j, k + 1] - u_stage[i, j, k])
                diagonal = dtr_stage - below - above
                right = dtr_stage * u_pos[i, j, k] + utens[i, j, k] + correction
                if k > 0:
                    diagonal -= ccol[k - 1] * below
                    right -= dcol[k - 1] * below
                ccol[k] = above / diagonal
                dcol[k] = right / diagonal
            data = dcol[nk - 1]
            total += weight[i, j, nk - 1] * dtr_stage * (data - u_pos[i, j, nk - 1])
            for k in range(nk - 2, -1, -1):
                data = dcol[k] - ccol[k] * data
                total += weight[i, j, k] * dtr_stage * (data - u_pos[i, j, k])
    return total


def jax_loss(utens, u_stage, u_pos, wcon, dtr_stage, weight):
    import jax
    import jax.numpy as jnp

    # The columns last, so that a scan goes over levels.
    utens, u_stage, u_pos, wcon = (jnp.moveaxis(x, 2, 0) for x in (utens, u_stage, u_pos, wcon))
    coupling = 0.25 * BETA * (wcon[1:, 1:] + wcon[1:, :-1])
    zero = jnp.zeros((1, *coupling.shape[1:]))
    below = jnp.concatenate((zero, -coupling))
    above = jnp.concatenate((coupling, zero))
    step = u_stage[1:] - u_stage[:-1]
    correction = jnp.concatenate((zero, below[1:] * step)) - jnp.concatenate((above[:-1] * step, zero))
    right = dtr_stage * u_pos + utens + correction
    diagonal = dtr_stage - below - above

    def forwards(state, level):
        c, d = state
        a, b, right, diagonal = level
        divided = 1.0 / (diagonal - c * a)
        c, d = b * divided, (right - d * a) * divided
        return (c, d), (c, d)

    _, (ccol, dcol) = jax.lax.scan(forwards, (zero[0], zero[0]), (below, above, right, diagonal))

    def backwards(data, level):
        c, d = level
        data = d - c * data
        return data, data

    _, solution = jax.lax.scan(backwards, zero[0], (ccol, dcol), reverse=True)
    return jnp.sum(jnp.moveaxis(weight, 2, 0) * dtr_stage * (solution - u_pos))
