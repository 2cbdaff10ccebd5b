"""Large functions that are called often: called in the gradient too, not put in place at each call."""

from __future__ import annotations

import importlib.util
import math

import numpy as np
import pytest

from srcdiff import (
    check_grads,
    differentiate,
    grad,
    hessian,
    jacobian,
    sparse_jacobian,
    value_and_grad,
    vjp,
)
from srcdiff.frontend.recursion import CallSites
from srcdiff.ir.walk import ops_within
from tests.sampling import slow
from tests.truth import assert_gradient

W = np.array([0.5, -1.0, 2.0])
A = np.array([[0.3, -0.2, 0.5], [0.1, 0.4, -0.3], [0.2, 0.2, 0.1]])


def smooth(x, y):
    a = math.sin(x) * y
    b = math.exp(-a * a) + x
    return a * b + y * y


def scalars(x, y):
    z = smooth(x, y)
    z = smooth(z, x)
    for k in range(3):
        z = smooth(z * 0.5, y + k)
    return smooth(z, smooth(x, z))


def layer(w, h, b):
    z = w @ h + b
    return np.tanh(z) * W


def network(w, x):
    h = layer(w, x, 0.1)
    h = layer(w, h, 0.2)
    for _ in range(2):
        h = layer(w, h, 0.3)
    h[0] = h[1] * 2.0
    g = layer(w, h, 0.1)
    h[1] = 0.5
    return np.sum(g * h)


def fills(x, out):
    for i in range(len(x)):
        out[i] = math.sin(x[i]) * x[i]
    return out[0]


def writing(x):
    out = np.zeros(3)
    a = fills(x, out)
    b = fills(out * 2.0, out)
    return a * b + np.sum(out * W)


def passes(x, c):
    y = np.sin(x)
    if c > 0:
        y = x
    return y


def aliased(x):
    y = passes(x * 1.0, 1)
    z = passes(y, 1)
    z[0] = 3.0
    return np.sum(z * W) + y[1] + passes(z, 0)[2]


def two(x, k):
    u = np.empty(3)
    for i in range(3):
        u[i] = math.sin(x[i]) + k
    return u * x, np.sum(u)


def tuples(x):
    a, s = two(x, 1.0)
    b, t = two(a, s)
    c, r = two(b * t, 0.1)
    return np.sum(c * W) * r + s


def params(p, x):
    return np.tanh(p["a"] * x + p["b"][0]) @ p["b"]


def dicts(p, x):
    return params(p, x) * params(p, x * 2.0) + params(p, x + 1.0)


def data(X, w):
    s = 0.0
    for i in range(X.shape[0]):
        s += math.tanh(X[i] @ w) ** 2
    return s


def inactive(w, X):
    return data(X, w) + data(X * 2.0, w * 0.5) + data(X, w * w)


def under_conditions(x, n):
    s = 0.0
    for i in range(n):
        if i % 2 == 0:
            s += smooth(x, s)
        elif i == 3:
            s = smooth(s, x) + smooth(x, x)
    return s


def largest(x, n):
    best = -1e9
    for k in range(5):
        value = smooth(x - k * 0.5, 0.3 * k)
        if value > best:
            best = smooth(value, 1.0)
    return best


def nested_outer(x, y):
    return smooth(x, y) + smooth(y, x)


def nesting(x, y):
    return nested_outer(x, y) * nested_outer(x * 2.0, y) + nested_outer(y, 1.0)


@pytest.fixture(autouse=True)
def small_limit(monkeypatch):
    monkeypatch.setattr(CallSites, "LIMIT", 5)


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (scalars, (0.4, 0.7)),
        (network, (A, W)),
        (tuples, (W,)),
        (inactive, (W, A)),
        (under_conditions, (0.4, 6)),
        (largest, (0.7, 3)),
        (nesting, (0.3, 0.4)),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_gradient(f, args):
    text = differentiate(f).gradient_source(*args)
    assert "_forward(" in text and "_pullback(" in text and "_vjp" not in text
    assert_gradient(f, args)


@pytest.mark.parametrize(
    ("f", "args"), [(writing, (W,)), (aliased, (W,))], ids=lambda x: getattr(x, "__name__", "")
)
def test_what_writes_or_shares_memory_is_read_in_place(f, args):
    assert "_pullback" not in differentiate(f).gradient_source(*args)
    assert_gradient(f, args)


