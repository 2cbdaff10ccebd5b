"""Copy the arguments that a derivative would otherwise write.

def f_grad(y, n):            def f_grad(y, n):
    y[0] = 1.0         ->        y = y.copy()
                                 y[0] = 1.0
"""

from __future__ import annotations

import itertools
from dataclasses import replace

from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Function, Op, Value
from ..ir.walk import ops_within, substitute
from .dse import IGNORES_ELEMENTS


def protect_arguments(function: Function) -> Function:
    """Work on copies of the parameters that are stored into; lengths that are read first are those of the parameters,
    so that a copy can take the name."""
    structure = find_structure(function.body)
    copies: dict[Value, Value] = {}
    with Builder() as builder:
        for parameter in function.parameters:
            if ty.is_array(parameter.type) and structure.stores.get(structure.storage(parameter)):
                copies[parameter] = builder.emit(
                    "copy", (parameter,), ty.owned(parameter.type), name=parameter.name
                )
    body = function.body
    if not copies:
        return function
    lengths = tuple(itertools.takewhile(lambda op: op.primitive == "shape", body.ops))
    rest = substitute(replace(body, ops=body.ops[len(lengths) :]), copies)
    return replace(function, body=replace(rest, ops=(*lengths, *builder.ops, *rest.ops)))


def drop_copies(function: Function) -> Function:
    """Read parameters where copies of them are only read, and nothing writes the parameters."""
    structure = find_structure(function.body)
    users: dict[Value, list[Op]] = {}
    for op in ops_within(function.body):
        for value in op.operands:
            users.setdefault(value, []).append(op)
    left = set(function.results)
    for op in ops_within(function.body):
        left.update(value for region in op.regions for value in region.results)
    originals = {
        op.result: op.operands[0]
        for op in function.body.ops
        if op.primitive == "copy"
        and op.operands[0] in function.parameters
        and not structure.stores.get(structure.storage(op.operands[0]))
        and op.result not in left
        and all(
            user.primitive == "load" or user.primitive in IGNORES_ELEMENTS
            for user in users.get(op.result, ())
        )
    }
    return replace(function, body=substitute(function.body, originals))


__all__ = ["drop_copies", "protect_arguments"]
