"""The public interface: how it is asked, what it gives back, what it leaves alone."""

from __future__ import annotations

import functools
import math
import types

import numba
import numpy as np
import pytest

import srcdiff
from srcdiff import differentiate, grad, value_and_grad
from srcdiff.errors import DifferentiationError, NotDifferentiable

SCALE = 2.0
OFFSETS = np.array([1.0, 2.0, 3.0])


def product(x, y=3.0, *, z=1.0):
    """The product of three numbers."""
    return x * y * y * z * z * z


def total(x, w):
    s = 0.0
    for i in range(x.size):
        s += w * x[i] * x[i]
    return s


def over_matrix(m):
    s = 0.0
    for i in range(m.shape[0]):
        for j in range(m.shape[1]):
            s += (i + 1.0) * m[i, j] ** 2
    return s


def writes_its_argument(x):
    for i in range(x.size):
        x[i] = x[i] * x[i]
    return np.sum(x)


def with_globals(x):
    return np.sum(SCALE * x * OFFSETS)


def rows(m):
    return np.arange(1.0, m.shape[0] + 1.0)[:, None] * 2.0 * m


# ---------------------------------------------------------------------------------------------- argnums


@pytest.mark.parametrize(
    ("argnums", "want"),
    [
        (0, 9.0),
        (1, 12.0),
        (2, 54.0),
        (-1, 54.0),
        ("x", 9.0),
        ("y", 12.0),
        ("z", 54.0),
        ((0,), (9.0,)),
        ((0, 1), (9.0, 12.0)),
        ((1, 0), (12.0, 9.0)),
        ([0, "z"], (9.0, 54.0)),
        (("z", "x"), (54.0, 9.0)),
        (range(3), (9.0, 12.0, 54.0)),
        ((0, "x"), (9.0, 9.0)),
    ],
)
def test_argnums(argnums, want):
    value, slope = value_and_grad(product, argnums=argnums)(2.0, 3.0, z=1.0)
    assert value == 18.0
    assert slope == want
    assert grad(product, argnums)(2.0) == want


def test_defaults_and_keywords():
    assert grad(product)(2.0) == 9.0
    assert grad(product)(x=2.0) == 9.0
    assert grad(product, "y")(2.0, y=4.0) == 16.0
    assert grad(product, "y")(y=4.0, x=2.0, z=1.0) == 16.0
    assert grad(product, 0)(2.0, z=2.0) == 72.0


def test_parameters_of_a_partial_count_from_the_first_free_one():
    bound = functools.partial(product, 2.0)
    assert grad(bound)(3.0) == 12.0
    assert grad(bound, "y")(3.0) == 12.0
    by_name = functools.partial(product, z=2.0)
    assert grad(by_name, argnums=(0, 1))(2.0, 3.0) == (72.0, 96.0)


@pytest.mark.parametrize(
    ("args", "keywords", "word"),
    [
        ((), {}, "without x"),
        ((1.0, 2.0, 3.0, 4.0), {}, "takes 3"),
        ((1.0,), {"w": 2.0}, "'w'"),
        ((1.0,), {"x": 2.0}, "'x'"),
    ],
)
def test_calls_that_do_not_fit(args, keywords, word):
    with pytest.raises(TypeError, match=word):
        grad(product)(*args, **keywords)


@pytest.mark.parametrize("argnums", ["w", 3, -4, (0, "w")])
def test_argnums_that_do_not_exist_fail_at_once(argnums):
    with pytest.raises(TypeError, match="no parameter"):
        grad(product, argnums)


@pytest.mark.parametrize(
    "arg",
    [
        2,
        True,
        np.int64(2),
        np.arange(3),
        np.ones(2, np.bool_),
        "x",
        None,
        math.sin,
        (1.0, 2),
        {},
        [1.0],
        object(),
    ],
)
def test_only_floats_can_be_differentiated(arg):
    with pytest.raises(DifferentiationError) as caught:
        grad(lambda x, y: y)(arg, 1.0)
    assert "`x`" in str(caught.value)


