"""Move out of loops what is the same in every trip.

    for i in range(n):              m = n - 1
        m = n - 1                   x_tape = np.empty(m)
        x_tape = np.empty(m)   ->   for i in range(n):
        ...                             ...

Integer arithmetic and lengths move (of arrays that swap, if all are as long), and reads of elements at an index that
does not change and is certainly in range, if the loop does not store into the array. A tape that each trip fills anew
is allocated once. Arithmetic of floats stays where the user wrote it. Reads: structure, affine forms.
"""

from __future__ import annotations

from dataclasses import replace

from ..analysis.affine import Affine
from ..analysis.structure import Structure, find_structure
from ..ir import types as ty
from ..ir.core import Block, Function, Op, Value, loop_slots
from ..ir.walk import exchanged, ops_within

INTEGER = {"add", "sub", "mul", "max", "min", "select"}
COMPARISONS = {"lt", "le", "gt", "ge", "eq", "ne"}


def hoist_invariants(function: Function) -> Function:
    tapes: set[Value] = set()
    for op in ops_within(function.body):
        if op.primitive == "alloc" and op.attributes.get("tape"):
            tapes.add(op.result)
        elif op.primitive in ("store", "ensure") and op.operands[0] in tapes:
            tapes.add(op.result)
        elif op.primitive in ("for", "while"):
            tapes.update(v for v in op.results if ty.is_array(v.type) and v.name.endswith("_tape"))
    structure = find_structure(function.body)
    affine = Affine(structure)
    entered: dict[Op, list[Op]] = {}
    for op in ops_within(function.body):
        if op.primitive == "shape" and affine.swaps_alike(op.operands[0], op.attributes["axis"]):
            entered[op] = [replace(op, operands=(before_loops(op, structure),))]
    return replace(function, body=hoist_block(exchanged(function.body, entered), tapes, affine))


def before_loops(op: Op, structure: Structure) -> Value:
    """What the array of a `shape` is before the outermost loop that the op can leave."""
    found: Value = op.operands[0]
    array, around = found, structure.around[op]
    while True:
        first = structure.origin(array)
        loop = structure.maker.get(first)
        if loop is None or loop.primitive not in ("for", "while"):
            return found
        initial = next((slot[0] for slot in loop_slots(loop) if first in slot), None)
        if initial is None:
            return found
        array = initial
        if loop in around:
            if any(inner.primitive == "if" for inner in around[around.index(loop) :]):
                return found
            found = array


def hoist_block(block: Block, tapes: set[Value], affine: Affine) -> Block:
    """The block with its loops relieved, inner ones first."""
    ops: list[Op] = []
    for op in block.ops:
        if not op.regions:
            ops.append(op)
            continue
        regions = [hoist_block(region, tapes, affine) for region in op.regions]
        if op.primitive in ("for", "while"):
            inside = defined_directly(regions)
            moved: list[Op] = []
            regions[-1] = relieved(regions[-1], inside, moved, tapes, affine)
            ops += moved
        ops.append(replace(op, regions=tuple(regions)))
    return replace(block, ops=tuple(ops))


def defined_directly(regions: list[Block]) -> set[Value]:
    found: set[Value] = set()
    for region in regions:
        found.update(region.parameters)
        for inner in region.ops:
            found.update(inner.results)
    return found


def relieved(block: Block, inside: set[Value], moved: list[Op], tapes: set[Value], affine: Affine) -> Block:
    kept: list[Op] = []
    chosen_by = {
        op.operands[0] for op in block.ops if op.primitive == "select" and ty.is_integer(op.result.type)
    }
    for op in block.ops:
        if any(v in inside for v in op.operands):
            kept.append(op)
        elif movable(op, tapes, affine) or (op.primitive in COMPARISONS and op.result in chosen_by):
            moved.append(op)
            inside.difference_update(op.results)
        else:
            kept.append(op)
    return replace(block, ops=tuple(kept))


def movable(op: Op, tapes: set[Value], affine: Affine) -> bool:
    """Whether an op may run although the loop makes no trip."""
    match op.primitive:
        case "shape":
            return True
        case "alloc":
            return bool(op.attributes.get("tape"))
        case "load":
            return op.operands[0] in tapes or affine.is_in_range(op.operands[0], op.operands[1:])
        case _:
            return op.primitive in INTEGER and ty.is_integer(op.result.type)


def share_work_arrays(function: Function) -> Function:
    """Allocate once what every trip of a loop allocates anew and fills before it reads it.

    The cotangent of such an array is zero again when it is released, since the stores that fill the array clear it
    when they are reversed. This is the last pass: afterwards a loop may store into arrays that it does not carry.
    """
    return replace(function, body=share(function.body))


def released_arrays(block: Block, structure: Structure) -> set[Value]:
    """The first versions of the arrays that a block releases at its end."""
    return {structure.origin(op.operands[0]) for op in block.ops if op.primitive == "release"}


def kept_for_a_trip(block: Block, structure: Structure) -> set[Value]:
    """The arrays that a block allocates with nothing in them and does not yield: what a trip of a loop works with, and
    the tapes of a derivative of lower order."""
    yielded = {structure.storage(v) for v in block.results if ty.is_array(v.type)}
    return {
        op.result
        for op in block.ops
        if (
            op.primitive == "empty_like" or (op.primitive == "alloc" and op.attributes.get("fill") == "empty")
        )
        and structure.storage(op.result) not in yielded
    }


def like_first_made(op: Op, structure: Structure, inside: set[Value]) -> Op:
    """The allocation of an array as long as another one, of which the first version is there before the loop."""
    if op.primitive not in ("empty_like", "zeros_like") or structure.is_mixed(op.operands[0]):
        return op
    first = structure.origin(op.operands[0])
    made = structure.maker.get(first)
    if made is None or made.primitive != "alloc" or first in inside:
        return op
    return replace(op, operands=(first,))


def share(block: Block) -> Block:
    ops: list[Op] = []
    for op in block.ops:
        if op.regions:
            regions = [share(region) for region in op.regions]
            if op.primitive in ("for", "while"):
                inside = defined_directly(regions)
                structure = find_structure(regions[-1])
                released = released_arrays(regions[-1], structure)
                own = kept_for_a_trip(regions[-1], structure)
                kept: list[Op] = []
                for inner in regions[-1].ops:
                    first = like_first_made(inner, structure, inside)
                    clean = inner.attributes.get("shared") or inner.attributes.get("fill") == "empty"
                    work = inner.attributes.get("work") and (clean or inner.result in released)
                    kept_inside = any(result in own for result in inner.results)
                    if (work or kept_inside) and not any(v in inside for v in first.operands):
                        ops.append(replace(first, attributes={**inner.attributes, "shared": True}))
                        inside.difference_update(inner.results)
                    else:
                        kept.append(inner)
                regions[-1] = replace(regions[-1], ops=tuple(kept))
            op = replace(op, regions=tuple(regions))
        ops.append(op)
    return replace(block, ops=tuple(ops))
