"""The way from a Python function to its finished gradient: every stage, in order.

    source  --parse-->  IR  --build_adjoint-->  ideal adjoint  --place_residuals-->  program

Each stage is a function from one immutable value to the next. A hook sees the outcome of each. `linking.py` prints a
finished program, with those that it calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from .ir.verify import verified
from .ir.walk import alike, ops_within
from .optimise.add_factors import add_factors
from .optimise.assign import assign_first
from .optimise.axes import order_axes
from .optimise.bins import search_bins
from .optimise.bounds import check_indices
from .optimise.checks import check_before_loops, use_checks
from .optimise.choices import choose_integers
from .optimise.clips import drop_clips
from .optimise.collapse import collapse_axes, holds_sweeps
from .optimise.columns import keep_columns
from .optimise.combine import combine_updates
from .optimise.contract import contract_arrays
from .optimise.counters import count_by_index
from .optimise.delay import delay_stores
from .optimise.dse import eliminate_dead_stores
from .optimise.early_loads import load_early
from .optimise.early_records import record_early
from .optimise.elements import over_elements
from .optimise.elide import elide_copies
from .optimise.estimate import estimate
from .optimise.extend import extend_loops
from .optimise.factor import shorten_chains
from .optimise.first_reads import read_zeros
from .optimise.fold import simplified, simplified_adjoint
from .optimise.fuse import fuse_sweeps
from .optimise.guards import scale_guards
from .optimise.hoist import hoist_invariants, share_work_arrays
from .optimise.hold import hold_sums
from .optimise.interchange import interchange_loops
from .optimise.jam import jam_loops
from .optimise.jam_nests import jam_nests
from .optimise.join import join_loops
from .optimise.lines import keep_lines
from .optimise.maps import sum_before_maps
from .optimise.masks import mask_last
from .optimise.multiply import multiply_matrices
from .optimise.outer_products import write_outer_products
from .optimise.part import part_updates
from .optimise.peel import peel_loops
from .optimise.planar import split_complex
from .optimise.positions import name_positions
from .optimise.postpone import postpone_trips
from .optimise.privatise import privatise_arrays
from .optimise.promote import promote_sums
from .optimise.protect import drop_copies, protect_arguments
from .optimise.push import push_sums
from .optimise.ranges import write_ranges
from .optimise.remainders import take_unsigned_remainders
from .optimise.reorder import reorder_loops
from .optimise.replace import replace_in_place
from .optimise.report import measured_tapes
from .optimise.residuals import place_residuals
from .optimise.roots import take_roots
from .optimise.rotate import rotate_elements
from .optimise.rows import share_rows
from .optimise.scaled import multiply_scaled
from .optimise.scan import scan_masks
from .optimise.selections import remember_selections
from .optimise.split import keeps_stacks
from .optimise.start import start_sums
from .optimise.stencils import gather_stencils
from .optimise.strides import write_strides
from .optimise.sums import factor_sums
from .optimise.sweeps import sweep_rows
from .optimise.through import read_originals
from .optimise.tile import tile_loops
from .optimise.unit_vectors import use_unit_vectors
from .optimise.unsigned import unsigned_indices
from .optimise.vectorise import vectorise_loops
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

NEEDED, OPTIONAL = True, False  # whether the result would be wrong, or only slower, without a stage
DEEPEST = 3  # loops around one that starts from a variable: in more, it is short
WIDTH = 4  # tangents at once: as many as the registers of a common machine hold
Hook = Callable[[str, Function], None]
Stage = tuple[bool, str, Callable[[Function], Function]]


def kept(function: Function, change: Callable[[Function], Function]) -> Function:
    """What a change makes of a function: the very same one where it only built that anew."""
    changed = change(function)
    if not alike(changed.body, function.body):
        return changed
    others = (changed.name, changed.hidden, changed.written)
    same = others == (function.name, function.hidden, function.written)
    return function if same else replace(changed, body=function.body)


def simplifying(*changes: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """A stage of changes, each with what becomes simpler by it: most change nothing, most of the time."""

    def stage(function: Function) -> Function:
        for change in changes:
            function = simplified(kept(function, change))
        return function

    return stage


def scan_and_join(function: Function) -> Function:
    """The function with loops over masks in place of those over places, joined with others over the same range."""
    scanned = scan_masks(function)
    if scanned is function:
        return function
    for _ in range(2):  # a loop that holds no mask any more may be joined as well
        scanned = contract_arrays(simplified(join_loops(simplified(scanned), with_sums=True)))
    return scanned


def read_through_copies(function: Function) -> Function:
    """The function without copies that are read once, and with what makes the places of a row in front of it."""
    read = read_originals(function)
    return function if read is function else hoist_invariants(simplified(read))


def multiply(function: Function) -> Function:
    """The function with the checks of loops before them, and products of matrices for loops that are some, of lengths
    that checks have shown to be equal: what those read is there before the loops, once their checks are."""
    led = simplifying(check_before_loops, use_checks)(function)
    multiplied = multiply_matrices(led)
    return led if multiplied is led else simplifying(use_checks)(simplified(multiplied))


def join_until_none(function: Function) -> Function:
    """The function with loops joined, also those that can be once arrays between others are gone."""
    for _ in range(3):
        before, function = function, join_loops(function)
        if function is before:
            break
        function = simplified(function)
    return function


def join_and_collapse(function: Function) -> Function:
    """The function without axes that can be dropped, also once loops are joined and need no arrays between them."""
    if not holds_sweeps(function):
        return function
    joined = contract_arrays(simplified(join_loops(function)))
    collapsed = collapse_axes(joined)
    return function if collapsed is joined else simplified(collapsed)


CHECK: list[Stage] = [  # what is known of lengths
    (OPTIONAL, "simplify", simplified),
    (OPTIONAL, "counters", simplifying(count_by_index)),
    (OPTIONAL, "checks", simplifying(use_checks)),
    (OPTIONAL, "clips", simplifying(drop_clips, use_checks)),
]
FUSE: list[Stage] = [
    *CHECK,
    (OPTIONAL, "hoist", hoist_invariants),
    (OPTIONAL, "elide", elide_copies),
    (OPTIONAL, "collapse", join_and_collapse),
    (OPTIONAL, "multiply", multiply),
    (OPTIONAL, "zeros", lambda f: elide_copies(simplified(kept(f, assign_first)))),
    (OPTIONAL, "columns", keep_columns),
    (OPTIONAL, "hold", simplifying(hold_sums)),
    (OPTIONAL, "start", start_sums),
    (OPTIONAL, "push", simplifying(push_sums)),
    (OPTIONAL, "interchange", simplifying(interchange_loops)),
    (OPTIONAL, "extend", simplifying(extend_loops)),
    (OPTIONAL, "join", join_until_none),
    (OPTIONAL, "rows", share_rows),
    (OPTIONAL, "lines", simplifying(keep_lines)),
    (OPTIONAL, "contract", contract_arrays),
    (OPTIONAL, "replace", simplifying(replace_in_place)),
    (OPTIONAL, "sweeps", simplifying(sweep_rows, keep_lines)),
    (OPTIONAL, "collapse exchanged", simplifying(collapse_axes)),
    (OPTIONAL, "scan", scan_and_join),
    (OPTIONAL, "hold joined", simplifying(hold_sums)),
    (OPTIONAL, "through", read_through_copies),
    (OPTIONAL, "axes", order_axes),
    (OPTIONAL, "bins", simplifying(search_bins)),
    (OPTIONAL, "tile", simplifying(tile_loops)),
]
PREPARE: list[Stage] = [
    (NEEDED, "primal", as_primal),
    (NEEDED, "protect", protect_arguments),
    *FUSE,
    (OPTIONAL, "privatise", privatise_arrays),
    (OPTIONAL, "simplify private", simplified),
]
PLACE: list[Stage] = [
    (OPTIONAL, "choices", lambda f: simplified_adjoint(choose_integers(f))),
    (NEEDED, "residuals", place_residuals),
    (NEEDED, "simplify placed", simplified),
]
DROP: list[Stage] = [
    (NEEDED, "rules", drop_rules),
    (NEEDED, "attachments", simplifying(drop_attachments)),
]
VERIFY: Stage = (
    NEEDED,
    "verify",
    verified,
)  # what is read out of scope would be what Python's name happens to hold
PEEL: Stage = (OPTIONAL, "peel", simplifying(peel_loops))
TUNE: list[Stage] = [  # how loops run, whatever they compute
    (OPTIONAL, "roots", simplifying(take_roots)),
    (OPTIONAL, "outer products", write_outer_products),
    (OPTIONAL, "part", simplifying(part_updates)),
    (OPTIONAL, "delay", delay_stores),
    (OPTIONAL, "jam nests", lambda f: combine_updates(simplified(kept(f, jam_nests)))),
    (OPTIONAL, "jam", lambda f: combine_updates(simplified(kept(f, jam_loops)))),
    (OPTIONAL, "early loads", simplifying(load_early)),
    (OPTIONAL, "remainders", take_unsigned_remainders),
    (OPTIONAL, "unsigned", unsigned_indices),
    (NEEDED, "clean", simplified),
    (OPTIONAL, "share", share_work_arrays),
    VERIFY,
]
FINISH: list[Stage] = [
    *DROP,
    (OPTIONAL, "hoist placed", hoist_invariants),
    (OPTIONAL, "join recorded", simplifying(join_loops)),
    (OPTIONAL, "early records", simplifying(record_early)),
    (OPTIONAL, "combine", combine_updates),
    (OPTIONAL, "promote", promote_sums),
    (OPTIONAL, "assign", assign_first),
    (OPTIONAL, "unread", simplifying(lambda f: drop_copies(eliminate_dead_stores(f)))),
    (OPTIONAL, "maps", simplifying(sum_before_maps)),
    PEEL,
    (OPTIONAL, "reorder", reorder_loops),
    (OPTIONAL, "stencils", gather_stencils),
    (OPTIONAL, "assign collected", assign_first),
    (OPTIONAL, "rotate", rotate_elements),
    (OPTIONAL, "unread after rotation", eliminate_dead_stores),
    (OPTIONAL, "factor", shorten_chains),
    (OPTIONAL, "sums", factor_sums),
    (OPTIONAL, "guards", scale_guards),
    (OPTIONAL, "planar", simplifying(split_complex)),
    *TUNE,
]

WHOLE: list[Stage] = [  # instead of FINISH, without optimisation
    *DROP,
    (NEEDED, "combine", combine_updates),
    (NEEDED, "clean", simplified),
    (NEEDED, "vectorise", vectorise_loops),
    VERIFY,
]

UNITS: list[Stage] = [  # of a Jacobian, whose loops go over unit vectors
    (OPTIONAL, "unit vectors", simplifying(use_unit_vectors)),
    (OPTIONAL, "reorder", simplifying(reorder_loops)),
    (OPTIONAL, "assign", lambda f: assign_first(combine_updates(f))),
    (OPTIONAL, "unread", simplifying(eliminate_dead_stores)),
    (OPTIONAL, "scaled", multiply_scaled),
]


def no_hook(stage: str, function: Function) -> None:
    """See nothing."""


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


def run(stages: Sequence[Stage], function: Function, optimise: bool, hook: Hook) -> Function:
    """What the stages make of a function, one after the other."""
    for needed, name, stage in stages:
        if optimise or needed:
            function = kept(function, stage)
            hook(name, function)
    return function


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


# Other threads add to what one thread adds to, so it keeps no element of a shadow in a register. A kernel has no
# exceptions of its own for indices, and int64 and uint64 together make a float64.
CHEAP_IN_THREADS = 120  # additions: what a tape in the memory of a GPU is worth, which all threads wait for
NOT_IN_THREADS = {
    "collapse",
    "collapse exchanged",
    "multiply",
    "columns",
    "start",
    "push",
    "interchange",
    "extend",
    "rows",
    "lines",
    "hold",
    "hold joined",
    "tile",
    "maps",
    "stencils",
    "assign collected",
    "rotate",
    "unread after rotation",
    "planar",
    "part",
    "remainders",
    "unsigned",
    "share",
}
# What one thread stores in shared memory another one reads: stores stay where they are.
NOT_IN_SHARED_MEMORY = {
    "elide",
    "join",
    "join recorded",
    "contract",
    "privatise",
    "fuse",
    "postpone",
    "assign",
    "unread",
    "reorder",
    "delay",
    "jam nests",
    "jam",
}


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
