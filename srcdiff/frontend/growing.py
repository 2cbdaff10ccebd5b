"""Lists that grow, as arrays with room for all their items.

    xs = []                         xs = np.empty(n); count = 0
    for i in range(n):              for i in range(n):
        x = f(x)              ->        x = f(x)
        xs.append(x)                    xs[count] = x; count += 1
    return np.sum(np.array(xs))     return np.sum(xs[:count])

What the items are is not known where a list is made, and how many there will be not before the loops are read. So the
function is read again with what its calls of `append` have shown (`Grown`): the type of an item, and for each call
the trips of the loops around it, in terms of what is known where the list is made. Where there are no such terms, as
for `while`, the array grows. Where appending needs no loop or `if`, each item stays a thing of its own.

A list has one name, so that no other is left with its old length: another one is refused.
"""

from __future__ import annotations

import ast
import functools
from typing import Any, NoReturn

from ..errors import AliasError
from ..ir import types as ty
from ..ir.core import Value
from ..ir.operators import current_builder
from .describe import describe
from .list_items import ITEM_WRITTEN, Grown
from .list_room import Made, RoomOfLists
from .scope import Frame, ReadAgain
from .things import (
    ArrayView,
    Axis,
    Growing,
    Length,
    ListItems,
    Poison,
    Root,
    Scalar,
    is_arraylike,
    is_list,
    is_number,
    is_scalar,
    number_type,
    whole_view,
)


