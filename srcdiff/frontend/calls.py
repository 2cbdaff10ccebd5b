"""Calls: primitives, what NumPy and Python offer, other functions (read and inlined), anything else opaque."""

from __future__ import annotations

import ast
import builtins
import functools
import math
import operator
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
from ..primitives import BY_SPELLING
from .arrays import Arrays, Slice
from .canonicalise import RESULT, canonicalise
from .scope import Frame, describe
from .source import FunctionSource, read_source
from .things import (
    ArrayView,
    Elementwise,
    Enumerated,
    LocalFunction,
    Method,
    Poison,
    Range,
    Reversed,
    Scalar,
    Static,
    Zipped,
    is_arraylike,
    is_number,
    is_scalar,
    whole_view,
)

Arguments = tuple[Any, ...]


class Calls(Arrays):
    stack: list[Any]

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
        if not isinstance(function, Static):
            self.refuse(f"a call of {describe(function)}", instead="a function", node=node)
        target = function.value
        if target in NUMPY_CALLS if is_hashable(target) else False:
            return NUMPY_CALLS[target](self, *arguments, **keywords)
        row = BY_SPELLING.get(target) if is_hashable(target) else None
        if row is not None:
            if keywords:
                self.refuse(f"keyword arguments of `{row.name}`", instead="its operands alone", node=node)
            return self.apply(row.name, target, arguments)
        if isinstance(target, type):
            return self.construct(target, arguments, keywords, node)
        if is_readable(target):
            return self.inline(target, arguments, dict(keywords), node)
        return self.opaque(target, arguments, keywords, node)

    def apply(self, name: str, target: Any, arguments: Arguments) -> Any:
        """Apply an elementwise primitive to scalars or, broadcast, to arrays."""
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
        if isinstance(thing, Value) and not ty.is_float(thing.type):
            return self.cast(thing, ty.float64)
        return thing

    def builtin_extreme(self, name: str, arguments: Arguments) -> Any:
        if len(arguments) == 1:
            thing = arguments[0]
            if not isinstance(thing, tuple):
                if self.as_array(thing).ndim != 1:
                    self.refuse(f"`{name}` of a matrix", "it compares the rows", f"`np.{name}(x)`")
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
        return self.run(source.tree, Frame(source, env), node, source.function.__code__)

    def run(self, tree: Any, frame: Frame, node: ast.AST, identity: Any) -> Any:
        """Read the body of a called function in place."""
        if identity in self.stack:
            self.refuse(
                "recursion",
                "a function that calls itself cannot be inlined",
                "a loop",
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
            self.refuse(result.problem, instead=result.instead)
        return result

    # ---------------------------------------------------------------------------------------- opaque

    def opaque(
        self, target: Any, arguments: Arguments, keywords: Mapping[str, Any], node: ast.AST | None
    ) -> Any:
        """A call that the library does not know: it runs as it stands, and must touch no active value."""
        spelling = spelling_of(target)
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
        operands: list[Value] = []
        pieces: list[str] = []

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
                text = repr(thing if is_number(thing) else thing.value)
                return text.replace("{", "{{").replace("}", "}}")
            inner_spelling = spelling_of(thing.value) if isinstance(thing, Static) else None
            if inner_spelling is None:
                self.refuse(
                    f"{describe(thing)} as argument of `{spelling}`",
                    "generated code can name only numbers, arrays, strings and NumPy's own objects",
                    node=node,
                )
            return inner_spelling

        pieces = [spell(x) for x in arguments] + [f"{k}={spell(v)}" for k, v in keywords.items()]
        text = f"{spelling}({', '.join(pieces)})"
        returned = self.opaque_type(target, arguments, keywords, node)
        attributes = {"text": text, "target": target}
        if returned == ty.none:
            current_builder().effect("opaque", operands, attributes)
            return Static(None)
        if not (ty.is_scalar(returned) or (ty.is_array(returned) and ty.is_scalar(returned.dtype))):
            self.refuse(f"a call of `{spelling}`", f"its result has the type {returned}", node=node)
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
                made.may_alias(thing.root)
        return whole_view(made)

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
                f"a call of `{spelling_of(target)}`",
                f"Numba cannot compile it for these arguments ({str(error).strip().splitlines()[0]})",
                node=node,
            )
        return signature.return_type

    def type_of(self, thing: Any) -> Static:
        """`type(x)`, so that `type(x)(1)` has the type of `x`."""
        if is_arraylike(thing):
            return Static(np.ndarray)
        if isinstance(thing, Value):
            python = {ty.float64: float, ty.int64: int, ty.boolean: bool}
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
            thing = arguments[0] if arguments else ()
            if isinstance(thing, tuple):
                return tuple(thing)
        if issubclass(target, BaseException):
            return Static(target)
        if target in (np.finfo, np.iinfo) and len(arguments) == 1:
            return Static(target(ty.numpy_dtype(self.dtype_of(arguments[0]))))
        if issubclass(target, tuple) and hasattr(target, "_fields") and not keywords:
            return self.settled(tuple(arguments))
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
        if isinstance(thing, tuple):
            self.refuse(
                f"the method `{name}` of a list or tuple",
                "lists that change cannot be differentiated",
                "an array of known length, filled by index",
                node=node,
            )
        if is_scalar(thing):
            return thing
        if name == "reshape":
            shape = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], tuple) else arguments
            return self.reshaped(thing, tuple(shape))
        if name == "copy":
            return self.copy(thing) if isinstance(thing, ArrayView) else self.materialise(thing)
        if name == "astype":
            return self.construct_array(thing, arguments[0])
        if name == "fill":
            self.fill(thing, arguments[0])
            return Static(None)
        if name == "item" and not arguments:
            return self.at(thing, (0,) * thing.ndim)
        if name in ("ravel", "flatten"):
            flat = self.raveled(thing)
            return self.copy(flat) if name == "flatten" and thing is flat else flat
        if name == "transpose":
            return self.transposed(thing)
        if name == "clip":
            return _clip(self, thing, *arguments, **keywords)
        if name == "dot":
            return self.inner(thing, arguments[0])
        if name in (
            "sum",
            "mean",
            "prod",
            "max",
            "min",
            "std",
            "var",
            "argmax",
            "argmin",
            "any",
            "all",
            "cumsum",
        ):
            return NUMPY_CALLS[getattr(np, name)](self, thing, *arguments, **keywords)
        if name in NUMBER_METHODS:
            return thing
        self.refuse(
            f"the method `{name}` of an array",
            "neither its meaning nor its derivative is known here",
            "a loop over the elements",
            node=node,
        )

    def construct_array(self, thing: Any, dtype: Any) -> ArrayView:
        type = self.dtype_of(dtype)
        assert type is not None
        thing = self.as_array(thing)
        if ty.is_integer(type) and ty.is_float(self.dtype(thing)):
            return self.materialise(self.elementwise(lambda x: self.scalar("int", x), thing), type)
        return self.materialise(
            self.elementwise(lambda x: self.cast(self.as_value(x, type), type), thing), type
        )

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
            if ty.is_complex(type):
                self.refuse("complex numbers are not supported yet", instead="real and imaginary parts")
            if type is not None and ty.is_scalar(type):
                return type
        self.refuse(f"{describe(thing)} as a dtype", "only numbers carry a derivative", "`np.float64`, say")

    def lifted(self, value: Any) -> Any:
        """A Python value that is known when the function is read, as a thing."""
        raise NotImplementedError


