"""Exchange an inner loop that strides over rows with the loop around it, whose trips do not wait for each other.

    for j in range(m):                         total = np.empty(m)
        total = 0.0                            for j in range(m):
        for k in range(n):                         total[j] = 0.0
            total += a[k] * b[k, j]     ->     for k in range(n):
        y[j] = total                               for j in range(m):
                                                       total[j] += a[k] * b[k, j]
                                               for j in range(m):
                                                   y[j] = total[j]

Elements that lie next to each other in memory are then reached one after the other, and LLVM vectorises; in the
adjoint as well, which has the loops of the function. What stands before and behind the inner loops becomes loops of
its own, and numbers that go from one to the other become arrays. Every element gets the same operations in the same
order. A nest is exchanged if fewer of its accesses stride afterwards, where a division that has to wait for that of
the trip before, as in the elimination of a tridiagonal system, counts as several; affine analysis has to show that no
trip reads or writes what an earlier part of a later trip does. Reads: structure, affine forms.

R. Allen, K. Kennedy, "Optimizing Compilers for Modern Architectures", section 5.2 (interchange).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product

from ..analysis.affine import Linear
from ..analysis.overwrites import Overwrites
from ..analysis.ranges import Ranges
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import (
    Block,
    Function,
    Op,
    Slot,
    Value,
    indices_of,
    is_number,
    leaves_early,
    loop_body,
    loop_slots,
    same_place,
)
from ..ir.walk import exchanged, free_values_of, ops_of, ops_within, substitute, uses_in
from ..primitives import REGISTRY
from .distribute import ACCESSES, Nest, Part, distributed, home_of
from .jammable import chooses_numbers

PLAIN = (*ACCESSES, "cast", "shape")
SHORT = 8  # trips: loops that make fewer are not worth being inner ones
WAITS = 16  # accesses that stride: what a division that waits for the one before it is worth
SLOW = ("div", "mod", "pow", "sqrt", "root_of_squares")


def interchange_loops(function: Function) -> Function:
    """Exchange loops until no nest gains by it."""
    refused: set[Op] = set()
    for _ in range(64):
        body = Interchange(function.body, refused).exchanged(function.body)
        if body is None:
            break
        function = replace(function, body=body)
    return function


class Interchange:
    """`refused` are loops that cannot be exchanged or do not gain by it."""

    def __init__(self, body: Block, refused: set[Op]) -> None:
        self.body, self.refused = body, refused
        self.structure = find_structure(body)
        self.overwrites = Overwrites(self.structure)
        self.affine = self.overwrites.affine

    def exchanged(self, block: Block) -> Block | None:
        """A block with one nest exchanged; None if there is none."""
        for k, op in enumerate(block.ops):
            for n, region in enumerate(op.regions):
                inner = self.exchanged(region)
                if inner is not None:
                    regions = (*op.regions[:n], inner, *op.regions[n + 1 :])
                    ops = (*block.ops[:k], replace(op, regions=regions), *block.ops[k + 1 :])
                    return replace(block, ops=ops)
            if op.primitive != "for" or op in self.refused:
                continue
            nest = self.find_nest(op)
            if nest is None:
                self.refused.add(op)
                continue
            of, nest = self.in_elements(op, nest)
            emitted, renames = distributed(nest, of.affine, of.keeps_to_itself)
            rest = substitute(Block((), block.ops[k + 1 :], block.results), renames)
            return Block(block.parameters, (*block.ops[:k], *emitted, *rest.ops), rest.results)
        return None

    # ---------------------------------------------------------------------------------------- what is exchanged

    def find_nest(self, op: Op) -> Nest | None:
        body = loop_body(op)
        if not is_plain_loop(op) or not is_number(op.operands[2], 1):
            return None
        if not any(inner.primitive == "for" for inner in body.ops) or not self.is_long(op):
            return None
        nest = self.taken_apart(op)
        if nest is None or not self.gains(nest) or not self.numbers_stay(nest):
            return None
        return nest if self.is_in_order(nest) else None

    def in_elements(self, loop: Op, nest: Nest) -> tuple[Interchange, Nest]:
        """The nest with sums in the elements that they start from and end in, if it can be exchanged so as well."""
        body = loop_body(loop)
        ranges = Ranges(self.affine)
        for inner in (part.loop for part in nest.parts if part.loop is not None):
            grown = grown_in_element(body, inner, ranges)
            if grown is not None:
                new = replace(loop, regions=(grown,))
                other = Interchange(exchanged(self.body, {loop: [new]}), self.refused)
                found = other.find_nest(new)
                if found is not None:
                    return other.in_elements(new, found)
        return self, nest

    def is_long(self, op: Op) -> bool:
        trips = self.affine.form(op.operands[1]) - self.affine.form(op.operands[0])
        return bool(trips.terms) or trips.constant >= SHORT

    def taken_apart(self, op: Op, whole: Op | None = None) -> Nest | None:
        """The parts of a nest; None if there is something in it that has to stay together. `whole` is an inner loop
        that may hold others."""
        body = loop_body(op)
        inside = {v for inner in ops_within(body) for v in inner.results}
        inside.update(body.parameters)
        stored = {
            self.structure.storage(inner.operands[0])
            for inner in ops_within(body)
            if inner.primitive == "store"
        }
        if any(self.structure.is_mixed(storage) for storage in stored):
            return None
        above: list[Op] = []
        again: dict[Value, Op] = {}
        parts: list[Part] = []
        for inner in self.loaded_late(op):
            fixed = not any(v in inside for v in inner.operands)
            if inner.primitive == "require" or (
                fixed and (inner.primitive in REGISTRY or inner.primitive in ("cast", "shape"))
            ):
                if not fixed:
                    return None
                above.append(inner)
                inside.difference_update(inner.results)
            elif inner.primitive == "for":
                bounds = inner.operands[:3]
                if any(v in inside for v in bounds) or not (inner is whole or is_innermost(inner)):
                    return None
                parts.append(Part((inner,)))
            elif not is_plain(inner):
                return None
            elif self.is_made_again(inner, op, again, inside, stored):
                again[inner.result] = inner
            elif parts and parts[-1].loop is None:
                parts[-1] = Part((*parts[-1].ops, inner))
            else:
                parts.append(Part((inner,)))
        return Nest(op, tuple(above), again, tuple(parts))

    def loaded_late(self, loop: Op) -> list[Op]:
        """The ops of a loop's body, with loads behind inner loops that neither use nor change what they load."""
        ops = list(loop_body(loop).ops)
        for load in [op for op in reversed(ops) if op.primitive == "load"]:
            k = ops.index(load)
            at = next((n for n in range(k + 1, len(ops)) if load.result in free_values_of(ops[n])), k + 1)
            passed = ops[k + 1 : at]
            if any(op.regions for op in passed) and self.survives(load, passed, loop):
                ops.insert(at, load)
                del ops[k]
        return ops

    def survives(self, access: Op, passed: Sequence[Op], loop: Op) -> bool:
        """Whether nothing of these ops, in one trip of a loop, stores into the element of an access before them."""
        storage = self.structure.storage(access.operands[0])
        stores = [
            op
            for outer in passed
            for op in ops_of(outer)
            if op.primitive == "store" and self.structure.storage(op.operands[0]) is storage
        ]
        known = [access, *stores]
        if any(len(indices_of(op)) < op.operands[0].type.ndim for op in known):
            return False
        if not all(self.affine.is_never_negative(i) for op in known for i in indices_of(op)):
            return not stores
        return all(
            self.overwrites.apart(access, indices_of(access), op, indices_of(op), within=loop)
            for op in stores
        )

    def keeps_to_itself(self, access: Op, loop: Op) -> bool:
        """Whether no later op of the trip and no other trip stores into the element of a load or store."""
        body = loop_body(loop).ops
        storage = self.structure.storage(access.operands[0])
        stores = [
            op
            for op in ops_within(loop_body(loop))
            if op.primitive == "store" and self.structure.storage(op.operands[0]) is storage
        ]
        return self.survives(access, body[body.index(access) + 1 :], loop) and all(
            self.apart(access, op, loop) and self.apart(op, access, loop) for op in stores
        )

    def is_made_again(
        self, op: Op, loop: Op, again: dict[Value, Op], inside: set[Value], stored: set[Value]
    ) -> bool:
        """Whether an op is an integer or a load that gives the same in each part."""
        if op.regions or op.primitive == "store":
            return False
        if op.primitive == "load" and self.structure.storage(op.operands[0]) in stored:
            if not self.keeps_to_itself(op, loop):
                return False
            stored = stored - {self.structure.storage(op.operands[0])}
        if op.primitive not in ("load", "shape") and ty.is_differentiable(op.result.type):
            return False
        index = loop_body(loop).parameters[0]
        arrays = (v for v in op.operands if ty.is_array(v.type))
        if any(self.structure.storage(v) in stored for v in arrays):
            return False
        return all(
            v is index or v in again or v not in inside for v in op.operands if not ty.is_array(v.type)
        )

    def numbers_stay(self, nest: Nest) -> bool:
        """Whether each number that the nest carries from trip to trip is carried by one of the parts."""
        return all(
            home_of(nest, parameter, yielded) is not None
            for _, parameter, yielded, _ in loop_slots(nest.loop)
            if not ty.is_array(parameter.type)
        )

    # ------------------------------------------------------------------------------------------ whether it pays

    def gains(self, nest: Nest) -> bool:
        """Whether fewer accesses of the inner loops stride, or wait, when the outer index is the inner one."""
        before = after = 0
        for part in nest.parts:
            if part.loop is None:
                continue
            before += WAITS * self.waits(part.loop, loop_body(part.loop).parameters[0])
            after += WAITS * self.waits(part.loop, nest.index)
            used = [nest.again[v] for v in self.used_again(nest, [part.loop])]
            for access in (*part.accesses, *(op for op in used if op.primitive == "load")):
                before += self.strides(access, loop_body(part.loop).parameters[0], part.loop)
                after += self.strides(access, nest.index, None)
        return before > after

    def waits(self, loop: Op, index: Value) -> bool:
        """Whether what an inner loop divides depends on a quotient from the trip before, as `index` goes on."""
        body = loop_body(loop)
        makers = {result: op for op in body.ops for result in op.results}
        ends: list[tuple[Value, Value]] = []  # what a trip starts from, and what it leaves for the next one
        if index is body.parameters[0]:
            ends += [(p, y) for _, p, y, _ in loop_slots(loop) if not ty.is_array(p.type)]
        for load in body.ops:
            for store in body.ops if load.primitive == "load" else ():
                if store.primitive == "store" and self.is_next(load, store, index):
                    ends.append((load.result, store.operands[-1]))
        return any(self.divides(start, end, makers) for start, end in ends)

    def is_next(self, load: Op, store: Op, index: Value) -> bool:
        """Whether a load finds what the trip before has stored."""
        if self.structure.storage(load.operands[0]) is not self.structure.storage(store.operands[0]):
            return False
        differences = [
            self.affine.form(i) - self.affine.form(j)
            for i, j in zip(indices_of(load), indices_of(store), strict=True)
        ]
        moves = [self.affine.form(i).coefficient(index) for i in indices_of(load)]
        return any(moves) and all(
            not each.terms and abs(each.constant) == abs(c)
            for each, c in zip(differences, moves, strict=True)
        )

    def divides(self, start: Value, end: Value, makers: dict[Value, Op]) -> bool:
        """Whether there is a division on the way from one number of a trip to another one."""
        slow: dict[Value, bool | None] = {}  # None where the number does not depend on the start

        def found(value: Value) -> bool | None:
            if value is start:
                return False
            if value not in slow:
                op = makers.get(value)
                before = [] if op is None or op.primitive == "load" else [found(v) for v in op.operands]
                reached = [each for each in before if each is not None]
                slow[value] = (any(reached) or op is not None and op.primitive in SLOW) if reached else None
            return slow[value]

        return bool(found(end))

    def used_again(self, nest: Nest, ops: Iterable[Op]) -> list[Value]:
        """What a part computes or loads for itself, in order."""
        needed: set[Value] = set()
        work = [v for op in ops for v in free_values_of(op)]
        while work:
            value = work.pop()
            if value in nest.again and value not in needed:
                needed.add(value)
                work += nest.again[value].operands
        return [value for value in nest.again if value in needed]

    def strides(self, access: Op, index: Value, loop: Op | None) -> bool:
        """Whether an access goes elsewhere than to the same or the next element in each trip."""
        array, where = access.operands[0], indices_of(access)
        near = 0 if array.type.layout == "F" else array.type.ndim - 1
        for axis, i in enumerate(where):
            form = self.affine.form(i)
            if loop is not None and any(
                v is not index and loop in self.structure.home.get(v, ()) for v, _ in form.terms
            ):
                return True
            c = form.coefficient(index)
            if c and (axis != near or abs(c) > 1):
                return True
        return False

    # ------------------------------------------------------------------------------------------ whether it may

    def is_in_order(self, nest: Nest) -> bool:
        """Whether accesses to one element keep their order."""
        for m, first in enumerate(nest.parts):
            for second in nest.parts[m:]:
                for a, b in product(first.accesses, second.accesses):
                    if a.primitive == b.primitive == "load":
                        continue
                    if self.structure.storage(a.operands[0]) is not self.structure.storage(b.operands[0]):
                        continue
                    if first is not second:
                        # All of the first part will run before all of the second.
                        if not self.apart(b, a, nest.loop):
                            return False
                    elif first.loop is not None and not (
                        self.in_one_trip(a, b, first.loop, nest.loop)
                        or (self.apart(a, b, nest.loop) and self.apart(b, a, nest.loop))
                    ):
                        return False
        return True

    def apart(self, a: Op, b: Op, loop: Op) -> bool:
        """Whether `b` in a later trip of a loop misses the element of `a`."""
        return self.overwrites.later_trip_misses(a, b, loop)

    def in_one_trip(self, a: Op, b: Op, inner: Op, outer: Op) -> bool:
        """Whether two accesses to one element are in the same trip of the inner loop, wherever in the outer one."""
        index = loop_body(inner).parameters[0]
        for i, j in zip(indices_of(a), indices_of(b), strict=True):
            mine, theirs = self.affine.form(i), self.affine.form(j)
            c = mine.coefficient(index)
            if not c or (mine - theirs) != Linear():
                continue
            if not (self.affine.is_never_negative(i) and self.affine.is_never_negative(j)):
                continue
            rest = mine.replaced(index, Linear())
            if not any(outer in self.structure.home.get(v, ()) for v, _ in rest.terms):
                return True
        return False


