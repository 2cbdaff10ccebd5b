"""Kernels whose threads look as if they were apart, or together, and are not."""

import math

import numpy as np
import pytest
from numba import cuda

from srcdiff.cuda import emulated, kernel
from tests.cuda.differences import assert_slope

T = 32
random = np.random.default_rng(5)


def normal(*shape):
    return random.standard_normal(shape)


def two_arms(x, y):
    """What threads in one arm add to meets what those in the other one add to."""
    s = cuda.shared.array(T + 1, np.float64)
    t = cuda.threadIdx.x
    s[t] = x[t]
    if t == 0:
        s[T] = 1.0
    cuda.syncthreads()
    if x[t] > 0.0:
        y[t] = math.sin(s[t + 1])
    else:
        y[t] = math.cos(s[t])


def odd_widths(x, y):
    s = cuda.shared.array(T, np.float64)
    t = cuda.threadIdx.x
    s[t] = x[t]
    cuda.syncthreads()
    w = 20
    while w > 0:
        v = s[t] * s[t + w] if t + w < T else s[t]
        cuda.syncthreads()
        s[t] = v
        cuda.syncthreads()
        w //= 3
    y[t] = math.sin(s[t])


def barrier_after_a_loop(x, n, y):
    """The last barrier of a trip is not the one behind the loop, which may make none."""
    s = cuda.shared.array(T, np.float64)
    t = cuda.threadIdx.x
    s[t] = x[t]
    for _ in range(n):
        cuda.syncthreads()
        v = s[T - 1 - t] * 0.5
        cuda.syncthreads()
        s[t] = v + s[t]
        cuda.syncthreads()
    cuda.syncthreads()
    y[t] = math.sin(s[(t + 3) % T])


def overlapping_pairs(x, y):
    s = cuda.shared.array(2 * T + 2, np.float64)
    t = cuda.threadIdx.x
    s[2 * t] = x[t]
    s[2 * t + 1] = 2.0 * x[t]
    if t < 2:
        s[2 * T + t] = 1.0
    cuda.syncthreads()
    y[t] = math.sin(s[2 * t]) * s[2 * t + 1] + s[2 * t + 2] * s[t]


