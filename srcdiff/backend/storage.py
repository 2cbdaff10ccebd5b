"""What LLVM is told of memory: an array that a program has made shares none with the others that it can reach.

    x_bar = np.zeros_like(x)            x_bar = np.zeros_like(x)
    tape = np.empty(n)                  tape = np.empty(n)
    for i in range(n):           ->     apart(x_bar, tape, None, x, y)
                                        for i in range(n):

LLVM cannot know it, since Numba's arrays keep their addresses in memory: each loop compared the addresses of all that
it reads and writes before it took several trips at once, or took one after the other where these were many. Short inner
loops spent more time on that than on their trips. Not told apart is an array from one that a loop copies into it beside
other work: LLVM would copy by `memcpy`, and so read it twice. The text that is shown and kept has no such statement.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from llvmlite.binding import llvm_version_info  # type: ignore[import-untyped]
from numba.extending import intrinsic

from ..ir.types import nb as types

__all__ = ["apart", "tell_apart"]

OLDEST_THAT_LISTENS = 20  # LLVM; those before 19 do not by default
MAKERS = {f"np.{name}{like}" for name in ("empty", "zeros", "ones", "full") for like in ("", "_like")}
LOOPS = (ast.For, ast.While)


def tell_apart(tree: ast.Module, name: str) -> bool:
    """Put a call of `apart`, by its name there, before each loop of a module that follows a new array; tell whether
    there is one."""
    if llvm_version_info[0] < OLDEST_THAT_LISTENS:
        return False
    for function in tree.body:
        if isinstance(function, ast.FunctionDef):
            telling = Telling(function, name)
            telling.visit(function.body, telling.arguments, [])
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))


class Telling:
    """Puts the calls into one function.

    Parameters
    ----------
    function : ast.FunctionDef
        As it is before there is any call.
    name : str
        What the module calls `apart`.
    """

    def __init__(self, function: ast.FunctionDef, name: str) -> None:
        self.name = name
        self.reads: dict[str, list[int]] = {}
        self.stores: dict[str, int] = {}
        self.copies: list[set[str]] = []
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self.reads.setdefault(node.id, []).append(node.lineno)
            elif isinstance(node, ast.Name):
                self.stores[node.id] = self.stores.get(node.id, 0) + 1
            elif isinstance(node, ast.For):
                self.copies += copies_beside(node)
        names = [argument.arg for argument in function.args.args if argument.arg not in self.stores]
        self.arguments = dict.fromkeys(names, function.lineno)

    def visit(self, statements: list[ast.stmt], known: dict[str, int], loops: list[ast.stmt]) -> None:
        """Change a list of statements.

        Parameters
        ----------
        statements : list of ast.stmt
            Changed in place.
        known : dict
            The arguments and the arrays made before that can be reached here, with the line of each.
        loops : list of ast.stmt
            Those around, the outermost first.
        """
        known = dict(known)
        fresh: dict[str, int] = {}
        changed: list[ast.stmt] = []
        for statement in statements:
            if fresh and any(isinstance(node, LOOPS) for node in ast.walk(statement)):
                changed += self.telling(statement, fresh, known, loops)
                known, fresh = known | fresh, {}
            for inside in lists_of(statement):
                self.visit(inside, known, [*loops, statement] if isinstance(statement, LOOPS) else loops)
            made = array_made_by(statement)
            if made is not None and self.stores[made] == 1:
                fresh[made] = statement.lineno
            changed.append(statement)
        statements[:] = changed

    def telling(
        self, statement: ast.stmt, fresh: dict[str, int], known: dict[str, int], loops: list[ast.stmt]
    ) -> Iterator[ast.stmt]:
        """Yield the calls that tell `fresh` arrays apart from each other and from those `known`.

        An array that nothing reads from here on is in none: its memory is free by now.
        """
        at = statement.lineno
        new, old = (
            [name for name, line in names.items() if self.is_read_from(at, name, line, loops)]
            for names in (fresh, known)
        )
        plain = [name for name in new if not any({name, other} in self.copies for other in (*new, *old))]
        copied = [name for name in new if name not in plain]
        yield from self.call(statement, plain, [*copied, *old])
        for place, name in enumerate(copied):
            others = (*copied[place + 1 :], *old)
            yield from self.call(
                statement, [name], [other for other in others if {name, other} not in self.copies]
            )

    def call(self, statement: ast.stmt, new: list[str], old: list[str]) -> Iterator[ast.stmt]:
        """Yield the call that tells new arrays apart from each other and from old ones, if it says anything."""
        if new and len(new) + len(old) > 1:
            names: list[ast.expr] = [ast.Name(name, ast.Load()) for name in (*new, *old)]
            names.insert(len(new), ast.Constant(None))
            call = ast.Call(ast.Name(self.name, ast.Load()), names, [])
            yield ast.fix_missing_locations(ast.copy_location(ast.Expr(call), statement))

    def is_read_from(self, at: int, name: str, made: int, loops: list[ast.stmt]) -> bool:
        """Whether an array made on line `made` is read on line `at` or afterwards, or in the next trip of a loop."""
        around = [loop for loop in loops if loop.lineno > made]
        first = min([at, *(loop.lineno for loop in around)])
        last = max((loop.end_lineno or 0 for loop in around), default=0)
        return any(line >= at or first <= line <= last for line in self.reads.get(name, ()))


def lists_of(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Yield the lists of statements in a statement."""
    for field in ("body", "orelse"):
        inside = getattr(statement, field, None)
        if inside:
            yield inside


