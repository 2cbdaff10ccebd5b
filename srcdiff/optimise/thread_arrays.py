"""Give the arrays of a function that each thread of a GPU runs a place: local memory, or an array for all threads.

    f(x) {                              f(x, x_tape: f64[:, :], thread: i64) {
      x_tape = alloc tape n      ->       ...
      ... store x_tape k x ...            ... store x_tape k thread x ...

Local memory needs a size that is known when the kernel is compiled. A larger array, or one whose length the caller can
compute beforehand, becomes a parameter with an axis more, of the threads, so that neighbouring threads touch
neighbouring elements. Where no length can be known, the user's bound is the length, and the kernel checks it. Reads:
structure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from ..analysis.structure import Structure, find_structure
from ..analysis.threads import SIZES, Atom, atoms_of
from ..errors import TapeBoundError, UnsupportedConstruct
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Block, Function, Op, Value, loop_body
from ..ir.walk import free_values_of, ops_of, ops_within, substitute
from ..primitives import REGISTRY
from .fold import simplified

LOCAL_TAPE = 2048  # bytes of a tape in local memory
LOCAL_ARRAY = 16384  # bytes of another array
ACCESSES = ("load", "store", "accum", "ensure")
COMPUTABLE = ("for", "if", "cast")


@dataclass(frozen=True)
class ThreadTapes:
    """A function with tapes, and other arrays that are too large for a thread, as parameters.

    Attributes
    ----------
    function : its last parameters are such arrays, and if there are any the number of the thread
    tapes : those parameters
    lengths : a function of some of the parameters, and of `sizes`, that gives all their lengths, less the axis of the
        threads
    sizes : what of the size of the grid each such parameter of `lengths` is
    """

    function: Function
    tapes: tuple[Value, ...]
    lengths: Function
    sizes: Mapping[Value, Atom] = field(default_factory=dict)


def place_thread_arrays(
    function: Function, uniform: Collection[Value], most_trips: int | None
) -> ThreadTapes:
    """Find a place for every allocation.

    Parameters
    ----------
    function : with loops instead of operations on whole arrays
    uniform : the parameters that are the same for all threads
    most_trips : the bound that the user gives for loops of unknown length

    Raises
    ------
    TapeBoundError
    UnsupportedConstruct
        For an array of the function, not a tape, whose size is not known.
    """
    structure = find_structure(function.body)
    placing = Placing(function, structure, frozenset(uniform), most_trips)
    for op in ops_within(function.body):
        if op.primitive == "alloc" and not op.attributes.get("shared_memory"):
            placing.allocation(op)
    return placing.placed()


class Placing:
    def __init__(
        self, function: Function, structure: Structure, uniform: frozenset[Value], most_trips: int | None
    ) -> None:
        self.function, self.structure, self.uniform, self.most_trips = (
            function,
            structure,
            uniform,
            most_trips,
        )
        self.lengths: dict[Op, tuple[Value, ...]] = {}  # of the allocations that become parameters
        self.local: dict[Op, tuple[Value, ...]] = {}
        self.empty: list[Op] = []
        self.sizes: dict[Value, Atom] = {}  # what lengths follow from
        self.checked: dict[Op, list[Value]] = {}  # lengths that must not be above the user's bound

    def allocation(self, op: Op) -> None:
        self.check_kept(op)
        lengths = tuple(map(self.bounded, op.operands))
        if any(n.is_constant and n.constant == 0 for n in lengths):
            self.empty.append(op)
            return
        is_tape = bool(op.attributes.get("tape"))
        grows = any(
            other.primitive == "ensure" and self.same(other.operands[0], op.result)
            for other in ops_within(self.function.body)
        )
        if grows or not all(n.is_constant or self.is_computable(op, n) for n in lengths):
            if not is_tape:
                raise UnsupportedConstruct(
                    f"the array `{op.result.name or 'made here'}` of a length that differs between threads",
                    op.location,
                    "the memory of all threads is allotted before they start",
                    "an array of constant length, or of one that follows from shared arguments",
                )
            if self.most_trips is None:
                raise TapeBoundError(
                    f"the tape `{op.result.name}` of a loop whose number of trips is not known",
                    op.location,
                    "the memory of all threads is allotted before they start",
                    "`max_trips=`, the most trips that the loop makes in any thread",
                )
            known = constant(self.most_trips, ty.int64)
            if not grows:  # one that grows is checked where it does
                self.checked[op] = [n for n in lengths if not n.is_constant]
            lengths = tuple(
                n if n.is_constant and not (grows and k == 0) else known for k, n in enumerate(lengths)
            )
        if all(n.is_constant for n in lengths):
            size = ty.numpy_dtype(op.result.type).itemsize
            for n in lengths:
                size *= n.constant
            if size <= (LOCAL_TAPE if is_tape else LOCAL_ARRAY):
                self.local[op] = lengths
                return
        self.lengths[op] = lengths

    def same(self, a: Value, b: Value) -> bool:
        return self.structure.storage(a) is self.structure.storage(b)

    def check_kept(self, op: Op) -> None:
        """Every trip of a loop has the same memory for what it allocates: it must not be kept for the next one."""
        for around in self.structure.around[op]:
            if around.primitive in ("for", "while"):
                if any(ty.is_array(v.type) and self.same(v, op.result) for v in loop_body(around).results):
                    raise UnsupportedConstruct(
                        f"the array `{op.result.name or 'made here'}`, made in a loop and kept for the next trip",
                        op.location,
                        "a thread has one memory for it in all trips",
                        "arrays made before the loop and filled in it",
                    )

    def bounded(self, length: Value) -> Value:
        """The most that a length can be, if a constant says so; else the length."""
        most = self.most(length)
        return length if most is None else constant(most, ty.int64)

    def most(self, value: Value) -> int | None:
        """An upper bound of an integer, such as 8 of `max(min(lo + 8, n) - lo, 0)`."""
        if value.is_constant:
            number: int = value.constant
            return number
        maker = self.structure.maker.get(value)
        match (maker.primitive, maker.operands) if maker is not None and value in maker.results else ("", ()):
            case "max", (a, b):
                bounds = [self.most(a), self.most(b)]
                return None if None in bounds else max(bound for bound in bounds if bound is not None)
            case "min", (a, b):
                return min((bound for x in (a, b) if (bound := self.most(x)) is not None), default=None)
            case "sub", (a, b):
                return self.farthest(a, b)
            case "shape", (array,) if maker is not None:
                made = self.structure.maker.get(self.structure.origin(array))
                if made is not None and made.primitive == "alloc":
                    return self.most(made.operands[maker.attributes["axis"]])
        return None

    def farthest(self, value: Value, start: Value) -> int | None:
        """An upper bound of `value - start`."""
        if value is start:
            return 0
        maker = self.structure.maker.get(value)
        match (maker.primitive, maker.operands) if maker is not None and value in maker.results else ("", ()):
            case "add", (a, b) if a is start:
                return self.most(b)
            case "add", (a, b) if b is start:
                return self.most(a)
            case "min", (a, b):
                distances = [self.farthest(a, start), self.farthest(b, start)]
                return min((distance for distance in distances if distance is not None), default=None)
        return None

    def is_computable(self, op: Op, length: Value) -> bool:
        """Whether a length follows from parameters that are the same for all threads."""
        inside_a_loop = any(around.primitive != "if" for around in self.structure.around[op])
        return not inside_a_loop and self.needed_for(length, {})

    def needed_for(self, value: Value, found: dict[Op, None]) -> bool:
        """Add the ops that compute a value from uniform parameters to `found`; false if there are others."""
        if value.is_constant or value in self.uniform:
            return True
        op = self.structure.maker.get(value)
        if op is None or value not in op.results:
            return False
        if op.primitive == "position":
            atom = atoms_of(op)[op.results.index(value)]
            if atom[0] not in SIZES:
                return False
            self.sizes[value] = atom
            return True
        if op.primitive == "shape":
            if self.structure.origin(op.operands[0]) not in self.function.parameters:
                return False
            op = replace(op, operands=(self.structure.origin(op.operands[0]),))
        elif not all(inner.primitive in COMPUTABLE or inner.primitive in REGISTRY for inner in ops_of(op)):
            return False
        if op.primitive != "shape" and not all(self.needed_for(v, found) for v in free_values_of(op)):
            return False
        if all(value not in other.results for other in found):
            found[op] = None
        return True

    def lengths_function(self, values: tuple[Value, ...]) -> Function:
        """The lengths as a function of uniform parameters, and of arrays of which it reads the lengths only."""
        found: dict[Op, None] = {}
        for value in values:
            self.needed_for(value, found)
        read = {v for op in found for v in free_values_of(op)} | set(values)
        parameters = tuple(p for p in (*self.function.parameters, *self.sizes) if p in read)
        return simplified(Function(f"{self.function.name}_lengths", Block(parameters, tuple(found), values)))

    def placed(self) -> ThreadTapes:
        tapes: list[Value] = []
        lengths: list[Value] = []
        renamed: dict[Value, Value] = {}
        hoisted: list[Op] = []
        widened: set[Value] = set()
        taken = {parameter.name for parameter in self.function.parameters}
        for op, known in self.lengths.items():
            type = ty.array(op.result.type.dtype, op.result.type.ndim + 1)
            wish = name = op.result.name or "scratch"
            count = 1
            while name in taken:
                count += 1
                name = f"{wish}{count}"
            taken.add(name)
            tape = Value(name, type)
            tapes.append(tape)
            lengths += known
            renamed[op.result] = tape
            widened.add(self.structure.storage(op.result))
        for op, known in self.local.items():
            if known != op.operands or any(self.same(e.result, op.result) for e in self.empty):
                moved = Value(op.result.name, op.result.type)
                hoisted.append(replace(op, operands=known, results=(moved,)))
                renamed[op.result] = moved
        for op in self.empty:
            renamed[op.result] = self.instead(op, renamed)
        gone = set(renamed)
        thread = Value("thread" if "thread" not in taken else "thread_number", ty.int64)
        body = substitute(self.rewritten(self.function.body, gone, widened, renamed, thread), renamed)
        extra = (*tapes, thread) if tapes else ()
        body = replace(body, parameters=(*body.parameters, *extra), ops=(*hoisted, *body.ops))
        placed = simplified(replace(self.function, body=body))
        return ThreadTapes(placed, tuple(tapes), self.lengths_function(tuple(lengths)), self.sizes)

    def instead(self, empty: Op, renamed: dict[Value, Value]) -> Value:
        """What stands for an array without elements: the one that it is joined with, if there is one."""
        for op in (*self.lengths, *self.local):
            if self.same(op.result, empty.result):
                return renamed[op.result]
        return empty.result

    def checks(self, op: Op) -> list[Op]:
        """That the lengths of a tape are within the user's bound."""
        with Builder(op.location) as builder:
            for length in self.checked.get(op, ()):
                fits = builder.emit("le", (length, constant(self.most_trips, ty.int64)), ty.boolean)
                message = f"the tape `{op.result.name}` is too short"
                builder.effect("require", (fits,), {"error": "TapeOverflowError", "message": message})
        return builder.ops

    def rewritten(
        self, block: Block, gone: set[Value], widened: set[Value], renamed: dict[Value, Value], thread: Value
    ) -> Block:
        """The block with the axis of the threads, and without the allocations that moved."""

        def wide(value: Value) -> Value:
            if not ty.is_array(value.type) or self.structure.storage(value) not in widened:
                return value
            if value not in renamed:
                renamed[value] = Value(value.name, ty.array(value.type.dtype, value.type.ndim + 1))
            return renamed[value]

        ops = []
        for op in block.ops:
            if op.primitive == "alloc" and op.result in gone and renamed[op.result] is not op.result:
                ops += self.checks(op)
                continue
            operands, results = tuple(map(wide, op.operands)), tuple(map(wide, op.results))
            if op.primitive in ("load", "store", "accum") and operands[0] is not op.operands[0]:
                at = len(operands) - (op.primitive != "load")
                operands = (*operands[:at], thread, *operands[at:])
            regions = tuple(self.rewritten(r, gone, widened, renamed, thread) for r in op.regions)
            ops.append(replace(op, operands=operands, results=results, regions=regions))
        return Block(tuple(map(wide, block.parameters)), tuple(ops), tuple(map(wide, block.results)))


__all__ = ["ThreadTapes", "place_thread_arrays"]
