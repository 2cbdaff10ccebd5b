"""Calls of a function inside itself: not read in place, but left as calls of a function of their own.

    def power(x, n):                            t = call power_again x (n - 1)
        if n == 0: return 1.0             ->    y = custom name='power' t x (n - 1)
        return x * power(x, n - 1)

What is called is the same function, read once for the types of the call; its derivatives call themselves likewise.
A function that others call often and that is large (`CallSites` says when) is called too, if it neither writes its
arguments, nor returns memory of theirs or arrays of lengths that they do not have, nor runs what must run once.
What the results are is assumed, and the function read again with what they turned out to be.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from types import CodeType
from typing import TYPE_CHECKING, Any

from ..errors import DifferentiationError
from ..ir import types as ty
from ..ir.core import Block, Function, Op, Value
from ..ir.operators import current_builder
from ..ir.types import Type
from ..ir.walk import ops_of, ops_within
from ..primitives.custom import Callee, emit_call
from ..runtime import special
from .captures import fetched
from .nested import spec_of, things_of
from .program import Program
from .source import FunctionSource
from .things import ArrayView
from .trees import all_leaves

if TYPE_CHECKING:
    from .calls import Calls

Parse = Callable[[FunctionSource, Sequence[Any], dict[Any, "Reading"]], Program]
ATTEMPTS = 4
RESERVED = {*dir(builtins), "np", "math", "njit", "numba", "cuda", "grown", *vars(special)}


class CallSites:
    """How often functions are read in place, and how large they are: whether one is better called.

    Reading in place lets what a call does be optimised with what is around it, and is what a person would do with small
    functions; compile time grows with the text. A function is called where all its sites but one make more than
    `LIMIT` ops of the IR (a line of arithmetic makes about three).
    """

    LIMIT = 2000

    def __init__(self) -> None:
        self.sites: dict[CodeType, list[int]] = {}

    def add(self, code: CodeType, ops: Sequence[Op]) -> None:
        self.sites.setdefault(code, []).append(sum(len(list(ops_of(op))) for op in ops))

    def largest(self, kept: set[CodeType]) -> CodeType | None:
        """The function that would make the most ops too many, but for those that must be read in place."""
        excess = {code: sum(sizes) - max(sizes) for code, sizes in self.sites.items() if code not in kept}
        code = max(excess, key=lambda code: excess[code], default=None)
        return code if code is not None and excess[code] > self.LIMIT else None


class Reading:
    """A recursive function for the types of one call: what it is taken to give while it is read."""

    def __init__(self, callee: Callee, structure: Any) -> None:
        self.callee, self.structure = callee, structure
        self.program: Program | None = None
        self.called_by: set[int] = set()  # the readings that called it before it was read


def call_apart(
    calls: Calls, source: FunctionSource, bound: dict[str, Any], node: ast.AST, parse: Parse
) -> Any:
    """A call of a function that is not read in place, since it is being read or is large."""
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
    count = len(structure) if isinstance(structure, tuple) else 1
    name = source.name if source.function.__code__ in calls.large else f"{source.name}_again"
    taken = {*RESERVED, *(reading.callee.name for reading in calls.readings.values())}
    if name in taken or not name.isidentifier():
        name = f"{name if name.isidentifier() else 'function'}_{len(taken) + 1}"
    # What it returns is taken to be floats; where it cannot be read so, arrays like those that it is given.
    guesses = [ty.float64, *dict.fromkeys(map(ty.owned, filter(ty.is_array, all_leaves(specs))))]
    refused: DifferentiationError | None = None
    for guess in guesses:
        try:
            if read_as(calls, source, specs, key, node, parse, name, (guess,) * count, structure):
                return
        except DifferentiationError as error:
            refused = refused or error
    if refused is not None:
        raise refused
    calls.refuse(
        f"what `{source.name}` returns, which calls itself, depends on what it returns",
        instead="a loop",
        node=node,
    )


def read_as(
    calls: Calls,
    source: FunctionSource,
    specs: tuple[Any, ...],
    key: Any,
    node: ast.AST,
    parse: Parse,
    name: str,
    types: tuple[Type, ...],
    structure: Any,
) -> bool:
    """Read a recursive function that is taken to give results of these types at first; whether that settles."""
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
        is_large = source.function.__code__ in calls.large
        unsized = any(None in lengths for lengths in program.lengths)
        runs_once = any(op.primitive == "opaque" for op in ops_within(function.body))
        if is_large and (program.shares or unsized or runs_once):
            calls.refuse("a call of this function apart", instead="the function read in place", node=node)
        found = tuple(r.type for r in function.results)
        if found == types and program.structure == structure:
            function = with_own_captures(function, reading.callee)
            reading.callee.make = partial(same, function)
            reading.callee.lengths = program.lengths
            reading.callee.recursive = not is_large or calls_among(function, reading.callee)
            reading.callee.fetch = program.fetch
            reading.program = replace(program, function=function)
            calls.readings.update(known)
            return True
        types, structure = found, program.structure
    return False


def calls_among(function: Function, callee: Callee) -> bool:
    """Whether a function calls one, directly or through others, or others that are still being read."""
    seen: set[Callee] = set()
    waiting = [function]
    while waiting:
        for op in ops_within(waiting.pop().body):
            called = op.attributes.get("callee") if op.primitive == "call" else None
            if called is not None and (called is callee or called.make is nothing):
                return True
            if called is not None and called not in seen:
                seen.add(called)
                waiting.append(called.function)
    return False


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


__all__ = ["CallSites", "Reading", "call_apart", "is_hashable"]
