"""Many texts compiled as one function: each alone costs a quarter of a second, however short it is."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np

from srcdiff.emit.special import FUNCTIONS, plain_source

__all__ = ["SIZE", "computed_together"]

SIZE = 24


@functools.cache
def names() -> dict[str, Any]:
    """What the texts may name."""
    space: dict[str, Any] = {"np": np, "math": math, "njit": numba.njit}
    exec("\n".join(map(plain_source, FUNCTIONS)), space)
    return space


def computed_together(texts: Sequence[str], operands: Sequence[tuple[Any, ...]]) -> list[tuple[Any, Any]]:
    """What Numba computes from each text, a pattern for its operands, and the type that it finds for that."""
    numbers = itertools.count()
    parameters = [[f"x{next(numbers)}" for _ in each] for each in operands]
    results = ", ".join(f"({text.format(*each)})" for text, each in zip(texts, parameters, strict=True))
    space = dict(names())
    exec(f"def f({', '.join(itertools.chain(*parameters))}):\n    return ({results},)\n", space)
    compiled = numba.njit(error_model="numpy")(space["f"])
    values = compiled(*itertools.chain(*operands))
    (signature,) = compiled.nopython_signatures
    return list(zip(values, signature.return_type, strict=True))
