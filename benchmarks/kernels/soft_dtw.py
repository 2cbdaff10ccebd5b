"""Soft dynamic time warping between two series.

R[i, j] = (x_i - y_j)^2 + softmin(R[i-1, j], R[i, j-1], R[i-1, j-1]), where softmin(a) is
-gamma log(sum(exp(-a / gamma))). Differentiated by both series. The weights of each soft minimum are
recorded in the forward sweep, so the reverse sweep has no exp. M. Cuturi, M. Blondel, "Soft-DTW: a
differentiable loss function for time-series", ICML 2017, equation 1 and algorithm 2.
"""

import math

import numpy as np

ARGNUMS = (0, 1)
SIZES = [(64, 32), (64, 64), (64, 128), (64, 256)]
REPORT_SIZES = [(200, 250)]
# Outside the table, and far above anything inside it.
FAR = 1e10


def make(size, rng):
    n, m = size
    x = np.cumsum(rng.standard_normal(n)) * 0.3
    return x, np.cumsum(rng.standard_normal(m)) * 0.3, 0.7


def primal(x, y, gamma):
    n = x.shape[0]
    m = y.shape[0]
    r = np.empty((n + 1, m + 1))
    for i in range(n + 1):
        r[i, 0] = 1e10
    for j in range(m + 1):
        r[0, j] = 1e10
    r[0, 0] = 0.0
    for i in range(n):
        for j in range(m):
            up = r[i, j + 1]
            left = r[i + 1, j]
            corner = r[i, j]
            low = min(up, left, corner)
            mass = (
                math.exp((low - up) / gamma)
                + math.exp((low - left) / gamma)
                + math.exp((low - corner) / gamma)
            )
            miss = x[i] - y[j]
            r[i + 1, j + 1] = miss * miss + low - gamma * math.log(mass)
    return r[n, m]


def hand(x, y, gamma):
    n = x.shape[0]
    m = y.shape[0]
    r = np.empty((n + 1, m + 1))
    for i in range(n + 1):
        r[i, 0] = 1e10
    for j in range(m + 1):
        r[0, j] = 1e10
    r[0, 0] = 0.0
    share_tape = np.empty((n, m, 3))
    for i in range(n):
        before = r[i]
        row = r[i + 1]
        for j in range(m):
            up = before[j + 1]
            left = row[j]
            corner = before[j]
            low = min(up, left, corner)
            a = math.exp((low - up) / gamma)
            b = math.exp((low - left) / gamma)
            c = math.exp((low - corner) / gamma)
            mass = a + b + c
            share_tape[i, j, 0] = a / mass
            share_tape[i, j, 1] = b / mass
            share_tape[i, j, 2] = c / mass
            miss = x[i] - y[j]
            row[j + 1] = miss * miss + low - gamma * math.log(mass)
    x_bar = np.zeros(n)
    y_bar = np.zeros(m)
    # One row of what is owed to R: the row below hands its shares up and left.
    row_bar = np.zeros(m + 1)
    row_bar[m] = 1.0
    for i in range(n - 1, -1, -1):
        # `row_bar[j + 1]` is complete when it is read, and then holds what its upper neighbour is owed.
        corner_bar = 0.0
        total = 0.0
        left_bar = 0.0
        for j in range(m - 1, -1, -1):
            r_bar = row_bar[j + 1] + left_bar
            step_bar = 2.0 * r_bar * (x[i] - y[j])
            total += step_bar
            y_bar[j] -= step_bar
            row_bar[j + 1] = share_tape[i, j, 0] * r_bar + corner_bar
            left_bar = share_tape[i, j, 1] * r_bar
            corner_bar = share_tape[i, j, 2] * r_bar
        x_bar[i] = total
    return r[n, m], (x_bar, y_bar)


def jax_loss(x, y, gamma):
    import jax
    import jax.numpy as jnp

    n, m = x.shape[0], y.shape[0]
    # Anti-diagonals do not depend on themselves: one scan step per diagonal, vectorised along it.
    column = np.arange(n + m - 1)[:, None] - np.arange(n)[None, :]
    inside = (column >= 0) & (column < m)
    distance = jnp.where(inside, (x[None, :] - y[np.clip(column, 0, m - 1)]) ** 2, 0.0)

    def step(diagonals, row):
        older, old = diagonals
        cost, valid, corner_first = row
        up = jnp.concatenate((jnp.full(1, FAR), old[:-1]))
        corner = jnp.concatenate((corner_first[None], older[:-1]))
        choices = jnp.stack((up, old, corner))
        low = jnp.min(choices, axis=0)
        soft = low - gamma * jnp.log(jnp.sum(jnp.exp((low - choices) / gamma), axis=0))
        new = jnp.where(valid, cost + soft, FAR)
        return (old, new), None

    corners = np.full(n + m - 1, FAR)
    corners[0] = 0.0
    outside = jnp.full(n, FAR)
    (_, last), _ = jax.lax.scan(step, (outside, outside), (distance, inside, corners))
    return last[n - 1]


def torch_loss(x, y, gamma):
    import torch

    n, m = x.shape[0], y.shape[0]
    column = torch.arange(n + m - 1)[:, None] - torch.arange(n)[None, :]
    inside = (column >= 0) & (column < m)
    distance = (x[None, :] - y[column.clamp(0, m - 1)]) ** 2
    far = torch.full((1,), FAR, dtype=x.dtype)
    outside = torch.full((n,), FAR, dtype=x.dtype)
    older, old = outside, outside
    for k in range(n + m - 1):
        corner = torch.cat((far if k else torch.zeros_like(far), older[:-1]))
        choices = torch.stack((torch.cat((far, old[:-1])), old, corner))
        soft = -gamma * torch.logsumexp(-choices / gamma, 0)
        older, old = old, torch.where(inside[k], distance[k] + soft, outside)
    return old[n - 1]
