"""Go over long vectors in blocks where every trip of a loop goes over them again.

    for i in range(bins):                      sums = np.zeros(bins)
        s = 0.0                                for start in range(0, n, 1024):
        for k in range(n):                         for i in range(bins):
            if a * i <= x[k]:          ->              s = sums[i]
                s += y[k]                              for k in range(start, min(start + 1024, n)):
        total += f(s)                                      if a * i <= x[k]:
                                                               s += y[k]
                                                       sums[i] = s
                                               for i in range(bins):
                                                   total += f(sums[i])

A block stays in the cache nearest to the core while all trips of the outer loop use it; in the adjoint as well, which
has the loops of the function. Every sum gets the same terms in the same order. Worth it only where a trip does little
with what it loads, and loads nothing else. The outer loop must be in no other one, as vectors in loops are often short,
and the inner one must only add up. Reads: structure, affine forms.

M. Lam, E. Rothberg, M. Wolf, "The cache performance and optimizations of blocked algorithms", ASPLOS 1991.
"""

from __future__ import annotations

from dataclasses import replace

from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Function, Op, Value, is_number, loop_body, loop_slots
from ..ir.walk import defined_in, ops_within, substitute
from ..primitives import REGISTRY
from .distribute import distributed
from .interchange import Interchange, is_plain_loop

BLOCK = 1024  # elements: two vectors of doubles fill half of a usual cache
FEW = 8  # trips: so few do not go over a vector often
CHEAP = 8  # additions: what a trip does at most for it to wait for memory rather than for arithmetic


def tile_loops(function: Function) -> Function:
    """Tile the nests of a function that gain by it."""
    seen: set[Op] = set()
    while True:
        nests = ((op, tiled_loop(op)) for op in function.body.ops if op not in seen)
        op, inner = next((nest for nest in nests if nest[1] is not None), (None, None))
        if op is None or inner is None:
            return function
        seen.add(op)
        body = exchanged(*with_blocks(function.body, op, inner))
        function = function if body is None else replace(function, body=body)


def tiled_loop(op: Op) -> Op | None:
    """The inner loop of a nest that is worth tiling."""
    if not is_plain_loop(op) or not is_number(op.operands[2], 1):
        return None
    loops = [inner for inner in loop_body(op).ops if inner.primitive == "for"]
    if len(loops) != 1:
        return None
    (inner,) = loops
    first, last, _ = op.operands[:3]
    if first.is_constant and last.is_constant and last.constant - first.constant < FEW:
        return None
    low, high, step = inner.operands[:3]
    varying = defined_in(loop_body(op))
    if (
        not is_plain_loop(inner)
        or not is_number(step, 1)
        or low in varying
        or high in varying
        or high.is_constant
    ):
        return None
    inside = list(ops_within(loop_body(inner)))
    if not loop_slots(inner) or any(ty.is_array(p.type) for p in loop_body(inner).parameters):
        return None
    if any(x.primitive not in ("load", "cast", "if", *REGISTRY) for x in inside):
        return None
    if sum(REGISTRY[x.primitive].cost for x in inside if x.primitive in REGISTRY) > CHEAP:
        return None
    index = loop_body(inner).parameters[0]
    vectors = set()
    for load in inside:
        if load.primitive == "load":
            array, *where = load.operands
            if array.type.ndim != 1 or where != [index] or array in varying:
                return None
            vectors.add(array)
    return inner if len(vectors) > 1 else None


def with_blocks(body: Block, op: Op, inner: Op) -> tuple[Block, Op]:
    """The body with the inner loop as one over blocks, which is given too, around one over the elements of a block."""
    low, high, _ = inner.operands[:3]
    slots = loop_slots(inner)
    start = Value("start", ty.int64)
    given = [Value(p.name, p.type) for _, p, _, _ in slots]
    made = [Value(r.name, r.type) for *_, r in slots]
    with Builder(inner.location) as builder:
        behind = builder.emit("add", (start, constant(BLOCK, ty.int64)), ty.int64)
        end = builder.emit("min", (behind, high), ty.int64)
        builder.append(replace(inner, operands=(start, end, inner.operands[2], *given), results=tuple(made)))
    block = replace(
        inner,
        operands=(low, high, constant(BLOCK, ty.int64), *inner.operands[3:]),
        regions=(builder.block((start, *given), made),),
    )
    ops = tuple(block if x is inner else x for x in loop_body(op).ops)
    around = replace(op, regions=(replace(loop_body(op), ops=ops),))
    return replace(body, ops=tuple(around if x is op else x for x in body.ops)), block


def exchanged(body: Block, block: Op) -> Block | None:
    """The body with the loop over blocks around the loop that it is in; None where that may not be."""
    interchange = Interchange(body, set())
    (outer,) = interchange.structure.around[block]
    nest = interchange.taken_apart(outer, block)
    if nest is None or not interchange.numbers_stay(nest) or not interchange.is_in_order(nest):
        return None
    emitted, renames = distributed(nest, interchange.affine, interchange.keeps_to_itself)
    k = body.ops.index(outer)
    rest = substitute(Block((), body.ops[k + 1 :], body.results), renames)
    return Block(body.parameters, (*body.ops[:k], *emitted, *rest.ops), rest.results)


__all__ = ["tile_loops"]
