"""What people call: `differentiate`, `grad`, `value_and_grad`.

value, slope = value_and_grad(loss)(w, X, y)
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from . import pipeline
from .arguments import ArgNums, Signature, fetched, flattened
from .compiled import Compiled, Options, Specs
from .derivatives import Gradient, ValueAndGradient
from .emit.show import show
from .errors import NotDifferentiable
from .frontend.build import Program
from .frontend.source import read_source
from .ir.core import Function


class Differentiable(Compiled):
    """A Python function that was read: its compiled form, and what derivatives are made of."""

    def __init__(self, function: Any, options: Options | None = None) -> None:
        self.__srcdiff_function__ = function
        self.source = read_source(function)
        super().__init__(Signature(self.source), options or Options())

    def title(self) -> str:
        return f"{self.signature.name}."

    def make_program(self, specs: Specs) -> Program:
        return pipeline.read(self.source, specs)

    def finish(self, program: Program) -> Function:
        return pipeline.primal(program, self.options.optimise)


class Differentiated(Differentiable):
    """What the decorator `differentiate` makes of a function: the compiled primal, with its derivatives.

    Attributes
    ----------
    grad, value_and_grad : callables with the arguments of the function
    """

    def __init__(self, function: Any, argnums: ArgNums | None, options: Options) -> None:
        super().__init__(function, options)
        self.argnums: ArgNums = 0 if argnums is None else argnums
        functools.update_wrapper(self, self.source.function, updated=())
        self.value_and_grad = ValueAndGradient(self, self.argnums)
        self.grad = Gradient(self.value_and_grad)

    def gradient_source(self, *args: Any, optimise: bool = True, **keywords: Any) -> str:
        """The source text of the gradient for arguments of these types: a module to read, keep or compile."""
        return self.value_and_grad.source_text(self.specs(self.bind(args, keywords)), optimise)

    def ir(self, *args: Any, **keywords: Any) -> str:
        """The dump of the function in the IR, as it was read."""
        return show(self.program_for(*args, **keywords).function)

    def gradient_ir(self, *args: Any, optimise: bool = True, **keywords: Any) -> str:
        """The dump of the gradient in the IR, as it is printed."""
        program = self.value_and_grad.make_program(self.specs(self.bind(args, keywords)), optimise)
        return show(pipeline.finish(program.function, optimise))

    def tape_report(self, *args: Any, **keywords: Any) -> TapeReport:
        """What the gradient records between its sweeps, and how many bytes that takes for these arguments."""
        values = self.bind(args, keywords)
        program = self.value_and_grad.program(self.specs(values))
        function, names = pipeline.tape_sizes(self.value_and_grad.finish(program))
        if not names:
            return TapeReport({})
        text = pipeline.print_function(function)
        sizes = self.load(text, function.name, program)(*flattened(values), *map(fetched, program.fetch))
        listed = sizes if isinstance(sizes, tuple) else (sizes,)
        tapes: dict[str, int] = {}
        for name, size in zip(names, listed, strict=True):
            count = sum(known.split(" ")[0] == name for known in tapes)
            tapes[f"{name} ({count + 1})" if count else name] = int(size)
        return TapeReport(tapes)


@dataclass(frozen=True)
class TapeReport:
    """The tapes of a gradient by name, in bytes."""

    tapes: dict[str, int]

    @property
    def bytes(self) -> int:
        return sum(self.tapes.values())

    def __str__(self) -> str:
        if not self.tapes:
            return "no tape"
        width = max(map(len, self.tapes))
        lines = [f"{name:<{width}}  {size:>12,} bytes" for name, size in self.tapes.items()]
        return "\n".join([*lines, f"{'total':<{width}}  {self.bytes:>12,} bytes"])


def differentiable(function: Any) -> Compiled:
    """The function as something that derivatives are made of."""
    return function if isinstance(function, Compiled) else Differentiable(function)


def differentiate(
    f: Any = None,
    *,
    argnums: ArgNums | None = None,
    cache: bool = True,
    fastmath: Any = None,
    parallel: bool = False,
    target: str = "cpu",
    optimise: bool = True,
) -> Any:
    """Compile a function and give it derivatives.

    Parameters
    ----------
    f : function, lambda, closure, `functools.partial` or Numba dispatcher
    argnums : int, str or a sequence of those
        The parameters that `.grad` and `.value_and_grad` differentiate by; the first one by default.
    cache : bool
        Keep compiled code on disk, for the next process.
    fastmath : bool or set of str, optional
        Passed to Numba. By default the compiler may reorder sums, unless the function does compensated arithmetic;
        `False` keeps every operation as written.
    parallel
        Only False for now.
    target : "cpu" or "cuda"
        With "cuda", `f` is a CUDA kernel (`srcdiff.cuda.CudaKernel`). `srcdiff.cuda.batch` runs functions on a GPU.
    optimise : bool
        Fuse, fold and combine; switch off to read the plain adjoint.

    Returns
    -------
    Differentiated

    Raises
    ------
    DifferentiationError
        Here if the source cannot be read; at the first call with given types if something in it is not supported.

    Examples
    --------
    >>> import math
    >>> @differentiate
    ... def f(x):
    ...     return x * math.sin(x)
    >>> f(2.0), f.grad(2.0)
    (1.8185948536513634, 0.0770037537313969)
    """
    if parallel or target not in ("cpu", "cuda"):
        raise NotDifferentiable("`parallel=True` and targets but the CPU and CUDA are not supported yet")
    if target == "cuda":
        from .cuda import kernel

        return functools.partial(kernel, argnums=argnums) if f is None else kernel(f, argnums)
    options = Options(cache, fastmath, parallel, optimise)
    if f is None:
        return lambda function: Differentiated(function, argnums, options)
    return Differentiated(f, argnums, options)


def grad(f: Any, argnums: ArgNums = 0) -> Gradient:
    """The gradient of a function with one float as result.

    Parameters
    ----------
    f : function, lambda, closure, `functools.partial`, Numba dispatcher, or what `differentiate` made
    argnums : int, str or a sequence of those
        The parameters to differentiate by.

    Returns
    -------
    callable
        Takes the arguments of `f`; gives a float for a float and an array of the same shape and dtype for an array;
        a tuple of those if `argnums` is a sequence.

    Examples
    --------
    >>> grad(lambda x: x**3)(2.0)
    12.0
    """
    return Gradient(ValueAndGradient(differentiable(f), argnums))


def value_and_grad(f: Any, argnums: ArgNums = 0) -> ValueAndGradient:
    """The value of a function and its gradient, from one run.

    Parameters
    ----------
    f, argnums
        As for `grad`.

    Returns
    -------
    callable
        Gives `(value, gradient)`.

    Examples
    --------
    >>> value_and_grad(lambda x, y: x * y, argnums=(0, "y"))(2.0, 5.0)
    (10.0, (5.0, 2.0))
    """
    return ValueAndGradient(differentiable(f), argnums)


__all__ = ["Differentiated", "TapeReport", "differentiate", "grad", "value_and_grad"]
