"""Print a function as a kernel that calls it for each row of a batch.

    price_grad(S: f32, r: f32)  ->    @cuda.jit(device=True)
                                      def price_grad(S, r):
                                          ...
                                          return value, S_bar, r_bar

                                      def price_grad_rows(rows, S, r, value, S_bar, r_bar):
                                          r_sum = np.float32(0.0)
                                          for row in range(cuda.grid(1), rows, cuda.gridsize(1)):
                                              i = np.uint64(row)  # not from the end
                                              value[i], S_bar[i], r_part = price_grad(S[i], r)
                                              r_sum += r_part
                                          block_add(r_bar, 0, r_sum)

What is owed to what all rows share is summed by each thread, then by each block: `r_bar` is of partial sums (see
`thread_sums.py`). To a shared array of many elements rows add atomically, each to those of its block. Reads: nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..ir import types as ty
from ..ir.core import Function, Value
from ..ir.types import Type
from .cuda import DevicePrinter, Kernel, module_text
from .literals import zero_text
from .names import claimed, unique
from .python import INDENT
from .thread_sums import block_add_name, block_add_source

FEW = 32  # elements of a shared array whose sums a thread keeps to itself


@dataclass(frozen=True)
class Rows:
    """How the parameters and results of a function meet the arrays of a batch.

    Attributes
    ----------
    function : what each row computes
    rows : the parameters that differ between rows
    shadows : for each array with a gradient its shadow; both are parameters
    owners : whose gradient each result after the value is
    tapes : the parameters that are tapes; a last parameter is the number of the thread
    shapes : of the arrays that are parameters
    value : whether the first result is the value
    """

    function: Function
    rows: frozenset[Value]
    shadows: dict[Value, Value] = field(default_factory=dict)
    owners: tuple[Value, ...] = ()
    tapes: tuple[Value, ...] = ()
    shapes: dict[Value, tuple[int, ...]] = field(default_factory=dict)


def is_summed(rows: Rows, parameter: Value) -> bool:
    """Whether a thread sums what is owed to a shared array, before the block does."""
    return parameter not in rows.rows and math.prod(rows.shapes[parameter]) <= FEW


def print_rows(rows: Rows, doc: str) -> Kernel:
    """The module of a kernel that calls a function for each row of its arguments.

    The parameters of the kernel: the number of rows; the parameters of the function that are no shadows; the column of
    values; the gradients; the tapes; and `status` if there are failures.
    """
    function = rows.function
    scattered = [s for p, s in rows.shadows.items() if p not in rows.rows and not is_summed(rows, p)]
    printer = DevicePrinter(function, scattered)
    body = printer.function_lines(doc, None)
    if printer.failures:
        body[0] = body[0].replace("):", f", {printer.status}):")
    kernel = RowLoop(rows, printer)
    lines = kernel.lines()
    dtypes = dict.fromkeys(type for _, type in kernel.reduced)
    helpers = [block_add_source(type) for type in dtypes]
    text = module_text(function, helpers, ["@cuda.jit(device=True)", *body], lines)
    return Kernel(
        text,
        kernel.name,
        tuple(printer.failures),
        tuple(v.name for v in scattered),
    )


class RowLoop:
    """The kernel around a function of rows."""

    def __init__(self, rows: Rows, printer: DevicePrinter) -> None:
        self.rows, self.printer = rows, printer
        self.name = f"{rows.function.name}_rows"
        self.taken = {p.name for p in rows.function.parameters} | {
            "rows",
            "row",
            "i",
            "np",
            "cuda",
            "math",
            printer.status,
        }
        self.taken.add(rows.function.name)
        self.reduced: list[tuple[str, Type]] = []

    def lines(self) -> list[str]:
        rows, function = self.rows, self.rows.function
        back = {shadow: parameter for parameter, shadow in rows.shadows.items()}
        inner = rows.tapes and function.parameters[-1]
        primals = [p for p in function.parameters if p not in back and p not in rows.tapes and p is not inner]
        before: list[str] = []
        after: list[str] = []
        inside: list[str] = []
        arguments = []
        outputs: dict[Value, str] = {}
        column = claimed("value", self.taken)
        for parameter in function.parameters:
            if parameter in back:
                arguments.append(self.shadow(parameter, back[parameter], outputs, before, after))
            elif parameter is inner:
                arguments.append("cuda.grid(1)")
            elif parameter in rows.rows:
                arguments.append(f"{parameter.name}[i]")
            else:
                arguments.append(parameter.name)
        targets = [f"{column}[i]"]
        for owner, result in zip(rows.owners, function.results[1:], strict=False):
            name = claimed(f"{owner.name}_bar", self.taken)
            outputs[owner] = name
            if owner in rows.rows:
                targets.append(f"{name}[i]")
                continue
            part, total = claimed(f"{owner.name}_part", self.taken), claimed(f"{owner.name}_sum", self.taken)
            targets.append(part)
            before.append(f"{total} = {zero_text(result.type)}")
            inside.append(f"{total} += {part}")
            after.append(f"{self.reduction(owner.type)}({name}, 0, {total})")
        if self.printer.failures:
            arguments.append(self.printer.status)
        call = f"{', '.join(targets)} = {function.name}({', '.join(arguments)})"
        order = [outputs[p] for p in primals if p in outputs]
        names = ["rows", *(p.name for p in primals), column, *order, *(t.name for t in rows.tapes)]
        names += [self.printer.status] if self.printer.failures else []
        head = [f"def {self.name}({', '.join(names)}):"]
        loop = [
            "for row in range(cuda.grid(1), rows, cuda.gridsize(1)):",
            *(INDENT + x for x in ("i = np.uint64(row)  # not from the end", call, *inside)),
        ]
        return head + [INDENT + line for line in (*before, *loop, *after)]

    def shadow(
        self, shadow: Value, parameter: Value, outputs: dict[Value, str], before: list[str], after: list[str]
    ) -> str:
        """The argument for a shadow."""
        name = outputs[parameter] = shadow.name
        if parameter in self.rows.rows:
            return f"{name}[i]"
        if not is_summed(self.rows, parameter):
            return f"{name}[cuda.blockIdx.x % {name}.shape[0]]"
        total = claimed(f"{parameter.name}_sum", self.taken)
        shape = self.rows.shapes[parameter]
        size = str(shape[0]) if len(shape) == 1 else f"({', '.join(map(str, shape))})"
        dtype = parameter.type.dtype
        before.append(f"{total} = cuda.local.array({size}, {ty.dtype_spelling(dtype)})")
        indices = index_names(len(shape), self.taken)
        at = ", ".join(indices)
        where = at if len(indices) == 1 else f"({at})"
        loops = [
            f"{INDENT * d}for {k} in range({n}):" for d, (k, n) in enumerate(zip(indices, shape, strict=True))
        ]
        deep = INDENT * len(shape)
        before += [*loops, f"{deep}{total}[{at}] = {zero_text(dtype)}"]
        after += [*loops, f"{deep}{self.reduction(dtype)}({name}, {where}, {total}[{at}])"]
        return total

    def reduction(self, type: Type) -> str:
        name = block_add_name(type)
        self.reduced.append((name, type))
        return name


def index_names(count: int, taken: set[str]) -> list[str]:
    """Names for the indices of a nest of loops."""
    names: list[str] = []
    for _ in range(count):
        names.append(unique("k", taken.union(names)))
    return names


__all__ = ["FEW", "Rows", "print_rows"]
