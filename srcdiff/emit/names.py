"""Out of SSA: which values share a variable, and what it is called.

    s1 = for ... s0 { (s) ; t = add s x ; yield t }     ->     s = s0;  for ...: s = s + x

First what must be one variable (versions of one array), then what may: the parts of a loop slot, the results of an
`if` and what its arms yield, values that the user gave one name. Two values may share a variable if they are never
alive at the same time and have the same type. Reads: liveness as intervals of positions in the printed order.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterator, Sequence

from ..analysis.structure import find_structure
from ..ir.core import Block, Function, Op, Value, leaves_early, loop_body, loop_slots, written_in_place
from ..ir.walk import ops_within
from .special import called_functions, modules_called

Interval = tuple[int, int]
# What texts call: no parameter may hide it.
TYPES = ("bool", "complex", "float", "int", "list", "str", "tuple")
CALLED = ("abs", "divmod", "grown", "len", "max", "min", "njit", "pow", "print", "range", "round")
WRITTEN = {*TYPES, *CALLED, "cuda", "math", "np", "numba"}
RESERVED = {*keyword.kwlist, *dir(builtins), "np", "math", "njit", "numba", "cuda", "block_add", "warp_add"}


class Liveness:
    """Positions of definitions and uses; an inlined value is evaluated where it is used."""

    def __init__(self, function: Function, inlined: dict[Value, Op]) -> None:
        self.inlined = inlined
        self.clock = 0
        self.defined: dict[Value, int] = {}
        self.depth_loops: dict[Value, tuple[Op, ...]] = {}
        self.last: dict[Value, int] = {}
        self.ends: dict[Op, int] = {}
        self.counters: set[Value] = set()  # numbers of trips
        self.idle: set[Value] = set()  # those that nobody reads: they are no variables
        # Bounds that a loop carries too, each with something else that it carries.
        self.apart: set[tuple[Value, Value]] = set()
        self.pending: list[tuple[Value, int, tuple[Op, ...]]] = []
        for value in function.parameters:
            self.define(value, ())
        self.block(function.body, ())
        self.tick()
        for value in function.results:
            self.use(value, ())
        self.idle = self.counters.difference(value for value, _, _ in self.pending)
        for value, at, loops in self.pending:
            outside = [loop for loop in loops if loop not in self.depth_loops.get(value, ())]
            until = self.ends[outside[0]] if outside else at
            self.last[value] = max(self.last.get(value, 0), until)

    def tick(self) -> int:
        self.clock += 1
        return self.clock

    def define(self, value: Value, loops: tuple[Op, ...]) -> None:
        self.defined[value] = self.clock
        self.depth_loops[value] = loops

    def use(self, value: Value, loops: tuple[Op, ...]) -> None:
        self.pending += ((read, self.clock, loops) for read in self.read_by(value))

    def read_by(self, value: Value) -> Iterator[Value]:
        """The variables that are read where a value is used."""
        if value.is_constant:
            return
        maker = self.inlined.get(value)
        if maker is None:
            yield value
            return
        for operand in maker.operands:
            yield from self.read_by(operand)
        for region in maker.regions:
            for inner in region.results:
                yield from self.read_by(inner)

    def block(self, block: Block, loops: tuple[Op, ...]) -> None:
        for op in block.ops:
            if op.results and op.results[0] in self.inlined:
                continue
            self.tick()
            for value in op.operands[3:] if op.primitive == "for" else op.operands:
                self.use(value, loops)
            if op.primitive in ("for", "while"):
                counted = op.results[:1] if op.primitive == "while" or leaves_early(op) else ()
                self.counters.update(counted)
                for value in counted:  # the counter runs while the loop does
                    self.define(value, loops)
                self.loop(op, loops)
                for value in counted:
                    self.last[value] = self.clock
                for value in op.results[len(counted) :]:
                    self.define(value, loops)
                continue
            if op.primitive == "if":
                # Only one arm runs, so their order is free: what an arm without statements passes on ends first.
                for region in sorted(op.regions, key=lambda arm: bool(arm.ops)):
                    self.tick()
                    self.block(region, loops)
                    self.tick()
                    for value in region.results:
                        self.use(value, loops)
                self.tick()
            for value in op.results:
                self.define(value, loops)

    def loop(self, op: Op, loops: tuple[Op, ...]) -> None:
        inside = (*loops, op)
        for region in op.regions:
            self.tick()
            carried = region.parameters[1:] if op.primitive == "for" else region.parameters
            for value in carried:
                self.define(value, inside)
            if op.primitive == "for":
                self.bounds(op, carried, loops)
                self.define(region.parameters[0], inside)
            self.block(region, inside)
            self.tick()
            for value in region.results:
                self.use(value, inside)
        self.ends[op] = self.tick()

    def bounds(self, op: Op, carried: Sequence[Value], loops: tuple[Op, ...]) -> None:
        """The bounds of a loop are read when what it carries has its first values."""
        self.tick()
        initials = op.operands[3:]
        for value in (read for bound in op.operands[:3] for read in self.read_by(bound)):
            if value in initials:  # it may be carried under the same name, but nothing else may
                others = zip(carried, initials, strict=True)
                self.apart.update((value, parameter) for parameter, initial in others if initial is not value)
            else:
                self.pending.append((value, self.clock, loops))

    def interval(self, value: Value) -> Interval:
        start = self.defined[value]
        return start, max(self.last.get(value, start), start)


class Variables:
    """The variables of one function."""

    def __init__(self, function: Function, inlined: dict[Value, Op]) -> None:
        self.liveness = Liveness(function, inlined)
        self.inlined = inlined
        self.leader: dict[Value, Value] = {}
        self.members: dict[Value, list[Value]] = {}
        self.fixed = set(function.parameters)
        idle = self.liveness.idle
        defined = self.liveness.defined
        self.order: list[Value] = sorted((v for v in defined if v not in idle), key=lambda v: defined[v])
        self.parameters = set(function.parameters)
        self.must(function.body)
        self.one_memory(function.body)
        self.may(function.body)
        self.same_names()
        self.names = self.name_all(function)

    def is_idle(self, value: Value) -> bool:
        """Whether a value is a count that nobody reads, and so has no variable."""
        return value in self.liveness.idle

    def of(self, value: Value) -> str:
        return self.names[self.find(value)]

    def find(self, value: Value) -> Value:
        while value in self.leader:
            value = self.leader[value]
        return value

    def group(self, value: Value) -> list[Value]:
        return self.members.get(value, [value])

    def unite(self, a: Value, b: Value) -> None:
        a, b = self.find(a), self.find(b)
        if a is b:
            return
        if self.liveness.defined.get(b, 0) < self.liveness.defined.get(a, 0):
            a, b = b, a
        self.members[a] = self.group(a) + self.group(b)
        self.leader[b] = a

    def try_unite(self, a: Value, b: Value) -> None:
        if a.is_constant or b.is_constant or a in self.inlined or b in self.inlined:
            return
        a, b = self.find(a), self.find(b)
        if a is b or a.type != b.type:
            return
        known = {v.name for v in (*self.group(a), *self.group(b)) if v in self.parameters}
        if known and any(v.name and v.name not in known for v in (*self.group(a), *self.group(b))):
            return  # a parameter keeps its name for itself
        named = {is_cotangent(v.name) for v in (*self.group(a), *self.group(b)) if not is_made(v.name)}
        if len(named) > 1:
            return  # what is owed to a value is not called as another value is
        ours, theirs = ([self.liveness.interval(v) for v in self.group(x)] for x in (a, b))
        if any(s < f and t < e or (s == t) for s, e in ours for t, f in theirs):
            return
        if any({self.find(v), self.find(w)} == {a, b} for v, w in self.liveness.apart):
            return
        self.unite(a, b)

    def must(self, block: Block) -> None:
        for op in block.ops:
            for version, later in written_in_place(op):
                self.unite(version, later)
            if op.primitive in ("for", "while"):
                for _, parameter, _, result in loop_slots(op):
                    self.unite(parameter, result)
                if op.primitive == "while":
                    for held, parameter in zip(
                        op.regions[0].parameters, op.regions[1].parameters, strict=True
                    ):
                        self.unite(held, parameter)
            for region in op.regions:
                self.must(region)

    def one_memory(self, body: Block) -> None:
        """Versions that are certainly the same array are one variable, however they are passed around."""
        structure = find_structure(body)
        for value in self.order:
            origin = structure.origin(value)
            if origin is not value and value not in self.inlined and not structure.is_mixed(value):
                if origin.type == value.type and origin not in self.inlined:
                    self.unite(origin, value)

    def may(self, block: Block) -> None:
        for op in block.ops:
            if op.primitive in ("for", "while"):
                for initial, parameter, yielded, _ in loop_slots(op):
                    self.try_unite(initial, parameter)
                    for value in kept_through(loop_body(op), parameter, yielded):
                        self.try_unite(value, parameter)
            for region in op.regions:
                self.may(region)
            if op.primitive in ("for", "while"):
                for _, parameter, yielded, _ in loop_slots(op):
                    self.try_unite(yielded, parameter)
            elif op.primitive == "if":
                for k, result in enumerate(op.results):
                    for region in op.regions:
                        self.try_unite(result, region.results[k])

    def same_names(self) -> None:
        """Values that the user gave one name become one variable where they can."""
        by_name: dict[str, list[Value]] = {}
        for value in self.order:
            if value.name and value not in self.inlined:
                # An index that the frontend made may take turns with one of the user's.
                key = clean(value.name) if len(clean(value.name)) == 1 else value.name
                by_name.setdefault(key, []).append(value)
        for values in by_name.values():
            leaders: list[Value] = []
            for value in values:
                for other in leaders:
                    self.try_unite(other, value)
                    if self.find(other) is self.find(value):
                        break
                else:
                    leaders.append(value)

    def name_all(self, function: Function) -> dict[Value, str]:
        modules = {module.partition(".")[0] for module in modules_called(function)}
        modules |= {op.attributes["name"] for op in ops_within(function.body) if op.primitive == "call"}
        taken = {*RESERVED, *called_functions(function), *modules}
        names: dict[Value, str] = {}
        for value in function.parameters:
            is_free = value.name.isidentifier() and value.name not in {*names.values(), *modules, *WRITTEN}
            wish = clean(value.name) or "kept"
            names[self.find(value)] = value.name if is_free else claimed(wish, taken)
            taken.add(names[self.find(value)])
        wishes: dict[Value, str] = {}
        for value in self.order:
            leader = self.find(value)
            if leader not in names and value not in self.inlined:
                wishes[leader] = min((v.name for v in self.group(leader) if v.name), key=is_made, default="")
        # The user's names come first, then those that the frontend made.
        for made in (False, True):
            for leader, wish in wishes.items():
                if is_made(wish) is made:
                    names[leader] = claimed(clean(wish) or "t", taken)
        return names


def kept_through(block: Block, parameter: Value, yielded: Value) -> list[Value]:
    """The results of one `if` after the other that may be what a loop carries as it is, down to what it yields.

    Where they are one variable, nothing need be assigned in the arms that keep it.
    """
    for op in block.ops:
        if op.primitive == "if" and yielded in op.results:
            k = op.results.index(yielded)
            for region in op.regions:
                kept = region.results[k]
                if kept is parameter:
                    return [yielded]
                above = kept_through(region, parameter, kept) or kept_through(block, parameter, kept)
                if above:
                    return [yielded, *above]
    return []


def is_made(name: str) -> bool:
    """Whether a name is not the user's."""
    return not name or name.startswith("$")


def is_cotangent(name: str) -> bool:
    """Whether a name is that of what is owed to a value."""
    return name.endswith("_bar")


def clean(name: str) -> str:
    """A wish as an identifier: the names that the frontend makes have a `$`."""
    if name.startswith("$"):
        name = re.sub(r"^\$([a-z]+)\d*", r"\1", name)
    return name if name.isidentifier() else ""


def unique(wish: str, taken: set[str]) -> str:
    if wish != "t" and wish not in taken:
        return wish
    k = 1 if wish == "t" else 2
    joint = "_" if wish[-1].isdigit() else ""
    while f"{wish}{joint}{k}" in taken:
        k += 1
    return f"{wish}{joint}{k}"


def claimed(wish: str, taken: set[str]) -> str:
    """A name that is not taken yet, and now is."""
    name = unique(wish, taken)
    taken.add(name)
    return name


__all__ = ["Variables", "claimed", "unique"]
