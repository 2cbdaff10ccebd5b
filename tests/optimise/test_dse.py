"""Stores that nothing reads again go, all others stay."""

from __future__ import annotations

import pytest

from srcdiff.emit.parse import parse_ir
from srcdiff.ir.verify import verify
from srcdiff.ir.walk import ops_within
from srcdiff.optimise.dse import eliminate_dead_stores


def stores_left(body: str) -> int:
    function = parse_ir(f"f(x: f64[:], n: i64, k: i64) {{\n{body}\n}}")
    verify(function, "test")
    after = eliminate_dead_stores(function)
    verify(after, "dse")
    return sum(op.primitive in ("store", "accum") for op in ops_within(after.body))


def cleared(
    read: str = "i", *, loop: str = "0 n 1", made: str = "zeros_like x", behind: str = "", written: str = "i"
) -> str:
    """An array that is filled, then read and cleared in a second loop."""
    return f"""\
  n0 = shape axis=0 x
  u.0 = {made}
  u.3 = for 0 n0 1 u.0 {{ (j u.1)
    v = load x j
    u.2 = store u.1 j v
    yield u.2
  }}
  u.9 s.9 = for {loop} u.3 0.0 {{ (i u.4 s)
    h = sub i 1
    m = add i 1
    g = load u.4 {read}
    u.5 = store u.4 {written} 0.0
    s.1 = add s g
    yield u.5 s.1
  }}
{behind}
  return s.9"""


def test_what_no_trip_reads_again() -> None:
    assert stores_left(cleared()) == 1
    assert (
        stores_left(cleared("m")) == 1
    )  # the next trip reads the element after the one that it reads itself
    assert stores_left(cleared("h", loop="1 n 1", written="h")) == 1
    assert stores_left(cleared("i", behind="  p = shape axis=0 u.9")) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (cleared("h", loop="1 n 1"), "the next trip reads it"),
        (cleared("k"), "k may be any index"),
        (cleared("i", loop="k n 1"), "a negative index is another element"),
        (cleared(behind="  t = load u.9 k"), "read behind the loop"),
        (cleared(behind="  t = copy u.9"), "copied behind the loop"),
        (cleared(behind="  t = opaque text='np.sum({})' u.9"), "given to a function"),
        (cleared(made="copy x").replace("return s.9", "return s.9 u.9"), "returned"),
        (cleared(behind="  release u.9"), "the next trip around it expects zeros"),
    ],
    ids=lambda text: text if "\n" not in text else "",
)
def test_what_may_be_read(body: str, reason: str) -> None:
    assert stores_left(body) == 2, reason


def test_what_the_condition_of_a_while_reads() -> None:
    body = """\
  n0 = shape axis=0 x
  u.0 = zeros_like x
  u.3 = for 0 n0 1 u.0 { (j u.1)
    v = load x j
    u.2 = store u.1 j v
    yield u.2
  }
  trips u.7 = while u.3 { (u.4)
    m = mod k 3
    g = load u.4 m
    c = gt g 0.5
    yield c
  } { (u.5)
    u.6 = store u.5 1 0.0
    yield u.6
  }
  return trips"""
    assert stores_left(body) == 2


def test_arguments_are_the_callers() -> None:
    assert stores_left("  x.1 = store x 0 1.0\n  return n") == 1


def test_what_is_added_and_never_read() -> None:
    added = """\
  u = zeros_like x
  u.9 = for 0 n 1 u { (i u.1)
    v = load x i
    u.2 = accum u.1 0 v
    yield u.2
  }
"""
    assert stores_left(f"{added}  return n") == 0
    assert stores_left(f"{added}  s = load u.9 0\n  return s") == 1


def test_the_next_trip_of_a_loop_around() -> None:
    text = """\
  n0 = shape axis=0 x
  u.0 = zeros_like x
  u.9 s.9 = for 0 k 1 u.0 0.0 { (r u.1 s)
    u.8 s.8 = for 0 n0 1 u.1 s { (i u.2 s.1)
      g = load u.2 i
      u.3 = store u.2 i 1.0
      s.2 = add s.1 g
      yield u.3 s.2
    }
    yield u.8 s.8
  }
  return s.9"""
    assert stores_left(text) == 1


@pytest.mark.parametrize(("end", "left"), [("k", 1), ("l", 2)])
def test_in_a_flat_array(end: str, left: int) -> None:
    """`i * k + j` is another element for any other i and j, if j ends at k; at k + 1 it is not."""
    text = f"""\
  k0 = shape axis=0 x
  l0 = add k0 1
  n0 = mul k0 l0
  u.0 = alloc fill='empty' n0
  u.3 = for 0 n0 1 u.0 {{ (j.1 u.1)
    u.2 = store u.1 j.1 1.0
    yield u.2
  }}
  u.9 s.9 = for 0 k0 1 u.3 0.0 {{ (i u.4 s)
    u.8 s.8 = for 0 {end}0 1 u.4 s {{ (j u.5 s.1)
      p = mul i k0
      q = add p j
      g = load u.5 q
      u.6 = store u.5 q 0.0
      s.2 = add s.1 g
      yield u.6 s.2
    }}
    yield u.8 s.8
  }}
  return s.9"""
    assert stores_left(text) == left
