"""Calls of functions that have rules of their own: read in place, or opaque, and then given the rules' derivative.

    y = exp(x)        ->        ans = exp x
                                y = custom name='exp' ans x

Such a function must not write its arguments. What it returns is its own memory in the IR; where that is an array that
was there before the call, a copy, which may not be read once one of the two is written.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import DifferentiationError
from ..ir import types as ty
from ..ir.core import Op, Value
from ..ir.operators import current_builder
from ..primitives.custom import RuledCall, Rules
from .describe import describe
from .library.structures import with_results
from .nested import spec_of, things_of
from .source import FunctionSource, read_source
from .things import Elementwise, Root, Static, is_arraylike, is_scalar
from .trees import parts_of

if TYPE_CHECKING:
    from .calls import Calls

Arguments = tuple[Any, ...]


def call_with_rules(
    calls: Calls, rules: Rules, target: Any, arguments: Arguments, keywords: dict[str, Any], node: ast.AST
) -> Any:
    """A call of a function of the user, or of one that the library does not know."""
    source = source_of(calls, target)
    if source is None:
        if keywords:
            calls.refuse(
                f"keyword arguments of `{rules.name}`, which has rules of its own",
                "the rules take its arguments in their order",
                "the arguments without their names",
                node=node,
            )
        return derived(
            calls, rules, arguments, lambda: calls.call_without_rules(target, arguments, {}, node), node
        )
    bound = calls.bind(source, arguments, keywords, node)
    given = source.tree.args
    things = [bound[a.arg] for a in (*given.posonlyargs, *given.args)]
    things += bound[given.vararg.arg] if given.vararg is not None else ()
    things += [bound[a.arg] for a in given.kwonlyargs]
    return derived(
        calls, rules, things, lambda: entered(calls, target, source, bound, tuple(things), node), node
    )


def source_of(calls: Calls, target: Any) -> FunctionSource | None:
    """The source of a function that is read in place; None for what is called as it stands."""
    if not calls.reads_source(target):
        return None
    try:
        source = read_source(target)
    except DifferentiationError:
        if hasattr(target, "py_func"):
            return None
        raise
    return source if source.kind in ("function", "njit") else None


def entered(
    calls: Calls, target: Any, source: FunctionSource, bound: dict[str, Any], things: Arguments, node: ast.AST
) -> Any:
    """The body in place; of what Numba has compiled and this library cannot read, the call as it stands."""
    dispatcher = target if hasattr(target, "py_func") else None
    return attempted(calls, lambda: calls.enter(source, bound, node), dispatcher, things, node)


def attempted(
    calls: Calls, body: Callable[[], Any], dispatcher: Any, things: Sequence[Any], node: ast.AST
) -> Any:
    """What `body` gives; where that is refused, what Numba's dispatcher of the same function does, if there is one."""
    builder, frame, memory = current_builder(), calls.frame, dict(calls.memory)
    count = len(builder.ops)
    try:
        return body()
    except DifferentiationError:
        if dispatcher is None:
            raise
        del builder.ops[count:]
        for key, root in calls.captures.roots.items():
            memory.setdefault(root, calls.captures.values[key])
        calls.memory, calls.frame, calls.dead = memory, frame, False
        return calls.opaque(dispatcher, tuple(things), {}, node)


def derived(
    calls: Calls, rules: Rules, arguments: Sequence[Any], body: Callable[[], Any], node: ast.AST
) -> Any:
    """What `body` gives, with the derivative that the rules say by the arguments."""
    if rules.arity not in (None, len(arguments)):
        calls.refuse(
            f"a call of `{rules.name}` with {len(arguments)} arguments",
            f"it has rules for {rules.arity}",
            "one rule for each argument, None for a zero derivative",
            node=node,
        )
    operands: list[Value] = []
    takes, channels = [], []
    for k, thing in enumerate(arguments):
        start = len(operands)
        takes.append(spec_of(calls, thing, operands, node))
        if rules.has_derivative(k):
            channels += [n for n in range(start, len(operands)) if ty.is_differentiable(operands[n].type)]
    before = dict(calls.memory)
    result = body()
    captured = {root: calls.captures.values[key] for key, root in calls.captures.roots.items()}
    before = {**captured, **before}
    if any(calls.memory.get(root) is not version for root, version in before.items()):
        calls.refuse(
            f"`{rules.name}` has rules of its own and writes into its arguments",
            "a rule says what is owed to the arguments for what is returned",
            "a function that returns a new array",
            node=node,
        )
    if any(ty.is_complex(ty.element(x.type)) for x in operands):
        calls.refuse(
            f"complex numbers as arguments of `{rules.name}`",
            "its rules are for real numbers",
            "real and imaginary parts",
            node=node,
        )
    values: list[Value] = []
    roots: list[Root | None] = []
    returns = gather(calls, rules, result, before, values, roots, node)
    results = tuple(Value(v.name, v.type) for v in values)
    call = RuledCall(rules, tuple(takes), returns, len(operands), tuple(len(values) + n for n in channels))
    attributes = {"name": rules.name, "call": call}
    current_builder().append(
        Op("custom", (*values, *operands), results, (), attributes, calls.location(node))
    )
    found = iter(results)
    thing = things_of(calls, returns, found)
    for root, version in zip(roots, results, strict=True):
        if root is not None:
            made = next(r for r, v in calls.memory.items() if v is version)
            for other in (root, *root.aliases) if root in before else root.aliases:
                made.may_alias(other)
    return thing


def gather(
    calls: Calls,
    rules: Rules,
    thing: Any,
    before: dict[Root, Any],
    values: list[Value],
    roots: list[Root | None],
    node: ast.AST,
) -> Any:
    """The values of a result, arrays as memory of their own; gives the structure they are nested in."""
    if isinstance(thing, Static) and thing.value is None:
        return None
    if parts_of(thing) is not None:
        return with_results(thing, lambda part: gather(calls, rules, part, before, values, roots, node))
    if is_scalar(thing):
        values.append(calls.as_value(thing))
        roots.append(None)
        return "leaf"
    if not is_arraylike(thing):
        calls.refuse(
            f"`{rules.name}` has rules of its own and returns {describe(thing)}",
            instead="a number, an array, or a tuple of those",
            node=node,
        )
    shared = None if isinstance(thing, Elementwise) else thing.root
    if isinstance(thing, Elementwise) or not thing.whole:
        thing = calls.materialise(thing)
    elif thing.root in before or calls.version(thing.root) in values:
        thing = calls.copy(thing)
    values.append(calls.version(thing.root))
    roots.append(shared)
    return "leaf"


__all__ = ["attempted", "call_with_rules", "derived"]
