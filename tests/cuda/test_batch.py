"""Batches in the emulator against differences of the function, and against the adjoint for the CPU."""

import subprocess
import sys

import numpy as np
import pytest

import srcdiff
from srcdiff.cuda import CudaUnavailable, batch, emulated
from srcdiff.errors import (
    AliasError,
    DifferentiationError,
    NotDifferentiable,
    TapeBoundError,
    TapeOverflowError,
    UnsupportedConstruct,
    UnsupportedDtype,
    UnsupportedIntrinsic,
)
from tests.cuda.differences import assert_slope
from tests.cuda.functions import FUNCTIONS, black_scholes, trades, unbounded_root
from tests.truth import copied

IDS = [f"{k}-{each.name}" for k, each in enumerate(FUNCTIONS)]


def made(each):
    return batch(each.function, each.shared, threads=32, **each.options)


def row_of(each, names, i):
    """The arguments of one row, with their own memory."""
    return tuple(
        copied(a)
        if n in each.shared or not isinstance(a, np.ndarray)
        else a[i].copy()
        if a.ndim > 1
        else a[i].item()
        for a, n in zip(each.args, names, strict=True)
    )


@pytest.mark.parametrize("each", FUNCTIONS, ids=IDS)
@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.usefixtures("uncompiled")
def test_against_the_cpu(each, seed):
    function = made(each)
    names = function.signature.names
    floats = [k for k, a in enumerate(each.args) if np.asarray(a).dtype.kind == "f"]
    order = None if seed is None else np.random.default_rng(seed)
    before = copied(each.args)
    with emulated(order):
        value, gradients = function.value_and_grad(*each.args)
        alone = function.value(*each.args)
    assert all(np.array_equal(a, b) for a, b in zip(before, each.args, strict=True))
    assert np.array_equal(value, alone)
    on_cpu = srcdiff.value_and_grad(each.function, argnums=floats)
    sums = [np.zeros(np.shape(each.args[k])) for k in floats]
    for i in range(len(value)):
        v, parts = on_cpu(*row_of(each, names, i))
        np.testing.assert_allclose(value[i], v, rtol=1e-13)
        for q, k in enumerate(floats):
            if names[k] in each.shared:
                sums[q] = sums[q] + parts[q]
            else:
                np.testing.assert_allclose(gradients[q][i], parts[q], rtol=1e-11, atol=1e-13)
    for q, k in enumerate(floats):
        if names[k] in each.shared:
            np.testing.assert_allclose(gradients[q], sums[q], rtol=1e-11)
            assert isinstance(gradients[q], np.ndarray) == isinstance(each.args[k], np.ndarray)


@pytest.mark.parametrize("each", FUNCTIONS, ids=IDS)
def test_against_differences(each):
    function = made(each)
    with emulated():
        gradients = function.grad(*each.args)
    floats = [k for k, a in enumerate(each.args) if np.asarray(a).dtype.kind == "f"]
    random = np.random.default_rng(1)
    weights = {k: random.standard_normal(np.shape(each.args[k])) for k in floats}
    expected = sum(np.sum(weights[k] * g) for k, g in zip(floats, gradients, strict=True))

    def moved(step):
        args = [a + step * weights[k] if k in floats else a for k, a in enumerate(each.args)]
        with emulated():
            return function.value(*args)

    def total(step):
        return float(np.sum(moved(step)))

    assert_slope(total, expected)


@pytest.mark.parametrize("each", FUNCTIONS, ids=IDS)
def test_single_precision(each):
    single = [
        a.astype(np.float32) if np.asarray(a).dtype == np.float64 and np.ndim(a) else a for a in each.args
    ]
    single = [np.float32(a) if isinstance(a, float) else a for a in single]
    with emulated():
        value, gradients = made(each).value_and_grad(*single)
        wide, wide_gradients = made(each).value_and_grad(*each.args)
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, wide, rtol=2e-3, atol=1e-3)
    for got, want in zip(gradients, wide_gradients, strict=True):
        assert not isinstance(got, np.ndarray) or got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=1e-2, atol=1e-2 * np.max(np.abs(want)))


def test_argnums():
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    with emulated():
        assert np.array_equal(batch(lambda x, y: x * y, argnums="y").grad(x, y), x)
        assert np.array_equal(batch(lambda x, y: x * y, argnums=("y", 0)).grad(x, y)[1], y)
        assert batch(lambda x, y: x * y).value(np.zeros(0), np.zeros(0)).shape == (0,)


def test_arrays_that_are_filled_again():
    each = FUNCTIONS[0]
    function = made(each)
    with emulated():
        value, gradients = function.value_and_grad(*each.args)
        want = copied((value, *gradients))
        for array in (value, *gradients[:-1]):
            array[...] = np.nan
        got, found = function.value_and_grad(*each.args, out=(value, gradients))
        for a, b in zip((got, *found), want, strict=True):
            np.testing.assert_array_equal(a, b)
        assert got is value and found[0] is gradients[0]
        with pytest.raises(TypeError, match="shape"):
            function.value_and_grad(*each.args, out=(value[:-1].copy(), gradients))
        with pytest.raises(AliasError):
            function.value_and_grad(*each.args, out=(each.args[0], gradients))
        with pytest.raises(AliasError):
            function.value_and_grad(*each.args, out=(value, (value, *gradients[1:])))
        with pytest.raises(TypeError, match="earlier call"):
            function.value_and_grad(*each.args, out=(np.zeros((len(value), 2))[:, 0], gradients))


