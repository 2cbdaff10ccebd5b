"""Which values carry a derivative.

    def f(x, n):
        k = 2 * n          # neither
        a = math.sin(x)    # active: it depends on x, and the result on it
        b = math.cos(x)    # varied only
        return a * k

A value is *varied* if it depends on an independent through operations with a derivative, *useful* if the result
depends on it in that way, and *active* if both. Integers and booleans never are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..ir import types as ty
from ..ir.core import Block, Function, Op, Value, loop_body, loop_slots
from ..primitives import ARRAYS, NONE, REGISTRY, ZERO
from .structure import find_structure


@dataclass(frozen=True)
class Activity:
    varied: frozenset[Value]
    useful: frozenset[Value]

    def __contains__(self, value: Value) -> bool:
        return value in self.varied and value in self.useful


def find_active(function: Function, independents: Iterable[Value], dependents: Iterable[Value]) -> Activity:
    """Find what lies between independents and dependents.

    Parameters
    ----------
    function : Function
    independents : parameters to differentiate by
    dependents : results to differentiate
    """
    varied = {value for value in independents if ty.is_differentiable(value.type)}
    spread_varied(function.body, varied)
    useful = {value for value in dependents if ty.is_differentiable(value.type)}
    spread_useful(function.body, useful)
    return Activity(frozenset(varied), frozenset(useful))


class Carrying:
    """What carries a derivative where arrays are changed in place: an array does if any of its versions is active."""

    def __init__(
        self, function: Function, independents: Iterable[Value], dependents: Iterable[Value]
    ) -> None:
        self.active = find_active(function, independents, dependents)
        self.structure = find_structure(function.body)
        arrays = (v for v in self.active.varied & self.active.useful if ty.is_array(v.type))
        self.arrays = {self.structure.storage(v) for v in arrays}

    def __contains__(self, value: Value) -> bool:
        if ty.is_array(value.type):
            return self.structure.storage(value) in self.arrays
        return value in self.active


def channels(op: Op) -> list[Value]:
    """The operands through which a derivative can pass into the results."""
    row = REGISTRY.get(op.primitive)
    if row is not None:
        if row.rules == ZERO:
            return []
        if row.rules == NONE:
            return list(op.operands)
        return [x for x, rule in zip(op.operands, row.rules, strict=True) if rule is not None]
    whole = ARRAYS.get(op.primitive)
    if whole is not None:
        return [x for x, rule in zip(op.operands, whole.rules, strict=True) if rule is not None]
    match op.primitive:
        case "load" | "copy" | "cast" | "ensure" | "barrier" | "opaque":
            return [op.operands[0]] if op.primitive != "opaque" else list(op.operands)
        case "store" | "accum":
            return [op.operands[0], op.operands[-1]]
        case "accumulate_array":
            return list(op.operands)
        case "custom":
            return [op.operands[k] for k in op.attributes["call"].channels]
        case _:
            return []


def spread_varied(block: Block, varied: set[Value]) -> None:
    for op in block.ops:
        match op.primitive:
            case "if":
                for region in op.regions:
                    spread_varied(region, varied)
                    varied.update(r for r, y in zip(op.results, region.results, strict=True) if y in varied)
            case "for" | "while":
                slots = loop_slots(op)
                while True:
                    before = len(varied)
                    varied.update(p for i, p, y, _ in slots if i in varied or y in varied)
                    spread_varied(loop_body(op), varied)
                    if len(varied) == before:
                        break
                varied.update(r for i, _, y, r in slots if i in varied or y in varied)
            case _:
                if any(x in varied for x in channels(op)):
                    varied.update(r for r in op.results if ty.is_differentiable(r.type))


def spread_useful(block: Block, useful: set[Value]) -> None:
    for op in reversed(block.ops):
        match op.primitive:
            case "if":
                for region in op.regions:
                    useful.update(y for r, y in zip(op.results, region.results, strict=True) if r in useful)
                    spread_useful(region, useful)
            case "for" | "while":
                slots = loop_slots(op)
                while True:
                    before = len(useful)
                    useful.update(y for _, p, y, r in slots if r in useful or p in useful)
                    spread_useful(loop_body(op), useful)
                    if len(useful) == before:
                        break
                useful.update(i for i, p, _, r in slots if r in useful or p in useful)
            case _:
                if any(r in useful for r in op.results):
                    useful.update(
                        x for x in channels(op) if ty.is_differentiable(x.type) and not x.is_constant
                    )


__all__ = ["Activity", "Carrying", "channels", "find_active"]