def overlapping_halves(x, y):
    s = cuda.shared.array(T, np.float64)
    t = cuda.threadIdx.x
    s[t] = x[t]
    cuda.syncthreads()
    v = 0.0
    if t < T // 2:
        v = s[t] * s[t + T // 2 - 1]
    y[t] = math.sin(v)


def quotients(x, y):
    s = cuda.shared.array(T, np.float64)
    t = cuda.threadIdx.x
    s[t] = x[t]
    cuda.syncthreads()
    y[t] = math.sin(s[t // 2]) * s[t % 5] + s[(2 * t) % T] * s[t // 2 + T // 2]


def different_trips(x, n, y):
    """Threads that are in different trips use one element."""
    s = cuda.shared.array(2 * T, np.float64)
    t = cuda.threadIdx.x
    s[t] = x[t]
    s[t + T] = 3.0 * x[t]
    cuda.syncthreads()
    v = 0.0
    for k in range(n):
        v += math.sin(s[t + k]) * s[2 * T - 1 - t - k]
    y[t] = v


def one_thread_in_each_trip(x, n, y):
    s = cuda.shared.array(T, np.float64)
    t = cuda.threadIdx.x
    s[t] = x[t]
    cuda.syncthreads()
    v = 0.0
    for k in range(n):
        if t == k:
            v += math.sin(s[0]) * s[k] * s[t + 1]
    y[t] = v


def beyond_the_weights(x, w, k, y):
    """`w[k]` need not exist where no thread reads it."""
    i = cuda.grid(1)
    if i < x.shape[0] and k < w.shape[0]:
        y[i] = x[i] * math.sin(w[k])


def beyond_the_weights_in_an_arm(x, w, k, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        v = w[i]
        if x[i] > 0.0 and k < w.shape[0]:
            v += x[i] * math.sin(w[k])
        y[i] = v * v


def one_for_each_block(x, w, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        y[i] = x[i] * math.sin(w[cuda.blockIdx.x])


def sum_in_a_branch(x, w, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        v = x[i]
        for j in range(w.shape[0]):
            v += w[j]
        y[i] = v * v


CASES = [
    (two_arms, (normal(T), np.zeros(T)), (1, T)),
    (odd_widths, (normal(T), np.zeros(T)), (1, T)),
    *[(barrier_after_a_loop, (normal(T), n, np.zeros(T)), (1, T)) for n in (0, 2)],
    (overlapping_pairs, (normal(T), np.zeros(T)), (1, T)),
    (overlapping_halves, (normal(T), np.zeros(T)), (1, T)),
    (quotients, (normal(T), np.zeros(T)), (1, T)),
    (different_trips, (normal(T), 4, np.zeros(T)), (1, T)),
    (one_thread_in_each_trip, (normal(T), 7, np.zeros(T)), (1, T)),
    *[(beyond_the_weights, (normal(70), normal(3), k, np.zeros(70)), (3, T)) for k in (1, 5)],
    *[(beyond_the_weights_in_an_arm, (normal(20), normal(20), k, np.zeros(20)), (1, T)) for k in (1, 30)],
    (one_for_each_block, (normal(40), normal(2), np.zeros(40)), (4, T)),
    (one_for_each_block, (normal(40), normal(4), np.zeros(40)), (5, 13)),
    (sum_in_a_branch, (normal(20), normal(6), np.zeros(20)), (1, T)),
]


@pytest.mark.parametrize(("function", "args", "grid"), CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_against_differences_without_a_race(function, args, grid):
    *given, out = args
    weights = normal(*out.shape)
    floats = [k for k, a in enumerate(given) if isinstance(a, np.ndarray)]
    ways = {k: normal(*given[k].shape) for k in floats}
    shadows = [np.zeros(given[k].shape) for k in floats]
    differentiable = kernel(function, max_trips=8)

    def total(step):
        y = np.zeros_like(out)
        differentiable[grid](*(a + step * ways[k] if k in ways else a for k, a in enumerate(given)), y)
        return float(np.sum(weights * y))

    with emulated(random):
        differentiable.adjoint[grid](*given, out.copy(), *shadows, weights.copy())
        assert_slope(total, sum(np.sum(ways[k] * s) for k, s in zip(floats, shadows, strict=True)))


def test_one_thread_adds_alone():
    def first_of_block(x, y):
        if cuda.threadIdx.x == 0:
            y[cuda.blockIdx.x] = math.sin(x[cuda.blockIdx.x])

    text = kernel(first_of_block).gradient_source(*normal(2, 3))
    assert "cuda.atomic.add(x_bar, " in text and "warp_add" not in text


@pytest.mark.parametrize("function", [one_for_each_block, sum_in_a_branch])
def test_warps_sum(function):
    text = kernel(function).gradient_source(*normal(3, T))
    assert "warp_add(w_bar" in text and "cuda.atomic.add(w_bar" not in text


def test_a_thread_that_fails_is_not_waited_for():
    """Warps cannot sum where a thread may leave before: the others would wait for it."""

    def failing(x, w, y):
        i = cuda.grid(1)
        if i < x.shape[0]:
            if x[i] > 100.0:
                raise ValueError("too large")
        for j in range(w.shape[0]):
            if i < x.shape[0]:
                y[i, j] = x[i] * math.sin(w[j])

    x, w, y = normal(40), normal(3), np.zeros((40, 3))
    shadows = np.zeros(40), np.zeros(3), np.ones((40, 3))
    with emulated():
        kernel(failing).adjoint[2, T](x, w, y, *shadows)
        np.testing.assert_allclose(shadows[1], x.sum() * np.cos(w))
        x[3] = 200.0
        with pytest.raises(ValueError, match="too large"):
            kernel(failing).adjoint[2, T](x, w, y, *shadows)
