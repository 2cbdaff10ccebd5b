"""What a name can stand for while a function is read.

    Value              a scalar of the IR
    int, float, ...    a number written in the source: weak, it takes the type of what it meets
    ArrayView          an array, or a place inside one: `A`, `A[i]`, `A[1:, ::-1].T`
    Elementwise        an array that exists only as a rule for its elements: `x * 2.0 + y`
    Range              `range(...)`
    tuple              of such things; `ListItems` for lists, `NamedItems` for named tuples
    Tree               a dict or an object of a dataclass, whose keys or fields are known (`trees.py`)
    Static             a function, a module, `None`, a string: known when the function is read
    Formatted          an f-string
    Poison             nothing that may be read, with the reason

A `Method`, a `LocalFunction` and a `PulledBack` can only be called.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from types import MethodType
from typing import Any, TypeAlias

import numpy as np

from ..errors import DifferentiationError, UnsupportedConstruct
from ..ir import types as ty
from ..ir.core import Value
from ..ir.types import Type

CONSTANTS = (bool, int, float, complex, str, bytes, tuple, np.dtype, MethodType)  # what is compared by value
Number: TypeAlias = bool | int | float | complex
Scalar: TypeAlias = Any  # Value or Number
Length: TypeAlias = Any  # Value or int
Indices: TypeAlias = tuple[Scalar, ...]
Place: TypeAlias = Callable[[Indices], Indices]


@dataclass(frozen=True, eq=False)
class Static:
    """Two are equal where their values are the same object, or equal constants."""

    value: Any

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Static):
            return NotImplemented
        a, b = self.value, other.value
        return a is b or (type(a) is type(b) and isinstance(a, CONSTANTS) and bool(a == b))

    def __hash__(self) -> int:
        return hash(self.value) if isinstance(self.value, CONSTANTS) else id(self.value)


@dataclass(frozen=True)
class Formatted:
    """An f-string: texts and things, which `print` writes with a space between each two."""

    parts: tuple[Any, ...]


@dataclass(frozen=True)
class Poison:
    problem: str
    instead: str = ""
    kind: type[DifferentiationError] = UnsupportedConstruct
    loop: Any = None  # where the loop is whose first trip, read apart from the others, would make it readable


@dataclass(eq=False)
class Root:
    """The storage of one array.

    `aliases` are roots that may be the same memory; `links` are those of them that certainly are, with the place
    there of each element, so that a store is made in both; `is_list` marks a Python list, `of_arrays` one whose items
    are arrays; `in_c_order` that NumPy made it so whatever it was made from; `in_place_of` says what a copy stands in
    for where Python has a view: it must not be written, since that would not be seen there.
    """

    type: Type
    name: str
    shape: tuple[Length, ...] | None = None
    is_list: bool = False
    of_arrays: bool = False
    in_c_order: bool = False
    in_place_of: str = ""
    aliases: set[Root] = field(default_factory=set)
    links: dict[Root, Place] = field(default_factory=dict)

    def may_alias(self, other: Root) -> None:
        if other is not self:
            self.aliases.add(other)
            other.aliases.add(self)

    def link(self, of: Root, place: Place, back: Place | None) -> None:
        """Be the memory of `of`, in which an element lies at `place`; `back` is where all of that lie here.

        So it is with whatever `of` is linked to.
        """
        for other, there in of.links.items():
            self.links[other] = then(place, there)
            if back is not None and of in other.links:
                other.links[self] = then(other.links[of], back)
        self.links[of] = place
        if back is not None:
            of.links[self] = back

    def shares(self, other: Root) -> bool:
        """Whether the two may be the same memory."""
        return other is self or other in self.aliases

    def may_be(self, other: Root, apart: Container[Root] = ()) -> None:
        """May alias `other` and whatever that may alias, but for roots of which that is known better."""
        for root in (other, *other.aliases):
            if root not in apart:
                self.may_alias(root)


def then(first: Place, second: Place) -> Place:
    return lambda where: second(first(where))


@dataclass(frozen=True)
class Axis:
    """One axis of a view: element `k` lies at index `start + step * k` of axis `of` of the root.

    `length` may come out negative, which means empty; None stands for the whole axis.
    """

    of: int
    start: Scalar = 0
    step: Scalar = 1
    length: Length | None = None

    @property
    def whole(self) -> bool:
        return self.length is None


@dataclass(frozen=True)
class ArrayView:
    """`fixed` holds (root axis, index) of the axes already indexed; `axes` the others, in the view's order.

    An axis of None is one of length 1 that `np.newaxis` made.
    """

    root: Root
    axes: tuple[Axis | None, ...]
    fixed: tuple[tuple[int, Scalar], ...] = ()

    @property
    def whole(self) -> bool:
        return not self.fixed and all(
            axis is not None and axis.whole and axis.of == k for k, axis in enumerate(self.axes)
        )

    @property
    def ndim(self) -> int:
        return len(self.axes)


def whole_view(root: Root) -> ArrayView:
    return ArrayView(root, tuple(Axis(k) for k in range(root.type.ndim)))


@dataclass(frozen=True)
class Growing:
    """A list that grows (`growing.py`): the array of its items, with room for more, and the number of them, a value in
    the memory like what arrays hold; `is_open` says that the room may not do."""

    items: Root
    count: Root
    is_open: bool


@dataclass(frozen=True)
class Elementwise:
    """`at(indices)` gives the scalar at an index; `shape` its lengths (never negative); `reads` the roots it reads.

    `is_list` marks what Python holds as a list, so that operators do not act on its elements. `shares` are the roots
    whose memory it has in NumPy. `operands` are, if not empty, all it reads, each at most at its own (broadcast) index.
    `cheap` says that reading an element again costs no more than an array's.
    """

    shape: tuple[Length, ...]
    at: Callable[[tuple[Scalar, ...]], Scalar]
    reads: frozenset[Root]
    is_list: bool = False
    shares: frozenset[Root] = frozenset()
    operands: tuple[Any, ...] = ()
    cheap: bool = False

    @property
    def ndim(self) -> int:
        return len(self.shape)


class ListItems(tuple[Any, ...]):
    """The items of a list literal: like a tuple, but `+=` would be seen by every name of the list."""


class ItemsFromOutside(ListItems):
    """The items of a list that is read from outside the function, where a change of it would be seen."""


class NamedItems(tuple[Any, ...]):
    """The items of a named tuple, an object of the class `kind`."""

    kind: type

    def __new__(cls, kind: type, parts: Iterable[Any]) -> NamedItems:
        made = super().__new__(cls, parts)
        made.kind = kind
        return made

    def with_parts(self, parts: Iterable[Any]) -> NamedItems:
        return NamedItems(self.kind, parts)


class ItemsOfDict(tuple[Any, ...]):
    """What `d.items()`, `d.values()` or `d.keys()` gives: in Python it sees what becomes of the dict.

    `identities` are those of the dict, `are_keys` tells whether it only sees other keys.
    """

    identities: frozenset[Any]
    are_keys: bool

    def __new__(cls, parts: Iterable[Any], identities: frozenset[Any], are_keys: bool) -> ItemsOfDict:
        made = super().__new__(cls, parts)
        made.identities, made.are_keys = identities, are_keys
        return made

    def with_parts(self, parts: Iterable[Any]) -> ItemsOfDict:
        return ItemsOfDict(parts, self.identities, self.are_keys)

    def with_identities(self, identities: frozenset[Any]) -> ItemsOfDict:
        return ItemsOfDict(self, identities, self.are_keys)


@dataclass(frozen=True)
class Range:
    start: Scalar
    stop: Scalar
    step: Scalar


@dataclass(frozen=True)
class Slice:
    """`start:stop:step` inside an index; None is what is left out."""

    start: Any
    stop: Any
    step: Any


@dataclass(frozen=True)
class Segmented:
    """A range in segments of `every` trips, as `checkpoint` makes it."""

    of: Range
    every: Scalar


@dataclass(frozen=True)
class Enumerated:
    of: Any
    start: Scalar


@dataclass(frozen=True)
class Zipped:
    of: tuple[Any, ...]


@dataclass(frozen=True)
class Reversed:
    of: Any


@dataclass(frozen=True)
class Nested:
    """Ranges and arrays that loops go over one inside the other, as `np.ndindex` and `itertools.product` say it.

    If it `rises`, each loop begins behind where the one around it is, as for `itertools.combinations`. `array` is what
    `np.ndenumerate` gives the elements of.
    """

    of: tuple[Any, ...]
    rises: bool = False
    array: Any = None


@dataclass(frozen=True)
class Spread:
    """`*x` in a call, where how many arguments it is shows from the function that is called."""

    of: Any


@dataclass(frozen=True)
class Method:
    """`x.sum` before it is called."""

    of: Any
    name: str


@dataclass(frozen=True)
class LocalFunction:
    """A nested `def` or `lambda` with the variables it was made among."""

    node: Any
    frame: Any
    defaults: tuple[Any, ...]
    keyword_defaults: dict[str, Any]

    def __hash__(self) -> int:
        return id(self.node)


@dataclass(frozen=True, eq=False)
class PulledBack:
    """The pullback that `vjp` gives inside a function: `of` is a derivative that takes cotangents and the arguments.

    `lengths` has the structure of the results, with a list of lengths in place of each array and, empty, each number.
    """

    of: Any
    primals: tuple[Any, ...]
    lengths: Any


def is_number(thing: Any) -> bool:
    return isinstance(thing, (bool, int, float, complex))


def number_type(number: Any) -> Type:
    if isinstance(number, bool):
        return ty.boolean
    if isinstance(number, int):
        return ty.int64
    return ty.complex128 if isinstance(number, complex) else ty.float64


def is_scalar(thing: Any) -> bool:
    return isinstance(thing, Value) or is_number(thing)


def is_arraylike(thing: Any) -> bool:
    return isinstance(thing, (ArrayView, Elementwise))


def is_list(thing: Any) -> bool:
    """Whether Python holds this as a list."""
    if isinstance(thing, ArrayView):
        is_item = thing.root.of_arrays and any(axis == 0 for axis, _ in thing.fixed)
        return thing.root.is_list and not is_item
    return thing.is_list if isinstance(thing, Elementwise) else isinstance(thing, ListItems)
