"""Bodies under their gravity, leapfrog steps, and the energies along the way.

P. Mocz, "Create your own N-body simulation (with Python)", 2020.
"""

import math

import numpy as np

ARGNUMS = (0, 1, 2)
SMALL = (4, 3)
SIZES = [(16, 10), (16, 20), (16, 40), (16, 80)]
REPORT_SIZES = [(40, 50)]


def make(size, rng):
    n, steps = size
    velocity = rng.standard_normal((n, 3))
    mass = 20.0 * (1.0 + rng.random(n)) / n
    return (
        mass,
        rng.standard_normal((n, 3)),
        velocity,
        steps,
        0.01,
        1.0,
        0.1,
        rng.standard_normal((2, steps + 1)),
    )


def acceleration_of(pos, mass, g, softening):
    x = pos[:, 0:1]
    y = pos[:, 1:2]
    z = pos[:, 2:3]
    dx = x.T - x
    dy = y.T - y
    dz = z.T - z
    inv_r3 = dx**2 + dy**2 + dz**2 + softening**2
    inv_r3 = inv_r3 ** (-1.5)
    ax = g * (dx * inv_r3) @ mass
    ay = g * (dy * inv_r3) @ mass
    az = g * (dz * inv_r3) @ mass
    return np.stack((ax, ay, az), axis=1)


def energy_of(pos, vel, mass, g):
    kinetic = 0.5 * np.sum(np.sum(mass[:, np.newaxis] * vel**2))
    x = pos[:, 0:1]
    y = pos[:, 1:2]
    z = pos[:, 2:3]
    dx = x.T - x
    dy = y.T - y
    dz = z.T - z
    r2 = dx**2 + dy**2 + dz**2
    inv_r = np.where(r2 > 0, 1.0 / np.sqrt(np.where(r2 > 0, r2, 1.0)), 0.0)
    potential = g * np.sum(np.sum(np.triu(-np.outer(mass, mass) * inv_r, 1)))
    return kinetic, potential


def slices(mass, pos, vel, steps, dt, g, softening, weight):
    vel -= np.mean(mass[:, np.newaxis] * vel, axis=0) / np.mean(mass)
    acc = acceleration_of(pos, mass, g, softening)
    kinetic = np.empty(steps + 1)
    potential = np.empty(steps + 1)
    kinetic[0], potential[0] = energy_of(pos, vel, mass, g)
    for i in range(steps):
        vel += acc * dt / 2.0
        pos += vel * dt
        acc[:] = acceleration_of(pos, mass, g, softening)
        vel += acc * dt / 2.0
        kinetic[i + 1], potential[i + 1] = energy_of(pos, vel, mass, g)
    return np.sum(weight[0] * kinetic) + np.sum(weight[1] * potential)


def accelerate(pos, mass, g, softening, acc):
    n = pos.shape[0]
    for i in range(n):
        ax = 0.0
        ay = 0.0
        az = 0.0
        for j in range(n):
            dx = pos[j, 0] - pos[i, 0]
            dy = pos[j, 1] - pos[i, 1]
            dz = pos[j, 2] - pos[i, 2]
            inv_r3 = (dx * dx + dy * dy + dz * dz + softening * softening) ** -1.5
            ax += g * mass[j] * dx * inv_r3
            ay += g * mass[j] * dy * inv_r3
            az += g * mass[j] * dz * inv_r3
        acc[i, 0] = ax
        acc[i, 1] = ay
        acc[i, 2] = az


def weighted_energy(pos, vel, mass, g, weight_kinetic, weight_potential):
    n = pos.shape[0]
    kinetic = 0.0
    potential = 0.0
    for i in range(n):
        kinetic += 0.5 * mass[i] * (vel[i, 0] ** 2 + vel[i, 1] ** 2 + vel[i, 2] ** 2)
        for j in range(i + 1, n):
            dx = pos[j, 0] - pos[i, 0]
            dy = pos[j, 1] - pos[i, 1]
            dz = pos[j, 2] - pos[i, 2]
            potential -= g * mass[i] * mass[j] / math.sqrt(dx * dx + dy * dy + dz * dz)
    return weight_kinetic * kinetic + weight_potential * potential


def loops(mass, pos, vel, steps, dt, g, softening, weight):
    n = pos.shape[0]
    total_mass = 0.0
    for i in range(n):
        total_mass += mass[i]
    for k in range(3):
        momentum = 0.0
        for i in range(n):
            momentum += mass[i] * vel[i, k]
        for i in range(n):
            vel[i, k] -= momentum / total_mass
    acc = np.empty((n, 3))
    accelerate(pos, mass, g, softening, acc)
    total = weighted_energy(pos, vel, mass, g, weight[0, 0], weight[1, 0])
    for t in range(steps):
        for i in range(n):
            for k in range(3):
                vel[i, k] += 0.5 * dt * acc[i, k]
                pos[i, k] += dt * vel[i, k]
        accelerate(pos, mass, g, softening, acc)
        for i in range(n):
            for k in range(3):
                vel[i, k] += 0.5 * dt * acc[i, k]
        total += weighted_energy(pos, vel, mass, g, weight[0, t + 1], weight[1, t + 1])
    return total


def jax_loss(mass, pos, vel, steps, dt, g, softening, weight):
    import jax
    import jax.numpy as jnp

    rows, columns = np.triu_indices(mass.size, 1)

    def acceleration(pos):
        d = pos[None] - pos[:, None]
        inv_r3 = (jnp.sum(d * d, 2) + softening**2) ** -1.5
        return g * jnp.einsum("ijk,ij,j->ik", d, inv_r3, mass)

    def weighted_energy(pos, vel, weight):
        d = pos[rows] - pos[columns]
        potential = -g * jnp.sum(mass[rows] * mass[columns] / jnp.sqrt(jnp.sum(d * d, 1)))
        return weight[0] * 0.5 * jnp.sum(mass[:, None] * vel**2) + weight[1] * potential

    def step(state, weight):
        pos, vel, acc = state
        vel = vel + 0.5 * dt * acc
        pos = pos + dt * vel
        acc = acceleration(pos)
        vel = vel + 0.5 * dt * acc
        return (pos, vel, acc), weighted_energy(pos, vel, weight)

    vel = vel - mass @ vel / jnp.sum(mass)
    first = weighted_energy(pos, vel, weight[:, 0])
    _, rest = jax.lax.scan(step, (pos, vel, acceleration(pos)), weight[:, 1:].T)
    return first + jnp.sum(rest)
