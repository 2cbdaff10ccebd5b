"""Navier-Stokes in a channel, periodic along it: pressure by inner relaxation, then velocity, in time steps.

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
    return u, v, p, steps, relaxations, 0.0005, h, 1.0, 0.1, 1.0, rng.standard_normal((n, n))


def build_up_b(rho, dt, dx, dy, u, v):
    b = np.zeros_like(u)
    b[1:-1, 1:-1] = rho * (
        1 / dt * ((u[1:-1, 2:] - u[1:-1, 0:-2]) / (2 * dx) + (v[2:, 1:-1] - v[0:-2, 1:-1]) / (2 * dy))
        - ((u[1:-1, 2:] - u[1:-1, 0:-2]) / (2 * dx)) ** 2
        - 2 * ((u[2:, 1:-1] - u[0:-2, 1:-1]) / (2 * dy) * (v[1:-1, 2:] - v[1:-1, 0:-2]) / (2 * dx))
        - ((v[2:, 1:-1] - v[0:-2, 1:-1]) / (2 * dy)) ** 2
    )
    b[1:-1, -1] = rho * (
        1 / dt * ((u[1:-1, 0] - u[1:-1, -2]) / (2 * dx) + (v[2:, -1] - v[0:-2, -1]) / (2 * dy))
        - ((u[1:-1, 0] - u[1:-1, -2]) / (2 * dx)) ** 2
        - 2 * ((u[2:, -1] - u[0:-2, -1]) / (2 * dy) * (v[1:-1, 0] - v[1:-1, -2]) / (2 * dx))
        - ((v[2:, -1] - v[0:-2, -1]) / (2 * dy)) ** 2
    )
    b[1:-1, 0] = rho * (
        1 / dt * ((u[1:-1, 1] - u[1:-1, -1]) / (2 * dx) + (v[2:, 0] - v[0:-2, 0]) / (2 * dy))
        - ((u[1:-1, 1] - u[1:-1, -1]) / (2 * dx)) ** 2
        - 2 * ((u[2:, 0] - u[0:-2, 0]) / (2 * dy) * (v[1:-1, 1] - v[1:-1, -1]) / (2 * dx))
        - ((v[2:, 0] - v[0:-2, 0]) / (2 * dy)) ** 2
    )
    return b


def pressure_poisson_periodic(relaxations, p, dx, dy, b):
    for q in range(relaxations):
        pn = p.copy()
        p[1:-1, 1:-1] = (
            (pn[1:-1, 2:] + pn[1:-1, 0:-2]) * dy**2 + (pn[2:, 1:-1] + pn[0:-2, 1:-1]) * dx**2
        ) / (2 * (dx**2 + dy**2)) - dx**2 * dy**2 / (2 * (dx**2 + dy**2)) * b[1:-1, 1:-1]
        p[1:-1, -1] = ((pn[1:-1, 0] + pn[1:-1, -2]) * dy**2 + (pn[2:, -1] + pn[0:-2, -1]) * dx**2) / (
            2 * (dx**2 + dy**2)
        ) - dx**2 * dy**2 / (2 * (dx**2 + dy**2)) * b[1:-1, -1]
        p[1:-1, 0] = ((pn[1:-1, 1] + pn[1:-1, -1]) * dy**2 + (pn[2:, 0] + pn[0:-2, 0]) * dx**2) / (
            2 * (dx**2 + dy**2)
        ) - dx**2 * dy**2 / (2 * (dx**2 + dy**2)) * b[1:-1, 0]
        p[-1, :] = p[-2, :]
        p[0, :] = p[1, :]


def slices(u, v, p, steps, relaxations, dt, h, rho, nu, force, weight):
    dx = h
    dy = h
    for _ in range(steps):
        un = u.copy()
        vn = v.copy()
        b = build_up_b(rho, dt, dx, dy, u, v)
        pressure_poisson_periodic(relaxations, p, dx, dy, b)
        u[1:-1, 1:-1] = (
            un[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (un[1:-1, 1:-1] - un[1:-1, 0:-2])
            - vn[1:-1, 1:-1] * dt / dy * (un[1:-1, 1:-1] - un[0:-2, 1:-1])
            - dt / (2 * rho * dx) * (p[1:-1, 2:] - p[1:-1, 0:-2])
            + nu
            * (
                dt / dx**2 * (un[1:-1, 2:] - 2 * un[1:-1, 1:-1] + un[1:-1, 0:-2])
                + dt / dy**2 * (un[2:, 1:-1] - 2 * un[1:-1, 1:-1] + un[0:-2, 1:-1])
            )
            + force * dt
        )
        v[1:-1, 1:-1] = (
            vn[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (vn[1:-1, 1:-1] - vn[1:-1, 0:-2])
            - vn[1:-1, 1:-1] * dt / dy * (vn[1:-1, 1:-1] - vn[0:-2, 1:-1])
            - dt / (2 * rho * dy) * (p[2:, 1:-1] - p[0:-2, 1:-1])
            + nu
            * (
                dt / dx**2 * (vn[1:-1, 2:] - 2 * vn[1:-1, 1:-1] + vn[1:-1, 0:-2])
                + dt / dy**2 * (vn[2:, 1:-1] - 2 * vn[1:-1, 1:-1] + vn[0:-2, 1:-1])
            )
        )
        u[1:-1, -1] = (
            un[1:-1, -1]
            - un[1:-1, -1] * dt / dx * (un[1:-1, -1] - un[1:-1, -2])
            - vn[1:-1, -1] * dt / dy * (un[1:-1, -1] - un[0:-2, -1])
            - dt / (2 * rho * dx) * (p[1:-1, 0] - p[1:-1, -2])
            + nu
            * (
                dt / dx**2 * (un[1:-1, 0] - 2 * un[1:-1, -1] + un[1:-1, -2])
                + dt / dy**2 * (un[2:, -1] - 2 * un[1:-1, -1] + un[0:-2, -1])
            )
            + force * dt
        )
        u[1:-1, 0] = (
            un[1:-1, 0]
            - un[1:-1, 0] * dt / dx * (un[1:-1, 0] - un[1:-1, -1])
            - vn[1:-1, 0] * dt / dy * (un[1:-1, 0] - un[0:-2, 0])
            - dt / (2 * rho * dx) * (p[1:-1, 1] - p[1:-1, -1])
            + nu
            * (
                dt / dx**2 * (un[1:-1, 1] - 2 * un[1:-1, 0] + un[1:-1, -1])
                + dt / dy**2 * (un[2:, 0] - 2 * un[1:-1, 0] + un[0:-2, 0])
            )
            + force * dt
        )
        v[1:-1, -1] = (
            vn[1:-1, -1]
            - un[1:-1, -1] * dt / dx * (vn[1:-1, -1] - vn[1:-1, -2])
            - vn[1:-1, -1] * dt / dy * (vn[1:-1, -1] - vn[0:-2, -1])
            - dt / (2 * rho * dy) * (p[2:, -1] - p[0:-2, -1])
            + nu
            * (
                dt / dx**2 * (vn[1:-1, 0] - 2 * vn[1:-1, -1] + vn[1:-1, -2])
                + dt / dy**2 * (vn[2:, -1] - 2 * vn[1:-1, -1] + vn[0:-2, -1])
            )
        )
        v[1:-1, 0] = (
            vn[1:-1, 0]
            - un[1:-1, 0] * dt / dx * (vn[1:-1, 0] - vn[1:-1, -1])
            - vn[1:-1, 0] * dt / dy * (vn[1:-1, 0] - vn[0:-2, 0])
            - dt / (2 * rho * dy) * (p[2:, 0] - p[0:-2, 0])
            + nu
            * (
                dt / dx**2 * (vn[1:-1, 1] - 2 * vn[1:-1, 0] + vn[1:-1, -1])
                + dt / dy**2 * (vn[2:, 0] - 2 * vn[1:-1, 0] + vn[0:-2, 0])
            )
        )
        u[0, :] = 0
        u[-1, :] = 0
        v[0, :] = 0
        v[-1, :] = 0
    return np.sum(weight * (u + v + 0.1 * p))


def loops(u, v, p, steps, relaxations, dt, h, rho, nu, force, weight):
    n, m = u.shape
    b = np.zeros((n, m))
    un = np.empty((n, m))
    vn = np.empty((n, m))
    pn = np.empty((n, m))
    c = dt / h
    d = nu * dt / h**2
    for _ in range(steps):
        for i in range(n):
            for j in range(m):
                un[i, j] = u[i, j]
                vn[i, j] = v[i, j]
        for i in range(1, n - 1):
            for j in range(m):
                left = j - 1 if j > 0 else m - 1
                right = j + 1 if j < m - 1 else 0
                ux = (u[i, right] - u[i, left]) / (2 * h)
                uy = (u[i + 1, j] - u[i - 1, j]) / (2 * h)
                vx = (v[i, right] - v[i, left]) / (2 * h)
                vy = (v[i + 1, j] - v[i - 1, j]) / (2 * h)
                b[i, j] = rho * ((ux + vy) / dt - ux * ux - 2.0 * uy * vx - vy * vy)
        for q in range(relaxations):
            for i in range(n):
                for j in range(m):
                    pn[i, j] = p[i, j]
            for i in range(1, n - 1):
                for j in range(m):
                    left = j - 1 if j > 0 else m - 1
                    right = j + 1 if j < m - 1 else 0
                    p[i, j] = 0.25 * (
                        pn[i, right] + pn[i, left] + pn[i + 1, j] + pn[i - 1, j] - h * h * b[i, j]
                    )
            for j in range(m):
                p[n - 1, j] = p[n - 2, j]
                p[0, j] = p[1, j]
        for i in range(1, n - 1):
            for j in range(m):
                left = j - 1 if j > 0 else m - 1
                right = j + 1 if j < m - 1 else 0
                u[i, j] = (
                    un[i, j]
                    - c * un[i, j] * (un[i, j] - un[i, left])
                    - c * vn[i, j] * (un[i, j] - un[i - 1, j])
                    - c / (2 * rho) * (p[i, right] - p[i, left])
                    + d * (un[i, right] + un[i, left] + un[i + 1, j] + un[i - 1, j] - 4.0 * un[i, j])
                    + force * dt
                )
                v[i, j] = (
                    vn[i, j]
                    - c * un[i, j] * (vn[i, j] - vn[i, left])
                    - c * vn[i, j] * (vn[i, j] - vn[i - 1, j])
                    - c / (2 * rho) * (p[i + 1, j] - p[i - 1, j])
                    + d * (vn[i, right] + vn[i, left] + vn[i + 1, j] + vn[i - 1, j] - 4.0 * vn[i, j])
                )
        for j in range(m):
            u[0, j] = 0.0
            u[n - 1, j] = 0.0
            v[0, j] = 0.0
            v[n - 1, j] = 0.0
    total = 0.0
    for i in range(n):
        for j in range(m):
            total += weight[i, j] * (u[i, j] + v[i, j] + 0.1 * p[i, j])
    return total


def jax_loss(u, v, p, steps, relaxations, dt, h, rho, nu, force, weight):
    import jax
    import jax.numpy as jnp

    def left(x):
        return jnp.roll(x, 1, 1)[1:-1]

    def right(x):
        return jnp.roll(x, -1, 1)[1:-1]

    def step(_, state):
        u, v, p = state
        ux, uy = (right(u) - left(u)) / (2 * h), (u[2:] - u[:-2]) / (2 * h)
        vx, vy = (right(v) - left(v)) / (2 * h), (v[2:] - v[:-2]) / (2 * h)
        b = rho * ((ux + vy) / dt - ux**2 - 2.0 * uy * vx - vy**2)

        def relax(_, p):
            inner = 0.25 * (right(p) + left(p) + p[2:] + p[:-2] - h * h * b)
            return jnp.concatenate((inner[:1], inner, inner[-1:]))

        p = jax.lax.fori_loop(0, relaxations, relax, p)

        def moved(x, slope):
            here = x[1:-1]
            return (
                here - u[1:-1] * dt / h * (here - left(x)) - v[1:-1] * dt / h * (here - x[:-2])
                - dt / (2 * rho * h) * slope
                + nu * dt / h**2 * (right(x) + left(x) + x[2:] + x[:-2] - 4.0 * here)
            )  # fmt: skip

        new_u = jnp.pad(moved(u, right(p) - left(p)) + force * dt, ((1, 1), (0, 0)))
        new_v = jnp.pad(moved(v, p[2:] - p[:-2]), ((1, 1), (0, 0)))
        return new_u, new_v, p

    u, v, p = jax.lax.fori_loop(0, steps, step, (u, v, p))
    return jnp.sum(weight * (u + v + 0.1 * p))
