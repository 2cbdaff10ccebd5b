"""Jacobians by pullbacks make only the trips that unit vectors reach; what is left may be a product of matrices."""

from __future__ import annotations

import math

import numpy as np
import pytest

from srcdiff import grad, hessian, jacfwd, jacobian, jacrev
from srcdiff.derivatives import Jacobian
from srcdiff.ir.core import Op
from srcdiff.ir.walk import ops_within
from tests.optimise.stages import loaded

RNG = np.random.default_rng(8)
X = RNG.standard_normal((7, 3))
W, T = RNG.standard_normal(3), RNG.standard_normal(7)


def residuals(p, t):
    r = np.empty(len(t))
    for i in range(len(t)):
        r[i] = p[0] * math.exp(-p[1] * t[i]) - p[2]
    return r


def residuals_of_arrays(p, t):
    return p[0] * np.exp(-p[1] * t) - p[2]


def three_states(y, t):
    d = np.empty(3)
    d[0] = t[0] * (y[1] - y[0])
    d[1] = y[0] * (t[1] - y[2]) - y[1]
    d[2] = y[0] * y[1] - t[2] * y[2]
    return d


def neighbours(t, p):
    d = np.zeros(len(t))
    for i in range(1, len(t) - 1):
        d[i] = p[0] * (t[i - 1] - 2.0 * t[i] + t[i + 1]) + t[i] ** 3
    return d


def from_the_end(t, p):
    d = np.zeros(len(t))
    for i in range(len(t)):
        d[i] = t[i - 1] * t[-1 - i]
    return d


def elements_looked_up(t, p):
    d = np.zeros(5)
    for i in range(len(t)):
        d[(i * i) % 5] += t[(3 * i) % 7] * p[0]
    return d


def matrix(A, p):
    B = np.zeros(A.shape)
    for i in range(A.shape[0]):
        for j in range(A.shape[1] - 1):
            B[i, j] = A[i, j + 1] * p[j] + A[i, 0] ** 2
    return B


def loss(w, X, t):
    total = 0.0
    for i in range(X.shape[0]):
        z = 0.0
        for j in range(X.shape[1]):
            z += X[i, j] * w[j]
        total += math.log1p(math.exp(-t[i] * z))
    return total / X.shape[0]


def loss_of_arrays(w, X, t):
    return np.mean(np.log1p(np.exp(-t * (X @ w)))) + 0.1 * np.sum(w * w)


def nearest(c, X, t):
    total = 0.0
    for i in range(len(t)):
        best = np.inf
        for k in range(len(c)):
            d = (t[i] - c[k]) ** 2
            if d < best:
                best = d
        total += best
    return total


def pairs(w, X, t):
    total = 0.0
    for i in range(len(w)):
        for j in range(len(w)):
            total += w[j] * w[i] * w[j]
    return total


def rosenbrock(w, X, t):
    total = 0.0
    for i in range(len(w) - 1):
        total += 100.0 * (w[i + 1] - w[i] ** 2) ** 2 + (1.0 - w[i]) ** 2
    return total


ROWS = [residuals, residuals_of_arrays, three_states, neighbours, from_the_end, elements_looked_up, matrix]
SUMS = [loss, loss_of_arrays, nearest, pairs, rosenbrock]


def arguments(f):
    return {"neighbours": (T, W), "from_the_end": (T, W), "elements_looked_up": (T, W), "matrix": (X, W)}.get(
        f.__name__, (W, T)
    )


def reads_unit_vectors(jacobian: Jacobian, args) -> bool:
    program = jacobian.program(jacobian.specs(args))
    return any(op.attributes.get("unit") for op in ops_within(program.function.body))


@pytest.mark.parametrize("f", ROWS, ids=lambda f: f.__name__)
@pytest.mark.usefixtures("uncompiled")
def test_rows(f):
    args = arguments(f)
    want = jacfwd(f)(*args)
    np.testing.assert_allclose(jacrev(f)(*args), want, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(jacobian(f)(*args), want, rtol=1e-13, atol=1e-15)
    assert not reads_unit_vectors(jacrev(f), args)
    cheaper = "jacrev" if f is not elements_looked_up else "jacfwd"  # its rows are loops
    assert jacobian(f).chosen(args, {}).kind == cheaper


@pytest.mark.parametrize("f", SUMS, ids=lambda f: f.__name__)
@pytest.mark.usefixtures("uncompiled")
def test_hessians(f):
    args = (W, X, T)
    want = jacfwd(grad(f))(*args)
    np.testing.assert_allclose(jacrev(grad(f))(*args), want, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(hessian(f)(*args), want, rtol=1e-12, atol=1e-14)


@pytest.mark.usefixtures("uncompiled")
def test_no_rows_and_no_columns():
    assert jacobian(residuals)(W, T[:0]).shape == (0, 3)
    assert jacobian(neighbours)(T[:1], W).tolist() == [[0.0]]
    assert hessian(loss_of_arrays)(W[:0], X[:, :0], T).shape == (0, 0)
    np.testing.assert_array_equal(hessian(loss)(W, X[:, :0], T), np.zeros((3, 3)))


@pytest.mark.parametrize("f", [loss, loss_of_arrays])
def test_a_sum_over_rows_becomes_a_product_of_matrices(f):
    H = hessian(f)
    ops = list(ops_within(H.program(H.specs((W, X, T))).function.body))
    assert sum(op.primitive == "matmul" for op in ops) == 1
    assert deepest(ops) == 2


def deepest(ops: list[Op]) -> int:
    def depth(op: Op) -> int:
        return (op.primitive == "for") + max((depth(x) for r in op.regions for x in r.ops), default=0)

    return max(map(depth, ops))


@pytest.mark.usefixtures("uncompiled")
def test_what_others_read_of_a_unit_vector_is_not_zero_in_a_loop(tmp_path):
    """`w[i]` is read outside the inner loop, whose other trips still add to what is owed for it."""
    f = loaded(
        "def f(w, X, t):\n"
        "    s = 0.0\n"
        "    for i in range(len(w)):\n"
        "        for j in range(len(w)):\n"
        "            s += w[j] * w[i] * math.sin(w[j])\n"
        "    return s\n",
        tmp_path,
        "outside",
    )
    np.testing.assert_allclose(hessian(f)(W, X, T), jacfwd(grad(f))(W, X, T), rtol=1e-12)


@pytest.mark.usefixtures("uncompiled")
def test_infinite_slopes_beside_zeros():
    """An element that a row does not depend on is zero in it, also where its own slope is infinite."""

    def roots(x):
        r = np.empty(len(x))
        for i in range(len(x)):
            r[i] = math.sqrt(x[i])
        return r

    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(jacobian(roots)(np.array([0.0, 4.0])), [[np.inf, 0.0], [0.0, 0.25]])
