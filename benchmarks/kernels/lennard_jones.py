"""Energy of particles under the Lennard-Jones potential, all pairs.

The energy of a pair at distance r is 4 eps (s^12 / r^12 - s^6 / r^6), in reduced units; its gradient by
the positions is minus the force. Differentiated by positions, s and eps, as when a potential is fitted.
The cotangent of every pair energy is known, so the gradient is accumulated in the pass that computes the
energy. J. E. Lennard-Jones, Proc. Phys. Soc. 43 (1931).
"""

import numpy as np

ARGNUMS = (0, 1, 2)
# Doubling the work, not the particles: the work is in the pairs.
SIZES = [128, 181, 256, 362]
REPORT_SIZES = [500]


def make(size, rng):
    side = int(np.ceil(size ** (1 / 3)))
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), -1).reshape(-1, 3)[:size]
    return 1.2 * grid + 0.1 * rng.standard_normal((size, 3)), 1.0 + 0.05 * rng.random(), 0.9


def primal(position, sigma, epsilon):
    n = position.shape[0]
    energy = 0.0
    for i in range(n):
        for j in range(i):
            dx = position[i, 0] - position[j, 0]
            dy = position[i, 1] - position[j, 1]
            dz = position[i, 2] - position[j, 2]
            q = sigma * sigma / (dx * dx + dy * dy + dz * dz)
            s6 = q * q * q
            energy += 4.0 * epsilon * (s6 * s6 - s6)
    return energy


def hand(position, sigma, epsilon):
    n = position.shape[0]
    position_bar = np.zeros((n, 3))
    energy = 0.0
    pairs = 0.0
    q_bar_q = 0.0
    for i in range(n):
        x = position[i, 0]
        y = position[i, 1]
        z = position[i, 2]
        x_bar = 0.0
        y_bar = 0.0
        z_bar = 0.0
        for j in range(i):
            dx = x - position[j, 0]
            dy = y - position[j, 1]
            dz = z - position[j, 2]
            inverse = 1.0 / (dx * dx + dy * dy + dz * dz)
            q = sigma * sigma * inverse
            s6 = q * q * q
            pair = s6 * s6 - s6
            pairs += pair
            # q_bar * q: the division by q and the one by the squared distance are one.
            weight = 12.0 * epsilon * (s6 + s6) * s6 - 12.0 * epsilon * s6
            q_bar_q += weight
            step = -2.0 * weight * inverse
            x_bar += step * dx
            y_bar += step * dy
            z_bar += step * dz
            position_bar[j, 0] -= step * dx
            position_bar[j, 1] -= step * dy
            position_bar[j, 2] -= step * dz
        position_bar[i, 0] += x_bar
        position_bar[i, 1] += y_bar
        position_bar[i, 2] += z_bar
    energy = 4.0 * epsilon * pairs
    return energy, (position_bar, 2.0 * q_bar_q / sigma, 4.0 * pairs)


def jax_loss(position, sigma, epsilon):
    import jax.numpy as jnp

    i, j = np.tril_indices(position.shape[0], -1)
    step = position[i] - position[j]
    q = sigma**2 / jnp.sum(step**2, axis=1)
    s6 = q**3
    return 4.0 * epsilon * jnp.sum(s6 * s6 - s6)


def torch_loss(position, sigma, epsilon):
    import torch

    i, j = torch.tril_indices(position.shape[0], position.shape[0], -1)
    step = position[i] - position[j]
    q = sigma**2 / (step**2).sum(1)
    s6 = q**3
    return 4.0 * epsilon * (s6 * s6 - s6).sum()


def autograd_loss(position, sigma, epsilon):
    import autograd.numpy as anp

    i, j = np.tril_indices(position.shape[0], -1)
    step = position[i] - position[j]
    q = sigma**2 / anp.sum(step**2, axis=1)
    s6 = q**3
    return 4.0 * epsilon * anp.sum(s6 * s6 - s6)
