"""Find nests that add to several rows of one array, and what of a trip has to be kept so that rows can collect it.

    for i in range(1, m):                  the array x_bar, along the axes (0, 1), at the distances (-1, 0) and (1, 0)
        for j in range(n):
            g = y_bar[i, j] * c            `g` is kept of each trip
            x_bar[i - 1, j] += g
            x_bar[i + 1, j] += g

`stencils.py` writes the loops in their place. Reads: structure, affine forms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..analysis.affine import Affine, Linear
from ..analysis.sums import accumulates
from ..ir import types as ty
from ..ir.core import Op, Value, indices_of, is_number, leaves_early, loop_body, loop_slots
from ..ir.walk import defined_in
from ..primitives import REGISTRY
from .interchange import is_plain
from .rotate import accesses_of, unordered

SUMS = ("add", "sub", "neg", "mul")
SHORT = 8  # trips: nests of fewer are not worth it


@dataclass(frozen=True, eq=False)
class Stencil:
    """Additions to one array in the innermost loop of a nest.

    `start` : the version of the array that the innermost loop carries.
    `axes` : the axis along which each loop of the nest goes.
    `from_zero` : whether the index of the array is that of the loop, but for a constant.
    `offsets` : the distance from the indices of the loops, by addition.
    """

    start: Value
    axes: tuple[int, ...]
    from_zero: tuple[bool, ...]
    offsets: dict[Op, tuple[int, ...]]

    def without(self, ops: Sequence[Op]) -> Stencil:
        return replace(self, offsets={op: at for op, at in self.offsets.items() if op not in ops})

    def least(self, loop: int) -> int:
        return min(at[loop] for at in self.offsets.values())

    def most(self, loop: int) -> int:
        return max(at[loop] for at in self.offsets.values())

    def width(self, loop: int) -> int:
        return self.most(loop) - self.least(loop)


@dataclass(frozen=True, eq=False)
class Nest:
    """Loops that hold each other and nothing else that counts, with what is gathered.

    `stays` : additions that stay where they are: one to each array at most.
    `kept` : the number that is kept for an addition, from which what it adds follows.
    """

    loops: tuple[Op, ...]
    stencils: tuple[Stencil, ...]
    stays: frozenset[Op]
    kept: dict[Op, Value]

    @property
    def rows(self) -> list[Value]:
        return list(dict.fromkeys(self.kept.values()))


def find_nest(op: Op, affine: Affine) -> Nest | None:
    """The nest that a loop is the outermost one of, if something is gathered along each side of it."""
    loops = nested_loops(op, affine)
    if len(loops) < 2:
        return None
    body = loop_body(loops[-1])
    found: list[Stencil] = []
    for _, parameter, yielded, _ in loop_slots(loops[-1]):
        if not ty.is_array(parameter.type):
            if not accumulates(body, parameter, yielded):
                return None
            continue
        accesses = accesses_of(body, parameter, yielded)
        places = {tuple(unordered(affine.form(i)) for i in indices_of(access)) for access in accesses}
        if not accesses:
            return None
        if len(places) > 1:
            stencil = find_stencil(parameter, accesses, loops, affine)
            if stencil is None:
                return None
            found.append(stencil)
    if not any(stencil.width(0) for stencil in found):
        return None
    return with_rows(loops, found)


def nested_loops(op: Op, affine: Affine) -> tuple[Op, ...]:
    """The loops of a nest from `op` to the innermost one; none if there is something between them."""
    inside = defined_in(loop_body(op))
    loops: list[Op] = []
    while True:
        low, high, step = op.operands[:3]
        if leaves_early(op) or not (is_number(step, 1) or is_number(step, -1)):
            return ()
        trips = affine.form(high) - affine.form(low)
        if not trips.terms and abs(trips.constant) < SHORT:
            return ()
        if loops and (low in inside or high in inside):
            return ()
        loops.append(op)
        body = loop_body(op)
        inner = [x for x in body.ops if x.primitive == "for"]
        if not inner:
            return tuple(loops) if all(map(is_plain_or_adds, body.ops)) else ()
        carried = {p for _, p, _, _ in loop_slots(op)}
        if len(inner) > 1 or not all(x is inner[0] or is_number_for_rows(x, carried) for x in body.ops):
            return ()
        if [(i, r) for i, *_, r in loop_slots(inner[0])] != [(p, y) for _, p, y, _ in loop_slots(op)]:
            return ()
        op = inner[0]


def is_plain_or_adds(op: Op) -> bool:
    return is_plain(op) or (op.primitive == "accum" and len(indices_of(op)) == op.operands[0].type.ndim)


def is_number_for_rows(op: Op, carried: set[Value]) -> bool:
    """Whether an op between two loops makes a number, but not of what the nest adds to: rows collect late."""
    if op.regions or (op.primitive == "load" and op.operands[0] in carried):
        return False
    return op.primitive in REGISTRY or op.primitive in ("cast", "shape", "load")


def find_stencil(start: Value, accesses: Sequence[Op], loops: Sequence[Op], affine: Affine) -> Stencil | None:
    """The accesses of an array in the innermost loop, if all add to it at constant distances."""
    if any(access.primitive != "accum" for access in accesses) or not ty.is_differentiable(start.type.dtype):
        return None
    indices = [loop_body(loop).parameters[0] for loop in loops]
    makers = makers_in(loops)
    inside = defined_in(loop_body(loops[0])) | {indices[0]}
    shared: set[object] = set()
    axes: tuple[int, ...] = ()
    offsets: dict[Op, tuple[int, ...]] = {}
    from_zero: dict[int, bool] = {}
    for access in accesses:
        along: dict[int, tuple[int, int]] = {}
        rests: list[object] = []
        for axis, i in enumerate(indices_of(access)):
            form = affine.form(i)
            own = [n for n, index in enumerate(indices) if form.coefficient(index)]
            rest = form
            if own:
                (n, *others) = own
                if others or n in along or form.coefficient(indices[n]) != 1:
                    return None
                along[n] = axis, form.constant
                rest = Linear(tuple((v, c) for v, c in form.terms if v is not indices[n]))
                from_zero[n] = not rest.terms
            if any(v in inside for v, _ in rest.terms) or not affine.is_never_negative(i):
                return None
            if not is_sum(i, makers, inside, indices):
                return None
            rests.append(unordered(rest))
        if len(along) < len(loops):
            return None
        axes = tuple(along[n][0] for n in range(len(loops)))
        shared.add((axes, tuple(rests)))
        offsets[access] = tuple(along[n][1] for n in range(len(loops)))
    near = 0 if start.type.layout == "F" else start.type.ndim - 1
    if len(shared) > 1 or axes[-1] != near:
        return None
    return Stencil(start, axes, tuple(from_zero[n] for n in range(len(loops))), offsets)


def makers_in(loops: Sequence[Op]) -> dict[Value, Op]:
    return {
        v: op for loop in loops for op in loop_body(loop).ops if op.primitive != "for" for v in op.results
    }


def is_sum(index: Value, makers: dict[Value, Op], inside: set[Value], indices: Sequence[Value]) -> bool:
    """Whether an index is made of indices of loops and of what is there before them."""
    made = makers.get(index)
    if made is None:
        return index in indices or index not in inside
    return made.primitive in SUMS and all(is_sum(x, makers, inside, indices) for x in made.operands)


def with_rows(loops: tuple[Op, ...], stencils: Sequence[Stencil]) -> Nest:
    """The nest, with what is kept of each trip: as little as possible."""
    makers = makers_in(loops)
    additions = [op for stencil in stencils for op in stencil.offsets]
    by_root: dict[Value, list[Op]] = {}
    for op in additions:
        by_root.setdefault(root_of(op.operands[-1], makers), []).append(op)
    kept: dict[Op, Value] = {}
    for root, ops in by_root.items():
        terms = {op.operands[-1] for op in ops}
        kept.update((op, root if len(terms) > 1 else op.operands[-1]) for op in ops)
    stays: set[Op] = set()
    for stencil in stencils:
        alone = [op for op in stencil.offsets if list(kept.values()).count(kept[op]) == 1]
        stays.update(alone[:1])
    return Nest(
        loops,
        tuple(stencil.without(list(stays)) for stencil in stencils),
        frozenset(stays),
        {op: value for op, value in kept.items() if op not in stays},
    )


def root_of(value: Value, makers: dict[Value, Op]) -> Value:
    """What a number is but for its sign and constant factors, so that it is zero where that is."""
    operand = root_operand(value, makers)
    return value if operand is None else root_of(operand, makers)


def root_operand(value: Value, makers: dict[Value, Op]) -> Value | None:
    made = makers.get(value)
    if made is None or any(x.type != value.type for x in made.operands):
        return None
    numbers = [x for x in made.operands if x.is_constant]
    match made.primitive:
        case "neg":
            return made.operands[0]
        case "mul" if len(numbers) == 1 and is_finite(numbers[0]):
            return next(x for x in made.operands if not x.is_constant)
        case "div" if numbers == [made.operands[1]] and is_finite(numbers[0]) and numbers[0].constant:
            return made.operands[0]
        case _:
            return None


def is_finite(value: Value) -> bool:
    return math.isfinite(abs(value.constant))


__all__ = ["Nest", "Stencil", "find_nest", "makers_in", "root_operand"]
