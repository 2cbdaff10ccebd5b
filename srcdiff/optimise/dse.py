"""Remove stores into elements that nothing reads again.

    for i in range(n):                      for i in range(n):
        g = y_bar[i]                  ->        g = y_bar[i]
        y_bar[i] = 0.0                          x_bar[i] += g * c
        x_bar[i] += g * c                   return x_bar
    return x_bar

The adjoint of a store clears the element, since an earlier store may owe to it again; most elements are stored once.
A store is dead if everything that can read the array later misses its element. Reads: structure, affine forms.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.affine import Affine
from ..analysis.overwrites import Overwrites
from ..analysis.ranges import Ranges
from ..analysis.structure import Structure, find_structure
from ..ir import types as ty
from ..ir.core import Block, Function, Op, Value, indices_of
from ..ir.walk import ops_within, substitute

IGNORES_ELEMENTS = ("shape", "zeros_like", "empty_like")


def eliminate_dead_stores(function: Function, ideal: bool = False) -> Function:
    """`ideal` : an index may be a value of a loop that has ended, of which nothing is known then."""
    structure = find_structure(function.body)
    readers = element_readers(function, structure)
    overwrites = Overwrites(structure)
    dead: dict[Value, Value] = {}
    for op in ops_within(function.body):
        if op.primitive in ("store", "accum"):
            found = readers.get(structure.storage(op.operands[0]), [])
            if found is None or (ideal and not all(is_in_scope(x, overwrites.affine) for x in (op, *found))):
                continue
            if is_dead(op, found, structure, overwrites):
                dead[op.result] = op.operands[0]
    if not dead:
        return function

    def kept(version: Value) -> Value:
        while version in dead:
            version = dead[version]
        return version

    return replace(function, body=substitute(without(function.body, dead), {v: kept(v) for v in dead}))


def element_readers(function: Function, structure: Structure) -> dict[Value, list[Op] | None]:
    """For each storage the ops that read single elements of it; None where it is read as a whole, or is given."""
    found: dict[Value, list[Op] | None] = {}
    for value in (*function.parameters, *function.results):
        if ty.is_array(value.type):
            found[structure.storage(value)] = None
    for op in ops_within(function.body):
        if op.primitive in IGNORES_ELEMENTS or op.regions:
            continue
        for k, value in enumerate(op.operands):
            if not ty.is_array(value.type) or (op.primitive == "store" and k == 0):
                continue
            storage = structure.storage(value)
            readers = found.setdefault(storage, [])
            is_part = op.primitive == "load" and ty.is_array(op.result.type)
            if op.primitive in ("load", "accum") and k == 0 and not is_part:
                if readers is not None:
                    readers.append(op)
            else:
                found[storage] = None
    return found


def is_in_scope(access: Op, affine: Affine) -> bool:
    """Whether the indices of an access are made of values that are known where it is."""
    structure = affine.structure
    around = structure.around[access]
    terms = (v for i in indices_of(access) for v, _ in affine.form(i).terms)
    return all(home == around[: len(home)] for home in map(structure.home.__getitem__, terms))


def is_dead(store: Op, readers: list[Op], structure: Structure, overwrites: Overwrites) -> bool:
    array, *where, _ = store.operands
    if structure.is_mixed(array):
        return False
    origin = structure.origin(array)
    made = structure.maker.get(origin)
    if made is None or origin not in made.results:
        return False
    # In another trip of a loop around its allocation the array is another one.
    loops = [op for op in structure.home[origin] if op.primitive in ("for", "while")]
    ranges = Ranges(overwrites.affine)

    def is_not_negative(i: Value, access: Op) -> bool:
        """As the loops and the conditions around an access have it."""
        affine = overwrites.affine
        if affine.is_never_negative(i):
            return True
        around = structure.around[access]
        for guard, inner in zip(around, (*around, access)[1:], strict=True):
            if guard.primitive == "if":
                for fact in ranges.follows(guard.operands[0], structure.arm[inner] == 0):
                    if affine.is_not_negative(affine.form(i) - fact):
                        return True
        return False

    return overwrites.misses(store, tuple(where), readers, loops[-1] if loops else None, is_not_negative)


def without(block: Block, dead: dict[Value, Value]) -> Block:
    ops = tuple(
        replace(op, regions=tuple(without(region, dead) for region in op.regions)) if op.regions else op
        for op in block.ops
        if not (op.primitive in ("store", "accum") and op.result in dead)
    )
    return replace(block, ops=ops)


__all__ = ["eliminate_dead_stores"]
