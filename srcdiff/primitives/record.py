"""What a primitive is: one row with all its facts, and the registry of rows.

    sin = elementwise("sin", (math.sin, np.sin), "math.sin({})", lambda g, ans, x: g * cos(x), points=[(0.3,)])

A rule gets the cotangent `g`, the result and the operands, and returns what is owed to one operand. For an
elementwise primitive the same rule applied to a tangent gives that operand's share of the result's tangent.
Calling a row on numbers evaluates it; calling it on IR values emits it.

Complex numbers. What is owed to `z = x + 1j * y` is `dL/dx - 1j * dL/dy`, so that `dL = Re(owed * dz)`, as in JAX. Then
the rule of a function with a complex derivative is the same in both modes and the same as for reals, `g * f'(z)`, with
no conjugate anywhere: matrix rules keep their plain transposes, too. Between real inputs and a real result
every convention gives the same. A real operand beside complex ones is owed the real part of what its rule says, which
the reverse walk takes. Rows without a complex derivative (`abs`, `real`, `conj`) are in `complex_numbers.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..ir import types as ty
from ..ir.builder import beside
from ..ir.core import Op, Value
from ..ir.operators import current_builder
from ..ir.types import Type

Rule = Callable[..., Any]

ZERO = "zero derivative"
NONE = "not differentiable"


@dataclass(frozen=True, eq=False)
class Primitive:
    """One row.

    Attributes
    ----------
    name : the name in the IR.
    spellings : the Python callables that mean it, SciPy's by their names.
    text : how generated source writes it, `{}` for each operand.
    result : the type of the result from the operand types.
    rules : one rule for each operand; None for an operand with zero derivative. `ZERO` or `NONE` for the whole row.
    alone : the rules to use when one operand only is active (kinks at ties), if they differ.
    tangents : for a row without a complex derivative, the share of each operand's tangent in that of the result.
    evaluate : the primitive on numbers.
    points : sample operands at which the registry test checks the row.
    complex_points : the same with complex ones among them. A row without them refuses complex operands.
    precedence : of `text` as Python expression; 100 is a call.
    cost : rough cost of evaluating it again, in additions; residual placement recomputes what is cheap.
    """

    name: str
    spellings: tuple[Any, ...]
    text: str
    result: Callable[..., Type]
    rules: tuple[Rule | None, ...] | str
    evaluate: Callable[..., Any]
    alone: tuple[Rule | None, ...] | None = None
    points: Sequence[tuple[float, ...]] = ()
    precedence: int = 100
    cost: int = 20
    arity: int = 1
    doc: str = ""
    attributes: tuple[str, ...] = field(default=())
    complex_points: Sequence[tuple[complex, ...]] = ()
    tangents: tuple[Rule | None, ...] | None = None

    def __call__(self, *operands: Any) -> Any:
        typed = [x.type for x in operands if isinstance(x, Value)]
        if not typed:
            return self.evaluate(*operands)
        values = [x if isinstance(x, Value) else beside(x, typed[0]) for x in operands]
        return current_builder().emit(self.name, values, self.result(*(x.type for x in values)))

    def text_of(self, *types: Type) -> str:
        """How generated source writes it for operands of these types: `math` knows real numbers only."""
        if "math." in self.text and any(map(ty.is_complex, types)):
            ufunc = next(f for f in self.spellings if isinstance(f, np.ufunc))
            return f"np.{ufunc.__name__}({', '.join(['{}'] * self.arity)})"
        return self.text


REGISTRY: dict[str, Primitive] = {}
BY_SPELLING: dict[Any, Primitive] = {}


def register(row: Primitive) -> Primitive:
    assert row.name not in REGISTRY, row.name
    REGISTRY[row.name] = row
    for spelling in row.spellings:
        BY_SPELLING[spelling] = row
    return row


def name_in_scipy(target: Any) -> str:
    """`scipy.special.erf` for that function; empty for others. SciPy is looked at only where the user imported it."""
    name = getattr(target, "__name__", None)
    for path in ("scipy.special", "scipy.linalg"):
        module = sys.modules.get(path)
        if module is not None and isinstance(name, str) and getattr(module, name, None) is target:
            return f"{path}.{name}"
    return ""


def row_of(target: Any) -> Primitive | None:
    """The primitive that a callable means."""
    try:
        return BY_SPELLING.get(target) or BY_SPELLING.get(name_in_scipy(target))
    except TypeError:  # not hashable
        return None


def local_rules(
    row: Primitive, op: Op, live: Sequence[bool], rules: tuple[Rule | None, ...] | str
) -> tuple[Rule | None, ...]:
    """The rules of an op of this row, of which the operands that are `live` carry a derivative: usually `rules`."""
    assert not isinstance(rules, str)
    if op.attributes.get("guard"):
        return None, None, lambda g, ans, c, a, b: g
    return row.alone if row.alone is not None and sum(live) == 1 else rules


def float_result(*types: Type) -> Type:
    """The result type of `np.sin` and its like."""
    type = ty.as_float(types[0])
    for other in types[1:]:
        type = ty.promote(type, ty.as_float(other))
    return type


def same_result(*types: Type) -> Type:
    """The result type of `+` and its like: the operands' promoted type; booleans count as integers."""
    type = types[0]
    for other in types[1:]:
        type = ty.promote(type, other)
    return ty.int64 if ty.is_boolean(type) else type


def boolean_result(*_: Type) -> Type:
    return ty.boolean


def integer_result(*_: Type) -> Type:
    return ty.int64


def elementwise(
    name: str,
    spellings: tuple[Any, ...],
    text: str,
    *rules: Rule | str | None,
    points: Sequence[tuple[float, ...]] = (),
    result: Callable[..., Type] = float_result,
    evaluate: Callable[..., Any] | None = None,
    alone: tuple[Rule | None, ...] | None = None,
    complex_points: Sequence[tuple[complex, ...]] = (),
    tangents: tuple[Rule | None, ...] | None = None,
    precedence: int = 100,
    cost: int = 20,
    doc: str = "",
) -> Primitive:
    """Register a row that maps scalars to a scalar."""
    whole = rules[0] if rules and isinstance(rules[0], str) else rules
    return register(
        Primitive(
            name,
            spellings,
            text,
            result,
            whole,  # type: ignore[arg-type]
            evaluate or next(f for f in reversed(spellings) if callable(f)),
            alone,
            points,
            precedence,
            cost,
            text.count("{"),
            doc,
            complex_points=complex_points,
            tangents=tangents,
        )
    )


UNARY_COMPLEX = [(0.3 + 0.4j,), (-1.2 + 0.7j,), (0.8 - 1.5j,), (-0.6 - 0.9j,)]
BINARY_COMPLEX = [(0.3 + 0.4j, -1.2 + 0.7j), (0.8 - 1.5j, 0.6 - 0.2j), (-0.4 + 0.9j, 0.7), (0.7, -0.4 + 0.9j)]


def number(value: Any) -> Any:
    """NumPy scalars as Python numbers, so that folding gives plain constants."""
    return value.item() if isinstance(value, np.generic) else value
