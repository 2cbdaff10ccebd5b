"""Decide where the reverse sweep gets each value of the forward sweep, and make it so.

    for i in range(n):                       for i in range(n):
        x = sin(x)                               x_tape[i] = x
    ...                                          x = sin(x)
    for i in range(n), descending:     ->    for i in range(n), descending:
        x_bar = x_bar * cos(recalled x)          x_bar = x_bar * cos(x_tape[i])

A walk through the program (`placement.py`) finds a source for each value that is read out of scope (`sources.py`):
what is still there, what is cheap to compute again, else a tape (`recording.py`), for which the forward sweep gets
its stores (`tapes.py`). The walk is made until the choice settles: what has a tape counts as free, so that what follows
from it is computed again rather than recorded too.

Where the trips of a loop step an array, its *states*, one for each trip, may stand for many values loaded from it;
and a trip may be made again in the reverse sweep, from its state (`replay.py`). Which of these moves the least is
decided by trying (`cheapest`).

Reads: structure, affine forms. Gives a function without reads of closed regions.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from ..analysis.affine import is_clipped
from ..analysis.overwrites import Overwrites
from ..analysis.structure import Structure, find_structure
from ..ir.core import Function, Value
from .arrays import read_in_several_places
from .dce import eliminate_dead
from .estimate import CHEAP, estimate
from .placement import Placer
from .recording import Choices
from .replay import replay_segments, replay_trips, stepping_loops
from .tapes import Plan, Recorder

# What making trips again may cost at most, over recording: estimates that are closer tell nothing.
WORTHWHILE = 0.97


def place_residuals(function: Function, cheap: int = CHEAP) -> Function:
    """Supply what the reverse sweep reads out of scope, in the way that is estimated to cost the least.

    What takes at most `cheap` additions is computed again instead of being recorded.
    """
    function = replay_segments(function)
    best = cheapest(function, cheap)
    for token in stepping_loops(function):
        if token not in best.recorded:
            continue
        replayed = replay_trips(function, token)
        if replayed is None:
            continue
        placed = cheapest(replayed, cheap)
        if placed.cost < WORTHWHILE * best.cost:
            function, best = replayed, placed
    return best.function


@dataclass(frozen=True)
class Placed:
    """A function with its residuals placed, the estimated cost of running it, and the tokens of the loops of which
    values are recorded."""

    function: Function
    cost: float
    recorded: frozenset[int]


def cheapest(function: Function, cheap: int) -> Placed:
    """Place residuals with and without recorded states."""
    return min((settled(function, states, cheap) for states in (False, True)), key=lambda p: p.cost)


def settled(function: Function, states: bool, cheap: int) -> Placed:
    """Place residuals until the choice of what is recorded does not change."""
    overwrites = Overwrites(find_structure(function.body))
    plan = Plan()
    instead: dict[Value, Value] = {}
    whole: frozenset[Value] = frozenset()
    for _ in range(6):
        placer = Placer(overwrites, Choices(plan, instead, whole, states, cheap))
        body = placer.run(function.body)
        settled = placer.plan.used == plan.used
        plan = placer.plan
        if settled:
            break
        instead = {**instead, **better_leaves(plan.used, placer.leaf, overwrites.structure)}
        whole |= read_in_several_places(placer)
    plan.tapes = {value: tape for value, tape in plan.tapes.items() if value in plan.used}
    loops = (op for tape in plan.tapes.values() for op in tape.chain if "token" in op.attributes)
    recorded = frozenset(op.attributes["token"] for op in loops)
    body = Recorder(plan, overwrites.structure, placer.original).block(body)
    function = eliminate_dead(replace(function, body=body))
    return Placed(function, estimate(function.body), recorded)


def better_leaves(used: set[Value], leaf: dict[Value, Value], structure: Structure) -> dict[Value, Value]:
    """What to record instead of recorded values: the one value that several of them are cheap functions of, and `n`
    for `max(n, 0)`, which nobody knows not to be negative when it comes from a tape."""
    counts = Counter(leaf[value] for value in used if value in leaf)
    return {
        value: leaf[value]
        for value in used
        if value in leaf
        and (counts[leaf[value]] > 1 or leaf[value] in used or is_clipped(structure.maker[value]))
    }
