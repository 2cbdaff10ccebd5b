"""The whole IR on one page: `Value`, `Op`, `Block`, `Function`.

    def f(x, n):                     f(x: f64, n: i64) {
        for i in range(n):             x1 = for (0, n, 1; x) {
            x = math.sin(x)              (i, x2):
        return x                         t1 = sin x2
                                         yield t1
                                       }
                                       return x1
                                     }

Structured, not a control-flow graph: `for`, `while` and `if` are ops with regions. What a loop carries are the
parameters of its region; what it leaves are its results. Arrays are values: `A2 = store A1 i v` consumes `A1`.
An `alloc` with the attribute `shared_memory` is one array for the threads of a block on a GPU; `A2 = barrier A1` is
where they meet, behind which elements may be what other threads have stored.

Control ops and their shapes (`p...` are carried values):

    for    operands (lo, hi, step, init...); region (i, p...) -> ([stop,] next...); results ([trips,] last...)
    while  operands (init...); regions (p...) -> (condition,) and (p...) -> ([stop,] next...);
           results (trips, last...)
    if     operands (condition,); regions () -> (r...) twice; results (r...)

`for` has `stop` and `trips` only when its attribute `leaves` is true (it may break); its attribute `descending`
says that the trips run from the last to the first, `few_trips` that there are one or two. `stop` ends the loop after
the trip that yields it true.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import Location
from .operators import Operators
from .types import Type


@dataclass(frozen=True, eq=False, slots=True)
class Value(Operators):
    """One definition of one scalar or array version. A constant carries its number and needs no op.

    `name` is what the user called it, or empty: printers make names unique and number the rest.
    """

    name: str
    type: Type
    constant: Any = None

    @property
    def is_constant(self) -> bool:
        return self.constant is not None

    def __repr__(self) -> str:
        return repr(self.constant) if self.is_constant else f"%{self.name or id(self) % 9973}"


@dataclass(frozen=True, eq=False, slots=True)
class Op:
    primitive: str
    operands: tuple[Value, ...]
    results: tuple[Value, ...]
    regions: tuple[Block, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    location: Location | None = None

    @property
    def result(self) -> Value:
        (result,) = self.results
        return result

    def __repr__(self) -> str:
        return (
            f"<{self.primitive} {' '.join(map(repr, self.operands))} -> {' '.join(map(repr, self.results))}>"
        )


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Block:
    parameters: tuple[Value, ...]
    ops: tuple[Op, ...]
    results: tuple[Value, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Function:
    """`hidden` counts the trailing parameters that stand for captured numbers and arrays, `written` the trailing
    results that are no results but the last versions of parameters that the function writes."""

    name: str
    body: Block
    hidden: int = 0
    written: int = 0

    @property
    def parameters(self) -> tuple[Value, ...]:
        return self.body.parameters

    @property
    def results(self) -> tuple[Value, ...]:
        return self.body.results


# What consumes the version of an array that it gets, and gives the next one, in the same memory.
IN_PLACE = ("store", "accum", "accumulate_array", "ensure", "barrier")


def written_in_place(op: Op) -> list[tuple[Value, Value]]:
    """(version, next version) of each array that an op writes in its memory."""
    if op.primitive in IN_PLACE:
        return [(op.operands[0], op.result)]
    return [(op.operands[k], op.results[n]) for k, n in op.attributes.get("into", ())]


def is_number(value: Value, number: float) -> bool:
    """Whether a value is this constant (and not a boolean)."""
    return value.is_constant and not isinstance(value.constant, bool) and bool(value.constant == number)


def indices_of(op: Op) -> tuple[Value, ...]:
    """The indices of a load, a store or an addition to an element."""
    return op.operands[1:] if op.primitive == "load" else op.operands[1:-1]


def same_place(a: tuple[Value, ...], b: tuple[Value, ...]) -> bool:
    """Whether indices are the same. Parts of one array may be updated by fewer of them than its elements."""
    return len(a) == len(b) and all(
        x is y or (x.is_constant and y.is_constant and x.constant == y.constant)
        for x, y in zip(a, b, strict=True)
    )


def carried(op: Op) -> tuple[Value, ...]:
    """The initial values of what a loop carries."""
    return op.operands[3:] if op.primitive == "for" else op.operands


def leaves_early(op: Op) -> bool:
    return bool(op.attributes.get("leaves"))


def counts_trips(op: Op) -> bool:
    """Whether a loop is reversed by the number of its trips: its last index is not known, or there is none."""
    return op.primitive == "while" or leaves_early(op) or not op.operands[2].is_constant


def makes_zeros(op: Op) -> bool:
    """Whether an op makes an array of zeros."""
    return op.primitive == "zeros_like" or op.attributes.get("fill") == "zeros"


def loop_body(op: Op) -> Block:
    return op.regions[-1]


Slot = tuple[Value, Value, Value, Value]  # what a loop carries: initial, parameter, yielded, result


def loop_slots(op: Op) -> list[Slot]:
    """(initial, parameter, yielded, result) of everything a loop carries."""
    body = loop_body(op)
    first_result = 1 if op.primitive == "while" or leaves_early(op) else 0
    return list(
        zip(
            carried(op),
            body.parameters[1 if op.primitive == "for" else 0 :],
            body.results[1 if leaves_early(op) else 0 :],
            op.results[first_result:],
            strict=True,
        )
    )
