"""Kernels, each with arguments, a grid, and the same mathematics for the CPU: `KERNELS`."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import cuda

from srcdiff import checkpoint

__all__ = ["KERNELS", "KernelCase"]

N = 50
random = np.random.default_rng(7)


@dataclass(frozen=True)
class KernelCase:
    """`on_cpu(*args, *weights)` is the weighted sum of what the kernel writes, in plain Python; `make` makes the
    kernel for a type of its shared memory."""

    kernel: Callable[..., Any]
    args: tuple[Any, ...]
    written: tuple[int, ...]
    grid: tuple[Any, Any]
    on_cpu: Callable[..., Any]
    ways: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)
    trigonometric: bool = False
    make: Callable[[Any], Any] | None = None

    def kernel_for(self, dtype: Any) -> Callable[..., Any]:
        """The kernel with shared memory of this type."""
        return self.kernel if self.make is None else self.make(dtype)

    @property
    def name(self) -> str:
        return self.kernel.__name__


def normal(*shape):
    return random.standard_normal(shape)


# ------------------------------------------------------------------------------------------------- kernels


def duffing(x, h, y):
    """The force of a spring that hardens."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        y[i] = x[i] * (h - x[i] * x[i])


def duffing_on_cpu(x, h, y, w):
    total = 0.0
    for i in range(x.shape[0]):
        total += w[i] * x[i] * (h - x[i] * x[i])
    return total


def chain(x, y, h):
    i = cuda.grid(1)
    if i >= x.shape[0]:
        return
    a = x[i]
    b = math.sin(a) * math.exp(-a * a)
    e = (math.log1p(b * b) + math.tanh(a * b)) / math.sqrt(1.0 + a * a)
    for _ in range(4):
        e = e + math.cos(e * a) * h
    y[i] = e


def chain_on_cpu(x, y, h, w):
    total = 0.0
    for i in range(x.shape[0]):
        a = x[i]
        b = math.sin(a) * math.exp(-a * a)
        e = (math.log1p(b * b) + math.tanh(a * b)) / math.sqrt(1.0 + a * a)
        for _ in range(4):
            e = e + math.cos(e * a) * h
        total += w[i] * e
    return total


def saxpy_loss(a, x, y, loss):
    for i in range(cuda.grid(1), x.shape[0], cuda.gridsize(1)):
        z = a[0] * x[i] + y[i]
        cuda.atomic.add(loss, 0, 0.5 * z * z)


def saxpy_loss_on_cpu(a, x, y, loss, w):
    total = loss[0]
    for i in range(x.shape[0]):
        z = a[0] * x[i] + y[i]
        total += 0.5 * z * z
    return w[0] * total


def heat(u, c, out):
    i = cuda.grid(1)
    if 0 < i < u.shape[0] - 1:
        out[i] = u[i] + c[0] * (u[i - 1] - 2.0 * u[i] + u[i + 1])
    elif i == 0 or i == u.shape[0] - 1:
        out[i] = u[i]


def heat_on_cpu(u, c, out, w):
    n = u.shape[0]
    total = w[0] * u[0] + w[n - 1] * u[n - 1]
    for i in range(1, n - 1):
        total += w[i] * (u[i] + c[0] * (u[i - 1] - 2.0 * u[i] + u[i + 1]))
    return total


def heat_of_square(u, k, out):
    i, j = cuda.grid(2)
    n, m = u.shape
    if 0 < i < n - 1 and 0 < j < m - 1:
        around = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
        out[i, j] = u[i, j] + k[i, j] * (around - 4.0 * u[i, j]) * u[i, j]


def heat_of_square_on_cpu(u, k, out, w):
    n, m = u.shape
    total = 0.0
    for i in range(n):
        for j in range(m):
            if 0 < i < n - 1 and 0 < j < m - 1:
                around = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                total += w[i, j] * (u[i, j] + k[i, j] * (around - 4.0 * u[i, j]) * u[i, j])
            else:
                total += w[i, j] * out[i, j]
    return total


def matvec(A, x, y):
    i = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if i < A.shape[0]:
        s = 0.0
        for j in range(A.shape[1]):
            s += A[i, j] * x[j]
        y[i] = s


def matvec_on_cpu(A, x, y, w):
    total = 0.0
    for i in range(A.shape[0]):
        s = 0.0
        for j in range(A.shape[1]):
            s += A[i, j] * x[j]
        total += w[i] * s
    return total


def embedding(W, index, y):
    i, c = cuda.grid(2)
    if i < index.shape[0] and c < W.shape[1]:
        w = W[index[i], c]
        y[i, c] = w * w


def embedding_on_cpu(W, index, y, w):
    total = 0.0
    for i in range(index.shape[0]):
        for c in range(W.shape[1]):
            total += w[i, c] * W[index[i], c] ** 2
    return total


