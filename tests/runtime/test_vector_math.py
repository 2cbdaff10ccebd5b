"""The elementary functions that vectorise against `decimal`, at the ends of their ranges, and where they are used."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from decimal import Decimal, getcontext
from typing import Any

import numba
import numpy as np
import pytest

from srcdiff import differentiate
from srcdiff.backend.vectorised import vectorises
from srcdiff.runtime import vector_math

getcontext().prec = 40
RNG = np.random.default_rng(7)
ENDS = [0.0, -0.0, 1.0, -1.0, 5e-324, -5e-324, 2.0**-1022, 1e308, -1e308, math.inf, -math.inf, math.nan]
ENDS += [709.78, 709.79, -708.5, -745.1, -745.2, float(np.array(-1).view(np.float64))]
SPREAD = np.exp(RNG.uniform(-744.0, 709.0, 1500))


@numba.njit(error_model="numpy", fastmath={"reassoc"})
def exponentials(x: Any, y: Any) -> None:
    for i in range(x.size):
        y[i] = vector_math.exp(x[i])


@numba.njit(error_model="numpy", fastmath={"reassoc"})
def logarithms(x: Any, y: Any) -> None:
    for i in range(x.size):
        y[i] = vector_math.log(x[i])


@numba.njit(error_model="numpy", fastmath={"reassoc"})
def tangents(x: Any, y: Any) -> None:
    for i in range(x.size):
        y[i] = vector_math.tanh(x[i])


def tanh(x: Decimal) -> Decimal:
    e = (2 * x).exp()
    return (e - 1) / (e + 1)


CASES = [
    (exponentials, np.exp, Decimal.exp, np.append(RNG.uniform(-745.0, 709.7, 1500), RNG.normal(size=1500))),
    (
        logarithms,
        np.log,
        Decimal.ln,
        np.concatenate([SPREAD, RNG.uniform(0.5, 2.0, 1500), SPREAD[:9] * 0.0 + 1e-310]),
    ),
    (tangents, np.tanh, tanh, np.append(RNG.uniform(-25.0, 25.0, 1500), RNG.uniform(-1.0, 1.0, 1500))),
]


@pytest.mark.parametrize(("compiled", "numpys", "exact", "points"), CASES, ids=["exp", "log", "tanh"])
def test_accuracy(compiled: Any, numpys: Any, exact: Callable[[Decimal], Decimal], points: Any) -> None:
    found = np.empty_like(points)
    compiled(points, found)
    for x, y in zip(points, found, strict=True):
        true = exact(Decimal(float(x)))
        assert abs(Decimal(float(y)) - true) <= Decimal("1.5") * Decimal(math.ulp(float(true))), x
    ends = np.array(ENDS)
    found = np.empty_like(ends)
    compiled(ends, found)
    with np.errstate(all="ignore"):
        expected = numpys(ends)
    np.testing.assert_allclose(found, expected, rtol=3e-16, atol=0.0)
    number = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[number]), np.signbit(expected[number]))


def test_other_types() -> None:
    @numba.njit
    def of_single(x):  # type: ignore[no-untyped-def]
        return vector_math.exp(x)

    assert of_single(np.float32(0.5)) == pytest.approx(math.exp(0.5), rel=1e-6)
    assert of_single(1) == pytest.approx(math.e)
    assert vector_math.exp(1.0) == math.e


LOOPS = [
    ("y[i] = math.exp(x[i])", True),
    ("total += math.exp(x[i] - top)", True),
    ("t = math.exp(x[i])\n    y[i] = t\n    total += t", True),
    ("if x[i] > 0.0:\n        t = math.tanh(x[i])\n    else:\n        t = 0.0\n    y[i] += t", True),
    ("m = np.maximum(m, x[i])\n    total += math.exp(x[i])", True),
    ("y[i] = np.minimum(x[i], 1.0)", True),
    ("m = np.maximum(m, x[i])\n    y[i] = m", False),
    ("m = np.maximum(x[i], m)", False),
    ("m = np.maximum(m, x[i] * m)", False),
    ("s = math.exp(-s)", False),
    ("y[i] = math.exp(y[i - 1])", False),
    ("y[i] = math.exp(x[i]) + math.sin(x[i])", False),
    ("if x[i] > 0.0:\n        t = math.exp(x[i])\n    y[i] = t", False),
    ("total += math.exp(x[i])\n    y[i] = total", False),
    ("if i >= n:\n        raise IndexError\n    y[i] = math.exp(x[i])", False),
]


@pytest.mark.parametrize(("body", "expected"), LOOPS)
def test_where_they_are_used(body: str, expected: bool) -> None:
    loop = ast.parse(f"for i in range(n):\n    {body}").body[0]
    assert isinstance(loop, ast.For)
    assert vectorises(loop) is expected


@numba.njit(error_model="numpy", fastmath={"reassoc", "contract"})
def extremes(x: Any, y: Any, larger: Any, smaller: Any) -> Any:
    largest = smallest = x[0]
    for i in range(x.size):
        larger[i] = vector_math.maximum(x[i], y[i])
        smaller[i] = vector_math.minimum(x[i], y[i])
    for i in range(x.size):
        largest = vector_math.maximum(largest, x[i])
    for i in range(x.size):
        smallest = vector_math.minimum(smallest, x[i])
    return largest, smallest


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("at", [None, 0, 7, 36])
def test_extremes(dtype: Any, at: int | None) -> None:
    """Those of NumPy, in which NaN wins wherever it is."""
    x, y = (10.0 * RNG.normal(size=(2, 37))).astype(dtype)
    if dtype != np.int64:
        x[3:6], y[10:13] = (math.inf, -math.inf, 0.0), (-math.inf, math.nan, math.inf)
        if at is not None:
            x[at] = math.nan
    larger, smaller = np.empty_like(x), np.empty_like(x)
    found = extremes(x, y, larger, smaller)
    np.testing.assert_array_equal(larger, np.maximum(x, y))
    np.testing.assert_array_equal(smaller, np.minimum(x, y))
    np.testing.assert_array_equal(found, (np.max(x), np.min(x)))


def test_without_the_extremes_of_llvm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_math, "OLDEST_WITH_EXTREMES", 10**6)
    assert not vector_math.are_floats(numba.float64, numba.float64)


def test_in_a_gradient() -> None:
    def loss(vector_math):  # type: ignore[no-untyped-def]
        total = 0.0
        for i in range(len(vector_math)):
            total += math.exp(math.tanh(vector_math[i]))
        return total

    compiled = differentiate(loss, cache=False)
    x = np.linspace(-2.0, 2.0, 37)
    np.testing.assert_allclose(compiled.grad(x), np.exp(np.tanh(x)) * (1.0 - np.tanh(x) ** 2), rtol=1e-14)
