"""Put known lengths of arrays and known numbers into a function.

    f(x: f64[:], n: i64) {               f(x: f64[:]) {
      m = shape axis=0 x          ->       for 0 4 1 ...        # x has 3 elements, n is 4
      t = add m 1
      for 0 t 1 ...

Loops with constant bounds have tapes of constant size, and arrays of constant size can live in the local memory of a
GPU thread. Reads: structure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import constant
from ..ir.core import Function, Value
from ..ir.walk import ops_within, substitute


def with_known(
    function: Function,
    lengths: Mapping[Value, tuple[int, ...]],
    numbers: Mapping[Value, int | float] | None = None,
) -> Function:
    """Replace lengths of parameters and of arrays made with constant ones, and parameters, by constants.

    Parameters
    ----------
    function : Function
    lengths : the shapes of array parameters
    numbers : scalar parameters and what they are; they are parameters no more
    """
    structure = find_structure(function.body)
    known = {value: constant(number, value.type) for value, number in (numbers or {}).items()}

    def length_of(array: Value, axis: int) -> int | None:
        """The length of an array as it is first made."""
        if array in lengths:
            return lengths[array][axis]
        made = structure.maker.get(array)
        if made is None or made.primitive != "alloc":
            return None
        length = made.operands[axis]
        number: int | None = known.get(length, length).constant
        return number

    for op in ops_within(function.body):
        if op.primitive == "shape":
            array, axis = op.operands[0], op.attributes["axis"]
            # Of arrays that are swapped, all must have one length.
            sources = structure.sources(array) if structure.is_mixed(array) else [structure.origin(array)]
            found = {length_of(source, axis) for source in sources}
            if len(found) == 1 and (length := found.pop()) is not None:
                known[op.result] = constant(length, ty.int64)
    body = substitute(function.body, known)
    kept = tuple(value for value in body.parameters if value not in known)
    hidden = sum(
        value not in known for value in function.parameters[len(function.parameters) - function.hidden :]
    )
    return replace(function, body=replace(body, parameters=kept), hidden=hidden)


__all__ = ["with_known"]
