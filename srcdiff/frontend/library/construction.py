"""New arrays: from a shape, from numbers, from ranges.

np.linspace(a, b, 5)    ->    the elementwise rule  i -> a + i * (b - a) / 4
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir import types as ty
from ...ir.core import Value
from ..describe import describe
from ..things import (
    ArrayView,
    Elementwise,
    Range,
    Scalar,
    Static,
    is_arraylike,
    is_list,
    is_number,
    is_scalar,
)
from .axes import (
    EVERYTHING,
    Indices,
    axis_of,
    check_order,
    flag,
    inserted,
    is_none,
    rearranged,
    without,
    word,
)
from .builtin import range_elements

if TYPE_CHECKING:
    from ..calls import Calls


# ------------------------------------------------------------------------------------------ from a shape


def _lengths(calls: Calls, shape: Any) -> tuple[Any, ...]:
    shape = shape if isinstance(shape, tuple) else (shape,)
    return tuple(calls.integer(n) for n in shape)


def _filled(fill: str) -> Any:
    def make(calls: Calls, shape: Any, dtype: Any = None, order: Any = None) -> ArrayView:
        check_order(calls, order)
        made = calls.allocate(_lengths(calls, shape), calls.dtype_of(dtype) or ty.float64, fill)
        made.root.in_c_order = is_none(order) or word(calls, order, "C", "F") == "C"
        return made

    return make


def _filled_like(fill: str) -> Any:
    def make(calls: Calls, like: Any, dtype: Any = None, order: Any = None) -> Any:
        check_order(calls, order)
        if is_scalar(like):
            return 0.0 if fill != "ones" else 1.0
        like = calls.as_array(like)
        return calls.allocate(calls.shape(like), calls.dtype_of(dtype) or calls.dtype(like), fill)

    return make


def _full(calls: Calls, shape: Any, fill_value: Any, dtype: Any = None, order: Any = None) -> ArrayView:
    check_order(calls, order)
    type = calls.dtype_of(dtype) or calls.dtype(calls.any_array(fill_value))
    view = calls.allocate(_lengths(calls, shape), type)
    calls.fill(view, fill_value)
    return view


def _full_like(calls: Calls, like: Any, fill_value: Any, dtype: Any = None, order: Any = None) -> ArrayView:
    check_order(calls, order)
    like = calls.as_array(like)
    view = calls.allocate(calls.shape(like), calls.dtype_of(dtype) or calls.dtype(like))
    calls.fill(view, fill_value)
    return view


def _eye(calls: Calls, N: Any, M: Any = None, k: Any = 0, dtype: Any = None, order: Any = None) -> ArrayView:
    check_order(calls, order)
    rows = calls.integer(N)
    columns = rows if is_none(M) else calls.integer(M)
    type = calls.dtype_of(dtype) or ty.float64
    if is_number(k) and k == 0:
        view = calls.allocate((rows, columns), type, "zeros")
        n = rows if columns is rows else calls.scalar("min", rows, columns)
        calls.count_loop(n, lambda i: calls.store(view, (i, i), 1))
        return view

    def at(i: Indices) -> Scalar:
        return calls.scalar("eq", calls.scalar("sub", i[1], i[0]), k)

    return calls.materialise(Elementwise((rows, columns), at, frozenset()), type)


def _tri(calls: Calls, N: Any, M: Any = None, k: Any = 0, dtype: Any = None) -> ArrayView:
    rows = calls.integer(N)

    def at(i: Indices) -> Scalar:
        return calls.scalar("le", calls.scalar("sub", i[1], i[0]), k)

    shape = (rows, rows if is_none(M) else calls.integer(M))
    return calls.materialise(Elementwise(shape, at, frozenset()), calls.dtype_of(dtype) or ty.float64)


# ------------------------------------------------------------------------------------------ from numbers


def array(
    calls: Calls, thing: Any, dtype: Any = None, *, copy: Any = True, order: Any = None, ndmin: Any = 0
) -> Any:
    if copy is not True:
        if is_none(copy) or not flag(calls, copy, "`copy`"):
            return _asarray(calls, thing, dtype, order)
    check_order(calls, order)
    type = calls.dtype_of(dtype)
    if not is_number(ndmin) or ndmin != 0:
        calls.refuse("`ndmin`", instead="`np.atleast_2d(...)`, or `x[None, :]`")
    if is_scalar(thing):
        value = calls.as_value(thing) if type is None else calls.cast(calls.as_value(thing, type), type)
        return Elementwise((), lambda _: value, frozenset())
    if isinstance(thing, tuple):
        return calls.array_of(thing, type)
    if isinstance(thing, Elementwise):
        return calls.materialise(thing, type)
    if isinstance(thing, ArrayView):
        made = calls.copy(thing) if type in (None, calls.dtype(thing)) else calls.materialise(thing, type)
        made.root.is_list = False
        return made
    if isinstance(thing, Range):
        return calls.materialise(range_elements(calls, thing), type)
    calls.refuse(f"an array of {describe(thing)}")


def _asarray(calls: Calls, thing: Any, dtype: Any = None, order: Any = None) -> Any:
    """The array itself where it has the type and, if that is asked for, the order in memory; else a copy."""
    check_order(calls, order)
    if not isinstance(thing, ArrayView) or is_list(thing):
        return array(calls, thing, dtype)
    if calls.dtype_of(dtype) not in (None, calls.dtype(thing)):
        return array(calls, thing, dtype)
    wanted = "K" if is_none(order) else order.value
    if wanted in ("K", "A") or thing.whole and thing.ndim < 2:
        return thing
    known = order_of(calls, thing)
    if thing.root not in calls.given and not (thing.root.in_c_order and known == "C"):
        known = "A"  # NumPy may have made it in another order
    if known == wanted:
        return thing
    made = calls.materialise(thing)
    if known == "A":  # perhaps the same memory
        made.root.may_be(thing.root)
    return made


def order_of(calls: Calls, view: ArrayView) -> str:
    """How the elements of a view lie in memory, as a layout of Numba's: `A` where that is not known."""
    axes = [axis.of for axis in view.axes if axis is not None and axis.whole]
    layout = calls.version(view.root).type.layout
    if view.fixed or len(axes) < view.ndim or layout == "A":
        return "A"
    if axes == list(range(view.ndim)):
        return str(layout)
    return {"C": "F", "F": "C"}[layout] if axes[::-1] == list(range(view.ndim)) else "A"


