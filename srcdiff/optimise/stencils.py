"""Add to an element once what the trips around it owe to it.

    for i in range(1, m):                        owed = np.zeros((3, n))
        for j in range(n):                       for r in range(m + 1):
            g = y_bar[i, j] * c                      i = r + 1
            x_bar[i - 1, j] += g         ->          if i < m:
            x_bar[i + 1, j] += g                         for j in range(n):
            y_bar[i, j] = 0.0                                owed[i % 3, j] = y_bar[i, j] * c
                                                             y_bar[i, j] = 0.0
                                                     else:
                                                         for j in range(n):
                                                             owed[i % 3, j] = 0.0
                                                     for j in range(n):
                                                         x_bar[r, j] += owed[(r - 1) % 3, j] + owed[i % 3, j]

LLVM vectorises a loop that writes one row of an array and reads others; one that adds to several rows of the same
array it runs element by element, since it tests once for all trips of the loop around it whether the rows overlap. What
is added is kept for as many rows as one element collects from, with zeros around them for what no trip owes; a row
collects as soon as the last trip that owes to it has run. Under a guard, for a nest without a trip touches nothing;
behind the guard every index of the rows is between those of elements that some trip adds to.

Only nests over a box whose innermost loop adds to the array at constant distances and does not touch it otherwise.
Numbers from which others follow by a change of sign or a constant factor are kept instead of those. Additions along
the innermost loop alone are left to `rotate.py`. `stencil_nests.py` finds them. Reads: structure, affine forms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..analysis.affine import Affine, Linear
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder, constant, zero
from ..ir.core import Block, Function, Op, Value, indices_of, loop_body, loop_slots
from ..ir.walk import substitute_in
from .fold import simplified
from .rotate import copied, shifted, unordered
from .stencil_nests import Nest, Stencil, find_nest, makers_in, root_operand


def gather_stencils(function: Function) -> Function:
    body = gathered(function.body, Affine(find_structure(function.body)))
    return function if body is function.body else simplified(replace(function, body=body))


def gathered(block: Block, affine: Affine) -> Block:
    changed = False
    with Builder() as builder:
        for op in block.ops:
            nest = find_nest(op, affine) if op.primitive == "for" else None
            if nest is not None:
                Emission(nest, affine).emit(builder)
                changed = True
                continue
            regions = tuple(gathered(region, affine) for region in op.regions)
            if any(a is not b for a, b in zip(regions, op.regions, strict=True)):
                op = replace(op, regions=regions)
                changed = True
            builder.append(op)
    return replace(block, ops=tuple(builder.ops)) if changed else block


# ------------------------------------------------------------------------------------------- the loops in its place


class Emission:
    """A nest in its new form.

    `ends` : the least index of each loop, and the one behind the greatest.
    `pads` : how many zeros are on each side of the rows, by loop; for the first one how many rows there are but one.
    `at` : the index of the new loop over rows, that of the row which collects.
    `ahead` : how far that is ahead of the outermost index of the nest.
    """

    def __init__(self, nest: Nest, affine: Affine) -> None:
        self.nest, self.affine = nest, affine
        self.outer = nest.loops[0]
        self.indices = tuple(loop_body(loop).parameters[0] for loop in nest.loops)
        self.makers = makers_in(nest.loops)
        self.rows = nest.rows
        self.pads = [max(s.width(n) for s in nest.stencils if s.offsets) for n in range(len(nest.loops))]
        step = self.outer.operands[2].constant
        self.upwards = (step == 1) != bool(self.outer.attributes.get("descending"))
        widest = next(s for s in nest.stencils if s.offsets and s.width(0) == self.pads[0])
        self.ahead = self.edge(widest, 0) if widest.from_zero[0] else 0
        self.at = self.indices[0]
        versions: dict[Value, Value] = {}  # what each version of an array started from
        for op in loop_body(nest.loops[-1]).ops:
            if op.primitive == "accum":
                versions[op.result] = versions.get(op.operands[0], op.operands[0])
        stay = {versions.get(op.operands[0], op.operands[0]) for op in nest.stays}
        collected = {s.start for s in nest.stencils} - stay
        self.gone = [p in collected for _, p, _, _ in loop_slots(nest.loops[-1])]

    def emit(self, builder: Builder) -> None:
        """Emit the nest under a guard."""
        builder.location = self.outer.location
        self.ends = [self.ends_of(builder, loop) for loop in self.nest.loops]
        runs = constant(True, ty.boolean)
        for least, most in {unordered(self.trips(*ends)): ends for ends in self.ends}.values():
            if not self.affine.is_positive(self.trips(least, most)):
                here = builder.compare("gt", most, least)
                runs = here if runs.is_constant else builder.emit("and", (runs, here), ty.boolean)
        with Builder(self.outer.location) as then:
            results = self.gather(then)
        untouched = Block((), (), tuple(slot[0] for slot in loop_slots(self.outer)))
        builder.region("if", (runs,), (then.block((), results), untouched), self.outer.results)

    def trips(self, least: Value, most: Value) -> Linear:
        return self.affine.form(most) - self.affine.form(least)

    def ends_of(self, builder: Builder, loop: Op) -> tuple[Value, Value]:
        low, high, step = loop.operands[:3]
        return (low, high) if step.constant == 1 else (shifted(builder, high, 1), shifted(builder, low, 1))

    def gather(self, builder: Builder) -> list[Value]:
        """Emit the loop over rows, with what is kept of them; gives what it leaves."""
        most_rows = self.pads[0] + 1
        sizes: list[Value] = [constant(most_rows, ty.int64)]
        for (least, most), pad in zip(self.ends[1:], self.pads[1:], strict=True):
            trips = shifted(builder, most, -least.constant) if least.is_constant else None
            trips = builder.emit("sub", (most, least), ty.int64) if trips is None else trips
            sizes.append(shifted(builder, trips, 2 * pad))
        fill = "zeros" if any(self.pads) else "empty"
        owed = [
            builder.emit("alloc", sizes, ty.array(v.type, len(sizes), "C"), {"fill": fill}, v.name or "owed")
            for v in self.rows
        ]
        ends = [
            shifted(builder, end, by + self.ahead)
            for end, by in zip(
                self.ends[0], (0, self.pads[0]) if self.upwards else (-self.pads[0], 0), strict=True
            )
        ]
        slots = loop_slots(self.outer)
        index = self.indices[0]
        versions = [Value(v.name, v.type) for v in owed]
        with Builder(self.outer.location) as inside:
            if self.ahead:
                index = self.at = Value(index.name, index.type)
                behind = "sub" if self.ahead > 0 else "add"
                by = constant(abs(self.ahead), ty.int64)
                inside.append(Op(behind, (index, by), self.indices[:1], (), {}, self.outer.location))
            row = self.row(inside, self.indices[0])
            numbers, held = self.filled(inside, row, versions)
            yields = [self.collected(inside, k, row, number, held) for k, number in enumerate(numbers)]
        block = inside.block((index, *(p for _, p, _, _ in slots), *versions), (*yields, *held))
        results = [Value(v.name, v.type) for v in (*self.outer.results, *owed)]
        attributes = {k: v for k, v in self.outer.attributes.items() if k != "descending"}
        if not self.upwards:
            attributes["descending"] = True
        operands = (*ends, constant(1, ty.int64), *(i for i, *_ in slots), *owed)
        builder.region("for", operands, (block,), results, attributes, self.outer.location)
        return results[: len(slots)]

    def row(self, builder: Builder, source: Value) -> Value:
        """Where the row of a trip of the outermost loop is kept."""
        if self.pads[0] == 0:
            return zero(ty.int64)
        return builder.emit("mod", (source, constant(self.pads[0] + 1, ty.int64)), ty.int64)

    def place(self, builder: Builder, loop: int, index: Value, by: int) -> Value:
        """Where in a row something of the trip `index + by` of an inner loop is kept."""
        least = self.ends[loop][0]
        by += self.pads[loop]
        if least.is_constant:
            return shifted(builder, index, by - least.constant)
        return shifted(builder, builder.emit("sub", (index, least), ty.int64), by)

    # ---------------------------------------------------------------------------------------- what is kept

    def filled(
        self, builder: Builder, row: Value, versions: Sequence[Value]
    ) -> tuple[list[Value], list[Value]]:
        """Emit one trip of the nest, which keeps what it owes, or zeros behind the last one; gives what the nest
        carries and the rows."""
        parameters = [p for _, p, _, _ in loop_slots(self.outer)]
        if not self.pads[0]:
            return self.trip(builder, row, versions)
        least, most = self.ends[0]
        with Builder(self.outer.location) as then:
            numbers, held = self.trip(then, row, versions)
        with Builder(self.outer.location) as behind:
            cleared = self.cleared(behind, 1, [row], versions)
        runs = (
            builder.compare("lt", self.indices[0], most)
            if self.upwards
            else builder.compare("ge", self.indices[0], least)
        )
        results = [Value(v.name, v.type) for v in (*parameters, *versions)]
        regions = (then.block((), (*numbers, *held)), behind.block((), (*parameters, *cleared)))
        builder.region("if", (runs,), regions, results, location=self.outer.location)
        kept = [
            p if gone else r
            for p, gone, r in zip(parameters, self.gone, results[: len(parameters)], strict=True)
        ]
        return kept, results[len(parameters) :]

    def trip(
        self, builder: Builder, row: Value, versions: Sequence[Value]
    ) -> tuple[list[Value], list[Value]]:
        """Emit one trip of the outermost loop."""
        held: list[Value] = []
        body = loop_body(self.outer)
        for op in body.ops:
            if op is self.nest.loops[1]:
                held = self.inner(builder, 1, [row], versions)
            else:
                builder.append(op)
        parameters = body.parameters[1:]
        numbers = [p if gone else y for p, y, gone in zip(parameters, body.results, self.gone, strict=True)]
        return numbers, held

    def inner(self, builder: Builder, n: int, places: list[Value], versions: Sequence[Value]) -> list[Value]:
        """Emit an inner loop of the nest, without what is gathered; gives the rows."""
        loop = self.nest.loops[n]
        body = loop_body(loop)
        own = [Value(v.name, v.type) for v in versions]
        replaced: dict[Value, Value] = {}
        with Builder(loop.location) as inside:
            here = [*places, self.place(inside, n, self.indices[n], 0)]
            held: list[Value] = []
            for op in body.ops:
                if n + 1 < len(self.nest.loops) and op is self.nest.loops[n + 1]:
                    held = self.inner(inside, n + 1, here, own)
                elif op in self.nest.kept:
                    replaced[op.result] = replaced.get(op.operands[0], op.operands[0])
                else:
                    inside.append(substitute_in(op, replaced))
            if n + 1 == len(self.nest.loops):
                for version, value in zip(own, self.rows, strict=True):
                    held.append(
                        inside.emit("store", (version, *here, value), version.type, name=version.name)
                    )
        slots = [slot for slot, gone in zip(loop_slots(loop), self.gone, strict=True) if not gone]
        yields = [replaced.get(y, y) for _, _, y, _ in slots]
        results = [Value(v.name, v.type) for v in versions]
        block = inside.block((self.indices[n], *(p for _, p, _, _ in slots), *own), (*yields, *held))
        operands = (*loop.operands[:3], *(i for i, *_ in slots), *versions)
        all_results = (*(r for *_, r in slots), *results)
        builder.region("for", operands, (block,), all_results, loop.attributes, loop.location)
        return results

    def cleared(
        self, builder: Builder, n: int, places: list[Value], versions: Sequence[Value]
    ) -> list[Value]:
        """Emit loops that make a row zero."""
        if n == len(self.nest.loops):
            return [
                builder.emit("store", (v, *places, zero(v.type.dtype)), v.type, name=v.name) for v in versions
            ]
        least, most = self.ends[n]
        index = Value(self.indices[n].name, ty.int64)
        own = [Value(v.name, v.type) for v in versions]
        with Builder(self.nest.loops[n].location) as inside:
            held = self.cleared(inside, n + 1, [*places, self.place(inside, n, index, 0)], own)
        results = [Value(v.name, v.type) for v in versions]
        operands = (least, most, constant(1, ty.int64), *versions)
        block = inside.block((index, *own), held)
        builder.region("for", operands, (block,), results, location=self.nest.loops[n].location)
        return results

    # ---------------------------------------------------------------------------------------- what is collected

    def collected(
        self, builder: Builder, slot: int, row: Value, array: Value, held: Sequence[Value]
    ) -> Value:
        """Emit loops that add to one row of an array what is owed to it; gives the array."""
        start = loop_slots(self.nest.loops[-1])[slot][1]
        stencil = next((s for s in self.nest.stencils if s.start is start), None)
        if stencil is None or not stencil.offsets:
            return array
        width = stencil.width(0)
        if width == self.pads[0]:
            return self.collect(builder, stencil, row, array, held)
        # Another array collects from more rows.
        least, most = self.ends[0]
        if self.upwards:
            runs = builder.compare("lt", self.indices[0], shifted(builder, most, width))
        else:
            runs = builder.compare("ge", self.indices[0], shifted(builder, least, -width))
        with Builder(self.outer.location) as then:
            result = self.collect(then, stencil, row, array, held)
        regions = (then.block((), (result,)), Block((), (), (array,)))
        return builder.region("if", (runs,), regions, [Value(array.name, array.type)]).result

    def collect(
        self, builder: Builder, stencil: Stencil, row: Value, array: Value, held: Sequence[Value]
    ) -> Value:
        """Emit what one row of an array collects."""
        where: dict[int, Value] = {}
        for axis, i in enumerate(indices_of(next(iter(stencil.offsets)))):
            if axis not in stencil.axes:
                where[axis] = copied(builder, i, self.makers, {})
        index = self.indices[0]
        if stencil.from_zero[0]:
            where[stencil.axes[0]] = shifted(builder, self.at, self.edge(stencil, 0) - self.ahead)
        else:
            where[stencil.axes[0]] = self.index_at(builder, stencil, 0, index)
        places = {
            (0, apart): row if apart == 0 else self.row(builder, shifted(builder, index, apart))
            for apart in self.distances(stencil, 0)
        }
        return self.collect_along(builder, stencil, 1, where, places, array, held)

    def collect_along(
        self,
        builder: Builder,
        stencil: Stencil,
        n: int,
        where: dict[int, Value],
        places: dict[tuple[int, int], Value],
        array: Value,
        held: Sequence[Value],
    ) -> Value:
        """Emit the loops from the `n`-th on.

        `where` is the index along each axis, `places` where the trips at each distance have put what they owe.
        """
        if n == len(self.nest.loops):
            return self.add(builder, stencil, [where[axis] for axis in sorted(where)], places, array, held)
        least, most = self.ends[n]
        index, version = Value(self.indices[n].name, ty.int64), Value(array.name, array.type)
        ahead = self.edge(stencil, n) if stencil.from_zero[n] else 0
        start, end = shifted(builder, least, ahead), shifted(builder, most, ahead + stencil.width(n))
        with Builder(self.nest.loops[n].location) as inside:
            place = index if stencil.from_zero[n] else self.index_at(inside, stencil, n, index)
            here = {
                (n, apart): self.place(inside, n, index, apart - ahead)
                for apart in self.distances(stencil, n)
            }
            added = self.collect_along(
                inside, stencil, n + 1, {**where, stencil.axes[n]: place}, {**places, **here}, version, held
            )
        block = inside.block((index, version), (added,))
        operands = (start, end, constant(1, ty.int64), array)
        result = Value(array.name, array.type)
        builder.region("for", operands, (block,), (result,), location=self.nest.loops[n].location)
        return result

    def index_at(self, builder: Builder, stencil: Stencil, n: int, index: Value) -> Value:
        """The index of the element that collects, where `index` is the last trip of a loop that owes to it."""
        access = next(op for op, at in stencil.offsets.items() if at[n] == self.edge(stencil, n))
        i = indices_of(access)[stencil.axes[n]]
        return copied(builder, i, self.makers, {self.indices[n]: index})

    def distances(self, stencil: Stencil, n: int) -> list[int]:
        """How far from the last trip of a loop that owes to an element the others are."""
        edge = self.edge(stencil, n)
        return list(dict.fromkeys(edge - at[n] for at in stencil.offsets.values()))

    def add(
        self,
        builder: Builder,
        stencil: Stencil,
        where: list[Value],
        places: dict[tuple[int, int], Value],
        array: Value,
        held: Sequence[Value],
    ) -> Value:
        """Emit the addition to one element, of what the trips owe to it in their order."""
        total: Value | None = None
        for op in sorted(stencil.offsets, key=stencil.offsets.__getitem__, reverse=self.upwards):
            apart = [self.edge(stencil, n) - offset for n, offset in enumerate(stencil.offsets[op])]
            version = held[self.rows.index(self.nest.kept[op])]
            kept = builder.emit(
                "load", (version, *map(places.__getitem__, enumerate(apart))), version.type.dtype
            )
            negative, term = self.term(builder, op.operands[-1], self.nest.kept[op], kept)
            if total is None:
                total = builder.emit("neg", (term,), term.type) if negative else term
            else:
                total = builder.arithmetic("sub" if negative else "add", total, term)
        assert total is not None
        return builder.emit("accum", (array, *where, total), array.type, name=array.name)

    def edge(self, stencil: Stencil, n: int) -> int:
        """The distance of the element that the last trip of a loop owes to, of those that still owe to it."""
        return stencil.least(n) if n or self.upwards else stencil.most(n)

    def term(self, builder: Builder, value: Value, root: Value, kept: Value) -> tuple[bool, Value]:
        """What is added, made of what is kept: whether it is the negative of the number, and the number."""
        if value is root:
            return False, kept
        operand = root_operand(value, self.makers)
        assert operand is not None
        negative, inner = self.term(builder, operand, root, kept)
        made = self.makers[value]
        if made.primitive == "neg":
            return not negative, inner
        operands = [inner if x is operand else x for x in made.operands]
        return negative, builder.emit(made.primitive, operands, value.type, made.attributes)


__all__ = ["gather_stencils"]
