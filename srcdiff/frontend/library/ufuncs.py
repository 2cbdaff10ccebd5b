"""The methods of NumPy's ufuncs: `np.add.at`, `np.multiply.outer`, `np.maximum.reduce`, `np.add.accumulate`.

np.add.at(x, idx, v)    ->    for k: x[idx[k]] += v[k], also where an index occurs twice
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir import types as ty
from ...primitives import BY_SPELLING
from ..describe import describe
from ..things import ArrayView, Elementwise, Scalar, Static, is_arraylike, is_scalar
from .axes import Indices, inserted, lined_up, without
from .reductions import CALLS as REDUCTIONS
from .reductions import logsumexp, running

if TYPE_CHECKING:
    from ..calls import Calls

REDUCE = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min,
          np.logical_and: np.all, np.logical_or: np.any}  # fmt: skip
RUNNING = {np.add: running("add", 0, first_axis=True), np.multiply: running("mul", 1, first_axis=True)}


def is_ufunc_method(target: Any) -> bool:
    return isinstance(target, types.BuiltinMethodType) and isinstance(target.__self__, np.ufunc)


def ufunc_method(calls: Calls, target: Any) -> Any:
    """What a method of a ufunc means, to be called like the functions of the tables."""
    ufunc, name = target.__self__, target.__name__
    row = BY_SPELLING.get(ufunc)
    shown = f"`np.{ufunc.__name__}.{name}`"
    if name == "reduce" and ufunc in REDUCE:
        return lambda calls, array, axis=0, **rest: REDUCTIONS[REDUCE[ufunc]](calls, array, axis, **rest)
    if name == "reduce" and ufunc is np.logaddexp:
        return lambda calls, array, axis=0, keepdims=False: logsumexp(calls, array, axis, keepdims=keepdims)
    if name == "accumulate" and ufunc in RUNNING:
        return RUNNING[ufunc]
    if name == "accumulate" and row is not None and row.arity == 2:
        return lambda calls, array, axis=0: _accumulate(calls, ufunc, row.name, array, axis)
    if row is not None and row.arity == 2 and name == "outer":
        return lambda calls, a, b: _outer(calls, row.name, a, b)
    if row is not None and row.arity == 2 and name == "at":
        return lambda calls, a, indices, b: _at(calls, row.name, a, indices, b)
    calls.refuse(shown, "its derivative is not known", "a loop over the elements")


def _accumulate(calls: Calls, ufunc: Any, name: str, a: Any, axis: Any) -> ArrayView:
    """What has been made of the elements so far, at each place along an axis."""
    a, k = lined_up(calls, a, axis)
    if not ty.is_differentiable(calls.dtype(a)) and ufunc not in (np.maximum, np.minimum):
        calls.refuse(f"`np.{ufunc.__name__}.accumulate` of integers", instead="`x.astype(float)`")
    result = calls.copy(calls.steady(a))
    shape = calls.shape(result)

    def line(others: Indices) -> None:
        def step(i: Scalar) -> None:
            before, here = (inserted(others, k, place) for place in (i, calls.scalar("add", i, 1)))
            new = calls.scalar(name, calls.at(result, before), calls.at(result, here))
            if calls.as_value(new).type != calls.dtype(result):
                calls.refuse(f"`np.{ufunc.__name__}.accumulate`", "its type is another one", "a loop")
            calls.store(result, here, new)

        calls.count_loop(calls.scalar("sub", shape[k], 1), step)

    calls.nest(without(shape, k), line)
    return result


def _outer(calls: Calls, name: str, a: Any, b: Any) -> Any:
    """Every element of one with every element of the other."""
    a, b = (calls.steady(calls.any_array(x)) for x in (a, b))
    name = calls.of_booleans(name, a, b)

    def at(i: Indices) -> Scalar:
        return calls.scalar(name, calls.at(a, i[: a.ndim]), calls.at(b, i[a.ndim :]))

    shape = (*calls.shape(a), *calls.shape(b))
    return Elementwise(shape, at, calls.reads(a) | calls.reads(b)) if shape else at(())


def _at(calls: Calls, name: str, a: Any, indices: Any, b: Any) -> Static:
    if not isinstance(a, ArrayView):
        calls.refuse(f"writing into {describe(a)}", "only arrays can be changed in place")
    items = indices if type(indices) is tuple else (indices,)
    items = tuple(calls.array_of(x) if isinstance(x, tuple) else x for x in items)
    if any(is_arraylike(x) for x in items):
        calls.scatter(a, items, b, lambda x, y: calls.scalar(name, x, y))
        return Static(None)
    if not all(map(is_scalar, items)):
        calls.refuse("`.at` of slices", instead="`x[...] += v`")
    place = calls.place_of(a, items)
    calls.update(place, lambda x, y: calls.scalar(name, x, y), b)
    return Static(None)
