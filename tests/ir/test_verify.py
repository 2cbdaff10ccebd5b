"""The verifier accepts what the stages give, and names what is wrong with a function that breaks a rule.

What the stages give is also read back from its dump.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from srcdiff.emit.parse import parse_ir
from srcdiff.emit.show import show
from srcdiff.errors import InternalError
from srcdiff.ir import types as ty
from srcdiff.ir.core import Block, Op, Value
from srcdiff.ir.verify import verified, verify
from tests.ir.stages import readable_programs, stages_of
from tests.programs import Program
from tests.sampling import sampled

GOOD = """\
f(x: f64[:], n: i64) {
  a = copy x
  s.2 a.3 = for 0 n 1 0.0 a { (i s a.1)
    v = load a.1 i
    s.1 = add s v
    a.2 = store a.1 i s.1
    yield s.1 a.2
  }
  t1 = gt s.2 0.0
  y = if t1 {
    t2 = load a.3 0
    yield t2
  } {
    yield s.2
  }
  trips y.3 = while y { (y.1)
    t3 = lt y.1 100.0
    yield t3
  } { (y.2)
    t4 = mul y.2 2.0
    yield t4
  }
  return y.3
}"""


@pytest.mark.parametrize("program", sampled(readable_programs(), 4), ids=lambda program: program.name)
def test_every_stage_of_the_corpus(program: Program) -> None:
    for optimise in (True, False):
        for stage, function, ideal in stages_of(program, optimise):
            verify(function, stage, ideal)
            if optimise:
                text = show(function)
                assert show(parse_ir(text)) == text, stage


def test_well_formed() -> None:
    verify(parse_ir(GOOD))
    verified(parse_ir(GOOD))


def test_a_finished_function_reads_nothing_out_of_scope() -> None:
    function = parse_ir(GOOD)
    loop = next(op for op in function.body.ops if op.regions)
    inside = loop.regions[0].ops[0].result
    with pytest.raises(InternalError, match=r"reads .* where it is not defined"):
        verified(replace(function, body=replace(function.body, results=(inside,))))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("v = load a.1 i", "v = load a i", "`load` reads %a, which `for` has consumed"),
        ("t2 = load a.3 0", "t2 = load a 0", "`load` reads %a, which `for` has consumed"),
        ("t2 = load a.3 0", "t2 = load a.1 0", "where it is not defined"),
        ("yield s.1 a.2", "yield s.1 a.1", "consumes %a in every trip|reads %a, which `store` has consumed"),
        ("s.1 = add s v", "s.1 = lt s v", "takes %s: bool for %s: f64"),
        ("v = load a.1 i", "v = load a.1 i i", "`load` at 2 indices of 1 axes"),
        ("v = load a.1 i", "v = load a.1 s", "`load` at %s, no integer"),
        ("v = load a.1 i", "v = load s", "`load` of %s, which is no array"),
        ("for 0 n 1", "for 0 n 0.5", "`for` has the bound 0.5, no integer"),
        ("yield t2", "yield t1", "`if` takes %.*: bool for %y: f64|`if` takes"),
        ("yield t2", "yield t2 t2", "`if` needs one boolean"),
        ("y = if t1 {", "y = if s.2 {", "`if` needs one boolean"),
        ("yield s.1 a.2", "yield s.1", "`for` carries 2 values"),
        ("t3 = lt y.1 100.0", "t3 = add y.1 100.0", "`while` carries 1 values"),
        ("yield t4", "yield t4 t4", "`while` carries 1 values"),
    ],
)
def test_broken(old: str, new: str, problem: str) -> None:
    assert old in GOOD
    with pytest.raises(InternalError, match=problem) as caught:
        verify(parse_ir(GOOD.replace(old, new, 1)), "fold")
    assert "after `fold`" in str(caught.value)


def test_value_defined_twice() -> None:
    x = Value("x", ty.float64)
    y = Value("y", ty.float64)
    op = Op("neg", (x,), (y,))
    function = parse_ir("f(x: f64) {\n  return x\n}")
    with pytest.raises(InternalError, match="`neg` defines %y a second time"):
        verify(replace(function, body=Block((x,), (op, op), (y,))))


def test_store_into_what_the_loop_does_not_carry() -> None:
    text = """\
f(x: f64[:], n: i64) {
  for 0 n 1 { (i)
    y = store x i 0.0
  }
  return 0.0
}"""
    with pytest.raises(InternalError, match="consumes %x in every trip of a loop that does not carry it"):
        verify(parse_ir(text))
    scratch = text.replace("  for", "  x.1 = alloc fill='empty' tape=True n\n  for").replace(
        "store x ", "store x.1 "
    )
    verify(parse_ir(scratch))


def test_consumed_in_one_arm() -> None:
    text = """\
f(x: f64[:], c: bool) {
  if c {
    y = store x 0 0.0
  } {
    t1 = load x 0
  }
  t2 = load x 0
  return t2
}"""
    with pytest.raises(InternalError, match="`load` reads %x, which `store` has consumed"):
        verify(parse_ir(text))
    verify(parse_ir(text.replace("  t2 = load x 0\n", "").replace("return t2", "return 0.0")))


def test_ideal_adjoint_reads_what_is_gone() -> None:
    text = """\
f(x: f64[:]) {
  y = store x 0 0.0
  t1 = load x 0
  return t1
}"""
    verify(parse_ir(text), ideal=True)
    with pytest.raises(InternalError, match="has consumed"):
        verify(parse_ir(text))


def test_ideal_adjoint_reads_nothing_that_nobody_defines() -> None:
    function = parse_ir("f(x: f64) {\n  return x\n}")
    stranger = Value("z", ty.float64)
    with pytest.raises(InternalError, match="reads %z, which nothing defines"):
        verify(replace(function, body=replace(function.body, results=(stranger,))), ideal=True)
