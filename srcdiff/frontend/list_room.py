"""How much room a list that grows needs: the trips of the loops around, in terms of what is known where it is made.

xs = []
for i in range(n):           room: n; that of an item: the length of x
    xs.append(x * i)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import IN_PLACE, Value, loop_slots
from .agreement import same
from .captures import fetched
from .list_items import ItemsOfLists, Terms
from .scope import maker_of
from .things import ArrayView, Length, Root, is_number
from .trees import Tree

Path = tuple[Any, ...]  # a name, and the keys of parts in it
ARITHMETIC = ("add", "sub", "mul", "min", "max", "neg", "floordiv")


@dataclass(eq=False)
class Made:
    """Where a list was made: its place in the source, the block, the loops around it and the names that there were."""

    site: Any
    builder: Builder
    depth: int
    env: dict[str, Any]
    memory: dict[Root, Any]
    times: dict[Any, int] = field(default_factory=dict)  # how often each place was read where it grows
    held: Any = None  # what stands for the list


class RoomOfLists(ItemsOfLists):
    """How much room lists need."""

    def length_of(self, terms: Terms, made: Made) -> Length:
        """The number that terms stand for where the list is made."""
        if is_number(terms):
            return terms
        match terms:
            case ("name", path):
                return part_at(made.env, path)
            case ("length", path, axis):
                return self.length(part_at(made.env, path), axis)
            case ("captured", where, axis):
                thing = self.captured(fetched(where), where, where[2], self.current_node)
                return thing if axis is None else thing.root.shape[axis]
            case (primitive, *operands):
                return self.scalar(primitive, *(self.length_of(operand, made) for operand in operands))
        raise AssertionError(terms)

    def room(self, made: Made) -> Terms | None:
        """How many items a place adds at most: the trips of the loops around it since the list was made. A loop with a
        `break` may be far from making all of its trips."""
        room: Terms = 1
        for _, parts, _, _ in self.loops[made.depth :]:
            if parts.bounds is None or parts.stop:
                return None
            low, high, step = parts.bounds
            if not step.is_constant:
                return None
            if step.constant < 0:
                low, high = high, low
            first, last = self.terms_of(low, made), self.terms_of(high, made, upper=True)
            if first is None and low in self.nonnegative:
                first = 0
            if first is None or last is None:
                return None
            span = last if same(first, 0) else ("sub", last, first)
            stride = abs(step.constant)
            if stride != 1:
                span = ("floordiv", ("add", span, stride - 1), stride)
            room = ("mul", room, ("max", span, 0)) if room != 1 else ("max", span, 0)
        return room

    def terms_of(self, length: Length, made: Made, upper: bool = False) -> Terms | None:
        """A number in terms of what is known where the list is made, None if it is not known there; with `upper`, a
        number that it does not exceed."""
        if is_number(length):
            return int(length)
        if length.is_constant:
            return int(length.constant)
        for path, thing in parts_in(made.env):
            if thing is length:
                return "name", path
            if isinstance(thing, ArrayView):
                axis = next((k for k, n in enumerate(self.known_lengths(thing)) if n is length), None)
                if axis is not None:
                    return "length", path, axis
        for (key, value), where in zip(self.captures.values.items(), self.captures.fetch, strict=True):
            if value is length:
                return "captured", where, None
            root = self.captures.roots.get(key)
            axis = next((k for k, n in enumerate(root.shape or ()) if n is length), None) if root else None
            if axis is not None:
                return "captured", where, axis
        if upper and length in self.ends:
            end = self.terms_of(self.ends[length], made, upper=True)
            return None if end is None else ("sub", end, 1)
        maker = maker_of(length)
        if maker is not None and maker.primitive == "shape":
            return self.length_before(maker.operands[0], maker.attributes["axis"], made)
        if maker is None or maker.primitive not in ARITHMETIC or maker.result.type != ty.int64:
            return None
        moves = upper and maker.primitive in ("add", "max", "min")
        operands = [self.terms_of(operand, made, moves) for operand in maker.operands]
        return None if None in operands else (maker.primitive, *operands)

    def length_before(self, version: Value, axis: int, made: Made) -> Terms | None:
        """The length of what an array was before the loops that are read and the stores into it.

        What a loop carries may be another array in each trip; that it is as long is checked for each item.
        """
        paths = {
            made.memory.get(thing.root): path
            for path, thing in parts_in(made.env)
            if isinstance(thing, ArrayView) and thing.whole
        }
        while version not in paths:
            maker = maker_of(version)
            if version in self.starts:
                version = self.starts[version]
            elif maker is None:
                return None
            elif maker.primitive == "alloc":
                return self.terms_of(maker.operands[axis], made)
            elif maker.primitive in ("for", "while"):
                version = next(slot[0] for slot in loop_slots(maker) if slot[3] is version)
            elif maker.primitive in IN_PLACE or maker.primitive == "copy":
                version = maker.operands[0]
            else:
                return None
        return "length", paths[version], axis


def parts_in(env: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """What the names stand for, and the parts of structures among that, each with the way to it."""
    waiting: list[tuple[Path, Any]] = [((name,), thing) for name, thing in env.items()]
    for path, thing in waiting:
        yield path, thing
        if isinstance(thing, Tree):
            waiting += [((*path, name), part) for name, part in zip(thing.names, thing.parts, strict=True)]
        elif isinstance(thing, tuple):
            waiting += [((*path, k), part) for k, part in enumerate(thing)]


def part_at(env: Mapping[str, Any], path: Path) -> Any:
    name, *keys = path
    thing = env[name]
    for key in keys:
        thing = thing.parts[thing.names.index(key)] if isinstance(thing, Tree) else thing[key]
    return thing


__all__ = ["Made", "RoomOfLists"]
