"""The way from a Python function to the text of its gradient: every stage, in order.

    source  --parse-->  IR  --build_adjoint-->  ideal adjoint  --place_residuals-->  program  --print-->  text

Each stage is a function from one immutable value to the next. A hook sees the outcome of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .analysis.compensation import is_compensated
from .emit.python import print_function
from .frontend.build import Program, parse
from .frontend.source import FunctionSource
from .ir.core import Function
from .optimise.assign import assign_first
from .optimise.bounds import check_indices
from .optimise.clips import drop_clips
from .optimise.combine import combine_updates
from .optimise.dse import eliminate_dead_stores
from .optimise.factor import shorten_chains
from .optimise.fold import simplified, simplified_adjoint
from .optimise.fuse import fuse_sweeps
from .optimise.guards import scale_guards
from .optimise.hoist import hoist_invariants, share_work_arrays
from .optimise.join import join_loops
from .optimise.privatise import privatise_arrays
from .optimise.promote import promote_sums
from .optimise.protect import protect_arguments
from .optimise.reorder import reorder_loops
from .optimise.report import measured_tapes
from .optimise.residuals import place_residuals
from .optimise.rotate import rotate_elements
from .optimise.selections import remember_selections
from .optimise.sums import factor_sums
from .optimise.unsigned import unsigned_indices
from .transform.attach import drop_attachments
from .transform.reverse import build_adjoint

NEEDED, OPTIONAL = True, False  # whether the result would be wrong, or only slower, without a stage
Hook = Callable[[str, Function], None]


def no_hook(stage: str, function: Function) -> None:
    """See nothing."""


def read(source: FunctionSource, specs: Sequence[Any], hook: Hook = no_hook) -> Program:
    """The function in the IR, for one signature."""
    program = parse(source, specs)
    hook("parse", program.function)
    return program


def primal(program: Program, optimise: bool = True, hook: Hook = no_hook) -> Function:
    """The function itself, as it is compiled."""
    function = drop_attachments(program.function)
    if optimise:
        function = hoist_invariants(simplified(drop_clips(simplified(function))))
        hook("simplify", function)
    return function


def gradient(program: Program, wrt: Sequence[int], optimise: bool = True, hook: Hook = no_hook) -> Function:
    """The value and the gradient by the parameters `wrt`."""
    stages: list[tuple[bool, str, Callable[[Function], Function]]] = [
        (NEEDED, "protect", protect_arguments),
        (OPTIONAL, "simplify", simplified),
        (OPTIONAL, "clips", lambda f: simplified(drop_clips(f))),
        (OPTIONAL, "hoist", hoist_invariants),
        (OPTIONAL, "join", lambda f: simplified(join_loops(f))),
        (OPTIONAL, "privatise", privatise_arrays),
        (OPTIONAL, "simplify private", simplified),
        (OPTIONAL, "selections", lambda f: remember_selections(f, wrt)),
        (NEEDED, "adjoint", lambda f: build_adjoint(f, wrt)),
        (NEEDED, "bounds", lambda f: check_indices(f, wrt)),
        (OPTIONAL, "simplify adjoint", simplified_adjoint),
        (OPTIONAL, "fuse", fuse_sweeps),
        (OPTIONAL, "simplify fused", simplified),
        (NEEDED, "residuals", place_residuals),
        (NEEDED, "simplify placed", simplified),
        (OPTIONAL, "hoist placed", hoist_invariants),
        (OPTIONAL, "combine", combine_updates),
        (OPTIONAL, "promote", promote_sums),
        (OPTIONAL, "assign", assign_first),
        (OPTIONAL, "unread", lambda f: simplified(eliminate_dead_stores(f))),
        (OPTIONAL, "reorder", reorder_loops),
        (OPTIONAL, "rotate", rotate_elements),
        (OPTIONAL, "unread after rotation", eliminate_dead_stores),
        (OPTIONAL, "factor", shorten_chains),
        (OPTIONAL, "sums", factor_sums),
        (OPTIONAL, "guards", scale_guards),
        (OPTIONAL, "unsigned", unsigned_indices),
        (NEEDED, "clean", simplified),
        (OPTIONAL, "share", share_work_arrays),
    ]
    function = program.function
    for needed, name, stage in stages:
        if optimise or needed:
            function = stage(function)
            hook(name, function)
    return function


def reorders_sums(program: Program) -> bool:
    """Whether the compiler may change the order of sums in this function and its derivatives."""
    return not is_compensated(program.function)


def tape_sizes(function: Function) -> tuple[Function, list[str]]:
    """A function that gives the bytes of each tape of a gradient, and the names of the tapes."""
    sizes, names = measured_tapes(function)
    return simplified(sizes), names


__all__ = ["Hook", "gradient", "primal", "print_function", "read", "reorders_sums", "tape_sizes"]
