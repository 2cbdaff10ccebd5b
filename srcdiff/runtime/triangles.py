"""Products that read one triangle of a matrix, or of which one is wanted, and systems: generated source has copies.

`k` is the last diagonal that a lower triangle has, or the first one of an upper triangle, as in `np.tril` and
`np.triu`. What is beside the triangle is not read: it may be NaN, and no zero stands for it that an infinity of the
other factor could meet. Blocks that are whole go to BLAS, those on the diagonal are few.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Matrix = Any


def lower_product(a: Matrix, b: Matrix, k: int) -> Matrix:
    """np.tril(a, k) @ b, which reads nothing else of `a`."""
    b = np.ascontiguousarray(b)
    product = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for top in range(0, a.shape[0], 32):
        below = min(top + 32, a.shape[0])
        left = max(min(top + k + 1, a.shape[1]), 0)
        if left > 0 and b.shape[1] > 0:
            np.dot(np.ascontiguousarray(a[top:below, :left]), b[:left], product[top:below])
        for i in range(top, below):
            right = max(min(i + k + 1, a.shape[1]), left)
            add_rows(product[i], a[i, left:right], b[left:right])
    return product


def upper_product(a: Matrix, b: Matrix, k: int) -> Matrix:
    """np.triu(a, k) @ b, which reads nothing else of `a`."""
    b = np.ascontiguousarray(b)
    product = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for top in range(0, a.shape[0], 32):
        below = min(top + 32, a.shape[0])
        right = min(max(below - 1 + k, 0), a.shape[1])
        if right < a.shape[1] and b.shape[1] > 0:
            np.dot(np.ascontiguousarray(a[top:below, right:]), b[right:], product[top:below])
        for i in range(top, below):
            left = min(max(i + k, 0), right)
            add_rows(product[i], a[i, left:right], b[left:right])
    return product


def add_rows(total: Matrix, factors: Matrix, rows: Matrix) -> None:
    """total += factors @ rows, for few rows, of which four are added at once."""
    whole = len(factors) - len(factors) % 4
    for q in range(0, whole, 4):
        first, second, third, fourth = factors[q], factors[q + 1], factors[q + 2], factors[q + 3]
        for j in range(len(total)):
            half = first * rows[q, j] + second * rows[q + 1, j]
            total[j] += half + (third * rows[q + 2, j] + fourth * rows[q + 3, j])
    for q in range(whole, len(factors)):
        for j in range(len(total)):
            total[j] += factors[q] * rows[q, j]


def lower_of_product(a: Matrix, b: Matrix, k: int) -> Matrix:
    """np.tril(a @ b, k), of which little else is computed."""
    a = np.ascontiguousarray(a)
    product = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for left in range(0, b.shape[1] if a.shape[1] > 0 else 0, 48):
        right = min(left + 48, b.shape[1])
        top = max(left - k, 0)
        if top < a.shape[0]:
            block = np.dot(a[top:], np.ascontiguousarray(b[:, left:right]))
            for i in range(top, a.shape[0]):
                for j in range(left, min(i + k + 1, right)):
                    product[i, j] = block[i - top, j - left]
    return product


def upper_of_product(a: Matrix, b: Matrix, k: int) -> Matrix:
    """np.triu(a @ b, k), of which little else is computed."""
    a = np.ascontiguousarray(a)
    product = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for left in range(0, b.shape[1] if a.shape[1] > 0 else 0, 48):
        right = min(left + 48, b.shape[1])
        below = min(max(right - k, 0), a.shape[0])
        if below > 0:
            block = np.dot(a[:below], np.ascontiguousarray(b[:, left:right]))
            for i in range(below):
                for j in range(max(i + k, left), right):
                    product[i, j] = block[i, j - left]
    return product


def solve_lower(a: Matrix, b: Matrix) -> Matrix:
    """The `x` of np.tril(a) @ x = b, by forward substitution."""
    x = np.empty(b.shape, b.dtype)
    for top in range(0, x.shape[0], 16):
        below = min(top + 16, x.shape[0])
        for i in range(top, below):
            for j in range(x.shape[1]):
                x[i, j] = b[i, j]
        if top > 0 and x.shape[1] > 0:
            known = np.dot(np.ascontiguousarray(a[top:below, :top]), x[:top])
            for i in range(top, below):
                for j in range(x.shape[1]):
                    x[i, j] -= known[i - top, j]
        for i in range(top, below):
            for k in range(top, i):
                for j in range(x.shape[1]):
                    x[i, j] -= a[i, k] * x[k, j]
            scale = 1.0 / a[i, i]
            for j in range(x.shape[1]):
                x[i, j] *= scale
    return np.asfortranarray(x)


def solve_upper(a: Matrix, b: Matrix) -> Matrix:
    """The `x` of np.triu(a) @ x = b, by backward substitution."""
    x = np.empty(b.shape, b.dtype)
    for below in range(x.shape[0], 0, -16):
        top = max(below - 16, 0)
        for i in range(top, below):
            for j in range(x.shape[1]):
                x[i, j] = b[i, j]
        if below < x.shape[0] and x.shape[1] > 0:
            known = np.dot(np.ascontiguousarray(a[top:below, below:]), x[below:])
            for i in range(top, below):
                for j in range(x.shape[1]):
                    x[i, j] -= known[i - top, j]
        for i in range(below - 1, top - 1, -1):
            for k in range(i + 1, below):
                for j in range(x.shape[1]):
                    x[i, j] -= a[i, k] * x[k, j]
            scale = 1.0 / a[i, i]
            for j in range(x.shape[1]):
                x[i, j] *= scale
    return np.asfortranarray(x)


def solve_lower_vector(a: Matrix, b: Matrix) -> Matrix:
    """The same as `solve_lower` for a vector."""
    x = b.copy()
    for i in range(a.shape[0]):
        total = x[i]
        for k in range(i):
            total -= a[i, k] * x[k]
        x[i] = total / a[i, i]
    return x


def solve_upper_vector(a: Matrix, b: Matrix) -> Matrix:
    """The same as `solve_upper` for a vector."""
    x = b.copy()
    for i in range(a.shape[0] - 1, -1, -1):
        x[i] /= a[i, i]
        for k in range(i):
            x[k] -= a[k, i] * x[i]
    return x


__all__ = [
    "add_rows",
    "lower_of_product",
    "lower_product",
    "solve_lower",
    "solve_lower_vector",
    "solve_upper",
    "solve_upper_vector",
    "upper_of_product",
    "upper_product",
]
