"""Trips made again in the reverse sweep, and recorded states, also where they would not be chosen."""

from __future__ import annotations

import math
import types
from typing import Any

import numpy as np
import pytest

from srcdiff import pipeline
from srcdiff.ir.core import Function
from srcdiff.ir.verify import verify
from srcdiff.optimise.estimate import CHEAP
from srcdiff.optimise.replay import replay_trips, stepping_loops
from srcdiff.optimise.residuals import settled
from tests.programs import PROGRAMS
from tests.programs.table import numbers
from tests.sampling import sampled
from tests.truth import assert_gradient


def every_trip_again(function: Function) -> Function:
    """Place residuals with all trips replayed that can be, and states recorded."""
    for token in stepping_loops(function):
        replayed = replay_trips(function, token)
        if replayed is not None:
            verify(replayed, f"replay {token}", ideal=True)
            function = replayed
    placed = settled(function, states=True, cheap=CHEAP).function
    verify(placed, "residuals")
    return placed


def reaction_diffusion(u, v, rate, steps):
    n = len(u)
    du = np.empty(n)
    dv = np.empty(n)
    for _ in range(steps):
        for i in range(n):
            left = u[i - 1] if i > 0 else u[n - 1]
            right = u[i + 1] if i < n - 1 else u[0]
            reaction = u[i] * v[i] * v[i]
            du[i] = 0.3 * (left - 2.0 * u[i] + right) - reaction + rate * (1.0 - u[i])
            dv[i] = reaction - (rate + 0.1) * v[i]
        for i in range(n):
            u[i] += 0.5 * du[i]
            v[i] += 0.5 * dv[i]
    s = 0.0
    for i in range(n):
        s += (i + 1) * u[i] * v[i]
    return s


def leapfrog(q, p, steps):
    n = len(q)
    for _ in range(steps):
        for i in range(n):
            p[i] -= 0.05 * np.sin(q[i])
        for i in range(n):
            q[i] += 0.1 * p[i] / np.sqrt(1.0 + p[i] * p[i])
        for i in range(1, n):
            p[i] -= 0.05 * np.sin(q[i] - q[i - 1])
    s = 0.0
    for i in range(n):
        s += q[i] * p[i] * (i + 1)
    return s


def two_stage(x, y, steps):
    n = len(x)
    k = np.empty(n)
    m = np.empty(n)
    for step in range(3, 3 + 2 * steps, 2):
        h = 0.1 / step
        k[0] = x[0] - y[0]
        for i in range(1, n):
            k[i] = y[i - 1] * (x[i] - y[i])
        m[0] = x[0] - (y[0] + h * k[0])
        for i in range(1, n):
            m[i] = (y[i - 1] + h * k[i - 1]) * (x[i] - (y[i] + h * k[i]))
        for i in range(n):
            y[i] += 0.5 * h * (k[i] + m[i])
    s = 0.0
    for i in range(n):
        s += (i + 1) * y[i]
    return s


def old_left_neighbour(u, nu, steps):
    n = len(u)
    for _ in range(steps):
        left = u[0]
        for i in range(1, n - 1):
            here = u[i]
            u[i] = here - 0.2 * here * (here - left) + nu * (u[i + 1] - 2.0 * here + left)
            left = here
    s = 0.0
    for i in range(n):
        s += (i + 1) * u[i] * u[i]
    return s


def old_right_neighbour_downwards(u, nu, steps):
    n = len(u)
    for _ in range(steps):
        right = u[n - 1]
        for i in range(n - 2, 0, -1):
            here = u[i]
            u[i] = here - 0.2 * here * (right - here) + nu * (right - 2.0 * here + u[i - 1])
            right = here
    s = 0.0
    for i in range(n):
        s += (i + 1) * u[i] * u[i]
    return s


def grid_stepped(a, steps):
    n, m = a.shape
    b = np.empty((n, m))
    for _ in range(steps):
        for i in range(n):
            for j in range(m):
                b[i, j] = a[i, j] * a[i, j] * 0.3
        for i in range(1, n):
            for j in range(m):
                a[i, j] += b[i - 1, j] * a[i, j] * b[i, j]
    s = 0.0
    for i in range(n):
        for j in range(m):
            s += (i + 2 * j + 1) * a[i, j]
    return s


def steps_in_steps(y, outer, inner):
    n = len(y)
    k = np.empty(n)
    for _ in range(outer):
        for _ in range(inner):
            for i in range(n):
                k[i] = np.sin(y[i])
            for i in range(1, n):
                y[i] += 0.1 * k[i] * k[i - 1] * y[i]
        for i in range(n):
            y[i] = y[i] * np.cos(y[i])
    s = 0.0
    for i in range(n):
        s += (i + 1) * y[i]
    return s


