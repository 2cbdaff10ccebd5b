"""`np.fft` in functions from reals to a real, against extrapolated differences and closed forms."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from srcdiff import DifferentiationError, differentiate, grad, jvp, value_and_grad
from tests.programs.table import Program, case, numbers
from tests.sampling import sampled
from tests.truth import as_tuple, compare, copied, gradient_by_richardson, has_single


def power_spectrum(x, w):
    return np.sum(w * np.abs(np.fft.rfft(x)) ** 2)


def poisson(f, g):
    n, m = f.shape
    kx, ky = 2.0 * np.pi * np.fft.fftfreq(n), 2.0 * np.pi * np.fft.fftfreq(m, 0.5)
    square = kx[:, None] ** 2 + ky[None, :] ** 2
    square[0, 0] = 1.0
    u = np.fft.ifft2(np.fft.fft2(f) / square).real
    return np.sum(g * u**2)


def spectral_derivative(x, length):
    k = 2.0 * np.pi * np.fft.rfftfreq(len(x), length / len(x))
    slope = np.fft.irfft(1j * k * np.fft.rfft(x), len(x))
    return np.sum(np.sin(slope) * np.arange(len(x)))


def split_step(x, potential, steps):
    psi = x * np.exp(0.3j * x)
    kinetic = np.exp(-0.05j * np.fft.fftfreq(len(x)) ** 2)
    for _ in range(steps):
        psi = psi * np.exp(-0.1j * potential * np.abs(psi) ** 2)
        psi = np.fft.ifft(kinetic * np.fft.fft(psi))
    return np.sum(np.arange(len(x)) * np.abs(psi) ** 2)


def convolution(a, b):
    n = len(a) + len(b) - 1
    c = np.fft.irfft(np.fft.rfft(a, n) * np.fft.rfft(b, n), n)
    return np.sum(np.cos(c)) + c[2]


def norms_and_lengths(x):
    a = np.fft.fft(x, 5, norm="ortho") * np.fft.fft(x, n=5, norm="forward")
    b = np.fft.ifft(x + 1j, 9, norm="ortho") + np.fft.ifft(x, 9, norm="forward")
    return np.sum(a.real) + np.sum(b.imag * np.arange(9)) + np.sum(np.fft.irfft(x) ** 3)


def along_axes(m):
    a = np.fft.fft(m, axis=0) * np.fft.ifft(m * (1 + 1j), axis=1)
    b = np.fft.fftshift(np.fft.rfft(m, axis=0), axes=0)
    c = np.fft.irfft2(np.fft.rfft2(m), s=m.shape)
    d = np.fft.ifftshift(np.fft.fftn(m.T))
    return np.sum(np.abs(a) ** 2) + np.sum(b.imag * np.arange(4)) + np.sum(c**3) + np.sum(d.real[1] ** 2)


def of_three_axes(t):
    z = np.fft.fftn(t)
    y = np.fft.fft(t, axis=1)
    x = np.fft.irfftn(np.fft.rfftn(t, axes=(0, 2)), t.shape[::2], (0, 2))
    return np.sum(np.abs(z[1]) ** 2) + np.sum(y.imag**3) + np.sum(np.sin(x))


def single_precision(x):
    z = np.fft.fft(x)
    return np.sum(np.abs(np.fft.ifft(z * z)) ** 2)


def of_integers_and_lists(x):
    mask = np.fft.fft(np.arange(4))
    return np.abs(np.fft.fft([x, 1.0, x * x, 2.0]) @ mask)


X = numbers(8)
PROGRAMS = [
    case(power_spectrum, (X, numbers(5)), (numbers(9), numbers(5)), argnums=(0, 1)),
    case(poisson, (numbers(4, 6), numbers(4, 6, seed=1)), argnums=(0, 1)),
    case(spectral_derivative, (X, 3.0), (numbers(7), 3.0), argnums=(0, 1)),
    case(split_step, (X, numbers(8, seed=2), 3), argnums=(0, 1)),
    case(convolution, (X, numbers(3)), argnums=(0, 1)),
    case(norms_and_lengths, (X,)),
    case(along_axes, (numbers(5, 4),)),
    case(of_three_axes, (numbers(3, 2, 4),)),
    case(single_precision, (numbers(6, dtype=np.float32),)),
    case(of_integers_and_lists, (0.7,)),
]
ROWS = [pytest.param(p, args, id=f"{p.name}-{k}") for p in PROGRAMS for k, args in enumerate(p.args)]


@pytest.mark.parametrize(("program", "args"), sampled(ROWS, 2))
def test_gradient(program: Program, args: tuple[Any, ...]) -> None:
    pytest.importorskip("rocket_fft")
    single = has_single(args)
    wide = tuple(x.astype(np.float64) if getattr(x, "dtype", None) == np.float32 else x for x in args)
    want, error = gradient_by_richardson(program.function, wide, program.argnums, number=np.float64)
    value, got = value_and_grad(program.function, argnums=program.argnums)(*copied(args))
    assert value == pytest.approx(program.function(*copied(args)), rel=1e-5 if single else 1e-10)
    compare(got, want, error, 2e-4 if single else 2e-7, 1e-4 if single else 1e-9, "gradient")
    assert all(
        getattr(part, "dtype", None) == getattr(args[k], "dtype", None)
        for k, part in zip(as_tuple(program.argnums), got if isinstance(got, tuple) else (got,), strict=True)
    )


def test_tangent() -> None:
    pytest.importorskip("rocket_fft")
    w, v = numbers(5), numbers(8, seed=4)
    _, tangent = jvp(power_spectrum, (X, w), (v, None))
    assert tangent == pytest.approx(np.sum(grad(power_spectrum)(X, w) * v), rel=1e-12)


def test_parseval() -> None:
    """The sum of |X|^2 is n times that of x^2."""
    pytest.importorskip("rocket_fft")
    energy = differentiate(lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2))
    np.testing.assert_allclose(energy.grad(X), 2.0 * len(X) * X, rtol=1e-12)
    assert "np.fft.fft(" in energy.gradient_source(X)


def test_without_the_compiled_transform_it_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rocket_fft", None)
    with pytest.raises(DifferentiationError) as caught:
        grad(lambda x: np.sum(np.abs(np.fft.ifft(x)) ** 2))(X)
    assert "rocket-fft" in str(caught.value)
    assert "`pip install rocket-fft`" in str(caught.value)
