"""The functions of the benchmarks have the right gradients.

Those of `kernels` equal the adjoint written by hand, at the smallest size. Those of `npbench`, at a small size, have
the slope of extrapolated differences along a random direction, and the same gradient in slices, in loops and by hand.
Generated programs of `npbench` run under CPython here, and compiled with `-m slow`.
"""

from __future__ import annotations

import functools
import importlib
import pathlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numba
import numpy as np
import pytest

import srcdiff
from tests.sampling import sampled
from tests.truth import assert_unchanged, copied, slope_by_richardson

FOLDER = pathlib.Path(__file__).parent.parent / "benchmarks"
NAMES = sorted(path.stem for path in (FOLDER / "kernels").glob("[a-z]*.py"))
PROGRAMS = sorted(path.stem for path in (FOLDER / "npbench").glob("[a-z]*.py"))


@pytest.mark.parametrize("name", sampled(NAMES, 3))
@pytest.mark.usefixtures("optimised_by_llvm")
def test_equals_hand_written(name, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    kernel = importlib.import_module(f"kernels.{name}")
    args = kernel.make(kernel.SIZES[0], np.random.default_rng(7))
    want_value, want = numba.njit(error_model="numpy")(kernel.hand)(*args)
    value, gradient = srcdiff.value_and_grad(kernel.primal, argnums=kernel.ARGNUMS)(*args)
    assert value == pytest.approx(want_value, rel=1e-10)
    for got, expected in zip(gradient, want, strict=True):
        scale = max(float(np.max(np.abs(expected))), 1e-300)
        assert float(np.max(np.abs(np.asarray(got) - expected))) <= 1e-9 * scale
    sys.modules.pop(f"kernels.{name}", None)


@pytest.fixture(scope="module")
def npbench() -> Iterator[Any]:
    """What gives a program's module by its name."""
    sys.path.insert(0, str(FOLDER))
    yield lambda name: importlib.import_module(f"npbench.{name}")
    sys.path.remove(str(FOLDER))


@functools.cache
def slope(program: ModuleType, style: str) -> tuple[float, float, np.ndarray]:
    """The derivative along a random direction, its error, and the direction."""
    args = arguments(program)
    size = sum(np.size(args[k]) for k in program.ARGNUMS)
    direction = np.random.default_rng(3).standard_normal(size)
    return *slope_by_richardson(getattr(program, style), args, program.ARGNUMS, direction), direction


def arguments(program: ModuleType) -> tuple[Any, ...]:
    return program.make(program.SMALL, np.random.default_rng(5))


def assert_right(program: ModuleType, style: str, value: float, gradient: tuple[Any, ...]) -> np.ndarray:
    """Hold a value and a gradient against the program; gives the gradient as one vector."""
    with np.errstate(all="ignore"):
        assert value == pytest.approx(getattr(program, style)(*copied(arguments(program))), rel=1e-10)
    want, error, direction = slope(program, style)
    found = np.concatenate([np.ravel(part) for part in gradient])
    assert found @ direction == pytest.approx(want, rel=1e-8, abs=error)
    return found


@pytest.mark.parametrize("name", sampled(PROGRAMS, 4))
def test_program(name: str, npbench: Any) -> None:
    """Both styles, as printed and run by CPython, and an adjoint written by hand where there is one."""
    program = npbench(name)
    found = []
    for style in ("slices", "loops"):
        args = arguments(program)
        decorated = srcdiff.differentiate(getattr(program, style), argnums=program.ARGNUMS)
        names: dict[str, Any] = {}
        exec(decorated.gradient_source(*args), names)
        gradient = names[f"{style}_grad"]
        captured = [getattr(program, name) for name in parameters_of(gradient)[len(args) :]]
        with np.errstate(all="ignore"):
            value, parts = gradient(*args, *captured)
        assert_unchanged(args, arguments(program))
        found.append(assert_right(program, style, value, parts))
    if hasattr(program, "hand"):
        args = arguments(program)
        value, parts = program.hand(*args)
        assert_unchanged(args, arguments(program))
        found.append(assert_right(program, "loops", value, parts))
    scale = np.max(np.abs(found[0]))
    assert all(np.max(np.abs(found[0] - other)) <= 1e-11 * scale for other in found[1:])


def parameters_of(function: Any) -> tuple[str, ...]:
    code = function.__code__
    return code.co_varnames[: code.co_argcount]


@pytest.mark.slow
@pytest.mark.parametrize("style", ["slices", "loops"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_compiled_program(name: str, style: str, npbench: Any) -> None:
    program = npbench(name)
    args = arguments(program)
    value, gradient = srcdiff.value_and_grad(getattr(program, style), argnums=program.ARGNUMS)(*args)
    assert_unchanged(args, arguments(program))
    assert_right(program, style, value, gradient)
