"""Write the adjoint: the forward sweep as it is, then every op backwards, contributions summed at fan-out.

    f(x) {                 f_grad(x) {
      t1 = sin x             t1 = sin x
      y = mul t1 x           y = mul t1 x
      return y               x_bar = mul y_bar t1          # y_bar = 1
    }                        t1_bar = mul y_bar x
                             x_bar' = add x_bar (mul t1_bar (cos x))
                             return y x_bar'
                           }

The adjoint is ideal: it reads every value of the forward sweep as if all were still there, also those inside loops
that have ended. Where they come from is settled later (`optimise/residuals.py`). Reads: activity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any, NoReturn

from ..analysis.activity import Activity, channels, find_active
from ..errors import NotDifferentiable
from ..ir import types as ty
from ..ir.builder import Builder, constant, zero
from ..ir.core import (
    Block,
    Function,
    Op,
    Slot,
    Value,
    counts_trips,
    is_number,
    leaves_early,
    loop_body,
    loop_slots,
)
from ..ir.operators import current_builder
from ..ir.trips import trip_count
from ..ir.walk import free_values, ops_of, ops_within, substitute
from ..primitives import ARRAYS, NONE, REGISTRY
from ..primitives.complex_numbers import conjugate, real_part
from ..primitives.record import local_rules
from .arrays import reverse_array
from .cotangents import Cotangents, as_type, bar, cotangent_type, zeros_like
from .custom import reverse_custom
from .masks import Masks
from .memory import reverse_memory

KNOWN = ("mul", "modulus", "call")  # ops that the reversal of a later one looks at


def build_adjoint(function: Function, wrt: Sequence[int], seeded: bool = False, values: int = 1) -> Function:
    """The ideal adjoint of a function.

    Parameters
    ----------
    function : Function
        Its first result, a scalar, is differentiated; all its results if `seeded`.
    wrt : indices of parameters
    seeded : bool
        Whether the cotangents of the results are parameters; else that of the first result is 1.
    values : int
        How many of the results of the function are results of the adjoint.

    Returns
    -------
    Function
        Parameters: those of `function`; if `seeded` the cotangents of the float results before the hidden ones.
        Results: the values, then what is owed to each parameter of `wrt`.
    """
    function = replace(function, body=mark_loops(function.body, count(1)))
    independents = [function.parameters[k] for k in wrt]
    dependents = (
        [r for r in function.results if ty.is_differentiable(r.type)] if seeded else function.results[:1]
    )
    reverser = Reverser(find_active(function, independents, dependents), function.body)
    visible = len(function.parameters) - function.hidden
    seeds = (
        [Value(bar(value) or "seed", cotangent_type(value.type)) for value in dependents] if seeded else []
    )
    owed: Cotangents = {}
    with Builder() as builder:
        for k, value in enumerate(dependents):
            reverser.owe(owed, value, seeds[k] if seeded else constant(1.0, value.type))
        reverser.block(function.body, owed)
        gradients = [reverser.settle(owed, parameter) for parameter in independents]
    ops = (*function.body.ops, Op("reverse_sweep", (), ()), *builder.ops)
    parameters = (*function.parameters[:visible], *seeds, *function.parameters[visible:])
    body = Block(parameters, ops, (*function.results[:values], *gradients))
    return Function(f"{function.name}_{'vjp' if seeded else 'grad'}", body, function.hidden)


class Number:
    """What a call, or an `if` with calls in it, and its reverse know each other by, wherever they are put."""


def has_calls(op: Op) -> bool:
    return any(inner.primitive == "call" for inner in ops_of(op))


def mark_loops(block: Block, tokens: Any) -> Block:
    """Give every loop a number, by which its reverse loop can name it; calls and what is around them likewise."""

    def visit(op: Op) -> Op:
        if op.primitive == "call":
            return replace(op, attributes={**op.attributes, "number": Number()})
        if not op.regions:
            return op
        regions = tuple(mark_loops(region, tokens) for region in op.regions)
        if op.primitive == "if":
            attributes = {**op.attributes, "number": Number()} if has_calls(op) else op.attributes
            return replace(op, regions=regions, attributes=attributes)
        return replace(op, regions=regions, attributes={**op.attributes, "token": next(tokens)})

    return replace(block, ops=tuple(map(visit, block.ops)))


class Reverser:
    """The walk, and what it owes.

    `fresh` are the allocations that each trip of a loop fills anew: their cotangents are cleared when the stores that
    fill them are reversed, and released at the end, so that the trips can share one array. `masks` knows the cotangents
    that are zero where something was not taken.
    """

    def __init__(self, active: Activity, body: Block) -> None:
        self.active = active
        self.maker = {op.results[0]: op for op in ops_within(body) if op.primitive in KNOWN}
        self.fresh = {op.result for op in ops_within(body) if op.attributes.get("work")}
        self.masks = Masks(body)

    # ----------------------------------------------------------------------------------- accumulation

    def owe(self, owed: Cotangents, value: Value, term: Value) -> None:
        """Add `term` to what is owed to `value`."""
        if value.is_constant or (value not in self.active and value not in self.fresh):
            return
        if ty.is_complex(term.type) and not ty.is_complex(value.type):
            term = real_part(term)  # `dL = Re(owed * dx)`, and `dx` is real
        # The first term is stored, not added to zero: that would put one needless array into every gradient.
        held = owed.get(value)
        if held is None:
            owed[value] = term
        elif ty.is_array(value.type):
            owed[value] = current_builder().emit("accumulate_array", (held, term), held.type, name=held.name)
        else:
            owed[value] = self.masks.total(held, term, value)

    def settle(self, owed: Cotangents, value: Value) -> Value:
        """What is owed to `value`, an explicit zero if nothing is."""
        held = owed.get(value)
        if held is None:
            if ty.is_array(value.type):
                return zeros_like(value)
            return zero(value.type)
        return held if ty.is_array(value.type) else as_type(held, value.type)

    # ---------------------------------------------------------------------------------------- the walk

    def block(self, block: Block, owed: Cotangents) -> None:
        """Reverse the ops of a block; `owed` holds what is owed to its results, then what to what it reads."""
        for op in reversed(block.ops):
            current_builder().location = op.location
            match op.primitive:
                case "for" | "while":
                    self.loop(op, owed)
                case "if":
                    self.branch(op, owed)
                case _:
                    if any(result in owed for result in op.results):
                        self.op(op, owed)

    def op(self, op: Op, owed: Cotangents) -> None:
        if op.primitive in ARRAYS:
            reverse_array(self, op, owed)
            return
        if op.primitive == "custom":
            reverse_custom(self, op, owed)
            return
        row = REGISTRY.get(op.primitive)
        if row is None:
            if not reverse_memory(self, op, owed) and any(x in self.active for x in channels(op)):
                refuse(op)
            return
        if isinstance(row.rules, str):
            if row.rules == NONE and any(x in self.active for x in op.operands):
                refuse(op)
            return
        given = owed.pop(op.result)
        live = [x in self.active for x in op.operands]
        rules = local_rules(row, op, live, row.rules)
        exponent = self.exponent(op.result)
        if exponent > 1:
            # x * x * x owes 3 * x * x to x: one share instead of one for each factor.
            lower, base = op.operands
            self.owe(owed, base, self.masks.share(given, base, lambda g: float(exponent) * g * lower))
            return
        z = self.squared_modulus(op)
        if z is not None:
            self.owe(owed, z, self.masks.share(given, z, lambda g: 2.0 * g * conjugate(z)))
            return
        for operand, rule, is_live in zip(op.operands, rules, live, strict=True):
            if is_live and rule is not None:
                self.owe(owed, operand, self.masks.share(given, operand, rule, op.result, *op.operands))

    def exponent(self, power: Value) -> int:
        """How many equal factors are multiplied, one after the other, to make a value: 3 for `x * x * x`."""
        op = self.maker.get(power)
        if op is None or op.primitive != "mul":
            return 1
        lower, base = op.operands
        if lower is base:
            return 2
        made = self.maker.get(lower)
        if made is None or made.primitive != "mul" or made.operands[1] is not base:
            return 1
        below = self.exponent(lower)
        return below + 1 if below > 1 else 1

    def squared_modulus(self, op: Op) -> Value | None:
        """The number whose absolute value is squared, which owes nothing to a root that is taken on the way."""
        base, *exponent = op.operands
        made = self.maker.get(base)
        if made is None or made.primitive != "modulus":
            return None
        squared = op.primitive == "square" or (
            op.primitive == "pow" and exponent[0].is_constant and exponent[0].constant == 2
        )
        return made.operands[0] if squared else None

    # --------------------------------------------------------------------------------------- control

    def branch(self, op: Op, owed: Cotangents) -> None:
        if not any(result in owed for result in op.results):
            return
        arms = op.regions
        shared = self.free_active(*arms)
        incoming = {result: owed.pop(result) for result in op.results if result in owed}
        if not any(ty.is_array(result.type) for result in incoming):
            # The arms only read arrays: both add to the same zeros.
            for value in shared:
                if ty.is_array(value.type):
                    owed[value] = self.settle(owed, value)
        blocks: list[Builder] = []
        yields: list[list[Value | None]] = []
        touched: list[list[bool]] = []
        for arm in arms:
            with Builder(op.location) as builder:
                inner = {value: owed[value] for value in shared if value in owed}
                before = dict(inner)
                for result, yielded in zip(op.results, arm.results, strict=True):
                    if result in incoming:
                        self.owe(inner, yielded, incoming[result])
                self.block(arm, inner)
                yields.append([inner.get(value) for value in shared])
                touched.append([inner.get(value) is not before.get(value) for value in shared])
            blocks.append(builder)
        kept = [k for k in range(len(shared)) if touched[0][k] or touched[1][k]]
        results = []
        for k in kept:
            value = shared[k]
            for builder, column in zip(blocks, yields, strict=True):
                with builder:
                    held = column[k]
                    if held is None:
                        column[k] = zeros_like(value) if ty.is_array(value.type) else zero(value.type)
                    elif not ty.is_array(value.type):
                        column[k] = as_type(held, value.type)
            results.append(Value(bar(value), cotangent_type(value.type)))
            for holds, (here, there) in ((True, yields), (False, yields[::-1])):
                one, other = here[k], there[k]
                if one is not None and other is not None and is_number(other, 0) and not is_number(one, 0):
                    self.masks.put(results[-1], ((op.operands[0], holds),))
                elif not touched[holds][k] and value in owed:  # what was owed before, in the other arm
                    _, mask = self.masks.of(owed[value])
                    if mask:
                        self.masks.put(results[-1], self.masks.either(((op.operands[0], holds),), mask))
        current_builder().region(
            "if",
            op.operands,
            [
                builder.block((), [v for k in kept if (v := column[k]) is not None])
                for builder, column in zip(blocks, yields, strict=True)
            ],
            results,
            {"mirrors": op.attributes["number"]} if "number" in op.attributes else {},
            op.location,
        )
        owed.update(zip([shared[k] for k in kept], results, strict=True))

    def free_active(self, *blocks: Block) -> list[Value]:
        found: dict[Value, None] = {}
        for block in blocks:
            found.update((v, None) for v in free_values(block) if v in self.active)
        return list(found)

    def loop(self, op: Op, owed: Cotangents) -> None:
        slots = [slot for slot in loop_slots(op) if slot[1] in self.active or slot[3] in self.active]
        if not any(result in owed for *_, result in slots):
            return
        shared = self.free_active(loop_body(op))
        cotangents = [self.settle(owed, result) for *_, result in slots]
        for *_, result in slots:
            owed.pop(result, None)
        sums = [self.settle(owed, value) for value in shared]
        starts = [slot[0] for slot in slots]
        guard = None if has_calls(op) else vanishing(cotangents)  # each call is reversed, or none
        if guard is None:
            results = self.reverse_loop(op, slots, shared, cotangents, sums)
            owed.update(zip(shared, results[len(slots) :], strict=True))
            for start, cotangent in zip(starts, results, strict=False):
                self.owe(owed, start, cotangent)
            return
        # In one arm of an `if` nothing is owed to this loop: there it need not run backwards.
        condition, kept = guard
        arms = []
        for k in range(2):
            with Builder(op.location) as builder:
                if k == kept:
                    yields = self.reverse_loop(op, slots, shared, cotangents, sums)
                else:
                    yields = [*(zero(v.type) for v in starts), *sums]
            arms.append(builder.block((), yields))
        joined = [Value(bar(v), cotangent_type(v.type)) for v in (*starts, *shared)]
        current_builder().region("if", (condition,), arms, joined, location=op.location)
        owed.update(zip(shared, joined[len(starts) :], strict=True))
        for start, cotangent in zip(starts, joined, strict=False):
            self.owe(owed, start, cotangent)

    def reverse_loop(
        self,
        op: Op,
        slots: list[Slot],
        shared: list[Value],
        cotangents: list[Value],
        sums: list[Value],
    ) -> list[Value]:
        """Emit the loop that runs backwards; gives what is owed to its initial values, then to what it reads."""
        body = loop_body(op)
        parameters = [Value(bar(v), cotangent_type(v.type)) for v in (*(slot[1] for slot in slots), *shared)]
        outer = current_builder()
        with Builder(op.location) as builder:
            index, bounds, replaced = self.reverse_index(op, outer)
            inner: Cotangents = dict(zip(shared, parameters[len(slots) :], strict=True))
            for (_, _, yielded, _), cotangent in zip(slots, parameters, strict=False):
                self.owe(inner, yielded, cotangent)
            self.block(body, inner)
            yields = [self.settle(inner, parameter) for _, parameter, _, _ in slots]
            yields += [self.settle(inner, value) for value in shared]
        results = [Value(p.name, p.type) for p in parameters]
        current_builder().region(
            "for",
            (*bounds, *cotangents, *sums),
            (substitute(builder.block((index, *parameters), yields), replaced),),
            results,
            {"descending": True, "reverses": op.attributes["token"]},
            op.location,
        )
        return results

    def reverse_index(
        self, op: Op, outer: Builder
    ) -> tuple[Value, tuple[Value, Value, Value], dict[Value, Value]]:
        """The index of the reverse loop, its bounds, and what stands for the forward index."""
        if not counts_trips(op):
            forward = loop_body(op).parameters[0]
            index = Value(forward.name, forward.type)
            return index, op.operands[:3], {forward: index}  # type: ignore[return-value]
        trip = Value("trip", ty.int64)
        count = op.results[0] if op.primitive == "while" or leaves_early(op) else trip_count(outer, op)
        bounds = (zero(ty.int64), count, constant(1, ty.int64))
        if op.primitive == "while":
            return trip, bounds, {}
        low, _, step = op.operands[:3]
        builder = current_builder()
        away = (
            trip if step.is_constant and step.constant == 1 else builder.emit("mul", (trip, step), ty.int64)
        )
        forward = loop_body(op).parameters[0]
        return trip, bounds, {forward: builder.emit("add", (low, away), ty.int64, name=forward.name)}


def refuse(op: Op) -> NoReturn:
    """An active value goes through an op that has no derivative."""
    what = op.attributes.get("text", op.primitive)
    raise NotDifferentiable(
        f"the derivative of `{str(what).partition('(')[0]}` is not known",
        op.location,
        op.attributes.get("why", "an active value goes in and a float comes out"),
        op.attributes.get("instead", "a function written in Python, or keep active values out of the call"),
    )


def vanishing(cotangents: list[Value]) -> tuple[Value, int] | None:
    """(condition, arm) if all cotangents are results of one `if` just emitted that are zero in its other arm."""
    ops = current_builder().ops
    if not ops or any(ty.is_array(v.type) for v in cotangents):
        return None
    wanted = [v for v in cotangents if not is_number(v, 0)]
    made = next((op for op in reversed(ops) if wanted and wanted[0] in op.results), None)
    if made is None or made.primitive != "if" or any(v not in made.results for v in wanted):
        return None
    for arm in range(2):
        others = [made.regions[1 - arm].results[made.results.index(v)] for v in wanted]
        if all(is_number(v, 0) for v in others):
            return made.operands[0], arm
    return None
