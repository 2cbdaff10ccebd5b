"""What a derivative was made from, to be compared when Numba loads a function that calls it from its disk cache.

    @njit(cache=True)
    def step(w): return w - 0.1 * f.grad(w)       # Numba looks at the file of `step` only, not at that of `f`

The cached code of `step` contains that of the gradient. Among what Numba keeps beside it are the constants of all
functions in it; a `Provenance` put there is unpickled when `step` is loaded, and raises where the files or the
captured values are no longer what they were. Numba takes such an error for a cache file that is gone, and compiles.

Reads: the files named, the modules loaded, and the rules that functions were given.
"""

from __future__ import annotations

import functools
import hashlib
import sys
import types
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..primitives.custom import RULES, Rules, Together
from .cache import StaleCode, read_whole

__all__ = ["Provenance", "linked_into", "mark_linked", "place_of", "provenance"]

UNKNOWN = ""  # nothing that another process could compare with
NO_RULES = ""

# Functions whose derivatives are part of other compiled code, and what calls them there; by their place those of
# libraries, and those in code that was loaded, where they may not have been defined yet.
LINKED: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
LINKED_PLACES: dict[str, str] = {}


@dataclass(frozen=True)
class Provenance:
    """The digests of files and of global values, and the state of this package."""

    files: tuple[tuple[str, str], ...]
    values: tuple[tuple[str, str, str], ...]
    rules: tuple[tuple[str, str], ...]
    package: str

    def __reduce__(self) -> Any:
        return checked, (self.files, self.values, self.rules, self.package)


def provenance(
    files: Iterable[str], captured: Iterable[tuple[str, Any, str]], differentiated: Iterable[Any]
) -> Provenance:
    """What code depends on that was made from these files, from what is captured in these places, and by the rules of
    these functions."""
    places = []
    for kind, owner, name in captured:
        if kind in ("code", "type"):  # in one of the files; of a place that is listed itself
            continue
        module = owner.__globals__.get("__name__") if kind == "global" else getattr(owner, "__name__", "")
        # A cell of a closure has no name by which another process could find it.
        known = kind == "global" or isinstance(owner, types.ModuleType)
        places.append((module, name, value_digest(module, name) if known else UNKNOWN))
    return Provenance(
        tuple(sorted((file, file_digest(file)) for file in set(files))),
        tuple(places),
        tuple(
            sorted({(place_of(function), rules_digest(RULES.get(function))) for function in differentiated})
        ),
        package_stamp(),
    )


def checked(
    files: tuple[tuple[str, str], ...],
    values: tuple[tuple[str, str, str], ...],
    rules: tuple[tuple[str, str], ...],
    package: str,
) -> Provenance:
    """The provenance, if it is that of this process too."""
    for file, digest in files:
        if digest == UNKNOWN or file_digest(file) != digest:
            raise StaleCode(f"{file} has changed")
    for module, name, digest in values:
        if digest == UNKNOWN or value_digest(module, name) != digest:
            raise StaleCode(f"{module}.{name} has changed")
    if package != package_stamp():
        raise StaleCode("srcdiff has changed")
    known = {place_of(function): rules_digest(given) for function, given in RULES.items()}
    for place, digest in rules:
        if known.get(place, NO_RULES) != digest:
            raise StaleCode(f"the rules of {place} have changed")
    LINKED_PLACES.update((place, "a derivative of it, from the cache of its caller,") for place, _ in rules)
    return Provenance(files, values, rules, package)


def mark_linked(function: Any, caller: str) -> None:
    """Remember that other compiled code keeps a derivative of a function."""
    try:
        LINKED.setdefault(function, caller)
    except TypeError:  # NumPy has functions without weak references; they are there as long as it is
        LINKED_PLACES.setdefault(place_of(function), caller)


def linked_into(function: Any) -> str | None:
    """What calls a derivative of a function in other compiled code."""
    by_place = LINKED_PLACES.get(place_of(function))
    try:
        return LINKED.get(function, by_place)
    except TypeError:
        return by_place


def place_of(function: Any) -> str:
    """What a function is called in every process."""
    code = getattr(function, "__code__", None)
    if code is not None:
        # Two lambdas on a line begin in different columns.
        column = next((start for _, _, start, _ in code.co_positions() if start), 0)
        return f"{code.co_filename}:{code.co_firstlineno}:{column}:{code.co_qualname}"
    return f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', repr(function))}"


def rules_digest(rules: Rules | None) -> str:
    """The digest of where the rules of a function are; that they are the same is seen from their files."""
    if rules is None:
        return NO_RULES
    vjp = (rules.vjp.source,) if isinstance(rules.vjp, Together) else rules.vjp
    said = [[rule and place_of(rule) for rule in given or ()] for given in (vjp, rules.jvp)]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def file_digest(file: str) -> str:
    data = read_whole(Path(file))
    return UNKNOWN if data is None else hashlib.sha256(data).hexdigest()


def value_digest(module: str, name: str) -> str:
    """The digest of a global of a loaded module; unknown for what has no lasting value or name."""
    try:
        value = getattr(sys.modules[module], name)
    except (KeyError, AttributeError):
        return UNKNOWN
    return digest_of(value)


def digest_of(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return hashlib.sha256(repr((value.dtype.str, value.shape)).encode() + value.tobytes()).hexdigest()
    if value is None or isinstance(value, (bool, int, float, complex, str, np.generic)):
        return repr((type(value).__name__, value))
    if isinstance(value, tuple):
        parts = [digest_of(part) for part in value]
        return repr(parts) if all(parts) else UNKNOWN
    if isinstance(value, types.ModuleType):
        return value.__name__
    name = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"
    return name if not name.startswith(".") and not name.endswith(".") and "<" not in name else UNKNOWN


@functools.cache
def package_stamp() -> str:
    """The state of the files of this package."""
    root = Path(__file__).parents[1]
    seen = [
        (str(path.relative_to(root)), path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*.py"))
    ]
    return hashlib.sha256(repr(seen).encode()).hexdigest()
