"""Stockham's fast Fourier transform for a radix: in each stage a permutation, rotations, and small transforms."""

import numpy as np

ARGNUMS = (0, 1)
SMALL = (2, 3)
SIZES = [(2, 10), (2, 11), (2, 12), (2, 13)]
REPORT_SIZES = [(4, 7)]


def make(size, rng):
    radix, stages = size
    n = radix**stages
    re, im = rng.standard_normal(n), rng.standard_normal(n)
    roots = np.exp(-2j * np.pi * np.arange(n) / n)
    return re, im, radix, stages, roots, rng.standard_normal(n), rng.standard_normal(n)


def slices(re, im, radix, stages, roots, weight_re, weight_im):
    n = re.shape[0]
    rows = np.arange(radix)
    transform = roots[np.outer(rows, rows) * (n // radix) % n]
    y = re + 1j * im
    left = 1
    right = n // radix
    for _ in range(stages):
        parts = np.transpose(np.reshape(y, (left, radix, right)), (1, 0, 2))
        turns = roots[np.outer(rows, np.arange(left)) * right]
        turned = np.reshape(parts * turns[:, :, np.newaxis], (radix, n // radix))
        y = np.reshape(transform @ turned, (n,))
        left *= radix
        right //= radix
    return np.sum(weight_re * y.real + weight_im * y.imag)


def loops(re, im, radix, stages, roots, weight_re, weight_im):
    n = re.shape[0]
    y = np.empty(n, np.complex128)
    new = np.empty(n, np.complex128)
    for k in range(n):
        y[k] = re[k] + 1j * im[k]
    left = 1
    right = n // radix
    for _ in range(stages):
        for k in range(n):
            new[k] = 0.0
        for q in range(radix):
            for i in range(left):
                for p in range(radix):
                    root = roots[(q * p * (n // radix) + p * i * right) % n]
                    for r in range(right):
                        new[(q * left + i) * right + r] += root * y[(i * radix + p) * right + r]
        for k in range(n):
            y[k] = new[k]
        left *= radix
        right //= radix
    total = 0.0
    for k in range(n):
        total += weight_re[k] * y[k].real + weight_im[k] * y[k].imag
    return total


def hand(re, im, radix, stages, roots, weight_re, weight_im):
    """Linear: the stages backwards with nothing recorded; a root is a product of two from smaller tables."""
    n = re.shape[0]
    y = np.empty(n, np.complex128)
    new = np.empty(n, np.complex128)
    transform = np.empty((radix, radix), np.complex128)
    for q in range(radix):
        for p in range(radix):
            transform[q, p] = roots[q * p * (n // radix) % n]
    for k in range(n):
        y[k] = complex(re[k], im[k])
    left = 1
    right = n // radix
    for _ in range(stages):
        for i in range(left):
            for q in range(radix):
                to = (q * left + i) * right
                for p in range(radix):
                    root = transform[q, p] * roots[p * i * right]
                    start = (i * radix + p) * right
                    if p == 0:
                        for r in range(right):
                            new[to + r] = root * y[start + r]
                    else:
                        for r in range(right):
                            new[to + r] += root * y[start + r]
        y, new = new, y
        left *= radix
        right //= radix
    total = 0.0
    for k in range(n):
        total += weight_re[k] * y[k].real + weight_im[k] * y[k].imag
        y[k] = complex(weight_re[k], -weight_im[k])
    for _ in range(stages):
        left //= radix
        right = n // (left * radix)
        for i in range(left):
            for p in range(radix):
                start = (i * radix + p) * right
                for q in range(radix):
                    root = transform[q, p] * roots[p * i * right]
                    to = (q * left + i) * right
                    if q == 0:
                        for r in range(right):
                            new[start + r] = root * y[to + r]
                    else:
                        for r in range(right):
                            new[start + r] += root * y[to + r]
        y, new = new, y
    return total, (y.real.copy(), -y.imag)


def jax_loss(re, im, radix, stages, roots, weight_re, weight_im):
    import jax.numpy as jnp

    n = re.shape[0]
    rows = np.arange(radix)
    transform = roots[np.outer(rows, rows) * (n // radix) % n]
    y = re + 1j * im
    left, right = 1, n // radix
    for _ in range(stages):
        turns = roots[np.outer(rows, np.arange(left)) * right]
        turned = y.reshape(left, radix, right).transpose(1, 0, 2) * turns[:, :, None]
        y = (transform @ turned.reshape(radix, n // radix)).reshape(n)
        left, right = left * radix, right // radix
    return jnp.sum(weight_re * y.real + weight_im * y.imag)
