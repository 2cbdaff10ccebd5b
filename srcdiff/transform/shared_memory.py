"""What is owed to arrays in shared memory: arrays in shared memory too, which the threads of a block clear together.

    s = alloc 64                          ...
    s1 = store s t (load x i)             s_bar = alloc 64            # both in shared memory
    s2 = barrier s1                       s_bar1 = for (rank, 64, ranks; s_bar) { store 0.0 }
    y = load s2 k                  ->     s_bar2 = barrier s_bar1
                                          s_bar3 = accum s_bar2 k y_bar
                                          s_bar4 = barrier s_bar3
                                          x_bar = accum x_bar i (load s_bar4 t)

Each barrier is mirrored, so that the accesses between two barriers of the forward sweep are those between two of the
reverse sweep. An element that is stored into between two barriers is used by one thread there, else the kernel itself
has a race; so only additions, which come from reads, can meet (`analysis/meetings.py`). Reads: activity, structure.
"""

from __future__ import annotations

import math
from dataclasses import replace

from ..analysis.activity import Activity
from ..analysis.structure import Structure
from ..ir import types as ty
from ..ir.builder import Builder, constant, zero
from ..ir.core import Block, Function, Value
from ..ir.operators import current_builder

RANK = "cuda.threadIdx.x + cuda.blockDim.x * (cuda.threadIdx.y + cuda.blockDim.y * cuda.threadIdx.z)"
RANKS = "cuda.blockDim.x * cuda.blockDim.y * cuda.blockDim.z"


def with_shared_memory(active: Activity, function: Function, structure: Structure) -> Activity:
    """Activity in which an array in shared memory carries a derivative if any of its versions does.

    So every barrier has its mirror image, whichever versions the derivative passes through.
    """
    versions: dict[Value, list[Value]] = {
        op.result: [op.result] for op in function.body.ops if op.attributes.get("shared_memory")
    }
    for version in structure.roots:
        if structure.origin(version) in versions:
            versions[structure.origin(version)].append(version)
    carrying = [v for found in versions.values() if any(x in active for x in found) for v in found]
    return replace(active, varied=active.varied.union(carrying), useful=active.useful.union(carrying))


def last_versions(function: Function, structure: Structure) -> dict[Value, Value]:
    """Of each array in shared memory the version at the end."""
    found = {op.result: op.result for op in function.body.ops if op.attributes.get("shared_memory")}
    for op in function.body.ops:
        for result in op.results:
            if ty.is_array(result.type) and structure.origin(result) in found:
                found[structure.origin(result)] = result
    return found


def cleared_shadows(arrays: list[Value], structure: Structure) -> list[Value]:
    """Emit shadows of arrays in shared memory, cleared by all threads of the block."""
    if not arrays:
        return []
    builder = current_builder()
    rank = builder.emit("position", (), ty.int64, {"text": RANK, "places": (("rank", 0),)}, "rank")
    ranks = builder.emit("position", (), ty.int64, {"text": RANKS, "places": (("ranks", 0),)}, "ranks")
    cleared = [cleared_shadow(array, structure, rank, ranks) for array in arrays]
    return [builder.emit("barrier", (shadow,), shadow.type, name=shadow.name) for shadow in cleared]


def cleared_shadow(array: Value, structure: Structure, rank: Value, ranks: Value) -> Value:
    builder = current_builder()
    lengths = structure.maker[array].operands
    name = f"{array.name or 'shared'}_bar"
    attributes = {"fill": "empty", "shared_memory": True}
    shadow = builder.emit("alloc", lengths, array.type, attributes, name)
    size = math.prod(length.constant for length in lengths)
    index, held = Value("k", ty.int64), Value(name, array.type)
    with Builder(builder.location) as trip:
        places: list[Value] = []
        rest = index
        for length in reversed(lengths[1:]):
            places.insert(0, trip.emit("mod", (rest, length), ty.int64))
            rest = trip.emit("floordiv", (rest, length), ty.int64)
        stored = trip.emit("store", (held, rest, *places, zero(array.type.dtype)), array.type, name=name)
    result = Value(name, array.type)
    bounds = (rank, constant(size, ty.int64), ranks)
    builder.region("for", (*bounds, shadow), (Block((index, held), tuple(trip.ops), (stored,)),), (result,))
    return result


__all__ = ["cleared_shadows", "last_versions", "with_shared_memory"]