def _in_order(order: str) -> Any:
    return lambda calls, a, dtype=None: _asarray(calls, a, dtype, Static(order))


def _copy(calls: Calls, thing: Any, order: Any = None) -> Any:
    check_order(calls, order)
    thing = calls.any_array(thing)
    return calls.copy(thing) if isinstance(thing, ArrayView) else calls.materialise(thing)


def astype(calls: Calls, thing: Any, dtype: Any, order: Any = None, *, copy: Any = True) -> Any:
    check_order(calls, order)
    if not flag(calls, copy, "`copy`") and isinstance(thing, ArrayView):
        if calls.dtype_of(dtype) == calls.dtype(thing):
            return thing
    return calls.construct_array(thing, dtype)


def _copyto(calls: Calls, dst: Any, src: Any, casting: Any = None, where: Any = True) -> Static:
    if not isinstance(dst, ArrayView):
        calls.refuse(f"writing into {describe(dst)}", instead="an array")
    if where is not True:
        src = calls.elementwise(lambda c, a, b: calls.scalar("select", calls.truth(c), a, b), where, src, dst)
    calls.fill(dst, src)
    return Static(None)


# ------------------------------------------------------------------------------------------ from ranges


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

        def at(indices: Indices) -> Scalar:
            return calls.scalar("add", start, calls.scalar("mul", indices[0], step))

        elements = Elementwise((n,), at, frozenset())
        if type is not None and not ty.is_float(type):
            calls.refuse("`np.arange` of floats as integers", "NumPy rounds the steps", "`.astype(int)`")
        type = type or ty.float64  # also of numbers in single precision
    return elements if type is None else calls.converted(elements, type)  # type: ignore[no-any-return]


