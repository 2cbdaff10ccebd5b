"""Leave to BLAS the sums of products of elements that are products of matrices.

    for i in range(n):                               t = a @ b.T
        for j in range(i + 1):                       for i in range(n):
            for k in range(a.shape[1]):     ->           for j in range(i + 1):
                c[i, j] += f * a[i, k] * b[j, k]             c[i, j] += f * t[i, j]

The adjoint of a product is two products, so that the reverse sweep is left to BLAS too. The loop over `k` may be any of
a nest, may add several products, to numbers or to elements, and each to elements of its own. What is multiplied must be
the same in the whole nest; what the nest stores into an array that was a copy before is read from what it was copied
from, if the loads find the elements as they were. A triangle may be summed over:

    for i in range(n):                               t = lower_product(a, b, -1)
        for j in range(m):                           for i in range(n):
            for k in range(i):            ->             for j in range(m):
                c[i, j] += a[i, k] * b[k, j]                 c[i, j] += t[i, j]

Two stacks of matrices that are gone over together are multiplied as stacks, any other array of more than two axes as
one matrix. What is longer than the loops, or is to be another matrix, is copied first as far as they go: what they do
not read may not exist, or not be a number. Only where the nest is in no other loop: in one, matrices are often small,
and a call costs more than their elements. The loops must go over most elements of the product, as over a triangle; a
band is not worth it. Reads: structure, affine forms.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace

from ..analysis.overwrites import Overwrites
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import (
    Block,
    Function,
    Op,
    Value,
    indices_of,
    is_number,
    loop_body,
    loop_slots,
    same_place,
)
from ..ir.walk import exchanged, ops_of, ops_within, substitute
from ..primitives import REGISTRY
from .expand import expansions
from .factors import SHORT, Factors, NoProduct, shared_axes
from .forms import emitted_with_shapes
from .interchange import is_plain_loop
from .matrices import Matrices
from .separate import separations

PURE = ("load", "cast", "shape")


@dataclass(frozen=True)
class Term:
    """What one trip adds: elements, times and over numbers that are the same in all trips; with a sign."""

    loads: tuple[Op, ...] = ()
    times: tuple[Value, ...] = ()
    over: tuple[Value, ...] = ()
    negative: bool = False

    def product(self, other: Term) -> Term:
        return Term(
            self.loads + other.loads,
            self.times + other.times,
            self.over + other.over,
            self.negative != other.negative,
        )


def multiply_matrices(function: Function) -> Function:
    """Give sums to BLAS until there is none left that is a product of matrices."""
    refused: set[Op] = set()
    parted: set[Op] = set()
    separated: set[Op] = set()
    copies: dict[Hashable, Value] = {}
    for _ in range(64):
        body = (
            with_product(function.body, refused, copies)
            or with_expanded_product(function.body, parted, copies)
            or with_separated_product(function.body, separated, copies)
        )
        if body is None:
            break
        function = replace(function, body=body)
    return function


def with_product(body: Block, refused: set[Op], copies: dict[Hashable, Value]) -> Block | None:
    """The body with one loop less; None if none adds up products. `refused` are loops that have been seen to do not."""
    overwrites = Overwrites(find_structure(body))
    for root in body.ops:
        if root.primitive == "require":
            overwrites.affine.learn(root)
        for loop in loops_of(root):
            if loop not in refused and (made := with_sum(body, overwrites, root, loop, copies)) is not None:
                return made
            refused.add(loop)
    return None


def with_expanded_product(body: Block, refused: set[Op], copies: dict[Hashable, Value]) -> Block | None:
    """The body with a product of what a loop around the sum has made before; `refused` are nests that have none."""
    for expanded in expansions(body, refused):
        overwrites = behind_checks(expanded.body, expanded.second)
        for loop in loops_of(expanded.nest):
            made = with_sum(expanded.body, overwrites, expanded.second, loop, copies)
            if made is not None:
                return made
    return None


def with_separated_product(body: Block, refused: set[Op], copies: dict[Hashable, Value]) -> Block | None:
    """The body with a product that a nest adds besides other things; `refused` are stores that add none."""
    for separated in separations(body, refused):
        overwrites = behind_checks(separated.body, separated.rest)
        for loop in loops_of(separated.nest):
            made = with_sum(separated.body, overwrites, separated.nest, loop, copies, separated.rest)
            if made is not None:
                return made
    return None


def behind_checks(body: Block, root: Op) -> Overwrites:
    """What is known of a body where one of its ops runs."""
    overwrites = Overwrites(find_structure(body))
    for op in itertools.takewhile(lambda op: op is not root, body.ops):
        if op.primitive == "require":
            overwrites.affine.learn(op)
    return overwrites


def with_sum(
    body: Block,
    overwrites: Overwrites,
    root: Op,
    loop: Op,
    copies: dict[Hashable, Value],
    before: Op | None = None,
) -> Block | None:
    """The body with products in place of a loop in a nest; None if the loop does not add up products.

    They are computed above the nest, or `before` another op above it that leaves their factors as they are.
    """
    before = before or root
    may_fail = any(op.primitive == "require" for op in ops_of(root))
    try:
        matrices = Matrices(overwrites.affine, before, copies, may_fail)
        summation = Summation(overwrites, root, loop, matrices)
        instead, results = summation.products()
    except NoProduct:
        return None
    above = summation.matrices.above.ops
    nest = exchanged(Block((), (root,), ()), {loop: instead}).ops
    places = {root: nest, before: [*above, *(nest if before is root else (before,))]}
    return substitute(exchanged(body, places), results)


def loops_of(op: Op) -> Iterator[Op]:
    """The loops of a nest, outer ones first, that run in each trip of those around them."""
    if op.primitive == "for" and is_plain_loop(op) and is_number(op.operands[2], 1):
        yield op
        for inner in loop_body(op).ops:
            yield from loops_of(inner)


class Summation(Factors):
    """A loop that may add up products, in a nest whose outermost loop is `root`."""

    def __init__(self, overwrites: Overwrites, root: Op, loop: Op, matrices: Matrices) -> None:
        super().__init__(overwrites, root, loop)
        self.sums: set[Value] = set()  # what is added to: numbers, and versions of arrays
        self.matrices = matrices

    def products(self) -> tuple[list[Op], dict[Value, Value]]:
        """What stands in place of the loop, and what becomes of its results."""
        trips = self.affine.form(self.loop.operands[1]) - self.affine.form(self.loop.operands[0])
        if not trips.terms and trips.constant < SHORT:
            raise NoProduct
        body, slots = loop_body(self.loop), loop_slots(self.loop)
        self.sums.update(parameter for _, parameter, _, _ in slots)
        if any(ty.is_array(p.type) and self.structure.is_mixed(p) for p in self.sums):
            raise NoProduct
        self.find_varying(body)
        with Builder(self.loop.location) as builder:
            ends = self.one_trip(builder, body)
        if not self.matrices.known:
            raise NoProduct
        starts = {parameter: initial for initial, parameter, _, _ in slots}
        made = substitute(Block((), tuple(builder.ops), ends), starts)
        if self.inside(trips) and not all(map(self.is_there, ops_within(body))):
            made = self.where_it_runs(made, tuple(starts.values()))
        results = dict(zip((result for *_, result in slots), made.results, strict=True))
        return list(made.ops), results

    def is_there(self, op: Op) -> bool:
        """Whether the element of a store exists where the loop makes no trip, as in the first row of a triangle."""
        return op.primitive != "store" or self.affine.is_in_range(op.operands[0], indices_of(op))

    def where_it_runs(self, made: Block, starts: tuple[Value, ...]) -> Block:
        """What is made, where the loop makes a trip; else what it starts from."""
        with Builder(self.loop.location) as builder:
            results = tuple(Value(v.name, v.type) for v in starts)
            builder.where_it_runs(self.loop, made, starts, results)
        return builder.block((), results)

    def find_varying(self, block: Block) -> None:
        """Find what is added to, and what else differs from trip to trip."""
        for op in block.ops:
            if op.primitive == "for":
                if not is_plain_loop(op) or op.operands[2] in self.varying:
                    raise NoProduct
                for initial, parameter, _, result in loop_slots(op):
                    if initial not in self.sums:
                        raise NoProduct
                    self.sums.update((parameter, result))
                self.find_varying(loop_body(op))
            elif op.primitive == "store":
                if op.operands[0] not in self.sums or any(v in self.varying for v in indices_of(op)):
                    raise NoProduct
                self.sums.add(op.result)
            elif op.primitive == "require":
                if op.operands[0] in self.varying:
                    raise NoProduct
            elif op.primitive not in PURE and op.primitive not in REGISTRY:
                raise NoProduct
            elif any(v in self.varying or v in self.sums for v in op.operands):
                self.varying.update(op.results)

    # --------------------------------------------------------------------------------- one trip with the products

    def one_trip(self, builder: Builder, block: Block) -> tuple[Value, ...]:
        """Append a trip that adds elements of products instead of products of elements; gives what it yields."""
        for op in block.ops:
            if op.primitive == "for":
                body = loop_body(op)
                self.inner.append(op)
                operands = (*self.stretched(builder, op), *op.operands[2:])
                with Builder(op.location) as inside:
                    ends = self.one_trip(inside, body)
                self.inner.pop()
                builder.append(replace(op, operands=operands, regions=(inside.block(body.parameters, ends),)))
            elif op.primitive == "store":
                total = self.total(builder, op.operands[-1], op)
                builder.append(replace(op, operands=(*op.operands[:-1], total)))
            elif op.primitive == "require":
                low, high, _ = self.loop.operands[:3]
                idle = builder.compare("le", high, low)
                fine = builder.emit("or", (idle, op.operands[0]), ty.boolean)
                builder.append(replace(op, operands=(fine,)))
            elif not any(v in self.varying for v in op.results):
                builder.append(op)
        return tuple(v if ty.is_array(v.type) else self.total(builder, v, None) for v in block.results)

    def stretched(self, builder: Builder, op: Op) -> tuple[Value, Value]:
        """The range of a loop in the summed one, from the lowest to the highest that it reaches in any trip."""
        low, high = op.operands[:2]
        if low not in self.varying and high not in self.varying:
            return low, high
        self.loops = tuple(self.inner)
        ends = self.ends(self.index)
        if ends is None or not is_number(op.operands[2], 1):
            raise NoProduct
        forms = [
            form.replaced(self.index, ends[(form.coefficient(self.index) > 0) == top])
            for form, top in ((self.affine.form(low), False), (self.affine.form(high), True))
        ]
        start, stop = map(self.affine.form, self.loop.operands[:2])
        excess = forms[1] - forms[0] - (stop - start)
        if (
            excess.terms
            or excess.constant > 0
            or any(v in self.varying for form in forms for v, _ in form.terms)
        ):
            raise NoProduct  # where the summed loop makes no trip, this one might
        first, last = (emitted_with_shapes(builder, form, self.affine) for form in forms)
        return first, last

    def total(self, builder: Builder, value: Value, store: Op | None) -> Value:
        """A sum to which the trip adds, as it is behind the last trip."""
        starts: list[Value] = []
        terms = self.terms(value, store, starts)
        if len(starts) != 1:
            raise NoProduct
        total = starts[0]
        if store is not None:
            total = builder.emit("load", store.operands[:-1], total.type)
        for term in terms:
            element = self.element(builder, term, total.type)
            for factor in term.times:
                element = builder.emit("mul", (factor, element), total.type)
            for divisor in term.over:
                element = builder.emit("div", (element, divisor), total.type)
            total = builder.emit("sub" if term.negative else "add", (total, element), total.type)
        return total

    def terms(self, value: Value, store: Op | None, starts: list[Value]) -> list[Term]:
        """What is added to a sum; `starts` gets what it is added to: a number, or the element that is stored."""
        if store is None and value in self.sums:
            starts.append(value)
            return []
        made = self.structure.maker.get(value)
        if made is None or value not in self.varying or made.regions:
            raise NoProduct
        match made.primitive, made.operands:
            case "load", (array, *where) if store is not None and array is store.operands[0]:
                if same_place(tuple(where), indices_of(store)):
                    starts.append(value)
                    return []
                return self.monomials(value)
            case "add", (a, b):
                return self.terms(a, store, starts) + self.terms(b, store, starts)
            case "sub", (a, b):
                mine = self.terms(a, store, starts)
                return mine + [replace(t, negative=not t.negative) for t in self.monomials(b)]
            case _:
                return self.monomials(value)

    def monomials(self, value: Value) -> list[Term]:
        """A value as a sum of products."""
        if value not in self.varying:
            return [Term(times=(value,))]
        made = self.structure.maker[value]
        match made.primitive, made.operands:
            case "load", (array, *_) if array not in self.sums or self.overwrites.original(made) is not None:
                return [Term((made,))]
            case "neg", (a,):
                return [replace(t, negative=not t.negative) for t in self.monomials(a)]
            case "add", (a, b):
                return self.monomials(a) + self.monomials(b)
            case "sub", (a, b):
                return self.monomials(a) + [replace(t, negative=not t.negative) for t in self.monomials(b)]
            case "mul", (a, b):
                left, right = self.monomials(a), self.monomials(b)
                if len(left) == 1 or len(right) == 1:
                    return [x.product(y) for x in left for y in right]
            case "div", (a, b) if b not in self.varying:
                return [t.product(Term(over=(b,))) for t in self.monomials(a)]
        raise NoProduct

    def element(self, builder: Builder, term: Term, type: ty.Type) -> Value:
        """The element of a product that the trips add up."""
        if len(term.loads) != 2 or any(load.result.type != type for load in term.loads):
            raise NoProduct
        if not ty.is_float(type) or any(f.type != type for f in (*term.times, *term.over)):
            raise NoProduct
        # The index of the innermost loop goes along the rows of the product.
        first, second = sorted(term.loads, key=self.depth)
        around = max((self.structure.around[load] for load in term.loads), key=len)
        self.loops = tuple(loop for loop in around[around.index(self.root) :] if loop is not self.loop)
        triangle = self.triangle(first, second)
        if triangle is not None and triangle.load is second:
            first, second = second, first
        left, right = self.factor(first, triangle), self.factor(second, triangle)
        shared = 0 if triangle is not None else shared_axes(first, second)
        axes = [(first, n) for n in left.free] + [(second, n) for n in right.free[shared:]]
        self.check_loops([self.affine.form(indices_of(load)[n]) for load, n in axes])
        if shared:
            return self.matrices.element_of_stacks(builder, left, right, first, second)
        if triangle is not None:
            return self.matrices.element(builder, triangle.row, left, right, first, second)
        left, right = self.widened(left, right)
        return self.matrices.element(builder, "matmul", left, right, first, second)


__all__ = ["multiply_matrices"]
