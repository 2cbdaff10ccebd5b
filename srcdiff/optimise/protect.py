"""Copy the arguments that a derivative would otherwise write.

def f_grad(y, n):            def f_grad(y, n):
    y[0] = 1.0         ->        y = y.copy()
                                 y[0] = 1.0
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Function, Value
from ..ir.walk import substitute


def protect_arguments(function: Function) -> Function:
    """Work on copies of the parameters that are stored into."""
    structure = find_structure(function.body)
    copies: dict[Value, Value] = {}
    with Builder() as builder:
        for parameter in function.parameters:
            if ty.is_array(parameter.type) and structure.stores.get(structure.storage(parameter)):
                copies[parameter] = builder.emit(
                    "copy", (parameter,), ty.owned(parameter.type), name=parameter.name
                )
    body = substitute(function.body, copies)
    return replace(function, body=replace(body, ops=(*builder.ops, *body.ops)))
