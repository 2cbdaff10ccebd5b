"""Elementary functions that vectorise, in the loops of a generated module that LLVM can vectorise.

    for i in range(n):                          for i in range(n):
        y[i] = math.exp(x[i])        ->             y[i] = vector_math.exp(x[i])
    for i in range(n):                          for i in range(n):
        s = math.exp(-s)                            s = math.exp(-s)

The text that is shown and kept has `math`, `np` and `**` in both: the results differ in the last place at most. A loop
counts if it is innermost, leaves by its end only, calls nothing that stays scalar, and carries nothing but sums and
extremes from trip to trip: else the C library is faster.
"""

from __future__ import annotations

import ast

EXTREMES = ("np.maximum", "np.minimum")
ELEMENTARY = ("exp", "expm1", "log", "log1p", "tanh", "erf", "sin", "cos", "atan", "atan2")
SUBSTITUTES = (*(f"math.{name}" for name in ELEMENTARY), *EXTREMES)
WORDS = (*(f"{name}(" for name in SUBSTITUTES), " ** ")
OWN = ("math.sqrt", "math.fabs", "math.floor", "math.ceil", "math.copysign")  # LLVM has them
BUILTINS = {"abs", "max", "min", "int", "float", "bool"}
LOOPS = (ast.For, ast.While)


def use_vector_math(tree: ast.Module, text: str, name: str) -> bool:
    """Put the functions of `vector_math`, by its name there, into loops of a module that call for them; tell whether
    there are any."""
    if not any(word in text for word in WORDS):
        return False
    substitution = Substitution(name)
    for loop in ast.walk(tree):
        if isinstance(loop, ast.For) and vectorises(loop):
            loop.body = [substitution.visit(statement) for statement in loop.body]
    return substitution.made


class Substitution(ast.NodeTransformer):
    """Puts the functions of `vector_math`, by its name in the module, in place of those of `math`."""

    def __init__(self, name: str) -> None:
        self.name, self.made = name, False

    def own(self, function: str) -> ast.Attribute:
        self.made = True
        return ast.Attribute(ast.Name(self.name, ast.Load()), function, ast.Load())

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and ast.unparse(node.func) in SUBSTITUTES:
            node.func = self.own(node.func.attr)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.BinOp | ast.Call:
        self.generic_visit(node)
        return ast.Call(self.own("pow"), [node.left, node.right], []) if is_power(node) else node


def is_power(node: ast.AST) -> bool:
    """Whether a node is a power whose exponent is not written as an integer: that is a product."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)):
        return False
    exponent = node.right.operand if isinstance(node.right, ast.UnaryOp) else node.right
    return not (isinstance(exponent, ast.Constant) and isinstance(exponent.value, int))


def functions_called(loop: ast.For) -> list[ast.expr]:
    return [
        node.func for statement in loop.body for node in ast.walk(statement) if isinstance(node, ast.Call)
    ]


def vectorises(loop: ast.For) -> bool:
    """Whether LLVM can run several trips of a loop at once, as far as its text tells."""
    inside = [node for statement in loop.body for node in ast.walk(statement)]
    if any(isinstance(node, (*LOOPS, ast.Raise, ast.Break, ast.Return, ast.Continue)) for node in inside):
        return False
    for function in functions_called(loop):
        if ast.unparse(function) not in (*BUILTINS, *SUBSTITUTES, *OWN) and not is_cast(function):
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
    return all(len(places) == 1 for places in stored.values()) and carries_only_totals(loop.body)


def is_cast(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr in ("float64", "int64", "uint64")


def is_stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)


def array_of(node: ast.AST) -> ast.Name | None:
    return node.value if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) else None


def carries_only_totals(body: list[ast.stmt]) -> bool:
    """Whether a trip reads no name that the trip before it assigned, but for sums and extremes that nothing else
    reads."""
    assigned = {
        node.id
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
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
                case ast.Assign(
                    targets=[ast.Name(id=name)],
                    value=ast.Call(func=function, args=[ast.Name(id=first), value]),
                ) if first == name and name not in known and ast.unparse(function) in EXTREMES:
                    note(value, known)
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
