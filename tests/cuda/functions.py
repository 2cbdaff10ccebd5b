"""Functions of one row, each with columns and shared arguments: `FUNCTIONS`."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcdiff import checkpoint

__all__ = ["FUNCTIONS", "RowFunction", "black_scholes"]


@dataclass(frozen=True)
class RowFunction:
    """`args` has the columns and the shared arguments in the order of the parameters."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    shared: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    trigonometric: bool = False  # whether its single-precision slow paths are computed in double precision
    integers: bool = False  # whether it computes with int64 and floats together, in float64 as NumPy does

    @property
    def name(self) -> str:
        return self.function.__name__


N = 70
random = np.random.default_rng(5)


def column(low=0.5, high=1.5, *shape):
    return low + (high - low) * random.random((N, *shape))


def black_scholes(spot, strike, time, volatility, rate):
    root = volatility * math.sqrt(time)
    d1 = (math.log(spot / strike) + (rate + 0.5 * volatility * volatility) * time) / root
    d2 = d1 - root
    n1 = 0.5 * (1.0 + math.erf(d1 / math.sqrt(2.0)))
    n2 = 0.5 * (1.0 + math.erf(d2 / math.sqrt(2.0)))
    return spot * n1 - strike * math.exp(-rate * time) * n2


def rosenbrock(x, y, a, b):
    return (a - x) ** 2 + b * (y - x * x) ** 2


def branches(x, y):
    if x < y:
        value = x * x * y
    elif x < 1.2:
        value = math.sqrt(x) - y
    else:
        value = 1.0 / (x + y)
    return max(value, 0.1) * abs(x - 1.0)


def trades(u, v, p, steps):
    h = 0.05
    for _ in range(steps):
        du = p[0] * u - p[1] * u * v
        dv = p[2] * u * v - p[3] * v
        u += h * du
        v += h * dv
    return u * u + v


def trades_in_segments(u, v, p, steps):
    h = 0.05
    for _ in checkpoint(range(steps), 8):
        du = p[0] * u - p[1] * u * v
        dv = p[2] * u * v - p[3] * v
        u += h * du
        v += h * dv
    return u * u + v


def cubic_root(a):
    x = a
    trips = 0
    while abs(x * x * x - a) > 1e-3 * a and trips < 30:
        x -= (x * x * x - a) / (3.0 * x * x)
        trips += 1
    return x


def unbounded_root(a):
    x = a
    while abs(x * x - a) > 1e-4 * a:
        x = 0.5 * (x + a / x)
    return x


def layer(x, w, b):
    total = 0.0
    for i in range(len(b)):
        z = b[i]
        for j in range(len(x)):
            z += w[i, j] * x[j]
        total += math.tanh(z)
    return total


def many_weights(x, w):
    total = 0.0
    for i in range(w.shape[0]):
        z = 0.0
        for j in range(len(x)):
            z += w[i, j] * x[j]
        total += z * z
    return total


def in_place(x, scale):
    y = x.copy()
    for i in range(1, len(y)):
        y[i] = y[i] * y[i - 1] + scale
    return y[len(y) - 1] + y[0]


def writes_its_row(x, c):
    for i in range(len(x)):
        x[i] = x[i] * c + x[0]
    return x[1] * x[2]


def table_lookup(x, k, table):
    return table[k] * x + table[k + 1] * x * x


def waves(x, y):
    return math.sin(x * y) + math.cos(x) * math.exp(-y)


def normal_density(x, mean, scale):
    z = (x - mean) / scale
    return -0.5 * z * z - math.log(scale)


def inner(a, b):
    return math.exp(-a) * b + a / b


def through_calls(x, y):
    return inner(inner(x, y), inner(y, x))


def repeated(x, steps):
    s = 0.0
    for _ in range(steps):
        x = x * 0.9 + 0.1 * math.exp(-x)
        s += x * x
    return s


FUNCTIONS = [
    RowFunction(
        black_scholes,
        (column(50, 150), column(50, 150), column(0.2, 1.2), column(0.1, 0.5), 0.03),
        ("rate",),
    ),
    RowFunction(rosenbrock, (column(), column(), 1.1, 10.0), ("a", "b")),
    RowFunction(branches, (column(), column())),
    RowFunction(trades, (column(), column(), np.array([1.1, 0.4, 0.1, 0.4]), 12), ("p", "steps")),
    RowFunction(
        trades,
        (column(), column(), np.array([1.1, 0.4, 0.1, 0.4]), random.integers(0, 9, N)),
        ("p",),
        {"max_trips": 8},
    ),
    RowFunction(
        trades_in_segments, (column(), column(), np.array([1.1, 0.4, 0.1, 0.4]), 60), ("p", "steps")
    ),
    RowFunction(cubic_root, (column(),)),
    RowFunction(unbounded_root, (column(),), (), {"max_trips": 20}),
    RowFunction(
        layer, (column(-1, 1, 2), column(-1, 1, 3)[0][:, None] * [1.0, -0.7], column()[:3]), ("w", "b")
    ),
    RowFunction(many_weights, (column(-1, 1, 3), column(-1, 1, 3)[:20]), ("w",)),
    RowFunction(in_place, (column(0.5, 1.5, 4), column())),
    RowFunction(writes_its_row, (column(0.5, 1.5, 3), 0.7), ("c",)),
    RowFunction(table_lookup, (column(), random.integers(0, 4, N), np.linspace(0.2, 1.0, 5)), ("table",)),
    RowFunction(waves, (column(), column()), trigonometric=True),
    RowFunction(normal_density, (column(), 0.9, 1.3), ("mean", "scale")),
    RowFunction(through_calls, (column(), column())),
    RowFunction(repeated, (column(), 500), ("steps",)),
]
