"""Random programs: the gradient equals complex step, and optimised equals unoptimised.

A failure prints the program. The default run takes 100 of them; `-m slow` takes 2,000 more. Hypothesis draws
every decision, so it shrinks what fails; each parameter of a test is a chunk with a seed of its own, so that
xdist spreads them.
"""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings

from srcdiff import AliasError
from tests.fuzz import FromSeed, Generated, generated, loaded, programs
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
# Shrinking compiles hundreds of programs: only SRCDIFF_SHRINK=1 asks for it.
PHASES = [Phase.generate] if os.environ.get("SRCDIFF_SHRINK") != "1" else [Phase.generate, Phase.shrink]
CHUNK = 10
QUICK, SLOW = range(10), range(100, 300)
QUICK_PAIRS, SLOW_PAIRS = range(2), range(100, 120)


def chunks(quick: range, slow: range) -> list[Any]:
    return [*quick, *(pytest.param(k, marks=pytest.mark.slow) for k in slow)]


def truth(f: Callable[..., float], program: Generated) -> Any:
    """The gradient by complex step, or None where it grows too large or a branch is about to flip.

    Differences along one random direction tell: their error estimate for a flip that is near, their value for
    a truth that is wrong.
    """
    with np.errstate(all="ignore"):
        try:
            exact = gradient_by_complex_step(f, program.args, program.argnums)
        except Unsupported as trouble:
            if isinstance(trouble.__cause__, (OverflowError, ZeroDivisionError)):
                return None
            raise
        flat = numbers_of(exact)
        if not np.all(np.abs(flat) < LARGEST):
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
def unresolved_aliases_discarded() -> Iterator[None]:
    """Arrays swapped under a condition and then written through two names are refused by design."""
    try:
        yield
    except AliasError:
        hypothesis.reject()


def run(check: Callable[[Generated], None], chunk: int, examples: int = CHUNK) -> None:
    quick = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        phases=PHASES,
    )
    hypothesis.seed(chunk)(quick(hypothesis.given(programs())(check)))()


@pytest.mark.parametrize("chunk", chunks(QUICK, SLOW))
def test_gradient_of_random_programs(chunk: int, tmp_path: Path) -> None:
    def check(program: Generated) -> None:
        f = loaded(program, tmp_path)
        hypothesis.assume(truth(f, program) is not None)
        with unresolved_aliases_discarded():
            assert_gradient(f, program.args, program.argnums)

    run(check, chunk)


@pytest.mark.parametrize("chunk", chunks(QUICK_PAIRS, SLOW_PAIRS))
def test_optimised_equals_unoptimised(chunk: int, tmp_path: Path) -> None:
    from srcdiff import differentiate

    if "optimise" not in inspect.signature(differentiate).parameters:
        pytest.skip("differentiate has no switch `optimise`")

    def check(program: Generated) -> None:
        f = loaded(program, tmp_path)
        hypothesis.assume(truth(f, program) is not None)
        with unresolved_aliases_discarded():
            value, gradient = differentiate(f, argnums=program.argnums).value_and_grad(*copied(program.args))
        unoptimised = differentiate(f, argnums=program.argnums, optimise=False)
        plain_value, plain_gradient = unoptimised.value_and_grad(*copied(program.args))
        assert_near(value, plain_value, 1e-12, 1e-13, what="value")
        for got, want in zip(gradient, plain_gradient, strict=True):
            assert_near(got, want, 1e-10, 1e-12)

    run(check, 10_000 + chunk)


@pytest.mark.parametrize("chunk", chunks(range(4), range(100, 140)))
def test_programs_run_and_truths_agree(chunk: int, tmp_path: Path) -> None:
    """Needs no srcdiff: programs end, stay in range, and most of them can be judged."""
    judged = 0
    for seed in range(25 * chunk, 25 * chunk + 25):
        program = generated(FromSeed(seed))
        try:
            judged += truth(loaded(program, tmp_path), program) is not None
        except Exception as trouble:
            raise AssertionError(repr(program)) from trouble
    assert judged >= 15
