"""`jvp`, `vjp`, `jacobian`, `hessian`, `hvp` and derivatives of derivatives, as a user calls them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import srcdiff
from srcdiff import (
    NotDifferentiable,
    UnsupportedConstruct,
    differentiate,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    value_and_grad,
    vjp,
)

X = np.array([0.3, -1.2, 0.8])
W = np.array([[0.2, -0.5, 1.1], [0.7, 0.4, -0.3]])


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def layer(w, x):
    return np.tanh(w @ x), np.sum(x * x)


def rosenbrock(x):
    s = 0.0
    for i in range(len(x) - 1):
        s += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return s


def rosenbrock_hessian(x):
    found = np.zeros((len(x), len(x)))
    for i in range(len(x) - 1):
        found[i, i] += 1200.0 * x[i] ** 2 - 400.0 * x[i + 1] + 2.0
        found[i + 1, i + 1] += 200.0
        found[i, i + 1] = found[i + 1, i] = -400.0 * x[i]
    return found


def pendulum(y, t, out):
    out[0] = y[1] * t
    out[1] = -math.sin(y[0])


def wave(x, y):
    return math.sin(x * y) * x**3


# ------------------------------------------------------------------------------------------ first order


def test_jacobian_of_softmax_is_the_full_one():
    s = softmax(X)
    want = np.diag(s) - np.outer(s, s)
    for make in (jacobian, jacfwd, jacrev):
        np.testing.assert_allclose(make(softmax)(X), want, rtol=1e-12, atol=1e-14)


def test_shapes_are_those_of_result_then_parameter():
    found = jacobian(layer, argnums=(0, "x"))(W, X)
    assert [[part.shape for part in row] for row in found] == [[(2, 2, 3), (2, 3)], [(2, 3), (3,)]]
    y, _ = layer(W, X)
    np.testing.assert_allclose(found[0][1], (1.0 - y**2)[:, None] * W, rtol=1e-12)
    np.testing.assert_allclose(found[1][1], 2.0 * X, rtol=1e-12)
    by_rows = jacrev(layer, argnums=(0, 1))(W, X)
    for a, b in zip(itertools.chain(*found), itertools.chain(*by_rows), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 9])
def test_chunks_of_tangents_at_the_end_of_an_array(n):
    x = np.linspace(0.2, 1.4, n)
    np.testing.assert_allclose(jacfwd(lambda x: x * x * x)(x), np.diag(3.0 * x * x), rtol=1e-13)


def test_single_precision_and_fortran_order_stay():
    a = np.asfortranarray(W, np.float32)
    found = jacobian(lambda a: a[0] * a[1])(a)
    assert found.dtype == np.float32 and found.shape == (3, 2, 3)
    _value, tangent = jvp(lambda a: a * a, (a,), (np.ones((2, 3)),))
    assert tangent.dtype == np.float32
    np.testing.assert_allclose(tangent, 2.0 * W, rtol=1e-6)
    _value, pullback = vjp(lambda a: np.sum(a * a), a)
    (owed,) = pullback(np.float32(1.0))
    assert owed.dtype == np.float32
    np.testing.assert_allclose(owed, 2.0 * W, rtol=1e-6)


def test_jvp_moves_only_what_has_a_tangent():
    assert jvp(wave, (0.7, 1.2), (1.0, None))[1] == pytest.approx(grad(wave, 0)(0.7, 1.2))
    both = jvp(wave, (0.7, 1.2), (2.0, -1.0))[1]
    dx, dy = grad(wave, (0, 1))(0.7, 1.2)
    assert both == pytest.approx(2.0 * dx - dy)


def test_pullback_of_tuples_many_times():
    (y, _total), pullback = vjp(layer, W, X)
    first = pullback((np.ones(2), 0.0))
    second = pullback((np.zeros(2), 1.0))
    np.testing.assert_allclose(first[1], (1.0 - y**2) @ W, rtol=1e-12)
    np.testing.assert_allclose(second[1], 2.0 * X, rtol=1e-12)
    np.testing.assert_allclose(pullback((np.ones(2), 0.0))[0], first[0], rtol=0.0)
    assert np.all(second[0] == 0.0)


def test_pullback_does_not_see_later_changes_of_arguments_and_results():
    x = X.copy()
    y, pullback = vjp(lambda x: np.exp(x) * x, x)
    want = pullback(np.ones(3))[0]
    x[:] = 9.0
    y[:] = 9.0
    np.testing.assert_array_equal(pullback(np.ones(3))[0], want)


def test_written_arguments_are_results():
    y, out = np.array([1.0, 2.0]), np.zeros(2)
    want = np.array([[0.0, 3.0], [-math.cos(1.0), 0.0]])
    np.testing.assert_allclose(jacobian(pendulum)(y, 3.0, out), want)
    value, tangent = jvp(pendulum, (y, 3.0, out), (np.array([0.0, 1.0]), None, None))
    np.testing.assert_allclose(value, [6.0, -math.sin(1.0)])
    np.testing.assert_allclose(tangent, [3.0, 0.0])
    value, pullback = vjp(pendulum, y, 3.0, out)
    owed = pullback(np.array([1.0, 0.0]))
    np.testing.assert_allclose(owed[0], [0.0, 3.0])
    assert owed[1] == 2.0 and np.all(owed[2] == 0.0)
    assert np.all(out == 0.0)


def test_results_are_nobody_elses():
    x = X.copy()
    value, tangent = jvp(lambda x: x, (x,), (W[0],))
    value[:] = 0.0
    tangent[:] = 0.0
    assert np.array_equal(x, X) and W[0, 0] == 0.2
    seed = np.ones(3)
    _, pullback = vjp(lambda x: x, x)
    owed = pullback(seed)[0]
    owed[:] = 5.0
    assert np.all(seed == 1.0)


def test_integers_beside_floats_get_nothing():
    value, pullback = vjp(lambda x, n: x**n, 2.0, 3)
    assert value == 8.0 and pullback(1.0) == (12.0, None)


def test_aux_is_passed_through():
    def loss(w):
        y = w * w
        return np.sum(y), (y, 7)

    value, gradient = value_and_grad(loss, has_aux=True)(X)
    assert value[0] == pytest.approx(np.sum(X * X))
    assert value[1][1] == 7
    np.testing.assert_allclose(value[1][0], X * X)
    gradient_again, aux = grad(loss, has_aux=True)(X)
    np.testing.assert_allclose(gradient_again, gradient)
    assert aux[1] == 7


def test_captured_values_are_read_at_each_call():
    data = [np.ones(3)]
    scale = data[0]

    def scaled(x):
        return scale * x

    make = jacobian(scaled)
    np.testing.assert_array_equal(make(X), np.eye(3))
    scale = np.full(3, 2.0)
    np.testing.assert_array_equal(make(X), 2.0 * np.eye(3))
    np.testing.assert_array_equal(jvp(scaled, (X,), (X,))[1], 2.0 * X)


# ----------------------------------------------------------------------------------------- second order


def test_hessian():
    np.testing.assert_allclose(hessian(rosenbrock)(X), rosenbrock_hessian(X), rtol=1e-12, atol=1e-12)


def test_hessian_times_vector():
    v = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(hvp(rosenbrock)(X, v), rosenbrock_hessian(X) @ v, rtol=1e-12)


def test_every_composition_of_two_modes():
    want = rosenbrock_hessian(X)
    for outer, inner in itertools.product((jacfwd, jacrev), repeat=2):
        np.testing.assert_allclose(outer(inner(rosenbrock))(X), want, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(jacobian(grad(rosenbrock))(X), want, rtol=1e-12, atol=1e-12)


def test_derivatives_of_the_jacobian_by_either_mode():
    """x0 x^2 elementwise: second derivatives by their closed form."""

    def f(x):
        return x[0] * x * x

    x = np.array([1.5, 2.0])
    want = np.array([[[6.0 * x[0], 0.0], [0.0, 0.0]], [[0.0, 2.0 * x[1]], [2.0 * x[1], 2.0 * x[0]]]])
    for outer in (jacobian, jacfwd, jacrev):
        np.testing.assert_allclose(outer(jacobian(f))(x), want, rtol=1e-13)
    np.testing.assert_allclose(grad(lambda x: np.sum(jacobian(f)(x)))(x), want.sum((0, 1)), rtol=1e-13)
    np.testing.assert_allclose(jvp(jacobian(f), (x,), (x,))[1], want @ x, rtol=1e-13)
    np.testing.assert_allclose(
        jacobian(jacobian(rosenbrock))(X), rosenbrock_hessian(X), rtol=1e-12, atol=1e-12
    )


def test_blocks_of_a_hessian():
    def form(x, y):
        return np.sum(x * x) * y + y**3

    (xx, xy), (yx, yy) = hessian(form, (0, 1))(X, 0.5)
    np.testing.assert_allclose(xx, np.eye(3))
    np.testing.assert_allclose(xy, 2.0 * X)
    np.testing.assert_allclose(yx, 2.0 * X)
    assert yy == pytest.approx(3.0)
    hx, hy = hvp(form, (0, 1))(X, 0.5, (np.ones(3), 2.0))
    np.testing.assert_allclose(hx, 1.0 + 4.0 * X)
    assert hy == pytest.approx(2.0 * np.sum(X) + 6.0)


def test_third_order_in_every_composition():
    """d^3/dx^3 of sin(x y) x^3 by its closed form."""
    x, y = 0.7, 1.2
    s, c = math.sin(x * y), math.cos(x * y)
    want = 6.0 * s + 18.0 * x * y * c - 9.0 * x**2 * y**2 * s - x**3 * y**3 * c
    for a, b, d in itertools.product((jacfwd, jacrev), repeat=3):
        assert a(b(d(wave)))(x, y) == pytest.approx(want, rel=1e-12)
    assert grad(grad(grad(wave)))(x, y) == pytest.approx(want, rel=1e-12)


def test_derivatives_called_inside_functions():
    slope = grad(wave)

    def penalty(x, y):
        return slope(x, y) ** 2 + grad(wave, "y")(x, y)

    def by_hand(x, y):
        s, c = math.sin(x * y), math.cos(x * y)
        return (3.0 * x**2 * s + x**3 * y * c) ** 2 + x**4 * c

    assert differentiate(penalty)(0.7, 1.2) == pytest.approx(by_hand(0.7, 1.2))
    assert grad(penalty)(0.7, 1.2) == pytest.approx(grad(by_hand)(0.7, 1.2))
    v = np.array([1.0, -2.0, 0.5])
    product = hvp(rosenbrock)
    got = grad(lambda x: np.sum(product(x, v) * v))(X)
    third = jacobian(hessian(rosenbrock))(X)
    np.testing.assert_allclose(got, np.einsum("ijk,i,j->k", third, v, v), rtol=1e-11)


def test_a_step_of_newton_differentiated():
    """The derivative of one Newton step for a root of x^2 = a."""

    def residual(x, a):
        return x * x - a

    def step(x, a):
        return x - residual(x, a) / grad(residual)(x, a)

    assert grad(step, "a")(1.5, 2.0) == pytest.approx(1.0 / 3.0)


def test_gradients_of_arrays_that_change_in_place():
    def smooth(u, steps):
        for _ in range(steps):
            for i in range(1, len(u) - 1):
                u[i] += 0.2 * math.sin(u[i - 1] - 2.0 * u[i] + u[i + 1])
        return np.sum(u * u)

    u = np.linspace(0.0, 1.0, 6) ** 2
    before = u.copy()
    found = hessian(smooth)(u, 3)
    np.testing.assert_allclose(found, jacrev(grad(smooth))(u, 3), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found, found.T, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(u, before)


# --------------------------------------------------------------------------------------------- objects


def test_decorated_functions_have_all_of_them():
    f = differentiate(rosenbrock)
    v = np.ones(3)
    np.testing.assert_allclose(f.hessian(X) @ v, f.hvp(X, v), rtol=1e-12)
    np.testing.assert_allclose(f.jacobian(X), f.grad(X), rtol=1e-12)
    assert f.jvp((X,), (v,))[1] == pytest.approx(np.sum(f.grad(X)))
    _value, pullback = f.vjp(X)
    np.testing.assert_allclose(pullback(2.0)[0], 2.0 * f.grad(X))
    assert repr(f.hvp) == "<hvp of rosenbrock by 0>"
    assert f.hessian.__name__ == "rosenbrock_jacfwd"


# ---------------------------------------------------------------------------------- pullbacks inside functions


def owed_to_a_layer(w, x):
    (y, s), back = vjp(layer, w, x)
    w_bar, x_bar = back((y * y, 3.0))
    return np.sum(w_bar * w) + np.sum(x_bar**2) * s


def owed_by_hand(w, x):
    y, s = np.tanh(w @ x), np.sum(x * x)
    u = y * y * (1.0 - y * y)
    return np.sum(np.outer(u, x) * w) + np.sum((w.T @ u + 6.0 * x) ** 2) * s


def cubes(z):
    return np.sum(z**3)


def written_meanwhile(x):
    y = x.copy()
    _, back = vjp(cubes, y)
    y[0] = 5.0 * x[1]
    return np.sum(back(1.0)[0] * y) + np.sum(back(x[2])[0])


def written_by_hand(x):
    owed, y = 3.0 * x * x, x.copy()
    y[0] = 5.0 * x[1]
    return np.sum(owed * y) + x[2] * np.sum(owed)


@differentiate
def sine(x):
    return math.sin(x) * x


def of_a_decorated_function(x):
    return sine.vjp(x)[1](2.0)[0] + sine.jvp((x,), (1.0,))[1]


def of_a_dict(params):
    result, back = vjp(products_of, params)
    (owed,) = back({"a": result["a"], "b": 1.0})
    return owed["w"] * owed["b"]


def products_of(params):
    return {"a": params["w"] * params["b"], "b": params["b"] ** 2}


def test_pullbacks_in_functions_are_differentiated():
    for f, by_hand, args in (
        (owed_to_a_layer, owed_by_hand, (W, X)),
        (written_meanwhile, written_by_hand, (X,)),
    ):
        assert differentiate(f)(*args) == pytest.approx(by_hand(*args))
        wanted = grad(by_hand, tuple(range(len(args))))(*args)
        for got, want in zip(grad(f, tuple(range(len(args))))(*args), wanted, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-10)
    assert grad(of_a_decorated_function)(0.7) == pytest.approx(
        3.0 * (2.0 * math.cos(0.7) - 0.7 * math.sin(0.7))
    )
    assert grad(of_a_dict)({"w": 2.0, "b": 3.0}) == pytest.approx({"w": 378.0, "b": 324.0})


def several(x):
    return x, 2.0 * x


def ones(x):
    return x * np.ones(3)


def written(x):
    x[0] = 2.0 * x[1]
    return np.sum(x)


def truncated(x):
    return int(x)


@pytest.mark.parametrize(
    ("f", "error", "said"),
    [
        (lambda x: vjp(several, x)[1](1.0)[0], UnsupportedConstruct, "a number as cotangents"),
        (lambda x: vjp(several, x)[1](1.0, 2.0)[0], UnsupportedConstruct, "this call of a pullback"),
        (lambda x: vjp(several)[0][0], UnsupportedConstruct, "this call of `vjp`"),
        (lambda x: vjp(ones, x)[1](np.ones(4))[0], ValueError, "shape"),
        (lambda x: vjp(truncated, x)[0] * x, UnsupportedConstruct, "no float"),
        (lambda x: vjp(written, np.array([x, x]))[0], UnsupportedConstruct, "writes its arguments"),
        (
            lambda x: vjp(lambda y: y * y, x)[0],
            UnsupportedConstruct,
            "a function that is defined in this one",
        ),
    ],
)
def test_calls_of_vjp_that_are_refused(f, error, said):
    with pytest.raises(error, match=said):
        grad(f)(0.5)


def test_jvp_and_vjp_compile_once():
    f = differentiate(rosenbrock)
    for x in (X, X + 1.0):
        f.jvp((x,), (x,))
        f.vjp(x)
    assert len(f.derived) == 2
    assert all(len(derivative.programs) == 1 for derivative in f.derived.values())


# ---------------------------------------------------------------------------------------------- errors


def test_results_must_be_floats():
    with pytest.raises(NotDifferentiable, match="i64"):
        jacobian(lambda x: (x, 3))(1.0)
    with pytest.raises(NotDifferentiable, match="nothing"):
        jvp(lambda x: None, (1.0,), (1.0,))


def test_tangents_and_cotangents_must_fit():
    with pytest.raises(ValueError, match="shape"):
        jvp(rosenbrock, (X,), (np.ones(2),))
    with pytest.raises(TypeError, match="tangents"):
        jvp(rosenbrock, (X,), (X, X))
    with pytest.raises(TypeError, match="no argument has a tangent"):
        jvp(rosenbrock, (X,), (None,))
    _, pullback = vjp(softmax, X)
    with pytest.raises(ValueError, match="shape"):
        pullback(np.ones((3, 1)))
    for wrong in (np.ma.masked_array(np.ones(X.shape), X > 0.0), X + 1j, X.astype(str), X.astype("m8[s]")):
        for call in (
            lambda v: jvp(rosenbrock, (X,), (v,)),
            lambda v: hvp(rosenbrock)(X, v),
            lambda v: pullback(v),
        ):
            with pytest.raises(TypeError, match=r"masked|real"):
                call(wrong)
    with pytest.raises(NotDifferentiable, match="`n`"):
        jvp(lambda x, n: x**n, (1.0, 2), (None, 1))


def test_which_function_is_differentiated_inside_must_be_known():
    def penalty(x):
        inner = lambda y: y * y * x  # noqa: E731
        return grad(inner)(x)

    with pytest.raises(UnsupportedConstruct, match="`grad` of"):
        grad(penalty)(1.0)


def test_nothing_is_differentiated_by_nothing():
    with pytest.raises(TypeError, match="no argument is a float"):
        vjp(lambda n: n * n, 3)


def test_module_names():
    for name in ("jvp", "vjp", "jacobian", "jacfwd", "jacrev", "hessian", "hvp"):
        assert name in srcdiff.__all__


# --------------------------------------------------------------------------- calls inside functions


def ripple(x, k):
    return math.sin(k * x) * x


def test_jvp_inside_a_function():
    def slope(x):
        value, tangent = srcdiff.jvp(ripple, (x, 2.0), (x, None))
        return tangent + 0.0 * value

    x = 0.7
    first = math.sin(2 * x) + 2 * x * math.cos(2 * x)
    second = 4 * math.cos(2 * x) - 4 * x * math.sin(2 * x)
    assert srcdiff.differentiate(slope)(x) == pytest.approx(x * first)
    assert srcdiff.grad(slope)(x) == pytest.approx(first + x * second)
