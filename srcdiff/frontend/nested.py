"""Calls of derivatives: their programs are put in place, so that they are differentiated like everything else.

    slope = grad(f)
    def loss(x): return slope(x) ** 2        # the ops of the gradient of `f` at `x`, then `pow`

An object that has `__srcdiff_program__` supplies a program for the types of its arguments, with the derivative's
parameters in the order: arguments, tangents, hidden ones. A maker of such objects (`grad`, `jvp`, ...), marked by
`__srcdiff_maker__`, is called while the function is read, where it is given a function that is known. What it makes
may be called at once: then the mark is a function from the arguments to what is made and what that is called with.

    def along(x): return jvp(f, (x,), (1.0,))

`vjp`, marked by `__srcdiff_pullback__`, is read as a call of the function, and each call of its pullback as one of a
derivative that takes cotangents; arguments that are arrays are copied for that, since they may be written meanwhile.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from types import MethodType
from typing import TYPE_CHECKING, Any, NoReturn

from ..ir import types as ty
from ..ir.core import Value
from ..ir.inline import inline
from .agreement import same
from .captures import fetched
from .describe import describe
from .library.structures import thing_of, tree_of
from .things import ArrayView, Elementwise, PulledBack, Static, is_arraylike, is_number, is_scalar, whole_view
from .trees import Tree, parts_of, with_parts

if TYPE_CHECKING:
    from .calls import Calls


def is_derivative(target: Any) -> bool:
    return hasattr(type(target), "__srcdiff_program__")


def is_maker(target: Any) -> bool:
    return hasattr(target, "__srcdiff_maker__") or hasattr(target, "__srcdiff_pullback__")


def make_derivative(
    calls: Calls,
    maker: Callable[..., Any],
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    node: ast.AST,
) -> Any:
    """`grad(f)` inside a function: a derivative of a function that is known; `jvp(f, ...)`: called at once."""

    def known(thing: Any) -> Any:
        if isinstance(thing, Static):
            return thing.value
        if is_number(thing):
            return thing
        if isinstance(thing, tuple):
            return with_parts(thing, list(map(known, thing)))
        calls.refuse(
            f"`{maker.__name__}` of {describe(thing)} inside a function",
            "which function it is must be known when this one is read",
            "a function of the module, or the derivative made outside",
            node=node,
        )

    if isinstance(maker, MethodType):  # `f.vjp` for `vjp` of `f`
        arguments = (Static(maker.__self__), *arguments)
    if hasattr(maker, "__srcdiff_pullback__"):
        if keywords or len(arguments) < 2:
            refuse_call(calls, maker, "a function and its arguments", node)
        return with_pullback(calls, maker.__srcdiff_pullback__(known(arguments[0])), arguments, node)
    applied = maker.__srcdiff_maker__  # type: ignore[attr-defined]
    if applied is True:
        return Static(maker(*map(known, arguments), **{k: known(v) for k, v in keywords.items()}))
    directions = [parts_of(thing) for thing in arguments[1:]]
    if keywords or len(directions) != 2 or None in directions:
        refuse_call(calls, maker, "a function, a tuple of arguments and a tuple of tangents", node)
    primals, tangents = ([None if is_none(x) else x for x in parts or ()] for parts in directions)
    made, given = applied(known(arguments[0]), primals, tangents)
    return call_derivative(calls, made, tuple(given), {}, node)


def refuse_call(calls: Calls, maker: Callable[..., Any], instead: str, node: ast.AST) -> NoReturn:
    calls.refuse(f"this call of `{maker.__name__}` inside a function", instead=instead, node=node)


def with_pullback(calls: Calls, of: Any, arguments: tuple[Any, ...], node: ast.AST) -> Any:
    """The results of a call of a function, and the pullback: `of` gives what is owed for given cotangents."""
    function, *primals = arguments
    kept = tuple(as_they_are(calls, thing) for thing in primals)
    bound, _ = of.of.__srcdiff_bind__(kept, {})
    lifted = (thing if any(thing is x for x in kept) else calls.lifted(thing) for thing in bound)
    program = of.of.program(tuple(spec_of(calls, thing, [], node) for thing in lifted))
    if program.written:
        calls.refuse(
            "`vjp` of a function that writes its arguments, inside a function",
            "they would be results too",
            "a function that returns what it makes of a copy",
            node=node,
        )
    if not all(ty.is_differentiable(value.type) for value in program.function.results):
        calls.refuse("`vjp` of a function with a result that is no float", "it has no cotangent", node=node)
    results = calls.call(function, tuple(primals), {}, node)
    return results, PulledBack(of, kept, lengths_of(calls, results))


def as_they_are(calls: Calls, thing: Any) -> Any:
    """A thing with copies of its arrays, which later stores leave as they are."""
    parts = parts_of(thing)
    if parts is not None:
        return with_parts(thing, [as_they_are(calls, part) for part in parts])
    return calls.copy(thing) if isinstance(thing, ArrayView) else thing


def lengths_of(calls: Calls, thing: Any) -> Any:
    """The structure of results, with a list of lengths for each number and array."""
    parts = parts_of(thing)
    if parts is not None:
        return with_parts(tree_of(thing), [lengths_of(calls, part) for part in parts])
    return [*calls.shape(thing)] if is_arraylike(thing) else []


def pull_back(
    calls: Calls,
    pullback: PulledBack,
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    node: ast.AST,
) -> Any:
    """Put what is owed to the arguments for given cotangents in place of a call of a pullback."""
    if keywords or len(arguments) != 1:
        calls.refuse("this call of a pullback", instead="the cotangents, like the results", node=node)
    check_cotangents(calls, arguments[0], pullback.lengths, node)
    return call_derivative(calls, pullback.of, (arguments[0], *pullback.primals), {}, node)


def check_cotangents(calls: Calls, given: Any, lengths: Any, node: ast.AST) -> None:
    """That cotangents are like the results; lengths are compared when the program runs."""
    parts, wanted = parts_of(given), parts_of(lengths)
    if wanted is not None and parts is not None and len(parts) == len(wanted):
        for part, expected in zip(parts, wanted, strict=True):
            check_cotangents(calls, part, expected, node)
        return
    if wanted is not None or not (
        given.ndim == len(lengths) if is_arraylike(given) else is_scalar(given) and not lengths
    ):
        calls.refuse(
            f"{describe(given)} as cotangents",
            "they are not like the results",
            "the same structure",
            node=node,
        )
    for length, expected in zip(calls.shape(given) if lengths else (), lengths, strict=True):
        calls.require(
            calls.scalar("eq", length, expected),
            "ValueError",
            "a cotangent whose shape is not that of its result",
        )


def is_none(thing: Any) -> bool:
    return isinstance(thing, Static) and thing.value is None


def call_derivative(
    calls: Calls, target: Any, arguments: tuple[Any, ...], keywords: Mapping[str, Any], node: ast.AST
) -> Any:
    """Put the program of a derivative in place of its call."""
    given = [*arguments, *keywords.values()]
    bound, tangents = target.__srcdiff_bind__(arguments, dict(keywords))
    primals = [thing if any(thing is x for x in given) else calls.lifted(thing) for thing in bound]
    operands: list[Value] = []
    specs = tuple(spec_of(calls, thing, operands, node) for thing in primals)
    program = target.__srcdiff_program__(specs)
    parameters = iter(program.function.parameters[len(operands) :])
    for thing in tangents:
        operands += tangent_values(calls, thing, parameters, node)
    for where in program.fetch:
        thing = calls.captured(fetched(where), where, where[2], node)
        operands.append(calls.version(thing.root) if isinstance(thing, ArrayView) else calls.as_value(thing))
    calls.captures.statics.extend(program.statics)
    calls.files.update(program.files)
    calls.called.update(program.called)
    calls.differentiated.update(program.called)
    results = iter(inline(program.function, operands))
    return things_of(calls, program.structure, results)


def spec_of(calls: Calls, thing: Any, operands: list[Value], node: ast.AST) -> Any:
    """The type of an argument as a derivative takes it, its values appended to `operands`."""
    parts = parts_of(thing)
    if parts is not None:
        return with_parts(tree_of(thing), [spec_of(calls, part, operands, node) for part in parts])
    if isinstance(thing, Static):
        return thing
    if is_scalar(thing):
        operands.append(calls.as_value(thing))
        return operands[-1].type
    if is_arraylike(thing):
        operands.append(array_value(calls, thing))
        lengths = thing.shape if isinstance(thing, Elementwise) else calls.known_lengths(thing)
        single = [axis for axis, length in enumerate(lengths) if same(length, 1)]
        return ty.with_single_axes(operands[-1].type, single)
    calls.refuse(f"{describe(thing)} as argument of a derivative", instead="numbers and arrays", node=node)


def array_value(calls: Calls, thing: Any) -> Value:
    """The version that holds an array; of a part of one a copy."""
    if isinstance(thing, Elementwise) or not thing.whole:
        thing = calls.materialise(thing)
    return calls.version(thing.root)


def tangent_values(calls: Calls, thing: Any, parameters: Iterator[Value], node: ast.AST) -> list[Value]:
    """A tangent as the next parameters of the program want it: of the same type, arrays in C order."""
    parts = parts_of(thing)
    if parts is not None:
        return [value for part in parts for value in tangent_values(calls, part, parameters, node)]
    if isinstance(thing, Static):
        return []
    wanted = next(parameters).type
    if is_scalar(thing) and not ty.is_array(wanted):
        return [calls.cast(calls.as_value(thing, wanted), wanted)]
    if not is_arraylike(thing) or not ty.is_array(wanted) or thing.ndim != wanted.ndim:
        calls.refuse(f"{describe(thing)} as a tangent", instead="something like the argument", node=node)
    fits = isinstance(thing, ArrayView) and thing.whole and thing.root.type == wanted
    return [calls.version((thing if fits else calls.materialise(thing, wanted.dtype)).root)]


def things_of(calls: Calls, structure: Any, results: Iterator[Value]) -> Any:
    """The results of a program as things."""
    if structure == "leaf":
        value = next(results)
        return whole_view(calls.new_root(value)) if ty.is_array(value.type) else value
    if structure is None or isinstance(structure, Static):
        return structure or Static(None)
    tree = structure if isinstance(structure, Tree) else Tree(tuple, (), structure)
    return thing_of(tree, [things_of(calls, part, results) for part in tree.parts])


__all__ = ["call_derivative", "is_derivative", "is_maker", "make_derivative", "pull_back"]
