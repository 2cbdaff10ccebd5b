"""Angles between points on a sphere, by the haversine."""

import math

import numpy as np

ARGNUMS = (0, 1, 2, 3)
SMALL = (6,)
SIZES = [(5_000,), (10_000,), (20_000,), (40_000,)]
REPORT_SIZES = [(100_000,)]


def make(size, rng):
    (n,) = size
    return *(rng.random(n) for _ in range(4)), rng.standard_normal(n)


def slices(theta_1, phi_1, theta_2, phi_2, weight):
    temp = (
        np.sin((theta_2 - theta_1) / 2) ** 2
        + np.cos(theta_1) * np.cos(theta_2) * np.sin((phi_2 - phi_1) / 2) ** 2
    )
    distance_matrix = 2 * (np.arctan2(np.sqrt(temp), np.sqrt(1 - temp)))
    return np.sum(weight * distance_matrix)


def loops(theta_1, phi_1, theta_2, phi_2, weight):
    total = 0.0
    for i in range(theta_1.shape[0]):
        along = math.sin((theta_2[i] - theta_1[i]) / 2)
        across = math.sin((phi_2[i] - phi_1[i]) / 2)
        temp = along * along + math.cos(theta_1[i]) * math.cos(theta_2[i]) * across * across
        total += weight[i] * 2.0 * math.atan2(math.sqrt(temp), math.sqrt(1.0 - temp))
    return total


def jax_loss(theta_1, phi_1, theta_2, phi_2, weight):
    import jax.numpy as jnp

    temp = jnp.sin((theta_2 - theta_1) / 2) ** 2 + jnp.cos(theta_1) * jnp.cos(theta_2) * (
        jnp.sin((phi_2 - phi_1) / 2) ** 2
    )
    return jnp.sum(weight * 2.0 * jnp.arctan2(jnp.sqrt(temp), jnp.sqrt(1.0 - temp)))
