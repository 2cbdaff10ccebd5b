"""Which values are the same in all threads of a block, and whether all of them reach every barrier.

    w = 16                       # uniform
    while w > 0:                 # uniform: all threads make the same trips
        if t < w:                # varying: a barrier in here would not be reached by all
            ...
        barrier
        w = w // 2

Sizes, numbers that are passed in, indices of blocks, and what is computed from those or read at uniform places are
uniform; what passes through a branch or a loop that differs between threads is not. Reads: structure, threads.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import DivergentBarrier
from ..ir import types as ty
from ..ir.core import Block, Function, Op, Value, leaves_early, loop_body, loop_slots
from ..ir.walk import ops_within
from ..primitives import REGISTRY
from .threads import Threads

OF_A_THREAD = ("grid", "thread", "rank")
FAILING = ("require", "raise", "ensure")


class Uniformity:
    """The values of a kernel that may differ between the threads of a block."""

    def __init__(self, function: Function, threads: Threads) -> None:
        self.structure = threads.structure
        self.parameters = frozenset(function.parameters)
        self.positions = frozenset(v for v, (kind, _) in threads.atoms.items() if kind in OF_A_THREAD)
        self.varying = set(self.positions)
        self.memory: set[Value] = set()  # arrays of a thread that may hold other elements in another one
        known = -1
        while known < len(self.memory):
            known = len(self.memory)
            self.block(function.body)

    def block(self, block: Block) -> None:
        for op in block.ops:
            match op.primitive:
                case "position":
                    pass
                case "for" | "while":
                    self.loop(op)
                case "if":
                    self.branch(op)
                case "store" | "accum":
                    if any(x in self.varying for x in op.operands[1:]) or not self.is_reached_by_all(op):
                        self.memory.add(self.structure.storage(op.result))
                case _ if self.may_vary(op):
                    self.add(op.results)

    def may_vary(self, op: Op) -> bool:
        if op.primitive == "load":
            array, *where = op.operands
            storage = self.structure.storage(array)
            given = self.structure.origin(array) in self.parameters
            if given and self.structure.stores.get(storage):
                return True
            if storage in self.memory and not self.structure.is_in_shared_memory(array):
                return True
            return any(i in self.varying for i in where)
        if op.primitive in REGISTRY or op.primitive in ("cast", "shape", "stop_gradient"):
            return any(x in self.varying for x in op.operands)
        return True

    def add(self, values: Iterable[Value]) -> None:
        self.varying.update(v for v in values if not ty.is_array(v.type) and not v.is_constant)

    def branch(self, op: Op) -> None:
        for region in op.regions:
            self.block(region)
        differs = not self.all_reach(op)
        for result, *arms in zip(op.results, *(region.results for region in op.regions), strict=True):
            if differs or any(v in self.varying for v in arms):
                self.add((result,))

    def loop(self, op: Op) -> None:
        while True:
            before = len(self.varying)
            for region in op.regions:
                self.block(region)
            for initial, parameter, yielded, _ in loop_slots(op):
                if initial in self.varying or yielded in self.varying:
                    self.add((parameter,))
                    if op.primitive == "while":
                        k = loop_body(op).parameters.index(parameter)
                        self.add((op.regions[0].parameters[k],))
            if not self.all_reach(op):
                self.add(loop_body(op).parameters)
                for region in op.regions:
                    self.add(region.parameters)
                self.add(op.results)
            if len(self.varying) == before:
                break
        self.add(r for _, p, y, r in loop_slots(op) if p in self.varying or y in self.varying)

    def all_reach(self, op: Op) -> bool:
        """Whether an op that holds others has the same course in all threads that reach it."""
        if op.primitive == "if":
            decides = list(op.operands)
        elif op.primitive == "for":
            decides = list(op.operands[:3])
        else:
            decides = list(op.regions[0].results)
        if leaves_early(op):
            decides.append(loop_body(op).results[0])
        return not any(v in self.varying for v in decides)

    def is_reached_by_all(self, op: Op) -> bool:
        """Whether all threads of a block run an op, as often, or none does."""
        return all(map(self.all_reach, self.structure.around[op]))

    def ends_some(self, op: Op) -> bool:
        """Whether an op may end some threads of a block while others go on."""
        if op.primitive not in FAILING:
            return False
        decides = op.operands[1:] if op.primitive == "ensure" else op.operands
        return any(v in self.varying for v in decides) or not self.is_reached_by_all(op)


def check_barriers(function: Function, threads: Threads) -> None:
    """Refuse barriers that not all threads of a block reach.

    Raises
    ------
    DivergentBarrier
    """
    barriers = [op for op in ops_within(function.body) if op.primitive == "barrier"]
    uniformity = Uniformity(function, threads) if barriers else None
    for op in barriers:
        if uniformity is not None and not uniformity.is_reached_by_all(op):
            raise DivergentBarrier(
                "`cuda.syncthreads()` where not all threads of a block come",
                op.location,
                "a branch or a loop around it, or a `return` before it, differs between threads",
                "the barrier outside: `if i < n:` around the accesses only, not around the barrier",
            )


__all__ = ["Uniformity", "check_barriers"]
