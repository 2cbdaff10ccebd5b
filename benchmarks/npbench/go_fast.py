"""A matrix plus the sum of the tanh of its diagonal."""

import math

import numpy as np

ARGNUMS = (0,)
SMALL = (5,)
SIZES = [(200,), (283,), (400,), (566,)]
REPORT_SIZES = [(1_000,)]


def make(size, rng):
    (n,) = size
    return rng.standard_normal((n, n)), rng.standard_normal((n, n))


def slices(a, weight):
    trace = 0.0
    for i in range(a.shape[0]):
        trace += np.tanh(a[i, i])
    return np.sum(weight * (a + trace))


def loops(a, weight):
    trace = 0.0
    for i in range(a.shape[0]):
        trace += math.tanh(a[i, i])
    total = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            total += weight[i, j] * (a[i, j] + trace)
    return total


def jax_loss(a, weight):
    import jax.numpy as jnp

    return jnp.sum(weight * (a + jnp.sum(jnp.tanh(jnp.diagonal(a)))))
