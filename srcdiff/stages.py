"""The stages of a program, in order: every one is a function from one immutable value to the next.

`pipeline.py` says which of these lists make which program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from .ir.core import Function
from .ir.verify import verified
from .ir.walk import alike
from .optimise.assign import assign_first
from .optimise.axes import order_axes
from .optimise.bins import search_bins
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
from .optimise.elide import elide_copies
from .optimise.extend import extend_loops
from .optimise.factor import shorten_chains
from .optimise.fold import simplified, simplified_adjoint
from .optimise.guards import scale_guards
from .optimise.hoist import hoist_invariants, share_work_arrays
from .optimise.hold import hold_sums
from .optimise.interchange import interchange_loops
from .optimise.jam import jam_loops
from .optimise.jam_nests import jam_nests
from .optimise.join import join_loops
from .optimise.lines import keep_lines
from .optimise.maps import sum_before_maps
from .optimise.multiply import multiply_matrices
from .optimise.outer_products import write_outer_products
from .optimise.part import part_updates
from .optimise.peel import peel_loops
from .optimise.planar import split_complex
from .optimise.privatise import privatise_arrays
from .optimise.promote import promote_sums
from .optimise.protect import drop_copies, protect_arguments
from .optimise.push import push_sums
from .optimise.remainders import take_unsigned_remainders
from .optimise.reorder import reorder_loops
from .optimise.replace import replace_in_place
from .optimise.residuals import place_residuals
from .optimise.roots import take_roots
from .optimise.rotate import rotate_elements
from .optimise.rows import share_rows
from .optimise.scaled import multiply_scaled
from .optimise.scan import scan_masks
from .optimise.start import start_sums
from .optimise.stencils import gather_stencils
from .optimise.sums import factor_sums
from .optimise.sweeps import sweep_rows
from .optimise.through import read_originals
from .optimise.tile import tile_loops
from .optimise.unit_vectors import use_unit_vectors
from .optimise.unsigned import unsigned_indices
from .optimise.vectorise import vectorise_loops
from .transform.attach import drop_attachments
from .transform.custom import drop_rules
from .transform.primal import as_primal

NEEDED, OPTIONAL = True, False  # whether the result would be wrong, or only slower, without a stage
Hook = Callable[[str, Function], None]
Stage = tuple[bool, str, Callable[[Function], Function]]


def no_hook(stage: str, function: Function) -> None:
    """See nothing."""


def run(stages: Sequence[Stage], function: Function, optimise: bool, hook: Hook) -> Function:
    """What the stages make of a function, one after the other."""
    for needed, name, stage in stages:
        if optimise or needed:
            function = kept(function, stage)
            hook(name, function)
    return function


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


# Other threads add to what one thread adds to, so it keeps no element of a shadow in a register. A kernel has no
# exceptions of its own for indices, and int64 and uint64 together make a float64.
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
    "early records",
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
    "early loads",
}


__all__ = [
    "CHECK",
    "FINISH",
    "FUSE",
    "NEEDED",
    "NOT_IN_SHARED_MEMORY",
    "NOT_IN_THREADS",
    "OPTIONAL",
    "PEEL",
    "PLACE",
    "PREPARE",
    "TUNE",
    "UNITS",
    "WHOLE",
    "Hook",
    "Stage",
    "kept",
    "no_hook",
    "run",
]
