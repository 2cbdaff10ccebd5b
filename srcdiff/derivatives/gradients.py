"""The gradient of a function with one float as result, with the value and without it.

    f                   (x) -> y
    ValueAndGradient    (x) -> y, x_bar
    Gradient            (x) -> x_bar

A call of `Gradient` runs the code of both.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .. import linking, pipeline
from ..arguments import ArgNums
from ..compiled import Compiled, Specs, returned
from ..frontend.program import Program
from ..frontend.trees import all_leaves
from ..ir import types as ty
from ..rules import with_rules
from .derivative import Derivative, said


class ValueAndGradient(Derivative):
    """The value of a function with one float as result, and its gradient; with `has_aux` its first of two results."""

    kind = "value_and_grad"

    def __init__(self, of: Compiled, argnums: ArgNums, has_aux: bool = False) -> None:
        super().__init__(of, argnums)
        self.has_aux = has_aux

    def title(self) -> str:
        return f"{self.signature.name} and its gradient by {self.by}."

    def make_program(self, specs: Specs, optimise: bool | None = None) -> Program:
        program = self.of.program(specs)
        flat, nestings = self.signature.plan(specs, self.wrt)
        self.check_scalar(program)
        program = with_rules(program, flat, "vjp")
        optimised = self.options.optimise if optimise is None else optimise
        values = len(program.function.results) - program.function.written if self.has_aux else 1
        function = pipeline.adjoint(program.function, flat, optimised, values=values)
        return replace(program, function=function, structure=(program.structure, self.one_or_all(nestings)))

    def source_text(self, specs: Specs, optimise: bool) -> str:
        """The text with or without optimisation."""
        if optimise:
            return self.text(self.program(specs))
        program = self.make_program(specs, False)
        function = pipeline.finish(program.function, False)
        return linking.print_function(function, self.title(), returned(program.structure))

    def check_scalar(self, program: Program) -> None:
        structure, results = program.structure, program.function.results
        if self.has_aux:
            if isinstance(structure, tuple) and len(structure) == 2 and structure[0] == "leaf":
                structure = "leaf"
            elif structure == "leaf":
                structure = None
        if structure == "leaf" and ty.is_float(results[0].type):
            return
        of_complex = structure == "leaf" and ty.is_complex(ty.element(results[0].type))
        self.refuse_results(
            said(program),
            "gradient needs one float" + (" and something beside it" if self.has_aux else ""),
            "a gradient is the derivative of one number",
            "return its real part, or `abs(z)`" if of_complex else "return a sum, or one element",
        )


class Gradient(Derivative):
    """The gradient without the value, from the compiled program of both."""

    kind = "grad"

    def __init__(self, full: ValueAndGradient) -> None:
        super().__init__(full.of, full.argnums)
        self.full = full

    def title(self) -> str:
        return f"The gradient of {self.signature.name} by {self.by}."

    def make_program(self, specs: Specs) -> Program:
        program = self.full.program(specs)
        function, (value, gradients) = program.function, program.structure
        if not self.full.has_aux:
            body = replace(function.body, results=function.results[1:])
            return replace(program, function=replace(function, body=body), structure=gradients)
        count = leaf_count(value)
        body = replace(function.body, results=(*function.results[count:], *function.results[1:count]))
        return replace(program, function=replace(function, body=body), structure=(gradients, value[1]))

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        value, gradient = self.full(*args, **keywords)
        return (gradient, value[1]) if self.full.has_aux else gradient


def leaf_count(structure: Any) -> int:
    return all_leaves(structure).count("leaf")


__all__ = ["Gradient", "ValueAndGradient"]
