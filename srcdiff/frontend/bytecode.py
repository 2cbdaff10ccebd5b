"""Compare the text of a function with the bytecode that runs.

    compiled_like(<def f(x): ...>, f.__code__, shape(f.__code__), imported)    ->    the same code, or None

A `def` or `lambda` is compiled alone, in surroundings that make its names mean what they mean where it stands. Two
codes are the same if they do the same: where they stand, and the names of what is around them, do not count.
"""

from __future__ import annotations
import __future__

import ast
import inspect
import sys
import types
from collections.abc import Hashable, Iterator
from typing import Any

FunctionNode = ast.FunctionDef | ast.Lambda
AnyFunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def compiled_like(
    node: AnyFunctionNode, code: types.CodeType, running: Hashable, imported: frozenset[str]
) -> types.CodeType | None:
    """Return the code of `node` if it is the same as `code`, whose shape is `running`; else None."""
    # A pickled function may come from an interpreter with another -O.
    for level in sorted(range(3), key=lambda level: level != sys.flags.optimize):
        found = compiled(node, code, level, imported)
        if shape(found) == running:
            return found
    return None


def compiled(
    node: AnyFunctionNode, code: types.CodeType, level: int, imported: frozenset[str]
) -> types.CodeType:
    """Compile `node` alone, in surroundings that make names mean what they mean in `code`."""
    frames: list[str] = []
    class_name = enclosing_class(code.co_qualname)
    # An outer function makes the free variables cells, a class makes the mangling of `__private` names.
    if code.co_freevars:
        frames.append(f"def outer({', '.join(code.co_freevars)}):")
        if class_name and class_name not in code.co_freevars:
            frames[0] += f"\n global {class_name}"
    if class_name:
        frames.append(f"class {class_name}:")
    frames.append("_ = None")
    module = ast.parse("\n".join(" " * depth + frame for depth, frame in enumerate(frames)))
    innermost: Any = module
    for _ in frames[:-1]:
        innermost = innermost.body[-1]
    bare = without_surroundings(node)
    if isinstance(bare, ast.Lambda):
        innermost.body[-1].value = bare
    else:
        innermost.body[-1] = bare
    used = [ast.alias(name) for name in sorted(imported.intersection(names_in(code)))]
    if used:
        module.body.insert(0, ast.fix_missing_locations(ast.Import(used)))
    result: types.CodeType = compile(
        module,
        code.co_filename,
        "exec",
        flags=code.co_flags & __future__.annotations.compiler_flag,
        dont_inherit=True,
        optimize=level,
    )
    for _ in frames:
        result = next(constant for constant in result.co_consts if isinstance(constant, types.CodeType))
    return result


def names_in(code: types.CodeType) -> Iterator[str]:
    """Yield the names, local ones too, and the attributes that `code` and the functions in it use."""
    yield from (*code.co_names, *code.co_varnames, *code.co_cellvars, *code.co_freevars)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from names_in(constant)


def enclosing_class(qualname: str) -> str | None:
    """Return the innermost class around the function of that qualified name.

    >>> enclosing_class("Model.fit.<locals>.loss"), enclosing_class("run.<locals>.loss")
    ('Model', None)
    """
    parts = qualname.split(".")
    for part, after in zip(reversed(parts[:-1]), reversed(parts[1:]), strict=True):
        if part.isidentifier() and after != "<locals>":
            return part
    return None


def without_surroundings(node: AnyFunctionNode) -> AnyFunctionNode:
    """Return `node` less everything that is evaluated outside of it: decorators, defaults, annotations."""
    args = node.args
    fields = dict(ast.iter_fields(node))
    fields["args"] = ast.arguments(
        posonlyargs=[unannotated(arg) for arg in args.posonlyargs],
        args=[unannotated(arg) for arg in args.args],
        vararg=args.vararg and unannotated(args.vararg),
        kwonlyargs=[unannotated(arg) for arg in args.kwonlyargs],
        kw_defaults=[None for _ in args.kwonlyargs],
        kwarg=args.kwarg and unannotated(args.kwarg),
        defaults=[],
    )
    if not isinstance(node, ast.Lambda):
        fields["decorator_list"] = []
        fields["returns"] = None
        if "type_params" in fields:
            fields["type_params"] = []
    return ast.copy_location(type(node)(**fields), node)


def unannotated(arg: ast.arg) -> ast.arg:
    return ast.copy_location(ast.arg(arg=arg.arg), arg)


# What the way it is nested, its docstring and the like leave alone.
CALLING = (
    inspect.CO_VARARGS
    | inspect.CO_VARKEYWORDS
    | inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
)


def shape(code: types.CodeType) -> Hashable:
    """Return all of `code` that decides what it does; not its place, nor the names of what is around it."""
    return (
        code.co_name,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags & CALLING,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_code,
        code.co_exceptiontable,
        tuple(constant_shape(constant) for constant in code.co_consts),
    )


def constant_shape(constant: Any) -> Hashable:
    """Return a key that tells 1 from 1.0 and True, 0.0 from -0.0, and equals itself for NaN."""
    match constant:
        case types.CodeType():
            return shape(constant)
        case tuple():
            return ("tuple", *(constant_shape(item) for item in constant))
        case frozenset():
            return ("frozenset", frozenset(constant_shape(item) for item in constant))
        case slice():
            return (
                "slice",
                *(constant_shape(item) for item in (constant.start, constant.stop, constant.step)),
            )
        case float() | complex():
            return (type(constant), repr(constant))
        case _:
            return (type(constant), constant)
