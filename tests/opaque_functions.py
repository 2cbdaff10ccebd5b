"""What another package might hold: compiled by Numba, in a language that srcdiff does not read (lists that grow
at their start)."""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit
def lambert(x):
    history = [0.5]
    for _ in range(60):
        w = history[0]
        e = math.exp(w)
        history.insert(0, w - (w * e - x) / (e * (w + 1.0)))
    return history[0]


@njit
def smoothed(x):
    out = [x[0]]
    for i in range(1, len(x)):
        out.insert(i, 0.5 * (x[i] + x[i - 1]))
    return np.array(out)
