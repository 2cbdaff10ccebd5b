"""Join loops over one range.

    k[0] = x[0]                            k[0] = x[0]
    for i in range(1, n):                  m[0] = k[0] * h
        k[i] = x[i] * x[i - 1]      ->     for i in range(1, n):
    m[0] = k[0] * h                            k[i] = x[i] * x[i - 1]
    for i in range(1, n):                      m[i] = k[i] * k[i - 1]
        m[i] = k[i] * k[i - 1]

What the first loop stores is used while it is near, and often needs no memory any more; in the adjoint one loop goes
back instead of two. The second loop's trip j then runs before the first loop's trips behind j: affine analysis has to
show that it reads nothing that those store, and stores nothing that they read. Loops whose trips wait for each other
stay alone, since they would keep the others from being vectorised. Nests are joined loop by loop. Where one loop
begins a trip or two earlier, and where one reads again what it read in the trip before, `align.py` makes loops of
them that may be joined. Reads: structure, affine forms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ..analysis.affine import Affine, Linear
from ..analysis.structure import find_structure
from ..analysis.sums import accumulates
from ..ir import types as ty
from ..ir.core import Block, Function, Op, Value, indices_of, is_number, leaves_early, loop_body, loop_slots
from ..ir.walk import free_values_of, ops_within, substitute, substitute_in
from ..primitives import REGISTRY
from .align import align_loops, same

ACCESSES = ("load", "store")
READING = ("load", "cast", "shape")
MOVABLE = (*READING, "store", "alloc")
BETWEEN = (*MOVABLE, "require")  # what may stand between two loops: a check is made before both


def join_loops(function: Function, with_sums: bool = False) -> Function:
    """Join until no two loops can be joined.

    `with_sums` : nests take in loops behind them that only add up. Where a nest is a product of a matrix, two of its
    rows at once are worth more.
    """
    refused: set[tuple[Op, Op]] = set()
    for _ in range(64):
        body = Joiner(function.body, refused, with_sums).joined()
        if body is None:
            break
        function = replace(function, body=body)
    return function


@dataclass(frozen=True)
class Joined:
    """One loop instead of two, the ops above and behind it, and what later uses of other versions become."""

    above: tuple[Op, ...]
    loop: Op
    behind: tuple[Op, ...]
    renames: dict[Value, Value]


class Joiner:
    """`refused` are pairs of loops that cannot be aligned either; `with_sums` as for `join_loops`."""

    def __init__(self, body: Block, refused: set[tuple[Op, Op]], with_sums: bool = False) -> None:
        self.body, self.refused, self.with_sums = body, refused, with_sums
        self.structure = find_structure(body)
        self.affine = Affine(self.structure)

    def joined(self) -> Block | None:
        """The body with one pair of loops joined; None if there is none."""
        return self.block(self.body, [])

    def block(self, block: Block, touched: list[Op]) -> Block | None:
        """A block with one pair joined. `touched` are accesses that have been made when it begins."""
        before = list(touched)
        for k, op in enumerate(block.ops):
            for n, region in enumerate(op.regions):
                inner = self.block(region, before)
                if inner is not None:
                    regions = (*op.regions[:n], inner, *op.regions[n + 1 :])
                    ops = (*block.ops[:k], replace(op, regions=regions), *block.ops[k + 1 :])
                    return replace(block, ops=ops)
            if op.primitive in ACCESSES:
                before.append(op)
        for k, first in enumerate(block.ops):
            at = next((n for n in range(k + 1, len(block.ops)) if block.ops[n].regions), None)
            if at is None or (first, block.ops[at]) in self.refused:
                continue
            known = [*touched, *(op for op in block.ops[:at] if op.primitive in ACCESSES)]
            made = self.two(block, first, block.ops[k + 1 : at], block.ops[at], known)
            if made is None:
                self.refused.add((first, block.ops[at]))
                continue
            rest = substitute(Block((), (*made.behind, *block.ops[at + 1 :]), block.results), made.renames)
            ops = (*block.ops[:k], *made.above, made.loop, *rest.ops)
            return Block(block.parameters, ops, rest.results)
        return None

    def two(
        self, block: Block, first: Op, between: tuple[Op, ...], second: Op, touched: list[Op]
    ) -> Joined | None:
        """Two loops or nests of a block as one."""
        if all(is_joinable(op, self.affine) for op in (first, second)):
            made = self.pair(first, between, second)
            return self.aligned_pair(block, first, second, touched) if made is None else made
        if all(is_nest(op, self.affine) for op in (first, second)):
            return self.nests(block, first, between, second)
        if self.with_sums and is_nest(first, self.affine):
            if is_joinable(second, self.affine) and only_sums(second):
                return self.pair(first, between, second)
        return None

    def aligned_pair(self, block: Block, first: Op, second: Op, touched: list[Op]) -> Joined | None:
        """Two loops as one after `align_loops`."""
        if not self.share_an_array(first, second):
            return None
        aligned = align_loops(first, second, touched, self.affine)
        if aligned is None:
            return None
        above, start, middle, end = aligned
        k, at = block.ops.index(first), block.ops.index(second)
        between = (*block.ops[k + 1 : at], *middle)
        ops = (*block.ops[:k], *above, start, *between, end, *block.ops[at + 1 :])
        joiner = Joiner(exchanged(self.body, block, replace(block, ops=ops)), self.refused, self.with_sums)
        if not all(is_joinable(loop, joiner.affine) for loop in (start, end)):
            return None
        made = joiner.pair(start, between, end)
        return made and replace(made, above=(*above, *made.above))

    def nests(self, block: Block, first: Op, between: tuple[Op, ...], second: Op) -> Joined | None:
        """Two nests as one, if the last inner loop of one and the first of the other can be joined as well."""
        made = self.pair(first, between, second)
        if made is None:
            return None
        k, at = block.ops.index(first), block.ops.index(second)
        rest = substitute(Block((), (*made.behind, *block.ops[at + 1 :]), block.results), made.renames)
        whole = Block(block.parameters, (*block.ops[:k], *made.above, made.loop, *rest.ops), rest.results)
        joiner = Joiner(exchanged(self.body, block, whole), self.refused, self.with_sums)
        body = loop_body(made.loop)
        loops = [n for n, op in enumerate(body.ops) if op.regions]
        last = sum(bool(op.regions) for op in loop_body(first).ops)
        one, other = loops[last - 1], loops[last]
        inner = joiner.two(body, body.ops[one], body.ops[one + 1 : other], body.ops[other], [])
        if inner is None:
            return None
        rest = substitute(Block((), (*inner.behind, *body.ops[other + 1 :]), body.results), inner.renames)
        ops = (*body.ops[:one], *inner.above, inner.loop, *rest.ops)
        return replace(made, loop=replace(made.loop, regions=(Block(body.parameters, ops, rest.results),)))

    # -------------------------------------------------------------------------------------- one pair

    def pair(self, first: Op, between: tuple[Op, ...], second: Op) -> Joined | None:
        """Two loops as one, with what stands between them above or behind."""
        if not self.same_range(first, second) or not self.share_an_array(first, second):
            return None
        numbers = {r for *_, r in loop_slots(first) if not ty.is_array(r.type)}
        early: list[Op] = []
        behind: list[Op] = []
        for op in between:
            if any(v in numbers for v in op.operands):
                if op.primitive == "store" and self.is_alone(op, between, second):
                    behind.append(op)
                    continue
                if op.primitive not in REGISTRY and op.primitive != "cast":
                    return None
                numbers.update(op.results)
                behind.append(op)
            else:
                early.append(op)
        if any(v in numbers for v in free_values_of(second)):
            return None
        moved = self.before(first, early)
        if moved is None or not self.in_order(first, second):
            return None
        above, first, renames = moved
        loop = together(first, substitute_in(second, renames))
        return Joined(tuple(above), loop, tuple(behind), renames)

    def is_alone(self, store: Op, between: tuple[Op, ...], second: Op) -> bool:
        """Whether neither a loop nor the other ops before it touch the array of a store."""
        storage = self.structure.storage(store.operands[0])
        others = [op for op in between if op is not store]
        touched = (v for op in (*others, second) for v in free_values_of(op) if ty.is_array(v.type))
        return not any(self.structure.storage(v) is storage for v in touched)

    def same_range(self, first: Op, second: Op) -> bool:
        lows = [self.affine.form(op.operands[0]) for op in (first, second)]
        ends = [self.affine.form(op.operands[1]) for op in (first, second)]
        if all(same(low, Linear()) for low in lows):  # `range(max(n, 0))` is `range(n)`
            ends = [self.affine.unclipped(end) for end in ends]
        return same(*lows) and same(*ends)

    def share_an_array(self, first: Op, second: Op) -> bool:
        storages = {self.structure.storage(op.operands[0]) for op in accesses(first)}
        return any(self.structure.storage(op.operands[0]) in storages for op in accesses(second))

    def before(self, first: Op, between: Iterable[Op]) -> tuple[list[Op], Op, dict[Value, Value]] | None:
        """The ops between the loops as they are above the first one, that loop behind them, and what the versions
        become that they made of its results; None where the order matters."""
        slots = {r: k for k, (*_, r) in enumerate(loop_slots(first))}
        operands = list(first.operands)
        renames: dict[Value, Value] = {}  # versions made between the loops -> results of the loop
        inside: dict[Value, Value] = {}  # versions that the loop only reads -> what becomes of them above
        above: list[Op] = []
        free = set(free_values_of(first))
        for op in between:
            if op.primitive not in BETWEEN and op.primitive not in REGISTRY:
                return None
            if op.primitive in ACCESSES and not self.misses_all(op, first):
                return None
            given = tuple(operands[3 + slots[v]] if v in slots else v for v in op.operands)
            if op.primitive == "store":
                array = op.operands[0]
                root = renames.get(array, array)
                if root in slots:
                    operands[3 + slots[root]] = op.result
                    renames[op.result] = root
                elif array in free or array in inside.values():
                    inside = {v: op.result if w is array else w for v, w in inside.items()}
                    if array in free:
                        inside[array] = op.result
            above.append(replace(op, operands=given))
        first = replace(first, operands=tuple(operands))
        return above, substitute_in(first, inside), renames

    def misses_all(self, op: Op, loop: Op) -> bool:
        """Whether an access is to an element that no trip of a loop touches in a way that matters."""
        return all(self.never_meet(other, loop, op) for other in accesses(loop) if self.conflict(op, other))

    def conflict(self, a: Op, b: Op) -> bool:
        if a.primitive == "load" and b.primitive == "load":
            return False
        return self.structure.storage(a.operands[0]) is self.structure.storage(b.operands[0])

    def never_meet(self, moving: Op, loop: Op, fixed: Op) -> bool:
        """Whether an access in a loop misses the element of one outside, in every trip."""
        index = loop_body(loop).parameters[0]
        low, high = self.affine.form(loop.operands[0]), self.affine.form(loop.operands[1])
        for i, j in zip(indices_of(moving), indices_of(fixed), strict=True):
            if not (self.affine.is_never_negative(i) and self.affine.is_never_negative(j)):
                return False
        for i, j in zip(indices_of(moving), indices_of(fixed), strict=True):
            form = self.affine.form(i) - self.affine.form(j)
            c = form.coefficient(index)
            if any(loop in self.structure.home.get(v, ()) for v, _ in form.terms if v is not index):
                continue
            if c == 0:
                if not form.terms and form.constant:
                    return True
                continue
            ends = [form.replaced(index, end) for end in (low, high)]
            if c > 0 and self.affine.is_positive(ends[0]):
                return True
            if c < 0 and self.affine.is_positive(ends[0].scaled(-1)):
                return True
        return False

    def in_order(self, first: Op, second: Op) -> bool:
        """Whether no trip of the second loop touches what a later trip of the first one does, where it matters."""
        return all(
            self.meet_in_order(a, first, b, second)
            for a in accesses(first)
            for b in accesses(second)
            if self.conflict(a, b)
        )

    def meet_in_order(self, a: Op, first: Op, b: Op, second: Op) -> bool:
        """Whether two accesses to one element are in the same trip, or that of the first loop is earlier."""
        here, there = loop_body(first).parameters[0], loop_body(second).parameters[0]
        if not all(self.affine.is_never_negative(i) for i in (*indices_of(a), *indices_of(b))):
            return False
        for i, j in zip(indices_of(a), indices_of(b), strict=True):
            mine, theirs = self.affine.form(i), self.affine.form(j)
            c = mine.coefficient(here)
            if c != theirs.coefficient(there):
                continue
            rest = (theirs - mine).replaced(there, Linear()).replaced(here, Linear())
            if rest.terms:
                continue
            # The element is the same where c * (i - j) == rest.
            if c == 0:
                if rest.constant:
                    return True
                continue
            if rest.constant % c or rest.constant // c <= 0:
                return True
        return False


def is_joinable(op: Op, affine: Affine) -> bool:
    """Whether the trips of a loop do not wait for each other, and it holds no other loops or effects."""
    if op.primitive != "for" or leaves_early(op):
        return False
    body = loop_body(op)
    if not is_number(op.operands[2], 1):
        return False
    for inner in body.ops:
        if inner.primitive == "if" and chooses_terms(inner, op, affine):
            continue
        if inner.regions or inner.primitive not in (*MOVABLE, *REGISTRY):
            return False
        if inner.primitive in ACCESSES and len(indices_of(inner)) < inner.operands[0].type.ndim:
            return False
    return not has_recurrence(op, affine)


def chooses_terms(choice: Op, loop: Op, affine: Affine) -> bool:
    """Whether an `if` in a loop only adds to sums, of what it computes from elements that the loop does not store."""
    structure, body = affine.structure, loop_body(loop)
    stored = {structure.storage(op.operands[0]) for op in accesses(loop) if op.primitive == "store"}
    for inner in (op for region in choice.regions for op in region.ops):
        if inner.primitive not in (*READING, *REGISTRY):
            return False
        if inner.primitive == "load" and structure.storage(inner.operands[0]) in stored:
            return False
    sums = {y for _, p, y, _ in loop_slots(loop) if not ty.is_array(p.type) and accumulates(body, p, y)}
    return all(result in sums for result in choice.results)


def is_nest(op: Op, affine: Affine) -> bool:
    """Whether a loop holds others, and what it stores and reads of one array in a trip is in rows of that trip."""
    if op.primitive != "for" or leaves_early(op):
        return False
    body = loop_body(op)
    if not is_number(op.operands[2], 1):
        return False
    loops = [inner for inner in body.ops if inner.regions]
    if not loops or not all(
        inner.regions
        or inner.primitive in (*READING, "store", *REGISTRY)
        or (inner.primitive == "require" and is_steady(inner.operands[0], op, affine))
        for inner in body.ops
    ):
        return False
    if not all(is_nest(inner, affine) or is_joinable(inner, affine) for inner in loops):
        return False
    sums = (slot for slot in loop_slots(op) if not ty.is_array(slot[1].type))
    return all(accumulates(body, p, y) for _, p, y, _ in sums) and has_own_rows(op, affine)


def only_sums(loop: Op) -> bool:
    """Whether a loop does nothing but to add up."""
    return not any(op.primitive == "store" for op in accesses(loop))


def is_steady(value: Value, loop: Op, affine: Affine) -> bool:
    """Whether a number is the same in every trip of a loop: a check of it fails in the first one or never."""
    if loop not in affine.structure.home.get(value, ()):
        return True
    made = affine.structure.maker[value]
    return made.primitive in REGISTRY and all(is_steady(x, loop, affine) for x in made.operands)


def has_own_rows(op: Op, affine: Affine) -> bool:
    """Whether all that a trip of a loop does with an array that the loop stores into is at the loop's index."""
    structure = affine.structure
    own = Linear(((loop_body(op).parameters[0], 1),))
    rows: dict[Value, set[int]] = {}
    for inner in accesses(op):
        if any(
            other.primitive == "store"
            and structure.storage(other.operands[0]) is structure.storage(inner.operands[0])
            for other in accesses(op)
        ):
            here = {axis for axis, i in enumerate(indices_of(inner)) if same(affine.form(i), own)}
            storage = structure.storage(inner.operands[0])
            rows[storage] = rows.get(storage, here) & here
    return all(rows.values())


