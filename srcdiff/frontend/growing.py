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
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

from ..errors import AliasError
from ..ir import types as ty
from ..ir.builder import Builder
from ..ir.core import IN_PLACE, Value, loop_slots
from ..ir.operators import current_builder
from ..ir.types import Type
from .agreement import same
from .captures import fetched
from .describe import describe
from .iteration import Iteration
from .scope import Frame, ReadAgain, maker_of
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
from .trees import parts_of

# A number, ("name", name), ("length", name, axis), ("captured", where, axis), or (primitive, *terms).
Terms: TypeAlias = Any
ITEM_WRITTEN = "an item of a list of arrays is written"
ARITHMETIC = ("add", "sub", "mul", "min", "max", "neg", "floordiv")


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


class GrowingLists(Iteration):
    """Lists that grow."""

    def __init__(self) -> None:
        super().__init__()
        self.grown: dict[Any, Grown] = {}
        self.known_of: dict[Root, Grown] = {}
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
            self.put(growing, self.as_item(item), self.current_node)
        return growing

    def length_of(self, terms: Terms, made: Made) -> Length:
        """The number that terms stand for where the list is made."""
        if is_number(terms):
            return terms
        match terms:
            case ("name", name):
                return made.env[name]
            case ("length", name, axis):
                return self.length(made.env[name], axis)
            case ("captured", where, axis):
                thing = self.captured(fetched(where), where, where[2], self.current_node)
                return thing if axis is None else thing.root.shape[axis]
            case (primitive, *operands):
                return self.scalar(primitive, *(self.length_of(operand, made) for operand in operands))
        raise AssertionError(terms)

    # --------------------------------------------------------------------------------------- appending

    def grow(self, name: str, frame: Frame, items: Any, node: ast.AST) -> None:
        """`name.extend(items)` for a list of a frame."""
        if not isinstance(items, tuple):
            self.refuse(
                f"a list that grows by {describe(items)}", instead="`append` in a loop over it", node=node
            )
        for item in items:
            self.append(name, frame, self.settled(item), node)

    def as_item(self, thing: Any) -> Any:
        """An item of a list that has room: numbers of one kind in a tuple become a row."""
        if not isinstance(thing, tuple) or not thing or not all(map(is_scalar, thing)):
            return thing
        types = [part.type for part in thing if isinstance(part, Value)]
        if len({(ty.is_differentiable(type), ty.is_boolean(type)) for type in types}) > 1:
            return thing
        row = self.array_of(thing)
        row.root.is_list = True
        return row

    def append(self, name: str, frame: Frame, thing: Any, node: ast.AST) -> None:
        made, held = self.list_of(name, frame, node)
        if isinstance(held, Growing):
            self.share_if_held(held.items, thing, node)
            thing = self.as_item(thing)
            self.learn(made, thing, node)
            self.forget_lengths(held)
            self.put(held, thing, node)
        elif current_builder() is made.builder:
            made.held = frame.env[name] = ListItems((*held, thing))
        else:
            for item in (*held, thing):
                self.learn(made, self.as_item(item), node if item is thing else None)

    def give_room(self, made: Made, items: ListItems) -> NoReturn:
        """Read the function again with a list of these items as one with room: what is done with it needs that."""
        for item in items:
            self.learn(made, self.as_item(item), None)
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
        if not (is_scalar(thing) or is_arraylike(thing)):
            self.refuse(
                f"{describe(thing)} in a list that grows in a loop",
                "its items become an array",
                "a list for each part",
            )
        shape: tuple[Length, ...] = ()
        if is_scalar(thing):
            dtype = thing.type if isinstance(thing, Value) else number_type(thing)
        else:
            dtype, shape = self.dtype(thing), self.shape(thing)
            most = self.most_items(thing)
            if most is not None:
                shape = (most, *shape[1:])  # that it has all of them is checked
        lengths = tuple(self.terms_of(length, made) for length in shape)
        if None in lengths:
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
            root.of_arrays = not is_list(thing)
            self.put_item(place, thing, node)
        self.memory[growing.count] = self.as_value(self.scalar("add", count, 1), ty.int64)

    def put_item(self, place: ArrayView, thing: Any, node: ast.AST | None) -> None:
        """Let the elements of an item be those of an array, which may have other names."""
        root = place.root
        for k, (own, length) in enumerate(zip(self.shape(thing), self.shape(place), strict=True)):
            if not same(own, length):
                fits = self.scalar("eq", own, length)
                self.require(fits, "ValueError", f"items of different lengths along axis {k}")
        # What the other items are is not changed.
        before, aliases = root.in_place_of, root.aliases
        root.in_place_of, root.aliases = "", set()
        self.fill(place, thing)
        root.in_place_of, root.aliases = before, aliases
        if isinstance(thing, ArrayView) and self.is_reached(thing.root):
            self.share_items(root, node)
            for other in {thing.root, *thing.root.aliases, *thing.root.links}:
                root.may_alias(other)
                self.appended.append((other, node))

    def share_if_held(self, root: Root, thing: Any, node: ast.AST | None) -> None:
        """The same for a list of items known one by one, which as an item is a copy."""
        if isinstance(thing, ListItems) and self.is_held(thing):
            self.share_items(root, node)

    def share_items(self, root: Root, node: ast.AST | None) -> None:
        """From the start items must not be written: what has another name is one of them."""
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
        thing = self.as_item(self.settled(thing))
        place = self.place_of(array, items)
        if not is_arraylike(thing) or thing.ndim != place.ndim:
            self.refuse(
                f"{describe(thing)} as an item of this list", instead="one like the others", node=node
            )
        if isinstance(thing, ArrayView) and thing.root is array.root:
            self.share_items(array.root, node)
            thing = self.copy(thing)
        self.put_item(place, thing, node)
        self.forget(array.root, "this is an item of a list that has been replaced since", "only")
        return True

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
        self.forget(growing.items, "this is a list that has grown since", items)

    def forget(self, root: Root, why: str, items: bool | str) -> None:
        """Let names not be read that stand for a list, its items, or for its items `"only"`."""
        gone = Poison(why, "the list by its name", AliasError)

        def goes_along(thing: Any) -> bool:
            parts = parts_of(thing)
            if parts is not None:
                return any(map(goes_along, parts))
            is_view = isinstance(thing, ArrayView) and thing.root is root
            goes_over = is_view and any(axis is not None and axis.of == 0 for axis in thing.axes)
            return is_view and (not goes_over if items == "only" else bool(items) or goes_over)

        for frame in self.frames():
            for name in [name for name, thing in frame.env.items() if goes_along(thing)]:
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

    # ------------------------------------------------------------------------------------------- terms

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
        for name, thing in made.env.items():
            if thing is length:
                return "name", name
            if isinstance(thing, ArrayView):
                axis = next((k for k, n in enumerate(self.known_lengths(thing)) if n is length), None)
                if axis is not None:
                    return "length", name, axis
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
        names = {
            made.memory.get(thing.root): name
            for name, thing in made.env.items()
            if isinstance(thing, ArrayView) and thing.whole
        }
        while version not in names:
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
        return "length", names[version], axis


def is_place_in(items: ListItems, index: tuple[Any, ...]) -> bool:
    """Whether an index is a number in range."""
    return len(index) == 1 and isinstance(index[0], int) and -len(items) <= index[0] < len(items)


def holds(thing: Any, part: Any) -> bool:
    """Whether a thing is another one, or has it among its parts."""
    return thing is part or any(holds(one, part) for one in parts_of(thing) or ())


__all__ = ["GrowingLists"]
