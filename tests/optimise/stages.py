"""Functions from text, and what each stage makes of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

from srcdiff import differentiate, pipeline
from srcdiff.differentiable import differentiable
from srcdiff.emit.python import print_function
from srcdiff.ir.core import Function
from srcdiff.optimise.fold import simplified

__all__ = ["as_printed", "loaded", "printed", "stages", "text_of"]


def loaded(text: str, folder: Path, name: str) -> Callable[..., Any]:
    path = folder / f"{name}.py"
    path.write_text(f"import math\nimport numpy as np\n\n\n{text}")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[..., Any] = module.f
    return found


def stages(
    f: Callable[..., Any], args: tuple[Any, ...], argnums: tuple[int, ...] = (0, 1)
) -> dict[str, Function]:
    of = differentiable(f)
    specs = of.specs(of.bind(args, {}))
    seen: dict[str, Function] = {}
    pipeline.gradient(of.program(specs), of.signature.plan(specs, argnums)[0], True, seen.__setitem__)
    return seen


def as_printed(f: Callable[..., Any], argnums: tuple[int, ...]) -> Callable[..., Any]:
    """The gradient of a function as plain Python: for `assert_gradient`, where compiling it would show nothing more."""

    def gradient(*args: Any) -> Any:
        names: dict[str, Any] = {}
        exec(differentiate(f, argnums=argnums).gradient_source(*args), names)
        return names[f"{f.__name__}_grad"](*args)

    return gradient


def text_of(function: Function) -> str:
    return print_function(simplified(function))


def printed(function: Function) -> Callable[..., Any]:
    """A program as plain Python."""
    names: dict[str, Any] = {}
    exec(text_of(function), names)
    found: Callable[..., Any] = names[function.name]
    return found
