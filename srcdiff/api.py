"""What people call: `differentiate`, `grad`, `value_and_grad`, `jvp`, `vjp`, `jacobian`, `hessian`, `hvp`.

value, slope = value_and_grad(loss)(w, X, y)
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from . import pipeline
from .arguments import ArgNums, Signature, flattened
from .backend.dispatcher import called_in_compiled_code
from .compiled import Compiled, Options, Specs
from .derivatives import (
    EitherJacobian,
    Forward,
    Gradient,
    HessianVector,
    Jacobian,
    Pullback,
    Tangent,
    ValueAndGradient,
    outline,
)
from .emit.show import show
from .errors import DifferentiationError, NotDifferentiable
from .frontend.captures import fetched
from .frontend.program import Program
from .frontend.source import FunctionSource, caller_of, read_source
from .ir import types as ty
from .ir.core import Function
from .primitives.custom import rules_of
from .sparse import SparseJacobian

P = ParamSpec("P")
R = TypeVar("R")


class Differentiable(Compiled):
    """A Python function that was read: its compiled form, and what derivatives are made of."""

    def __init__(self, function: Any, options: Options | None = None) -> None:
        self.__srcdiff_function__, self.source = with_source(function)
        super().__init__(Signature(self.source), options or Options())

    def title(self) -> str:
        return f"{self.signature.name}."

    def make_program(self, specs: Specs) -> Program:
        return pipeline.read(self.source, specs)

    def finish(self, program: Program) -> Function:
        return pipeline.primal(program, self.options.optimise)


def with_source(function: Any) -> tuple[Any, FunctionSource]:
    """The function and its source; of one that has none but has rules, those of a function that calls it."""
    try:
        return function, read_source(function)
    except DifferentiationError:
        rules = rules_of(function)
        if rules is None or rules.parameters is None:
            raise
        caller = caller_of(function, rules.parameters)
        return caller, read_source(caller)


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
        self.hessian = Jacobian(without_value, self.argnums, True)
        self.hvp = HessianVector(self, self.argnums)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
        """The results at `primals` and their tangents, as `srcdiff.jvp` gives them."""
        return jvp(self, primals, tangents)

    def vjp(self, *primals: Any) -> tuple[Any, Pullback]:
        """The results and the pullback, as `srcdiff.vjp` gives them."""
        return vjp(self, *primals)

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
        calls = pipeline.recording_calls(finished)
        function, names = pipeline.tape_sizes(finished)
        if not names:
            return TapeReport({}, calls)
        text = pipeline.print_function(function)
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


def differentiable(function: Any) -> Compiled:
    """The function as something that derivatives are made of."""
    return function if isinstance(function, Compiled) else Differentiable(function)


class Kept:
    """What `jvp` and `vjp` made of a function, in an attribute of that function: it lives as long as that does.

    `functools.wraps` copies attributes, so it says whose it is; in another process it is nobody's.
    """

    def __init__(self, function: Any = None, made: Differentiable | None = None) -> None:
        self.function, self.made = function, made
        self.state = None if made is None else state_of(made)

    def __reduce__(self) -> Any:
        return Kept, ()


def state_of(made: Differentiable) -> list[Any]:
    """What a function may be given anew: its code and its defaults."""
    function = made.source.function
    named = (function.__kwdefaults__ or {}).items()
    return [function.__code__, *(function.__defaults__ or ()), *(part for pair in named for part in pair)]


def kept_differentiable(function: Any) -> Compiled:
    """The same, kept for the next call with that function."""
    if isinstance(function, Compiled):
        return function
    attributes = getattr(function, "__dict__", {})
    kept = attributes.get("__srcdiff_kept__")
    if kept is not None and kept.function is function and same_objects(kept.state, state_of(kept.made)):
        found: Compiled = kept.made
        return found
    made = Differentiable(function)
    attributes["__srcdiff_kept__"] = Kept(function, made)  # a ufunc has no attributes: nothing is kept
    return made


def same_objects(some: Sequence[Any], others: Sequence[Any]) -> bool:
    return len(some) == len(others) and all(map(operator.is_, some, others))


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


def grad(f: Callable[P, Any], argnums: ArgNums = 0, has_aux: bool = False) -> Callable[P, Any]:
    """The gradient of a function with one float as result.

    Parameters
    ----------
    f : function, lambda, closure, `functools.partial`, Numba dispatcher, or what this library made of one
    argnums : int, str or a sequence of those
        The parameters to differentiate by.
    has_aux : bool
        Whether `f` returns a pair, of which only the first, a float, is differentiated.

    Returns
    -------
    callable
        Takes the arguments of `f`; gives a float for a float and an array of the same shape and dtype for an array;
        a tuple of those if `argnums` is a sequence. With `has_aux` a pair of that and the second result of `f`.

    Notes
    -----
    Complex numbers may come in between real arguments and a real result, which makes all conventions for complex
    derivatives give the same. In generated source, `z_bar` of `z = x + 1j * y` is `dL/dx - 1j * dL/dy`, as in JAX.

    Examples
    --------
    >>> grad(lambda x: x**3)(2.0)
    12.0
    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    """
    return Gradient(ValueAndGradient(differentiable(f), argnums, has_aux))


def value_and_grad(
    f: Callable[P, R], argnums: ArgNums = 0, has_aux: bool = False
) -> Callable[P, tuple[R, Any]]:
    """The value of a function and its gradient, from one run.

    Parameters
    ----------
    f, argnums, has_aux
        As for `grad`.

    Returns
    -------
    callable
        Gives `(value, gradient)`, with `has_aux` `((value, aux), gradient)`.

    Examples
    --------
    >>> value_and_grad(lambda x, y: x * y, argnums=(0, "y"))(2.0, 5.0)
    (10.0, (5.0, 2.0))
    """
    return ValueAndGradient(differentiable(f), argnums, has_aux)


def jvp(f: Any, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """The results of a function and their tangents (forward mode): the Jacobian times a vector.

    Parameters
    ----------
    f : as for `grad`
        All its results are floats; arguments that it writes count as results, after those it returns.
    primals : tuple
        The arguments.
    tangents : tuple
        One for each argument, with its shape; None for one that does not move (all that are no floats).

    Returns
    -------
    (results, tangents of the results)

    Examples
    --------
    >>> jvp(lambda x, y: x * y, (2.0, 5.0), (1.0, None))
    (10.0, 5.0)
    """
    tangent, given = applied_jvp(f, primals, tangents)
    found: tuple[Any, Any] = tangent(*given)
    return found


def applied_jvp(f: Any, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, list[Any]]:
    """The derivative that `jvp` calls, and its arguments."""
    of = kept_differentiable(f)
    if len(primals) != len(tangents):
        raise TypeError(f"{len(primals)} primals and {len(tangents)} tangents")
    moving = tuple(k for k, tangent in enumerate(tangents) if tangent is not None)
    if not moving:
        raise TypeError("no argument has a tangent")
    if len(primals) > len(of.signature.free):
        raise TypeError(f"{of.signature.name}() takes {len(of.signature.free)} arguments, not {len(primals)}")
    return derived(of, Tangent, moving), [*primals, *(tangents[k] for k in moving)]


def vjp(f: Any, *primals: Any) -> tuple[Any, Pullback]:
    """The results of a function, and its pullback: the vector-Jacobian product, without the Jacobian.

    Parameters
    ----------
    f : as for `grad`
        All its results are floats; arguments that it writes count as results, after those it returns.
    *primals
        The arguments.

    Returns
    -------
    results : as `f` gives them
    pullback : callable
        Takes the cotangents, like the results, as often as wanted; gives a tuple with what is owed to each argument
        (None for those that are no floats). It keeps the residuals of this call.

    Examples
    --------
    >>> value, pullback = vjp(lambda x, y: x * y, 2.0, 5.0)
    >>> value, pullback(1.0), pullback(10.0)
    (10.0, (5.0, 2.0), (50.0, 20.0))
    """
    of = kept_differentiable(f)
    values = of.bind(primals, {})
    specs = of.specs(values)
    free = [of.signature.names.index(name) for name in of.signature.free]
    wrt = tuple(k for k, place in enumerate(free) if of.signature.moves(specs[place]))
    if not wrt:
        raise TypeError("no argument is a float: there is nothing to differentiate by")
    forward = derived(of, Forward, wrt)
    results, residuals = forward.of_values(values)
    function, _, _ = forward.pullback.entry(specs)
    places = [wrt.index(k) if k in wrt else None for k in range(len(free))]
    return results, Pullback(function, residuals, outline(results), places)


def derived(of: Compiled, kind: Any, wrt: tuple[int, ...]) -> Any:
    """A derivative by the parameters at `wrt`, of those that are not bound, made once for each function."""
    known = of.derived.get((kind, wrt))
    if known is None:
        known = of.derived[kind, wrt] = kind(of, tuple(of.signature.free[k] for k in wrt))
    return known


def jacobian(f: Callable[P, Any], argnums: ArgNums = 0) -> Callable[P, Any]:
    """The Jacobian of a function, by the mode that takes fewer sweeps for the sizes of arguments and results.

    Parameters
    ----------
    f : as for `grad`
        All its results are floats: numbers, arrays, tuples of those. Arguments that it writes count as results.
    argnums : int, str or a sequence of those

    Returns
    -------
    callable
        Takes the arguments of `f`; gives for a result of shape `s` and a parameter of shape `t` an array of shape
        `(*s, *t)` (denominator last), nested like the results, then like `argnums`.

    Examples
    --------
    >>> import numpy as np
    >>> jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return EitherJacobian(differentiable(f), argnums)


