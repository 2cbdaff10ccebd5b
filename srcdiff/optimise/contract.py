"""Keep in numbers the arrays whose elements are read only in the trip that stores them and in the next one.

    k[0] = x[0]                                  previous = x[0]
    for i in range(1, n):                        for i in range(1, n):
        k[i] = x[i] * k[i - 1]          ->           here = x[i] * previous
        s += k[i] * k[i - 1]                         s += here * previous
                                                     previous = here

An array is contracted only if nothing is left that reads it. Loops that are joined leave many such arrays; in the
adjoint there is none to clear, to fill with cotangents or to record. Reads: structure, affine forms.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ..analysis.affine import Affine
from ..analysis.structure import find_structure
from ..ir.builder import Builder
from ..ir.core import Block, Function, Op, Value, indices_of, leaves_early, loop_body, loop_slots
from ..ir.walk import exchanged, ops_within, substitute
from .align import at_first, is_next
from .fold import simplified


def contract_arrays(function: Function) -> Function:
    """Contract the arrays that vanish by it."""
    affine = Affine(find_structure(function.body))
    for made in [op.result for op in ops_within(function.body) if op.primitive == "alloc"]:
        if made not in affine.structure.maker or affine.structure.is_mixed(made):
            continue
        carrying = {
            op: found
            for op in ops_within(function.body)
            if op.primitive == "for" and (found := carried(op, made, affine)) is not None
        }
        if carrying:
            contracted = simplified(replace(function, body=exchanged(function.body, carrying)))
            if not any(made in op.results for op in ops_within(contracted.body)):
                function, affine = contracted, Affine(find_structure(contracted.body))
    return function


def carried(loop: Op, made: Value, affine: Affine) -> list[Op] | None:
    """The loop that carries what the trip before has stored into an array, behind the load of what it starts from."""
    structure, body, step = affine.structure, loop_body(loop), loop.operands[2]
    if leaves_early(loop) or not (step.is_constant and step.constant == 1):
        return None
    slot = next((s for s in loop_slots(loop) if structure.origin(s[0]) is made), None)
    accesses = None if slot is None else accesses_of(body, slot[1])
    if slot is None or accesses is None:
        return None
    stores = [op for op in accesses if op.primitive == "store"]
    if len(stores) != 1 or not all(affine.is_never_negative(i) for op in accesses for i in indices_of(op)):
        return None
    (store,) = stores
    index = body.parameters[0]
    loads = [op for op in accesses if op.primitive == "load" and is_next(op, store, index, affine)]
    if not loads:
        return None
    inside = {*body.parameters, *(result for op in body.ops for result in op.results)}
    low = affine.form(loop.operands[0])
    where = [at_first(i, index, low, inside, affine) for i in indices_of(loads[0])]
    if any(i is None for i in where):
        return None
    dtype = made.type.dtype
    name = loads[0].result.name or (f"{made.name}_previous" if made.name else "")
    with Builder(loop.location) as above:
        initial = above.emit("load", (slot[0], *(i for i in where if i is not None)), dtype, name=name)
    parameter = Value(name, dtype)
    stored = store.operands[-1]
    ops = tuple(op for op in body.ops if op not in loads)
    if stored.type != dtype:
        with Builder(store.location) as tail:
            stored = tail.emit("cast", (stored,), dtype)
        ops = (*ops, *tail.ops)
    replaced = {load.result: parameter for load in loads}
    new = Block((*body.parameters, parameter), ops, (*body.results, stored))
    carrying = replace(
        loop,
        operands=(*loop.operands, initial),
        regions=(substitute(new, replaced),),
        results=(*loop.results, Value(name, dtype)),
    )
    return [*above.ops, carrying]


def accesses_of(body: Block, start: Value, kinds: Collection[str] = ("load", "store")) -> list[Op] | None:
    """The accesses to an array in a trip; None if it is used in another way, or by loops inside."""
    versions = {start}
    found: list[Op] = []
    for op in body.ops:
        if op.regions:
            return None
        if not any(v in versions for v in op.operands):
            continue
        if op.primitive not in kinds or any(v in versions for v in op.operands[1:]):
            return None
        if len(indices_of(op)) < start.type.ndim:
            return None
        found.append(op)
        if op.primitive != "load":
            versions.add(op.result)
    return found


__all__ = ["contract_arrays"]
