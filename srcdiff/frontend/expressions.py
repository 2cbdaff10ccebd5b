"""Expressions: from `ast` to things."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Value
from .agreement import same
from .calls import NUMBER_METHODS
from .canonicalise import count_reads
from .comprehensions import OVER, as_list, as_search, as_sum, bound_names, mapped
from .describe import describe
from .growing import GrowingLists
from .library.builtin import range_elements, reversed_range
from .library.complex_numbers import imag, real
from .library.joining import joined_by_index
from .library.structures import attribute_of, is_dict, item_of, joined_dicts, key_of, known_range
from .scope import Frame
from .texts import errors_refused, has_known_value, is_text, known_value, part_of_text
from .things import (
    ArrayView,
    Elementwise,
    Formatted,
    Growing,
    ListItems,
    LocalFunction,
    Method,
    Nested,
    Poison,
    Range,
    Scalar,
    Slice,
    Spread,
    Static,
    is_arraylike,
    is_number,
    is_scalar,
)
from .trees import Tree

REFUSED_EXPRESSIONS: dict[type[ast.expr], tuple[str, str]] = {
    ast.Set: ("a set", "an array"),
    ast.SetComp: ("a set comprehension", "an array"),
    ast.Yield: ("`yield`", "an array filled in a loop"),
    ast.YieldFrom: ("`yield from`", "an array filled in a loop"),
    ast.Await: ("`await`", "a plain call"),
    ast.Starred: ("`*` unpacking", "each item by index"),
}

# What goes once over the items of a generator.
CONSUMERS = (sum, min, max, any, all, math.prod, list, tuple)


class Expressions(GrowingLists):
    def __init__(self) -> None:
        super().__init__()
        self.without_order: set[ast.AST] = set()  # operands whose order in memory no other array takes over

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
                return self.listed(self.lookup(node.id, node))
            case ast.BinOp():
                if isinstance(node.op, ast.MatMult):
                    self.without_order.update((node.left, node.right))
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
                return self.dict_comprehension(node)
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

    def text_of(self, part: ast.expr, thing: Any) -> str:
        """A part of an f-string, of which the value is known."""
        value = known_value(thing)
        if not isinstance(part, ast.FormattedValue):
            return str(value)
        spec = part.format_spec.values if isinstance(part.format_spec, ast.JoinedStr) else []
        given = [inner.value for inner in spec if isinstance(inner, ast.Constant)]
        if len(given) < len(spec):
            self.refuse("a format in an f-string that is computed", instead="a format that is written out")
        texts: dict[int, Callable[[Any], str]] = {ord("r"): repr, ord("s"): str, ord("a"): ascii}
        return format(
            texts[part.conversion](value) if part.conversion in texts else value, "".join(map(str, given))
        )

    def formatted(self, node: ast.JoinedStr) -> Static | Formatted:
        """An f-string: text if its values are known; else what `print` writes, its texts, each without the spaces that
        `print` puts around it, and its values."""
        parts: list[Any] = []
        count = len(node.values)
        things = [
            self.expression(part.value if isinstance(part, ast.FormattedValue) else part)
            for part in node.values
        ]
        if all(map(has_known_value, things)):
            with errors_refused(self):
                return Static("".join(map(self.text_of, node.values, things)))
        for k, (part, thing) in enumerate(zip(node.values, things, strict=True)):
            if isinstance(part, ast.FormattedValue):
                if part.format_spec is not None or part.conversion not in (-1, ord("s")):
                    self.refuse("a format in an f-string", "Numba has none for floats", '`print("x =", x)`')
                if k and isinstance(node.values[k - 1], ast.FormattedValue):
                    self.refuse("an f-string whose values touch", "Numba prints a space between", "a space")
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

    def call_expression(self, node: ast.Call) -> Any:
        match node:
            case ast.Call(ast.Attribute(ast.Name(name), "append" | "extend" as method), [item], []):
                frame = self.frame_of(name)
                if frame and isinstance(frame.env[name], (ListItems, Growing)):
                    thing = self.expression(item)
                    self.grow(name, frame, thing if method == "extend" else (thing,), node)
                    return Static(None)
            case ast.Call(ast.Attribute(ast.Name(name), "pop"), [], []):
                frame = self.frame_of(name)
                if frame and isinstance(frame.env[name], (ListItems, Growing)):
                    return self.pop(name, frame, node)
        function = self.expression(node.func)
        if isinstance(function, Static) and function.value is map and len(node.args) > 1:
            self.refuse("`map` kept or gone over", "what it calls would run later", "a list comprehension")
        if isinstance(function, Static) and any(function.value is known for known in CONSUMERS):
            argument = self.as_generator(node.args[0]) if len(node.args) == 1 and not node.keywords else None
            if argument is not None:
                return self.consumed(function, argument, node)
        given = [item.value if isinstance(item, ast.Starred) else item for item in node.args]
        things = self.in_order([*given, *(keyword.value for keyword in node.keywords)], function)
        arguments: list[Any] = []
        is_zip = isinstance(function, Static) and function.value is zip
        for item, thing in zip(node.args, things, strict=False):
            if not isinstance(item, ast.Starred):
                arguments.append(thing)
            elif isinstance(thing, tuple):
                arguments += thing
            elif is_arraylike(thing) and is_zip and len(node.args) == 1:
                return self.columns(thing)
            elif is_arraylike(thing):
                length = self.length(thing)
                arguments += self.unpacked(thing, length) if is_number(length) else [Spread(thing)]
            else:
                self.refuse(f"`*` of {describe(thing)}", instead="each argument by itself", node=item)
        keywords: dict[str, Any] = {}
        for keyword, thing in zip(node.keywords, things[len(given) :], strict=True):
            named = {keyword.arg: thing} if keyword.arg is not None else self.named_by_dict(thing, keyword)
            twice = next((name for name in named if name in keywords), None)
            if twice is not None:
                self.refuse(f"`{twice}` given twice", "Python would raise an error here", node=keyword.value)
            keywords.update(named)
        return self.call(function, tuple(arguments), keywords, node)

    def named_by_dict(self, thing: Any, keyword: ast.keyword) -> dict[str, Any]:
        """The arguments that `**params` gives."""
        if not is_dict(thing) or not all(isinstance(name, str) for name in thing.names):
            self.refuse(f"`**` of {describe(thing)}", instead="a dict with known names", node=keyword.value)
        return dict(zip(thing.names, thing.parts, strict=True))

    def attribute(self, thing: Any, name: str, node: ast.AST) -> Any:
        if isinstance(thing, (ArrayView, Elementwise)):
            match name:
                case "shape":
                    return tuple(map(self.as_weak, self.shape(thing)))
                case "size":
                    return self.as_weak(self.product(self.shape(thing)))
                case "ndim":
                    return thing.ndim
                case "T":
                    self.has_transposed(node)
                    return self.transposed(thing)
                case "mT":
                    self.has_transposed(node)
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
            return self.attribute_outside(thing, name, node)
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

    def has_transposed(self, node: ast.AST) -> None:
        """A transpose is read: other arrays take over its order, but where it is a factor or is stored into."""
        if node not in self.without_order:
            self.has_other_order()

    def subscription(self, node: ast.Subscript) -> Any:
        thing = self.expression(node.value)
        items = self.index_beside(node.slice, thing)
        self.picked_from_list(node.value, thing, items)
        return self.pick(thing, items)

    def index_beside(self, node: ast.expr, thing: Any) -> tuple[Any, ...]:
        """The items of an index, which must not write what another operand has yet to read."""
        with self.yet_to_be_read((thing,), "an index", node):
            return self.index_items(node)

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
            elif isinstance(thing, Range):
                thing = self.materialise(range_elements(self, thing))
            result.append(thing)
        return tuple(result)

    def pick(self, thing: Any, items: tuple[Any, ...]) -> Any:
        if is_dict(thing):
            return item_of(self, thing, items)
        if isinstance(thing, Static) and (thing.value is np.r_ or thing.value is np.c_):
            return joined_by_index(self, items, of_columns=thing.value is np.c_)
        if is_text(thing) and len(items) == 1 and (part := part_of_text(self, thing, items[0])) is not None:
            return part
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
        if isinstance(thing, Range) and items == (Slice(None, None, -1),) and is_number(thing.step):
            return reversed_range(self, thing)
        if not is_arraylike(thing):
            self.refuse(f"an index into {describe(thing)}", instead="an array or a tuple")
        return self.subscript(thing, items)

    def dict_of(self, node: ast.Dict) -> Tree:
        """`{"W": W, **others}`: the keys must be known."""
        made = Tree(dict, (), ())
        for key, value in zip(node.keys, node.values, strict=True):
            thing = self.settled(self.expression(value))
            if key is not None:
                thing = Tree(dict, (key_of(self, self.expression(key)),), (thing,))
            elif not is_dict(thing):
                self.refuse(f"`**` of {describe(thing)}", instead="a dict with known keys", node=value)
            made = joined_dicts(made, thing)
        return self.new_dict(made)

    # --------------------------------------------------------------------- comprehensions, nested functions

    def as_generator(self, node: ast.expr) -> ast.GeneratorExp | None:
        """The generator expression that an argument is, or stands for: `map(f, x)`."""
        if isinstance(node, ast.GeneratorExp):
            return node
        if isinstance(node, ast.Call) and len(node.args) > 1 and not node.keywords:
            if isinstance(node.func, ast.Name) and same(self.lookup(node.func.id, node), Static(map)):
                return mapped(node)
        return None

    def consumed(self, function: Static, node: ast.GeneratorExp, call: ast.Call) -> Any:
        """A function of the items that a generator gives, which takes them one after the other."""
        if function.value in (any, all):
            return self.as_loops(as_search(node, function.value is any), self.gone_over(node), node)
        over = self.gone_over(node)
        items = self.items_beforehand(node, over)
        if items is None and function.value is sum:
            return self.as_loops(as_sum(node), over, node)
        listed = self.as_loops(as_list(node), over, node) if items is None else items
        if function.value is tuple and isinstance(listed, ListItems):
            return tuple(listed)
        return listed if function.value in (list, tuple) else self.call(function, (listed,), {}, call)

    def comprehension(self, node: ast.ListComp) -> Any:
        over = self.gone_over(node)
        items = self.items_beforehand(node, over)
        return self.as_loops(as_list(node), over, node) if items is None else items

    def gone_over(self, node: ast.ListComp | ast.GeneratorExp) -> Any:
        """What the first loop of a comprehension goes over, as it is now."""
        inside = count_reads([node])
        for name in bound_names(node):
            if self.frame.reads.get(name, 0) != inside.get(name, 0):
                self.refuse(
                    f"`:=` in a comprehension that binds `{name}`, which is read outside of it",
                    instead="a loop",
                    node=node,
                )
        return self.settled_iterable(self.expression(node.generators[0].iter))

    def as_loops(self, tree: ast.FunctionDef, over: Any, node: ast.expr) -> Any:
        return self.listed(
            self.run(tree, Frame(self.frame.source, {OVER: over}, parent=self.frame), node, node)
        )

    def element(self, generator: ast.comprehension, item: Any, made: Callable[[], Any]) -> Any:
        """What a comprehension makes of an item that it goes over."""
        frame = self.frame
        self.frame = Frame(frame.source, {}, frame.reads, parent=frame)
        try:
            self.bind_target(generator.target, item)
            return made()
        finally:
            self.frame = frame

    def dict_comprehension(self, node: ast.DictComp) -> Tree:
        generator = node.generators[0]
        over = self.expression(generator.iter)
        items = known_range(over) if isinstance(over, Range) else self.written_out(over)
        if items is None or len(node.generators) > 1 or generator.ifs:
            self.refuse(
                "a dict comprehension whose keys are not known beforehand",
                instead="arrays filled in a loop",
                node=node,
            )

        def entry() -> Tree:
            key = key_of(self, self.expression(node.key))
            return Tree(dict, (key,), (self.settled(self.expression(node.value)),))

        entries = (self.element(generator, item, entry) for item in items)
        return self.new_dict(joined_dicts(Tree(dict, (), ()), *entries))

    def items_beforehand(self, node: ast.ListComp | ast.GeneratorExp, over: Any) -> Any:
        """The items of a comprehension, or an array of them; None where their number or their shape is known only
        when they are made."""
        generator = node.generators[0]
        if len(node.generators) > 1 or generator.ifs or (isinstance(over, Nested) and over.rises):
            return None

        def element(item: Any) -> Any:
            return self.element(generator, item, lambda: self.settled(self.expression(node.elt)))

        items = self.written_out(over)
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
            return None
        if isinstance(sample, ArrayView) and self.is_reached(sample.root):
            return None
        listed = self.materialise(Elementwise((length, *shape), at, frozenset()))
        listed.root.is_list = True
        return listed

    def bind_target(self, target: ast.expr, thing: Any) -> None:
        raise NotImplementedError

    def nested_function(self, node: ast.Lambda | ast.FunctionDef) -> LocalFunction:
        spec = node.args
        return LocalFunction(
            node,
            self.frame,
            tuple(self.settled(self.expression(x)) for x in spec.defaults),
            {
                a.arg: self.settled(self.expression(x))
                for a, x in zip(spec.kwonlyargs, spec.kw_defaults, strict=True)
                if x is not None
            },
        )


__all__ = ["Expressions"]
