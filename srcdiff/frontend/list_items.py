"""Items of lists: one memory with what else has a name, rows of their own, replaced.

r = x * 2.0                  r = x * 2.0
xs.append(r)          ->     the elements of r go into a row of the array of items, which may be its memory
r[0] = 1.0                   refused if xs is read: the item would change too
xs[1] = y                    the row gets other elements; names for the former item are not read any more
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..errors import AliasError
from ..ir import types as ty
from ..ir.core import Value
from ..ir.types import Type
from .agreement import same
from .describe import describe
from .iteration import Iteration
from .scope import Frame, ReadAgain
from .things import ArrayView, Growing, ListItems, Poison, Root, is_arraylike, is_list, is_scalar
from .trees import parts_of

# A number, ("name", name), ("length", name, axis), ("captured", where, axis), or (primitive, *terms).
Terms: TypeAlias = Any
ITEM_WRITTEN = "an item of a list of arrays is written"


@dataclass
class Grown:
    """What reading a function has shown of a list that grows.

    Attributes
    ----------
    dtype, lengths : of an item.
    is_guess : whether no item has been seen yet.
    is_shared : whether arrays that became items have names too, so that items must not be written.
    room : for each place where it grows, and each time that it is read, how many items there are at most, which may
        differ from call to call of a function; None where that is not known.
    """

    dtype: Type
    lengths: tuple[Terms, ...]
    room: dict[Any, list[set[Terms | None]]] = field(default_factory=dict)
    is_guess: bool = False
    is_shared: bool = False


class ItemsOfLists(Iteration):
    """Items of lists."""

    def __init__(self) -> None:
        super().__init__()
        self.known_of: dict[
            Root, Grown
        ] = {}  # what is known of the lists that grow, by the arrays of their items

    def row_type(self, thing: Any) -> Type | None:
        """The type of the elements of a row, if a thing is one as an item: a tuple of numbers of one kind."""
        if not isinstance(thing, tuple) or not thing or not all(map(is_scalar, thing)):
            return None
        types = [part.type for part in thing if isinstance(part, Value)]
        if len({(ty.is_differentiable(type), ty.is_boolean(type)) for type in types}) > 1:
            return None
        return functools.reduce(ty.promote, (self.as_value(part).type for part in thing))

    def put_item(self, place: ArrayView, thing: Any, node: ast.AST | None) -> None:
        """Let the elements of an item be those of a tuple, or of an array, which may have other names."""
        root = place.root
        shape = self.shape(thing) if is_arraylike(thing) else (len(thing),)
        for k, (own, length) in enumerate(zip(shape, self.shape(place), strict=True)):
            if not same(own, length):
                fits = self.scalar("eq", own, length)
                self.require(fits, "ValueError", f"items of different lengths along axis {k}")
        # What the other items are is not changed.
        before, aliases = root.in_place_of, root.aliases
        root.in_place_of, root.aliases = "", set()
        if is_arraylike(thing):
            self.fill(place, thing)
        else:
            for k, part in enumerate(thing):
                self.store(place, (k,), part)
        root.in_place_of, root.aliases = before, aliases
        if isinstance(thing, ArrayView) and self.is_reached(thing.root):
            self.share_items(root, node)
            for other in {thing.root, *thing.root.aliases, *thing.root.links}:
                root.may_alias(other)
                self.appended.append((other, node))

    def share_if_held(self, root: Root, thing: Any, node: ast.AST | None) -> None:
        """Where a list of items known one by one becomes an item, that is a copy: no other name may tell."""
        if isinstance(thing, ListItems) and self.is_held(thing):
            self.share_items(root, node)

    def share_items(self, root: Root, node: ast.AST | None) -> None:
        """Items must not be written, from the start: what has another name is one of them."""
        if root.in_place_of:
            return
        known = self.known_of.get(root)
        if known is not None:
            known.is_shared = True
            raise ReadAgain
        if self.loops:
            self.refuse("an item of a list that has another name too", instead="a copy of it", node=node)
        root.in_place_of = ITEM_WRITTEN

    def replace_row(self, array: ArrayView, items: tuple[Any, ...], thing: Any, node: ast.AST) -> bool:
        """`xs[i] = item` for a list of lists, tuples or arrays; whether it is one. Python gives the place to another
        object: names for the former item keep that."""
        if not is_list(array) or array.ndim < 2 or len(items) != 1 or not is_scalar(items[0]):
            return False
        self.share_if_held(array.root, thing, node)
        thing = self.settled(thing)
        place = self.place_of(array, items)
        ndim = 1 if self.row_type(thing) is not None else thing.ndim if is_arraylike(thing) else 0
        if ndim != place.ndim:
            self.refuse(
                f"{describe(thing)} as an item of this list", instead="one like the others", node=node
            )
        if isinstance(thing, ArrayView) and thing.root is array.root:
            self.share_items(array.root, node)
            thing = self.copy(thing)
        self.put_item(place, thing, node)
        why = "this is an item of a list that has been replaced since"
        self.forget(array.root, why, lists=False, items=True)
        return True

    def forget(self, root: Root, why: str, lists: bool, items: bool) -> None:
        """Let names not be read that stand for a list, or for items of it, which are arrays."""
        gone = Poison(why, "the list by its name", AliasError)

        def is_one(thing: Any) -> bool:
            parts = parts_of(thing)
            if parts is not None:
                return any(map(is_one, parts))
            if not isinstance(thing, ArrayView) or thing.root is not root:
                return False
            return lists if any(axis is not None and axis.of == 0 for axis in thing.axes) else items

        for frame in self.frames():
            for name in [name for name, thing in frame.env.items() if is_one(thing)]:
                frame.env[name] = gone

    def is_held(self, thing: Any, but: tuple[Frame, str] | None = None) -> bool:
        """Whether a name, `but` for one, or a part of what it stands for, is a thing."""
        return any(
            holds(other, thing)
            for frame in self.frames()
            for name, other in frame.env.items()
            if (frame, name) != but
        )

    def is_reached(self, root: Root) -> bool:
        """Whether the memory of an array that becomes an item has a name too, or is the caller's."""
        same = {root, *root.aliases, *root.links}

        def reaches(thing: Any) -> bool:
            if isinstance(thing, ArrayView):
                return not same.isdisjoint((thing.root, *thing.root.aliases))
            if isinstance(thing, Growing):
                return thing.items in same
            return any(map(reaches, parts_of(thing) or ()))

        things = (thing for frame in self.frames() for thing in frame.env.values())
        return not self.given.isdisjoint(same) or any(map(reaches, things))

    def frames(self) -> Iterator[Frame]:
        """The functions that are being read: this one, those around it, and those that called them."""
        waiting, seen = [self.frame], set()
        while waiting:
            frame = waiting.pop()
            if frame not in seen:
                seen.add(frame)
                yield frame
                waiting += [other for other in (frame.parent, frame.caller) if other is not None]


def holds(thing: Any, part: Any) -> bool:
    """Whether a thing is another one, or has it among its parts."""
    return thing is part or any(holds(one, part) for one in parts_of(thing) or ())


__all__ = ["ITEM_WRITTEN", "Grown", "ItemsOfLists", "Terms"]
