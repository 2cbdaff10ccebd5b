"""The functions that make derivatives: `grad`, `value_and_grad`, `jvp`, `vjp`, `jacobian`, `hessian`, `hvp`.

value, slope = value_and_grad(loss)(w, X, y)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, ParamSpec, TypeVar

from .arguments import ArgNums
from .backend.dispatcher import called_in_compiled_code, made_in_compiled_code
from .backend.pullbacks import pulls_back_in_compiled_code
from .compiled import Compiled
from .derivatives import (
    Cotangents,
    EitherJacobian,
    Forward,
    Gradient,
    Hessian,
    HessianVector,
    Jacobian,
    Pullback,
    Tangent,
    ValueAndGradient,
    WayBack,
)
from .differentiable import differentiable, kept_differentiable
from .ir import types as ty
from .sparse import SparseJacobian, refusal

P = ParamSpec("P")
R = TypeVar("R")


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
        (None for those that are no floats). It keeps the residuals of this call. Compiled code can take it as an
        argument, and make it with `vjp` or `f.vjp` itself.

    Examples
    --------
    >>> value, pullback = vjp(lambda x, y: x * y, 2.0, 5.0)
    >>> value, pullback(1.0), pullback(10.0)
    (10.0, (5.0, 2.0), (50.0, 20.0))
    """
    of = kept_differentiable(f)
    values = of.bind(primals, {})
    return forward_of(of, of.specs(values)).at(values)


def pulled_back(f: Any) -> Cotangents:
    """What a pullback calls inside a function that is read: it takes the cotangents, then the arguments."""
    found: Cotangents = made_once(Cotangents, f, 0)
    return found


def forward_of(of: Compiled, specs: Sequence[Any]) -> Forward:
    """The forward part of `vjp` for arguments of these types: by all that are floats."""
    free = [of.signature.names.index(name) for name in of.signature.free]
    wrt = tuple(k for k, place in enumerate(free) if of.signature.moves(specs[place]))
    if not wrt:
        raise TypeError("no argument is a float: there is nothing to differentiate by")
    forward: Forward = derived(of, Forward, wrt)
    return forward


def derived(of: Compiled, kind: Any, wrt: tuple[int, ...]) -> Any:
    """A derivative by the parameters at `wrt`, of those that are not bound, made once for each function."""
    known = of.derived.get((kind, wrt))
    if known is None:
        known = of.derived[kind, wrt] = kind(of, tuple(of.signature.free[k] for k in wrt))
    return known


def jacobian(f: Callable[P, Any], argnums: ArgNums = 0) -> Callable[P, Any]:
    """The Jacobian of a function.

    By pullbacks where the one for an element of a result is short, as for residuals that a loop computes one by one;
    else by the mode that takes fewer sweeps for the sizes of arguments and results.

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
    """The Hessian of a function with one float as result.

    By tangents of its gradient, several at once; by pullbacks of the gradient where these are short, as for sums over
    the rows of a matrix: then what the pullbacks read is recorded.

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
    return Hessian(Gradient(ValueAndGradient(differentiable(f), argnums)), argnums)


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
        its `sweeps` the number of tangents, its `entries` a function that gives the entries alone, also in compiled
        code.

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


def chosen_vjp(f: Any, primals: Sequence[Any]) -> tuple[Forward, WayBack, str]:
    """What `vjp` in compiled code calls, what its pullback is, and the text of the lengths of the results."""
    of = kept_differentiable(f)
    if len(primals) > len(of.signature.free):
        raise TypeError(f"{of.signature.name}() takes {len(of.signature.free)} arguments, not {len(primals)}")
    _, specs = of.signature.bind_in_compiled_code(primals)
    forward = forward_of(of, specs)
    way = forward.way_back(specs)
    return forward, way, way.lengths_of("results")


pulls_back_in_compiled_code(vjp, chosen_vjp)


def made_once(maker: Callable[..., Any], f: Any, *others: Any) -> Any:
    """What `maker` makes of a function, the same each time."""
    of = kept_differentiable(f)
    key = maker, *others
    known = of.derived.get(key)
    if known is None:
        known = of.derived[key] = maker(of, *others)
    return known


for maker in (grad, value_and_grad, jacobian, jacfwd, jacrev, hessian, hvp):
    maker.__srcdiff_maker__ = True  # type: ignore[attr-defined, union-attr]
    made_in_compiled_code(maker, functools.partial(made_once, maker))


def refuse_sparse(maker: Callable[..., Any], f: Any, *others: Any) -> NoReturn:
    raise refusal(maker(f, *others))


for sparse_maker in (sparse_jacobian, sparse_hessian):
    made_in_compiled_code(sparse_maker, functools.partial(refuse_sparse, sparse_maker))
jvp.__srcdiff_maker__ = applied_jvp  # type: ignore[attr-defined]
vjp.__srcdiff_pullback__ = pulled_back  # type: ignore[attr-defined]

__all__ = [
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
