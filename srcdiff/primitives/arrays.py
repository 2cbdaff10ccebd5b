"""Primitives on whole arrays: their rows, and the array mathematics that their rules are written in.

    matmul = whole("matmul", "{} @ {}", "(m,k),(k,n)->(m,n)",
                   lambda g, ans, a, b: g @ b.T, lambda g, ans, a, b: a.T @ g, points=[...])

A rule gets the cotangents of the results (None where nothing is owed), the results and the operands, and gives what
is owed to one operand. On NumPy arrays it computes that. On an `Expression` it emits it: products and calls of rows
become ops, arithmetic of elements becomes one loop, when the array is needed. A transpose is never made: operands are
read transposed, which the op notes in its attribute `transposed` (the numbers of those operands).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Op, Value
from ..ir.nests import nest_over
from ..ir.operators import current_builder
from ..ir.types import Type
from .complex_numbers import real_part
from .record import Rule

Indices = tuple[Value, ...]


@dataclass(frozen=True, eq=False)
class ArrayPrimitive:
    """One row.

    Attributes
    ----------
    name : the name in the IR.
    text : how generated source writes it, `{}` for each operand.
    operands, results : the axes of each, by letters; the axis `min` is the shorter of `m` and `n`.
    rules : one rule for each operand; None for a zero derivative.
    tangent : the rule for tangents: gets those of the operands (None where zero), the results and the operands, and
        gives the tangent of the result, or a tuple of them (None where zero).
    evaluate : the primitive on NumPy arrays.
    layouts : of the results as Numba makes them.
    numbers : what the matrices may hold, "real", "complex" or "any": where the rules, with plain transposes, hold.
    double : whether Numba computes the results in float64 whatever the operands are.
    points : lengths of the axes at which the registry's test checks the row.
    sample : a matrix for an operand, made from one of independent normal numbers.
    precedence : of `text` as Python expression; 100 is a call.
    """

    name: str
    text: str
    operands: tuple[tuple[str, ...], ...]
    results: tuple[tuple[str, ...], ...]
    rules: tuple[Rule | None, ...]
    tangent: Rule
    evaluate: Callable[..., Any]
    layouts: tuple[str, ...]
    double: bool = False
    points: Sequence[Mapping[str, int]] = ()
    sample: Callable[[Any], Any] = lambda x: x
    precedence: int = 100
    doc: str = field(default="")
    numbers: str = "real"

    def __call__(self, *operands: Any) -> Any:
        if not any(isinstance(x, Expression) for x in operands):
            return self.evaluate(*operands)
        results = tuple(Held(value) for value in self.emit(*map(as_operand, operands)))
        return results if len(results) > 1 else results[0]

    def emit(self, *operands: tuple[Value, bool]) -> tuple[Value, ...]:
        """Append the op; each operand with whether it is read transposed."""
        values = tuple(value for value, _ in operands)
        transposed = "".join(str(k) for k, (_, flipped) in enumerate(operands) if flipped)
        key = (self.name, values, transposed)
        known = shared.get()
        if known is not None and key in known:
            return known[key]
        attributes = {"transposed": transposed} if transposed else {}
        results = tuple(Value("", type) for type in self.types(*(v.type for v in values)))
        builder = current_builder()
        builder.append(Op(self.name, values, results, (), attributes, builder.location))
        if known is not None:
            known[key] = results
        return results

    def types(self, *operands: Type) -> tuple[Type, ...]:
        """The types of the results."""
        dtype = operands[0].dtype
        if self.double:
            dtype = ty.complex128 if ty.is_complex(dtype) else ty.float64
        return tuple(
            ty.array(dtype, len(axes), layout) if axes else dtype
            for axes, layout in zip(self.results, self.layouts, strict=True)
        )

    def source_of(self, result: int, axis: int, transposed: str) -> list[tuple[int, int]]:
        """The (operand, axis) pairs whose lengths give that of an axis of a result: their smallest."""
        name = self.results[result][axis]
        found = []
        for wanted in ("m", "n") if name == "min" else (name,):
            k = next(k for k, axes in enumerate(self.operands) if wanted in axes)
            axes = self.operands[k]
            found.append((k, (exchanged(axes) if str(k) in transposed else axes).index(wanted)))
        return found


def exchanged(axes: tuple[Any, ...]) -> tuple[Any, ...]:
    """What belongs to axes, with the last two exchanged."""
    return *axes[:-2], axes[-1], axes[-2]


ARRAYS: dict[str, ArrayPrimitive] = {}
STACKS = ("multiply_stacks", "multiply_nested_stacks")  # of three axes, of four
shared: ContextVar[dict[Any, tuple[Value, ...]] | None] = ContextVar("shared", default=None)


@contextmanager
def sharing() -> Iterator[None]:
    """Within it, a row called again on the same values gives the same results."""
    token = shared.set({})
    try:
        yield
    finally:
        shared.reset(token)


def whole(
    name: str,
    text: str,
    signature: str,
    *rules: Rule | None,
    tangent: Rule,
    evaluate: Callable[..., Any],
    layouts: str = "",
    double: bool = False,
    points: Sequence[Mapping[str, int]] = (),
    sample: Callable[[Any], Any] = lambda x: x,
    precedence: int = 100,
    doc: str = "",
    numbers: str = "real",
) -> ArrayPrimitive:
    """Register a row; the signature is written as for NumPy's generalised functions."""
    operands, results = (
        tuple(tuple(filter(None, axes.split(","))) for axes in re.findall(r"\(([^()]*)\)", side))
        for side in signature.split("->")
    )
    row = ArrayPrimitive(
        name,
        text,
        operands,
        results,
        rules,
        tangent,
        evaluate,
        tuple(layouts or "C" * len(results)),
        double,
        points,
        sample,
        precedence,
        doc,
        numbers,
    )
    assert name not in ARRAYS, name
    ARRAYS[name] = row
    return row


