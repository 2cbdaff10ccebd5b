"""Softmax over the last axis of four, shifted by the largest."""

import math

import numpy as np

ARGNUMS = (0,)
SMALL = (2, 2, 3, 4)
SIZES = [(4, 4, 16, 16), (8, 4, 16, 16), (8, 8, 16, 16), (16, 8, 16, 16)]
REPORT_SIZES = [(16, 8, 64, 64)]


def make(size, rng):
    return rng.standard_normal(size), rng.standard_normal(size)


def slices(x, weight):
    shifted = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return np.sum(weight * (shifted / np.sum(shifted, axis=-1, keepdims=True)))


def loops(x, weight):
    total = 0.0
    for a in range(x.shape[0]):
        for b in range(x.shape[1]):
            for c in range(x.shape[2]):
                largest = x[a, b, c, 0]
                for d in range(x.shape[3]):
                    if x[a, b, c, d] > largest:
                        largest = x[a, b, c, d]
                norm = 0.0
                weighted = 0.0
                for d in range(x.shape[3]):
                    e = math.exp(x[a, b, c, d] - largest)
                    norm += e
                    weighted += weight[a, b, c, d] * e
                total += weighted / norm
    return total


def jax_loss(x, weight):
    import jax
    import jax.numpy as jnp

    return jnp.sum(weight * jax.nn.softmax(x, axis=-1))