def draws_in_steps(y, weights, steps):
    n = len(y)
    k = np.empty(n)
    for _ in range(steps):
        pivot = int(np.argmax(weights))
        for i in range(n):
            k[i] = y[i] * y[pivot] * weights[i]
        for i in range(n):
            y[i] += 0.1 * k[i] * k[i]
    return y[0] * y[1]


U, V = numbers(6, seed=1), numbers(6, seed=2)
STEPPED: list[tuple[Any, tuple[Any, ...], Any]] = [
    (reaction_diffusion, (U, V, 0.2, 3), (0, 1, 2)),
    (reaction_diffusion, (U, V, 0.2, 0), (0, 1, 2)),
    (leapfrog, (U, V, 4), (0, 1)),
    (leapfrog, (U[:1], V[:1], 2), (0, 1)),
    (two_stage, (U, V, 3), (0, 1)),
    (two_stage, (U[:1], V[:1], 3), (0, 1)),
    (old_left_neighbour, (U, 0.2, 3), (0, 1)),
    (old_left_neighbour, (U[:2], 0.2, 3), (0, 1)),
    (old_right_neighbour_downwards, (U, 0.2, 3), (0, 1)),
    (grid_stepped, (numbers(4, 3, seed=3), 3), 0),
    (steps_in_steps, (U, 2, 3), 0),
    (draws_in_steps, (U, np.abs(V), 3), 0),
]
ROWS = [pytest.param(*row, id=f"{row[0].__name__}-{k}") for k, row in enumerate(STEPPED)]
# Programs of the corpus with loops in loops whose values the reverse sweep needs.
NAMES = {
    "reset_and_kept_accumulators",
    "outer_value_changes_inside",
    "triangular",
    "triangular_downward",
    "three_deep",
    "while_in_for",
    "break_inner_only",
    "else_of_nested_loops",
    "multiply_in_loop",
    "burgers_in_place",
    "gauss_seidel",
    "bubble_sort",
    "insertion_sort",
    "buffer_made_every_pass",
    "matrix_product",
    "heat_in_place",
    "cholesky",
    "triangular_solve",
    "gauss_elimination",
    "edit_distance_soft",
    "dynamic_time_warping",
    "two_layer_network",
    "cell_of_three",
    "convolution",
    "nearest_centres",
    "augmented_arrays_in_loop",
    "callee_leaves_early",
    "loop_variable_reused_in_nest",
}
CORPUS = [
    pytest.param(program.function, program.args[0], program.argnums, id=program.name)
    for program in PROGRAMS
    if program.name in NAMES
]


def fresh(function: Any) -> Any:
    """The same function as another object, so that no compiled gradient is known for it."""
    copy = types.FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
    return copy


@pytest.mark.parametrize(("function", "args", "argnums"), ROWS)
def test_as_chosen(inferred_at_least: None, function: Any, args: tuple[Any, ...], argnums: Any) -> None:
    assert_gradient(function, args, argnums)


@pytest.mark.parametrize(("function", "args", "argnums"), sampled(ROWS + CORPUS, 3))
def test_forced(
    inferred_at_least: None,
    monkeypatch: pytest.MonkeyPatch,
    function: Any,
    args: tuple[Any, ...],
    argnums: Any,
) -> None:
    forced = [
        (needed, name, every_trip_again if name == "residuals" else stage)
        for needed, name, stage in pipeline.PLACE
    ]
    assert forced != pipeline.PLACE
    monkeypatch.setattr(pipeline, "PLACE", forced)
    assert_gradient(fresh(function), args, argnums)


def inner_bounds_from_both(x, n):
    s = 0.3
    for i in range(n):
        for j in range(n):
            for _ in range(j, i):
                s = math.tanh(s * x + 1.0)
    return s


def inner_bounds_from_both_the_other_way(x, n):
    s = 0.3
    for i in range(n):
        for j in range(2):
            for _ in range(i, j, -1):
                s = math.tanh(s * x + 1.0)
            s = s * x
    return s


def stops_inside(x, n):
    s = 0.3
    for i in range(n):
        for j in range(n):
            for k in range(j, i):
                s = math.tanh(s * x + 1.0)
                if s > 0.9 and k > 2:
                    break
    return s


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("f", [inner_bounds_from_both, inner_bounds_from_both_the_other_way, stops_inside])
def test_tapes_of_a_trip_that_is_made_again_end_where_that_trip_does(f):
    for n in (0, 1, 2, 3, 6):
        assert_gradient(f, (0.8, n))
