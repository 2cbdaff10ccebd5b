"""Sums of products: `dot` and its family, `einsum`, convolutions.

    np.einsum("ij,j->i", A, x)    ->    for i: for j: total += A[i, j] * x[j]

A product of matrices is `product` of `linalg.py`, whatever function names it.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir import types as ty
from ..linalg import product
from ..things import ArrayView, Elementwise, Scalar, Static, is_number, is_scalar
from .axes import Indices, axes_of, axis_of, is_none, items_of, word
from .complex_numbers import conjugate
from .shapes import moved

if TYPE_CHECKING:
    from ..calls import Calls


def _times(calls: Calls, a: Any, b: Any) -> Any:
    return calls.elementwise(lambda x, y: calls.scalar("mul", x, y), a, b)


# -------------------------------------------------------------------------------------------- contraction


def contracted(calls: Calls, a: Any, b: Any, of_a: str, of_b: str, result: str) -> Any:
    """The sum of products of two arrays over every label that `result` has not."""
    summed = [c for c in dict.fromkeys(of_a + of_b) if c not in result]
    if len(summed) == 1 and _is_matrix_product(of_a, of_b, result, summed[0]):
        (c,) = summed
        left = calls.transposed(a) if len(of_a) == 2 and of_a[0] == c else a
        right = calls.transposed(b) if len(of_b) == 2 and of_b[-1] == c else b
        matrix = product(calls, left, right)
        swapped = len(result) == 2 and result != of_a.replace(c, "") + of_b.replace(c, "")
        return calls.transposed(matrix) if swapped else matrix
    a, b = calls.steady(a), calls.steady(b)
    lengths = _labelled(calls, ((of_a, a), (of_b, b)))

    def element(given: dict[str, Scalar]) -> Scalar:
        return calls.scalar(
            "mul", calls.at(a, tuple(given[c] for c in of_a)), calls.at(b, tuple(given[c] for c in of_b))
        )

    return _summed(calls, lengths, result, summed, element, ty.promote(calls.dtype(a), calls.dtype(b)))


def _is_matrix_product(of_a: str, of_b: str, result: str, summed: str) -> bool:
    plain = all(len(set(labels)) == len(labels) <= 2 and summed in labels for labels in (of_a, of_b))
    free = (of_a + of_b).replace(summed, "")
    return plain and len(set(free)) == len(free) and sorted(free) == sorted(result)


def _labelled(calls: Calls, operands: Any) -> dict[str, Any]:
    """The length of each label; what bears one label must agree."""
    lengths: dict[str, Any] = {}
    for labels, thing in operands:
        for label, n in zip(labels, calls.shape(thing), strict=True):
            known = lengths.setdefault(label, n)
            if known is not n:
                fits = calls.scalar("eq", known, n)
                calls.require(fits, "ValueError", "arrays of lengths that do not fit are multiplied")
    return lengths


def _summed(
    calls: Calls, lengths: dict[str, Any], result: str, summed: list[str], element: Any, type: Any
) -> Any:
    def at(indices: Indices) -> Scalar:
        outer = dict(zip(result, indices, strict=True))
        if not summed:
            return element(outer)

        def step(total: Scalar, inner: Indices) -> Scalar:
            return calls.scalar("add", total, element({**outer, **dict(zip(summed, inner, strict=True))}))

        return calls.accumulate(0, tuple(lengths[c] for c in summed), step, type)

    if not result:
        return at(())
    return calls.materialise(Elementwise(tuple(lengths[c] for c in result), at, frozenset()))


def _one_operand(calls: Calls, a: Any, labels: str, result: str) -> Any:
    """Traces, sums and transposes: the labels of one array in another order, fewer, or repeated."""
    if len(set(labels)) == len(labels) and sorted(labels) == sorted(result):
        return calls.transposed(a, tuple(labels.index(c) for c in result))
    a = calls.steady(a)
    lengths = _labelled(calls, ((labels, a),))
    summed = [c for c in dict.fromkeys(labels) if c not in result]
    found = _summed(
        calls,
        lengths,
        result,
        summed,
        lambda given: calls.at(a, tuple(given[c] for c in labels)),
        calls.dtype(a),
    )
    if isinstance(found, ArrayView) and isinstance(a, ArrayView) and not summed:
        found.root.may_be(a.root)  # a diagonal, which is a view in NumPy
    return found


# ------------------------------------------------------------------------------------------------- einsum

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _einsum(calls: Calls, subscripts: Any, *operands: Any, optimize: Any = False) -> Any:
    """Contract the operands from left to right, two at a time."""
    text = subscripts.value if isinstance(subscripts, Static) else None
    if not isinstance(text, str):
        calls.refuse("`np.einsum` without subscripts as a string", instead="`np.einsum('ij,j->i', a, x)`")
    arrays = [calls.any_array(x) for x in operands]
    inputs, result = _subscripts(calls, text.replace(" ", ""), [x.ndim for x in arrays])
    if len(arrays) == 1:
        return _one_operand(calls, arrays[0], inputs[0], result)
    a, labels = arrays[0], inputs[0]
    for k in range(1, len(arrays)):
        later = "".join(inputs[k + 1 :]) + result
        kept = (
            result
            if k == len(arrays) - 1
            else "".join(c for c in dict.fromkeys(labels + inputs[k]) if c in later)
        )
        a, labels = calls.any_array(contracted(calls, a, arrays[k], labels, inputs[k], kept)), kept
    return calls.at(a, ()) if a.ndim == 0 else a


def _subscripts(calls: Calls, text: str, ndims: list[int]) -> tuple[list[str], str]:
    """The labels of each operand and of the result, with an ellipsis written out."""
    left, arrow, right = text.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ndims):
        calls.refuse(f"subscripts of {len(inputs)} arrays for {len(ndims)}", instead="as many as arrays")
    free = [c for c in LETTERS if c not in text]
    widths = [
        ndim - len(labels.replace("...", "")) if "..." in labels else 0
        for labels, ndim in zip(inputs, ndims, strict=True)
    ]
    dots = "".join(free[: max(widths)])
    inputs = [
        labels.replace("...", dots[len(dots) - width :]) for labels, width in zip(inputs, widths, strict=True)
    ]
    for labels, ndim in zip(inputs, ndims, strict=True):
        if len(labels) != ndim or not all(c in LETTERS for c in labels):
            calls.refuse(
                f"the subscripts `{labels}` for an array of {ndim} dimensions",
                instead="a letter for each axis",
            )
    if arrow:
        right = right.replace("...", dots)
    else:
        everything = "".join(inputs)
        right = dots + "".join(sorted(c for c in set(everything) - set(dots) if everything.count(c) == 1))
    if len(set(right)) < len(right) or not set(right) <= set("".join(inputs)):
        calls.refuse(f"the subscripts `{text}`", "NumPy would raise an error here")
    return inputs, right


# ----------------------------------------------------------------------------------------- dot and others


def dot(calls: Calls, a: Any, b: Any) -> Any:
    """The last axis of `a` with the last but one of `b`; numbers multiply."""
    if is_scalar(a) or is_scalar(b):
        return _times(calls, a, b)
    a, b = calls.as_array(a), calls.as_array(b)
    if a.ndim <= 2 and b.ndim <= 2:
        return product(calls, a, b)
    of_a, of_b = LETTERS[: a.ndim], LETTERS[a.ndim : a.ndim + b.ndim]
    c = of_a[-1]
    place = max(b.ndim - 2, 0)
    of_b = of_b[:place] + c + of_b[place + 1 :]
    return contracted(calls, a, b, of_a, of_b, of_a[:-1] + of_b.replace(c, ""))


def matmul(calls: Calls, a: Any, b: Any) -> Any:
    """Products of matrices; axes in front of the last two are broadcast."""
    a, b = calls.as_array(a), calls.as_array(b)
    if a.ndim <= 2 and b.ndim <= 2:
        return product(calls, a, b)
    return _batched(calls, calls.steady(a), calls.steady(b))


def _batched(calls: Calls, a: Any, b: Any) -> ArrayView:
    rows, columns = int(a.ndim > 1), int(b.ndim > 1)
    outside = [calls.shape(x)[:-2] for x in (a, b)]
    batch = calls.broadcast(outside, max(map(len, outside)))
    inside = calls.shape(a)[-1], calls.shape(b)[-2 if columns else -1]
    (n,) = calls.broadcast([inside[:1], inside[1:]], 1)
    shape = (*batch, *calls.shape(a)[-2:-1], *(calls.shape(b)[-1:] if columns else ()))
    type = ty.promote(calls.dtype(a), calls.dtype(b))

    def at(i: Indices) -> Scalar:
        front, row, column = i[: len(batch)], i[len(batch) :][:rows], i[len(batch) + rows :]

        def element(x: Any, *last: Scalar) -> Scalar:
            return calls.at(x, (*calls.narrowed(x, (*front, *last))[: x.ndim - len(last)], *last))

        def step(total: Scalar, k: Indices) -> Scalar:
            product = calls.scalar("mul", element(a, *row, *k), element(b, *k, *column))
            return calls.scalar("add", total, product)

        return calls.accumulate(0, (n,), step, type)

    return calls.materialise(Elementwise(shape, at, calls.reads(a) | calls.reads(b)))


def _inner(calls: Calls, a: Any, b: Any) -> Any:
    if is_scalar(a) or is_scalar(b):
        return _times(calls, a, b)
    a, b = calls.as_array(a), calls.as_array(b)
    of_a, of_b = LETTERS[: a.ndim], LETTERS[a.ndim : a.ndim + b.ndim]
    return contracted(calls, a, b, of_a, of_b[:-1] + of_a[-1], of_a[:-1] + of_b[:-1])


def _vdot(calls: Calls, a: Any, b: Any) -> Any:
    a, b = calls.any_array(a), calls.any_array(b)
    return product(calls, conjugate(calls, calls.raveled(a)), calls.raveled(b))


def outer(calls: Calls, a: Any, b: Any) -> Any:
    a, b = (calls.steady(calls.raveled(calls.any_array(x))) for x in (a, b))

    def at(i: Indices) -> Scalar:
        return calls.scalar("mul", calls.at(a, i[:1]), calls.at(b, i[1:]))

    return Elementwise((*calls.shape(a), *calls.shape(b)), at, calls.reads(a) | calls.reads(b))


def _tensordot(calls: Calls, a: Any, b: Any, axes: Any = 2) -> Any:
    a, b = calls.any_array(a), calls.any_array(b)
    if isinstance(axes, int):
        left, right = tuple(range(a.ndim - axes, a.ndim)), tuple(range(axes))
        if axes > min(a.ndim, b.ndim):
            calls.refuse(f"`np.tensordot` over {axes} axes", instead="as many as both arrays have")
    else:
        left, right = (
            axes_of(calls, items_of(calls, x, "axes"), thing.ndim)
            for x, thing in zip(items_of(calls, axes, "axes"), (a, b), strict=True)
        )
    if len(left) != len(right):
        calls.refuse("`np.tensordot` over axes that do not pair", instead="as many of each array")
    of_a = LETTERS[: a.ndim]
    of_b = list(LETTERS[a.ndim : a.ndim + b.ndim])
    for i, j in zip(left, right, strict=True):
        of_b[j] = of_a[i]
    second = "".join(of_b)
    result = "".join(c for c in of_a if c not in second) + "".join(c for c in second if c not in of_a)
    return contracted(calls, a, b, of_a, second, result)


def _kron(calls: Calls, a: Any, b: Any) -> Any:
    a, b = (calls.steady(calls.any_array(x)) for x in (a, b))
    ndim = max(a.ndim, b.ndim)
    wide = [(1,) * (ndim - x.ndim) + calls.shape(x) for x in (a, b)]
    shape = tuple(calls.scalar("mul", n, m) for n, m in zip(*wide, strict=True))
    result = calls.allocate(shape, ty.promote(calls.dtype(a), calls.dtype(b)))

    def put(indices: Indices) -> None:
        i, j = indices[:ndim], indices[ndim:]
        where = tuple(
            calls.scalar("add", calls.scalar("mul", p, m), q) for p, q, m in zip(i, j, wide[1], strict=True)
        )
        value = calls.scalar("mul", calls.at(a, i[ndim - a.ndim :]), calls.at(b, j[ndim - b.ndim :]))
        calls.store(result, where, value)

    calls.nest((*wide[0], *wide[1]), put)
    return result if ndim else calls.at(result, ())


def _cross(
    calls: Calls, a: Any, b: Any, axisa: Any = -1, axisb: Any = -1, axisc: Any = -1, axis: Any = None
) -> Any:
    """Vectors of three components along the last axis, or along those named."""
    if not is_none(axis):
        axisa = axisb = axisc = axis
    a, b = (
        calls.steady(moved(calls, x, k, -1))
        for x, k in ((calls.as_array(a), axisa), (calls.as_array(b), axisb))
    )
    for x in (a, b):
        length = calls.length(x, x.ndim - 1)
        calls.require(calls.scalar("eq", length, 3), "ValueError", "np.cross needs vectors of length 3")
    shapes = [calls.shape(x)[:-1] for x in (a, b)]
    outside = calls.broadcast(shapes, max(map(len, shapes)))
    result = calls.allocate((*outside, 3), ty.promote(calls.dtype(a), calls.dtype(b)))

    def put(where: Indices) -> None:
        def component(x: Any, k: int) -> Scalar:
            return calls.at(x, (*calls.narrowed(x, (*where, k))[:-1], k))

        for k in range(3):
            i, j = (k + 1) % 3, (k + 2) % 3
            first = calls.scalar("mul", component(a, i), component(b, j))
            second = calls.scalar("mul", component(a, j), component(b, i))
            calls.store(result, (*where, k), calls.scalar("sub", first, second))

    calls.nest(outside, put)
    k = axis_of(calls, axisc, result.ndim)
    return result if k == result.ndim - 1 else moved(calls, result, -1, k)


# ------------------------------------------------------------------------------------------- convolutions


def _convolution(mode: str, reverse: bool) -> Any:
    """`np.convolve`, and `np.correlate`, which does not reverse its second argument."""

    def make(calls: Calls, a: Any, v: Any, mode: Any = mode) -> Any:
        a, v = calls.steady(calls.as_array(a)), calls.steady(calls.as_array(v))
        if a.ndim != 1 or v.ndim != 1:
            calls.refuse("a convolution of arrays that are not vectors", instead="loops")
        n, m = calls.length(a), calls.length(v)
        for length in (n, m):
            calls.require(calls.scalar("gt", length, 0), "ValueError", "a convolution of an empty array")
        kind = word(calls, mode, "full", "same", "valid")
        less, more = calls.scalar("min", n, m), calls.scalar("max", n, m)
        overhang = calls.scalar("sub", less, 1)
        first: Scalar
        if kind == "full":
            first, count = 0, calls.scalar("add", more, overhang)
        elif kind == "valid":
            first, count = overhang, calls.scalar("sub", more, overhang)
        else:
            # Correlating exchanges a shorter first argument, which rounds the middle the other way.
            half = calls.scalar("floordiv", overhang, 2)
            upper = calls.scalar("sub", overhang, half)
            first = half if reverse else calls.scalar("select", calls.scalar("lt", n, m), upper, half)
            count = more

        def at(i: Indices) -> Scalar:
            k = calls.scalar("add", first, i[0])
            low = calls.scalar("max", calls.scalar("sub", k, calls.scalar("sub", m, 1)), 0)
            high = calls.scalar("min", k, calls.scalar("sub", n, 1))
            terms = calls.scalar("add", calls.scalar("sub", high, low), 1)

            def step(total: Scalar, t: Indices) -> Scalar:
                j = calls.scalar("add", low, t[0])
                lag = calls.scalar("sub", k, j)
                if not reverse:
                    lag = calls.scalar("sub", calls.scalar("sub", m, 1), lag)
                if not is_number(lag):
                    calls.nonnegative.add(lag)
                return calls.scalar("add", total, calls.scalar("mul", calls.at(a, (j,)), calls.at(v, (lag,))))

            return calls.accumulate(0, (terms,), step, ty.promote(calls.dtype(a), calls.dtype(v)))

        return calls.materialise(Elementwise((count,), at, calls.reads(a) | calls.reads(v)))

    return make


CALLS: dict[Any, Any] = {
    np.dot: dot,
    np.matmul: matmul,
    operator.matmul: matmul,
    np.inner: _inner,
    np.vdot: _vdot,
    np.outer: outer,
    np.tensordot: _tensordot,
    np.einsum: _einsum,
    np.kron: _kron,
    np.cross: _cross,
    np.convolve: _convolution("full", reverse=True),
    np.correlate: _convolution("valid", reverse=False),
}