def test_integers_are_fine_beside_floats():
    def power(x, n):
        return x**n

    assert grad(power)(2.0, 3) == 12.0
    with pytest.raises(NotDifferentiable, match="`n`"):
        grad(power, 1)(2.0, 3)


# ---------------------------------------------------------------------------------------------- signatures


def test_one_object_for_several_signatures():
    gradient = grad(total)
    assert np.array_equal(gradient(np.array([1.0, 2.0]), 3.0), [6.0, 12.0])
    single = gradient(np.array([1.0, 2.0], np.float32), np.float32(3.0))
    assert single.dtype == np.float32 and np.array_equal(single, [6.0, 12.0])
    assert np.array_equal(gradient(np.array([1.0, 2.0]), 3), [6.0, 12.0])
    assert len(gradient.of.programs) == 3
    gradient(np.array([5.0]), 3.0)
    assert len(gradient.of.programs) == 3


def test_known_arguments_specialise():
    def chosen(x, mode="square", f=None):
        if f is not None:
            return f(x)
        return x * x if mode == "square" else x * x * x

    gradient = grad(chosen)
    assert [gradient(2.0), gradient(2.0, "cube"), gradient(2.0, f=math.exp)] == [4.0, 12.0, math.exp(2.0)]


def test_float32_stays():
    x, w = np.array([1.0, 2.0], np.float32), np.float32(0.5)
    value, (by_x, by_w) = value_and_grad(total, argnums=(0, 1))(x, w)
    assert by_x.dtype == np.float32
    assert isinstance(by_w, float)
    assert (value, by_w) == (2.5, 5.0)
    assert value_and_grad(total, argnums=1)(x, 0.5)[1] == 5.0


def test_tuples_nest_as_the_argument_does():
    def pair(p, y):
        (a, b), c = p
        return a * b * np.sum(c) * y

    value, slope = value_and_grad(pair)(((2.0, 3.0), np.array([1.0, 4.0])), 2.0)
    assert value == 60.0
    (a, b), c = slope
    assert (a, b) == (30.0, 20.0)
    assert np.array_equal(c, [12.0, 12.0])


# ------------------------------------------------------------------------------------------------- arrays


def test_nothing_to_loop_over():
    value, slope = value_and_grad(total)(np.empty(0), 2.0)
    assert value == 0.0
    assert slope.shape == (0,) and slope.dtype == np.float64
    assert value_and_grad(total, argnums=1)(np.empty(0), 2.0) == (0.0, 0.0)
    for shape in ((0, 0), (0, 3), (3, 0)):
        assert grad(over_matrix)(np.empty(shape)).shape == shape


