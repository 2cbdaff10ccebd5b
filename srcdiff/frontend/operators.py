"""Operators: arithmetic, comparisons, `and` and `or`, on numbers, arrays, tuples, lists and dicts.

    x + y              an op of two numbers, or an elementwise expression
    [0.0] * n          an array that Python holds as a list
    x > 0.0 and f(x)   an `if`, since `f(x)` may run only where Python would run it

Operands are read from left to right, and none may write what an earlier one has yet to read.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Value
from ..ir.operators import current_builder
from ..primitives import REGISTRY
from .calls import OF_BOOLEANS, Calls
from .describe import describe
from .library.products import matmul
from .library.structures import is_dict, joined_dicts
from .texts import filled_in, is_text
from .things import (
    ArrayView,
    Elementwise,
    Formatted,
    ListItems,
    Method,
    Poison,
    Range,
    Root,
    Scalar,
    Static,
    is_arraylike,
    is_list,
    is_number,
    is_scalar,
)

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.BitAnd: "bitand",
    ast.BitOr: "bitor",
    ast.BitXor: "bitxor",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
}
COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Eq: "eq",
    ast.NotEq: "ne",
}


class Operators(Calls):
    """Operators, and the conditional expression."""

    def in_order(self, nodes: list[ast.expr], first: Any = None) -> list[Any]:
        """Operands from left to right; none may write what an earlier one, or `first`, has yet to read."""
        things: list[Any] = []
        first = first.of if isinstance(first, Method) else first
        for node in nodes:
            with self.yet_to_be_read((first, *things), "an operand", node):
                things.append(self.expression(node))
        return things

    @contextmanager
    def yet_to_be_read(self, things: Iterable[Any], what: str, node: ast.AST) -> Iterator[None]:
        """Within it, nothing is written that elementwise expressions have not read yet."""
        read = frozenset().union(*(self.reads(x) for x in things if isinstance(x, Elementwise)))
        before = {root: self.memory.get(root) for root in read}
        yield
        if any(self.memory.get(root) is not version for root, version in before.items()):
            self.refuse(
                f"{what} that writes an array which the expression also reads",
                "the order would matter",
                "two statements",
                node=node,
            )

    def binary(self, op: ast.operator, a: Any, b: Any) -> Any:
        if isinstance(op, ast.MatMult):
            return matmul(self, a, b)
        name = BINARY[type(op)]
        if isinstance(a, Static) and isinstance(b, Static) and name == "add":
            if isinstance(a.value, str) and isinstance(b.value, str):
                return Static(a.value + b.value)
        if is_text(a) and name == "mod" and (text := filled_in(self, a, b)) is not None:
            return text
        if isinstance(a, tuple) and isinstance(b, tuple) and name == "add":
            return ListItems(a + b) if isinstance(a, ListItems) and isinstance(b, ListItems) else a + b
        if is_dict(a) and is_dict(b) and name == "bitor":
            return self.new_dict(joined_dicts(a, b))
        if name == "mul" and isinstance(b, tuple) and is_scalar(a):  # the number may come first
            a, b = b, a
        if isinstance(a, tuple) and isinstance(b, int) and name == "mul":
            return ListItems(a * b) if isinstance(a, ListItems) else a * b
        if (
            isinstance(a, ListItems)
            and len(a) == 1
            and is_scalar(a[0])
            and isinstance(b, Value)
            and name == "mul"
        ):
            return self.repeated(a[0], b)
        for thing in (a, b):
            if is_list(thing) and not any(is_arraylike(x) and not is_list(x) for x in (a, b)):
                self.refuse(
                    f"`{REGISTRY[name].text.format('a', 'b')}` of a list",
                    "lists are joined and repeated, arrays are added and multiplied",
                    "`np.array([...])` for arithmetic",
                )
            if not (is_scalar(thing) or is_arraylike(thing)):
                self.refuse(
                    f"`{REGISTRY[name].text.format('a', 'b')}` with {describe(thing)}",
                    "only numbers and arrays carry a derivative",
                )
        if isinstance(a, bool) and isinstance(b, bool) and name in OF_BOOLEANS:
            a, b = int(a), int(b)
        name = self.of_booleans(name, a, b)
        return self.of_same_kind(self.elementwise(lambda x, y: self.scalar(name, x, y), a, b), a, b)

    def of_same_kind(self, result: Any, *operands: Any) -> Any:
        """What an operator makes, which is a number of Python if all operands are."""
        return self.as_weak(result) if all(map(self.is_weak, operands)) else result

    def repeated(self, item: Scalar, count: Value) -> ArrayView:
        """`[item] * count`"""
        value = self.as_value(item)
        view = self.allocate((self.scalar("max", self.integer(count), 0),), value.type)
        view.root.is_list = True
        self.fill(view, value)
        return view

    def unary(self, op: ast.unaryop, thing: Any) -> Any:
        match op:
            case ast.UAdd():
                return thing if is_scalar(thing) else self.call_here(Static(np.positive), thing)
            case ast.USub():
                if is_arraylike(thing) and ty.is_boolean(self.dtype(thing)):
                    self.refuse("`-` of a mask", "NumPy would raise an error here", "`~mask`")
                return self.of_same_kind(self.elementwise(lambda x: self.scalar("neg", x), thing), thing)
            case ast.Invert():
                if isinstance(thing, bool) or ty.is_boolean(self.dtype(thing)) and is_scalar(thing):
                    self.refuse("`~` of a boolean", instead="`not`")
                return self.elementwise(lambda x: self.scalar("invert", x), thing)
            case _:
                known = self.known_truth(thing)
                if known is not None:
                    return not known
                return self.scalar("not", self.truth(thing))

    def known_truth(self, thing: Any) -> bool | None:
        """The truth of a thing that is known when the function is read."""
        if is_number(thing):
            return bool(thing)
        if is_arraylike(thing) and is_list(thing):
            length = self.length(thing)
            return bool(length) if is_number(length) else None
        if isinstance(thing, Static):
            return bool(thing.value)
        if isinstance(thing, tuple):
            return bool(thing)
        if is_dict(thing):
            return bool(thing.names)
        if is_arraylike(thing) and not self.frame.numba_rules:
            self.refuse("the truth of an array", instead="`np.any(...)` or `np.all(...)`")
        return None

    def compare(self, node: ast.Compare) -> Any:
        a, b = self.in_order([node.left, node.comparators[0]])
        return self.compared_on(self.compare_two(node.ops[0], a, b), b, node.ops[1:], node.comparators[1:])

    def compared_on(self, so_far: Any, last: Any, ops: list[ast.cmpop], nodes: list[ast.expr]) -> Any:
        """`a < b < c`, of which `c` is read only where `a < b`."""
        if not nodes or so_far is False:
            return so_far
        memory, env = dict(self.memory), dict(self.frame.env)
        with Builder(current_builder().location) as builder:
            thing = self.expression(nodes[0])
        if so_far is not True and self.has_changed(memory, env):
            self.memory, self.frame.env = memory, env
            last = self.settled(last)

            def rest() -> Any:
                thing = self.expression(nodes[0])
                return self.compared_on(self.compare_two(ops[0], last, thing), thing, ops[1:], nodes[1:])

            result, _ = self.branch(self.truth(so_far), rest, lambda: False)
            return result
        for op in builder.ops:
            current_builder().append(op)
        both = self.both(so_far, self.compare_two(ops[0], last, thing))
        return self.compared_on(both, thing, ops[1:], nodes[1:])

    def compare_two(self, op: ast.cmpop, a: Any, b: Any) -> Any:
        match op:
            case ast.Is() | ast.IsNot() if self.frame.numba_rules and all(map(self.may_be_boolean, (a, b))):
                return self.compare_two(ast.Eq() if isinstance(op, ast.Is) else ast.NotEq(), a, b)
            case ast.Is() | ast.IsNot():
                return self.identical(a, b) == isinstance(op, ast.Is)
            case _ if isinstance(a, Formatted) or isinstance(b, Formatted):
                self.refuse(
                    "comparing an f-string", "what it comes to is not known", "its values by themselves"
                )
            case ast.In() | ast.NotIn():
                if isinstance(a, Static) and isinstance(b, Static) and isinstance(b.value, str):
                    return (a.value in b.value) == isinstance(op, ast.In)
                result = self.contains(b, a)
                return result if isinstance(op, ast.In) else self.unary(ast.Not(), result)
            case _:
                name = COMPARE[type(op)]
        if isinstance(a, Static) or isinstance(b, Static):
            x = a.value if isinstance(a, Static) else a
            y = b.value if isinstance(b, Static) else b
            if name not in ("eq", "ne"):
                self.refuse(f"comparing {describe(a)} with {describe(b)}", "neither is a number")
            if is_arraylike(a) or is_arraylike(b):
                self.refuse(
                    f"comparing {describe(a)} with {describe(b)}",
                    "NumPy compares each element",
                    "`is None`, say",
                )
            if isinstance(x, (Value, ArrayView, Elementwise)) or isinstance(
                y, (Value, ArrayView, Elementwise)
            ):
                return name == "ne"
            return (x == y) == (name == "eq")
        if isinstance(a, tuple) and isinstance(b, tuple) and name in ("eq", "ne"):
            if len(a) != len(b) or isinstance(a, ListItems) != isinstance(b, ListItems):
                return name == "ne"
            terms = [self.compare_two(ast.Eq(), x, y) for x, y in zip(a, b, strict=True)]
            result = functools.reduce(self.both, terms, True)
            return result if name == "eq" else self.unary(ast.Not(), result)
        if isinstance(a, tuple) and isinstance(b, tuple) or is_list(a) or is_list(b):
            self.refuse("comparing lists or tuples", "they are compared item by item", "each item by itself")
        return self.elementwise(lambda x, y: self.scalar(name, x, y), a, b)

    def contains(self, things: Any, thing: Any) -> Any:
        """`thing in things`"""
        if is_dict(things):
            things = tuple(map(self.lifted, things.names))
        if is_scalar(thing) and is_arraylike(things):
            equal = self.elementwise(lambda x: self.scalar("eq", x, thing), things)
            return self.call_here(Static(np.any), equal)
        if is_scalar(thing) and isinstance(things, Range) and is_number(things.step) and things.step:
            first, last = (things.start, things.stop) if things.step > 0 else (things.stop, things.start)
            bounds = ("ge", "lt") if things.step > 0 else ("gt", "le")
            within = [self.scalar(name, thing, end) for name, end in zip(bounds, (first, last), strict=True)]
            from_start = self.scalar("mod", self.scalar("sub", thing, things.start), things.step)
            return functools.reduce(self.both, (*within, self.scalar("eq", from_start, 0)))
        if not isinstance(things, tuple):
            self.refuse(f"`in` {describe(things)}", instead="`==`, or a loop")
        hits = [self.compare_two(ast.Eq(), thing, item) for item in things]
        if any(hit is True for hit in hits):
            return True
        open_hits = [hit for hit in hits if hit is not False]
        return functools.reduce(lambda a, b: self.scalar("or", a, b), open_hits) if open_hits else False

    def both(self, a: Any, b: Any) -> Any:
        if a is False or b is False:
            return False
        return b if a is True else a if b is True else self.scalar("and", a, b)

    def identical(self, a: Any, b: Any) -> bool:
        """`a is b`, where Python and Numba say the same."""
        known = [isinstance(thing, (Static, bool)) for thing in (a, b)]
        if all(known):
            x, y = (thing.value if isinstance(thing, Static) else thing for thing in (a, b))
            return x is y
        if not any(known) or all(map(self.may_be_boolean, (a, b))):
            self.refuse(
                "`is` between values", "equal ones may be one object or two", "`==`, or a boolean by itself"
            )
        return False

    def may_be_boolean(self, thing: Any) -> bool:
        return isinstance(thing, bool) or isinstance(thing, Value) and ty.is_boolean(thing.type)

    def logic(self, conjunction: bool, nodes: list[ast.expr]) -> Any:
        """`and` / `or`: the right side is evaluated only where Python would."""
        first = self.expression(nodes[0])
        if len(nodes) == 1:
            return first
        known = self.known_truth(first)
        if known is not None:
            return self.logic(conjunction, nodes[1:]) if known == conjunction else first
        if is_arraylike(first):
            first = self.truth(first)
        if not ty.is_boolean(self.as_value(first).type):
            return self.logic_of_numbers(conjunction, first, nodes[1:])
        left = self.truth(first)
        right: list[Any] = []
        memory, env = dict(self.memory), dict(self.frame.env)
        with Builder(current_builder().location) as builder:
            right.append(self.logic(conjunction, nodes[1:]))
            known = self.known_truth(right[0])
            value = constant(known, ty.boolean) if known is not None else self.truth(right[0])
        is_number = is_scalar(right[0]) and not ty.is_boolean(self.as_value(right[0]).type)
        if is_number or self.has_changed(memory, env):
            self.memory, self.frame.env = memory, env
            return self.logic_of_numbers(conjunction, left, nodes[1:])
        if known is not None:
            return left if known == conjunction else (not conjunction)
        name = "and" if conjunction else "or"
        if all(op.primitive in REGISTRY and REGISTRY[op.primitive].cost <= 2 for op in builder.ops):
            for op in builder.ops:
                current_builder().append(op)
            return self.scalar(name, left, value)
        result = Value("", ty.boolean)
        with Builder() as other:
            pass
        lazy, short = builder.block((), (value,)), other.block((), (constant(not conjunction, ty.boolean),))
        regions = (lazy, short) if conjunction else (short, lazy)
        current_builder().region("if", (left,), regions, (result,))
        return result

    def has_changed(self, memory: dict[Root, Any], env: dict[str, Any]) -> bool:
        """Whether an operand that was read has written an array or bound a name."""
        changed = any(self.memory.get(root) is not version for root, version in memory.items())
        now = self.frame.env
        return (
            changed or now.keys() != env.keys() or any(now[name] is not thing for name, thing in env.items())
        )

    def logic_of_numbers(self, conjunction: bool, first: Value, nodes: list[ast.expr]) -> Any:
        """`x or y` of numbers is one of the numbers; also where the second operand changes something."""

        def rest() -> Any:
            return self.logic(conjunction, nodes)

        arms = (rest, lambda: first) if conjunction else (lambda: first, rest)
        result, _ = self.branch(self.truth(first), *arms)
        return result

    def choose(self, node: ast.IfExp) -> Any:
        test = self.expression(node.test)
        known = self.known_truth(test)
        if known is not None:
            return self.expression(node.body if known else node.orelse)
        condition = self.truth(test)
        result, _ = self.branch(
            condition,
            lambda: self.settled(self.expression(node.body)),
            lambda: self.settled(self.expression(node.orelse)),
        )
        if isinstance(result, Poison):
            self.refuse(result.problem, instead=result.instead, kind=result.kind)
        if isinstance(result, Value) and (op := current_builder().ops[-1]).primitive == "if":
            # arms without work of their own make a plain choice of two values
            if all(not region.ops for region in op.regions) and op.results == (result,):
                current_builder().ops.pop()
                (then,), (otherwise,) = (region.results for region in op.regions)
                chosen = current_builder().emit("select", (condition, then, otherwise), result.type)
                return self.as_weak(chosen) if self.is_weak(result) else chosen
        return result
