"""A bottleneck block of a residual network: 1 x 1, padded 3 x 3, 1 x 1 convolutions, each normalised.

K. He et al., "Deep residual learning for image recognition", CVPR 2016.
"""

import math

import numpy as np

from .conv2d import convolved
from .mlp import relu

ARGNUMS = (0, 1, 2, 3)
SMALL = (2, 4, 4, 2)
SIZES = [(2, 12, 16, 8), (4, 12, 16, 8), (8, 12, 16, 8), (16, 12, 16, 8)]
REPORT_SIZES = [(4, 28, 32, 8)]


def make(size, rng):
    batch, side, c1, c2 = size
    shapes = [(1, 1, c1, c2), (3, 3, c2, c2), (1, 1, c2, c1)]
    weights = [rng.standard_normal(s) / math.sqrt(math.prod(s[:-1])) for s in shapes]
    images = rng.standard_normal((batch, side, side, c1))
    return images, *weights, rng.standard_normal((batch, side, side, c1))


def batchnorm2d(x, eps=1e-5):
    mean = np.mean(x, axis=0, keepdims=True)
    std = np.std(x, axis=0, keepdims=True)
    return (x - mean) / np.sqrt(std + eps)


def slices(images, conv1, conv2, conv3, weight):
    padded = np.zeros((images.shape[0], images.shape[1] + 2, images.shape[2] + 2, conv1.shape[3]))
    padded[:, 1:-1, 1:-1, :] = convolved(images, conv1)
    x = relu(batchnorm2d(padded))
    x = relu(batchnorm2d(convolved(x, conv2)))
    x = batchnorm2d(convolved(x, conv3))
    return np.sum(weight * relu(x + images))


def convolve(x, kernels, out):
    k, _, c_in, c_out = kernels.shape
    for b in range(out.shape[0]):
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                for o in range(c_out):
                    out[b, i, j, o] = 0.0
                for p in range(k):
                    for q in range(k):
                        for c in range(c_in):
                            for o in range(c_out):
                                out[b, i, j, o] += x[b, i + p, j + q, c] * kernels[p, q, c, o]


def normalise(x, border, out):
    """Over the batch; `out` is larger by a border of the normalised zero, which is zero."""
    n = x.shape[0]
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            for c in range(x.shape[3]):
                mean = 0.0
                for b in range(n):
                    mean += x[b, i, j, c]
                mean /= n
                spread = 0.0
                for b in range(n):
                    spread += (x[b, i, j, c] - mean) ** 2
                scale = 1.0 / math.sqrt(math.sqrt(spread / n) + 1e-5)
                for b in range(n):
                    out[b, i + border, j + border, c] = (x[b, i, j, c] - mean) * scale


def rectify(x):
    for b in range(x.shape[0]):
        for i in range(x.shape[1]):
            for j in range(x.shape[2]):
                for c in range(x.shape[3]):
                    x[b, i, j, c] = max(x[b, i, j, c], 0.0)


def loops(images, conv1, conv2, conv3, weight):
    n, height, width, c1 = images.shape
    c2 = conv1.shape[3]
    narrow = np.empty((n, height, width, c2))
    padded = np.zeros((n, height + 2, width + 2, c2))
    wide = np.empty((n, height, width, c1))
    convolve(images, conv1, narrow)
    normalise(narrow, 1, padded)
    rectify(padded)
    convolve(padded, conv2, narrow)
    inner = np.empty((n, height, width, c2))
    normalise(narrow, 0, inner)
    rectify(inner)
    convolve(inner, conv3, wide)
    normed = np.empty((n, height, width, c1))
    normalise(wide, 0, normed)
    total = 0.0
    for b in range(n):
        for i in range(height):
            for j in range(width):
                for c in range(c1):
                    total += weight[b, i, j, c] * max(normed[b, i, j, c] + images[b, i, j, c], 0.0)
    return total


def jax_loss(images, conv1, conv2, conv3, weight):
    import jax
    import jax.numpy as jnp

    def convolve(x, kernels, padding):
        return jax.lax.conv_general_dilated(
            x, kernels, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    def normalise(x):
        mean = jnp.mean(x, axis=0, keepdims=True)
        return (x - mean) / jnp.sqrt(jnp.std(x, axis=0, keepdims=True) + 1e-5)

    x = jax.nn.relu(normalise(convolve(images, conv1, "VALID")))
    x = jax.nn.relu(normalise(convolve(x, conv2, "SAME")))
    x = normalise(convolve(x, conv3, "VALID"))
    return jnp.sum(weight * jax.nn.relu(x + images))
