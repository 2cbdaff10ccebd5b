"""Source-transformation automatic differentiation of numeric Python, compiled by Numba."""

import importlib
from typing import Any

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


def __getattr__(name: str) -> Any:
    """`srcdiff.cuda`, imported when it is asked for."""
    if name == "cuda":
        return importlib.import_module("srcdiff.cuda")
    raise AttributeError(f"module 'srcdiff' has no attribute '{name}'")
