"""Assignments: what a name stands for from here on, and stores into arrays.

y = x + 1.0        the name `y` stands for a value, which bears its name
a, b = pair        each of the two
z[1:, k] = x       stores in loops
z[i] += x          a load, an addition and a store
"""

from __future__ import annotations

import ast
from typing import Any

from ..ir import types as ty
from ..ir.core import Value
from .changing_dicts import ChangingDicts
from .declared import converted
from .describe import describe
from .library.structures import is_dict
from .operators import BINARY
from .scope import FLAG
from .things import (
    ArrayView,
    Enumerated,
    Growing,
    ItemsFromOutside,
    ListItems,
    Nested,
    Reversed,
    Scalar,
    Slice,
    Zipped,
    is_arraylike,
    is_list,
    is_scalar,
)
from .trees import Tree


class Assignments(ChangingDicts):
    """Binds names, and stores into arrays."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[Value, str] = {}  # what the user's assignments suggest

    def changeable(self, items: ListItems, targets: list[ast.expr], node: ast.expr) -> Any:
        """A list as one that grows, if it does; a list of numbers as an array, if items of it are assigned."""
        if isinstance(items, ItemsFromOutside):
            return items
        if isinstance(node, (ast.List, ast.Call)):
            made = self.made_list(items, targets, node)
            if made is not None:
                return made
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        if not (items and names & self.frame.stores and all(map(is_scalar, items))) or self.is_held(items):
            return items
        array = self.array_of(items)
        array.root.is_list = True
        return array

    def assign(self, targets: list[ast.expr], thing: Any, value: ast.expr) -> None:
        """`targets = value`, of which the value is `thing`."""
        if isinstance(thing, ListItems):
            thing = self.changeable(thing, targets, value)
        match targets, value:
            case [ast.Tuple(elts=elements)], ast.Tuple(elts=parts) if isinstance(thing, tuple) and len(
                elements
            ) == len(parts) == len(thing):
                things = self.as_they_are(self.settled(thing), elements)
                for element, part, node in zip(elements, things, parts, strict=True):
                    self.assign([element], part, node)
                return
        if len(targets) > 1:
            thing = self.settled(thing)
        for target in targets:
            self.bind_target(target, thing)

    def bind_target(self, target: ast.expr, thing: Any) -> None:
        match target:
            case ast.Name():
                self.bind_name(target.id, thing)
            case ast.Tuple() | ast.List():
                self.unpack(target, thing)
            case ast.Subscript():
                self.bind_subscript(target, thing)
            case ast.Attribute():
                self.refuse(
                    "writing an attribute",
                    "objects carry no derivative here",
                    "a local variable, or an element of an array",
                    node=target,
                )
            case _:
                self.refuse("this assignment", node=target)

    def bind_name(self, name: str, thing: Any) -> None:
        thing = self.settled(thing, name)
        declared = self.frame.declared.get(name)
        if declared is not None:
            thing = converted(self, thing, declared, self.current_node)
        if isinstance(thing, (Enumerated, Zipped, Reversed, Nested)):
            self.refuse(f"{describe(thing)} kept in a variable", instead="use it in the `for` itself")
        self.suggest(name, thing)
        self.frame.env[name] = thing
        self.frame.env.pop(name + FLAG, None)

    def suggest(self, name: str, thing: Any) -> None:
        """Let a value without a name take the user's."""
        if name.startswith("$") or name == "_":
            return
        if isinstance(thing, Value) and not thing.is_constant and (not thing.name or thing.name[0] == "$"):
            self.names.setdefault(thing, name)
        elif isinstance(thing, ArrayView) and thing.whole:
            version = self.memory[thing.root]
            if isinstance(version, Value) and not version.name:
                self.names.setdefault(version, name)
            if not thing.root.name:
                thing.root.name = name
        elif isinstance(thing, ArrayView) and thing.root.name.startswith("$"):  # what a comprehension made
            version = self.memory[thing.root]
            if isinstance(version, Value) and version.name == thing.root.name:
                self.names.setdefault(version, name)
            thing.root.name = name

    def unpack(self, target: ast.Tuple | ast.List, thing: Any) -> None:
        count = len(target.elts)
        star = next((k for k, part in enumerate(target.elts) if isinstance(part, ast.Starred)), None)
        if star is not None:
            thing = self.with_rest(thing, star, count - 1 - star, target)
        elif is_arraylike(thing):
            thing = self.unpacked(thing, count)
        if not isinstance(thing, tuple):
            self.refuse(f"unpacking {describe(thing)}", instead=f"a tuple of {count}", node=target)
        if len(thing) != count:
            self.refuse(f"unpacking {len(thing)} items into {count}", instead="a name for each", node=target)
        thing = tuple(self.settled(part) for part in thing)
        thing = self.as_they_are(thing, target.elts)
        for element, part in zip(target.elts, thing, strict=True):
            self.bind_target(element.value if isinstance(element, ast.Starred) else element, part)

    def as_they_are(self, things: tuple[Any, ...], targets: list[ast.expr]) -> tuple[Any, ...]:
        """Things, of which items of lists are copied where a target may be the place of one of them."""
        if not any(isinstance(target, ast.Subscript) for target in targets):
            return things
        found: list[Any] = []
        for thing in things:
            if isinstance(thing, ArrayView) and thing.root.is_list and thing.fixed:
                is_a_list = is_list(thing)
                thing = self.copy(thing)
                thing.root.is_list = is_a_list
            found.append(thing)
        return tuple(found)

    def with_rest(self, thing: Any, before: int, behind: int, node: ast.AST) -> tuple[Any, ...]:
        """The items of something, those between the first and the last as a list."""
        if isinstance(thing, tuple) and len(thing) >= before + behind:
            end = len(thing) - behind
            return (*thing[:before], ListItems(thing[before:end]), *thing[end:])
        if not is_arraylike(thing) or thing.ndim != 1:
            self.refuse(f"`*` in an assignment of {describe(thing)}", instead="each item by index", node=node)
        array = self.settled(thing)
        enough = self.scalar("ge", self.length(array), before + behind)
        self.require(enough, "ValueError", "not enough values to unpack")
        rest = self.as_list(self.subscript(array, (Slice(before, -behind if behind else None, None),)))
        first, last = range(before), range(-behind, 0)
        return (
            *(self.subscript(array, (k,)) for k in first),
            rest,
            *(self.subscript(array, (k,)) for k in last),
        )

    def bind_subscript(self, target: ast.Subscript, thing: Any) -> None:
        self.without_order.add(target.value)
        array = self.expression(target.value)
        if isinstance(array, Tree):
            self.assign_key(target, array, thing)
            return
        items = self.index_beside(target.slice, thing)
        if self.replace_item(target.value, array, items, thing):
            return
        if isinstance(array, tuple):
            self.refuse(
                "writing into a list or tuple",
                "only arrays can be changed in place",
                "`np.array(...)`",
                node=target,
            )
        if not isinstance(array, ArrayView):
            self.refuse(f"writing into {describe(array)}", "only arrays can be changed in place", node=target)
        if self.replace_row(array, items, thing, target):
            return
        if any(is_arraylike(item) for item in items):
            self.scatter(array, items, thing)
            return
        place = self.place_of(array, items)
        if place.axes:
            self.fill(place, thing)
            return
        if is_arraylike(thing) and thing.ndim == 0:
            thing = self.at(thing, ())
        if not is_scalar(thing):
            self.refuse(f"{describe(thing)} stored into an element", instead="one number", node=target)
        self.store(place, (), self.stored(thing, place))

    def stored(self, thing: Scalar, place: ArrayView) -> Scalar:
        if (
            place.root.is_list
            and not ty.is_float(place.root.type.dtype)
            and ty.is_float(self.as_value(thing).type)
        ):
            self.refuse(
                "a float stored into a list of integers", "the list would change its type", "a list of floats"
            )
        return thing

    def augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.op, ast.MatMult):
            self.refuse("`@=`", instead="`a = a @ b`")
        name = BINARY[type(node.op)]

        def combine(old: Scalar, new: Scalar) -> Scalar:
            return self.scalar(name, old, new)

        match node.target:
            case ast.Name(id=identifier):
                thing = self.lookup(identifier, node.target)
                value = self.expression(node.value)
                if self.lookup(identifier, node.target) is not thing:
                    self.refuse(
                        f"`:=` that binds `{identifier}`, which is being updated", instead="two statements"
                    )
                frame = self.frame_of(identifier)
                if isinstance(thing, (ListItems, Growing)) and frame and identifier in frame.lists:
                    self.grow(identifier, frame, value, node)
                    return
                if isinstance(thing, ListItems) or (isinstance(thing, ArrayView) and thing.root.is_list):
                    self.refuse(
                        "`+=` on a list",
                        "lists that change cannot be differentiated",
                        "an array of known length, filled by index",
                    )
                if isinstance(thing, ArrayView):
                    self.update(thing, combine, value)
                elif is_dict(thing) and isinstance(node.op, ast.BitOr):
                    self.join_dict(node.target, thing, value)
                else:
                    self.bind_name(identifier, self.binary(node.op, thing, value))
            case ast.Subscript():
                self.without_order.add(node.target.value)
                array = self.expression(node.target.value)
                items = self.index_items(node.target.slice)
                if isinstance(array, Tree) and isinstance(part := self.pick(array, items), ArrayView):
                    self.update(part, combine, self.expression(node.value))
                    return
                if is_dict(array) and is_scalar(part := self.pick(array, items)):
                    value = self.binary(node.op, part, self.expression(node.value))
                    self.assign_key(node.target, array, value)
                    return
                if isinstance(array, ListItems) and self.made_of(node.target.value, array) is not None:
                    self.picked_from_list(node.target.value, array, items)
                    item = self.pick(array, items)
                    if is_scalar(item):
                        value = self.binary(node.op, item, self.expression(node.value))
                        self.replace_item(node.target.value, array, items, value)
                        return
                if not isinstance(array, ArrayView):
                    self.refuse(
                        f"writing into {describe(array)}",
                        "only arrays can be changed in place",
                        "`np.array(...)`",
                    )
                if any(is_arraylike(item) for item in items):
                    old = self.materialise(self.subscript(array, items))
                    new = self.binary(node.op, old, self.expression(node.value))
                    self.check_stays_integer(self.dtype(array), self.dtype(new))
                    self.scatter(array, items, new)
                    return
                place = self.place_of(array, items)
                if is_list(place) and place.axes:
                    self.refuse("`+=` on a list", "it makes it longer", "its elements by index")
                if place.axes:
                    self.update(place, combine, self.expression(node.value))
                else:
                    old = self.at(place, ())
                    value = self.expression(node.value)
                    if is_arraylike(value):
                        self.refuse("an array added to an element", instead="one number")
                    self.store(place, (), self.stored(combine(*self.agreed((old, value))), place))
            case _:
                self.refuse("writing an attribute", instead="a local variable")
