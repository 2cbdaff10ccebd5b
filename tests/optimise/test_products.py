"""What is owed through guards, powers and factored sums where numbers are infinite or loops have no trip."""

from __future__ import annotations

import math

import numpy as np

from srcdiff import differentiate, value_and_grad


def finite_quotients(cost, s):
    total = 0.0
    for i in range(len(cost)):
        q = cost[i] / (s * s)
        total += q if q < 10.0 else 0.0
    return total


def test_nothing_owed_is_nothing_at_an_infinite_quotient() -> None:
    cost = np.array([2.0, np.inf, 3.0])
    value, (d_cost, ds) = value_and_grad(finite_quotients, argnums=(0, 1))(cost, 2.0)
    assert value == 1.25
    assert np.allclose(d_cost, [0.25, 0.0, 0.25])
    assert math.isclose(ds, -2.0 * 5.0 / 8.0)


def sine_of_quotient(a, x):
    return math.sin(a / (x * x))


def test_a_factor_joins_the_one_inside_the_guard() -> None:
    source = differentiate(sine_of_quotient, argnums=1).gradient_source(1.0, 1.0)
    assert "* -2.0" in source
    assert "2.0 * (0.0 if" not in source


def scaled_sum(a, x, n):
    total = 0.0
    for i in range(n):
        total += math.sin(a * x[i]) * 5.0
    return total / n


def test_a_sum_without_a_trip_is_not_multiplied() -> None:
    gradient = differentiate(scaled_sum).grad
    assert gradient(0.3, np.ones(3), 0) == 0.0
    assert math.isclose(gradient(0.3, np.ones(3), 3), 5.0 * math.cos(0.3))


def cube(x):
    return x * x * x


def test_a_power_owes_once() -> None:
    assert "x_bar = 3.0 * t1" in differentiate(cube).gradient_source(2.0)
