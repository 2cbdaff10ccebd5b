"""Print functions of the IR as CUDA kernels in Python, for `numba.cuda`.

    price_grad(S: f32, r: f32)  ->    @cuda.jit(device=True)
                                      def price_grad(S, r):
                                          ...
                                          return value, S_bar, r_bar

                                      def price_grad_rows(rows, S, r, value, S_bar, r_bar):
                                          r_sum = np.float32(0.0)
                                          for i in range(cuda.grid(1), rows, cuda.gridsize(1)):
                                              value[i], S_bar[i], r_part = price_grad(S[i], r)
                                              r_sum += r_part
                                          block_add(r_bar, 0, r_sum)

Numbers are typed, so that nothing in a float32 kernel is computed in double precision. What cannot be raised from a
GPU sets `status`, from which the caller raises it. Reads: nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from ..errors import UnsupportedIntrinsic
from ..ir import types as ty
from ..ir.core import Function, Op, Value
from ..ir.types import Type
from ..ir.walk import ops_within
from .literals import ATOM, COMPARE, caster
from .names import claimed, unique
from .python import INDENT, Printer
from .special import called_functions, plain_source

BLOCK_ADD = '''@cuda.jit(device=True)
def {name}(array, where, term):
    """Add the sum of a term over the block to an element, by one atomic addition. All its threads call this."""
    partial = cuda.shared.array(32, {dtype})
    rank = cuda.threadIdx.x + cuda.blockDim.x * (cuda.threadIdx.y + cuda.blockDim.y * cuda.threadIdx.z)
    ranks = cuda.blockDim.x * cuda.blockDim.y * cuda.blockDim.z
    if ranks & 31:  # a warp is not full
        cuda.atomic.add(array, where, term)
        return
    warps = ranks >> 5
    offset = 16
    while offset > 0:
        term += cuda.shfl_down_sync(np.uint32(0xFFFFFFFF), term, offset)
        offset >>= 1
    cuda.syncthreads()  # the call before may still be reading
    if rank & 31 == 0:
        partial[rank >> 5] = term
    cuda.syncthreads()
    if rank < 32:
        term = partial[rank] if rank < warps else {zero}
        offset = 16
        while offset > 0:
            term += cuda.shfl_down_sync(np.uint32(0xFFFFFFFF), term, offset)
            offset >>= 1
        if rank == 0:
            cuda.atomic.add(array, where, term)
'''

WARP_ADD = '''@cuda.jit(device=True)
def {name}(array, where, term):
    """Add the sum of a term over each warp to an element, by one atomic addition. All threads of a block call this.

    The element need not exist where no thread has a term.
    """
    rank = cuda.threadIdx.x + cuda.blockDim.x * (cuda.threadIdx.y + cuda.blockDim.y * cuda.threadIdx.z)
    if (cuda.blockDim.x * cuda.blockDim.y * cuda.blockDim.z) & 31:  # a warp is not full
        if term != {zero}:
            cuda.atomic.add(array, where, term)
        return
    offset = 16
    while offset > 0:
        term += cuda.shfl_down_sync(np.uint32(0xFFFFFFFF), term, offset)
        offset >>= 1
    if rank & 31 == 0 and term != {zero}:
        cuda.atomic.add(array, where, term)
'''

# How kernels write what `numba.cuda` does not take as the CPU does; `{one}` is 1 in the type of the result. Those
# of the device's own library have an `f` behind the name in single precision.
SPELLINGS = {
    "square": "{0} * {0}",
    "reciprocal": "{one} / {0}",
    "sign": "({one} if {0} > 0 else -{one} if {0} < 0 else {0})",
    "signbit": "math.copysign(1.0, {0}) < 0",
    "isnan": "math.isnan({0})",
    "isinf": "math.isinf({0})",
    "isfinite": "math.isfinite({0})",
    "logaddexp": "({0} + math.log({one} + {one}) if {0} == {1} else "
    "max({0}, {1}) + math.log1p(math.exp(-abs({0} - {1}))))",
}
LIBRARY = {
    "floor": "floor", "ceil": "ceil", "trunc": "trunc", "rint": "rint", "exp2": "exp2", "exp2_math": "exp2",
    "cbrt": "cbrt", "fmod": "fmod",
}  # fmt: skip
SYNC = "cuda.syncthreads()"
MISSING = {"gcd", "logaddexp2"}


@dataclass(frozen=True)
class Failure:
    """What the caller raises for a value of `status`."""

    error: str
    message: str


@dataclass(frozen=True)
class Kernel:
    """A printed kernel.

    Attributes
    ----------
    text : the module
    name : the kernel in it
    failures : what each value of `status` but 0 means, from 1 on; without any, the kernel has no such parameter
    atomics : the arrays that it adds to atomically, element by element
    clear : a kernel of the module to be run afterwards with the same arguments, if there is one
    """

    text: str
    name: str
    failures: tuple[Failure, ...] = ()
    atomics: tuple[str, ...] = ()
    clear: str = ""


class DevicePrinter(Printer):
    """Prints the body of a function that a thread runs.

    `atomic` are the parameters whose elements several threads add to.
    """

    def __init__(self, function: Function, atomic: Sequence[Value] = ()) -> None:
        super().__init__(function)
        self.atomic = {self.storage.find(value) for value in atomic}
        self.failures: list[Failure] = []
        self.of_warps: dict[Type, None] = {}  # the types of what warps sum
        self.status = "status"

    def expression(self, op: Op) -> tuple[str, int]:
        name = op.primitive
        if name in MISSING:
            refuse_operation(op)
        if name == "cast":
            return f"{device_caster(op.result.type)}({self.text(op.operands[0])})", ATOM
        if name in LIBRARY and ty.is_float(op.operands[0].type):
            suffix = "f" if op.result.type == ty.float32 else ""
            arguments = ", ".join(self.text(x) for x in op.operands)
            return f"cuda.libdevice.{LIBRARY[name]}{suffix}({arguments})", ATOM
        if name in SPELLINGS:
            one = "1" if ty.is_integer(op.result.type) else number_text(1.0, op.result.type)
            text = SPELLINGS[name].format(*(self.text(x, ATOM) for x in op.operands), one=one)
            return text, ATOM if text.endswith(")") and not text.startswith("math.copysign") else COMPARE
        return super().expression(op)

    def whole(self, op: Op) -> tuple[str, int]:
        refuse_operation(op)

    def statement(self, op: Op, stop: Value | None) -> None:
        if op.primitive == "opaque":
            refuse_operation(op)
        match op.primitive:
            case "alloc":
                self.assign(op.result, array_of_constant_size(op), op)
            case "accum" if op.attributes.get("atomic") or self.storage.find(op.operands[0]) in self.atomic:
                array, *where, value = op.operands
                place = self.index(where) if len(where) == 1 else f"({self.index(where)})"
                add = "cuda.atomic.add"
                if op.attributes.get("atomic") == "warp":
                    add = sum_name("warp_add", array.type.dtype)
                    self.of_warps[array.type.dtype] = None
                self.write(f"{add}({self.text(array)}, {place}, {self.text(value)})", op)
            case "barrier":
                if self.lines[-1] != self.indent + SYNC:  # one for all arrays
                    self.write(SYNC)
            case "raise":
                self.fail(op.attributes["error"], op.attributes["message"])
            case _:
                super().statement(op, stop)

    def require(self, op: Op) -> None:
        self.write(f"if {self.negation(op.operands[0])}:", op)
        self.nested(lambda: self.fail(op.attributes["error"], op.attributes["message"]))

    def grow(self, op: Op, before: Op | None) -> None:
        tape, needed = op.operands
        self.write(f"if {self.text(needed, ATOM)} >= {self.text(tape)}.shape[0]:", op)
        self.nested(lambda: self.fail("TapeOverflowError", f"the tape `{tape.name}` is too short"))

    def fail(self, error: str, message: str) -> None:
        """Leave, with a word to the caller."""
        failure = Failure(error, message)
        if failure not in self.failures:
            self.failures.append(failure)
        code = self.failures.index(failure) + 1
        self.write(f"cuda.atomic.max({self.status}, 0, {code})  # {error}{': ' + message if message else ''}")
        self.write(f"return {', '.join(self.nothing())}".rstrip())

    def nothing(self) -> list[str]:
        """What a function gives that has failed."""
        count = len(self.function.results) - self.function.written
        return [f"{device_caster(v.type)}({not_a_number(v.type)})" for v in self.function.results[:count]]


def index_names(count: int, taken: set[str]) -> list[str]:
    """Names for the indices of a nest of loops."""
    names: list[str] = []
    for _ in range(count):
        names.append(unique("k", taken.union(names)))
    return names


def refuse_operation(op: Op) -> NoReturn:
    what = op.attributes.get("text", op.primitive).partition("(")[0]
    raise UnsupportedIntrinsic(
        f"`{what}` in a kernel",
        op.location,
        "a thread has no library of array functions",
        "loops over the elements",
    )


def not_a_number(type: Type) -> str:
    return "math.nan" if ty.is_float(type) else "0"


def number_text(number: float, type: Type) -> str:
    return repr(number) if type in (ty.float64, ty.boolean) else f"{ty.dtype_spelling(type)}({number!r})"


def zero_text(type: Type) -> str:
    return number_text(0.0, type)


def device_caster(type: Type) -> str:
    """A device makes no `float` of a boolean, but an `np.float64`."""
    return "np.float64" if type == ty.float64 else caster(type)


def array_of_constant_size(op: Op) -> str:
    memory = "shared" if op.attributes.get("shared_memory") else "local"
    lengths = [str(n.constant) for n in op.operands]
    shape = lengths[0] if len(lengths) == 1 else f"({', '.join(lengths)})"
    return f"cuda.{memory}.array({shape}, {ty.dtype_spelling(op.result.type.dtype)})"


# --------------------------------------------------------------------------------------------- adjoint kernels

LINEAR = (  # the number of a thread among all of a grid
    "block = cuda.blockIdx.x + cuda.gridDim.x * (cuda.blockIdx.y + cuda.gridDim.y * cuda.blockIdx.z)",
    "rank = cuda.threadIdx.x + cuda.blockDim.x * (cuda.threadIdx.y + cuda.blockDim.y * cuda.threadIdx.z)",
    "{} = block * cuda.blockDim.x * cuda.blockDim.y * cuda.blockDim.z + rank",
)


class AdjointPrinter(DevicePrinter):
    """Prints an adjoint; what is owed to an element by every thread is summed in a number first.

    So is what a thread collects for its own element, of the shadows in `gathered`: each axis of those is given with the
    axis of the grid that it lies along.
    """

    def __init__(
        self,
        function: Function,
        atomic: Sequence[Value],
        reduced: Sequence[Value],
        gathered: Mapping[Value, tuple[int, ...]],
        accumulate: bool = True,
    ) -> None:
        super().__init__(function, atomic)
        self.update = "+=" if accumulate else "="
        self.reduced = {self.storage.find(value): value for value in reduced}
        self.gathered = {self.storage.find(value): value for value in gathered}
        self.axes = gathered
        self.sums: dict[tuple[Value, str], str] = {}
        self.collected: dict[Value, str] = {}
        self.taken = {*self.variables.names.values(), self.status}
        for op in ops_within(function.body):
            if op.primitive == "accum":
                self.declare_sum(op)

    def declare_sum(self, op: Op) -> None:
        storage = self.storage.find(op.operands[0])
        if storage in self.reduced:
            key = self.reduced[storage], self.index(op.operands[1:-1])
            if key not in self.sums:
                self.sums[key] = claimed(f"{key[0].name.removesuffix('_bar')}_sum", self.taken)
        elif storage in self.gathered and self.gathered[storage] not in self.collected:
            array = self.gathered[storage]
            self.collected[array] = claimed(f"{array.name.removesuffix('_bar')}_sum", self.taken)

    def statement(self, op: Op, stop: Value | None) -> None:
        storage = self.storage.find(op.operands[0]) if op.primitive == "accum" else None
        if storage in self.reduced or storage in self.gathered:
            sign, text = self.signed(op.operands[-1])
            if storage in self.reduced:
                name = self.sums[self.reduced[storage], self.index(op.operands[1:-1])]
            else:
                name = self.collected[self.gathered[storage]]
            self.write(f"{name} {sign}= {text}", op)
        elif op.primitive == "position":
            names = ", ".join(map(self.variables.of, op.results))
            self.write(f"{names} = {op.attributes['text']}", op)
        else:
            super().statement(op, stop)

    def nothing(self) -> list[str]:
        return [zero_text(array.type.dtype) for array, _ in self.sums]

    def lines_of(self, thread: Value | None) -> list[str]:
        """The statements of a thread."""
        starts = [f"{name} = {zero_text(array.type.dtype)}" for (array, _), name in self.sums.items()]
        starts += [f"{name} = {zero_text(array.type.dtype)}" for array, name in self.collected.items()]
        if thread is not None:
            starts += [line.format(thread.name) for line in LINEAR]
        return [INDENT + line for line in starts] + self.function_lines("", None)[1:]

    def additions(self) -> list[str]:
        """What a thread has collected, added to its elements."""
        if not self.collected:
            return []
        count = max(max(axes) for axes in self.axes.values()) + 1
        own = [claimed(wish, self.taken) for wish in ("i", "j", "k")[:count]]
        lines = [f"{', '.join(own)} = cuda.grid({count})"]
        for array, name in self.collected.items():
            axes = self.axes[array]
            within = " and ".join(f"{own[axis]} < {array.name}.shape[{k}]" for k, axis in enumerate(axes))
            place = ", ".join(own[axis] for axis in axes)
            lines += [f"if {within}:", f"{INDENT}{array.name}[{place}] {self.update} {name}"]
        return [INDENT + line for line in lines]


def print_adjoint(
    function: Function,
    atomic: Sequence[Value],
    reduced: Sequence[Value],
    tapes: Sequence[Value],
    doc: str,
    gathered: Mapping[Value, tuple[int, ...]] | None = None,
    clear: Function | None = None,
    accumulate: bool = True,
) -> Kernel:
    """The module of an adjoint kernel.

    Parameters
    ----------
    function : its last parameter is the number of the thread, if there are `tapes`
    atomic, reduced : the shadows that threads add to atomically, and by blocks
    gathered : those that each thread collects for, with the axes of the grid along theirs
    clear : a second kernel, that clears what was used up
    accumulate : whether what is collected is added to what the shadows hold
    """
    printer = AdjointPrinter(function, atomic, reduced, gathered or {}, accumulate)
    thread = function.parameters[-1] if tapes else None
    body = printer.lines_of(thread)
    parameters = [p.name for p in function.parameters if p is not thread]
    parameters += [printer.status] if printer.failures else []
    sums = printer.additions() + [
        f"{INDENT}{reduction_name(array.type.dtype)}({array.name}, {tupled(where)}, {name})"
        for (array, where), name in printer.sums.items()
    ]
    head = f"def {function.name}({', '.join(parameters)}):"
    comment = f'{INDENT}"""{doc}"""'
    if printer.failures and sums:
        # A thread that fails leaves early, but still takes part in the sums of its block.
        inner = f"{function.name}_thread"
        names = ", ".join(printer.sums.values())
        device = [
            "@cuda.jit(device=True)",
            head.replace(function.name, inner, 1),
            *body,
            f"{INDENT}return {names}",
        ]
        functions = [device, [head, comment, f"{INDENT}{names} = {inner}({', '.join(parameters)})", *sums]]
    else:
        functions = [[head, comment, *body, *sums]]
    if clear is not None:
        lines = AdjointPrinter(clear, (), (), {}).lines_of(None)
        comment = f'{INDENT}"""Clears what {function.name} has used up."""'
        functions.append([f"def {clear.name}({', '.join(parameters)}):", comment, *lines])
    dtypes = dict.fromkeys(array.type.dtype for array, _ in printer.sums)
    sums_of = [sum_source(WARP_ADD, "warp_add", type) for type in printer.of_warps]
    text = module_text(function, [*sums_of, *(block_add(type) for type in dtypes)], *functions)
    names_added = tuple(v.name for v in atomic)
    return Kernel(
        text,
        function.name,
        tuple(printer.failures),
        names_added,
        clear.name if clear is not None else "",
    )


def tupled(where: str) -> str:
    return f"({where})" if "," in where else where


# --------------------------------------------------------------------------------------------- rows of a batch


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


FEW = 32  # elements of a shared array whose sums a thread keeps to itself


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
    helpers = [block_add(type) for type in dtypes]
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
            "for i in range(cuda.grid(1), rows, cuda.gridsize(1)):",
            *(INDENT + x for x in (call, *inside)),
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
            return name
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
        name = reduction_name(type)
        self.reduced.append((name, type))
        return name


def reduction_name(type: Type) -> str:
    return sum_name("block_add", type)


def sum_name(name: str, type: Type) -> str:
    """The name of a function that sums over threads, for a type."""
    return name if type == ty.float64 else f"{name}_{type}"


def sum_source(text: str, name: str, type: Type) -> str:
    return text.format(name=sum_name(name, type), dtype=ty.dtype_spelling(type), zero=zero_text(type))


def block_add(type: Type) -> str:
    return sum_source(BLOCK_ADD, "block_add", type)


def module_text(function: Function, helpers: list[str], *functions: Sequence[str]) -> str:
    """A module of device functions and a kernel."""
    special = [plain_source(n).replace("@njit", "@cuda.jit(device=True)") for n in called_functions(function)]
    parts = [*special, *helpers, *("\n".join(lines) for lines in functions)]
    text = "\n\n\n".join(part.rstrip() for part in parts)
    imports = ["import math", ""] if "math." in text else []
    imports += ["import numpy as np"] if "np." in text else []
    return "\n".join([*imports, "from numba import cuda"]) + "\n\n\n" + text + "\n"


__all__ = ["DevicePrinter", "Failure", "Kernel", "Rows", "print_rows"]
