"""Split adjoints of functions that are called: a forward part that leaves its residuals on stacks, and a pullback.

    y = call f x                                    y = call f_forward x tape
    ...                                       ->    ...
    x_bar = call f_vjp x y_bar                      x_bar = call f_pullback x y_bar tape

    f_vjp(x, y_bar) {                               f_forward(x, tape) { ...; push tape t; return y }
      ...; reverse_sweep                      ->
      ...; return x_bar                             f_pullback(x, y_bar, tape) { t = pop tape; ...; return x_bar }
    }

A function that calls itself leaves residuals for each call that it makes: they are pushed on stacks, one for each type,
and popped in the opposite order. That is only right where the reverse sweep makes exactly the calls of the forward
sweep, backwards, which `is_mirrored` checks on the finished program; elsewhere `f_vjp` is called, which makes both
sweeps itself.
What the pullback can be given again (arguments), or compute from that at little cost, is not pushed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Block, Function, Op, Value, loop_body
from ..ir.nests import copy_elements
from ..ir.operators import current_builder
from ..ir.types import Type
from ..ir.walk import free_values, ops_within, substitute
from ..primitives import REGISTRY
from ..primitives.custom import Callee
from ..transform.pullback import cut_sweeps, keep_residuals
from ..transform.results import own_results
from .dce import eliminate_dead
from .protect import protect_arguments

AGAIN = 12  # additions: what pushing and popping a number is worth
Trees = tuple[Any, ...]


# --------------------------------------------------------------------------------------- which calls are split


def split_calls(function: Function) -> Function:
    """Call the two parts where the calls of the reverse sweep mirror those of the forward sweep."""
    numbers = Counter(
        op.attributes.get("number") for op in ops_within(function.body) if op.primitive == "call"
    )
    mirrors = Counter(
        op.attributes.get("mirrors") for op in ops_within(function.body) if op.primitive == "call"
    )
    adjoints: dict[Any, Callee] = {
        op.attributes["mirrors"]: op.attributes["callee"]
        for op in ops_within(function.body)
        if op.primitive == "call" and "mirrors" in op.attributes
    }
    paired = {n: f for n, f in adjoints.items() if numbers[n] == mirrors[n] == 1}
    if not paired or not is_mirrored(function.body, paired):
        return function

    def visit(block: Block) -> Block:
        return replace(block, ops=tuple(map(rewritten, block.ops)))

    def rewritten(op: Op) -> Op:
        if op.regions:
            return replace(op, regions=tuple(map(visit, op.regions)))
        for mark, part in (("number", "forward"), ("mirrors", "pullback")):
            adjoint = paired.get(op.attributes.get(mark)) if op.primitive == "call" else None
            if adjoint is not None:
                return replace(
                    op, attributes={"name": part_name(adjoint, part), "callee": adjoint, "part": part}
                )
        return op

    return replace(function, body=visit(function.body))


def part_name(adjoint: Callee, part: str) -> str:
    return f"{adjoint.name.removesuffix('_vjp')}_{part}"


class NotMirrored(Exception):
    """A part of a program pops what it has not pushed, or not in the opposite order."""


def is_mirrored(body: Block, paired: dict[Any, Callee]) -> bool:
    """Whether whatever is pushed is popped, in the opposite order, however often loops and arms of `if` are run."""
    try:
        return not effect(body, paired)
    except NotMirrored:
        return False


def effect(block: Block, paired: dict[Any, Callee]) -> list[tuple[str, Trees]]:
    """What is left of the pushes and pops of a block, those undone within it taken out."""
    found: list[tuple[str, Trees]] = []
    for op in block.ops:
        for kind, tree in effect_of(op, paired):
            if kind == "pop" and found and found[-1] == ("push", tree):
                found.pop()
            else:
                found.append((kind, tree))
    return found


def effect_of(op: Op, paired: dict[Any, Callee]) -> list[tuple[str, Trees]]:
    number, mirrors = op.attributes.get("number"), op.attributes.get("mirrors")
    if op.primitive == "call":
        if number in paired:
            return [("push", ("call", number))]
        return [("pop", ("call", mirrors))] if mirrors in paired else []
    if not op.regions:
        return []
    if op.primitive == "if":
        parts = [effect(region, paired) for region in op.regions]
        first, second = number, mirrors
    else:
        parts = [effect(loop_body(op), paired)]
        first, second = op.attributes.get("token"), op.attributes.get("reverses")
        if op.primitive == "while" and effect(op.regions[0], paired):
            raise NotMirrored
    kinds = {kind for part in parts for kind, _ in part}
    if not kinds:
        return []
    if len(kinds) > 1:
        raise NotMirrored
    (kind,) = kinds
    name = first if kind == "push" else second
    if name is None or (op.primitive == "for" and bool(op.attributes.get("descending")) != (kind == "pop")):
        raise NotMirrored
    shape = "if" if op.primitive == "if" else "loop"
    order = 1 if kind == "push" else -1
    return [(kind, (shape, name, *(tuple(tree for _, tree in part[::order]) for part in parts)))]


# ----------------------------------------------------------------------------------------------- the two parts


@dataclass(init=False)
class Parts:
    """The two parts of a function that is called, cut out of its finished adjoint.

    Attributes
    ----------
    callee : the function `f_vjp`.
    adjoint : its adjoint, both sweeps, in which calls are split.
    given : which parameters of the adjoint the pullback takes.
    forward, pullback : the parts; the residuals are the last results of the one, the first parameters of the other.
    residuals : their types.
    stacks : the types of all stacks that it uses, its own and those of the functions that it calls.
    """

    callee: Callee
    adjoint: Function
    given: set[int]
    forward: Function | None = None
    pullback: Function | None = None
    residuals: tuple[Type, ...] = ()
    stacks: tuple[Type, ...] = ()

    def __init__(self, callee: Callee, adjoint: Function) -> None:
        self.callee, self.adjoint = callee, eliminate_dead(computed_again(adjoint))
        visible = len(adjoint.parameters) - adjoint.hidden
        seeds = len(callee.seeds)
        self.given = set(range(visible - seeds, visible))


def cut_parts(parts: Sequence[Parts]) -> None:
    """Cut functions that call each other, each pullback with only those parameters that it needs."""
    by_callee = {part.callee: part for part in parts}
    again = True
    while again:
        again = False
        for part in parts:
            needed = needed_parameters(part, by_callee)
            if not needed <= part.given:
                part.given |= needed
                again = True
    for part in parts:
        adjoint = eliminate_dead(with_given(part.adjoint, by_callee))
        again_given = [adjoint.parameters[k] for k in sorted(part.given)]
        seeds, values = len(part.callee.seeds), len(part.callee.values)
        forward, pullback = cut_sweeps(adjoint, seeds, values, again_given)
        pullback = own_results(protect_arguments(pullback))
        part.forward, part.pullback = keep_residuals(own_results_of(forward, values), pullback, values)
        part.residuals = tuple(r.type for r in part.forward.results[values:])
    # In the same order whatever else is printed with them: what calls the two parts may be two modules.
    order = sorted({type for part in parts for type in map(ty.fresh, part.residuals)}, key=stack_name)
    uses = {part.callee: set(map(ty.fresh, part.residuals)) for part in parts}
    again = True
    while again:
        again = False
        for part in parts:
            more = {t for f in called_parts(part.adjoint.body) for t in uses[f]}
            if not more <= uses[part.callee]:
                uses[part.callee] |= more
                again = True
    for part in parts:
        part.stacks = tuple(t for t in order if t in uses[part.callee])


def called_parts(body: Block) -> list[Callee]:
    return list(dict.fromkeys(op.attributes["callee"] for op in ops_within(body) if "part" in op.attributes))


def own_results_of(forward: Function, values: int) -> Function:
    """The forward part with results that are arrays of their own."""
    owned = own_results(replace(forward, body=replace(forward.body, results=forward.results[:values])))
    return replace(owned, body=replace(owned.body, results=(*owned.results, *forward.results[values:])))


def backward_of(adjoint: Function, values: int) -> Block:
    ops = adjoint.body.ops
    border = next(k for k, op in enumerate(ops) if op.primitive == "reverse_sweep")
    return Block((), ops[border + 1 :], adjoint.results[values:])


def needed_parameters(part: Parts, by_callee: dict[Callee, Parts]) -> set[int]:
    """The parameters that the reverse sweep reads, as far as the pullbacks that it calls are known to."""
    backward = backward_of(part.adjoint, len(part.callee.values))
    live = set(backward.results)
    # Backwards through the sweep: what is computed only to be given to a pullback that does not need it is not read.
    read_by(backward, by_callee, live)
    return {k for k, p in enumerate(part.adjoint.parameters) if p in live}


def read_by(block: Block, by_callee: dict[Callee, Parts], live: set[Value]) -> None:
    pure = {op.result: op for op in ops_within(block) if is_plain(op)}
    work = list(live)
    for op in ops_within(block):
        if is_plain(op):
            continue
        operands = op.operands
        if op.attributes.get("part") == "pullback":
            given = by_callee[op.attributes["callee"]].given
            operands = tuple(x for k, x in enumerate(operands) if k in given)
        work += operands
        work += [value for region in op.regions for value in region.results]
    while work:
        value = work.pop()
        live.add(value)
        if value in pure:
            work += [x for x in pure[value].operands if x not in live]


def with_given(function: Function, by_callee: dict[Callee, Parts]) -> Function:
    """The function with its pullbacks called with what they take alone."""

    def visit(block: Block) -> Block:
        return replace(block, ops=tuple(map(rewritten, block.ops)))

    def rewritten(op: Op) -> Op:
        if op.regions:
            return replace(op, regions=tuple(map(visit, op.regions)))
        if op.attributes.get("part") != "pullback" or op.attributes.get("stacked"):
            return op
        given = by_callee[op.attributes["callee"]].given
        return replace(op, operands=tuple(x for k, x in enumerate(op.operands) if k in given))

    return replace(function, body=visit(function.body))


def computed_again(adjoint: Function) -> Function:
    """Let the reverse sweep compute again what follows from the arguments, or from what it has, at little cost."""
    ops = adjoint.body.ops
    border = next(k for k, op in enumerate(ops) if op.primitive == "reverse_sweep")
    forward, backward = ops[: border + 1], ops[border + 1 :]
    read = set(free_values(Block((), backward, ())))
    parameters = set(adjoint.parameters)
    cost: dict[Value, int] = dict.fromkeys((*parameters, *read), 0)  # of having a value in the reverse sweep
    made: dict[Value, Op] = {}
    for op in forward:
        if not is_plain(op):
            continue
        if all(x.is_constant or x in cost for x in op.operands):
            total = own_cost(op) + sum(cost.get(x, 0) for x in op.operands)
            if total <= AGAIN:
                cost[op.result], made[op.result] = total, op
    head: dict[Value, Op] = {}

    def need(value: Value) -> Value:
        if value not in made:
            return value
        if value not in head:
            operands = tuple(map(need, made[value].operands))
            head[value] = replace(made[value], operands=operands, results=(Value(value.name, value.type),))
        return head[value].result

    again = {value: need(value) for value in made if value in read}
    body = substitute(Block((), backward, adjoint.results[:0]), again)
    return replace(adjoint, body=replace(adjoint.body, ops=(*forward, *head.values(), *body.ops)))


def is_plain(op: Op) -> bool:
    return op.primitive in REGISTRY or op.primitive in ("cast", "shape")


def own_cost(op: Op) -> int:
    return REGISTRY[op.primitive].cost if op.primitive in REGISTRY else 1


# ------------------------------------------------------------------------------------------------------ stacks


def with_stacks(function: Function, by_callee: dict[Callee, Parts]) -> Function:
    """A function that is not split with stacks for the parts that it calls."""
    if keeps_stacks(function):
        return function
    function = eliminate_dead(with_given(function, by_callee))
    with Builder() as builder:
        stacks = new_stacks(stacks_of(function, by_callee))
    body = passed_on(function.body, stacks, by_callee)
    return replace(function, body=replace(body, ops=(*builder.ops, *body.ops)))


def stacks_of(function: Function, by_callee: dict[Callee, Parts]) -> list[Type]:
    """The types of the stacks that the parts use which a function calls."""
    wanted = {type for callee in called_parts(function.body) for type in by_callee[callee].stacks}
    return sorted(wanted, key=stack_name)


def new_stacks(types: Iterable[Type]) -> dict[Type, Value]:
    return {
        type: current_builder().emit("stack", (), ty.stack(type), name=stack_name(type)) for type in types
    }


def keep_stacks(
    forward: Function, pullback: Function, values: int, by_callee: dict[Callee, Parts]
) -> tuple[Function, Function]:
    """The two sweeps of a function of which the second is run later, and often: what is on the stacks after the first
    is among its residuals, in arrays.

        y = call f_forward x tape                 y = call f_forward x tape
        return y                          ->      tape_kept = unstack tape
                                                  return y tape_kept

        x_bar = call f_pullback x g tape  ->      tape = restack tape_kept
                                                  x_bar = call f_pullback x g tape
    """
    with Builder() as start:
        pushed = new_stacks(stacks_of(forward, by_callee))
    with Builder() as end:
        results = [
            v for stack in pushed.values() for v in end.append(Op("unstack", (stack,), kept_as(stack)))
        ]
    with Builder() as again:
        parameters = [kept_as(stack) for stack in pushed.values()]
        popped = {
            type: again.emit("restack", given, stack.type, name=stack.name)
            for (type, stack), given in zip(pushed.items(), parameters, strict=True)
        }
        popped |= new_stacks(type for type in stacks_of(pullback, by_callee) if type not in pushed)
    count = len(forward.results) - values
    first, last = passed_on(forward.body, pushed, by_callee), passed_on(pullback.body, popped, by_callee)
    first = Block(first.parameters, (*start.ops, *first.ops, *end.ops), (*first.results, *results))
    given = (*last.parameters[:count], *(v for part in parameters for v in part), *last.parameters[count:])
    last = Block(given, (*again.ops, *last.ops), last.results)
    return replace(forward, body=first), replace(pullback, body=last)


def kept_as(stack: Value) -> tuple[Value, ...]:
    """The arrays that hold what is on a stack: of arrays all elements, and their lengths."""
    of = stack.type.dtype
    if not ty.is_array(of):
        return (Value(f"{stack.name}_kept", ty.array(of, 1)),)
    lengths = Value(f"{stack.name}_lengths", ty.array(ty.int64, 2))
    return Value(f"{stack.name}_kept", ty.array(of.dtype, 1)), lengths


def keeps_stacks(function: Function) -> bool:
    """Whether a function is one of such two sweeps, with stacks for all that it calls."""
    return any(op.attributes.get("stacked") for op in ops_within(function.body))


def forward_part(part: Parts, by_callee: dict[Callee, Parts]) -> Function:
    """The forward part, which pushes its residuals."""
    function, values = part.forward, len(part.callee.values)
    assert function is not None
    stacks = {type: Value(stack_name(type), ty.stack(type)) for type in part.stacks}
    body = passed_on(function.body, stacks, by_callee)
    with Builder() as builder:
        for value in function.results[values:]:
            builder.effect("push", (stacks[ty.fresh(value.type)], in_c_order(builder, value)))
    return Function(
        part_name(part.callee, "forward"),
        Block((*body.parameters, *stacks.values()), (*body.ops, *builder.ops), body.results[:values]),
    )


def in_c_order(builder: Builder, value: Value) -> Value:
    if not ty.is_array(value.type) or value.type.layout == "C":
        return value
    lengths = [builder.emit("shape", (value,), ty.int64, {"axis": k}) for k in range(value.type.ndim)]
    fresh = builder.emit("alloc", lengths, ty.fresh(value.type), {"fill": "empty"}, value.name)
    return copy_elements(builder, fresh, (), value, (), value.type.ndim)


def pullback_part(part: Parts, by_callee: dict[Callee, Parts]) -> Function:
    """The pullback, which pops them."""
    function = part.pullback
    assert function is not None
    stacks = {type: Value(stack_name(type), ty.stack(type)) for type in part.stacks}
    body = passed_on(function.body, stacks, by_callee)
    residuals = function.parameters[: len(part.residuals)]
    with Builder() as builder:
        popped = {
            value: builder.emit("pop", (stacks[ty.fresh(value.type)],), ty.fresh(value.type), name=value.name)
            for value in reversed(residuals)
        }
    body = substitute(body, popped)
    return Function(
        part_name(part.callee, "pullback"),
        Block(
            (*body.parameters[len(residuals) :], *stacks.values()), (*builder.ops, *body.ops), body.results
        ),
    )


def passed_on(block: Block, stacks: dict[Type, Value], by_callee: dict[Callee, Parts]) -> Block:
    """A block whose calls of parts are given the stacks that those use."""

    def visit(op: Op) -> Op:
        if op.regions:
            return replace(op, regions=tuple(passed_on(region, stacks, by_callee) for region in op.regions))
        if "part" not in op.attributes or op.attributes.get("stacked"):
            return op
        more = tuple(stacks[type] for type in by_callee[op.attributes["callee"]].stacks)
        return replace(op, operands=(*op.operands, *more), attributes={**op.attributes, "stacked": True})

    return replace(block, ops=tuple(map(visit, block.ops)))


def stack_name(type: Type) -> str:
    if ty.is_array(type):
        dtype = "" if type.dtype == ty.float64 else f"{type.dtype}_"
        return f"{dtype}arrays_tape" if type.ndim == 1 else f"{dtype}arrays{type.ndim}d_tape"
    return {ty.float64: "tape", ty.int64: "int_tape", ty.boolean: "bool_tape"}.get(type, f"{type}_tape")


__all__ = [
    "Parts",
    "called_parts",
    "cut_parts",
    "forward_part",
    "keep_stacks",
    "keeps_stacks",
    "pullback_part",
    "split_calls",
    "with_given",
    "with_stacks",
]
