"""Write the program that finds what each result depends on: bits instead of numbers.

    f(x, n) {                         f_dependence(x, n, x_bits) {
      y = zeros n                       y_bits = zeros n
      for i in 1 ... n:                 for i in 1 ... n:
        if x[i] > 0:                      y_bits[i] |= x_bits[i]              # both arms, whatever x[i] is
          y[i] = sin x[i]                 y_bits[i] |= x_bits[i - 1]
        else:                             y_bits[i] |= x_bits[i]
          y[i] = x[i - 1] * x[i]        return y_bits
      return y                        }
    }

Every float that carries a derivative has an integer of 64 bits beside it. A result has a bit if it may depend on a
number that was given that bit, for *any* values of all floats: only what follows from integers, booleans and sizes is
computed, everything else is *open* (`analysis/open_values.py`). Both arms of a branch that is open are taken, one after
the other, and what they store is added to what is there; an element at an open index may be any; a loop whose trips are
open lets everything it gives depend on everything it reads; so does linear algebra, but for products of matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from ..analysis.activity import Carrying, channels
from ..analysis.open_values import find_open, trips_are_open
from ..errors import UnsupportedConstruct
from ..ir import types as ty
from ..ir.builder import Builder, zero
from ..ir.core import IN_PLACE, Block, Function, Op, Value, loop_body, loop_slots
from ..ir.operators import current_builder
from ..ir.walk import free_values_of
from ..primitives import ARRAYS, REGISTRY
from ..primitives.linalg import PRODUCTS
from .bits import (
    BITS,
    NO_BITS,
    all_bits,
    bits_name,
    bits_type,
    each,
    either,
    guarded,
    guarded_load,
    load,
    no_bits,
    store,
    union,
    with_added,
)
from .jacobian import over_places, shape_of


def build_dependence(function: Function, wrt: Sequence[int]) -> Function:
    """The dependence program of a function.

    Returns
    -------
    Function
        Parameters: those of `function`, then bits like each of `wrt`, then the hidden ones. Results: bits like each
        differentiable result of `function`.
    """
    visible = function.parameters[: len(function.parameters) - function.hidden]
    hidden = function.parameters[len(visible) :]
    independents = [function.parameters[k] for k in wrt]
    outputs = [r for r in function.results if ty.is_differentiable(r.type)]
    tracer = Tracer(function, independents, outputs)
    given = tuple(Value(bits_name(p), bits_type(p)) for p in independents)
    tracer.bits.update(zip(independents, given, strict=True))
    with Builder() as builder:
        for parameter in independents:
            if ty.is_array(parameter.type):  # the program writes where the function writes
                held = tracer.bits[parameter]
                tracer.bits[parameter] = builder.emit("copy", (held,), held.type, name=held.name)
        tracer.complete(function.parameters)
        tracer.ops(function.body, True)
        results = tuple(tracer.of(value) for value in outputs)
    body = Block((*visible, *given, *hidden), tuple(builder.ops), results)
    return Function(f"{function.name}_dependence", body, function.hidden)


class Tracer:
    """The walk. `bits` has the bits of each value that carries a derivative, `now` what open values became."""

    def __init__(self, function: Function, independents: Sequence[Value], outputs: Sequence[Value]) -> None:
        self.active = Carrying(function, independents, outputs)
        self.structure = self.active.structure
        self.open = find_open(function)
        self.bits: dict[Value, Value] = {}
        self.now: dict[Value, Value] = {}

    def at(self, value: Value) -> Value:
        return self.now.get(value, value)

    def of(self, value: Value) -> Value:
        """The bits of a value, none if it carries no derivative."""
        held = self.bits.get(value)
        if held is None:
            held = no_bits(self.at(value)) if ty.is_array(value.type) else NO_BITS
        return held

    def complete(self, values: Sequence[Value]) -> None:
        """Give bits to the arrays among values that will carry some and have none yet."""
        for value in values:
            if ty.is_array(value.type) and value not in self.bits and value in self.active:
                self.bits[value] = no_bits(self.at(value))

    def refuse(self, op: Op, problem: str) -> NoReturn:
        reason = "where derivatives may be nonzero must be known without the values of floats"
        raise UnsupportedConstruct(problem, op.location, reason, "`jacobian`, which is dense")

    def need_known(self, op: Op, values: Sequence[Value]) -> None:
        if not self.open.isdisjoint(values):
            self.refuse(op, "the size of an array depends on the values of floats")

    # ---------------------------------------------------------------------------------------- the walk

    def ops(self, block: Block, certain: bool) -> None:
        """The ops of a block; `certain` where it certainly runs."""
        for op in block.ops:
            current_builder().location = op.location
            match op.primitive:
                case "for" | "while":
                    if trips_are_open(op, self.open) or not certain and self.swaps(op):
                        self.collapse(op)
                    else:
                        self.loop(op, certain)
                case "if":
                    self.branch(op, certain) if op.operands[0] not in self.open else self.both_arms(op)
                case _:
                    self.primal(op, certain)
                    if any(result in self.active for result in op.results):
                        self.dependence(op, certain)
                    self.complete(op.results)

    def primal(self, op: Op, certain: bool) -> None:
        """What is computed of an op: nothing of what is open, but arrays keep their sizes."""
        if not op.results:
            if op.primitive == "require" and certain and self.open.isdisjoint(op.operands):
                current_builder().append(replace(op, operands=tuple(map(self.at, op.operands))))
            return
        if op.primitive in IN_PLACE and op.result in self.open:
            if op.primitive == "ensure":
                self.need_known(op, op.operands[1:])
            else:
                self.now[op.result] = self.at(op.operands[0])
                return
        if op.primitive == "alloc":
            self.need_known(op, op.operands)
        if op.primitive in ARRAYS:
            self.sized(op)
            return
        if op.primitive == "custom":
            for value, result in zip(op.operands, op.results, strict=False):
                self.now[result] = self.at(value)
            return
        if not ty.is_array(op.results[0].type):
            for result in op.results:
                if result in self.open:
                    self.now[result] = zero(result.type)
            if op.results[0] in self.open:
                return
        elif op.attributes.get("target") is np.argsort:
            like = self.at(op.operands[0])
            self.now[op.result] = current_builder().emit("zeros_like", (like,), op.result.type)
            return
        elif op.primitive in ("opaque", "call"):
            self.need_known(op, op.operands)
        operands = tuple(map(self.at, op.operands))
        if op.primitive == "load" and not certain:
            self.now[op.result] = guarded_load(operands[0], operands[1:])
            return
        current_builder().append(replace(op, operands=operands))

    def sized(self, op: Op) -> None:
        """Arrays of the sizes that a primitive on whole arrays gives."""
        row, transposed = ARRAYS[op.primitive], op.attributes.get("transposed", "")
        for n, result in enumerate(op.results):
            if not ty.is_array(result.type):
                self.now[result] = zero(result.type)
                continue
            lengths = []
            for axis in range(result.type.ndim):
                known = [shape_of(self.at(op.operands[k]))[m] for k, m in row.source_of(n, axis, transposed)]
                shortest = known[0]
                for other in known[1:]:
                    shortest = current_builder().emit("min", (shortest, other), ty.int64)
                lengths.append(shortest)
            type = ty.owned(result.type)
            self.now[result] = current_builder().emit("alloc", lengths, type, {"fill": "empty"})

    # ------------------------------------------------------------------------------------ dependence

    def dependence(self, op: Op, certain: bool) -> None:
        if op.primitive in REGISTRY:
            self.bits[op.result] = union([all_bits(self.of(x)) for x in channels(op) if x in self.active])
            return
        if op.primitive in PRODUCTS:
            self.product(op)
            return
        match op.primitive:
            case "load":
                array, *where = op.operands
                self.bits[op.result] = self.loaded(op, array, where, certain)
            case "store" | "accum":
                array, *where, value = op.operands
                self.stored(op, array, where, value, certain)
            case "accumulate_array":
                target, term = map(self.of, op.operands)
                changed = each(target, lambda held, where: either(held, load(term, where)))
                self.became(op, target, changed, certain)
            case "ensure":
                held = self.of(op.operands[0])
                operands = (held, self.at(op.operands[1]))
                self.became(op, held, current_builder().emit("ensure", operands, held.type), certain)
            case "copy" | "cast":
                held = self.of(op.operands[0])
                if ty.is_array(held.type):
                    held = current_builder().emit("copy", (held,), held.type, name=bits_name(op.result))
                self.bits[op.result] = held
            case "alloc" | "zeros_like" | "stop_gradient":
                pass  # `complete` gives zeros
            case _:
                total = union([all_bits(self.of(x)) for x in op.operands if x in self.active])
                for result in op.results:
                    if ty.is_array(result.type):
                        self.bits[result] = with_added(no_bits(self.at(result)), total)
                    else:
                        self.bits[result] = total

    def loaded(self, op: Op, array: Value, where: Sequence[Value], certain: bool) -> Value:
        held = self.of(array)
        if ty.is_array(op.result.type):
            if not certain or not self.open.isdisjoint(where):
                self.refuse(op, "a part of an array that depends on the values of floats")
            places = tuple(map(self.at, where))
            return current_builder().emit("load", (held, *places), bits_type(op.result))
        if not self.open.isdisjoint(where):
            return all_bits(held)
        places = tuple(map(self.at, where))
        return load(held, places) if certain else guarded_load(held, places)

    def stored(self, op: Op, array: Value, where: Sequence[Value], value: Value, certain: bool) -> None:
        held, bits = self.of(array), self.of(value)
        places = tuple(map(self.at, where))
        if not self.open.isdisjoint(where):
            changed = with_added(held, all_bits(bits))
        elif certain and op.primitive == "store":
            changed = store(held, places, bits)
        elif ty.is_array(bits.type):
            self.refuse(op, "a part of an array that depends on the values of floats")
        elif certain:
            changed = store(held, places, either(load(held, places), bits))
        elif bits is NO_BITS:
            changed = held
        else:
            changed = guarded(
                held, places, lambda: store(held, places, either(load(held, places), bits)), held
            )
        self.became(op, held, changed, certain)

    def became(self, op: Op, held: Value, changed: Value, certain: bool) -> None:
        """An array was written; where that is not certain, whoever reads an earlier version may find it."""
        if not certain:
            self.move(held, changed)
        self.bits[op.result] = changed

    def move(self, held: Value, changed: Value) -> None:
        for version, bits in self.bits.items():
            if bits is held:
                self.bits[version] = changed

    def product(self, op: Op) -> None:
        """`c[i, j]` depends on row i of `a` and column j of `b`, in a stack on those of one matrix."""
        transposed = op.attributes.get("transposed", "")
        edges: list[Value | None] = []
        for k, (operand, kept) in enumerate(zip(op.operands, (-2, -1), strict=True)):
            if operand not in self.active:
                edges.append(None)
                continue
            held = self.of(operand)
            if held.type.ndim == 1:
                edges.append(all_bits(held))
                continue
            rank = held.type.ndim
            axes = (*range(rank - 2), rank - 3 - kept if str(k) in transposed else rank + kept)
            shape = shape_of(held)
            lengths = [shape[axis] for axis in axes]
            type = ty.array(BITS, rank - 1, "C")
            line = current_builder().emit("alloc", lengths, type, {"fill": "zeros"})

            def visit(
                lines: tuple[Value, ...], where: tuple[Value, ...], held: Value = held, axes: Any = axes
            ) -> tuple[Value, ...]:
                place = tuple(where[axis] for axis in axes)
                return (store(lines[0], place, either(load(lines[0], place), load(held, where))),)

            edges.append(over_places(shape, (line,), visit)[0])

        def found(_: Value, where: tuple[Value, ...]) -> Value:
            parts = zip(edges, (where[:-1] or where, (*where[:-2], where[-1])), strict=True)
            return union(
                [
                    load(edge, place) if ty.is_array(edge.type) else edge
                    for edge, place in parts
                    if edge is not None
                ]
            )

        self.bits[op.result] = each(no_bits(self.at(op.result)), found)

    # ----------------------------------------------------------------------------------------- control

    def swaps(self, op: Op) -> bool:
        return any(self.structure.is_mixed(slot[0]) for slot in loop_slots(op) if slot[1] in self.active)

    def collapse(self, op: Op) -> None:
        """A loop whose trips are open: what it gives depends on all that it reads."""
        slots = loop_slots(op)
        reads = [self.of(x) for x in free_values_of(op) if x in self.bits]
        total = union([all_bits(bits) for bits in dict.fromkeys(reads)])
        for initial, _, _, result in slots:
            if ty.is_array(result.type):
                self.same_sizes(op, initial, slots)
                self.now[result] = self.at(initial)
                if result in self.active:
                    held = self.of(initial)
                    changed = with_added(held, total)
                    self.move(held, changed)
                    self.bits[result] = changed
            else:
                self.now[result] = zero(result.type)
                if result in self.active:
                    self.bits[result] = total
        for result in op.results[: len(op.results) - len(slots)]:
            self.now[result] = zero(result.type)

    def same_sizes(self, op: Op, array: Value, slots: Sequence[tuple[Value, ...]]) -> None:
        """Arrays that swap through a loop must be of one size: which is which is not known."""
        if not self.structure.is_mixed(array):
            return
        for other, *_ in slots:
            if ty.is_array(other.type) and self.structure.storage(other) is self.structure.storage(array):
                self.check_sizes(self.at(array), self.at(other))

    def check_sizes(self, a: Value, b: Value) -> None:
        for n, m in zip(shape_of(a), shape_of(b), strict=True):
            fits = current_builder().emit("eq", (n, m), ty.boolean)
            message = (
                "the size of an array depends on the values of floats: its Jacobian has no fixed pattern"
            )
            current_builder().effect("require", (fits,), {"error": "ValueError", "message": message})

    def both_arms(self, op: Op) -> None:
        """An open branch: one arm after the other."""
        for region in op.regions:
            self.ops(region, False)
        for result, a, b in zip(op.results, *(region.results for region in op.regions), strict=True):
            if not ty.is_array(result.type):
                self.now[result] = zero(result.type)
                if result in self.active:
                    self.bits[result] = either(self.of(a), self.of(b))
                continue
            a, b = (b, a) if self.is_nothing(a) else (a, b)
            self.now[result] = self.at(a)
            one = self.structure.origin(a) is self.structure.origin(b) or self.is_nothing(b)
            if not one:
                self.check_sizes(self.at(a), self.at(b))
            if result in self.active:
                first, second = self.of(a), self.of(b)
                if not one:
                    first = current_builder().emit("copy", (first,), first.type)
                    first = each(first, lambda held, where, b=second: either(held, load(b, where)))  # type: ignore[misc]
                self.bits[result] = first

    def is_nothing(self, array: Value) -> bool:
        """Whether an array stands for one that does not exist in an arm."""
        maker = self.structure.maker.get(array)
        return (
            maker is not None and maker.primitive == "alloc" and all(n.constant == 0 for n in maker.operands)
        )

    def branch(self, op: Op, certain: bool) -> None:
        """A branch that is decided by integers."""
        live = [k for k, result in enumerate(op.results) if result in self.active]
        before, now = dict(self.bits), dict(self.now)
        arms = []
        for region in op.regions:
            self.bits, self.now = dict(before), dict(now)
            with Builder(op.location) as builder:
                self.ops(region, certain)
                primal = [self.at(value) for value in region.results]
                added = [self.of(region.results[k]) for k in live]
            arms.append((builder, primal, added, self.bits))
        self.bits, self.now = before, now
        moved = [v for v in before if any(arm[3][v] is not before[v] for arm in arms)]
        pairs = list(dict.fromkeys(zip(*([*a[2], *(a[3][v] for v in moved)] for a in arms), strict=True)))
        results = {pair: Value(pair[0].name, pair[0].type) for pair in pairs}
        regions = [arm[0].block((), (*arm[1], *(pair[n] for pair in pairs))) for n, arm in enumerate(arms)]
        condition = self.at(op.operands[0])
        current_builder().region(
            "if",
            (condition,),
            regions,
            (*op.results, *(results[pair] for pair in pairs)),
            op.attributes,
            op.location,
        )
        for v in moved:
            self.bits[v] = results[arms[0][3][v], arms[1][3][v]]
        for n, k in enumerate(live):
            self.bits[op.results[k]] = results[arms[0][2][n], arms[1][2][n]]

    def loop(self, op: Op, certain: bool) -> None:
        """A loop whose trips are known."""
        slots = loop_slots(op)
        live = [slot for slot in slots if slot[1] in self.active or slot[3] in self.active]
        starts = [self.of(slot[0]) for slot in live]
        parameters = [Value(bits_name(slot[1]), bits_type(slot[1])) for slot in live]
        before = dict(self.bits)
        self.bits.update(zip([slot[1] for slot in live], parameters, strict=True))
        body = loop_body(op)
        with Builder(op.location) as builder:
            self.ops(body, certain)
            primal = [self.at(value) for value in body.results]
            yields = [self.of(slot[2]) for slot in live]
        regions = [builder.block((*body.parameters, *parameters), (*primal, *yields))]
        if op.primitive == "while":
            unread = tuple(Value(v.name, v.type) for v in parameters)
            test = op.regions[0]
            with Builder(op.location) as condition:
                self.ops(test, certain)
                holds = tuple(map(self.at, test.results))
            regions.insert(0, condition.block((*test.parameters, *unread), holds))
        last = [Value(bits_name(slot[3]), bits_type(slot[3])) for slot in live]
        operands = (*map(self.at, op.operands), *starts)
        results = (*op.results, *last)
        current_builder().append(replace(op, operands=operands, regions=tuple(regions), results=results))
        self.bits = before
        for start, slot, bits in zip(starts, live, last, strict=True):
            if not certain and ty.is_array(bits.type):
                self.move(start, bits)
            self.bits[slot[3]] = bits


__all__ = ["build_dependence"]
