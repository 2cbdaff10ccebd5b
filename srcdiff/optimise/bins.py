"""Search for the one trip that an element belongs to where every trip of a loop tests all of them.

    for i in range(bins):                      for k in range(n):
        low, high = a * i, a * (i + 1)             i = int((x[k] - first) * scale)
        s = 0.0                                    while i > 0 and not a * i <= x[k]:
        for k in range(n):                             i -= 1
            if low <= x[k] and x[k] < high:        while i < bins - 1 and not x[k] < a * (i + 1):
                s += y[k]             ->               i += 1
        total += f(s)                              if a * i <= x[k] and x[k] < a * (i + 1):
                                                       sums[i] += y[k]
                                               for i in range(bins):
                                                   total += f(sums[i])

What took as many tests as there are bins takes a few; in the adjoint as well, which has the loops of the function.
Where each interval begins at the end of the one before and the ends go one way, an element is in one interval at most:
rounding keeps the order of what is multiplied, divided or moved by one number, and what the same operations make of
`i + 1` is the same number. The first guess is right but for rounding where the ends are evenly spaced, which such
operations make them; from any other guess the two loops go to the same place. Every sum gets the same terms in the
same order. Reads: structure, affine forms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ..analysis.affine import Affine, Linear
from ..ir import types as ty
from ..ir.builder import Builder, constant, zero
from ..ir.core import Block, Function, Op, Value, is_number, loop_body, loop_slots
from ..ir.walk import defined_in, ops_of, rename_op, substitute
from ..ir.walk import exchanged as with_ops
from .distribute import distributed
from .interchange import Interchange, is_plain_loop

FEW = 8  # trips: so few tests cost no more than a search
MOVED = ("add", "sub", "mul", "div")
TINY = {ty.float32: 1e-30, ty.float64: 1e-300}  # no width of an interval


def search_bins(function: Function) -> Function:
    """Search in the nests of a function that test all elements in all trips."""
    seen: set[Op] = set()
    while True:
        op = next((op for op in function.body.ops if op not in seen and op.primitive == "for"), None)
        if op is None:
            return function
        seen.add(op)
        body = searched(function.body, op)
        function = function if body is None else replace(function, body=body)


@dataclass(frozen=True, eq=False)
class Test:
    """Whether a trip of the inner loop does something: `lower` and `upper` compare `element` with the ends."""

    op: Op
    lower: Op
    upper: Op
    element: Value


def searched(body: Block, outer: Op) -> Block | None:
    """The body with a search in place of the tests in a nest; None where there is nothing to search for."""
    inner = inner_loop(outer)
    if inner is None:
        return None
    makers = {result: op for op in loop_body(inner).ops for result in op.results}
    interchange = Interchange(body, set())
    test = next((t for t in tests(makers) if is_idle_without(loop_body(inner), makers, t.op.result)), None)
    if test is None or not are_disjoint(test, outer, inner, interchange.affine):
        return None
    marked = replace(test.op, attributes={"searched": True})
    body = with_ops(body, {test.op: [marked]})
    outer = next(op for op in body.ops if marked in ops_of(op))
    interchange = Interchange(body, set())
    nest = interchange.taken_apart(outer, inner_loop(outer))
    if nest is None or not interchange.numbers_stay(nest) or not interchange.is_in_order(nest):
        return None
    emitted, renames = distributed(nest, interchange.affine, interchange.keeps_to_itself)
    ops: list[Op] = []
    for op in emitted:
        over = next((x for x in loop_body(op).ops if x.regions), None) if op.primitive == "for" else None
        if over is None or over.primitive != "for":
            ops.append(op)
            continue
        found = Search(op, over).emitted()
        if found is None:
            return None
        ops += found
    k = body.ops.index(outer)
    rest = substitute(Block((), body.ops[k + 1 :], body.results), renames)
    return Block(body.parameters, (*body.ops[:k], *ops, *rest.ops), rest.results)


def inner_loop(op: Op) -> Op | None:
    """The loop over elements of a nest whose trips might be bins."""
    if not is_plain_loop(op) or not is_number(op.operands[2], 1):
        return None
    low, high, _ = op.operands[:3]
    if low.is_constant and high.is_constant and high.constant - low.constant < FEW:
        return None
    loops = [inner for inner in loop_body(op).ops if inner.primitive == "for"]
    if len(loops) != 1 or not is_plain_loop(loops[0]) or not is_number(loops[0].operands[2], 1):
        return None
    (inner,) = loops
    varying = defined_in(loop_body(op))
    if inner.operands[0] in varying or inner.operands[1] in varying or inner.operands[1].is_constant:
        return None
    slots = loop_slots(inner)
    return inner if slots and not any(ty.is_array(p.type) for _, p, _, _ in slots) else None


def tests(makers: Mapping[Value, Op]) -> Iterator[Test]:
    """The tests of an element against two ends."""
    for op in makers.values():
        if op.primitive != "and":
            continue
        sides = [makers.get(v) for v in op.operands]
        ends = [end for side in sides if side is not None and (end := between(side)) is not None]
        if len(ends) != 2 or sides[0] is sides[1]:
            continue
        for first, second in ((0, 1), (1, 0)):
            a, from_below = ends[first]
            b, from_above = ends[second]
            # `a` is what stands on the greater side of the first comparison, and on the lesser one of the second.
            element = a.operands[from_below]
            if element is b.operands[1 - from_above] and element in makers:
                if "lt" in (less(a), less(b)):
                    yield Test(op, a, b, element)


def less(comparison: Op) -> str:
    return {"gt": "lt", "ge": "le"}.get(comparison.primitive, comparison.primitive)


def between(comparison: Op) -> tuple[Op, int] | None:
    """A comparison of floats, and which of its operands is the greater one."""
    if comparison.primitive not in ("lt", "le", "gt", "ge"):
        return None
    if not all(ty.is_float(v.type) for v in comparison.operands):
        return None
    return comparison, int(comparison.primitive in ("lt", "le"))


def is_idle_without(body: Block, makers: Mapping[Value, Op], test: Value) -> bool:
    """Whether a trip passes on all that it carries where a test fails."""

    def left(value: Value) -> Value:
        op = makers.get(value)
        if op is None:
            return value
        if op.primitive == "select" and op.operands[0] is test:
            return left(op.operands[2])
        if op.primitive == "if" and op.operands[0] is test:
            return left(op.regions[1].results[op.results.index(value)])
        if op.primitive == "cast_int" and op.operands[0] is test:
            return zero(op.result.type)
        if op.primitive == "add" and ty.is_integer(op.result.type):
            a, b = map(left, op.operands)
            return a if is_number(b, 0) else b if is_number(a, 0) else value
        return value

    return all(left(y) is p for p, y in zip(body.parameters[1:], body.results, strict=True))


def are_disjoint(test: Test, outer: Op, inner: Op, affine: Affine) -> bool:
    """Whether each interval begins where the one before ends, and the ends go one way."""
    body = loop_body(outer)
    index = body.parameters[0]
    varying = defined_in(body)
    makers = {
        result: op for op in (*body.ops, *loop_body(inner).ops) if op is not inner for result in op.results
    }
    low, high = (next(v for v in op.operands if v is not test.element) for op in (test.lower, test.upper))

    def is_next(high: Value, low: Value) -> bool:
        """Whether `high` is in each trip what `low` is in the next one."""
        if high.type != low.type:
            return False
        if ty.is_integer(high.type):
            return affine.form(high) == affine.form(low).replaced(index, Linear(((index, 1),), 1))
        if high not in varying or low not in varying:
            return high is low or (high.is_constant and low.is_constant and high.constant == low.constant)
        a, b = makers.get(high), makers.get(low)
        if a is None or b is None or a.primitive != b.primitive or a.attributes != b.attributes:
            return False
        if a.primitive not in (*MOVED, "neg", "cast"):
            return False
        return all(map(is_next, a.operands, b.operands))

    def goes_one_way(value: Value) -> bool:
        """Whether a number of a trip goes up with the index, or down, but for numbers that are none."""
        if ty.is_integer(value.type):
            return all(v is index or v not in varying for v, _ in affine.form(value).terms)
        op = makers.get(value)
        if op is None or op.primitive not in (*MOVED, "neg", "cast"):
            return False
        moving = [v for v in op.operands if v in varying]
        is_divisor = op.primitive == "div" and op.operands[1] in varying
        return len(moving) == 1 and not is_divisor and goes_one_way(moving[0])

    return goes_one_way(low) and is_next(high, low)


class Search:
    """A loop `over` bins inside of one over elements, and the search that takes its place."""

    def __init__(self, elements: Op, over: Op) -> None:
        self.elements, self.over = elements, over
        self.body = loop_body(over)
        self.makers = {result: op for op in self.body.ops for result in op.results}

    def emitted(self) -> list[Op] | None:
        """The loop over elements, behind what the search needs; None if an end depends on the element."""
        index, *stored = self.body.parameters
        place = loop_body(self.elements).parameters[0]
        test = next(
            t
            for t in tests(self.makers)
            if t.op.attributes.get("searched") and self.needed(t.element).isdisjoint((index, *stored))
        )
        low, high = (next(v for v in op.operands if v is not test.element) for op in (test.lower, test.upper))
        if not (self.needed(low) | self.needed(high)).isdisjoint((place, *stored)):
            return None
        first, last, _ = self.over.operands[:3]
        start, stop, step, *arrays = self.elements.operands
        type = ty.promote(test.element.type, ty.promote(low.type, high.type))
        with Builder(self.over.location) as above:
            least, greatest = self.ends(above, low, high)
            count = above.emit("sub", (last, first), ty.int64)
            width = above.emit("sub", (greatest, least), type)
            width = above.emit("max", (width, constant(TINY[type], type)), type)
            scale = above.emit("div", (count, width), type)
            final = above.emit("sub", (last, constant(1, ty.int64)), ty.int64)
            runs = above.emit("lt", (first, last), ty.boolean)
            stop = above.emit("select", (runs, stop, start), ty.int64)
        with Builder(self.elements.location) as inside:
            x = self.copied(inside, test.element, {})
            along = inside.emit("mul", (inside.emit("sub", (x, least), type), scale), type)
            found = self.guess(inside, along, first, final, count)
            for side, end, by in ((test.lower, first, "sub"), (test.upper, final, "add")):
                found = self.walk(inside, side.result, {test.element: x}, found, end, by)
            held = loop_body(self.elements).parameters[1:]
            trip = substitute(
                Block((), self.body.ops, self.body.results),
                {index: found, **dict(zip(stored, held, strict=True))},
            )
            inside.ops += (replace(op, attributes={}) if op is test.op else op for op in trip.ops)
        block = inside.block((place, *held), trip.results)
        return [
            *above.ops,
            replace(self.elements, operands=(start, stop, step, *arrays), regions=(block,)),
        ]

    def ends(self, builder: Builder, low: Value, high: Value) -> tuple[Value, Value]:
        """Where the first interval begins and the last one ends."""
        first, last, step = self.over.operands[:3]
        index = Value(self.body.parameters[0].name, ty.int64)
        held = Value("first", low.type), Value("last", high.type)
        with Builder(builder.location) as inside:
            is_first = inside.emit("eq", (index, first), ty.boolean)
            begins = self.copied(inside, low, {self.body.parameters[0]: index})
            begins = inside.emit("select", (is_first, begins, held[0]), low.type)
            ends = self.copied(inside, high, {self.body.parameters[0]: index})
        results = Value("first", low.type), Value("last", high.type)
        block = inside.block((index, *held), (begins, ends))
        builder.region("for", (first, last, step, zero(low.type), zero(high.type)), (block,), results)
        return results

    def guess(self, builder: Builder, along: Value, first: Value, final: Value, count: Value) -> Value:
        """The trip at this place of the way from the first to the last one."""
        beyond = builder.emit("ge", (along, count), ty.boolean)
        behind = builder.emit("gt", (along, zero(along.type)), ty.boolean)
        near = builder.emit("add", (first, builder.emit("int", (along,), ty.int64)), ty.int64)
        near = builder.emit("select", (behind, near, first), ty.int64)
        return builder.emit("select", (beyond, final, near), ty.int64)

    def walk(
        self, builder: Builder, side: Value, known: Mapping[Value, Value], start: Value, end: Value, by: str
    ) -> Value:
        """Go on from a trip to the first one where a comparison holds, or to the end."""
        index = self.body.parameters[0]
        here, there, result = (Value(index.name, ty.int64) for _ in range(3))
        with Builder(builder.location) as condition:
            more = condition.emit("lt" if by == "add" else "gt", (here, end), ty.boolean)
            holds = self.copied(condition, side, {**known, index: here})
            fails = condition.emit("not", (holds,), ty.boolean)
            goes = condition.emit("and", (more, fails), ty.boolean)
        with Builder(builder.location) as moved:
            following = moved.emit(by, (there, constant(1, ty.int64)), ty.int64)
        regions = condition.block((here,), (goes,)), moved.block((there,), (following,))
        builder.region("while", (start,), regions, (Value("", ty.int64), result))
        return result

    def needed(self, value: Value) -> set[Value]:
        """All that a number of a trip is made of."""
        op = self.makers.get(value)
        found = {value}
        for v in op.operands if op is not None else ():
            found |= self.needed(v)
        return found

    def copied(self, builder: Builder, value: Value, known: Mapping[Value, Value]) -> Value:
        """A number of a trip, made once more of what is known."""
        names = dict(known)

        def made(value: Value) -> Value:
            op = self.makers.get(value)
            if value in names or op is None:
                return names.get(value, value)
            if op.primitive == "attach":
                return made(op.operands[0])
            for operand in op.operands:
                names[operand] = made(operand)
            builder.append(rename_op(op, names))
            return names[value]

        return made(value)


__all__ = ["search_bins"]