BY_NUMBA_TYPE = (ty.nb.Number, ty.nb.Boolean)
NUMBER_METHODS = ("conj", "conjugate")
# Calls that write into an argument, and those whose result shares no memory with one.
WRITERS = (np.random.shuffle, np.fill_diagonal, np.copyto, np.put, np.place, np.putmask, np.put_along_axis)
COPYING = (
    np.partition, np.unique, np.interp, np.column_stack,
    np.repeat, np.tile, np.roll, np.convolve, np.correlate, np.kron, np.delete, np.round, np.around,
)  # fmt: skip


def is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


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


# --------------------------------------------------------------------------------- NumPy and built-in calls


def _shape_argument(calls: Calls, shape: Any) -> tuple[Any, ...]:
    shape = shape if isinstance(shape, tuple) else (shape,)
    return tuple(calls.integer(n) for n in shape)


def _filled(fill: str) -> Any:
    def make(calls: Calls, shape: Any, dtype: Any = None, order: Any = None) -> ArrayView:
        return calls.allocate(_shape_argument(calls, shape), calls.dtype_of(dtype) or ty.float64, fill)

    return make


def _filled_like(fill: str) -> Any:
    def make(calls: Calls, like: Any, dtype: Any = None) -> Any:
        if is_scalar(like):
            return 0.0 if fill != "ones" else 1.0
        return calls.allocate(calls.shape(like), calls.dtype_of(dtype) or calls.dtype(like), fill)

    return make