LAYOUTS = {
    "C": lambda m: m,
    "F": np.asfortranarray,
    "transposed": lambda m: m.T.copy().T,
    "strided": lambda m: np.repeat(np.repeat(m, 2, 0), 3, 1)[::2, ::3],
    "reversed": lambda m: m[::-1].copy()[::-1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("writeable", [True, False])
def test_any_layout(layout, writeable):
    m = LAYOUTS[layout](np.arange(6.0).reshape(2, 3))
    m.flags.writeable = writeable
    before = m.copy()
    slope = grad(over_matrix)(m)
    assert slope.shape == m.shape and slope.flags.writeable
    assert np.array_equal(slope, rows(m))
    assert np.array_equal(m, before)


@pytest.mark.parametrize("layout", ["C", "strided"])
@pytest.mark.parametrize("writeable", [True, False])
def test_arguments_are_not_changed(layout, writeable):
    x = np.array([1.0, 2.0, 3.0]) if layout == "C" else np.arange(6.0)[1::2]
    x.flags.writeable = writeable
    before = x.copy()
    value, slope = value_and_grad(writes_its_argument)(x)
    assert value == np.sum(before**2)
    assert np.array_equal(slope, 2.0 * before)
    assert np.array_equal(x, before)


def test_gradients_do_not_share_memory():
    x, y = np.array([1.0, 2.0]), np.array([1.0, 2.0])
    a, b = grad(lambda x, y: np.sum(x) + np.sum(y), argnums=(0, 1))(x, y)
    a[0] = 7.0
    assert b[0] == 1.0
    again = grad(lambda x: np.sum(x))
    first = again(x)
    first[0] = 7.0
    assert again(x)[0] == 1.0


def test_one_array_given_twice():
    x = np.array([1.0, 2.0])
    a, b = grad(lambda x, y: np.sum(x * x * y), argnums=(0, 1))(x, x)
    assert np.array_equal(a, 2.0 * x * x)
    assert np.array_equal(b, x * x)


# ---------------------------------------------------------------------------------------------- captured


def test_globals_are_read_at_each_call(monkeypatch):
    gradient = grad(with_globals)
    x = np.ones(3)
    assert np.array_equal(gradient(x), 2.0 * OFFSETS)
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    assert np.array_equal(gradient(x), 5.0 * OFFSETS)
    monkeypatch.setitem(globals(), "OFFSETS", np.array([0.0, 1.0, 0.0]))
    assert np.array_equal(gradient(x), [0.0, 5.0, 0.0])
    monkeypatch.setitem(globals(), "SCALE", 2)  # another type
    assert np.array_equal(gradient(x), [0.0, 2.0, 0.0])
    monkeypatch.setitem(globals(), "OFFSETS", np.array([0, 1, 3]))
    assert np.array_equal(gradient(x), [0.0, 2.0, 6.0])


def test_known_globals_may_be_replaced(monkeypatch):
    monkeypatch.setitem(globals(), "helper", math.sin)
    gradient = grad(uses_helper)
    assert gradient(0.5) == math.cos(0.5)
    monkeypatch.setitem(globals(), "helper", math.exp)
    assert gradient(0.5) == math.exp(0.5)
    monkeypatch.setitem(globals(), "helper", lambda x: x * x)
    assert gradient(0.5) == 1.0
    monkeypatch.setitem(globals(), "FLAG", True)
    assert gradient(0.5) == 3.0


FLAG = False


def helper(x):
    return x


def uses_helper(x):
    return helper(x) + 2.0 * x if FLAG else helper(x)


def test_closures_are_read_at_each_call():
    weights = np.array([1.0, 2.0])
    factor = 3.0

    def loss(x):
        return factor * np.sum(weights * x)

    gradient = grad(loss)
    assert np.array_equal(gradient(np.ones(2)), [3.0, 6.0])
    weights[0] = 10.0
    assert np.array_equal(gradient(np.ones(2)), [30.0, 6.0])
    weights = np.array([0.0, 1.0])
    factor = 1.0
    assert np.array_equal(gradient(np.ones(2)), [0.0, 1.0])


def test_a_new_closure_of_the_same_code_is_not_compiled_again(monkeypatch):
    def make(k, data):
        return lambda x: k * np.sum(data * x * x)

    x = np.array([1.0, 2.0])
    assert np.array_equal(grad(make(2.0, np.ones(2)))(x), [4.0, 8.0])
    loaded = []
    load = srcdiff.compiled.load_function

    def watched(*args, **options):
        function = load(*args, **options)
        loaded.append((function, len(function.signatures)))
        return function

    monkeypatch.setattr(srcdiff.compiled, "load_function", watched)
    assert np.array_equal(grad(make(3.0, np.full(2, 0.5)))(x), [3.0, 6.0])
    assert all(len(function.signatures) == before > 0 for function, before in loaded)


def test_captured_integers_steer():
    def make(n):
        def f(x):
            s = 1.0
            for _ in range(n):
                s *= x
            return s

        return f

    assert [grad(make(n))(2.0) for n in (0, 1, 3)] == [0.0, 1.0, 12.0]


def test_captured_arrays_of_one_name():
    """Two functions call `w` what they share with others: only one of them is written."""

    def squaring(w):
        def square(x):
            w[0] = x * x
            return w[0] * w[1]

        return square

    def scaling(w, square):
        def f(x):
            scaled = w[1] * x
            return square(x) + scaled * w[0]

        return f

    f = differentiate(scaling(np.array([5.0, 6.0, 7.0]), squaring(np.array([1.0, 2.0, 3.0]))))
    (value, written), (tangent, moved) = f.jvp((2.0,), (1.0,))
    assert (value, tangent) == (68.0, 38.0)
    assert np.array_equal(written, [4.0, 2.0, 3.0]) and np.array_equal(moved, [4.0, 0.0, 0.0])


# ----------------------------------------------------------------------------------------- kinds of functions


def test_what_can_be_differentiated():
    jitted = numba.njit(lambda x: x * x * x)
    vectorized = numba.vectorize(lambda x: x * x)
    space = types.SimpleNamespace(f=lambda x: x * x)
    assert grad(lambda x: x * x)(3.0) == 6.0
    assert grad(jitted)(2.0) == 12.0
    assert grad(space.f)(3.0) == 6.0
    assert grad(lambda x: np.sum(vectorized(x)))(np.array([1.0, 2.0])).tolist() == [2.0, 4.0]
    assert grad(differentiate(lambda x: x * x))(3.0) == 6.0


def test_decorator():
    @differentiate
    def plain(x, y):
        """Doc."""
        return x * x * y

    @differentiate(argnums=("y", 0), cache=False)
    def chosen(x, y):
        return x * x * y

    assert plain(2.0, 3.0) == 12.0
    assert plain.grad(2.0, 3.0) == 12.0
    assert plain.value_and_grad(2.0, 3.0) == (12.0, 12.0)
    assert chosen.grad(2.0, 3.0) == (4.0, 12.0)
    assert grad(plain, 1)(2.0, 3.0) == 4.0
    assert "def plain_grad(x, y):" in plain.gradient_source(2.0, 3.0)
    assert plain.ir(2.0, 3.0).startswith("plain(x: f64, y: f64) {")
    assert plain.gradient_ir(2.0, 3.0).startswith("plain_grad(")
    assert plain.tape_report(2.0, 3.0).bytes == 0


def test_primal_writes_what_the_function_writes():
    x = np.array([1.0, 2.0])
    assert differentiate(writes_its_argument)(x) == 5.0
    assert x.tolist() == [1.0, 4.0]


def test_names_and_documentation():
    gradient = grad(product)
    assert gradient.__name__ == "product_grad"
    assert "product" in repr(gradient)
    assert gradient.__doc__ == product.__doc__


def test_inactive_argument_has_a_gradient_of_zero():
    value, slopes = value_and_grad(lambda x, y: x * x, argnums=(0, 1))(3.0, 5.0)
    assert (value, slopes) == (9.0, (6.0, 0.0))
    assert grad(lambda x, y: x, argnums=1)(1.0, np.ones(3)).tolist() == [0.0, 0.0, 0.0]
    assert grad(lambda x: 2.0)(3.0) == 0.0


def test_errors_of_the_program_reach_the_caller():
    def checked(x):
        assert x > 0.0, "positive"
        if x > 10.0:
            raise ValueError("too large")
        return math.log(x)

    assert grad(checked)(2.0) == 0.5
    with pytest.raises(AssertionError, match="positive"):
        grad(checked)(-1.0)
    with pytest.raises(ValueError, match="too large"):
        grad(checked)(11.0)


def test_source_runs_by_hand():
    """What is printed needs nothing but NumPy, and gives the same numbers."""
    x = np.array([1.0, 2.0, 3.0])
    text = differentiate(total).gradient_source(x, 0.5)
    space: dict[str, object] = {}
    exec(text, space)
    value, slope = space["total_grad"](x, 0.5)
    assert value == total(x, 0.5) and np.array_equal(slope, x)
    assert "srcdiff" not in "".join(line for line in text.splitlines() if "import" in line)
