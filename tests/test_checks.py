"""`check_grads`: right derivatives pass, wrong rules are named with argument, entry and line."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import numpy as np
import pytest

from srcdiff import CheckError, check_grads, defjvp, defvjp, differentiate, grad, implicit, stop_gradient

X = np.array([0.3, -1.1, 0.8])
A = np.array([[1.0, 0.2, -0.3], [0.0, 1.5, 0.4], [0.7, -0.1, 0.9]])


def test_right_derivatives():
    check_grads(lambda x, y: math.sin(x) * y, (0.3, 2.0), 3)

    def steps(x, w, n):
        for _ in range(n):
            x = np.tanh(w @ x)
        return x, np.sum(x * x)

    check_grads(steps, (X, A, 2))


def test_what_is_written_and_tuples():
    def f(x, pair, n):
        x[0] = x[1] * pair[0]
        x[1] = pair[1][n]

    x = X.copy()
    check_grads(f, (x, (2.0, X * X), 1))
    np.testing.assert_array_equal(x, X)
    check_grads(f, (x.astype(np.float32), (2.0, X * X), 1), 1)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: 0.0 * x, 3.0),
        (lambda x: np.floor(x), 3.5),
        (lambda x: 1e6 + x, 3.0),
        (lambda x: math.exp(50.0 * x), 3.5),
        (lambda x: math.log(x), 1e-5),
        (lambda x: math.sqrt(x), 1e-3),
    ],
)
def test_hard_to_difference(f, x):
    check_grads(f, (x,))


def test_a_kink_is_no_place_to_check():
    with pytest.raises(CheckError, match="is the function smooth here"):
        check_grads(lambda x: abs(x), (0.0,))


def softplus(x):
    return math.log1p(math.exp(x))


def wrong_rule(g, ans, x):
    return 0.5 * g / (1.0 + math.exp(-x))


defvjp(softplus, wrong_rule)


def right(x):
    return x * x


defvjp(right, lambda g, ans, x: 2.0 * x * g)


@differentiate
def loss(w, n):
    total = 0.0
    for i in range(len(w)):
        total += softplus(w[i]) * n + right(w[i])
    return total


@pytest.mark.parametrize(("mode", "said"), [("fwd", "forward mode"), ("rev", "reverse mode")])
def test_a_wrong_rule_is_named(mode, said):
    with pytest.raises(CheckError) as caught:
        check_grads(loss, (X, 10), modes=(mode,))
    first, second, *rest = str(caught.value).splitlines()
    assert first == f"loss: the derivative by `w` is wrong, in {said}"
    # softplus' is largest at 0.8, where half of it is missing.
    s = 10.0 / (1.0 + math.exp(-0.8))
    entry, computed, wanted = re.fullmatch(
        r"  (.*): (.*) is computed, .* give (\S*) \(to .*\)", second
    ).groups()
    assert entry == "w[2]"
    assert float(computed) == pytest.approx(s / 2 + 1.6)
    assert float(wanted) == pytest.approx(s + 1.6)
    line = wrong_rule.__code__.co_firstlineno
    assert rest[0] == "  `loss` uses the rules of `softplus`; without them its derivative is right:"
    assert rest[1].endswith(f"test_checks.py, line {line}, in wrong_rule")
    assert rest[2].strip() == "def wrong_rule(g, ans, x):"
    assert len(rest) == 4


def test_the_second_derivative_of_a_rule():
    def square(x):
        return x * x

    defjvp(square, lambda g, ans, x: 2.0 * stop_gradient(x) * g)
    check_grads(square, (3.0,), 1)
    with pytest.raises(
        CheckError, match=r"square, differentiated in forward mode: .*\n  x: 0 is computed, diff.* give 2 "
    ):
        check_grads(square, (3.0,))


class Pair(NamedTuple):
    a: float
    b: np.ndarray


def test_stop_gradient_of_structures():
    def of_a_dict(p):
        q = stop_gradient(p)
        return q["a"] * p["a"] + np.sum(q["b"] * p["b"])

    found = grad(of_a_dict)({"a": 3.0, "b": X})
    assert found["a"] == 3.0
    np.testing.assert_array_equal(found["b"], X)
    found = grad(lambda p: stop_gradient((p, 2.0))[0].a * np.sum(p.b))(Pair(3.0, X))
    assert found.a == 0.0
    np.testing.assert_array_equal(found.b, np.full(3, 3.0))

    found = grad(lambda p: np.sum(stop_gradient(p["layers"])[1] * p["layers"][0]))({"layers": [X, 2.0 * X]})
    np.testing.assert_array_equal(found["layers"], [2.0 * X, np.zeros(3)])


def test_the_entry_of_the_result():
    def product(a, x):
        return a @ x, np.sum(x)

    defvjp(product, lambda g, ans, a, x: np.outer(g[0], x), lambda g, ans, a, x: a @ g[0] + g[1])
    with pytest.raises(CheckError) as caught:
        check_grads(product, (A, X))
    # The transpose of the matrix is missing: its entries 0, 2 and 2, 0 are furthest apart.
    assert "by `x` is wrong" in str(caught.value)
    assert "for the result number 1 at [" in str(caught.value)


def test_a_wrong_residual_is_named():
    def root(a):
        x = 1.0
        for _ in range(40):
            x = 0.5 * (x + a / x)
        return x

    implicit(root, lambda x, a: x * x - a)
    check_grads(root, (2.0,), 3)
    implicit(root, lambda x, a: x * x * x - a)
    with pytest.raises(CheckError, match="implicit\\(root, lambda x, a: x \\* x \\* x - a\\)"):
        check_grads(root, (2.0,))


def test_what_cannot_be_checked():
    with pytest.raises(TypeError, match="nothing to differentiate by"):
        check_grads(lambda n: n * 2, (3,))
    with pytest.raises(ValueError, match="modes of 'fwd' and 'rev'"):
        check_grads(right, (3.0,), modes=("forward",))
