"""Calls: primitives, what NumPy and Python offer, other functions (read and inlined), anything else opaque."""

from __future__ import annotations

import ast
import builtins
import functools
import json
import math
import sys
import types
from collections.abc import Mapping
from typing import Any

import numba
import numpy as np

from ..errors import DifferentiationError, SourceUnavailable
from ..ir import types as ty
from ..ir.core import Value
from ..ir.operators import current_builder
from ..ir.types import Type
from ..primitives.custom import bare, rules_of
from ..primitives.record import Primitive, row_of
from .arrays import Arrays
from .canonicalise import RESULT, canonicalise
from .captures import Captures, Where
from .custom import call_with_rules
from .library import METHODS, OWN_METHODS, call_library, entry_of, written
from .library.axes import is_none
from .library.complex_numbers import conjugate, is_complex
from .library.structures import call_method_of, known_items, made_structure
from .nested import call_derivative, is_derivative, is_maker, make_derivative
from .recursion import CallSites, is_hashable
from .scope import Frame, describe
from .source import FunctionSource, read_source
from .things import (
    ArrayView,
    Elementwise,
    ListItems,
    LocalFunction,
    Method,
    NamedItems,
    Poison,
    Static,
    is_arraylike,
    is_number,
    is_scalar,
    whole_view,
)
from .trees import Tree

INSTEAD_OF = {
    sorted: "`np.sort(...)`",
    np.linalg.eig: "`np.linalg.eigh(...)` of a symmetric matrix",
    np.linalg.eigvals: "`np.linalg.eigvalsh(...)` of a symmetric matrix",
}  # of calls whose results have types that cannot be passed on
Arguments = tuple[Any, ...]


