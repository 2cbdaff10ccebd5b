"""Let pullbacks of functions that are called add to the arrays of their callers.

    f_pullback(x, i, g) {                          f_pullback(x, i, g, x_bar) {
      x_bar = zeros_like x                           x_bar' = accum x_bar i g
      x_bar' = accum x_bar i g                       x_bar'' = call f_pullback x j h x_bar'
      t = call f_pullback x j h              ->      return x_bar''
      x_bar'' = accumulate_array x_bar' t          }
      return x_bar''
    }

Without that, each call costs the length of the array, whatever it adds to it: a recursion that halves an array's
range would be quadratic. An array is passed in if the function only adds to it, from zeros; it is returned as well, so
that every version is a value. Made last, on programs that are printed: no pass but the printer knows such calls.

Reads: which values are versions of one array of sums.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..ir import types as ty
from ..ir.core import Block, Function, Op, Value, leaves_early, loop_slots
from ..ir.walk import ops_within, substitute, uses_in

ADDING = ("accum", "accumulate_array")
Result = tuple[str, int]  # the name of a function, and which of its results


class NotSums(Exception):
    """A result is not an array of zeros that was only added to."""


@dataclass
class Sums:
    """An array that is only added to: its versions, and the ops that they start from."""

    versions: set[Value] = field(default_factory=set)
    zeros: list[Op] = field(default_factory=list)
    calls: list[Op] = field(default_factory=list)
    like: int = -1  # the parameter that the zeros are like


def pass_accumulators(functions: Sequence[Function]) -> list[Function]:
    """Functions that call each other, the first of them by its own parameters, with arrays of sums passed in."""
    named = {f.name: f for f in functions[1:]}
    adjoints = {
        op.attributes["name"]
        for f in functions
        for op in ops_within(f.body)
        if op.primitive == "call"
        and op.attributes["callee"].sweeps is not None
        and op.attributes.get("part")
        != "forward"  # what it gives is to be rounded as the function itself does
    }
    places = {name: Places(f) for name, f in named.items()}
    found: dict[Result, Sums] = {}
    for name in adjoints & set(named):
        for k, value in enumerate(named[name].results):
            if ty.is_array(value.type):
                try:
                    found[name, k] = places[name].sums(value, adjoints)
                except NotSums:
                    continue
    found = those_with_zeros(found)
    if not found:
        return list(functions)
    return [
        with_accumulators(f, found, [found[r] for r in found if k and r[0] == f.name])
        for k, f in enumerate(functions)
    ]


def those_with_zeros(found: dict[Result, Sums]) -> dict[Result, Sums]:
    """Those whose versions start from zeros like a parameter, or from calls of such."""
    while True:
        kept = {
            r: sums
            for r, sums in found.items()
            if sums.zeros and all(of in found for call in sums.calls for of in starts(call, sums))
        }
        if len(kept) == len(found):
            return kept
        found = kept


def starts(call: Op, sums: Sums) -> list[Result]:
    """The results of a call that are versions of an array of sums."""
    return [(call.attributes["name"], k) for k, r in enumerate(call.results) if r in sums.versions]


class Places:
    """Where the values of a function are defined and used."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.maker = {r: op for op in ops_within(function.body) for r in op.results}
        self.inside: dict[Value, list[Op]] = {}  # the ops with regions around a definition
        self.note(function.body, [])

    def note(self, block: Block, around: list[Op]) -> None:
        for value in block.parameters:
            self.inside[value] = around
        for op in block.ops:
            for value in op.results:
                self.inside[value] = around
            for region in op.regions:
                self.note(region, [*around, op])

    def sums(self, result: Value, adjoints: set[str]) -> Sums:
        """The versions of the array of sums that a result is the last one of."""
        sums = Sums()
        self.trace(result, None, sums, adjoints)
        self.check_uses(result, sums)
        parameters = {self.parameter(op) for op in sums.zeros}
        if len(parameters) > 1:
            raise NotSums
        sums.like = next(iter(parameters), -1)
        return sums

    def parameter(self, zeros: Op) -> int:
        """The parameter that zeros are like."""
        if zeros.primitive != "zeros_like" or zeros.operands[0] not in self.function.parameters:
            raise NotSums
        return self.function.parameters.index(zeros.operands[0])

    def trace(self, value: Value, within: Op | None, sums: Sums, adjoints: set[str]) -> Value | None:
        """Follow versions back to where they start: to the value outside of `within`, else None."""
        if within is not None and within not in self.inside.get(value, []):
            return value
        op = self.maker.get(value)
        if op is None:
            raise NotSums
        sums.versions.add(value)
        if op.primitive in ADDING:
            return self.trace(op.operands[0], within, sums, adjoints)
        if op.primitive == "zeros_like" and not op.attributes.get("work"):
            sums.zeros += [op] if op not in sums.zeros else []
            return None
        if op.primitive == "call" and op.attributes["name"] in adjoints:
            sums.calls += [op] if op not in sums.calls else []
            return None
        if op.primitive == "if":
            k = op.results.index(value)
            first, second = (self.trace(region.results[k], op, sums, adjoints) for region in op.regions)
            if first is not second:
                raise NotSums  # one arm starts anew, and drops what was added before
            return None if first is None else self.trace(first, within, sums, adjoints)
        if op.primitive == "for" and not leaves_early(op):
            slot = next(s for s in loop_slots(op) if s[3] is value)
            initial, parameter, yielded, _ = slot
            sums.versions.add(parameter)
            self.maker_of_trip(yielded, parameter, op, sums, adjoints)
            return self.trace(initial, within, sums, adjoints)
        raise NotSums

    def maker_of_trip(
        self, yielded: Value, parameter: Value, loop: Op, sums: Sums, adjoints: set[str]
    ) -> None:
        """A trip adds to what it is given."""
        value = yielded
        while value is not parameter:
            op = self.maker.get(value)
            if op is None or loop not in self.inside[value]:
                raise NotSums
            sums.versions.add(value)
            if op.primitive in ADDING:
                value = op.operands[0]
                continue
            if op.primitive == "if":
                k = op.results.index(value)
                first, second = (self.trace(region.results[k], op, sums, adjoints) for region in op.regions)
                if first is None or first is not second:
                    raise NotSums
                value = first
                continue
            if op.primitive != "for" or leaves_early(op):
                raise NotSums
            initial, inner, inner_yielded, _ = next(s for s in loop_slots(op) if s[3] is value)
            sums.versions.add(inner)
            self.maker_of_trip(inner_yielded, inner, op, sums, adjoints)
            value = initial

    def check_uses(self, result: Value, sums: Sums) -> None:
        """Nothing but additions may see a version."""
        uses: Counter[Value] = Counter(v for v in uses_in(self.function.body) if v in sums.versions)
        allowed: Counter[Value] = Counter({result: 1})
        for op in ops_within(self.function.body):
            if op.primitive in ADDING and op.results[0] in sums.versions:
                allowed[op.operands[0]] += 1
            elif op.primitive == "shape":
                allowed[op.operands[0]] += 1
            elif op.primitive == "if":
                for k, joined in enumerate(op.results):
                    if joined in sums.versions:
                        allowed.update(region.results[k] for region in op.regions)
            elif op.primitive == "for":
                for initial, _, yielded, joined in loop_slots(op):
                    if joined in sums.versions:
                        allowed.update((initial, yielded))
        if any(uses[v] > allowed[v] for v in sums.versions):
            raise NotSums