FACTOR = 3.0
TABLE = np.array([1.0, 2.0])


def test_captured_numbers_and_defaults():
    def f(x, power=2):
        return FACTOR * x**power + TABLE[0]

    with emulated():
        value, (slope,) = batch(f).value_and_grad(np.array([1.0, 2.0]))
    assert np.array_equal(value, [4.0, 13.0])
    assert np.array_equal(slope, [6.0, 12.0])


def test_decorated_function():
    with emulated():
        (slope,) = batch(srcdiff.differentiate(lambda x: x * x)).grad(np.array([3.0]))
    assert slope[0] == 6.0


def test_exceptions_of_a_row():
    def checked(x):
        if x < 0:
            raise ValueError("negative")
        return x * x

    def picked(x, k):
        return x[k] * 2.0

    with emulated():
        with pytest.raises(ValueError, match="negative"):
            batch(checked).grad(np.array([1.0, -1.0]))
        with pytest.raises(IndexError):
            batch(picked).grad(np.ones((2, 3)), np.array([1, 3]))


def test_tape_bounds():
    columns = FUNCTIONS[3].args[:2]
    trips = np.full(len(columns[0]), 9)
    with emulated():
        with pytest.raises(TapeBoundError, match=r"(?s)functions\.py.*max_trips"):
            batch(unbounded_root).grad(columns[0])
        with pytest.raises(TapeOverflowError, match="larger"):
            batch(unbounded_root, max_trips=2).grad(columns[0])
        with pytest.raises(TapeOverflowError):
            batch(trades, ("p",), max_trips=8).grad(*columns, np.ones(4), trips)


def test_refusals():
    def twice(x):
        return x, x

    def solved(x, a):
        return np.linalg.solve(a, a)[0, 0] * x

    def grows(x, n):
        y = np.zeros(n)
        for i in range(n):
            y[i] = x * y[i // 2] + 1.0
        return y.sum()

    x = np.ones(3)
    with emulated():
        with pytest.raises(NotDifferentiable, match="one float"):
            batch(twice).grad(x)
        with pytest.raises(UnsupportedIntrinsic, match=r"test_batch\.py"):
            batch(solved, ("a",)).value(x, np.eye(2))
        with pytest.raises(UnsupportedConstruct, match="differs between threads"):
            batch(grows).grad(x, np.arange(3))
        with pytest.raises(UnsupportedDtype):
            batch(lambda x: x).grad(x.astype(np.float16))
        with pytest.raises(NotDifferentiable):
            batch(lambda x: x * 1.0, argnums="x").grad(np.arange(3))
    with pytest.raises(TypeError, match="shared"), emulated():
        batch(lambda x, y: x * y).grad(x, 1.0)
    with pytest.raises(ValueError, match="number of rows"), emulated():
        batch(lambda x, y: x * y).grad(x, np.ones(4))
    with pytest.raises(TypeError, match="no parameter"):
        batch(lambda x: x, ("y",))
    with pytest.raises(ValueError, match="32"):
        batch(lambda x: x, threads=100)


def test_source_and_report():
    each = FUNCTIONS[0]
    text = made(each).gradient_source(*each.args)
    assert text == made(each).gradient_source(*each.args)
    assert "def black_scholes_grad_rows(rows, spot," in text
    assert "block_add(rate_bar, 0, rate_sum)" in text
    report = made(each).report(*each.args)
    assert report.accumulation["rate"].startswith("block")
    assert report.accumulation["spot"].startswith("plain")
    assert "no tape in global memory" in str(report)
    many = next(each for each in FUNCTIONS if each.name == "many_weights")
    report = made(many).report(*many.args)
    assert report.accumulation["w"].startswith("atomic")
    assert report.atomics == ("w_bar",)


def test_nothing_of_cuda_is_imported():
    program = (
        "import sys, numpy as np, srcdiff; assert 'srcdiff.cuda' not in sys.modules\n"
        "from tests.cuda.functions import waves; x = np.ones(3)\n"
        "with srcdiff.cuda.emulated(): srcdiff.cuda.batch(waves, threads=32).grad(x, x)\n"
        "assert 'numba.cuda' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_a_gpu():
    if gpu_is_here():
        pytest.skip("there is a GPU")
    with pytest.raises(CudaUnavailable, match=r"srcdiff\[cuda13\]|no GPU"):
        batch(lambda x: x * x).grad(np.ones(2))
    assert issubclass(CudaUnavailable, DifferentiationError)


def gpu_is_here():
    from numba import cuda

    try:
        return cuda.is_available()
    except Exception:
        return False


def test_black_scholes_closed_form():
    each = FUNCTIONS[0]
    with emulated():
        delta = made(each).grad(*each.args)[0]
    spot, strike, time, volatility, rate = each.args
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility**2) * time) / (volatility * np.sqrt(time))
    from scipy.special import ndtr

    np.testing.assert_allclose(delta, ndtr(d1), rtol=1e-12, atol=1e-15)
    assert each.function is black_scholes
