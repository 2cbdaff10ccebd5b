"""Arrays of the surroundings that are written, first met inside loops and branches, in functions and structures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate, jvp, value_and_grad

X = np.array([1.2, 2.6, 3.7])
TABLE, COUNTS = np.zeros(3), np.zeros(5, dtype=np.int64)
ROWS, NAMED = [np.zeros(3), np.zeros((2, 3))], {"a": np.zeros(3)}
pytestmark = pytest.mark.usefixtures("uncompiled")


@dataclass
class Settings:
    buffer: np.ndarray


SETTINGS = Settings(np.zeros(3))
WRITTEN = [TABLE, COUNTS, *ROWS, NAMED["a"], SETTINGS.buffer]


def in_a_loop(x):
    for i in range(3):
        TABLE[i] = x[i] ** 2
    return np.sum(TABLE)


def in_branches(x):
    if x[0] > 0:
        TABLE[:] = x
    else:
        TABLE[:] = 0.0
    return np.sum(TABLE * TABLE)


def in_a_list(x):
    for i in range(3):
        ROWS[0][i] += x[i] * x[0]
        ROWS[1][1, i] = x[i] ** 3
    return ROWS[0][0] * ROWS[0][2] + ROWS[1][1].sum()


def in_a_dict(x):
    i = 0
    while i < 3:
        NAMED["a"][i] += x[i] * x[0]
        i += 1
    return NAMED["a"][1] * x[1]


def in_an_object(x):
    for i in range(3):
        SETTINGS.buffer[i] = x[i] ** 2
    return SETTINGS.buffer.sum()


def through_a_view(x):
    for i in range(2):
        v = TABLE[i : i + 2]
        v += x[i]
    return TABLE[1] * TABLE[0]


def counted(x):
    for i in range(3):
        COUNTS[int(x[i])] += 1
    return COUNTS[1] * x[0]


def put(table, i, x):
    table[i] = 2.0 * x[i]


def put_there(i, x):
    TABLE[i] = 2.0 * x[i]


def by_helpers(x):
    for i in range(2):
        put(TABLE, i, x)
    for i in range(2, 3):
        put_there(i, x)
    return np.sum(TABLE * TABLE)


def by_a_nested_function(x):
    def keep(i):
        TABLE[i] = x[i] * x[i]

    for i in range(3):
        keep(i)
    return TABLE[0] + TABLE[2]


def into_out(x):
    for _ in range(3):
        np.add(TABLE, x, out=TABLE)
    return np.sum(TABLE * x)


def remembered(x):
    s = 0.0
    for i in range(3):
        if TABLE[i] == 0.0:
            TABLE[i] = x[i] * x[i]
        s += TABLE[i]
    return s + TABLE[1]


def deep_inside(x):
    s = 0.0
    for i in range(3):
        for j in range(3):
            if i > j:
                TABLE[j] += x[i] * x[j]
        s += TABLE[0]
    return s * TABLE[1]


def read_in_one_loop_and_written_in_another(x):
    s = 0.0
    for i in range(3):
        s += TABLE[i]
    for i in range(3):
        TABLE[i] = x[i] + s
    for i in range(3):
        s += TABLE[i] * x[i]
    return s


def left_early(x):
    for i in range(3):
        TABLE[i] = x[i] * x[0]
        if x[i] > 2.0:
            return TABLE[i] * TABLE[0]
    return TABLE[0]


FUNCTIONS = [
    in_a_loop, in_branches, in_a_list, in_a_dict, in_an_object, through_a_view, counted, by_helpers,
    by_a_nested_function, into_out, remembered, deep_inside, read_in_one_loop_and_written_in_another, left_early,
]  # fmt: skip


def afresh(f: Callable[..., Any], *args: Any) -> Any:
    for array in WRITTEN:
        array[...] = 0
    return f(*args)


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_written(f: Any) -> None:
    want = afresh(f, X)
    left = [array.copy() for array in WRITTEN]
    step = 1e-6
    slope = [(afresh(f, X + step * e) - afresh(f, X - step * e)) / (2.0 * step) for e in np.eye(3)]
    value, found = afresh(value_and_grad(f), X)
    assert value == pytest.approx(want)
    np.testing.assert_allclose(found, slope, rtol=1e-6, atol=1e-7)
    assert afresh(differentiate(f), X) == pytest.approx(want)
    for array, wanted in zip(WRITTEN, left, strict=True):
        np.testing.assert_allclose(array, wanted, rtol=1e-14)
    if f is not counted:  # integers have no tangent
        _, tangent = afresh(jvp, f, (X,), (np.array([1.0, -0.5, 0.3]),))
        got = tangent[0] if isinstance(tangent, tuple) else tangent
        assert got == pytest.approx(np.dot(slope, [1.0, -0.5, 0.3]), rel=1e-6)
