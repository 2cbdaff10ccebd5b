"""Remove what nothing needs: ops without a used result, slots that only feed themselves.

    for i in range(n):            for i in range(n):
        s = s + x[i]       ->         s = s + x[i]
        k = k + 1                 return s
    return s

Marks from the results and from ops with an effect, then sweeps. A value that the reverse sweep reads from a closed
region counts as used. Reads: nothing. Gives a new block.
"""

from __future__ import annotations

from dataclasses import replace

from ..ir.core import Block, Function, Op, Value, carried, leaves_early, loop_body, loop_slots
from ..ir.walk import same, shared

EFFECTS = {"require", "raise", "opaque", "reverse_sweep", "release", "push", "pop"}


def eliminate_dead(function: Function) -> Function:
    """Remove it; the same function where there is nothing to remove."""
    body = sweep(function.body, find_live(function.body))
    return function if body is function.body else replace(function, body=body)


def find_live(body: Block) -> set[Value | Op]:
    """The values and ops that are needed."""
    owner: dict[Value, Op] = {}  # the op that has to run for the value to exist
    sources: dict[Value, tuple[Value, ...]] = {}  # what the value itself is made of
    enclosing: dict[Op, Op | None] = {}
    effects: list[Op] = []

    def visit(block: Block, parent: Op | None) -> None:
        for op in block.ops:
            enclosing[op] = parent
            if op.primitive in EFFECTS or "part" in op.attributes:
                effects.append(op)
            match op.primitive:
                case "if":
                    for k, result in enumerate(op.results):
                        owner[result] = op
                        sources[result] = tuple(region.results[k] for region in op.regions)
                case "for" | "while":
                    for initial, parameter, yielded, result in loop_slots(op):
                        owner[parameter] = owner[result] = op
                        sources[parameter] = sources[result] = (initial, yielded)
                    if op.primitive == "for":
                        owner[loop_body(op).parameters[0]] = op
                    if op.primitive == "while" or leaves_early(op):
                        owner[op.results[0]] = op
                    if op.primitive == "while":
                        for held, parameter in zip(
                            op.regions[0].parameters, op.regions[1].parameters, strict=True
                        ):
                            owner[held] = op
                            sources[held] = (parameter,)
                case _:
                    for result in op.results:
                        owner[result] = op
                        sources[result] = op.operands
            for region in op.regions:
                visit(region, op)

    visit(body, None)
    live: set[Value | Op] = set()
    work: list[Value | Op] = [*body.results, *effects]
    while work:
        item = work.pop()
        if item in live or (isinstance(item, Value) and item.is_constant):
            continue
        live.add(item)
        if isinstance(item, Value):
            work += sources.get(item, ())
            if item in owner:
                work.append(owner[item])
            continue
        parent = enclosing[item]
        if parent is not None:
            work.append(parent)
        match item.primitive:
            case "for":
                work += item.operands[:3]
                if leaves_early(item):
                    work.append(loop_body(item).results[0])
            case "while":
                work.append(item.regions[0].results[0])
                if leaves_early(item):
                    work.append(item.regions[1].results[0])
            case "if":
                work += item.operands
            case _:
                work += item.operands
    return live


def sweep(block: Block, live: set[Value | Op]) -> Block:
    ops = tuple(swept(op, live) for op in block.ops if op in live)
    return shared(block, block.parameters, ops, block.results)


def swept(op: Op, live: set[Value | Op]) -> Op:
    match op.primitive:
        case "if":
            kept = [k for k, result in enumerate(op.results) if result in live]
            regions = tuple(
                shared(region, (), sweep(region, live).ops, tuple(region.results[k] for k in kept))
                for region in op.regions
            )
            if len(kept) == len(op.results) and same(regions, op.regions):
                return op
            return replace(op, regions=regions, results=tuple(op.results[k] for k in kept))
        case "for" | "while":
            slots = loop_slots(op)
            kept = [k for k, (_, p, _, r) in enumerate(slots) if p in live or r in live]
            body = sweep(loop_body(op), live)
            index = body.parameters[:1] if op.primitive == "for" else ()
            stop = body.results[:1] if leaves_early(op) else ()
            trips = op.results[:1] if op.primitive == "while" or leaves_early(op) else ()
            parameters = (*index, *(slots[k][1] for k in kept))
            new_body = shared(loop_body(op), parameters, body.ops, (*stop, *(slots[k][2] for k in kept)))
            regions = (new_body,)
            if op.primitive == "while":
                condition = op.regions[0]
                parameters = tuple(condition.parameters[k] for k in kept)
                ops = sweep(condition, live).ops
                regions = (shared(condition, parameters, ops, condition.results), new_body)
            if len(kept) == len(slots) and same(regions, op.regions):
                return op
            header = op.operands[: len(op.operands) - len(carried(op))]
            return replace(
                op,
                operands=(*header, *(slots[k][0] for k in kept)),
                regions=regions,
                results=(*trips, *(slots[k][3] for k in kept)),
            )
        case _:
            return op
