"""What a derivative is: a program made from the program of another function.

Gradient(of, argnums)       value and gradient of a function with one float as result
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from . import pipeline
from .arguments import ArgNums
from .compiled import Compiled, Specs, returned
from .errors import NotDifferentiable
from .frontend.build import Program
from .ir import types as ty
from .ir.core import Function


class Derivative(Compiled):
    """A derivative of a function by some of its parameters.

    Attributes
    ----------
    of : Compiled
        The function.
    argnums : int, str or a sequence of those
    wrt : positions of those parameters.
    single : whether `argnums` names one parameter, not a sequence of them.
    """

    kind = ""

    def __init__(self, of: Compiled, argnums: ArgNums) -> None:
        super().__init__(of.signature, of.options)
        self.of, self.argnums = of, argnums
        self.wrt = of.signature.indices(argnums)
        self.single = not isinstance(argnums, (list, tuple, range))
        self.__name__ = f"{of.signature.name}_{self.kind}"
        self.__doc__ = of.signature.source.function.__doc__

    def __repr__(self) -> str:
        return f"<{self.kind} of {self.of.signature.name} by {self.argnums!r}>"

    @property
    def by(self) -> str:
        return ", ".join(self.signature.names[k] for k in self.wrt)

    def finish(self, program: Program) -> Function:
        return pipeline.finish(program.function, self.options.optimise)

    def one_or_all(self, nestings: list[Any]) -> Any:
        """The structure of what there is for each parameter, as `argnums` was written."""
        return nestings[0] if self.single else tuple(nestings)


class ValueAndGradient(Derivative):
    """The value of a function with one float as result, and its gradient."""

    kind = "value_and_grad"

    def title(self) -> str:
        return f"{self.signature.name} and its gradient by {self.by}."

    def make_program(self, specs: Specs, optimise: bool | None = None) -> Program:
        program = self.of.program(specs)
        self.check_scalar(program)
        flat, nestings = self.signature.plan(specs, self.wrt)
        optimised = self.options.optimise if optimise is None else optimise
        function = pipeline.adjoint(program.function, flat, optimised)
        return replace(program, function=function, structure=("leaf", self.one_or_all(nestings)))

    def source_text(self, specs: Specs, optimise: bool) -> str:
        """The text with or without optimisation."""
        if optimise:
            return self.text(self.program(specs))
        program = self.make_program(specs, False)
        function = pipeline.finish(program.function, False)
        return pipeline.print_function(function, self.title(), returned(program.structure))

    def check_scalar(self, program: Program) -> None:
        structure, results = program.structure, program.function.results
        if structure == "leaf" and ty.is_float(results[0].type):
            return
        if structure == "leaf" and ty.is_array(results[0].type):
            what = f"an array of {results[0].type.ndim} dimensions"
        elif structure == "leaf":
            what = f"a value of type {ty.name_of(results[0].type)}"
        else:
            what = "nothing" if structure is None else "several values"
        raise NotDifferentiable(
            f"`{self.signature.name}` returns {what}; its gradient needs one float",
            definition=self.signature.definition,
            reason="a gradient is the derivative of one number",
            instead="return a sum, or one element",
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
        function = program.function
        body = replace(function.body, results=function.results[1:])
        return replace(program, function=replace(function, body=body), structure=program.structure[1])

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self.full(*args, **keywords)[1]


__all__ = ["Derivative", "Gradient", "ValueAndGradient"]
