"""The elementary functions that vectorise against `decimal`, at the ends of their ranges, and where they are used."""

from __future__ import annotations

import ast
import math
import re
from decimal import Decimal, getcontext
from typing import Any

import numba
import numpy as np
import pytest
from scipy import special

from srcdiff import differentiate
from srcdiff.backend.vectorised import vectorises
from srcdiff.runtime import vector_calls, vector_math

getcontext().prec = 60
RNG = np.random.default_rng(7)
ENDS = [0.0, -0.0, 1.0, -1.0, 5e-324, -5e-324, 2.0**-1022, 1e308, -1e308, math.inf, -math.inf, math.nan]
ENDS += [709.78, 709.79, -708.5, -745.1, -745.2, float(np.array(-1).view(np.float64))]
ENDS += [3e13, -3e13, 1e14, 1e22]
SPREAD = np.exp(RNG.uniform(-744.0, 709.0, 1500))


def over_elements(function: Any) -> Any:
    @numba.njit(error_model="numpy", fastmath={"reassoc"})
    def compiled(x, y):  # type: ignore[no-untyped-def]
        for i in range(x.size):
            y[i] = function(x[i])

    return compiled


def over_pairs(function: Any) -> Any:
    @numba.njit(error_model="numpy", fastmath={"reassoc"})
    def compiled(x, y, z):  # type: ignore[no-untyped-def]
        for i in range(x.size):
            z[i] = function(x[i], y[i])

    return compiled


def expm1(x: Decimal) -> Decimal:
    return x.exp() - 1


def log1p(x: Decimal) -> Decimal:
    return (1 + x).ln()


def tanh(x: Decimal) -> Decimal:
    e = (2 * x).exp()
    return (e - 1) / (e + 1)


def atan(x: Decimal) -> Decimal:
    """By its series, of the tangent of a sixteenth of the angle."""
    for _ in range(4):
        x = x / (1 + (1 + x * x).sqrt())
    term, total, k = x, Decimal(0), 1
    while abs(term) > Decimal("1e-59") * abs(x):
        total += term / k
        term, k = -term * x * x, k + 2
    return 16 * total


PI = 4 * atan(Decimal(1))


def sin(x: Decimal) -> Decimal:
    x -= 2 * PI * (x / (2 * PI)).to_integral_value()
    term = total = x
    k = 1
    while abs(term) > Decimal("1e-59") * abs(x):
        term *= -x * x / ((k + 1) * (k + 2))
        total, k = total + term, k + 2
    return total


def cos(x: Decimal) -> Decimal:
    return sin(PI / 2 - x)


def atan2(y: Decimal, x: Decimal) -> Decimal:
    return 2 * atan(y / ((x * x + y * y).sqrt() + x)) if x > 0 else PI.copy_sign(y) - atan2(y, -x)


def erf(x: Decimal) -> Decimal:
    term, total, k = x, Decimal(0), 0
    while abs(term) > Decimal("1e-40") * abs(x):
        total += term / (2 * k + 1)
        k += 1
        term *= -x * x / k
    return 2 * total / PI.sqrt()


