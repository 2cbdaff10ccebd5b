"""Print the adjoint of a thread as an adjoint kernel.

    scale_grad(x, a, x_bar, a_bar)  ->    def scale_grad(x, a, x_bar, a_bar):
                                              a_sum = 0.0
                                              i = cuda.grid(1)
                                              if i < x.shape[0]:
                                                  a_sum += ...
                                                  x_bar[i] += ...
                                              block_add(a_bar, 0, a_sum)

What every thread owes to one element is summed in a number first, and so is what a thread collects for its own
element. Reads: nothing; which shadows are atomic, summed or collected is decided by `analysis/threads.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..ir.core import Function, Op, Value
from ..ir.walk import ops_within
from .cuda import DevicePrinter, Kernel, module_text
from .literals import zero_text
from .names import claimed
from .python import INDENT
from .thread_sums import block_add_name, block_add_source, warp_add_source

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
        f"{INDENT}{block_add_name(array.type.dtype)}({array.name}, {tupled(where)}, {name})"
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
    sums_of = [warp_add_source(type) for type in printer.of_warps]
    text = module_text(function, [*sums_of, *(block_add_source(type) for type in dtypes)], *functions)
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


__all__ = ["print_adjoint"]
