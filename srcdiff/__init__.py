"""Source-transformation automatic differentiation of numeric Python, compiled by Numba."""

import importlib
from typing import Any

from .api import (
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    sparse_hessian,
    sparse_jacobian,
    value_and_grad,
    vjp,
)
from .checks import check_grads
from .decorator import Differentiated, TapeReport, differentiate
from .define import defjvp, defvjp
from .errors import (
    AliasError,
    CheckError,
    DifferentiationError,
    InternalError,
    NotDifferentiable,
    SourceUnavailable,
    UnsupportedConstruct,
)
from .implicit import implicit
from .runtime.marks import checkpoint, stop_gradient

__all__ = [
    "AliasError",
    "CheckError",
    "Differentiated",
    "DifferentiationError",
    "InternalError",
    "NotDifferentiable",
    "SourceUnavailable",
    "TapeReport",
    "UnsupportedConstruct",
    "check_grads",
    "checkpoint",
    "defjvp",
    "defvjp",
    "differentiate",
    "grad",
    "hessian",
    "hvp",
    "implicit",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "sparse_hessian",
    "sparse_jacobian",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]


def __getattr__(name: str) -> Any:
    """`srcdiff.cuda`, imported when it is asked for."""
    if name == "cuda":
        return importlib.import_module("srcdiff.cuda")
    raise AttributeError(f"module 'srcdiff' has no attribute '{name}'")
