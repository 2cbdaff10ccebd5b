"""Write the tangent program: beside every op the op on tangents, loops and branches in one piece.

    f(x) {             f_jvp(x, x_dot) {
      t1 = sin x         t1 = sin x
      y = mul t1 x       t1_dot = mul x_dot (cos x)
      return y           y = mul t1 x
    }                    y_dot = add (mul t1_dot x) (mul x_dot t1)
                         return y y_dot
                       }

Several tangents may be carried at once; each local derivative is then computed once for all of them. Every array that
carries a derivative has one array beside it for each tangent, written where it is written. Nothing is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..analysis.activity import Carrying, channels
from ..ir import types as ty
from ..ir.builder import Builder, constant, zero
from ..ir.core import Block, Function, Op, Value, is_number, loop_slots
from ..ir.operators import current_builder
from ..primitives import ARRAYS, NONE, REGISTRY
from ..primitives.arrays import Held, computed, sharing
from ..primitives.record import local_rules
from .arrays import owned
from .cotangents import as_type, cotangent_type
from .custom import push_call, push_custom
from .masks import selected, unmasked
from .reverse import refuse
from .supports import Support, Supports

Tangents = tuple[Value, ...]


def build_tangent(function: Function, wrt: Sequence[int], width: int = 1) -> Function:
    """The tangent program of a function.

    Parameters
    ----------
    function : Function
    wrt : indices of parameters
    width : int
        How many tangents are carried at once.

    Returns
    -------
    Function
        Parameters: those of `function`, then for each tangent one for each of `wrt`, then the hidden ones.
        Results: those of `function`, then for each tangent that of each differentiable result.
    """
    visible = function.parameters[: len(function.parameters) - function.hidden]
    hidden = function.parameters[len(visible) :]
    independents = [function.parameters[k] for k in wrt]
    outputs = [r for r in function.results if ty.is_differentiable(r.type)]
    seeds = [tuple(Value(dot(p), tangent_type(p)) for p in independents) for _ in range(width)]
    pusher = Pusher(function, independents, outputs, width)
    for k, parameter in enumerate(independents):
        pusher.tangents[parameter] = tuple(chosen[k] for chosen in seeds)
    with Builder() as builder:
        pusher.complete(function.parameters)
        pusher.ops(function.body)
        columns = [pusher.tangent(value) for value in outputs]
    parameters = (*visible, *(seed for chosen in seeds for seed in chosen), *hidden)
    results = (*function.results, *(column[k] for k in range(width) for column in columns))
    body = Block(parameters, tuple(builder.ops), results)
    return Function(f"{function.name}_jvp", body, function.hidden)


def tangent_type(value: Value) -> ty.Type:
    """Tangents of arrays are in C order, whatever the array is."""
    return cotangent_type(value.type)


def dot(value: Value) -> str:
    return f"{value.name}_dot" if value.name else ""


class Pusher:
    """The walk. An array carries a derivative if any of its versions does: each store is one into its tangent too."""

    def __init__(
        self, function: Function, independents: Sequence[Value], outputs: Sequence[Value], width: int
    ) -> None:
        self.width = width
        self.active = Carrying(function, independents, outputs)
        self.tangents: dict[Value, Tangents] = {}
        self.supports = Supports(function.body)

    def tangent(self, value: Value) -> Tangents:
        """The tangents of a value, explicit zeros if it has none."""
        held = self.tangents.get(value)
        if held is not None:
            return held
        if ty.is_array(value.type):
            builder = current_builder()
            return tuple(
                builder.emit("zeros_like", (value,), tangent_type(value), name=dot(value))
                for _ in range(self.width)
            )
        return (zero(value.type),) * self.width

    # ---------------------------------------------------------------------------------------- the walk

    def ops(self, block: Block) -> None:
        for op in block.ops:
            current_builder().location = op.location
            match op.primitive:
                case "for" | "while":
                    self.loop(op)
                case "if":
                    self.branch(op)
                case "custom" if self.is_called(op):
                    push_call(self, op)
                case _:
                    current_builder().append(op)
                    if any(result in self.active for result in op.results):
                        self.op(op)
                    self.complete(op.results)

    def is_called(self, op: Op) -> bool:
        """Whether this is a call of a function, through which a derivative passes, not of one with rules."""
        return op.attributes["call"].rules.callee is not None and any(r in self.active for r in op.results)

    def complete(self, values: Sequence[Value]) -> None:
        """Give zeros to the arrays among values that will carry a derivative and have none yet."""
        for value in values:
            if ty.is_array(value.type) and value not in self.tangents and value in self.active:
                self.tangents[value] = self.tangent(value)

    def op(self, op: Op) -> None:
        row = REGISTRY.get(op.primitive)
        if row is not None:
            self.elementwise(op)
        elif op.primitive in ARRAYS:
            self.whole(op)
        elif op.primitive == "custom":
            push_custom(self, op)
        else:
            self.memory(op)

    def elementwise(self, op: Op) -> None:
        row = REGISTRY[op.primitive]
        live = [x in self.active for x in op.operands]
        if isinstance(row.rules, str):
            if row.rules == NONE and any(live):
                refuse(op)
            return
        rules = local_rules(row, op, live, row.tangents or row.rules)
        used = [(x, rule) for x, rule, on in zip(op.operands, rules, live, strict=True) if on and rule]
        one = constant(1.0, op.result.type)
        alike = self.width > 1 and row.tangents is None
        # What was not taken counts for nothing, also if it is infinite: such a share is selected, not multiplied.
        before = len(current_builder().ops)
        shares = [unmasked(rule(one, op.result, *op.operands)) for _, rule in used] if alike else []
        found = []
        supports: list[Support] = []
        for k in range(self.width):
            total = None
            for n, (operand, rule) in enumerate(used):
                direction = self.tangents[operand][k] if operand in self.tangents else None
                if direction is None:
                    continue
                start = before if shares else len(current_builder().ops)
                if shares:
                    share, mask = shares[n]
                    term = direction if mask and is_number(share, 1) else direction * share
                    for condition, holds in mask:
                        term = selected(condition, holds, term)
                else:
                    term = rule(direction, op.result, *op.operands)
                if k == 0:
                    supports.append(self.supports.of(term, direction, operand, start))
                term = self.supports.within(operand, term, start)
                total = term if total is None else total + term
            found.append(self.called(as_type(total or zero(op.result.type), op.result.type), op.result))
        self.supports.put(op.result, supports)
        self.tangents[op.result] = tuple(found)

    def called(self, tangent: Value, of: Value) -> Value:
        """Let a tangent that was just computed bear its name."""
        ops = current_builder().ops
        last = len(ops) - 1
        while last >= 0 and is_condition(ops[last]):  # of its support
            last -= 1
        if of.name and last >= 0 and ops[last].results == (tangent,) and not tangent.name:
            result = Value(dot(of), tangent.type)
            ops[last] = replace(ops[last], results=(result,))
            return result
        return tangent

    def whole(self, op: Op) -> None:
        """A primitive on whole arrays, by the rule for tangents of its row."""
        row = ARRAYS[op.primitive]
        transposed = op.attributes.get("transposed", "")
        seen = [Held(x, str(k) in transposed) for k, x in enumerate(op.operands)]
        results = tuple(Held(r) for r in op.results)
        columns: list[list[Value]] = []
        start = len(current_builder().ops)
        with sharing():
            for k in range(self.width):
                directions = [
                    Held(self.tangents[x][k], held.flipped) if x in self.tangents else None
                    for x, held in zip(op.operands, seen, strict=True)
                ]
                found = row.tangent(directions, results if len(results) > 1 else results[0], *seen)
                parts = tuple(map(computed, found if isinstance(found, tuple) else (found,)))
                fresh = {value for made in current_builder().ops[start:] for value in made.results}
                columns.append(
                    [
                        zero(r.type) if part is None else owned(part, ty.element(r.type), fresh)
                        for part, r in zip(parts, op.results, strict=True)
                    ]
                )
        for n, result in enumerate(op.results):
            self.tangents[result] = tuple(column[n] for column in columns)

    def memory(self, op: Op) -> None:
        """Loads, stores and what else moves values without computing."""
        match op.primitive:
            case "load":
                array, *where = op.operands
                self.beside(op, lambda k: (self.tangents[array][k], *where))
            case "store" | "accum":
                array, *where, value = op.operands
                held, terms = self.tangent(array), self.tangent(value)
                self.beside(op, lambda k: (held[k], *where, fitting(terms[k], value)))
            case "accumulate_array":
                held, terms = map(self.tangent, op.operands)
                self.beside(op, lambda k: (held[k], terms[k]))
            case "ensure":
                held = self.tangent(op.operands[0])
                self.beside(op, lambda k: (held[k], op.operands[1]))
            case "copy" | "cast":
                held = self.tangent(op.operands[0])
                self.beside(op, lambda k: (held[k],))
            case "alloc":
                fill = op.attributes["fill"]
                attributes = {**op.attributes, "fill": "empty" if fill == "empty" else "zeros"}
                self.beside(op, lambda k: op.operands, attributes)
            case "zeros_like" | "stop_gradient":
                pass  # `complete` gives zeros
            case _:
                if any(x in self.active for x in channels(op)):
                    refuse(op)

    def beside(
        self, op: Op, operands: Callable[[int], Sequence[Value]], attributes: dict[str, object] | None = None
    ) -> None:
        """The same op once more for each tangent."""
        builder = current_builder()
        type = tangent_type(op.result)
        given = op.attributes if attributes is None else attributes
        self.tangents[op.result] = tuple(
            builder.emit(op.primitive, operands(k), type, given, dot(op.result)) for k in range(self.width)
        )

    # ----------------------------------------------------------------------------------------- control

    def branch(self, op: Op) -> None:
        live = [k for k, result in enumerate(op.results) if result in self.active]
        regions = []
        for region in op.regions:
            with Builder(op.location) as builder:
                self.ops(region)
                added = [tangent for k in live for tangent in self.typed(region.results[k], op.results[k])]
            regions.append(builder.block((), (*region.results, *added)))
        for n, k in enumerate(live):
            then, otherwise = (region.results[len(op.results) + n * self.width] for region in regions)
            self.supports.joined(op, k, (then, otherwise))
        last = [self.fresh(op.results[k]) for k in live]
        results = (*op.results, *(tangent for chosen in last for tangent in chosen))
        current_builder().append(replace(op, regions=tuple(regions), results=results))
        self.tangents.update(zip([op.results[k] for k in live], last, strict=True))

    def typed(self, value: Value, into: Value) -> Tangents:
        return tuple(fitting(x, into) for x in self.tangent(value))

    def fresh(self, value: Value) -> Tangents:
        return tuple(Value(dot(value), tangent_type(value)) for _ in range(self.width))

    def loop(self, op: Op) -> None:
        live = [slot for slot in loop_slots(op) if slot[1] in self.active or slot[3] in self.active]
        starts = [tangent for slot in live for tangent in self.typed(slot[0], slot[1])]
        body = op.regions[-1]
        parameters = [self.fresh(slot[1]) for slot in live]
        self.tangents.update(zip([slot[1] for slot in live], parameters, strict=True))
        added = tuple(tangent for chosen in parameters for tangent in chosen)
        with Builder(op.location) as builder:
            self.ops(body)
            yields = [tangent for slot in live for tangent in self.typed(slot[2], slot[1])]
        regions = [builder.block((*body.parameters, *added), (*body.results, *yields))]
        if op.primitive == "while":
            # The condition reads no tangent, but its parameters are those of the body.
            unread = tuple(Value(v.name, v.type) for v in added)
            regions.insert(0, replace(op.regions[0], parameters=(*op.regions[0].parameters, *unread)))
        last = [self.fresh(slot[3]) for slot in live]
        results = (*op.results, *(tangent for chosen in last for tangent in chosen))
        current_builder().append(
            replace(op, operands=(*op.operands, *starts), regions=tuple(regions), results=results)
        )
        self.tangents.update(zip([slot[3] for slot in live], last, strict=True))


def is_condition(op: Op) -> bool:
    return op.primitive in ("and", "or", "not")


def fitting(tangent: Value, of: Value) -> Value:
    """A tangent with the type of what it belongs to."""
    return tangent if ty.is_array(tangent.type) else as_type(tangent, of.type)


__all__ = ["build_tangent"]
