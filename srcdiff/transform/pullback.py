"""Cut an adjoint program into the part that runs forward and the part that runs backwards.

    f_vjp(x, y_bar) {             f_forward(x) { ...; return y x_tape }
      ...; reverse_sweep    ->
      ...; return y x_bar         f_pullback(x_tape, y_bar) { ...; return x_bar }
    }

What the backward part reads of the forward part are its residuals: results of the one, parameters of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Block, Function, Value
from ..ir.walk import free_values, rename, substitute


def cut_sweeps(
    function: Function, seeds: int, values: int, given: Sequence[Value] = ()
) -> tuple[Function, Function]:
    """The forward part and the pullback of a seeded adjoint whose residuals are placed.

    Parameters
    ----------
    function : Function
    seeds : int
        How many cotangents of results are among its parameters (before the hidden ones).
    values : int
        How many of its results are those of the primal; the others are what is owed to the independents.
    given : parameters that the pullback takes, if not the cotangents alone

    Returns
    -------
    tuple of Function
        The forward part takes the parameters of the primal and gives its results, then the residuals. The pullback
        takes the residuals, then what it is given; it has no hidden parameters.
    """
    ops = function.body.ops
    border = next(k for k, op in enumerate(ops) if op.primitive == "reverse_sweep")
    visible = len(function.parameters) - function.hidden
    given = given or function.parameters[visible - seeds : visible]
    primals = (*function.parameters[: visible - seeds], *function.parameters[visible:])
    backward = Block((), ops[border + 1 :], function.results[values:])
    residuals = [value for value in free_values(backward) if value not in given]
    body = Block(primals, ops[:border], (*function.results[:values], *residuals))
    name = function.name.removesuffix("_vjp")
    pullback = Function(f"{name}_pullback", rename(replace(backward, parameters=(*residuals, *given)), {}))
    return Function(f"{name}_forward", body, function.hidden), pullback


def keep_residuals(forward: Function, pullback: Function, values: int) -> tuple[Function, Function]:
    """Copy residuals that the caller could change before the pullback runs: arguments, and results of the primal."""
    structure = find_structure(forward.body)
    shared = {
        structure.storage(v) for v in (*forward.parameters, *forward.results[:values]) if ty.is_array(v.type)
    }
    results = list(forward.results)
    read = {}
    with Builder() as builder:
        for k in range(values, len(results)):
            value = results[k]
            if ty.is_array(value.type) and structure.storage(value) in shared:
                results[k] = builder.emit("copy", (value,), ty.owned(value.type), name=value.name)
                parameter = pullback.parameters[k - values]
                read[parameter] = Value(parameter.name, results[k].type)
    forward_body = replace(forward.body, ops=(*forward.body.ops, *builder.ops), results=tuple(results))
    parameters = tuple(read.get(p, p) for p in pullback.parameters)
    pullback_body = replace(substitute(pullback.body, read), parameters=parameters)
    return replace(forward, body=forward_body), replace(pullback, body=pullback_body)


__all__ = ["cut_sweeps", "keep_residuals"]
