"""Adjoint kernels in the emulator against differences of the kernel, and against the adjoint for the CPU."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from numba import cuda

import srcdiff
from srcdiff.cuda import emulated, kernel
from srcdiff.errors import (
    AliasError,
    CrossThreadDependence,
    DivergentBarrier,
    NotDifferentiable,
    OverwriteError,
    RaceError,
    SharedMemoryError,
    TapeBoundError,
    TapeOverflowError,
    UnsupportedAtomic,
    UnsupportedConstruct,
    UnsupportedDtype,
    UnsupportedIntrinsic,
)
from tests.cuda.differences import assert_slope
from tests.cuda.primals import KERNELS, heat, roots
from tests.cuda.shared import SHARED
from tests.truth import copied

ALL = [*KERNELS, *SHARED]
IDS = [each.name for each in ALL]


def floats_of(args):
    return [k for k, a in enumerate(args) if np.asarray(a).dtype.kind == "f"]


def seeds_of(each):
    random = np.random.default_rng(3)
    return {k: random.standard_normal(each.args[k].shape) for k in each.written}


def adjoint_of(each, seeds, order=None, args=None):
    """What is owed to each float argument, and to what was written afterwards."""
    args = copied(each.args if args is None else args)
    single = args[each.written[0]].dtype == np.float32
    differentiable = kernel(each.kernel_for(np.float32) if single else each.kernel, **each.options)
    shadows = [
        seeds[k].astype(args[k].dtype)
        if k in seeds
        else np.zeros(np.shape(args[k]) or 1, np.asarray(args[k]).dtype)
        for k in floats_of(args)
    ]
    before = copied(args)
    with emulated(order):
        differentiable.adjoint[each.grid](*args, *shadows)
    assert all(np.array_equal(a, b) for a, b in zip(before, args, strict=True))
    return dict(zip(floats_of(args), shadows, strict=True)), differentiable


@pytest.mark.parametrize("each", ALL, ids=IDS)
@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.usefixtures("uncompiled")
def test_against_the_cpu(each, seed):
    order = None if seed is None else np.random.default_rng(seed)
    seeds = seeds_of(each)
    found, _ = adjoint_of(each, seeds, order)
    floats = floats_of(each.args)
    on_cpu = srcdiff.grad(each.on_cpu, argnums=floats)(*copied(each.args), *seeds.values())
    for k, want in zip(floats, on_cpu, strict=True):
        if k not in each.written:
            np.testing.assert_allclose(found[k].reshape(np.shape(want)), want, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("each", ALL, ids=IDS)
def test_against_differences(each):
    seeds = seeds_of(each)
    found, differentiable = adjoint_of(each, seeds)
    random = np.random.default_rng(4)
    ways = {k: random.standard_normal(np.shape(each.args[k])) for k in floats_of(each.args)}
    expected = sum(np.sum(ways[k] * found[k].reshape(np.shape(ways[k]))) for k in ways)

    def total(step):
        args = [a + step * ways[k] if k in ways else a for k, a in enumerate(each.args)]
        with emulated():
            differentiable[each.grid](*args)
        return sum(float(np.sum(seeds[k] * args[k])) for k in each.written)

    assert_slope(total, expected)


@pytest.mark.parametrize("each", ALL, ids=IDS)
def test_accumulation(each):
    report = kernel(each.kernel, **each.options).report(*each.args)
    assert {name: how.partition(":")[0] for name, how in report.accumulation.items()} == each.ways


@pytest.mark.parametrize("each", ALL, ids=IDS)
def test_single_precision(each):
    single = [
        a.astype(np.float32) if isinstance(a, np.ndarray) and a.dtype == float else a for a in each.args
    ]
    single = [np.float32(a) if isinstance(a, float) else a for a in single]
    seeds = seeds_of(each)
    found, _ = adjoint_of(each, seeds, args=tuple(single))
    wide, _ = adjoint_of(each, seeds)
    for k, want in wide.items():
        assert found[k].dtype == np.float32
        np.testing.assert_allclose(found[k], want, rtol=1e-2, atol=1e-3 * max(1.0, np.max(np.abs(want))))


def of_name(name):
    return next(each for each in ALL if each.name == name)


@pytest.mark.parametrize("name", ["product", "bodies"])
def test_tiles_are_filled_again(name):
    """A trip over a tile reads it from global memory once more, instead of a tape of all that it has read."""
    each = of_name(name)
    differentiable = kernel(each.kernel)
    report = differentiable.report(*each.args)
    assert not report.tapes
    floats = [np.zeros(np.shape(each.args[k]) or 1) for k in floats_of(each.args)]
    with emulated(), pytest.raises(ValueError, match="reads a tile of"):
        differentiable.adjoint[2, (2, 16) if name == "product" else 16](*copied(each.args), *floats)


def late(x, y):
    """The tile of the trip before is read: it cannot be filled again, and what was read is recorded."""
    s = cuda.shared.array(32, np.float64)
    t = cuda.threadIdx.x
    s[t] = x[0, t]
    cuda.syncthreads()
    total = 0.0
    for r in range(x.shape[0]):
        for q in range(32):
            total += math.sin(s[q] * x[r, t])
        cuda.syncthreads()
        s[t] = x[r, t] * x[r, t]
        cuda.syncthreads()
    y[t] = total


def partly(x, y):
    """Not all threads fill the tile in every trip."""
    s = cuda.shared.array(32, np.float64)
    t = cuda.threadIdx.x
    s[t] = x[0, t]
    cuda.syncthreads()
    total = 0.0
    for r in range(x.shape[0]):
        if t > r:
            s[t] = x[r, t] * x[r, t]
        cuda.syncthreads()
        for q in range(32):
            total += math.sin(s[q] * x[r, t])
        cuda.syncthreads()
    y[t] = total


def twice(x, y):
    """Each thread fills two elements of the tile."""
    s = cuda.shared.array(64, np.float64)
    t = cuda.threadIdx.x
    total = 0.0
    for r in range(x.shape[0]):
        s[t] = x[r, t]
        s[t + 32] = x[r, 31 - t]
        cuda.syncthreads()
        for q in range(64):
            total += math.sin(s[q] + x[0, t])
        cuda.syncthreads()
    y[t] = total


@pytest.mark.parametrize("function", [late, partly, twice])
def test_tiles_that_are_not_filled_in_each_trip(function):
    x, weights, way = np.random.default_rng(5).standard_normal((3, 3, 32))
    x_bar, y_bar = np.zeros_like(x), weights[0].copy()
    differentiable = kernel(function)
    with emulated(np.random.default_rng(0)):
        differentiable.adjoint[1, 32](x, np.zeros(32), x_bar, y_bar)
    assert len(differentiable.report().tapes) == 1

    def total(step):
        y = np.zeros(32)
        with emulated():
            differentiable[1, 32](x + step * way, y)
        return float(np.sum(weights[0] * y))

    assert_slope(total, np.sum(way * x_bar))


def test_seeds_are_used_up_and_sums_added_to():
    case = next(each for each in KERNELS if each.name == "rows_of_blocks")
    x, y = copied(case.args)
    x_bar, y_bar = np.ones_like(x), np.ones_like(y)
    with emulated():
        kernel(case.kernel).adjoint[case.grid](x, y, x_bar, y_bar)
    assert np.allclose(x_bar, 1 + 3 * x * x)
    assert not y_bar.any()


def test_inactive_arguments():
    u, c, out = copied(next(each for each in KERNELS if each.name == "heat").args)
    c_bar, out_bar = np.zeros(1), np.ones_like(out)
    differentiable = kernel(heat)
    with emulated():
        differentiable.adjoint[2, 32](u, c, out, None, c_bar, out_bar)
    assert "u_bar" not in differentiable.gradient_source()
    assert np.allclose(c_bar, np.sum(u[:-2] - 2 * u[1:-1] + u[2:]))
    only = srcdiff.differentiate(heat, target="cuda", argnums="c")
    assert only.shadows(u, c, out) == ("c", "out")


def test_decorator_and_launch():
    @srcdiff.differentiate(target="cuda")
    def scale(a, x, y):
        i = cuda.grid(1)
        if i < x.shape[0]:
            y[i] = a * x[i]

    x, y = np.arange(40.0), np.zeros(40)
    with emulated():
        scale[2, 32](3.0, x, y)
        a_bar, x_bar, y_bar = np.zeros(1), np.zeros(40), np.ones(40)
        scale.adjoint[2, 32, 0](3.0, x, y, a_bar, x_bar, y_bar)
    assert np.array_equal(y, 3 * x)
    assert a_bar[0] == x.sum()
    assert np.array_equal(x_bar, np.full(40, 3.0))
    assert scale.__name__ == "scale"


def test_strided_loop_is_printed_as_one():
    case = next(each for each in KERNELS if each.name == "saxpy_loss")
    text = kernel(case.kernel).gradient_source(*case.args)
    assert text == kernel(case.kernel).gradient_source(*case.args)
    assert "in range(cuda.grid(1), x.shape[0], cuda.gridsize(1)):" in text.replace(
        "t2", "cuda.grid(1)"
    ).replace("t3", "cuda.gridsize(1)").replace("t1", "x.shape[0]")


@pytest.mark.parametrize("each", [e for e in KERNELS if "gather" in e.ways.values()], ids=lambda e: e.name)
def test_gathered_and_atomic_sums_agree(each):
    seeds = seeds_of(each)
    gathered, differentiable = adjoint_of(each, seeds)
    assert "cuda.atomic.add(u_bar" not in differentiable.gradient_source()
    args = copied(each.args)
    shadows = [seeds[k].copy() if k in seeds else np.zeros_like(args[k]) for k in floats_of(args)]
    plain = kernel(each.kernel, gather=False)
    with emulated():
        plain.adjoint[each.grid](*args, *shadows)
    assert "cuda.atomic.add(u_bar" in plain.gradient_source()
    for k, shadow in zip(floats_of(args), shadows, strict=True):
        np.testing.assert_allclose(gathered[k], shadow, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("each", ALL, ids=IDS)
def test_shadows_that_are_overwritten(each):
    """Whatever the shadows hold: the result is what the adjoint would add to zeros."""
    seeds = seeds_of(each)
    want, _ = adjoint_of(each, seeds)
    args = copied(each.args)
    shadows = [
        seeds[k].copy() if k in seeds else np.full(np.shape(args[k]) or 1, np.nan) for k in floats_of(args)
    ]
    differentiable = kernel(each.kernel, accumulate=False, **each.options)
    with emulated(np.random.default_rng(2)):
        differentiable.adjoint[each.grid](*args, *shadows)
    for k, shadow in zip(floats_of(args), shadows, strict=True):
        np.testing.assert_allclose(shadow, want[k], rtol=1e-12, atol=1e-14)
    if each.name in ("chain", "saxpy_loss", "heat", "histogram"):
        text = differentiable.gradient_source()
        name = "u" if each.name == "heat" else "x"
        assert re.search(rf"{name}_bar\[\w+\] = ", text)
        assert not re.search(rf"{name}_bar\[\w+\] \+= ", text)


@pytest.mark.parametrize("name", ["heat", "matvec", "saxpy_loss", "forces"])
def test_blocks_of_odd_sizes(name):
    """A warp that is not full has no sums of its own."""
    each = of_name(name)
    want, _ = adjoint_of(each, seeds_of(each))
    found, _ = adjoint_of(replace(each, grid=(5, 13)), seeds_of(each))
    for k, expected in want.items():
        np.testing.assert_allclose(found[k], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["matvec", "forces"])
def test_warps_sum_what_all_threads_add_to(name):
    """The loop is taken out of the branch, so that threads without work take part."""
    text = kernel(of_name(name).kernel).gradient_source(*of_name(name).args)
    loop = next(line for line in text.splitlines() if line.strip().startswith("for j in"))
    assert loop.startswith("    for")
    assert "        warp_add(" in text


def test_shadows_that_the_grid_does_not_cover():
    """Some elements have no thread, or the guard leaves them out: they are zeros, as nothing is owed to them."""

    def guarded(x, y):
        i = cuda.grid(1)
        if i < y.shape[0]:
            y[i] = math.exp(x[i])

    x = np.linspace(0.0, 1.0, 70)
    differentiable = kernel(guarded, accumulate=False)
    for length, blocks in ((70, 3), (64, 3), (70, 2)):
        y_bar, x_bar = np.ones(length), np.full(70, np.nan)
        with emulated():
            differentiable.adjoint[blocks, 32](x, np.zeros(length), x_bar, y_bar)
        reached = min(length, 32 * blocks)
        np.testing.assert_allclose(x_bar[:reached], np.exp(x[:reached]))
        assert not x_bar[reached:].any()


def test_positions_by_hand_that_the_grid_does_not_cover():
    def unguarded(x, y):
        i = cuda.threadIdx.x + cuda.blockIdx.x * cuda.blockDim.x
        y[i] = math.exp(x[i])

    x, x_bar = np.linspace(0.0, 1.0, 70), np.full(70, np.nan)
    with emulated():
        kernel(unguarded, accumulate=False).adjoint[2, 32](x, np.zeros(70), x_bar, np.ones(70))
    np.testing.assert_allclose(x_bar[:64], np.exp(x[:64]))
    assert not x_bar[64:].any()


def shifted(u, out):
    i = cuda.grid(1)
    if i < out.shape[0]:
        out[i] = u[i] * u[i + 2]


def test_threads_for_some_elements_only():
    """Without a thread for each element nobody could collect for the others: the sums are atomic then."""
    u, weights = np.random.default_rng(0).standard_normal((2, 66))
    u_bar, out_bar = np.zeros(66), weights[:64].copy()
    differentiable = kernel(shifted)
    with emulated():
        differentiable.adjoint[2, 32](u, np.zeros(64), u_bar, out_bar)
    assert "u_sum" in differentiable.gradient_source()
    want = np.zeros(66)
    want[:64] += weights[:64] * u[2:]
    want[2:] += weights[:64] * u[:64]
    np.testing.assert_allclose(u_bar, want)
    assert not out_bar.any()


def scaled_by_neighbour(u, y):
    i = cuda.grid(1)
    if 0 < i < u.shape[0]:
        y[i] = y[i] * 0.5 + u[i] - u[i - 1]


def test_outputs_that_are_added_to_are_not_gathered_from():
    """A neighbour would read what is owed to the new value, or to the old one, depending on who is first."""
    u, weights = np.random.default_rng(0).standard_normal((2, 64))
    u_bar, y_bar = np.zeros(64), weights.copy()
    differentiable = kernel(scaled_by_neighbour)
    with emulated(np.random.default_rng(1)):
        differentiable.adjoint[2, 32](u, np.zeros(64), u_bar, y_bar)
    want = np.zeros(64)
    want[1:] += weights[1:]
    want[:-1] -= weights[1:]
    np.testing.assert_allclose(u_bar, want)
    np.testing.assert_allclose(y_bar, np.concatenate([weights[:1], 0.5 * weights[1:]]))


def permuted(w, k, x, y):
    i = cuda.grid(1)
    if i < k.shape[0]:
        y[i] = w[k[i]] * w[k[i]] * x[i]


def permuted_and_own(w, k, x, y):
    i = cuda.grid(1)
    if i < k.shape[0]:
        y[i] = w[k[i]] * w[i] * x[i]


def test_a_promise_that_indices_differ():
    random = np.random.default_rng(0)
    k, (w, x, weights) = random.permutation(64), random.standard_normal((3, 64))
    w_bar = np.zeros(64)
    promised = kernel(permuted, unique=["k"])
    with emulated():
        promised.adjoint[2, 32](w, k, x, np.zeros(64), w_bar, np.zeros(64), weights.copy())
    want = np.zeros(64)
    want[k] = 2.0 * w[k] * x * weights
    np.testing.assert_allclose(w_bar, want)
    assert promised.report().accumulation["w"].startswith("plain")
    assert kernel(permuted).report(w, k, x, x).accumulation["w"].startswith("atomic")
    both = kernel(permuted_and_own, unique=["k"])
    assert both.report(w, k, x, x).accumulation["w"].startswith("atomic")
    with emulated(), pytest.raises(RaceError):  # the promise is broken
        promised.adjoint[2, 32](w, k // 2, x, np.zeros(64), w_bar, np.zeros(64), weights.copy())


def by_index_in_shared_memory(x, y):
    k = cuda.shared.array(32, np.int32)
    s = cuda.shared.array(shape=(4, 8), dtype=x.dtype)
    t = cuda.threadIdx.x
    k[t] = 31 - t
    s[t // 8, t % 8] = x[t]
    cuda.syncthreads()
    row = s[k[t] // 8]
    total = 0.0
    for j in range(8):
        total += row[j] * row[j] * x[t]
    y[t] = total


def declared_in_a_loop(x, y):
    t = cuda.threadIdx.x
    a = 0.0
    for k in range(3):
        cuda.syncthreads()
        s = cuda.shared.array(32, np.float64)
        s[t] = x[t] * k
        cuda.syncthreads()
        a += s[31 - t] * s[t]
    y[t] = a


def until_shared_value(x, y):
    """As many trips in all threads: what decides is read by all of them from one place."""
    s = cuda.shared.array(32, np.float64)
    t = cuda.threadIdx.x
    s[t] = x[t]
    cuda.syncthreads()
    n = 0
    while s[0] < 2.0 and n < 20:
        v = s[t] * 1.3 + 0.01 * s[31 - t]
        cuda.syncthreads()
        s[t] = v
        cuda.syncthreads()
        n += 1
    y[t] = s[t]


@pytest.mark.parametrize(
    "function", [by_index_in_shared_memory, declared_in_a_loop, until_shared_value], ids=lambda f: f.__name__
)
def test_shared_memory_in_other_ways(function):
    random = np.random.default_rng(2)
    x, (weights, way) = np.linspace(0.1, 1.0, 32), random.standard_normal((2, 32))
    x_bar, y_bar = np.zeros(32), weights.copy()
    differentiable = kernel(function)

    def total(step):
        y = np.zeros(32)
        differentiable[1, 32](x + step * way, y)
        return float(weights @ y)

    with emulated(random):
        differentiable.adjoint[1, 32](x, np.zeros(32), x_bar, y_bar)
        assert_slope(total, way @ x_bar)


def test_one_plain_addition_more_along_y():
    """A kernel that uses one axis adds plainly to shared memory along it only."""
    case = of_name("block_sum")
    x, y = copied(case.args)
    with emulated(), pytest.raises(ValueError, match="along y"):
        kernel(case.kernel).adjoint[2, (32, 2)](x, y, np.zeros_like(x), np.zeros_like(y))


FACTOR = 2.0
WEIGHTS = np.array([3.0, 5.0])


def with_constants(x, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        y[i] = FACTOR * x[i] * WEIGHTS[1]


def test_what_the_kernel_takes_from_its_module():
    x_bar = np.zeros(32)
    with emulated():
        kernel(with_constants).adjoint[1, 32](np.ones(32), np.zeros(32), x_bar, np.ones(32))
    assert np.array_equal(x_bar, np.full(32, 10.0))


def picked(w, k, x, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        s = x[i] * w[k]
        while k > 0:
            k = k - 1
            s = s + w[k]
        y[i] = s


def test_an_argument_as_index():
    w, x = np.random.default_rng(0).standard_normal((2, 32))
    shadows = np.zeros(32), np.zeros(32), np.ones(32)
    with emulated():
        kernel(picked, max_trips=8).adjoint[1, 32](w, 3, x, np.zeros(32), *shadows)
    want = np.zeros(32)
    want[:3], want[3] = 32, x.sum()
    np.testing.assert_allclose(shadows[0], want)


def wrapping(u, out):
    i = cuda.grid(1)
    if i < out.shape[0]:
        out[i] = u[i] * u[i - 1]


def test_an_index_that_may_be_negative_is_not_gathered():
    u, out = np.ones(32), np.zeros(32)
    report = kernel(wrapping).report(u, out)
    assert report.accumulation["u"].startswith("atomic")


# ------------------------------------------------------------------------------------------------ refusals


def in_place(y):
    i = cuda.grid(1)
    if i < y.shape[0]:
        y[i] = math.sin(y[i])


def neighbour(y):
    i = cuda.grid(1)
    if i + 1 < y.shape[0]:
        y[i] = y[i + 1] * 2.0


def added_and_stored(x, y):
    i = cuda.grid(1)
    y[i] = x[i]
    cuda.atomic.add(y, 0, x[i])


def added_and_read(x, y):
    i = cuda.grid(1)
    cuda.atomic.add(y, 0, x[i] * y[1])


def read_back(x, y):
    i = cuda.grid(1)
    for k in range(3):
        y[i] = x[i] + y[i] * k


def result_of_atomic(x, y):
    i = cuda.grid(1)
    old = cuda.atomic.add(y, 0, x[i])
    y[1] = old


def largest(x, y):
    i = cuda.grid(1)
    cuda.atomic.max(y, 0, x[i])


def shuffled(x, y):
    i = cuda.grid(1)
    y[i] = cuda.shfl_down_sync(0xFFFFFFFF, x[i], 1)


def shared(x, y):
    s = cuda.shared.array(x.shape[0], np.float64)
    s[cuda.threadIdx.x] = x[cuda.grid(1)]
    cuda.syncthreads()
    y[cuda.grid(1)] = s[0]


def dynamic(x, y):
    s = cuda.shared.array(0, np.float64)
    s[cuda.threadIdx.x] = x[cuda.grid(1)]
    y[cuda.grid(1)] = s[cuda.threadIdx.x]


def large(x, y):
    s = cuda.shared.array(3300, np.float64)
    s[cuda.threadIdx.x] = x[cuda.grid(1)]
    cuda.syncthreads()
    y[cuda.grid(1)] = s[0] * s[1]


def synchronised_by_some(x, y):
    s = cuda.shared.array(32, np.float64)
    t = cuda.threadIdx.x
    s[t] = x[t]
    if t < 16:
        cuda.syncthreads()
    y[t] = s[0]


def synchronised_after_return(x, y):
    s = cuda.shared.array(32, np.float64)
    i = cuda.grid(1)
    if i >= x.shape[0]:
        return
    s[cuda.threadIdx.x] = x[i]
    cuda.syncthreads()
    y[i] = s[0]


def synchronised_in_trips_of_a_thread(x, y):
    s = cuda.shared.array(32, np.float64)
    t = cuda.threadIdx.x
    s[t] = x[t]
    k = 0
    while k < t:
        cuda.syncthreads()
        k += 1
    y[t] = s[0]


def synchronised_by_data(x, y):
    s = cuda.shared.array(32, np.float64)
    t = cuda.threadIdx.x
    s[t] = x[t]
    for _ in range(4):
        if x[t] > 0.5:
            break
        cuda.syncthreads()
    y[t] = s[0]


def swapped(x, y):
    a = cuda.shared.array(32, np.float64)
    b = cuda.shared.array(32, np.float64)
    t = cuda.threadIdx.x
    a[t] = x[t]
    for _ in range(3):
        cuda.syncthreads()
        b[t] = a[31 - t] * x[t]
        a, b = b, a
    y[t] = a[t]


def chosen(x, y):
    a = cuda.shared.array(32, np.float64)
    b = cuda.shared.array(32, np.float64)
    t = cuda.threadIdx.x
    a[t] = x[t]
    b[t] = x[t] * x[t]
    cuda.syncthreads()
    if x[0] > 0.0:
        c = a
    else:
        c = b
    y[t] = c[31 - t]


def stored_by_all_threads(x, y):
    s = cuda.shared.array(32, np.float64)
    t = cuda.threadIdx.x
    s[t] = x[t]
    cuda.syncthreads()
    y[cuda.blockIdx.x] = s[0] * s[1]


def stored_by_the_first_threads(x, y):
    s = cuda.shared.array(32, np.float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    s[t] = x[i] if i < x.shape[0] else 0.0
    cuda.syncthreads()
    if i >= x.shape[0]:
        return
    y[cuda.blockIdx.x] = s[0] * s[1]


def failing(x, y):
    s = cuda.shared.array(32, np.float64)
    t = cuda.threadIdx.x
    if x[t] < 0.0:
        raise ValueError("negative")
    s[t] = math.sqrt(x[t])
    cuda.syncthreads()
    y[t] = s[31 - t]


def waiting(x, y):
    """The trips of a thread are recorded, as many as it makes."""
    s = cuda.shared.array(32, np.float64)
    t = cuda.threadIdx.x
    r = x[t]
    while r * r < 100.0:
        r = r * (1.0 + x[t] * r)
    s[t] = r
    cuda.syncthreads()
    y[t] = s[31 - t]


def voted(x, y):
    cuda.syncthreads_count(x[0] > 0.0)
    y[cuda.grid(1)] = x[cuda.grid(1)]


def numbered(x, y):
    y[cuda.grid(1)] = x[cuda.grid(1)] * cuda.laneid


def grouped(x, y):
    cuda.cg.this_grid().sync()
    y[cuda.grid(1)] = x[cuda.grid(1)]


def half(x, y):
    s = cuda.shared.array(32, np.float16)
    s[cuda.threadIdx.x] = x[cuda.grid(1)]
    cuda.syncthreads()
    y[cuda.grid(1)] = s[0]


def complex_numbers(x, y):
    s = cuda.local.array(2, np.complex128)
    s[0] = x[cuda.grid(1)]
    y[cuda.grid(1)] = s[0].real


def returning(x, y):
    y[cuda.grid(1)] = x[0]
    return x[0]


TABLE = np.zeros(32)


def written_from_outside(x, y):
    TABLE[cuda.grid(1)] = x[cuda.grid(1)]


X = np.linspace(0.1, 1.0, 32)
REFUSED = [
    (neighbour, 1, CrossThreadDependence),
    (added_and_stored, 2, CrossThreadDependence),
    (added_and_read, 2, CrossThreadDependence),
    (read_back, 2, UnsupportedConstruct),
    (result_of_atomic, 2, UnsupportedAtomic),
    (largest, 2, UnsupportedAtomic),
    (shuffled, 2, UnsupportedIntrinsic),
    (shared, 2, SharedMemoryError),
    (dynamic, 2, SharedMemoryError),
    (large, 2, SharedMemoryError),
    (synchronised_by_some, 2, DivergentBarrier),
    (synchronised_after_return, 2, DivergentBarrier),
    (synchronised_in_trips_of_a_thread, 2, DivergentBarrier),
    (synchronised_by_data, 2, DivergentBarrier),
    (swapped, 2, AliasError),
    (chosen, 2, UnsupportedConstruct),
    (stored_by_all_threads, 2, CrossThreadDependence),
    (stored_by_the_first_threads, 2, CrossThreadDependence),
    (failing, 2, UnsupportedConstruct),
    (waiting, 2, UnsupportedConstruct),
    (voted, 2, UnsupportedIntrinsic),
    (numbered, 2, UnsupportedIntrinsic),
    (grouped, 2, UnsupportedIntrinsic),
    (half, 2, UnsupportedDtype),
    (complex_numbers, 2, UnsupportedDtype),
    (returning, 2, NotDifferentiable),
    (written_from_outside, 2, UnsupportedConstruct),
]


@pytest.mark.parametrize(("function", "count", "error"), REFUSED, ids=lambda x: getattr(x, "__name__", ""))
def test_refusals(function, count, error):
    arrays = [X.copy() for _ in range(count)]
    with emulated(), pytest.raises(error, match=r"test_kernels\.py, line \d+"):
        kernel(function, max_trips=8 if function is waiting else None).adjoint[1, 32](
            *arrays, *(np.zeros(32) for _ in range(count))
        )


def test_overwritten_input():
    with emulated(), pytest.raises(OverwriteError, match=r"srcdiff\.cuda\.Tape"):
        kernel(in_place).adjoint[1, 32](X.copy(), np.ones(32))


def test_arguments_of_the_adjoint():
    u, c, out = copied(next(each for each in KERNELS if each.name == "heat").args)
    adjoint = kernel(heat).adjoint[2, 32]
    z, zero = np.zeros_like, np.zeros
    with emulated():
        with pytest.raises(TypeError, match="3 shadows"):
            adjoint(u, c, out, z(u), z(c))
        with pytest.raises(TypeError, match="shape"):
            adjoint(u, c, out, zero(3), z(c), z(out))
        with pytest.raises(TypeError, match="dtype"):
            adjoint(u, c, out, zero(len(u), np.float32), z(c), z(out))
        with pytest.raises(AliasError):
            adjoint(u, c, out, u, z(c), z(out))
        with pytest.raises(AliasError):
            same = z(u)
            adjoint(u, c, out, same, z(c), same)
        with pytest.raises(AliasError, match="the kernel writes"):
            adjoint(u, c, u, z(u), z(c), z(out))
        with pytest.raises(TypeError, match="read-only"):
            fixed = z(u)
            fixed.flags.writeable = False
            adjoint(u, c, out, fixed, z(c), z(out))
        with pytest.raises(UnsupportedDtype):
            adjoint(u.astype(np.float16), c, out, z(u), z(c), z(out))
        with pytest.raises(TypeError, match="blocks, threads"):
            kernel(heat)[2](u, c, out)


def test_grid_with_more_axes():
    case = next(each for each in KERNELS if each.name == "chain")
    x, y, h = copied(case.args)
    with emulated(), pytest.raises(ValueError, match="along y"):
        kernel(case.kernel).adjoint[2, (16, 2)](x, y, h, np.zeros_like(x), np.zeros_like(y), np.zeros(1))


@pytest.mark.parametrize("grid", [(2, (32, 2)), ((2, 2), 32)], ids=["threads", "blocks"])
def test_threads_that_store_alike(grid):
    """Two threads would both take what is owed to an element, before either has used it up."""
    u = np.linspace(0.0, 1.0, 64)
    with emulated(), pytest.raises(ValueError, match=r"2 (threads|blocks) along y"):
        kernel(wrapping).adjoint[grid](u, np.zeros(64), np.zeros(64), np.ones(64))


def test_tapes_without_bound():
    case = next(each for each in KERNELS if each.name == "roots")
    a, scale, x = copied(case.args)
    shadows = np.zeros_like(a), np.zeros(1), np.ones_like(x)
    with emulated():
        with pytest.raises(TapeBoundError, match=r"(?s)primals\.py.*max_trips"):
            kernel(roots).adjoint[2, 32](a, scale, x, *shadows)
        with pytest.raises(TapeOverflowError):
            kernel(roots, max_trips=1).adjoint[2, 32](a, scale, x, *shadows)
