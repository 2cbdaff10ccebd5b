"""`print` runs once, in the primal and in the forward sweep, and prints what Python prints."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import srcdiff
from srcdiff import DifferentiationError
from tests.truth import assert_gradient, copied

X = np.array([0.5, 1.25, 2.0])


def traced(x, n):
    print("start {}", n, None)
    s = 0.0
    for i in range(n):
        s += math.sin(x[i]) ** 2
        if i % 2 == 0:
            print("trip", i, s, x[i])
            print(f"at {i} with {s}")
    return s


def overwritten(x, n):
    text = f"before {x[0]} and {n}"
    print(x, x > 1.0, flush=True)
    x[0] *= n
    print(text)
    print(x[1:], x * 2.0, sep=" ")
    print()
    return x[0] * x[1]


def in_a_callee(x, n):
    def square(y):
        print("square of", y)
        return y * y

    s = 0.0
    for i in range(n):
        s += square(x[i])
    return s


@pytest.mark.parametrize("function", [traced, overwritten, in_a_callee])
def test_prints_as_python_does(function: Any, capfd: pytest.CaptureFixture[str]) -> None:
    differentiable = srcdiff.differentiate(function)
    differentiable(*copied((X, 3)))
    differentiable.value_and_grad(X, 3)
    capfd.readouterr()
    outputs = []
    for call in (function, differentiable, differentiable.value_and_grad):
        call(*copied((X, 3)))
        outputs.append(capfd.readouterr().out)
    assert outputs[0] and outputs[1] == outputs[0] and outputs[2] == outputs[0]
    assert_gradient(function, (X, 3))


def with_a_format(x):
    print(f"{x:.3f}")
    return x


def without_space(x):
    print(f"x={x}")
    return x


def values_that_touch(x):
    print(f"{x}{x}")
    return x


def another_end(x):
    print(x, end="")
    return x


@pytest.mark.parametrize("function", [with_a_format, without_space, values_that_touch, another_end])
def test_refuses_what_numba_cannot_print(function: Any) -> None:
    with pytest.raises(DifferentiationError, match=r"f-string|`end=`"):
        srcdiff.grad(function)(1.0)
