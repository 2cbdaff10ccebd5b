"""Write the adjoint of a function that many threads run: what is owed to arrays is added to arrays passed in.

    k(x, c, out) {              k_adjoint(x, c, out, x_bar, c_bar, out_bar) {
      v = load x i                g = load out_bar i
      y = mul v c          ->     out_bar' = store out_bar i 0.0
      out1 = store out i y        x_bar' = accum x_bar i (mul g c)
      return out1                 c_bar' = accum c_bar 0 (mul g (load x i))
    }                             return x_bar' c_bar' out_bar' }

A *shadow* is the array of what is owed to an array; the caller passes it in. It holds what is owed to the last version
of an array that the function writes, and zeros or earlier sums for the others. It is the adjoint of `reverse.py`; only
where sums begin and end differs. Reads: activity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from ..analysis.activity import find_active
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder, constant, zero
from ..ir.core import Block, Function, Op, Value
from ..ir.types import Type
from ..ir.walk import substitute
from .attach import drop_attachments
from .cotangents import Cotangents
from .reverse import Reverser, mark_loops
from .shared_memory import cleared_shadows, last_versions, with_shared_memory

OUTPUTS = ("store", "accum")


def build_shadowed_adjoint(function: Function, wrt: Sequence[int], in_place: bool) -> Function:
    """The ideal adjoint with shadows.

    Its parameters are those of the primal, then the shadows of arrays (with `in_place` also of numbers) of `wrt`. Its
    results are the value if there is one, the gradients by numbers that have no shadow, then the shadows.

    Parameters
    ----------
    function : Function
        With one scalar result, or with `in_place` none but the arrays that it writes.
    wrt : indices of parameters
    in_place : bool
        Whether what the function writes are its results, and every parameter of `wrt` has a shadow, numbers one of a
        single element. Otherwise numbers have their gradients as results.
    """
    function = replace(function, body=mark_loops(function.body, count(1)))
    independents = [function.parameters[k] for k in wrt]
    structure = find_structure(function.body)
    last = {structure.origin(v): v for v in function.results} if in_place else {}
    dependents = [v for p in independents if (v := last.get(p)) is not None]
    values = () if in_place else function.results[:1]
    active = find_active(function, independents, (*dependents, *values))
    active = with_shared_memory(active, function, structure)
    reverser = Reverser(active, function.body)
    shadows = shadows_of(function, independents, in_place)
    owed: Cotangents = {value: constant(1.0, value.type) for value in values if value in active}
    owed.update((last.get(p, p), s) for p, s in shadows.items() if ty.is_array(p.type))
    with Builder() as builder:
        shared = {a: v for a, v in last_versions(function, structure).items() if a in active}
        owed.update(zip(shared.values(), cleared_shadows(list(shared), structure), strict=True))
        reverser.block(function.body, owed)
        gradients = [reverser.settle(owed, p) for p in independents if p not in shadows]
        finals = []
        for parameter, shadow in shadows.items():
            if ty.is_array(parameter.type):
                finals.append(owed.get(parameter, shadow))
            elif parameter in owed:
                term = owed[parameter]
                finals.append(
                    builder.emit("accum", (shadow, zero(ty.int64), term), shadow.type, name=shadow.name)
                )
            else:
                finals.append(shadow)
    forward = without_outputs(function.body) if in_place else function.body
    ops = (*forward.ops, Op("reverse_sweep", (), ()), *builder.ops)
    body = Block((*function.parameters, *shadows.values()), ops, (*values, *gradients, *finals))
    name = f"{function.name}_{'adjoint' if in_place else 'grad'}"
    return drop_attachments(Function(name, body, written=len(finals)))


def shadows_of(function: Function, independents: Sequence[Value], in_place: bool) -> dict[Value, Value]:
    taken = {parameter.name for parameter in function.parameters}
    shadows = {}
    for parameter in independents:
        if in_place or ty.is_array(parameter.type):
            name = f"{parameter.name}_bar"
            while name in taken:
                name += "_bar"
            taken.add(name)
            shadows[parameter] = Value(name, shadow_type(parameter.type))
    return shadows


def shadow_type(type: Type) -> Type:
    """The type of a shadow: an array like the one it belongs to; of a number, an array of one element."""
    return ty.array(type.dtype, type.ndim, type.layout) if ty.is_array(type) else ty.array(type, 1)


def without_outputs(body: Block) -> Block:
    """The forward sweep without what it writes into parameters: the primal has done that."""
    structure = find_structure(body)
    parameters = set(body.parameters)
    gone: dict[Value, Value] = {}

    def stripped(block: Block) -> Block:
        ops = []
        for op in block.ops:
            if op.primitive in OUTPUTS and structure.origin(op.operands[0]) in parameters:
                gone[op.result] = gone.get(op.operands[0], op.operands[0])
                continue
            ops.append(replace(op, regions=tuple(map(stripped, op.regions))) if op.regions else op)
        return replace(block, ops=tuple(ops))

    return substitute(stripped(body), gone)


__all__ = ["build_shadowed_adjoint"]
