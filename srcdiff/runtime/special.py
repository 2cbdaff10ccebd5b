"""Special functions that Numba has not: the text of these is copied into generated source that calls them."""

from __future__ import annotations

import math


def digamma(x: float) -> float:
    """d/dx log(gamma(x)), by reflection, recurrence and the asymptotic series (Abramowitz & Stegun 6.3.5-18)."""
    value = 0.0
    if x <= 0.0:
        if x == math.floor(x):
            return math.nan
        value -= math.pi / math.tan(math.pi * x)
        x = 1.0 - x
    while x < 10.0:
        value -= 1.0 / x
        x += 1.0
    r = 1.0 / (x * x)
    series = 691.0 / 32760.0 - r / 12.0
    series = 1.0 / 252.0 - r * (1.0 / 240.0 - r * (1.0 / 132.0 - r * series))
    return value + math.log(x) - 0.5 / x - r * (1.0 / 12.0 - r * (1.0 / 120.0 - r * series))


def trigamma(x: float) -> float:
    """d/dx digamma(x), by reflection, recurrence and the asymptotic series (Abramowitz & Stegun 6.4.6-12)."""
    value = 0.0
    sign = 1.0
    if x <= 0.0:
        if x == math.floor(x):
            return math.nan
        s = math.pi / math.sin(math.pi * x)
        value = s * s
        sign = -1.0
        x = 1.0 - x
    while x < 10.0:
        value += sign / (x * x)
        x += 1.0
    r = 1.0 / (x * x)
    series = 5.0 / 66.0 - r * (691.0 / 2730.0 - r * 7.0 / 6.0)
    series = 1.0 / 6.0 - r * (1.0 / 30.0 - r * (1.0 / 42.0 - r * (1.0 / 30.0 - r * series)))
    return value + sign * (1.0 / x + 0.5 * r + r / x * series)
