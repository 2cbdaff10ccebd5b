"""The primitives: one row, all facts. Importing the package fills the registry."""

from . import arithmetic, elementwise, special
from .record import BY_SPELLING, NONE, REGISTRY, ZERO, Primitive

__all__ = ["BY_SPELLING", "NONE", "REGISTRY", "ZERO", "Primitive", "arithmetic", "elementwise", "special"]
