"""Aim at a moving target: the gradient of where a body ends by how fast it starts, through forces between all bodies.

Two kernels take turns: one changes the speeds by the forces, one the places by the speeds. Both overwrite what they
change; a tape of the launches keeps the states that their adjoints need. The bodies of a block read those that pull
them in tiles, through shared memory; the adjoint fills the tiles again, and warps sum what is owed to a body.

`python examples/bodies_cuda.py gpu` does it with 4,096 bodies; without `gpu` with 5, in the emulator.

Prints:

    trip 0: misses by 1.2283, 8 states kept
    trip 1: misses by 0.1131, 8 states kept
    trip 2: misses by 0.0521, 8 states kept
    trip 3: misses by 0.0061, 8 states kept

    start with 0.608 -3.188
"""

import math
import sys
from contextlib import nullcontext

import numpy as np
from numba import cuda

from srcdiff import differentiate
from srcdiff.cuda import Tape, emulated

H = 0.05
T = 128 if "gpu" in sys.argv[1:] else 32  # threads of a block, and bodies of a tile


@differentiate(target="cuda", argnums=("place", "speed"))
def kick(place, mass, h, speed):
    tile = cuda.shared.array((T, 2), np.float64)
    masses = cuda.shared.array(T, np.float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    n = place.shape[0]
    x = place[i, 0] if i < n else 0.0
    y = place[i, 1] if i < n else 0.0
    ax = 0.0
    ay = 0.0
    for first in range(0, n, T):
        k = first + t
        tile[t, 0] = place[k, 0] if k < n else 0.0
        tile[t, 1] = place[k, 1] if k < n else 0.0
        masses[t] = mass[k] if k < n else 0.0
        cuda.syncthreads()
        for j in range(T):
            dx = tile[j, 0] - x
            dy = tile[j, 1] - y
            r2 = dx * dx + dy * dy + 0.01
            pull = masses[j] / (r2 * math.sqrt(r2))
            ax += pull * dx
            ay += pull * dy
        cuda.syncthreads()
    if i < n:
        speed[i, 0] = speed[i, 0] + h * ax
        speed[i, 1] = speed[i, 1] + h * ay


@differentiate(target="cuda", argnums=("place", "speed"))
def drift(speed, h, place):
    i = cuda.grid(1)
    if i < place.shape[0]:
        place[i, 0] = place[i, 0] + h * speed[i, 0]
        place[i, 1] = place[i, 1] + h * speed[i, 1]


def main(on_gpu: bool) -> None:
    count, steps = (4096, 20) if on_gpu else (5, 8)
    grid = (-(-count // T), T)
    device = (lambda x: cuda.to_device(x)) if on_gpu else (lambda x: x.copy())
    host = (lambda x: x.copy_to_host()) if on_gpu else (lambda x: x)
    random = np.random.default_rng(1)
    places, mass = random.standard_normal((count, 2)), np.full(count, 1.0 / count)
    target = np.array([0.5, -0.5])
    speeds = np.zeros((count, 2))

    def flight(speeds):
        place, speed, weights = device(places), device(speeds), device(mass)
        tape = Tape()
        for _ in range(steps):
            tape.launch(kick[grid], place, weights, H, speed)
            tape.launch(drift[grid], speed, H, place)
        return tape, place, speed

    with nullcontext() if on_gpu else emulated():
        for trip in range(4):
            tape, place, speed = flight(speeds)
            miss = host(place)[0] - target
            print(f"trip {trip}: misses by {np.hypot(*miss):.4f}, {tape.snapshots} states kept")
            jacobian = np.empty((2, 2))
            for axis in range(2):
                if axis:
                    tape, place, speed = flight(speeds)
                seed = np.zeros((count, 2))
                seed[0, axis] = 1.0
                tape.backward(place, seed)
                jacobian[axis] = host(tape.shadow(speed))[0]
            speeds[0] -= np.linalg.solve(jacobian, miss)
    print(f"\nstart with {speeds[0, 0]:.3f} {speeds[0, 1]:.3f}")


if __name__ == "__main__":
    main("gpu" in sys.argv[1:])
