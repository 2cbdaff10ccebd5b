"""A second process takes its first gradient from disk: nothing is compiled again, and it costs little more than a
gradient written by hand under `@njit(cache=True)`. The times are measured and reported, not asserted.

    pytest tests/test_cache_second_process.py -s        shows the times
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import srcdiff

ROOT = Path(srcdiff.__file__).parents[1]

LOSS = """\
import math

import numpy as np


def loss(w, x, y):
    s = 0.0
    for i in range(x.shape[0]):
        z = 0.0
        for j in range(x.shape[1]):
            z += w[j] * x[i, j]
        p = 1.0 / (1.0 + math.exp(-z))
        s += (p - y[i]) ** 2
    return s / x.shape[0]
"""

BY_HAND = """\
import math

import numpy as np
from numba import njit


@njit(cache=True, error_model="numpy")
def loss_grad(w, x, y):
    n = x.shape[0]
    s = 0.0
    w_bar = np.zeros_like(w)
    for i in range(n):
        z = 0.0
        for j in range(x.shape[1]):
            z += w[j] * x[i, j]
        p = 1.0 / (1.0 + math.exp(-z))
        s += (p - y[i]) ** 2
        z_bar = 2.0 * (p - y[i]) * p * (1.0 - p) / n
        for j in range(x.shape[1]):
            w_bar[j] += z_bar * x[i, j]
    return s / n, w_bar
"""

# Prints what it found, and how long it took from the first import to the first gradient.
PROGRAM = """\
import json, sys, time
start = time.perf_counter()
import numpy as np
import numba
from numba.core import event

compiled = []

class Listener(event.Listener):
    def on_start(self, event):
        pass
    def on_end(self, event):
        if event.data["dispatcher"].py_func.__name__.endswith("_grad"):
            compiled.append(event.data["dispatcher"].py_func.__name__)

w, x, y = np.linspace(-1, 1, 4), np.ones((8, 4)), np.linspace(0, 1, 8)
event.register("numba:compile", Listener())
if sys.argv[1] == "ours":
    import srcdiff, model
    ready = time.perf_counter()
    value, slope = srcdiff.value_and_grad(model.loss)(w, x, y)
else:
    import by_hand
    ready = time.perf_counter()
    value, slope = by_hand.loss_grad(w, x, y)
end = time.perf_counter()
print(json.dumps([compiled, value, slope.tolist(), ready - start, end - ready]))
"""


def run(folder: Path, what: str) -> tuple[list[str], float, list[float], float, float]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT), *filter(None, sys.path)]),
        "SRCDIFF_CACHE_DIR": str(folder / "cache"),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, what], capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stderr
    compiled, value, slope, imports, call = json.loads(done.stdout)
    return compiled, value, slope, imports, call


def test_second_process(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(LOSS)
    (tmp_path / "by_hand.py").write_text(BY_HAND)
    first = run(tmp_path, "ours")
    by_hand = run(tmp_path, "by hand")
    assert first[0] == by_hand[0] == ["loss_grad"]
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.*")}
    assert kept

    rounds = [(run(tmp_path, "ours"), run(tmp_path, "by hand")) for _ in range(2)]
    for ours, theirs in rounds:
        assert ours[0] == [] and theirs[0] == [], "compiled again"
        assert ours[1:3] == first[1:3]
        assert theirs[1] == by_hand[1]
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.*")} == kept
    assert max(abs(a - b) for a, b in zip(first[2], by_hand[2], strict=True)) < 1e-15

    ours, theirs = (min(times, key=sum) for times in zip(*[(a[3:], b[3:]) for a, b in rounds], strict=True))
    print(
        f"\nfirst gradient of a second process: ours {ours[1]:.3f} s (imports {ours[0]:.3f} s), "
        f"by hand {theirs[1]:.3f} s (imports {theirs[0]:.3f} s): {sum(ours) - sum(theirs):+.3f} s in all"
    )
