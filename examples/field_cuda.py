"""A small neural field: a network that learns an image from its pixels, one thread for each pixel.

The gradients of all weights come from one kernel: each thread sums over its pixels, each block over its threads, and
one atomic addition for each weight and block does the rest.

`python examples/field_cuda.py gpu` learns 512 x 512 pixels; without `gpu` 8 x 8, in the emulator.

Prints:

    round    1: mean error 0.0752
    round   10: mean error 0.0389
    round   40: mean error 0.0099
"""

import math
import sys
from contextlib import nullcontext

import numpy as np

from srcdiff.cuda import batch, emulated

HIDDEN = 6


def squared_error(x, y, wanted, inner, outer):
    value = outer[HIDDEN]
    for k in range(HIDDEN):
        value += outer[k] * math.tanh(inner[k, 0] * x + inner[k, 1] * y + inner[k, 2])
    return (value - wanted) ** 2


def main(on_gpu: bool) -> None:
    side, rounds = (512, 2000) if on_gpu else (8, 40)
    grid = np.linspace(-1.0, 1.0, side, dtype=np.float32)
    x, y = (part.ravel().copy() for part in np.meshgrid(grid, grid))
    wanted = np.exp(-4.0 * (x * x + y * y)).astype(np.float32)
    random = np.random.default_rng(0)
    weights = [random.standard_normal((HIDDEN, 3)).astype(np.float32), np.zeros(HIDDEN + 1, np.float32)]
    errors = batch(squared_error, shared=("inner", "outer"), argnums=("inner", "outer"), threads=64)
    mean, square = [0.0, 0.0], [0.0, 0.0]
    with nullcontext() if on_gpu else emulated():
        for trip in range(1, rounds + 1):
            error, gradients = errors.value_and_grad(x, y, wanted, *weights)
            if trip in (1, rounds // 4, rounds):
                print(f"round {trip:4}: mean error {error.mean():.4f}")
            for k, gradient in enumerate(gradients):  # Adam
                g = gradient / len(x)
                mean[k] = 0.9 * mean[k] + 0.1 * g
                square[k] = 0.99 * square[k] + 0.01 * g * g
                rate = 0.1 * math.sqrt(1 - 0.99**trip) / (1 - 0.9**trip)
                weights[k] -= (rate * mean[k] / (np.sqrt(square[k]) + 1e-8)).astype(np.float32)


if __name__ == "__main__":
    main("gpu" in sys.argv[1:])
