"""One nest of loops as statements on whole arrays, or `StaysLoop` where it cannot be written so.

    for i in range(n):                     z[:n]  x[:n]            where it reads
        t = z[i] * x[i]             ->     z[:n] * x[:n]           a number of each trip: an array with an axis per loop
        y[i + 1] += t                      y[1:1 + n] += ...       an update
        s += t                             s + np.sum(...)         what the loop carries

The updates are written in the order of the program. Those of arrays that the nest also reads wait to its end. Where
slices may be shorter than others if some loop has no trips, the statements are under an `if` that it has some. Reads:
the nest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..analysis.affine import Linear
from ..analysis.ranges import ONE
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Op, Value, indices_of, is_number, loop_body, loop_slots, makes_zeros
from ..ir.types import Type
from .bounds import joined
from .expressions import ATOM, Axis, Elements, Expressions, trimmed
from .independence import Access, Nest, StaysLoop

if TYPE_CHECKING:
    from .vectorise import Scope


class Statements:
    """The statements of one nest of loops."""

    def __init__(self, scope: Scope, loop: Op, builder: Builder) -> None:
        self.scope, self.nest = scope, Nest(scope, loop)
        self.arrays = Expressions(builder, self.nest.ranges)
        self.current: dict[Value, Value] = {}  # the versions of arrays that the statements have made
        self.known: dict[Value, Elements] = {}
        self.late: list[tuple[Access, Elements, str]] = []
        self.taken: set[Value] = set()  # arrays that have become one that the program names
        self.guards: list[Op] = []  # loops that have trips where statements are written now
        self.inner_guards: list[Op] = []  # loops that must have trips where statements of theirs are written

    @property
    def builder(self) -> Builder:
        return self.arrays.builder

    def write(self) -> None:
        self.nest.look_at(self.nest.loop, ())
        self.nest.check_independent()
        needed = self.nest.loops_to_run()
        around_all = [loop for loop in needed if self.nest.is_around_all(loop)]
        self.inner_guards = [loop for loop in needed if loop not in around_all]
        slots = [
            slot
            for slot in loop_slots(self.nest.loop)
            if ty.is_array(slot[0].type) or self.scope.uses[slot[3]]
        ]
        initial = tuple(slot[0] for slot in slots)
        with self.running(around_all, initial) as results:
            self.loops_in_order(self.nest.loop)
            self.flush()
            results += (self.final(slot[0], slot[3]) for slot in slots)
        self.scope.became.update(zip((slot[3] for slot in slots), results, strict=True))

    def final(self, initial: Value, result: Value) -> Value:
        if ty.is_array(initial.type):
            return self.now(initial)
        if result not in self.known:
            raise StaysLoop
        return self.known[result].value

    def now(self, root: Value) -> Value:
        """The version of an array that the statements have made."""
        return self.current.get(root, root)

    @contextmanager
    def running(self, loops: Sequence[Op], before: Sequence[Value]) -> Iterator[list[Value]]:
        """Write under an `if` that says that some loops have trips; without trips, the results are as `before`."""
        results: list[Value] = []
        if not loops:
            yield results
            return
        around, known, guards = self.builder, dict(self.known), self.guards
        spans = [self.nest.ranges[loop].stop[-1] - self.nest.ranges[loop].start for loop in loops]
        runs = [
            around.compare("gt", self.scope.emitted(Linear(span.terms), around), -span.constant)
            for span in spans
        ]
        condition = joined(around, "and", runs)
        self.scope.ranges.open(span - ONE for span in spans)
        self.guards = [*guards, *loops]
        try:
            with Builder(around.location) as self.arrays.builder:
                yield results
        finally:
            self.scope.ranges.close()
        then, self.arrays.builder, self.known, self.guards = self.builder, around, known, guards
        arms = then.block((), results), Block((), (), tuple(before))
        results[:] = [Value(v.name or old.name, v.type) for v, old in zip(results, before, strict=True)]
        around.region("if", (condition,), arms, results)

    # ---------------------------------------------------------------------------------------- updates

    def loops_in_order(self, loop: Op) -> None:
        """Write the updates in the order of the program; loads are made where they are, sums where they end."""
        for op in loop_body(loop).ops:
            self.builder.location = op.location
            if op.primitive == "for":
                self.loops_in_order(op)
            elif op.primitive in ("load", "store", "accum"):
                access = next((a for a in self.nest.accesses if a.op.results == op.results), None)
                if access is None:
                    continue  # it is only added to
                if op.primitive == "load":
                    self.known[op.result] = self.loaded(access)
                else:
                    self.update(access)
        for initial, _, _, result in loop_slots(loop):
            if result in self.scope.extremes:
                self.extreme(result)
            elif not ty.is_array(initial.type) and self.scope.uses[result] and result in self.nest.sums:
                if result not in self.nest.continued:
                    self.known[result] = self.summed(result)

    def loaded(self, access: Access) -> Elements:
        array = self.now(access.root)
        axes = self.axes(access)
        loops = tuple(axis.loop for axis in axes if axis.loop is not None)
        if len(set(loops)) != len(loops):
            raise StaysLoop
        if not loops:
            return Elements(self.element(access, array), ())
        later = self.nest.accesses[self.nest.accesses.index(access) + 1 :]
        writes = [a for a in later if a.root is access.root and a.op.primitive != "load"]
        found = Elements(self.arrays.view(array, axes, loops), loops, (array, axes))
        if any(not self.nest.is_last(write) for write in writes):
            return self.arrays.copied(found)
        return found

    def element(self, access: Access, array: Value) -> Value:
        """A number that all trips read, which exists although there may be no trip."""
        for k, form in enumerate(access.forms):
            self.require_in_range(access, k, form)
        where = [self.scope.emitted(form, self.builder) for form in access.forms]
        return self.builder.emit("load", (array, *where), access.op.result.type)

    def require_in_range(self, access: Access, k: int, form: Linear) -> None:
        """Refuse where an index might not exist, which does not matter to a loop without trips."""
        if not self.nest.is_in_range(access.root, k, form):
            if not all(loop in self.guards or self.nest.runs(loop) for loop in access.loops):
                raise StaysLoop
            if not self.scope.ranges.proves(form):
                raise StaysLoop  # it would count from the end

    def axes(self, access: Access) -> tuple[Axis, ...]:
        pairs = zip(access.forms, indices_of(access.op), strict=True)
        return tuple(self.axis(access, k, form, index) for k, (form, index) in enumerate(pairs))

    def axis(self, access: Access, k: int, form: Linear, index: Value) -> Axis:
        """The subscript of an axis for all trips of the nest."""
        array = access.root
        if not self.nest.loops_in(form):
            self.require_in_range(access, k, form)
            if index in self.nest.inside:
                index = self.scope.emitted(form, self.builder)
            return Axis("{}", (index,))
        loop, c, rest = self.nest.along(form)
        span = self.nest.ranges[loop]
        if c > 0:
            start = span.start.scaled(c) + rest
            stops = [stop.scaled(c) + rest for stop in span.stop]
            return self.sliced(array, k, start, stops, c * span.step, loop)
        if c == -1 and span.step == 1:
            starts, stop = [rest - stop + ONE for stop in span.stop], rest - span.start + ONE
            found = next((s for s in starts if self.scope.ranges.proves(s)), None)
            if found is not None:
                return replace(self.sliced(array, k, found, [stop], 1, loop), is_reversed=True)
        raise StaysLoop

    def sliced(self, array: Value, k: int, start: Linear, stops: list[Linear], step: int, loop: Op) -> Axis:
        if not self.scope.ranges.proves(start):
            raise StaysLoop  # it would count from the end
        normal = self.scope.normal
        lengths = [normal(form) for form in self.nest.lengths_of(array, k)]
        values: list[Value] = []
        first = last = ""
        if start.terms:
            values.append(self.scope.emitted(start, self.builder))
            first = "{}"
        elif start.constant:
            first = str(start.constant)
        differences = (normal(stop) - length for stop in stops for length in lengths)
        beyond = [d.constant for d in differences if not d.terms]
        if any(d > 0 for d in beyond):
            raise StaysLoop
        if beyond:
            last = str(beyond[0]) if beyond[0] else ""
        else:
            end = next((stop for stop in stops if self.scope.ranges.proves(stop)), None)
            value = self.scope.emitted(stops[-1] if end is None else end, self.builder)
            if end is None:
                value = self.builder.emit("max", (value, constant(0, ty.int64)), ty.int64)
            values.append(value)
            last = "{}"
        text = f"{first}:{last}" + (f":{step}" if step != 1 else "")
        return Axis(text, tuple(values), loop, is_whole=text == ":")

    def update(self, access: Access) -> None:
        """The statement for a store or an addition, under an `if` where it needs one of its own."""
        guards = [loop for loop in access.loops if loop in self.inner_guards]
        if not guards:
            self.statement(access)
            return
        self.lower_around(access.op.operands[-1], guards)
        with self.running(guards, (self.now(access.root),)) as results:
            self.statement(access)
            results.append(self.now(access.root))
        (self.current[access.root],) = results

    def lower_around(self, value: Value, loops: Sequence[Op]) -> None:
        """Lower the parts of a value that some loops do not compute, for others to use as well."""
        made = self.nest.maker(value)
        if made is None or made.primitive == "for" or value in self.known:
            return
        if not any(loop in self.nest.structure.home[value] for loop in loops):
            self.lowered(value)
            return
        for operand in made.operands:
            self.lower_around(operand, loops)

    def statement(self, access: Access) -> None:
        op = access.op
        value, sign = op.operands[-1], access.sign
        if access.adds:
            made = self.nest.maker(value)
            if made is not None and made.primitive == "neg":
                value, sign = made.operands[0], "-" if sign == "+" else "+"
        loops = tuple(loop for form in access.forms for loop in self.nest.loops_in(form))
        over = tuple(loop for loop in access.loops if loop not in loops)
        elements = self.reduced(value, over) if access.adds else self.lowered(value)
        if any(loop in over for loop in elements.axes):
            raise StaysLoop
        is_read = any(a.root is access.root and a.op.primitive == "load" for a in self.nest.accesses)
        if is_read and self.nest.is_last(access):
            if any(loop in self.inner_guards for loop in self.guards):
                raise StaysLoop
            self.late.append((access, elements, sign))
        else:
            self.put(access, elements, sign)

    def flush(self) -> None:
        """Write what has waited until everything else has been read."""
        late = self.late
        for k, (access, elements, sign) in enumerate(late):
            if len(late) > 1 and elements.place is not None and elements.axes:
                late[k] = access, self.arrays.copied(elements), sign
        for access, elements, sign in late:
            self.put(access, elements, sign)

    def put(self, access: Access, elements: Elements, sign: str) -> None:
        op, root = access.op, access.root
        array = self.now(root)
        axes = self.axes(access)
        loops = tuple(axis.loop for axis in axes if axis.loop is not None)
        if len(set(loops)) != len(loops) or any(axis.is_reversed for axis in axes):
            raise StaysLoop
        elements = self.arrays.cast(elements, root.type.dtype)
        if not loops:
            index = tuple(value for axis in axes for value in axis.values)
            value = self.signed(elements.value, sign)
            self.current[root] = self.updated(op, array, index, value, {})
            return
        whole = all(axis.is_whole for axis in axes)
        if whole and self.becomes(access, elements, loops, sign):
            return
        value = self.arrays.aligned(elements, loops) if elements.axes else elements.value
        part = ", ".join(trimmed([axis.text for axis in axes])) or ("" if access.adds else ":")
        value = self.signed(value, sign)
        values = tuple(v for axis in axes for v in axis.values)
        self.current[root] = self.updated(op, array, values, value, {"slices": part})

    def signed(self, value: Value, sign: str) -> Value:
        """The value or, in a form that is printed as `-=`, its negative."""
        return self.builder.emit("neg", (value,), value.type) if sign == "-" else value

    def updated(
        self, op: Op, array: Value, where: tuple[Value, ...], value: Value, attributes: dict[str, Any]
    ) -> Value:
        name = op.result.name
        return self.builder.emit(op.primitive, (array, *where, value), array.type, attributes, name)

    def becomes(self, access: Access, elements: Elements, loops: tuple[Op, ...], sign: str) -> bool:
        """Let an array that has nothing in it yet be the elements themselves."""
        op, root = access.op, access.root
        made = self.scope.allocated.get(root)
        if self.guards or made is None or root in self.current or not self.nest.is_last(access):
            return False
        if access.adds and not makes_zeros(made) or self.scope.uses[root] != 1:
            return False
        if made.attributes.get("tape") and len(loops) != root.type.ndim:
            return False
        if not elements.axes:
            if made.primitive == "alloc":
                return False
            like = made.operands[0]
            value = self.signed(elements.value, sign)
            self.current[root] = self.arrays.numpy(
                "np.full_like({}, {})", (like, value), root.type, name=self.nest.names.get(root, root.name)
            )
            return True
        if set(elements.axes) != set(loops):
            return False
        if elements.axes != loops:
            elements = Elements(self.arrays.aligned(elements, loops), loops, elements.place)
        if sign == "-":
            elements = self.arrays.combined("neg", (elements,), ty.element(elements.value.type))
        name = self.nest.names.get(root, root.name)
        if elements.place is None and elements.value not in self.taken:
            for k, maker in enumerate(self.builder.ops):
                if maker.results == (elements.value,) and not maker.attributes.get("view"):
                    named = Value(name, elements.value.type)
                    self.builder.ops[k] = replace(maker, results=(named,))
                    self.scope.became[elements.value] = named
                    self.current[root] = elements.value
                    self.taken.add(elements.value)
                    return True
        source = self.held_by(op.operands[-1], elements)
        if not name and source is not None and self.is_only_read(root) and not self.is_written(source):
            self.current[root] = elements.value
            return True
        copy = self.arrays.numpy("{}.copy()", (elements.value,), root.type, ATOM, (ATOM,), name=name)
        self.current[root] = copy
        return True

    def held_by(self, value: Value, elements: Elements) -> Value | None:
        """The array, as it was before the nest, that these elements are all of."""
        if elements.place is not None:
            if elements.value is not elements.place[0]:
                return None  # only a part of it
            made = self.nest.maker(value)
            is_load = made is not None and made.primitive == "load"
            return self.nest.root(made.operands[0]) if made is not None and is_load else None
        return next((root for root, now in self.current.items() if now is elements.value), None)

    def is_written(self, root: Value) -> bool:
        return self.nest.after(root) in self.scope.written

    def is_only_read(self, root: Value) -> bool:
        """Whether an array is not written after the nest, nor a result of the function."""
        return not self.is_written(root) and self.nest.after(root) not in self.scope.results

    # ----------------------------------------------------------------------------------------- values

    def lowered(self, value: Value) -> Elements:
        """A number of each trip, as an array."""
        if value not in self.known:
            self.known[value] = self.lower(value)
        return self.known[value]

    def lower(self, value: Value) -> Elements:
        if value.is_constant or value not in self.nest.inside:
            return Elements(value, ())
        if value in self.nest.index:
            return self.indices(self.nest.index[value])
        made = self.nest.maker(value)
        if made is None:
            raise StaysLoop
        if made.primitive == "for" and value in self.nest.sums:
            return self.summed(value)
        if made.primitive == "if":
            then, otherwise = (region.results[made.results.index(value)] for region in made.regions)
            return self.chosen(made.operands[0], then, otherwise, value.type)
        if made.primitive == "shape":
            array = made.operands[0]
            root = self.nest.root(array)
            return Elements(self.builder.emit("shape", (root,), ty.int64, made.attributes), ())
        if made.primitive == "select":
            condition, a, b = made.operands
            return self.chosen(condition, a, b, value.type)
        parts = [self.lowered(x) for x in made.operands]
        if not any(part.axes for part in parts):
            if made.primitive in ("floordiv", "mod") and ty.is_integer(value.type):
                raise StaysLoop
            operands, results = tuple(part.value for part in parts), (Value(value.name, value.type),)
            self.builder.append(replace(made, operands=operands, results=results))
            return Elements(results[0], ())
        if made.primitive in ("cast", "int", "cast_int", "bool"):
            return self.arrays.cast(parts[0], value.type)
        return self.arrays.elementwise(made, parts, made.result.name if self.scope.uses[value] > 1 else "")

    def indices(self, loop: Op) -> Elements:
        """The indices of a loop as numbers."""
        span = self.nest.ranges[loop]
        if self.nest.loops_in(span.start) or self.nest.loops_in(span.stop[0]):
            raise StaysLoop
        ends = [self.scope.emitted(span.stop[0], self.builder)]
        if span.start.terms or span.start.constant or span.step != 1:
            ends.insert(0, self.scope.emitted(span.start, self.builder))
        text = ", ".join(["{}"] * len(ends)) + (f", {span.step}" if span.step != 1 else "")
        return Elements(self.arrays.numpy(f"np.arange({text})", tuple(ends), ty.array(ty.int64, 1)), (loop,))

    def chosen(self, condition: Value, a: Value, b: Value, type: Type) -> Elements:
        parts = [self.lowered(x) for x in (condition, a, b)]
        if not parts[0].axes:
            raise StaysLoop
        return self.arrays.chosen(parts, type)

    # ------------------------------------------------------------------------------------------- sums

    def summed(self, result: Value) -> Elements:
        """What a loop has summed."""
        if result in self.known:
            return self.known[result]
        initial, terms = self.nest.sums[result]
        total = Elements(initial, ()) if not is_number(initial, 0) else None
        if total is not None and initial in self.nest.inside:
            total = self.lowered(initial)
        if any(loop in self.inner_guards for term in terms for loop in term.over):
            raise StaysLoop  # nothing but an update has an `if` of its own
        for term in terms:
            sign = term.sign
            part = self.reduced(term.value, term.over)
            if ty.element(part.value.type) != result.type:
                raise StaysLoop
            if total is None:
                total = part if sign > 0 else self.arrays.combined("neg", (part,), result.type)
            else:
                total = self.arrays.combined("add" if sign > 0 else "sub", (total, part), result.type)
        if total is None:
            total = Elements(initial, ())
        if terms and not total.axes and result.name:
            last = self.builder.ops[-1]
            if last.results == (total.value,):
                total = Elements(Value(result.name, result.type), ())
                self.builder.ops[-1] = replace(last, results=(total.value,))
        self.known[result] = total
        return total

    def extreme(self, result: Value) -> None:
        """The largest or smallest of all elements, NaN if one of them is."""
        fold = self.scope.extremes[result]
        part = self.lowered(fold.element)
        if set(part.axes) != set(fold.loops) or not all(map(self.nest.runs, fold.loops)):
            raise StaysLoop  # of no elements there is no largest one, but `fold.initial`
        largest = self.arrays.numpy(f"np.{fold.name}({{}})", (part.value,), result.type, name=result.name)
        self.known[result] = Elements(largest, ())

    def reduced(self, value: Value, over: tuple[Op, ...]) -> Elements:
        """The sum of a number over trips of some loops."""
        if not over:
            return self.lowered(value)
        counted = self.counted(value, over)
        if counted is not None:
            return counted
        product = self.contracted(value, over)
        if product is not None:
            return product
        part = self.lowered(value)
        if not set(over) <= set(part.axes):
            raise StaysLoop  # times the number of trips: not the same for what is infinite
        return self.arrays.summed(part, over)

    def counted(self, value: Value, over: tuple[Op, ...]) -> Elements | None:
        """How often something holds."""
        made = self.nest.maker(value)
        if made is None or made.primitive not in ("cast", "int", "cast_int") or value.type != ty.int64:
            return None
        part = self.lowered(made.operands[0])
        if not ty.is_boolean(ty.element(part.value.type)) or set(part.axes) != set(over):
            return None
        return Elements(self.arrays.numpy("np.count_nonzero({})", (part.value,), ty.int64), ())

    def factors(self, value: Value) -> list[Value]:
        made = self.nest.maker(value)
        if made is None or made.primitive != "mul" or value.type != made.operands[0].type:
            return [value]
        if made.operands[1].type != value.type:
            return [value]
        return [
            factor for x in made.operands for factor in (self.factors(x) if self.scope.uses[x] == 1 else [x])
        ]

    def contracted(self, value: Value, over: tuple[Op, ...]) -> Elements | None:
        """A sum of products of two factors that share nothing but the loop summed over, as `@`."""
        if len(over) != 1 or not (ty.is_float(value.type) or ty.is_complex(value.type)):
            return None
        (loop,) = over
        parts = [self.lowered(x) for x in self.factors(value)]
        if any(ty.element(part.value.type) != value.type for part in parts):
            return None
        return self.arrays.contracted(parts, loop, value.type)


__all__ = ["Statements"]
