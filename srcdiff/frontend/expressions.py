"""Expressions: from `ast` to things."""

from __future__ import annotations

import ast
import builtins
import enum
import types
from itertools import pairwise
from typing import Any

import numpy as np

from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Value
from ..ir.operators import current_builder
from ..primitives import REGISTRY
from .calls import NUMBER_METHODS, Calls
from .captures import outline, place
from .describe import describe
from .library.complex_numbers import imag, real
from .library.products import matmul
from .library.structures import (
    attribute_of,
    is_dict,
    is_structure,
    item_of,
    joined_dicts,
    joined_name,
    key_of,
    known_items,
    known_range,
    thing_of,
)
from .scope import FLAG, Frame
from .things import (
    ArrayView,
    Elementwise,
    Formatted,
    ListItems,
    LocalFunction,
    Method,
    Poison,
    Range,
    Root,
    Scalar,
    Slice,
    Static,
    is_arraylike,
    is_list,
    is_number,
    is_scalar,
    whole_view,
)
from .trees import Tree, opened

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
FROZEN_MODULES = ("math", "cmath", "numpy", "builtins")
REFUSED_EXPRESSIONS: dict[type[ast.expr], tuple[str, str]] = {
    ast.Set: ("a set", "an array"),
    ast.SetComp: ("a set comprehension", "an array"),
    ast.Yield: ("`yield`", "an array filled in a loop"),
    ast.YieldFrom: ("`yield from`", "an array filled in a loop"),
    ast.Await: ("`await`", "a plain call"),
    ast.Starred: ("`*` unpacking", "each item by index"),
}


