"""Products of stacks of matrices: generated source gets a copy of these."""

from __future__ import annotations

from typing import Any

import numpy as np

Stack = Any


def multiply_stacks(a: Stack, b: Stack, transpose_a: bool = False, transpose_b: bool = False) -> Stack:
    """a @ b, one matrix of each at a time, each perhaps transposed: BLAS has those that are not tiny."""
    rows, length = (a.shape[2], a.shape[1]) if transpose_a else (a.shape[1], a.shape[2])
    columns = b.shape[1] if transpose_b else b.shape[2]
    product = np.zeros((a.shape[0], rows, columns), a.dtype)
    size = rows * length * columns
    if size <= 125:
        for n in range(a.shape[0]):
            for i in range(rows):
                for k in range(length):
                    left = a[n, k, i] if transpose_a else a[n, i, k]
                    for j in range(columns):
                        product[n, i, j] += left * (b[n, j, k] if transpose_b else b[n, k, j])
    else:
        for n in range(a.shape[0]):
            one, other = np.ascontiguousarray(a[n]), np.ascontiguousarray(b[n])
            if transpose_a and transpose_b:
                np.dot(one.T, other.T, product[n])
            elif transpose_a:
                np.dot(one.T, other, product[n])
            elif transpose_b:
                np.dot(one, other.T, product[n])
            else:
                np.dot(one, other, product[n])
    return product


def multiply_nested_stacks(a: Stack, b: Stack, transpose_a: bool = False, transpose_b: bool = False) -> Stack:
    """The same for stacks of stacks."""
    rows = a.shape[3] if transpose_a else a.shape[2]
    columns = b.shape[2] if transpose_b else b.shape[3]
    product = np.empty((a.shape[0], a.shape[1], rows, columns), a.dtype)
    for n in range(a.shape[0]):
        product[n] = multiply_stacks(a[n], b[n], transpose_a, transpose_b)
    return product


__all__ = ["multiply_nested_stacks", "multiply_stacks"]
