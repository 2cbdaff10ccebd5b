"""Every row of `rows.py`: values, dtypes and shapes against NumPy's, gradients against differences.

Eight functions are compiled as one program; a weight of each, given at the call, tells whose gradient is computed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from tests.frontend.library.rows import ROWS, Row
from tests.programs.table import numbers
from tests.sampling import sampled
from tests.truth import compare, gradient_by_richardson

SIZE = 8
KINDS = [[row for row in ROWS if row.empty], [row for row in ROWS if not row.empty]]
GROUPS = [rows[k : k + SIZE] for rows in KINDS for k in range(0, len(rows), SIZE)]
ARGUMENTS = (numbers(3, 4, seed=3), numbers(6, seed=4), numbers(4, seed=5), numbers(2, 3, 4, seed=6))
EMPTY = (np.ones((0, 4)), np.ones(0), np.ones(4), np.ones((2, 0, 4)))
EACH = [pytest.param(k, id=f"{rows[0].name} to {rows[-1].name}") for k, rows in enumerate(GROUPS)]


def nothing(m, v, w, t):
    return v


def weighted(y):
    """A number that depends on every element and on its place."""
    return np.sum(np.ravel(y) * np.cos(1.0 + np.arange(np.size(y))))


@functools.cache
def programs(group: int) -> tuple[Any, Any]:
    """The values of the functions of a group, and a weighted sum of them."""
    functions = [row.function for row in GROUPS[group]]
    f0, f1, f2, f3, f4, f5, f6, f7 = functions + [nothing] * (SIZE - len(functions))

    @differentiate
    def values(m, v, w, t):
        return (
            f0(m, v, w, t), f1(m, v, w, t), f2(m, v, w, t), f3(m, v, w, t),
            f4(m, v, w, t), f5(m, v, w, t), f6(m, v, w, t), f7(m, v, w, t),
        )  # fmt: skip

    @differentiate(argnums=(0, 1, 2, 3))
    def loss(m, v, w, t, weights):
        total = 0.0
        total += weights[0] * weighted(f0(m, v, w, t)) + weights[1] * weighted(f1(m, v, w, t))
        total += weights[2] * weighted(f2(m, v, w, t)) + weights[3] * weighted(f3(m, v, w, t))
        total += weights[4] * weighted(f4(m, v, w, t)) + weights[5] * weighted(f5(m, v, w, t))
        total += weights[6] * weighted(f6(m, v, w, t)) + weights[7] * weighted(f7(m, v, w, t))
        return total

    return values, loss


def assert_same(got: Any, want: Any, rtol: float, dtype: bool = True) -> None:
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"shape {got.shape}, should be {want.shape}"
    if dtype:
        assert got.dtype == want.dtype, f"{got.dtype}, should be {want.dtype}"
    np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)


def all_rows(row: Row) -> bool:
    return True


def copies(arrays: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    return tuple(a.copy() for a in arrays)


def assert_each(
    group: int, check: Callable[[int, Row], None], rows: Callable[[Row], bool] = all_rows
) -> None:
    """Every row of a group passes; those that do not are named."""
    failures = []
    for k, row in enumerate(GROUPS[group]):
        if rows(row):
            try:
                check(k, row)
            except AssertionError as error:
                failures.append(f"{row.name}: {error}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("group", sampled(EACH, 2))
def test_values(group: int) -> None:
    results = programs(group)[0](*copies(ARGUMENTS))
    assert_each(group, lambda k, row: assert_same(results[k], row.function(*ARGUMENTS), 1e-12))


def assert_gradients(group: int) -> None:
    loss = programs.__wrapped__(group)[1]  # not one whose text is run in another way

    def check(k: int, row: Row) -> None:
        weights = np.zeros(SIZE)
        weights[k] = 1.0
        got = loss.grad(*copies(ARGUMENTS), weights)
        want, error = gradient_by_richardson(
            lambda m, v, w, t: weighted(row.function(m, v, w, t)), ARGUMENTS, (0, 1, 2, 3)
        )
        compare(got, want, error, 1e-6, 1e-9, row.name)

    assert_each(group, check)


@pytest.mark.parametrize("group", sampled([group for k, group in enumerate(EACH) if k % 4], 2))
def test_gradients_as_printed(group: int, uncompiled: None) -> None:
    assert_gradients(group)


@pytest.mark.parametrize("group", sampled(EACH, 4))
def test_gradients_of_which_numba_finds_the_types(group: int, inferred: None) -> None:
    assert_gradients(group)


@pytest.mark.parametrize("group", EACH[::9])
def test_values_in_single_precision(group: int) -> None:
    single = tuple(a.astype(np.float32) for a in ARGUMENTS)
    results = programs(group)[0](*copies(single))
    assert_each(
        group,
        lambda k, row: assert_same(results[k], row.function(*single), 2e-5, dtype=np.ndim(results[k]) > 0),
        lambda row: row.single,
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("group", [group for group, rows in enumerate(GROUPS) if rows[0].empty])
def test_values_of_arrays_without_elements(group: int) -> None:
    results = programs(group)[0](*copies(EMPTY))
    assert_each(group, lambda k, row: assert_same(results[k], row.function(*EMPTY), 1e-12))


@pytest.mark.parametrize("extreme", [max, min, np.max, np.min], ids=["max", "min", "np.max", "np.min"])
def test_extremes_of_no_elements(extreme: Any) -> None:
    f = differentiate(lambda x: 2.0 * extreme(x))
    value, gradient = f.value_and_grad(np.array([3.0]))
    assert (value, *gradient) == (6.0, 2.0)
    with pytest.raises(ValueError, match="of an empty array"):
        f.value_and_grad(np.empty(0))
