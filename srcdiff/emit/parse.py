"""Read the dump of the IR back: `show(parse_ir(text)) == text`.

    f(x: f64) {                  Function("f", Block((x,), (mul,), (y,)))
      y = mul x 2.0       ->
      return y
    }

The dump gives the types of parameters; those of other values follow from the operands. It does not say what an
array is made of that an `alloc`, `cast` or `opaque` makes: float64 is taken. Locations are not in it either.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..ir import types as ty
from ..ir.builder import constant
from ..ir.core import IN_PLACE, Block, Function, Op, Value
from ..ir.types import Type
from ..primitives import ARRAYS, REGISTRY

RESULTS = re.compile(r"((?:[^\s='\"]+ )+)= (.*)")
REGION = re.compile(r"(.*?) ?\{(?: \(([^()]*)\))?")
ATTRIBUTE = re.compile(r"(\w+)=('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|True|False|-?\d+)(?: |$)")
HEADER = re.compile(r"(\w+)\((.*)\) \{")
PARAMETER = re.compile(r"([^\s:,]+): (\w+(?:\[[^\]]*\])?)")
SCALARS = {
    "bool": ty.boolean,
    **{ty.name_of(type): type for type in map(ty.from_dtype, map(np.dtype, "bhilBHILfdFD"))},
}
LIKE_FIRST = (*IN_PLACE, "stop_gradient")


def parse_ir(text: str) -> Function:
    """The function that a dump shows.

    Parameters
    ----------
    text : str
        What `show` gives.

    Returns
    -------
    Function

    Raises
    ------
    ValueError
        With the line that cannot be read.

    Examples
    --------
    >>> from srcdiff.emit.show import show
    >>> text = "f(x: f64) {\\n  t1 = sin x\\n  return t1\\n}"
    >>> show(parse_ir(text)) == text
    True
    """
    return Parser(text.strip().splitlines()).function()


class Parser:
    def __init__(self, lines: list[str]) -> None:
        self.lines = [line.strip() for line in lines]
        self.at = 0
        self.values: dict[str, Value] = {}
        self.unnamed = 0

    # --------------------------------------------------------------------------------------------- lines

    def line(self) -> str:
        self.at += 1
        return self.lines[self.at - 1]

    def ahead(self) -> str:
        return self.lines[self.at] if self.at < len(self.lines) else "}"

    def matched(self, pattern: re.Pattern[str], text: str) -> re.Match[str]:
        found = pattern.fullmatch(text)
        if found is None:
            raise ValueError(f"line {self.at} of the dump cannot be read: {text}")
        return found

    # -------------------------------------------------------------------------------------------- values

    def define(self, token: str, type: Type) -> Value:
        """A new value. `t3` as the third of that kind had no name, `x.2` is one more `x`."""
        name, _, number = token.rpartition(".")
        name = name if name and number.isdigit() else token
        if token == f"t{self.unnamed + 1}":
            self.unnamed += 1
            name = ""
        self.values[token] = Value(name, type)
        return self.values[token]

    def used(self, token: str) -> Value:
        if token in self.values:
            return self.values[token]
        if token in ("inf", "-inf", "nan"):
            return constant(float(token), ty.float64)
        try:
            # Read as Python would, `(-0-1j)` were a difference of which the real part is 0.0.
            number = (
                complex(token.strip("()")) if token.rstrip(")").endswith("j") else ast.literal_eval(token)
            )
        except (ValueError, SyntaxError):
            raise ValueError(f"line {self.at} of the dump reads `{token}`, which is not defined") from None
        return constant(number, natural_type(number))

    def all_used(self, text: str) -> tuple[Value, ...]:
        return tuple(map(self.used, text.split()))

    def all_defined(self, tokens: Iterable[str], types: Sequence[Type]) -> tuple[Value, ...]:
        return tuple(map(self.define, tokens, types))

    # ---------------------------------------------------------------------------------------------- ops

    def function(self) -> Function:
        name, spec = self.matched(HEADER, self.line()).groups()
        parameters = tuple(self.define(token, parsed_type(type)) for token, type in PARAMETER.findall(spec))
        ops = self.ops("return")
        results = self.all_used(self.line().removeprefix("return"))
        return Function(name, Block(parameters, ops, results))

    def ops(self, end: str) -> tuple[Op, ...]:
        """The ops up to the line that begins with `end`, or to the end of the region."""
        found = []
        while self.ahead().split(" ")[0] != end and not self.ahead().startswith("}"):
            found.append(self.op(self.line()))
        return tuple(found)

    def op(self, line: str) -> Op:
        with_results = RESULTS.fullmatch(line)
        names, head = with_results.groups() if with_results else ("", line)
        region = REGION.fullmatch(head) if head.endswith(("{", ")")) and " {" in head else None
        if region is not None:
            head = region[1]
        primitive, _, rest = head.partition(" ")
        attributes: dict[str, Any] = {}
        while found := ATTRIBUTE.match(rest):
            attributes[found[1]] = ast.literal_eval(found[2])
            rest = rest[found.end() :]
        operands = self.all_used(rest)
        if region is not None:
            return self.control(primitive, attributes, operands, names.split(), region[2] or "")
        if primitive in ARRAYS:
            types = ARRAYS[primitive].types(*(v.type for v in operands))
        else:
            operands, type = typed(primitive, operands)
            types = (type,)
        results = self.all_defined(names.split(), types)
        return Op(primitive, operands, results, (), attributes)

    def control(
        self,
        primitive: str,
        attributes: dict[str, Any],
        operands: tuple[Value, ...],
        names: list[str],
        parameters: str,
    ) -> Op:
        slots = [] if primitive == "if" else [v.type for v in operands[3 if primitive == "for" else 0 :]]
        index = [ty.int64] if primitive == "for" else []
        regions = [self.region(parameters.split(), index + slots)]
        while (line := self.line()) != "}":
            regions.append(self.region((self.matched(REGION, line[2:])[2] or "").split(), slots))
        if primitive == "if":
            slots = [value.type for value in regions[0].results]
        trips = [ty.int64] if len(names) > len(slots) else []
        results = self.all_defined(names, trips + slots)
        return Op(primitive, operands, results, tuple(regions), attributes)

    def region(self, parameters: list[str], types: list[Type]) -> Block:
        defined = self.all_defined(parameters, types)
        ops = self.ops("yield")
        yields = self.all_used(self.line().removeprefix("yield")) if not self.ahead().startswith("}") else ()
        return Block(defined, ops, yields)


def natural_type(number: Any) -> Type:
    if isinstance(number, bool):
        return ty.boolean
    return (
        ty.int64 if isinstance(number, int) else ty.complex128 if isinstance(number, complex) else ty.float64
    )


def parsed_type(text: str) -> Type:
    """The type that `name_of` spells."""
    scalar, _, axes = text.partition("[")
    if not axes:
        return SCALARS[scalar]
    layout = axes[-2] if axes[-2] in "FA" else "C"
    return ty.array(SCALARS[scalar], axes.count(":"), layout)


def of_width(value: Value, type: Type) -> Value:
    """A constant of the width of `type` if they are of one kind; `2` stays an integer beside floats."""
    alike = any(kind(value.type) and kind(type) for kind in (ty.is_integer, ty.is_float, ty.is_complex))
    return constant(value.constant, type) if alike else value


def typed(primitive: str, operands: tuple[Value, ...]) -> tuple[tuple[Value, ...], Type]:
    """The operands of an op, with constants of the type that they meet, and the type of its result."""
    row = REGISTRY.get(primitive)
    if row is not None:
        others = [v.type for v in operands if not v.is_constant]
        if others:
            operands = tuple(of_width(v, others[-1]) if v.is_constant else v for v in operands)
        return operands, row.result(*(v.type for v in operands))
    if primitive in LIKE_FIRST:
        return operands, operands[0].type
    if primitive in ("zeros_like", "empty_like", "copy"):
        array = operands[0].type
        return operands, ty.array(array.dtype, array.ndim) if ty.is_array(array) else array
    if primitive == "load":
        array = operands[0].type
        left = array.ndim - len(operands) + 1 if ty.is_array(array) else 0
        dtype = getattr(array, "dtype", array)
        return operands, ty.array(dtype, left) if left > 0 else dtype
    if primitive == "alloc":
        return operands, ty.array(ty.float64, len(operands))
    return operands, ty.int64 if primitive == "shape" else ty.float64


__all__ = ["parse_ir"]
