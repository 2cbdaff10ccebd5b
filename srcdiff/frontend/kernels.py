"""Read CUDA kernels: the program of one thread, with its place in the grid as integers.

    @differentiate(target="cuda")         scale(x: f32[:], y: f32[:]) {
    def scale(x, y):                        i = position text='cuda.grid(1)'
        i = cuda.grid(1)            ->      n = shape axis=0 x
        if i < x.shape[0]:                  t = lt i n
            y[i] = 2.0 * x[i]               y1 = if t { ... store y i ... }
                                            return y1
                                          }

Where a thread is, is known at the start of the kernel and never changes. `cuda.atomic.add` is an `accum`. What has no
adjoint here is refused by name.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from ..errors import DifferentiationError, SharedMemoryError, UnsupportedAtomic, UnsupportedIntrinsic
from ..ir import types as ty
from ..ir.core import Op, Value
from ..ir.operators import current_builder
from .build import Reader
from .things import ArrayView, Static, is_number

PLACES = ("threadIdx", "blockIdx", "blockDim", "gridDim")


@dataclass(frozen=True)
class DeviceName:
    """Something of the module `numba.cuda`, by its path in it."""

    path: str


class KernelReader(Reader):
    """Reads one kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.places_in_grid: dict[str, tuple[Value, ...]] = {}
        self.current_statement: ast.stmt | None = None

    def attribute(self, thing: Any, name: str, node: ast.Attribute) -> Any:
        if isinstance(thing, Static) and getattr(thing.value, "__name__", "") == "numba.cuda":
            thing = DeviceName("")
        if not isinstance(thing, DeviceName):
            return super().attribute(thing, name, node)
        path = f"{thing.path}.{name}".removeprefix(".")
        if thing.path in PLACES and name in ("x", "y", "z"):
            return self.place_in_grid(f"cuda.{path}", 1)[0]
        return DeviceName(path)

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
                self.refuse_device(
                    "`cuda.shared.array`",
                    "the adjoint of shared memory is not written yet",
                    "`cuda.atomic.add` into an array of one element, which becomes a read in the adjoint",
                    node,
                    SharedMemoryError,
                )
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
                    "indices of threads and blocks, `cuda.atomic.add`, `cuda.local.array`, `math`",
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
        given = dict(zip(("shape", "dtype"), arguments, strict=False)) | dict(keywords)
        shape = given["shape"] if isinstance(given["shape"], tuple) else (given["shape"],)
        dtype = self.dtype_of(given["dtype"])
        if not all(is_number(n) for n in shape) or dtype is None:
            self.refuse("a local array of a size that is not written in the source", node=node)
        return self.allocate(shape, dtype)

    def statement(self, node: ast.stmt) -> None:
        outer, self.current_statement = self.current_statement, node
        super().statement(node)
        self.current_statement = outer


__all__ = ["KernelReader"]
