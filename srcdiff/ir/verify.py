"""Check that a function is well-formed: SSA, the shapes of control ops, types of slots, array versions used once.

    y = store x i v
    z = load x i          ->    InternalError: after `residuals`: `load` reads `x`, which `store` has consumed

Between `build_adjoint` and `place_residuals` the adjoint is *ideal*: it reads values of closed regions and consumed
versions as if all were still there, so only what does not depend on the order is checked there. Edits nothing.
"""

from __future__ import annotations

from ..errors import InternalError
from . import types as ty
from .core import IN_PLACE, Block, Function, Op, Value, carried, leaves_early, loop_body, loop_slots
from .types import Type

LOOPS = ("for", "while")


def verify(function: Function, stage: str = "", ideal: bool = False) -> None:
    """Raise where a function breaks a rule of the IR.

    Parameters
    ----------
    function : Function
    stage : str
        What made it, for the message.
    ideal : bool
        Whether values may be read where they are not defined yet or not any more.

    Raises
    ------
    InternalError
    """
    Verifier(stage, ideal).function(function)


def verified(function: Function) -> Function:
    """A finished function, if all its values are defined where they are read.

    Raises
    ------
    InternalError
    """
    check_scope(function.body, set())
    return function


def check_scope(block: Block, scope: set[Value]) -> None:
    """Raise where a block reads what is neither in `scope` nor defined before; `scope` is left as it was."""
    own = [*block.parameters]
    scope.update(own)

    def read(values: tuple[Value, ...], op: Op | None) -> None:
        for value in values:
            if not value.is_constant and value not in scope:
                location = op.location if op is not None else None
                raise InternalError(f"{named(op)} reads {value!r} where it is not defined", location)

    for op in block.ops:
        read(op.operands, op)
        for region in op.regions:
            check_scope(region, scope)
        own += op.results
        scope.update(op.results)
    read(block.results, None)
    scope.difference_update(own)


