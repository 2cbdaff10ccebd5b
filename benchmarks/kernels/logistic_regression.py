"""Negative log-likelihood of logistic regression with an L2 penalty, in loops over observations.

Labels are +1 and -1, the loss is mean(log(1 + exp(-y z))) + lam |w|^2 / 2 with z = x w + b. Every
observation's cotangent is known before its row is read, so forward and reverse body share one pass and
each row of x is read from cache the second time. T. Hastie et al., The Elements of Statistical Learning, 4.4.
"""

import math

import numpy as np

ARGNUMS = (0, 1)
SIZES = [(2_000, 32), (4_000, 32), (8_000, 32), (16_000, 32)]
REPORT_SIZES = [(10_000, 64)]


def make(size, rng):
    n, d = size
    w = rng.standard_normal(d) / math.sqrt(d)
    x = rng.standard_normal((n, d))
    y = np.where(x @ w + rng.standard_normal(n) > 0.0, 1.0, -1.0)
    return 0.5 * w + 0.1 * rng.standard_normal(d), 0.3, x, y, 0.01


def primal(w, b, x, y, lam):
    n = x.shape[0]
    d = x.shape[1]
    total = 0.0
    for i in range(n):
        z = b
        for j in range(d):
            z += x[i, j] * w[j]
        total += math.log1p(math.exp(-y[i] * z))
    penalty = 0.0
    for j in range(d):
        penalty += w[j] * w[j]
    return total / n + 0.5 * lam * penalty


def hand(w, b, x, y, lam):
    n, d = x.shape
    w_bar = np.zeros(d)
    b_bar = 0.0
    total = 0.0
    for i in range(n):
        row = x[i]
        z = b
        for j in range(d):
            z += row[j] * w[j]
        e = math.exp(-y[i] * z)
        total += math.log1p(e)
        z_bar = -y[i] * e / ((1.0 + e) * n)
        b_bar += z_bar
        for j in range(d):
            w_bar[j] += z_bar * row[j]
    penalty = 0.0
    for j in range(d):
        penalty += w[j] * w[j]
        w_bar[j] += lam * w[j]
    return total / n + 0.5 * lam * penalty, (w_bar, b_bar)


def jax_loss(w, b, x, y, lam):
    import jax.numpy as jnp

    z = x @ w + b
    return jnp.mean(jnp.log1p(jnp.exp(-y * z))) + 0.5 * lam * w @ w


def torch_loss(w, b, x, y, lam):
    import torch

    z = x @ w + b
    return torch.mean(torch.log1p(torch.exp(-y * z))) + 0.5 * lam * w @ w


def autograd_loss(w, b, x, y, lam):
    import autograd.numpy as np

    z = np.dot(x, w) + b
    return np.mean(np.log1p(np.exp(-y * z))) + 0.5 * lam * np.dot(w, w)
