"""Loops whose trips are made when they are reversed, positions by hand, and loops that count: what the kernel says."""

import math

import numpy as np
import pytest
from numba import cuda

from srcdiff.cuda import kernel


def by_hand(x, y):
    t = cuda.threadIdx.x
    start = cuda.blockDim.x * cuda.blockIdx.x
    i = t + start
    stride = cuda.gridDim.x * cuda.blockDim.x
    while x.shape[0] > i:
        a = math.exp(x[i])
        y[i] = math.sin(a * a) * a
        i += stride


def carried(x, y):
    a = 1.0
    for i in range(cuda.grid(1), x.shape[0], cuda.gridsize(1)):
        a = math.sin(a * x[i])
        y[i] = a


def test_a_trip_is_made_when_it_is_reversed():
    text = kernel(by_hand).gradient_source(np.ones(9), np.ones(9))
    assert text.count("for ") == 1 and "while" not in text and "tape" not in text
    assert "in range(i, " in text and ", stride):" in text
    assert "i = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x" in text


def test_trips_that_need_those_before_are_not_moved():
    assert "a_tape" in kernel(carried, max_trips=8).gradient_source(np.ones(9), np.ones(9))


@pytest.mark.parametrize("step", ["i -= 1", "i += k", "i += x[0] > 0.0"])
def test_loops_that_do_not_count(step, tmp_path):
    lines = [
        "i = cuda.grid(1)",
        "v = 1.0",
        "while i < x.shape[0]:",
        "    v = math.sin(v * x[i])",
        f"    {step}",
        "y[cuda.grid(1)] = v",
    ]
    source = "import math\nfrom numba import cuda\n\n\ndef f(x, k, y):\n" + "".join(
        f"    {line}\n" for line in lines
    )
    (tmp_path / "counted.py").write_text(source)
    space = {}
    exec(compile(source, str(tmp_path / "counted.py"), "exec"), space)
    assert "while" in kernel(space["f"], max_trips=8).gradient_source(np.ones(9), 2, np.ones(9))
