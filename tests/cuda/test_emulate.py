"""The emulator catches kernels that are wrong, and runs those that are right as a GPU would."""

import math

import numpy as np
import pytest
from numba import cuda

from srcdiff.cuda.emulate import launch
from srcdiff.cuda.emulated_kernel import emulated_function
from srcdiff.errors import DivergentBarrier, RaceError

X = np.arange(1.0, 65.0)


def sum_without_atomic(x, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        y[0] += x[i]


def scattered_stencil(x, y):
    i = cuda.grid(1)
    if 0 < i < x.shape[0] - 1:
        y[i - 1] += x[i]
        y[i + 1] += x[i]


def plain_and_atomic(x, y):
    i = cuda.grid(1)
    cuda.atomic.add(y, i // 2, x[i])
    if i == 0:
        y[0] += 1.0


def read_of_what_is_added_to(x, y):
    i = cuda.grid(1)
    cuda.atomic.add(y, 0, x[i])
    y[i + 1] = y[0]


def without_barrier(x, y):
    s = cuda.shared.array(32, np.float64)
    t = cuda.threadIdx.x
    s[t] = x[cuda.grid(1)]
    y[cuda.grid(1)] = s[31 - t]


def across_blocks(x, y):
    i = cuda.grid(1)
    y[i] = x[i]
    cuda.syncthreads()
    if i + 32 < 64:
        y[i] = y[i + 32]


def barrier_under_a_branch(x, y):
    t = cuda.threadIdx.x
    if t < 8:
        cuda.syncthreads()
    y[cuda.grid(1)] = x[t]


def return_before_a_barrier(x, y):
    i = cuda.grid(1)
    if i >= 40:
        return
    cuda.syncthreads()
    y[i] = x[i]


def two_barriers_for_one(x, y):
    if cuda.threadIdx.x < 16:
        cuda.syncthreads()
    else:
        cuda.syncthreads()


def shuffle_under_a_branch(x, y):
    i = cuda.grid(1)
    if i % 32 < 16:
        y[i] = cuda.shfl_down_sync(0xFFFFFFFF, x[i], 1)


def beyond_the_end(x, y):
    i = cuda.grid(1)
    y[i] = x[i + 1]


def before_the_start(x, y):
    i = cuda.grid(1)
    y[i] = x[i - 1]


BROKEN = [
    (sum_without_atomic, RaceError),
    (scattered_stencil, RaceError),
    (plain_and_atomic, RaceError),
    (read_of_what_is_added_to, RaceError),
    (without_barrier, RaceError),
    (across_blocks, RaceError),
    (barrier_under_a_branch, DivergentBarrier),
    (return_before_a_barrier, DivergentBarrier),
    (two_barriers_for_one, DivergentBarrier),
    (shuffle_under_a_branch, DivergentBarrier),
    (beyond_the_end, IndexError),
    (before_the_start, IndexError),
]


@pytest.mark.parametrize(("kernel", "error"), BROKEN, ids=lambda x: x.__name__)
@pytest.mark.parametrize("seed", [None, 0])
def test_broken_kernels_are_caught(kernel, error, seed):
    order = None if seed is None else np.random.default_rng(seed)
    with pytest.raises(error):
        launch(emulated_function(kernel), 2, 32, (X.copy(), np.zeros(80)), order)


def doubled(x):
    return x + x


def reversed_in_block(x, y):
    s = cuda.shared.array(shape=32, dtype=np.float64)
    t = cuda.threadIdx.x
    s[t] = doubled(x[cuda.grid(1)])
    cuda.syncthreads()
    y[cuda.grid(1)] = s[31 - t]


def sum_of_warps(x, y):
    value = x[cuda.grid(1)]
    offset = 16
    while offset > 0:
        value += cuda.shfl_down_sync(0xFFFFFFFF, value, offset)
        offset //= 2
    if cuda.threadIdx.x % 32 == 0:
        cuda.atomic.add(y, 0, value)


def places(x, y):
    i, j = cuda.grid(2)
    stride, _ = cuda.gridsize(2)
    while i < y.shape[0]:
        if j < y.shape[1]:
            y[i, j] = 10 * i + j
        i += stride


def singles(x, y):
    i = cuda.grid(1)
    y[i] = math.exp(x[i]) * np.float32(0.1)


@pytest.mark.parametrize("seed", [None, 1])
def test_results(seed):
    order = None if seed is None else np.random.default_rng(seed)
    y = np.zeros(64)
    launch(emulated_function(reversed_in_block), 2, 32, (X, y), order)
    assert np.array_equal(y, 2 * X.reshape(2, 32)[:, ::-1].ravel())
    total = np.zeros(1)
    launch(emulated_function(sum_of_warps), 1, 64, (X, total), order)
    assert total[0] == X.sum()
    table = np.zeros((7, 3))
    launch(emulated_function(places), (2, 1), (2, 4), (X, table), order)
    assert np.array_equal(table, [[10 * i + j for j in range(3)] for i in range(7)])


def test_single_precision():
    x = np.linspace(0, 1, 32, dtype=np.float32)
    y = np.zeros(32, np.float32)
    launch(emulated_function(singles), 1, 32, (x, y))
    assert np.array_equal(y, np.exp(x) * np.float32(0.1))


def test_memory_is_not_zero_at_first():
    def unset(x, y):
        local = cuda.local.array(2, np.float64)
        y[cuda.grid(1)] = local[1]

    y = np.zeros(32)
    launch(emulated_function(unset), 1, 32, (X, y))
    assert np.isnan(y).all()
