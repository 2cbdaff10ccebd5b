"""The state while a function is read into IR, and how `if` and loops join it.

Names stand for things (`things.py`); the memory maps every array's root to its current version. Both are copied
at a branch and joined behind it: what differs becomes a result of the `if`, or is carried by the loop.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from ..errors import AliasError, DifferentiationError, Location, UnsupportedConstruct
from ..ir import types as ty
from ..ir.builder import Builder, constant, zero
from ..ir.core import Block, Op, Value
from ..ir.operators import current_builder
from ..ir.types import Type
from ..ir.walk import rename, substitute
from .canonicalise import RESULT
from .source import FunctionSource, location_of
from .things import (
    ArrayView,
    Axis,
    Formatted,
    NamedItems,
    Poison,
    Root,
    Static,
    is_number,
    is_scalar,
    whole_view,
)
from .trees import DICTS, Tree, alike, kind_of, parts_of, with_parts

EARLY = "bound by an earlier trip"
ALIASES = "what an array may be from the second trip on"
FLAG = "?"  # `name?` tells whether a name is bound, where that is not certain


@dataclass(eq=False)
class Frame:
    """The variables of one function that is being read."""

    source: FunctionSource
    env: dict[str, Any] = field(default_factory=dict)
    reads: dict[str, int] = field(default_factory=dict)
    stores: frozenset[str] = frozenset()  # names with items that are assigned
    parent: Frame | None = None

    @property
    def numba_rules(self) -> bool:
        return self.source.numba_rules


class Retry(Exception):
    """A loop has to be built again: what it carries has a wider type than its initial value, or was not known."""

    def __init__(self, loop: dict[Any, Any]) -> None:
        self.loop = loop


class Scope:
    """Names, memory, and the joins. The subclasses read expressions and statements."""

    frame: Frame

    def __init__(self) -> None:
        self.memory: dict[Root, Value | Poison] = {}
        self.dead = False
        self.nonnegative: set[Value] = set()
        self.ends: dict[Value, Value] = {}  # where the indices of loops that count up end
        self.shifts: dict[Value, tuple[Value | None, int]] = {}  # sums of an integer and a constant
        self.least: dict[Value, int] = {}  # lower bounds of integers
        self.at_most_one: set[Value] = set()  # lengths of slices such as `x[i : i + 1]`
        self.current_node: ast.AST | None = None
        self.loops: list[tuple[Frame, LoopParts, set[str], dict[Any, Any]]] = []  # those being built
        self.carried_float: Type = (
            ty.float64
        )  # the least type of a float that is written in the source and carried

    # ------------------------------------------------------------------------------------- locations

    def location(self, node: ast.AST | None = None) -> Location | None:
        node = node or self.current_node
        return location_of(self.frame.source, node) if node is not None else None

    def refuse(
        self,
        problem: str,
        reason: str = "",
        instead: str = "",
        node: ast.AST | None = None,
        kind: type[DifferentiationError] = UnsupportedConstruct,
    ) -> NoReturn:
        raise kind(problem, self.location(node), reason, instead)

    # --------------------------------------------------------------------------------------- scalars

    def as_value(self, thing: Any, type: Type | None = None) -> Value:
        """A scalar thing as an IR value; a number becomes a constant of `type`, or of its own type."""
        if isinstance(thing, Value):
            return thing
        if is_number(thing):
            return constant(thing, type if type is not None else number_type(thing))
        self.refuse(f"a number is needed here, not {describe(thing)}")

    def shifted(self, value: Value) -> tuple[Value | None, int]:
        """An integer as another one and what is added to it; None for zero."""
        return (None, value.constant) if value.is_constant else self.shifts.get(value, (value, 0))

    def cast(self, value: Value, type: Type) -> Value:
        if value.type == type:
            return value
        if ty.is_complex(value.type) and not ty.is_complex(type):
            self.refuse(
                "a complex number made real",
                "NumPy drops the imaginary part with a warning, Python raises an error",
                "`z.real`",
            )
        if value.is_constant:
            return constant(value.constant, type)
        if ty.is_boolean(value.type) and ty.is_differentiable(type):
            value = self.cast(value, ty.int64)  # Numba has no `float` of a boolean
        return current_builder().emit("cast", (value,), type)

    # ----------------------------------------------------------------------------------------- memory

    def version(self, root: Root) -> Value:
        current = self.memory[root]
        if isinstance(current, Poison):
            self.refuse(current.problem, instead=current.instead, kind=current.kind)
        return current

    def write(self, root: Root, version: Value) -> None:
        """Make `version` the content of `root`; what may share its memory can no longer be read."""
        if root.in_place_of:
            self.refuse(root.in_place_of, instead="make it a copy before the loop: `x = y[i].copy()`")
        self.memory[root] = version
        for other in root.aliases:
            if other in self.memory:
                self.memory[other] = Poison(
                    f"`{other.name or 'an array'}` may or may not share its memory with `{root.name or 'an array'}`, "
                    "which was written",
                    instead="make one of them a copy: `x = y.copy()`",
                    kind=AliasError,
                )

    def copy(self, view: ArrayView, name: str = "") -> ArrayView:
        """An array of its own with the elements of a view; `arrays.py` has it."""
        raise NotImplementedError

    def new_root(self, version: Value, shape: tuple[Any, ...] | None = None, is_list: bool = False) -> Root:
        root = Root(version.type, version.name, shape, is_list=is_list)
        self.memory[root] = version
        return root

    # ----------------------------------------------------------------------------------------- branch

    def branch(
        self, condition: Value, then: Callable[[], Any], otherwise: Callable[[], Any]
    ) -> tuple[Any, Any]:
        """Build an `if`; gives the joined pair of what the two arms return as (things, None)."""
        location = current_builder().location
        env, memory = self.frame.env, self.memory
        arms = []
        for build in (then, otherwise):
            self.frame.env, self.memory, self.dead = dict(env), dict(memory), False
            with Builder(location) as builder:
                thing = build()
            if "=" not in self.frame.env and thing is not None:
                self.frame.env["="] = thing
            arms.append((builder, self.frame.env, self.memory, self.dead))
        self.frame.env, self.memory = env, memory
        (b1, env1, mem1, dead1), (b2, env2, mem2, dead2) = arms
        joiner = Joiner(self, b1, b2, dead1, dead2, mem1, mem2)
        joined = joiner.environments(env1, env2)
        merged = joiner.memories(memory)
        self.dead = dead1 and dead2
        current_builder().region(
            "if",
            (condition,),
            (b1.block((), joiner.yields1), b2.block((), joiner.yields2)),
            joiner.results,
            location=location,
        )
        result = joined.pop("=", None)
        self.frame.env = joined
        self.memory = merged
        return result, None

    # ------------------------------------------------------------------------------------------- loops

    def loop(self, parts: LoopParts) -> None:
        """Build a loop; again with wider types where what it carries turned out to need them."""
        widened: dict[Any, Type] = {}
        for _ in range(12):
            env, memory, depth = dict(self.frame.env), dict(self.memory), len(self.loops)
            for name in parts.assigned:
                if (EARLY, name) in widened:
                    self.frame.env[name] = zero(widened[EARLY, name])
                    self.frame.env[name + FLAG] = False
            self.loops.append((self.frame, parts, set(self.frame.env), widened))
            try:
                LoopJoin(self, parts, widened).build()
                return
            except Retry as retry:
                if retry.loop is not widened:
                    raise
                self.frame.env, self.memory = env, memory
            finally:
                del self.loops[depth:]
        self.refuse(
            "the types of what this loop carries do not settle", instead="give them their type before it"
        )

    def carried_from_trip_to_trip(self, name: str, thing: Any) -> None:
        """A name is read that an earlier trip of a loop may have bound: build that loop again, carrying it."""
        for frame, parts, bound, widened in self.loops:
            if frame is self.frame and name in parts.assigned and name not in bound:
                if thing is not None and not is_scalar(thing):
                    self.refuse(
                        f"`{name}` is bound in one trip of a loop and read in a later one",
                        instead=f"give `{name}` a value before the loop",
                    )
                widened[EARLY, name] = self.as_value(thing).type if thing is not None else ty.float64
                raise Retry(widened)


def number_type(number: Any) -> Type:
    if isinstance(number, bool):
        return ty.boolean
    if isinstance(number, int):
        return ty.int64
    return ty.complex128 if isinstance(number, complex) else ty.float64


def describe(thing: Any) -> str:
    """What a thing is, for a message."""
    match thing:
        case Value():
            return "a number"
        case ArrayView() | _ if hasattr(thing, "ndim") and not isinstance(thing, Static):
            return f"an array of {thing.ndim} dimensions"
        case NamedItems() | Tree() if kind_of(thing) not in DICTS:
            return f"a `{kind_of(thing).__name__}`"
        case Tree():
            return "a dict"
        case tuple():
            return f"a tuple of {len(thing)}"
        case Static(value=None):
            return "`None`"
        case Formatted():
            return "an f-string"
        case Static(value=str()):
            return "a string"
        case Static(value=dict()):
            return "a dict"
        case Static():
            name = getattr(thing.value, "__name__", None) or type(thing.value).__name__
            return f"`{name}`"
        case _ if is_number(thing):
            return "a number"
        case _:
            return f"a {type(thing).__name__.lower()}"


def said(name: str) -> str:
    """A variable in a message; names made here have meanings, not texts."""
    return {"": "this", "=": "this", RESULT: "the result"}.get(name, f"`{name}`")


def join_types(a: Any, b: Any) -> Type:
    """The type that holds two scalars, of which weak numbers may be either."""
    if isinstance(a, Value) and isinstance(b, Value):
        return ty.promote(a.type, b.type)
    if isinstance(a, Value):
        return ty.promote_weak(a.type, number_type(b))
    if isinstance(b, Value):
        return ty.promote_weak(b.type, number_type(a))
    return ty.promote(number_type(a), number_type(b))


def join_array_types(a: Type, b: Type) -> Type:
    layout = a.layout if a.layout == b.layout else "A"
    return ty.array(a.dtype, a.ndim, layout)


def compatible_arrays(a: Type, b: Type) -> bool:
    return bool(a.ndim == b.ndim and a.dtype == b.dtype)


def same(a: Any, b: Any) -> bool:
    """Whether two things are certainly the same."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, (tuple, Tree)):
        return alike(a, b) and all(map(same, parts_of(a), parts_of(b)))  # type: ignore[arg-type]
    if isinstance(a, ArrayView):
        return (
            a.root is b.root
            and len(a.axes) == len(b.axes)
            and all(map(same_axis, a.axes, b.axes))
            and len(a.fixed) == len(b.fixed)
            and all(p[0] == q[0] and same(p[1], q[1]) for p, q in zip(a.fixed, b.fixed, strict=True))
        )
    if is_number(a):
        return bool(a == b) and str(a) == str(b)
    if isinstance(a, Static):
        return a.value is b.value or (isinstance(a.value, (str, tuple, bytes)) and a.value == b.value)
    return False


