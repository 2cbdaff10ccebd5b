"""The way from a Python function to its finished gradient.

    source  --parse-->  IR  --build_adjoint-->  ideal adjoint  --place_residuals-->  program

`stages.py` lists the stages; a hook sees the outcome of each. `linking.py` prints a finished program, with those that
it calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .analysis.compensation import cancels_products, is_compensated
from .analysis.gathered import sums_only_looked_up
from .analysis.length_checks import checks_lengths, fails_unwritten
from .frontend.build import Reader, parse
from .frontend.kernels import parse_kernel
from .frontend.program import Program
from .frontend.source import FunctionSource
from .ir import types as ty
from .ir.core import Function
from .ir.walk import ops_within
from .optimise.add_factors import add_factors
from .optimise.bounds import check_indices
from .optimise.clips import drop_clips
from .optimise.combine import combine_updates
from .optimise.dse import eliminate_dead_stores
from .optimise.elements import over_elements
from .optimise.estimate import estimate
from .optimise.first_reads import read_zeros
from .optimise.fold import simplified, simplified_adjoint
from .optimise.fuse import fuse_sweeps
from .optimise.hoist import hoist_invariants
from .optimise.masks import mask_last
from .optimise.positions import name_positions
from .optimise.postpone import postpone_trips
from .optimise.protect import drop_copies, protect_arguments
from .optimise.ranges import write_ranges
from .optimise.report import measured_tapes
from .optimise.residuals import place_residuals
from .optimise.selections import remember_selections
from .optimise.split import keeps_stacks
from .optimise.strides import write_strides
from .optimise.unsigned import unsigned_indices
from .stages import (
    CHECK,
    FINISH,
    FUSE,
    NEEDED,
    NOT_IN_SHARED_MEMORY,
    NOT_IN_THREADS,
    OPTIONAL,
    PEEL,
    PLACE,
    PREPARE,
    TUNE,
    UNITS,
    WHOLE,
    Hook,
    Stage,
    no_hook,
    run,
)
from .transform.attach import drop_attachments
from .transform.custom import drop_rules
from .transform.dependence import build_dependence
from .transform.entries import build_entries
from .transform.in_place import put_in_place
from .transform.jacobian import build_compressed_jacobian, build_forward_jacobian, build_reverse_jacobian
from .transform.primal import as_primal
from .transform.pullback import cut_sweeps
from .transform.results import own_results
from .transform.reverse import build_adjoint
from .transform.shadows import build_shadowed_adjoint
from .transform.tangent import build_tangent

DEEPEST = 3  # loops around one that starts from a variable: in more, it is short
WIDTH = 4  # tangents at once: as many as the registers of a common machine hold
CHEAP_IN_THREADS = 120  # additions: what a tape in the memory of a GPU is worth, which all threads wait for


def read(
    source: FunctionSource,
    specs: Sequence[Any],
    hook: Hook = no_hook,
    single_captures: Mapping[Any, tuple[int, ...]] | None = None,
) -> Program:
    """The function in the IR, for one signature.

    `single_captures` are axes along which captured arrays, by their places, are known to be of length 1.
    """
    reader = Reader()
    reader.calls_large = True
    reader.single_captures = single_captures or {}
    program = parse(source, specs, reader)
    hook("parse", program.function)
    return program


def read_for_device(source: FunctionSource, specs: Sequence[Any], is_kernel: bool = False) -> Program:
    """The function in the IR, where sums that start at `0.0` are float32 if all numbers are (doubles are slow)."""
    arguments = [spec for spec in specs if ty.is_scalar(spec) or ty.is_array(spec)]
    dtypes = set(map(ty.element, arguments))
    carried_float = ty.float32 if ty.float32 in dtypes and ty.float64 not in dtypes else None
    if is_kernel:
        program = parse_kernel(source, specs, carried_float)
        return replace(program, function=write_ranges(name_positions(program.function)))
    reader = Reader()
    reader.carried_float = carried_float or reader.carried_float
    return parse(source, specs, reader)


def primal(program: Program, optimise: bool = True, hook: Hook = no_hook) -> Function:
    """The function itself, as it is compiled."""
    function = drop_rules(drop_attachments(program.function))
    if not optimise:
        return function
    deepest: Stage = (OPTIONAL, "unsigned", lambda f: unsigned_indices(f, DEEPEST))
    tune = [PEEL, *(deepest if stage[1] == "unsigned" else stage for stage in TUNE)]
    return run(tune, drop_attachments(run(FUSE, function, True, hook)), True, hook)


def with_early_checks(function: Function) -> Function:
    """The function with checks of lengths first, and without those that hold anyway."""
    return run(CHECK, function, True, no_hook)


def checks_come_first(function: Function, optimise: bool) -> bool:
    """Whether no argument has been written, and nothing printed or drawn, when a check of lengths fails."""
    has_effects = function.written or any(op.primitive == "opaque" for op in ops_within(function.body))
    if not has_effects or not checks_lengths(function):
        return True
    return fails_unwritten(with_early_checks(function) if optimise else function)


def adjoint(
    function: Function, wrt: Sequence[int], optimise: bool = True, hook: Hook = no_hook, values: int = 1
) -> Function:
    """The first `values` results and the gradient of the first one by the parameters `wrt`, as a function that can
    be differentiated again."""
    stages: list[Stage] = [
        *PREPARE,
        (OPTIONAL, "selections", lambda f: remember_selections(f, wrt)),
        (NEEDED, "adjoint", lambda f: build_adjoint(f, wrt, values=values)),
        (NEEDED, "bounds", lambda f: check_indices(f, wrt)),
        (OPTIONAL, "checked clips", drop_clips),
        (OPTIONAL, "add factors", add_factors),
        (NEEDED, "masks", mask_last),
        (OPTIONAL, "simplify adjoint", simplified_adjoint),
        (OPTIONAL, "first reads", lambda f: simplified_adjoint(read_zeros(f))),
        (OPTIONAL, "unread in adjoint", lambda f: simplified_adjoint(eliminate_dead_stores(f, ideal=True))),
        (OPTIONAL, "fuse", fuse_sweeps),
        (OPTIONAL, "simplify fused", simplified),
        *PLACE,
    ]
    return run(stages, function, optimise, hook)


def tangent(function: Function, wrt: Sequence[int], optimise: bool = True, width: int = 1) -> Function:
    """The results and their tangents, for tangents of the parameters `wrt`, `width` at once."""
    stages: list[Stage] = [
        *PREPARE,
        (NEEDED, "tangent", lambda f: build_tangent(f, wrt, width)),
        (NEEDED, "results", own_results),
        (NEEDED, "simplify tangent", simplified),
    ]
    return run(stages, function, optimise, no_hook)


def seeded_adjoint(function: Function, wrt: Sequence[int], optimise: bool = True) -> Function:
    """The results and what is owed to the parameters `wrt`, for given cotangents of the results."""
    stages: list[Stage] = [
        *PREPARE,
        (NEEDED, "adjoint", lambda f: build_adjoint(f, wrt, True, len(f.results))),
        (NEEDED, "bounds", lambda f: check_indices(f, wrt)),
        (OPTIONAL, "checked clips", drop_clips),
        (OPTIONAL, "add factors", add_factors),
        (NEEDED, "masks", mask_last),
        (OPTIONAL, "simplify adjoint", simplified_adjoint),
        *PLACE,
    ]
    return run(stages, function, optimise, no_hook)


def cotangents(function: Function, wrt: Sequence[int], optimise: bool = True) -> Function:
    """What is owed to the parameters `wrt`, for given cotangents of the results."""
    return cotangents_of(seeded_adjoint(function, wrt, optimise), len(function.results))


def cotangents_of(adjoint: Function, values: int) -> Function:
    """What an adjoint gives without the `values` results of its function."""
    body = replace(adjoint.body, results=adjoint.results[values:])
    return simplified(own_results(protect_arguments(replace(adjoint, body=body))))


def pullback(function: Function, wrt: Sequence[int], optimise: bool = True) -> tuple[Function, Function]:
    """The function with what its reverse sweep needs as further results, and the reverse sweep for given cotangents."""
    return cut_adjoint(seeded_adjoint(function, wrt, optimise), len(function.results))


def cut_adjoint(adjoint: Function, values: int) -> tuple[Function, Function]:
    """The two sweeps of an adjoint that gives the `values` results of its function."""
    seeds = sum(ty.is_differentiable(r.type) for r in adjoint.results[:values])
    forward, backward = cut_sweeps(adjoint, seeds, values)
    backward = own_results(protect_arguments(backward))
    backward = simplified(eliminate_dead_stores(combine_updates(simplified(backward))))
    return simplified(forward), simplified(drop_copies(backward))


def forward_jacobian(function: Function, wrt: Sequence[int], optimise: bool = True) -> Function:
    """The derivative of each result by each of the parameters `wrt`, by tangents."""
    prepared = run(PREPARE, function, optimise, no_hook)
    return simplified(build_forward_jacobian(prepared, wrt, WIDTH))


def reverse_jacobian(function: Function, wrt: Sequence[int], optimise: bool = True) -> Function:
    """The derivative of each result by each of the parameters `wrt`, by pullbacks."""
    prepared = run(PREPARE, function, optimise, no_hook)
    pairs = [
        pullback(replace(prepared, body=replace(prepared.body, results=(value,))), wrt, optimise)
        for value in prepared.results
        if ty.is_differentiable(value.type)
    ]
    built = simplified(build_reverse_jacobian(prepared, pairs, wrt))
    return run(UNITS, built, optimise, no_hook)


def is_local(by_pullbacks: Function) -> bool:
    """Whether a Jacobian by pullbacks reads no unit vector any more."""
    return not any(op.attributes.get("unit") for op in ops_within(by_pullbacks.body))


def costs_less(by_pullbacks: Function, by_tangents: Function, margin: float) -> bool:
    """Whether a Jacobian is estimated to cost less by pullbacks, for as many results as parameters."""
    return estimate(by_pullbacks.body) < margin * estimate(by_tangents.body) / WIDTH


def dependence(function: Function, wrt: Sequence[int]) -> Function:
    """The bits of the results, for bits of the parameters `wrt`."""
    return simplified(build_dependence(simplified(put_in_place(as_primal(function))), wrt))


def compressed_jacobian(function: Function, wrt: Sequence[int], optimise: bool = True) -> Function:
    """The sums of those columns of the Jacobian that have the same colour, for colours of the parameters `wrt`."""
    prepared = run(PREPARE, function, optimise, no_hook)
    return simplified(build_compressed_jacobian(prepared, wrt, WIDTH))


def entries(function: Function, wrt: Sequence[int], known: int, optimise: bool = True) -> Function:
    """The entries of the Jacobian of a known pattern, for arguments of which `known` hidden ones decide on it."""
    sums = compressed_jacobian(function, wrt, optimise)
    return simplified(build_entries(sums, len(wrt), known))


def finish(function: Function, optimise: bool = True, hook: Hook = no_hook) -> Function:
    """A derivative as it is printed and compiled."""
    if keeps_stacks(function):
        return function
    return run(FINISH if optimise else WHOLE, function, optimise, hook)


def gradient(program: Program, wrt: Sequence[int], optimise: bool = True, hook: Hook = no_hook) -> Function:
    """The value and the gradient by the parameters `wrt`, as it is printed and compiled."""
    return finish(adjoint(program.function, wrt, optimise, hook), optimise, hook)


def threaded(
    function: Function, wrt: Sequence[int], in_place: bool, optimise: bool = True, hook: Hook = no_hook
) -> Function:
    """The adjoint that each of many threads runs, as it is printed: with shadows, and loops over elements.

    With `in_place`, what the function writes into its parameters are its results, else it has one float as result.
    """
    skipped = set(NOT_IN_THREADS)
    if any(op.attributes.get("shared_memory") for op in function.body.ops):
        skipped |= NOT_IN_SHARED_MEMORY
    stages: list[Stage] = [
        *(stage for stage in PREPARE if not (in_place and stage[1] == "protect")),
        (OPTIONAL, "selections", lambda f: f if in_place else remember_selections(f, wrt)),
        (NEEDED, "adjoint", lambda f: build_shadowed_adjoint(f, wrt, in_place)),
        (OPTIONAL, "add factors", add_factors),
        (NEEDED, "masks", mask_last),
        (OPTIONAL, "simplify adjoint", simplified_adjoint),
        (OPTIONAL, "fuse", fuse_sweeps),
        (OPTIONAL, "simplify fused", simplified),
        (OPTIONAL, "postpone", lambda f: simplified(fuse_sweeps(postpone_trips(f)))),
        (NEEDED, "residuals", lambda f: place_residuals(f, CHEAP_IN_THREADS)),
        (NEEDED, "simplify placed", simplified),
        *FINISH,
        (NEEDED, "elements", lambda f: simplified(over_elements(f))),
        (OPTIONAL, "strides", lambda f: simplified(write_strides(f))),
    ]
    return run([stage for stage in stages if stage[1] not in skipped], function, optimise, hook)


def threaded_primal(function: Function, optimise: bool = True, hook: Hook = no_hook) -> Function:
    """The function itself, as each of many threads runs it on arguments that it must not change."""
    stages: list[Stage] = [
        (NEEDED, "primal", as_primal),
        (NEEDED, "protect", protect_arguments),
        (NEEDED, "attachments", lambda f: drop_rules(drop_attachments(f))),
        (OPTIONAL, "simplify", simplified),
        (OPTIONAL, "hoist", hoist_invariants),
        (NEEDED, "elements", lambda f: simplified(over_elements(f))),
    ]
    return run(stages, function, optimise, hook)


def freedoms(program: Program) -> set[str]:
    """What the compiler may, and should, do in this function and its derivatives, as LLVM's flags: change the order of
    sums, add a product to a sum before it is rounded."""
    function = program.function
    if is_compensated(function) or sums_only_looked_up(function):
        return set()
    return {"reassoc"} if cancels_products(function) else {"reassoc", "contract"}


def tape_sizes(function: Function) -> tuple[Function, list[str]]:
    """A function that gives the bytes of each tape of a gradient, and the names of the tapes."""
    sizes, names = measured_tapes(function)
    return simplified(sizes), names


__all__ = [
    "Hook",
    "adjoint",
    "as_primal",
    "compressed_jacobian",
    "costs_less",
    "cotangents",
    "cotangents_of",
    "cut_adjoint",
    "dependence",
    "entries",
    "finish",
    "forward_jacobian",
    "freedoms",
    "gradient",
    "own_results",
    "primal",
    "pullback",
    "read",
    "read_for_device",
    "reverse_jacobian",
    "seeded_adjoint",
    "simplified",
    "tangent",
    "tape_sizes",
    "threaded",
    "threaded_primal",
]
