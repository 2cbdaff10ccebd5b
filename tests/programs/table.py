"""One row of the corpus, and the numbers its arguments are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Program", "case", "numbers"]


@dataclass(frozen=True)
class Program:
    """A plain function, the argument sets to run it on, and what to differentiate it by."""

    name: str
    function: Callable[..., Any]
    args: tuple[tuple[Any, ...], ...]
    argnums: int | tuple[int, ...] = 0


def case(
    function: Callable[..., Any], *args: tuple, argnums: int | tuple[int, ...] = 0, name: str = ""
) -> Program:
    return Program(name or function.__name__, function, args, argnums)


def numbers(*shape: int, seed: int = 0, dtype: type = np.float64) -> np.ndarray:
    """Random numbers between -1.5 and 1.5, the same in every run."""
    random = np.random.default_rng([seed, *shape])
    return random.uniform(-1.5, 1.5, shape).astype(dtype)
