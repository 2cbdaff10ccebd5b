"""Drop an axis along which all elements of an array are the same.

    p = np.empty((n, m))                         p = np.empty(m)
    for j in range(1, m):                        for j in range(1, m):
        for i in range(n):                           if n > 0:
            p[i, j] = c / (a * p[i, j - 1] + b) ->       p[j] = c / (a * p[j - 1] + b)
        for i in range(n):                           for i in range(n):
            y[i, j] = p[i, j] * x[i, j]                  y[i, j] = p[j] * x[i, j]

Where a recurrence along one axis is the same at every place of another one, it is computed once instead of for each
of them, and in the adjoint there is one tape with an axis less. Each trip of an innermost loop has to do the same with
its own place along the axis, and each loop that stores has to go over all the places that loops load: then all of
these hold the same at any time. What such a loop does with the array moves out of it. Its other indices are checked
by the adjoint as before, those along the axis have to be certainly in range. Reads: structure, affine forms, ranges.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ..analysis.affine import Affine, Linear
from ..analysis.ranges import ONE, Ranges
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder, zero
from ..ir.core import Block, Function, Op, Value, indices_of, loop_body, loop_slots
from ..ir.walk import free_values_of, ops_within, substitute_in
from ..primitives import REGISTRY
from .interchange import is_plain_loop


def collapse_axes(function: Function) -> Function:
    """Drop axes until there is none left to drop."""
    for _ in range(64):
        collapser = Collapser(function)
        axis = next(filter(None, map(collapser.axis_of, collapser.arrays())), None)
        if axis is None:
            break
        body = Rewriting(axis, collapser.affine).block(function.body)
        function = replace(function, body=body)
    return function


def holds_sweeps(function: Function) -> bool:
    """Whether there is an array with an axis that all accesses go along, whatever they store."""
    collapser = Collapser(function)
    return any(
        collapser.places(made, number, collapser.accesses(made)) is not None
        for made in collapser.arrays()
        for number in range(made.result.type.ndim)
    )


@dataclass(eq=False)
class Sweep:
    """An innermost loop that goes along the axis: the ops that leave it, and whether it certainly makes a trip."""

    loop: Op
    moved: list[Op] = field(default_factory=list)
    runs: bool = False


@dataclass(eq=False)
class Axis:
    """An axis of an array that can be dropped.

    `made` : the allocation.
    `versions` : of the array, everywhere.
    `sweeps` : by loop.
    """

    made: Op
    number: int
    versions: set[Value]
    sweeps: dict[Op, Sweep]


class Collapser:
    """What can be dropped in one function."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.structure = find_structure(function.body)
        self.affine = Affine(self.structure)
        self.ranges = Ranges(self.affine)
        self.users: dict[Value, list[Op]] = {}  # of arrays, by storage
        for op in ops_within(function.body):
            touched = {self.structure.storage(v) for v in op.operands if ty.is_array(v.type)}
            for storage in touched:
                self.users.setdefault(storage, []).append(op)

    def arrays(self) -> list[Op]:
        """The allocations of arrays of several axes that only hold elements."""
        returned = {self.structure.storage(v) for v in self.function.results if ty.is_array(v.type)}
        return [
            op
            for op in ops_within(self.function.body)
            if op.primitive == "alloc"
            and op.result.type.ndim > 1
            and not op.attributes.keys() - {"fill"}
            and not self.structure.is_mixed(op.result)
            and self.structure.storage(op.result) not in returned
            and all(self.is_plain_use(user) for user in self.users.get(self.structure.storage(op.result), ()))
        ]

    def is_plain_use(self, op: Op) -> bool:
        if op.primitive in ("load", "store"):
            return bool(len(indices_of(op)) == op.operands[0].type.ndim)
        return op.primitive in ("for", "while", "shape")

    def axis_of(self, made: Op) -> Axis | None:
        """An axis of an array that can be dropped."""
        storage = self.structure.storage(made.result)
        accesses = self.accesses(made)
        if not any(op.primitive == "load" for op in accesses):
            return None
        for number in range(made.result.type.ndim):
            sweeps = self.sweeps_of(made, number, accesses)
            if sweeps is not None:
                versions = {v for v in self.versions() if self.structure.storage(v) is storage}
                return Axis(made, number, versions, sweeps)
        return None

    def accesses(self, made: Op) -> list[Op]:
        users = self.users.get(self.structure.storage(made.result), ())
        return [op for op in users if op.primitive in ("load", "store")]

    def versions(self) -> Iterable[Value]:
        for op in ops_within(self.function.body):
            for value in (*op.results, *(p for region in op.regions for p in region.parameters)):
                if ty.is_array(value.type):
                    yield value

    # ---------------------------------------------------------------------------------------- whether it may

    def places(self, made: Op, number: int, accesses: list[Op]) -> dict[Op, Linear] | None:
        """The innermost loops that go along an axis, with the place of their accesses; None if not all of them do."""
        place: dict[Op, Linear] = {}
        for op in accesses:
            around = self.structure.around[op]
            loop = around[-1] if around else None
            if loop is None or not is_plain_loop(loop) or loop in self.structure.home[made.result]:
                return None
            form = self.affine.form(indices_of(op)[number])
            if form != place.setdefault(loop, form) or not self.goes_along(form, loop, made):
                return None
        return place

    def sweeps_of(self, made: Op, number: int, accesses: list[Op]) -> dict[Op, Sweep] | None:
        """The loops along an axis; None if it cannot be dropped."""
        place = self.places(made, number, accesses)
        if place is None:
            return None
        ends = {loop: self.ends(form, loop) for loop, form in place.items()}
        stores = [op for op in accesses if op.primitive == "store"]
        length = self.affine.length(made.result, number)
        for loop, form in place.items():
            facts = self.facts(loop, [form, length, *(end for pair in ends.values() for end in pair)])
            if not all(self.ranges.implied(x, facts) for x in (form, length - form - ONE)):
                return None
            if not any(op.primitive == "load" and self.structure.around[op][-1] is loop for op in accesses):
                continue
            for store in stores:
                low, high = ends[self.structure.around[store][-1]]
                if not all(self.ranges.implied(x, facts) for x in (form - low, high - form)):
                    return None
        sweeps: dict[Op, Sweep] = {}
        for loop in place:
            sweep = self.sweep(loop, made, number)
            if sweep is None:
                return None
            sweeps[loop] = sweep
        return sweeps

    def goes_along(self, form: Linear, loop: Op, made: Op) -> bool:
        """Whether an index is that of a loop over all of a range that is the same whenever the loop runs."""
        index = loop_body(loop).parameters[0]
        low, high, step = loop.operands[:3]
        if not step.is_constant or step.constant not in (1, -1) or form.coefficient(index) != 1:
            return False
        depth = self.structure.home[made.result]
        forms = [form.replaced(index, Linear()), self.affine.form(low), self.affine.form(high)]
        return all(
            self.structure.home.get(v, ()) == depth[: len(self.structure.home.get(v, ()))]
            for each in forms
            for v, _ in each.terms
        )

    def ends(self, form: Linear, loop: Op) -> tuple[Linear, Linear]:
        """The first and the last place along the axis that a loop comes to if it makes a trip."""
        index = loop_body(loop).parameters[0]
        bounds = self.affine.bounds(index)
        assert bounds is not None
        return form.replaced(index, bounds[0]), form.replaced(index, bounds[1])

    def facts(self, loop: Op, forms: Iterable[Linear]) -> list[Linear]:
        """What is known in each trip of a loop, as far as these forms are concerned."""
        self.ranges.open()
        facts = [*self.ranges.at(loop), *self.ranges.in_each_trip(loop)]
        seen: set[Value] = set()
        work = [v for form in (*facts, *forms) for v, _ in form.terms]
        while work:
            value = work.pop()
            made = self.structure.maker.get(value)
            if value in seen or made is None or value not in made.results or made.regions:
                continue
            seen.add(value)
            self.ranges.learn(made)
            work += [v for x in made.operands if ty.is_integer(x.type) for v, _ in self.affine.form(x).terms]
        return facts + self.ranges.close()

    def sweep(self, loop: Op, made: Op, number: int) -> Sweep | None:
        """What of a loop only depends on what is the same at every place; None if it stores anything else."""
        storage = self.structure.storage(made.result)
        body = loop_body(loop)
        inside = {*body.parameters, *(v for op in body.ops for v in op.results)}
        stored = {self.structure.storage(op.operands[0]) for op in body.ops if op.primitive == "store"}
        same: dict[Value, Op] = {}  # what does not depend on the place, with what makes it
        mine: set[Op] = set()
        for op in body.ops:
            others = op.operands
            if op.primitive in ("load", "store") and self.structure.storage(op.operands[0]) is storage:
                where = indices_of(op)
                others = (*where[:number], *where[number + 1 :], *op.operands[1 + len(where) :])
                mine.add(op)
            elif op.primitive == "load":
                if self.structure.storage(op.operands[0]) in stored:
                    continue
            elif op.primitive not in REGISTRY and op.primitive != "cast":
                continue
            if all(v not in inside or v in same for v in others):
                same.update((result, op) for result in op.results)
            elif op in mine:
                return None
        needed = set(mine)
        for op in reversed(body.ops):
            if op in needed:
                needed.update(same[v] for v in op.operands if v in same)
        # What is made of the elements is the same as well, and need not be computed or recorded for each place.
        made_of = {v for op in mine if op.primitive == "load" for v in op.results}
        for op in body.ops:
            if any(v in made_of for v in op.operands) and all(same.get(v) is op for v in op.results):
                needed.add(op)
                made_of.update(op.results)
                work = [v for v in op.operands if v in same]
                while work:
                    value = work.pop()
                    needed.add(same[value])
                    work += [v for v in same[value].operands if v in same]
        low, high, step = loop.operands[:3]
        first, last = (low, high) if step.constant == 1 else (high, low)
        span = self.affine.form(last) - self.affine.form(first)
        facts = [*self.ranges.at(loop), *self.facts_of(span, loop)]
        return Sweep(loop, [op for op in body.ops if op in needed], self.ranges.implied(span - ONE, facts))

    def facts_of(self, form: Linear, loop: Op) -> list[Linear]:
        """What is known of a form before a loop."""
        around = self.structure.around[loop]
        return self.facts(around[-1], [form]) if around and around[-1].primitive == "for" else []


