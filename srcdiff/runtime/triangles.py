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
    for top in range(0, a.shape[0], 48):
        below = min(top + 48, a.shape[0])
        left = max(min(top + k + 1, a.shape[1]), 0)
        if left > 0 and b.shape[1] > 0:
            np.dot(np.ascontiguousarray(a[top:below, :left]), b[:left], product[top:below])
        for start in range(top, below, 4):
            stop = min(start + 4, below)
            right = max(min(start + k + 1, a.shape[1]), left)
            add_rows(product[start:stop], a[start:stop, left:right], b[left:right])
            for i in range(start + 1, stop):
                end = max(min(i + k + 1, a.shape[1]), right)
                add_rows(product[i : i + 1], a[i : i + 1, right:end], b[right:end])
    return product


def upper_product(a: Matrix, b: Matrix, k: int) -> Matrix:
    """np.triu(a, k) @ b, which reads nothing else of `a`."""
    b = np.ascontiguousarray(b)
    product = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for top in range(0, a.shape[0], 48):
        below = min(top + 48, a.shape[0])
        right = min(max(below - 1 + k, 0), a.shape[1])
        if right < a.shape[1] and b.shape[1] > 0:
            np.dot(np.ascontiguousarray(a[top:below, right:]), b[right:], product[top:below])
        for start in range(top, below, 4):
            stop = min(start + 4, below)
            left = min(max(stop - 1 + k, 0), right)
            add_rows(product[start:stop], a[start:stop, left:right], b[left:right])
            for i in range(start, stop - 1):
                begin = min(max(i + k, 0), left)
                add_rows(product[i : i + 1], a[i : i + 1, begin:left], b[begin:left])
    return product


def add_rows(total: Matrix, factors: Matrix, rows: Matrix) -> None:
    """total += factors @ rows, for few rows: to two of them, four are added at once."""
    even = total.shape[0] - total.shape[0] % 2
    whole = rows.shape[0] - rows.shape[0] % 4
    for i in range(0, even, 2):
        k = i + 1
        for q in range(0, whole, 4):
            f1, f2, f3, f4 = factors[i, q], factors[i, q + 1], factors[i, q + 2], factors[i, q + 3]
            g1, g2, g3, g4 = factors[k, q], factors[k, q + 1], factors[k, q + 2], factors[k, q + 3]
            for j in range(rows.shape[1]):
                r1, r2, r3, r4 = rows[q, j], rows[q + 1, j], rows[q + 2, j], rows[q + 3, j]
                total[i, j] += (f1 * r1 + f2 * r2) + (f3 * r3 + f4 * r4)
                total[k, j] += (g1 * r1 + g2 * r2) + (g3 * r3 + g4 * r4)
    for i in range(total.shape[0]):
        for q in range(whole if i < even else 0, rows.shape[0]):
            for j in range(rows.shape[1]):
                total[i, j] += factors[i, q] * rows[q, j]


def lower_of_product(a: Matrix, b: Matrix, k: int) -> Matrix:
    """np.tril(a @ b, k), of which little else is computed."""
    a = np.ascontiguousarray(a)
    columns = np.ascontiguousarray(b.T)
    product = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for top in range(0, a.shape[0] if a.shape[1] > 0 else 0, 48):
        below = min(top + 48, a.shape[0])
        right = min(below + k, b.shape[1])
        if right > 0:
            block = np.dot(a[top:below], columns[:right].T)
            for i in range(top, below):
                for j in range(min(i + k + 1, right)):
                    product[i, j] = block[i - top, j]
    return product


def upper_of_product(a: Matrix, b: Matrix, k: int) -> Matrix:
    """np.triu(a @ b, k), of which little else is computed."""
    a = np.ascontiguousarray(a)
    columns = np.ascontiguousarray(b.T)
    product = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for top in range(0, a.shape[0] if a.shape[1] > 0 else 0, 48):
        below = min(top + 48, a.shape[0])
        left = max(top + k, 0)
        if left < b.shape[1]:
            block = np.dot(a[top:below], columns[left:].T)
            for i in range(top, below):
                for j in range(max(i + k, left), b.shape[1]):
                    product[i, j] = block[i - top, j - left]
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
