"""Make two loops of one whose trips first fill arrays of their own, each trip with a row of them.

    for i in range(n):                              rows = np.empty((n, d))
        for j in range(d):                          for i in range(n):
            h[j] = max(x[i, j], 0.0)                    for j in range(d):
        for k in range(d):                  ->              rows[i, j] = max(x[i, j], 0.0)
            for j in range(m):                      for i in range(n):
                y[i, j] += h[k] * w[k, j]               for k in range(d):
                                                            for j in range(m):
                                                                y[i, j] += rows[i, k] * w[k, j]

What was a product of a matrix and a vector in each trip is then one of matrices (`multiply.py`), as in the layers of a
network that is written for one sample. Numbers that cross from one loop to the other become arrays as well, unless
they are loaded or integers that follow from the index. Affine analysis has to show that no later trip of the first part
reads or writes what the second part of a trip writes or reads. Reads: structure, affine forms.

R. Allen, K. Kennedy, "Optimizing Compilers for Modern Architectures", sections 5.3 (scalar expansion) and 2.4.2 (loop
distribution).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..analysis.overwrites import Overwrites
from ..analysis.structure import Structure, find_structure
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
    loop_body,
    loop_slots,
)
from ..ir.trips import trip_count, trip_number
from ..ir.walk import defined_in, free_values, ops_of, ops_within, rename_op, substitute
from ..primitives import REGISTRY
from .interchange import is_plain_loop
from .privatise import Privatiser, filled_first

ACCESSES = ("load", "store")
ALLOWED = {*ACCESSES, "cast", "shape", "require", "alloc", "for", "if"}


@dataclass(frozen=True)
class Expanded:
    """A body with two loops instead of one; `nest` is the op of the trips of `second` that may be a product now."""

    body: Block
    second: Op
    nest: Op


def expansions(body: Block, refused: set[Op]) -> Iterator[Expanded]:
    """The ways to part a loop in front of a nest that reads with a matrix what the trip has stored before.

    `refused` are nests for which that was of no use; it gets each one that is tried.
    """
    parting: Parting | None = None
    for root in body.ops:
        if not is_plain_loop(root) or not is_number(root.operands[2], 1):
            continue
        for at, nest in enumerate(loop_body(root).ops):
            if nest in refused or not is_nest(nest):
                continue
            refused.add(nest)
            parting = parting or Parting(body)
            for start in sorted(parting.starts(root, at)):
                found = parting.parted(root, start, nest)
                if found is not None:
                    yield found


def is_nest(op: Op) -> bool:
    """Whether an op is a loop with a loop in it."""
    return op.primitive == "for" and any(inner.primitive == "for" for inner in ops_within(loop_body(op)))


class Parting:
    """Loops of a body that may be parted."""

    def __init__(self, body: Block) -> None:
        self.body = body
        self.structure = find_structure(body)
        self.overwrites = Overwrites(self.structure)
        self.affine = self.overwrites.affine
        self.privatiser = Privatiser(Function("", body))

    def starts(self, root: Op, at: int) -> set[int]:
        """Where the second part may start for a nest of a trip: behind the last op that stores what it reads."""
        ops = loop_body(root).ops
        inside = [op for op in ops_of(ops[at]) if op.primitive in ACCESSES]
        stored = {self.structure.storage(op.operands[0]) for op in inside if op.primitive == "store"}
        read = {self.structure.storage(op.operands[0]) for op in inside if op.primitive == "load"} - stored
        if not any(op.operands[0].type.ndim > 1 for op in inside if op.primitive == "load"):
            return set()
        found = set()
        for storage in read:
            k = max((k for k in range(at) if self.stores(ops[k], storage)), default=None)
            if k is not None:
                found.add(k + 1)
        return found

    def stores(self, op: Op, storage: Value) -> bool:
        return any(
            inner.primitive == "store" and self.structure.storage(inner.operands[0]) is storage
            for inner in ops_of(op)
        )

    def is_private(self, root: Op, storage: Value) -> bool:
        """Whether each trip of a loop fills an array for itself."""
        made = self.structure.maker.get(self.structure.origin(storage))
        if made is None or made.primitive != "alloc" or self.structure.is_mixed(storage):
            return False
        if made in loop_body(root).ops:
            inside = defined_in(loop_body(root))
            return made.attributes["fill"] in ("empty", "zeros") and inside.isdisjoint(made.operands)
        slot = next((s for s in loop_slots(root) if self.structure.storage(s[1]) is storage), None)
        if slot is None or self.privatiser.allocation(slot[0]) is not made:
            return False
        return self.privatiser.ends_here(slot) and filled_first(
            loop_body(root), slot[1], made, self.overwrites.ranges
        )

    def parted(self, root: Op, start: int, nest: Op) -> Expanded | None:
        """The body with a loop parted behind the first ops of its trips; None where that may not be."""
        body = loop_body(root)
        if not all(op.primitive in ALLOWED or op.primitive in REGISTRY for op in ops_within(body)):
            return None
        accesses = [op for op in ops_within(body) if op.primitive in ACCESSES]
        if any(len(indices_of(op)) < op.operands[0].type.ndim for op in accesses):
            return None
        if any(self.structure.is_mixed(op.operands[0]) for op in accesses):
            return None
        parts = body.ops[:start], body.ops[start:]
        rows = self.rows(root, *parts)
        if rows is None:
            return None
        emission = Emission(self, root, parts, rows)
        if not emission.find_slots() or not emission.find_crossing():
            return None
        return emission.emitted(self.body, nest)

    def rows(self, root: Op, first: Sequence[Op], second: Sequence[Op]) -> dict[Value, Op] | None:
        """The private arrays that both parts touch, with their allocations; None if the parts may not be loops."""
        one, other = self.accesses(first), self.accesses(second)
        rows: dict[Value, Op] = {}
        for storage, mine in one.items():
            pairs = [(a, b) for a in mine for b in other.get(storage, ())]
            if all(a.primitive == b.primitive == "load" for a, b in pairs):
                continue
            if self.is_private(root, storage):
                made = self.structure.maker[self.structure.origin(storage)]
                between = last_version(first, storage, self.structure)
                if made in first or not filled_first(
                    Block((), tuple(second), ()), between, made, self.overwrites.ranges
                ):
                    rows[storage] = made
                continue
            if not all(
                a.primitive == b.primitive == "load" or self.overwrites.later_trip_misses(b, a, root)
                for a, b in pairs
            ):
                return None
        local = {op.result for op in first if op.primitive == "alloc"}
        used = {self.structure.origin(v) for op in second for v in free_values(Block((), (op,), ()))}
        if not {self.structure.storage(v) for v in local & used} <= rows.keys():
            return None
        return rows

    def accesses(self, ops: Sequence[Op]) -> dict[Value, list[Op]]:
        found: dict[Value, list[Op]] = {}
        for op in (inner for outer in ops for inner in ops_of(outer)):
            if op.primitive in ACCESSES:
                found.setdefault(self.structure.storage(op.operands[0]), []).append(op)
        return found


class Emission:
    """The two loops of one.

    `rows` : by storage, the allocation of an array of which each trip gets a row.
    `carried` : for each part the slots of the loop that it carries; those of arrays with rows are left out.
    `again` : what makes the numbers of the first part that the second one makes again.
    `lines` : the other numbers that the second part needs, which become arrays.
    `names` : what becomes of values.
    `moved` : what becomes of ops.
    """

    def __init__(
        self, parting: Parting, root: Op, parts: tuple[Sequence[Op], Sequence[Op]], rows: dict[Value, Op]
    ) -> None:
        self.structure, self.affine = parting.structure, parting.affine
        self.root, self.parts, self.rows = root, parts, rows
        self.inside = defined_in(loop_body(root))
        self.read = [free_values(Block((), tuple(ops), ())) for ops in parts]
        self.makers = {v: op for op in parts[0] for v in op.results}
        self.stored = [{self.storage(op.operands[0]) for op in stores_of(ops)} for ops in parts]
        self.carried: tuple[list[Slot], list[Slot]] = ([], [])
        self.again: dict[Value, Op] = {}
        self.lines: list[Value] = []
        self.names: dict[Value, Value] = {}
        self.moved: dict[Op, Op] = {}

    def storage(self, version: Value) -> Value | None:
        return self.structure.storage(version) if ty.is_array(version.type) else None

    def find_slots(self) -> bool:
        """Find what each part carries; whether no number goes from the second part of a trip to the next trip's first
        part, or through both."""
        made = [{v for op in ops for v in op.results} for ops in self.parts]
        for slot in loop_slots(self.root):
            _, parameter, yielded, _ = slot
            if ty.is_array(parameter.type):
                for k in (0, 1):
                    if self.storage(parameter) in self.stored[k] - self.rows.keys():
                        self.carried[k].append(slot)
                continue
            k = int(yielded in made[1])
            if yielded not in made[k] or parameter in self.read[1 - k]:
                return False
            self.carried[k].append(slot)
        return True

    def find_crossing(self) -> bool:
        """Find how the second part gets the numbers that the first one makes; whether they can be kept."""
        for value in self.read[1]:
            if value in self.makers and not ty.is_array(value.type) and not self.is_made_again(value):
                self.lines.append(value)
        return all(ty.is_scalar(value.type) for value in self.lines)

    def is_made_again(self, value: Value) -> bool:
        """Whether the second part can make a number: an integer that follows from the index, or what is loaded from an
        array that nothing stores into."""
        if value in self.again or value.is_constant or value not in self.inside:
            return True
        op = self.makers.get(value)
        if op is None:
            return value is loop_body(self.root).parameters[0]
        if op.primitive == "load":
            if self.structure.stores.get(self.structure.storage(op.operands[0])):
                return False
        elif op.primitive not in ("cast", "shape", *REGISTRY) or not ty.is_integer(value.type):
            return False
        if not all(
            self.storage(v) not in self.rows if ty.is_array(v.type) else self.is_made_again(v)
            for v in op.operands
        ):
            return False
        self.again[value] = op
        return True

    # ------------------------------------------------------------------------------------------ the two loops

    def emitted(self, body: Block, nest: Op) -> Expanded:
        """The body with the two loops."""
        with Builder(self.root.location) as builder:
            kept = self.allocated(builder)
            for initial, parameter, _, result in loop_slots(self.root):
                if ty.is_array(parameter.type):
                    self.names[parameter] = self.names[result] = initial
            self.loop(builder, 0, kept)
            second = self.loop(builder, 1, kept)
        k = body.ops.index(self.root)
        ends = {r: self.names[r] for r in self.root.results}
        rest = substitute(Block((), body.ops[k + 1 :], body.results), ends)
        ops = (*body.ops[:k], *builder.ops, *rest.ops)
        return Expanded(Block(body.parameters, ops, rest.results), second, self.moved[nest])

    def allocated(self, builder: Builder) -> dict[Value, Value]:
        """The arrays of rows and of elements, one for each trip, by storage or number."""
        low, high, _ = self.root.operands[:3]
        if not self.affine.is_not_negative(self.affine.form(high) - self.affine.form(low)):
            trips = trip_count(builder, self.root)
        elif is_number(low, 0):
            trips = high
        else:
            trips = builder.emit("sub", (high, low), ty.int64)
        kept: dict[Value, Value] = {}
        for storage, made in self.rows.items():
            fill = made.attributes["fill"] if made in self.parts[0] else "empty"
            lengths = (trips, *made.operands)
            kept[storage] = builder.emit(
                "alloc", lengths, self.widened(storage), {"fill": fill}, storage.name
            )
        for value in self.lines:
            kept[value] = builder.emit(
                "alloc", (trips,), ty.array(value.type, 1, "C"), {"fill": "empty"}, value.name
            )
        return kept

    def widened(self, version: Value) -> ty.Type:
        return ty.array(version.type.dtype, version.type.ndim + 1, "C")

    def loop(self, builder: Builder, part: int, kept: dict[Value, Value]) -> Op:
        """Emit the loop of a part; `kept` are the arrays of rows and elements as they are before and behind it."""
        low, high, step = self.root.operands[:3]
        index = loop_body(self.root).parameters[0]
        own = Value(index.name, index.type)
        self.names[index] = own
        wide = [key for key in kept if key in self.stored[part] or (part == 0 and key in self.lines)]
        initials = [
            *(self.names.get(p, i) for i, p, _, _ in self.carried[part]),
            *(kept[key] for key in wide),
        ]
        parameters = [Value(v.name, v.type) for v in initials]
        self.names.update(zip((p for _, p, _, _ in self.carried[part]), parameters, strict=False))
        now = {**kept, **dict(zip(wide, parameters[len(self.carried[part]) :], strict=True))}
        self.enter(part, now)
        with Builder(self.root.location) as inside:
            place = trip_number(inside, own, low, step)
            if part == 1:
                self.cross(inside, place, now)
            for op in self.parts[part]:
                if op in self.rows.values():
                    continue
                inside.append(self.moved_op(op, place))
            lasts = [self.last(yielded, part) for _, _, yielded, _ in self.carried[part]]
            ends = [self.names.get(v, v) for v in lasts]
            for key in wide:
                if key in self.lines:
                    value = self.names.get(key, key)
                    ends.append(inside.emit("store", (now[key], place, value), now[key].type, name=key.name))
                else:
                    ends.append(self.names[self.last(key, part)])
        results = tuple(Value(v.name, v.type) for v in parameters)
        block = inside.block((own, *parameters), ends)
        loop = builder.region("for", (low, high, step, *initials), (block,), results)
        for (_, p, _, r), result in zip(self.carried[part], results, strict=False):
            self.names[p] = self.names[r] = result
        kept.update(zip(wide, results[len(self.carried[part]) :], strict=True))
        return loop

    def last(self, value: Value, part: int) -> Value:
        """The last version of an array in a part; of anything else the value itself."""
        storage = self.storage(value)
        return value if storage is None else last_version(self.parts[part], storage, self.structure)

    def enter(self, part: int, now: dict[Value, Value]) -> None:
        """Name the versions that a part begins with."""
        if part == 1:
            carried = {self.storage(p): p for _, p, _, _ in loop_slots(self.root) if ty.is_array(p.type)}
            for op in self.parts[0]:
                for version in op.results:
                    storage = self.storage(version)
                    if storage is None:
                        continue
                    if storage in self.rows:
                        self.names[version] = now[storage]
                    elif storage in carried:
                        self.names[version] = self.names[carried[storage]]
            return
        for storage, made in self.rows.items():
            self.names[made.result] = now[storage]
            for _, parameter, _, _ in loop_slots(self.root):
                if self.storage(parameter) is storage:
                    self.names[parameter] = now[storage]

    def cross(self, builder: Builder, place: Value, now: dict[Value, Value]) -> None:
        """Emit the numbers that the second part gets from the first one."""
        for value, op in self.again.items():
            operands = tuple(self.names.get(v, v) for v in op.operands)
            self.names[value] = builder.append(rename_op(replace(op, operands=operands), {}))[0]
        for value in self.lines:
            self.names[value] = builder.emit("load", (now[value], place), value.type, name=value.name)

    def moved_op(self, op: Op, place: Value) -> Op:
        """An op of a trip, on the row of the trip where an array has rows."""
        operands = tuple(self.names.get(v, v) for v in op.operands)
        attributes = op.attributes
        if op.operands and self.storage(op.operands[0]) in self.rows:
            if op.primitive in ACCESSES:
                operands = (operands[0], place, *operands[1:])
            elif op.primitive == "shape":
                attributes = {**attributes, "axis": attributes["axis"] + 1}
        results = tuple(map(self.renamed, op.results))
        regions = tuple(self.moved_block(region, place) for region in op.regions)
        self.moved[op] = replace(
            op, operands=operands, results=results, regions=regions, attributes=attributes
        )
        return self.moved[op]

    def moved_block(self, block: Block, place: Value) -> Block:
        parameters = tuple(map(self.renamed, block.parameters))
        ops = tuple(self.moved_op(op, place) for op in block.ops)
        return Block(parameters, ops, tuple(self.names.get(v, v) for v in block.results))

    def renamed(self, value: Value) -> Value:
        """What becomes of a result: a version of an array with rows is one of the array of them."""
        if self.storage(value) in self.rows:
            self.names[value] = Value(value.name, self.widened(value))
        return self.names.get(value, value)


def last_version(ops: Sequence[Op], storage: Value, structure: Structure) -> Value:
    """The version of an array that ops leave."""
    return next(
        v
        for op in reversed(ops)
        for v in op.results
        if ty.is_array(v.type) and structure.storage(v) is storage
    )


def stores_of(ops: Sequence[Op]) -> Iterator[Op]:
    return (inner for op in ops for inner in ops_of(op) if inner.primitive == "store")


__all__ = ["Expanded", "expansions"]