def _linspace(
    calls: Calls,
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: Any = True,
    retstep: Any = False,
    dtype: Any = None,
    axis: Any = 0,
) -> Any:
    start, stop = (calls.steady(x) if is_arraylike(x) else x for x in map(calls.wide, (start, stop)))
    closed, num = flag(calls, endpoint, "`endpoint`"), calls.integer(num)
    top = calls.scalar("sub", num, 1) if closed else num
    steps = calls.elementwise(
        lambda a, b: calls.scalar("div", calls.scalar("sub", b, a), calls.scalar("max", top, 1)), start, stop
    )
    steps = calls.steady(steps) if is_arraylike(steps) else steps
    around = calls.shape(steps) if is_arraylike(steps) else ()
    k = axis_of(calls, axis, len(around) + 1)

    def at(indices: Indices) -> Scalar:
        def bound(x: Any) -> Scalar:
            return calls.at(x, calls.narrowed(x, others)) if is_arraylike(x) else x

        i, others = indices[k], without(indices, k)
        step = calls.at(steps, others) if is_arraylike(steps) else steps
        value = calls.scalar("add", calls.scalar("mul", i, step), bound(start))
        if not closed:
            return value
        last = calls.scalar("and", calls.scalar("eq", i, top), calls.scalar("gt", num, 1))
        return calls.scalar("select", last, bound(stop), value) if last is not False else value

    points: Any = Elementwise(inserted(around, k, num), at, calls.reads(start) | calls.reads(stop))
    if not is_none(dtype):
        type = calls.dtype_of(dtype)
        if ty.is_integer(type) and ty.is_float(calls.dtype(points)):
            points = calls.elementwise(lambda x: calls.scalar("floor", x), points)
        points = calls.converted(points, type)
    if not flag(calls, retstep, "`retstep`"):
        return points
    has_steps = calls.scalar("gt", top, 0)
    return points, calls.elementwise(lambda step: calls.scalar("select", has_steps, step, math.nan), steps)


def _logspace(
    calls: Calls, start: Any, stop: Any, num: Any = 50, endpoint: Any = True, base: Any = 10.0
) -> Any:
    return calls.elementwise(
        lambda x: calls.scalar("pow", calls.as_value(calls.floating(base)), x),
        _linspace(calls, start, stop, num, endpoint),
    )


def _geomspace(calls: Calls, start: Any, stop: Any, num: Any = 50, endpoint: Any = True) -> Any:
    """Both ends are exact, and what is between them has their sign."""
    start, stop = (calls.as_value(calls.floating(x)) for x in (start, stop))
    if ty.is_complex(start.type) or ty.is_complex(stop.type):
        calls.refuse("`np.geomspace` of complex numbers", instead="powers of a base")
    for end in (start, stop):
        calls.require(calls.scalar("ne", end, 0.0), "ValueError", "Geometric sequence cannot include zero")
    ratio = calls.scalar("div", stop, start)
    shares = _linspace(calls, 0.0, 1.0, num, endpoint)

    def at(share: Scalar) -> Scalar:
        between = calls.scalar("mul", start, calls.scalar("pow", ratio, share))
        return calls.scalar("select", calls.scalar("eq", share, 1.0), stop, between)

    return calls.elementwise(at, shares)


def _meshgrid(calls: Calls, *xi: Any, indexing: Any = "xy", sparse: Any = False, copy: Any = True) -> Any:
    vectors = tuple(calls.steady(calls.any_array(x)) for x in xi)
    if any(x.ndim > 1 for x in vectors):
        calls.refuse("`np.meshgrid` of arrays that are not vectors", instead="`x.ravel()`")
    if not flag(calls, copy, "`copy`"):
        calls.refuse("`np.meshgrid` without copies", "the grids would be the vectors' memory", "the default")
    n = len(vectors)
    places = list(range(n))
    if word(calls, indexing, "xy", "ij") == "xy" and n > 1:
        places[:2] = [1, 0]
    lengths: list[Any] = [1] * n
    for x, place in zip(vectors, places, strict=True):
        lengths[place] = calls.length(x) if x.ndim else 1

    def grid(x: Any, place: int) -> Elementwise:
        shape = tuple(m if k == place or not thin else 1 for k, m in enumerate(lengths))
        return rearranged(calls, x, shape, lambda i: (i[place],) if x.ndim else ())

    thin = flag(calls, sparse, "`sparse`")
    return tuple(grid(x, place) for x, place in zip(vectors, places, strict=True))


