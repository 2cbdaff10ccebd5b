"""Calls: primitives, what NumPy and Python offer, other functions (`callees.py`), others as text (`opaque.py`)."""

from __future__ import annotations

import ast
import functools
import math
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from ..errors import UnsupportedDtype
from ..ir import types as ty
from ..ir.builder import constant
from ..ir.core import Value
from ..ir.types import Type
from ..primitives import REGISTRY
from ..primitives.custom import bare, rules_of
from ..primitives.record import Primitive, row_of
from .callees import Callees, is_readable
from .custom import call_with_rules
from .describe import describe
from .library import METHODS, OWN_METHODS, call_library, entry_of, written
from .library.axes import is_none
from .library.complex_numbers import conjugate, is_complex
from .library.structures import call_method_of, known_items, made_structure
from .nested import call_derivative, is_derivative, is_maker, make_derivative, pull_back
from .opaque import Arguments
from .recursion import is_hashable
from .texts import errors_refused, has_known_value, is_method_of_text, is_text, known_value
from .things import (
    ArrayView,
    ListItems,
    LocalFunction,
    Method,
    NamedItems,
    PulledBack,
    Scalar,
    Static,
    is_arraylike,
    is_list,
    is_number,
    is_scalar,
)
from .trees import Tree

OF_BOOLEANS = {"add": "or", "mul": "and", "sub": "sub"}  # what NumPy's operators are of masks
# What is the same of integers, since NumPy 2.1.
KEEP_INTEGERS = (np.floor, np.ceil, np.trunc) if np.floor(np.array([1])).dtype.kind == "i" else ()