def has_recurrence(op: Op, affine: Affine) -> bool:
    """Whether an element or a number depends on itself in an earlier trip, directly or through others.

    A store that only feeds other arrays in the next trip is none: its value can be carried in a number. Nor is a sum.
    """
    body, structure = loop_body(op), affine.structure
    own = Linear(((body.parameters[0], 1),))
    places: dict[Value, list[tuple[Value, ...]]] = {}
    for inner in body.ops:
        if inner.primitive == "store":
            places.setdefault(structure.storage(inner.operands[0]), []).append(indices_of(inner))
    numbers = [
        (p, y) for _, p, y, _ in loop_slots(op) if not ty.is_array(p.type) and not accumulates(body, p, y)
    ]
    # Of each value the storages of this loop and the carried numbers that it is made from, and which of them as an
    # earlier trip has left them.
    reads: dict[Value, set[Value]] = {p: {p} for p, _ in numbers}
    lagging: dict[Value, set[Value]] = {p: {p} for p, _ in numbers}
    made_from: dict[Value, set[Value]] = {storage: set() for storage in places}
    elsewhere: set[tuple[Value, Value]] = set()  # (stored, read as it was earlier)
    for inner in body.ops:
        found: set[Value] = set().union(*(reads.get(v, set()) for v in inner.operands))
        late: set[Value] = set().union(*(lagging.get(v, set()) for v in inner.operands))
        storage = structure.storage(inner.operands[0]) if inner.primitive in ACCESSES else None
        if inner.primitive == "load" and storage in places and not is_as_before(inner, places[storage], op):
            found = found | {storage}
            if any(may_be_earlier(where, indices_of(inner), own, affine) for where in places[storage]):
                late = late | {storage}
        elif inner.primitive == "store" and storage is not None:
            made_from[storage] |= found
            elsewhere.update((storage, other) for other in late)
        for result in inner.results:
            reads[result], lagging[result] = found, late
    for parameter, yielded in numbers:
        made_from[parameter] = set(reads.get(yielded, ()))
        elsewhere.update((parameter, other) for other in lagging.get(yielded, ()))
    for _ in made_from:
        for sources in made_from.values():
            sources.update(*(made_from[other] for other in tuple(sources)))
    return any(a is b or a in made_from[b] for a, b in elsewhere)


