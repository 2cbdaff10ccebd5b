"""The derivative of a call that has rules of its own: the program of the rules, put in place.

    y = custom name='exp' ans x        x_bar = mul y y_bar        # exp_vjp(y_bar, y, x)

The op stays in the forward sweep, so that a derivative of the derivative goes by the rules too, until the program is
finished:

    ans = exp x                        y = exp x
    y = custom name='exp' ans x   ->   z = mul y y
    z = mul y y
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..analysis.structure import Structure, find_structure
from ..ir import types as ty
from ..ir.core import Block, Function, Op, Value
from ..ir.inline import inline
from ..ir.operators import current_builder
from ..ir.walk import ops_within, substitute, uses_in
from ..primitives.custom import emit_call
from .cotangents import Cotangents

if TYPE_CHECKING:
    from .reverse import Reverser
    from .tangent import Pusher


def applied(op: Op, mode: str, directions: Sequence[Value]) -> tuple[Value, ...]:
    """What the rules of a call give for cotangents of its results, or for tangents of its channels."""
    program, captured, _ = op.attributes[mode]
    known = (*op.results, *own_operands(op), *(op.operands[k] for k in captured))
    return inline(program, (*directions, *known))


def own_operands(op: Op) -> tuple[Value, ...]:
    """The arguments of a call, without the values that it gives and those that its rules read."""
    count = len(op.results)
    return op.operands[count : count + op.attributes["call"].operands]


def reverse_custom(reverser: Reverser, op: Op, owed: Cotangents) -> None:
    """Owe to the arguments of a call what its vjp rules say."""
    cotangents = [reverser.settle(owed, r) for r in op.results if ty.is_differentiable(r.type)]
    for result in op.results:
        owed.pop(result, None)
    if any(op.operands[k] in reverser.active for k in op.attributes["call"].channels):
        channels = [op.operands[k] for k in op.attributes["vjp"][2]]
        shares = applied(op, "vjp", cotangents)
        if op.attributes["call"].rules.callee is not None:
            mirror(
                current_builder().ops, reverser.maker[op.operands[0]]
            )  # which gives all that is renamed here
        for operand, share in zip(channels, shares, strict=True):
            reverser.owe(owed, operand, share)


def mirror(ops: list[Op], call: Op) -> None:
    """Let the reverse of a call, which was just emitted, name what it reverses."""
    k = max(k for k, op in enumerate(ops) if op.primitive == "call")
    ops[k] = replace(ops[k], attributes={**ops[k].attributes, "mirrors": call.attributes["number"]})


def push_custom(pusher: Pusher, op: Op) -> None:
    """Give the results of a call the tangents that its jvp rules say."""
    floats = [r for r in op.results if ty.is_differentiable(r.type)]
    directions = [pusher.tangent(op.operands[k]) for k in op.attributes["jvp"][2]]
    columns = [applied(op, "jvp", [lanes[k] for lanes in directions]) for k in range(pusher.width)]
    for n, result in enumerate(floats):
        pusher.tangents[result] = tuple(column[n] for column in columns)


def push_call(pusher: Pusher, op: Op) -> None:
    """Call in place of a function what gives its results and their tangents, for all tangents at once.

    t = call f x                                t t_dot = call f_jvp x x_dot
    y = custom name='f' t x        ->           y y_dot = custom name='f_jvp' t t_dot x x_dot
    """
    make, captured, channels = op.attributes["jvp"]
    derivative = make(width=pusher.width)
    lanes = [pusher.tangent(op.operands[k]) for k in channels]
    directions = [column[k] for k in range(pusher.width) for column in lanes]
    floats = [r for r in op.results if ty.is_differentiable(r.type)]
    names = [r.name for r in op.results] + [r.name and f"{r.name}_dot" for r in floats] * pusher.width
    hidden = [op.operands[k] for k in captured]
    found = emit_call(derivative, (*own_operands(op), *directions), hidden, names)
    count = len(op.results)
    ops = current_builder().ops
    ops[-1] = replace(ops[-1], results=(*op.results, *found[count:]))
    for n, result in enumerate(floats):
        pusher.tangents[result] = found[count + n :: len(floats)]


def every(op: Op) -> bool:
    return True


def drop_rules(function: Function, chosen: Callable[[Op], bool] = every) -> Function:
    """The function with what (chosen) calls give in place of what has their rules' derivative."""
    if not any(op.primitive == "custom" for op in ops_within(function.body)):
        return function
    structure, uses = find_structure(function.body), Counter(uses_in(function.body))
    replaced: dict[Value, Value] = {}

    def visit(block: Block) -> Block:
        kept: list[Op] = []
        for op in block.ops:
            if op.primitive != "custom" or not chosen(op):
                kept.append(replace(op, regions=tuple(map(visit, op.regions))) if op.regions else op)
                continue
            for value, result in zip(op.operands, op.results, strict=False):
                if ty.is_array(value.type) and not belongs(value, op, structure, uses):
                    kept.append(Op("copy", (value,), (result,), (), {}, op.location))
                else:
                    replaced[result] = replaced.get(value, value)
        return replace(block, ops=tuple(kept))

    body = visit(function.body)
    return replace(function, body=substitute(body, replaced))


def belongs(array: Value, op: Op, structure: Structure, uses: Counter[Value]) -> bool:
    """Whether nothing else has the memory of an array that a call gives, so that its result may have it."""
    origin = structure.origin(array)
    made = structure.maker.get(origin)
    return (
        uses[array] == 1
        and made is not None
        and origin in made.results
        and not made.attributes.get("work")
        and not structure.is_mixed(array)
        and structure.home[origin] == structure.around[op]
        and structure.home[array] == structure.around[op]
    )


__all__ = ["drop_rules", "push_call", "push_custom", "reverse_custom"]
