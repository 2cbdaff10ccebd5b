"""The dump of the IR: text that a test can compare.

f(x: f64) {
  t1 = sin x
  y = mul t1 2.0
  return y
}
"""

from __future__ import annotations

from ..ir import types as ty
from ..ir.core import Block, Function, Op, Value

INDENT = "  "


class Namer:
    """Unique names: the user's where there is one, else `t1`, `t2`, ..."""

    def __init__(self) -> None:
        self.names: dict[Value, str] = {}
        self.taken: set[str] = set()
        self.count = 0

    def define(self, value: Value) -> str:
        name = value.name
        if not name:
            self.count += 1
            name = f"t{self.count}"
        base, k = name, 0
        while name in self.taken:
            k += 1
            name = f"{base}.{k}"
        self.taken.add(name)
        self.names[value] = name
        return name

    def use(self, value: Value) -> str:
        if value.is_constant:
            return repr(value.constant)
        return self.names.get(value, "?" + value.name)


def show(function: Function) -> str:
    """The function as text.

    Parameters
    ----------
    function : Function

    Returns
    -------
    str
    """
    namer = Namer()
    parameters = ", ".join(f"{namer.define(p)}: {ty.name_of(p.type)}" for p in function.parameters)
    lines = [f"{function.name}({parameters}) {{"]
    show_block(function.body, namer, INDENT, lines)
    results = " ".join(map(namer.use, function.results))
    lines.append(f"{INDENT}return {results}".rstrip())
    lines.append("}")
    return "\n".join(lines)


def show_block(block: Block, namer: Namer, indent: str, lines: list[str]) -> None:
    for op in block.ops:
        show_op(op, namer, indent, lines)


def show_op(op: Op, namer: Namer, indent: str, lines: list[str]) -> None:
    operands = " ".join(map(namer.use, op.operands))
    attributes = "".join(
        f" {key}={value!r}" for key, value in op.attributes.items() if isinstance(value, (bool, int, str))
    )
    head = f"{op.primitive}{attributes} {operands}".rstrip()
    if not op.regions:
        results = " ".join(map(namer.define, op.results))
        lines.append(indent + (f"{results} = {head}" if results else head))
        return
    start = len(lines)
    lines.append("")
    for k, region in enumerate(op.regions):
        parameters = " ".join(map(namer.define, region.parameters))
        opening = "{" if k == 0 else "} {"
        if k:
            lines.append(indent + opening + (f" ({parameters})" if parameters else ""))
        else:
            opening += f" ({parameters})" if parameters else ""
            first = opening
        show_block(region, namer, indent + INDENT, lines)
        if region.results:
            lines.append(f"{indent}{INDENT}yield {' '.join(map(namer.use, region.results))}")
    lines.append(indent + "}")
    results = " ".join(map(namer.define, op.results))
    lines[start] = f"{indent}{results} = {head} {first}" if results else f"{indent}{head} {first}"