def grown_in_element(body: Block, inner: Op, ranges: Ranges) -> Block | None:
    """The body with a number that an inner loop adds to in the element that it is loaded from before and stored into
    behind; None if there is none, or if something in between reads or stores that element."""
    structure, uses = ranges.affine.structure, list(uses_in(body))
    at = body.ops.index(inner)
    for slot in loop_slots(inner):
        initial, parameter, _, result = slot
        load = next((op for op in body.ops[:at] if op.primitive == "load" and op.result is initial), None)
        store = next(
            (op for op in body.ops[at:] if op.primitive == "store" and op.operands[-1] is result), None
        )
        if load is None or store is None or uses.count(initial) != 1 or uses.count(result) != 1:
            continue
        array = load.operands[0]
        if array is not store.operands[0] or structure.is_mixed(array) or array.type.dtype != parameter.type:
            continue  # what is in between does not store into it
        if len(indices_of(load)) < array.type.ndim or not same_place(indices_of(load), indices_of(store)):
            continue
        between = body.ops[body.ops.index(load) + 1 : body.ops.index(store)]
        readers = [o for op in between for o in ops_of(op) if any(v is array for v in o.operands)]
        if all(op.primitive == "load" and ranges.are_apart(op, store) for op in readers):
            return with_element(body, inner, slot, load, store)
    return None


