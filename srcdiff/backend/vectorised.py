"""Elementary functions that vectorise, in the loops of a generated module that LLVM can vectorise.

    for i in range(n):                          for i in range(n):
        y[i] = math.exp(x[i])        ->             y[i] = vector_math.exp(x[i])
    for i in range(n):                          for i in range(n):
        s = math.exp(-s)                            s = math.exp(-s)

The text that is shown and kept has `math` in both: the results differ in the last place at most. A loop counts if it
is innermost, leaves by its end only, calls nothing that stays scalar, and carries nothing but sums from trip to trip:
else the C library is faster. Reads: `vector_math`.
"""

from __future__ import annotations

import ast
from types import ModuleType

from numba.core import config

from ..runtime import vector_math

SUBSTITUTES = ("exp", "log", "tanh")
VECTORISED = {*SUBSTITUTES, "sqrt", "fabs", "floor", "ceil", "copysign"}  # LLVM's own, and ours
BUILTINS = {"abs", "max", "min", "int", "float", "bool"}
LOOPS = (ast.For, ast.While)


def use_vector_math(module: ModuleType, text: str) -> bool:
    """Define the functions of a module anew where loops in it call for it; tell whether that was so."""
    if getattr(config, "DISABLE_JIT", False) or not any(f"math.{name}(" in text for name in SUBSTITUTES):
        return False
    tree = ast.parse(text)
    called = [
        function
        for loop in ast.walk(tree)
        if isinstance(loop, ast.For) and vectorises(loop)
        for function in functions_called(loop)
        if is_of_math(function, SUBSTITUTES)
    ]
    name = "vector_math"
    while name in text:  # a variable of the user
        name += "_"
    for function in called:
        assert isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)
        function.value.id = name
    if called:
        module.__dict__[name] = vector_math
        exec(compile(tree, str(module.__file__), "exec"), module.__dict__)
    return bool(called)


def functions_called(loop: ast.For) -> list[ast.expr]:
    return [
        node.func for statement in loop.body for node in ast.walk(statement) if isinstance(node, ast.Call)
    ]


def is_of_math(function: ast.expr, names: tuple[str, ...] | set[str]) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "math"
        and function.attr in names
    )


def vectorises(loop: ast.For) -> bool:
    """Whether LLVM can run several trips of a loop at once, as far as its text tells."""
    inside = [node for statement in loop.body for node in ast.walk(statement)]
    if any(isinstance(node, (*LOOPS, ast.Raise, ast.Break, ast.Return, ast.Continue)) for node in inside):
        return False
    for function in functions_called(loop):
        plain = isinstance(function, ast.Name) and function.id in BUILTINS
        if not plain and not is_of_math(function, VECTORISED) and not is_cast(function):
            return False
    stored = {
        name.id: set[str]()
        for node in inside
        if is_stored(node)
        for name in [array_of(node)]
        if name is not None
    }
    for node in inside:
        name = array_of(node)
        if name is not None and name.id in stored:
            assert isinstance(node, ast.Subscript)
            stored[name.id].add(ast.unparse(node.slice))
    return all(len(places) == 1 for places in stored.values()) and carries_only_sums(loop.body)


def is_cast(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr in ("float64", "int64", "uint64")


def is_stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)


def array_of(node: ast.AST) -> ast.Name | None:
    return node.value if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) else None


def carries_only_sums(body: list[ast.stmt]) -> bool:
    """Whether a trip reads no name that the trip before it assigned, but for sums that nothing else reads."""
    assigned = {
        node.id
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    sums: set[str] = set()
    read: set[str] = set()

    def run(statements: list[ast.stmt], known: set[str]) -> set[str]:
        """Note what is read before it is `known`; what is known afterwards."""
        for statement in statements:
            match statement:
                case ast.If(test=test, body=then, orelse=otherwise):
                    note(test, known)
                    known = known | (run(then, known) & run(otherwise, known))
                case ast.AugAssign(target=ast.Name(id=name), op=ast.Add() | ast.Sub(), value=value) if (
                    name not in known
                ):
                    note(value, known)
                    sums.add(name)
                case ast.AugAssign(target=target, value=value):
                    note(value, known)
                    note(target, known)
                    read.update({target.id} - known if isinstance(target, ast.Name) else ())
                case ast.Assign(targets=targets, value=value):
                    note(value, known)
                    for left in targets:
                        note(left, known)
                    known = known | {left.id for left in targets if isinstance(left, ast.Name)}
                case _:
                    note(statement, known)
        return known

    def note(node: ast.AST, known: set[str]) -> None:
        for name in ast.walk(node):
            if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Load) and name.id not in known:
                read.add(name.id)

    run(body, set())
    return not assigned & read


__all__ = ["use_vector_math"]
