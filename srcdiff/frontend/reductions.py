"""Reductions of arrays along some axes, and their extremes: over all elements, with ties, with their positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ir import types as ty
from ..ir.core import Value
from ..ir.operators import current_builder
from .arrays import Arrays
from .things import ArrayView, Elementwise, Indices, Length, Scalar, is_number, is_scalar


class Reductions(Arrays):
    """Folds arrays along axes, and finds their extremes."""

    def along(
        self,
        thing: Any,
        axis: Any,
        reduce: Callable[[Any], Scalar],
        keepdims: bool = False,
        adds: bool = False,
    ) -> Any:
        """Reduce over all elements, or along one axis or several; `adds` says that the sum is the reduction."""
        if is_scalar(number := thing):
            thing = Elementwise((), lambda _: number, frozenset())
        thing = self.as_array(thing)
        if axis is None:
            result = reduce(thing)
            return result if not keepdims else Elementwise((1,) * thing.ndim, lambda _: result, frozenset())
        chosen = axis if isinstance(axis, tuple) else (axis,)
        if not all(isinstance(a, int) and -thing.ndim <= a < thing.ndim for a in chosen):
            self.refuse(
                "an axis that is not a constant of this array",
                "which loops to build must be known",
                "`axis=0`, say",
            )
        dropped = sorted({a % thing.ndim for a in chosen})
        kept = [k for k in range(thing.ndim) if k not in dropped]
        shape = self.shape(thing)
        thing = thing if adds else self.steady(thing)  # a sum reads each element once
        within = tuple(shape[k] for k in dropped)

        def element(indices: Indices, others: Indices) -> Scalar:
            places = dict(zip((*kept, *dropped), (*indices, *others), strict=True))
            return self.at(thing, tuple(places[k] for k in range(thing.ndim)))

        def at(indices: Indices) -> Scalar:
            if keepdims:
                indices = tuple(indices[k] for k in kept)
            line = Elementwise(within, lambda i: element(indices, i), self.reads(thing), cheap=True)
            return reduce(line)

        lengths = tuple(1 if k in dropped else shape[k] for k in range(thing.ndim) if keepdims or k in kept)
        if not lengths:
            return at(())
        if adds and len(dropped) > 1 and kept[-1] == thing.ndim - 1:
            return self.sum_of_rows(
                lengths, within, element, kept if keepdims else None, self.sum_type(thing)
            )
        return self.materialise(Elementwise(lengths, at, self.reads(thing)))

    def sum_of_rows(
        self,
        shape: tuple[Length, ...],
        within: tuple[Length, ...],
        element: Callable[[Indices, Indices], Scalar],
        kept: list[int] | None,
        type: ty.Type,
    ) -> ArrayView:
        """The sums over all axes `within`, added up row by row: the last axis is the one along which memory lies.

        `kept` are those of the axes that are not of length 1, if not all are so.
        """
        result = self.allocate(shape, type, "zeros")

        def add(indices: Indices, others: Indices) -> None:
            def one(last: Indices) -> None:
                where = (*indices, *last)
                own = where if kept is None else tuple(where[k] for k in kept)
                new = self.scalar("add", self.at(result, where), element(own, others))
                self.store(result, where, new)

            self.nest(shape[-1:], one)

        self.nest(shape[:-1], lambda indices: self.nest(within, lambda others: add(indices, others)))
        return result

    def largest(self, thing: Any, name: str = "max", nan_wins: bool = True) -> Value:
        """The largest element (or smallest), NaN if there is one, or if the first is; it has no derivative."""
        shape, type = self.shape(thing), self.dtype(thing)
        first = self.at(thing, (0,) * thing.ndim)
        larger = {"max": "maximum", "min": "minimum"}[name] if ty.is_float(type) and nan_wins else name
        best = self.accumulate(first, shape, lambda m, i: self.scalar(larger, m, self.at(thing, i)), type)
        return self.detached(best)

    def require_elements(self, thing: Any, what: str) -> None:
        for n in self.shape(thing):
            if not (is_number(n) and n > 0):
                self.require(self.scalar("gt", n, 0), "ValueError", f"{what} of an empty array")

    def extreme(self, thing: Any, name: str, nan_wins: bool = True) -> Scalar:
        """`np.max` (or min), or Python's, in which NaN wins only as the first element: among several equal extremes
        each gets an equal share of the derivative."""
        thing = self.steady(self.any_array(thing))
        shape = self.shape(thing)
        best = self.largest(thing, name, nan_wins)
        if not ty.is_float(best.type):
            return best

        def tie(n: Scalar, i: Indices) -> Scalar:
            return self.scalar("add", n, self.scalar("cast_int", self.scalar("eq", self.at(thing, i), best)))

        def share(total: Scalar, i: Indices) -> Scalar:
            x = self.at(thing, i)
            return self.scalar("add", total, self.scalar("select", self.scalar("eq", x, best), x, 0.0))

        ties = self.accumulate(0, shape, tie, ty.int64)
        shares = self.scalar("div", self.accumulate(0, shape, share, best.type), ties)
        return self.scalar("attach", best, shares)

    def detached(self, value: Value) -> Value:
        """The value, with no derivative."""
        return current_builder().emit("stop_gradient", (value,), value.type)

    def position(self, thing: Any, name: str) -> Scalar:
        """`np.argmax` (or argmin) of one axis."""
        thing = self.steady(thing)

        def better(k: Scalar, i: Indices) -> Scalar:
            x, best = self.at(thing, i), self.at(thing, (k,))
            wins = self.scalar("gt" if name == "max" else "lt", x, best)
            if ty.is_float(self.dtype(thing)):  # the first NaN wins
                fresh = self.scalar(
                    "and", self.scalar("isnan", x), self.scalar("not", self.scalar("isnan", best))
                )
                wins = self.scalar("or", wins, fresh)
            return self.scalar("select", wins, i[0], k)

        result = self.accumulate(0, self.shape(thing), better, ty.int64)
        self.nonnegative.add(result)
        return result
