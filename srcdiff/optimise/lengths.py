"""What is known of the length of an array from how the array was made.

    F = np.zeros((4, n))
    F[0, 2] = c                     F.shape[1] is n
    for i in range(n): F[1, i] = x[i]

`made` is the op that makes each value. Reads: nothing else. Gives values, or a `shape` op of another array.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from ..ir.core import IN_PLACE, Op, Value, loop_slots
from ..primitives import ARRAYS


def known_length(op: Op, made: Mapping[Value, Op]) -> Value | None:
    """The length along an axis, `op`, as the number that the array was made with."""
    array = first_version(op.operands[0], made)
    maker = made.get(array)
    if maker is None:
        return None
    if maker.primitive == "alloc":
        axis: int = op.attributes["axis"]
        return maker.operands[axis]
    if maker.primitive == "custom":
        return known_length(replace(op, operands=(maker.operands[maker.results.index(array)],)), made)
    source = from_sources(replace(op, operands=(array,)), made)
    return known_length(source, made) if source.operands[0] is not array else None


def first_version(array: Value, made: Mapping[Value, Op]) -> Value:
    """The array before all that is stored into it, also by loops, as far as it is the same one."""
    while (op := made.get(array)) is not None:
        if op.primitive in IN_PLACE and op.primitive != "ensure":
            array = op.operands[0]
        elif op.primitive in ("for", "while"):
            initial, parameter, yielded, _ = next(slot for slot in loop_slots(op) if slot[3] is array)
            if first_version(yielded, made) is not parameter:
                break
            array = initial
        else:
            break
    return array


def from_original(op: Op, made: Mapping[Value, Op], read_only: Collection[Value]) -> Op:
    """The length of the argument that an array is a copy of, if nothing is stored into that."""
    maker = made.get(op.operands[0])
    if maker is None or maker.primitive != "copy" or maker.operands[0] not in read_only:
        return op
    return replace(op, operands=maker.operands)


def from_sources(op: Op, made: Mapping[Value, Op]) -> Op:
    """The length of what a whole array was computed from, which was there before."""
    (array,) = op.operands
    maker = made.get(array)
    if maker is not None and maker.primitive in ("zeros_like", "empty_like"):
        return from_sources(replace(op, operands=maker.operands), made)
    if maker is not None and maker.primitive in ARRAYS:
        transposed = maker.attributes.get("transposed", "")
        sources = ARRAYS[maker.primitive].source_of(
            maker.results.index(array), op.attributes["axis"], transposed
        )
        if len(sources) == 1:
            ((operand, axis),) = sources
            return from_sources(
                replace(op, operands=(maker.operands[operand],), attributes={"axis": axis}), made
            )
    return op
