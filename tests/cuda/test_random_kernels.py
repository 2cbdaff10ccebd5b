"""Random kernels: each adjoint against differences, in random order, without a race.

One whose threads share memory is a row of steps, in loops and branches that are the same in all threads. Each step
keeps apart what threads store and what others read by barriers, so that the kernel itself has no race.
"""

import importlib.util
import sys

import numpy as np
import pytest

from srcdiff.cuda import emulated, kernel
from srcdiff.errors import DifferentiationError, InternalError, RaceError
from tests.cuda import random_kernels
from tests.cuda.differences import assert_slope
from tests.truth import copied

HEAD = """import math

import numpy as np
from numba import cuda

T = {threads}


def kernel(x, c, n, y):
    a = cuda.shared.array(T, np.float64)
    b = cuda.shared.array((T, 2), np.float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    v = x[i] if i < x.shape[0] else 0.5
    a[t] = v
    b[t, 0] = c[0]
    b[t, 1] = v * c[1]
    cuda.syncthreads()
"""
TAIL = """    if i < y.shape[0]:
        y[i] = v + a[t] * b[t, 1]
"""


class Steps:
    """Writes the steps of a kernel."""

    def __init__(self, random):
        self.random = random
        self.count = 0

    def pick(self, *choices):
        return choices[self.random.integers(len(choices))]

    def name(self, prefix):
        self.count += 1
        return f"{prefix}{self.count}"

    def function(self, term):
        return self.pick(f"math.sin({term})", f"math.tanh({term})", f"0.5 * {term}", f"{term} * c[1] * 0.3")

    def steps(self, depth, indent):
        lines = []
        for _ in range(self.random.integers(1, 4 if depth else 3)):
            kinds = [
                self.read,
                self.broadcast,
                self.neighbours,
                self.over_all,
                self.tree,
                self.atomic,
                self.some,
            ]
            if depth:
                kinds += [self.loop, self.branch]
            lines += self.pick(*kinds)(depth)
        return [indent + line for line in lines]

    def store(self, term):
        """What was read is stored, when all have read."""
        where = self.pick("a[t]", "b[t, 0]", "b[t, 1]")
        how = self.pick("=", "=", "+=")
        return ["cuda.syncthreads()", f"{where} {how} {self.function(term)}", "cuda.syncthreads()"]

    def read(self, depth):
        own = self.pick("a[T - 1 - t]", "b[T - 1 - t, 0]", "a[(t + 3) % T]", "b[t, 1] * a[t]")
        return [f"v = v + {self.function(own + ' * v')}", *self.store("v")]

    def broadcast(self, depth):
        place = self.pick("a[0]", "b[2, 1]", "a[T - 1]", "b[n, 0]")
        return [f"v += {self.function(place)} * v", *self.pick(self.store("v"), [])]

    def neighbours(self, depth):
        left, right = self.name("left"), self.name("right")
        return [
            f"{left} = a[t - 1] if t > 0 else 0.0",
            f"{right} = b[t + 1, 0] if t + 1 < T else c[0]",
            *self.store(f"({left} - v * {right})"),
        ]

    def over_all(self, depth):
        total, q = self.name("total"), self.name("q")
        body = self.pick(f"{total} += a[{q}] * v", f"{total} = {total} * 0.9 + math.sin(a[{q}] * b[{q}, 1])")
        loop = [f"for {q} in range({self.pick('T', 'n', 'cuda.blockDim.x')}):", f"    {body}"]
        guarded = [self.pick("if t < 5:", "if i < y.shape[0]:"), *("    " + line for line in loop)]
        return [f"{total} = 0.0", *self.pick(loop, guarded), f"v = math.tanh(v + {total})", *self.store("v")]

    def tree(self, depth):
        w = self.name("w")
        combine = self.pick(
            "a[t] + a[t + {w}]", "a[t] * 0.7 + a[t + {w}] * a[t]", "max(a[t], a[t + {w}])"
        ).format(w=w)
        lines = [
            "cuda.syncthreads()",
            f"{w} = T // 2",
            f"while {w} > 0:",
            f"    if t < {w}:",
            f"        a[t] = {combine}",
        ]
        lines += [
            "    cuda.syncthreads()",
            f"    {w} {self.pick('//= 2', '>>= 1')}",
            "v = v + math.sin(a[0])",
        ]
        return [*lines, *self.store("v")]

    def atomic(self, depth):
        where = self.pick("0", "t // 2", "n")
        return [
            "cuda.syncthreads()",
            f"cuda.atomic.add(a, {where}, {self.function('v')})",
            "cuda.syncthreads()",
            "v = v * math.cos(a[0])",
        ]

    def some(self, depth):
        test = self.pick("t % 2 == 0", "t < n", "v > 0.4", "i < y.shape[0]")
        return [f"if {test}:", f"    v = v + {self.function('a[T - 1 - t]')}", "else:", "    v = v * b[0, 1]"]

    def loop(self, depth):
        k = self.name("k")
        bounds = self.pick("3", "n", "1, n + 1", "0, T, 5")
        return [f"for {k} in range({bounds}):", *self.steps(depth - 1, "    "), f"    v = v + 0.01 * {k}"]

    def branch(self, depth):
        test = self.pick("n > 2", "c[0] > 0.0", "n % 2 == 0")
        return [f"if {test}:", *self.steps(depth - 1, "    "), "else:", "    v = v * c[1]"]