@pytest.mark.parametrize(
    ("f", "args"), [(scalars, (0.4, 0.7)), slow((network, (A, W))), slow((inactive, (W, A)))]
)
def test_both_modes_and_the_second_order(f, args):
    check_grads(f, args)


def test_other_derivatives_of_derivatives():
    mixed = grad(grad(scalars, 0), 1)(0.4, 0.7)
    assert mixed == pytest.approx(grad(grad(scalars, 1), 0)(0.4, 0.7))
    assert mixed == pytest.approx(hessian(scalars, (0, 1))(0.4, 0.7)[0][1])

    def twice(x):
        return two(two(x, 1.0)[0], 1.0)[0] + two(x, 2.0)[0]

    _, pullback = vjp(twice, W)
    assert np.allclose(np.array([pullback(e)[0] for e in np.eye(3)]), jacobian(twice)(W))


def test_structures():
    p = {"a": W, "b": 2.0 * W}
    slopes = grad(dicts)(p, A[0])
    for name in p:
        for k in range(3):
            step = np.zeros(3)
            step[k] = 1e-6
            high, low = dicts({**p, name: p[name] + step}, A[0]), dicts({**p, name: p[name] - step}, A[0])
            assert slopes[name][k] == pytest.approx((high - low) / 2e-6, rel=1e-6)


def test_only_what_is_active_is_differentiated_by():
    text = differentiate(inactive).gradient_source(W, A)
    assert "def data_by_w_pullback(X, w, " in text and "X_bar" not in text


def banded(x):
    out = np.empty(len(x))
    for i in range(1, len(x)):
        out[i] = smooth(x[i], x[i - 1]) + smooth(x[i], 2.0)
    out[0] = smooth(x[0], 1.0)
    return out


def test_a_sparse_jacobian_sees_through_calls():
    x = np.linspace(0.1, 1.0, 6)
    found = sparse_jacobian(banded)(x)
    assert found.nnz == 11
    assert np.allclose(found.toarray(), jacobian(banded)(x))


def test_the_report_of_tapes_names_the_functions_that_record():
    assert "and what each call of `smooth` records" in str(differentiate(scalars).tape_report(0.4, 0.7))


def program_of(lines, sites, path):
    """A module with a function of so many lines and another one that calls it at so many places."""
    text = ["import math", "", "", "def step(x, y, k):", "    a, b = x, y"]
    for i in range(lines // 2):
        text.append(f"    a = a + 0.01 * math.sin(b * {0.5 + i / lines} + k)")
        text.append(f"    b = b * {0.9 + 0.1 * i / lines} + 0.02 * a * a / (1.0 + b * b)")
    text += ["    return a, b * a", "", "", "def chain(x, y):", "    total = 0.0"]
    for i in range(sites):
        text += [f"    x, y = step(x, y, {i}.0)", "    total += x * y"]
    path.write_text("\n".join([*text, "    return total", ""]))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.chain


def test_the_size_of_a_program_does_not_grow_with_the_calls(tmp_path, monkeypatch):
    monkeypatch.setattr(CallSites, "LIMIT", 2000)
    sizes, ops = [], []
    for sites in (1, 20):
        f = differentiate(program_of(200, sites, tmp_path / f"chain_{sites}.py"))
        sizes.append(f.gradient_source(0.3, 0.5).count("\n"))
        program = f.program_for(0.3, 0.5)
        ops.append(sum(1 for _ in ops_within(program.function.body)))
    assert sizes[1] < 2 * sizes[0]
    assert ops[1] < ops[0]


def test_the_gradient_of_a_program_with_many_calls(tmp_path, monkeypatch):
    monkeypatch.setattr(CallSites, "LIMIT", 400)
    f = program_of(30, 12, tmp_path / "chain_of_calls.py")
    assert "step_pullback" in differentiate(f).gradient_source(0.3, 0.5)
    assert_gradient(f, (0.3, 0.5))
    value, slopes = value_and_grad(f, (0, 1))(0.3, 0.5)
    assert value == pytest.approx(f(0.3, 0.5))
    assert len(slopes) == 2
