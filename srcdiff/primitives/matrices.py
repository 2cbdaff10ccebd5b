"""Matrices and numbers made of others, for the rules of linear algebra.

    lower_half(x)       on NumPy arrays: np.tril(x) - 0.5 * np.diag(np.diag(x))
                        on an `Expression`: one whose element is half of x[i, i], x[i, j] below it, 0.0 above it

No memory is needed for them: an element is computed where it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import types as ty
from ..ir.builder import constant
from ..ir.core import Value
from ..ir.operators import current_builder
from .arithmetic import select
from .arrays import Elements, Expression, Held, Indices, computed, summed


def outer(u: Any, v: Any) -> Any:
    """`u v^T` of two vectors, or of two matrices."""
    if u.ndim == 2:
        return u @ v.T
    if not isinstance(u, Expression):
        return np.outer(u, v)
    u, v = u.held(), v.held()
    return Elements((*u.lengths, *v.lengths), lambda i: u.at(i[:1]) * v.at(i[1:]))


def diagonal(v: Any) -> Any:
    """The matrix with a vector as its diagonal."""
    if not isinstance(v, Expression):
        return np.diag(v)
    v = v.held()
    return by_place(v.lengths * 2, lambda i: v.at(i[:1]), nothing, nothing)


def diagonal_of(x: Any) -> Any:
    """The diagonal of a square matrix."""
    if not isinstance(x, Expression):
        return np.diag(x)
    x = computed(x)
    return Elements(x.lengths[:1], lambda i: x.at((*i, *i)))


def inner(x: Any, y: Any) -> Any:
    """The sum of the products of the elements of two arrays."""
    if not isinstance(x, Expression):
        return np.sum(x * y)
    return Held(summed(x * y))


def lower_half(x: Any) -> Any:
    """The lower triangle with half the diagonal."""
    if not isinstance(x, Expression):
        return np.tril(x) - 0.5 * np.diag(np.diag(x))
    x = computed(x)
    return by_place(x.lengths, lambda i: x.at(i) * 0.5, x.at, nothing)


def upper_fold(x: Any) -> Any:
    """The upper triangle of `x`, with what is below the diagonal added to its mirror image."""
    if not isinstance(x, Expression):
        return np.triu(x) + np.tril(x, -1).T
    x = computed(x)
    return by_place(x.lengths, x.at, nothing, lambda i: x.at(i) + x.at(i[::-1]))


def triangle(side: str, x: Any) -> Any:
    """The lower or the upper triangle, with the diagonal."""
    if not isinstance(x, Expression):
        return np.tril(x) if side == "lower" else np.triu(x)
    x = computed(x)
    below, above = (x.at, nothing) if side == "lower" else (nothing, x.at)
    return by_place(x.lengths, x.at, below, above)


def from_lower(x: Any) -> Any:
    """The symmetric matrix with the lower triangle of `x`."""
    if not isinstance(x, Expression):
        return np.tril(x) + np.tril(x, -1).T
    x = computed(x)
    return by_place(x.lengths, x.at, x.at, lambda i: x.at(i[::-1]))


def complement(x: Any) -> Any:
    """`I - x`."""
    if not isinstance(x, Expression):
        return np.eye(len(x)) - x
    x = computed(x)
    off: Callable[[Indices], Value] = lambda i: -x.at(i)  # noqa: E731 - one object for both triangles
    return by_place(x.lengths, lambda i: 1.0 - x.at(i), off, off)


def over_gaps(x: Any, s: Any) -> Any:
    """`x[i, j] / (s[j] - s[i])`, and zero on the diagonal."""
    if not isinstance(x, Expression):
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(np.eye(len(s), dtype=bool), 0.0, x / (s - s[:, None]))
    x = computed(x)
    s = s.held()

    def apart(i: Indices) -> Value:
        quotient: Value = x.at(i) / (s.at(i[1:]) - s.at(i[:1]))
        return quotient

    return by_place(x.lengths, nothing, apart, apart)


def nothing(_: Indices) -> float:
    return 0.0


def by_place(
    lengths: tuple[Value, ...],
    on: Callable[[Indices], Any],
    below: Callable[[Indices], Any],
    above: Callable[[Indices], Any],
) -> Expression:
    """A matrix by what its elements are on the diagonal, below and above it."""

    def at(indices: Indices) -> Value:
        i, j = indices
        builder = current_builder()
        parts: list[Any] = [part(indices) for part in (on, below, above)]
        type = next((p.type for p in parts if isinstance(p, Value)), ty.float64)
        diagonal_part, below_part, above_part = (
            p if isinstance(p, Value) else constant(p, type) for p in parts
        )
        same = builder.emit("eq", (i, j), ty.boolean)
        rest = below_part if below is above else select(i > j, below_part, above_part)
        return select(same, diagonal_part, rest)  # type: ignore[no-any-return]

    return Elements(lengths, at)


__all__ = [
    "complement",
    "diagonal",
    "diagonal_of",
    "from_lower",
    "inner",
    "lower_half",
    "outer",
    "over_gaps",
    "upper_fold",
]
