"""Navier-Stokes in a driven cavity: pressure by inner relaxation, then velocity, in time steps.

L. A. Barba and G. F. Forsyth, "CFD Python: the 12 steps to Navier-Stokes equations", JOSE 2 (2019).
"""

import numpy as np

ARGNUMS = (0, 1, 2)
SMALL = (6, 2, 3)
SIZES = [(21, 5, 10), (21, 10, 10), (21, 10, 20), (21, 20, 20)]
REPORT_SIZES = [(61, 25, 10)]


def make(size, rng):
    n, steps, relaxations = size
    h = 2.0 / (n - 1)
    u, v, p = (0.1 * rng.standard_normal((n, n)) for _ in range(3))
    return u, v, p, steps, relaxations, 0.0005, h, 1.0, 0.1, rng.standard_normal((n, n))


def slices(u, v, p, steps, relaxations, dt, h, rho, nu, weight):
    dx = h
    dy = h
    b = np.zeros_like(u)
    for _ in range(steps):
        un = u.copy()
        vn = v.copy()
        b[1:-1, 1:-1] = rho * (
            1 / dt * ((u[1:-1, 2:] - u[1:-1, 0:-2]) / (2 * dx) + (v[2:, 1:-1] - v[0:-2, 1:-1]) / (2 * dy))
            - ((u[1:-1, 2:] - u[1:-1, 0:-2]) / (2 * dx)) ** 2
            - 2 * ((u[2:, 1:-1] - u[0:-2, 1:-1]) / (2 * dy) * (v[1:-1, 2:] - v[1:-1, 0:-2]) / (2 * dx))
            - ((v[2:, 1:-1] - v[0:-2, 1:-1]) / (2 * dy)) ** 2
        )
        for q in range(relaxations):
            pn = p.copy()
            p[1:-1, 1:-1] = (
                (pn[1:-1, 2:] + pn[1:-1, 0:-2]) * dy**2 + (pn[2:, 1:-1] + pn[0:-2, 1:-1]) * dx**2
            ) / (2 * (dx**2 + dy**2)) - dx**2 * dy**2 / (2 * (dx**2 + dy**2)) * b[1:-1, 1:-1]
            p[:, -1] = p[:, -2]
            p[0, :] = p[1, :]
            p[:, 0] = p[:, 1]
            p[-1, :] = 0
        u[1:-1, 1:-1] = (
            un[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (un[1:-1, 1:-1] - un[1:-1, 0:-2])
            - vn[1:-1, 1:-1] * dt / dy * (un[1:-1, 1:-1] - un[0:-2, 1:-1])
            - dt / (2 * rho * dx) * (p[1:-1, 2:] - p[1:-1, 0:-2])
            + nu * (dt / dx**2 * (un[1:-1, 2:] - 2 * un[1:-1, 1:-1] + un[1:-1, 0:-2])
                    + dt / dy**2 * (un[2:, 1:-1] - 2 * un[1:-1, 1:-1] + un[0:-2, 1:-1]))
        )  # fmt: skip
        v[1:-1, 1:-1] = (
            vn[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (vn[1:-1, 1:-1] - vn[1:-1, 0:-2])
            - vn[1:-1, 1:-1] * dt / dy * (vn[1:-1, 1:-1] - vn[0:-2, 1:-1])
            - dt / (2 * rho * dy) * (p[2:, 1:-1] - p[0:-2, 1:-1])
            + nu * (dt / dx**2 * (vn[1:-1, 2:] - 2 * vn[1:-1, 1:-1] + vn[1:-1, 0:-2])
                    + dt / dy**2 * (vn[2:, 1:-1] - 2 * vn[1:-1, 1:-1] + vn[0:-2, 1:-1]))
        )  # fmt: skip
        u[0, :] = 0
        u[:, 0] = 0
        u[:, -1] = 0
        u[-1, :] = 1
        v[0, :] = 0
        v[-1, :] = 0
        v[:, 0] = 0
        v[:, -1] = 0
    return np.sum(weight * (u + v + 0.1 * p))


def loops(u, v, p, steps, relaxations, dt, h, rho, nu, weight):
    n = u.shape[0]
    b = np.zeros((n, n))
    un = np.empty((n, n))
    vn = np.empty((n, n))
    pn = np.empty((n, n))
    c = dt / h
    d = nu * dt / h**2
    for _ in range(steps):
        for i in range(n):
            for j in range(n):
                un[i, j] = u[i, j]
                vn[i, j] = v[i, j]
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                ux = (u[i, j + 1] - u[i, j - 1]) / (2 * h)
                uy = (u[i + 1, j] - u[i - 1, j]) / (2 * h)
                vx = (v[i, j + 1] - v[i, j - 1]) / (2 * h)
                vy = (v[i + 1, j] - v[i - 1, j]) / (2 * h)
                b[i, j] = rho * ((ux + vy) / dt - ux * ux - 2.0 * uy * vx - vy * vy)
        for q in range(relaxations):
            for i in range(n):
                for j in range(n):
                    pn[i, j] = p[i, j]
            for i in range(1, n - 1):
                for j in range(1, n - 1):
                    p[i, j] = 0.25 * (
                        pn[i, j + 1] + pn[i, j - 1] + pn[i + 1, j] + pn[i - 1, j] - h * h * b[i, j]
                    )
            for i in range(n):
                p[i, n - 1] = p[i, n - 2]
            for j in range(n):
                p[0, j] = p[1, j]
            for i in range(n):
                p[i, 0] = p[i, 1]
            for j in range(n):
                p[n - 1, j] = 0.0
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                u[i, j] = (
                    un[i, j]
                    - c * un[i, j] * (un[i, j] - un[i, j - 1])
                    - c * vn[i, j] * (un[i, j] - un[i - 1, j])
                    - c / (2 * rho) * (p[i, j + 1] - p[i, j - 1])
                    + d * (un[i, j + 1] + un[i, j - 1] + un[i + 1, j] + un[i - 1, j] - 4.0 * un[i, j])
                )
                v[i, j] = (
                    vn[i, j]
                    - c * un[i, j] * (vn[i, j] - vn[i, j - 1])
                    - c * vn[i, j] * (vn[i, j] - vn[i - 1, j])
                    - c / (2 * rho) * (p[i + 1, j] - p[i - 1, j])
                    + d * (vn[i, j + 1] + vn[i, j - 1] + vn[i + 1, j] + vn[i - 1, j] - 4.0 * vn[i, j])
                )
        for k in range(n):
            u[0, k] = 0.0
            u[k, 0] = 0.0
            u[k, n - 1] = 0.0
            v[0, k] = 0.0
            v[n - 1, k] = 0.0
            v[k, 0] = 0.0
            v[k, n - 1] = 0.0
        for k in range(n):
            u[n - 1, k] = 1.0
    total = 0.0
    for i in range(n):
        for j in range(n):
            total += weight[i, j] * (u[i, j] + v[i, j] + 0.1 * p[i, j])
    return total


def jax_loss(u, v, p, steps, relaxations, dt, h, rho, nu, weight):
    import jax
    import jax.numpy as jnp

    def left(x):
        return x[1:-1, :-2]

    def right(x):
        return x[1:-1, 2:]

    def down(x):
        return x[:-2, 1:-1]

    def up(x):
        return x[2:, 1:-1]

    def here(x):
        return x[1:-1, 1:-1]

    def step(_, state):
        u, v, p = state
        ux, uy = (right(u) - left(u)) / (2 * h), (up(u) - down(u)) / (2 * h)
        vx, vy = (right(v) - left(v)) / (2 * h), (up(v) - down(v)) / (2 * h)
        b = rho * ((ux + vy) / dt - ux**2 - 2.0 * uy * vx - vy**2)

        def relax(_, p):
            inner = 0.25 * (right(p) + left(p) + up(p) + down(p) - h * h * b)
            # The border copies its neighbours, the highest row is zero.
            inner = jnp.pad(inner, ((1, 1), (1, 1)), mode="edge")
            return inner.at[-1].set(0.0)

        p = jax.lax.fori_loop(0, relaxations, relax, p)

        def moved(x, slope):
            return (
                here(x) - here(u) * dt / h * (here(x) - left(x)) - here(v) * dt / h * (here(x) - down(x))
                - dt / (2 * rho * h) * slope
                + nu * dt / h**2 * (right(x) + left(x) + up(x) + down(x) - 4.0 * here(x))
            )  # fmt: skip

        new_u = jnp.pad(moved(u, right(p) - left(p)), 1).at[-1].set(1.0)
        new_v = jnp.pad(moved(v, up(p) - down(p)), 1)
        return new_u, new_v, p

    u, v, p = jax.lax.fori_loop(0, steps, step, (u, v, p))
    return jnp.sum(weight * (u + v + 0.1 * p))
