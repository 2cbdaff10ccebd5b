"""Supply the rules that a derivative needs: read for the types of each call, or made from those of the other mode.

    y = custom name='exp' ans x    ->    y = custom name='exp' ans x  (with the program exp_vjp)

Rules are linear in what comes in, so one mode's rules, transposed, are those of the other: the pullback of a vjp rule
by its cotangent is the jvp rule. What rules read of their surroundings becomes a hidden parameter of the function.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from . import pipeline
from .analysis.activity import find_active
from .frontend.build import Program
from .frontend.rules import read_jvp, read_vjp
from .ir import types as ty
from .ir.builder import Builder, zero
from .ir.core import Block, Function, Op, Value
from .ir.inline import inline
from .ir.walk import ops_within

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
        )

    def block(self, block: Block) -> Block:
        return replace(block, ops=tuple(map(self.op, block.ops)))

    def op(self, op: Op) -> Op:
        if op.regions:
            return replace(op, regions=tuple(map(self.block, op.regions)))
        if op.primitive != "custom" or self.mode in op.attributes:
            return op
        if not any(op.operands[k] in self.varied for k in op.attributes["call"].channels):
            return op
        program = rule_program(op, self.mode)
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
        attributes = {**op.attributes, self.mode: (program.function, tuple(captured))}
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
