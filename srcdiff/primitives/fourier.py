"""Fourier transforms: rows whose ops are calls of `np.fft`, which Numba compiles where rocket-fft is installed.

    y = fft x    ->    x_bar = fft y_bar

A transform is the product with a symmetric matrix, so what is owed to its operand is the transform of what is owed to
its result, without a conjugate (`record.py` says what is owed to a complex number), and nothing need be recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import ArrayPrimitive, whole

LENGTHS = [{"n": 4}, {"n": 5}, {"n": 1}]
SHAPES = [{"m": 3, "n": 4}, {"m": 1, "n": 1}, {"m": 4, "n": 2}]


def transform(
    name: str, text: str, signature: str, evaluate: Callable[[Any], Any], points: list[dict[str, int]]
) -> ArrayPrimitive:
    """A row for a linear operation with a symmetric matrix."""

    def rule(g: Any, ans: Any, x: Any) -> Any:
        return row(g)

    def tangent(t: Any, ans: Any, x: Any) -> Any:
        return row(t[0])

    row = whole(
        name, text, signature, rule, tangent=tangent, evaluate=evaluate, points=points, numbers="complex"
    )
    return row


transform("fft", "np.fft.fft({})", "(n)->(n)", np.fft.fft, LENGTHS)
transform("ifft", "np.fft.ifft({})", "(n)->(n)", np.fft.ifft, LENGTHS)
transform("fft_rows", "np.fft.fft({})", "(m,n)->(m,n)", np.fft.fft, SHAPES)
transform("ifft_rows", "np.fft.ifft({})", "(m,n)->(m,n)", np.fft.ifft, SHAPES)
transform("fft2", "np.fft.fft2({})", "(m,n)->(m,n)", np.fft.fft2, SHAPES)
transform("ifft2", "np.fft.ifft2({})", "(m,n)->(m,n)", np.fft.ifft2, SHAPES)