def histogram(x, index, h):
    i = cuda.grid(1)
    if i < x.shape[0]:
        cuda.atomic.add(h, index[i], math.exp(x[i]))


def histogram_on_cpu(x, index, h, w):
    total = 0.0
    for k in range(h.shape[0]):
        total += w[k] * h[k]
    for i in range(x.shape[0]):
        total += w[index[i]] * math.exp(x[i])
    return total


def trajectories(y0, p, h, steps, out):
    i = cuda.grid(1)
    if i < y0.shape[0]:
        u = y0[i, 0]
        v = y0[i, 1]
        for _ in range(steps):
            du = p[0] * u - p[1] * u * v
            dv = p[2] * u * v - p[3] * v
            u += h * du
            v += h * dv
        out[i] = u * u + v


def trajectories_on_cpu(y0, p, h, steps, out, w):
    total = 0.0
    for i in range(y0.shape[0]):
        u = y0[i, 0]
        v = y0[i, 1]
        for _ in range(steps):
            du = p[0] * u - p[1] * u * v
            dv = p[2] * u * v - p[3] * v
            u += h * du
            v += h * dv
        total += w[i] * (u * u + v)
    return total


def segments(y0, p, h, steps, out):
    i = cuda.grid(1)
    if i < y0.shape[0]:
        u = y0[i]
        for _ in checkpoint(range(steps), 4):
            u = u + h * math.tanh(p[0] * u + p[1])
        out[i] = u * u


def segments_on_cpu(y0, p, h, steps, out, w):
    total = 0.0
    for i in range(y0.shape[0]):
        u = y0[i]
        for _ in range(steps):
            u = u + h * math.tanh(p[0] * u + p[1])
        total += w[i] * u * u
    return total


def roots(a, scale, x):
    i = cuda.grid(1)
    if i < a.shape[0]:
        r = a[i]
        while abs(r * r - a[i]) > 1e-5 * a[i]:
            r = 0.5 * (r + a[i] / r)
        x[i] = r * scale[0]


def roots_on_cpu(a, scale, x, w):
    total = 0.0
    for i in range(a.shape[0]):
        r = a[i]
        while abs(r * r - a[i]) > 1e-5 * a[i]:
            r = 0.5 * (r + a[i] / r)
        total += w[i] * r * scale[0]
    return total


def polynomial(c, x, y):
    powers = cuda.local.array(4, np.float64)
    i = cuda.grid(1)
    if i < x.shape[0]:
        powers[0] = 1.0
        for k in range(1, 4):
            powers[k] = powers[k - 1] * x[i]
        s = 0.0
        for k in range(4):
            s += c[k] * powers[k]
        y[i] = s


def polynomial_on_cpu(c, x, y, w):
    total = 0.0
    for i in range(x.shape[0]):
        power = 1.0
        for k in range(4):
            total += w[i] * c[k] * power
            power *= x[i]
    return total


@cuda.jit(device=True)
def pull(dx, dy, softening):
    r2 = dx * dx + dy * dy + softening
    return 1.0 / (r2 * math.sqrt(r2))


def forces(place, mass, softening, force):
    i = cuda.grid(1)
    if i < place.shape[0]:
        fx = 0.0
        fy = 0.0
        for j in range(place.shape[0]):
            dx = place[j, 0] - place[i, 0]
            dy = place[j, 1] - place[i, 1]
            g = mass[j] * pull(dx, dy, softening)
            fx += g * dx
            fy += g * dy
        force[i, 0] = fx
        force[i, 1] = fy


def forces_on_cpu(place, mass, softening, force, w):
    total = 0.0
    for i in range(place.shape[0]):
        for j in range(place.shape[0]):
            dx = place[j, 0] - place[i, 0]
            dy = place[j, 1] - place[i, 1]
            r2 = dx * dx + dy * dy + softening
            g = mass[j] / (r2 * math.sqrt(r2))
            total += w[i, 0] * g * dx + w[i, 1] * g * dy
    return total


def rows_of_blocks(x, y):
    b = cuda.blockIdx.x
    t = cuda.threadIdx.x
    if b < x.shape[0] and t < x.shape[1]:
        y[b, t] = x[b, t] * x[b, t] * x[b, t]


def rows_of_blocks_on_cpu(x, y, w):
    total = 0.0
    for b in range(x.shape[0]):
        for t in range(x.shape[1]):
            total += w[b, t] * x[b, t] ** 3
    return total


def strided(x, w, y):
    """A loop over the work of a whole grid, with its position and its step put together by hand."""
    i = cuda.threadIdx.x + cuda.blockIdx.x * cuda.blockDim.x
    while i < x.shape[0]:
        s = w[0]
        for k in range(4):
            s = math.tanh(s * w[k] + x[i])
        y[i] = s * s
        i += cuda.blockDim.x * cuda.gridDim.x


