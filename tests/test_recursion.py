"""Functions that call themselves: both modes and two orders, against differences and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from srcdiff import (
    DifferentiationError,
    check_grads,
    checkpoint,
    differentiate,
    grad,
    hessian,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)
from srcdiff.derivatives import Forward, Jacobian, Tangent
from srcdiff.differentiable import Differentiable
from tests.truth import assert_gradient

RATE = 0.3
WEIGHTS = np.array([0.5, -1.0, 2.0])
MATRIX = np.array([[0.3, -0.2, 0.5], [0.1, 0.4, -0.3], [0.2, 0.2, 0.1]])


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


def leaves(x, n):
    """Leaves its loop early, with a call before and after."""
    total = 0.0
    for k in range(n):
        if k > 3:
            break
        total += power(x, k) * x
        if total > 1.5:
            total *= power(x, 2)
            break
    return total


def while_calls(x, n):
    y = x
    while y < 3.0:
        y = y * 1.2 + 0.01 * power(y, n)
    return y


def overwritten(x, n):
    y = waves(x, n)
    total = np.sum(y * y * WEIGHTS)
    y[0] = y[1] * x[2]
    y[2] *= 3.0
    return total + np.sum(y * x)


def argument_overwritten(x, n):
    y = x * 2.0
    z = waves(y, n)
    y[0] = z[0] * y[1]
    w = waves(y, n)
    y[1] = 5.0
    return np.sum(z * w * y)


def largest(x, n):
    best = -1e9
    for k in range(5):
        value = power(x - k * 0.5, n) * (3 - k)
        if value > best:
            best = value
    return best


def summed(xs, n):
    """Both sweeps of the loop in one."""
    total = 0.0
    for i in range(len(xs)):
        total += power(xs[i], n) ** 2
    return total


def steps(x, n):
    for _ in checkpoint(range(10)):
        x = math.sin(x) + 0.1 * power(x, n)
    return x


def nested_calls(x, n, m):
    """A loop with a call in each of the arms, in a recursion."""
    if n == 0:
        return x
    total = x
    for i in range(m):
        if i % 2 == 0:
            total += nested_calls(total * 0.3, n - 1, m)
        elif i % 3 == 0:
            total *= 0.9
        else:
            j = 0
            while j < i:
                total = total * 0.8 + 0.1 * nested_calls(x * total, n - 1, i - 1)
                j += 1
    return total


def matrix_power(a, n):
    if n == 0:
        return a * 1.0
    b = matrix_power(a, n // 2)
    c = b @ b
    return c + a * 0.1


def sum_of_matrix_power(a, n):
    w = np.arange(9.0).reshape(3, 3) * 0.1
    return np.sum(matrix_power(a, n) * w)


def local_array(x, n):
    """Fills an array of its own in each activation."""
    if n == 0:
        return x
    y = np.empty(n + 1)
    y[0] = x
    for i in range(n):
        y[i + 1] = math.sin(y[i]) * y[i]
    below = local_array(y[n], n - 1)
    for i in range(n):
        y[i] = y[i] * below
    return np.sum(y) * 0.1


def decaying(x, n):
    """Float32 and flags."""
    if n == 0:
        return x
    up = x > 0.5
    y = decaying(x * np.float32(0.5), n - 1)
    if up:
        y = y * y
    return y * x


def range_halved(x, low, high):
    """The array is passed on whole."""
    if high - low == 1:
        return x[low] * x[low]
    middle = (low + high) // 2
    return math.sin(range_halved(x, low, middle)) * range_halved(x, middle, high)


def two_arrays(x, y, k):
    if k == len(x):
        return 0.5
    s = 0.0
    for j in range(k % 3):
        s += y[j] * two_arrays(x, y, k + 1)
    return x[k] + y[k] * s + 0.1 * two_arrays(x, y, k + 1) ** 2


def itself_and_another(x, n):
    """What is owed to the array of the first call is owed to `x` elsewhere."""
    if n == 0:
        return np.sum(x * x)
    return itself_and_another(2.0 * x, n - 1) + itself_and_another(x, n - 1) * x[n]


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (range_halved, (VALUES, 0, len(VALUES))),
        (two_arrays, (VALUES[:4], VALUES[1:5], 0)),
        (itself_and_another, (VALUES, 2)),
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
        (leaves, (0.7, 8)),
        (leaves, (1.3, 8)),
        (while_calls, (0.4, 3)),
        (overwritten, (VALUES[:3], 2)),
        (argument_overwritten, (VALUES[:3], 2)),
        (largest, (0.7, 3)),
        (summed, (VALUES, 4)),
        (steps, (0.4, 3)),
        (nested_calls, (0.4, 3, 4)),
        (sum_of_matrix_power, (MATRIX, 5)),
        (local_array, (0.7, 4)),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
@pytest.mark.usefixtures("inferred_at_least")
def test_gradient(f, args, inferred_at_least):
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
    assert text.count("def power_again_forward(x, n, tape):") == 1
    assert text.count("def power_again_pullback(x, n, result_bar, tape):") == 1
    assert "_vjp" not in text
    namespace = {}
    exec(compile(text, "<text>", "exec"), namespace)
    assert namespace["power_grad"](1.3, 4) == pytest.approx((1.3**4, 4 * 1.3**3))


def calls_made(f, *args):
    """How many functions the gradient calls that it brings along, and what it gives."""
    return calls_in(differentiate(f).gradient_source(*args), f"{f.__name__}_grad", args)


def calls_in(text, name, args):
    """How many functions a generated one calls that it brings along, and what it gives."""
    text = text.replace("from numba import njit", "")
    made = 0

    def njit(*functions, **__):
        if functions:  # it is not one of the user's
            return functions[0]

        def decorated(function):
            def called(*args):
                nonlocal made
                made += 1
                return function(*args)

            return called

        return decorated

    namespace = {"njit": njit}
    exec(compile(text, "<text>", "exec"), namespace)
    result = namespace[name](*args)
    return made, result


def test_the_cost_has_no_factor_of_the_depth():
    assert [calls_made(power, 1.01, n)[0] for n in (10, 20, 40)] == [20, 40, 80]
    primal_calls = {10: 177 - 1, 12: 465 - 1}
    for n, count in primal_calls.items():
        assert calls_made(fibonacci, 0.7, 1.1, n)[0] == 2 * count
    # Mutual recursion, and calls in loops.
    assert [calls_made(even, 0.7, n)[0] for n in (16, 32, 64)] == [16, 32, 64]
    assert calls_made(branching, 0.4, 5)[0] == 2 * (5 + 20 + 60 + 120 + 120)


def test_tangents_come_with_the_value():
    tangent = Tangent(Differentiable(power), (0,))
    text = tangent.text(tangent.program_for(1.3, 4))
    assert text.count("def ") == 2 and "def power_again_jvp(x, n, x_dot):" in text
    for n in (10, 20):
        assert calls_in(text, "power_jvp", (1.3, n, 2.0)) == (
            n,
            pytest.approx((1.3**n, 2.0 * n * 1.3 ** (n - 1))),
        )
    both = Jacobian(Differentiable(fibonacci), (0, 1), True)
    text = both.text(both.program_for(0.7, 1.1, 6))
    assert "def fibonacci_again_jvp2(" in text and "def fibonacci_again(" not in text


def test_the_parts_of_vjp_are_those_of_the_gradient():
    for f, args in ((power, (1.3, 12)), (sum_of_matrix_power, (MATRIX, 5))):
        name = f.__name__
        forward = Forward(Differentiable(f), (0,))
        specs = forward.specs(list(args))
        texts = [d.text(d.program(specs)) for d in (forward, forward.pullback)]
        assert "_pullback(" not in texts[0] and "_forward(" not in texts[1]
        assert not any("_vjp(" in text for text in texts)
        calls, (value, residuals) = calls_in(texts[0], f"{name}_forward", args)
        total, (want, slope) = calls_made(f, *args)
        assert value == pytest.approx(want)
        for g in (1.0, 2.0):  # what was recorded is still there
            back, (owed,) = calls_in(texts[1], f"{name}_pullback", (*residuals, g))
            assert np.allclose(owed, g * slope)
        assert calls + back == total


def test_an_array_that_is_passed_on_costs_no_more_than_what_is_added_to_it():
    text = differentiate(range_halved).gradient_source(VALUES, 0, len(VALUES))
    assert text.count("def range_halved_again_pullback(x, low, high, result_bar, x_bar, tape):") == 1
    assert text.count("zeros") == 1
    assert text.count("+=") == 2  # to one element, in each function


def test_a_pullback_can_be_called_often():
    _, pullback = vjp(waves, VALUES[:3], 2)
    rows = np.array([pullback(e)[0] for e in np.eye(3)])
    assert np.allclose(rows, jacobian(waves)(VALUES[:3], 2))
    slope = [grad(lambda x, k=k: waves(x, 2)[k])(VALUES[:3]) for k in range(3)]
    assert np.allclose(rows, slope)


def test_float32_stays():
    x = np.float32(0.9)
    value, slope = value_and_grad(decaying)(x, 3)
    step = 1e-3
    assert value == pytest.approx(decaying(x, 3))
    assert slope == pytest.approx((decaying(0.9 + step, 3) - decaying(0.9 - step, 3)) / (2 * step), rel=1e-3)


def test_what_is_refused():
    def fills(x, n):
        if n > 0:
            x[n] = x[n - 1]
            fills(x, n - 1)
        return x[0]

    with pytest.raises(DifferentiationError, match="`fills` calls itself and writes into its arguments"):
        grad(fills)(WEIGHTS, 2)