def _full(calls: Calls, shape: Any, fill_value: Any, dtype: Any = None) -> ArrayView:
    value = calls.as_value(fill_value)
    view = calls.allocate(_shape_argument(calls, shape), calls.dtype_of(dtype) or value.type)
    calls.fill(view, value)
    return view


def _full_like(calls: Calls, like: Any, fill_value: Any, dtype: Any = None) -> ArrayView:
    view = calls.allocate(calls.shape(like), calls.dtype_of(dtype) or calls.dtype(like))
    calls.fill(view, calls.as_value(fill_value))
    return view


def _array(calls: Calls, thing: Any, dtype: Any = None) -> Any:
    type = calls.dtype_of(dtype)
    if is_scalar(thing):
        value = calls.as_value(thing) if type is None else calls.cast(calls.as_value(thing, type), type)
        return Elementwise((), lambda _: value, frozenset())
    if isinstance(thing, tuple):
        return calls.array_of(thing, type)
    if isinstance(thing, Elementwise):
        return calls.materialise(thing, type)
    if isinstance(thing, ArrayView):
        return calls.copy(thing) if type in (None, calls.dtype(thing)) else calls.materialise(thing, type)
    if isinstance(thing, Range):
        return calls.materialise(_range_elements(calls, thing), type)
    calls.refuse(f"an array of {describe(thing)}")


def _asarray(calls: Calls, thing: Any, dtype: Any = None) -> Any:
    if isinstance(thing, ArrayView) and calls.dtype_of(dtype) in (None, calls.dtype(thing)):
        return thing
    return _array(calls, thing, dtype)


def _range_elements(calls: Calls, r: Range) -> Elementwise:
    n = _range_length(calls, r)

    def at(indices: tuple[Scalar, ...]) -> Scalar:
        return calls.scalar("add", r.start, calls.scalar("mul", indices[0], r.step))

    return Elementwise((n,), at, frozenset())


def _range_length(calls: Calls, r: Range) -> Scalar:
    if is_number(r.step) and r.step == 1:
        return calls.scalar("max", calls.scalar("sub", r.stop, r.start), 0)
    if not is_number(r.step):
        calls.refuse("a range whose step is not a constant")
    away = r.step + (1 if r.step < 0 else -1)
    top = calls.scalar("add", calls.scalar("sub", r.stop, r.start), away)
    return calls.scalar("max", calls.scalar("floordiv", top, r.step), 0)


def _arange(calls: Calls, *arguments: Any, dtype: Any = None) -> Elementwise:
    start, stop, step = (0, arguments[0], 1) if len(arguments) == 1 else (*arguments, 1)[:3]
    floats = any(
        isinstance(x, float) or (isinstance(x, Value) and ty.is_float(x.type)) for x in (start, stop, step)
    )
    type = calls.dtype_of(dtype)
    if not floats:
        elements = _range_elements(calls, Range(start, stop, step))
    else:
        span = calls.scalar("div", calls.scalar("sub", stop, start), step)
        n = calls.scalar("max", calls.scalar("ceil_int", span), 0)

        def at(indices: tuple[Scalar, ...]) -> Scalar:
            return calls.scalar("add", start, calls.scalar("mul", indices[0], step))

        elements = Elementwise((n,), at, frozenset())
    if type is None:
        return elements
    return calls.elementwise(lambda x: calls.cast(calls.as_value(x, type), type), elements)  # type: ignore[no-any-return]


def _linspace(calls: Calls, start: Any, stop: Any, num: Any = 50) -> Elementwise:
    top = calls.scalar("sub", num, 1)
    step = calls.scalar("div", calls.scalar("sub", stop, start), calls.scalar("max", top, 1))

    def at(indices: tuple[Scalar, ...]) -> Scalar:
        value = calls.scalar("add", calls.scalar("mul", indices[0], step), start)
        last = calls.scalar("and", calls.scalar("eq", indices[0], top), calls.scalar("gt", num, 1))
        return calls.scalar("select", last, stop, value) if last is not False else value

    return Elementwise((num,), at, frozenset())


def _sum(calls: Calls, thing: Any, axis: Any = None, keepdims: Any = False) -> Any:
    return calls.along(thing, _axis(axis), calls.total, bool(keepdims))


