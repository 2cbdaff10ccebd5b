"""Finished programs with the functions that they call, and their text.

    f_grad(x) { ... call g_vjp ... }    ->    that and `g_vjp`, or `g_forward` and `g_pullback`, in one module

A call and its reverse are split where both sweeps mirror each other (`optimise/split.py`); every callee is made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .emit import python
from .frontend.program import Program
from .ir.core import Function
from .ir.walk import ops_within
from .optimise.accumulators import pass_accumulators
from .optimise.fold import simplified
from .optimise.split import (
    Parts,
    called_parts,
    cut_parts,
    forward_part,
    keep_stacks,
    pullback_part,
    split_calls,
    with_given,
    with_stacks,
)
from .pipeline import cotangents_of, cut_adjoint, finish, seeded_adjoint
from .primitives.custom import Callee
from .transform.pullback import keep_residuals
from .transform.results import own_results

__all__ = ["calls_itself", "kept_pullback", "other_functions", "print_function", "recording_calls"]


def kept_pullback(function: Function, wrt: Sequence[int], optimise: bool = True) -> tuple[Function, Function]:
    """The two sweeps of `pullback` for a reverse sweep that is run later: nothing that the caller may change is shared
    with it, and what functions record that are called is among the residuals. Finished already where there is such."""
    adjoint, values = seeded_adjoint(function, wrt, optimise), len(function.results)
    if any(op.primitive == "call" for op in ops_within(adjoint.body)):
        split = split_calls(finish(adjoint, optimise))
        _, parts = called_functions(split)
        forward, backward = cut_adjoint(with_given(split, parts), values)
        if called_parts(forward.body):
            return keep_stacks(*keep_residuals(forward, backward, values), values, parts)
    return keep_residuals(*cut_adjoint(adjoint, values), values)


def print_function(function: Function, doc: str = "", results: str | None = None) -> str:
    """The text of a module with a finished function in it, and the functions that it calls."""
    function, helpers = linked(function)
    return python.print_function(function, doc, results, helpers)


def linked(function: Function) -> tuple[Function, list[Function]]:
    """A finished function whose calls are split where they can be, and the functions that it then calls."""
    function = split_calls(function)
    whole, parts = called_functions(function)
    helpers = [with_stacks(f, parts) for f in whole.values()]
    for part in parts.values():
        helpers += [simplified(forward_part(part, parts)), simplified(pullback_part(part, parts))]
    function = with_stacks(function, parts)
    first, *others = pass_accumulators([function, *needed_by(function, helpers)])
    return first, others


def called_functions(function: Function) -> tuple[dict[str, Function], dict[Callee, Parts]]:
    """What a finished function calls whole, by name, and the two parts of what it calls in parts."""
    whole: dict[str, Function] = {}
    parts: dict[Callee, Parts] = {}

    def gather(function: Function) -> None:
        for op in ops_within(function.body):
            if op.primitive != "call":
                continue
            callee: Callee = op.attributes["callee"]
            if "part" in op.attributes:
                if callee not in parts:
                    parts[callee] = Parts(callee, split_calls(finish(callee.adjoint)))
                    gather(parts[callee].adjoint)
            elif callee.name not in whole:
                whole[callee.name] = callee.function  # it calls itself
                called = callee.function
                if callee.adjoint is not None:
                    called = cotangents_of(callee.adjoint, len(callee.values))
                called = finish(own_results(simplified(called)))
                whole[callee.name] = replace(split_calls(called), name=callee.name)
                gather(whole[callee.name])

    gather(function)
    cut_parts(list(parts.values()))
    return whole, parts


def needed_by(function: Function, helpers: Sequence[Function]) -> list[Function]:
    """Those of the functions that are called, by this one or by one that is called."""
    named = {f.name: f for f in helpers}
    needed: set[str] = set()
    waiting = [function]
    while waiting:
        for op in ops_within(waiting.pop().body):
            name = op.attributes["name"] if op.primitive == "call" else None
            if name is not None and name not in needed:
                needed.add(name)
                waiting.append(named[name])
    return [f for f in helpers if f.name in needed]


def recording_calls(function: Function) -> tuple[str, ...]:
    """The functions whose calls in a finished gradient leave residuals on stacks."""
    return tuple(part.name.removesuffix("_vjp") for part in called_parts(split_calls(function).body))


def calls_itself(program: Program) -> bool:
    """Whether a program calls functions that call themselves."""
    seen: set[Callee] = set()
    waiting = [program.function]
    while waiting:
        for op in ops_within(waiting.pop().body):
            if op.primitive == "call" and op.attributes["callee"] not in seen:
                seen.add(op.attributes["callee"])
                waiting.append(op.attributes["callee"].function)
    return any(callee.recursive for callee in seen)


def other_functions(program: Program) -> list[Any]:
    """The functions of the user that a program calls as they stand."""
    return [op.attributes["target"] for op in ops_within(program.function.body) if "module" in op.attributes]
