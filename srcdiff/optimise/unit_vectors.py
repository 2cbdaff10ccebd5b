"""Make only those trips of a loop in which a unit vector is not zero.

    for i in range(n):                              for i in range(n):
        seed[i] = 1.0                                   y[i] += x[i] * d[i]
        for j in range(n):                    ->
            y[i] += seed[j] * x[j] * d[j]
        seed[i] = 0.0

The programs of Jacobians are loops over unit vectors. Where all that a trip reads of one is zero, and the trip then
changes nothing (`analysis/idle.py`), it need not be made; what is left is one trip, or a few next to each other. If a
whole sweep does nothing for some unit vectors, the loop over them is shortened. An element at an index that is only
known while the program runs is zero unless the index is that of the vector: what follows in its block is guarded.
Reads: structure, affine forms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..analysis.affine import Affine, Linear
from ..analysis.idle import Idle
from ..analysis.ranges import Ranges
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Function, Op, Value, indices_of, is_number, loop_body, loop_slots, same_place
from ..ir.walk import exchanged, ops_of, ops_within, rename, rename_op, substitute, substitute_in
from .align import same
from .bounds import joined
from .fold import count_ops
from .forms import emitted_with_shapes
from .reorder import is_independent

ONE = Linear((), 1)
ROWS, SPOTS = 16, 8  # unit vectors, and trips of a loop, that are written one behind the other
LONG = 1_000  # ops that may become of a loop


@dataclass(frozen=True)
class Unit:
    """A store that makes an array a unit vector, the one that clears it, and what is read of it."""

    made: Op
    cleared: Op
    loads: tuple[Op, ...]

    @property
    def places(self) -> tuple[Value, ...]:
        return indices_of(self.made)


def use_unit_vectors(function: Function) -> Function:
    """Leave out trips until each loop makes those it needs."""
    function = replace(function, body=with_rows_apart(function.body, Affine(find_structure(function.body))))
    refused: set[Op | Value] = set()
    while True:
        body = UnitVectors(function).with_fewer_trips(refused)
        if body is None:
            return function
        function = replace(function, body=body)


def may_be_local(function: Function) -> bool:
    """Whether pullbacks of unit vectors of the results of a function may need few trips.

    Not where a loop goes on with elements of a result that it has stored, as a loop over time does: what comes back
    from one element then spreads. Nor where what is called is not known; and a large function is not tried.
    """
    known = all(op.primitive not in ("custom", "call", "opaque", "while") for op in ops_within(function.body))
    if not known or count_ops(function.body) > LONG:
        return False
    structure = find_structure(function.body)
    results = {structure.storage(r) for r in function.results if ty.is_array(r.type)}
    if any(structure.is_mixed(r) for r in function.results if ty.is_array(r.type)):
        return False
    added = {store.operands[-1]: store for storage in results for store in structure.stores.get(storage, ())}

    def starts_a_sum(load: Op) -> bool:
        """Whether an element is loaded to be added to, and for nothing else."""
        users = [op for op in ops_within(function.body) if load.result in op.operands]
        store = added.get(users[0].results[0]) if len(users) == 1 and users[0].primitive == "add" else None
        return store is not None and same_place(indices_of(store), indices_of(load))

    for load in ops_within(function.body):
        if load.primitive != "load" or structure.storage(load.operands[0]) not in results:
            continue
        loops = set(structure.around[load])
        stores = structure.stores.get(structure.storage(load.operands[0]), ())
        if any(loops.intersection(structure.around[store]) for store in stores) and not starts_a_sum(load):
            return False
    return True


def with_rows_apart(block: Block, affine: Affine) -> Block:
    """The block with the trips of short loops over unit vectors one behind the other."""
    ops: list[Op] = []
    now: dict[Value, Value] = {}
    for op in block.ops:
        trips = trips_apart(op, affine)
        op = substitute_in(op, now)
        if op.regions:
            op = replace(op, regions=tuple(with_rows_apart(region, affine) for region in op.regions))
        if trips is None:
            ops.append(op)
            continue
        held = [initial for initial, *_ in loop_slots(op)]
        index, *parameters = loop_body(op).parameters
        for number in trips:
            mapping = {index: constant(number, ty.int64), **dict(zip(parameters, held, strict=True))}
            ops += [rename_op(inner, mapping) for inner in loop_body(op).ops]
            held = [mapping.get(yielded, yielded) for yielded in loop_body(op).results]
        now.update(zip(op.results, held, strict=True))
    return replace(block, ops=tuple(ops), results=tuple(now.get(v, v) for v in block.results))


def trips_apart(op: Op, affine: Affine) -> range | None:
    """The trips of a loop over unit vectors, if their number is known and small, and elements are read by number."""
    if op.primitive != "for":
        return None
    units = {inner.result for inner in loop_body(op).ops if inner.attributes.get("unit")}
    loads = (inner for inner in ops_of(op) if inner.primitive == "load" and inner.operands[0] in units)
    if not any(all(i.is_constant for i in indices_of(load)) for load in loads):
        return None
    low, high = map(affine.form, op.operands[:2])
    if low.terms or high.terms or not is_number(op.operands[2], 1):
        return None
    trips = range(low.constant, high.constant)
    return trips if len(trips) <= ROWS and len(trips) * count_ops(loop_body(op)) <= LONG else None


class UnitVectors:
    """One step: the first change that can be made."""

    def __init__(self, function: Function) -> None:
        self.body = function.body
        self.structure = find_structure(function.body)
        self.affine = Affine(self.structure)
        self.ranges = Ranges(self.affine)

    def with_fewer_trips(self, refused: set[Op | Value]) -> Block | None:
        """The body after one change; None if there is none left. `refused` are loops, and unit
        vectors the loops over which, cannot be shortened (further)."""
        for unit in self.units():
            body = self.with_known_elements(unit) or self.with_fewer_rows(unit, refused)
            if body is not None:
                return body
            for loop in self.loops_around(unit):
                if loop not in refused:
                    refused.add(loop)
                    shortened = self.shortened(loop, unit)
                    if shortened is not None:
                        ops, results = shortened
                        return substitute(exchanged(self.body, {loop: ops}), results)
            body = self.guarded(unit)
            if body is not None:
                return body
        return None

    def units(self) -> Iterator[Unit]:
        """The unit vectors of which elements are read, by nothing else than loads."""
        users: dict[Value, list[Op]] = {}
        for op in ops_within(self.body):
            for value in op.operands:
                users.setdefault(value, []).append(op)
        for op in ops_within(self.body):
            if not op.attributes.get("unit"):
                continue
            if not all(i.is_constant or self.affine.loop_of(i) for i in indices_of(op)):
                continue
            loads = [x for x in users.get(op.result, []) if x.primitive == "load"]
            others = [x for x in users.get(op.result, []) if x.primitive != "load"]
            if (
                loads
                and len(others) == 1
                and others[0].primitive == "store"
                and is_number(others[0].operands[-1], 0)
            ):
                yield Unit(op, others[0], tuple(loads))

    def loops_around(self, unit: Unit) -> list[Op]:
        """The loops inside those over the unit vectors that read one, outer ones first."""
        depth = len(self.structure.around[unit.made])
        found = dict.fromkeys(loop for load in unit.loads for loop in self.structure.around[load][depth:])
        return sorted(found, key=lambda loop: len(self.structure.around[loop]))

    def distances(self, load: Op, unit: Unit) -> list[Linear]:
        """How far an element is from the one that is 1, along each axis."""
        return [
            self.affine.form(i) - self.affine.form(place)
            for i, place in zip(indices_of(load), unit.places, strict=True)
        ]

    def with_known_elements(self, unit: Unit) -> Block | None:
        """The body with numbers for elements whose distance is known."""
        known: dict[Op, Value] = {}
        for load in unit.loads:
            distances = self.distances(load, unit)
            if not all(self.ranges.is_never_negative(i, load) for i in indices_of(load)):
                continue
            if any(self.is_not_zero(d, self.ranges.at(load)) for d in distances):
                known[load] = constant(0, load.result.type)
            elif not any(d.terms for d in distances):
                known[load] = constant(1, load.result.type)
        if not known:
            return None
        now = {load.result: number for load, number in known.items()}
        idle = Idle(self.structure, (load.result for load, number in known.items() if is_number(number, 0)))
        for load in known:
            for op in self.block_of(load).ops:
                if not op.regions:
                    idle.op(op)
        negated = {
            op: [replace(op, primitive="neg", operands=op.operands[1:])]
            for load in known
            for op in self.block_of(load).ops
            if op.primitive == "sub" and op.operands[0] in idle.zeros and op.result not in idle.zeros
        }
        now.update((v, constant(0, v.type)) for v in idle.zeros)
        now.update((v, now.get(given := idle.as_given(v), given)) for v in idle.same)
        return substitute(exchanged(self.body, {**dict.fromkeys(known, ()), **negated}), now)

    def block_of(self, op: Op) -> Block:
        around = self.structure.around[op]
        return around[-1].regions[self.structure.arm[op]] if around else self.body

    def is_not_zero(self, form: Linear, facts: list[Linear]) -> bool:
        """Whether a form is certainly positive or negative."""
        return any(self.ranges.implied(form.scaled(sign) - ONE, facts) for sign in (1, -1))

    # ------------------------------------------------------------------------------------------ the trips needed

    def spots(self, loop: Op, unit: Unit) -> tuple[int, list[Linear]] | None:
        """The trips in which what a loop reads may not be zero, and the axis along which it goes; None if not known.

        In ascending order, if that is known.
        """
        if loop.primitive != "for" or not (is_number(loop.operands[2], 1) or is_number(loop.operands[2], -1)):
            return None
        index = loop_body(loop).parameters[0]
        found: list[Linear] = []
        along: set[int] = set()
        for load in unit.loads:
            if loop not in self.structure.around[load]:
                continue
            for axis, i in enumerate(indices_of(load)):
                form, place = self.affine.form(i), self.affine.form(unit.places[axis])
                c = form.coefficient(index)
                rest = form.replaced(index, Linear())
                if abs(c) == 1 and not self.inside(rest, loop) and self.ranges.is_never_negative(i, load):
                    spot = (place - rest).scaled(c)
                    if not any(same(spot, other) for other in found):
                        found.append(spot)
                    along.add(axis)
                    break
            else:
                return None
        if len(along) != 1:
            return None
        return along.pop(), sorted(found, key=lambda spot: (spot - found[0]).constant)

    def inside(self, form: Linear, loop: Op) -> bool:
        """Whether a form has values that a loop makes."""
        return any(loop in self.structure.home.get(v, ()) for v, _ in form.terms)

    def does_nothing(self, loop: Op, unit: Unit) -> bool:
        """Whether a trip of a loop does nothing where all that it reads of a unit vector is zero."""
        inside = [load.result for load in unit.loads if loop in self.structure.around[load]]
        idle = Idle(self.structure, inside, (unit.made, unit.cleared))
        idle.same[unit.made.result] = unit.made.operands[0]
        idle.same[unit.cleared.result] = unit.made.operands[0]
        return idle.does_nothing(loop)

    def ends(self, loop: Op) -> tuple[Linear, Linear]:
        """The lowest and the highest index of a loop that makes a trip."""
        low, high = map(self.affine.form, loop.operands[:2])
        if is_number(loop.operands[2], 1):
            return low, high - ONE
        return high + ONE, low

    def shortened(self, loop: Op, unit: Unit) -> tuple[list[Op], dict[Value, Value]] | None:
        """The few trips that stand for a loop, in their order if that matters, and what becomes of its results."""
        found = self.spots(loop, unit)
        if found is None or not self.does_nothing(loop, unit):
            return None
        _, spots = found
        if len(spots) > SPOTS or len(spots) * count_ops(loop_body(loop)) > LONG:
            return None
        if not are_near(spots) and not is_independent(loop, self.affine):
            return None
        if is_number(loop.operands[2], -1) != bool(loop.attributes.get("descending")):
            spots.reverse()
        held = [initial for initial, *_ in loop_slots(loop)]
        with Builder(loop.location) as builder:
            for k, spot in enumerate(spots):
                held = self.trip(builder, loop, spot, spots[:k], held)
        return builder.ops, dict(zip(loop.results, held, strict=True))

    def trip(
        self, builder: Builder, loop: Op, spot: Linear, made: Sequence[Linear], held: list[Value]
    ) -> list[Value]:
        """Append one trip, if the loop makes it and it is none of those `made` before; gives what it yields."""
        low, high = self.ends(loop)
        where = self.emit(builder, spot)
        facts = [*self.ranges.at(loop), spot - low, high - spot]
        conditions = [
            builder.compare("ge" if way > 0 else "le", where, self.emit(builder, end))
            for way, end in ((1, low), (-1, high))
            if not self.affine.is_not_negative((spot - end).scaled(way))
        ]
        conditions += [
            builder.compare("ne", where, self.emit(builder, other))
            for other in made
            if not self.is_not_zero(spot - other, facts)
        ]
        index, *parameters = loop_body(loop).parameters
        mapping = {index: where, **dict(zip(parameters, held, strict=True))}
        trip = rename(replace(loop_body(loop), parameters=()), mapping)
        if not conditions:
            for op in trip.ops:
                builder.append(op)
            return list(trip.results)
        results = [Value(v.name, v.type) for v in loop.results]
        hit = joined(builder, "and", conditions)
        builder.region("if", (hit,), (trip, Block((), (), tuple(held))), results)
        return results

    def emit(self, builder: Builder, form: Linear) -> Value:
        return emitted_with_shapes(builder, form, self.affine)

    # ----------------------------------------------------------------------------------------- unit vectors

    def with_fewer_rows(self, unit: Unit, refused: set[Op | Value]) -> Block | None:
        """The body with the loop over unit vectors shortened, if others give nothing."""
        if unit.made.result in refused:
            return None
        refused.add(unit.made.result)
        limits = {self.rows_read(load, unit) for load in unit.loads}
        limit = limits.pop()
        if limits or limit is None:
            return None
        axis, low, high = limit
        rows = self.affine.loop_of(unit.places[axis])
        if rows is None or not is_number(rows.operands[2], 1) or not self.does_nothing(rows, unit):
            return None
        if self.inside(low, rows) or self.inside(high, rows):
            return None
        first, last = self.ends(rows)
        with Builder(rows.location) as builder:
            start, stop = rows.operands[:2]
            if not self.affine.is_not_negative(first - low):
                start = builder.emit("max", (start, self.emit(builder, low)), ty.int64)
            if not self.affine.is_not_negative(high - last):
                stop = builder.emit("min", (stop, self.emit(builder, high + ONE)), ty.int64)
        shorter = replace(rows, operands=(start, stop, *rows.operands[2:]))
        return exchanged(self.body, {rows: [*builder.ops, shorter]}) if builder.ops else None

    def rows_read(self, load: Op, unit: Unit) -> tuple[int, Linear, Linear] | None:
        """(axis, lowest, highest) of the unit vectors of which a load may find what is not zero."""
        depth = len(self.structure.around[unit.made])
        for loop in self.structure.around[load][depth:]:
            found = self.spots(loop, unit)
            if found is None:
                continue
            axis, spots = found
            place = unit.places[axis]
            own = Linear(((place, 1),))
            if spots[0].coefficient(place) == 1 and are_near(spots):
                low, high = self.ends(loop)
                return axis, low - (spots[-1] - own), high - (spots[0] - own)
        return None

    # -------------------------------------------------------------------------------------------------- guards

    def guarded(self, unit: Unit) -> Block | None:
        """The body with a condition around what follows a load that is mostly zero, if it then does nothing."""
        for load in unit.loads:
            around, block = self.structure.around[load], self.block_of(load)
            at = block.ops.index(load)
            tail = block.ops[at:]
            inside = {op for each in tail for op in ops_of(each)}
            alike = [x for x in unit.loads if x in inside]
            if unit.made in block.ops or not all(same_place(indices_of(x), indices_of(load)) for x in alike):
                continue
            idle = Idle(self.structure, (x.result for x in alike), (unit.made, unit.cleared))
            made = {result for op in tail for result in op.results}
            if not idle.ops(replace(block, ops=tail)) or not self.is_unsure(load, unit):
                continue
            needed = [v for v in block.results if v in made]
            otherwise = [given for v in needed if (given := self.if_idle(v, idle, made)) is not None]
            if len(otherwise) < len(needed):
                continue
            with Builder(load.location) as builder:
                hit = self.hits(builder, load, unit)
                one = constant(1, load.result.type)
                numbers = {x.result: one for x in alike}
                rest = exchanged(Block((), tail, tuple(needed)), dict.fromkeys(alike, ()))
                then = substitute(rest, numbers)
                results = tuple(Value(v.name, v.type) for v in needed)
                builder.region("if", (hit,), (then, Block((), (), tuple(otherwise))), results)
            now = dict(zip(needed, results, strict=True))
            changed = replace(
                block,
                ops=(*block.ops[:at], *builder.ops),
                results=tuple(now.get(v, v) for v in block.results),
            )
            owner = around[-1]
            regions = tuple(changed if region is block else region for region in owner.regions)
            return exchanged(self.body, {owner: [replace(owner, regions=regions)]})
        return None

    def if_idle(self, value: Value, idle: Idle, made: set[Value]) -> Value | None:
        """What a value is where a piece of program does nothing."""
        if idle.is_zero(value):
            return constant(0, value.type)
        given = idle.as_given(value)
        return None if given in made else given

    def is_unsure(self, load: Op, unit: Unit) -> bool:
        """Whether some index of a load may be another one than that of the vector."""
        return any(distance.terms or distance.constant for distance in self.distances(load, unit))

    def hits(self, builder: Builder, load: Op, unit: Unit) -> Value:
        """Whether an element is the one that is 1; its indices may count from the end."""
        conditions = []
        for axis, (i, place) in enumerate(zip(indices_of(load), unit.places, strict=True)):
            if same(self.affine.form(i), self.affine.form(place)):
                continue
            if not self.ranges.is_never_negative(i, load):
                length = self.emit(builder, self.affine.length(unit.made.result, axis))
                from_end = builder.emit("add", (i, length), ty.int64)
                i = builder.emit("select", (builder.compare("lt", i, 0), from_end, i), ty.int64)
            conditions.append(builder.compare("eq", i, place))
        return joined(builder, "and", conditions)


def are_near(spots: Sequence[Linear]) -> bool:
    """Whether the distances of trips are known."""
    return not any((spot - spots[0]).terms for spot in spots)


__all__ = ["may_be_local", "use_unit_vectors"]
