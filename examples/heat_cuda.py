"""Which material conducts how well? An inverse problem of the heat equation, on a tape of kernel launches.

A plate is hot in the middle. From its temperatures after some steps the conductivities of its two halves are found:
the steps are launches of a kernel, and the tape runs their adjoints backwards. Two arrays take turns; the tape copies
a state just before it is overwritten.

`python examples/heat_cuda.py gpu` does it on a large plate; without `gpu` on a small one, in the emulator.

Prints:

    loss at the start  0.13651
    loss at the end    0.00000
    conductivities     0.050 0.200

    step_adjoint
      u  gather: each thread collects for its element, if there is a thread for each; else atomic
      k  atomic: several threads may add to an element
"""

import sys
from contextlib import nullcontext

import numpy as np
from numba import cuda
from scipy.optimize import minimize

from srcdiff import differentiate
from srcdiff.cuda import Tape, emulated


@differentiate(target="cuda", argnums=("u", "k"))
def step(u, k, half, out):
    i, j = cuda.grid(2)
    n, m = u.shape
    if 0 < i < n - 1 and 0 < j < m - 1:
        around = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
        out[i, j] = u[i, j] + k[half[i, j]] * (around - 4.0 * u[i, j])
    elif i < n and j < m:
        out[i, j] = u[i, j]


@differentiate(target="cuda", argnums=("u",))
def misfit(u, measured, loss):
    i, j = cuda.grid(2)
    if i < u.shape[0] and j < u.shape[1]:
        d = u[i, j] - measured[i, j]
        cuda.atomic.add(loss, 0, 0.5 * d * d)


def main(on_gpu: bool) -> None:
    n, steps, threads = (1024, 200, (8, 16)) if on_gpu else (12, 6, (4, 8))
    grid = (-(-n // threads[0]), -(-n // threads[1])), threads
    place = (
        (lambda x: cuda.to_device(np.ascontiguousarray(x))) if on_gpu else (lambda x: np.array(x, order="C"))
    )
    hot = np.zeros((n, n))
    hot[n // 3 : 2 * n // 3, n // 3 : 2 * n // 3] = 1.0
    half = place(np.tile((np.arange(n) >= n // 2).astype(np.int64), (n, 1)))

    def simulated(tape, k):
        u, v = place(hot), place(hot)
        for _ in range(steps):
            tape.launch(step[grid], u, k, half, v)
            u, v = v, u
        return u

    def loss_and_gradient(numbers):
        k, loss = place(numbers), place(np.zeros(1))
        tape = Tape()
        tape.launch(misfit[grid], simulated(tape, k), measured, loss)
        tape.backward(loss)
        return float(host(loss)[0]), host(tape.shadow(k)).copy()

    host = (lambda x: x.copy_to_host()) if on_gpu else (lambda x: x)
    with nullcontext() if on_gpu else emulated():
        measured = simulated(Tape(), place(np.array([0.05, 0.2])))
        start, stable = np.array([0.1, 0.1]), [(0.0, 0.24)] * 2
        found = minimize(
            loss_and_gradient, start, jac=True, method="L-BFGS-B", bounds=stable, options={"maxiter": 8}
        )
        print(f"loss at the start  {loss_and_gradient(start)[0]:.5f}")
    print(f"loss at the end    {found.fun:.5f}")
    print(f"conductivities     {found.x[0]:.3f} {found.x[1]:.3f}\n")
    print("\n".join(str(step.report()).splitlines()[:3]))


if __name__ == "__main__":
    main("gpu" in sys.argv[1:])
