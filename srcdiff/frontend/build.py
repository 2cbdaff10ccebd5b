"""Read a Python function into typed, structured SSA for one signature.

    parse(read_source(f), (float64, float64[:]))  ->  Program(function, captures, ...)

Statements are read in order; names and memory are joined at `if` (`branches.py`) and carried by loops (`loops.py`),
expressions become ops (`expressions.py`, `arrays.py`, `calls.py`), called functions are read in place.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import NotDifferentiable
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import IN_PLACE, Block, Function, Op, Value, loop_slots
from ..ir.operators import current_builder, open_builders
from ..primitives.custom import rules_of
from .agreement import same
from .captures import fetched
from .custom import attempted, derived
from .declared import read_as_declared
from .describe import describe
from .library.structures import joined_name, thing_of, with_results
from .loop_statements import LoopStatements
from .program import Program, lengths_of, share_memory
from .recursion import Reading, call_apart
from .scope import Frame, ReadAgain
from .source import FunctionSource
from .things import ArrayView, Elementwise, Poison, Root, Static, is_scalar, whole_view
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
    ast.AsyncFor: ("`async for`", "", "a plain loop"),
    ast.AsyncWith: ("`async with`", "", "the block without it"),
    ast.AsyncFunctionDef: ("an `async def`", "", "a plain function"),
    ast.Match: ("`match`", "", "`if` and `elif`"),
}
OF_PYTHON = (ty.int64, ty.float64, ty.complex128)  # the types of Python's numbers
QUIET = ("ignore", "warn", "print", "log")
STABLE_MODULES = ("math", "cmath", "numpy", "scipy", "itertools", "functools", "operator")


class Reader(LoopStatements):
    """Reads one function."""

    def call_again(self, source: FunctionSource, env: dict[str, Any], node: ast.AST) -> Any:
        return call_apart(self, source, env, node, self.read_again)

    def read_again(
        self, source: FunctionSource, specs: Sequence[Any], readings: dict[Any, Reading]
    ) -> Program:
        """A function that is called, not put in place, read by a reader like this one."""
        reader = self.another()
        reader.readings, reader.written_inside = readings, []
        return parse(source, specs, reader)

    def blank(self) -> Reader:
        return type(self)()

    def another(self) -> Reader:
        """A reader like this one that has read nothing yet."""
        reader = self.blank()
        reader.carried_float, reader.calls_large = self.carried_float, self.calls_large
        reader.large, reader.kept = self.large, self.kept
        reader.single_captures, reader.grown = self.single_captures, self.grown
        reader.first_trips, reader.other_orders = self.first_trips, self.other_orders
        reader.written_inside, reader.dicts_change = self.written_inside, self.dicts_change
        reader.one_by_one = self.one_by_one
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
        value = Value(name, ty.plain(spec))
        parameters.append(value)
        is_array = ty.is_array(spec)
        if is_array:
            return whole_view(self.parameter_root(value, ty.single_axes(spec)))
        return self.as_weak(value) if value.type in OF_PYTHON else value

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
                    self.stands_alone = node.value
                    self.expression(node.value)
            case ast.Assign():
                self.assign(node.targets, self.expression(node.value), node.value)
            case ast.AnnAssign():
                if node.value is not None:
                    self.assign([node.target], self.expression(node.value), node.value)
            case ast.AugAssign():
                self.augmented(node)
            case ast.If():
                self.if_statement(node)
            case ast.For():
                self.for_statement(node)
            case ast.While():
                self.while_statement(node)
            case ast.With() if self.is_of_no_effect(node):
                self.statements(node.body)
            case ast.Import() | ast.ImportFrom():
                self.import_statement(node)
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

    def is_of_no_effect(self, node: ast.With) -> bool:
        """Whether a context is `np.errstate`, which changes no value, and does not make NumPy raise."""
        return all(
            isinstance(call := item.context_expr, ast.Call)
            and item.optional_vars is None
            and same(self.expression(call.func), Static(np.errstate))
            and not call.args
            and all(
                k.arg and isinstance(k.value, ast.Constant) and k.value.value in QUIET for k in call.keywords
            )
            for item in node.items
        )

    def import_statement(self, node: ast.Import | ast.ImportFrom) -> None:
        """Bind what is imported, if it is of a module that is there already and that nobody changes."""
        name = node.module if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            path = name or alias.name
            module = sys.modules.get(path) if path.split(".")[0] in STABLE_MODULES else None
            if module is None or getattr(node, "level", False) or alias.name == "*":
                self.refuse("an import inside a function", instead="import at the top of the module")
            if isinstance(node, ast.ImportFrom):
                found = getattr(module, alias.name, None) or sys.modules.get(f"{path}.{alias.name}")
                if found is None:
                    self.refuse(f"`{alias.name}` is not in `{path}`", "Python would raise an error here")
            else:
                found = module if alias.asname else sys.modules[path.split(".")[0]]
            self.bind_name(alias.asname or alias.name.split(".")[0], self.lifted(found))

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
    """Read a function for the given argument types, as often as it takes to know its lists and what it writes.

    Parameters
    ----------
    source : the function, from `read_source`.
    specs : for each argument a Numba type, a tuple of such, or `Static` for what is known beforehand.
    reader : what reads it, if not a plain `Reader`.
    """
    reader = reader or Reader()
    readings = dict(reader.readings)
    while True:
        try:
            return parse_once(source, specs, reader)
        except ReadAgain:
            reader = reader.another()
            reader.readings = dict(readings)


def parse_once(source: FunctionSource, specs: Sequence[Any], reader: Reader) -> Program:
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
        reader.depth = len(open_builders.get())
        arguments = list(parameters)
        given = {reader.memory[root]: root for root in reader.memory}
        for where, name in reader.written_inside:
            reader.captured(fetched(where), where, name, None)
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
    places: list[int] = []
    written: list[Value] = []
    for k, (value, root) in enumerate(zip(arguments + hidden, roots, strict=True)):
        final = reader.memory.get(root, value) if root is not None else value
        if root is not None and final is not value:
            places.append(k if k < len(arguments) else k - len(arguments) - len(hidden))
            written += [v for v in contents_of(reader, root, final) if v not in (*leaves, *written)]
    body = Block((*arguments, *hidden), (*reader.prologue.ops, *builder.ops), (*leaves, *written))
    held = [(root, version) for root, version in reader.memory.items() if ty.is_array(root.type)]
    owners = [next((root for root, version in held if version is leaf), None) for leaf in leaves]
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


def contents_of(reader: Reader, root: Root, final: Value | Poison) -> list[Value]:
    """What an array holds in the end: of one whose name may mean another by now, all that it may be."""
    if isinstance(final, Value):
        return [final]
    return [v for other, v in reader.memory.items() if root.shares(other) and isinstance(v, Value)]


def result_of(reader: Reader, source: FunctionSource, given: list[Any]) -> Any:
    """What the function returns, for what its arguments are."""

    def read(env: dict[str, Any]) -> Any:
        reader.frame.env.update(env)
        return reader.body_of(source.tree)

    def body() -> Any:
        return read_as_declared(reader, source, dict(reader.frame.env), read, source.tree)

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
                and definition(version).name in ("", first.name)
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
