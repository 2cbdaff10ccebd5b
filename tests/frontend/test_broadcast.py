"""What is broadcast is computed once for each of its elements, not for each row."""

from __future__ import annotations

import numpy as np
import pytest

from srcdiff import DifferentiationError, differentiate, grad
from tests.optimise.stages import as_printed
from tests.truth import assert_gradient

RNG = np.random.default_rng(3)


def mixture(x, scales, shares):
    z = x[:, None] / scales - np.log(scales) + np.log(shares)
    return np.sum(np.exp(-z * z))


def row_of_a_matrix(x, scales, shares):
    return np.sum((x[:, None] * shares) ** 2 * np.sqrt(scales[None, :] + 1.0))


def changed_afterwards(x, scales, shares):
    rows = np.tanh(scales) * np.outer(x, shares)
    scales[0] = 5.0
    return np.sum(rows * np.tanh(scales))


def column(x, scales, shares):
    return np.sum(np.exp(x)[:, None] * (scales + shares))


CHANGING = {mixture: "math.log(", row_of_a_matrix: "math.sqrt(", changed_afterwards: "math.tanh("}


@pytest.mark.parametrize("f", [*CHANGING, column])
def test_gradients(f) -> None:
    args = RNG.standard_normal(4), RNG.random(3) + 0.5, RNG.random(3) + 0.5
    assert_gradient(f, args, (0, 1, 2), value_and_grad=as_printed)


@pytest.mark.parametrize("f", CHANGING)
def test_functions_are_not_called_for_each_row(f) -> None:
    args = RNG.standard_normal(4), RNG.random(3) + 0.5, RNG.random(3) + 0.5
    source = differentiate(f).gradient_source(*args)
    lines = [line for line in source.splitlines() if CHANGING[f] in line]
    assert lines
    assert all(line.startswith(" " * 8) and not line.startswith(" " * 12) for line in lines)


def test_no_rows() -> None:
    none = np.zeros(0)
    assert differentiate(mixture)(none, RNG.random(3) + 0.5, RNG.random(3) + 0.5) == 0.0


def into_the_last(b, a):
    c = b * 1.0
    c[-1:] += a
    return np.sum(c * c)


def into_the_first(b, a):
    c = b * 1.0
    c[:1] = a
    return np.sum(c * c)


def into_a_single_row(b, a):
    c = np.zeros((1, len(b)))
    c[:] = a
    return np.sum(c * b)


def into_a_single_column(b, a):
    c = np.zeros((2, len(b)))
    c[:, 1:2] = a
    c[1:2] *= b
    return np.sum(c * b)


def into_one_picked(b, a):
    c = b * 1.0
    c[np.array([1])] += a
    return np.sum(c * c)


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(
    ("f", "fits", "longer"),
    [
        (into_the_last, (1,), (3,)),
        (into_the_first, (1,), (3,)),
        (into_a_single_row, (1, 4), (3, 4)),
        (into_a_single_row, (4,), (2, 4)),
        (into_a_single_column, (2, 1), (2, 3)),
        (into_one_picked, (1,), (2,)),
    ],
)
def test_what_is_stored_into_is_not_repeated(f, fits, longer) -> None:
    b = RNG.standard_normal(4)
    assert_gradient(f, (b, RNG.standard_normal(fits)), (0, 1))
    for call in (f, differentiate(f), grad(f)):
        with pytest.raises(ValueError):
            call(b, RNG.standard_normal(longer))


def test_floats_do_not_change_picked_integers() -> None:
    def f(u, k):
        k[k] *= u[k]
        return np.sum(u * k)

    with pytest.raises(DifferentiationError, match="an array of integers that floats change in place"):
        differentiate(f)(np.array([0.5, 1.5]), np.array([1, 0]))
