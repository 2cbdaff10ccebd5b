"""Functions that call themselves: both modes and two orders, against differences and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from srcdiff import DifferentiationError, check_grads, differentiate, grad, hessian, jvp
from tests.truth import assert_gradient

RATE = 0.3
WEIGHTS = np.array([0.5, -1.0, 2.0])


def power(x, n):
    if n == 0:
        return 1.0
    return x * power(x, n - 1)


def fibonacci(x, y, n):
    if n < 2:
        return math.sin(x) if n == 0 else y
    return fibonacci(x, y, n - 1) * x + fibonacci(x, y, n - 2)


def bump(t, width):
    return math.exp(-((t / width) ** 2)) * math.cos(3.0 * t)


def simpson(f, width, a, b, whole, depth):
    middle = 0.5 * (a + b)
    h = b - a
    left = h / 12.0 * (f(a, width) + 4.0 * f(0.5 * (a + middle), width) + f(middle, width))
    right = h / 12.0 * (f(middle, width) + 4.0 * f(0.5 * (middle + b), width) + f(b, width))
    if depth == 0 or abs(left + right - whole) < 1e-7:
        return left + right + (left + right - whole) / 15.0
    return simpson(f, width, a, middle, left, depth - 1) + simpson(f, width, middle, b, right, depth - 1)


def integral(width, a, b):
    return simpson(bump, width, a, b, 0.0, 20)


def tree_value(values, left, right, node):
    """A binary tree in arrays of indices, its leaves marked by -1."""
    if left[node] < 0:
        return values[node] ** 2
    below = tree_value(values, left, right, left[node]) * tree_value(values, left, right, right[node])
    return values[node] + math.tanh(below)


VALUES = np.array([0.5, -0.3, 0.8, 1.2, 0.7])
LEFT = np.array([1, -1, 3, -1, -1])
RIGHT = np.array([2, -1, 4, -1, -1])


def decays(x, n):
    """Reads its surroundings."""
    if n == 0:
        return x * WEIGHTS[1]
    return decays(x * RATE, n - 1) + WEIGHTS[n % 3] * x


def even(x, n):
    if n == 0:
        return x
    return math.sin(odd(x, n - 1))


def odd(x, n):
    if n == 0:
        return 2.0 * x
    return x * even(x, n - 1)


def in_a_loop(x, n):
    total = 0.0
    for k in range(n):
        if k % 2 == 0:
            x = x * 0.5 + power(x, k)
        total += x
    return total


def branching(x, n):
    """Calls itself in a loop."""
    if n == 0:
        return x * x
    total = 0.0
    for k in range(n):
        total += branching(x * 0.5 + k, n - 1) * x
    return total


def pair(x, n):
    """Returns two values."""
    if n == 0:
        return x, 1.0
    a, b = pair(x * 0.5, n - 1)
    return a * b + x, b * x


def product_of_pair(x, n):
    a, b = pair(x, n)
    return a * b


def waves(x, n):
    """Returns an array."""
    if n == 0:
        return x * x
    return np.sin(waves(x, n - 1)) * x


def sum_of_waves(x, n):
    return np.sum(waves(x, n) * WEIGHTS)


def halves(x):
    """Calls itself with parts of an array."""
    if len(x) == 1:
        return x[0] ** 2
    middle = len(x) // 2
    return halves(x[:middle]) * 2.0 + halves(x[middle:])


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (power, (1.3, 4)),
        (power, (1.3, 0)),
        (fibonacci, (0.7, 1.1, 6)),
        (integral, (0.8, -1.0, 2.0)),
        (tree_value, (VALUES, LEFT, RIGHT, 0)),
        (decays, (0.7, 4)),
        (even, (0.7, 5)),
        (in_a_loop, (0.4, 4)),
        (branching, (0.4, 3)),
        (product_of_pair, (1.3, 3)),
        (sum_of_waves, (VALUES[:3], 2)),
        (halves, (VALUES,)),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_gradient(f, args):
    assert_gradient(f, args)


def test_both_modes_and_the_second_order():
    check_grads(fibonacci, (0.7, 1.1, 4))
    check_grads(tree_value, (VALUES, LEFT, RIGHT, 0))


def test_closed_forms():
    assert grad(grad(grad(power)))(1.3, 4) == pytest.approx(24 * 1.3)
    assert hessian(power)(1.3, 4) == pytest.approx(12 * 1.3**2)
    assert jvp(power, (1.3, 4), (2.0, None))[1] == pytest.approx(8 * 1.3**3)


def test_surroundings_are_read_at_each_call():
    slope = grad(decays)
    before = slope(0.7, 2)
    globals()["RATE"] = 0.5
    try:
        assert slope(0.7, 2) == pytest.approx(-0.25 + 2.0 + 0.5 * -1.0)
    finally:
        globals()["RATE"] = 0.3
    assert slope(0.7, 2) == before


def test_the_text():
    text = differentiate(power).gradient_source(1.3, 4)
    assert text.count("def power_again(x, n):") == 1
    assert text.count("def power_again_vjp(x, n, result_bar):") == 1
    namespace = {}
    exec(compile(text, "<text>", "exec"), namespace)
    assert namespace["power_grad"](1.3, 4) == pytest.approx((1.3**4, 4 * 1.3**3))


def test_what_is_refused():
    def fills(x, n):
        if n > 0:
            x[n] = x[n - 1]
            fills(x, n - 1)
        return x[0]

    with pytest.raises(DifferentiationError, match="`fills` calls itself and writes into its arguments"):
        grad(fills)(WEIGHTS, 2)