def _ix(calls: Calls, *xi: Any) -> Any:
    """Index arrays that pick from one axis each."""
    vectors = tuple(calls.steady(calls.as_array(x)) for x in xi)
    if any(x.ndim != 1 for x in vectors):
        calls.refuse("`np.ix_` of arrays that are not vectors", instead="`x.ravel()`")
    vectors = tuple(calls.positions(x)[0] if ty.is_boolean(calls.dtype(x)) else x for x in vectors)
    return tuple(
        calls.subscript(x, (*(None,) * k, EVERYTHING, *(None,) * (len(vectors) - k - 1)))
        for k, x in enumerate(vectors)
    )


def _diagonal_indices(calls: Calls, n: Any, ndim: Any = 2) -> tuple[ArrayView, ...]:
    if not isinstance(ndim, int):
        calls.refuse("`ndim` of `np.diag_indices` that is not constant")
    return tuple(calls.materialise(_arange(calls, n)) for _ in range(ndim))


def _triangle_indices(upper: bool) -> Any:
    """The rows and the columns of the elements on one side of a diagonal."""

    def make(calls: Calls, n: Any, k: Any = 0, m: Any = None) -> tuple[ArrayView, ArrayView]:
        rows = calls.integer(n)
        columns = rows if is_none(m) else calls.integer(m)
        beyond = calls.scalar("add", k, 0 if upper else 1)

        def first(i: Scalar) -> Scalar:
            """The first column behind the diagonal's start, between 0 and the number of columns."""
            return calls.scalar("min", calls.scalar("max", calls.scalar("add", i, beyond), 0), columns)

        def here(i: Scalar) -> Scalar:
            return calls.scalar("sub", columns, first(i)) if upper else first(i)

        count = calls.accumulate(0, (rows,), lambda c, i: calls.scalar("add", c, here(i[0])), ty.int64)
        found = calls.allocate((count,), ty.int64), calls.allocate((count,), ty.int64)

        def row(start: Scalar, i: Indices) -> Scalar:
            begin = first(i[0]) if upper else 0

            def put(j: Value) -> None:
                place = calls.scalar("add", start, j)
                calls.store(found[0], (place,), i[0])
                calls.store(found[1], (place,), calls.scalar("add", begin, j))

            width = here(i[0])
            calls.count_loop(width, put)
            return calls.scalar("add", start, width)

        calls.accumulate(0, (rows,), row, ty.int64)
        return found

    return make


METHODS: dict[str, Any] = {"astype": astype, "copy": _copy}
CALLS: dict[Any, Any] = {
    np.zeros: _filled("zeros"),
    np.ones: _filled("ones"),
    np.empty: _filled("empty"),
    np.zeros_like: _filled_like("zeros"),
    np.ones_like: _filled_like("ones"),
    np.empty_like: _filled_like("empty"),
    np.full: _full,
    np.full_like: _full_like,
    np.eye: _eye,
    np.identity: lambda calls, n, dtype=None: _eye(calls, n, dtype=dtype),
    np.tri: _tri,
    np.array: array,
    np.asarray: _asarray,
    np.asanyarray: _asarray,
    np.ascontiguousarray: _in_order("C"),
    np.asfortranarray: _in_order("F"),
    np.copy: _copy,
    np.copyto: _copyto,
    np.arange: _arange,
    np.linspace: _linspace,
    np.logspace: _logspace,
    np.geomspace: _geomspace,
    np.meshgrid: _meshgrid,
    np.ix_: _ix,
    np.diag_indices: _diagonal_indices,
    np.triu_indices: _triangle_indices(upper=True),
    np.tril_indices: _triangle_indices(upper=False),
}
