"""Find loops that search by bisection.

    while hi - lo > tol:
        mid = (lo + hi) / 2          # halves_bracket(loop) is True: `mid` lies between two variables,
        if f(mid, k) > 0.0:          # and the loop moves both of them to it
            hi = mid
        else:
            lo = mid

What such a loop finds depends on k through the comparisons alone, so its steps carry no derivative, or a wrong
one; a root that depends on active values must be refused rather than differentiated step by step.
"""

from __future__ import annotations

import ast

HALF = (0.5, 2, 2.0)


def halves_bracket(loop: ast.For | ast.While) -> bool:
    """Whether the loop sets a variable to the middle of two others, and both of those to something made of it."""
    assigned = [node for node in ast.walk(loop) if isinstance(node, ast.Assign)]
    for middle in assigned:
        ends = ends_of(middle.value)
        if ends is None or not isinstance(middle.targets[0], ast.Name):
            continue
        name = middle.targets[0].id
        moved = {
            target.id
            for other in assigned
            if name in names_in(other.value)
            for target in other.targets
            if isinstance(target, ast.Name)
        }
        if name not in ends and ends <= moved:
            return True
    return False


def names_in(node: ast.expr) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def ends_of(node: ast.expr) -> set[str] | None:
    """The two names of `(a + b) / 2`, `0.5 * (a + b)` or `a + (b - a) / 2`."""
    match node:
        case ast.BinOp(
            ast.BinOp(ast.Name(a), ast.Add(), ast.Name(b)), ast.Div() | ast.Mult(), ast.Constant(half)
        ):
            pass
        case ast.BinOp(ast.Constant(half), ast.Mult(), ast.BinOp(ast.Name(a), ast.Add(), ast.Name(b))):
            pass
        case ast.BinOp(ast.Name(a), ast.Add(), step) | ast.BinOp(step, ast.Add(), ast.Name(a)):
            names = names_in(step)
            halved = any(isinstance(x, ast.Constant) and x.value in HALF for x in ast.walk(step))
            return names if halved and a in names and len(names) == 2 else None
        case _:
            return None
    return {a, b} if half in HALF and a != b else None
