"""Which nests make two trips at once (`jam.py`): what the trips share, and what the order of their accesses allows.

The inner loop of a nest makes the trips of two trips of the outer one together. A store may then come before a load or
store of the other trip that it followed, and affine forms have to show that these are of other elements. Reads:
structure, affine forms, ranges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ..analysis.affine import Affine, Linear
from ..analysis.ranges import Ranges
from ..analysis.structure import Structure
from ..analysis.sums import accumulates
from ..ir import types as ty
from ..ir.core import Op, Value, indices_of, is_number, leaves_early, loop_body, loop_slots
from ..ir.walk import free_values_of, ops_within, uses_in
from ..primitives import REGISTRY
from .align import same

ACCESSES = ("load", "store", "accum")
PLAIN = (*ACCESSES, "cast", "shape")
LARGEST = 24  # ops
FEWEST = 4  # trips


@dataclass(frozen=True, eq=False)
class Nest:
    """A loop, and the ops of its body: those before its one inner loop, that, those behind it.

    `sums` are the numbers that the loop carries and the inner one adds to. `early` says that the inner loop of a trip
    begins one trip before that of the next, `late` that it ends one trip before, and `behind_time` that it begins one
    trip later: the next one makes its first trip last.
    """

    loop: Op
    before: tuple[Op, ...]
    inner: Op
    behind: tuple[Op, ...]
    sums: frozenset[Value]
    early: bool = False
    late: bool = False
    behind_time: bool = False

    @property
    def following(self) -> Linear:
        """The index of the next trip."""
        return Linear(((self.index, 1),), -1 if self.loop.attributes.get("descending") else 1)

    @property
    def index(self) -> Value:
        return loop_body(self.loop).parameters[0]

    @property
    def inner_index(self) -> Value:
        return loop_body(self.inner).parameters[0]


def find_nest(op: Op, affine: Affine) -> Nest | None:
    """The nest of a loop whose trips can be made two at once, if that saves something."""
    if not is_plain_loop(op) or has_few_trips(op):
        return None
    body = loop_body(op)
    at = [k for k, inner in enumerate(body.ops) if inner.primitive in ("for", "while")]
    if len(at) != 1 or not is_plain_loop(body.ops[at[0]]):
        return None
    before, inner, behind = body.ops[: at[0]], body.ops[at[0]], body.ops[at[0] + 1 :]
    if not all(is_plain(o) for o in behind) or not all(is_plain(o) or is_check(o) for o in before):
        return None
    if not all(o.primitive in (*PLAIN, *REGISTRY) for o in loop_body(inner).ops):
        return None
    if max(len(before) + len(behind), len(loop_body(inner).ops)) > LARGEST:
        return None
    if any(ty.is_complex(p.type) for _, p, _, _ in loop_slots(inner)):
        return None  # two complex sums and what they are multiplied by are more than there are registers
    sums = sums_of(op, inner)
    nest = Nest(op, before, inner, behind, sums) if begins_alone(op, before, inner, sums) else None
    if nest is None:
        return None
    accessed = (o.operands[0] for o in ops_within(body) if o.primitive in ACCESSES)
    held = (parameter for parameter in body.parameters if ty.is_array(parameter.type))
    if any(map(affine.structure.is_mixed, (*accessed, *held))):
        return None
    ranged = with_ranges(nest, affine) if shares_elements(nest, affine) else None
    return ranged if ranged is not None and may_overlap(ranged, affine) else None


def is_plain_loop(op: Op) -> bool:
    return op.primitive == "for" and not leaves_early(op) and is_number(op.operands[2], 1)


def has_few_trips(loop: Op) -> bool:
    """Whether a loop is known to make too few trips for two at once to be worth their text."""
    low, high = loop.operands[:2]
    return low.is_constant and high.is_constant and high.constant - low.constant < FEWEST


def is_plain(op: Op) -> bool:
    """Whether an op only computes, loads and stores; an `if` may choose between numbers."""
    if op.primitive == "if":
        return chooses_numbers(op)
    return op.primitive in PLAIN or op.primitive in REGISTRY


def is_check(op: Op) -> bool:
    """Whether an op only checks what is known in front of it: the next trip may be checked before this one ends."""
    return op.primitive == "require"


def chooses_numbers(op: Op) -> bool:
    """Whether an `if` does nothing but to choose between numbers."""
    inside = [inner for region in op.regions for inner in ops_within(region)]
    numbers = not any(ty.is_array(result.type) for result in op.results)
    return numbers and all(inner.primitive in ("cast", *REGISTRY) for inner in inside)


def sums_of(loop: Op, inner: Op) -> frozenset[Value]:
    """The numbers that a loop carries only for the inner one to add to them."""
    body = loop_body(loop)
    uses = list(uses_in(body))
    yielded_by = {p: y for _, p, y, _ in loop_slots(loop)}
    found = set()
    for initial, parameter, yielded, result in loop_slots(inner):
        if ty.is_array(parameter.type) or yielded_by.get(initial) is not result:
            continue
        if uses.count(initial) == 1 and uses.count(result) == 1:
            if accumulates(loop_body(inner), parameter, yielded):
                found.add(initial)
    return frozenset(found)


def begins_alone(loop: Op, before: Iterable[Op], inner: Op, sums: frozenset[Value]) -> bool:
    """Whether a trip, up to the end of its inner loop, needs no number from the trip before but sums."""
    carried = {p for _, p, _, _ in loop_slots(loop) if not ty.is_array(p.type)}
    if any(v in carried for op in before for v in free_values_of(op)):
        return False
    return not any(v in carried and v not in sums for v in free_values_of(inner))


def shares_elements(nest: Nest, affine: Affine) -> bool:
    """Whether the inner loops of two trips write the same elements, or sum up what they read of the same ones."""
    inside = {*loop_body(nest.loop).parameters, *(r for op in nest.before for r in op.results)}
    sums_up = any(not ty.is_array(p.type) and i not in nest.sums for i, p, _, _ in loop_slots(nest.inner))
    for op in loop_body(nest.inner).ops:
        if op.primitive in ACCESSES and (sums_up or op.primitive != "load"):
            forms = [affine.form(i) for i in indices_of(op)]
            if any(form.coefficient(nest.inner_index) for form in forms) and not any(
                v in inside for form in forms for v, _ in form.terms
            ):
                return True
    return False


# --------------------------------------------------------------------------------------------------- whether it may


def may_overlap(nest: Nest, affine: Affine) -> bool:
    """Whether the next trip may begin before the inner loop, and run its own before what is behind."""
    before, inside, behind = (
        [op for op in ops if op.primitive in ACCESSES]
        for ops in (nest.before, loop_body(nest.inner).ops, nest.behind)
    )
    pairs = [(a, b) for a in (*inside, *behind) for b in before] + [(a, b) for a in behind for b in inside]
    return all(apart(a, b, nest, affine) for a, b in pairs if conflict(a, b, affine.structure)) and all(
        apart(a, b, nest, affine) or meet_in_order(a, b, nest, affine)
        for a in inside
        for b in inside
        if conflict(a, b, affine.structure)
    )


def conflict(a: Op, b: Op, structure: Structure) -> bool:
    if a.primitive == b.primitive and a.primitive in ("load", "accum"):
        return False
    return structure.storage(a.operands[0]) is structure.storage(b.operands[0])


def axes(a: Op, b: Op, nest: Nest, affine: Affine) -> Iterator[tuple[Linear, Linear]]:
    """The forms of the indices of an access in one trip and of another in the next, where they are comparable."""
    ranges = Ranges(affine)
    for i, j in zip(indices_of(a), indices_of(b), strict=False):
        if ranges.is_never_negative(i, a) and ranges.is_never_negative(j, b):
            yield affine.form(i), affine.form(j).replaced(nest.index, nest.following)


def apart(a: Op, b: Op, nest: Nest, affine: Affine) -> bool:
    """Whether an access of a trip misses the element of one in the next trip, wherever in their inner loops."""
    for mine, theirs in axes(a, b, nest, affine):
        if mine.coefficient(nest.inner_index) or theirs.coefficient(nest.inner_index):
            continue
        difference = theirs - mine
        if not difference.terms and difference.constant and is_fixed(mine, nest, affine):
            return True
    return apart_in_range(a, b, nest, affine)


def apart_in_range(a: Op, b: Op, nest: Nest, affine: Affine) -> bool:
    """Whether the ranges of indices tell that: those of the inner loops as far as both trips make them, those of the
    outer one as far as it has another trip."""
    for mine, theirs in axes(a, b, nest, affine):
        for less, more in ((mine, theirs), (theirs, mine)):
            difference = extreme(more, False, nest, affine) - extreme(less, True, nest, affine)
            if is_fixed(difference, nest, affine) and is_always_positive(difference, nest, affine):
                return True
    return False


def extreme(form: Linear, highest: bool, nest: Nest, affine: Affine) -> Linear:
    """The least or the highest that a form is in the trips of the inner loop that both make."""
    low, high = (affine.form(v) for v in nest.inner.operands[:2])
    if nest.early:
        low = low.replaced(nest.index, nest.following)
    at_end = (form.coefficient(nest.inner_index) > 0) == highest
    return form.replaced(nest.inner_index, high - Linear((), 1) if at_end else low)


def is_always_positive(form: Linear, nest: Nest, affine: Affine) -> bool:
    """Whether a form is at least 1, whichever two trips of the outer loop are made."""
    first, last = affine.form(nest.loop.operands[0]), affine.form(nest.loop.operands[1]) - Linear((), 2)
    if nest.loop.attributes.get("descending"):
        first, last = first + Linear((), 1), last + Linear((), 1)
    return affine.is_positive(form.replaced(nest.index, first if form.coefficient(nest.index) > 0 else last))


def meet_in_order(a: Op, b: Op, nest: Nest, affine: Affine) -> bool:
    """Whether the access of the next trip comes no earlier than the other where both are to one element."""
    forward = -1 if nest.inner.attributes.get("descending") else 1
    for mine, theirs in axes(a, b, nest, affine):
        c = mine.coefficient(nest.inner_index)
        rest = mine - theirs
        # The element is the same where c * (its trip - mine) == rest.
        if not c or rest.terms or not is_fixed(mine, nest, affine):
            continue
        if rest.constant % c or rest.constant // c * forward >= 0:
            return True
    return False


def is_fixed(form: Linear, nest: Nest, affine: Affine) -> bool:
    """Whether a form has nothing in it that a trip computes, but for the indices of the loops."""
    home = affine.structure.home
    return all(
        v is nest.index or v is nest.inner_index or nest.loop not in home.get(v, ()) for v, _ in form.terms
    )


def with_ranges(nest: Nest, affine: Affine) -> Nest | None:
    """The nest with how the ranges of its inner loops differ; None if they do by more than a trip."""
    low, high = (affine.form(v) for v in nest.inner.operands[:2])
    if not (is_fixed(low, nest, affine) and is_fixed(high, nest, affine)):
        return None
    next_low, next_high = (form.replaced(nest.index, nest.following) for form in (low, high))
    one = Linear((), 1)
    if same(low, next_low) and same(high, next_high):
        return nest
    if nest.inner.attributes.get("descending"):
        return None
    if same(low + one, next_low) and same(high, next_high) and is_always_positive(high - low, nest, affine):
        return replace(nest, early=True)
    is_longer = is_always_positive(next_high - next_low, nest, affine)
    if same(low, next_low) and same(high + one, next_high) and is_longer:
        return replace(nest, late=True)
    if same(low - one, next_low) and same(high, next_high) and is_longer and commutes(nest, affine):
        return replace(nest, behind_time=True)
    return None


def commutes(nest: Nest, affine: Affine) -> bool:
    """Whether the trips of the inner loop can be made in any order: they share nothing but sums."""
    body = loop_body(nest.inner)
    numbers = [(p, y) for _, p, y, _ in loop_slots(nest.inner) if not ty.is_array(p.type)]
    if not all(accumulates(body, *number) for number in numbers):
        return False
    accesses = [op for op in body.ops if op.primitive in ACCESSES]
    return all(
        commute(a, b, nest, affine) for a in accesses for b in accesses if conflict(a, b, affine.structure)
    )


def commute(a: Op, b: Op, nest: Nest, affine: Affine) -> bool:
    """Whether two accesses of the inner loop are to one element in the same trip at most."""
    ranges = Ranges(affine)
    for i, j in zip(indices_of(a), indices_of(b), strict=False):
        if not (ranges.is_never_negative(i, a) and ranges.is_never_negative(j, b)):
            continue
        mine, theirs = affine.form(i), affine.form(j)
        if same(mine, theirs) and mine.coefficient(nest.inner_index) and is_fixed(mine, nest, affine):
            return True
        for less, more in ((mine, theirs), (theirs, mine)):
            difference = extreme(more, False, nest, affine) - extreme(less, True, nest, affine)
            if is_fixed(difference, nest, affine) and affine.is_positive(difference):
                return True
    return False


__all__ = [
    "ACCESSES",
    "PLAIN",
    "Nest",
    "apart",
    "axes",
    "chooses_numbers",
    "conflict",
    "find_nest",
    "has_few_trips",
    "is_fixed",
    "is_plain_loop",
]