class Rewriting:
    """A function without an axis of one array."""

    def __init__(self, axis: Axis, affine: Affine) -> None:
        self.axis, self.affine = axis, affine
        old = axis.made.result.type
        self.type = ty.array(old.dtype, old.ndim - 1)
        self.new = {v: Value(v.name, self.type) for v in axis.versions}

    def block(self, block: Block) -> Block:
        with Builder() as builder:
            for op in block.ops:
                self.op(builder, op)
        return Block(self.values(block.parameters), tuple(builder.ops), self.values(block.results))

    def values(self, values: Iterable[Value]) -> tuple[Value, ...]:
        return tuple(self.new.get(v, v) for v in values)

    def op(self, builder: Builder, op: Op) -> None:
        if op in self.axis.sweeps:
            self.sweep(builder, self.axis.sweeps[op])
            return
        number = self.axis.number
        touched = any(v in self.new for v in op.operands[:1])
        if op is self.axis.made:
            op = replace(op, operands=without(op.operands, number))
        elif op.primitive == "shape" and touched:
            along = op.attributes["axis"]
            if along == number:
                self.new[op.result] = self.axis.made.operands[number]
                return
            op = replace(op, attributes={"axis": along - (along > number)})
        elif op.primitive in ("load", "store") and touched:
            op = replace(op, operands=without(op.operands, 1 + number))
        builder.append(
            replace(
                op,
                operands=self.values(op.operands),
                regions=tuple(self.block(region) for region in op.regions),
                results=self.values(op.results),
            )
        )

    def sweep(self, builder: Builder, sweep: Sweep) -> None:
        """Emit what moves out of a loop along the axis, and the rest of the loop."""
        loop, body = sweep.loop, loop_body(sweep.loop)
        slot = next((slot for slot in loop_slots(loop) if slot[1] in self.new), None)
        if slot is not None:
            self.new[slot[1]] = self.new.get(slot[0], slot[0])
        builder.location = loop.location
        kept = [op for op in body.ops if op not in sweep.moved]
        read = {v for op in kept for v in free_values_of(op)} | set(body.results)
        with Builder(loop.location) as inside:
            for op in sweep.moved:
                self.op(inside, op)
        left = [v for op in sweep.moved for v in op.results if v in read and v not in self.new]
        ends = [] if slot is None else [self.new.get(slot[2], slot[2])]
        if sweep.runs:
            builder.ops += inside.ops
        else:
            low, high, step = self.values(loop.operands[:3])
            first, last = (low, high) if step.constant == 1 else (high, low)
            runs = builder.compare("gt", last, first)
            found = [Value(v.name, v.type) for v in (*ends, *left)]
            idle = [] if slot is None else [self.new.get(slot[0], slot[0])]
            arms = (
                inside.block((), (*ends, *left)),
                Block((), (), (*idle, *(zero(v.type) for v in left))),
            )
            builder.region("if", (runs,), arms, found)
            ends = found[: len(ends)]
            self.new.update(zip(left, found[len(ends) :], strict=True))
        others = list(range(len(loop_slots(loop))))
        if slot is not None:
            k = loop_slots(loop).index(slot)
            others.remove(k)
            self.new[slot[3]] = ends[0]
        rest = Block(
            (body.parameters[0], *(body.parameters[1 + k] for k in others)),
            tuple(substitute_in(op, self.new) for op in kept),
            self.values(body.results[k] for k in others),
        )
        if not kept and not others:
            return
        operands = self.values((*loop.operands[:3], *(loop.operands[3 + k] for k in others)))
        results = tuple(loop.results[k] for k in others)
        builder.append(replace(loop, operands=operands, regions=(rest,), results=results))


def without(values: tuple[Value, ...], k: int) -> tuple[Value, ...]:
    return values[:k] + values[k + 1 :]


__all__ = ["collapse_axes", "holds_sweeps"]
