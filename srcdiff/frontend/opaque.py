"""Calls of functions that neither the library knows nor a source: they run as they stand.

    np.random.normal(0.0, 1.0)    ->    opaque "np.random.normal(0.0, 1.0)"

Numba's own typing says what such a call returns. Its operands and results must be inactive; a later stage refuses
the others.
"""

from __future__ import annotations

import ast
import builtins
import json
import math
import sys
from collections.abc import Mapping
from typing import Any

import numba
import numpy as np

from ..ir import types as ty
from ..ir.core import Value
from ..ir.operators import current_builder
from ..ir.types import Type
from ..primitives.custom import rules_of
from .describe import describe
from .names import Names
from .things import ArrayView, Elementwise, Static, is_number, whole_view

Arguments = tuple[Any, ...]
# Calls that write into an argument, and those whose result shares no memory with one.
WRITERS = (np.random.shuffle, np.place, np.putmask)
COPYING = (
    np.unique, np.argsort, np.searchsorted, np.delete,
)  # fmt: skip


class OpaqueCalls(Names):
    """Calls that are kept as text."""

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
        return signature.return_type


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
