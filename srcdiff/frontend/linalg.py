"""Products of arrays and linear algebra: what becomes one op on whole arrays, and what becomes loops.

    X @ W           ->  matmul X W              a call of BLAS
    W.T @ x         ->  matvec transposed='0' W x
    W @ x, x @ y    ->  loops over rows: as fast as BLAS, and they fuse with what is around them

An operand of an op is an array in C or Fortran order, or the transpose of one; parts of arrays and elementwise
expressions are copied into one first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir import types as ty
from ..ir.core import Value
from ..ir.types import Type
from ..primitives.arrays import ARRAYS
from .scope import describe, same
from .things import ArrayView, Axis, Elementwise, Length, Poison, Scalar, Static, is_arraylike, is_number, is_scalar, whole_view

if TYPE_CHECKING:
    from .calls import Calls

Indices = tuple[Scalar, ...]
FEW = 64  # multiplications up to which loops are as fast as a call of BLAS


def apply_whole(calls: Calls, name: str, *things: Any) -> Any:
    """Call a primitive on whole arrays; gives its result, or a tuple of them."""
    row = ARRAYS[name]
    dtype = common_float(calls, things)
    operands = [whole_operand(calls, thing, dtype) for thing in things]
    lengths: dict[str, Length] = {}
    for thing, axes in zip(things, row.operands, strict=True):
        for axis, n in zip(axes, calls.shape(thing), strict=True):
            if axis in lengths:
                require_equal(calls, lengths[axis], n)
            lengths.setdefault(axis, n)
    if any("min" in axes for axes in row.results):
        lengths["min"] = calls.scalar("min", lengths["m"], lengths["n"])
    results = []
    for value, axes in zip(row.emit(*operands), row.results, strict=True):
        shape = tuple(lengths[axis] for axis in axes)
        results.append(whole_view(calls.new_root(value, shape)) if axes else value)
    return tuple(results) if len(results) > 1 else results[0]


def require_equal(calls: Calls, a: Length, b: Length) -> None:
    if is_number(a) and is_number(b):
        if a != b:
            calls.refuse(f"shapes that do not fit: {a} and {b}", instead="arrays of one length")
    elif not same(a, b):
        calls.require(calls.scalar("eq", a, b), "ValueError", "arrays whose shapes do not fit")


def common_float(calls: Calls, things: Any) -> Type:
    """The type in which an operation on whole arrays is done."""
    dtype = calls.dtype(things[0])
    for thing in things[1:]:
        dtype = ty.promote(dtype, calls.dtype(thing))
    return dtype if ty.is_float(dtype) else ty.float64


def whole_operand(calls: Calls, thing: Any, dtype: Type) -> tuple[Value, bool]:
    """An array version in C or Fortran order, and whether it is read transposed."""
    if isinstance(thing, ArrayView) and not thing.fixed and calls.dtype(thing) == dtype:
        version = calls.version(thing.root)
        if version.type.layout in ("C", "F"):
            if thing.whole:
                return version, False
            if is_transpose(thing):
                return version, True
    return calls.version(calls.materialise(thing, dtype).root), False


def is_transpose(thing: ArrayView) -> bool:
    """Whether a view is the transpose of a whole matrix."""
    return [axis is not None and axis.whole and axis.of for axis in thing.axes] == [1, 0]


# ------------------------------------------------------------------------------------------------ products


def product(calls: Calls, a: Any, b: Any) -> Any:
    """`a @ b` of vectors and matrices, and of stacks of matrices."""
    a, b = calls.steady(calls.as_array(a)), calls.steady(calls.as_array(b))
    if a.ndim < 1 or b.ndim < 1 or max(a.ndim, b.ndim) > 2:
        calls.refuse(f"a product of arrays of {a.ndim} and {b.ndim} dimensions", instead="loops")
    na, nb = calls.shape(a), calls.shape(b)
    if a.ndim == b.ndim == 1 or not any(ty.is_float(calls.dtype(x)) for x in (a, b)) or few(na, nb):
        return product_loops(calls, a, b)
    if a.ndim == b.ndim == 2:
        return apply_whole(calls, "matmul", a, b)
    matrix, vector = (a, b) if a.ndim == 2 else (calls.transposed(b), a)
    return apply_whole(calls, "matvec", matrix, vector) if down_columns(calls, matrix) else product_loops(calls, a, b)


def few(na: tuple[Length, ...], nb: tuple[Length, ...]) -> bool:
    """Whether a product is certainly small."""
    return all(map(is_number, (*na, *nb))) and int(np.prod((*na, *nb[1:]))) <= FEW


def down_columns(calls: Calls, matrix: ArrayView) -> bool:
    """Whether loops over the rows of a matrix would walk through its memory in leaps, and BLAS would not."""
    if matrix.fixed or None in matrix.axes:
        return False
    layout = calls.version(matrix.root).type.layout
    return layout == ("C" if is_transpose(matrix) else "F") and (matrix.whole or is_transpose(matrix))


def product_loops(calls: Calls, a: Any, b: Any) -> Any:
    """`a @ b` as loops over its elements."""
    na, nb = calls.shape(a), calls.shape(b)
    require_equal(calls, na[-1], nb[0])
    type = ty.promote(calls.dtype(a), calls.dtype(b))

    def at(indices: Indices) -> Scalar:
        row = indices[: a.ndim - 1]
        column = indices[a.ndim - 1 :]

        def term(total: Scalar, k: Indices) -> Scalar:
            x, y = calls.at(a, (*row, k[0])), calls.at(b, (k[0], *column))
            return calls.scalar("add", total, calls.scalar("mul", x, y))

        return calls.accumulate(0, (na[-1],), term, type)

    lengths = (*na[:-1], *nb[1:])
    return calls.held(Elementwise(lengths, at, calls.reads(a) | calls.reads(b))) if lengths else at(())
