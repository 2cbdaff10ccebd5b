"""Find the source of a function that the user passes, and prove that it is the function that runs.

    @njit
    def f(x):                 FunctionSource(name="f", first_line=2, tree=<def f(x): ...>,
        return x * scale  ->                 numba_rules=True, partial_args=(1.0,), ...)

    read_source(partial(f, 1.0))

Wrappers whose meaning is known are taken off: Numba's, ours, `functools.partial`. Any other wrapper may
change the result and is refused. What is left is a plain function; each `def` or `lambda` of its file that
could be it is compiled and compared with the running bytecode, so that an edited file, or the wrong one of
two lambdas on a line, is never read by mistake.

Reads: the file (through `linecache`, so notebook cells and doctests too), and the function's `__code__`.
"""

from __future__ import annotations
import __future__

import ast
import functools
import inspect
import linecache
import sys
import types
import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, NoReturn

import numpy as np
from numba.core.registry import CPUDispatcher
from numba.np.ufunc.dufunc import DUFunc
from numba.np.ufunc.gufunc import GUFunc

from ..errors import DifferentiationError, Location, SourceUnavailable, UnsupportedConstruct

__all__ = ["FunctionSource", "carried_text", "location_of", "plain_function", "read_source", "source_text"]

FunctionNode = ast.FunctionDef | ast.Lambda
AnyFunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Kind = Literal["function", "njit", "vectorize", "guvectorize"]


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


class Unwrapped(NamedTuple):
    """A plain function and what its wrappers said."""

    function: types.FunctionType
    args: tuple[Any, ...]
    keywords: dict[str, Any]
    kind: Kind
    layout: str
    dispatcher: Any


