"""The state while a function is read into IR.

Names stand for things (`things.py`); the memory maps every array's root to its current version. Both are copied
at a branch and joined behind it (`branches.py`), and carried by loops (`loops.py`).
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from ..errors import AliasError, DifferentiationError, Location, UnsupportedConstruct
from ..ir import types as ty
from ..ir.builder import constant
from ..ir.core import Op, Value
from ..ir.operators import current_builder, open_builders
from ..ir.types import Type
from .describe import describe, said
from .source import FunctionSource, location_of
from .things import ArrayView, Length, Poison, Root, is_number, number_type
from .trees import Tree

FLAG = "?"  # `name?` tells whether a name is bound, where that is not certain


@dataclass(eq=False)
class Frame:
    """The variables of one function that is being read."""

    source: FunctionSource
    env: dict[str, Any] = field(default_factory=dict)
    reads: dict[str, int] = field(default_factory=dict)
    stores: frozenset[str] = frozenset()  # names with items that are assigned
    grows: frozenset[str] = frozenset()  # names of lists that grow
    shared: frozenset[str] = frozenset()  # those of them that have another name while they do
    lists: dict[str, Any] = field(default_factory=dict)  # where they were made
    path: tuple[Any, ...] = ()  # of calls that led there
    parent: Frame | None = None
    caller: Frame | None = None

    @property
    def numba_rules(self) -> bool:
        return self.source.numba_rules

    @property
    def declared(self) -> dict[str, Any]:
        """The types that Numba's `locals` declares of variables."""
        return self.source.dispatcher.locals if self.source.dispatcher is not None else {}

    @property
    def visible(self) -> dict[str, Any]:
        """What names stand for, those of the functions around this one too."""
        return {**(self.parent.visible if self.parent is not None else {}), **self.env}


def maker_of(value: Value) -> Op | None:
    """The op that made a value, in the blocks under construction."""
    for builder in reversed(open_builders.get()):
        for op in reversed(builder.ops):
            if value in op.results:
                return op
    return None


class ReadAgain(Exception):
    """A function has to be read again: more is known of its lists, its loops, or captured arrays that it writes."""


class Scope:
    """Names and memory. The subclasses join them at branches and loops, and read expressions and statements."""

    frame: Frame

    def __init__(self) -> None:
        self.memory: dict[Root, Value | Poison] = {}
        self.dead = False
        self.nonnegative: set[Value] = set()
        self.ends: dict[Value, Value] = {}  # where the indices of loops that count up end
        self.shifts: dict[Value, tuple[Value | None, int]] = {}  # sums of an integer and a constant
        self.least: dict[Value, int] = {}  # lower bounds of integers
        self.at_most_one: set[Value] = set()  # lengths of slices such as `x[i : i + 1]`
        # Numbers of Python, which are in single precision beside those of NumPy (NEP 50), and how often one was.
        self.weak: set[Value] = set()
        self.gave_way = 0
        self.dicts_change = False  # whether an item of a dict is assigned, so that dicts are told apart
        self.starts: dict[Value, Value] = {}  # what loops carry, and what it is before them
        # Arrays that became items of lists, so that they must stay as they are, and where they did.
        self.appended: list[tuple[Root, ast.AST | None]] = []
        self.current_node: ast.AST | None = None
        # The least type of a float that is written in the source and carried.
        self.carried_float: Type = ty.float64

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
            kind = type if type is not None else number_type(thing)
            if ty.is_integer(kind) and not -(2**63) <= thing < 2 ** (63 + ty.is_unsigned(kind)):
                self.refuse("an integer of more than 64 bits", "Numba has none", f"`{float(thing):g}`")
            return constant(thing, kind)
        self.refuse(f"a number is needed here, not {describe(thing)}")

    def is_weak(self, thing: Any) -> bool:
        """Whether a thing is a number of Python."""
        return is_number(thing) or isinstance(thing, Value) and thing in self.weak

    def as_weak(self, thing: Any) -> Any:
        """A thing that is a number of Python if it is a number."""
        if isinstance(thing, Value) and not thing.is_constant:
            self.weak.add(thing)
        return thing

    def strong(self, value: Value) -> Value:
        """A number as one of NumPy."""
        return current_builder().emit("cast", (value,), value.type) if value in self.weak else value

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

    # ----------------------------------------------------------------------------------------- dicts

    def new_dict(self, tree: Tree) -> Tree:
        """A dict that is made by the expression that is being read."""
        return replace(tree, identities=frozenset([self.current_node])) if self.dicts_change else tree

    # ----------------------------------------------------------------------------------------- memory

    def version(self, root: Root) -> Value:
        current = self.memory[root]
        if isinstance(current, Poison):
            self.refuse(current.problem, instead=current.instead, kind=current.kind)
        return current

    def write(self, root: Root, version: Value, apart: Container[Root] = ()) -> None:
        """Make `version` the content of `root`; what may share its memory, but for `apart`, can no longer be read."""
        if root.in_place_of:
            self.refuse(root.in_place_of, instead="make it a copy first: `x = y[i].copy()`")
        self.memory[root] = version
        for other in root.aliases:
            if other in self.memory and other not in apart:
                self.memory[other] = Poison(
                    f"{said(other.name)} may or may not share its memory with {said(root.name)}, which was written",
                    instead="make one of them a copy: `x = y.copy()`",
                    kind=AliasError,
                )

    def copy(self, view: ArrayView, name: str = "") -> ArrayView:
        """An array of its own with the elements of a view; `arrays.py` has it."""
        raise NotImplementedError

    def shape(self, thing: Any) -> tuple[Length, ...]:
        """The lengths of the axes of a thing; `elements.py` has it."""
        raise NotImplementedError

    @contextmanager
    def remembering(self, memory: Mapping[Root, Value | Poison]) -> Iterator[None]:
        """What is read meanwhile sees arrays as `memory` has them."""
        before, self.memory = self.memory, dict(memory)
        try:
            yield
        finally:
            self.memory = before

    def copied(self, view: ArrayView, name: str, memory: Mapping[Root, Value | Poison]) -> Value:
        """A copy of a part of an array as `memory` has it, for a name that may stand for another one later."""
        with self.remembering(memory):
            return self.version(self.copy(view, name).root)

    def without_elements(self, type: Type, name: str = "") -> Value:
        """An array for a variable that nobody reads before it is bound to another one."""
        return current_builder().emit(
            "alloc", [constant(0, ty.int64)] * type.ndim, ty.fresh(type), {"fill": "empty"}, name
        )

    def new_root(self, version: Value, shape: tuple[Any, ...] | None = None, is_list: bool = False) -> Root:
        root = Root(version.type, version.name, shape, is_list=is_list)
        self.memory[root] = version
        return root


__all__ = ["FLAG", "Frame", "ReadAgain", "Scope", "maker_of"]
