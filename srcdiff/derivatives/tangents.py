"""Derivatives in a direction, which a call gives behind the arguments: of the results, and of the gradient.

    Tangent             (x, x_dot) -> y, y_dot          y_dot = J x_dot
    HessianVector       (x, vector) -> H vector         the tangent of the gradient

From Python a direction is converted to the type of its primal; in compiled code it must have that type.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FunctionType
from typing import Any

from .. import pipeline
from ..arguments import ArgNums, Around, flattened, like, matching, nesting_of
from ..backend.cpu import load_adapter
from ..compiled import Compiled, Specs, flat_leaves, without_other_arrays
from ..emit.adapter import leaves_of, print_adapter, unused
from ..errors import NotDifferentiable
from ..frontend.captures import fetched
from ..frontend.program import Program
from ..ir import types as ty
from ..rules import with_rules
from .derivative import Derivative, check_floats, with_written
from .gradients import Gradient, ValueAndGradient


class Directional(Derivative):
    """A derivative in a direction: called with the arguments and tangents of the parameters."""

    def tangents(self) -> dict[int, str]:
        """The expression of the tangent of each of `wrt`, in terms of the last parameters of a call."""
        raise NotImplementedError

    @property
    def parameters(self) -> inspect.Signature:
        names = [p.name for p in super().parameters.parameters.values()]
        names += dict.fromkeys(expression.partition("[")[0] for expression in self.tangents().values())
        return inspect.Signature(
            [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names]
        )

    @property
    def underneath(self) -> Any:
        function = super().underneath
        bare = FunctionType(
            function.__code__, function.__globals__, function.__name__, None, function.__closure__
        )
        bare.__signature__ = self.parameters  # type: ignore[attr-defined]
        return bare

    def seeds(self, specs: Sequence[Any], types: Sequence[Any]) -> tuple[list[str], list[tuple[str, str]]]:
        seeds, alike = [], []
        given = types[0] if len(types) < len(self.wrt) else types
        for (k, expression), type in zip(self.tangents().items(), given, strict=True):
            name = self.signature.names[k]
            self.check_like(type, specs[k], name)
            nesting = nesting_of(specs[k])
            pairs = zip(leaves_of(expression, nesting), leaves_of(name, nesting), strict=True)
            for (tangent, primal), spec in zip(pairs, flat_leaves((specs[k],)), strict=True):
                seeds.append(tangent)
                if ty.is_array(spec):
                    alike.append((tangent, primal))
        return seeds, alike

    def check_like(self, type: Any, spec: Any, name: str) -> None:
        """A tangent in compiled code must have the type of its primal, but for the layout."""
        given = self.signature.spec_in_compiled_code(type, name)
        if nesting_of(given) == nesting_of(spec):
            pairs = list(zip(flat_leaves((given,)), flat_leaves((spec,)), strict=True))
            if all(ty.numpy_dtype(a) == ty.numpy_dtype(b) for a, b in pairs) and all(
                getattr(a, "ndim", 0) == getattr(b, "ndim", 0) for a, b in pairs
            ):
                return
        raise NotDifferentiable(
            f"the tangent of `{name}` is of type `{type}`",
            definition=self.signature.definition,
            reason="a tangent in compiled code has the type of what it is the tangent of",
            instead="floats and arrays of the same dtype and number of dimensions",
        )

    def split(self, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], Sequence[Any]]:
        """The arguments, and one tangent for each of `argnums`."""
        count = len(self.wrt)
        return args[:-count], args[-count:]

    def __srcdiff_bind__(
        self, args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[list[Any], list[Any]]:
        given, tangents = self.split(args)
        return self.bind(given, keywords), list(tangents)

    @property
    def is_called_through_c(self) -> bool:
        has_defaults = any(p.default is not p.empty for p in super().parameters.parameters.values())
        return not has_defaults and super().is_called_through_c

    def first_call(self, *args: Any, **keywords: Any) -> Any:
        """Choose how calls go, and call."""
        given, _ = self.split(args)
        self.bind(given, keywords)
        self.call_by(self.dispatcher if self.is_called_through_c else self.call)
        return self(*args, **keywords)

    def call(self, *args: Any, **keywords: Any) -> Any:
        given, tangents = self.split(args)
        values = self.bind(given, keywords)
        specs = self.specs(values)
        self.pass_on(specs, self.entry(specs))
        return self.at(values, tangents)

    def directions(self, specs: Specs) -> Specs:
        return tuple(specs[k] for k in self.wrt)

    def fitting(self, compiled: Any, specs: Specs) -> Any:
        names = list(inspect.signature(compiled).parameters)
        count = len(flat_leaves(specs))
        primals = [leaf for k in self.wrt for leaf in parameters_of(specs, k, names)]
        pairs = zip(names[count:], primals, flat_leaves(self.directions(specs)), strict=False)
        alike = [(tangent, primal) for tangent, primal, leaf in pairs if ty.is_array(leaf)]
        if not alike:
            return compiled
        called = unused(compiled.__name__, names)
        return load_adapter(print_adapter(called, names, names, alike), called, compiled, {})

    def resolved(self, args: tuple[Any, ...]) -> Callable[..., Any]:
        """What to call with arguments and tangents of types that the dispatcher does not know.

        Compiled code takes tangents with the types of their primals; others are converted in Python.
        """
        given, _ = self.split(args)
        specs = self.specs(list(given))
        function, fetch, statics = self.entry(specs)
        are_plain = all(map(ty.is_scalar_or_array, specs)) and not any(map(ty.single_axes, specs))
        if isinstance(function, Around) or fetch or statics or not are_plain:
            return self.call
        types = tuple(map(self.dispatcher.typeof_pyval, args))
        if not all(ty.is_scalar_or_array(type) or ty.is_tuple(type) for type in types):
            return self.call
        try:
            adapter, _ = self.adapted(types)
        except NotDifferentiable:
            return self.call
        if any(map(ty.is_tuple, types)):
            self.call_by(without_other_arrays(self.dispatcher, self.call))
        compiled: Callable[..., Any] = self.dispatcher.insert(adapter, types)
        return compiled

    def at(self, values: list[Any], tangents: Sequence[Any]) -> Any:
        """The results for bound arguments and one tangent for each of `argnums`."""
        function, fetch, _ = self.entry(self.specs(values))
        seeds = [
            like(tangent, primal, f"the tangent of `{name}`")
            for k, given in zip(self.wrt, tangents, strict=True)
            for name in (self.signature.names[k],)
            for tangent, primal in zip(
                matching(given, values[k], f"the tangent of {name}"), flattened([values[k]]), strict=True
            )
        ]
        return function(*flattened(values), *seeds, *map(fetched, fetch))


def parameters_of(specs: Specs, k: int, names: Sequence[str]) -> Sequence[str]:
    """The flat parameters, of these names, that are argument `k`."""
    start = len(flat_leaves(specs[:k]))
    return names[start : start + len(flat_leaves((specs[k],)))]


class Tangent(Directional):
    """Results and their tangents; called with the arguments, then one tangent for each of `argnums`."""

    kind = "jvp"

    def title(self) -> str:
        return f"{self.signature.name} and its tangent for tangents of {self.by}."

    def make_program(self, specs: Specs) -> Program:
        program = with_written(self.of.program(specs))
        flat, _ = self.signature.plan(specs, self.wrt)
        check_floats(self, program)
        program = with_rules(program, flat, "jvp")
        function = pipeline.tangent(program.function, flat, self.options.optimise)
        return replace(program, function=function, structure=(program.structure, program.structure))

    def tangents(self) -> dict[int, str]:
        names = self.signature.names
        return {k: unused(f"{names[k]}_dot", names) for k in self.wrt}


class HessianVector(Directional):
    """The Hessian of a function with one float as result, times a vector: the tangent of its gradient.

    Called with the arguments, then the vector: like the parameter, or a tuple where `argnums` is a sequence.
    """

    kind = "hvp"

    def __init__(self, of: Compiled, argnums: ArgNums) -> None:
        super().__init__(of, argnums)
        self.gradient = Gradient(ValueAndGradient(of, argnums))

    def title(self) -> str:
        return f"The Hessian of {self.signature.name} by {self.by}, times a vector."

    def make_program(self, specs: Specs) -> Program:
        flat, nestings = self.signature.plan(specs, self.wrt)
        program = with_rules(self.gradient.program(specs), flat, "jvp")
        function = pipeline.tangent(program.function, flat, self.options.optimise)
        body = replace(function.body, results=function.results[len(flat) :])
        function = replace(function, name=f"{function.name.removesuffix('_grad_jvp')}_hvp", body=body)
        return replace(program, function=function, structure=self.one_or_all(nestings))

    def tangents(self) -> dict[int, str]:
        name = unused("vector", self.signature.names)
        if self.single:
            return {self.wrt[0]: name}
        return {k: f"{name}[{place}]" for place, k in enumerate(self.wrt)}

    def directions(self, specs: Specs) -> Specs:
        found = super().directions(specs)
        return found if self.single else (found,)

    def split(self, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], Sequence[Any]]:
        *given, vector = args
        return tuple(given), [vector] if self.single else vector


__all__ = ["HessianVector", "Tangent"]
