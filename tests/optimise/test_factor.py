"""Chains from trip to trip: the same numbers to rounding, in fewer operations."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

from srcdiff.emit.parse import parse_ir
from srcdiff.emit.python import print_function
from srcdiff.ir.verify import verify
from srcdiff.optimise.factor import shorten_chains
from srcdiff.optimise.fold import simplified


def texts(lines: str, yields: str = "y") -> tuple[str, str]:
    """A reverse loop that carries `x`, as it is and with its chain shortened."""
    inner = "\n".join(f"    {line}" for line in lines.strip().split("\n"))
    function = parse_ir(f"""\
f(x0: f64, a: f64[:], b: f64[:], out: f64[:], n: i64) {{
  x.9 out.9 = for reverses=1 0 n 1 x0 out {{ (i x out.1)
    p = load a i
    q = load b i
    c = lt p q
    d = gt p q
{inner}
    yield {yields} out.2
  }}
  return x.9 out.9
}}""")
    verify(function, "test")
    after = shorten_chains(function)
    verify(after, "factor")
    return print_function(simplified(function)), print_function(simplified(after))


def outcome(text: str, x: float, a: Any, b: Any) -> np.ndarray:
    names: dict[str, Any] = {"math": math}
    exec(text, names)
    out = np.zeros_like(a)
    with np.errstate(all="ignore"):
        last, _ = names["f"](np.float64(x), a, b, out, len(a))
    return np.array([last, *out])


TIE = """
half = mul 0.5 x
inner = select d 0.0 half
share = select c x inner
t = div share q
u = mul t p
y = add u q
out.2 = store out.1 i x
"""


def test_a_choice_is_linear() -> None:
    before, after = texts(TIE)
    assert "share = x if c else inner" in before
    assert "t1 = (1.0 if c else 0.0 if d else 0.5) / q * p" in after
    assert "y = (0.0 if t1 == 0.0 else x * t1) + q" in after
    random = np.random.default_rng(3)
    a, b = random.uniform(0.5, 1.5, 6), random.uniform(0.5, 1.5, 6)
    b[2] = a[2]
    np.testing.assert_allclose(outcome(after, 0.7, a, b), outcome(before, 0.7, a, b), rtol=1e-13)


def test_what_is_left_out_counts_for_nothing() -> None:
    before, after = texts(TIE)
    a, b = np.array([2.0, 0.5]), np.array([1.0, 1.0])  # the first trip leaves `x` out
    for x in (math.inf, math.nan, -math.inf):
        want = outcome(before, x, a, b)
        assert math.isfinite(want[0])
        np.testing.assert_array_equal(outcome(after, x, a, b), want)


def test_nothing_dear_is_computed_twice() -> None:
    _, after = texts("""
t = mul x p
v = div t q
w = mul v p
z = div w q
s = select c z x
y = add s v
r = mul v 3.0
out.2 = store out.1 i r
""")
    assert after.count("/") == 2 and after.count(" if ") == 1


def test_short_chains_stay() -> None:
    before, after = texts("t = mul x p\ny = add t q\nout.2 = store out.1 i t")
    assert before == after


def test_a_condition_that_depends_on_the_chain_stays() -> None:
    before, after = texts("t = mul x p\ng = gt t 0.0\nu = select g t q\ny = mul u p\nout.2 = store out.1 i t")
    assert before == after


@pytest.mark.parametrize("seed", range(60))
def test_random_chains(seed: int) -> None:
    draw = random.Random(seed)
    lines, names = [], ["x"]
    for k in range(draw.randint(3, 9)):
        v, w = draw.choice(names), draw.choice(names)
        known = draw.choice(("p", "q", "2.0"))
        lines.append(
            f"v{k} = "
            + draw.choice(
                (
                    f"mul {v} {known}",
                    f"mul {known} {v}",
                    f"div {v} {known}",
                    f"add {v} {known}",
                    f"sub {v} {known}",
                    f"add {v} {w}",
                    f"sub {v} {w}",
                    f"neg {v}",
                    f"select c {v} {w}",
                    f"select d {v} 0.0",
                    f"select d {known} {v}",
                )
            )
        )
        names.append(f"v{k}")
    lines.append(f"y = mul {names[-1]} 0.5")
    lines.append(f"out.2 = store out.1 i {draw.choice(names)}")
    before, after = texts("\n".join(lines))
    numbers = np.random.default_rng(seed)
    a, b = numbers.uniform(0.5, 1.5, 5), numbers.uniform(0.5, 1.5, 5)
    b[3] = a[3]
    np.testing.assert_allclose(outcome(after, 0.7, a, b), outcome(before, 0.7, a, b), rtol=1e-10, atol=1e-10)
