"""log(sum(exp(x))), shifted by the largest element.

The shift cancels in the derivative; a reverse sweep that differentiates through it anyway loses half of
the digits for long x, so the adjoint adds what it owes at the remembered argmax, which is nothing.
The exponentials are recorded where the gradient will lie. P. Blanchard, D. J. Higham, N. J. Higham,
"Accurately computing the log-sum-exp and softmax functions", IMA J. Numer. Anal. 41 (2021).
"""

import math

import numpy as np

ARGNUMS = (0,)
SIZES = [2_500, 5_000, 10_000, 20_000]
REPORT_SIZES = [2_500, 1_280_000]


def make(size, rng):
    return (rng.standard_normal(size) * 3.0,)


def primal(x):
    n = x.shape[0]
    largest = x[0]
    for i in range(1, n):
        if x[i] > largest:
            largest = x[i]
    total = 0.0
    for i in range(n):
        total += math.exp(x[i] - largest)
    return largest + math.log(total)


def hand(x):
    n = x.shape[0]
    largest = x[0]
    for i in range(1, n):
        if x[i] > largest:
            largest = x[i]
    x_bar = np.empty(n)
    total = 0.0
    for i in range(n):
        e = math.exp(x[i] - largest)
        x_bar[i] = e
        total += e
    total_bar = 1.0 / total
    for i in range(n):
        x_bar[i] *= total_bar
    return largest + math.log(total), (x_bar,)


def jax_loss(x):
    import jax

    return jax.scipy.special.logsumexp(x)


def torch_loss(x):
    import torch

    return torch.logsumexp(x, 0)


def autograd_loss(x):
    from autograd.scipy.special import logsumexp

    return logsumexp(x)
