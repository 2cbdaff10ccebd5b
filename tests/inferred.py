"""Numba's type inference alone, a third of what compiling costs.

    infer(function, types)      the type of what `function` returns; raises as compiling does where Numba finds no types

With the text run by CPython besides, which raises where compiled code would read out of bounds, this stands in for
compiling where the same operations are compiled elsewhere: lowering and LLVM see them one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import AnalysisPass, PassManager, register_pass

__all__ = ["infer"]


class Inferred(BaseException):
    """The type of what a function returns. Numba wraps what is an `Exception`."""


@register_pass(mutates_CFG=False, analysis_only=True)
class EndOfInference(AnalysisPass):
    """Give the type of the result, and compile no further."""

    _name = "end_of_inference"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        raise Inferred(state.return_type)


class Inference(CompilerBase):
    def define_pipelines(self) -> list[PassManager]:
        passes = PassManager("inference")
        for part in (DefaultPassBuilder.define_untyped_pipeline, DefaultPassBuilder.define_typed_pipeline):
            passes.passes.extend(part(self.state).passes)
        passes.add_pass(EndOfInference, "end of inference")
        passes.finalize()
        return [passes]


def infer(function: Callable[..., Any], types: tuple[Any, ...]) -> Any:
    dispatcher = numba.njit(error_model="numpy", pipeline_class=Inference)(function)
    try:
        dispatcher.compile(types)
    except Inferred as done:
        return done.args[0]
    raise AssertionError("inference ends in the last of its passes")
