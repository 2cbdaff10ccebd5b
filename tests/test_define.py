"""Rules of one's own (`defvjp`, `defjvp`): both modes and two orders, against the functions without them."""

from __future__ import annotations

import functools
import gc
import math
import pickle
import weakref

import numba
import numpy as np
import pytest
import scipy.special

from srcdiff import (
    CheckError,
    DifferentiationError,
    check_grads,
    defjvp,
    defvjp,
    differentiate,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacrev,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
)
from srcdiff.backend.provenance import place_of
from tests.opaque_functions import lambert, smoothed

X = np.array([0.3, -1.1, 0.8])
W = np.array([1.0, -2.0, 0.5])
SCALE = 3.0


def written_out(f, **names):
    """`f` with other functions under the names that it reads."""
    import types

    return types.FunctionType(f.__code__, {**f.__globals__, **names}, f.__name__, f.__defaults__)


def near(got, wanted, tolerance=1e-10):
    if isinstance(wanted, tuple):
        assert len(got) == len(wanted)
        for a, b in zip(got, wanted, strict=True):
            near(a, b, tolerance)
        return
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)


def slopes(f, args, k=0, h=1e-5):
    """The derivative of all results by argument `k`, by extrapolated central differences."""
    x = np.asarray(args[k], float)

    def at(step):
        moved = x + step
        return np.asarray(f(*args[:k], moved if moved.ndim else float(moved), *args[k + 1 :]))

    columns = []
    for place in np.ndindex(x.shape):
        unit = np.zeros(x.shape)
        unit[place] = 1.0
        coarse, fine = ((at(s * unit) - at(-s * unit)) / (2 * s) for s in (2 * h, h))
        columns.append((4 * fine - coarse) / 3)
    return np.stack(columns, -1).reshape((*np.shape(columns[0]), *x.shape))


# ------------------------------------------------------------------------------------------- scalars


def softplus(x):
    return math.log1p(math.exp(x))


defvjp(softplus, lambda g, ans, x: g / (1.0 + math.exp(-x)))


def cube(x):
    return x * x * x


defjvp(cube, lambda g, ans, x: 3.0 * x * x * g)


def power(x, y, n):
    return n * x**y


defvjp(power, lambda g, ans, x, y, n: g * ans * y / x, lambda g, ans, x, y, n: g * ans * math.log(x), None)


def test_a_scalar_in_both_modes_and_three_orders():
    s = 1.0 / (1.0 + math.exp(-0.3))
    near(value_and_grad(softplus)(0.3), (softplus(0.3), s))
    near(jvp(softplus, (0.3,), (2.0,)), (softplus(0.3), 2.0 * s))
    near(grad(grad(softplus))(0.3), s * (1 - s))
    near(grad(grad(grad(softplus)))(0.3), s * (1 - s) * (1 - 2 * s))
    near(hessian(softplus)(0.3), s * (1 - s))


def test_a_tangent_rule_serves_reverse_mode():
    near((grad(cube)(2.0), grad(grad(cube))(2.0), hvp(cube)(2.0, 1.0)), (12.0, 12.0, 12.0))
    near(vjp(cube, 2.0)[1](10.0), (120.0,))


def test_several_arguments_in_loops_and_branches():
    def f(x, y, n):
        total = 0.0
        for k in range(n):
            if k % 2 == 0:
                x = power(x, y, k + 1)
            else:
                total += softplus(x) * y
        return total + x

    plain = written_out(f, power=lambda x, y, n: n * x**y, softplus=lambda x: math.log1p(math.exp(x)))
    args = (1.2, 0.7, 5)
    near(grad(f, (0, 1))(*args), grad(plain, (0, 1))(*args))
    near(jvp(f, args, (1.0, 2.0, None)), jvp(plain, args, (1.0, 2.0, None)))
    near(hessian(f, (0, 1))(*args), hessian(plain, (0, 1))(*args))


def test_the_rule_is_what_counts():
    def halved(x):
        return x

    defvjp(halved, lambda g, ans, x: 0.5 * g)
    assert grad(lambda x: halved(x) * x)(3.0) == 4.5
    assert jvp(lambda x: halved(x) * x, (3.0,), (1.0,)) == (9.0, 4.5)


