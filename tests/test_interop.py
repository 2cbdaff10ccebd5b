"""Derivatives in the hands of other libraries: SciPy, iminuit, JAX, PyTorch."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import integrate, optimize

from srcdiff import differentiate, grad, hessian, hvp, jacobian, value_and_grad
from srcdiff.interop import jax_function, torch_function


@differentiate
def rosenbrock(x):
    s = 0.0
    for i in range(len(x) - 1):
        s += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return s


def loss(w, X, y):
    return np.sum((X @ w - y) ** 2)


X = np.array([[1.0, 2.0, 0.5], [-1.0, 0.5, 1.5]])
Y = np.array([1.0, -2.0])
W = np.array([0.3, -0.2, 0.7])


def test_nothing_is_imported_before_it_is_asked_for():
    program = "import sys, srcdiff; print({'jax', 'torch', 'srcdiff.interop'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


# ------------------------------------------------------------------------------------------------ SciPy


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "CG", "SLSQP"])
def test_minimize(method):
    found = optimize.minimize(
        rosenbrock.value_and_grad, np.zeros(4), jac=True, method=method, options={"maxiter": 1000}
    )
    assert np.allclose(found.x, 1.0, atol=1e-3)


def test_minimize_by_second_derivatives():
    for more in ({"hess": hessian(rosenbrock)}, {"hessp": hvp(rosenbrock)}):
        found = optimize.minimize(rosenbrock, np.zeros(4), jac=rosenbrock.grad, method="Newton-CG", **more)
        assert np.allclose(found.x, 1.0, atol=1e-3)


def test_minimize_with_further_arguments():
    found = optimize.minimize(value_and_grad(loss), W, args=(X, Y), jac=True)
    assert np.allclose(X @ found.x, Y, atol=1e-5)


def test_root():
    def f(x):
        return np.array([x[0] + 0.5 * (x[0] - x[1]) ** 3 - 1.0, 0.5 * (x[1] - x[0]) ** 3 + x[1]])

    found = optimize.root(f, np.zeros(2), jac=jacobian(f))
    assert found.success and np.allclose(found.x, [0.8411639, 0.1588361])


def test_root_scalar():
    f = differentiate(lambda x: math.cos(x) - x)
    found = optimize.root_scalar(f.value_and_grad, x0=1.0, fprime=True, method="newton")
    assert found.root == pytest.approx(0.7390851332151607, rel=1e-14)


def test_least_squares():
    t = np.linspace(0.0, 2.0, 20)

    def residuals(p, t, y):
        return p[0] * np.exp(-p[1] * t) - y

    y = 3.0 * np.exp(-1.5 * t)
    found = optimize.least_squares(residuals, np.ones(2), jac=jacobian(residuals), args=(t, y))
    assert np.allclose(found.x, [3.0, 1.5])


def test_curve_fit():
    def curve(t, a, b):
        return a * np.exp(-b * t)

    by_parameters = jacobian(curve, argnums=("a", "b"))
    t = np.linspace(0.0, 2.0, 20)
    found, _ = optimize.curve_fit(
        curve,
        t,
        curve(t, 3.0, 1.5),
        p0=(1.0, 1.0),
        jac=lambda t, a, b: np.stack(by_parameters(t, float(a), float(b)), axis=1),
    )
    assert np.allclose(found, [3.0, 1.5])


@pytest.mark.parametrize("method", ["BDF", "Radau", "LSODA"])
def test_solve_ivp(method):
    def van_der_pol(t, y):
        return np.array([y[1], 100.0 * (1.0 - y[0] ** 2) * y[1] - y[0]])

    slope = jacobian(van_der_pol, argnums="y")
    with_slope = integrate.solve_ivp(van_der_pol, (0.0, 50.0), [2.0, 0.0], method, jac=slope, rtol=1e-6)
    without = integrate.solve_ivp(van_der_pol, (0.0, 50.0), [2.0, 0.0], method, rtol=1e-6)
    assert with_slope.success and np.allclose(with_slope.y[:, -1], without.y[:, -1], rtol=1e-3)


# ---------------------------------------------------------------------------------------------- iminuit


def test_iminuit():
    iminuit = pytest.importorskip("iminuit")
    minuit = iminuit.Minuit(rosenbrock, np.zeros(3), grad=rosenbrock.grad)
    minuit.migrad()
    assert minuit.valid and minuit.ngrad > 0
    assert np.allclose(minuit.values, 1.0, atol=1e-2)

    def parabola(a, b):
        return (a - 1.0) ** 2 + 10.0 * (b - a) ** 2

    minuit = iminuit.Minuit(parabola, a=0.0, b=0.0, grad=grad(parabola, argnums=("a", "b")))
    minuit.migrad()
    assert minuit.valid and np.allclose(minuit.values, 1.0, atol=1e-3)


# -------------------------------------------------------------------------------------------------- JAX


@pytest.fixture
def jax():
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield jax
    jax.config.update("jax_enable_x64", before)


def test_jax_gradient(jax):
    f = jax_function(loss)
    theirs = lambda w, X, y: ((X @ w - y) ** 2).sum()  # noqa: E731
    for transform in (
        lambda f: jax.grad(f, argnums=(0, 1, 2)),
        lambda f: jax.jit(jax.grad(f, argnums=(0, 1, 2))),
    ):
        for got, want in zip(transform(f)(W, X, Y), transform(theirs)(W, X, Y), strict=True):
            assert got.dtype == want.dtype and np.allclose(got, want, rtol=1e-13)


def test_jax_around_and_inside(jax):
    jnp = jax.numpy
    f = jax_function(rosenbrock)
    got = jax.jit(jax.grad(lambda x: jnp.sin(f(jnp.tanh(x)))))(W)
    want = jax.grad(
        lambda x: jnp.sin(
            jnp.sum(100.0 * (jnp.tanh(x)[1:] - jnp.tanh(x)[:-1] ** 2) ** 2 + (1 - jnp.tanh(x)[:-1]) ** 2)
        )
    )(W)
    assert np.allclose(got, want, rtol=1e-11)


def test_jax_integers_several_results_and_batches(jax):
    power = jax_function(lambda x, n: x**n)
    assert jax.grad(power)(2.0, 3) == 12.0
    several = jax_function(lambda x, y: (x * y, x + y))
    assert jax.vjp(several, 2.0, 3.0)[1]((1.0, 10.0)) == (13.0, 12.0)
    slopes = jax.vmap(jax.grad(jax_function(lambda x: x**3)))(np.arange(3.0))
    assert slopes.tolist() == [0.0, 3.0, 12.0]


def test_jax_array_results(jax):
    def f(x):
        return np.exp(x) * x[0]

    with pytest.raises(TypeError, match="give its shape"):
        jax_function(f)(W)
    for result in (jax.ShapeDtypeStruct((3,), np.float64), lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype)):
        got = jax.jacrev(jax_function(f, result))(W)
        assert np.allclose(got, jacobian(f)(W), rtol=1e-14)


def test_jax_single_precision(jax):
    x = np.ones(3, np.float32)
    slope = jax.grad(jax_function(lambda x: np.sum(x * x)))(x)
    assert slope.dtype == np.float32 and np.array_equal(slope, 2.0 * x)


# ------------------------------------------------------------------------------------------------ PyTorch


def test_torch():
    torch = pytest.importorskip("torch")
    w, X_, y = (torch.tensor(a, requires_grad=True) for a in (W, X, Y))
    value = torch_function(loss)(w, X_, y)
    torch.sin(value).backward()
    owed = value_and_grad(loss, argnums=(0, 1, 2))(W, X, Y)
    for tensor, part in zip((w, X_, y), owed[1], strict=True):
        assert np.allclose(tensor.grad.numpy(), math.cos(owed[0]) * part, rtol=1e-13)
    assert torch.autograd.gradcheck(torch_function(lambda x: (np.exp(x) * x[0], np.sum(x))), (w,))


def test_torch_types():
    torch = pytest.importorskip("torch")
    x = torch.ones(3, dtype=torch.float32, requires_grad=True)
    value = torch_function(lambda x, n: np.sum(x**n))(x, 2)
    assert value.dtype == torch.float32
    value.backward()
    assert x.grad.dtype == torch.float32 and x.grad.tolist() == [2.0, 2.0, 2.0]
