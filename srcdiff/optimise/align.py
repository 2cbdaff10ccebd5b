"""Make loops that may be joined of two that start a trip apart, or of which the first reads elements twice.

    for i in range(1, n):                        previous = y[0]
        k[i] = y[i - 1] * (x[i] - y[i])          for i in range(1, n):
    for i in range(n):                               here = y[i]
        y[i] = y[i] + k[i]                 ->        k[i] = previous * (x[i] - here)
                                                     previous = here
                                                 y[0] = y[0] + k[0]
                                                 for i in range(1, n):
                                                     y[i] = y[i] + k[i]

An element that the trip before has read as well is carried in a number: nothing reads it any more when the other loop
stores into it. Trips that only one of the loops makes are made in front of it, if they are certainly made: lengths
say so, and elements that have been read or stored before, since indices are checked. Reads: affine forms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..analysis.affine import Affine, Linear
from ..ir import types as ty
from ..ir.builder import constant
from ..ir.core import Block, Op, Value, indices_of, loop_body, loop_slots
from ..ir.walk import rename, substitute

MOST_PEELED = 2

Aligned = tuple[list[Op], Op, list[Op], Op]


def align_loops(first: Op, second: Op, touched: Sequence[Op], affine: Affine) -> Aligned | None:
    """Align two loops whose trips do not wait for each other.

    Parameters
    ----------
    first, second : Op
        Two `for` of step 1.
    touched : sequence of Op
        Loads and stores that have certainly been made before.
    affine : Affine

    Returns
    -------
    tuple or None
        The ops in front of the first loop, that loop, the ops in front of the second, that loop. None if there is
        nothing to align, or it cannot be.
    """
    known = Known(touched, affine)
    above: list[Op] = []
    middle: list[Op] = []
    if not same(affine.form(first.operands[1]), affine.form(second.operands[1])):
        return None
    lows = first.operands[0], second.operands[0]
    if not all(low.is_constant for low in lows):
        return None
    ahead = lows[1].constant - lows[0].constant
    if abs(ahead) > MOST_PEELED:
        return None
    early = first if ahead > 0 else second
    if ahead and not known.is_positive(trips(early, affine) - Linear((), abs(ahead) - 1)):
        return None
    carried = carry_reads(first, stored_by(second, affine), known)
    if carried is not None and ahead <= 0:
        loads, first = carried
        above += loads
    elif not ahead:
        return None
    for _ in range(abs(ahead)):
        if ahead > 0:
            made, first = peeled(first)
            above += made
        else:
            made, second = peeled(second)
            middle += made
    return above, first, middle, second


class Known:
    """What follows from accesses that have been made: their elements exist."""

    def __init__(self, touched: Sequence[Op], affine: Affine) -> None:
        self.affine = affine
        self.facts = [  # forms that are at least 1
            affine.length(op.operands[0], axis) - affine.form(i)
            for op in touched
            for axis, i in enumerate(indices_of(op))
            if affine.is_never_negative(i)
        ]

    def is_positive(self, form: Linear) -> bool:
        """Whether a form is certainly at least 1."""
        if self.affine.is_positive(form):
            return True
        return any(self.affine.is_not_negative(form - fact) for fact in self.facts)


def trips(loop: Op, affine: Affine) -> Linear:
    return affine.form(loop.operands[1]) - affine.form(loop.operands[0])


def same(a: Linear, b: Linear) -> bool:
    difference = a - b
    return not difference.terms and not difference.constant


def stored_by(loop: Op, affine: Affine) -> set[Value]:
    structure = affine.structure
    return {structure.storage(op.operands[0]) for op in loop_body(loop).ops if op.primitive == "store"}


# ----------------------------------------------------------------------------------------------------- trips


def peeled(loop: Op) -> tuple[list[Op], Op]:
    """The ops of the first trip, and the loop of the others."""
    low, *bounds = loop.operands[:3]
    body, slots = loop_body(loop), loop_slots(loop)
    given = {body.parameters[0]: low, **{parameter: initial for initial, parameter, _, _ in slots}}
    trip = rename(substitute(Block((), body.ops, body.results), given), {})
    following = constant(low.constant + 1, low.type)
    return list(trip.ops), replace(loop, operands=(following, *bounds, *trip.results))


# ----------------------------------------------------------------------------------------------------- reads


def carry_reads(loop: Op, storages: set[Value], known: Known) -> tuple[list[Op], Op] | None:
    """The loads of what the first trip is given, and the loop that carries what the trip before has read of arrays."""
    affine, body = known.affine, loop_body(loop)
    index = body.parameters[0]
    low = affine.form(loop.operands[0])
    storages = storages - stored_by(loop, affine)
    loads = [
        op
        for op in body.ops
        if op.primitive == "load" and affine.structure.storage(op.operands[0]) in storages
    ]
    inside = {*body.parameters, *(result for op in body.ops for result in op.results)}
    above: list[Op] = []
    slots: list[tuple[Value, Value, Value]] = []  # (initial, parameter, yielded)
    replaced: dict[Value, Value] = {}
    for load in loads:
        ahead = next((op for op in loads if is_next(load, op, index, affine)), None)
        if ahead is None or load.operands[0] in inside:
            continue
        twin = next((op for op in loads if op.result in replaced and is_same(load, op, affine)), None)
        if twin is not None:
            replaced[load.result] = replaced[twin.result]
            continue
        where = [at_first(i, index, low, inside, affine) for i in indices_of(load)]
        array, type = load.operands[0], load.result.type
        if any(i is None or not exists(array, axis, i, known) for axis, i in enumerate(where)):
            continue
        name = load.result.name or (f"{array.name}_previous" if array.name else "")
        initial, parameter = Value(name, type), Value(name, type)
        places = (i for i in where if i is not None)
        above.append(Op("load", (array, *places), (initial,), (), {}, load.location))
        slots.append((initial, parameter, ahead.result))
        replaced[load.result] = parameter
    if not slots:
        return None
    kept = tuple(op for op in body.ops if not any(result in replaced for result in op.results))
    yields = (*body.results, *(yielded for _, _, yielded in slots))
    new = substitute(Block((*body.parameters, *(p for _, p, _ in slots)), kept, yields), replaced)
    results = (*loop.results, *(Value(p.name, p.type) for _, p, _ in slots))
    operands = (*loop.operands, *(initial for initial, _, _ in slots))
    return above, replace(loop, operands=operands, regions=(new,), results=results)


def is_next(load: Op, other: Op, index: Value, affine: Affine) -> bool:
    """Whether a load finds what the other one has found in the trip before, and not in its own."""
    if affine.structure.storage(load.operands[0]) is not affine.structure.storage(other.operands[0]):
        return False
    following = Linear(((index, 1),), 1)
    pairs = [
        (affine.form(i), affine.form(j)) for i, j in zip(indices_of(load), indices_of(other), strict=True)
    ]
    return any(i.coefficient(index) for i, _ in pairs) and all(
        same(i.replaced(index, following), j) for i, j in pairs
    )


def is_same(a: Op, b: Op, affine: Affine) -> bool:
    """Whether two loads are of one element, in every trip."""
    return affine.structure.storage(a.operands[0]) is affine.structure.storage(b.operands[0]) and all(
        same(affine.form(i), affine.form(j)) for i, j in zip(indices_of(a), indices_of(b), strict=True)
    )


def at_first(i: Value, index: Value, low: Linear, inside: set[Value], affine: Affine) -> Value | None:
    """What an index of the body is in the first trip; None if that has to be computed."""
    if i not in inside:
        return i
    form = affine.form(i).replaced(index, low)
    return None if form.terms else constant(form.constant, ty.int64)


def exists(array: Value, axis: int, i: Value, known: Known) -> bool:
    """Whether an index is certainly one of an axis, counted from the start."""
    affine = known.affine
    inside = known.is_positive(affine.length(array, axis) - affine.form(i))
    return inside and affine.is_never_negative(i)


__all__ = ["align_loops"]
