"""Source-transformation automatic differentiation of numeric Python, compiled by Numba."""

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

__all__ = [
    "AliasError",
    "Differentiated",
    "DifferentiationError",
    "InternalError",
    "NotDifferentiable",
    "SourceUnavailable",
    "TapeReport",
    "UnsupportedConstruct",
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