def test_none_is_a_zero_derivative():
    def first(x, y):
        return x * y

    defvjp(first, lambda g, ans, x, y: g * y, None)
    assert grad(first, (0, 1))(2.0, 5.0) == (5.0, 0.0)
    assert jvp(first, (2.0, 5.0), (1.0, 1.0)) == (10.0, 5.0)


def test_rules_are_in_the_source_and_nothing_else_is():
    @differentiate
    def chain(x, n):
        for _ in range(n):
            x = softplus(x)
        return x

    text = chain.gradient_source(0.3, 4)
    assert text.count("_tape = ") == 1
    assert "x_bar / (1.0 + math.exp(-" in text
    assert "custom name='softplus'" in chain.ir(0.3, 4)


# -------------------------------------------------------------------------------------------- arrays


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def plain_softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


defvjp(softmax, lambda g, ans, x: ans * (g - np.dot(g, ans)))


def product(a, x):
    return a @ x, np.sum(x)


def a_rule(g, ans, a, x):
    g_product, _ = g
    return np.outer(g_product, x)


def x_rule(g, ans, a, x):
    g_product, g_sum = g
    return a.T @ g_product + g_sum


defvjp(product, a_rule, x_rule)


def test_an_array_that_is_written_afterwards(uncompiled):
    def f(x, w):
        y = softmax(x)
        y[0] = y[0] * 2.0
        return np.dot(w, y * y)

    plain = written_out(f, softmax=plain_softmax)
    near(grad(f)(X, W), grad(plain)(X, W))
    near(hessian(f)(X, W), hessian(plain)(X, W))
    near(jvp(f, (X, W), (W, X)), jvp(plain, (X, W), (W, X)))
    near(jacfwd(softmax)(X), np.diag(softmax(X)) - np.outer(softmax(X), softmax(X)))
    near(jacrev(softmax)(X), jacfwd(softmax)(X))


def test_arrays_in_a_loop():
    def f(x, n):
        total = 0.0
        for _ in range(n):
            y = softmax(x)
            x = 3.0 * y
            x[1] += x[0]
            total += y[2] * x[1]
        return total

    plain = written_out(f, softmax=plain_softmax)
    near(grad(f)(X, 4), grad(plain)(X, 4))
    near(hvp(f)(X, 4, W), hvp(plain)(X, 4, W))


def test_a_part_of_an_array():
    def f(a):
        total = 0.0
        for i in range(a.shape[0]):
            y = softmax(a[i, 1:])
            total += y[0] * y[1]
        return total

    a = np.array([[1.0, 0.2, -0.3], [0.0, 1.5, 0.4]])
    near(grad(f)(a), grad(written_out(f, softmax=plain_softmax))(a))


def test_several_results():
    def f(a, x):
        y, s = product(a, x)
        return np.sum(y * y) * s

    a = np.array([[1.0, 2.0, -1.0], [0.5, -0.2, 3.0]])
    plain = written_out(f, product=lambda a, x: (a @ x, np.sum(x)))
    near(grad(f, (0, 1))(a, X), grad(plain, (0, 1))(a, X))
    near(jvp(f, (a, X), (a * a, W)), jvp(plain, (a, X), (a * a, W)))
    near(hvp(f, (0, 1))(a, X, (a * a, W)), hvp(plain, (0, 1))(a, X, (a * a, W)))
    near(
        vjp(product, a, X)[1]((np.array([1.0, 2.0]), 3.0)), (np.outer([1.0, 2.0], X), a.T @ [1.0, 2.0] + 3.0)
    )


def test_a_tuple_as_argument_and_a_function_that_returns_its_argument():
    def scaled(pair, x):
        return x

    defvjp(
        scaled,
        lambda g, ans, pair, x: (0.0 * pair[0] + 1.0, np.sum(g) * pair[1]),
        lambda g, ans, pair, x: pair[1] * g,
    )

    def f(pair, x):
        y = scaled(pair, x)
        return np.sum(y * y)

    (first, second), by_x = grad(f, (0, 1))((np.array([2.0]), 5.0), X)
    near((first, second, by_x), (np.array([1.0]), np.sum(2 * X) * 5.0, 10.0 * X))


def test_float32_stays():
    def f(x):
        return np.sum(softmax(x) ** 2)

    x = X.astype(np.float32)
    got = grad(f)(x)
    assert got.dtype == np.float32
    near(got, grad(written_out(f, softmax=plain_softmax))(X), 1e-6)