def with_accumulators(function: Function, found: dict[Result, Sums], own: list[Sums]) -> Function:
    """The function with those arrays as parameters that it only adds to, passed on to what it calls."""
    uses = Counter(uses_in(function.body))
    views = {r for op in ops_within(function.body) if op.attributes.get("view") for r in op.results}
    passed = [Value(sums.zeros[0].result.name, sums.zeros[0].result.type) for sums in own]
    given = {op.result: p for sums, p in zip(own, passed, strict=True) for op in sums.zeros}
    given |= {
        r: p
        for sums, p in zip(own, passed, strict=True)
        for op in sums.calls
        for r in op.results
        if r in sums.versions
    }
    replaced = {op.result: given[op.result] for sums in own for op in sums.zeros}

    def visit(block: Block) -> Block:
        ops: list[Op] = []
        dropped: set[Op] = set()
        for k, op in enumerate(block.ops):
            if op in dropped or (op.primitive == "zeros_like" and op.result in replaced):
                continue
            if op.regions:
                op = replace(op, regions=tuple(map(visit, op.regions)))
            if op.primitive == "call":
                op = passing(ops, block.ops[k + 1 :], op, dropped)
            ops.append(op)
        return replace(block, ops=tuple(ops))

    def passing(before: list[Op], later: Sequence[Op], call: Op, dropped: set[Op]) -> Op:
        stacks = next((k for k, x in enumerate(call.operands) if ty.is_stack(x.type)), len(call.operands))
        more: list[Value] = []
        results, into = list(call.results), []
        for k, result in enumerate(call.results):
            sums = found.get((call.attributes["name"], k))
            if sums is None:
                continue
            into.append((stacks + len(more), k))
            if result in given:
                more.append(given[result])
                continue
            adding = addition_of(result, (call, *later), uses, views)
            if adding is not None and adding not in dropped:
                more.append(adding.operands[0])
                results[k] = adding.result
                dropped.add(adding)
                continue
            zeros = Value(result.name, result.type)
            before.append(Op("zeros_like", (call.operands[sums.like],), (zeros,), (), {}, call.location))
            more.append(zeros)
        if not into:
            return call
        operands = (*call.operands[:stacks], *more, *call.operands[stacks:])
        attributes = {**call.attributes, "into": tuple(into)}
        return replace(call, operands=operands, results=tuple(results), attributes=attributes)

    body = substitute(visit(function.body), replaced)
    own_stacks = next((k for k, p in enumerate(body.parameters) if ty.is_stack(p.type)), len(body.parameters))
    parameters = (*body.parameters[:own_stacks], *passed, *body.parameters[own_stacks:])
    return replace(function, body=replace(body, parameters=parameters))


def addition_of(result: Value, ops: Sequence[Op], uses: Counter[Value], views: set[Value]) -> Op | None:
    """The op that adds a result of the first op to an array, if nothing else reads it, and nothing that array until
    then."""
    if uses[result] != 1:
        return None
    for k, op in enumerate(ops):
        if op.primitive == "accumulate_array" and op.operands[1] is result:
            held, before = op.operands[0], ops[:k]
            read = set(uses_in(Block((), tuple(before), ())))
            is_made = any(held in other.results for other in before)
            return None if is_made or held in read or read & views else op
    return None


__all__ = ["pass_accumulators"]
