"""Make a trip of a loop again in the reverse sweep, from the state that it started with.

    for t in range(steps):                      for t in range(steps):
        for i in range(1, n):                       for i in range(1, n):
            k[i] = y[i] * (x - y[i - 1])                k[i] = ...
        for i in range(1, n):                       for i in range(1, n):
            y[i] += h * k[i] * k[i]                     y[i] += ...
    for t in range(steps), descending:    ->    for t in range(steps), descending:
        for i in range(1, n), descending:           for i in range(1, n):
            ... k[i] of that trip ...                   k[i] = y of that trip[i] * ...
                                                    for i in range(1, n), descending:
                                                        ... k[i] ...

What the inner loops of one trip compute is then recorded for that trip only, or is still there; what remains to be
recorded is the state: the numbers and arrays that the loop carries, at the start of each trip. An element that the
trip has not overwritten when it is loaded is read from the recorded state. A tile in shared memory, which a trip
fills before it reads it, is filled again. Whether this is worth it is not decided here. Reads: structure, affine
forms, threads. Gives an ideal adjoint, like what it is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..analysis.overwrites import Overwrites
from ..analysis.structure import Structure, find_structure, has_states
from ..analysis.threads import Threads, threads_that_fill
from ..errors import UnsupportedConstruct
from ..ir import types as ty
from ..ir.core import Block, Function, Op, Value, counts_trips, loop_body, loop_slots
from ..ir.walk import exchanged, ops_of, ops_within, rename, substitute, uses_in
from .arrays import counts_known, keeps_its_size
from .fold import simplified

NOT_REPEATED = ("opaque", "require", "raise")
LOOPS = ("for", "while")


def stepping_loops(function: Function) -> list[int]:
    """The tokens of loops that hold loops and whose trips could be made again; outer ones first."""
    return [
        op.attributes["token"]
        for op in ops_within(function.body)
        if "token" in op.attributes
        and op.primitive == "for"
        and not counts_trips(op)
        and not op.attributes.get("fused")
        and any(inner.primitive in LOOPS for inner in loop_body(op).ops)
    ]


def replay_segments(function: Function) -> Function:
    """The function whose reverse sweep makes again the trips of every loop that is marked for it."""
    marked = [
        op for op in ops_within(function.body) if op.attributes.get("checkpoint") and "token" in op.attributes
    ]
    for loop in marked:
        token = loop.attributes["token"]
        reverse = next(
            (op for op in ops_within(function.body) if op.attributes.get("reverses") == token), None
        )
        if reverse is None or not needs_trip(reverse, loop):
            continue
        drawn = next((op for op in ops_of(loop) if op.primitive == "opaque" and op.results), None)
        if drawn is not None:
            raise UnsupportedConstruct(
                "`checkpoint` of a loop that draws, or calls what is not read",
                drawn.location or loop.location,
                "its trips are made again, and the second call may give something else",
                "an array of all draws, made before the loop",
            )
        replayed = replay_trips(function, token, may_fail=True)
        if replayed is None:
            raise UnsupportedConstruct(
                "`checkpoint` of this loop",
                loop.location,
                "its trips cannot be made again from what it carries: bounds that change, "
                "or something around it that is overwritten",
                "a copy of what is overwritten, made before the loop",
            )
        function = replayed
    return function


def replay_trips(function: Function, token: int, may_fail: bool = False) -> Function | None:
    """The function whose reverse loop makes the trips of loop `token` again; None if that is not possible.

    With `may_fail`, it may raise where the lengths of arrays that swap are not the same.
    """
    structure = find_structure(function.body)
    forward = structure.loops.get(token)
    reverse = next((op for op in ops_within(function.body) if op.attributes.get("reverses") == token), None)
    if forward is None or reverse is None or not needs_trip(reverse, forward):
        return None
    closed = structure.around[forward][common_depth(structure, forward, reverse) :]
    loops = [op for op in (*closed, forward) if op.primitive in LOOPS]
    arrays = [v for v in loop_body(forward).parameters if ty.is_array(v.type)]
    if not counts_known(structure, loops, loops[0]):
        return None
    tiles = {}
    for array in arrays:
        if structure.is_in_shared_memory(array):
            needed = threads_that_fill(forward, array, structure, Threads(function, structure))
            if needed is None:
                return None
            tiles[array] = needed
        elif not has_states(structure, array, loops) and not may_fail:
            return None
    swapping = [a for a in arrays if structure.is_mixed(a)]
    if not may_fail and not all(keeps_its_size(structure, a, loops[0]) for a in swapping):
        return None
    overwrites = Overwrites(structure)
    if not all(is_repeatable(op, forward, overwrites) for op in ops_within(loop_body(forward))):
        return None
    tokens = (op.attributes["token"] for op in ops_within(function.body) if "token" in op.attributes)
    body = replayed(forward, reverse, overwrites, max(tokens) + 1, tiles)
    new = replace(reverse, regions=(body,))
    first = replace(forward, regions=(unnumbered(loop_body(forward)),))
    body = exchanged(function.body, {reverse: [new], forward: [first]})
    return simplified(replace(function, body=body))


def unnumbered(block: Block) -> Block:
    """The trip as it is made first, whose calls are not those that the reverse sweep mirrors."""

    def visit(op: Op) -> Op:
        regions = tuple(map(unnumbered, op.regions))
        return replace(
            op, regions=regions, attributes={k: v for k, v in op.attributes.items() if k != "number"}
        )

    if not any("number" in op.attributes for op in ops_within(block)):
        return block
    return replace(block, ops=tuple(map(visit, block.ops)))


def common_depth(structure: Structure, a: Op, b: Op) -> int:
    """How many region ops are around both of two ops."""
    depth = 0
    for x, y in zip(structure.around[a], structure.around[b], strict=False):
        if x is not y:
            break
        depth += 1
    return depth


def needs_trip(reverse: Op, forward: Op) -> bool:
    """Whether the reverse loop reads what inner loops of the forward one computed."""
    inner = {
        value
        for op in loop_body(forward).ops
        if op.primitive in LOOPS
        for region in op.regions
        for value in defined(region)
    }
    return any(value in inner for region in reverse.regions for value in uses_in(region))


def defined(block: Block) -> Iterator[Value]:
    yield from block.parameters
    for op in ops_within(block):
        yield from op.results
        for region in op.regions:
            yield from region.parameters


def is_repeatable(op: Op, loop: Op, overwrites: Overwrites) -> bool:
    """Whether an op may be run a second time, in the reverse sweep, or left out when it is."""
    structure = overwrites.structure
    if op.primitive == "opaque":
        return not any(ty.is_array(v.type) for v in (*op.operands, *op.results))
    for array in op.operands:
        if not ty.is_array(array.type) or op.primitive in ("shape", "zeros_like", "empty_like"):
            continue
        if structure.is_mixed(array):
            if loop not in structure.home[array] or not swaps_in(loop, array, structure):
                return False
            continue
        if loop in structure.home[structure.origin(array)] or overwrites.carried_array(loop, array):
            continue
        # An array from around that the loop only reads: what was read then must still be there.
        if all(
            is_over(store, loop, structure) for store in structure.stores.get(structure.storage(array), ())
        ):
            continue
        if op.primitive == "load":
            if not overwrites.survives(op, op.operands[1:], array):
                return False
        elif structure.stores.get(structure.storage(array)):
            return False
    return True


def is_over(store: Op, loop: Op, structure: Structure) -> bool:
    """Whether a store has been made for the last time when a loop begins."""
    one, other = (*structure.around[store], store), (*structure.around[loop], loop)
    shared = next(
        k for k, pair in enumerate(zip(one, (*other, None), strict=False)) if pair[0] is not pair[1]
    )
    if any(op.primitive in LOOPS for op in one[:shared]):
        return False
    return shared < len(other) and structure.place[one[shared]] < structure.place[other[shared]]


def swaps_in(loop: Op, array: Value, structure: Structure) -> bool:
    """Whether an array that swaps with others is one of those that a loop carries."""
    storage = structure.storage(array)
    return any(structure.storage(slot[1]) is storage for slot in loop_slots(loop))


def replayed(
    forward: Op,
    reverse: Op,
    overwrites: Overwrites,
    token: int,
    tiles: Mapping[Value, Mapping[int, int]],
) -> Block:
    """The body of the reverse loop with the trip in front; `tiles` are the arrays in shared memory that it fills."""
    body = loop_body(forward)
    # Loads that find the state are told from others by what they read while the copy is made.
    stands_for: dict[Value, Value] = {}
    moved: dict[Op, list[Op]] = {}
    for op in ops_within(body):
        if op.primitive == "load":
            array = overwrites.carried_array(forward, op.operands[0])
            if array is not None and overwrites.reads_entry(op, forward):
                state = stands_for.setdefault(array, Value(array.name, array.type))
                moved[op] = [replace(op, operands=(state, *op.operands[1:]))]
    mapping: dict[Value, Value] = {}
    copy = rename(exchanged(body, moved), mapping)
    given: dict[Value, Value] = {}
    restored = [
        Op("restore", (array,), (state,), (), {}, forward.location) for array, state in stands_for.items()
    ]
    index, *parameters = body.parameters
    given[mapping[index]] = loop_body(reverse).parameters[0]
    for parameter in parameters:
        if parameter in tiles:
            restored += tile_to_fill(parameter, mapping[parameter], tiles[parameter], overwrites.structure)
        elif ty.is_array(parameter.type):
            restored.append(Op("restore", (parameter,), (mapping[parameter],), (), {}, forward.location))
        else:
            given[mapping[parameter]] = parameter
    # What is run once only keeps the results that it had.
    once = [op for op in ops_within(body) if op.primitive in NOT_REPEATED]
    given.update((mapping[v], v) for op in once for v in op.results)
    for op in once:
        for value in op.results:
            del mapping[value]
    tokens: dict[int, int] = {}
    copy = renumbered(without(copy), tokens, token)
    copy = substitute(copy, given)
    mapping = {old: given.get(new, new) for old, new in mapping.items() if old is not index}
    mapping = {old: new for old, new in mapping.items() if new is not old}
    rest = reversing(substitute(loop_body(reverse), mapping), tokens)
    restored.sort(key=lambda op: op.primitive == "barrier")  # one barrier behind all allocations
    return replace(rest, ops=(*restored, *copy.ops, *rest.ops))


def tile_to_fill(array: Value, filled: Value, needed: Mapping[int, int], structure: Structure) -> list[Op]:
    """Shared memory for a trip that fills it; the trip before, which has the same memory, must be done with it."""
    made = structure.maker[structure.origin(array)]
    fresh = Value(array.name, array.type)
    attributes = {**made.attributes, "threads": tuple(needed.items())}
    return [
        replace(made, results=(fresh,), attributes=attributes),
        Op("barrier", (fresh,), (filled,), (), {}, made.location),
    ]


def without(block: Block) -> Block:
    """The block without what must not run twice."""
    ops = tuple(
        replace(op, regions=tuple(without(region) for region in op.regions)) if op.regions else op
        for op in block.ops
        if op.primitive not in NOT_REPEATED
    )
    return replace(block, ops=ops)


def renumbered(block: Block, tokens: dict[int, int], first: int) -> Block:
    """The block with new numbers for its loops; `tokens` is filled with them."""

    def visit(op: Op) -> Op:
        if not op.regions:
            return op
        attributes = op.attributes
        if "token" in attributes:
            number = tokens.setdefault(attributes["token"], first + len(tokens))
            attributes = {**attributes, "token": number}
        regions = tuple(renumbered(region, tokens, first) for region in op.regions)
        return replace(op, regions=regions, attributes=attributes)

    return replace(block, ops=tuple(visit(op) for op in block.ops))


def reversing(block: Block, tokens: dict[int, int]) -> Block:
    """The block whose reverse loops name the renumbered loops."""

    def visit(op: Op) -> Op:
        if not op.regions:
            return op
        attributes = op.attributes
        if attributes.get("reverses") in tokens:
            attributes = {**attributes, "reverses": tokens[attributes["reverses"]]}
        return replace(
            op, regions=tuple(reversing(region, tokens) for region in op.regions), attributes=attributes
        )

    return replace(block, ops=tuple(visit(op) for op in block.ops))


__all__ = ["replay_segments", "replay_trips", "stepping_loops"]