# Up to where the library takes over, and next to where sines and cosines are zero.
ZEROS = [float(PI / 2 * int(k)) for k in np.exp(RNG.uniform(0.0, np.log(1.9e13), 700))]
ANGLES = np.concatenate(
    [RNG.uniform(-10.0, 10.0, 1500), np.exp(RNG.uniform(-700.0, np.log(3e13), 500)), ZEROS]
)
SMALL = np.exp(RNG.uniform(-40.0, 0.0, 500)) * RNG.choice([-1.0, 1.0], 500)
CASES = {
    "exp": (np.exp, Decimal.exp, np.append(RNG.uniform(-745.0, 709.7, 1500), RNG.normal(size=1500))),
    "expm1": (
        np.expm1,
        expm1,
        np.concatenate([RNG.uniform(-1.0, 1.0, 1000), RNG.uniform(-45.0, 709.7, 500), SMALL]),
    ),
    "log": (
        np.log,
        Decimal.ln,
        np.concatenate([SPREAD, RNG.uniform(0.5, 2.0, 1500), SPREAD[:9] * 0.0 + 1e-310]),
    ),
    "log1p": (np.log1p, log1p, np.concatenate([SPREAD[SPREAD > 1e-20], RNG.uniform(-1.0, 2.0, 1000), SMALL])),
    "tanh": (np.tanh, tanh, np.append(RNG.uniform(-25.0, 25.0, 1500), RNG.uniform(-1.0, 1.0, 1500))),
    "erf": (
        special.erf,
        erf,
        np.concatenate([RNG.uniform(-6.5, 6.5, 500), RNG.uniform(-1.2, 1.2, 500), SMALL]),
    ),
    "sin": (np.sin, sin, ANGLES),
    "cos": (np.cos, cos, ANGLES),
    "atan": (
        np.arctan,
        atan,
        np.append(RNG.uniform(-3.0, 3.0, 1500), np.exp(RNG.uniform(-700.0, 700.0, 500))),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_accuracy(name: str) -> None:
    numpys, exact, points = CASES[name]
    compiled = over_elements(getattr(vector_math, name))
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


def test_accuracy_of_angles_of_points() -> None:
    wide = np.exp(RNG.uniform(-300.0, 300.0, 500)) * RNG.choice([-1.0, 1.0], 500)
    y = np.concatenate([RNG.normal(size=1500), wide, RNG.permutation(wide)])
    x = np.concatenate([RNG.normal(size=1500), RNG.permutation(wide), 1.0 / wide])
    found = np.empty_like(x)
    over_pairs(vector_math.atan2)(y, x, found)
    for up, across, angle in zip(y, x, found, strict=True):
        true = atan2(Decimal(float(up)), Decimal(float(across)))
        error = abs(Decimal(float(angle)) - true)
        assert error <= Decimal("1.7") * Decimal(math.ulp(float(true))), (up, across)
    y, x = (part.ravel() for part in np.meshgrid(ENDS, ENDS))
    found = np.empty_like(x)
    over_pairs(vector_math.atan2)(y, x, found)
    expected = np.arctan2(y, x)
    np.testing.assert_allclose(found, expected, rtol=4e-16, atol=0.0)
    number = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[number]), np.signbit(expected[number]))


def test_accuracy_of_powers() -> None:
    x = np.concatenate(
        [RNG.uniform(0.0, 10.0, 700), np.exp(RNG.uniform(-700.0, 700.0, 700)), RNG.uniform(0.9, 1.1, 700)]
    )
    y = np.concatenate(
        [RNG.uniform(-5.0, 5.0, 700), RNG.uniform(-1.0, 1.0, 700), RNG.uniform(-4000.0, 4000.0, 700)]
    )
    found = np.empty_like(x)
    over_pairs(vector_math.pow)(x, y, found)
    for base, exponent, value in zip(x, y, found, strict=True):
        true = Decimal(float(base)) ** Decimal(float(exponent))
        error = abs(Decimal(float(value)) - true)
        assert error <= Decimal("1.2") * Decimal(math.ulp(float(true))), (base, exponent)
    edges = [*ENDS, 2.0**53, 2.0**53 + 2.0, 0.999999, 1.000001, -7.0]
    edges += [sign * size for sign in (1.0, -1.0) for size in (0.5, 1.5, 2.0, 3.0)]
    x, y = (part.ravel() for part in np.meshgrid(edges, edges))
    found = np.empty_like(x)
    over_pairs(vector_math.pow)(x, y, found)
    with np.errstate(all="ignore"):
        expected = np.power(x, y)
    np.testing.assert_allclose(found, expected, rtol=4e-16, atol=0.0)
    number = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[number]), np.signbit(expected[number]))


