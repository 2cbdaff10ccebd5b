"""Adjoint kernels that are spoilt on purpose: the emulator must object, or the result must be wrong."""

import re

import numpy as np
import pytest

from srcdiff.cuda import kernel
from srcdiff.cuda.emulate import launch
from srcdiff.cuda.emulated_kernel import emulated_function
from srcdiff.errors import DivergentBarrier, RaceError
from tests.cuda.primals import KERNELS
from tests.cuda.shared import SHARED
from tests.sampling import sampled
from tests.truth import copied

ATOMIC = re.compile(r"cuda\.atomic\.add\((\w+_bar), (\([^()]*\)|[^,()]+), (.+)\)$", re.MULTILINE)
BY_NAME = {each.name: each for each in [*KERNELS, *SHARED]}
SYNC = "cuda.syncthreads()"


def run(name, text, adjoint, tapes=()):
    case = BY_NAME[name]
    random = np.random.default_rng(0)
    args = copied(case.args)
    floats = [k for k, a in enumerate(args) if np.asarray(a).dtype.kind == "f"]
    parted = kernel(case.kernel, **case.options).adjoint_of(case.args).parted  # with an axis of partial sums
    shapes = [np.shape(args[k]) or (1,) for k in floats]
    shadows = [
        random.standard_normal((1, *shape) if k in parted else shape)
        for k, shape in zip(floats, shapes, strict=True)
    ]
    given = [*args, *shadows, *(tape.copy() for tape in tapes)]
    launch(emulated_function(text, adjoint), *case.grid, given)
    return shadows


def source(name, **options):
    case = BY_NAME[name]
    differentiable = kernel(case.kernel, **case.options, **options)
    return differentiable.gradient_source(*case.args), f"{name}_adjoint"


@pytest.mark.parametrize(
    "name",
    ["heat", "heat_of_square", "embedding", "forces", "product", "smoothed", "smoothed_square"],
)
def test_plain_instead_of_atomic(name):
    text, adjoint = source(name, gather=False)

    def plainly(match):
        array, where, term = match.groups()
        return f"{array}[{where}] += {term}"

    spoilt = ATOMIC.sub(plainly, text)
    assert spoilt != text
    run(name, text, adjoint)
    with pytest.raises(RaceError):
        run(name, spoilt, adjoint)


@pytest.mark.parametrize("name", ["rms_norm", "softmax", "bodies", "matvec"])
def test_sums_of_warps_that_are_plain(name):
    text, adjoint = source(name)
    spoilt = text.replace("cuda.atomic.add(array, where, term)", "array[where] += term")
    assert "def warp_add" in text.split("array[where]")[0]
    with pytest.raises(RaceError):
        run(name, spoilt, adjoint)


@pytest.mark.parametrize("name", sampled([each.name for each in SHARED], 2))
def test_a_missing_barrier(name):
    """It is a race, or was one of those that this grid does not need: then the result is the same."""
    text, adjoint = source(name)
    tapes = tapes_of(name)
    right = run(name, text, adjoint, tapes)
    start = text.index(f"def {adjoint}")
    lines = [k for k, line in enumerate(text.splitlines()) if line.strip() == SYNC]
    lines = [k for k in lines if k > text[:start].count("\n")]
    caught = 0
    for k in lines:
        spoilt = text.splitlines()
        spoilt[k] = spoilt[k].replace(SYNC, "pass")
        try:
            found = run(name, "\n".join(spoilt), adjoint, tapes)
        except RaceError:
            caught += 1
        else:
            assert all(np.allclose(a, b, equal_nan=True) for a, b in zip(found, right, strict=True))
    assert caught >= max(1, len(lines) - 3)


@pytest.mark.parametrize("name", sampled([each.name for each in SHARED], 2, 1))
def test_a_barrier_that_some_threads_miss(name):
    text, adjoint = source(name)
    head, body = text[: text.index(f"def {adjoint}")], text[text.index(f"def {adjoint}") :]
    at = body.rindex(SYNC)
    spoilt = head + body[:at] + f"if cuda.threadIdx.x != 1: {SYNC}" + body[at + len(SYNC) :]
    with pytest.raises((DivergentBarrier, RaceError)):
        run(name, spoilt, adjoint, tapes_of(name))


def tapes_of(name):
    case = BY_NAME[name]
    differentiable = kernel(case.kernel)
    differentiable.report(*case.args)
    count = int(np.prod([np.prod(size) for size in case.grid]))
    return [np.zeros((*[8] * (t.type.ndim - 1), count)) for t in differentiable.last.placed.tapes]


def test_one_of_several_plain():
    text, adjoint = source("heat", gather=False)
    spoilt = ATOMIC.sub(lambda m: f"{m[1]}[{m[2]}] += {m[3]}", text, count=1)
    with pytest.raises(RaceError):
        run("heat", spoilt, adjoint)


def test_without_the_barriers_of_a_sum():
    case = BY_NAME["saxpy_loss"]
    text = kernel(case.kernel).gradient_source(*case.args)
    first, second = (
        "    cuda.syncthreads()  # the call before may still be reading\n",
        "    cuda.syncthreads()\n",
    )
    assert first in text and second in text
    x = np.ones(64)

    def start(source):
        arguments = [
            np.ones(1),
            x,
            x.copy(),
            np.zeros(1),
            np.zeros((1, 1)),
            np.zeros(64),
            np.zeros(64),
            np.ones(1),
        ]
        launch(emulated_function(source, "saxpy_loss_adjoint"), 1, 64, arguments)

    start(text)
    with pytest.raises(RaceError):
        start(text.replace(second, ""))


def test_a_sum_that_only_some_threads_reach():
    case = BY_NAME["saxpy_loss"]
    text = kernel(case.kernel).gradient_source(*case.args)
    call = "    block_add(a_bar, 0, a_sum)\n"
    assert call in text
    spoilt = text.replace(call, f"    if cuda.grid(1) < 40:\n    {call}")
    arguments = [np.ones(1), *np.ones((2, 64)), np.zeros(1), np.zeros((1, 1)), *np.zeros((2, 64)), np.ones(1)]
    with pytest.raises(DivergentBarrier):
        launch(emulated_function(spoilt, "saxpy_loss_adjoint"), 1, 64, arguments)


def test_beyond_the_guard():
    text, adjoint = source("histogram")
    assert "i < x.shape[0]" in text
    with pytest.raises(IndexError):
        run("histogram", text.replace("i < x.shape[0]", "i <= x.shape[0]"), adjoint)


def test_a_neighbour_that_does_not_exist():
    """Collecting from the thread on the left needs the guard for the first one."""
    text, adjoint = source("heat")
    assert "if 0 <= " in text
    shadows = run("heat", text, adjoint)
    wrong = run("heat", text.replace("u_sum += out_bar", "u_sum -= out_bar", 1), adjoint)
    assert not np.allclose(shadows[0], wrong[0])
