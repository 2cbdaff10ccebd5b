"""How control is printed."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.emit.parse import parse_ir
from srcdiff.emit.python import print_function
from srcdiff.ir.verify import verify

GUARDED = """\
f(x: f64[:], n: i64, s0: f64) {{
  c = gt n 0
  s.3 = if c {{
    {before}
    s.2 = for 0 n 1 {start} {{ (i s)
      v = load x i
      s.1 = add s v
      yield s.1
    }}
    yield s.2
  }} {{
    yield {otherwise}
  }}
  return s.3
}}"""


def printed(before: str = "y = load x 0", start: str = "0.0", otherwise: str = "0.0") -> str:
    function = parse_ir(GUARDED.format(before=before, start=start, otherwise=otherwise))
    verify(function, "test")
    return print_function(function)


def test_a_number_that_both_arms_start_from_is_set_before() -> None:
    assert (
        printed()
        == """\
def f(x, n, s0):
    c = n > 0
    s = 0.0
    if c:
        y = x[0]
        for i in range(n):
            v = x[i]
            s += v
    return s
"""
    )


def test_other_numbers_stay_in_their_arms() -> None:
    for text in (printed(otherwise="1.0"), printed(start="s0"), printed(before="y = load x 0", start="y")):
        assert "    else:\n" in text


def test_what_another_number_starts_from_is_not_overwritten() -> None:
    function = parse_ir("""\
f(x: f64[:], n: i64) {
  c = gt n 0
  s = load x 0
  s.4 r.4 = if c {
    s.3 r.3 = for 0 n 1 0.0 s { (i s.1 r.1)
      v = load x i
      s.2 = add s.1 v
      r.2 = mul r.1 v
      yield s.2 r.2
    }
    yield s.3 r.3
  } {
    yield 0.0 0.0
  }
  return s.4 r.4
}""")
    names: dict[str, Any] = {}
    exec(print_function(function), names)
    assert names["f"](np.array([2.0, 3.0]), 2) == (5.0, 12.0)
    assert names["f"](np.array([2.0, 3.0]), 0) == (0.0, 0.0)
