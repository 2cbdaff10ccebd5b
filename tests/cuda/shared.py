"""Kernels whose threads share memory, in the form of `primals.py`, for a float type: `SHARED`."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import cuda

from tests.cuda.primals import KernelCase

__all__ = ["SHARED", "shared_kernel"]

T = 64  # threads of a block: two warps
TILE = 4
random = np.random.default_rng(11)


def normal(*shape):
    return random.standard_normal(shape)


# ---------------------------------------------------------------------------------------------- reductions


def block_sum(real):
    def block_sum(x, y):
        s = cuda.shared.array(T, real)
        t = cuda.threadIdx.x
        i = cuda.grid(1)
        s[t] = x[i] * x[i] if i < x.shape[0] else 0.0
        cuda.syncthreads()
        w = T // 2
        while w > 0:
            if t < w:
                s[t] += s[t + w]
            cuda.syncthreads()
            w //= 2
        if t == 0:
            y[cuda.blockIdx.x] = s[0]

    return block_sum


def block_sum_on_cpu(x, y, w):
    total = 0.0
    for i in range(x.shape[0]):
        total += w[i // 64] * x[i] * x[i]
    return total


def sum_of_pairs(real):
    """The tree from its leaves, with a condition that no proof sees through; the threads stride over the array."""

    def sum_of_pairs(x, c, y):
        s = cuda.shared.array(T, dtype=real)
        t = cuda.threadIdx.x
        own = real(0.0)
        for i in range(cuda.grid(1), x.shape[0], cuda.gridsize(1)):
            own += math.exp(c[0] * x[i])
        s[t] = own
        cuda.syncthreads()
        span = 1
        while span < cuda.blockDim.x:
            if t % (2 * span) == 0:
                s[t] = s[t] + s[t + span]
            cuda.syncthreads()
            span *= 2
        if t == 0:
            cuda.atomic.add(y, 0, s[0])

    return sum_of_pairs


def sum_of_pairs_on_cpu(x, c, y, w):
    total = y[0]
    for i in range(x.shape[0]):
        total += math.exp(c[0] * x[i])
    return w[0] * total


def rms_norm(real):
    def rms_norm(x, g, y):
        s = cuda.shared.array(T, real)
        r = cuda.blockIdx.x
        t = cuda.threadIdx.x
        s[t] = x[r, t] * x[r, t]
        cuda.syncthreads()
        w = T >> 1
        while w > 0:
            if t < w:
                s[t] = s[t] + s[t + w]
            cuda.syncthreads()
            w >>= 1
        inverse = 1.0 / math.sqrt(s[0] / T + 1e-6)
        y[r, t] = x[r, t] * inverse * g[t]

    return rms_norm


def rms_norm_on_cpu(x, g, y, w):
    total = 0.0
    for r in range(x.shape[0]):
        s = 0.0
        for t in range(x.shape[1]):
            s += x[r, t] * x[r, t]
        inverse = 1.0 / math.sqrt(s / x.shape[1] + 1e-6)
        for t in range(x.shape[1]):
            total += w[r, t] * x[r, t] * inverse * g[t]
    return total


def softmax(real):
    """Rows, each by a block: the largest element, then the sum of exponentials, then the quotients."""

    def softmax(x, y, lse):
        s = cuda.shared.array(T, real)
        r = cuda.blockIdx.x
        t = cuda.threadIdx.x
        n = x.shape[1]
        s[t] = x[r, t] if t < n else x[r, 0]
        cuda.syncthreads()
        w = T // 2
        while w > 0:
            if t < w:
                s[t] = max(s[t], s[t + w])
            cuda.syncthreads()
            w //= 2
        largest = s[0]
        cuda.syncthreads()
        e = math.exp(x[r, t] - largest) if t < n else 0.0
        s[t] = e
        cuda.syncthreads()
        w = T // 2
        while w > 0:
            if t < w:
                s[t] += s[t + w]
            cuda.syncthreads()
            w //= 2
        if t < n:
            y[r, t] = e / s[0]
        if t == 0:
            lse[r] = largest + math.log(s[0])

    return softmax


def softmax_on_cpu(x, y, lse, w, v):
    total = 0.0
    for r in range(x.shape[0]):
        largest = x[r, 0]
        for t in range(x.shape[1]):
            largest = max(largest, x[r, t])
        s = 0.0
        for t in range(x.shape[1]):
            s += math.exp(x[r, t] - largest)
        for t in range(x.shape[1]):
            total += w[r, t] * math.exp(x[r, t] - largest) / s
        total += v[r] * (largest + math.log(s))
    return total


def product_of_block(real):
    """A tree that is not linear: what was overwritten is needed."""

    def product_of_block(x, y):
        s = cuda.shared.array(T, real)
        t = cuda.threadIdx.x
        s[t] = x[cuda.blockIdx.x, t]
        cuda.syncthreads()
        w = cuda.blockDim.x // 2
        while w > 0:
            if t < w:
                s[t] = s[t] * s[t + w]
            cuda.syncthreads()
            w //= 2
        if t == 0:
            y[cuda.blockIdx.x] = s[0]

    return product_of_block


def product_of_block_on_cpu(x, y, w):
    total = 0.0
    for r in range(x.shape[0]):
        p = 1.0
        for t in range(x.shape[1]):
            p *= x[r, t]
        total += w[r] * p
    return total


def tree(real):
    @cuda.jit(device=True)
    def tree(value, s):
        t = cuda.threadIdx.x
        cuda.syncthreads()
        s[t] = value
        cuda.syncthreads()
        w = T // 2
        while w > 0:
            if t < w:
                s[t] += s[t + w]
            cuda.syncthreads()
            w //= 2
        return s[0]

    return tree


def moments(real):
    """A device function that meets, called twice with the same memory."""
    tree_of = tree(real)

    def moments(x, y):
        s = cuda.shared.array(T, real)
        r = cuda.blockIdx.x
        t = cuda.threadIdx.x
        mean = tree_of(x[r, t], s) / T
        d = x[r, t] - mean
        variance = tree_of(d * d, s) / T
        y[r, t] = d / math.sqrt(variance + 1e-3)

    return moments


def moments_on_cpu(x, y, w):
    total = 0.0
    for r in range(x.shape[0]):
        mean = 0.0
        for t in range(x.shape[1]):
            mean += x[r, t]
        mean /= x.shape[1]
        variance = 0.0
        for t in range(x.shape[1]):
            variance += (x[r, t] - mean) ** 2
        variance /= x.shape[1]
        for t in range(x.shape[1]):
            total += w[r, t] * (x[r, t] - mean) / math.sqrt(variance + 1e-3)
    return total


def running_sum(real):
    """A scan with two barriers for each step."""

    def running_sum(x, y):
        s = cuda.shared.array(T, real)
        t = cuda.threadIdx.x
        s[t] = x[t] * x[t]
        cuda.syncthreads()
        span = 1
        while span < T:
            before = s[t - span] if t >= span else 0.0
            cuda.syncthreads()
            s[t] += before
            cuda.syncthreads()
            span <<= 1
        y[t] = math.sqrt(s[t])

    return running_sum


def running_sum_on_cpu(x, y, w):
    total = 0.0
    s = 0.0
    for t in range(x.shape[0]):
        s += x[t] * x[t]
        total += w[t] * math.sqrt(s)
    return total


def counted(real):
    """Atomic additions in shared memory, then one to global memory for each bin and block."""

    def counted(x, index, h):
        bins = cuda.shared.array(6, real)
        t = cuda.threadIdx.x
        if t < 6:
            bins[t] = 0.0
        cuda.syncthreads()
        i = cuda.grid(1)
        if i < x.shape[0]:
            cuda.atomic.add(bins, index[i], x[i] * x[i])
        cuda.syncthreads()
        if t < 6:
            cuda.atomic.add(h, t, bins[t])

    return counted


def counted_on_cpu(x, index, h, w):
    total = 0.0
    for k in range(h.shape[0]):
        total += w[k] * h[k]
    for i in range(x.shape[0]):
        total += w[index[i]] * x[i] * x[i]
    return total


# ---------------------------------------------------------------------------------------------------- tiles


def product(real):
    def product(A, B, C):
        a = cuda.shared.array((TILE, TILE), real)
        b = cuda.shared.array((TILE, TILE), real)
        tx = cuda.threadIdx.x
        ty = cuda.threadIdx.y
        j, i = cuda.grid(2)
        s = real(0.0)
        for m in range(0, A.shape[1], TILE):
            a[ty, tx] = A[i, m + tx] if i < A.shape[0] and m + tx < A.shape[1] else 0.0
            b[ty, tx] = B[m + ty, j] if m + ty < A.shape[1] and j < B.shape[1] else 0.0
            cuda.syncthreads()
            for k in range(TILE):
                s += a[ty, k] * b[k, tx]
            cuda.syncthreads()
        if i < C.shape[0] and j < C.shape[1]:
            C[i, j] = s

    return product


def product_on_cpu(A, B, C, w):
    total = 0.0
    for i in range(A.shape[0]):
        for j in range(B.shape[1]):
            for k in range(A.shape[1]):
                total += w[i, j] * A[i, k] * B[k, j]
    return total


def bodies(real):
    """Forces of all bodies on each, a tile at a time."""

    def bodies(place, mass, softening, force):
        xs = cuda.shared.array(T, real)
        ms = cuda.shared.array(T, real)
        t = cuda.threadIdx.x
        i = cuda.grid(1)
        n = place.shape[0]
        f = real(0.0)
        own = place[i] if i < n else real(0.0)
        for first in range(0, n, T):
            k = first + t
            if k < n:
                xs[t] = place[k]
                ms[t] = mass[k]
            else:
                xs[t] = 0.0
                ms[t] = 0.0
            cuda.syncthreads()
            for q in range(T):
                d = xs[q] - own
                f += ms[q] * d / (d * d + softening)
            cuda.syncthreads()
        if i < n:
            force[i] = f

    return bodies


def bodies_on_cpu(place, mass, softening, force, w):
    total = 0.0
    for i in range(place.shape[0]):
        for j in range(place.shape[0]):
            d = place[j] - place[i]
            total += w[i] * mass[j] * d / (d * d + softening)
    return total


def smoothed(real):
    """A stencil with its halo in shared memory."""

    def smoothed(u, c, out):
        s = cuda.shared.array(T + 2, real)
        t = cuda.threadIdx.x
        i = cuda.grid(1)
        n = u.shape[0]
        if i < n:
            s[t + 1] = u[i]
            if t == 0:
                s[0] = u[i - 1] if i > 0 else u[0]
            if t == T - 1 or i == n - 1:
                s[t + 2] = u[i + 1] if i < n - 1 else u[n - 1]
        cuda.syncthreads()
        if i < n:
            out[i] = s[t + 1] + c[i] * (s[t] - 2.0 * s[t + 1] + s[t + 2]) * s[t + 1]

    return smoothed


def smoothed_on_cpu(u, c, out, w):
    n = u.shape[0]
    total = 0.0
    for i in range(n):
        left = u[max(i - 1, 0)]
        right = u[min(i + 1, n - 1)]
        total += w[i] * (u[i] + c[i] * (left - 2.0 * u[i] + right) * u[i])
    return total


def smoothed_square(real):
    def smoothed_square(u, out):
        s = cuda.shared.array((6, 10), real)
        tx = cuda.threadIdx.x
        ty = cuda.threadIdx.y
        j, i = cuda.grid(2)
        n, m = u.shape
        if i < n and j < m:
            s[ty + 1, tx + 1] = u[i, j]
            if ty == 0:
                s[0, tx + 1] = u[i - 1, j] if i > 0 else 0.0
            if ty == 3 or i == n - 1:
                s[ty + 2, tx + 1] = u[i + 1, j] if i < n - 1 else 0.0
            if tx == 0:
                s[ty + 1, 0] = u[i, j - 1] if j > 0 else 0.0
            if tx == 7 or j == m - 1:
                s[ty + 1, tx + 2] = u[i, j + 1] if j < m - 1 else 0.0
        cuda.syncthreads()
        if i < n and j < m:
            around = s[ty, tx + 1] + s[ty + 2, tx + 1] + s[ty + 1, tx] + s[ty + 1, tx + 2]
            out[i, j] = math.tanh(around - 4.0 * s[ty + 1, tx + 1])

    return smoothed_square


def smoothed_square_on_cpu(u, out, w):
    n, m = u.shape
    total = 0.0
    for i in range(n):
        for j in range(m):
            around = -4.0 * u[i, j]
            if i > 0:
                around += u[i - 1, j]
            if i < n - 1:
                around += u[i + 1, j]
            if j > 0:
                around += u[i, j - 1]
            if j < m - 1:
                around += u[i, j + 1]
            total += w[i, j] * math.tanh(around)
    return total


def relaxed(real):
    """Steps in shared memory: what the threads overwrite in one is needed backwards."""

    def relaxed(u, k, steps, out):
        s = cuda.shared.array(T, real)
        t = cuda.threadIdx.x
        s[t] = u[cuda.blockIdx.x, t]
        cuda.syncthreads()
        for _ in range(steps):
            left = s[t - 1] if t > 0 else 0.0
            right = s[t + 1] if t < T - 1 else 0.0
            new = s[t] + k[t] * math.sin(left + right - 2.0 * s[t])
            cuda.syncthreads()
            s[t] = new
            cuda.syncthreads()
        out[cuda.blockIdx.x, t] = s[t]

    return relaxed


def relaxed_on_cpu(u, k, steps, out, w):
    total = 0.0
    n = u.shape[1]
    for r in range(u.shape[0]):
        s = np.zeros(n + 2)
        for t in range(n):
            s[t + 1] = u[r, t]
        for _ in range(steps):
            new = np.zeros(n + 2)
            for t in range(1, n + 1):
                new[t] = s[t] + k[t - 1] * math.sin(s[t - 1] + s[t + 1] - 2.0 * s[t])
            s = new
        for t in range(n):
            total += w[r, t] * s[t + 1]
    return total


def transposed(real):
    def transposed(x, y):
        s = cuda.shared.array((TILE, TILE + 1), real)
        tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
        j, i = cuda.grid(2)
        s[ty, tx] = x[i, j]
        cuda.syncthreads()
        y[cuda.blockIdx.x * TILE + ty, cuda.blockIdx.y * TILE + tx] = math.exp(s[tx, ty])

    return transposed


def transposed_on_cpu(x, y, w):
    total = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            total += w[j, i] * math.exp(x[i, j])
    return total


def shared_kernel(make: Callable[[Any], Any], *rest: Any, **options: Any) -> KernelCase:
    """A case for float64, that can be made again for float32."""
    return KernelCase(make(np.float64), *rest, **options, make=make)


SHARED = [
    shared_kernel(block_sum, (normal(120), np.zeros(2)), (1,), (2, T), block_sum_on_cpu, {"x": "plain"}),
    shared_kernel(
        sum_of_pairs,
        (normal(200), normal(1), np.zeros(1)),
        (2,),
        (2, T),
        sum_of_pairs_on_cpu,
        {"x": "plain", "c": "block"},
    ),
    shared_kernel(
        rms_norm,
        (normal(2, T), normal(T), np.zeros((2, T))),
        (2,),
        (2, T),
        rms_norm_on_cpu,
        {"x": "plain", "g": "atomic"},
    ),
    shared_kernel(
        softmax,
        (normal(2, 59), np.zeros((2, 59)), np.zeros(2)),
        (1, 2),
        (2, T),
        softmax_on_cpu,
        {"x": "atomic"},
    ),
    shared_kernel(
        product_of_block,
        (1 + 0.1 * normal(2, T), np.zeros(2)),
        (1,),
        (2, T),
        product_of_block_on_cpu,
        {"x": "plain"},
    ),
    shared_kernel(moments, (normal(2, T), np.zeros((2, T))), (1,), (2, T), moments_on_cpu, {"x": "plain"}),
    shared_kernel(running_sum, (normal(T), np.zeros(T)), (1,), (1, T), running_sum_on_cpu, {"x": "plain"}),
    shared_kernel(
        counted,
        (normal(100), random.integers(0, 6, 100), np.zeros(6)),
        (2,),
        (2, T),
        counted_on_cpu,
        {"x": "plain"},
    ),
    shared_kernel(
        product,
        (normal(6, 11), normal(11, 7), np.zeros((6, 7))),
        (2,),
        ((2, 2), (TILE, TILE)),
        product_on_cpu,
        {"A": "atomic", "B": "atomic"},
    ),
    shared_kernel(
        bodies,
        (normal(90), 1 + random.random(90), 0.3, np.zeros(90)),
        (3,),
        (2, T),
        bodies_on_cpu,
        {"place": "atomic", "mass": "atomic", "softening": "block"},
    ),
    shared_kernel(
        smoothed,
        (normal(100), normal(100), np.zeros(100)),
        (2,),
        (2, T),
        smoothed_on_cpu,
        {"u": "atomic", "c": "plain"},
    ),
    shared_kernel(
        smoothed_square,
        (normal(7, 13), np.zeros((7, 13))),
        (1,),
        ((2, 2), (8, 4)),
        smoothed_square_on_cpu,
        {"u": "atomic"},
    ),
    shared_kernel(
        relaxed,
        (normal(2, T), 0.3 * normal(T), 4, np.zeros((2, T))),
        (3,),
        (2, T),
        relaxed_on_cpu,
        {"u": "plain", "k": "atomic"},
        trigonometric=True,
    ),
    shared_kernel(
        transposed,
        (normal(8, 12), np.zeros((12, 8))),
        (1,),
        ((3, 2), (TILE, TILE)),
        transposed_on_cpu,
        {"x": "plain"},
    ),
]