def jacfwd(f: Callable[P, Any], argnums: ArgNums = 0) -> Callable[P, Any]:
    """The Jacobian by tangents, several at once: for few parameters and many results.

    See Also
    --------
    jacobian

    Examples
    --------
    >>> jacfwd(lambda x: (x**2, x**3))(2.0)
    (4.0, 12.0)
    """
    return Jacobian(differentiable(f), argnums, True)


def jacrev(f: Callable[P, Any], argnums: ArgNums = 0) -> Callable[P, Any]:
    """The Jacobian by pullbacks, from one forward sweep for each result: for many parameters and few results.

    See Also
    --------
    jacobian

    Examples
    --------
    >>> jacrev(lambda x, y: x * y, (0, 1))(2.0, 5.0)
    (5.0, 2.0)
    """
    return Jacobian(differentiable(f), argnums, False)


def hessian(f: Callable[P, Any], argnums: ArgNums = 0) -> Callable[P, Any]:
    """The Hessian of a function with one float as result: tangents of its gradient, several at once.

    Parameters
    ----------
    f, argnums : as for `grad`

    Returns
    -------
    callable
        Takes the arguments of `f`; gives for a parameter of shape `t` an array of shape `(*t, *t)`; a tuple of
        tuples of such blocks if `argnums` is a sequence.

    Examples
    --------
    >>> import numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 5.0]))
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    return Jacobian(Gradient(ValueAndGradient(differentiable(f), argnums)), argnums, True)


def sparse_jacobian(f: Any, argnums: ArgNums = 0) -> SparseJacobian:
    """The Jacobian of a function as a `scipy.sparse.csr_matrix`, by few tangents for many columns.

    Where it may be nonzero is found from the program, for any values of the floats: with other sizes, or other values
    of integers and booleans, it is found anew. Columns that share no row are found together.

    Parameters
    ----------
    f : as for `jacobian`
        Sizes must not depend on the values of floats.
    argnums : int, str or a sequence of those

    Returns
    -------
    callable
        Takes the arguments of `f`; gives a matrix with a row for each number of the results, a column for each number
        of the parameters, both in order. Its `pattern` takes the same arguments and gives where that may be nonzero,
        its `sweeps` the number of tangents.

    Examples
    --------
    >>> import numpy as np
    >>> J = sparse_jacobian(lambda x: x[1:] * x[:-1])
    >>> J(np.array([1.0, 2.0, 3.0])).toarray()
    array([[2., 1., 0.],
           [0., 3., 2.]])
    """
    return SparseJacobian(differentiable(f), argnums)


def sparse_hessian(f: Any, argnums: ArgNums = 0) -> SparseJacobian:
    """The Hessian of a function with one float as result as a `scipy.sparse.csr_matrix`.

    Like `sparse_jacobian` of the gradient; of an entry and its mirror image only one must be found.

    Examples
    --------
    >>> import numpy as np
    >>> H = sparse_hessian(lambda x: np.sum(x[1:] ** 2 * x[:-1]))
    >>> H(np.array([1.0, 2.0, 3.0])).toarray()
    array([[0., 4., 0.],
           [4., 2., 6.],
           [0., 6., 4.]])
    """
    gradient = Gradient(ValueAndGradient(differentiable(f), argnums))
    return SparseJacobian(gradient, argnums, symmetric=True)


def hvp(f: Callable[..., Any], argnums: ArgNums = 0) -> Callable[..., Any]:
    """The Hessian of a function with one float as result, times a vector, without the Hessian.

    Parameters
    ----------
    f, argnums : as for `grad`

    Returns
    -------
    callable
        Takes the arguments of `f`, then the vector (a tuple of them if `argnums` is a sequence); gives the same as
        `grad`.

    Examples
    --------
    >>> import numpy as np
    >>> hvp(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 5.0]), np.array([1.0, 0.0]))
    array([10.,  6.])
    """
    return HessianVector(differentiable(f), argnums)


def chosen_jvp(f: Any, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, list[str]]:
    """What `jvp` in compiled code calls, and the texts of its arguments."""
    still = [None if isinstance(type, ty.nb.NoneType) else type for type in tangents]
    tangent, _ = applied_jvp(f, primals, still)
    moving = [k for k, type in enumerate(still) if type is not None]
    return tangent, [*(f"primals[{k}]" for k in range(len(primals))), *(f"tangents[{k}]" for k in moving)]


called_in_compiled_code(jvp, chosen_jvp)

for maker in (grad, value_and_grad, jacobian, jacfwd, jacrev, hessian, hvp):
    maker.__srcdiff_maker__ = True  # type: ignore[attr-defined, union-attr]
jvp.__srcdiff_maker__ = applied_jvp  # type: ignore[attr-defined]
vjp.__srcdiff_maker__ = None  # type: ignore[attr-defined]

__all__ = [
    "Differentiated",
    "TapeReport",
    "differentiate",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "sparse_hessian",
    "sparse_jacobian",
    "value_and_grad",
    "vjp",
]