# ------------------------------------------------------------------------------------- surroundings


def test_rules_that_read_their_surroundings_see_them_at_each_call():
    def f(x):
        return SCALE * x

    weights = np.array([1.0, 2.0])
    defvjp(f, lambda g, ans, x: g * SCALE * weights[1])
    slope = grad(lambda x: f(x) * x)
    globals()["SCALE"] = 3.0
    assert slope(2.0) == 6.0 + 2.0 * 6.0
    globals()["SCALE"] = 1.0
    weights[1] = 5.0
    assert slope(2.0) == 2.0 + 2.0 * 5.0
    globals()["SCALE"] = 3.0


def test_rules_that_call_each_other():
    def sine(x):
        return math.sin(x)

    def cosine(x):
        return math.cos(x)

    defvjp(sine, lambda g, ans, x: g * cosine(x))
    defvjp(cosine, lambda g, ans, x: -g * sine(x))
    near(grad(grad(grad(sine)))(0.4), -math.cos(0.4))


def test_later_rules_replace_earlier_ones():
    def f(x):
        return x * x

    slope = grad(lambda x: f(x) + x)
    assert slope(3.0) == 7.0
    defvjp(f, lambda g, ans, x: g * 100.0)
    assert slope(3.0) == 101.0
    defvjp(f, lambda g, ans, x: g * 200.0)
    assert slope(3.0) == 201.0


def test_decorated_compiled_and_partial_functions_and_keywords():
    @differentiate
    def f(x, y):
        return x * y

    defvjp(f, lambda g, ans, x, y: g * 10.0, lambda g, ans, x, y: g * 20.0)
    assert f.grad(2.0, 3.0) == 10.0
    assert grad(lambda x: f(y=x, x=1.0))(3.0) == 20.0
    partial = functools.partial(f, 1.0)
    assert grad(lambda x: partial(x))(3.0) == 20.0
    assert grad(functools.partial(f, 1.0))(3.0) == 20.0


def test_rules_travel_with_their_function():
    def f(x):
        return x * x

    defvjp(f, lambda g, ans, x: g * 100.0 * SCALE)
    sent = pickle.loads(pickle.dumps(grad(lambda x: f(x) + x)))
    assert sent(3.0) == 301.0


def test_a_library_function():
    defvjp(np.cbrt, lambda g, ans, x: g * ans * 100.0)
    try:
        near(grad(lambda x: np.cbrt(x))(8.0), 200.0)
        near(grad(lambda x: np.sum(np.cbrt(x * x)))(np.array([1.0, 8.0])), np.array([200.0, 6400.0]))
    finally:
        from srcdiff.primitives.custom import RULES

        del RULES[np.cbrt]


# ---------------------------------------------------------------------------- what is not read: opaque


def test_an_unknown_compiled_function_is_called_as_it_stands():
    defvjp(lambert, lambda g, ans, x: g * ans / (x * (1.0 + ans)))

    def f(x):
        return lambert(x) * x

    w = lambert(1.0)
    near(value_and_grad(f)(1.0), (w, w + w / (1.0 + w)))
    near(grad(grad(f))(1.0), slopes(grad(f), (1.0,)), 1e-8)
    near(jvp(f, (1.0,), (1.0,))[1], grad(f)(1.0))
    text = differentiate(f).gradient_source(1.0)
    assert "import tests.opaque_functions\n" in text
    assert text.count("tests.opaque_functions.lambert(") == 1


def smoothed_rule(g, ans, x):
    out = g.copy()
    for i in range(1, len(x)):
        out[i] = 0.5 * g[i]
    for i in range(1, len(x)):
        out[i - 1] += 0.5 * g[i]
    return out


def test_an_unknown_function_of_arrays_in_a_loop():
    defvjp(smoothed, smoothed_rule)

    def f(x, n):
        for _ in range(n):
            x = smoothed(x * x)
        return np.sum(np.sin(x))

    x = np.array([0.3, 0.9, -0.5, 1.1])
    near(grad(f)(x, 3), slopes(f, (x, 3)), 1e-8)
    near(hessian(f)(x, 3), slopes(grad(f), (x, 3)), 1e-8)
    near(jvp(f, (x, 3), (x, None))[1], np.dot(grad(f)(x, 3), x))


