"""What a user passes as a function: take off the wrappers whose meaning is known.

    partial(njit(f), 1.0)    ->    Unwrapped(f, args=(1.0,), kind="njit", ...)

Known are Numba's, ours, and `functools.partial`. Any other wrapper may change the result and is refused.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from typing import Any, Literal, NamedTuple, NoReturn

import numpy as np
from numba.core.registry import CPUDispatcher
from numba.np.ufunc.dufunc import DUFunc
from numba.np.ufunc.gufunc import GUFunc

from ..errors import DifferentiationError, Location, UnsupportedConstruct

Kind = Literal["function", "njit", "vectorize", "guvectorize"]


class Unwrapped(NamedTuple):
    """A plain function and what its wrappers said."""

    function: types.FunctionType
    args: tuple[Any, ...]
    keywords: dict[str, Any]
    kind: Kind
    layout: str
    dispatcher: Any


def unwrap(obj: Any) -> Unwrapped:
    """Take off the wrappers whose meaning is known, down to a plain function; refuse every other one."""
    args: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}
    kind: Kind = "function"
    layout = ""
    dispatcher = None
    while True:
        # `functools.wraps` copies attributes, so a stranger's wrapper around one of our objects has our
        # attribute too; it is ours only if it says the same as `__wrapped__`.
        inner = None if isinstance(obj, type) else attribute(obj, "__srcdiff_function__")
        wrapped = getattr(obj, "__wrapped__", inner)
        if inner is not None and inner is not obj and (wrapped is inner or wrapped is plain_function(inner)):
            obj = inner
        elif isinstance(obj, functools.partial):
            # Python 3.14 and later.
            if any(arg is getattr(functools, "Placeholder", object()) for arg in obj.args):
                raise UnsupportedConstruct(
                    "a `functools.partial` with placeholders is not supported",
                    definition=definition_of(obj.func),
                    instead="a lambda that calls the function",
                )
            args = (*obj.args, *args)
            keywords = {**obj.keywords, **keywords}
            obj = obj.func
        elif isinstance(obj, CPUDispatcher):
            kind = "njit"
            dispatcher, obj = obj, obj.py_func
        elif isinstance(obj, DUFunc):
            kind = "vectorize"
            obj = attribute(obj, "_dispatcher").py_func
        elif isinstance(obj, GUFunc):
            kind = "guvectorize"
            builder = attribute(obj, "gufunc_builder")
            layout = builder.signature
            obj = builder.py_func
        elif isinstance(obj, staticmethod):
            obj = obj.__func__
        elif isinstance(obj, types.MethodType):
            args = (obj.__self__, *args)
            obj = obj.__func__
        elif (method := call_of(obj)) is not None:
            args = (obj, *args)
            obj = method
        elif type(obj) is types.FunctionType and "__wrapped__" not in obj.__dict__:
            return Unwrapped(obj, args, keywords, kind, layout, dispatcher)
        else:
            refuse(obj)


def call_of(obj: Any) -> types.FunctionType | None:
    """The method that a call of an object runs, where that is written in Python and no wrapper of a function."""
    method = getattr(type(obj), "__call__", None)  # noqa: B004 (its code is wanted)
    is_own = type(method) is types.FunctionType and not is_of_library(method)
    return method if is_own and attribute(obj, "__wrapped__") is None else None


def is_of_library(obj: Any) -> bool:
    """Whether something is from one of the libraries whose objects have a meaning of their own here."""
    return package_of(obj) in ("numpy", "numba", "scipy", "srcdiff", "functools")


def package_of(obj: Any) -> str:
    """The package that something says it is from; empty if it says nothing."""
    return (getattr(obj, "__module__", "") or "").split(".")[0]


def plain_function(obj: Any) -> types.FunctionType | None:
    """Return the function under known wrappers; None where there is none, or an unknown one around it."""
    try:
        unwrapped = unwrap(obj)
    except DifferentiationError:
        return None
    return unwrapped[0]


def attribute(obj: Any, name: str) -> Any:
    """Return an attribute that `obj` really has, not one that a `__getattr__` makes up; else None."""
    return None if inspect.getattr_static(obj, name, None) is None else getattr(obj, name)


def refuse(obj: Any) -> NoReturn:
    """Say why `obj` is not a function whose source could be read, and what to pass instead."""
    name = getattr(obj, "__name__", None) or type(obj).__name__
    kind = type(obj)
    if isinstance(obj, type):
        problem = f"the class `{name}` cannot be differentiated"
        reason = "only functions have a derivative here"
        instead = "a function that computes with plain numbers and arrays"
    elif isinstance(obj, classmethod | property | functools.partialmethod):
        problem = f"a `{kind.__name__}` object cannot be differentiated"
        reason = "it is not a function before it is looked up on a class"
        instead = "a function outside the class"
    elif is_from_library(obj):
        problem = f"`{name}` has no plain Python source of its own"
        reason = "it is a library function; what can be differentiated is a function that calls it"
        instead = f"`lambda x: {shown_name(obj, name)}(x)`"
    elif attribute(obj, "__wrapped__") is not None:
        what = "a cache" if type(obj).__name__ == "_lru_cache_wrapper" else "a decorator"
        problem = f"`{name}` is wrapped by {what} that srcdiff does not know"
        reason = (
            "the wrapper may change the arguments or the result, so the source underneath is not the whole"
        )
        instead = f"`{name}.__wrapped__`, if the derivative of the undecorated function is meant"
    elif callable(obj):
        problem = f"a `{kind.__module__}.{kind.__qualname__}` object cannot be differentiated"
        reason = "it is callable, but not a function with source text"
        instead = "a function"
    else:
        problem = f"{a_or_an(kind.__name__)} object is not a function"
        reason = ""
        instead = "pass the function itself, not the result of calling it"
    raise UnsupportedConstruct(problem, None, reason, instead, definition_of(obj))


def is_from_library(obj: Any) -> bool:
    """Tell whether `obj` is a function made in C, Fortran or Cython, or one of those of NumPy."""
    made_in_c = isinstance(
        obj, types.BuiltinFunctionType | types.MethodDescriptorType | types.WrapperDescriptorType
    )
    return made_in_c or type(obj).__name__ in {
        "ufunc",
        "_ArrayFunctionDispatcher",
        "fortran",
        "cython_function_or_method",
    }


def shown_name(obj: Any, name: str) -> str:
    module = getattr(obj, "__module__", None) or ("np" if getattr(np, name, None) is obj else "")
    return name if module in ("", "builtins") else f"{'np' if module == 'numpy' else module}.{name}"


def a_or_an(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} `{noun}`"


def definition_of(obj: Any) -> Location | None:
    """Return where the Python function behind `obj` is defined; None where there is none."""
    function = obj
    for _ in range(sys.getrecursionlimit()):  # a wrapper may wrap itself
        inner = attribute(function, "__wrapped__") or attribute(function, "__func__")
        if inner is None:
            break
        function = inner
    for candidate in (function, getattr(type(obj), "__call__", None)):  # noqa: B004 (its code is wanted)
        code = getattr(candidate, "__code__", None)
        if isinstance(code, types.CodeType):
            return Location(code.co_filename, code.co_firstlineno, 0, 0, "", code.co_name)
    return None
