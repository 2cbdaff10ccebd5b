"""Walk a program in its order of execution, and supply what it reads out of scope.

    for i in range(n): x = sin(x)                      for i in range(n): x = sin(x)
    for i in range(n), descending:                ->   for i in range(n), descending:
        x_bar = x_bar * cos(x of the closed loop)          x_bar = x_bar * cos(x_tape[i])

The walk keeps which values are in scope, which array versions a store has consumed, and which reverse loops are open.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.overwrites import Overwrites
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import IN_PLACE, Block, Op, Value, loop_slots
from ..ir.walk import free_values_of
from .recording import Choices
from .sources import Sources


class Placer(Sources):
    """Walks the program in its order of execution; what is read out of scope is supplied."""

    def __init__(self, overwrites: Overwrites, choices: Choices) -> None:
        super().__init__(overwrites, choices)
        self.pointers: dict[Value, tuple[Value, ...]] = {}  # results of `if` and loops -> what they may be
        self.original: dict[Op, Op] = {}

    def run(self, body: Block) -> Block:
        self.enter(body.parameters)
        with Builder() as builder:
            self.builders.append(builder)
            self.ops(body)
            results = tuple(self.supplied(v) for v in body.results)
        return Block(body.parameters, tuple(builder.ops), results)

    def enter(self, values: tuple[Value, ...]) -> None:
        for value in values:
            self.scope.add(value)
            if ty.is_array(value.type):
                self.latest[self.structure.storage(value)] = value

    def ops(self, block: Block) -> None:
        for op in block.ops:
            self.builder.location = op.location
            match op.primitive:
                case "for" | "while":
                    self.loop(op)
                case "if":
                    self.branch(op)
                case "zeros_like":
                    self.zeros_like(op)
                    self.enter(op.results)
                case "restore":
                    self.restore(op)
                    self.enter(op.results)
                case "shape" if not self.is_held(op.operands[0]):
                    self.memo[op.result] = self.length_of(op.operands[0], op.attributes["axis"])
                case _:
                    operands = tuple(self.supplied(v) for v in op.operands)
                    if op.primitive == "load" and operands[0] in self.spent:
                        # In a trip that is made again: the element is known to be what it was.
                        operands = (self.holder(operands[0]) or operands[0], *operands[1:])
                    if op.primitive in IN_PLACE:
                        self.spend(op.operands[0])
                    if any(a is not b for a, b in zip(operands, op.operands, strict=True)):
                        op = replace(op, operands=operands)
                    self.builder.append(op)
                    self.enter(op.results)

    def spend(self, version: Value) -> None:
        """A store consumes a version, and with it every array whose memory it may be."""
        self.spent.add(version)
        for other in self.pointers.get(version, ()):
            if other not in self.spent:
                self.spend(other)

    # ----------------------------------------------------------------------------------------- regions

    def region(self, block: Block) -> Builder:
        builder = Builder(self.builder.location)
        self.builders.append(builder)
        with builder:
            self.ops(block)
        return builder

    def leave(self, scope: set[Value], memo: dict[Value, Value]) -> None:
        self.builders.pop()
        self.scope, self.memo = scope, memo

    def branch(self, op: Op) -> None:
        condition = self.supplied(op.operands[0])
        scope, memo, spent, latest = set(self.scope), dict(self.memo), set(self.spent), dict(self.latest)
        regions, after = [], set(spent)
        for region in op.regions:
            self.scope, self.memo, self.spent, self.latest = set(scope), dict(memo), set(spent), dict(latest)
            self.open.append(op)
            builder = self.region(region)
            results = tuple(self.supplied(v) for v in region.results)
            self.open.pop()
            regions.append(Block((), tuple(builder.ops), results))
            after |= self.spent
            self.leave(set(scope), dict(memo))
        self.spent, self.latest = after, latest
        for k, result in enumerate(op.results):
            if ty.is_array(result.type):
                self.pointers[result] = tuple(region.results[k] for region in op.regions)
        new = replace(op, operands=(condition,), regions=tuple(regions))
        self.same(op, new)
        self.builder.append(new)
        self.enter(op.results)

    def same(self, old: Op, new: Op) -> None:
        """Remember what an op was before it was rewritten: the facts are about that."""
        self.original[new] = old

    def loop(self, op: Op) -> None:
        self.fetch_ahead(op)
        operands = tuple(self.supplied(v) for v in op.operands)
        scope, memo, latest = set(self.scope), dict(self.memo), dict(self.latest)
        slots = loop_slots(op)
        for initial, parameter, yielded, _ in slots:
            if ty.is_array(initial.type) and yielded is not parameter:
                self.spend(initial)
        regions = []
        reverses = op.attributes.get("reverses")
        for region in op.regions:
            self.scope, self.memo = set(scope), dict(memo)
            self.enter(region.parameters)
            self.open.append(op)
            if reverses is not None:
                self.trips[reverses] = (replace(op, operands=operands), region.parameters[0])
                self.states_here[reverses] = {}
            builder = self.region(region)
            results = tuple(self.supplied(v) for v in region.results)
            if reverses is not None:
                self.restore_first(builder, self.states_here.pop(reverses))
            self.open.pop()
            if reverses is not None:
                del self.trips[reverses]
            regions.append(Block(region.parameters, tuple(builder.ops), results))
            self.leave(set(scope), dict(memo))
        self.latest = latest
        for _, parameter, yielded, result in slots:
            if ty.is_array(result.type) and yielded is not parameter:
                self.pointers[result] = (yielded,)
                if yielded in scope:  # the next trip may write it
                    self.spend(yielded)
        new = replace(op, operands=operands, regions=tuple(regions))
        self.same(op, new)
        self.builder.append(new)
        self.enter(op.results)

    def restore_first(self, builder: Builder, states: dict[Value, Value]) -> None:
        """Put what restores the states that a trip reads in front of it."""
        with Builder(builder.location) as head:
            self.builders.append(head)
            for array, here in states.items():
                self.restored(array, here)
            self.builders.pop()
        builder.ops[:0] = head.ops

    def fetch_ahead(self, op: Op) -> None:
        """Before an inner loop, fetch what does not change in it."""
        for value in free_values_of(op):
            if value in self.scope or value in self.memo or ty.is_array(value.type):
                continue
            if all(loop.attributes["token"] in self.trips for loop in self.closed_loops(value)):
                self.source(value, may_record=True)

    def zeros_like(self, op: Op) -> None:
        """A cotangent array: as long as the array, of which any version in scope tells the shape."""
        (array,) = op.operands
        made = self.structure.maker.get(self.structure.origin(array))
        work = made is not None and bool(made.attributes.get("work"))
        if work:
            op = replace(op, attributes={**op.attributes, "work": True})
        held = self.holder(array)
        if held is not None and not work:
            self.builder.append(replace(op, operands=(held,)))
            return
        origin = self.structure.origin(array)
        if self.structure.grows(array):
            lengths = tuple(self.length_of(array, axis) for axis in range(array.type.ndim))
        elif origin in self.scope and not work:
            self.builder.append(replace(op, operands=(origin,)))
            return
        elif made is not None and made.primitive == "alloc":
            lengths = tuple(self.supplied(n) for n in made.operands)
        elif made is not None and made.primitive == "copy":
            self.zeros_like(replace(op, operands=made.operands))
            return
        else:
            lengths = tuple(self.length_of(origin, axis) for axis in range(array.type.ndim))
        self.builder.append(
            replace(op, primitive="alloc", operands=lengths, attributes={**op.attributes, "fill": "zeros"})
        )

    # ----------------------------------------------------------------------------------------- states

    def restore(self, op: Op) -> None:
        """An array as it was when the trip began that the reverse sweep is at, in memory of its own."""
        self.restored(op.operands[0], op.result)
