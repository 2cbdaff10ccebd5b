"""Source-transformation automatic differentiation of numeric Python, compiled by Numba."""

from .api import grad, value_and_grad
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
    "DifferentiationError",
    "InternalError",
    "NotDifferentiable",
    "SourceUnavailable",
    "UnsupportedConstruct",
    "grad",
    "value_and_grad",
]
