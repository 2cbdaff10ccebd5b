"""Calls from Python: what they cost Python nothing for, and what they must still see."""

from __future__ import annotations

import functools
import gc
import inspect
import math
import os
import pickle
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest

import srcdiff
from srcdiff import DifferentiationError, defvjp, differentiate, grad, hvp, jvp, value_and_grad, vjp
from srcdiff.errors import AliasError, NotDifferentiable

SCALE = 2.0


def square(x):
    return x * x


def total(x, w=1.0):
    s = 0.0
    for i in range(x.size):
        s += w * x[i] * x[i]
    return s


def test_a_call_goes_straight_to_compiled_code():
    """No Python runs between the call and the compiled function, once the types are known."""
    f = value_and_grad(total)
    x = np.array([1.0, 2.0])
    f(x, 3.0)
    seen = []
    sys.setprofile(
        lambda frame, event, arg: seen.append(frame.f_code.co_filename) if event == "call" else None
    )
    try:
        value, slope = f(x, 3.0)
    finally:
        sys.setprofile(None)
    assert (value, slope.tolist()) == (15.0, [6.0, 12.0])
    assert not [file for file in seen if file.startswith(str(Path(srcdiff.__file__).parent))]


def test_each_type_has_its_own_code():
    f = grad(square)
    assert [f(2.0), f(np.float64(3.0)), f(np.float32(2.0))] == [4.0, 6.0, 4.0]
    for wrong in (2, True, np.int32(2)):
        with pytest.raises(NotDifferentiable):
            f(wrong)
    assert f(2.0) == 4.0
    by_array = grad(total)
    assert by_array(np.ones(2)).dtype == np.float64
    assert by_array(np.ones(2, np.float32), np.float32(1.0)).dtype == np.float32
    with pytest.raises(NotDifferentiable, match="i64"):
        by_array(np.ones(2, np.int64))


def test_masked_arrays_are_refused_also_where_plain_ones_are_known():
    f = value_and_grad(total)
    f(np.ones(2), 1.0)
    with pytest.raises(NotDifferentiable, match="masked"):
        f(np.ma.masked_array([1.0, 2.0], [False, True]), 1.0)


def test_tuples():
    def pair(p, y):
        (a, b), c = p
        return a * b * np.sum(c) * y

    f = value_and_grad(pair)
    c = np.array([1.0, 4.0])
    for _ in range(3):
        value, ((by_a, by_b), by_c) = f(((2.0, 3.0), c), 2.0)
        assert (value, by_a, by_b, by_c.tolist()) == (60.0, 30.0, 20.0, [12.0, 12.0])
        gc.collect()
    assert f(((2.0, 3.0), c), y=2)[0] == f(((2.0, 3.0), np.array([1.0, 0.0, 4.0])[::2]), 2.0)[0] == 60.0
    with pytest.raises(NotDifferentiable, match="i64"):
        f(((2, 3.0), c), 2.0)
    with pytest.raises(NotDifferentiable, match="masked"):
        f(((2.0, 3.0), np.ma.masked_array(c, [False, True])), 2.0)
    with pytest.raises(NotDifferentiable, match="masked"):
        f(p=((2.0, 3.0), np.ma.masked_array(c, [False, True])), y=2.0)


def test_defaults_and_keywords():
    f = value_and_grad(total)
    x = np.array([1.0, 2.0])
    for call in (lambda: f(x), lambda: f(x=x), lambda: f(x, w=1.0), lambda: f(w=1.0, x=x), lambda: f(x, 1.0)):
        for _ in range(2):
            value, slope = call()
            assert (value, slope.tolist()) == (5.0, [2.0, 4.0])
    again = grad(lambda x, y=1.0, z=2.0: x * y * z)
    assert again(3.0, 1.0, 2.0) == 2.0
    again.signature.source.function.__defaults__ = (5.0, 7.0)
    assert [again(3.0), again(3.0, 1.0), again(3.0, z=1.0)] == [35.0, 7.0, 5.0]
    with pytest.raises(TypeError):
        f(x, 1.0, 2.0)
    with pytest.raises(TypeError):
        f(x, v=1.0)
    with pytest.raises(TypeError):
        f()


