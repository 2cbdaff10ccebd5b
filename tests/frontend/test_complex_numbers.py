"""Complex numbers inside functions from reals to a real: against extrapolated differences, and closed forms.

Complex steps mean something else here; the differences are taken in float64.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate, grad, hessian, hvp, jacfwd, jacrev, jvp, value_and_grad
from srcdiff.emit.literals import literal
from srcdiff.emit.parse import parse_ir
from srcdiff.emit.show import show
from srcdiff.ir import types as ty
from srcdiff.ir.builder import constant
from srcdiff.ir.verify import verify
from tests.ir.stages import stages_of
from tests.programs import complex_numbers
from tests.programs.complex_numbers import A, abs_at_zero
from tests.programs.table import Program
from tests.sampling import sampled
from tests.truth import (
    as_tuple,
    assert_alike,
    assert_near,
    compare,
    copied,
    gradient_by_richardson,
    has_single,
)

ROWS = [
    pytest.param(program, args, id=f"{program.name}-{k}")
    for program in complex_numbers.PROGRAMS
    for k, args in enumerate(program.args)
]


def widened(arg: Any) -> Any:
    return np.float64(arg)[()] if getattr(arg, "dtype", None) == np.float32 else arg


@pytest.mark.parametrize(("program", "args"), sampled(ROWS, 4))
def test_gradient(program: Program, args: tuple[Any, ...]) -> None:
    single = has_single(args)
    value = program.function(*copied(args))
    want, error = gradient_by_richardson(
        program.function, tuple(map(widened, args)), program.argnums, number=np.float64
    )
    got_value, got = value_and_grad(program.function, argnums=program.argnums)(*copied(args))
    assert_near(got_value, value, 1e-5 if single else 1e-10, 1e-11, what="value")
    for k, part in zip(as_tuple(program.argnums), got if isinstance(got, tuple) else (got,), strict=True):
        assert_alike(part, args[k], f"gradient of argument {k}")
    compare(got, want, error, 2e-4 if single else 2e-7, 1e-5 if single else 1e-9, "gradient")


def directions(args: tuple[Any, ...], argnums: tuple[int, ...]) -> tuple[Any, ...]:
    """A random tangent for each argument that is differentiated by, None for the others."""
    random = np.random.default_rng(11)
    drawn = [random.normal(size=np.shape(arg)) for arg in args]
    return tuple(None if k not in argnums else x if np.ndim(x) else float(x) for k, x in enumerate(drawn))


MOVED = ["damped_oscillator", "impedance_network", "escape_potential", "powers", "polar_form", "branches",
         "real_becomes_complex", "inactive_complex_argument", "radix_two_transform", "nodal_analysis", "evolution",
         "reductions", "products", "matrix_functions", "rearranged", "complex_in_place", "picked"]  # fmt: skip


@pytest.mark.parametrize("name", sampled(MOVED, 4, 1))
@pytest.mark.usefixtures("inferred")
def test_tangent_is_the_gradient_times_the_direction(name: str) -> None:
    program = next(p for p in complex_numbers.PROGRAMS if p.name == name)
    args, argnums = program.args[0], as_tuple(program.argnums)
    tangents = directions(args, argnums)
    _, gradients = value_and_grad(program.function, argnums=argnums)(*copied(args))
    value, tangent = jvp(program.function, copied(args), tangents)
    want = sum(float(np.sum(g * tangents[k])) for k, g in zip(argnums, gradients, strict=True))
    assert value == pytest.approx(program.function(*copied(args)), rel=1e-10)
    assert tangent == pytest.approx(want, rel=1e-9, abs=1e-10)


SMOOTH = [
    "impedance_network",
    "newton_root",
    "elementary",
    "parts",
    "spin_chain",
    "reductions",
    "matrix_functions",
]


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.usefixtures("inferred")
def test_second_derivatives(name: str) -> None:
    """Those of a gradient along a direction, by tangents of it and by its own gradient, against differences."""
    program = next(p for p in complex_numbers.PROGRAMS if p.name == name)
    args, argnums = program.args[0], as_tuple(program.argnums)
    first = argnums[0]
    slope = grad(program.function, argnums=first)
    direction = directions(args, (first,))[first]

    def along(*args: Any) -> float:
        return float(np.sum(slope(*args) * direction))

    want, error = gradient_by_richardson(along, args, first, number=np.float64, start=0.002)
    _, got = jvp(slope, copied(args), directions(args, (first,)))
    compare(got, want, error, 1e-6, 1e-7, "tangent of the gradient")
    got = hvp(program.function, argnums=first)(*copied(args), direction)
    compare(got, want, error, 1e-6, 1e-7, "Hessian times a vector")


def test_jacobian_by_tangents_and_by_pullbacks() -> None:
    def polar(x):
        z = complex(x[0], x[1])
        return np.array([abs(z), np.angle(z), (z * z).real])

    x = np.array([0.6, -1.1])
    r, (a, b) = np.hypot(*x), x
    want = np.array([[a / r, b / r], [-b / r**2, a / r**2], [2 * a, -2 * b]])
    np.testing.assert_allclose(jacfwd(polar)(x), want, rtol=1e-13)
    np.testing.assert_allclose(jacrev(polar)(x), want, rtol=1e-13)


def test_slope_of_abs_at_zero() -> None:
    assert grad(abs_at_zero)(0.0) == 1.0


# ---------------------------------------------------------------------------------------------- closed forms


def test_modulus_and_argument() -> None:
    def log_polar(x, y):
        z = np.log(complex(x, y))
        return 2.0 * z.real + 3.0 * z.imag

    x, y = 0.6, -1.1
    r = x * x + y * y
    _, (dx, dy) = value_and_grad(log_polar, argnums=(0, 1))(x, y)
    assert (dx, dy) == pytest.approx(((2 * x - 3 * y) / r, (2 * y + 3 * x) / r), rel=1e-14)


def test_derivative_of_a_holomorphic_function_is_its_complex_derivative() -> None:
    """Along the real axis d Re f = Re f' and d Im f = Im f'."""

    def parts(x, which):
        z = np.exp((0.3 + 0.8j) * x) / (x - 2j)
        return z.real if which == 0 else z.imag

    x, c = 0.7, 0.3 + 0.8j
    f = np.exp(c * x) / (x - 2j)
    slope = c * f - f / (x - 2j)
    assert grad(parts)(x, 0) == pytest.approx(slope.real, rel=1e-14)
    assert grad(parts)(x, 1) == pytest.approx(slope.imag, rel=1e-14)


def test_phase_of_a_rotation() -> None:
    assert grad(lambda t: np.angle(np.exp(3j * t)))(0.4) == pytest.approx(3.0, rel=1e-14)


def test_energy_of_a_transform_is_that_of_the_signal() -> None:
    """Parseval: the gradient of the sum of |X|^2 is 2 n x."""

    def energy(x):
        return complex_numbers.power_spectrum(x, np.ones(len(x)))

    np.testing.assert_allclose(grad(energy)(A), 2.0 * len(A) * A, rtol=1e-12)


def test_decorated_function_takes_and_gives_complex_numbers() -> None:
    @differentiate
    def turned(z, x):
        return z * np.exp(1j * x)

    assert turned(2.0 - 1j, 0.3) == pytest.approx((2.0 - 1j) * np.exp(0.3j), rel=1e-15)


# --------------------------------------------------------------------------------------------- printed source


@pytest.mark.parametrize("program", complex_numbers.PROGRAMS, ids=lambda program: program.name)
def test_every_stage_keeps_the_rules_and_can_be_read_back(program: Program) -> None:
    for stage, function, ideal in stages_of(program):
        verify(function, stage, ideal)
        text = show(function)
        assert show(parse_ir(text)) == text, stage


@pytest.mark.parametrize(
    "name", ["impedance_network", "powers", "parts", "spin_chain", "reductions", "picked"]
)
def test_printed_text_runs_without_compiling(name: str) -> None:
    program = next(p for p in complex_numbers.PROGRAMS if p.name == name)
    args = program.args[0]
    derived = differentiate(program.function, argnums=program.argnums)
    space: dict[str, Any] = {}
    exec(derived.gradient_source(*args), space)
    value, gradients = space[f"{name}_grad"](*copied(args))
    want_value, want = derived.value_and_grad(*copied(args))
    assert value == pytest.approx(want_value, rel=1e-12)
    pairs = zip(gradients, want, strict=True) if isinstance(want, tuple) else [(gradients, want)]
    for got, part in pairs:
        np.testing.assert_allclose(got, part, rtol=1e-10, atol=1e-12)


def test_generated_source_reads_like_complex_arithmetic() -> None:
    @differentiate
    def power(r, x):
        z = r + 1j * x
        return abs(1.0 / z) ** 2 * r

    text = power.gradient_source(3.0, 4.0)
    assert "z = r + 1j * x" in text
    assert ".conjugate()" in text
    assert ".real" in text
    assert power.grad(3.0, 4.0) == pytest.approx(1 / 25 - 18 / 625, rel=1e-14)


@pytest.mark.parametrize(
    ("real", "imag"),
    list(itertools.product((0.0, -0.0, 1.5, -2.0, 1e300, -1e-300, math.inf, -math.inf, math.nan), repeat=2)),
)
def test_text_of_a_constant(real: float, imag: float) -> None:
    text, _ = literal(constant(complex(real, imag), ty.complex128))
    number = complex(eval(text, {"math": math}))
    for got, want in ((number.real, real), (number.imag, imag)):
        assert repr(got) == repr(want)


def test_constants_keep_the_signs_of_their_zeros() -> None:
    """`-1j` has the real part -0.0, which decides on which side of a cut a root lies."""

    def below(x):
        return np.sqrt(-x + complex(0.0, -0.0)).imag

    def above(x):
        return np.sqrt(complex(-1.0, -0.0) * x).imag

    assert grad(below)(4.0) == pytest.approx(-0.25)
    assert value_and_grad(above)(4.0)[0] == np.sqrt(complex(-1.0, -0.0) * 4.0).imag
    assert math.copysign(1.0, value_and_grad(lambda x: (x - 1.0) + (-1j).real)(1.0)[0]) == 1.0


STEP = 1e-5


@pytest.mark.parametrize("f", [np.arcsin, np.arccos, np.arccosh, np.arctanh])
@pytest.mark.parametrize("x", [1.7, -1.7, 0.4])
def test_derivatives_on_a_branch_cut_are_those_of_its_side(uncompiled: None, f: Any, x: float) -> None:
    def part(x):
        z = f(x + 0j)
        return z.real + 2.0 * z.imag

    assert grad(part)(x) == pytest.approx((part(x + STEP) - part(x - STEP)) / (2.0 * STEP), rel=1e-7)


@pytest.mark.parametrize("y", [1.7, -1.7, 0.4])
def test_derivatives_of_arcsinh_on_its_cut(uncompiled: None, y: float) -> None:
    def part(y):
        z = np.arcsinh(complex(0.0, y))
        return z.real + 2.0 * z.imag

    assert grad(part)(y) == pytest.approx((part(y + STEP) - part(y - STEP)) / (2.0 * STEP), rel=1e-7)


def test_what_is_complex_by_a_sum_with_nothing_stays_complex_in_second_derivatives(uncompiled: None) -> None:
    def roots(x):
        return np.sum(np.sqrt(x + 0j).imag)

    x = np.array([-1.2, 0.7])
    assert np.allclose(hessian(roots)(x), np.diag([-0.25 * 1.2**-1.5 * 1.0, 0.0]), atol=1e-14)
