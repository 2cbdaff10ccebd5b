"""Store into the array that the next trip would have replaced by a new one.

    for k in range(n):                             for k in range(n):
        new = np.empty(m)                              for i in range(m):
        for i in range(m):                  ->             u[i] = u[i] * c[i, k]
            new[i] = u[i] * c[i, k]
        u = new

`u = u * c` on whole arrays makes a new array in every trip. If each element is made of the one that it replaces, and
nothing reads that afterwards, one array does, and it swaps with no other one: what the reverse sweep reads of it can
then be one state for each trip. It must be the loop's own, and the new one as long; affine forms say so. Reads:
structure, affine forms.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ..analysis.affine import Affine
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.core import Block, Function, Op, Slot, Value, indices_of, loop_body, loop_slots
from ..ir.walk import exchanged, free_values_of, ops_of, ops_within, substitute, uses_in
from .align import same
from .interchange import is_plain_loop


def replace_in_place(function: Function) -> Function:
    """Store in place wherever that may be done."""
    while True:
        affine = Affine(find_structure(function.body))
        uses = Counter(uses_in(function.body))
        found = next(
            (
                (op, new)
                for op in ops_within(function.body)
                if op.primitive == "for"
                for slot in loop_slots(op)
                if (new := in_place(op, slot, affine, uses)) is not None
            ),
            None,
        )
        if found is None:
            return function
        loop, new = found
        function = replace(function, body=exchanged(function.body, {loop: [new]}))


def in_place(loop: Op, slot: Slot, affine: Affine, uses: Counter[Value]) -> Op | None:
    """The loop with the elements of one array stored into itself; None if it has to be a new one in each trip."""
    initial, parameter, yielded, _ = slot
    structure, body = affine.structure, loop_body(loop)
    if not ty.is_array(initial.type) or yielded is parameter or uses[initial] != 1:
        return None
    nest = next((op for op in body.ops if yielded in op.results), None)
    if nest is None or nest.primitive != "for" or uses[yielded] != 1:
        return None
    fresh = next(s[0] for s in loop_slots(nest) if s[3] is yielded)
    made, own = structure.maker.get(fresh), structure.maker.get(structure.origin(initial))
    if made is None or made not in body.ops or made.attributes != {"fill": "empty"} or uses[fresh] != 1:
        return None
    if own is None or own.primitive not in ("alloc", "copy") or fresh.type != parameter.type:
        return None
    readers = [op for op in body.ops if parameter in free_values_of(op)]
    if not readers or readers[-1] is not nest or not all(only_loads(op, parameter) for op in readers):
        return None
    if parameter in nest.operands or body.results.count(yielded) != 1:
        return None
    if parameter in body.results:  # the next trip has the old one too
        return None
    lengths = (affine.made_length(own.result, axis) for axis in range(own.result.type.ndim))
    if not all(same(affine.form(n), length) for n, length in zip(made.operands, lengths, strict=True)):
        return None
    elements = stored_elements(nest, fresh, parameter, ())
    if elements is None:
        return None
    ops = tuple(with_own(op, fresh, parameter) if op is nest else op for op in body.ops if op is not made)
    return replace(loop, regions=(Block(body.parameters, ops, body.results),))


def only_loads(op: Op, array: Value) -> bool:
    """Whether nothing is done with an array, in an op and its regions, but to load from it and to ask for its shape."""
    return all(
        inner.primitive in ("load", "shape") and inner.operands.count(array) == 1
        for inner in ops_of(op)
        if array in inner.operands
    ) and not any(array in region.results for inner in ops_of(op) for region in inner.regions)


def stored_elements(nest: Op, fresh: Value, old: Value, indices: tuple[Value, ...]) -> bool | None:
    """True if every trip of nested loops stores the element of their indices, and reads of the old array that one
    alone, before; None otherwise."""
    if not is_plain_loop(nest) or nest.operands[:3].count(old):
        return None
    body = loop_body(nest)
    indices = (*indices, body.parameters[0])
    parameter = next(p for i, p, _, _ in loop_slots(nest) if i is fresh)
    users = [op for op in body.ops if {parameter, old} & set(free_values_of(op))]
    if len(indices) < fresh.type.ndim:
        if len(users) != 1 or users[0].primitive != "for" or parameter not in users[0].operands:
            return None
        return stored_elements(users[0], parameter, old, indices)
    *loads, store = users or [nest]
    if store.primitive != "store" or store.operands[0] is not parameter or indices_of(store) != indices:
        return None
    if not all(op.primitive == "load" and op.operands == (old, *indices) for op in loads):
        return None
    return True


def with_own(nest: Op, fresh: Value, old: Value) -> Op:
    """Nested loops that store into the array that they read."""
    slots = loop_slots(nest)
    parameter = next(p for i, p, _, _ in slots if i is fresh)
    body = loop_body(nest)
    ops = tuple(
        with_own(op, parameter, old) if parameter in op.operands and op.regions else op for op in body.ops
    )
    new = substitute(replace(body, ops=ops), {old: parameter})
    operands = tuple(old if v is fresh else v for v in nest.operands)
    return replace(nest, operands=operands, regions=(new,))


__all__ = ["replace_in_place"]