def test_results_nest_as_they_should():
    f = value_and_grad(lambda x, y: x * y, argnums=(0, 1))
    assert [f(2.0, 3.0) for _ in range(2)] == [(6.0, (3.0, 2.0))] * 2
    assert value_and_grad(lambda x, y: x * y, argnums=(1,))(2.0, 3.0) == (6.0, (2.0,))
    assert grad(lambda x, y: x * y, argnums=[1])(2.0, 3.0) == (2.0,)

    @differentiate
    def several(x):
        return x, (x * x, (x * x * x,))

    assert several(2.0) == (2.0, (4.0, (8.0,)))
    assert several.jacobian(2.0) == (1.0, (4.0, (12.0,)))


def test_captured_values_are_seen_by_each_call(monkeypatch):
    scale, data = 3.0, np.array([1.0, 2.0])
    f = value_and_grad(lambda x: SCALE * scale * np.sum(data * x))
    x = np.ones(2)
    for _ in range(3):
        assert f(x)[0] == 18.0
    data = np.array([1.0, 1.0])
    assert f(x)[0] == 12.0
    scale = 1.0
    assert f(x)[0] == 4.0
    scale = 1  # another type
    assert f(x)[0] == 4.0
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    assert f(x)[0] == 10.0
    assert f(x=x)[0] == 10.0
    with pytest.raises(TypeError, match="without x"):
        f()
    with pytest.raises(TypeError, match="takes 1"):
        f(x, x)


def helper(x):
    return x * x


def with_helper(x):
    return helper(x) + x


def test_replaced_functions_are_seen_by_each_call(monkeypatch):
    f = grad(with_helper)
    assert [f(2.0), f(2.0)] == [5.0, 5.0]
    kept = helper
    monkeypatch.setitem(globals(), "helper", math.exp)
    assert [f(0.0), f(0.0)] == [2.0, 2.0]
    monkeypatch.setitem(globals(), "helper", kept)
    assert [f(2.0), f(2.0), f(np.float32(2.0)), f(2.0)] == [5.0] * 4


def test_a_type_without_captured_values_beside_one_with():
    def chosen(x, n=None):
        return x * x if n is None else SCALE * x

    f = grad(chosen)
    assert [f(3.0), f(3.0, 1), f(3.0), f(3.0, 1), f(3.0, None)] == [6.0, 2.0, 6.0, 2.0, 6.0]