class Expressions(Calls):
    # ----------------------------------------------------------------------------------------- names

    def lookup(self, name: str, node: ast.AST | None = None) -> Any:
        frame: Frame | None = self.frame
        while frame is not None:
            if name in frame.env:
                thing = frame.env[name]
                if isinstance(thing, Poison):
                    self.refuse(thing.problem, instead=thing.instead, node=node, kind=thing.kind)
                flag = frame.env.get(name + FLAG, True)
                if flag is not True:
                    self.carried_from_trip_to_trip(name, thing)
                    self.require(flag, "UnboundLocalError", f"{name} is not bound on this path")
                    frame.env[name + FLAG] = True
                return thing
            frame = frame.parent
        self.carried_from_trip_to_trip(name, None)
        return self.outside(name, node)

    def outside(self, name: str, node: ast.AST | None) -> Any:
        """A name of the closure, the module or the builtins."""
        function = self.frame.source.function
        code = function.__code__
        if name in code.co_varnames and name not in code.co_freevars and self.frame.parent is None:
            self.refuse(
                f"`{name}` is read before it is bound",
                "no assignment of it comes before this on every path",
                f"give `{name}` a value first",
                node=node,
            )
        if name in code.co_freevars and function.__closure__ is not None:
            cell = function.__closure__[code.co_freevars.index(name)]
            try:
                return self.captured(cell.cell_contents, ("closure", function, name), name, node)
            except ValueError:
                self.refuse(f"the closure variable `{name}` is empty", node=node)
        if name in function.__globals__:
            return self.captured(function.__globals__[name], ("global", function, name), name, node)
        if hasattr(builtins, name):
            return self.lifted(getattr(builtins, name))
        self.refuse(f"the name `{name}` is not defined", "Python would raise an error here", node=node)

    def captured(self, value: Any, where: tuple[str, Any, str], name: str, node: ast.AST | None) -> Any:
        """A value from outside: numbers and arrays are hidden parameters, other things are known now."""
        frozen = self.frame.numba_rules
        if isinstance(value, (bool, np.bool_)):
            self.captures.statics.append((where, value))
            return bool(value)
        if isinstance(value, (int, float, complex, np.number)):
            if frozen:
                type = ty.typeof(value)
                return constant(value.item() if isinstance(value, np.generic) else value, type)
            return self.hidden(where, ty.typeof(value), name)
        if isinstance(value, np.ndarray):
            return self.hidden(where, self.array_type(value, node), name)
        if is_structure(value) and not frozen:
            return self.captured_parts(value, where, name, node)
        if not isinstance(value, types.ModuleType) and not (frozen and callable(value)):
            self.captures.statics.append((where, value))
        return self.lifted(value, node)

    def captured_parts(self, value: Any, where: tuple[str, Any, str], name: str, node: ast.AST | None) -> Any:
        """A structure from outside: its numbers and arrays are hidden parameters, the rest of it is known now."""
        known: tuple[str, Any, str] = ("outline", where, name)
        if where[0] != "part":
            self.captures.statics.append((known, outline(value)))
        tree = Tree(tuple, tuple(range(len(value))), value) if type(value) is tuple else opened(value)
        assert tree is not None
        parts = [
            self.captured(part, ("part", where, key), joined_name(name, key), node)
            for key, part in zip(tree.names, tree.parts, strict=True)
        ]
        return thing_of(tree, parts)

    def array_type(self, value: np.ndarray[Any, Any], node: ast.AST | None) -> Any:
        try:
            type = ty.typeof(value)
        except TypeError as error:
            self.refuse(f"an array of dtype {value.dtype}", str(error), node=node)
        if not ty.is_scalar(type.dtype):
            self.refuse(f"an array of dtype {value.dtype}", "its elements are no plain numbers", node=node)
        return type

    def check_number(self, type: Any, name: str) -> None:
        """Refuse numbers, and arrays of numbers, of kinds that are not differentiated."""
        dtype = ty.element(type)
        if ty.is_float(dtype) and dtype.bitwidth < 32:
            self.refuse(
                f"`{name}` is of half precision", "Numba computes with 32 and 64 bits", "`np.float32`"
            )

    def hidden(self, where: tuple[str, Any, str], type: Any, name: str) -> Any:
        self.check_number(type, name)
        key = place(where)
        if key not in self.captures.values:
            self.captures.values[key] = Value(name, type)
            self.captures.fetch.append(where)
            if ty.is_array(type):
                self.captures.roots[key] = self.parameter_root(self.captures.values[key])
        value = self.captures.values[key]
        if ty.is_array(type):
            root = self.captures.roots[key]
            if root not in self.memory:
                self.memory[root] = value
            return whole_view(root)
        return value

    def parameter_root(self, value: Value) -> Root:
        raise NotImplementedError

    def lifted(self, value: Any, node: ast.AST | None = None) -> Any:
        if isinstance(value, (bool, np.bool_)):
            return bool(value)
        if isinstance(value, (int, float, complex)) and not isinstance(value, np.generic):
            return value
        if isinstance(value, np.number):
            return constant(value.item(), ty.typeof(value))
        if isinstance(value, tuple) and type(value) is tuple:
            return tuple(self.lifted(x, node) for x in value)
        if isinstance(value, np.ndarray):
            return self.hidden(("object", value, str(id(value))), self.array_type(value, node), "array")
        if is_structure(value):
            return self.captured_parts(value, ("object", value, str(id(value))), "part", node)
        return Static(value)

    # ----------------------------------------------------------------------------------- expressions

    def expression(self, node: ast.expr) -> Any:
        outer, self.current_node = self.current_node, node
        try:
            return self.dispatch(node)
        finally:
            self.current_node = outer

    def dispatch(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant():
                return node.value if is_number(node.value) else Static(node.value)
            case ast.Name():
                return self.lookup(node.id, node)
            case ast.BinOp():
                return self.binary(node.op, *self.in_order([node.left, node.right]))
            case ast.UnaryOp():
                return self.unary(node.op, self.expression(node.operand))
            case ast.Compare():
                return self.compare(node)
            case ast.BoolOp():
                return self.logic(isinstance(node.op, ast.And), node.values)
            case ast.IfExp():
                return self.choose(node)
            case ast.Call():
                return self.call_expression(node)
            case ast.Attribute():
                return self.attribute(self.expression(node.value), node.attr, node)
            case ast.Subscript():
                return self.subscription(node)
            case ast.Dict():
                return self.dict_of(node)
            case ast.DictComp():
                return self.comprehension(node)
            case ast.Tuple():
                return self.items(node.elts)
            case ast.List():
                return ListItems(self.items(node.elts))
            case ast.ListComp():
                return self.comprehension(node)
            case ast.GeneratorExp():
                self.refuse("a generator expression", instead="a list comprehension, or a loop")
            case ast.Lambda():
                return self.nested_function(node)
            case ast.Slice():
                return self.slice(node)
            case ast.JoinedStr():
                return self.formatted(node)
            case ast.NamedExpr():
                thing = self.settled(self.expression(node.value), node.target.id)
                self.bind_target(node.target, thing)
                return thing
            case _:
                what, instead = REFUSED_EXPRESSIONS.get(type(node), (f"`{type(node).__name__}`", ""))
                self.refuse(f"{what} is not supported", instead=instead)

    def formatted(self, node: ast.JoinedStr) -> Formatted:
        """An f-string for `print`: its texts, each without the spaces that `print` puts around it, and its values."""
        parts: list[Any] = []
        count = len(node.values)
        for k, part in enumerate(node.values):
            if isinstance(part, ast.FormattedValue):
                if part.format_spec is not None or part.conversion not in (-1, ord("s")):
                    self.refuse("a format in an f-string", "Numba has none for floats", '`print("x =", x)`')
                if k and isinstance(node.values[k - 1], ast.FormattedValue):
                    self.refuse("an f-string whose values touch", "Numba prints a space between", "a space")
                thing = self.expression(part.value)
                parts.append(self.materialise(thing) if is_arraylike(thing) else thing)
                continue
            text = ast.literal_eval(part)
            inner = text[k > 0 and text.startswith(" ") : len(text) - (k < count - 1 and text.endswith(" "))]
            if len(text) - len(inner) < (k > 0) + (k < count - 1) and not (text == " " and 0 < k < count - 1):
                self.refuse(
                    "an f-string without spaces around its values",
                    "Numba prints values with a space before and behind, and cannot turn floats into text",
                    '`print("x =", x)`',
                )
            if inner or text != " ":
                parts.append(Static(inner))
        return Formatted(tuple(parts))

    def in_order(self, nodes: list[ast.expr], first: Any = None) -> list[Any]:
        """Operands from left to right; none may write what an earlier one, or `first`, has yet to read."""
        things: list[Any] = []
        first = first.of if isinstance(first, Method) else first
        for node in nodes:
            read = frozenset().union(*(self.reads(x) for x in (first, *things) if isinstance(x, Elementwise)))
            before = {root: self.memory.get(root) for root in read}
            things.append(self.expression(node))
            if any(self.memory.get(root) is not version for root, version in before.items()):
                self.refuse(
                    "an operand that writes an array which the expression also reads",
                    "the order would matter",
                    "two statements",
                    node=node,
                )
        return things

    def items(self, nodes: list[ast.expr]) -> tuple[Any, ...]:
        found: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                thing = self.expression(node.value)
                if not isinstance(thing, tuple):
                    self.refuse(f"`*` of {describe(thing)}", instead="each item by index", node=node)
                found += thing
            else:
                found.append(self.settled(self.expression(node)))
        return tuple(found)

    def slice(self, node: ast.Slice) -> Slice:
        parts = [
            None if part is None else self.expression(part) for part in (node.lower, node.upper, node.step)
        ]
        return Slice(*(None if isinstance(p, Static) and p.value is None else p for p in parts))

    def binary(self, op: ast.operator, a: Any, b: Any) -> Any:
        if isinstance(op, ast.MatMult):
            return matmul(self, a, b)
        name = BINARY[type(op)]
        if isinstance(a, Static) and isinstance(b, Static) and name == "add":
            if isinstance(a.value, str) and isinstance(b.value, str):
                return Static(a.value + b.value)
        if isinstance(a, tuple) and isinstance(b, tuple) and name == "add":
            return a + b
        if is_dict(a) and is_dict(b) and name == "bitor":
            return joined_dicts(a, b)
        if isinstance(a, tuple) and isinstance(b, int) and name == "mul":
            return a * b
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
        return self.elementwise(lambda x, y: self.scalar(name, x, y), a, b)

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
                return thing
            case ast.USub():
                return self.elementwise(lambda x: self.scalar("neg", x), thing)
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
            return (
                bool(length)
                if is_number(length)
                else self.refuse("the truth of a list", instead="`len(x) > 0`")
            )
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
        things = self.in_order([node.left, *node.comparators])
        terms = [self.compare_two(op, *pair) for op, pair in zip(node.ops, pairwise(things), strict=True)]
        result = terms[0]
        for term in terms[1:]:
            if result is False or term is False:
                return False
            result = term if result is True else result if term is True else self.scalar("and", result, term)
        return result

    def compare_two(self, op: ast.cmpop, a: Any, b: Any) -> Any:
        match op:
            case ast.Is() | ast.IsNot():
                if not (isinstance(a, Static) or isinstance(b, Static) or is_number(a) or is_number(b)):
                    self.refuse("`is` between values", instead="`==`")
                x = a.value if isinstance(a, Static) else a
                y = b.value if isinstance(b, Static) else b
                return (x is y) == isinstance(op, ast.Is)
            case ast.In() | ast.NotIn():
                if isinstance(a, Static) and isinstance(b, Static) and isinstance(b.value, str):
                    return (a.value in b.value) == isinstance(op, ast.In)
                if is_dict(b):
                    b = tuple(map(self.lifted, b.names))
                if not isinstance(b, tuple):
                    self.refuse(f"`in` {describe(b)}", instead="`==`, or a loop")
                hits = [self.compare_two(ast.Eq(), a, item) for item in b]
                if any(hit is True for hit in hits):
                    result: Any = True
                else:
                    result = False
                    for hit in hits:
                        if hit is not False:
                            result = hit if result is False else self.scalar("or", result, hit)
                return result if isinstance(op, ast.In) else self.unary(ast.Not(), result)
            case _:
                name = COMPARE[type(op)]
        if isinstance(a, Static) or isinstance(b, Static):
            x = a.value if isinstance(a, Static) else a
            y = b.value if isinstance(b, Static) else b
            if name not in ("eq", "ne"):
                self.refuse(f"comparing {describe(a)} with {describe(b)}", "neither is a number")
            if isinstance(x, (Value, ArrayView, Elementwise)) or isinstance(
                y, (Value, ArrayView, Elementwise)
            ):
                return name == "ne"
            return (x == y) == (name == "eq")
        if isinstance(a, tuple) and isinstance(b, tuple) and name in ("eq", "ne"):
            if len(a) != len(b):
                return name == "ne"
            result = True
            for x, y in zip(a, b, strict=True):
                term = self.compare_two(ast.Eq(), x, y)
                result = (
                    term if result is True else result if term is True else self.scalar("and", result, term)
                )
            return result if name == "eq" else self.unary(ast.Not(), result)
        if isinstance(a, tuple) and isinstance(b, tuple) or is_list(a) or is_list(b):
            self.refuse("comparing lists or tuples", "they are compared item by item", "each item by itself")
        return self.elementwise(lambda x, y: self.scalar(name, x, y), a, b)

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
        if is_scalar(right[0]) and not ty.is_boolean(self.as_value(right[0]).type):
            self.memory, self.frame.env = memory, env
            return self.logic_of_numbers(conjunction, left, nodes[1:])
        if known is not None:
            return left if known == conjunction else (not conjunction)
        if any(self.memory.get(root) is not version for root, version in memory.items()):
            self.refuse("a condition that writes an array", instead="the call before the `if`")
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

    def logic_of_numbers(self, conjunction: bool, first: Value, nodes: list[ast.expr]) -> Any:
        """`x or y` of numbers is one of the numbers."""

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
                return current_builder().emit("select", (condition, then, otherwise), result.type)
        return result

    def call_expression(self, node: ast.Call) -> Any:
        function = self.expression(node.func)
        if isinstance(function, Static) and function.value in (min, max, sum) and len(node.args) == 1:
            if isinstance(node.args[0], ast.GeneratorExp):
                argument = node.args[0]
                listed = ast.copy_location(ast.ListComp(argument.elt, argument.generators), argument)
                return self.call(function, (self.comprehension(listed),), {}, node)
        for keyword in node.keywords:
            if keyword.arg is None:
                self.refuse("`**` in a call", instead="each argument by name", node=keyword.value)
        given = [item.value if isinstance(item, ast.Starred) else item for item in node.args]
        things = self.in_order([*given, *(keyword.value for keyword in node.keywords)], function)
        arguments: list[Any] = []
        for item, thing in zip(node.args, things, strict=False):
            if not isinstance(item, ast.Starred):
                arguments.append(thing)
            elif isinstance(thing, tuple):
                arguments += thing
            else:
                self.refuse(f"`*` of {describe(thing)}", instead="each argument by itself", node=item)
        keywords = {str(k.arg): thing for k, thing in zip(node.keywords, things[len(given) :], strict=True)}
        return self.call(function, tuple(arguments), keywords, node)

    def attribute(self, thing: Any, name: str, node: ast.Attribute) -> Any:
        if isinstance(thing, (ArrayView, Elementwise)):
            match name:
                case "shape":
                    return self.shape(thing)
                case "size":
                    return self.product(self.shape(thing))
                case "ndim":
                    return thing.ndim
                case "T":
                    return self.transposed(thing)
                case "mT":
                    return self.transposed(thing, (*range(thing.ndim - 2), thing.ndim - 1, thing.ndim - 2))
                case "dtype":
                    return Static(ty.numpy_dtype(self.dtype(thing)))
                case "real":
                    return real(self, thing)
                case "imag":
                    return imag(self, thing)
                case _:
                    return Method(thing, name)
        if isinstance(thing, Static):
            if not hasattr(thing.value, name):
                self.refuse(
                    f"{describe(thing)} has no attribute `{name}`",
                    "Python would raise an error here",
                    node=node,
                )
            value = getattr(thing.value, name)
            if isinstance(thing.value, types.ModuleType):
                if thing.value.__name__.split(".")[0] in FROZEN_MODULES:
                    return self.lifted(value, node)
                return self.captured(value, ("module", thing.value, name), name, node)
            if isinstance(value, (np.ndarray, int, float)) and not isinstance(value, bool):
                if isinstance(thing.value, (tuple, enum.Enum, np.finfo, np.iinfo)):
                    return self.lifted(value, node)
                self.refuse(
                    f"the attribute `{name}` of an object",
                    "what an object holds may change between calls",
                    f"pass `{name}` as an argument",
                    node=node,
                )
            return self.lifted(value, node)
        if isinstance(thing, (tuple, Tree)):
            return attribute_of(self, thing, name, node)
        if is_scalar(thing):
            if name == "real":
                return real(self, thing)
            if name == "imag":
                return imag(self, thing)
            if name in NUMBER_METHODS or name == "item":
                return Method(thing, name)
            if name == "dtype" and isinstance(thing, Value):
                return Static(ty.numpy_dtype(thing.type))
            if name == "size":
                return 1
            if name == "shape":
                return ()
        self.refuse(
            f"the attribute `{name}` of {describe(thing)}", "its meaning is not known here", node=node
        )

    def subscription(self, node: ast.Subscript) -> Any:
        thing = self.expression(node.value)
        items = self.index_items(node.slice)
        return self.pick(thing, items)

    def index_items(self, node: ast.expr) -> tuple[Any, ...]:
        nodes = node.elts if isinstance(node, ast.Tuple) else [node]
        things = [self.expression(item) for item in nodes]
        if len(things) == 1 and isinstance(things[0], tuple) and not isinstance(node, ast.List):
            things = list(things[0])
        result = []
        for thing in things:
            if isinstance(thing, Static) and (thing.value is None or thing.value is Ellipsis):
                thing = thing.value
            if isinstance(thing, tuple):
                thing = self.array_of(thing)
            result.append(thing)
        return tuple(result)

    def pick(self, thing: Any, items: tuple[Any, ...]) -> Any:
        if is_dict(thing):
            return item_of(self, thing, items)
        if isinstance(thing, Static) and isinstance(thing.value, dict):
            self.refuse(
                "a dict whose keys are no strings and integers",
                instead="keys of those types, or separate arguments",
            )
        if isinstance(thing, tuple):
            (item,) = items if len(items) == 1 else (items,)
            if isinstance(item, Slice):
                if any(isinstance(x, Value) for x in (item.start, item.stop, item.step)):
                    self.refuse("a slice of a tuple at a bound that is not constant", instead="an array")
                chosen = thing[slice(item.start, item.stop, item.step)]
                return ListItems(chosen) if isinstance(thing, ListItems) else chosen
            if isinstance(item, int):
                if not -len(thing) <= item < len(thing):
                    self.refuse(f"item {item} of a tuple of {len(thing)}", "Python would raise an error here")
                if isinstance(thing[item], Poison):
                    self.refuse(thing[item].problem, instead=thing[item].instead)
                return thing[item]
            if is_scalar(item) and thing and all(is_scalar(x) for x in thing):
                return self.subscript(self.array_of(thing), (item,))
            self.refuse("an item of a tuple at an index that is not constant", instead="an array")
        if not is_arraylike(thing):
            self.refuse(f"an index into {describe(thing)}", instead="an array or a tuple")
        return self.subscript(thing, items)

    def dict_of(self, node: ast.Dict) -> Tree:
        """`{"W": W, **others}`: the keys must be known; it can be looked up, not changed."""
        made = Tree(dict, (), ())
        for key, value in zip(node.keys, node.values, strict=True):
            thing = self.settled(self.expression(value))
            if key is not None:
                thing = Tree(dict, (key_of(self, self.expression(key)),), (thing,))
            elif not is_dict(thing):
                self.refuse(f"`**` of {describe(thing)}", instead="a dict with known keys", node=value)
            made = joined_dicts(made, thing)
        return made

    # --------------------------------------------------------------------- comprehensions, nested functions

    def comprehension(self, node: ast.ListComp | ast.DictComp) -> Any:
        if len(node.generators) != 1 or node.generators[0].ifs:
            self.refuse(
                "a list comprehension with a condition, or over two ranges",
                "its length is not known beforehand",
                "a loop that fills an array",
                node=node,
            )
        generator = node.generators[0]
        over = self.expression(generator.iter)
        frame = self.frame

        def element(item: Any) -> Any:
            inner = Frame(frame.source, {}, frame.reads, parent=frame)
            self.frame = inner
            try:
                self.bind_target(generator.target, item)
                if isinstance(node, ast.DictComp):
                    key = key_of(self, self.expression(node.key))
                    return Tree(dict, (key,), (self.settled(self.expression(node.value)),))
                return self.settled(self.expression(node.elt))
            finally:
                self.frame = frame

        items = self.written_out(over)
        if isinstance(node, ast.DictComp):
            if isinstance(over, Range):
                items = known_range(over)
            if items is None:
                self.refuse(
                    "a dict comprehension whose keys are not known beforehand",
                    instead="arrays filled in a loop",
                    node=node,
                )
            return joined_dicts(Tree(dict, (), ()), *map(element, items))
        if items is not None:
            return ListItems(element(item) for item in items)
        length, item_at = self.iteration(over)

        def at(indices: tuple[Scalar, ...]) -> Scalar:
            item = element(item_at(indices[0]))
            for k in indices[1:]:
                item = self.subscript(item, (k,)) if is_arraylike(item) else item[k]
            return item

        memory, env = dict(self.memory), dict(self.frame.env)
        with Builder():
            sample = element(item_at(Value("", ty.int64)))
            shape = self.shape(sample) if is_arraylike(sample) else ()
        self.memory, self.frame.env = memory, env
        if any(isinstance(n, Value) for n in shape) or not (is_scalar(sample) or is_arraylike(sample)):
            self.refuse(f"a list of {describe(sample)}", instead="an array filled in a loop")
        listed = self.materialise(Elementwise((length, *shape), at, frozenset()))
        listed.root.is_list = True
        return listed

    def written_out(self, thing: Any) -> tuple[Any, ...] | None:
        """The items of something that is iterated, where each is known and may be of another type."""
        return known_items(self, thing)

    def iteration(self, thing: Any) -> tuple[Scalar, Any]:
        raise NotImplementedError

    def bind_target(self, target: ast.expr, thing: Any) -> None:
        raise NotImplementedError

    def nested_function(self, node: ast.Lambda | ast.FunctionDef) -> LocalFunction:
        spec = node.args
        return LocalFunction(
            node,
            self.frame,
            tuple(self.expression(x) for x in spec.defaults),
            {
                a.arg: self.expression(x)
                for a, x in zip(spec.kwonlyargs, spec.kw_defaults, strict=True)
                if x is not None
            },
        )

    def range_of(self, r: Range) -> tuple[Value, Value, Value]:
        return (
            self.as_value(r.start, ty.int64),
            self.as_value(r.stop, ty.int64),
            self.as_value(r.step, ty.int64),
        )


__all__ = ["Expressions"]
