"""Make all sweeps over one row before those over the next one.

    for k in range(1, n):                                  for i in range(m):
        for i in range(m):                                     for k in range(1, n):
            for j in range(l):                                     for j in range(l):
                c[i, j, k] = a[i, j, k] - c[i, j, k - 1]               c[i, j, k] = a[i, j, k] - c[i, j, k - 1]
    for k in range(n - 1, -1, -1):                 ->          for k in range(n - 1, -1, -1):
        for i in range(m):                                         for j in range(l):
            for j in range(l):                                         s += c[i, j, k] * b[i, j, k]
                s += c[i, j, k] * b[i, j, k]

Statements on slices along the last axis reach one element of each cache line in a trip, and every trip goes over all of
an array. Made row by row, a row stays in the caches for all trips; arrays between the nests are one row (`lines.py`),
and both sweeps of the adjoint may become one. The nests stand behind each other, in no other loop, and all that they do
with an array that one of them stores into is at the index of the row. What stands between goes above them. Reads:
structure, affine forms.

R. Allen, K. Kennedy, "Optimizing Compilers for Modern Architectures", sections 5.2 and 8.3 (interchange, fusion).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..analysis.affine import Affine, Linear
from ..analysis.structure import find_structure
from ..analysis.sums import accumulates
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import Block, Function, Op, Value, indices_of, is_number, loop_body, loop_slots
from ..ir.walk import free_values_of, ops_of, ops_within, substitute, substitute_in
from ..primitives import REGISTRY
from .align import same
from .interchange import is_plain_loop

ACCESSES = ("load", "store")
PLAIN = (*ACCESSES, "cast", "shape", *REGISTRY)
ABOVE = ("alloc", "cast", "shape", "require", *REGISTRY)  # what may stand between nests


def sweep_rows(function: Function) -> Function:
    """Make nests of the function row by row that gain by it."""
    affine = Affine(find_structure(function.body))
    body = function.body
    for group in reversed([*groups(body.ops, affine)]):  # what is changed behind one is nothing that it holds
        if (
            any(isinstance(nest, Sweep) and nest.strides(affine) for nest in group.nests)
            and group.has_own_rows()
        ):
            body = group.emitted(body)
    return function if body is function.body else replace(function, body=body)


@dataclass(frozen=True, eq=False)
class Rows:
    """A loop over rows that stands by itself."""

    loop: Op

    @property
    def loops(self) -> tuple[Op, ...]:
        """The loops over rows."""
        return (self.loop,)


@dataclass(frozen=True, eq=False)
class Sweep:
    """A loop around loops over rows.

    `above` : the ops in it that are the same in every trip.
    `ops` : the others, in order.
    """

    loop: Op
    above: tuple[Op, ...]
    ops: tuple[Op, ...]

    @property
    def loops(self) -> tuple[Op, ...]:
        return tuple(op for op in self.ops if op.primitive == "for")

    def strides(self, affine: Affine) -> bool:
        """Whether the trips go along later axes of arrays than the rows are on, more often than along earlier ones."""
        along, balance = loop_body(self.loop).parameters[0], 0
        for rows in self.loops:
            across = loop_body(rows).parameters[0]
            for op in ops_within(loop_body(rows)):
                if op.primitive in ACCESSES:
                    forms = [affine.form(i) for i in indices_of(op)]
                    a, b = (axis_of(forms, index) for index in (along, across))
                    if a is not None and b is not None:
                        balance += 1 if a > b else -1
        return balance > 0


Nest = Rows | Sweep


def axis_of(forms: Sequence[Linear], index: Value) -> int | None:
    return next((axis for axis, form in enumerate(forms) if form.coefficient(index)), None)


def groups(ops: Sequence[Op], affine: Affine) -> Iterator[Group]:
    """The nests over the same rows that stand behind each other."""
    group = Group(affine)
    for op in ops:
        if not op.regions:
            if not group.goes_above(op):
                yield group
                group = Group(affine)
            continue
        nest = sweep_of(op, affine) or rows_of(op, affine)
        if nest is None or not group.takes(nest):
            yield group
            group = Group(affine)
        if nest is not None:
            group.nests.append(nest)
    yield group


def rows_of(op: Op, affine: Affine) -> Rows | None:
    """A loop over rows that holds loops; what it carries beside arrays are sums."""
    body = loop_body(op)
    if not is_plain_nest(op) or not any(inner.primitive == "for" for inner in body.ops):
        return None
    numbers = (slot for slot in loop_slots(op) if not ty.is_array(slot[0].type))
    return Rows(op) if all(accumulates(body, p, y) for _, p, y, _ in numbers) else None


def sweep_of(op: Op, affine: Affine) -> Sweep | None:
    """A loop around loops over rows that hold loops; it carries arrays only."""
    if not is_plain_loop(op) or not op.operands[2].is_constant:
        return None
    if not all(ty.is_array(slot[0].type) for slot in loop_slots(op)):
        return None
    body = loop_body(op)
    inside = {*body.parameters, *(v for inner in body.ops for v in inner.results)}
    above: list[Op] = []
    ops: list[Op] = []
    for inner in body.ops:
        fixed = not any(v in inside for v in inner.operands)
        if inner.primitive == "for":
            rows = rows_of(inner, affine)
            if rows is None or any(v in inside for v in inner.operands[:3]):
                return None
            if not all(ty.is_array(slot[0].type) for slot in loop_slots(inner)):
                return None
            ops.append(inner)
        elif fixed and inner.primitive in ("require", "alloc", "shape", "cast", *REGISTRY):
            if inner.primitive == "alloc" and inner.attributes.keys() != {"fill"}:
                return None
            if inner.primitive == "alloc" and inner.attributes["fill"] != "empty":
                return None
            above.append(inner)
            inside.difference_update(inner.results)
        elif inner.primitive in ("load", "cast", "shape", *REGISTRY):
            ops.append(inner)
        else:
            return None
    made = {inner.result for inner in above if inner.primitive == "alloc"}
    structure = affine.structure
    if any(structure.origin(y) in made for y in body.results) or not any(o.primitive == "for" for o in ops):
        return None
    return Sweep(op, tuple(above), tuple(ops))


def is_plain_nest(op: Op) -> bool:
    """Whether an op is a loop from its first trip to its last, of loops that compute, load and store elements."""
    return (
        is_plain_loop(op) and is_number(op.operands[2], 1) and all(map(is_plain, ops_within(loop_body(op))))
    )


def is_plain(op: Op) -> bool:
    if op.primitive == "for":
        return is_plain_loop(op) and op.operands[2].is_constant
    if op.primitive in ACCESSES and len(indices_of(op)) < op.operands[0].type.ndim:
        return False
    return op.primitive in PLAIN


class Group:
    """Nests over the same rows, and what stands between them."""

    def __init__(self, affine: Affine) -> None:
        self.affine, self.structure = affine, affine.structure
        self.nests: list[Nest] = []
        self.between: dict[Op, Op] = {}  # as they stand between the nests, and as they are above

    def goes_above(self, op: Op) -> bool:
        """Take what may stand above the nests, if there are any."""
        if not self.nests:
            return True
        moved = op
        if op.primitive == "shape":  # all versions of an array are as long as the first one
            moved = replace(op, operands=(self.structure.origin(op.operands[0]),))
        if op.primitive not in ABOVE or any(v in self.results() for v in moved.operands):
            return False
        self.between[op] = moved
        return True

    def results(self) -> set[Value]:
        return {r for nest in self.nests for r in nest.loop.results}

    def takes(self, nest: Nest) -> bool:
        """Whether a nest goes over the same rows as those before, and needs none of their numbers."""
        numbers = {r for r in self.results() if not ty.is_array(r.type)}
        if any(v in numbers for v in free_values_of(nest.loop)):
            return False
        loops = [*(rows for other in self.nests[:1] for rows in other.loops), *nest.loops]
        return all(self.same_rows(loops[0], rows) for rows in loops)

    def same_rows(self, a: Op, b: Op) -> bool:
        form = self.affine.form
        return all(same(form(x), form(y)) for x, y in zip(a.operands[:2], b.operands[:2], strict=True))

    def has_own_rows(self) -> bool:
        """Whether all that is done with an array that is stored into is at the index of the row."""
        loops = [rows for nest in self.nests for rows in nest.loops]
        own = {rows: Linear(((loop_body(rows).parameters[0], 1),)) for rows in loops}
        if not all(self.affine.is_never_negative(loop_body(rows).parameters[0]) for rows in loops):
            return False
        stored = {
            self.structure.storage(op.operands[0])
            for nest in self.nests
            for op in ops_of(nest.loop)
            if op.primitive == "store"
        }
        axes: dict[Value, set[int]] = {}
        for rows in loops:
            for op in ops_within(loop_body(rows)):
                storage = self.structure.storage(op.operands[0]) if op.primitive in ACCESSES else None
                if storage in stored and storage is not None:
                    here = {k for k, i in enumerate(indices_of(op)) if same(self.affine.form(i), own[rows])}
                    axes[storage] = axes.get(storage, here) & here
        outside = (
            op for nest in self.nests if isinstance(nest, Sweep) for op in nest.ops if op.primitive == "load"
        )
        if any(self.structure.storage(op.operands[0]) in stored for op in outside):
            return False
        return all(axes.values()) and not any(map(self.structure.is_mixed, stored))

    # -------------------------------------------------------------------------------------------- the rewriting

    def emitted(self, body: Block) -> Block:
        """The body with the nests as one loop over rows."""
        made = self.results()
        slots = [slot for nest in self.nests for slot in loop_slots(nest.loop) if slot[0] not in made]
        work = [made for nest in self.nests if isinstance(nest, Sweep) for made, _ in self.work_arrays(nest)]
        rows = next(nest for nest in self.nests if isinstance(nest, Sweep)).loops[0]
        index = loop_body(rows).parameters[0]
        self.now = {initial: Value(p.name, p.type) for initial, p, _, _ in slots if ty.is_array(p.type)}
        parameters = [self.now[i] if i in self.now else Value(p.name, p.type) for i, p, _, _ in slots]
        given = dict(zip((slot[1] for slot in slots), parameters, strict=True))
        held = {array: Value(array.name, array.type) for array in work}
        self.now |= held
        with Builder(rows.location) as builder:
            for nest in self.nests:
                self.trip(builder, nest, index, given)
        last: dict[Value, Value] = {}  # of each array or number the result that it ends in
        for nest in self.nests:
            for initial, _, _, result in loop_slots(nest.loop):
                last[result] = result
                for before, end in last.items():
                    if end is initial:
                        last[before] = result
        starts = [slot[3] for slot in slots]
        results = tuple(Value(last[r].name, last[r].type) for r in starts)
        yields = (*(self.now[last[r]] for r in starts), *(self.now[array] for array in work))
        region = builder.block((index, *parameters, *held.values()), yields)
        operands = (*rows.operands[:3], *(slot[0] for slot in slots), *work)
        left = (*results, *(Value(array.name, array.type) for array in work))
        loop = Op("for", operands, left, (region,), {}, rows.location)
        ends = {last[r]: new for r, new in zip(starts, results, strict=True)}
        first, gone = self.nests[0].loop, {*self.between, *(nest.loop for nest in self.nests)}
        ops: list[Op] = []
        for op in body.ops:
            if op is first:
                ops += [*self.between.values(), *self.above(), loop]
            elif op not in gone:
                ops.append(op)
        return substitute(replace(body, ops=tuple(ops)), {before: ends[end] for before, end in last.items()})

    def above(self) -> list[Op]:
        """What the nests would do in each of their trips alike; what has to hold need not hold where there is none."""
        checked: set[tuple[str, tuple[Value, ...]]] = set()
        with Builder() as builder:
            for nest in self.nests:
                for op in nest.above if isinstance(nest, Sweep) else ():
                    if op.primitive == "require":
                        test = self.structure.maker.get(op.operands[0])
                        condition = (test.primitive, test.operands) if test is not None else ("", op.operands)
                        if condition in checked:
                            continue
                        builder.location = op.location
                        low, high, step = nest.loop.operands[:3]
                        a, b = (low, high) if step.constant > 0 else (high, low)
                        if self.affine.is_positive(self.affine.form(b) - self.affine.form(a)):
                            checked.add(condition)
                        else:
                            idle = builder.compare("le", b, a)
                            fine = builder.emit("or", (idle, op.operands[0]), ty.boolean)
                            op = replace(op, operands=(fine,))
                    builder.append(op)
        return builder.ops

    def trip(self, builder: Builder, nest: Nest, index: Value, given: dict[Value, Value]) -> None:
        """Emit what a nest does with one row."""
        if isinstance(nest, Rows):
            self.row(builder, nest.loop, index, given)
            return
        slots = loop_slots(nest.loop)
        work = self.work_arrays(nest)
        starts = tuple(self.now[initial] for initial in (*(slot[0] for slot in slots), *(v for v, _ in work)))
        held = tuple(Value(array.name, array.type) for array, _ in work)
        inside = Builder(nest.loop.location)
        self.now.update({p: p for _, p, _, _ in slots})
        self.now.update(zip((array for array, _ in work), held, strict=True))
        with inside:
            for op in nest.ops:
                if op.primitive == "for":
                    self.row(inside, op, index, {})
                else:
                    inside.append(substitute_in(op, self.now))
        body = loop_body(nest.loop)
        ends = (*body.results, *(last for _, last in work))
        block = inside.block((*body.parameters, *held), tuple(self.now[y] for y in ends))
        results = tuple(Value(v.name, v.type) for v in ends)
        builder.append(
            replace(
                nest.loop,
                operands=(*nest.loop.operands[:3], *starts),
                regions=(block,),
                results=results,
            )
        )
        self.now.update(zip((*nest.loop.results, *(array for array, _ in work)), results, strict=True))

    def work_arrays(self, nest: Sweep) -> list[tuple[Value, Value]]:
        """The arrays that each trip of a sweep fills anew, with their last versions: rows of them are carried."""
        storage = self.structure.storage
        found: dict[Value, Value] = {}
        for made in (op.result for op in nest.above if op.primitive == "alloc"):
            found.update(
                (made, r) for rows in nest.loops for r in rows.results if storage(r) is storage(made)
            )
        return list(found.items())

    def row(self, builder: Builder, rows: Op, index: Value, given: dict[Value, Value]) -> None:
        """Emit the trip of a loop over rows for one row; `given` are the sums as they are before."""
        body = loop_body(rows)
        mapping = {body.parameters[0]: index}
        for initial, parameter, _, _ in loop_slots(rows):
            mapping[parameter] = given.get(parameter) or self.now.get(initial, initial)
        new = substitute(Block((), body.ops, body.results), {**self.now, **mapping})
        for op in new.ops:
            builder.append(op)
        self.now.update(zip(rows.results, new.results, strict=True))


__all__ = ["sweep_rows"]
