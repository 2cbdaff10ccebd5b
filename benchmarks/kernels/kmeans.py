"""The k-means objective: the sum of squared distances to the nearest centroid.

Differentiated by the centroids. The minimum is a gather: only the nearest centroid of a point is owed
anything, and the index is remembered in a scalar because forward and reverse body share one pass.
S. Lloyd, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28 (1982).
"""

import numpy as np

ARGNUMS = (0,)
SIZES = [(16, 1_000, 8), (16, 2_000, 8), (16, 4_000, 8), (16, 8_000, 8)]
REPORT_SIZES = [(100, 10_000, 16)]


def make(size, rng):
    clusters, n, d = size
    return rng.standard_normal((clusters, d)), rng.standard_normal((n, d)) * 1.5


def primal(centroids, points):
    n = points.shape[0]
    d = points.shape[1]
    clusters = centroids.shape[0]
    total = 0.0
    for i in range(n):
        nearest = np.inf
        for c in range(clusters):
            distance = 0.0
            for j in range(d):
                step = points[i, j] - centroids[c, j]
                distance += step * step
            if distance < nearest:
                nearest = distance
        total += nearest
    return total


def hand(centroids, points):
    n, d = points.shape
    clusters = centroids.shape[0]
    # Distances to all centroids side by side: the sums over coordinates keep their order, and the loops
    # over centroids vectorise, which a loop that sums one distance does not.
    transposed = np.empty((d, clusters))
    for c in range(clusters):
        for j in range(d):
            transposed[j, c] = centroids[c, j]
    distance = np.empty(clusters)
    centroids_bar = np.zeros((clusters, d))
    total = 0.0
    for i in range(n):
        point = points[i]
        for c in range(clusters):
            distance[c] = 0.0
        for j in range(d):
            row = transposed[j]
            here = point[j]
            for c in range(clusters):
                step = here - row[c]
                distance[c] += step * step
        nearest = np.inf
        winner = 0
        for c in range(clusters):
            if distance[c] < nearest:
                nearest = distance[c]
                winner = c
        total += nearest
        centroid = centroids[winner]
        centroid_bar = centroids_bar[winner]
        for j in range(d):
            centroid_bar[j] -= 2.0 * (point[j] - centroid[j])
    return total, (centroids_bar,)


def jax_loss(centroids, points):
    import jax.numpy as jnp

    distances = (
        jnp.sum(points**2, 1)[:, None] + jnp.sum(centroids**2, 1)[None, :] - 2.0 * points @ centroids.T
    )
    return jnp.sum(jnp.min(distances, axis=1))


def torch_loss(centroids, points):
    distances = (points**2).sum(1)[:, None] + (centroids**2).sum(1)[None, :] - 2.0 * points @ centroids.T
    return distances.min(dim=1).values.sum()


def autograd_loss(centroids, points):
    import autograd.numpy as np

    distances = (
        np.sum(points**2, 1)[:, None] + np.sum(centroids**2, 1)[None, :] - 2.0 * np.dot(points, centroids.T)
    )
    return np.sum(np.min(distances, axis=1))
