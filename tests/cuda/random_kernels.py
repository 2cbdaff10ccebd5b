"""Random kernels on global memory: `Kernel(seed).text`, with the arguments for it.

A kernel finds its position in one of many ways, reads at indices that are its own, its neighbours', the same for all,
or looked up, and stores or adds atomically. It may race, or read beyond an array: whoever runs it first asks the
emulator.
"""

import numpy as np

__all__ = ["Kernel"]

HEAD = """import math

import numpy as np
from numba import cuda


@cuda.jit(device=True)
def blend(a, b):
    if a > b:
        return a * 0.5 + math.sin(b)
    return b * a


def kernel(u, w, A, c, k, p, y, z, loss):
"""
POSITIONS = [  # statements before the body, and the body's indentation
    ("i = cuda.grid(1)\nif i < n:", 1),
    ("i = cuda.grid(1)\nif 2 <= i < n - 2:", 1),
    ("i = cuda.grid(1)\nif i >= n:\n    return", 0),
    ("i = cuda.threadIdx.x\ni += cuda.blockIdx.x * cuda.blockDim.x\nif i < 2 or i >= n - 2:\n    return", 0),
    ("start = cuda.blockDim.x * cuda.blockIdx.x\ni = start + cuda.threadIdx.x\nif i < n:", 1),
    ("for i in range(cuda.grid(1), n, cuda.gridsize(1)):", 1),
    ("stride = cuda.blockDim.x * cuda.gridDim.x\nfor i in range(cuda.grid(1), n, stride):", 1),
    ("i = cuda.grid(1)\nwhile i < n:", 1),
]
INNER = (1, 3)  # the positions of which neighbours exist
NEIGHBOURS = ["u[i]", "u[i - 1]", "u[i + 1]", "u[i + 2]", "u[i - 2]", "A[i, 1]", "A[i + 1, 0]", "c[0]"]
READS = [
    "u[i]", "u[i + 1] if i + 1 < n else 0.2", "u[i - 1] if i > 0 else c[1]", "u[p[i]]", "w[k[i]]", "w[i % 8]", "w[0]",
    "A[i, 2]", "A[i, k[i] % 4]", "A[p[i], 1]", "c[0]", "u[0]", "u[n - 1 - i]", "w[cuda.blockIdx.x]", "u[max(i - 1, 0)]",
    "u[(i + 3) % n]", "blend(u[i], w[k[i]])", "A[i][1]", "w[cuda.threadIdx.x % 8]",
]  # fmt: skip
LOOPS = [
    ("for {j} in range(4):", "A[i, {j}]"),
    ("for {j} in range(w.shape[0]):", "w[{j}]"),
    ("for {j} in range(k[i]):", "w[{j}]"),
    ("for {j} in range(3, -1, -1):", "w[2 * {j}]"),
    ("for {j} in range(i % 4):", "A[i, {j}] * w[{j}]"),
]
TESTS = ["v > 0.0", "k[i] > 3", "i % 2 == 0", "u[i] > c[0]", "s < 0.5", "cuda.threadIdx.x > 2", "n > 8"]
OUTPUTS = [
    "y[i] = v + s", "y[i] = y[i] * 0.5 + s * v", "y[i] += s * v", "z[i, 1] = s\nz[i, 2] = v", "y[p[i]] = s * v",
    "for j in range(4):\n    z[i, j] = v * j + s", "cuda.atomic.add(loss, 0, s * v)", "cuda.atomic.add(loss, i % 2, s)",
    "cuda.atomic.add(loss, k[i] % 3, v)\ncuda.atomic.add(loss, 1, s)", "y[n - 1 - i] = s + v", "y[i] = s\ny[i] = v * s",
    "if v > 0.1:\n    y[i] = s\nelse:\n    y[i] = v * u[i]", "if i > 2:\n    y[i] = s * v", "z[i, k[i] % 4] = s",
    "u[i] = u[i] * s", "y[0] = s", "y[cuda.threadIdx.x] = v",
]  # fmt: skip


class Kernel:
    """`text` is a module with a function `kernel`; `args` and `grid` are for it."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.count = 0
        k = int(self.random.integers(len(POSITIONS)))
        before, depth = POSITIONS[k]
        self.reads = NEIGHBOURS if k in INNER else READS
        steps = [line for _ in range(self.random.integers(1, 4)) for line in self.step(2)]
        outputs = [line for _ in range(self.random.integers(1, 3)) for line in self.pick(OUTPUTS).split("\n")]
        body = [f"v = {self.pick(self.reads)}", "s = 0.1 * v", *steps, *outputs]
        if before.endswith("while i < n:"):
            body.append("i += cuda.gridsize(1)")
        lines = ["n = u.shape[0]", *before.split("\n"), *("    " * depth + line for line in body)]
        self.text = HEAD + "\n".join("    " + line for line in lines) + "\n"
        n, threads = int(self.pick([13, 24, 40])), int(self.pick([8, 13, 32]))
        normal, integers = self.random.standard_normal, self.random.integers
        loops = before.endswith(":") and "if" not in before
        self.grid = (int(self.pick([2, 5])) if loops else -(-n // threads), threads)
        indices = integers(0, 8, n), self.random.permutation(n)
        self.args = [
            normal(n),
            normal(8),
            normal((n, 4)),
            normal(3),
            *indices,
            normal(n),
            normal((n, 4)),
            normal(3),
        ]

    def pick(self, choices):
        return choices[self.random.integers(len(choices))]

    def function(self, term):
        return self.pick(["math.sin({})", "math.tanh({})", "0.5 * ({})", "({0}) * ({0})", "{}"]).format(term)

    def step(self, depth):
        kinds = [self.read, self.read, self.branch, self.loop, self.local]
        return self.pick(kinds if depth else kinds[:1])(depth)

    def name(self, prefix):
        self.count += 1
        return f"{prefix}{self.count}"

    def read(self, depth):
        x = self.name("x")
        use = self.pick(["v = v * 0.5 + {}", "s += v * {}", "s = v - s * {}"]).format(self.function(x))
        return [f"{x} = {self.pick(self.reads)}", use]

    def branch(self, depth):
        arms = [["    " + line for line in self.step(depth - 1)] for _ in range(2)]
        return [f"if {self.pick(TESTS)}:", *arms[0], "else:", *arms[1]]

    def loop(self, depth):
        j = self.name("j")
        head, element = (text.format(j=j) for text in self.pick(LOOPS))
        use = self.pick(["s += {} * v", "v = v * 0.7 + math.sin(v * {})", "s = s * {} + 0.1"]).format(element)
        rest = ["    " + line for line in self.branch(1)] if depth > 1 and self.random.random() < 0.3 else []
        return [head, f"    {use}", *rest]

    def local(self, depth):
        a, j = self.name("a"), self.name("j")
        return [
            f"{a} = cuda.local.array(4, np.float64)",
            f"for {j} in range(4):",
            f"    {a}[{j}] = A[i, {j}] * v",
            f"for {j} in range(1, 4):",
            f"    {a}[{j}] = {a}[{j}] * {a}[{j} - 1] + 0.1",
            f"s += {a}[{self.pick(['3', 'k[i] % 4', '0'])}]",
        ]
