"""Write `while` loops that count as loops over ranges.

    i = cuda.grid(1)                          for i in range(cuda.grid(1), n, cuda.gridsize(1)):
    while i < n:                     ->           ...
        ...
        i += cuda.gridsize(1)

The integer that counts must be compared with one from outside of the loop, and get the same step in each trip, which
is certainly positive; it must not be needed behind the loop. Reads: structure, threads.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ..analysis.structure import find_structure
from ..analysis.threads import SIZES, Threads
from ..ir import types as ty
from ..ir.core import Block, Function, Op, Value, leaves_early, loop_body
from ..ir.walk import defined_in, uses_in
from .fold import simplified


def write_ranges(function: Function) -> Function:
    """The function with ranges in place of the loops that count."""
    threads = Threads(function, find_structure(function.body))
    used = set(uses_in(function.body))
    return simplified(replace(function, body=visited(function.body, used, threads)))


def visited(block: Block, used: Collection[Value], threads: Threads) -> Block:
    ops = []
    for op in block.ops:
        if op.regions:
            op = replace(op, regions=tuple(visited(region, used, threads) for region in op.regions))
        ops.append(ranged(op, used, threads))
    return replace(block, ops=tuple(ops))


def ranged(op: Op, used: Collection[Value], threads: Threads) -> Op:
    if op.primitive != "while" or leaves_early(op) or op.results[0] in used or len(op.regions[0].ops) != 1:
        return op
    (test,) = op.regions[0].ops
    if op.regions[0].results != test.results or test.primitive not in ("lt", "gt"):
        return op
    counter, high = test.operands if test.primitive == "lt" else test.operands[::-1]
    if counter not in op.regions[0].parameters or high in op.regions[0].parameters:
        return op
    if counter.type != ty.int64 or high.type != ty.int64:
        return op
    k = op.regions[0].parameters.index(counter)
    body = loop_body(op)
    index, result = body.parameters[k], op.results[1 + k]
    step = step_of(index, body, threads)
    if step is None or result in used:
        return op

    def others(values: tuple[Value, ...]) -> tuple[Value, ...]:
        return (*values[:k], *values[k + 1 :])

    trip = Block((index, *others(body.parameters)), body.ops, others(body.results))
    operands = (op.operands[k], high, step, *others(op.operands))
    return replace(op, primitive="for", operands=operands, regions=(trip,), results=others(op.results[1:]))


def step_of(index: Value, body: Block, threads: Threads) -> Value | None:
    """What a trip adds to a number, if that is positive and from outside; the sum must be what the next trip gets."""
    made = next((op for op in body.ops if body.results[body.parameters.index(index)] in op.results), None)
    if made is None or made.primitive != "add" or index not in made.operands:
        return None
    step = made.operands[1] if made.operands[0] is index else made.operands[0]
    if step.is_constant:
        return step if step.constant > 0 else None
    atom = threads.atom(step)
    return step if atom is not None and atom[0] in SIZES and step not in defined_in(body) else None


__all__ = ["write_ranges"]
