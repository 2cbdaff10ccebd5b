"""Derivatives of what the emulator computes, by differences."""

from collections.abc import Callable
from itertools import pairwise

__all__ = ["assert_slope"]


def assert_slope(f: Callable[[float], float], expected: float, rtol: float = 1e-7) -> None:
    """Check the derivative of `f` at 0 against central differences, extrapolated twice (Richardson)."""
    steps = [4e-5 / 2**k for k in range(3)]
    rough = [(f(h) - f(-h)) / (2 * h) for h in steps]
    better = [(4 * b - a) / 3 for a, b in pairwise(rough)]
    best = (16 * better[1] - better[0]) / 15
    assert abs(best - expected) <= rtol * max(abs(expected), 1.0) + abs(best - better[1]), (best, expected)
