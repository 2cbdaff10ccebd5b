"""Translate a kernel so that a thread of it can be run step by step: a generator that yields where threads meet.

    cuda.syncthreads()                                yield "barrier", 7
    v = cuda.shfl_down_sync(mask, v, 16)       ->     v = yield "shuffle", 8, v, 16
    total = device_function(x)                        total = yield from device_function(x)     # if that meets others
    t = 0.5 * v                                       t = float64_0 * v

A function without such a point stays a function.
"""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from .emulated_device import Mathematics, Run


class Threads(ast.NodeTransformer):
    """Makes a function a generator that yields where threads meet."""

    def __init__(self, meeting: set[str], file: str) -> None:
        self.meeting, self.file = meeting, file
        self.meets = False
        self.constants: dict[str, Any] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.decorator_list = []
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> Any:
        if not isinstance(node.value, float):
            return node
        name = f"float64_{len(self.constants)}"
        self.constants[name] = np.float64(node.value)
        return ast.copy_location(ast.Name(name, ast.Load()), node)

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        match called(node):
            case "cuda.syncthreads":
                self.meets = True
                return meeting_point(("barrier", node.lineno), node)
            case "cuda.shfl_down_sync":
                self.meets = True
                return meeting_point(("shuffle", node.lineno), node, *node.args[1:])
            case "cuda.shared.array" | "cuda.local.array":
                given = {k.arg: k.value for k in node.keywords}
                shape, dtype = (*node.args, *(given[k] for k in ("shape", "dtype") if k in given))
                place = (self.file, node.lineno, node.col_offset)
                site = ast.Tuple([ast.Constant(part) for part in place], ast.Load())
                return ast.copy_location(ast.Call(node.func, [shape, dtype, site], []), node)
            case name if name in self.meeting:
                self.meets = True
                return ast.copy_location(ast.YieldFrom(node), node)
        return node


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def meeting_point(event: tuple[str, int], node: ast.Call, *operands: ast.expr) -> ast.expr:
    parts: list[ast.expr] = [ast.Constant(part) for part in event]
    return ast.copy_location(ast.Yield(ast.Tuple([*parts, *operands], ast.Load())), node)


class Kernel:
    """A function for the emulator: its name, what builds it for a run, and whether its threads meet."""

    def __init__(self, name: str, parameters: list[str], build: Callable[[Run], Any], meets: bool) -> None:
        self.name, self.parameters, self.build, self.meets = name, parameters, build, meets


def emulated_function(source: str | Callable[..., Any], name: str = "") -> Kernel:
    """Translate a kernel for the emulator.

    Parameters
    ----------
    source : str or function
        The text of a module, or a kernel as Python function (also under `cuda.jit`); device functions that it calls
        are translated along.
    name : str
        The kernel in a module.
    """
    if isinstance(source, str):
        return from_text(source, name)
    return from_function(source)


def from_text(text: str, name: str) -> Kernel:
    tree = ast.parse(text)
    tree.body = [node for node in tree.body if not is_import_of_numba(node)]
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    parameters = [a.arg for a in functions[name].args.args]
    meeting: set[str] = set()
    for function_name, node in functions.items():  # a callee comes before its callers
        if any(
            called(call) in meeting | {"cuda.syncthreads", "cuda.shfl_down_sync"}
            for call in ast.walk(node)
            if isinstance(call, ast.Call)
        ):
            meeting.add(function_name)
    translation = Threads(meeting, name)
    code = compile(ast.fix_missing_locations(translation.visit(tree)), f"<emulated {name}>", "exec")

    def build(run: Run) -> Any:
        space: dict[str, Any] = {"cuda": run, **translation.constants}
        exec(code, space)
        space["math"] = Mathematics()
        return space[name]

    return Kernel(name, parameters, build, name in meeting)


def is_import_of_numba(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "numba"


def from_function(function: Any) -> Kernel:
    function = plain(function)
    translated: dict[Any, tuple[Any, bool, dict[str, Any], dict[str, Any]]] = {}

    def translate(f: FunctionType) -> bool:
        if f in translated:
            return translated[f][1]
        names = {**f.__globals__}
        for variable, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            names[variable] = cell.cell_contents
        used = {*f.__code__.co_names, *f.__code__.co_freevars}
        callees = {n: g for n in used if isinstance(g := plain(names.get(n)), FunctionType) and is_users(g)}
        meeting = {n for n, g in callees.items() if g is not f and translate(g)}
        tree = ast.parse(textwrap.dedent(inspect.getsource(f)))
        translation = Threads(meeting, f"{f.__module__}.{f.__name__}")
        tree = ast.fix_missing_locations(translation.visit(tree))
        code = compile(tree, f"<emulated {f.__name__}>", "exec")
        translated[f] = code, translation.meets, {**names, **translation.constants}, callees
        return translation.meets

    meets = translate(function)

    def build(run: Run) -> Any:
        built: dict[Any, Any] = {}

        def make(f: FunctionType) -> Any:
            if f not in built:
                code, _, names, callees = translated[f]
                space = {**names, "cuda": run, **{n: make(g) for n, g in callees.items() if g is not f}}
                space.update({n: Mathematics() for n, v in names.items() if v is math})
                exec(code, space)
                built[f] = space[f.__name__]
            return built[f]

        return make(function)

    return Kernel(function.__name__, list(inspect.signature(function).parameters), build, meets)


def plain(function: Any) -> Any:
    """The Python function behind a dispatcher or a decorated function."""
    for attribute in ("__srcdiff_function__", "py_func"):
        inner = getattr(function, attribute, None)
        if inner is not None and not isinstance(function, type):
            return plain(inner)
    return function


def is_users(function: FunctionType) -> bool:
    return (function.__module__ or "").split(".")[0] not in ("numpy", "numba", "math")


__all__ = ["Kernel", "emulated_function"]
