"""Random programs: the gradient equals complex step, to second order, and optimised equals unoptimised.

A failure prints the program. The default run takes 200 of them and compiles 20; the others run as generated text, in
plain Python. `-m slow` takes 2,000 of each kind as plain Python, which is the same program without the hours that
compiling takes, and compiles every 20th chunk of them. Hypothesis draws every decision, so it shrinks what fails; each
parameter of a test is a chunk with a seed of its own, so that xdist spreads them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings

from srcdiff import AliasError, UnsupportedConstruct, differentiate, vjp
from tests.derivatives.test_corpus import Case, assert_close, first, numbers
from tests.fuzz import FromSeed, Generated, generated, loaded, programs
from tests.fuzz_arrays import array_programs, generated_with_arrays
from tests.programs import Program
from tests.sampling import slow
from tests.truth import (
    Unsupported,
    assert_gradient,
    assert_near,
    copied,
    gradient_by_complex_step,
    numbers_of,
    slope_by_richardson,
)

LARGEST = 1e5
REFUSED = (
    "is first named inside a loop and read behind it",
    "an array is returned from inside a loop",
    "may be part of either of two arrays",
    "its trips cannot be made again from what it carries",
    "may still be the part of an array that it names before the loop",
)
# Shrinking compiles hundreds of programs: only SRCDIFF_SHRINK=1 asks for it.
PHASES = [Phase.generate] if os.environ.get("SRCDIFF_SHRINK") != "1" else [Phase.generate, Phase.shrink]
CHUNK = 10
QUICK, SLOW, COMPILED = range(1), range(100, 300), range(100, 300, 20)
QUICK_TEXTS, SLOW_TEXTS = range(2, 4), (*range(4, 7), *SLOW)
QUICK_PAIRS, SLOW_PAIRS = range(2), range(100, 120)
QUICK_TWICE, SLOW_TWICE = range(1), range(100, 120)


def chunks(quick: Iterable[int], later: Iterable[int]) -> list[Any]:
    return [*quick, *map(slow, later)]


both_generators = pytest.mark.parametrize("written", [programs, array_programs])


def truth(f: Callable[..., float], program: Generated) -> Any:
    """The gradient by complex step, or None where it grows too large or a branch is about to flip.

    Differences along one random direction tell: their error estimate for a flip that is near, their value for
    a truth that is wrong.
    """
    with np.errstate(all="ignore"):
        try:
            exact = gradient_by_complex_step(f, program.args, program.argnums)
        except Unsupported as trouble:
            ties = "takes another way" in str(trouble)
            if ties or isinstance(trouble.__cause__, (OverflowError, ZeroDivisionError)):
                return None
            raise
        flat = numbers_of(exact)
        if not np.all(np.abs(flat) < LARGEST):
            return None
        if not abs(f(*copied(program.args))) < LARGEST:
            return None
        direction = np.random.default_rng(7).uniform(-1.0, 1.0, flat.size)
        slope, error = slope_by_richardson(f, program.args, program.argnums, direction)
    size = 1.0 + float(np.max(np.abs(flat), initial=0.0))
    if not error < 1e-8 * size:
        return None
    if abs(flat @ direction - slope) > error + 1e-9 * size:
        raise RuntimeError("complex step and differences disagree")
    return exact


@contextlib.contextmanager
def refusals_by_design_discarded() -> Iterator[None]:
    """Arrays swapped under a condition and then written through two names are refused, and some more by design."""
    try:
        yield
    except AliasError:
        hypothesis.reject()
    except UnsupportedConstruct as refused:
        if not any(text in str(refused) for text in REFUSED):
            raise
        hypothesis.reject()


def run(
    check: Callable[[Generated], None], written: Callable[[], Any], chunk: int, examples: int = CHUNK
) -> None:
    """Check a chunk of programs, those that can be judged."""
    quick = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        phases=PHASES,
    )
    hypothesis.seed(chunk)(quick(hypothesis.given(written())(check)))()


def check_gradients(written: Callable[[], Any], chunk: int, folder: Path) -> None:
    def check(program: Generated) -> None:
        f = loaded(program, folder)
        hypothesis.assume(truth(f, program) is not None)
        with refusals_by_design_discarded():
            assert_gradient(f, program.args, program.argnums)

    run(check, written, chunk)


@pytest.mark.parametrize("chunk", chunks(QUICK, COMPILED))
def test_gradient_of_random_programs(chunk: int, optimised_by_llvm: None, tmp_path: Path) -> None:
    check_gradients(programs, chunk, tmp_path)


@pytest.mark.parametrize("chunk", chunks(range(0), COMPILED))
def test_gradient_of_random_programs_on_parts_of_arrays(
    chunk: int, optimised_by_llvm: None, tmp_path: Path
) -> None:
    check_gradients(array_programs, chunk, tmp_path)


@pytest.mark.parametrize("chunk", chunks(QUICK_TEXTS, SLOW_TEXTS))
@both_generators
@pytest.mark.usefixtures("uncompiled")
def test_text_of_gradients(chunk: int, written: Callable[[], Any], tmp_path: Path) -> None:
    """The gradients again, as the interpreter runs them."""
    check_gradients(written, chunk, tmp_path)


@pytest.mark.parametrize("chunk", chunks(QUICK_PAIRS, SLOW_PAIRS))
@pytest.mark.usefixtures("uncompiled")
def test_optimised_equals_unoptimised(chunk: int, tmp_path: Path) -> None:
    def check(program: Generated) -> None:
        f = loaded(program, tmp_path)
        hypothesis.assume(truth(f, program) is not None)
        with refusals_by_design_discarded():
            value, gradient = differentiate(f, argnums=program.argnums).value_and_grad(*copied(program.args))
        unoptimised = differentiate(f, argnums=program.argnums, optimise=False)
        plain_value, plain_gradient = unoptimised.value_and_grad(*copied(program.args))
        assert_near(value, plain_value, 1e-12, 1e-13, what="value")
        for got, want in zip(gradient, plain_gradient, strict=True):
            assert_near(got, want, 1e-10, 1e-12)

    run(check, programs, 10_000 + chunk)


@pytest.mark.parametrize("chunk", chunks(QUICK_TWICE, SLOW_TWICE))
@both_generators
@pytest.mark.usefixtures("uncompiled")
def test_other_modes_and_second_derivatives(chunk: int, written: Callable[[], Any], tmp_path: Path) -> None:
    """Tangent and pullback are the gradient, forward over reverse is its difference, reverse over reverse the same."""

    def check(program: Generated) -> None:
        f = loaded(program, tmp_path)
        hypothesis.assume(truth(f, program) is not None)
        with refusals_by_design_discarded(), np.errstate(all="ignore"):
            case = Case(Program("random", f, (program.args,), program.argnums))
            tangents: list[Any] = [None] * len(case.args)
            for k, v in zip(case.wrt, case.direction, strict=True):
                tangents[k] = v
            slope = np.dot(numbers(case.gradient), numbers(case.direction))
            assert_close(first(case.f.jvp(case.fresh(), tuple(tangents))[1]), slope, case.tolerance)
            pullback = case.f.vjp(*case.fresh())[1]
            owed = pullback(seed_of(case.f.vjp(*case.fresh())[0], -2.5))
            assert_close(tuple(owed[k] for k in case.wrt), -2.5 * numbers(case.gradient), case.tolerance)
            product = case.f.hvp(*case.fresh(), case.direction)
            step = 1e-4
            coarse, fine = (
                (case.gradient_at(h) - case.gradient_at(-h)) / (2.0 * h) for h in (step, step / 2.0)
            )
            if not case.single and np.allclose(coarse, fine, rtol=1e-3, atol=1e-3):  # no branch flips there
                assert_close(product, (4.0 * fine - coarse) / 3.0, 1e-4)
            _, pullback = vjp(case.f.grad, *case.fresh())
            owed = pullback(case.direction)
            assert_close(tuple(owed[k] for k in case.wrt), product, max(case.tolerance, 1e-6))

    run(check, written, 20_000 + chunk, CHUNK if chunk in SLOW_TWICE else CHUNK // 2)


def seed_of(results: Any, cotangent: float) -> Any:
    """A cotangent of the value, and none of the arguments that are written."""
    if not isinstance(results, tuple):
        return cotangent
    return (cotangent, *(np.zeros_like(written) for written in results[1:]))


@pytest.mark.parametrize("chunk", chunks(range(4), range(100, 140)))
@pytest.mark.parametrize("write", [generated, generated_with_arrays])
def test_programs_run_and_truths_agree(chunk: int, write: Callable[[Any], Generated], tmp_path: Path) -> None:
    """Needs no srcdiff: programs end, stay in range, and most of them can be judged."""
    judged = 0
    for seed in range(25 * chunk, 25 * chunk + 25):
        program = write(FromSeed(seed))
        try:
            judged += truth(loaded(program, tmp_path), program) is not None
        except Exception as trouble:
            raise AssertionError(repr(program)) from trouble
    assert judged >= 15
