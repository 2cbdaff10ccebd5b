"""Read a Python function into typed, structured SSA for one signature.

    parse(read_source(f), (float64, float64[:]))  ->  Program(function, captures, ...)

Statements are read in order; names and memory are joined at `if` (`branches.py`) and carried by loops (`loops.py`),
expressions become ops (`expressions.py`, `arrays.py`, `calls.py`), called functions are read in place.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import NotDifferentiable
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import IN_PLACE, Block, Function, Op, Value, loop_slots
from ..ir.operators import current_builder
from ..ir.walk import free_values_of
from ..primitives.custom import rules_of
from .canonicalise import assigned_names, read_names
from .custom import attempted, derived
from .describe import describe
from .expressions import Expressions
from .library.builtin import range_length
from .library.structures import has_items, joined_name, known_range, thing_of, with_results
from .loops import LoopParts
from .operators import BINARY
from .recursion import CallSites, Reading, call_apart
from .scope import FLAG, Frame
from .searches import halves_bracket
from .source import FunctionSource
from .things import (
    ArrayView,
    Elementwise,
    Enumerated,
    ListItems,
    Poison,
    Range,
    Reversed,
    Root,
    Scalar,
    Segmented,
    Static,
    Zipped,
    is_arraylike,
    is_number,
    is_scalar,
    whole_view,
)
from .trees import Tree, parts_of

REFUSED_STATEMENTS: dict[type[ast.stmt], tuple[str, str, str]] = {
    ast.With: (
        "`with` blocks",
        "what a context does on exit cannot be run backwards",
        "the block without it",
    ),
    ast.Try: ("`try` blocks", "which statements ran is not known", "a test with `if` beforehand"),
    ast.Global: ("`global`", "writes outside the function cannot be undone", "return the value"),
    ast.Nonlocal: ("`nonlocal`", "writes outside the function cannot be undone", "return the value"),
    ast.ClassDef: ("a class inside a function", "objects carry no derivative here", "arrays and numbers"),
    ast.Import: ("an import inside a function", "", "import at the top of the module"),
    ast.ImportFrom: ("an import inside a function", "", "import at the top of the module"),
    ast.AsyncFor: ("`async for`", "", "a plain loop"),
    ast.AsyncWith: ("`async with`", "", "the block without it"),
    ast.AsyncFunctionDef: ("an `async def`", "", "a plain function"),
    ast.Match: ("`match`", "", "`if` and `elif`"),
}


@dataclass(frozen=True)
class Program:
    """A function in the IR, and what a call of it must supply.

    `fetch` says where each hidden parameter is read at a call; `statics` are values taken as known, to be compared
    at each call; `structure` is the nesting of the results: "leaf", None, a tuple or a `Tree` (in which what is known
    is `Static`); the first `arguments` parameters are the arguments; `written` says which parameters are arrays that
    are written, hidden ones counted from the end; `files` are those that were read; `called` are the functions that
    were read or called, `differentiated` those of them of which derivatives are in the program; `shares` says that an
    array among the results may be the memory of another, or of an argument; `lengths` are, for each axis of each
    result, a number, or the parameter and the axis that are as long, or None.
    """

    function: Function
    fetch: tuple[tuple[str, Any, str], ...]
    statics: tuple[tuple[tuple[str, Any, str], Any], ...]
    structure: Any
    arguments: int
    written: tuple[int, ...]
    files: frozenset[str] = frozenset()
    called: frozenset[Any] = frozenset()
    differentiated: frozenset[Any] = frozenset()
    shares: bool = False
    lengths: tuple[tuple[Any, ...], ...] = ()


class Reader(Expressions):
    """Reads one function."""

    def __init__(self) -> None:
        super().__init__()
        self.files = set()
        self.called, self.differentiated = set(), set()
        self.stack = []
        self.readings: dict[Any, Reading] = {}
        self.calls_large, self.large, self.kept, self.sites = False, set(), set(), CallSites()
        self.names: dict[Value, str] = {}

    def call_again(self, source: FunctionSource, env: dict[str, Any], node: ast.AST) -> Any:
        return call_apart(self, source, env, node, self.read_again)

    def read_again(
        self, source: FunctionSource, specs: Sequence[Any], readings: dict[Any, Reading]
    ) -> Program:
        """A function that is called, not put in place, read by a reader like this one."""
        reader = self.another()
        reader.readings = readings
        return parse(source, specs, reader)

    def another(self) -> Reader:
        """A reader like this one that has read nothing yet."""
        reader = type(self)()
        reader.carried_float, reader.calls_large = self.carried_float, self.calls_large
        reader.large, reader.kept = self.large, self.kept
        return reader

    # ------------------------------------------------------------------------------------- parameters

    def parameter(self, spec: Any, name: str, parameters: list[Value]) -> Any:
        """The thing that an argument of a given type is, its values appended to `parameters`."""
        if isinstance(spec, Static):
            return spec
        if isinstance(spec, tuple):
            return tuple(self.parameter(part, f"{name}{k}", parameters) for k, part in enumerate(spec))
        if isinstance(spec, Tree):
            return thing_of(
                spec,
                [
                    self.parameter(part, joined_name(name, key), parameters)
                    for key, part in zip(spec.names, spec.parts, strict=True)
                ],
            )
        if not (ty.is_scalar(spec) or (ty.is_array(spec) and ty.is_scalar(spec.dtype))):
            self.refuse(
                f"the argument `{name}` of type {spec}",
                "only numbers, arrays of numbers and tuples of those carry a derivative",
                "arrays of plain floats",
            )
        self.check_number(spec, name)
        value = Value(name, spec)
        parameters.append(value)
        return whole_view(self.parameter_root(value)) if ty.is_array(spec) else value

    # ------------------------------------------------------------------------------------- statements

    def statements(self, body: list[ast.stmt]) -> None:
        for statement in body:
            if self.dead:
                return
            outer, self.current_node = self.current_node, statement
            current_builder().location = self.location(statement)
            self.statement(statement)
            self.current_node = outer

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Pass():
                pass
            case ast.Expr():
                if not isinstance(node.value, ast.Constant):
                    self.expression(node.value)
            case ast.Assign():
                thing = self.expression(node.value)
                if isinstance(thing, ListItems):
                    thing = self.changeable(thing, node.targets)
                if len(node.targets) > 1:
                    thing = self.settled(thing)
                for target in node.targets:
                    self.bind_target(target, thing)
            case ast.AnnAssign():
                if node.value is not None:
                    self.bind_target(node.target, self.expression(node.value))
            case ast.AugAssign():
                self.augmented(node)
            case ast.If():
                self.if_statement(node)
            case ast.For():
                self.for_statement(node)
                self.mark_bisection(node)
            case ast.While():
                self.while_statement(node)
                self.mark_bisection(node)
            case ast.Assert():
                self.assertion(node)
            case ast.Delete():
                for target in node.targets:
                    if not isinstance(target, ast.Name):
                        self.refuse("`del` of a part", instead="`del` of a variable", node=target)
                    self.frame.env.pop(target.id, None)
            case ast.Raise():
                self.raise_statement(node)
            case ast.FunctionDef():
                if node.decorator_list:
                    self.refuse(
                        "a decorator on a nested function", instead="decorate a function of the module"
                    )
                self.frame.env[node.name] = self.nested_function(node)
            case _:
                what, why, instead = REFUSED_STATEMENTS.get(type(node), (f"`{type(node).__name__}`", "", ""))
                verb = "are" if what.endswith("blocks") else "is"
                self.refuse(f"{what} {verb} not supported", why, instead)

    def changeable(self, items: ListItems, targets: list[ast.expr]) -> Any:
        """A list of numbers as an array, if items of it are assigned."""
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        if not (items and names & self.frame.stores and all(map(is_scalar, items))):
            return items
        array = self.array_of(items)
        array.root.is_list = True
        return array

    def bind_target(self, target: ast.expr, thing: Any) -> None:
        match target:
            case ast.Name():
                self.bind_name(target.id, thing)
            case ast.Tuple() | ast.List():
                self.unpack(target, thing)
            case ast.Subscript():
                self.bind_subscript(target, thing)
            case ast.Attribute():
                self.refuse(
                    "writing an attribute",
                    "objects carry no derivative here",
                    "a local variable, or an element of an array",
                    node=target,
                )
            case _:
                self.refuse("this assignment", node=target)

    def bind_name(self, name: str, thing: Any) -> None:
        thing = self.settled(thing, name)
        if isinstance(thing, (Enumerated, Zipped, Reversed)):
            self.refuse(f"{describe(thing)} kept in a variable", instead="use it in the `for` itself")
        self.suggest(name, thing)
        self.frame.env[name] = thing
        self.frame.env.pop(name + FLAG, None)

    def suggest(self, name: str, thing: Any) -> None:
        """Let a value without a name take the user's."""
        if name.startswith("$") or name == "_":
            return
        if isinstance(thing, Value) and not thing.is_constant and (not thing.name or thing.name[0] == "$"):
            self.names.setdefault(thing, name)
        elif isinstance(thing, ArrayView) and thing.whole:
            version = self.memory[thing.root]
            if isinstance(version, Value) and not version.name:
                self.names.setdefault(version, name)
            if not thing.root.name:
                thing.root.name = name

    def unpack(self, target: ast.Tuple | ast.List, thing: Any) -> None:
        count = len(target.elts)
        if any(isinstance(element, ast.Starred) for element in target.elts):
            self.refuse("`*` in an assignment", instead="each item by index", node=target)
        if is_arraylike(thing):
            thing = self.settled(thing)
            length = self.length(thing)
            if is_number(length) and length != count:
                self.refuse(f"unpacking {length} items into {count}", instead="a name for each", node=target)
            fits = self.scalar("eq", length, count)
            self.require(fits, "ValueError", f"an array unpacked into {count} needs that length")
            thing = tuple(self.subscript(thing, (k,)) for k in range(count))
        if not isinstance(thing, tuple):
            self.refuse(f"unpacking {describe(thing)}", instead=f"a tuple of {count}", node=target)
        if len(thing) != count:
            self.refuse(f"unpacking {len(thing)} items into {count}", instead="a name for each", node=target)
        thing = tuple(self.settled(part) for part in thing)
        for element, part in zip(target.elts, thing, strict=True):
            self.bind_target(element, part)

    def bind_subscript(self, target: ast.Subscript, thing: Any) -> None:
        array = self.expression(target.value)
        if isinstance(array, Tree):
            self.refuse(
                f"writing into {describe(array)}",
                "only arrays can be changed in place",
                "a new one: `{**old, key: value}`",
                node=target,
            )
        items = self.index_items(target.slice)
        if isinstance(array, tuple):
            self.refuse(
                "writing into a list or tuple",
                "only arrays can be changed in place",
                "`np.array(...)`",
                node=target,
            )
        if not isinstance(array, ArrayView):
            self.refuse(f"writing into {describe(array)}", "only arrays can be changed in place", node=target)
        if any(is_arraylike(item) for item in items):
            self.scatter(array, items, thing)
            return
        place = self.place_of(array, items)
        if place.axes:
            self.fill(place, thing)
            return
        if is_arraylike(thing) and thing.ndim == 0:
            thing = self.at(thing, ())
        if not is_scalar(thing):
            self.refuse(f"{describe(thing)} stored into an element", instead="one number", node=target)
        self.store(place, (), self.stored(thing, place))

    def stored(self, thing: Scalar, place: ArrayView) -> Scalar:
        if (
            place.root.is_list
            and not ty.is_float(place.root.type.dtype)
            and ty.is_float(self.as_value(thing).type)
        ):
            self.refuse(
                "a float stored into a list of integers", "the list would change its type", "a list of floats"
            )
        return thing

    def augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.op, ast.MatMult):
            self.refuse("`@=`", instead="`a = a @ b`")
        name = BINARY[type(node.op)]

        def combine(old: Scalar, new: Scalar) -> Scalar:
            return self.scalar(name, old, new)

        match node.target:
            case ast.Name(id=identifier):
                thing = self.lookup(identifier, node.target)
                value = self.expression(node.value)
                if isinstance(thing, ListItems) or (isinstance(thing, ArrayView) and thing.root.is_list):
                    self.refuse(
                        "`+=` on a list",
                        "lists that change cannot be differentiated",
                        "an array of known length, filled by index",
                    )
                if isinstance(thing, ArrayView):
                    self.update(thing, combine, value)
                else:
                    self.bind_name(identifier, self.binary(node.op, thing, value))
            case ast.Subscript():
                array = self.expression(node.target.value)
                items = self.index_items(node.target.slice)
                if isinstance(array, Tree) and isinstance(part := self.pick(array, items), ArrayView):
                    self.update(part, combine, self.expression(node.value))
                    return
                if not isinstance(array, ArrayView):
                    self.refuse(
                        f"writing into {describe(array)}",
                        "only arrays can be changed in place",
                        "`np.array(...)`",
                    )
                if any(is_arraylike(item) for item in items):
                    old = self.materialise(self.subscript(array, items))
                    self.scatter(array, items, self.binary(node.op, old, self.expression(node.value)))
                    return
                place = self.place_of(array, items)
                if place.axes:
                    self.update(place, combine, self.expression(node.value))
                else:
                    old = self.at(place, ())
                    value = self.expression(node.value)
                    if is_arraylike(value):
                        self.refuse("an array added to an element", instead="one number")
                    self.store(place, (), self.stored(combine(old, value), place))
            case _:
                self.refuse("writing an attribute", instead="a local variable")

    # ---------------------------------------------------------------------------------------- control

    def if_statement(self, node: ast.If) -> None:
        test = self.expression(node.test)
        known = self.known_truth(test)
        if known is not None:
            self.statements(node.body if known else node.orelse)
            return
        condition = self.truth(test)
        current_builder().location = self.location(node.test)

        def arm(body: list[ast.stmt]) -> Callable[[], None]:
            return lambda: self.statements(body)

        self.branch(condition, arm(node.body), arm(node.orelse))

    def exposed(self, node: ast.For | ast.While) -> set[str]:
        """Names that are read somewhere outside this loop's body."""
        inside: dict[str, int] = {}
        for statement in node.body:
            for inner in ast.walk(statement):
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load):
                    inside[inner.id] = inside.get(inner.id, 0) + 1
                elif isinstance(inner, ast.AugAssign) and isinstance(inner.target, ast.Name):
                    inside[inner.target.id] = inside.get(inner.target.id, 0) + 1
        names = assigned_names([*node.body, node])
        return {
            name
            for name in names
            if name.startswith("$") or self.frame.reads.get(name, 0) > inside.get(name, 0)
        }

    def mark_bisection(self, node: ast.For | ast.While) -> None:
        """Let floats that a search by bisection leaves have no derivative by what the search reads."""
        loop = current_builder().ops[-1]
        if loop.primitive not in ("for", "while") or not halves_bracket(node):
            return
        read = [value for value in free_values_of(loop) if ty.is_differentiable(value.type)]
        current_builder().location = self.location(node)
        for name, thing in self.frame.env.items():
            if isinstance(thing, Value) and thing in loop.results and ty.is_float(thing.type):
                found = {"text": "a search by bisection"}
                self.frame.env[name] = current_builder().emit(
                    "bisection", (thing, *read), thing.type, found, name
                )

    def for_statement(self, node: ast.For) -> None:
        over = self.expression(node.iter)
        items = self.written_out(over)
        if items is None and isinstance(over, Range) and self.picks_parts(node):
            items = known_range(over)
        if items is not None:
            self.unrolled(node, items)
            return
        assigned = self.rebound([node])
        stop: str = getattr(node, "stop", "")
        assigned = [name for name in assigned if name != stop]
        parts = LoopParts(
            lambda: self.statements(node.body),
            assigned,
            stop,
            self.exposed(node),
            bind=lambda index: self.bind_target(node.target, index),
        )
        if isinstance(over, Segmented):
            self.segmented(over, parts)
            return
        if isinstance(over, Range):
            self.loop(replace(parts, bounds=self.range_of(over)))
            return
        over = self.settled_iterable(over)
        length, item = self.iteration(over)
        bounds = (constant(0, ty.int64), self.as_value(length, ty.int64), constant(1, ty.int64))
        bind = lambda index: self.bind_target(node.target, item(index))  # noqa: E731
        self.loop(replace(parts, bounds=bounds, bind=bind))

    def segmented(self, over: Segmented, parts: LoopParts) -> None:
        """A loop over segments around the loop over the trips of one."""
        if parts.stop:
            self.refuse(
                "`break` or `return` in a loop with `checkpoint`", instead="a condition around its body"
            )
        start, stop, step = self.range_of(over.of)
        span = self.as_value(self.scalar("mul", over.every, step), ty.int64)
        bounds, index = (start, stop, span), "first"
        if not span.is_constant:
            # A range with a step that is not known is reversed by the number of the trip.
            length = self.scalar("add", range_length(self, over.of), self.scalar("sub", over.every, 1))
            segments = self.as_value(self.scalar("floordiv", length, over.every), ty.int64)
            bounds, index = (constant(0, ty.int64), segments, constant(1, ty.int64)), "segment"
        current: list[Value] = []

        def segment() -> None:
            first = current[-1]
            if not span.is_constant:
                first = self.as_value(self.scalar("add", start, self.scalar("mul", first, span)), ty.int64)
            beyond = self.scalar("add", first, span)
            end = self.as_value(self.scalar("min" if step.constant > 0 else "max", beyond, stop), ty.int64)
            self.loop(replace(parts, bounds=(first, end, step)))

        around = replace(parts, body=segment, bounds=bounds, bind=current.append, index=index)
        self.loop(replace(around, checkpoint=True))

    def picks_parts(self, node: ast.For) -> bool:
        """Whether the index of a loop is one into items of known number that are no numbers: `Ws[k]`, `p.layers[k]`."""
        index = {name.id for name in ast.walk(node.target) if isinstance(name, ast.Name)}
        for inner in (n for statement in node.body for n in ast.walk(statement)):
            if isinstance(inner, ast.Subscript) and not index.isdisjoint(read_names([ast.Expr(inner.slice)])):
                whole: ast.expr = inner.value
                while isinstance(whole, (ast.Subscript, ast.Attribute)):
                    whole = whole.value
                if isinstance(whole, ast.Name) and has_items(self.frame.env.get(whole.id)):
                    return True
        return False

    def rebound(self, body: list[ast.stmt]) -> list[str]:
        """The names that the body of a loop may bind to something else; `a += b` leaves an array where it is."""
        others = set(assigned_names(body, updates=False))
        return [
            name
            for name in assigned_names(body)
            if name in others or not isinstance(self.frame.env.get(name), ArrayView)
        ]

    def unrolled(self, node: ast.For, items: tuple[Any, ...]) -> None:
        """A loop over known items: they may differ in type, so each trip is read by itself."""
        if len(items) > 64:
            self.refuse(f"a loop over {len(items)} items written out", instead="an array")
        stop: str = getattr(node, "stop", "")

        def trips(k: int) -> None:
            if k == len(items) or self.dead:
                return
            self.bind_target(node.target, items[k])
            if stop:
                self.frame.env[stop] = False
            self.statements(node.body)
            stopped = self.frame.env.get(stop, False) if stop else False
            if stopped is False:
                trips(k + 1)
            elif isinstance(stopped, Value):
                self.branch(stopped, lambda: None, lambda: trips(k + 1))

        trips(0)

    def while_statement(self, node: ast.While) -> None:
        assigned = self.rebound(node.body)
        stop: str = getattr(node, "stop", "")

        def condition() -> Value:
            self.current_node = node.test
            test = self.expression(node.test)
            known = self.known_truth(test)
            return constant(known, ty.boolean) if known is not None else self.truth(test)

        test_names = read_names([ast.copy_location(ast.Expr(node.test), node)])
        self.loop(
            LoopParts(
                lambda: self.statements(node.body),
                [name for name in assigned if name != stop],
                stop,
                self.exposed(node) | {name for name in test_names if name in assigned},
                condition=condition,
            )
        )

    def assertion(self, node: ast.Assert) -> None:
        test = self.expression(node.test)
        known = self.known_truth(test)
        message = text_of(node.msg) if node.msg is not None else ""
        if known is not True:
            holds = constant(known, ty.boolean) if known is not None else self.truth(test)
            self.require(holds, "AssertionError", message)

    def raise_statement(self, node: ast.Raise) -> None:
        """`raise`, with the nearest built-in exception; a message that is computed is shown as it is written."""
        error, message = "Exception", ""
        exception = node.exc
        if isinstance(exception, ast.Call):
            message = text_of(exception.args[0]) if exception.args else ""
            exception = exception.func
        if exception is not None:
            kind = self.expression(exception)
            if (
                isinstance(kind, Static)
                and isinstance(kind.value, type)
                and issubclass(kind.value, Exception)
            ):
                error = next(base.__name__ for base in kind.value.__mro__ if base.__module__ == "builtins")
        current_builder().effect("raise", (), {"error": error, "message": message})
        self.dead = True


