"""The outcome of every stage for the golden programs, as text. Run as a program, it prints them all."""

from __future__ import annotations

import ast
import re
from typing import Any

from srcdiff import differentiate, pipeline
from srcdiff.differentiable import differentiable
from srcdiff.emit.show import show
from tests.golden.programs import PROGRAMS

STAGES = ("parse", "adjoint", "residuals", "clean")


def stages(function: Any, args: tuple[Any, ...], argnums: Any) -> dict[str, str]:
    """The dump of each stage, and the printed source."""
    of = differentiable(function)
    specs = of.specs(of.bind(args, {}))
    program = of.program(specs)
    texts = {"parse": show(program.function)}

    def hook(stage: str, outcome: Any) -> None:
        if stage in STAGES:
            texts[stage] = show(outcome)

    wrt, _ = of.signature.plan(specs, of.signature.indices(argnums))
    pipeline.gradient(program, wrt, True, hook)
    return texts


def printed(function: Any, args: tuple[Any, ...], argnums: Any) -> str:
    """The gradient as Python source."""
    return differentiate(function, argnums=argnums).gradient_source(*args)


def golden(function: Any, args: tuple[Any, ...], argnums: Any) -> str:
    """All of it in one text, lines counted from the `def`."""
    first = function.__code__.co_firstlineno
    sections = {**stages(function, args, argnums), "printed": printed(function, args, argnums)}
    text = "\n".join(f"======== {stage}\n\n{text.strip()}\n" for stage, text in sections.items())
    return re.sub(r"(?<= line )\d+", lambda found: f"{int(found[0]) - first:+d}", text)


def entry(text: str, function: Any) -> str:
    """The name of the gradient in its printed source."""
    names = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    assert f"{function.__name__}_grad" in names
    return f"{function.__name__}_grad"


if __name__ == "__main__":
    for row in PROGRAMS:
        print(golden(*row))
