"""The derivative of what a solver finds, by the equation that it solves.

    x = solver(a, b) with residual(x, a, b) = 0:        dx = -(d residual / dx)^-1 (d residual / d(a, b)) d(a, b)

Nothing of the solver itself is differentiated: one linear solve with the Jacobian of the residual gives what is owed
to all arguments. The implicit function theorem; see A. Griewank and A. Walther, Evaluating Derivatives, SIAM (2008),
chapter 15.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .define import arity_of, give
from .derivatives import Cotangents, Jacobian
from .differentiable import Differentiable
from .primitives.custom import Rules, Together, bare


def implicit(solver: Any, residual: Any) -> Any:
    """Give a solver the derivative of the solution of an equation.

    Parameters
    ----------
    solver : callable
        Takes the parameters of an equation and gives the unknown: a number or an array. How it finds that is not
        differentiated: what this library cannot read is called as it stands if Numba compiled it.
    residual : callable
        Takes the unknown, then the arguments of `solver`, all or the first ones, and gives something like the
        unknown: zero at the solution, with a regular Jacobian. For a fixed point `x = step(x, a)` that is
        `x - step(x, a)`. Arguments that it does not take (a first guess, a tolerance) have a zero derivative.

    Returns
    -------
    The solver, which has this derivative from now on, in both modes and any order.

    Raises
    ------
    DifferentiationError
        If the source of `residual` cannot be read.
    LinAlgError
        When a derivative is computed where the Jacobian of the residual is singular.

    Examples
    --------
    >>> from srcdiff import grad
    >>> def root(a):
    ...     x = 1.0
    ...     for _ in range(30):
    ...         x = 0.5 * (x + a / x)
    ...     return x
    >>> root = implicit(root, lambda x, a: x * x - a)
    >>> grad(root)(4.0), grad(grad(root))(4.0)
    (0.25, -0.03125)
    """
    of = Differentiable(bare(residual))
    count = len(of.signature.free) - 1
    function = bare(solver)
    name = getattr(function, "__name__", "solver")
    if count < 1:
        raise TypeError("a residual takes the unknown and at least one argument of the solver")
    taken = arity_of(function)
    if taken is not None and count > taken:
        raise TypeError(f"the residual takes {count} arguments beside the unknown, {name}() only {taken}")
    rule = solution_rule(Jacobian(of, 0, True), Cotangents(of, 1))
    give(function, Rules(name, Together(rule, count, of.source.function)))
    return solver


def solution_rule(slope: Any, owed: Any) -> Callable[..., Any]:
    """The vjp rule of a solution, from the Jacobian and the vector-Jacobian product of its residual."""

    def rule(g, x, *args):  # type: ignore[no-untyped-def]
        if np.ndim(x) == 0:
            return owed(-g / slope(x, *args), x, *args)
        if np.ndim(x) == 1:
            return owed(-np.linalg.solve(slope(x, *args).T, g), x, *args)
        matrix = slope(x, *args).reshape(x.size, x.size)
        return owed(-np.linalg.solve(matrix.T, g.ravel()).reshape(x.shape), x, *args)

    return rule


__all__ = ["implicit"]