def _axis(axis: Any) -> Any:
    return None if isinstance(axis, Static) and axis.value is None else axis


def _count(calls: Calls, thing: Any) -> Scalar:
    return calls.product(calls.shape(thing))


def _mean_of(calls: Calls, thing: Any) -> Scalar:
    return calls.scalar("div", calls.total(thing), _count(calls, thing))


def _mean(calls: Calls, thing: Any, axis: Any = None, keepdims: Any = False) -> Any:
    return calls.along(thing, _axis(axis), lambda x: _mean_of(calls, x), bool(keepdims))


def _variance_of(calls: Calls, thing: Any, ddof: Any) -> Scalar:
    thing = calls.steady(thing)
    mean = _mean_of(calls, thing)

    def square(x: Scalar) -> Scalar:
        d = calls.scalar("sub", x, mean)
        return calls.scalar("mul", d, d)

    total = calls.total(calls.elementwise(square, thing))
    return calls.scalar("div", total, calls.scalar("sub", _count(calls, thing), ddof))


def _var(calls: Calls, thing: Any, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    return calls.along(thing, _axis(axis), lambda x: _variance_of(calls, x, ddof), bool(keepdims))


def _std(calls: Calls, thing: Any, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    return calls.along(
        thing, _axis(axis), lambda x: calls.scalar("sqrt", _variance_of(calls, x, ddof)), bool(keepdims)
    )


def _prod_of(calls: Calls, thing: Any) -> Scalar:
    return calls.accumulate(
        1, calls.shape(thing), lambda p, i: calls.scalar("mul", p, calls.at(thing, i)), calls.sum_type(thing)
    )


def _present(calls: Calls, thing: Any) -> Any:
    """Which elements are not NaN."""
    return calls.elementwise(lambda x: calls.scalar("not", calls.scalar("isnan", x)), thing)


def _nansum_of(calls: Calls, thing: Any) -> Scalar:
    return calls.total(
        calls.elementwise(lambda x: calls.scalar("select", calls.scalar("isnan", x), 0.0, x), thing)
    )


def _nanmean_of(calls: Calls, thing: Any) -> Scalar:
    return calls.scalar("div", _nansum_of(calls, thing), calls.total(_present(calls, thing)))


def _nanvar_of(calls: Calls, thing: Any, ddof: Any) -> Scalar:
    mean = _nanmean_of(calls, thing)

    def square(x: Scalar) -> Scalar:
        d = calls.scalar("sub", x, mean)
        return calls.scalar("mul", d, d)

    total = _nansum_of(calls, calls.elementwise(square, thing))
    return calls.scalar("div", total, calls.scalar("sub", calls.total(_present(calls, thing)), ddof))


def _without_nan(reduce: Any) -> Any:
    def make(calls: Calls, thing: Any, axis: Any = None, keepdims: Any = False) -> Any:
        return calls.along(thing, _axis(axis), lambda x: reduce(calls, calls.steady(x)), bool(keepdims))

    return make


def _nanvar(calls: Calls, thing: Any, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    return _without_nan(lambda c, x: _nanvar_of(c, x, ddof))(calls, thing, axis, keepdims)


def _nanstd(calls: Calls, thing: Any, axis: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    return _without_nan(lambda c, x: c.scalar("sqrt", _nanvar_of(c, x, ddof)))(calls, thing, axis, keepdims)


def _prod(calls: Calls, thing: Any, axis: Any = None, keepdims: Any = False) -> Any:
    return calls.along(thing, _axis(axis), lambda x: _prod_of(calls, x), bool(keepdims))


def _extreme(name: str) -> Any:
    def make(calls: Calls, thing: Any, axis: Any = None, keepdims: Any = False) -> Any:
        return calls.along(thing, _axis(axis), lambda x: calls.extreme(x, name), bool(keepdims))

    return make


def _any_all(name: str, start: bool) -> Any:
    def make(calls: Calls, thing: Any) -> Any:
        thing = calls.as_array(thing)
        return calls.accumulate(
            start, calls.shape(thing), lambda s, i: calls.scalar(name, s, calls.at(thing, i)), ty.boolean
        )

    return make


def _heaviside(calls: Calls, thing: Any, at_zero: Any) -> Any:
    """0 below zero, 1 above it, NaN for NaN."""

    def step(x: Scalar, at_zero: Scalar) -> Scalar:
        rest = calls.scalar("select", calls.scalar("eq", x, 0.0), at_zero, math.nan)
        above = calls.scalar("select", calls.scalar("gt", x, 0.0), 1.0, rest)
        return calls.scalar("select", calls.scalar("lt", x, 0.0), 0.0, above)

    return calls.elementwise(step, thing, at_zero)


def _nonzero(calls: Calls, thing: Any) -> tuple[ArrayView]:
    """`np.nonzero` and `np.where` of one argument."""
    thing = calls.as_array(thing)
    if thing.ndim != 1:
        calls.refuse("`np.nonzero` of more than one dimension", instead="a loop with an `if`")
    return (calls.positions(thing),)


def _where(calls: Calls, condition: Any, *choices: Any) -> Any:
    if not choices:
        return _nonzero(calls, condition)
    if len(choices) != 2:
        calls.refuse("`np.where` with one choice", instead="two choices")
    return calls.elementwise(
        lambda c, a, b: calls.scalar("select", calls.truth(c), a, b), condition, *choices
    )


def _clip(calls: Calls, thing: Any, low: Any = None, high: Any = None) -> Any:
    def clip(x: Scalar, low: Any, high: Any) -> Scalar:
        if is_scalar(low):
            x = calls.scalar("maximum", x, low)
        return calls.scalar("minimum", x, high) if is_scalar(high) else x

    return calls.elementwise(clip, thing, low, high)


def _norm(calls: Calls, thing: Any) -> Scalar:
    return calls.scalar("sqrt", calls.total(calls.elementwise(lambda x: calls.scalar("mul", x, x), thing)))


def _outer(calls: Calls, a: Any, b: Any) -> Elementwise:
    a, b = calls.steady(calls.as_array(a)), calls.steady(calls.as_array(b))
    if a.ndim != 1 or b.ndim != 1:
        calls.refuse("`np.outer` of arrays that are not vectors", instead="`np.outer(a.ravel(), b.ravel())`")

    def at(indices: tuple[Scalar, ...]) -> Scalar:
        return calls.scalar("mul", calls.at(a, indices[:1]), calls.at(b, indices[1:]))

    return Elementwise((*calls.shape(a), *calls.shape(b)), at, calls.reads(a) | calls.reads(b))


def _cross(calls: Calls, a: Any, b: Any) -> ArrayView:
    a, b = calls.steady(calls.as_array(a)), calls.steady(calls.as_array(b))
    if a.ndim != 1 or b.ndim != 1:
        calls.refuse("`np.cross` of more than two vectors")
    for thing in (a, b):
        calls.require(
            calls.scalar("eq", calls.length(thing), 3), "ValueError", "np.cross needs vectors of length 3"
        )
    parts = []
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        first = calls.scalar("mul", calls.at(a, (i,)), calls.at(b, (j,)))
        parts.append(calls.scalar("sub", first, calls.scalar("mul", calls.at(a, (j,)), calls.at(b, (i,)))))
    return calls.array_of(tuple(parts))


def _cumulative(name: str, start: int) -> Any:
    def make(calls: Calls, thing: Any) -> ArrayView:
        thing = calls.as_array(thing)
        if thing.ndim != 1:
            calls.refuse(f"`np.cum{'sum' if name == 'add' else 'prod'}` of more than one dimension")
        shape = calls.shape(thing)
        type = calls.sum_type(thing)
        result = calls.allocate(shape, type)

        def step(total: Scalar, i: tuple[Scalar, ...]) -> Scalar:
            new = calls.scalar(name, total, calls.at(thing, i))
            calls.store(result, i, new)
            return new

        calls.accumulate(start, shape, step, type)
        return result

    return make


def _diff(calls: Calls, thing: Any) -> Elementwise:
    thing = calls.steady(calls.as_array(thing))
    if thing.ndim != 1:
        calls.refuse("`np.diff` of more than one dimension")
    n = calls.scalar("max", calls.scalar("sub", calls.length(thing), 1), 0)

    def at(i: tuple[Scalar, ...]) -> Scalar:
        return calls.scalar("sub", calls.at(thing, (calls.scalar("add", i[0], 1),)), calls.at(thing, i))

    return Elementwise((n,), at, calls.reads(thing))


def _eye(calls: Calls, n: Any) -> ArrayView:
    view = calls.allocate((calls.integer(n),) * 2, ty.float64, "zeros")
    calls.count_loop(n, lambda i: calls.store(view, (i, i), 1.0))
    return view


def _length(calls: Calls, thing: Any) -> Any:
    if isinstance(thing, Range):
        return _range_length(calls, thing)
    if isinstance(thing, Static) and isinstance(thing.value, str):
        return len(thing.value)
    return calls.length(thing)


def _builtin_sum(calls: Calls, thing: Any, start: Any = 0) -> Any:
    if isinstance(thing, tuple):
        return functools.reduce(lambda a, b: calls.scalar("add", a, b), thing, start)
    thing = calls.as_array(thing)
    if thing.ndim != 1:
        calls.refuse("`sum` of a matrix", "it adds up the rows", "`np.sum(x, axis=0)`, or `np.sum(x)`")
    total = calls.total(thing)
    return total if start == 0 else calls.scalar("add", total, start)


def _divmod(calls: Calls, a: Any, b: Any) -> tuple[Scalar, Scalar]:
    return calls.scalar("floordiv", a, b), calls.scalar("mod", a, b)


def _range(calls: Calls, *arguments: Any) -> Range:
    arguments = tuple(calls.integer(x) for x in arguments)
    start, stop, step = (0, *arguments, 1) if len(arguments) == 1 else (*arguments, 1)[:3]
    return Range(start, stop, step)


def _reversed(calls: Calls, thing: Any) -> Any:
    return tuple(reversed(thing)) if isinstance(thing, tuple) else Reversed(thing)


def _print(calls: Calls, *_: Any, **__: Any) -> Static:
    return Static(None)


def _atleast_1d(calls: Calls, thing: Any) -> Any:
    thing = calls.at(thing, ()) if is_arraylike(thing) and thing.ndim == 0 else thing
    return calls.array_of((thing,) if is_scalar(thing) else thing) if not is_arraylike(thing) else thing


def _transpose(calls: Calls, thing: Any) -> Any:
    return calls.transposed(calls.as_array(thing))


def _dot(calls: Calls, a: Any, b: Any) -> Any:
    if is_scalar(a) or is_scalar(b):
        return calls.elementwise(lambda x, y: calls.scalar("mul", x, y), a, b)
    return calls.inner(a, b)


def _vector_dot(calls: Calls, a: Any, b: Any) -> Any:
    if any(is_arraylike(x) and x.ndim != 1 for x in (a, b)):
        calls.refuse(
            "`np.inner` or `np.vdot` of arrays that are not vectors", instead="`@`, or `np.sum(a * b)`"
        )
    return _dot(calls, a, b)


def _size(calls: Calls, thing: Any) -> Any:
    return _count(calls, calls.as_array(thing))


def _real(calls: Calls, thing: Any) -> Any:
    """The real part, or the conjugate, of what is real."""
    return thing


def _imag(calls: Calls, thing: Any) -> Any:
    return calls.elementwise(lambda x: 0.0, thing)


def _sort(calls: Calls, thing: Any) -> ArrayView:
    """`np.sort` of a vector: its elements in the order that `np.argsort` finds."""
    thing = calls.steady(calls.as_array(thing))
    if thing.ndim != 1:
        calls.refuse("`np.sort` of more than one dimension", instead="a loop over the rows")
    order = calls.opaque(np.argsort, (thing,), {}, calls.current_node)
    return calls.materialise(calls.gather(thing, (order,)))


def _median(calls: Calls, thing: Any) -> Scalar:
    ordered = _sort(calls, thing)
    n = calls.length(ordered)
    low = calls.scalar("floordiv", calls.scalar("sub", n, 1), 2)
    middle = calls.scalar(
        "add", calls.at(ordered, (low,)), calls.at(ordered, (calls.scalar("floordiv", n, 2),))
    )
    return calls.scalar("mul", middle, 0.5)


def _count_nonzero(calls: Calls, thing: Any) -> Scalar:
    return calls.total(calls.elementwise(calls.truth, calls.as_array(thing)))


def _squeeze(calls: Calls, thing: Any) -> Any:
    thing = calls.as_array(thing)
    lengths = calls.shape(thing)
    if not all(map(is_number, lengths)):
        calls.refuse("`np.squeeze` of an array whose shape is not known", instead="an index: `x[0]`")
    return calls.subscript(thing, tuple(0 if n == 1 else Slice(None, None, None) for n in lengths))


def _average(calls: Calls, thing: Any, axis: Any = None, weights: Any = None) -> Any:
    if weights is None or isinstance(weights, Static):
        return _mean(calls, thing, axis)
    if _axis(axis) is not None:
        calls.refuse("`np.average` with weights along an axis", instead="two sums")
    weighted = calls.elementwise(lambda x, w: calls.scalar("mul", x, w), thing, weights)
    return calls.scalar("div", calls.total(calls.as_array(weighted)), calls.total(calls.as_array(weights)))


def _expand_dims(calls: Calls, thing: Any, axis: Any) -> Any:
    thing = calls.as_array(thing)
    if not isinstance(axis, int) or not -thing.ndim - 1 <= axis <= thing.ndim:
        calls.refuse(
            "`np.expand_dims` at an axis that is not a constant of this array", instead="`x[:, np.newaxis]`"
        )
    place = axis % (thing.ndim + 1)
    return calls.subscript(thing, (*(Slice(None, None, None),) * place, None))


def _stack(calls: Calls, parts: Any, axis: Any = 0) -> ArrayView:
    if not isinstance(parts, tuple) or not parts or axis != 0:
        calls.refuse("`np.stack` of this", instead="a tuple of arrays, along the first axis")
    arrays = tuple(calls.steady(calls.as_array(x)) for x in parts)
    if len({x.ndim for x in arrays}) > 1:
        calls.refuse("`np.stack` of arrays of different dimensions", instead="arrays of one shape")
    for x in arrays[1:]:
        for n, m in zip(calls.shape(x), calls.shape(arrays[0]), strict=True):
            calls.require(calls.scalar("eq", n, m), "ValueError", "arrays of different shapes are stacked")
    return calls.array_of(arrays)


def _vstack(calls: Calls, parts: Any) -> ArrayView:
    if isinstance(parts, tuple) and all(is_arraylike(x) and x.ndim == 1 for x in parts):
        return _stack(calls, parts)
    calls.refuse("`np.vstack` of this", instead="a tuple of vectors, or stores into rows of a new array")


def _append(calls: Calls, thing: Any, values: Any) -> ArrayView:
    return _concatenate(calls, (thing, (values,) if is_scalar(values) else values))


def _ptp(calls: Calls, thing: Any) -> Scalar:
    thing = calls.steady(calls.as_array(thing))
    return calls.scalar("sub", calls.extreme(thing, "max"), calls.extreme(thing, "min"))


def _shape(calls: Calls, thing: Any) -> Any:
    return () if is_scalar(thing) else calls.shape(calls.as_array(thing))


def _ndim(calls: Calls, thing: Any) -> int:
    return 0 if is_scalar(thing) else int(calls.as_array(thing).ndim)


def _flip(calls: Calls, thing: Any) -> Any:
    return calls.subscript(calls.as_array(thing), (Slice(None, None, -1),) * thing.ndim)


def _concatenate(calls: Calls, parts: Any, axis: Any = 0) -> ArrayView:
    """The parts one after the other, in a new array."""
    if not isinstance(parts, tuple) or not parts:
        calls.refuse("`np.concatenate` of this", instead="a tuple of arrays")
    arrays = [calls.steady(calls.as_array(x)) for x in parts]
    if any(x.ndim != 1 for x in arrays) or axis not in (0, -1):
        calls.refuse(
            "`np.concatenate` of more than one dimension", instead="stores into slices of a new array"
        )
    type = functools.reduce(ty.promote, map(calls.dtype, arrays))
    starts: list[Scalar] = [0]
    for x in arrays:
        starts.append(calls.scalar("add", starts[-1], calls.length(x)))
    result = calls.allocate((starts[-1],), type)
    for x, start in zip(arrays, starts, strict=False):
        put = _shifted_store(calls, result, x, start)
        calls.count_loop(calls.length(x), put)
    return result


def _shifted_store(calls: Calls, result: ArrayView, thing: Any, start: Scalar) -> Any:
    return lambda i: calls.store(result, (calls.scalar("add", start, i),), calls.at(thing, (i,)))


def _copy(calls: Calls, thing: Any) -> Any:
    return calls.copy(thing) if isinstance(thing, ArrayView) else calls.materialise(calls.as_array(thing))


def _diag(calls: Calls, thing: Any) -> Any:
    """The diagonal of a matrix, or a matrix with this diagonal."""
    thing = calls.steady(calls.as_array(thing))
    lengths = calls.shape(thing)
    if thing.ndim == 1:
        view = calls.allocate((lengths[0], lengths[0]), calls.dtype(thing), "zeros")
        calls.count_loop(lengths[0], lambda i: calls.store(view, (i, i), calls.at(thing, (i,))))
        return view
    if thing.ndim != 2:
        calls.refuse("`np.diag` of more than two dimensions", instead="a loop")
    return Elementwise(
        (calls.scalar("min", *lengths),), lambda i: calls.at(thing, (i[0], i[0])), calls.reads(thing)
    )


def _ravel(calls: Calls, thing: Any) -> Any:
    return calls.raveled(calls.as_array(thing))


def _reshape(calls: Calls, thing: Any, shape: Any) -> Any:
    return calls.reshaped(calls.as_array(thing), shape if isinstance(shape, tuple) else (shape,))


def _isinstance(calls: Calls, thing: Any, kinds: Any) -> bool:
    kinds_tuple = kinds if isinstance(kinds, tuple) else (kinds,)
    classes = tuple(k.value for k in kinds_tuple if isinstance(k, Static))
    if is_arraylike(thing):
        return any(issubclass(np.ndarray, k) for k in classes)
    if isinstance(thing, Static):
        return isinstance(thing.value, classes)
    if is_scalar(thing):
        type = calls.as_value(thing).type
        python = bool if ty.is_boolean(type) else int if ty.is_integer(type) else float
        return any(issubclass(python, k) for k in classes)
    calls.refuse("`isinstance` of this")


NUMPY_CALLS: dict[Any, Any] = {
    np.zeros: _filled("zeros"),
    np.ones: _filled("ones"),
    np.empty: _filled("empty"),
    np.zeros_like: _filled_like("zeros"),
    np.ones_like: _filled_like("ones"),
    np.empty_like: _filled_like("empty"),
    np.full: _full,
    np.full_like: _full_like,
    np.array: _array,
    np.asarray: _asarray,
    np.ascontiguousarray: _asarray,
    np.atleast_1d: _atleast_1d,
    np.arange: _arange,
    np.linspace: _linspace,
    np.eye: _eye,
    np.identity: _eye,
    np.sum: _sum,
    np.mean: _mean,
    np.var: _var,
    np.std: _std,
    np.prod: _prod,
    np.max: _extreme("max"),
    np.min: _extreme("min"),
    np.amax: _extreme("max"),
    np.amin: _extreme("min"),
    np.argmax: lambda calls, thing: calls.position(calls.as_array(thing), "max"),
    np.argmin: lambda calls, thing: calls.position(calls.as_array(thing), "min"),
    np.nansum: _without_nan(_nansum_of),
    np.nanmean: _without_nan(_nanmean_of),
    np.nanvar: _nanvar,
    np.nanstd: _nanstd,
    np.count_nonzero: _count_nonzero,
    np.sort: _sort,
    np.median: _median,
    np.real: _real,
    np.conj: _real,
    np.imag: _imag,
    np.squeeze: _squeeze,
    np.flip: _flip,
    np.concatenate: _concatenate,
    np.hstack: _concatenate,
    np.append: _append,
    np.stack: _stack,
    np.vstack: _vstack,
    np.expand_dims: _expand_dims,
    np.average: _average,
    np.ptp: _ptp,
    np.shape: _shape,
    np.ndim: _ndim,
    np.nonzero: _nonzero,
    np.any: _any_all("or", False),
    np.all: _any_all("and", True),
    any: _any_all("or", False),
    all: _any_all("and", True),
    np.heaviside: _heaviside,
    np.where: _where,
    np.clip: _clip,
    np.dot: _dot,
    np.vdot: _vector_dot,
    np.matmul: _dot,
    np.inner: _vector_dot,
    operator.matmul: _dot,
    np.outer: _outer,
    np.cross: _cross,
    np.cumsum: _cumulative("add", 0),
    np.cumprod: _cumulative("mul", 1),
    np.diff: _diff,
    np.transpose: _transpose,
    np.size: _size,
    np.copy: _copy,
    np.diag: _diag,
    np.ravel: _ravel,
    np.reshape: _reshape,
    np.linalg.norm: _norm,
    len: _length,
    sum: _builtin_sum,
    divmod: _divmod,
    np.divmod: _divmod,
    range: _range,
    numba.prange: _range,
    type: lambda calls, thing: calls.type_of(thing),
    enumerate: lambda calls, thing, start=0: Enumerated(thing, start),
    zip: lambda calls, *things: Zipped(things),
    reversed: _reversed,
    isinstance: _isinstance,
    print: _print,
}
