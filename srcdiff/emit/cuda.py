"""Print what one thread of a GPU runs, in Python for `numba.cuda`, and the modules that kernels are in.

    b = sqrt a               ->    b = math.sqrt(a)
    accum s 0 b                    cuda.atomic.add(s, 0, b)                  # `s` is in `atomic`
    require ok ValueError          if not ok:
                                       cuda.atomic.max(status, 0, 1)  # ValueError
                                       return math.nan

Numbers are typed, so that nothing in a float32 kernel is computed in double precision. What cannot be raised from a
GPU sets `status`, from which the caller raises it. Reads: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from ..errors import UnsupportedIntrinsic
from ..ir import types as ty
from ..ir.core import Function, Op, Value
from ..ir.types import Type
from .literals import ATOM, COMPARE, caster, number_text
from .python import Printer
from .special import called_functions, plain_source
from .thread_sums import warp_add_name

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
            return f"{device_caster(op.result.type, op.operands[0].type)}({self.text(op.operands[0])})", ATOM
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
                    add = warp_add_name(array.type.dtype)
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
        return [
            f"{device_caster(v.type, ty.float64)}({not_a_number(v.type)})"
            for v in self.function.results[:count]
        ]


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


def device_caster(type: Type, of: Type) -> str:
    """A device makes no `float` of a boolean, but an `np.float64`."""
    return "np.float64" if type == ty.float64 else caster(type, of)


def array_of_constant_size(op: Op) -> str:
    memory = "shared" if op.attributes.get("shared_memory") else "local"
    lengths = [str(n.constant) for n in op.operands]
    shape = lengths[0] if len(lengths) == 1 else f"({', '.join(lengths)})"
    return f"cuda.{memory}.array({shape}, {ty.dtype_spelling(op.result.type.dtype)})"


def module_text(function: Function, helpers: list[str], *functions: Sequence[str]) -> str:
    """A module of device functions and a kernel."""
    special = [plain_source(n).replace("@njit", "@cuda.jit(device=True)") for n in called_functions(function)]
    parts = [*special, *helpers, *("\n".join(lines) for lines in functions)]
    text = "\n\n\n".join(part.rstrip() for part in parts)
    imports = ["import math", ""] if "math." in text else []
    imports += ["import numpy as np"] if "np." in text else []
    return "\n".join([*imports, "from numba import cuda"]) + "\n\n\n" + text + "\n"


__all__ = ["DevicePrinter", "Failure", "Kernel", "module_text"]