def same_axis(a: Axis | None, b: Axis | None) -> bool:
    if a is None or b is None:
        return a is b
    return a.of == b.of and same(a.start, b.start) and same(a.step, b.step) and same(a.length, b.length)


class Joiner:
    """Joins what the two arms of an `if` leave."""

    def __init__(
        self,
        scope: Scope,
        then: Builder,
        otherwise: Builder,
        dead1: bool,
        dead2: bool,
        memory1: dict[Root, Value | Poison],
        memory2: dict[Root, Value | Poison],
    ) -> None:
        self.scope, self.then, self.otherwise = scope, then, otherwise
        self.dead1, self.dead2 = dead1, dead2
        self.memory1, self.memory2 = memory1, memory2
        self.yields1: list[Value] = []
        self.yields2: list[Value] = []
        self.results: list[Value] = []
        self.roots: dict[tuple[Root | None, Root | None], Root] = {}  # what arrays of the two arms become
        self.new_memory: dict[Root, Value | Poison] = {}

    def environments(self, env1: dict[str, Any], env2: dict[str, Any]) -> dict[str, Any]:
        joined: dict[str, Any] = {}
        for name in dict.fromkeys([*env1, *env2]):
            if name.endswith(FLAG):
                continue
            in1, in2 = name in env1, name in env2
            flag1 = env1.get(name + FLAG, True) if in1 else False
            flag2 = env2.get(name + FLAG, True) if in2 else False
            if self.dead1 or self.dead2:
                flag1 = flag2 = flag2 if self.dead1 else flag1
            if in1 and in2:
                joined[name] = self.join(env1[name], env2[name], name)
            else:
                joined[name] = self.join_with_nothing(env1[name] if in1 else env2[name], in1, name)
            flag = True if name[0] in "$=" else self.join(flag1, flag2, "")
            if flag is not True:
                joined[name + FLAG] = flag
        return joined

    def result(self, value1: Value, value2: Value, name: str, type: Type) -> Value:
        for k, (a, b) in enumerate(zip(self.yields1, self.yields2, strict=True)):
            if a is value1 and b is value2:
                return self.results[k]
        result = Value(name, type)
        self.yields1.append(value1)
        self.yields2.append(value2)
        self.results.append(result)
        return result

    def join(self, a: Any, b: Any, name: str) -> Any:
        name = "" if name == "=" else name
        if same(a, b) and not isinstance(a, ArrayView):
            return a
        if isinstance(a, Poison) or isinstance(b, Poison):
            live = b if self.dead1 else a if self.dead2 else (a if isinstance(a, Poison) else b)
            return live
        if is_scalar(a) and is_scalar(b):
            if isinstance(a, Value) and isinstance(b, Value) and a.type != b.type:
                if self.dead1 or self.dead2:
                    live = b if self.dead1 else a
                    return self.join_with_nothing(live, self.dead2, name)
            type = join_types(a, b)
            with self.then:
                v1 = self.scope.cast(self.scope.as_value(a, type), type)
            with self.otherwise:
                v2 = self.scope.cast(self.scope.as_value(b, type), type)
            result = self.result(v1, v2, name, type)
            if not ty.is_complex(type) and {v1, v2} <= self.scope.nonnegative | {
                v for v in (v1, v2) if v.is_constant and v.constant >= 0
            }:
                self.scope.nonnegative.add(result)
            return result
        if self.dead1 or self.dead2:
            return self.join_with_nothing(b if self.dead1 else a, self.dead2, name)
        if alike(a, b):
            pairs = zip(parts_of(a) or (), parts_of(b) or (), strict=True)
            return with_parts(a, [self.join(x, y, "") for x, y in pairs])
        if isinstance(a, ArrayView) and isinstance(b, ArrayView):
            return self.join_views(a, b, name)
        what = f"{said(name)} is {describe(a)} in one branch and {describe(b)} in the other"
        if isinstance(a, Static) and isinstance(b, Static):
            which = f"which of {describe(a)} and {describe(b)} {said(name)} is"
            what = f"{which} depends on a condition that is not constant"
        return Poison(what, "give it one type in both")

    def join_views(self, a: ArrayView, b: ArrayView, name: str) -> Any:
        if a.root is b.root:
            if same(a, b):
                return a
            if len(a.axes) == len(b.axes) and [f[0] for f in a.fixed] == [f[0] for f in b.fixed]:
                fixed = tuple(
                    (k, self.join(x, y, "")) for (k, x), (_, y) in zip(a.fixed, b.fixed, strict=True)
                )
                if all(map(same_axis, a.axes, b.axes)):
                    return replace(a, fixed=fixed)
            return Poison(f"{said(name)} is one of two different parts of an array", "index the array itself")
        compatible = compatible_arrays(a.root.type, b.root.type) and a.root.is_list == b.root.is_list
        if not (a.whole and b.whole and compatible):
            return Poison(
                f"{said(name)} is one of two different arrays, or of parts of them", "copy one of them"
            )
        if (a.root, b.root) in self.roots:
            return whole_view(self.roots[a.root, b.root])
        v1, v2 = self.memory1[a.root], self.memory2[b.root]
        if isinstance(v1, Poison) or isinstance(v2, Poison):
            return v1 if isinstance(v1, Poison) else v2
        type = join_array_types(v1.type, v2.type)
        result = self.result(v1, v2, name, type)
        shape = a.root.shape if a.root.shape and b.root.shape and same(a.root.shape, b.root.shape) else None
        in_place_of = a.root.in_place_of or b.root.in_place_of
        root = Root(type, name, shape, is_list=a.root.is_list, in_place_of=in_place_of)
        self.new_memory[root] = result
        return whole_view(self.placed(root, a.root, b.root))

    def placed(self, root: Root, a: Root | None, b: Root | None) -> Root:
        """The root of an array that is `a` after one arm and `b` after the other, with what it may alias."""
        others = set(self.roots.values())
        for arm in (a, b):
            if arm is not None:
                root.may_be(arm, apart=others)
        for (c, d), other in self.roots.items():
            if (a and c and a.shares(c)) or (b and d and b.shares(d)):
                root.may_alias(other)
        return self.roots.setdefault((a, b), root)

    def join_with_nothing(self, thing: Any, in_first: bool, name: str) -> Any:
        """The thing of one arm where the other never gets here or never bound it."""
        name = "" if name == "=" else name
        parts = parts_of(thing)
        if parts is not None:
            return with_parts(thing, [self.join_with_nothing(part, in_first, "") for part in parts])
        if isinstance(thing, Value):
            nothing = zero(thing.type)
            v1, v2 = (thing, nothing) if in_first else (nothing, thing)
            return self.result(v1, v2, name or thing.name, thing.type)
        if isinstance(thing, ArrayView) and thing.root not in self.memory_before:
            memory = self.memory1 if in_first else self.memory2
            version = memory[thing.root]
            if isinstance(version, Poison):
                return version
            arm = self.otherwise if in_first else self.then
            with arm:
                nothing = current_builder().emit(
                    "alloc", [zero(ty.int64)] * version.type.ndim, fresh_type(version.type), {"fill": "empty"}
                )
            v1, v2 = (version, nothing) if in_first else (nothing, version)
            type = join_array_types(v1.type, v2.type)
            if not thing.whole:
                return Poison(f"{said(name)} is part of an array that exists in one branch only", "copy it")
            arms = (thing.root, None) if in_first else (None, thing.root)
            if arms in self.roots:
                return whole_view(self.roots[arms])
            root = Root(type, name or thing.root.name, is_list=thing.root.is_list)
            self.new_memory[root] = self.result(v1, v2, name or version.name, type)
            return whole_view(self.placed(root, *arms))
        return thing

    @property
    def memory_before(self) -> dict[Root, Value | Poison]:
        return self.scope.memory

    def memories(self, before: dict[Root, Value | Poison]) -> dict[Root, Value | Poison]:
        merged = dict(before)
        for root in before:
            v1, v2 = self.memory1[root], self.memory2[root]
            if self.dead1 or self.dead2:
                live = v2 if self.dead1 else v1
                if live is before[root] or isinstance(live, Poison):
                    merged[root] = live
                else:
                    old = before[root]
                    assert isinstance(old, Value)
                    pair = (old, live) if self.dead1 else (live, old)
                    merged[root] = self.result(*pair, live.name, live.type)
            elif isinstance(v1, Poison) or isinstance(v2, Poison):
                merged[root] = v1 if isinstance(v1, Poison) else v2
            elif v1 is not v2:
                merged[root] = self.result(v1, v2, v1.name, v1.type)
        merged.update(self.new_memory)
        return merged


