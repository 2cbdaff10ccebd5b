"""Rewrite a function body so that nothing jumps: no `return`, `break` or `continue` is left.

    for i in range(n):               for i in range(n):      # .stop = "$stop1"
        if x[i] > m:                     if x[i] > m:
            return x[i]                      $result = x[i]; $returned1 = True; $stop1 = True
        s += x[i]                        else:
    return s                                 s += x[i]
                                     if $returned1: pass
                                     else: $result = s

What follows an `if` whose arm always jumps moves into the other arm; where an arm may jump or not, a flag guards
the rest (copying it would be exponential). Names with `$` are made here and cannot clash. Reads and gives `ast`.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable
from dataclasses import dataclass, field

RESULT = "$result"


@dataclass
class Jumps:
    """Where jumps go: the names a `break`, a `continue` and a `return` must set."""

    stop: str = ""
    broke: str = ""
    returned: str = ""
    skips: list[str] = field(default_factory=list)

    def inside(self, skip: str) -> Jumps:
        return Jumps(self.stop, self.broke, self.returned, [*self.skips, skip])


class Canonicaliser:
    def __init__(self) -> None:
        self.count = 0

    def fresh(self, kind: str) -> str:
        self.count += 1
        return f"${kind}{self.count}"

    def sequence(self, statements: list[ast.stmt], jumps: Jumps) -> list[ast.stmt]:
        done: list[ast.stmt] = []
        for position, statement in enumerate(statements):
            rest = statements[position + 1 :]
            match statement:
                case ast.Return():
                    return done + self.leave_function(statement, jumps)
                case ast.Break():
                    names = [jumps.stop, jumps.broke, *jumps.skips]
                    return done + [assign(name, True, statement) for name in names if name]
                case ast.Continue():
                    return done + [assign(name, True, statement) for name in jumps.skips]
                case ast.Raise():
                    return [*done, statement]
                case ast.While() if binds(statement.test) and not statement.orelse:
                    return done + self.sequence([with_test_inside(statement), *rest], jumps)
                case ast.For() | ast.While():
                    before, loop, after = self.loop(statement)
                    return done + before + [loop] + self.sequence(after + rest, jumps)
                case ast.If() if may_jump(statement.body) or may_jump(statement.orelse):
                    return done + self.branch(statement, rest, jumps)
                case ast.If():
                    done += self.branch(statement, [], jumps)
                case _:
                    done.append(statement)
        return done

    def leave_function(self, statement: ast.Return, jumps: Jumps) -> list[ast.stmt]:
        names = [jumps.returned, jumps.stop, *jumps.skips]
        flags = [assign(name, True, statement) for name in names if name]
        if getattr(statement, "already_set", False):
            return flags
        value = statement.value or ast.copy_location(ast.Constant(None), statement)
        target = ast.copy_location(ast.Name(RESULT, ast.Store()), statement)
        return [ast.copy_location(ast.Assign([target], value), statement), *flags]

    def loop(self, statement: ast.For | ast.While) -> tuple[list[ast.stmt], ast.stmt, list[ast.stmt]]:
        """What goes before the loop, the loop, and what must follow it."""
        returns, breaks = has_return(statement.body), may_break(statement.body)
        inner = Jumps(
            stop=self.fresh("stop") if returns or breaks else "",
            broke=self.fresh("broke") if breaks and statement.orelse else "",
            returned=self.fresh("returned") if returns else "",
        )
        before = [assign(name, False, statement) for name in (inner.broke, inner.returned) if name]
        loop = copy.copy(statement)
        loop.body = self.sequence(statement.body, inner) or [ast.copy_location(ast.Pass(), statement)]
        loop.orelse = []
        loop.stop = inner.stop  # type: ignore[union-attr]
        after = list(statement.orelse)
        if after and inner.broke:
            after = [guard(inner.broke, [], after, statement)]
        if returns:
            gone = ast.copy_location(ast.Return(None), statement)
            gone.already_set = True  # type: ignore[attr-defined]
            after.insert(0, guard(inner.returned, [gone], [], statement))
        return before, loop, after

    def branch(self, statement: ast.If, rest: list[ast.stmt], jumps: Jumps) -> list[ast.stmt]:
        new = copy.copy(statement)
        if always_jumps(statement.body):
            new.body = self.sequence(statement.body, jumps)
            new.orelse = self.sequence(statement.orelse + rest, jumps)
        elif always_jumps(statement.orelse):
            new.body = self.sequence(statement.body + rest, jumps)
            new.orelse = self.sequence(statement.orelse, jumps)
        elif not rest:
            new.body = self.sequence(statement.body, jumps)
            new.orelse = self.sequence(statement.orelse, jumps)
        else:
            skip = self.fresh("skip")
            new.body = self.sequence(statement.body, jumps.inside(skip))
            new.orelse = self.sequence(statement.orelse, jumps.inside(skip))
            others = self.sequence(rest, jumps)
            tail = [guard(skip, [], others, statement)] if others else []
            return [assign(skip, False, statement), filled(new), *tail]
        return [filled(new)]


def binds(test: ast.expr) -> bool:
    return any(isinstance(node, ast.NamedExpr) for node in ast.walk(test))


def with_test_inside(statement: ast.While) -> ast.While:
    """`while x := f(): ...` as `while True: if not (x := f()): break; ...`."""
    test = ast.copy_location(ast.UnaryOp(ast.Not(), statement.test), statement.test)
    leave = ast.copy_location(ast.If(test, [ast.copy_location(ast.Break(), statement)], []), statement)
    always = ast.copy_location(ast.Constant(True), statement.test)
    return ast.copy_location(ast.While(always, [leave, *statement.body], []), statement)


def filled(statement: ast.If) -> ast.If:
    if not statement.body:
        statement.body = [ast.copy_location(ast.Pass(), statement)]
    return statement


def assign(name: str, value: bool, where: ast.stmt) -> ast.stmt:
    target = ast.copy_location(ast.Name(name, ast.Store()), where)
    return ast.copy_location(ast.Assign([target], ast.copy_location(ast.Constant(value), where)), where)


def guard(name: str, body: list[ast.stmt], orelse: list[ast.stmt], where: ast.stmt) -> ast.If:
    test = ast.copy_location(ast.Name(name, ast.Load()), where)
    return filled(ast.copy_location(ast.If(test, body, orelse), where))


def may_jump(statements: list[ast.stmt]) -> bool:
    return has_return(statements) or may_break(statements) or may_continue(statements)


def has_return(statements: list[ast.stmt]) -> bool:
    return any(isinstance(node, ast.Return) for node in own_nodes(statements, into_loops=True))


def may_break(statements: list[ast.stmt]) -> bool:
    return any(isinstance(node, ast.Break) for node in own_nodes(statements, into_loops=False))


def may_continue(statements: list[ast.stmt]) -> bool:
    return any(isinstance(node, ast.Continue) for node in own_nodes(statements, into_loops=False))


def own_nodes(statements: list[ast.stmt], into_loops: bool) -> list[ast.stmt]:
    """The statements of a block and of what it nests, without nested functions."""
    found: list[ast.stmt] = []
    for statement in statements:
        found.append(statement)
        match statement:
            case ast.If():
                found += own_nodes(statement.body + statement.orelse, into_loops)
            case ast.For() | ast.While():
                found += own_nodes(statement.orelse, into_loops)
                if into_loops:
                    found += own_nodes(statement.body, into_loops)
            case _:
                pass
    return found


def always_jumps(statements: list[ast.stmt]) -> bool:
    for statement in statements:
        match statement:
            case ast.Return() | ast.Break() | ast.Continue() | ast.Raise():
                return True
            case ast.If() if always_jumps(statement.body) and always_jumps(statement.orelse):
                return True
            case ast.While(test=ast.Constant(value=True | 1)) if not may_break(statement.body):
                return True
            case _:
                pass
    return False


def canonicalise(body: list[ast.stmt]) -> list[ast.stmt]:
    """The body without jumps; what the function returns is left in the variable `$result`."""
    if not always_jumps(body) and has_return(body):
        last = body[-1]
        body = [*body, ast.copy_location(ast.Return(ast.copy_location(ast.Constant(None), last)), last)]
    return Canonicaliser().sequence(body, Jumps())


def assigned_names(statements: list[ast.stmt], updates: bool = True) -> list[str]:
    """Every name that the statements may bind, in order, without those of nested functions.

    Without `updates`, `name += ...` does not count.
    """
    names: dict[str, None] = {}

    def visit(node: ast.AST) -> None:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                names[node.name] = None
                return
            case ast.Lambda() | ast.ListComp() | ast.GeneratorExp() | ast.SetComp() | ast.DictComp():
                return
            case ast.AugAssign(target=ast.Name()) if not updates:
                visit(node.value)
                return
            case ast.Name(ctx=ast.Store() | ast.Del()):
                names[node.id] = None
            case _:
                pass
        for child in ast.iter_child_nodes(node):
            visit(child)

    for statement in statements:
        visit(statement)
    return list(names)


def names_stored_into(statements: list[ast.stmt]) -> list[str]:
    """The names of what the statements store items into: `d[key] = ...`, `d.update(...)`."""
    return [
        node.value.id
        for statement in statements
        for node in ast.walk(statement)
        if (isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store))
        or (isinstance(node, ast.Attribute) and node.attr == "update")
        if isinstance(node.value, ast.Name)
    ]


def count_reads(nodes: Iterable[ast.AST]) -> dict[str, int]:
    """How often each name is read in the nodes; `name += ...` reads it too."""
    counts: dict[str, int] = {}
    for node in nodes:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load):
                counts[inner.id] = counts.get(inner.id, 0) + 1
            elif isinstance(inner, ast.AugAssign) and isinstance(inner.target, ast.Name):
                counts[inner.target.id] = counts.get(inner.target.id, 0) + 1
    return counts


def read_names(nodes: list[ast.stmt]) -> set[str]:
    """Every name read anywhere in the statements, nested functions included."""
    return {
        node.id
        for statement in nodes
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
