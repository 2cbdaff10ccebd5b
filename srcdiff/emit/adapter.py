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

__all__ = ["leaves_of", "print_adapter", "print_pullback", "unused"]


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


def print_pullback(
    called: str, residuals: int, seeds: Sequence[str], alike: Sequence[str], owed: Sequence[int | None]
) -> str:
    """The text of an adapter that calls the global `called`, a reverse sweep, with residuals and seeds.

        def loss_pullback_call(residuals, lengths, cotangent):
            if cotangent.shape != lengths[0]:
                raise ValueError("the cotangent must have the shape of the result")
            owed = loss_pullback(residuals[0], residuals[1], cotangent)
            return (owed[0], None)

    `seeds` are parts of the cotangent, `alike` those that must have the lengths of results, `owed` says for each
    argument which part of what the reverse sweep gives is owed to it.
    """
    checks = [
        f"    if {part}.shape != lengths[{k}]:\n"
        '        raise ValueError("the cotangent must have the shape of the result")\n'
        for k, part in enumerate(alike)
    ]
    arguments = [*(f"residuals[{k}]" for k in range(residuals)), *seeds]
    parts = ["None" if place is None else f"owed[{place}]" for place in owed]
    return (
        "import numpy as np\n\n\n"
        f"def {called}_call(residuals, lengths, cotangent):\n"
        f'    """{called}, called from other compiled code."""\n'
        f"{''.join(checks)}"
        f"    owed = {called}({', '.join(arguments)})\n"
        f"    return ({', '.join(parts)},)\n"
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
