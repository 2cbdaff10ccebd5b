"""Viscous Burgers equation u_t + u u_x = nu u_xx in one dimension, stepped in place.

Upwind convection, central diffusion, explicit Euler, fixed ends; the old left neighbour is carried in a
scalar because its place has been overwritten. The loss is a weighted squared distance to a target.
Differentiated by the initial state and the viscosity. The stores are not linear, so the states are
recorded: one row per step. J. M. Burgers, Adv. Appl. Mech. 1 (1948).
"""

import numpy as np

ARGNUMS = (0, 1)
SIZES = [(200, 20), (200, 40), (200, 80), (200, 160)]
REPORT_SIZES = [(1_000, 200)]


def make(size, rng):
    n, steps = size
    grid = np.linspace(0.0, 2.0 * np.pi, n)
    u = 1.0 + 0.5 * np.sin(grid) + 0.05 * rng.standard_normal(n)
    return u, 0.2, steps, rng.standard_normal(n), rng.random(n)


def primal(initial, nu, steps, target, weight):
    n = initial.shape[0]
    u = np.empty(n)
    for i in range(n):
        u[i] = initial[i]
    for _ in range(steps):
        left = u[0]
        for i in range(1, n - 1):
            here = u[i]
            right = u[i + 1]
            u[i] = here - 0.2 * here * (here - left) + nu * (right - 2.0 * here + left)
            left = here
    total = 0.0
    for i in range(n):
        miss = u[i] - target[i]
        total += weight[i] * miss * miss
    return total


def hand(initial, nu, steps, target, weight):
    n = initial.shape[0]
    # The states themselves are the tape: row t + 1 is computed from row t, and nothing is copied.
    u_tape = np.empty((steps + 1, n))
    u = u_tape[0]
    for i in range(n):
        u[i] = initial[i]
    for t in range(steps):
        u = u_tape[t]
        u_next = u_tape[t + 1]
        u_next[0] = u[0]
        u_next[n - 1] = u[n - 1]
        for i in range(1, n - 1):
            u_next[i] = u[i] - 0.2 * u[i] * (u[i] - u[i - 1]) + nu * (u[i + 1] - 2.0 * u[i] + u[i - 1])
    u = u_tape[steps]
    # The reverse loops read and write whole arrays of their own: through a row of the tape, or with two
    # buffers swapped at each step, LLVM leaves them scalar, and that costs twice the copies.
    u_now = np.empty(n)
    u_bar = np.empty(n)
    old_bar = np.empty(n)
    total = 0.0
    for i in range(n):
        miss = u[i] - target[i]
        total += weight[i] * miss * miss
        u_bar[i] = 2.0 * weight[i] * miss
    # One partial sum per grid point: a single one would be a chain of additions.
    nu_bar_at = np.zeros(n)
    for back in range(steps):
        u = u_tape[steps - 1 - back]
        for i in range(n):
            u_now[i] = u[i]
        for i in range(1, n - 1):
            nu_bar_at[i] += u_bar[i] * (u_now[i + 1] - 2.0 * u_now[i] + u_now[i - 1])
        # Gathered per element, so that the loop vectorises: from itself, its right and its left neighbour.
        for i in range(2, n - 2):
            old_bar[i] = (
                u_bar[i] * (1.0 - 0.4 * u_now[i] + 0.2 * u_now[i - 1] - 2.0 * nu)
                + u_bar[i + 1] * (0.2 * u_now[i + 1] + nu)
                + u_bar[i - 1] * nu
            )
        i = n - 2
        old_bar[0] = u_bar[0] + u_bar[1] * (0.2 * u_now[1] + nu)
        old_bar[1] = u_bar[1] * (1.0 - 0.4 * u_now[1] + 0.2 * u_now[0] - 2.0 * nu) + u_bar[2] * (
            0.2 * u_now[2] + nu
        )
        old_bar[i] = u_bar[i] * (1.0 - 0.4 * u_now[i] + 0.2 * u_now[i - 1] - 2.0 * nu) + u_bar[i - 1] * nu
        old_bar[i + 1] = u_bar[i + 1] + u_bar[i] * nu
        for i in range(n):
            u_bar[i] = old_bar[i]
    nu_bar = 0.0
    for i in range(n):
        nu_bar += nu_bar_at[i]
    return total, (u_bar, nu_bar)


def jax_loss(initial, nu, steps, target, weight):
    import jax
    import jax.numpy as jnp

    def step(_, u):
        here, left, right = u[1:-1], u[:-2], u[2:]
        inner = here - 0.2 * here * (here - left) + nu * (right - 2.0 * here + left)
        return jnp.concatenate((u[:1], inner, u[-1:]))

    u = jax.lax.fori_loop(0, steps, step, initial)
    return jnp.sum(weight * (u - target) ** 2)


def torch_loss(initial, nu, steps, target, weight):
    import torch

    u = initial
    for _ in range(steps):
        here, left, right = u[1:-1], u[:-2], u[2:]
        inner = here - 0.2 * here * (here - left) + nu * (right - 2.0 * here + left)
        u = torch.cat((u[:1], inner, u[-1:]))
    return (weight * (u - target) ** 2).sum()


def autograd_loss(initial, nu, steps, target, weight):
    import autograd.numpy as np

    u = initial
    for _ in range(steps):
        here, left, right = u[1:-1], u[:-2], u[2:]
        inner = here - 0.2 * here * (here - left) + nu * (right - 2.0 * here + left)
        u = np.concatenate((u[:1], inner, u[-1:]))
    return np.sum(weight * (u - target) ** 2)
