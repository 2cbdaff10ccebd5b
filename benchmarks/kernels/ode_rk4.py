"""Integrate a chain of coupled nonlinear equations with the classical Runge-Kutta method.

y_0' = x_0 - y_0 and y_i' = y_{i-1} (x_i - y_i), from random positive states to time 2 in `steps` steps; the
loss is a weighted sum of the final states, differentiated by the rates x and by the initial states. The
coupling is that of GradBench's `ode` (whose gradient is identically zero at its default sizes) made
nonlinear, so that every rate matters. The adjoint records the state once per step and recomputes the
stages. E. Hairer, S. Norsett, G. Wanner, Solving Ordinary Differential Equations I, II.1.
"""

import numpy as np

ARGNUMS = (0, 1)
SIZES = [(200, 25), (200, 50), (200, 100), (200, 200)]
REPORT_SIZES = [(100, 50), (10_000, 100)]


def make(size, rng):
    n, steps = size
    return 0.5 + rng.random(n), 0.5 + rng.random(n), steps, rng.standard_normal(n)


def primal(x, initial, steps, weight):
    n = x.shape[0]
    h = 2.0 / steps
    half = 0.5 * h
    y = np.empty(n)
    k1 = np.empty(n)
    k2 = np.empty(n)
    k3 = np.empty(n)
    k4 = np.empty(n)
    for i in range(n):
        y[i] = initial[i]
    for _ in range(steps):
        k1[0] = x[0] - y[0]
        for i in range(1, n):
            k1[i] = y[i - 1] * (x[i] - y[i])
        k2[0] = x[0] - (y[0] + half * k1[0])
        for i in range(1, n):
            k2[i] = (y[i - 1] + half * k1[i - 1]) * (x[i] - (y[i] + half * k1[i]))
        k3[0] = x[0] - (y[0] + half * k2[0])
        for i in range(1, n):
            k3[i] = (y[i - 1] + half * k2[i - 1]) * (x[i] - (y[i] + half * k2[i]))
        k4[0] = x[0] - (y[0] + h * k3[0])
        for i in range(1, n):
            k4[i] = (y[i - 1] + h * k3[i - 1]) * (x[i] - (y[i] + h * k3[i]))
        for i in range(n):
            y[i] += h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i])
    total = 0.0
    for i in range(n):
        total += weight[i] * y[i]
    return total


def hand(x, initial, steps, weight):
    n = x.shape[0]
    h = 2.0 / steps
    half = 0.5 * h
    sixth = h / 6.0
    third = h / 3.0
    y_tape = np.empty((steps + 1, n))
    y = y_tape[0]
    for i in range(n):
        y[i] = initial[i]
    for t in range(steps):
        y = y_tape[t]
        y_next = y_tape[t + 1]
        # All four stages in one sweep along the chain: the left neighbours are carried in scalars, which
        # LLVM still vectorises, and nothing but the new state is stored. The first equation has left = 1.
        left1 = 1.0
        left2 = 1.0
        left3 = 1.0
        left4 = 1.0
        for i in range(n):
            p1 = y[i]
            k1 = left1 * (x[i] - p1)
            p2 = p1 + half * k1
            k2 = left2 * (x[i] - p2)
            p3 = p1 + half * k2
            k3 = left3 * (x[i] - p3)
            p4 = p1 + h * k3
            k4 = left4 * (x[i] - p4)
            y_next[i] = p1 + sixth * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
            left1 = p1
            left2 = p2
            left3 = p3
            left4 = p4
    total = 0.0
    y = y_tape[steps]
    y_bar = np.empty(n)
    x_bar = np.zeros(n)
    for i in range(n):
        total += weight[i] * y[i]
    for i in range(n):
        y_bar[i] = weight[i]
    # Stage points one place to the right, so that element i is the left neighbour of equation i.
    y1 = np.ones(n + 1)
    y2 = np.ones(n + 1)
    y3 = np.ones(n + 1)
    y4 = np.ones(n + 1)
    for t in range(steps - 1, -1, -1):
        y = y_tape[t]
        left1 = 1.0
        left2 = 1.0
        left3 = 1.0
        for i in range(n):
            p1 = y[i]
            p2 = p1 + half * (left1 * (x[i] - p1))
            p3 = p1 + half * (left2 * (x[i] - p2))
            p4 = p1 + h * (left3 * (x[i] - p3))
            y1[i + 1] = p1
            y2[i + 1] = p2
            y3[i + 1] = p3
            y4[i + 1] = p4
            left1 = p1
            left2 = p2
            left3 = p3
        # Down the chain, carrying what an equation owes to its left neighbour. Unsigned indices, and each
        # carried scalar renewed before its old value is used: without either, LLVM leaves the loop scalar.
        owed1 = 0.0
        owed2 = 0.0
        owed3 = 0.0
        owed4 = 0.0
        for back in range(n):
            i = np.uint64(n - 1 - back)
            after = np.uint64(n - back)
            out_bar = y_bar[i]
            k4_bar = sixth * out_bar
            received = owed4
            owed4 = k4_bar * (x[i] - y4[after])
            p4_bar = received - k4_bar * y4[i]
            k3_bar = third * out_bar + h * p4_bar
            received = owed3
            owed3 = k3_bar * (x[i] - y3[after])
            p3_bar = received - k3_bar * y3[i]
            k2_bar = third * out_bar + half * p3_bar
            received = owed2
            owed2 = k2_bar * (x[i] - y2[after])
            p2_bar = received - k2_bar * y2[i]
            k1_bar = sixth * out_bar + half * p2_bar
            received = owed1
            owed1 = k1_bar * (x[i] - y1[after])
            p1_bar = received - k1_bar * y1[i]
            y_bar[i] = out_bar + (p4_bar + p3_bar) + (p2_bar + p1_bar)
            x_bar[i] += (k4_bar * y4[i] + k3_bar * y3[i]) + (k2_bar * y2[i] + k1_bar * y1[i])
    return total, (x_bar, y_bar)


def jax_loss(x, initial, steps, weight):
    import jax
    import jax.numpy as jnp

    h = 2.0 / steps

    def slope(y):
        return jnp.concatenate((jnp.ones(1), y[:-1])) * (x - y)

    def step(y, _):
        k1 = slope(y)
        k2 = slope(y + 0.5 * h * k1)
        k3 = slope(y + 0.5 * h * k2)
        k4 = slope(y + h * k3)
        return y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4), None

    y, _ = jax.lax.scan(step, initial, None, length=steps)
    return weight @ y


def torch_loss(x, initial, steps, weight):
    import torch

    h = 2.0 / steps
    one = torch.ones(1, dtype=x.dtype)

    def slope(y):
        return torch.cat((one, y[:-1])) * (x - y)

    y = initial
    for _ in range(steps):
        k1 = slope(y)
        k2 = slope(y + 0.5 * h * k1)
        k3 = slope(y + 0.5 * h * k2)
        k4 = slope(y + h * k3)
        y = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return weight @ y


def autograd_loss(x, initial, steps, weight):
    import autograd.numpy as np

    h = 2.0 / steps

    def slope(y):
        return np.concatenate((np.ones(1), y[:-1])) * (x - y)

    y = initial
    for _ in range(steps):
        k1 = slope(y)
        k2 = slope(y + 0.5 * h * k1)
        k3 = slope(y + 0.5 * h * k2)
        k4 = slope(y + h * k3)
        y = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return np.dot(weight, y)
