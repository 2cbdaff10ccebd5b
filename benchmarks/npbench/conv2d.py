"""A convolution of images (batch, height, width, channels) with a bank of kernels, and a bias."""

import numpy as np

ARGNUMS = (0, 1, 2)
SMALL = (2, 5, 2, 3, 3)
SIZES = [(2, 16, 3, 8, 3), (4, 16, 3, 8, 3), (8, 16, 3, 8, 3), (16, 16, 3, 8, 3)]
REPORT_SIZES = [(8, 32, 3, 16, 5)]


def make(size, rng):
    batch, side, c_in, c_out, k = size
    out = side - k + 1
    return (
        rng.standard_normal((batch, side, side, c_in)), rng.standard_normal((k, k, c_in, c_out)),
        rng.standard_normal(c_out), rng.standard_normal((batch, out, out, c_out)),
    )  # fmt: skip


def convolved(images, kernels):
    k = kernels.shape[0]
    h_out = images.shape[1] - k + 1
    w_out = images.shape[2] - k + 1
    out = np.empty((images.shape[0], h_out, w_out, kernels.shape[3]))
    for i in range(h_out):
        for j in range(w_out):
            out[:, i, j, :] = np.sum(
                images[:, i : i + k, j : j + k, :, np.newaxis] * kernels[np.newaxis, :, :, :],
                axis=(1, 2, 3),
            )
    return out


def slices(images, kernels, bias, weight):
    return np.sum(weight * (convolved(images, kernels) + bias))


def loops(images, kernels, bias, weight):
    k, _, c_in, c_out = kernels.shape
    n, height, width, _ = images.shape
    out = np.empty((n, height - k + 1, width - k + 1, c_out))
    for b in range(n):
        for i in range(height - k + 1):
            for j in range(width - k + 1):
                for o in range(c_out):
                    out[b, i, j, o] = bias[o]
                for p in range(k):
                    for q in range(k):
                        for c in range(c_in):
                            for o in range(c_out):
                                out[b, i, j, o] += images[b, i + p, j + q, c] * kernels[p, q, c, o]
    total = 0.0
    for b in range(n):
        for i in range(height - k + 1):
            for j in range(width - k + 1):
                for o in range(c_out):
                    total += weight[b, i, j, o] * out[b, i, j, o]
    return total


def jax_loss(images, kernels, bias, weight):
    import jax
    import jax.numpy as jnp

    out = jax.lax.conv_general_dilated(
        images, kernels, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return jnp.sum(weight * (out + bias))
