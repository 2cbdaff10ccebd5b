"""Fit the logistic map x <- r x (1 - x) to an observed orbit.

The loss is the mean squared distance between the orbit and the observations; it is differentiated by the
starting point and by the growth rate r. One scalar recurrence: nothing vectorises, so the cost is the
latency of the chain. R. May, "Simple mathematical models with very complicated dynamics", Nature 261 (1976).
r stays below 3.45, where the orbit is periodic: a chaotic orbit has no useful gradient.
"""

import numpy as np

ARGNUMS = (0, 1)
SIZES = [4_000, 8_000, 16_000, 32_000]
REPORT_SIZES = [10_000]


def make(size, rng):
    orbit = 0.65 + 0.2 * rng.standard_normal(size)
    return 0.2 + 0.1 * rng.random(), 3.2 + 0.2 * rng.random(), orbit


def primal(x, r, observed):
    n = observed.shape[0]
    total = 0.0
    for i in range(n):
        x = r * x * (1.0 - x)
        miss = x - observed[i]
        total += miss * miss
    return total / n


def hand(x, r, observed):
    n = observed.shape[0]
    x_tape = np.empty(n + 1)
    x_tape[0] = x
    total = 0.0
    for i in range(n):
        x = r * x * (1.0 - x)
        x_tape[i + 1] = x
        miss = x - observed[i]
        total += miss * miss
    scale = 2.0 / n
    x_bar = 0.0
    r_bar = 0.0
    for i in range(n - 1, -1, -1):
        x_bar += scale * (x_tape[i + 1] - observed[i])
        x = x_tape[i]
        # Only `x_bar` is a recurrence: the partials do not wait for it.
        r_bar += x_bar * (x * (1.0 - x))
        x_bar *= r * (1.0 - 2.0 * x)
    return total / n, (x_bar, r_bar)


def jax_loss(x, r, observed):
    import jax
    import jax.numpy as jnp

    def step(x, _):
        x = r * x * (1.0 - x)
        return x, x

    _, orbit = jax.lax.scan(step, x, None, length=observed.shape[0])
    return jnp.mean((orbit - observed) ** 2)


def torch_loss(x, r, observed):
    import torch

    orbit = []
    for _ in range(observed.shape[0]):
        x = r * x * (1.0 - x)
        orbit.append(x)
    return torch.mean((torch.stack(orbit) - observed) ** 2)


def autograd_loss(x, r, observed):
    total = 0.0
    for i in range(observed.shape[0]):
        x = r * x * (1.0 - x)
        total = total + (x - observed[i]) ** 2
    return total / observed.shape[0]