def with_element(body: Block, inner: Op, slot: Slot, load: Op, store: Op) -> Block:
    """The body with an element in place of a number of an inner loop."""
    _, parameter, yielded, _ = slot
    array, *where = load.operands
    own, slots = loop_body(inner), [s for s in loop_slots(inner) if s[1] is not parameter]
    held, kept = Value(array.name, array.type), Value(array.name, array.type)
    with Builder(store.location) as inside:
        number = inside.emit("load", (held, *where), parameter.type, name=parameter.name)
        held_body = substitute(Block((), own.ops, (yielded,)), {parameter: number, array: held})
        inside.ops += held_body.ops
        stored = inside.emit("store", (held, *where, *held_body.results), array.type, name=array.name)
    block = inside.block(
        (own.parameters[0], *(p for _, p, _, _ in slots), held), (*(y for _, _, y, _ in slots), stored)
    )
    operands = (*inner.operands[:3], *(i for i, *_ in slots), array)
    summed = replace(inner, operands=operands, regions=(block,), results=(*(r for *_, r in slots), kept))
    at = body.ops.index(inner)
    behind = Block((), tuple(op for op in body.ops[at + 1 :] if op is not store), body.results)
    behind = substitute(substitute(behind, {array: kept}), {store.result: kept})
    before = (op for op in body.ops[:at] if op is not load)
    return Block(body.parameters, (*before, summed, *behind.ops), behind.results)


def is_plain_loop(op: Op) -> bool:
    """Whether a loop makes all its trips, in the order of its steps, and nothing else is said about it."""
    return op.primitive == "for" and not leaves_early(op) and not any(op.attributes.values())


def is_innermost(op: Op) -> bool:
    """Whether a loop only computes, loads and stores."""
    if not is_plain_loop(op) or op.operands[2].constant not in (1, -1):
        return False
    return all(is_plain(inner) for inner in loop_body(op).ops)


def is_plain(op: Op) -> bool:
    """Whether an op only computes, loads or stores an element; an `if` may choose between numbers."""
    if op.primitive == "if":
        return chooses_numbers(op)
    if op.primitive in ACCESSES and len(indices_of(op)) < op.operands[0].type.ndim:
        return False
    return op.primitive in PLAIN or op.primitive in REGISTRY


__all__ = ["interchange_loops"]