# ----------------------------------------------------------------------------------------- refusals


def test_rules_of_the_wrong_number_or_arity():
    def f(x, y):
        return x * y

    with pytest.raises(TypeError, match=r"f\(\) takes 2 arguments and is given 1 rules"):
        defvjp(f, lambda g, ans, x, y: g)
    with pytest.raises(DifferentiationError, match="the vjp rule of `f` takes 3 arguments") as caught:
        defvjp(f, lambda g, ans, x: g, None)
    assert "lambda g, ans, x: g" in str(caught.value)
    assert "^^^" in str(caught.value)


def test_a_rule_that_gives_something_of_another_shape():
    def f(x):
        return np.sum(x)

    defvjp(f, lambda g, ans, x: g)
    with pytest.raises(DifferentiationError, match="gives a number for argument 0") as caught:
        grad(f)(X)
    assert "defvjp(f, lambda g, ans, x: g)" in str(caught.value)

    def h(x):
        return x[0]

    defvjp(h, lambda g, ans, x: np.array([g, 0.0]))
    with pytest.raises(ValueError, match="shapes do not fit"):
        grad(h)(X)


def test_a_rule_that_writes():
    def f(x):
        return x * 2.0

    def rule(g, ans, x):
        g[0] = 0.0
        return g

    defvjp(f, rule)
    with pytest.raises(DifferentiationError, match="the vjp rule of `f` writes into its arguments"):
        grad(lambda x: np.sum(f(x)))(X)


def test_a_function_with_rules_that_writes():
    def f(x):
        x[0] = 1.0
        return x

    defvjp(f, lambda g, ans, x: g)
    with pytest.raises(DifferentiationError, match="`f` has rules of its own and writes into its arguments"):
        grad(lambda x: np.sum(f(x)))(X)


def test_what_the_result_shares_with_an_argument_is_not_read_after_a_write():
    def same(x):
        return x

    defvjp(same, lambda g, ans, x: g)

    def f(x):
        y = same(x)
        y[0] = 2.0
        return np.sum(x * y)

    with pytest.raises(DifferentiationError, match="share its memory"):
        grad(f)(X)


# ------------------------------------------------------------------------------------- stop_gradient


def test_stop_gradient():
    assert stop_gradient(X) is X
    assert grad(lambda x: x * stop_gradient(x))(3.0) == 3.0
    assert jvp(lambda x: x * stop_gradient(x), (3.0,), (1.0,)) == (9.0, 3.0)
    near(grad(lambda x: np.sum(x * stop_gradient(x * x)))(X), X * X)
    near(grad(grad(lambda x: stop_gradient(x**2) * x**2))(3.0), 18.0)

    def f(x, y):
        a, (b, n) = stop_gradient((x, (y, 3)))
        return a * x + b * y + n * y

    assert grad(f, (0, 1))(2.0, 5.0) == (2.0, 8.0)
    assert "stop_gradient" in differentiate(lambda x: stop_gradient(x) * x).ir(1.0)


def test_a_function_that_cannot_be_read_by_itself():
    """What a function that calls it would give."""
    defvjp(lambert, lambda g, ans, x: g * ans / (x * (1.0 + ans)))
    w = lambert(1.0)
    slope = w / (1.0 + w)
    near(
        (grad(lambert)(1.0), differentiate(lambert).grad(1.0), jvp(lambert, (1.0,), (1.0,))[1]), (slope,) * 3
    )
    near(grad(grad(lambert))(1.0), slopes(grad(lambert), (1.0,)), 1e-8)
    check_grads(lambert, (1.0,))
    defvjp(smoothed, smoothed_rule)
    near(vjp(smoothed, X)[1](W), (smoothed_rule(W, smoothed(X), X),))
    check_grads(smoothed, (X,))
    defvjp(lambert, lambda g, ans, x: g * ans / x)
    with pytest.raises(CheckError, match="`lambert`"):
        check_grads(lambert, (1.0,))


