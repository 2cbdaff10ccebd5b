"""Every stage of the way from a program of the corpus to its gradient."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from srcdiff import pipeline
from srcdiff.api import differentiable
from srcdiff.errors import DifferentiationError, InternalError
from srcdiff.ir.core import Function
from tests.programs import PROGRAMS, Program

__all__ = ["readable_programs", "stages_of"]


def stages_of(program: Program, optimise: bool = True) -> Iterator[tuple[str, Function, bool]]:
    """(stage, its outcome, whether that is ideal) of a program at its first arguments."""
    function = differentiable(program.function)
    specs, found = function.specialise(function.arguments(program.args[0], {}))
    seen = [("parse", found.program.function)]
    wrt = function.plan(specs, function.indices(program.argnums))[0]
    pipeline.gradient(found.program, wrt, optimise, lambda name, outcome: seen.append((name, outcome)))
    names = [name for name, _ in seen]
    first, last = names.index("adjoint"), names.index("residuals")
    for k, (name, outcome) in enumerate(seen):
        yield name, outcome, first <= k < last


@functools.cache
def readable_programs() -> tuple[Program, ...]:
    """The corpus, less what is refused (tests/test_programs.py reports that)."""
    found = []
    for program in PROGRAMS:
        function = differentiable(program.function)
        try:
            function.specialise(function.arguments(program.args[0], {}))
        except InternalError:
            raise
        except DifferentiationError:
            continue
        found.append(program)
    return tuple(found)
