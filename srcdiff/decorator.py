"""The decorator `differentiate`, and what it makes of a function.

    @differentiate
    def loss(w, X, y): ...

    loss(w, X, y)                      # compiled
    loss.value_and_grad(w, X, y)       # a derivative; none is made before it is called
    loss.gradient_source(w, X, y)      # its text

What the functions of `api.py` make of a function is here in attributes of it.
"""

from __future__ import annotations

import functools
import types
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from . import linking, pipeline
from .api import applied_jvp, jvp, pulled_back, vjp
from .arguments import ArgNums, flattened
from .compiled import Options
from .derivatives import EitherJacobian, Gradient, Hessian, HessianVector, Pullback, ValueAndGradient
from .differentiable import Differentiable
from .emit.show import show
from .errors import NotDifferentiable
from .frontend.captures import fetched

METHODS = 8  # objects of which the method is kept: another one's is read anew
P = ParamSpec("P")
R = TypeVar("R")


class Differentiated(Differentiable, Generic[P, R]):
    """What the decorator `differentiate` makes of a function: the compiled primal, with its derivatives.

    Attributes
    ----------
    grad, value_and_grad, jacobian, hessian : callables with the arguments of the function
    hvp : callable with the arguments of the function, then a vector
    """

    value_and_grad: Callable[P, tuple[R, Any]]
    grad: Callable[P, Any]
    jacobian: Callable[P, Any]
    hessian: Callable[P, Any]
    hvp: Callable[..., Any]

    if TYPE_CHECKING:

        def __call__(self, *args: P.args, **keywords: P.kwargs) -> R: ...

    def __init__(self, function: Any, argnums: ArgNums | None, options: Options) -> None:
        super().__init__(function, options)
        self.argnums: ArgNums = 0 if argnums is None else argnums
        functools.update_wrapper(self, self.source.function, updated=())
        self.value_and_grad = self._value_and_gradient = ValueAndGradient(self, self.argnums)
        self.grad = without_value = Gradient(self._value_and_gradient)
        self.jacobian = EitherJacobian(self, self.argnums)
        self.hessian = Hessian(without_value, self.argnums)
        self.hvp = HessianVector(self, self.argnums)
        self.methods: deque[tuple[Any, Differentiated[..., Any]]] = deque(maxlen=METHODS)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """The method of an object, with derivatives by what it is given besides the object."""
        if instance is None:
            return self
        found = next((method for of, method in self.methods if of is instance), None)
        if found is None:
            found = Differentiated(types.MethodType(self, instance), *self.made_with[1][1:])
            self.methods.append((instance, found))
        return found

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
        """The results at `primals` and their tangents, as `srcdiff.jvp` gives them."""
        return jvp(self, primals, tangents)

    def vjp(self, *primals: Any) -> tuple[Any, Pullback]:
        """The results and the pullback, as `srcdiff.vjp` gives them."""
        return vjp(self, *primals)

    # What calls of these mean inside functions that are read; see `frontend/nested.py`.
    jvp.__srcdiff_maker__ = applied_jvp  # type: ignore[attr-defined]
    vjp.__srcdiff_pullback__ = pulled_back  # type: ignore[attr-defined]

    def gradient_source(self, *args: Any, optimise: bool = True, **keywords: Any) -> str:
        """The source text of the gradient for arguments of these types: a module to read, keep or compile."""
        return self._value_and_gradient.source_text(self.specs(self.bind(args, keywords)), optimise)

    def ir(self, *args: Any, **keywords: Any) -> str:
        """The dump of the function in the IR, as it was read."""
        return show(self.program_for(*args, **keywords).function)

    def gradient_ir(self, *args: Any, optimise: bool = True, **keywords: Any) -> str:
        """The dump of the gradient in the IR, as it is printed."""
        program = self._value_and_gradient.make_program(self.specs(self.bind(args, keywords)), optimise)
        return show(pipeline.finish(program.function, optimise))

    def tape_report(self, *args: Any, **keywords: Any) -> TapeReport:
        """What the gradient records between its sweeps, and how many bytes that takes for these arguments."""
        values = self.bind(args, keywords)
        program = self._value_and_gradient.program(self.specs(values))
        finished = pipeline.finish(program.function)
        calls = linking.recording_calls(finished)
        function, names = pipeline.tape_sizes(finished)
        if not names:
            return TapeReport({}, calls)
        text = linking.print_function(function)
        sizes = self.load(text, function.name, program)(*flattened(values), *map(fetched, program.fetch))
        listed = sizes if isinstance(sizes, tuple) else (sizes,)
        tapes: dict[str, int] = {}
        for name, size in zip(names, listed, strict=True):
            count = sum(known.split(" ")[0] == name for known in tapes)
            tapes[f"{name} ({count + 1})" if count else name] = int(size)
        return TapeReport(tapes, calls)


@dataclass(frozen=True)
class TapeReport:
    """The tapes of a gradient by name, in bytes; calls of `calls` record too, which is not measured."""

    tapes: dict[str, int]
    calls: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(self.tapes.values())

    def __str__(self) -> str:
        more = [f"and what each call of `{name}` records" for name in self.calls]
        if not self.tapes:
            return "\n".join(["no tape", *more])
        width = max(map(len, self.tapes))
        lines = [f"{name:<{width}}  {size:>12,} bytes" for name, size in self.tapes.items()]
        return "\n".join([*lines, f"{'total':<{width}}  {self.bytes:>12,} bytes", *more])


@overload
def differentiate(
    f: Callable[P, R],
    *,
    argnums: ArgNums | None = None,
    cache: bool = True,
    fastmath: Any = None,
    parallel: bool = False,
    target: str = "cpu",
    optimise: bool = True,
) -> Differentiated[P, R]: ...


@overload
def differentiate(
    f: None = None,
    *,
    argnums: ArgNums | None = None,
    cache: bool = True,
    fastmath: Any = None,
    parallel: bool = False,
    target: str = "cpu",
    optimise: bool = True,
) -> Callable[[Callable[P, R]], Differentiated[P, R]]: ...


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
    f : function, lambda, closure, method, object that is called, `functools.partial` or Numba dispatcher
    argnums : int, str or a sequence of those
        The parameters that `.grad` and `.value_and_grad` differentiate by; the first one by default.
    cache : bool
        Keep compiled code on disk, for the next process.
    fastmath : bool or set of str, optional
        Passed to Numba. By default the compiler may reorder sums, unless the function does compensated arithmetic, and
        add a product to a sum before it is rounded, unless the function adds products to each other; `False` keeps
        every operation as written.
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


__all__ = ["Differentiated", "TapeReport", "differentiate"]
