"""Estimate what a function costs to run, to choose between ways of writing it.

Additions count 1, what the rows say for other arithmetic, loads and stores by where the memory is likely to be; every
loop is taken to make the same number of trips. Only ratios between versions of one function mean something.
"""

from __future__ import annotations

from ..ir import types as ty
from ..ir.core import Block, Op, Value, loop_body, loop_slots
from ..primitives import REGISTRY

CHEAP = 12  # additions: what one tape write and read are worth
TRIPS = 16  # of a loop of which nothing is known
ELEMENT = 1  # a load or store of an array that is likely to be in a near cache
TAPE = 6  # of one that is written once and read once, far apart


def estimate(body: Block) -> float:
    """The cost of a block, in additions."""
    far: set[Value] = set()
    return sum(cost(op, far, 0) for op in body.ops)


def cost(op: Op, far: set[Value], depth: int) -> float:
    match op.primitive:
        case "for" | "while":
            for initial, parameter, _, result in loop_slots(op):
                if initial in far:
                    far.update((parameter, result))
            inner = sum(cost(o, far, depth + 1) for region in op.regions for o in region.ops)
            slots = sum(1 for value in loop_body(op).parameters if not ty.is_array(value.type))
            return TRIPS * (inner + slots)
        case "if":
            return 1 + sum(cost(o, far, depth) for region in op.regions for o in region.ops) / 2
        case "alloc":
            if op.attributes.get("tape") and not depth:
                far.add(op.result)
            if op.attributes.get("shared_memory"):
                return 1
            return TRIPS ** len(op.operands) / 8 if not op.attributes.get("tape") else 0.0
        case "load" | "store" | "accum":
            array = op.operands[0]
            if op.primitive != "load" and array in far:
                far.add(op.result)
            return TAPE if array in far else ELEMENT * (2 if op.primitive == "accum" else 1)
        case "ensure":
            if op.operands[0] in far:
                far.add(op.result)
            return 2
        case "shape" | "cast":
            return 0
        case _:
            row = REGISTRY.get(op.primitive)
            return row.cost if row is not None else 1
