"""Cholesky factorisation row by row, and a weighted sum of the factor.

Reads the lower triangle only. No element of the factor is overwritten, so the adjoint needs no tape: it
reads the factor itself. A. Cholesky, 1910 (published by C. Benoit, Bull. Geod. 2, 1924); for the adjoint
S. P. Smith, "Differentiation of the Cholesky algorithm", J. Comput. Graph. Stat. 4 (1995).
"""

import math

import numpy as np

ARGNUMS = (0,)
# The work grows as the cube: these sizes double it.
SIZES = [80, 101, 127, 160]
REPORT_SIZES = [200]


def make(size, rng):
    b = rng.standard_normal((size, size))
    return b @ b.T / size + np.eye(size), rng.standard_normal((size, size))


def primal(a, weight):
    n = a.shape[0]
    factor = np.zeros((n, n))
    total = 0.0
    for i in range(n):
        for j in range(i):
            s = a[i, j]
            for k in range(j):
                s -= factor[i, k] * factor[j, k]
            factor[i, j] = s / factor[j, j]
        s = a[i, i]
        for k in range(i):
            s -= factor[i, k] * factor[i, k]
        factor[i, i] = math.sqrt(s)
    for i in range(n):
        for j in range(i + 1):
            total += weight[i, j] * factor[i, j]
    return total


def hand(a, weight):
    n = a.shape[0]
    factor = np.empty((n, n))
    for i in range(n):
        row = factor[i]
        for j in range(i):
            other = factor[j]
            s = a[i, j]
            for k in range(j):
                s -= row[k] * other[k]
            row[j] = s / other[j]
        s = a[i, i]
        for k in range(i):
            s -= row[k] * row[k]
        row[i] = math.sqrt(s)
    # What is owed to an element of `factor` turns into what is owed to the same element of `a`, in place.
    a_bar = np.zeros((n, n))
    total = 0.0
    for i in range(n):
        for j in range(i + 1):
            total += weight[i, j] * factor[i, j]
            a_bar[i, j] = weight[i, j]
    for i in range(n - 1, -1, -1):
        row = factor[i]
        row_bar = a_bar[i]
        s_bar = 0.5 * row_bar[i] / row[i]
        row_bar[i] = s_bar
        for k in range(i):
            row_bar[k] -= 2.0 * s_bar * row[k]
        for j in range(i - 1, -1, -1):
            other = factor[j]
            other_bar = a_bar[j]
            s_bar = row_bar[j] / other[j]
            row_bar[j] = s_bar
            other_bar[j] -= s_bar * row[j]
            for k in range(j):
                row_bar[k] -= s_bar * other[k]
                other_bar[k] -= s_bar * row[k]
    return total, (a_bar,)


def jax_loss(a, weight):
    import jax.numpy as jnp

    symmetric = jnp.tril(a) + jnp.tril(a, -1).T
    return jnp.sum(jnp.tril(weight) * jnp.linalg.cholesky(symmetric, symmetrize_input=False))


def torch_loss(a, weight):
    import torch

    symmetric = torch.tril(a) + torch.tril(a, -1).T
    return (torch.tril(weight) * torch.linalg.cholesky(symmetric)).sum()


def autograd_loss(a, weight):
    import autograd.numpy as np

    symmetric = np.tril(a) + np.tril(a, -1).T
    return np.sum(np.tril(weight) * np.linalg.cholesky(symmetric))
