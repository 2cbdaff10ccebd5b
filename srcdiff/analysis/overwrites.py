"""Whether an array element that was read or stored still holds its content later: from affine indices.

    for i in range(n):
        y = x[i]          # survives: no later trip stores into x[i]
        x[i + 1] = y

Two accesses are apart if some axis differs for any trips in which both run; the later one has indices of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..ir import types as ty
from ..ir.core import Op, Value, indices_of, leaves_early, loop_body, loop_slots
from .affine import Affine, Linear
from .ranges import Ranges
from .structure import Structure


class Overwrites:
    """Whether an element, once read or stored, keeps its content to the end."""

    def __init__(self, structure: Structure) -> None:
        self.structure, self.affine = structure, Affine(structure)
        self.ranges = Ranges(self.affine)

    def survives(self, op: Op, where: tuple[Value, ...], array: Value, within: Op | None = None) -> bool:
        """Whether nothing that runs after `op` stores into element `where` of the array that `op` accesses.

        With `within`, nothing that runs in the same trip of that loop.
        """
        s = self.structure
        if s.is_mixed(array):
            return False
        stores = [x for x in s.stores.get(s.storage(array), []) if x.primitive != "barrier"]
        if s.is_in_shared_memory(array):
            return not any(self.may_follow(op, store, array) for store in stores)
        if stores and not self.counts_up(op, where):
            return False
        for store in stores:
            if store.primitive in ("accumulate_array", "ensure"):
                return False
            if within is not None and within not in s.around[store]:
                continue
            target = store.operands[1 : 1 + len(where)]
            if store is op:
                if not self.apart(op, where, op, where, within):
                    return False
                continue
            if not self.counts_up(store, target):
                return False
            if not self.apart(op, where, store, target, within):
                return False
        return True

    def may_follow(self, op: Op, later: Op, array: Value) -> bool:
        """Whether an instance of `later`, in this thread or in another one, may run after one of `op` on an array.

        In another trip of a loop around its allocation the array is another one.
        """
        around, others = self.structure.around[op], self.structure.around[later]
        common = [a for a, b in zip(around, others, strict=False) if a is b]
        home = self.structure.home[self.structure.origin(array)]
        if any(loop.primitive in ("for", "while") and loop not in home for loop in common):
            return True
        return op is not later and (
            self.runs_before(op, later, common) or not self.runs_before(later, op, common)
        )

    def misses(
        self,
        op: Op,
        where: tuple[Value, ...],
        readers: list[Op],
        within: Op | None,
        is_not_negative: Callable[[Value, Op], bool],
    ) -> bool:
        """Whether no access of `readers` that runs after `op`, in the same trip of `within`, is to its element.

        `is_not_negative` tells whether an index of an access is certainly not negative.
        """
        if not all(is_not_negative(i, op) for i in where):
            return False
        for reader in readers:
            if reader is op:
                continue  # an addition that only feeds itself
            target = reader.operands[1 : 1 + len(where)]
            if not all(is_not_negative(i, reader) for i in target):
                return False
            if not self.apart(op, where, reader, target, within):
                return False
        return True

    def reads_entry(self, load: Op, loop: Op) -> bool:
        """Whether a load in a loop, wherever in a trip, finds what the array held when the trip began."""
        s = self.structure
        array, *where = load.operands
        if s.is_mixed(array) or s.is_in_shared_memory(array):
            return False
        if not self.counts_up(load, where):
            return False
        for store in s.stores.get(s.storage(array), []):
            if loop not in s.around[store]:
                continue
            target = store.operands[1:-1]
            if store.primitive != "store" or not self.counts_up(store, target):
                return False
            if not self.apart(store, target, load, tuple(where), within=loop):
                return False
        return True

    def holds_still(self, load: Op, loop: Op) -> bool:
        """Whether no trip of a loop around a load stores into its element, which is then the same in all of them."""
        s = self.structure
        array, *where = load.operands
        if s.is_mixed(array) or s.is_in_shared_memory(array) or loop in s.home[s.origin(array)]:
            return False
        stores = [store for store in s.stores.get(s.storage(array), []) if loop in s.around[store]]
        if stores and not self.counts_up(load, where):
            return False
        within = next((op for op in reversed(s.around[loop]) if op.primitive in ("for", "while")), None)
        for store in stores:
            target = store.operands[1:-1]
            if store.primitive != "store" or not self.counts_up(store, target):
                return False
            apart = self.apart(store, target, load, tuple(where), within)
            if not apart or not self.apart(load, tuple(where), store, target, within):
                return False
        return True

    def original(self, load: Op) -> Value | None:
        """What an array was copied from, if a load of it finds the element as it was then, and it still is so there."""
        s = self.structure
        array, *where = load.operands
        made = s.maker.get(s.origin(array))
        if made is None or made.primitive != "copy" or s.is_mixed(array) or s.is_mixed(made.operands[0]):
            return None
        if s.stores.get(s.storage(made.operands[0])):
            return None
        if not self.counts_up(load, where):
            return None
        for store in s.stores.get(s.storage(array), []):
            target = store.operands[1:-1]
            if store.primitive != "store" or not self.counts_up(store, target):
                return None
            if not self.apart(store, target, load, tuple(where)):
                return None
        return made.operands[0]

    def entry_element(
        self, value: Value, loops: Iterable[Op]
    ) -> tuple[Value, list[tuple[Value, int]]] | None:
        """An array that one of the loops carries, and the element of it that was `value` when the trip began.

        Indices are given as a value and what is to be added to it. Besides what is loaded, that may be a number
        carried from trip to trip which always is an element loaded in the trip before.
        """
        made = self.structure.maker.get(value)
        if made is None:
            return None
        if made.primitive == "load" and value in made.results:
            loads, where = [made], [(i, 0) for i in made.operands[1:]]
        elif made.primitive == "for" and value in loop_body(made).parameters[1:]:
            found = self.carried_element(made, value)
            if found is None:
                return None
            loads, where = found
        else:
            return None
        array = loads[0].operands[0]
        for loop in loops:
            if loop.primitive != "for" or not all(loop in self.structure.around[load] for load in loads):
                continue
            held = self.carried_array(loop, array)
            if held is not None and all(self.reads_entry(load, loop) for load in loads):
                if self.sweeps(loads[0], loop):
                    return held, where
        return None

    def carried_array(self, loop: Op, version: Value) -> Value | None:
        """The parameter of a loop that is the same memory as an array version in it."""
        s = self.structure
        if s.is_mixed(version):
            return None
        storage = s.storage(version)
        return next(
            (p for i, p, _, _ in loop_slots(loop) if ty.is_array(p.type) and s.storage(p) is storage), None
        )

    def carried_element(self, loop: Op, parameter: Value) -> tuple[list[Op], list[tuple[Value, int]]] | None:
        """The load that a loop carries to its next trip, and that it starts from; the indices of the trip before."""
        s = self.structure
        initial, _, yielded, _ = next(slot for slot in loop_slots(loop) if slot[1] is parameter)
        load, first = s.maker.get(yielded), s.maker.get(initial)
        low, _, step = loop.operands[:3]
        if load is None or first is None or load.primitive != "load" or first.primitive != "load":
            return None
        if s.around[load] != (*s.around[loop], loop) or not step.is_constant or leaves_early(loop):
            return None
        if s.is_mixed(load.operands[0]) or s.storage(load.operands[0]) is not s.storage(first.operands[0]):
            return None
        index = loop_body(loop).parameters[0]
        before = self.affine.form(low) - Linear((), step.constant)
        where = []
        for i, j in zip(load.operands[1:], first.operands[1:], strict=True):
            form = self.affine.form(i)
            difference = form.replaced(index, before) - self.affine.form(j)
            varying = any(loop in self.structure.home.get(v, ()) for v, _ in form.terms if v is not index)
            if varying or difference.terms or difference.constant:
                return None
            where.append((i, -step.constant * form.coefficient(index)))
        return [load, first], where

    def sweeps(self, access: Op, loop: Op) -> bool:
        """Whether the accesses of one trip of a loop go over all elements of an array, but for a constant number.

        Each axis is indexed by a loop of its own that is as long as the axis, give or take a constant.
        """
        around = self.structure.around[access]
        inside = set(around[around.index(loop) + 1 :])
        array, *where = access.operands
        for axis, i in enumerate(where):
            length = self.affine.length(array, axis)
            loops = [(c, self.affine.loop_of(v), v) for v, c in self.affine.form(i).terms]
            own = next(((c, op, v) for c, op, v in loops if op in inside), None)
            if own is None or own[0] not in (1, -1):
                return False
            inside.discard(own[1])  # type: ignore[arg-type]
            ends = self.affine.bounds(own[2])
            if ends is None or (ends[1] - ends[0] - length).terms:
                return False
        return True

    def apart(
        self,
        op: Op,
        where: tuple[Value, ...],
        later: Op,
        target: tuple[Value, ...],
        within: Op | None = None,
    ) -> bool:
        """Whether `later`, in all that runs after an instance of `op`, misses the element of that instance.

        With `within`, only as far as both run in one trip of that loop.
        """
        s = self.structure
        common: list[Op] = []
        for a, b in zip(s.around[op], s.around[later], strict=False):
            if a is not b:
                break
            common.append(a)
        loops = [loop for loop in common if loop.primitive in ("for", "while")]
        # The later instance has indices of its own: primed, as fresh symbols.
        primes: dict[Value, Value] = {}
        for loop in s.around[later]:
            if loop.primitive == "for":
                index = loop_body(loop).parameters[0]
                primes[index] = Value(index.name + "'", index.type)
        if op is not later and not self.runs_before(op, later, common) or op is later:
            same_trip = True  # in the same trip the later one has already run
        else:
            same_trip = self.disjoint(where, target, loops, len(loops), primes, later)
        if not same_trip:
            return False
        inner = 0 if within is None else loops.index(within) + 1
        return all(
            self.disjoint(where, target, loops, level, primes, later) for level in range(inner, len(loops))
        )

    def later_trip_misses(self, op: Op, later: Op, loop: Op) -> bool:
        """Whether `later`, in a later trip of a loop around both, misses the element of an instance of `op`, as long
        as the loops around that one stay in the same trip."""
        s = self.structure
        where, target = indices_of(op), indices_of(later)
        if s.is_mixed(op.operands[0]) or not (self.counts_up(op, where) and self.counts_up(later, target)):
            return False
        loops = [op for op in s.around[later] if op.primitive in ("for", "while")]
        primes: dict[Value, Value] = {}
        for each in loops:
            if each.primitive == "for":
                index = loop_body(each).parameters[0]
                primes[index] = Value(index.name + "'", index.type)
        level = loops.index(loop)
        return self.disjoint(where, target, loops[: level + 1], level, primes, later)

    def counts_up(self, access: Op, where: Iterable[Value]) -> bool:
        """Whether no index of an access, in the trips that make it, counts from the end of its axis."""
        return all(self.ranges.is_never_negative(i, access) for i in where)

    def runs_before(self, op: Op, later: Op, common: list[Op]) -> bool:
        """Whether, within one trip of all common loops, `op` comes before `later`."""
        s = self.structure
        depth = len(common)

        def ancestor(x: Op) -> Op:
            around = s.around[x]
            return around[depth] if len(around) > depth else x

        a, b = ancestor(op), ancestor(later)
        if a is b:
            return False
        if s.arm[a] != s.arm[b]:
            # Of the two arms of an `if` only one runs; the condition of a `while` runs before its body.
            return common[-1].primitive == "while" and s.arm[a] < s.arm[b]
        return s.place[a] < s.place[b]

    def disjoint(
        self,
        where: tuple[Value, ...],
        target: tuple[Value, ...],
        loops: list[Op],
        level: int,
        primes: dict[Value, Value],
        later: Op,
    ) -> bool:
        """Whether some axis differs when the common loops above `level` are in the same trip, that at it later."""
        inside = set(loops[level:])
        if level < len(loops) and loops[level].primitive == "while":
            return self.invariant_apart(where, target, inside)
        delta = Value("delta", ty.int64)
        others: dict[Value, Value] = {}  # what the loops compute: the later instance has its own
        origins: dict[Value, Value] = {}

        def of_later(form: Linear) -> Linear:
            for index, prime in primes.items():
                form = form.replaced(index, Linear(((prime, 1),)))
            for value, _ in form.terms:
                if inside.intersection(self.structure.home.get(value, ())):
                    other = others.setdefault(value, Value("", value.type))
                    origins[other] = value
                    form = form.replaced(value, Linear(((other, 1),)))
            return form

        def limits_of(value: Value, below: bool) -> list[Linear]:
            found = self.affine.limits_of(origins.get(value, value), below)
            return list(map(of_later, found)) if value in origins else found

        for mine, theirs in self.places(where, target, of_later):
            limits: dict[Value, tuple[Linear, Linear]] = {}
            for index, prime in primes.items():
                ends = self.affine.bounds(index)
                if ends is not None:
                    limits[prime] = (of_later(ends[0]), of_later(ends[1]))
            difference = theirs - mine
            known = True
            fixed: dict[Value, Linear] = {}
            for k, loop in enumerate(loops):
                if loop.primitive != "for":
                    continue
                index = loop_body(loop).parameters[0]
                if k < level:
                    fixed[primes[index]] = Linear(((index, 1),))
                elif k == level:
                    step = loop.operands[2]
                    if not step.is_constant:
                        known = False
                        continue
                    forward = step.constant if not loop.attributes.get("descending") else -step.constant
                    fixed[primes[index]] = Linear(((index, 1), (delta, 1 if forward > 0 else -1)))
            if not known:
                continue
            # A later trip is one that comes behind, and one of its range.
            outer = {prime: form for prime, form in fixed.items() if not form.coefficient(delta)}
            if any(
                self.always_positive(form, delta, known_of_later, limits, limits_of)
                for known_of_later in ((fixed, outer) if len(outer) < len(fixed) else (fixed,))
                for form in (difference, difference.scaled(-1))
            ):
                return True
        return False

    def places(
        self, where: tuple[Value, ...], target: tuple[Value, ...], of_later: Callable[[Linear], Linear]
    ) -> Iterator[tuple[Linear, Linear]]:
        """The forms of two indices along each axis, the second one's as `of_later` they are; of `i * n + j` in a flat
        array those of `i` and `j`."""
        for i, j in zip(where, target, strict=False):  # a part has leading indices only
            mine, theirs = self.affine.digits(i), self.affine.digits(j)
            if mine and theirs and of_later(theirs[2]) - mine[2] == Linear():
                yield from ((a, of_later(b)) for a, b in zip(mine[:2], theirs[:2], strict=True))
            yield self.affine.form(i), of_later(self.affine.form(j))

    def always_positive(
        self,
        form: Linear,
        delta: Value,
        fixed: dict[Value, Linear],
        limits: dict[Value, tuple[Linear, Linear]],
        limits_of: Callable[[Value, bool], list[Linear]],
        kept: frozenset[Value] = frozenset(),
    ) -> bool:
        """Whether a form of primed and unprimed indices is at least 1 for every `delta` of at least 1.

        `limits` are the ends of the ranges of primed indices, `limits_of` what a minimum or maximum is bounded by,
        and `kept` those of them that stay as they are.
        """
        for _ in range(12):
            primed = next((v for v, _ in form.terms if v in fixed), None)
            if primed is not None:
                form = form.replaced(primed, fixed[primed])
                continue
            # Terms that cancel go first; then indices of the later instance are put at their worst.
            free = max((v for v, _ in form.terms if v in limits), key=list(limits).index, default=None)
            if free is not None:
                low, high = limits[free]
                form = form.replaced(free, low if form.coefficient(free) > 0 else high)
                continue
            own = self.affine.innermost(v for v, _ in form.terms if self.affine.bounds(v))
            bounded = self.affine.innermost(v for v, k in form.terms if v not in kept and limits_of(v, k > 0))
            if (
                bounded is not None
                and self.affine.innermost(v for v in (bounded, own) if v is not None) is bounded
            ):
                bounds = limits_of(bounded, form.coefficient(bounded) > 0)
                return any(
                    self.always_positive(moved, delta, fixed, limits, limits_of, more)
                    for moved, more in (
                        *((form.replaced(bounded, bound), kept) for bound in bounds),
                        (form, kept | {bounded}),
                    )
                )
            if own is not None:
                ends = self.affine.bounds(own)
                assert ends is not None
                form = form.replaced(own, ends[0] if form.coefficient(own) > 0 else ends[1])
                continue
            break
        c = form.coefficient(delta)
        rest = Linear(tuple((v, k) for v, k in form.terms if v is not delta), form.constant + c)
        if c < 0:
            return False
        return rest.constant >= 1 and all(k > 0 and self.affine.is_length(v) for v, k in rest.terms)

    def invariant_apart(self, where: tuple[Value, ...], target: tuple[Value, ...], inside: set[Op]) -> bool:
        """Whether two indices differ by a constant that no trip of the loops `inside` changes."""
        for i, j in zip(where, target, strict=False):  # a part has leading indices only
            mine = self.affine.form(i)
            if any(inside.intersection(self.structure.home.get(v, ())) for v, _ in mine.terms):
                continue
            difference = mine - self.affine.form(j)
            if not difference.terms and difference.constant:
                return True
        return False
