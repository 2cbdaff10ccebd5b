"""The primitives: one row, all facts. Importing the package fills the registry."""

from . import arithmetic, complex_numbers, elementwise, fourier, linalg, special
from .arrays import ARRAYS, ArrayPrimitive
from .record import BY_SPELLING, NONE, REGISTRY, ZERO, Primitive

__all__ = [
    "ARRAYS",
    "BY_SPELLING",
    "NONE",
    "REGISTRY",
    "ZERO",
    "ArrayPrimitive",
    "Primitive",
    "arithmetic",
    "complex_numbers",
    "elementwise",
    "fourier",
    "linalg",
    "special",
]
