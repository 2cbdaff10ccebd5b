"""Derivatives of solutions: against those of the solvers, differentiated step by step, and closed forms."""

from __future__ import annotations

import math
import types

import numpy as np
import pytest

from srcdiff import DifferentiationError, check_grads, differentiate, grad, hessian, implicit, jvp
from tests.opaque_functions import lambert

A = np.array([[3.1, 0.2, -0.3], [0.0, 2.5, 0.4], [0.7, -0.1, 2.9]])
B = np.array([0.5, -1.0, 2.0])
W = np.array([1.0, -2.0, 0.5])


def near(got, wanted, tolerance=1e-9):
    if isinstance(wanted, tuple):
        for a, b in zip(got, wanted, strict=True):
            near(a, b, tolerance)
        return
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)


def copy_of(f):
    """The same function, without its rules."""
    return types.FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, f.__closure__)


def root(a, start):
    x = start
    while abs(x * x - a) > 1e-14 * a:
        x = 0.5 * (x + a / x)
    return x


implicit(root, lambda x, a: x * x - a)


def test_a_number_to_third_order():
    near(grad(root, (0, 1))(4.0, 1.0), (0.25, 0.0))
    near(jvp(root, (4.0, 1.0), (2.0, 1.0)), (2.0, 0.5))
    near(grad(grad(root))(4.0, 1.0), -1.0 / 32.0)
    near(grad(grad(grad(root)))(4.0, 1.0), 3.0 / 256.0)
    text = differentiate(lambda a: root(a, 1.0) * a).gradient_source(2.0)
    assert "_tape" not in text
    assert text.count("while ") == 1


def newton(a, b, c):
    """The solution of a x + c x^3 = b."""
    x = np.zeros_like(b)
    for _ in range(12):
        slope = a.copy()
        for i in range(len(b)):
            slope[i, i] += 3.0 * c * x[i] ** 2
        x = x - np.linalg.solve(slope, a @ x + c * x**3 - b)
    return x


by_steps = copy_of(newton)
implicit(newton, lambda x, a, b, c: a @ x + c * x**3 - b)


def solved(a, b, c):
    x = newton(a, b, c)
    return np.dot(W, x * x)


def solved_by_steps(a, b, c):
    x = by_steps(a, b, c)
    return np.dot(W, x * x)


def test_a_vector_of_several_parameters():
    args = (A, B, 0.7)
    near(grad(solved, (0, 1, 2))(*args), grad(solved_by_steps, (0, 1, 2))(*args))
    text = differentiate(solved, argnums=(0, 1, 2)).gradient_source(*args)
    assert text.count("np.linalg.solve(") == 2


def test_other_derivatives_by_several_parameters(uncompiled):
    args = (A, B, 0.7)
    near(jvp(solved, args, (A * A, W, 1.0)), jvp(solved_by_steps, args, (A * A, W, 1.0)))
    near(hessian(solved, (1, 2))(*args), hessian(solved_by_steps, (1, 2))(*args), 1e-8)


def balance(decay, gain, inflow):
    """The steady state of a grid of reservoirs that feed their neighbours, found by iteration."""
    level = np.zeros_like(inflow)
    for _ in range(400):
        level = (inflow + gain * np.tanh(level[::-1, ::-1])) / decay
    return level


implicit(balance, lambda x, decay, gain, inflow: (inflow + gain * np.tanh(x[::-1, ::-1])) / decay - x)


@pytest.mark.usefixtures("uncompiled")
def test_a_fixed_point_that_is_a_matrix():
    def f(decay, gain, inflow):
        return np.sum(balance(decay, gain, inflow) ** 2)

    check_grads(f, (1.5, 0.6, A[:2]))


def test_a_solver_that_is_called_as_it_stands():
    implicit(lambert, lambda w, x: w * math.exp(w) - x)
    w = lambert(1.5)
    near(grad(lambda x: lambert(x))(1.5), w / (1.5 * (1.0 + w)))
    check_grads(lambda x: lambert(x), (1.5,), 2)


def test_a_singular_jacobian():
    def zero(a):
        return np.zeros_like(a)

    implicit(zero, lambda x, a: a * x**2)
    with pytest.raises(np.linalg.LinAlgError):
        grad(lambda a: np.sum(zero(a)))(B)


def test_what_a_residual_must_be():
    with pytest.raises(TypeError, match="takes the unknown and at least one argument"):
        implicit(copy_of(root), lambda x: x)
    with pytest.raises(TypeError, match=r"takes 3 arguments beside the unknown, root\(\) only 2"):
        implicit(copy_of(root), lambda x, a, b, c: x)
    other = implicit(copy_of(newton), lambda x, a, b: b @ x)
    with pytest.raises(DifferentiationError):
        grad(lambda b: np.sum(other(A, b, 0.7)))(B)
