"""Supply the rules that a derivative needs: read for the types of each call, or made from those of the other mode.

    y = custom name='exp' ans x    ->    y = custom name='exp' ans x  (with the program exp_vjp)

Rules are linear in what comes in, so one mode's rules, transposed, are those of the other: the pullback of a vjp rule
by its cotangent is the jvp rule. What rules read of their surroundings becomes a hidden parameter of the function.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from . import pipeline
from .analysis.activity import find_active
from .errors import NotDifferentiable
from .frontend.program import Program
from .frontend.rules import read_jvp, read_vjp
from .ir import types as ty
from .ir.builder import Builder, zero
from .ir.core import Block, Function, Op, Value
from .ir.inline import inline
from .ir.walk import ops_within
from .primitives.custom import Callee, RuledCall, emit_call
from .transform.cotangents import bar, cotangent_type

OTHER = {"vjp": "jvp", "jvp": "vjp"}


def with_rules(program: Program, wrt: Sequence[int], mode: str) -> Program:
    """The program with the rules of one mode at each call that has rules and depends on the parameters `wrt`.

    Parameters
    ----------
    program : Program
    wrt : indices of parameters
    mode : "vjp" or "jvp"
    """
    function = program.function
    if not any(op.primitive == "custom" for op in ops_within(function.body)):
        return program
    independents = [function.parameters[k] for k in wrt]
    varied = find_active(function, independents, ()).varied
    return Supplier(program, mode, varied).run()


class Supplier:
    def __init__(self, program: Program, mode: str, varied: frozenset[Value]) -> None:
        self.given, self.mode, self.varied = program, mode, varied
        function = program.function
        hidden = function.parameters[len(function.parameters) - function.hidden :]
        self.hidden = {known(where): value for where, value in zip(program.fetch, hidden, strict=True)}
        self.fetch, self.statics = list(program.fetch), list(program.statics)
        self.files, self.called = set(program.files), set(program.called)

    def run(self) -> Program:
        function = self.given.function
        body = self.block(function.body)
        added = tuple(self.hidden.values())[function.hidden :]
        body = replace(body, parameters=(*body.parameters, *added))
        return replace(
            self.given,
            function=replace(function, body=body, hidden=function.hidden + len(added)),
            fetch=tuple(self.fetch),
            statics=tuple(self.statics),
            written=tuple(k if k >= 0 else k - len(added) for k in self.given.written),
            files=frozenset(self.files),
            called=frozenset(self.called),
        )

    def block(self, block: Block) -> Block:
        return replace(block, ops=tuple(map(self.op, block.ops)))

    def op(self, op: Op) -> Op:
        if op.regions:
            return replace(op, regions=tuple(map(self.block, op.regions)))
        if op.primitive != "custom":
            return op
        call: RuledCall = op.attributes["call"]
        channels = tuple(k for k in call.channels if op.operands[k] in self.varied)
        if not channels:
            return op
        if call.rules.callee is not None:
            # What is owed to a number costs little: the same derivative serves more calls.
            channels = tuple(
                k for k in call.channels if k in channels or not ty.is_array(op.operands[k].type)
            )
        if self.mode in op.attributes and set(channels) <= set(op.attributes[self.mode][2]):
            return op
        callee = call.rules.callee
        if callee is not None and self.mode == "jvp":
            wrt = tuple(k - len(op.results) for k in channels)
            made: Any = partial(derivative_of, callee, "jvp", wrt)  # of so many tangents as are wanted
            program = Program(callee.function, callee.fetch, (), None, 0, ())
        else:
            program = call_program(op, channels) if callee is not None else rule_program(op, self.mode)
            channels = channels if callee is not None else call.channels
            made = program.function
        captured = []
        operands = list(op.operands)
        parameters = program.function.parameters
        for where, value in zip(
            program.fetch, parameters[len(parameters) - len(program.fetch) :], strict=True
        ):
            key = known(where)
            if key not in self.hidden:
                self.hidden[key] = Value(value.name, value.type)
                self.fetch.append(where)
            captured.append(len(operands))
            operands.append(self.hidden[key])
        self.statics += program.statics
        self.files |= program.files
        self.called |= program.called
        attributes = {**op.attributes, self.mode: (made, tuple(captured), channels)}
        return replace(op, operands=tuple(operands), attributes=attributes)


def known(where: tuple[str, object, str]) -> tuple[str, int, str]:
    """What tells two captured things apart."""
    kind, owner, name = where
    return kind, id(getattr(owner, "__globals__", owner)) if kind == "global" else id(owner), name


def rule_program(op: Op, mode: str) -> Program:
    """The rules of a call as one function, in the given mode; every array that it gives is its own."""
    given = getattr(op.attributes["call"].rules, mode) is not None
    read = read_vjp if (mode == "vjp") == given else read_jvp
    program = read(op)
    if not given:
        program = transposed(program, op, mode)
    return replace(program, function=pipeline.own_results(pipeline.simplified(program.function)))


def derivative_of(callee: Callee, mode: str, wrt: tuple[int, ...], width: int = 1) -> Callee:
    """A function that is called too: what one that is called owes to its parameters `wrt`, or its results and their
    tangents, `width` at once."""
    known = callee.derivatives.get((mode, wrt, width))
    if known is not None:
        return known
    function: Function = callee.function
    visible = function.parameters[: len(function.parameters) - function.hidden]
    floats = tuple(k for k, p in enumerate(visible) if ty.is_differentiable(p.type))
    by = "" if wrt == floats else "".join(f"_by_{visible[k].name.strip('$') or k}" for k in wrt)
    if mode == "vjp":
        types = tuple(cotangent_type(visible[k].type) for k in wrt)
        lengths = tuple(tuple((k, axis) for axis in range(getattr(visible[k].type, "ndim", 0))) for k in wrt)
    else:
        places = [n for n, r in enumerate(function.results) if ty.is_differentiable(r.type)] * width
        types = (*callee.results, *(cotangent_type(callee.results[n]) for n in places))
        known_lengths = len(callee.lengths) == len(callee.results)
        lengths = (*callee.lengths, *(callee.lengths[n] for n in places)) if known_lengths else ()
    name = f"{callee.name}{by}_{mode}{width if width > 1 else ''}"
    made = Callee(name, types, lambda: make(), callee.fetch, callee.recursive, lengths)
    callee.derivatives[mode, wrt, width] = made
    if mode == "vjp":
        made.sweeps = lambda: pipeline.seeded_adjoint(ruled(), wrt)
        made.values = tuple(r.type for r in function.results)
        made.seeds = tuple(t for t in made.values if ty.is_differentiable(t))

    def ruled() -> Function:
        program = with_rules(Program(function, callee.fetch, (), None, len(visible), ()), wrt, mode)
        if program.fetch != callee.fetch:
            raise NotDifferentiable(
                f"`{callee.name}` is called, not read in place, and calls a function with rules that read their "
                "surroundings",
                reason="what each call of it must supply is known too late",
                instead="what the rules read as arguments",
            )
        found: Function = program.function
        return found

    def make() -> Function:
        if mode == "vjp":
            derivative = pipeline.cotangents_of(made.adjoint, len(function.results))
        else:
            derivative = pipeline.tangent(ruled(), wrt, width=width)
        return replace(pipeline.as_primal(derivative), name=made.name)

    return made


def call_program(op: Op, channels: tuple[int, ...]) -> Program:
    """What a call of a function owes: a call of its vjp."""
    callee: Callee = op.attributes["call"].rules.callee
    function: Function = callee.function
    directions = [Value("g", cotangent_type(r.type)) for r in op.results if ty.is_differentiable(r.type)]
    results = [Value(v.name, v.type) for v in op.results]
    count = len(function.parameters) - function.hidden
    arguments = [Value(p.name, p.type) for p in function.parameters]
    wrt = tuple(k - len(op.results) for k in channels)
    with Builder(op.location) as builder:
        derivative = derivative_of(callee, "vjp", wrt)
        names = [bar(arguments[k]) for k in wrt]
        found = emit_call(derivative, (*arguments[:count], *directions), arguments[count:], names)
    body = Block((*directions, *results, *arguments), tuple(builder.ops), found)
    function = Function(f"{callee.name}_vjp", body, function.hidden)
    return Program(function, callee.fetch, (), None, len(body.parameters) - function.hidden, ())


def transposed(program: Program, op: Op, mode: str) -> Program:
    """The rules of the other mode, by the pullback of the given ones by what comes in."""
    results = [k for k, r in enumerate(op.results) if ty.is_differentiable(r.type)]
    incoming = results if mode == "jvp" else list(op.attributes["call"].channels)
    count = len(incoming)
    program = with_rules(program, range(count), "vjp")
    function = program.function
    values = len(function.results)
    forward, backward = pipeline.pullback(function, range(count))
    known = function.parameters[count:]  # results of the call, then its arguments
    seeds = [Value(p.name, p.type) for p in backward.parameters[len(forward.results) - values :]]
    with Builder(op.location) as builder:
        # The rules being linear, their pullback is the same everywhere: it is taken at zero.
        zeros = [
            builder.emit("zeros_like", (known[k],), p.type) if ty.is_array(p.type) else zero(p.type)
            for p, k in zip(function.parameters, incoming, strict=False)
        ]
        residuals = inline(forward, (*zeros, *known))[values:]
        owed = inline(backward, (*residuals, *seeds))
    name = function.name.removesuffix(OTHER[mode]) + mode
    return replace(
        program, function=Function(name, Block((*seeds, *known), tuple(builder.ops), owed), function.hidden)
    )


__all__ = ["with_rules"]
