"""The mean of an image over rings of radius: one mask for each ring."""

import numpy as np

ARGNUMS = (0,)
SMALL = (30, 4)
SIZES = [(2_000, 10), (4_000, 10), (8_000, 10), (16_000, 10)]
REPORT_SIZES = [(100_000, 50)]


def make(size, rng):
    n, bins = size
    return rng.standard_normal(n), rng.random(n), bins, rng.standard_normal(bins)


def slices(data, radius, bins, weight):
    rmax = radius.max()
    res = np.zeros(bins)
    for i in range(bins):
        r1 = rmax * i / bins
        r2 = rmax * (i + 1) / bins
        mask_r12 = np.logical_and(r1 <= radius, radius < r2)
        values_r12 = data[mask_r12]
        res[i] = np.mean(values_r12)
    return np.sum(weight * res)


def loops(data, radius, bins, weight):
    n = radius.shape[0]
    rmax = 0.0
    for k in range(n):
        rmax = max(rmax, radius[k])
    total = 0.0
    for i in range(bins):
        r1 = rmax * i / bins
        r2 = rmax * (i + 1) / bins
        count = 0
        s = 0.0
        for k in range(n):
            if r1 <= radius[k] and radius[k] < r2:
                s += data[k]
                count += 1
        total += weight[i] * s / count
    return total


def hand(data, radius, bins, weight):
    """Each element finds its ring by a division, put right where that rounds to a neighbour."""
    n = radius.shape[0]
    rmax = 0.0
    for k in range(n):
        rmax = max(rmax, radius[k])
    ring = np.empty(n, np.int64)
    sums = np.zeros(bins + 1)
    counts = np.zeros(bins + 1, np.int64)
    for k in range(n):
        x = radius[k]
        i = int(x * bins / rmax)
        if x < rmax * i / bins:
            i -= 1
        elif i < bins and x >= rmax * (i + 1) / bins:
            i += 1
        ring[k] = i
        sums[i] += data[k]
        counts[i] += 1
    total = 0.0
    share = np.zeros(bins + 1)
    for i in range(bins):
        share[i] = weight[i] / counts[i]
        total += share[i] * sums[i]
    data_bar = np.empty(n)
    for k in range(n):
        data_bar[k] = share[ring[k]]
    return total, (data_bar,)


def jax_loss(data, radius, bins, weight):
    import jax
    import jax.numpy as jnp

    edges = jnp.max(radius) * jnp.arange(bins + 1) / bins
    ring = jnp.searchsorted(edges, radius, side="right") - 1
    ring = jnp.where(ring < bins, ring, bins)
    sums = jax.ops.segment_sum(data, ring, bins + 1)
    counts = jax.ops.segment_sum(jnp.ones_like(data), ring, bins + 1)
    return jnp.sum(weight * sums[:bins] / counts[:bins])