def test_many_threads():
    f = value_and_grad(lambda x, k: np.sum(x**3) * k)
    x = np.arange(4.0)
    found: list[object] = []

    def work(k):
        for _ in range(200):
            value, slope = f(x, k)
            if value != k * 36.0 or not np.array_equal(slope, 3.0 * k * x * x):
                found.append((k, value, slope))

    threads = [threading.Thread(target=work, args=(k,)) for k in (1.0, 2, np.float32(3.0), 4.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not found


def test_rules_that_are_given_while_another_thread_makes_a_derivative(monkeypatch):
    """What it makes by the old rules is not kept."""

    def f(x):
        return x * x

    slope, made = grad(f), threading.Event()
    make = type(slope.full).make_program

    def slowly(*args):
        program = make(*args)
        made.set()
        time.sleep(0.1)
        return program

    monkeypatch.setattr(type(slope.full), "make_program", slowly)
    thread = threading.Thread(target=slope, args=(2.0,))
    thread.start()
    made.wait()
    defvjp(f, lambda g, ans, x: 100.0 * g)
    thread.join()
    assert slope(2.0) == 100.0


def test_what_objects_look_like():
    @differentiate
    def f(x, y=2.0):
        return x * y

    assert callable(f) and callable(f.grad)
    assert repr(f.grad) == "<grad of f by 0>"
    assert f(2.0) == 4.0
    assert list(map(f.grad, [1.0, 2.0])) == [2.0, 2.0]
    assert functools.partial(f.grad, y=3.0)(1.0) == 3.0
    assert hvp(square)(2.0, 1.0) == 2.0


def run(program: str, **changes: str) -> str:
    path = os.pathsep.join([str(Path(srcdiff.__file__).parents[1]), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path, **changes},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_compiling(tmp_path):
    program = """\
import numba, numpy as np
from numpy import sin
from srcdiff import differentiate

@differentiate
def f(x, y=2.0):
    return x * x * y

@numba.njit
def use(x):
    return f.grad(x), f.value_and_grad(x, 3.0), f(x)

k = 3.0
g = differentiate(lambda x: k * x)
print(f.grad(2.0), f.grad(2.0, y=1.0), use(2.0), g.grad(1.0), f.hessian(1.0))

@differentiate
def typed_by_numba(x, a):
    return x * np.searchsorted(a, 0.3)

print(typed_by_numba.grad(2.0, np.array([0.1, 0.2])))
"""
    (tmp_path / "program.py").write_text(program)
    printed = run(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import program", NUMBA_DISABLE_JIT="1")
    assert printed == "8.0 4.0 (8.0, (12.0, 12.0), 8.0) 3.0 4.0\n2.0\n"


def test_numba_leaves_the_objects_alone():
    """They are no functions to Numba's tools, but dispatchers of their own."""
    assert not isinstance(grad(square), numba.core.registry.CPUDispatcher)


# ---------------------------------------------------------------------------- structures and directions


class Layer(NamedTuple):
    scale: Any
    bias: Any


def layers(p, x):
    return np.sum(p["a"].scale * x * p["b"][0] + p["a"].bias) + p["b"][1]


def test_each_structure_has_its_own_way():
    """Calls after the first one open what they are given in generated code, and see when it is something else."""
    f = value_and_grad(layers)
    x = np.array([1.0, 2.0])

    def given(scale, bias, w, extra):
        return {"a": Layer(scale, bias), "b": [w, extra]}

    cases = [
        given(2.0, 3.0, x, 1.0),
        given(2.0, 3.0, x, 5.0),
        given(x, 3.0, x, 1.0),
        given(np.float32(2.0), x.astype(np.float32), x, np.float32(1.0)),
        {"b": (x, 1.0), "a": Layer(2.0, 3.0)},
        {"a": Layer(2.0, 3.0), "b": [x, 1.0], "c": None},
    ]
    for _ in range(3):
        for p in cases:
            value, slope = f(p, x)
            scale, (w, extra) = np.asarray(p["a"].scale, float), p["b"]
            assert value == pytest.approx(np.sum(scale * x * w + p["a"].bias) + extra)
            assert list(slope) == list(p) and type(slope["a"]) is Layer and type(slope["b"]) is type(p["b"])
            np.testing.assert_allclose(slope["a"].scale, x * w if np.ndim(scale) else np.sum(x * w))
            np.testing.assert_allclose(slope["b"][0], scale * x)
            assert slope["b"][1] == 1.0
            assert np.asarray(slope["a"].bias).dtype == np.asarray(p["a"].bias).dtype
    assert len(f.passes) <= 8
    with pytest.raises(NotDifferentiable, match="masked"):
        f(given(np.ma.array(x, mask=[True, False]), 3.0, x, 1.0), x)
    with pytest.raises(NotDifferentiable, match="only floats"):
        f(given(2, 3.0, x, 1.0), x)
    with pytest.raises((KeyError, DifferentiationError)):
        f({"a": Layer(2.0, 3.0)}, x)


def test_what_is_known_in_a_structure_is_seen_by_each_call():
    f = grad(lambda p, x: p["scale"] * x if p["kind"] == "linear" else p["scale"] * x**2, "x")
    for _ in range(2):
        assert f({"kind": "linear", "scale": 3.0}, 2.0) == 3.0
        assert f({"kind": "square", "scale": 3.0}, 2.0) == 12.0


def test_arrays_in_a_structure_that_are_written_must_be_apart():
    def fill(p, x):
        p["out"][0] = x[0] * p["w"]
        return p["out"][0] + x[0]

    f = grad(fill, "x")
    x, out = np.array([2.0, 1.0]), np.zeros(2)
    for _ in range(2):
        np.testing.assert_allclose(f({"out": out, "w": 3.0}, x), [4.0, 0.0])
        with pytest.raises(AliasError):
            f({"out": x, "w": 3.0}, x)


def test_a_direction_goes_straight_to_compiled_code():
    def f(x, y):
        return x[0] ** 2 * y

    x, v = np.array([3.0, 1.0]), np.array([1.0, 0.0])
    product = hvp(f)
    np.testing.assert_allclose(product(x, 2.0, v), [4.0, 0.0])
    assert product.__call__ is product.dispatcher
    for like in ([1.0, 0.0], np.array([1, 0]), v.astype(np.float32), np.array([1.0, 9.0, 0.0])[::2]):
        np.testing.assert_allclose(product(x, 2.0, like), [4.0, 0.0])
    for wrong in (np.ones(3), 1.0):
        with pytest.raises(ValueError, match="shape"):
            product(x, 2.0, wrong)
    both = hvp(f, ("x", "y"))
    for vectors in ((v, 0.0), [v, 0.0], (v, 0)):
        np.testing.assert_allclose(both(x, 2.0, vectors)[0], [4.0, 0.0])
    assert jvp(f, (x, 2.0), (v, None)) == (18.0, 12.0) == jvp(f, (x, 2.0), ([1, 0], None))


def test_a_direction_passes_on_what_is_captured():
    scale = np.array([1.0, 2.0])

    def f(p, y=1.0):
        return np.sum(scale * p["w"] ** 3) * y

    p, v = {"w": np.array([1.0, 2.0])}, {"w": np.array([1.0, 0.0])}
    product = hvp(f)
    for _ in range(2):
        np.testing.assert_allclose(product(p, 2.0, v)["w"], [12.0, 0.0])
        np.testing.assert_allclose(product(p, v)["w"], [6.0, 0.0])
    assert inspect.unwrap(product.__call__) is product.passes[0].call
    seen = []
    sys.setprofile(lambda frame, event, arg: seen.append(frame.f_code.co_name) if event == "call" else None)
    try:
        product(p, 2.0, v)
    finally:
        sys.setprofile(None)
    assert "specs" not in seen
    for like in ([1.0, 0.0], np.array([1, 0]), np.float32([1.0, 0.0]), np.array([1.0, 9.0, 0.0])[::2]):
        np.testing.assert_allclose(product(p, 2.0, {"w": like})["w"], [12.0, 0.0])
    for wrong in (np.ones(3), 1.0):
        with pytest.raises(ValueError, match="shape"):
            product(p, 2.0, {"w": wrong})
    for wrong in (np.ma.masked_array(v["w"], [True, False]), v["w"] + 0j):
        with pytest.raises(TypeError):
            product(p, 2.0, {"w": wrong})
    scale = np.array([0.0, 1.0])
    np.testing.assert_allclose(product(p, 2.0, v)["w"], [0.0, 0.0])


def test_a_function_is_read_once_by_jvp_and_vjp():
    def f(x):
        return x * x

    assert jvp(f, (3.0,), (1.0,)) == (9.0, 6.0)
    f.__code__ = (lambda x: x * x * x).__code__
    assert jvp(f, (3.0,), (1.0,)) == (27.0, 27.0)
    assert vjp(f, 3.0)[1](1.0) == (27.0,)


def calls_reloaded(x):
    return reloaded(x) + x


def reloaded(x):
    return x * x


def test_a_function_that_is_called_is_given_other_code(monkeypatch):
    """As tools do that load a module again."""
    square, slope, within = reloaded.__code__, grad(calls_reloaded), grad(lambda x: calls_reloaded(x))
    for code, wanted in ((square, 7.0), ((lambda x: x * x * x).__code__, 28.0), (square, 7.0)):
        monkeypatch.setattr(reloaded, "__code__", code)
        for _ in range(2):
            assert slope(3.0) == within(3.0) == wanted
            assert jvp(calls_reloaded, (3.0,), (1.0,))[1] == vjp(calls_reloaded, 3.0)[1](1.0)[0] == wanted


def test_a_function_is_given_other_defaults():
    def f(x, scale=2.0):
        return scale * x

    assert jvp(f, (3.0,), (1.0,)) == (6.0, 2.0)
    f.__defaults__ = (5.0,)
    assert jvp(f, (3.0,), (1.0,)) == (15.0, 5.0)
    assert vjp(f, 3.0)[1](1.0) == (5.0, 3.0)
    f.__defaults__ = None
    with pytest.raises(TypeError, match="without scale"):
        jvp(f, (3.0,), (1.0,))


@pytest.mark.parametrize("made", [lambda f: f, differentiate])
def test_what_is_known_may_change_between_directions(made):
    """The closure's structure gets other parts, its numbers become integers, its function is another one."""
    captured: Any = None

    def f(x):
        return captured["act"](captured["w"][0] * x) + captured["w"][1] * x * x

    of = made(f)
    acts = ((lambda x: x, 1.0), (lambda x: x * x * x, 12.0))
    for act, slope in (*acts, *acts):
        for w in ((1.0, 2.0), (1, 3), (1.0, 2.0, 5.0), (np.float32(1.0), 3), (1.0, 3.0)):
            captured = {"act": act, "w": w, "unused": None}
            wanted = slope + 4.0 * w[1]
            for _ in range(2):
                assert jvp(of, (2.0,), (1.0,))[1] == wanted
                assert vjp(of, 2.0)[1](1.0) == (wanted,)


def scaled(X, x):
    return x * np.sum(X)


@pytest.mark.parametrize("bound", [False, True])
def test_jvp_and_vjp_keep_nothing_alive(bound):
    """What was made of a function lives as long as that, and so does what it captures."""

    def called():
        X = np.ones(1000)
        f = functools.partial(scaled, X) if bound else lambda x: x * np.sum(X)
        for _ in range(2):
            assert jvp(f, (2.0,), (1.0,)) == (2000.0, 1000.0)
            assert vjp(f, 2.0)[1](1.0) == (1000.0,)
        made = srcdiff.differentiable.kept_differentiable(f)
        assert made is srcdiff.differentiable.kept_differentiable(f)
        return [weakref.ref(thing) for thing in (f, X, made)]

    alive = called()
    gc.collect()
    assert [thing() for thing in alive] == [None] * 3


def test_what_was_made_of_a_function_is_that_of_no_other():
    """`functools.wraps` and `pickle` take attributes along."""

    def f(x):
        return x * x

    assert jvp(f, (3.0,), (1.0,)) == (9.0, 6.0)

    @functools.wraps(f)
    def other(x):
        return x * x * x

    del other.__wrapped__
    assert jvp(other, (3.0,), (1.0,)) == (27.0, 27.0)
    bound = functools.partial(product, 2.0)
    assert jvp(bound, (3.0,), (1.0,)) == (6.0, 2.0)
    assert jvp(pickle.loads(pickle.dumps(bound)), (3.0,), (1.0,)) == (6.0, 2.0)


def product(a, x):
    return a * x


def test_directions_of_a_partial_are_those_of_its_free_parameters():
    bound = functools.partial(product, 2.0)
    assert vjp(bound, 3.0)[1](1.0) == (2.0,)
    by_name = functools.partial(product, x=2.0)
    assert jvp(by_name, (3.0,), (1.0,)) == (6.0, 2.0)
    assert vjp(by_name, 3.0)[1](1.0) == (2.0,)
    with pytest.raises(TypeError, match="takes 1 arguments, not 2"):
        jvp(bound, (3.0, 1.0), (1.0, 1.0))
