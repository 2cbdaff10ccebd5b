"""A function as it is compiled, its loops joined, gives and writes what the plain function gives and writes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

import srcdiff
from srcdiff import linking, pipeline
from srcdiff.frontend.captures import fetched
from tests.programs import PROGRAMS, Program
from tests.truth import copied, plain

ROWS = [
    pytest.param(program, args, id=f"{program.name}-{k}")
    for program in PROGRAMS
    for k, args in enumerate(program.args)
]


def flat(args: Iterable[Any]) -> list[Any]:
    """The numbers and arrays among the arguments, in order."""
    found: list[Any] = []
    for arg in args:
        if isinstance(arg, tuple):
            found += flat(arg)
        elif isinstance(arg, (np.ndarray, np.generic, float, int, bool, complex)):
            found.append(arg)
    return found


@pytest.mark.parametrize(("program", "args"), ROWS)
def test_primal_as_printed(program: Program, args: tuple[Any, ...]) -> None:
    decorated = srcdiff.differentiate(program.function)
    read = decorated.program_for(*args)
    function = pipeline.primal(read)
    names: dict[str, Any] = {}
    exec(linking.print_function(function), names)
    given, mine = copied(args), copied(args)
    with np.errstate(all="ignore"):
        want = plain(program.function)(*given)
        found = names[function.name](*flat(decorated.bind(mine, {})), *map(fetched, read.fetch))
    got = found[0] if isinstance(found, tuple) else found
    single = any(getattr(arg, "dtype", None) == np.float32 for arg in flat(args))
    tolerance = 1e-4 if single else 1e-10
    assert got == pytest.approx(want, rel=tolerance, abs=1e-12)
    for a, b in zip(flat(given), flat(mine), strict=True):
        assert np.allclose(a, b, rtol=tolerance, atol=1e-12, equal_nan=True)
