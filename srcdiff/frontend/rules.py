"""Read the rules of a function for the types of one call of it.

y = custom name='exp' ans x        defvjp(exp, lambda g, ans, x: ans * g)

exp_vjp(y_bar, ans, x) {           y_bar, then what the call gave, then what it took
  x_bar = mul ans y_bar
  return x_bar                     for each of the call's `channels`
}
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from ..errors import NotDifferentiable
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Block, Function, Op, Value
from ..ir.types import Type
from ..primitives.custom import Rule, RuledCall, Together
from .build import Reader, named
from .describe import describe
from .library.structures import thing_of
from .program import Program
from .scope import Frame, ReadAgain
from .source import location_of, read_source
from .things import ArrayView, Static, is_arraylike, is_number, is_scalar
from .trees import Tree, parts_of, with_parts


def thing_like(node: Any, make: Callable[[Any], Any]) -> Any:
    """The thing for a structure, with what is made of each part."""
    tree = node if isinstance(node, Tree) else Tree(tuple, (), node)
    return thing_of(tree, map(make, tree.parts))


def named_after(thing: Any, ending: str) -> str:
    name = thing.name if isinstance(thing, Value) else thing.root.name
    return f"{name}_{ending}" if name else "g"


def read_vjp(op: Op) -> Program:
    """The program of the vjp rules: what is owed to each of the channels of a call."""
    return as_often_as_it_takes(op, "vjp", shares_of)


def read_jvp(op: Op) -> Program:
    """The program of the jvp rules: the tangents of the results, for tangents of the channels."""
    return as_often_as_it_takes(op, "jvp", tangents_of)


def as_often_as_it_takes(op: Op, mode: str, read: Callable[[Reading], Program]) -> Program:
    reader = Reader()
    while True:
        try:
            return read(Reading(op, mode, reader))
        except ReadAgain:
            reader = reader.another()


def shares_of(reading: Reading) -> Program:
    rules = reading.rules
    ans, args = reading.call_values()
    g = reading.cotangents(ans)
    shares: list[Value] = []
    with reading:
        if isinstance(rules.vjp, Together):
            together = reading.applied(rules.vjp.rule, g, ans, args[: rules.vjp.count])
            for k, share in enumerate(together):
                reading.shares(share, args[k], k, shares)
        else:
            assert rules.vjp is not None
            for k, rule in enumerate(rules.vjp):
                if rule is not None and reading.has_float(args[k]):
                    reading.shares(reading.applied(rule, g, ans, args), args[k], k, shares)
                elif rules.has_derivative(k):
                    reading.zeros(args[k], shares)
    return reading.program(shares)


def tangents_of(reading: Reading) -> Program:
    rules = reading.rules
    ans, args = reading.call_values()
    total: Any = None
    place = len(reading.op.results)
    with reading:
        assert rules.jvp is not None
        for k, rule in enumerate(rules.jvp):
            g, place = reading.tangents(args[k], place)
            if rule is None or not reading.has_float(args[k]):
                continue
            term = reading.applied(rule, g, ans, args)
            reading.check_like(term, ans, "the result")
            total = term if total is None else reading.sum(total, term)
        leaves: list[Value] = []
        reading.flat(ans if total is None else total, ans, total is None, leaves)
    return reading.program(leaves)


class Reading:
    """A reader for the rules of one call."""

    def __init__(self, op: Op, mode: str, reader: Reader) -> None:
        self.op, self.mode, self.reader = op, mode, reader
        self.call: RuledCall = op.attributes["call"]
        self.rules = self.call.rules
        self.directions: list[Value] = []  # cotangents or tangents
        self.values: list[Value] = []
        self.builder = Builder(op.location)
        self.rule: Rule | None = None

    def __enter__(self) -> Reading:
        self.builder.__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        self.builder.__exit__(*problem)

    # -------------------------------------------------------------------------------------- parameters

    def parameter(self, name: str, type: Type) -> Any:
        """A value that the call gave or took, as a thing."""
        return self.reader.parameter(type, name, self.values)

    def direction(self, of: Any, name: str) -> Any:
        """A cotangent or tangent of a thing: of its shape, arrays in C order."""
        if not self.has_float(of):
            return 0.0
        type = of.type if isinstance(of, Value) else ty.array(of.root.type.dtype, of.ndim)
        thing = self.reader.parameter(type, name, self.directions)
        if is_arraylike(of):
            thing.root.shape = of.root.shape
        return thing

    def cotangents(self, ans: Any) -> Any:
        """A cotangent for each float that the call gave, nested like them; 0 for the others."""
        parts = parts_of(ans)
        if parts is not None:
            return with_parts(ans, [self.cotangents(part) for part in parts])
        return ans if isinstance(ans, Static) else self.direction(ans, named_after(ans, "bar"))

    def call_values(self) -> tuple[Any, list[Any]]:
        """What the call gave and what it took, as things."""
        results = iter(self.op.results)

        def given(structure: Any) -> Any:
            if structure is None or isinstance(structure, Static):
                return structure or Static(None)
            if parts_of(structure) is not None:
                return thing_like(structure, given)
            result = next(results)
            return self.parameter(result.name or "ans", result.type)

        ans = given(self.call.returns)
        operands = iter(self.op.operands[len(self.op.results) :])

        def taken(spec: Any) -> Any:
            if isinstance(spec, Static):
                return spec
            if parts_of(spec) is not None:
                return thing_like(spec, taken)
            operand = next(operands)
            type = ty.with_single_axes(operand.type, ty.single_axes(spec))
            return self.parameter(operand.name or "x", type)

        return ans, list(map(taken, self.call.takes))

    def tangents(self, thing: Any, place: int) -> tuple[Any, int]:
        """The tangents of one argument, nested like it, and the operand where the next argument starts."""
        if isinstance(thing, Static):
            return 0.0, place
        parts = parts_of(thing)
        if parts is not None:
            found = []
            for part in parts:
                inner, place = self.tangents(part, place)
                found.append(inner)
            return with_parts(thing, found), place
        moves = place in self.call.channels
        return (self.direction(thing, named_after(thing, "dot")) if moves else 0.0), place + 1

    # ------------------------------------------------------------------------------------------ rules

    def applied(self, rule: Rule, g: Any, ans: Any, args: list[Any]) -> Any:
        """What a rule gives."""
        reader = self.reader
        self.rule = rule
        source = read_source(rule)
        reader.frame = Frame(source)
        reader.current_node = source.tree
        before = dict(reader.memory)
        given = [g, ans, *args]
        spec: ast.arguments = source.tree.args
        if not spec.vararg and len(spec.posonlyargs) + len(spec.args) != len(given):
            self.refuse(
                f"takes {len(spec.posonlyargs) + len(spec.args)} arguments",
                f"{len(given)}: g, ans and its own",
            )
        found = reader.call(Static(rule), tuple(given), {}, source.tree)
        if any(reader.memory.get(root) is not version for root, version in before.items()):
            self.refuse("writes into its arguments", "a new array")
        return found

    def refuse(self, what: str, needed: str) -> Any:
        """Refuse the rule that is being read."""
        source = read_source(self.rule)
        raise NotDifferentiable(
            f"the {self.mode} rule of `{self.rules.name}` {what}",
            location_of(source, source.tree),
            f"needed: {needed}",
        )

    def has_float(self, thing: Any) -> bool:
        parts = parts_of(thing)
        if parts is not None:
            return any(map(self.has_float, parts))
        return not isinstance(thing, Static) and ty.is_differentiable(self.reader.dtype(thing))

    def check_like(self, thing: Any, like: Any, what: str) -> None:
        """A share or a tangent is like what it is for: a number, an array of as many axes, or a tuple."""
        parts = parts_of(like)
        if parts is not None:
            given = parts_of(thing)
            names, wanted = getattr(thing, "names", None), getattr(like, "names", None)
            if given is None or len(given) != len(parts) or names != wanted:
                self.refuse(f"gives {describe(thing)} for {what}", describe(like))
            for part, other in zip(given or (), parts, strict=True):
                self.check_like(part, other, what)
            return
        if not self.has_float(like):
            return
        if is_arraylike(like):
            if not is_arraylike(thing) or thing.ndim != like.ndim:
                self.refuse(f"gives {describe(thing)} for {what}", describe(like))
        elif not is_scalar(thing) and not (is_arraylike(thing) and thing.ndim == 0):
            self.refuse(f"gives {describe(thing)} for {what}", "a number")

    def shares(self, share: Any, like: Any, k: int, found: list[Value]) -> None:
        """Append what is owed to argument `k`."""
        self.check_like(share, like, f"argument {k}")
        self.flat(share, like, False, found)

    def zeros(self, like: Any, found: list[Value]) -> None:
        self.flat(like, like, True, found)

    def flat(self, thing: Any, like: Any, zeros: bool, found: list[Value]) -> None:
        """Append the floats of a thing, of the types of what it is for; or zeros like them."""
        reader = self.reader
        parts = parts_of(like)
        if parts is not None:
            for part, other in zip(parts_of(thing) or (), parts, strict=True):
                self.flat(part, other, zeros, found)
        elif not self.has_float(like):
            return
        elif is_arraylike(like):
            dtype = reader.dtype(like)
            if zeros:
                found.append(reader.version(reader.allocate(reader.shape(like), dtype, fill="zeros").root))
                return
            for a, b in zip(reader.shape(thing), reader.shape(like), strict=True):
                reader.require_equal(a, b)
            whole = isinstance(thing, ArrayView) and thing.whole and not thing.root.aliases
            if not whole or thing.root.type != ty.array(dtype, like.ndim):
                thing = reader.materialise(thing, dtype)
            found.append(reader.version(thing.root))
        else:
            type = reader.as_value(like).type
            value = 0.0 if zeros else thing if is_scalar(thing) else reader.at(thing, ())
            found.append(reader.cast(reader.as_value(value, type), type))

    def sum(self, a: Any, b: Any) -> Any:
        parts = parts_of(a)
        if parts is not None:
            return with_parts(a, [self.sum(x, y) for x, y in zip(parts, parts_of(b) or (), strict=True)])
        if isinstance(a, Static) or (is_number(a) and a == 0):
            return b
        return self.reader.elementwise(lambda x, y: self.reader.scalar("add", x, y), a, b)

    def program(self, results: list[Value]) -> Program:
        reader = self.reader
        hidden = tuple(reader.captures.values.values())
        ops = (*reader.prologue.ops, *self.builder.ops)
        block = named(Block((*self.directions, *self.values, *hidden), ops, tuple(results)), reader.names)
        function = Function(f"{self.rules.name}_{self.mode}", block, len(hidden))
        captures, files = reader.captures, frozenset(reader.files)
        fetch, statics = tuple(captures.fetch), tuple(captures.statics)
        called, differentiated = frozenset(reader.called), frozenset(reader.differentiated)
        count = len(function.parameters) - len(hidden)
        return Program(function, fetch, statics, None, count, (), files, called, differentiated)


__all__ = ["read_jvp", "read_vjp"]
