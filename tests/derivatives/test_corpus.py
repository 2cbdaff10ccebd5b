"""Every program of the corpus in every mode, each against another mode or against differences of the gradient.

The gradient itself is held against truth in tests/test_programs.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcdiff
from srcdiff import Differentiated
from srcdiff.arguments import flattened
from tests.programs import PROGRAMS, Program
from tests.sampling import sampled
from tests.truth import copied

pytestmark = pytest.mark.usefixtures("uncompiled")


def direction(like: Any, random: np.random.Generator) -> Any:
    if isinstance(like, tuple):
        return tuple(direction(part, random) for part in like)
    if isinstance(like, np.ndarray):
        return random.normal(size=like.shape).astype(like.dtype)
    return type(like)(random.normal()) if isinstance(like, np.floating) else random.normal()


def moved(args: Any, by: Any, step: float) -> Any:
    if isinstance(args, tuple):
        return tuple(moved(x, v, step) for x, v in zip(args, by, strict=True))
    return args + np.asarray(args).dtype.type(step) * by


def numbers(value: Any) -> np.ndarray:
    """All numbers of a nested value."""
    parts = [np.ravel(np.asarray(part, float)) for part in flattened([value])]
    return np.concatenate(parts) if parts else np.zeros(0)


def assert_close(got: Any, wanted: Any, tolerance: float) -> None:
    a, b = numbers(got), numbers(wanted)
    assert a.shape == b.shape
    scale = 1.0 + np.max(np.abs(b[np.isfinite(b)]), initial=0.0)
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale)


class Case:
    """A program at its first arguments, with a random direction."""

    def __init__(self, program: Program) -> None:
        self.args = program.args[0]
        argnums = program.argnums
        self.wrt = argnums if isinstance(argnums, tuple) else (argnums,)
        self.f: Differentiated = srcdiff.differentiate(program.function, argnums=self.wrt, cache=False)
        if len(self.args) != len(self.f.signature.names):
            pytest.skip("defaults are not in the tangents of this test")
        random = np.random.default_rng(0)
        self.direction = tuple(direction(self.args[k], random) for k in self.wrt)
        dtypes = {np.asarray(x).dtype for x in flattened(self.args)}
        self.single = np.dtype(np.float32) in dtypes
        self.tolerance = 2e-3 if self.single else 1e-8

    def fresh(self) -> tuple[Any, ...]:
        return tuple(map(copied, self.args))

    @functools.cached_property
    def gradient(self) -> tuple[Any, ...]:
        return self.f.grad(*self.fresh())

    def gradient_at(self, step: float) -> np.ndarray:
        args = list(self.fresh())
        for k, v in zip(self.wrt, self.direction, strict=True):
            args[k] = moved(args[k], v, step)
        return numbers(self.f.grad(*args))


def first(value: Any) -> Any:
    """The value of a function, without the arguments it writes."""
    return value[0] if isinstance(value, tuple) else value


@functools.lru_cache(maxsize=2)
def case_of(name: str) -> Case:
    """The checks of one program come one after the other, and share its derivatives."""
    return Case(next(program for program in PROGRAMS if program.name == name))


def tangent_is_the_gradient_along_a_direction(case: Case) -> None:
    tangents: list[Any] = [None] * len(case.args)
    for k, v in zip(case.wrt, case.direction, strict=True):
        tangents[k] = v
    value, tangent = case.f.jvp(case.fresh(), tuple(tangents))
    assert_close(first(tangent), np.dot(numbers(case.gradient), numbers(case.direction)), case.tolerance)
    assert_close(first(value), case.f.value_and_grad(*case.fresh())[0], case.tolerance)


def pullback_is_the_gradient_times_the_cotangent(case: Case) -> None:
    """Also when it is called again, and when the caller has changed the arguments meanwhile."""
    args = case.fresh()
    value, pullback = case.f.vjp(*args)
    for array in flattened(args):
        if isinstance(array, np.ndarray) and array.flags.writeable:
            array[...] = 77
    others = tuple(np.zeros_like(x) for x in value[1:]) if isinstance(value, tuple) else ()
    for cotangent in (1.0, -2.5, 1.0):
        seed = (cotangent, *others) if isinstance(value, tuple) else cotangent
        owed = pullback(seed)
        got = tuple(owed[k] for k in case.wrt)
        assert_close(got, cotangent * numbers(case.gradient), case.tolerance)


def hessian_times_vector(case: Case) -> None:
    """Forward over reverse, against differences of the gradient."""
    product = case.f.hvp(*case.fresh(), case.direction)
    if case.single:
        return
    step = 1e-4
    coarse, fine = ((case.gradient_at(h) - case.gradient_at(-h)) / (2.0 * h) for h in (step, step / 2.0))
    assert_close(product, (4.0 * fine - coarse) / 3.0, 1e-5)


def reverse_over_reverse_is_forward_over_reverse(case: Case) -> None:
    product = case.f.hvp(*case.fresh(), case.direction)
    _, pullback = srcdiff.vjp(case.f.grad, *case.fresh())
    owed = pullback(case.direction)
    assert_close(tuple(owed[k] for k in case.wrt), product, max(case.tolerance, 1e-7))


CHECKS = (
    tangent_is_the_gradient_along_a_direction,
    pullback_is_the_gradient_times_the_cotangent,
    hessian_times_vector,
    reverse_over_reverse_is_forward_over_reverse,
)


ROWS = [
    pytest.param(program.name, check, id=f"{program.name}-{check.__name__}")
    for k, program in enumerate(PROGRAMS)
    for check in (*CHECKS[k % 4 :], *CHECKS[: k % 4])
]


@pytest.mark.parametrize(("name", "check"), sampled(ROWS, 3))
def test_mode(name: str, check: Callable[[Case], None]) -> None:
    check(case_of(name))
