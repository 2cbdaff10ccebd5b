"""Functions of this library inside other frameworks' differentiation: PyTorch and JAX.

    loss = torch_function(f)(w, x); loss.backward()        # tensors in, tensors out, `w.grad` from the pullback of `f`
    jax.grad(jax_function(f))(w, x)                        # also under `jax.jit`, where `f` is a callback

SciPy and iminuit need no wrapper: `minimize(value_and_grad(f), x, jac=True)`, `root(f, x, jac=jacobian(f))`,
`Minuit(f, x, grad=grad(f))`. Neither framework is imported before it is asked for.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .api import vjp
from .differentiable import differentiable
from .ir import types as ty

__all__ = ["jax_function", "torch_function"]


def torch_function(f: Any) -> Callable[..., Any]:
    """A function on PyTorch tensors that `torch.autograd` can differentiate.

    Parameters
    ----------
    f : as for `grad`
        Returns floats: numbers, arrays, or a tuple of those.

    Returns
    -------
    callable
        Takes the arguments of `f` by position, tensors for floats and arrays; gives tensors. Computed on the CPU, from
        tensors elsewhere by way of a copy. Its derivative cannot be differentiated again by PyTorch.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)  # doctest: +SKIP
    >>> torch_function(lambda x: np.sum(x * x))(x).backward()  # doctest: +SKIP
    >>> x.grad  # doctest: +SKIP
    tensor([2., 4.])
    """
    import torch

    of = differentiable(f)

    class Call(torch.autograd.Function):
        """One call: its pullback is kept until the cotangents of its results are known."""

        @staticmethod
        def forward(ctx: Any, *args: Any) -> Any:
            results, ctx.pullback = vjp(of, *map(from_torch, args))
            ctx.given = args
            ctx.many = isinstance(results, tuple)
            made = [as_tensor(result, args) for result in (results if ctx.many else (results,))]
            return tuple(made) if ctx.many else made[0]

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, *cotangents: Any) -> Any:
            seeds = tuple(from_torch(cotangent) for cotangent in cotangents)
            owed = ctx.pullback(seeds if ctx.many else seeds[0])
            return tuple(
                None if part is None or not torch.is_tensor(arg) else like_tensor(part, arg)
                for part, arg in zip(owed, ctx.given, strict=True)
            )

    def from_torch(value: Any) -> Any:
        return plain(value.detach().cpu().numpy()) if torch.is_tensor(value) else value

    def as_tensor(result: Any, args: Sequence[Any]) -> Any:
        first = next((arg for arg in args if torch.is_tensor(arg) and arg.is_floating_point()), None)
        made = torch.as_tensor(np.array(result))
        if first is None:
            return made
        # A Python float has no type of its own: it takes that of the tensors it was computed from.
        return made.to(first.device, first.dtype if isinstance(result, float) else made.dtype)

    def like_tensor(part: Any, arg: Any) -> Any:
        return torch.as_tensor(np.array(part)).to(arg.device, arg.dtype)

    return lambda *args: Call.apply(*args)


def jax_function(f: Any, result: Any = None) -> Callable[..., Any]:
    """A function on JAX arrays that `jax.grad`, `jax.vjp` and `jax.jit` take.

    Parameters
    ----------
    f : as for `grad`
        Returns floats: numbers, arrays, or a tuple of those.
    result : optional
        The shape and dtype of the result, as for `jax.pure_callback`, or a function that gives them for the arguments.
        Needed where the result is not a number.

    Returns
    -------
    callable
        Takes the arguments of `f` by position. The pullback runs the function again, since what it has recorded cannot
        pass through JAX; there is no forward mode, and no second derivative.

    Examples
    --------
    >>> import jax  # doctest: +SKIP
    >>> jax.grad(jax_function(lambda x: x**3))(2.0)  # doctest: +SKIP
    Array(12., dtype=float32, weak_type=True)
    """
    import jax

    of = differentiable(f)

    def shapes(args: Sequence[Any]) -> Any:
        if result is not None:
            return result(*args) if callable(result) else result
        specs = of.specs(
            of.bind(tuple(plain(np.zeros(np.shape(a), jax.dtypes.result_type(a))) for a in args), {})
        )
        program = of.program(specs)
        if any(ty.is_array(value.type) for value in program.function.results):
            raise TypeError(
                f"the result of {of.signature.name} is no number: give its shape and dtype as `result`"
            )
        found = [
            jax.ShapeDtypeStruct((), jax.dtypes.canonicalize_dtype(ty.numpy_dtype(value.type)))
            for value in program.function.results
        ]
        return found[0] if program.structure == "leaf" else tuple(found)

    def value(like: Any, *args: Any) -> Any:
        found = of(*map(plain, args))
        return jax.tree.map(lambda one, part: np.asarray(part, one.dtype), like, found)

    def owed(args: Sequence[Any], cotangent: Any) -> Any:
        _, pullback = vjp(of, *map(plain, args))
        seeds = tuple(map(plain, cotangent)) if isinstance(cotangent, (tuple, list)) else plain(cotangent)
        return [
            np.zeros(np.shape(arg), np.asarray(arg).dtype)
            if part is None
            else np.asarray(part, np.asarray(arg).dtype)
            for part, arg in zip(pullback(seeds), args, strict=True)
        ]

    @jax.custom_vjp
    def call(*args: Any) -> Any:
        like = shapes(args)
        return jax.pure_callback(functools.partial(value, like), like, *args, vmap_method="sequential")

    def forward(*args: Any) -> Any:
        return call(*args), args

    def backward(args: Sequence[Any], cotangent: Any) -> Any:
        like = [jax.ShapeDtypeStruct(np.shape(arg), jax.dtypes.result_type(arg)) for arg in args]
        parts = jax.pure_callback(owed, like, args, cotangent, vmap_method="sequential")
        floating = [np.issubdtype(one.dtype, np.floating) for one in like]
        return tuple(
            part if is_float else np.zeros(part.shape, jax.dtypes.float0)
            for part, is_float in zip(parts, floating, strict=True)
        )

    call.defvjp(forward, backward)
    return call


def plain(value: Any) -> Any:
    """An array as NumPy has it, one without dimensions as a number."""
    array = np.asarray(value)
    if array.ndim:
        return array
    return float(array) if array.dtype == np.float64 else array[()]