class GrowingLists(RoomOfLists):
    """Lists that grow."""

    def __init__(self) -> None:
        super().__init__()
        self.grown: dict[Any, Grown] = {}
        self.iterated: list[tuple[Frame, str]] = []  # names of what the loops that are read go over

    # ------------------------------------------------------------------------------------------ making

    def made_list(self, items: ListItems, targets: list[ast.expr], node: ast.expr) -> Any:
        """A list as it is bound to a name, if it grows under it."""
        if len(targets) != 1 or not isinstance(targets[0], ast.Name) or targets[0].id not in self.frame.grows:
            return None
        name = targets[0].id
        site = self.frame.source.function.__code__, self.frame.path, node.lineno, node.col_offset
        made = Made(site, current_builder(), len(self.loops), self.frame.visible, dict(self.memory))
        self.frame.lists[name] = made
        known = self.grown.get(site)
        settled = self.settled(items)
        made.held = settled if known is None else self.with_room(name, settled, known, made)
        return made.held

    def with_room(self, name: str, items: ListItems, known: Grown, made: Made) -> Growing:
        """An array for all items of a list, with its first ones in it."""
        room = [ways for times in known.room.values() for ways in times]
        capacity: Scalar = len(items)
        for ways in room:
            most = [self.length_of(terms, made) for terms in sorted(ways - {None}, key=str)]
            if most:
                largest = functools.reduce(lambda a, b: self.scalar("max", a, b), most)
                capacity = self.scalar("add", capacity, largest)
        is_open = any(None in ways for ways in room)
        shape = (capacity, *(self.length_of(terms, made) for terms in known.lengths))
        type = ty.array(known.dtype, len(shape))
        attributes = {"fill": "empty", "trusted": (0,)}  # what is read is there: `place` sees to that
        version = current_builder().emit("alloc", map(self.as_value, shape), type, attributes, name)
        root = self.new_root(version, (None, *shape[1:]) if is_open else shape, is_list=True)
        root.in_place_of = ITEM_WRITTEN if known.is_shared else ""
        self.known_of[root] = known
        count = Root(ty.int64, f"{name}_count")
        self.memory[count] = self.as_value(0, ty.int64)
        growing = Growing(root, count, is_open)
        for item in items:
            self.share_if_held(root, item, self.current_node)
            self.put(growing, item, self.current_node)
        return growing

    # --------------------------------------------------------------------------------------- appending

    def grow(self, name: str, frame: Frame, items: Any, node: ast.AST) -> None:
        """`name.extend(items)` for a list of a frame."""
        if not isinstance(items, tuple):
            self.refuse(
                f"a list that grows by {describe(items)}", instead="`append` in a loop over it", node=node
            )
        for item in items:
            self.append(name, frame, self.settled(item), node)

    def append(self, name: str, frame: Frame, thing: Any, node: ast.AST) -> None:
        made, held = self.list_of(name, frame, node)
        if isinstance(held, Growing):
            self.share_if_held(held.items, thing, node)
            self.learn(made, thing, node)
            self.forget_lengths(held)
            self.put(held, thing, node)
        elif current_builder() is made.builder:
            made.held = frame.env[name] = ListItems((*held, thing))
        else:
            for item in (*held, thing):
                self.learn(made, item, node if item is thing else None)

    def give_room(self, made: Made, items: ListItems) -> NoReturn:
        """Read the function again with a list of these items as one with room: what is done with it needs that."""
        for item in items:
            self.learn(made, item, None)
        self.grown.setdefault(made.site, Grown(ty.float64, (), is_guess=True))
        raise ReadAgain

    def picked_from_list(self, node: ast.expr, thing: Any, items: tuple[Any, ...]) -> None:
        """Give a list room, if it is one that grows and an item is read that is not known one by one."""
        made = self.made_of(node, thing)
        if made is not None and not is_place_in(thing, items):
            self.give_room(made, thing)

    def replace_item(self, node: ast.expr, held: Any, items: tuple[Any, ...], thing: Any) -> bool:
        """`node[items] = thing` for a list that grows, of items known one by one; whether it is one."""
        made = self.made_of(node, held)
        if made is None or not isinstance(node, ast.Name):
            return False
        frame = self.frame_of(node.id)
        assert frame is not None
        self.list_of(node.id, frame, node)
        if current_builder() is not made.builder or not is_place_in(held, items):
            self.give_room(made, held)
        (k,) = items
        made.held = frame.env[node.id] = ListItems((*held[:k], self.settled(thing), *held[k:][1:]))
        return True

    def made_of(self, node: ast.expr, thing: Any) -> Made | None:
        """Where a list of items known one by one was made, if it is one that grows."""
        frame = self.frame_of(node.id) if isinstance(node, ast.Name) else None
        if not isinstance(thing, ListItems) or frame is None:
            return None
        made = frame.lists.get(node.id)  # type: ignore[attr-defined]
        return made if made is not None and made.held is thing else None

    def list_of(self, name: str, frame: Frame, node: ast.AST) -> tuple[Made, Any]:
        """Where a list that changes was made, and what stands for it."""
        made, held = frame.lists.get(name), frame.env[name]
        if made is None or made.held is not held:
            self.refuse(
                f"`{name}` grows, and was not made here by `{name} = []`",
                "what else is it is not known",
                "a list that is made and filled in one function",
                node=node,
            )
        if name in frame.shared or self.is_held(held, (frame, name)):
            self.refuse(
                f"`{name}` grows, and has another name too",
                "that would grow as well",
                f"the other name behind the last `{name}.append`",
                node=node,
                kind=AliasError,
            )
        if (frame, name) in self.iterated:
            self.refuse(f"`{name}` grows in a loop over it", instead="a loop over a copy", node=node)
        return made, held

    def pop(self, name: str, frame: Frame, node: ast.AST) -> Any:
        """`name.pop()` for a list of a frame."""
        made, held = self.list_of(name, frame, node)
        if isinstance(held, ListItems):
            if current_builder() is not made.builder or not held:
                self.give_room(made, held)
            made.held = frame.env[name] = ListItems(held[:-1])
            return held[-1]
        last = self.subscript(self.listed(held), (-1,))
        item = last
        if isinstance(last, ArrayView):
            item = self.copy(last)
            item.root.may_be(held.items)
        self.forget_lengths(held, items=True)
        self.memory[held.count] = self.as_value(self.scalar("sub", self.count_of(held), 1), ty.int64)
        return item

    def learn(self, made: Made, thing: Any, node: ast.AST | None) -> None:
        """Read the function again if the list has no room for an item, or for one of this type."""
        row = self.row_type(thing)
        if row is None and not (is_scalar(thing) or is_arraylike(thing)):
            self.write_out_loops(made.depth)
            self.refuse(
                f"{describe(thing)} in a list that grows in a loop",
                "its items become an array",
                "a list for each part",
            )
        shape: tuple[Length, ...] = ()
        if row is not None:
            dtype, shape = row, (len(thing),)
        elif is_scalar(thing):
            dtype = thing.type if isinstance(thing, Value) else number_type(thing)
        else:
            dtype, shape = self.dtype(thing), self.shape(thing)
            most = self.most_items(thing)
            if most is not None:
                shape = (most, *shape[1:])  # that it has all of them is checked
        lengths = tuple(self.terms_of(length, made) for length in shape)
        if None in lengths:
            self.write_out_loops(made.depth)
            self.refuse(
                "a list of arrays whose length is not known where the list is made",
                instead="an array with a row for each, filled by index",
            )
        known = self.grown.setdefault(made.site, Grown(dtype, lengths))
        if known.is_guess:
            again = (known.dtype, known.lengths) != (dtype, lengths)
            known.dtype, known.lengths, known.is_guess = dtype, lengths, False
        else:
            if len(known.lengths) != len(lengths):
                self.write_out_loops(made.depth)
                self.refuse(
                    "items of different dimensions in a list that grows in a loop", instead="two lists"
                )
            join = ty.promote_weak if is_number(thing) else ty.promote
            dtype = join(known.dtype, dtype)
            again = dtype != known.dtype
            known.dtype = dtype
        if node is not None:
            site = getattr(node, "lineno", 0), getattr(node, "col_offset", 0), self.frame.source.name
            times = made.times[site] = made.times.get(site, 0) + 1
            room = known.room.setdefault(site, [])
            if len(room) < times:
                room.append(set())
            terms = self.room(made)
            again = again or terms not in room[times - 1]
            room[times - 1].add(terms)
        if again:
            raise ReadAgain

    def write_out_loops(self, depth: int) -> None:
        """Read the function again with each trip by itself of the loops inside `depth` others that go over a few
        numbers, if they are not yet: the items are then known one by one."""
        raise NotImplementedError

    def most_items(self, thing: Any) -> Length | None:
        """How many items a list that grows has at most, if a thing is one and that is known."""
        if not isinstance(thing, ArrayView) or not is_list(thing) or thing.fixed or not thing.root.shape:
            return None
        return thing.root.shape[0]

    def put(self, growing: Growing, thing: Any, node: ast.AST | None) -> None:
        """The item behind those that there are."""
        root = growing.items
        count = self.count_of(growing)
        if isinstance(thing, ArrayView) and thing.root is root:
            self.refuse("an item of a list that becomes one once more", instead="a copy of it", node=node)
        if growing.is_open:
            version = self.version(root)
            roomy = current_builder().emit("ensure", (version, count), version.type, name=version.name)
            self.memory[root] = roomy
        place = ArrayView(root, tuple(Axis(k) for k in range(1, root.type.ndim)), ((0, count),))
        if is_scalar(thing):
            self.store(place, (), thing)
        else:
            root.of_arrays = is_arraylike(thing) and not is_list(thing)
            self.put_item(place, thing, node)
        self.memory[growing.count] = self.as_value(self.scalar("add", count, 1), ty.int64)

    def count_of(self, growing: Growing) -> Value:
        count = self.memory[growing.count]
        if isinstance(count, Poison):
            self.refuse(count.problem, instead=count.instead)
        self.nonnegative.add(count)
        return count

    def listed(self, thing: Any) -> Any:
        """A list as it is now, if the thing is one that grows."""
        if not isinstance(thing, Growing):
            return thing
        whole = whole_view(thing.items)
        return ArrayView(thing.items, (Axis(0, 0, 1, self.count_of(thing)), *whole.axes[1:]))

    def place(self, view: ArrayView, k: int, item: Any, whole: bool) -> Scalar:
        index, axis = super().place(view, k, item, whole), view.axes[k]
        if not view.root.is_list or axis is None or axis.of or axis.whole:
            return index
        goes_over_all = isinstance(index, Value) and self.ends.get(index) is axis.length
        fits = [] if goes_over_all else [self.scalar("lt", index, axis.length)]
        fits += [] if self.never_negative(index) else [self.scalar("ge", index, 0)]
        for holds in fits:
            if holds is not True:
                self.require(holds, "IndexError", f"an item that `{view.root.name}` has not")
        return index

    def forget_lengths(self, growing: Growing, items: bool = False) -> None:
        """What else stands for the list as it was cannot be read any more, nor can `items` of it, which are arrays."""
        self.forget(growing.items, "this is a list that has grown since", lists=True, items=items)


def is_place_in(items: ListItems, index: tuple[Any, ...]) -> bool:
    """Whether an index is a number in range."""
    return len(index) == 1 and isinstance(index[0], int) and -len(items) <= index[0] < len(items)


__all__ = ["GrowingLists"]
