"""The functions of the runtime that a program calls, as text to be copied into its module; the modules it must import.

lgamma_grad calls `digamma`    ->    "@njit\\ndef digamma(x): ..."
"""

from __future__ import annotations

import inspect
import re
from types import FunctionType

from ..ir.core import Function
from ..ir.walk import ops_within
from ..primitives import ARRAYS, REGISTRY
from ..runtime import special, stacks, triangles

TEXTS = {name: row.text for rows in (REGISTRY, ARRAYS) for name, row in rows.items()}
FUNCTIONS = {
    name: f
    for module in (special, stacks, triangles)
    for name, f in vars(module).items()
    if isinstance(f, FunctionType)
}


def called_functions(function: Function) -> list[str]:
    """The names of the runtime's functions that a program calls, directly or not, in the order of their file."""
    texts = {TEXTS[op.primitive] for op in ops_within(function.body) if op.primitive in TEXTS}
    return with_callees(
        {name for text in texts for name in re.findall(r"\b(\w+)\(", text) if name in FUNCTIONS}
    )


def with_callees(names: set[str]) -> list[str]:
    wanted: set[str] = set()
    while names - wanted:
        wanted |= names
        names = {n for name in wanted for n in FUNCTIONS[name].__code__.co_names if n in FUNCTIONS}
    return [name for name in FUNCTIONS if name in wanted]


def plain_source(name: str) -> str:
    """The source of a function of the runtime without annotations, under Numba's decorator."""
    signature, _, body = inspect.getsource(FUNCTIONS[name]).partition("\n")
    signature = re.sub(r": [\w\[\]]+(?=[,)])| -> \w+", "", signature)
    signature = re.sub(r": \w+ = ", "=", signature)
    return f"@njit\n{signature}\n{body}"


def modules_called(function: Function) -> list[str]:
    """The modules of functions that Numba compiled for the user, and that the program calls as they stand."""
    return sorted({op.attributes["module"] for op in ops_within(function.body) if "module" in op.attributes})
