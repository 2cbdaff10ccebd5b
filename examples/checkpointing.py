"""A long time loop in little memory: Burgers' equation over 10,000 steps, by the viscosity and the initial state.

`checkpoint` keeps the state at the start of each segment of steps and makes the steps of one segment again when the
reverse sweep gets there. The gradient is the same to the last bit but for the order of sums.

Prints:

    value 0.218100, by nu -1.592267
    the same: True
    recorded: 8,080,000 bytes
    in segments: 318,400 bytes
"""

import numpy as np

from srcdiff import checkpoint, differentiate


def step(u, nu):
    left = u[0]
    for i in range(1, len(u) - 1):
        here = u[i]
        u[i] = here - 0.1 * here * (here - left) + nu * (left - 2.0 * here + u[i + 1])
        left = here


@differentiate(argnums=("u0", "nu"))
def energy(u0, nu, steps):
    u = u0.copy()
    for _ in range(steps):
        step(u, nu)
    return np.sum(u * u)


@differentiate(argnums=("u0", "nu"))
def energy_in_segments(u0, nu, steps):
    u = u0.copy()
    for _ in checkpoint(range(steps)):
        step(u, nu)
    return np.sum(u * u)


def main() -> None:
    u0, nu, steps = np.sin(np.linspace(0.0, np.pi, 101)), 0.05, 10_000
    value, (du, dnu) = energy.value_and_grad(u0, nu, steps)
    again, (du_again, dnu_again) = energy_in_segments.value_and_grad(u0, nu, steps)
    print(f"value {value:.6f}, by nu {dnu:.6f}")
    print(
        f"the same: {np.allclose(du, du_again, rtol=1e-10) and np.isclose(dnu, dnu_again) and value == again}"
    )
    print(f"recorded: {energy.tape_report(u0, nu, steps).bytes:,} bytes")
    print(f"in segments: {energy_in_segments.tape_report(u0, nu, steps).bytes:,} bytes")


if __name__ == "__main__":
    main()
