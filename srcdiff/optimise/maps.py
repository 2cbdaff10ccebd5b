"""Sum what goes into a linear map that is the same in every trip of a loop, and apply the map once.

    for i in range(n):                             q_bar_sum = np.zeros(d)
        for j in range(d):                         for i in range(n):
            q_bar[j] = g[i] * q[i, j]                  for j in range(d):
        for j in range(d):                                 q_bar_sum[j] += g[i] * q[i, j]
            total = 0.0                    ->      if n > 0:
            for r in range(d):                         for j in range(d):
                total += q_bar[r] * w[j, r]                total = 0.0
            b_bar[j] += total                              for r in range(d):
                                                               total += q_bar_sum[r] * w[j, r]
                                                           b_bar[j] += total

The cotangents of a shift of what a matrix is applied to are the usual case: means, offsets and biases in front of a
layer. The map may run through arrays of its own, its factors must not depend on the trip, and it must be a deeper
nest than the one that fills the array in front of it, which may have indices of the loops between. Needed for
nothing else, the map is gone from the loop. Reads: structure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..analysis.structure import Structure, find_structure
from ..analysis.sums import accumulates
from ..ir import types as ty
from ..ir.builder import Builder, zero
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
)
from ..ir.walk import defined_in, exchanged, ops_of, rename, substitute
from ..primitives.record import REGISTRY
from .dce import EFFECTS, eliminate_dead


def sum_before_maps(function: Function) -> Function:
    while True:
        structure = find_structure(function.body)
        found = next(candidates(function.body, structure), None)
        if found is None:
            return function
        function = replace(function, body=exchanged(function.body, {found.loop: moved(found)}))


def candidates(block: Block, structure: Structure) -> Iterator[Map]:
    """The maps that can leave a loop, those of outer loops first."""
    for op in block.ops:
        if op.primitive == "for" and not leaves_early(op) and is_number(op.operands[2], 1):
            for slot in loop_slots(op):
                found = find_map(op, slot, structure)
                if found is not None:
                    yield found
        for region in op.regions:
            yield from candidates(region, structure)


class Varying(Exception):
    """A value is neither the same in every trip nor linear in what can be summed."""


class Map:
    """What is added to an array in a loop, as a linear map of arrays filled in the trip.

    `cuts` has for each of these arrays, by its allocation, the one op that fills it; `kinds` says of each value
    whether it is linear in them, else it is the same in every trip.
    """

    def __init__(self, loop: Op, slot: Slot, structure: Structure) -> None:
        self.loop, self.structure = loop, structure
        _, self.parameter, self.yielded, self.result = slot
        self.kinds: dict[Value, bool] = {}
        self.cuts: dict[Value, Op] = {}
        storage = structure.storage(self.parameter)
        self.sums = [op for op in structure.stores.get(storage, []) if loop in structure.around[op]]

    def inner(self, op: Op) -> tuple[Op, ...]:
        """The ops around an op, inside the loop."""
        around = self.structure.around[op]
        if self.loop not in around:
            raise Varying
        return around[around.index(self.loop) + 1 :]

    def is_inside(self, value: Value) -> bool:
        return self.loop in self.structure.home.get(value, ())

    def trace(self) -> None:
        """Find the arrays to sum, or raise."""
        for op in self.sums:
            if op.primitive != "accum" or not self.linear(op.operands[-1]):
                raise Varying
            nest = self.inner(op)
            if nest and nest[-1].primitive == "if":
                self.check_guard(nest[-1], op)
                nest = nest[:-1]
            for outer in nest:
                self.check_loop(outer)
            self.check_fixed(*indices_of(op))

    def check_loop(self, op: Op) -> None:
        if op.primitive != "for" or leaves_early(op):
            raise Varying
        self.check_fixed(*op.operands[:3])

    def check_guard(self, op: Op, addition: Op) -> None:
        """An `if` may leave out the addition of zero."""
        test = self.structure.maker.get(op.operands[0])
        if test is None or test.primitive != "ne" or test.operands[0] is not addition.operands[-1]:
            raise Varying
        if not is_number(test.operands[1], 0):
            raise Varying

    def check_fixed(self, *values: Value) -> None:
        if any(self.linear(value) for value in values):
            raise Varying

    def linear(self, value: Value) -> bool:
        """Whether a value is linear in the arrays of `cuts`, else it is the same in every trip of the loop."""
        if value.is_constant or not self.is_inside(value):
            return False
        if ty.is_array(value.type):
            return self.linear_array(value)
        if value not in self.kinds:
            self.kinds[value] = self.linear_number(value)
        return self.kinds[value]

    def linear_number(self, value: Value) -> bool:
        made = self.structure.maker[value]
        if made is self.loop:
            raise Varying
        if made.primitive == "for":
            self.check_loop(made)
            if value is loop_body(made).parameters[0]:
                return False
            return self.linear_slot(made, value)
        if made.primitive == "load":
            array, *indices = made.operands
            self.check_fixed(*indices)
            return self.linear(array)
        if made.regions or made.primitive in EFFECTS or made.primitive not in REGISTRY:
            raise Varying
        kinds = [self.linear(x) for x in made.operands]
        if any(ty.is_array(x.type) and self.is_inside(x) for x in made.operands):
            raise Varying
        if not any(kinds):
            return False
        match made.primitive, made.operands:
            case "neg", _:
                return True
            case "add" | "sub", (a, b) if all(kinds) or any(is_number(x, 0) for x in (a, b)):
                return True
            case "mul", _ if not all(kinds):
                return True
            case "div", _ if not kinds[1]:
                return True
        raise Varying

    def linear_slot(self, loop: Op, value: Value) -> bool:
        initial, parameter, yielded, result = next(s for s in loop_slots(loop) if value in (s[1], s[3]))
        sums = ty.is_float(value.type) and (is_number(initial, 0) or self.linear(initial))
        if not sums:
            self.check_fixed(initial)
        self.kinds[parameter] = self.kinds[result] = sums
        if self.linear(yielded) is not sums:
            raise Varying
        return sums

    def linear_array(self, version: Value) -> bool:
        first = self.structure.origin(version)
        if first in self.cuts:
            return True
        if first not in self.kinds:
            kinds, cuts = dict(self.kinds), dict(self.cuts)
            try:
                self.kinds[first] = self.linear_stores(first)
            except Varying:
                self.kinds, self.cuts = kinds, cuts
                self.kinds[first] = True
                self.cuts[first] = self.filled_by(first, version)
        return self.kinds[first]

    def linear_stores(self, first: Value) -> bool:
        made = self.structure.maker[first]
        if made.primitive != "alloc" or self.structure.is_mixed(first):
            raise Varying
        self.check_fixed(*made.operands)
        stores = self.structure.stores.get(self.structure.storage(first), [])
        if any(op.primitive not in ("store", "accum") for op in stores):
            raise Varying
        self.kinds[first] = True
        kinds = {self.linear(op.operands[-1]) for op in stores if not is_number(op.operands[-1], 0)}
        if len(kinds) != 1:
            raise Varying
        for op in stores:
            for outer in self.inner(op):
                self.check_loop(outer)
            self.check_fixed(*indices_of(op))
        sums = kinds.pop()
        if sums and not holds_zeros(made):
            raise Varying
        return sums

    def filled_by(self, first: Value, version: Value) -> Op:
        """The only op that stores into an array, in loops of which each element has one trip, before `version`."""
        made = self.structure.maker[first]
        stores = self.structure.stores.get(self.structure.storage(first), [])
        if made.primitive != "alloc" or self.structure.is_mixed(first) or len(stores) != 1:
            raise Varying
        if not holds_zeros(made):
            raise Varying
        if not ty.is_float(first.type.dtype) or any(self.is_inside(x) for x in made.operands):
            raise Varying
        (op,) = stores
        outer, within = self.inner(made), self.inner(op)
        nest = within[len(outer) :]
        if within[: len(outer)] != outer or not nest:
            raise Varying
        if any(loop.primitive != "for" or leaves_early(loop) for loop in nest):
            raise Varying
        if op.primitive == "store" and any(
            loop_body(loop).parameters[0] not in indices_of(op) for loop in nest
        ):
            raise Varying
        if self.structure.maker[version] is not nest[0] or version not in nest[0].results:
            raise Varying
        for loop in outer:
            if loop.primitive != "for" or leaves_early(loop):
                raise Varying
            lo, hi, step = loop.operands[:3]
            if self.is_inside(hi) or not is_number(step, 1) or not lo.is_constant or lo.constant < 0:
                raise Varying
        return op

    def pays(self) -> bool:
        """Whether the map's deepest nest is deeper than those that fill the arrays, and needed for nothing else."""
        needed: set[Value] = set()
        work = [op.operands[-1] for op in self.sums]
        makers: set[Op] = set(self.sums)
        while work:
            value = work.pop()
            if value in needed or not self.is_inside(value) or value.is_constant:
                continue
            needed.add(value)
            first = self.structure.origin(value) if ty.is_array(value.type) else value
            if first in self.cuts or not self.kinds.get(first, False):
                continue
            made = self.structure.maker[value]
            if made.primitive == "for":
                initial, parameter, yielded, result = next(
                    s for s in loop_slots(made) if value in (s[1], s[3])
                )
                work += [initial, parameter, yielded, result]
                continue
            makers.add(made)
            work += [x for x in made.operands if self.linear(x)]
        deepest = max(map(self.depth, makers))
        if not self.cuts or any(self.depth(op) >= deepest for op in self.cuts.values()):
            return False
        products = {
            op.result for op in makers if op.primitive in ("mul", "div") and self.depth(op) == deepest
        }
        left = defined_in(eliminate_dead(Function("", self.without_sums())).body)
        return bool(products) and products.isdisjoint(left)

    def depth(self, op: Op) -> int:
        return sum(outer.primitive == "for" for outer in self.inner(op))

    def without_sums(self) -> Block:
        """The body of the loop that adds nothing to the array."""
        return substitute(loop_body(self.loop), {op.result: op.operands[0] for op in self.sums})

    def applied(self, sums: dict[Value, tuple[Value, tuple[Value, ...]]]) -> Block:
        """One trip without all but the map, of the sums: its parameter is the array that the map adds to."""

        def read(block: Block) -> Block:
            ops = []
            for op in block.ops:
                first = self.structure.origin(op.operands[0]) if op.primitive == "load" else None
                if op.primitive in EFFECTS:
                    continue
                if first in sums:
                    array, before = sums[first]
                    op = replace(op, operands=(array, *before, *op.operands[1:]))
                elif op.regions:
                    attributes = {
                        name: x for name, x in op.attributes.items() if name not in ("token", "fused")
                    }
                    op = replace(op, regions=tuple(map(read, op.regions)), attributes=attributes)
                ops.append(op)
            return replace(block, ops=tuple(ops))

        body = read(loop_body(self.loop))
        trip = Block((self.parameter,), body.ops, (self.yielded,))
        return eliminate_dead(Function("", trip)).body


