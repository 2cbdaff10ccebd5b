"""The worked examples of the lectures that the project was asked to implement, to the digits they are given in."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from srcdiff import CheckError, check_grads, defvjp, differentiate, grad, value_and_grad, vjp


def example(name: str) -> Any:
    """A program of the folder `examples`, which the pytest settings put within reach."""
    return importlib.import_module(f"examples.{name}")


# Logistic least squares and its primitive operations.


def test_logistic_least_squares_as_primitive_operations() -> None:
    lines = example("logistic_least_squares").loss.ir(0.5, -0.3, 2.0, 1.0).splitlines()
    assert [line.strip() for line in lines[1:-2]] == [
        "t1 = mul w x",
        "z = add t1 b",
        "t2 = neg z",
        "t3 = exp t2",
        "t4 = add 1.0 t3",
        "y = div 1.0 t4",
        "t5 = sub y t",
        "t6 = pow t5 2",
        "t7 = div t6 2.0",
    ]


def test_logistic_least_squares() -> None:
    value, (dw, db) = example("logistic_least_squares").loss.value_and_grad(0.5, -0.3, 2.0, 1.0)
    assert (value, dw, db) == pytest.approx((0.0550496773, -0.1471340849, -0.0735670424), abs=1e-10)


def test_regularised_sums_what_is_owed_at_the_fan_out() -> None:
    regularised = example("logistic_least_squares").regularised
    _, (dw, db) = regularised.value_and_grad(0.5, -0.3, 2.0, 1.0, 0.1)
    assert (dw, db) == pytest.approx((-0.0971340849, -0.0735670424), abs=1e-10)
    source = regularised.gradient_source(0.5, -0.3, 2.0, 1.0, 0.1)
    assert source.splitlines()[-1].split() == ["return", "t4,", "(w_bar,", "z_bar)"]
    assert "w_bar = lam * w + z_bar * x" in source


# The chain rule and the formula.


def test_chain_rule() -> None:
    assert example("chain_rule").along.value_and_grad(0.7) == pytest.approx(
        (1.9446606916, 2.4984323194), abs=1e-10
    )


def test_formula() -> None:
    value, (dx, dz) = example("formula").formula.value_and_grad(2.0, 3.0)
    assert (value, dx, dz) == pytest.approx((412.1914573, 1208.3812151, 809.7074792), abs=1e-7)


# Two layers: in scalars, in matrices, by hand.


def two_layers_in_matrices(W1, b1, W2, b2, x, t):
    h = 1.0 / (1.0 + np.exp(-(W1 @ x + b1)))
    y = W2 @ h + b2
    return 0.5 * np.sum((y - t) ** 2)


def test_two_layer_network_in_scalars_and_in_matrices() -> None:
    module = example("two_layer_network")
    arguments = module.example()
    value, gradients = module.loss.value_and_grad(*arguments)
    expected, by_hand = module.by_hand(*arguments)
    other, in_matrices = value_and_grad(two_layers_in_matrices, argnums=range(4))(*arguments)
    assert value == pytest.approx(expected, rel=1e-13)
    assert other == pytest.approx(expected, rel=1e-13)
    for ours, matrices, hand in zip(gradients, in_matrices, by_hand, strict=True):
        np.testing.assert_allclose(ours, hand, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(matrices, ours, rtol=1e-12, atol=1e-15)


# Softmax regression.


def cross_entropy(W, b, x, label):
    """-log softmax(W x + b)[label], in loops."""
    z = np.empty(len(b))
    for k in range(len(b)):
        z[k] = b[k]
        for j in range(len(x)):
            z[k] += W[k, j] * x[j]
    largest = -math.inf
    for k in range(len(z)):
        largest = max(largest, z[k])
    norm = 0.0
    for k in range(len(z)):
        norm += math.exp(z[k] - largest)
    return largest + math.log(norm) - z[label]


def test_softmax_regression() -> None:
    random = np.random.default_rng(1)
    W, b, x, label = random.normal(size=(4, 3)), random.normal(size=4), random.normal(size=3), 2
    z = W @ x + b
    p = np.exp(z - z.max())
    p /= p.sum()
    error = p - np.eye(4)[label]
    value, (dW, db) = value_and_grad(cross_entropy, argnums=("W", "b"))(W, b, x, label)
    assert value == pytest.approx(-math.log(p[label]), rel=1e-13)
    np.testing.assert_allclose(dW, np.outer(error, x), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(db, error, rtol=1e-12, atol=1e-15)


def test_softmax_is_stable_for_large_logits() -> None:
    W, b, x = np.zeros((3, 1)), np.array([1000.0, -1000.0, 3.0]), np.zeros(1)
    value, db = value_and_grad(cross_entropy, argnums="b")(W, b, x, 1)
    assert value == 2000.0
    assert db.tolist() == [1.0, -1.0, 0.0]


# Computation graphs.


def product(a, b, c):
    return (a + b) * c


def with_cube(a, b, c):
    return (a + b**3) * c


def with_relu(a, b, c):
    return (a + max(b, 0.0)) * c


def with_function(a, b, c, function):
    return (a + function(b)) * c


def shared(a, b):
    return (a + b) * b**3


@pytest.mark.parametrize(
    ("function", "at", "value", "gradient"),
    [
        (product, (7.0, 3.0, 2.0), 20.0, (2.0, 2.0, 10.0)),
        (with_cube, (7.0, 3.0, 2.0), 68.0, (2.0, 54.0, 34.0)),
        (with_relu, (7.0, 3.0, 2.0), 20.0, (2.0, 2.0, 10.0)),
        (with_relu, (7.0, -3.0, 2.0), 14.0, (2.0, 0.0, 7.0)),
        (shared, (7.0, 3.0), 270.0, (27.0, 297.0)),
    ],
)
def test_computation_graph(
    function: Callable[..., float], at: tuple[float, ...], value: float, gradient: tuple[float, ...]
) -> None:
    assert value_and_grad(function, argnums=range(len(at)))(*at) == (value, gradient)


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (math.sin, math.cos),
        (math.exp, math.exp),
        (lambda b: b * math.log(b), lambda b: math.log(b) + 1.0),
        (abs, lambda b: 1.0),
    ],
)
def test_computation_graph_of_any_function(
    function: Callable[..., float], slope: Callable[..., float]
) -> None:
    value, gradient = value_and_grad(with_function, argnums=range(3))(7.0, 3.0, 2.0, function)
    assert value == pytest.approx((7.0 + function(3.0)) * 2.0, rel=1e-14)
    assert gradient == pytest.approx((2.0, 2.0 * slope(3.0), 7.0 + function(3.0)), rel=1e-14)


# The two-layer network, as on the slide, and the same in scalars.


def two_layers(W1, b1, W2, b2, x, t):
    z = W1 @ x + b1
    h = np.tanh(z)
    y = W2 @ h + b2
    return np.sum((y - t) ** 2)


def two_layers_in_scalars(W1, b1, W2, b2, x, t):
    h = np.empty(len(b1))
    for i in range(len(b1)):
        z = b1[i]
        for j in range(len(x)):
            z += W1[i, j] * x[j]
        h[i] = math.tanh(z)
    loss = 0.0
    for k in range(len(b2)):
        y = b2[k]
        for i in range(len(h)):
            y += W2[k, i] * h[i]
        loss += (y - t[k]) ** 2
    return loss


def test_two_layer_network_at_the_level_of_arrays() -> None:
    random = np.random.default_rng(4)
    args = [random.normal(size=shape) for shape in ((4, 3), 4, (2, 4), 2, 3, 2)]
    decorated = differentiate(two_layers, argnums=("W1", "b1", "W2", "b2"))
    source = decorated.gradient_source(*args, optimise=False)
    for line in (
        "z = W1 @ x + b1",
        "h = np.tanh(z)",
        "y = W2 @ h + b2",
        "y_bar = 2.0 * (y - t)",
        "b2_bar = y_bar.copy()",
        "W2_bar = np.outer(y_bar, h)",
        "h_bar = W2.T @ y_bar",
        "z_bar = h_bar * (1.0 - h * h)",
        "b1_bar = z_bar.copy()",
        "W1_bar = np.outer(z_bar, x)",
    ):
        assert f"    {line}" in source
    assert "for " not in source.partition("# forward sweep")[2].replace("does not broadcast at run time", "")
    module: dict[str, Any] = {}
    exec(source, module)
    scalars = differentiate(two_layers_in_scalars, argnums=("W1", "b1", "W2", "b2"))
    value, gradient = scalars.value_and_grad(*args)
    for f in (decorated.value_and_grad, module["two_layers_grad"]):
        other, same = f(*args)
        assert other == pytest.approx(value, rel=1e-12)
        for mine, theirs in zip(same, gradient, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-14)
    assert "np.outer(" in scalars.gradient_source(*args, optimise=False)


def test_regressions_at_the_level_of_arrays() -> None:
    random = np.random.default_rng(5)
    X, y, w = random.normal(size=(6, 3)), random.normal(size=6), random.normal(size=3)

    @differentiate
    def linear(w, X, y):
        r = X @ w - y
        return np.mean(r**2)

    @differentiate
    def logistic(w, X, y):
        p = 1.0 / (1.0 + np.exp(-(X @ w)))
        return np.mean((p - y) ** 2)

    for f, line in ((linear, "w_bar = X.T @ r_bar"), (logistic, "w_bar = X.T @ ")):
        source = f.gradient_source(w, X, y, optimise=False)
        assert line in source
        module: dict[str, Any] = {}
        exec(source, module)
        _, gradient = module[f"{f.__name__}_grad"](w, X, y)
        np.testing.assert_allclose(gradient, f.grad(w, X, y), rtol=1e-12)


# Layers and losses.


def mean_square(w, X, y):
    total = 0.0
    for n in range(len(y)):
        error = -y[n]
        for j in range(len(w)):
            error += X[n, j] * w[j]
        total += error**2
    return total / len(y)


def test_least_squares_against_the_closed_form() -> None:
    random = np.random.default_rng(2)
    X, y, w = random.normal(size=(20, 4)), random.normal(size=20), random.normal(size=4)
    value, dw = value_and_grad(mean_square)(w, X, y)
    assert value == pytest.approx(np.mean((X @ w - y) ** 2), rel=1e-13)
    np.testing.assert_allclose(dw, 2.0 * X.T @ (X @ w - y) / len(y), rtol=1e-12)


def test_neuron() -> None:
    w, x, b = np.array([2.0, -3.0]), np.array([-1.0, -2.0]), -3.0
    value, (dw, dx, db) = example("neuron").neuron.value_and_grad(w, x, b)
    assert value == pytest.approx(0.7311, abs=5e-5)
    np.testing.assert_allclose(dw, [-0.1966, -0.3932], atol=5e-5)
    np.testing.assert_allclose(dx, [0.3932, -0.5898], atol=5e-5)
    assert db == pytest.approx(0.1966, abs=5e-5)


# Activations, by their input and by their parameter.


def sigma(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


SLOPES: dict[str, Callable[..., tuple[float, ...]]] = {
    "logistic": lambda x: (sigma(x) * (1.0 - sigma(x)),),
    "tanh": lambda x: (1.0 - math.tanh(x) ** 2,),
    "ReLU": lambda x: (float(x > 0.0),),
    "GELU": lambda x: (
        0.5 * (1.0 + math.erf(x / math.sqrt(2.0))) + x * math.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi),
    ),
    "softplus": lambda x: (sigma(x),),
    "ELU": lambda x, alpha: (1.0, 0.0) if x > 0.0 else (alpha * math.exp(x), math.exp(x) - 1.0),
    "leaky ReLU": lambda x: (1.0 if x > 0.0 else 0.01,),
    "parametric ReLU": lambda x, alpha: (1.0, 0.0) if x > 0.0 else (alpha, x),
}


@pytest.mark.parametrize("x", [-30.0, -1.2, -0.1, 0.1, 0.8, 30.0])
@pytest.mark.parametrize("name", SLOPES)
def test_activation(name: str, x: float) -> None:
    function, parameters = next((f, p) for n, f, p in example("activations").ACTIVATIONS if n == name)
    gradient = grad(function, argnums=range(1 + len(parameters)))(x, *parameters)
    assert gradient == pytest.approx(SLOPES[name](x, *parameters), rel=1e-12, abs=1e-12)


def test_relu_at_its_kink() -> None:
    relu = next(f for n, f, _ in example("activations").ACTIVATIONS if n == "ReLU")
    assert grad(relu)(0.0) == 0.0


# Training.


def test_sgd_on_a_tanh_network() -> None:
    module = example("sgd_tanh_network")
    losses, theta = module.train(epochs=30)
    assert losses[0] > 0.3
    assert losses[-1] < 0.05
    assert np.all(np.isfinite(theta))


def test_tanh_network_of_any_depth() -> None:
    """The gradient is that of central differences, for one layer as for four."""
    module = example("sgd_tanh_network")
    random = np.random.default_rng(3)
    for sizes in ([2, 1], [2, 5, 3, 4, 1]):
        theta = module.start_parameters(random, sizes)
        arguments = (np.array(sizes), np.array([0.3, -0.8]), 1.0, 1e-2)
        ours = grad(module.network_loss)(theta, *arguments)
        for k in range(len(theta)):
            moved = [theta.copy(), theta.copy()]
            moved[0][k] += 1e-5
            moved[1][k] -= 1e-5
            above, below = (module.network_loss(m, *arguments) for m in moved)
            assert ours[k] == pytest.approx((above - below) / 2e-5, rel=1e-7, abs=1e-9)


def test_xor_is_learnt() -> None:
    module = example("sgd_tanh_network")
    points = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    targets = np.array([-1.0, 1.0, 1.0, -1.0]) * 0.9
    sizes = np.array([2, 4, 1])
    theta = module.start_parameters(np.random.default_rng(0), sizes)
    step = value_and_grad(module.network_loss)
    total = math.inf
    for _ in range(3000):
        total = 0.0
        for x, target in zip(points, targets, strict=True):
            value, slope = step(theta, sizes, x, target, 0.0)
            theta -= 0.1 * slope
            total += value
    assert total / 4.0 < 1e-3


# Not finite differences; the decorator.


def test_gradient_beats_finite_differences() -> None:
    module = example("finite_differences")
    x = np.random.default_rng(0).normal(size=200)
    exact = module.closed_form(x)
    assert module.relative_error(module.rosenbrock.grad(x), exact) < 1e-14
    differences = module.central_differences(module.rosenbrock, x, 1e-6)
    assert 1e-13 < module.relative_error(differences, exact) < 1e-6


def test_decorated_function_is_the_function_and_carries_its_gradient() -> None:
    square_root = example("differentiate").square_root
    assert square_root(2.0, 6) == pytest.approx(math.sqrt(2.0), rel=1e-14)
    assert square_root.grad(2.0, 6) == pytest.approx(0.5 / math.sqrt(2.0), rel=1e-14)
    module: dict[str, Any] = {}
    exec(square_root.gradient_source(2.0, 6), module)
    assert module["square_root_grad"](2.0, 6) == square_root.value_and_grad(2.0, 6)


def test_derivative_has_the_shape_of_what_it_is_taken_by() -> None:
    @differentiate(argnums=("s", "v", "m"))
    def f(s, v, m):
        total = s * s
        for i in range(len(v)):
            total += v[i] ** 2
        for i in range(m.shape[0]):
            for j in range(m.shape[1]):
                total += m[i, j] ** 3
        return total

    ds, dv, dm = f.grad(2.0, np.ones(3), np.ones((2, 4), np.float32))
    assert isinstance(ds, float)
    assert (dv.shape, dv.dtype) == ((3,), np.float64)
    assert (dm.shape, dm.dtype) == ((2, 4), np.float32)


# Rules of one's own in the form of Autodidact, and gradient checking.


def test_a_table_of_rules_as_in_autodidact() -> None:
    def exp(x):
        return math.exp(x)

    def tanh(x):
        return math.tanh(x)

    def multiply(x, y):
        return x * y

    defvjp(exp, lambda g, ans, x: ans * g)
    defvjp(tanh, lambda g, ans, x: g * (1.0 - ans**2))
    defvjp(multiply, lambda g, ans, x, y: g * y, lambda g, ans, x, y: g * x)

    def f(x, y):
        return multiply(exp(x), tanh(multiply(x, y))) + y

    def plain(x, y):
        return math.exp(x) * math.tanh(x * y) + y

    assert grad(f, (0, 1))(0.5, 1.3) == pytest.approx(grad(plain, (0, 1))(0.5, 1.3), rel=1e-14)
    value, pullback = vjp(f, 0.5, 1.3)
    assert value == pytest.approx(plain(0.5, 1.3), rel=1e-14)
    assert pullback(2.0)[0] == pytest.approx(2.0 * grad(plain)(0.5, 1.3), rel=1e-14)
    assert grad(grad(f))(0.5, 1.3) == pytest.approx(grad(grad(plain))(0.5, 1.3), rel=1e-14)


def test_gradient_checking() -> None:
    def formula(x, z):
        return math.exp(x * z) + x * z / math.log(x) + math.sin(math.log(x)) / (x * z)

    check_grads(formula, (2.0, 3.0))

    def logistic(z):
        return 1.0 / (1.0 + math.exp(-z))

    def loss(w, x, b, t):
        return 0.5 * (logistic(w * x + b) - t) ** 2

    defvjp(logistic, lambda g, ans, z: g * ans * (1.0 - ans))
    check_grads(loss, (0.5, 2.0, -0.3, 1.0))
    defvjp(logistic, lambda g, ans, z: g * ans * (1.0 + ans))
    with pytest.raises(CheckError, match=r"lambda g, ans, z: g \* ans \* \(1.0 \+ ans\)"):
        check_grads(loss, (0.5, 2.0, -0.3, 1.0))
