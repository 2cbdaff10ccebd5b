"""Write nests of loops whose trips are independent as statements on whole arrays.

    h = np.empty(n)
    for i in range(n):                            h = np.tanh(z + b)
        h[i] = math.tanh(z[i] + b[i])
    W_bar = np.zeros_like(W)
    for i in range(n):                   ->       W_bar = np.outer(z_bar, x)
        for j in range(m):
            W_bar[i, j] += z_bar[i] * x[j]
    for i in range(1, n - 1):                     u_bar[:-2] += c * v_bar[1:-1]
        u_bar[i - 1] += c * v_bar[i]

This is what is printed without optimisation. It is done at the end, on the loops, and not by reading array expressions
as whole arrays in the first place, so that there is one set of rules, one place where residuals come from and one
meaning of every program; loops that the user wrote become readable too. The text says what the loops say: a nest is
written so only if its updates, one after the other over all trips, do what they do trip by trip, which holds if any two
accesses to an element that may be written are additions or lie in the same trip, and only if NumPy and Numba compute
elements of the same type. What cannot be written so stays a loop, whose inner loops are tried. Where a loop of a nest
has no trips, the others may go beyond their arrays; unless they are proven to fit, the statements are under an `if`.

An update of elements at `[i, 1 + j]` is one of `[:, 1:...]`; a loop whose index is not in the place that is added to is
summed over, as `@` where the term is a product; zeros with one addition to all elements are what is added.
Reads: structure, affine forms. It makes ops `numpy`, that have their text, and `store` and `accum` of whole parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from ..analysis.affine import Affine, Linear
from ..analysis.extremes import find_extremes
from ..analysis.ranges import Ranges
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import IN_PLACE, Block, Function, Op, Value, loop_body, loop_slots
from ..ir.walk import ops_within, substitute, uses_in
from .dce import eliminate_dead
from .dse import eliminate_dead_stores
from .fold import simplified
from .forms import emitted
from .independence import StaysLoop
from .statements import Statements


def vectorise_loops(function: Function) -> Function:
    function = replace(function, body=without_releases(function.body))
    function = simplified(eliminate_dead_stores(function))
    scope = Scope(function)
    body = scope.block(function.body)
    known = {value: scope.final(value) for value in scope.became}
    function = eliminate_dead(replace(function, body=substitute(body, known)))
    return eliminate_dead(replace(function, body=with_lengths_in_place(function.body)))


def without_releases(block: Block) -> Block:
    """The block without the marks of cotangents that are zero again: no trip uses the array of another one."""
    ops = tuple(
        replace(op, regions=tuple(map(without_releases, op.regions))) if op.regions else op
        for op in block.ops
        if op.primitive != "release"
    )
    return replace(block, ops=ops)


def with_lengths_in_place(body: Block) -> Block:
    """The body with lengths of arrays that are not written read where they are used, without a name."""
    written, structure = versions_written(body), find_structure(body)
    bearers: dict[str, set[Value]] = {}
    for value in structure.home:
        if ty.is_array(value.type):
            bearers.setdefault(value.name, set()).add(structure.origin(value))
    lengths = {
        op.result: op
        for op in ops_within(body)
        if op.primitive == "shape"
        and not op.result.name
        and op.operands[0] not in written
        and len(bearers[op.operands[0].name]) == 1  # else it would keep another array from its name
    }

    def moved(block: Block) -> Block:
        ops: list[Op] = []
        for op in block.ops:
            if op.results and op.results[0] in lengths:
                ops.append(op)
                continue
            own = {v: Value(v.name, v.type) for v in op.operands if v in lengths}
            ops += (replace(lengths[v], results=(new,)) for v, new in own.items())
            operands = tuple(own.get(v, v) for v in op.operands)
            ops.append(replace(op, operands=operands, regions=tuple(map(moved, op.regions))))
        return replace(block, ops=tuple(ops))

    return moved(body)


class Scope:
    """What is known where the walk through the function is.

    `equal` : lengths that have been found equal to a linear form.
    `lengths` : values that are lengths known by nothing else.
    `became` : what replaces the results of nests that are written as statements.
    """

    def __init__(self, function: Function) -> None:
        self.structure = find_structure(function.body)
        self.affine = Affine(self.structure)
        self.uses = Counter(uses_in(function.body))
        self.ranges = Ranges(self.affine)
        self.equal: dict[Value, Linear] = {}
        self.lengths: dict[Value, Value] = {}
        self.became: dict[Value, Value] = {}
        self.allocated: dict[Value, Op] = {}
        self.extremes = find_extremes(function.body, self.structure)
        self.folds = {part for fold in self.extremes.values() for part in fold.parts}
        self.written, self.results = versions_written(function.body), set(function.results)

    def final(self, value: Value) -> Value:
        while value in self.became:
            value = self.became[value]
        return value

    def block(self, block: Block, facts: Iterable[Linear] = ()) -> Block:
        outer = dict(self.equal), dict(self.lengths), dict(self.allocated)
        self.allocated = {}
        self.ranges.open(facts)
        with Builder() as builder:
            for op in block.ops:
                self.op(op, builder)
        self.ranges.close()
        self.equal, self.lengths, self.allocated = outer
        return replace(block, ops=tuple(builder.ops))

    def op(self, op: Op, builder: Builder) -> None:
        builder.location = op.location
        if op.primitive == "for":
            before, known = len(builder.ops), dict(self.became)
            try:
                Statements(self, op, builder).write()
                return
            except StaysLoop:
                del builder.ops[before:]
                self.became = known
        builder.append(replace(op, regions=self.regions(op)) if op.regions else op)
        self.learn(op)

    def regions(self, op: Op) -> tuple[Block, ...]:
        """The regions of an op, with what holds in them."""
        if op.primitive == "if":
            facts = [self.ranges.follows(op.operands[0], taken) for taken in (True, False)]
        else:
            facts = [self.ranges.in_each_trip(op) if region is loop_body(op) else [] for region in op.regions]
        return tuple(self.block(region, known) for region, known in zip(op.regions, facts, strict=True))

    def learn(self, op: Op) -> None:
        if op.regions:
            if op.primitive != "if":
                self.ranges.leave_loop(op)
            return
        self.ranges.learn(op)
        if op.primitive == "shape":
            ((value, _), *_) = self.affine.form(op.result).terms or ((None, 0),)
            if value in self.affine.length_of:
                self.lengths.setdefault(value, op.result)
        elif op.primitive == "require":
            self.require(op.operands[0])
        elif op.primitive in ("alloc", "empty_like", "zeros_like"):
            self.allocated[op.result] = op

    def require(self, condition: Value) -> None:
        """Lengths that are equal from here on."""
        made = self.structure.maker.get(condition)
        if made is None or made.primitive != "eq" or not all(ty.is_integer(x.type) for x in made.operands):
            return
        a, b = (self.normal(self.affine.form(x)) for x in made.operands)
        difference = a - b
        for value, c in difference.terms:
            if value in self.affine.length_of and c in (1, -1):
                self.equal[value] = (Linear(((value, c),)) - difference).scaled(c)
                return

    def normal(self, form: Linear) -> Linear:
        """The form with lengths that are equal written as one."""
        while True:
            value = next((v for v, _ in form.terms if v in self.equal), None)
            if value is None:
                return form
            form = form.replaced(value, self.equal[value])

    def emitted(self, form: Linear, builder: Builder) -> Value:
        """An integer as a value."""

        def leaf(value: Value) -> Value:
            term = self.lengths.get(value) if value in self.affine.length_of else value
            if term is None:
                raise StaysLoop
            return term

        return emitted(builder, form, leaf)


def versions_written(body: Block) -> set[Value]:
    """The versions of arrays that are written in place, or that may be after they have left a region."""
    found: set[Value] = set()
    for op in ops_within(body):
        if op.primitive in IN_PLACE:
            found.add(op.operands[0])
        elif op.primitive in ("for", "while"):
            found.update(slot[0] for slot in loop_slots(op))
        elif op.primitive in ("opaque", "call"):
            found.update(op.operands)
        for region in op.regions:
            found.update(region.results)
    return found


__all__ = ["vectorise_loops"]
