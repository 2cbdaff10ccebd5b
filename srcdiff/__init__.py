"""Source-transformation automatic differentiation of numeric Python, compiled by Numba."""

from .api import Differentiated, TapeReport, differentiate, grad, value_and_grad
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
    "value_and_grad",
]
