"""Where every value is defined: the ops around it, the op that makes it, the storage an array version lives in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from ..ir import types as ty
from ..ir.core import IN_PLACE, Block, Op, Value, loop_body, loop_slots


@dataclass
class Structure:
    """Tables over one function body.

    `home` : the region ops around the definition of a value, outermost first.
    `maker` : the op a value results from; parameters of regions have the op of the region.
    `around` : the region ops around an op.
    `place` : the position of an op in its block.
    `loops` : loops by token, reverse loops by the token of what they reverse.
    `storage` : for an array version, a version that names its memory; versions connected by stores share it.
    `made` : the arrays as they are first made: parameters, allocations, copies, results of calls.
    `mixed` : storages that several arrays swap through or may be.
    """

    home: dict[Value, tuple[Op, ...]] = field(default_factory=dict)
    maker: dict[Value, Op] = field(default_factory=dict)
    around: dict[Op, tuple[Op, ...]] = field(default_factory=dict)
    place: dict[Op, int] = field(default_factory=dict)
    arm: dict[Op, int] = field(default_factory=dict)
    loops: dict[int, Op] = field(default_factory=dict)
    parents: dict[Value, Value] = field(default_factory=dict)
    roots: dict[Value, Value] = field(default_factory=dict)
    made: list[Value] = field(default_factory=list)
    mixed: set[Value] = field(default_factory=set)
    stores: dict[Value, list[Op]] = field(default_factory=dict)

    def storage(self, version: Value) -> Value:
        while version in self.parents:
            version = self.parents[version]
        return version

    def join(self, a: Value, b: Value) -> None:
        a, b = self.storage(a), self.storage(b)
        if a is not b:
            self.parents[b] = a
            if b in self.mixed:
                self.mixed.add(a)
            self.stores.setdefault(a, []).extend(self.stores.pop(b, []))

    def is_mixed(self, version: Value) -> bool:
        return self.storage(version) in self.mixed

    def grows(self, version: Value) -> bool:
        """Whether an array is exchanged for a longer one where it is full."""
        return any(store.primitive == "ensure" for store in self.stores.get(self.storage(version), ()))

    def is_in_shared_memory(self, version: Value) -> bool:
        """Whether other threads may store into an array."""
        made = self.maker.get(self.origin(version))
        return made is not None and bool(made.attributes.get("shared_memory"))

    def origin(self, version: Value) -> Value:
        """The first version of the same array: a parameter, an allocation, a copy, or where arrays join."""
        while version in self.roots:
            version = self.roots[version]
        return version

    def sources(self, version: Value) -> list[Value]:
        """The arrays, as they are first made, that a version may be."""
        storage = self.storage(version)
        return [value for value in self.made if self.storage(value) is storage]


@lru_cache(maxsize=2)  # one pass after the other asks for that of the same program
def find_structure(function_body: Block) -> Structure:
    s = Structure()
    for value in function_body.parameters:
        s.home[value] = ()
        if ty.is_array(value.type):
            s.made.append(value)

    def visit(block: Block, around: tuple[Op, ...], arm: int) -> None:
        for k, op in enumerate(block.ops):
            s.around[op] = around
            s.place[op] = k
            s.arm[op] = arm
            for value in op.results:
                s.home[value] = around
                s.maker[value] = op
            if op.primitive in IN_PLACE:
                s.roots[op.result] = op.operands[0]
                s.join(op.operands[0], op.result)
                s.stores.setdefault(s.storage(op.result), []).append(op)
            elif not op.regions:
                s.made.extend(value for value in op.results if ty.is_array(value.type))
            if op.primitive in ("for", "while"):
                loop(op, around)
            elif op.primitive == "if":
                for n, region in enumerate(op.regions):
                    visit(region, (*around, op), n)
                for result, a, b in zip(
                    op.results, op.regions[0].results, op.regions[1].results, strict=True
                ):
                    if ty.is_array(result.type):
                        if s.origin(a) is s.origin(b):
                            s.roots[result] = a
                        s.join(a, b)
                        s.join(a, result)
                        if s.origin(a) is not s.origin(b):
                            s.mixed.add(s.storage(a))

    def loop(op: Op, around: tuple[Op, ...]) -> None:
        if "token" in op.attributes:
            s.loops[op.attributes["token"]] = op
        inside = (*around, op)
        for region in op.regions:
            for value in region.parameters:
                s.home[value] = inside
                s.maker[value] = op
        slots = [slot for slot in loop_slots(op) if ty.is_array(slot[0].type)]
        # The condition of a `while` has parameters of its own for what the loop carries.
        tested = (
            [v for v in op.regions[0].parameters if ty.is_array(v.type)] if op.primitive == "while" else []
        )
        for initial, parameter, _, result in slots:
            s.roots[parameter] = s.roots[result] = initial
        for (initial, *_), held in zip(slots, tested, strict=False):
            s.roots[held] = initial
        for k, region in enumerate(op.regions):
            visit(region, inside, k)
        for (initial, *_), held in zip(slots, tested, strict=False):
            s.join(initial, held)
        for initial, parameter, yielded, result in slots:
            for other in (parameter, yielded, result):
                s.join(initial, other)
            if s.origin(yielded) is not s.origin(initial):
                s.mixed.add(s.storage(initial))
        for initial, parameter, _, result in slots:
            if s.is_mixed(initial):
                s.roots.pop(parameter, None)
                s.roots.pop(result, None)
        for (initial, *_), held in zip(slots, tested, strict=False):
            if s.is_mixed(initial):
                s.roots.pop(held, None)

    visit(function_body, (), 0)
    for version in s.roots:  # in the order of the program, so that each finds the next one settled
        s.roots[version] = s.origin(version)
    return s


def has_states(s: Structure, array: Value, loops: Sequence[Op]) -> bool:
    """Whether what an array holds at the start of each trip of nested loops can be recorded: it is of one thread and
    of one size, made before them, and so is what it may swap with."""
    sources = s.sources(array)
    return not s.grows(array) and not any(
        loops[0] in s.home[source] or s.is_in_shared_memory(source) for source in sources
    )


def induction(structure: Structure, value: Value) -> tuple[Op, Value, int] | None:
    """(loop, initial value, step) of a carried integer that changes by a constant in each trip."""
    loop = structure.maker.get(value)
    if loop is None or loop.primitive not in ("for", "while") or value.type != ty.int64:
        return None
    for initial, parameter, yielded, _ in loop_slots(loop):
        if parameter is not value:
            continue
        made = structure.maker.get(yielded)
        if made is None or made.primitive not in ("add", "sub") or yielded not in made.results:
            return None
        a, b = made.operands
        if a is value and b.is_constant:
            return loop, initial, b.constant if made.primitive == "add" else -b.constant
        if b is value and a.is_constant and made.primitive == "add":
            return loop, initial, a.constant
    return None


def scaling(structure: Structure, value: Value) -> tuple[Op, Value, str, int] | None:
    """(loop, initial value, `lshift` or `rshift`, bits) of a carried integer that every trip shifts by so many bits."""
    loop = structure.maker.get(value)
    if loop is None or loop.primitive not in ("for", "while") or value.type != ty.int64:
        return None
    for initial, parameter, yielded, _ in loop_slots(loop):
        made = structure.maker.get(yielded)
        if parameter is not value or made is None or yielded not in made.results or len(made.operands) != 2:
            continue
        a, b = made.operands
        if a is value and b.is_constant:
            if made.primitive in ("lshift", "rshift"):
                return loop, initial, made.primitive, b.constant
            halves = made.primitive == "floordiv"
            if halves or made.primitive == "mul":
                bits = int(b.constant).bit_length() - 1
                if bits > 0 and b.constant == 1 << bits:
                    return loop, initial, "rshift" if halves else "lshift", bits
    return None


def index_of(loop: Op) -> Value | None:
    return loop_body(loop).parameters[0] if loop.primitive == "for" else None