def may_be_earlier(stored: tuple[Value, ...], read: tuple[Value, ...], own: Linear, affine: Affine) -> bool:
    """Whether the element that a trip reads may be one that an earlier trip has stored."""
    if stored == read:
        return False
    return not any(
        same(affine.form(i), own) and same(affine.form(j), own) for i, j in zip(stored, read, strict=True)
    )


def is_as_before(load: Op, places: list[tuple[Value, ...]], loop: Op) -> bool:
    """Whether a load finds what was there before the loop: each trip stores at its own index only, after the load."""
    body = loop_body(loop)
    own = indices_of(load)
    return (
        body.parameters[0] in own
        and all(where == own for where in places)
        and load.operands[0] in body.parameters
    )


def exchanged(block: Block, old: Block, new: Block) -> Block:
    """The block with one of the blocks in it exchanged."""
    if block is old:
        return new
    ops = tuple(
        replace(op, regions=tuple(exchanged(region, old, new) for region in op.regions)) if op.regions else op
        for op in block.ops
    )
    return replace(block, ops=ops)


def accesses(loop: Op) -> Iterator[Op]:
    return (op for op in ops_within(loop_body(loop)) if op.primitive in ACCESSES)


def together(first: Op, second: Op) -> Op:
    """One loop whose trips do what a trip of the first and a trip of the second do."""
    body, following = loop_body(first), loop_body(second)
    only_copies = all(op.primitive in ACCESSES for op in body.ops)
    shown = second if only_copies else first  # the range and the index that the user has named
    index = loop_body(shown).parameters[0]
    goes_on = {r: y for _, _, y, r in loop_slots(first)}
    inside = {following.parameters[0]: index, **goes_on}
    slots = loop_slots(first)
    read_before: dict[Value, Value] = {body.parameters[0]: index}
    for initial, parameter, yielded, result in loop_slots(second):
        k = next((k for k, slot in enumerate(slots) if slot[3] is initial), None)
        if k is not None:
            inside[parameter] = goes_on[initial]
            slots[k] = (slots[k][0], slots[k][1], yielded, result)
            continue
        if ty.is_array(initial.type) and initial in free_values_of(first):
            read_before[initial] = parameter  # the array that the second loop stores into
        slots.append((initial, parameter, yielded, result))
    ops = (
        *substitute(Block((), body.ops, ()), read_before).ops,
        *substitute(Block((), following.ops, ()), inside).ops,
    )
    results = Block((), (), tuple(slot[2] for slot in slots))
    results = substitute(substitute(results, read_before), inside)
    new = Block((index, *(slot[1] for slot in slots)), ops, results.results)
    return replace(
        first,
        operands=(*shown.operands[:3], *(slot[0] for slot in slots)),
        regions=(new,),
        results=tuple(slot[3] for slot in slots),
        location=shown.location,
    )


__all__ = ["join_loops"]