def holds_zeros(made: Op) -> bool:
    """Whether the elements of an array that are never stored into are zero, or not read."""
    return made.attributes["fill"] in ("zeros", "empty")


def find_map(loop: Op, slot: Slot, structure: Structure) -> Map | None:
    _, parameter, yielded, _ = slot
    if not ty.is_array(parameter.type) or structure.is_mixed(parameter):
        return None
    if not accumulates(loop_body(loop), parameter, yielded):
        return None
    found = Map(loop, slot, structure)
    try:
        found.trace()
    except Varying:
        return None
    return found if found.sums and found.pays() else None


def moved(found: Map) -> list[Op]:
    """A loop with sums instead of the map, and the map of the sums."""
    loop, structure = found.loop, found.structure
    builder = Builder()
    sums: dict[Value, tuple[Value, tuple[Value, ...]]] = {}
    body = found.without_sums()
    operands, results = list(loop.operands), list(loop.results)
    for first, op in found.cuts.items():
        made = structure.maker[first]
        outer = found.inner(made)
        before = tuple(loop_body(each).parameters[0] for each in outer)
        trips = [builder.emit("max", (each.operands[1], zero(ty.int64)), ty.int64) for each in outer]
        lengths = (*trips, *made.operands)
        name = f"{first.name}_sum"
        type = ty.array(first.type.dtype, len(lengths))
        start = builder.emit("alloc", lengths, type, {"fill": "zeros"}, name)
        held = Value(name, type)
        body, end = with_sum(body, op, held, before)
        body = replace(body, parameters=(*body.parameters, held), results=(*body.results, end))
        operands.append(start)
        results.append(Value(name, type))
        sums[first] = (results[-1], before)
    place = results.index(found.result)
    results[place] = Value(found.result.name, found.result.type)
    builder.append(replace(loop, operands=tuple(operands), regions=(body,), results=tuple(results)))
    trip = rename(found.applied(sums), {})
    arm = substitute(replace(trip, parameters=()), {trip.parameters[0]: results[place]})
    lo, hi = loop.operands[:2]
    runs = builder.compare("gt", hi, lo)
    builder.region("if", (runs,), (arm, Block((), (), (results[place],))), (found.result,))
    return builder.ops


def with_sum(block: Block, source: Op, held: Value, before: tuple[Value, ...]) -> tuple[Block, Value]:
    """The block with what one op stores added to an array too, and the last version of that."""
    with Builder() as builder:
        for op in block.ops:
            if op.regions and any(inner.results == source.results for inner in ops_of(op)):
                inner = Value(held.name, held.type)
                body, end = with_sum(loop_body(op), source, inner, before)
                body = replace(body, parameters=(*body.parameters, inner), results=(*body.results, end))
                last = Value(held.name, held.type)
                builder.append(
                    replace(op, operands=(*op.operands, held), regions=(body,), results=(*op.results, last))
                )
                held = last
                continue
            builder.append(op)
            if op.results == source.results:
                where = (*before, *indices_of(op))
                held = builder.emit("accum", (held, *where, op.operands[-1]), held.type, name=held.name)
    return replace(block, ops=tuple(builder.ops)), held


__all__ = ["sum_before_maps"]
