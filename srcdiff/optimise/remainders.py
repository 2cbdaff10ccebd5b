"""Remainders in loops as those of unsigned integers, where neither the number nor its divisor is negative.

    for i in range(m):                     for i in range(m):
        total += x[i * k % n]     ->           total += x[np.int64(np.uint64(i * k) % np.uint64(n))]

What is left of a signed division has the sign of the number, in Python that of the divisor: it is corrected, and the
division itself is slower. Divisors that are constants are multiplications anyway. Reads: affine forms, ranges.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.affine import Affine
from ..analysis.ranges import Ranges
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Block, Function, Op


def take_unsigned_remainders(function: Function) -> Function:
    affine = Affine(find_structure(function.body))
    ranges = Ranges(affine)

    def is_unsigned(op: Op) -> bool:
        if op.primitive != "mod" or op.result.type != ty.int64 or op.operands[1].is_constant:
            return False
        if not any(outer.primitive in ("for", "while") for outer in affine.structure.around[op]):
            return False
        return all(ranges.is_never_negative(x, op) for x in op.operands)

    def visited(block: Block) -> Block:
        ranges.open()
        with Builder() as builder:
            for op in block.ops:
                if is_unsigned(op):
                    builder.location = op.location
                    parts = tuple(builder.emit("cast", (x,), ty.uint64) for x in op.operands)
                    rest = builder.emit("mod", parts, ty.uint64)
                    builder.append(replace(op, primitive="cast", operands=(rest,)))
                else:
                    builder.append(replace(op, regions=tuple(map(visited, op.regions))))
                ranges.learn(op)
        ranges.close()
        return replace(block, ops=tuple(builder.ops))

    return replace(function, body=visited(function.body))


__all__ = ["take_unsigned_remainders"]
