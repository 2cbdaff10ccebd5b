"""Products of arrays and linear algebra: what becomes one op on whole arrays, and what becomes loops.

    X @ W           ->  matmul X W              a call of BLAS
    W @ x, x @ y    ->  loops over rows: as fast as BLAS, and they fuse with what is around them
    W.T @ x         ->  loops that add up rows: in the order of memory

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
from .agreement import same
from .things import ArrayView, Elementwise, Indices, Length, Poison, Scalar, Static, is_number, whole_view

if TYPE_CHECKING:
    from .calls import Calls

FEW = 64  # multiplications up to which loops are as fast as a call of BLAS


def apply_whole(calls: Calls, name: str, *things: Any) -> Any:
    """Call a primitive on whole arrays; gives its result, or a tuple of them."""
    row = ARRAYS[name]
    dtype = common_float(calls, things)
    if row.numbers == "complex":
        dtype = ty.complex_of(ty.real_of(dtype))
    if ty.is_complex(dtype) and row.numbers == "real":
        calls.refuse(
            f"`{name}` of complex matrices",
            "its derivative there is not known here",
            "products, `inv`, `solve` and `det`, or real and imaginary parts",
        )
    operands = [whole_operand(calls, thing, dtype) for thing in things]
    lengths: dict[str, Length] = {}
    for thing, axes in zip(things, row.operands, strict=True):
        for axis, n in zip(axes, calls.shape(thing), strict=True):
            if axis in lengths:
                calls.require_equal(lengths[axis], n)
            lengths.setdefault(axis, n)
    if any("min" in axes for axes in row.results):
        lengths["min"] = calls.scalar("min", lengths["m"], lengths["n"])
    results = []
    for value, axes in zip(row.emit(*operands), row.results, strict=True):
        shape = tuple(lengths[axis] for axis in axes)
        results.append(whole_view(calls.new_root(value, shape)) if axes else value)
    return tuple(results) if len(results) > 1 else results[0]


def common_float(calls: Calls, things: Any) -> Type:
    """The type in which an operation on whole arrays is done."""
    dtype = calls.dtype(things[0])
    for thing in things[1:]:
        dtype = ty.promote(dtype, calls.dtype(thing))
    return dtype if ty.is_differentiable(dtype) else ty.float64


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
    whole = all(axis is not None and axis.whole for axis in thing.axes)
    return whole and [axis.of for axis in thing.axes if axis is not None] == [1, 0]


# ------------------------------------------------------------------------------------------------ products


def product(calls: Calls, a: Any, b: Any) -> Any:
    """`a @ b` of vectors and matrices."""
    a, b = calls.steady(calls.as_array(a)), calls.steady(calls.as_array(b))
    if a.ndim < 1 or b.ndim < 1 or max(a.ndim, b.ndim) > 2:
        calls.refuse(f"a product of arrays of {a.ndim} and {b.ndim} dimensions", instead="loops")
    na, nb = calls.shape(a), calls.shape(b)
    if a.ndim == b.ndim == 1 or not any(ty.is_differentiable(calls.dtype(x)) for x in (a, b)) or few(na, nb):
        return product_loops(calls, a, b)
    if a.ndim == b.ndim == 2:
        return apply_whole(calls, "matmul", a, b)
    matrix, vector = (a, b) if a.ndim == 2 else (calls.transposed(b), a)
    if not down_columns(calls, matrix):
        return product_loops(calls, a, b)
    return sum_of_columns(calls, matrix, vector)


def few(na: tuple[Length, ...], nb: tuple[Length, ...]) -> bool:
    """Whether a product is certainly small."""
    return all(map(is_number, (*na, *nb))) and int(np.prod((*na, *nb[1:]))) <= FEW


def down_columns(calls: Calls, matrix: Any) -> bool:
    """Whether loops along the rows of a matrix would walk through its memory in leaps."""
    rows, columns = matrix.axes if isinstance(matrix, ArrayView) else (None, None)
    if rows is None or columns is None:
        return False
    layout = calls.version(matrix.root).type.layout
    return bool(layout == ("C" if columns.of < rows.of else "F"))


def sum_of_columns(calls: Calls, matrix: ArrayView, vector: Any) -> ArrayView:
    """`matrix @ vector` as the sum of the columns that the vector weights, which lie together in memory."""
    n, m = calls.shape(matrix)
    calls.require_equal(m, calls.shape(vector)[0])
    result = calls.allocate((n,), ty.promote(calls.dtype(matrix), calls.dtype(vector)), "zeros")

    def add(k: Scalar) -> None:
        weight = calls.at(vector, (k,))

        def put(i: Scalar) -> None:
            term = calls.scalar("mul", calls.at(matrix, (i, k)), weight)
            calls.store(result, (i,), calls.scalar("add", calls.at(result, (i,)), term))

        calls.count_loop(n, put)

    calls.count_loop(m, add)
    return result


def product_loops(calls: Calls, a: Any, b: Any) -> Any:
    """`a @ b` as loops over its elements."""
    na, nb = calls.shape(a), calls.shape(b)
    calls.require_equal(na[-1], nb[0])
    type = ty.promote(calls.dtype(a), calls.dtype(b))

    def at(indices: Indices) -> Scalar:
        row = indices[: a.ndim - 1]
        column = indices[a.ndim - 1 :]

        def term(total: Scalar, k: Indices) -> Scalar:
            x, y = calls.at(a, (*row, k[0])), calls.at(b, (k[0], *column))
            return calls.scalar("add", total, calls.scalar("mul", x, y))

        return calls.accumulate(0, (na[-1],), term, type)

    lengths = (*na[:-1], *nb[1:])
    return calls.materialise(Elementwise(lengths, at, calls.reads(a) | calls.reads(b))) if lengths else at(())


def matrix(calls: Calls, thing: Any, call: str) -> Any:
    thing = calls.steady(calls.as_array(thing))
    if thing.ndim != 2:
        calls.refuse(
            f"`{call}` of an array of {thing.ndim} dimensions", instead="a matrix at a time, in a loop"
        )
    return thing


def of_matrix(name: str) -> Any:
    """A function of one matrix that is one op."""
    return lambda calls, a: apply_whole(calls, name, matrix(calls, a, f"np.linalg.{name}"))


def solve(calls: Calls, a: Any, b: Any) -> Any:
    a, b = matrix(calls, a, "np.linalg.solve"), calls.steady(calls.as_array(b))
    if b.ndim > 2:
        calls.refuse(f"`np.linalg.solve` for {b.ndim} dimensions", instead="a loop over the systems")
    return apply_whole(calls, "solve" if b.ndim == 2 else "solve_vector", a, b)


def solve_triangular(
    calls: Calls,
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: Any = False,
    unit_diagonal: Any = False,
    overwrite_b: Any = False,
    check_finite: Any = True,
) -> Any:
    """`scipy.linalg.solve_triangular`; numbers are not checked to be finite, and nothing is overwritten."""
    a, b = matrix(calls, a, "scipy.linalg.solve_triangular"), calls.steady(calls.as_array(b))
    transposes = getattr(trans, "value", trans)
    if transposes not in (0, 1, "N", "T") or not isinstance(lower, bool) or unit_diagonal is not False:
        calls.refuse(
            "`scipy.linalg.solve_triangular` with these options",
            instead="`trans=0` or `1`, `lower=True` or `False`, and the diagonal of the matrix",
        )
    if b.ndim > 2:
        calls.refuse(
            f"`scipy.linalg.solve_triangular` for {b.ndim} dimensions", instead="a loop over the systems"
        )
    if transposes in (1, "T"):
        a, lower = calls.transposed(a), not lower
    return apply_whole(calls, f"solve_{'lower' if lower else 'upper'}{'_vector' * (b.ndim == 1)}", a, b)


def least_squares(calls: Calls, a: Any, b: Any, rcond: Any = None) -> Any:
    """`np.linalg.lstsq`, of which only the solution can be used."""
    if not (rcond is None or (isinstance(rcond, Static) and rcond.value is None) or same(rcond, -1)):
        calls.refuse("`np.linalg.lstsq` with a cut-off", instead="the default")
    a, b = matrix(calls, a, "np.linalg.lstsq"), calls.steady(calls.as_array(b))
    if b.ndim > 2:
        calls.refuse(f"`np.linalg.lstsq` for {b.ndim} dimensions", instead="a loop over the systems")
    solution = apply_whole(calls, "lstsq" if b.ndim == 2 else "lstsq_vector", a, b)
    other = Poison("only the solution of `np.linalg.lstsq` can be used", "`np.linalg.lstsq(a, b)[0]`")
    return (solution, other, other, other)


def decompose(calls: Calls, a: Any, full_matrices: Any = True, compute_uv: Any = True) -> Any:
    """`np.linalg.svd` of the reduced form."""
    a = matrix(calls, a, "np.linalg.svd")
    if compute_uv is False:
        return apply_whole(calls, "svd", a)[1]
    if full_matrices is not False:
        calls.refuse(
            "`np.linalg.svd` with full matrices",
            "the surplus singular vectors are not determined, and have no derivative",
            "`np.linalg.svd(a, full_matrices=False)`",
        )
    return apply_whole(calls, "svd", a)


def orthogonalise(calls: Calls, a: Any, mode: Any = "reduced") -> Any:
    """`np.linalg.qr` of the reduced form."""
    if getattr(mode, "value", mode) != "reduced":
        calls.refuse("`np.linalg.qr` in another mode", instead="the default, `'reduced'`")
    return apply_whole(calls, "qr", matrix(calls, a, "np.linalg.qr"))


def power(calls: Calls, a: Any, n: Any) -> Any:
    """`np.linalg.matrix_power`, by squaring as NumPy does it."""
    given, a = a, matrix(calls, a, "np.linalg.matrix_power")
    if n == 1 and isinstance(given, ArrayView):
        return given
    if not isinstance(n, int):
        calls.refuse(
            "`np.linalg.matrix_power` with a power that is not a constant", instead="a loop of products"
        )
    if n == 0:
        lengths = calls.shape(a)
        identity = calls.allocate(lengths, calls.dtype(a), "zeros")
        calls.count_loop(lengths[0], lambda i: calls.store(identity, (i, i), 1.0))
        return identity
    if n < 0:
        a, n = apply_whole(calls, "inv", a), -n
    result: Any = None
    while n:
        if n % 2:
            result = a if result is None else product(calls, result, a)
        n //= 2
        if n:
            a = product(calls, a, a)
    return calls.copy(result) if result is a else result


def chain(calls: Calls, things: Any) -> Any:
    """`np.linalg.multi_dot`: from the side where there is a vector, else from the left."""
    if not isinstance(things, tuple) or len(things) < 2:
        calls.refuse("`np.linalg.multi_dot` of this", instead="a list of two matrices or more")
    parts = [calls.steady(calls.as_array(x)) for x in things]
    if parts[-1].ndim == 1:
        result = parts.pop()
        while parts:
            result = product(calls, parts.pop(), result)
        return result
    result = parts[0]
    for part in parts[1:]:
        result = product(calls, result, part)
    return result


def spectral_norm(calls: Calls, thing: Any, ord: Any) -> Scalar:
    """The largest or smallest singular value of a matrix, or the sum of all (`nuc`)."""
    values = apply_whole(calls, "svd", thing)[1]
    return calls.total(values) if ord == "nuc" else calls.extreme(values, "max" if ord > 0 else "min")


SCIPY_CALLS: dict[str, Any] = {"scipy.linalg.solve_triangular": solve_triangular}
CALLS: dict[Any, Any] = {
    np.linalg.det: of_matrix("det"),
    np.linalg.slogdet: of_matrix("slogdet"),
    np.linalg.inv: of_matrix("inv"),
    np.linalg.pinv: of_matrix("pinv"),
    np.linalg.cholesky: of_matrix("cholesky"),
    np.linalg.eigh: of_matrix("eigh"),
    np.linalg.eigvalsh: lambda calls, a: of_matrix("eigh")(calls, a)[0],
    np.linalg.qr: orthogonalise,
    np.linalg.svd: decompose,
    np.linalg.solve: solve,
    np.linalg.lstsq: least_squares,
    np.linalg.matrix_power: power,
    np.linalg.multi_dot: chain,
}
