"""Build `if`, and join what its two arms leave.

    if c:                          c -> if {
        x = a                          yield a
    else:                  ->      } else {
        x = b                          yield b
                                   } -> x

Names and memory are copied for each arm; where the copies differ, what they hold becomes a result of the `if`. What
cannot be one of two things, such as an array of one type and one of another, becomes poison: it is refused if it is
read. Two views of different arrays are copied, and the copy is refused if it is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..ir import types as ty
from ..ir.builder import Builder, zero
from ..ir.core import Value
from ..ir.operators import current_builder
from ..ir.types import Type
from .agreement import compatible_arrays, join_array_types, join_types, same, same_axis
from .describe import describe, said
from .scope import FLAG, Scope
from .things import ArrayView, Axis, Growing, Length, Poison, Root, Static, is_scalar, whole_view
from .trees import alike, joined_identities, parts_of, with_parts


class Branches(Scope):
    """Names and memory, joined behind an `if`."""

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
            return self.scope.as_weak(result) if self.scope.is_weak(a) and self.scope.is_weak(b) else result
        if self.dead1 or self.dead2:
            return self.join_with_nothing(b if self.dead1 else a, self.dead2, name)
        if alike(a, b):
            pairs = zip(parts_of(a) or (), parts_of(b) or (), strict=True)
            return joined_identities(with_parts(a, [self.join(x, y, "") for x, y in pairs]), b)
        if isinstance(a, ArrayView) and isinstance(b, ArrayView):
            return self.join_views(a, b, name)
        what = f"{said(name)} is {describe(a)} in one branch and {describe(b)} in the other"
        if isinstance(a, Static) and isinstance(b, Static):
            which = f"which of {describe(a)} and {describe(b)} {said(name)} is"
            what = f"{which} depends on a condition that is not constant"
            return Poison(what, "a number that says which, and an `if` where it is used")
        return Poison(what, "give it one type in both")

    def join_views(self, a: ArrayView, b: ArrayView, name: str) -> Any:
        """A part of an array whose place is joined, one of two whole arrays, or one of two copies of what the arms
        name, which nobody may write."""
        if same(a, b):
            return a
        v1, v2 = self.memory1[a.root], self.memory2[b.root]
        if isinstance(v1, Poison) or isinstance(v2, Poison):
            return v1 if isinstance(v1, Poison) else v2
        if a.root is b.root and axes_of(a) == axes_of(b):
            return self.join_places(a, b)
        whole = a.whole and b.whole
        if whole and (a.root, b.root) in self.roots:
            return whole_view(self.roots[a.root, b.root])
        is_list = a.root.is_list
        if is_list != b.root.is_list or (is_list and not whole):
            return Poison(
                f"{said(name)} is one of two different lists, or of parts of them", "copy one of them"
            )
        shape = a.root.shape if a.root.shape and b.root.shape and same(a.root.shape, b.root.shape) else None
        in_place_of = a.root.in_place_of or b.root.in_place_of
        if not whole:
            with self.then:
                v1 = self.scope.copied(a, name, self.memory1)
            with self.otherwise:
                v2 = self.scope.copied(b, name, self.memory2)
            shape, in_place_of = None, f"{said(name)} may be part of either of two arrays"
        if not compatible_arrays(v1.type, v2.type):
            return Poison(f"{said(name)} is one of two arrays of different types", "copy one of them")
        type = join_array_types(v1.type, v2.type)
        root = Root(type, name, shape, is_list=is_list, in_place_of=in_place_of)
        self.new_memory[root] = self.result(v1, v2, name, type)
        if whole:
            return whole_view(self.placed(root, a.root, b.root))
        root.may_be(a.root)
        root.may_be(b.root)
        return whole_view(root)

    def join_places(self, a: ArrayView, b: ArrayView) -> ArrayView:
        """The part of one array that is `a` after one arm and `b` after the other."""
        with self.then, self.scope.remembering(self.memory1):
            lengths1 = self.scope.shape(a)
        with self.otherwise, self.scope.remembering(self.memory2):
            lengths2 = self.scope.shape(b)

        def axis(x: Axis | None, y: Axis | None, m: Length, n: Length) -> Axis | None:
            if x is None or y is None or same_axis(x, y):
                return x
            return Axis(
                x.of, *(self.join(*pair, "") for pair in ((x.start, y.start), (x.step, y.step), (m, n)))
            )

        fixed = tuple((k, self.join(x, y, "")) for (k, x), (_, y) in zip(a.fixed, b.fixed, strict=True))
        return replace(a, fixed=fixed, axes=tuple(map(axis, a.axes, b.axes, lengths1, lengths2)))

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
            result = self.result(v1, v2, name or thing.name, thing.type)
            return self.scope.as_weak(result) if self.scope.is_weak(thing) else result
        if isinstance(thing, ArrayView) and thing.root not in self.memory_before:
            memory = self.memory1 if in_first else self.memory2
            version = memory[thing.root]
            if isinstance(version, Poison):
                return version
            arm = self.otherwise if in_first else self.then
            with arm:
                nothing = self.scope.without_elements(version.type)
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
        if isinstance(thing, Growing) and thing.items not in self.memory_before:
            return Poison(f"{said(name)} is a list that exists in one branch only", "make it before them")
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


def axes_of(view: ArrayView) -> tuple[list[int | None], list[int]]:
    """The axes of its array that a view goes along, and those at an index of which it lies."""
    return [axis.of if axis is not None else None for axis in view.axes], [of for of, _ in view.fixed]
