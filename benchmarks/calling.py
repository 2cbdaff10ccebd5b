"""What does it cost to call a derivative?

    python benchmarks/calling.py [--seconds S]

From Python: `value_and_grad(f)` on a number, on a small array and with captured data, over a Numba dispatcher of the
value and gradient written by hand, called with the same arguments (at most 1.5 is wanted); and JAX's jitted call over
ours, where JAX is installed. In compiled code: a Hamiltonian Monte Carlo sampler under `njit` that calls `f.grad`, over
the same sampler with the gradient written by hand (at most 1.1).
"""

from __future__ import annotations

import argparse
import math
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

import srcdiff
from timing import Contender, median_ratio, pin_to_one_core, time_interleaved

X = np.random.default_rng(0).normal(size=(8, 3))
Y = np.where(X[:, 0] > 0.0, 1.0, -1.0)
W = np.array([0.5, -0.25, 0.125])


def wave(x):
    return math.sin(x) * x


@njit(error_model="numpy")
def wave_by_hand(x):
    return math.sin(x) * x, math.cos(x) * x + math.sin(x)


def squares(w):
    total = 0.0
    for i in range(len(w)):
        total += w[i] * w[i]
    return total


@njit(error_model="numpy")
def squares_by_hand(w):
    total = 0.0
    w_bar = np.empty_like(w)
    for i in range(len(w)):
        total += w[i] * w[i]
        w_bar[i] = 2.0 * w[i]
    return total, w_bar


@srcdiff.differentiate
def log_density(w, X, y):
    total = 0.0
    for i in range(len(w)):
        total -= 0.5 * w[i] * w[i]
    for i in range(len(y)):
        z = 0.0
        for j in range(len(w)):
            z += X[i, j] * w[j]
        total -= math.log1p(math.exp(-y[i] * z))
    return total


@njit(error_model="numpy")
def log_density_by_hand(w, X, y):
    total = 0.0
    w_bar = np.empty_like(w)
    for i in range(len(w)):
        total -= 0.5 * w[i] * w[i]
        w_bar[i] = -w[i]
    for i in range(len(y)):
        z = 0.0
        for j in range(len(w)):
            z += X[i, j] * w[j]
        e = math.exp(-y[i] * z)
        total -= math.log1p(e)
        z_bar = y[i] * e / (1.0 + e)
        for j in range(len(w)):
            w_bar[j] += X[i, j] * z_bar
    return total, w_bar


@njit(error_model="numpy")
def slope_by_hand(w, X, y):
    w_bar = np.empty_like(w)
    for i in range(len(w)):
        w_bar[i] = -w[i]
    for i in range(len(y)):
        z = 0.0
        for j in range(len(w)):
            z += X[i, j] * w[j]
        e = math.exp(-y[i] * z)
        z_bar = y[i] * e / (1.0 + e)
        for j in range(len(w)):
            w_bar[j] += X[i, j] * z_bar
    return w_bar


@njit
def sample(density, slope, w, X, y, count, step, steps):
    """The last of `count` samples of Hamiltonian Monte Carlo."""
    np.random.seed(0)
    value = density(w, X, y)
    for _ in range(count):
        p = np.random.normal(0.0, 1.0, len(w))
        energy = value - 0.5 * np.sum(p * p)
        moved = w.copy()
        p += 0.5 * step * slope(moved, X, y)
        for leap in range(steps):
            moved += step * p
            p += (0.5 if leap == steps - 1 else 1.0) * step * slope(moved, X, y)
        moved_value = density(moved, X, y)
        if math.log(np.random.random()) < moved_value - 0.5 * np.sum(p * p) - energy:
            w, value = moved, moved_value
    return w


CALLS = 200


def repeated(call: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    """Many calls, as a loop in Python makes them."""
    names = {f"a{k}": arg for k, arg in enumerate(args)}
    loop = timeit.Timer(f"call({', '.join(names)})", globals={"call": call, **names})
    return lambda: loop.timeit(CALLS)


def compared(ours: Callable[[], Any], other: Callable[[], Any], seconds: float) -> tuple[float, float, float]:
    """Median seconds of both, and the median of ours over the other."""
    pair = [Contender("ours", ours, 0.0, None), Contender("other", other, 0.0, None)]
    times = time_interleaved(pair, seconds)
    ratio = median_ratio(times["ours"], times["other"])
    return float(np.median(times["ours"])), float(np.median(times["other"])), ratio


def calls() -> list[tuple[str, Callable[..., Any], Callable[..., Any], tuple[Any, ...], tuple[Any, ...]]]:
    """Rows: what it is, ours, by hand, and the arguments of each."""
    number, small = srcdiff.value_and_grad(wave), srcdiff.value_and_grad(squares)
    captured = srcdiff.value_and_grad(lambda w: log_density(w, X, Y))
    return [
        ("a number", number, wave_by_hand, (1.0,), (1.0,)),
        ("three numbers in an array", small, squares_by_hand, (W,), (W,)),
        (
            "an array, and a matrix and an array",
            log_density.value_and_grad,
            log_density_by_hand,
            (W, X, Y),
            (W, X, Y),
        ),
        ("an array; the data are captured", captured, log_density_by_hand, (W,), (W, X, Y)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="for each row")
    seconds = parser.parse_args().seconds
    pin_to_one_core()
    print("a call from Python                     ours     by hand   ratio")
    for what, ours, by_hand, args, hand_args in calls():
        (value, slope), (hand_value, hand_slope) = ours(*args), by_hand(*hand_args)
        assert np.allclose(value, hand_value) and np.allclose(slope, hand_slope)
        first, second, ratio = compared(repeated(ours, *args), repeated(by_hand, *hand_args), seconds)
        print(f"{what:<36} {first / CALLS * 1e9:6.0f} ns {second / CALLS * 1e9:6.0f} ns {ratio:7.2f}")
    jax_row(seconds)
    arguments = (W, X, Y, 200, 0.1, 10)

    def sampled(slope: Any) -> Any:
        return sample(log_density, slope, *arguments)

    assert np.allclose(sampled(log_density.grad), sampled(slope_by_hand))
    _, _, ratio = compared(lambda: sampled(log_density.grad), lambda: sampled(slope_by_hand), seconds)
    print(f"\nHamiltonian Monte Carlo under njit, over the same by hand: {ratio:.2f}")


def jax_row(seconds: float) -> None:
    """JAX's jitted call of the same on a small array, over ours."""
    try:
        import jax
    except ImportError:
        return
    jax.config.update("jax_enable_x64", True)
    theirs = jax.jit(jax.value_and_grad(lambda w: (w * w).sum()))
    ours = srcdiff.value_and_grad(squares)
    ours(W), theirs(W)
    _, _, ratio = compared(repeated(ours, W), repeated(theirs, W), seconds)
    print(f"\nJAX's call on three numbers in an array, over ours: {1.0 / ratio:.1f}")


if __name__ == "__main__":
    main()