class Calls(Arrays):
    stack: list[Any]
    readings: dict[Any, Any]  # functions that are called, by code and types
    calls_large: bool  # whether large functions are called
    large: set[Any]  # the code of those
    kept: set[Any]  # the code of large functions that cannot be called
    sites: CallSites
    files: set[str]  # of the functions that were read in place
    called: set[Any]  # functions that have rules, or may be given some
    differentiated: set[Any]  # those of which derivatives were put in place
    captures: Captures

    def statements(self, body: list[ast.stmt]) -> None:
        raise NotImplementedError

    def expression(self, node: ast.expr) -> Any:
        raise NotImplementedError

    # -------------------------------------------------------------------------------------- dispatch

    def call(self, function: Any, arguments: Arguments, keywords: Mapping[str, Any], node: ast.AST) -> Any:
        if isinstance(function, Method):
            return self.call_method(function, arguments, dict(keywords), node)
        if isinstance(function, LocalFunction):
            return self.inline_local(function, arguments, dict(keywords), node)
        if isinstance(function, (Tree, NamedItems)) and hasattr(function.kind, "__call__"):  # noqa: B004
            return call_method_of(self, function, "__call__", arguments, dict(keywords), node)
        if not isinstance(function, Static):
            self.refuse(f"a call of {describe(function)}", instead="a function", node=node)
        target = function.value
        if isinstance(target, functools.partial) and rules_of(target.func) is not None:
            first = tuple(map(self.lifted, target.args))
            named = {k: self.lifted(v) for k, v in target.keywords.items()}
            return self.call(Static(target.func), (*first, *arguments), {**named, **keywords}, node)
        if is_hashable(target):
            self.called.add(bare(target))
        rules = rules_of(target)
        if rules is not None:
            return call_with_rules(self, rules, target, arguments, dict(keywords), node)
        return self.call_without_rules(target, arguments, keywords, node)

    def call_without_rules(
        self, target: Any, arguments: Arguments, keywords: Mapping[str, Any], node: ast.AST
    ) -> Any:
        """What the library makes of a function by itself."""
        entry = entry_of(self, target)
        if entry is not None:
            return call_library(self, target, entry, arguments, keywords)
        row = row_of(target)
        if row is not None:
            return self.apply(row, target, arguments, dict(keywords), node)
        if isinstance(target, type):
            return self.construct(target, arguments, keywords, node)
        if is_derivative(target):
            return call_derivative(self, target, arguments, keywords, node)
        if is_maker(target):
            return make_derivative(self, target, arguments, keywords, node)
        if is_readable(target):
            return self.inline(target, arguments, dict(keywords), node)
        return self.opaque(target, arguments, keywords, node)

    def reads_source(self, target: Any) -> bool:
        """Whether a call of it is read in place."""
        return (
            entry_of(self, target) is None
            and row_of(target) is None
            and not isinstance(target, type)
            and is_readable(target)
        )

    def apply(
        self, row: Primitive, target: Any, arguments: Arguments, keywords: dict[str, Any], node: ast.AST
    ) -> Any:
        """Apply an elementwise primitive to scalars or, broadcast, to arrays."""
        name = row.name
        if isinstance(target, np.ufunc):
            out = keywords.pop("out", None)
            if len(arguments) == row.arity + 1:
                *arguments, out = arguments  # type: ignore[assignment]
            if not is_none(out):
                return written(self, out, self.apply(row, target, tuple(arguments), keywords, node))
        if keywords:
            out_too = ", and `out`" if isinstance(target, np.ufunc) else ""
            self.refuse(f"keyword arguments of `{name}`", instead=f"its operands alone{out_too}", node=node)
        if getattr(target, "__module__", "") == "math" and any(is_complex(self, x) for x in arguments):
            self.refuse(
                f"`math.{target.__name__}` of a complex number", "Python raises an error", f"`np.{name}`"
            )
        if target in (max, min):
            return self.builtin_extreme(name, arguments)
        if target is math.log and len(arguments) == 2:
            top, base = (self.scalar("log", x) for x in arguments)
            return self.scalar("div", top, base)
        if target is pow and len(arguments) == 3:
            self.refuse("`pow` with a modulus")
        if target in (math.pow, np.float_power):
            arguments = tuple(self.floating(x) for x in arguments)
        if target is round and len(arguments) == 2:
            return self.scalar("round_to", *arguments)
        if target is math.hypot and len(arguments) != 2:
            squares = [self.scalar("mul", x, x) for x in arguments]
            return self.scalar("sqrt", functools.reduce(lambda a, b: self.scalar("add", a, b), squares))
        if target is int and not arguments:
            return 0
        module = getattr(target, "__module__", "")
        if module in ("math", "builtins") and target not in (abs, pow) and any(map(is_arraylike, arguments)):
            called = f"{module}.{getattr(target, '__name__', name)}"
            self.refuse(
                f"`{called.removeprefix('builtins.')}` of an array",
                "it takes one number",
                f"`np.{name}`" if hasattr(np, name) else "a loop over the elements",
            )
        if isinstance(target, np.ufunc) or any(is_arraylike(x) for x in arguments):
            return self.elementwise(lambda *xs: self.scalar(name, *xs), *arguments)
        return self.scalar(name, *arguments)

    def floating(self, thing: Any) -> Any:
        """A number as a float."""
        if isinstance(thing, int):
            return float(thing)
        if isinstance(thing, Value) and not ty.is_differentiable(thing.type):
            return self.cast(thing, ty.float64)
        return thing

    def builtin_extreme(self, name: str, arguments: Arguments) -> Any:
        if len(arguments) == 1:
            thing = arguments[0]
            if not isinstance(thing, tuple):
                if self.as_array(thing).ndim != 1:
                    self.refuse(f"`{name}` of a matrix", "it compares the rows", f"`np.{name}(x)`")
                self.require_elements(thing, f"`{name}`")
                return self.extreme(self.as_array(thing), name)
            arguments = thing
        if not arguments:
            self.refuse(f"`{name}` of nothing", instead="a first value: `max(0.0, ...)`, say")
        return functools.reduce(lambda a, b: self.scalar(name, a, b), arguments)

    # -------------------------------------------------------------------------------------- inlining

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
        if source.kind == "vectorize":
            return self.elementwise(
                lambda *xs: self.enter(source, self.bind(source, xs, {}, node), node), *arguments
            )
        if source.kind == "guvectorize":
            return self.call_guvectorize(source, arguments, node)
        return self.enter(source, self.bind(source, arguments, keywords, node), node)

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

    def inline_local(
        self, function: LocalFunction, arguments: Arguments, keywords: dict[str, Any], node: ast.AST
    ) -> Any:
        env = self.bind_arguments(
            function.node.args, function.defaults, function.keyword_defaults, arguments, keywords, node
        )
        return self.run(
            function.node, Frame(function.frame.source, env, parent=function.frame), node, function.node
        )

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
        check_language(self, tree)
        self.frame.reads = count_reads(tree)
        self.frame.stores = stored_names(tree)
        self.statements(canonicalise(tree.body))
        result = self.frame.env.get(RESULT, Static(None))
        if isinstance(result, Poison):
            self.refuse(result.problem, instead=result.instead, kind=result.kind)
        return result

    # ---------------------------------------------------------------------------------------- opaque

    def opaque(
        self, target: Any, arguments: Arguments, keywords: Mapping[str, Any], node: ast.AST | None
    ) -> Any:
        """A call that the library does not know: it runs as it stands, and must touch no active value."""
        spelling, module = spelling_of(target), ""
        if spelling is None and (hasattr(target, "py_func") or rules_of(target) is not None):
            spelling, module = imported_name(target)
        if spelling is None:
            self.refuse(
                f"a call of `{getattr(target, '__name__', None) or type(target).__name__}`",
                "neither its source nor its derivative is known",
                "a function written in Python, or a value computed before the call and passed in",
                node=node,
            )
        if target in WRITERS:
            self.refuse(
                f"a call of `{spelling}`",
                "it writes into its argument",
                "the array as it is afterwards, passed in, or a loop that writes it",
                node=node,
            )
        text, operands = self.spelled(spelling, arguments, keywords, node)
        returned = self.opaque_type(target, arguments, keywords, node)
        attributes = {"text": text, "target": target, **({"module": module} if module else {})}
        if returned == ty.none:
            current_builder().effect("opaque", operands, attributes)
            return Static(None)
        if not (ty.is_scalar(returned) or (ty.is_array(returned) and ty.is_scalar(returned.dtype))):
            self.refuse(
                f"a call of `{spelling}`",
                f"its result has the type {returned}, and only numbers and arrays are passed on",
                INSTEAD_OF.get(target, "what is needed of it, computed before the call and passed in"),
                node=node,
            )
        result = current_builder().emit("opaque", operands, returned, attributes)
        if not ty.is_array(returned):
            return result
        made = self.new_root(result)
        for thing in (*arguments, *keywords.values()):
            if (
                isinstance(thing, ArrayView)
                and thing.root.type.dtype == returned.dtype
                and target not in COPYING
            ):
                made.may_be(thing.root)
        return whole_view(made)

    def spelled(
        self, called: str, arguments: Arguments, keywords: Mapping[str, Any], node: ast.AST | None
    ) -> tuple[str, list[Value]]:
        """The text of a call, with `{}` for each of the values in it."""
        operands: list[Value] = []

        def spell(thing: Any) -> str:
            if isinstance(thing, tuple):
                inner = ", ".join(map(spell, thing))
                return f"({inner},)" if len(thing) == 1 else f"({inner})"
            if isinstance(thing, Elementwise) or (isinstance(thing, ArrayView) and not thing.whole):
                thing = self.materialise(thing)
            if isinstance(thing, ArrayView):
                operands.append(self.version(thing.root))
                return "{}"
            if isinstance(thing, Value):
                operands.append(thing)
                return "{}"
            if is_number(thing) or (isinstance(thing, Static) and isinstance(thing.value, (str, type(None)))):
                known = thing.value if isinstance(thing, Static) else thing
                text = json.dumps(known, ensure_ascii=False) if isinstance(known, str) else repr(known)
                return text.replace("{", "{{").replace("}", "}}")
            spelling = spelling_of(thing.value) if isinstance(thing, Static) else None
            if spelling is None:
                self.refuse(
                    f"{describe(thing)} as argument of `{called}`",
                    "generated code can name only numbers, arrays, strings and NumPy's own objects",
                    node=node,
                )
            return spelling

        pieces = [spell(x) for x in arguments] + [f"{k}={spell(v)}" for k, v in keywords.items()]
        return f"{called}({', '.join(pieces)})", operands

    def opaque_type(
        self, target: Any, arguments: Arguments, keywords: Mapping[str, Any], node: ast.AST | None
    ) -> Type:
        """What Numba's own typing says the call returns."""
        from numba.core.registry import cpu_target

        def numba_type(thing: Any) -> Type:
            if isinstance(thing, tuple):
                return ty.nb.Tuple([numba_type(x) for x in thing])  # type: ignore[no-untyped-call]
            if isinstance(thing, ArrayView):
                return (
                    self.version(thing.root).type
                    if thing.whole
                    else ty.array(thing.root.type.dtype, thing.ndim)
                )
            if isinstance(thing, Elementwise):
                return ty.array(self.dtype(thing), thing.ndim)
            if isinstance(thing, Value):
                return thing.type
            known = thing.value if isinstance(thing, Static) else thing
            return ty.nb.literal(known) if isinstance(known, (bool, int, str)) else ty.typeof(known)  # type: ignore

        config: Any = numba.core.config
        interpreted, config.DISABLE_JIT = config.DISABLE_JIT, 0  # typing compiles, also for a debugger
        try:
            context = cpu_target.typing_context
            cpu_target.target_context.refresh()
            context.refresh()
            function = context.resolve_value_type(target)
            signature = context.resolve_function_type(
                function, tuple(map(numba_type, arguments)), {k: numba_type(v) for k, v in keywords.items()}
            )
            if signature is None:
                raise numba.core.errors.TypingError("no matching signature")
        except (numba.core.errors.NumbaError, TypeError, ValueError) as error:
            self.refuse(
                f"a call of `{spelling_of(target) or getattr(target, '__name__', target)}`",
                f"Numba cannot compile it for these arguments ({str(error).strip().splitlines()[0]})",
                "a loop, or a value computed before the call and passed in"
                if rules_of(target) is None
                else "an `@njit` function with such rules, or `numba.extending.overload` for this one",
                node=node,
            )
        finally:
            config.DISABLE_JIT = interpreted
        return signature.return_type

    def type_of(self, thing: Any) -> Static:
        """`type(x)`, so that `type(x)(1)` has the type of `x`."""
        if is_arraylike(thing):
            return Static(np.ndarray)
        if isinstance(thing, (Tree, NamedItems)):
            return Static(thing.kind)
        if isinstance(thing, tuple):
            return Static(list if isinstance(thing, ListItems) else tuple)
        if isinstance(thing, Value):
            python = {ty.float64: float, ty.int64: int, ty.boolean: bool, ty.complex128: complex}
            return Static(python.get(thing.type) or ty.numpy_dtype(thing.type).type)
        return Static(type(thing.value if isinstance(thing, Static) else thing))

    def construct(
        self, target: type, arguments: Arguments, keywords: Mapping[str, Any], node: ast.AST
    ) -> Any:
        if target in (float, np.float64, np.float32) and not keywords:
            type = ty.float32 if target is np.float32 else ty.float64
            thing = arguments[0] if arguments else 0.0
            if isinstance(thing, Static) and isinstance(thing.value, str):
                return float(thing.value)
            if is_arraylike(thing):
                if target is float:
                    self.refuse(
                        "`float` of an array", "it takes one number", "`x[0]`, or `x.astype(np.float64)`"
                    )
                else:
                    return self.elementwise(lambda x: self.cast(self.as_value(x, type), type), thing)
            if is_number(thing) and target is float:
                return float(thing)
            return self.cast(self.as_value(thing, type), type)
        if issubclass(target, np.complexfloating) and len(arguments) == 1 and not keywords:
            type = ty.from_dtype(np.dtype(target))
            return self.elementwise(lambda x: self.cast(self.as_value(x, type), type), arguments[0])
        if issubclass(target, np.integer) and len(arguments) == 1:
            type = ty.from_dtype(np.dtype(target))
            value = self.as_value(arguments[0])
            if not ty.is_integer(value.type):
                value = self.scalar("int", value)
            result = self.cast(value, type)
            if self.never_negative(value):
                self.nonnegative.add(result)
            return result
        if target is tuple or target is list:
            items = known_items(self, arguments[0] if arguments else ())
            if items is not None:
                return ListItems(items) if target is list else items
        if issubclass(target, BaseException):
            return Static(target)
        if target in (np.finfo, np.iinfo) and len(arguments) == 1:
            return Static(target(ty.numpy_dtype(self.dtype_of(arguments[0]))))
        made = made_structure(self, target, arguments, keywords, node)
        if made is not None:
            return self.settled(made)
        self.refuse(
            f"making a `{target.__name__}`",
            "objects carry no derivative here",
            "arrays and numbers",
            node=node,
        )

    # --------------------------------------------------------------------------------------- methods

    def call_method(
        self, method: Method, arguments: Arguments, keywords: dict[str, Any], node: ast.AST
    ) -> Any:
        thing, name = method.of, method.name
        if isinstance(thing, (NamedItems, Tree)):
            return call_method_of(self, thing, name, arguments, keywords, node)
        if isinstance(thing, tuple):
            self.refuse(
                f"the method `{name}` of a list or tuple",
                "lists that change cannot be differentiated",
                "an array of known length, filled by index",
                node=node,
            )
        if is_scalar(thing):
            return conjugate(self, thing) if name in NUMBER_METHODS else thing
        if name in METHODS:
            target = METHODS[name]
            return call_library(self, target, entry_of(self, target), (thing, *arguments), keywords)
        if name in OWN_METHODS:
            target = getattr(np.ndarray, name)
            return call_library(self, target, OWN_METHODS[name], (thing, *arguments), keywords)
        if name == "fill":
            self.fill(thing, arguments[0])
            return Static(None)
        if name == "item" and not arguments:
            return self.at(thing, (0,) * thing.ndim)
        if name in ("sort", "partition"):
            axis = keywords.get("axis", arguments[0] if arguments and name == "sort" else -1)
            self.fill(thing, self.call(Static(np.sort), (thing, axis), {}, node))
            return Static(None)
        if name == "put":
            return self.call(Static(np.put), (thing, *arguments), keywords, node)
        self.refuse(
            f"the method `{name}` of an array",
            "neither its meaning nor its derivative is known here",
            "a loop over the elements",
            node=node,
        )

    def construct_array(self, thing: Any, dtype: Any) -> ArrayView:
        type = self.dtype_of(dtype)
        assert type is not None
        return self.materialise(self.converted(self.any_array(thing), type))

    def dtype_of(self, thing: Any) -> Type | None:
        """The scalar type that a `dtype=` argument names."""
        if thing is None or (isinstance(thing, Static) and thing.value is None):
            return None
        if isinstance(thing, Static):
            value = thing.value
            try:
                type = value if isinstance(value, BY_NUMBA_TYPE) else ty.from_dtype(np.dtype(value))
            except TypeError:
                type = None
            if type == ty.nb.float16:
                self.refuse("half precision", "Numba computes with 32 and 64 bits", "`np.float32`")
            if type is not None and ty.is_scalar(type):
                return type
        self.refuse(f"{describe(thing)} as a dtype", "only numbers carry a derivative", "`np.float64`, say")

    def lifted(self, value: Any) -> Any:
        """A Python value that is known when the function is read, as a thing."""
        raise NotImplementedError

    def captured(self, value: Any, where: Where, name: str, node: ast.AST | None) -> Any:
        """A value from outside, as a thing."""
        raise NotImplementedError