# --------------------------------------------------------------------------------------------- expressions


class Expression:
    """An array, or a number, in a rule: its lengths, and how an element is computed."""

    lengths: tuple[Value, ...]

    def at(self, indices: Indices) -> Value:
        raise NotImplementedError

    @property
    def ndim(self) -> int:
        return len(self.lengths)

    @property
    def T(self) -> Expression:
        """The last two axes exchanged: of a stack each matrix is transposed."""
        if self.ndim < 2:
            return self
        return Elements(exchanged(self.lengths), lambda i: self.at(exchanged(i)))

    @property
    def mT(self) -> Expression:
        """As NumPy calls it for stacks."""
        return self.T

    def held(self) -> Held:
        """The expression as something that may be read more than once."""
        return Held(materialised(self))

    def __add__(self, other: Any) -> Expression:
        return elementwise(lambda x, y: x + y, self, other)

    def __sub__(self, other: Any) -> Expression:
        return elementwise(lambda x, y: x - y, self, other)

    def __mul__(self, other: Any) -> Expression:
        return elementwise(lambda x, y: x * y, self, other)

    def __rmul__(self, other: Any) -> Expression:
        return elementwise(lambda x, y: x * y, other, self)

    def __truediv__(self, other: Any) -> Expression:
        return elementwise(lambda x, y: x / y, self, other)

    def __neg__(self) -> Expression:
        return elementwise(lambda x: -x, self)

    def __matmul__(self, other: Expression) -> Expression:
        return Product(self, other)


class Held(Expression):
    """A value of the IR, perhaps read transposed."""

    def __init__(self, value: Value, flipped: bool = False) -> None:
        self.value, self.flipped = value, flipped
        self._lengths: tuple[Value, ...] | None = None

    @property
    def lengths(self) -> tuple[Value, ...]:  # type: ignore[override]
        if self._lengths is None:
            axes = range(self.value.type.ndim) if ty.is_array(self.value.type) else ()
            found = tuple(
                current_builder().emit("shape", (self.value,), ty.int64, {"axis": axis}) for axis in axes
            )
            self._lengths = exchanged(found) if self.flipped else found
        return self._lengths

    @property
    def ndim(self) -> int:
        return int(self.value.type.ndim) if ty.is_array(self.value.type) else 0

    def at(self, indices: Indices) -> Value:
        if not self.ndim:
            return self.value
        where = exchanged(indices) if self.flipped else indices
        return current_builder().emit("load", (self.value, *where), self.value.type.dtype)

    @property
    def T(self) -> Expression:
        return Held(self.value, not self.flipped) if self.ndim > 1 else self

    def held(self) -> Held:
        return self


class Elements(Expression):
    def __init__(self, lengths: tuple[Value, ...], at: Callable[[Indices], Value]) -> None:
        self.lengths, self._at = lengths, at

    def at(self, indices: Indices) -> Value:
        return self._at(indices)


