"""How control is printed."""

from __future__ import annotations

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