def test_powers_that_are_integers_are_exact() -> None:
    pairs = [(float(x), float(y)) for x in range(2, 100) for y in range(1, 53) if x**y < 2**50]
    x, y = (np.array(numbers) for numbers in zip(*pairs, strict=True))
    found = np.empty_like(x)
    over_pairs(vector_math.pow)(x, y, found)
    assert found.tolist() == [base**exponent for base, exponent in pairs]


def test_sines_beyond_what_the_formula_covers() -> None:
    """One far number among near ones, in each place of a register, and more of them at the end."""
    sines, cosines = over_elements(vector_math.sin), over_elements(vector_math.cos)
    for place in range(16):
        x = RNG.uniform(-4.0, 4.0, 37)
        x[[place, -1, -3]] = 1e22, -math.inf, 3.1e13
        for compiled, numpys in ((sines, np.sin), (cosines, np.cos)):
            found = np.empty_like(x)
            compiled(x, found)
            with np.errstate(invalid="ignore"):
                np.testing.assert_allclose(found, numpys(x), rtol=4e-16, atol=0.0)


@pytest.mark.skipif(
    not vector_math.has_fma_and_forms(), reason="sines are those of the library on this machine"
)
def test_sines_are_made_several_at_once(optimised_by_llvm: None) -> None:
    sines = over_elements(vector_math.sin)
    sines(np.ones(3), np.ones(3))
    (code,) = sines.inspect_llvm().values()
    assert re.search(r"call <(\d) x double> @srcdiff_sin_beyond_\1\(", code)


def test_other_types() -> None:
    @numba.njit
    def of_single(x):  # type: ignore[no-untyped-def]
        return vector_math.exp(x)

    assert of_single(np.float32(0.5)) == pytest.approx(math.exp(0.5), rel=1e-6)
    assert of_single(1) == pytest.approx(math.e)
    assert vector_math.exp(1.0) == math.e

    @numba.njit
    def angle_of(y, x):  # type: ignore[no-untyped-def]
        return vector_math.atan2(y, x), vector_math.sin(x), vector_math.pow(x, y)

    expected = math.atan2(0.5, 2.0), math.sin(2.0), 2.0**0.5
    assert angle_of(np.float32(0.5), np.float32(2.0)) == pytest.approx(expected, rel=1e-6)
    assert angle_of(1, -2) == pytest.approx((math.atan2(1, -2), math.sin(-2), -2))


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
    ("y[i] = math.exp(x[i]) + math.sin(x[i])", True),
    ("y[i] = math.atan2(x[i], y[i]) + math.cos(x[i])", True),
    ("y[i] = x[i] ** a * math.exp(-x[i] ** 1.4)", True),
    ("y[i] = math.log1p(x[i]) + math.expm1(x[i]) * math.erf(x[i])", True),
    ("y[i] = math.exp(x[i]) + math.gamma(x[i])", False),
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


def test_without_forms_of_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_calls, "OLDEST_WITH_FORMS", 10**6)
    assert not vector_math.has_fma_and_forms()


def test_in_a_gradient() -> None:
    def loss(vector_math):  # type: ignore[no-untyped-def]
        total = 0.0
        for i in range(len(vector_math)):
            total += math.exp(math.tanh(vector_math[i]))
        return total

    compiled = differentiate(loss, cache=False)
    x = np.linspace(-2.0, 2.0, 37)
    np.testing.assert_allclose(compiled.grad(x), np.exp(np.tanh(x)) * (1.0 - np.tanh(x) ** 2), rtol=1e-14)


def test_powers_in_a_gradient() -> None:
    def loss(x, a):  # type: ignore[no-untyped-def]
        total = 0.0
        for i in range(len(x)):
            total += x[i] ** a * x[i] ** 3 * math.exp(-x[i])
        return total

    compiled = differentiate(loss, cache=False)
    x, a = np.linspace(0.1, 2.0, 37), 1.3
    assert "**" in compiled.gradient_source(x, a)
    np.testing.assert_allclose(
        compiled.grad(x, a), ((a + 3.0) / x - 1.0) * x ** (a + 3.0) * np.exp(-x), rtol=1e-14
    )