def fresh_type(type: Type) -> Type:
    return ty.array(type.dtype, type.ndim, "C")


@dataclass(eq=False)
class Slot:
    """One carried value: `yielded` and `result` are known once the body is."""

    initial: Value
    parameter: Value
    yielded: Value | None = None
    result: Value | None = None

    def close(self, yielded: Value) -> Value:
        self.yielded = yielded
        self.result = Value(self.parameter.name, self.parameter.type)
        return self.result


@dataclass
class LoopParts:
    """What kind of loop: a `for` has bounds and binds its index, a `while` has a condition."""

    body: Callable[[], None]
    assigned: list[str]
    stop: str
    exposed: set[str]
    bounds: tuple[Value, Value, Value] | None = None
    bind: Callable[[Value], None] | None = None
    condition: Callable[[], Value] | None = None
    index: str = ""  # what the index is called if the user has no name for it
    checkpoint: bool = False  # whether the reverse sweep makes its trips again


class LoopJoin:
    """Builds one loop: parameters for all that may change, the body, then slots for what did change."""

    def __init__(self, scope: Scope, parts: LoopParts, widened: dict[Any, Type]) -> None:
        self.scope, self.parts, self.widened = scope, parts, widened
        self.slots: dict[Value, Slot] = {}
        self.pointers: dict[Root, Slot] = {}  # roots of the arrays that names carried by the loop point to
        self.replaced: dict[Value, Value] = {}
        self.results_memory: dict[Root, Value | Poison] = {}
        self.entered: list[tuple[Any, Root, Root]] = []  # (path, root before the loop, pointer)
        self.left: list[
            tuple[Any, Root, Root, Root]
        ] = []  # (path, pointer, root after a trip, behind the loop)
        self.memory0 = scope.memory
        self.moved = False

    def build(self) -> None:
        scope, parts = self.scope, self.parts
        location = current_builder().location
        env0, memory0 = scope.frame.env, self.memory0
        names = [key for n in parts.assigned for key in (n, n + FLAG) if key in env0]
        scope.memory = dict(memory0)
        contents = {}
        for root, version in memory0.items():
            if isinstance(self.widened.get(root), Poison):
                scope.memory[root] = self.widened[root]
            elif isinstance(version, Value):
                contents[root] = self.slot(version, version.type, version.name, root)
                scope.memory[root] = contents[root].parameter
        parameters = {name: self.parameter(env0[name], name, (name,), memory0) for name in names}
        env = {**env0, **parameters}

        condition = self.condition(env) if parts.condition else None
        index = Value(parts.index, ty.int64)
        if parts.bounds is not None and parts.bounds[2].is_constant and parts.bounds[2].constant > 0:
            scope.ends[index] = parts.bounds[1]
        if parts.bounds is not None and self.never_negative(parts.bounds):
            scope.nonnegative.add(index)
        scope.frame.env = dict(env)
        if parts.stop:
            scope.frame.env[parts.stop] = False
        with Builder(location) as builder:
            if parts.bind is not None:
                parts.bind(index)
            with self.body_runs(index):
                parts.body()
            after, memory = scope.frame.env, scope.memory
            stops = [scope.as_value(after.pop(parts.stop))] if parts.stop else []
            scope.dead = False
            behind = dict(env0)
            for name in names:
                now = after.get(name, True) if name.endswith(FLAG) else after[name]
                behind[name] = self.leave(env0[name], parameters[name], now, name, (name,))
            if self.moved:
                raise Retry(self.widened)
            for name in parts.assigned:
                if name not in env0 and name in after and name in parts.exposed:
                    behind[name] = self.expose(after[name], name)
                    if name.startswith("$"):
                        continue
                    flag = scope.as_value(after.get(name + FLAG, True))
                    behind[name + FLAG] = self.slot(constant(False, ty.boolean), ty.boolean, "").close(flag)
            for root, slot in contents.items():
                now = memory[root]
                if now is slot.parameter:
                    self.replaced[slot.parameter] = slot.initial
                elif isinstance(now, Poison):
                    self.poison(root, now)
                else:
                    self.fit(now.type, slot, root)
                    self.results_memory[root] = slot.close(now)

        slots = [slot for slot in self.slots.values() if slot.yielded is not None]
        slot_parameters = [slot.parameter for slot in slots]
        header = [index] if parts.bounds else []
        yields = [slot.yielded for slot in slots if slot.yielded is not None]
        regions = [substitute(builder.block([*header, *slot_parameters], stops + yields), self.replaced)]
        if condition is not None:
            ops, holds = condition
            block = substitute(Block(tuple(slot_parameters), ops, (holds,)), self.replaced)
            regions.insert(0, rename(block, {}))
        trips = [Value("trips", ty.int64)] if parts.stop or not parts.bounds else []
        current_builder().region(
            "for" if parts.bounds else "while",
            [*(parts.bounds or ()), *(slot.initial for slot in slots)],
            regions,
            [*trips, *(slot.result for slot in slots if slot.result is not None)],
            {
                **({"leaves": True} if parts.stop else {}),
                **({"checkpoint": True} if parts.checkpoint else {}),
            },
            location,
        )
        scope.frame.env = behind
        poisoned = {
            root: self.widened[root] for root in memory0 if isinstance(self.widened.get(root), Poison)
        }
        scope.memory = {**memory0, **self.results_memory, **poisoned}

    def condition(self, env: dict[str, Any]) -> tuple[tuple[Op, ...], Value]:
        scope = self.scope
        assert self.parts.condition is not None
        scope.frame.env, before = dict(env), dict(scope.memory)
        with Builder(current_builder().location) as builder:
            holds = self.parts.condition()
        if any(scope.memory[root] is not version for root, version in before.items()):
            scope.refuse("the condition of a `while` writes an array", instead="write it in the body")
        if any(thing is not env.get(name) for name, thing in scope.frame.env.items()):
            scope.refuse("`:=` in the condition of a `while`", instead="`while True:` with a `break`")
        return tuple(builder.ops), holds

    @contextmanager
    def body_runs(self, index: Value) -> Iterator[None]:
        """Within it, a loop that counts up from zero or more has an end above zero."""
        scope = self.scope
        end = scope.ends.get(index) if index in scope.nonnegative else None
        base, shift = scope.shifted(end) if end is not None else (None, 0)
        before = dict(scope.least)
        if base is not None:
            scope.least[base] = max(scope.least.get(base, 1 - shift), 1 - shift)
        try:
            yield
        finally:
            scope.least = before

    def never_negative(self, bounds: tuple[Value, Value, Value]) -> bool:
        """Whether the index of a `for` with these bounds is certainly not negative."""
        low, high, step = bounds

        def at_least(value: Value, least: int) -> bool:
            return value.constant >= least if value.is_constant else value in self.scope.nonnegative

        if not step.is_constant:
            return at_least(low, 0) and at_least(high, -1)
        return at_least(low, 0) if step.constant > 0 else at_least(high, -1)

    def slot(self, initial: Value, type: Type, name: str, key: Any = None) -> Slot:
        type = self.widened.get(key, type)
        slot = Slot(initial, Value(name, type))
        self.slots[slot.parameter] = slot
        return slot

    def poison(self, key: Any, poison: Poison) -> NoReturn:
        """A later trip cannot read this: build the loop again with no trip reading it."""
        self.widened[key] = poison
        raise Retry(self.widened)

    def fit(self, type: Type, slot: Slot, key: Any) -> None:
        """Make sure that the slot holds arrays of this type, or build the loop again."""
        if type != slot.parameter.type:
            self.widened[key] = join_array_types(type, slot.parameter.type)
            if self.widened[key] != slot.parameter.type:
                raise Retry(self.widened)

    def parameter(self, thing: Any, name: str, path: Any, memory: dict[Root, Value | Poison]) -> Any:
        """What a carried name stands for at the start of a trip."""
        scope = self.scope
        if isinstance(self.widened.get(path), Poison):
            return self.widened[path]
        if is_scalar(thing):
            first = scope.carried_float if isinstance(thing, float) else scope.as_value(thing).type
            type = self.widened.get(path) or first
            initial = scope.cast(scope.as_value(thing, type), type)
            return self.slot(initial, type, "" if name.endswith(FLAG) else name).parameter
        parts = parts_of(thing)
        if parts is not None:
            inner = [self.parameter(part, "", (*path, k), memory) for k, part in enumerate(parts)]
            return with_parts(thing, inner)
        if isinstance(thing, ArrayView):
            version = memory[thing.root]
            if isinstance(version, Poison):
                return version
            in_place_of = thing.root.in_place_of
            if not thing.whole:
                version = self.copied(thing, name, memory)
                in_place_of = f"{said(name)} may still be the part of an array that it names before the loop"
            slot = self.slot(version, version.type, name, path)
            root = Root(slot.parameter.type, name, is_list=thing.root.is_list, in_place_of=in_place_of)
            root.may_be(thing.root, apart=self.pointers)
            for other in self.widened.get((ALIASES, path), ()):
                root.may_alias(other)
            for other_path, start, pointer in self.entered:
                if thing.root.shares(start) or (path, other_path) in self.widened.get(ALIASES, ()):
                    root.may_alias(pointer)
            self.entered.append((path, thing.root, root))
            self.pointers[root] = slot
            scope.memory[root] = slot.parameter
            return whole_view(root)
        return thing

    def copied(self, view: ArrayView, name: str, memory: dict[Root, Value | Poison]) -> Value:
        """A copy, before the loop, of a part of an array that a name stands for until the loop gives it another."""
        inside, self.scope.memory = self.scope.memory, dict(memory)
        version = self.scope.version(self.scope.copy(view, name).root)
        self.scope.memory = inside
        return version

    def leave(self, initial: Any, parameter: Any, after: Any, name: str, path: Any) -> Any:
        """Close the slots of one name; gives what it stands for behind the loop."""
        scope = self.scope
        changes = (
            f"{said(name)} is {describe(initial)} before this loop and {describe(after)} after a trip of it"
        )
        instead = "use another name"
        if isinstance(initial, ArrayView) and isinstance(after, ArrayView):
            kinds = [ty.name_of(x.root.type.dtype) for x in (initial, after)]
            if kinds[0] != kinds[1]:
                changes = f"{said(name)} holds {kinds[0]} before this loop and {kinds[1]} after a trip of it"
                instead = "an array of the second type before the loop"
        match parameter, after:
            case Poison(), _:
                return initial if same(initial, after) else parameter
            case _, Poison():
                self.poison(path, after)
            case Value(), _ if is_scalar(after):
                weak = is_number(initial) and path not in self.widened
                type = join_types(initial if weak else parameter, after)
                if type != parameter.type:
                    self.widened[path] = type
                    raise Retry(self.widened)
                return self.slots[parameter].close(scope.cast(scope.as_value(after, type), type))
            case _ if alike(parameter, after):
                triples = zip(*(parts_of(x) or () for x in (initial, parameter, after)), strict=True)
                left = [self.leave(i, p, a, name, (*path, k)) for k, (i, p, a) in enumerate(triples)]
                return with_parts(initial, left)
            case ArrayView(), ArrayView() if (
                after.whole
                and compatible_arrays(after.root.type, parameter.root.type)
                and after.root.is_list == parameter.root.is_list
            ):
                return self.leave_array(initial, parameter.root, after.root, name, path)
            case ArrayView(), ArrayView() if not after.whole:
                what = f"{said(name)} names a part of an array before this loop, and another one in it"
                self.poison(path, Poison(what, "give it another name inside the loop"))
            case _:
                return initial if same(initial, after) else self.poison(path, Poison(changes, instead))

    def leave_array(self, initial: ArrayView, parameter: Root, after: Root, name: str, path: Any) -> Any:
        slot = self.pointers[parameter]
        version = self.scope.memory[after]
        if isinstance(version, Poison):
            self.poison(path, version)
        self.fit(version.type, slot, path)
        self.follow(path, parameter, after)
        shape = initial.root.shape if initial.whole else None
        known = shape is not None and (after is parameter or (after.shape and same(shape, after.shape)))
        root = Root(
            slot.parameter.type,
            name,
            shape if known else None,
            is_list=after.is_list,
            in_place_of=parameter.in_place_of,
        )
        for other in parameter.aliases:
            if other not in self.pointers:
                root.may_alias(other)
        for _, pointer, _, behind in self.left:
            if parameter.shares(pointer):
                root.may_alias(behind)
        self.left.append((path, parameter, after, root))
        self.results_memory[root] = slot.close(version)
        return whole_view(root)

    def follow(self, path: Any, parameter: Root, after: Root) -> None:
        """Let a carried array alias in every trip what it may be after one; the loop is built again for that."""
        outer = {root for root in (after, *after.aliases) if root in self.memory0} - parameter.aliases
        pairs = {
            (path, other)
            for other, pointer, earlier, _ in self.left
            if after.shares(earlier) and not parameter.shares(pointer)
        }
        for key, found in (((ALIASES, path), outer), (ALIASES, pairs)):
            if found:
                self.widened[key] = self.widened.get(key, set()) | found
                self.moved = True

    def expose(self, thing: Any, name: str) -> Any:
        """Let a name first bound in the body be read behind the loop."""
        if is_scalar(thing):
            value = self.scope.as_value(thing)
            return self.slot(zero(value.type), value.type, name).close(value)
        parts = parts_of(thing)
        if parts is not None:
            return with_parts(thing, [self.expose(part, "" if is_scalar(part) else name) for part in parts])
        if isinstance(thing, ArrayView):
            return Poison(
                f"the array `{name}` is first named inside a loop and read behind it",
                f"name an array `{name}` before the loop, or use it inside the loop",
            )
        return thing


__all__ = ["FLAG", "Frame", "LoopParts", "Scope", "describe", "number_type", "same"]
