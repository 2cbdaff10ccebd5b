"""The text without optimisation of functions of whole arrays: compared, and compiled by hand.

`pytest tests/golden --update-golden` rewrites the texts.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from srcdiff import differentiate
from tests.golden.texts import entry
from tests.golden_plugin import compare_text, orphans
from tests.programs.table import numbers
from tests.truth import assert_gradient, copied

EXPECTED = Path(__file__).parent / "expected_arrays"


def two_layers(W1, b1, W2, b2, x, t):
    z = W1 @ x + b1
    h = np.tanh(z)
    y = W2 @ h + b2
    return np.sum((y - t) ** 2)


def linear_regression(w, X, y):
    return np.mean((X @ w - y) ** 2)


def softmax_regression(W, X, T):
    z = X @ W
    e = np.exp(z - np.max(z))
    p = e / np.sum(e, axis=1)[:, None]
    return -np.sum(T * np.log(p)) / len(X)


def diffusion_step(u, dt):
    v = u.copy()
    v[1:-1] += dt * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return np.sum(v**2)


LAYERS = (numbers(4, 3), numbers(4), numbers(2, 4), numbers(2), numbers(3), numbers(2, seed=1))
PROGRAMS = [
    (two_layers, LAYERS, (0, 1, 2, 3)),
    (linear_regression, (numbers(3), numbers(5, 3), numbers(5)), (0,)),
    (softmax_regression, (numbers(3, 4), numbers(5, 3), np.eye(4)[[0, 1, 2, 3, 1]]), (0,)),
    (diffusion_step, (numbers(6), 0.1), (0, 1)),
]
ROWS = [pytest.param(*row, id=row[0].__name__) for row in PROGRAMS]


def unoptimised(function: Any, args: tuple[Any, ...], argnums: Any) -> str:
    return differentiate(function, argnums=argnums).gradient_source(*args, optimise=False)


@pytest.mark.parametrize(("function", "args", "argnums"), ROWS)
def test_text(function: Any, args: tuple[Any, ...], argnums: Any, update_golden: bool) -> None:
    first = function.__code__.co_firstlineno
    text = unoptimised(function, args, argnums)
    lines = re.sub(r"(?<= line )\d+", lambda found: f"{int(found[0]) - first:+d}", text)
    compare_text(EXPECTED / f"{function.__name__}.txt", lines, update_golden)


def test_nothing_is_stored_in_vain(update_golden: bool) -> None:
    assert not orphans(EXPECTED, [f"{row[0].__name__}.txt" for row in PROGRAMS], update_golden)


@pytest.mark.parametrize(("function", "args", "argnums"), ROWS)
def test_compiled_by_hand(function: Any, args: tuple[Any, ...], argnums: Any) -> None:
    text = unoptimised(function, args, argnums)
    names: dict[str, Any] = {}
    exec(text, names)
    compiled = numba.njit(error_model="numpy")(names[entry(text, function)])
    assert_gradient(function, copied(args), argnums, value_and_grad=lambda *_, **__: compiled)