def text_of(node: ast.expr) -> str:
    """The text of a message: the string itself, or how the program computes it."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    text = ast.unparse(node)
    return text[2:-1] if isinstance(node, ast.JoinedStr) else text


def parse(source: FunctionSource, specs: Sequence[Any], reader: Reader | None = None) -> Program:
    """Read a function for the given argument types.

    Parameters
    ----------
    source : the function, from `read_source`.
    specs : for each argument a Numba type, a tuple of such, or `Static` for what is known beforehand.
    reader : what reads it, if not a plain `Reader`.
    """
    reader = reader or Reader()
    reader.frame = Frame(source)
    reader.current_node = source.tree
    parameters: list[Value] = []
    spec = source.tree.args
    if spec.vararg is not None or spec.kwarg is not None:
        reader.refuse(
            "`*args` or `**kwargs` in the signature",
            "the number of arguments must be known",
            "named parameters",
            node=spec.vararg or spec.kwarg,
        )
    names = [a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
    with reader.prologue, Builder(reader.location(source.tree)) as builder:
        things = {name: reader.parameter(s, name, parameters) for name, s in zip(names, specs, strict=True)}
        reader.frame.env = dict(things)
        arguments = list(parameters)
        given = {reader.memory[root]: root for root in reader.memory}
        reader.stack.append(source.function.__code__)
        reader.called.add(source.function)
        result = result_of(reader, source, list(things.values()))
        leaves: list[Value] = []
        structure = flatten(reader, result, leaves)
    large = reader.sites.largest(reader.kept) if reader.calls_large else None
    if large is not None:
        again = reader.another()
        again.large.add(large)
        return parse(source, specs, again)
    captures = reader.captures
    hidden = list(captures.values.values())
    roots = [*map(given.get, arguments), *map(captures.roots.get, captures.values)]
    written, places = [], []
    for k, (value, root) in enumerate(zip(arguments + hidden, roots, strict=True)):
        final = reader.memory.get(root, value) if root is not None else value
        if final is not value:
            places.append(k if k < len(arguments) else k - len(arguments) - len(hidden))
            if isinstance(final, Value) and final not in leaves:
                written.append(final)
    body = Block((*arguments, *hidden), (*reader.prologue.ops, *builder.ops), (*leaves, *written))
    owners = [next((r for r, v in reader.memory.items() if v is leaf), None) for leaf in leaves]
    return Program(
        Function(valid_name(source.name), named(body, reader.names), len(hidden), len(written)),
        tuple(captures.fetch),
        tuple(captures.statics),
        structure,
        len(arguments),
        tuple(places),
        frozenset((source.file, *reader.files)),
        frozenset(reader.called),
        frozenset(reader.differentiated),
        share_memory(owners, roots),
        lengths_of(owners, roots[: len(arguments)]),
    )


def result_of(reader: Reader, source: FunctionSource, given: list[Any]) -> Any:
    """What the function returns, for what its arguments are."""

    def body() -> Any:
        return reader.body_of(source.tree)

    rules = rules_of(source.function)
    if rules is None:
        return body()
    return derived(
        reader,
        rules,
        given,
        lambda: attempted(reader, body, source.dispatcher, given, source.tree),
        source.tree,
    )


def share_memory(results: Sequence[Root | None], given: Sequence[Root | None]) -> bool:
    """Whether an array among the results may be the memory of another, or of one that was given."""
    roots = [root for root in results if root is not None]
    return any(
        other is not None and root.shares(other)
        for k, root in enumerate(roots)
        for other in (*given, *roots[:k])
    )


def lengths_of(
    results: Sequence[Root | None], arguments: Sequence[Root | None]
) -> tuple[tuple[Any, ...], ...]:
    """For each axis of each result a number, or the argument and the axis that are as long, or None."""
    places = {
        length: (k, axis)
        for k, root in enumerate(arguments)
        if root is not None
        for axis, length in enumerate(root.shape or ())
        if isinstance(length, Value)
    }

    def known(root: Root) -> tuple[Any, ...]:
        lengths = root.shape or (None,) * root.type.ndim
        return tuple(n if isinstance(n, int) else places.get(n) for n in lengths)

    return tuple(() if root is None else known(root) for root in results)


def valid_name(name: str) -> str:
    return name if name.isidentifier() else "function"


def flatten(reader: Reader, thing: Any, leaves: list[Value]) -> Any:
    """The values of a result, and the structure they are nested in."""
    if isinstance(thing, Static) and thing.value is None:
        return None
    if parts_of(thing) is not None:
        return with_results(thing, lambda part: flatten(reader, part, leaves))
    if isinstance(thing, Elementwise) or (isinstance(thing, ArrayView) and not thing.whole):
        thing = reader.materialise(thing)
    if isinstance(thing, ArrayView):
        leaves.append(reader.version(thing.root))
    elif is_scalar(thing):
        leaves.append(reader.as_value(thing))
    elif isinstance(thing, Poison):
        reader.refuse(thing.problem, instead=thing.instead, kind=thing.kind)
    else:
        reader.refuse(
            f"a function that returns {describe(thing)}",
            instead="a number, an array, or a tuple of those",
            kind=NotDifferentiable,
        )
    return "leaf"


def named(block: Block, names: dict[Value, str]) -> Block:
    """The block with the names that the user's assignments suggest."""
    mapping = {value: Value(name, value.type) for value, name in names.items()}

    def definition(value: Value) -> Value:
        return mapping.get(value, value)

    def spread(versions: Sequence[Value], first: Value) -> None:
        """Versions of one array bear its name."""
        name = definition(first).name
        for version in versions:
            if (
                name
                and ty.is_array(version.type)
                and not version.is_constant
                and not definition(version).name
            ):
                mapping[version] = Value(name, version.type)

    def spread_names(block: Block) -> None:
        for op in block.ops:
            if op.primitive in IN_PLACE:
                spread(op.results, op.operands[0])
            elif op.primitive in ("for", "while"):
                for initial, parameter, yielded, result in loop_slots(op):
                    spread((parameter, yielded, result), initial)
            for region in op.regions:
                spread_names(region)

    def visit(block: Block) -> Block:
        ops = tuple(
            Op(
                op.primitive,
                tuple(map(definition, op.operands)),
                tuple(map(definition, op.results)),
                tuple(map(visit, op.regions)),
                op.attributes,
                op.location,
            )
            for op in block.ops
        )
        return Block(tuple(map(definition, block.parameters)), ops, tuple(map(definition, block.results)))

    spread_names(block)
    return visit(block)
