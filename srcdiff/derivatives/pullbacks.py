"""What is owed to the arguments for given cotangents of the results.

    Forward         (x) -> y, residuals
    Backward        (residuals, y_bar) -> x_bar
    Cotangents      (x, y_bar) -> x_bar

`vjp` runs the first once and gives a `Pullback`, which runs the second for each cotangent. The third is both in one,
for calls inside functions that are read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .. import pipeline
from ..arguments import ArgNums, flattened, like, matching
from ..compiled import Compiled, Specs
from ..frontend.captures import fetched
from ..frontend.program import Program
from ..frontend.trees import Tree, closed, opened, parts_of, with_parts
from ..ir.core import Function
from ..rules import with_rules
from .derivative import Derivative, Derived, check_floats, with_written


class Cotangents(Derived):
    """What is owed to the parameters from number `first` on, for given cotangents of the results, in one piece.

    Called inside functions that are read, with the cotangents, then the arguments; gives a tuple, None for what has no
    derivative.
    """

    def __init__(self, of: Compiled, first: int) -> None:
        super().__init__(of.signature, of.options)
        self.of, self.first = of, first

    def __srcdiff_bind__(
        self, args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[list[Any], list[Any]]:
        return self.bind(args[1:], keywords), [args[0]]

    def make_program(self, specs: Specs) -> Program:
        moving = [k for k in range(self.first, len(specs)) if self.signature.moves(specs[k])]
        flat, nestings = self.signature.plan(specs, tuple(moving))
        program = with_rules(with_written(self.of.program(specs)), flat, "vjp")
        function = pipeline.cotangents(program.function, flat, self.options.optimise)
        nested = dict(zip(moving, nestings, strict=True))
        structure = tuple(nested.get(k) for k in range(self.first, len(specs)))
        return replace(program, function=function, structure=structure)


class Forward(Derivative):
    """The results of a function and what its pullback needs."""

    kind = "forward"

    def title(self) -> str:
        return f"{self.signature.name} and the residuals of its pullback by {self.by}."

    def __init__(self, of: Compiled, argnums: ArgNums) -> None:
        super().__init__(of, argnums)
        self.backward: dict[Specs, Function] = {}
        self.pullback = Backward(self)

    def make_program(self, specs: Specs) -> Program:
        program = with_written(self.of.program(specs))
        check_floats(self, program)
        flat, _ = self.signature.plan(specs, self.wrt)
        program = with_rules(program, flat, "vjp")
        forward, backward = pipeline.kept_pullback(program.function, flat, self.options.optimise)
        self.backward[specs] = backward
        self.pullback.programs.pop(specs, None)  # that of another forward sweep takes other residuals
        residuals = ("leaf",) * (len(forward.results) - len(program.function.results))
        return replace(program, function=forward, structure=(program.structure, residuals))

    def of_values(self, values: list[Any]) -> Any:
        """The results and the residuals for bound arguments."""
        function, fetch, _ = self.entry(self.specs(values))
        return function(*flattened(values), *map(fetched, fetch))


class Backward(Derivative):
    """What is owed to the parameters, from residuals and cotangents."""

    kind = "pullback"

    def __init__(self, forward: Forward) -> None:
        super().__init__(forward.of, forward.argnums)
        self.forward = forward

    def title(self) -> str:
        return f"What is owed to {self.by} of {self.signature.name}, for given cotangents of its results."

    def make_program(self, specs: Specs) -> Program:
        program = self.forward.program(specs)
        _, nestings = self.signature.plan(specs, self.wrt)
        return replace(
            program,
            function=self.forward.backward[specs],
            structure=tuple(nestings),
            fetch=(),
            statics=(),
            written=(),
        )


class Pullback:
    """What `vjp` returns: takes the cotangents of the results, gives what is owed to each argument."""

    def __init__(
        self,
        function: Callable[..., Any],
        residuals: Sequence[Any],
        results: Any,
        places: Sequence[int | None],
    ) -> None:
        self.function, self.residuals = function, residuals
        self.shapes = results
        self.places = places

    def __call__(self, cotangent: Any) -> tuple[Any, ...]:
        """
        Parameters
        ----------
        cotangent : like the result of the function

        Returns
        -------
        tuple
            One for each argument: like it, or None for one that is no float.
        """
        seeds = [
            like(given, primal, "the cotangent")
            for given, primal in zip(
                matching(cotangent, self.shapes, "the cotangent"), flattened([self.shapes]), strict=True
            )
        ]
        owed = self.function(*self.residuals, *seeds)
        return tuple(None if place is None else owed[place] for place in self.places)


def outline(results: Any) -> Any:
    """Something with the types and shapes of results, and no memory of its own."""
    tree = results if type(results) is tuple else opened(results)
    if tree is not None:
        outlined = with_parts(tree, list(map(outline, parts_of(tree) or ())))
        return closed(outlined) if isinstance(outlined, Tree) else outlined
    if isinstance(results, np.ndarray):
        return np.broadcast_to(np.zeros((), results.dtype), results.shape)
    return results


__all__ = ["Backward", "Cotangents", "Forward", "Pullback", "outline"]
