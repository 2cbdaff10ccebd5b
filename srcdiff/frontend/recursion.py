"""Calls of a function inside itself: not read in place, but left as calls of a function of their own.

    def power(x, n):                            t = call power_again x (n - 1)
        if n == 0: return 1.0             ->    y = custom name='power' t x (n - 1)
        return x * power(x, n - 1)

What is called is the same function, read once for the types of the call; its derivatives call themselves likewise.
What the results are is assumed, and the function read again with what they turned out to be.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..ir import types as ty
from ..ir.core import Block, Function, Op, Value
from ..ir.operators import current_builder
from ..ir.types import Type
from ..primitives.custom import Callee, RuledCall, Rules
from .captures import fetched
from .nested import spec_of, things_of
from .source import FunctionSource
from .things import ArrayView

if TYPE_CHECKING:
    from .build import Program
    from .calls import Calls

Parse = Callable[[FunctionSource, Sequence[Any], dict[Any, "Reading"]], "Program"]
ATTEMPTS = 4


class Reading:
    """A recursive function for the types of one call: what it is taken to give while it is read."""

    def __init__(self, callee: Callee, structure: Any) -> None:
        self.callee, self.structure = callee, structure
        self.program: Program | None = None
        self.called_by: set[int] = set()  # the readings that called it before it was read


def call_recursive(
    calls: Calls, source: FunctionSource, bound: dict[str, Any], node: ast.AST, parse: Parse
) -> Any:
    """A call of a function that is being read."""
    spec = source.tree.args
    if spec.vararg is not None:
        calls.refuse("recursion with `*` in the signature", instead="named parameters", node=node)
    names = [a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
    operands: list[Value] = []
    specs = tuple(spec_of(calls, bound[name], operands, node) for name in names)
    if any(ty.is_complex(ty.element(x.type)) for x in operands):
        calls.refuse("recursion with complex numbers", instead="real and imaginary parts", node=node)
    key = source.function.__code__, specs
    if not is_hashable(key):
        calls.refuse("recursion with a dict or a list as argument", instead="numbers and arrays", node=node)
    if key not in calls.readings:
        if len(calls.readings) > 8:
            calls.refuse("recursion with ever other types of arguments", instead="a loop", node=node)
        read(calls, source, specs, key, node, parse)
    reading = calls.readings[key]
    callee = reading.callee
    if reading.program is not None:
        calls.captures.statics.extend(reading.program.statics)
        calls.files.update(reading.program.files)
        calls.called.update(reading.program.called)
        calls.differentiated.update(reading.program.differentiated)
    hidden = []
    for where in callee.fetch:
        thing = calls.captured(fetched(where), where, where[2], node)
        hidden.append(calls.version(thing.root) if isinstance(thing, ArrayView) else calls.as_value(thing))
    current_builder().location = calls.location(node)
    results = emit_call(callee, operands, hidden)
    return things_of(calls, reading.structure, iter(results))


def emit_call(callee: Callee, operands: Sequence[Value], hidden: Sequence[Value]) -> tuple[Value, ...]:
    """A call, with the derivative that the callee's own derivatives give."""
    builder = current_builder()
    raw = tuple(Value("", type) for type in callee.results)
    attributes = {"name": callee.name, "callee": callee}
    builder.append(Op("call", (*operands, *hidden), raw, (), attributes, builder.location))
    results = tuple(Value("", type) for type in callee.results)
    channels = tuple(len(raw) + k for k, x in enumerate(operands) if ty.is_differentiable(x.type))
    rules = Rules(callee.name, callee=callee)
    call = RuledCall(rules, tuple(x.type for x in operands), ("leaf",) * len(raw), len(operands), channels)
    attributes = {"name": callee.name, "call": call}
    return builder.append(Op("custom", (*raw, *operands), results, (), attributes, builder.location))


def is_hashable(key: Any) -> bool:
    try:
        hash(key)
    except TypeError:
        return False
    return True


def read(
    calls: Calls, source: FunctionSource, specs: tuple[Any, ...], key: Any, node: ast.AST, parse: Parse
) -> None:
    """Read a recursive function, until it gives what it was taken to give."""
    structure = returned(source)
    types: tuple[Type, ...] = (ty.float64,) * (len(structure) if isinstance(structure, tuple) else 1)
    name = f"{source.name}_again"
    taken = {reading.callee.name for reading in calls.readings.values()}
    if name in taken:
        name += str(len(taken) + 1)
    for _ in range(ATTEMPTS):
        known = dict(calls.readings)
        reading = Reading(Callee(name, types, nothing), structure)
        known[key] = reading
        program = parse(source, specs, known)
        function = program.function
        if function.written:
            calls.refuse(
                f"`{source.name}` calls itself and writes into its arguments",
                "what each call has written is not recorded",
                "a function that returns a new value, or a loop",
                node=node,
            )
        found = tuple(r.type for r in function.results)
        if found == types and program.structure == structure:
            function = with_own_captures(function, reading.callee)
            reading.callee.make = partial(same, function)
            reading.callee.fetch = program.fetch
            reading.program = replace(program, function=function)
            calls.readings.update(known)
            return
        types, structure = found, program.structure
    calls.refuse(
        f"what `{source.name}` returns, which calls itself, depends on what it returns",
        instead="a loop",
        node=node,
    )


def returned(source: FunctionSource) -> Any:
    """What a function seems to return: a tuple where a `return` has one, else one value."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            return ("leaf",) * len(node.value.elts)
    return "leaf"


def same(function: Function) -> Function:
    return function


def nothing() -> Function:
    raise AssertionError("a function that is still being read")


def with_own_captures(function: Function, callee: Callee) -> Function:
    """The function with its hidden parameters passed on to itself."""
    hidden = function.parameters[len(function.parameters) - function.hidden :]

    def visit(block: Block) -> Block:
        ops = tuple(
            replace(op, operands=(*op.operands, *hidden))
            if op.attributes.get("callee") is callee
            else replace(op, regions=tuple(map(visit, op.regions)))
            if op.regions
            else op
            for op in block.ops
        )
        return replace(block, ops=ops)

    return replace(function, body=visit(function.body)) if hidden else function


__all__ = ["Reading", "call_recursive", "emit_call", "is_hashable"]