def copies_beside(loop: ast.For) -> Iterator[set[str]]:
    """Yield the names of both arrays where an innermost loop copies elements and does more than that.

    >>> text = "for i in range(n):\\n    t = x[i]\\n    y[i] = t\\n    total += t"
    >>> [sorted(pair) for pair in copies_beside(ast.parse(text).body[0])]
    [['x', 'y']]
    """
    read: dict[str, str] = {}  # which array the number with a name is an element of
    pairs = []
    others = 0
    for statement in loop.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Subscript(value=ast.Name(id=array))):
                read[name] = array
            case ast.Assign(
                targets=[ast.Subscript(value=ast.Name(id=array))],
                value=ast.Subscript(value=ast.Name(id=copied)),
            ):
                pairs.append({array, copied})
            case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=array))], value=ast.Name(id=name)) if (
                name in read
            ):
                pairs.append({array, read[name]})
            case _:
                others += 1
    if others and not any(isinstance(node, LOOPS) for statement in loop.body for node in ast.walk(statement)):
        yield from pairs


def array_made_by(statement: ast.stmt) -> str | None:
    """Return the name of the new array that a statement makes, if it makes one.

    >>> array_made_by(ast.parse("a = np.zeros(3)").body[0])
    'a'
    """
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=function, args=arguments)):
            copied = isinstance(function, ast.Attribute) and function.attr == "copy" and not arguments
            return name if copied or ast.unparse(function) in MAKERS else None
    return None


@intrinsic
def apart(typing: Any, *arguments: Any) -> Any:
    """Tell LLVM that no array before `None` shares memory with another one; what is not an array is passed over."""

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        addresses: dict[bool, list[Any]] = {True: [], False: []}
        is_new = True
        given = [builder.extract_value(values[0], at) for at in range(len(arguments))]
        for kind, value in zip(arguments, given, strict=True):
            if isinstance(kind, types.NoneType):
                is_new = False
            elif isinstance(kind, types.Array):
                addresses[is_new].append(context.make_array(kind)(context, builder, value).data)
        pairs = [*itertools.combinations(addresses[True], 2), *itertools.product(*addresses.values())]
        if pairs:
            assume = builder.module.declare_intrinsic("llvm.assume")
            builder._insert(Hint(builder.block, assume, pairs))
        return context.get_dummy_value()

    return types.void(types.StarArgTuple(arguments)), lower  # type: ignore[no-untyped-call]


class Hint(ir.CallInstr):  # type: ignore[misc]
    """`llvm.assume` with pairs of addresses whose memory is apart."""

    def __init__(self, block: Any, assume: Any, pairs: list[tuple[Any, Any]]) -> None:
        super().__init__(block, assume, [ir.Constant(ir.IntType(1), 1)])
        self.pairs = pairs

    def descr(self, parts: list[str]) -> None:
        """Append the instruction as text, with what llvmlite cannot write: the operand bundles."""
        super().descr(parts)
        call, *metadata = parts.pop().rstrip().partition(", !")
        bundles = ", ".join(
            f'"separate_storage"(ptr {one.get_reference()}, ptr {other.get_reference()})'
            for one, other in self.pairs
        )
        parts.append(f"{call} [ {bundles} ]{''.join(metadata)}\n")
