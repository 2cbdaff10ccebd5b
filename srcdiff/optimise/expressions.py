"""Expressions of NumPy that compute a number of each trip of a nest, for all trips at once.

    t = z[i] * x[j]        ->    np.outer(z, x)          axes (i, j)
    math.tanh(t + b[j])    ->    np.tanh(t + b)          b is repeated along i
    t * c[i]               ->    t * c[:, None]

They are written only where NumPy and Numba compute elements of the same type as the trip does. Makes ops `numpy`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Op, Value
from ..ir.types import Type
from ..primitives import REGISTRY
from .independence import StaysLoop

ATOM, LOWEST = 100, 0
ARITHMETIC = {"add", "sub", "mul", "div", "pow", "neg", "mod", "floordiv"}
COMPARISONS = {"lt", "le", "gt", "ge", "eq", "ne"}
TEXTS = {  # rows that are written otherwise on arrays, and how tightly that binds
    "abs": ("np.abs({})", ATOM),
    "modulus": ("np.abs({})", ATOM),
    "conj": ("np.conj({})", ATOM),
    "real": ("{}.real", ATOM),
    "imag": ("{}.imag", ATOM),
    "and": ("{} & {}", 7),
    "or": ("{} | {}", 5),
    "not": ("~{}", 11),
    "select": ("np.where({}, {}, {})", ATOM),
}
UNWRITTEN = {"complex", "sinc", "exp2_math", "float_power", "gcd", "lshift", "rshift", "attach", "bisection"}


@dataclass(frozen=True)
class Axis:
    """An axis of an access: at one index, or along a loop; the text of the subscript and the values in it."""

    text: str
    values: tuple[Value, ...]
    loop: Op | None = None
    is_whole: bool = False
    is_reversed: bool = False


@dataclass(frozen=True)
class Elements:
    """A number of each trip as one array: its axes are the loops that it differs in.

    `place` is where it is read from, for what is no new memory.
    """

    value: Value
    axes: tuple[Op, ...]
    place: tuple[Value, tuple[Axis, ...]] | None = None


class Expressions:
    """Appends expressions to a block under construction; the nest has these loops."""

    def __init__(self, builder: Builder, loops: Collection[Op]) -> None:
        self.builder, self.loops = builder, loops

    def numpy(
        self,
        text: str,
        operands: tuple[Value, ...],
        type: Type,
        precedence: int = ATOM,
        above: tuple[int, ...] = (),
        view: bool = False,
        name: str = "",
    ) -> Value:
        """Append an expression in NumPy; `above` is how tightly what is around each operand binds."""
        attributes = {"text": text, "precedence": precedence, "above": above, "view": view}
        return self.builder.emit("numpy", operands, type, attributes, name)

    def view(
        self, array: Value, axes: Sequence[Axis], order: tuple[Op, ...], target: tuple[Op, ...] | None = None
    ) -> Value:
        """The part of an array, with axes of length 1 where it lacks a loop of `target`."""
        target = order if target is None else target
        while target and target[0] not in order:
            target = target[1:]
        if any(axis.is_reversed for axis in axes):
            return self.reversed(array, axes, order, target)
        pieces: list[str] = []
        values: list[Value] = []
        missing = list(target)
        for axis in axes:
            while axis.loop is not None and missing[0] is not axis.loop:
                pieces.append("None")
                missing.pop(0)
            if axis.loop is not None:
                missing.pop(0)
            pieces.append(axis.text)
            values += axis.values
        pieces = trimmed(pieces + ["None"] * len(missing))
        if not pieces:
            return array
        rows = all(piece == "{}" for piece in pieces[:-1]) and pieces[-1].count(":") < 2
        is_block = rows and pieces[-1] != "None" and array.type.layout == "C"
        type = ty.array(array.type.dtype, len(target), "C" if is_block else "A")
        return self.numpy(f"{{}}[{', '.join(pieces)}]", (array, *values), type, above=(ATOM,), view=True)

    def reversed(
        self, array: Value, axes: Sequence[Axis], order: tuple[Op, ...], target: tuple[Op, ...]
    ) -> Value:
        """A part that is read backwards along some axes."""
        part = self.view(array, [replace(axis, is_reversed=False) for axis in axes], order)
        along = [axis for axis in axes if axis.loop is not None]
        pieces = trimmed(["::-1" if axis.is_reversed else ":" for axis in along])
        type = ty.array(array.type.dtype, len(order), "A")
        turned = self.numpy(f"{{}}[{', '.join(pieces)}]", (part,), type, above=(ATOM,), view=True)
        return turned if target == order else self.spread(turned, order, target)

    def copied(self, part: Elements) -> Elements:
        """The elements in memory of their own."""
        type = ty.array(part.value.type.dtype, len(part.axes))
        return Elements(self.numpy("{}.copy()", (part.value,), type, above=(ATOM,)), part.axes)

    def cast(self, part: Elements, type: Type) -> Elements:
        if ty.element(part.value.type) == type:
            return part
        if ty.is_complex(ty.element(part.value.type)) and not ty.is_complex(type):
            raise StaysLoop
        if not part.axes:
            return Elements(self.builder.emit("cast", (part.value,), type), ())
        array = ty.array(type, len(part.axes))
        text = f"{{}}.astype({ty.dtype_spelling(type)})"
        return Elements(self.numpy(text, (part.value,), array, above=(ATOM,)), part.axes)

    def joint(self, parts: Sequence[Elements]) -> tuple[Op, ...]:
        """The axes of elements that are computed from these: in the order of the one with most."""
        wide = max((part.axes for part in parts), key=len)
        others = {loop for part in parts for loop in part.axes} - set(wide)
        if not others:
            return wide
        everything = others | set(wide)
        return tuple(loop for loop in self.loops if loop in everything)

    def aligned(self, part: Elements, axes: tuple[Op, ...]) -> Value:
        """The elements with axes in this order, of length 1 where they do not differ."""
        if not part.axes or part.axes == axes[len(axes) - len(part.axes) :]:
            return part.value
        order = tuple(loop for loop in axes if loop in part.axes)
        if order == part.axes and part.place is not None:
            return self.view(*part.place, order, axes)
        value = part.value
        if order != part.axes:
            value = self.transposed(value, [part.axes.index(loop) for loop in order])
        return self.spread(value, order, axes)

    def transposed(self, value: Value, order: list[int]) -> Value:
        turned = {"C": "F", "F": "C"}.get(value.type.layout, "A")
        type = ty.array(value.type.dtype, len(order), turned if len(order) == 2 else "A")
        if len(order) == 2:
            return self.numpy("{}.T", (value,), type, above=(ATOM,), view=True)
        return self.numpy(f"np.transpose({{}}, {tuple(order)})", (value,), type, view=True)

    def spread(self, value: Value, order: tuple[Op, ...], axes: tuple[Op, ...]) -> Value:
        """The array with axes of length 1 where `axes` has more than its own, up to the first of those."""
        while axes and axes[0] not in order:
            axes = axes[1:]
        pieces = trimmed([":" if loop in order else "None" for loop in axes])
        if not pieces:
            return value
        type = ty.array(value.type.dtype, len(axes), "A")
        return self.numpy(f"{{}}[{', '.join(pieces)}]", (value,), type, above=(ATOM,), view=True)

    def combined(self, primitive: str, parts: tuple[Elements, ...], type: Type) -> Elements:
        axes = self.joint(parts)
        values = tuple(self.aligned(part, axes) for part in parts)
        if not axes:
            return Elements(self.builder.emit(primitive, values, type), ())
        row = REGISTRY[primitive]
        above = (row.precedence, row.precedence + 1)[: len(parts)]
        return Elements(self.numpy(row.text, values, ty.array(type, len(axes)), row.precedence, above), axes)

    def same_types(self, parts: Sequence[Elements], type: Type) -> None:
        if any(ty.element(part.value.type) != type for part in parts):
            raise StaysLoop

    def chosen(self, parts: Sequence[Elements], type: Type) -> Elements:
        """By a condition, what comes next or what comes last."""
        self.same_types(parts[1:], type)
        axes = self.joint(parts)
        operands = tuple(self.aligned(part, axes) for part in parts)
        return Elements(self.numpy(TEXTS["select"][0], operands, ty.array(type, len(axes))), axes)

    def elementwise(self, made: Op, parts: list[Elements], label: str) -> Elements:
        """What a row computes of each number of these; `label` is its name, if it needs one."""
        name, type = made.primitive, made.result.type
        elements = [ty.element(part.value.type) for part in parts]
        axes = self.joint(parts)
        if name in ("max", "min"):  # of two numbers, the first unless the other one is larger
            self.same_types(parts, type)
            a, b = (self.aligned(part, axes) for part in parts)
            compared = self.numpy(
                "{} > {}" if name == "max" else "{} < {}", (b, a), ty.array(ty.boolean, len(axes)), 4, (5, 5)
            )
            return Elements(self.numpy(TEXTS["select"][0], (compared, b, a), ty.array(type, len(axes))), axes)
        text, binds = array_text(name)
        if name in ("and", "or", "not", "bitand", "bitor", "bitxor", "invert"):
            if not all(map(ty.is_boolean, elements)):
                raise StaysLoop
        elif name not in ("eq", "ne") and any(map(ty.is_boolean, elements)):
            raise StaysLoop
        is_small_power = name == "pow" and parts[1].value.is_constant and ty.is_integer(elements[1])
        if is_small_power:
            elements = elements[:1]
            if ty.is_integer(type) and parts[1].value.constant < 0:
                raise StaysLoop
        if name in ("mod", "floordiv") and ty.is_integer(type):
            raise StaysLoop
        if name in COMPARISONS:
            if len(set(elements)) > 1 and not all(map(ty.is_float, elements)):
                raise StaysLoop
        else:
            arrays = [e for e, part in zip(elements, parts, strict=False) if part.axes]
            self.check_promotion(arrays, elements, type, made)
        operands = tuple(self.aligned(part, axes) for part in parts)
        above: tuple[int, ...] = ()
        if binds != ATOM:
            above = (binds + (name in COMPARISONS), binds + 1) if len(parts) == 2 else (binds,)
            if name == "pow":
                above = (binds + 1, binds)
        elif text.startswith("{}"):
            above = (ATOM,)
        if name == "mul" and [len(part.axes) for part in parts] == [1, 1] and len(axes) == 2:
            first, second = sorted(parts, key=lambda part: axes.index(part.axes[0]))
            text, operands, binds, above = "np.outer({}, {})", (first.value, second.value), ATOM, ()
        result = self.numpy(
            text, operands, ty.array(type, len(axes)), binds, above, view=name in ("real", "imag"), name=label
        )
        return Elements(result, axes)

    def check_promotion(self, arrays: list[Type], elements: list[Type], type: Type, made: Op) -> None:
        """Refuse where NumPy or Numba would compute in another type, also if numbers beside arrays are weak."""
        both = [np.result_type(*map(ty.numpy_dtype, found)) for found in (arrays, elements)]
        if made.primitive in ARITHMETIC and made.primitive != "div":
            expected = ty.numpy_dtype(type)
            if type == ty.float64 and all(map(ty.is_integer, arrays)):
                return  # beside numbers that are float64
            if any(found != expected for found in both):
                raise StaysLoop
            return
        # Functions that make floats of integers: what is computed must already be of the type.
        if any(ty.is_integer(e) for e in elements) and not ty.is_integer(type) and len(set(elements)) == 1:
            if type != ty.float64 and not ty.is_boolean(type):
                raise StaysLoop
            return
        if both[0] != both[1]:
            raise StaysLoop

    def summed(self, part: Elements, over: tuple[Op, ...]) -> Elements:
        """The sum over trips of some loops."""
        type = ty.element(part.value.type)
        if not (ty.is_float(type) or ty.is_complex(type) or type == ty.int64):
            raise StaysLoop
        if set(part.axes) == set(over):
            return Elements(self.numpy("np.sum({})", (part.value,), type), ())
        summed, axes = part.value, part.axes
        for loop in over:
            k = axes.index(loop)
            axes = axes[:k] + axes[k + 1 :]
            summed = self.numpy(f"np.sum({{}}, axis={k})", (summed,), ty.array(type, len(axes)))
        return Elements(summed, axes)

    def contracted(self, parts: Sequence[Elements], loop: Op, type: Type) -> Elements | None:
        """The sum over a loop of a product of factors that share nothing but that loop, as `@`."""
        along = [part for part in parts if loop in part.axes]
        others = [part for part in parts if loop not in part.axes]
        free = [tuple(a for a in part.axes if a is not loop) for part in along]
        sides = list(dict.fromkeys(f for f in free if f))
        if not sides or len(sides) > 2 or any(len(side) > 1 for side in sides) or len(along) < 2:
            return None
        plain = [part for part, f in zip(along, free, strict=True) if not f]
        if len(sides) == 1 and not plain:
            return None
        if any(len(part.axes) > 1 or (part.axes and part.axes not in sides) for part in others):
            return None
        groups = [[p for p, f in zip(along, free, strict=True) if f == side] for side in sides]
        if len(sides) == 2:
            groups[0 if len(groups[0]) > 1 else 1] += plain
        else:
            groups.append(plain)
        for part in reversed(others):  # each term has these factors, also where there is no term
            groups[sides.index(part.axes) if part.axes else -1].insert(0, part)
        left, right = (self.multiplied(group, type) for group in groups)
        axes = tuple(a for side in sides for a in side)
        if len(sides) == 1:
            result = self.matrix_times_vector(left, right, loop, type)
        else:
            result = self.product(left, right, loop, type)
        if result is None:
            return None
        return Elements(result, axes)

    def multiplied(self, parts: Sequence[Elements], type: Type) -> Elements:
        product = parts[0]
        for part in parts[1:]:
            product = self.combined("mul", (product, part), type)
        return product

    def matrix_times_vector(self, matrix: Elements, vector: Elements, loop: Op, type: Type) -> Value | None:
        m = matrix.value if matrix.axes[1] is loop else self.transposed(matrix.value, [1, 0])
        return self.matmul(m, vector.value, 1, type)

    def product(self, left: Elements, right: Elements, loop: Op, type: Type) -> Value | None:
        a = left.value if left.axes[1] is loop else self.transposed(left.value, [1, 0])
        b = right.value if right.axes[0] is loop else self.transposed(right.value, [1, 0])
        return self.matmul(a, b, 2, type)

    def matmul(self, a: Value, b: Value, rank: int, type: Type) -> Value | None:
        """Numba multiplies matrices that lie in memory without gaps."""
        if "A" in (a.type.layout, b.type.layout):
            return None
        return self.numpy("{} @ {}", (a, b), ty.array(type, rank), 10, (10, 11))


def trimmed(pieces: list[str]) -> list[str]:
    """The pieces of a subscript without whole axes at its end."""
    last = max((k for k, piece in enumerate(pieces) if piece != ":"), default=-1)
    return pieces[: last + 1]


def array_text(name: str) -> tuple[str, int]:
    """How a row is written for arrays, and how tightly that binds."""
    if name in TEXTS:
        return TEXTS[name]
    row = REGISTRY.get(name)
    if row is None or name in UNWRITTEN:
        raise StaysLoop
    if row.precedence != ATOM:
        return row.text, row.precedence
    ufunc = next((f for f in row.spellings if isinstance(f, np.ufunc)), None)
    if ufunc is None:
        raise StaysLoop
    return f"np.{ufunc.__name__}({', '.join(['{}'] * row.arity)})", ATOM


__all__ = ["ATOM", "Axis", "Elements", "Expressions", "array_text", "trimmed"]
