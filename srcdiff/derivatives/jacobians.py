"""The derivatives of all results by the parameters, by tangents or by pullbacks of unit vectors.

    Jacobian            by the mode that is named
    EitherJacobian      by pullbacks where unit vectors leave little of them, else by the mode that takes fewer
                        sweeps for the sizes of a call
    Hessian             by pullbacks of the gradient in the same case, else by its tangents

The loops over unit vectors are those of `transform/jacobian.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .. import pipeline
from ..arguments import ArgNums, flattened
from ..compiled import Compiled, Specs
from ..errors import DifferentiationError
from ..frontend.program import Program
from ..frontend.trees import mapped, parts_of
from ..ir import types as ty
from ..ir.core import Function
from ..optimise.unit_vectors import may_be_local
from ..rules import with_rules
from ..transform.masks import may_be_infinite_untaken
from .derivative import Derivative, check_floats, with_written


def spread(structure: Any, inner: Any) -> Any:
    """The structure with another one at each leaf."""
    return mapped(lambda leaf: inner if leaf == "leaf" else leaf, structure)


class Jacobian(Derivative):
    """The derivatives of all results by the parameters, by tangents or by pullbacks."""

    def __init__(self, of: Compiled, argnums: ArgNums, forward: bool) -> None:
        self.forward = forward
        self.kind = "jacfwd" if forward else "jacrev"
        super().__init__(of, argnums)

    def title(self) -> str:
        return f"The Jacobian of {self.signature.name} by {self.by}."

    def make_program(self, specs: Specs) -> Program:
        program = with_written(self.of.program(specs))
        check_floats(self, program)
        flat, nestings = self.signature.plan(specs, self.wrt)
        program = with_rules(program, flat, "jvp" if self.forward else "vjp")
        make = pipeline.forward_jacobian if self.forward else pipeline.reverse_jacobian
        function = make(program.function, flat, self.options.optimise)
        structure = spread(program.structure, self.one_or_all(nestings))
        return replace(program, function=function, structure=structure)


def made_by_pullbacks(by_tangents: Jacobian, by_pullbacks: Jacobian, specs: Specs) -> Function | None:
    """The program by pullbacks, if that can be made and the sweep from one element may be short."""
    of = by_tangents.of.program(specs).function
    if of.written or not may_be_local(of):
        return None
    try:
        return by_pullbacks.program(specs).function
    except DifferentiationError:  # of this mode alone
        return None


MARGIN = (
    1.4  # by how much the estimate of many sweeps that go on from what was recorded is too high, as measured
)


class Hessian(Jacobian):
    """The Jacobian of a gradient."""

    def __init__(self, of: Compiled, argnums: ArgNums) -> None:
        super().__init__(of, argnums, True)
        self.by_tangents, self.by_pullbacks = Jacobian(of, argnums, True), Jacobian(of, argnums, False)

    def make_program(self, specs: Specs) -> Program:
        forward = self.by_tangents.program(specs)
        if may_be_infinite_untaken(self.of.program(specs).function.body):
            return forward
        backward = made_by_pullbacks(self.by_tangents, self.by_pullbacks, specs)
        if backward is None or not pipeline.costs_less(backward, forward.function, MARGIN):
            return forward
        return self.by_pullbacks.program(specs)


KNOWN_SIZES = 256


class EitherJacobian(Derivative):
    """The Jacobian by the mode that takes fewer sweeps, chosen by the sizes of arguments and results."""

    kind = "jacobian"

    def __init__(self, of: Compiled, argnums: ArgNums) -> None:
        super().__init__(of, argnums)
        self.by_tangents, self.by_pullbacks = Jacobian(of, argnums, True), Jacobian(of, argnums, False)
        self.known: dict[Any, Jacobian] = {}  # for types and sizes of arguments

    def title(self) -> str:
        return self.by_tangents.title()

    def make_program(self, specs: Specs) -> Program:
        """Where sizes are not known, in compiled code and inside other functions: by pullbacks for numbers of arrays
        and where they are short, else by tangents."""
        numbers = not any(ty.is_array(r.type) for r in self.of.program(specs).function.results)
        arrays = any(parts_of(specs[k]) is not None or ty.is_array(specs[k]) for k in self.wrt)
        short = (numbers and arrays) or self.is_short(specs)
        return (self.by_pullbacks if short else self.by_tangents).program(specs)

    def is_short(self, specs: Specs) -> bool:
        """Whether pullbacks of unit vectors are so short that they cost less, whatever the sizes are."""
        backward = made_by_pullbacks(self.by_tangents, self.by_pullbacks, specs)
        if backward is None or not pipeline.is_local(backward):
            return False
        return pipeline.costs_less(backward, self.by_tangents.program(specs).function, 1.0)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self.chosen(args, keywords)(*args, **keywords)

    def derivative_source(self, *args: Any, **keywords: Any) -> str:
        """The source text of the Jacobian for arguments of these types and sizes."""
        return self.chosen(args, keywords).derivative_source(*args, **keywords)

    def chosen(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Jacobian:
        """The Jacobian for arguments of these sizes; that of the results is taken to follow from them."""
        values = self.bind(args, keywords)
        specs = self.of.specs(values)
        try:
            key = specs, tuple(map(np.shape, flattened(values)))
            found = self.known.get(key)
        except TypeError:  # something in it is not hashable
            return self.by_sizes(args, keywords)
        if found is None:
            if len(self.known) >= KNOWN_SIZES:
                self.known.clear()
            found = self.known[key] = self.by_sizes(args, keywords)
        return found

    def by_sizes(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Jacobian:
        """The mode that takes fewer sweeps; the function is called, should the sizes of its results be needed."""
        values = self.bind(args, keywords)
        specs = self.of.specs(values)
        function = self.of.program(specs).function
        if self.is_short(specs):
            return self.by_pullbacks
        inputs = sum(np.size(x) for k in self.wrt for x in flattened([values[k]]))
        if inputs <= pipeline.WIDTH or function.written:
            return self.by_tangents
        if not any(ty.is_array(r.type) for r in function.results):
            return self.by_pullbacks
        outputs = sum(np.size(x) for x in flattened([self.of(*args, **keywords)]))
        return self.by_tangents if inputs <= pipeline.WIDTH * outputs else self.by_pullbacks


__all__ = ["EitherJacobian", "Hessian", "Jacobian"]
