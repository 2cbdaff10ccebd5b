"""Put the body of one function into another."""

from __future__ import annotations

from collections.abc import Sequence

from .core import Function, Value
from .operators import current_builder
from .walk import rename_op


def inline(function: Function, arguments: Sequence[Value]) -> tuple[Value, ...]:
    """Append a copy of the ops of `function`, its parameters replaced; gives what its results are here."""
    mapping = dict(zip(function.parameters, arguments, strict=True))
    builder = current_builder()
    for op in function.body.ops:
        builder.append(rename_op(op, mapping))
    return tuple(mapping.get(result, result) for result in function.results)


__all__ = ["inline"]
