"""`for` and `while`: what they run over, which names they carry, and when they are read trip by trip.

for k in range(n): ...            a loop with the range as its bounds
for w, b in layers: ...           each trip by itself, since the items may differ in type
for k in checkpoint(range(n)):    a loop over segments around the loop over the trips of one
for i, j in np.ndindex(n, m):     a loop over each range, one inside the other

Where a trip leaves something of another kind in a name than was there before the loop, and a later trip reads it, the
first trip is read apart, before a loop over the others:

    best = None                                best = None
    for x in xs:                               if len(xs) > 0:
        if best is None or x < best:     ->        best = xs[0]
            best = x                               for x in xs[1:]:
                                                       if x < best: best = x
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..ir import types as ty
from ..ir.builder import constant
from ..ir.core import Value
from ..ir.operators import current_builder
from ..ir.walk import free_values_of
from .assignments import Assignments
from .canonicalise import assigned_names, count_reads, names_stored_into, read_names
from .library.builtin import range_length
from .library.structures import has_items, is_dict, known_items, known_range
from .list_names import lists_in
from .loop_join import Differs, LoopParts
from .scope import ReadAgain
from .searches import halves_bracket
from .texts import makes_text
from .things import ArrayView, Growing, ListItems, Nested, Poison, Range, Segmented, is_number


class LoopStatements(Assignments):
    """Reads loops."""

    def __init__(self) -> None:
        super().__init__()
        # Loops whose first trip is read apart, each with what it binds and is read behind it.
        self.first_trips: dict[Any, str] = {}
        # Loops over a few numbers: those whose trips are read one by one, and those that are read as loops now.
        self.one_by_one: set[Any] = set()
        self.over_few: list[tuple[int, Any]] = []

    def for_statement(self, node: ast.For) -> None:
        self.iterated += [(self.frame, name) for name in lists_in(node.iter)]
        over = self.expression(node.iter)
        self.in_loops.append(over)
        try:
            self.loop_over(over, node)
        finally:
            self.in_loops.pop()
            del self.iterated[len(self.iterated) - len(lists_in(node.iter)) :]

    def loop_over(self, over: Any, node: ast.For) -> None:
        items = self.written_out(over)
        if items is None and isinstance(over, Range) and self.picks_parts(node):
            items = known_range(over)
        few = known_items(self, over, numbers=True) if items is None else None
        if few is not None and self.site(node) in self.one_by_one:
            items = few
        if items is not None:
            self.unrolled(node, items)
            return
        if few is not None:
            self.over_few.append((len(self.loops), self.site(node)))
        try:
            self.made_loop(over, node)
        finally:
            if few is not None:
                self.over_few.pop()

    def write_out_loops(self, depth: int) -> None:
        sites = {site for around, site in self.over_few if around >= depth}
        if not sites <= self.one_by_one:
            self.one_by_one |= sites
            raise ReadAgain

    def made_loop(self, over: Any, node: ast.For) -> None:
        """A loop of the IR."""
        assigned = self.rebound([node])
        stop: str = getattr(node, "stop", "")
        assigned = [name for name in assigned if name != stop]
        parts = LoopParts(
            lambda: self.statements(node.body),
            assigned,
            stop,
            self.exposed(node),
            bind=lambda index: self.bind_target(node.target, index),
            site=self.site(node),
            behind=lambda: self.mark_bisection(node),
        )
        if isinstance(over, Segmented):
            self.segmented(over, parts)
            return
        if isinstance(over, Nested) and not parts.stop:
            self.one_inside_the_other(over, parts)
            return
        if isinstance(over, Nested) and over.rises:
            self.refuse(
                "`break` or `return` in a loop over combinations",
                instead="loops one inside the other",
                node=node,
            )
        bounds, item = self.bounds_and_items(self.settled_iterable(over))
        bind = lambda index: self.bind_target(node.target, item(index))  # noqa: E731
        self.loop(replace(parts, bounds=bounds, bind=bind))

    def bounds_and_items(self, over: Any) -> tuple[tuple[Value, Value, Value], Callable[[Value], Any]]:
        """The range of a loop over something, and what it comes to at an index."""
        if isinstance(over, Range):
            return self.range_of(over), self.as_weak
        length, item = self.iteration(over)
        return (constant(0, ty.int64), self.as_value(length, ty.int64), constant(1, ty.int64)), item

    def unrolled(self, node: ast.For, items: tuple[Any, ...]) -> None:
        """A loop over known items: they may differ in type, so each trip is read by itself."""
        if len(items) > 64:
            self.refuse(f"a loop over {len(items)} items written out", instead="an array")
        stop: str = getattr(node, "stop", "")

        def trips(k: int) -> None:
            if k == len(items):
                return
            self.bind_target(node.target, items[k])
            if stop:
                self.frame.env[stop] = False
            self.statements(node.body)
            self.unless(self.frame.env.get(stop, False), lambda: trips(k + 1))

        trips(0)

    def segmented(self, over: Segmented, parts: LoopParts) -> None:
        """A loop over segments around the loop over the trips of one."""
        if parts.stop:
            self.refuse(
                "`break` or `return` in a loop with `checkpoint`", instead="a condition around its body"
            )
        start, stop, step = self.range_of(over.of)
        span = self.as_value(self.scalar("mul", over.every, step), ty.int64)
        bounds, index = (start, stop, span), "first"
        if not span.is_constant:
            # A range with a step that is not known is reversed by the number of the trip.
            length = self.scalar("add", range_length(self, over.of), self.scalar("sub", over.every, 1))
            segments = self.as_value(self.scalar("floordiv", length, over.every), ty.int64)
            bounds, index = (constant(0, ty.int64), segments, constant(1, ty.int64)), "segment"
        current: list[Value] = []

        def segment() -> None:
            first = current[-1]
            if not span.is_constant:
                first = self.as_value(self.scalar("add", start, self.scalar("mul", first, span)), ty.int64)
            beyond = self.scalar("add", first, span)
            end = self.as_value(self.scalar("min" if step.constant > 0 else "max", beyond, stop), ty.int64)
            self.loop(replace(parts, bounds=(first, end, step), behind=lambda: None))

        around = replace(parts, body=segment, bounds=bounds, bind=current.append, index=index)
        self.loop(replace(around, checkpoint=True))

    def one_inside_the_other(self, over: Nested, parts: LoopParts) -> None:
        """A loop over each of several things, of which the innermost one binds where all of them are."""
        spans = [self.bounds_and_items(thing) for thing in over.of]
        at: dict[int, Any] = {}
        indices: dict[int, Value] = {}

        def bind(k: int, index: Value) -> None:
            indices[k], at[k] = index, spans[k][1](index)

        def inside(k: int) -> None:
            if k == len(spans):
                assert parts.bind is not None
                parts.bind(self.item_of_nested(over, tuple(at[j] for j in range(k))))
                parts.body()
                return
            start, stop, step = spans[k][0]
            if over.rises and k:
                start = self.as_value(self.scalar("add", indices[k - 1], step), ty.int64)
            self.loop(
                replace(
                    parts,
                    body=lambda: inside(k + 1),
                    bounds=(start, stop, step),
                    bind=functools.partial(bind, k),
                    behind=(lambda: None) if k else parts.behind,
                    index="ijkl"[k : k + 1],
                )
            )

        inside(0)

    def while_statement(self, node: ast.While) -> None:
        assigned = self.rebound(node.body)
        stop: str = getattr(node, "stop", "")

        def condition() -> Value:
            self.current_node = node.test
            test = self.expression(node.test)
            known = self.known_truth(test)
            return constant(known, ty.boolean) if known is not None else self.truth(test)

        test_names = read_names([ast.copy_location(ast.Expr(node.test), node)])
        self.loop(
            LoopParts(
                lambda: self.statements(node.body),
                [name for name in assigned if name != stop],
                stop,
                self.exposed(node) | {name for name in test_names if name in assigned},
                condition=condition,
                site=self.site(node),
                behind=lambda: self.mark_bisection(node),
            )
        )

    # ------------------------------------------------------------------------------------- first trips

    def site(self, node: ast.stmt) -> Any:
        return self.frame.source.function.__code__, self.frame.path, node.lineno, node.col_offset

    def read_first_trip_apart(self, poison: Poison, name: str) -> None:
        inside = any(poison is thing for *_, widened in self.loops for thing in widened.values())
        known = self.first_trips.get(poison.loop)
        found = known or ("" if inside else name)
        if found != known:
            self.first_trips[poison.loop] = found
            raise ReadAgain

    def loop(self, parts: LoopParts) -> None:
        if parts.checkpoint or parts.site not in self.first_trips:
            super().loop(parts)
            parts.behind()
            return
        env, memory = dict(self.frame.env), dict(self.memory)
        times = [(made, dict(made.times)) for made in self.frame.lists.values()]
        try:
            super().loop(replace(parts, apart=True))
            parts.behind()  # its first trip is like the others in this place of the program
            return
        except Differs:
            self.frame.env, self.memory = env, memory
            for made, seen in times:
                made.times = seen
        runs, first, others = self.divided(parts)
        trips = functools.partial(self.first_and_others, first, others)
        if runs is True:
            trips()
        elif runs is not False and self.first_trips[parts.site]:
            name = self.first_trips[parts.site]
            message = f"a loop makes no trip, so that `{name}` stays what it was before it"
            self.require(runs, "ValueError", message)
            trips()
        elif runs is not False:
            self.branch(self.as_value(runs), trips, lambda: None)
            for name in parts.assigned:
                thing = self.frame.env.get(name)
                if isinstance(thing, Poison):
                    self.frame.env[name] = replace(thing, loop=parts.site)

    def divided(self, parts: LoopParts) -> tuple[Any, LoopParts, LoopParts]:
        """Whether a loop makes a trip, its first trip, and the loop over the others."""
        others = replace(parts, site=None, before="after the first trip of this loop")
        if parts.bounds is None:
            assert parts.condition is not None
            holds = parts.condition()
            return holds.constant if holds.is_constant else holds, parts, others
        start, stop, step = (bound.constant if bound.is_constant else bound for bound in parts.bounds)
        if is_number(step):
            runs = self.scalar("gt", *((stop, start) if step > 0 else (start, stop)))
        else:
            runs = self.scalar("gt", range_length(self, Range(start, stop, step)), 0)
        second = self.scalar("add", start, step)
        bind = parts.bind
        first = replace(parts, bind=None if bind is None else lambda _: bind(start))
        return runs, first, replace(others, bounds=self.range_of(Range(second, stop, step)))

    def first_and_others(self, first: LoopParts, others: LoopParts) -> None:
        if first.stop:
            self.frame.env[first.stop] = False
        if first.bind is not None:
            first.bind(None)
        first.body()
        self.unless(self.frame.env.get(first.stop, False), lambda: self.loop(others))

    def unless(self, stopped: Any, then: Callable[[], None]) -> None:
        """Go on, unless a `break` or `return` has been met."""
        if self.dead or stopped is True:
            return
        if stopped is False:
            then()
        else:
            self.branch(stopped, lambda: None, then)

    def picks_parts(self, node: ast.For) -> bool:
        """Whether the index of a loop is one into items of known number that are no numbers: `Ws[k]`, `p.layers[k]`,
        `p["W" + str(k)]`."""
        index = {name.id for name in ast.walk(node.target) if isinstance(name, ast.Name)}
        for inner in (n for statement in node.body for n in ast.walk(statement)):
            if isinstance(inner, ast.Subscript) and not index.isdisjoint(read_names([ast.Expr(inner.slice)])):
                whole: ast.expr = inner.value
                while isinstance(whole, (ast.Subscript, ast.Attribute)):
                    whole = whole.value
                thing = self.frame.visible.get(whole.id) if isinstance(whole, ast.Name) else None
                if has_items(thing) or is_dict(thing):
                    return True
            if isinstance(inner, ast.Assign) and makes_text(inner.value):
                if not index.isdisjoint(read_names([ast.Expr(inner.value)])):
                    return True
        return False

    def rebound(self, body: list[ast.stmt]) -> list[str]:
        """The names that the body of a loop may bind to something else; `a += b` leaves an array where it is."""
        others = set(assigned_names(body, updates=False))
        kept = (ArrayView, Growing, ListItems)
        bound = [
            name
            for name in assigned_names(body)
            if name in others or not isinstance(self.frame.env.get(name), kept)
        ]
        dicts = [name for name in names_stored_into(body) if is_dict(self.frame.env.get(name))]
        return list(dict.fromkeys([*bound, *dicts]))

    def exposed(self, node: ast.For | ast.While) -> set[str]:
        """Names that are read somewhere outside this loop's body."""
        inside = count_reads(node.body)
        names = assigned_names([*node.body, node])
        return {
            name
            for name in names
            if name.startswith("$") or self.frame.reads.get(name, 0) > inside.get(name, 0)
        }

    def mark_bisection(self, node: ast.For | ast.While) -> None:
        """Let floats that a search by bisection leaves have no derivative by what the search reads."""
        loop = next(reversed(current_builder().ops), None)
        if loop is None or loop.primitive not in ("for", "while") or not halves_bracket(node):
            return
        read = [value for value in free_values_of(loop) if ty.is_differentiable(value.type)]
        current_builder().location = self.location(node)
        for name, thing in self.frame.env.items():
            if isinstance(thing, Value) and thing in loop.results and ty.is_float(thing.type):
                found = {
                    "text": "a search by bisection",
                    "why": "what it finds depends on what it reads through comparisons only",
                    "instead": "`srcdiff.implicit`, given the equation that it solves",
                }
                self.frame.env[name] = current_builder().emit(
                    "bisection", (thing, *read), thing.type, found, name
                )
