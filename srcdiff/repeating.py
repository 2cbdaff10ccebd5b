"""Arguments that NumPy repeats because they turn out to be of length 1: which calls need another program for them.

    f(x, b)      lengths are equal: the program that takes arrays as they are
    f(x, b1)     that one raises; called again by the program to which `b1.shape[0] == 1` is known

What a program demands of lengths is found in `analysis/length_checks.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import pipeline
from .analysis.length_checks import LengthChecks, length_checks
from .errors import DIFFERENT_LENGTHS, LONGER_THAN_ONE
from .frontend.captures import fetched, place
from .frontend.program import Program
from .frontend.things import Static
from .frontend.trees import mapped
from .ir import types as ty

ABOUT_LENGTHS = ((DIFFERENT_LENGTHS,), (LONGER_THAN_ONE,))
Specs = tuple[Any, ...]


class Demands:
    """What programs demand of the lengths of their arguments."""

    def __init__(self) -> None:
        self.found: dict[Specs, tuple[Program, LengthChecks]] = {}

    def refined(self, specs: Specs, program: Program, arguments: Sequence[Any]) -> Specs:
        """The types of arguments, with axes of length 1 where the program for the plain types would fail."""
        found = self.found.get(specs)
        if found is None or found[0] is not program:
            found = self.found[specs] = program, demanded(program)
        single = found[1].repeated([*arguments, *map(fetched, program.fetch)])
        return with_single_axes(specs, {k: axes for k, axes in single.items() if k < program.arguments})


def demanded(program: Program) -> LengthChecks:
    return length_checks(pipeline.with_early_checks(program.function))


def with_single_axes(specs: Specs, axes: Mapping[int, Sequence[int]]) -> Specs:
    """Types of arguments, some of which are known to be of length 1 along axes, by the number of the leaf."""
    number = itertools.count()

    def with_axes(leaf: Any) -> Any:
        return leaf if isinstance(leaf, Static) else ty.with_single_axes(leaf, axes.get(next(number), ()))

    return tuple(mapped(with_axes, spec) for spec in specs) if axes else specs


def single_captures(program: Program) -> dict[Any, tuple[int, ...]]:
    """The axes along which captured arrays, by their places, are of length 1 where they may meet longer ones."""
    single = [
        tuple(axis for axis, length in enumerate(np.shape(fetched(where))) if length == 1)
        for where in program.fetch
    ]
    if not any(single):
        return {}
    compared = {axis for check in demanded(program).checks for axis in check.axes}
    return {
        place(where): axes
        for k, (where, axes) in enumerate(zip(program.fetch, single, strict=True), program.arguments)
        if any((k, axis) in compared for axis in axes)
    }


def retrying(short: Callable[..., Any], long: Callable[..., Any]) -> Callable[..., Any]:
    """A call the short way, and the long way where lengths are not those that the program of the short way is for."""

    def call(*args: Any, **keywords: Any) -> Any:
        try:
            return short(*args, **keywords)
        except ValueError as error:
            if error.args[:1] not in ABOUT_LENGTHS:
                raise
        return long(*args, **keywords)

    call.__wrapped__ = short  # type: ignore[attr-defined]
    return call


__all__ = ["Demands", "Specs", "retrying", "single_captures"]