class Verifier:
    def __init__(self, stage: str, ideal: bool) -> None:
        self.stage, self.ideal = stage, ideal
        self.defined: set[Value] = set()  # anywhere
        self.scope: set[Value] = set()  # what can be read here
        self.consumed: dict[Value, Op] = {}  # versions that are gone, and what consumed them
        self.scratch: set[Value] = set()  # memory that each trip of a loop may fill anew
        self.pending: list[tuple[Value, Op | None]] = []  # uses to be found defined somewhere (ideal)

    # ---------------------------------------------------------------------------------------- failures

    def fail(self, what: str, op: Op | None) -> None:
        after = f"after `{self.stage}`: " if self.stage else ""
        raise InternalError(after + what, op.location if op is not None else None)

    # ------------------------------------------------------------------------------------------- values

    def define(self, values: tuple[Value, ...], op: Op | None) -> None:
        for value in values:
            if value.is_constant:
                self.fail(f"{named(op)} defines the constant {value!r}", op)
            if value in self.defined:
                self.fail(f"{named(op)} defines {value!r} a second time", op)
            self.defined.add(value)
            self.scope.add(value)

    def use(self, value: Value, op: Op | None) -> None:
        if value.is_constant:
            self.constant(value, op)
        elif self.ideal:
            self.pending.append((value, op))
        else:
            if value not in self.scope:
                self.fail(f"{named(op)} reads {value!r} where it is not defined", op)
            by = self.consumed.get(value)
            if by is not None:
                self.fail(f"{named(op)} reads {value!r}, which {named(by)} has consumed", op)

    def constant(self, value: Value, op: Op | None) -> None:
        number, type = value.constant, value.type
        fits = (
            isinstance(number, bool)
            if ty.is_boolean(type)
            else isinstance(number, int) and not isinstance(number, bool)
            if ty.is_integer(type)
            else isinstance(number, float)
            if ty.is_float(type)
            else isinstance(number, complex) or not ty.is_complex(type)
        )
        if not fits:
            self.fail(f"{named(op)} reads the constant {number!r} of type {ty.name_of(type)}", op)

    def consume(self, version: Value, op: Op) -> None:
        if not self.ideal and not version.is_constant:
            self.consumed[version] = op

    # -------------------------------------------------------------------------------------------- blocks

    def function(self, function: Function) -> None:
        if not 0 <= function.hidden <= len(function.parameters):
            self.fail("too many hidden parameters", None)
        if not 0 <= function.written <= len(function.results):
            self.fail("too many written results", None)
        self.define(function.parameters, None)
        self.block(function.body)
        for value in function.results:
            self.use(value, None)
        for value, op in self.pending:
            if value not in self.defined:
                self.fail(f"{named(op)} reads {value!r}, which nothing defines", op)

    def block(self, block: Block) -> None:
        for op in block.ops:
            match op.primitive:
                case "if":
                    self.branch(op)
                case "for" | "while":
                    self.loop(op)
                case _:
                    self.plain(op)

    def plain(self, op: Op) -> None:
        if op.regions:
            self.fail(f"{named(op)} has regions", op)
        for value in op.operands:
            self.use(value, op)
        if op.primitive in (*IN_PLACE, "load"):
            self.memory(op)
        if op.primitive in IN_PLACE:
            self.consume(op.operands[0], op)
        if not op.attributes.keys().isdisjoint(("tape", "work", "shared")):
            self.scratch.update(op.results)
        self.define(op.results, op)

    def memory(self, op: Op) -> None:
        """Elements are read and written at as many integers as the array has axes, parts at the first of them."""
        array, *rest = op.operands
        if not ty.is_array(array.type):
            self.fail(f"{named(op)} of {array!r}, which is no array", op)
        if op.primitive in IN_PLACE:
            self.same_array(array.type, op.result.type, op)
        if op.primitive in ("load", "store", "accum") and "slices" not in op.attributes:
            where = rest if op.primitive == "load" else rest[:-1]
            part = op.result if op.primitive == "load" else rest[-1]
            axes = array.type.ndim - (part.type.ndim if ty.is_array(part.type) else 0)
            if len(where) != axes:
                self.fail(f"{named(op)} at {len(where)} indices of {axes} axes", op)
            for index in where:
                if not ty.is_integer(index.type):
                    self.fail(f"{named(op)} at {index!r}, no integer", op)
        if op.primitive == "load":
            dtype = ty.element(op.result.type)
            if dtype != array.type.dtype:
                self.fail(f"{named(op)} changes the type", op)

    def same_array(self, a: Type, b: Type, op: Op) -> None:
        alike = ty.is_array(a) and ty.is_array(b) and a.dtype == b.dtype and a.ndim == b.ndim
        if not alike:
            self.fail(f"{named(op)} makes {ty.name_of(b)} of {ty.name_of(a)}", op)

    def branch(self, op: Op) -> None:
        shape = f"{named(op)} needs one boolean, two regions, and as many results as they yield"
        if len(op.operands) != 1 or len(op.regions) != 2:
            self.fail(shape, op)
        if not ty.is_boolean(op.operands[0].type):
            self.fail(shape, op)
        self.use(op.operands[0], op)
        scope, before, after = set(self.scope), dict(self.consumed), dict(self.consumed)
        for region in op.regions:
            if region.parameters or len(region.results) != len(op.results):
                self.fail(shape, op)
            self.scope, self.consumed = set(scope), dict(before)
            self.block(region)
            for value, result in zip(region.results, op.results, strict=True):
                self.use(value, op)
                self.flows(value, result, op)
            after.update(self.consumed)
        self.scope, self.consumed = scope, after
        self.define(op.results, op)

    def loop(self, op: Op) -> None:
        self.loop_shape(op)
        for value in op.operands:
            self.use(value, op)
        for bound in op.operands[: len(op.operands) - len(carried(op))]:
            if not ty.is_integer(bound.type):
                self.fail(f"{named(op)} has the bound {bound!r}, no integer", op)
        for initial, parameter, yielded, result in loop_slots(op):
            self.flows(initial, parameter, op)
            self.flows(yielded, parameter, op)
            self.flows(parameter, result, op)
            if (
                ty.is_array(initial.type)
                and yielded is not parameter
                and is_consumed(loop_body(op), parameter)
            ):
                self.consume(initial, op)
        scope, before = set(self.scope), set(self.consumed)
        for region in op.regions:
            self.scope = set(scope)
            self.define(region.parameters, op)
            self.block(region)
            for value in region.results:
                self.use(value, op)
        for version, by in self.consumed.items():
            if version in scope and version not in before and version not in self.scratch:
                self.fail(
                    f"{named(by)} consumes {version!r} in every trip of a loop that does not carry it", by
                )
        self.scope = scope
        self.define(op.results, op)

    def loop_shape(self, op: Op) -> None:
        """The table of `core.py`."""
        n, leaves = len(carried(op)), int(leaves_early(op))
        counted = op.primitive == "while" or leaves
        fits = (
            len(op.operands) >= (3 if op.primitive == "for" else 0)
            and len(op.regions) == (1 if op.primitive == "for" else 2)
            and len(loop_body(op).parameters) == n + (op.primitive == "for")
            and len(loop_body(op).results) == n + leaves
            and len(op.results) == n + bool(counted)
        )
        if op.primitive == "while" and fits:
            condition = op.regions[0]
            fits = len(condition.parameters) == n and len(condition.results) == 1
            fits = fits and ty.is_boolean(condition.results[0].type)
            fits = fits and all(
                a.type == b.type for a, b in zip(condition.parameters, loop_body(op).parameters, strict=True)
            )
        if fits and leaves:
            fits = ty.is_boolean(loop_body(op).results[0].type)
        if fits and counted:
            fits = ty.is_integer(op.results[0].type)
        if fits and op.primitive == "for":
            fits = ty.is_integer(loop_body(op).parameters[0].type)
        if not fits:
            self.fail(f"{named(op)} carries {n} values and does not have the shape for it", op)

    def flows(self, value: Value, into: Value, op: Op) -> None:
        """A value becomes what a slot or a result is: of the same type, but a layout may be forgotten."""
        a, b = value.type, into.type
        if ty.is_array(a) and ty.is_array(b):
            fits = a.dtype == b.dtype and a.ndim == b.ndim and b.layout in (a.layout, "A")
        else:
            fits = a == b
        if not fits:
            self.fail(f"{named(op)} takes {value!r}: {ty.name_of(a)} for {into!r}: {ty.name_of(b)}", op)


def is_consumed(block: Block, version: Value) -> bool:
    """Whether a block writes the memory of a version; one that is only read may be yielded to another slot."""
    for op in block.ops:
        if op.primitive in IN_PLACE and op.operands[0] is version:
            return True
        if op.primitive in LOOPS:
            slots = [s for s in loop_slots(op) if s[0] is version and s[2] is not s[1]]
            if any(is_consumed(loop_body(op), parameter) for _, parameter, _, _ in slots):
                return True
        elif any(is_consumed(region, version) for region in op.regions):
            return True
    return False


def named(op: Op | None) -> str:
    return f"`{op.primitive}`" if op is not None else "the function"


__all__ = ["verified", "verify"]
