"""A program made from the program of another function: what all derivatives are.

    Derived         what is made so: called inside functions that are read, its program is put in place
    Derivative      by some of the parameters of the function

A subclass says in `make_program` by which transformation of `pipeline.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .. import pipeline
from ..arguments import ArgNums
from ..compiled import Compiled, Specs
from ..errors import NotDifferentiable
from ..frontend.program import Program
from ..frontend.trees import Tree
from ..ir import types as ty
from ..ir.core import Function, Value


def with_written(program: Program) -> Program:
    """The program with the arguments that it writes among its results, after the value if there is one."""
    function, structure = program.function, program.structure
    if not function.written:
        return program
    written = ("leaf",) * function.written
    parts = written if structure is None else (structure, *written)
    return replace(
        program,
        function=replace(function, written=0),
        structure=parts[0] if len(parts) == 1 else parts,
    )


class Derived(Compiled):
    """What is made from the program of another function: called inside functions that are read, it is put in place."""

    def __srcdiff_program__(self, specs: Specs) -> Program:
        """The program for a call inside another function that is read."""
        program = self.program(specs)
        return replace(program, function=pipeline.as_primal(program.function))

    def differentiated(self, program: Program) -> frozenset[Any]:
        return program.called


class Derivative(Derived):
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
        self.__signature__ = self.parameters

    def __repr__(self) -> str:
        return f"<{self.kind} of {self.of.signature.name} by {self.argnums!r}>"

    def specs(self, values: list[Any]) -> Specs:
        return self.of.specs(values)

    @property
    def by(self) -> str:
        return ", ".join(self.signature.names[k] for k in self.wrt)

    def derivative_source(self, *args: Any, **keywords: Any) -> str:
        """The source text of the derivative for arguments of these types: a module to read, keep or compile."""
        return self.text(self.program_for(*args, **keywords))

    def finish(self, program: Program) -> Function:
        return pipeline.finish(program.function, self.options.optimise)

    def one_or_all(self, nestings: Sequence[Any]) -> Any:
        """The structure of what there is for each parameter, as `argnums` was written."""
        return nestings[0] if self.single else tuple(nestings)

    def refuse_results(self, what: str, needs: str, reason: str, instead: str) -> Any:
        raise NotDifferentiable(
            f"`{self.signature.name}` returns {what}; its {needs}",
            definition=self.signature.definition,
            reason=reason,
            instead=instead,
        )


def said(program: Program) -> str:
    """What a function returns."""
    structure, results = program.structure, program.function.results
    if structure == "leaf" and ty.is_array(results[0].type):
        return f"an array of {results[0].type.ndim} dimensions"
    if structure == "leaf":
        return f"a value of type {ty.name_of(results[0].type)}"
    if isinstance(structure, Tree):
        return f"a `{structure.kind.__name__}`"
    return "nothing" if structure is None else "several values"


def check_floats(derivative: Derivative, program: Program) -> None:
    """Every result must carry a derivative."""
    results: tuple[Value, ...] = program.function.results
    wrong = next((r for r in results if not ty.is_real(r.type)), None)
    if wrong is not None or not results:
        what = "nothing" if wrong is None else f"a value of type {ty.name_of(wrong.type)}"
        derivative.refuse_results(
            what, f"{derivative.kind} needs floats", "only floats have a derivative", "return floats alone"
        )


__all__ = ["Derivative", "Derived", "check_floats", "with_written"]
