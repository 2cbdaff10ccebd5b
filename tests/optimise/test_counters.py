"""Integers that loops count up, as sums of their indices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srcdiff import differentiate
from srcdiff.differentiable import differentiable
from srcdiff.ir.core import Op
from srcdiff.ir.walk import ops_within
from srcdiff.optimise.counters import count_by_index
from srcdiff.optimise.fold import simplified
from tests.optimise.stages import as_printed, loaded
from tests.truth import assert_gradient

LOOP = """def f(x, y, n, m):
    k = {start}
    for i in range({bounds}):
        k += {by}
        y[k] = x[i] * y[k - 1]
        {more}
    return np.sum(y * y) * k
"""
BOUNDS = ("n", "1, n", "n - 1, -1, -1", "n, m, -1", "m, n")


def carried(f: Any, args: Any) -> list[str]:
    """The names of integers that loops carry."""
    of = differentiable(f)
    function = simplified(count_by_index(simplified(of.program(of.specs(list(args))).function)))
    loops: list[Op] = [op for op in ops_within(function.body) if op.primitive == "for"]
    return [p.name for op in loops for p in op.regions[-1].parameters[1:] if str(p.type) == "int64"]


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize(
    ("start", "by", "more"), [("0", "1", ""), ("m", "2", "k -= 1"), ("3", "1", "k += 0")]
)
def test_counted_by_the_index(bounds: str, start: str, by: str, more: str, tmp_path: Path) -> None:
    f = loaded(LOOP.format(bounds=bounds, start=start, by=by, more=more), tmp_path, "counts")
    for n, m in ((4, 2), (0, 2), (2, 5)):
        x, y = np.arange(1.0, 13.0), np.arange(2.0, 26.0)
        assert "k" not in carried(f, (x, y, n, m))
        wanted = f(x, y.copy(), n, m)
        gradient = as_printed(f, (0, 1))
        assert gradient(x, y, n, m)[0] == pytest.approx(wanted)
        assert_gradient(f, (x / 10.0, y / 20.0, n, m), (0, 1), value_and_grad=as_printed)


KEPT = {
    "if x[i] > 0.5:\n            k += 1": "n",
    "k += i": "n",
    "k *= 2": "n",
    "k += 1": "0, n, 2",
    "k += 1\n        if x[i] > 9.0:\n            break": "n",
}


@pytest.mark.parametrize("body", KEPT)
def test_other_integers_stay(body: str, tmp_path: Path) -> None:
    text = (
        f"def f(x, n):\n    k = 1\n    for i in range({KEPT[body]}):\n        {body}\n    return x[0] * k\n"
    )
    f = loaded(text, tmp_path, "kept")
    assert "k" in carried(f, (np.ones(4), 4))
    x = np.arange(0.1, 0.9, 0.1)
    assert differentiate(f)(x, 8) == f(x, 8)


def test_nested_loops_count_together(tmp_path: Path) -> None:
    text = """def f(x, n):
    k = 0
    s = 0.0
    for i in range(n):
        for j in range(3):
            s += x[k] * x[k] * i
            k += 1
    return s + k * x[0]
"""
    f = loaded(text, tmp_path, "nested")
    assert carried(f, (np.ones(12), 4)) == []
    assert_gradient(f, (np.arange(0.1, 1.3, 0.1), 4), 0, value_and_grad=as_printed)
