"""What NumPy functions, Python's built-in functions and SciPy's mean for the things of `things.py`.

    np.sum(x, axis=0)  ->  NUMPY_CALLS[np.sum](calls, x, axis=0)  ->  calls.along(x, 0, calls.total)

Each file is about one subject and ends in its table. An entry gets the reader first (its methods build the loops)
and then the arguments as things; its signature says which arguments are accepted. `out=` is the business of
`call_library`, for every function that has it in NumPy.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir import types as ty
from ...primitives.record import name_in_scipy
from .. import linalg
from ..describe import describe
from ..things import ArrayView, is_arraylike
from . import (
    builtin,
    calculus,
    complex_numbers,
    construction,
    elementwise,
    fourier,
    joining,
    products,
    rearranging,
    reductions,
    shapes,
    sorting,
    special,
    structures,
)
from .axes import is_none
from .ufuncs import is_ufunc_method, ufunc_method

if TYPE_CHECKING:
    from ..calls import Calls

TABLES = (
    builtin.CALLS,
    construction.CALLS,
    shapes.CALLS,
    joining.CALLS,
    rearranging.CALLS,
    reductions.CALLS,
    products.CALLS,
    sorting.CALLS,
    linalg.CALLS,
    calculus.CALLS,
    elementwise.CALLS,
    structures.CALLS,
    complex_numbers.CALLS,
    fourier.CALLS,
)
TAKING_COMPLEX = complex_numbers.TAKING_COMPLEX | fourier.CALLS.keys()
NUMPY_CALLS: dict[Any, Any] = {target: entry for table in TABLES for target, entry in table.items()}
SCIPY_CALLS: dict[str, Any] = special.SCIPY_CALLS | linalg.SCIPY_CALLS
assert len(NUMPY_CALLS) == sum(map(len, TABLES)), "a function is in two tables"

# Methods of arrays that mean the function of the same name.
METHODS = {
    name: getattr(np, name)
    for name in (
        "all", "any", "argmax", "argmin", "argsort", "clip", "compress", "conj", "conjugate", "cumprod", "cumsum",
        "diagonal", "dot", "max", "mean", "min", "nonzero", "prod", "ravel", "repeat", "round", "searchsorted",
        "squeeze", "std", "sum", "swapaxes", "take", "trace", "var",
    )
}  # fmt: skip
# Methods that have no function of the same arguments.
OWN_METHODS = construction.METHODS | shapes.METHODS
WITH_OUT = {
    getattr(np, name)
    for name in (
        "all", "amax", "amin", "any", "argmax", "argmin", "around", "clip", "compress", "concatenate", "cumprod",
        "cumsum", "dot", "einsum", "fix", "matmul", "max", "mean", "median", "min", "nan_to_num", "nanmax",
        "nanmean", "nanmin", "nanprod", "nanstd", "nansum", "nanvar", "outer", "percentile", "prod", "ptp", "quantile",
        "round", "stack", "std", "sum", "take", "trace", "var",
    )
}  # fmt: skip


def entry_of(calls: Calls, target: Any) -> Any:
    """What a callable means, or None."""
    try:
        found = NUMPY_CALLS.get(target)
    except TypeError:  # not hashable
        return None
    if found is None and is_ufunc_method(target):
        return ufunc_method(calls, target)
    return found or SCIPY_CALLS.get(name_in_scipy(target))


def call_library(
    calls: Calls, target: Any, entry: Any, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
) -> Any:
    """Call an entry with the arguments it has; those it has not are refused by name."""
    keywords = dict(keywords)
    if any(complex_numbers.is_complex(calls, x) for x in (*arguments, *keywords.values())):
        if not (target in TAKING_COMPLEX or is_ufunc_method(target)):
            calls.refuse(
                f"`{getattr(target, '__name__', target)}` of complex numbers",
                "what it means there, or its derivative, is not known here",
                "their real and imaginary parts",
            )
    has_out = target in WITH_OUT or is_ufunc_method(target) or isinstance(target, np.ufunc)
    out = keywords.pop("out", None) if has_out else None
    signature = inspect.signature(entry)
    try:
        signature.bind(calls, *arguments, **keywords)
    except TypeError as error:
        named = [f"`{name}`" for name in list(signature.parameters)[1:]] + ["`out`"] * has_out
        calls.refuse(
            f"this call of `{getattr(target, '__name__', target)}`",
            str(error),
            f"the arguments {', '.join(named)}" if named else "no arguments",
        )
    result = entry(calls, *arguments, **keywords)
    return result if is_none(out) else written(calls, out, result)


def written(calls: Calls, out: Any, result: Any) -> ArrayView:
    """`out=`: the result is stored into an array that the caller has."""
    if not isinstance(out, ArrayView):
        calls.refuse(f"`out={describe(out)}`", instead="an array")
    if is_arraylike(result) and result.ndim != out.ndim or not is_arraylike(result) and out.ndim:
        calls.refuse("an `out` of another number of dimensions", "NumPy would raise an error here")
    if ty.is_float(calls.dtype(result)) and not ty.is_differentiable(out.root.type.dtype):
        calls.refuse("floats written into an `out` of integers", "NumPy would raise an error here")
    calls.fill(out, result)
    return out


__all__ = ["METHODS", "NUMPY_CALLS", "OWN_METHODS", "call_library", "entry_of", "written"]
