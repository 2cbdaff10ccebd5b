"""Arguments that are repeated because they turn out to be of length 1: another program, made when it is asked for."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from numba import njit

from srcdiff import AliasError, defvjp, differentiate, grad, hessian, jacobian, jvp, value_and_grad, vjp
from srcdiff.analysis.length_checks import fails_unwritten, length_checks
from tests.truth import assert_gradient

RNG = np.random.default_rng(7)


def numbers(*shape: int) -> Any:
    return RNG.uniform(0.5, 1.5, shape)


def product(x, b):
    return np.sum(np.sin(x * b))


def normed(x, b):
    y = (x - np.mean(x, axis=0)) / b
    return np.sum(y * y * np.max(x, axis=1, keepdims=True))


def stored(x, b):
    y = np.zeros(x.shape)
    y[:] = b
    y += x * y
    return np.sum(np.where(x > 1.0, y, b) ** 2)


def layers(x, b):
    h = np.tanh(x @ np.ones((x.shape[1], 2)) * b[:, :1] + b[:, 1:3])
    return np.sum(h * h)


def called(x, b):
    return product(x, b) + product(b, x) * b[0, 0]


SHAPES = [
    ((3, 4), (1, 4)),
    ((3, 4), (3, 1)),
    ((3, 4), (1, 1)),
    ((1, 4), (3, 1)),
    ((1, 4), (3, 4)),
    ((1, 1), (1, 1)),
]


@pytest.mark.parametrize(("x", "b"), SHAPES, ids=str)
@pytest.mark.parametrize("f", [product, called])
def test_gradients(uncompiled: None, f: Any, x: Any, b: Any) -> None:
    assert_gradient(f, (numbers(*x), numbers(*b)), (0, 1))


@pytest.mark.parametrize("f", [normed, stored])
@pytest.mark.parametrize("shape", [(1, 4), (3, 1), (1, 1), (3, 4)], ids=str)
def test_gradients_of_what_is_repeated(uncompiled: None, f: Any, shape: Any) -> None:
    assert_gradient(f, (numbers(3, 4), numbers(*shape)), (0, 1))


def test_layers(uncompiled: None) -> None:
    for n in (1, 5):
        assert_gradient(layers, (numbers(5, 4), numbers(n, 3)), (0, 1))


def test_one_object_takes_all_shapes_in_any_order() -> None:
    f = differentiate(product, argnums=(0, 1))
    for x, b in 2 * SHAPES:
        given = numbers(*x), numbers(*b)
        np.testing.assert_allclose(f(*given), product(*given), rtol=1e-12)
        value, (x_bar, b_bar) = f.value_and_grad(*given)
        d = np.cos(given[0] * given[1])
        np.testing.assert_allclose(x_bar, summed(d * given[1], x), rtol=1e-12)
        np.testing.assert_allclose(b_bar, summed(d * given[0], b), rtol=1e-12)
        np.testing.assert_allclose(value, product(*given), rtol=1e-12)


def summed(full: Any, shape: Any) -> Any:
    axes = tuple(k for k, n in enumerate(shape) if n == 1)
    return np.sum(full, axes, keepdims=True)


def beside_two_lengths(x, a):
    w = np.ones(3)
    w += x
    w[1:] += x
    return np.sum(np.ones(4) * x) * np.sum(w * x * a)


def test_one_argument_beside_two_lengths() -> None:
    assert_gradient(beside_two_lengths, (np.array([1.7]), np.array([2.0, 3.0, 4.0])), (0, 1))
    with pytest.raises(ValueError, match="different lengths"):
        value_and_grad(beside_two_lengths)(np.ones(4), np.ones(3))


def test_a_program_for_each_form_only() -> None:
    f = differentiate(product)
    for n in range(2, 6):
        f.grad(numbers(n, 3), numbers(1, 3))
        f.grad(numbers(1, 3), numbers(1, 3))
        f.grad(numbers(n, 3), numbers(n, 3))
    assert len(f.value_and_grad.compiled) == 2


def test_the_text_is_that_of_the_arguments() -> None:
    f = differentiate(product)
    assert "b[0, j]" in f.gradient_source(numbers(3, 4), numbers(1, 4))
    assert "b[i, j]" in f.gradient_source(numbers(3, 4), numbers(3, 4))
    assert "b[i, j]" in f.gradient_source(numbers(1, 4), numbers(1, 4))
    assert "shape" in f.ir(numbers(3, 4), numbers(1, 4))


def test_lengths_that_do_not_fit(uncompiled: None) -> None:
    f = differentiate(product)
    for x, b in (((3, 4), (3, 5)), ((3, 4), (1, 5)), ((2, 1), (3, 4))):
        for call in (f, f.grad):
            with pytest.raises(ValueError, match="different lengths"):
                call(numbers(*x), numbers(*b))


@pytest.mark.parametrize("x", [(3, 2), (1, 2)], ids=str)
def test_other_derivatives(uncompiled: None, x: Any) -> None:
    given = numbers(*x), numbers(3, 1)
    directions = RNG.standard_normal(x), RNG.standard_normal((3, 1))
    _, slope = jvp(product, given, directions)
    owed = vjp(product, *given)[1](1.0)
    assert [part.shape for part in owed] == [x, (3, 1)]
    np.testing.assert_allclose(
        slope, sum(np.sum(a * b) for a, b in zip(owed, directions, strict=True)), rtol=1e-12
    )
    rows = jacobian(lambda x, b: np.sum(np.sin(x * b), axis=0), 1)(*given)
    np.testing.assert_allclose(rows[:, :, 0], (np.cos(given[0] * given[1]) * given[0]).T, rtol=1e-12)
    second = hessian(product, 1)(*given)
    wanted = np.sum(-np.sin(given[0] * given[1]) * given[0] ** 2, axis=1)
    np.testing.assert_allclose(second[:, 0, :, 0], np.diag(wanted), rtol=1e-12)


def test_structures() -> None:
    def loss(params: Any, x: Any) -> Any:
        return np.sum(np.tanh(x @ params["W"] + params["b"]) ** 2)

    params = {"W": numbers(4, 2), "b": np.zeros((1, 2))}
    x = numbers(5, 4)
    both = value_and_grad(loss)
    for _ in range(3):
        value, gradient = both(params, x)
        t = np.tanh(x @ params["W"] + params["b"])
        np.testing.assert_allclose(gradient["b"], np.sum(2 * t * (1 - t * t), 0, keepdims=True), rtol=1e-12)
        np.testing.assert_allclose(value, np.sum(t * t), rtol=1e-12)
    params["b"] = np.zeros((5, 2))
    assert both(params, x)[1]["b"].shape == (5, 2)


def test_captured_arrays_are_read_anew(uncompiled: None) -> None:
    x = numbers(3, 4)
    mean = np.mean(x, axis=0, keepdims=True)
    slope = grad(lambda x: np.sum((x - mean) ** 2))
    np.testing.assert_allclose(slope(x), 2 * (x - mean), rtol=1e-12)
    np.testing.assert_allclose(slope(numbers(1, 4)).shape, (1, 4))
    mean = numbers(3, 4)
    np.testing.assert_allclose(slope(x), 2 * (x - mean), rtol=1e-12)
    mean = numbers(3, 1)
    with pytest.raises(ValueError, match="different lengths"):
        slope(x)


def test_captured_arrays_are_passed_on_without_a_look_at_them() -> None:
    x = numbers(3, 4)
    mean = np.mean(x, axis=0, keepdims=True)
    slope = grad(lambda x: np.sum((x - mean) ** 2))
    slope(x)
    seen = []
    sys.setprofile(lambda frame, event, arg: seen.append(frame.f_code.co_name) if event == "call" else None)
    try:
        found = slope(x)
    finally:
        sys.setprofile(None)
    assert "specs" not in seen
    np.testing.assert_allclose(found, 2 * (x - mean), rtol=1e-12)
    mean = numbers(1, 1)
    np.testing.assert_allclose(slope(x), 2 * (x - mean), rtol=1e-12)


def steepness(x, b):
    return np.sum(grad(product)(x, b) ** 2)


def written_out(x, b):
    return np.sum((np.cos(x * b) * b) ** 2)


def test_inside_another_function(uncompiled: None) -> None:
    given = numbers(3, 4), numbers(1, 4)
    value, parts = value_and_grad(steepness, (0, 1))(*given)
    wanted, wanted_parts = value_and_grad(written_out, (0, 1))(*given)
    np.testing.assert_allclose(value, wanted, rtol=1e-12)
    for part, wanted in zip(parts, wanted_parts, strict=True):
        np.testing.assert_allclose(part, wanted, rtol=1e-12)


def weighted(x, w):
    return x * w


def weighted_sum(x, w):
    return np.sum(weighted(x, w))


def test_rules_of_ones_own(uncompiled: None) -> None:
    defvjp(weighted, lambda g, ans, x, w: g * w * 3.0, None)
    assert np.all(grad(weighted_sum)(numbers(3, 4), np.full((1, 4), 2.0)) == 6.0)


def written(out, x, b):
    out[:] = x * b
    return np.sum(out)


def written_early(out, x, b, c):
    out[0, 0] += 1.0
    for _k in range(2):
        out[:] = out + x * b
    return np.sum(out * c)


def test_arguments_that_are_written() -> None:
    f = differentiate(written, argnums=1)
    for n in (3, 1, 3):
        out, x, b = np.zeros((3, 4)), numbers(3, 4), numbers(n, 4)
        assert f(out, x, b) == pytest.approx(np.sum(x * b))
        np.testing.assert_allclose(out, x * b, rtol=1e-12)
        np.testing.assert_allclose(f.grad(out, x, b), np.ones((3, 1)) * b, rtol=1e-12)
    with pytest.raises(AliasError):
        f(x, x, numbers(1, 4))


def test_what_is_written_is_not_written_twice(uncompiled: None) -> None:
    f = differentiate(written_early)
    for n in (3, 1, 3, 1):
        out, x, b, c = np.zeros((3, 4)), numbers(3, 4), numbers(3, 4), numbers(n, 4)
        wanted = out.copy()
        assert f(out, x, b, c) == pytest.approx(written_early(wanted, x, b, c))
        np.testing.assert_allclose(out, wanted, rtol=1e-12)


def test_compiled_code_knows_no_lengths() -> None:
    slope = differentiate(product).grad

    @njit
    def twice(x, b):
        return slope(x, b) * 2.0

    x, b = numbers(3, 4), numbers(3, 4)
    np.testing.assert_allclose(twice(x, b), 2 * np.cos(x * b) * b, rtol=1e-12)
    with pytest.raises(ValueError, match="different lengths"):
        twice(x, numbers(1, 4))


def test_what_a_program_demands() -> None:
    def f(x, b, c, n):
        return np.sum(x * b) + np.sum(x[:n] * c)

    program = differentiate(f).program_for(numbers(5), numbers(5), numbers(3), 3)
    checks = length_checks(program.function)

    def lengths(*given: int) -> Any:
        return checks.repeated([*map(np.ones, given[:3]), *given[3:]])

    assert lengths(5, 5, 3, 3) == lengths(5, 5, 1, 1) == lengths(1, 1, 1, 1) == {}
    assert lengths(5, 1, 3, 3) == {1: [0]}
    assert lengths(5, 5, 1, 3) == {2: [0]}
    assert lengths(1, 1, 1, 0) == {0: [0], 1: [0], 2: [0]}


def test_what_may_have_been_written_when_a_check_fails() -> None:
    x = numbers(3, 4)
    early, late = (
        differentiate(f).program_for(*[x] * f.__code__.co_argcount).function for f in (written, written_early)
    )
    assert fails_unwritten(early)
    assert not fails_unwritten(late)


def draws_and_prints(x, b):
    r = np.random.rand()
    print("once")
    return np.sum(x * b) * r


def test_what_prints_and_draws_runs_once(capfd: pytest.CaptureFixture[str]) -> None:
    f = differentiate(draws_and_prints)
    x = np.ones(3)
    for b in (x, x[:1], x, x[:1]):
        f(x, b)
        assert capfd.readouterr().out.count("once") == 1
