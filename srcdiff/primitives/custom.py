"""Rules of one's own: what `defvjp` and `defjvp` say about a function.

    defvjp(exp, lambda g, ans, x: ans * g)

In the IR a call of such a function is its result under a new name, with the derivative that the rules say:

    ans = exp x                       # how it is computed; nothing is differentiated here
    y = custom name='exp' ans x       # has the value of `ans`

The rules are read when a derivative needs them (`srcdiff/rules.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..ir import types as ty
from ..ir.core import Op, Value
from ..ir.operators import current_builder

Rule = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Together:
    """One rule for the first `count` arguments, the only ones it takes: it gives a tuple. `source` is the function of
    the user that it was made from."""

    rule: Rule
    count: int
    source: Any


@dataclass(frozen=True, eq=False)
class Rules:
    """The rules of one function; None where none were given.

    Attributes
    ----------
    name : of the function.
    vjp : for each argument a rule `(g, ans, *args)` that gives what is owed to it, or None for a zero derivative; or
        one rule for several of them.
    jvp : for each argument a rule `(g, ans, *args)` that gives what its tangent adds to that of the result, or None.
    callee : the function itself if it has no rules but is called: its derivatives are made from it.
    """

    name: str
    vjp: tuple[Rule | None, ...] | Together | None = None
    jvp: tuple[Rule | None, ...] | None = None
    callee: Callee | None = None

    @property
    def functions(self) -> list[Rule]:
        """The rules that were given, for whatever argument."""
        given = [self.vjp.rule] if isinstance(self.vjp, Together) else list(self.vjp or ())
        return [rule for rule in (*given, *(self.jvp or ())) if rule is not None]

    def has_derivative(self, k: int) -> bool:
        """Whether a derivative by argument `k` may differ from zero."""
        return self.callee is not None or any(
            k < rules.count if isinstance(rules, Together) else rules[k] is not None
            for rules in (self.vjp, self.jvp)
            if rules is not None
        )

    @property
    def arity(self) -> int | None:
        """How many arguments the rules are for; None if for any number."""
        return next((len(rules) for rules in (self.vjp, self.jvp) if isinstance(rules, tuple)), None)

    @property
    def parameters(self) -> list[str] | None:
        """What the rules call the arguments; None if that is not known."""
        for rules in (self.vjp, self.jvp):
            given = rules if isinstance(rules, tuple) else ()
            for rule in given:
                code = getattr(rule, "__code__", None)
                if code is not None and code.co_argcount == len(given) + 2:
                    return list(code.co_varnames[2 : code.co_argcount])
        return None


@dataclass(frozen=True, eq=False)
class RuledCall:
    """What one call of a function with rules takes and gives: the attribute `call` of a `custom` op.

    Attributes
    ----------
    rules : Rules
    takes : for each argument its type, a tuple of such, or what is known when the function is read.
    returns : the nesting of the results: "leaf", None or a tuple.
    operands : how many operands of the op are arguments; they follow the values that the call gives.
    channels : the operands through which a derivative passes.
    """

    rules: Rules
    takes: tuple[Any, ...]
    returns: Any
    operands: int
    channels: tuple[int, ...]


@dataclass(eq=False)
class Callee:
    """A function that is called, not put in place, since it calls itself, or is large and called often: the attribute
    `callee` of a `call` op.

    Its derivatives are functions that are called too, each made when it is printed or differentiated.

    Attributes
    ----------
    name : in generated source.
    results : the types of its results.
    make : makes its `Function`, with captured values as hidden parameters.
    fetch : where those are read.
    recursive : whether it calls itself.
    lengths : for each axis of each result a number, or the parameter and the axis that are as long; None if not known.
    derivatives : by mode, "vjp" or "jvp", parameters, and how many tangents at once.
    sweeps : makes, if it is the vjp of a function, the adjoint that it is made from, with both sweeps.
    values, seeds : of that, the types of the results of the function, and of their cotangents.
    """

    name: str
    results: tuple[Any, ...]
    make: Callable[[], Any]
    fetch: tuple[Any, ...] = ()
    recursive: bool = True
    lengths: tuple[tuple[Any, ...], ...] = ()
    derivatives: dict[tuple[str, tuple[int, ...], int], Callee] = field(default_factory=dict)
    sweeps: Callable[[], Any] | None = None
    values: tuple[Any, ...] = ()
    seeds: tuple[Any, ...] = ()

    @cached_property
    def function(self) -> Any:
        return self.make()

    @cached_property
    def adjoint(self) -> Any:
        return self.sweeps() if self.sweeps is not None else None


def emit_call(
    callee: Callee, operands: Sequence[Value], hidden: Sequence[Value], names: Sequence[str] = ()
) -> tuple[Value, ...]:
    """A call, with the derivative that the callee's own derivatives give; its results may have names."""
    builder = current_builder()
    names = names or ("",) * len(callee.results)
    raw = tuple(Value(name, type) for name, type in zip(names, callee.results, strict=True))
    attributes = {"name": callee.name, "callee": callee}
    builder.append(Op("call", (*operands, *hidden), raw, (), attributes, builder.location))
    results = tuple(Value("", type) for type in callee.results)
    channels = tuple(len(raw) + k for k, x in enumerate(operands) if ty.is_differentiable(x.type))
    rules = Rules(callee.name, callee=callee)
    call = RuledCall(rules, tuple(x.type for x in operands), ("leaf",) * len(raw), len(operands), channels)
    attributes = {"name": callee.name, "call": call}
    return builder.append(Op("custom", (*raw, *operands), results, (), attributes, builder.location))


RULES: dict[Any, Rules] = {}


def bare(function: Any) -> Any:
    """The function itself, without what this library or Numba made of it."""
    while hasattr(function, "__srcdiff_function__"):
        function = function.__srcdiff_function__
    return getattr(function, "py_func", function)


def rules_of(function: Any) -> Rules | None:
    """The rules that were given for a callable."""
    if not RULES:
        return None
    try:
        return RULES.get(bare(function))
    except TypeError:  # not hashable
        return None


__all__ = ["RULES", "Callee", "Rule", "RuledCall", "Rules", "Together", "bare", "emit_call", "rules_of"]
