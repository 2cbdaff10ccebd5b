"""Durbin's recursion for a Toeplitz system: each step reads the solution so far forwards and backwards."""

import numpy as np

ARGNUMS = (0,)
SMALL = (7,)
SIZES = [(100,), (141,), (200,), (283,)]
REPORT_SIZES = [(1_000,)]


def make(size, rng):
    (n,) = size
    return 0.3 * rng.standard_normal(n) / np.arange(2.0, n + 2.0), rng.standard_normal(n)


def slices(r, weight):
    y = np.zeros_like(r)
    alpha = -r[0]
    beta = 1.0
    y[0] = -r[0]
    for k in range(1, r.shape[0]):
        beta *= 1.0 - alpha * alpha
        alpha = -(r[k] + np.dot(np.flip(r[:k]), y[:k])) / beta
        y[:k] += alpha * np.flip(y[:k])
        y[k] = alpha
    return np.sum(weight * y)


def loops(r, weight):
    n = r.shape[0]
    y = np.zeros(n)
    z = np.empty(n)
    y[0] = -r[0]
    alpha = -r[0]
    beta = 1.0
    for k in range(1, n):
        beta *= 1.0 - alpha * alpha
        s = r[k]
        for i in range(k):
            s += r[k - i - 1] * y[i]
        alpha = -s / beta
        for i in range(k):
            z[i] = y[i] + alpha * y[k - i - 1]
        for i in range(k):
            y[i] = z[i]
        y[k] = alpha
    total = 0.0
    for i in range(n):
        total += weight[i] * y[i]
    return total


def jax_loss(r, weight):
    import jax
    import jax.numpy as jnp

    # The solution so far and the same backwards, both with zeros behind: nothing is cut off in a step.
    def step(state, given):
        y, back, alpha, beta = state
        right, k = given
        beta = beta * (1.0 - alpha * alpha)
        alpha = -(right + r @ back) / beta
        y, back = y + alpha * back, back + alpha * y
        return (y.at[k].set(alpha), jnp.concatenate([alpha[None], back[:-1]]), alpha, beta), None

    first = jnp.zeros_like(r).at[0].set(-r[0])
    (y, *_), _ = jax.lax.scan(step, (first, first, -r[0], 1.0), (r[1:], jnp.arange(1, r.shape[0])))
    return jnp.sum(weight * y)
