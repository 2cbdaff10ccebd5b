"""Every stage of the way from a program of the corpus to its gradient."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from srcdiff import pipeline
from srcdiff.differentiable import differentiable
from srcdiff.errors import DifferentiationError, InternalError
from srcdiff.ir.core import Function
from tests.programs import PROGRAMS, Program

__all__ = ["readable_programs", "stages_of"]


def stages_of(program: Program, optimise: bool = True) -> Iterator[tuple[str, Function, bool]]:
    """(stage, its outcome, whether that is ideal) of a program at its first arguments, for stages that change it."""
    function = differentiable(program.function)
    specs = function.specs(function.bind(program.args[0], {}))
    found = function.program(specs)
    seen = [("parse", found.function)]
    wrt, _ = function.signature.plan(specs, function.signature.indices(program.argnums))
    pipeline.gradient(found, wrt, optimise, lambda name, outcome: seen.append((name, outcome)))
    names = [name for name, _ in seen]
    first, last = names.index("adjoint"), names.index("residuals")
    given: tuple[Function | None, bool] = (None, False)
    for k, (name, outcome) in enumerate(seen):
        ideal = first <= k < last
        if (outcome, ideal) != given:
            yield name, outcome, ideal
        given = outcome, ideal


@functools.cache
def readable_programs() -> tuple[Program, ...]:
    """The corpus, less what is refused (tests/test_programs.py reports that)."""
    found = []
    for program in PROGRAMS:
        function = differentiable(program.function)
        try:
            function.program_for(*program.args[0])
        except InternalError:
            raise
        except DifferentiationError:
            continue
        found.append(program)
    return tuple(found)
