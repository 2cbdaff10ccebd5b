"""Find the values that are put where they are used, so that they need no name.

    t1 = sin x          ->    y = math.sin(x) + z
    y = add t1 z

Such a value is used once, later in the same block, with nothing in between that writes what it reads. What the user
has named, and what would make a long text, keeps its name; a term that is added to a sum of its own name needs none.
"""

from __future__ import annotations

from ..ir import types as ty
from ..ir.core import IN_PLACE, Block, Op, Value, loop_slots, written_in_place
from ..ir.walk import ops_within, uses_in
from ..primitives import ARRAYS, REGISTRY

EXPRESSIONS = {"load", "shape", "cast", "stop_gradient"}


class Inlining:
    """The values of a function that are put where they are used."""

    def __init__(self, body: Block) -> None:
        self.uses: dict[Value, int] = {}
        for value in uses_in(body):
            self.uses[value] = self.uses.get(value, 0) + 1
        self.inlined: dict[Value, Op] = {}
        self.sizes: dict[Value, int] = {}
        self.written: dict[Op, set[Value]] = {}
        self.storage = storages(body)
        self.choose_inlined(body, last=True)

    def choose_inlined(self, block: Block, last: bool = False) -> None:
        """Find the values that are used once, later in the same block, with nothing in between that matters."""
        for op in block.ops:
            for region in op.regions:
                self.choose_inlined(region, last=op.primitive == "while" and region is op.regions[0])
        position = {op: k for k, op in enumerate(block.ops)}
        consumer: dict[Value, tuple[int, Op | None]] = {}
        for k, op in enumerate(block.ops):
            for value in op.operands:
                consumer[value] = (k, op)
        if last:
            for value in block.results:
                consumer[value] = (len(block.ops), None)
        for op in block.ops:
            if not self.is_expression(op):
                continue
            (result,) = op.results
            if self.uses.get(result, 0) != 1 or result not in consumer:
                continue
            at, by = consumer[result]
            if by is not None and by.primitive in IN_PLACE and by.operands[0] is result:
                continue  # what is written in place needs a name
            is_stored = by is not None and by.primitive in ("store", "accum") and by.operands[-1] is result
            if by is not None and op.primitive not in ("select", "if"):
                is_stored |= is_added_to_namesake(result, by)
            if result.name and (op.primitive == "numpy" or not is_stored):
                continue
            if by is not None and by.primitive in ("opaque", "while"):
                continue
            if by is not None and by.primitive == "for" and result not in by.operands[:3]:
                continue
            size = sum(self.sizes.get(x, 0) for x in parts_of(op) if x in self.inlined)
            size += not op.attributes.get("view")
            if size > 7:
                continue
            read = self.storages_read(op)
            between = block.ops[position[op] + 1 : at]
            if read and any(read & self.writes(other) for other in between):
                continue
            if not ty.is_boolean(result.type) and any(
                other.primitive == "reverse_sweep" for other in between
            ):
                continue
            self.inlined[result] = op
            self.sizes[result] = size

    def is_expression(self, op: Op) -> bool:
        if op.primitive == "if":
            return (
                len(op.results) == 1
                and not ty.is_array(op.results[0].type)
                and all(all(is_inlined(inner, self.inlined) for inner in region.ops) for region in op.regions)
                and all(self.ends_in(region) for region in op.regions)
            )
        if op.primitive in ARRAYS:
            return len(op.results) == 1
        return op.primitive in EXPRESSIONS or op.primitive in REGISTRY or op.primitive == "numpy"

    def ends_in(self, region: Block) -> bool:
        """Whether an arm without statements yields an expression."""
        (value,) = region.results
        if not region.ops:
            return True
        last = region.ops[-1]
        return last.results[:1] == (value,) and self.uses.get(value) == 1 and is_inlined(last, self.inlined)

    def storages_read(self, op: Op) -> set[Value]:
        found: set[Value] = set()
        if op.primitive == "load":
            found.add(self.storage.find(op.operands[0]))
        elif op.primitive in ARRAYS or op.primitive == "numpy":
            found.update(map(self.storage.find, op.operands))
        for value in parts_of(op):
            if value in self.inlined:
                found |= self.storages_read(self.inlined[value])
        for region in op.regions:
            for inner in region.ops:
                found |= self.storages_read(inner)
        return found

    def writes(self, op: Op) -> set[Value]:
        if op not in self.written:
            found = {self.storage.find(version) for version, _ in written_in_place(op)}
            for region in op.regions:
                for inner in region.ops:
                    found |= self.writes(inner)
            self.written[op] = found
        return self.written[op]


def is_added_to_namesake(term: Value, op: Op) -> bool:
    """Whether an op adds a term to a sum that has its name, as a share of a cotangent does."""
    return op.primitive in ("add", "sub") and all(v.name == term.name for v in (*op.operands, op.result))


def is_inlined(op: Op, inlined: dict[Value, Op]) -> bool:
    """Whether an op is printed where its result is used."""
    return bool(op.results) and op.results[0] in inlined


def parts_of(op: Op) -> list[Value]:
    """What the text of an op is made of: its operands, and what its regions yield."""
    return [*op.operands, *(v for region in op.regions for v in region.results)]


class Storages:
    """Which array versions are one memory, for the order of loads and stores."""

    def __init__(self) -> None:
        self.parents: dict[Value, Value] = {}

    def find(self, value: Value) -> Value:
        while value in self.parents:
            value = self.parents[value]
        return value

    def join(self, a: Value, b: Value) -> None:
        a, b = self.find(a), self.find(b)
        if a is not b:
            self.parents[b] = a


def storages(body: Block) -> Storages:
    found = Storages()
    for op in ops_within(body):
        for version, later in written_in_place(op):
            found.join(version, later)
        if op.attributes.get("view"):
            found.join(op.operands[0], op.result)
        elif op.primitive == "if":
            for k, result in enumerate(op.results):
                if ty.is_array(result.type):
                    for region in op.regions:
                        found.join(region.results[k], result)
        elif op.primitive in ("for", "while"):
            for slot in loop_slots(op):
                if ty.is_array(slot[0].type):
                    for other in slot[1:]:
                        found.join(slot[0], other)
    return found
