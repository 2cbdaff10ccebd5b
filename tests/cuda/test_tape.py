"""Tapes of launches: steps in time, ping-pong between two arrays, updates in place."""

import math

import numpy as np
import pytest
from numba import cuda

import srcdiff
from srcdiff.cuda import Tape, emulated, kernel
from srcdiff.errors import AliasError
from tests.cuda.differences import assert_slope
from tests.cuda.primals import heat, saxpy_loss

N, STEPS = 30, 7
random = np.random.default_rng(2)
START, WEIGHTS = random.standard_normal((2, N))


def diffuse(tape, u, c, steps=STEPS):
    step = kernel(heat, retain_seeds=True)  # a tape uses seeds up in any case
    v = np.zeros_like(u)
    for _ in range(steps):
        tape.launch(step[1, 32], u, c, v)
        u, v = v, u
    return u


def final_state(u, c):
    u = u.copy()
    with emulated():
        return diffuse(Tape(), u, c)


def on_cpu(u, c, w):
    u = u.copy()
    v = np.zeros_like(u)
    for _ in range(7):
        v[0] = u[0]
        v[len(u) - 1] = u[len(u) - 1]
        for i in range(1, len(u) - 1):
            v[i] = u[i] + c[0] * (u[i - 1] - 2.0 * u[i] + u[i + 1])
        u[:] = v
    return np.sum(w * u)


def test_ping_pong():
    u, c = START.copy(), np.array([0.2])
    with emulated(), Tape() as tape:
        last = diffuse(tape, u, c)
        tape.backward(last, WEIGHTS)
    # Each step but the last has its input overwritten by the step after the next one.
    assert tape.snapshots == STEPS - 1
    want = srcdiff.grad(on_cpu, argnums=(0, 1))(START, np.array([0.2]), WEIGHTS)
    np.testing.assert_allclose(tape.shadow(u), want[0], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(tape.shadow(c), want[1], rtol=1e-11)
    assert_slope(lambda step: float(np.sum(WEIGHTS * final_state(START, np.array([0.2 + step])))), want[1][0])


def test_loss_at_the_end():
    u, c, loss = START.copy(), np.array([0.2]), np.zeros(1)
    measured = random.standard_normal(N)

    def loss_of(step):
        state = final_state(START, np.array([0.2 + step]))
        return 0.5 * np.sum((state - measured) ** 2)

    with emulated(), Tape() as tape:
        last = diffuse(tape, u, c)
        tape.launch(kernel(saxpy_loss)[1, 32], np.array([-1.0]), measured, last, loss)
        tape.backward(loss)
    assert_slope(loss_of, tape.shadow(c)[0])


def bent(y, scale):
    i = cuda.grid(1)
    if i < y.shape[0]:
        y[i] = math.sin(y[i]) * scale[0]


def test_in_place():
    y, scale = START.copy(), np.array([1.1])
    with emulated(), Tape() as tape:
        for _ in range(3):
            tape.launch(kernel(bent)[1, 32], y, scale)
        tape.backward(y, WEIGHTS)
    assert tape.snapshots == 3

    def moved(step):
        state = START
        for _ in range(3):
            state = np.sin(state) * (1.1 + step)
        return np.sum(WEIGHTS * state)

    assert_slope(moved, tape.shadow(scale)[0])
    slope = np.ones(N)
    state = START
    for _ in range(3):
        slope, state = slope * np.cos(state) * 1.1, np.sin(state) * 1.1
    np.testing.assert_allclose(tape.shadow(y), WEIGHTS * slope, rtol=1e-12)


def test_nothing_is_copied_that_is_not_read():
    def doubled(x, y):
        i = cuda.grid(1)
        if i < x.shape[0]:
            y[i] = 2.0 * x[i]

    u, v = START.copy(), np.zeros(N)
    double = kernel(doubled)
    with emulated(), Tape() as tape:
        for _ in range(4):
            tape.launch(double[1, 32], u, v)
            u, v = v, u
        tape.backward(u, WEIGHTS)
    assert tape.snapshots == 0
    np.testing.assert_allclose(tape.shadow(u), 16 * WEIGHTS)


def test_views_are_refused():
    memory = np.zeros(2 * N)
    with emulated(), pytest.raises(AliasError):
        Tape().launch(kernel(heat)[1, 32], memory[:N], np.ones(1), memory[N - 1 : 2 * N - 1])
