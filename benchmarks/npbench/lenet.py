"""LeNet-5: two convolutions with ReLU and 2 x 2 maxima, three dense layers.

Y. LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 86 (1998).
"""

import math

import numpy as np

from .conv2d import convolved
from .mlp import relu

ARGNUMS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
SMALL = (1, 16)
SIZES = [(1, 28), (2, 28), (4, 28), (8, 28)]
REPORT_SIZES = [(8, 28)]


def make(size, rng):
    batch, side = size
    before = ((side - 4) // 2 - 4) // 2
    flat = 16 * before * before
    shapes = [
        (5, 5, 1, 6),
        (6,),
        (5, 5, 6, 16),
        (16,),
        (flat, 120),
        (120,),
        (120, 84),
        (84,),
        (84, 10),
        (10,),
    ]
    weights = [rng.standard_normal(s) / math.sqrt(max(1, math.prod(s[:-1]))) for s in shapes]
    return rng.standard_normal((batch, side, side, 1)), *weights, rng.standard_normal((batch, 10))


def maxpool2d(x):
    out = np.empty((x.shape[0], x.shape[1] // 2, x.shape[2] // 2, x.shape[3]))
    for i in range(x.shape[1] // 2):
        for j in range(x.shape[2] // 2):
            out[:, i, j, :] = np.max(x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, :], axis=(1, 2))
    return out


def slices(images, conv1, conv1bias, conv2, conv2bias, fc1w, fc1b, fc2w, fc2b, fc3w, fc3b, weight):
    x = maxpool2d(relu(convolved(images, conv1) + conv1bias))
    x = maxpool2d(relu(convolved(x, conv2) + conv2bias))
    x = np.reshape(x, (images.shape[0], fc1w.shape[0]))
    x = relu(x @ fc1w + fc1b)
    x = relu(x @ fc2w + fc2b)
    return np.sum(weight * (x @ fc3w + fc3b))


def convolve_and_pool(x, kernels, bias, out):
    """Rectified before the maxima are taken; one output row at a time."""
    k, _, c_in, c_out = kernels.shape
    full = np.empty((2, 2, c_out))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for di in range(2):
                for dj in range(2):
                    for o in range(c_out):
                        full[di, dj, o] = bias[o]
                    for p in range(k):
                        for q in range(k):
                            for c in range(c_in):
                                for o in range(c_out):
                                    full[di, dj, o] += (
                                        x[2 * i + di + p, 2 * j + dj + q, c] * kernels[p, q, c, o]
                                    )
            for o in range(c_out):
                upper = max(full[0, 0, o], full[0, 1, o])
                lower = max(full[1, 0, o], full[1, 1, o])
                out[i, j, o] = max(max(upper, lower), 0.0)


def dense(x, w, b, out):
    for j in range(out.shape[0]):
        out[j] = b[j]
    for k in range(x.shape[0]):
        for j in range(out.shape[0]):
            out[j] += x[k] * w[k, j]


def loops(images, conv1, conv1bias, conv2, conv2bias, fc1w, fc1b, fc2w, fc2b, fc3w, fc3b, weight):
    side1 = (images.shape[1] - 4) // 2
    side2 = (side1 - 4) // 2
    x1 = np.empty((side1, side1, conv1bias.shape[0]))
    x2 = np.empty((side2, side2, conv2bias.shape[0]))
    flat = np.empty(fc1w.shape[0])
    y1 = np.empty(fc1b.shape[0])
    y2 = np.empty(fc2b.shape[0])
    y3 = np.empty(fc3b.shape[0])
    total = 0.0
    for b in range(images.shape[0]):
        convolve_and_pool(images[b], conv1, conv1bias, x1)
        convolve_and_pool(x1, conv2, conv2bias, x2)
        for i in range(side2):
            for j in range(side2):
                for c in range(x2.shape[2]):
                    flat[(i * side2 + j) * x2.shape[2] + c] = x2[i, j, c]
        dense(flat, fc1w, fc1b, y1)
        for j in range(y1.shape[0]):
            y1[j] = max(y1[j], 0.0)
        dense(y1, fc2w, fc2b, y2)
        for j in range(y2.shape[0]):
            y2[j] = max(y2[j], 0.0)
        dense(y2, fc3w, fc3b, y3)
        for j in range(y3.shape[0]):
            total += weight[b, j] * y3[j]
    return total


def jax_loss(images, conv1, conv1bias, conv2, conv2bias, fc1w, fc1b, fc2w, fc2b, fc3w, fc3b, weight):
    import jax
    import jax.numpy as jnp

    def convolve_and_pool(x, kernels, bias):
        x = jax.lax.conv_general_dilated(
            x, kernels, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        x = jax.nn.relu(x + bias)
        n, h, w, c = x.shape
        return x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))

    x = convolve_and_pool(convolve_and_pool(images, conv1, conv1bias), conv2, conv2bias)
    x = x.reshape(images.shape[0], -1)
    x = jax.nn.relu(x @ fc1w + fc1b)
    x = jax.nn.relu(x @ fc2w + fc2b)
    return jnp.sum(weight * (x @ fc3w + fc3b))
