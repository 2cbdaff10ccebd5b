"""What a kernel compiles to, found without a GPU: registers, spills, atomic and double-precision instructions.

    found = inspect_kernel(text, "price_grad_rows", [int64, float32[::1], ...])
    found.registers, found.spills, found.double

numba-cuda makes PTX without a driver, nvJitLink makes machine code of that and says what it needed. What calls a device
function asks for the current device when it is compiled; it is told of one of compute capability 9.0.
"""

from __future__ import annotations

import importlib
import re
import unittest.mock
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from ..backend.cache import load_module
from ..emit.cuda import Kernel
from ..errors import CudaUnavailable
from ..ir.types import Type
from .device import LaunchBounds, numba_cuda

__all__ = ["MachineCode", "Report", "compile_kernel", "inspect_kernel", "report_of"]

ARCHITECTURE = (9, 0)


@dataclass(frozen=True)
class MachineCode:
    """What the assembler says of a kernel.

    Attributes
    ----------
    registers : for each thread
    stack, spills : bytes for each thread; spills are those written to memory for want of registers
    shared : bytes for each block
    double : double-precision instructions in the kernel and what it calls
    atomics : atomic instructions in the kernel
    """

    registers: int
    stack: int
    spills: int
    shared: int
    double: int
    atomics: int


@dataclass(frozen=True)
class Report:
    """How a kernel accumulates, and what it needs.

    Attributes
    ----------
    accumulation : for each argument with a gradient, how what is owed to it is summed
    shared : the same for each array in shared memory
    tapes : what is recorded outside of registers and local memory
    code : what the compiler made of it; None where there is no compiler
    """

    kernel: str
    accumulation: dict[str, str]
    shared: dict[str, str] = field(default_factory=dict)
    tapes: list[str] = field(default_factory=list)
    atomics: tuple[str, ...] = ()
    code: MachineCode | None = None

    def __str__(self) -> str:
        lines = [self.kernel]
        ways = {
            **self.accumulation,
            **{name: f"in shared memory, {how}" for name, how in self.shared.items()},
        }
        width = max(map(len, ways), default=0)
        lines += [f"  {name:<{width}}  {how}" for name, how in ways.items()]
        lines += [f"  tape {tape}" for tape in self.tapes] or ["  no tape in global memory"]
        if self.code is None:
            lines.append("  not compiled: numba-cuda is not installed")
        else:
            c = self.code
            lines.append(
                f"  {c.registers} registers, {c.spills} bytes spilled, {c.stack} bytes of stack, {c.shared} bytes "
                f"shared, {c.atomics} atomic and {c.double} double-precision instructions (sm_90)"
            )
        return "\n".join(lines)


def report_of(
    kernel: Kernel,
    accumulation: dict[str, str],
    tapes: list[str],
    types: list[Type],
    shared: dict[str, str] | None = None,
    launch_bounds: LaunchBounds = None,
) -> Report:
    """The report on a kernel, with its machine code where numba-cuda is installed."""
    try:
        code = inspect_kernel(kernel.text, kernel.name, types, launch_bounds)
    except CudaUnavailable:
        code = None
    return Report(kernel.name, accumulation, shared or {}, tapes, kernel.atomics, code)


def compile_kernel(
    function: Any, types: Sequence[Type], launch_bounds: LaunchBounds = None
) -> tuple[str, str]:
    """The PTX of a kernel, and what the assembler says of it."""
    cuda = numba_cuda()
    import numba.cuda.dispatcher as dispatching

    cuda_types: Any = importlib.import_module("numba.cuda.types")
    signature = cuda_types.void(*(cuda_type(type, cuda_types) for type in types))
    device = SimpleNamespace(compute_capability=ARCHITECTURE)
    with unittest.mock.patch.object(dispatching, "get_current_device", lambda: device):
        ptx, _ = cuda.compile(
            function, signature, device=False, abi="numba", cc=ARCHITECTURE, launch_bounds=launch_bounds
        )
    text = ptx if isinstance(ptx, str) else ptx.decode()
    return text, assembled(text)


def cuda_type(type: Type, cuda_types: Any) -> Type:
    """A type of Numba as one of numba-cuda, which has its own."""
    if hasattr(type, "dtype"):
        return cuda_types.Array(getattr(cuda_types, str(type.dtype)), type.ndim, type.layout)
    return getattr(cuda_types, {"bool": "boolean"}.get(str(type), str(type)))


def assembled(ptx: str) -> str:
    """What the assembler says of a module, in words."""
    nvjitlink: Any = importlib.import_module("cuda.bindings.nvjitlink")

    options = [f"-arch=sm_{ARCHITECTURE[0]}{ARCHITECTURE[1]}", "-Xptxas=-v"]
    handle = nvjitlink.create(len(options), options)
    try:
        data = ptx.encode() + b"\0"
        nvjitlink.add_data(handle, nvjitlink.InputType.PTX, data, len(data), "kernel.ptx")
        nvjitlink.complete(handle)
        log = bytearray(nvjitlink.get_info_log_size(handle))
        nvjitlink.get_info_log(handle, log)
    finally:
        nvjitlink.destroy(handle)
    return log.decode(errors="replace")


def inspect_kernel(
    text: str, name: str, types: Sequence[Type], launch_bounds: LaunchBounds = None
) -> MachineCode:
    """Compile a kernel of a generated module to the machine code of an H100.

    Raises
    ------
    CudaUnavailable
        Where numba-cuda is not installed.
    """
    numba_cuda()
    ptx, log = compile_kernel(getattr(load_module(text, name), name), types, launch_bounds)
    # Slow paths of the mathematical library are functions of their own, with a stack of their own.
    entry = log[log.index("Compiling entry function") :]
    registers = re.search(r"Used (\d+) registers", entry)
    frame = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores", entry)
    assert registers is not None and frame is not None, log
    body = ptx[ptx.index(".entry") :]
    return MachineCode(
        int(registers[1]),
        int(frame[1]),
        int(frame[2]),
        sum(int(size) for size in re.findall(r"^\s*(?:\.visible )?\.shared .*\[(\d+)\];", ptx, re.M)),
        len(re.findall(r"^\s*(?:@!?%p\d+ )?(?!ld|st|mov|call)[a-z][\w.]*\.f64\b", ptx, re.M)),
        len(re.findall(r"\b(?:atom|red)\.\w", body)),
    )