class Calls(Callees):
    """Decides what a call means."""

    def attribute(self, thing: Any, name: str, node: ast.AST) -> Any:
        """What `thing.name` stands for; `expressions.py` has it."""
        raise NotImplementedError

    def binary(self, op: ast.operator, a: Any, b: Any) -> Any:
        """`a + b` and its like; `operators.py` has it."""
        raise NotImplementedError

    # -------------------------------------------------------------------------------------- dispatch

    def call(self, function: Any, arguments: Arguments, keywords: Mapping[str, Any], node: ast.AST) -> Any:
        if isinstance(function, Method):
            return self.call_method(function, arguments, dict(keywords), node)
        if isinstance(function, LocalFunction):
            return self.inline_local(function, arguments, dict(keywords), node)
        if (
            not isinstance(function, Static)
            or rules_of(function.value)
            or not self.reads_source(function.value)
        ):
            self.refuse_spread(arguments, node)
        if isinstance(function, PulledBack):
            return pull_back(self, function, arguments, keywords, node)
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

    def call_here(self, function: Any, *arguments: Any, **keywords: Any) -> Any:
        """A call at the place that is being read."""
        assert self.current_node is not None
        return self.call(function, arguments, keywords, self.current_node)

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
        if is_method_of_text(target) and all(map(has_known_value, arguments)) and not keywords:
            with errors_refused(self):
                found = target(*map(known_value, arguments))
            return self.lifted(found, node)
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

    def update_dict(self, node: ast.AST, held: Tree, items: Tree) -> None:
        """`d.update(items)`; `changing_dicts.py` has it."""
        raise NotImplementedError

    def of_booleans(self, name: str, *operands: Any) -> str:
        """The primitive that an operator is of booleans: NumPy's `+` of masks is `or`."""
        if name not in OF_BOOLEANS or not all(
            (is_arraylike(x) or is_scalar(x)) and ty.is_boolean(self.dtype(x)) for x in operands
        ):
            return name
        of_arrays = any(map(is_arraylike, operands))
        if name == "sub" and of_arrays:
            self.refuse("`-` of masks", "NumPy would raise an error here", "`a ^ b`")
        if of_arrays or name == "mul":
            return OF_BOOLEANS[name]
        if not self.frame.numba_rules:
            self.refuse(
                f"`{REGISTRY[name].text.format('a', 'b')}` of booleans",
                "those of Python are added as integers, those of NumPy joined by `or`",
                "`int(a) + int(b)`",
            )
        return name

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
        if target is math.pow:
            arguments = tuple(self.floating(x) for x in arguments)
        if target is np.float_power:  # in double precision, whatever it is given
            arguments = tuple(
                x if is_number(x) or is_complex(self, x) else self.in_double_precision(x) for x in arguments
            )
        if target in KEEP_INTEGERS and not ty.is_differentiable(self.dtype(arguments[0])):
            (x,) = arguments
            return self.elementwise(lambda element: element, x) if is_arraylike(x) else x
        if target is round and len(arguments) == 2:
            return self.scalar("round_to", *arguments)
        if target is math.hypot and len(arguments) != 2:
            squares = [self.scalar("mul", x, x) for x in arguments]
            return self.scalar(
                "root_of_squares", functools.reduce(lambda a, b: self.scalar("add", a, b), squares)
            )
        if target is int and not arguments:
            return 0
        if target is int and is_text(arguments[0]):
            with errors_refused(self):
                return int(known_value(arguments[0]))
        module = getattr(target, "__module__", "")
        if module in ("math", "builtins") and target not in (abs, pow) and any(map(is_arraylike, arguments)):
            called = f"{module}.{getattr(target, '__name__', name)}"
            self.refuse(
                f"`{called.removeprefix('builtins.')}` of an array",
                "it takes one number",
                f"`np.{name}`" if hasattr(np, name) else "a loop over the elements",
            )
        name = self.of_booleans(name, *arguments)
        if isinstance(target, np.ufunc) or any(is_arraylike(x) for x in arguments):
            result = self.elementwise(lambda *xs: self.scalar(name, *xs), *arguments)
            return constant(result, ty.float64) if isinstance(result, float) else result
        result = self.scalar(name, *arguments)
        is_python = module == "math" or target is int or all(map(self.is_weak, arguments))
        return self.as_weak(result) if is_python else result

    def in_double_precision(self, thing: Any) -> Any:
        return self.converted(thing, ty.float64) if is_arraylike(thing) else self.cast(thing, ty.float64)

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
                return self.extreme(self.as_array(thing), name, nan_wins=False)
            arguments = thing
        if not arguments:
            self.refuse(f"`{name}` of nothing", instead="a first value: `max(0.0, ...)`, say")
        return functools.reduce(lambda a, b: self.scalar(name, a, b), arguments)

    # ---------------------------------------------------------------------------------------- opaque

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
            if is_text(thing):
                with errors_refused(self):
                    return float(known_value(thing))
            if is_arraylike(thing):
                if target is float:
                    self.refuse(
                        "`float` of an array", "it takes one number", "`x[0]`, or `x.astype(np.float64)`"
                    )
                else:
                    return self.elementwise(lambda x: self.cast(self.as_value(x, type), type), thing)
            if is_number(thing) and target is float:
                return float(thing)
            value = self.as_value(thing, type)
            if target is float and ty.is_float(value.type):
                return self.of_python(value)
            result = self.cast(value, type)
            return self.as_weak(result) if target is float else self.strong(result)
        if issubclass(target, np.complexfloating) and len(arguments) == 1 and not keywords:
            type = ty.from_dtype(np.dtype(target))
            return self.elementwise(lambda x: self.cast(self.as_value(x, type), type), arguments[0])
        if issubclass(target, np.integer) and len(arguments) == 1:
            type = ty.from_dtype(np.dtype(target))
            value = self.as_value(arguments[0])
            if not ty.is_integer(value.type):
                value = self.scalar("int", value)
            result = self.strong(self.cast(value, type))
            if self.never_negative(value):
                self.nonnegative.add(result)
            return result
        if target is tuple or target is list:
            items = known_items(self, arguments[0] if arguments else ())
            if items is not None:
                return ListItems(items) if target is list else items
            if is_arraylike(arguments[0]) and arguments[0].ndim == 1:
                return self.as_list(arguments[0])
        if target is str and len(arguments) == 1 and not keywords and has_known_value(arguments[0]):
            return Static(str(known_value(arguments[0])))
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
            self.refuse_method(name, node)
        if is_scalar(thing):
            if name in NUMBER_METHODS:
                return conjugate(self, thing)
            return self.of_python(thing) if name == "item" else thing
        if name in ("conj", "conjugate") and not is_complex(self, thing) and not arguments:
            return thing  # no copy, other than `np.conj`
        if is_list(thing):
            if name == "copy" and not arguments and not keywords:
                return self.list_slice(thing) if isinstance(thing, ArrayView) else self.materialise(thing)
            if name != "sort" or arguments or keywords or thing.ndim != 1:
                self.refuse_method(name, node)
        if name in METHODS:
            target = METHODS[name]
            return call_library(self, target, entry_of(self, target), (thing, *arguments), keywords)
        if name in OWN_METHODS:
            target = getattr(np.ndarray, name)
            return call_library(self, target, OWN_METHODS[name], (thing, *arguments), keywords)
        if name == "tolist" and thing.ndim == 1:
            return self.as_list(self.elementwise(self.of_python, thing))
        if name == "fill":
            self.fill(thing, arguments[0])
            return Static(None)
        if name == "item" and not arguments:
            return self.of_python(self.at(thing, (0,) * thing.ndim))
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

    def of_python(self, number: Scalar) -> Scalar:
        """A number of NumPy as one of Python, whose integers and floats have one size each."""
        value = self.as_value(number)
        type = (
            ty.int64 if ty.is_integer(value.type) else ty.float64 if ty.is_float(value.type) else value.type
        )
        if value.is_constant:
            return ty.numpy_dtype(value.type).type(value.constant).item()  # type: ignore[no-any-return]
        return number if value.type == type else self.as_weak(self.cast(value, type))

    def refuse_method(self, name: str, node: ast.AST) -> NoReturn:
        self.refuse(
            f"the method `{name}` of a list or tuple",
            "of what changes a list, `append`, `extend` and `pop` at its end are known",
            "those, or an array of known length, filled by index",
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
                self.refuse(
                    "half precision",
                    "Numba computes with 32 and 64 bits",
                    "`np.float32`",
                    kind=UnsupportedDtype,
                )
            if type is not None and ty.is_scalar(type):
                return type
        self.refuse(f"{describe(thing)} as a dtype", "only numbers carry a derivative", "`np.float64`, say")


BY_NUMBA_TYPE = (ty.nb.Number, ty.nb.Boolean)
NUMBER_METHODS = ("conj", "conjugate")
