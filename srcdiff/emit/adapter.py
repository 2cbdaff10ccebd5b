"""Print the function by which other compiled code calls a generated one.

    parameters ["w", "pair"], nestings ["leaf", ("leaf", "leaf")], hidden ["X"]

    def loss_grad_call(w, pair):
        return loss_grad(w, pair[0], pair[1], X)

Tuples are taken apart, arguments that are known when the program is read are left out, and what is captured is a
global of the adapter, which Numba freezes.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from ..frontend.trees import parts_of

__all__ = ["leaves_of", "print_adapter", "unused"]


def print_adapter(
    called: str, parameters: Sequence[str], arguments: Sequence[str], alike: Sequence[tuple[str, str]] = ()
) -> str:
    """The text of an adapter that calls the global `called` with these expressions.

    `alike` are pairs of arrays that must have the same shape, the tangent of an array and the array.
    """
    checks = [
        f"    if {tangent}.shape != {primal}.shape:\n"
        f'        raise ValueError("`{tangent}` must have the shape of `{primal}`")\n'
        for tangent, primal in alike
    ]
    return (
        f"def {called}_call({', '.join(parameters)}):\n"
        f'    """{called}, called from other compiled code."""\n'
        f"{''.join(checks)}"
        f"    return {called}({', '.join(arguments)})\n"
    )


def leaves_of(expression: str, nesting: Any) -> list[str]:
    """An expression for each leaf of an argument: `pair` -> `pair[0]`, `pair[1]`.

    >>> leaves_of("p", ("leaf", (None, "leaf")))
    ['p[0]', 'p[1][1]']
    """
    if nesting == "leaf":
        return [expression]
    parts = parts_of(nesting) or ()
    return [leaf for k, part in enumerate(parts) for leaf in leaves_of(f"{expression}[{k}]", part)]


def unused(name: str, taken: Container[str]) -> str:
    """A name that is not taken yet.

    >>> unused("x", ["x", "y"]), unused("z", ["x", "y"])
    ('x_', 'z')
    """
    while name in taken:
        name += "_"
    return name