def read_source(obj: Any) -> FunctionSource:
    """Return the source of `obj`, proven to be the source of the function that runs.

    Parameters
    ----------
    obj : callable
        A function, lambda, closure, `functools.partial`, an object made by Numba's `@njit`, `@vectorize` or
        `@guvectorize`, or an object of ours. A function whose file is out of reach may carry its text (as
        `carried_text` gives it) in an attribute `__srcdiff_source__`.

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


# --- What the user passed -----------------------------------------------------------------------------------


def unwrap(obj: Any) -> Unwrapped:
    """Take off the wrappers whose meaning is known, down to a plain function; refuse every other one."""
    args: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}
    kind: Kind = "function"
    layout = ""
    dispatcher = None
    while True:
        # `functools.wraps` copies attributes, so a stranger's wrapper around one of our objects has our
        # attribute too; it is ours only if it says the same as `__wrapped__`.
        inner = None if isinstance(obj, type) else attribute(obj, "__srcdiff_function__")
        if inner is not None and inner is not obj and getattr(obj, "__wrapped__", inner) is inner:
            obj = inner
        elif isinstance(obj, functools.partial):
            # Python 3.14 and later.
            if any(arg is getattr(functools, "Placeholder", object()) for arg in obj.args):
                raise UnsupportedConstruct(
                    "a `functools.partial` with placeholders is not supported",
                    definition=definition_of(obj.func),
                    instead="a lambda that calls the function",
                )
            args = (*obj.args, *args)
            keywords = {**obj.keywords, **keywords}
            obj = obj.func
        elif isinstance(obj, CPUDispatcher):
            kind = "njit"
            dispatcher, obj = obj, obj.py_func
        elif isinstance(obj, DUFunc):
            kind = "vectorize"
            obj = attribute(obj, "_dispatcher").py_func
        elif isinstance(obj, GUFunc):
            kind = "guvectorize"
            builder = attribute(obj, "gufunc_builder")
            layout = builder.signature
            obj = builder.py_func
        elif isinstance(obj, staticmethod):
            obj = obj.__func__
        elif type(obj) is types.FunctionType and "__wrapped__" not in obj.__dict__:
            return Unwrapped(obj, args, keywords, kind, layout, dispatcher)
        else:
            refuse(obj)


def plain_function(obj: Any) -> types.FunctionType | None:
    """Return the function under known wrappers; None where there is none, or an unknown one around it."""
    try:
        unwrapped = unwrap(obj)
    except DifferentiationError:
        return None
    return unwrapped[0]


def attribute(obj: Any, name: str) -> Any:
    """Return an attribute that `obj` really has, not one that a `__getattr__` makes up; else None."""
    return None if inspect.getattr_static(obj, name, None) is None else getattr(obj, name)


def refuse(obj: Any) -> NoReturn:
    """Say why `obj` is not a function whose source could be read, and what to pass instead."""
    name = getattr(obj, "__name__", None) or type(obj).__name__
    kind = type(obj)
    if isinstance(obj, type):
        problem = f"the class `{name}` cannot be differentiated"
        reason = "only functions have a derivative here"
        instead = "a function that computes with plain numbers and arrays"
    elif isinstance(obj, types.MethodType):
        problem = f"the bound method `{name}` cannot be differentiated"
        reason = "its hidden first argument is an object, not a number or an array"
        instead = "a function that takes what the method needs as arguments"
    elif isinstance(obj, classmethod | property | functools.partialmethod):
        problem = f"a `{kind.__name__}` object cannot be differentiated"
        reason = "it is not a function before it is looked up on a class"
        instead = "a function outside the class"
    elif is_from_library(obj):
        problem = f"`{name}` has no plain Python source of its own"
        reason = "it is a library function; what can be differentiated is a function that calls it"
        instead = f"`lambda x: {shown_name(obj, name)}(x)`"
    elif attribute(obj, "__wrapped__") is not None:
        what = "a cache" if type(obj).__name__ == "_lru_cache_wrapper" else "a decorator"
        problem = f"`{name}` is wrapped by {what} that srcdiff does not know"
        reason = (
            "the wrapper may change the arguments or the result, so the source underneath is not the whole"
        )
        instead = f"`{name}.__wrapped__`, if the derivative of the undecorated function is meant"
    elif callable(obj):
        problem = f"a `{kind.__module__}.{kind.__qualname__}` object cannot be differentiated"
        reason = "it is callable, but not a function with source text"
        instead = "a function"
    else:
        problem = f"{a_or_an(kind.__name__)} object is not a function"
        reason = ""
        instead = "pass the function itself, not the result of calling it"
    raise UnsupportedConstruct(problem, None, reason, instead, definition_of(obj))


def is_from_library(obj: Any) -> bool:
    """Tell whether `obj` is a function made in C, Fortran or Cython, or one of those of NumPy."""
    made_in_c = isinstance(
        obj, types.BuiltinFunctionType | types.MethodDescriptorType | types.WrapperDescriptorType
    )
    return made_in_c or type(obj).__name__ in {
        "ufunc",
        "_ArrayFunctionDispatcher",
        "fortran",
        "cython_function_or_method",
    }


def shown_name(obj: Any, name: str) -> str:
    module = getattr(obj, "__module__", None) or ("np" if getattr(np, name, None) is obj else "")
    return name if module in ("", "builtins") else f"{'np' if module == 'numpy' else module}.{name}"


def a_or_an(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} `{noun}`"


def definition_of(obj: Any) -> Location | None:
    """Return where the Python function behind `obj` is defined; None where there is none."""
    function = obj
    for _ in range(sys.getrecursionlimit()):  # a wrapper may wrap itself
        inner = attribute(function, "__wrapped__") or attribute(function, "__func__")
        if inner is None:
            break
        function = inner
    for candidate in (function, getattr(type(obj), "__call__", None)):  # noqa: B004 (its code is wanted)
        code = getattr(candidate, "__code__", None)
        if isinstance(code, types.CodeType):
            return Location(code.co_filename, code.co_firstlineno, 0, 0, "", code.co_name)
    return None


# --- Which text is it ---------------------------------------------------------------------------------------


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


# --- Comparing with what runs -------------------------------------------------------------------------------


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


def without_decorators(node: FunctionNode) -> FunctionNode:
    if isinstance(node, ast.Lambda) or not node.decorator_list:
        return node
    fields = {**dict(ast.iter_fields(node)), "decorator_list": []}
    return ast.copy_location(ast.FunctionDef(**fields), node)


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


# --- Places -------------------------------------------------------------------------------------------------


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
