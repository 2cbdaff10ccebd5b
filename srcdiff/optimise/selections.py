"""Remember which trip of a loop a value comes from, and differentiate that trip alone.

    for i in range(n):                     largest_i = -1
        if x[i] > largest:                 for i in range(n):
            largest = x[i]                     if x[i] > largest:
                                   ->              largest, largest_i = x[i], i
                                           if largest_i >= 0:
                                               again = x[largest_i]
                                           else:
                                               again = (largest before the loop)
                                           largest = attach(largest, again)

What such a loop leaves was made by the last trip that did not keep what it found. So this trip is written once more
behind the loop: `attach` has the value of what the loop leaves and the derivative of what that trip makes. What only
its value is needed for is dead after the adjoint is written. The loop itself carries no derivative any more: there
is nothing to record, and the reverse sweep makes one trip instead of all.

The trip is written with the index that the loop remembers, and with what else differs from trip to trip and carries
no derivative, remembered likewise. It must be possible a second time: it reads no array that the loop writes.
Reads: activity, affine forms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..analysis.activity import Activity, find_active, spread_varied
from ..analysis.affine import Affine
from ..analysis.structure import find_structure
from ..ir import types as ty
from ..ir.builder import Builder, constant, zero
from ..ir.core import (
    IN_PLACE,
    Block,
    Function,
    Op,
    Slot,
    Value,
    loop_body,
    loop_slots,
)
from ..ir.walk import defined_in, free_values_of, ops_of, rename_op
from ..primitives import REGISTRY

LOOPS = ("for", "while")
REPEATABLE = {"cast", "shape", "stop_gradient", "load", "alloc", "copy", "zeros_like", *IN_PLACE}
FRESH = ("alloc", "copy", "zeros_like")
CHECKS = ("require", "raise")  # they have passed


def remember_selections(function: Function, wrt: Sequence[int]) -> Function:
    """Loops inside others first: what they remember is remembered by the others in turn."""
    while True:
        independents = [function.parameters[k] for k in wrt]
        active = find_active(function, independents, function.results[:1])
        selections = Selections(active, Affine(find_structure(function.body)))
        body = selections.block(function.body)
        if not selections.found:
            return function
        function = replace(function, body=body)


@dataclass(frozen=True, eq=False)
class Leaf:
    """What a trip may yield: the carried value itself (`kept`), or something new.

    `path` are the blocks that lead there, `scope` is what can be read at its end.
    """

    value: Value
    kept: bool
    path: tuple[Block, ...]
    scope: frozenset[Value]


@dataclass(frozen=True, eq=False)
class Choice:
    """An `if` or `select` between what a trip may yield."""

    op: Op
    value: Value
    arms: tuple[Leaf | Choice, Leaf | Choice]


Tree = Leaf | Choice


def leaves(tree: Tree) -> Iterator[Leaf]:
    if isinstance(tree, Leaf):
        yield tree
    else:
        for arm in tree.arms:
            yield from leaves(arm)


def chooses_new(tree: Tree) -> bool:
    return any(not leaf.kept for leaf in leaves(tree))


def same_choices(a: Tree, b: Tree) -> bool:
    """Whether two values are kept and replaced together, by the same ops."""
    if isinstance(a, Leaf) or isinstance(b, Leaf):
        return isinstance(a, Leaf) and isinstance(b, Leaf) and a.kept == b.kept
    return a.op is b.op and all(same_choices(x, y) for x, y in zip(a.arms, b.arms, strict=True))


class Selections:
    """One walk over a function. A loop waits for the next one if a loop inside it has changed."""

    def __init__(self, active: Activity, affine: Affine) -> None:
        self.active, self.affine = active, affine
        self.found = 0

    def block(self, block: Block) -> Block:
        ops: list[Op] = []
        for op in block.ops:
            before = self.found
            if op.regions:
                op = replace(op, regions=tuple(self.block(region) for region in op.regions))
            if op.primitive in LOOPS and self.found == before:
                ops += self.loop(op)
            else:
                ops.append(op)
        return replace(block, ops=tuple(ops))

    def loop(self, op: Op) -> list[Op]:
        """The loop, with the trips remembered that its values come from."""
        behind: list[Op] = []
        left = [s for s in loop_slots(op) if s[1] in self.active and ty.is_float(s[1].type)]
        while left:
            selected = [(s, found) for s in left if (found := find_selected(op, s, self.active)) is not None]
            if not selected:
                break
            together = [(s, found) for s, found in selected if same_choices(found.tree, selected[0][1].tree)]
            slots = [s for s, _ in together]
            self.found += 1
            op, again = Selection(slots, [found for _, found in together]).rewritten(op, self.affine)
            behind += again
            left = [s for s in left if s not in slots]
        return [op, *behind]


@dataclass(frozen=True)
class Selected:
    """What a loop leaves in a slot: the outcome of choices, and what its trip needs to be repeated."""

    tree: Tree
    ops: frozenset[Op]
    remembered: tuple[Value, ...]


def find_selected(op: Op, slot: Slot, active: Activity) -> Selected | None:
    """How a loop selects what it carries in a slot; None if its trips do more with it, or cannot be repeated."""
    _, parameter, yielded, _ = slot
    body = loop_body(op)
    trip = Trip(op, active)
    tree = trip.tree(yielded, parameter, (body,), frozenset())
    if isinstance(tree, Leaf) or not chooses_new(tree) or len(set(trip.nodes)) < len(trip.nodes):
        return None
    # No derivative may go through the carried value but along the choice, nor from other carried values into it.
    chosen = {parameter, *trip.chosen}
    varied = {parameter}
    spread_varied(body, varied)
    others = [s for s in loop_slots(op) if s[1] is not parameter]
    if any(v in active and v not in chosen for v in varied) or any(s[2] in chosen for s in others):
        return None
    from_others = {s[1] for s in others if s[1] in active}
    spread_varied(body, from_others)
    new = [leaf.value for leaf in leaves(tree) if not leaf.kept]
    needs = [trip.need(value) for value in new]
    if len(new) > 1:
        apart = [(trip.need(choice.op.operands[0]), choice) for choice in telling_apart(tree)]
        if not all(is_known_at_each(need, choice) for need, choice in apart):
            return None
        needs += [need for need, _ in apart]
    found = [need for need in needs if need is not None]
    if len(found) < len(needs) or any(value in from_others for value in new):
        return None
    need = Need.union(found)
    return Selected(tree, need.ops, tuple(v for v in trip.order if v in need.remembered))


def is_known_at_each(need: Need | None, choice: Choice) -> bool:
    """Whether what tells new values apart can be remembered wherever one of them is chosen: an outer `if` may have
    chosen before the condition is there."""
    new = [leaf for leaf in leaves(choice) if not leaf.kept]
    return need is None or all(need.remembered <= leaf.scope for leaf in new)


def telling_apart(tree: Tree) -> Iterator[Choice]:
    """The choices between several new values."""
    if isinstance(tree, Choice):
        if all(chooses_new(arm) for arm in tree.arms):
            yield tree
        for arm in tree.arms:
            yield from telling_apart(arm)


@dataclass(frozen=True)
class Need:
    """What a value is made of in its trip: ops to repeat, and values that differ from trip to trip."""

    ops: frozenset[Op] = frozenset()
    remembered: frozenset[Value] = frozenset()

    @staticmethod
    def union(needs: Sequence[Need]) -> Need:
        return Need(
            frozenset().union(*(need.ops for need in needs)),
            frozenset().union(*(need.remembered for need in needs)),
        )


class Trip:
    """One trip of a loop: how its values are made, and whether that can be repeated behind the loop."""

    def __init__(self, op: Op, active: Activity) -> None:
        self.active = active
        body = loop_body(op)
        self.inside = defined_in(body)
        self.maker: dict[Value, Op] = {}
        self.path: dict[Op, tuple[Block, ...]] = {}
        self.scope: dict[Op, frozenset[Value]] = {}  # what can be read before an `if` or `select`
        self.order: list[Value] = [*body.parameters]
        self.chosen: list[Value] = []  # the outcomes of choices
        self.nodes: list[Op] = []  # the ops that choose
        self.needs: dict[Value, Need | None] = {}
        self.visit(body, (body,), frozenset(body.parameters))

    def visit(self, block: Block, path: tuple[Block, ...], scope: frozenset[Value]) -> None:
        for op in block.ops:
            if op.primitive in ("if", "select"):
                self.path[op], self.scope[op] = path, scope
            if op.primitive == "if":
                for region in op.regions:
                    self.visit(region, (*path, region), scope)
            for result in op.results:
                self.maker[result] = op
                self.order.append(result)
            scope |= set(op.results)

    # -------------------------------------------------------------------------------------------- choices

    def tree(self, value: Value, parameter: Value, path: tuple[Block, ...], scope: frozenset[Value]) -> Tree:
        """The choices that a value, read at the end of `path`, is the outcome of."""
        if value is parameter:
            return Leaf(value, True, path, scope)
        op = self.maker.get(value)
        mark = len(self.chosen), len(self.nodes)
        self.chosen.append(value)
        arms: list[Tree] = []
        if op is not None and op.primitive == "attach":
            tree = self.tree(op.operands[1], parameter, path, scope)
            if isinstance(tree, Choice):
                return tree
        elif op is not None and op.primitive == "if":
            k = op.results.index(value)
            for arm in op.regions:
                inner = self.scope[op] | {r for o in arm.ops for r in o.results}
                arms.append(self.tree(arm.results[k], parameter, (*self.path[op], arm), inner))
        elif op is not None and op.primitive == "select":
            arms = [self.tree(x, parameter, self.path[op], self.scope[op]) for x in op.operands[1:]]
        if op is None or not any(leaf.kept for arm in arms for leaf in leaves(arm)):
            del self.chosen[mark[0] :], self.nodes[mark[1] :]
            return Leaf(value, False, path, scope)
        self.nodes.append(op)
        return Choice(op, value, (arms[0], arms[1]))

    # --------------------------------------------------------------------------------------------- needs

    def need(self, value: Value) -> Need | None:
        """What a value needs to be made again; None if that cannot be."""
        if value.is_constant or value not in self.inside:
            return Need()
        if value not in self.needs:
            self.needs[value] = self.repeated(value) or self.remembered(value)
        return self.needs[value]

    def remembered(self, value: Value) -> Need | None:
        if ty.is_array(value.type) or value in self.active or not is_number(value):
            return None
        return Need(remembered=frozenset((value,)))

    def repeated(self, value: Value) -> Need | None:
        op = self.maker.get(value)
        if op is None:
            return None
        if op.regions:
            # What carries no derivative is not worth a loop: its outcome is remembered.
            carries = ty.is_array(value.type) or any(result in self.active for result in op.results)
            if not carries or not self.is_repeatable(op):
                return None
        elif op.primitive not in REPEATABLE and op.primitive not in REGISTRY:
            return None
        if op.primitive in IN_PLACE and not self.is_fresh(op.operands[0]):
            return None
        needs = [self.need(x) for x in made_of(op)]
        found = [need for need in needs if need is not None]
        return Need.union([Need(frozenset((op,))), *found]) if len(found) == len(needs) else None

    def is_fresh(self, array: Value) -> bool:
        """Whether an array version lives in memory that the trip allocates."""
        op = self.maker.get(array)
        if op is None:
            return False
        if op.primitive in IN_PLACE:
            return self.is_fresh(op.operands[0])
        if op.primitive in LOOPS:
            return any(r is array and self.is_fresh(initial) for initial, _, _, r in loop_slots(op))
        return op.primitive in FRESH

    def is_repeatable(self, op: Op) -> bool:
        """Whether a loop or `if` may run once more: it only reads what was there before the trip."""
        own: set[Value] = set()  # versions in memory of the trip
        for inner in ops_of(op):
            if inner.primitive in LOOPS:
                for initial, parameter, _, result in loop_slots(inner):
                    if ty.is_array(initial.type):
                        if not (initial in own or self.is_fresh(initial)):
                            return False
                        own.update((parameter, result))
            elif inner.primitive == "if":
                if any(ty.is_array(result.type) for result in inner.results):
                    return False
            elif inner.primitive in IN_PLACE:
                if not (inner.operands[0] in own or self.is_fresh(inner.operands[0])):
                    return False
                own.add(inner.result)
            elif inner.primitive in FRESH:
                own.add(inner.result)
            elif not (
                inner.primitive in REPEATABLE or inner.primitive in REGISTRY or inner.primitive in CHECKS
            ):
                return False
        return True


def is_number(value: Value) -> bool:
    return ty.is_float(value.type) or ty.is_integer(value.type) or ty.is_boolean(value.type)


def made_of(op: Op) -> list[Value]:
    """What a repeated op reads: of two equal values, the one that the derivative goes through."""
    return [op.operands[1]] if op.primitive == "attach" else free_values_of(op)


class Selection:
    """Slots of a loop whose values one and the same trip makes.

    `remembered` are values of that trip, which become slots of the loop. The first is an index that is never
    negative, and -1 until a trip is selected; where there is none, one more slot says whether one is.
    """

    def __init__(self, slots: list[Slot], selected: list[Selected]) -> None:
        self.slots, self.selected = slots, selected
        self.tree = selected[0].tree
        self.remembered = list(dict.fromkeys(v for each in selected for v in each.remembered))
        self.yields: dict[Op, tuple[list[Value], list[Value]]] = {}
        self.results: dict[Op, list[Value]] = {}

    def rewritten(self, op: Op, affine: Affine) -> tuple[Op, list[Op]]:
        """The loop that remembers, and the ops behind it."""
        body = loop_body(op)
        index = body.parameters[0] if op.primitive == "for" else None
        marked = index is not None and affine.is_never_negative(index)
        if index is not None and marked:
            self.remembered = [index, *(v for v in self.remembered if v is not index)]
        held = [Value(self.name_of(v, index), v.type) for v in self.remembered]
        starts = [zero(v.type) for v in held]
        if marked:
            starts[0] = constant(-1, held[0].type)
        else:
            name = self.slots[0][1].name
            held.append(Value(f"{name}_set" if name else "", ty.boolean))
            starts.append(constant(False, ty.boolean))
        ends = self.ends(self.tree, held)
        left = [Value(v.name, v.type) for v in held]
        body = self.block(body)
        body = replace(body, parameters=(*body.parameters, *held), results=(*body.results, *ends))
        regions: tuple[Block, ...] = (body,)
        if op.primitive == "while":
            condition = op.regions[0]
            more = tuple(Value(v.name, v.type) for v in held)
            regions = (replace(condition, parameters=(*condition.parameters, *more)), body)
        found = {slot[3]: Value(slot[3].name, slot[3].type) for slot in self.slots}
        loop = replace(
            op,
            operands=(*op.operands, *starts),
            regions=regions,
            results=(*(found.get(r, r) for r in op.results), *left),
        )
        known = dict(zip(self.remembered, left, strict=False))
        with Builder(op.location) as builder:
            is_set = builder.compare("ge", left[0], 0) if marked else left[-1]
            with Builder(op.location) as then:
                repeated = [self.again(then, each.tree, each.ops, known) for each in self.selected]
            joined = [Value(v.name, v.type) for v in found.values()]
            kept = tuple(slot[0] for slot in self.slots)
            builder.region("if", (is_set,), (then.block((), repeated), Block((), (), kept)), joined)
            for (result, value), again in zip(found.items(), joined, strict=True):
                builder.append(Op("attach", (value, again), (result,), (), {}, op.location))
        return loop, builder.ops

    def name_of(self, value: Value, index: Value | None) -> str:
        own = self.slots[0][1].name
        if not own or value.name.startswith(f"{own}_"):
            return value.name
        return f"{own}_{value.name}" if value.name else f"{own}_at" if value is index else f"{own}_kept"

    # ----------------------------------------------------------------------------------- in the loop

    def ends(self, tree: Tree, held: list[Value]) -> list[Value]:
        """What the slots are after the choices of `tree`, which become choices of theirs too."""
        if isinstance(tree, Leaf):
            if tree.kept:
                return held
            news = [v if v in tree.scope else h for v, h in zip(self.remembered, held, strict=False)]
            return news if len(news) == len(held) else [*news, constant(True, ty.boolean)]
        first, second = (self.ends(arm, held) for arm in tree.arms)
        self.yields[tree.op] = first, second
        self.results[tree.op] = [Value(v.name, v.type) for v in held]
        return self.results[tree.op]

    def block(self, block: Block) -> Block:
        """The block with the choices of the slots beside those of the value."""
        ops: list[Op] = []
        for op in block.ops:
            if op not in self.yields:
                ops.append(op)
                continue
            results = self.results[op]
            if op.primitive == "if":
                regions = tuple(
                    replace(inner := self.block(region), results=(*inner.results, *more))
                    for region, more in zip(op.regions, self.yields[op], strict=True)
                )
                ops.append(replace(op, regions=regions, results=(*op.results, *results)))
            else:
                ops.append(op)
                ops += (
                    Op("select", (op.operands[0], a, b), (r,), (), {}, op.location)
                    for a, b, r in zip(*self.yields[op], results, strict=True)
                )
        return replace(block, ops=tuple(ops))

    # -------------------------------------------------------------------------------- behind the loop

    def again(self, builder: Builder, tree: Tree, ops: frozenset[Op], known: dict[Value, Value]) -> Value:
        """Emit what makes the new value, in the trip that `known` remembers."""
        if isinstance(tree, Leaf):
            return repeat(builder, tree.value, tree.path, ops, dict(known))
        arms = [arm for arm in tree.arms if chooses_new(arm)]
        if len(arms) == 1:
            return self.again(builder, arms[0], ops, known)
        path = next(leaves(tree)).path
        condition = repeat(builder, tree.op.operands[0], path, ops, dict(known))
        regions = []
        for arm in arms:
            with Builder(builder.location) as inner:
                value = self.again(inner, arm, ops, known)
            regions.append(inner.block((), (value,)))
        joined = Value(tree.value.name, tree.value.type)
        builder.region("if", (condition,), regions, (joined,))
        return joined


def repeat(
    builder: Builder, value: Value, path: tuple[Block, ...], ops: frozenset[Op], known: dict[Value, Value]
) -> Value:
    """Emit again the ops that make one value, in their order; `known` stands for what is remembered."""
    maker = {r: op for block in path for op in block.ops if op in ops for r in op.results}
    needed: set[Op] = set()
    work = [value]
    while work:
        wanted = work.pop()
        made = maker.get(wanted)
        if made is not None and made not in needed and wanted not in known:
            needed.add(made)
            work += made_of(made)
    for block in path:
        for op in block.ops:
            if op not in needed:
                continue
            if op.primitive == "attach":
                known[op.result] = known.get(op.operands[1], op.operands[1])
            else:
                builder.append(rename_op(without_checks(op), known))
    return known.get(value, value)


def without_checks(op: Op) -> Op:
    """A repeated op does not check again what its first run has checked."""
    if not op.regions:
        return op
    regions = tuple(
        replace(region, ops=tuple(without_checks(o) for o in region.ops if o.primitive not in CHECKS))
        for region in op.regions
    )
    return replace(op, regions=regions)


__all__ = ["remember_selections"]
