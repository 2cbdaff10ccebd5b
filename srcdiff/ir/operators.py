"""Python operators on IR values: `x * y` emits a `mul` into the block that is being built.

With them a derivative rule reads as mathematics (`lambda g, ans, x: g * cos(x)`) and still is source.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .builder import Builder
    from .core import Value

open_builders: ContextVar[tuple[Builder, ...]] = ContextVar("open_builders", default=())


def current_builder() -> Builder:
    """The innermost block under construction."""
    return open_builders.get()[-1]


class Operators:
    """Arithmetic and comparisons of `Value`; `==` stays identity, use the primitive `eq`."""

    __slots__ = ()

    def __add__(self, other: Any) -> Value:
        return current_builder().arithmetic("add", self, other)

    def __radd__(self, other: Any) -> Value:
        return current_builder().arithmetic("add", other, self)

    def __sub__(self, other: Any) -> Value:
        return current_builder().arithmetic("sub", self, other)

    def __rsub__(self, other: Any) -> Value:
        return current_builder().arithmetic("sub", other, self)

    def __mul__(self, other: Any) -> Value:
        return current_builder().arithmetic("mul", self, other)

    def __rmul__(self, other: Any) -> Value:
        return current_builder().arithmetic("mul", other, self)

    def __truediv__(self, other: Any) -> Value:
        return current_builder().arithmetic("div", self, other)

    def __rtruediv__(self, other: Any) -> Value:
        return current_builder().arithmetic("div", other, self)

    def __pow__(self, other: Any) -> Value:
        return current_builder().arithmetic("pow", self, other)

    def __neg__(self) -> Value:
        return current_builder().arithmetic("neg", self)

    def __lt__(self, other: Any) -> Value:
        return current_builder().compare("lt", self, other)

    def __le__(self, other: Any) -> Value:
        return current_builder().compare("le", self, other)

    def __gt__(self, other: Any) -> Value:
        return current_builder().compare("gt", self, other)

    def __ge__(self, other: Any) -> Value:
        return current_builder().compare("ge", self, other)
