"""Find the source of a function that the user passes, and prove that it is the function that runs.

    @njit
    def f(x):                 FunctionSource(name="f", first_line=2, tree=<def f(x): ...>,
        return x * scale  ->                 numba_rules=True, partial_args=(1.0,), ...)

    read_source(partial(f, 1.0))

Known wrappers are taken off (`unwrap.py`). What is left is a plain function, whose text is found by comparing bytecode
(`definition.py`).

Reads: the file (through `linecache`, so notebook cells and doctests too), and the function's `__code__`.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import Location, UnsupportedConstruct
from .bytecode import FunctionNode, names_in
from .definition import located, parsed
from .unwrap import Kind, unwrap

__all__ = ["FunctionSource", "caller_of", "carried_text", "location_of", "read_source", "source_text"]


@dataclass(frozen=True)
class FunctionSource:
    """A function and the text it was made from.

    Attributes
    ----------
    function : function
        The plain Python function, all known wrappers taken off.
    name : str
        Its `__name__`; `<lambda>` for a lambda.
    file : str
        Its file as Python names it.
    first_line : int
        1-based line of the `def` or `lambda` (not of a decorator).
    tree : ast.FunctionDef or ast.Lambda
        Lines count from the start of the file, columns are those of the file. No decorators; its other nodes
        are shared by everything read from that file, so they are never to be edited.
    lines : tuple of str
        The lines of the file, without line ends.
    numba_rules : bool
        True where it came as something Numba compiles, so that Numba's promotion rules hold.
    partial_args, partial_keywords
        What `functools.partial` binds, nested ones flattened.
    kind : {"function", "njit", "vectorize", "guvectorize"}
        What it came as. `vectorize` means the function of one element, `guvectorize` of one core slice.
    layout : str
        The signature of a `guvectorize`, such as "(m,n),(n)->(m)"; else empty.
    dispatcher : Dispatcher, optional
        Where it came as that of Numba: to be called as it stands, should the text turn out to be refused.
    """

    function: types.FunctionType
    name: str
    file: str
    first_line: int
    tree: FunctionNode
    lines: tuple[str, ...]
    numba_rules: bool
    partial_args: tuple[Any, ...]
    partial_keywords: Mapping[str, Any]
    kind: Kind = "function"
    layout: str = ""
    dispatcher: Any = None


def read_source(obj: Any) -> FunctionSource:
    """Return the source of `obj`, proven to be the source of the function that runs.

    Parameters
    ----------
    obj : callable
        A function, lambda, closure, method, `functools.partial`, an object made by Numba's `@njit`, `@vectorize` or
        `@guvectorize`, one of ours, or one with a `__call__` written in Python. A function whose file is out of reach
        may carry its text (as `carried_text` gives it) in an attribute `__srcdiff_source__`.

    Raises
    ------
    UnsupportedConstruct
        For what is not a plain function underneath, or is wrapped by something that may change its result.
    SourceUnavailable
        Where there is no source, or the source is not the function that runs.

    Examples
    --------
    >>> import functools, textwrap
    >>> source = read_source(functools.partial(textwrap.indent, prefix="> "))
    >>> source.name, type(source.tree).__name__, source.partial_keywords
    ('indent', 'FunctionDef', {'prefix': '> '})
    """
    function, args, keywords, kind, layout, dispatcher = unwrap(obj)
    code = function.__code__
    lines, node = located(function)
    if isinstance(node, ast.AsyncFunctionDef):
        raise UnsupportedConstruct(
            "`async` functions are not supported",
            locate(node, code.co_filename, lines, function.__name__),
            reason="a coroutine can be suspended and resumed; its adjoint cannot",
            instead="a plain `def` for the numeric part",
        )
    return FunctionSource(
        function=function,
        name=function.__name__,
        file=code.co_filename,
        first_line=node.lineno,
        tree=without_decorators(node),
        lines=lines,
        numba_rules=kind != "function",
        partial_args=args,
        partial_keywords=keywords,
        kind=kind,
        layout=layout,
        dispatcher=dispatcher,
    )


def location_of(source: FunctionSource, node: ast.AST) -> Location:
    """Return where `node` stands: the first of its lines, and for a node without a place the `def`."""
    return locate(
        node if hasattr(node, "lineno") else source.tree, source.file, source.lines, source.function.__name__
    )


def caller_of(function: Any, parameters: Sequence[str]) -> types.FunctionType:
    """Return a function with a source that does nothing but call another one, which has none."""
    name = getattr(function, "__name__", "")
    name = name if name.isidentifier() else "function"
    called = "called" if name != "called" and "called" not in parameters else f"called_{name}"
    listed = ", ".join(parameters)
    text = f"def {name}({listed}):\n    return {called}({listed})\n"
    space = {called: function, "__name__": getattr(function, "__module__", None) or __name__}
    exec(compile(text, f"<call of {name}>", "exec"), space)
    made: types.FunctionType = space[name]
    made.__dict__["__srcdiff_source__"] = text
    return made


def source_text(source: FunctionSource) -> str:
    """Return the text of the function alone, dedented and without decorators: to hash, or to carry along.

    Lines inside a multi-line string are left as they are, since their indentation is part of the value.
    """
    node = source.tree
    last = node.end_lineno or node.lineno
    picked = list(source.lines[node.lineno - 1 : last])
    picked[-1] = characters(picked[-1], node.end_col_offset)
    picked[0] = picked[0][len(characters(picked[0], node.col_offset)) :]
    if isinstance(node, ast.Lambda):
        return "\n".join(picked)
    kept = inside_strings(node)
    margin = node.col_offset
    for number, line in enumerate(picked[1:], start=1):
        if node.lineno + number not in kept:
            picked[number] = line[min(margin, len(line) - len(line.lstrip())) :]
    return "\n".join(picked) + "\n"


def carried_text(source: FunctionSource) -> str:
    """Return what `__srcdiff_source__` of a function is to hold, for a process that cannot read its file.

    That is `source_text`, below a line with those imports of its file that bear on how Python compiles it.
    """
    imported = parsed("\n".join(source.lines) + "\n").imported.intersection(
        names_in(source.function.__code__)
    )
    return (f"import {', '.join(sorted(imported))}\n" if imported else "") + source_text(source)


def without_decorators(node: FunctionNode) -> FunctionNode:
    if isinstance(node, ast.Lambda) or not node.decorator_list:
        return node
    fields = {**dict(ast.iter_fields(node)), "decorator_list": []}
    return ast.copy_location(ast.FunctionDef(**fields), node)


def locate(node: Any, file: str, lines: tuple[str, ...], function: str) -> Location:
    """Return the place of a node that has one."""
    text = lines[node.lineno - 1]
    start = len(characters(text, node.col_offset))
    one_line = node.end_lineno == node.lineno
    end = len(characters(text, node.end_col_offset) if one_line else text.rstrip())
    return Location(file, node.lineno, start, max(end, start), text, function)


def characters(line: str, offset: int | None) -> str:
    """Return the first `offset` bytes of `line`, which is how `ast` counts columns."""
    return line if offset is None else line.encode()[:offset].decode(errors="ignore")


def inside_strings(node: ast.AST) -> set[int]:
    """Return the lines that begin inside a string constant."""
    kept: set[int] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.JoinedStr) or (
            isinstance(inner, ast.Constant) and isinstance(inner.value, str | bytes)
        ):
            kept.update(range(inner.lineno + 1, (inner.end_lineno or inner.lineno) + 1))
    return kept
