"""Let every array that a derivative returns be its own.

f_jvp(x, x_dot) { return x x_dot }    ->    f_jvp(x, x_dot) { x' = copy x; x_dot' = copy x_dot; return x' x_dot' }
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Function, Value


def own_results(function: Function) -> Function:
    """Copy results that are parameters, or the same array as another result."""
    structure = find_structure(function.body)
    taken = {structure.storage(p) for p in function.parameters if ty.is_array(p.type)}
    results: list[Value] = []
    with Builder() as builder:
        for value in function.results:
            if ty.is_array(value.type):
                if structure.storage(value) in taken:
                    value = builder.emit("copy", (value,), ty.owned(value.type), name=value.name)
                taken.add(structure.storage(value))
            results.append(value)
    body = replace(function.body, ops=(*function.body.ops, *builder.ops), results=tuple(results))
    return replace(function, body=body)


__all__ = ["own_results"]
