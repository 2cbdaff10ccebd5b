"""A perceptron with two hidden layers (ReLU) and a softmax."""

import math

import numpy as np

ARGNUMS = (1, 2, 3, 4, 5, 6)
SMALL = (3, 4, 5, 4, 3)
SIZES = [(8, 40, 64, 64, 10), (16, 40, 64, 64, 10), (32, 40, 64, 64, 10), (64, 40, 64, 64, 10)]
REPORT_SIZES = [(64, 200, 256, 128, 16)]


def make(size, rng):
    batch, c_in, s0, s1, s2 = size
    return (
        rng.standard_normal((batch, c_in)),
        rng.standard_normal((c_in, s0)) / math.sqrt(c_in), rng.standard_normal(s0),
        rng.standard_normal((s0, s1)) / math.sqrt(s0), rng.standard_normal(s1),
        rng.standard_normal((s1, s2)) / math.sqrt(s1), rng.standard_normal(s2),
        rng.standard_normal((batch, s2)),
    )  # fmt: skip


def relu(x):
    return np.maximum(x, 0)


def softmax(x):
    shifted = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return shifted / np.sum(shifted, axis=-1, keepdims=True)


def slices(images, w1, b1, w2, b2, w3, b3, weight):
    x = relu(images @ w1 + b1)
    x = relu(x @ w2 + b2)
    x = softmax(x @ w3 + b3)
    return np.sum(weight * x)


def layer(x, w, b, out, rectify):
    for j in range(out.shape[0]):
        out[j] = b[j]
    for k in range(x.shape[0]):
        for j in range(out.shape[0]):
            out[j] += x[k] * w[k, j]
    if rectify:
        for j in range(out.shape[0]):
            out[j] = max(out[j], 0.0)


def loops(images, w1, b1, w2, b2, w3, b3, weight):
    first = np.empty(b1.shape[0])
    second = np.empty(b2.shape[0])
    third = np.empty(b3.shape[0])
    total = 0.0
    for i in range(images.shape[0]):
        layer(images[i], w1, b1, first, True)
        layer(first, w2, b2, second, True)
        layer(second, w3, b3, third, False)
        largest = third[0]
        for j in range(1, third.shape[0]):
            if third[j] > largest:
                largest = third[j]
        norm = 0.0
        weighted = 0.0
        for j in range(third.shape[0]):
            e = math.exp(third[j] - largest)
            norm += e
            weighted += weight[i, j] * e
        total += weighted / norm
    return total


def hand(images, w1, b1, w2, b2, w3, b3, weight):
    """Whole layers as products of matrices; what is owed to a layer takes the place of its values."""
    n = images.shape[0]
    first = images @ w1
    for i in range(n):
        for j in range(b1.shape[0]):
            first[i, j] = max(first[i, j] + b1[j], 0.0)
    second = first @ w2
    for i in range(n):
        for j in range(b2.shape[0]):
            second[i, j] = max(second[i, j] + b2[j], 0.0)
    third = second @ w3
    b1_bar, b2_bar, b3_bar = np.zeros_like(b1), np.zeros_like(b2), np.zeros_like(b3)
    total = 0.0
    for i in range(n):
        largest = third[i, 0] + b3[0]
        for j in range(b3.shape[0]):
            third[i, j] += b3[j]
            largest = max(largest, third[i, j])
        norm = 0.0
        weighted = 0.0
        for j in range(b3.shape[0]):
            e = math.exp(third[i, j] - largest)
            third[i, j] = e
            norm += e
            weighted += weight[i, j] * e
        mean = weighted / norm
        total += mean
        for j in range(b3.shape[0]):
            owed = third[i, j] / norm * (weight[i, j] - mean)
            third[i, j] = owed
            b3_bar[j] += owed
    w3_bar = second.T @ third
    second_bar = third @ w3.T
    for i in range(n):
        for j in range(b2.shape[0]):
            if second[i, j] <= 0.0:
                second_bar[i, j] = 0.0
            b2_bar[j] += second_bar[i, j]
    w2_bar = first.T @ second_bar
    first_bar = second_bar @ w2.T
    for i in range(n):
        for j in range(b1.shape[0]):
            if first[i, j] <= 0.0:
                first_bar[i, j] = 0.0
            b1_bar[j] += first_bar[i, j]
    return total, (images.T @ first_bar, b1_bar, w2_bar, b2_bar, w3_bar, b3_bar)


def jax_loss(images, w1, b1, w2, b2, w3, b3, weight):
    import jax
    import jax.numpy as jnp

    x = jax.nn.relu(images @ w1 + b1)
    x = jax.nn.relu(x @ w2 + b2)
    return jnp.sum(weight * jax.nn.softmax(x @ w3 + b3))
