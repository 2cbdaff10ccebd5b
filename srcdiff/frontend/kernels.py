"""Read CUDA kernels: the program of one thread, with its place in the grid as integers.

    @differentiate(target="cuda")         scale(x: f32[:], y: f32[:]) {
    def scale(x, y):                        i = position text='cuda.grid(1)'
        i = cuda.grid(1)            ->      n = shape axis=0 x
        if i < x.shape[0]:                  t = lt i n
            y[i] = 2.0 * x[i]               y1 = if t { ... store y i ... }
                                            return y1
                                          }

Where a thread is, is known at the start of the kernel and never changes. `cuda.atomic.add` is an `accum`. Shared memory
is there from the start, and `cuda.syncthreads()` a `barrier` for each array in it. Numbers of the surroundings are
known, as `numba.cuda` has it. What has no adjoint here is refused by name.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from ..errors import (
    DifferentiationError,
    Location,
    SharedMemoryError,
    UnsupportedAtomic,
    UnsupportedConstruct,
    UnsupportedDtype,
    UnsupportedIntrinsic,
)
from ..ir import types as ty
from ..ir.builder import constant
from ..ir.core import Op, Value
from ..ir.operators import current_builder
from ..ir.types import Type
from .build import Reader, parse
from .program import Program
from .source import FunctionSource
from .things import ArrayView, Root, Static, is_number, whole_view

PLACES = ("threadIdx", "blockIdx", "blockDim", "gridDim")


@dataclass(frozen=True)
class DeviceName:
    """Something of the module `numba.cuda`, by its path in it."""

    path: str


@dataclass(frozen=True)
class SharedArray:
    """A declaration of shared memory; wherever it is reached from, it is the same memory."""

    where: Location
    shape: tuple[int, ...]
    dtype: Type


class Undeclared(Exception):
    """Shared memory was found that has to be there from the start, since every barrier orders what is done with it."""

    def __init__(self, found: SharedArray) -> None:
        self.found = found


def parse_kernel(source: FunctionSource, specs: Sequence[Any], carried_float: Type | None) -> Program:
    """Read a kernel for the given argument types; `carried_float` is the least type of a float that loops carry."""
    declared: list[SharedArray] = []
    while True:
        reader = KernelReader(declared)
        reader.carried_float = carried_float or reader.carried_float
        try:
            return parse(source, specs, reader)
        except Undeclared as more:
            declared.append(more.found)


class KernelReader(Reader):
    """Reads one kernel, with shared memory that an earlier reading has found."""

    def __init__(self, declared: Sequence[SharedArray] = ()) -> None:
        super().__init__()
        self.shared_arrays = {each: self.shared_root(each) for each in declared}
        self.places_in_grid: dict[str, tuple[Value, ...]] = {}
        self.current_statement: ast.stmt | None = None

    def blank(self) -> KernelReader:
        return KernelReader(list(self.shared_arrays))

    def attribute(self, thing: Any, name: str, node: ast.AST) -> Any:
        if isinstance(thing, Static) and getattr(thing.value, "__name__", "") == "numba.cuda":
            thing = DeviceName("")
        if not isinstance(thing, DeviceName):
            return super().attribute(thing, name, node)
        path = f"{thing.path}.{name}".removeprefix(".")
        if thing.path in PLACES and name in ("x", "y", "z"):
            return self.place_in_grid(f"cuda.{path}", 1)[0]
        if path in ("laneid", "warpsize"):
            self.refuse_device(
                f"`cuda.{path}`",
                "which threads are one warp is not followed",
                "`cuda.threadIdx`, and shared memory between threads",
                node,
                UnsupportedIntrinsic,
            )
        return DeviceName(path)

    def captured(self, value: Any, where: tuple[str, Any, str], name: str, node: ast.AST | None) -> Any:
        if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
            self.captures.statics.append((where, value))
            return constant(value.item(), ty.typeof(value)) if isinstance(value, np.generic) else value
        return super().captured(value, where, name, node)

    def shared_root(self, declared: SharedArray) -> Root:
        lengths = tuple(constant(n, ty.int64) for n in declared.shape)
        attributes = {"fill": "empty", "shared_memory": True}
        memory = Value("", ty.array(declared.dtype, len(lengths), "C"))
        self.prologue.append(Op("alloc", lengths, (memory,), (), attributes, declared.where))
        return self.new_root(memory, declared.shape)

    def place_in_grid(self, text: str, count: int) -> tuple[Value, ...]:
        """Integers that say where the thread is."""
        if text not in self.places_in_grid:
            results = tuple(Value("", ty.int64) for _ in range(count))
            # At the very start: they are in scope everywhere, also where the adjoint reads them again.
            self.prologue.append(Op("position", (), results, (), {"text": text}, self.location()))
            self.places_in_grid[text] = results
            self.nonnegative.update(results)
        return self.places_in_grid[text]

    def call(
        self, function: Any, arguments: tuple[Any, ...], keywords: Mapping[str, Any], node: ast.AST
    ) -> Any:
        if not isinstance(function, DeviceName):
            if isinstance(function, Static):
                function = Static(getattr(function.value, "py_func", function.value))
            return super().call(function, arguments, keywords, node)
        match function.path:
            case "grid" | "gridsize" if len(arguments) == 1 and arguments[0] in (1, 2, 3):
                found = self.place_in_grid(f"cuda.{function.path}({arguments[0]})", arguments[0])
                return found[0] if arguments[0] == 1 else found
            case "atomic.add":
                return self.atomic_add(arguments, node)
            case "local.array":
                return self.local_array(arguments, keywords, node)
            case "shared.array":
                return self.shared_array(arguments, keywords, node)
            case "syncthreads":
                for root in self.shared_arrays.values():
                    version = self.version(root)
                    met = current_builder().emit("barrier", (version,), version.type, name=version.name)
                    self.write(root, met)
                return Static(None)
            case path if path.startswith("atomic."):
                self.refuse_device(
                    f"`cuda.{path}`",
                    "only sums have an adjoint here",
                    "`cuda.atomic.add`",
                    node,
                    UnsupportedAtomic,
                )
            case path:
                self.refuse_device(
                    f"`cuda.{path}`",
                    "it has no adjoint here",
                    "indices of threads and blocks, `cuda.syncthreads`, `cuda.shared.array`, `cuda.atomic.add`, `math`",
                    node,
                    UnsupportedIntrinsic,
                )

    def refuse_device(
        self, what: str, why: str, instead: str, node: ast.AST, kind: type[DifferentiationError]
    ) -> NoReturn:
        self.refuse(what, why, instead, node=node, kind=kind)

    def atomic_add(self, arguments: tuple[Any, ...], node: ast.AST) -> Static:
        statement = self.current_statement
        if not (isinstance(statement, ast.Expr) and statement.value is node):
            self.refuse(
                "the result of an atomic addition",
                "it depends on which thread is first",
                "the addition as a statement of its own",
                node=node,
                kind=UnsupportedAtomic,
            )
        array, index, term = arguments
        if not isinstance(array, ArrayView):
            self.refuse("an atomic addition to what is no array", node=node, kind=UnsupportedAtomic)
        place = self.place_of(array, index if isinstance(index, tuple) else (index,))
        if place.axes:
            self.refuse("an atomic addition to a part of an array", instead="one element", node=node)
        version = self.version(place.root)
        where = [self.as_value(i) for i in self.root_indices(place, ())]
        value = self.as_value(term, version.type.dtype)
        if value.type != version.type.dtype:
            value = self.as_value(self.cast(value, version.type.dtype))
        new = current_builder().emit("accum", (version, *where, value), version.type, name=version.name)
        self.write(place.root, new)
        return Static(None)

    def local_array(
        self, arguments: tuple[Any, ...], keywords: Mapping[str, Any], node: ast.AST
    ) -> ArrayView:
        return self.allocate(*self.shape_and_dtype("local", arguments, keywords, node))

    def shared_array(
        self, arguments: tuple[Any, ...], keywords: Mapping[str, Any], node: ast.AST
    ) -> ArrayView:
        where = self.location(node)
        assert where is not None
        declared = SharedArray(where, *self.shape_and_dtype("shared", arguments, keywords, node))
        if declared not in self.shared_arrays:
            raise Undeclared(declared)
        return whole_view(self.shared_arrays[declared])

    def shape_and_dtype(
        self, memory: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any], node: ast.AST
    ) -> tuple[tuple[int, ...], Type]:
        given = dict(zip(("shape", "dtype"), arguments, strict=False)) | dict(keywords)
        shape = given["shape"] if isinstance(given["shape"], tuple) else (given["shape"],)
        known = [n.constant if isinstance(n, Value) and n.is_constant else n for n in shape]
        dtype = self.dtype_of(given["dtype"])
        if dtype is None or not all(is_number(n) and n == int(n) and n > 0 for n in known):
            self.refuse(
                f"a {memory} array whose size is not a constant",
                "it is laid out when the kernel is compiled",
                "a number written in the source, or one of the module",
                node=node,
                kind=SharedMemoryError if memory == "shared" else UnsupportedConstruct,
            )
        if ty.is_complex(dtype) or (ty.is_float(dtype) and dtype.bitwidth < 32):
            self.refuse(
                f"a {memory} array of {dtype}",
                "kernels compute with real numbers of 32 and 64 bits",
                "`np.float32` or `np.float64`, for real and imaginary part each",
                node=node,
                kind=UnsupportedDtype,
            )
        return tuple(int(n) for n in known), dtype

    def statement(self, node: ast.stmt) -> None:
        outer, self.current_statement = self.current_statement, node
        super().statement(node)
        self.current_statement = outer


__all__ = ["parse_kernel"]
