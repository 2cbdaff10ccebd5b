"""Find the `def` or `lambda` that the running function was compiled from.

    lines, node = located(f)

Every function of its file that bears its name is compiled and compared with the running bytecode (`bytecode.py`), so
that an edited file, or the wrong one of two lambdas on a line, is never read by mistake. Without a file the text is
taken that the function carries as `__srcdiff_source__`.
"""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import sys
import types
import warnings
from collections.abc import Hashable, Iterator
from typing import NamedTuple

from ..errors import SourceUnavailable
from .bytecode import AnyFunctionNode, compiled, compiled_like, shape
from .unwrap import definition_of


def located(function: types.FunctionType) -> tuple[tuple[str, ...], AnyFunctionNode]:
    """Return the lines of the file of `function`, and the node in them that compiles to its code."""
    code = function.__code__
    lines = lines_of_file(function)
    node = matching(lines, code) if lines else None
    carried = getattr(function, "__srcdiff_source__", None)
    if node is None and isinstance(carried, str):
        lines, node = located_in(carried, function)
    if node is not None:
        return lines, node
    name = function.__name__
    here = definition_of(function)
    if not lines:
        raise SourceUnavailable(
            f"the source of `{name}` cannot be read", None, *why_unreadable(code.co_filename), definition=here
        )
    if any(constant_name.startswith("@pytest_ar") for constant_name in code.co_names):
        raise SourceUnavailable(
            f"the source of `{name}` is not what runs",
            reason="pytest rewrote its `assert` statements at import",
            instead="move it out of the test module, or put PYTEST_DONT_REWRITE into the docstring there",
            definition=here,
        )
    raise SourceUnavailable(
        f"the source of `{name}` is not what runs",
        reason=f"no text there compiles to the running `{name}`; most often the file was edited since",
        instead="reload the module (or run the cell again) and pass the new function",
        definition=here,
    )


def why_unreadable(file: str) -> tuple[str, str]:
    """Return why there is no text under the name `file`, and what to do about it."""
    if file.startswith("<"):
        return (
            f"{file} is not a file, and the text it was compiled from was not kept",
            "define it in a file or a notebook cell; enter text that is run by exec() into linecache.cache",
        )
    return (
        f"{file} is not there, or not readable",
        "make the file available, or give the function its text as attribute `__srcdiff_source__`",
    )


def lines_of_file(function: types.FunctionType) -> tuple[str, ...]:
    """Return the lines of the file that `function` comes from, without line ends; none where no text is."""
    file = function.__code__.co_filename
    linecache.checkcache(file)
    lines = linecache.getlines(file, function.__globals__)
    if not lines:
        # Python 3.13 and later keep the text of `python -c` and of the prompt, and `inspect` finds it.
        try:
            lines = inspect.findsource(function.__code__)[0]
        except (OSError, TypeError):
            return ()
    return tuple(line.rstrip("\r\n") for line in lines)


def located_in(carried: str, function: types.FunctionType) -> tuple[tuple[str, ...], AnyFunctionNode | None]:
    """Return the same as `located` for a text made by `carried_text`, moved down to its line."""
    code = function.__code__
    first, _, rest = carried.partition("\n")
    imports, text = (first, rest) if first.startswith("import ") else ("", carried)
    if not text.lstrip().startswith(("def ", "async ", "@")):
        text = f"({text}\n)"
    # Where the text does not say what was imported, it is a guess: all modules.
    modules = {name for name, value in function.__globals__.items() if isinstance(value, types.ModuleType)}
    imported = frozenset(imports.removeprefix("import ").split(", ") if imports else modules)
    lines = tuple(text.split("\n"))
    node = matching(lines, code, imported)
    if node is None:
        return lines, None
    # The last lines are compared: the first ones need not agree, a decorator may stand above the `def`.
    found = compiled(node, code, sys.flags.optimize, imported)
    lines = ("",) * max(last_line(code) - last_line(found), 0) + lines
    return lines, matching(lines, code, imported)


def last_line(code: types.CodeType) -> int:
    return max(line for _, _, line in code.co_lines() if line is not None)


def matching(
    lines: tuple[str, ...], code: types.CodeType, imported: frozenset[str] | None = None
) -> AnyFunctionNode | None:
    """Return the function in `lines` that compiles to `code`, nearest to its line; None if none does.

    `imported` are the names that its module imports; by default those that `lines` do.
    """
    text = "\n".join(lines) + "\n"
    with warnings.catch_warnings():
        # Whatever the user's file makes the parser warn about, it warned about at import.
        warnings.simplefilter("ignore")
        try:
            module = parsed(text)
        except (SyntaxError, ValueError):  # ValueError: a null byte
            return None
        if imported is None:
            imported = module.imported
        # At its own line first; elsewhere too, since lines may have been added above since import.
        candidates = [node for node in module.functions if name_of(node) == code.co_name]
        candidates.sort(key=lambda node: abs(starts_at(node) - code.co_firstlineno))
        running = shape(code)
        best: AnyFunctionNode | None = None
        for node in candidates:
            if best is not None and starts_at(node) != starts_at(best):
                break
            found = compiled_like(node, code, running, imported)
            if found is None:
                continue
            if list(found.co_positions()) == list(code.co_positions()):
                return node
            best = best or node
        return best or matching_rewritten(text, code, running, imported)


def matching_rewritten(
    text: str, code: types.CodeType, running: Hashable, imported: frozenset[str]
) -> AnyFunctionNode | None:
    """Return the function in `text` that compiles to `code` once pytest has rewritten its `assert`s."""
    pytest_rewrite = sys.modules.get("_pytest.assertion.rewrite")
    if pytest_rewrite is None or not any(name.startswith("@pytest_ar") for name in code.co_names):
        return None
    module = ast.parse(text)
    pytest_rewrite.rewrite_asserts(module, text.encode())
    imported |= {"@pytest_ar", "@py_builtins"}
    for node in ast.walk(module):
        if not isinstance(node, AnyFunctionNode) or starts_at(node) != code.co_firstlineno:
            continue
        if name_of(node) == code.co_name and compiled_like(node, code, running, imported) is not None:
            place = (node.lineno, node.col_offset)
            return next(same for same in parsed(text).functions if (same.lineno, same.col_offset) == place)
    return None


class ParsedModule(NamedTuple):
    """Every `def`, `async def` and `lambda` of a module, nested ones too, and the names it imports."""

    functions: tuple[AnyFunctionNode, ...]
    imported: frozenset[str]


@functools.lru_cache(maxsize=16)
def parsed(text: str) -> ParsedModule:
    """Parse a module, once."""
    tree = ast.parse(text)
    functions = tuple(node for node in ast.walk(tree) if isinstance(node, AnyFunctionNode))
    return ParsedModule(functions, frozenset(imported_at_top(tree.body)))


def imported_at_top(statements: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that a module imports outside its functions.

    Python compiles the call of an attribute of such a name, even of a local one, in a way of its own.
    """
    for statement in statements:
        match statement:
            case ast.Import() | ast.ImportFrom():
                for alias in statement.names:
                    if alias.name != "*":
                        yield alias.asname or alias.name.split(".")[0]
            case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                for block in ("body", "orelse", "finalbody"):
                    yield from imported_at_top(getattr(statement, block, []))
                for handler in getattr(statement, "handlers", []):
                    yield from imported_at_top(handler.body)
            case _:
                pass


def name_of(node: AnyFunctionNode) -> str:
    return "<lambda>" if isinstance(node, ast.Lambda) else node.name


def starts_at(node: AnyFunctionNode) -> int:
    """Return the line that Python calls the first of a function: its first decorator's, if it has one."""
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])
