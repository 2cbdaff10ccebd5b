"""Source-transformation automatic differentiation of numeric Python, compiled by Numba."""

import importlib
from typing import Any

from .api import (
    Differentiated,
    TapeReport,
    differentiate,
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
from .errors import (
    AliasError,
    DifferentiationError,
    InternalError,
    NotDifferentiable,
    SourceUnavailable,
    UnsupportedConstruct,
)
from .runtime.marks import checkpoint

__all__ = [
    "AliasError",
    "Differentiated",
    "DifferentiationError",
    "InternalError",
    "NotDifferentiable",
    "SourceUnavailable",
    "TapeReport",
    "UnsupportedConstruct",
    "checkpoint",
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


def __getattr__(name: str) -> Any:
    """`srcdiff.cuda`, imported when it is asked for."""
    if name == "cuda":
        return importlib.import_module("srcdiff.cuda")
    raise AttributeError(f"module 'srcdiff' has no attribute '{name}'")
