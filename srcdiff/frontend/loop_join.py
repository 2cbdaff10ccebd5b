"""Build one loop: parameters for all that may change, the body, then slots for what did change.

    while x < 1.0:                 while x0 -> {
        x = x * r          ->          yield mul x1 r
                                   } -> x

Everything that the body may change is a parameter of it at first; what turns out to be unchanged is put back. Where a
trip leaves a wider type, or an array that may be other memory, `Retry` says so, and `Loops` builds the loop again.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from ..errors import AliasError
from ..ir import types as ty
from ..ir.builder import Builder, constant, zero
from ..ir.core import Block, Op, Value
from ..ir.operators import current_builder
from ..ir.types import Type
from ..ir.walk import rename, substitute
from .agreement import (
    compatible_arrays,
    holds_arrays,
    join_array_types,
    join_types,
    kind_of_thing,
    same,
    unlike,
)
from .describe import describe, said
from .scope import FLAG, Scope
from .things import ArrayView, Growing, Poison, Root, is_scalar, whole_view
from .trees import alike, joined_identities, parts_of, with_parts

EARLY = "bound by an earlier trip"
ALIASES = "what an array may be from the second trip on"
GONE = "what a trip leaves unreadable"
STRONG = "not a number of Python after a trip"


class Retry(Exception):
    """A loop has to be built again: what it carries has a wider type than its initial value, or was not known."""

    def __init__(self, loop: dict[Any, Any]) -> None:
        self.loop = loop


class Differs(Exception):
    """The first trip of a loop leaves in a name something of another kind than was there before."""


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
    bind: Callable[[Any], None] | None = None
    condition: Callable[[], Value] | None = None
    index: str = ""  # what the index is called if the user has no name for it
    checkpoint: bool = False  # whether the reverse sweep makes its trips again
    site: Any = None  # where it is in the source, if its first trip may be read apart
    apart: bool = False  # whether it is now to be, where what it carries changes its kind
    before: str = "before this loop"  # when what it carries is as it starts
    behind: Callable[[], None] = lambda: None  # what is to be done behind the loop


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
        self.location = current_builder().location
        self.moved = False  # whether the loop is built again for what its names turned out to be
        self.gave_way = scope.gave_way

    def build(self) -> None:
        """Build the loop, and let the scope go on behind it."""
        scope, parts = self.scope, self.parts
        env0 = {name: self.widened.get((GONE, name), thing) for name, thing in scope.frame.env.items()}
        names = [key for n in parts.assigned for key in (n, n + FLAG) if key in env0]
        contents = self.enter_memory()
        parameters = {name: self.parameter(env0[name], name, (name,), self.memory0) for name in names}
        env = {**env0, **parameters}
        condition = self.condition(env) if parts.condition else None
        index = self.index()
        items = len(scope.appended)
        with Builder(self.location) as builder:
            stops = self.trip(env, index)
            for root, node in scope.appended[items:]:
                self.check_item(root, node, contents)
            after = scope.frame.env
            self.check_gone(env0, after)
            self.check_kinds(after)
            behind = dict(env0)
            for name in names:
                now = after.get(name, True) if name.endswith(FLAG) else after[name]
                behind[name] = self.leave(env0[name], parameters[name], now, name, (name,))
            if self.moved:
                raise Retry(self.widened)
            behind.update(self.exposed(env0, after))
            self.leave_memory(contents)
        self.emit(builder, index, stops, condition)
        scope.frame.env = behind
        poisoned = {
            root: self.widened[root] for root in self.memory0 if isinstance(self.widened.get(root), Poison)
        }
        scope.memory = {**self.memory0, **self.results_memory, **poisoned}

    def enter_memory(self) -> dict[Root, Slot]:
        """A slot for what each array holds, which is its memory at the start of a trip."""
        self.scope.memory = dict(self.memory0)
        contents = {}
        for root, version in self.memory0.items():
            if isinstance(self.widened.get(root), Poison):
                self.scope.memory[root] = self.widened[root]
            elif isinstance(version, Value):
                name = version.name if ty.is_array(version.type) else root.name
                contents[root] = self.slot(version, version.type, name, root)
                self.scope.memory[root] = contents[root].parameter
        return contents

    def check_gone(self, env0: dict[str, Any], after: dict[str, Any]) -> None:
        """What a trip leaves unreadable, though it does not bind it, is so for the next one and behind the loop."""
        for name, thing in env0.items():
            poison = after.get(name)
            if (
                name not in self.parts.assigned
                and isinstance(poison, Poison)
                and not isinstance(thing, Poison)
            ):
                self.widened[GONE, name] = poison
                raise Retry(self.widened)

    def check_kinds(self, after: dict[str, Any]) -> None:
        """What was read before it was known what binds it has been taken for a number."""
        for name in self.parts.assigned:
            kind = self.widened.get((EARLY, name))
            found = None if kind is None or parts_of(kind) is not None else kind_of_thing(after.get(name))
            if found is not None and (parts_of(found) is not None or unlike(found, kind)):
                self.widened[EARLY, name] = found
                raise Retry(self.widened)

    def check_item(self, root: Root, node: ast.AST | None, contents: dict[Root, Slot]) -> None:
        """What one trip appends to a list must not be changed by the next one, since the list would see it."""
        slot = contents.get(root) or self.pointers.get(root)
        if slot is not None and self.scope.memory[root] is not slot.parameter:
            self.scope.refuse(
                f"{said(root.name)} is appended to a list, and changed by the next trip",
                "that changes the item too",
                f"a copy: `{root.name or 'x'}.copy()`",
                node=node,
                kind=AliasError,
            )

    def index(self) -> Value:
        """The index of the loop, with what is known of it."""
        index, bounds = Value(self.parts.index, ty.int64), self.parts.bounds
        if bounds is not None:
            if bounds[2].is_constant and bounds[2].constant > 0:
                self.scope.ends[index] = bounds[1]
            if self.never_negative(bounds):
                self.scope.nonnegative.add(index)
        return index

    def trip(self, env: dict[str, Any], index: Value) -> list[Value]:
        """Build one trip; gives whether it is the last, if the body says so."""
        scope, parts = self.scope, self.parts
        scope.frame.env = dict(env)
        if parts.stop:
            scope.frame.env[parts.stop] = False
        if parts.bind is not None:
            parts.bind(index)
        with self.body_runs(index):
            parts.body()
        stops = [scope.as_value(scope.frame.env.pop(parts.stop))] if parts.stop else []
        scope.dead = False
        return stops

    def exposed(self, env0: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
        """The names that the body binds first, as they are read behind the loop."""
        found = {}
        names = [n for n in self.parts.assigned if n not in env0 and n in after and n in self.parts.exposed]
        # What a trip need not bind is behind the loop what an earlier one has bound.
        uneven = [n for n in names if after.get(n + FLAG, True) is not True and not n.startswith("$")]
        kinds = {n: kind_of_thing(after[n]) for n in names if n in uneven or holds_arrays(after[n])}
        carried = {n: kind for n, kind in kinds.items() if kind is not None}
        if carried:
            self.widened.update({(EARLY, n): kind for n, kind in carried.items()})
            raise Retry(self.widened)
        for name in names:
            found[name] = self.expose(after[name], name)
            if name.startswith("$"):
                continue
            if name in uneven and not isinstance(found[name], Poison):
                found[name] = Poison(
                    f"{said(name)} is not bound in every trip of a loop and read behind it",
                    f"give {said(name)} a value before the loop",
                )
            flag = self.scope.as_value(after.get(name + FLAG, True))
            found[name + FLAG] = self.slot(constant(False, ty.boolean), ty.boolean, "").close(flag)
        return found

    def leave_memory(self, contents: dict[Root, Slot]) -> None:
        """Close the slots of what arrays hold; an array that no trip writes needs none."""
        poisoned = {root: self.scope.memory[root] for root in contents}
        poisoned = {root: now for root, now in poisoned.items() if isinstance(now, Poison)}
        if poisoned:
            self.widened.update(poisoned)
            raise Retry(self.widened)
        for root, slot in contents.items():
            now = self.scope.memory[root]
            if now is slot.parameter:
                self.replaced[slot.parameter] = slot.initial
            else:
                assert isinstance(now, Value)
                self.fit(now.type, slot, root)
                self.results_memory[root] = slot.close(now)

    def emit(
        self,
        builder: Builder,
        index: Value,
        stops: list[Value],
        condition: tuple[tuple[Op, ...], Value] | None,
    ) -> None:
        """Append the op: the body that was built, with a parameter for each slot that was closed."""
        parts = self.parts
        slots = [slot for slot in self.slots.values() if slot.yielded is not None]
        parameters = [slot.parameter for slot in slots]
        header = [index] if parts.bounds else []
        yields = [slot.yielded for slot in slots if slot.yielded is not None]
        regions = [substitute(builder.block([*header, *parameters], stops + yields), self.replaced)]
        if condition is not None:
            ops, holds = condition
            block = substitute(Block(tuple(parameters), ops, (holds,)), self.replaced)
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
            self.location,
        )

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
        self.scope.starts[slot.parameter] = initial
        self.slots[slot.parameter] = slot
        return slot

    def poison(self, key: Any, poison: Poison) -> NoReturn:
        """A later trip cannot read this: build the loop again with no trip reading it, if wider types let it."""
        if not self.moved:
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
            parameter = self.slot(initial, type, "" if name.endswith(FLAG) else name).parameter
            is_weak = scope.is_weak(thing) and (STRONG, path) not in self.widened
            return scope.as_weak(parameter) if is_weak else parameter
        parts = parts_of(thing)
        if parts is not None:
            inner = [self.parameter(part, "", (*path, k), memory) for k, part in enumerate(parts)]
            carried = with_parts(thing, inner) if inner else thing
            return joined_identities(carried, self.widened.get((ALIASES, path), carried))
        if isinstance(thing, ArrayView):
            version = memory[thing.root]
            if isinstance(version, Poison):
                return version
            in_place_of = thing.root.in_place_of
            if not thing.whole:
                version = scope.copied(thing, name, memory)
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

    def leave(self, initial: Any, parameter: Any, after: Any, name: str, path: Any) -> Any:
        """Close the slots of one name; gives what it stands for behind the loop."""
        scope = self.scope
        changes = f"{said(name)} is {describe(initial)} {self.parts.before} and {describe(after)} after a trip of it"
        instead = "use another name"
        if isinstance(initial, ArrayView) and isinstance(after, ArrayView):
            kinds = [ty.name_of(x.root.type.dtype) for x in (initial, after)]
            if kinds[0] != kinds[1]:
                changes = (
                    f"{said(name)} holds {kinds[0]} {self.parts.before} and {kinds[1]} after a trip of it"
                )
                instead = "an array of the second type before the loop"
        match parameter, after:
            case Poison(), _:
                return initial if same(initial, after) else parameter
            case _, Poison() if not self.parts.apart:
                self.poison(path, replace(after, loop=self.parts.site))
            case Value(), _ if is_scalar(after):
                weak = scope.is_weak(initial) and path not in self.widened
                type = self.carried_type(initial, after) if weak else join_types(parameter, after)
                becomes_strong = parameter in scope.weak and not scope.is_weak(after)
                if type != parameter.type or (becomes_strong and scope.gave_way > self.gave_way):
                    self.widened[path] = type
                    if becomes_strong:
                        self.widened[STRONG, path] = type
                    self.moved = True
                    return parameter
                result = self.slots[parameter].close(scope.cast(scope.as_value(after, type), type))
                return scope.as_weak(result) if scope.is_weak(parameter) and scope.is_weak(after) else result
            case _ if alike(parameter, after):
                triples = zip(*(parts_of(x) or () for x in (initial, parameter, after)), strict=True)
                left = [self.leave(i, p, a, name, (*path, k)) for k, (i, p, a) in enumerate(triples)]
                if joined_identities(parameter, after) is not parameter:
                    self.widened[ALIASES, path] = after
                    raise Retry(self.widened)
                return joined_identities(with_parts(initial, left), parameter)
            case ArrayView(), ArrayView() if (
                after.whole
                and compatible_arrays(after.root.type, parameter.root.type)
                and after.root.is_list == parameter.root.is_list
            ):
                return self.leave_array(initial, parameter.root, after.root, name, path)
            case ArrayView(), ArrayView() if not after.whole:
                what = f"{said(name)} names a part of an array before this loop, and another one in it"
                self.poison(path, Poison(what, "a copy of it, or another name inside the loop"))
            case _:
                if same(initial, after):
                    return initial
                if self.parts.apart:
                    raise Differs
                self.poison(path, Poison(changes, instead, loop=self.parts.site))

    def carried_type(self, initial: Any, after: Any) -> Type:
        """The type of a name that is a number of Python before the loop."""
        if isinstance(initial, Value) and not self.scope.is_weak(after):
            return ty.promote_weak(after.type, initial.type)
        return join_types(initial, after)

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
            what, own = "part of an array", "{}.copy()"
            if thing.root.is_list:
                what, own = "list", "np.array({})"
            if name.startswith("$"):
                return Poison(
                    f"a {what} is returned from inside a loop",
                    f"an array of its own: `return {own.format('x')}`",
                )
            return Poison(
                f"the {what} `{name}` is first named inside a loop and read behind it",
                f"`{name} = {own.format(name)}` in the loop, or use it there only",
            )
        if isinstance(thing, Growing) and thing.items not in self.memory0:
            return Poison(
                f"the list `{name}` is made inside a loop and read behind it", "make it before the loop"
            )
        return thing


__all__ = ["EARLY", "Differs", "LoopJoin", "LoopParts", "Retry"]
