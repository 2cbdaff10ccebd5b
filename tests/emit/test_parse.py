"""The dump is read back as it was; that of all stages in tests/ir/test_verify.py."""

from __future__ import annotations

import pytest

from srcdiff.emit.parse import parse_ir
from srcdiff.emit.show import show
from srcdiff.ir import types as ty


def test_what_is_read() -> None:
    function = parse_ir("""\
loss(x: f32[:, : F], n: i64, flag: bool) {
  require error='ValueError' message='n = 2 {' flag
  s.2 = for descending=True token=3 0 n 1 0.0 { (i s)
    v = load x i 0
    t1 = mul v 2.0
    s.1 = add s t1
    yield s.1
  }
  t2 = pow s.2 2
  return t2
}""")
    assert function.name == "loss"
    assert [p.type for p in function.parameters] == [ty.array(ty.float32, 2, "F"), ty.int64, ty.boolean]
    require, loop, power = function.body.ops
    assert require.attributes == {"error": "ValueError", "message": "n = 2 {"}
    assert require.results == () and require.operands == (function.parameters[2],)
    assert loop.attributes == {"descending": True, "token": 3}
    load, product, _ = loop.regions[0].ops
    assert load.result.type == product.result.type == product.operands[1].type == ty.float32
    assert power.operands[1].type == ty.int64 and power.operands[0] is loop.result
    assert (load.result.name, product.result.name) == ("v", "")


@pytest.mark.parametrize(
    "body",
    [
        "  t1 = select c x -1e-05\n  return t1",
        "  t1 = mul (-0-1j) x\n  t2 = add t1 2j\n  t3 = sub t2 (nan+1j)\n  return t3",
        "  t1 = add x inf\n  return t1 nan -inf",
        "  t1 = opaque text='np.sum({}, \"a\\'b\")' x\n  return t1",
        "  t1 = add x x\n  t1.1 = add t1 t1\n  t2 = add t1.1 x\n  return t2",
        "  if c {\n  } {\n    raise error='E' message=''\n  }\n  return",
        "  trips y = while leaves=True x { (y.1)\n    yield True\n  } { (y.2)\n    yield c y.2\n  }\n  return y trips",
    ],
)
def test_round_trip(body: str) -> None:
    text = f"f(x: f64, c: bool) {{\n{body}\n}}"
    function = parse_ir(text)
    assert [p.name for p in function.parameters] == ["x", "c"]
    again = show(function)
    assert show(parse_ir(again)) == again
    if "y.1" not in body:  # results are numbered after the regions
        assert again == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [("f(x: f64) {\n  y = sin z\n  return y\n}", "line 2 .*`z`"), ("f(x: f64)\n", "line 1 .*cannot be read")],
)
def test_nonsense_is_named(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_ir(text)
