"""Names and memory, carried by loops: what is built again until the types of what is carried settle.

    total = 0                                  # int, as it is read
    for x in xs:                               # carries an int; but a trip leaves a float
        total = total + x                      # again: carries a float, which starts as 0.0

`loop_join.py` builds a loop, with what earlier tries have shown: wider types, arrays that may be other memory, names
that the next trip reads.
"""

from __future__ import annotations

import ast
from typing import Any, TypeGuard

from ..ir import types as ty
from ..ir.builder import zero
from ..ir.types import Type
from .agreement import kind_of_thing
from .branches import Branches
from .loop_join import EARLY, LoopJoin, LoopParts, Retry
from .scope import FLAG, Frame
from .things import whole_view
from .trees import parts_of, with_parts

ATTEMPTS = 60


class Loops(Branches):
    """Names and memory, carried by loops."""

    def __init__(self) -> None:
        super().__init__()
        self.loops: list[tuple[Frame, LoopParts, set[str], dict[Any, Any]]] = []  # those being built

    def loop(self, parts: LoopParts) -> None:
        """Build a loop; again with wider types where what it carries turned out to need them."""
        widened: dict[Any, Type] = {}
        rooms: dict[str, Any] = {}
        for _ in range(ATTEMPTS):
            env, memory, depth = dict(self.frame.env), dict(self.memory), len(self.loops)
            times = [(made, dict(made.times)) for made in self.frame.lists.values()]
            for name in parts.assigned:
                if (EARLY, name) in widened:
                    self.frame.env[name] = self.same_room(rooms, widened[EARLY, name], name)
                    if not name.startswith("$"):
                        self.frame.env[name + FLAG] = False
            self.loops.append((self.frame, parts, set(self.frame.env), widened))
            try:
                LoopJoin(self, parts, widened).build()
                return
            except Retry as retry:
                if retry.loop is not widened:
                    raise
                self.frame.env, self.memory = env, memory
                for made, seen in times:
                    made.times = seen
            finally:
                del self.loops[depth:]
        self.refuse(
            "the types of what this loop carries do not settle", instead="give them their type before it"
        )

    def carried_from_trip_to_trip(self, name: str, thing: Any) -> None:
        """A name is read that an earlier trip of a loop may have bound: build that loop again, carrying it."""
        for frame, parts, bound, widened in self.loops:
            if frame is self.frame and name in parts.assigned and name not in bound:
                kind = self.first_guess(name) if thing is None else kind_of_thing(thing)
                if kind is None:
                    self.refuse(
                        f"`{name}` is bound in one trip of a loop and read in a later one",
                        instead=f"give `{name}` a value before the loop",
                    )
                widened[EARLY, name] = kind
                raise Retry(widened)

    def first_guess(self, name: str) -> Type:
        """What a name is taken for that is read before it is known what binds it: an array if it is stored into."""
        if name not in self.frame.stores:
            return ty.float64
        places = [node.slice for node in ast.walk(self.frame.source.tree) if is_part_of(node, name)]
        return ty.array(ty.float64, max(len(p.elts) if isinstance(p, ast.Tuple) else 1 for p in places))

    def same_room(self, rooms: dict[str, Any], kind: Any, name: str) -> Any:
        """What stands for a name before the loop, the same at each attempt: the one before may have shown something
        of it."""
        if name not in rooms or rooms[name][0] is not kind:
            before = set(self.memory)
            room = self.room_for(kind, name)
            rooms[name] = kind, room, {root: self.memory[root] for root in self.memory if root not in before}
        _, room, contents = rooms[name]
        self.memory.update(contents)
        return room

    def room_for(self, kind: Any, name: str) -> Any:
        """Something of a kind that nobody reads: zeros, and arrays without elements."""
        parts = parts_of(kind)
        if parts is not None:
            return with_parts(kind, [self.room_for(part, name) for part in parts])
        if ty.is_array(kind):
            return whole_view(self.new_root(self.without_elements(kind, name)))
        return zero(kind)


def is_part_of(node: ast.AST, name: str) -> TypeGuard[ast.Subscript]:
    """Whether a node is `name[...]`."""
    return isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == name


__all__ = ["Loops"]
