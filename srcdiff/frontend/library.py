"""What NumPy functions and Python's built-in functions mean for the things of `things.py`.

    np.sum(x, axis=0)  ->  NUMPY_CALLS[np.sum](calls, x, axis=0)  ->  calls.along(x, 0, calls.total)

Each entry of the table gets the reader first (its methods build the loops) and then the arguments as things.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from ..ir import types as ty
from ..ir.core import Value
from ..ir.operators import current_builder
from .arrays import Slice
from .linalg import LINALG_CALLS, product
from .scope import describe
from .things import (
    ArrayView,
    Elementwise,
    Enumerated,
    Formatted,
    Range,
    Reversed,
    Scalar,
    Static,
    Zipped,
    is_arraylike,
    is_number,
    is_scalar,
)

if TYPE_CHECKING:
    from .calls import Calls


def _shape_argument(calls: Calls, shape: Any) -> tuple[Any, ...]:
    shape = shape if isinstance(shape, tuple) else (shape,)
    return tuple(calls.integer(n) for n in shape)


def _filled(fill: str) -> Any:
    def make(calls: Calls, shape: Any, dtype: Any = None, order: Any = None) -> ArrayView:
        return calls.allocate(_shape_argument(calls, shape), calls.dtype_of(dtype) or ty.float64, fill)

    return make


def _filled_like(fill: str) -> Any:
    def make(calls: Calls, like: Any, dtype: Any = None) -> Any:
        if is_scalar(like):
            return 0.0 if fill != "ones" else 1.0
        return calls.allocate(calls.shape(like), calls.dtype_of(dtype) or calls.dtype(like), fill)

    return make


def _full(calls: Calls, shape: Any, fill_value: Any, dtype: Any = None) -> ArrayView:
    value = calls.as_value(fill_value)
    view = calls.allocate(_shape_argument(calls, shape), calls.dtype_of(dtype) or value.type)
    calls.fill(view, value)
    return view


def _full_like(calls: Calls, like: Any, fill_value: Any, dtype: Any = None) -> ArrayView:
    view = calls.allocate(calls.shape(like), calls.dtype_of(dtype) or calls.dtype(like))
    calls.fill(view, calls.as_value(fill_value))
    return view


def _array(calls: Calls, thing: Any, dtype: Any = None) -> Any:
    type = calls.dtype_of(dtype)
    if is_scalar(thing):
        value = calls.as_value(thing) if type is None else calls.cast(calls.as_value(thing, type), type)
        return Elementwise((), lambda _: value, frozenset())
    if isinstance(thing, tuple):
        return calls.array_of(thing, type)
    if isinstance(thing, Elementwise):
        return calls.materialise(thing, type)
    if isinstance(thing, ArrayView):
        return calls.copy(thing) if type in (None, calls.dtype(thing)) else calls.materialise(thing, type)
    if isinstance(thing, Range):
        return calls.materialise(range_elements(calls, thing), type)
    calls.refuse(f"an array of {describe(thing)}")


def _asarray(calls: Calls, thing: Any, dtype: Any = None) -> Any:
    if isinstance(thing, ArrayView) and calls.dtype_of(dtype) in (None, calls.dtype(thing)):
        return thing
    return _array(calls, thing, dtype)


def range_elements(calls: Calls, r: Range) -> Elementwise:
    n = range_length(calls, r)

    def at(indices: tuple[Scalar, ...]) -> Scalar:
        return calls.scalar("add", r.start, calls.scalar("mul", indices[0], r.step))

    return Elementwise((n,), at, frozenset())


def range_length(calls: Calls, r: Range) -> Scalar:
    if is_number(r.step) and r.step == 1:
        return calls.scalar("max", calls.scalar("sub", r.stop, r.start), 0)
    if not is_number(r.step):
        calls.refuse("a range whose step is not a constant")
    away = r.step + (1 if r.step < 0 else -1)
    top = calls.scalar("add", calls.scalar("sub", r.stop, r.start), away)
    return calls.scalar("max", calls.scalar("floordiv", top, r.step), 0)


def _arange(calls: Calls, *arguments: Any, dtype: Any = None) -> Elementwise:
    start, stop, step = (0, arguments[0], 1) if len(arguments) == 1 else (*arguments, 1)[:3]
    floats = any(
        isinstance(x, float) or (isinstance(x, Value) and ty.is_float(x.type)) for x in (start, stop, step)
    )
    type = calls.dtype_of(dtype)
    if not floats:
        elements = range_elements(calls, Range(start, stop, step))
    else:
        span = calls.scalar("div", calls.scalar("sub", stop, start), step)
        n = calls.scalar("max", calls.scalar("ceil_int", span), 0)

        def at(indices: tuple[Scalar, ...]) -> Scalar:
            return calls.scalar("add", start, calls.scalar("mul", indices[0], step))

        elements = Elementwise((n,), at, frozenset())
    if type is None:
        return elements
    return calls.elementwise(lambda x: calls.cast(calls.as_value(x, type), type), elements)  # type: ignore[no-any-return]


def _linspace(calls: Calls, start: Any, stop: Any, num: Any = 50) -> Elementwise:
    top = calls.scalar("sub", num, 1)
    step = calls.scalar("div", calls.scalar("sub", stop, start), calls.scalar("max", top, 1))

    def at(indices: tuple[Scalar, ...]) -> Scalar:
        value = calls.scalar("add", calls.scalar("mul", indices[0], step), start)
        last = calls.scalar("and", calls.scalar("eq", indices[0], top), calls.scalar("gt", num, 1))
        return calls.scalar("select", last, stop, value) if last is not False else value

    return Elementwise((num,), at, frozenset())


def _sum(calls: Calls, thing: Any, axis: Any = None, keepdims: Any = False) -> Any:
    return calls.along(thing, _axis(axis), calls.total, bool(keepdims))


def _axis(axis: Any) -> Any:
    return None if isinstance(axis, Static) and axis.value is None else axis


def _count(calls: Calls, thing: Any) -> Scalar:
    return calls.product(calls.shape(thing))


def _mean_of(calls: Calls, thing: Any) -> Scalar:
    return calls.scalar("div", calls.total(thing), _count(calls, thing))


def _mean(calls: Calls, thing: Any, axis: Any = None, keepdims: Any = False) -> Any:
    return calls.along(thing, _axis(axis), lambda x: _mean_of(calls, x), bool(keepdims))


def _variance_of(calls: Calls, thing: Any, ddof: Any) -> Scalar:
    thing = calls.steady(thing)
    mean = _mean_of(calls, thing)

    def square(x: Scalar) -> Scalar:
        d = calls.scalar("sub", x, mean)
        return calls.scalar("mul", d, d)

    total = calls.total(calls.elementwise(square, thing))
    return calls.scalar("div", total, calls.scalar("sub", _count(calls, thing), ddof))


def _var(calls: Calls, thing: Any, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    return calls.along(thing, _axis(axis), lambda x: _variance_of(calls, x, ddof), bool(keepdims))


def _std(calls: Calls, thing: Any, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    return calls.along(
        thing, _axis(axis), lambda x: calls.scalar("sqrt", _variance_of(calls, x, ddof)), bool(keepdims)
    )


def _prod_of(calls: Calls, thing: Any) -> Scalar:
    return calls.accumulate(
        1, calls.shape(thing), lambda p, i: calls.scalar("mul", p, calls.at(thing, i)), calls.sum_type(thing)
    )


def _present(calls: Calls, thing: Any) -> Any:
    """Which elements are not NaN."""
    return calls.elementwise(lambda x: calls.scalar("not", calls.scalar("isnan", x)), thing)


def _nansum_of(calls: Calls, thing: Any) -> Scalar:
    return calls.total(
        calls.elementwise(lambda x: calls.scalar("select", calls.scalar("isnan", x), 0.0, x), thing)
    )


def _nanmean_of(calls: Calls, thing: Any) -> Scalar:
    return calls.scalar("div", _nansum_of(calls, thing), calls.total(_present(calls, thing)))


def _nanvar_of(calls: Calls, thing: Any, ddof: Any) -> Scalar:
    mean = _nanmean_of(calls, thing)

    def square(x: Scalar) -> Scalar:
        d = calls.scalar("sub", x, mean)
        return calls.scalar("mul", d, d)

    total = _nansum_of(calls, calls.elementwise(square, thing))
    return calls.scalar("div", total, calls.scalar("sub", calls.total(_present(calls, thing)), ddof))


def _without_nan(reduce: Any) -> Any:
    def make(calls: Calls, thing: Any, axis: Any = None, keepdims: Any = False) -> Any:
        return calls.along(thing, _axis(axis), lambda x: reduce(calls, calls.steady(x)), bool(keepdims))

    return make


def _nanvar(calls: Calls, thing: Any, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    return _without_nan(lambda c, x: _nanvar_of(c, x, ddof))(calls, thing, axis, keepdims)


def _nanstd(calls: Calls, thing: Any, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    return _without_nan(lambda c, x: c.scalar("sqrt", _nanvar_of(c, x, ddof)))(calls, thing, axis, keepdims)


def _prod(calls: Calls, thing: Any, axis: Any = None, keepdims: Any = False) -> Any:
    return calls.along(thing, _axis(axis), lambda x: _prod_of(calls, x), bool(keepdims))


def _extreme(name: str) -> Any:
    def make(calls: Calls, thing: Any, axis: Any = None, keepdims: Any = False) -> Any:
        return calls.along(thing, _axis(axis), lambda x: calls.extreme(x, name), bool(keepdims))

    return make


def _any_all(name: str, start: bool) -> Any:
    def make(calls: Calls, thing: Any) -> Any:
        thing = calls.as_array(thing)
        return calls.accumulate(
            start, calls.shape(thing), lambda s, i: calls.scalar(name, s, calls.at(thing, i)), ty.boolean
        )

    return make


def _heaviside(calls: Calls, thing: Any, at_zero: Any) -> Any:
    """0 below zero, 1 above it, NaN for NaN."""

    def step(x: Scalar, at_zero: Scalar) -> Scalar:
        rest = calls.scalar("select", calls.scalar("eq", x, 0.0), at_zero, math.nan)
        above = calls.scalar("select", calls.scalar("gt", x, 0.0), 1.0, rest)
        return calls.scalar("select", calls.scalar("lt", x, 0.0), 0.0, above)

    return calls.elementwise(step, thing, at_zero)


def _nonzero(calls: Calls, thing: Any) -> tuple[ArrayView]:
    """`np.nonzero` and `np.where` of one argument."""
    thing = calls.as_array(thing)
    if thing.ndim != 1:
        calls.refuse("`np.nonzero` of more than one dimension", instead="a loop with an `if`")
    return (calls.positions(thing),)


def _where(calls: Calls, condition: Any, *choices: Any) -> Any:
    if not choices:
        return _nonzero(calls, condition)
    if len(choices) != 2:
        calls.refuse("`np.where` with one choice", instead="two choices")
    return calls.elementwise(
        lambda c, a, b: calls.scalar("select", calls.truth(c), a, b), condition, *choices
    )


def clipped(calls: Calls, thing: Any, low: Any = None, high: Any = None) -> Any:
    def clip(x: Scalar, low: Any, high: Any) -> Scalar:
        if is_scalar(low):
            x = calls.scalar("maximum", x, low)
        return calls.scalar("minimum", x, high) if is_scalar(high) else x

    return calls.elementwise(clip, thing, low, high)


def _outer(calls: Calls, a: Any, b: Any) -> Elementwise:
    a, b = calls.steady(calls.as_array(a)), calls.steady(calls.as_array(b))
    if a.ndim != 1 or b.ndim != 1:
        calls.refuse("`np.outer` of arrays that are not vectors", instead="`np.outer(a.ravel(), b.ravel())`")

    def at(indices: tuple[Scalar, ...]) -> Scalar:
        return calls.scalar("mul", calls.at(a, indices[:1]), calls.at(b, indices[1:]))

    return Elementwise((*calls.shape(a), *calls.shape(b)), at, calls.reads(a) | calls.reads(b))


def _cross(calls: Calls, a: Any, b: Any) -> ArrayView:
    a, b = calls.steady(calls.as_array(a)), calls.steady(calls.as_array(b))
    if a.ndim != 1 or b.ndim != 1:
        calls.refuse("`np.cross` of more than two vectors")
    for thing in (a, b):
        calls.require(
            calls.scalar("eq", calls.length(thing), 3), "ValueError", "np.cross needs vectors of length 3"
        )
    parts = []
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        first = calls.scalar("mul", calls.at(a, (i,)), calls.at(b, (j,)))
        parts.append(calls.scalar("sub", first, calls.scalar("mul", calls.at(a, (j,)), calls.at(b, (i,)))))
    return calls.array_of(tuple(parts))


def _cumulative(name: str, start: int) -> Any:
    def make(calls: Calls, thing: Any) -> ArrayView:
        thing = calls.as_array(thing)
        if thing.ndim != 1:
            calls.refuse(f"`np.cum{'sum' if name == 'add' else 'prod'}` of more than one dimension")
        shape = calls.shape(thing)
        type = calls.sum_type(thing)
        result = calls.allocate(shape, type)

        def step(total: Scalar, i: tuple[Scalar, ...]) -> Scalar:
            new = calls.scalar(name, total, calls.at(thing, i))
            calls.store(result, i, new)
            return new

        calls.accumulate(start, shape, step, type)
        return result

    return make


def _diff(calls: Calls, thing: Any) -> Elementwise:
    thing = calls.steady(calls.as_array(thing))
    if thing.ndim != 1:
        calls.refuse("`np.diff` of more than one dimension")
    n = calls.scalar("max", calls.scalar("sub", calls.length(thing), 1), 0)

    def at(i: tuple[Scalar, ...]) -> Scalar:
        return calls.scalar("sub", calls.at(thing, (calls.scalar("add", i[0], 1),)), calls.at(thing, i))

    return Elementwise((n,), at, calls.reads(thing))


def _eye(calls: Calls, n: Any) -> ArrayView:
    view = calls.allocate((calls.integer(n),) * 2, ty.float64, "zeros")
    calls.count_loop(n, lambda i: calls.store(view, (i, i), 1.0))
    return view


def _length(calls: Calls, thing: Any) -> Any:
    if isinstance(thing, Range):
        return range_length(calls, thing)
    if isinstance(thing, Static) and isinstance(thing.value, str):
        return len(thing.value)
    return calls.length(thing)


def _builtin_sum(calls: Calls, thing: Any, start: Any = 0) -> Any:
    if isinstance(thing, tuple):
        return functools.reduce(lambda a, b: calls.scalar("add", a, b), thing, start)
    thing = calls.as_array(thing)
    if thing.ndim != 1:
        calls.refuse("`sum` of a matrix", "it adds up the rows", "`np.sum(x, axis=0)`, or `np.sum(x)`")
    total = calls.total(thing)
    return total if start == 0 else calls.scalar("add", total, start)


def _divmod(calls: Calls, a: Any, b: Any) -> tuple[Scalar, Scalar]:
    return calls.scalar("floordiv", a, b), calls.scalar("mod", a, b)


def _range(calls: Calls, *arguments: Any) -> Range:
    arguments = tuple(calls.integer(x) for x in arguments)
    start, stop, step = (0, *arguments, 1) if len(arguments) == 1 else (*arguments, 1)[:3]
    return Range(start, stop, step)


def _reversed(calls: Calls, thing: Any) -> Any:
    return tuple(reversed(thing)) if isinstance(thing, tuple) else Reversed(thing)


def _print(calls: Calls, *things: Any, **keywords: Any) -> Static:
    """`print` runs in the forward sweep as it stands; it has no derivative."""
    usual = {"sep": " ", "end": "\n"}
    for name, thing in keywords.items():
        known = thing.value if isinstance(thing, Static) else thing
        if name != "flush" and (name not in usual or known not in (usual[name], None)):
            calls.refuse(
                f"`{name}=` of `print`", "Numba prints to standard output, with spaces", "`print(a, b)`"
            )
    parts = [part for thing in things for part in (thing.parts if isinstance(thing, Formatted) else (thing,))]
    text, operands = calls.spelled("print", tuple(parts), {}, calls.current_node)
    current_builder().effect("opaque", operands, {"text": text})
    return Static(None)


def _atleast_1d(calls: Calls, thing: Any) -> Any:
    thing = calls.at(thing, ()) if is_arraylike(thing) and thing.ndim == 0 else thing
    return calls.array_of((thing,) if is_scalar(thing) else thing) if not is_arraylike(thing) else thing


def _transpose(calls: Calls, thing: Any) -> Any:
    return calls.transposed(calls.as_array(thing))


def _dot(calls: Calls, a: Any, b: Any) -> Any:
    if is_scalar(a) or is_scalar(b):
        return calls.elementwise(lambda x, y: calls.scalar("mul", x, y), a, b)
    return product(calls, a, b)


def _vector_dot(calls: Calls, a: Any, b: Any) -> Any:
    if any(is_arraylike(x) and x.ndim != 1 for x in (a, b)):
        calls.refuse(
            "`np.inner` or `np.vdot` of arrays that are not vectors", instead="`@`, or `np.sum(a * b)`"
        )
    return _dot(calls, a, b)


def _size(calls: Calls, thing: Any) -> Any:
    return _count(calls, calls.as_array(thing))


def _real(calls: Calls, thing: Any) -> Any:
    """The real part, or the conjugate, of what is real."""
    return thing


def _imag(calls: Calls, thing: Any) -> Any:
    return calls.elementwise(lambda x: 0.0, thing)


def _sort(calls: Calls, thing: Any) -> ArrayView:
    """`np.sort` of a vector: its elements in the order that `np.argsort` finds."""
    thing = calls.steady(calls.as_array(thing))
    if thing.ndim != 1:
        calls.refuse("`np.sort` of more than one dimension", instead="a loop over the rows")
    order = calls.opaque(np.argsort, (thing,), {}, calls.current_node)
    return calls.materialise(calls.gather(thing, (order,)))


def _median(calls: Calls, thing: Any) -> Scalar:
    ordered = _sort(calls, thing)
    n = calls.length(ordered)
    low = calls.scalar("floordiv", calls.scalar("sub", n, 1), 2)
    middle = calls.scalar(
        "add", calls.at(ordered, (low,)), calls.at(ordered, (calls.scalar("floordiv", n, 2),))
    )
    return calls.scalar("mul", middle, 0.5)


def _count_nonzero(calls: Calls, thing: Any) -> Scalar:
    return calls.total(calls.elementwise(calls.truth, calls.as_array(thing)))


def _squeeze(calls: Calls, thing: Any) -> Any:
    thing = calls.as_array(thing)
    lengths = calls.shape(thing)
    if not all(map(is_number, lengths)):
        calls.refuse("`np.squeeze` of an array whose shape is not known", instead="an index: `x[0]`")
    return calls.subscript(thing, tuple(0 if n == 1 else Slice(None, None, None) for n in lengths))


def _average(calls: Calls, thing: Any, axis: Any = None, weights: Any = None) -> Any:
    if weights is None or isinstance(weights, Static):
        return _mean(calls, thing, axis)
    if _axis(axis) is not None:
        calls.refuse("`np.average` with weights along an axis", instead="two sums")
    weighted = calls.elementwise(lambda x, w: calls.scalar("mul", x, w), thing, weights)
    return calls.scalar("div", calls.total(calls.as_array(weighted)), calls.total(calls.as_array(weights)))


def _expand_dims(calls: Calls, thing: Any, axis: Any) -> Any:
    thing = calls.as_array(thing)
    if not isinstance(axis, int) or not -thing.ndim - 1 <= axis <= thing.ndim:
        calls.refuse(
            "`np.expand_dims` at an axis that is not a constant of this array", instead="`x[:, np.newaxis]`"
        )
    place = axis % (thing.ndim + 1)
    return calls.subscript(thing, (*(Slice(None, None, None),) * place, None))


def _stack(calls: Calls, parts: Any, axis: Any = 0) -> ArrayView:
    if not isinstance(parts, tuple) or not parts or axis != 0:
        calls.refuse("`np.stack` of this", instead="a tuple of arrays, along the first axis")
    arrays = tuple(calls.steady(calls.as_array(x)) for x in parts)
    if len({x.ndim for x in arrays}) > 1:
        calls.refuse("`np.stack` of arrays of different dimensions", instead="arrays of one shape")
    for x in arrays[1:]:
        for n, m in zip(calls.shape(x), calls.shape(arrays[0]), strict=True):
            calls.require(calls.scalar("eq", n, m), "ValueError", "arrays of different shapes are stacked")
    return calls.array_of(arrays)


def _vstack(calls: Calls, parts: Any) -> ArrayView:
    if isinstance(parts, tuple) and all(is_arraylike(x) and x.ndim == 1 for x in parts):
        return _stack(calls, parts)
    calls.refuse("`np.vstack` of this", instead="a tuple of vectors, or stores into rows of a new array")


def _append(calls: Calls, thing: Any, values: Any) -> ArrayView:
    return _concatenate(calls, (thing, (values,) if is_scalar(values) else values))


def _ptp(calls: Calls, thing: Any) -> Scalar:
    thing = calls.steady(calls.as_array(thing))
    return calls.scalar("sub", calls.extreme(thing, "max"), calls.extreme(thing, "min"))


def _shape(calls: Calls, thing: Any) -> Any:
    return () if is_scalar(thing) else calls.shape(calls.as_array(thing))


def _ndim(calls: Calls, thing: Any) -> int:
    return 0 if is_scalar(thing) else int(calls.as_array(thing).ndim)


def _flip(calls: Calls, thing: Any) -> Any:
    return calls.subscript(calls.as_array(thing), (Slice(None, None, -1),) * thing.ndim)


def _concatenate(calls: Calls, parts: Any, axis: Any = 0) -> ArrayView:
    """The parts one after the other, in a new array."""
    if not isinstance(parts, tuple) or not parts:
        calls.refuse("`np.concatenate` of this", instead="a tuple of arrays")
    arrays = [calls.steady(calls.as_array(x)) for x in parts]
    if any(x.ndim != 1 for x in arrays) or axis not in (0, -1):
        calls.refuse(
            "`np.concatenate` of more than one dimension", instead="stores into slices of a new array"
        )
    type = functools.reduce(ty.promote, map(calls.dtype, arrays))
    starts: list[Scalar] = [0]
    for x in arrays:
        starts.append(calls.scalar("add", starts[-1], calls.length(x)))
    result = calls.allocate((starts[-1],), type)
    for x, start in zip(arrays, starts, strict=False):
        put = _shifted_store(calls, result, x, start)
        calls.count_loop(calls.length(x), put)
    return result


def _shifted_store(calls: Calls, result: ArrayView, thing: Any, start: Scalar) -> Any:
    return lambda i: calls.store(result, (calls.scalar("add", start, i),), calls.at(thing, (i,)))


def _copy(calls: Calls, thing: Any) -> Any:
    return calls.copy(thing) if isinstance(thing, ArrayView) else calls.materialise(calls.as_array(thing))


def _diag(calls: Calls, thing: Any) -> Any:
    """The diagonal of a matrix, or a matrix with this diagonal."""
    thing = calls.steady(calls.as_array(thing))
    lengths = calls.shape(thing)
    if thing.ndim == 1:
        view = calls.allocate((lengths[0], lengths[0]), calls.dtype(thing), "zeros")
        calls.count_loop(lengths[0], lambda i: calls.store(view, (i, i), calls.at(thing, (i,))))
        return view
    if thing.ndim != 2:
        calls.refuse("`np.diag` of more than two dimensions", instead="a loop")
    return Elementwise(
        (calls.scalar("min", *lengths),), lambda i: calls.at(thing, (i[0], i[0])), calls.reads(thing)
    )


def _ravel(calls: Calls, thing: Any) -> Any:
    return calls.raveled(calls.as_array(thing))


def _reshape(calls: Calls, thing: Any, shape: Any) -> Any:
    return calls.reshaped(calls.as_array(thing), shape if isinstance(shape, tuple) else (shape,))


def _isinstance(calls: Calls, thing: Any, kinds: Any) -> bool:
    kinds_tuple = kinds if isinstance(kinds, tuple) else (kinds,)
    classes = tuple(k.value for k in kinds_tuple if isinstance(k, Static))
    if is_arraylike(thing):
        return any(issubclass(np.ndarray, k) for k in classes)
    if isinstance(thing, Static):
        return isinstance(thing.value, classes)
    if is_scalar(thing):
        type = calls.as_value(thing).type
        python = bool if ty.is_boolean(type) else int if ty.is_integer(type) else float
        return any(issubclass(python, k) for k in classes)
    calls.refuse("`isinstance` of this")


NUMPY_CALLS: dict[Any, Any] = {
    np.zeros: _filled("zeros"),
    np.ones: _filled("ones"),
    np.empty: _filled("empty"),
    np.zeros_like: _filled_like("zeros"),
    np.ones_like: _filled_like("ones"),
    np.empty_like: _filled_like("empty"),
    np.full: _full,
    np.full_like: _full_like,
    np.array: _array,
    np.asarray: _asarray,
    np.ascontiguousarray: _asarray,
    np.atleast_1d: _atleast_1d,
    np.arange: _arange,
    np.linspace: _linspace,
    np.eye: _eye,
    np.identity: _eye,
    np.sum: _sum,
    np.mean: _mean,
    np.var: _var,
    np.std: _std,
    np.prod: _prod,
    np.max: _extreme("max"),
    np.min: _extreme("min"),
    np.amax: _extreme("max"),
    np.amin: _extreme("min"),
    np.argmax: lambda calls, thing: calls.position(calls.as_array(thing), "max"),
    np.argmin: lambda calls, thing: calls.position(calls.as_array(thing), "min"),
    np.nansum: _without_nan(_nansum_of),
    np.nanmean: _without_nan(_nanmean_of),
    np.nanvar: _nanvar,
    np.nanstd: _nanstd,
    np.count_nonzero: _count_nonzero,
    np.sort: _sort,
    np.median: _median,
    np.real: _real,
    np.conj: _real,
    np.imag: _imag,
    np.squeeze: _squeeze,
    np.flip: _flip,
    np.concatenate: _concatenate,
    np.hstack: _concatenate,
    np.append: _append,
    np.stack: _stack,
    np.vstack: _vstack,
    np.expand_dims: _expand_dims,
    np.average: _average,
    np.ptp: _ptp,
    np.shape: _shape,
    np.ndim: _ndim,
    np.nonzero: _nonzero,
    np.any: _any_all("or", False),
    np.all: _any_all("and", True),
    any: _any_all("or", False),
    all: _any_all("and", True),
    np.heaviside: _heaviside,
    np.where: _where,
    np.clip: clipped,
    np.dot: _dot,
    np.vdot: _vector_dot,
    np.inner: _vector_dot,
    np.outer: _outer,
    np.cross: _cross,
    np.cumsum: _cumulative("add", 0),
    np.cumprod: _cumulative("mul", 1),
    np.diff: _diff,
    np.transpose: _transpose,
    np.size: _size,
    np.copy: _copy,
    np.diag: _diag,
    np.ravel: _ravel,
    np.reshape: _reshape,
    **LINALG_CALLS,
    len: _length,
    sum: _builtin_sum,
    divmod: _divmod,
    np.divmod: _divmod,
    range: _range,
    numba.prange: _range,
    type: lambda calls, thing: calls.type_of(thing),
    enumerate: lambda calls, thing, start=0: Enumerated(thing, start),
    zip: lambda calls, *things: Zipped(things),
    reversed: _reversed,
    isinstance: _isinstance,
    print: _print,
}