class Product(Expression):
    """`left @ right`, not computed yet; its transpose is the product the other way round.

    `rows` are the primitives of it and of its transpose where only a part of it is wanted.
    """

    def __init__(self, left: Expression, right: Expression, rows: tuple[str, str] | None = None) -> None:
        self.left, self.right, self.rows = left, right, rows

    @property
    def lengths(self) -> tuple[Value, ...]:  # type: ignore[override]
        return (*self.left.lengths[:-1], *self.right.lengths[1:][-1:])

    @property
    def ndim(self) -> int:
        return self.left.ndim - (self.right.ndim == 1)

    @property
    def T(self) -> Expression:
        rows = None if self.rows is None else self.rows[::-1]
        return Product(self.right.T, self.left.T, rows) if self.ndim > 1 else self

    def held(self) -> Held:
        if self.rows is not None:
            (result,) = ARRAYS[self.rows[0]].emit(as_operand(self.left), as_operand(self.right))
            return Held(result)
        if self.left.ndim == 1:
            return multiply(self.right.T, self.left)
        return multiply(self.left, self.right)


def multiply(a: Expression, b: Expression) -> Held:
    row = ARRAYS[("matvec", "matmul", *STACKS)[b.ndim - 1]]
    (result,) = row.emit(as_operand(a), as_operand(b))
    return Held(result)


def steady(x: Any) -> Any:
    """An array that a rule reads more than once."""
    return x.held() if isinstance(x, Expression) else x


def as_operand(x: Expression) -> tuple[Value, bool]:
    held = x.held()
    if ty.is_array(held.value.type) and held.value.type.layout == "A":
        return materialised(x), False
    return held.value, held.flipped


def elementwise(function: Callable[..., Any], *operands: Any) -> Expression:
    """A scalar function of expressions of one shape; numbers and vectors are repeated along leading axes."""
    parts = [computed(x) for x in operands]
    widest = max((x for x in parts if isinstance(x, Expression)), key=lambda x: x.ndim)

    def at(indices: Indices) -> Value:
        return function(  # type: ignore[no-any-return]
            *(x.at(indices[len(indices) - x.ndim :]) if isinstance(x, Expression) else x for x in parts)
        )

    return Elements(widest.lengths, at) if widest.ndim else Held(at(()))


def computed(x: Any) -> Any:
    """The expression, after a product has been computed: each element costs little now."""
    return x.held() if isinstance(x, Product) else x


def materialised(x: Expression, dtype: Type | None = None) -> Value:
    """A new array, in C order, with the elements of an expression; a number is just the number."""
    builder = current_builder()
    if not x.ndim:
        return x.at(())
    if dtype is None:
        with Builder():
            dtype = x.at(tuple(Value("", ty.int64) for _ in range(x.ndim))).type
    start = builder.emit("alloc", x.lengths, ty.array(dtype, x.ndim), {"fill": "empty"})
    return with_elements("store", start, x)


def added(array: Value, x: Expression) -> Value:
    """The array with the elements of an expression added to its own, in place."""
    return with_elements("accum", array, x)


def with_elements(update: str, array: Value, x: Expression) -> Value:
    """The array after an update of all its elements by those of an expression."""

    def updated(builder: Builder, held: Value, indices: Indices) -> Value:
        element = x.at(indices)
        if not ty.is_complex(held.type.dtype):
            element = real_part(element)
        if element.type != held.type.dtype:
            element = builder.emit("cast", (element,), held.type.dtype)
        return builder.emit(update, (held, *indices, element), held.type, name=held.name)

    return nest_over(current_builder(), array, x.lengths, updated)


def summed(x: Expression) -> Value:
    """The sum of the elements of an expression."""
    with Builder():
        dtype = x.at(tuple(Value("", ty.int64) for _ in x.lengths)).type
    start = constant(0.0, dtype)
    return nest_over(current_builder(), start, x.lengths, lambda _, total, indices: total + x.at(indices))


__all__ = [
    "ARRAYS",
    "STACKS",
    "ArrayPrimitive",
    "Elements",
    "Expression",
    "Held",
    "Indices",
    "Product",
    "added",
    "computed",
    "exchanged",
    "materialised",
    "sharing",
    "steady",
    "summed",
    "whole",
]
