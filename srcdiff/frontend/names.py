"""What a name stands for: a variable, or something outside of the function.

    x        a variable of this function, or of the one that it is nested in
    scale    of the closure or the module: a hidden parameter, if it is a number or an array
    np       known when the function is read

Where a name is bound on some paths only, its flag is tested in the generated program.
"""

from __future__ import annotations

import ast
import builtins
import enum
import types
from collections.abc import Container, Mapping
from typing import Any

import numpy as np

from ..errors import LONGER_THAN_ONE, InternalError
from ..ir import types as ty
from ..ir.builder import Builder, constant
from ..ir.core import Value
from ..ir.operators import open_builders
from .captures import HELD, Captures, Where, is_frozen, is_of_user, outline, place
from .describe import describe
from .library.structures import is_structure, joined_name, thing_of
from .reductions import Reductions
from .scope import FLAG, Frame, ReadAgain
from .things import ItemsFromOutside, Length, Poison, Root, Static, whole_view
from .trees import Tree, opened


class Names(Reductions):
    """Variables, and what is captured from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.captures = Captures()
        self.prologue = Builder()  # the lengths of parameters
        # Axes along which captured arrays are known to be of length 1.
        self.single_captures: Mapping[Any, tuple[int, ...]] = {}
        # Captured arrays to be known from the start, because inner blocks write them.
        self.written_inside: list[tuple[Where, str]] = []
        self.depth = 0  # of builders where the function begins

    def lookup(self, name: str, node: ast.AST | None = None) -> Any:
        frame: Frame | None = self.frame
        while frame is not None:
            if name in frame.env:
                thing = frame.env[name]
                if isinstance(thing, Poison):
                    if thing.loop is not None:
                        self.read_first_trip_apart(thing, name)
                    self.refuse(thing.problem, instead=thing.instead, node=node, kind=thing.kind)
                flag = frame.env.get(name + FLAG, True)
                if flag is not True:
                    self.carried_from_trip_to_trip(name, thing)
                    self.require(flag, "UnboundLocalError", f"{name} is not bound on this path")
                    frame.env[name + FLAG] = True
                return thing
            frame = frame.parent
        self.carried_from_trip_to_trip(name, None)
        return self.outside(name, node)

    def read_first_trip_apart(self, poison: Poison, name: str) -> None:
        """Read the function again, with the first trip apart of a loop that leaves this name unreadable,
        if it is not already."""
        raise NotImplementedError

    def frame_of(self, name: str) -> Frame | None:
        """The function that is read whose variable a name is."""
        frame: Frame | None = self.frame
        while frame is not None and name not in frame.env:
            frame = frame.parent
        return frame

    def outside(self, name: str, node: ast.AST | None) -> Any:
        """A name of the closure, the module or the builtins."""
        function = self.frame.source.function
        code = function.__code__
        if name in code.co_varnames and name not in code.co_freevars and self.frame.parent is None:
            self.refuse(
                f"`{name}` is read before it is bound",
                "no assignment of it comes before this on every path",
                f"give `{name}` a value first",
                node=node,
            )
        if name in code.co_freevars and function.__closure__ is not None:
            cell = function.__closure__[code.co_freevars.index(name)]
            try:
                return self.captured(cell.cell_contents, ("closure", function, name), name, node)
            except ValueError:
                self.refuse(f"the closure variable `{name}` is empty", node=node)
        if name in function.__globals__:
            return self.captured(function.__globals__[name], ("global", function, name), name, node)
        if hasattr(builtins, name):
            return self.lifted(getattr(builtins, name))
        self.refuse(f"the name `{name}` is not defined", "Python would raise an error here", node=node)

    def attribute_outside(self, thing: Static, name: str, node: ast.AST) -> Any:
        """What a module, an object or a class from outside has under a name, as it is at each call."""
        owner, name = thing.value, self.mangled(name)
        if not hasattr(owner, name):
            problem = f"{describe(thing)} has no attribute `{name}`"
            self.refuse(problem, "Python would raise an error here", node=node)
        value = getattr(owner, name)
        if is_frozen(owner) or not (is_of_user(owner) or isinstance(value, HELD)):
            return self.lifted(value, node)
        if isinstance(value, types.MethodType):
            self.captures.statics.append((("method", owner, name), value.__func__))
            return Static(value)
        return self.captured(value, ("attribute", owner, name), name, node)

    def mangled(self, name: str) -> str:
        """The name that Python gives to `self.__x` in a class."""
        if not name.startswith("__") or name.endswith("__"):
            return name
        known = self.frame.source.function.__code__.co_names
        return next((other for other in known if other[0] == "_" and other.endswith(name)), name)

    def captured(self, value: Any, where: tuple[str, Any, str], name: str, node: ast.AST | None) -> Any:
        """A value from outside: numbers and arrays are hidden parameters, other things are known now."""
        frozen = self.frame.numba_rules
        if isinstance(value, (bool, np.bool_, enum.Enum)):
            self.captures.statics.append((where, value))
            return self.lifted(value)
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            self.refuse(f"`{name}`, an integer of more than 64 bits", "Numba has none", "a float", node=node)
        if isinstance(value, (int, float, complex, np.number)):
            if frozen:
                type = ty.typeof(value)
                return constant(value.item() if isinstance(value, np.generic) else value, type)
            number = self.hidden(where, ty.typeof(value), name)
            return number if isinstance(value, np.generic) else self.as_weak(number)
        if isinstance(value, np.ndarray):
            return self.hidden(where, self.array_type(value, node), name)
        if is_structure(value) and not frozen:
            return self.captured_parts(value, where, name, node)
        if not isinstance(value, types.ModuleType) and not (frozen and callable(value)):
            self.captures.statics.append((where, value))
        return self.lifted(value, node)

    def captured_parts(self, value: Any, where: tuple[str, Any, str], name: str, node: ast.AST | None) -> Any:
        """A structure from outside: its numbers and arrays are hidden parameters, the rest of it is known now."""
        known: tuple[str, Any, str] = ("outline", where, name)
        if where[0] != "part":
            self.captures.statics.append((known, outline(value)))
        tree = Tree(tuple, tuple(range(len(value))), value) if type(value) is tuple else opened(value)
        assert tree is not None
        parts = [
            self.captured(part, ("part", where, key), joined_name(name, key), node)
            for key, part in zip(tree.names, tree.parts, strict=True)
        ]
        return ItemsFromOutside(parts) if tree.kind is list else thing_of(tree, parts)

    def array_type(self, value: np.ndarray[Any, Any], node: ast.AST | None) -> Any:
        try:
            type = ty.typeof(value)
        except TypeError as error:
            self.refuse(f"an array of dtype {value.dtype}", str(error), node=node)
        if not ty.is_scalar(type.dtype):
            self.refuse(f"an array of dtype {value.dtype}", "its elements are no plain numbers", node=node)
        return type

    def check_number(self, type: Any, name: str) -> None:
        """Refuse numbers, and arrays of numbers, of kinds that are not differentiated."""
        dtype = ty.element(type)
        if ty.is_float(dtype) and dtype.bitwidth < 32:
            self.refuse(
                f"`{name}` is of half precision", "Numba computes with 32 and 64 bits", "`np.float32`"
            )

    def parameter_root(self, value: Value, single: Container[int] = ()) -> Root:
        """The storage of an argument, which is of length 1 along the axes `single`."""
        shape: list[Length] = []
        fits: Value | None = None
        for axis in range(value.type.ndim):
            length: Length = self.prologue.emit("shape", (value,), ty.int64, {"axis": axis})
            self.nonnegative.add(length)
            if axis in single:
                one = self.prologue.emit("eq", (length, constant(1, ty.int64)), ty.boolean)
                fits = one if fits is None else self.prologue.emit("and", (fits, one), ty.boolean)
                length = 1
            shape.append(length)
        if fits is not None:
            self.prologue.effect("require", (fits,), {"error": "ValueError", "message": LONGER_THAN_ONE})
        root = Root(value.type, value.name, tuple(shape))
        self.memory[root] = value
        self.given.add(root)
        if value.type.ndim > 1 and value.type.layout != "C":
            self.has_other_order()
        return root

    def hidden(self, where: tuple[str, Any, str], type: Any, name: str) -> Any:
        self.check_number(type, name)
        key = place(where)
        is_new = key not in self.captures.values
        if is_new:
            self.captures.values[key] = Value(name, type)
            self.captures.fetch.append(where)
            self.captures.statics.append((("type", where, name), type))
            if ty.is_array(type):
                single = self.single_captures.get(key, ())
                if single:
                    self.captures.statics.append((("single_axes", where, name), single))
                self.captures.roots[key] = self.parameter_root(self.captures.values[key], single)
        value = self.captures.values[key]
        if ty.is_array(type):
            root = self.captures.roots[key]
            if is_new or root not in self.memory:
                self.memory[root] = value
                inside = len(open_builders.get()) > self.depth
                (self.captures.met_inside.add if inside else self.captures.met_inside.discard)(root)
            return whole_view(root)
        return value

    def write(self, root: Root, version: Value, apart: Container[Root] = ()) -> None:
        if root in self.captures.met_inside:
            # What is around the branch or the loop has no version of the array that it could join.
            where, name = self.captures.place_of(root)
            if any(place(where) == place(known) for known, _ in self.written_inside):
                raise InternalError(f"`{name}` is known from the start, and met inside", self.location())
            self.written_inside.append((where, name))
            raise ReadAgain
        super().write(root, version, apart)

    def lifted(self, value: Any, node: ast.AST | None = None) -> Any:
        """A Python value that is known when the function is read, as a thing."""
        if isinstance(value, (bool, np.bool_)):
            return bool(value)
        if isinstance(value, enum.Enum) and isinstance(value, (int, float)):
            return int(value) if isinstance(value, int) else float(value)
        if isinstance(value, (int, float, complex)) and not isinstance(value, np.generic):
            return value
        if isinstance(value, np.number):
            return constant(value.item(), ty.typeof(value))
        if isinstance(value, tuple) and type(value) is tuple:
            return tuple(self.lifted(x, node) for x in value)
        if isinstance(value, np.ndarray):
            return self.hidden(("object", value, str(id(value))), self.array_type(value, node), "array")
        if is_structure(value):
            return self.captured_parts(value, ("object", value, str(id(value))), "part", node)
        return Static(value)
