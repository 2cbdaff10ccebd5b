"""Remove stores into elements that nothing reads again.

    for i in range(n - 1, -1, -1):          for i in range(n - 1, -1, -1):
        g = y_bar[i]                  ->        g = y_bar[i]
        y_bar[i] = 0.0                          x_bar[i] += g * c
        x_bar[i] += g * c

The adjoint of a store clears the element, since an earlier store may owe to it again; most elements are stored once.
A store is dead if every load that can run after it misses its element. Arrays that the next trip of a loop expects
to be zero again are left alone. Reads: structure, affine.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.affine import Overwrites
from ..analysis.structure import Structure, find_structure
from ..ir.core import Block, Function, Op, Value
from ..ir.walk import ops_within, substitute_in


def eliminate_dead_stores(function: Function) -> Function:
    structure = find_structure(function.body)
    reads = reads_of(function, structure)
    overwrites = Overwrites(structure)
    dead = {
        op
        for storage, stores in structure.stores.items()
        if storage in reads and not structure.is_mixed(storage)
        for op in stores
        if op.primitive in ("store", "accum") and is_dead(op, reads[storage], overwrites)
    }
    return replace(function, body=without(function.body, dead, {})) if dead else function


def reads_of(function: Function, structure: Structure) -> dict[Value, list[Op]]:
    """The loads and additions of every storage whose content is read in no other way."""
    found: dict[Value, list[Op]] = {storage: [] for storage in structure.stores}
    kept = [*function.parameters, *function.results]
    for op in ops_within(function.body):
        match op.primitive:
            case "load" | "accum":
                found.get(structure.storage(op.operands[0]), []).append(op)
            case "alloc" | "zeros_like" | "empty_like":
                if op.attributes.get("tape") or op.attributes.get("work"):
                    kept += op.results
            case "copy":
                kept += op.operands
            case "store" | "shape" | "for" | "while" | "if":
                pass
            case _:
                kept += [*op.operands, *op.results]
    for value in kept:
        found.pop(structure.storage(value), None)
    return found


def is_dead(op: Op, reads: list[Op], overwrites: Overwrites) -> bool:
    where = op.operands[1:-1]
    """Whether all that may read the element later misses it."""
    if not all(overwrites.affine.is_never_negative(i) for i in where):
        return False
    for read in reads:
        target = read.operands[1:] if read.primitive == "load" else read.operands[1:-1]
        if read is op:
            continue  # an addition that only feeds itself
        if not all(overwrites.affine.is_never_negative(i) for i in target):
            return False
        if not overwrites.apart(op, where, read, target):
            return False
    return True


def without(block: Block, dead: set[Op], renames: dict[Value, Value]) -> Block:
    ops = []
    for op in block.ops:
        if op in dead:
            renames[op.result] = renames.get(op.operands[0], op.operands[0])
            continue
        if op.regions:
            op = replace(op, regions=tuple(without(region, dead, renames) for region in op.regions))
        ops.append(substitute_in(op, renames))
    return replace(block, ops=tuple(ops), results=tuple(renames.get(v, v) for v in block.results))


__all__ = ["eliminate_dead_stores"]
