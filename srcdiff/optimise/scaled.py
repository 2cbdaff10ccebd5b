"""Leave to BLAS products of a matrix whose elements are changed before.

    for k in range(m):                                  for i in range(n):
        for i in range(n):                                  for k in range(m):
            v = f(x[i, k], y[i])                                scaled[i, k] = f(x[i, k], y[i])
            for j in range(m):                 ->       t = scaled.T @ x
                h[k, j] += v * x[i, j]                  for k in range(m):
                                                            for j in range(m):
                                                                h[k, j] += t[k, j]

Hessians are such nests: `x.T @ diag(c) @ x`. What is computed becomes a matrix as large as the one that it is computed
from; it may be computed in several loops that hand on arrays. Only where `multiply.py` then finds a product. Reads:
structure, affine forms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ..analysis.affine import Affine
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import (
    Block,
    Function,
    Op,
    Value,
    is_number,
    leaves_early,
    loop_body,
    written_in_place,
)
from ..ir.nests import nest_over
from ..ir.walk import exchanged, ops_of, ops_within, uses_in
from ..primitives import REGISTRY
from ..transform.primal import as_primal
from .align import same
from .fold import simplified
from .multiply import multiply_matrices

PLAIN = ("load", "store", "accum", "shape", "for", "zeros_like", "empty_like", "alloc")


class NotScaled(Exception):
    """A value is not computed from an element of a matrix alone, and from what its row or column has."""


@dataclass(frozen=True)
class Scaled:
    """An op of a nest that computes something from an element of a matrix; `loops` are those of its axes."""

    op: Op
    loops: tuple[Op, Op]


def multiply_scaled(function: Function) -> Function:
    """Give nests to BLAS until there is none left that is a product."""
    refused: set[Op] = set()
    while True:
        affine = Affine(find_structure(function.body))
        nests = (Nest(op, affine) for op in function.body.ops if op.primitive == "for" and op not in refused)
        nest = next((nest for nest in nests if nest.scaled), None)
        if nest is None:
            return function
        refused.add(nest.root)
        candidate = simplified(multiply_matrices(simplified(with_matrices(function, nest))))
        if products(candidate) > products(function):
            function = candidate


def products(function: Function) -> int:
    return sum(op.primitive == "matmul" for op in ops_within(function.body))


class Nest:
    """What is computed of elements of matrices in a nest, before an inner loop reads it."""

    def __init__(self, root: Op, affine: Affine) -> None:
        self.root, self.affine, self.structure = root, affine, affine.structure
        ops = list(ops_of(root))
        self.loops = {loop_body(op).parameters[0]: op for op in ops if op.primitive == "for"}
        written = [before for op in ops for before, _ in written_in_place(op)]
        self.written = {self.structure.storage(before) for before in written}
        plain = all(op.primitive in PLAIN or op.primitive in REGISTRY for op in ops)
        self.scaled = list(self.find()) if plain and all(map(is_upwards, self.loops.values())) else []

    def find(self) -> Iterator[Scaled]:
        for loop in self.loops.values():
            inner = [op for op in loop_body(loop).ops if op.primitive == "for"]
            read = {v for op in inner for v in uses_in(loop_body(op))}
            for op in loop_body(loop).ops:
                if len(op.results) != 1 or op.result not in read or not ty.is_float(op.result.type):
                    continue
                computed = op.primitive in REGISTRY or (
                    op.primitive == "load" and self.structure.storage(op.operands[0]) in self.written
                )
                axes = self.axes(op.result) if computed else None
                if axes is not None:
                    yield Scaled(op, axes)

    def axes(self, value: Value) -> tuple[Op, Op] | None:
        """The loops of a matrix from an element of which a value is computed."""
        elements: list[tuple[Op, Op]] = []
        try:
            with Builder() as nowhere:
                self.emit(nowhere, value, {index: index for index in self.loops}, elements)
        except NotScaled:
            return None
        used = {v for op in nowhere.ops for v in op.operands if v in self.loops}
        return next(
            (pair for pair in elements if used <= {loop_body(loop).parameters[0] for loop in pair}), None
        )

    def emit(
        self, builder: Builder, value: Value, known: Mapping[Value, Value], elements: list[tuple[Op, Op]]
    ) -> Value:
        """Append what computes a value, for `known` indices; `elements` gets the loops of matrices that are read."""
        if value in known:
            return known[value]
        if value.is_constant or self.root not in self.structure.home.get(value, ()):
            return value
        op = self.structure.maker[value]
        if op.primitive in REGISTRY or op.primitive == "shape":
            operands = tuple(
                v if ty.is_array(v.type) else self.emit(builder, v, known, elements) for v in op.operands
            )
            if op.primitive == "shape" and self.root in self.structure.home.get(op.operands[0], ()):
                raise NotScaled
            return builder.emit(op.primitive, operands, value.type, op.attributes, value.name)
        if op.primitive != "load" or op.regions:
            raise NotScaled
        array, *where = op.operands
        if self.structure.storage(array) in self.written:
            store, index = self.only_store(op)
            return self.emit(builder, store.operands[-1], {**known, index: known[where[0]]}, elements)
        at = [self.emit(builder, i, known, elements) for i in where]
        self.note(array, at, elements)
        return builder.emit("load", (array, *at), value.type, op.attributes, value.name)

    def only_store(self, load: Op) -> tuple[Op, Value]:
        """The store that a load reads, and its index: of a loop before, over the same range."""
        array, *where = load.operands
        stores = self.structure.stores[self.structure.storage(array)]
        loop = self.loops.get(where[0]) if len(where) == 1 else None
        if loop is None or len(stores) != 1 or stores[0].primitive != "store" or len(stores[0].operands) != 3:
            raise NotScaled
        index = stores[0].operands[1]
        other = self.loops.get(index)
        if other is None or self.structure.around[stores[0]] != (*self.structure.around[loop], other):
            raise NotScaled
        if self.structure.place[other] >= self.structure.place[loop]:
            raise NotScaled
        if not all(
            same(*map(self.affine.form, pair))
            for pair in zip(loop.operands[:2], other.operands[:2], strict=True)
        ):
            raise NotScaled
        return stores[0], index

    def note(self, array: Value, at: list[Value], elements: list[tuple[Op, Op]]) -> None:
        """Note the loops of an element of a matrix, if they go over axes of it and do not wait for each other."""
        loops = [self.loops[i] for i in at if i in self.loops]
        if len(at) == len(loops) == 2 and loops[0] is not loops[1] and array.type.ndim == 2:
            if all(map(self.is_steady, loops)):
                elements.append((loops[0], loops[1]))

    def is_steady(self, loop: Op) -> bool:
        """Whether a loop goes from 0 to a number that the nest does not change."""
        high = self.affine.form(loop.operands[1])
        made_inside = any(self.root in self.structure.home.get(v, ()) for v, _ in high.terms)
        return is_number(loop.operands[0], 0) and not made_inside and self.affine.is_not_negative(high)

    def computed(self, builder: Builder, scaled: Scaled) -> Value:
        """Append the nest that computes a matrix."""
        value = scaled.op.result
        type = ty.array(value.type, 2)
        lengths = [loop.operands[1] for loop in scaled.loops]
        start = builder.emit("alloc", lengths, type, {"fill": "empty", "trusted": True}, "scaled")

        def store(builder: Builder, held: Value, places: tuple[Value, ...]) -> Value:
            indices = (loop_body(loop).parameters[0] for loop in scaled.loops)
            element = self.emit(builder, value, dict(zip(indices, places, strict=True)), [])
            return builder.emit("store", (held, *places, element), type, name=held.name)

        return nest_over(builder, start, lengths, store)


def is_upwards(loop: Op) -> bool:
    return not leaves_early(loop) and not loop.attributes.get("descending") and is_number(loop.operands[2], 1)


def with_matrices(function: Function, nest: Nest) -> Function:
    """The function with what a nest computes of elements of matrices computed before it."""
    root = nest.root
    with Builder(root.location) as builder:
        loads: dict[Op, list[Op]] = {}
        for scaled in nest.scaled:
            matrix = nest.computed(builder, scaled)
            where = tuple(loop_body(loop).parameters[0] for loop in scaled.loops)
            loads[scaled.op] = [
                replace(scaled.op, primitive="load", operands=(matrix, *where), attributes={})
            ]
        plain = as_primal(Function("", exchanged(Block((), (root,), root.results), loads))).body
        for op in exchanged(plain, dict(added(plain))).ops:
            builder.append(op)
    return replace(function, body=exchanged(function.body, {root: builder.ops}))


def added(block: Block) -> Iterator[tuple[Op, list[Op]]]:
    """Additions to elements, each with the same as a load, an addition and a store."""
    for op in ops_within(block):
        if op.primitive == "accum":
            with Builder(op.location) as builder:
                array, *where, value = op.operands
                element = builder.emit("load", (array, *where), array.type.dtype)
                total = builder.emit("add", (element, value), array.type.dtype)
            store = replace(op, primitive="store", operands=(array, *where, total))
            yield op, [*builder.ops, store]


__all__ = ["multiply_scaled"]
