"""A Python function as something that derivatives are made of.

    grad(f)              makes a `Differentiable` of `f`
    jvp(f, ...)          the same, kept in an attribute of `f` for the next call

What is a `Compiled` already, a derivative of another function, is taken as it is.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from . import pipeline
from .arguments import Signature
from .compiled import Compiled, Options, Specs
from .errors import DifferentiationError
from .frontend.program import Program
from .frontend.source import FunctionSource, caller_of, read_source
from .ir.core import Function
from .primitives.custom import rules_of
from .repeating import single_captures


class Differentiable(Compiled):
    """A Python function that was read: its compiled form, and what derivatives are made of."""

    def __init__(self, function: Any, options: Options | None = None) -> None:
        self.__srcdiff_function__, self.source = with_source(function)
        super().__init__(Signature(self.source), options or Options())

    def title(self) -> str:
        return f"{self.signature.name}."

    def make_program(self, specs: Specs) -> Program:
        program = pipeline.read(self.source, specs)
        single = single_captures(program)
        return pipeline.read(self.source, specs, single_captures=single) if single else program

    def finish(self, program: Program) -> Function:
        return pipeline.primal(program, self.options.optimise)


def with_source(function: Any) -> tuple[Any, FunctionSource]:
    """The function and its source; of one that has none but has rules, those of a function that calls it."""
    try:
        return function, read_source(function)
    except DifferentiationError:
        rules = rules_of(function)
        if rules is None or rules.parameters is None:
            raise
        caller = caller_of(function, rules.parameters)
        return caller, read_source(caller)


def differentiable(function: Any) -> Compiled:
    """The function as something that derivatives are made of."""
    return function if isinstance(function, Compiled) else Differentiable(function)


class Kept:
    """What `jvp` and `vjp` made of a function, in an attribute of that function: it lives as long as that does.

    `functools.wraps` copies attributes, so it says whose it is; in another process it is nobody's.
    """

    def __init__(self, function: Any = None, made: Differentiable | None = None) -> None:
        self.function, self.made = function, made
        self.state = None if made is None else state_of(made)

    def __reduce__(self) -> Any:
        return Kept, ()


def state_of(made: Differentiable) -> list[Any]:
    """What a function may be given anew: its code and its defaults."""
    function = made.source.function
    named = (function.__kwdefaults__ or {}).items()
    return [function.__code__, *(function.__defaults__ or ()), *(part for pair in named for part in pair)]


def kept_differentiable(function: Any) -> Compiled:
    """The function as something that derivatives are made of, kept for the next call with it."""
    if isinstance(function, Compiled):
        return function
    attributes = getattr(function, "__dict__", {})
    kept = attributes.get("__srcdiff_kept__")
    if kept is not None and kept.function is function and same_objects(kept.state, state_of(kept.made)):
        found: Compiled = kept.made
        return found
    made = Differentiable(function)
    attributes["__srcdiff_kept__"] = Kept(function, made)  # a ufunc has no attributes: nothing is kept
    return made


def same_objects(some: Sequence[Any], others: Sequence[Any]) -> bool:
    return len(some) == len(others) and all(map(operator.is_, some, others))


__all__ = ["Differentiable", "differentiable", "kept_differentiable"]