def source_of(seed):
    random = np.random.default_rng(seed)
    threads = int(random.choice([8, 32]))
    steps = Steps(random).steps(2, "    ")
    return HEAD.format(threads=threads) + "\n".join(steps) + "\n" + TAIL, threads


def module_of(text, path):
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def check(seed, folder):
    text, threads = source_of(seed)
    module = module_of(text, folder / f"random_kernel_{seed}.py")
    random = np.random.default_rng(seed)
    rows = 2 * threads - 3
    x, weights, way = random.standard_normal((3, rows))
    c, along = 0.5 + 0.3 * random.standard_normal(2), random.standard_normal(2)
    n = int(random.integers(1, 5))
    x_bar, c_bar, y_bar = np.zeros(rows), np.zeros(2), weights.copy()
    differentiable = kernel(module.kernel, max_trips=200)

    def total(step):
        y = np.zeros(rows)
        differentiable[2, threads](x + step * way, c + step * along, n, y)
        return float(weights @ y)

    with emulated(random):
        differentiable.adjoint[2, threads](x, c, n, np.zeros(rows), x_bar, c_bar, y_bar)
        expected = float(way @ x_bar + along @ c_bar)
        shorter = min(1.0, 10.0 / (abs(expected) + 1e-30))  # steep ones are not straight for long
        way, along = shorter * way, shorter * along
        assert_slope(total, shorter * expected, rtol=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_random_kernels(seed, tmp_path):
    check(seed, tmp_path)


def check_global(seed, folder):
    """A kernel on global memory, with options at random: whether there is something to compare, and it agrees."""
    case = random_kernels.Kernel(seed)
    module = module_of(case.text, folder / f"random_global_{seed}.py")
    random = np.random.default_rng(seed)
    gather, accumulate, promised = (bool(random.random() < share) for share in (0.8, 0.5, 0.3))
    options = {"gather": gather, "accumulate": accumulate, "unique": ["p"] if promised else []}
    differentiable = kernel(module.kernel, max_trips=64, **options)
    floats = [k for k, a in enumerate(case.args) if a.dtype.kind == "f"]
    ways, weights = ({k: random.standard_normal(case.args[k].shape) for k in floats} for _ in range(2))

    def total(step):
        args = [a + step * ways[k] if k in ways else a for k, a in enumerate(copied(tuple(case.args)))]
        with emulated(random):
            differentiable[case.grid](*args)
        return sum(float(np.sum(weights[k] * args[k])) for k in written)

    try:
        with emulated(random):
            differentiable[case.grid](*copied(tuple(case.args)))
    except (RaceError, IndexError):
        return False
    try:
        written = differentiable.specialised(list(case.args)).written
        blank = 0.0 if accumulate else np.nan
        shadows = {k: weights[k].copy() if k in written else np.full(ways[k].shape, blank) for k in floats}
        with emulated(random):
            differentiable.adjoint[case.grid](*case.args, *shadows.values())
    except (InternalError, RaceError):
        raise
    except DifferentiationError:
        return False
    expected = sum(float(np.sum(ways[k] * shadows[k])) for k in floats)
    if not abs(expected) < 1e4:
        return False
    shorter = min(1.0, 1.0 / (abs(expected) + 1e-30))
    ways = {k: shorter * way for k, way in ways.items()}
    assert_slope(total, shorter * expected, rtol=1e-6)
    return True


@pytest.mark.parametrize("part", range(4))
def test_random_kernels_on_global_memory(part, tmp_path):
    compared = [seed for seed in range(12 * part, 12 * part + 12) if check_global(seed, tmp_path)]
    assert len(compared) >= 4
