"""Put functions that are called in place of the calls, where what asks needs to see what they do.

    f(x) {                        f(x) {
      t = call g x          ->      t = sin x
      return t                      return t
    }                             }

Functions that call themselves stay.
"""

from __future__ import annotations

from dataclasses import replace

from ..ir.builder import Builder
from ..ir.core import Block, Function, Value
from ..ir.inline import inline
from ..ir.walk import substitute


def put_in_place(function: Function) -> Function:
    """The function without calls, but for those of functions that call themselves."""
    replaced: dict[Value, Value] = {}

    def visit(block: Block) -> Block:
        with Builder() as builder:
            for op in block.ops:
                if op.primitive == "call" and not op.attributes["callee"].recursive:
                    found = inline(put_in_place(op.attributes["callee"].function), op.operands)
                    replaced.update(zip(op.results, found, strict=True))
                else:
                    builder.append(replace(op, regions=tuple(map(visit, op.regions))) if op.regions else op)
        return replace(block, ops=tuple(builder.ops))

    body = visit(function.body)
    if not replaced:
        return function
    for value, found in replaced.items():  # what a call gives may be the argument of the next
        while found in replaced:
            found = replaced[found]
        replaced[value] = found
    return replace(function, body=substitute(body, replaced))


__all__ = ["put_in_place"]