def strided_on_cpu(x, w, y, v):
    total = 0.0
    for i in range(x.shape[0]):
        s = w[0]
        for k in range(4):
            s = math.tanh(s * w[k] + x[i])
        total += v[i] * s * s
    return total


def heat_by_hand(u, c, out):
    start = cuda.blockIdx.x * cuda.blockDim.x
    i = start + cuda.threadIdx.x
    if i < 1 or i >= u.shape[0] - 1:
        return
    out[i] = u[i] + c[0] * (u[i - 1] - 2.0 * u[i] + u[i + 1])


def heat_by_hand_on_cpu(u, c, out, w):
    total = w[0] * out[0] + w[u.shape[0] - 1] * out[u.shape[0] - 1]
    for i in range(1, u.shape[0] - 1):
        total += w[i] * (u[i] + c[0] * (u[i - 1] - 2.0 * u[i] + u[i + 1]))
    return total


KERNELS = [
    KernelCase(
        duffing, (normal(N), 0.5, np.zeros(N)), (2,), (2, 32), duffing_on_cpu, {"x": "plain", "h": "block"}
    ),
    KernelCase(
        chain,
        (normal(N), np.zeros(N), 0.5),
        (1,),
        (2, 32),
        chain_on_cpu,
        {"x": "plain", "h": "block"},
        trigonometric=True,
    ),
    KernelCase(
        saxpy_loss,
        (normal(1), normal(N), normal(N), np.zeros(1)),
        (3,),
        (1, 32),
        saxpy_loss_on_cpu,
        {"a": "block", "x": "plain", "y": "plain"},
    ),
    KernelCase(
        heat, (normal(N), normal(1), np.zeros(N)), (2,), (2, 32), heat_on_cpu, {"u": "gather", "c": "block"}
    ),
    KernelCase(
        heat_of_square,
        (normal(7, 6), normal(7, 6), np.zeros((7, 6))),
        (2,),
        ((2, 1), (4, 8)),
        heat_of_square_on_cpu,
        {"u": "gather", "k": "plain"},
    ),
    KernelCase(
        matvec,
        (normal(40, 7), normal(7), np.zeros(40)),
        (2,),
        (2, 32),
        matvec_on_cpu,
        {"A": "plain", "x": "atomic"},
    ),
    KernelCase(
        embedding,
        (normal(5, 3), random.integers(0, 5, 11), np.zeros((11, 3))),
        (2,),
        ((3, 1), (4, 8)),
        embedding_on_cpu,
        {"W": "atomic"},
    ),
    KernelCase(
        histogram,
        (normal(N), random.integers(0, 6, N), np.zeros(6)),
        (2,),
        (2, 32),
        histogram_on_cpu,
        {"x": "plain"},
    ),
    KernelCase(
        trajectories,
        (1 + random.random((20, 2)), np.array([1.1, 0.4, 0.1, 0.4]), 0.1, 9, np.zeros(20)),
        (4,),
        (1, 32),
        trajectories_on_cpu,
        {"y0": "plain", "p": "block", "h": "block"},
    ),
    KernelCase(
        segments,
        (normal(N), np.array([0.8, -0.3]), 0.2, 10, np.zeros(N)),
        (4,),
        (2, 32),
        segments_on_cpu,
        {"y0": "plain", "p": "block", "h": "block"},
    ),
    KernelCase(
        roots,
        (1 + random.random(N), normal(1), np.zeros(N)),
        (2,),
        (2, 32),
        roots_on_cpu,
        {"a": "plain", "scale": "block"},
        {"max_trips": 20},
    ),
    KernelCase(
        polynomial,
        (normal(4), normal(N), np.zeros(N)),
        (2,),
        (2, 32),
        polynomial_on_cpu,
        {"c": "atomic", "x": "plain"},
    ),
    KernelCase(
        forces,
        (normal(12, 2), 1 + random.random(12), 0.1, np.zeros((12, 2))),
        (3,),
        (1, 32),
        forces_on_cpu,
        {"place": "atomic", "mass": "atomic", "softening": "block"},
    ),
    KernelCase(
        rows_of_blocks,
        (normal(3, 32), np.zeros((3, 32))),
        (1,),
        (3, 32),
        rows_of_blocks_on_cpu,
        {"x": "plain"},
    ),
    KernelCase(
        strided,
        (normal(N), normal(4), np.zeros(N)),
        (2,),
        (1, 32),
        strided_on_cpu,
        {"x": "plain", "w": "atomic"},
    ),
    KernelCase(
        heat_by_hand,
        (normal(N), normal(1), np.zeros(N)),
        (2,),
        (2, 32),
        heat_by_hand_on_cpu,
        {"u": "gather", "c": "block"},
    ),
]
