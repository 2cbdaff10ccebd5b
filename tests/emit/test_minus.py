"""A product with a sign that is added is subtracted; a share of a cotangent is written where it is added, and what is
owed to a value never has another value's name."""

from __future__ import annotations

import math

import numpy as np

from srcdiff import differentiate
from tests.truth import assert_gradient


def pendulum(angle, steps):
    speed = 0.0
    for _ in range(steps):
        speed = speed - 0.1 * math.sin(angle)
        angle = angle + 0.1 * speed
    return angle * speed


def signed_first(x, y):
    return x * y + -(x - y) * math.sin(x) * y


def signed_quotient(x, y):
    return x + -math.exp(y) / (x * y)


def signed_element(x):
    t = x.copy()
    for i in range(x.shape[0]):
        t[i] += -(x[i] * x[i]) * 3.0
    return np.sum(t)


def test_shares_of_a_loop(uncompiled: None) -> None:
    source = differentiate(pendulum).gradient_source(0.3, 3)
    assert "angle_bar -= speed_bar * 0.1 * math.cos(" in source
    assert "speed_bar += angle_bar * 0.1" in source
    assert "angle_bar = speed" in source  # a variable of its own, though `speed` is not read any more
    assert_gradient(pendulum, (0.3, 3))


def test_signs_are_those_of_the_sum(uncompiled: None) -> None:
    for function, args in ((signed_first, (0.7, 1.3)), (signed_quotient, (0.7, 1.3))):
        d = differentiate(function)
        assert "+ -" not in d.gradient_source(*args)
        assert d(*args) == function(*args)
        assert_gradient(function, args)
    assert_gradient(signed_element, (np.array([0.5, -2.0, 0.0]),))
