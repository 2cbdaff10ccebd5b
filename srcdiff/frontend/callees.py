"""Functions that are called: read in place, among variables of their own.

    def f(x): return g(x) + 1.0    ->    the ops of `g`, then those of `f`

Parameters are bound as Python binds them. Recursive functions, and large ones if that is wanted, are called instead
(`recursion.py`).
"""

from __future__ import annotations

import ast
import functools
import types
from typing import Any

from ..errors import DifferentiationError, SourceUnavailable
from ..ir import types as ty
from ..ir.core import Value
from ..ir.operators import current_builder
from .canonicalise import RESULT, canonicalise, count_reads
from .declared import read_as_declared
from .describe import describe
from .list_names import growing_names, shared_names
from .opaque import Arguments, OpaqueCalls
from .recursion import CallSites, Reading
from .scope import Frame
from .source import FunctionSource, read_source
from .things import LocalFunction, Poison, Spread, Static, is_arraylike
from .unwrap import call_of, is_of_library, package_of


class Callees(OpaqueCalls):
    """Reads called functions in place."""

    def __init__(self) -> None:
        super().__init__()
        self.files: set[str] = set()  # of the functions that were read in place
        self.called: set[Any] = set()  # functions that have rules, or may be given some
        self.differentiated: set[Any] = set()  # those of which derivatives were put in place
        self.stack: list[Any] = []  # what is being read, by code or node
        self.readings: dict[Any, Reading] = {}  # functions that are called, by code and types
        self.calls_large = False  # whether large functions are called
        self.large: set[Any] = set()  # the code of those
        self.kept: set[Any] = set()  # the code of large functions that cannot be called
        self.sites = CallSites()

    def statements(self, body: list[ast.stmt]) -> None:
        raise NotImplementedError

    def expression(self, node: ast.expr) -> Any:
        raise NotImplementedError

    def inline(self, target: Any, arguments: Arguments, keywords: dict[str, Any], node: ast.AST) -> Any:
        try:
            source = read_source(target)
        except SourceUnavailable as error:
            self.refuse(
                f"a call of `{getattr(target, '__name__', target)}`, whose source cannot be read",
                error.reason or error.problem,
                error.instead,
                node=node,
            )
        except DifferentiationError as error:
            self.refuse(error.problem, error.reason, error.instead, node=node, kind=type(error))
        arguments = (*(self.lifted(x) for x in source.partial_args), *arguments)
        keywords = {**{k: self.lifted(v) for k, v in source.partial_keywords.items()}, **keywords}
        if source.kind in ("vectorize", "guvectorize"):
            self.refuse_spread(arguments, node)
        if source.kind == "vectorize":
            return self.elementwise(
                lambda *xs: self.enter(source, self.bind(source, xs, {}, node), node), *arguments
            )
        if source.kind == "guvectorize":
            return self.call_guvectorize(source, arguments, node)
        bound = self.bind(source, arguments, keywords, node)
        result = read_as_declared(self, source, bound, lambda env: self.enter(source, env, node), node)
        return result if source.kind != "njit" or self.frame.numba_rules else self.given_back(result)

    def given_back(self, result: Any) -> Any:
        """What compiled code returns to Python, whose numbers have one size each."""
        if type(result) is tuple:
            return tuple(map(self.given_back, result))
        if not isinstance(result, Value) or result in self.weak or result.is_constant:
            return result
        wide = ty.int64 if ty.is_integer(result.type) else ty.float64
        if not (ty.is_integer(result.type) or ty.is_float(result.type)):
            return result
        number = current_builder().emit("cast", (result,), wide)
        if result in self.nonnegative:
            self.nonnegative.add(number)
        return self.as_weak(number)

    def inline_local(
        self, function: LocalFunction, arguments: Arguments, keywords: dict[str, Any], node: ast.AST
    ) -> Any:
        env = self.bind_arguments(
            function.node.args, function.defaults, function.keyword_defaults, arguments, keywords, node
        )
        return self.run(
            function.node, Frame(function.frame.source, env, parent=function.frame), node, function.node
        )

    def call_guvectorize(self, source: FunctionSource, arguments: Arguments, node: ast.AST) -> Any:
        """A `@guvectorize` with one output, on arguments of exactly its core dimensions."""
        inputs, _, output = source.layout.replace(" ", "").partition("->")
        dims = [[d for d in core.strip("()").split(",") if d] for core in (*inputs.split("),("), output)]
        given = [self.settled(self.as_array(x) if isinstance(x, tuple) else x) for x in arguments]
        made = len(given) == len(dims) - 1
        if "),(" in output or not (made or len(given) == len(dims)):
            self.refuse("a `@guvectorize` call with these outputs", instead="one output", node=node)
        lengths: dict[str, Any] = {}
        for thing, core in zip(given, dims, strict=False):
            if (thing.ndim if is_arraylike(thing) else 0) != len(core):
                self.refuse(
                    "a `@guvectorize` call that broadcasts", instead="a loop over the calls", node=node
                )
            for k, d in enumerate(core):
                length = self.length(thing, k)
                fits = self.scalar("eq", lengths.setdefault(d, length), length)
                self.require(fits, "ValueError", f"arguments of different lengths {d}")
        if made:
            if any(d not in lengths for d in dims[-1]):
                self.refuse("a `@guvectorize` output of free size", instead="an output passed in", node=node)
            types = [self.dtype(x) for x in given]
            shape = tuple(lengths[d] for d in dims[-1]) or (1,)
            given.append(
                self.allocate(shape, ty.float32 if all(t == ty.float32 for t in types) else ty.float64)
            )
        self.enter(source, self.bind(source, tuple(given), {}, node), node)
        return given[-1] if dims[-1] or not made else self.at(given[-1], (0,))

    def bind(
        self, source: FunctionSource, arguments: Arguments, keywords: dict[str, Any], node: ast.AST | None
    ) -> dict[str, Any]:
        function = source.function
        defaults = tuple(self.lifted(x) for x in function.__defaults__ or ())
        keyword_defaults = {k: self.lifted(v) for k, v in (function.__kwdefaults__ or {}).items()}
        return self.bind_arguments(source.tree.args, defaults, keyword_defaults, arguments, keywords, node)

    def bind_arguments(
        self,
        spec: ast.arguments,
        defaults: tuple[Any, ...],
        keyword_defaults: dict[str, Any],
        arguments: Arguments,
        keywords: dict[str, Any],
        node: ast.AST | None,
    ) -> dict[str, Any]:
        names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        arguments = self.spread_out(arguments, spec, [name for name in names if name not in keywords], node)
        if spec.kwarg is not None:
            self.refuse("`**` in a signature", instead="named parameters", node=node)
        if len(arguments) > len(names) and spec.vararg is None:
            self.refuse(
                f"{len(arguments)} arguments for a function of {len(names)}",
                instead="as many as it has parameters",
                node=node,
            )
        env: dict[str, Any] = dict(zip(names, arguments, strict=False))
        if spec.vararg is not None:
            env[spec.vararg.arg] = tuple(arguments[len(names) :])
        only = [a.arg for a in spec.kwonlyargs]
        for name, thing in keywords.items():
            if name not in names + only or name in env:
                self.refuse(
                    f"the keyword argument `{name}`",
                    "the function has no such parameter, or has it already",
                    node=node,
                )
            env[name] = thing
        for name, thing in zip(names[len(names) - len(defaults) :], defaults, strict=True):
            env.setdefault(name, thing)
        for name, thing in keyword_defaults.items():
            env.setdefault(name, thing)
        for name in names + only:
            if name not in env:
                self.refuse(f"a call without the argument `{name}`", "it has no default", node=node)
        return {name: self.settled(thing, name) for name, thing in env.items()}

    def refuse_spread(self, arguments: Arguments, node: ast.AST) -> None:
        for argument in arguments:
            if isinstance(argument, Spread):
                self.refuse(f"`*` of {describe(argument.of)}", instead="each argument by itself", node=node)

    def spread_out(
        self, arguments: Arguments, spec: ast.arguments, names: list[str], node: ast.AST | None
    ) -> Arguments:
        """The arguments with the items of an array in the place of `*x`, as many as there are parameters for."""
        found: list[Any] = []
        for argument in arguments:
            if not isinstance(argument, Spread):
                found.append(argument)
            elif (
                spec.vararg is not None or spec.defaults or sum(isinstance(x, Spread) for x in arguments) > 1
            ):
                self.refuse(
                    f"`*` of {describe(argument.of)}",
                    "how many arguments it is is not known",
                    "its items by index, or a function whose parameters have no defaults",
                    node=node,
                )
            else:
                found += self.unpacked(argument.of, len(names) - len(arguments) + 1)
        return tuple(found)

    def enter(self, source: FunctionSource, env: dict[str, Any], node: ast.AST) -> Any:
        self.files.add(source.file)
        self.captures.know_code(source.function)
        if source.function.__code__ in self.stack:
            return self.call_again(source, env, node)
        code, builder = source.function.__code__, current_builder()
        start = len(builder.ops)
        if code in self.large:
            try:
                return self.call_again(source, env, node)
            except DifferentiationError:  # it is refused in place too, or could only not be called
                del builder.ops[start:]
                self.large.discard(code)
                self.kept.add(code)
        result = self.run(source.tree, Frame(source, env), node, code)
        self.sites.add(code, builder.ops[start:])
        return result

    def call_again(self, source: FunctionSource, env: dict[str, Any], node: ast.AST) -> Any:
        """A call of a function that is being read, or is large."""
        raise NotImplementedError

    def run(self, tree: Any, frame: Frame, node: ast.AST, identity: Any) -> Any:
        """Read the body of a called function in place."""
        if identity in self.stack:
            self.refuse(
                "recursion of a nested function",
                "a nested function is read in place, among the variables that it sees",
                "a function of the module, or a loop",
                node=node,
            )
        if len(self.stack) > 60:
            self.refuse("calls nested more than 60 deep", node=node)
        outer, where, location = self.frame, self.current_node, current_builder().location
        frame.caller, frame.path = (
            outer,
            (*outer.path, getattr(node, "lineno", 0), getattr(node, "col_offset", 0)),
        )
        self.stack.append(identity)
        self.frame = frame
        try:
            result = self.body_of(tree)
        finally:
            self.frame, self.current_node = outer, where
            self.stack.pop()
        current_builder().location = location
        return result

    def body_of(self, tree: Any) -> Any:
        if isinstance(tree, ast.Lambda):
            return self.settled(self.expression(tree.body))
        self.frame.reads = count_reads([tree])
        self.frame.stores = stored_names(tree)
        self.frame.grows, self.frame.shared = growing_names(tree), shared_names(tree)
        self.statements(canonicalise(tree.body))
        result = self.frame.env.get(RESULT, Static(None))
        if isinstance(result, Poison):
            self.refuse(result.problem, instead=result.instead, node=a_return(tree), kind=result.kind)
        return result


def a_return(tree: ast.AST) -> ast.AST:
    """A `return` of a function, one inside a loop if there is any; else the function."""
    loops = [node for node in ast.walk(tree) if isinstance(node, (ast.For, ast.While))]
    return next(
        (node for part in (*loops, tree) for node in ast.walk(part) if isinstance(node, ast.Return)), tree
    )


def is_readable(target: Any) -> bool:
    """Whether the source of a callable may be read and inlined."""
    if isinstance(target, types.MethodType):
        return isinstance(target.__func__, types.FunctionType) and not is_of_library(target)
    return (
        isinstance(target, (types.FunctionType, functools.partial))
        and package_of(target) != "numpy"
        or call_of(target) is not None
        or hasattr(target, "py_func")
        or hasattr(target, "_dispatcher")
        or hasattr(target, "gufunc_builder")
        or hasattr(target, "__srcdiff_function__")
    )


def stored_names(tree: ast.AST) -> frozenset[str]:
    """The names `x` of all `x[...] = ...`."""
    return frozenset(
        node.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
    )
