"""Comprehensions as the loops that they stand for, where how many items they have is not known beforehand.

[f(a, b) for a in x if a > 0 for b in y]        items = []
                                                for a in over:      # x, seen from outside
                                                    if a > 0:
                                                        for b in y:
                                                            items.append(f(a, b))
                                                return items

Reads and gives `ast`. Names with `$` cannot clash.
"""

from __future__ import annotations

import ast

ITEMS = "$items"
OVER = "$over"  # what the first loop goes over, which the caller binds


def as_list(node: ast.ListComp | ast.GeneratorExp) -> ast.FunctionDef:
    """A function without arguments that makes the list."""
    append = ast.Attribute(ast.Name(ITEMS, ast.Load()), "append", ast.Load())
    return function(node, ast.List([], ast.Load()), ast.Expr(ast.Call(append, [node.elt], [])))


def as_sum(node: ast.ListComp | ast.GeneratorExp) -> ast.FunctionDef:
    """A function without arguments that adds the items up."""
    return function(node, ast.Constant(0), ast.AugAssign(ast.Name(ITEMS, ast.Store()), ast.Add(), node.elt))


def as_search(node: ast.GeneratorExp, found: bool) -> ast.FunctionDef:
    """A function without arguments that goes on until an item is true, or is false, and says whether one was."""
    test = node.elt if found else ast.UnaryOp(ast.Not(), node.elt)
    leave = ast.If(test, [ast.Return(ast.Constant(found))], [])
    return function(node, ast.Constant(None), leave, ast.Constant(not found))


def mapped(node: ast.Call) -> ast.GeneratorExp:
    """`map(f, x, y)` as `(f(a, b) for a, b in zip(x, y))`."""
    names = [f"$item{k}" for k in range(len(node.args) - 1)]
    items: list[ast.expr] = [ast.Name(name, ast.Load()) for name in names]
    targets: list[ast.expr] = [ast.Name(name, ast.Store()) for name in names]
    target, over = targets[0], node.args[1]
    if len(names) > 1:
        target = ast.Tuple(targets, ast.Store())
        over = ast.Call(ast.Constant(zip), node.args[1:], [])  # type: ignore[arg-type]
    made = ast.GeneratorExp(ast.Call(node.args[0], items, []), [ast.comprehension(target, over, [], 0)])
    return ast.fix_missing_locations(ast.copy_location(made, node))


def function(
    node: ast.ListComp | ast.GeneratorExp, start: ast.expr, step: ast.stmt, result: ast.expr | None = None
) -> ast.FunctionDef:
    inner = step
    for generator in reversed(node.generators):
        for condition in reversed(generator.ifs):
            inner = ast.If(condition, [inner], [])
        over = ast.Name(OVER, ast.Load()) if generator is node.generators[0] else generator.iter
        inner = ast.For(generator.target, over, [inner], [])
    made = ast.Assign([ast.Name(ITEMS, ast.Store())], start)
    given = ast.arguments([], [], None, [], [], None, [])
    body: list[ast.stmt] = [made, inner, ast.Return(result or ast.Name(ITEMS, ast.Load()))]
    whole = ast.FunctionDef("<comprehension>", given, body, [])
    return ast.fix_missing_locations(ast.copy_location(whole, node))


def bound_names(node: ast.ListComp | ast.GeneratorExp | ast.DictComp) -> set[str]:
    """The names that `:=` binds around a comprehension."""
    return {inner.target.id for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)}


__all__ = ["OVER", "as_list", "as_search", "as_sum", "bound_names", "mapped"]
