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
    """(stage, its outcome, whether that is ideal) of a program at its first arguments."""
    function = differentiable(program.function)
    specs = function.specs(function.bind(program.args[0], {}))
    found = function.program(specs)
    seen = [("parse", found.function)]
    wrt, _ = function.signature.plan(specs, function.signature.indices(program.argnums))
    pipeline.gradient(found, wrt, optimise, lambda name, outcome: seen.append((name, outcome)))
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
            function.program_for(*program.args[0])
        except InternalError:
            raise
        except DifferentiationError:
            continue
        found.append(program)
    return tuple(found)
