"""A perceptron with one hidden layer of ReLU and a softmax, on whole arrays: the products are calls of BLAS.

784-256-10 for handwritten digits in batches of 128. Of the five products of a gradient two are forward; the backward
product with the first weights is not needed, since nothing is owed to the inputs. Time BLAS on one thread
(`OPENBLAS_NUM_THREADS=1`). I. Goodfellow et al., Deep Learning, 6.5.
"""

import math

import numpy as np

ARGNUMS = (0, 1, 2, 3)
SIZES = [(32, 64), (64, 128), (128, 256), (256, 512)]
REPORT_SIZES = [(128, 256)]


def make(size, rng):
    n, hidden = size
    x = rng.standard_normal((n, 784))
    y = rng.multinomial(1, [0.1] * 10, size=n).astype(np.float64)
    w1 = rng.standard_normal((784, hidden)) / 28.0
    w2 = rng.standard_normal((hidden, 10)) / math.sqrt(hidden)
    return w1, rng.standard_normal(hidden), w2, rng.standard_normal(10), x, y


def primal(w1, b1, w2, b2, x, y):
    h = np.maximum(x @ w1 + b1, 0.0)
    z = h @ w2 + b2
    total = 0.0
    for i in range(z.shape[0]):
        e = 0.0
        right = 0.0
        for k in range(z.shape[1]):
            e += math.exp(z[i, k])
            right += z[i, k] * y[i, k]
        total += math.log(e) - right
    return total / z.shape[0]


def hand(w1, b1, w2, b2, x, y):
    h = x @ w1
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            h[i, j] = max(h[i, j] + b1[j], 0.0)
    z = h @ w2
    n, classes = z.shape
    b1_bar = np.zeros_like(b1)
    b2_bar = np.zeros_like(b2)
    total = 0.0
    for i in range(n):
        e = 0.0
        for k in range(classes):
            total -= (z[i, k] + b2[k]) * y[i, k]
            z[i, k] = math.exp(z[i, k] + b2[k])
            e += z[i, k]
        total += math.log(e)
        for k in range(classes):
            g = (z[i, k] / e - y[i, k]) / n
            z[i, k] = g
            b2_bar[k] += g
    w2_bar = h.T @ z
    h_bar = z @ w2.T
    for i in range(n):
        for j in range(h.shape[1]):
            g = h_bar[i, j] if h[i, j] > 0.0 else 0.0
            h_bar[i, j] = g
            b1_bar[j] += g
    return total / n, (x.T @ h_bar, b1_bar, w2_bar, b2_bar)


def jax_loss(w1, b1, w2, b2, x, y):
    import jax
    import jax.numpy as jnp

    z = jax.nn.relu(x @ w1 + b1) @ w2 + b2
    return jnp.mean(jnp.log(jnp.sum(jnp.exp(z), axis=1)) - jnp.sum(z * y, axis=1))


def torch_loss(w1, b1, w2, b2, x, y):
    import torch

    z = torch.relu(x @ w1 + b1) @ w2 + b2
    return torch.mean(torch.log(torch.sum(torch.exp(z), dim=1)) - torch.sum(z * y, dim=1))


def autograd_loss(w1, b1, w2, b2, x, y):
    import autograd.numpy as np

    z = np.dot(np.maximum(np.dot(x, w1) + b1, 0.0), w2) + b2
    return np.mean(np.log(np.sum(np.exp(z), axis=1)) - np.sum(z * y, axis=1))