def test_a_function_of_scipy_that_numba_was_taught():
    """Numba does not know it by itself; then it is refused, with what to do."""
    ellipk = scipy.special.ellipk
    with pytest.raises(DifferentiationError, match="`lambda x: ellipk"):
        grad(ellipk)

    def slope(g, ans, m):
        """By the arithmetic-geometric mean: dK/dm = (E - (1 - m) K) / (2 m (1 - m)), E = K (1 - sum 2^(n-1) c_n^2)."""
        a, b, c, weight, total = 1.0, math.sqrt(1.0 - m), math.sqrt(m), 0.5, 0.0
        for _ in range(8):
            total += weight * c * c
            a, b, c, weight = 0.5 * (a + b), math.sqrt(a * b), 0.5 * (a - b), 2.0 * weight
        return g * ans * (1.0 - total - (1.0 - m)) / (2.0 * m * (1.0 - m))

    defvjp(ellipk, slope)
    try:
        for f in (ellipk, lambda m: ellipk(m)):
            with pytest.raises(DifferentiationError, match=r"an `@njit` function with such rules"):
                grad(f)(0.3)

        @numba.extending.overload(ellipk)
        def in_numba(m):
            def mean(m):
                a, b = 1.0, math.sqrt(1.0 - m)
                for _ in range(8):
                    a, b = 0.5 * (a + b), math.sqrt(a * b)
                return 0.5 * math.pi / a

            return mean

        wanted = slopes(ellipk, (0.3,))
        near((grad(ellipk)(0.3), grad(lambda m: ellipk(m))(0.3)), (wanted, wanted), 1e-8)
        check_grads(ellipk, (0.3,))
    finally:
        from srcdiff.primitives.custom import RULES

        del RULES[ellipk]


# ------------------------------------------------------------------------------- compiled callers


def test_rules_after_a_compiled_caller_are_refused():
    """The caller would go on to use the derivative that it was linked against."""

    def inner(x):
        return x * x

    def outer(x):
        return inner(x) + x

    slope = grad(outer)

    @numba.njit
    def step(x):
        return slope(x)

    near(slope(3.0), 7.0)
    defvjp(inner, lambda g, ans, x: g * 100.0)
    near((step(3.0), slope(3.0)), (101.0, 101.0))
    for give in (defvjp, defjvp):
        with pytest.raises(
            DifferentiationError,
            match=r"`inner` is given rules after an `@njit` .*(?s:.)*: The gradient of outer by x",
        ):
            give(inner, lambda g, ans, x: g * 200.0)
    with pytest.raises(DifferentiationError, match="`outer` is given rules after"):
        defvjp(outer, lambda g, ans, x: g)
    near((step(3.0), slope(3.0)), (101.0, 101.0))


def test_rules_of_another_function_are_not_refused():
    """Made by the same `def`, or a lambda on the same line; what is remembered of `square` ends with it."""

    def power(n):
        return lambda x: x**n, lambda x: x**n + x

    def linked():
        square, more = power(2)
        cube, _ = power(3)
        slope = grad(square)
        step = numba.njit(lambda x: slope(x))
        near(step(3.0), 6.0)
        for other in (more, cube):
            defvjp(other, lambda g, ans, x: g * 100.0)
            near(grad(other)(3.0), 100.0)
        with pytest.raises(DifferentiationError, match="is given rules after"):
            defvjp(square, lambda g, ans, x: g)
        assert place_of(square) == place_of(cube) != place_of(more)
        return weakref.ref(square)

    alive = linked()
    gc.collect()
    assert alive() is None


def test_rules_of_a_function_of_numpy_after_a_compiled_caller():
    slope = grad(lambda x: np.sinc(x))
    step = numba.njit(lambda x: slope(x))
    near(step(0.5), slope(0.5))
    with pytest.raises(DifferentiationError, match="`sinc` is given rules after"):
        defvjp(np.sinc, lambda g, ans, x: g)


def test_rules_after_a_compiled_caller_of_the_function_itself():
    """What it gives does not depend on them; a derivative inside it does."""

    @differentiate
    def f(x):
        return x * x

    slope = grad(lambda x: x**3)

    @differentiate
    def penalty(x):
        return slope(x) + f(x)

    @numba.njit
    def both(x):
        return f(x) + penalty(x)

    near(both(2.0), 20.0)
    defvjp(f, lambda g, ans, x: g * 100.0)
    near((f.grad(2.0), both(2.0)), (100.0, 20.0))
    with pytest.raises(DifferentiationError, match=r"rules after .*(?s:.)*against: penalty"):
        defvjp(slope.of, lambda g, ans, x: g)