BY_NUMBA_TYPE = (ty.nb.Number, ty.nb.Boolean)
NUMBER_METHODS = ("conj", "conjugate")
# Calls that write into an argument, and those whose result shares no memory with one.
WRITERS = (np.random.shuffle, np.place, np.putmask)
COPYING = (
    np.unique, np.argsort, np.searchsorted, np.delete,
)  # fmt: skip


def is_readable(target: Any) -> bool:
    """Whether the source of a callable may be read and inlined."""
    return (
        isinstance(target, (types.FunctionType, functools.partial))
        and (getattr(target, "__module__", "") or "").split(".")[0] != "numpy"
        or hasattr(target, "py_func")
        or hasattr(target, "_dispatcher")
        or hasattr(target, "gufunc_builder")
        or hasattr(target, "__srcdiff_function__")
    )


def spelling_of(target: Any) -> str | None:
    """How generated source reaches a module-level object: `np.random.normal`, `package.module.name`."""
    if target is None or isinstance(target, (bool, int, float, str)):
        return repr(target)
    owner = getattr(target, "__self__", None)
    if isinstance(owner, np.random.RandomState) and owner is np.random.mtrand._rand:
        return f"np.random.{target.__name__}"
    name = getattr(target, "__name__", None)
    module = getattr(target, "__module__", None)
    if name and module == "builtins":
        return name if getattr(builtins, name, None) is target else None
    if name and getattr(np, name, None) is target:
        return f"np.{name}"
    if name and getattr(np.random, name, None) is target:
        return f"np.random.{name}"
    if name and getattr(np.linalg, name, None) is target:
        return f"np.linalg.{name}"
    if name and getattr(math, name, None) is target:
        return f"math.{name}"
    return None


def imported_name(target: Any) -> tuple[str | None, str]:
    """How generated source reaches a function of a module that Numba can call, and what it must import."""
    name = getattr(target, "__name__", "")
    for module in (
        getattr(target, "__module__", None) or "",
        "scipy.special",
    ):  # ufuncs do not say where they are
        if getattr(sys.modules.get(module), name, None) is target:
            return f"{module}.{name}", module
    return None, ""


def count_reads(tree: ast.AST) -> dict[str, int]:
    counts: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            counts[node.id] = counts.get(node.id, 0) + 1
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            counts[node.target.id] = counts.get(node.target.id, 0) + 1
    return counts


def stored_names(tree: ast.AST) -> frozenset[str]:
    """The names `x` of all `x[...] = ...`."""
    return frozenset(
        node.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
    )


def check_language(calls: Calls, tree: Any) -> None:
    if isinstance(tree, ast.AsyncFunctionDef):
        calls.refuse("`async` functions are not supported", node=tree)
